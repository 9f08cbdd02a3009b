/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "vduse_adopt.h"
#include "vduse_bus.h"
#include "vduse_kernel.h"
#include "vduse_log.h"

/* "vendor" of devices without one of their own: none (virtio 1.2, 4.2.2) */
#define DEV_VENDOR_NONE 0

/* Newest API first; a kernel before 7.0 knows 0 only. */
#define DEV_API_NEWEST VDUSE_API_VERSION_1

void
vduse_kernel_log_open(const char *name, const char *path, int err)
{
	const char *cure;

	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		cure = "the vduse module is not loaded (modprobe vduse) or this kernel is built "
		       "without CONFIG_VDPA_USER";
		break;
	case -EBUSY:
		cure = "another process serves it; stop that one first";
		break;
	case -EACCES:
	case -EPERM:
		cure = "run as root, or give this user the device file and CAP_NET_ADMIN";
		break;
	default:
		cure = "see the limits of the process and the kernel log";
		break;
	}
	VDUSE_LOG(ERR, "%s: cannot open %s: %s; %s", name, path, strerror(-err), cure);
}

int
vduse_kernel_control(const struct vduse_sys *sys, const char *name)
{
	int fd = sys->open_control();

	if (fd < 0)
		vduse_kernel_log_open(name, "/dev/vduse/control", fd);
	return fd;
}

/* Agree on the API version and, from Linux 7.3 on, on the framework's features. */
static int
kernel_negotiate(struct rte_vduse_dev *dev)
{
	uint64_t features;
	int ret = -EINVAL;

	for (dev->api_version = DEV_API_NEWEST;; dev->api_version--) {
		uint64_t version = dev->api_version;

		ret = dev->sys->ioctl(dev->control_fd, VDUSE_SET_API_VERSION, &version);
		if (ret == 0 || dev->api_version == 0)
			break;
	}
	if (ret < 0) {
		VDUSE_LOG(ERR, "%s: the kernel takes none of the VDUSE API versions 0 to %u: %s",
				dev->name, DEV_API_NEWEST, strerror(-ret));
		return ret;
	}
	dev->vduse_features = 0;
	if (dev->sys->ioctl(dev->control_fd, VDUSE_GET_FEATURES, &features) < 0)
		return 0;
	dev->kernel_features = features;
	features &= 1ULL << VDUSE_F_QUEUE_READY;
	if (dev->sys->ioctl(dev->control_fd, VDUSE_SET_FEATURES, &features) == 0)
		dev->vduse_features = features;
	return 0;
}

static int
kernel_create(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_dev_config *config;
	int ret;

	config = calloc(1, sizeof(*config) + conf->config_size);
	if (config == NULL) {
		VDUSE_LOG(ERR, "%s: no memory to create it", dev->name);
		return -ENOMEM;
	}
	memcpy(config->name, dev->name, strlen(dev->name));
	config->vendor_id = DEV_VENDOR_NONE;
	config->device_id = conf->device_id;
	config->features = conf->features;
	config->vq_num = conf->nb_queues;
	config->vq_align = sysconf(_SC_PAGESIZE);
	if (dev->api_version >= VDUSE_API_VERSION_1) {
		config->ngroups = dev->nb_spaces;
		config->nas = dev->nb_spaces;
	}
	config->config_size = conf->config_size;
	memcpy(config->config, conf->config, conf->config_size);
	ret = dev->sys->ioctl(dev->control_fd, VDUSE_CREATE_DEV, config);
	free(config);
	if (ret == -EINVAL)
		return -ENOTSUP; /* a type or feature; the caller knows what it asked for */
	if (ret == -EEXIST)
		VDUSE_LOG(ERR,
				"%s: the name is in use in /dev/vduse; choose another, or stop the "
				"process that serves it; where there is none: dpdk-vduse-net "
				"--destroy %s",
				dev->name, dev->name);
	else if (ret == -EPERM)
		VDUSE_LOG(ERR,
				"%s: no permission to create it; run as root or with "
				"CAP_NET_ADMIN",
				dev->name);
	else if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot create it: %s; see the kernel log", dev->name,
				strerror(-ret));
	return ret;
}

int
vduse_kernel_destroy(const struct vduse_sys *sys, int control_fd, const char *name)
{
	char arg[VDUSE_NAME_MAX] = ""; /* the kernel copies all of it */

	memcpy(arg, name, strnlen(name, sizeof(arg) - 1));
	return sys->ioctl(control_fd, VDUSE_DESTROY_DEV, arg);
}

static int
kernel_setup_queues(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	uint16_t i;
	int ret;

	for (i = 0; i < conf->nb_queues; i++) {
		struct vduse_vq_config vq = { .index = i, .max_size = conf->queue_size };

		if (dev->nb_spaces > 1 && i >= conf->first_control_queue)
			vq.group = 1;
		ret = dev->sys->ioctl(dev->fd, VDUSE_VQ_SETUP, &vq);
		if (ret < 0) {
			VDUSE_LOG(ERR, "%s: queue %u of size %u: %s", dev->name, i,
					conf->queue_size, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static void
kernel_tune(struct rte_vduse_dev *dev, const char *attr, const char *value)
{
	int ret = dev->sys->set_attr(dev->name, attr, value);

	if (ret < 0)
		VDUSE_LOG(WARNING, "%s: %s stays as it is: cannot write %s to it: %s", dev->name,
				attr, value, strerror(-ret));
}

static void
kernel_tune_all(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	const struct rte_vduse_tuning *tuning = &conf->tuning;
	char attr[32], value[16];
	uint16_t i;

	if (tuning->msg_timeout_plus_1 != 0) {
		snprintf(value, sizeof(value), "%u", tuning->msg_timeout_plus_1 - 1);
		kernel_tune(dev, "msg_timeout", value);
	}
	if (tuning->bounce_size != 0) {
		snprintf(value, sizeof(value), "%u", tuning->bounce_size);
		kernel_tune(dev, "bounce_size", value);
	}
	for (i = 0; tuning->irq_affinity != NULL && i < conf->nb_queues; i++) {
		snprintf(attr, sizeof(attr), "vq%u/irq_cb_affinity", i);
		kernel_tune(dev, attr, tuning->irq_affinity);
	}
}

int
vduse_kernel_make(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	int ret;

	ret = kernel_create(dev, conf);
	if (ret < 0)
		return ret;
	dev->fd = dev->sys->open_device(dev->name);
	if (dev->fd < 0) {
		ret = dev->fd;
		vduse_kernel_log_open(dev->name, "its file in /dev/vduse", ret);
		goto destroy;
	}
	ret = kernel_setup_queues(dev, conf);
	if (ret < 0)
		goto close_fd;
	kernel_tune_all(dev, conf);
	ret = vduse_adopt_served(dev, conf);
	if (ret < 0)
		goto close_fd;
	return 0;

close_fd:
	dev->sys->close(dev->fd);
destroy:
	vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	return ret;
}

int
vduse_kernel_open(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	int ret;

	ret = vduse_adopt(dev, conf);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	dev->control_fd = vduse_kernel_control(dev->sys, dev->name);
	if (dev->control_fd < 0) {
		ret = dev->control_fd;
		goto close_store;
	}
	ret = kernel_negotiate(dev);
	if (ret < 0)
		goto close_control;
	if (dev->api_version >= VDUSE_API_VERSION_1 && conf->first_control_queue < conf->nb_queues)
		dev->nb_spaces = 2;
	ret = vduse_adopt_creating(dev, conf);
	if (ret == 0)
		ret = vduse_kernel_make(dev, conf);
	if (ret < 0)
		goto close_control;
	return 0;

close_control:
	dev->sys->close(dev->control_fd);
close_store:
	vduse_store_close(dev->store, true);
	dev->store = NULL;
	return ret;
}

int
vduse_kernel_close(struct rte_vduse_dev *dev)
{
	uint32_t waited = 0;
	int ret = 0;

	if (dev->fd >= 0)
		dev->sys->close(dev->fd);
	if (dev->adopted || dev->handover.left) {
		vduse_store_close(dev->store, false);
		if (dev->control_fd >= 0)
			dev->sys->close(dev->control_fd);
		return 0;
	}
	/* off the bus it is busy only while somebody else has its file open, to look at it perhaps
	 */
	do {
		if (dev->renewal.removed)
			break;
		ret = vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	} while (ret == -EBUSY && !vduse_place_is_attached(dev) && vduse_bus_wait(&waited));
	if (ret < 0)
		VDUSE_LOG(ERR,
				"%s: stays in /dev/vduse: %s; take it off the vDPA bus and run "
				"dpdk-vduse-net --destroy %s",
				dev->name, strerror(-ret), dev->name);
	vduse_store_close(dev->store, ret == 0);
	dev->sys->close(dev->control_fd);
	return ret;
}

/* Create a device that serves nobody, and destroy it. */
static int
probe_create(struct rte_vduse_dev *dev, uint32_t device_id, uint64_t features)
{
	const uint8_t config[64] = { 0 };
	const struct rte_vduse_conf conf = {
		.device_id = device_id,
		.features = features,
		.nb_queues = 2,
		.config = config,
		.config_size = sizeof(config),
	};
	int ret;

	ret = kernel_create(dev, &conf);
	if (ret < 0)
		return ret;
	ret = vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: stays in /dev/vduse: %s; run dpdk-vduse-net --destroy %s",
				dev->name, strerror(-ret), dev->name);
	return ret;
}

int
rte_vduse_probe(uint32_t device_id, uint64_t features, struct rte_vduse_caps *caps)
{
	/* what the kernel insists on, for every device or for a network device */
	const uint64_t needed = (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_F_ACCESS_PLATFORM);
	struct rte_vduse_dev dev = { .sys = vduse_sys_get(), .nb_spaces = 1 };
	int ret;

	memset(caps, 0, sizeof(*caps));
	snprintf(dev.name, sizeof(dev.name), "probe-%d", (int)getpid());
	dev.control_fd = vduse_kernel_control(dev.sys, dev.name);
	if (dev.control_fd < 0)
		return dev.control_fd;
	ret = kernel_negotiate(&dev);
	if (ret < 0)
		goto close;
	caps->api_version = dev.api_version;
	caps->vduse_features = dev.kernel_features;
	ret = probe_create(&dev, device_id, needed);
	caps->device_type = ret == 0;
	if (ret == 0)
		ret = probe_create(&dev, device_id, needed | features);
	caps->features = caps->device_type && ret == 0;
	if (ret == -ENOTSUP)
		ret = 0;
close:
	dev.sys->close(dev.control_fd);
	return ret;
}
