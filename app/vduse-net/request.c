/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>

#include <rte_common.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "cksum.h"
#include "request.h"

/* A capability no port has. */
#define NOWHERE UINT64_MAX

/* A tunnel in ethdev's terms: how it is named, what shows that a port knows it. */
static const struct {
	uint32_t ptype;
	uint64_t flag;
	uint64_t capa;
} tunnels[] = {
	{ RTE_PTYPE_TUNNEL_VXLAN, RTE_MBUF_F_TX_TUNNEL_VXLAN, RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO },
	{ RTE_PTYPE_TUNNEL_GENEVE, RTE_MBUF_F_TX_TUNNEL_GENEVE, RTE_ETH_TX_OFFLOAD_GENEVE_TNL_TSO },
	{ RTE_PTYPE_TUNNEL_GRE, RTE_MBUF_F_TX_TUNNEL_GRE, RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO },
	{ RTE_PTYPE_TUNNEL_NVGRE, RTE_MBUF_F_TX_TUNNEL_GRE, RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO },
	{ RTE_PTYPE_TUNNEL_IP, RTE_MBUF_F_TX_TUNNEL_IPIP, RTE_ETH_TX_OFFLOAD_IPIP_TNL_TSO },
};

/*
 * What ethdev wants to see, without what a tunnel adds. A port with TSO writes
 * IPv4's checksum along with it.
 */
static uint64_t
plain_flags(const struct rte_vduse_net_headers *f, bool cut, uint64_t *capa)
{
	const bool tcp = f->proto == IPPROTO_TCP;
	uint64_t flags = f->ip.ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;

	if (f->proto == IPPROTO_SCTP) {
		*capa = cut ? NOWHERE : RTE_ETH_TX_OFFLOAD_SCTP_CKSUM;
		return flags | RTE_MBUF_F_TX_SCTP_CKSUM;
	}
	*capa = tcp ? RTE_ETH_TX_OFFLOAD_TCP_CKSUM : RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	if (!cut)
		return flags | (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
	*capa |= tcp ? RTE_ETH_TX_OFFLOAD_TCP_TSO : RTE_ETH_TX_OFFLOAD_UDP_TSO;
	flags |= f->ip.ipv6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM;
	return flags | (tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG);
}

/* What a tunnel adds. A checksum inside one needs a port that knows the tunnel. */
static uint64_t
tunnel_flags(const struct rte_mbuf *m, const struct rte_vduse_net_headers *f, bool cut,
		uint64_t *capa)
{
	uint64_t flags = f->outer.ipv6 ? RTE_MBUF_F_TX_OUTER_IPV6 : RTE_MBUF_F_TX_OUTER_IPV4;
	unsigned int i;

	for (i = 0; i < RTE_DIM(tunnels) && tunnels[i].ptype != f->tunnel; i++)
		;
	if (i == RTE_DIM(tunnels) || (cut && f->proto != IPPROTO_TCP)) {
		*capa = NOWHERE;
		return 0;
	}
	flags |= tunnels[i].flag;
	*capa &= ~RTE_ETH_TX_OFFLOAD_TCP_TSO;
	*capa |= tunnels[i].capa;
	if (cut && !f->outer.ipv6) {
		*capa |= RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM;
		flags |= RTE_MBUF_F_TX_OUTER_IP_CKSUM;
	}
	/* not cut: the sender has set it so that it suits the checksum inside when complete */
	if (cut && cksum_has_outer_udp(m, f)) {
		*capa |= RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM;
		flags |= RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
	}
	return flags;
}

void
request_make(struct request *r, const struct rte_mbuf *m, const struct rte_vduse_net_headers *f,
		bool cut)
{
	r->flags = plain_flags(f, cut, &r->capa);
	if (f->tunnel != 0)
		r->flags |= tunnel_flags(m, f, cut, &r->capa);
	/* rte_ipv6_phdr_cksum(), which drivers use, knows no extension headers */
	if (f->ip.ipv6 && f->ip.len != sizeof(struct rte_ipv6_hdr))
		r->capa = NOWHERE;
	/* l2_len tells where IP is, not what else in front of it has a length */
	if (!f->ether_plain)
		r->capa = NOWHERE;
}

bool
request_set(struct rte_mbuf *m, const struct rte_vduse_net_headers *f, const struct request *r)
{
	if (!rte_vduse_net_headers_set(m, f))
		return false;
	m->ol_flags |= r->flags;
	return true;
}
