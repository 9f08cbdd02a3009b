/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "compat.h"
#include "fault_wrap.h"

static struct {
	pthread_mutex_t lock;
	enum wrap_call call;
	unsigned int skip;
	unsigned int times;
	int err;
} wrap = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Of the main thread; any other one is the library's control thread. */
static bool main_is_test = true;

void
wrap_is_test(bool test)
{
	main_is_test = test;
}

void
wrap_fail(enum wrap_call call, unsigned int skip, unsigned int times, int err)
{
	pthread_mutex_lock(&wrap.lock);
	wrap.call = call;
	wrap.skip = skip;
	wrap.times = call == WRAP_NONE ? 0 : times;
	wrap.err = err;
	pthread_mutex_unlock(&wrap.lock);
}

unsigned int
wrap_left(void)
{
	unsigned int left;

	pthread_mutex_lock(&wrap.lock);
	left = wrap.times;
	pthread_mutex_unlock(&wrap.lock);
	return left;
}

/* The errno to fail with, or 0. */
static int
wrap_hit(enum wrap_call call)
{
	int err = 0;

	if (gettid() == getpid() && main_is_test)
		return 0;
	pthread_mutex_lock(&wrap.lock);
	if (wrap.times == 0 || wrap.call != call)
		goto unlock;
	if (wrap.skip > 0) {
		wrap.skip--;
		goto unlock;
	}
	wrap.times--;
	err = wrap.err;
unlock:
	pthread_mutex_unlock(&wrap.lock);
	return err;
}

/* NAME(PARAMETERS), called with ARGUMENTS, fails with the result that BAD is. */
#define WRAP(type, name, call, bad, parameters, arguments) \
	type __real_##name parameters;                     \
	type __wrap_##name parameters;                     \
	type __wrap_##name parameters                      \
	{                                                  \
		const int err = wrap_hit(call);            \
                                                           \
		if (err == 0)                              \
			return __real_##name arguments;    \
		errno = err;                               \
		return bad;                                \
	}

WRAP(void *, calloc, WRAP_MEMORY, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, malloc, WRAP_MEMORY, NULL, (size_t size), (size))
WRAP(void *, realloc, WRAP_MEMORY, NULL, (void *old, size_t size), (old, size))
WRAP(int, eventfd, WRAP_EVENTFD, -1, (unsigned int value, int flags), (value, flags))
WRAP(int, timerfd_create, WRAP_TIMERFD, -1, (int clock, int flags), (clock, flags))
WRAP(int, epoll_create1, WRAP_EPOLL_CREATE, -1, (int flags), (flags))
/* taking away does not fail */
WRAP(int, epoll_ctl, op == EPOLL_CTL_DEL ? WRAP_NONE : WRAP_EPOLL_CTL, -1,
		(int epfd, int op, int fd, struct epoll_event *event), (epfd, op, fd, event))
/* what mmap() is with 64-bit file offsets */
WRAP(void *, mmap64, WRAP_MMAP, MAP_FAILED,
		(void *addr, size_t len, int prot, int flags, int fd, off_t offset),
		(addr, len, prot, flags, fd, offset))
WRAP(void *, rte_malloc, WRAP_RTE_MEMORY, NULL, (const char *type, size_t size, unsigned int align),
		(type, size, align))
WRAP(void *, rte_zmalloc, WRAP_RTE_MEMORY, NULL,
		(const char *type, size_t size, unsigned int align), (type, size, align))
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
WRAP(int, rte_thread_create_control, WRAP_THREAD, -err,
		(rte_thread_t * thread, const char *name, rte_thread_func body, void *arg),
		(thread, name, body, arg))
#else
WRAP(int, rte_ctrl_thread_create, WRAP_THREAD, -err,
		(pthread_t * thread, const char *name, const pthread_attr_t *attr,
				void *(*body)(void *), void *arg),
		(thread, name, attr, body, arg))
#endif
