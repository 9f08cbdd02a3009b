/* SPDX-License-Identifier: BSD-3-Clause */

/* The words of a device's offload profiles, in options and in commands. */

#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>
#include <string.h>

#include <rte_common.h>
#include <rte_vduse_net.h>

static const char *const profile_words[] = {
	[RTE_VDUSE_NET_PROFILE_LATENCY] = "latency",
	[RTE_VDUSE_NET_PROFILE_BULK] = "bulk",
	[RTE_VDUSE_NET_PROFILE_XDP] = "xdp",
	[RTE_VDUSE_NET_PROFILE_NONE] = "none",
	[RTE_VDUSE_NET_PROFILE_TX] = "tx",
	[RTE_VDUSE_NET_PROFILE_MIGRATE] = "migrate",
};

/* Whether a driver may send frames that are to be cut. */
static inline bool
profile_has_segments(enum rte_vduse_net_profile profile)
{
	return profile == RTE_VDUSE_NET_PROFILE_BULK || profile == RTE_VDUSE_NET_PROFILE_XDP ||
	       profile == RTE_VDUSE_NET_PROFILE_MIGRATE;
}

/* Of a word that was checked before; for another, a profile that the library refuses. */
static inline enum rte_vduse_net_profile
profile_of(const char *word)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(profile_words) && strcmp(profile_words[i], word) != 0; i++)
		;
	return (enum rte_vduse_net_profile)i;
}

#endif /* PROFILE_H */
