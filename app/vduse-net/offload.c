/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>

#include <rte_ethdev.h>
#include <rte_tcp.h>

#include "cksum.h"
#include "gate.h"
#include "offload.h"
#include "request.h"
#include "segment.h"

#define GSO_TYPES                                                        \
	(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | \
			RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO)

void
offload_init(struct offload *o, uint64_t tx, struct rte_mempool *pool, struct rte_mempool *indirect)
{
	o->tx = tx;
	o->pool = pool;
	o->gso = (struct rte_gso_ctx){
		.direct_pool = pool,
		.indirect_pool = (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0 ? indirect : NULL,
		.gso_types = GSO_TYPES,
	};
}

/* Leave it to the egress. Return: false when that cannot, or refuses this frame. */
static bool
by_egress(const struct offload *o, struct rte_mbuf *m, const struct rte_vduse_net_headers *f,
		bool cut)
{
	struct request r;

	request_make(&r, m, f, cut);
	if ((o->tx & r.capa) != r.capa)
		return false;
	/* in a copy it may have fewer buffers: the gate sees to that */
	if (cut && o->tso_segs != 0 && m->nb_segs > o->tso_segs &&
			gate_pieces(o->pool, m->pkt_len) > o->tso_segs)
		return false;
	if (!request_set(m, f, &r))
		return false;
	/* a frame at a time: a refusal makes many of one */
	if (rte_eth_tx_prepare(o->port, o->queue, &m, 1) == 1)
		return true;
	m->ol_flags &= ~REQUEST_FLAGS;
	return false;
}

/* Checksums of a segment. */
static int
finish_segment(const struct offload *o, struct rte_mbuf *m, const struct rte_vduse_net_headers *f,
		uint32_t *work)
{
	int ret;

	*work += m->pkt_len + OFFLOAD_SEGMENT_WORK;
	cksum_ip(m, &f->ip);
	if (f->outer.len != 0)
		cksum_ip(m, &f->outer);
	if (!cksum_has_outer_udp(m, f) && by_egress(o, m, f, false))
		return 0;
	ret = cksum_l4(m, f);
	return ret != 0 ? ret : cksum_outer_udp(m, f);
}

static bool
gso_can(const struct offload *o, const struct rte_mbuf *m, const struct rte_vduse_net_headers *f)
{
	const struct rte_tcp_hdr *tcp = frame_at(m, f->l4);
	const uint32_t room = rte_pktmbuf_data_room_size(o->pool) - RTE_PKTMBUF_HEADROOM;

	if (o->gso.indirect_pool == NULL || f->proto != IPPROTO_TCP || f->ip.ipv6 ||
			(tcp->tcp_flags & RTE_TCP_CWR_FLAG) != 0 || f->pppoe != 0)
		return false;
	if (f->tunnel != 0 &&
			(f->outer.ipv6 || (f->tunnel != RTE_PTYPE_TUNNEL_VXLAN &&
							  f->tunnel != RTE_PTYPE_TUNNEL_GRE &&
							  f->tunnel != RTE_PTYPE_TUNNEL_NVGRE)))
		return false;
	/* rte_gso copies headers by these lengths and checks none of them */
	return f->data <= m->data_len && f->data <= room && f->data + m->tso_segsz <= UINT16_MAX &&
	       (m->pkt_len - f->data + m->tso_segsz - 1) / m->tso_segsz <= OFFLOAD_OUT;
}

/* Return: 1; 0 when rte_gso cannot, m untouched; or -errno. */
static int
cut_by_gso(const struct offload *o, struct rte_mbuf *m, const struct rte_vduse_net_headers *f,
		struct offload_out *out)
{
	struct rte_mbuf *segments[OFFLOAD_OUT];
	struct rte_gso_ctx ctx = o->gso;
	struct request r;
	int i, n, ret = 0;

	request_make(&r, m, f, true);
	if (!request_set(m, f, &r))
		return 0;
	ctx.gso_size = f->data + m->tso_segsz;
	n = rte_gso_segment(m, &ctx, segments, RTE_DIM(segments));
	m->ol_flags &= ~REQUEST_FLAGS;
	if (n <= 0)
		return n;
	for (i = 0; i < n && ret == 0; i++) {
		segments[i]->ol_flags &= ~REQUEST_FLAGS;
		ret = finish_segment(o, segments[i], f, &out->work);
	}
	if (ret != 0) {
		rte_pktmbuf_free_bulk(segments, n);
		return ret;
	}
	for (i = 0; i < n; i++)
		offload_put(out, segments[i]);
	out->more += n - 1;
	return 1;
}

int
offload_continue(const struct offload *o, struct offload_job *job, struct offload_out *out)
{
	struct rte_mbuf *segment;
	unsigned int i;
	int ret = 1;

	for (i = 0; i < OFFLOAD_OUT && ret > 0; i++) {
		ret = segmenter_next(&job->s, &segment);
		if (ret <= 0)
			break;
		ret = finish_segment(o, segment, &job->f, &out->work);
		if (ret != 0) {
			rte_pktmbuf_free(segment);
			break;
		}
		offload_put(out, segment);
		ret = segmenter_left(&job->s);
		/* the last one stands for the frame itself */
		out->more += ret;
	}
	if (ret <= 0)
		offload_abandon(job);
	return ret;
}

bool
offload_abandon(struct offload_job *job)
{
	const bool was = job->m != NULL;

	rte_pktmbuf_free(job->m);
	job->m = NULL;
	return was;
}

/* Segments refer to job->m or are copies of it: it is freed in any case, in the end. */
static int
cut(const struct offload *o, struct offload_job *job, struct offload_out *out)
{
	int ret = 0;

	if (gso_can(o, job->m, &job->f))
		ret = cut_by_gso(o, job->m, &job->f, out);
	if (ret == 0) {
		segmenter_init(&job->s, job->m, &job->f, o->pool);
		return offload_continue(o, job, out);
	}
	offload_abandon(job);
	return RTE_MIN(ret, 0);
}

/* Where the innermost L4 header is, as the receiving port has told; 0: it has not. */
static uint32_t
l4_told(const struct offload *o, const struct rte_mbuf *m)
{
	if (!o->lengths || m->l3_len == 0)
		return 0;
	return m->outer_l2_len + m->outer_l3_len + m->l2_len + m->l3_len;
}

int
offload_begin(const struct offload *o, struct offload_job *job, struct rte_mbuf *m,
		struct offload_out *out)
{
	struct rte_vduse_net_headers *f = &job->f;
	bool to_cut;
	int ret;

	out->work += OFFLOAD_SEGMENT_WORK;
	ret = rte_vduse_net_headers_read(m, l4_told(o, m), f);
	if (ret == 0)
		ret = frame_linear(&m, f->data, o->pool);
	if (ret != 0)
		goto drop;
	to_cut = (m->ol_flags & RTE_MBUF_F_RX_LRO) != 0 && m->pkt_len - f->data > m->tso_segsz;
	ret = to_cut ? segment_check(m, f) : 0;
	if (ret != 0)
		goto drop;
	m->ol_flags &= ~(REQUEST_FLAGS | RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	if (!by_egress(o, m, f, to_cut)) {
		if (to_cut) {
			job->m = m;
			return cut(o, job, out);
		}
		out->work += m->pkt_len;
		ret = cksum_l4(m, f);
		if (ret != 0)
			goto drop;
	}
	offload_put(out, m);
	return 0;

drop:
	rte_pktmbuf_free(m);
	return ret;
}

int
offload_frame(const struct offload *o, struct rte_mbuf *m, struct offload_out *out)
{
	struct offload_job job = { .m = NULL };
	int ret;

	ret = offload_begin(o, &job, m, out);
	while (ret > 0)
		ret = offload_continue(o, &job, out);
	return ret;
}
