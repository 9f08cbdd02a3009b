/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A driver of netavark (its plugin-API.md, of version 1.0.0): a command, and for setup and teardown
 * the network namespace, as arguments, an object on standard input, and one on standard output. The
 * addresses are Podman's: they come along.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "cni.h"

/* Of default routes, as of netavark's own drivers. */
#define METRIC 100

/*
 * Whose Podman it is: the user as the host knows him. A rootless Podman's is root in a user
 * namespace (user_namespaces(7), /proc/PID/uid_map).
 */
static unsigned int
host_uid(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	const unsigned int uid = geteuid();
	unsigned int inside, outside, count, found = uid;

	while (map != NULL && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		if (uid >= inside && uid - inside < count)
			found = outside + (uid - inside);
	if (map != NULL)
		fclose(map);
	return found;
}

const char *
netavark_text(struct cni *cni, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL || text[0] == '\0')
		cni_fail(cni, CNI_DECODE, "the input is not as netavark has it", "%s: no text",
				key);
	return text;
}

/* Options of the network, and of the container, which go before them. */
static int
take_options(struct cni *cni, const json_t *options)
{
	const char *key, *text;
	json_t *value, *ours;

	json_object_foreach((json_t *)(uintptr_t)options, key, value)
	{
		text = json_string_value(value);
		ours = text != NULL ? conf_of_text(cni, key, text) : NULL;
		if (ours == NULL)
			return cni_fail(cni, CNI_DECODE, "the input is not as netavark has it",
					"options: %.64s is no text", key);
		json_object_set_new(cni->conf, key, ours);
	}
	if (json_integer_value(json_object_get(cni->conf, "metric")) > UINT32_MAX)
		return cni_fail(cni, CNI_CONFIG, "an option is wrong", "metric: give 0 to %u",
				UINT32_MAX);
	return 0;
}

/* The subnet of netavark's network that has this address. */
static const json_t *
subnet_of(const json_t *subnets, const char *ip, struct address *subnet)
{
	struct address address;
	const json_t *item;
	size_t i;

	json_array_foreach(subnets, i, item)
	{
		if (address_parse(json_string_value(json_object_get(item, "subnet")), subnet) &&
				address_parse(ip, &address) && address_is_in(&address, subnet))
			return item;
	}
	return NULL;
}

/* Addresses as an IPAM plug-in would give them. */
static int
add_ips(struct cni *cni, const json_t *subnets, const json_t *static_ips, json_t *ips)
{
	const json_t *item, *subnet;
	struct address prefix;
	const char *ip;
	size_t i;

	json_array_foreach(static_ips, i, item)
	{
		ip = json_string_value(item);
		subnet = subnet_of(subnets, ip, &prefix);
		if (subnet == NULL)
			return cni_fail(cni, CNI_CONFIG,
					"an address is in no subnet of the network",
					"%.64s: podman network inspect %s shows them",
					ip != NULL ? ip : "no text", cni->name);
		json_array_append_new(ips,
				json_pack("{so sO*}", "address",
						json_sprintf("%s/%u", ip, prefix.bits), "gateway",
						json_object_get(subnet, "gateway")));
	}
	if (json_array_size(subnets) > 0 && json_array_size(ips) == 0)
		return cni_fail(cni, CNI_CONFIG, "the network has subnets, and no address came",
				"network_options.static_ips of %s is empty", cni->name);
	return 0;
}

/*
 * As netavark's bridge has it: by the first gateway of each family, and not in an internal network.
 * Where another network of the container has one, it stays before ours.
 */
static int
add_default_routes(struct cni *cni, const json_t *network, json_t *routes)
{
	const json_t *asked = json_object_get(cni->conf, "metric"), *item;
	bool has[2] = { false, false };
	const char *gateway;
	json_int_t metric;
	size_t i, v6;

	if (json_is_true(json_object_get(network, "internal")) ||
			json_is_true(json_object_get(cni->conf, "no_default_route")))
		return 0;
	json_array_foreach(json_object_get(network, "subnets"), i, item)
	{
		gateway = json_string_value(json_object_get(item, "gateway"));
		v6 = gateway != NULL && strchr(gateway, ':') != NULL;
		if (gateway == NULL || has[v6])
			continue;
		has[v6] = true;
		metric = look_metric(cni, v6, asked != NULL ? json_integer_value(asked) : METRIC);
		if (metric < 0)
			return -1;
		json_array_append_new(
				routes, json_pack("{ss ss sI}", "dst", v6 ? "::/0" : "0.0.0.0/0",
							"gw", gateway, "priority", metric));
	}
	return 0;
}

static void
add_routes(const json_t *network, json_t *routes)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(network, "routes"), i, item) json_array_append_new(
			routes,
			json_pack("{sO* sO* sO*}", "dst", json_object_get(item, "destination"),
					"gw", json_object_get(item, "gateway"), "priority",
					json_object_get(item, "metric")));
}

/* What is to be heard of the network: addresses and routes, as of an IPAM plug-in. */
static json_t *
read_addresses(struct cni *cni, const json_t *network, const json_t *options)
{
	json_t *ips = json_array(), *routes = json_array();

	add_routes(network, routes);
	if (add_default_routes(cni, network, routes) < 0 ||
			add_ips(cni, json_object_get(network, "subnets"),
					json_object_get(options, "static_ips"), ips) < 0) {
		json_decref(ips);
		json_decref(routes);
		return NULL;
	}
	return json_pack("{so so}", "ips", ips, "routes", routes);
}

static int
read_attachment(struct cni *cni, const json_t *input)
{
	const json_t *options = json_object_get(input, "network_options");

	cni->container = netavark_text(cni, input, "container_id");
	cni->ifname = netavark_text(cni, options, "interface_name");
	cni->name = netavark_text(cni, json_object_get(input, "network"), "name");
	if (cni->error.code != 0)
		return -1;
	return cni_device(cni, cni->container, cni->ifname, cni->device);
}

/* The status block, to which Podman's inspect looks. */
static json_t *
status(struct cni *cni, const json_t *addresses)
{
	json_t *container = node_find(cni, "ListContainers", "containers", cni->device);
	json_t *subnets = json_array(), *mac = json_object_get(container, "mac");
	const json_t *ip;
	size_t i;

	json_array_foreach(json_object_get(addresses, "ips"), i, ip) json_array_append_new(
			subnets, json_pack("{sO sO*}", "ipnet", json_object_get(ip, "address"),
						 "gateway", json_object_get(ip, "gateway")));
	if (mac == NULL)
		cni_fail(cni, CNI_NODE, "dpdk-vduse-net has lost the container", "%s", cni->device);
	json_incref(mac);
	json_decref(container);
	return json_pack("{s{s{so* so}} s[] s[]}", "interfaces", cni->ifname, "mac_address", mac,
			"subnets", subnets, "dns_server_ips", "dns_search_domains");
}

static int
add_interface(struct cni *cni, const json_t *addresses)
{
	json_t *parameters = conf_parameters(cni);
	int fd = -1;

	if (parameters != NULL && (json_array_size(json_object_get(addresses, "ips")) == 0 ||
						  conf_addresses(cni, addresses, parameters) == 0))
		fd = node_add(cni, parameters);
	if (fd >= 0)
		close(fd);
	json_decref(parameters);
	return fd < 0 ? -1 : 0;
}

/* No address of the host leads into the container: it is said, and not refused, as another network
 * of the container may do it. */
static void
see_ports(const struct cni *cni, const json_t *ports)
{
	if (json_array_size(ports) > 0)
		fprintf(stderr,
				"dpdk-vduse: network %s publishes no ports (-p): the container is "
				"reached at its own address\n",
				cni->name);
}

static int
run_setup(struct cni *cni, const json_t *input, json_t **output)
{
	const json_t *network = json_object_get(input, "network");
	const json_t *options = json_object_get(input, "network_options");
	json_t *addresses, *mac = json_object_get(options, "static_mac");
	int ret = -1;

	if (read_attachment(cni, input) < 0 ||
			take_options(cni, json_object_get(network, "options")) < 0 ||
			take_options(cni, json_object_get(options, "options")) < 0)
		return -1;
	if (json_is_string(mac))
		json_object_set(cni->conf, "mac", mac);
	addresses = read_addresses(cni, network, options);
	if (addresses == NULL)
		return -1;
	ret = node_is_left(cni);
	if (ret > 0)
		ret = node_remove(cni, cni->device);
	if (ret == 0)
		ret = add_interface(cni, addresses);
	if (ret == 0) {
		see_ports(cni, json_object_get(input, "port_mappings"));
		*output = status(cni, addresses);
		if (cni->error.code != 0)
			node_undo(cni);
		else
			announce(cni, json_object_get(addresses, "ips"));
	}
	json_decref(addresses);
	return cni->error.code != 0 ? -1 : 0;
}

/* Nothing but the socket matters: an option that went bad must not keep the interface. */
static int
run_teardown(struct cni *cni, const json_t *input)
{
	const json_t *network = json_object_get(json_object_get(input, "network"), "options");
	const json_t *container =
			json_object_get(json_object_get(input, "network_options"), "options");

	json_object_set(cni->conf, "socket", json_object_get(network, "socket"));
	if (json_object_get(container, "socket") != NULL)
		json_object_set(cni->conf, "socket", json_object_get(container, "socket"));
	if (read_attachment(cni, input) < 0)
		return -1;
	return node_remove(cni, cni->device);
}

static int
run_create(struct cni *cni, json_t *network, json_t **output)
{
	cni->name = netavark_text(cni, network, "name");
	if (cni->name == NULL || take_options(cni, json_object_get(network, "options")) < 0 ||
			create_network(cni, network) < 0)
		return -1;
	*output = json_incref(network);
	return 0;
}

static int
run(struct cni *cni, json_t *input, json_t **output)
{
	if (strcmp(cni->command, "create") == 0)
		return run_create(cni, input, output);
	if (cni->netns == NULL)
		return cni_fail(cni, CNI_ENVIRONMENT, "an argument is missing",
				"%s NETNS: the path of the network namespace", cni->command);
	if (!cni_is_text(cni->netns))
		return cni_fail(cni, CNI_ENVIRONMENT, "an argument is wrong",
				"%s NETNS: %.128s is no UTF-8", cni->command, cni->netns);
	if (strcmp(cni->command, "setup") == 0)
		return run_setup(cni, input, output);
	return run_teardown(cni, input);
}

static bool
is_command(const char *word)
{
	return strcmp(word, "create") == 0 || strcmp(word, "setup") == 0 ||
	       strcmp(word, "teardown") == 0;
}

int
netavark_run(struct cni *cni, int argc, char *const *argv, json_t **output)
{
	static char owner[32];
	json_error_t why;

	memset(cni, 0, sizeof(*cni));
	snprintf(owner, sizeof(owner), "netavark-%u", host_uid());
	cni->owner = owner;
	cni->undone_by = "teardown";
	cni->may_hide_run = true;
	cni->command = argc > 1 ? argv[1] : "info";
	cni->netns = argc > 2 ? argv[2] : NULL;
	if (strcmp(cni->command, "info") == 0) {
		*output = json_pack("{ss ss}", "version", APP_VERSION, "api_version", "1.0.0");
		return 0;
	}
	if (!is_command(cni->command))
		return cni_fail(cni, CNI_ENVIRONMENT, "there is no such command",
				"%.64s: give info, create, setup NETNS or teardown NETNS",
				cni->command);
	cni->conf = json_object();
	cni->input = json_loadf(stdin, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(cni->input))
		return cni_fail(cni, CNI_DECODE, "the input is no JSON object", "line %d: %s",
				cni->input == NULL ? why.line : 1,
				cni->input == NULL ? why.text : "another kind of value");
	return run(cni, cni->input, output);
}
