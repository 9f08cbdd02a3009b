/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_malloc.h>

#include "fdb.h"

#define FDB_SLOTS_MIN 64

struct fdb *
fdb_create(uint32_t keys, int socket)
{
	const uint32_t slots = rte_align32pow2(RTE_MAX(2 * keys, (uint32_t)FDB_SLOTS_MIN));
	const size_t size = sizeof(struct fdb) + slots * sizeof(struct fdb_slot);
	struct fdb *fdb;

	fdb = rte_zmalloc_socket("veb_fdb", size, RTE_CACHE_LINE_SIZE, socket);
	if (fdb == NULL)
		return NULL;
	fdb->moved = rte_calloc_socket("veb_fdb", slots, sizeof(fdb->moved[0]), 0, socket);
	if (fdb->moved == NULL) {
		rte_free(fdb);
		return NULL;
	}
	fdb->mask = slots - 1;
	fdb->shift = 64 - rte_log2_u32(slots);
	return fdb;
}

void
fdb_destroy(struct fdb *fdb)
{
	if (fdb == NULL)
		return;
	rte_free(fdb->moved);
	rte_free(fdb);
}

struct fdb_slot *
fdb_find(struct fdb *fdb, uint64_t key)
{
	uint32_t at;

	for (at = fdb_hash(fdb, key); fdb->slots[at].key != 0; at = (at + 1) & fdb->mask)
		if (fdb->slots[at].key == key)
			return &fdb->slots[at];
	return NULL;
}

/* Slots that may be in use: what is learned leaves some to addresses that have to get in. */
static uint32_t
fdb_limit(const struct fdb *fdb, bool is_static)
{
	return (uint64_t)fdb->mask * (is_static ? 7 : 6) / 8;
}

bool
fdb_has_room(const struct fdb *fdb, uint32_t keys)
{
	return 2 * (uint64_t)keys <= fdb->mask + 1 && fdb->used < fdb_limit(fdb, false);
}

bool
fdb_add(struct fdb *fdb, uint64_t key, uint32_t port, uint32_t seen)
{
	struct fdb_slot *slot;
	uint32_t at;

	at = fdb_hash(fdb, key);
	while (fdb->slots[at].key != 0 && fdb->slots[at].key != FDB_GONE)
		at = (at + 1) & fdb->mask;
	slot = &fdb->slots[at];
	if (slot->key == 0) {
		if (fdb->used >= fdb_limit(fdb, (port & FDB_STATIC) != 0))
			return false;
		fdb->used++;
	}
	fdb->live++;
	fdb->moved[at] = 0;
	__atomic_store_n(&slot->seen, seen, __ATOMIC_RELAXED);
	/* release: a reader that sees it sees that the slot's last key is gone */
	__atomic_store_n(&slot->port, port, __ATOMIC_RELEASE);
	/* release: pairs with the acquire in fdb_lookup() */
	__atomic_store_n(&slot->key, key, __ATOMIC_RELEASE);
	return true;
}

void
fdb_del(struct fdb *fdb, struct fdb_slot *slot)
{
	const uint32_t next = (slot - fdb->slots + 1) & fdb->mask;
	const bool last = fdb->slots[next].key == 0;

	fdb->live--;
	fdb->used -= last;
	__atomic_store_n(&slot->key, last ? 0 : FDB_GONE, __ATOMIC_RELEASE);
}

void
fdb_copy(struct fdb *to, const struct fdb *from)
{
	const struct fdb_slot *slot;

	for (slot = from->slots; slot <= &from->slots[from->mask]; slot++)
		if (slot->key > FDB_GONE)
			fdb_add(to, slot->key, slot->port,
					__atomic_load_n(&slot->seen, __ATOMIC_RELAXED));
}
