/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "life/queues.h"
#include "log.h"
#include "ring/journal.h"
#include "ring/queue.h"
#include "trace.h"

int
vduse_queue_end(struct rte_vduse_dev *dev, uint16_t index, enum vduse_queue_end how)
{
	struct vduse_vq *vq = dev->vqs[index];
	const bool served = vduse_vq_is_ready(vq);
	const bool placed = served && vq->ctl.phase != VDUSE_VQ_PHASE_UNPLACED;
	bool unsettled = false;
	int ret = 0;

	vduse_vq_rest(vq);
	if (placed) {
		if (how == VDUSE_QUEUE_TAKEN_BACK && dev->ops.settle != NULL)
			ret = dev->ops.settle(dev->priv, index);
		unsettled = how == VDUSE_QUEUE_LEFT ? vq->journal.takes : ret < 0;
	}
	vduse_vq_stop(vq, unsettled);
	if (!served)
		return 0;
	if (how == VDUSE_QUEUE_TAKEN_BACK && placed)
		vduse_journal_park(vq, ret == 0);
	dev->ops.queue(dev->priv, index, false);
	vduse_trace_queue(dev->name, index, false);
	return ret;
}

/* After this the device is the control thread's: it may be at it before this returns. */
void
vduse_queues_arm_timer(const struct rte_vduse_dev *dev, uint32_t ms)
{
	const struct itimerspec when = { .it_value = { .tv_sec = ms / 1000,
							 .tv_nsec = ms % 1000 * 1000000L } };

	if (timerfd_settime(dev->timer_fd, 0, &when, NULL) < 0)
		VDUSE_LOG(ERR, "%s: timer: %s", dev->name, strerror(errno));
}

void
vduse_queues_set_timer(struct rte_vduse_dev *dev, uint32_t ms)
{
	dev->timer_ms = ms;
	vduse_queues_arm_timer(dev, ms);
}

static void
queues_unwatch_kick(struct rte_vduse_dev *dev, uint16_t index)
{
	vduse_ctl_del(dev->kick_ids[index]);
	dev->kick_ids[index] = 0;
}

void
vduse_queues_stop(struct rte_vduse_dev *dev, enum vduse_phase to, bool tell)
{
	const bool started = vduse_dev_is_started(dev);
	uint16_t i;

	dev->misses_wait = false;
	vduse_queues_set_timer(dev, 0);
	for (i = 0; i < dev->nb_queues; i++) {
		queues_unwatch_kick(dev, i);
		vduse_queue_end(dev, i, VDUSE_QUEUE_LEFT);
	}
	vduse_phase_set(dev, to);
	if (started && tell)
		dev->ops.stop(dev->priv);
}

/* There is no way from user space to DEVICE_NEEDS_RESET. */
void
vduse_queues_fail(struct rte_vduse_dev *dev)
{
	/* once; and one that is not served, or another's by now, does not fail here */
	if (!vduse_phase_may(vduse_dev_phase(dev), VDUSE_PHASE_FAILED))
		return;
	vduse_statefile_set_status(dev->store, dev->status, VDUSE_STATEFILE_FAILED);
	vduse_queues_stop(dev, VDUSE_PHASE_FAILED, true);
}

static const char *
queues_why(int err)
{
	switch (err) {
	case -ENOTSUP:
		return "a packed ring does not tell where the process before was";
	case -EBADMSG:
		return "the ring is not as the process before left it";
	default:
		return strerror(-err);
	}
}

void
vduse_queues_failed(struct rte_vduse_dev *dev, uint16_t index, int err)
{
	VDUSE_LOG(ERR,
			"%s: queue %u cannot be served: %s; the device stops until its driver "
			"resets it",
			dev->name, index, queues_why(err));
	vduse_queues_fail(dev);
}

/* The queue runs: lcores poll it, or its kicks go to the owner. */
static void
queues_served(struct rte_vduse_dev *dev, uint16_t index)
{
	vduse_trace_queue(dev->name, index, true);
	dev->ops.queue(dev->priv, index, true);
	if (dev->vqs[index]->ctl.kicks)
		dev->ops.kick(dev->priv, index);
	else
		queues_unwatch_kick(dev, index);
}

/*
 * Start a queue as the kernel describes it. One whose ring is not mapped yet
 * waits for the next mapping. Returns 1 or -errno.
 */
int
vduse_queues_start(struct rte_vduse_dev *dev, const struct vduse_abi_vq *info)
{
	struct vduse_vq *vq = dev->vqs[info->index];
	int ret;

	ret = vduse_vq_start(vq, info, dev->driver_features,
			vduse_dev_is_restoring(dev) && !dev->resumed);
	if (ret < 0 && ret != -EFAULT)
		return ret;
	if (ret < 0)
		VDUSE_LOG(NOTICE,
				"%s: queue %u: its ring at IOVA 0x%" PRIx64
				" is not mapped; it waits for the next mapping",
				dev->name, info->index, (uint64_t)info->desc_addr);
	queues_served(dev, info->index);
	return 1;
}

/*
 * Serve the queue if the driver has enabled it.
 * Returns 1 when it is served, 0 when it is not ready, or -errno.
 */
static int
queues_try(struct rte_vduse_dev *dev, uint16_t index)
{
	struct vduse_vq *vq = dev->vqs[index];
	struct vduse_abi_vq info = { .index = index };
	int ret;

	if (vduse_vq_is_ready(vq))
		return 1;
	ret = dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info);
	if (ret < 0)
		return ret;
	if (!info.ready)
		return 0;
	return vduse_queues_start(dev, &info);
}

/* Try what is not served yet; look again later where some is left. */
void
vduse_queues_try(struct rte_vduse_dev *dev, uint32_t step_ms)
{
	bool left = false;
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues; i++) {
		ret = queues_try(dev, i);
		if (ret < 0) {
			vduse_queues_failed(dev, i, ret);
			return;
		}
		left |= ret == 0;
	}
	if (dev->vduse_features & (1ULL << VDUSE_ABI_F_QUEUE_READY))
		left = false;
	vduse_queues_set_timer(dev, left || dev->misses_wait ? step_ms : 0);
}

/* A kick of a queue that was not ready at the last look, or that nobody polls. */
static void
queues_on_kick(void *arg, __rte_unused uint32_t events)
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
		if (vduse_vq_is_ready(vq))
			dev->ops.kick(dev->priv, i);
		else
			look = true;
	}
	if (look && vduse_dev_is_started(dev))
		vduse_queues_try(dev, VDUSE_READY_STEP_MIN_MS);
}

static int
queues_set_kickfd(struct rte_vduse_dev *dev, uint16_t index, int fd)
{
	struct vduse_abi_kickfd kick = { .index = index, .fd = fd };

	if (dev->fd < 0)
		return 0; /* a device that is gone notes nothing */
	return dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_KICKFD, &kick);
}

static int
queues_watch_kick(struct rte_vduse_dev *dev, uint16_t index)
{
	const int kickfd = dev->vqs[index]->ctl.kickfd;
	int ret;

	ret = queues_set_kickfd(dev, index, kickfd);
	if (ret < 0)
		return ret;
	ret = vduse_ctl_add(kickfd, EPOLLIN, queues_on_kick, dev, &dev->kick_ids[index]);
	if (ret < 0)
		queues_set_kickfd(dev, index, VDUSE_ABI_NO_FD);
	return ret;
}

int
vduse_queues_watch(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues; i++) {
		ret = queues_watch_kick(dev, i);
		if (ret < 0)
			goto unwatch;
	}
	return 0;

unwatch:
	while (i-- > 0) {
		queues_unwatch_kick(dev, i);
		queues_set_kickfd(dev, i, VDUSE_ABI_NO_FD);
	}
	return ret;
}

void
vduse_queues_unwatch(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++)
		queues_set_kickfd(dev, i, VDUSE_ABI_NO_FD);
}
