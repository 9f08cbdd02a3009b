/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_FDB_H
#define VEB_FDB_H

/*
 * The table: (VLAN, MAC) to the number of a member. Open addressing over slots of 16 bytes,
 * some of them always free. Readers take no lock. Writers, the owner's thread and
 * lcores that learn, take the table's; a table that is replaced is freed by who waited for
 * the readers.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#define FDB_NONE   UINT32_MAX
#define FDB_STATIC UINT32_C(0x10000) /* beside the member's number */

/* Key: the MAC as its bytes are read, little endian, the VLAN, and that the slot is in use. */
#define FDB_MAC_MASK UINT64_C(0xffffffffffff)
#define FDB_VLAN_ANY 4095 /* of a trunk's own address: looked up after the VLAN itself */

struct fdb_slot {
	uint64_t key; /* 0: never used; FDB_GONE: was */
	uint32_t port;
	uint32_t seen; /* seconds, of a learned one */
};

#define FDB_GONE UINT64_C(1)

struct fdb {
	uint32_t mask;   /* slots - 1 */
	uint32_t shift;  /* 64 less the bits of a slot's number */
	uint32_t used;   /* slots that are not 0; writers */
	uint32_t live;   /* keys; writers */
	uint32_t *moved; /* by slot: second of its last move; writers */
	struct fdb_slot slots[] __rte_cache_aligned;
};

static inline uint64_t
fdb_key(uint16_t vlan, uint64_t mac)
{
	return UINT64_C(1) << 63 | (uint64_t)vlan << 48 | mac;
}

/*
 * The highest bits of a product, which all bits of the key have a part in: the bytes of an address
 * that differ as a rule, the last ones, are high, and are folded down first.
 */
static inline uint32_t
fdb_hash(const struct fdb *fdb, uint64_t key)
{
	return (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> fdb->shift;
}

/* Room for so many keys. NULL: no memory. */
struct fdb *fdb_create(uint32_t keys, int socket);
void fdb_destroy(struct fdb *fdb);

/* Writers: the slot of a key, or NULL. */
struct fdb_slot *fdb_find(struct fdb *fdb, uint64_t key);

/*
 * Whether a table for so many keys is this one, and has room for one more: slots of keys that
 * are gone count until it is replaced.
 */
bool fdb_has_room(const struct fdb *fdb, uint32_t keys);

/* Writers: a new key. Return: false where too many slots are in use. */
bool fdb_add(struct fdb *fdb, uint64_t key, uint32_t port, uint32_t seen);

/* Writers. */
void fdb_del(struct fdb *fdb, struct fdb_slot *slot);

/* Writers: all keys of a table into an empty one that has room. */
void fdb_copy(struct fdb *to, const struct fdb *from);

/* The port of a key, with FDB_STATIC, or FDB_NONE. Any lcore. */
static __rte_always_inline uint32_t
fdb_lookup(const struct fdb *fdb, uint64_t key)
{
	const struct fdb_slot *slot;
	uint32_t at, port;
	uint64_t found;

	for (at = fdb_hash(fdb, key);; at = (at + 1) & fdb->mask) {
		slot = &fdb->slots[at];
		/* acquire: pairs with the release in fdb_add() */
		found = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
		if (likely(found == key)) {
			port = __atomic_load_n(&slot->port, __ATOMIC_ACQUIRE);
			/* else the slot was given to another key meanwhile */
			if (likely(__atomic_load_n(&slot->key, __ATOMIC_RELAXED) == key))
				return port;
		}
		if (found == 0)
			return FDB_NONE;
	}
}

#endif /* VEB_FDB_H */
