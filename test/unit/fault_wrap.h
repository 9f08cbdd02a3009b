/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAULT_WRAP_H
#define FAULT_WRAP_H

#include <stdbool.h>

/*
 * Calls of the C library and of EAL that the library makes besides those of struct vduse_sys
 * (linked with --wrap): memory, descriptors, threads. The n-th of a kind fails; only calls of
 * threads that are the library's own at that moment count.
 */

enum wrap_call {
	WRAP_NONE,
	WRAP_MEMORY,     /* calloc(), malloc(), realloc() */
	WRAP_RTE_MEMORY, /* rte_malloc(), rte_zmalloc() */
	WRAP_EVENTFD,
	WRAP_TIMERFD,
	WRAP_EPOLL_CREATE,
	WRAP_EPOLL_CTL,
	WRAP_MMAP, /* of address space, not of regions */
	WRAP_THREAD,
	WRAP_CALLS,
};

/* After `skip` calls that go well the next `times` fail with err (positive). WRAP_NONE: none. */
void wrap_fail(enum wrap_call call, unsigned int skip, unsigned int times, int err);

/* Failures that are left to happen. */
unsigned int wrap_left(void);

/* Whether this thread's calls are the test's (true, and so it begins on the main thread). */
void wrap_is_test(bool test);

#endif /* FAULT_WRAP_H */
