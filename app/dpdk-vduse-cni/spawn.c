/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cni.h"

extern char **environ;

int
spawn(char *const *argv, int in, int out, int err)
{
	const int fds[] = { in, out, err };
	posix_spawn_file_actions_t files;
	int i, status, ret;
	pid_t pid;

	ret = posix_spawn_file_actions_init(&files);
	if (ret != 0)
		return -ret;
	for (i = 0; i < 3; i++)
		if (fds[i] >= 0)
			posix_spawn_file_actions_adddup2(&files, fds[i], i);
	ret = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (ret != 0)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : SPAWN_KILLED;
}
