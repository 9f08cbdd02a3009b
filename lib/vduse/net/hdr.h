/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_HDR_H
#define NET_HDR_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_mbuf.h>

/*
 * virtio_net_hdr (virtio 1.2, 5.1.6) to and from mbuf offload flags. Pure: no
 * device, no ring.
 */

/* Newer than the oldest kernel headers this is built with (virtio 1.2, 5.1.3; 1.3 for USO). */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO   56
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef VIRTIO_NET_F_NOTF_COAL
#define VIRTIO_NET_F_NOTF_COAL 53
#endif
#ifndef VIRTIO_NET_F_VQ_NOTF_COAL
#define VIRTIO_NET_F_VQ_NOTF_COAL 52
#endif
#ifndef VIRTIO_NET_F_GUEST_HDRLEN
#define VIRTIO_NET_F_GUEST_HDRLEN 59
#endif

/** virtio_net_hdr with num_buffers: always, with VIRTIO_F_VERSION_1 (virtio 1.2, 5.1.6). */
#define NET_HDR_LEN sizeof(struct virtio_net_hdr_mrg_rxbuf)

/** The same with the hash, where VIRTIO_NET_F_HASH_REPORT is negotiated. */
struct net_hdr_wire {
	struct virtio_net_hdr_mrg_rxbuf v1;
	uint32_t hash_value;  /**< le32 */
	uint16_t hash_report; /**< le16, VIRTIO_NET_HASH_REPORT_* */
	uint16_t padding;
};

#define NET_HDR_HASH_LEN sizeof(struct net_hdr_wire)

/** Flags of an mbuf that need a header of their own. */
#define NET_HDR_TX_L4_FLAGS (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)

/** The same and what is written into the frame alone. */
#define NET_HDR_TX_FLAGS (NET_HDR_TX_L4_FLAGS | RTE_MBUF_F_TX_IP_CKSUM)

/** Two bytes of the frame that differ from the mbuf's: a checksum field. */
struct net_hdr_patch {
	uint32_t offset; /**< in the frame */
	uint16_t value;  /**< as it stands in the frame, network order */
};

/** The header of a frame and what it changes in the frame. */
struct net_hdr {
	struct net_hdr_wire wire;
	uint16_t nb_patches;
	struct net_hdr_patch patch[2];
};

/**
 * What the driver says of its frame, onto the mbuf that holds the frame:
 * RTE_MBUF_F_RX_L4_CKSUM_NONE for a checksum that is left to us, and
 * RTE_MBUF_F_RX_LRO and tso_segsz for a frame to be segmented; along with these, packet
 * type and the lengths of the headers, as in rte_vduse_net_headers_set(), all 0 where the
 * mbuf's bit fields do not hold them. A checksum of a protocol that no mbuf flag can
 * name is completed here, whatever is in front of it.
 *
 * A frame that is completed and not to be segmented gets RTE_MBUF_F_RX_L4_CKSUM_GOOD and, by
 * its IPv4 header's sum, RTE_MBUF_F_RX_IP_CKSUM_GOOD or _BAD, unless it is in a tunnel.
 *
 * @param hdr copied out of shared memory, flags or gso_type not 0
 * @param features negotiated
 * @param complete complete every checksum of a frame that is not to be segmented
 * @return 0; -EINVAL: not negotiated, not true of the frame, or too many segments
 *   (rte_vduse_net_may_cut())
 */
int net_hdr_to_mbuf(const struct virtio_net_hdr *hdr, uint64_t features, bool complete,
		struct rte_mbuf *m);

/**
 * What the mbuf asks for, as the driver can take it: a partial checksum where
 * it negotiated that, else the whole one.
 *
 * @param m with one of NET_HDR_TX_FLAGS; l2_len, l3_len, l4_len, tso_segsz as
 *   ethdev asks for, the outer lengths too where an outer flag is set
 * @return 0; -ENOTSUP: the driver did not negotiate the segmentation that is
 *   needed; -EINVAL: the lengths are not true of the frame
 */
int net_hdr_from_mbuf(const struct rte_mbuf *m, uint64_t features, struct net_hdr *hdr);

#endif /* NET_HDR_H */
