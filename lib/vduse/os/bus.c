/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/abi.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ids.h>

#include <rte_string_fns.h>

#include "lock.h"
#include "log.h"
#include "os/bus.h"
#include "os/ctl.h"
#include "os/netlink.h"

#define SYSFS_VDPA "/sys/bus/vdpa"

#define BUS_BUSY_STEP_MS 50

static uint32_t bus_busy_wait_ms = 3000; /* atomic; also written by signal handlers */

static const char *
bus_driver(enum rte_vduse_attach how)
{
	return how == RTE_VDUSE_ATTACH_VHOST ? "vhost_vdpa" : "virtio_vdpa";
}

static int
sysfs_write(const char *path, const char *value)
{
	const size_t len = strlen(value);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != (ssize_t)len)
		ret = -errno;
	close(fd);
	return ret;
}

void
vduse_bus_bound_driver(const char *name, char *driver, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	driver[0] = '\0';
	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s/driver", name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	base = strrchr(target, '/');
	rte_strscpy(driver, base != NULL ? base + 1 : target, size);
}

/* First entry of a directory that begins with the prefix. */
static int
dir_first(const char *path, const char *prefix, char *entry, size_t size)
{
	const struct dirent *ent;
	int ret = -ENOENT;
	DIR *dir;

	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while (ret < 0 && (ent = readdir(dir)) != NULL) {
		if (ent->d_name[0] == '.' || strncmp(ent->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(entry, size, "%s", ent->d_name);
		ret = 0;
	}
	closedir(dir);
	return ret;
}

/* What Linux's virtio driver makes of a device: an entry in a folder of it. */
static bool
bus_made(const char *name, const char *folder, char made[NAME_MAX + 1])
{
	char path[PATH_MAX], entry[NAME_MAX + 1];

	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s", name);
	if (dir_first(path, "virtio", entry, sizeof(entry)) < 0)
		return false;
	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s/%s/%s", name, entry, folder);
	return dir_first(path, "", made, NAME_MAX + 1) == 0;
}

/* Whether the virtio device that the bus made of it is of this type. */
static bool
bus_is_type(const char *name, unsigned long type)
{
	char path[PATH_MAX], entry[NAME_MAX + 1], text[16] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s", name);
	if (dir_first(path, "virtio", entry, sizeof(entry)) < 0)
		return false;
	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s/%s/device", name, entry);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && strtoul(text, NULL, 16) == type;
}

/* Say what a network or block device is to users. Return: whether there is something. */
static bool
bus_log_made(const char *name)
{
	char made[NAME_MAX + 1];

	if (bus_made(name, "net", made))
		VDUSE_LOG(NOTICE, "%s: attached to virtio_vdpa as interface %s", name, made);
	else if (bus_made(name, "block", made))
		VDUSE_LOG(NOTICE, "%s: attached to virtio_vdpa as disk /dev/%s", name, made);
	else
		return false;
	return true;
}

/* A device whose interface is still to come, as when its driver is loaded later. */
struct bus_watch {
	TAILQ_ENTRY(bus_watch) next;
	char name[VDUSE_ABI_NAME_MAX];
	int fd; /* netlink: interfaces that come and go */
	vduse_ctl_id_t id;
};

MUTEX_KIND(bus_mutex);

static struct {
	struct bus_mutex lock;
	TAILQ_HEAD(bus_watch_list, bus_watch) list GUARDED_BY(bus_mutex);
} bus_watches = {
	.lock = MUTEX_INITIALIZER,
	.list = TAILQ_HEAD_INITIALIZER(bus_watches.list),
};

/* Take it off the list; who does that frees it. Return: NULL: another has. */
static struct bus_watch *
bus_watch_take(const char *name)
{
	struct bus_watch *watch;

	bus_mutex_lock(&bus_watches.lock);
	TAILQ_FOREACH (watch, &bus_watches.list, next)
		if (strcmp(watch->name, name) == 0)
			break;
	if (watch != NULL)
		TAILQ_REMOVE(&bus_watches.list, watch, next);
	bus_mutex_unlock(&bus_watches.lock);
	return watch;
}

/* Mirror: bus_watch_start(). Return: whether it was watched. */
static bool
bus_watch_stop(const char *name)
{
	struct bus_watch *watch = bus_watch_take(name);

	if (watch == NULL)
		return false;
	vduse_ctl_del(watch->id);
	close(watch->fd);
	free(watch);
	return true;
}

static void
bus_watch_check(const char *name)
{
	char made[NAME_MAX + 1];

	if (bus_made(name, "net", made) && bus_watch_stop(name))
		bus_log_made(name);
}

/* Control thread. What the messages say does not matter, nor whether some are lost. */
static void
bus_watch_look(void *arg, __rte_unused uint32_t events)
{
	struct bus_watch *watch = arg;
	char name[VDUSE_ABI_NAME_MAX], message[4096];

	while (recv(watch->fd, message, sizeof(message), MSG_DONTWAIT) > 0)
		;
	rte_strscpy(name, watch->name, sizeof(name));
	bus_watch_check(name);
}

/* Without it, the line is missing and nothing else. */
static void
bus_watch_start(const char *name)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct bus_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return;
	rte_strscpy(watch->name, name, sizeof(watch->name));
	watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (watch->fd < 0)
		goto free_watch;
	if (bind(watch->fd, (struct sockaddr *)&group, sizeof(group)) < 0)
		goto close_fd;
	bus_mutex_lock(&bus_watches.lock);
	TAILQ_INSERT_TAIL(&bus_watches.list, watch, next);
	bus_mutex_unlock(&bus_watches.lock);
	if (vduse_ctl_add(watch->fd, EPOLLIN, bus_watch_look, watch, &watch->id) == 0) {
		/* it may have come meanwhile */
		bus_watch_check(name);
		return;
	}
	if (bus_watch_take(name) == NULL)
		return;
close_fd:
	close(watch->fd);
free_watch:
	free(watch);
}

/* What users see of the device: the interface, or the character device. */
static void
bus_log_attached(const char *name, enum rte_vduse_attach how)
{
	char path[PATH_MAX], entry[NAME_MAX + 1];

	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s", name);
	if (how == RTE_VDUSE_ATTACH_VHOST) {
		if (dir_first(path, "vhost-vdpa-", entry, sizeof(entry)) == 0)
			VDUSE_LOG(NOTICE, "%s: attached to vhost_vdpa as /dev/%s", name, entry);
		return;
	}
	if (bus_log_made(name))
		return;
	if (bus_is_type(name, VIRTIO_ID_BLOCK)) {
		VDUSE_LOG(NOTICE,
				"%s: attached to virtio_vdpa; no disk yet: the virtio_blk module "
				"is not loaded, or has failed; run: modprobe virtio_blk, and see "
				"the kernel log",
				name);
		return;
	}
	if (access("/sys/bus/virtio/drivers/virtio_net", F_OK) == 0)
		VDUSE_LOG(NOTICE,
				"%s: attached to virtio_vdpa; no interface here: it is in a "
				"container, or not made yet (see the kernel log)",
				name);
	else
		VDUSE_LOG(NOTICE,
				"%s: attached to virtio_vdpa; no interface yet: the virtio_net "
				"module is "
				"not loaded; run: modprobe virtio_net",
				name);
	bus_watch_start(name);
}

/* Hand the device from the driver that took it first to the one asked for. */
static int
bus_bind(const char *name, const char *driver)
{
	char path[PATH_MAX], bound[NAME_MAX + 1];
	int ret;

	vduse_bus_bound_driver(name, bound, sizeof(bound));
	if (strcmp(bound, driver) == 0)
		return 0;
	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s/driver_override", name);
	ret = sysfs_write(path, driver);
	if (ret == 0 && bound[0] != '\0') {
		snprintf(path, sizeof(path), SYSFS_VDPA "/drivers/%s/unbind", bound);
		ret = sysfs_write(path, name);
	}
	if (ret == 0) {
		snprintf(path, sizeof(path), SYSFS_VDPA "/drivers/%s/bind", driver);
		ret = sysfs_write(path, name);
	}
	if (ret < 0)
		return ret;
	vduse_bus_bound_driver(name, bound, sizeof(bound));
	return strcmp(bound, driver) == 0 ? 0 : -ENODEV;
}

/* The kernel has the vDPA netlink family in the first network namespace only. */
static const char *
bus_family_cure(void)
{
	return access(SYSFS_VDPA, F_OK) == 0
			       ? "this network namespace has no vDPA; run it in the host's: "
				 "nsenter --net=/proc/1/ns/net COMMAND"
			       : "the vdpa module is not loaded; run: modprobe vdpa";
}

static const char *
bus_add_cure(int err)
{
	switch (err) {
	case -EPROTONOSUPPORT:
		return bus_family_cure();
	case -EPERM:
		return "no permission; run as root or with CAP_NET_ADMIN";
	case -EEXIST:
		return "a device of this name is on the bus; see: vdpa dev show";
	default:
		return "see the kernel log";
	}
}

static bool
bus_has(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s", name);
	return access(path, F_OK) == 0;
}

int
vduse_bus_attach(const char *name, enum rte_vduse_attach how, bool again)
{
	const char *driver = bus_driver(how);
	const bool there = again && bus_has(name);
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), SYSFS_VDPA "/drivers/%s", driver);
	if (access(path, F_OK) < 0) {
		VDUSE_LOG(ERR, "%s: cannot attach: the %s module is not loaded; run: modprobe %s",
				name, driver, driver);
		return -ENODEV;
	}
	ret = there ? 0 : vduse_netlink_add(name);
	if (ret < 0) {
		VDUSE_LOG(ERR, "%s: the kernel refuses to add it to the vDPA bus: %s; %s", name,
				strerror(-ret), bus_add_cure(ret));
		return ret;
	}
	ret = bus_bind(name, driver);
	if (ret < 0) {
		VDUSE_LOG(ERR, "%s: cannot bind to %s: %s; see the kernel log", name, driver,
				strerror(-ret));
		if (!there)
			vduse_netlink_del(name);
		return ret;
	}
	bus_log_attached(name, how);
	return 0;
}

void
rte_vduse_set_busy_wait(uint32_t ms)
{
	__atomic_store_n(&bus_busy_wait_ms, ms, __ATOMIC_RELAXED);
}

bool
vduse_bus_wait(uint32_t *waited_ms)
{
	if (*waited_ms >= __atomic_load_n(&bus_busy_wait_ms, __ATOMIC_RELAXED))
		return false;
	usleep(BUS_BUSY_STEP_MS * 1000);
	*waited_ms += BUS_BUSY_STEP_MS;
	return true;
}

bool
vduse_bus_has(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SYSFS_VDPA "/devices/%s", name);
	return access(path, F_OK) == 0;
}

int
rte_vduse_dev_attach_by_name(const char *name, enum rte_vduse_attach how)
{
	return vduse_bus_has(name) ? 0 : vduse_bus_attach(name, how, false);
}

int
rte_vduse_dev_detach_by_name(const char *name)
{
	return vduse_bus_detach(name);
}

int
rte_vduse_dev_interface(const char *name, char *ifname, size_t size)
{
	char made[NAME_MAX + 1];

	if (!bus_made(name, "net", made))
		return -ENODEV;
	return rte_strscpy(ifname, made, size) < 0 ? -ENAMETOOLONG : 0;
}

/* It opens once only. */
bool
vduse_bus_front_end(const char *name, char *path, size_t size)
{
	char folder[PATH_MAX], entry[NAME_MAX + 1];
	int fd;

	snprintf(folder, sizeof(folder), SYSFS_VDPA "/devices/%s", name);
	if (dir_first(folder, "vhost-vdpa-", entry, sizeof(entry)) < 0)
		return false;
	snprintf(path, size, "/dev/%s", entry);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

int
vduse_bus_detach(const char *name)
{
	char path[PATH_MAX];
	uint32_t waited = 0;
	int ret;

	bus_watch_stop(name);
	while (vduse_bus_front_end(name, path, sizeof(path))) {
		if (waited == 0)
			VDUSE_LOG(NOTICE, "%s: waiting for the front end to close it", name);
		if (!vduse_bus_wait(&waited))
			return -EBUSY;
	}
	ret = vduse_netlink_del(name);
	/* without the module there is no bus, and nothing on it */
	if (ret == -ENODEV || (ret == -EPROTONOSUPPORT && !vduse_bus_has(name)))
		return 0;
	if (ret == -EPROTONOSUPPORT)
		VDUSE_LOG(ERR, "%s: stays on the vDPA bus: %s", name, bus_family_cure());
	return ret;
}
