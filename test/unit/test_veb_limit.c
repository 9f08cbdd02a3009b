/* SPDX-License-Identifier: BSD-3-Clause */

/* Rates, lengths, links, mirrors. */

#include <errno.h>

#include "veb_rig.h"

/* Frames of 1500 bytes a millisecond that get through, over a second, of more than enough. */
static unsigned int
through(struct veb_rig *r, struct rig_port *from, struct rig_port *to, const struct rig_frame *f)
{
	unsigned int ms, i, n = 0;

	for (ms = 0; ms < 1000; ms++) {
		for (i = 0; i < 20; i++)
			rig_put(from, f);
		rig_poll(r, from);
		n += to->nb_out;
		while (to->nb_out != 0)
			rte_pktmbuf_free(to->out[--to->nb_out]);
		rig_pass_ms(r, 1);
	}
	return n;
}

static void
about(uint64_t got, uint64_t wanted)
{
	assert_in_range(got, wanted * 95 / 100, wanted * 105 / 100);
}

static void
a_tx_rate_holds_back_what_comes(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1);
	struct rig_port *a, *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	unsigned int n;

	rules.max_tx_rate = 100;
	rules.burst = 64;
	a = rig_container(r, 1, &rules);
	f.len = 1500;
	n = through(r, a, b, &f);
	about(n, 100 * 1000 * 1000 / 8 / 1500);
	assert_int_equal(rig_drops(a, VEB_DROP_TX_RATE), 20 * 1000 - n);
	assert_int_equal(rig_drops(b, VEB_DROP_RX_RATE), 0);
}

static void
an_rx_rate_holds_back_what_goes(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(2);
	struct rig_port *a = rig_container(r, 1, NULL), *b, *up = rig_uplink(r);
	struct rig_frame f = rig_unicast(1, 2);
	unsigned int n;

	rules.max_rx_rate = 40;
	rules.burst = 64;
	b = rig_container(r, 2, &rules);
	f.len = 1500;
	n = through(r, a, b, &f);
	about(n, 40 * 1000 * 1000 / 8 / 1500);
	assert_int_equal(rig_drops(b, VEB_DROP_RX_RATE), 20 * 1000 - n);
	/* from the wire, too, and by another name: of its group */
	f = rig_group(9, true);
	f.len = 1500;
	a->room = 0;
	about(through(r, up, b, &f), 40 * 1000 * 1000 / 8 / 1500);
}

static void
a_burst_passes_whole(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1);
	struct rig_port *a, *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	unsigned int i, k;

	rules.max_tx_rate = 1;
	rules.burst = 150;
	a = rig_container(r, 1, &rules);
	f.len = 1500;
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 32; k++)
			rig_put(a, &f);
		rig_poll(r, a);
	}
	assert_int_equal(b->nb_out, 150 * 1024 / 1500);
	b->looked = b->nb_out;
}

static void
a_bum_rate_is_of_groups_and_unknown_ones(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1);
	struct rig_port *a, *b = rig_container(r, 2, NULL), *up = rig_uplink(r);
	const struct rig_frame g = rig_group(1, true), u = rig_unicast(1, 9), f = rig_unicast(1, 2);

	rules.bum_rate = 1000;
	a = rig_container(r, 1, &rules);
	b->room = 0;
	about(through(r, a, up, &g), 1000);
	about(through(r, a, up, &u), 1000);
	assert_true(rig_drops(a, VEB_DROP_BUM_RATE) > 0);
	b->room = UINT16_MAX;
	/* what has an address is not held back */
	assert_int_equal(through(r, a, b, &f), 20 * 1000);
}

static void
a_longer_frame_than_the_mtu_is_dropped(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(3);
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL), *t;
	struct rig_port *up = rig_uplink(r);
	const struct veb_vlans vlans = { .bits = { [0] = 1 << 10 } };
	struct rig_frame f = rig_unicast(1, 2), g = rig_unicast(3, 9);

	rules.trunk = &vlans;
	t = rig_container(r, 3, &rules);
	f.len = g.len = 1514;
	rig_send(r, a, &f);
	rig_expect(b, &f);
	/* a tag does not count */
	g.tci = 10;
	rig_send(r, t, &g);
	rig_expect(up, &g);
	f.len = g.len = 1515;
	rig_send(r, a, &f);
	rig_send(r, t, &g);
	assert_int_equal(rig_drops(a, VEB_DROP_LONG), 1);
	assert_int_equal(rig_drops(t, VEB_DROP_LONG), 1);
	veb_set_mtu(r->veb, 1501);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_expect_none(r);
}

/* What is still to be cut is as long as its segments. */
static void
a_frame_to_be_cut_is_as_long_as_its_segments(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct rte_mbuf *m;
	unsigned int i;

	f.len = 2000;
	for (i = 0; i < 2; i++) {
		m = rig_mbuf(&f);
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->l2_len = 14;
		m->l3_len = 20;
		m->l4_len = 32;
		m->tso_segsz = 1448 + i;
		rig_put_mbuf(a, m);
		rig_poll(r, a);
	}
	rig_expect(b, &f);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_LONG), 1);
}

static void
links_follow_the_uplinks(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules up_rules = rig_rules(2), down_rules = rig_rules(3), rules = rig_rules(1);
	struct rig_port *a = rig_container(r, 1, NULL), *fixed, *down, *x, *y;

	up_rules.link = VEB_LINK_UP;
	down_rules.link = VEB_LINK_DOWN;
	fixed = rig_container(r, 2, &up_rules);
	down = rig_container(r, 3, &down_rules);
	/* no uplink at all: there is nothing to lose */
	assert_true(a->up && fixed->up && !down->up);
	x = rig_uplink(r);
	y = rig_uplink(r);
	veb_set_uplink(x->member, false);
	assert_true(a->up);
	veb_set_uplink(y->member, false);
	assert_true(!a->up && fixed->up && !down->up);
	assert_false(veb_member_is_up(a->member));
	veb_set_uplink(x->member, true);
	assert_true(a->up && !down->up);
	rules.link = VEB_LINK_DOWN;
	assert_int_equal(rig_set(a, &rules), 0);
	assert_false(a->up);
	rules.link = VEB_LINK_AUTO;
	assert_int_equal(rig_set(a, &rules), 0);
	assert_true(a->up);
	rig_remove(r, x);
	assert_false(a->up);
	rig_remove(r, y);
	assert_true(a->up);
	assert_int_equal(fixed->links, 1);
	assert_int_equal(down->links, 1);
}

static void
a_link_that_is_down_takes_and_gives_nothing(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1);
	struct rig_port *a, *b = rig_container(r, 2, NULL), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1),
			       g = rig_group(2, true);

	rules.link = VEB_LINK_DOWN;
	a = rig_container(r, 1, &rules);
	rig_send(r, a, &f);
	rig_send(r, b, &back);
	assert_int_equal(rig_drops(a, VEB_DROP_LINK), 2);
	rig_send(r, b, &g);
	rig_expect(up, &g);
	assert_int_equal(rig_drops(a, VEB_DROP_LINK), 3);
	veb_set_uplink(up->member, false);
	rig_send(r, b, &g);
	rig_expect_none(r);
	assert_int_equal(rig_drops(b, VEB_DROP_LINK), 1);
}

static void
a_mirror_sees_what_goes_in_and_out(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *b = rig_container(r, 2, NULL), *m = rig_container(r, 3, NULL), *a;
	struct rig_port *up = rig_uplink(r);
	struct veb_rules rules = rig_rules(1), again = rig_rules(2);
	const struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1),
			       g = rig_group(2, true);
	const struct rig_frame to_m = rig_unicast(1, 3);

	rules.mirror = m->member;
	a = rig_container(r, 1, &rules);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_expect(m, &f);
	rig_send(r, b, &back);
	rig_expect(a, &back);
	rig_expect(m, &back);
	/* as the mirrored member, and as itself */
	rig_send(r, b, &g);
	rig_expect(a, &g);
	rig_expect(m, &g);
	rig_expect(m, &g);
	rig_expect(up, &g);
	rig_send(r, a, &to_m);
	rig_expect(m, &to_m);
	rig_expect(m, &to_m);
	rig_expect_none(r);
	/* to the wire, of which it gets a copy */
	again.mirror = up->member;
	assert_int_equal(rig_set(b, &again), 0);
	rig_send(r, b, &back);
	rig_expect(a, &back);
	rig_expect(m, &back);
	rig_expect(up, &back);
	again.mirror = b->member;
	assert_int_equal(rig_set(b, &again), -EINVAL);
	rig_remove(r, m);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_expect(up, &f);
	rig_expect_none(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_tx_rate_holds_back_what_comes),
		RIG_TEST(an_rx_rate_holds_back_what_goes),
		RIG_TEST(a_burst_passes_whole),
		RIG_TEST(a_bum_rate_is_of_groups_and_unknown_ones),
		RIG_TEST(a_longer_frame_than_the_mtu_is_dropped),
		RIG_TEST(a_frame_to_be_cut_is_as_long_as_its_segments),
		RIG_TEST(links_follow_the_uplinks),
		RIG_TEST(a_link_that_is_down_takes_and_gives_nothing),
		RIG_TEST(a_mirror_sees_what_goes_in_and_out),
	};

	return FILTER_RUN("veb_limit", tests, veb_rig_eal, NULL);
}
