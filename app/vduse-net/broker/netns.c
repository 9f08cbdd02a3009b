/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/netif.h"
#include "broker/netns.h"
#include "broker/rtnl.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* linux/socket.h, since 5.14 */
#endif

static void
read_boot(char boot[40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (file == NULL)
		return;
	if (fscanf(file, "%39s", boot) != 1)
		boot[0] = '\0';
	fclose(file);
}

int
netns_identify(int fd, struct netns_id *id)
{
	socklen_t len = sizeof(id->cookie);
	struct stat st;
	struct rtnl nl;
	int ret;

	memset(id, 0, sizeof(*id));
	if (fstat(fd, &st) < 0)
		return -errno;
	id->device = st.st_dev;
	id->inode = st.st_ino;
	read_boot(id->boot);
	ret = rtnl_open(&nl, fd);
	if (ret < 0)
		return ret;
	if (getsockopt(mnl_socket_get_fd(nl.sock), SOL_SOCKET, SO_NETNS_COOKIE, &id->cookie, &len) <
			0)
		id->cookie = 0;
	rtnl_close(&nl);
	return 0;
}

bool
netns_is_same(const struct netns_id *a, const struct netns_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->cookie == b->cookie &&
	       strcmp(a->boot, b->boot) == 0;
}

/* Whether it may be there, without a look into it. Return: descriptor or -errno. */
static int
open_like(const struct netns_id *id, const char *path)
{
	struct netns_id found;
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return -errno;
	if (st.st_dev != id->device || st.st_ino != id->inode)
		return -ESTALE;
	fd = netif_open_netns(path);
	if (fd < 0 || (netns_identify(fd, &found) == 0 && netns_is_same(id, &found)))
		return fd;
	close(fd);
	return -ESTALE;
}

/* mountinfo has a space as \040, and the like. */
static void
unescape(char *path)
{
	char *to = path;

	for (; *path != '\0'; path++) {
		if (path[0] == '\\' && strspn(path + 1, "01234567") >= 3) {
			*to++ = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 |
					(path[3] - '0'));
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

/* Return: descriptor, -ESTALE: of those that are mounted it is none. */
static int
find_mounted(const struct netns_id *id)
{
	FILE *file = fopen("/proc/thread-self/mountinfo", "re");
	char *line = NULL, root[64], path[PATH_MAX], wanted[64];
	size_t size = 0;
	int fd = -ESTALE;

	if (file == NULL)
		return -ESTALE;
	snprintf(wanted, sizeof(wanted), "net:[%" PRIu64 "]", id->inode);
	while (fd < 0 && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*s %*s %*s %63s %4095s", root, path) != 2 ||
				strcmp(root, wanted) != 0)
			continue;
		unescape(path);
		fd = open_like(id, path);
	}
	free(line);
	fclose(file);
	return fd;
}

static int
find_process(const struct netns_id *id)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	char path[sizeof(entry->d_name) + 16];
	int fd = -ESTALE;

	if (folder == NULL)
		return -ESTALE;
	while (fd < 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		fd = open_like(id, path);
	}
	closedir(folder);
	return fd;
}

int
netns_find(const struct netns_id *id, const char *path)
{
	int fd = path[0] != '\0' ? open_like(id, path) : -ESTALE;

	if (fd < 0)
		fd = find_mounted(id);
	if (fd < 0)
		fd = find_process(id);
	return fd < 0 ? -ESTALE : fd;
}
