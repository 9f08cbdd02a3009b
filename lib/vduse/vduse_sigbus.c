/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_spinlock.h>

#include "vduse_sigbus.h"

/*
 * Who holds the spinlock touches no memory of a range, so the handler, which
 * runs on the thread that does, never waits for itself.
 */
static struct {
	pthread_mutex_t install; /* taken before lock: installed, previous */
	rte_spinlock_t lock;     /* guards ranges */
	LIST_HEAD(sigbus_ranges, vduse_sigbus_range) ranges;
	bool installed;
	struct sigaction previous;
} sigbus = {
	.install = PTHREAD_MUTEX_INITIALIZER,
	.lock = RTE_SPINLOCK_INITIALIZER,
	.ranges = LIST_HEAD_INITIALIZER(sigbus.ranges),
};

/*
 * Zeroes over the whole range, in one step: it may be huge pages, which are
 * replaced whole or not at all. Made elsewhere and moved there, so that a
 * process with mlockall(MCL_FUTURE) does not get memory for all of it.
 */
static bool
range_replace(const struct vduse_sigbus_range *range)
{
	void *zeroes;

	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	zeroes = mmap(NULL, range->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			0);
	if (zeroes == MAP_FAILED)
		return false;
	munlock(zeroes, range->len);
	if (mprotect(zeroes, range->len, range->prot) == 0 &&
			mremap(zeroes, range->len, range->len, MREMAP_MAYMOVE | MREMAP_FIXED,
					range->base) == range->base)
		return true;
	munmap(zeroes, range->len);
	return false;
}

/* Lock held. */
static bool
range_lose(struct vduse_sigbus_range *range)
{
	const uint64_t one = 1;
	ssize_t n;

	if (!range_replace(range))
		return false;
	__atomic_store_n(range->lost, true, __ATOMIC_RELEASE);
	if (range->fd >= 0) {
		n = write(range->fd, &one, sizeof(one));
		RTE_SET_USED(n);
	}
	return true;
}

static bool
sigbus_at(uintptr_t addr)
{
	struct vduse_sigbus_range *range;
	bool done = false;

	rte_spinlock_lock(&sigbus.lock);
	LIST_FOREACH (range, &sigbus.ranges, next) {
		if (addr - (uintptr_t)range->base >= range->len)
			continue;
		done = range_lose(range);
		break;
	}
	rte_spinlock_unlock(&sigbus.lock);
	return done;
}

/* As if this handler were not there. */
static void
sigbus_pass_on(int number, siginfo_t *info, void *context)
{
	const struct sigaction *to = &sigbus.previous;
	/* sent, not raised by the instruction that returning would run again */
	const bool sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;

	if (to->sa_flags & SA_SIGINFO) {
		to->sa_sigaction(number, info, context);
	} else if (to->sa_handler == SIG_DFL || to->sa_handler == SIG_IGN) {
		if (sent && to->sa_handler == SIG_IGN)
			return;
		signal(number, SIG_DFL);
		if (sent)
			raise(number);
	} else {
		to->sa_handler(number);
	}
}

static void
sigbus_handler(int number, siginfo_t *info, void *context)
{
	const int saved = errno;
	bool done = false;

	if (info->si_code > 0 && info->si_code != BUS_MCEERR_AO)
		done = sigbus_at((uintptr_t)info->si_addr);
	if (!done)
		sigbus_pass_on(number, info, context);
	errno = saved;
}

/* Mutex held. Mirror: sigbus_remove(). */
static int
sigbus_install(void)
{
	struct sigaction action = {
		.sa_sigaction = sigbus_handler,
		.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK,
	};

	if (sigbus.installed)
		return 0;
	sigemptyset(&action.sa_mask);
	/* known before the handler can run */
	if (sigaction(SIGBUS, NULL, &sigbus.previous) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	sigbus.installed = true;
	return 0;
}

/* Mutex held. A handler that was put over this one may call it: then it stays. */
static void
sigbus_remove(void)
{
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) < 0 || !(now.sa_flags & SA_SIGINFO) ||
			now.sa_sigaction != sigbus_handler)
		return;
	sigaction(SIGBUS, &sigbus.previous, NULL);
	sigbus.installed = false;
}

int
vduse_sigbus_add(struct vduse_sigbus_range *range)
{
	int ret;

	pthread_mutex_lock(&sigbus.install);
	ret = sigbus_install();
	if (ret == 0) {
		rte_spinlock_lock(&sigbus.lock);
		LIST_INSERT_HEAD(&sigbus.ranges, range, next);
		rte_spinlock_unlock(&sigbus.lock);
	}
	pthread_mutex_unlock(&sigbus.install);
	return ret;
}

void
vduse_sigbus_del(struct vduse_sigbus_range *range)
{
	bool last;

	pthread_mutex_lock(&sigbus.install);
	rte_spinlock_lock(&sigbus.lock);
	LIST_REMOVE(range, next);
	last = LIST_EMPTY(&sigbus.ranges);
	rte_spinlock_unlock(&sigbus.lock);
	if (last)
		sigbus_remove();
	pthread_mutex_unlock(&sigbus.install);
}
