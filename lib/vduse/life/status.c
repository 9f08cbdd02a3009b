/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>

#include <linux/virtio_config.h>

#include <rte_bitops.h>

#include "life/queues.h"
#include "life/remap.h"
#include "life/status.h"
#include "log.h"
#include "os/kernel.h"
#include "ring/journal.h"
#include "ring/notify.h"
#include "ring/queue.h"

/* Drop every region of every address space. Mirror: status_load(). */
static void
status_clear(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_spaces; i++)
		vduse_iotlb_close(&dev->tlbs[i]);
}

static int
status_load(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret = 0;

	for (i = 0; i < dev->nb_spaces && ret >= 0; i++) {
		vduse_iotlb_open(&dev->tlbs[i]);
		ret = vduse_iotlb_load(&dev->tlbs[i]);
	}
	return ret < 0 ? ret : 0;
}

/* DRIVER_OK. Mirror: vduse_status_stop(). */
static int
status_start(struct rte_vduse_dev *dev)
{
	int ret;

	ret = status_load(dev);
	if (ret < 0)
		goto clear;
	ret = dev->ops.start(dev->priv, dev->driver_features);
	if (ret < 0)
		goto clear;
	ret = vduse_queues_watch(dev);
	if (ret < 0)
		goto stop;
	vduse_phase_set(dev,
			vduse_dev_is_restoring(dev) ? VDUSE_PHASE_RESUMING : VDUSE_PHASE_RUNNING);
	vduse_queues_try(dev, VDUSE_READY_STEP_MIN_MS);
	vduse_remap_umem(dev);
	return vduse_dev_is_broken(dev) ? -EINVAL : 0;

stop:
	dev->ops.stop(dev->priv);
clear:
	status_clear(dev);
	return ret;
}

/* What a successor would go on from is no more. */
static void
status_reset_records(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++)
		vduse_journal_reset(dev->vqs[i]);
}

void
vduse_status_stop(struct rte_vduse_dev *dev, enum vduse_phase to, bool tell)
{
	vduse_queues_stop(dev, to, tell);
	vduse_queues_unwatch(dev);
	vduse_umem_close(&dev->umem);
	status_clear(dev);
	vduse_umem_release(&dev->umem);
}

/* FEATURES_OK: refused where the driver took what was not offered, or cannot be served. */
static int
status_check_features(struct rte_vduse_dev *dev)
{
	uint64_t features;
	int ret;

	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_DRIVER_FEATURES, &features);
	if (ret < 0)
		return ret;
	if (features & ~dev->offered) {
		VDUSE_LOG(ERR, "%s: the driver wants features 0x%" PRIx64 " that were not offered",
				dev->name, features & ~dev->offered);
		return -EINVAL;
	}
	if ((features & VDUSE_FEATURES_REQUIRED) != VDUSE_FEATURES_REQUIRED) {
		VDUSE_LOG(ERR,
				"%s: the driver takes no VIRTIO_F_VERSION_1 or no "
				"VIRTIO_F_ACCESS_PLATFORM; it needs virtio 1.x with an IOMMU",
				dev->name);
		return -EINVAL;
	}
	ret = dev->ops.check_features(dev->priv, features);
	if (ret < 0)
		return ret;
	__atomic_store_n(&dev->driver_features, features, __ATOMIC_RELAXED);
	return 0;
}

/*
 * Reset: what a burst met before is the past driver's. The event of it may be
 * still to come (serve_on_fault()).
 */
static void
status_forget_faults(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++)
		dev->vqs[i]->fault = NULL;
}

static enum vduse_statefile_halt
status_halt(const struct rte_vduse_dev *dev)
{
	if (vduse_dev_is_suspended(dev))
		return VDUSE_STATEFILE_SUSPENDED;
	return vduse_dev_is_broken(dev) ? VDUSE_STATEFILE_FAILED : VDUSE_STATEFILE_RUNS;
}

static void
status_go_on(struct rte_vduse_dev *dev, uint16_t nb)
{
	uint16_t i;

	for (i = 0; i < nb; i++) {
		if (!dev->vqs[i]->ctl.rests)
			continue;
		vduse_vq_rest_end(dev->vqs[i]);
		vduse_remap_resume(dev, i);
	}
}

/* Every queue rests, and each buffer that was out is back; else all go on. */
static int
status_settle(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues; i++) {
		if (!vduse_vq_is_ready(dev->vqs[i]))
			continue;
		vduse_vq_rest(dev->vqs[i]);
		ret = dev->ops.settle != NULL ? dev->ops.settle(dev->priv, i) : 0;
		if (ret < 0) {
			status_go_on(dev, i + 1);
			return ret;
		}
	}
	return 0;
}

/* What is in the driver's hands is told to it, and where each queue is stays known. */
static void
status_park(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++) {
		if (!vduse_vq_is_ready(dev->vqs[i]))
			continue;
		/* the kernel makes no call once it has the answer */
		vduse_notify_held_now(dev->vqs[i]);
		(void)vduse_queue_end(dev, i, VDUSE_QUEUE_TAKEN_BACK);
	}
	vduse_queues_stop(dev, VDUSE_PHASE_SUSPENDED, true);
}

int
vduse_status_suspend(struct rte_vduse_dev *dev)
{
	int ret;

	if (!vduse_dev_is_started(dev))
		return 0; /* nothing moves */
	ret = status_settle(dev);
	if (ret < 0)
		return ret;
	/* first: a successor must not go on with queues that are half way through this */
	vduse_statefile_set_status(dev->store, dev->status, VDUSE_STATEFILE_SUSPENDED);
	status_park(dev);
	VDUSE_LOG(NOTICE, "%s: suspended by its driver, until it resets the device", dev->name);
	return 0;
}

/* A queue that the process before had not come to park. */
static int
status_park_again(struct rte_vduse_dev *dev, uint16_t index)
{
	struct vduse_abi_vq info = { .index = index };
	struct vduse_vq *vq = dev->vqs[index];
	int ret;

	if (vq->journal.record->valid != VDUSE_JOURNAL_RUNNING)
		return 0;
	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info);
	if (ret == 0)
		ret = vduse_vq_start(vq, &info, dev->driver_features, false);
	if (ret == 0)
		ret = vduse_queue_end(dev, index, VDUSE_QUEUE_TAKEN_BACK);
	return ret;
}

int
vduse_status_suspend_again(struct rte_vduse_dev *dev, uint8_t status)
{
	uint16_t i;
	int ret;

	__atomic_store_n(&dev->status, status, __ATOMIC_RELAXED);
	ret = status_check_features(dev);
	if (ret == 0)
		ret = status_load(dev);
	for (i = 0; i < dev->nb_queues && ret == 0; i++)
		ret = status_park_again(dev, i);
	if (ret < 0) {
		status_clear(dev);
		return ret;
	}
	vduse_phase_set(dev, VDUSE_PHASE_SUSPENDED);
	VDUSE_LOG(NOTICE, "%s: is suspended by its driver, until it resets the device", dev->name);
	return 0;
}

int
vduse_status_set(struct rte_vduse_dev *dev, uint8_t status)
{
	const uint8_t set = status & ~dev->status;
	bool stays;
	int ret = 0;

	VDUSE_LOG(DEBUG, "%s: status 0x%02x -> 0x%02x", dev->name, dev->status, status);
	if (status == 0) {
		/* first: a successor must not start queues that are half way through this */
		vduse_statefile_set_status(dev->store, 0, VDUSE_STATEFILE_RUNS);
		vduse_status_stop(dev, VDUSE_PHASE_IDLE, true);
		status_reset_records(dev);
		status_forget_faults(dev);
		__atomic_store_n(&dev->driver_features, 0, __ATOMIC_RELAXED);
	}
	stays = vduse_dev_is_started(dev) || vduse_dev_is_suspended(dev) ||
		vduse_dev_is_broken(dev);
	/* virtio 1.2, 3.1.1: features are agreed on before DRIVER_OK, and once */
	if ((set & VIRTIO_CONFIG_S_FEATURES_OK) && stays)
		return -EINVAL;
	if ((set & VIRTIO_CONFIG_S_DRIVER_OK) && (stays || !(status & VIRTIO_CONFIG_S_FEATURES_OK)))
		return -EINVAL;
	if (set & VIRTIO_CONFIG_S_FEATURES_OK)
		ret = status_check_features(dev);
	if (ret == 0 && (set & VIRTIO_CONFIG_S_DRIVER_OK))
		ret = status_start(dev);
	if (ret < 0)
		return ret;
	__atomic_store_n(&dev->status, status, __ATOMIC_RELAXED);
	vduse_statefile_set_status(dev->store, status, status_halt(dev));
	/* before the answer, which the driver's reset waits for */
	if (status == 0 && dev->ops.reset != NULL)
		dev->ops.reset(dev->priv);
	return 0;
}
