/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Have a thread of another process make a system call, as code that has taken it
 * over would: inject TID NAME [ARGUMENT...] prints what the call returned.
 * NAME is execve, socket, getppid, open, mkdir, unlink or close; or hold: the thread
 * stands still until stdin ends. An argument that begins with / is a path, and is put
 * below the thread's stack. Needs ptrace(2); x86-64 only.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

static const unsigned char SYSCALL[2] = { 0x0f, 0x05 };

static const struct {
	const char *name;
	long number;
} calls[] = {
	{ "execve", SYS_execve },
	{ "socket", SYS_socket },
	{ "getppid", SYS_getppid },
	{ "open", SYS_open },
	{ "mkdir", SYS_mkdir },
	{ "unlink", SYS_unlink },
	{ "close", SYS_close },
};

/* The next stop of the thread. Return: whether it is one, and no end. */
static int
stopped(pid_t tid)
{
	int status;

	return waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status);
}

/*
 * Where the thread's vDSO has the instruction. The text is left alone: other threads run it
 * meanwhile, and with glibc 2.41 all that wait in the kernel come back to one place.
 * Return: the address, 0: nowhere.
 */
static unsigned long long
instruction(pid_t tid)
{
	unsigned long long at, begin = 0, end = 0, found = 0;
	unsigned char bytes[sizeof(long) + 1] = { 0 };
	char name[64], line[256];
	long word;
	FILE *maps;
	size_t i;

	snprintf(name, sizeof(name), "/proc/%d/maps", tid);
	maps = fopen(name, "r");
	if (maps == NULL)
		return 0;
	while (end == 0 && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "[vdso]") != NULL && sscanf(line, "%llx-%llx", &begin, &end) != 2)
			end = 0;
	fclose(maps);
	for (at = begin; at < end && found == 0; at += sizeof(word)) {
		/* the last byte of the word before is the first */
		bytes[0] = bytes[sizeof(word)];
		word = ptrace(PTRACE_PEEKTEXT, tid, at, NULL);
		memcpy(bytes + 1, &word, sizeof(word));
		for (i = 0; i < sizeof(word) && found == 0; i++)
			if (memcmp(bytes + i, SYSCALL, sizeof(SYSCALL)) == 0)
				found = at + i - 1;
	}
	if (found == 0)
		errno = ENOEXEC;
	return found;
}

/* Run one system call, and put the thread back where it stands. */
static int
call(pid_t tid, const struct user_regs_struct *want, long long *result)
{
	const unsigned long long at = instruction(tid);
	struct user_regs_struct before, regs;

	if (at == 0 || ptrace(PTRACE_GETREGS, tid, NULL, &before) < 0)
		return -1;
	regs = before;
	regs.rip = at;
	regs.rax = want->rax;
	regs.rdi = want->rdi;
	regs.rsi = want->rsi;
	regs.rdx = want->rdx;
	regs.orig_rax = -1; /* no call to restart */
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0 ||
			ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL) < 0 || !stopped(tid) ||
			ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		return -1;
	*result = (long long)regs.rax;
	return (int)ptrace(PTRACE_SETREGS, tid, NULL, &before);
}

/* Below the red zone of the thread's stack nothing is kept. Return: where it is, 0: nowhere. */
static unsigned long long
place(pid_t tid, const char *path)
{
	struct user_regs_struct regs;
	unsigned long long at;
	long word;
	size_t i;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		return 0;
	at = (regs.rsp - 1024) & ~7ULL;
	for (i = 0; i <= strlen(path); i += sizeof(word)) {
		word = 0;
		memcpy(&word, path + i, strnlen(path + i, sizeof(word)));
		if (ptrace(PTRACE_POKEDATA, tid, at + i, word) < 0)
			return 0;
	}
	return at;
}

static unsigned long long
argument(pid_t tid, const char *word)
{
	return word[0] == '/' ? place(tid, word) : strtoull(word, NULL, 0);
}

static void
hold(void)
{
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

/* With the thread stopped. */
static int
act(pid_t tid, int argc, char **argv)
{
	struct user_regs_struct want = { 0 };
	long long result;
	unsigned int i;

	if (strcmp(argv[2], "hold") == 0) {
		hold();
		return 0;
	}
	for (i = 0; strcmp(argv[2], calls[i].name) != 0; i++)
		if (i == sizeof(calls) / sizeof(calls[0]) - 1) {
			errno = EINVAL;
			return -1;
		}
	want.rax = calls[i].number;
	want.rdi = argc > 3 ? argument(tid, argv[3]) : 0;
	want.rsi = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	want.rdx = argc > 5 ? strtoull(argv[5], NULL, 0) : 0;
	if (call(tid, &want, &result) < 0)
		return -1;
	printf("%lld\n", result);
	return 0;
}

int
main(int argc, char **argv)
{
	pid_t tid;

	if (argc < 3)
		return 2;
	tid = (pid_t)strtol(argv[1], NULL, 10);
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 ||
			ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || !stopped(tid) ||
			act(tid, argc, argv) < 0 || ptrace(PTRACE_DETACH, tid, NULL, NULL) < 0) {
		perror("inject");
		return 1;
	}
	return 0;
}
