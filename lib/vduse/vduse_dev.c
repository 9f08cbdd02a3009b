/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "vduse_bus.h"
#include "vduse_dev.h"
#include "vduse_log.h"
#include "vduse_msg.h"
#include "vduse_run.h"

RTE_LOG_REGISTER_DEFAULT(vduse_logtype, NOTICE);

/* "vendor" of devices without one of their own: none (virtio 1.2, 4.2.2) */
#define DEV_VENDOR_NONE 0

/* Newest API first; a kernel before 7.0 knows 0 only. */
#define DEV_API_NEWEST VDUSE_API_VERSION_1

static void
dev_log_open(const char *name, const char *path, int err)
{
	const char *cure;

	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		cure = "the vduse module is not loaded (modprobe vduse) or this kernel is built "
		       "without CONFIG_VDPA_USER";
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

static int
dev_open_control(const struct vduse_sys *sys, const char *name)
{
	int fd = sys->open_control();

	if (fd < 0)
		dev_log_open(name, "/dev/vduse/control", fd);
	return fd;
}

/* Agree on the API version and, from Linux 7.3 on, on the framework's features. */
static int
dev_negotiate_api(struct rte_vduse_dev *dev)
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
	features &= 1ULL << VDUSE_F_QUEUE_READY;
	if (dev->sys->ioctl(dev->control_fd, VDUSE_SET_FEATURES, &features) == 0)
		dev->vduse_features = features;
	return 0;
}

static int
dev_kernel_create(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_dev_config *config;
	int ret;

	config = calloc(1, sizeof(*config) + conf->config_size);
	if (config == NULL)
		return -ENOMEM;
	memcpy(config->name, dev->name, strlen(dev->name));
	config->vendor_id = DEV_VENDOR_NONE;
	config->device_id = conf->device_id;
	config->features = conf->features;
	config->vq_num = conf->nb_queues;
	config->vq_align = sysconf(_SC_PAGESIZE);
	if (dev->api_version >= VDUSE_API_VERSION_1) {
		config->ngroups = 1;
		config->nas = 1;
	}
	config->config_size = conf->config_size;
	memcpy(config->config, conf->config, conf->config_size);
	ret = dev->sys->ioctl(dev->control_fd, VDUSE_CREATE_DEV, config);
	free(config);
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
	else if (ret < 0 && ret != -EINVAL)
		VDUSE_LOG(ERR, "%s: cannot create it: %s; see the kernel log", dev->name,
				strerror(-ret));
	return ret;
}

static int
dev_kernel_destroy(const struct vduse_sys *sys, int control_fd, const char *name)
{
	char arg[VDUSE_NAME_MAX] = ""; /* the kernel copies all of it */

	memcpy(arg, name, strnlen(name, sizeof(arg) - 1));
	return sys->ioctl(control_fd, VDUSE_DESTROY_DEV, arg);
}

static int
dev_setup_queues(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	uint16_t i;
	int ret;

	for (i = 0; i < conf->nb_queues; i++) {
		struct vduse_vq_config vq = { .index = i, .max_size = conf->queue_size };

		ret = dev->sys->ioctl(dev->fd, VDUSE_VQ_SETUP, &vq);
		if (ret < 0) {
			VDUSE_LOG(ERR, "%s: queue %u of size %u: %s", dev->name, i,
					conf->queue_size, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

/* The kernel's side of the device. Mirror: dev_close(). */
static int
dev_open(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	int ret;

	dev->control_fd = dev_open_control(dev->sys, dev->name);
	if (dev->control_fd < 0)
		return dev->control_fd;
	ret = dev_negotiate_api(dev);
	if (ret < 0)
		goto close_control;
	ret = dev_kernel_create(dev, conf);
	if (ret < 0)
		goto close_control;
	dev->fd = dev->sys->open_device(dev->name);
	if (dev->fd < 0) {
		ret = dev->fd;
		dev_log_open(dev->name, "its file in /dev/vduse", ret);
		goto destroy;
	}
	ret = dev_setup_queues(dev, conf);
	if (ret < 0)
		goto close_fd;
	return 0;

close_fd:
	dev->sys->close(dev->fd);
destroy:
	dev_kernel_destroy(dev->sys, dev->control_fd, dev->name);
close_control:
	dev->sys->close(dev->control_fd);
	return ret;
}

static int
dev_close(struct rte_vduse_dev *dev)
{
	int ret;

	dev->sys->close(dev->fd);
	ret = dev_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	if (ret < 0)
		VDUSE_LOG(ERR,
				"%s: stays in /dev/vduse: %s; take it off the vDPA bus and run "
				"dpdk-vduse-net --destroy %s",
				dev->name, strerror(-ret), dev->name);
	dev->sys->close(dev->control_fd);
	return ret;
}

static void
dev_free_queues(struct rte_vduse_dev *dev)
{
	while (dev->nb_queues > 0) {
		struct vduse_vq *vq = dev->vqs[--dev->nb_queues];

		vduse_vq_fini(vq);
		rte_free(vq);
	}
	free(dev->kick_ids);
	free(dev->vqs);
	rte_free(dev->qs);
}

/* Our side of the virtqueues. Mirror: dev_free_queues(). */
static int
dev_alloc_queues(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_vq *vq;
	int ret = -ENOMEM;

	dev->qs = rte_zmalloc(
			"vduse_qs", rte_rcu_qsbr_get_memsize(conf->nb_queues), RTE_CACHE_LINE_SIZE);
	dev->vqs = calloc(conf->nb_queues,
			sizeof(dev->vqs[0])); /* NOLINT(bugprone-sizeof-expression) */
	dev->kick_ids = calloc(conf->nb_queues, sizeof(dev->kick_ids[0]));
	if (dev->qs == NULL || dev->vqs == NULL || dev->kick_ids == NULL)
		goto fail;
	rte_rcu_qsbr_init(dev->qs, conf->nb_queues);
	dev->env.qs = dev->qs;
	for (dev->nb_queues = 0; dev->nb_queues < conf->nb_queues; dev->nb_queues++) {
		vq = rte_zmalloc("vduse_vq", sizeof(*vq), RTE_CACHE_LINE_SIZE);
		if (vq == NULL)
			goto fail;
		ret = vduse_vq_init(vq, &dev->env, dev->nb_queues, conf->queue_size);
		if (ret < 0) {
			rte_free(vq);
			goto fail;
		}
		vq->ctl.kicks = dev->nb_queues >= conf->first_control_queue;
		dev->vqs[dev->nb_queues] = vq;
	}
	return 0;

fail:
	VDUSE_LOG(ERR, "%s: no memory for %u queues: %s; give DPDK more (-m, hugepages)", dev->name,
			conf->nb_queues, strerror(-ret));
	dev_free_queues(dev);
	return ret;
}

static int
dev_check_conf(const struct rte_vduse_conf *conf)
{
	const size_t len = conf->name != NULL ? strlen(conf->name) : 0;

	if (len == 0 || len > RTE_VDUSE_NAME_MAX || strchr(conf->name, '/') != NULL ||
			strcmp(conf->name, ".") == 0 || strcmp(conf->name, "..") == 0 ||
			strcmp(conf->name, "control") == 0) {
		VDUSE_LOG(ERR,
				"the device name '%.32s%s' cannot be a file in /dev/vduse; use 1 "
				"to %u "
				"bytes without '/', and not \"control\"",
				len > 0 ? conf->name : "", len > 32 ? "..." : "",
				RTE_VDUSE_NAME_MAX);
		return -EINVAL;
	}
	if (conf->nb_queues == 0 || conf->queue_size == 0 || conf->ops == NULL) {
		VDUSE_LOG(ERR, "%s: a device needs queues of a size, and ops", conf->name);
		return -EINVAL;
	}
	return 0;
}

int
rte_vduse_dev_create(const struct rte_vduse_conf *conf, struct rte_vduse_dev **out)
{
	struct rte_vduse_dev *dev;
	int ret;

	ret = dev_check_conf(conf);
	if (ret < 0)
		return ret;
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -ENOMEM;
	strcpy(dev->name, conf->name);
	dev->sys = vduse_sys_get();
	dev->ops = *conf->ops;
	dev->priv = conf->priv;
	dev->offered = conf->features;
	dev->first_control_queue = conf->first_control_queue;
	ret = dev_open(dev, conf);
	if (ret < 0)
		goto free_dev;
	ret = dev_alloc_queues(dev, conf);
	if (ret < 0)
		goto close_dev;
	ret = vduse_iotlb_init(&dev->tlb, dev->sys, dev->fd, dev->qs);
	if (ret < 0)
		goto free_queues;
	dev->env.sys = dev->sys;
	dev->env.fd = dev->fd;
	dev->env.tlb = &dev->tlb;
	dev->env.fault_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dev->env.fault_fd < 0) {
		ret = -errno;
		goto fini_tlb;
	}
	ret = vduse_run_begin(dev);
	if (ret < 0)
		goto close_fault;
	*out = dev;
	return 0;

close_fault:
	close(dev->env.fault_fd);
fini_tlb:
	vduse_iotlb_fini(&dev->tlb);
free_queues:
	dev_free_queues(dev);
close_dev:
	dev_close(dev);
free_dev:
	free(dev);
	return ret;
}

int
rte_vduse_dev_destroy(struct rte_vduse_dev *dev)
{
	int ret;

	ret = rte_vduse_dev_detach(dev);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot take it off the vDPA bus: %s", dev->name,
				strerror(-ret));
	vduse_run_end(dev);
	close(dev->env.fault_fd);
	vduse_iotlb_fini(&dev->tlb);
	dev_free_queues(dev);
	ret = dev_close(dev);
	free(dev);
	return ret;
}

int
rte_vduse_dev_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how)
{
	int ret;

	if (dev->attached || how == RTE_VDUSE_ATTACH_NONE)
		return 0;
	ret = vduse_bus_attach(dev->name, how);
	dev->attached = ret == 0;
	return ret;
}

int
rte_vduse_dev_detach(struct rte_vduse_dev *dev)
{
	int ret;

	if (!dev->attached)
		return 0;
	ret = vduse_bus_detach(dev->name);
	dev->attached = ret < 0;
	return ret;
}

int
rte_vduse_dev_set_config(struct rte_vduse_dev *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct vduse_config_data *config;
	int ret;

	config = calloc(1, sizeof(*config) + len);
	if (config == NULL)
		return -ENOMEM;
	config->offset = offset;
	config->length = len;
	memcpy(config->buffer, data, len);
	ret = dev->sys->ioctl(dev->fd, VDUSE_DEV_SET_CONFIG, config);
	free(config);
	if (ret < 0)
		return ret;
	ret = dev->sys->ioctl(dev->fd, VDUSE_DEV_INJECT_CONFIG_IRQ, NULL);
	/* EINVAL: no driver to be told; it reads the configuration when it comes */
	return ret == -EINVAL ? 0 : ret;
}

void
rte_vduse_dev_info(const struct rte_vduse_dev *dev, struct rte_vduse_info *info)
{
	info->api_version = dev->api_version;
	info->driver_features = __atomic_load_n(&dev->driver_features, __ATOMIC_RELAXED);
	info->status = __atomic_load_n(&dev->status, __ATOMIC_RELAXED);
	info->started = __atomic_load_n(&dev->started, __ATOMIC_RELAXED);
	info->broken = __atomic_load_n(&dev->broken, __ATOMIC_RELAXED);
}

/* A device that nobody serves still has a driver that waits for answers while it leaves. */
static int
remove_get_vq_state(__rte_unused void *ctx, __rte_unused uint16_t index,
		__rte_unused struct vduse_vq_state *state)
{
	return 0;
}

static int
remove_set_status(__rte_unused void *ctx, __rte_unused uint8_t status)
{
	return 0;
}

static int
remove_update_iotlb(__rte_unused void *ctx, __rte_unused uint64_t start, __rte_unused uint64_t last)
{
	return 0;
}

static int
remove_set_vq_ready(__rte_unused void *ctx, __rte_unused uint16_t index, __rte_unused bool ready)
{
	return 0;
}

static const struct vduse_msg_ops remove_ops = {
	.get_vq_state = remove_get_vq_state,
	.set_status = remove_set_status,
	.update_iotlb = remove_update_iotlb,
	.set_vq_ready = remove_set_vq_ready,
};

static void
remove_on_message(void *arg, __rte_unused uint32_t events)
{
	vduse_msg_serve(arg);
}

int
rte_vduse_dev_remove(const char *name)
{
	const struct vduse_sys *sys = vduse_sys_get();
	struct vduse_msg_port port = { .sys = sys, .nb_queues = UINT16_MAX, .ops = &remove_ops };
	vduse_ctl_id_t id;
	int control_fd, ret;

	control_fd = dev_open_control(sys, name);
	if (control_fd < 0)
		return control_fd;
	/* opens once only: what opens is served by nobody */
	port.fd = sys->open_device(name);
	if (port.fd < 0) {
		ret = port.fd == -ENOENT ? -ENODEV : port.fd;
		goto close_control;
	}
	ret = vduse_ctl_add(port.fd, EPOLLIN, remove_on_message, &port, &id);
	if (ret == 0) {
		ret = vduse_bus_detach(name);
		vduse_ctl_del(id);
	}
	sys->close(port.fd);
	if (ret == 0)
		ret = dev_kernel_destroy(sys, control_fd, name);
close_control:
	sys->close(control_fd);
	return ret;
}
