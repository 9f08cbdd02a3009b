/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_cpuflags.h>

#include "net/copy.h"

bool net_copy_string;

#ifdef RTE_ARCH_X86_64
/* It pays on Zen 4, and did not on Intel's (doc/benchmarks.md). */
RTE_INIT(net_copy_choose)
{
	__builtin_cpu_init();
	net_copy_string = __builtin_cpu_is("amd") && rte_cpu_get_flag_enabled(RTE_CPUFLAG_ERMS) > 0;
}
#endif
