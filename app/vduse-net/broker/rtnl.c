/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "broker/rtnl.h"

struct opening {
	int netns;
	struct mnl_socket *sock;
	int error; /* 0 or -errno */
};

static void
open_here(struct opening *o)
{
	o->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (o->sock == NULL) {
		o->error = -errno;
		return;
	}
	if (mnl_socket_bind(o->sock, 0, MNL_SOCKET_AUTOPID) == 0)
		return;
	o->error = -errno;
	mnl_socket_close(o->sock);
	o->sock = NULL;
}

static void *
open_there(void *arg)
{
	struct opening *o = arg;

	if (setns(o->netns, CLONE_NEWNET) < 0)
		o->error = -errno;
	else
		open_here(o);
	return NULL;
}

/*
 * A thread enters the namespace and ends there. The caller never leaves its own, so
 * that there is no way back that could fail.
 */
static int
open_by_thread(struct opening *o)
{
	pthread_t thread;
	int ret;

	ret = pthread_create(&thread, NULL, open_there, o);
	if (ret != 0)
		return -ret;
	pthread_join(thread, NULL);
	return o->error;
}

int
rtnl_open(struct rtnl *nl, int netns)
{
	struct opening o = { .netns = netns };
	int ret;

	if (netns < 0) {
		open_here(&o);
		ret = o.error;
	} else {
		ret = open_by_thread(&o);
	}
	nl->sock = o.sock;
	nl->seq = 0;
	return ret;
}

void
rtnl_close(struct rtnl *nl)
{
	if (nl->sock != NULL)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

struct nlmsghdr *
rtnl_request(struct rtnl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

int
rtnl_talk(struct rtnl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	const unsigned int portid = mnl_socket_get_portid(nl->sock);
	ssize_t n;
	int ret;

	if (TEMP_FAILURE_RETRY(mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len)) < 0)
		return -errno;
	do {
		n = TEMP_FAILURE_RETRY(mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf)));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(nl->buf, n, nl->seq, portid, cb, arg);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}
