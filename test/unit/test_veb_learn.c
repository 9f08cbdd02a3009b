/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of trusted members: learned, moved, aged, never somebody else's. */

#include <errno.h>

#include "veb_rig.h"

static struct rig_port *
trusted(struct veb_rig *r, uint8_t mac, uint16_t max_macs, bool spoofchk)
{
	struct veb_rules rules = rig_rules(mac);

	rules.trust = true;
	rules.max_macs = max_macs;
	rules.spoofchk = spoofchk;
	return rig_container(r, mac, &rules);
}

static void
a_trusted_members_addresses_are_learned(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, true), *b = rig_container(r, 2, NULL);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(11, 2), back = rig_unicast(2, 11);
	const struct rig_frame in = rig_unicast(9, 11);

	/* unknown: to the wire, also in a flow that was looked up before */
	rig_send(r, b, &back);
	rig_expect(up, &back);
	rig_send(r, t, &f);
	rig_expect(b, &f);
	assert_int_equal(rig_stats(t).macs, 1);
	rig_send(r, b, &back);
	rig_expect(t, &back);
	rig_send(r, up, &in);
	rig_expect(t, &in);
	rig_expect_none(r);
}

static void
they_are_no_more_than_it_may_have(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 2, true), *u = trusted(r, 2, 2, false);
	struct rig_port *up = rig_uplink(r);
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		f = rig_unicast(11 + i, 9);
		rig_send(r, t, &f);
		if (i < 2)
			rig_expect(up, &f);
	}
	rig_expect_none(r);
	assert_int_equal(rig_stats(t).macs, 2);
	assert_int_equal(rig_stats(t).learn_full, 2);
	assert_int_equal(rig_drops(t, VEB_DROP_SPOOF_MAC), 2);
	/* without spoofchk it sends on, and no answer will find it */
	for (i = 0; i < 4; i++) {
		f = rig_unicast(21 + i, 9);
		rig_send(r, u, &f);
		rig_expect(up, &f);
	}
	assert_int_equal(rig_stats(u).learn_full, 2);
	f = rig_unicast(9, 24);
	rig_send(r, up, &f);
	rig_expect_none(r);
	/* fewer from now on */
	struct veb_rules rules = rig_rules(1);

	rules.trust = true;
	rules.max_macs = 1;
	assert_int_equal(rig_set(t, &rules), 0);
	assert_int_equal(rig_stats(t).macs, 1);
	rules.trust = false;
	assert_int_equal(rig_set(t, &rules), 0);
	assert_int_equal(rig_stats(t).macs, 0);
}

static void
a_static_address_stays_its_owners(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, false), *b = rig_container(r, 2, NULL);
	struct rig_port *c = rig_container(r, 3, NULL);
	struct veb_rules rules = rig_rules(11);
	const struct rig_frame theft = rig_unicast(2, 3), to_b = rig_unicast(3, 2);
	const struct rig_frame f = rig_unicast(11, 3), to_11 = rig_unicast(3, 11);

	rig_send(r, t, &theft);
	assert_int_equal(rig_drops(t, VEB_DROP_SPOOF_MAC), 1);
	rig_send(r, c, &to_b);
	rig_expect(b, &to_b);
	/* what was learned becomes somebody's own */
	rig_send(r, t, &f);
	rig_expect(c, &f);
	assert_int_equal(rig_set(b, &rules), 0);
	assert_int_equal(rig_stats(t).macs, 0);
	rig_send(r, c, &to_11);
	rig_expect(b, &to_11);
	rig_send(r, t, &f);
	assert_int_equal(rig_drops(t, VEB_DROP_SPOOF_MAC), 2);
	rig_expect_none(r);
}

static void
a_trunks_own_address_is_not_learned(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, false);
	const struct veb_vlans vlans = { .bits = { 1 } };
	struct veb_rules rules = rig_rules(2);
	const struct rig_frame theft = rig_unicast(2, 9);

	rules.trunk = &vlans;
	rig_container(r, 2, &rules);
	rig_send(r, t, &theft);
	assert_int_equal(rig_drops(t, VEB_DROP_SPOOF_MAC), 1);
	rig_expect_none(r);
}

static void
an_address_moves_not_too_often(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, true), *u = trusted(r, 2, 4, true);
	struct rig_port *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(11, 9), in = rig_unicast(9, 11);

	rig_send(r, t, &f);
	rig_expect(up, &f);
	/* at once: it may have failed over */
	rig_send(r, u, &f);
	rig_expect(up, &f);
	rig_send(r, up, &in);
	rig_expect(u, &in);
	assert_int_equal(rig_stats(t).macs, 0);
	assert_int_equal(rig_stats(u).macs, 1);
	assert_int_equal(rig_stats(u).moves, 1);
	rig_send(r, t, &f);
	assert_int_equal(rig_drops(t, VEB_DROP_MOVE), 1);
	rig_send(r, up, &in);
	rig_expect(u, &in);
	rig_pass_ms(r, 2100);
	rig_send(r, t, &f);
	rig_expect(up, &f);
	rig_send(r, up, &in);
	rig_expect(t, &in);
	rig_expect_none(r);
}

static void
who_is_not_seen_is_forgotten(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, true), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(11, 9), g = rig_unicast(12, 9);
	const struct rig_frame in = rig_unicast(9, 11), in_12 = rig_unicast(9, 12);

	rig_send(r, t, &f);
	rig_send(r, t, &g);
	rig_pass_ms(r, 200 * 1000);
	assert_int_equal(veb_age(r->veb, r->now), 0);
	rig_send(r, t, &g);
	up->looked = up->nb_out;
	rig_pass_ms(r, 101 * 1000);
	assert_int_equal(veb_age(r->veb, r->now), 1);
	assert_int_equal(rig_stats(t).macs, 1);
	rig_send(r, up, &in);
	assert_int_equal(rig_drops(up, VEB_DROP_UNKNOWN), 1);
	rig_send(r, up, &in_12);
	rig_expect(t, &in_12);
	rig_expect_none(r);
	rig_pass_ms(r, 301 * 1000);
	assert_int_equal(veb_age(r->veb, r->now), 1);
	assert_int_equal(veb_age(r->veb, r->now), 0);
}

static void
who_leaves_takes_its_addresses_along(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, true), *up = rig_uplink(r), *n;
	const struct rig_frame f = rig_unicast(11, 9), in = rig_unicast(9, 11);

	rig_send(r, t, &f);
	rig_expect(up, &f);
	rig_remove(r, t);
	n = rig_container(r, 3, NULL);
	rig_send(r, up, &in);
	assert_int_equal(rig_drops(up, VEB_DROP_UNKNOWN), 1);
	assert_int_equal(rig_stats(n).out, 0);
	rig_expect_none(r);
}

/* Learning beside a full table's worth of addresses that came and went. */
static void
places_of_forgotten_addresses_are_used_again(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 40, true), *up = rig_uplink(r);
	struct rig_frame f;
	unsigned int i, k;

	for (i = 0; i < 50; i++) {
		for (k = 0; k < 40; k++) {
			f = rig_unicast(11, 9);
			f.src[3] = i;
			f.src[4] = k;
			rig_send(r, t, &f);
			rig_expect(up, &f);
			rte_pktmbuf_free(up->out[0]);
			up->nb_out = up->looked = 0;
		}
		rig_pass_ms(r, 301 * 1000);
		assert_int_equal(veb_age(r->veb, r->now), 40);
	}
	assert_int_equal(rig_stats(t).learn_full, 0);
}

static void
a_group_is_no_source(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, false);
	struct rig_frame f = rig_unicast(11, 9);

	rig_uplink(r);
	f.src[0] = 3;
	rig_send(r, t, &f);
	assert_int_equal(rig_drops(t, VEB_DROP_SPOOF_MAC), 1);
	assert_int_equal(rig_stats(t).macs, 0);
	rig_expect_none(r);
}

struct entries {
	unsigned int learned, age;
};

static bool
see(void *arg, const struct veb_fdb_entry *entry)
{
	struct entries *e = arg;

	if (!entry->is_static) {
		e->learned++;
		e->age = entry->age_s;
		assert_int_equal(entry->mac.addr_bytes[5], 11);
		assert_string_equal(entry->name, "c1");
	}
	return true;
}

static void
the_table_tells_how_old_they_are(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *t = trusted(r, 1, 4, true), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(11, 9);
	struct entries e = { 0 };

	rig_send(r, t, &f);
	rig_expect(up, &f);
	rig_pass_ms(r, 7000);
	veb_fdb_walk(r->veb, r->now, see, &e);
	assert_int_equal(e.learned, 1);
	assert_int_equal(e.age, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_trusted_members_addresses_are_learned),
		RIG_TEST(they_are_no_more_than_it_may_have),
		RIG_TEST(a_static_address_stays_its_owners),
		RIG_TEST(a_trunks_own_address_is_not_learned),
		RIG_TEST(an_address_moves_not_too_often),
		RIG_TEST(who_is_not_seen_is_forgotten),
		RIG_TEST(who_leaves_takes_its_addresses_along),
		RIG_TEST(places_of_forgotten_addresses_are_used_again),
		RIG_TEST(a_group_is_no_source),
		RIG_TEST(the_table_tells_how_old_they_are),
	};

	return FILTER_RUN("veb_learn", tests, veb_rig_eal, NULL);
}
