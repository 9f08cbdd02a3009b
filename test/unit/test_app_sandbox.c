/* SPDX-License-Identifier: BSD-3-Clause */

/* What is left of a process with all its threads after priv_drop() and sandbox_apply(). */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <cmocka.h>

#include <rte_common.h>

#include "filter.h"
#include "priv.h"
#include "sandbox.h"

#define THREADS 4

/* In the child that is tried: say where, and end it. */
#define CHECK(cond)                                                                   \
	do {                                                                          \
		if (!(cond)) {                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #cond, \
					strerror(errno));                             \
			_exit(1);                                                     \
		}                                                                     \
	} while (0)
#define REFUSED(call) CHECK((call) == -1 && errno == EPERM)

static sem_t go, done;
static bool end;

/* A filter cannot be taken off: each try is a process of its own. Return: as waitpid(). */
static int
in_child(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
assert_ends_well(void (*body)(void))
{
	int status = in_child(body);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("status 0x%x", status);
}

/* What an intruder does first. */
static void
try_forbidden(void)
{
	char path[] = "/bin/true", *argv[] = { path, NULL }, *env[] = { NULL };
	static char page[4096] __attribute__((aligned(4096)));
	const struct timespec now = { 0 };

	REFUSED(execve(path, argv, env));
	REFUSED(fork());
	REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	REFUSED(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
	REFUSED(syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
	REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	REFUSED(kill(getppid(), 0));
	REFUSED(tgkill(getppid(), getppid(), 0));
	REFUSED(mprotect(page, sizeof(page), PROT_READ | PROT_EXEC));
	REFUSED(syscall(SYS_mmap, NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	REFUSED(ioctl(STDIN_FILENO, TIOCSTI, "x"));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	REFUSED(setuid(getuid()));
	REFUSED(chmod("/nonexistent", 0));
	REFUSED(syscall(SYS_mount, "", "", "", 0, NULL));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_unshare, 0));
	REFUSED(syscall(SYS_clock_settime, CLOCK_REALTIME, &now));
}

static void *
nothing(void *arg)
{
	return arg;
}

/* What forwarding, telemetry and the end need. */
static void
try_allowed(void)
{
	pthread_t thread;
	struct stat st;
	void *map;
	int fd;

	CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	fd = eventfd(0, EFD_NONBLOCK);
	CHECK(fd >= 0 && eventfd_write(fd, 1) == 0);
	close(fd);
	CHECK(stat("/proc/self", &st) == 0);
	map = malloc(1 << 20); /* by mmap() */
	CHECK(map != NULL);
	memset(map, 1, 1 << 20);
	free(map);
	fd = socket(AF_NETLINK, SOCK_RAW, 0);
	CHECK(fd >= 0);
	/* a VDUSE ioctl gets as far as the file, which knows none */
	CHECK(ioctl(fd, 0x8113, 0) == -1 && errno == ENOTTY);
	close(fd);
}

/* A line of a thread's status in /proc, as a number of the base. */
static uint64_t
status_field(const char *tid, const char *field, int base)
{
	char path[280], line[256];
	uint64_t value = UINT64_MAX;
	FILE *in;

	snprintf(path, sizeof(path),
			strcmp(tid, "self") == 0 ? "/proc/%s/status" : "/proc/self/task/%s/status",
			tid);
	in = fopen(path, "r");
	CHECK(in != NULL);
	while (fgets(line, sizeof(line), in) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtoull(line + strlen(field), NULL, base);
	fclose(in);
	return value;
}

/* Every thread, whoever made it. */
static void
check_threads(uint64_t caps, uint64_t seccomp)
{
	const struct dirent *ent;
	unsigned int n = 0;
	DIR *dir;

	dir = opendir("/proc/self/task");
	CHECK(dir != NULL);
	while ((ent = readdir(dir)) != NULL) {
		if (ent->d_name[0] == '.')
			continue;
		n++;
		CHECK(status_field(ent->d_name, "NoNewPrivs:", 10) == 1);
		CHECK(status_field(ent->d_name, "Seccomp:", 10) == seccomp);
		CHECK((status_field(ent->d_name, "CapEff:", 16) & ~caps) == 0);
		CHECK((status_field(ent->d_name, "CapPrm:", 16) & ~caps) == 0);
		CHECK(status_field(ent->d_name, "CapInh:", 16) == 0);
		CHECK(status_field(ent->d_name, "CapAmb:", 16) == 0);
	}
	closedir(dir);
	CHECK(n == THREADS + 1);
}

/* Threads that were there before; one of them never makes a system call until it is told. */
static void *
early_thread(void *arg)
{
	if (arg == NULL)
		while (!__atomic_load_n(&end, __ATOMIC_RELAXED))
			;
	sem_wait(&go);
	try_forbidden();
	try_allowed();
	sem_post(&done);
	return NULL;
}

static void
start_threads(void)
{
	pthread_t thread;
	uintptr_t i;

	CHECK(sem_init(&go, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread, NULL, early_thread, (void *)i) == 0);
}

static void
let_threads_try(void)
{
	unsigned int i;

	__atomic_store_n(&end, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		sem_post(&go);
	for (i = 0; i < THREADS; i++)
		sem_wait(&done);
}

static void
body_on(void)
{
	start_threads();
	CHECK(priv_drop(0, -1) == 0);
	CHECK(sandbox_apply(SANDBOX_ON, 0) == 0);
	check_threads(0, 2);
	try_forbidden();
	try_allowed();
	let_threads_try();
}

static void
every_thread_is_confined(void **state)
{
	(void)state;
	assert_ends_well(body_on);
}

/* The broker: into network namespaces, and no others; the rest is as forbidden as before. */
static void
body_entering(void)
{
	const int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	const bool root = geteuid() == 0;

	CHECK(netns >= 0 && uts >= 0);
	start_threads();
	CHECK(priv_drop(priv_net_admin() | priv_sys_admin(), -1) == 0);
	CHECK(sandbox_apply(SANDBOX_ON, SANDBOX_ENTERS) == 0);
	check_threads(root ? priv_net_admin() | priv_sys_admin() : 0, 2);
	CHECK(setns(netns, CLONE_NEWNET) == 0 || !root);
	CHECK(setns(uts, CLONE_NEWUTS) < 0 && errno == EPERM);
	CHECK(setns(netns, 0) < 0 && errno == EPERM);
	CHECK(unshare(CLONE_NEWNET) < 0 && errno == EPERM);
	try_allowed();
	try_forbidden();
}

static void
check_socket(int family, int type, bool allowed)
{
	const int fd = socket(family, type, 0);

	CHECK(allowed ? fd >= 0 : fd < 0 && errno == EPERM);
	if (fd >= 0)
		close(fd);
}

/* Who sets up interfaces: a socket to name them by, and none but that. */
static void
body_interfaces(void)
{
	CHECK(priv_drop(0, -1) == 0);
	CHECK(sandbox_apply(SANDBOX_ON, SANDBOX_INTERFACES) == 0);
	check_socket(AF_INET, SOCK_DGRAM, true);
	check_socket(AF_INET, SOCK_STREAM, false);
	check_socket(AF_INET, SOCK_RAW, false);
	check_socket(AF_INET6, SOCK_DGRAM, false);
	check_socket(AF_PACKET, SOCK_RAW, false);
	try_allowed();
}

static void
interfaces_are_named_by_a_socket(void **state)
{
	(void)state;
	assert_ends_well(body_interfaces);
}

static void
a_broker_enters_networks_only(void **state)
{
	(void)state;
	assert_ends_well(body_entering);
}

static void
body_keep(void)
{
	const uint64_t had = status_field("self", "CapEff:", 16);

	start_threads();
	CHECK(priv_drop(priv_net_admin(), -1) == 0);
	check_threads(priv_net_admin(), 0);
	if (had >> CAP_NET_ADMIN & 1)
		CHECK(prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) == 1);
	if (had >> CAP_SETPCAP & 1)
		CHECK(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
}

static void
what_is_kept_is_all_there_is(void **state)
{
	(void)state;
	assert_ends_well(body_keep);
}

static void
body_kill(void)
{
	start_threads();
	CHECK(sandbox_apply(SANDBOX_KILL, 0) == 0);
	try_allowed();
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void
kill_ends_the_process(void **state)
{
	int status;

	(void)state;
	status = in_child(body_kill);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void
body_log(void)
{
	int fd;

	CHECK(sandbox_apply(SANDBOX_LOG, 0) == 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(fd >= 0);
	CHECK(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
}

static void
log_refuses_nothing(void **state)
{
	(void)state;
	assert_ends_well(body_log);
}

static void
body_off(void)
{
	char *argv[] = { NULL };

	CHECK(sandbox_apply(SANDBOX_OFF, 0) == 0);
	CHECK(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
	CHECK(priv_check_runtime(0, argv) == 0);
}

static void
off_changes_nothing(void **state)
{
	(void)state;
	assert_ends_well(body_off);
}

/* A folder where others can write, or that is not there. */
static void
a_shared_folder_is_refused(void **state)
{
	char no_shconf[] = "--no-shconf", no_telemetry[] = "--no-telemetry", name[] = "app";
	char *bare[] = { name, no_shconf, no_telemetry }, own[] = "/tmp/vduse-priv-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(own));
	setenv("RUNTIME_DIRECTORY", "/tmp", 1);
	assert_int_equal(priv_check_runtime(1, bare), -EPERM);
	assert_int_equal(priv_check_runtime(2, bare), -EPERM);
	assert_int_equal(priv_check_runtime(3, bare), 0);
	setenv("RUNTIME_DIRECTORY", own, 1);
	assert_int_equal(priv_check_runtime(1, bare), 0);
	assert_int_equal(chmod(own, 0770), 0);
	assert_int_equal(priv_check_runtime(1, bare), -EPERM);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(priv_check_runtime(1, bare), -EPERM);
	unsetenv("RUNTIME_DIRECTORY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thread_is_confined),
		cmocka_unit_test(a_broker_enters_networks_only),
		cmocka_unit_test(interfaces_are_named_by_a_socket),
		cmocka_unit_test(what_is_kept_is_all_there_is),
		cmocka_unit_test(kill_ends_the_process),
		cmocka_unit_test(log_refuses_nothing),
		cmocka_unit_test(off_changes_nothing),
		cmocka_unit_test(a_shared_folder_is_refused),
	};

	if (!sandbox_built())
		return 77;
	return FILTER_RUN("app_sandbox", tests, NULL, NULL);
}
