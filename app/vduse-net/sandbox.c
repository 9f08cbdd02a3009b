/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The list is what DPDK, the C library, the VDUSE library and this program call
 * from the first forwarded frame to the end, and what their documented next steps
 * call: a link that changes, telemetry, a recreated device, memory that grows. Not
 * in it is what starts programs, looks into others, changes who one is, loads
 * code, mounts, or reaches the network past DPDK. doc/security.md has the reasons.
 */

#include <errno.h>

#include "sandbox.h"

#ifdef HAVE_SECCOMP

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/prctl.h>
#include <seccomp.h>

#include <rte_common.h>

#ifdef __has_feature
#define SANDBOX_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define SANDBOX_CLANG_ASAN 0
#endif

/* Calls that are allowed whatever their arguments are. Names unknown to an architecture pass. */
static const char *const plain[] = {
	/* time and waiting */
	"clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1",
	"epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "futex",
	"gettimeofday", "nanosleep", "pause", "poll", "ppoll", "pselect6", "restart_syscall",
	"sched_yield", "select", "signalfd4", "time", "timerfd_create", "timerfd_gettime",
	"timerfd_settime",
	/* files: /dev/vduse, sysfs, proc, state, logs, EAL's runtime folder */
	"access", "close", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fallocate", "fcntl",
	"fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate", "getcwd", "getdents64",
	"linkat", "lseek", "lstat", "memfd_create", "mkdir", "mkdirat", "newfstatat", "open",
	"openat", "pipe2", "pread64", "pwrite64", "read", "readlink", "readlinkat", "readv",
	"rename", "renameat", "renameat2", "rmdir", "stat", "statfs", "statx", "umask", "unlink",
	"unlinkat", "write", "writev",
	/* memory; mapping and protection below */
	"brk", "get_mempolicy", "madvise", "mbind", "membarrier", "mincore", "mlock", "mlock2",
	"mremap", "msync", "munlock", "munmap", "set_mempolicy",
	/* sockets that are open, and local ones: telemetry, multi-process, sd_notify, netlink */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt",
	"shutdown",
	/* threads and signals of our own */
	"exit", "exit_group", "get_robust_list", "getcpu", "getegid", "geteuid", "getgid", "getpid",
	"getppid", "getpriority", "getrandom", "getrlimit", "getrusage", "gettid", "getuid", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
	"sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_setscheduler",
	"set_robust_list", "set_tid_address", "sigaltstack", "sysinfo", "times", "uname"
};

/* Calls that are allowed if (argument & mask) == value; a name has as many rows as values. */
static const struct {
	const char *name;
	unsigned int arg;
	scmp_datum_t mask;
	scmp_datum_t value;
} with_arg[] = {
	/* no code is made or loaded */
	{ "mmap", 2, PROT_EXEC, 0 }, { "mprotect", 2, PROT_EXEC, 0 },
	/* threads, not processes */
	{ "clone", 0, CLONE_THREAD, CLONE_THREAD }, { "prctl", 0, UINT32_MAX, PR_GET_NAME },
	{ "prctl", 0, UINT32_MAX, PR_SET_NAME }, { "prctl", 0, UINT32_MAX, PR_SET_VMA },
	/* our own limits; glibc's getrlimit() too */
	{ "prlimit64", 0, UINT32_MAX, 0 },
	/* no network but through DPDK */
	{ "socket", 0, UINT32_MAX, AF_UNIX }, { "socket", 0, UINT32_MAX, AF_NETLINK },
	{ "socketpair", 0, UINT32_MAX, AF_UNIX },
	/* by the driver's letter: VDUSE, VFIO, RDMA, interfaces, vhost; of terminals isatty() */
	{ "ioctl", 1, 0xff00, 0x8100 }, { "ioctl", 1, 0xff00, ';' << 8 },
	{ "ioctl", 1, 0xff00, 0x1b00 }, { "ioctl", 1, 0xff00, 0x8900 },
	{ "ioctl", 1, 0xff00, 0xaf00 }, { "ioctl", 1, 0xffe0, 0x54c0 },     /* tap, with the next */
	{ "ioctl", 1, 0xffe0, 0x54e0 }, { "ioctl", 1, UINT32_MAX, 0x5401 }, /* TCGETS */
	{ "ioctl", 1, UINT32_MAX, 0x5421 },                                 /* FIONBIO */
};

bool
sandbox_built(void)
{
	return true;
}

enum sandbox_mode
sandbox_default(void)
{
	/* LeakSanitizer traces its own process at the end */
#if defined(__SANITIZE_ADDRESS__) || SANDBOX_CLANG_ASAN
	return SANDBOX_OFF;
#else
	return SANDBOX_ON;
#endif
}

static int
add_rules(scmp_filter_ctx ctx)
{
	unsigned int i;
	int call, ret = 0;

	for (i = 0; i < RTE_DIM(plain) && ret == 0; i++) {
		call = seccomp_syscall_resolve_name(plain[i]);
		if (call != __NR_SCMP_ERROR)
			ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
	}
	for (i = 0; i < RTE_DIM(with_arg) && ret == 0; i++) {
		call = seccomp_syscall_resolve_name(with_arg[i].name);
		if (call != __NR_SCMP_ERROR)
			ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
					SCMP_CMP(with_arg[i].arg, SCMP_CMP_MASKED_EQ,
							with_arg[i].mask, with_arg[i].value));
	}
	/* abort() and pthread_kill(), of this process only */
	if (ret == 0)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* its flags are in memory, where no filter sees them: the C library then uses clone() */
	call = seccomp_syscall_resolve_name("clone3");
	if (ret == 0 && call != __NR_SCMP_ERROR)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), call, 0);
	return ret;
}

/* Of a thread that ends there, and network namespaces only. */
static int
add_entering(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setns), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)CLONE_NEWNET));
}

/* net_af_packet makes a socket for each flag of its interface; netdevice(7). */
static int
add_interfaces(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)AF_INET),
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)SOCK_DGRAM));
}

int
sandbox_apply(enum sandbox_mode mode, unsigned int more)
{
	static const uint32_t actions[] = {
		[SANDBOX_LOG] = SCMP_ACT_LOG,
		[SANDBOX_ON] = SCMP_ACT_ERRNO(EPERM),
		[SANDBOX_KILL] = SCMP_ACT_KILL_PROCESS,
	};
	scmp_filter_ctx ctx;
	int ret;

	if (mode == SANDBOX_OFF)
		return 0;
	ctx = seccomp_init(actions[mode]);
	if (ctx == NULL)
		return -ENOMEM;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* the one call of a burst that has rules: an interrupt is injected with it */
	if (ret == 0)
		ret = seccomp_syscall_priority(ctx, SCMP_SYS(ioctl), UINT8_MAX);
	if (ret == 0)
		ret = add_rules(ctx);
	if (ret == 0 && (more & SANDBOX_ENTERS) != 0)
		ret = add_entering(ctx);
	if (ret == 0 && (more & SANDBOX_INTERFACES) != 0)
		ret = add_interfaces(ctx);
	if (ret == 0)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

#else /* HAVE_SECCOMP */

bool
sandbox_built(void)
{
	return false;
}

enum sandbox_mode
sandbox_default(void)
{
	return SANDBOX_OFF;
}

int
sandbox_apply(enum sandbox_mode mode, unsigned int more)
{
	(void)more;
	return mode == SANDBOX_OFF ? 0 : -ENOSYS;
}

#endif /* HAVE_SECCOMP */
