/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_COPY_H
#define NET_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

/** Bytes that one step copies; as few instructions as the body's instruction set has for it. */
#define NET_COPY_STEP 64

/**
 * Copy a frame. The last step overlaps the one before instead of being cut
 * into smaller ones.
 *
 * @param n bytes, 8 or more
 */
static __rte_always_inline void
net_copy(uint8_t *dst, const uint8_t *src, uint32_t n)
{
	const uint32_t last = n - NET_COPY_STEP;
	uint32_t at;

	if (likely(n >= NET_COPY_STEP)) {
		for (at = 0; at < last; at += NET_COPY_STEP)
			memcpy(dst + at, src + at, NET_COPY_STEP);
		memcpy(dst + last, src + last, NET_COPY_STEP);
	} else if (n >= 32) {
		memcpy(dst, src, 32);
		memcpy(dst + n - 32, src + n - 32, 32);
	} else if (n >= 16) {
		memcpy(dst, src, 16);
		memcpy(dst + n - 16, src + n - 16, 16);
	} else {
		memcpy(dst, src, 8);
		memcpy(dst + n - 8, src + n - 8, 8);
	}
}

/**
 * Whether the processor's string instruction is the better copy for long
 * pieces, whose destination it need not read first. Set when the library is
 * loaded (net/isa.c).
 */
extern bool net_copy_string;

/** Bytes of a long piece, at least. */
#define NET_COPY_LONG 1024

/** Copy a long piece, where net_copy_string is true. */
static __rte_always_inline void
net_copy_long(uint8_t *dst, const uint8_t *src, size_t n)
{
#if defined(RTE_ARCH_X86_64) && !defined(NET_COPY_PLAIN) /* sanitizers: memcpy */
	asm volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
#else
	memcpy(dst, src, n);
#endif
}

#endif /* NET_COPY_H */
