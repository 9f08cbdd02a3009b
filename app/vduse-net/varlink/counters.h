/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is counted, once: the names in the lists of org.dpdk.vduse, those of metrics, and what each
 * means. Whoever fills the lists does so by index, vdusectl prints what is in them, and
 * dpdk-vduse-metrics and doc/metrics.md have the rest from here. As the container counts: it
 * transmits what the bridge receives.
 */

#ifndef CONTROL_COUNTERS_H
#define CONTROL_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

/* Whose it is: one list of the interface each. */
enum counter_of {
	COUNTER_OF_NETWORK,
	COUNTER_OF_UPLINK,
	COUNTER_OF_CONTAINER,
	COUNTER_OF_LCORE,
	COUNTER_OWNERS,
};

enum counter_kind {
	COUNTER_SUM,   /* of "statistics", only ever added to */
	COUNTER_NOW,   /* of "statistics", as it is now */
	COUNTER_DROPS, /* all of "statistics" whose names begin so: the rest is the reason */
	COUNTER_STATE, /* of the item itself: a number, whether, or "up" */
};

struct counter {
	const char *key;
	enum counter_kind kind;
	const char *metric; /* without _total */
	const char *unit;   /* that the metric's name ends with; NULL: it is a plain number */
	const char *help;
};

/*
 * X(index, key, kind, metric, unit, help); those of "statistics" in the order in which they are
 * printed.
 */
#define COUNTERS_NETWORK(X)                                                           \
	X(UP, "link_state", STATE, "vduse_network_up", NULL,                          \
			"1: an uplink of the network is up, or it has none.")         \
	X(MTU, "mtu", STATE, "vduse_network_mtu_bytes", "bytes",                      \
			"Longest frame of the network, without its Ethernet header.") \
	X(CONTAINERS, "containers", STATE, "vduse_network_containers", NULL,          \
			"Containers that the network has.")

#define COUNTERS_UPLINK(X)                                                                     \
	X(UP, "link_state", STATE, "vduse_uplink_up", NULL, "1: the port has a link.")         \
	X(PROMISCUOUS, "promiscuous", STATE, "vduse_uplink_promiscuous", NULL,                 \
			"1: the port takes frames to any address, as its filter is too "       \
			"short, or a container is trusted.")                                   \
	X(RX_PACKETS, "rx_packets", SUM, "vduse_uplink_receive_packets", "packets",            \
			"Frames that came in by the port.")                                    \
	X(RX_BYTES, "rx_bytes", SUM, "vduse_uplink_receive_bytes", "bytes",                    \
			"Bytes of the frames that came in by the port.")                       \
	X(TX_PACKETS, "tx_packets", SUM, "vduse_uplink_transmit_packets", "packets",           \
			"Frames that the port sent.")                                          \
	X(TX_BYTES, "tx_bytes", SUM, "vduse_uplink_transmit_bytes", "bytes",                   \
			"Bytes of the frames that were given to the port, before long ones "   \
			"were cut for it.")                                                    \
	X(TX_CUT, "tx_cut", SUM, "vduse_uplink_transmit_cut_packets", "packets",               \
			"Frames that cutting made for the port, beyond those that were cut.")  \
	X(DROP, "drop ", DROPS, "vduse_uplink_dropped_packets", "packets",                     \
			"Frames from the port or for it that the network dropped, by reason.") \
	X(PORT_DROP, "port drop ", DROPS, "vduse_uplink_port_dropped_packets", "packets",      \
			"Frames for the port that could not be made or sent as it needs "      \
			"them, by reason.")

#define COUNTERS_CONTAINER(X)                                                                      \
	X(UP, "link_state", STATE, "vduse_container_up", NULL, "1: the container sees a carrier.") \
	X(ATTACHED, "attached", STATE, "vduse_container_attached", NULL,                           \
			"1: a driver has the container's device.")                                 \
	X(BROKEN, "broken", STATE, "vduse_container_broken", NULL,                                 \
			"1: the kernel gave the device up, or its driver's rings are bad.")        \
	X(TX_PACKETS, "tx_packets", SUM, "vduse_container_transmit_packets", "packets",            \
			"Frames that the container sent.")                                         \
	X(TX_BYTES, "tx_bytes", SUM, "vduse_container_transmit_bytes", "bytes",                    \
			"Bytes of the frames that the container sent.")                            \
	X(RX_PACKETS, "rx_packets", SUM, "vduse_container_receive_packets", "packets",             \
			"Frames that the container was given.")                                    \
	X(RX_BYTES, "rx_bytes", SUM, "vduse_container_receive_bytes", "bytes",                     \
			"Bytes of the frames that the container was given.")                       \
	X(GRO_PACKETS, "gro_packets", SUM, "vduse_container_gro_packets", "packets",               \
			"Frames that the container was given behind another, in one.")             \
	X(GRO_BYTES, "gro_bytes", SUM, "vduse_container_gro_bytes", "bytes",                       \
			"Bytes of the frames that the container was given behind another, "        \
			"without their headers.")                                                  \
	X(LEARN_FULL, "learn_full", SUM, "vduse_container_unlearned_packets", "packets",           \
			"Frames whose source address was not learned, as the container has "       \
			"max_macs of them.")                                                       \
	X(MOVES, "moves", SUM, "vduse_container_address_moves", NULL,                              \
			"Learned addresses that moved here from another member.")                  \
	X(MACS, "macs", NOW, "vduse_container_learned_addresses", NULL,                            \
			"Addresses that are learned of the container now.")                        \
	X(COPIES, "tx_copies", SUM, "vduse_container_transmit_copies", NULL,                       \
			"Copies of the container's frames for further receivers.")                 \
	X(DROP, "drop ", DROPS, "vduse_container_dropped_packets", "packets",                      \
			"Frames from the container or for it that the network dropped, by "        \
			"reason.")                                                                 \
	X(DEVICE_DROP, "device drop ", DROPS, "vduse_container_device_dropped_packets", "packets", \
			"Frames dropped where the container's device meets the network, by "       \
			"reason.")                                                                 \
	X(NO_MBUF, "no_mbuf", SUM, "vduse_container_mbuf_waits", NULL,                             \
			"Times that the container's frames had to wait for packet buffers.")       \
	X(KICKS, "kicks", SUM, "vduse_container_kicks", NULL,                                      \
			"Notifications from the container's driver.")                              \
	X(INTERRUPTS, "interrupts", SUM, "vduse_container_interrupts", NULL,                       \
			"Interrupts that the container's driver was sent.")                        \
	X(INTERRUPTS_FAILED, "interrupts_failed", SUM, "vduse_container_failed_interrupts", NULL,  \
			"Interrupts that the kernel refused; they are sent again.")                \
	X(IOTLB_HITS, "iotlb_hits", SUM, "vduse_container_iotlb_hits", NULL,                       \
			"Buffers of the driver that were found in mapped memory.")                 \
	X(IOTLB_MISSES, "iotlb_misses", SUM, "vduse_container_iotlb_misses", NULL,                 \
			"Times that the driver's memory was not mapped yet, and had to be "        \
			"asked for.")                                                              \
	X(IOTLB_WAITS, "iotlb_waits", SUM, "vduse_container_iotlb_waits", NULL,                    \
			"Times that the driver's memory could not be mapped, for lack of "         \
			"memory or file descriptors.")                                             \
	X(FAULTS, "faults", SUM, "vduse_container_faults", NULL,                                   \
			"Rings of the driver that were found malformed.")

#define COUNTERS_LCORE(X)                                                                   \
	X(QUEUES, "queues", STATE, "vduse_lcore_queues", NULL,                              \
			"Queues of containers and uplinks that the lcore serves.")          \
	X(PACKETS, "packets", SUM, "vduse_lcore_packets", "packets",                        \
			"Frames that the lcore took out of its queues.")                    \
	X(ROUNDS, "rounds", SUM, "vduse_lcore_rounds", NULL,                                \
			"Rounds of the lcore; without frames it still goes round 20 times " \
			"a second.")                                                        \
	X(SLEEPS, "sleeps", SUM, "vduse_lcore_sleeps", NULL,                                \
			"Times that the lcore slept, as there were no frames.")

#define COUNTER_INDEX_NETWORK(id, ...)   COUNTER_NETWORK_##id,
#define COUNTER_INDEX_UPLINK(id, ...)    COUNTER_UPLINK_##id,
#define COUNTER_INDEX_CONTAINER(id, ...) COUNTER_CONTAINER_##id,
#define COUNTER_INDEX_LCORE(id, ...)     COUNTER_LCORE_##id,

enum { COUNTERS_NETWORK(COUNTER_INDEX_NETWORK) COUNTER_NETWORK_ALL };
enum { COUNTERS_UPLINK(COUNTER_INDEX_UPLINK) COUNTER_UPLINK_ALL };
enum { COUNTERS_CONTAINER(COUNTER_INDEX_CONTAINER) COUNTER_CONTAINER_ALL };
enum { COUNTERS_LCORE(COUNTER_INDEX_LCORE) COUNTER_LCORE_ALL };

/* An owner: its list, and what tells its items apart. */
struct counter_owner {
	const char *method; /* of the interface */
	const char *list;   /* in its answer */
	/* fields of an item, and the labels that they become; the second may be NULL */
	const char *field[2], *label[2];
	const struct counter *rows;
	unsigned int nb;
};

extern const struct counter_owner counter_owners[COUNTER_OWNERS];

#endif /* CONTROL_COUNTERS_H */
