/* SPDX-License-Identifier: BSD-3-Clause */

/* A node whose networks and containers are added again, otherwise, and in another order. */

#include <errno.h>
#include <string.h>

#include "node_rig.h"

static struct node_error error;

static void
is_error(int ret, const char *id, const char *parameter)
{
	assert_true(ret < 0);
	assert_string_equal(error.id, id);
	assert_string_equal(error.parameter, parameter);
}

/* Of c1 with one field changed: that one, and no other. */
#define DIFFERS(field, value, word, says)                                                       \
	do {                                                                                    \
		conf = node_rig_conf(0);                                                        \
		conf.field = value;                                                             \
		is_error(node_container_add(r->node, &conf, &error), NODE_ID("Differs"), word); \
		assert_string_equal(error.text, "it is there with " word " " says               \
						": change it with set, or remove it first");    \
	} while (0)

static void
each_difference_is_named(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf;
	struct node_network_conf network = { .name = "net0", .nb_uplinks = 1, .mtu = 1300 };
	char want[256];

	DIFFERS(network[3], '9', "network", "net0, not net9");
	DIFFERS(mac.addr_bytes[4], 7, "mac", "02:00:00:00:00:01, not 02:00:00:00:07:01");
	DIFFERS(vlan, 4094, "vlan", "0, not 4094");
	DIFFERS(qos, 7, "qos", "0, not 7");
	DIFFERS(trunk.bits[0], 0x706, "trunk", "none, not 1-2,8-10");
	DIFFERS(spoofchk, false, "spoofchk", "on, not off");
	DIFFERS(nb_prefixes, 1, "ip", "none, not 0.0.0.0/0");
	DIFFERS(trust, true, "trust", "off, not on");
	DIFFERS(max_macs, 5, "max_macs", "64, not 5");
	DIFFERS(max_tx_rate, 100000, "max_tx_rate", "0, not 100000");
	DIFFERS(max_rx_rate, 5, "max_rx_rate", "0, not 5");
	DIFFERS(burst, 5, "burst", "0, not 5");
	DIFFERS(bum_rate, 5, "bum_rate", "0, not 5");
	DIFFERS(isolated, true, "isolated", "off, not on");
	DIFFERS(link, VEB_LINK_DOWN, "link", "auto, not down");
	DIFFERS(mirror[0], 'm', "mirror", "none, not m");
	DIFFERS(gro, false, "gro", "on, not off");
	DIFFERS(queues, 2, "queues", "1, not 2");
	DIFFERS(queue_size, 128, "queue_size", "256, not 128");
	DIFFERS(profile, RTE_VDUSE_NET_PROFILE_TX, "profile", "latency, not tx");
	DIFFERS(attach, RTE_VDUSE_ATTACH_VHOST, "attach", "none, not vhost");
	/* all of them */
	conf.vlan = 3;
	is_error(node_container_add(r->node, &conf, &error), NODE_ID("Differs"), "vlan");
	assert_non_null(strstr(error.text, " vlan 0, not 3; attach none, not vhost: "));
	snprintf(network.uplinks[0], sizeof(network.uplinks[0]), "other");
	is_error(node_network_add(r->node, &network, &error), NODE_ID("Differs"), "uplinks");
	snprintf(want, sizeof(want),
			"it is there with uplinks %s, not other; mtu 0, not 1300: ", r->uplink);
	assert_int_equal(strncmp(error.text, want, strlen(want)), 0);
	snprintf(network.uplinks[0], sizeof(network.uplinks[0]), "%s", r->uplink);
	is_error(node_network_add(r->node, &network, &error), NODE_ID("Differs"), "mtu");
}

/* Set to another value, as it is then, and set back. */
#define SETS(bit, field, value)                                                       \
	do {                                                                          \
		conf = was;                                                           \
		conf.field = value;                                                   \
		assert_int_equal(node_container_set(r->node, &conf, bit, &error), 0); \
		assert_int_equal(node_container_set(r->node, &conf, bit, &error), 1); \
		assert_int_equal(node_container_add(r->node, &conf, &error), 1);      \
		conf = was;                                                           \
		assert_int_equal(node_container_set(r->node, &conf, bit, &error), 0); \
		done |= (bit);                                                        \
	} while (0)

static void
each_word_is_set(void **state)
{
	struct node_rig *r = *state;
	const struct node_container_conf was = node_rig_conf(0);
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct node_container_conf conf;
	uint64_t done = NODE_SET_REATTACH;

	SETS(NODE_SET_MAC, mac.addr_bytes[4], 7);
	SETS(NODE_SET_VLAN, vlan, 7);
	SETS(NODE_SET_QOS, qos, 7);
	SETS(NODE_SET_TRUNK, trunk.bits[0], 0x706);
	SETS(NODE_SET_SPOOFCHK, spoofchk, false);
	SETS(NODE_SET_IP, nb_prefixes, 1);
	SETS(NODE_SET_TRUST, trust, true);
	SETS(NODE_SET_MAX_MACS, max_macs, 7);
	SETS(NODE_SET_TX_RATE, max_tx_rate, 7);
	SETS(NODE_SET_RX_RATE, max_rx_rate, 7);
	SETS(NODE_SET_BURST, burst, 7);
	SETS(NODE_SET_BUM_RATE, bum_rate, 7);
	SETS(NODE_SET_ISOLATED, isolated, true);
	SETS(NODE_SET_LINK, link, VEB_LINK_UP);
	SETS(NODE_SET_GRO, gro, false);
	conf = was;
	snprintf(conf.mirror, sizeof(conf.mirror), "c2");
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_MIRROR, &error), 0);
	assert_int_equal(node_container_set(r->node, &was, NODE_SET_MIRROR, &error), 0);
	assert_int_equal(done | NODE_SET_MIRROR, 2 * NODE_SET_PROFILE - 1);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	node_rig_expect_none(r);
}

/* Its copies begin when it comes, end when it goes, and begin again. */
static void
a_mirror_comes_later(void **state)
{
	struct node_rig *r = *state;
	struct node_container_conf conf = node_rig_conf(0), mirror = node_rig_conf(2);
	const struct rig_bytes f = node_rig_frame(1, 2), g = node_rig_frame(1, 9);
	unsigned int i;

	node_rig_undrive(r, 0);
	assert_int_equal(node_container_del(r->node, "c1", &error), 0);
	snprintf(conf.mirror, sizeof(conf.mirror), "c3");
	for (i = 0; i < 3; i++) {
		node_rig_undrive(r, 2);
		assert_int_equal(node_container_del(r->node, "c3", &error), 0);
		if (i == 0) {
			is_error(node_container_add(r->node, &conf, &error),
					NODE_ID("NoSuchContainer"), "mirror");
			conf.mirror_waits = true;
			assert_int_equal(node_container_add(r->node, &conf, &error), 0);
			node_rig_drive(r, 0, 0);
		}
		/* what it has not to do with is set all the same; another that is not there is no
		 * mirror
		 */
		conf.max_macs = i + 1;
		conf.mirror_waits = false;
		assert_int_equal(node_container_set(r->node, &conf, NODE_SET_MAX_MACS, &error), 0);
		snprintf(conf.mirror, sizeof(conf.mirror), "nobody");
		is_error(node_container_set(r->node, &conf, NODE_SET_MIRROR, &error),
				NODE_ID("NoSuchContainer"), "mirror");
		snprintf(conf.mirror, sizeof(conf.mirror), "c3");
		node_rig_send(r, 0, &f);
		node_rig_run(r);
		node_rig_expect(r, 1, &f);
		assert_int_equal(node_container_add(r->node, &mirror, &error), 0);
		node_rig_drive(r, 2, 0);
		node_rig_send(r, 0, &g);
		node_rig_run(r);
		node_rig_expect(r, 2, &g);
		node_rig_expect_wire(r, &g);
	}
	node_rig_expect_none(r);
}

/* Whatever was wrong with it, it is tried again when it is asked for again. */
static void
a_port_that_did_not_start_is_tried_again(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf network = { .name = "net0" };
	const struct rig_bytes away = node_rig_frame(1, 9);

	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	network.nb_uplinks = 1;
	snprintf(network.uplinks[0], sizeof(network.uplinks[0]), "%s", r->uplink);
	node_rig_refuses = true;
	is_error(node_network_set(r->node, &network, &error), NODE_ID("Kernel"), "uplinks");
	is_error(node_network_set(r->node, &network, &error), NODE_ID("Kernel"), "uplinks");
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect_none(r);
	node_rig_refuses = false;
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	assert_int_equal(node_rig_macs, RIG_CONTAINERS);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect_wire(r, &away);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)
		NODE_TEST(each_difference_is_named),
		NODE_TEST(each_word_is_set),
		NODE_TEST(a_mirror_comes_later),
		NODE_TEST(a_port_that_did_not_start_is_tried_again),
	};

	return UNIT_RUN("node_change", tests);
}
