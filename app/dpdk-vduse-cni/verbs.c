/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands of the specification, in the words of the daemon. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cni.h"

/*
 * The namespace goes along again: with a path as /proc/PID/ns/net the daemon, which may look into
 * no foreign process, would not find it.
 */
static int
add_addresses(struct cni *cni, json_t *spoofchk, int netns, json_t **ipam)
{
	json_t *set = json_pack(
			"{ss si sO*}", "name", cni->device, "netns_fd", 0, "spoofchk", spoofchk);
	struct lock lock;
	int ret = lock_take(cni, cni->device, &lock);

	if (ret == 0) {
		ret = ipam_call(cni, "ADD", ipam);
		lock_release(&lock);
	}
	if (ret == 0)
		ret = conf_addresses(cni, *ipam, set);
	if (ret == 0)
		ret = node_call(cni, "SetContainer", json_incref(set), netns, NULL);
	json_decref(set);
	return ret;
}

/*
 * The interface first, and then its addresses: whatever dies in between, what is reserved belongs
 * to a container that DEL and GC find.
 */
static int
add_container(struct cni *cni, json_t **ipam)
{
	json_t *parameters = conf_parameters(cni);
	int fd = parameters != NULL ? node_add(cni, parameters) : -1;
	int ret = fd < 0 ? -1 : 0;

	if (ret == 0 && ipam_is_wanted(cni))
		ret = add_addresses(cni, json_object_get(parameters, "spoofchk"), fd, ipam);
	if (fd >= 0)
		close(fd);
	json_decref(parameters);
	return ret;
}

/* The error that there is stays, whatever becomes of this. */
static void
undo(struct cni *cni)
{
	const struct cni_error error = cni->error;

	node_undo(cni);
	memset(&cni->error, 0, sizeof(cni->error));
	if (cni->may_be_leased)
		ipam_call(cni, "DEL", NULL);
	cni->error = error;
}

static json_t *
add_result(struct cni *cni, const json_t *ipam)
{
	json_t *container = node_find(cni, "ListContainers", "containers", cni->device);
	json_t *network = node_find(cni, "ListNetworks", "networks", conf_network(cni));
	json_t *result = result_add(cni, ipam, json_object_get(container, "mac"),
			json_object_get(network, "mtu"));

	json_decref(network);
	json_decref(container);
	return result;
}

/* An interface goes, with its addresses. */
static int
take_back(struct cni *cni, const char *device, const char *container, const char *ifname)
{
	struct lock lock;
	int ret;

	if (node_remove(cni, device) < 0)
		return -1;
	if (!ipam_is_wanted(cni))
		return 0;
	if (lock_take(cni, device, &lock) < 0)
		return -1;
	ret = ipam_del(cni, container, ifname);
	lock_release(&lock);
	return ret;
}

static int
run_del(struct cni *cni)
{
	return take_back(cni, cni->device, cni->container, cni->ifname);
}

static int
run_add(struct cni *cni, json_t **output)
{
	json_t *ipam = NULL;
	int ret = node_is_left(cni);

	if (ret < 0 || (ret > 0 && run_del(cni) < 0))
		return -1;
	ret = add_container(cni, &ipam);
	if (ret == 0)
		*output = add_result(cni, ipam);
	if (cni->error.code != 0) {
		undo(cni);
		ret = -1;
	} else {
		announce(cni, json_object_get(ipam, "ips"));
	}
	json_decref(ipam);
	return ret;
}

static int
check_container(struct cni *cni, const char *mac)
{
	json_t *container = node_find(cni, "ListContainers", "containers", cni->device);
	const char *network, *its;

	if (container == NULL)
		return cni_fail(cni, CNI_CHANGED, "dpdk-vduse-net does not know the container",
				"%s: it was removed; DEL and ADD bring it back", cni->device);
	network = json_string_value(json_object_get(container, "network"));
	its = json_string_value(json_object_get(container, "mac"));
	if (network == NULL || strcmp(network, conf_network(cni)) != 0)
		cni_fail(cni, CNI_CHANGED, "it is on another network", "%s instead of %s",
				network != NULL ? network : "none", conf_network(cni));
	else if (mac != NULL && (its == NULL || strcasecmp(its, mac) != 0))
		cni_fail(cni, CNI_CHANGED, "it has another MAC address", "%s instead of %s",
				its != NULL ? its : "none", mac);
	json_decref(container);
	return cni->error.code != 0 ? -1 : 0;
}

static int
run_check(struct cni *cni)
{
	const json_t *result = json_object_get(cni->conf, "prevResult");
	const json_int_t at = result_find(cni);
	const char *mac;

	if (at < 0 || conf_network(cni) == NULL)
		return -1;
	mac = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "interfaces"), (size_t)at), "mac"));
	return check_container(cni, mac) == 0 ? result_check(cni, at) : -1;
}

/* One that is left over goes, with its addresses. */
static int
collect(struct cni *cni, const char *device, const char *attachment)
{
	const char *container = strchr(attachment, ':');
	char ifname[16];

	if (container == NULL || (size_t)(container - attachment) >= sizeof(ifname))
		return 0; /* none of ours */
	snprintf(ifname, sizeof(ifname), "%.*s", (int)(container - attachment), attachment);
	return take_back(cni, device, container + 1, ifname);
}

/* As much as can be goes; the first error is told. */
static int
run_gc(struct cni *cni)
{
	const size_t len = strlen(cni->name);
	json_t *reply = NULL;
	const json_t *item;
	const char *name;
	size_t i;

	if (result_has_valid(cni) < 0 ||
			node_call(cni, "ListContainers", json_object(), -1, &reply) < 0)
		return -1;
	json_array_foreach(json_object_get(reply, "containers"), i, item)
	{
		name = json_string_value(json_object_get(item, "name"));
		if (name != NULL && strncmp(name, "cni:", 4) == 0 &&
				strncmp(name + 4, cni->name, len) == 0 && name[4 + len] == ':' &&
				!result_is_valid(cni, name + 5 + len))
			collect(cni, name, name + 5 + len);
	}
	json_decref(reply);
	if (ipam_is_wanted(cni) && ipam_is_new(cni))
		ipam_call(cni, "GC", NULL);
	return cni->error.code != 0 ? -1 : 0;
}

/* ADD could be served. */
static int
run_status(struct cni *cni)
{
	const char *name = conf_network(cni);
	json_t *network = NULL;

	if (name != NULL)
		network = node_find(cni, "ListNetworks", "networks", name);
	if (cni->error.code == CNI_AGAIN)
		cni->error.code = CNI_UNAVAILABLE;
	else if (network == NULL && json_object_get(cni->conf, "uplinks") == NULL)
		cni_fail(cni, CNI_UNAVAILABLE, "there is no such network",
				"vdusectl network add %s uplinks … makes it",
				name != NULL ? name : "");
	json_decref(network);
	if (cni->error.code == 0 && ipam_is_wanted(cni) && ipam_is_new(cni))
		ipam_call(cni, "STATUS", NULL);
	return cni->error.code != 0 ? -1 : 0;
}

static const struct {
	const char *command;
	int (*run)(struct cni *cni);
	int (*run_ovs)(struct cni *cni);
} verbs[] = {
	{ "DEL", run_del, ovs_del },
	{ "CHECK", run_check, ovs_check },
	{ "GC", run_gc, ovs_gc },
	{ "STATUS", run_status, ovs_status },
};

int
cni_run(struct cni *cni, json_t **output)
{
	unsigned int i;
	int ovs;

	if (strcmp(cni->command, "VERSION") == 0) {
		*output = json_pack("{ss so}", "cniVersion", cni->version, "supportedVersions",
				cni_versions());
		return 0;
	}
	ovs = ovs_is_wanted(cni);
	if (ovs < 0)
		return -1;
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].command, cni->command) == 0)
			return ovs ? verbs[i].run_ovs(cni) : verbs[i].run(cni);
	return ovs ? ovs_add(cni, output) : run_add(cni, output);
}
