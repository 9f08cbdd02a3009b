/* SPDX-License-Identifier: BSD-3-Clause */

/* Which lcore polls what: a port with as many queues as there are worker lcores, and containers. */

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "node_rig.h"

#define ROUNDS 30
/* Frames of each flow at a time: three of them are less than a driver has buffers. */
#define BATCH 16

static struct node_error error;

#define assert_error(call, ret, name, of)                 \
	do {                                              \
		error = (struct node_error){ .id = "" };  \
		assert_int_equal(call, ret);              \
		assert_string_equal(error.id, name);      \
		assert_string_equal(error.parameter, of); \
	} while (0)

/* The network as it is, with these lcores for itself; 0 ends them. */
static struct node_network_conf
with_lcores(const struct node_rig *r, ...)
{
	struct node_network_conf conf = { .name = "net0", .nb_uplinks = 1 };
	unsigned int lcore;
	va_list ap;

	memcpy(conf.uplinks[0], r->uplink, sizeof(conf.uplinks[0]));
	va_start(ap, r);
	while ((lcore = va_arg(ap, unsigned int)) != 0)
		conf.has_lcores = conf.lcores[lcore] = true;
	va_end(ap);
	return conf;
}

static struct container *
container(const struct node_rig *r, unsigned int n)
{
	char name[8];

	snprintf(name, sizeof(name), "c%u", n + 1);
	return node_find_container(r->node, name);
}

static unsigned int
lcore_of(const struct node_rig *r, unsigned int n)
{
	return container(r, n)->seats[0].worker->lcore;
}

static struct uplink *
port(const struct node_rig *r)
{
	return LIST_FIRST(&node_find_network(r->node, "net0")->uplinks);
}

static void
keep_uplink(void *arg, const struct node_uplink *uplink)
{
	*(struct node_uplink *)arg = *uplink;
}

/* Every lcore has one of the queues, and one of the containers. */
static void
all_are_spread(void **state)
{
	struct node_rig *r = *state;
	struct node_uplink shown;
	unsigned int i, has[RIG_QUEUES + 1] = { 0 };

	node_uplinks(r->node, keep_uplink, &shown);
	assert_int_equal(shown.queues, RIG_QUEUES);
	/* the other end of a ring chooses */
	assert_false(shown.rss);
	for (i = 0; i < RIG_QUEUES; i++) {
		has[shown.lcores[i]]++;
		has[lcore_of(r, i)]++;
	}
	for (i = 1; i <= RIG_QUEUES; i++)
		assert_int_equal(has[i], 2);
}

/* A batch of each flow, which is that of its queue. */
static void
send_flows(struct node_rig *r, uint32_t from)
{
	struct rig_bytes f = node_rig_frame(9, 1);
	uint32_t k;
	unsigned int q;

	for (k = from; k < from + BATCH; k++)
		for (q = 0; q < RIG_QUEUES; q++) {
			f.data[30] = q;
			memcpy(&f.data[32], &k, sizeof(k));
			node_rig_send_queue(r, q, &f);
		}
}

/* All of them, and each flow in its order. */
static void
expect_flows(struct node_rig *r, uint32_t from)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	uint32_t next[RIG_QUEUES], number;
	struct rig_bytes f;
	unsigned int left = BATCH * RIG_QUEUES, q;

	for (q = 0; q < RIG_QUEUES; q++)
		next[q] = from;
	while (left > 0) {
		assert_true(time(NULL) < until);
		if (!node_rig_get(r, 0, &f)) {
			sched_yield();
			continue;
		}
		q = f.data[30];
		assert_in_range(q, 0, RIG_QUEUES - 1);
		memcpy(&number, &f.data[32], sizeof(number));
		assert_int_equal(number, next[q]);
		next[q]++;
		left--;
	}
}

/* Three lcores into one container, and queues that move from lcore to lcore meanwhile. */
static void
each_flow_keeps_its_order(void **state)
{
	struct node_rig *r = *state;
	const struct node_network_conf confs[] = { with_lcores(r, 1, 0), with_lcores(r, 2, 3, 0),
		with_lcores(r, 3, 0), with_lcores(r, 0) };
	uint32_t round;

	for (round = 0; round < ROUNDS; round++) {
		send_flows(r, round * BATCH);
		if (round % 3 == 2)
			assert_int_equal(node_network_set(r->node, &confs[round / 3 % 4], &error),
					0);
		if (round % 12 == 11)
			assert_true(node_rebalance(r->node, NULL, &error) > 0);
		expect_flows(r, round * BATCH);
	}
	assert_int_equal(node_rig_stats(r, 0).drops[VEB_DROP_FULL], 0);
}

static unsigned int
seats_of(const struct node_rig *r, unsigned int lcore)
{
	return r->node->workers.of[lcore - 1].seats->n;
}

static void
add_network(struct node_rig *r, unsigned int lcore)
{
	struct node_network_conf conf = { .name = "net1" };

	conf.has_lcores = conf.lcores[lcore] = lcore != 0;
	assert_int_equal(node_network_add(r->node, &conf, &error), 0);
}

/* Nobody else's are served by them, from then on; and who had them has others. */
static void
lcores_are_reserved(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(7);
	struct node_network_conf network = with_lcores(r, 2, 0);
	unsigned int i;

	add_network(r, 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 1);
	assert_int_equal(seats_of(r, 1), 0);
	assert_int_equal(seats_of(r, 2), RIG_QUEUES + RIG_CONTAINERS);
	assert_int_equal(seats_of(r, 3), 0);
	snprintf(conf.network, sizeof(conf.network), "net1");
	assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	assert_int_equal(lcore_of(r, 7), 1);
	/* however busy its own is */
	port(r)->seats[0].recent = 1000000;
	assert_int_equal(node_rebalance(r->node, NULL, &error), 0);
	/* another network takes what that container had */
	network = with_lcores(r, 1, 2, 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(lcore_of(r, 7), 3);
	for (i = 0; i < RIG_CONTAINERS; i++)
		assert_int_equal(lcore_of(r, i), 2);
	assert_true(node_rebalance(r->node, NULL, &error) > 0);
	assert_int_equal(lcore_of(r, 7), 3);
	assert_int_equal(seats_of(r, 3), 1);
	/* given back */
	network = with_lcores(r, 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_container_del(r->node, "c8", &error), 0);
	conf = node_rig_conf(6);
	assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	assert_int_equal(lcore_of(r, 6), 3);
}

static void
what_cannot_be_reserved_is_said(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf conf = with_lcores(r, 4, 0);

	assert_error(node_network_set(r->node, &conf, &error), -EINVAL,
			"org.varlink.service.InvalidParameter", "lcores");
	assert_string_equal(error.text, "lcore 4 moves no frames: there are 1,2,3, by EAL's -l");
	/* the main lcore has other work */
	conf.lcores[0] = true;
	conf.lcores[4] = false;
	assert_error(node_network_set(r->node, &conf, &error), -EINVAL,
			"org.varlink.service.InvalidParameter", "lcores");
	add_network(r, 3);
	conf = with_lcores(r, 3, 0);
	assert_error(node_network_set(r->node, &conf, &error), -EBUSY, NODE_ID("Conflict"),
			"lcores");
	assert_string_equal(error.text,
			"lcore 3 is network net1's: there are 1,2 that no network has for itself");
	/* it is there as it was */
	assert_int_equal(seats_of(r, 3), 0);
	assert_false(node_find_network(r->node, "net0")->conf.has_lcores);
	/* one of them is to be left for who shares */
	snprintf(conf.name, sizeof(conf.name), "net2");
	conf.nb_uplinks = 0;
	conf.lcores[1] = conf.lcores[2] = true;
	conf.lcores[3] = false;
	assert_error(node_network_add(r->node, &conf, &error), -EBUSY, NODE_ID("Conflict"),
			"lcores");
	assert_non_null(strstr(error.text, "no lcore is left for network net0: leave one"));
	conf = with_lcores(r, 1, 2, 0);
	assert_int_equal(node_network_set(r->node, &conf, &error), 0);
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.name, sizeof(conf.name), "net2");
	assert_error(node_network_add(r->node, &conf, &error), -EBUSY, NODE_ID("Conflict"),
			"lcores");
	assert_non_null(strstr(error.text, "no lcore is left for network net2: leave one"));
	conf = with_lcores(r, 1, 0);
	assert_error(node_network_add(r->node, &conf, &error), -EEXIST, NODE_ID("Differs"),
			"lcores");
	assert_string_equal(error.text,
			"it is there with lcores 1-2, not 1: change it with set, or "
			"remove it first");
}

/* What comes goes to the lcore that moves the fewest frames; of those as quiet, to the one with the
 * fewest queues.
 */
static void
who_comes_goes_to_the_least_busy(void **state)
{
	struct node_rig *r = *state;
	const unsigned int busy[] = { lcore_of(r, 0), lcore_of(r, 1) };
	struct node_container_conf conf;
	unsigned int i;

	container(r, 0)->seats[0].recent = 50000;
	container(r, 1)->seats[0].recent = 90000;
	for (i = 4; i < 6; i++) {
		conf = node_rig_conf(i);
		assert_int_equal(node_container_add(r->node, &conf, &error), 0);
		assert_int_equal(lcore_of(r, i), lcore_of(r, 2));
	}
	container(r, 2)->seats[0].recent = 60000;
	conf = node_rig_conf(6);
	assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	assert_int_equal(lcore_of(r, 6), busy[0]);
}

/* What an lcore took is what is counted, and half of it a second later. */
static void
frames_of_a_second_are_counted(void **state)
{
	struct node_rig *r = *state;
	const struct uplink *u = port(r);
	unsigned int i;

	send_flows(r, 0);
	expect_flows(r, 0);
	r->node->weighed = 0;
	node_tick(r->node);
	for (i = 0; i < RIG_QUEUES; i++)
		assert_int_equal(u->seats[i].recent, BATCH / 2);
	/* not before that second is over */
	node_tick(r->node);
	assert_int_equal(u->seats[0].recent, BATCH / 2);
	r->node->weighed = 0;
	node_tick(r->node);
	assert_int_equal(u->seats[0].recent, BATCH / 4);
}

static void
the_busy_are_shared_out(void **state)
{
	struct node_rig *r = *state;
	const struct node_network_conf one = with_lcores(r, 1, 0), all = with_lcores(r, 0);
	unsigned int i;

	assert_int_equal(node_network_set(r->node, &one, &error), 0);
	assert_int_equal(node_network_set(r->node, &all, &error), 0);
	assert_int_equal(seats_of(r, 1), RIG_QUEUES + RIG_CONTAINERS);
	container(r, 0)->seats[0].recent = 90000;
	container(r, 1)->seats[0].recent = 80000;
	port(r)->seats[1].recent = 70000;
	add_network(r, 0);
	assert_int_equal(node_rebalance(r->node, "net1", &error), 0);
	assert_error(node_rebalance(r->node, "net2", &error), -ENOENT, NODE_ID("NoSuchNetwork"),
			"network");
	assert_in_range(node_rebalance(r->node, "net0", &error), 2, 5);
	assert_int_not_equal(lcore_of(r, 0), lcore_of(r, 1));
	assert_int_not_equal(lcore_of(r, 0), port(r)->seats[1].worker->lcore);
	assert_int_not_equal(lcore_of(r, 1), port(r)->seats[1].worker->lcore);
	/* what is well as it is stays */
	assert_int_equal(node_rebalance(r->node, NULL, &error), 0);
	/* and all go on */
	for (i = 0; i < 3; i++) {
		send_flows(r, i * BATCH);
		expect_flows(r, i * BATCH);
	}
}

int
main(void)
{
	static char lcores[] = "--lcores=0@0,1@0,2@0,3@0";
	const struct CMUnitTest tests[] = {
#define LCORES_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup_queues, node_rig_teardown)
		LCORES_TEST(all_are_spread),
		LCORES_TEST(each_flow_keeps_its_order),
		LCORES_TEST(lcores_are_reserved),
		LCORES_TEST(what_cannot_be_reserved_is_said),
		LCORES_TEST(who_comes_goes_to_the_least_busy),
		LCORES_TEST(frames_of_a_second_are_counted),
		LCORES_TEST(the_busy_are_shared_out),
	};

	unit_lcores = lcores;
	return UNIT_RUN("node_lcores", tests);
}
