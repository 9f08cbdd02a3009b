/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of a virtqueue: cold half, and what a successor does with it. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ring/journal.h"

static_assert(sizeof(struct vduse_journal_record) == VDUSE_JOURNAL_ALIGN, "the arrays follow it");

/* Elements, table, slots, in this order: each is aligned then. */
#define STATE_BYTES_EACH (sizeof(uint64_t) + sizeof(struct vduse_journal_buffer) + sizeof(uint16_t))

size_t
vduse_journal_bytes(uint16_t max_size)
{
	return RTE_ALIGN_CEIL(sizeof(struct vduse_journal_record) +
					      vduse_journal_entries(max_size) * STATE_BYTES_EACH,
			VDUSE_JOURNAL_ALIGN);
}

void
vduse_journal_bind(struct vduse_vq *vq, void *room)
{
	const uint32_t n = vduse_journal_entries(vq->ctl.max_size);

	vq->journal.record = room;
	vq->journal.puts = (uint64_t *)(vq->journal.record + 1);
	vq->journal.inflight = (struct vduse_journal_buffer *)(vq->journal.puts + n);
	vq->journal.slots = (uint16_t *)(vq->journal.inflight + n);
	vq->journal.mask = n - 1;
}

static uint16_t
state_used_pos(const struct vduse_vq *vq)
{
	return vq->ring.is_packed ? vduse_journal_pos(vq->pos.used_idx, vq->pos.used_wrap)
				  : vq->pos.used_idx;
}

void
vduse_journal_start(struct vduse_vq *vq)
{
	struct vduse_journal_record *rec = vq->journal.record;

	vduse_journal_reset(vq);
	vq->journal.takes = false;
	vq->journal.taken = 0;
	if (rec->take != 0)
		memset(vq->journal.inflight, 0,
				vduse_journal_entries(vq->ctl.max_size) *
						sizeof(vq->journal.inflight[0]));
	rec->take = 0;
	rec->burst = state_used_pos(vq);
	rec->desc_addr = vq->ctl.desc_addr;
	rec->driver_addr = vq->ctl.driver_addr;
	rec->device_addr = vq->ctl.device_addr;
	rec->size = vq->ring.size;
	rte_compiler_barrier();
	__atomic_store_n(&rec->valid, VDUSE_JOURNAL_RUNNING, __ATOMIC_RELAXED);
}

void
vduse_journal_park(struct vduse_vq *vq, bool settled)
{
	if (settled)
		vduse_journal_settled(vq);
	__atomic_store_n(&vq->journal.record->valid, VDUSE_JOURNAL_PARKED, __ATOMIC_RELAXED);
	rte_compiler_barrier();
}

int
vduse_journal_state(const struct vduse_journal_record *record, bool packed,
		struct vduse_abi_vq_state *state)
{
	const uint16_t pos = (uint16_t)record->burst;

	if (record->take & VDUSE_JOURNAL_TAKE_USED)
		return -EFAULT;
	/* all that was taken went back: both positions are one */
	if (packed) {
		state->packed.last_avail_idx = pos & INT16_MAX;
		state->packed.last_avail_counter = pos >> 15;
		state->packed.last_used_idx = pos & INT16_MAX;
		state->packed.last_used_counter = pos >> 15;
	} else {
		state->split.avail_index = pos;
	}
	return 0;
}

void
vduse_journal_reset(struct vduse_vq *vq)
{
	__atomic_store_n(&vq->journal.record->valid, 0, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	if (vq->ctl.phase == VDUSE_VQ_PHASE_UNSETTLED)
		vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_OFF);
}

bool
vduse_journal_matches(const struct vduse_vq *vq, uint32_t size)
{
	const struct vduse_journal_record *rec = vq->journal.record;

	return rec->valid == VDUSE_JOURNAL_RUNNING && rec->size == size &&
	       rec->desc_addr == vq->ctl.desc_addr && rec->driver_addr == vq->ctl.driver_addr &&
	       rec->device_addr == vq->ctl.device_addr;
}

/* Between publish and the record of it: no buffer of the burst is in flight any more. */
void
vduse_journal_clear_burst(struct vduse_vq *vq)
{
	const uint16_t n = vq->pos.used_pending;
	uint16_t i, at;

	for (i = 0; i < n; i++) {
		if (vq->ring.is_packed) {
			vduse_journal_inflight_clear(vq,
					(uint16_t)(vq->journal.puts[i & vq->journal.mask] >> 32));
			continue;
		}
		at = (uint16_t)(vq->pos.used_idx - n + i) & (vq->ring.size - 1);
		/* our own words, though the driver may have written over them: masked */
		vduse_journal_inflight_clear(vq, (uint16_t)vq->ring.split.used->ring[at].id);
	}
}
