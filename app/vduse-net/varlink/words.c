/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "server.h"
#include "words.h"

#define IN(group, field) \
	.offset = offsetof(struct group, field), .size = sizeof(((struct group *)0)->field)
#define ROW(kind, group, field) .name = #field, .type = kind, IN(group, field)
#define NETWORK(kind, field)    ROW(kind, control_network, field)
#define CONTAINER(kind, field)  ROW(kind, control_container, field)

static const struct varlink_param network_rows[] = {
	[NETWORK_NAME] = { NETWORK(VARLINK_STRING, name), .min = 1, .max = CONTROL_NETWORK_MAX,
			.check = control_check_name, .value = "NAME", .help = "of the network" },
	[NETWORK_UPLINKS] = { NETWORK(VARLINK_STRINGS, uplinks), .max = CONTROL_UPLINKS_MAX,
			.check = control_check_port, .value = "PORT,...",
			.help = "ethdev ports, by name or PCI address, that lead outside" },
	[NETWORK_MTU] = { NETWORK(VARLINK_INT, mtu), .min = 68, .max = 65535, .value = "BYTES",
			.help = "longest frame without its Ethernet header; 1500 without an "
				"uplink, else by default the uplink's" },
	[NETWORK_LCORES] = { NETWORK(VARLINK_STRINGS, lcores), .max = CONTROL_LIST_MAX,
			.check = control_check_lcores, .value = "N[-N],...",
			.help = "lcores that serve it and no other network; by default those that "
				"no network has for itself" },
};

static const struct varlink_param container_rows[] = {
	[CONTAINER_NAME] = { CONTAINER(VARLINK_STRING, name), .min = 1, .max = CONTROL_NAME_MAX,
			.check = control_check_device, .value = "NAME",
			.help = "of the container's device, in /dev/vduse" },
	[CONTAINER_NETWORK] = { CONTAINER(VARLINK_STRING, network), .min = 1,
			.max = CONTROL_NETWORK_MAX, .check = control_check_name, .value = "NETWORK",
			.help = "the network that it is on" },
	[CONTAINER_MAC] = { CONTAINER(VARLINK_STRING, mac), .max = 17, .check = control_check_mac,
			.value = "ADDRESS",
			.help = "its address; by default a random one, locally administered" },
	[CONTAINER_VLAN] = { CONTAINER(VARLINK_INT, vlan), .max = 4094, .fallback = "0",
			.value = "ID",
			.help = "its VLAN: the tag is put on and taken off here; 0: none" },
	[CONTAINER_QOS] = { CONTAINER(VARLINK_INT, qos), .max = 7, .fallback = "0",
			.value = "PRIORITY", .help = "of the tag that is put on" },
	[CONTAINER_TRUNK] = { CONTAINER(VARLINK_STRINGS, trunk), .max = CONTROL_LIST_MAX,
			.check = control_check_vlans, .value = "ID[-ID],...",
			.help = "VLANs whose tags pass as they are; not together with vlan" },
	[CONTAINER_SPOOFCHK] = { CONTAINER(VARLINK_BOOL, spoofchk), .fallback = "on",
			.value = "on|off",
			.help = "frames from another source address are dropped" },
	[CONTAINER_IP] = { CONTAINER(VARLINK_STRINGS, ip), .max = CONTROL_LIST_MAX,
			.check = control_check_prefix, .value = "ADDRESS[/LENGTH],...",
			.help = "with spoofchk: ARP, neighbour discovery and IP from others are "
				"dropped" },
	[CONTAINER_TRUST] = { CONTAINER(VARLINK_BOOL, trust), .fallback = "off", .value = "on|off",
			.help = "it may use more addresses, which are learned, and receives all "
				"multicast" },
	[CONTAINER_MAX_MACS] = { CONTAINER(VARLINK_INT, max_macs), .min = 1, .max = 65535,
			.fallback = "64", .value = "N",
			.help = "addresses that are learned of it" },
	[CONTAINER_MAX_TX_RATE] = { CONTAINER(VARLINK_INT, max_tx_rate), .max = 1000000,
			.fallback = "0", .value = "MBIT/S",
			.help = "what it may send; 0: no limit" },
	[CONTAINER_MAX_RX_RATE] = { CONTAINER(VARLINK_INT, max_rx_rate), .max = 1000000,
			.fallback = "0", .value = "MBIT/S",
			.help = "what it may receive; 0: no limit" },
	[CONTAINER_BURST] = { CONTAINER(VARLINK_INT, burst), .max = 1048576, .fallback = "0",
			.value = "KIB",
			.help = "that may come at once above a rate; 0: what suits the rate" },
	[CONTAINER_BUM_RATE] = { CONTAINER(VARLINK_INT, bum_rate), .max = 100000000,
			.fallback = "0", .value = "FRAMES/S",
			.help = "broadcast, unknown and multicast frames that it may send; 0: no "
				"limit" },
	[CONTAINER_ISOLATED] = { CONTAINER(VARLINK_BOOL, isolated), .fallback = "off",
			.value = "on|off", .help = "it speaks with uplinks only" },
	[CONTAINER_LINK] = { CONTAINER(VARLINK_WORD, link), .words = "auto|up|down",
			.fallback = "auto", .value = "auto|up|down",
			.help = "the carrier it sees: of the uplink, or fixed" },
	[CONTAINER_MIRROR] = { CONTAINER(VARLINK_STRING, mirror), .max = CONTROL_NAME_MAX,
			.check = control_check_port, .value = "MEMBER",
			.help = "container or uplink of the network that gets a copy of its "
				"frames" },
	[CONTAINER_GRO] = { CONTAINER(VARLINK_BOOL, gro), .fallback = "on", .value = "on|off",
			.help = "TCP segments from uplinks are put together, where its driver "
				"takes that (profiles bulk and tx)" },
	[CONTAINER_QUEUES] = { CONTAINER(VARLINK_INT, queues), .min = 1, .max = 128,
			.fallback = "1", .value = "N", .help = "queue pairs" },
	[CONTAINER_QUEUE_SIZE] = { CONTAINER(VARLINK_INT, queue_size), .min = 64, .max = 32768,
			.fallback = "1024", .value = "N", .help = "descriptors of a queue" },
	[CONTAINER_PROFILE] = { CONTAINER(VARLINK_WORD, profile),
			.words = "latency|bulk|xdp|tx|none|migrate", .fallback = "bulk",
			.value = "latency|bulk|xdp|tx|none|migrate",
			.help = "offloads that it is offered; migrate: of bulk what a virtual "
				"machine keeps that moves to another host" },
	[CONTAINER_ATTACH] = { CONTAINER(VARLINK_WORD, attach), .words = "virtio|vhost|none",
			.fallback = "virtio", .value = "virtio|vhost|none",
			.help = "an interface, a device for a virtual machine, or neither" },
	[CONTAINER_NETNS] = { CONTAINER(VARLINK_STRING, netns), .max = CONTROL_PATH_MAX,
			.check = control_check_path, .value = "PATH",
			.help = "network namespace that the interface is moved to" },
	[CONTAINER_NETNS_FD] = { CONTAINER(VARLINK_FD, netns_fd), .value = "N",
			.help = "the same by an open descriptor, sent with the message; netns is "
				"then its "
				"name only" },
	[CONTAINER_IFNAME] = { CONTAINER(VARLINK_STRING, ifname), .max = 15,
			.check = control_check_interface, .value = "NAME",
			.help = "what the interface is called" },
	[CONTAINER_ADDRESS] = { CONTAINER(VARLINK_STRINGS, address), .max = CONTROL_LIST_MAX,
			.check = control_check_cidr, .value = "ADDRESS/LENGTH,...",
			.help = "IP addresses that the interface is given" },
	[CONTAINER_ROUTE] = { CONTAINER(VARLINK_STRINGS, route), .max = CONTROL_LIST_MAX,
			.check = control_check_route,
			.value = "\"DESTINATION via ADDRESS [metric N]\",...",
			.help = "routes that its namespace is given" },
};

const struct varlink_params control_network_words = { network_rows, NETWORK_WORDS };
const struct varlink_params control_container_words = { container_rows, CONTAINER_WORDS };
const struct varlink_params control_network_name = { network_rows, 1 };
const struct varlink_params control_container_name = { container_rows, 1 };

_Static_assert(CONTAINER_WORDS <= 64, "given is a mask of 64 bits");

static void *
at(const struct varlink_param *word, const void *conf)
{
	return (char *)(uintptr_t)conf + word->offset;
}

static uint64_t *
given(const void *conf)
{
	return (uint64_t *)(uintptr_t)conf;
}

void
control_defaults(const struct varlink_params *words, void *conf)
{
	const struct varlink_param *word;
	unsigned int i;

	*given(conf) = 0;
	for (i = 0; i < words->nb; i++) {
		word = &words->rows[i];
		memset(at(word, conf), 0, word->size);
		if (word->type == VARLINK_FD)
			*(int *)at(word, conf) = -1;
		if (word->fallback == NULL)
			continue;
		if (word->type == VARLINK_INT)
			*(uint32_t *)at(word, conf) = strtoul(word->fallback, NULL, 10);
		else if (word->type == VARLINK_BOOL)
			*(bool *)at(word, conf) = strcmp(word->fallback, "on") == 0;
		else
			snprintf(at(word, conf), word->size, "%s", word->fallback);
	}
}

static void
list_from_json(const json_t *value, struct control_list *list)
{
	list->nb = 0;
	while (list->nb < CONTROL_LIST_MAX && list->nb < json_array_size(value)) {
		snprintf(list->items[list->nb], sizeof(list->items[0]), "%s",
				json_string_value(json_array_get(value, list->nb)));
		list->nb++;
	}
}

static void
value_from_json(const struct varlink_param *word, const json_t *value, void *to)
{
	switch (word->type) {
	case VARLINK_BOOL:
		*(bool *)to = json_is_true(value);
		break;
	case VARLINK_INT:
		*(uint32_t *)to = json_integer_value(value);
		break;
	case VARLINK_STRING:
	case VARLINK_WORD:
		snprintf(to, word->size, "%s", json_string_value(value));
		break;
	case VARLINK_STRINGS:
		list_from_json(value, to);
		break;
	case VARLINK_FD:
		break;
	}
}

void
control_from_json(const struct varlink_params *words, const json_t *parameters, void *conf)
{
	const json_t *value;
	unsigned int i;

	for (i = 0; i < words->nb; i++) {
		value = json_object_get(parameters, words->rows[i].name);
		if (value == NULL)
			continue;
		*given(conf) |= UINT64_C(1) << i;
		value_from_json(&words->rows[i], value, at(&words->rows[i], conf));
	}
}

static json_t *
list_to_json(const struct control_list *list)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < list->nb; i++)
		json_array_append_new(array, varlink_text(list->items[i]));
	return array;
}

static json_t *
value_to_json(const struct varlink_param *word, const void *from)
{
	switch (word->type) {
	case VARLINK_BOOL:
		return json_boolean(*(const bool *)from);
	case VARLINK_INT:
		return json_integer(*(const uint32_t *)from);
	case VARLINK_STRING:
	case VARLINK_WORD:
		return varlink_text(from);
	case VARLINK_STRINGS:
		return list_to_json(from);
	case VARLINK_FD:
		break;
	}
	return NULL;
}

json_t *
control_to_json(const struct varlink_params *words, const void *conf, uint64_t which)
{
	json_t *object = json_object();
	const struct varlink_param *word;
	unsigned int i;

	for (i = 0; i < words->nb; i++) {
		word = &words->rows[i];
		if ((which >> i & 1) == 0 || word->type == VARLINK_FD)
			continue;
		if (word->type == VARLINK_STRING && *(char *)at(word, conf) == '\0')
			continue;
		if (word->type == VARLINK_INT && *(uint32_t *)at(word, conf) < word->min)
			continue;
		json_object_set_new(object, word->name, value_to_json(word, at(word, conf)));
	}
	return object;
}

void
control_merge(const struct varlink_params *words, void *to, const void *from, uint64_t which)
{
	unsigned int i;

	for (i = 0; i < words->nb; i++)
		if ((which >> i & 1) != 0)
			memcpy(at(&words->rows[i], to), at(&words->rows[i], from),
					words->rows[i].size);
	*given(to) |= which;
}

static int
conflict(struct varlink_wrong *wrong, const char *parameter, const char *text)
{
	snprintf(wrong->parameter, sizeof(wrong->parameter), "%s", parameter);
	snprintf(wrong->text, sizeof(wrong->text), "%s", text);
	return -EINVAL;
}

int
control_container_check(const struct control_container *conf, struct varlink_wrong *wrong)
{
	const bool inside = conf->netns[0] != '\0' || conf->netns_fd >= 0;

	if (conf->vlan != 0 && conf->trunk.nb != 0)
		return conflict(wrong, "trunk",
				"trunk together with vlan: tags pass as they are, or one is put "
				"on: leave one out");
	if (strcmp(conf->attach, "virtio") != 0 &&
			(inside || conf->ifname[0] != '\0' || conf->address.nb != 0 ||
					conf->route.nb != 0))
		return conflict(wrong, "attach",
				"there is an interface with attach virtio only: leave netns, "
				"ifname, address and route out");
	return 0;
}

static bool
is_same(const struct varlink_param *word, const void *a, const void *b)
{
	char one[CONTROL_VALUE_MAX], other[CONTROL_VALUE_MAX];

	return strcmp(control_value(word, a, one, sizeof(one)),
			       control_value(word, b, other, sizeof(other))) == 0;
}

int
control_differ(const struct varlink_params *words, const void *a, const void *b, uint64_t which)
{
	unsigned int i;

	for (i = 0; i < words->nb; i++)
		if ((which >> i & 1) != 0 && words->rows[i].type != VARLINK_FD &&
				!is_same(&words->rows[i], a, b))
			return (int)i;
	return -1;
}

static void
list_text(const struct control_list *list, char *buf, size_t len)
{
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < list->nb && n < len; i++)
		n += snprintf(buf + n, len - n, "%s%s", i > 0 ? "," : "", list->items[i]);
}

const char *
control_value(const struct varlink_param *word, const void *conf, char *buf, size_t len)
{
	const void *from = at(word, conf);

	buf[0] = '\0';
	switch (word->type) {
	case VARLINK_BOOL:
		snprintf(buf, len, "%s", *(const bool *)from ? "on" : "off");
		break;
	case VARLINK_INT:
		snprintf(buf, len, "%" PRIu32, *(const uint32_t *)from);
		break;
	case VARLINK_STRING:
	case VARLINK_WORD:
		snprintf(buf, len, "%s", (const char *)from);
		break;
	case VARLINK_STRINGS:
		list_text(from, buf, len);
		break;
	case VARLINK_FD:
		break;
	}
	return buf;
}
