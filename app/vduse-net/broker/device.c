/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_vduse.h>
#include <rte_vduse_net.h>

#include "broker/device.h"
#include "profile.h"

static int
kernel_make(struct control_container *conf, uint32_t mtu)
{
	struct rte_vduse_net_conf net;
	int fd, ret;

	rte_vduse_net_conf_init(&net);
	net.dev.name = conf->name;
	net.dev.queue_size = (uint16_t)conf->queue_size;
	net.queue_pairs = (uint16_t)conf->queues;
	net.mtu = (uint16_t)mtu;
	net.mq_fallback = true;
	net.profile = profile_of(conf->profile);
	if (rte_ether_unformat_addr(conf->mac, &net.mac) != 0)
		return -EINVAL;
	ret = rte_vduse_net_make(&net, &fd);
	if (ret < 0)
		return ret;
	conf->queues = net.queue_pairs;
	return fd;
}

static int
kernel_open(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static int
kernel_attach(const char *name, const char *how)
{
	return rte_vduse_dev_attach_by_name(name, strcmp(how, "vhost") == 0
								  ? RTE_VDUSE_ATTACH_VHOST
								  : RTE_VDUSE_ATTACH_VIRTIO);
}

static int
kernel_interface(const char *name, char ifname[IFNAMSIZ])
{
	return rte_vduse_dev_interface(name, ifname, IFNAMSIZ);
}

static int
kernel_node(const char *name, char node[NAME_MAX + 1])
{
	char path[PATH_MAX];
	const struct dirent *entry;
	int ret = -ENODEV;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/bus/vdpa/devices/%s", name);
	folder = opendir(path);
	while (ret < 0 && folder != NULL && (entry = readdir(folder)) != NULL) {
		if (strncmp(entry->d_name, "vhost-vdpa-", 11) != 0)
			continue;
		snprintf(node, NAME_MAX + 1, "%s", entry->d_name);
		ret = 0;
	}
	if (folder != NULL)
		closedir(folder);
	return ret;
}

const struct device_ops device_kernel = {
	.make = kernel_make,
	.open = kernel_open,
	.attach = kernel_attach,
	.detach = rte_vduse_dev_detach_by_name,
	.remove = rte_vduse_dev_remove,
	.interface = kernel_interface,
	.node = kernel_node,
	.place = netif_place,
	.readdress = netif_readdress,
};
