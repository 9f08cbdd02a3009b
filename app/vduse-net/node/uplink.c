/* SPDX-License-Identifier: BSD-3-Clause */

/* An ethdev port as a member of a bridge. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "node_priv.h"
#include "say.h"
#include "vf.h"

#define TAP_DRIVER    "net_tap"
#define VIRTIO_DRIVER "net_virtio"

static uint16_t
uplink_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct uplink *u = priv;
	uint16_t i;

	n = rte_eth_rx_burst(u->port.id, queue, pkts, n);
	for (i = 0; i < n; i++) {
		if (likely(!offload_wanted(pkts[i]->ol_flags)))
			continue;
		/* where its headers are, nobody has told: what stands there is of the buffer's past
		 */
		pkts[i]->l3_len = 0;
		pkts[i]->outer_l3_len = 0;
	}
	return n;
}

static uint16_t
uplink_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct uplink *u = priv;

	fwd_send(&u->egress[queue], pkts, n);
	return n;
}

static void
uplink_wake_enable(void *priv, uint16_t queue)
{
	const struct uplink *u = priv;

	if (!u->always_on)
		rte_eth_dev_rx_intr_enable(u->port.id, queue);
}

static void
uplink_wake_disable(void *priv, uint16_t queue)
{
	const struct uplink *u = priv;

	if (!u->always_on)
		rte_eth_dev_rx_intr_disable(u->port.id, queue);
}

static int
uplink_wake_fd(void *priv, uint16_t queue)
{
	const struct uplink *u = priv;

	return u->wakes ? rte_eth_dev_rx_intr_ctl_q_get_fd(u->port.id, queue) : -1;
}

static const struct veb_ops uplink_ops = {
	.receive = uplink_receive,
	.send = uplink_send,
	.wake_enable = uplink_wake_enable,
	.wake_disable = uplink_wake_disable,
	.wake_fd = uplink_wake_fd,
};

/* Whether its rx interrupts work. net_tap has descriptors, and nothing to switch. */
static void
find_wake(struct uplink *u)
{
	struct rte_eth_dev_info info;
	int ret;

	if (!u->port.conf.intr_conf.rxq)
		return;
	ret = rte_eth_dev_rx_intr_enable(u->port.id, 0);
	if (ret == 0)
		rte_eth_dev_rx_intr_disable(u->port.id, 0);
	u->always_on = ret == -ENOTSUP && rte_eth_dev_info_get(u->port.id, &info) == 0 &&
		       strcmp(info.driver_name, TAP_DRIVER) == 0;
	u->wakes = ret == 0 || u->always_on;
}

/* Whose it is; NULL: nobody's. */
static const struct network *
owner_of(const struct node *node, uint16_t id)
{
	const struct network *n;
	const struct uplink *u;

	LIST_FOREACH (n, &node->networks, next)
		LIST_FOREACH (u, &n->uplinks, next)
			if (!u->plug.out && u->port.id == id)
				return n;
	return NULL;
}

/* @param but a network that may have it, or "" */
static int
find_port(const struct node *node, const char *but, const char *name, uint16_t *id,
		struct node_error *error)
{
	const struct network *owner;

	if (rte_eth_dev_get_port_by_name(name, id) != 0)
		return node_fail(error, -ENODEV, NODE_WHY("NoSuchUplink", "uplinks"),
				"no port %s: bind the NIC to a DPDK driver before the start, or "
				"give EAL a --vdev",
				name);
	owner = owner_of(node, *id);
	if (owner == NULL || strcmp(owner->conf.name, but) == 0)
		return 0;
	return node_fail(error, -EBUSY, NODE_WHY("UplinkInUse", "uplinks"),
			"port %s is an uplink of network %s already: a port belongs to one network",
			name, owner->conf.name);
}

int
node_uplink_check(const struct node *node, const char *network, const char *port,
		struct node_error *error)
{
	uint16_t id;

	return find_port(node, network, port, &id, error);
}

static uint32_t
nb_buffers(const struct port *port)
{
	return (uint32_t)port->nb_rxq * port->nb_rxd + (uint32_t)port->nb_txq * port->nb_txd;
}

/* The streams that finish frames for the port, which was started; counters stay. */
static void
set_egress(struct uplink *u)
{
	struct port_bounds bounds;
	struct fwd_stream *s;
	uint16_t i;

	port_bounds(&u->port, &bounds);
	for (i = 0; i < u->port.nb_txq; i++) {
		s = &u->egress[i];
		s->tx_port = u->port.id;
		s->tx_queue = i;
		s->gate.mtu = bounds.mtu;
		s->gate.segs = bounds.segs != 0 ? bounds.segs : UINT16_MAX;
		s->gate.tso_segs = bounds.tso_segs;
		s->gate.pool = u->pool;
		s->offload.port = u->port.id;
		s->offload.queue = i;
		s->offload.lengths = true;
		s->offload.tso_segs = bounds.tso_segs;
		offload_init(&s->offload, u->port.conf.txmode.offloads, u->pool, NULL);
	}
}

static int
make_egress(struct uplink *u)
{
	u->egress = rte_calloc("egress", u->port.nb_txq, sizeof(u->egress[0]), RTE_CACHE_LINE_SIZE);
	if (u->egress == NULL)
		return -ENOMEM;
	set_egress(u);
	return 0;
}

static int
join(struct uplink *u)
{
	const struct veb_member_conf conf = {
		.name = u->port.name,
		.ops = &uplink_ops,
		.priv = u,
		.nb_rxq = u->port.nb_rxq,
		.nb_txq = u->port.nb_txq,
		.uplink = true,
		.socket = port_socket(u->port.id),
	};
	uint16_t i;
	int ret;

	u->seats = calloc(u->port.nb_rxq, sizeof(u->seats[0]));
	if (u->seats == NULL)
		return -ENOMEM;
	ret = veb_member_add(u->network->veb, &conf, &u->member);
	if (ret != 0)
		return ret;
	for (i = 0; i < u->port.nb_rxq; i++)
		u->seats[i] = (struct seat){
			.member = u->member, .ops = &uplink_ops, .priv = u, .queue = i
		};
	return 0;
}

/* Each queue on another lcore, as far as there are some. Mirror: leave_seats(). */
static int
take_seats(struct uplink *u)
{
	uint16_t i;
	int ret;

	for (i = 0; i < u->port.nb_rxq; i++) {
		ret = worker_seat(lcores_idlest(u->network, u->seats, i), &u->seats[i], 1);
		if (ret != 0)
			break;
	}
	if (i == u->port.nb_rxq)
		return 0;
	while (i-- > 0)
		worker_unseat(u->seats[i].worker, &u->seats[i], 1);
	return ret;
}

/* Also where there is no memory for a shorter list at first. */
static void
leave_seats(struct uplink *u)
{
	struct workers *all = &u->network->node->workers;
	uint16_t i;

	for (i = 0; i < u->port.nb_rxq; i++)
		while (worker_unseat(u->seats[i].worker, &u->seats[i], 1) != 0)
			workers_wait(all);
}

static int
fail_uplink(struct node_error *error, int ret, const char *name, const char *what)
{
	return node_fail(error, ret, NODE_WHY("Kernel", "uplinks"), "port %s: %s: %s", name, what,
			strerror(-ret));
}

/*
 * Checksums that the port's hardware looks at: frames are put together of which it says that they
 * are right. Where it is software's work it is done here, of those that need it.
 */
static uint64_t
checks_of(uint16_t id)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(id, &info) != 0 || info.device == NULL ||
			strcmp(rte_bus_name(rte_dev_bus(info.device)), "pci") != 0 ||
			strcmp(info.driver_name, VIRTIO_DRIVER) == 0)
		return 0;
	return info.rx_offload_capa &
	       (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
}

/*
 * Without RSS all that a NIC receives is in its first queue; of a virtual device, virtio's too, it
 * is the other end that chooses.
 */
static bool
other_end_chooses(uint16_t id)
{
	struct rte_eth_dev_info info;

	return rte_eth_dev_info_get(id, &info) == 0 && info.device != NULL &&
	       (strcmp(rte_bus_name(rte_dev_bus(info.device)), "vdev") == 0 ||
			       strcmp(info.driver_name, VIRTIO_DRIVER) == 0);
}

static void
plan_queues(const struct uplink *u, struct port *port)
{
	const unsigned int nb_lcores = lcores_count(u->network);

	if (!port_has_rss(port) && !other_end_chooses(port->id))
		port->nb_rxq = 1;
	if (port->nb_rxq == 1 && nb_lcores > 1)
		SAY("port %s: its driver spreads nothing over several queues (RSS): one lcore of "
		    "%u takes all that it receives",
				port->name, nb_lcores);
}

static int
plan_port(const struct uplink *u, struct port *port, uint16_t id)
{
	const struct port_want want = {
		.queues = u->network->node->workers.nb, .mtu = u->network->conf.mtu, .wake = true
	};
	int ret;

	ret = port_plan(port, id, &want);
	if (ret != 0)
		return ret;
	plan_queues(u, port);
	port->conf.rxmode.offloads |= checks_of(id);
	return 0;
}

/* Return: 0 or -errno, nothing started. */
static int
plan(struct uplink *u, const char *name, struct node_error *error)
{
	struct node *node = u->network->node;
	uint16_t id;
	int ret;

	ret = find_port(node, "", name, &id, error);
	if (ret != 0)
		return ret;
	ret = plan_port(u, &u->port, id);
	if (ret != 0)
		return fail_uplink(error, ret, name, "it cannot be an uplink");
	u->buffers = nb_buffers(&u->port);
	ret = buffers_take(&node->buffers, u->buffers, pool_room(u->port.frame), &u->pool);
	if (ret != 0)
		return node_fail(error, ret, NODE_WHY("NoBuffers", "uplinks"),
				"port %s needs %u packet buffers of %u bytes, and there is no "
				"memory "
				"for them: give EAL more of it (-m), or smaller queues",
				name, u->buffers, pool_room(u->port.frame));
	return 0;
}

/* Started, a member, polled. */
static int
begin(struct uplink *u, struct node_error *error)
{
	int ret;

	ret = port_start(&u->port, u->pool);
	if (ret != 0) {
		u->network->node->resting[u->port.id] = true;
		return fail_uplink(error, ret, u->port.name, "it does not start");
	}
	ret = make_egress(u);
	if (ret == 0)
		ret = join(u);
	if (ret == 0) {
		find_wake(u);
		ret = take_seats(u);
	}
	if (ret == 0)
		return 0;
	if (u->member != NULL)
		veb_member_del(u->member, NULL);
	port_rest(&u->port);
	u->network->node->resting[u->port.id] = true;
	return fail_uplink(error, ret, u->port.name, "no memory for it");
}

static void
free_uplink(struct uplink *u)
{
	buffers_give(&u->network->node->buffers, u->pool, u->buffers);
	free(u->seats);
	rte_free(u->egress);
	free(u);
}

/* The lowest that no uplink of the network has. */
static unsigned int
free_slot(const struct network *network)
{
	const struct uplink *u;
	uint32_t taken = 0;

	LIST_FOREACH (u, &network->uplinks, next)
		taken |= RTE_BIT32(u->slot);
	return (unsigned int)__builtin_ctz(~taken);
}

int
uplink_add(struct network *network, const char *name, struct node_error *error)
{
	struct uplink *u = calloc(1, sizeof(*u));
	int ret;

	if (u == NULL)
		return fail_uplink(error, -ENOMEM, name, "no memory for it");
	u->network = network;
	ret = plan(u, name, error);
	if (ret != 0) {
		free(u);
		return ret;
	}
	u->slot = free_slot(network);
	network->node->resting[u->port.id] = false;
	ret = begin(u, error);
	if (ret != 0) {
		free_uplink(u);
		return ret;
	}
	plug_note(&u->plug, u->port.id);
	u->vf = vf_is(u->port.id);
	uplink_filter(u, true);
	u->up = true;
	LIST_INSERT_HEAD(&network->uplinks, u, next);
	container_mirror_came(network, u->port.name);
	uplink_look(u);
	return 0;
}

void
uplink_del(struct uplink *u)
{
	LIST_REMOVE(u, next);
	if (!u->plug.out)
		leave_seats(u);
	watches_leave(u->network->node, u->member);
	timings_leave(u->network->node, u->member);
	veb_member_del(u->member, NULL);
	if (!u->plug.out) {
		port_rest(&u->port);
		u->network->node->resting[u->port.id] = true;
	}
	free_uplink(u);
}

void
uplinks_close(struct node *node)
{
	uint16_t id;

	for (id = 0; id < RTE_MAX_ETHPORTS; id++)
		if (node->resting[id])
			rte_eth_dev_close(id);
}

/* Its carrier is down already: behind the wait nobody sends to it. It stays a member. */
static void
let_go(struct uplink *u)
{
	uplink_filter(u, false);
	leave_seats(u);
	workers_wait(&u->network->node->workers);
	port_stop(&u->port);
	plug_pull(&u->plug);
	/* EAL keeps what it did not let go of; there is no port all the same */
	u->plug.out = true;
}

/* The member stays: its queues have to be as many as before, and their buffers are taken. */
static int
start_again(struct uplink *u, uint16_t id)
{
	struct port port;
	int ret;

	ret = plan_port(u, &port, id);
	if (ret != 0)
		return ret;
	if (port.nb_rxq != u->port.nb_rxq || port.nb_txq != u->port.nb_txq ||
			nb_buffers(&port) > u->buffers ||
			pool_room(port.frame) > pool_room(u->port.frame))
		return -EXDEV;
	u->port = port;
	ret = port_start(&u->port, u->pool);
	if (ret != 0)
		return ret;
	set_egress(u);
	u->unfiltered = 0;
	u->promiscuous = false;
	u->wakes = u->always_on = false;
	find_wake(u);
	ret = take_seats(u);
	if (ret != 0)
		port_rest(&u->port);
	return ret;
}

static void
have_back(struct uplink *u)
{
	char text[NODE_TEXT_SIZE];
	uint16_t id;
	int ret;

	if (plug_in(&u->plug, &id) != 0)
		return;
	ret = start_again(u, id);
	if (ret == 0) {
		uplink_filter(u, true);
		return;
	}
	snprintf(text, sizeof(text), "its device is there again, and does not start: %s",
			ret == -EXDEV ? "it is another one, with other queues" : strerror(-ret));
	uplink_tell(u, NODE_UPLINK_FAULT, text);
	rte_eth_dev_close(id);
	plug_pull(&u->plug);
}

void
uplink_look(struct uplink *u)
{
	bool gone, up;

	if (u->plug.out && plug_is_back(&u->plug))
		have_back(u);
	gone = u->plug.out || port_is_gone(&u->port);
	up = !gone && port_is_up(&u->port);
	if (gone && !u->gone)
		uplink_tell(u, NODE_UPLINK_FAULT,
				"its device is gone: the link comes back when it is plugged in "
				"again");
	u->gone = gone;
	if (up != u->up) {
		u->up = up;
		uplink_tell(u, up ? NODE_UPLINK_UP : NODE_UPLINK_DOWN, NULL);
		veb_set_uplink(u->member, up);
	}
	if (gone && !u->plug.out)
		let_go(u);
}
