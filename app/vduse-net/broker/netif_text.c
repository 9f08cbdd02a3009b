/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses and routes as people write them. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/netif.h"

static uint8_t
all_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

static int
parse_prefix(const char *text, struct netif_address *address)
{
	unsigned long bits;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	bits = strtoul(text, &end, 10);
	if (*end != '\0' || bits > all_bits(address->family))
		return -EINVAL;
	address->prefix = (uint8_t)bits;
	return 0;
}

int
netif_parse_address(const char *text, struct netif_address *address)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN];
	const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	memset(address, 0, sizeof(*address));
	address->family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(address->family, host, address->bytes) != 1)
		return -EINVAL;
	address->prefix = all_bits(address->family);
	return slash != NULL ? parse_prefix(slash + 1, address) : 0;
}

/* "default" has no family of its own. */
static int
parse_to(const char *text, const struct netif_address *via, struct netif_address *to)
{
	if (strcmp(text, "default") != 0)
		return netif_parse_address(text, to);
	memset(to, 0, sizeof(*to));
	to->family = via->family != AF_UNSPEC ? via->family : AF_INET;
	return 0;
}

int
netif_parse_route(const char *text, struct netif_route *route)
{
	char to[64] = "", word[8] = "", via[64] = "", metric[8] = "", more[2] = "";
	unsigned int number = 0;
	const int n = sscanf(
			text, "%63s %7s %63s %7s %u %1s", to, word, via, metric, &number, more);
	int ret = 0;

	memset(route, 0, sizeof(*route));
	if ((n != 1 && n != 3 && n != 5) || (n > 1 && strcmp(word, "via") != 0) ||
			(n == 5 && strcmp(metric, "metric") != 0))
		return -EINVAL;
	route->metric = number;
	if (n > 1)
		ret = strchr(via, '/') != NULL ? -EINVAL : netif_parse_address(via, &route->via);
	if (ret == 0)
		ret = parse_to(to, &route->via, &route->to);
	if (ret == 0 && n > 1 && route->to.family != route->via.family)
		ret = -EINVAL;
	return ret;
}

void
netif_of(const struct control_container *conf, int netns, struct netif_conf *netif)
{
	unsigned int i;

	memset(netif, 0, sizeof(*netif));
	netif->netns = netns;
	snprintf(netif->ifname, sizeof(netif->ifname), "%s", conf->ifname);
	/* the checks of the words have let through what can be parsed */
	for (i = 0; i < conf->address.nb; i++)
		netif->nb_addresses += netif_parse_address(conf->address.items[i],
						       &netif->addresses[netif->nb_addresses]) == 0;
	for (i = 0; i < conf->route.nb; i++)
		netif->nb_routes += netif_parse_route(conf->route.items[i],
						    &netif->routes[netif->nb_routes]) == 0;
}
