/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include <rte_common.h>
#include <rte_vduse.h>

#include "signals.h"

/*
 * Their default action is the end of the process (signal(7)). Not here: those that
 * report a fault of the process itself (SIGSEGV, SIGBUS, SIGABRT ...), after which
 * nothing can be done in order, and real-time signals, which drivers use (net_tap).
 */
static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
	SIGXCPU, SIGPWR, SIGIO, SIGSTKFLT };

/*
 * Output that nobody reads, or that does not fit, is lost (EPIPE, EFBIG), and a
 * process that stands still answers no driver: the kernel would give its devices up.
 */
static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGTSTP, SIGTTIN, SIGTTOU };

static bool came;

static bool
is_default(int sig)
{
	struct sigaction action;

	return sigaction(sig, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
	       action.sa_handler == SIG_DFL;
}

static int
ignore(void)
{
	const struct sigaction action = { .sa_handler = SIG_IGN };
	unsigned int i;

	for (i = 0; i < RTE_DIM(ignored); i++)
		if (is_default(ignored[i]) && sigaction(ignored[i], &action, NULL) != 0)
			return -errno;
	return 0;
}

static void
ending(sigset_t *set)
{
	unsigned int i;

	sigemptyset(set);
	for (i = 0; i < RTE_DIM(ends); i++)
		if (ends[i] != SIGHUP || !signals_is_nohup())
			sigaddset(set, ends[i]);
}

int
signals_open(void)
{
	sigset_t set;
	int fd, ret;

	ret = ignore();
	if (ret != 0)
		return ret;
	ending(&set);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void
on_end(int sig __rte_unused)
{
	__atomic_store_n(&came, true, __ATOMIC_RELAXED);
	rte_vduse_set_busy_wait(0);
}

int
signals_cut_waits(void)
{
	const struct sigaction action = { .sa_handler = on_end, .sa_flags = SA_RESTART };
	unsigned int i;
	sigset_t set;

	ending(&set);
	for (i = 0; i < RTE_DIM(ends); i++)
		if (sigismember(&set, ends[i]) && sigaction(ends[i], &action, NULL) != 0)
			return -errno;
	return pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0 ? -EINVAL : 0;
}

int
signals_for_command(void)
{
	int ret = ignore();

	return ret != 0 ? ret : signals_cut_waits();
}

bool
signals_came(void)
{
	return __atomic_load_n(&came, __ATOMIC_RELAXED);
}
