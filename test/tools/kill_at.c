/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A process is killed by SIGKILL at its N-th step, so that a loop over N, which ends where nothing
 * is killed any more, has been between any two of them:
 *
 *   kill-at N PROGRAM [ARGUMENT...]   ends as the program does, or with status 99 where it was
 * killed kill-at N -p PID                  prints "ready" once it watches; ends with the process,
 * or where its own standard input does
 *
 * A step is a system call that others can see something of, or that may wait for one of its
 * children; it is not made any more. Calls that only look, or that concern this process alone, are
 * none: between two steps it makes no difference to anybody when the process ends. What it starts
 * is not followed, its threads are. The step is told on standard error. Needs ptrace(2).
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED  99
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)

static const struct {
	const char *name;
	long number;
} steps[] = {
#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(connect),
	CALL(bind),
	CALL(listen),
	CALL(shutdown),
	CALL(ioctl),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fsync),
	CALL(fdatasync),
	CALL(fchmod),
	CALL(fchown),
	CALL(renameat),
	CALL(renameat2),
	CALL(linkat),
	CALL(symlinkat),
	CALL(unlinkat),
	CALL(mkdirat),
	CALL(mknodat),
	CALL(fchmodat),
	CALL(fchownat),
	CALL(utimensat),
	CALL(mount),
	CALL(umount2),
	CALL(setns),
	CALL(unshare),
	CALL(clone),
	CALL(execve),
	CALL(wait4),
	CALL(waitid),
	CALL(kill),
	CALL(tgkill),
	CALL(exit_group),
#ifdef SYS_clone3
	CALL(clone3),
#endif
#ifdef SYS_rename
	CALL(rename),
	CALL(link),
	CALL(symlink),
	CALL(unlink),
	CALL(mkdir),
	CALL(rmdir),
	CALL(mknod),
	CALL(chmod),
	CALL(chown),
	CALL(vfork),
	CALL(fork),
#endif
};

static unsigned long left; /* steps until it is killed */

/* NULL: none. */
static const char *
step_name(const struct __ptrace_syscall_info *info)
{
	const long number = (long)info->entry.nr;
	unsigned int i;

	if (number == SYS_openat && (info->entry.args[2] & (O_CREAT | O_TRUNC)) != 0)
		return "openat";
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].number == number)
			return steps[i].name;
	return NULL;
}

/* A thread is about to make a system call, or has made it. Return: whether its process was killed.
 */
static bool
see_call(pid_t pid, pid_t tid)
{
	struct __ptrace_syscall_info info;
	const char *name;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0 ||
			info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	name = step_name(&info);
	if (name == NULL || --left > 0)
		return false;
	kill(pid, SIGKILL);
	fprintf(stderr, "killed before %s\n", name);
	return true;
}

/* A stop of a thread: it goes on. Return: whether its process was killed. */
static bool
see_stop(pid_t pid, pid_t tid, int status)
{
	const int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80)) {
		if (see_call(pid, tid))
			return true;
		ptrace(PTRACE_SYSCALL, tid, NULL, 0);
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, tid, NULL, 0);
	} else {
		ptrace(PTRACE_SYSCALL, tid, NULL, event != 0 ? 0L : (long)sig);
	}
	return false;
}

/* All that has happened meanwhile. Return: the status that the process ended with; -1: it lives. */
static int
see_all(pid_t pid)
{
	static bool killed;
	pid_t tid;
	int status;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (WIFSTOPPED(status) && !killed)
			killed = see_stop(pid, tid, status);
		else if (tid == pid && !WIFSTOPPED(status))
			return killed ? KILLED : WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	}
	return tid < 0 && errno == ECHILD ? 0 : -1;
}

/* Until it ends, or nobody wants to know any more (input: a descriptor; -1: none). */
static int
watch(pid_t pid, int input)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .fd = input, .events = POLLIN } };
	struct signalfd_siginfo info;
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[0].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		while (read(fds[0].fd, &info, sizeof(info)) > 0)
			;
		status = see_all(pid);
		if (status >= 0)
			return status;
		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return 0; /* with it, its tracer's threads go on */
	}
}

static int
run(char *const *argv)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid ||
			ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS | PTRACE_O_EXITKILL) < 0 ||
			ptrace(PTRACE_INTERRUPT, pid, NULL, 0) < 0) {
		perror("ptrace");
		return EXIT_FAILURE;
	}
	kill(pid, SIGCONT);
	return watch(pid, -1);
}

/* Threads that come while this looks are followed by those that make them, or seen the next time.
 */
static int
seize(pid_t pid)
{
	const struct dirent *entry;
	unsigned int seized;
	char path[32];
	DIR *folder;
	pid_t tid;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	do {
		folder = opendir(path);
		seized = 0;
		while (folder != NULL && (entry = readdir(folder)) != NULL) {
			tid = (pid_t)atoi(entry->d_name);
			if (tid > 0 && ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) == 0 &&
					ptrace(PTRACE_INTERRUPT, tid, NULL, 0) == 0)
				seized++;
		}
		if (folder == NULL)
			return -errno;
		closedir(folder);
	} while (seized > 0);
	return 0;
}

int
main(int argc, char *argv[])
{
	int ret;

	if (argc < 3 || (left = strtoul(argv[1], NULL, 10)) == 0) {
		fprintf(stderr, "usage: kill-at N PROGRAM [ARGUMENT...] | kill-at N -p PID\n");
		return EXIT_FAILURE;
	}
	if (argc != 4 || strcmp(argv[2], "-p") != 0)
		return run(&argv[2]);
	ret = seize((pid_t)atoi(argv[3]));
	if (ret < 0) {
		fprintf(stderr, "kill-at: process %s: %s\n", argv[3], strerror(-ret));
		return EXIT_FAILURE;
	}
	printf("ready\n");
	fflush(stdout);
	return watch((pid_t)atoi(argv[3]), STDIN_FILENO);
}
