/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames that a member lends: behind their first segment its tenant writes to them meanwhile. Who
 * copies gets them from there, who keeps one gets a copy, and what the guard saw is what is sent.
 */

#include <string.h>

#include "veb_rig.h"

/* Bytes of a frame that are the bridge's. */
#define HEAD 128
#define LONG 1400

/* A tenant's memory with one frame in it. */
struct tenant {
	struct rte_mbuf_ext_shared_info shinfo;
	unsigned int out; /* mbufs that point to it */
	uint8_t bytes[2048];
};

static struct tenant tenant;

static void
on_free(void *addr, void *opaque)
{
	struct tenant *t = opaque;

	(void)addr;
	t->out--;
}

/* The frame as a device without a copy hands it on. */
static struct rte_mbuf *
lent_mbuf(const struct rig_frame *frame)
{
	struct rte_mbuf *m = rig_mbuf(frame), *tail = rte_pktmbuf_alloc(rig_pool);
	const uint16_t len = m->data_len - HEAD;

	assert_non_null(tail);
	memcpy(tenant.bytes, rte_pktmbuf_mtod_offset(m, void *, HEAD), len);
	tenant.shinfo.free_cb = on_free;
	tenant.shinfo.fcb_opaque = &tenant;
	rte_mbuf_ext_refcnt_set(&tenant.shinfo, 1);
	tenant.out++;
	rte_pktmbuf_attach_extbuf(
			tail, tenant.bytes, RTE_BAD_IOVA, sizeof(tenant.bytes), &tenant.shinfo);
	tail->data_len = len;
	m->data_len = HEAD;
	m->next = tail;
	m->nb_segs = 2;
	return m;
}

static struct rig_port *
lender(struct veb_rig *r, const struct veb_rules *rules)
{
	struct rig_port *port = rig_container(r, 1, rules);

	port->ops.lends = true;
	return port;
}

static struct rig_frame
long_frame(uint8_t to)
{
	struct rig_frame f = rig_unicast(1, to);

	f.len = LONG;
	memset(f.payload, 0x5a, sizeof(f.payload));
	return f;
}

static bool
is_from_tenant(const struct rig_port *port)
{
	return port->behind == tenant.bytes;
}

static void
send_lent(struct veb_rig *r, struct rig_port *port, const struct rig_frame *f)
{
	rig_put_mbuf(port, lent_mbuf(f));
	rig_poll(r, port);
}

static void
who_copies_gets_it_from_there(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = lender(r, NULL), *b = rig_container(r, 2, NULL);
	const struct rig_frame f = long_frame(2);

	send_lent(r, a, &f);
	rig_expect(b, &f);
	assert_true(is_from_tenant(b));
	/* it is given back by the end of the poll */
	assert_int_equal(tenant.out, 0);
	rig_expect_none(r);
}

static void
who_keeps_one_gets_a_copy(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = lender(r, NULL), *up = rig_uplink(r);
	const struct rig_frame f = long_frame(9), group = rig_group(1, true);
	struct rig_frame to_all = group;

	send_lent(r, a, &f);
	assert_int_equal(tenant.out, 0);
	memset(tenant.bytes, 0xee, sizeof(tenant.bytes));
	rig_expect(up, &f);
	to_all.len = LONG;
	send_lent(r, a, &to_all);
	assert_int_equal(tenant.out, 0);
	memset(tenant.bytes, 0xee, sizeof(tenant.bytes));
	rig_expect(up, &to_all);
	rig_expect_none(r);
}

/* All that hear a frame hear the same. */
static void
many_get_one_copy(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = lender(r, NULL), *b = rig_container(r, 2, NULL),
			*c = rig_container(r, 3, NULL);
	struct rig_frame f = rig_group(1, false);

	f.len = LONG;
	send_lent(r, a, &f);
	rig_expect(b, &f);
	rig_expect(c, &f);
	assert_false(is_from_tenant(b) || is_from_tenant(c));
	rig_expect_none(r);
}

static void
a_mirror_gets_what_is_sent(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(1), to = rig_rules(2);
	struct rig_port *mirror = rig_container(r, 3, NULL), *a, *b, *c;
	const struct rig_frame f = long_frame(2), back = long_frame(4);

	to.mirror = mirror->member;
	b = rig_container(r, 2, &to);
	c = rig_container(r, 4, NULL);
	a = lender(r, &rules);
	send_lent(r, a, &f);
	rig_expect(mirror, &f);
	rig_expect(b, &f);
	assert_false(is_from_tenant(mirror) || is_from_tenant(b));
	rules.mirror = mirror->member;
	assert_int_equal(rig_set(a, &rules), 0);
	send_lent(r, a, &back);
	rig_expect(mirror, &back);
	rig_expect(c, &back);
	assert_false(is_from_tenant(mirror) || is_from_tenant(c));
	rig_expect_none(r);
	rig_remove(r, a);
	rig_remove(r, b);
}

/* No buffer for a copy: the frame is dropped, and counted. */
static void
without_a_buffer_it_is_dropped(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = lender(r, NULL), *up = rig_uplink(r);
	struct rte_mbuf *taken[RIG_MBUFS];
	const struct rig_frame f = long_frame(9);
	unsigned int n;

	rig_put_mbuf(a, lent_mbuf(&f));
	n = rte_mempool_avail_count(rig_pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool, taken, n), 0);
	rig_poll(r, a);
	assert_int_equal(rig_drops(a, VEB_DROP_NO_BUFFER), 1);
	assert_int_equal(tenant.out, 0);
	rte_pktmbuf_free_bulk(taken, n);
	assert_int_equal(up->nb_out, 0);
	rig_expect_none(r);
}

/* An IPv6 header with options of so many bytes, and ICMPv6 behind them. */
static struct rig_frame
with_options(uint8_t options, uint8_t type)
{
	static const uint8_t source[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct rig_frame f = rig_unicast(1, 2);

	f.type = 0x86dd;
	f.len = LONG;
	f.payload[0] = 0x60;
	f.payload[6] = 0; /* hop by hop */
	memcpy(f.payload + 8, source, sizeof(source));
	f.payload[40] = 58;
	f.payload[41] = options / 8 - 1;
	f.payload[40 + options] = type;
	return f;
}

static struct rig_port *
guarded_lender(struct veb_rig *r)
{
	static const struct veb_prefix own = { true, 128, { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	struct veb_rules rules = rig_rules(1);

	rules.prefixes = &own;
	rules.nb_prefixes = 1;
	return lender(r, &rules);
}

/* Echo, and a neighbour's advertisement for another's address. */
#define ECHO      128
#define ADVERTISE 136

/*
 * The header that the guard looks for is where the tenant writes. It changes it at the moment at
 * which the receiver begins to copy: that one gets what the guard has seen.
 */
static void
rewrite(struct rig_port *port)
{
	(void)port;
	tenant.bytes[14 + 40 + 80 - HEAD] = ADVERTISE;
}

static void
what_the_guard_saw_is_sent(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = guarded_lender(r), *b = rig_container(r, 2, NULL);
	const struct rig_frame hidden = with_options(80, ECHO), near = with_options(64, ECHO),
			       bad = with_options(80, ADVERTISE);

	b->before = rewrite;
	send_lent(r, a, &hidden);
	rig_expect(b, &hidden);
	assert_false(is_from_tenant(b));
	assert_int_equal(tenant.out, 0);
	/* all of its headers are the bridge's */
	b->before = NULL;
	send_lent(r, a, &near);
	rig_expect(b, &near);
	assert_true(is_from_tenant(b));
	send_lent(r, a, &bad);
	assert_int_equal(rig_drops(a, VEB_DROP_SPOOF_IP), 1);
	rig_expect_none(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(who_copies_gets_it_from_there),
		RIG_TEST(who_keeps_one_gets_a_copy),
		RIG_TEST(many_get_one_copy),
		RIG_TEST(a_mirror_gets_what_is_sent),
		RIG_TEST(without_a_buffer_it_is_dropped),
		RIG_TEST(what_the_guard_saw_is_sent),
	};

	return FILTER_RUN("veb_lend", tests, veb_rig_eal, NULL);
}
