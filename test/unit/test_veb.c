/* SPDX-License-Identifier: BSD-3-Clause */

/* Where frames go: by static addresses, to the wire, to groups, back to nobody. */

#include <errno.h>
#include <string.h>

#include "busy_lcore.h"
#include "fdb.h"
#include "veb_rig.h"

static void
a_known_address_gets_its_frames_alone(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	const struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1);

	rig_container(r, 3, NULL);
	rig_uplink(r);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_send(r, b, &back);
	rig_expect(a, &back);
	rig_expect_none(r);
	assert_int_equal(rig_stats(a).in, 1);
	assert_int_equal(rig_stats(a).in_bytes, 60);
	assert_int_equal(rig_stats(b).out, 1);
	assert_int_equal(rig_stats(b).out_bytes, 60);
}

static void
the_wire_reaches_a_container(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *up = rig_uplink(r), *b = rig_container(r, 2, NULL);
	const struct rig_frame f = rig_unicast(9, 2);

	rig_send(r, up, &f);
	rig_expect(b, &f);
	rig_expect_none(r);
}

/* Nothing is learned of the wire, nothing unknown is flooded. */
static void
an_unknown_address_is_the_wires(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r);
	const struct rig_frame out = rig_unicast(1, 9), in = rig_unicast(9, 8);

	rig_container(r, 2, NULL);
	rig_send(r, a, &out);
	rig_expect(up, &out);
	rig_send(r, up, &in);
	rig_expect_none(r);
	assert_int_equal(rig_drops(up, VEB_DROP_UNKNOWN), 1);
}

static void
without_a_wire_it_is_dropped(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL);
	const struct rig_frame f = rig_unicast(1, 9), g = rig_group(1, true);

	rig_send(r, a, &f);
	rig_send(r, a, &g);
	assert_int_equal(rig_drops(a, VEB_DROP_UNKNOWN), 2);
	rig_expect_none(r);
}

static void
a_group_is_the_vlans_and_the_wires(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *c = rig_container(r, 3, NULL), *up = rig_uplink(r);
	const struct rig_frame f = rig_group(1, true), g = rig_group(1, false);
	const struct rig_frame in = rig_group(9, true);
	struct rte_mbuf *m = rig_mbuf(&f);

	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect(b, &f);
	rig_expect(c, &f);
	rig_expect(up, &f);
	/* the wire gets the frame itself, last: the containers copy, and nothing is cloned */
	assert_ptr_equal(up->out[0], m);
	assert_int_equal(rig_stats(a).more, 2);
	rig_send(r, a, &g);
	rig_expect(b, &g);
	rig_expect(c, &g);
	rig_expect(up, &g);
	rig_send(r, up, &in);
	rig_expect(a, &in);
	rig_expect(b, &in);
	rig_expect(c, &in);
	rig_expect_none(r);
}

static void
each_uplink_gets_a_group_and_what_is_unknown(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *x = rig_uplink(r), *y = rig_uplink(r);
	const struct rig_frame f = rig_group(1, true), u = rig_unicast(1, 9);
	const struct rig_frame in = rig_group(9, true);

	rig_send(r, a, &f);
	rig_expect(x, &f);
	rig_expect(y, &f);
	rig_send(r, a, &u);
	rig_expect(x, &u);
	rig_expect(y, &u);
	/* two wires are not joined: whoever joins them elsewhere would have a loop */
	rig_send(r, x, &in);
	rig_expect(a, &in);
	rig_expect_none(r);
}

/* Spanning tree, LACP, LLDP: between a tenant and the switch outside there is nothing of that. */
static void
reserved_groups_go_nowhere(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r);
	struct rig_frame f = rig_group(1, false);
	const uint8_t stp[6] = { 1, 0x80, 0xc2, 0, 0, 0 };

	rig_container(r, 2, NULL);
	memcpy(f.dst, stp, 6);
	rig_send(r, a, &f);
	f.dst[5] = 0x0f;
	rig_send(r, up, &f);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_RESERVED), 1);
	assert_int_equal(rig_drops(up, VEB_DROP_RESERVED), 1);
	f.dst[5] = 0x10;
	rig_send(r, a, &f);
	rig_expect(up, &f);
}

static void
nothing_goes_back_to_its_sender(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL);
	const struct rig_frame f = rig_unicast(1, 1);

	rig_uplink(r);
	rig_send(r, a, &f);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_BACK), 1);
}

static void
who_is_isolated_speaks_with_the_wire_only(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1);
	struct rig_port *a, *b = rig_container(r, 2, NULL), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1),
			       g = rig_group(1, true);
	const struct rig_frame h = rig_group(2, true), in = rig_unicast(9, 1),
			       out = rig_unicast(1, 9);

	rules.isolated = true;
	a = rig_container(r, 1, &rules);
	rig_send(r, a, &f);
	rig_send(r, b, &back);
	assert_int_equal(rig_drops(a, VEB_DROP_ISOLATED), 1);
	assert_int_equal(rig_drops(b, VEB_DROP_ISOLATED), 1);
	rig_send(r, a, &g);
	rig_expect(up, &g);
	rig_send(r, b, &h);
	rig_expect(up, &h);
	rig_send(r, up, &in);
	rig_expect(a, &in);
	rig_send(r, a, &out);
	rig_expect(up, &out);
	rig_expect_none(r);
	/* the rule changes, and what was looked up under the old one is forgotten */
	rules.isolated = false;
	assert_int_equal(rig_set(a, &rules), 0);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	rig_send(r, b, &back);
	rig_expect(a, &back);
}

/* One call a member and burst, each member's frames in order. */
static void
a_burst_is_sorted_by_member(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *p[3];
	struct rig_frame f[8];
	unsigned int i;

	for (i = 0; i < 3; i++)
		p[i] = rig_container(r, 2 + i, NULL);
	rig_uplink(r);
	for (i = 0; i < 8; i++) {
		f[i] = rig_unicast(1, 2 + i % 3);
		f[i].payload[0] = i;
		rig_put(a, &f[i]);
	}
	rig_poll(r, a);
	for (i = 0; i < 8; i++)
		rig_expect(p[i % 3], &f[i]);
	for (i = 0; i < 3; i++)
		assert_int_equal(p[i]->bursts, 1);
	rig_expect_none(r);
}

static void
what_is_not_taken_is_counted(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(1, 2), g = rig_group(1, true);
	unsigned int i;

	b->room = 2;
	up->room = 0;
	for (i = 0; i < 5; i++)
		rig_put(a, &f);
	rig_poll(r, a);
	assert_int_equal(b->nb_out, 2);
	assert_int_equal(rig_drops(b, VEB_DROP_FULL), 3);
	assert_int_equal(rig_stats(b).out, 2);
	assert_int_equal(rig_stats(b).out_bytes, 120);
	rig_send(r, a, &g);
	assert_int_equal(rig_drops(up, VEB_DROP_FULL), 1);
}

static void
what_is_no_frame_is_dropped(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL);
	const struct rig_frame f = rig_unicast(1, 2);
	struct rte_mbuf *m = rig_mbuf(&f);

	rig_container(r, 2, NULL);
	m->data_len = 13;
	m->pkt_len = 13;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	rig_expect_none(r);
	assert_int_equal(rig_drops(a, VEB_DROP_SHORT), 1);
}

static void
an_address_is_one_members(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct veb_rules rules = rig_rules(1);
	struct veb_member_conf conf = { .name = "x",
		.ops = &a->ops,
		.priv = a,
		.nb_rxq = 1,
		.nb_txq = 1,
		.socket = SOCKET_ID_ANY,
		.rules = rules };
	struct veb_member *m;

	assert_int_equal(veb_member_add(r->veb, &conf, &m), -EEXIST);
	assert_int_equal(rig_set(b, &rules), -EEXIST);
	/* in another VLAN it is another address */
	rules.vlan = 7;
	assert_int_equal(rig_set(b, &rules), 0);
	conf.rules.mac.addr_bytes[0] = 1;
	assert_int_equal(veb_member_add(r->veb, &conf, &m), -EINVAL);
	conf.rules = rig_rules(9);
	conf.rules.vlan = 4095;
	assert_int_equal(veb_member_add(r->veb, &conf, &m), -EINVAL);
	conf.rules.vlan = 0;
	conf.rules.qos = 8;
	assert_int_equal(veb_member_add(r->veb, &conf, &m), -EINVAL);
}

static void
another_address_takes_the_place_of_the_old_one(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame old = rig_unicast(1, 2), new = rig_unicast(1, 3);
	struct veb_rules rules = rig_rules(3);

	rig_send(r, a, &old);
	rig_expect(b, &old);
	assert_int_equal(rig_set(b, &rules), 0);
	rig_send(r, a, &old);
	rig_expect(up, &old);
	rig_send(r, a, &new);
	rig_expect(b, &new);
	rig_remove(r, b);
	rig_send(r, a, &new);
	rig_expect(up, &new);
	rig_expect_none(r);
}

static bool
count_entry(void *arg, const struct veb_fdb_entry *entry)
{
	assert_true(entry->is_static);
	assert_int_equal(entry->mac.addr_bytes[0], 2);
	assert_int_equal(entry->name[0], 'c');
	++*(unsigned int *)arg;
	return true;
}

static void
the_table_grows_and_tells_what_is_in_it(void **state)
{
	struct veb_rig *r = *state;
	unsigned int i, n = 0;

	/* more than the first table has places, and many that left */
	for (i = 0; i < 200; i++)
		rig_remove(r, rig_container(r, 100 + i % 100, NULL)), r->nb_ports--;
	for (i = 0; i < RIG_PORTS; i++)
		rig_container(r, 1 + i, NULL);
	veb_fdb_walk(r->veb, r->now, count_entry, &n);
	assert_int_equal(n, RIG_PORTS);
	for (i = 1; i < RIG_PORTS; i++) {
		const struct rig_frame f = rig_unicast(1, 1 + i);

		rig_send(r, &r->ports[0], &f);
		rig_expect(&r->ports[i], &f);
	}
}

/* But where a list or the table grows: those of a member and of twice as many, once each. */
static void
who_comes_waits_for_no_lcore(void **state)
{
	struct veb_rig *r = *state;
	const struct rig_frame f = rig_group(1, true);
	unsigned int i;

	assert_int_equal(rte_rcu_qsbr_thread_register(r->qsbr, 0), 0);
	busy_begin(r->qsbr);
	for (i = 0; i < RIG_PORTS; i++)
		rig_container(r, (uint8_t)(i + 1), NULL);
	assert_in_range(waited, 1, 12);
	/* who leaves is waited for, and leaves a place */
	rig_remove(r, &r->ports[2]);
	waited = 0;
	r->nb_ports = 2;
	rig_container(r, 3, NULL);
	assert_int_equal(waited, 0);
	r->nb_ports = RIG_PORTS;
	busy_end();
	rte_rcu_qsbr_thread_unregister(r->qsbr, 0);
	rig_send(r, &r->ports[0], &f);
	for (i = 1; i < RIG_PORTS; i++)
		rig_expect(&r->ports[i], &f);
	rig_expect_none(r);
}

/* Addresses that count up, in one VLAN or in each, find a place of their own or nearly so. */
static void
addresses_in_a_row_do_not_collide(void **state)
{
	struct fdb *fdb = fdb_create(2000, SOCKET_ID_ANY);
	unsigned int i, steps = 0;
	uint64_t key;
	uint32_t at;

	(void)state;
	assert_non_null(fdb);
	for (i = 0; i < 2000; i++) {
		key = i < 1000 ? fdb_key(0, (uint64_t)(i & 0xff) << 40 | (uint64_t)(i >> 8) << 32 |
								 2)
			       : fdb_key(i, (uint64_t)1 << 40 | 2);
		for (at = fdb_hash(fdb, key); fdb->slots[at].key != 0; at = (at + 1) & fdb->mask)
			steps++;
		assert_true(fdb_add(fdb, key, i, 0));
		assert_int_equal(fdb_lookup(fdb, key), i);
	}
	/* at half of the places in use a good hash has one step in two */
	assert_true(steps < 2000);
	fdb_destroy(fdb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_known_address_gets_its_frames_alone),
		RIG_TEST(the_wire_reaches_a_container),
		RIG_TEST(an_unknown_address_is_the_wires),
		RIG_TEST(without_a_wire_it_is_dropped),
		RIG_TEST(a_group_is_the_vlans_and_the_wires),
		RIG_TEST(each_uplink_gets_a_group_and_what_is_unknown),
		RIG_TEST(reserved_groups_go_nowhere),
		RIG_TEST(nothing_goes_back_to_its_sender),
		RIG_TEST(who_is_isolated_speaks_with_the_wire_only),
		RIG_TEST(a_burst_is_sorted_by_member),
		RIG_TEST(what_is_not_taken_is_counted),
		RIG_TEST(what_is_no_frame_is_dropped),
		RIG_TEST(an_address_is_one_members),
		RIG_TEST(another_address_takes_the_place_of_the_old_one),
		RIG_TEST(the_table_grows_and_tells_what_is_in_it),
		RIG_TEST(who_comes_waits_for_no_lcore),
		RIG_TEST(addresses_in_a_row_do_not_collide),
	};

	return FILTER_RUN("veb", tests, veb_rig_eal, NULL);
}
