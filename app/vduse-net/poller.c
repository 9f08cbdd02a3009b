/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>

#include "broker/netif.h"
#include "poller.h"
#include "profile.h"
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
	{ CONTAINER_QUEUES, NODE_SET_QUEUES },
	{ CONTAINER_QUEUE_SIZE, NODE_SET_QUEUE_SIZE },
	{ CONTAINER_PROFILE, NODE_SET_PROFILE },
};

static const char *const links[] = {
	[VEB_LINK_AUTO] = "auto",
	[VEB_LINK_UP] = "up",
	[VEB_LINK_DOWN] = "down",
};

/* Of a word that was checked before. */
static enum veb_link
link_of(const char *word)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(links); i++)
		if (strcmp(links[i], word) == 0)
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
	snprintf(error.text, sizeof(error.text), "%.255s", text);
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
	return 0;
}

/* "10", "20-29": checked. */
static void
read_vlans(const struct control_list *from, struct veb_vlans *to)
{
	unsigned int i, id, last;

	for (i = 0; i < from->nb; i++) {
		if (sscanf(from->items[i], "%u-%u", &id, &last) == 1)
			last = id;
		for (; id <= last && id < 4096; id++)
			to->bits[id / 64] |= BIT(id % 64);
	}
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
	unsigned int i;

	if (check(r, &control_container_words) != 0)
		return -EINVAL;
	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, r->parameters, &conf);
	node_container_defaults(to);
	fill_container(&conf, to);
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

/* Who fails to take a device may have closed it or not: it must not stay busy. */
static void
close_left(int fd, const struct stat *was)
{
	struct stat now;

	if (fstat(fd, &now) == 0 && now.st_dev == was->st_dev && now.st_ino == was->st_ino)
		close(fd);
}

static int
container_add(struct poller *p, struct serve_request *r)
{
	struct node_container_conf conf;
	struct node_error error = { 0 };
	struct stat device;
	uint64_t given;
	int ret;

	if (read_container(p, r, &conf, &given) != 0)
		return -EINVAL;
	if (r->fd >= 0 && fstat(r->fd, &device) < 0)
		return refuse(r, CONTROL_INTERFACE ".Kernel", "name", strerror(errno));
	conf.fd = r->fd;
	r->fd = -1; /* the node's */
	ret = node_container_add(p->node, &conf, &error);
	if (ret != 0 && conf.fd >= 0)
		close_left(conf.fd, &device);
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

/* What a list is made for. */
struct listing {
	json_t *reply;
	const char *name; /* "": all */
	bool statistics;
};

static bool
is_wanted(const struct listing *l, const char *name)
{
	return l->name[0] == '\0' || strcmp(l->name, name) == 0;
}

static void
list_network(void *arg, const struct node_network *network)
{
	const struct node_network_conf *conf = network->conf;
	struct listing *l = arg;
	json_t *uplinks = json_array();
	unsigned int i;

	for (i = 0; i < conf->nb_uplinks; i++)
		json_array_append_new(uplinks, json_string(conf->uplinks[i]));
	if (is_wanted(l, conf->name))
		json_array_append_new(l->reply,
				json_pack("{ss sO si ss si}", "name", conf->name, "uplinks",
						uplinks, "mtu", (int)network->mtu, "link_state",
						network->up ? "up" : "down", "containers",
						(int)network->nb_containers));
	json_decref(uplinks);
}

static const char *
argument(const struct serve_request *r, const char *name)
{
	const char *text = json_string_value(json_object_get(r->parameters, name));

	return text != NULL ? text : "";
}

static struct listing
listing(struct serve_request *r)
{
	r->reply = json_array();
	return (struct listing){ .reply = r->reply,
		.name = argument(r, "name"),
		.statistics = json_is_true(json_object_get(r->parameters, "statistics")) };
}

static int
networks(struct poller *p, struct serve_request *r)
{
	struct listing l = listing(r);

	node_networks(p->node, list_network, &l);
	return 0;
}

static json_t *
list_vlans(const struct veb_vlans *vlans)
{
	json_t *list = json_array();
	unsigned int id, last;
	char text[16];

	for (id = 0; id < 4096; id = last + 1) {
		last = id;
		if ((vlans->bits[id / 64] & BIT(id % 64)) == 0)
			continue;
		while (last < 4095 && (vlans->bits[(last + 1) / 64] & BIT((last + 1) % 64)) != 0)
			last++;
		snprintf(text, sizeof(text), last > id ? "%u-%u" : "%u", id, last);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
list_prefixes(const struct node_container_conf *conf)
{
	json_t *list = json_array();
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 5];
	unsigned int i;

	for (i = 0; i < conf->nb_prefixes; i++) {
		inet_ntop(conf->prefixes[i].ipv6 ? AF_INET6 : AF_INET, conf->prefixes[i].addr, host,
				sizeof(host));
		snprintf(text, sizeof(text), "%s/%u", host, conf->prefixes[i].len);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Its rules as they are. */
static json_t *
rules_of(const struct node_container_conf *conf)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	json_t *rules;

	rte_ether_format_addr(mac, sizeof(mac), &conf->mac);
	rules = json_pack("{ss ss ss si si sb sb si si si si si sb ss si si ss so so}", "name",
			conf->name, "network", conf->network, "mac", mac, "vlan", conf->vlan, "qos",
			conf->qos, "spoofchk", conf->spoofchk, "trust", conf->trust, "max_macs",
			conf->max_macs, "max_tx_rate", (int)conf->max_tx_rate, "max_rx_rate",
			(int)conf->max_rx_rate, "burst", (int)conf->burst, "bum_rate",
			(int)conf->bum_rate, "isolated", conf->isolated, "link", links[conf->link],
			"queues", conf->queues, "queue_size", conf->queue_size, "profile",
			profile_words[conf->profile], "trunk", list_vlans(&conf->trunk), "ip",
			list_prefixes(conf));
	if (conf->mirror[0] != '\0')
		json_object_set_new(rules, "mirror", json_string(conf->mirror));
	return rules;
}

static json_t *
statistics_of(const struct veb_stats *stats)
{
	/* as the container counts */
	json_t *all = json_pack("{sI sI sI sI sI sI}", "tx_packets", (json_int_t)stats->in,
			"tx_bytes", (json_int_t)stats->in_bytes, "rx_packets",
			(json_int_t)stats->out, "rx_bytes", (json_int_t)stats->out_bytes,
			"learn_full", (json_int_t)stats->learn_full, "macs",
			(json_int_t)stats->macs);
	char name[64];
	unsigned int i;

	for (i = 0; i < RTE_DIM(stats->drops); i++) {
		snprintf(name, sizeof(name), "drop %s", veb_drop_name(i));
		json_object_set_new(all, name, json_integer((json_int_t)stats->drops[i]));
	}
	return all;
}

static void
list_container(void *arg, const struct node_container *container)
{
	struct listing *l = arg;
	json_t *value;

	if (!is_wanted(l, container->conf->name))
		return;
	value = rules_of(container->conf);
	json_object_set_new(value, "link_state", json_string(container->up ? "up" : "down"));
	json_object_set_new(value, "attached", json_boolean(container->attached));
	if (l->statistics)
		json_object_set_new(value, "statistics", statistics_of(&container->stats));
	json_array_append_new(l->reply, value);
}

static int
containers(struct poller *p, struct serve_request *r)
{
	const char *network = argument(r, "network");
	struct listing l = listing(r);

	node_containers(p->node, network[0] != '\0' ? network : NULL, list_container, &l);
	return 0;
}

struct addresses {
	json_t *reply;
	const char *network;
};

static bool
list_address(void *arg, const struct veb_fdb_entry *entry)
{
	const struct addresses *a = arg;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	json_t *value;

	rte_ether_format_addr(mac, sizeof(mac), &entry->mac);
	value = json_pack("{ss si ss ss sb}", "network", a->network, "vlan",
			entry->vlan == UINT16_MAX ? 0 : entry->vlan, "mac", mac, "port",
			entry->name, "static", entry->is_static);
	if (!entry->is_static)
		json_object_set_new(value, "age", json_integer(entry->age_s));
	json_array_append_new(a->reply, value);
	return true;
}

struct walk {
	struct poller *poller;
	struct addresses addresses;
	const char *wanted;
};

static void
list_addresses(void *arg, const struct node_network *network)
{
	struct walk *w = arg;

	if (w->wanted[0] != '\0' && strcmp(w->wanted, network->conf->name) != 0)
		return;
	w->addresses.network = network->conf->name;
	node_fdb(w->poller->node, network->conf->name, list_address, &w->addresses);
}

static int
fdb(struct poller *p, struct serve_request *r)
{
	struct walk w = { .poller = p, .wanted = argument(r, "network") };

	r->reply = json_array();
	w.addresses.reply = r->reply;
	node_networks(p->node, list_addresses, &w);
	return 0;
}

static int
rebalance(struct poller *p, struct serve_request *r)
{
	r->reply = json_pack("{si}", "moved", (int)node_rebalance(p->node));
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
	{ "networks", networks },
	{ "containers", containers },
	{ "fdb", fdb },
	{ "rebalance", rebalance },
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

struct search {
	const char *name;
	bool attached;
};

static void
look_attached(void *arg, const struct node_container *container)
{
	struct search *search = arg;

	if (strcmp(container->conf->name, search->name) == 0)
		search->attached = container->attached;
}

static void
tell(const struct poller *p, const char *word, const char *network, const char *key,
		const char *name)
{
	serve_event(p->serve,
			json_pack("{ss ss ss}", "event", word, "network", network, key, name));
}

/* What is added and removed the broker tells itself: it was the one who asked. */
static void
on_event(void *arg, enum node_event event, const char *network, const char *name)
{
	struct search search = { .name = name };
	const struct poller *p = arg;

	if (event == NODE_CONTAINER_LINK) {
		node_containers(p->node, network, look_attached, &search);
		tell(p, search.attached ? "attached" : "detached", network, "container", name);
	} else if (event == NODE_UPLINK_UP || event == NODE_UPLINK_DOWN) {
		tell(p, event == NODE_UPLINK_UP ? "uplink_up" : "uplink_down", network, "uplink",
				name);
	}
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
