/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int
state_folder(const char *dir, char *folder, size_t len)
{
	char path[PATH_MAX] = "";
	int n;

	if (dir == NULL && state_default(path, sizeof(path)) == 0 && path[0] != '\0')
		dir = strchr(path, '=') + 1;
	n = snprintf(folder, len, "%s", dir != NULL ? dir : "");
	return (size_t)n < len ? 0 : -ENAMETOOLONG;
}
