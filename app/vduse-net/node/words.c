/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "node_priv.h"
#include "profile.h"
#include "words.h"

/* Of a value: longer lists are cut. */
#define VALUE_SIZE 128

const char *const node_links[NODE_LINKS] = {
	[VEB_LINK_AUTO] = "auto",
	[VEB_LINK_UP] = "up",
	[VEB_LINK_DOWN] = "down",
};

static const char *const attach_words[] = {
	[RTE_VDUSE_ATTACH_NONE] = "none",
	[RTE_VDUSE_ATTACH_VIRTIO] = "virtio",
	[RTE_VDUSE_ATTACH_VHOST] = "vhost",
};

static bool
has_vlan(const void *vlans, unsigned int id)
{
	return id <= VEB_VLAN_MAX &&
	       (((const struct veb_vlans *)vlans)->bits[id / 64] & RTE_BIT64(id % 64)) != 0;
}

static bool
has_lcore(const void *lcores, unsigned int lcore)
{
	return lcore < RTE_MAX_LCORE && ((const bool *)lcores)[lcore];
}

/* A set of numbers up to a greatest one. */
struct numbers {
	bool (*has)(const void *set, unsigned int n);
	const void *set;
	unsigned int max;
};

static bool
next_range(const struct numbers *of, unsigned int *n, char text[NODE_VLANS_SIZE])
{
	unsigned int first = *n, last;

	while (first <= of->max && !of->has(of->set, first))
		first++;
	if (first > of->max)
		return false;
	for (last = first; of->has(of->set, last + 1); last++)
		;
	snprintf(text, NODE_VLANS_SIZE, last > first ? "%u-%u" : "%u", first, last);
	*n = last + 1;
	return true;
}

bool
node_vlans_next(const struct veb_vlans *vlans, unsigned int *id, char text[NODE_VLANS_SIZE])
{
	return next_range(&(const struct numbers){ has_vlan, vlans, VEB_VLAN_MAX }, id, text);
}

bool
node_lcores_next(const struct node_network_conf *conf, unsigned int *lcore,
		char text[NODE_VLANS_SIZE])
{
	return next_range(&(const struct numbers){ has_lcore, conf->lcores, RTE_MAX_LCORE - 1 },
			lcore, text);
}

static void
put_ranges(const struct numbers *of, char *buf, size_t len)
{
	char text[NODE_VLANS_SIZE];
	unsigned int at = 0;
	size_t n = 0;

	while (n < len && next_range(of, &at, text))
		n += (size_t)snprintf(buf + n, len - n, "%s%s", n > 0 ? "," : "", text);
}

void
node_lcores_text(const struct node_network_conf *conf, char *text, size_t len)
{
	snprintf(text, len, "none");
	put_ranges(&(const struct numbers){ has_lcore, conf->lcores, RTE_MAX_LCORE - 1 }, text,
			len);
}

void
node_prefix_text(const struct veb_prefix *prefix, char text[NODE_PREFIX_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(prefix->ipv6 ? AF_INET6 : AF_INET, prefix->addr, host, sizeof(host));
	snprintf(text, NODE_PREFIX_SIZE, "%s/%u", host, prefix->len);
}

enum kind { TEXT, MAC, NUMBER, SWITCH, VLANS, PREFIXES, LINK, PROFILE, ATTACH };

struct row {
	const char *word;
	enum kind kind;
	size_t offset, size;
};

#define FIELD(field)                                 \
	offsetof(struct node_container_conf, field), \
			sizeof(((struct node_container_conf *)0)->field)
/* From one field to the end of another. */
#define FIELDS(from, to)                                                                \
	offsetof(struct node_container_conf, from),                                     \
			offsetof(struct node_container_conf, to) +                      \
					sizeof(((struct node_container_conf *)0)->to) - \
					offsetof(struct node_container_conf, from)

/* As the methods have them. */
static const struct row rows[] = {
	{ "network", TEXT, FIELD(network) },
	{ "mac", MAC, FIELD(mac) },
	{ "vlan", NUMBER, FIELD(vlan) },
	{ "qos", NUMBER, FIELD(qos) },
	{ "trunk", VLANS, FIELDS(has_trunk, trunk) },
	{ "spoofchk", SWITCH, FIELD(spoofchk) },
	{ "ip", PREFIXES, FIELDS(nb_prefixes, prefixes) },
	{ "trust", SWITCH, FIELD(trust) },
	{ "max_macs", NUMBER, FIELD(max_macs) },
	{ "max_tx_rate", NUMBER, FIELD(max_tx_rate) },
	{ "max_rx_rate", NUMBER, FIELD(max_rx_rate) },
	{ "burst", NUMBER, FIELD(burst) },
	{ "bum_rate", NUMBER, FIELD(bum_rate) },
	{ "isolated", SWITCH, FIELD(isolated) },
	{ "link", LINK, FIELD(link) },
	{ "mirror", TEXT, FIELD(mirror) },
	{ "gro", SWITCH, FIELD(gro) },
	{ "queues", NUMBER, FIELD(queues) },
	{ "queue_size", NUMBER, FIELD(queue_size) },
	{ "profile", PROFILE, FIELD(profile) },
	{ "attach", ATTACH, FIELD(attach) },
};

static unsigned int
number_at(const void *at, size_t size)
{
	switch (size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)at;
	case sizeof(uint16_t):
		return *(const uint16_t *)at;
	default:
		return *(const uint32_t *)at;
	}
}

static void
prefixes_text(const struct node_container_conf *conf, char *buf, size_t len)
{
	char text[NODE_PREFIX_SIZE];
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < conf->nb_prefixes && n < len; i++) {
		node_prefix_text(&conf->prefixes[i], text);
		n += (size_t)snprintf(buf + n, len - n, "%s%s", n > 0 ? "," : "", text);
	}
}

static const char *
value_text(const struct row *row, const struct node_container_conf *conf, char buf[VALUE_SIZE])
{
	const void *at = (const char *)conf + row->offset;

	buf[0] = '\0';
	switch (row->kind) {
	case TEXT:
		snprintf(buf, VALUE_SIZE, "%s", (const char *)at);
		break;
	case MAC:
		rte_ether_format_addr(buf, VALUE_SIZE, at);
		break;
	case NUMBER:
		snprintf(buf, VALUE_SIZE, "%u", number_at(at, row->size));
		break;
	case SWITCH:
		return *(const bool *)at ? "on" : "off";
	case VLANS:
		put_ranges(&(const struct numbers){ has_vlan, &conf->trunk, VEB_VLAN_MAX }, buf,
				VALUE_SIZE);
		break;
	case PREFIXES:
		prefixes_text(conf, buf, VALUE_SIZE);
		break;
	case LINK:
		return node_links[conf->link];
	case PROFILE:
		return profile_words[conf->profile];
	case ATTACH:
		return attach_words[conf->attach];
	}
	return buf[0] != '\0' ? buf : "none";
}

static bool
is_same(const struct row *row, const struct node_container_conf *is,
		const struct node_container_conf *asked)
{
	if (row->kind == MAC && rte_is_zero_ether_addr(&asked->mac))
		return true;
	/* both were zeroed as a whole */
	return memcmp((const char *)is + row->offset, (const char *)asked + row->offset,
			       row->size) == 0;
}

const char *
node_differs(const struct node_container_conf *is, const struct node_container_conf *asked,
		char *text, size_t len)
{
	const struct row *row, *end = rows + RTE_DIM(rows);
	char now[VALUE_SIZE], wanted[VALUE_SIZE];
	const char *first = NULL;
	size_t n = 0;

	for (row = rows; row < end; row++) {
		if (is_same(row, is, asked))
			continue;
		if (n < len)
			n += (size_t)snprintf(text + n, len - n, "%s%s %s, not %s",
					first != NULL ? "; " : "", row->word,
					value_text(row, is, now), value_text(row, asked, wanted));
		if (first == NULL)
			first = row->word;
	}
	return first;
}
