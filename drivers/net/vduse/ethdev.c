/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "pmd.h"

/* What secondary processes are told of the driver was seen last, which is at its last event. */
static void
pmd_look(struct pmd_dev *pmd, struct rte_vduse_net_info *info)
{
	rte_vduse_net_info(pmd->net, info);
	__atomic_store_n(&pmd->segments, info->segments, __ATOMIC_RELAXED);
}

static bool
pmd_link_is_up(struct pmd_dev *pmd)
{
	struct rte_vduse_net_info info;

	pmd_look(pmd, &info);
	return info.link_up;
}

/*
 * On any thread: the application's and the control thread may be here at once, and the one that
 * writes last may have looked first. So each looks again after it wrote.
 */
static int
pmd_link_update(struct rte_eth_dev *eth_dev, __rte_unused int wait)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	struct rte_eth_link link = {
		.link_speed = pmd->conf.net.speed,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	bool up = pmd_link_is_up(pmd), wrote;
	int ret = -1;

	do {
		wrote = up;
		link.link_status = wrote ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
		if (rte_eth_linkstatus_set(eth_dev, &link) == 0)
			ret = 0;
		up = pmd_link_is_up(pmd);
	} while (up != wrote);
	return ret;
}

/* On the control thread. */
static void
pmd_event(void *arg, enum rte_vduse_net_event event, __rte_unused uint16_t pair)
{
	struct pmd_dev *pmd = arg;

	/* for the application it is as a card that is pulled out: it is to stop and close it */
	if (event == RTE_VDUSE_NET_EVENT_SUCCESSOR)
		rte_eth_dev_callback_process(pmd->eth_dev, RTE_ETH_EVENT_INTR_RMV, NULL);
	if (event != RTE_VDUSE_NET_EVENT_LINK || pmd->net == NULL)
		return;
	if (pmd_link_update(pmd->eth_dev, 0) == 0 && pmd->eth_dev->data->dev_conf.intr_conf.lsc)
		rte_eth_dev_callback_process(pmd->eth_dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static int
pmd_configure(struct rte_eth_dev *eth_dev)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	int ret;

	ret = pmd_rx_configure(eth_dev);
	if (ret < 0)
		return ret;
	/* here, so that an application has all it waits for before it starts the device */
	pmd_intr_stop(eth_dev);
	ret = pmd_intr_start(eth_dev);
	if (ret < 0)
		PMD_LOG(ERR, "%s: no rx interrupts: %s", pmd->conf.name, strerror(-ret));
	return ret;
}

/*
 * The device is put on the bus at the first start: a driver finds lcores that
 * serve it. One that another process serves is taken from it last of all, when
 * nothing can fail any more.
 */
static int
pmd_start(struct rte_eth_dev *eth_dev)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	int ret;

	ret = pmd_rx_start(eth_dev);
	if (ret < 0)
		return ret;
	pmd_reader_start(pmd);
	ret = rte_vduse_net_set_link(pmd->net, true);
	if (ret < 0) {
		PMD_LOG(ERR, "%s: cannot set the link up: %s", pmd->conf.name, strerror(-ret));
		return ret;
	}
	ret = rte_vduse_net_attach(pmd->net, pmd->conf.attach);
	if (ret < 0)
		goto link_down;
	ret = rte_vduse_net_take_over(pmd->net);
	if (ret < 0)
		goto link_down;
	pmd_link_update(eth_dev, 0);
	return 0;

link_down:
	rte_vduse_net_set_link(pmd->net, false);
	return ret;
}

static int
pmd_stop(struct rte_eth_dev *eth_dev)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;

	eth_dev->data->dev_started = 0;
	/* the driver of a device that went to another process notices nothing */
	if (rte_vduse_net_hand_over(pmd->net) != 0) {
		rte_vduse_net_set_link(pmd->net, false);
		pmd_link_update(eth_dev, 0);
	}
	return 0;
}

static void
pmd_queue_release(void *queue)
{
	rte_free(queue);
}

static void
pmd_rx_queue_release(struct rte_eth_dev *eth_dev, uint16_t id)
{
	pmd_queue_release(eth_dev->data->rx_queues[id]);
	eth_dev->data->rx_queues[id] = NULL;
}

static void
pmd_tx_queue_release(struct rte_eth_dev *eth_dev, uint16_t id)
{
	pmd_queue_release(eth_dev->data->tx_queues[id]);
	eth_dev->data->tx_queues[id] = NULL;
}

static int
pmd_close(struct rte_eth_dev *eth_dev)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	uint16_t i;
	int ret;

	if (eth_dev->data->dev_started)
		pmd_stop(eth_dev);
	pmd_intr_stop(eth_dev);
	pmd_reader_fini(pmd);
	ret = rte_vduse_net_destroy(pmd->net);
	for (i = 0; i < eth_dev->data->nb_rx_queues; i++)
		pmd_rx_queue_release(eth_dev, i);
	for (i = 0; i < eth_dev->data->nb_tx_queues; i++)
		pmd_tx_queue_release(eth_dev, i);
	eth_dev->data->mac_addrs = NULL; /* part of the private data */
	return ret;
}

void
pmd_infos_fill(const struct pmd_dev *pmd, struct rte_eth_dev_info *info)
{
	info->max_rx_queues = pmd->queue_pairs;
	info->max_tx_queues = pmd->queue_pairs;
	info->max_mac_addrs = 1;
	info->min_rx_bufsize = RTE_VDUSE_NET_BUF_MIN;
	info->max_rx_pktlen = RTE_VDUSE_NET_FRAME_MAX;
	info->min_mtu = RTE_VDUSE_NET_MTU_MIN;
	info->max_mtu = RTE_VDUSE_NET_MTU_MAX;
	info->max_lro_pkt_size = RTE_VDUSE_NET_FRAME_MAX;
	pmd_offload_capa(pmd, info);
	/* the driver sizes the rings, up to queue-size */
	info->default_rxportconf.ring_size = pmd->conf.net.dev.queue_size;
	info->default_txportconf.ring_size = pmd->conf.net.dev.queue_size;
}

static int
pmd_infos_get(struct rte_eth_dev *eth_dev, struct rte_eth_dev_info *info)
{
	const struct rte_eth_rxmode *mode = &eth_dev->data->dev_conf.rxmode;
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	struct rte_vduse_net_info net;

	/* rte_eth_dev_configure() asks, and then fills in its defaults where these are 0 */
	pmd->mtu_asked = mode->mtu != 0;
	pmd->lro_asked = mode->max_lro_pkt_size != 0;
	pmd_look(pmd, &net);
	pmd_infos_fill(pmd, info);
	return 0;
}

static struct pmd_queue *
pmd_queue_new(const struct rte_eth_dev *eth_dev, uint16_t id, unsigned int socket)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	struct pmd_queue *q;

	q = rte_zmalloc_socket("vduse_queue", sizeof(*q), RTE_CACHE_LINE_SIZE, socket);
	if (q == NULL) {
		PMD_LOG(ERR, "%s: no memory for a queue", pmd->conf.name);
		return NULL;
	}
	q->net = pmd->net;
	q->counters = rte_vduse_net_counters(pmd->net);
	q->pair = id;
	return q;
}

static int
pmd_rx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t id, __rte_unused uint16_t nb_desc,
		unsigned int socket, __rte_unused const struct rte_eth_rxconf *conf,
		struct rte_mempool *pool)
{
	struct pmd_queue *q = pmd_queue_new(eth_dev, id, socket);
	int ret;

	if (q == NULL)
		return -ENOMEM;
	ret = pmd_rx_pool(eth_dev, q, pool);
	if (ret < 0) {
		pmd_queue_release(q);
		return ret;
	}
	rte_vduse_net_counters_read(q->counters, id, true, &q->base);
	eth_dev->data->rx_queues[id] = q;
	return 0;
}

static int
pmd_tx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t id, __rte_unused uint16_t nb_desc,
		unsigned int socket, __rte_unused const struct rte_eth_txconf *conf)
{
	struct pmd_queue *q = pmd_queue_new(eth_dev, id, socket);

	if (q == NULL)
		return -ENOMEM;
	rte_vduse_net_counters_read(q->counters, id, false, &q->base);
	eth_dev->data->tx_queues[id] = q;
	return 0;
}

int
pmd_mode_set(__rte_unused struct rte_eth_dev *eth_dev)
{
	return 0;
}

static int
pmd_mac_addr_set(struct rte_eth_dev *eth_dev, struct rte_ether_addr *mac)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;

	return rte_vduse_net_set_mac(pmd->net, mac);
}

/* The driver sees its link go down or up; frames are served all the same. */
static int
pmd_link_set(struct rte_eth_dev *eth_dev, bool up)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	int ret;

	ret = rte_vduse_net_set_link(pmd->net, up);
	if (ret == 0)
		pmd_link_update(eth_dev, 0);
	return ret;
}

static int
pmd_link_up(struct rte_eth_dev *eth_dev)
{
	return pmd_link_set(eth_dev, true);
}

static int
pmd_link_down(struct rte_eth_dev *eth_dev)
{
	return pmd_link_set(eth_dev, false);
}

static const struct eth_dev_ops pmd_ops = {
	.dev_configure = pmd_configure,
	.dev_start = pmd_start,
	.dev_stop = pmd_stop,
	.dev_close = pmd_close,
	.dev_infos_get = pmd_infos_get,
	.rx_queue_setup = pmd_rx_queue_setup,
	.rx_queue_release = pmd_rx_queue_release,
	.tx_queue_setup = pmd_tx_queue_setup,
	.tx_queue_release = pmd_tx_queue_release,
	.dev_set_link_up = pmd_link_up,
	.dev_set_link_down = pmd_link_down,
	.link_update = pmd_link_update,
	.rx_queue_intr_enable = pmd_intr_enable,
	.rx_queue_intr_disable = pmd_intr_disable,
	PMD_OPS_SHARED,
	.mac_addr_set = pmd_mac_addr_set,
	.mtu_set = pmd_mtu_set,
};

/* The device has a copy of the descriptor: what fails later leaves the application's as it is. */
static int
pmd_net_create(struct pmd_dev *pmd)
{
	int *fd = &pmd->conf.net.dev.adopt_fd;
	int ret;

	if (*fd >= 0) {
		*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
		if (*fd < 0)
			return -errno;
	}
	ret = rte_vduse_net_create(&pmd->conf.net, &pmd->net);
	if (ret < 0 && *fd >= 0)
		close(*fd);
	return ret;
}

int
pmd_ethdev_init(struct rte_eth_dev *eth_dev, const struct pmd_conf *conf)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	struct rte_vduse_net_info info;
	int ret;

	pmd->eth_dev = eth_dev;
	pmd->conf = *conf;
	pmd->conf.net.dev.name = pmd->conf.name;
	pmd_irq_affinity(&pmd->conf);
	if (conf->zero_copy)
		pmd->conf.net.zero_copy_min = conf->zero_copy_min;
	if (pmd->conf.state_dir[0] != '\0')
		pmd->conf.net.dev.state_dir = pmd->conf.state_dir;
	pmd->conf.net.event = pmd_event;
	pmd->conf.net.event_arg = pmd;
	ret = pmd_net_create(pmd);
	if (ret < 0)
		return ret;
	ret = pmd_irq_setup(pmd->net, conf);
	if (ret < 0) {
		PMD_LOG(ERR, "%s: interrupts cannot be held back: %s", conf->name, strerror(-ret));
		goto destroy;
	}
	ret = pmd_reader_init(pmd);
	if (ret < 0)
		goto destroy;
	rte_vduse_net_set_port(pmd->net, eth_dev->data->port_id);
	/* an adopted device has what it had */
	pmd_look(pmd, &info);
	pmd->conf.net.mac = info.mac;
	pmd->queue_pairs = info.queue_pairs;
	eth_dev->data->mac_addrs = &pmd->conf.net.mac;
	eth_dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_INTR_RMV;
	eth_dev->data->promiscuous = 1;
	eth_dev->data->all_multicast = 1;
	eth_dev->data->mtu = info.mtu;
	eth_dev->dev_ops = &pmd_ops;
	eth_dev->rx_pkt_burst = pmd_rx_burst;
	eth_dev->tx_pkt_burst = pmd_tx_burst;
	eth_dev->tx_pkt_prepare = pmd_tx_prepare;
	if (conf->net.dev.adopt_fd >= 0)
		close(conf->net.dev.adopt_fd);
	return 0;

destroy:
	rte_vduse_net_destroy(pmd->net);
	return ret;
}
