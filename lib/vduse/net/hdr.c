/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_ip.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "len.h"
#include "net/frame.h"
#include "net/hdr.h"
#include "rte_vduse_net.h"
#include "rte_vduse_net_headers.h"

#define HAS(features, bit) (((features)&RTE_BIT64(bit)) != 0)

/* Longest header that is looked at: two IPv6 headers with options and a tunnel. */
#define NET_HDR_LOOK 256

/*
 * Sum of 16-bit words of a frame, wherever its segments are cut. (22.11's
 * rte_raw_cksum_mbuf() loses carries behind a segment of odd length.)
 */
static int
frame_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len, uint16_t *out)
{
	uint32_t done, n, sum = 0;
	uint16_t part;

	if (offset > m->pkt_len || len > m->pkt_len - offset)
		return -EINVAL;
	if (!net_frame_adds_up(m))
		return -EINVAL;
	for (; len > 0 && offset >= m->data_len; m = m->next)
		offset -= m->data_len;
	for (done = 0; done < len; done += n, offset = 0, m = m->next) {
		n = RTE_MIN(len - done, m->data_len - offset);
		part = __rte_raw_cksum_reduce(__rte_raw_cksum(
				rte_pktmbuf_mtod_offset(m, const void *, offset), n, 0));
		sum += done & 1 ? rte_bswap16(part) : part;
	}
	*out = __rte_raw_cksum_reduce(sum);
	return 0;
}

/* Write two bytes of a frame, wherever its segments are cut. */
static void
frame_write16(struct rte_mbuf *m, uint32_t offset, uint16_t value)
{
	const uint8_t *bytes = (const uint8_t *)&value;
	unsigned int i;

	for (i = 0; i < sizeof(value); i++, offset++) {
		while (offset >= m->data_len) {
			offset -= m->data_len;
			m = m->next;
		}
		*rte_pktmbuf_mtod_offset(m, uint8_t *, offset) = bytes[i];
	}
}

/* Complete the checksum that the header describes (virtio 1.2, 5.1.6.2.1). */
static int
complete_checksum(const struct virtio_net_hdr *hdr, struct rte_mbuf *m)
{
	uint16_t sum;

	/* the field holds the pseudo header's sum and counts as such */
	if (frame_sum(m, hdr->csum_start, m->pkt_len - hdr->csum_start, &sum) < 0)
		return -EINVAL;
	/* RFC 768: 0 is "no checksum"; others take both */
	sum = sum == 0xffff ? 0xffff : (uint16_t)~sum;
	frame_write16(m, (uint32_t)hdr->csum_start + hdr->csum_offset, sum);
	return 0;
}

/* Whether the checksum is that of the innermost protocol, in its place: mbuf flags name no other.
 */
static bool
has_name(const struct virtio_net_hdr *hdr, const struct rte_vduse_net_headers *h)
{
	switch (h->proto) {
	case IPPROTO_TCP:
		return hdr->csum_offset == offsetof(struct rte_tcp_hdr, cksum);
	case IPPROTO_UDP:
		return hdr->csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum);
	default:
		return false;
	}
}

/* Whether what the driver wants to be cut is what it says, negotiated, and not too much. */
static bool
gso_is_true(const struct virtio_net_hdr *hdr, uint64_t features,
		const struct rte_vduse_net_headers *h, uint32_t payload)
{
	const bool ecn = hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN;
	const bool tcp = h->proto == IPPROTO_TCP;
	bool ok;

	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		ok = HAS(features, VIRTIO_NET_F_HOST_TSO4) && tcp && !h->ip.ipv6;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		ok = HAS(features, VIRTIO_NET_F_HOST_TSO6) && tcp && h->ip.ipv6;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		ok = HAS(features, VIRTIO_NET_F_HOST_USO) && !tcp;
		break;
	default:
		return false;
	}
	return ok && (!ecn || HAS(features, VIRTIO_NET_F_HOST_ECN)) && hdr->gso_size != 0 &&
	       rte_vduse_net_may_cut(tcp, payload, hdr->gso_size);
}

/*
 * What may be said of a frame whose checksum was completed: that, and what the IP header's sum
 * tells. In a tunnel an application takes flags of these names for the outer headers'.
 */
static uint64_t
checked_flags(const struct rte_mbuf *m, const struct rte_vduse_net_headers *h)
{
	uint16_t sum;

	if (h->outer.len != 0)
		return 0;
	if (h->ip.ipv6)
		return RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (frame_sum(m, h->ip.at, h->ip.len, &sum) < 0 || sum != 0xffff)
		return RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD;
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

/*
 * What the driver says is the truth: its frame is read up to csum_start, not further.
 * Where that fails a checksum is completed all the same: for that, no header is needed.
 */
int
net_hdr_to_mbuf(const struct virtio_net_hdr *hdr, uint64_t features, bool complete,
		struct rte_mbuf *m)
{
	const uint32_t field = (uint32_t)hdr->csum_start + hdr->csum_offset;
	const bool gso = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	struct rte_vduse_net_headers h;
	bool known = false, cut = false;

	/* flags other than NEEDS_CSUM say nothing to a device (5.1.6.2.2) */
	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
		return gso ? -EINVAL : 0;
	if (!HAS(features, VIRTIO_NET_F_CSUM) || field + sizeof(uint16_t) > m->pkt_len)
		return -EINVAL;
	if (hdr->csum_start != 0)
		known = rte_vduse_net_headers_read(m, hdr->csum_start, &h) == 0 &&
			has_name(hdr, &h);
	if (gso) {
		if (!known || !gso_is_true(hdr, features, &h, m->pkt_len - h.data))
			return -EINVAL;
		cut = m->pkt_len - h.data > hdr->gso_size;
	}
	m->tx_offload = 0;
	if (known)
		m->packet_type = h.ptype;
	if (!known || (complete && !cut)) {
		if (complete_checksum(hdr, m) < 0)
			return -EINVAL;
		if (known)
			m->ol_flags |= checked_flags(m, &h);
		return 0;
	}
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	rte_vduse_net_headers_set(m, &h);
	if (cut) {
		m->tso_segsz = hdr->gso_size;
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
	}
	return 0;
}

/* What net_hdr_from_mbuf() works on: the innermost headers, in a linear copy where need be. */
struct tx_frame {
	const struct rte_mbuf *m;
	uint8_t look[NET_HDR_LOOK];
	const uint8_t *headers; /* linear up to the end of the L4 header's checksum field */
	uint32_t l3;
	uint32_t l4;
	uint32_t l4_len; /* header and payload, as the IP header says: the frame may be padded */
	uint32_t field;  /* of the L4 checksum */
	bool ipv6;
};

/* Whether an IP header of this kind and length is where the lengths say. */
static bool
tx_frame_is_ip(const struct tx_frame *f)
{
	const uint8_t version_ihl = f->headers[f->l3];

	if (f->ipv6)
		return version_ihl >> 4 == 6;
	return version_ihl >> 4 == 4 && (version_ihl & 15) * 4u == f->l4 - f->l3;
}

/* How long the L4 part is; what the IP header says must be in the frame. */
static int
tx_frame_len(struct tx_frame *f)
{
	const size_t offset = f->ipv6 ? offsetof(struct rte_ipv6_hdr, payload_len)
				      : offsetof(struct rte_ipv4_hdr, total_length);
	const uint32_t fixed = f->ipv6 ? sizeof(struct rte_ipv6_hdr) : 0;
	const uint32_t before = f->l4 - f->l3 - fixed;
	rte_be16_t len;

	memcpy(&len, f->headers + f->l3 + offset, sizeof(len));
	if (rte_be_to_cpu_16(len) < before + (f->field + sizeof(uint16_t) - f->l4) ||
			rte_be_to_cpu_16(len) - before > f->m->pkt_len - f->l4)
		return -EINVAL;
	f->l4_len = rte_be_to_cpu_16(len) - before;
	return 0;
}

/* Where the headers are, and that they are there, up to `behind` bytes behind the IP header. */
static int
tx_frame_look(const struct rte_mbuf *m, struct tx_frame *f, uint32_t behind)
{
	const bool tunnel =
			m->ol_flags & (RTE_MBUF_F_TX_TUNNEL_MASK | RTE_MBUF_F_TX_OUTER_IP_CKSUM |
						      RTE_MBUF_F_TX_OUTER_UDP_CKSUM);

	f->m = m;
	f->l3 = m->l2_len;
	if (tunnel)
		f->l3 += (uint32_t)(m->outer_l2_len + m->outer_l3_len);
	f->l4 = f->l3 + m->l3_len;
	f->ipv6 = m->ol_flags & RTE_MBUF_F_TX_IPV6;
	if (m->l2_len == 0 ||
			m->l3_len < (f->ipv6 ? sizeof(struct rte_ipv6_hdr)
					     : sizeof(struct rte_ipv4_hdr)) ||
			f->l4 + behind > RTE_MIN(m->pkt_len, (uint32_t)NET_HDR_LOOK))
		return -EINVAL;
	f->headers = net_frame_read(m, 0, f->l4 + behind, f->look);
	return f->headers != NULL && tx_frame_is_ip(f) ? 0 : -EINVAL;
}

static int
tx_frame_init(const struct rte_mbuf *m, struct tx_frame *f)
{
	uint32_t cksum;
	int ret;

	switch (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
	case RTE_MBUF_F_TX_UDP_CKSUM:
		cksum = offsetof(struct rte_udp_hdr, dgram_cksum);
		break;
	case RTE_MBUF_F_TX_SCTP_CKSUM:
		return -ENOTSUP; /* a CRC: virtio has no way to ask for one */
	case RTE_MBUF_F_TX_TCP_CKSUM:
		cksum = offsetof(struct rte_tcp_hdr, cksum);
		break;
	default: /* segmentation implies the checksum */
		cksum = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG
					? offsetof(struct rte_tcp_hdr, cksum)
					: offsetof(struct rte_udp_hdr, dgram_cksum);
		break;
	}
	ret = tx_frame_look(m, f, cksum + sizeof(uint16_t));
	if (ret < 0)
		return ret;
	f->field = f->l4 + cksum;
	return tx_frame_len(f);
}

/* The pseudo header's sum; the length counts for a frame to be segmented too (5.1.6.2.1). */
static uint16_t
tx_phdr_cksum(const struct tx_frame *f)
{
	const bool udp = f->field - f->l4 == offsetof(struct rte_udp_hdr, dgram_cksum);
	struct {
		rte_be32_t len;
		rte_be32_t proto;
	} rest = {
		.len = rte_cpu_to_be_32(f->l4_len),
		.proto = rte_cpu_to_be_32(udp ? IPPROTO_UDP : IPPROTO_TCP),
	};
	uint32_t sum;

	if (f->ipv6)
		sum = __rte_raw_cksum(f->headers + f->l3 + offsetof(struct rte_ipv6_hdr, src_addr),
				2 * 16, 0);
	else
		sum = __rte_raw_cksum(f->headers + f->l3 + offsetof(struct rte_ipv4_hdr, src_addr),
				2 * sizeof(rte_be32_t), 0);
	return __rte_raw_cksum_reduce(__rte_raw_cksum(&rest, sizeof(rest), sum));
}

/* The whole checksum. */
static int
tx_full_cksum(const struct tx_frame *f, uint16_t *out)
{
	uint16_t raw, was;

	if (frame_sum(f->m, f->l4, f->l4_len, &raw) < 0)
		return -EINVAL;
	memcpy(&was, f->headers + f->field, sizeof(was));
	/* take out what stands in the field, put in the pseudo header */
	*out = ~__rte_raw_cksum_reduce((uint32_t)raw + (uint16_t)~was + tx_phdr_cksum(f));
	if (*out == 0)
		*out = 0xffff; /* RFC 768: 0 is "no checksum"; TCP takes both */
	return 0;
}

static int
tx_gso(const struct tx_frame *f, uint64_t features, struct virtio_net_hdr *hdr)
{
	const struct rte_mbuf *m = f->m;
	uint8_t tcp_flags;

	if (m->tso_segsz == 0 || m->l4_len < f->field + sizeof(uint16_t) - f->l4 ||
			m->l4_len > f->l4_len)
		return -EINVAL;
	if (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG) {
		if (!HAS(features, f->ipv6 ? VIRTIO_NET_F_GUEST_USO6 : VIRTIO_NET_F_GUEST_USO4))
			return -ENOTSUP;
		hdr->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	} else {
		if (!HAS(features, f->ipv6 ? VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_GUEST_TSO4))
			return -ENOTSUP;
		hdr->gso_type = f->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		tcp_flags = f->headers[f->l4 + offsetof(struct rte_tcp_hdr, tcp_flags)];
		if (tcp_flags & RTE_TCP_CWR_FLAG) {
			if (!HAS(features, VIRTIO_NET_F_GUEST_ECN))
				return -ENOTSUP;
			hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		}
	}
	hdr->gso_size = m->tso_segsz;
	if (!vduse_len16(f->l4 + m->l4_len, &hdr->hdr_len))
		return -EINVAL;
	return 0;
}

/* The IP checksum, alone or along with TSO: virtio wants it to be right already. */
static void
tx_ip_cksum(const struct tx_frame *f, struct net_hdr *hdr)
{
	struct net_hdr_patch *patch = &hdr->patch[hdr->nb_patches++];
	uint8_t copy[60]; /* the longest IPv4 header */
	const size_t len = f->l4 - f->l3 < sizeof(copy) ? f->l4 - f->l3 : sizeof(copy);

	memcpy(copy, f->headers + f->l3, len);
	memset(copy + offsetof(struct rte_ipv4_hdr, hdr_checksum), 0, sizeof(uint16_t));
	patch->offset = f->l3 + offsetof(struct rte_ipv4_hdr, hdr_checksum);
	patch->value = (uint16_t)~rte_raw_cksum(copy, len);
}

int
net_hdr_from_mbuf(const struct rte_mbuf *m, uint64_t features, struct net_hdr *hdr)
{
	struct tx_frame f;
	int ret;

	memset(hdr, 0, sizeof(*hdr));
	if (!(m->ol_flags & NET_HDR_TX_L4_FLAGS)) {
		ret = tx_frame_look(m, &f, 0);
		if (ret == 0 && !f.ipv6)
			tx_ip_cksum(&f, hdr);
		return ret;
	}
	ret = tx_frame_init(m, &f);
	if (ret < 0)
		return ret;
	if (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) {
		ret = tx_gso(&f, features, &hdr->wire.v1.hdr);
		if (ret < 0)
			return ret;
	}
	hdr->patch[0].offset = f.field;
	hdr->nb_patches = 1;
	if (HAS(features, VIRTIO_NET_F_GUEST_CSUM)) {
		hdr->wire.v1.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		if (!vduse_len16(f.l4, &hdr->wire.v1.hdr.csum_start) ||
				!vduse_len16(f.field - f.l4, &hdr->wire.v1.hdr.csum_offset))
			return -EINVAL;
		hdr->patch[0].value = tx_phdr_cksum(&f);
	} else {
		ret = tx_full_cksum(&f, &hdr->patch[0].value);
		if (ret < 0)
			return ret;
	}
	if (!f.ipv6 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		tx_ip_cksum(&f, hdr);
	return 0;
}
