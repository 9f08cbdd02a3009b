/* SPDX-License-Identifier: BSD-3-Clause */

/* Which frames a member is asked to put together before it gets them, and how they are counted. */

#include "veb_rig.h"

#define UPLINK 9

static unsigned int calls;

/* All become one. */
static uint16_t
put_together(void *priv, struct rte_mbuf **pkts, uint16_t n, uint64_t *bytes)
{
	uint16_t i;

	(void)priv;
	calls++;
	for (i = 1; i < n; i++) {
		*bytes += pkts[i]->pkt_len;
		assert_int_equal(rte_pktmbuf_chain(pkts[0], pkts[i]), 0);
	}
	return 1;
}

static struct rig_port *
container(struct veb_rig *r, uint8_t mac, const struct veb_member *mirror)
{
	struct veb_rules rules = rig_rules(mac);
	struct rig_port *port;

	rules.gro = true;
	rules.mirror = mirror;
	port = rig_container(r, mac, &rules);
	port->ops.gro = put_together;
	calls = 0;
	return port;
}

static void
put(struct rig_port *from, const struct rig_frame *f, unsigned int n)
{
	for (; n > 0; n--)
		rig_put(from, f);
}

/* What came out are frames of so many bytes. */
static void
expect(struct rig_port *port, unsigned int n, uint32_t len)
{
	for (; n > 0; n--) {
		assert_true(port->looked < port->nb_out);
		assert_int_equal(port->out[port->looked++]->pkt_len, len);
	}
	assert_int_equal(port->looked, port->nb_out);
}

static void
an_uplinks_frames_are_put_together(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c1 = container(*state, 1, NULL);
	const struct rig_frame f = rig_unicast(UPLINK, 1);
	struct veb_stats stats;

	put(up, &f, 3);
	rig_poll(*state, up);
	expect(c1, 1, 180);
	stats = rig_stats(c1);
	assert_int_equal(stats.out, 1);
	assert_int_equal(stats.merged, 2);
	assert_int_equal(stats.merged_bytes, 120);
	assert_int_equal(stats.out_bytes, 180);
	/* of one alone nobody is asked */
	rig_send(*state, up, &f);
	expect(c1, 1, 60);
	assert_int_equal(calls, 1);
}

static void
each_members_apart(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c1 = container(*state, 1, NULL),
			*c2 = container(*state, 2, NULL);
	const struct rig_frame f = rig_unicast(UPLINK, 1), g = rig_unicast(UPLINK, 2);

	put(up, &f, 1);
	put(up, &g, 2);
	put(up, &f, 1);
	rig_poll(*state, up);
	expect(c1, 1, 120);
	expect(c2, 1, 120);
	assert_int_equal(calls, 2);
}

static void
others_stay_as_they_came(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c1 = container(*state, 1, NULL),
			*c2 = container(*state, 2, NULL);
	const struct rig_frame own = rig_unicast(2, 1), away = rig_unicast(1, UPLINK),
			       in = rig_unicast(UPLINK, 1), to_all = rig_group(UPLINK, true);
	struct veb_rules rules = rig_rules(1);

	/* a container's: it has cut them, or would have left them whole */
	put(c2, &own, 3);
	rig_poll(*state, c2);
	expect(c1, 3, 60);
	put(c1, &away, 3);
	rig_poll(*state, c1);
	expect(up, 3, 60);
	/* those for many, which are the same buffers */
	put(up, &to_all, 3);
	rig_poll(*state, up);
	expect(c1, 3, 60);
	expect(c2, 3, 60);
	/* and where it is switched off */
	assert_int_equal(rig_set(c1, &rules), 0);
	put(up, &in, 3);
	rig_poll(*state, up);
	expect(c1, 3, 60);
	assert_int_equal(calls, 0);
	assert_int_equal(rig_stats(c1).merged, 0);
}

/* It sees what was on the wire. */
static void
a_mirror_gets_them_as_they_came(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c2 = container(*state, 2, NULL),
			*c1 = container(*state, 1, c2->member);
	const struct rig_frame f = rig_unicast(UPLINK, 1);

	put(up, &f, 3);
	rig_poll(*state, up);
	expect(c1, 1, 180);
	expect(c2, 3, 60);
	assert_int_equal(calls, 1);
}

/* A rate is held frame by frame: the rest of a burst passes though some do not. */
static void
what_is_beyond_the_rate_is_left_out(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c1 = container(*state, 1, NULL);
	struct rig_frame f = rig_unicast(UPLINK, 1);
	struct veb_rules rules = rig_rules(1);
	struct veb_stats stats;

	rules.gro = true;
	rules.max_rx_rate = 1;
	assert_int_equal(rig_set(c1, &rules), 0);
	f.len = 1400;
	put(up, &f, 32);
	rig_poll(*state, up);
	expect(c1, 1, 32 * 1400);
	put(up, &f, 32);
	rig_poll(*state, up);
	/* 65600 bytes may come at once: 46 frames */
	expect(c1, 1, 14 * 1400);
	put(up, &f, 2);
	rig_poll(*state, up);
	expect(c1, 0, 0);
	stats = rig_stats(c1);
	assert_int_equal(stats.drops[VEB_DROP_RX_RATE], 20);
	assert_int_equal(stats.out, 2);
	assert_int_equal(stats.merged, 44);
}

static void
what_is_not_taken_is_one(void **state)
{
	struct rig_port *up = rig_uplink(*state), *c1 = container(*state, 1, NULL);
	const struct rig_frame f = rig_unicast(UPLINK, 1);
	struct veb_rules rules = rig_rules(1);

	c1->room = 0;
	put(up, &f, 3);
	rig_poll(*state, up);
	assert_int_equal(rig_drops(c1, VEB_DROP_FULL), 1);
	assert_int_equal(rig_stats(c1).merged, 2);
	rules.gro = true;
	rules.link = VEB_LINK_DOWN;
	assert_int_equal(rig_set(c1, &rules), 0);
	put(up, &f, 3);
	rig_poll(*state, up);
	assert_int_equal(rig_drops(c1, VEB_DROP_LINK), 3);
	assert_int_equal(rig_stats(c1).out, 0);
	assert_int_equal(rig_stats(c1).out_bytes, 0);
	rig_expect_none(*state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(an_uplinks_frames_are_put_together),
		RIG_TEST(each_members_apart),
		RIG_TEST(others_stay_as_they_came),
		RIG_TEST(a_mirror_gets_them_as_they_came),
		RIG_TEST(what_is_beyond_the_rate_is_left_out),
		RIG_TEST(what_is_not_taken_is_one),
	};

	return FILTER_RUN("veb_gro", tests, veb_rig_eal, NULL);
}
