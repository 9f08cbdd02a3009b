/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses and routes of an interface: all of them when it is placed, others afterwards. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <rte_common.h>

#include "broker/netif_priv.h"

static void
address_text(const struct netif_address *address, char text[INET6_ADDRSTRLEN + 4])
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(address->family, address->bytes, host, sizeof(host));
	snprintf(text, INET6_ADDRSTRLEN + 4, "%s/%u", host, address->prefix);
}

static size_t
address_len(const struct netif_address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

/* How something is changed: as a request of rtnetlink. */
struct how {
	uint16_t address, route; /* types */
	uint16_t flags;
};

static const struct how add = { RTM_NEWADDR, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL };
/* What may be there, or be gone with another. */
static const struct how keep = { RTM_NEWADDR, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE };
static const struct how del = { RTM_DELADDR, RTM_DELROUTE, 0 };

static int
change_address(struct placing *p, const struct netif_address *address, const struct how *how)
{
	struct nlmsghdr *nlh = rtnl_request(p->at, how->address, how->flags);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	msg->ifa_family = address->family;
	msg->ifa_prefixlen = address->prefix;
	msg->ifa_index = (uint32_t)p->index;
	msg->ifa_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put(nlh, IFA_LOCAL, address_len(address), address->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, address_len(address), address->bytes);
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

void
netif_undo_addresses(struct placing *p)
{
	while (p->nb_addresses > 0)
		change_address(p, &p->conf->addresses[--p->nb_addresses], &del);
}

static int
take_address(struct placing *p, const struct netif_address *address, const struct how *how)
{
	const int ret = change_address(p, address, how);
	char text[INET6_ADDRSTRLEN + 4];

	if (ret == 0)
		return 0;
	address_text(address, text);
	return netif_fail(p, ret, "address", "%s: the interface does not take this address: %s%s",
			text, strerror(-ret),
			ret == -EEXIST ? "; it has it" : "; give a host's address");
}

int
netif_take_addresses(struct placing *p)
{
	int ret = 0;

	for (; p->nb_addresses < p->conf->nb_addresses && ret == 0; p->nb_addresses += ret == 0)
		ret = take_address(p, &p->conf->addresses[p->nb_addresses], &add);
	return ret;
}

static int
change_route(struct placing *p, const struct netif_route *route, const struct how *how)
{
	struct nlmsghdr *nlh = rtnl_request(p->at, how->route, how->flags);
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	const bool on_link = route->via.family == AF_UNSPEC;

	msg->rtm_family = route->to.family;
	msg->rtm_dst_len = route->to.prefix;
	msg->rtm_table = RT_TABLE_MAIN;
	msg->rtm_protocol = RTPROT_STATIC;
	msg->rtm_scope = on_link && msg->rtm_family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	msg->rtm_type = RTN_UNICAST;
	if (route->to.prefix > 0)
		mnl_attr_put(nlh, RTA_DST, address_len(&route->to), route->to.bytes);
	if (!on_link)
		mnl_attr_put(nlh, RTA_GATEWAY, address_len(&route->via), route->via.bytes);
	if (route->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)p->index);
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

static const char *
route_cure(int err)
{
	switch (err) {
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return "; its gateway has to be in the network of an address of the interface";
	case -EEXIST:
		return "; the namespace has such a route: give it another metric";
	case -EINVAL:
		return "; bits of the destination beyond its prefix have to be 0";
	default:
		return "";
	}
}

static int
take_route(struct placing *p, const struct netif_route *route, const struct how *how)
{
	const int ret = change_route(p, route, how);
	char text[INET6_ADDRSTRLEN + 4];

	if (ret == 0)
		return 0;
	address_text(&route->to, text);
	return netif_fail(p, ret, "route", "%s: the kernel does not take this route: %s%s", text,
			strerror(-ret), route_cure(ret));
}

/* No undo: they go when the interface is set down. */
int
netif_take_routes(struct placing *p)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < p->conf->nb_routes && ret == 0; i++)
		ret = take_route(p, &p->conf->routes[i], &add);
	return ret;
}

/* From some addresses and routes to others. */
struct exchange {
	struct placing *p;
	const struct netif_conf *from, *to;
	bool was_up;
	/* a bit each of those of `to` that were added */
	uint32_t addresses, routes;
};

static bool
has_address(const struct netif_conf *conf, const struct netif_address *address)
{
	unsigned int i;

	for (i = 0; i < conf->nb_addresses; i++)
		if (memcmp(&conf->addresses[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

/* The same with another length: for the kernel it is the same in part. */
static bool
has_host(const struct netif_conf *conf, const struct netif_address *address)
{
	unsigned int i;

	for (i = 0; i < conf->nb_addresses; i++)
		if (conf->addresses[i].family == address->family &&
				memcmp(conf->addresses[i].bytes, address->bytes,
						sizeof(address->bytes)) == 0)
			return true;
	return false;
}

static bool
has_route(const struct netif_conf *conf, const struct netif_route *route)
{
	unsigned int i;

	for (i = 0; i < conf->nb_routes; i++)
		if (memcmp(&conf->routes[i], route, sizeof(*route)) == 0)
			return true;
	return false;
}

/* One that is gone has been taken away in there. */
static int
drop_routes(struct exchange *x)
{
	const struct netif_route *route = x->from->routes;
	const struct netif_route *const end = route + x->from->nb_routes;
	int ret;

	for (; route < end; route++) {
		ret = has_route(x->to, route) ? 0 : change_route(x->p, route, &del);
		if (ret < 0 && ret != -ESRCH)
			return netif_fail(x->p, ret, "route", "a route cannot be taken away: %s",
					strerror(-ret));
	}
	return 0;
}

/* @param hosts those that come with another length, or the others */
static int
drop_addresses(struct exchange *x, bool hosts)
{
	const struct netif_address *address = x->from->addresses;
	const struct netif_address *const end = address + x->from->nb_addresses;
	int ret;

	for (; address < end; address++) {
		if (has_address(x->to, address) || has_host(x->to, address) != hosts)
			continue;
		ret = change_address(x->p, address, &del);
		if (ret < 0 && ret != -EADDRNOTAVAIL)
			return netif_fail(x->p, ret, "address",
					"an address cannot be taken away: %s", strerror(-ret));
	}
	return 0;
}

static int
add_addresses(struct exchange *x)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < x->to->nb_addresses && ret == 0; i++) {
		if (has_address(x->from, &x->to->addresses[i]))
			continue;
		ret = take_address(x->p, &x->to->addresses[i], &add);
		x->addresses |= ret == 0 ? RTE_BIT32(i) : 0;
	}
	return ret;
}

static int
add_routes(struct exchange *x)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < x->to->nb_routes && ret == 0; i++) {
		if (has_route(x->from, &x->to->routes[i]))
			continue;
		ret = take_route(x->p, &x->to->routes[i], &add);
		x->routes |= ret == 0 ? RTE_BIT32(i) : 0;
	}
	return ret;
}

/* With an address the kernel takes away others of its network, with the last one all routes. */
static int
keep_rest(struct exchange *x)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < x->to->nb_addresses && ret == 0; i++)
		if (has_address(x->from, &x->to->addresses[i]))
			ret = take_address(x->p, &x->to->addresses[i], &keep);
	for (i = 0; i < x->to->nb_routes && ret == 0; i++)
		if (has_route(x->from, &x->to->routes[i]))
			ret = take_route(x->p, &x->to->routes[i], &keep);
	return ret;
}

static int
bring_up(struct exchange *x)
{
	const int ret = x->was_up ? 0 : netif_set_up(x->p, true);

	return ret == 0 ? 0
			: netif_fail(x->p, ret, "", "the interface cannot be set up: %s",
					  strerror(-ret));
}

/* The new addresses come before the last of the old goes: the interface is never without. */
static int
exchange(struct exchange *x)
{
	int ret;

	ret = drop_routes(x);
	if (ret == 0)
		ret = drop_addresses(x, true);
	if (ret == 0)
		ret = add_addresses(x);
	if (ret == 0)
		ret = drop_addresses(x, false);
	if (ret == 0)
		ret = bring_up(x);
	if (ret == 0)
		ret = keep_rest(x);
	return ret == 0 ? add_routes(x) : ret;
}

/* All of it, whatever was done; the error that there was stays what is said. */
static void
undo_exchange(struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < x->to->nb_routes; i++)
		if ((x->routes & RTE_BIT32(i)) != 0)
			change_route(x->p, &x->to->routes[i], &del);
	for (i = 0; i < x->to->nb_addresses; i++)
		if ((x->addresses & RTE_BIT32(i)) != 0)
			change_address(x->p, &x->to->addresses[i], &del);
	for (i = 0; i < x->from->nb_addresses; i++)
		change_address(x->p, &x->from->addresses[i], &keep);
	if (!x->was_up)
		netif_set_up(x->p, false);
	for (i = 0; i < x->from->nb_routes; i++)
		change_route(x->p, &x->from->routes[i], &keep);
}

static int
find_there(struct placing *p)
{
	int ret;

	p->at = p->moves ? &p->there : &p->host;
	ret = netif_find_link(p->at, p->found_name, &p->found);
	p->index = p->found.index;
	return ret == 0 ? 0
			: netif_fail(p, ret, "ifname",
					  "%s: there is no such interface in the network "
					  "namespace any more: %s; force on removes the container "
					  "and adds it again",
					  p->found_name, strerror(-ret));
}

int
netif_readdress(const char *ifname, const struct netif_conf *from, const struct netif_conf *to,
		struct netif_error *error)
{
	struct placing p = { .conf = to, .error = error, .host_ns = -1 };
	struct exchange x = { .p = &p, .from = from, .to = to };
	int ret;

	memset(error, 0, sizeof(*error));
	snprintf(p.found_name, sizeof(p.found_name), "%s", ifname);
	ret = netif_enter(&p);
	if (ret == 0)
		ret = find_there(&p);
	x.was_up = p.found.up;
	if (ret == 0) {
		ret = exchange(&x);
		if (ret < 0)
			undo_exchange(&x);
	}
	netif_leave(&p);
	return ret;
}
