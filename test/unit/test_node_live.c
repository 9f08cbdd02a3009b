/* SPDX-License-Identifier: BSD-3-Clause */

/* A node whose worker lcore forwards, sleeps and wakes while the main lcore changes what is there.
 */

#include <sched.h>
#include <string.h>
#include <time.h>

#include "node_rig.h"

#define ROUNDS 50
#define BATCH  16

static struct node_error error;

/* The next frame of container n, as soon as the lcore has brought it. */
static void
wait_for(struct node_rig *r, unsigned int n, const struct rig_bytes *wanted)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct rig_bytes got;

	while (!node_rig_get(r, n, &got)) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
	assert_int_equal(got.len, wanted->len);
	assert_memory_equal(got.data, wanted->data, got.len);
}

static void
a_worker_forwards(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2), g = node_rig_frame(2, 0);

	assert_int_equal(r->node->workers.nb, 1);
	assert_false(r->node->workers.on_main);
	node_rig_send(r, 0, &f);
	node_rig_kick(r, 0);
	wait_for(r, 1, &f);
	node_rig_send(r, 1, &g);
	node_rig_kick(r, 1);
	wait_for(r, 0, &g);
	wait_for(r, 2, &g);
}

static void
on_load(void *arg, const struct node_load *load)
{
	if (strcmp(load->name, "c2") == 0)
		*(struct node_load *)arg = *load;
}

/* While the lcore polls them. */
static void
how_full_rings_are_is_seen(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct node_load load = { 0 };
	int32_t room;

	/* that a driver is there */
	node_tick(r->node);
	node_loads(r->node, on_load, &load);
	assert_true(load.attached);
	assert_true(load.room.size > 0 && load.waits.size > 0);
	assert_int_equal(load.waits.fill, 0);
	room = load.room.fill;
	assert_in_range(room, 1, load.room.size);
	node_rig_send(r, 0, &f);
	node_rig_kick(r, 0);
	wait_for(r, 1, &f);
	node_loads(r->node, on_load, &load);
	assert_int_equal(load.stats.out, 1);
	assert_in_range(load.room.fill, room - 1, room);
}

static void
rings_of_all_pairs_are_added(void **state)
{
	const struct rte_vduse_net_fill largest = { .size = 32768, .fill = 32768 };
	const struct rte_vduse_net_fill none = { .size = 0, .fill = -1 };
	const struct rte_vduse_net_fill hidden = { .size = 64, .fill = -1 };
	struct node_ring sum = { 0 };

	(void)state;
	load_add_ring(&sum, &largest);
	load_add_ring(&sum, &none);
	load_add_ring(&sum, &largest);
	assert_int_equal(sum.size, 65536);
	assert_int_equal(sum.fill, 65536);
	load_add_ring(&sum, &hidden);
	assert_int_equal(sum.size, 65600);
	assert_int_equal(sum.fill, -1);
	load_add_ring(&sum, &largest);
	assert_int_equal(sum.fill, -1);
}

static bool
all_sleep(const struct node_rig *r)
{
	unsigned int i;
	char name[8];

	for (i = 0; i < RIG_CONTAINERS; i++) {
		snprintf(name, sizeof(name), "c%u", i + 1);
		if (!__atomic_load_n(&node_find_container(r->node, name)->seats[0].asleep,
				    __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

/* Again and again: no kick is lost, whatever the lcore was about to do. */
static void
a_kick_wakes_it(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		while (i % 2 == 0 && !all_sleep(r)) {
			assert_true(time(NULL) < until);
			sched_yield();
		}
		node_rig_send(r, 0, &f);
		node_rig_kick(r, 0);
		wait_for(r, 1, &f);
	}
	assert_true(__atomic_load_n(&r->node->workers.of[0].sleeps, __ATOMIC_RELAXED) > 0);
	assert_true(node_progress(r->node));
}

/* The lcore writes what this one reads; a kick that wakes it is always timed. */
static void
times_are_measured_meanwhile(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct histogram sums[LATENCY_KINDS];
	uint64_t kicks = 0, frames = 0;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(node_latency(r->node, "c1", sums, &error), 0);
		while (!all_sleep(r)) {
			assert_true(time(NULL) < until);
			sched_yield();
		}
		node_rig_send(r, 0, &f);
		node_rig_kick(r, 0);
		wait_for(r, 1, &f);
	}
	/* it was given before it was counted */
	while (kicks != ROUNDS || frames != ROUNDS) {
		assert_true(time(NULL) < until);
		assert_int_equal(node_latency(r->node, "c1", sums, &error), 0);
		for (i = kicks = frames = 0; i < HISTOGRAM_BUCKETS; i++) {
			kicks += sums[LATENCY_KICK].of[i];
			frames += sums[LATENCY_OUT].of[i];
		}
	}
	assert_true(sums[LATENCY_KICK].max > 0 && sums[LATENCY_OUT].max > 0);
	assert_true(sums[LATENCY_OUT].sum <= ROUNDS * sums[LATENCY_OUT].max);
}

/* All seats are left, and the lcore looks at them all the same. */
static void
it_stays_awake_where_it_is_to(void **state)
{
	struct node_rig *r = *state;
	struct worker *w = &r->node->workers.of[0];
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	uint64_t rounds;

	while (!all_sleep(r)) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
	rounds = __atomic_load_n(&w->rounds, __ATOMIC_RELAXED);
	while (__atomic_load_n(&w->rounds, __ATOMIC_RELAXED) - rounds < ROUNDS) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
	assert_int_equal(__atomic_load_n(&w->sleeps, __ATOMIC_RELAXED), 0);
}

static void
others_lose_nothing_where_one_is_removed(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(1);
	struct rig_bytes f = node_rig_frame(1, 3);
	unsigned int i, k;

	for (i = 0; i < ROUNDS; i++) {
		node_rig_undrive(r, 1);
		for (k = 0; k < BATCH; k++) {
			f.data[30] = k;
			node_rig_send(r, 0, &f);
		}
		node_rig_kick(r, 0);
		assert_int_equal(node_container_del(r->node, "c2", &error), 0);
		assert_int_equal(node_container_add(r->node, &conf, &error), 0);
		node_rig_drive(r, 1, 0);
		for (k = 0; k < BATCH; k++) {
			f.data[30] = k;
			wait_for(r, 2, &f);
		}
		if (i % 10 == 0)
			node_rebalance(r->node, NULL, &error);
	}
}

int
main(void)
{
	static char lcores[] = "--lcores=0@0,1@0";
	const struct CMUnitTest tests[] = {
#define LIVE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup_live, node_rig_teardown)
		LIVE_TEST(a_worker_forwards),
		LIVE_TEST(how_full_rings_are_is_seen),
		cmocka_unit_test(rings_of_all_pairs_are_added),
		LIVE_TEST(a_kick_wakes_it),
		LIVE_TEST(times_are_measured_meanwhile),
		LIVE_TEST(others_lose_nothing_where_one_is_removed),
		cmocka_unit_test_setup_teardown(it_stays_awake_where_it_is_to, node_rig_setup_awake,
				node_rig_teardown),
	};

	unit_lcores = lcores;
	return UNIT_RUN("node_live", tests);
}
