/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NODE_PRIV_H
#define NODE_PRIV_H

/* What the rooms of the node share. */

#include <sys/queue.h>

#include "buffers.h"
#include "node.h"
#include "plug.h"
#include "pool.h"
#include "port.h"
#include "worker.h"

struct uplink {
	LIST_ENTRY(uplink) next;
	struct network *network;
	unsigned int slot; /* among the network's */
	struct port port;
	struct plug plug; /* its device; out: there is no port, and who is a member is nobody's */
	struct rte_mempool *pool;
	uint32_t buffers; /* taken of the pool */
	struct veb_member *member;
	struct fwd_stream *egress; /* by queue to send to */
	struct seat *seats;        /* by queue to receive from */
	unsigned int unfiltered; /* containers that its filter has no place for, or that are trusted
				  */
	bool promiscuous;
	bool vf;        /* its device is a virtual function: see vf.h */
	bool wakes;     /* rx interrupts */
	bool always_on; /* its descriptors need no switching */
	bool up;
	bool gone; /* told */
};

struct queue {
	uint16_t held, next; /* frames that wait for the queue's next turn */
	struct rte_mbuf *pkts[FWD_BURST];
};

struct container {
	LIST_ENTRY(container) next;
	struct network *network;
	struct node_container_conf conf;
	struct rte_vduse_net *net;
	struct veb_member *member;
	struct rte_mempool *pool;
	uint32_t buffers;
	uint16_t nb_queues;
	struct queue *queues;
	struct seat *seats;
	struct offload offload; /* for what its driver does not take */
	uint32_t unfiltered;    /* by the uplink's slot: see there */
	bool polled;            /* lcores know its seats */
	bool attached;
	bool link_error;
	bool broken; /* its device: told */
};

struct network {
	LIST_ENTRY(network) next;
	struct node *node;
	struct node_network_conf conf;
	uint32_t mtu;
	struct veb *veb;
	LIST_HEAD(uplink_list, uplink) uplinks;
	LIST_HEAD(container_list, container) containers;
	unsigned int nb_containers;
};

/* A capture; without a member it is at its end, and its reader is given the rest. */
struct watch {
	LIST_ENTRY(watch) next;
	struct capture *capture;
	struct veb_member *member;
};

/* A member whose frames are timed. */
struct timing {
	LIST_ENTRY(timing) next;
	struct latency *latency;
	struct veb_member *member;
	struct seat *seats;
	unsigned int nb_seats;
	uint64_t until; /* cycles */
};

/* A container, or an uplink. */
struct subject {
	struct veb_member *member;
	const struct network *network;
	const char *name;
	const uint8_t *mac; /* of a container */
	bool uplink;
	struct seat *seats;
	unsigned int nb_seats;
};

struct node {
	struct node_conf conf;
	LIST_HEAD(watch_list, watch) watches;
	unsigned int nb_watches;
	LIST_HEAD(timing_list, timing) timings;
	unsigned int nb_timings;
	uint64_t measured; /* cycles: until when lcores measure; 0: they do not */
	uint64_t weighed;  /* cycles: when it was looked what lcores have to do */
	LIST_HEAD(network_list, network) networks;
	struct buffers buffers;
	struct workers workers;
	bool resting[RTE_MAX_ETHPORTS]; /* ports that were uplinks: stopped, not closed */
	node_event_cb event;
	void *event_arg;
};

#define NODE_ID(name) "org.dpdk.vduse." name

/* Which error, and of which parameter, "": of none. */
struct node_why {
	const char *id;
	const char *parameter;
};

#define NODE_WHY(name, of) (&(const struct node_why){ .id = NODE_ID(name), .parameter = (of) })
#define NODE_INVALID(of)           \
	(&(const struct node_why){ \
			.id = "org.varlink.service.InvalidParameter", .parameter = (of) })

/* Fill in what went wrong. Return: ret. */
__attribute__((format(printf, 4, 5))) int node_fail(struct node_error *error, int ret,
		const struct node_why *why, const char *fmt, ...);

/* text: of a fault, else NULL. */
void container_tell(const struct container *c, enum node_event event, const char *text);
void uplink_tell(const struct uplink *u, enum node_event event, const char *text);

struct network *node_find_network(const struct node *node, const char *name);
struct container *node_find_container(const struct node *node, const char *name);
/* Return: 0 or -ENOENT. */
int node_find_subject(const struct node *node, const char *name, struct subject *s,
		struct node_error *error);

/* Return: 0 or -errno. Mirror: uplink_del(), after which the port can be one again. */
int uplink_add(struct network *network, const char *name, struct node_error *error);
void uplink_del(struct uplink *uplink);
/* Its link; events. */
void uplink_look(struct uplink *uplink);
/* What the containers that there are need of its filters, or no more. */
void uplink_filter(struct uplink *uplink, bool add);

/* Whether its lcores can be what is asked for. Return: 0 or -errno. */
int lcores_check(const struct node *node, const struct node_network_conf *conf,
		struct node_error *error);
/* Whether the lcore is one of those that serve the network. */
bool lcores_serve(const struct network *network, const struct worker *w);
/*
 * The least busy of them: one that polls as few as can be of n seats beside it, which moved the
 * fewest frames in the last second, and has the fewest seats.
 */
struct worker *lcores_idlest(
		const struct network *network, const struct seat *beside, unsigned int n);
/* How many serve it. */
unsigned int lcores_count(const struct network *network);
/* Who is polled by an lcore that serves others now moves. */
void lcores_settle(struct node *node);
/* Frames of the last second. */
void lcores_look(struct node *node);

/* Free all of it. The owner has told the lcores. Return: 0, or -errno of the device. */
int container_free(struct container *c);
/* The network has another MTU. */
void container_set_mtu(struct container *c);
/* Whether a driver has it, and what has become of its device; events. */
void container_look(struct container *c);
/* A member has come: it is the mirror of those that name it. */
void container_mirror_came(const struct network *network, const char *name);
/* Another set of rules. Return: 0 or -errno, as it was. */
int container_apply(struct container *c, const struct node_container_conf *conf,
		struct node_error *error);
/* Uplinks that are VFs name the groups of the containers that there are. */
void network_hear(const struct network *network);
/* The address of one that no container has; zero: none. */
void network_vf_mac(const struct network *network, struct rte_ether_addr *mac);
/* The container's address in the filters of the uplinks, or all addresses; or no more. */
void container_filter(struct container *c, bool add);

/* One ring more; how full they are is not known where that of one is not. */
void load_add_ring(struct node_ring *sum, const struct rte_vduse_net_fill *one);

/* Lcores measure no more when nobody has asked for a while. */
void load_look(struct node *node);

/* Frames of nobody are timed who was not asked for a while; or of one that is about to go. */
void timings_look(struct node *node);
void timings_leave(struct node *node, const struct veb_member *member);

/* The member is about to go: nobody watches it any more. */
void watches_leave(struct node *node, struct veb_member *member);
/* Captures that are at their end. */
void watches_look(struct node *node);
/* All of them, at once. */
void watches_end(struct node *node);

/* Whether all its uplinks take what is asked for. Return: 0 or -EINVAL. */
int network_check_mtu(const struct network *network, const struct node_network_conf *conf,
		struct node_error *error);

/* Other uplinks. Return: 0, or -errno and nothing has changed. */
int uplinks_set(struct network *network, const struct node_network_conf *conf,
		struct node_error *error);
/* Those that rest are closed. */
void uplinks_close(struct node *node);

#endif /* NODE_PRIV_H */
