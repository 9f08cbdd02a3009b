/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_LEN_H
#define VDUSE_LEN_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

/*
 * Lengths that another wrote, a driver or the maker of an mbuf, are kept in a
 * type that holds whatever was written, and get narrower here only: the check
 * and the conversion are one step, so that no other can come between.
 */

/** @return false: it does not fit, and *out is as it was */
static __rte_always_inline bool
vduse_len16(uint64_t len, uint16_t *out)
{
	if (unlikely(len > UINT16_MAX))
		return false;
	*out = (uint16_t)len;
	return true;
}

/** @return false: it does not fit, and *out is as it was */
static __rte_always_inline bool
vduse_len32(uint64_t len, uint32_t *out)
{
	if (unlikely(len > UINT32_MAX))
		return false;
	*out = (uint32_t)len;
	return true;
}

/** @return false: it is no length but an error that a call returned, and *out is as it was */
static __rte_always_inline bool
vduse_len_returned(int64_t ret, uint64_t *out)
{
	if (unlikely(ret < 0))
		return false;
	*out = (uint64_t)ret;
	return true;
}

/** The smaller of two lengths: no longer than the narrow one. */
static __rte_always_inline uint32_t
vduse_len_min32(uint64_t wide, uint32_t narrow)
{
	return wide < narrow ? (uint32_t)wide : narrow;
}

/** The smaller of two lengths: no longer than the narrow one. */
static __rte_always_inline uint16_t
vduse_len_min16(uint64_t wide, uint16_t narrow)
{
	return wide < narrow ? (uint16_t)wide : narrow;
}

#endif /* VDUSE_LEN_H */
