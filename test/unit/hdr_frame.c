/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "hdr_frame.h"
#include "net/hdr.h"

void
frame_put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

uint16_t
frame_get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

uint16_t
frame_sum(const uint8_t *data, uint32_t len, uint32_t before)
{
	uint64_t sum = before;
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 == 0 ? data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t
frame_pseudo(const struct frame *f)
{
	const uint32_t before = f->spec.protocol + (f->end - f->l4);

	if (f->spec.ipv6)
		return frame_sum(f->data + f->ip + 8, 32, before);
	return frame_sum(f->data + f->ip + 12, 8, before);
}

static uint8_t *
frame_grow(struct frame *f, uint32_t len)
{
	uint8_t *at = f->data + f->len;

	f->len += len;
	assert_true(f->len <= FRAME_MAX);
	memset(at, 0, len);
	return at;
}

/* Two addresses and a type; @return the type's place */
static uint32_t
frame_ether(struct frame *f, uint16_t type)
{
	static const uint8_t macs[] = { 2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 0xbb };

	memcpy(frame_grow(f, sizeof(macs)), macs, sizeof(macs));
	frame_put16(frame_grow(f, 2), type);
	return f->len - 2;
}

static void
frame_tag(struct frame *f, uint16_t tag_type, uint16_t id)
{
	const uint16_t type = frame_get16(f->data + f->len - 2);

	frame_put16(f->data + f->len - 2, tag_type);
	frame_put16(frame_grow(f, 2), id);
	frame_put16(frame_grow(f, 2), type);
}

/* RFC 791; the length is filled in by frame_ipv4_end() */
static uint32_t
frame_ipv4(struct frame *f, uint8_t protocol, uint8_t options, uint8_t net)
{
	const uint32_t at = f->len;
	uint8_t *ip = frame_grow(f, 20 + options);

	ip[0] = 0x40 | (20 + options) / 4;
	frame_put16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, (const uint8_t[]){ net, 1, 2, 3, net, 99, 88, 77 }, 8);
	memset(ip + 20, 1, options); /* no operation */
	return at;
}

static void
frame_ipv4_end(struct frame *f, uint32_t at)
{
	uint8_t *ip = f->data + at;

	frame_put16(ip + 2, f->len - at);
	frame_put16(ip + 10, 0);
	frame_put16(ip + 10, ~frame_sum(ip, (ip[0] & 15) * 4, 0));
}

/* RFC 8200, with a hop-by-hop header of padding */
static uint32_t
frame_ipv6(struct frame *f, uint8_t protocol, uint8_t options)
{
	const uint32_t at = f->len;
	uint8_t *ip = frame_grow(f, 40 + options);
	unsigned int i;

	ip[0] = 0x60;
	ip[6] = options > 0 ? 0 : protocol;
	ip[7] = 64;
	for (i = 8; i < 40; i++)
		ip[i] = 0x20 + 7 * i;
	if (options > 0) {
		ip[40] = protocol;
		ip[41] = options / 8 - 1;
		ip[42] = 1; /* PadN */
		ip[43] = options - 4;
	}
	return at;
}

static void
frame_outer(struct frame *f)
{
	const bool inner6 = f->spec.ipv6;
	uint8_t *at;

	frame_ether(f, 0x0800);
	f->outer_l2 = 14;
	f->outer_l3 = 20;
	frame_ipv4(f, f->spec.wrap == FRAME_GRE ? 47 : FRAME_UDP, 0, 172);
	if (f->spec.wrap == FRAME_GRE) {
		frame_put16(frame_grow(f, 4) + 2, inner6 ? 0x86dd : 0x0800);
		f->l2 = 4;
		return;
	}
	/* RFC 7348: UDP without a checksum */
	at = frame_grow(f, 16);
	frame_put16(at, 49152);
	frame_put16(at + 2, 4789);
	at[8] = 8;
	at[14] = 42;
	frame_ether(f, inner6 ? 0x86dd : 0x0800);
	f->l2 = 16 + 14;
}

static void
frame_l4(struct frame *f)
{
	const struct frame_spec *s = &f->spec;
	uint8_t *l4;

	f->l4 = f->len;
	f->l4_hdr = s->protocol == FRAME_TCP ? 20 : s->protocol == FRAME_SCTP ? 12 : 8;
	l4 = frame_grow(f, f->l4_hdr);
	frame_put16(l4, 4660);
	frame_put16(l4 + 2, 443);
	if (s->protocol == FRAME_TCP) {
		l4[4] = 9;
		l4[12] = 5 << 4;
		l4[13] = s->tcp_flags;
		l4[14] = 0x40;
		f->field = f->l4 + 16;
	} else {
		frame_put16(l4 + 4, f->l4_hdr + s->payload);
		f->field = f->l4 + (s->protocol == FRAME_SCTP ? 8 : 6);
	}
}

/* What depends on lengths, from the inside out. */
static void
frame_finish(struct frame *f)
{
	uint16_t sum;

	if (f->spec.ipv6)
		frame_put16(f->data + f->ip + 4, f->len - f->ip - 40);
	else
		frame_ipv4_end(f, f->ip);
	f->end = f->len;
	sum = ~frame_sum(f->data + f->l4, f->end - f->l4, frame_pseudo(f));
	frame_put16(f->data + f->field, sum == 0 ? 0xffff : sum);
	if (f->outer_l3 == 0)
		return;
	frame_ipv4_end(f, f->outer_l2);
	if (f->spec.wrap == FRAME_VXLAN)
		frame_put16(f->data + 14 + 20 + 4, f->len - 14 - 20);
}

void
frame_build(struct frame *f, const struct frame_spec *spec)
{
	uint32_t i;

	memset(f, 0, sizeof(*f));
	f->spec = *spec;
	if (spec->wrap == FRAME_GRE || spec->wrap == FRAME_VXLAN) {
		frame_outer(f);
	} else {
		frame_ether(f, spec->ipv6 ? 0x86dd : 0x0800);
		if (spec->wrap == FRAME_TAGS)
			frame_tag(f, 0x9100, 99);
		if (spec->wrap == FRAME_QINQ || spec->wrap == FRAME_AD)
			frame_tag(f, 0x88a8, 100);
		if (spec->wrap == FRAME_TAGS)
			frame_tag(f, 0x8100, 101);
		if (spec->wrap != FRAME_PLAIN && spec->wrap != FRAME_AD)
			frame_tag(f, 0x8100, 7);
		f->l2 = f->len;
	}
	f->ip = spec->ipv6 ? frame_ipv6(f, spec->protocol, spec->options)
			   : frame_ipv4(f, spec->protocol, spec->options, 10);
	f->l3 = f->len - f->ip;
	frame_l4(f);
	for (i = 0; i < spec->payload; i++)
		*frame_grow(f, 1) = unit_byte(spec->seed, i);
	frame_finish(f);
	memset(frame_grow(f, spec->trailer), 0x5a, spec->trailer);
}

struct rte_mbuf *
frame_mbuf(const uint8_t *data, uint32_t len, uint32_t first, uint32_t others)
{
	struct rte_mbuf *head = NULL, *tail = NULL, *m;
	uint32_t done, n;

	for (done = 0; done < len; done += n) {
		m = rte_pktmbuf_alloc(unit_pool);
		assert_non_null(m);
		n = RTE_MIN(len - done,
				RTE_MIN(done == 0 ? first : others, (uint32_t)UNIT_DATA_ROOM));
		memcpy(rte_pktmbuf_append(m, n), data + done, n);
		if (head == NULL) {
			head = m;
		} else {
			tail->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		tail = m;
	}
	return head;
}

void
frame_check(const struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	uint32_t at = 0, i;

	rte_mbuf_sanity_check(m, 1);
	assert_int_equal(m->pkt_len, len);
	for (; m != NULL; m = m->next)
		for (i = 0; i < m->data_len; i++, at++)
			if (*rte_pktmbuf_mtod_offset(m, const uint8_t *, i) != data[at])
				fail_msg("byte %u of %u is %02x instead of %02x", at, len,
						*rte_pktmbuf_mtod_offset(m, const uint8_t *, i),
						data[at]);
	assert_int_equal(at, len);
}

uint8_t
frame_gso_type(const struct frame_spec *spec)
{
	if (spec->protocol == FRAME_UDP)
		return VIRTIO_NET_HDR_GSO_UDP_L4;
	return spec->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
}

/* What a driver says of a frame whose checksum it left to the device. */
struct virtio_net_hdr
frame_hdr_partial(const struct frame *f)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = f->l4,
		.csum_offset = f->field - f->l4,
	};
}

/* The frame as such a driver sends it: the field holds the pseudo header's sum. */
void
frame_data_partial(const struct frame *f, uint8_t *data)
{
	memcpy(data, f->data, f->len);
	frame_put16(data + f->field, frame_pseudo(f));
}

/* Of a completed frame without a tunnel. */
uint64_t
frame_good_flags(const struct frame_spec *spec)
{
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD | (spec->ipv6 ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
}

/* Refused, and the frame is as it was. */
void
frame_refused(const struct virtio_net_hdr *hdr, uint64_t features, const struct frame *f)
{
	struct rte_mbuf *m;
	unsigned int complete;

	for (complete = 0; complete < 2; complete++) {
		m = frame_mbuf(f->data, f->len, 50, 50);
		assert_int_equal(net_hdr_to_mbuf(hdr, features, complete, m), -EINVAL);
		frame_check(m, f->data, f->len);
		rte_pktmbuf_free(m);
	}
}
