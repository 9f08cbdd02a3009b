/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_vduse_net.h>

#include "cksum.h"
#include "frame.h"
#include "gro.h"
#include "request.h"

/* Connections of a burst that are remembered; of more, some stay as they came. */
#define FLOWS 8

/* IPv4's version and length of a header without options; IPv6's version. */
#define IP4_PLAIN 0x45
#define IP6       6

/* Beside ACK, flags that a segment may have. PSH ends what is put together. */
#define MAY_HAVE (RTE_TCP_PSH_FLAG | RTE_TCP_ECE_FLAG)

/* Flags of an mbuf that stays as it is: it is not one segment, its checksum is wrong, or missing.
 */
#define BAD_IP(flags)  (((flags)&RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD)
#define GOOD_L4(flags) (((flags)&RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
#define OPEN_L4(flags) \
	(GOOD_L4(flags) || ((flags)&RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN)

enum kind {
	OTHER, /* of no TCP connection that could be read */
	FENCE, /* perhaps of one, in a form that is not put together: nothing behind it goes before
		  it */
	TCP,
};

struct segment {
	struct rte_mbuf *m;
	uint16_t ip, tcp, data; /* offsets */
	bool ipv6;
	bool fits;    /* it may be put together with others */
	uint32_t seq; /* of its first byte */
	uint32_t len; /* payload */
};

/* A connection: what was put together so far. */
struct flow {
	struct segment first;
	struct rte_mbuf *last; /* of the chain */
	uint32_t next;         /* sequence number */
	uint16_t next_id;      /* IPv4 */
	bool sound;            /* the first one's checksum is right */
};

struct flows {
	unsigned int n;
	struct flow of[FLOWS];
};

static const struct rte_tcp_hdr *
tcp_of(const struct segment *s)
{
	return frame_at(s->m, s->tcp);
}

/* Where the IP header is, and its ethertype. */
static rte_be16_t
read_link(const struct rte_mbuf *m, uint16_t *ip)
{
	const struct rte_ether_hdr *eth = frame_at(m, 0);
	const struct rte_vlan_hdr *tag = frame_at(m, sizeof(*eth));

	*ip = sizeof(*eth);
	if (m->data_len < sizeof(*eth) + sizeof(*tag) ||
			eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN))
		return eth->ether_type;
	*ip += sizeof(*tag);
	return tag->eth_proto;
}

/* *end: of the packet, as its header says. */
static enum kind
read_ip4(struct segment *s, uint32_t *end)
{
	const struct rte_ipv4_hdr *ip = frame_at(s->m, s->ip);
	const rte_be16_t whole = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);

	if (s->ip + sizeof(*ip) > s->m->data_len || ip->next_proto_id != IPPROTO_TCP)
		return OTHER;
	if (ip->version_ihl != IP4_PLAIN || (ip->fragment_offset & ~whole) != 0)
		return FENCE;
	s->tcp = s->ip + sizeof(*ip);
	*end = s->ip + rte_be_to_cpu_16(ip->total_length);
	return TCP;
}

static enum kind
read_ip6(struct segment *s, uint32_t *end)
{
	const struct rte_ipv6_hdr *ip = frame_at(s->m, s->ip);

	if (s->ip + sizeof(*ip) > s->m->data_len || ip->proto == IPPROTO_UDP ||
			ip->proto == IPPROTO_ICMPV6 || rte_be_to_cpu_32(ip->vtc_flow) >> 28 != IP6)
		return OTHER;
	if (ip->proto != IPPROTO_TCP)
		return FENCE;
	s->ipv6 = true;
	s->tcp = s->ip + sizeof(*ip);
	*end = s->tcp + rte_be_to_cpu_16(ip->payload_len);
	return TCP;
}

/* Whether flags, length and buffer are those of a segment that can be put together with others. */
static bool
fits(const struct segment *s, uint32_t end)
{
	const uint8_t flags = tcp_of(s)->tcp_flags;
	const struct rte_mbuf *m = s->m;

	return (flags & ~MAY_HAVE) == RTE_TCP_ACK_FLAG && end == m->pkt_len && m->nb_segs == 1 &&
	       s->data + (uint32_t)RTE_VDUSE_NET_TCP_SEGMENT_MIN <= end && !BAD_IP(m->ol_flags) &&
	       OPEN_L4(m->ol_flags) && (m->ol_flags & RTE_MBUF_F_RX_LRO) == 0 &&
	       RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

static enum kind
read_segment(struct rte_mbuf *m, struct segment *s)
{
	rte_be16_t type;
	enum kind kind;
	uint32_t end;

	*s = (struct segment){ .m = m };
	type = read_link(m, &s->ip);
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		kind = read_ip4(s, &end);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		kind = read_ip6(s, &end);
	else
		return OTHER;
	if (kind != TCP)
		return kind;
	if (s->tcp + sizeof(struct rte_tcp_hdr) > m->data_len)
		return FENCE;
	s->data = s->tcp + (tcp_of(s)->data_off >> 4) * 4;
	if (s->data < s->tcp + sizeof(struct rte_tcp_hdr) || s->data > m->data_len)
		return FENCE;
	s->seq = rte_be_to_cpu_32(tcp_of(s)->sent_seq);
	s->fits = fits(s, end);
	s->len = m->pkt_len - s->data;
	return TCP;
}

/* Between the same two, in the same VLAN. */
static bool
is_same_flow(const struct segment *a, const struct segment *b)
{
	const size_t addresses = a->ipv6 ? offsetof(struct rte_ipv6_hdr, src_addr)
					 : offsetof(struct rte_ipv4_hdr, src_addr);

	/* addresses are the last of the IP header, ports the first of TCP's */
	return a->tcp == b->tcp && a->ipv6 == b->ipv6 &&
	       memcmp(frame_at(a->m, a->ip + addresses), frame_at(b->m, a->ip + addresses),
			       a->tcp - a->ip - addresses + 2 * sizeof(rte_be16_t)) == 0 &&
	       memcmp(frame_at(a->m, 0), frame_at(b->m, 0), a->ip) == 0;
}

static struct flow *
find(struct flows *flows, const struct segment *s)
{
	unsigned int i;

	for (i = 0; i < flows->n; i++)
		if (is_same_flow(&flows->of[i].first, s))
			return &flows->of[i];
	return NULL;
}

static void
forget(struct flows *flows, struct flow *flow)
{
	*flow = flows->of[--flows->n];
}

static uint16_t
ip4_id(const struct segment *s)
{
	return rte_be_to_cpu_16(((const struct rte_ipv4_hdr *)frame_at(s->m, s->ip))->packet_id);
}

/* Whether IP's headers differ in what cutting makes anew only: length, checksum, identification. */
static bool
is_same_ip(const struct flow *flow, const struct segment *s)
{
	const struct rte_ipv4_hdr *a = frame_at(flow->first.m, s->ip), *b = frame_at(s->m, s->ip);
	const struct rte_ipv6_hdr *a6 = frame_at(flow->first.m, s->ip), *b6 = frame_at(s->m, s->ip);

	if (s->ipv6)
		return a6->vtc_flow == b6->vtc_flow && a6->hop_limits == b6->hop_limits;
	/* that of a packet which must not be cut on its way means nothing (RFC 6864, 4.1) */
	return a->type_of_service == b->type_of_service && a->time_to_live == b->time_to_live &&
	       a->fragment_offset == b->fragment_offset &&
	       (a->fragment_offset != 0 || ip4_id(s) == flow->next_id);
}

/* The same of TCP's: sequence number, checksum, PSH. What it acknowledges is in each. */
static bool
is_same_tcp(const struct segment *a, const struct segment *b)
{
	const struct rte_tcp_hdr *x = tcp_of(a), *y = tcp_of(b);

	return x->recv_ack == y->recv_ack && x->rx_win == y->rx_win && x->tcp_urp == y->tcp_urp &&
	       ((x->tcp_flags ^ y->tcp_flags) & ~RTE_TCP_PSH_FLAG) == 0 &&
	       x->data_off == y->data_off &&
	       memcmp(x + 1, y + 1, a->data - a->tcp - sizeof(*x)) == 0;
}

static bool
is_sound(const struct segment *s)
{
	const struct rte_vduse_net_l3 ip = { .at = s->ip,
		.len = s->tcp - s->ip,
		.dst = s->ip + offsetof(struct rte_ipv6_hdr, dst_addr),
		.proto = IPPROTO_TCP,
		.ipv6 = s->ipv6 };

	return cksum_ip_is_good(s->m, &ip) &&
	       (GOOD_L4(s->m->ol_flags) || cksum_l4_is_good(s->m, &ip, s->tcp));
}

/* Whether the segment is the next one of what was put together, and no longer than the first. */
static bool
follows(struct flow *flow, const struct segment *s)
{
	if (!s->fits || s->seq != flow->next || s->len > flow->first.len ||
			flow->first.m->pkt_len - s->ip + s->len > UINT16_MAX ||
			!is_same_tcp(&flow->first, s) || !is_same_ip(flow, s))
		return false;
	/* of one that stays alone nobody asks */
	flow->sound = flow->sound || is_sound(&flow->first);
	return flow->sound && is_sound(s);
}

/* What it says of itself is true of the whole. */
static void
mark(const struct segment *s)
{
	struct rte_ipv6_hdr *ip6 = frame_at(s->m, s->ip);
	struct rte_ipv4_hdr *ip4 = frame_at(s->m, s->ip);
	struct rte_mbuf *m = s->m;

	if (s->ipv6)
		ip6->payload_len = rte_cpu_to_be_16(m->pkt_len - s->tcp);
	else
		ip4->total_length = rte_cpu_to_be_16(m->pkt_len - s->ip);
	m->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK);
	m->ol_flags |= RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_TX_TCP_SEG;
	m->ol_flags |= s->ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	m->tx_offload = 0;
	m->l2_len = s->ip;
	m->l3_len = s->tcp - s->ip;
	m->l4_len = s->data - s->tcp;
	m->tso_segsz = s->len;
}

/* Return: whether more may come behind it. */
static bool
append(struct flow *flow, const struct segment *s)
{
	struct rte_mbuf *whole = flow->first.m;
	struct rte_tcp_hdr *tcp = frame_at(whole, s->tcp);
	const uint8_t push = tcp_of(s)->tcp_flags & RTE_TCP_PSH_FLAG;

	tcp->tcp_flags |= push;
	flow->next += s->len;
	flow->next_id++;
	rte_pktmbuf_adj(s->m, s->data);
	flow->last->next = s->m;
	flow->last = s->m;
	whole->nb_segs++;
	whole->pkt_len += s->len;
	mark(&flow->first);
	return push == 0 && s->len == flow->first.len;
}

static void
begin(struct flows *flows, const struct segment *s)
{
	if (!s->fits || (tcp_of(s)->tcp_flags & RTE_TCP_PSH_FLAG) != 0)
		return;
	if (flows->n == FLOWS)
		forget(flows, &flows->of[0]);
	flows->of[flows->n++] = (struct flow){ .first = *s,
		.last = s->m,
		.next = s->seq + s->len,
		.next_id = s->ipv6 ? 0 : ip4_id(s) + 1 };
}

/* Return: whether the frame is a part of another now. */
static bool
take(struct flows *flows, const struct segment *s, uint64_t *bytes)
{
	struct flow *flow = find(flows, s);
	const bool taken = flow != NULL && follows(flow, s);

	if (taken) {
		*bytes += s->len;
		if (!append(flow, s))
			forget(flows, flow);
		return true;
	}
	if (flow != NULL)
		forget(flows, flow);
	begin(flows, s);
	return false;
}

uint16_t
gro_burst(struct rte_mbuf **pkts, uint16_t n, uint32_t types, uint64_t *bytes)
{
	struct flows flows;
	struct segment s;
	uint16_t i, left = 0;
	enum kind kind;

	flows.n = 0;
	for (i = 0; i < n; i++) {
		kind = read_segment(pkts[i], &s);
		if (kind == FENCE)
			flows.n = 0;
		if (kind == TCP && (types & (s.ipv6 ? GRO_TCP6 : GRO_TCP4)) != 0 &&
				take(&flows, &s, bytes))
			continue;
		pkts[left++] = pkts[i];
	}
	return left;
}
