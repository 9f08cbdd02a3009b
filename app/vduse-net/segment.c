/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <rte_vduse_net.h>

#include "segment.h"

/* First byte of a GRE header: checksum (RFC 2784), sequence number (RFC 2890). */
#define GRE_CHECKSUM 0x80
#define GRE_SEQUENCE 0x10

static bool
is_gre(uint32_t tunnel)
{
	return tunnel == RTE_PTYPE_TUNNEL_GRE || tunnel == RTE_PTYPE_TUNNEL_NVGRE;
}

int
segment_check(const struct rte_mbuf *m, const struct rte_vduse_net_headers *f)
{
	const uint8_t *gre = frame_at(m, f->outer.at + f->outer.len);

	if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP)
		return -EINVAL;
	if (m->tso_segsz == 0 || m->pkt_len <= f->data || f->data > m->data_len)
		return -EINVAL;
	if (!rte_vduse_net_may_cut(f->proto == IPPROTO_TCP, m->pkt_len - f->data, m->tso_segsz))
		return -EINVAL;
	/* an IP packet has 16 bits for its length */
	if (f->data + m->tso_segsz - (f->outer.len != 0 ? f->outer.at : f->ip.at) > UINT16_MAX)
		return -EINVAL;
	if (is_gre(f->tunnel) && (*gre & (GRE_CHECKSUM | GRE_SEQUENCE)) != 0)
		return -EINVAL;
	return 0;
}

void
segmenter_init(struct segmenter *s, const struct rte_mbuf *m, const struct rte_vduse_net_headers *f,
		struct rte_mempool *pool)
{
	*s = (struct segmenter){
		.m = m,
		.f = f,
		.pool = pool,
		.seg = m,
		.seg_at = f->data,
		.left = m->pkt_len - f->data,
	};
}

/* Append n bytes of payload, in further buffers where one is full. */
static int
append_payload(struct segmenter *s, struct rte_mbuf *head, uint32_t n)
{
	struct rte_mbuf *tail = head, *more;
	uint32_t piece;

	while (n != 0) {
		while (s->seg_at == s->seg->data_len) {
			s->seg = s->seg->next;
			s->seg_at = 0;
		}
		if (rte_pktmbuf_tailroom(tail) == 0) {
			more = rte_pktmbuf_alloc(s->pool);
			if (more == NULL)
				return -ENOMEM;
			tail->next = more;
			head->nb_segs++;
			tail = more;
		}
		piece = RTE_MIN(RTE_MIN(n, s->seg->data_len - s->seg_at),
				(uint32_t)rte_pktmbuf_tailroom(tail));
		memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len),
				rte_pktmbuf_mtod_offset(s->seg, const void *, s->seg_at), piece);
		tail->data_len += piece;
		head->pkt_len += piece;
		s->seg_at += piece;
		n -= piece;
	}
	return 0;
}

static void
fix_ip(struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3, uint32_t number)
{
	struct rte_ipv4_hdr *ip4 = frame_at(m, l3->at);
	struct rte_ipv6_hdr *ip6 = frame_at(m, l3->at);

	if (l3->ipv6) {
		ip6->payload_len = rte_cpu_to_be_16(m->pkt_len - l3->at - sizeof(*ip6));
		return;
	}
	ip4->total_length = rte_cpu_to_be_16(m->pkt_len - l3->at);
	ip4->packet_id = rte_cpu_to_be_16(rte_be_to_cpu_16(ip4->packet_id) + number);
}

static void
fix_udp(struct rte_mbuf *m, uint32_t at)
{
	struct rte_udp_hdr *udp = frame_at(m, at);

	udp->dgram_len = rte_cpu_to_be_16(m->pkt_len - at);
}

/* The length of what follows it (RFC 2516, 4). */
static void
fix_pppoe(struct rte_mbuf *m, uint32_t at)
{
	const rte_be16_t len = rte_cpu_to_be_16(m->pkt_len - at - sizeof(len));

	memcpy(frame_at(m, at), &len, sizeof(len));
}

/* CWR is for the first segment, FIN and PSH are for the last. */
static void
fix_tcp(const struct segmenter *s, struct rte_mbuf *m)
{
	struct rte_tcp_hdr *tcp = frame_at(m, s->f->l4);

	tcp->sent_seq = rte_cpu_to_be_32(
			rte_be_to_cpu_32(tcp->sent_seq) + s->number * s->m->tso_segsz);
	if (s->number != 0)
		tcp->tcp_flags &= ~RTE_TCP_CWR_FLAG;
	if (s->left != 0)
		tcp->tcp_flags &= ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
}

int
segmenter_next(struct segmenter *s, struct rte_mbuf **out)
{
	const struct rte_vduse_net_headers *f = s->f;
	const uint32_t n = RTE_MIN(s->left, (uint32_t)s->m->tso_segsz);
	struct rte_mbuf *m;
	char *headers;

	if (s->left == 0)
		return 0;
	m = rte_pktmbuf_alloc(s->pool);
	if (m == NULL)
		return -ENOMEM;
	headers = rte_pktmbuf_append(m, f->data);
	if (headers != NULL)
		memcpy(headers, frame_at(s->m, 0), f->data);
	if (headers == NULL || append_payload(s, m, n) != 0) {
		rte_pktmbuf_free(m);
		return -ENOMEM;
	}
	s->left -= n;
	m->port = s->m->port;
	m->packet_type = s->m->packet_type;
	if (f->pppoe != 0)
		fix_pppoe(m, f->pppoe);
	if (f->outer.len != 0)
		fix_ip(m, &f->outer, s->number);
	if (f->outer_udp)
		fix_udp(m, f->outer.at + f->outer.len);
	fix_ip(m, &f->ip, s->number);
	if (f->proto == IPPROTO_TCP)
		fix_tcp(s, m);
	else
		fix_udp(m, f->l4);
	s->number++;
	*out = m;
	return 1;
}
