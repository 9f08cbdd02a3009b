/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_MSG_H
#define VDUSE_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "os/sys.h"

/**
 * What a device answers to the kernel's requests. Each handler returns 0 for
 * VDUSE_REQ_RESULT_OK, or a negative errno for VDUSE_REQ_RESULT_FAILED.
 * Called on the control thread; the front end's system call waits meanwhile.
 */
struct vduse_msg_ops {
	/** VDUSE_GET_VQ_STATE; index is below nb_queues. */
	int (*get_vq_state)(void *ctx, uint16_t index, struct vduse_abi_vq_state *state);
	/** The kernel has the answer of get_vq_state, or it was refused; NULL: nobody asks. */
	void (*vq_state_told)(void *ctx, uint16_t index);
	/** VDUSE_SET_STATUS: the driver writes the device status. */
	int (*set_status)(void *ctx, uint8_t status);
	/**
	 * VDUSE_UPDATE_IOTLB: [start, last] of an address space is changed; both
	 * inclusive, start <= last; asid is below nb_spaces.
	 */
	int (*update_iotlb)(void *ctx, uint32_t asid, uint64_t start, uint64_t last);
	/** VDUSE_SET_VQ_GROUP_ASID (API 1); both are below nb_spaces. */
	int (*set_group_asid)(void *ctx, uint32_t group, uint32_t asid);
	/** VDUSE_SET_VQ_READY (Linux 7.3); index is below nb_queues. */
	int (*set_vq_ready)(void *ctx, uint16_t index, bool ready);
	/** VDUSE_SUSPEND (Linux 7.3): nothing moves, and no position changes, until a reset. */
	int (*suspend)(void *ctx);
};

/** Request types that are counted, VDUSE_GET_VQ_STATE and on; the last: unknown ones. */
#define VDUSE_MSG_TYPES (VDUSE_MSG_SUSPEND + 2)

/** Counters of a device's requests; written by the control thread. */
struct vduse_msg_stats {
	uint64_t answered[VDUSE_MSG_TYPES];
	uint64_t refused[VDUSE_MSG_TYPES]; /**< of these, answered FAILED */
	uint64_t ns_total;                 /**< from read to answer, nanoseconds */
	uint64_t ns_max;
};

/** Where messages come from and go to. */
struct vduse_msg_port {
	const char *name;            /**< the device's, for the log */
	const struct vduse_sys *sys; /**< system calls */
	int fd;                      /**< the device's file descriptor, non-blocking */
	uint16_t nb_queues;          /**< virtqueues of the device */
	uint16_t nb_spaces;          /**< address spaces and queue groups; 0: API 0 */
	const struct vduse_msg_ops *ops;
	void *ctx;                     /**< first argument of the handlers */
	struct vduse_msg_stats *stats; /**< may be NULL */
};

/**
 * Answer every request that is queued, up to a bound that keeps one device
 * from holding the control thread (what is left raises the next poll event).
 *
 * @return requests answered; -EPROTO for a request of a size or with content
 *   that no kernel sends (it is answered FAILED where it has an id); else what
 *   read or write gave. -EAGAIN is not an error and not returned.
 */
int vduse_msg_serve(const struct vduse_msg_port *port);

#endif /* VDUSE_MSG_H */
