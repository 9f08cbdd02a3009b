/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_TAKEOVER_H
#define VDUSE_TAKEOVER_H

#include <stdint.h>

/* An upgrade, the side that follows; life/handover.h is the other. */

/** What the process before gives. */
struct vduse_takeover_gift {
	int device_fd;
	int listen_fd;
	uint64_t stopped_ns; /**< when its queues stopped, CLOCK_MONOTONIC */
};

/**
 * Say hello to the process that serves the device, which serves on.
 *
 * @param[out] fd the socket
 * @param[out] store_fd the state file, open and locked, which both have
 * @return 1; 0: there is none, or it went away; -errno with a line of log:
 *   -EPERM it is somebody else's, -ETIMEDOUT it says nothing, -EBUSY others
 *   take it over, or it refuses, -EPROTONOSUPPORT it has another version,
 *   -EPROTO it does not speak as it must
 */
int vduse_takeover_hello(
		const char *dir, const char *name, uint32_t device_id, int *fd, int *store_fd);

/**
 * All that can fail is done: have the device. What is not answered with
 * vduse_takeover_done() the process before takes up again.
 *
 * @return 1; 0: it went away, and its device is as after a kill; -errno with a
 *   line of log, as above
 */
int vduse_takeover_ready(int fd, const char *name, struct vduse_takeover_gift *gift);

/** The process before may forget the device, which has to be ours by now. */
void vduse_takeover_done(int fd);

#endif /* VDUSE_TAKEOVER_H */
