/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_QUIESCE_H
#define VDUSE_QUIESCE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "compat.h"

/*
 * Who reads what the control thread takes away: bursts read rings and maps,
 * the control thread publishes that they are gone, waits for the bursts, and
 * only then unmaps.
 *
 * An idle poll is a burst as well, so its price is what counts. The full
 * fence that such a protocol needs between "I am reading" and the first read
 * is left out of the burst where the kernel can fence the lcores for the one
 * who waits: membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED (Linux 4.14).
 * Either the lcore's mark is visible after it, or the lcore sees what was
 * published before it. Without membarrier the burst has the fence.
 *
 * test/unit/test_quiesce_model.c has this step by step and tries every
 * interleaving; what is changed here is to be changed there. test/models runs
 * these functions on every order that C11 allows.
 */

/** One reader: odd while it reads. Written by the thread that reads. */
typedef uint32_t vduse_reader_t;

/** All that may read the same thing. */
struct vduse_readers {
	uint16_t nb;
	vduse_reader_t *readers[]; /**< not NULL up to nb */
};

/** No reader. */
#define VDUSE_READER_NONE UINT_MAX

/** Readers fence by themselves; set once, before the first of them. */
extern bool vduse_reader_fences;

/** Learn what the kernel can. Any thread; the first call counts. */
void vduse_readers_setup(void);

/**
 * Wait until every read that had begun has ended. What was published before,
 * every later read sees. Any thread; blocks as long as the longest burst.
 *
 * @param self index of the reader that the caller is, not waited for;
 *   VDUSE_READER_NONE: none
 */
void vduse_readers_wait(const struct vduse_readers *readers, unsigned int self);

/** From here on the thread reads. */
static __rte_always_inline void
vduse_reader_enter(vduse_reader_t *reader)
{
	if (VDUSE_TSAN) {
		__atomic_fetch_add(reader, 1, __ATOMIC_ACQ_REL);
		return;
	}
	__atomic_store_n(reader, *reader + 1, __ATOMIC_RELAXED);
	if (unlikely(vduse_reader_fences))
		rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		rte_compiler_barrier();
}

/** What was read is not touched from here on. */
static __rte_always_inline void
vduse_reader_leave(vduse_reader_t *reader)
{
	/* release: pairs with the acquire in vduse_readers_wait() */
	__atomic_store_n(reader, *reader + 1, __ATOMIC_RELEASE);
}

#endif /* VDUSE_QUIESCE_H */
