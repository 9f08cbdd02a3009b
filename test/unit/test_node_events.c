/* SPDX-License-Identifier: BSD-3-Clause */

/* Links, drivers, ports that come and go: what becomes of them is told. */

#include <sched.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_net.h>

#include "node_rig.h"

static struct node_error error;

static void
links_follow_the_port(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(1);
	struct virtio_net_config config;

	conf.link = VEB_LINK_UP;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_LINK, &error), 0);
	assert_int_equal(rte_eth_dev_set_link_down(r->port), 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_DOWN], 1);
	fk_config(r->drivers[0].rig.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status & VIRTIO_NET_S_LINK_UP, 0);
	fk_config(r->drivers[1].rig.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status & VIRTIO_NET_S_LINK_UP, VIRTIO_NET_S_LINK_UP);
	assert_int_equal(rte_eth_dev_set_link_up(r->port), 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_UP], 1);
	fk_config(r->drivers[0].rig.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status & VIRTIO_NET_S_LINK_UP, VIRTIO_NET_S_LINK_UP);
}

/* Each once, when it happens, and of nobody else. */
static void
what_becomes_of_who_is_told(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0);

	node_tick(r->node);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_ATTACHED], RIG_CONTAINERS);
	assert_int_equal(r->events[NODE_CONTAINER_DETACHED], 0);
	assert_int_equal(r->events[NODE_CONTAINER_UP], 0); /* from the start on */
	node_rig_undrive(r, 2);
	node_tick(r->node);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_DETACHED], 1);
	assert_int_equal(r->events[NODE_CONTAINER_ATTACHED], RIG_CONTAINERS);
	/* links: one that is set, those that follow */
	conf.link = VEB_LINK_DOWN;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_LINK, &error), 0);
	assert_int_equal(r->events[NODE_CONTAINER_DOWN], 1);
	assert_int_equal(rte_eth_dev_set_link_down(r->port), 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_DOWN], RIG_CONTAINERS);
	assert_int_equal(rte_eth_dev_set_link_up(r->port), 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_UP], RIG_CONTAINERS - 1);
	assert_int_equal(r->events[NODE_CONTAINER_ATTACHED], RIG_CONTAINERS);
	assert_int_equal(r->events[NODE_CONTAINER_FAULT], 0);
}

static void
a_bad_ring_is_a_fault(void **state)
{
	struct node_rig *r = *state;
	struct mock_vq *vq = rig_tx(&r->drivers[0].rig);
	const struct rig_bytes f = node_rig_frame(1, 2);
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	unsigned int i;

	node_rig_send(r, 0, &f);
	__atomic_fetch_add(&vq->avail->idx, 2 * RIG_QUEUE_SIZE, __ATOMIC_RELEASE);
	node_rig_run(r);
	/* the control thread sees it */
	while (r->events[NODE_CONTAINER_FAULT] == 0 && time(NULL) < until) {
		sched_yield();
		node_tick(r->node);
	}
	for (i = 0; i < 3; i++)
		node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_FAULT], 1);
	assert_non_null(strstr(r->text, "c1: its device is failed: "));
	/* a reset is the end of it */
	node_rig_undrive(r, 0);
	node_tick(r->node);
	node_rig_drive(r, 0, 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_FAULT], 1);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
}

static void
an_unplugged_port_is_a_fault(void **state)
{
	struct node_rig *r = *state;
	unsigned int i;

	node_rig_removed = true;
	for (i = 0; i < 3; i++)
		node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_FAULT], 1);
	assert_int_equal(r->events[NODE_UPLINK_DOWN], 1);
	assert_int_equal(r->events[NODE_CONTAINER_DOWN], RIG_CONTAINERS);
	assert_non_null(strstr(r->text, ": its device is gone: "));
	/* who waits for the device has it */
	assert_true(r->port_out);
	assert_int_equal(node_rig_macs, 0);
}

/* Containers go on among themselves; with the device the link is there again, and so are filters.
 */
static void
a_port_comes_back(void **state)
{
	const struct rig_bytes inside = node_rig_frame(1, 2), outside = node_rig_frame(1, 99),
			       back = node_rig_frame(99, 1);
	struct node_network_conf network = { .name = "net0", .nb_uplinks = 1 };
	struct node_rig *r = *state;

	memcpy(network.uplinks[0], r->uplink, sizeof(network.uplinks[0]));
	node_rig_removed = true;
	node_tick(r->node);
	node_rig_send(r, 0, &outside);
	node_rig_run(r);
	node_rig_expect_none(r);
	assert_int_equal(node_network_set(r->node, &network, &error), 1);
	node_rig_back = true;
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_UP], 1);
	assert_int_equal(r->events[NODE_CONTAINER_UP], RIG_CONTAINERS);
	assert_int_equal(r->events[NODE_UPLINK_FAULT], 1);
	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
	node_rig_send(r, 0, &inside);
	node_rig_send(r, 0, &outside);
	node_rig_send_wire(r, &back);
	node_rig_run(r);
	node_rig_expect(r, 1, &inside);
	node_rig_expect(r, 0, &back);
	node_rig_expect_wire(r, &outside);
	/* and a second time */
	node_rig_back = false;
	node_rig_removed = true;
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_FAULT], 2);
	node_rig_back = true;
	node_tick(r->node);
	node_rig_send_wire(r, &back);
	node_rig_run(r);
	node_rig_expect(r, 0, &back);
}

static void
one_that_does_not_start_again_is_a_fault(void **state)
{
	struct node_rig *r = *state;

	node_rig_removed = true;
	node_tick(r->node);
	node_rig_back = node_rig_refuses = true;
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_FAULT], 2);
	assert_non_null(strstr(r->text, ": its device is there again, and does not start: "));
	assert_true(r->port_out);
	assert_int_equal(node_rig_macs, 0);
	node_rig_refuses = false;
	node_tick(r->node);
	assert_int_equal(r->events[NODE_UPLINK_UP], 1);
	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
}

/* A network does without a port whose device is out, and has it no more. */
static void
a_port_that_is_out_can_be_taken_away(void **state)
{
	struct node_network_conf network = { .name = "net0" };
	struct node_rig *r = *state;

	node_rig_removed = true;
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_DOWN], RIG_CONTAINERS);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_UP], RIG_CONTAINERS);
	assert_int_equal(r->events[NODE_UPLINK_UP], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)
		NODE_TEST(links_follow_the_port),
		NODE_TEST(what_becomes_of_who_is_told),
		NODE_TEST(a_bad_ring_is_a_fault),
		NODE_TEST(an_unplugged_port_is_a_fault),
		NODE_TEST(a_port_comes_back),
		NODE_TEST(one_that_does_not_start_again_is_a_fault),
		NODE_TEST(a_port_that_is_out_can_be_taken_away),
	};

	return UNIT_RUN("node_events", tests);
}
