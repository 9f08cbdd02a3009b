/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "life/miss.h"
#include "life/queues.h"
#include "life/recover.h"
#include "life/remap.h"
#include "life/serve.h"
#include "life/status.h"
#include "log.h"
#include "os/msg.h"
#include "ring/queue.h"

/* Addresses that lcores met and that were not mapped. What the process lacks is tried again. */
static void
serve_misses(struct rte_vduse_dev *dev)
{
	dev->misses_wait = vduse_miss_resolve(dev);
	if (dev->misses_wait)
		vduse_queues_set_timer(
				dev, RTE_MIN(RTE_MAX(dev->timer_ms * 2, VDUSE_READY_STEP_MIN_MS),
						     VDUSE_READY_STEP_MAX_MS));
}

static void
serve_faults(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues && !vduse_dev_is_broken(dev); i++) {
		if (dev->vqs[i]->fault == NULL)
			continue;
		VDUSE_LOG(ERR,
				"%s: queue %u: malformed ring: %s; the device stops until its "
				"driver resets it",
				dev->name, i, dev->vqs[i]->fault);
		vduse_queues_fail(dev);
	}
}

/* Buffers that have been out for too long, of queues that run. */
static void
serve_overdue(struct rte_vduse_dev *dev)
{
	struct vduse_vq *vq;
	uint16_t i;

	for (i = 0; i < dev->nb_queues && vduse_dev_is_started(dev); i++) {
		vq = dev->vqs[i];
		if (!__atomic_load_n(&vq->overdue, __ATOMIC_ACQUIRE))
			continue;
		__atomic_store_n(&vq->overdue, false, __ATOMIC_RELAXED);
		if (vq->ctl.phase != VDUSE_VQ_PHASE_SERVED || vq->ctl.rests)
			continue;
		vduse_vq_rest(vq);
		dev->ops.settle(dev->priv, i);
		vduse_vq_rest_end(vq);
		vduse_remap_resume(dev, i);
	}
}

/* A lcore met a malformed ring, memory that is gone, or new regions; or waits for buffers. */
static void
serve_on_fault(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	eventfd_t value;
	uint16_t i;

	eventfd_read(dev->env.fault_fd, &value);
	/* what a burst met right before it was handed over is the other process's to meet */
	if (vduse_dev_is_out(dev))
		return;
	for (i = 0; i < dev->nb_spaces && !vduse_dev_is_broken(dev); i++) {
		if (!__atomic_load_n(&dev->tlbs[i].lost, __ATOMIC_ACQUIRE))
			continue;
		VDUSE_LOG(ERR,
				"%s: the driver's memory is gone (the file behind it was cut "
				"short, no huge page is left for it, or a page is bad); the "
				"device stops until its driver resets it",
				dev->name);
		dev->tlbs[i].losses++;
		vduse_queues_fail(dev);
	}
	serve_misses(dev);
	serve_faults(dev);
	serve_overdue(dev);
	vduse_remap_umem(dev);
}

static int
serve_get_vq_state(void *ctx, uint16_t index, struct vduse_abi_vq_state *state)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_abi_vq info = { .index = index };
	const bool is_packed = dev->driver_features & (1ULL << VIRTIO_F_RING_PACKED);
	int ret;

	/* that another process served: where it was is not known where this one had to give up */
	if (vduse_dev_is_broken(dev) && dev->resumed)
		return -EIO;
	/* a driver asks for the state of a queue it has disabled, or is about to */
	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info);
	if (ret < 0)
		return ret;
	/* it did so while nobody was here */
	if (!vduse_vq_is_ready(vq) && vq->journal.record->valid == VDUSE_JOURNAL_RUNNING &&
			!vduse_dev_is_broken(dev)) {
		ret = vduse_vq_start(vq, &info, dev->driver_features, false);
		if (ret < 0) {
			vduse_queue_end(dev, index, VDUSE_QUEUE_LEFT);
			return ret;
		}
	}
	if (vq->ctl.phase == VDUSE_VQ_PHASE_UNPLACED || vq->ctl.phase == VDUSE_VQ_PHASE_UNSETTLED)
		return -EFAULT;
	if (vq->journal.record->valid == VDUSE_JOURNAL_PARKED)
		return vduse_journal_state(vq->journal.record, is_packed, state);
	if (vduse_vq_is_ready(vq) && !info.ready) {
		ret = vduse_queue_end(dev, index, VDUSE_QUEUE_TAKEN_BACK);
		if (vduse_dev_is_started(dev))
			vduse_queues_set_timer(dev, VDUSE_READY_STEP_MIN_MS);
	} else if (vduse_vq_is_ready(vq)) {
		/* no burst begins before the kernel has the answer: serve_vq_state_told() */
		vduse_vq_rest(vq);
		ret = dev->ops.settle != NULL ? dev->ops.settle(dev->priv, index) : 0;
	}
	if (ret < 0)
		return ret;
	vduse_vq_get_state(vq, state);
	return 0;
}

/* The position of a queue is known to the kernel, or refused. */
static void
serve_vq_state_told(void *ctx, uint16_t index)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];

	if (!vq->ctl.rests)
		return;
	vduse_vq_rest_end(vq);
	/* a ring that is not mapped waits for the next mapping, as ever */
	vduse_remap_resume(dev, index);
}

static int
serve_set_status(void *ctx, uint8_t status)
{
	return vduse_status_set(ctx, status);
}

static int
serve_set_vq_ready(void *ctx, uint16_t index, bool ready)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_abi_vq info = { .index = index };
	int ret;

	if (!vduse_dev_is_started(dev) || ready == vduse_vq_is_ready(vq))
		return 0; /* before DRIVER_OK: status_start() asks for what is ready */
	if (!ready) {
		/* it is not served in any case; whether its position is known is told when asked
		 * for */
		(void)vduse_queue_end(dev, index, VDUSE_QUEUE_TAKEN_BACK);
		return 0;
	}
	/* the kernel may note it as ready only after the answer: the request counts, not the info
	 */
	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info);
	if (ret == 0)
		ret = vduse_queues_start(dev, &info);
	return ret < 0 ? ret : 0;
}

static int
serve_suspend(void *ctx)
{
	return vduse_status_suspend(ctx);
}

static const struct vduse_msg_ops serve_msg_ops = {
	.get_vq_state = serve_get_vq_state,
	.vq_state_told = serve_vq_state_told,
	.set_status = serve_set_status,
	.update_iotlb = vduse_remap_update,
	.set_group_asid = vduse_remap_group,
	.set_vq_ready = serve_set_vq_ready,
	.suspend = serve_suspend,
};

static void
serve_on_message(void *arg, uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	const struct vduse_msg_port port = {
		.name = dev->name,
		.sys = dev->sys,
		.fd = dev->fd,
		.nb_queues = dev->nb_queues,
		.nb_spaces = dev->api_version >= VDUSE_ABI_VERSION_1 ? dev->nb_spaces : 0,
		.ops = &serve_msg_ops,
		.ctx = dev,
		.stats = &dev->msg_stats,
	};
	int ret;

	ret = vduse_msg_serve(&port);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: requests of the kernel: %s", dev->name, strerror(-ret));
	if (ret < 0 ? ret != -EPROTO : (events & (EPOLLERR | EPOLLHUP)) != 0) {
		VDUSE_LOG(ERR,
				"%s: the kernel has given the device up (a request was not "
				"answered in msg_timeout seconds); it is recreated",
				dev->name);
		vduse_ctl_del(dev->msg_id);
		dev->msg_id = 0;
		vduse_queues_fail(dev);
		if (dev->ops.reset != NULL)
			dev->ops.reset(dev->priv);
		vduse_phase_set(dev, VDUSE_PHASE_LOST);
		dev->lost(dev);
	}
}

int
vduse_serve_watch(struct rte_vduse_dev *dev)
{
	return vduse_ctl_add(dev->fd, EPOLLIN, serve_on_message, dev, &dev->msg_id);
}

static void
serve_on_timer(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	uint64_t expirations;
	ssize_t n;
	int ret;

	n = read(dev->timer_fd, &expirations, sizeof(expirations));
	if (n != sizeof(expirations))
		return;
	/* acquire, of the release in vduse_serve_ready(): what the owner has made is seen */
	if (vduse_dev_phase(dev) == VDUSE_PHASE_RESTORING) {
		/* before any message: those that the process before did not answer come again */
		vduse_restore_device(dev);
		ret = vduse_serve_watch(dev);
		if (ret < 0)
			VDUSE_LOG(ERR, "%s: cannot wait for requests: %s", dev->name,
					strerror(-ret));
		return;
	}
	if (!vduse_dev_is_started(dev))
		return;
	vduse_queues_try(dev, RTE_MIN(dev->timer_ms * 2, VDUSE_READY_STEP_MAX_MS));
	serve_misses(dev);
	serve_faults(dev);
}

int
vduse_serve_ready(struct rte_vduse_dev *dev)
{
	int ret;

	if (!dev->adopted && !dev->resumed) {
		vduse_phase_set(dev, VDUSE_PHASE_IDLE);
		ret = vduse_serve_watch(dev);
		if (ret < 0)
			vduse_phase_set(dev, VDUSE_PHASE_OPENED);
		return ret;
	}
	/* on the control thread, which alone starts queues */
	dev->timer_ms = VDUSE_READY_STEP_MIN_MS;
	vduse_phase_set(dev, VDUSE_PHASE_RESTORING);
	vduse_queues_arm_timer(dev, VDUSE_READY_STEP_MIN_MS);
	return 0;
}

void
vduse_serve_rest(struct rte_vduse_dev *dev)
{
	vduse_ctl_del(dev->msg_id);
	dev->msg_id = 0;
	vduse_status_stop(dev, VDUSE_PHASE_OFFERED, false);
}

void
vduse_serve_again(struct rte_vduse_dev *dev)
{
	int ret;

	/* as the process that might have followed would */
	dev->resumed = true;
	__atomic_store_n(&dev->status, 0, __ATOMIC_RELAXED);
	vduse_phase_set(dev, VDUSE_PHASE_RESTORING);
	vduse_restore_device(dev);
	ret = vduse_serve_watch(dev);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot wait for requests: %s", dev->name, strerror(-ret));
}

int
vduse_serve_begin(struct rte_vduse_dev *dev)
{
	int ret;

	dev->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (dev->timer_fd < 0)
		return -errno;
	ret = vduse_ctl_add(dev->timer_fd, EPOLLIN, serve_on_timer, dev, &dev->timer_id);
	if (ret < 0)
		goto close_timer;
	ret = vduse_ctl_add(dev->env.fault_fd, EPOLLIN, serve_on_fault, dev, &dev->fault_id);
	if (ret < 0)
		goto del_timer;
	return 0;

del_timer:
	vduse_ctl_del(dev->timer_id);
close_timer:
	close(dev->timer_fd);
	return ret;
}

void
vduse_serve_end(struct rte_vduse_dev *dev)
{
	uint16_t i;

	if (dev->timer_fd < 0)
		return;               /* it has ended */
	vduse_ctl_del(dev->timer_id); /* adds the next one */
	vduse_ctl_del(dev->msg_id);   /* the one other handler that adds kicks */
	for (i = 0; i < dev->nb_queues; i++)
		vduse_ctl_del(dev->kick_ids[i]);
	vduse_ctl_del(dev->fault_id);
	memset(dev->kick_ids, 0, dev->nb_queues * sizeof(dev->kick_ids[0]));
	if (!vduse_dev_is_out(dev)) /* or its queues are another's */
		vduse_status_stop(dev, VDUSE_PHASE_ENDED, true);
	close(dev->timer_fd);
	dev->timer_fd = -1;
}
