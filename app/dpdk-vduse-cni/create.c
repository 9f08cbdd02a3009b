/* SPDX-License-Identifier: BSD-3-Clause */

/* What "podman network create" gives us: whether containers can be set up by it, without the
 * daemon, which need not run yet. */

#include <stdio.h>
#include <string.h>

#include "cni.h"

/* As of a container whose interface is called eth0. */
static int
check_options(struct cni *cni)
{
	json_t *parameters;
	int ret;

	cni->ifname = "eth0";
	if (cni_device(cni, cni->container, cni->ifname, cni->device) < 0)
		return -1;
	parameters = conf_parameters(cni);
	if (parameters == NULL)
		return -1;
	ret = conf_check(cni, "AddContainer", json_incref(parameters));
	json_decref(parameters);
	if (ret == 0)
		ret = conf_check(cni, "AddNetwork",
				json_pack("{ss sO* sO*}", "name", conf_network(cni), "uplinks",
						json_object_get(cni->conf, "uplinks"), "mtu",
						json_object_get(cni->conf, "mtu")));
	return ret;
}

/* Whether a subnet of IPv6 is among them. */
static bool
has_v6(const json_t *subnets)
{
	const char *subnet;
	const json_t *item;
	size_t i;

	json_array_foreach(subnets, i, item)
	{
		subnet = json_string_value(json_object_get(item, "subnet"));
		if (subnet != NULL && strchr(subnet, ':') != NULL)
			return true;
	}
	return false;
}

/* Addresses are Podman's, of subnets, or there are none. */
static int
check_ipam(struct cni *cni, json_t *network)
{
	const json_t *subnets = json_object_get(network, "subnets");
	json_t *ipam = json_object_get(network, "ipam_options");
	const char *driver = json_string_value(json_object_get(ipam, "driver"));
	const bool none = driver != NULL && strcmp(driver, "none") == 0;

	if (driver != NULL && driver[0] != '\0' && strcmp(driver, "host-local") != 0 && !none)
		return cni_fail(cni, CNI_UNSUPPORTED, "this IPAM driver is not supported",
				"%.64s: leave --ipam-driver out, or give host-local or none",
				driver);
	if (none && (json_array_size(subnets) > 0 ||
				    json_array_size(json_object_get(network, "routes")) > 0))
		return cni_fail(cni, CNI_CONFIG, "a network without addresses has no subnets",
				"--ipam-driver none: leave --subnet and --route out");
	if (!none && json_array_size(subnets) == 0)
		return cni_fail(cni, CNI_CONFIG, "the network has no subnet",
				"give --subnet, or --ipam-driver none where containers are to have "
				"no addresses");
	if (json_is_true(json_object_get(network, "ipv6_enabled")) && !has_v6(subnets))
		return cni_fail(cni, CNI_CONFIG, "the network has no subnet of IPv6",
				"--ipv6: give one by --subnet, none is chosen here");
	if (!json_is_object(ipam)) {
		ipam = json_object();
		json_object_set_new(network, "ipam_options", ipam);
	}
	json_object_set_new(ipam, "driver", json_string(none ? "none" : "host-local"));
	return 0;
}

static int
check_routes(struct cni *cni, const json_t *network)
{
	const char *to, *type;
	const json_t *route;
	size_t i;

	json_array_foreach(json_object_get(network, "routes"), i, route)
	{
		to = json_string_value(json_object_get(route, "destination"));
		type = json_string_value(json_object_get(route, "route_type"));
		if ((type != NULL && strcmp(type, "unicast") != 0) ||
				!json_is_string(json_object_get(route, "gateway")))
			return cni_fail(cni, CNI_UNSUPPORTED, "a route has no gateway",
					"--route %s: give DESTINATION,GATEWAY",
					to != NULL ? to : "");
	}
	return 0;
}

/* What a network of ours cannot be. */
static int
check_rest(struct cni *cni, const json_t *network)
{
	const char *interface = json_string_value(json_object_get(network, "network_interface"));

	if (interface != NULL && interface[0] != '\0')
		return cni_fail(cni, CNI_UNSUPPORTED, "an interface of the host is not used",
				"--interface-name %.64s: leave it out; -o network=NAME says which "
				"of "
				"dpdk-vduse-net's networks it is",
				interface);
	if (json_array_size(json_object_get(network, "network_dns_servers")) > 0)
		return cni_fail(cni, CNI_UNSUPPORTED, "there is no DNS server on these networks",
				"--dns: leave it out, and give it to podman run");
	if (json_object_get(cni->conf, "mac") != NULL)
		return cni_fail(cni, CNI_UNSUPPORTED, "a MAC address is a container's",
				"mac: give it to podman run, --network %s:mac=ADDRESS", cni->name);
	return 0;
}

int
create_network(struct cni *cni, json_t *network)
{
	/* as long as a container's */
	cni->container = netavark_text(cni, network, "id");
	if (cni->container == NULL || check_options(cni) < 0 || check_rest(cni, network) < 0 ||
			check_ipam(cni, network) < 0 || check_routes(cni, network) < 0)
		return -1;
	/* as with macvlan: a container has the host's resolvers */
	json_object_set_new(network, "dns_enabled", json_false());
	return 0;
}
