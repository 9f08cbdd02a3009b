/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_lcore.h>
#include <rte_vduse_net.h>

#include "port.h"
#include "port_event.h"
#include "say.h"

/* Descriptors of a queue where the driver names no default. */
#define DEFAULT_DESCS 1024

/* Of a frame with two. */
#define TAGS_LEN (2u * RTE_VLAN_HLEN)

#define VDUSE_DRIVER "net_vduse"
#define TAP_DRIVER   "net_tap"

static int
no_such_port(const char *id_or_name)
{
	char list[1024] = "";
	char name[RTE_ETH_NAME_MAX_LEN];
	size_t at = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		if (rte_eth_dev_get_name_by_port(id, name) == 0 && at < sizeof(list))
			at += snprintf(list + at, sizeof(list) - at, "%s%u %s", at != 0 ? ", " : "",
					id, name);
	}
	if (at == 0)
		SAY("--port %s: there is no port at all: bind a NIC to a DPDK driver or give EAL a "
		    "--vdev",
				id_or_name);
	else
		SAY("--port %s: no such port: there are: %s", id_or_name, list);
	return -ENODEV;
}

int
port_find(const char *id_or_name, uint16_t *id)
{
	unsigned long n;
	char *end;

	if (rte_eth_dev_get_port_by_name(id_or_name, id) == 0)
		return 0;
	if (isdigit((unsigned char)id_or_name[0])) {
		n = strtoul(id_or_name, &end, 10);
		if (*end == '\0' && n < RTE_MAX_ETHPORTS && rte_eth_dev_is_valid_port(n)) {
			*id = n;
			return 0;
		}
	}
	return no_such_port(id_or_name);
}

bool
port_any_interface(void)
{
	struct rte_eth_dev_info info;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id)
		if (rte_eth_dev_info_get(id, &info) == 0 && info.if_index != 0)
			return true;
	return false;
}

static bool
reads_by_processor(uint16_t id)
{
	struct rte_eth_dev_info info;

	return rte_eth_dev_info_get(id, &info) == 0 && info.device != NULL &&
	       rte_vduse_net_read_by_processor(
			       rte_bus_name(rte_dev_bus(info.device)), rte_dev_name(info.device));
}

int
port_has_sent(uint16_t id, uint16_t queue, uint16_t nb_txd)
{
	/* counted from the descriptor that is used next, so the one before it: of the last frame */
	const int status = rte_eth_tx_descriptor_status(id, queue, nb_txd - 1);

	return status < 0 ? status : status == RTE_ETH_TX_DESC_DONE;
}

enum rte_vduse_net_reader
port_reader(const struct port *port)
{
	if (reads_by_processor(port->id))
		return RTE_VDUSE_NET_READER_PROCESSOR;
	return port->tells_sent && port_has_sent(port->id, 0, port->nb_txd) >= 0
			       ? RTE_VDUSE_NET_READER_DEVICE
			       : RTE_VDUSE_NET_READER_NONE;
}

int
port_socket(uint16_t id)
{
	int socket = rte_eth_dev_socket_id(id);

	/* Virtual devices answer SOCKET_ID_ANY. */
	if (socket < 0 || socket >= RTE_MAX_NUMA_NODES)
		socket = rte_socket_id();
	return socket < 0 || socket >= RTE_MAX_NUMA_NODES ? 0 : socket;
}

static bool
is_virtual(const struct rte_eth_dev_info *info)
{
	return info->device != NULL && strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0;
}

/* MTU and longest frame: the wanted MTU where the driver's limits allow it. Return: 0 or -EINVAL */
static int
plan_mtu(struct port *port, const struct rte_eth_dev_info *info, uint16_t want)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint16_t mtu = RTE_ETHER_MTU;
	uint32_t most;

	rte_eth_dev_get_mtu(port->id, &mtu);
	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	/* a virtual device's driver may say less than the device takes */
	most = RTE_MIN(info->max_mtu, info->max_rx_pktlen - RTE_MIN(overhead, info->max_rx_pktlen));
	if (!is_virtual(info) && want > most) {
		SAY("port %s: MTU %u is too long for it: --mtu %u or less", port->name, want, most);
		return -EINVAL;
	}
	port->set_mtu = want != 0 && want >= info->min_mtu && want <= info->max_mtu &&
			want + overhead <= info->max_rx_pktlen;
	port->mtu = port->set_mtu ? want : mtu;
	if (!port->set_mtu && want != 0 && want != mtu)
		SAY("port %s: the driver does not set an MTU of %u, it keeps %u: "
		    "longer frames pass only if the device takes them anyway",
				port->name, want, mtu);
	/* Room for two VLAN tags; the device may take what the wire's MTU says. */
	port->frame = RTE_MAX(want, port->mtu) + RTE_ETHER_HDR_LEN + TAGS_LEN;
	/* NICs count the second tag, or both, into what their MTU allows */
	if (!is_virtual(info) && port->mtu < most)
		port->tags = RTE_MIN(most - port->mtu, TAGS_LEN);
	port->conf.rxmode.mtu = port->mtu + port->tags;
	return 0;
}

static void
plan_queues(struct port *port, const struct rte_eth_dev_info *info, const struct port_want *want)
{
	uint16_t rxd = want->queue_size, txd = want->queue_size;

	port->nb_rxq = RTE_MIN(info->max_rx_queues, want->queues);
	port->nb_txq = RTE_MIN(info->max_tx_queues, want->queues);
	if (rxd == 0)
		rxd = info->default_rxportconf.ring_size;
	if (txd == 0)
		txd = info->default_txportconf.ring_size;
	port->nb_rxd = rxd != 0 ? rxd : DEFAULT_DESCS;
	port->nb_txd = txd != 0 ? txd : DEFAULT_DESCS;
	rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &port->nb_rxd, &port->nb_txd);
	/* Spread flows over the queues where the driver can. */
	port->conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	if (port->nb_rxq > 1 && port->conf.rx_adv_conf.rss_conf.rss_hf != 0)
		port->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
}

void
port_offloads(const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	/* Of what a NIC receives no flag is needed; it must not merge frames: LRO is not exact. */
	uint64_t rx = RTE_ETH_RX_OFFLOAD_SCATTER;
	uint64_t tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
		      RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
		      RTE_ETH_TX_OFFLOAD_SCTP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
		      RTE_ETH_TX_OFFLOAD_UDP_TSO | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
		      RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO |
		      RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO | RTE_ETH_TX_OFFLOAD_IPIP_TNL_TSO |
		      RTE_ETH_TX_OFFLOAD_GENEVE_TNL_TSO;

	/* There LRO is what the driver has not cut yet, and no checksum is missing unflagged. */
	if (strcmp(info->driver_name, VDUSE_DRIVER) == 0)
		rx |= RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
		      RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	/*
	 * Its offloads are software too, and not as good as ours: TSO ends the burst at an IPv6
	 * frame, the checksum is wrong over segments of odd lengths (22.11).
	 */
	if (strcmp(info->driver_name, TAP_DRIVER) == 0)
		tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	conf->rxmode.offloads = info->rx_offload_capa & rx;
	conf->txmode.offloads = info->tx_offload_capa & tx;
}

/* A limit as drivers tell it: 0, or all ones, is none. */
static uint16_t
bound(uint16_t limit)
{
	return limit == UINT16_MAX ? 0 : limit;
}

void
port_bounds(const struct port *port, struct port_bounds *bounds)
{
	struct rte_eth_dev_info info;
	uint16_t mtu = port->mtu + port->tags;

	*bounds = (struct port_bounds){ 0 };
	rte_eth_dev_get_mtu(port->id, &mtu);
	bounds->mtu = mtu - RTE_MIN(port->tags, mtu);
	if (!port->multi_segs) {
		bounds->segs = 1;
		bounds->tso_segs = 1;
	} else if (rte_eth_dev_info_get(port->id, &info) == 0) {
		bounds->segs = bound(info.tx_desc_lim.nb_mtu_seg_max);
		bounds->tso_segs = bound(info.tx_desc_lim.nb_seg_max);
	}
}

static void
add_loss(struct port_losses *losses, const char *name, uint64_t frames)
{
	unsigned int i;

	losses->all += frames;
	for (i = 0; i < losses->n && strcmp(losses->of[i].name, name) != 0; i++)
		;
	if (i == PORT_LOSSES_MAX || frames == 0)
		return;
	if (i == losses->n) {
		snprintf(losses->of[i].name, sizeof(losses->of[i].name), "%s", name);
		losses->of[losses->n++].frames = 0;
	}
	losses->of[i].frames += frames;
}

/* "rx_q7_drop_header" is "drop_header" of rx. NULL: it is no loss of this direction. */
static const char *
loss_name(const char *xstat, bool rx)
{
	const char *name;

	if (strncmp(xstat, rx ? "rx_q" : "tx_q", 4) != 0)
		return NULL;
	name = xstat + 4 + strspn(xstat + 4, "0123456789");
	return strncmp(name, "_drop_", 6) == 0 ? name + 1 : NULL;
}

/* Each queue's reasons. */
static void
read_reasons(const struct port *port, bool rx, struct port_losses *losses)
{
	const int n = rte_eth_xstats_get_names(port->id, NULL, 0);
	struct rte_eth_xstat_name *names = NULL;
	struct rte_eth_xstat *values = NULL;
	const char *name;
	int i;

	if (n > 0) {
		names = calloc(n, sizeof(*names));
		values = calloc(n, sizeof(*values));
	}
	if (names != NULL && values != NULL && rte_eth_xstats_get_names(port->id, names, n) == n &&
			rte_eth_xstats_get(port->id, values, n) == n)
		for (i = 0; i < n; i++) {
			name = loss_name(names[values[i].id].name, rx);
			if (name != NULL)
				add_loss(losses, name, values[i].value);
		}
	free(values);
	free(names);
}

/* Nothing is asked of a NIC that is pulled out; the number may be another's. */
static bool
is_out(const struct port *port)
{
	return !port->vduse && __atomic_load_n(&port->goes, __ATOMIC_RELAXED);
}

void
port_losses(const struct port *port, bool rx, struct port_losses *losses)
{
	struct rte_eth_stats now;

	memset(losses, 0, sizeof(*losses));
	if (port->vduse) {
		read_reasons(port, rx, losses);
		return;
	}
	if (is_out(port) || rte_eth_stats_get(port->id, &now) != 0)
		return;
	if (rx) {
		add_loss(losses, "missed", now.imissed - port->before.imissed);
		add_loss(losses, "errors", now.ierrors - port->before.ierrors);
		add_loss(losses, "no mbuf", now.rx_nombuf - port->before.rx_nombuf);
	} else {
		add_loss(losses, "errors", now.oerrors - port->before.oerrors);
	}
}

/* Speed of the fastest link mode. */
static uint32_t
best_speed(uint32_t capa)
{
	static const uint32_t speeds[] = { 10, 100, 1000, 2500, 5000, 10000, 20000, 25000, 40000,
		50000, 56000, 100000, 200000 };
	unsigned int i;

	for (i = RTE_DIM(speeds); i-- > 0;)
		if ((capa & rte_eth_speed_bitflag(speeds[i], RTE_ETH_LINK_FULL_DUPLEX)) != 0)
			return speeds[i];
	return 0;
}

uint32_t
port_speed(uint16_t id)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;

	if (rte_eth_link_get_nowait(id, &link) == 0 && link.link_speed != RTE_ETH_SPEED_NUM_NONE &&
			link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		return link.link_speed;
	return rte_eth_dev_info_get(id, &info) == 0 ? best_speed(info.speed_capa) : 0;
}

/*
 * Drivers whose rte_eth_tx_descriptor_status() is that of the descriptor itself, by the mark that
 * the device makes when it has read the frame, where it makes one at each.
 */
static bool
marks_sent(const struct rte_eth_dev_info *info)
{
	static const char *const drivers[] = { "net_e1000_em", "net_e1000_igb", "net_e1000_igb_vf",
		"net_ixgbe", "net_ixgbe_vf" };
	unsigned int i;

	for (i = 0; i < RTE_DIM(drivers); i++)
		if (strcmp(info->driver_name, drivers[i]) == 0)
			return true;
	return false;
}

int
port_plan(struct port *port, uint16_t id, const struct port_want *want)
{
	struct rte_eth_dev_info info;
	int ret;

	memset(port, 0, sizeof(*port));
	port->id = id;
	port->promiscuous = want->promiscuous;
	port->tells_sent = want->borrows;
	ret = rte_eth_dev_get_name_by_port(id, port->name);
	if (ret == 0)
		ret = rte_eth_dev_info_get(id, &info);
	if (ret != 0) {
		SAY("port %u: the driver does not describe the device: %s", id, strerror(-ret));
		return ret;
	}
	if (info.max_rx_queues == 0 || info.max_tx_queues == 0) {
		SAY("port %s: it has no %s queue: a wire needs both directions", port->name,
				info.max_rx_queues == 0 ? "receive" : "transmit");
		return -ENOTSUP;
	}
	ret = plan_mtu(port, &info, want->mtu);
	if (ret != 0)
		return ret;
	plan_queues(port, &info, want);
	port_offloads(&info, &port->conf);
	port->conf.intr_conf.rxq = want->wake;
	port->tells_sent &= marks_sent(&info);
	port->multi_segs = (port->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	port->chains = (port->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
	port->vduse = strcmp(info.driver_name, VDUSE_DRIVER) == 0;
	/*
	 * With it ethdev answers with what the driver has told last, and those of some NICs never
	 * tell: a NIC is looked at itself, each second.
	 */
	port->conf.intr_conf.lsc = port->vduse;
	port->link_event = -1;
	port->late = rte_vduse_net_port_waits(id);
	return 0;
}

/* Where somebody waits for the bytes, the device is to mark each frame that it has read. */
static int
setup_tx_queue(struct port *port, uint16_t q, int socket)
{
	struct rte_eth_dev_info info;
	struct rte_eth_txconf conf;

	if (port->tells_sent && rte_eth_dev_info_get(port->id, &info) == 0) {
		conf = info.default_txconf;
		conf.tx_rs_thresh = 1;
		if (rte_eth_tx_queue_setup(port->id, q, port->nb_txd, socket, &conf) == 0)
			return 0;
	}
	port->tells_sent = false;
	return rte_eth_tx_queue_setup(port->id, q, port->nb_txd, socket, NULL);
}

static int
setup_queues(struct port *port, struct rte_mempool *pool)
{
	int socket = port_socket(port->id);
	int ret = 0;
	uint16_t q;

	for (q = 0; q < port->nb_rxq && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(port->id, q, port->nb_rxd, socket, NULL, pool);
	for (q = 0; q < port->nb_txq && ret == 0; q++)
		ret = setup_tx_queue(port, q, socket);
	return ret;
}

/* Some drivers take the MTU here only, some in the configuration only. */
static int
set_mtu(struct port *port)
{
	int ret;

	if (port->tags != 0) {
		ret = rte_eth_dev_set_mtu(port->id, port->mtu + port->tags);
		if (ret == 0 || ret == -ENOTSUP)
			return ret;
		port->tags = 0;
	}
	return port->set_mtu ? rte_eth_dev_set_mtu(port->id, port->mtu) : 0;
}

/* What a wire is better with, but works without. */
static void
set_extras(struct port *port)
{
	int ret;

	ret = set_mtu(port);
	if (ret != 0 && ret != -ENOTSUP)
		SAY("port %s: MTU %u: %s: longer frames may be lost here", port->name, port->mtu,
				strerror(-ret));
	if (!port->promiscuous)
		return;
	ret = rte_eth_promiscuous_enable(port->id);
	if (ret != 0)
		SAY("port %s: no promiscuous mode: %s: frames for the container's MAC may not "
		    "arrive; "
		    "give the container the port's own with --mac",
				port->name, strerror(-ret));
}

/* Return: 0 or -errno, and *step is what was not possible. */
static int
bring_up(struct port *port, struct rte_mempool *pool, const char **step)
{
	int ret;

	*step = "configure";
	ret = rte_eth_dev_configure(port->id, port->nb_rxq, port->nb_txq, &port->conf);
	if (ret != 0)
		return ret;
	*step = "set up the queues of";
	ret = setup_queues(port, pool);
	if (ret != 0)
		return ret;
	set_extras(port);
	*step = "start";
	return port->late ? 0 : rte_eth_dev_start(port->id);
}

int
port_start(struct port *port, struct rte_mempool *pool)
{
	const char *step = "listen to";
	int ret;

	ret = port_listen(port);
	if (ret != 0)
		goto say;
	ret = bring_up(port, pool, &step);
	if (ret != 0 && ret != -ENOMEM && port->conf.intr_conf.rxq && !port->vduse) {
		/* some drivers have interrupts with some kernel modules only: lcores nap then */
		port->conf.intr_conf.rxq = 0;
		ret = bring_up(port, pool, &step);
	}
	if (ret != 0)
		goto unlisten;
	if (rte_eth_stats_get(port->id, &port->before) != 0)
		memset(&port->before, 0, sizeof(port->before));
	return 0;

unlisten:
	port_unlisten(port);
say:
	SAY("port %s: cannot %s it: %s%s", port->name, step, strerror(-ret),
			ret == -ENOMEM ? ": give more buffers with --mbufs, or longer ones with "
					 "--mtu"
				       : "");
	return ret;
}

int
port_claim(const struct port *port)
{
	int ret;

	if (!port->late)
		return 0;
	ret = rte_vduse_net_claim(rte_vduse_net_by_port(port->id));
	if (ret != 0)
		SAY("port %s: cannot be taken over: %s; the driver says why above", port->name,
				strerror(-ret));
	return ret;
}

int
port_start_late(struct port *port)
{
	int ret;

	if (!port->late)
		return 0;
	ret = rte_eth_dev_start(port->id);
	if (ret != 0)
		SAY("port %s: cannot start it: %s; the driver says why above", port->name,
				strerror(-ret));
	return ret;
}

int
port_rest(struct port *port)
{
	int ret;

	ret = rte_eth_dev_stop(port->id);
	if (ret != 0)
		SAY("port %s: cannot stop it: %s", port->name, strerror(-ret));
	/* for who starts it next */
	if (port->tags != 0)
		rte_eth_dev_set_mtu(port->id, port->mtu);
	port_unlisten(port);
	return ret;
}

int
port_stop(struct port *port)
{
	const int ret = port_rest(port);
	int err;

	err = rte_eth_dev_close(port->id);
	if (err != 0)
		SAY("port %s: cannot close it: %s", port->name, strerror(-err));
	return ret != 0 ? ret : err;
}

bool
port_is_gone(const struct port *port)
{
	return __atomic_load_n(&port->goes, __ATOMIC_RELAXED) ||
	       rte_eth_dev_is_removed(port->id) != 0;
}

bool
port_is_up(const struct port *port)
{
	struct rte_eth_link link;

	if (is_out(port))
		return false;
	return rte_eth_link_get_nowait(port->id, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

const char *
port_link(const struct port *port)
{
	struct rte_eth_link link;

	if (is_out(port))
		return "gone";
	if (rte_eth_link_get_nowait(port->id, &link) != 0)
		return "unknown";
	return link.link_status == RTE_ETH_LINK_UP ? "up" : "down";
}
