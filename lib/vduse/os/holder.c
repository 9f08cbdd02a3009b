/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/holder.h"

static bool
holder_has(pid_t pid, const char *path)
{
	char fds[64], link[PATH_MAX], target[PATH_MAX];
	const struct dirent *ent;
	bool found = false;
	ssize_t n;
	DIR *dir;

	snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)pid);
	dir = opendir(fds);
	if (dir == NULL)
		return false;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while (!found && (ent = readdir(dir)) != NULL) {
		snprintf(link, sizeof(link), "%s/%s", fds, ent->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		found = strcmp(target, path) == 0;
	}
	closedir(dir);
	return found;
}

static void
holder_name(pid_t pid, char *buf, size_t size)
{
	char path[64], comm[32] = "";
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	in = fopen(path, "r");
	if (in != NULL) {
		if (fgets(comm, sizeof(comm), in) == NULL)
			comm[0] = '\0';
		fclose(in);
	}
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(buf, size, "process %d (%s)", (int)pid, comm);
}

bool
vduse_holder(const char *path, char *buf, size_t size)
{
	const struct dirent *ent;
	bool found = false;
	DIR *dir;
	pid_t pid;

	snprintf(buf, size, "a process");
	dir = opendir("/proc");
	if (dir == NULL)
		return false;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while (!found && (ent = readdir(dir)) != NULL) {
		pid = (pid_t)strtol(ent->d_name, NULL, 10);
		found = pid > 0 && pid != getpid() && holder_has(pid, path);
		if (found)
			holder_name(pid, buf, size);
	}
	closedir(dir);
	return found;
}
