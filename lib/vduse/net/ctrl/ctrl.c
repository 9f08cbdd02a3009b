/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>

#include "len.h"
#include "log.h"
#include "net/config.h"
#include "net/ctrl/ctrl.h"
#include "net/ctrl/saved.h"

/* Commands of one turn; then the other devices have theirs. */
#define CTRL_TURN 64

/* Longest command with its data that is looked at, bytes. */
#define CTRL_DATA_MAX 4096

/* virtio 1.3, 5.1.6.5.7; newer than the oldest kernel headers this is built with */
#define CTRL_NOTF_COAL        6
#define CTRL_NOTF_COAL_TX_SET 0
#define CTRL_NOTF_COAL_RX_SET 1
#define CTRL_NOTF_COAL_VQ_SET 2
#define CTRL_NOTF_COAL_VQ_GET 3

/** A command in a local copy. */
struct ctrl_cmd {
	struct virtio_net_ctrl_hdr hdr;
	uint16_t len; /* of data */
	uint8_t data[CTRL_DATA_MAX];
	uint16_t result_len; /* of result, behind the acknowledgement (virtio 1.3, 5.1.6.5) */
	uint8_t result[8];
};

/** Carries out a command; 0: VIRTIO_NET_OK, else VIRTIO_NET_ERR. */
typedef int (*ctrl_handler_t)(struct rte_vduse_net *net, struct ctrl_cmd *cmd);

/* 5.1.6.5.1: one byte, 0 or 1; the commands are the places of these in the filter */
static int
ctrl_rx_mode(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct net_filter *f = &net->filter;
	bool *const modes[] = {
		[VIRTIO_NET_CTRL_RX_PROMISC] = &f->promisc,
		[VIRTIO_NET_CTRL_RX_ALLMULTI] = &f->allmulti,
		[VIRTIO_NET_CTRL_RX_ALLUNI] = &f->alluni,
		[VIRTIO_NET_CTRL_RX_NOMULTI] = &f->nomulti,
		[VIRTIO_NET_CTRL_RX_NOUNI] = &f->nouni,
		[VIRTIO_NET_CTRL_RX_NOBCAST] = &f->nobcast,
	};

	if (cmd->len != 1 || cmd->data[0] > 1)
		return -EINVAL;
	net_pause_receive(net);
	*modes[cmd->hdr.cmd] = cmd->data[0];
	net_resume_receive(net);
	return 0;
}

/*
 * One list of the MAC table: le32 entries and the addresses. More than can be
 * kept are all of that kind. Returns the bytes it takes, or -EINVAL.
 */
static int
ctrl_mac_list(const uint8_t *data, uint16_t len, struct rte_ether_addr *macs, uint16_t *nb,
		bool *all)
{
	uint32_t entries;
	uint16_t used;

	if (len < sizeof(entries))
		return -EINVAL;
	memcpy(&entries, data, sizeof(entries));
	entries = rte_le_to_cpu_32(entries);
	if (entries > (len - sizeof(entries)) / RTE_ETHER_ADDR_LEN)
		return -EINVAL;
	*all = entries > NET_FILTER_MACS;
	*nb = *all ? 0 : vduse_len_min16(entries, NET_FILTER_MACS);
	memcpy(macs, data + sizeof(entries), *nb * RTE_ETHER_ADDR_LEN);
	return vduse_len16(sizeof(entries) + (uint64_t)entries * RTE_ETHER_ADDR_LEN, &used)
			       ? used
			       : -EINVAL;
}

/* 5.1.6.5.2: unicast, then multicast addresses */
static int
ctrl_mac_table(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct net_filter new;
	bool all_uni, all_multi;
	int used, ret;

	memset(&new, 0, sizeof(new));
	used = ctrl_mac_list(cmd->data, cmd->len, new.unicast, &new.nb_unicast, &all_uni);
	if (used < 0)
		return used;
	ret = ctrl_mac_list(cmd->data + used, (uint16_t)(cmd->len - used), new.multicast,
			&new.nb_multicast, &all_multi);
	if (ret < 0 || used + ret != cmd->len)
		return -EINVAL;
	net_pause_receive(net);
	memcpy(net->filter.unicast, new.unicast, sizeof(new.unicast));
	memcpy(net->filter.multicast, new.multicast, sizeof(new.multicast));
	net->filter.nb_unicast = new.nb_unicast;
	net->filter.nb_multicast = new.nb_multicast;
	net->filter.table_all_unicast = all_uni;
	net->filter.table_all_multicast = all_multi;
	net_resume_receive(net);
	return 0;
}

static int
ctrl_mac_addr(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct rte_ether_addr mac;

	if (cmd->len != sizeof(mac))
		return -EINVAL;
	memcpy(&mac, cmd->data, sizeof(mac));
	if (!rte_is_valid_assigned_ether_addr(&mac))
		return -EINVAL;
	return rte_vduse_net_set_mac(net, &mac);
}

/* 5.1.6.5.3: le16 id */
static int
ctrl_vlan(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	uint16_t id;
	uint8_t bit;

	if (cmd->len != sizeof(id))
		return -EINVAL;
	memcpy(&id, cmd->data, sizeof(id));
	id = rte_le_to_cpu_16(id);
	if (id > RTE_ETHER_MAX_VLAN_ID)
		return -EINVAL;
	bit = (uint8_t)(1u << id % 8);
	net_pause_receive(net);
	if (cmd->hdr.cmd == VIRTIO_NET_CTRL_VLAN_ADD)
		net->filter.vlans[id / 8] |= bit;
	else
		net->filter.vlans[id / 8] &= (uint8_t)~bit;
	net_resume_receive(net);
	return 0;
}

/* 5.1.6.5.4 */
static int
ctrl_announce_ack(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	if (cmd->len != 0)
		return -EINVAL;
	return net_config_status(net, VIRTIO_NET_S_ANNOUNCE, 0);
}

/* 5.1.6.5.5: 1 to max_virtqueue_pairs */
static int
ctrl_mq_pairs(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct net_rss rss = *net->rss;
	uint16_t pairs;

	if (cmd->len != sizeof(pairs))
		return -EINVAL;
	memcpy(&pairs, cmd->data, sizeof(pairs));
	pairs = rte_le_to_cpu_16(pairs);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > net->queue_pairs)
		return -EINVAL;
	/* the two exclude each other: the last one counts */
	rss.steer = false;
	net_pause_receive(net);
	net_set_rss(net, &rss);
	net_resume_receive(net);
	__atomic_store_n(&net->active_pairs, pairs, __ATOMIC_RELAXED);
	return 0;
}

/* 5.1.6.5.6.4 and 5.1.6.5.6.2 */
static int
ctrl_rss(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	const bool steer = cmd->hdr.cmd == VIRTIO_NET_CTRL_MQ_RSS_CONFIG;
	struct net_rss rss;
	int active;

	active = net_rss_parse(&rss, cmd->data, cmd->len, steer, net->queue_pairs);
	if (active < 0)
		return active;
	net_pause_receive(net);
	net_set_rss(net, &rss);
	net_resume_receive(net);
	if (steer)
		__atomic_store_n(&net->active_pairs, (uint16_t)active, __ATOMIC_RELAXED);
	return 0;
}

/* 5.1.6.5.6: le64, a subset of what was negotiated */
static int
ctrl_guest_offloads(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	const uint64_t negotiated = net->dev->driver_features;
	uint64_t offloads;
	uint16_t i;

	if (cmd->len != sizeof(offloads))
		return -EINVAL;
	memcpy(&offloads, cmd->data, sizeof(offloads));
	offloads = rte_le_to_cpu_64(offloads);
	if (offloads & ~(negotiated & NET_CTRL_OFFLOADS))
		return -EINVAL;
	net_pause_receive(net);
	for (i = 0; i < 2 * net->queue_pairs; i += 2)
		__atomic_store_n(&net->queues[i].features,
				(negotiated & ~NET_CTRL_OFFLOADS) | offloads, __ATOMIC_RELAXED);
	net_resume_receive(net);
	return 0;
}

static int
ctrl_coal_read(struct ctrl_cmd *cmd, size_t offset, struct net_coalesce *coal)
{
	if (cmd->len != offset + sizeof(*coal))
		return -EINVAL;
	memcpy(coal, cmd->data + offset, sizeof(*coal));
	coal->frames = rte_le_to_cpu_32(coal->frames);
	coal->usecs = rte_le_to_cpu_32(coal->usecs);
	return 0;
}

/* 5.1.6.5.7: le32 max_packets, le32 max_usecs; the driver's tx is our dequeue */
static int
ctrl_notf_coal(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct net_coalesce coal;
	uint16_t i;
	int ret;

	ret = ctrl_coal_read(cmd, 0, &coal);
	for (i = cmd->hdr.cmd == CTRL_NOTF_COAL_TX_SET; i < 2 * net->queue_pairs && ret == 0;
			i += 2)
		ret = net_set_coalesce(net, i, &coal);
	return ret;
}

/* virtio 1.3, 5.1.6.5.7: le16 vqn, le16 reserved, then as above */
static int
ctrl_vq_notf_coal(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	struct net_coalesce coal;
	uint16_t vqn;
	int ret;

	ret = ctrl_coal_read(cmd, 2 * sizeof(vqn), &coal);
	if (ret < 0)
		return ret;
	memcpy(&vqn, cmd->data, sizeof(vqn));
	vqn = rte_le_to_cpu_16(vqn);
	if (vqn >= 2 * net->queue_pairs || vqn == net->ctrl_index)
		return -EINVAL;
	return net_set_coalesce(net, vqn, &coal);
}

/* The same: le16 vqn; the result is le32 max_packets, le32 max_usecs */
static int
ctrl_vq_notf_coal_get(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	const struct vduse_vq *vq;
	struct net_coalesce coal;
	uint16_t vqn;

	if (cmd->len < sizeof(vqn))
		return -EINVAL;
	memcpy(&vqn, cmd->data, sizeof(vqn));
	vqn = rte_le_to_cpu_16(vqn);
	if (vqn >= 2 * net->queue_pairs || vqn == net->ctrl_index)
		return -EINVAL;
	vq = net->queues[vqn].vq;
	coal.frames = rte_cpu_to_le_32(__atomic_load_n(&vq->notify.frames, __ATOMIC_RELAXED));
	coal.usecs = rte_cpu_to_le_32(__atomic_load_n(&vq->notify.usecs, __ATOMIC_RELAXED));
	static_assert(sizeof(coal) == sizeof(cmd->result), "virtio 1.3, 5.1.6.5.9");
	memcpy(cmd->result, &coal, sizeof(coal));
	cmd->result_len = sizeof(coal);
	return 0;
}

static const struct {
	uint8_t class;
	uint8_t first, last; /* commands */
	uint8_t feature;     /* bit that must be negotiated */
	ctrl_handler_t handler;
} ctrl_table[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_CTRL_RX_ALLMULTI,
			VIRTIO_NET_F_CTRL_RX, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, VIRTIO_NET_CTRL_RX_NOBCAST,
			VIRTIO_NET_F_CTRL_RX_EXTRA, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_CTRL_MAC_TABLE_SET,
			VIRTIO_NET_F_CTRL_RX, ctrl_mac_table },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_CTRL_MAC_ADDR_SET,
			VIRTIO_NET_F_CTRL_MAC_ADDR, ctrl_mac_addr },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, VIRTIO_NET_CTRL_VLAN_DEL,
			VIRTIO_NET_F_CTRL_VLAN, ctrl_vlan },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_CTRL_ANNOUNCE_ACK,
			VIRTIO_NET_F_GUEST_ANNOUNCE, ctrl_announce_ack },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
			VIRTIO_NET_F_MQ, ctrl_mq_pairs },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
			VIRTIO_NET_F_RSS, ctrl_rss },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG, VIRTIO_NET_CTRL_MQ_HASH_CONFIG,
			VIRTIO_NET_F_HASH_REPORT, ctrl_rss },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
			VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
			ctrl_guest_offloads },
	{ CTRL_NOTF_COAL, CTRL_NOTF_COAL_TX_SET, CTRL_NOTF_COAL_RX_SET, VIRTIO_NET_F_NOTF_COAL,
			ctrl_notf_coal },
	{ CTRL_NOTF_COAL, CTRL_NOTF_COAL_VQ_SET, CTRL_NOTF_COAL_VQ_SET, VIRTIO_NET_F_VQ_NOTF_COAL,
			ctrl_vq_notf_coal },
	{ CTRL_NOTF_COAL, CTRL_NOTF_COAL_VQ_GET, CTRL_NOTF_COAL_VQ_GET, VIRTIO_NET_F_VQ_NOTF_COAL,
			ctrl_vq_notf_coal_get },
};

/*
 * A device starts promiscuous (as Linux's and QEMU's do), and with no VLAN in
 * the table where the driver can fill it.
 */
void
net_ctrl_reset(struct rte_vduse_net *net, uint64_t features)
{
	static const struct net_filter none;
	struct net_filter *f = &net->filter;
	uint16_t i;

	net_filter_copy(f, &none);
	f->active = features &
		    (RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN));
	f->vlan = features & RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN);
	f->promisc = true;
	net_config_filter_mac(net);
	net_set_rss(net, &(struct net_rss){ 0 });
	__atomic_store_n(&net->active_pairs, 1, __ATOMIC_RELAXED);
	/* what a driver before set is forgotten (virtio 1.3, 5.1.6.5.9) */
	for (i = 0; i < 2 * net->queue_pairs; i++)
		net_reset_coalesce(net, i);
}

static int
ctrl_run(struct rte_vduse_net *net, struct ctrl_cmd *cmd)
{
	const uint64_t features = net->dev->driver_features;
	size_t i;
	int ret;

	for (i = 0; i < RTE_DIM(ctrl_table); i++) {
		if (ctrl_table[i].class == cmd->hdr.class && cmd->hdr.cmd >= ctrl_table[i].first &&
				cmd->hdr.cmd <= ctrl_table[i].last &&
				(features & (1ULL << ctrl_table[i].feature))) {
			ret = ctrl_table[i].handler(net, cmd);
			/* before the driver knows: a command that is done stays done */
			net_saved_write(net);
			return ret;
		}
	}
	return -EOPNOTSUPP;
}

/* Copy the readable part of the chain. Returns 0 or -EINVAL. */
static int
ctrl_copy(const struct vduse_chain *chain, struct ctrl_cmd *cmd)
{
	uint8_t raw[sizeof(cmd->hdr) + CTRL_DATA_MAX];
	size_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr; i++) {
		if (chain->seg[i].len > sizeof(raw) - len)
			return -EINVAL;
		memcpy(raw + len, chain->seg[i].addr, chain->seg[i].len);
		len += chain->seg[i].len;
	}
	if (len < sizeof(cmd->hdr))
		return -EINVAL;
	memcpy(&cmd->hdr, raw, sizeof(cmd->hdr));
	cmd->result_len = 0;
	if (!vduse_len16(len - sizeof(cmd->hdr), &cmd->len))
		return -EINVAL;
	memcpy(cmd->data, raw + sizeof(cmd->hdr), cmd->len);
	return 0;
}

/* Acknowledgement and result into the writable part; the bytes written. */
static uint32_t
ctrl_answer(const struct vduse_chain *chain, uint8_t ack, const struct ctrl_cmd *cmd)
{
	const uint32_t len = ack == VIRTIO_NET_OK ? cmd->result_len : 0;
	uint32_t done = 0, i;
	uint16_t seg = chain->nr, last = chain->nr + chain->nw;
	uint32_t offset = 1;

	chain->seg[seg].addr[0] = ack;
	for (i = 0; i < len; i++, offset++) {
		if (offset == chain->seg[seg].len) {
			if (++seg == last)
				break; /* a driver that has no room does not want the rest */
			offset = 0;
		}
		chain->seg[seg].addr[offset] = cmd->result[i];
		done++;
	}
	return 1 + done;
}

/* One command; 1: done, 0: none, or what ended the walk. */
static int
ctrl_serve_one(struct rte_vduse_net *net, struct vduse_vq *vq, const bool packed)
{
	struct vduse_pos pos = vq->pos.avail;
	struct vduse_chain chain;
	struct ctrl_cmd cmd;
	uint32_t written;
	int ret;

	ret = vduse_ring_ready(vq, &pos, packed);
	if (ret <= 0)
		return ret;
	vduse_chain_init(vq, &chain, 0);
	ret = vduse_ring_fetch(vq, &pos, &chain, packed);
	if (ret < 0)
		return ret == -E2BIG || ret == -EINPROGRESS
				       ? vduse_chain_bad(vq, "command in too many pieces")
				       : ret;
	if (chain.nw == 0)
		return vduse_chain_bad(vq, "command without room for its acknowledgement");
	ret = ctrl_copy(&chain, &cmd);
	if (ret == 0)
		ret = ctrl_run(net, &cmd);
	written = ctrl_answer(&chain, ret == 0 ? VIRTIO_NET_OK : VIRTIO_NET_ERR, &cmd);
	vduse_vq_set_avail(vq, pos);
	vduse_ring_put(vq, chain.id, chain.slots, written, packed);
	return 1;
}

/*
 * One burst: a command, or the end of them. Kicks are asked for before the
 * last look at the ring, so that none is missed.
 */
static int
ctrl_burst(struct rte_vduse_net *net, struct vduse_vq *vq, const bool packed)
{
	int ret;

	ret = ctrl_serve_one(net, vq, packed);
	if (ret == 0) {
		vduse_ring_set_kicks(vq, true);
		/* the wish must be visible before the look at the ring */
		rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
		ret = ctrl_serve_one(net, vq, packed);
	}
	vduse_ring_flush(vq, packed);
	return ret;
}

/*
 * The same with what surrounds it; -ESHUTDOWN: the queue does not run.
 */
static int
ctrl_serve_burst(struct rte_vduse_net *net, struct vduse_vq *vq)
{
	int ret = -ESHUTDOWN;

	if (vduse_vq_burst_begin(vq)) {
		ret = vq->ring.is_packed ? ctrl_burst(net, vq, true) : ctrl_burst(net, vq, false);
		vduse_vq_burst_stopped(vq, ret);
		vduse_vq_burst_end(vq);
	}
	return ret;
}

/* Where the queue is one of a pair, to a driver before, an lcore may still be on its way to it. */
static int
ctrl_serve_alone(struct rte_vduse_net *net, struct vduse_vq *vq)
{
	struct net_queue_spin *lock;
	int ret;

	if (vq->ring.index >= 2 * net->queue_pairs)
		return ctrl_serve_burst(net, vq);
	lock = &net->queues[vq->ring.index].lock;
	net_queue_spin_lock(lock);
	ret = ctrl_serve_burst(net, vq);
	net_queue_spin_unlock(lock);
	return ret;
}

void
net_ctrl_serve(struct rte_vduse_net *net, struct vduse_vq *vq)
{
	const uint64_t work_end = vduse_vq_work_end(vq, CTRL_TURN);
	unsigned int left = CTRL_TURN;
	bool more;
	int ret;

	do {
		/* a burst for each command: one that pauses queues ends what it may read */
		ret = ctrl_serve_alone(net, vq);
		if (ret == -ESHUTDOWN)
			return;
		more = ret > 0;
	} while (more && --left > 0 && vq->stats.work < work_end);
	/* a driver that never stops asking gets its turn after the other devices */
	if (more && eventfd_write(vq->ctl.kickfd, 1) < 0)
		VDUSE_LOG(ERR, "%s: control queue: %s", net->dev->name, strerror(errno));
}
