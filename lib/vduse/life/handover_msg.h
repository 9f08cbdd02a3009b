/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HANDOVER_MSG_H
#define VDUSE_HANDOVER_MSG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What two processes say to each other while a device changes hands, over a
 * SOCK_SEQPACKET socket in the state folder, in this order:
 *
 *   new                                old, which serves the device
 *   HELLO: versions, what it needs  ->
 *                                   <- WELCOME with the state file, or REFUSED with a reason
 *   READY: all that can fail is done ->
 *                                      stops the queues
 *                                   <- COMMIT with the device, and the socket that is listened to
 *   DONE: it has them               ->
 *                                      forgets the device
 *
 * Up to DONE either may end, and the old process serves the device.
 */

/** Of this form of the messages; another form has another number. */
#define VDUSE_HANDOVER_PROTOCOL 1

/** Descriptors that come with a message at most. */
#define VDUSE_HANDOVER_FDS_MAX 2

enum vduse_handover_type {
	VDUSE_HANDOVER_HELLO = 1,
	VDUSE_HANDOVER_WELCOME, /**< descriptor: the state file, locked */
	VDUSE_HANDOVER_REFUSED,
	VDUSE_HANDOVER_READY,
	VDUSE_HANDOVER_COMMIT, /**< descriptors: the device, the listening socket */
	VDUSE_HANDOVER_DONE,
};

/** Every form of the messages has the magic, the protocol, the type and the reason in these places.
 */
struct vduse_handover_msg {
	uint64_t magic;
	uint32_t protocol;
	uint32_t type;    /**< enum vduse_handover_type */
	char reason[104]; /**< REFUSED: why, in words */
	uint32_t device_id;
	uint32_t store_version;
	uint64_t stopped_ns; /**< COMMIT: when the queues stopped, CLOCK_MONOTONIC */
};

/** Whether the other end of the socket is this user's process, or root's. */
bool vduse_handover_is_trusted(int fd);

/** The socket of the device. @return 0, or -ENAMETOOLONG */
struct sockaddr_un;
int vduse_handover_address(struct sockaddr_un *addr, int dir_fd, const char *file);

/** Fill in what every message has. */
void vduse_handover_init_msg(struct vduse_handover_msg *msg, enum vduse_handover_type type);

/** @return 0 or -errno */
int vduse_handover_send(
		int fd, const struct vduse_handover_msg *msg, const int *fds, unsigned int nb_fds);

/**
 * Take the next message, with no other number of descriptors than belongs to
 * its type; those of another message are closed.
 *
 * @param[out] fds room for VDUSE_HANDOVER_FDS_MAX; the caller's
 * @return 1; 0: the other went away; -EAGAIN: there is none; -EPROTO: none of
 *   ours; -EPROTONOSUPPORT: of another protocol, whose fields above are valid
 */
int vduse_handover_receive(int fd, struct vduse_handover_msg *msg, int *fds);

#endif /* VDUSE_HANDOVER_MSG_H */
