/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UNIT_MBUF_POOL_H
#define UNIT_MBUF_POOL_H

/* Mempool operations whose every access a sanitizer sees. */

#define UNIT_POOL_OPS "unit"

/* Before the first pool of them. Returns 0 or -errno. */
int unit_pool_register(void);

#endif /* UNIT_MBUF_POOL_H */
