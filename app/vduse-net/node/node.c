/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "node_priv.h"
#include "words.h"

#define MBUFS_DEFAULT      16384
#define CONTAINERS_DEFAULT 1024
/* Rounds of the main lcore between two looks at signals and sockets. */
#define MAIN_ROUNDS 1024

int
node_fail(struct node_error *error, int ret, const struct node_why *why, const char *fmt, ...)
{
	va_list args;

	error->id = why->id;
	snprintf(error->parameter, sizeof(error->parameter), "%s", why->parameter);
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	return ret;
}

static void
tell(const struct network *network, const struct node_news *news)
{
	const struct node *node = network->node;

	if (node->event != NULL)
		node->event(node->event_arg, news);
}

void
container_tell(const struct container *c, enum node_event event, const char *text)
{
	const struct node_news news = { event, c->network->conf.name, c->conf.name, text };

	tell(c->network, &news);
}

void
uplink_tell(const struct uplink *u, enum node_event event, const char *text)
{
	const struct node_news news = { event, u->network->conf.name, u->port.name, text };

	tell(u->network, &news);
}

void
node_on_event(struct node *node, node_event_cb cb, void *arg)
{
	node->event = cb;
	node->event_arg = arg;
}

struct network *
node_find_network(const struct node *node, const char *name)
{
	struct network *n;

	LIST_FOREACH (n, &node->networks, next)
		if (strcmp(n->conf.name, name) == 0)
			return n;
	return NULL;
}

struct container *
node_find_container(const struct node *node, const char *name)
{
	const struct network *n;
	struct container *c;

	LIST_FOREACH (n, &node->networks, next)
		LIST_FOREACH (c, &n->containers, next)
			if (strcmp(c->conf.name, name) == 0)
				return c;
	return NULL;
}

static uint64_t
tsc(__rte_unused void *arg)
{
	return rte_get_tsc_cycles();
}

int
node_create(const struct node_conf *conf, struct node **node)
{
	struct node *n = calloc(1, sizeof(*n));
	int ret;

	*node = NULL;
	if (n == NULL)
		return -ENOMEM;
	n->conf = *conf;
	if (n->conf.mbufs == 0)
		n->conf.mbufs = MBUFS_DEFAULT;
	if (n->conf.max_containers == 0)
		n->conf.max_containers = CONTAINERS_DEFAULT;
	n->workers.on_main = conf->on_main || rte_lcore_count() == 1;
	n->workers.idle = conf->idle;
	if (n->workers.idle.usecs == 0)
		n->workers.idle.usecs = IDLE_DEFAULT_USECS;
	n->workers.now = conf->now != NULL ? conf->now : tsc;
	n->workers.now_arg = conf->now_arg;
	ret = workers_init(&n->workers);
	if (ret != 0) {
		free(n);
		return ret;
	}
	buffers_init(&n->buffers, n->conf.mbufs, n->workers.nb + 1);
	*node = n;
	return 0;
}

static void
free_network(struct network *network)
{
	struct container *c;
	struct uplink *u;

	while ((c = LIST_FIRST(&network->containers)) != NULL) {
		container_filter(c, false);
		LIST_REMOVE(c, next);
		container_free(c);
	}
	while ((u = LIST_FIRST(&network->uplinks)) != NULL)
		uplink_del(u);
	veb_destroy(network->veb);
	free(network);
}

void
node_destroy(struct node *node)
{
	struct network *n;

	if (node == NULL)
		return;
	node->event = NULL;
	watches_end(node);
	while ((n = LIST_FIRST(&node->networks)) != NULL) {
		LIST_REMOVE(n, next);
		free_network(n);
	}
	workers_fini(&node->workers);
	uplinks_close(node);
	buffers_fini(&node->buffers);
	free(node);
}

static bool
name_is_valid(const char *name)
{
	static const char letters[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	return name[0] != '\0' && name[0] != '-' && name[0] != '.' &&
	       strlen(name) < NODE_NETWORK_SIZE && name[strspn(name, letters)] == '\0';
}

static int
check_network(const struct node_network_conf *conf, struct node_error *error)
{
	if (!name_is_valid(conf->name))
		return node_fail(error, -EINVAL, NODE_INVALID("name"),
				"a network's name has 1 to 15 letters, digits, _, . and -, and "
				"begins "
				"with neither . nor -");
	if (conf->nb_uplinks > NODE_UPLINKS_MAX)
		return node_fail(error, -EINVAL, NODE_INVALID("uplinks"), "%u uplinks at most",
				NODE_UPLINKS_MAX);
	if (conf->mtu != 0 &&
			(conf->mtu < RTE_VDUSE_NET_MTU_MIN || conf->mtu > RTE_VDUSE_NET_MTU_MAX))
		return node_fail(error, -EINVAL, NODE_INVALID("mtu"), "%u to %u bytes",
				RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX);
	return 0;
}

static bool
has_uplinks(const struct network *n, const struct node_network_conf *conf)
{
	return n->conf.nb_uplinks == conf->nb_uplinks &&
	       memcmp(n->conf.uplinks, conf->uplinks, sizeof(conf->uplinks)) == 0;
}

#define UPLINKS_SIZE (NODE_UPLINKS_MAX * NODE_UPLINK_SIZE)

static void
uplinks_text(const struct node_network_conf *conf, char text[UPLINKS_SIZE])
{
	unsigned int i;
	size_t n = 0;

	snprintf(text, UPLINKS_SIZE, "none");
	for (i = 0; i < conf->nb_uplinks && n < UPLINKS_SIZE; i++)
		n += (size_t)snprintf(text + n, UPLINKS_SIZE - n, "%s%s", n > 0 ? "," : "",
				conf->uplinks[i]);
}

static bool
has_lcores(const struct network *n, const struct node_network_conf *conf)
{
	return n->conf.has_lcores == conf->has_lcores &&
	       memcmp(n->conf.lcores, conf->lcores, sizeof(conf->lcores)) == 0;
}

/* What it has is not what is asked for. */
struct differences {
	const char *first; /* NULL: nothing differs */
	char text[NODE_TEXT_SIZE - 128];
};

static void
differ(struct differences *d, const char *word, const char *is, const char *asked)
{
	const size_t n = d->first != NULL ? strlen(d->text) : 0;

	snprintf(d->text + n, sizeof(d->text) - n, "%s%s %s, not %s", n > 0 ? "; " : "", word, is,
			asked);
	if (d->first == NULL)
		d->first = word;
}

static int
compare_network(const struct network *n, const struct node_network_conf *conf,
		struct node_error *error)
{
	char is[UPLINKS_SIZE], asked[UPLINKS_SIZE];
	struct differences d = { 0 };

	if (!has_uplinks(n, conf)) {
		uplinks_text(&n->conf, is);
		uplinks_text(conf, asked);
		differ(&d, "uplinks", is, asked);
	}
	if (n->conf.mtu != conf->mtu) {
		snprintf(is, sizeof(is), "%u", n->conf.mtu);
		snprintf(asked, sizeof(asked), "%u", conf->mtu);
		differ(&d, "mtu", is, asked);
	}
	if (!has_lcores(n, conf)) {
		node_lcores_text(&n->conf, is, sizeof(is));
		node_lcores_text(conf, asked, sizeof(asked));
		differ(&d, "lcores", is, asked);
	}
	if (d.first == NULL)
		return 1;
	return node_fail(error, -EEXIST, NODE_WHY("Differs", d.first),
			"it is there with %s: change it with set, or remove it first", d.text);
}

static int
make_bridge(struct network *n)
{
	struct veb_conf conf = {
		.mtu = n->conf.mtu != 0 ? n->conf.mtu : RTE_ETHER_MTU,
		.max_members = n->node->conf.max_containers,
		.nb_lcores = n->node->workers.nb,
		.qsbr = n->node->workers.qsbr,
		.socket = SOCKET_ID_ANY,
	};
	int ret;

	ret = buffers_take(&n->node->buffers, 0, RTE_MBUF_DEFAULT_BUF_SIZE, &conf.pool);
	if (ret == 0)
		ret = veb_create(&conf, &n->veb);
	n->mtu = conf.mtu;
	return ret;
}

/* What is asked for, or as long as all uplinks take. */
static void
set_mtu(struct network *n)
{
	const struct uplink *u;
	struct container *c;

	n->mtu = n->conf.mtu;
	if (n->mtu == 0) {
		n->mtu = LIST_EMPTY(&n->uplinks) ? RTE_ETHER_MTU : RTE_VDUSE_NET_MTU_MAX;
		LIST_FOREACH (u, &n->uplinks, next)
			n->mtu = RTE_MIN(n->mtu, (uint32_t)u->port.mtu);
	}
	veb_set_mtu(n->veb, n->mtu);
	LIST_FOREACH (c, &n->containers, next)
		container_set_mtu(c);
}

int
network_check_mtu(const struct network *n, const struct node_network_conf *conf,
		struct node_error *error)
{
	const struct uplink *u;

	LIST_FOREACH (u, &n->uplinks, next)
		if (conf->mtu > u->port.mtu)
			return node_fail(error, -EINVAL, NODE_INVALID("mtu"),
					"port %s takes an MTU of %u at most", u->port.name,
					u->port.mtu);
	return 0;
}

int
node_network_set(struct node *node, const struct node_network_conf *conf, struct node_error *error)
{
	struct network *n = node_find_network(node, conf->name);
	int ret = check_network(conf, error);

	if (ret != 0)
		return ret;
	if (n == NULL)
		return node_fail(error, -ENOENT, NODE_WHY("NoSuchNetwork", "name"),
				"no network %s: add it first", conf->name);
	if (has_uplinks(n, conf) && n->conf.mtu == conf->mtu && has_lcores(n, conf))
		return 1;
	ret = lcores_check(node, conf, error);
	if (ret == 0)
		ret = has_uplinks(n, conf) ? network_check_mtu(n, conf, error)
					   : uplinks_set(n, conf, error);
	if (ret != 0)
		return ret;
	n->conf = *conf;
	lcores_settle(node);
	set_mtu(n);
	return 0;
}

int
node_network_add(struct node *node, const struct node_network_conf *conf, struct node_error *error)
{
	struct network *n = node_find_network(node, conf->name);
	unsigned int i;
	int ret = check_network(conf, error);

	if (ret != 0)
		return ret;
	if (n != NULL)
		return compare_network(n, conf, error);
	ret = lcores_check(node, conf, error);
	if (ret != 0)
		return ret;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return node_fail(error, -ENOMEM, NODE_WHY("Kernel", ""), "no memory");
	n->node = node;
	n->conf = *conf;
	ret = make_bridge(n);
	if (ret != 0) {
		free(n);
		return node_fail(error, ret, NODE_WHY("NoBuffers", "name"),
				"a network needs a pool of %u packet buffers, and there is no "
				"memory "
				"for it: give EAL more of it (-m), or more hugepages",
				node->conf.mbufs);
	}
	/* in the list: a port that is named twice is found */
	LIST_INSERT_HEAD(&node->networks, n, next);
	lcores_settle(node);
	for (i = 0; i < conf->nb_uplinks && ret == 0; i++)
		ret = uplink_add(n, conf->uplinks[i], error);
	if (ret == 0)
		ret = network_check_mtu(n, conf, error);
	if (ret != 0) {
		LIST_REMOVE(n, next);
		free_network(n);
		return ret;
	}
	set_mtu(n);
	return 0;
}

int
node_network_del(struct node *node, const char *name, struct node_error *error)
{
	struct network *n = node_find_network(node, name);

	if (n == NULL)
		return 1;
	if (n->nb_containers != 0)
		return node_fail(error, -EBUSY, NODE_WHY("NetworkInUse", "name"),
				"network %s has %u containers: remove them first", name,
				n->nb_containers);
	LIST_REMOVE(n, next);
	free_network(n);
	return 0;
}

static bool
network_is_up(const struct network *network)
{
	const struct uplink *u;
	bool up = LIST_EMPTY(&network->uplinks);

	LIST_FOREACH (u, &network->uplinks, next)
		up |= u->up;
	return up;
}

void
node_networks(const struct node *node, node_network_cb cb, void *arg)
{
	const struct network *n;

	LIST_FOREACH (n, &node->networks, next) {
		struct node_network shown = { .conf = &n->conf,
			.mtu = n->mtu,
			.up = network_is_up(n),
			.nb_containers = n->nb_containers };

		network_vf_mac(n, &shown.vf_mac);
		cb(arg, &shown);
	}
}

/* They are all 64 bits wide and only ever added to. */
static void
add_queue(const struct container *c, uint16_t pair, bool rx, uint64_t *sum)
{
	struct rte_vduse_net_queue_stats stats = { 0 };
	const uint64_t *from = (const uint64_t *)&stats;
	size_t i;

	static_assert(sizeof(stats) % sizeof(uint64_t) == 0, "counters only");
	rte_vduse_net_queue_stats(c->net, pair, rx, &stats);
	for (i = 0; i < sizeof(stats) / sizeof(uint64_t); i++)
		sum[i] += from[i];
}

static void
show_container(const struct container *c, node_container_cb cb, void *arg)
{
	struct node_container shown = { .conf = &c->conf };
	uint16_t i;

	shown.up = veb_member_is_up(c->member);
	shown.lcore = c->seats->worker->lcore;
	veb_member_stats(c->member, &shown.stats);
	rte_vduse_net_info(c->net, &shown.info);
	shown.attached = shown.info.dev.started;
	for (i = 0; i < c->nb_queues; i++) {
		add_queue(c, i, true, (uint64_t *)&shown.device);
		add_queue(c, i, false, (uint64_t *)&shown.device);
	}
	cb(arg, &shown);
}

void
node_containers(const struct node *node, const char *network, node_container_cb cb, void *arg)
{
	const struct network *n;
	const struct container *c;

	LIST_FOREACH (n, &node->networks, next) {
		if (network != NULL && strcmp(network, n->conf.name) != 0)
			continue;
		LIST_FOREACH (c, &n->containers, next)
			show_container(c, cb, arg);
	}
}

static void
show_uplink(const struct uplink *u, node_uplink_cb cb, void *arg)
{
	struct node_uplink shown = { .network = u->network->conf.name,
		.name = u->port.name,
		.up = u->up,
		.promiscuous = u->promiscuous,
		.rss = port_has_rss(&u->port) };
	uint16_t i;

	veb_member_stats(u->member, &shown.stats);
	for (i = 0; i < u->port.nb_txq; i++)
		fwd_read(&u->egress[i], &shown.sent);
	/* one whose device is out is polled by nobody */
	for (i = 0; i < u->port.nb_rxq && u->seats[i].worker != NULL; i++)
		shown.lcores[shown.queues++] = u->seats[i].worker->lcore;
	cb(arg, &shown);
}

void
node_uplinks(const struct node *node, node_uplink_cb cb, void *arg)
{
	const struct network *n;
	const struct uplink *u;

	LIST_FOREACH (n, &node->networks, next)
		LIST_FOREACH (u, &n->uplinks, next)
			show_uplink(u, cb, arg);
}

void
node_lcores(const struct node *node, node_lcore_cb cb, void *arg)
{
	const struct worker *w;

	for (w = node->workers.of; w < node->workers.of + node->workers.nb; w++) {
		const struct node_lcore shown = { .lcore = w->lcore,
			.queues = w->seats->n,
			.frames = __atomic_load_n(&w->frames, __ATOMIC_RELAXED),
			.rounds = __atomic_load_n(&w->rounds, __ATOMIC_RELAXED),
			.sleeps = __atomic_load_n(&w->sleeps, __ATOMIC_RELAXED) };

		cb(arg, &shown);
	}
}

int
node_fdb(const struct node *node, const char *network, veb_fdb_cb cb, void *arg)
{
	const struct network *n = node_find_network(node, network);

	if (n == NULL)
		return -ENOENT;
	veb_fdb_walk(n->veb, node->workers.now(node->workers.now_arg), cb, arg);
	return 0;
}

void
node_tick(struct node *node)
{
	struct container *c;
	struct network *n;
	struct uplink *u;

	watches_look(node);
	load_look(node);
	lcores_look(node);
	timings_look(node);
	LIST_FOREACH (n, &node->networks, next) {
		LIST_FOREACH (u, &n->uplinks, next)
			uplink_look(u);
		LIST_FOREACH (c, &n->containers, next)
			container_look(c);
		veb_age(n->veb, node->workers.now(node->workers.now_arg));
	}
}

bool
node_poll(struct node *node)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAIN_ROUNDS && node->workers.on_main; i++)
		n += workers_round(&node->workers);
	return n != 0;
}

bool
node_progress(struct node *node)
{
	return workers_progress(&node->workers);
}
