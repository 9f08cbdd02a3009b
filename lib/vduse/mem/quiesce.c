/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include <rte_pause.h>

#include "log.h"
#include "mem/quiesce.h"

/* Looks at a reader before the processor is given to it. */
#define READER_SPINS 1000

bool vduse_reader_fences = true;

static pthread_once_t setup_once = PTHREAD_ONCE_INIT;

static int
membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

static void
setup(void)
{
	if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
			membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) {
		vduse_reader_fences = false;
		return;
	}
	VDUSE_LOG(NOTICE,
			"membarrier(2) is not available: %s; each poll costs a fence, allow the "
			"system "
			"call to save it",
			strerror(errno));
}

void
vduse_readers_setup(void)
{
	pthread_once(&setup_once, setup);
}

/* The readers' side of the fence as well, where they have none. */
static void
fence_all(void)
{
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vduse_reader_fences || membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return;
	/* it worked before: a filter was set up since then. A store leaves its buffer in far less.
	 */
	VDUSE_LOG(ERR,
			"membarrier(2) is refused since then: %s; allow it in the filter of system "
			"calls",
			strerror(errno));
	usleep(1000);
}

static void
reader_wait(const vduse_reader_t *reader)
{
	const vduse_reader_t seen = __atomic_load_n(reader, __ATOMIC_ACQUIRE);
	unsigned int spins = 0;

	if (!(seen & 1))
		return;
	/* acquire: pairs with the release in vduse_reader_leave() */
	while (__atomic_load_n(reader, __ATOMIC_ACQUIRE) == seen) {
		if (++spins < READER_SPINS) {
			rte_pause();
			continue;
		}
		spins = 0;
		sched_yield();
	}
}

void
vduse_readers_wait(const struct vduse_readers *readers, unsigned int self)
{
	uint16_t i;

	fence_all();
	for (i = 0; i < readers->nb; i++)
		if (i != self)
			reader_wait(readers->readers[i]);
}
