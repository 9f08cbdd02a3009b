/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HANDOVER_H
#define VDUSE_HANDOVER_H

#include "vduse_ctl.h"

struct rte_vduse_dev;

/*
 * An upgrade: a process that runs gives a device's descriptor and its state
 * file, with the lock, to the one that follows. They meet at a socket in the
 * state folder; each makes sure that the other is the same user or root.
 */

/** The serving side. */
struct vduse_handover {
	int listen_fd; /**< -1: none */
	int peer_fd;   /**< who asked, -1: nobody */
	vduse_ctl_id_t listen_id, peer_id;
	bool left; /**< the device is no longer ours */
};

/** Nobody may ask yet. */
void vduse_handover_init(struct rte_vduse_dev *dev);

/** Whoever follows may ask from here on. Nothing where there is no state file. @return 0 or -errno
 */
int vduse_handover_listen(struct rte_vduse_dev *dev);

/** Nobody may any more. Not on the control thread. */
void vduse_handover_close(struct rte_vduse_dev *dev);

/** What the one before gives. */
struct vduse_handover_gift {
	int device_fd;
	int store_fd;
	uint64_t stopped_ns; /**< when its queues stopped, CLOCK_MONOTONIC */
};

/**
 * Ask the process that serves the device for it, and wait until it lets go.
 *
 * @return 1; 0: there is none, or it went away; -errno with a line of log:
 *   -EPERM it is somebody else's, -ETIMEDOUT it does not let go, -EBUSY others
 *   ask for it, -EPROTO what it sent is not a device and its state file
 */
int vduse_handover_take(const char *dir, const char *name, struct vduse_handover_gift *gift);

#endif /* VDUSE_HANDOVER_H */
