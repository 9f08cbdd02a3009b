/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Networks and containers that come and go while lcores forward: each network a bridge
 * (lib/veb), its uplinks ethdev ports, its containers VDUSE devices on the library itself. All
 * functions on the main lcore, but where another is named.
 */

#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_vduse_net.h>
#include <rte_vduse_net_fill.h>

#include "fwd.h"
#include "latency.h"
#include "veb.h"

#define NODE_NETWORK_SIZE 16
#define NODE_NAME_SIZE    (RTE_VDUSE_NAME_MAX + 1)
#define NODE_UPLINK_SIZE  64
#define NODE_TEXT_SIZE    2048
#define NODE_UPLINKS_MAX  VEB_UPLINKS_MAX
#define NODE_NETWORKS_MAX 64
#define NODE_MACS_DEFAULT 64
#define NODE_CAPTURES_MAX 8
#define NODE_TIMINGS_MAX  8
#define NODE_MEASURE_S    10

struct node;

/* Filled in where a function returns less than 0. */
struct node_error {
	const char *id;            /* of Varlink, "org.dpdk.vduse.NoSuchNetwork" */
	char parameter[32];        /* which, or "" */
	char text[NODE_TEXT_SIZE]; /* a sentence: cause and cure */
};

struct node_conf {
	uint32_t mbufs; /* buffers of a pool; more pools are made as they are needed; 0: 16384 */
	uint16_t max_containers; /* of a network, uplinks among them; 0: 1024 */
	bool on_main; /* the main lcore forwards, in node_poll(), whatever others there are */
	struct idle_conf idle;      /* what lcores do without frames */
	uint64_t (*now)(void *arg); /* cycles of the TSC; NULL: its own */
	void *now_arg;
};

struct node_network_conf {
	char name[NODE_NETWORK_SIZE];
	unsigned int nb_uplinks;
	char uplinks[NODE_UPLINKS_MAX][NODE_UPLINK_SIZE]; /* ethdev names, or PCI addresses */
	uint32_t mtu;               /* bytes; 0: of the uplinks, 1500 with none */
	bool has_lcores;            /* it has these for itself; else those that no network has */
	bool lcores[RTE_MAX_LCORE]; /* by EAL's number */
};

/* Bits of the words that node_container_set() is to change. */
#define NODE_SET_MAC      RTE_BIT64(0)
#define NODE_SET_VLAN     RTE_BIT64(1)
#define NODE_SET_QOS      RTE_BIT64(2)
#define NODE_SET_TRUNK    RTE_BIT64(3)
#define NODE_SET_SPOOFCHK RTE_BIT64(4)
#define NODE_SET_IP       RTE_BIT64(5)
#define NODE_SET_TRUST    RTE_BIT64(6)
#define NODE_SET_MAX_MACS RTE_BIT64(7)
#define NODE_SET_TX_RATE  RTE_BIT64(8)
#define NODE_SET_RX_RATE  RTE_BIT64(9)
#define NODE_SET_BURST    RTE_BIT64(10)
#define NODE_SET_BUM_RATE RTE_BIT64(11)
#define NODE_SET_ISOLATED RTE_BIT64(12)
#define NODE_SET_LINK     RTE_BIT64(13)
#define NODE_SET_MIRROR   RTE_BIT64(14)
#define NODE_SET_GRO      RTE_BIT64(15)
/* These make the device anew: NeedsReattach. */
#define NODE_SET_NETWORK    RTE_BIT64(16)
#define NODE_SET_QUEUES     RTE_BIT64(17)
#define NODE_SET_QUEUE_SIZE RTE_BIT64(18)
#define NODE_SET_PROFILE    RTE_BIT64(19)
#define NODE_SET_REATTACH \
	(NODE_SET_NETWORK | NODE_SET_QUEUES | NODE_SET_QUEUE_SIZE | NODE_SET_PROFILE)

/* node_container_defaults() first. */
struct node_container_conf {
	char name[NODE_NAME_SIZE]; /* the VDUSE device's */
	char network[NODE_NETWORK_SIZE];
	struct rte_ether_addr mac; /* zero: random, locally administered */
	uint16_t vlan;
	uint8_t qos;
	bool has_trunk;
	struct veb_vlans trunk;
	bool spoofchk;
	uint16_t nb_prefixes;
	struct veb_prefix prefixes[VEB_PREFIXES_MAX];
	bool trust;
	uint16_t max_macs;
	uint32_t max_tx_rate, max_rx_rate; /* Mbit/s */
	uint32_t burst;                    /* KiB */
	uint32_t bum_rate;                 /* frames/s */
	bool isolated;
	enum veb_link link;
	char mirror[NODE_NAME_SIZE]; /* a container or an uplink of the network; "": none */
	bool mirror_waits;           /* one that is not there is no fault: it is to come */
	bool gro;                    /* segments from uplinks are put together, where its driver
					takes that */
	uint16_t queues;
	uint16_t queue_size;
	enum rte_vduse_net_profile profile;
	enum rte_vduse_attach attach; /* NONE: whoever made the device sees to it */
	const char *state_dir;        /* NULL: none; outlives the container */
	int fd; /* of a device that was made for it; a copy is taken, it stays the caller's; -1:
		   none */
};

struct node_network {
	const struct node_network_conf *conf;
	uint32_t mtu;
	bool up; /* an uplink is up, or there is none */
	unsigned int nb_containers;
	struct rte_ether_addr vf_mac; /* of an uplink that is a virtual function, which no
					 container has yet; zero: none */
};

struct node_container {
	const struct node_container_conf *conf; /* mac: as it is */
	bool up;                                /* the link, as it is shown */
	bool attached;                          /* a driver has it */
	unsigned int lcore;
	struct veb_stats stats;
	struct rte_vduse_net_info info;
	struct rte_vduse_net_queue_stats device; /* of all its queues, both directions */
};

/* Rings of all of a member's pairs, which may be more descriptors than a ring has. */
struct node_ring {
	uint32_t size;
	int32_t fill; /* -1: not known */
};

/* What a member costs an lcore, and how it keeps up. Counters go on. */
struct node_load {
	const char *network, *name;
	bool uplink;
	int lcore;       /* -1: several */
	bool attached;   /* a driver has it, or the port's link is up */
	uint64_t cycles; /* of bursts that came from it, while that is measured */
	struct veb_stats stats;
	uint64_t lost;                /* by the port, of what it was given */
	struct node_ring room, waits; /* for it, from it */
};

/* What of an lcore's time went. */
struct node_busy {
	unsigned int lcore;
	uint64_t busy; /* cycles of bursts, while that is measured */
	uint64_t now;  /* cycles */
};

struct node_uplink {
	const char *network, *name;
	bool up;
	bool promiscuous;
	uint16_t queues;                 /* to receive from */
	uint16_t lcores[VEB_QUEUES_MAX]; /* that poll them */
	bool rss;                        /* its driver spreads flows over them */
	struct veb_stats stats;
	struct fwd_counters sent; /* of what was given to it: finished, cut, dropped by the port */
};

/* What is to be captured. */
struct node_capture_conf {
	const char *name;   /* a container, or an uplink */
	const char *filter; /* program_parse(); "": all frames */
	uint32_t snaplen;   /* bytes of a frame; 0: all */
	uint64_t count;     /* frames, then it ends; 0: it does not */
	bool in, out;       /* frames that it receives, that it sends */
	bool drops;         /* and why one was dropped */
	int fd;             /* a pipe or a stream socket; stays the caller's */
};

struct node_lcore {
	unsigned int lcore;
	unsigned int queues;
	uint64_t frames; /* that it took out of them */
	uint64_t rounds;
	uint64_t sleeps; /* naps too */
};

enum node_event {
	NODE_CONTAINER_ADDED,
	NODE_CONTAINER_GONE,
	NODE_CONTAINER_ATTACHED, /* a driver came, */
	NODE_CONTAINER_DETACHED, /* and went */
	NODE_CONTAINER_UP,       /* the link that it is shown */
	NODE_CONTAINER_DOWN,
	NODE_CONTAINER_FAULT,
	NODE_UPLINK_UP,
	NODE_UPLINK_DOWN,
	NODE_UPLINK_FAULT,
	NODE_EVENTS,
};

struct node_news {
	enum node_event event;
	const char *network;
	const char *name; /* of the container, or the uplink */
	const char *text; /* of a fault: cause and cure; else NULL */
};

typedef void (*node_event_cb)(void *arg, const struct node_news *news);
typedef void (*node_network_cb)(void *arg, const struct node_network *network);
typedef void (*node_container_cb)(void *arg, const struct node_container *container);
typedef void (*node_load_cb)(void *arg, const struct node_load *load);
typedef void (*node_busy_cb)(void *arg, const struct node_busy *busy);
typedef void (*node_uplink_cb)(void *arg, const struct node_uplink *uplink);
typedef void (*node_lcore_cb)(void *arg, const struct node_lcore *lcore);

/* Lcores run from then on: the workers, or with none the main lcore in node_poll(). */
int node_create(const struct node_conf *conf, struct node **node);
/* With all networks and containers. */
void node_destroy(struct node *node);

/* Each returns 0; 1: there already, as it is (or not there, to be removed); -errno. */
int node_network_add(
		struct node *node, const struct node_network_conf *conf, struct node_error *error);
/*
 * Another MTU (0: of the uplinks), which drivers see when they next come; other uplinks, or none,
 * while frames of the others move.
 */
int node_network_set(
		struct node *node, const struct node_network_conf *conf, struct node_error *error);
/* Whether a port is there, and no other network's. Nothing is changed. */
int node_uplink_check(const struct node *node, const char *network, const char *port,
		struct node_error *error);
int node_network_del(struct node *node, const char *name, struct node_error *error);
void node_container_defaults(struct node_container_conf *conf);
int node_container_add(struct node *node, const struct node_container_conf *conf,
		struct node_error *error);
/* which: NODE_SET_*, of conf's other words none is looked at but the name. */
int node_container_set(struct node *node, const struct node_container_conf *conf, uint64_t which,
		struct node_error *error);
int node_container_del(struct node *node, const char *name, struct node_error *error);

/* Each network, container (of network, NULL: all), uplink, lcore, address. */
void node_networks(const struct node *node, node_network_cb cb, void *arg);
void node_containers(const struct node *node, const char *network, node_container_cb cb, void *arg);
void node_uplinks(const struct node *node, node_uplink_cb cb, void *arg);
/*
 * Each member, each lcore. From the first call of node_loads() on lcores measure, until there was
 * none for NODE_MEASURE_S seconds: else they look at no clock but once a round.
 */
void node_loads(struct node *node, node_load_cb cb, void *arg);
void node_busies(const struct node *node, node_busy_cb cb, void *arg);
/*
 * How long frames of a container, or an uplink, were here, and its kicks waited, since the first
 * call for it; that is measured until there was none for NODE_MEASURE_S seconds.
 * Return: 0 or -errno.
 */
int node_latency(struct node *node, const char *name, struct histogram sums[LATENCY_KINDS],
		struct node_error *error);
void node_lcores(const struct node *node, node_lcore_cb cb, void *arg);
int node_fdb(const struct node *node, const char *network, veb_fdb_cb cb, void *arg);

/*
 * Containers, and queues of uplinks, move so that lcores are about as busy, by the frames of the
 * last second; network: of this one only, NULL: of all. Return: how many moved, or -errno.
 */
int node_rebalance(struct node *node, const char *network, struct node_error *error);

/*
 * Copies of a member's frames go to a descriptor, as pcapng, until its reader leaves, or wants no
 * more (shutdown(2) of a socket), or the member does. No frame waits for it.
 * Return: 0 or -errno. *room: bytes that wait for the reader at most.
 */
int node_capture(struct node *node, const struct node_capture_conf *conf, uint64_t *room,
		struct node_error *error);

/*
 * A line for each network, uplink and container, frames since it was added:
 *   container c1 of net0 (up): rx 9 tx 7 drops 2 (spoofed MAC 2)
 */
void node_print(const struct node *node, FILE *out);

void node_on_event(struct node *node, node_event_cb cb, void *arg);

/*
 * Now and then, ten times a second or so: links of uplinks, drivers that came and went, addresses
 * that have aged.
 */
void node_tick(struct node *node);

/* Rounds of the main lcore where there is no other. Return: whether there was a frame. */
bool node_poll(struct node *node);

/* Whether each lcore has gone round since the last call that said so. Main lcore. */
bool node_progress(struct node *node);

#endif /* NODE_H */
