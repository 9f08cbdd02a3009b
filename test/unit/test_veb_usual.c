/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A header that came before is not looked at again; what may differ behind it, and rules that
 * change meanwhile, are.
 */

#include <string.h>

#include "veb_rig.h"

/* Of one flow, until its header is remembered. */
#define USUAL 4

static void
send_usual(struct veb_rig *r, struct rig_port *from, struct rig_port *to, const struct rig_frame *f)
{
	unsigned int i;

	for (i = 0; i < USUAL; i++) {
		rig_send(r, from, f);
		rig_expect(to, f);
	}
	rig_expect_none(r);
}

/* From here on it is dropped. */
static void
expect_drop(struct veb_rig *r, struct rig_port *from, const struct rig_frame *f, enum veb_drop why)
{
	const uint64_t before = rig_drops(from, why);

	rig_send(r, from, f);
	rig_expect_none(r);
	assert_int_equal(rig_drops(from, why), before + 1);
}

static void
a_rule_that_changes_is_seen(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2);
	struct veb_rules rules = rig_rules(1);

	send_usual(r, a, b, &f);
	rules.isolated = true;
	assert_int_equal(rig_set(a, &rules), 0);
	expect_drop(r, a, &f, VEB_DROP_ISOLATED);
	rules.isolated = false;
	assert_int_equal(rig_set(a, &rules), 0);
	send_usual(r, a, b, &f);
	/* its address is another's now */
	rules.mac.addr_bytes[5] = 7;
	assert_int_equal(rig_set(a, &rules), 0);
	expect_drop(r, a, &f, VEB_DROP_SPOOF_MAC);
	rules = rig_rules(1);
	assert_int_equal(rig_set(a, &rules), 0);
	send_usual(r, a, b, &f);
	rules.vlan = 5;
	assert_int_equal(rig_set(a, &rules), 0);
	rig_send(r, a, &f);
	assert_int_equal(up->nb_out, 1);
	up->looked = up->nb_out;
	rig_expect_none(r);
}

static void
a_receiver_that_leaves_gets_nothing(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2);

	send_usual(r, a, b, &f);
	rig_remove(r, b);
	rig_send(r, a, &f);
	rig_expect(up, &f);
	b = rig_container(r, 2, NULL);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_expect_none(r);
}

static void
every_length_is_looked_at(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct rte_mbuf *m;

	send_usual(r, a, b, &f);
	f.len = RIG_MTU + RTE_ETHER_HDR_LEN + 1;
	expect_drop(r, a, &f, VEB_DROP_LONG);
	f.len = 0;
	m = rig_mbuf(&f);
	m->data_len = RTE_ETHER_HDR_LEN - 1;
	m->pkt_len = m->data_len;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_SHORT), 1);
	veb_set_mtu(r->veb, 1000);
	f.len = 1000 + RTE_ETHER_HDR_LEN + 1;
	expect_drop(r, a, &f, VEB_DROP_LONG);
}

/* The tag is behind the part that is compared. */
static void
every_tag_is_looked_at(void **state)
{
	const struct veb_vlans vlans = { .bits = { [0] = 1 << 10 | 1 << 11 } };
	struct veb_rules rules = rig_rules(1);
	struct veb_rig *r = *state;
	struct rig_port *a, *in_10 = NULL, *in_11 = NULL;
	struct rig_frame f = rig_unicast(1, 2), g, untagged;

	rules.trunk = &vlans;
	a = rig_container(r, 1, &rules);
	rules = rig_rules(2);
	rules.vlan = 10;
	in_10 = rig_container(r, 2, &rules);
	rules.vlan = 11;
	in_11 = rig_container(r, 2, &rules);
	untagged = f;
	f.tci = 10;
	g = f;
	g.tci = 11;
	rig_send(r, a, &f);
	rig_expect(in_10, &untagged);
	rig_send(r, a, &f);
	rig_expect(in_10, &untagged);
	rig_send(r, a, &f);
	rig_expect(in_10, &untagged);
	rig_send(r, a, &g);
	rig_expect(in_11, &untagged);
	g.tci = 12;
	expect_drop(r, a, &g, VEB_DROP_VLAN);
}

/* Each frame is one of its rate, and a guard looks behind the header. */
static void
what_is_looked_at_behind_it_is_not_remembered(void **state)
{
	const struct veb_prefix own = { .len = 32, .addr = { 10, 0, 0, 1 } };
	struct veb_rules rules = rig_rules(1);
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);

	f.type = RTE_ETHER_TYPE_IPV4;
	f.payload[0] = 0x45;
	memcpy(&f.payload[12], own.addr, 4);
	send_usual(r, a, b, &f);
	rules.nb_prefixes = 1;
	rules.prefixes = &own;
	assert_int_equal(rig_set(a, &rules), 0);
	send_usual(r, a, b, &f);
	f.payload[15] = 2;
	expect_drop(r, a, &f, VEB_DROP_SPOOF_IP);
}

/* Another destination, source or type between them. */
static void
another_header_is_another(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *c = rig_container(r, 3, NULL);
	const struct rig_frame f = rig_unicast(1, 2), g = rig_unicast(1, 3);
	struct rig_frame foreign = f, other = f;

	send_usual(r, a, b, &f);
	rig_send(r, a, &g);
	rig_expect(c, &g);
	foreign.src[5] = 9;
	expect_drop(r, a, &foreign, VEB_DROP_SPOOF_MAC);
	other.type = 0x0806;
	rig_send(r, a, &other);
	rig_expect(b, &other);
	rig_put(a, &f);
	rig_put(a, &g);
	rig_put(a, &foreign);
	rig_put(a, &f);
	rig_poll(r, a);
	rig_expect(b, &f);
	rig_expect(b, &f);
	rig_expect(c, &g);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_SPOOF_MAC), 2);
}

/* Peers whose headers are remembered in the same place, frame by frame, and one that leaves. */
static void
peers_take_turns(void **state)
{
	static const uint8_t macs[] = { 2, 18, 34, 3, 19 };
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r);
	struct rig_port *peers[RTE_DIM(macs)];
	struct rig_frame frames[RTE_DIM(macs)];
	unsigned int i, k;

	for (i = 0; i < RTE_DIM(macs); i++) {
		peers[i] = rig_container(r, macs[i], NULL);
		frames[i] = rig_unicast(1, macs[i]);
		frames[i].len = 60 + 10 * i;
	}
	for (k = 0; k < USUAL * RTE_DIM(macs); k++)
		rig_put(a, &frames[k % RTE_DIM(macs)]);
	rig_poll(r, a);
	for (k = 0; k < USUAL * RTE_DIM(macs); k++)
		rig_expect(peers[k % RTE_DIM(macs)], &frames[k % RTE_DIM(macs)]);
	rig_expect_none(r);
	for (i = 0; i < RTE_DIM(macs); i++)
		assert_int_equal(rig_stats(peers[i]).out_bytes, USUAL * frames[i].len);
	rig_remove(r, peers[1]);
	for (i = 0; i < 3; i++)
		rig_put(a, &frames[i]);
	rig_poll(r, a);
	rig_expect(peers[0], &frames[0]);
	rig_expect(up, &frames[1]);
	rig_expect(peers[2], &frames[2]);
	rig_expect_none(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_rule_that_changes_is_seen),
		RIG_TEST(a_receiver_that_leaves_gets_nothing),
		RIG_TEST(every_length_is_looked_at),
		RIG_TEST(every_tag_is_looked_at),
		RIG_TEST(what_is_looked_at_behind_it_is_not_remembered),
		RIG_TEST(another_header_is_another),
		RIG_TEST(peers_take_turns),
	};

	return FILTER_RUN("veb_usual", tests, veb_rig_eal, NULL);
}
