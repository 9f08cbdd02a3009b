/* SPDX-License-Identifier: BSD-3-Clause */

/* What an interface in a network namespace really has, by rtnetlink(7). */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "broker/rtnl.h"
#include "cni.h"

/* What is looked for: an address or a route, as text. */
struct wanted {
	const char *mac, *name;
	unsigned int index; /* of the interface, once it is found */
	bool found, same_mac;
	struct address address, via;
	bool any_via;
	uint32_t metric;
};

struct attribute {
	uint16_t type;
	const struct nlattr *found;
};

static int
see_attribute(const struct nlattr *attr, void *arg)
{
	struct attribute *attribute = arg;

	if (mnl_attr_get_type(attr) == attribute->type)
		attribute->found = attr;
	return MNL_CB_OK;
}

/* NULL: there is none. */
static const struct nlattr *
attribute(const struct nlmsghdr *nlh, size_t header, uint16_t type)
{
	struct attribute wanted = { .type = type };

	mnl_attr_parse(nlh, (unsigned int)header, see_attribute, &wanted);
	return wanted.found;
}

static bool
is_bytes(const struct nlattr *attr, const uint8_t *bytes, size_t len)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == len &&
	       memcmp(mnl_attr_get_payload(attr), bytes, len) == 0;
}

static int
see_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *name = attribute(nlh, sizeof(*link), IFLA_IFNAME);
	const struct nlattr *mac = attribute(nlh, sizeof(*link), IFLA_ADDRESS);
	struct wanted *want = arg;
	const uint8_t *m;
	char text[18];

	if (name == NULL || strcmp(mnl_attr_get_str(name), want->name) != 0)
		return MNL_CB_OK;
	want->index = (unsigned int)link->ifi_index;
	if (mac != NULL && mnl_attr_get_payload_len(mac) == 6) {
		m = mnl_attr_get_payload(mac);
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
				m[3], m[4], m[5]);
		want->same_mac = want->mac == NULL || strcasecmp(text, want->mac) == 0;
	}
	return MNL_CB_OK;
}

static int
see_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(nlh);
	struct wanted *want = arg;
	const size_t len = address_size(&want->address);
	const struct nlattr *local = attribute(nlh, sizeof(*addr), IFA_LOCAL);

	if (local == NULL)
		local = attribute(nlh, sizeof(*addr), IFA_ADDRESS);
	if (addr->ifa_index == want->index && addr->ifa_family == want->address.family &&
			addr->ifa_prefixlen == want->address.bits &&
			is_bytes(local, want->address.bytes, len))
		want->found = true;
	return MNL_CB_OK;
}

static int
see_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct wanted *want = arg;
	const size_t len = address_size(&want->address);
	const struct nlattr *dst = attribute(nlh, sizeof(*route), RTA_DST);
	const struct nlattr *via = attribute(nlh, sizeof(*route), RTA_GATEWAY);

	if (route->rtm_family != want->address.family || route->rtm_dst_len != want->address.bits)
		return MNL_CB_OK;
	/* a default route has no destination */
	if ((want->address.bits == 0 || is_bytes(dst, want->address.bytes, len)) &&
			(want->any_via || is_bytes(via, want->via.bytes, len)))
		want->found = true;
	return MNL_CB_OK;
}

static int
see_default_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *metric = attribute(nlh, sizeof(*route), RTA_PRIORITY);
	struct wanted *want = arg;

	if (route->rtm_family == want->address.family && route->rtm_dst_len == 0 &&
			want->metric == (metric != NULL ? mnl_attr_get_u32(metric) : 0))
		want->found = true;
	return MNL_CB_OK;
}

/* All of a kind. @return 0, or -1 with the error */
static int
dump(struct cni *cni, struct rtnl *nl, uint16_t type, mnl_cb_t see, struct wanted *want)
{
	struct nlmsghdr *nlh = rtnl_request(nl, type, NLM_F_DUMP);
	struct rtgenmsg *message = mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	int ret;

	message->rtgen_family = want->address.family;
	want->found = false;
	ret = rtnl_talk(nl, nlh, see, want);
	return ret == 0 ? 0
			: cni_fail(cni, CNI_IO, "the namespace cannot be looked into", "%s: %s",
					  cni->netns, strerror(-ret));
}

static int
look_addresses(struct cni *cni, struct rtnl *nl, struct wanted *want, const json_t *ips,
		json_int_t at)
{
	const char *text;
	const json_t *ip;
	size_t i;

	json_array_foreach(ips, i, ip)
	{
		if (json_integer_value(json_object_get(ip, "interface")) != at)
			continue;
		text = json_string_value(json_object_get(ip, "address"));
		if (!address_parse(text, &want->address))
			return cni_fail(cni, CNI_CONFIG, "an address of prevResult is none", "%s",
					text != NULL ? text : "no text");
		if (dump(cni, nl, RTM_GETADDR, see_address, want) < 0)
			return -1;
		if (!want->found)
			return cni_fail(cni, CNI_CHANGED, "the interface lost an address", "%s: %s",
					cni->ifname, text);
	}
	return 0;
}

static int
look_routes(struct cni *cni, struct rtnl *nl, struct wanted *want, const json_t *routes)
{
	const char *text, *via;
	const json_t *route;
	size_t i;

	json_array_foreach(routes, i, route)
	{
		text = json_string_value(json_object_get(route, "dst"));
		via = json_string_value(json_object_get(route, "gw"));
		if (!address_parse(text, &want->address))
			return cni_fail(cni, CNI_CONFIG, "a route of prevResult is none", "%s",
					text != NULL ? text : "no text");
		want->any_via = !address_parse(via, &want->via);
		if (dump(cni, nl, RTM_GETROUTE, see_route, want) < 0)
			return -1;
		if (!want->found)
			return cni_fail(cni, CNI_CHANGED, "the namespace lost a route", "%s via %s",
					text, via != NULL ? via : "any");
	}
	return 0;
}

static int
look_inside(struct cni *cni, struct rtnl *nl, struct wanted *want)
{
	if (dump(cni, nl, RTM_GETLINK, see_link, want) < 0)
		return -1;
	if (want->index == 0)
		return cni_fail(cni, CNI_CHANGED, "the interface is gone", "%s in %s", cni->ifname,
				cni->netns);
	if (!want->same_mac)
		return cni_fail(cni, CNI_CHANGED, "the interface has another MAC address",
				"%s: it was %s", cni->ifname, want->mac);
	return 0;
}

static int
look_open(struct cni *cni, struct rtnl *nl)
{
	const int fd = open(cni->netns, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return cni_fail(cni, CNI_NO_CONTAINER, "the network namespace cannot be opened",
				"%.256s: %s", cni->netns, strerror(errno));
	ret = rtnl_open(nl, fd);
	close(fd);
	return ret == 0 ? 0
			: cni_fail(cni, CNI_IO, "the namespace cannot be looked into", "%s: %s",
					  cni->netns, strerror(-ret));
}

json_int_t
look_metric(struct cni *cni, bool v6, json_int_t first)
{
	struct wanted want = { .address.family = v6 ? AF_INET6 : AF_INET };
	static struct rtnl nl;
	int ret;

	if (look_open(cni, &nl) < 0)
		return -1;
	for (want.metric = (uint32_t)first;; want.metric++) {
		ret = dump(cni, &nl, RTM_GETROUTE, see_default_route, &want);
		if (ret < 0 || !want.found)
			break;
	}
	rtnl_close(&nl);
	return ret < 0 ? -1 : (json_int_t)want.metric;
}

int
look(struct cni *cni, const char *mac, const json_t *ips, json_int_t at, const json_t *routes)
{
	struct wanted want = { .mac = mac, .name = cni->ifname };
	static struct rtnl nl;
	int ret;

	if (look_open(cni, &nl) < 0)
		return -1;
	ret = look_inside(cni, &nl, &want);
	if (ret == 0)
		ret = look_addresses(cni, &nl, &want, ips, at);
	if (ret == 0)
		ret = look_routes(cni, &nl, &want, routes);
	rtnl_close(&nl);
	return ret;
}
