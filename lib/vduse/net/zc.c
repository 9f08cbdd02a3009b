/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "clock.h"
#include "log.h"
#include "mem/deferred.h"
#include "net/net.h"
#include "net/zc.h"

/* Slots for each descriptor of the ring: a table of descriptors has many pieces. */
#define ZC_SLOTS_EACH 4
#define ZC_SLOTS_MAX  32768

/* Longest piece: what an mbuf's lengths can say. */
#define ZC_PIECE_MAX UINT16_MAX

void
net_zc_on_free(void *addr, void *opaque)
{
	const struct net_zc_slot *slot = opaque;
	struct net_zc *zc = slot->zc;

	RTE_SET_USED(addr);
	/* release: what the one who freed it read of the buffer was before */
	__atomic_store_n(&zc->freed[slot - zc->slots], 1, __ATOMIC_RELEASE);
}

static struct net_zc *
zc_alloc(uint16_t queue_size, uint32_t min, uint16_t pieces)
{
	const uint32_t wanted = pieces != 0 ? pieces : ZC_SLOTS_EACH * (uint32_t)queue_size;
	const uint16_t nb = vduse_len_min16(RTE_MAX(wanted, 8u), ZC_SLOTS_MAX) & 0xfff8u;
	const uint32_t nb_turns = rte_align32pow2(queue_size);
	struct net_zc *zc;
	uint32_t i;

	zc = rte_zmalloc("vduse_zc",
			sizeof(*zc) + nb * (sizeof(zc->slots[0]) + 1) +
					nb_turns * sizeof(zc->turns[0]),
			RTE_CACHE_LINE_SIZE);
	if (zc == NULL)
		return NULL;
	zc->min = RTE_MIN(RTE_MAX(min, NET_ZC_HEAD + 1u), RTE_VDUSE_NET_FRAME_MAX + 1u);
	zc->nb_slots = nb;
	zc->nb_free = nb;
	zc->free = NET_ZC_NONE;
	zc->map_generation = UINT64_MAX;
	zc->hold_cycles = NET_ZC_HOLD_MS * rte_get_tsc_hz() / MS_PER_S;
	zc->rest_cycles = NET_ZC_REST_MS * rte_get_tsc_hz() / MS_PER_S;
	zc->iova_as_va = rte_eal_iova_mode() == RTE_IOVA_VA;
	/* slots are a multiple of 8, and so the bytes end where a turn may begin */
	zc->freed = (uint8_t *)&zc->slots[nb];
	zc->turns = (struct net_zc_turn *)&zc->freed[nb];
	zc->turn_mask = (uint16_t)(nb_turns - 1);
	for (i = 0; i < nb; i++) {
		zc->slots[i].zc = zc;
		zc->slots[i].shinfo.free_cb = net_zc_on_free;
		zc->slots[i].shinfo.fcb_opaque = &zc->slots[i];
	}
	return zc;
}

/* A page of DPDK's may lie anywhere, and the next one elsewhere. */
static rte_iova_t
zc_iova_of(const uint8_t *addr)
{
	const struct rte_memseg *page = rte_mem_virt2memseg(addr, NULL);

	if (page == NULL || page->iova == RTE_BAD_IOVA)
		return RTE_BAD_IOVA;
	return page->iova + (rte_iova_t)(addr - (const uint8_t *)page->addr);
}

rte_iova_t
net_zc_iova(const uint8_t *addr, uint32_t len)
{
	const rte_iova_t first = zc_iova_of(addr), last = zc_iova_of(addr + len - 1);

	return last == first + len - 1 ? first : RTE_BAD_IOVA;
}

bool
net_zc_has_rested(const struct net_zc *zc)
{
	return vduse_clock() - zc->rest_began > zc->rest_cycles;
}

/* Memory of ours is one piece, and so is its extent. */
void
net_zc_see_map(struct net_zc *zc, const struct vduse_iotlb_map *map)
{
	uint32_t i;

	zc->map_generation = map->generation;
	zc->reader_seen = __atomic_load_n(&zc->reader, __ATOMIC_RELAXED);
	zc->dma_addr = NULL;
	zc->dma_len = 0;
	for (i = 0; i < map->nb; i++) {
		if (!map->extents[i].dma)
			continue;
		zc->dma_addr = map->extents[i].addr;
		zc->dma_len = map->extents[i].size;
		break;
	}
	zc->reaches = zc->reader_seen == RTE_VDUSE_NET_READER_PROCESSOR ||
		      (zc->reader_seen == RTE_VDUSE_NET_READER_DEVICE && zc->dma_len != 0);
	if (zc->rests && net_zc_has_rested(zc))
		zc->rests = false;
	zc->reaches &= !zc->rests;
}

/* In order: whether the oldest buffer holds back others for too long. */
static void
zc_watch(struct net_zc *zc, struct vduse_vq *vq)
{
	uint64_t now;

	if (likely(zc->held == 0) || zc->rests)
		return;
	now = vduse_clock();
	if (zc->held_since == 0 || zc->held_turn != zc->turn) {
		zc->held_turn = zc->turn;
		zc->held_since = now | 1;
	} else if (now - zc->held_since > zc->hold_cycles) {
		zc->held_since = 0;
		zc->rests = true;
		zc->rest_began = now;
		zc->reaches = false;
		vduse_vq_set_overdue(vq);
	}
}

static void
zc_set_release(void *arg)
{
	struct net_zc_set *set = arg;
	uint16_t i;

	for (i = 0; i < set->nb; i++)
		rte_free(set->zc[i]);
	free(set);
}

static bool
zc_set_used(void *arg)
{
	return net_zc_held(arg, NULL, SIZE_MAX, NULL) > 0;
}

struct net_zc_set *
net_zc_set_alloc(uint32_t min, uint16_t pieces)
{
	struct net_zc_set *set;

	vduse_deferred_reap();
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		return NULL;
	set->min = min;
	set->pieces = pieces;
	return set;
}

struct net_zc *
net_zc_set_add(struct net_zc_set *set, uint16_t queue_size)
{
	struct net_zc *zc = zc_alloc(queue_size, set->min, set->pieces);

	if (zc != NULL)
		set->zc[set->nb++] = zc;
	return zc;
}

void
net_zc_set_free(struct net_zc_set *set)
{
	if (set == NULL)
		return;
	/* behind the mappings, which ask this set whether they are used */
	vduse_deferred_reap();
	if (!zc_set_used(set))
		zc_set_release(set);
	else if (vduse_deferred_add(zc_set_used, zc_set_release, set) < 0)
		VDUSE_LOG(ERR, "no memory to note frames under way; theirs is not freed");
}

static size_t
zc_held(const struct net_zc *zc, const uint8_t *base, size_t size, uint8_t *copy)
{
	size_t held = 0;
	uint16_t i;

	for (i = 0; i < __atomic_load_n(&zc->high, __ATOMIC_RELAXED); i++) {
		const struct net_zc_slot *slot = &zc->slots[i];
		const uint16_t len = __atomic_load_n(&slot->len, __ATOMIC_ACQUIRE);
		const uint8_t *addr = __atomic_load_n(&slot->addr, __ATOMIC_RELAXED);

		if (len == 0 || (size_t)(addr - base) >= size ||
				__atomic_load_n(&zc->freed[i], __ATOMIC_ACQUIRE))
			continue;
		held += len;
		if (copy != NULL)
			memcpy(copy + (addr - base), addr, len);
	}
	return held;
}

size_t
net_zc_held(void *set, const void *base, size_t len, void *copy)
{
	const struct net_zc_set *zcs = set;
	size_t held = 0;
	uint16_t i;

	for (i = 0; i < zcs->nb; i++)
		held += zc_held(zcs->zc[i], base, len, copy);
	return held;
}

/* Slots of frames with a buffer to be given back, in the order of the slots. */
static struct net_zc_slot *
zc_next_owed(struct net_zc *zc, uint16_t *i)
{
	for (; *i < zc->high; (*i)++)
		if (zc->slots[*i].len != 0 && zc->slots[*i].owed)
			return &zc->slots[(*i)++];
	return NULL;
}

void
net_zc_next_life(struct net_zc *zc, const struct vduse_vq *vq)
{
	struct net_zc_slot *slot;
	uint16_t i = 0;

	while ((slot = zc_next_owed(zc, &i)) != NULL)
		slot->owed = false;
	zc->turn = zc->next_turn;
	zc->held = 0;
	zc->held_since = 0;
	zc->rests = false;
	zc->map_generation = UINT64_MAX;
	zc->owed = 0;
	zc->life = vq->journal.life;
}

/* Those whose turn it is, up to one that is out; or all. */
static void
zc_put_turns(struct net_zc *zc, struct vduse_vq *vq, bool all, const bool packed)
{
	const struct net_zc_turn *turn;

	for (; net_zc_waits(zc); zc->turn++) {
		turn = &zc->turns[zc->turn & zc->turn_mask];
		if (!turn->done && !all)
			break;
		vduse_ring_put(vq, turn->id, turn->ring_slots, 0, packed);
		zc->owed -= turn->ring_slots;
		zc->held -= turn->done;
	}
	if (zc->held == 0)
		zc->held_since = 0;
}

static void
zc_put_owed(struct net_zc *zc, struct vduse_vq *vq, const bool packed)
{
	struct net_zc_slot *slot;
	uint16_t i = 0;

	zc_put_turns(zc, vq, true, packed);
	while ((slot = zc_next_owed(zc, &i)) != NULL) {
		if (!zc->in_order)
			vduse_ring_put(vq, slot->id, slot->ring_slots, 0, packed);
		slot->owed = false;
	}
	zc->owed = 0;
}

void
net_zc_give_back(struct net_zc *zc, struct vduse_vq *vq)
{
	zc_put_owed(zc, vq, vq->ring.is_packed);
	vduse_ring_flush(vq, vq->ring.is_packed);
}

/* All pieces of the frame were freed. */
static void
zc_frame_done(struct net_zc *zc, struct vduse_vq *vq, uint16_t first, const bool packed)
{
	struct net_zc_slot *slot = &zc->slots[first];
	uint16_t i, next;

	if (slot->owed && zc->in_order) {
		zc->turns[slot->turn & zc->turn_mask].done = true;
		zc->held++;
	} else if (slot->owed) {
		vduse_ring_put(vq, slot->id, slot->ring_slots, 0, packed);
		zc->owed -= slot->ring_slots;
	}
	slot->owed = false;
	for (i = first; i != NET_ZC_NONE; i = next) {
		next = zc->slots[i].next;
		__atomic_store_n(&zc->slots[i].len, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&zc->freed[i], 0, __ATOMIC_RELAXED);
		zc->slots[i].next = zc->free;
		zc->free = i;
		zc->nb_free++;
	}
}

/* Eight bytes, one a slot: 1 was freed and not seen yet, 2 was seen. */
#define ZC_FREED_ONES 0x0101010101010101ull
#define ZC_FREED_SEEN 2

void
net_zc_collect(struct net_zc *zc, struct vduse_vq *vq, const bool packed)
{
	uint16_t at, i, first;
	uint64_t word;

	if (zc->all_read) {
		zc_put_owed(zc, vq, packed);
		zc->all_read = false;
	}
	for (at = 0; at < zc->high; at += sizeof(word)) {
		/* only which: what orders is the look at the byte itself, of the size it is
		 * written in */
		word = __atomic_load_n((const uint64_t *)&zc->freed[at], __ATOMIC_RELAXED) &
		       ZC_FREED_ONES;
		for (; word != 0; word &= word - 1) {
			i = (uint16_t)(at + __builtin_ctzll(word) / 8);
			/* acquire: pairs with the release in net_zc_on_free() */
			__atomic_load_n(&zc->freed[i], __ATOMIC_ACQUIRE);
			__atomic_store_n(&zc->freed[i], ZC_FREED_SEEN, __ATOMIC_RELAXED);
			first = zc->slots[i].first;
			if (--zc->slots[first].left == 0)
				zc_frame_done(zc, vq, first, packed);
		}
	}
	zc_put_turns(zc, vq, false, packed);
	zc_watch(zc, vq);
}

struct zc_piece {
	uint8_t *addr;
	rte_iova_t iova;
	uint16_t len;
};

/* What is behind the head, cut so that an mbuf can hold each. 0: too many, or out of reach. */
static uint16_t
zc_cut(const struct net_zc *zc, const struct vduse_chain *chain, uint32_t skip,
		struct zc_piece *pieces)
{
	uint16_t i, nb = 0;
	uint32_t at, n;

	for (i = 0; i < chain->nr; i++) {
		const struct vduse_seg *seg = &chain->seg[i];

		if (skip >= seg->len) {
			skip -= seg->len;
			continue;
		}
		for (at = skip, skip = 0; at < seg->len; at += n) {
			if (nb == NET_ZC_PIECES)
				return 0;
			pieces[nb].addr = seg->addr + at;
			pieces[nb].len = vduse_len_min16(seg->len - at, ZC_PIECE_MAX);
			if (!net_zc_reach(zc, pieces[nb].addr, pieces[nb].len, &pieces[nb].iova))
				return 0;
			n = pieces[nb++].len;
		}
	}
	return nb;
}

static void
zc_head(const struct vduse_chain *chain, uint32_t skip, struct rte_mbuf *head)
{
	uint8_t *to = rte_pktmbuf_mtod(head, uint8_t *);
	uint32_t left = NET_ZC_HEAD, n;
	uint16_t i;

	for (i = 0; left > 0; i++) {
		const struct vduse_seg *seg = &chain->seg[i];

		if (skip >= seg->len) {
			skip -= seg->len;
			continue;
		}
		n = RTE_MIN(left, seg->len - skip);
		memcpy(to, seg->addr + skip, n);
		to += n;
		left -= n;
		skip = 0;
	}
	head->data_len = NET_ZC_HEAD;
}

int
net_zc_attach(struct net_zc *zc, const struct vduse_chain *chain, uint32_t skip,
		struct rte_mempool *pool, struct rte_mbuf *head)
{
	struct zc_piece pieces[NET_ZC_PIECES];
	struct rte_mbuf *pkts[NET_ZC_PIECES], *last = head;
	uint16_t nb, n, i, first = NET_ZC_NONE, previous = NET_ZC_NONE;
	uint32_t len;

	if (rte_pktmbuf_tailroom(head) < NET_ZC_HEAD)
		return -ENOBUFS;
	if (!vduse_len32(chain->len - skip, &len) || len <= NET_ZC_HEAD)
		return -ENOBUFS;
	nb = zc_cut(zc, chain, skip + NET_ZC_HEAD, pieces);
	if (nb == 0 || nb > zc->nb_free || rte_pktmbuf_alloc_bulk(pool, pkts, nb) < 0)
		return -ENOBUFS;
	for (n = 0; n < nb; n++, previous = i) {
		i = net_zc_piece(zc, pieces[n].addr, pieces[n].len, pieces[n].iova, pkts[n]);
		if (first == NET_ZC_NONE)
			first = i;
		else
			zc->slots[previous].next = i;
		zc->slots[i].first = first;
		zc->slots[i].next = NET_ZC_NONE;
		last->next = pkts[n];
		last = pkts[n];
	}
	zc_head(chain, skip, head);
	head->nb_segs = 1 + nb;
	head->pkt_len = len;
	net_zc_owe(zc, first, nb, chain->id, chain->slots);
	return 0;
}
