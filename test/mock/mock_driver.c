/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mock_driver.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED  (1u << VRING_PACKED_DESC_F_USED)
#define PACKED_WRAP  (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

/*
 * What the driver writes to the ring, and reads there of the device's wishes:
 * the other side does the same at any time, so each field by itself. What has
 * an order has it by the barriers of the specification.
 */
#define RING_SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define RING_GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* Offsets of the driver's and the device's area; each begins on its own cache line. */
static size_t
area_driver(uint16_t size)
{
	return (16 * (size_t)size + 63) & ~(size_t)63;
}

static size_t
area_device(uint16_t size, bool packed)
{
	const size_t driver = packed ? 4 : 6 + 2 * (size_t)size;

	return (area_driver(size) + driver + 63) & ~(size_t)63;
}

size_t
mock_vq_bytes(uint16_t size, bool packed)
{
	return area_device(size, packed) + (packed ? 4 : 6 + 8 * (size_t)size);
}

static void *
ring_at(const struct mock_vq *vq, uint64_t iova)
{
	return vq->conf.mem->at(vq->conf.mem->arg, iova);
}

struct vring_desc *
mock_vq_desc(const struct mock_vq *vq, uint16_t id)
{
	return ring_at(vq, vq->desc_iova + sizeof(struct vring_desc) * id);
}

static struct vring_packed_desc *
packed_desc(const struct mock_vq *vq, uint16_t slot)
{
	return ring_at(vq, vq->desc_iova + sizeof(struct vring_packed_desc) * slot);
}

/* 2.7.6: flags, idx, the ring, used_event */
static uint16_t *
avail_word(const struct mock_vq *vq, uint32_t n)
{
	return ring_at(vq, vq->driver_iova + sizeof(uint16_t) * n);
}

/* 2.7.8: flags and idx; behind the ring avail_event */
static uint16_t *
used_word(const struct mock_vq *vq, size_t at)
{
	return ring_at(vq, vq->device_iova + at);
}

static const uint32_t *
used_elem(const struct mock_vq *vq, size_t member)
{
	const size_t at = offsetof(struct vring_used, ring) +
			  sizeof(struct vring_used_elem) * (vq->used_idx % vq->conf.size);

	return ring_at(vq, vq->device_iova + at + member);
}

static void
vq_free_lists(struct mock_vq *vq)
{
	uint16_t i;

	vq->nb_free = vq->conf.size;
	vq->next_free = 0;
	for (i = 0; i < vq->conf.size; i++) {
		vq->ids[i].next = i + 1;
		if (!vq->conf.packed)
			mock_vq_desc(vq, i)->next = i + 1;
	}
}

void
mock_vq_move(struct mock_vq *vq, const struct mock_mem *mem)
{
	vq->conf.mem = mem;
	if (vq->conf.packed) {
		vq->pdesc = ring_at(vq, vq->desc_iova);
		vq->driver_event = ring_at(vq, vq->driver_iova);
		vq->device_event = ring_at(vq, vq->device_iova);
	} else {
		vq->desc = ring_at(vq, vq->desc_iova);
		vq->avail = ring_at(vq, vq->driver_iova);
		vq->used = ring_at(vq, vq->device_iova);
	}
}

void
mock_vq_watch(struct mock_vq *vq, const struct mock_vq_conf *conf)
{
	const uint64_t driver = conf->iova + area_driver(conf->size);
	const uint64_t device = conf->iova + area_device(conf->size, conf->packed);

	memset(vq, 0, sizeof(*vq));
	vq->conf = *conf;
	vq->desc_iova = conf->iova;
	vq->driver_iova = conf->driver_iova != 0 ? conf->driver_iova : driver;
	vq->device_iova = conf->device_iova != 0 ? conf->device_iova : device;
	vq->avail_idx = vq->used_idx = vq->kicked_at = conf->start;
	vq->avail_wrap = vq->used_wrap = conf->start_wrap;
	mock_vq_move(vq, conf->mem);
}

static void
area_clear(const struct mock_mem *mem, uint64_t iova, size_t len)
{
	static const uint8_t zero[256];
	size_t n;

	for (; len > 0; iova += n, len -= n) {
		n = len < sizeof(zero) ? len : sizeof(zero);
		mem->write(mem->arg, iova, zero, n);
	}
}

int
mock_vq_init(struct mock_vq *vq, const struct mock_vq_conf *conf)
{
	const size_t size = conf->size;

	mock_vq_watch(vq, conf);
	vq->ids = calloc(size, sizeof(vq->ids[0]));
	if (vq->ids == NULL)
		return -ENOMEM;
	area_clear(conf->mem, vq->desc_iova, 16 * size);
	area_clear(conf->mem, vq->driver_iova, conf->packed ? 4 : 6 + 2 * size);
	area_clear(conf->mem, vq->device_iova, conf->packed ? 4 : 6 + 8 * size);
	if (!conf->packed)
		*avail_word(vq, 1) = *used_word(vq, 2) = conf->start;
	vq_free_lists(vq);
	return 0;
}

void
mock_vq_fini(struct mock_vq *vq)
{
	free(vq->ids);
	vq->ids = NULL;
}

/* 2.7.13.1 to 2.7.13.3: descriptors, ring entry, barrier, index */
void
mock_vq_publish(struct mock_vq *vq, uint16_t head)
{
	RING_SET(*avail_word(vq, 2 + vq->avail_idx % vq->conf.size), head);
	__atomic_store_n(avail_word(vq, 1), ++vq->avail_idx, __ATOMIC_RELEASE);
}

static void
split_add(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, uint16_t flags)
{
	const uint16_t head = vq->next_free;
	uint16_t i, d = head;

	for (i = 0; i < n; i++) {
		struct vring_desc *desc = mock_vq_desc(vq, d);

		RING_SET(desc->addr, descs[i].iova);
		RING_SET(desc->len, descs[i].len);
		RING_SET(desc->flags, flags | (descs[i].write ? VRING_DESC_F_WRITE : 0) |
						      (i + 1 < n ? VRING_DESC_F_NEXT : 0));
		d = desc->next;
	}
	vq->next_free = d;
	mock_vq_publish(vq, head);
}

/* 2.8.21: every descriptor, and the flags of the first one last */
static void
packed_add(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, uint16_t extra)
{
	const uint16_t id = vq->next_free, first = vq->avail_idx;
	uint16_t i, first_flags = 0;

	vq->next_free = vq->ids[id].next;
	for (i = 0; i < n; i++) {
		struct vring_packed_desc *desc = packed_desc(vq, vq->avail_idx);
		uint16_t flags = extra | (descs[i].write ? VRING_DESC_F_WRITE : 0) |
				 (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
				 (vq->avail_wrap ? PACKED_AVAIL : PACKED_USED);

		RING_SET(desc->addr, descs[i].iova);
		RING_SET(desc->len, descs[i].len);
		RING_SET(desc->id, id);
		if (i == 0)
			first_flags = flags;
		else
			RING_SET(desc->flags, flags);
		if (++vq->avail_idx == vq->conf.size) {
			vq->avail_idx = 0;
			vq->avail_wrap = !vq->avail_wrap;
		}
	}
	__atomic_store_n(&packed_desc(vq, first)->flags, first_flags, __ATOMIC_RELEASE);
}

static int
vq_add(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, uint16_t flags, void *cookie)
{
	const uint16_t id = vq->next_free;

	if (n == 0 || n > vq->nb_free)
		return -ENOSPC;
	vq->nb_free -= n;
	vq->ids[id].cookie = cookie;
	vq->ids[id].descs = n;
	if (vq->conf.packed)
		packed_add(vq, descs, n, flags);
	else
		split_add(vq, descs, n, flags);
	return 0;
}

int
mock_vq_add(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, void *cookie)
{
	return vq_add(vq, descs, n, 0, cookie);
}

/* 2.7.5.3 and 2.8.7 */
int
mock_vq_add_indirect(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, uint64_t table,
		void *cookie)
{
	const struct mock_desc head = { .iova = table, .len = 16u * n };
	const struct mock_mem *mem = vq->conf.mem;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint16_t write = descs[i].write ? VRING_DESC_F_WRITE : 0;
		struct vring_desc split = {
			.addr = descs[i].iova,
			.len = descs[i].len,
			.flags = write | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
			.next = i + 1,
		};
		struct vring_packed_desc packed = {
			.addr = descs[i].iova,
			.len = descs[i].len,
			.flags = write,
		};

		mem->write(mem->arg, table + 16u * i,
				vq->conf.packed ? (const void *)&packed : (const void *)&split, 16);
	}
	return vq_add(vq, &head, 1, VRING_DESC_F_INDIRECT, cookie);
}

/* 2.7.14 */
static bool
split_get(struct mock_vq *vq, struct mock_used *used)
{
	uint16_t i, d;

	if (__atomic_load_n(used_word(vq, 2), __ATOMIC_ACQUIRE) == vq->used_idx)
		return false;
	used->id = *used_elem(vq, offsetof(struct vring_used_elem, id));
	used->len = *used_elem(vq, offsetof(struct vring_used_elem, len));
	vq->used_idx++;
	for (i = 1, d = used->id; i < vq->ids[used->id].descs; i++)
		d = mock_vq_desc(vq, d)->next;
	RING_SET(mock_vq_desc(vq, d)->next, vq->next_free);
	vq->next_free = used->id;
	return true;
}

/* 2.8.22: used when both flags equal our wrap counter */
static bool
packed_is_used(uint16_t flags, bool wrap)
{
	return !(flags & PACKED_AVAIL) == !(flags & PACKED_USED) && !(flags & PACKED_USED) != wrap;
}

uint16_t
mock_vq_pending(const struct mock_vq *vq)
{
	bool wrap = vq->used_wrap;
	uint16_t n, slot = vq->used_idx;

	if (!vq->conf.packed)
		return *used_word(vq, 2) - vq->used_idx;
	for (n = 0; n < vq->conf.size; n++) {
		if (!packed_is_used(packed_desc(vq, slot)->flags, wrap))
			break;
		if (++slot == vq->conf.size) {
			slot = 0;
			wrap = !wrap;
		}
	}
	return n;
}

static bool
packed_get(struct mock_vq *vq, struct mock_used *used)
{
	const struct vring_packed_desc *desc = packed_desc(vq, vq->used_idx);
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
	uint16_t next;

	if (!packed_is_used(flags, vq->used_wrap))
		return false;
	used->id = desc->id;
	/* only meaningful with WRITE (2.8.9) */
	used->len = flags & VRING_DESC_F_WRITE ? desc->len : 0;
	next = vq->used_idx + vq->ids[used->id].descs;
	if (next >= vq->conf.size) {
		next -= vq->conf.size;
		vq->used_wrap = !vq->used_wrap;
	}
	vq->used_idx = next;
	vq->ids[used->id].next = vq->next_free;
	vq->next_free = used->id;
	return true;
}

bool
mock_vq_get(struct mock_vq *vq, struct mock_used *used)
{
	if (!(vq->conf.packed ? packed_get(vq, used) : split_get(vq, used)))
		return false;
	used->cookie = vq->ids[used->id].cookie;
	used->descs = vq->ids[used->id].descs;
	vq->ids[used->id].cookie = NULL;
	vq->nb_free += used->descs;
	return true;
}

/* 2.8.10, with the position of the event on the same lap as `now` or the one before */
static bool
packed_need_kick(const struct mock_vq *vq, uint16_t old, uint16_t now)
{
	const uint16_t size = vq->conf.size;
	uint16_t off_wrap, event;

	switch (RING_GET(vq->device_event->flags)) {
	case VRING_PACKED_EVENT_FLAG_DISABLE:
		return false;
	case VRING_PACKED_EVENT_FLAG_DESC:
		break;
	default:
		return true;
	}
	off_wrap = RING_GET(vq->device_event->off_wrap);
	event = off_wrap & ~PACKED_WRAP;
	if (!(off_wrap & PACKED_WRAP) == vq->avail_wrap)
		event -= size;
	if (now <= old)
		old -= size;
	return vring_need_event(event, now, old);
}

bool
mock_vq_need_kick(struct mock_vq *vq)
{
	const uint16_t old = vq->kicked_at, now = vq->avail_idx;
	const size_t avail_event = offsetof(struct vring_used, ring) +
				   sizeof(struct vring_used_elem) * vq->conf.size;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->kicked_at = now;
	if (vq->conf.packed)
		return packed_need_kick(vq, old, now);
	if (vq->conf.event_idx)
		return vring_need_event(RING_GET(*used_word(vq, avail_event)), now, old);
	return !(RING_GET(*used_word(vq, 0)) & VRING_USED_F_NO_NOTIFY);
}

void
mock_vq_calls(struct mock_vq *vq, bool wanted)
{
	if (vq->conf.packed)
		RING_SET(vq->driver_event->flags, wanted ? VRING_PACKED_EVENT_FLAG_ENABLE
							 : VRING_PACKED_EVENT_FLAG_DISABLE);
	else
		RING_SET(*avail_word(vq, 0), wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
}

void
mock_vq_call_at(struct mock_vq *vq, uint16_t ahead)
{
	uint32_t slot = (uint32_t)vq->used_idx + ahead;
	bool wrap = vq->used_wrap;

	if (!vq->conf.packed) {
		RING_SET(*avail_word(vq, 2 + vq->conf.size), slot);
		return;
	}
	if (slot >= vq->conf.size) {
		slot -= vq->conf.size;
		wrap = !wrap;
	}
	RING_SET(vq->driver_event->off_wrap, slot | (wrap ? PACKED_WRAP : 0));
	RING_SET(vq->driver_event->flags, VRING_PACKED_EVENT_FLAG_DESC);
}
