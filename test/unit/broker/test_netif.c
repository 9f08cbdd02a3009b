/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An interface goes into a network namespace, real ones of the test's own, and is back as
 * it was where any of the requests to the kernel fails.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <cmocka.h>

#include "broker/netif.h"
#include "broker/rtnl.h"
#include "filter.h"

#define TEXT_MAX 4096

int __real_rtnl_talk(struct rtnl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg);
int __wrap_rtnl_talk(struct rtnl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg);

static unsigned int talks;    /* requests so far */
static unsigned int fails_at; /* this one is refused; 0: none */
static bool fails_late;       /* after the kernel has done it */
static bool allowed;          /* network namespaces may be made here */
static int there = -1;        /* the other one */

int
__wrap_rtnl_talk(struct rtnl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	const bool now = ++talks == fails_at;

	if (now && fails_late && nlh->nlmsg_type == RTM_NEWLINK)
		__real_rtnl_talk(nl, nlh, cb, arg);
	return now ? -ENOBUFS : __real_rtnl_talk(nl, nlh, cb, arg);
}

static void *
make_netns(void *arg)
{
	if (unshare(CLONE_NEWNET) == 0)
		*(int *)arg = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static int
new_netns(void)
{
	pthread_t thread;
	int fd = -1;

	if (pthread_create(&thread, NULL, make_netns, &fd) == 0)
		pthread_join(thread, NULL);
	return fd;
}

/* A pair of veth, of which one is looked at. */
static int
make_veth(int netns, const char *name, const char *peer)
{
	const struct ifinfomsg none = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *end;
	struct nlmsghdr *nlh;
	struct rtnl nl;
	int ret;

	ret = rtnl_open(&nl, netns);
	if (ret < 0)
		return ret;
	nlh = rtnl_request(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(none)), &none, sizeof(none));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	end = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(none)), &none, sizeof(none));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	mnl_attr_nest_end(nlh, end);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	ret = __real_rtnl_talk(&nl, nlh, NULL, NULL);
	rtnl_close(&nl);
	return ret;
}

struct text {
	char *at;
	size_t left;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	assert_in_range(n, 0, t->left - 1);
	t->at += n;
	t->left -= (size_t)n;
}

static void
say_attr(struct text *t, const struct nlattr *attr)
{
	const uint8_t *byte = mnl_attr_get_payload(attr);
	unsigned int i;

	for (i = 0; i < mnl_attr_get_payload_len(attr); i++)
		say(t, "%02x", byte[i]);
}

static int
say_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(nlh);
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct text *t = arg;
	struct nlattr *attr;

	if (nlh->nlmsg_type == RTM_NEWLINK) {
		say(t, "\nlink %s", link->ifi_flags & IFF_UP ? "up" : "down");
		mnl_attr_for_each(attr, nlh, sizeof(*link))
		{
			if (mnl_attr_get_type(attr) == IFLA_IFNAME)
				say(t, " %s", mnl_attr_get_str(attr));
			if (mnl_attr_get_type(attr) == IFLA_MTU)
				say(t, " mtu %u", mnl_attr_get_u32(attr));
			if (mnl_attr_get_type(attr) == IFLA_ADDRESS)
				say_attr(t, attr);
		}
	} else if (nlh->nlmsg_type == RTM_NEWADDR && address->ifa_scope != RT_SCOPE_LINK) {
		say(t, "\naddress /%u ", address->ifa_prefixlen);
		mnl_attr_for_each(attr, nlh, sizeof(*address)) if (mnl_attr_get_type(attr) ==
								   IFA_ADDRESS) say_attr(t, attr);
	} else if (nlh->nlmsg_type == RTM_NEWROUTE && route->rtm_protocol == RTPROT_STATIC) {
		say(t, "\nroute /%u ", route->rtm_dst_len);
		mnl_attr_for_each(attr, nlh, sizeof(*route))
		{
			if (mnl_attr_get_type(attr) == RTA_DST)
				say_attr(t, attr);
			if (mnl_attr_get_type(attr) == RTA_GATEWAY) {
				say(t, " via ");
				say_attr(t, attr);
			}
			if (mnl_attr_get_type(attr) == RTA_PRIORITY && route->rtm_family == AF_INET)
				say(t, " metric %u", mnl_attr_get_u32(attr));
		}
	}
	return MNL_CB_OK;
}

static void
say_all(int netns, char text[TEXT_MAX])
{
	static const uint16_t types[] = { RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE };
	struct text t = { text, TEXT_MAX };
	struct nlmsghdr *nlh;
	struct rtmsg *any;
	struct rtnl nl;
	unsigned int i;

	assert_int_equal(rtnl_open(&nl, netns), 0);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		nlh = rtnl_request(&nl, types[i], NLM_F_DUMP);
		/* the longest of the three headers, all zero */
		any = mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		any->rtm_family = AF_UNSPEC;
		assert_int_equal(__real_rtnl_talk(&nl, nlh, say_message, &t), 0);
	}
	rtnl_close(&nl);
}

/* Two namespaces, in the first the pair a, b. */
static int
setup(void **state)
{
	(void)state;
	fails_at = talks = 0;
	fails_late = false;
	allowed = unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
	if (!allowed)
		return 0;
	there = new_netns();
	allowed = there >= 0 && make_veth(-1, "a", "b") == 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (there >= 0)
		close(there);
	there = -1;
	return 0;
}

static void
need(void)
{
	if (allowed)
		return;
	print_message("no network namespaces, or no veth, for this user here\n");
	skip();
}

/* Everything at once. */
static void
fill(struct netif_conf *conf)
{
	static const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 7 } };

	memset(conf, 0, sizeof(*conf));
	conf->netns = there;
	strcpy(conf->ifname, "eth0");
	conf->mtu = 1400;
	conf->set_mac = true;
	conf->mac = mac;
	conf->nb_addresses = 2;
	assert_int_equal(netif_parse_address("10.0.0.2/24", &conf->addresses[0]), 0);
	assert_int_equal(netif_parse_address("fd00::2/64", &conf->addresses[1]), 0);
	conf->nb_routes = 2;
	assert_int_equal(netif_parse_route("default via 10.0.0.1", &conf->routes[0]), 0);
	assert_int_equal(netif_parse_route("fd01::/64 via fd00::1", &conf->routes[1]), 0);
}

/* Where it fails it is back as it was, here and there. Return: whether it failed. */
static bool
refused_or_placed(const struct netif_conf *conf)
{
	char before[2][TEXT_MAX], after[2][TEXT_MAX];
	struct netif_error error;
	unsigned int i;
	int ret;

	say_all(-1, before[0]);
	say_all(there, before[1]);
	ret = netif_place("a", conf, &error);
	fails_at = 0;
	if (ret == 0)
		return false;
	assert_int_equal(ret, -ENOBUFS);
	assert_true(error.text[0] != '\0');
	say_all(-1, after[0]);
	say_all(there, after[1]);
	for (i = 0; i < 2; i++)
		assert_string_equal(before[i], after[i]);
	return true;
}

static void
assert_refused(const struct netif_conf *conf, int err, const char *parameter, const char *text)
{
	char before[TEXT_MAX], after[TEXT_MAX];
	struct netif_error error;

	say_all(-1, before);
	assert_int_equal(netif_place("a", conf, &error), err);
	say_all(-1, after);
	assert_string_equal(before, after);
	assert_string_equal(error.parameter, parameter);
	assert_non_null(strstr(error.text, text));
}

static void
test_place(void **state)
{
	struct netif_conf conf;
	struct netif_error error;
	char text[TEXT_MAX];

	(void)state;
	need();
	fill(&conf);
	assert_int_equal(netif_place("a", &conf, &error), 0);
	say_all(-1, text);
	assert_null(strstr(text, " a "));
	say_all(there, text);
	assert_non_null(strstr(text, "\nlink up eth0 mtu 1400020000000007"));
	assert_non_null(strstr(text, "\naddress /24 0a000002"));
	assert_non_null(strstr(text, "\naddress /64 fd000000000000000000000000000002"));
	assert_non_null(strstr(text, "\nroute /0  via 0a000001"));
	assert_non_null(strstr(text, "\nroute /64 fd010000000000000000000000000000 via fd00"));
}

/* Without a namespace, or with its own: it is renamed where it is. */
static void
test_place_here(void **state)
{
	struct netif_conf conf;
	struct netif_error error;
	char text[TEXT_MAX];

	(void)state;
	need();
	fill(&conf);
	conf.netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netif_place("a", &conf, &error), 0);
	close(conf.netns);
	conf.netns = -1;
	strcpy(conf.ifname, "eth1");
	conf.nb_addresses = conf.nb_routes = 0;
	assert_int_equal(netif_place("eth0", &conf, &error), 0);
	say_all(-1, text);
	assert_non_null(strstr(text, "\nlink up eth1 mtu 1400020000000007"));
}

/*
 * Each request to the kernel is refused once, and fails once more where it has been done.
 *
 * @param taken a name that there is in the other namespace; NULL: it stays in its own
 */
static void
every_step(bool late, bool up, const char *taken)
{
	const struct netif_conf only_up = { .netns = -1 };
	struct netif_conf conf;
	struct netif_error error;
	unsigned int at;

	need();
	fill(&conf);
	if (taken != NULL)
		assert_int_equal(make_veth(there, taken, "other"), 0);
	else
		conf.netns = -1;
	if (up)
		assert_int_equal(netif_place("a", &only_up, &error), 0);
	fails_late = late;
	for (at = 1;; at++) {
		talks = 0;
		fails_at = at;
		if (!refused_or_placed(&conf))
			break;
	}
	assert_true(at > 10);
}

static void
test_every_step(void **state)
{
	unsigned int i;

	for (i = 0; i < 12; i++) {
		setup(state);
		every_step(i & 1, i & 2, i < 4 ? "unlike" : i < 8 ? "a" : NULL);
		teardown(state);
	}
}

static void
test_name_taken(void **state)
{
	struct netif_conf conf;

	(void)state;
	need();
	fill(&conf);
	assert_int_equal(make_veth(there, "eth0", "other"), 0);
	assert_refused(&conf, -EEXIST, "ifname", "eth0: the name is taken");
	/* in its own namespace as well */
	conf.netns = -1;
	strcpy(conf.ifname, "b");
	assert_refused(&conf, -EEXIST, "ifname", "b: the name is taken");
}

/* Its old name is taken where it goes, the new one is not. */
static void
test_old_name_taken(void **state)
{
	struct netif_conf conf;
	struct netif_error error;
	char text[TEXT_MAX];

	(void)state;
	need();
	fill(&conf);
	assert_int_equal(make_veth(there, "a", "other"), 0);
	conf.nb_routes = 1;
	assert_int_equal(netif_parse_route("default via 10.9.9.9", &conf.routes[0]), 0);
	assert_refused(&conf, -ENETUNREACH, "route", "gateway");
	assert_int_equal(netif_parse_route("default via 10.0.0.9", &conf.routes[0]), 0);
	assert_int_equal(netif_place("a", &conf, &error), 0);
	say_all(there, text);
	assert_non_null(strstr(text, "\nlink up eth0 mtu 1400020000000007"));
}

static void
test_refused(void **state)
{
	struct netif_conf conf;
	struct netif_error error;

	(void)state;
	need();
	fill(&conf);
	assert_int_equal(netif_place("none", &conf, &error), -ENODEV);
	assert_non_null(strstr(error.text, "none: the interface is not there"));
	assert_int_equal(netif_parse_address("10.0.0.2/24", &conf.addresses[1]), 0);
	assert_refused(&conf, -EEXIST, "address", "10.0.0.2/24: the interface does not take");
	fill(&conf);
	conf.addresses[0].prefix = 33;
	assert_refused(&conf, -EINVAL, "address", "10.0.0.2/33");
	fill(&conf);
	conf.mtu = 67;
	assert_refused(&conf, -EINVAL, "mtu", "67: the interface does not take");
	fill(&conf);
	conf.mac.addr_bytes[0] = 1;
	assert_refused(&conf, -EADDRNOTAVAIL, "mac", "01:00:00:00:00:07");
	fill(&conf);
	strcpy(conf.ifname, "a b");
	assert_refused(&conf, -EINVAL, "ifname", "a b: is no name");
	fill(&conf);
	assert_int_equal(netif_parse_route("10.1.0.1/16 via 10.0.0.1", &conf.routes[1]), 0);
	assert_refused(&conf, -EINVAL, "route", "beyond its prefix");
	conf.nb_routes = 0;
	conf.netns = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netif_place("a", &conf, &error), -EINVAL);
	assert_string_equal(error.parameter, "netns");
	assert_non_null(strstr(error.text, "is no network namespace"));
	close(conf.netns);
}

/* Lines of say_all(), in the order of their bytes: addresses have none of their own. */
static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort_lines(char text[TEXT_MAX])
{
	char copy[TEXT_MAX], *lines[64] = { NULL }, *rest = copy, *line;
	size_t nb = 0, n = 0, i;

	memcpy(copy, text, sizeof(copy));
	while ((line = strsep(&rest, "\n")) != NULL) {
		assert_true(nb < sizeof(lines) / sizeof(lines[0]));
		lines[nb++] = line;
	}
	qsort(lines, nb, sizeof(lines[0]), compare_lines);
	for (i = 0; i < nb; i++)
		n += (size_t)snprintf(text + n, TEXT_MAX - n, "%s\n", lines[i]);
}

static void
sorted(int netns, char text[TEXT_MAX])
{
	memset(text, 0, TEXT_MAX);
	say_all(netns, text);
	sort_lines(text);
}

/* The last address of a family goes, one is longer, others of its network and a route stay. */
static void
fill_other(const struct netif_conf *conf, struct netif_conf *other)
{
	*other = *conf;
	other->nb_addresses = 3;
	assert_int_equal(netif_parse_address("10.0.0.3/24", &other->addresses[0]), 0);
	assert_int_equal(netif_parse_address("fd00::2/48", &other->addresses[1]), 0);
	assert_int_equal(netif_parse_address("10.0.0.9/24", &other->addresses[2]), 0);
	other->nb_routes = 4;
	assert_int_equal(netif_parse_route("fd01::/64 via fd00::1", &other->routes[0]), 0);
	assert_int_equal(netif_parse_route("default via 10.0.0.9", &other->routes[1]), 0);
	assert_int_equal(netif_parse_route("10.3.0.0/16 via 10.0.0.1", &other->routes[2]), 0);
	assert_int_equal(netif_parse_route("default via 10.0.0.1 metric 7", &other->routes[3]), 0);
}

/* Each request is refused once: then all is as it was; and back, all is as it was. */
static void
exchange_every_step(const struct netif_conf *from, const struct netif_conf *to)
{
	char before[TEXT_MAX], after[TEXT_MAX];
	struct netif_error error;
	unsigned int at;
	int ret;

	sorted(there, before);
	for (at = 1;; at++) {
		talks = 0;
		fails_at = at;
		ret = netif_readdress("eth0", from, to, &error);
		fails_at = 0;
		if (ret == 0)
			break;
		assert_int_equal(ret, -ENOBUFS);
		sorted(there, after);
		assert_string_equal(before, after);
	}
	assert_true(at > 8);
}

static void
test_readdress(void **state)
{
	struct netif_conf conf, other, none;
	char before[TEXT_MAX], text[TEXT_MAX];
	struct netif_error error;

	(void)state;
	need();
	fill(&conf);
	conf.nb_addresses = 3;
	assert_int_equal(netif_parse_address("10.0.0.9/24", &conf.addresses[2]), 0);
	assert_int_equal(netif_place("a", &conf, &error), 0);
	sorted(there, before);
	fill_other(&conf, &other);
	exchange_every_step(&conf, &other);
	sorted(there, text);
	assert_null(strstr(text, "address /24 0a000002\n"));
	assert_non_null(strstr(text, "address /24 0a000003\n"));
	assert_non_null(strstr(text, "address /24 0a000009\n"));
	assert_non_null(strstr(text, "address /48 fd00"));
	assert_null(strstr(text, "address /64 fd00"));
	assert_non_null(strstr(text, "route /0  via 0a000009\n"));
	assert_non_null(strstr(text, "route /0  metric 7 via 0a000001\n"));
	assert_non_null(strstr(text, "route /16 0a030000 via 0a000001\n"));
	assert_non_null(strstr(text, "route /64 fd01"));
	/* nothing at all, and back */
	none = other;
	none.nb_addresses = none.nb_routes = 0;
	assert_int_equal(netif_readdress("eth0", &other, &none, &error), 0);
	assert_int_equal(netif_readdress("eth0", &none, &conf, &error), 0);
	sorted(there, text);
	assert_string_equal(before, text);
	/* what the container has taken away itself is not missed */
	assert_int_equal(netif_readdress("eth0", &conf, &none, &error), 0);
	assert_int_equal(netif_readdress("eth0", &conf, &none, &error), 0);
	assert_int_equal(netif_readdress("eth7", &conf, &none, &error), -ENODEV);
	assert_string_equal(error.parameter, "ifname");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place_here, setup, teardown),
		cmocka_unit_test(test_every_step),
		cmocka_unit_test_setup_teardown(test_name_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_name_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readdress, setup, teardown),
	};

	return FILTER_RUN("broker_netif", tests, NULL, NULL);
}
