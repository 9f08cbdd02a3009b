/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_IOV_H
#define RTE_VDUSE_IOV_H

/**
 * @file
 * Bytes of a descriptor chain, whatever their segments are. A device assumes no layout of
 * them (virtio 1.2, 2.7.4): a header may come byte by byte.
 *
 * What is read here is taken away: what is left is the rest. The segments are memory of the driver,
 * in an array of the caller's, whose entries change (rte_vduse_vq_chain). Any thread, in the burst
 * that fetched the chain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rte_vduse_vq.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Segments that are left, each of 1 byte or more; owned by the thread of the burst. */
struct rte_vduse_iov {
	struct iovec *iov; /**< the first one */
	uint16_t nb;       /**< of them; 0: nothing is left */
};

/**
 * What the driver lets the device read (device-readable: virtio 1.2, 2.7.4.2).
 *
 * @param chain as rte_vduse_vq_fetch() gave it
 * @return its segments
 */
static inline struct rte_vduse_iov
rte_vduse_iov_readable(const struct rte_vduse_vq_chain *chain)
{
	const struct rte_vduse_iov data = { chain->iov, chain->nb_read };

	return data;
}

/**
 * What the driver lets the device write (device-writable).
 *
 * @param chain as rte_vduse_vq_fetch() gave it
 * @return its segments
 */
static inline struct rte_vduse_iov
rte_vduse_iov_writable(const struct rte_vduse_vq_chain *chain)
{
	const struct rte_vduse_iov data = { chain->iov + chain->nb_read, chain->nb_write };

	return data;
}

/**
 * How much is left.
 *
 * @param data the segments
 * @return bytes; more than 32 bits hold, perhaps
 */
static inline uint64_t
rte_vduse_iov_len(const struct rte_vduse_iov *data)
{
	uint64_t len = 0;
	uint16_t i;

	for (i = 0; i < data->nb; i++)
		len += data->iov[i].iov_len;
	return len;
}

/**
 * Leave out what comes first.
 *
 * @param data the segments
 * @param n bytes; where there are not so many, all
 */
static inline void
rte_vduse_iov_skip(struct rte_vduse_iov *data, size_t n)
{
	for (; data->nb > 0 && n >= data->iov->iov_len; data->iov++, data->nb--)
		n -= data->iov->iov_len;
	if (data->nb > 0) {
		data->iov->iov_base = (uint8_t *)data->iov->iov_base + n;
		data->iov->iov_len -= n;
	}
}

/**
 * Leave out the last byte, which has a place of its own in many requests.
 *
 * @param data the segments
 * @return where it is; NULL: nothing is left
 */
static inline uint8_t *
rte_vduse_iov_cut(struct rte_vduse_iov *data)
{
	struct iovec *last;

	if (data->nb == 0)
		return NULL;
	last = &data->iov[data->nb - 1];
	if (--last->iov_len == 0)
		data->nb--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

/**
 * Copy the first bytes, and leave them out.
 *
 * @param data segments that the device reads
 * @param[out] buf for them; where there are fewer, the first ones
 * @param n bytes
 * @return whether there are so many
 */
static inline bool
rte_vduse_iov_read(struct rte_vduse_iov *data, void *buf, size_t n)
{
	uint8_t *at = (uint8_t *)buf;
	size_t part;

	for (; n > 0 && data->nb > 0; n -= part, at += part) {
		part = n < data->iov->iov_len ? n : data->iov->iov_len;
		memcpy(at, data->iov->iov_base, part);
		rte_vduse_iov_skip(data, part);
	}
	return n == 0;
}

/**
 * Write the first bytes, and leave them out.
 *
 * @param data segments that the device writes
 * @param buf what is written; where there is less room, the first bytes of it
 * @param n bytes
 * @return whether there was room for all
 */
static inline bool
rte_vduse_iov_write(struct rte_vduse_iov *data, const void *buf, size_t n)
{
	const uint8_t *at = (const uint8_t *)buf;
	size_t part;

	for (; n > 0 && data->nb > 0; n -= part, at += part) {
		part = n < data->iov->iov_len ? n : data->iov->iov_len;
		memcpy(data->iov->iov_base, at, part);
		rte_vduse_iov_skip(data, part);
	}
	return n == 0;
}

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_IOV_H */
