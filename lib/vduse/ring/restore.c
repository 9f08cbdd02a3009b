/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a process before this one was in a ring: from its record, and from the ring itself. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "len.h"
#include "log.h"
#include "ring/restore.h"
#include "ring/ring.h"

static bool
recover_journal_valid(const struct vduse_vq *vq, uint32_t count)
{
	uint32_t i;

	if (count > vq->size)
		return false;
	for (i = 0; i < count; i++)
		if (vq->journal_slots[i] >= vq->size)
			return false;
	return true;
}

/*
 * The used position of a packed ring. The first descriptor of a burst is
 * published last: its used bit says whether the burst was, for as long as the
 * driver cannot get round the ring, which it cannot without us.
 */
static int
recover_packed(struct vduse_vq *vq)
{
	const uint64_t burst = vq->record->burst;
	uint16_t idx = burst & INT16_MAX, flags, count;
	bool wrap = burst >> 15 & 1, published;

	if (idx >= vq->size || !vduse_len16(burst >> 32, &count))
		return -EBADMSG;
	flags = __atomic_load_n(&vq->packed.desc[idx].flags, __ATOMIC_ACQUIRE);
	published = !!(flags & VDUSE_PACKED_USED) == wrap;
	if (count == 0 && published)
		return -EBADMSG; /* somebody else served the ring since */
	if (count > 0) {
		idx = burst >> 16 & INT16_MAX;
		wrap = burst >> 31 & 1;
		if (idx >= vq->size || !recover_journal_valid(vq, count))
			return -EBADMSG;
	}
	vduse_vq_set_used(vq, idx);
	vq->used_wrap = wrap;
	vq->used_pending = count;
	if (count > 0 && !published)
		vduse_packed_publish(vq);
	if (count > 0)
		vduse_journal_commit(vq, true);
	vq->used_pending = 0;
	return 0;
}

/* Of a split ring: the ring's own used index. */
static int
recover_split(struct vduse_vq *vq)
{
	const uint16_t now = __atomic_load_n(&vq->split.used->idx, __ATOMIC_ACQUIRE);
	const uint16_t n = now - (uint16_t)vq->record->burst;

	vduse_vq_set_used(vq, now);
	if (n > vq->size)
		return vq->takes ? -EBADMSG : 0; /* somebody else served the ring since */
	vq->used_pending = n;
	if (n > 0)
		vduse_journal_commit(vq, false);
	vq->used_pending = 0;
	return 0;
}

/* A buffer in flight. */
struct recover_buffer {
	uint64_t take;
	uint16_t id;
	uint16_t slots;
};

static int
recover_compare(const void *a, const void *b)
{
	const struct recover_buffer *x = a, *y = b;

	return x->take < y->take ? -1 : x->take > y->take;
}

/* Those that were taken for good; what was not is forgotten. */
static uint32_t
recover_collect(struct vduse_vq *vq, struct recover_buffer *buffers)
{
	const uint64_t taken = vduse_journal_taken(vq->record);
	uint32_t i, n = 0;
	uint16_t id;

	for (i = 0; i <= vq->journal_mask && vduse_len16(i, &id); i++) {
		const struct vduse_journal_buffer *buffer = &vq->inflight[i];

		if (!(buffer->flags & VDUSE_JOURNAL_IN_FLIGHT))
			continue;
		if (buffer->take >= taken) {
			vduse_journal_inflight_clear(vq, id);
			continue;
		}
		buffers[n].take = buffer->take;
		buffers[n].id = id;
		buffers[n++].slots = (uint16_t)(buffer->flags >> 16);
	}
	qsort(buffers, n, sizeof(buffers[0]), recover_compare);
	return n;
}

/*
 * The buffers in flight go back in the order they were taken, with nothing
 * written: to the driver they were sent, or came empty.
 */
static int
recover_inflight(struct vduse_vq *vq)
{
	const bool packed = vq->is_packed;
	struct recover_buffer *buffers;
	uint32_t i, n, slots = 0;

	buffers = calloc(vq->journal_mask + 1, sizeof(buffers[0]));
	if (buffers == NULL)
		return -ENOMEM;
	n = recover_collect(vq, buffers);
	for (i = 0; i < n; i++)
		slots += packed ? buffers[i].slots : 1;
	if (slots > vq->size) {
		free(buffers);
		return -EBADMSG;
	}
	vq->takes = true;
	for (i = 0; i < n; i++)
		vduse_ring_put(vq, buffers[i].id, buffers[i].slots, 0, packed);
	free(buffers);
	if (n > 0)
		vduse_ring_publish(vq, packed);
	vq->used_pending = 0;
	return 0;
}

/* Nothing is out any more: the queue need not keep the table until it takes again. */
static int
recover_taken(struct vduse_vq *vq, uint64_t take)
{
	const bool packed = vq->is_packed;
	int ret;

	ret = recover_inflight(vq);
	if (ret < 0)
		return ret;
	if (packed ? vduse_journal_pos(vq->used_idx, vq->used_wrap) != (uint16_t)take
		   : vq->used_idx != (uint16_t)take)
		return -EBADMSG;
	__atomic_store_n(&vq->record->take, 0, __ATOMIC_RELAXED);
	vq->takes = false;
	vq->taken = 0;
	return 0;
}

int
vduse_restore_ring(struct vduse_vq *vq)
{
	const uint64_t take = vq->record->take;
	int ret;

	vq->takes = take & VDUSE_JOURNAL_TAKE_USED;
	vq->taken = vduse_journal_taken(vq->record);
	ret = vq->is_packed ? recover_packed(vq) : recover_split(vq);
	if (ret == 0 && vq->takes)
		ret = recover_taken(vq, take);
	vduse_vq_set_avail(vq, (struct vduse_pos){ vq->used_idx, vq->used_wrap });
	vq->avail_cached = vq->avail.idx;
	vq->signalled = vq->used_idx;
	return ret;
}
