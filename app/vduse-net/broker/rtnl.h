/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_RTNL_H
#define BROKER_RTNL_H

/* rtnetlink(7) to a network namespace, this one or another, a request at a time. */

#include <stdalign.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

struct rtnl {
	struct mnl_socket *sock; /* NULL: not open */
	uint32_t seq;
	/* one request, or one datagram of answers: what the kernel puts into one at most */
	alignas(8) char buf[32768];
};

/**
 * Open a socket. It stays in its namespace, wherever the caller goes.
 *
 * @param netns descriptor of a network namespace; -1: the caller's
 * @return 0 or -errno: -EINVAL it is no network namespace, -EPERM not the right to enter it
 */
int rtnl_open(struct rtnl *nl, int netns);

/** Mirror of rtnl_open(); nothing happens where it is not open. */
void rtnl_close(struct rtnl *nl);

/** Begin a request. @param type RTM_*; @param flags NLM_F_* beside REQUEST and ACK */
struct nlmsghdr *rtnl_request(struct rtnl *nl, uint16_t type, uint16_t flags);

/**
 * Send a request, and take answers until it is acknowledged.
 *
 * @param cb what each message of the answer is for; NULL: there are none
 * @return 0 or -errno, what the kernel says
 */
int rtnl_talk(struct rtnl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg);

#endif /* BROKER_RTNL_H */
