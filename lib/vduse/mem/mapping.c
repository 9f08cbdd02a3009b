/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include "mem/mapping.h"

struct vduse_share *
vduse_share_new(uint32_t max_regions, uint64_t max_bytes)
{
	struct vduse_share *share = calloc(1, sizeof(*share));

	if (share == NULL)
		return NULL;
	share->refs = 1;
	share->max_regions = max_regions;
	share->max_bytes = max_bytes;
	return share;
}

void
vduse_share_put(struct vduse_share *share)
{
	if (share != NULL && __atomic_sub_fetch(&share->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(share);
}

/* What is mapped is in use, or waits. */
static void
share_give(struct vduse_share *share, size_t len, bool waits)
{
	if (share == NULL)
		return;
	if (waits) {
		__atomic_sub_fetch(&share->waiting, len, __ATOMIC_RELAXED);
	} else {
		__atomic_sub_fetch(&share->regions, 1, __ATOMIC_RELAXED);
		__atomic_sub_fetch(&share->bytes, len, __ATOMIC_RELAXED);
	}
	vduse_share_put(share);
}

/* Mirror: share_give(). What waits may be as much again: it does not stop a driver that remaps. */
static int
share_take(struct vduse_share *share, size_t len)
{
	uint32_t regions;
	uint64_t bytes;
	int ret = 0;

	if (share == NULL)
		return 0;
	__atomic_add_fetch(&share->refs, 1, __ATOMIC_RELAXED);
	regions = __atomic_add_fetch(&share->regions, 1, __ATOMIC_RELAXED);
	bytes = __atomic_add_fetch(&share->bytes, len, __ATOMIC_RELAXED);
	if (regions > share->max_regions || bytes > share->max_bytes)
		ret = -E2BIG;
	else if (__atomic_load_n(&share->waiting, __ATOMIC_RELAXED) > share->max_bytes)
		ret = -EAGAIN;
	if (ret < 0)
		share_give(share, len, false);
	return ret;
}

struct vduse_mapping *
vduse_mapping_map(const struct vduse_mapping_want *want, int *err)
{
	struct vduse_mapping *mapping = calloc(1, sizeof(*mapping));

	if (mapping == NULL) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = share_take(want->share, want->len);
	if (*err < 0)
		goto free_mapping;
	mapping->sys = want->sys;
	mapping->share = want->share;
	mapping->guard = (struct vduse_sigbus_range){
		.base = want->at,
		.len = want->len,
		.prot = want->prot,
		.lost = want->lost,
		.fd = want->lost_fd,
	};
	*err = want->sys->map(want->fd, want->offset, want->len, want->prot, &mapping->guard.base);
	if (*err < 0)
		goto give;
	*err = vduse_sigbus_add(&mapping->guard);
	if (*err < 0)
		goto unmap;
	return mapping;

unmap:
	want->sys->unmap(mapping->guard.base, mapping->guard.len);
give:
	share_give(want->share, want->len, false);
free_mapping:
	free(mapping);
	return NULL;
}

void
vduse_mapping_unmap(struct vduse_mapping *mapping)
{
	vduse_sigbus_del(&mapping->guard);
	mapping->sys->unmap(mapping->guard.base, mapping->guard.len);
	share_give(mapping->share, mapping->guard.len, mapping->waits);
	free(mapping);
}

void
vduse_mapping_wait(struct vduse_mapping *mapping)
{
	struct vduse_share *share = mapping->share;

	vduse_sigbus_mute(&mapping->guard);
	mapping->waits = true;
	if (share == NULL)
		return;
	__atomic_add_fetch(&share->waiting, mapping->guard.len, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&share->regions, 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&share->bytes, mapping->guard.len, __ATOMIC_RELAXED);
}
