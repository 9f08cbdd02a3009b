/* SPDX-License-Identifier: BSD-3-Clause */

/* A member of a bridge that is captured: what its reader gets. */

#include <string.h>

#include "capture_rig.h"

static void
both_directions_are_seen_from_the_container(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1);
	struct capture_conf conf = capture_usual(r);

	capture_watch(a, &conf);
	rig_send(r, a, &f);
	rig_pass_ms(r, 5);
	rig_send(r, b, &back);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 2);
	capture_expect(0, READ_OUT, "");
	capture_expect(1, READ_IN, "");
	assert_memory_equal(captured.packets[0].bytes, f.dst, 6);
	assert_memory_equal(captured.packets[1].bytes, back.dst, 6);
	assert_int_equal(captured.packets[0].caplen, 60);
	assert_int_equal(captured.packets[0].len, 60);
	/* the lcore's time, in nanoseconds */
	assert_in_range(captured.packets[1].ns - captured.packets[0].ns, 4900000, 5100000);
	assert_string_equal(captured.name, "c1");
	assert_true(captured.received == 2 && captured.accepted == 2 && captured.dropped == 0);
	rig_send(r, a, &f);
	rig_expect(b, &f);
	capture_take(a);
	capture_take(b);
}

static void
one_direction_is_left_out(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2), back = rig_unicast(2, 1);
	struct capture_conf conf = capture_usual(r);

	conf.out = false;
	capture_watch(a, &conf);
	rig_send(r, a, &f);
	rig_send(r, b, &back);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	capture_expect(0, READ_IN, "");
	capture_take(a);
	capture_take(b);
}

static void
an_uplink_is_seen_as_a_host_sees_it(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r);
	struct rig_frame f = rig_unicast(1, 9), back = rig_unicast(9, 1);
	struct capture_conf conf = capture_usual(r);

	/* an uplink takes the frame itself: it is copied before */
	conf.uplink = true;
	capture_watch(up, &conf);
	rig_send(r, a, &f);
	rig_send(r, up, &back);
	capture_unwatch(up);
	assert_int_equal(captured.nb_packets, 2);
	capture_expect(0, READ_OUT, "");
	capture_expect(1, READ_IN, "");
	assert_memory_equal(captured.packets[0].bytes, f.dst, 12);
	read_free(&captured);
	conf.out = false;
	capture_watch(up, &conf);
	rig_send(r, a, &f);
	rig_send(r, up, &back);
	capture_unwatch(up);
	assert_int_equal(captured.nb_packets, 1);
	capture_expect(0, READ_IN, "");
	capture_take(a);
	capture_take(up);
}

static void
a_filter_filters(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	unsigned int i;

	conf.filter = capture_program(SEVENS);
	capture_watch(a, &conf);
	for (i = 0; i < 20; i++) {
		f.payload[1] = (uint8_t)i;
		rig_send(r, a, &f);
	}
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	assert_int_equal(captured.packets[0].bytes[15], 7);
	assert_true(captured.received == 20 && captured.accepted == 1);
	capture_take(b);
}

static void
frames_are_cut_to_a_length(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);

	conf.snaplen = 33;
	f.len = 1400;
	capture_watch(a, &conf);
	rig_send(r, a, &f);
	f.len = 20;
	rig_send(r, a, &f);
	capture_unwatch(a);
	assert_int_equal(captured.snaplen, 33);
	assert_int_equal(captured.packets[0].caplen, 33);
	assert_int_equal(captured.packets[0].len, 1400);
	assert_int_equal(captured.packets[1].caplen, 20);
	capture_take(b);
}

/* The filter and the copy find what is behind the first buffer. */
static void
a_frame_in_several_buffers_is_one(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct rte_mbuf *head = rig_mbuf(&f), *tail = rte_pktmbuf_alloc(rig_pool);
	struct capture_conf conf = capture_usual(r);

	memset(rte_pktmbuf_append(tail, 100), 7, 100);
	rte_pktmbuf_trim(head, head->data_len - 14);
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	conf.filter = capture_program(SEVENS);
	capture_watch(a, &conf);
	rig_put_mbuf(a, head);
	rig_poll(r, a);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	assert_int_equal(captured.packets[0].caplen, 114);
	assert_memory_equal(captured.packets[0].bytes, f.dst, 6);
	assert_int_equal(captured.packets[0].bytes[113], 7);
	capture_take(b);
}

static void
what_is_still_to_be_done_is_said(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	struct rte_mbuf *m = rig_mbuf(&f);

	capture_watch(a, &conf);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	m = rig_mbuf(&f);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
	m->tso_segsz = 1448;
	m->l3_len = m->l4_len = 20;
	rig_put_mbuf(a, m);
	rig_poll(r, a);
	capture_unwatch(a);
	assert_int_equal(captured.packets[0].flags, READ_OUT | READ_PARTIAL);
	capture_expect(0, READ_OUT, "partial checksum");
	assert_int_equal(captured.packets[1].flags, READ_OUT | READ_PARTIAL | READ_GSO);
	capture_expect(1, READ_OUT, "partial checksum, gso_size 1448");
	capture_take(b);
}

static void
why_it_was_dropped_is_said_once(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame good = rig_unicast(1, 2), f = rig_unicast(8, 2);
	struct capture_conf conf = capture_usual(r);

	conf.drops = true;
	capture_watch(a, &conf);
	rig_put(a, &f);
	rig_put(a, &good);
	f = rig_unicast(1, 2);
	f.tci = 5;
	rig_put(a, &f);
	f = rig_unicast(1, 99);
	rig_put(a, &f);
	f = rig_unicast(1, 2);
	f.len = RIG_MTU + 15;
	rig_put(a, &f);
	f = rig_group(1, true);
	rig_put(a, &f);
	rig_poll(r, a);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 6);
	capture_expect(0, READ_OUT, "dropped: spoofed MAC");
	capture_expect(1, READ_OUT, "");
	capture_expect(2, READ_OUT, "dropped: wrong VLAN");
	capture_expect(3, READ_OUT, "dropped: unknown address");
	capture_expect(4, READ_OUT, "dropped: too long");
	capture_expect(5, READ_OUT, "");
	capture_take(b);
}

/* The same without the word for it: frames that it sent, and none that it did not get. */
static void
drops_are_said_on_request(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(8, 2);
	struct capture_conf conf = capture_usual(r);

	capture_watch(a, &conf);
	rig_send(r, a, &f);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	capture_expect(0, READ_OUT, "");
	read_free(&captured);
	f = rig_unicast(1, 2);
	b->room = 0;
	capture_watch(b, &conf);
	rig_send(r, a, &f);
	b->room = 1;
	rig_send(r, a, &f);
	capture_unwatch(b);
	assert_int_equal(captured.nb_packets, 1);
	capture_expect(0, READ_IN, "");
	capture_take(b);
}

static void
what_it_did_not_get_is_shown_with_the_reason(void **state)
{
	struct veb_rig *r = *state;
	struct veb_rules rules = rig_rules(2);
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);

	conf.drops = true;
	capture_watch(b, &conf);
	b->room = 1;
	rig_put(a, &f);
	rig_put(a, &f);
	rig_poll(r, a);
	b->room = 1;
	rules.link = VEB_LINK_DOWN;
	assert_int_equal(rig_set(b, &rules), 0);
	rig_send(r, a, &f);
	rules.link = VEB_LINK_UP;
	rules.max_rx_rate = 1;
	rules.burst = 1;
	assert_int_equal(rig_set(b, &rules), 0);
	b->room = UINT16_MAX;
	f.len = 1500;
	while (rig_drops(b, VEB_DROP_RX_RATE) == 0)
		rig_send(r, a, &f);
	capture_unwatch(b);
	capture_expect(0, READ_IN, "");
	capture_expect(1, READ_IN, "dropped: queue full");
	capture_expect(2, READ_IN, "dropped: link down");
	capture_expect(3, READ_IN, "");
	capture_expect(captured.nb_packets - 2, READ_IN, "");
	capture_expect(captured.nb_packets - 1, READ_IN, "dropped: rx rate");
	capture_take(b);
}

static void
no_buffer_for_a_copy_is_a_reason(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *up = rig_uplink(r), *up2 = rig_uplink(r);
	struct rig_frame f = rig_group(1, true);
	struct capture_conf conf = capture_usual(r);
	static struct rte_mbuf *all[RIG_MBUFS];
	unsigned int n;

	conf.drops = true;
	capture_watch(a, &conf);
	rig_put(a, &f);
	n = rte_mempool_avail_count(rig_pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool, all, n), 0);
	rig_poll(r, a);
	rte_pktmbuf_free_bulk(all, n);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	capture_expect(0, READ_OUT, "dropped: no buffer");
	capture_take(up);
	capture_take(up2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURE_TEST(both_directions_are_seen_from_the_container),
		CAPTURE_TEST(one_direction_is_left_out),
		CAPTURE_TEST(an_uplink_is_seen_as_a_host_sees_it),
		CAPTURE_TEST(a_filter_filters),
		CAPTURE_TEST(frames_are_cut_to_a_length),
		CAPTURE_TEST(a_frame_in_several_buffers_is_one),
		CAPTURE_TEST(what_is_still_to_be_done_is_said),
		CAPTURE_TEST(why_it_was_dropped_is_said_once),
		CAPTURE_TEST(drops_are_said_on_request),
		CAPTURE_TEST(what_it_did_not_get_is_shown_with_the_reason),
		CAPTURE_TEST(no_buffer_for_a_copy_is_a_reason),
	};

	return FILTER_RUN("capture_veb", tests, veb_rig_eal, NULL);
}
