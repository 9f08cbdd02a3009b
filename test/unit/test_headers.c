/* SPDX-License-Identifier: BSD-3-Clause */

/* The reader of headers, against frames whose layout is known, cut off and bent anywhere. */

#include <errno.h>
#include <string.h>

#include "hdr_frame.h"
#include "rte_vduse_net_headers.h"

/* As the reader sees the frame, from its bytes alone or with L4 told. */
static void
expect(const struct frame *f, const struct rte_vduse_net_headers *h)
{
	assert_int_equal(h->ip.at, f->ip);
	assert_int_equal(h->ip.len, f->l3);
	assert_int_equal(h->ip.ipv6, f->spec.ipv6);
	assert_int_equal(h->ip.dst, f->ip + (f->spec.ipv6 ? 24 : 16));
	assert_int_equal(h->outer.at, f->outer_l2);
	assert_int_equal(h->outer.len, f->outer_l3);
	assert_int_equal(h->l4, f->l4);
	assert_int_equal(h->data, f->l4 + f->l4_hdr);
	assert_int_equal(h->proto, f->spec.protocol);
	assert_int_equal(h->outer_udp, f->spec.wrap == FRAME_VXLAN);
	assert_int_equal(h->pppoe, 0);
	assert_true(h->ether_plain);
}

static uint32_t
tunnel_type(enum frame_wrap wrap)
{
	return wrap == FRAME_GRE     ? RTE_PTYPE_TUNNEL_GRE
	       : wrap == FRAME_VXLAN ? RTE_PTYPE_TUNNEL_VXLAN
				     : 0;
}

/* Every kind of frame, in segments of all sizes; told and not told. */
static void
test_kinds(void **state)
{
	static const uint8_t protocols[] = { FRAME_TCP, FRAME_UDP, FRAME_SCTP };
	struct frame_spec spec = { .payload = 50 };
	struct rte_vduse_net_headers h;
	struct rte_mbuf *m;
	struct frame f;
	uint32_t first;
	unsigned int k;

	(void)state;
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++)
		for (k = 0; k < 12; k++) {
			spec.protocol = protocols[k % 3];
			spec.ipv6 = k / 3 % 2;
			spec.options = k / 6 * 8;
			frame_build(&f, &spec);
			for (first = 1; first <= f.len; first++) {
				m = frame_mbuf(f.data, f.len, first, 1 + first % 5);
				m->packet_type = tunnel_type(spec.wrap);
				assert_int_equal(rte_vduse_net_headers_read(m, 0, &h), 0);
				expect(&f, &h);
				m->packet_type = 0;
				assert_int_equal(rte_vduse_net_headers_read(m, f.l4, &h), 0);
				expect(&f, &h);
				assert_int_equal(h.tunnel, tunnel_type(spec.wrap));
				assert_true(rte_vduse_net_headers_set(m, &h));
				assert_int_equal(m->l2_len, f.l2);
				assert_int_equal(m->l3_len, f.l3);
				assert_int_equal(m->outer_l2_len, f.outer_l2);
				assert_int_equal(m->outer_l3_len, f.outer_l3);
				rte_pktmbuf_free(m);
			}
		}
}

/* Cut off anywhere in the headers it is refused, and not read beyond its end. */
static void
test_cut_off(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_TCP, .options = 8 };
	struct rte_vduse_net_headers h;
	struct rte_mbuf *m;
	struct frame f;
	uint32_t len;

	(void)state;
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++)
		for (spec.ipv6 = 0;; spec.ipv6 = 1) {
			frame_build(&f, &spec);
			for (len = 1; len < f.l4 + f.l4_hdr; len++) {
				m = frame_mbuf(f.data, len, 1 + len / 2, 3);
				m->packet_type = tunnel_type(spec.wrap);
				assert_int_equal(rte_vduse_net_headers_read(m, 0, &h), -EINVAL);
				assert_int_equal(rte_vduse_net_headers_read(m, f.l4, &h), -EINVAL);
				rte_pktmbuf_free(m);
			}
			if (spec.ipv6)
				break;
		}
}

/* A frame of n tags, labels or extension headers: as many as are allowed, then no more. */
static uint32_t
many(uint8_t *data, const struct frame *f, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	memcpy(data, f->data, at);
	memcpy(data + at, bytes, len);
	memcpy(data + at + len, f->data + at, f->len - at);
	return f->len + len;
}

static void
test_bounds(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_UDP, .payload = 9 };
	uint8_t data[FRAME_MAX], tags[80], labels[82], options[80];
	struct rte_vduse_net_headers h;
	struct frame f, f6;
	struct rte_mbuf *m;
	unsigned int i, kind;
	uint32_t n;
	bool ok;

	(void)state;
	frame_build(&f, &spec);
	spec.ipv6 = true;
	frame_build(&f6, &spec);
	for (i = 0; i < 80; i += 4)
		memcpy(tags + i, (const uint8_t[]){ 0x81, 0, 0, i }, 4);
	frame_put16(labels, 0x8847);
	for (i = 2; i < 82; i += 4)
		memcpy(labels + i, (const uint8_t[]){ 0, 1, 0, 64 }, 4);
	/* destination options, each followed by one more */
	for (i = 0; i < 80; i += 8)
		memcpy(options + i, (const uint8_t[]){ 60, 0, 1, 4, 0, 0, 0, 0 }, 8);
	for (i = 1; i < 10; i++)
		for (kind = 0; kind < 3; kind++) {
			if (kind == 0) {
				n = many(data, &f, 12, tags, 4 * i);
			} else if (kind == 1) {
				labels[4 * i] |= 1;
				n = many(data, &f, 12, labels, 2 + 4 * i);
				memmove(data + 14 + 4 * i, data + 16 + 4 * i, n - 16 - 4 * i);
				n -= 2;
				labels[4 * i] &= ~1;
			} else {
				n = many(data, &f6, 54, options, 8 * i);
				data[20] = 60;
				data[54 + 8 * (i - 1)] = FRAME_UDP;
			}
			m = frame_mbuf(data, n, 13, 1);
			assert_int_equal(rte_vduse_net_link_len(m),
					kind > 0 ? 14 : 14 + 4 * RTE_MIN(i, 8u));
			rte_pktmbuf_free(m);
			ok = i <=
			     (kind < 2 ? RTE_VDUSE_NET_TAGS_MAX : RTE_VDUSE_NET_EXTENSIONS_MAX);
			m = frame_mbuf(data, n, 500, 500);
			if ((rte_vduse_net_headers_read(m, 0, &h) == 0) != ok)
				fail_msg("kind %u, %u of them", kind, i);
			assert_int_equal(rte_vduse_net_headers_read(m, n - 17, &h) == 0, ok);
			rte_pktmbuf_free(m);
		}
}

/* Bytes that are not what they were: read or refused, and what is read is in the frame. */
static void
test_bent(void **state)
{
	struct unit_rng rng = { .state = 12 };
	unsigned int i, k, good = 0;
	struct rte_vduse_net_headers h;
	struct frame_spec spec;
	struct rte_mbuf *m;
	struct frame f;
	uint32_t len;

	(void)state;
	for (i = 0; i < 50000; i++) {
		spec = (struct frame_spec){ .wrap = unit_random(&rng, 0, FRAME_WRAPS - 1),
			.ipv6 = unit_random(&rng, 0, 1),
			.protocol = unit_random(&rng, 0, 1) ? FRAME_TCP : FRAME_UDP,
			.options = 8 * unit_random(&rng, 0, 2),
			.payload = unit_random(&rng, 0, 40) };
		frame_build(&f, &spec);
		for (k = unit_random(&rng, 0, 3); k > 0; k--)
			f.data[unit_random(&rng, 12, f.len - 1)] = unit_random(&rng, 0, 255);
		len = unit_random(&rng, 0, 3) ? f.len : unit_random(&rng, 1, f.len);
		m = frame_mbuf(f.data, len, unit_random(&rng, 1, 100), unit_random(&rng, 1, 100));
		m->packet_type = tunnel_type(unit_random(&rng, 0, FRAME_WRAPS - 1));
		k = unit_random(&rng, 0, 2);
		if (rte_vduse_net_headers_read(m,
				    k == 0   ? 0
				    : k == 1 ? f.l4
					     : unit_random(&rng, 0, len),
				    &h) == 0) {
			good++;
			assert_true(h.outer.at + h.outer.len <= h.ip.at);
			assert_true(h.ip.at >= 14 && h.ip.len >= 20);
			assert_int_equal(h.l4, h.ip.at + h.ip.len);
			assert_true(h.data > h.l4 && h.data <= len);
			assert_true(h.ip.dst > h.ip.at && h.ip.dst < h.l4);
		}
		rte_pktmbuf_free(m);
	}
	assert_in_range(good, 5000, 45000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_kinds),
		UNIT_TEST(test_cut_off),
		UNIT_TEST(test_bounds),
		UNIT_TEST(test_bent),
	};

	return UNIT_RUN("headers", tests);
}
