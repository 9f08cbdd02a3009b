/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Capabilities and no_new_privs are attributes of a thread (capabilities(7)),
 * and EAL's threads are there before this process knows what it needs. So each
 * is told by a signal to do it for itself, as the C library does for setuid().
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include <rte_common.h>

#include "priv.h"
#include "runtime.h"
#include "say.h"

/* Threads at most; EAL has one a lcore (RTE_MAX_LCORE) and a few more. */
#define MAX_THREADS 1024
#define WAIT_MS     5000
#define STEP_MS     1

/* One is enough: only the main lcore drops. */
static struct {
	uint64_t keep;
	int files; /* rules of Landlock, or negative */
	unsigned int nb;
	int error; /* of the last thread that failed, or 0 */
	struct {
		pid_t tid;
		bool done;
	} threads[MAX_THREADS];
} drop;

uint64_t
priv_net_admin(void)
{
	return UINT64_C(1) << CAP_NET_ADMIN;
}

uint64_t
priv_sys_admin(void)
{
	return UINT64_C(1) << CAP_SYS_ADMIN;
}

/* The calling thread's. Only system calls: it runs in a signal handler. */
static int
drop_own(uint64_t keep, int files)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
	bool change = false;
	unsigned long cap;
	unsigned int i;

	/* EINVAL: beyond the kernel's last one; EPERM: no CAP_SETPCAP, and no_new_privs must do */
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if ((keep >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, caps) < 0)
		return -errno;
	for (i = 0; i < RTE_DIM(caps); i++) {
		change |= (caps[i].permitted & ~(uint32_t)(keep >> (32 * i))) != 0 ||
			  caps[i].inheritable != 0;
		caps[i].permitted &= (uint32_t)(keep >> (32 * i));
		caps[i].effective = caps[i].permitted;
		caps[i].inheritable = 0;
	}
	/* a service manager's filter may refuse the call: it has left nothing to give up then */
	if ((change && syscall(SYS_capset, &head, caps) < 0) ||
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* a thread's own too, for which no_new_privs is the condition */
	if (files >= 0 && syscall(SYS_landlock_restrict_self, files, 0) < 0)
		return -errno;
	return 0;
}

static void
on_signal(int sig __rte_unused)
{
	const pid_t tid = gettid();
	/* acquire: with release in find_threads(), for the table up to there */
	const unsigned int nb = __atomic_load_n(&drop.nb, __ATOMIC_ACQUIRE);
	const int saved = errno;
	unsigned int i;
	int ret = drop_own(drop.keep, drop.files);

	if (ret < 0)
		__atomic_store_n(&drop.error, ret, __ATOMIC_RELAXED);
	for (i = 0; i < nb; i++)
		if (drop.threads[i].tid == tid)
			/* release: with acquire in all_done(), for the error */
			__atomic_store_n(&drop.threads[i].done, true, __ATOMIC_RELEASE);
	errno = saved;
}

static bool
is_known(pid_t tid)
{
	unsigned int i;

	for (i = 0; i < drop.nb; i++)
		if (drop.threads[i].tid == tid)
			return true;
	return false;
}

/* Threads that are not known yet. Return: how many were added, or -errno. */
static int
find_threads(void)
{
	const unsigned int before = drop.nb;
	const struct dirent *ent;
	DIR *dir;
	pid_t tid;

	dir = opendir("/proc/self/task");
	if (dir == NULL)
		return -errno;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while ((ent = readdir(dir)) != NULL && drop.nb < MAX_THREADS) {
		tid = (pid_t)strtol(ent->d_name, NULL, 10);
		if (tid <= 0 || is_known(tid))
			continue;
		drop.threads[drop.nb].tid = tid;
		drop.threads[drop.nb].done = false;
		/* a handler may be looking through the table */
		__atomic_store_n(&drop.nb, drop.nb + 1, __ATOMIC_RELEASE);
	}
	closedir(dir);
	return drop.nb == MAX_THREADS ? -E2BIG : (int)(drop.nb - before);
}

/* Whether each has done it, or ended meanwhile. */
static bool
all_done(void)
{
	unsigned int i;

	for (i = 0; i < drop.nb; i++)
		if (!__atomic_load_n(&drop.threads[i].done, __ATOMIC_ACQUIRE) &&
				tgkill(getpid(), drop.threads[i].tid, 0) == 0)
			return false;
	return true;
}

/*
 * A thread that is not known yet may have been made by one that had not done it:
 * until there is none.
 */
static int
tell_threads(int sig)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	unsigned int i, told = 0, waited;
	int n;

	for (;;) {
		n = find_threads();
		if (n <= 0)
			return n < 0 ? n : drop.error;
		for (i = told; i < drop.nb; i++)
			if (tgkill(getpid(), drop.threads[i].tid, sig) < 0 && errno != ESRCH)
				return -errno;
		told = drop.nb;
		for (waited = 0; !all_done(); waited += STEP_MS) {
			if (waited >= WAIT_MS)
				return -ETIMEDOUT;
			nanosleep(&step, NULL);
		}
	}
}

int
priv_drop(uint64_t keep, int files)
{
	struct sigaction on = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
	const int sig = SIGRTMAX - 1;
	int ret;

	memset(&drop, 0, sizeof(drop));
	drop.keep = keep;
	drop.files = files;
	sigfillset(&on.sa_mask);
	if (sigaction(sig, &on, &before) < 0)
		return -errno;
	ret = tell_threads(sig);
	/* one that was not told in time must not find the default action: the end of the process */
	if (ret == 0)
		sigaction(sig, &before, NULL);
	return ret;
}

static bool
is_given(int argc, char *const argv[], const char *option)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return true;
	return false;
}

/* Only this user and root can make, rename or replace what is in it. */
static bool
is_private(const char *folder)
{
	struct stat st;

	return stat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (st.st_uid == geteuid() || st.st_uid == 0) &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int
priv_check_runtime(int argc, char *const argv[])
{
	const char *folder = runtime_base();

	if ((is_given(argc, argv, "--no-shconf") || is_given(argc, argv, "--in-memory")) &&
			is_given(argc, argv, "--no-telemetry"))
		return 0; /* EAL puts no file in it */
	if (is_private(folder))
		return 0;
	SAY("EAL would keep its files and sockets in %s, where others can write, or which is not "
	    "there: set RUNTIME_DIRECTORY to a folder of this user alone, or do without them: "
	    "--in-memory --no-telemetry",
			folder);
	return -EPERM;
}
