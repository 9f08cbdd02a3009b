/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>
#include <string.h>

#include "offload_ref.h"

/* What is written so far. */
struct pen {
	uint8_t *buf;
	uint32_t at;
};

static void
put(struct pen *p, uint64_t value, unsigned int bytes)
{
	while (bytes-- > 0)
		p->buf[p->at++] = value >> (8 * bytes);
}

static void
fill(struct pen *p, uint8_t first, unsigned int bytes)
{
	while (bytes-- > 0)
		put(p, first++, 1);
}

static void
set16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* RFC 1071, one byte after the other. */
static uint32_t
sum(const uint8_t *data, uint32_t len, uint32_t start)
{
	uint32_t i, s = start;

	for (i = 0; i < len; i++) {
		s += i % 2 == 0 ? data[i] << 8 : data[i];
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

/* RFC 9260, appendix A, one bit after the other. */
static uint32_t
crc32c(const uint8_t *data, uint32_t len)
{
	uint32_t crc = UINT32_MAX, i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= data[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0x82f63b78u & -(crc & 1));
	}
	return ~crc;
}

/* Lengths, inside out: of the innermost IP payload, of what is in the tunnel. */
static uint32_t
l4_len(const struct ref *r)
{
	if (r->proto == IPPROTO_TCP)
		return 20 + 4 * r->tcp_options;
	return r->proto == IPPROTO_UDP ? 8 : 12;
}

static uint32_t
ext_len(const struct ref *r)
{
	static const uint32_t lens[] = {
		[REF_NO_EXT] = 0, [REF_OPTIONS] = 16, [REF_ROUTING] = 40, [REF_SEGMENTS] = 40
	};

	return r->ipv6 ? lens[r->ext] : 0;
}

static uint32_t
ip_len(const struct ref *r)
{
	return r->ipv6 ? 40 + ext_len(r) : 20 + 4 * r->ip_options;
}

static uint32_t
tunnel_len(const struct ref *r)
{
	static const uint32_t lens[REF_TUNNELS] = { [REF_VXLAN] = 8 + 8 + 14,
		[REF_GENEVE] = 8 + 8 + 12 + 14,
		[REF_GRE] = 8,
		[REF_NVGRE] = 8 + 14 };

	return lens[r->tunnel];
}

static uint32_t
link_len(const struct ref *r)
{
	static const uint32_t lens[REF_LINKS] = { [REF_AD] = 4,
		[REF_9100] = 4,
		[REF_Q_IN_Q] = 8,
		[REF_Q_Q_AD] = 12,
		[REF_MPLS] = 8,
		[REF_PPPOE] = 4 + 8,
		[REF_NO_NAME] = 5 };

	return lens[r->link];
}

void
ref_offsets(const struct ref *r, struct ref_offsets *at)
{
	memset(at, 0, sizeof(*at));
	at->ip = 14 + 4 * r->tags + link_len(r);
	if (r->tunnel != REF_PLAIN) {
		at->outer_ip = at->ip;
		at->outer_l4 = at->outer_ip + (r->outer_ipv6 ? 40 : 20);
		at->ip = at->outer_l4 + tunnel_len(r);
	}
	at->l4 = at->ip + ip_len(r);
	at->data = at->l4 + l4_len(r);
}

static void
put_macs(struct pen *p, uint8_t last)
{
	put(p, 0x020000000000u | last, 6);
	put(p, 0x020000000100u | last, 6);
}

static uint16_t
ethertype(bool ipv6)
{
	return ipv6 ? 0x86dd : 0x0800;
}

/* Destination address 16 bytes of `last`. */
static void
put_address(struct pen *p, uint8_t last)
{
	put(p, 0xfd00000000000000u, 8);
	put(p, 0xabcdef00u | last, 8);
}

/* The last address is where a frame goes in the end (RFC 8200, 4.4; RFC 8754, 2). */
#define FINAL 0x77
#define HOP   0x55

static void
put_ext(struct pen *p, const struct ref *r)
{
	put(p, r->proto, 1);
	switch (r->ext) {
	case REF_OPTIONS: /* PadN */
		put(p, 1, 1);
		put(p, 0x010c, 2);
		put(p, 0, 8);
		put(p, 0, 4);
		break;
	case REF_ROUTING: /* type 0, two addresses */
		put(p, 0x040001, 3);
		put(p, 0, 4);
		put_address(p, 0x66);
		put_address(p, FINAL);
		break;
	default: /* type 4, the last address first */
		put(p, 0x040401, 3);
		put(p, 0x01000000, 4);
		put_address(p, FINAL);
		put_address(p, HOP);
		break;
	}
}

/* An IPv6 header of a packet with len bytes after the 40. */
static void
put_ip6(struct pen *p, const struct ref *r, uint8_t next, uint32_t len, bool inner)
{
	const enum ref_ext ext = inner ? r->ext : REF_NO_EXT;
	static const uint8_t nexts[] = { 0, 60, 43, 43 };

	put(p, 0x60012345, 4);
	put(p, len, 2);
	put(p, ext != REF_NO_EXT ? nexts[ext] : next, 1);
	put(p, 64, 1);
	put_address(p, inner ? 1 : 0x11);
	put_address(p, inner ? HOP : 0x12);
	if (ext != REF_NO_EXT)
		put_ext(p, r);
}

static void
put_ip4(struct pen *p, uint8_t proto, unsigned int options, uint32_t len, uint16_t id)
{
	const uint32_t start = p->at, header = 20 + 4 * options;

	put(p, 0x45 + options, 1);
	put(p, 0, 1);
	put(p, header + len, 2);
	put(p, id, 2);
	put(p, 0x4000, 2);
	put(p, 64, 1);
	put(p, proto, 1);
	put(p, 0, 2);
	put(p, 0x0a000001, 4);
	put(p, 0x0a000002, 4);
	for (; options > 0; options--)
		put(p, 0x01010101, 4); /* no operation */
	set16(p->buf + start + 10, ~sum(p->buf + start, header, 0));
}

static void
put_tunnel(struct pen *p, const struct ref *r, uint32_t len)
{
	switch (r->tunnel) {
	case REF_VXLAN:
	case REF_GENEVE:
		put(p, 0xc0de, 2);
		put(p, r->tunnel == REF_VXLAN ? 4789 : 6081, 2);
		put(p, len, 2);
		put(p, 0, 2);
		if (r->tunnel == REF_VXLAN) {
			put(p, 0x0800000000123400, 8);
			break;
		}
		put(p, 0x03006558, 4); /* three words of options */
		put(p, 0x00123400, 4);
		fill(p, 0x80, 12);
		break;
	case REF_GRE:
	case REF_NVGRE: /* with a key */
		put(p, 0x2000, 2);
		put(p, r->tunnel == REF_GRE ? ethertype(r->ipv6) : 0x6558, 2);
		put(p, 0x00123401, 4);
		break;
	default:
		return;
	}
	if (r->tunnel == REF_GRE)
		return;
	put_macs(p, 2);
	put(p, ethertype(r->ipv6), 2);
}

/* The link layer up to an IP packet of len bytes. */
static void
put_link(struct pen *p, const struct ref *r, bool ipv6, uint32_t len)
{
	switch (r->link) {
	case REF_AD:
		put(p, 0x88a80064, 4);
		break;
	case REF_9100:
		put(p, 0x91000064, 4);
		break;
	case REF_Q_Q_AD:
		put(p, 0x88a80064, 4); /* fallthrough */
	case REF_Q_IN_Q:
		put(p, 0x8100006581000066, 8);
		break;
	case REF_MPLS:
		put(p, 0x8847, 2);
		put(p, 0x0001004000021140, 8);
		return;
	case REF_PPPOE:
		put(p, 0x810000658864, 6);
		put(p, 0x11000001, 4);
		put(p, 2 + len, 2);
		put(p, ipv6 ? 0x0057 : 0x0021, 2);
		return;
	case REF_NO_NAME:
		put(p, 0x88b5, 2);
		fill(p, 0x90, 5);
		return;
	default:
		break;
	}
	put(p, ethertype(ipv6), 2);
}

/* All that comes before the innermost IP header, for len bytes from there on. */
static void
put_outer(struct pen *p, const struct ref *r, uint32_t len, uint32_t number)
{
	static const uint8_t protos[REF_TUNNELS] = { 0, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_GRE,
		IPPROTO_GRE, 0 };
	const bool outer6 = r->tunnel != REF_PLAIN ? r->outer_ipv6 : r->ipv6;
	uint8_t proto = protos[r->tunnel];

	put_macs(p, 1);
	if (r->tags == 2)
		put(p, 0x88a80064, 4);
	if (r->tags != 0)
		put(p, 0x81000065, 4);
	put_link(p, r, outer6, len);
	if (r->tunnel == REF_PLAIN)
		return;
	if (r->tunnel == REF_IPIP)
		proto = r->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	len += tunnel_len(r);
	if (r->outer_ipv6)
		put_ip6(p, r, proto, len, false);
	else
		put_ip4(p, proto, 0, len, 0xfff0 + number);
	put_tunnel(p, r, len);
}

static void
put_l4(struct pen *p, const struct ref *r, const struct ref_part *part)
{
	uint8_t flags = r->tcp_flags;

	put(p, 0x1234, 2);
	put(p, 0x5678, 2);
	if (r->proto == IPPROTO_UDP) {
		put(p, 8 + part->n, 2);
		put(p, 0, 2);
		return;
	}
	if (r->proto == IPPROTO_SCTP) {
		put(p, 0xdeadbeef, 4);
		put(p, 0, 4);
		return;
	}
	if (part->number != 0)
		flags &= ~0x80; /* CWR */
	if (!part->last)
		flags &= ~0x09; /* PSH, FIN */
	put(p, 0xfffff000u + part->from, 4);
	put(p, 0x01020304, 4);
	put(p, (5 + r->tcp_options) << 4, 1);
	put(p, flags, 1);
	put(p, 0x7000, 2);
	put(p, 0, 4);
	fill(p, 0x30, 4 * r->tcp_options);
}

/* Sum of the pseudo header of the IP packet at ip, of which len bytes are of proto. */
static uint32_t
pseudo(const uint8_t *ip, bool ipv6, uint8_t proto, uint32_t len, bool routed)
{
	uint8_t final[16];
	struct pen p = { final, 0 };
	uint32_t s = proto + (len >> 16) + (len & 0xffff);

	if (!ipv6)
		return sum(ip + 12, 8, s);
	put_address(&p, FINAL);
	s = sum(ip + 8, 16, s);
	return sum(routed ? final : ip + 24, 16, s);
}

static void
seal(const struct ref *r, const struct ref_part *part, uint8_t *buf, const struct ref_offsets *at)
{
	const uint32_t len = at->data - at->l4 + part->n;
	uint8_t *l4 = buf + at->l4;
	uint8_t *field = l4 + (r->proto == IPPROTO_TCP ? 16 : r->proto == IPPROTO_UDP ? 6 : 8);
	uint32_t crc;
	uint16_t s;

	if (r->proto == IPPROTO_SCTP) {
		crc = crc32c(l4, len);
		memcpy(field, &(uint8_t[4]){ crc, crc >> 8, crc >> 16, crc >> 24 }, 4);
	} else {
		s = ~sum(l4, len,
				pseudo(buf + at->ip, r->ipv6, r->proto, len,
						r->ext == REF_ROUTING || r->ext == REF_SEGMENTS));
		set16(field, s == 0 && r->proto == IPPROTO_UDP ? 0xffff : s);
	}
}

uint32_t
ref_write(const struct ref *r, const struct ref_part *part, uint8_t *buf)
{
	struct pen p = { buf, 0 };
	struct ref_offsets at;
	uint32_t i, l4;
	uint16_t s;

	ref_offsets(r, &at);
	l4 = at.data - at.l4 + part->n;
	put_outer(&p, r, at.l4 - at.ip + l4, part->number);
	if (r->ipv6)
		put_ip6(&p, r, r->proto, ext_len(r) + l4, true);
	else
		put_ip4(&p, r->proto, r->ip_options, l4, 0xfffe + part->number);
	put_l4(&p, r, part);
	for (i = part->from; i < part->from + part->n; i++)
		buf[p.at++] = i == 0 ? r->word >> 8 : i == 1 ? r->word : i * 7 + (i >> 8);
	seal(r, part, buf, &at);
	if (r->outer_cksum) {
		l4 = p.at - at.outer_l4;
		s = ~sum(buf + at.outer_l4, l4,
				pseudo(buf + at.outer_ip, r->outer_ipv6, IPPROTO_UDP, l4, false));
		set16(buf + at.outer_l4 + 6, s == 0 ? 0xffff : s);
	}
	if (part->garbage != 0) {
		i = at.l4 + (r->proto == IPPROTO_TCP ? 16 : r->proto == IPPROTO_UDP ? 6 : 8);
		set16(buf + i, part->garbage);
	}
	if (part->no_ip_cksum && !r->ipv6)
		set16(buf + at.ip + 10, 0);
	return p.at;
}

uint32_t
ref_whole(const struct ref *r, uint16_t garbage, uint8_t *buf)
{
	return ref_write(r, &(struct ref_part){ .n = r->payload, .last = true, .garbage = garbage },
			buf);
}

uint32_t
ref_segments(const struct ref *r)
{
	return r->mss == 0 || r->payload == 0 ? 1 : (r->payload + r->mss - 1) / r->mss;
}

uint32_t
ref_segment(const struct ref *r, uint32_t i, uint8_t *buf)
{
	const uint32_t size = r->mss != 0 ? r->mss : r->payload, from = i * size;
	const struct ref_part part = {
		.from = from,
		.n = r->payload - from < size ? r->payload - from : size,
		.number = i,
		.last = i + 1 == ref_segments(r),
	};

	return ref_write(r, &part, buf);
}
