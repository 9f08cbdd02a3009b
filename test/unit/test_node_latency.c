/* SPDX-License-Identifier: BSD-3-Clause */

/* How long frames are here, and kicks wait: by a clock that the test moves, so to the nanosecond.
 */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "node_rig.h"

#define NSEC 1000000000.0

static struct node_error error;
static struct histogram sums[LATENCY_KINDS];

/* Cycles of a microsecond, and what becomes of cycles in a histogram. */
static uint64_t
usec(void)
{
	return rte_get_tsc_hz() / 1000000;
}

static uint64_t
ns_of(uint64_t cycles)
{
	return (uint64_t)((double)cycles * NSEC / (double)rte_get_tsc_hz());
}

static void
look(struct node_rig *r, const char *name)
{
	if (node_latency(r->node, name, sums, &error) != 0)
		fail_msg("%s: %s", name, error.text);
}

static uint64_t
count(enum latency_kind kind)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += sums[kind].of[i];
	return n;
}

/* So many of each kind. */
static void
counts(struct node_rig *r, const char *name, const unsigned int *expected)
{
	unsigned int i;

	look(r, name);
	for (i = 0; i < LATENCY_KINDS; i++)
		assert_int_equal(count(i), expected[i]);
}

#define COUNTS(r, name, ...) counts(r, name, (const unsigned int[LATENCY_KINDS]){ __VA_ARGS__ })

/* n of a kind took so long. */
static void
took(enum latency_kind kind, uint64_t cycles, uint64_t n)
{
	assert_int_equal(sums[kind].of[histogram_bucket(ns_of(cycles))], n);
}

/* Once round, the clock goes on by so much at each look at it; then a while passes. */
static void
go(struct node_rig *r, uint64_t step)
{
	r->step = step;
	workers_round(&r->node->workers);
	r->step = 0;
}

static void
pass(struct node_rig *r)
{
	r->now += WORKER_SAMPLE_US * rte_get_tsc_hz() / US_PER_S + 1;
}

/* A frame from the first to the second, in a microsecond. */
static void
cross(struct node_rig *r, const struct rig_bytes *f)
{
	node_rig_send(r, 0, f);
	go(r, usec());
	node_rig_expect(r, 1, f);
}

static void
a_time_is_in_its_bucket(void **state)
{
	struct histogram h = { 0 }, sum = { 0 };
	unsigned int i;
	uint64_t most;

	(void)state;
	for (i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		most = histogram_most(i);
		assert_int_equal(histogram_bucket(most), i);
		assert_int_equal(histogram_bucket(most + 1), i + 1);
		/* an eighth apart at most */
		assert_true(most < 8 || 8 * (histogram_most(i + 1) - most) <= most + 1);
	}
	assert_int_equal(histogram_most(i), (UINT64_C(1) << HISTOGRAM_BITS) - 1);
	assert_int_equal(histogram_bucket(UINT64_C(1) << HISTOGRAM_BITS), i);
	assert_int_equal(histogram_bucket(UINT64_MAX), i);
	histogram_add(&h, 1000, 3);
	histogram_add(&h, 7, 2);
	histogram_merge(&sum, &h);
	histogram_merge(&sum, &h);
	assert_int_equal(sum.of[histogram_bucket(1000)], 6);
	assert_int_equal(histogram_most(histogram_bucket(1000)), 1023);
	assert_int_equal(sum.of[7], 4);
	assert_int_equal(sum.sum, 2 * 3014);
	assert_int_equal(sum.max, 1000);
}

/* From the poll that took it to the return of what gave it on; of both who ask. */
static void
a_frame_is_timed_from_ring_to_ring(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);

	COUNTS(r, "c2", 0, 0, 0);
	cross(r, &f);
	COUNTS(r, "c2", 1, 0, 0);
	took(LATENCY_IN, usec(), 1);
	assert_int_equal(sums[LATENCY_IN].max, ns_of(usec()));
	assert_int_equal(sums[LATENCY_IN].sum, ns_of(usec()));
	COUNTS(r, "c1", 0, 0, 0);
	pass(r);
	node_rig_send(r, 0, &f);
	cross(r, &f);
	node_rig_expect(r, 1, &f);
	COUNTS(r, "c2", 3, 0, 0);
	took(LATENCY_IN, usec(), 3);
	/* the clock is looked at for the receiver first */
	COUNTS(r, "c1", 0, 2, 0);
	took(LATENCY_OUT, 2 * usec(), 2);
	COUNTS(r, "c3", 0, 0, 0);
}

static void
one_that_goes_to_many_is_timed_for_each(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 0);

	look(r, "c1");
	cross(r, &f);
	node_rig_expect(r, 2, &f);
	node_rig_expect_wire(r, &f);
	COUNTS(r, "c1", 0, 3, 0);
	took(LATENCY_OUT, usec(), 1);
	took(LATENCY_OUT, 2 * usec(), 1);
	took(LATENCY_OUT, 3 * usec(), 1);
}

static void
an_uplink_is_timed(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(9, 1), g = node_rig_frame(1, 9);

	look(r, r->uplink);
	node_rig_send_wire(r, &f);
	go(r, usec());
	node_rig_expect(r, 0, &f);
	COUNTS(r, r->uplink, 0, 1, 0);
	took(LATENCY_OUT, usec(), 1);
	pass(r);
	node_rig_send(r, 0, &g);
	go(r, usec());
	node_rig_expect_wire(r, &g);
	COUNTS(r, r->uplink, 1, 1, 0);
	took(LATENCY_IN, usec(), 1);
}

/* It was here, and went nowhere. */
static void
what_is_dropped_is_not_timed(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2), spoofed = node_rig_frame(3, 2);
	struct rig_bytes got;
	unsigned int i, n = 0;

	look(r, "c1");
	look(r, "c2");
	node_rig_send(r, 0, &spoofed);
	go(r, usec());
	for (i = 0; i < 100; i++) {
		pass(r);
		node_rig_send(r, 0, &f);
		go(r, 0);
	}
	while (node_rig_get(r, 1, &got))
		n++;
	assert_in_range(n, 1, 99);
	COUNTS(r, "c1", 0, n, 0);
	COUNTS(r, "c2", n, 0, 0);
	assert_int_equal(node_rig_stats(r, 1).drops[VEB_DROP_FULL], 100 - n);
}

/* One round in so long, where there are more. */
static void
rounds_are_sampled(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	unsigned int i;

	look(r, "c2");
	for (i = 0; i < 3; i++) {
		node_rig_send(r, 0, &f);
		go(r, 0);
		node_rig_expect(r, 1, &f);
		COUNTS(r, "c2", 1, 0, 0);
	}
	/* rounds without a frame are none */
	pass(r);
	go(r, 0);
	node_rig_send(r, 0, &f);
	go(r, 0);
	node_rig_expect(r, 1, &f);
	COUNTS(r, "c2", 2, 0, 0);
}

/* One that does not give all it has taken at once. */
static struct {
	struct rig_bytes frame;
	unsigned int held, ready;
} slow;

static uint16_t
slow_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)priv;
	(void)queue;
	(void)n;
	if (slow.held == 0) {
		slow.held = slow.ready;
		slow.ready = 0;
	}
	if (slow.held == 0)
		return 0;
	slow.held--;
	pkts[0] = rte_pktmbuf_alloc(unit_pool);
	assert_non_null(pkts[0]);
	memcpy(rte_pktmbuf_append(pkts[0], slow.frame.len), slow.frame.data, slow.frame.len);
	return 1;
}

static uint16_t
slow_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)priv;
	(void)queue;
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static bool
slow_waits(void *priv, uint16_t queue)
{
	(void)priv;
	(void)queue;
	return slow.held != 0;
}

static const struct veb_ops slow_ops = {
	.receive = slow_receive,
	.send = slow_send,
	.waits = slow_waits,
};

static struct seat slow_seat;

static void
slow_comes(struct node_rig *r)
{
	struct veb_member_conf conf = { .name = "slow",
		.ops = &slow_ops,
		.nb_rxq = 1,
		.nb_txq = 1,
		.socket = SOCKET_ID_ANY,
		.rules.mac.addr_bytes = { 2, 0, 0, 0, 0, 7 } };

	slow.frame = node_rig_frame(7, 2);
	slow.held = slow.ready = 0;
	slow_seat = (struct seat){ .ops = &slow_ops };
	assert_int_equal(veb_member_add(node_find_network(r->node, "net0")->veb, &conf,
					 &slow_seat.member),
			0);
	assert_int_equal(worker_seat(&r->node->workers.of[0], &slow_seat, 1), 0);
}

static void
slow_goes(struct node_rig *r)
{
	assert_int_equal(worker_unseat(&r->node->workers.of[0], &slow_seat, 1), 0);
	veb_member_del(slow_seat.member, NULL);
}

/* A burst is timed until its last frame has left, in rounds that are not sampled, too; or not. */
static void
frames_that_wait_are_timed_from_when_they_were_taken(void **state)
{
	struct node_rig *r = *state;
	uint64_t begun;

	slow_comes(r);
	look(r, "c2");
	slow.ready = 3;
	begun = r->now;
	go(r, 0);
	COUNTS(r, "c2", 1, 0, 0);
	r->now = begun + 3 * usec();
	go(r, 0);
	r->now = begun + 9 * usec();
	go(r, 0);
	COUNTS(r, "c2", 3, 0, 0);
	took(LATENCY_IN, 0, 1);
	took(LATENCY_IN, 3 * usec(), 1);
	took(LATENCY_IN, 9 * usec(), 1);
	/* it was taken in a round that is not sampled; then one is */
	slow.ready = 2;
	go(r, 0);
	pass(r);
	go(r, 0);
	assert_int_equal(slow.held, 0);
	COUNTS(r, "c2", 3, 0, 0);
	slow_goes(r);
}

/* What waits since before is of another burst than was looked at last. */
static void
frames_that_were_taken_before_are_not_timed(void **state)
{
	struct node_rig *r = *state;

	slow_comes(r);
	look(r, "c2");
	slow.ready = 1;
	go(r, 0);
	COUNTS(r, "c2", 1, 0, 0);
	r->now += NODE_MEASURE_S * rte_get_tsc_hz();
	timings_look(r->node);
	assert_int_equal(r->node->workers.measures, 0);
	slow.ready = 2;
	go(r, 0);
	look(r, "c2");
	pass(r);
	go(r, 0);
	assert_int_equal(slow.held, 0);
	COUNTS(r, "c2", 0, 0, 0);
	slow_goes(r);
}

static void
fall_asleep(struct node_rig *r)
{
	const struct container *c = node_find_container(r->node, "c1");

	while (!c->seats[0].asleep) {
		r->now += rte_get_tsc_hz();
		go(r, 0);
	}
	pass(r);
}

static void
a_kick_is_timed_to_its_burst(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);

	look(r, "c1");
	fall_asleep(r);
	look(r, "c1");
	node_rig_send(r, 0, &f);
	node_rig_kick(r, 0);
	go(r, usec());
	node_rig_expect(r, 1, &f);
	COUNTS(r, "c1", 0, 1, 1);
	/* from when it was heard of; the port is polled before it */
	took(LATENCY_KICK, 2 * usec(), 1);
	took(LATENCY_OUT, usec(), 1);
}

static void
a_kick_for_nothing_is_none(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);

	look(r, "c1");
	fall_asleep(r);
	fk_kick(r->drivers[0].rig.dev, 1);
	go(r, usec());
	assert_false(node_find_container(r->node, "c1")->seats[0].asleep);
	/* while it is polled, a frame needs none */
	pass(r);
	cross(r, &f);
	COUNTS(r, "c1", 0, 1, 0);
}

/* It was heard of as nobody asked: when, is not known. */
static void
a_kick_before_is_not_timed(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);

	look(r, "c1");
	fall_asleep(r);
	fk_kick(r->drivers[0].rig.dev, 1);
	go(r, usec());
	r->node->timings.lh_first->until = r->now;
	timings_look(r->node);
	assert_int_equal(r->node->workers.measures, 0);
	look(r, "c1");
	node_rig_send(r, 0, &f);
	pass(r);
	go(r, usec());
	node_rig_expect(r, 1, &f);
	COUNTS(r, "c1", 0, 1, 0);
}

static void
nothing_is_measured_unasked(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	const uint64_t before = r->now;

	assert_int_equal(r->node->workers.measures, 0);
	node_rig_send(r, 0, &f);
	/* one look at the time, of the round */
	go(r, 1);
	assert_int_equal(r->now, before + 1);
	node_rig_expect(r, 1, &f);
	look(r, "c2");
	COUNTS(r, "c2", 0, 0, 0);
	assert_int_equal(r->node->workers.measures, WORKER_TIMES);
}

static void
it_ends_when_nobody_asks(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);

	look(r, "c1");
	node_rig_send(r, 0, &f);
	go(r, 0);
	node_rig_expect(r, 1, &f);
	r->now += NODE_MEASURE_S * rte_get_tsc_hz() - 1;
	look(r, "c2");
	node_tick(r->node);
	assert_int_equal(r->node->nb_timings, 2);
	r->now++;
	node_tick(r->node);
	assert_int_equal(r->node->nb_timings, 1);
	assert_int_equal(r->node->workers.measures, WORKER_TIMES);
	assert_null(node_find_container(r->node, "c1")->seats[0].latency);
	r->now += NODE_MEASURE_S * rte_get_tsc_hz();
	node_tick(r->node);
	assert_int_equal(r->node->nb_timings, 0);
	assert_int_equal(r->node->workers.measures, 0);
	/* anew, from nothing */
	COUNTS(r, "c1", 0, 0, 0);
}

static void
it_ends_with_the_container(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf none = { .name = "net0" };

	look(r, "c1");
	look(r, r->uplink);
	node_rig_undrive(r, 0);
	assert_int_equal(node_container_del(r->node, "c1", &error), 0);
	assert_int_equal(r->node->nb_timings, 1);
	assert_int_equal(node_network_set(r->node, &none, &error), 0);
	assert_int_equal(r->node->nb_timings, 0);
	assert_int_equal(node_latency(r->node, "c1", sums, &error), -ENOENT);
	assert_string_equal(error.id, "org.dpdk.vduse.NoSuchContainer");
	assert_string_equal(error.parameter, "name");
	assert_string_equal(error.text, "no container and no uplink c1: container show and network "
					"show list them");
}

static void
there_are_so_many_at_a_time(void **state)
{
	struct node_rig *r = *state;
	const struct node_network_conf other = { .name = "net1" };
	struct node_container_conf conf;
	unsigned int i;

	node_on_event(r->node, NULL, NULL);
	assert_int_equal(node_network_add(r->node, &other, &error), 0);
	for (i = RIG_CONTAINERS; i < NODE_TIMINGS_MAX + 1; i++) {
		conf = node_rig_conf(i);
		memcpy(conf.network, "net1", 5);
		assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	}
	for (i = 0; i < NODE_TIMINGS_MAX; i++)
		look(r, node_rig_conf(i).name);
	assert_int_equal(node_latency(r->node, node_rig_conf(i).name, sums, &error), -EBUSY);
	assert_string_equal(error.id, "org.dpdk.vduse.Busy");
	assert_non_null(strstr(error.text, "frames of 8 are timed, and of no more at a time"));
	for (i = RIG_CONTAINERS; i < NODE_TIMINGS_MAX + 1; i++)
		assert_int_equal(node_container_del(r->node, node_rig_conf(i).name, &error), 0);
	assert_int_equal(node_network_del(r->node, "net1", &error), 0);
}

/* Every ring has been looked up once: no frame waits for that later. */
static int
setup(void **state)
{
	struct node_rig *r;
	struct rig_bytes f;
	unsigned int i, k;

	if (node_rig_setup(state) != 0)
		return -1;
	r = *state;
	for (i = 0; i < RIG_CONTAINERS; i++) {
		f = node_rig_frame(i + 1, 0);
		node_rig_send(r, i, &f);
		node_rig_run(r);
		node_rig_expect_wire(r, &f);
		for (k = 0; k < RIG_CONTAINERS; k++)
			if (k != i)
				node_rig_expect(r, k, &f);
	}
	return 0;
}

#define LATENCY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_in_its_bucket),
		LATENCY_TEST(a_frame_is_timed_from_ring_to_ring),
		LATENCY_TEST(one_that_goes_to_many_is_timed_for_each),
		LATENCY_TEST(an_uplink_is_timed),
		LATENCY_TEST(what_is_dropped_is_not_timed),
		LATENCY_TEST(rounds_are_sampled),
		LATENCY_TEST(frames_that_wait_are_timed_from_when_they_were_taken),
		LATENCY_TEST(frames_that_were_taken_before_are_not_timed),
		LATENCY_TEST(a_kick_is_timed_to_its_burst),
		LATENCY_TEST(a_kick_for_nothing_is_none),
		LATENCY_TEST(a_kick_before_is_not_timed),
		LATENCY_TEST(nothing_is_measured_unasked),
		LATENCY_TEST(it_ends_when_nobody_asks),
		LATENCY_TEST(it_ends_with_the_container),
		LATENCY_TEST(there_are_so_many_at_a_time),
	};

	return UNIT_RUN("node_latency", tests);
}
