/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "node/words.h"
#include "poller_counters.h"
#include "poller_list.h"
#include "profile.h"

const char *
poller_argument(const struct serve_request *r, const char *name)
{
	const char *text = json_string_value(json_object_get(r->parameters, name));

	return text != NULL ? text : "";
}

/* What a list is made for. */
struct listing {
	json_t *reply;
	const char *name, *network; /* "": all */
	bool statistics;
};

static bool
is_wanted(const struct listing *l, const char *name)
{
	return l->name[0] == '\0' || strcmp(l->name, name) == 0;
}

static json_t *
list_lcores(const struct node_network_conf *conf)
{
	json_t *list = json_array();
	char text[NODE_VLANS_SIZE];
	unsigned int lcore = 0;

	while (node_lcores_next(conf, &lcore, text))
		json_array_append_new(list, json_string(text));
	return list;
}

static void
list_network(void *arg, const struct node_network *network)
{
	const struct node_network_conf *conf = network->conf;
	struct listing *l = arg;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	json_t *value, *uplinks;
	unsigned int i;

	if (!is_wanted(l, conf->name))
		return;
	uplinks = json_array();
	for (i = 0; i < conf->nb_uplinks; i++)
		json_array_append_new(uplinks, json_string(conf->uplinks[i]));
	value = json_pack("{ss so si ss so si}", "name", conf->name, "uplinks", uplinks, "mtu",
			(int)network->mtu, "link_state", network->up ? "up" : "down", "lcores",
			list_lcores(conf), "containers", (int)network->nb_containers);
	rte_ether_format_addr(mac, sizeof(mac), &network->vf_mac);
	if (!rte_is_zero_ether_addr(&network->vf_mac))
		json_object_set_new(value, "vf_mac", json_string(mac));
	json_array_append_new(l->reply, value);
}

static struct listing
listing(struct serve_request *r)
{
	r->reply = json_array();
	return (struct listing){ .reply = r->reply,
		.name = poller_argument(r, "name"),
		.network = poller_argument(r, "network"),
		.statistics = json_is_true(json_object_get(r->parameters, "statistics")) };
}

int
poller_networks(struct poller *p, struct serve_request *r)
{
	struct listing l = listing(r);

	node_networks(p->node, list_network, &l);
	return 0;
}

static json_t *
list_vlans(const struct veb_vlans *vlans)
{
	json_t *list = json_array();
	char text[NODE_VLANS_SIZE];
	unsigned int id = 0;

	while (node_vlans_next(vlans, &id, text))
		json_array_append_new(list, json_string(text));
	return list;
}

static json_t *
list_prefixes(const struct node_container_conf *conf)
{
	json_t *list = json_array();
	char text[NODE_PREFIX_SIZE];
	unsigned int i;

	for (i = 0; i < conf->nb_prefixes; i++) {
		node_prefix_text(&conf->prefixes[i], text);
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
	rules = json_pack("{ss ss ss si si sb sb si si si si si sb ss sb si si ss so so}", "name",
			conf->name, "network", conf->network, "mac", mac, "vlan", conf->vlan, "qos",
			conf->qos, "spoofchk", conf->spoofchk, "trust", conf->trust, "max_macs",
			conf->max_macs, "max_tx_rate", (int)conf->max_tx_rate, "max_rx_rate",
			(int)conf->max_rx_rate, "burst", (int)conf->burst, "bum_rate",
			(int)conf->bum_rate, "isolated", conf->isolated, "link",
			node_links[conf->link], "gro", conf->gro, "queues", conf->queues,
			"queue_size", conf->queue_size, "profile", profile_words[conf->profile],
			"trunk", list_vlans(&conf->trunk), "ip", list_prefixes(conf));
	if (conf->mirror[0] != '\0')
		json_object_set_new(rules, "mirror", json_string(conf->mirror));
	return rules;
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
	json_object_set_new(value, "broken", json_boolean(container->info.dev.broken));
	if (l->statistics)
		json_object_set_new(value, "statistics", poller_container_counters(container));
	json_array_append_new(l->reply, value);
}

int
poller_containers(struct poller *p, struct serve_request *r)
{
	struct listing l = listing(r);

	node_containers(p->node, l.network[0] != '\0' ? l.network : NULL, list_container, &l);
	return 0;
}

static void
list_uplink(void *arg, const struct node_uplink *uplink)
{
	struct listing *l = arg;
	json_t *value, *lcores;
	uint16_t i;

	if (l->network[0] != '\0' && strcmp(l->network, uplink->network) != 0)
		return;
	lcores = json_array();
	for (i = 0; i < uplink->queues; i++)
		json_array_append_new(lcores, json_integer(uplink->lcores[i]));
	value = json_pack("{ss ss ss sb so sb}", "name", uplink->name, "network", uplink->network,
			"link_state", uplink->up ? "up" : "down", "promiscuous",
			uplink->promiscuous, "lcores", lcores, "rss", uplink->rss);
	if (l->statistics)
		json_object_set_new(value, "statistics", poller_uplink_counters(uplink));
	json_array_append_new(l->reply, value);
}

int
poller_uplinks(struct poller *p, struct serve_request *r)
{
	struct listing l = listing(r);

	node_uplinks(p->node, list_uplink, &l);
	return 0;
}

static void
list_lcore(void *arg, const struct node_lcore *lcore)
{
	struct listing *l = arg;
	json_t *value;

	value = json_pack("{si si}", "lcore", (int)lcore->lcore, "queues", (int)lcore->queues);
	if (l->statistics)
		json_object_set_new(value, "statistics", poller_lcore_counters(lcore));
	json_array_append_new(l->reply, value);
}

int
poller_lcores(struct poller *p, struct serve_request *r)
{
	struct listing l = listing(r);

	node_lcores(p->node, list_lcore, &l);
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

int
poller_fdb(struct poller *p, struct serve_request *r)
{
	struct walk w = { .poller = p, .wanted = poller_argument(r, "network") };

	r->reply = json_array();
	w.addresses.reply = r->reply;
	node_networks(p->node, list_addresses, &w);
	return 0;
}

static void
set_ring(json_t *value, const char *name, const char *size, const struct node_ring *ring)
{
	if (ring->fill < 0)
		return;
	json_object_set_new(value, name, json_integer(ring->fill));
	json_object_set_new(value, size, json_integer(ring->size));
}

/* What is from the bridge's sight "in" is what a container sends, and what a port receives. */
static void
list_load(void *arg, const struct node_load *load)
{
	const struct veb_stats *s = &load->stats;
	const uint64_t full = s->drops[VEB_DROP_FULL] + load->lost;
	uint64_t drops = load->lost;
	json_t *value;
	unsigned int i;

	for (i = 0; i < RTE_DIM(s->drops); i++)
		drops += s->drops[i];
	value = json_pack("{ss ss sb sb sI sI sI sI sI sI sI}", "network", load->network, "name",
			load->name, "uplink", load->uplink, "attached", load->attached, "cycles",
			(json_int_t)load->cycles, load->uplink ? "tx_packets" : "rx_packets",
			(json_int_t)s->out, load->uplink ? "tx_bytes" : "rx_bytes",
			(json_int_t)s->out_bytes, load->uplink ? "rx_packets" : "tx_packets",
			(json_int_t)s->in, load->uplink ? "rx_bytes" : "tx_bytes",
			(json_int_t)s->in_bytes, "drops", (json_int_t)drops, "full",
			(json_int_t)full);
	if (load->lcore >= 0)
		json_object_set_new(value, "lcore", json_integer(load->lcore));
	set_ring(value, "room", "room_size", &load->room);
	set_ring(value, "waits", "waits_size", &load->waits);
	json_array_append_new(arg, value);
}

static void
list_busy(void *arg, const struct node_busy *busy)
{
	json_array_append_new(
			arg, json_pack("{si sI sI sI}", "lcore", (int)busy->lcore, "busy",
					     (json_int_t)busy->busy, "now", (json_int_t)busy->now,
					     "hz", (json_int_t)rte_get_tsc_hz()));
}

int
poller_load(struct poller *p, struct serve_request *r)
{
	json_t *lcores = json_array(), *members = json_array();

	node_loads(p->node, list_load, members);
	node_busies(p->node, list_busy, lcores);
	r->reply = json_pack("{so so}", "lcores", lcores, "members", members);
	return 0;
}
