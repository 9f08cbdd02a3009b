/* SPDX-License-Identifier: BSD-3-Clause */

/* What the driver says of a frame is the truth, whatever the link layer is. */

#include <errno.h>
#include <string.h>

#include "hdr_frame.h"
#include "net/hdr.h"

/* What may be in front of IP. */
static const struct link {
	const char *name;
	uint8_t bytes[32]; /* from the ethertype on; the last two are IP's, where they are one */
	uint32_t len;
	bool ends_in_type; /* the last two bytes are IP's ethertype */
} links[] = {
	{ "802.1Q", { 0x81, 0, 0, 5, 8, 0 }, 6, true },
	{ "802.1ad", { 0x88, 0xa8, 0, 5, 8, 0 }, 6, true },
	{ "0x9100", { 0x91, 0, 0, 5, 8, 0 }, 6, true },
	{ "0x9200", { 0x92, 0, 0, 5, 8, 0 }, 6, true },
	{ "802.1Q in 802.1Q", { 0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0 }, 10, true },
	{ "802.1ad in 802.1Q", { 0x81, 0, 0, 5, 0x88, 0xa8, 0, 6, 8, 0 }, 10, true },
	{ "three tags", { 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7, 8, 0 }, 14, true },
	{ "five tags",
			{ 0x88, 0xa8, 0, 5, 0x88, 0xa8, 0, 6, 0x81, 0, 0, 7, 0x91, 0, 0, 8, 0x81, 0,
					0, 9, 8, 0 },
			22, true },
	{ "MPLS", { 0x88, 0x47, 0, 1, 1, 64 }, 6, false },
	{ "two labels", { 0x88, 0x48, 0, 1, 0, 64, 0, 2, 1, 64 }, 10, false },
	{ "PPPoE", { 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21 }, 10, false },
	{ "PPPoE in a VLAN", { 0x81, 0, 0, 5, 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21 }, 14,
			false },
	{ "an ethertype without a name", { 0x88, 0xb5, 1, 2, 3, 4, 5 }, 7, false },
	{ "a service tag (802.1ah)",
			{ 0x88, 0xe7, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 }, 20,
			true },
};

/* A plain frame with that in front of its IP header. */
static void
link_put(struct frame *f, const struct link *l)
{
	const uint32_t more = l->len - 2;
	uint8_t data[FRAME_MAX];

	assert_true(f->len + more <= FRAME_MAX);
	memcpy(data, f->data, f->len);
	memcpy(f->data + 12, l->bytes, l->len);
	if (f->spec.ipv6 && l->ends_in_type)
		frame_put16(f->data + 10 + l->len, 0x86dd);
	else if (f->spec.ipv6 && l->bytes[l->len - 1] == 0x21)
		f->data[11 + l->len] = 0x57;
	memcpy(f->data + 12 + l->len, data + 14, f->len - 14);
	f->len += more;
	f->l2 += more;
	f->ip += more;
	f->l4 += more;
	f->field += more;
	f->end += more;
}

/* One frame behind one link: its checksum left and completed, or to be cut. */
static void
link_run(const struct link *l, const struct frame_spec *spec, bool cut, uint32_t first)
{
	uint8_t data[FRAME_MAX];
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;

	frame_build(&f, spec);
	link_put(&f, l);
	frame_data_partial(&f, data);
	hdr = frame_hdr_partial(&f);
	if (cut) {
		hdr.gso_type = frame_gso_type(spec);
		hdr.gso_size = 1000;
	}
	m = frame_mbuf(data, f.len, first, 111);
	if (net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, false, m) != 0)
		fail_msg("%s, IPv%c, protocol %u, %s: refused", l->name, spec->ipv6 ? '6' : '4',
				spec->protocol, cut ? "to be cut" : "checksum");
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE | (cut ? RTE_MBUF_F_RX_LRO : 0));
	assert_int_equal(m->tso_segsz, cut ? 1000 : 0);
	assert_int_equal(m->l2_len, f.ip);
	assert_int_equal(m->l3_len, f.l4 - f.ip);
	assert_int_equal(m->l4_len, f.l4_hdr);
	assert_int_equal(m->outer_l2_len + m->outer_l3_len, 0);
	frame_check(m, data, f.len);
	rte_pktmbuf_free(m);
	if (cut)
		return;
	m = frame_mbuf(data, f.len, first, 111);
	assert_int_equal(net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, true, m), 0);
	assert_int_equal(m->ol_flags, frame_good_flags(spec));
	frame_check(m, f.data, f.len);
	rte_pktmbuf_free(m);
}

/* What the driver says is the truth, whatever the link layer is. */
static void
test_links(void **state)
{
	struct frame_spec spec = { .payload = 3000, .seed = 4 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(links); i++)
		for (k = 0; k < 32; k++) {
			spec.ipv6 = k & 1;
			spec.protocol = k & 2 ? FRAME_TCP : FRAME_UDP;
			spec.options = k & 4 ? 16 : 0;
			link_run(&links[i], &spec, k & 8, k & 16 ? 2000 : 19);
		}
}

/* Behind a link that is known and behind one that is not, L4 elsewhere is no L4. */
static void
test_links_elsewhere(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_TCP, .payload = 3000 };
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;
	unsigned int i, v;
	uint32_t start;

	(void)state;
	for (i = 0; i < RTE_DIM(links); i++)
		for (v = 0; v < 2; v++) {
			spec.ipv6 = v;
			frame_build(&f, &spec);
			link_put(&f, &links[i]);
			for (start = 0; start < f.len; start += start < 200 ? 1 : 97) {
				hdr = frame_hdr_partial(&f);
				hdr.gso_type = frame_gso_type(&spec);
				hdr.gso_size = 1000;
				hdr.csum_start = start;
				if (start == f.l4)
					continue;
				frame_refused(&hdr, FRAME_GSO_FEATURES, &f);
				/* the checksum alone is completed where the driver says */
				hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
				m = frame_mbuf(f.data, f.len, 333, 111);
				assert_int_equal(
						net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, false, m),
						start + 18 > f.len ? -EINVAL : 0);
				assert_int_equal(m->ol_flags, 0);
				rte_pktmbuf_free(m);
			}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_links),
		UNIT_TEST(test_links_elsewhere),
	};

	return UNIT_RUN("hdr_links", tests);
}
