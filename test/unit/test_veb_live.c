/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Members come, change and go while two lcores forward for others: none of the others' frames is
 * lost, nothing of those that left is touched, nothing of them stays.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "compat.h"
#include "veb_rig.h"

#define ROUNDS 1000
#define LCORES 2

/* A member whose frames are made as they are received, and counted as they are sent. */
struct source {
	struct veb_member *member;
	struct rig_frame frames[3]; /* one after the other */
	unsigned int nb_frames;
	unsigned int next;
	/* by the lcore that receives */
	uint64_t unicast, groups;
	/* of who sends to it, one lcore at a time; from 02:00:00:00:00:0N, N below 8 */
	uint64_t got[8];
	uint64_t others;
};

struct worker {
	struct live *live;
	struct veb_lcore *lcore;
	unsigned int index;
	pthread_t thread;
	struct source *own;   /* the member that it polls */
	struct source *guest; /* atomic: who comes and goes, or NULL */
	uint64_t rounds;      /* atomic */
};

struct live {
	struct rte_rcu_qsbr *qsbr;
	struct veb *veb;
	struct worker workers[LCORES];
	struct source a, b, d;
	bool stop; /* atomic */
};

static uint16_t
source_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct source *s = priv;
	const struct rig_frame *f;
	uint16_t i;

	(void)queue;
	n = RTE_MIN(n, 4);
	for (i = 0; i < n && s->nb_frames != 0; i++) {
		f = &s->frames[s->next++ % s->nb_frames];
		pkts[i] = rig_mbuf(f);
		if (f->dst[0] == 0xff)
			s->groups++;
		else
			s->unicast++;
	}
	return i;
}

static uint16_t
source_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct source *s = priv;
	const uint8_t *data;
	uint16_t i;

	(void)queue;
	for (i = 0; i < n; i++) {
		data = rte_pktmbuf_mtod(pkts[i], const uint8_t *);
		if (data[11] < RTE_DIM(s->got))
			s->got[data[11]]++;
		else
			s->others++;
	}
	return n;
}

static const struct veb_ops source_ops = {
	.receive = source_receive,
	.send = source_send,
	.copies = true,
};

static void
join_bridge(struct live *live, struct source *s, const struct veb_rules *rules)
{
	const struct veb_member_conf conf = { .name = "m",
		.ops = &source_ops,
		.priv = s,
		.nb_rxq = 1,
		.nb_txq = 1,
		.socket = SOCKET_ID_ANY,
		.rules = *rules };

	assert_int_equal(veb_member_add(live->veb, &conf, &s->member), 0);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct rte_rcu_qsbr *qsbr = w->live->qsbr;
	const struct source *guest;

	rte_rcu_qsbr_thread_online(qsbr, w->index);
	while (!__atomic_load_n(&w->live->stop, __ATOMIC_RELAXED)) {
		veb_lcore_tick(w->lcore, rte_get_tsc_cycles());
		veb_poll(w->lcore, w->own->member, 0);
		guest = __atomic_load_n(&w->guest, __ATOMIC_ACQUIRE);
		if (guest != NULL)
			veb_poll(w->lcore, guest->member, 0);
		rte_rcu_qsbr_quiescent(qsbr, w->index);
		__atomic_fetch_add(&w->rounds, 1, __ATOMIC_RELAXED);
		/* there may be fewer processors than threads */
		sched_yield();
	}
	rte_rcu_qsbr_thread_offline(qsbr, w->index);
	return NULL;
}

static void
begin(struct live *live)
{
	struct veb_conf conf = { .mtu = RIG_MTU,
		.max_members = 16,
		.nb_lcores = LCORES,
		.pool = rig_pool,
		.socket = SOCKET_ID_ANY };
	unsigned int i;

	memset(live, 0, sizeof(*live));
	assert_int_equal(posix_memalign((void **)&live->qsbr, RTE_CACHE_LINE_SIZE,
					 rte_rcu_qsbr_get_memsize(LCORES)),
			0);
	assert_int_equal(rte_rcu_qsbr_init(live->qsbr, LCORES), 0);
	conf.qsbr = live->qsbr;
	assert_int_equal(veb_create(&conf, &live->veb), 0);
	for (i = 0; i < LCORES; i++) {
		live->workers[i].live = live;
		live->workers[i].index = i;
		live->workers[i].lcore = veb_lcore_create(i, SOCKET_ID_ANY);
		assert_non_null(live->workers[i].lcore);
		assert_int_equal(rte_rcu_qsbr_thread_register(live->qsbr, i), 0);
	}
}

static void
end(struct live *live)
{
	unsigned int i;

	for (i = 0; i < LCORES; i++) {
		veb_lcore_destroy(live->workers[i].lcore);
		rte_rcu_qsbr_thread_unregister(live->qsbr, i);
	}
	veb_destroy(live->veb);
	free(live->qsbr);
}

/* On every processor: EAL keeps this thread, and what it makes, on one. */
static void
start(struct live *live)
{
	pthread_attr_t attr;
	cpu_set_t all;
	unsigned int i;

	memset(&all, 0xff, sizeof(all));
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(all), &all);
	live->workers[0].own = &live->a;
	live->workers[1].own = &live->b;
	for (i = 0; i < LCORES; i++)
		assert_int_equal(pthread_create(&live->workers[i].thread, &attr, work,
						 &live->workers[i]),
				0);
	pthread_attr_destroy(&attr);
}

static void
end_workers(struct live *live)
{
	unsigned int i;

	__atomic_store_n(&live->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < LCORES; i++)
		pthread_join(live->workers[i].thread, NULL);
}

/* Both lcores have polled whatever they poll now. */
static void
let_them_work(struct live *live)
{
	uint64_t seen[LCORES];
	unsigned int i;

	for (i = 0; i < LCORES; i++)
		seen[i] = __atomic_load_n(&live->workers[i].rounds, __ATOMIC_RELAXED);
	for (i = 0; i < LCORES; i++)
		while (__atomic_load_n(&live->workers[i].rounds, __ATOMIC_RELAXED) < seen[i] + 2)
			sched_yield();
}

static void
come_and_go(struct live *live, unsigned int round)
{
	struct worker *w = &live->workers[round % LCORES];
	struct source *guest = calloc(1, sizeof(*guest));
	struct veb_rules rules = rig_rules(9);

	assert_non_null(guest);
	guest->frames[0] = rig_unicast(9, 3);
	guest->frames[1] = rig_group(9, true);
	guest->frames[2] = rig_unicast(10, 1); /* to be learned */
	guest->nb_frames = 3;
	rules.trust = true;
	rules.max_macs = 4;
	rules.vlan = round % 8 == 7; /* now and then in a VLAN of its own */
	join_bridge(live, guest, &rules);
	__atomic_store_n(&w->guest, guest, __ATOMIC_RELEASE);
	if (round % 4 == 0)
		let_them_work(live);
	rules.isolated = true;
	assert_int_equal(veb_member_set(guest->member, &rules), 0);
	__atomic_store_n(&w->guest, NULL, __ATOMIC_RELEASE);
	veb_member_del(guest->member, NULL);
	/* whoever looked at it now would look at this */
	memset(guest, 0xa5, sizeof(*guest));
	free(guest);
}

/* What a and b sent, to d and to all, all got. */
static void
nothing_is_lost(struct live *live)
{
	assert_int_equal(live->d.got[1], live->a.unicast + live->a.groups);
	assert_int_equal(live->d.got[2], live->b.unicast + live->b.groups);
	assert_int_equal(live->b.got[1], live->a.groups);
	assert_int_equal(live->a.got[2], live->b.groups);
	assert_true(live->a.groups > 0 && live->b.unicast > 0);
	assert_true(live->d.others > 0 && live->a.others > 0);
}

static size_t
memory_in_use(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static void
members_come_and_go_under_traffic(void **state)
{
	const struct veb_rules rules_a = rig_rules(1), rules_b = rig_rules(2);
	struct veb_rules rules_d = rig_rules(3);
	static struct live live;
	unsigned int i;
	size_t memory;

	(void)state;
	begin(&live);
	live.a.frames[0] = rig_unicast(1, 3);
	live.a.frames[1] = rig_group(1, true);
	live.b.frames[0] = rig_unicast(2, 3);
	live.b.frames[1] = rig_group(2, true);
	live.a.nb_frames = live.b.nb_frames = 2;
	join_bridge(&live, &live.a, &rules_a);
	join_bridge(&live, &live.b, &rules_b);
	join_bridge(&live, &live.d, &rules_d);
	start(&live);
	let_them_work(&live);
	/* lists of both VLANs are there from then on */
	for (i = 0; i < 8; i++)
		come_and_go(&live, i);
	memory = memory_in_use();
	for (; i < ROUNDS; i++) {
		come_and_go(&live, i);
		rules_d.qos = i % 8;
		assert_int_equal(veb_member_set(live.d.member, &rules_d), 0);
		if (i % 64 == 0)
			veb_age(live.veb, rte_get_tsc_cycles());
	}
	assert_int_equal(memory_in_use(), memory);
	end_workers(&live);
	nothing_is_lost(&live);
	veb_member_del(live.d.member, NULL);
	veb_member_del(live.b.member, NULL);
	veb_member_del(live.a.member, NULL);
	end(&live);
	assert_int_equal(rte_mempool_avail_count(rig_pool), RIG_MBUFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_and_go_under_traffic),
	};

	return FILTER_RUN("veb_live", tests, veb_rig_eal, NULL);
}
