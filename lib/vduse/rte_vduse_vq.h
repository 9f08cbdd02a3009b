/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_VQ_H
#define RTE_VDUSE_VQ_H

/**
 * @file
 * Virtqueues of a VDUSE device, for a device type from outside of this library.
 * The functions are the same for split and packed rings, with indirect tables,
 * event indices and whatever else was negotiated for the ring.
 *
 * A queue is served in bursts: begin, fetch a chain and put it back, as many as
 * are wanted, end. One thread at a time serves a queue; it need not be an lcore.
 * What was put is published, and the driver called, at the end of the burst.
 *
 * Memory of a chain is the driver's: it may change at any moment, and what is
 * gone is read as zeroes; system calls may answer EFAULT for it. Copy what is to
 * be judged before it is looked at. It may be used up to the end of the burst and not
 * behind it. The control thread waits for that end before it answers what the driver
 * asks, so that a burst is not to last for seconds.
 *
 * A chain is put in the burst that fetched it, or comes again: with the next
 * burst, and where the process dies, to the one that follows
 * (rte_vduse_conf, state_dir). So a request may be served twice, and in between
 * its driver has seen nothing of it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "rte_vduse.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Segments of a chain at most; a driver's longer one cannot be used. */
#define RTE_VDUSE_VQ_SEGS_MAX 1024

/** Place in a ring; the library's own (virtio 1.2, 2.7.6 and 2.8.1). */
struct rte_vduse_vq_pos {
	uint16_t idx; /**< slot, or index */
	bool wrap;    /**< of a packed ring: the wrap counter */
};

/**
 * A burst of one virtqueue, from rte_vduse_vq_burst_begin() on. Owned by the thread
 * that serves the queue, on its stack perhaps; the fields are the library's own.
 */
struct rte_vduse_vq_burst {
	void *vq;                     /**< the queue */
	uint64_t work_end;            /**< where its share of work ends */
	struct rte_vduse_vq_pos next; /**< chain to fetch */
	bool done;                    /**< no more is fetched */
};

/** A descriptor chain: a request, or a buffer (virtio 1.2, 2.6). */
struct rte_vduse_vq_chain {
	/**
	 * Its segments: those that the device reads, then those that it writes. The
	 * array is the caller's; it may change the entries.
	 */
	struct iovec *iov;
	uint16_t room;                /**< entries of iov, of the caller */
	uint16_t nb_read;             /**< segments that the device reads */
	uint16_t nb_write;            /**< behind them, segments that it writes */
	uint16_t id;                  /**< the library's own: of the buffer */
	uint16_t slots;               /**< the library's own: that it takes in the ring */
	struct rte_vduse_vq_pos from; /**< the library's own: where it begins */
	struct rte_vduse_vq_pos to;   /**< the library's own: where the next one does */
};

/**
 * Begin a burst. Never in another burst of the same thread on the same queue, nor in a
 * callback of rte_vduse_ops. Between rte_vduse_dev_create() and _destroy().
 *
 * @param dev the device
 * @param index of the virtqueue, below nb_queues of the device
 * @param[out] burst the burst
 * @return false where the queue is not served now (its driver has not
 *   enabled it, or the library waits for the driver's memory): then there is no burst
 */
bool rte_vduse_vq_burst_begin(
		struct rte_vduse_dev *dev, uint16_t index, struct rte_vduse_vq_burst *burst);

/**
 * Take the next chain, checked: each segment is 1 byte or more of memory that the
 * driver let the device read or write. A malformed ring or chain stops the device
 * until its driver resets it (logged once), and is none to the caller. How much of a
 * ring one burst may look at is bounded; the rest comes with the next.
 *
 * @param burst that was begun
 * @param[in,out] chain iov and room are the caller's, of at least 1
 * @return 1; 0: none now, or the burst's share was had; -E2BIG: one of more than
 *   `room` or RTE_VDUSE_VQ_SEGS_MAX segments, of which none is given: it is to be
 *   put with nothing written, or refused by rte_vduse_vq_fail()
 */
int rte_vduse_vq_fetch(struct rte_vduse_vq_burst *burst, struct rte_vduse_vq_chain *chain);

/**
 * Give a chain back, in the order in which they were fetched.
 *
 * @param burst that was begun
 * @param chain as rte_vduse_vq_fetch() gave it
 * @param written bytes from the start of the segments that the device writes on
 *   (virtio 1.2, 2.7.8 and 2.8.13)
 * @return 0; -EINVAL: it is not its turn, and nothing was done
 */
int rte_vduse_vq_put(struct rte_vduse_vq_burst *burst, const struct rte_vduse_vq_chain *chain,
		uint32_t written);

/**
 * What the driver sent is malformed for this type of device: the device stops until
 * its driver resets it. The burst is still to be ended, and fetches no more.
 *
 * @param burst that was begun
 * @param what was wrong, for the log; a string that stays
 */
void rte_vduse_vq_fail(struct rte_vduse_vq_burst *burst, const char *what);

/**
 * End the burst: publish what was put, and call the driver where it wants that.
 *
 * @param burst that was begun
 */
void rte_vduse_vq_burst_end(struct rte_vduse_vq_burst *burst);

/**
 * Descriptor to sleep on with poll(2), after rte_vduse_vq_wake_enable(). It is the
 * library's, up to rte_vduse_dev_destroy(); do not read it.
 *
 * @param dev the device
 * @param index of the virtqueue, below nb_queues of the device
 * @return the descriptor
 */
int rte_vduse_vq_wake_fd(const struct rte_vduse_dev *dev, uint16_t index);

/**
 * Ask the driver for a kick, before each sleep: the descriptor becomes readable with
 * it, or at once where there is something to do already. The thread that serves the
 * queue, outside of a burst.
 *
 * @param dev the device
 * @param index of the virtqueue, below nb_queues of the device
 */
void rte_vduse_vq_wake_enable(struct rte_vduse_dev *dev, uint16_t index);

/**
 * The queue is polled again: the driver need not kick. The same thread.
 *
 * @param dev the device
 * @param index of the virtqueue, below nb_queues of the device
 */
void rte_vduse_vq_wake_disable(struct rte_vduse_dev *dev, uint16_t index);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_VQ_H */
