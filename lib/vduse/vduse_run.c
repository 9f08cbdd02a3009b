/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "vduse_log.h"
#include "vduse_miss.h"
#include "vduse_msg.h"
#include "vduse_queue.h"
#include "vduse_recover.h"
#include "vduse_remap.h"
#include "vduse_run.h"

/*
 * A kernel before 7.3 does not say when a queue becomes ready. Its first kick
 * does, and for a queue without one there is a look at VDUSE_VQ_GET_INFO, in
 * growing steps.
 */
#define READY_STEP_MIN_MS 1
#define READY_STEP_MAX_MS 128

/* After this the device is the control thread's: it may be at it before this returns. */
static void
run_arm_timer(const struct rte_vduse_dev *dev, uint32_t ms)
{
	const struct itimerspec when = { .it_value = { .tv_sec = ms / 1000,
							 .tv_nsec = ms % 1000 * 1000000L } };

	if (timerfd_settime(dev->timer_fd, 0, &when, NULL) < 0)
		VDUSE_LOG(ERR, "%s: timer: %s", dev->name, strerror(errno));
}

static void
run_set_timer(struct rte_vduse_dev *dev, uint32_t ms)
{
	dev->timer_ms = ms;
	run_arm_timer(dev, ms);
}

static void
run_unwatch_kick(struct rte_vduse_dev *dev, uint16_t index)
{
	vduse_ctl_del(dev->kick_ids[index]);
	dev->kick_ids[index] = 0;
}

/* No queue is served any more. tell: to the owner the device stops. */
static void
run_stop_queues(struct rte_vduse_dev *dev, bool tell)
{
	const bool started = dev->started;
	uint16_t i;

	dev->misses_wait = false;
	run_set_timer(dev, 0);
	for (i = 0; i < dev->nb_queues; i++) {
		run_unwatch_kick(dev, i);
		vduse_queue_end(dev, i, VDUSE_QUEUE_LEFT);
	}
	__atomic_store_n(&dev->started, false, __ATOMIC_RELAXED);
	if (started && tell)
		dev->ops.stop(dev->priv);
}

/*
 * The device cannot go on: bursts end, and it stays so until the driver
 * resets it. There is no way from user space to DEVICE_NEEDS_RESET.
 */
void
vduse_run_fail(struct rte_vduse_dev *dev)
{
	if (dev->broken)
		return;
	__atomic_store_n(&dev->broken, true, __ATOMIC_RELAXED);
	vduse_store_set_status(dev->store, dev->status, true);
	run_stop_queues(dev, true);
}

/* The queue runs: lcores poll it, or its kicks go to the owner. */
static void
run_queue_served(struct rte_vduse_dev *dev, uint16_t index)
{
	dev->ops.queue(dev->priv, index, true);
	if (dev->vqs[index]->ctl.kicks)
		dev->ops.kick(dev->priv, index);
	else
		run_unwatch_kick(dev, index);
}

/*
 * Start a queue as the kernel describes it. One whose ring is not mapped yet
 * waits for the next mapping. Returns 1 or -errno.
 */
static int
run_start_queue(struct rte_vduse_dev *dev, const struct vduse_vq_info *info)
{
	struct vduse_vq *vq = dev->vqs[info->index];
	int ret;

	ret = vduse_vq_start(vq, info, dev->driver_features, dev->recovering && !dev->resumed);
	if (ret < 0 && ret != -EFAULT)
		return ret;
	if (ret < 0)
		VDUSE_LOG(NOTICE,
				"%s: queue %u: its ring at IOVA 0x%" PRIx64
				" is not mapped; it waits for the next mapping",
				dev->name, info->index, (uint64_t)info->desc_addr);
	vq->ctl.waits = ret < 0;
	run_queue_served(dev, info->index);
	return 1;
}

/*
 * Serve the queue if the driver has enabled it.
 * Returns 1 when it is served, 0 when it is not ready, or -errno.
 */
static int
run_try_queue(struct rte_vduse_dev *dev, uint16_t index)
{
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_vq_info info = { .index = index };
	int ret;

	if (vq->ctl.ready)
		return 1;
	ret = dev->sys->ioctl(dev->fd, VDUSE_VQ_GET_INFO, &info);
	if (ret < 0)
		return ret;
	if (!info.ready)
		return 0;
	return run_start_queue(dev, &info);
}

/* Try what is not served yet; look again later where some is left. */
static void
run_try_queues(struct rte_vduse_dev *dev, uint32_t step_ms)
{
	bool left = false;
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues; i++) {
		ret = run_try_queue(dev, i);
		if (ret < 0) {
			vduse_recover_failed(dev, i, ret);
			return;
		}
		left |= ret == 0;
	}
	if (dev->vduse_features & (1ULL << VDUSE_F_QUEUE_READY))
		left = false;
	run_set_timer(dev, left || dev->misses_wait ? step_ms : 0);
}

/* A kick of a queue that was not ready at the last look, or that nobody polls. */
static void
run_on_kick(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	bool look = false;
	eventfd_t value;
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++) {
		struct vduse_vq *vq = dev->vqs[i];

		if (dev->kick_ids[i] == 0 || eventfd_read(vq->ctl.kickfd, &value) < 0)
			continue;
		__atomic_fetch_add(&vq->ctl.kicks_taken, value, __ATOMIC_RELAXED);
		if (vq->ctl.ready)
			dev->ops.kick(dev->priv, i);
		else
			look = true;
	}
	if (look && dev->started)
		run_try_queues(dev, READY_STEP_MIN_MS);
}

/* The bounce region may be there: memory of ours takes its place, where that is wanted. */
static void
run_umem(struct rte_vduse_dev *dev)
{
	int ret;

	if (!dev->started || !vduse_umem_prepare(&dev->umem))
		return;
	ret = vduse_remap(dev, &dev->tlbs[0]);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot map its bounce region: %s", dev->name, strerror(-ret));
	vduse_umem_settle(&dev->umem);
}

/* Addresses that lcores met and that were not mapped. What the process lacks is tried again. */
static void
run_misses(struct rte_vduse_dev *dev)
{
	dev->misses_wait = vduse_miss_resolve(dev);
	if (dev->misses_wait)
		run_set_timer(dev, RTE_MIN(RTE_MAX(dev->timer_ms * 2, READY_STEP_MIN_MS),
						   READY_STEP_MAX_MS));
}

static void
run_faults(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues && !dev->broken; i++) {
		if (dev->vqs[i]->fault == NULL)
			continue;
		VDUSE_LOG(ERR,
				"%s: queue %u: malformed ring: %s; the device stops until its "
				"driver resets it",
				dev->name, i, dev->vqs[i]->fault);
		vduse_run_fail(dev);
	}
}

/* A lcore met a malformed ring, memory that is gone, or new regions. */
static void
run_on_fault(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	eventfd_t value;
	uint16_t i;

	eventfd_read(dev->env.fault_fd, &value);
	for (i = 0; i < dev->nb_spaces && !dev->broken; i++) {
		if (!__atomic_load_n(&dev->tlbs[i].lost, __ATOMIC_ACQUIRE))
			continue;
		VDUSE_LOG(ERR,
				"%s: the driver's memory is gone (the file behind it was cut "
				"short, no huge page is left for it, or a page is bad); the "
				"device stops until its driver resets it",
				dev->name);
		dev->tlbs[i].losses++;
		vduse_run_fail(dev);
	}
	run_misses(dev);
	run_faults(dev);
	run_umem(dev);
}

static int
run_set_kickfd(struct rte_vduse_dev *dev, uint16_t index, int fd)
{
	struct vduse_vq_eventfd kick = { .index = index, .fd = fd };

	if (dev->fd < 0)
		return 0; /* a device that is gone notes nothing */
	return dev->sys->ioctl(dev->fd, VDUSE_VQ_SETUP_KICKFD, &kick);
}

/* Drop every region of every address space. Mirror: run_load(). */
static void
run_clear(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_spaces; i++)
		vduse_iotlb_close(&dev->tlbs[i]);
}

static int
run_load(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret = 0;

	for (i = 0; i < dev->nb_spaces && ret >= 0; i++) {
		vduse_iotlb_open(&dev->tlbs[i]);
		ret = vduse_iotlb_load(&dev->tlbs[i]);
	}
	return ret < 0 ? ret : 0;
}

/* DRIVER_OK. Mirror: run_stop(). */
static int
run_start(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret;

	ret = run_load(dev);
	if (ret < 0)
		goto clear;
	ret = dev->ops.start(dev->priv, dev->driver_features);
	if (ret < 0)
		goto clear;
	for (i = 0; i < dev->nb_queues; i++) {
		const int kickfd = dev->vqs[i]->ctl.kickfd;

		ret = run_set_kickfd(dev, i, kickfd);
		if (ret == 0)
			ret = vduse_ctl_add(kickfd, EPOLLIN, run_on_kick, dev, &dev->kick_ids[i]);
		if (ret < 0)
			goto stop;
	}
	__atomic_store_n(&dev->started, true, __ATOMIC_RELAXED);
	run_try_queues(dev, READY_STEP_MIN_MS);
	run_umem(dev);
	return dev->broken ? -EINVAL : 0;

stop:
	while (i-- > 0) {
		run_unwatch_kick(dev, i);
		run_set_kickfd(dev, i, VDUSE_EVENTFD_DEASSIGN);
	}
	dev->ops.stop(dev->priv);
clear:
	run_clear(dev);
	return ret;
}

/* What a successor would go on from is no more. */
static void
run_reset_records(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++)
		vduse_state_vq_reset(dev->vqs[i]);
}

static void
run_stop(struct rte_vduse_dev *dev, bool tell)
{
	uint16_t i;

	run_stop_queues(dev, tell);
	for (i = 0; i < dev->nb_queues; i++)
		run_set_kickfd(dev, i, VDUSE_EVENTFD_DEASSIGN);
	vduse_umem_close(&dev->umem);
	run_clear(dev);
	vduse_umem_release(&dev->umem);
}

static int
run_get_vq_state(void *ctx, uint16_t index, struct vduse_vq_state *state)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_vq_info info = { .index = index };
	int ret;

	/* a driver asks for the state of a queue it has disabled, or is about to */
	ret = dev->sys->ioctl(dev->fd, VDUSE_VQ_GET_INFO, &info);
	if (ret < 0)
		return ret;
	/* it did so while nobody was here */
	if (!vq->ctl.ready && vq->record->valid == VDUSE_STATE_RUNNING && !dev->broken) {
		ret = vduse_vq_start(vq, &info, dev->driver_features, false);
		if (ret < 0) {
			vduse_queue_end(dev, index, VDUSE_QUEUE_LEFT);
			return ret;
		}
	}
	if (vq->ctl.unplaced || vq->ctl.unsettled)
		return -EFAULT;
	if (vq->ctl.ready && !info.ready) {
		ret = vduse_queue_end(dev, index, VDUSE_QUEUE_TAKEN_BACK);
		if (dev->started)
			run_set_timer(dev, READY_STEP_MIN_MS);
	} else if (vq->ctl.ready) {
		/* no burst begins before the kernel has the answer: run_vq_state_told() */
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
run_vq_state_told(void *ctx, uint16_t index)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];

	if (!vq->ctl.rests)
		return;
	vduse_vq_rest_end(vq);
	/* a ring that is not mapped waits for the next mapping, as ever */
	vduse_remap_resume(dev, index);
}

/* FEATURES_OK: refused where the driver took what was not offered, or cannot be served. */
static int
run_check_features(struct rte_vduse_dev *dev)
{
	uint64_t features;
	int ret;

	ret = dev->sys->ioctl(dev->fd, VDUSE_DEV_GET_FEATURES, &features);
	if (ret < 0)
		return ret;
	if (features & ~dev->offered) {
		VDUSE_LOG(ERR, "%s: the driver wants features 0x%" PRIx64 " that were not offered",
				dev->name, features & ~dev->offered);
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
 * still to come (run_on_fault()).
 */
static void
run_forget_faults(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++)
		dev->vqs[i]->fault = NULL;
	__atomic_store_n(&dev->broken, false, __ATOMIC_RELAXED);
}

int
vduse_run_set_status(struct rte_vduse_dev *dev, uint8_t status)
{
	const uint8_t set = status & ~dev->status;
	int ret = 0;

	VDUSE_LOG(DEBUG, "%s: status 0x%02x -> 0x%02x", dev->name, dev->status, status);
	if (status == 0) {
		/* first: a successor must not start queues that are half way through this */
		vduse_store_set_status(dev->store, 0, false);
		run_stop(dev, true);
		run_reset_records(dev);
		run_forget_faults(dev);
		__atomic_store_n(&dev->driver_features, 0, __ATOMIC_RELAXED);
	}
	/* virtio 1.2, 3.1.1: features are agreed on before DRIVER_OK, and once */
	if ((set & VIRTIO_CONFIG_S_FEATURES_OK) && (dev->started || dev->broken))
		return -EINVAL;
	if ((set & VIRTIO_CONFIG_S_DRIVER_OK) &&
			(dev->started || dev->broken || !(status & VIRTIO_CONFIG_S_FEATURES_OK)))
		return -EINVAL;
	if (set & VIRTIO_CONFIG_S_FEATURES_OK)
		ret = run_check_features(dev);
	if (ret == 0 && (set & VIRTIO_CONFIG_S_DRIVER_OK))
		ret = run_start(dev);
	if (ret < 0)
		return ret;
	__atomic_store_n(&dev->status, status, __ATOMIC_RELAXED);
	vduse_store_set_status(dev->store, status, dev->broken);
	return 0;
}

static int
run_set_status(void *ctx, uint8_t status)
{
	return vduse_run_set_status(ctx, status);
}

static int
run_set_vq_ready(void *ctx, uint16_t index, bool ready)
{
	struct rte_vduse_dev *dev = ctx;
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_vq_info info = { .index = index };
	int ret;

	if (!dev->started || ready == vq->ctl.ready)
		return 0; /* before DRIVER_OK: run_start() asks for what is ready */
	if (!ready) {
		/* it is not served in any case; whether its position is known is told when asked
		 * for */
		(void)vduse_queue_end(dev, index, VDUSE_QUEUE_TAKEN_BACK);
		return 0;
	}
	/* the kernel may note it as ready only after the answer: the request counts, not the info
	 */
	ret = dev->sys->ioctl(dev->fd, VDUSE_VQ_GET_INFO, &info);
	if (ret == 0)
		ret = run_start_queue(dev, &info);
	return ret < 0 ? ret : 0;
}

static const struct vduse_msg_ops run_msg_ops = {
	.get_vq_state = run_get_vq_state,
	.vq_state_told = run_vq_state_told,
	.set_status = run_set_status,
	.update_iotlb = vduse_remap_update,
	.set_group_asid = vduse_remap_group,
	.set_vq_ready = run_set_vq_ready,
};

static void
run_on_message(void *arg, uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	const struct vduse_msg_port port = {
		.name = dev->name,
		.sys = dev->sys,
		.fd = dev->fd,
		.nb_queues = dev->nb_queues,
		.nb_spaces = dev->api_version >= VDUSE_API_VERSION_1 ? dev->nb_spaces : 0,
		.ops = &run_msg_ops,
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
				"answered in msg_timeout seconds); it is made anew",
				dev->name);
		vduse_ctl_del(dev->msg_id);
		dev->msg_id = 0;
		vduse_run_fail(dev);
		vduse_renew_start(dev);
	}
}

int
vduse_run_watch(struct rte_vduse_dev *dev)
{
	return vduse_ctl_add(dev->fd, EPOLLIN, run_on_message, dev, &dev->msg_id);
}

static void
run_on_timer(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	uint64_t expirations;
	ssize_t n;
	int ret;

	n = read(dev->timer_fd, &expirations, sizeof(expirations));
	if (n != sizeof(expirations))
		return;
	/* acquire: pairs with the release in vduse_run_ready() */
	if (__atomic_exchange_n(&dev->recover_pending, false, __ATOMIC_ACQUIRE)) {
		/* before any message: those that the process before did not answer come again */
		vduse_recover(dev);
		ret = vduse_run_watch(dev);
		if (ret < 0)
			VDUSE_LOG(ERR, "%s: cannot wait for requests: %s", dev->name,
					strerror(-ret));
		return;
	}
	if (!dev->started)
		return;
	run_try_queues(dev, RTE_MIN(dev->timer_ms * 2, READY_STEP_MAX_MS));
	run_misses(dev);
	run_faults(dev);
}

int
vduse_run_ready(struct rte_vduse_dev *dev)
{
	if (!dev->adopted && !dev->resumed)
		return vduse_run_watch(dev);
	/* on the control thread, which alone starts queues */
	dev->timer_ms = READY_STEP_MIN_MS;
	/* release: it sees all that its owner has made */
	__atomic_store_n(&dev->recover_pending, true, __ATOMIC_RELEASE);
	run_arm_timer(dev, READY_STEP_MIN_MS);
	return 0;
}

void
vduse_run_suspend(struct rte_vduse_dev *dev)
{
	vduse_ctl_del(dev->msg_id);
	dev->msg_id = 0;
	run_stop(dev, false);
}

int
vduse_run_begin(struct rte_vduse_dev *dev)
{
	int ret;

	dev->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (dev->timer_fd < 0)
		return -errno;
	ret = vduse_ctl_add(dev->timer_fd, EPOLLIN, run_on_timer, dev, &dev->timer_id);
	if (ret < 0)
		goto close_timer;
	ret = vduse_ctl_add(dev->env.fault_fd, EPOLLIN, run_on_fault, dev, &dev->fault_id);
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
vduse_run_end(struct rte_vduse_dev *dev)
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
	if (!vduse_handover_is_out(dev)) /* or its queues are another's */
		run_stop(dev, true);
	close(dev->timer_fd);
	dev->timer_fd = -1;
}
