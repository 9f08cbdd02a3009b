/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_vduse.h>

#include "state.h"

int
state_default(char *devargs, size_t len)
{
	const char *dirs = getenv("RUNTIME_DIRECTORY");
	const size_t at = strlen(devargs);
	int n;

	if (dirs == NULL || dirs[0] == '\0' || strstr(devargs, ",state-dir=") != NULL)
		return 0;
	/* folders are separated by colons (systemd.exec(5)) */
	n = snprintf(devargs + at, len - at, ",state-dir=%.*s", (int)strcspn(dirs, ":"), dirs);
	return (size_t)n < len - at ? 0 : -ENAMETOOLONG;
}

void
state_remove(const char *dir, const char *name)
{
	char path[PATH_MAX] = "";

	if (dir == NULL && state_default(path, sizeof(path)) == 0 && path[0] != '\0')
		dir = strchr(path, '=') + 1;
	if (dir != NULL)
		rte_vduse_state_remove(dir, name);
}
