/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the bridge costs: members that copy frames out of their memory and into it, as VDUSE devices
 * do, with the bridge between them and without.
 *
 *   bench-veb EAL-OPTIONS -- [ROUNDS]
 *
 * A ratio is that of two ways which take turns, the median of all rounds; cycles are those of a
 * frame.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_mbuf.h>

#include "begin.h"
#include "fdb.h"
#include "median.h"
#include "members.h"

#define GROUP  64
#define BURSTS 4096
#define ROUNDS 15

static struct veb_lcore *lcore;

/* Without the bridge: what one sends is another's. */
static void
plain(void)
{
	struct rte_mbuf *pkts[VEB_BURST];
	uint16_t n = members_receive(&members[0], 0, pkts, VEB_BURST);

	members_send(&members[1], 0, pkts, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
bridged(void)
{
	veb_poll(lcore, members[0].veb, 0);
}

/* A frame that gets a tag, as towards an uplink. */
#define TAGGED 2

static void
tagged(void)
{
	veb_poll(lcore, members[TAGGED].veb, 0);
}

static uint32_t turn, turns;

/* Each member in turn. */
static void
all_bridged(void)
{
	veb_poll(lcore, members[turn].veb, 0);
	turn = turn + 1 == turns ? 0 : turn + 1;
}

/* The same without the bridge: who gets a frame is known before. */
static void
all_plain(void)
{
	struct rte_mbuf *pkts[VEB_BURST];
	struct member *m = &members[turn];
	uint32_t next = m->next;
	uint16_t i, n = members_receive(m, 0, pkts, VEB_BURST);

	for (i = 0; i < n; i++)
		members_send(&members[m->peers[next++ % MEMBER_HEADERS]], 0, &pkts[i], 1);
	rte_pktmbuf_free_bulk(pkts, n);
	turn = turn + 1 == turns ? 0 : turn + 1;
}

/* A burst for as many members as the group has, one call each. */
static void
group_plain(void)
{
	struct rte_mbuf *pkts[VEB_BURST];
	uint16_t n = members_receive(&members[0], 0, pkts, VEB_BURST);
	unsigned int i;

	for (i = 1; i < GROUP; i++)
		members_send(&members[i], 0, pkts, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

static uint64_t
time_of(void (*way)(void), unsigned int bursts)
{
	const uint64_t start = rte_rdtsc_precise();
	unsigned int i;

	for (i = 0; i < bursts; i++)
		way();
	return rte_rdtsc_precise() - start;
}

/* of: cycles of a frame, by each way. */
static double
ratio(void (*a)(void), void (*b)(void), unsigned int bursts, unsigned int rounds, double of[2])
{
	double values[rounds], cycles[2][rounds];
	unsigned int i;

	memset(values, 0, sizeof(values));
	memset(cycles, 0, sizeof(cycles));
	for (i = 0; i < rounds; i++) {
		cycles[0][i] = (double)time_of(a, bursts) / bursts / VEB_BURST;
		cycles[1][i] = (double)time_of(b, bursts) / bursts / VEB_BURST;
		values[i] = cycles[0][i] / cycles[1][i];
	}
	of[0] = median(cycles[0], rounds);
	of[1] = median(cycles[1], rounds);
	return median(values, rounds);
}

static struct veb *
bridge(uint32_t n, uint32_t len, uint32_t peers)
{
	return members_bridge(&(struct members_conf){
			.n = n, .len = len, .peers = peers, .nb_lcores = 1, .nb_txq = 1 });
}

static void
pair(uint32_t len, unsigned int rounds)
{
	struct veb *veb = bridge(2, len, 2);
	double of[2], more = ratio(bridged, plain, BURSTS, rounds, of);

	printf("pair size=%" PRIu32 " bridge/plain=%.2f cycles=%.1f plain=%.1f\n", len, more, of[0],
			of[1]);
	members_end(veb, 2);
}

/* From one with an access VLAN to one that has all of them, beside two without. */
static void
tag(unsigned int rounds)
{
	struct members_conf conf = { .len = 64, .peers = TAGGED, .nb_lcores = 1, .nb_txq = 1 };
	struct veb_vlans all = { { 0 } };
	struct veb *with = members_bridge(&conf), *without;
	double of[2], more;

	memset(&all, 0xff, sizeof(all));
	all.bits[63] >>= 1; /* 4095 is none */
	conf.vlan = 100;
	members_add(with, &conf, TAGGED, &members_ops);
	members_aim(&members[TAGGED], TAGGED + 1);
	conf.vlan = 0;
	conf.trunk = &all;
	members_add(with, &conf, TAGGED + 1, &members_ops);
	without = bridge(2, 64, 2);
	more = ratio(tagged, bridged, BURSTS, rounds, of);
	printf("tag size=64 tagged/bridge=%.2f cycles=%.1f bridge=%.1f\n", more, of[0], of[1]);
	members_end(without, 2);
	veb_member_del(members[TAGGED + 1].veb, NULL);
	veb_member_del(members[TAGGED].veb, NULL);
	veb_destroy(with);
}

static void
all_to_all(unsigned int rounds)
{
	static const uint32_t counts[] = { 2, 16, 256, 1024 };
	double two = 0, more, of[2];
	struct veb *veb;
	unsigned int i;

	for (i = 0; i < RTE_DIM(counts); i++) {
		veb = bridge(counts[i], 64, counts[i]);
		turn = 0;
		turns = counts[i];
		more = ratio(all_bridged, all_plain, BURSTS, rounds, of);
		two = i == 0 ? of[0] : two;
		printf("all-to-all members=%" PRIu32
		       " of-two=%.2f bridge/plain=%.2f cycles=%.1f plain=%.1f\n",
				counts[i], of[0] / two, more, of[0], of[1]);
		members_end(veb, counts[i]);
	}
}

static void
group(unsigned int rounds)
{
	struct veb *veb = bridge(GROUP, 64, 0);
	double of[2], more = ratio(bridged, group_plain, BURSTS / GROUP, rounds, of);

	printf("broadcast members=%d bridge/plain=%.2f cycles=%.1f\n", GROUP, more,
			of[0] / (GROUP - 1));
	members_end(veb, GROUP);
}

static struct rte_hash *hash;
static struct fdb *fdb;
static uint64_t found;

static void
look_up_hash(void)
{
	uint64_t key;
	void *data;
	uint32_t i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		key = fdb_key(0, (uint64_t)i << 40 | 2);
		if (rte_hash_lookup_data(hash, &key, &data) >= 0)
			found += (uintptr_t)data;
	}
}

static void
look_up_fdb(void)
{
	uint32_t i;

	for (i = 0; i < MEMBERS_MAX; i++)
		found += fdb_lookup(fdb, fdb_key(0, (uint64_t)i << 40 | 2));
}

static void
table(unsigned int rounds)
{
	const struct rte_hash_parameters params = { .name = "t",
		.entries = 2 * MEMBERS_MAX,
		.key_len = sizeof(uint64_t),
		.hash_func = rte_hash_crc,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF };
	double of[2], more;
	uint64_t key;
	uint32_t i;

	hash = rte_hash_create(&params);
	fdb = fdb_create(MEMBERS_MAX, SOCKET_ID_ANY);
	if (hash == NULL || fdb == NULL)
		rte_panic("no table\n");
	for (i = 0; i < MEMBERS_MAX; i++) {
		key = fdb_key(0, (uint64_t)i << 40 | 2);
		rte_hash_add_key_data(hash, &key, (void *)(uintptr_t)i);
		fdb_add(fdb, key, i, 0);
	}
	more = ratio(look_up_hash, look_up_fdb, 64, rounds, of);
	printf("table keys=%d rte_hash/ours=%.2f\n", MEMBERS_MAX, more);
	fdb_destroy(fdb);
	rte_hash_free(hash);
}

int
main(int argc, char *argv[])
{
	const unsigned int rounds = bench_begin(argc, argv, ROUNDS);

	members_init();
	lcore = veb_lcore_create(0, SOCKET_ID_ANY);
	if (lcore == NULL)
		rte_panic("no memory: give EAL more\n");
	pair(64, rounds);
	pair(1500, rounds);
	tag(rounds);
	all_to_all(rounds);
	group(rounds);
	table(rounds);
	rte_eal_cleanup();
	return found == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
