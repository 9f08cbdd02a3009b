/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_NET_H
#define RTE_VDUSE_NET_H

/**
 * @file
 * Network devices (virtio device id 1) on VDUSE, with mbuf bursts.
 *
 * *dequeue* is from the driver (its transmit queues), *enqueue* is to it (its
 * receive queues). A queue of one direction is served by at most one lcore at
 * a time; different queues, and the two directions, by any.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "rte_vduse.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Most queue pairs of a device (virtio 1.2, 5.1.6.5.5 allows 0x8000). */
#define RTE_VDUSE_NET_PAIRS_MAX 128

/** Least queue size, in descriptors. */
#define RTE_VDUSE_NET_QUEUE_SIZE_MIN 64
/** Greatest queue size, in descriptors. */
#define RTE_VDUSE_NET_QUEUE_SIZE_MAX 32768

/** Least MTU in bytes (virtio 1.2, 5.1.4.1: at least 68). */
#define RTE_VDUSE_NET_MTU_MIN 68
/** Greatest MTU in bytes. */
#define RTE_VDUSE_NET_MTU_MAX 65535

/** Bytes of a frame beyond its IP packet at most: Ethernet and two tags (802.1Q, 802.1ad). */
#define RTE_VDUSE_NET_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

/** Longest frame in bytes that is taken from a driver: 64 KiB of IP packet and its headers. */
#define RTE_VDUSE_NET_FRAME_MAX (65535 + RTE_VDUSE_NET_OVERHEAD)

/** Bytes behind the headroom that mbufs to dequeue into must have at least. */
#define RTE_VDUSE_NET_BUF_MIN 128

/**
 * Least bytes of payload in a TCP segment that a driver may ask for, where its frame is
 * to be cut. Linux never goes below (TCP_MIN_GSO_SIZE): 48 bytes, its
 * net.ipv4.tcp_min_snd_mss, of which options take 40 at most.
 */
#define RTE_VDUSE_NET_TCP_SEGMENT_MIN 8

/** Most datagrams that a driver may ask for in a frame: Linux's UDP_MAX_SEGMENTS. */
#define RTE_VDUSE_NET_UDP_SEGMENTS_MAX 128

/**
 * Whether a frame may be cut so: the sender chooses the size of the segments, the
 * receiver does the work.
 *
 * @param tcp true: TCP; false: UDP
 * @param payload bytes behind the TCP or UDP header
 * @param size bytes of payload in each segment
 * @return true where it may
 */
static inline bool
rte_vduse_net_may_cut(bool tcp, uint32_t payload, uint16_t size)
{
	if (payload <= size)
		return true;
	return tcp ? size >= RTE_VDUSE_NET_TCP_SEGMENT_MIN
		   : payload <= (uint32_t)size * RTE_VDUSE_NET_UDP_SEGMENTS_MAX;
}

/** A network device. */
struct rte_vduse_net;

/**
 * Which offloads are offered to the driver. All of them can be served with
 * any mbuf; the profiles differ in what a driver may send and must take.
 */
enum rte_vduse_net_profile {
	/** Checksums only, both ways: no frame is longer than the MTU allows. */
	RTE_VDUSE_NET_PROFILE_LATENCY,
	/**
	 * Checksums and segmentation, both ways: frames up to
	 * RTE_VDUSE_NET_FRAME_MAX are dequeued.
	 */
	RTE_VDUSE_NET_PROFILE_BULK,
	/**
	 * As bulk from the driver, nothing towards it: a Linux driver loads
	 * native XDP programs only without any GUEST_* offload.
	 */
	RTE_VDUSE_NET_PROFILE_XDP,
	/** None: whole checksums, no segmentation. */
	RTE_VDUSE_NET_PROFILE_NONE,
	/**
	 * As latency from the driver, as bulk towards it: for an owner that sends
	 * frames to be segmented, and takes none.
	 */
	RTE_VDUSE_NET_PROFILE_TX,
	/**
	 * As bulk, of it what QEMU's shadow virtqueues carry, so that the virtual machine
	 * that has the device can be migrated: no UDP segmentation, and the rings are split,
	 * without indirect descriptors and use in order. Small frames cost more.
	 */
	RTE_VDUSE_NET_PROFILE_MIGRATE,
};

/** Ring formats that are offered. */
enum rte_vduse_net_ring {
	RTE_VDUSE_NET_RING_ANY,    /**< both; the driver chooses */
	RTE_VDUSE_NET_RING_SPLIT,  /**< split only */
	RTE_VDUSE_NET_RING_PACKED, /**< packed only: a driver without it is refused */
};

/** What the owner is told, on the control thread; must not block. */
enum rte_vduse_net_event {
	RTE_VDUSE_NET_EVENT_LINK,  /**< a driver came (DRIVER_OK) or went; see the info */
	RTE_VDUSE_NET_EVENT_QUEUE, /**< a queue pair began or ceased to be served */
	/** another process has taken it over: rte_vduse_net_destroy(), soon, on another thread */
	RTE_VDUSE_NET_EVENT_SUCCESSOR,
};

/**
 * How the owner is told.
 *
 * @param arg event_arg of the configuration
 * @param event what has happened
 * @param pair the queue pair, for RTE_VDUSE_NET_EVENT_QUEUE
 */
typedef void (*rte_vduse_net_event_cb)(void *arg, enum rte_vduse_net_event event, uint16_t pair);

/** How to create a network device: rte_vduse_net_conf_init(), and then what is to be otherwise. */
struct rte_vduse_net_conf {
	/**
	 * Of the VDUSE device: name, queue_size (descriptors of each queue: a power of two, or
	 * any number with RING_PACKED), tuning, umem, max_regions, max_memory, adopt, adopt_fd,
	 * state_dir, takeover, no_successor, keep and keep_unattached. adopt_fd is the device's
	 * once rte_vduse_net_create() has returned 0; where it fails, it is the caller's. The rest
	 * is the network device's own: what stands there does not matter.
	 */
	struct rte_vduse_conf dev;
	uint16_t queue_pairs;         /**< 1 to RTE_VDUSE_NET_PAIRS_MAX */
	enum rte_vduse_net_ring ring; /**< formats that are offered */
	/**
	 * Unicast. With `dev.adopt` it may be zero, where it is not known: a device that
	 * is created gets a random one, one with a state file keeps its own, and one
	 * that somebody else made is refused.
	 */
	struct rte_ether_addr mac;
	uint16_t mtu;     /**< bytes of IP packet */
	bool mq_fallback; /**< one pair where the kernel refuses more */
	bool call_thread; /**< interrupts are injected by a thread, not by the polling lcore */
	bool standby;     /**< offer VIRTIO_NET_F_STANDBY (virtio 1.2, 5.1.3) */
	enum rte_vduse_net_profile profile; /**< offloads that are offered */
	/**
	 * Frames from this length on, in bytes, are dequeued without a copy, where who
	 * reads them reaches the driver's memory (rte_vduse_net_set_reader()): see
	 * "Zero-copy" in doc/design.md for what may be done with them. 0: all are
	 * copied.
	 */
	uint32_t zero_copy_min;
	/** Pieces of such frames of a queue pair that are out at once; 0: 4 a descriptor. */
	uint16_t zero_copy_pieces;
	uint32_t speed;               /**< of the link, Mbit/s; UINT32_MAX: unknown */
	rte_vduse_net_event_cb event; /**< may be NULL */
	void *event_arg;              /**< its first argument */
};

/**
 * Defaults: rte_vduse_conf_init(), one queue pair of 256 descriptors a queue, an MTU of 1500 bytes,
 * a link of unknown speed. Without name and MAC address it cannot be created.
 *
 * @param[out] conf all of it is set
 */
void rte_vduse_net_conf_init(struct rte_vduse_net_conf *conf);

/** State of a network device at one moment. */
struct rte_vduse_net_info {
	struct rte_vduse_info dev; /**< of the VDUSE device */
	uint16_t queue_pairs;      /**< offered; less than asked for after a fall-back */
	uint16_t active_pairs;     /**< that the driver uses */
	uint16_t mtu;              /**< as a driver that comes sees it, bytes */
	struct rte_ether_addr mac; /**< as the driver sees it */
	bool link_up;              /**< a driver is there and the link was set up */
	bool segments;             /**< the driver may send frames to be segmented */
};

/** Size bins: up to 63, 64, to 127, 255, 511, 1023, 1518 bytes, and longer (RFC 2819 has these). */
#define RTE_VDUSE_NET_SIZE_BINS 8

/** Counters of one queue; they are only ever added to, whether a driver is there or not. */
struct rte_vduse_net_queue_stats {
	uint64_t packets;                            /**< frames moved */
	uint64_t bytes;                              /**< of these, without virtio_net_hdr */
	uint64_t multicast;                          /**< of these, to a multicast address */
	uint64_t broadcast;                          /**< of these, to the broadcast address */
	uint64_t size_bins[RTE_VDUSE_NET_SIZE_BINS]; /**< of these, by length */
	uint64_t no_mbuf;       /**< dequeue: bursts that ended without an mbuf; the frame waits */
	uint64_t no_buffer;     /**< enqueue: frames not taken, the driver had no buffer */
	uint64_t zero_copy;     /**< dequeue: frames of packets that were not copied */
	uint64_t drop_short;    /**< frames shorter than an Ethernet header */
	uint64_t drop_long;     /**< frames beyond the limits, see
				   rte_vduse_net_set_rx_limits() */
	uint64_t drop_segments; /**< frames in too many pieces; enqueue: that do not add up */
	uint64_t drop_header;   /**< dequeue: offloads asked for that were not negotiated, are not
				   true of the frame, or make too many segments of it */
	uint64_t drop_no_fit;   /**< enqueue: frames longer than the driver's buffer */
	uint64_t drop_offload;  /**< enqueue: segmentation that the driver does not take */
	uint64_t kicks;         /**< notifications from the driver */
	uint64_t drop_filter;   /**< enqueue: frames that the driver does not want (CTRL_RX,
				   CTRL_VLAN) */
	uint64_t calls;         /**< interrupts injected */
	uint64_t calls_suppressed; /**< bursts whose interrupt the driver did not want */
	uint64_t calls_failed;     /**< injections that the kernel refused; they are repeated */
	uint64_t iotlb_hits;       /**< pieces of buffers translated */
	uint64_t iotlb_misses;     /**< bursts that ended at an address not mapped yet */
	uint64_t iotlb_waits;      /**< of these, tries that failed for lack of files or memory */
	uint64_t faults;           /**< malformed rings */
	uint64_t calls_held;       /**< bursts whose interrupt was held back for a while */
	uint64_t calls_thread;     /**< of the calls, those that the library's thread made */
};

/**
 * Create a network device. Its link is down. Events may come before this returns; *net
 * is set before the first of them.
 *
 * @param conf read, and not kept
 * @param[out] net the device; owned by the caller, rte_vduse_net_destroy()
 * @return 0 or a negative errno, with a line of log that names cause and cure;
 *   -ENOTSUP where the kernel refuses VIRTIO_NET_F_CTRL_VQ, which more than
 *   one queue pair needs, and mq_fallback is not set; else as
 *   rte_vduse_dev_create()
 */
int rte_vduse_net_create(const struct rte_vduse_net_conf *conf, struct rte_vduse_net **net);

/**
 * Create a network device in the kernel for another process, which serves it:
 * rte_vduse_net_create() with the same configuration, `adopt` and the descriptor. So the one
 * that serves needs no privilege. Nothing is served here, and no EAL is needed; what is not
 * about the kernel's device (event, state_dir, umem and so on) does not matter.
 *
 * @param[in,out] conf with `mq_fallback`: queue_pairs is what the kernel takes, afterwards
 * @param[out] fd of /dev/vduse/NAME, owned by the caller. Whoever opens the device next can
 *   do so once all copies are closed
 * @return 0 or a negative errno, as rte_vduse_net_create(), always with a line of log;
 *   rte_vduse_dev_remove() is the mirror
 */
int rte_vduse_net_make(struct rte_vduse_net_conf *conf, int *fd);

/** What the kernel can do for network devices. */
struct rte_vduse_net_caps {
	struct rte_vduse_caps dev; /**< features: VIRTIO_NET_F_CTRL_VQ, for queue pairs */
	uint64_t features;         /**< virtio features that would be offered, profile bulk */
};

/**
 * Find out what the kernel can do; as rte_vduse_probe().
 *
 * @param[out] caps what it can do
 * @return 0 or a negative errno, as rte_vduse_probe()
 */
int rte_vduse_net_probe(struct rte_vduse_net_caps *caps);

/**
 * The specification's name of a feature bit of a network device.
 *
 * @param bit below 64
 * @return "VIRTIO_NET_F_CSUM" and so on; NULL for a bit without a name
 */
const char *rte_vduse_net_feature_name(unsigned int bit);

/** As rte_vduse_dev_claim(). @param net the device @return 0 or -errno */
int rte_vduse_net_claim(struct rte_vduse_net *net);

/**
 * As rte_vduse_dev_take_over(); events may come before it returns.
 *
 * @param net the device
 * @return 0 or -errno
 */
int rte_vduse_net_take_over(struct rte_vduse_net *net);

/**
 * Whether another process serves the device of this ethdev port, until
 * rte_vduse_net_take_over().
 *
 * @param port as in rte_vduse_net_set_port()
 * @return true where one does
 */
bool rte_vduse_net_port_waits(uint16_t port);

/**
 * The device of an ethdev port of the driver net_vduse.
 *
 * @param port as in rte_vduse_net_set_port()
 * @return NULL: it is no such port. As long as the port is not closed
 */
struct rte_vduse_net *rte_vduse_net_by_port(uint16_t port);

/** Who reads frames that are dequeued without a copy. */
enum rte_vduse_net_reader {
	/** This process, with the processor: all of the driver's memory is within reach. */
	RTE_VDUSE_NET_READER_PROCESSOR,
	/**
	 * Perhaps a device by DMA, or another process: memory of DPDK's own (umem) is within
	 * reach, and where devices find it is the mbuf's IOVA. Frames elsewhere are copied.
	 */
	RTE_VDUSE_NET_READER_DEVICE,
	RTE_VDUSE_NET_READER_NONE, /**< nobody: all frames are copied */
};

/**
 * Say who reads frames that are dequeued; RTE_VDUSE_NET_READER_PROCESSOR after creation. At any
 * time: a burst goes by the one from before or the new one. Nothing where zero_copy_min is 0.
 *
 * @param net the device
 * @param reader from now on
 */
void rte_vduse_net_set_reader(struct rte_vduse_net *net, enum rte_vduse_net_reader reader);

/**
 * Descriptors of frames that were dequeued without a copy, for which the driver waits: a burst
 * gives back those of frames that were freed until then. On the lcore that dequeues from the pair.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @return descriptors
 */
uint16_t rte_vduse_net_owed(const struct rte_vduse_net *net, uint16_t pair);

/**
 * Nobody reads the bytes of the frames any more that were dequeued from the pair so far, though
 * their mbufs may not be freed yet: the next burst gives their buffers back to the driver. On the
 * lcore that dequeues from the pair.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 */
void rte_vduse_net_frames_read(struct rte_vduse_net *net, uint16_t pair);

/**
 * Whether frames that are sent to such a port are read by this process, with the processor, before
 * they are freed. Of others one may read by DMA, leave it to another, or go by where the mbuf
 * itself is, as net_af_xdp does. Pure.
 *
 * @param bus "vdev", "pci" and so on
 * @param device its name on the bus, which begins with the driver's on the bus of virtual devices
 * @return true where all are
 */
bool rte_vduse_net_read_by_processor(const char *bus, const char *device);

/** As rte_vduse_dev_hand_over(). @param net the device @return 0 or -errno */
int rte_vduse_net_hand_over(struct rte_vduse_net *net);

/** Detach and destroy; as rte_vduse_dev_destroy(). @param net the device @return 0 or -errno */
int rte_vduse_net_destroy(struct rte_vduse_net *net);

/**
 * As rte_vduse_dev_attach().
 *
 * @param net the device
 * @param how RTE_VDUSE_ATTACH_VIRTIO or RTE_VDUSE_ATTACH_VHOST
 * @return as rte_vduse_dev_attach()
 */
int rte_vduse_net_attach(struct rte_vduse_net *net, enum rte_vduse_attach how);

/** As rte_vduse_dev_detach(). @param net the device @return 0 or -errno */
int rte_vduse_net_detach(struct rte_vduse_net *net);

/**
 * Show the link up or down to the driver (virtio 1.2, 5.1.4.1, status).
 *
 * @param net the device
 * @param up true: up
 * @return 0 or -errno
 */
int rte_vduse_net_set_link(struct rte_vduse_net *net, bool up);

/**
 * Show another link speed to the driver.
 *
 * @param net the device
 * @param speed Mbit/s; UINT32_MAX: unknown
 * @return 0 or -errno
 */
int rte_vduse_net_set_speed(struct rte_vduse_net *net, uint32_t speed);

/**
 * Hold interrupts back until so many buffers were used or so much time has
 * passed since the first of them. Both 0: an interrupt for each burst whose
 * driver wants one. A driver with VIRTIO_NET_F_NOTF_COAL may set its own.
 *
 * The lcore that dequeues from the pair sees to the time; where none does, a
 * thread of the library's, one or two milliseconds later.
 *
 * @param net the device
 * @param dequeue which of each pair's two queues
 * @param frames up to the queue size; 0 counts as 1
 * @param usecs microseconds, up to a second
 * @return 0; -EINVAL; another negative errno where there is no such thread to be had
 */
int rte_vduse_net_set_coalesce(
		struct rte_vduse_net *net, bool dequeue, uint32_t frames, uint32_t usecs);

/**
 * Hold interrupts back only while it pays: while the queue uses at least half
 * of rte_vduse_net_set_coalesce()'s frames in its microseconds, as measured
 * over the last such time. A quieter queue's interrupts are sent at once. Not
 * for a queue whose driver has set its own.
 *
 * @param net the device
 * @param dequeue which of each pair's two queues
 * @param adaptive false: always, as after creation
 * @return as rte_vduse_net_set_coalesce()
 */
int rte_vduse_net_set_adaptive(struct rte_vduse_net *net, bool dequeue, bool adaptive);

/**
 * Ask the driver to announce itself on its network, where it negotiated
 * VIRTIO_NET_F_GUEST_ANNOUNCE (virtio 1.2, 5.1.6.5.4).
 *
 * @param net the device
 * @return 0; -ENOTSUP where it did not; -errno
 */
int rte_vduse_net_announce(struct rte_vduse_net *net);

/**
 * Whether partial checksums of the driver are completed before they are
 * dequeued (true), with RTE_MBUF_F_RX_L4_CKSUM_GOOD and RTE_MBUF_F_RX_IP_CKSUM_GOOD or
 * _BAD, or left to the owner, marked RTE_MBUF_F_RX_L4_CKSUM_NONE (false, the
 * default). Frames to be segmented (RTE_MBUF_F_RX_LRO) are always left so. Not while frames are
 * dequeued.
 *
 * @param net the device
 * @param complete true: completed
 */
void rte_vduse_net_set_complete(struct rte_vduse_net *net, bool complete);

/** Which frames the owner takes from the driver. Others are dropped and counted. */
struct rte_vduse_net_rx_limits {
	uint32_t max_len; /**< bytes of a frame that is not to be segmented: drop_long */
	/** Bytes of one that is (RTE_MBUF_F_RX_LRO): drop_long; 0: none are taken, drop_header. */
	uint32_t max_gso_len;
};

/**
 * Take no longer frames than these; both are RTE_VDUSE_NET_FRAME_MAX after
 * creation. A driver that negotiated VIRTIO_NET_F_MTU is held to its MTU and
 * RTE_VDUSE_NET_OVERHEAD besides. At any time: a burst goes by the limits from
 * before or the new ones. Whether max_gso_len is 0 changes only while no frames
 * are dequeued.
 *
 * @param net the device
 * @param limits from now on
 */
void rte_vduse_net_set_rx_limits(
		struct rte_vduse_net *net, const struct rte_vduse_net_rx_limits *limits);

/**
 * What rte_mbuf.port of dequeued frames is; RTE_MBUF_PORT_INVALID after
 * creation. While no lcore dequeues.
 *
 * @param net the device
 * @param port of ethdev, or RTE_MBUF_PORT_INVALID
 */
void rte_vduse_net_set_port(struct rte_vduse_net *net, uint16_t port);

/**
 * Whether the driver that is there can be given this frame, as its flags ask.
 *
 * @param net the device
 * @param m the frame
 * @return 0; -ENOTSUP: it did not negotiate the segmentation; -EINVAL: the
 *   mbuf's lengths are not true of the frame
 */
int rte_vduse_net_check(const struct rte_vduse_net *net, const struct rte_mbuf *m);

/**
 * Whether the driver that is there takes TCP frames that are to be segmented
 * (RTE_MBUF_F_TX_TCP_SEG). Any thread; it may be another driver the next moment.
 *
 * @param net the device
 * @param ipv6 true: TCP over IPv6; false: over IPv4
 * @return true where it takes them
 */
bool rte_vduse_net_takes_tso(const struct rte_vduse_net *net, bool ipv6);

/**
 * Show another MAC address; a Linux driver reads it when it next probes.
 *
 * @param net the device
 * @param mac unicast
 * @return 0 or -errno
 */
int rte_vduse_net_set_mac(struct rte_vduse_net *net, const struct rte_ether_addr *mac);

/**
 * Show another MTU. Where a driver has negotiated VIRTIO_NET_F_MTU, or may have with
 * a process before, what it is shown stays (virtio 1.2, 5.1.4.1) until it resets the
 * device: plain frames beyond that MTU and RTE_VDUSE_NET_OVERHEAD are dropped both
 * ways, and counted (drop_long). A process that follows has to set it again.
 *
 * @param net the device
 * @param mtu bytes, RTE_VDUSE_NET_MTU_MIN and more
 * @return 0 or -errno
 */
int rte_vduse_net_set_mtu(struct rte_vduse_net *net, uint16_t mtu);

/**
 * Read the state.
 *
 * @param net the device
 * @param[out] info the state
 */
void rte_vduse_net_info(const struct rte_vduse_net *net, struct rte_vduse_net_info *info);

/**
 * Read counters.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @param dequeue which of the pair's two queues
 * @param[out] stats the counters
 */
void rte_vduse_net_queue_stats(const struct rte_vduse_net *net, uint16_t pair, bool dequeue,
		struct rte_vduse_net_queue_stats *stats);

/**
 * Take frames that the driver sent. They are copied into mbufs of the pool,
 * chained where a frame is longer than one. What the driver says of them is in
 * ol_flags: RTE_MBUF_F_RX_L4_CKSUM_NONE where a checksum is to be completed, then
 * packet_type, l2_len, l3_len, l4_len and those of a tunnel say where (all lengths 0:
 * rte_vduse_net_headers_read() does); RTE_MBUF_F_RX_LRO, where the frame is to be cut
 * into segments of tso_segsz bytes of payload.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @param pool mbufs for them
 * @param[out] pkts the frames, owned by the caller
 * @param nb_pkts most frames to take
 * @return how many; 0 also where no driver is there
 */
uint16_t rte_vduse_net_dequeue(struct rte_vduse_net *net, uint16_t pair, struct rte_mempool *pool,
		struct rte_mbuf **pkts, uint16_t nb_pkts);

/**
 * Give frames to the driver. They are copied; the caller keeps the mbufs.
 * RTE_MBUF_F_TX_IP_CKSUM, _TCP_CKSUM, _UDP_CKSUM, _TCP_SEG and _UDP_SEG, with the lengths
 * that ethdev asks for along with them, are heeded; pseudo header checksums
 * need not be prepared.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @param pkts the frames
 * @param nb_pkts how many there are
 * @return how many of the first were taken, delivered or counted as a drop;
 *   the others may be offered again
 */
uint16_t rte_vduse_net_enqueue(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t nb_pkts);

/**
 * The descriptor that tells an lcore which sleeps of frames to dequeue: an
 * eventfd, the same for the life of the device. It need not be read: the next
 * rte_vduse_net_wake_enable() does that.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @return the descriptor, which stays the library's
 */
int rte_vduse_net_wake_fd(const struct rte_vduse_net *net, uint16_t pair);

/**
 * Make the descriptor readable when there is something to dequeue: at once
 * where there is already, else with the driver's next kick, or when a driver
 * comes. Once: it is to be called again before each sleep. Interrupts that were
 * held back for the pair are sent. On the lcore that dequeues from the pair.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 */
void rte_vduse_net_wake_enable(struct rte_vduse_net *net, uint16_t pair);

/**
 * The pair is polled again; the driver need not kick. On the lcore that dequeues from it.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 */
void rte_vduse_net_wake_disable(struct rte_vduse_net *net, uint16_t pair);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_NET_H */
