/* SPDX-License-Identifier: BSD-3-Clause */

/* The device arguments of the PMD: taken whole and within bounds, or refused with a line. */

#include <string.h>

#include "fuzz.h"
#include "pmd.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(unit_eal(NULL) == 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args = strndup((const char *)data, size);
	struct pmd_conf conf;
	int ret;

	FUZZ_CHECK(args != NULL);
	unit_log_clear();
	ret = pmd_conf_parse(&conf, "net_vduse_fuzz", args);
	free(args);
	if (ret < 0) {
		FUZZ_CHECK(unit_log_count("\n") >= 1);
		return 0;
	}
	FUZZ_CHECK(memchr(conf.name, '\0', sizeof(conf.name)) != NULL && conf.name[0] != '\0');
	FUZZ_CHECK(memchr(conf.affinity, '\0', sizeof(conf.affinity)) != NULL);
	FUZZ_CHECK(conf.net.queue_pairs >= 1 && conf.net.queue_pairs <= RTE_VDUSE_NET_PAIRS_MAX);
	FUZZ_CHECK(conf.net.dev.queue_size > 0);
	FUZZ_CHECK(conf.net.ring == RTE_VDUSE_NET_RING_PACKED ||
			rte_is_power_of_2(conf.net.dev.queue_size));
	FUZZ_CHECK(conf.net.mtu >= 68);
	FUZZ_CHECK(conf.net.dev.adopt_fd < 0 || conf.net.dev.adopt);
	return 0;
}
