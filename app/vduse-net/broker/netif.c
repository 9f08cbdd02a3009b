/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Each step has its undo beside it. What an interface was is read first, and put back from
 * there in reverse order.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/rtnetlink.h>

#include <rte_common.h>

#include "broker/netif_priv.h"

struct step {
	int (*take)(struct placing *p);
	void (*undo)(struct placing *p);
};

int
netif_fail(struct placing *p, int err, const char *parameter, const char *format, ...)
{
	va_list args;

	snprintf(p->error->parameter, sizeof(p->error->parameter), "%s", parameter);
	va_start(args, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, args);
	va_end(args);
	return err;
}

static int
read_link_attr(const struct nlattr *attr, void *arg)
{
	struct link_state *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		link->mtu = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
			mnl_attr_get_payload_len(attr) == sizeof(link->mac))
		memcpy(&link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
	return MNL_CB_OK;
}

static int
read_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct link_state *link = arg;

	link->index = info->ifi_index;
	link->up = (info->ifi_flags & IFF_UP) != 0;
	return mnl_attr_parse(nlh, sizeof(*info), read_link_attr, link);
}

/* -ENODEV: there is none of that name. */
int
netif_find_link(struct rtnl *nl, const char *name, struct link_state *link)
{
	struct nlmsghdr *nlh = rtnl_request(nl, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	memset(link, 0, sizeof(*link));
	info->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_talk(nl, nlh, read_link, link);
}

/* Begin a change of the interface. */
static struct nlmsghdr *
change(struct placing *p, struct ifinfomsg **info)
{
	struct nlmsghdr *nlh = rtnl_request(p->at, RTM_NEWLINK, 0);

	*info = mnl_nlmsg_put_extra_header(nlh, sizeof(**info));
	(*info)->ifi_family = AF_UNSPEC;
	(*info)->ifi_index = p->index;
	return nlh;
}

int
netif_set_up(struct placing *p, bool up)
{
	struct ifinfomsg *info;
	struct nlmsghdr *nlh = change(p, &info);

	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

/* It takes neither another name nor another namespace while it is up. */
static int
take_down(struct placing *p)
{
	int ret = p->found.up ? netif_set_up(p, false) : 0;

	return ret == 0 ? 0
			: netif_fail(p, ret, "", "%s: cannot be set down: %s; see the kernel log",
					  p->found_name, strerror(-ret));
}

static void
undo_down(struct placing *p)
{
	if (p->found.up)
		netif_set_up(p, true);
}

static int
set_mac(struct placing *p, const struct rte_ether_addr *mac)
{
	struct ifinfomsg *info;
	struct nlmsghdr *nlh = change(p, &info);

	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(*mac), mac);
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

static int
take_mac(struct placing *p)
{
	const struct netif_conf *conf = p->conf;
	int ret;

	if (!conf->set_mac || rte_is_same_ether_addr(&conf->mac, &p->found.mac))
		return 0;
	ret = set_mac(p, &conf->mac);
	return ret == 0 ? 0
			: netif_fail(p, ret, "mac",
					  RTE_ETHER_ADDR_PRT_FMT
					  ": the interface does not take this MAC address: %s; "
					  "give a unicast address",
					  RTE_ETHER_ADDR_BYTES(&conf->mac), strerror(-ret));
}

static void
undo_mac(struct placing *p)
{
	if (p->conf->set_mac && !rte_is_same_ether_addr(&p->conf->mac, &p->found.mac))
		set_mac(p, &p->found.mac);
}

static int
set_mtu(struct placing *p, uint32_t mtu)
{
	struct ifinfomsg *info;
	struct nlmsghdr *nlh = change(p, &info);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

static int
take_mtu(struct placing *p)
{
	const uint32_t mtu = p->conf->mtu;
	int ret = mtu != 0 && mtu != p->found.mtu ? set_mtu(p, mtu) : 0;

	return ret == 0 ? 0
			: netif_fail(p, ret, "mtu",
					  "%u: the interface does not take this MTU: %s; give one "
					  "that is not above the network's",
					  mtu, strerror(-ret));
}

static void
undo_mtu(struct placing *p)
{
	if (p->conf->mtu != 0 && p->conf->mtu != p->found.mtu)
		set_mtu(p, p->found.mtu);
}

static const char *
wanted_name(const struct placing *p)
{
	return p->conf->ifname[0] != '\0' ? p->conf->ifname : p->found_name;
}

static int
name_is_taken(struct placing *p)
{
	return netif_fail(p, -EEXIST, "ifname",
			"%s: the name is taken in the network namespace; give another, or take "
			"that interface away",
			wanted_name(p));
}

/* Looked at before it is moved, so that a clash does not disturb the namespace. */
static int
check_name(struct placing *p)
{
	struct rtnl *nl = p->moves ? &p->there : &p->host;
	struct link_state other;
	int ret;

	ret = netif_find_link(nl, wanted_name(p), &other);
	if (ret == 0)
		return name_is_taken(p);
	return ret == -ENODEV ? 0
			      : netif_fail(p, ret, "ifname",
						"%s: cannot be looked up in the network namespace: "
						"%s",
						wanted_name(p), strerror(-ret));
}

/* To the namespace of this descriptor, -1: it stays; with that name. */
static int
move(struct placing *p, int netns, const char *name)
{
	struct ifinfomsg *info;
	struct nlmsghdr *nlh = change(p, &info);

	if (netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_talk(p->at, nlh, NULL, NULL);
}

/* Whether it is where it was, after a move that failed. */
static bool
has_stayed(struct placing *p)
{
	struct link_state link;

	return netif_find_link(&p->host, p->found_name, &link) == 0 && link.index == p->index;
}

/*
 * The kernel moves it and then names it: where the name fails, it has arrived under the
 * one that it had. Its number may be another there.
 */
static int
arrive(struct placing *p)
{
	struct link_state link;
	int ret;

	ret = netif_find_link(&p->there, wanted_name(p), &link);
	if (ret == -ENODEV)
		ret = netif_find_link(&p->there, p->found_name, &link);
	if (ret < 0)
		return ret;
	p->at = &p->there;
	p->index = link.index;
	return 0;
}

static bool
is_renamed(const struct placing *p)
{
	return strcmp(wanted_name(p), p->found_name) != 0;
}

static void
undo_move(struct placing *p)
{
	const bool away = p->at == &p->there;
	struct link_state link;

	if (!away && !is_renamed(p))
		return;
	if (move(p, away ? p->host_ns : -1, p->found_name) != 0 || !away)
		return;
	p->at = &p->host;
	if (netif_find_link(&p->host, p->found_name, &link) == 0)
		p->index = link.index;
}

/* Return: 0; -errno: it is where it was. */
static int
move_there(struct placing *p)
{
	int err, ret;

	ret = move(p, p->conf->netns, wanted_name(p));
	if (ret < 0 && has_stayed(p))
		return ret;
	err = arrive(p);
	if (ret == 0 && err == 0)
		return 0;
	/* without its number there is no way back: look again */
	if (err == 0 || arrive(p) == 0)
		undo_move(p);
	return ret < 0 ? ret : err;
}

static int
take_move(struct placing *p)
{
	int ret;

	if (!p->moves && !is_renamed(p))
		return 0;
	ret = check_name(p);
	if (ret < 0)
		return ret;
	ret = p->moves ? move_there(p) : move(p, -1, wanted_name(p));
	if (ret == 0)
		return 0;
	if (ret == -EEXIST)
		return name_is_taken(p);
	if (ret == -EINVAL && p->conf->ifname[0] != '\0')
		return netif_fail(p, ret, "ifname", "%s: is no name for an interface",
				wanted_name(p));
	return netif_fail(p, ret, "netns", "%s: cannot be moved to the network namespace as %s: %s",
			p->found_name, wanted_name(p), strerror(-ret));
}

static int
take_up(struct placing *p)
{
	int ret = netif_set_up(p, true);

	return ret == 0 ? 0
			: netif_fail(p, ret, "", "%s: cannot be set up: %s; see the kernel log",
					  wanted_name(p), strerror(-ret));
}

static void
undo_up(struct placing *p)
{
	netif_set_up(p, false);
}

static const struct step steps[] = {
	{ take_down, undo_down },
	{ take_mac, undo_mac },
	{ take_mtu, undo_mtu },
	{ take_move, undo_move },
	{ netif_take_addresses, netif_undo_addresses },
	{ take_up, undo_up },
	{ netif_take_routes, undo_up },
};

/* One that failed is undone too: the kernel may have done what it could not say any more. */
static int
take_steps(struct placing *p)
{
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(steps); i++) {
		ret = steps[i].take(p);
		if (ret == 0)
			continue;
		do
			steps[i].undo(p);
		while (i-- > 0);
		return ret;
	}
	return 0;
}

static int
find(struct placing *p)
{
	int ret;

	ret = netif_find_link(&p->host, p->found_name, &p->found);
	if (ret < 0)
		return netif_fail(p, ret, "", "%s: the interface is not there: %s", p->found_name,
				strerror(-ret));
	p->at = &p->host;
	p->index = p->found.index;
	return 0;
}

/* Both namespaces, where there are two. */
int
netif_enter(struct placing *p)
{
	struct stat here, there;
	int ret;

	ret = rtnl_open(&p->host, -1);
	if (ret < 0)
		return netif_fail(p, ret, "", "no netlink socket: %s", strerror(-ret));
	if (p->conf->netns < 0)
		return 0;
	p->host_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (p->host_ns < 0 || fstat(p->host_ns, &here) < 0 || fstat(p->conf->netns, &there) < 0)
		return netif_fail(p, -errno, "netns",
				"the network namespace cannot be looked at: %s", strerror(errno));
	p->moves = here.st_ino != there.st_ino || here.st_dev != there.st_dev;
	ret = p->moves ? rtnl_open(&p->there, p->conf->netns) : 0;
	if (ret == -EINVAL)
		return netif_fail(p, ret, "netns",
				"is no network namespace; give /run/netns/NAME or "
				"/proc/PID/ns/net");
	if (ret == -EPERM)
		return netif_fail(p, ret, "netns",
				"the network namespace cannot be entered: that needs "
				"CAP_SYS_ADMIN");
	return ret == 0 ? 0
			: netif_fail(p, ret, "netns", "the network namespace cannot be entered: %s",
					  strerror(-ret));
}

void
netif_leave(struct placing *p)
{
	rtnl_close(&p->there);
	rtnl_close(&p->host);
	if (p->host_ns >= 0)
		close(p->host_ns);
}

int
netif_place(const char *ifname, const struct netif_conf *conf, struct netif_error *error)
{
	struct placing p = { .conf = conf, .error = error, .host_ns = -1 };
	int ret;

	memset(error, 0, sizeof(*error));
	snprintf(p.found_name, sizeof(p.found_name), "%s", ifname);
	ret = netif_enter(&p);
	if (ret == 0)
		ret = find(&p);
	if (ret == 0)
		ret = take_steps(&p);
	netif_leave(&p);
	return ret;
}

int
netif_open_netns(const char *path)
{
	struct statfs fs;
	char self[32];
	int fd, node, ret;

	/* what opening does to a FIFO or a device must not be done */
	node = open(path, O_PATH | O_CLOEXEC);
	if (node < 0)
		return -errno;
	if (fstatfs(node, &fs) < 0) {
		ret = -errno;
	} else if (fs.f_type != NSFS_MAGIC) {
		ret = -EINVAL;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", node);
		fd = open(self, O_RDONLY | O_CLOEXEC);
		ret = fd < 0 ? -errno : fd;
	}
	close(node);
	return ret;
}
