/* SPDX-License-Identifier: BSD-3-Clause */

/* Tags: put on, taken off, passed as they are, refused. */

#include <errno.h>
#include <string.h>

#include "veb_rig.h"

static struct rig_port *
access_port(struct veb_rig *r, uint8_t mac, uint16_t vlan, uint8_t qos)
{
	struct veb_rules rules = rig_rules(mac);

	rules.vlan = vlan;
	rules.qos = qos;
	return rig_container(r, mac, &rules);
}

/* VLANs 10 and 4000, and 0, untagged, if asked. */
static struct rig_port *
trunk_port(struct veb_rig *r, uint8_t mac, bool untagged)
{
	struct veb_vlans vlans = { .bits = { [0] = 1 << 10 | untagged } };
	struct veb_rules rules = rig_rules(mac);

	vlans.bits[4000 / 64] |= RTE_BIT64(4000 % 64);
	rules.trunk = &vlans;
	return rig_container(r, mac, &rules);
}

static struct rig_frame
with_tag(struct rig_frame f, int tci)
{
	f.tci = tci;
	return f;
}

static void
a_tag_is_put_on_for_the_wire_and_taken_off(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 5), *b = access_port(r, 2, 100, 0);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame out = rig_unicast(1, 9), in = rig_unicast(9, 1);
	const struct rig_frame between = rig_unicast(1, 2);
	const struct rig_frame tagged_out = with_tag(out, 5 << 13 | 100);
	const struct rig_frame tagged_in = with_tag(in, 3 << 13 | 100);

	rig_send(r, a, &out);
	rig_expect(up, &tagged_out);
	rig_send(r, up, &tagged_in);
	rig_expect(a, &in);
	rig_send(r, a, &between);
	rig_expect(b, &between);
	rig_expect_none(r);
	assert_int_equal(rig_stats(up).out_bytes, 60 + RTE_VLAN_HLEN);
	assert_int_equal(rig_stats(a).out_bytes, 60);
}

static void
a_vlan_ends_at_its_members(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 0), *b = access_port(r, 2, 200, 0);
	struct rig_port *c = access_port(r, 3, 100, 0), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), tagged = with_tag(f, 100);
	const struct rig_frame g = rig_group(1, true), tagged_g = with_tag(g, 100);
	const struct rig_frame in = rig_group(9, true), in_200 = with_tag(in, 200);
	const struct rig_frame to_b = with_tag(rig_unicast(9, 2), 100);

	/* an address of another VLAN is not known here */
	rig_send(r, a, &f);
	rig_expect(up, &tagged);
	rig_send(r, a, &g);
	rig_expect(c, &g);
	rig_expect(up, &tagged_g);
	rig_send(r, up, &in_200);
	rig_expect(b, &in);
	rig_send(r, up, &in);
	rig_send(r, up, &to_b);
	rig_expect_none(r);
	assert_int_equal(rig_drops(up, VEB_DROP_UNKNOWN), 2);
}

static void
an_access_member_sends_no_tag(void **state)
{
	static const uint16_t types[] = { 0x88a8, 0x9100, 0x9200, 0x9300 };
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 0), *u = access_port(r, 2, 0, 0);
	struct rig_frame f = with_tag(rig_unicast(1, 9), 100), g = with_tag(rig_unicast(2, 9), 100);
	unsigned int i;

	rig_uplink(r);
	rig_send(r, a, &f);
	rig_send(r, u, &g);
	f.tci = g.tci = RIG_UNTAGGED;
	for (i = 0; i < RTE_DIM(types); i++) {
		f.type = g.type = types[i];
		rig_send(r, a, &f);
		rig_send(r, u, &g);
	}
	/* nor one behind a tag of priority only */
	f.tci = 0;
	rig_send(r, a, &f);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_VLAN), 2 + RTE_DIM(types));
	assert_int_equal(rig_drops(u, VEB_DROP_VLAN), 1 + RTE_DIM(types));
}

static void
a_priority_tag_does_not_stay(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 2), *b = access_port(r, 2, 100, 0);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), tagged = with_tag(f, 7 << 13);
	const struct rig_frame out = rig_unicast(1, 9), out_100 = with_tag(out, 2 << 13 | 100);
	const struct rig_frame out_7 = with_tag(out, 7 << 13);

	rig_send(r, a, &tagged);
	rig_expect(b, &f);
	rig_send(r, a, &out_7);
	rig_expect(up, &out_100);
	rig_expect_none(r);
	assert_int_equal(rig_stats(a).in_bytes, 2 * (60 + RTE_VLAN_HLEN));
	assert_int_equal(rig_stats(b).out_bytes, 60);
}

static void
a_trunk_passes_its_tags_and_no_others(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trunk_port(r, 1, false), *a = access_port(r, 2, 10, 0);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), f10 = with_tag(f, 1 << 13 | 10);
	const struct rig_frame f11 = with_tag(f, 11), back = rig_unicast(2, 1);
	const struct rig_frame back10 = with_tag(back, 10), out = with_tag(rig_unicast(1, 9), 4000);
	const struct rig_frame in = with_tag(rig_unicast(9, 1), 4000);
	const struct rig_frame in11 = with_tag(rig_unicast(9, 1), 11);

	rig_send(r, t, &f10);
	rig_expect(a, &f);
	rig_send(r, a, &back);
	rig_expect(t, &back10);
	rig_send(r, t, &out);
	rig_expect(up, &out);
	rig_send(r, up, &in);
	rig_expect(t, &in);
	rig_send(r, t, &f11);
	rig_send(r, t, &f);
	assert_int_equal(rig_drops(t, VEB_DROP_VLAN), 2);
	rig_send(r, up, &in11);
	assert_int_equal(rig_drops(up, VEB_DROP_UNKNOWN), 1);
	rig_expect_none(r);
}

static void
a_trunk_is_untagged_where_it_may(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trunk_port(r, 1, true), *a = access_port(r, 2, 0, 0);
	const struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1);

	rig_send(r, t, &f);
	rig_expect(a, &f);
	rig_send(r, a, &back);
	rig_expect(t, &back);
	rig_expect_none(r);
}

/* The same mbuf, as it is, without its tag, and with it again. */
static void
a_group_is_seen_by_each_as_it_should(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trunk_port(r, 1, true), *t2 = trunk_port(r, 2, true);
	struct rig_port *a = access_port(r, 3, 10, 6), *b = access_port(r, 4, 10, 0);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame g = rig_group(1, true), g10 = with_tag(g, 2 << 13 | 10);
	const struct rig_frame h = rig_group(3, true), h10 = with_tag(h, 6 << 13 | 10);
	const struct rig_frame in = rig_group(9, true), in10 = with_tag(in, 10);

	access_port(r, 5, 11, 0);
	rig_send(r, t, &g10);
	rig_expect(t2, &g10);
	rig_expect(a, &g);
	rig_expect(b, &g);
	rig_expect(up, &g10);
	rig_send(r, a, &h);
	rig_expect(b, &h);
	rig_expect(t, &h10);
	rig_expect(t2, &h10);
	rig_expect(up, &h10);
	rig_send(r, up, &in10);
	rig_expect(t, &in10);
	rig_expect(t2, &in10);
	rig_expect(a, &in);
	rig_expect(b, &in);
	rig_expect_none(r);
	assert_int_equal(rig_stats(t2).out_bytes, 3 * (60 + RTE_VLAN_HLEN));
	assert_int_equal(rig_stats(a).out_bytes, 2 * 60);
	assert_int_equal(rig_stats(b).out_bytes, 3 * 60);
	assert_int_equal(rig_stats(up).out_bytes, 2 * (60 + RTE_VLAN_HLEN));
}

/* Several VLANs in one burst of a trunk. */
static void
each_vlan_of_a_burst_has_its_group(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trunk_port(r, 1, true), *a = access_port(r, 2, 10, 0);
	struct rig_port *b = access_port(r, 3, 4000, 0), *c = access_port(r, 4, 0, 0);
	const struct rig_frame g = rig_group(1, false);
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		f = with_tag(g, i % 3 == 0 ? 10 : i % 3 == 1 ? 4000 : RIG_UNTAGGED);
		f.payload[0] = i;
		rig_put(t, &f);
	}
	rig_poll(r, t);
	for (i = 0; i < 6; i++) {
		f = g;
		f.payload[0] = i;
		rig_expect(i % 3 == 0 ? a : i % 3 == 1 ? b : c, &f);
	}
	rig_expect_none(r);
}

/* Lengths that the receiver told stay true of the frame. */
static void
lengths_follow_the_tag(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 0), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 9), tagged = with_tag(f, 100);
	struct rte_mbuf *m = rig_mbuf(&f);

	m->l2_len = 14;
	m->l3_len = 20;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect(up, &tagged);
	assert_int_equal(m->l2_len, 18);
	m = rig_mbuf(&f);
	m->outer_l2_len = 14;
	m->outer_l3_len = 20;
	m->l2_len = 30;
	m->l3_len = 20;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect(up, &tagged);
	assert_int_equal(m->outer_l2_len, 18);
	assert_int_equal(m->l2_len, 30);
}

/* A frame that somebody else has, too, or that has no room for a tag. */
static void
bytes_of_others_are_not_changed(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 100, 0), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 9), tagged = with_tag(f, 100);
	const struct rig_frame in = rig_unicast(9, 1), tagged_in = with_tag(in, 100);
	struct rte_mbuf *m = rig_mbuf(&f), *n = rig_mbuf(&tagged_in), *o = rig_mbuf(&f);
	uint8_t before[60];

	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	rte_mbuf_refcnt_update(m, 1);
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect(up, &tagged);
	assert_memory_equal(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	rte_pktmbuf_free(m);
	rte_mbuf_refcnt_update(n, 1);
	rig_put_mbuf(up, n);
	rig_poll(r, up);
	rig_expect(a, &in);
	assert_int_equal(n->pkt_len, 64);
	rte_pktmbuf_free(n);
	memmove(o->buf_addr, rte_pktmbuf_mtod(o, void *), o->data_len);
	o->data_off = 0;
	rig_put_mbuf(a, o);
	rig_poll(r, a);
	rig_expect(up, &tagged);
}

static void
rules_of_a_trunk_are_checked(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trunk_port(r, 1, false), *a = access_port(r, 2, 10, 0);
	struct veb_vlans vlans = { .bits = { [0] = 1 << 10 } };
	struct veb_rules rules = rig_rules(1);

	/* the trunk's address in a VLAN that it may use */
	rules.vlan = 10;
	assert_int_equal(rig_set(a, &rules), -EEXIST);
	rules.vlan = 11;
	assert_int_equal(rig_set(a, &rules), 0);
	rules = rig_rules(1);
	rules.trunk = &vlans;
	rules.vlan = 10;
	assert_int_equal(rig_set(t, &rules), -EINVAL);
	rules.vlan = 0;
	vlans.bits[63] = RTE_BIT64(63);
	assert_int_equal(rig_set(t, &rules), -EINVAL);
}

static void
a_member_moves_to_another_vlan(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = access_port(r, 1, 10, 0), *b = access_port(r, 2, 20, 0);
	struct veb_vlans vlans = { .bits = { [0] = 1 << 10 } };
	struct veb_rules rules = rig_rules(2);
	const struct rig_frame g = rig_group(1, true), g10 = with_tag(g, 10);

	rules.vlan = 10;
	assert_int_equal(rig_set(b, &rules), 0);
	rig_send(r, a, &g);
	rig_expect(b, &g);
	rules.vlan = 0;
	rules.trunk = &vlans;
	assert_int_equal(rig_set(b, &rules), 0);
	rig_send(r, a, &g);
	rig_expect(b, &g10);
	rules.trunk = NULL;
	assert_int_equal(rig_set(b, &rules), 0);
	rig_send(r, a, &g);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_UNKNOWN), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_tag_is_put_on_for_the_wire_and_taken_off),
		RIG_TEST(a_vlan_ends_at_its_members),
		RIG_TEST(an_access_member_sends_no_tag),
		RIG_TEST(a_priority_tag_does_not_stay),
		RIG_TEST(a_trunk_passes_its_tags_and_no_others),
		RIG_TEST(a_trunk_is_untagged_where_it_may),
		RIG_TEST(a_group_is_seen_by_each_as_it_should),
		RIG_TEST(each_vlan_of_a_burst_has_its_group),
		RIG_TEST(lengths_follow_the_tag),
		RIG_TEST(bytes_of_others_are_not_changed),
		RIG_TEST(rules_of_a_trunk_are_checked),
		RIG_TEST(a_member_moves_to_another_vlan),
	};

	return FILTER_RUN("veb_vlan", tests, veb_rig_eal, NULL);
}
