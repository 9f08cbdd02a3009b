/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Pods on a bridge of Open vSwitch's. ADD makes a port of it that is a device of the PMD; its row
 * in the database says whose it is, so that DEL, CHECK and GC find it: it is the first thing that
 * is there, and the last that goes.
 */

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/netif.h"
#include "control.h"
#include "ovs.h"

/* How long Open vSwitch's thread may take until the kernel has made the interface. */
#define INTERFACE_MS 20000
#define STEP_MS      5

int
ovs_is_wanted(struct cni *cni)
{
	const json_t *key = json_object_get(cni->conf, "dataplane");
	const char *word = json_string_value(key);

	if (key == NULL || (word != NULL && strcmp(word, "node") == 0))
		return 0;
	if (word != NULL && strcmp(word, "ovs") == 0)
		return 1;
	return cni_fail(cni, CNI_CONFIG, "a key of the configuration is wrong",
			"dataplane: give \"ovs\", or \"node\" for dpdk-vduse-net's networks");
}

/* What virtio_net has made of it. */
static bool
has_interface(const char *name, char ifname[IFNAMSIZ])
{
	char pattern[96];
	bool has;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/sys/bus/vdpa/devices/%s/virtio*/net/*", name);
	has = glob(pattern, 0, NULL, &found) == 0;
	if (has)
		snprintf(ifname, IFNAMSIZ, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return has;
}

static int
wait_for_interface(struct cni *cni, const char *name, char ifname[IFNAMSIZ])
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	unsigned int waited;

	for (waited = 0; waited < INTERFACE_MS; waited += STEP_MS) {
		if (has_interface(name, ifname))
			return 0;
		nanosleep(&step, NULL);
	}
	return cni_fail(cni, CNI_NODE, "the kernel has made no interface of the port",
			"%s: modprobe virtio_vdpa virtio_net, and see ovs-vswitchd's log", name);
}

/* Into the pod, with its name, addresses and routes. */
static int
place(struct cni *cni, const char *name, const json_t *parameters, int netns)
{
	static struct control_container conf;
	char ifname[IFNAMSIZ] = "";
	struct netif_error error;
	struct netif_conf netif;

	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, parameters, &conf);
	netif_of(&conf, netns, &netif);
	netif.mtu = (uint32_t)json_integer_value(json_object_get(cni->conf, "mtu"));
	if (wait_for_interface(cni, name, ifname) < 0)
		return -1;
	if (netif_place(ifname, &netif, &error) == 0)
		return 0;
	return cni_fail(cni, CNI_NODE, "the interface cannot be given to the pod", "%s%s%s",
			error.parameter, error.parameter[0] != '\0' ? ": " : "", error.text);
}

static int
remove_all(struct cni *cni, const char *name, bool leased)
{
	if (ovs_port_close(cni, name) < 0 ||
			(leased && ipam_is_wanted(cni) && ipam_call(cni, "DEL", NULL) < 0))
		return -1;
	return ovs_port_del(cni, name);
}

/* Of a runtime that died before it was told of it; in the same namespace it is another call's. */
static int
remove_left(struct cni *cni, const char *name)
{
	char *netns = NULL;
	int ret = ovs_port_there(cni, name, &netns);

	if (ret > 0 && strcmp(netns, cni->netns) == 0)
		ret = cni_fail(cni, CNI_ENVIRONMENT, "this attachment is there already",
				"container %s has %s on network %s: DEL comes first",
				cni->container, cni->ifname, cni->name);
	else if (ret > 0)
		ret = remove_all(cni, name, true);
	free(netns);
	return ret;
}

static int
make(struct cni *cni, const char *name, json_t *parameters, json_t **ipam)
{
	const int netns = node_open_netns(cni);
	int ret = netns < 0 ? -1 : ovs_port_add(cni, name, parameters);

	if (ret == 0 && ipam_is_wanted(cni)) {
		ret = ipam_call(cni, "ADD", ipam);
		if (ret == 0)
			ret = conf_addresses(cni, *ipam, parameters);
	}
	if (ret == 0)
		ret = place(cni, name, parameters, netns);
	if (netns >= 0)
		close(netns);
	return ret;
}

/* The error that there is stays, whatever becomes of this. */
static void
undo(struct cni *cni, const char *name)
{
	const struct cni_error error = cni->error;

	memset(&cni->error, 0, sizeof(cni->error));
	remove_all(cni, name, cni->may_be_leased);
	cni->error = error;
}

static int
add(struct cni *cni, const char *name, json_t **output)
{
	json_t *ipam = NULL, *parameters = NULL;
	int ret = remove_left(cni, name);

	if (ret == 0)
		parameters = ovs_parameters(cni);
	if (parameters == NULL)
		return -1;
	ret = make(cni, name, parameters, &ipam);
	if (ret == 0)
		*output = result_add(cni, ipam, json_object_get(parameters, "mac"),
				json_object_get(cni->conf, "mtu"));
	else
		undo(cni, name);
	if (ret == 0)
		announce(cni, json_object_get(ipam, "ips"));
	json_decref(parameters);
	json_decref(ipam);
	return ret;
}

/* What is started here works on where this is killed: who comes later waits for its end. */
int
ovs_add(struct cni *cni, json_t **output)
{
	char name[OVS_NAME_MAX];
	struct lock lock;
	int ret;

	if (ovs_bridge(cni) == NULL || lock_take(cni, cni->device, &lock) < 0)
		return -1;
	ovs_name(cni->device, name);
	ret = add(cni, name, output);
	lock_release(&lock);
	return ret;
}

int
ovs_del(struct cni *cni)
{
	char name[OVS_NAME_MAX];
	struct lock lock;
	int ret;

	if (lock_take(cni, cni->device, &lock) < 0)
		return -1;
	ovs_name(cni->device, name);
	ret = remove_all(cni, name, true);
	lock_release(&lock);
	return ret;
}

int
ovs_check(struct cni *cni)
{
	const json_int_t at = result_find(cni);
	const char *bridge = ovs_bridge(cni);
	char name[OVS_NAME_MAX], *has = NULL;
	int ret;

	if (at < 0 || bridge == NULL)
		return -1;
	ovs_name(cni->device, name);
	ret = ovs_port_there(cni, name, NULL);
	if (ret == 0)
		cni_fail(cni, CNI_CHANGED, "Open vSwitch does not know the port",
				"%s: it was removed; DEL and ADD bring it back", name);
	if (ret > 0 && vsctl(cni, &has, WORDS("port-to-br", name)) == 0 &&
			(strncmp(has, bridge, strlen(bridge)) != 0 || has[strlen(bridge)] != '\n'))
		cni_fail(cni, CNI_CHANGED, "it is on another bridge", "%s: %s", name, has);
	free(has);
	return cni->error.code != 0 ? -1 : result_check(cni, at);
}

/* One of ours, "cni:NETWORK:IFNAME:CONTAINER", that is left over. */
static void
collect(struct cni *cni, const char *attachment)
{
	const size_t len = strlen(cni->name);
	char ifname[IFNAMSIZ] = "";
	const char *rest;
	int end = 0;

	if (strncmp(attachment, "cni:", 4) != 0 || strncmp(attachment + 4, cni->name, len) != 0 ||
			attachment[4 + len] != ':')
		return;
	rest = attachment + 5 + len;
	if (result_is_valid(cni, rest) || sscanf(rest, "%15[^:]:%n", ifname, &end) != 1 || end == 0)
		return;
	snprintf(cni->device, sizeof(cni->device), "%s", attachment);
	setenv("CNI_CONTAINERID", rest + end, 1);
	setenv("CNI_IFNAME", ifname, 1);
	ovs_del(cni);
}

/* The value of a map as OVSDB has it, ["map",[[KEY,VALUE],...]] (RFC 7047, section 5.1). */
static const char *
map_value(const json_t *map, const char *key)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(json_array_get(map, 1), i, pair)
	{
		const char *its = json_string_value(json_array_get(pair, 0));

		if (its != NULL && strcmp(its, key) == 0)
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

/* As much as can be goes; the first error is told. */
int
ovs_gc(struct cni *cni)
{
	const char *attachment;
	json_t *rows, *row;
	char *said = NULL;
	size_t i;

	if (result_has_valid(cni) < 0 ||
			vsctl(cni, &said,
					WORDS("--format=json", "--columns=external_ids", "list",
							"Interface")) < 0)
		return -1;
	rows = json_loads(said, 0, NULL);
	json_array_foreach(json_object_get(rows, "data"), i, row)
	{
		attachment = map_value(json_array_get(row, 0), OVS_ATTACHMENT);
		if (attachment != NULL)
			collect(cni, attachment);
	}
	if (rows == NULL)
		cni_fail(cni, CNI_DECODE, "ovs-vsctl lists no rows", "%.128s", said);
	json_decref(rows);
	free(said);
	if (ipam_is_wanted(cni) && ipam_is_new(cni))
		ipam_call(cni, "GC", NULL);
	return cni->error.code != 0 ? -1 : 0;
}

int
ovs_status(struct cni *cni)
{
	const char *bridge = ovs_bridge(cni);

	if (bridge != NULL && vsctl(cni, NULL, WORDS("br-exists", bridge)) < 0) {
		if (cni->error.code == CNI_NODE)
			snprintf(cni->error.details, sizeof(cni->error.details),
					"there is no bridge %.64s: ovs-vsctl add-br %.64s -- set "
					"bridge %.64s datapath_type=netdev",
					bridge, bridge, bridge);
		cni->error.code = CNI_UNAVAILABLE;
	}
	if (cni->error.code == 0 && ipam_is_wanted(cni) && ipam_is_new(cni))
		ipam_call(cni, "STATUS", NULL);
	return cni->error.code != 0 ? -1 : 0;
}
