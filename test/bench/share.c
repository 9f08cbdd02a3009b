/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it costs that two lcores send to one container: each of them has a sender, and both are
 * joined to the receiver by the bridge.
 *
 *   bench-share EAL-OPTIONS -- [ROUNDS]       with two lcores
 *
 * The ways, in turns:
 *   own   the receiver has a queue for each lcore
 *   lock  it has one, and the bridge takes its lock
 *   ring  the one lcore hands its frames to the other by a ring of pointers, which sends them
 * and with one lcore that sends: own, and lock, which nobody else takes.
 * Cycles are those of a burst of frames: of both lcores, without waiting for room in the ring; and
 * of the clock, which is how fast it goes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "begin.h"
#include "median.h"
#include "members.h"

#define BURSTS 16384
#define ROUNDS 15
#define ROOM   1024 /* frames in the ring */

/* Numbers of members: who sends, for each lcore, who receives, and who stands for it at the ring.
 */
enum { FIRST, SECOND, RECEIVER, HANDS_OVER };

static const struct way {
	const char *name;
	uint16_t nb_lcores, nb_txq; /* of the bridge, and of the receiver */
	unsigned int sides;
	bool ring;
} ways[] = {
	{ "own", 2, 2, 2, false },
	{ "lock", 2, 1, 2, false },
	{ "ring", 2, 2, 2, true },
	{ "own-one-sends", 1, 1, 1, false },
	{ "lock-one-sends", 2, 1, 1, false },
};

static struct side {
	struct veb_lcore *lcore;
	unsigned int sends; /* member */
	uint64_t busy;      /* cycles of its bursts */
	const struct way *way;
} sides[2];

static struct rte_ring *ring;
static unsigned int arrived; /* atomic; sides that can begin */

static uint16_t
hand_over(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)priv;
	(void)queue;
	return (uint16_t)rte_ring_sp_enqueue_burst(ring, (void **)pkts, n, NULL);
}

static const struct veb_ops hand_over_ops = { .receive = members_receive, .send = hand_over };

/* What the other lcore handed over. Return: how many frames. */
static unsigned int
take_over(struct side *side)
{
	struct rte_mbuf *pkts[VEB_BURST];
	uint64_t start = rte_rdtsc();
	const unsigned int n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, VEB_BURST, NULL);

	if (n == 0)
		return 0;
	members_send(&members[RECEIVER], 0, pkts, (uint16_t)n);
	rte_pktmbuf_free_bulk(pkts, n);
	side->busy += rte_rdtsc() - start;
	return n;
}

static void
send_burst(struct side *side)
{
	const uint64_t start = rte_rdtsc();

	veb_poll(side->lcore, members[side->sends].veb, 0);
	side->busy += rte_rdtsc() - start;
}

static int
run(void *arg)
{
	struct side *side = arg;
	const bool ring_used = side->way->ring, first = side == &sides[0];
	unsigned int i, taken = 0;

	__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < side->way->sides)
		rte_pause();
	for (i = 0; i < BURSTS; i++) {
		while (ring_used && !first && rte_ring_free_count(ring) < VEB_BURST)
			rte_pause();
		send_burst(side);
		if (ring_used && first)
			taken += take_over(side);
	}
	while (ring_used && first && taken < BURSTS * VEB_BURST)
		taken += take_over(side);
	return 0;
}

/* Return: the bridge of the second lcore, where that is one of its own. */
static struct veb *
make(const struct way *way, uint32_t len, struct veb **veb)
{
	struct members_conf conf = { .n = RECEIVER + 1,
		.len = len,
		.peers = RECEIVER + 1,
		.nb_lcores = way->nb_lcores,
		.nb_txq = way->nb_txq };
	struct veb *second = NULL;

	if (way->ring) {
		conf.n = 0;
		second = members_bridge(&conf);
		members_add(second, &conf, SECOND, &members_ops);
		members_add(second, &conf, HANDS_OVER, &hand_over_ops);
	}
	*veb = members_bridge(&conf);
	if (way->ring) {
		members_add(*veb, &conf, FIRST, &members_ops);
		members_add(*veb, &conf, RECEIVER, &members_ops);
	}
	members_aim(&members[FIRST], RECEIVER);
	members_aim(&members[SECOND], way->ring ? HANDS_OVER : RECEIVER);
	return second;
}

static void
unmake(struct veb *veb, struct veb *second)
{
	if (second == NULL) {
		members_end(veb, RECEIVER + 1);
		return;
	}
	veb_member_del(members[HANDS_OVER].veb, NULL);
	veb_member_del(members[SECOND].veb, NULL);
	members_end(second, 0);
	veb_member_del(members[RECEIVER].veb, NULL);
	veb_member_del(members[FIRST].veb, NULL);
	members_end(veb, 0);
}

/* of: cycles of a burst, of the lcores and of the clock. */
static void
measure(const struct way *way, uint32_t len, double of[2])
{
	const unsigned int worker = rte_get_next_lcore(-1, 1, 0);
	struct veb *veb, *second = make(way, len, &veb);
	unsigned int i;
	uint64_t start;

	arrived = 0;
	for (i = 0; i < way->sides; i++) {
		sides[i].busy = 0;
		sides[i].sends = i == 0 ? FIRST : SECOND;
		sides[i].way = way;
	}
	if (way->sides > 1)
		rte_eal_remote_launch(run, &sides[1], worker);
	start = rte_rdtsc();
	run(&sides[0]);
	rte_eal_wait_lcore(worker);
	of[1] = (double)(rte_rdtsc() - start) / BURSTS / way->sides;
	of[0] = (double)(sides[0].busy + sides[1].busy * (way->sides - 1)) / BURSTS / way->sides;
	unmake(veb, second);
}

static void
share(uint32_t len, unsigned int rounds)
{
	double busy[RTE_DIM(ways)][rounds], wall[RTE_DIM(ways)][rounds], of[2];
	unsigned int round, i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < RTE_DIM(ways); i++) {
			measure(&ways[i], len, of);
			busy[i][round] = of[0];
			wall[i][round] = of[1];
		}
	}
	for (i = 0; i < RTE_DIM(ways); i++)
		printf("share size=%" PRIu32 " way=%s cycles=%.0f clock=%.0f\n", len, ways[i].name,
				median(busy[i], rounds), median(wall[i], rounds));
}

int
main(int argc, char *argv[])
{
	const unsigned int rounds = bench_begin(argc, argv, ROUNDS);

	if (rte_lcore_count() != 2)
		rte_panic("two lcores are wanted: -l 0,1\n");
	members_init();
	ring = rte_ring_create("share", ROOM, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	sides[0].lcore = veb_lcore_create(0, SOCKET_ID_ANY);
	sides[1].lcore = veb_lcore_create(1, SOCKET_ID_ANY);
	if (ring == NULL || sides[0].lcore == NULL || sides[1].lcore == NULL)
		rte_panic("no memory: give EAL more\n");
	share(64, rounds);
	share(1500, rounds);
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
