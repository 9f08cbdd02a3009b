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

	if (count > vq->ring.size)
		return false;
	for (i = 0; i < count; i++)
		if (vq->journal.slots[i] >= vq->ring.size)
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
	const uint64_t burst = vq->journal.record->burst;
	uint16_t idx = burst & INT16_MAX, flags, count;
	bool wrap = burst >> 15 & 1, published;

	if (idx >= vq->ring.size || !vduse_len16(burst >> 32, &count))
		return -EBADMSG;
	flags = __atomic_load_n(&vq->ring.packed.desc[idx].flags, __ATOMIC_ACQUIRE);
	published = !!(flags & VDUSE_PACKED_USED) == wrap;
	if (count == 0 && published)
		return -EBADMSG; /* somebody else served the ring since */
	if (count > 0) {
		idx = burst >> 16 & INT16_MAX;
		wrap = burst >> 31 & 1;
		if (idx >= vq->ring.size || !recover_journal_valid(vq, count))
			return -EBADMSG;
	}
	vduse_vq_set_used(vq, idx);
	vq->pos.used_wrap = wrap;
	vq->pos.used_pending = count;
	if (count > 0 && !published)
		vduse_packed_publish(vq);
	if (count > 0)
		vduse_journal_commit(vq, true);
	vq->pos.used_pending = 0;
	return 0;
}

/* Of a split ring: the ring's own used index. */
static int
recover_split(struct vduse_vq *vq)
{
	const uint16_t now = __atomic_load_n(&vq->ring.split.used->idx, __ATOMIC_ACQUIRE);
	const uint16_t n = now - (uint16_t)vq->journal.record->burst;

	vduse_vq_set_used(vq, now);
	if (n > vq->ring.size)
		return vq->journal.takes ? -EBADMSG : 0; /* somebody else served the ring since */
	vq->pos.used_pending = n;
	if (n > 0)
		vduse_journal_commit(vq, false);
	vq->pos.used_pending = 0;
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
	const uint64_t taken = vduse_journal_taken(vq->journal.record);
	uint32_t i, n = 0;
	uint16_t id;

	for (i = 0; i <= vq->journal.mask && vduse_len16(i, &id); i++) {
		const struct vduse_journal_buffer *buffer = &vq->journal.inflight[i];

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
	const bool packed = vq->ring.is_packed;
	struct recover_buffer *buffers;
	uint32_t i, n, slots = 0;

	buffers = calloc(vq->journal.mask + 1, sizeof(buffers[0]));
	if (buffers == NULL)
		return -ENOMEM;
	n = recover_collect(vq, buffers);
	for (i = 0; i < n; i++)
		slots += packed ? buffers[i].slots : 1;
	if (slots > vq->ring.size) {
		free(buffers);
		return -EBADMSG;
	}
	vq->journal.takes = true;
	for (i = 0; i < n; i++)
		vduse_ring_put(vq, buffers[i].id, buffers[i].slots, 0, packed);
	free(buffers);
	if (n > 0)
		vduse_ring_publish(vq, packed);
	vq->pos.used_pending = 0;
	return 0;
}

/* What a burst noted that it died in, and that it did not come to take. */
static void
recover_forget(struct vduse_vq *vq)
{
	uint32_t i;
	uint16_t id;

	for (i = 0; i <= vq->journal.mask && vduse_len16(i, &id); i++)
		vduse_journal_inflight_clear(vq, id);
}

/* Nothing is out any more: the queue need not keep the table until it takes again. */
static int
recover_taken(struct vduse_vq *vq, uint64_t take)
{
	const bool packed = vq->ring.is_packed;
	int ret;

	ret = recover_inflight(vq);
	if (ret < 0)
		return ret;
	if (packed ? vduse_journal_pos(vq->pos.used_idx, vq->pos.used_wrap) != (uint16_t)take
		   : vq->pos.used_idx != (uint16_t)take)
		return -EBADMSG;
	vduse_journal_settled(vq);
	vq->journal.taken = 0;
	return 0;
}

int
vduse_restore_ring(struct vduse_vq *vq)
{
	const uint64_t take = vq->journal.record->take;
	int ret;

	vq->journal.takes = take & VDUSE_JOURNAL_TAKE_USED;
	vq->journal.taken = vduse_journal_taken(vq->journal.record);
	ret = vq->ring.is_packed ? recover_packed(vq) : recover_split(vq);
	if (ret == 0 && vq->journal.takes)
		ret = recover_taken(vq, take);
	else if (ret == 0)
		recover_forget(vq);
	vduse_vq_set_avail(vq, (struct vduse_pos){ vq->pos.used_idx, vq->pos.used_wrap });
	vq->pos.avail_cached = vq->pos.avail.idx;
	vq->notify.signalled = vq->pos.used_idx;
	return ret;
}
