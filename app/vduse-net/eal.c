/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "eal.h"
#include "runtime.h"
#include "say.h"

static struct {
	FILE *log;
	char cause[256];                 /* the first error of EAL's start, or empty */
	char prefix[RUNTIME_PREFIX_MAX]; /* that was chosen, or empty: it was given */
	const char *starts_as;           /* the prefix, while EAL starts, or NULL */
} eal;

/*
 * EAL reads --in-memory as "hugepages without files" and refuses it next to
 * --no-huge. What both together ask for is --no-huge --no-shconf: no file at all.
 */
static void
allow_no_huge_in_memory(int argc, char *argv[])
{
	static char no_shconf[] = "--no-shconf";
	bool no_huge = false;
	int i;

	for (i = 1; i < argc; i++)
		no_huge |= strcmp(argv[i], "--no-huge") == 0;
	for (i = 1; i < argc && no_huge; i++)
		if (strcmp(argv[i], "--in-memory") == 0)
			argv[i] = no_shconf;
}

void
eal_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		SAY("cannot raise the limit on open files: %s", strerror(errno));
}

/* What EAL logs while it starts is said, as later; its first error is the cause if it fails. */
static ssize_t
log_write(void *cookie __rte_unused, const char *text, size_t len)
{
	static const char *const heads[] = { "EAL: ", "FATAL: ", "ARGPARSE: " };
	unsigned int i;

	say_log(text, len);
	if (eal.cause[0] != '\0' || rte_log_cur_msg_loglevel() > (int)RTE_LOG_ERR)
		return (ssize_t)len;
	snprintf(eal.cause, sizeof(eal.cause), "%.*s", (int)len, text);
	for (i = 0; i < RTE_DIM(heads); i++)
		if (strncmp(eal.cause, heads[i], strlen(heads[i])) == 0)
			memmove(eal.cause, eal.cause + strlen(heads[i]),
					strlen(eal.cause) - strlen(heads[i]) + 1);
	eal.cause[strcspn(eal.cause, "\n")] = '\0';
	return (ssize_t)len;
}

static int
init(int argc, char *argv[])
{
	const cookie_io_functions_t io = { .write = log_write };
	int used;

	eal.cause[0] = '\0';
	/* never closed: whether EAL does it depends on its version */
	if (eal.log == NULL)
		eal.log = fopencookie(NULL, "w", io);
	if (eal.log != NULL)
		rte_openlog_stream(eal.log);
	rte_errno = 0;
	used = rte_eal_init(argc, argv);
	rte_openlog_stream(say_stream());
	return used;
}

/* EAL sets rte_errno for some causes, and another value than the cause's for others. */
static void
say_cause(const char *prefix)
{
	const char *cause = eal.cause[0] != '\0' ? eal.cause
			    : rte_errno != 0     ? rte_strerror(rte_errno)
						 : "it does not say why";

	if (runtime_in_use(prefix))
		SAY("EAL does not start: %s: a process runs with --file-prefix %s: stop that one, "
		    "or give another --file-prefix",
				cause, prefix);
	else if (strcasestr(cause, "huge") != NULL || strcasestr(cause, "memory") != NULL)
		SAY("EAL does not start: %s: reserve hugepages and mount a hugetlbfs, or do "
		    "without: --no-huge --in-memory -m MEGABYTES",
				cause);
	else
		SAY("EAL does not start: %s: see its lines above", cause);
}

/* EAL removes its telemetry socket at exit too, before this because it asks for it later. */
static void
remove_runtime(void)
{
	if (!runtime_in_use(eal.prefix))
		runtime_remove(eal.prefix);
}

/* EAL of DPDK 25.11 ends the process for an option that it cannot read, instead of returning. */
static void
say_exit(void)
{
	if (eal.starts_as == NULL)
		return;
	say_cause(eal.starts_as);
	if (eal.prefix[0] != '\0')
		remove_runtime();
	_exit(EXIT_FAILURE);
}

/* Return: how many of argv EAL has used, or -EINVAL. */
static int
init_as(int argc, char *argv[], const char *prefix)
{
	static bool at_exit;
	int used;

	eal_raise_files();
	allow_no_huge_in_memory(argc, argv);
	if (!at_exit)
		at_exit = atexit(say_exit) == 0;
	if (!eal_asks_help(argc, argv))
		eal.starts_as = prefix;
	used = init(argc, argv);
	eal.starts_as = NULL;
	if (used >= 0)
		return used;
	say_cause(prefix);
	return -EINVAL;
}

static int
no_stray(int used, int argc, char *const argv[])
{
	if (used < 0 || used + 1 >= argc)
		return RTE_MIN(used, 0);
	SAY("%.64s: stray argument before \"--\"", argv[used + 1]);
	rte_eal_cleanup();
	return -EINVAL;
}

int
eal_start(int argc, char *argv[], const char *name)
{
	const char *given = runtime_given(argc, argv);
	char option[sizeof("--file-prefix=") + RUNTIME_PREFIX_MAX];
	char **with;
	int ret;

	if (given != NULL)
		return no_stray(init_as(argc, argv, given), argc, argv);
	with = calloc(argc + 2, sizeof(*with));
	if (with == NULL)
		return -ENOMEM;
	runtime_choose(name, eal.prefix);
	atexit(remove_runtime);
	snprintf(option, sizeof(option), "--file-prefix=%s", eal.prefix);
	with[0] = argv[0];
	with[1] = option;
	memcpy(with + 2, argv + 1, (argc - 1) * sizeof(*with));
	ret = no_stray(init_as(argc + 1, with, eal.prefix), argc + 1, with);
	free(with);
	return ret;
}

int
eal_start_bare(void)
{
	static char words[][32] = { APP_NAME, "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "16", "--log-level=lib.eal:warning" };
	char *argv[RTE_DIM(words) + 1] = { NULL };
	unsigned int i;

	for (i = 0; i < RTE_DIM(words); i++)
		argv[i] = words[i];
	/* that of a service belongs to the user who serves, and this may be root */
	unsetenv("RUNTIME_DIRECTORY");
	return eal_start(RTE_DIM(words), argv, "setup");
}

bool
eal_asks_help(int argc, char *const argv[])
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}
