/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "log.h"
#include "os/kernel.h"

/* "vendor" of devices without one of their own: none (virtio 1.2, 4.2.2) */
#define DEV_VENDOR_NONE 0

/* Newest API first; a kernel before 7.0 knows 0 only. */
#define DEV_API_NEWEST VDUSE_ABI_VERSION_1

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

/* Of the framework's features, which Linux has from 7.3 on, those that are wanted. */
static void
kernel_agree(const struct vduse_sys *sys, int control_fd, uint64_t wanted,
		struct vduse_kernel_api *api)
{
	uint64_t features;

	api->features = 0;
	api->agreed = 0;
	if (sys->ioctl(control_fd, VDUSE_IOC_GET_FEATURES, &features) < 0)
		return;
	api->features = features;
	features &= wanted;
	if (sys->ioctl(control_fd, VDUSE_IOC_SET_FEATURES, &features) == 0)
		api->agreed = features;
}

int
vduse_kernel_negotiate(const struct vduse_sys *sys, int control_fd, const char *name,
		struct vduse_kernel_api *api)
{
	int ret = -EINVAL;

	for (api->version = DEV_API_NEWEST;; api->version--) {
		uint64_t version = api->version;

		ret = sys->ioctl(control_fd, VDUSE_IOC_SET_API_VERSION, &version);
		if (ret == 0 || api->version == 0)
			break;
	}
	if (ret < 0) {
		VDUSE_LOG(ERR, "%s: the kernel takes none of the VDUSE API versions 0 to %u: %s",
				name, DEV_API_NEWEST, strerror(-ret));
		return ret;
	}
	kernel_agree(sys, control_fd,
			RTE_BIT64(VDUSE_ABI_F_QUEUE_READY) | RTE_BIT64(VDUSE_ABI_F_SUSPEND), api);
	return 0;
}

int
vduse_kernel_create(const struct vduse_sys *sys, int control_fd,
		const struct vduse_kernel_shape *shape, const struct rte_vduse_conf *conf)
{
	struct vduse_abi_create *config;
	int ret;

	config = calloc(1, sizeof(*config) + conf->config_size);
	if (config == NULL) {
		VDUSE_LOG(ERR, "%s: no memory to create it", conf->name);
		return -ENOMEM;
	}
	memcpy(config->name, conf->name, strlen(conf->name));
	config->vendor_id = DEV_VENDOR_NONE;
	config->device_id = conf->device_id;
	config->features = conf->features;
	config->vq_num = conf->nb_queues;
	config->vq_align = sysconf(_SC_PAGESIZE);
	if (shape->api_version >= VDUSE_ABI_VERSION_1) {
		config->ngroups = shape->nb_spaces;
		config->nas = shape->nb_spaces;
	}
	config->config_size = conf->config_size;
	memcpy(config->config, conf->config, conf->config_size);
	ret = sys->ioctl(control_fd, VDUSE_IOC_CREATE, config);
	free(config);
	if (ret == -EINVAL)
		return -ENOTSUP; /* a type or feature; the caller knows what it asked for */
	if (ret == -EEXIST)
		VDUSE_LOG(ERR,
				"%s: the name is in use in /dev/vduse; choose another, or stop the "
				"process that serves it; where there is none: dpdk-vduse-net "
				"--destroy %s",
				conf->name, conf->name);
	else if (ret == -EPERM)
		VDUSE_LOG(ERR,
				"%s: no permission to create it; run as root or with "
				"CAP_NET_ADMIN",
				conf->name);
	else if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot create it: %s; see the kernel log", conf->name,
				strerror(-ret));
	return ret;
}

int
vduse_kernel_destroy(const struct vduse_sys *sys, int control_fd, const char *name)
{
	char arg[VDUSE_ABI_NAME_MAX] = ""; /* the kernel copies all of it */

	memcpy(arg, name, strnlen(name, sizeof(arg) - 1));
	return sys->ioctl(control_fd, VDUSE_IOC_DESTROY, arg);
}

static int
kernel_setup_queues(const struct vduse_sys *sys, int fd, uint16_t nb_spaces,
		const struct rte_vduse_conf *conf)
{
	uint16_t i;
	int ret;

	for (i = 0; i < conf->nb_queues; i++) {
		struct vduse_abi_vq_setup vq = { .index = i, .max_size = conf->queue_size };

		if (nb_spaces > 1 && i >= conf->first_control_queue)
			vq.group = 1;
		ret = sys->ioctl(fd, VDUSE_IOC_VQ_SETUP, &vq);
		if (ret < 0) {
			VDUSE_LOG(ERR, "%s: queue %u of size %u: %s", conf->name, i,
					conf->queue_size, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static void
kernel_tune(const struct vduse_sys *sys, const char *name, const char *attr, const char *value)
{
	int ret = sys->set_attr(name, attr, value);

	if (ret < 0)
		VDUSE_LOG(WARNING, "%s: %s stays as it is: cannot write %s to it: %s", name, attr,
				value, strerror(-ret));
}

void
vduse_kernel_set_irq_affinity(const struct vduse_sys *sys, const struct rte_vduse_conf *conf)
{
	char attr[32];
	uint16_t i;

	for (i = 0; conf->tuning.irq_affinity != NULL && i < conf->nb_queues; i++) {
		snprintf(attr, sizeof(attr), "vq%u/irq_cb_affinity", i);
		kernel_tune(sys, conf->name, attr, conf->tuning.irq_affinity);
	}
}

static void
kernel_tune_all(const struct vduse_sys *sys, const struct rte_vduse_conf *conf)
{
	const struct rte_vduse_tuning *tuning = &conf->tuning;
	char value[16];

	if (tuning->msg_timeout >= 0) {
		snprintf(value, sizeof(value), "%d", tuning->msg_timeout);
		kernel_tune(sys, conf->name, "msg_timeout", value);
	}
	if (tuning->bounce_size != 0) {
		snprintf(value, sizeof(value), "%u", tuning->bounce_size);
		kernel_tune(sys, conf->name, "bounce_size", value);
	}
	vduse_kernel_set_irq_affinity(sys, conf);
}

int
vduse_kernel_setup(const struct vduse_sys *sys, int fd, uint16_t nb_spaces,
		const struct rte_vduse_conf *conf)
{
	int ret;

	ret = kernel_setup_queues(sys, fd, nb_spaces, conf);
	if (ret == 0)
		kernel_tune_all(sys, conf);
	return ret;
}

/* Created: open it and set it up. */
static int
kernel_open(const struct vduse_sys *sys, const struct rte_vduse_conf *conf)
{
	int fd, ret;

	fd = sys->open_device(conf->name);
	if (fd < 0) {
		vduse_kernel_log_open(conf->name, "its file in /dev/vduse", fd);
		return fd;
	}
	ret = vduse_kernel_setup(sys, fd, 1, conf);
	if (ret == 0)
		return fd;
	sys->close(fd);
	return ret;
}

int
vduse_kernel_make(const struct vduse_sys *sys, const struct rte_vduse_conf *conf)
{
	const struct vduse_kernel_shape shape = { .api_version = VDUSE_ABI_VERSION_0,
		.nb_spaces = 1 };
	uint64_t version = shape.api_version;
	struct vduse_kernel_api api;
	int control_fd, ret;

	control_fd = vduse_kernel_control(sys, conf->name);
	if (control_fd < 0)
		return control_fd;
	ret = sys->ioctl(control_fd, VDUSE_IOC_SET_API_VERSION, &version);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: the kernel does not take VDUSE API version 0: %s", conf->name,
				strerror(-ret));
	/* who adopts it need not know of another feature; one that refuses to suspend is reset */
	if (ret == 0)
		kernel_agree(sys, control_fd, RTE_BIT64(VDUSE_ABI_F_SUSPEND), &api);
	if (ret == 0)
		ret = vduse_kernel_create(sys, control_fd, &shape, conf);
	if (ret == 0) {
		ret = kernel_open(sys, conf);
		if (ret < 0)
			vduse_kernel_destroy(sys, control_fd, conf->name);
	}
	sys->close(control_fd);
	return ret;
}

/* Create a device that serves nobody, and destroy it. */
static int
probe_create(const struct vduse_sys *sys, int control_fd, uint64_t api_version,
		const struct rte_vduse_conf *conf)
{
	const struct vduse_kernel_shape shape = { .api_version = api_version, .nb_spaces = 1 };
	int ret;

	ret = vduse_kernel_create(sys, control_fd, &shape, conf);
	if (ret < 0)
		return ret;
	ret = vduse_kernel_destroy(sys, control_fd, conf->name);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: stays in /dev/vduse: %s; run dpdk-vduse-net --destroy %s",
				conf->name, strerror(-ret), conf->name);
	return ret;
}

int
rte_vduse_probe(uint32_t device_id, uint64_t features, struct rte_vduse_caps *caps)
{
	const struct vduse_sys *sys = vduse_sys_get();
	const uint8_t config[64] = { 0 };
	struct vduse_kernel_api api;
	char name[32];
	struct rte_vduse_conf conf = {
		.name = name,
		.device_id = device_id,
		/* what the kernel insists on, for every device or for a network device */
		.features = VDUSE_FEATURES_REQUIRED,
		.nb_queues = 2,
		.config = config,
		.config_size = sizeof(config),
		.tuning.msg_timeout = -1,
	};
	int control_fd, ret;

	memset(caps, 0, sizeof(*caps));
	snprintf(name, sizeof(name), "probe-%d", (int)getpid());
	control_fd = vduse_kernel_control(sys, name);
	if (control_fd < 0)
		return control_fd;
	ret = vduse_kernel_negotiate(sys, control_fd, name, &api);
	if (ret < 0)
		goto close;
	caps->api_version = api.version;
	caps->vduse_features = api.features;
	ret = probe_create(sys, control_fd, api.version, &conf);
	caps->device_type = ret == 0;
	conf.features |= features;
	if (ret == 0)
		ret = probe_create(sys, control_fd, api.version, &conf);
	caps->features = caps->device_type && ret == 0;
	if (ret == -ENOTSUP)
		ret = 0;
close:
	sys->close(control_fd);
	return ret;
}
