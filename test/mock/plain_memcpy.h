/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLAIN_MEMCPY_H
#define PLAIN_MEMCPY_H

/*
 * Included before everything else in builds with a sanitizer: the sanitizer
 * checks the bounds of memcpy() exactly, while DPDK's inline rte_memcpy(), once
 * instrumented, takes minutes to compile.
 */

#include <string.h>

#define _RTE_MEMCPY_X86_64_H_ /* DPDK's header is not read */

/* A sanitizer sees no bounds of inline assembler (net/copy.h). */
#define NET_COPY_PLAIN

#define rte_memcpy(dst, src, n) memcpy(dst, src, n)

#endif /* PLAIN_MEMCPY_H */
