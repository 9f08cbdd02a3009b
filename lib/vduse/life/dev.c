/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include <rte_malloc.h>

#include "life/adopt.h"
#include "life/handover.h"
#include "life/open.h"
#include "life/place.h"
#include "life/recreate.h"
#include "life/serve.h"
#include "log.h"
#include "ring/queue.h"
#include "trace.h"

static int
dev_agree(__rte_unused void *priv, __rte_unused uint64_t features)
{
	return 0;
}

static void
dev_no_stop(__rte_unused void *priv)
{
}

static void
dev_no_queue(__rte_unused void *priv, __rte_unused uint16_t index, __rte_unused bool enabled)
{
}

static void
dev_no_kick(__rte_unused void *priv, __rte_unused uint16_t index)
{
}

/* What the owner does not ask for is done by nobody. */
static void
dev_set_ops(struct rte_vduse_dev *dev, const struct rte_vduse_ops *ops)
{
	dev->ops = *ops;
	if (ops->check_features == NULL)
		dev->ops.check_features = dev_agree;
	if (ops->start == NULL)
		dev->ops.start = dev_agree;
	if (ops->stop == NULL)
		dev->ops.stop = dev_no_stop;
	if (ops->queue == NULL)
		dev->ops.queue = dev_no_queue;
	if (ops->kick == NULL)
		dev->ops.kick = dev_no_kick;
}

static const char *
dev_cure(int err)
{
	if (err == -EMFILE || err == -ENFILE)
		return "allow more open files (ulimit -n, fs.file-max)";
	return "give DPDK more memory (-m, hugepages), or free some";
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
	free(dev->readers);
}

/* Our side of the virtqueues. Mirror: dev_free_queues(). */
static int
dev_alloc_queues(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_vq *vq;
	int ret = -ENOMEM;

	vduse_readers_setup();
	dev->readers = calloc(1,
			sizeof(*dev->readers) + conf->nb_queues * sizeof(dev->readers->readers[0]));
	dev->vqs = calloc(conf->nb_queues,
			sizeof(dev->vqs[0])); /* NOLINT(bugprone-sizeof-expression) */
	dev->kick_ids = calloc(conf->nb_queues, sizeof(dev->kick_ids[0]));
	if (dev->readers == NULL || dev->vqs == NULL || dev->kick_ids == NULL)
		goto fail;
	dev->env.readers = dev->readers;
	for (dev->nb_queues = 0; dev->nb_queues < conf->nb_queues; dev->nb_queues++) {
		vq = rte_zmalloc("vduse_vq", sizeof(*vq), RTE_CACHE_LINE_SIZE);
		if (vq == NULL) {
			ret = -ENOMEM;
			goto fail;
		}
		ret = vduse_vq_init(vq, &dev->env, dev->nb_queues, conf->queue_size,
				dev->store != NULL
						? vduse_statefile_record(dev->store, dev->nb_queues)
						: NULL);
		if (ret < 0) {
			rte_free(vq);
			goto fail;
		}
		vq->ctl.kicks = dev->nb_queues >= conf->first_control_queue;
		dev->vqs[dev->nb_queues] = vq;
		dev->readers->readers[dev->readers->nb++] = &vq->reader;
	}
	return 0;

fail:
	VDUSE_LOG(ERR, "%s: cannot make %u queues: %s; %s", dev->name, conf->nb_queues,
			strerror(-ret), dev_cure(ret));
	dev_free_queues(dev);
	return ret;
}

static void
dev_fini_tlbs(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_spaces; i++)
		vduse_iotlb_fini(&dev->tlbs[i]);
	vduse_share_put(dev->share);
}

/* Every queue begins in address space 0. Mirror: dev_fini_tlbs(). */
static int
dev_init_tlbs(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	const bool v2 = dev->api_version >= VDUSE_ABI_VERSION_1;
	uint16_t i;
	int ret;

	dev->share = vduse_share_new(
			conf->max_regions != 0 ? conf->max_regions : RTE_VDUSE_MAX_REGIONS,
			conf->max_memory != 0 ? conf->max_memory : RTE_VDUSE_MAX_MEMORY);
	if (dev->share == NULL)
		return -ENOMEM;
	for (i = 0; i < dev->nb_spaces; i++) {
		ret = vduse_iotlb_init(&dev->tlbs[i], dev->sys, dev->fd, dev->readers,
				v2 ? i : VDUSE_SPACE_ONLY);
		if (ret < 0) {
			while (i-- > 0)
				vduse_iotlb_fini(&dev->tlbs[i]);
			vduse_share_put(dev->share);
			return ret;
		}
		dev->tlbs[i].name = dev->name;
		dev->tlbs[i].share = dev->share;
		dev->tlbs[i].hold.held = conf->hold != NULL ? dev->ops.held : NULL;
		dev->tlbs[i].hold.arg = conf->hold;
		vduse_iotlb_close(&dev->tlbs[i]); /* until a driver is there */
	}
	if (dev->umem.wanted)
		dev->tlbs[0].umem = &dev->umem;
	for (i = 0; i < dev->nb_queues; i++)
		dev->vqs[i]->map.tlb = &dev->tlbs[0];
	return 0;
}

/* Before the map. Mirror: vduse_umem_fini(). */
static int
dev_init_umem(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	int ret;

	ret = vduse_umem_init(&dev->umem, dev->name, dev->sys, dev->fd);
	if (ret < 0)
		return ret;
	dev->umem.hold.held = conf->hold != NULL ? conf->ops->held : NULL;
	dev->umem.hold.arg = conf->hold;
	if ((dev->adopted || dev->resumed) && !vduse_dev_is_waiting(dev))
		vduse_umem_reclaim(&dev->umem);
	if (conf->umem)
		vduse_umem_want(&dev->umem, conf->tuning.bounce_size);
	return 0;
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

static void
dev_free(struct rte_vduse_dev *dev)
{
	vduse_place_fini(&dev->place);
	free(dev);
}

/* What does not need the kernel. Mirror: dev_free(). */
static struct rte_vduse_dev *
dev_alloc(const struct rte_vduse_conf *conf)
{
	struct rte_vduse_dev *dev = calloc(1, sizeof(*dev));

	if (dev == NULL)
		return NULL;
	strcpy(dev->name, conf->name);
	dev->sys = vduse_sys_get();
	dev_set_ops(dev, conf->ops);
	dev->priv = conf->priv;
	dev->keep = conf->keep;
	dev->handover.never = conf->no_successor;
	dev->lost = vduse_recreate_start;
	dev->handover.listen_fd = -1;
	dev->handover.peer_fd = -1;
	dev->offered = conf->features;
	dev->nb_spaces = 1;
	vduse_place_init(&dev->place);
	dev->first_control_queue = conf->first_control_queue;
	return dev;
}

static void
dev_fini_memory(struct rte_vduse_dev *dev)
{
	close(dev->env.fault_fd);
	dev_fini_tlbs(dev);
	vduse_umem_fini(&dev->umem);
}

/* The driver's memory, and how the control thread hears of it. Mirror: dev_fini_memory(). */
static int
dev_init_memory(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	uint16_t i;
	int ret;

	ret = dev_init_umem(dev, conf);
	if (ret < 0)
		return ret;
	ret = dev_init_tlbs(dev, conf);
	if (ret < 0)
		goto fini_umem;
	dev->env.sys = dev->sys;
	dev->env.fd = dev->fd;
	dev->env.fault_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dev->env.fault_fd < 0) {
		ret = -errno;
		goto fini_tlbs;
	}
	for (i = 0; i < dev->nb_spaces; i++)
		dev->tlbs[i].lost_fd = dev->env.fault_fd;
	return 0;

fini_tlbs:
	dev_fini_tlbs(dev);
fini_umem:
	vduse_umem_fini(&dev->umem);
	return ret;
}

static void
dev_fini_takeover(struct rte_vduse_dev *dev)
{
	vduse_adopt_give_back(dev);
	if (dev->takeover.fd >= 0)
		close(dev->takeover.fd);
	free(dev->takeover.set);
}

/* It was opened, and nobody serves it. */
static void
dev_leave_open(struct rte_vduse_dev *dev)
{
	dev_fini_takeover(dev);
	if (dev->resumed)
		vduse_phase_set(dev, VDUSE_PHASE_LEFT); /* it is as it was found */
	vduse_close(dev);
}

void
rte_vduse_conf_init(struct rte_vduse_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->first_control_queue = UINT16_MAX;
	conf->adopt_fd = -1;
	conf->tuning.msg_timeout = -1;
}

int
rte_vduse_dev_create(const struct rte_vduse_conf *asked, struct rte_vduse_dev **out)
{
	struct rte_vduse_conf conf = *asked;
	struct rte_vduse_dev *dev;
	int ret;

	conf.first_control_queue = RTE_MIN(conf.first_control_queue, conf.nb_queues);
	ret = dev_check_conf(&conf);
	if (ret < 0)
		return ret;
	dev = dev_alloc(&conf);
	if (dev == NULL) {
		VDUSE_LOG(ERR, "%s: no memory to create it", conf.name);
		return -ENOMEM;
	}
	ret = vduse_open(dev, &conf);
	if (ret < 0)
		goto free_dev;
	ret = dev_alloc_queues(dev, &conf);
	if (ret < 0)
		goto close_dev;
	ret = dev_init_memory(dev, &conf);
	if (ret < 0)
		goto free_queues;
	ret = vduse_recreate_init(dev, &conf);
	if (ret < 0)
		goto fini_memory;
	ret = vduse_serve_begin(dev);
	if (ret < 0)
		goto fini_recreation;
	dev->found = dev->resumed && conf.keep_unattached;
	vduse_recreation_mutex_alone(&dev->recreation.lock);
	dev->recreation.gone = vduse_dev_is_waiting(dev);
	*out = dev;
	return 0;

fini_recreation:
	vduse_recreate_fini(dev);
fini_memory:
	dev_fini_memory(dev);
free_queues:
	VDUSE_LOG(ERR, "%s: cannot serve it: %s; %s", dev->name, strerror(-ret), dev_cure(ret));
	dev_free_queues(dev);
close_dev:
	dev_leave_open(dev);
free_dev:
	dev_free(dev);
	return ret;
}

/*
 * Whether it is there for a process that follows. One that was resumed by a
 * process that did not come so far as to serve it is as it was found.
 */
static bool
dev_stays(const struct rte_vduse_dev *dev)
{
	vduse_recreation_mutex_alone(&dev->recreation.lock);
	return dev->store != NULL && !dev->recreation.gone && (dev->found || dev->keep);
}

int
rte_vduse_dev_detach(struct rte_vduse_dev *dev)
{
	if (!dev->adopted)
		vduse_place_look(dev);
	return vduse_place_detach(dev);
}

static void
dev_leave_bus(struct rte_vduse_dev *dev)
{
	int ret = rte_vduse_dev_detach(dev);

	if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot take it off the vDPA bus: %s", dev->name,
				strerror(-ret));
}

int
rte_vduse_dev_ready(struct rte_vduse_dev *dev)
{
	int ret;

	ret = vduse_handover_listen(dev);
	if (ret < 0)
		VDUSE_LOG(WARNING, "%s: cannot be taken over: no socket beside its state file: %s",
				dev->name, strerror(-ret));
	ret = vduse_serve_ready(dev);
	if (ret < 0) {
		vduse_handover_close(dev);
		VDUSE_LOG(ERR, "%s: cannot serve it: %s; %s", dev->name, strerror(-ret),
				dev_cure(ret));
		return ret;
	}
	dev->fd_lent = false;
	vduse_trace_device_created(dev->name, dev->fd, dev->nb_queues, dev->api_version);
	return 0;
}

int
rte_vduse_dev_hand_over(struct rte_vduse_dev *dev)
{
	vduse_handover_wait(dev);
	return vduse_dev_is_out(dev) ? 0 : -ENOENT;
}

int
rte_vduse_dev_destroy(struct rte_vduse_dev *dev)
{
	int ret;

	vduse_recreate_stop(dev);
	vduse_handover_close(dev);
	if (vduse_dev_is_waiting(dev))
		vduse_phase_set(dev, VDUSE_PHASE_LEFT); /* or rather, never came */
	if (!vduse_dev_is_out(dev) && !dev_stays(dev))
		dev_leave_bus(dev);
	vduse_serve_end(dev);
	if (!vduse_dev_is_out(dev) && dev_stays(dev)) {
		vduse_phase_set(dev, VDUSE_PHASE_LEFT);
		VDUSE_LOG(NOTICE,
				"%s: stays for the process that follows; dpdk-vduse-net --destroy "
				"%s removes it",
				dev->name, dev->name);
	}
	dev_fini_takeover(dev);
	close(dev->env.fault_fd);
	dev_fini_tlbs(dev);
	dev_free_queues(dev);
	ret = vduse_close(dev);
	vduse_recreate_fini(dev);
	vduse_umem_fini(&dev->umem);
	vduse_trace_device_destroyed(dev->name);
	dev_free(dev);
	return ret;
}

int
rte_vduse_dev_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how)
{
	int ret;

	ret = how == RTE_VDUSE_ATTACH_NONE ? 0 : vduse_place_attach(dev, how);
	if (ret == 0)
		dev->found = false;
	return ret;
}

REQUIRES(vduse_recreation_mutex)
static int
dev_set_config(struct rte_vduse_dev *dev, const struct vduse_abi_config *config)
{
	const bool gone = dev->recreation.gone;
	uint8_t *kept = (uint8_t *)(uintptr_t)dev->recreation.conf.config + config->offset;
	int ret = 0;

	if (vduse_dev_is_out(dev))
		return -ENODEV;
	if (!gone)
		ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_SET_CONFIG, (void *)(uintptr_t)config);
	/* what is recreated has it too */
	if (ret == 0 || ret == -EPERM)
		memcpy(kept, config->buffer, config->length);
	if (ret < 0)
		return ret;
	if (vduse_dev_is_waiting(dev)) {
		/* the file is another's */
		memset(dev->takeover.set + config->offset, 1, config->length);
		return 0;
	}
	if (dev->store != NULL)
		vduse_statefile_patch(&dev->store->head->config, config->offset, config->buffer,
				config->length);
	/* a driver that is not there yet reads the configuration when it comes */
	if (gone || !(__atomic_load_n(&dev->status, __ATOMIC_RELAXED) & VIRTIO_CONFIG_S_DRIVER_OK))
		return 0;
	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_CONFIG_IRQ, NULL);
	/* EINVAL: it has just gone, or its DRIVER_OK is not noted yet */
	return ret == -EINVAL ? 0 : ret;
}

/* What the owner set while another process served the device, which may have set other things. */
static void
dev_merge_config(struct rte_vduse_dev *dev)
{
	const uint32_t size = dev->recreation.conf.config_size;
	uint8_t *kept = (uint8_t *)(uintptr_t)dev->recreation.conf.config, *wanted;
	const uint8_t *set = dev->takeover.set;
	uint32_t i, n;

	wanted = malloc(size + 1);
	if (wanted == NULL)
		return; /* then it is as the other left it */
	memcpy(wanted, kept, size);
	vduse_statefile_read(&dev->store->head->config, kept, size);
	for (i = 0; i < size; i += n) {
		for (n = 0; i + n < size && set[i + n] != 0; n++)
			;
		if (n > 0 && memcmp(kept + i, wanted + i, n) != 0)
			rte_vduse_dev_set_config(dev, i, wanted + i, n);
		n = RTE_MAX(n, 1u);
	}
	free(wanted);
}

int
rte_vduse_dev_claim(struct rte_vduse_dev *dev)
{
	return vduse_dev_is_waiting(dev) ? vduse_adopt_claim(dev) : 0;
}

int
rte_vduse_dev_take_over(struct rte_vduse_dev *dev)
{
	int ret;

	if (!vduse_dev_is_waiting(dev))
		return 0;
	ret = vduse_adopt_take_over(dev);
	if (ret < 0)
		return ret;
	vduse_recreation_mutex_lock(&dev->recreation.lock);
	vduse_recreate_use_fd(dev);
	vduse_phase_set(dev, VDUSE_PHASE_OPENED);
	dev->recreation.gone = false;
	vduse_recreation_mutex_unlock(&dev->recreation.lock);
	vduse_umem_reclaim(&dev->umem);
	dev_merge_config(dev);
	return 0;
}

int
rte_vduse_dev_set_config(struct rte_vduse_dev *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct vduse_abi_config *config;
	int ret;

	if (offset > dev->recreation.conf.config_size ||
			len > dev->recreation.conf.config_size - offset)
		return -EINVAL;
	config = calloc(1, sizeof(*config) + len);
	if (config == NULL)
		return -ENOMEM;
	config->offset = offset;
	config->length = len;
	memcpy(config->buffer, data, len);
	vduse_recreation_mutex_lock(&dev->recreation.lock);
	ret = dev_set_config(dev, config);
	vduse_recreation_mutex_unlock(&dev->recreation.lock);
	free(config);
	return ret;
}

void
rte_vduse_dev_info(const struct rte_vduse_dev *dev, struct rte_vduse_info *info)
{
	enum vduse_phase phase;

	info->api_version = dev->api_version;
	info->driver_features = __atomic_load_n(&dev->driver_features, __ATOMIC_RELAXED);
	info->status = __atomic_load_n(&dev->status, __ATOMIC_RELAXED);
	phase = vduse_dev_phase(dev);
	info->phase = vduse_phase_word(phase);
	info->started = phase == VDUSE_PHASE_RUNNING || phase == VDUSE_PHASE_RESUMING;
	info->resumed = dev->resumed;
	info->broken = phase == VDUSE_PHASE_FAILED || phase == VDUSE_PHASE_LOST;
}
