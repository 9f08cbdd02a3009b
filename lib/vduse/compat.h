/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_COMPAT_H
#define VDUSE_COMPAT_H

/*
 * Every difference between the DPDK releases served (22.11 to 25.11) that the
 * library meets, and between compilers.
 */

#include <pthread.h>

#include <rte_lcore.h>
#include <rte_version.h>
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#include <rte_thread.h>
#endif

/**
 * ThreadSanitizer looks on. It knows nothing of fences, the kernel's
 * (membarrier(2)) least of all: what they order has an edge of its own there.
 */
#if defined(__SANITIZE_THREAD__)
#define VDUSE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VDUSE_TSAN 1
#endif
#endif
#ifndef VDUSE_TSAN
#define VDUSE_TSAN 0
#endif

/** A number of telemetry's answer, 64 bits wide. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define vduse_tel_add_uint rte_tel_data_add_dict_uint
#else
#define vduse_tel_add_uint rte_tel_data_add_dict_u64
#endif

/** Control thread handle and body, in the release's own types. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef rte_thread_t vduse_thread_t;
#define VDUSE_THREAD_RET  uint32_t
#define VDUSE_THREAD_DONE 0
#else
typedef pthread_t vduse_thread_t;
#define VDUSE_THREAD_RET  void *
#define VDUSE_THREAD_DONE NULL
#endif

/**
 * Start a thread that never runs on a data plane lcore.
 *
 * @return 0, or a negative errno.
 */
static inline int
vduse_thread_create(vduse_thread_t *thread, const char *name, VDUSE_THREAD_RET (*body)(void *),
		void *arg)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return -rte_thread_create_control(thread, name, body, arg);
#else
	return rte_ctrl_thread_create(thread, name, NULL, body, arg);
#endif
}

/** Wait for the thread's end. */
static inline void
vduse_thread_join(vduse_thread_t thread)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	rte_thread_join(thread, NULL);
#else
	pthread_join(thread, NULL);
#endif
}

/** True in the thread itself. */
static inline bool
vduse_thread_is_self(vduse_thread_t thread)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return rte_thread_equal(thread, rte_thread_self());
#else
	return pthread_equal(thread, pthread_self());
#endif
}

#endif /* VDUSE_COMPAT_H */
