/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_H
#define VEB_H

/**
 * @file
 * A virtual Ethernet bridge in software, with the rules of an SR-IOV NIC's: which
 * member has an address is known before its first frame, nothing is flooded that is
 * not a group's. It knows mbufs and members; what a member is, a port or a device of a
 * container, is behind a table of functions.
 *
 * One thread, the owner's, adds, changes and removes; lcores forward meanwhile. Each
 * lcore is a thread of the owner's rte_rcu_qsbr, and reports its quiescent state between
 * two calls of veb_poll(). What the owner takes away is freed, and its functions return,
 * once every lcore that is online has reported. The owner's own thread must not be online
 * while it calls them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most frames of a burst. */
#define VEB_BURST 32
/** Most members of a bridge. */
#define VEB_MEMBERS_MAX 4096
/** Most of them that are uplinks. */
#define VEB_UPLINKS_MAX 8
/** Most queues of a member in each direction. */
#define VEB_QUEUES_MAX 128
/** Most addresses and prefixes of a guard. */
#define VEB_PREFIXES_MAX 64
/** Most addresses that a member may have learned. */
#define VEB_MACS_MAX 4096
/** Bytes of a member's name, with the closing zero. */
#define VEB_NAME_SIZE 256
/** VLAN identifiers: 0 is untagged, 4095 reserved (IEEE 802.1Q, table 9-2). */
#define VEB_VLAN_MAX 4094

/** A bridge. */
struct veb;
/** A member of it: an uplink, or a container. */
struct veb_member;
/** What an lcore needs to forward; one for all bridges. */
struct veb_lcore;

/** What a member is made of. All run on lcores, but for set_link(). */
struct veb_ops {
	/**
	 * Take frames that came in at this queue. Each is an Ethernet header at least,
	 * contiguous in its first segment.
	 */
	uint16_t (*receive)(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	/**
	 * Give frames to the member. What they still lack, a checksum or being cut
	 * (RTE_MBUF_F_RX_L4_CKSUM_NONE, RTE_MBUF_F_RX_LRO), is this function's matter.
	 *
	 * @return how many of the first were taken, delivered or not; the others are
	 *   dropped as VEB_DROP_FULL
	 */
	uint16_t (*send)(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	/**
	 * Put together what belongs together, of frames that came from one uplink, are about to be
	 * sent, and are nobody else's (GRO). Those that become a part of another are that one's.
	 * NULL: cannot.
	 *
	 * @param[in,out] bytes those of frames that were put behind another are added
	 * @return how many are left, first in pkts, in their order
	 */
	uint16_t (*gro)(void *priv, struct rte_mbuf **pkts, uint16_t n, uint64_t *bytes);
	/** Make wake_fd() readable once there is something to receive. NULL: cannot. */
	void (*wake_enable)(void *priv, uint16_t queue);
	/** It is polled again. */
	void (*wake_disable)(void *priv, uint16_t queue);
	/**
	 * Whether frames of an earlier burst of the queue wait: the next receive() has these only.
	 * NULL: never.
	 */
	bool (*waits)(void *priv, uint16_t queue);
	/** The descriptor of a queue, or -1. */
	int (*wake_fd)(void *priv, uint16_t queue);
	/** Show the link to who is behind the member; NULL: it is shown none. Owner's thread. */
	void (*set_link)(void *priv, bool up);
	/**
	 * send() copies: the mbufs stay the bridge's, and the same ones go to the next
	 * member. It may set flags and lengths of theirs. Else those that it takes are its.
	 */
	bool copies;
	/**
	 * Frames of receive() may be lent: what is behind their first segment, in external
	 * buffers, is memory that others write to meanwhile, and goes back when veb_poll()
	 * returns. Members that copy get it from there, once; whoever keeps a frame, or gets it
	 * beside another, gets a copy.
	 */
	bool lends;
};

/** Why a frame was dropped. */
enum veb_drop {
	/* counted at the member that it came from */
	VEB_DROP_SHORT,     /**< shorter than an Ethernet header */
	VEB_DROP_LONG,      /**< longer than the MTU allows */
	VEB_DROP_VLAN,      /**< a tag that the member may not use, or none where it must */
	VEB_DROP_RESERVED,  /**< to an address that no bridge forwards (802.1Q, table 8-1) */
	VEB_DROP_SPOOF_MAC, /**< from another MAC address than its own */
	VEB_DROP_SPOOF_IP,  /**< ARP, ND or IP from another address than its own */
	VEB_DROP_MOVE,      /**< from an address that moved here too soon */
	VEB_DROP_TX_RATE,   /**< beyond max_tx_rate */
	VEB_DROP_BUM_RATE,  /**< beyond bum_rate */
	VEB_DROP_UNKNOWN,   /**< nobody has this address, and there is no uplink to ask */
	VEB_DROP_BACK,      /**< to who sent it */
	VEB_DROP_ISOLATED,  /**< between two containers, of which one is isolated */
	/* counted at the member that it was for */
	VEB_DROP_LINK,      /**< its link is down; from it: counted there */
	VEB_DROP_RX_RATE,   /**< beyond max_rx_rate */
	VEB_DROP_FULL,      /**< it did not take it */
	VEB_DROP_NO_BUFFER, /**< no mbuf for a copy */
	VEB_DROPS,
};

/** Which way a frame goes, as its member has it. */
enum veb_way {
	VEB_WAY_IN,  /**< to the member */
	VEB_WAY_OUT, /**< from it */
};

/** What frames that are watched have in common. */
struct veb_sight {
	uint64_t now;   /**< cycles: of the lcore's round */
	uint16_t lcore; /**< its number */
	uint16_t queue; /**< of the member, in this direction */
	enum veb_way way;
};

/**
 * Who watches a member. On lcores, each at any time; frames are to be read, nothing else, and are
 * there until the function returns.
 */
struct veb_tap {
	/** They come from the member, or are about to be given to it. */
	void (*frames)(struct veb_tap *tap, const struct veb_sight *sight, struct rte_mbuf **pkts,
			uint16_t n);
	/** It was dropped; most often one that frames() had in this burst. */
	void (*dropped)(struct veb_tap *tap, const struct veb_sight *sight,
			const struct rte_mbuf *pkt, enum veb_drop why);
	/** What frames() had is where it was to go, or was dropped. */
	void (*done)(struct veb_tap *tap, const struct veb_sight *sight);
};

/** Frames that were given to a member, how long they were here. */
struct veb_lap {
	uint64_t taken; /**< cycles: when they were taken, as of veb_lcore_taken() */
	uint16_t lcore; /**< its number */
	uint16_t n;     /**< frames */
	enum veb_way way;
};

/** Who times the frames of a member. On lcores, each at any time. */
struct veb_timer {
	/** They were given to the member, or are from it and were given to another. */
	void (*given)(struct veb_timer *timer, const struct veb_lap *lap);
};

/**
 * Counters of a member: in is from it, out is to it. in + more = out + merged + drops, over all
 * members.
 */
struct veb_stats {
	uint64_t in;               /**< frames that it sent */
	uint64_t in_bytes;         /**< of these */
	uint64_t more;             /**< copies of its frames, beyond those frames */
	uint64_t out;              /**< frames that it was given */
	uint64_t out_bytes;        /**< of these */
	uint64_t merged;           /**< frames that it was given as a part of another */
	uint64_t merged_bytes;     /**< of these, without their headers; in out_bytes, too */
	uint64_t drops[VEB_DROPS]; /**< frames dropped, by reason */
	uint64_t learn_full;       /**< frames whose source was not learned: max_macs */
	uint64_t moves;            /**< addresses that moved here from another member */
	uint32_t macs;             /**< addresses that are learned now */
};

/** Link of a member. */
enum veb_link {
	VEB_LINK_AUTO, /**< that of the uplinks: up while one of them is, or there is none */
	VEB_LINK_UP,
	VEB_LINK_DOWN,
};

/** An IP address or prefix. */
struct veb_prefix {
	bool ipv6;
	uint8_t len;      /**< bits: to 32, to 128 */
	uint8_t addr[16]; /**< network order; the first 4 bytes of IPv4 */
};

/** A set of VLANs: bit n of the whole is VLAN n. */
struct veb_vlans {
	uint64_t bits[64];
};

/** What a container may do. All zero, and a MAC address: nothing but its own frames, unchecked. */
struct veb_rules {
	struct rte_ether_addr mac; /**< unicast; its own in its VLANs */
	uint16_t vlan;             /**< access VLAN: tags are put on and taken off; 0: untagged */
	uint8_t qos;               /**< priority in the tags put on, 0 to 7 */
	const struct veb_vlans *trunk; /**< tags that pass as they are; NULL: access */
	bool spoofchk;                 /**< frames from other MAC addresses are dropped */
	uint16_t nb_prefixes;          /**< with spoofchk: and from other IP addresses, 0: any */
	const struct veb_prefix *prefixes;
	bool trust;           /**< may have more addresses, which are learned */
	uint16_t max_macs;    /**< so many of them, to VEB_MACS_MAX */
	uint32_t max_tx_rate; /**< Mbit/s from it; 0: any */
	uint32_t max_rx_rate; /**< Mbit/s to it; 0: any */
	uint32_t burst;       /**< KiB that may come at once, of both; 0: 10 ms, a frame at least */
	uint32_t bum_rate; /**< broadcast, multicast, unknown unicast from it, frames/s; 0: any */
	bool isolated;     /**< speaks with uplinks only */
	enum veb_link link;
	const struct veb_member *mirror; /**< gets a copy of what goes in and out; NULL: none */
	bool gro; /**< what it gets from uplinks is put together, as far as it takes that */
};

/** A member to add. */
struct veb_member_conf {
	const char *name; /**< for veb_fdb_walk() and the log */
	const struct veb_ops *ops;
	void *priv;      /**< first argument of the ops */
	uint16_t nb_rxq; /**< queues to receive from */
	uint16_t nb_txq; /**< queues to send to; lcores share them where there are fewer */
	bool uplink;     /**< rules are not for uplinks, but for a mirror */
	int socket;      /**< NUMA socket of its memory, or SOCKET_ID_ANY */
	struct veb_rules rules;
};

/** A bridge to make. */
struct veb_conf {
	uint32_t mtu;              /**< bytes behind the Ethernet header and its tags */
	uint16_t max_members;      /**< to VEB_MEMBERS_MAX */
	uint16_t nb_lcores;        /**< lcores that forward, by their number from 0 */
	uint32_t age_s;            /**< seconds that a learned address stays unseen; 0: 300 */
	struct rte_rcu_qsbr *qsbr; /**< that the lcores report to */
	struct rte_mempool *pool;  /**< for copies that a member keeps, and for tags */
	int socket;                /**< NUMA socket, or SOCKET_ID_ANY */
};

/** @return 0, or -EINVAL, -ENOMEM */
int veb_create(const struct veb_conf *conf, struct veb **veb);

/** Without members. */
void veb_destroy(struct veb *veb);

/**
 * What an lcore works with.
 *
 * @param index its number, below every bridge's nb_lcores
 * @return NULL: no memory
 */
struct veb_lcore *veb_lcore_create(uint16_t index, int socket);
void veb_lcore_destroy(struct veb_lcore *lcore);

/** The time of the bursts that follow, in cycles of the TSC. Once a round, on the lcore. */
void veb_lcore_tick(struct veb_lcore *lcore, uint64_t now);

/**
 * When the bursts that follow were taken, in cycles of the TSC: their frames are timed; 0: they
 * are not. On the lcore.
 */
void veb_lcore_taken(struct veb_lcore *lcore, uint64_t taken);

/**
 * Add a member. Frames come to it before this returns.
 *
 * @param[out] member valid until veb_member_del()
 * @return 0; -EINVAL: the configuration; -EEXIST: another member has the address in that
 *   VLAN; -ENOSPC: max_members, or VEB_UPLINKS_MAX; -ENOMEM
 */
int veb_member_add(struct veb *veb, const struct veb_member_conf *conf, struct veb_member **member);

/**
 * Change the rules of a member. A burst goes by the old or the new ones, never by parts of
 * both. What was learned stays, as far as the new rules allow.
 *
 * @return 0; or as veb_member_add(), the rules as they were
 */
int veb_member_set(struct veb_member *member, const struct veb_rules *rules);

/**
 * Remove a member: no lcore calls its functions any more when this returns. Its owner has
 * told the lcores before to poll it no more.
 *
 * @param[out] last its counters at the end; may be NULL
 */
void veb_member_del(struct veb_member *member, struct veb_stats *last);

/** Another MTU for the bridge. */
void veb_set_mtu(struct veb *veb, uint32_t mtu);

/** Whether an uplink has carrier; members with VEB_LINK_AUTO follow. */
void veb_set_uplink(struct veb_member *uplink, bool up);

/**
 * Have a member watched, by one at a time.
 *
 * @param tap NULL: no more; no lcore calls its functions any more when this returns
 */
void veb_member_watch(struct veb_member *member, struct veb_tap *tap);

/**
 * Have a member's frames timed, by one at a time, where veb_lcore_taken() says so.
 *
 * @param timer NULL: no more; no lcore calls its function any more when this returns
 */
void veb_member_time(struct veb_member *member, struct veb_timer *timer);

/** Whether the member's link is up, as shown. */
bool veb_member_is_up(const struct veb_member *member);

/**
 * Take a burst from a member's queue and forward it. A queue is polled by one lcore at a
 * time. On an lcore, online.
 *
 * @return frames taken
 */
uint16_t veb_poll(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue);

/** Forward frames as if they came from that queue. They are consumed. n is to VEB_BURST. */
void veb_forward(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue,
		struct rte_mbuf **pkts, uint16_t n);

/**
 * Forget learned addresses that were not seen for age_s.
 *
 * @param now cycles, as for veb_lcore_tick()
 * @return how many
 */
unsigned int veb_age(struct veb *veb, uint64_t now);

/** Counters of a member; any thread, while it is there. */
void veb_member_stats(const struct veb_member *member, struct veb_stats *stats);

/** The reason in a word or two, as in "spoofed MAC". */
const char *veb_drop_name(enum veb_drop why);

/** An address of the table. */
struct veb_fdb_entry {
	struct rte_ether_addr mac;
	uint16_t vlan; /**< UINT16_MAX: all that its member, a trunk, may use */
	bool is_static;
	uint32_t age_s; /**< since it was last seen, learned ones */
	const struct veb_member *member;
	const char *name; /**< of the member */
};

/** @return whether to go on */
typedef bool (*veb_fdb_cb)(void *arg, const struct veb_fdb_entry *entry);

/** Each address, in no order. Owner's thread. */
void veb_fdb_walk(const struct veb *veb, uint64_t now, veb_fdb_cb cb, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* VEB_H */
