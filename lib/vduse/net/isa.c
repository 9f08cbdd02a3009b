/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_common.h>
#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "net/isa.h"

#define BODIES(body)                                          \
	{                                                     \
#body, net_dequeue_##body, net_enqueue_##body \
	}

static const struct net_bodies plain = BODIES(plain);

#ifdef VDUSE_WIDE_BODIES
static bool
has_avx2(void)
{
	return rte_vect_get_max_simd_bitwidth() >= RTE_VECT_SIMD_256 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0;
}

const struct net_bodies *
net_bodies_select(void)
{
	static const struct net_bodies avx2 = BODIES(avx2);

	return has_avx2() ? &avx2 : &plain;
}
#else
const struct net_bodies *
net_bodies_select(void)
{
	return &plain;
}
#endif
