/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOCK_H
#define LOCK_H

/*
 * Locks that are typed: MUTEX_KIND() and SPIN_KIND() make a type of lock for each purpose, with
 * the functions to take it. What it guards says so where it is declared, GUARDED_BY(kind), and so
 * does a function that is to be called with it, REQUIRES(kind), and before a definition. clang
 * checks that (-Wthread-safety, test/static/locks); for gcc they are nothing.
 *
 * In C an attribute of a member cannot name the lock beside it: a kind stands for all locks of
 * it, of whichever object. Nobody holds two of one kind at a time.
 */

#include <pthread.h>

#include <rte_common.h>
#include <rte_spinlock.h>

#if defined(__clang__)
#define LOCK_ATTRIBUTE(x) __attribute__((x))
#else
#define LOCK_ATTRIBUTE(x)
#endif

/** A member or variable that is read and written with a lock of this kind only. */
#define GUARDED_BY(kind) LOCK_ATTRIBUTE(guarded_by(kind))
/** A function that is called with a lock of this kind held, and returns with it. */
#define REQUIRES(kind) LOCK_ATTRIBUTE(requires_capability(kind))

struct LOCK_ATTRIBUTE(capability("lock")) lock_kind {
	char unused;
};

/* The functions of a kind; TYPE is of the member `lock` in it. NAME is a word of the checker's. */
#define LOCK_FUNCTIONS(name, lock_it, unlock_it)                                              \
	static inline __rte_unused LOCK_ATTRIBUTE(acquire_capability(name)) LOCK_ATTRIBUTE(   \
			no_thread_safety_analysis) void name##_lock(struct name *kind)        \
	{                                                                                     \
		lock_it(&kind->lock);                                                         \
	}                                                                                     \
	static inline __rte_unused LOCK_ATTRIBUTE(release_capability(name)) LOCK_ATTRIBUTE(   \
			no_thread_safety_analysis) void name##_unlock(struct name *kind)      \
	{                                                                                     \
		unlock_it(&kind->lock);                                                       \
	}                                                                                     \
	static inline __rte_unused LOCK_ATTRIBUTE(assert_capability(name)) void name##_alone( \
			__rte_unused const struct name *kind)                                 \
	{                                                                                     \
	}                                                                                     \
	extern const struct lock_kind name

/**
 * Make `struct NAME`, a mutex, with NAME_init(), NAME_destroy(), NAME_lock(), NAME_unlock(),
 * NAME_wait() and NAME_wait_until(), which are pthread_cond_wait() and pthread_cond_timedwait(),
 * and NAME_alone(): from here on the lock is as good as held, since no other thread knows what it
 * guards, not yet or not any more.
 */
#define MUTEX_KIND(name)                                                                       \
	extern const struct lock_kind name;                                                    \
	struct name {                                                                          \
		pthread_mutex_t lock;                                                          \
	};                                                                                     \
	static inline __rte_unused int name##_init(struct name *kind)                          \
	{                                                                                      \
		return -pthread_mutex_init(&kind->lock, NULL);                                 \
	}                                                                                      \
	static inline __rte_unused void name##_destroy(struct name *kind)                      \
	{                                                                                      \
		pthread_mutex_destroy(&kind->lock);                                            \
	}                                                                                      \
	static inline __rte_unused REQUIRES(name) void name##_wait(                            \
			struct name *kind, pthread_cond_t *cond)                               \
	{                                                                                      \
		pthread_cond_wait(cond, &kind->lock);                                          \
	}                                                                                      \
	static inline __rte_unused REQUIRES(name) void name##_wait_until(                      \
			struct name *kind, pthread_cond_t *cond, const struct timespec *until) \
	{                                                                                      \
		pthread_cond_timedwait(cond, &kind->lock, until);                              \
	}                                                                                      \
	LOCK_FUNCTIONS(name, pthread_mutex_lock, pthread_mutex_unlock)

#define MUTEX_INITIALIZER                         \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

/** The same of a spinlock, without what waits: `struct NAME` with NAME_init(), NAME_lock() ... */
#define SPIN_KIND(name)                                                \
	extern const struct lock_kind name;                            \
	struct name {                                                  \
		rte_spinlock_t lock;                                   \
	};                                                             \
	static inline __rte_unused void name##_init(struct name *kind) \
	{                                                              \
		rte_spinlock_init(&kind->lock);                        \
	}                                                              \
	LOCK_FUNCTIONS(name, rte_spinlock_lock, rte_spinlock_unlock)

#define SPIN_INITIALIZER                         \
	{                                        \
		.lock = RTE_SPINLOCK_INITIALIZER \
	}

#endif /* LOCK_H */
