/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NODE_RIG_H
#define NODE_RIG_H

/*
 * A node with a network of a port made of rings and three containers on the fake kernel, each
 * with a driver that the test plays.
 */

#include <rte_launch.h>

#include "node_priv.h"
#include "rig.h"

#define RIG_CONTAINERS 3
#define RIG_QUEUES     3

struct rig_driver {
	struct rig rig;
	char name[8];
	uint64_t iova; /* of the next frame that it sends */
	unsigned int sent;
};

struct node_rig {
	struct node *node;
	uint64_t now;              /* cycles; what lcores take for the time */
	uint64_t step;             /* it goes on by so much at each look */
	struct rte_ring *in, *out; /* of the port, seen from the wire: of its first queue */
	struct rte_ring *ins[RIG_QUEUES], *outs[RIG_QUEUES];
	unsigned int nb_queues;
	char uplink[NODE_UPLINK_SIZE];
	uint16_t port;
	bool port_out; /* EAL has let go of it */
	struct rig_driver drivers[RIG_CONTAINERS];
	unsigned int events[NODE_EVENTS];
	char text[NODE_TEXT_SIZE]; /* of the last fault, with who had it */
};

/* Bytes of an Ethernet frame. */
struct rig_bytes {
	uint8_t data[256];
	uint32_t len;
};

/* The port's filter, of which the driver of rings has none: addresses in it, and how many it takes.
 */
extern unsigned int node_rig_macs, node_rig_macs_max;
int __wrap_rte_eth_dev_mac_addr_add(uint16_t port, struct rte_ether_addr *mac, uint32_t pool);
int __wrap_rte_eth_dev_mac_addr_remove(uint16_t port, struct rte_ether_addr *mac);

/* Whether the port's device is unplugged. */
extern bool node_rig_removed;
int __wrap_rte_eth_dev_is_removed(uint16_t port);

/* Whether the port does not start. */
extern bool node_rig_refuses;
int __real_rte_eth_dev_start(uint16_t port);
int __wrap_rte_eth_dev_start(uint16_t port);

/* Whether the device is plugged in again; what EAL has let go of is then there under another
 * number.
 */
extern bool node_rig_back;
int __wrap_plug_pull(struct plug *plug);
bool __wrap_plug_is_back(struct plug *plug);
int __wrap_plug_in(struct plug *plug, uint16_t *port);

/* What orders the two threads is in EAL, where ThreadSanitizer does not see it: here it does. */
int __real_rte_eal_remote_launch(lcore_function_t *f, void *arg, unsigned int lcore);
int __wrap_rte_eal_remote_launch(lcore_function_t *f, void *arg, unsigned int lcore);
int __real_rte_eal_wait_lcore(unsigned int lcore);
int __wrap_rte_eal_wait_lcore(unsigned int lcore);

int node_rig_setup(void **state);
/* The same with a worker lcore, and the true time. */
int node_rig_setup_live(void **state);
/* The same with a port of RIG_QUEUES queues, and as many worker lcores. */
int node_rig_setup_queues(void **state);
/* And one that never sleeps. */
int node_rig_setup_awake(void **state);
int node_rig_teardown(void **state);

/* How container n, from 0, is added; its address ends with n + 1. */
struct node_container_conf node_rig_conf(unsigned int n);

/* Its driver comes, with these features besides; it goes. */
void node_rig_drive(struct node_rig *r, unsigned int n, uint64_t features);
void node_rig_undrive(struct node_rig *r, unsigned int n);

/* To the address that ends with `to`, 0: to all. */
struct rig_bytes node_rig_frame(uint8_t from, uint8_t to);

/* The driver of container n sends it, without a kick; the wire does. */
void node_rig_send(struct node_rig *r, unsigned int n, const struct rig_bytes *frame);
/* The same with a virtio_net_hdr. */
void node_rig_send_hdr(
		struct node_rig *r, unsigned int n, const void *hdr, const struct rig_bytes *frame);
/* Its kick, where it has to. */
void node_rig_kick(struct node_rig *r, unsigned int n);
void node_rig_send_wire(struct node_rig *r, const struct rig_bytes *frame);
/* To be received in this queue of the port. */
void node_rig_send_queue(struct node_rig *r, unsigned int queue, const struct rig_bytes *frame);

/* All that can move moves. */
void node_rig_run(struct node_rig *r);

/* What container n, or the wire, got next. False: nothing. */
bool node_rig_get(struct node_rig *r, unsigned int n, struct rig_bytes *frame);
bool node_rig_get_wire(struct node_rig *r, struct rig_bytes *frame);
/* The same with its virtio_net_hdr, of RIG_HDR_LEN bytes. */
bool node_rig_get_hdr(struct node_rig *r, unsigned int n, void *hdr, struct rig_bytes *frame);
/* It is this. */
void node_rig_expect(struct node_rig *r, unsigned int n, const struct rig_bytes *frame);
void node_rig_expect_wire(struct node_rig *r, const struct rig_bytes *frame);
/* Nobody got anything else. */
void node_rig_expect_none(struct node_rig *r);

struct veb_stats node_rig_stats(struct node_rig *r, unsigned int n);

#endif /* NODE_RIG_H */
