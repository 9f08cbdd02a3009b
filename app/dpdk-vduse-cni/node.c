/* SPDX-License-Identifier: BSD-3-Clause */

/* The daemon's networks and containers. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "cni.h"
#include "control.h"

/* The daemon's errors whose code is not CNI_NODE. */
static const struct {
	const char *id;
	int code;
} errors[] = {
	{ "org.varlink.service.InvalidParameter", CNI_CONFIG },
	{ "org.dpdk.vduse.NoSuchNetwork", CNI_CONFIG },
	{ "org.dpdk.vduse.NoSuchUplink", CNI_CONFIG },
	{ "org.dpdk.vduse.UplinkInUse", CNI_CONFIG },
	{ "org.dpdk.vduse.Conflict", CNI_CONFIG },
	{ "org.dpdk.vduse.Differs", CNI_CONFIG },
	{ "org.dpdk.vduse.NoBuffers", CNI_AGAIN },
	{ "org.dpdk.vduse.Timeout", CNI_AGAIN },
	{ "org.dpdk.vduse.Busy", CNI_AGAIN },
};

static int
node_error(struct cni *cni, const char *id, const json_t *parameters)
{
	const char *text = json_string_value(json_object_get(parameters, "text"));
	const char *which = json_string_value(json_object_get(parameters, "parameter"));
	int code = CNI_NODE;
	size_t i;

	if (which != NULL && which[0] == '\0')
		which = NULL;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].id, id) == 0)
			code = errors[i].code;
	return cni_fail(cni, code, id, "%s%s%s", which != NULL ? which : "",
			which != NULL && text != NULL ? ": " : "", text != NULL ? text : "");
}

/* proc_pid_status(5). 0: it has none, or is gone */
static pid_t
parent_of(pid_t pid)
{
	char path[32], line[128];
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file != NULL && parent == 0 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return parent;
}

/* Below the root of one of a process's threads. */
static int
open_below(struct ask *ask, pid_t pid, const char *socket)
{
	char path[CONTROL_PATH_MAX];
	const struct dirent *entry;
	int ret = -ENOENT;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	while (ret < 0 && threads != NULL && (entry = readdir(threads)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/root%s", entry->d_name, socket);
		ret = ask_open(ask, path, 0);
	}
	if (threads != NULL)
		closedir(threads);
	return ret;
}

/*
 * A rootless Podman has a thread that mounts a folder of its own at /run, and calls netavark, which
 * calls us. Its other threads are where the host's is: the socket is looked for with those that
 * have called us.
 */
static int
open_above(struct ask *ask, const char *socket)
{
	int ret = -ENOENT;
	pid_t pid;

	for (pid = getppid(); ret < 0 && pid > 1; pid = parent_of(pid))
		ret = open_below(ask, pid, socket);
	return ret;
}

static int
open_daemon(struct cni *cni, struct ask *ask)
{
	const char *socket = conf_socket(cni);
	int ret = ask_open(ask, socket, 0);

	if (ret == -ENOENT && cni->may_hide_run) {
		ret = open_above(ask, socket);
		if (ret < 0) /* what is said is of the path that was given */
			ret = ask_open(ask, socket, 0);
	}
	return ret;
}

int
node_call(struct cni *cni, const char *method, json_t *parameters, int fd, json_t **reply)
{
	json_t *answer = NULL;
	const char *id;
	char name[64];
	struct ask ask;
	int ret;

	snprintf(name, sizeof(name), CONTROL_INTERFACE ".%s", method);
	ret = open_daemon(cni, &ask);
	if (ret == 0) {
		ret = ask_call(&ask, name, parameters, fd, false);
		if (ret == 0)
			ret = ask_answer(&ask, &answer);
		ask_close(&ask);
	}
	json_decref(parameters);
	if (ret < 0)
		return cni_fail(cni, CNI_AGAIN, "dpdk-vduse-net does not answer", "%s", ask.error);
	id = json_string_value(json_object_get(answer, "error"));
	if (id != NULL)
		ret = node_error(cni, id, json_object_get(answer, "parameters"));
	else if (reply != NULL)
		*reply = json_incref(json_object_get(answer, "parameters"));
	json_decref(answer);
	return ret;
}

json_t *
node_find(struct cni *cni, const char *method, const char *list, const char *name)
{
	json_t *reply = NULL, *found;

	if (node_call(cni, method, json_pack("{ss}", "name", name), -1, &reply) < 0 &&
			(strcmp(cni->error.msg, CONTROL_INTERFACE ".NoSuchNetwork") == 0 ||
					strcmp(cni->error.msg,
							CONTROL_INTERFACE ".NoSuchContainer") == 0))
		memset(&cni->error, 0, sizeof(cni->error));
	found = json_incref(json_array_get(json_object_get(reply, list), 0));
	json_decref(reply);
	return found;
}

/* The network is there, with the MTU that was asked for. */
static int
have_network(struct cni *cni)
{
	json_t *mtu = json_object_get(cni->conf, "mtu"), *network;
	json_t *uplinks = json_object_get(cni->conf, "uplinks");
	const char *name = conf_network(cni);
	int ret = 0;

	if (uplinks != NULL)
		return node_call(cni, "AddNetwork",
				json_pack("{ss sO sO*}", "name", name, "uplinks", uplinks, "mtu",
						mtu),
				-1, NULL);
	if (mtu == NULL)
		return 0;
	network = node_find(cni, "ListNetworks", "networks", name);
	if (network != NULL && json_integer_value(json_object_get(network, "mtu")) !=
					       json_integer_value(mtu))
		ret = cni_fail(cni, CNI_CONFIG, "the network has another MTU",
				"mtu: %s has %lld; vdusectl network set %s mtu … changes it", name,
				(long long)json_integer_value(json_object_get(network, "mtu")),
				name);
	json_decref(network);
	return cni->error.code != 0 ? -1 : ret;
}

int
node_open_netns(struct cni *cni)
{
	const int fd = open(cni->netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		cni_fail(cni, errno == ENOENT ? CNI_NO_CONTAINER : CNI_ENVIRONMENT,
				"the network namespace cannot be opened", "%.256s: %s", cni->netns,
				strerror(errno));
	return fd;
}

int
node_add(struct cni *cni, json_t *parameters)
{
	int fd = have_network(cni) == 0 ? node_open_netns(cni) : -1;

	if (fd < 0)
		return -1;
	json_object_set_new(parameters, "netns", json_string(cni->netns));
	json_object_set_new(parameters, "netns_fd", json_integer(0));
	if (node_call(cni, "AddContainer", json_incref(parameters), fd, NULL) == 0)
		return fd;
	close(fd);
	return -1;
}

int
node_remove(struct cni *cni, const char *device)
{
	return node_call(cni, "RemoveContainer", json_pack("{ss}", "name", device), -1, NULL);
}

void
node_undo(struct cni *cni)
{
	const struct cni_error error = cni->error;

	memset(&cni->error, 0, sizeof(cni->error));
	node_remove(cni, cni->device);
	cni->error = error;
}

int
node_is_left(struct cni *cni)
{
	json_t *there = node_find(cni, "ListContainers", "containers", cni->device);
	const char *netns = json_string_value(json_object_get(there, "netns"));
	int ret = there != NULL ? 1 : 0;

	if (there != NULL && (netns == NULL || strcmp(netns, cni->netns) == 0))
		cni_fail(cni, CNI_ENVIRONMENT, "this attachment is there already",
				"container %s has %s on network %s: %s comes first", cni->container,
				cni->ifname, cni->name, cni->undone_by);
	json_decref(there);
	return cni->error.code != 0 ? -1 : ret;
}
