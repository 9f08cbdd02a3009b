/* SPDX-License-Identifier: BSD-3-Clause */

/* A VDUSE device as a member of a bridge. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "gro.h"
#include "node_priv.h"
#include "profile.h"
#include "request.h"
#include "say.h"
#include "words.h"

/* Bytes of a frame from which on it is lent to the bridge, but for its headers. */
#define LENT_MIN 2048
/* Pieces of a burst of the longest ones, as drivers have them: in pages. */
#define LENT_PIECES (FWD_BURST * (RTE_VDUSE_NET_FRAME_MAX / 4096 + 2))

/* What is to be shown by a driver's frames that are cut for it: nothing but whole ones. */
struct cut {
	struct offload_out out;
	struct container *c;
	uint16_t queue;
};

/* Frames in the driver's hands are copies. */
static uint16_t
give(const struct container *c, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_vduse_net_enqueue(c->net, queue, pkts, n);
}

static uint16_t
container_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct container *c = priv;

	return rte_vduse_net_dequeue(c->net, queue, c->pool, pkts, n);
}

static bool
container_waits(void *priv, uint16_t queue)
{
	const struct queue *q = &((const struct container *)priv)->queues[queue];

	return q->next < q->held;
}

/* What the frame may cost somebody to cut. */
static uint32_t
work_of(const struct rte_mbuf *m)
{
	if ((m->ol_flags & RTE_MBUF_F_RX_LRO) == 0 || m->tso_segsz == 0)
		return 0;
	return m->pkt_len + m->pkt_len / m->tso_segsz * OFFLOAD_SEGMENT_WORK;
}

/* As many as a round may cost (FWD_ROUND_WORK): the driver chooses what its frames ask for. */
static uint16_t
receive_work(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct container *c = priv;
	struct queue *q = &c->queues[queue];
	uint32_t work = 0;
	uint16_t i;

	if (q->next == q->held) {
		q->next = 0;
		q->held = rte_vduse_net_dequeue(c->net, queue, c->pool, q->pkts, FWD_BURST);
	}
	for (i = 0; i < n && q->next < q->held && work < FWD_ROUND_WORK; i++) {
		pkts[i] = q->pkts[q->next++];
		work += work_of(pkts[i]);
	}
	return i;
}

static void
flush_cut(struct offload_out *out)
{
	struct cut *cut = container_of(out, struct cut, out);

	give(cut->c, cut->queue, out->pkts, out->n);
	rte_pktmbuf_free_bulk(out->pkts, out->n);
	out->n = 0;
}

/* The frame stays its owner's: segments and copies are made beside it. */
static void
cut_one(struct container *c, uint16_t queue, struct rte_mbuf *m)
{
	struct cut cut = { .c = c, .queue = queue };

	cut.out.flush = flush_cut;
	m = frame_beside(m);
	if (m == NULL)
		return;
	offload_frame(&c->offload, m, &cut.out);
	if (cut.out.n != 0)
		flush_cut(&cut.out);
}

/*
 * In ethdev's terms what the frame asks for in the receiver's. It stays in it for whoever gets the
 * frame next. Return: false where the driver cannot be told so.
 */
static bool
ask(const struct container *c, struct rte_mbuf *m)
{
	const uint32_t told = m->outer_l2_len + m->outer_l3_len + m->l2_len + m->l3_len;
	struct rte_vduse_net_headers f;
	struct request r;
	bool cut;

	if ((m->ol_flags & REQUEST_FLAGS) != 0)
		return rte_vduse_net_check(c->net, m) == 0;
	if (rte_vduse_net_headers_read(m, m->l3_len != 0 ? told : 0, &f) != 0 ||
			f.data > m->data_len)
		return false;
	cut = (m->ol_flags & RTE_MBUF_F_RX_LRO) != 0 && m->pkt_len - f.data > m->tso_segsz;
	if (cut && segment_check(m, &f) != 0)
		return false;
	request_make(&r, m, &f, cut);
	return request_set(m, &f, &r) && rte_vduse_net_check(c->net, m) == 0;
}

static uint16_t
send_asking(struct container *c, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, from = 0;

	for (i = 0; i < n; i++) {
		if (!offload_wanted(pkts[i]->ol_flags) || ask(c, pkts[i]))
			continue;
		/* what is before it goes before it */
		if (give(c, queue, &pkts[from], i - from) < i - from)
			return i;
		cut_one(c, queue, pkts[i]);
		from = i + 1;
	}
	return from + give(c, queue, &pkts[from], n - from);
}

static uint16_t
container_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct container *c = priv;
	uint64_t flags = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		flags |= pkts[i]->ol_flags;
	if (likely(!offload_wanted_any(flags)))
		return give(c, queue, pkts, n);
	return send_asking(c, queue, pkts, n);
}

/* Only what its driver takes as it is: to be cut here again it would be for nothing. */
static uint16_t
container_gro(void *priv, struct rte_mbuf **pkts, uint16_t n, uint64_t *bytes)
{
	const struct container *c = priv;
	const uint32_t types = (rte_vduse_net_takes_tso(c->net, false) ? GRO_TCP4 : 0) |
			       (rte_vduse_net_takes_tso(c->net, true) ? GRO_TCP6 : 0);

	return types != 0 ? gro_burst(pkts, n, types, bytes) : n;
}

static void
container_wake_enable(void *priv, uint16_t queue)
{
	rte_vduse_net_wake_enable(((const struct container *)priv)->net, queue);
}

static void
container_wake_disable(void *priv, uint16_t queue)
{
	rte_vduse_net_wake_disable(((const struct container *)priv)->net, queue);
}

static int
container_wake_fd(void *priv, uint16_t queue)
{
	return rte_vduse_net_wake_fd(((const struct container *)priv)->net, queue);
}

static void
container_set_link(void *priv, bool up)
{
	struct container *c = priv;
	const int ret = rte_vduse_net_set_link(c->net, up);
	char text[NODE_TEXT_SIZE];

	if (ret != 0 && !c->link_error) {
		snprintf(text, sizeof(text), "its driver cannot be shown a link that is %s: %s",
				up ? "up" : "down", strerror(-ret));
		SAY_DEVICE(c->conf.name, NULL, "container %s: %s", c->conf.name, text);
		container_tell(c, NODE_CONTAINER_FAULT, text);
	}
	c->link_error = ret != 0;
	/* what it has from the start on is no event */
	if (ret == 0 && c->polled)
		container_tell(c, up ? NODE_CONTAINER_UP : NODE_CONTAINER_DOWN, NULL);
}

#define CONTAINER_OPS(how, is_held)                                                             \
	{                                                                                       \
		.receive = how, .waits = is_held, .send = container_send, .gro = container_gro, \
		.wake_enable = container_wake_enable, .wake_disable = container_wake_disable,   \
		.wake_fd = container_wake_fd, .set_link = container_set_link, .copies = true,   \
		.lends = true                                                                   \
	}

static const struct veb_ops plain_ops = CONTAINER_OPS(container_receive, NULL);
static const struct veb_ops segments_ops = CONTAINER_OPS(receive_work, container_waits);

/* Whether its driver may send frames that are to be cut. */
static bool
has_segments(const struct container *c)
{
	struct rte_vduse_net_info info;

	rte_vduse_net_info(c->net, &info);
	return info.segments || profile_has_segments(c->conf.profile);
}

static int
fail(struct node_error *error, int ret, const struct container *c, const char *what)
{
	return node_fail(error, ret, NODE_WHY("Kernel", "name"), "container %s: %s: %s",
			c->conf.name, what, strerror(-ret));
}

static int
take_buffers(struct container *c, struct node_error *error)
{
	int ret;

	c->buffers = c->conf.queues * FWD_BURST *
		     (profile_has_segments(c->conf.profile) ? POOL_CHAIN : 2);
	ret = buffers_take(&c->network->node->buffers, c->buffers, RTE_MBUF_DEFAULT_BUF_SIZE,
			&c->pool);
	if (ret != 0)
		return node_fail(error, ret, NODE_WHY("NoBuffers", "name"),
				"container %s needs %u packet buffers of %u bytes, and there is no "
				"memory for them: give EAL more of it (-m), or the container fewer "
				"queues",
				c->conf.name, c->buffers, RTE_MBUF_DEFAULT_BUF_SIZE);
	return 0;
}

/* What is taken of its driver. */
static void
set_limits(const struct container *c)
{
	const struct rte_vduse_net_rx_limits limits = {
		.max_len = c->network->mtu + RTE_VDUSE_NET_OVERHEAD,
		.max_gso_len = has_segments(c) ? RTE_VDUSE_NET_FRAME_MAX : 0,
	};

	rte_vduse_net_set_rx_limits(c->net, &limits);
}

void
container_set_mtu(struct container *c)
{
	const int ret = rte_vduse_net_set_mtu(c->net, c->network->mtu);

	if (ret != 0)
		SAY_DEVICE(c->conf.name, NULL,
				"container %s: its driver cannot be shown an MTU of %u: %s",
				c->conf.name, c->network->mtu, strerror(-ret));
	set_limits(c);
}

/* The device has a copy of the descriptor: what fails later leaves the caller's as it is. */
static int
net_create(struct container *c, struct rte_vduse_net_conf *conf)
{
	int ret;

	if (c->conf.fd >= 0) {
		conf->dev.adopt = true;
		conf->dev.adopt_fd = fcntl(c->conf.fd, F_DUPFD_CLOEXEC, 0);
		if (conf->dev.adopt_fd < 0)
			return -errno;
	}
	ret = rte_vduse_net_create(conf, &c->net);
	if (ret != 0 && conf->dev.adopt_fd >= 0)
		close(conf->dev.adopt_fd);
	return ret;
}

static int
make_device(struct container *c, struct node_error *error)
{
	struct rte_vduse_net_conf conf;
	struct rte_vduse_net_info info;
	int ret;

	rte_vduse_net_conf_init(&conf);
	conf.dev.name = c->conf.name;
	conf.dev.queue_size = c->conf.queue_size;
	conf.dev.state_dir = c->conf.state_dir;
	conf.dev.no_successor = true; /* the sandbox allows no socket; a node is restarted */
	conf.queue_pairs = c->conf.queues;
	conf.mac = c->conf.mac;
	conf.mtu = c->network->mtu;
	conf.mq_fallback = true;
	conf.zero_copy_min = LENT_MIN;
	conf.zero_copy_pieces = LENT_PIECES;
	conf.profile = c->conf.profile;
	ret = net_create(c, &conf);
	if (ret != 0)
		return fail(error, ret, c,
				"its VDUSE device cannot be made; a line of log says why");
	rte_vduse_net_info(c->net, &info);
	c->nb_queues = info.queue_pairs;
	c->conf.mac = info.mac;
	set_limits(c);
	return 0;
}

static const struct veb_member *
find_mirror(const struct container *c, const char *name)
{
	const struct container *other;
	const struct uplink *u;

	LIST_FOREACH (other, &c->network->containers, next)
		if (strcmp(other->conf.name, name) == 0)
			return other->member;
	LIST_FOREACH (u, &c->network->uplinks, next)
		if (strcmp(u->port.name, name) == 0)
			return u->member;
	return NULL;
}

/*
 * may_wait: its mirror may be one that is still to come, or has gone.
 *
 * Return: 0, or -ENOENT: there is no such mirror
 */
static int
make_rules(const struct container *c, const struct node_container_conf *conf, bool may_wait,
		struct veb_rules *rules, struct node_error *error)
{
	*rules = (struct veb_rules){
		.mac = conf->mac,
		.vlan = conf->vlan,
		.qos = conf->qos,
		.trunk = conf->has_trunk ? &conf->trunk : NULL,
		.spoofchk = conf->spoofchk,
		.nb_prefixes = conf->nb_prefixes,
		.prefixes = conf->prefixes,
		.trust = conf->trust,
		.max_macs = conf->max_macs,
		.max_tx_rate = conf->max_tx_rate,
		.max_rx_rate = conf->max_rx_rate,
		.burst = conf->burst,
		.bum_rate = conf->bum_rate,
		.isolated = conf->isolated,
		.link = conf->link,
		.gro = conf->gro,
	};
	if (conf->mirror[0] == '\0')
		return 0;
	rules->mirror = find_mirror(c, conf->mirror);
	if (rules->mirror != NULL || may_wait)
		return 0;
	return node_fail(error, -ENOENT, NODE_WHY("NoSuchContainer", "mirror"),
			"network %s has neither a container nor an uplink %s",
			c->network->conf.name, conf->mirror);
}

/* What the bridge says, in words. */
static int
fail_rules(struct node_error *error, int ret, const struct node_container_conf *conf)
{
	if (ret == -EEXIST)
		return node_fail(error, ret, NODE_WHY("Differs", "mac"),
				"another container of the network has this address in that VLAN");
	if (ret == -ENOSPC)
		return node_fail(error, ret, NODE_WHY("Busy", "network"),
				"network %s has as many members as it can have", conf->network);
	if (ret == -EINVAL)
		return node_fail(error, ret, NODE_INVALID(""),
				"container %s: an address that is none, a VLAN above 4094, or vlan "
				"and trunk together",
				conf->name);
	return node_fail(error, ret, NODE_WHY("Kernel", ""), "container %s: %s", conf->name,
			strerror(-ret));
}

int
container_apply(struct container *c, const struct node_container_conf *conf,
		struct node_error *error)
{
	/* what is as it was is nothing that is asked for */
	const bool may_wait = conf->mirror_waits || strcmp(conf->mirror, c->conf.mirror) == 0;
	struct veb_rules rules;
	int ret;

	ret = make_rules(c, conf, may_wait, &rules, error);
	if (ret != 0)
		return ret;
	ret = veb_member_set(c->member, &rules);
	return ret == 0 ? 0 : fail_rules(error, ret, conf);
}

void
container_mirror_came(const struct network *network, const char *name)
{
	struct node_error error;
	struct container *c;

	LIST_FOREACH (c, &network->containers, next)
		if (strcmp(c->conf.mirror, name) == 0 && container_apply(c, &c->conf, &error) != 0)
			container_tell(c, NODE_CONTAINER_FAULT, error.text);
}

static int
join(struct container *c, struct node_error *error)
{
	struct veb_member_conf conf = {
		.name = c->conf.name,
		.ops = has_segments(c) ? &segments_ops : &plain_ops,
		.priv = c,
		.nb_rxq = c->nb_queues,
		.nb_txq = c->nb_queues,
		.socket = SOCKET_ID_ANY,
	};
	uint16_t i;
	int ret;

	c->queues = calloc(c->nb_queues, sizeof(c->queues[0]));
	c->seats = calloc(c->nb_queues, sizeof(c->seats[0]));
	if (c->queues == NULL || c->seats == NULL)
		return fail(error, -ENOMEM, c, "no memory for it");
	ret = make_rules(c, &c->conf, c->conf.mirror_waits, &conf.rules, error);
	if (ret != 0)
		return ret;
	c->offload.lengths = true;
	offload_init(&c->offload, 0, c->pool, NULL);
	ret = veb_member_add(c->network->veb, &conf, &c->member);
	if (ret != 0)
		return fail_rules(error, ret, &c->conf);
	for (i = 0; i < c->nb_queues; i++)
		c->seats[i] = (struct seat){
			.member = c->member, .ops = conf.ops, .priv = c, .queue = i
		};
	return 0;
}

/* All steps; what was made stays for container_free(). */
static int
build(struct container *c, struct node_error *error)
{
	int ret;

	ret = take_buffers(c, error);
	if (ret == 0)
		ret = make_device(c, error);
	if (ret == 0)
		ret = join(c, error);
	if (ret != 0)
		return ret;
	ret = worker_seat(lcores_idlest(c->network, NULL, 0), c->seats, c->nb_queues);
	if (ret != 0)
		return fail(error, ret, c, "no memory for it");
	c->polled = true;
	ret = rte_vduse_net_attach(c->net, c->conf.attach);
	return ret == 0 ? 0 : fail(error, ret, c, "it cannot be put on the vDPA bus");
}

int
container_free(struct container *c)
{
	struct workers *all = &c->network->node->workers;
	uint16_t i;
	int ret = 0;

	while (c->polled && worker_unseat(c->seats->worker, c->seats, c->nb_queues) != 0)
		workers_wait(all);
	if (c->member != NULL) {
		watches_leave(c->network->node, c->member);
		timings_leave(c->network->node, c->member);
		veb_member_del(c->member, NULL);
	}
	for (i = 0; i < c->nb_queues && c->queues != NULL; i++)
		rte_pktmbuf_free_bulk(&c->queues[i].pkts[c->queues[i].next],
				c->queues[i].held - c->queues[i].next);
	if (c->net != NULL)
		ret = rte_vduse_net_destroy(c->net);
	if (c->pool != NULL)
		buffers_give(&c->network->node->buffers, c->pool, c->buffers);
	free(c->seats);
	free(c->queues);
	free(c);
	return ret;
}

/* A fault in what is asked, without a look at anything else. */
static int
check(const struct node_container_conf *conf, struct node_error *error)
{
	if (conf->name[0] == '\0' || strchr(conf->name, '/') != NULL)
		return node_fail(error, -EINVAL, NODE_INVALID("name"),
				"a container's name has 1 to 255 bytes and no /");
	if (conf->queues == 0 || conf->queues > RTE_VDUSE_NET_PAIRS_MAX)
		return node_fail(error, -EINVAL, NODE_INVALID("queues"), "1 to %u queue pairs",
				RTE_VDUSE_NET_PAIRS_MAX);
	return 0;
}

/* 1: it is there as it is asked for. */
static int
compare(const struct container *c, const struct node_container_conf *conf, struct node_error *error)
{
	char text[NODE_TEXT_SIZE - 256];
	const char *word = node_differs(&c->conf, conf, text, sizeof(text));

	if (word == NULL)
		return 1;
	return node_fail(error, -EEXIST, NODE_WHY("Differs", word),
			"it is there with %s: change it with set, or remove it first", text);
}

void
node_container_defaults(struct node_container_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->spoofchk = true;
	conf->max_macs = NODE_MACS_DEFAULT;
	conf->gro = true;
	conf->queues = 1;
	conf->queue_size = 1024;
	conf->attach = RTE_VDUSE_ATTACH_VIRTIO;
	conf->fd = -1;
}

int
node_container_add(
		struct node *node, const struct node_container_conf *conf, struct node_error *error)
{
	struct network *network = node_find_network(node, conf->network);
	struct container *c = node_find_container(node, conf->name);
	int ret = check(conf, error);

	if (ret != 0)
		return ret;
	if (c != NULL)
		return compare(c, conf, error);
	if (network == NULL)
		return node_fail(error, -ENOENT, NODE_WHY("NoSuchNetwork", "network"),
				"no network %s: add it first", conf->network);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return node_fail(error, -ENOMEM, NODE_WHY("Kernel", ""), "no memory");
	c->network = network;
	c->conf = *conf;
	if (rte_is_zero_ether_addr(&c->conf.mac))
		rte_eth_random_addr(c->conf.mac.addr_bytes);
	ret = build(c, error);
	if (ret != 0) {
		container_free(c);
		return ret;
	}
	c->conf.mirror_waits = false;
	LIST_INSERT_HEAD(&network->containers, c, next);
	network->nb_containers++;
	container_filter(c, true);
	container_mirror_came(network, c->conf.name);
	container_tell(c, NODE_CONTAINER_ADDED, NULL);
	return 0;
}
