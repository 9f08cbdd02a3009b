/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vDPA bus: attach and detach (vdpa_dev_add(), vdpa_dev_del()), and the nodes that programs
 * look for in /dev, /sys and /proc, which lie below the run folder under the same paths.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "emu_broker.h"

#define MAJOR_VDUSE 510
#define MAJOR_VHOST 511
#define BUS         "/sys/bus/vdpa"
#define CLASS       "/sys/class/vduse"

/* Below the run folder. Return: the number of bytes, as snprintf(). */
static int __attribute__((format(printf, 2, 3))) path_of(char *path, const char *fmt, ...)
{
	char rest[PATH_MAX / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(rest, sizeof(rest), fmt, args);
	va_end(args);
	return snprintf(path, PATH_MAX, "%s%s", emu.dir, rest);
}

static int
make_dirs(const char *dir)
{
	char path[PATH_MAX];
	size_t base = strlen(emu.dir);

	path_of(path, "%s", dir);
	for (char *at = path + base + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char was = *at;

		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = was;
		if (was == '\0')
			return 0;
	}
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(text, file) < 0)
		emu_warn("%s: %m", path);
	if (file != NULL)
		fclose(file);
}

/* A character device node; without the right to make one, a plain file of that name. */
static void
make_node(const char *path, unsigned int major, unsigned int minor)
{
	if (mknod(path, S_IFCHR | 0600, makedev(major, minor)) < 0 && errno != EEXIST)
		write_file(path, "");
}

/* The kernel's list with the two majors added, so that programs recognise the nodes. */
static int
copy_devices(void)
{
	char path[PATH_MAX], line[256];
	FILE *from, *to;

	path_of(path, "/proc/devices");
	from = fopen("/proc/devices", "re");
	to = fopen(path, "we");
	if (to == NULL || from == NULL)
		goto out;
	while (fgets(line, sizeof(line), from) != NULL) {
		fputs(line, to);
		if (strncmp(line, "Character", 9) == 0)
			fprintf(to, "%d vduse\n%d vhost-vdpa\n", MAJOR_VDUSE, MAJOR_VHOST);
	}
out:
	if (from != NULL)
		fclose(from);
	return to != NULL && fclose(to) == 0 ? 0 : -errno;
}

int
bus_prepare(void)
{
	static const char *const dirs[] = { "/dev/vduse", "/proc", CLASS, BUS "/devices",
		BUS "/drivers/vhost_vdpa", BUS "/drivers/virtio_vdpa" };
	char path[PATH_MAX];
	int ret;

	for (unsigned int i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		ret = make_dirs(dirs[i]);
		if (ret < 0)
			return ret;
	}
	path_of(path, "/dev/vduse/control");
	make_node(path, MAJOR_VDUSE, 0);
	return copy_devices();
}

void
bus_add_device(const struct emu_dev *dev)
{
	char path[PATH_MAX], text[32];

	path_of(path, "/dev/vduse/%s", dev->k.name);
	make_node(path, MAJOR_VDUSE, dev - emu.dev + 1);
	path_of(path, CLASS "/%s", dev->k.name);
	mkdir(path, 0755);
	path_of(path, CLASS "/%s/msg_timeout", dev->k.name);
	snprintf(text, sizeof(text), "%u\n", emu.conf.msg_timeout);
	write_file(path, text);
	path_of(path, CLASS "/%s/bounce_size", dev->k.name);
	write_file(path, "67108864\n");
	for (uint32_t i = 0; i < dev->k.vq_num; i++) {
		path_of(path, CLASS "/%s/vq%u", dev->k.name, i);
		mkdir(path, 0755);
		path_of(path, CLASS "/%s/vq%u/irq_cb_affinity", dev->k.name, i);
		write_file(path, "ffffffff\n");
	}
}

void
bus_del_device(const struct emu_dev *dev)
{
	char path[PATH_MAX];

	path_of(path, "/dev/vduse/%s", dev->k.name);
	unlink(path);
	for (uint32_t i = 0; i < dev->k.vq_num; i++) {
		path_of(path, CLASS "/%s/vq%u/irq_cb_affinity", dev->k.name, i);
		unlink(path);
		path_of(path, CLASS "/%s/vq%u", dev->k.name, i);
		rmdir(path);
	}
	path_of(path, CLASS "/%s/msg_timeout", dev->k.name);
	unlink(path);
	path_of(path, CLASS "/%s/bounce_size", dev->k.name);
	unlink(path);
	path_of(path, CLASS "/%s", dev->k.name);
	rmdir(path);
}

/* Seconds, as the sysfs file says now; 0: for ever. */
uint32_t
bus_msg_timeout(const struct emu_dev *dev)
{
	uint32_t seconds = emu.conf.msg_timeout;
	char path[PATH_MAX];
	FILE *file;

	path_of(path, CLASS "/%s/msg_timeout", dev->k.name);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fscanf(file, "%u", &seconds) != 1)
			emu_warn("%s: not a number", path);
		fclose(file);
	}
	return seconds;
}

/* What the drivers of the bus make of a device: vhost_vdpa, or virtio_vdpa and virtio_net above it.
 */
static void
add_driver_nodes(const struct emu_dev *dev)
{
	char path[PATH_MAX], name[16];

	if (!dev->has_netif) {
		path_of(path, "/dev/vhost-vdpa-%d", dev->minor);
		make_node(path, MAJOR_VHOST, dev->minor);
		path_of(path, BUS "/devices/%s/vhost-vdpa-%d", dev->k.name, dev->minor);
		mkdir(path, 0755);
		return;
	}
	netif_name(dev, name);
	path_of(path, BUS "/devices/%s/virtio%d", dev->k.name, dev->minor);
	mkdir(path, 0755);
	path_of(path, BUS "/devices/%s/virtio%d/net", dev->k.name, dev->minor);
	mkdir(path, 0755);
	path_of(path, BUS "/devices/%s/virtio%d/net/%s", dev->k.name, dev->minor, name);
	mkdir(path, 0755);
}

static void
del_driver_nodes(const struct emu_dev *dev)
{
	char path[PATH_MAX], name[16];

	if (!dev->has_netif) {
		path_of(path, "/dev/vhost-vdpa-%d", dev->minor);
		unlink(path);
		path_of(path, BUS "/devices/%s/vhost-vdpa-%d", dev->k.name, dev->minor);
		rmdir(path);
		return;
	}
	netif_name(dev, name);
	path_of(path, BUS "/devices/%s/virtio%d/net/%s", dev->k.name, dev->minor, name);
	rmdir(path);
	path_of(path, BUS "/devices/%s/virtio%d/net", dev->k.name, dev->minor);
	rmdir(path);
	path_of(path, BUS "/devices/%s/virtio%d", dev->k.name, dev->minor);
	rmdir(path);
}

static void
add_vdpa_nodes(const struct emu_dev *dev)
{
	char path[PATH_MAX], link[PATH_MAX];

	path_of(path, BUS "/devices/%s", dev->k.name);
	mkdir(path, 0755);
	add_driver_nodes(dev);
	path_of(path, BUS "/devices/%s/driver_override", dev->k.name);
	write_file(path, "(null)\n");
	path_of(path, BUS "/devices/%s/driver", dev->k.name);
	path_of(link, BUS "/drivers/%s", dev->has_netif ? "virtio_vdpa" : "vhost_vdpa");
	if (symlink(link, path) < 0)
		emu_warn("%s: %m", path);
}

static void
del_vdpa_nodes(const struct emu_dev *dev)
{
	char path[PATH_MAX];

	path_of(path, BUS "/devices/%s/driver", dev->k.name);
	unlink(path);
	path_of(path, BUS "/devices/%s/driver_override", dev->k.name);
	unlink(path);
	del_driver_nodes(dev);
	path_of(path, BUS "/devices/%s", dev->k.name);
	rmdir(path);
}

static bool
is_ready(const struct emu_dev *dev)
{
	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		if (dev->k.vqs[i].num_max == 0)
			return false;
	return true;
}

/* Return: N of /dev/vhost-vdpa-N, or -errno. */
int
bus_attach(const char *name)
{
	struct emu_dev *dev = dev_find(name);
	int minor = 0, ret;

	if (dev == NULL)
		return emu_deny(EINVAL, "attach: no VDUSE device named %s", name);
	if (!is_ready(dev))
		return emu_deny(EINVAL, "attach: not all queues of %s were set up", name);
	if (dev->minor >= 0)
		return emu_deny(EEXIST, "attach: %s is attached already", name);
	while (dev_of_minor(minor) != NULL)
		minor++;
	dev->minor = minor;
	dev->has_netif = emu.conf.interfaces;
	ret = dev->has_netif ? netif_add(dev) : 0;
	if (ret < 0) {
		dev->minor = -1;
		return emu_deny(-ret, "attach: %s: no interface can be made", name);
	}
	dev->k.has_domain = true;
	add_vdpa_nodes(dev);
	emu_note("%s attached: %s%d", name,
			dev->has_netif ? "an interface, emu…-" : "/dev/vhost-vdpa-", minor);
	return minor;
}

/* vhost_vdpa_remove(): the node goes at once, the device when its front end has closed it. */
int
bus_detach(const char *name)
{
	struct emu_dev *dev = dev_find(name);

	if (dev == NULL || dev->minor < 0)
		return emu_deny(ENODEV, "detach: %s is not on the vDPA bus", name);
	del_vdpa_nodes(dev);
	while (dev->front_open)
		pthread_cond_wait(&dev->cond, &emu.lock);
	if (dev->has_netif)
		netif_del(dev);
	emu_note("%s detached, of number %d", name, dev->minor);
	dev->minor = -1;
	return 0;
}
