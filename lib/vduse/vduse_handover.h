/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HANDOVER_H
#define VDUSE_HANDOVER_H

#include "vduse_ctl.h"

struct rte_vduse_dev;

/*
 * An upgrade, the side that serves: a device's descriptor goes to the process
 * that follows, with the state file and its lock. They meet at a socket in the
 * state folder; each makes sure that the other is the same user or root. All
 * is done on the control thread, and the owner is told when the device is gone.
 */

/** What is awaited from the process that takes the device over. */
enum vduse_handover_step {
	VDUSE_HANDOVER_NOBODY, /**< none is there */
	VDUSE_HANDOVER_ASKED,  /**< its hello */
	VDUSE_HANDOVER_WAITS,  /**< that it is ready; it has the state file */
	VDUSE_HANDOVER_SENT,   /**< its acknowledgement; it has the device, and no queue runs */
};

struct vduse_handover {
	int listen_fd; /**< -1: none */
	int peer_fd;   /**< who asked, -1: nobody */
	vduse_ctl_id_t listen_id, peer_id;
	enum vduse_handover_step
			step; /**< written by the control thread; others read it atomically */
	bool left;            /**< the device is no longer ours; the same */
};

/**
 * Whoever follows may ask from here on, at the socket that the process before
 * gave, or a new one. Nothing where there is no state file. @return 0 or -errno
 */
int vduse_handover_listen(struct rte_vduse_dev *dev);

/**
 * Nobody may any more. Not on the control thread. Where the device was sent,
 * and nobody says whether it came, it is left.
 */
void vduse_handover_close(struct rte_vduse_dev *dev);

/** Whether the device is another process's, or may be. Any thread. */
bool vduse_handover_is_out(const struct rte_vduse_dev *dev);

#endif /* VDUSE_HANDOVER_H */
