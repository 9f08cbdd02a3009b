/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "life/adopt.h"
#include "life/birth.h"
#include "life/takeover.h"
#include "log.h"
#include "os/kernel.h"

/* A process that was killed keeps its descriptors until the kernel has taken it apart. */
#define ADOPT_BUSY_WAIT_MS 3000
#define ADOPT_BUSY_STEP_MS 5

static int
adopt_open(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf, bool wait)
{
	unsigned int waited = 0;
	uint64_t features;
	int fd = conf->adopt_fd;

	while (fd < 0) {
		fd = dev->sys->open_device(dev->name);
		if (fd != -EBUSY || !wait || waited >= ADOPT_BUSY_WAIT_MS)
			break;
		usleep(ADOPT_BUSY_STEP_MS * 1000);
		waited += ADOPT_BUSY_STEP_MS;
	}
	if (fd == -ENOENT || fd == -ENODEV)
		return -ENOENT;
	if (fd < 0) {
		vduse_kernel_log_open(dev->name, "its file in /dev/vduse", fd);
		return fd;
	}
	/* whether it is one */
	if (conf->adopt_fd >= 0 && dev->sys->ioctl(fd, VDUSE_IOC_DRIVER_FEATURES, &features) < 0)
		VDUSE_LOG(WARNING, "%s: file descriptor %d: is it a VDUSE device?", dev->name, fd);
	/* what is waited for with epoll must not block; a descriptor from elsewhere may */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int ret = -errno;

		VDUSE_LOG(ERR, "%s: file descriptor %d: %s; is it open?", dev->name, fd,
				strerror(-ret));
		return ret;
	}
	return fd;
}

/* Mirror of adopt_open(). */
static void
adopt_close(struct rte_vduse_dev *dev)
{
	if (!dev->fd_lent)
		dev->sys->close(dev->fd);
	dev->fd_lent = false;
}

/* The kernel's device stands, whatever was asked for. */
static void
adopt_desc(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	const struct vduse_statefile_desc *desc = &dev->store->head->desc;

	if (desc->nb_queues != conf->nb_queues || desc->queue_size != conf->queue_size ||
			desc->features != conf->features)
		VDUSE_LOG(NOTICE,
				"%s: has %u queues of size %u and offers features 0x%" PRIx64
				", not what was asked for; that is as it was created and stays",
				dev->name, desc->nb_queues, desc->queue_size, desc->features);
	conf->nb_queues = desc->nb_queues;
	conf->queue_size = desc->queue_size;
	conf->first_control_queue = desc->first_control_queue;
	conf->features = desc->features;
	dev->offered = desc->features;
	dev->api_version = desc->api_version;
	dev->vduse_features = desc->vduse_features;
	dev->nb_spaces = desc->nb_spaces;
	dev->first_control_queue = desc->first_control_queue;
	dev->adopted = desc->adopted != 0;
}

/* Whether the file is of the device that is there, and of this type. */
static bool
adopt_is_same(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	const struct vduse_statefile_head *head = dev->store->head;
	struct vduse_statefile_id id;
	int ret;

	ret = vduse_birth_identify(dev, &id);
	/* of a descriptor from elsewhere the node may be out of sight */
	if (ret == -ENOENT && conf->adopt_fd >= 0)
		memcpy(id.node, head->id.node, sizeof(id.node));
	else if (ret < 0)
		return false;
	return memcmp(&id, &head->id, sizeof(id)) == 0 && head->desc.device_id == conf->device_id &&
	       head->desc.nb_spaces >= 1 && head->desc.nb_spaces <= VDUSE_DEV_SPACES;
}

/* Whether there can be such a device as the file describes, and its owner can serve it. */
static bool
adopt_can_resume(const struct rte_vduse_dev *dev)
{
	const struct vduse_statefile_desc *desc = &dev->store->head->desc;

	/* no driver is served without them, nor does the kernel create a device */
	if ((desc->features & VDUSE_FEATURES_REQUIRED) != VDUSE_FEATURES_REQUIRED)
		return false;
	return dev->ops.can_resume == NULL ||
	       dev->ops.can_resume(desc->nb_queues, desc->first_control_queue);
}

/*
 * Whether the file offers all that its driver has taken, by its own word. Before
 * FEATURES_OK a driver may have asked for anything.
 */
static bool
adopt_has_offered(const struct rte_vduse_dev *dev)
{
	const struct vduse_statefile_head *head = dev->store->head;
	uint64_t taken = 0;

	return !(head->status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	       dev->sys->ioctl(dev->fd, VDUSE_IOC_DRIVER_FEATURES, &taken) < 0 ||
	       (taken & ~head->desc.features) == 0;
}

/*
 * Whether the open device is as the file describes it, as far as can be seen:
 * the checksum of a file tells accidents, not who wrote it.
 */
static bool
adopt_is_described(const struct rte_vduse_dev *dev)
{
	struct vduse_abi_vq info = { .index = dev->store->head->desc.nb_queues - 1 };

	/* the kernel refuses an index beyond its queues with EINVAL */
	return dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info) != -EINVAL &&
	       adopt_has_offered(dev) && adopt_can_resume(dev);
}

static void
adopt_resumed(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	adopt_desc(dev, conf);
	dev->resumed = true;
	dev->control_fd = -1;
	if (dev->adopted)
		return;
	dev->control_fd = dev->sys->open_control();
	/* without the right to destroy it, it stays */
	dev->adopted = dev->control_fd < 0;
}

int
vduse_adopt_resume(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	if (!adopt_is_same(dev, conf)) {
		VDUSE_LOG(NOTICE, "%s: its state file is of a device that is gone: it is ignored",
				dev->name);
		return 0;
	}
	dev->fd = adopt_open(dev, conf, true);
	dev->fd_lent = conf->adopt_fd >= 0;
	if (dev->fd < 0)
		return dev->fd == -ENOENT ? 0 : dev->fd;
	if (!adopt_is_described(dev)) {
		VDUSE_LOG(NOTICE, "%s: its state file describes another device: it is ignored",
				dev->name);
		adopt_close(dev);
		return 0;
	}
	adopt_resumed(dev, conf);
	VDUSE_LOG(NOTICE, "%s: resumed after the previous process%s", dev->name,
			dev->adopted ? "; it stays in /dev/vduse when this process ends" : "");
	return 1;
}

int
vduse_adopt_foreign(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	int ret;

	dev->control_fd = -1;
	dev->fd = adopt_open(dev, conf, false);
	dev->fd_lent = conf->adopt_fd >= 0;
	if (dev->fd < 0)
		return dev->fd == -ENOENT ? 0 : dev->fd;
	dev->adopted = true;
	ret = dev->ops.can_adopt != NULL ? dev->ops.can_adopt(dev->priv, dev->name) : 0;
	if (ret == 0)
		ret = vduse_birth_creating(dev, conf);
	if (ret == 0)
		ret = vduse_birth_served(dev, conf);
	if (ret < 0) {
		adopt_close(dev);
		return ret;
	}
	VDUSE_LOG(NOTICE, "%s: adopted; it stays in /dev/vduse when this process ends", dev->name);
	return 1;
}

/* A process that died while it created, perhaps again: what it made is in the way. */
static void
adopt_clean(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	int control, ret;

	if (adopt_is_same(dev, conf)) {
		ret = rte_vduse_dev_remove(dev->name);
	} else {
		control = dev->sys->open_control();
		if (control < 0)
			return; /* creating says why */
		/* nobody has it open and it is not on the bus, or it stays */
		ret = vduse_kernel_destroy(dev->sys, control, dev->name);
		dev->sys->close(control);
	}
	if (ret == 0)
		VDUSE_LOG(NOTICE, "%s: removed what a process left that died while it created it",
				dev->name);
}

/*
 * The device may be there whose state file cannot be used: of another version,
 * or damaged. Off the bus nobody misses it, and it is created again. On the bus
 * it has a driver, and buffers under way of which nothing is known.
 */
static int
adopt_unknown(struct rte_vduse_dev *dev)
{
	const int control = dev->sys->open_control();
	int ret;

	if (control < 0)
		return 0; /* creating says why */
	ret = vduse_kernel_destroy(dev->sys, control, dev->name);
	dev->sys->close(control);
	if (ret == -EBUSY)
		VDUSE_LOG(ERR,
				"%s: is in use, and its state file cannot be read (another "
				"version, or "
				"damaged): start the version that wrote it, or take the device off "
				"the "
				"vDPA bus (vdpa dev del %s) and start again; the file stays",
				dev->name, dev->name);
	else if (ret == 0)
		VDUSE_LOG(NOTICE, "%s: was off the vDPA bus: created again", dev->name);
	return ret == -EBUSY ? ret : 0;
}

int
vduse_adopt_served(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	struct vduse_takeover *takeover = &dev->takeover;
	int ret = 0;

	takeover->set = calloc(1, conf->config_size + 1);
	if (takeover->set == NULL)
		ret = -ENOMEM;
	if (ret == 0 && (vduse_adopt_trace(dev) != VDUSE_TRACE_SERVED ||
					!adopt_is_same(dev, conf) || !adopt_can_resume(dev))) {
		VDUSE_LOG(ERR,
				"%s: the process that serves it goes on: its state file does not "
				"describe the device; stop it, and start this one again",
				dev->name);
		ret = -EPROTO;
	}
	if (ret < 0) {
		free(takeover->set);
		takeover->set = NULL;
		return ret;
	}
	adopt_resumed(dev, conf);
	dev->fd = -1;
	vduse_phase_set(dev, VDUSE_PHASE_WAITING);
	return 1;
}

/* The process before ended without a word, so the device is as it left it. */
static int
adopt_reopen(struct rte_vduse_dev *dev, struct vduse_takeover_gift *gift)
{
	memset(gift, 0, sizeof(*gift));
	gift->listen_fd = -1;
	gift->device_fd = adopt_open(dev, &dev->recreation.conf, true);
	if (gift->device_fd == -ENOENT)
		VDUSE_LOG(ERR,
				"%s: the process that served it has ended, and destroyed it; start "
				"this one again to create it",
				dev->name);
	else if (gift->device_fd >= 0)
		VDUSE_LOG(NOTICE, "%s: resumed after the previous process", dev->name);
	return RTE_MIN(gift->device_fd, 0);
}

void
vduse_adopt_give_back(struct rte_vduse_dev *dev)
{
	struct vduse_takeover *takeover = &dev->takeover;

	if (!takeover->claimed)
		return;
	dev->sys->close(takeover->gift.device_fd);
	if (takeover->gift.listen_fd >= 0)
		close(takeover->gift.listen_fd);
	takeover->claimed = false;
}

/* Whether the device in hand is the one that was asked for. */
static bool
adopt_is_the_one(struct rte_vduse_dev *dev)
{
	bool is;

	dev->fd = dev->takeover.gift.device_fd;
	is = adopt_is_same(dev, &dev->recreation.conf) && adopt_is_described(dev);
	dev->fd = -1;
	return is;
}

int
vduse_adopt_claim(struct rte_vduse_dev *dev)
{
	struct vduse_takeover *takeover = &dev->takeover;
	int ret;

	if (takeover->claimed)
		return 0;
	ret = vduse_takeover_ready(takeover->fd, dev->name, &takeover->gift);
	if (ret == 0)
		ret = adopt_reopen(dev, &takeover->gift);
	if (ret < 0)
		return ret;
	takeover->claimed = true;
	if (adopt_is_the_one(dev))
		return 0;
	VDUSE_LOG(ERR,
			"%s: what was handed over is another device than was asked for; "
			"start this process again",
			dev->name);
	vduse_adopt_give_back(dev);
	return -EPROTO;
}

int
vduse_adopt_take_over(struct rte_vduse_dev *dev)
{
	const struct vduse_takeover_gift *gift = &dev->takeover.gift;
	int ret;

	ret = vduse_adopt_claim(dev);
	if (ret < 0)
		return ret;
	dev->fd = gift->device_fd;
	dev->handover.listen_fd = gift->listen_fd;
	dev->stopped_ns = gift->stopped_ns;
	dev->takeover.claimed = false;
	vduse_takeover_done(dev->takeover.fd);
	close(dev->takeover.fd);
	dev->takeover.fd = -1;
	return 0;
}

enum vduse_trace
vduse_adopt_trace(const struct rte_vduse_dev *dev)
{
	if (dev->store == NULL)
		return VDUSE_TRACE_NONE;
	if (dev->store->aside[0] != '\0')
		return VDUSE_TRACE_UNREADABLE;
	switch (vduse_statefile_stage(dev->store)) {
	case VDUSE_STATEFILE_CREATING:
		return VDUSE_TRACE_CREATING;
	case VDUSE_STATEFILE_SERVED:
		return VDUSE_TRACE_SERVED;
	default:
		return VDUSE_TRACE_NONE;
	}
}

int
vduse_adopt_look(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	int store_fd = -1, served = 0, ret;

	if (conf->state_dir == NULL)
		return 0;
	/* a device whose descriptor is here is nobody else's */
	if (conf->takeover && conf->adopt_fd < 0)
		served = vduse_takeover_hello(conf->state_dir, dev->name, conf->device_id,
				&dev->takeover.fd, &store_fd);
	if (served < 0)
		return served;
	ret = vduse_statefile_open(&dev->store, conf->state_dir, dev->name, store_fd);
	return ret < 0 ? ret : served;
}

int
vduse_adopt_sweep(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf,
		enum vduse_sweep sweep)
{
	if (sweep == VDUSE_SWEEP_HALF_MADE)
		adopt_clean(dev, conf);
	return sweep == VDUSE_SWEEP_UNKNOWN ? adopt_unknown(dev) : 0;
}
