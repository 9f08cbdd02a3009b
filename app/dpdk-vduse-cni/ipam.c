/* SPDX-License-Identifier: BSD-3-Clause */

/* The IPAM plug-in, called as the runtime calls us. Its input and output are files: nobody waits
 * for a pipe. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cni.h"

static const char *
type(const struct cni *cni)
{
	return json_string_value(json_object_get(json_object_get(cni->conf, "ipam"), "type"));
}

bool
ipam_is_wanted(const struct cni *cni)
{
	return type(cni) != NULL;
}

/* The program of that name in the folders of CNI_PATH. */
static int
find(struct cni *cni, char *path)
{
	const char *name = type(cni), *folder = cni->path;
	size_t len;

	for (; name[0] != '\0' && strchr(name, '/') == NULL && folder != NULL;
			folder = folder[len] == ':' ? folder + len + 1 : NULL) {
		len = strcspn(folder, ":");
		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)len, folder, name) < PATH_MAX &&
				access(path, X_OK) == 0)
			return 0;
	}
	return cni_fail(cni, CNI_CONFIG, "there is no such IPAM plug-in",
			"ipam.type %.64s: no program of this name in CNI_PATH, %.256s", name,
			cni->path);
}

/* What it says where it fails, or that it says nothing: a code that is none looks like success. */
static int
refused(struct cni *cni, const json_t *answer, int status)
{
	const char *msg = json_string_value(json_object_get(answer, "msg"));
	const char *details = json_string_value(json_object_get(answer, "details"));
	const json_int_t code = json_integer_value(json_object_get(answer, "code"));

	if (msg != NULL && msg[0] != '\0' && code > 0 && code <= INT_MAX)
		return cni_fail(cni, (int)code, msg, "%s: %s", type(cni),
				details != NULL ? details : "no details");
	return cni_fail(cni, CNI_IO, "the IPAM plug-in failed", "%s: status %d, and no error",
			type(cni), status);
}

/* In one piece: json_dumpfd(3) writes word by word. */
static bool
put(int file, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	const size_t len = text != NULL ? strlen(text) : 0;
	const bool done = text != NULL && write(file, text, len) == (ssize_t)len;

	free(text);
	return done && lseek(file, 0, SEEK_SET) == 0;
}

/* @param version what the plug-in is told */
static int
call(struct cni *cni, const char *path, const char *command, const char *version, json_t **result)
{
	const int in = memfd_create("ipam-in", MFD_CLOEXEC),
		  out = memfd_create("ipam-out", MFD_CLOEXEC);
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	json_t *conf = json_copy(cni->conf), *answer = NULL;
	int status = -errno;

	json_object_set_new(conf, "cniVersion", json_string(version));
	if (in >= 0 && out >= 0 && put(in, conf) && setenv("CNI_COMMAND", command, 1) == 0) {
		status = spawn(argv, in, out, -1);
		if (lseek(out, 0, SEEK_SET) == 0)
			answer = json_loadfd(out, 0, NULL);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (status < 0)
		cni_fail(cni, CNI_IO, "the IPAM plug-in cannot be started", "%s: %s", path,
				strerror(-status));
	else if (status != 0)
		refused(cni, answer, status);
	else if (result != NULL && !json_is_object(answer))
		cni_fail(cni, CNI_DECODE, "the IPAM plug-in gave no result", "%s", path);
	else if (result != NULL)
		*result = json_incref(answer);
	json_decref(answer);
	json_decref(conf);
	return cni->error.code != 0 ? -1 : 0;
}

/*
 * What version the plug-in is told: ours, or where it does not know that, the newest that both
 * know. Up to 1.0.0 all know it; a result of 1.0.0 is one of 1.1.0.
 */
static const char *
ask_version(struct cni *cni, const char *path)
{
	const char *best = cni->version, *its;
	json_t *result = NULL, *ours = cni_versions(), *theirs, *version, *one;
	bool knows = false;
	size_t i, j;

	if (!cni_is_since(cni, "1.1.0") || call(cni, path, "VERSION", cni->version, &result) < 0) {
		json_decref(ours);
		return best;
	}
	theirs = json_object_get(result, "supportedVersions");
	json_array_foreach(ours, i, version) json_array_foreach(theirs, j, one)
	{
		its = json_string_value(one);
		if (its == NULL || !json_equal(version, one))
			continue;
		knows = true;
		best = cni_version(its);
	}
	json_decref(result);
	json_decref(ours);
	return knows ? best : cni->version;
}

/* Asked once. */
static const char *
version_for(struct cni *cni, const char *path)
{
	if (cni->ipam_version == NULL)
		cni->ipam_version = ask_version(cni, path);
	return cni->ipam_version;
}

int
ipam_call(struct cni *cni, const char *command, json_t **result)
{
	char path[PATH_MAX];
	const char *version;

	if (find(cni, path) < 0)
		return -1;
	version = version_for(cni, path);
	if (cni->error.code != 0)
		return -1;
	if (strcmp(command, "ADD") == 0)
		cni->may_be_leased = true;
	return call(cni, path, command, version, result);
}

int
ipam_del(struct cni *cni, const char *container, const char *ifname)
{
	setenv("CNI_CONTAINERID", container, 1);
	setenv("CNI_IFNAME", ifname, 1);
	return ipam_call(cni, "DEL", NULL);
}

bool
ipam_is_new(struct cni *cni)
{
	char path[PATH_MAX];

	return find(cni, path) == 0 && version_for(cni, path) == cni_version("1.1.0");
}
