/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "runtime.h"

/* Of a device's name at most; a number may follow. */
#define STEM_MAX 24

/* As eal_create_runtime_dir() chooses. */
const char *
runtime_base(void)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	if (folder == NULL && getuid() == 0)
		folder = "/var/run";
	if (folder == NULL)
		folder = getenv("XDG_RUNTIME_DIR");
	return folder != NULL ? folder : "/tmp";
}

/* getopt_long() takes an option's beginning for it; nothing else of EAL's begins so. */
const char *
runtime_given(int argc, char *const argv[])
{
	const char *value = NULL, *equals;
	int i;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--fi", 4) != 0)
			continue;
		equals = strchr(argv[i], '=');
		value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[i + 1] : "";
	}
	return value;
}

static void
config_path(const char *prefix, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/dpdk/%s/config", runtime_base(), prefix);
}

bool
runtime_in_use(const char *prefix)
{
	char path[PATH_MAX];

	config_path(prefix, path);
	return rte_eal_primary_proc_alive(path) != 0;
}

void
runtime_choose(const char *name, char prefix[RUNTIME_PREFIX_MAX])
{
	char stem[STEM_MAX + 1];
	unsigned int i;

	for (i = 0; i < STEM_MAX && name[i] != '\0'; i++)
		stem[i] = isalnum((unsigned char)name[i]) || strchr("-_", name[i]) != NULL ? name[i]
											   : '_';
	stem[i] = '\0';
	snprintf(prefix, RUNTIME_PREFIX_MAX, "%s", stem);
	for (i = 2; runtime_in_use(prefix) && i < INT_MAX; i++)
		snprintf(prefix, RUNTIME_PREFIX_MAX, "%s.%u", stem, i);
}

static bool
is_left_over(const char *name)
{
	return strncmp(name, "fbarray_", 8) == 0 || strncmp(name, "mp_socket", 9) == 0 ||
	       strcmp(name, "hugepage_info") == 0 || strcmp(name, "hugepage_data") == 0 ||
	       strcmp(name, "config") == 0;
}

void
runtime_remove(const char *prefix)
{
	const struct dirent *ent;
	char path[PATH_MAX];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/dpdk/%s", runtime_base(), prefix);
	dir = opendir(path);
	if (dir == NULL)
		return;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while ((ent = readdir(dir)) != NULL)
		if (is_left_over(ent->d_name))
			unlinkat(dirfd(dir), ent->d_name, 0);
	closedir(dir);
	/* another process's socket may be in it: with --in-memory a folder has no owner */
	rmdir(path);
}
