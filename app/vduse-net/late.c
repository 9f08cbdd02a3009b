/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sandbox maps no code any more. What is linked is there: with -z now its symbols
 * are bound too. What glibc loads by name is libgcc_s, to unwind a stack, and so it is
 * linked: when a thread is cancelled (rte_eal_cleanup() does it to EAL's multi-process
 * thread, many drivers to theirs) or leaves by pthread_exit(), and for a backtrace
 * (rte_panic()). Each is done once here all the same: glibc keeps what it has found.
 * Names of users and of hosts, character sets and locales, which are loaded too, are
 * asked for by nobody who serves.
 */

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "late.h"

static void *
wait_for_cancel(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int
late_load(void)
{
	void *frame, *result;
	pthread_t thread;
	int ret;

	ret = pthread_create(&thread, NULL, wait_for_cancel, NULL);
	if (ret != 0)
		return -ret;
	ret = pthread_cancel(thread);
	if (ret == 0)
		ret = pthread_join(thread, &result);
	if (ret != 0)
		return -ret;
	return result == PTHREAD_CANCELED && backtrace(&frame, 1) >= 0 ? 0 : -ENOEXEC;
}
