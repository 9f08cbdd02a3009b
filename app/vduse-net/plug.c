/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_devargs.h>
#include <rte_string_fns.h>
#include <rte_version.h>

#include "plug.h"
#include "say.h"
#include "vdev.h"

/* Looks between two tries, at most. */
#define SKIP_MAX 64

/* What EAL plugs in is shorter. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define ARGS_MAX VDEV_TOLD_MAX
#else
#define ARGS_MAX PLUG_DEVARGS_MAX
#endif

/* The kernel's driver of a device; "": it has none, or is not there. Return: the binding. */
static uint64_t
read_driver(const struct plug *plug, char *driver, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	struct stat st;
	ssize_t n;

	driver[0] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver", plug->bus, plug->device);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0 || lstat(path, &st) != 0)
		return 0;
	target[n] = '\0';
	name = strrchr(target, '/');
	strlcpy(driver, name != NULL ? name + 1 : target, size);
	return st.st_ino;
}

void
plug_note(struct plug *plug, uint16_t port)
{
	const struct rte_devargs *args;
	struct rte_eth_dev_info info;
	int length;

	memset(plug, 0, sizeof(*plug));
	if (rte_eth_dev_get_name_by_port(port, plug->port) != 0 ||
			rte_eth_dev_info_get(port, &info) != 0 || info.device == NULL)
		return;
	args = rte_dev_devargs(info.device);
	snprintf(plug->bus, sizeof(plug->bus), "%s", rte_bus_name(rte_dev_bus(info.device)));
	snprintf(plug->device, sizeof(plug->device), "%s", rte_dev_name(info.device));
	length = snprintf(plug->devargs, sizeof(plug->devargs), "%s:%s,%s", plug->bus, plug->device,
			args != NULL && args->args != NULL ? args->args : "");
	plug->binding = read_driver(plug, plug->driver, sizeof(plug->driver));
	if (plug->driver[0] == '\0' || length < ARGS_MAX)
		return;
	SAY("port %s: with its name and bus its arguments have %d characters, and EAL plugs in "
	    "up to %d: once unplugged it stays out until the next start; give it fewer",
			plug->port, length, ARGS_MAX - 1);
	plug->driver[0] = '\0';
}

int
plug_pull(struct plug *plug)
{
	const int ret = rte_eal_hotplug_remove(plug->bus, plug->device);

	/* another port of the same device was quicker */
	plug->out = ret == 0 || ret == -EINVAL || ret == -ENOENT;
	if (!plug->out)
		SAY("port %s: EAL does not let go of device %s: %s: who wants it back waits",
				plug->port, plug->device, strerror(-ret));
	return plug->out ? 0 : ret;
}

bool
plug_is_back(struct plug *plug)
{
	char driver[sizeof(plug->driver)];
	uint64_t binding;

	if (plug->driver[0] == '\0')
		return false;
	binding = read_driver(plug, driver, sizeof(driver));
	/* it takes the kernel a while to have it all away that was let go */
	if (strcmp(driver, plug->driver) != 0 || binding == plug->binding) {
		plug->tries = 0;
		plug->skip = 0;
		return false;
	}
	if (plug->skip == 0)
		return true;
	plug->skip--;
	return false;
}

int
plug_in(struct plug *plug, uint16_t *port)
{
	char driver[sizeof(plug->driver)];
	uint64_t binding;
	int ret;

	binding = read_driver(plug, driver, sizeof(driver));
	ret = rte_dev_probe(plug->devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(plug->port, port);
	plug->out = ret != 0;
	if (ret == 0) {
		plug->binding = binding;
		return 0;
	}
	if (plug->tries == 0)
		SAY("port %s: device %s is there again, and EAL does not take it: %s; EAL says why "
		    "above",
				plug->port, plug->device, strerror(-ret));
	plug->skip = RTE_MIN(1u << RTE_MIN(plug->tries, 16u), (unsigned int)SKIP_MAX);
	plug->tries++;
	return ret;
}
