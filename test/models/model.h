/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_H
#define MODEL_H

/*
 * What the library's functions (./code) need to be compiled for Relacy, which runs a few threads in
 * every order that C11's memory model allows: an atomic load may return any value that is not
 * forbidden, an access that is not atomic and is not ordered is a race. Instead of what the library
 * has, there are atomics of Relacy's in the places of shared words, and variables that it
 * watches in the places of memory that words guard.
 */

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <relacy/relacy.hpp>

/* An order or a fence of a function, by number from its beginning. */
struct place {
	const char *function;
	int nb;
};

/** Note that the model comes by a place. @return that one is left out of this run */
static bool place_left_out(int place);

#define ORDER(place, order) (place_left_out(place) ? rl::mo_relaxed : (order))
#define FENCE(place)                                                \
	do {                                                        \
		if (!place_left_out(place))                         \
			rl::atomic_thread_fence(rl::mo_seq_cst, $); \
	} while (0)

/* What happens to a thread before it does anything else; each model has its own. */
static void interrupt();

/* Shared words. What is read of one without an atomic is its writer's own. */
template <typename T> struct word : rl::atomic<T> {
	operator T() const
	{
		interrupt();
		return this->load(rl::mo_relaxed, $);
	}
	T
	operator=(T value)
	{
		interrupt();
		this->store(value, rl::mo_relaxed, $);
		return value;
	}
};

/* Memory that is not atomic, and may be read and written in order only. */
template <typename T> struct cell : rl::var<T> {
	operator T() const
	{
		interrupt();
		return (*this)($).load();
	}
	T
	operator=(const cell &other)
	{
		return *this = (T)other;
	}
	T
	operator=(T value)
	{
		interrupt();
		(*this)($).store(value);
		return value;
	}
};

#undef __ATOMIC_RELAXED
#undef sched_yield
#define __ATOMIC_RELAXED rl::mo_relaxed

template <typename T>
static inline T
word_load(const rl::atomic<T> *word, rl::memory_order order)
{
	interrupt();
	return word->load(order, $);
}

template <typename T, typename V>
static inline void
word_store(rl::atomic<T> *word, V value, rl::memory_order order)
{
	interrupt();
	word->store((T)value, order, $);
}

#define __atomic_load_n(from, order)          word_load(from, order)
#define __atomic_store_n(to, value, order)    word_store(to, value, order)
#define __atomic_fetch_add(to, value, order)  (to)->fetch_add(value, order, $)
#define __atomic_fetch_sub(to, value, order)  (to)->fetch_sub(value, order, $)
#define __atomic_exchange_n(to, value, order) (to)->exchange(value, order, $)
#define __atomic_compare_exchange_n(at, was, to, weak, order, failed) \
	(at)->compare_exchange_strong(*(was), to, order, $)
#define __rte_always_inline     inline
#define likely(x)               (x)
#define unlikely(x)             (x)
#define rte_compiler_barrier()  ((void)0)
#define rte_pause()             rl::yield(1, $)
#define sched_yield()           rl::yield(1, $)
#define vduse_count(counter, n) ((void)0)
#define REQUIRES(kind)
#define VDUSE_TSAN 0

/*
 * An eventfd. The kernel's has a lock, so who reads it sees what was done before it was written;
 * that is no fence.
 */
typedef uint64_t eventfd_t;

struct counter {
	word<uint64_t> value;

	void
	write(uint64_t n)
	{
		value.fetch_add(n, rl::mo_acq_rel, $);
	}
	int
	read(uint64_t *n)
	{
		*n = value.exchange(0, rl::mo_acq_rel, $);
		return *n != 0 ? 0 : -EAGAIN;
	}
};

#define eventfd_write(counter, n) (counter)->write(n)
#define eventfd_read(counter, n)  (counter)->read(n)

/**
 * Explore a model, and again with each of its places left out.
 *
 * @param bound how often a thread is interrupted by the other at most; 0: whenever it can be
 */
template <typename Model> void explore(const char *name, unsigned int bound = 0);

/* Why nothing fails without a place. */
struct spare {
	const char *function;
	int nb;
	const char *why;
};

#endif /* MODEL_H */
