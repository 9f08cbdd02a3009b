/* SPDX-License-Identifier: BSD-3-Clause */

/* From the keys of the configuration, which are those of the bridge and sriov plug-ins, to the
 * daemon's words. */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cni.h"

enum kind {
	TEXT,
	NUMBER,
	SWITCH, /* true or false, or "on" or "off" */
	LINK,   /* link_state, as ip link set vf says it */
	TRUNK,  /* vlanTrunk: [{"id": 5}, {"minID": 10, "maxID": 20}] */
	LIST,
};

static const struct {
	const char *key;
	enum kind kind;
	const char *word; /* of AddContainer; NULL: elsewhere */
} keys[] = {
	{ "network", TEXT, NULL },
	{ "socket", TEXT, NULL },
	{ "uplinks", LIST, NULL },
	{ "mtu", NUMBER, NULL },
	{ "mac", TEXT, "mac" },
	{ "vlan", NUMBER, "vlan" },
	{ "vlanQoS", NUMBER, "qos" },
	{ "vlanTrunk", TRUNK, "trunk" },
	{ "spoofchk", SWITCH, "spoofchk" },
	{ "macspoofchk", SWITCH, "spoofchk" },
	{ "trust", SWITCH, "trust" },
	{ "max_macs", NUMBER, "max_macs" },
	{ "max_tx_rate", NUMBER, "max_tx_rate" },
	{ "max_rx_rate", NUMBER, "max_rx_rate" },
	{ "burst", NUMBER, "burst" },
	{ "bum_rate", NUMBER, "bum_rate" },
	{ "portIsolation", SWITCH, "isolated" },
	{ "link_state", LINK, "link" },
	{ "mirror", TEXT, "mirror" },
	{ "queues", NUMBER, "queues" },
	{ "queue_size", NUMBER, "queue_size" },
	{ "profile", TEXT, "profile" },
	/* of netavark; CNI's routes are the IPAM plug-in's */
	{ "no_default_route", SWITCH, NULL },
	{ "metric", NUMBER, NULL },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static json_t *
trunk_item(const json_t *item)
{
	const json_t *id = json_object_get(item, "id"), *first = json_object_get(item, "minID"),
		     *last = json_object_get(item, "maxID");

	if (json_is_integer(id))
		return json_sprintf("%lld", (long long)json_integer_value(id));
	if (json_is_integer(first) && json_is_integer(last))
		return json_sprintf("%lld-%lld", (long long)json_integer_value(first),
				(long long)json_integer_value(last));
	return NULL;
}

static json_t *
trunk(const json_t *value)
{
	json_t *list = json_is_array(value) ? json_array() : NULL, *text, *item;
	size_t i;

	json_array_foreach(value, i, item)
	{
		text = trunk_item(item);
		if (text == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, text);
	}
	return list;
}

static json_t *
on_or_off(const json_t *value)
{
	const char *word = json_string_value(value);

	if (json_is_boolean(value))
		return json_boolean(json_is_true(value));
	if (word == NULL || (strcmp(word, "on") != 0 && strcmp(word, "off") != 0))
		return NULL;
	return json_boolean(strcmp(word, "on") == 0);
}

static json_t *
link_word(const json_t *value)
{
	static const struct {
		const char *theirs, *ours;
	} words[] = { { "auto", "auto" }, { "enable", "up" }, { "disable", "down" } };
	const char *word = json_string_value(value);
	unsigned int i;

	for (i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].theirs) == 0)
			return json_string(words[i].ours);
	return NULL;
}

/* A value as the daemon has it; NULL: of another kind. */
static json_t *
converted(enum kind kind, json_t *value)
{
	switch (kind) {
	case TEXT:
		return json_is_string(value) ? json_incref(value) : NULL;
	case NUMBER:
		return json_is_integer(value) ? json_incref(value) : NULL;
	case LIST:
		return json_is_array(value) ? json_incref(value) : NULL;
	case SWITCH:
		return on_or_off(value);
	case LINK:
		return link_word(value);
	case TRUNK:
		return trunk(value);
	}
	return NULL;
}

static const char *const kinds[] = {
	[TEXT] = "a text",
	[NUMBER] = "a number",
	[SWITCH] = "true, false, \"on\" or \"off\"",
	[LINK] = "\"auto\", \"enable\" or \"disable\"",
	[TRUNK] = "a list of {\"id\": N} and {\"minID\": N, \"maxID\": N}",
	[LIST] = "a list",
};

/* The same where a value is a text, as options are. */
static const char *const forms[] = {
	[TEXT] = "a text",
	[NUMBER] = "a number",
	[SWITCH] = "true, false, on or off",
	[LINK] = "auto, enable or disable",
	[TRUNK] = "VLANs as 5,10-20",
	[LIST] = "names with commas between them",
};

static json_t *
number_of(const char *text)
{
	char *end;
	const long long number = strtoll(text, &end, 10);

	return isdigit((unsigned char)text[0]) && *end == '\0' ? json_integer(number) : NULL;
}

/* "5" or "10-20" */
static json_t *
vlans_of(const char *text)
{
	unsigned int first, last;
	int end = 0;

	if (sscanf(text, "%u-%u%n", &first, &last, &end) == 2 && text[end] == '\0')
		return json_pack("{sI sI}", "minID", (json_int_t)first, "maxID", (json_int_t)last);
	return json_pack("{so}", "id", number_of(text));
}

/* Items with commas between them; NULL: one is none. */
static json_t *
list_of(const char *text, json_t *(*item_of)(const char *))
{
	char *copy = strdup(text), *rest = copy, *item;
	json_t *list = json_array();

	while (list != NULL && (item = strsep(&rest, ",")) != NULL)
		if (text[0] != '\0' && json_array_append_new(list, item_of(item)) != 0) {
			json_decref(list);
			list = NULL;
		}
	free(copy);
	return list;
}

static json_t *
of_text(enum kind kind, const char *text)
{
	switch (kind) {
	case NUMBER:
		return number_of(text);
	case SWITCH:
		return strcmp(text, "true") == 0 || strcmp(text, "false") == 0
				       ? json_boolean(text[0] == 't')
				       : json_string(text);
	case TRUNK:
		return list_of(text, vlans_of);
	case LIST:
		return list_of(text, json_string);
	case TEXT:
	case LINK:
		break;
	}
	return json_string(text);
}

/* All keys, for who looks for one. */
static int
no_such_key(struct cni *cni, const char *key)
{
	char all[400] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < KEYS && len < sizeof(all); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "",
				keys[i].key);
	return cni_fail(cni, CNI_CONFIG, "there is no such option", "%.64s: give one of %s", key,
			all);
}

json_t *
conf_of_text(struct cni *cni, const char *key, const char *text)
{
	json_t *value, *ours;
	unsigned int i;

	for (i = 0; i < KEYS && strcmp(keys[i].key, key) != 0; i++)
		;
	if (i == KEYS) {
		no_such_key(cni, key);
		return NULL;
	}
	value = of_text(keys[i].kind, text);
	ours = value != NULL ? converted(keys[i].kind, value) : NULL;
	if (ours == NULL)
		cni_fail(cni, CNI_CONFIG, "an option is wrong", "%s=%.64s: give %s", key, text,
				forms[keys[i].kind]);
	if (ours == NULL || keys[i].kind == SWITCH) {
		json_decref(value);
		return ours;
	}
	json_decref(ours);
	return value;
}

static int
read_keys(struct cni *cni, json_t *parameters)
{
	json_t *value, *ours;
	unsigned int i;

	for (i = 0; i < KEYS; i++) {
		value = json_object_get(cni->conf, keys[i].key);
		if (value == NULL || json_is_null(value))
			continue;
		ours = converted(keys[i].kind, value);
		if (ours == NULL)
			return cni_fail(cni, CNI_CONFIG, "a key of the configuration is wrong",
					"%s: give %s", keys[i].key, kinds[keys[i].kind]);
		if (keys[i].word != NULL)
			json_object_set(parameters, keys[i].word, ours);
		json_decref(ours);
	}
	if (json_integer_value(json_object_get(cni->conf, "min_tx_rate")) != 0)
		return cni_fail(cni, CNI_UNSUPPORTED, "min_tx_rate is not supported",
				"leave it out, or give 0: a rate is not guaranteed");
	return 0;
}

/* Bits a second to Mbit/s, and bits to KiB; what is above 0 does not become 0, which is no limit.
 */
static json_int_t
less(const json_t *from, const char *key, json_int_t unit)
{
	const json_int_t bits = json_integer_value(json_object_get(from, key));

	return bits <= 0 ? 0 : bits / unit + (bits % unit != 0);
}

/* The capability bandwidth: ingress is what the container receives. */
static void
read_bandwidth(const json_t *bandwidth, json_t *parameters)
{
	const json_int_t in = less(bandwidth, "ingressRate", 1000000),
			 out = less(bandwidth, "egressRate", 1000000);
	const json_int_t in_burst = less(bandwidth, "ingressBurst", 8192),
			 out_burst = less(bandwidth, "egressBurst", 8192);
	const json_int_t burst = in_burst > out_burst ? in_burst : out_burst;

	if (in > 0)
		json_object_set_new(parameters, "max_rx_rate", json_integer(in));
	if (out > 0)
		json_object_set_new(parameters, "max_tx_rate", json_integer(out));
	if (burst > 0) /* what the daemon takes at most */
		json_object_set_new(parameters, "burst",
				json_integer(burst < 1048576 ? burst : 1048576));
}

/* MAC=… of CNI_ARGS, which are KEY=VALUE;KEY=VALUE. */
static json_t *
mac_of_args(const char *args)
{
	const char *at = args;

	while (at != NULL) {
		if (strncmp(at, "MAC=", 4) == 0)
			return json_stringn(at + 4, strcspn(at + 4, ";"));
		at = strchr(at, ';');
		at = at != NULL ? at + 1 : NULL;
	}
	return NULL;
}

json_t *
conf_parameters(struct cni *cni)
{
	const json_t *runtime = json_object_get(cni->conf, "runtimeConfig");
	json_t *parameters = json_object(), *mac;
	const char *network;

	network = conf_network(cni);
	if (network == NULL || read_keys(cni, parameters) < 0) {
		json_decref(parameters);
		return NULL;
	}
	read_bandwidth(json_object_get(runtime, "bandwidth"), parameters);
	mac = mac_of_args(cni->args);
	if (json_is_string(json_object_get(runtime, "mac"))) {
		json_decref(mac);
		mac = json_incref(json_object_get(runtime, "mac"));
	}
	if (mac != NULL)
		json_object_set_new(parameters, "mac", mac);
	json_object_set_new(parameters, "name", json_string(cni->device));
	json_object_set_new(parameters, "network", json_string(network));
	json_object_set_new(parameters, "ifname", json_string(cni->ifname));
	return parameters;
}

const char *
conf_socket(struct cni *cni)
{
	const char *path = json_string_value(json_object_get(cni->conf, "socket"));

	return path != NULL ? path : ASK_SOCKET;
}

const char *
conf_network(struct cni *cni)
{
	const json_t *network = json_object_get(cni->conf, "network");

	if (network == NULL)
		return cni->name;
	if (!json_is_string(network))
		cni_fail(cni, CNI_CONFIG, "a key of the configuration is wrong",
				"network: give the name of one of dpdk-vduse-net's networks");
	return json_string_value(network);
}

static bool
is_v6(const char *address)
{
	return address != NULL && strchr(address, ':') != NULL;
}

/* The gateway of the first address of a family, NULL: none has one. */
static const char *
gateway(const json_t *ips, bool v6)
{
	const char *via;
	const json_t *ip;
	size_t i;

	json_array_foreach(ips, i, ip)
	{
		via = json_string_value(json_object_get(ip, "gateway"));
		if (via != NULL && is_v6(via) == v6)
			return via;
	}
	return NULL;
}

static int
add_routes(struct cni *cni, const json_t *result, json_t *parameters)
{
	const json_t *ips = json_object_get(result, "ips"), *route;
	json_t *list = json_array();
	const char *to, *via;
	json_int_t metric;
	size_t i;

	json_object_set_new(parameters, "route", list);
	json_array_foreach(json_object_get(result, "routes"), i, route)
	{
		to = json_string_value(json_object_get(route, "dst"));
		via = json_string_value(json_object_get(route, "gw"));
		if (via == NULL)
			via = gateway(ips, is_v6(to));
		if (to == NULL || via == NULL)
			return cni_fail(cni, CNI_CONFIG,
					"a route of the IPAM plug-in has no gateway",
					"%s: give it a gw, or its range a gateway",
					to == NULL ? "without dst" : to);
		metric = json_integer_value(json_object_get(route, "priority"));
		json_array_append_new(list, metric > 0 ? json_sprintf("%s via %s metric %lld", to,
									 via, (long long)metric)
						       : json_sprintf("%s via %s", to, via));
	}
	return 0;
}

int
conf_addresses(struct cni *cni, const json_t *result, json_t *parameters)
{
	const json_t *spoofchk = json_object_get(parameters, "spoofchk"), *ip;
	json_t *addresses = json_array(), *guard = json_array();
	const char *address;
	size_t i;

	json_object_set_new(parameters, "address", addresses);
	/* what it may send from; without spoofchk nothing is looked at */
	if (spoofchk == NULL || json_is_true(spoofchk))
		json_object_set(parameters, "ip", guard);
	json_array_foreach(json_object_get(result, "ips"), i, ip)
	{
		address = json_string_value(json_object_get(ip, "address"));
		if (address == NULL || control_check_cidr(address) != NULL) {
			json_decref(guard);
			return cni_fail(cni, CNI_CONFIG, "an address of the IPAM plug-in is none",
					"%.64s: %s", address == NULL ? "no text" : address,
					"an IP address with /LENGTH is wanted");
		}
		json_array_append_new(addresses, json_string(address));
		json_array_append_new(guard, json_stringn(address, strcspn(address, "/")));
	}
	json_decref(guard);
	return add_routes(cni, result, parameters);
}
