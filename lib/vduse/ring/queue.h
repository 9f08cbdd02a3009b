/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_QUEUE_H
#define VDUSE_QUEUE_H

#include "ring/vq.h"

/* A virtqueue's life, from where the kernel says that it is: all on the control thread. */

/**
 * @param room of the record (vduse_journal_bind()), the caller's; NULL: the
 *   queue's own
 * @return 0 or -errno; mirror: vduse_vq_fini().
 */
int vduse_vq_init(struct vduse_vq *vq, const struct vduse_vq_env *env, uint16_t index,
		uint16_t max_size, void *room);
void vduse_vq_fini(struct vduse_vq *vq);

/**
 * Take over the ring that VDUSE_VQ_GET_INFO describes and let bursts run.
 * Control thread.
 *
 * A record that a process before left of this ring (ring/journal.h) says where
 * it was, otherwise the driver's state does.
 *
 * @param features negotiated
 * @param recover a process before served the ring and left no record: take the
 *   position from the ring
 * @return 0; -ENOTSUP where the ring does not tell (packed, once used);
 *   -EBADMSG where record and ring contradict each other; -EINVAL for a size
 *   or address the specification forbids; -ENOMEM; -EFAULT where the ring is
 *   not mapped: the queue is started, and the next vduse_vq_resume() tries again
 */
int vduse_vq_start(struct vduse_vq *vq, const struct vduse_abi_vq *info, uint64_t features,
		bool recover);

/**
 * No burst runs or will run when this returns. Control thread.
 *
 * @param unsettled of a queue that was started: not every buffer went back
 */
void vduse_vq_stop(struct vduse_vq *vq, bool unsettled);

/**
 * Stop bursts of a started queue for a moment; keeps its positions. Control
 * thread.
 *
 * @param self index of the queue in whose burst the caller is, which is not
 *   waited for; VDUSE_VQ_NONE: in none
 */
void vduse_vq_pause(struct vduse_vq *vq, unsigned int self);

/** The two halves of it, for several queues: halt each, then wait once. */
void vduse_vq_halt(struct vduse_vq *vq);
void vduse_vq_wait(const struct vduse_vq *vq, unsigned int self);

/** No queue. */
#define VDUSE_VQ_NONE VDUSE_READER_NONE

/**
 * Translate the ring again and let bursts run again, unless the queue rests.
 *
 * @return 0; -EFAULT where the ring is not mapped, and then the queue stays
 *   paused; what vduse_vq_start() found no ring to look at for: as that
 */
int vduse_vq_resume(struct vduse_vq *vq);

/**
 * Pause a queue, and keep it so whoever resumes it, until vduse_vq_rest_end()
 * or vduse_vq_stop(). Control thread.
 */
void vduse_vq_rest(struct vduse_vq *vq);

/** Whoever resumes it may; nobody has yet. Mirror of vduse_vq_rest(). */
void vduse_vq_rest_end(struct vduse_vq *vq);

/** Where the ring of a queue that rests is now. @return 0, or -EFAULT: not mapped */
int vduse_vq_place(struct vduse_vq *vq);

/** Where the device is, for VDUSE_GET_VQ_STATE. The queue must be paused or stopped. */
void vduse_vq_get_state(const struct vduse_vq *vq, struct vduse_abi_vq_state *state);

/** A virtqueue at one moment. */
struct vduse_vq_view {
	uint16_t size; /**< 0: the driver has not enabled it */
	enum vduse_vq_phase phase;
	bool ready, running, is_packed;
	uint64_t desc_addr, driver_addr, device_addr; /**< IOVA */
	uint16_t avail_idx, used_idx;
	int fill;          /**< buffers available and not taken; -1: no ring to look at */
	const char *fault; /**< NULL: none */
};

/**
 * Look at a virtqueue, whatever its driver and its lcore do meanwhile: ring and
 * map are those of one moment. Any thread but the queue's lcore; may block.
 */
void vduse_vq_look(struct vduse_vq *vq, struct vduse_vq_view *view);

/** Give the queue this address space. Control thread; the queue rests. */
void vduse_vq_set_space(struct vduse_vq *vq, struct vduse_iotlb *tlb);

/**
 * Resolve a miss: map what the kernel has there, or say in `fault` that it has
 * nothing. Then the queue may be resumed. Control thread; may block.
 *
 * @return 0; -EMFILE, -ENFILE, -ENOMEM, -EAGAIN: what it takes is not to be had
 *   now, and the miss is noted still
 */
int vduse_vq_resolve(struct vduse_vq *vq);

#endif /* VDUSE_QUEUE_H */
