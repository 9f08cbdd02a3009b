/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's part of what is played: devices, and what fails. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct fake_device fake_devices[FAKE_DEVICES];
void (*fake_attaching)(void);
static unsigned int steps, fails_at;
static bool failed;

void
fake_fail(unsigned int n)
{
	pthread_mutex_lock(&lock);
	steps = 0;
	failed = false;
	fails_at = n;
	pthread_mutex_unlock(&lock);
}

bool
fake_failed(void)
{
	bool ret;

	pthread_mutex_lock(&lock);
	ret = failed;
	fails_at = 0;
	pthread_mutex_unlock(&lock);
	return ret;
}

/* The lock is held. */
static int
step(void)
{
	if (fails_at == 0 || ++steps != fails_at)
		return 0;
	failed = true;
	return -EIO;
}

int
fake_step(void)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = step();
	pthread_mutex_unlock(&lock);
	return ret;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

/* The state file's. */
int
__wrap_rename(const char *from, const char *to)
{
	const int ret = fake_step();

	errno = -ret;
	return ret < 0 ? -1 : __real_rename(from, to);
}

/* The lock is held. */
static struct fake_device *
find(const char *name)
{
	unsigned int i;

	for (i = 0; i < FAKE_DEVICES; i++)
		if (fake_devices[i].there && strcmp(fake_devices[i].name, name) == 0)
			return &fake_devices[i];
	return NULL;
}

/* By what its interface is called now. The lock is held. */
static struct fake_device *
find_placed(const char *ifname)
{
	const struct fake_device *device;
	unsigned int i;

	for (i = 0; i < FAKE_DEVICES; i++) {
		device = &fake_devices[i];
		if (device->there && strcmp(device->placed.ifname[0] != '\0' ? device->placed.ifname
									     : device->name,
						     ifname) == 0)
			return &fake_devices[i];
	}
	return NULL;
}

struct fake_device
fake_device(const char *name)
{
	struct fake_device copy = { 0 };
	const struct fake_device *device;

	pthread_mutex_lock(&lock);
	device = find(name);
	if (device != NULL)
		copy = *device;
	pthread_mutex_unlock(&lock);
	return copy;
}

unsigned int
fake_nb_devices(void)
{
	unsigned int i, nb = 0;

	pthread_mutex_lock(&lock);
	for (i = 0; i < FAKE_DEVICES; i++)
		nb += fake_devices[i].there;
	pthread_mutex_unlock(&lock);
	return nb;
}

/* The lock is held. */
static bool
is_open(const struct fake_device *device)
{
	struct pollfd pfd = { .fd = device->look };

	return poll(&pfd, 1, 0) == 0;
}

bool
fake_is_open(const char *name)
{
	const struct fake_device *device;
	bool open;

	pthread_mutex_lock(&lock);
	device = find(name);
	open = device != NULL && is_open(device);
	pthread_mutex_unlock(&lock);
	return open;
}

unsigned int
fake_nb_open(void)
{
	unsigned int i, nb = 0;

	pthread_mutex_lock(&lock);
	for (i = 0; i < FAKE_DEVICES; i++)
		nb += fake_devices[i].there && is_open(&fake_devices[i]);
	pthread_mutex_unlock(&lock);
	return nb;
}

void
fake_devices_gone(void)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < FAKE_DEVICES; i++)
		if (fake_devices[i].there)
			close(fake_devices[i].look);
	memset(fake_devices, 0, sizeof(fake_devices));
	pthread_mutex_unlock(&lock);
}

/* The lock is held. A pipe's end that is open as long as somebody has the device open. */
static int
open_device(struct fake_device *device)
{
	int pipes[2];

	if (device->look >= 0)
		close(device->look);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	device->look = pipes[0];
	return pipes[1];
}

static int
kernel_make(struct control_container *conf, uint32_t mtu)
{
	struct fake_device *device = fake_devices;
	int ret;

	pthread_mutex_lock(&lock);
	ret = find(conf->name) != NULL ? -EEXIST : step();
	if (ret == 0) {
		while (device->there)
			device++;
		*device = (struct fake_device){ .there = true, .look = -1, .mtu = mtu };
		snprintf(device->name, sizeof(device->name), "%.63s", conf->name);
		snprintf(device->mac, sizeof(device->mac), "%s", conf->mac);
		conf->queues = 1;
		ret = open_device(device);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static int
kernel_open(const char *name)
{
	struct fake_device *device;
	int ret = -ENOENT;

	pthread_mutex_lock(&lock);
	device = find(name);
	if (device != NULL)
		ret = is_open(device) ? -EBUSY : open_device(device);
	pthread_mutex_unlock(&lock);
	return ret;
}

static char awaited[64]; /* by the one job thread */

static bool
is_served(void)
{
	return fake_is_open(awaited);
}

/* As the kernel: it waits for who serves the device. */
static int
kernel_attach(const char *name, const char *how)
{
	struct fake_device *device;
	int ret;

	snprintf(awaited, sizeof(awaited), "%s", name);
	pthread_mutex_lock(&lock);
	ret = step();
	pthread_mutex_unlock(&lock);
	if (ret < 0)
		return ret;
	if (fake_attaching != NULL)
		fake_attaching();
	if (!fake_wait(is_served))
		return -ETIMEDOUT;
	pthread_mutex_lock(&lock);
	device = find(name);
	device->attached = true;
	snprintf(device->how, sizeof(device->how), "%s", how);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int
kernel_detach(const char *name)
{
	struct fake_device *device;
	int ret;

	pthread_mutex_lock(&lock);
	device = find(name);
	ret = device != NULL ? step() : 0;
	if (device != NULL && ret == 0)
		device->attached = false;
	pthread_mutex_unlock(&lock);
	return ret;
}

static int
kernel_remove(const char *name)
{
	struct fake_device *device;
	int ret;

	pthread_mutex_lock(&lock);
	device = find(name);
	ret = device == NULL ? -ENODEV : is_open(device) ? -EBUSY : step();
	if (ret == 0) {
		device->there = false;
		close(device->look);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static int
kernel_interface(const char *name, char ifname[IFNAMSIZ])
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = find(name)->attached ? step() : -ENODEV;
	pthread_mutex_unlock(&lock);
	snprintf(ifname, IFNAMSIZ, "%.15s", name);
	return ret;
}

static int
kernel_place(const char *ifname, const struct netif_conf *conf, struct netif_error *error)
{
	int ret;

	memset(error, 0, sizeof(*error));
	pthread_mutex_lock(&lock);
	ret = step();
	if (ret == 0)
		find(ifname)->placed = *conf;
	pthread_mutex_unlock(&lock);
	return ret;
}

static int
kernel_readdress(const char *ifname, const struct netif_conf *from, const struct netif_conf *to,
		struct netif_error *error)
{
	struct fake_device *device;
	int ret;

	memset(error, 0, sizeof(*error));
	pthread_mutex_lock(&lock);
	device = find_placed(ifname);
	ret = device == NULL ? -ENODEV : step();
	if (ret == 0) {
		/* what it was given is what is taken away */
		ret = memcmp(device->placed.addresses, from->addresses, sizeof(from->addresses)) !=
								      0 ||
						      memcmp(device->placed.routes, from->routes,
								      sizeof(from->routes)) != 0
				      ? -EINVAL
				      : 0;
		device->placed.nb_addresses = to->nb_addresses;
		memcpy(device->placed.addresses, to->addresses, sizeof(to->addresses));
		device->placed.nb_routes = to->nb_routes;
		memcpy(device->placed.routes, to->routes, sizeof(to->routes));
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static int
kernel_node(const char *name, char node[NAME_MAX + 1])
{
	snprintf(node, NAME_MAX + 1, "vhost-vdpa-%.2s", name);
	return 0;
}

const struct device_ops fake_kernel = {
	.make = kernel_make,
	.open = kernel_open,
	.attach = kernel_attach,
	.detach = kernel_detach,
	.remove = kernel_remove,
	.interface = kernel_interface,
	.node = kernel_node,
	.place = kernel_place,
	.readdress = kernel_readdress,
};
