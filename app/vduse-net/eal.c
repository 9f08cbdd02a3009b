/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "eal.h"
#include "say.h"

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

int
eal_start(int argc, char *argv[])
{
	int used;

	eal_raise_files();
	allow_no_huge_in_memory(argc, argv);
	used = rte_eal_init(argc, argv);
	if (used < 0) {
		SAY("EAL does not start: %s: see its lines above; without hugepages give it "
		    "--no-huge --in-memory -m MEGABYTES",
				rte_strerror(rte_errno));
		return -EINVAL;
	}
	if (used + 1 < argc) {
		SAY("%.64s: stray argument before \"--\"", argv[used + 1]);
		rte_eal_cleanup();
		return -EINVAL;
	}
	return 0;
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
	return eal_start(RTE_DIM(words), argv);
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
