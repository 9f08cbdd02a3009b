/* SPDX-License-Identifier: BSD-3-Clause */

/* What a container may say it is: by MAC, and where addresses are listed, by ARP, ND and IP. */

#include <string.h>

#include "veb_rig.h"

#define IPV4(a, b, c, d)   \
	{                  \
		a, b, c, d \
	}

static const uint8_t ours[4] = IPV4(10, 0, 0, 1), theirs[4] = IPV4(10, 0, 0, 2);
static const uint8_t ours6[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
static const uint8_t theirs6[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };
/* of 02:00:00:00:00:01 and :02 */
static const uint8_t local[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1 };
static const uint8_t local2[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2 };
static const uint8_t none[16];

struct net {
	struct veb_rig *r;
	struct rig_port *a, *up;
};

/* 10.0.0.1, 192.0.2.0/26, 2001:db8::1, 2001:db8:7::/49. */
static struct net
guarded(struct veb_rig *r)
{
	static const struct veb_prefix prefixes[] = {
		{ false, 32, IPV4(10, 0, 0, 1) },
		{ false, 26, IPV4(192, 0, 2, 0) },
		{ true, 128, { 0x20, 1, 0xd, 0xb8, [15] = 1 } },
		{ true, 49, { 0x20, 1, 0xd, 0xb8, 0, 7 } },
	};
	struct veb_rules rules = rig_rules(1);
	struct net n = { .r = r };

	rules.prefixes = prefixes;
	rules.nb_prefixes = RTE_DIM(prefixes);
	n.a = rig_container(r, 1, &rules);
	n.up = rig_uplink(r);
	return n;
}

static void
passes(struct net *n, const struct rig_frame *f, bool expected)
{
	const uint64_t before = rig_drops(n->a, VEB_DROP_SPOOF_IP);

	rig_send(n->r, n->a, f);
	assert_int_equal(rig_drops(n->a, VEB_DROP_SPOOF_IP) - before, !expected);
	if (expected)
		rig_expect(n->up, f);
	rig_expect_none(n->r);
}

static struct rig_frame
arp(uint16_t op, uint8_t mac, const uint8_t ip[4])
{
	struct rig_frame f = rig_group(1, true);
	const uint8_t hdr[8] = { 0, 1, 8, 0, 6, 4, 0, op };
	const uint8_t sha[6] = RIG_MAC(mac);

	f.type = 0x0806;
	memcpy(f.payload, hdr, 8);
	memcpy(f.payload + 8, sha, 6);
	memcpy(f.payload + 14, ip, 4);
	return f;
}

static struct rig_frame
ipv4(const uint8_t src[4])
{
	struct rig_frame f = rig_unicast(1, 9);

	f.type = 0x0800;
	f.payload[0] = 0x45;
	f.payload[9] = 17;
	memcpy(f.payload + 12, src, 4);
	f.payload[16] = 10;
	return f;
}

/* The upper header at offset 40. */
static struct rig_frame
ipv6(const uint8_t src[16], uint8_t proto)
{
	struct rig_frame f = rig_unicast(1, 9);

	f.type = 0x86dd;
	f.len = 142;
	f.payload[0] = 0x60;
	f.payload[6] = proto;
	memcpy(f.payload + 8, src, 16);
	f.payload[24] = 0xff;
	return f;
}

static struct rig_frame
icmpv6(const uint8_t src[16], uint8_t type, const uint8_t target[16])
{
	struct rig_frame f = ipv6(src, 58);

	f.payload[40] = type;
	memcpy(f.payload + 48, target, 16);
	return f;
}

static void
another_mac_is_spoofed(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r);
	const struct rig_frame f = rig_unicast(2, 9), own = rig_unicast(1, 9),
			       g = rig_group(2, true);
	struct veb_rules rules = rig_rules(1);

	rig_container(r, 2, NULL);
	rig_send(r, a, &f);
	rig_send(r, a, &g);
	assert_int_equal(rig_drops(a, VEB_DROP_SPOOF_MAC), 2);
	rig_send(r, a, &own);
	rig_expect(up, &own);
	rules.spoofchk = false;
	assert_int_equal(rig_set(a, &rules), 0);
	rig_send(r, a, &f);
	rig_expect(up, &f);
	rig_expect_none(r);
}

static void
arp_speaks_for_its_sender(void **state)
{
	struct net n = guarded(*state);
	struct rig_frame f;
	unsigned int op;

	for (op = 1; op <= 2; op++) {
		f = arp(op, 1, ours);
		passes(&n, &f, true);
		f = arp(op, 1, theirs);
		passes(&n, &f, false);
		f = arp(op, 2, ours);
		passes(&n, &f, false);
	}
	/* a probe asks whether somebody has an address, and claims none */
	f = arp(1, 1, none);
	passes(&n, &f, true);
	f = arp(2, 1, none);
	passes(&n, &f, false);
	f = arp(1, 1, ours);
	f.payload[4] = 8;
	passes(&n, &f, false);
}

static void
ipv4_comes_from_listed_addresses(void **state)
{
	static const struct {
		uint8_t src[4];
		bool passes;
	} cases[] = {
		{ IPV4(10, 0, 0, 1), true },
		{ IPV4(10, 0, 0, 0), false },
		{ IPV4(10, 0, 0, 3), false },
		{ IPV4(192, 0, 2, 0), true },
		{ IPV4(192, 0, 2, 63), true },
		{ IPV4(192, 0, 2, 64), false },
		{ IPV4(0, 0, 0, 0), false },
		{ IPV4(255, 255, 255, 255), false },
	};
	struct net n = guarded(*state);
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		f = ipv4(cases[i].src);
		passes(&n, &f, cases[i].passes);
	}
	f = ipv4(ours);
	f.payload[0] = 0x65;
	passes(&n, &f, false);
}

static void
a_dhcp_client_may_ask(void **state)
{
	struct net n = guarded(*state);
	struct rig_frame f = ipv4(none);

	memset(f.payload + 16, 0xff, 4);
	f.payload[21] = 68;
	f.payload[23] = 67;
	passes(&n, &f, true);
	/* but not serve, nor ask one in particular, nor hide the ports in a later fragment */
	f.payload[21] = 67;
	f.payload[23] = 68;
	passes(&n, &f, false);
	f.payload[21] = 68;
	f.payload[23] = 67;
	f.payload[7] = 1;
	passes(&n, &f, false);
	f.payload[7] = 0;
	f.payload[19] = 1;
	passes(&n, &f, false);
}

static void
ipv6_comes_from_listed_and_own_addresses(void **state)
{
	static const uint8_t in49[16] = { 0x20, 1, 0xd, 0xb8, 0, 7, 0x7f, 0xff, 9 };
	static const uint8_t out49[16] = { 0x20, 1, 0xd, 0xb8, 0, 7, 0x80, 0 };
	struct net n = guarded(*state);
	const struct {
		const uint8_t *src;
		bool passes;
	} cases[] = { { ours6, true }, { theirs6, false }, { local, true }, { local2, false },
		{ in49, true }, { out49, false }, { none, false } };
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		f = ipv6(cases[i].src, 17);
		passes(&n, &f, cases[i].passes);
	}
	f = ipv6(ours6, 17);
	f.payload[0] = 0x40;
	passes(&n, &f, false);
}

static void
neighbours_are_not_deceived(void **state)
{
	struct net n = guarded(*state);
	const struct {
		struct rig_frame f;
		bool passes;
	} cases[] = {
		/* advertisement */
		{ icmpv6(ours6, 136, ours6), true },
		{ icmpv6(local, 136, local), true },
		{ icmpv6(ours6, 136, theirs6), false },
		{ icmpv6(local, 136, local2), false },
		{ icmpv6(none, 136, ours6), false },
		/* solicitation, also that of who wants to take an address */
		{ icmpv6(ours6, 135, theirs6), true },
		{ icmpv6(none, 135, ours6), true },
		{ icmpv6(none, 135, local), true },
		{ icmpv6(none, 135, theirs6), false },
		/* router advertisement, redirect: never; solicitation, MLD, echo */
		{ icmpv6(local, 134, none), false },
		{ icmpv6(local, 137, none), false },
		{ icmpv6(local, 133, none), true },
		{ icmpv6(none, 133, none), true },
		{ icmpv6(none, 143, none), true },
		{ icmpv6(none, 131, none), true },
		{ icmpv6(ours6, 128, none), true },
		{ icmpv6(none, 128, none), false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++)
		passes(&n, &cases[i].f, cases[i].passes);
}

static void
an_icmpv6_header_does_not_hide(void **state)
{
	struct net n = guarded(*state);
	struct rig_frame f = ipv6(ours6, 0);
	unsigned int i;

	/* hop by hop, then destination options, then an advertisement for somebody else's */
	f.payload[40] = 60;
	f.payload[48] = 58;
	f.payload[56] = 136;
	memcpy(f.payload + 64, theirs6, 16);
	passes(&n, &f, false);
	memcpy(f.payload + 64, ours6, 16);
	passes(&n, &f, true);
	/* in fragments: neither the first nor a later one */
	f = ipv6(ours6, 44);
	f.payload[40] = 58;
	passes(&n, &f, false);
	f.payload[40] = 17;
	passes(&n, &f, true);
	/* behind more headers than anybody needs, and beyond the frame's end */
	f = ipv6(ours6, 60);
	for (i = 40; i < 40 + 9 * 8; i += 8)
		f.payload[i] = 60;
	passes(&n, &f, false);
	f = ipv6(ours6, 60);
	f.payload[40] = 58;
	f.payload[41] = 200;
	passes(&n, &f, false);
}

static void
what_is_not_ip_does_not_pass(void **state)
{
	static const uint16_t types[] = { 0x88b5, 0x8847, 0x8864, 0x8035, 0x0100 };
	struct net n = guarded(*state);
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(types); i++) {
		f = rig_unicast(1, 9);
		f.type = types[i];
		passes(&n, &f, false);
	}
}

static void
a_short_frame_says_nothing(void **state)
{
	const struct rig_frame frames[] = { arp(1, 1, ours), ipv4(ours), ipv6(ours6, 17),
		icmpv6(ours6, 136, ours6) };
	static const uint32_t lens[] = { 14 + 27, 14 + 19, 14 + 39, 14 + 63 };
	struct net n = guarded(*state);
	struct rig_frame f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(frames); i++) {
		f = frames[i];
		f.len = lens[i];
		passes(&n, &f, false);
		f.len++;
		passes(&n, &f, true);
	}
}

/* A trunk's frames are looked into behind their tags, and wherever their segments are cut. */
static void
tags_and_segments_hide_nothing(void **state)
{
	struct veb_rig *r = *state;
	const struct veb_prefix prefix = { false, 32, IPV4(10, 0, 0, 1) };
	const struct veb_vlans vlans = { .bits = { [0] = 1 << 10 } };
	struct veb_rules rules = rig_rules(1);
	struct rig_frame f = ipv4(ours);
	struct net n = { .r = r };
	struct rte_mbuf *m, *tail;

	rules.trunk = &vlans;
	rules.prefixes = &prefix;
	rules.nb_prefixes = 1;
	n.a = rig_container(r, 1, &rules);
	n.up = rig_uplink(r);
	f.tci = 10;
	passes(&n, &f, true);
	memcpy(f.payload + 12, theirs, 4);
	passes(&n, &f, false);
	m = rig_mbuf(&f);
	tail = rte_pktmbuf_copy(m, rig_pool, 30, UINT32_MAX);
	rte_pktmbuf_trim(m, m->data_len - 30);
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	rig_put_mbuf(n.a, m);
	rig_poll(r, n.a);
	assert_int_equal(rig_drops(n.a, VEB_DROP_SPOOF_IP), 2);
	rig_expect_none(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(another_mac_is_spoofed),
		RIG_TEST(arp_speaks_for_its_sender),
		RIG_TEST(ipv4_comes_from_listed_addresses),
		RIG_TEST(a_dhcp_client_may_ask),
		RIG_TEST(ipv6_comes_from_listed_and_own_addresses),
		RIG_TEST(neighbours_are_not_deceived),
		RIG_TEST(an_icmpv6_header_does_not_hide),
		RIG_TEST(what_is_not_ip_does_not_pass),
		RIG_TEST(a_short_frame_says_nothing),
		RIG_TEST(tags_and_segments_hide_nothing),
	};

	return FILTER_RUN("veb_guard", tests, veb_rig_eal, NULL);
}
