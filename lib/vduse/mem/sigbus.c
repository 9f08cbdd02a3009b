/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "lock.h"
#include "mem/sigbus.h"

/*
 * Entries of the one handler, so that each knows what to hand on to. BASE is
 * installed at load time; what was there before is behind it. The next one goes
 * before whatever has replaced those there are, and hands on to that. A handler
 * that is there for a while only, as EAL's, puts back the entry that it found,
 * behind which it is not.
 */
#define ENTRY_BASE 0
#define NB_ENTRIES 8

/*
 * Who holds the spinlock touches no memory of a range, so the handler, which
 * runs on the thread that does, never waits for itself.
 */
SPIN_KIND(sigbus_spin);
/* Taken before the spinlock. */
MUTEX_KIND(sigbus_mutex);

static struct {
	struct sigbus_mutex install;
	struct sigbus_spin lock; /* of the memory in the places of the ranges too */
	LIST_HEAD(sigbus_ranges, vduse_sigbus_range) ranges GUARDED_BY(sigbus_spin);
	struct sigaction behind[NB_ENTRIES]; /* never changed once the entry is installed */
	unsigned int nb_entries GUARDED_BY(sigbus_mutex); /* that were */
} sigbus = {
	.install = MUTEX_INITIALIZER,
	.lock = SPIN_INITIALIZER,
	.ranges = LIST_HEAD_INITIALIZER(sigbus.ranges),
};

/*
 * Made elsewhere and moved there, so that a process with mlockall(MCL_FUTURE)
 * does not get memory for all of it.
 */
static bool
range_zero_by_move(const struct vduse_sigbus_range *range)
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

/*
 * Zeroes over the whole range, in one step: it may be huge pages, which are
 * replaced whole or not at all. In its place at once where there is no address
 * space left beside it.
 */
static bool
range_zero(const struct vduse_sigbus_range *range)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
	const void *zeroes;

	if (range_zero_by_move(range))
		return true;
	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	zeroes = mmap(range->base, range->len, range->prot, flags, -1, 0);
	/* cppcheck-suppress memleak ; it stays, in place of the range */
	return zeroes == range->base;
}

/*
 * Where the memory is our own already, another thread or
 * vduse_sigbus_replace() was first, and the access succeeds when it is repeated;
 * but for a page of it that is bad.
 */
REQUIRES(sigbus_spin)
static bool
range_lose(struct vduse_sigbus_range *range, int code)
{
	const uint64_t one = 1;
	ssize_t n;

	if (range->replaced && code != BUS_MCEERR_AR)
		return true;
	if (!range_zero(range))
		return false;
	range->replaced = true;
	if (range->lost != NULL)
		__atomic_store_n(range->lost, true, __ATOMIC_RELEASE);
	if (range->fd >= 0) {
		n = write(range->fd, &one, sizeof(one));
		RTE_SET_USED(n);
	}
	return true;
}

static bool
sigbus_at(uintptr_t addr, int code)
{
	struct vduse_sigbus_range *range;
	bool done = false;

	sigbus_spin_lock(&sigbus.lock);
	LIST_FOREACH (range, &sigbus.ranges, next) {
		if (addr - (uintptr_t)range->base >= range->len)
			continue;
		done = range_lose(range, code);
		break;
	}
	sigbus_spin_unlock(&sigbus.lock);
	return done;
}

/*
 * A bit for each entry that has handed the signal on, in the last word of
 * siginfo_t: the kernel fills less than half of its 128 bytes and clears the rest.
 */
static uint32_t *
info_marks(siginfo_t *info)
{
	return (uint32_t *)info + sizeof(*info) / sizeof(uint32_t) - 1;
}

/*
 * What is behind the entry. A handler before which it went may have found this
 * very entry, and hand on to it: who comes round gets what is behind BASE, and
 * from there the default.
 */
static struct sigaction
entry_behind(unsigned int entry, siginfo_t *info)
{
	uint32_t *marks = info_marks(info);

	if (*marks & RTE_BIT32(entry))
		entry = ENTRY_BASE;
	if (*marks & RTE_BIT32(entry))
		return (struct sigaction){ .sa_handler = SIG_DFL };
	*marks |= RTE_BIT32(entry);
	return sigbus.behind[entry];
}

/* As if this handler were not there. */
static void
sigbus_pass_on(unsigned int entry, int number, siginfo_t *info, void *context)
{
	const struct sigaction to = entry_behind(entry, info);
	/* sent, not raised by the instruction that returning would run again */
	const bool sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;

	if (to.sa_flags & SA_SIGINFO) {
		to.sa_sigaction(number, info, context);
	} else if (to.sa_handler == SIG_DFL || to.sa_handler == SIG_IGN) {
		if (sent && to.sa_handler == SIG_IGN)
			return;
		signal(number, SIG_DFL);
		if (sent)
			raise(number);
	} else {
		to.sa_handler(number);
	}
}

static void
sigbus_handle(unsigned int entry, int number, siginfo_t *info, void *context)
{
	const int saved = errno;
	bool done = false;

	if (info->si_code > 0 && info->si_code != BUS_MCEERR_AO)
		done = sigbus_at((uintptr_t)info->si_addr, info->si_code);
	if (!done)
		sigbus_pass_on(entry, number, info, context);
	errno = saved;
}

#define ENTRY(n)                                                           \
	static void sigbus_##n(int number, siginfo_t *info, void *context) \
	{                                                                  \
		sigbus_handle(n, number, info, context);                   \
	}
ENTRY(0)
ENTRY(1)
ENTRY(2)
ENTRY(3)
ENTRY(4)
ENTRY(5)
ENTRY(6)
ENTRY(7)

static void (*const entries[NB_ENTRIES])(int number, siginfo_t *info, void *context) = {
	sigbus_0,
	sigbus_1,
	sigbus_2,
	sigbus_3,
	sigbus_4,
	sigbus_5,
	sigbus_6,
	sigbus_7,
};

static bool
actions_equal(const struct sigaction *a, const struct sigaction *b)
{
	if ((a->sa_flags ^ b->sa_flags) & SA_SIGINFO)
		return false;
	return a->sa_flags & SA_SIGINFO ? a->sa_sigaction == b->sa_sigaction
					: a->sa_handler == b->sa_handler;
}

/* Whether one of the entries is in force. */
REQUIRES(sigbus_mutex)
static bool
entry_is(const struct sigaction *now)
{
	unsigned int i;

	for (i = 0; i < sigbus.nb_entries; i++)
		if ((now->sa_flags & SA_SIGINFO) && now->sa_sigaction == entries[i])
			return true;
	return false;
}

/*
 * The entry for going before this: the one that did so before, else
 * the next. When all are in use it is the last, and what is behind that stays.
 */
REQUIRES(sigbus_mutex)
static unsigned int
entry_choose(const struct sigaction *now)
{
	unsigned int i;

	for (i = 0; i < sigbus.nb_entries; i++)
		if (actions_equal(&sigbus.behind[i], now))
			return i;
	if (i == NB_ENTRIES)
		return NB_ENTRIES - 1;
	sigbus.behind[i] = *now;
	return i;
}

/* See that an entry is in force. */
REQUIRES(sigbus_mutex)
static int
sigbus_install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK }, now;
	unsigned int entry;

	if (sigaction(SIGBUS, NULL, &now) < 0)
		return -errno;
	if (entry_is(&now))
		return 0;
	/* what is behind it is known before it can run */
	entry = entry_choose(&now);
	action.sa_sigaction = entries[entry];
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	sigbus.nb_entries = RTE_MAX(sigbus.nb_entries, entry + 1);
	return 0;
}

int
vduse_sigbus_add(struct vduse_sigbus_range *range)
{
	int ret;

	sigbus_mutex_lock(&sigbus.install);
	ret = sigbus_install();
	if (ret == 0) {
		sigbus_spin_lock(&sigbus.lock);
		LIST_INSERT_HEAD(&sigbus.ranges, range, next);
		sigbus_spin_unlock(&sigbus.lock);
	}
	sigbus_mutex_unlock(&sigbus.install);
	return ret;
}

void
vduse_sigbus_del(struct vduse_sigbus_range *range)
{
	sigbus_spin_lock(&sigbus.lock);
	LIST_REMOVE(range, next);
	sigbus_spin_unlock(&sigbus.lock);
}

void
vduse_sigbus_mute(struct vduse_sigbus_range *range)
{
	sigbus_spin_lock(&sigbus.lock);
	range->lost = NULL;
	range->fd = -1;
	sigbus_spin_unlock(&sigbus.lock);
}

int
vduse_sigbus_replace(struct vduse_sigbus_range *range, void *memory)
{
	int ret = 0;

	sigbus_spin_lock(&sigbus.lock);
	if (mremap(memory, range->len, range->len, MREMAP_MAYMOVE | MREMAP_FIXED, range->base) ==
			MAP_FAILED)
		ret = -errno;
	else
		range->replaced = true;
	sigbus_spin_unlock(&sigbus.lock);
	return ret;
}

/* Before EAL's heap grows for the first time. What fails here is tried again by the first range. */
RTE_INIT(sigbus_load)
{
	sigbus_mutex_lock(&sigbus.install);
	sigbus_install();
	sigbus_mutex_unlock(&sigbus.install);
}
