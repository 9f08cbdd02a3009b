/* SPDX-License-Identifier: BSD-3-Clause */

/* A node: three containers and a port, changed while frames move. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <rte_cycles.h>

#include "busy_lcore.h"
#include "node_rig.h"

static struct node_error error;

static void
each_reaches_each_and_the_wire(void **state)
{
	struct node_rig *r = *state;
	struct rig_bytes f;
	unsigned int i, k;

	for (i = 0; i < RIG_CONTAINERS; i++)
		for (k = 0; k < RIG_CONTAINERS; k++) {
			if (i == k)
				continue;
			f = node_rig_frame(i + 1, k + 1);
			node_rig_send(r, i, &f);
			node_rig_run(r);
			node_rig_expect(r, k, &f);
		}
	for (i = 0; i < RIG_CONTAINERS; i++) {
		f = node_rig_frame(i + 1, 9);
		node_rig_send(r, i, &f);
		node_rig_run(r);
		node_rig_expect_wire(r, &f);
		f = node_rig_frame(9, i + 1);
		node_rig_send_wire(r, &f);
		node_rig_run(r);
		node_rig_expect(r, i, &f);
	}
	node_rig_expect_none(r);
}

static void
all_hear_a_broadcast(void **state)
{
	struct node_rig *r = *state;
	struct rig_bytes f = node_rig_frame(1, 0), in = node_rig_frame(9, 0);
	unsigned int i;

	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	node_rig_expect(r, 2, &f);
	node_rig_expect_wire(r, &f);
	node_rig_send_wire(r, &in);
	node_rig_run(r);
	for (i = 0; i < RIG_CONTAINERS; i++)
		node_rig_expect(r, i, &in);
	node_rig_expect_none(r);
}

static void
a_vlan_is_set_while_frames_move(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0);
	const struct rig_bytes f = node_rig_frame(1, 2), out = node_rig_frame(1, 9);
	struct rig_bytes tagged = out;

	conf.vlan = 100;
	conf.qos = 3;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_VLAN | NODE_SET_QOS, &error),
			0);
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_VLAN | NODE_SET_QOS, &error),
			1);
	memmove(tagged.data + 16, tagged.data + 12, out.len - 12);
	memcpy(tagged.data + 12, "\x81\x00\x60\x64", 4);
	tagged.len += 4;
	node_rig_send(r, 0, &out);
	node_rig_run(r);
	node_rig_expect_wire(r, &tagged);
	/* c2 is in another now: the wire is asked */
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	assert_true(node_rig_get_wire(r, &tagged));
	tagged = node_rig_frame(9, 1);
	memmove(tagged.data + 16, tagged.data + 12, 52);
	memcpy(tagged.data + 12, "\x81\x00\x00\x64", 4);
	tagged.len += 4;
	node_rig_send_wire(r, &tagged);
	node_rig_run(r);
	tagged = node_rig_frame(9, 1);
	node_rig_expect(r, 0, &tagged);
	node_rig_expect_none(r);
}

static void
a_spoofed_frame_is_dropped_and_counted(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(2, 3);

	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect_none(r);
	assert_int_equal(node_rig_stats(r, 0).drops[VEB_DROP_SPOOF_MAC], 1);
}

static void
a_rate_is_set_and_held(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0);
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct rig_bytes got;
	unsigned int i, k, n = 0;

	conf.bum_rate = 1000;
	conf.max_tx_rate = 1;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_TX_RATE, &error), 0);
	/* the clock stands: what may come at once, and no more */
	for (i = 0; i < 40; i++) {
		for (k = 0; k < 32; k++)
			node_rig_send(r, 0, &f);
		node_rig_run(r);
		while (node_rig_get(r, 1, &got))
			n++;
	}
	assert_in_range(n, 65536 / 64, 65536 / 64 + 2);
	assert_int_equal(node_rig_stats(r, 0).drops[VEB_DROP_TX_RATE], 40 * 32 - n);
	r->now += rte_get_tsc_hz() / 10;
	for (k = 0; k < 32; k++)
		node_rig_send(r, 0, &f);
	node_rig_run(r);
	for (k = 0; k < 32; k++)
		node_rig_expect(r, 1, &f);
}

static void
who_is_removed_leaves_the_others_alone(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(1);
	const struct rig_bytes f = node_rig_frame(1, 2), g = node_rig_frame(1, 3);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		node_rig_send(r, 0, &f);
		node_rig_send(r, 0, &g);
		node_rig_undrive(r, 1);
		assert_int_equal(node_container_del(r->node, "c2", &error), 0);
		assert_int_equal(node_container_del(r->node, "c2", &error), 1);
		node_rig_run(r);
		node_rig_expect(r, 2, &g);
		node_rig_expect_wire(r, &f);
		assert_int_equal(node_container_add(r->node, &conf, &error), 0);
		node_rig_drive(r, 1, 0);
		node_rig_send(r, 0, &f);
		node_rig_run(r);
		node_rig_expect(r, 1, &f);
		node_rig_expect_none(r);
	}
	assert_int_equal(r->events[NODE_CONTAINER_GONE], 20);
	assert_int_equal(r->events[NODE_CONTAINER_ADDED], 23);
}

/* So cost follows traffic: who is quiet is not polled, and its kick brings it back. */
static void
who_is_quiet_is_woken_by_a_kick(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct container *c = node_find_container(r->node, "c1");

	node_rig_run(r);
	assert_false(c->seats[0].asleep);
	r->now += rte_get_tsc_hz() / 1000;
	node_rig_run(r);
	assert_true(c->seats[0].asleep);
	assert_true(c->seats[0].can_wake);
	assert_int_equal(r->node->workers.of[0].seats->nb_active, 1); /* the port of rings */
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect_none(r);
	assert_true(mock_vq_need_kick(rig_tx(&r->drivers[0].rig)));
	fk_kick(r->drivers[0].rig.dev, 1);
	r->now += rte_get_tsc_hz() / 10000;
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	assert_false(c->seats[0].asleep);
}

/* One's complement sum of 16 bit words. */
static uint16_t
sum(const uint8_t *data, unsigned int n, uint32_t s)
{
	for (; n > 0; n -= 2, data += 2)
		s += data[0] << 8 | data[1];
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}

/*
 * A checksum that its sender has left to the device is whole wherever nobody else completes it: in
 * a container whose driver does not take it partial, and on the wire.
 */
static void
a_partial_checksum_is_completed_by_egress(void **state)
{
	struct node_rig *r = *state;
	struct rig_bytes f = node_rig_frame(1, 0), got;
	struct virtio_net_hdr_v1 hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6
	};
	static const uint8_t ip[] = { 0x45, 0, 0, 50, 0, 1, 0, 0, 64, 17, 0x66, 0xb9, 10, 0, 0, 1,
		10, 0, 0, 255, 0, 9, 0, 8, 0, 30 };
	const uint32_t pseudo = 0x0a00 + 1 + 0x0a00 + 255 + 17 + 30;
	unsigned int i;

	node_rig_undrive(r, 0);
	node_rig_drive(r, 0, RTE_BIT64(VIRTIO_NET_F_CSUM));
	f.data[12] = 8;
	f.data[13] = 0;
	memcpy(f.data + 14, ip, sizeof(ip));
	f.data[40] = pseudo >> 8;
	f.data[41] = pseudo & 0xff;
	node_rig_send_hdr(r, 0, &hdr, &f);
	node_rig_run(r);
	for (i = 1; i < RIG_CONTAINERS; i++) {
		assert_true(node_rig_get(r, i, &got));
		assert_int_equal(got.len, f.len);
		assert_int_equal(sum(got.data + 34, 30, pseudo), 0xffff);
	}
	assert_true(node_rig_get_wire(r, &got));
	assert_int_equal(sum(got.data + 34, 30, pseudo), 0xffff);
	node_rig_expect_none(r);
}

static void
is_error(int ret, const char *id, const char *parameter)
{
	assert_true(ret < 0);
	assert_string_equal(error.id, id);
	assert_string_equal(error.parameter, parameter);
	assert_true(strlen(error.text) > 10);
}

static void
what_is_wrong_is_said_and_changes_nothing(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0);
	struct node_network_conf network = { .name = "net0", .nb_uplinks = 1 };
	struct node *n = r->node;

	memcpy(network.uplinks[0], r->uplink, sizeof(network.uplinks[0]));
	assert_int_equal(node_network_add(n, &network, &error), 1);
	network.mtu = 1400;
	is_error(node_network_add(n, &network, &error), NODE_ID("Differs"), "mtu");
	snprintf(network.name, sizeof(network.name), "net1");
	is_error(node_network_add(n, &network, &error), NODE_ID("UplinkInUse"), "uplinks");
	snprintf(network.uplinks[0], sizeof(network.uplinks[0]), "nothing");
	is_error(node_network_add(n, &network, &error), NODE_ID("NoSuchUplink"), "uplinks");
	is_error(node_network_del(n, "net0", &error), NODE_ID("NetworkInUse"), "name");
	assert_int_equal(node_network_del(n, "net1", &error), 1);
	assert_int_equal(node_container_add(n, &conf, &error), 1);
	conf.vlan = 7;
	is_error(node_container_add(n, &conf, &error), NODE_ID("Differs"), "vlan");
	conf.queues = 2;
	is_error(node_container_set(n, &conf, NODE_SET_QUEUES, &error), NODE_ID("NeedsReattach"),
			"queues");
	snprintf(conf.mirror, sizeof(conf.mirror), "nobody");
	is_error(node_container_set(n, &conf, NODE_SET_MIRROR, &error), NODE_ID("NoSuchContainer"),
			"mirror");
	conf = node_rig_conf(3);
	snprintf(conf.network, sizeof(conf.network), "net7");
	is_error(node_container_add(n, &conf, &error), NODE_ID("NoSuchNetwork"), "network");
	is_error(node_container_set(n, &conf, NODE_SET_VLAN, &error), NODE_ID("NoSuchContainer"),
			"name");
	conf = node_rig_conf(3);
	conf.mac.addr_bytes[5] = 1;
	is_error(node_container_add(n, &conf, &error), NODE_ID("Differs"), "mac");
	/* more than there is memory for: with the figure */
	conf = node_rig_conf(3);
	conf.profile = RTE_VDUSE_NET_PROFILE_BULK;
	conf.queues = 128;
	is_error(node_container_add(n, &conf, &error), NODE_ID("NoBuffers"), "name");
	assert_non_null(strstr(error.text, "135168"));
	assert_null(fk_find("c4"));
}

static void
an_mtu_is_set_while_frames_move(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf network = { .name = "net0", .nb_uplinks = 1, .mtu = 100 };
	struct rig_bytes f = node_rig_frame(1, 2);

	memcpy(network.uplinks[0], r->uplink, sizeof(network.uplinks[0]));
	f.len = 115;
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 1);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect_none(r);
	assert_int_equal(node_rig_stats(r, 0).drops[VEB_DROP_LONG], 1);
	network.mtu = 65535;
	is_error(node_network_set(r->node, &network, &error),
			"org.varlink.service.InvalidParameter", "mtu");
	network.mtu = 0;
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
}

static void
see_uplink(void *arg, const struct node_uplink *uplink)
{
	*(struct node_uplink *)arg = *uplink;
}

static void
trust_opens_the_ports_filter(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0), more = node_rig_conf(3);
	struct node_uplink seen;

	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
	assert_int_equal(rte_eth_promiscuous_get(r->port), 0);
	assert_int_equal(rte_eth_allmulticast_get(r->port), 1);
	conf.trust = true;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_TRUST, &error), 0);
	node_uplinks(r->node, see_uplink, &seen);
	assert_true(seen.promiscuous);
	assert_int_equal(rte_eth_promiscuous_get(r->port), 1);
	conf.trust = false;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_TRUST, &error), 0);
	assert_int_equal(rte_eth_promiscuous_get(r->port), 0);
	/* one more than the filter has places for */
	assert_int_equal(node_container_add(r->node, &more, &error), 0);
	assert_int_equal(rte_eth_promiscuous_get(r->port), 1);
	assert_int_equal(node_container_del(r->node, more.name, &error), 0);
	assert_int_equal(rte_eth_promiscuous_get(r->port), 0);
}

/* A list of queues that takes the place, and the memory, of the one before the last. */
static void
two_changes_between_rounds_are_seen(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf more = node_rig_conf(RIG_CONTAINERS);
	const struct rig_bytes f = node_rig_frame(1, 2);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		node_rig_send(r, 0, &f);
		node_rig_run(r);
		node_rig_expect(r, 1, &f);
		assert_int_equal(node_container_add(r->node, &more, &error), 0);
		assert_int_equal(node_container_del(r->node, more.name, &error), 0);
	}
}

/* Each frame is in the lines, under who sent it and who got it. */
static void
counters_are_printed(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes good = node_rig_frame(1, 2), bad = node_rig_frame(2, 3),
			       away = node_rig_frame(1, 9);
	char *text = NULL, want[512];
	struct rig_bytes got;
	size_t len;
	FILE *out;

	node_rig_send(r, 0, &good);
	node_rig_send(r, 0, &bad);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect(r, 1, &good);
	assert_true(node_rig_get_wire(r, &got));
	out = open_memstream(&text, &len);
	node_print(r->node, out);
	fclose(out);
	snprintf(want, sizeof(want),
			"network net0 (up): mtu 1500, 3 containers\n"
			"uplink %s of net0 (up): rx 0 tx 1 drops 0\n",
			r->uplink);
	assert_int_equal(strncmp(text, want, strlen(want)), 0);
	snprintf(want, sizeof(want),
			"container %s of net0 (up): rx 0 tx 3 drops 1 (spoofed MAC 1)\n",
			r->drivers[0].name);
	assert_non_null(strstr(text, want));
	snprintf(want, sizeof(want), "container %s of net0 (up): rx 1 tx 0 drops 0\n",
			r->drivers[1].name);
	assert_non_null(strstr(text, want));
	free(text);
}

/* One goes while containers speak, and comes back; what cannot be changes nothing. */
static void
uplinks_are_exchanged(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf network = { .name = "net0" };
	struct node_container_conf conf = node_rig_conf(0);
	const struct rig_bytes f = node_rig_frame(1, 2), away = node_rig_frame(1, 9);

	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_rig_macs, 0);
	node_rig_send(r, 0, &f);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	node_rig_expect_none(r);
	/* nobody else has it now */
	network.nb_uplinks = 2;
	snprintf(network.uplinks[0], sizeof(network.uplinks[0]), "%s", r->uplink);
	snprintf(network.uplinks[1], sizeof(network.uplinks[1]), "none");
	is_error(node_network_set(r->node, &network, &error), NODE_ID("NoSuchUplink"), "uplinks");
	assert_int_equal(node_rig_macs, 0);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect_none(r);
	network.nb_uplinks = 1;
	memset(network.uplinks[1], 0, sizeof(network.uplinks[1]));
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_network_set(r->node, &network, &error), 1);
	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect_wire(r, &away);
	/* not the one that somebody's frames are copied to */
	snprintf(conf.mirror, sizeof(conf.mirror), "%s", r->uplink);
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_MIRROR, &error), 0);
	network.nb_uplinks = 0;
	is_error(node_network_set(r->node, &network, &error), NODE_ID("Conflict"), "uplinks");
	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
	node_rig_expect_none(r);
}

static void
count_container(void *arg, const struct node_container *c)
{
	assert_true(c->attached && c->up);
	assert_int_equal(c->stats.in, 0);
	++*(unsigned int *)arg;
}

static void
what_is_there_is_told(void **state)
{
	struct node_rig *r = *state;
	unsigned int n = 0;

	node_containers(r->node, "net0", count_container, &n);
	node_containers(r->node, NULL, count_container, &n);
	node_containers(r->node, "net1", count_container, &n);
	assert_int_equal(n, 2 * RIG_CONTAINERS);
	node_tick(r->node);
	assert_int_equal(r->events[NODE_CONTAINER_ADDED], 3);
	assert_true(node_progress(r->node) || !node_poll(r->node));
	assert_true(node_progress(r->node));
	assert_false(node_progress(r->node));
}

/* But where lists grow, which is seldom; and those that are polled go on as they are. */
static void
who_is_added_waits_for_no_round(void **state)
{
	struct node_rig *r = *state;
	struct worker *w = &r->node->workers.of[0];
	const unsigned int nb = w->seats->n;
	struct node_container_conf conf;
	unsigned int i;

	node_rig_run(r);
	busy_begin(r->node->workers.qsbr);
	for (i = RIG_CONTAINERS; i < RIG_CONTAINERS + 4; i++) {
		conf = node_rig_conf(i);
		if (node_container_add(r->node, &conf, &error) != 0)
			fail_msg("%s", error.text);
	}
	assert_in_range(waited, 0, 3);
	busy_end();
	assert_int_equal(w->seats->n, nb + 4);
	node_rig_run(r);
	assert_int_equal(w->seats->nb_begun, nb + 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)
		NODE_TEST(each_reaches_each_and_the_wire),
		NODE_TEST(all_hear_a_broadcast),
		NODE_TEST(a_vlan_is_set_while_frames_move),
		NODE_TEST(a_spoofed_frame_is_dropped_and_counted),
		NODE_TEST(a_rate_is_set_and_held),
		NODE_TEST(who_is_removed_leaves_the_others_alone),
		NODE_TEST(who_is_quiet_is_woken_by_a_kick),
		NODE_TEST(a_partial_checksum_is_completed_by_egress),
		NODE_TEST(what_is_wrong_is_said_and_changes_nothing),
		NODE_TEST(an_mtu_is_set_while_frames_move),
		NODE_TEST(trust_opens_the_ports_filter),
		NODE_TEST(what_is_there_is_told),
		NODE_TEST(two_changes_between_rounds_are_seen),
		NODE_TEST(who_is_added_waits_for_no_round),
		NODE_TEST(counters_are_printed),
		NODE_TEST(uplinks_are_exchanged),
	};

	return UNIT_RUN("node", tests);
}
