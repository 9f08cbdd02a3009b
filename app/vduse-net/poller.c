/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "broker/link.h"
#include "broker/netif.h"
#include "node/words.h"
#include "poller.h"
#include "poller_list.h"
#include "profile.h"
#include "say.h"
#include "words.h"

#define BIT(word) (UINT64_C(1) << (word))

/* Words of a container, and the bits by which the node changes them. */
static const struct {
	enum control_container_word word;
	uint64_t bit;
} set_bits[] = {
	{ CONTAINER_NETWORK, NODE_SET_NETWORK },
	{ CONTAINER_MAC, NODE_SET_MAC },
	{ CONTAINER_VLAN, NODE_SET_VLAN },
	{ CONTAINER_QOS, NODE_SET_QOS },
	{ CONTAINER_TRUNK, NODE_SET_TRUNK },
	{ CONTAINER_SPOOFCHK, NODE_SET_SPOOFCHK },
	{ CONTAINER_IP, NODE_SET_IP },
	{ CONTAINER_TRUST, NODE_SET_TRUST },
	{ CONTAINER_MAX_MACS, NODE_SET_MAX_MACS },
	{ CONTAINER_MAX_TX_RATE, NODE_SET_TX_RATE },
	{ CONTAINER_MAX_RX_RATE, NODE_SET_RX_RATE },
	{ CONTAINER_BURST, NODE_SET_BURST },
	{ CONTAINER_BUM_RATE, NODE_SET_BUM_RATE },
	{ CONTAINER_ISOLATED, NODE_SET_ISOLATED },
	{ CONTAINER_LINK, NODE_SET_LINK },
	{ CONTAINER_MIRROR, NODE_SET_MIRROR },
	{ CONTAINER_GRO, NODE_SET_GRO },
	{ CONTAINER_QUEUES, NODE_SET_QUEUES },
	{ CONTAINER_QUEUE_SIZE, NODE_SET_QUEUE_SIZE },
	{ CONTAINER_PROFILE, NODE_SET_PROFILE },
};

/* Of a word that was checked before. */
static enum veb_link
link_of(const char *word)
{
	unsigned int i;

	for (i = 0; i < NODE_LINKS; i++)
		if (strcmp(node_links[i], word) == 0)
			return (enum veb_link)i;
	return VEB_LINK_AUTO;
}

static int
failed(struct serve_request *r, const struct node_error *error)
{
	snprintf(r->error.id, sizeof(r->error.id), "%s",
			error->id != NULL ? error->id : CONTROL_INTERFACE ".Kernel");
	snprintf(r->error.parameter, sizeof(r->error.parameter), "%s", error->parameter);
	snprintf(r->error.text, sizeof(r->error.text), "%s", error->text);
	return -EINVAL;
}

static int
refuse(struct serve_request *r, const char *id, const char *parameter, const char *text)
{
	struct node_error error = { .id = id };

	snprintf(error.parameter, sizeof(error.parameter), "%.31s", parameter);
	snprintf(error.text, sizeof(error.text), "%.*s", NODE_TEXT_SIZE - 1, text);
	return failed(r, &error);
}

/* By the tables that a client's parameters are checked with. Return: 0 or -EINVAL, said. */
static int
check(struct serve_request *r, const struct varlink_params *words)
{
	const struct varlink_method method = { .name = r->method, .params = words, .required = 1 };
	struct varlink_wrong wrong;

	if (varlink_method_check(&method, r->parameters, 0, &wrong) == 0)
		return 0;
	return refuse(r, CONTROL_INTERFACE ".Conflict", wrong.parameter, wrong.text);
}

/* An item, "10" or "20-29", which was checked. */
static void
read_range(const char *item, unsigned int *first, unsigned int *last)
{
	if (sscanf(item, "%u-%u", first, last) == 1)
		*last = *first;
}

/* Return: 0, or -EINVAL, said: a number that no lcore has. */
static int
read_lcores(struct serve_request *r, const struct control_list *from, struct node_network_conf *to)
{
	unsigned int i, lcore, last;

	for (i = 0; i < from->nb; i++) {
		read_range(from->items[i], &lcore, &last);
		if (last >= RTE_MAX_LCORE)
			return refuse(r, CONTROL_INTERFACE ".Conflict", "lcores",
					"an lcore's number is too large for DPDK: lcore show lists "
					"those that there are");
		for (; lcore <= last; lcore++)
			to->lcores[lcore] = true;
	}
	to->has_lcores = from->nb > 0;
	return 0;
}

static int
read_network(struct serve_request *r, struct node_network_conf *to)
{
	struct control_network conf;
	unsigned int i;

	if (check(r, &control_network_words) != 0)
		return -EINVAL;
	control_defaults(&control_network_words, &conf);
	control_from_json(&control_network_words, r->parameters, &conf);
	memset(to, 0, sizeof(*to));
	snprintf(to->name, sizeof(to->name), "%s", conf.name);
	to->mtu = conf.mtu;
	if (conf.uplinks.nb > NODE_UPLINKS_MAX)
		return refuse(r, CONTROL_INTERFACE ".Conflict", "uplinks",
				"more uplinks than a network can have");
	for (i = 0; i < conf.uplinks.nb; i++)
		snprintf(to->uplinks[i], sizeof(to->uplinks[i]), "%s", conf.uplinks.items[i]);
	to->nb_uplinks = conf.uplinks.nb;
	return read_lcores(r, &conf.lcores, to);
}

static void
read_vlans(const struct control_list *from, struct veb_vlans *to)
{
	unsigned int i, id, last;

	for (i = 0; i < from->nb; i++)
		for (read_range(from->items[i], &id, &last); id <= last && id < 4096; id++)
			to->bits[id / 64] |= BIT(id % 64);
}

static void
read_prefix(const char *text, struct veb_prefix *to)
{
	struct netif_address address;

	if (netif_parse_address(text, &address) != 0)
		return;
	to->ipv6 = address.family == AF_INET6;
	to->len = address.prefix;
	memcpy(to->addr, address.bytes, sizeof(to->addr));
}

static void
fill_container(const struct control_container *from, struct node_container_conf *to)
{
	unsigned int i;

	snprintf(to->name, sizeof(to->name), "%s", from->name);
	snprintf(to->network, sizeof(to->network), "%s", from->network);
	snprintf(to->mirror, sizeof(to->mirror), "%s", from->mirror);
	if (from->mac[0] != '\0')
		rte_ether_unformat_addr(from->mac, &to->mac);
	to->vlan = (uint16_t)from->vlan;
	to->qos = (uint8_t)from->qos;
	to->has_trunk = from->trunk.nb > 0;
	read_vlans(&from->trunk, &to->trunk);
	to->spoofchk = from->spoofchk;
	to->nb_prefixes = RTE_MIN(from->ip.nb, (unsigned int)RTE_DIM(to->prefixes));
	for (i = 0; i < to->nb_prefixes; i++)
		read_prefix(from->ip.items[i], &to->prefixes[i]);
	to->trust = from->trust;
	to->max_macs = (uint16_t)RTE_MIN(from->max_macs, (uint32_t)UINT16_MAX);
	to->max_tx_rate = from->max_tx_rate;
	to->max_rx_rate = from->max_rx_rate;
	to->burst = from->burst;
	to->bum_rate = from->bum_rate;
	to->isolated = from->isolated;
	to->link = link_of(from->link);
	to->gro = from->gro;
	to->queues = (uint16_t)from->queues;
	to->queue_size = (uint16_t)from->queue_size;
	to->profile = profile_of(from->profile);
	to->attach = RTE_VDUSE_ATTACH_NONE; /* the broker sees to it */
}

/* @param[out] given as NODE_SET_* */
static int
read_container(const struct poller *p, struct serve_request *r, struct node_container_conf *to,
		uint64_t *given)
{
	struct control_container conf;
	bool mirror_waits;
	unsigned int i;

	/* beside the words of a client's: what is done again may be so in any order */
	mirror_waits = json_is_true(json_object_get(r->parameters, LINK_MIRROR_WAITS));
	json_object_del(r->parameters, LINK_MIRROR_WAITS);
	if (check(r, &control_container_words) != 0)
		return -EINVAL;
	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, r->parameters, &conf);
	node_container_defaults(to);
	fill_container(&conf, to);
	to->mirror_waits = mirror_waits;
	to->state_dir = p->state_dir;
	*given = 0;
	for (i = 0; i < RTE_DIM(set_bits); i++)
		if (conf.given & BIT(set_bits[i].word))
			*given |= set_bits[i].bit;
	return 0;
}

static int
network_add(struct poller *p, struct serve_request *r)
{
	struct node_network_conf conf;
	struct node_error error = { 0 };
	int ret;

	if (read_network(r, &conf) != 0)
		return -EINVAL;
	ret = node_network_add(p->node, &conf, &error);
	return ret < 0 ? failed(r, &error) : ret;
}

/* Set, or removed. */
static int
network_change(struct poller *p, struct serve_request *r)
{
	struct node_network_conf conf;
	struct node_error error = { 0 };
	int ret;

	if (read_network(r, &conf) != 0)
		return -EINVAL;
	if (strcmp(r->method, "network_del") == 0)
		ret = node_network_del(p->node, conf.name, &error);
	else
		ret = node_network_set(p->node, &conf, &error);
	return ret < 0 ? failed(r, &error) : ret;
}

static int
container_add(struct poller *p, struct serve_request *r)
{
	struct node_container_conf conf;
	struct node_error error = { 0 };
	uint64_t given;
	int ret;

	if (read_container(p, r, &conf, &given) != 0)
		return -EINVAL;
	conf.fd = r->fd;
	ret = node_container_add(p->node, &conf, &error);
	return ret < 0 ? failed(r, &error) : ret;
}

/* Set, or removed. */
static int
container_change(struct poller *p, struct serve_request *r)
{
	struct node_container_conf conf;
	struct node_error error = { 0 };
	uint64_t given;
	int ret;

	if (read_container(p, r, &conf, &given) != 0)
		return -EINVAL;
	if (strcmp(r->method, "container_del") == 0)
		ret = node_container_del(p->node, conf.name, &error);
	else
		ret = node_container_set(p->node, &conf, given, &error);
	return ret < 0 ? failed(r, &error) : ret;
}

static int
rebalance(struct poller *p, struct serve_request *r)
{
	const char *network = poller_argument(r, "network");
	struct node_error error = { 0 };
	int ret;

	ret = node_rebalance(p->node, network[0] != '\0' ? network : NULL, &error);
	if (ret < 0)
		return failed(r, &error);
	r->reply = json_pack("{si}", "moved", ret);
	return 0;
}

/* Whether it could be an uplink of a network. */
static int
port(struct poller *p, struct serve_request *r)
{
	struct node_error error;

	if (node_uplink_check(p->node, poller_argument(r, "network"), poller_argument(r, "name"),
			    &error) == 0)
		return 0;
	return failed(r, &error);
}

/* The pipe came along. */
static int
capture(struct poller *p, struct serve_request *r)
{
	const char *direction = poller_argument(r, "direction");
	struct node_capture_conf conf = {
		.name = poller_argument(r, "name"),
		.filter = poller_argument(r, "filter"),
		.in = strcmp(direction, "out") != 0,
		.out = strcmp(direction, "in") != 0,
		.drops = json_is_true(json_object_get(r->parameters, "drops")),
		.fd = r->fd,
	};
	struct node_error error = { 0 };
	uint64_t room;

	if (check(r, &control_capture_words) != 0)
		return -EINVAL;
	conf.snaplen = (uint32_t)json_integer_value(json_object_get(r->parameters, "snaplen"));
	conf.count = (uint64_t)json_integer_value(json_object_get(r->parameters, "count"));
	if (node_capture(p->node, &conf, &room, &error) != 0)
		return failed(r, &error);
	r->reply = json_pack("{sI}", "room", (json_int_t)room);
	return 0;
}

/* Of a histogram, those that there are. */
static json_t *
times_of(const struct histogram *h, uint64_t *count)
{
	json_t *times = json_array();
	unsigned int i;

	*count = 0;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (h->of[i] == 0)
			continue;
		*count += h->of[i];
		json_array_append_new(
				times, json_pack("{sI sI}", "up_to", (json_int_t)histogram_most(i),
						       "count", (json_int_t)h->of[i]));
	}
	return times;
}

static int
latency(struct poller *p, struct serve_request *r)
{
	static const char *const kinds[LATENCY_KINDS] = { "in", "out", "kick" };
	struct histogram sums[LATENCY_KINDS];
	struct node_error error = { 0 };
	uint64_t count;
	json_t *times;
	unsigned int i;

	if (node_latency(p->node, poller_argument(r, "name"), sums, &error) != 0)
		return failed(r, &error);
	r->reply = json_array();
	for (i = 0; i < LATENCY_KINDS; i++) {
		times = times_of(&sums[i], &count);
		json_array_append_new(
				r->reply, json_pack("{ss sI sI sI so}", "what", kinds[i], "count",
							  (json_int_t)count, "sum",
							  (json_int_t)sums[i].sum, "longest",
							  (json_int_t)sums[i].max, "times", times));
	}
	return 0;
}

static int
hello(__rte_unused struct poller *p, __rte_unused struct serve_request *r)
{
	return 0;
}

static const struct {
	const char *method;
	int (*call)(struct poller *p, struct serve_request *r);
} calls[] = {
	{ "hello", hello },
	{ "network_add", network_add },
	{ "network_set", network_change },
	{ "network_del", network_change },
	{ "container_add", container_add },
	{ "container_set", container_change },
	{ "container_del", container_change },
	{ "networks", poller_networks },
	{ "containers", poller_containers },
	{ "uplinks", poller_uplinks },
	{ "lcores", poller_lcores },
	{ "fdb", poller_fdb },
	{ "rebalance", rebalance },
	{ "port", port },
	{ "capture", capture },
	{ "load", poller_load },
	{ "latency", latency },
};

static int
serve_call(void *ctx, struct serve_request *r)
{
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(calls); i++)
		if (strcmp(calls[i].method, r->method) == 0)
			break;
	ret = i < RTE_DIM(calls) ? calls[i].call(ctx, r)
				 : refuse(r, CONTROL_INTERFACE ".Kernel", "", "no such method");
	if (r->fd >= 0)
		close(r->fd);
	return ret;
}

/* Words of Monitor's. What is added and removed the broker tells itself: it was the one who asked.
 */
static const struct {
	const char *word, *of;
	bool told;
} events[NODE_EVENTS] = {
	[NODE_CONTAINER_ADDED] = { "container_added", "container", true },
	[NODE_CONTAINER_GONE] = { "container_removed", "container", true },
	[NODE_CONTAINER_ATTACHED] = { "attached", "container", false },
	[NODE_CONTAINER_DETACHED] = { "detached", "container", false },
	[NODE_CONTAINER_UP] = { "link_up", "container", false },
	[NODE_CONTAINER_DOWN] = { "link_down", "container", false },
	[NODE_CONTAINER_FAULT] = { "fault", "container", false },
	[NODE_UPLINK_UP] = { "uplink_up", "uplink", false },
	[NODE_UPLINK_DOWN] = { "uplink_down", "uplink", false },
	[NODE_UPLINK_FAULT] = { "fault", "uplink", false },
};

/* A fault is a line wherever that goes to; in the journal each event is, with its fields. */
static void
say_event(const struct node_news *news)
{
	const char *word = events[news->event].word;
	const bool uplink = strcmp(events[news->event].of, "uplink") == 0;
	const struct say_of of = {
		.device = uplink ? NULL : news->name,
		.network = news->network,
		.uplink = uplink ? news->name : NULL,
		.event = word,
	};

	if (news->text != NULL || say_has_fields())
		SAY_OF(&of, "network %s: %s %s: %s", news->network, events[news->event].of,
				news->name, news->text != NULL ? news->text : word);
}

static void
on_event(void *arg, const struct node_news *news)
{
	const struct poller *p = arg;

	say_event(news);
	if (!events[news->event].told)
		serve_event(p->serve,
				json_pack("{ss ss ss ss*}", "event", events[news->event].word,
						"network", news->network, events[news->event].of,
						news->name, "text", news->text));
}

int
poller_create(struct poller *p, struct node *node, int listen_fd, const char *state_dir)
{
	p->node = node;
	p->state_dir = state_dir;
	p->serve = serve_create(listen_fd, serve_call, p);
	if (p->serve == NULL)
		return -ENOMEM;
	node_on_event(node, on_event, p);
	return 0;
}

void
poller_destroy(struct poller *p)
{
	node_on_event(p->node, NULL, NULL);
	serve_free(p->serve);
}
