/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_VQ_H
#define VDUSE_VQ_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <linux/virtio_ring.h>

#include <rte_common.h>

#include "count.h"
#include "lock.h"
#include "mem/iotlb.h"
#include "os/sys.h"

/**
 * Segments of one burst step that a virtqueue can hold, and so descriptors of a
 * chain, whatever the ring's size; a longer one is dropped and counted. As many
 * as Linux's vhost takes (UIO_MAXIOV).
 */
#define VDUSE_SEGS_MAX 1024u

/**
 * What one burst may read of the driver's descriptors, counted as
 * vduse_vq_stats.work: so many, and so many more for each frame that there is
 * room for. A chain that was begun is finished, so that one more chain is the
 * most that comes on top.
 */
#define VDUSE_BURST_WORK 2048
#define VDUSE_FRAME_WORK 64

/** Address and length of one piece of a buffer, checked and linear. */
struct vduse_seg {
	uint8_t *addr;
	uint32_t len; /**< bytes */
};

/** Counters of the virtqueue's own, written by its lcore only. */
struct vduse_vq_stats {
	uint64_t calls;            /**< interrupts injected; by any thread */
	uint64_t calls_suppressed; /**< bursts whose interrupt the driver did not want */
	uint64_t calls_failed;     /**< injections that the kernel refused (tried again) */
	uint64_t calls_held;       /**< bursts whose interrupt was held back */
	uint64_t calls_thread;     /**< of the calls, those that the thread made */
	uint64_t iotlb_hits;       /**< pieces of buffers translated */
	uint64_t work;             /**< pieces translated, and descriptors read without that */
	uint64_t iotlb_misses;     /**< bursts that ended at an address not mapped yet */
	uint64_t iotlb_waits;      /**< times that a miss had to wait for what the process lacks */
	uint64_t faults;           /**< malformed rings and chains that stopped the device */
};

struct vduse_caller;

/**
 * Where a virtqueue is in its life: NAME, the word of it in log and telemetry, what it
 * means. doc/phases.md has them, as those of a device (life/device.h).
 */
#define VDUSE_VQ_PHASES(X)                                                                \
	X(OFF, "off", "its driver has not enabled it")                                    \
	X(UNSETTLED, "unsettled", "off, and not every buffer of its last life went back") \
	X(UNPLACED, "unplaced", "enabled; its ring, not mapped yet, tells where it was")  \
	X(UNMAPPED, "unmapped", "enabled; it waits for its ring to be mapped")            \
	X(SERVED, "served", "enabled, and its ring was found in the driver's memory")

enum vduse_vq_phase {
#define VDUSE_VQ_PHASE(name, word, meaning) VDUSE_VQ_PHASE_##name,
	VDUSE_VQ_PHASES(VDUSE_VQ_PHASE)
#undef VDUSE_VQ_PHASE
			VDUSE_VQ_PHASE_NB,
};

/** What all virtqueues of a device share. */
struct vduse_vq_env {
	const struct vduse_sys *sys;
	int fd;                              /**< the device; atomic, -1 while it is recreated */
	const struct vduse_readers *readers; /**< the bursts, by the virtqueue's index */
	int fault_fd; /**< eventfd that wakes the control thread: a fault, or new regions */
};

/** Position of the device in the available ring (virtio 1.2, 2.7.6 and 2.8.1). */
struct vduse_pos {
	uint16_t idx; /**< split: free running; packed: below the size */
	bool wrap;    /**< packed: driver ring wrap counter */
} __rte_aligned(4);

struct vduse_journal_buffer;
struct vduse_journal_record;

/*
 * The parts of a virtqueue, each with the thread that writes it. "Its lcore" is the one that is
 * between vduse_vq_burst_begin() and _end() of the queue, whichever that is; while the queue is
 * stopped or paused, and has been waited for, all of it is the control thread's. No lock guards
 * these: vq->reader and vq->poll.running hand them over (mem/quiesce.h). What is "atomic" is
 * read, and where that is said written, by others meanwhile.
 */

/**
 * What the ring is, and where in this process's addresses. The control thread's,
 * while the queue is stopped; addresses also while it is paused.
 */
struct vduse_vq_ring {
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		} split;
		struct {
			struct vring_packed_desc *desc;
			struct vring_packed_desc_event *driver; /**< the driver's wish for calls */
			struct vring_packed_desc_event *device; /**< ours for kicks */
		} packed;
	};
	uint16_t size;
	uint16_t index;
	bool event_idx;
	bool indirect;
	bool is_packed; /**< the ring format; fixed while the queue is ready */
	bool read_only; /**< set by the owner: it never writes to this queue's buffers */
};

/** Where the device is in the ring. Its lcore's; vduse_vq_look() reads it meanwhile. */
struct vduse_vq_at {
	struct vduse_pos avail; /**< next to take; vduse_vq_set_avail() */
	uint16_t avail_cached;  /**< split: avail->idx as last read */
	uint16_t used_idx;      /**< next to write, vduse_vq_set_used(); split: free running */
	uint16_t used_pending;  /**< elements written and not published */
	bool used_wrap;         /**< packed: device ring wrap counter */
};

/** What a poll asks before it looks at the ring, and nothing else: it is in the first line. */
struct vduse_vq_poll {
	bool running; /**< set and cleared by the control thread, cleared by its lcore at a fault */
	bool call_pending; /**< an injection failed or waits; atomic, vduse_vq_call_pending() */
	bool holds;        /**< set by the owner: an empty poll has to look at more than this */
	bool backoff;      /**< the ring is left alone for a moment; its lcore's, ring/backoff.h */
	uint64_t coal_deadline; /**< TSC when a held call is due, 0: none; atomic, any lcore may
				   take it */
};

/** What a successor goes on from (ring/journal.h). Its lcore's. */
struct vduse_vq_journal {
	/** What was put, packed: the last 8 bytes of each used descriptor, and its slot. */
	uint64_t *puts;
	uint16_t *slots;
	struct vduse_journal_record *record;   /**< what a successor reads */
	struct vduse_journal_buffer *inflight; /**< buffers that stay out, by id */
	uint32_t mask;                         /**< entries of each array, less one */
	bool takes;                            /**< buffers may stay out */
	uint64_t taken;                        /**< buffers taken, where they may stay out */
	uint64_t life; /**< starts so far: no two rings have the same; the control thread's */
};

/** For how long an empty ring is left alone (ring/backoff.h). Its lcore's. */
struct vduse_vq_backoff {
	uint64_t until;  /**< TSC */
	uint64_t cycles; /**< of the TSC, 0: never; the control thread's */
};

/**
 * When and by whom the driver is called (ring/notify.h). Its lcore's but for what is
 * atomic. Coalescing is off where usecs is 0.
 */
struct vduse_vq_notify {
	uint16_t skip_at;   /**< packed: where a chain too long begins, and how many */
	uint16_t skipped;   /**< of its descriptors were passed; 0: none */
	uint16_t signalled; /**< used_idx at the last decision about a call */
	bool signalled_valid;
	bool by_thread;   /**< injected by the thread, not the lcore; the owner's, at creation */
	bool posted;      /**< atomic; the thread is to inject, and clears it */
	bool adaptive;    /**< atomic, as frames, usecs and cycles: the owner's, or the driver's */
	bool busy;        /**< adaptive: the rate of the last window is worth it */
	uint32_t calling; /**< atomic; threads that inject at this moment */
	uint64_t seen;    /**< adaptive: buffers used in this window */
	uint64_t window;  /**< adaptive: TSC of its start */
	uint64_t last;    /**< adaptive: TSC when buffers were used last */
	uint32_t frames;
	uint32_t usecs;
	uint64_t cycles;             /**< usecs on the TSC */
	uint32_t pending;            /**< buffers used since the last call */
	struct vduse_caller *caller; /**< looks after its calls; NULL: nobody has to */
	TAILQ_ENTRY(vduse_vq) next;  /**< with the lock of the list in ring/notify.c */
};

/** The driver's memory, as this queue sees it. Its lcore's but for tlb. */
struct vduse_vq_map {
	const struct vduse_iotlb_map *now; /**< of this burst */
	uint64_t generation;               /**< of the map that hint belongs to */
	uint32_t hint;                     /**< extent of the last hit */
	bool missed;        /**< atomic; the control thread is to look after it, and clears it */
	uint64_t missed_at; /**< IOVA of the last address that was not mapped */
	struct vduse_iotlb *tlb; /**< of the queue's address space; the control thread's, stopped */
};

/**
 * What a ring is and where, for who looks: the control thread writes that with the lock, and
 * reads it without. Taken before the lock of a map.
 */
MUTEX_KIND(vduse_vq_mutex);

/** A virtqueue. */
struct vduse_vq {
	struct vduse_vq_ring ring;
	vduse_reader_t reader; /**< the bursts */
	struct vduse_vq_at pos;
	struct vduse_vq_poll poll;
	/* up to here one cache line, and all that an empty poll looks at */

	struct vduse_vq_journal journal;
	struct vduse_vq_backoff backoff;
	struct vduse_vq_map map;
	struct vduse_seg *segs; /**< VDUSE_SEGS_MAX; its lcore's */
	const char *fault;      /**< what was malformed, NULL: nothing; atomic */
	bool overdue;           /**< atomic; the control thread is to settle it, and clears it */
	const struct vduse_vq_env *env;
	struct vduse_vq_notify notify;
	struct vduse_vq_stats stats; /**< its lcore's; read by any thread */
	/** The control thread's, and what is looked at by others. */
	struct {
		struct vduse_vq_mutex lock;
		uint16_t max_size; /* as told to the kernel */
		int kickfd;
		uint64_t kicks_taken;      /* read from kickfd; atomic */
		enum vduse_vq_phase phase; /* vduse_vq_phase_set() writes it, and nothing else */
		/*
		 * In any phase, and so none: `rests` pauses a queue whose ring is mapped or
		 * not, see vduse_vq_rest(); `kicks`, nobody polls it and the driver is to
		 * kick, is of the kind of queue; `armed`, a lcore sleeps until it does, is
		 * that lcore's, atomic. So is `running` above: the lcore clears it at a fault.
		 */
		bool rests;
		bool kicks;
		bool armed;
		uint64_t signals;                             /* in kickfd, of our own; atomic */
		uint64_t desc_addr, driver_addr, device_addr; /* IOVA */
		void *room; /* of the record, where no file has it */
	} ctl __rte_cache_aligned;
};

static_assert(offsetof(struct vduse_vq, poll.coal_deadline) + sizeof(uint64_t) <=
				RTE_CACHE_LINE_MIN_SIZE,
		"an empty poll looks at one line");
static_assert(offsetof(struct vduse_vq, ring) == 0 && sizeof(struct vduse_vq_ring) == 32,
		"the ring and the positions are in that line");
static_assert(offsetof(struct vduse_vq, ctl) % RTE_CACHE_LINE_SIZE == 0,
		"the control thread writes to lines of its own");

/**
 * Go to this phase; nothing happens in it already. Control thread, or the thread
 * that ends the device when that one has left it; with the queue's lock, for who looks.
 *
 * @return false, with a line of log: there is no such way, and the phase stays
 */
bool vduse_vq_phase_set(struct vduse_vq *vq, enum vduse_vq_phase to);

/** The word of it, a string that stays. */
const char *vduse_vq_phase_word(enum vduse_vq_phase phase);

/** Whether the driver enabled it, and it was taken up. Control thread, which alone changes that. */
static inline bool
vduse_vq_is_ready(const struct vduse_vq *vq)
{
	return vq->ctl.phase >= VDUSE_VQ_PHASE_UNPLACED;
}

/**
 * The burst ends at an address that is not mapped: the queue rests, and the
 * control thread is woken, which resolves that. Its lcore, in the burst.
 */
void vduse_vq_set_miss(struct vduse_vq *vq);

/**
 * Buffers have been out for too long: the control thread is woken, which has the owner give
 * them back (ops->settle). Its lcore, in the burst.
 */
void vduse_vq_set_overdue(struct vduse_vq *vq);

/**
 * What the driver made is malformed: note what, stop the queue, count the first of a life, and
 * wake the control thread. One step: whoever pauses the queue before the burst is over, or
 * between two, finds a fault that the control thread is to hear of. Its lcore, in the burst.
 *
 * @return -EBADMSG
 */
int vduse_vq_set_fault(struct vduse_vq *vq, const char *what) __rte_cold;

/**
 * Begin a burst that may look at the ring; before it translates an address it
 * calls vduse_vq_burst_map().
 *
 * @return false when the queue is not running; then no burst was begun.
 */
static __rte_always_inline bool
vduse_vq_burst_look(struct vduse_vq *vq)
{
	if (!__atomic_load_n(&vq->poll.running, __ATOMIC_RELAXED))
		return false;
	vduse_reader_enter(&vq->reader);
	/* acquire: pairs with the release in vduse_vq_resume() */
	if (unlikely(!__atomic_load_n(&vq->poll.running, __ATOMIC_ACQUIRE))) {
		vduse_reader_leave(&vq->reader);
		return false;
	}
	return true;
}

/** Take the map that the burst translates with. */
static __rte_always_inline void
vduse_vq_burst_map(struct vduse_vq *vq)
{
	/* acquire: pairs with the release in mem/iotlb.c map_swap() */
	const struct vduse_iotlb_map *map = __atomic_load_n(&vq->map.tlb->map, __ATOMIC_ACQUIRE);

	vq->map.now = map;
	if (unlikely(map->generation != vq->map.generation)) {
		vq->map.generation = map->generation;
		vq->map.hint = 0;
	}
}

/** Whether a call is to be tried again; who looks after a held one may be another lcore. */
static __rte_always_inline bool
vduse_vq_call_pending(const struct vduse_vq *vq)
{
	return __atomic_load_n(&vq->poll.call_pending, __ATOMIC_RELAXED);
}

static __rte_always_inline void
vduse_vq_set_call_pending(struct vduse_vq *vq, bool pending)
{
	__atomic_store_n(&vq->poll.call_pending, pending, __ATOMIC_RELAXED);
}

/** Where the burst is; whole, for vduse_vq_look() meanwhile. Plain moves. */
static __rte_always_inline void
vduse_vq_set_avail(struct vduse_vq *vq, struct vduse_pos pos)
{
	__atomic_store(&vq->pos.avail, &pos, __ATOMIC_RELAXED);
}

static __rte_always_inline void
vduse_vq_set_used(struct vduse_vq *vq, uint16_t idx)
{
	__atomic_store_n(&vq->pos.used_idx, idx, __ATOMIC_RELAXED);
}

/** The two in one. @return as vduse_vq_burst_look() */
static __rte_always_inline bool
vduse_vq_burst_begin(struct vduse_vq *vq)
{
	if (!vduse_vq_burst_look(vq))
		return false;
	vduse_vq_burst_map(vq);
	return true;
}

/** Note why a burst could not go on at a chain. @return true: stop the burst */
static inline bool
vduse_vq_burst_stopped(struct vduse_vq *vq, int err)
{
	if (err == -EAGAIN)
		vduse_vq_set_miss(vq);
	return err == -EAGAIN || err == -EBADMSG || err == -EINPROGRESS;
}

/** The value of stats.work at which a burst of n frames, which begins now, ends. */
static __rte_always_inline uint64_t
vduse_vq_work_end(const struct vduse_vq *vq, uint16_t n)
{
	return vq->stats.work + VDUSE_BURST_WORK + (uint32_t)VDUSE_FRAME_WORK * n;
}

/** End the burst: nothing of the ring or of the map is touched from here on. */
static __rte_always_inline void
vduse_vq_burst_end(struct vduse_vq *vq)
{
	vduse_reader_leave(&vq->reader);
}

#endif /* VDUSE_VQ_H */
