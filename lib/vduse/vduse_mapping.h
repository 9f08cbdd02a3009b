/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_MAPPING_H
#define VDUSE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vduse_sigbus.h"
#include "vduse_sys.h"

/**
 * Memory of a front end that is mapped here. The guard against its loss
 * (vduse_sigbus.h) comes with it and goes with it: it can be read from
 * vduse_mapping_map() to vduse_mapping_unmap(), whatever the front end does.
 */
struct vduse_mapping {
	struct vduse_sigbus_range guard; /**< base, length and protection, too */
	const struct vduse_sys *sys;
};

/** What to map, and who is told when it is lost. */
struct vduse_mapping_want {
	const struct vduse_sys *sys;
	int fd;
	uint64_t offset; /**< in the file; a multiple of its page size */
	size_t len;      /**< bytes, the same */
	int prot;        /**< PROT_READ, PROT_WRITE */
	void *at;        /**< where to, over what is there; NULL: anywhere */
	bool *lost;      /**< set, atomically, when the memory is lost */
	int lost_fd;     /**< eventfd that is written then; negative: none */
};

/** Any thread. @return the mapping, or NULL with *err negative. Mirror: vduse_mapping_unmap() */
struct vduse_mapping *vduse_mapping_map(const struct vduse_mapping_want *want, int *err);

/** Nobody reads it any more. Any thread. */
void vduse_mapping_unmap(struct vduse_mapping *mapping);

/** Where it is. */
static inline uint8_t *
vduse_mapping_base(const struct vduse_mapping *mapping)
{
	return mapping->guard.base;
}

/** Bytes. */
static inline size_t
vduse_mapping_len(const struct vduse_mapping *mapping)
{
	return mapping->guard.len;
}

#endif /* VDUSE_MAPPING_H */
