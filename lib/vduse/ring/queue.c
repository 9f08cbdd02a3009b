/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "len.h"
#include "log.h"
#include "ring/backoff.h"
#include "ring/notify.h"
#include "ring/queue.h"
#include "ring/restore.h"
#include "ring/ring.h"
#include "ring/wake.h"

#if RTE_BYTE_ORDER != RTE_LITTLE_ENDIAN
#error "the rings are little endian and are accessed as they are"
#endif

static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2, 2.7.5");
static_assert(sizeof(struct vring_packed_desc) == 16, "virtio 1.2, 2.8.13");
static_assert(sizeof(struct vring_packed_desc_event) == 4, "virtio 1.2, 2.8.14");

static void
vq_free(struct vduse_vq *vq)
{
	rte_free(vq->ctl.room);
	rte_free(vq->segs);
}

int
vduse_vq_init(struct vduse_vq *vq, const struct vduse_vq_env *env, uint16_t index,
		uint16_t max_size, void *room)
{
	memset(vq, 0, sizeof(*vq));
	vq->env = env;
	vq->ring.index = index;
	vq->ctl.max_size = max_size;
	vq->segs = rte_malloc(
			"vduse_segs", VDUSE_SEGS_MAX * sizeof(vq->segs[0]), RTE_CACHE_LINE_SIZE);
	if (room == NULL)
		room = vq->ctl.room = rte_zmalloc(
				"vduse_record", vduse_journal_bytes(max_size), RTE_CACHE_LINE_SIZE);
	if (vq->segs == NULL || room == NULL) {
		vq_free(vq);
		return -ENOMEM;
	}
	vduse_journal_bind(vq, room);
	vq->ctl.kickfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vq->ctl.kickfd < 0) {
		int ret = -errno;

		vq_free(vq);
		return ret;
	}
	vduse_vq_mutex_init(&vq->ctl.lock);
	return 0;
}

void
vduse_vq_fini(struct vduse_vq *vq)
{
	vduse_notify_fini(vq);
	vduse_vq_mutex_destroy(&vq->ctl.lock);
	close(vq->ctl.kickfd);
	vq_free(vq);
}

/* Sizes and alignments of the three parts (virtio 1.2, 2.7 and 2.8.10). */
struct ring_part {
	uint64_t iova;
	uint64_t len;
	uint64_t align;
	uint8_t perm;
};

static void
ring_parts(const struct vduse_vq *vq, struct ring_part part[3])
{
	const uint64_t n = vq->ring.size;

	part[0].iova = vq->ctl.desc_addr;
	part[0].len = n * 16;
	part[0].align = 16;
	part[1].iova = vq->ctl.driver_addr;
	part[1].perm = VDUSE_ABI_RO;
	part[2].iova = vq->ctl.device_addr;
	part[2].perm = VDUSE_ABI_WO;
	if (vq->ring.is_packed) {
		part[0].perm = VDUSE_ABI_RW;
		part[1].len = part[2].len = sizeof(struct vring_packed_desc_event);
		part[1].align = part[2].align = 4;
	} else {
		part[0].perm = VDUSE_ABI_RO;
		part[1].len = 6 + 2 * n;
		part[1].align = 2;
		part[2].len = 6 + 8 * n;
		part[2].align = 4;
	}
}

static int
ring_check(const struct vduse_vq *vq, uint32_t num)
{
	struct ring_part part[3];
	unsigned int i;

	if (num == 0 || num > vq->ctl.max_size ||
			(!vq->ring.is_packed && !rte_is_power_of_2(num))) {
		VDUSE_LOG(ERR, "queue %u: the driver's size %u is not one of 1 to %u%s",
				vq->ring.index, num, vq->ctl.max_size,
				vq->ring.is_packed ? "" : ", a power of two");
		return -EINVAL;
	}
	ring_parts(vq, part);
	for (i = 0; i < RTE_DIM(part); i++) {
		if ((part[i].iova & (part[i].align - 1)) == 0)
			continue;
		VDUSE_LOG(ERR, "queue %u: ring address 0x%" PRIx64 " is not aligned to %" PRIu64,
				vq->ring.index, part[i].iova, part[i].align);
		return -EINVAL;
	}
	return 0;
}

/* Where the ring is in our memory. Addresses change with the IOTLB, positions do not. */
static int
ring_translate(struct vduse_vq *vq)
{
	struct ring_part part[3];
	void *addr[3];
	unsigned int i;

	ring_parts(vq, part);
	for (i = 0; i < RTE_DIM(part); i++) {
		addr[i] = vduse_iotlb_linear(vq->map.tlb, part[i].iova, part[i].len, part[i].perm);
		if (addr[i] == NULL)
			return -EFAULT;
	}
	if (vq->ring.is_packed) {
		vq->ring.packed.desc = addr[0];
		vq->ring.packed.driver = addr[1];
		vq->ring.packed.device = addr[2];
	} else {
		vq->ring.split.desc = addr[0];
		vq->ring.split.avail = addr[1];
		vq->ring.split.used = addr[2];
	}
	return 0;
}

/* Positions of a fresh start, from the state that the driver set. */
static void
ring_set_position(struct vduse_vq *vq, const struct vduse_abi_vq *info)
{
	memset(&vq->pos.avail, 0, sizeof(vq->pos.avail));
	/*
	 * What is taken is returned in the same burst: both positions are one.
	 * DPDK's virtio-user up to 22.11 sets the available one only.
	 */
	if (vq->ring.is_packed) {
		vq->pos.avail.idx = info->packed.last_avail_idx % vq->ring.size;
		vq->pos.avail.wrap = info->packed.last_avail_counter & 1;
		vq->pos.used_idx = vq->pos.avail.idx;
		vq->pos.used_wrap = vq->pos.avail.wrap;
	} else {
		vq->pos.avail.idx = info->split.avail_index;
		vq->pos.avail_cached = info->split.avail_index;
		vq->pos.used_idx = info->split.avail_index;
	}
	vq->pos.used_pending = 0;
	vq->notify.signalled = vq->pos.used_idx;
	vq->notify.signalled_valid = false;
	vduse_notify_reset(vq);
	vq->fault = NULL;
	vq->map.generation = UINT64_MAX;
}

/*
 * Where the process before was: all that it took it also returned, but for a
 * burst that it died in. A packed ring shows that only as long as nothing was
 * returned at all.
 */
static int
ring_recover_position(struct vduse_vq *vq)
{
	uint16_t i;

	if (vq->ring.is_packed) {
		for (i = 0; i < vq->ring.size; i++)
			if (vq->ring.packed.desc[i].flags & VDUSE_PACKED_USED)
				return -ENOTSUP;
		return 0;
	}
	vduse_vq_set_used(vq, __atomic_load_n(&vq->ring.split.used->idx, __ATOMIC_ACQUIRE));
	vduse_vq_set_avail(vq, (struct vduse_pos){ .idx = vq->pos.used_idx });
	vq->pos.avail_cached = vq->pos.used_idx;
	vq->notify.signalled = vq->pos.used_idx;
	return 0;
}

/*
 * Where a process before was. The ring is translated, the positions are those
 * that the driver set.
 */
static int
ring_continue(struct vduse_vq *vq)
{
	int ret;

	if (vduse_journal_matches(vq, vq->ring.size))
		ret = vduse_restore_ring(vq);
	else
		ret = ring_recover_position(vq);
	if (ret < 0)
		return ret;
	vduse_vq_set_call_pending(vq, true); /* it may have died before it called */
	if (!vduse_journal_matches(vq, vq->ring.size))
		vduse_journal_start(vq);
	return 0;
}

/* What the ring is, and where; it is not touched yet. */
REQUIRES(vduse_vq_mutex)
static int
vq_describe(struct vduse_vq *vq, const struct vduse_abi_vq *info, uint64_t features)
{
	int ret;

	vq->ring.event_idx = features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
	vq->ring.indirect = features & (1ULL << VIRTIO_RING_F_INDIRECT_DESC);
	vq->ring.is_packed = features & (1ULL << VIRTIO_F_RING_PACKED);
	vq->ctl.desc_addr = info->desc_addr;
	vq->ctl.driver_addr = info->driver_addr;
	vq->ctl.device_addr = info->device_addr;
	ret = ring_check(vq, info->num);
	if (ret < 0)
		return ret;
	if (!vduse_len16(info->num, &vq->ring.size))
		return -EINVAL;
	vduse_backoff_init(vq);
	vq->notify.skipped = 0;
	ring_set_position(vq, info);
	return 0;
}

int
vduse_vq_start(struct vduse_vq *vq, const struct vduse_abi_vq *info, uint64_t features,
		bool recover)
{
	int ret;

	vduse_vq_mutex_lock(&vq->ctl.lock);
	ret = vq_describe(vq, info, features);
	vduse_vq_mutex_unlock(&vq->ctl.lock);
	if (ret < 0)
		return ret;
	vq->journal.life++;
	if (recover || vq->journal.record->valid == VDUSE_JOURNAL_RUNNING) {
		vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_UNPLACED);
	} else {
		vduse_journal_start(vq);
		vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_UNMAPPED);
	}
	ret = vduse_vq_resume(vq);
	if (ret < 0 && ret != -EFAULT)
		vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_OFF);
	return ret;
}

void
vduse_vq_stop(struct vduse_vq *vq, bool unsettled)
{
	vduse_vq_pause(vq, VDUSE_VQ_NONE);
	/* another lcore may look after a call that is held */
	__atomic_store_n(&vq->poll.coal_deadline, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->map.missed, false, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->overdue, false, __ATOMIC_RELAXED);
	if (vduse_vq_is_ready(vq))
		vduse_vq_phase_set(vq, unsettled ? VDUSE_VQ_PHASE_UNSETTLED : VDUSE_VQ_PHASE_OFF);
	vq->ctl.rests = false;
}

void
vduse_vq_halt(struct vduse_vq *vq)
{
	/* before the fence of the wait */
	__atomic_store_n(&vq->poll.running, false, __ATOMIC_RELEASE);
}

void
vduse_vq_wait(const struct vduse_vq *vq, unsigned int self)
{
	vduse_readers_wait(vq->env->readers, self);
}

void
vduse_vq_pause(struct vduse_vq *vq, unsigned int self)
{
	vduse_vq_halt(vq);
	vduse_vq_wait(vq, self);
}

void
vduse_vq_rest(struct vduse_vq *vq)
{
	vduse_vq_pause(vq, VDUSE_VQ_NONE);
	vq->ctl.rests = true;
}

void
vduse_vq_rest_end(struct vduse_vq *vq)
{
	vq->ctl.rests = false;
}

int
vduse_vq_place(struct vduse_vq *vq)
{
	return ring_translate(vq);
}

int
vduse_vq_resume(struct vduse_vq *vq)
{
	int ret;

	if (!vduse_vq_is_ready(vq) || vq->fault != NULL)
		return 0;
	ret = ring_translate(vq);
	if (ret == 0 && vq->ctl.phase == VDUSE_VQ_PHASE_UNPLACED)
		ret = ring_continue(vq);
	if (ret < 0)
		return ret;
	vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_SERVED);
	if (vq->ctl.rests)
		return 0;
	vduse_ring_set_kicks(vq, vq->ctl.kicks || vduse_wake_is_armed(vq));
	/* release: pairs with the acquire in vduse_vq_burst_begin() */
	__atomic_store_n(&vq->poll.running, true, __ATOMIC_RELEASE);
	/* pairs with the fence in vduse_wake_arm() */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vduse_wake_is_armed(vq))
		vduse_wake_signal(vq); /* the driver may have kicked nobody while it rested */
	return 0;
}

void
vduse_vq_get_state(const struct vduse_vq *vq, struct vduse_abi_vq_state *state)
{
	if (vq->ring.is_packed) {
		state->packed.last_avail_idx = vq->pos.avail.idx;
		state->packed.last_avail_counter = vq->pos.avail.wrap;
		state->packed.last_used_idx = vq->pos.used_idx;
		state->packed.last_used_counter = vq->pos.used_wrap;
	} else {
		state->split.avail_index = vq->pos.avail.idx;
	}
}

static int
packed_fill(const struct vduse_vq_view *view, bool wrap, const struct vring_packed_desc *desc)
{
	uint16_t idx = view->avail_idx;
	int fill;

	/* the lcore may be about to move on, but not out of the ring */
	if (idx >= view->size)
		return -1;
	for (fill = 0; fill < view->size; fill++) {
		if (!vduse_packed_is_avail(
				    __atomic_load_n(&desc[idx].flags, __ATOMIC_RELAXED), wrap))
			break;
		if (++idx == view->size) {
			idx = 0;
			wrap = !wrap;
		}
	}
	return fill;
}

/* The ring stays what and where it is. */
REQUIRES(vduse_vq_mutex)
static int
vq_fill(struct vduse_vq *vq, const struct vduse_vq_view *view, bool wrap)
{
	struct vduse_iotlb *tlb = vq->map.tlb;
	struct ring_part part[3];
	const struct vring_avail *avail;
	const void *ring;
	int fill = -1;

	if (!view->ready)
		return -1;
	ring_parts(vq, part);
	/* regions are unmapped with the lock held: what is found now stays until it is released */
	vduse_map_mutex_lock(&tlb->lock);
	if (!__atomic_load_n(&vq->poll.running, __ATOMIC_ACQUIRE))
		goto unlock;
	avail = vduse_iotlb_linear_locked(tlb, part[1].iova, part[1].len, part[1].perm);
	ring = vduse_iotlb_linear_locked(tlb, part[0].iova, part[0].len, VDUSE_ABI_RO);
	if (avail == NULL || ring == NULL)
		goto unlock;
	if (view->is_packed)
		fill = packed_fill(view, wrap, ring);
	else
		fill = (uint16_t)(__atomic_load_n(&avail->idx, __ATOMIC_RELAXED) - view->avail_idx);
unlock:
	vduse_map_mutex_unlock(&tlb->lock);
	return fill;
}

void
vduse_vq_look(struct vduse_vq *vq, struct vduse_vq_view *view)
{
	struct vduse_pos avail;

	vduse_vq_mutex_lock(&vq->ctl.lock);
	view->phase = vq->ctl.phase;
	view->ready = vduse_vq_is_ready(vq);
	view->running = __atomic_load_n(&vq->poll.running, __ATOMIC_RELAXED);
	view->size = view->ready ? vq->ring.size : 0;
	view->is_packed = vq->ring.is_packed;
	view->desc_addr = vq->ctl.desc_addr;
	view->driver_addr = vq->ctl.driver_addr;
	view->device_addr = vq->ctl.device_addr;
	__atomic_load(&vq->pos.avail, &avail, __ATOMIC_RELAXED);
	view->avail_idx = avail.idx;
	view->used_idx = __atomic_load_n(&vq->pos.used_idx, __ATOMIC_RELAXED);
	view->fault = __atomic_load_n(&vq->fault, __ATOMIC_RELAXED);
	view->fill = vq_fill(vq, view, avail.wrap);
	vduse_vq_mutex_unlock(&vq->ctl.lock);
}

void
vduse_vq_set_space(struct vduse_vq *vq, struct vduse_iotlb *tlb)
{
	vduse_vq_mutex_lock(&vq->ctl.lock);
	vq->map.tlb = tlb;
	vq->map.generation = UINT64_MAX;
	vduse_vq_mutex_unlock(&vq->ctl.lock);
}

/* Of the process, not of the driver. */
static bool
is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN;
}

int
vduse_vq_resolve(struct vduse_vq *vq)
{
	const char *fault = vq->fault;
	const bool noted = fault != NULL;
	int ret;

	if (!__atomic_load_n(&vq->map.missed, __ATOMIC_ACQUIRE))
		return 0;
	vduse_vq_pause(vq, VDUSE_VQ_NONE);
	ret = vduse_iotlb_load_at(vq->map.tlb, vq->map.missed_at);
	if (is_shortage(ret)) {
		vduse_count(&vq->stats.iotlb_waits, 1);
		return ret;
	}
	__atomic_store_n(&vq->map.missed, false, __ATOMIC_RELAXED);
	/* a miss in a map that is no longer the map, by whoever replaced it, is none */
	if (ret < 0)
		fault = "IOVA regions that cannot be mapped";
	else if (vduse_iotlb_generation(vq->map.tlb) == vq->map.generation)
		fault = "address outside of every IOVA region, or against its permission";
	__atomic_store_n(&vq->fault, fault, __ATOMIC_RELAXED);
	if (fault != NULL && !noted)
		vduse_count(&vq->stats.faults, 1);
	return 0;
}
