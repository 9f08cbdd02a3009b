/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_config.h>

#include "life/queues.h"
#include "life/recover.h"
#include "life/status.h"
#include "log.h"

#define RECOVER_DRIVER_OK                                                                     \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
			VIRTIO_CONFIG_S_DRIVER_OK)

/* Whether a driver has its queues ready: so far it came, or further. */
static bool
recover_any_ready(struct rte_vduse_dev *dev)
{
	uint64_t features = 0;
	bool ready = false;
	uint16_t i;

	if (dev->sys->ioctl(dev->fd, VDUSE_IOC_DRIVER_FEATURES, &features) < 0 || features == 0)
		return false;
	for (i = 0; i < dev->nb_queues; i++) {
		struct vduse_abi_vq info = { .index = i };

		ready |= dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info) == 0 && info.ready;
	}
	return ready;
}

/* The device status to go on with; 0: what is to come comes as messages. */
static uint8_t
recover_status(struct rte_vduse_dev *dev)
{
	if (dev->resumed)
		return dev->store->head->status;
	return recover_any_ready(dev) ? RECOVER_DRIVER_OK : 0;
}

/* How long nobody served a device that another process handed over. */
static void
recover_say_rest(struct rte_vduse_dev *dev)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec - dev->stopped_ns;
	dev->stopped_ns = 0;
	VDUSE_LOG(NOTICE, "%s: taken over; it rested for %" PRIu64 ".%03" PRIu64 " ms", dev->name,
			ns / 1000000, ns / 1000 % 1000);
}

static void
recover_fail(struct rte_vduse_dev *dev)
{
	VDUSE_LOG(ERR, "%s: cannot go on where another process was; its driver has to reset it",
			dev->name);
	vduse_queues_fail(dev);
}

static void
recover_go_on(struct rte_vduse_dev *dev, uint8_t status)
{
	if (dev->resumed && dev->store->head->halt == VDUSE_STATEFILE_SUSPENDED) {
		if (vduse_status_suspend_again(dev, status) < 0)
			recover_fail(dev);
		return;
	}
	if (dev->resumed && dev->store->head->halt != VDUSE_STATEFILE_RUNS) {
		VDUSE_LOG(ERR,
				"%s: had a malformed ring; it stays stopped until its driver "
				"resets it",
				dev->name);
		__atomic_store_n(&dev->status, status, __ATOMIC_RELAXED);
		vduse_queues_fail(dev);
		return;
	}
	if (vduse_status_set(dev, status) < 0 && !vduse_dev_is_broken(dev))
		recover_fail(dev);
	if (vduse_dev_is_started(dev))
		vduse_phase_set(dev, VDUSE_PHASE_RUNNING);
}

/*
 * The driver reads its configuration once more: until now the device had no status here, so that
 * what its owner set was told to nobody, nor perhaps what the process before set last.
 */
static void
recover_tell_config(struct rte_vduse_dev *dev)
{
	int ret;

	if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	/* whoever sets something without a look at the new status has done so by now */
	ret = vduse_dev_ioctl(dev, VDUSE_IOC_CONFIG_IRQ, NULL);
	/* EINVAL: the driver has just gone */
	if (ret < 0 && ret != -EINVAL)
		VDUSE_LOG(WARNING, "%s: its driver cannot be told of its configuration: %s",
				dev->name, strerror(-ret));
}

void
vduse_restore_device(struct rte_vduse_dev *dev)
{
	const uint8_t status = recover_status(dev);

	if (status != 0)
		recover_go_on(dev, status);
	if (vduse_dev_is_restoring(dev))
		vduse_phase_set(dev, VDUSE_PHASE_IDLE); /* it did not come so far as DRIVER_OK */
	recover_tell_config(dev);
	if (dev->stopped_ns != 0)
		recover_say_rest(dev);
}
