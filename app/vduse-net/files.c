/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Landlock refuses what no rule allows, whoever the process is: nothing is executed,
 * and what can be opened is read only but for the folders below. What is open
 * already stays as it is. doc/security.md says what each is for.
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "files.h"
#include "runtime.h"

/* Rights of later ABIs than the header's may be: 2 REFER, 3 TRUNCATE, 5 IOCTL_DEV. */
#define RIGHTS_ABI_1   (RTE_BIT64(13) - 1)
#define RIGHT_REFER    RTE_BIT64(13)
#define RIGHT_TRUNCATE RTE_BIT64(14)
#define RIGHT_IOCTL    RTE_BIT64(15)

#define LOOK   (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE (LOOK | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)
#define DEVICE (CHANGE | RIGHT_IOCTL)
/* Files and sockets come and go. */
#define KEEP                                                                   \
	(CHANGE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
			LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* Those of a file; the others are a folder's, and refused for a file. */
#define OF_FILE                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
			LANDLOCK_ACCESS_FS_READ_FILE | RIGHT_TRUNCATE | RIGHT_IOCTL)

/* What is not there needs no rule. */
static const struct {
	const char *path; /* a pattern of glob(3) */
	uint64_t rights;
} rules[] = {
	/* devices that are recreated, and front ends' that are looked at */
	{ "/dev/vduse", DEVICE },
	{ "/dev/vhost-vdpa-*", DEVICE },
	{ "/sys/bus/vdpa", CHANGE },
	{ "/sys/class/vduse", CHANGE },
	{ "/sys/devices/vduse", CHANGE },
	{ "/sys/devices/virtual/vduse", CHANGE },
	/* a NIC that was unplugged and is there again */
	{ "/dev/vfio", DEVICE },
	/* interfaces, processors, memory */
	{ "/sys", LOOK },
	{ "/proc/self", LOOK },
	{ "/proc/sys", LOOK },
	{ "/proc/meminfo", LOOK },
	{ "/proc/cpuinfo", LOOK },
	{ "/proc/devices", LOOK },
	/* the C library's */
	{ "/dev/null", DEVICE },
	{ "/dev/urandom", LOOK },
	{ "/etc/localtime", LOOK },
	{ "/usr/share/zoneinfo", LOOK },
};

static int
rule_add(int fd, uint64_t handled, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights & handled };
	const int at = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	int ret = 0;

	if (at < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (fstat(at, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILE;
	rule.parent_fd = at;
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		ret = -errno;
	close(at);
	return ret;
}

static int
add_fixed(int fd, uint64_t handled)
{
	unsigned int i;
	glob_t found;
	size_t n;
	int ret = 0;

	for (i = 0; i < RTE_DIM(rules) && ret == 0; i++) {
		if (glob(rules[i].path, GLOB_NOCHECK, NULL, &found) != 0)
			return -ENOMEM;
		for (n = 0; n < found.gl_pathc && ret == 0; n++)
			ret = rule_add(fd, handled, found.gl_pathv[n], rules[i].rights);
		globfree(&found);
	}
	return ret;
}

/* Memory that grows is a file of its own there. */
static int
add_hugepages(int fd, uint64_t handled)
{
	const struct mntent *ent;
	FILE *mounts;
	int ret = 0;

	mounts = setmntent("/proc/self/mounts", "r");
	if (mounts == NULL)
		return -errno;
	/* cppcheck-suppress getmntentCalled ; the main lcore alone asks for mounts */
	while (ret == 0 && (ent = getmntent(mounts)) != NULL)
		if (strcmp(ent->mnt_type, "hugetlbfs") == 0)
			ret = rule_add(fd, handled, ent->mnt_dir, KEEP);
	endmntent(mounts);
	return ret;
}

/* EAL's runtime folder, which is removed at the end, and those of the devices' state. */
static int
add_folders(int fd, uint64_t handled, const struct args *args)
{
	const char *given, *dirs = getenv("RUNTIME_DIRECTORY");
	char path[PATH_MAX];
	unsigned int w;
	int ret;

	snprintf(path, sizeof(path), "%s/dpdk", runtime_base());
	ret = rule_add(fd, handled, path, LANDLOCK_ACCESS_FS_REMOVE_DIR);
	if (ret == 0)
		ret = rule_add(fd, handled, rte_eal_get_runtime_dir(), KEEP);
	/* a node's: the broker's files are beside that folder, and not in it */
	if (ret == 0 && args->nb_wires == 0 && args->state_dir != NULL)
		return rule_add(fd, handled, args->state_dir, KEEP);
	if (ret == 0 && dirs != NULL) {
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(dirs, ":"), dirs);
		ret = rule_add(fd, handled, path, KEEP);
	}
	for (w = 0; w < args->nb_wires && ret == 0; w++) {
		given = strstr(args->wires[w].extra, ",state-dir=");
		if (given == NULL)
			continue;
		given = strchr(given, '=') + 1;
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(given, ","), given);
		ret = rule_add(fd, handled, path, KEEP);
	}
	return ret;
}

int
files_rules(const struct args *args, bool interfaces)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = RIGHTS_ABI_1 };
	long abi;
	int fd, ret;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return -EOPNOTSUPP;
	if (abi >= 2)
		attr.handled_access_fs |= RIGHT_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= RIGHT_TRUNCATE;
	if (abi >= 5)
		attr.handled_access_fs |= RIGHT_IOCTL;
	fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (fd < 0)
		return -errno;
	ret = add_fixed(fd, attr.handled_access_fs);
	if (ret == 0)
		ret = add_hugepages(fd, attr.handled_access_fs);
	if (ret == 0)
		ret = add_folders(fd, attr.handled_access_fs, args);
	if (ret == 0 && interfaces)
		ret = rule_add(fd, attr.handled_access_fs, "/dev/net/tun", DEVICE);
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}
