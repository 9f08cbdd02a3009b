/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_NETIF_PRIV_H
#define BROKER_NETIF_PRIV_H

/* What the placing of an interface is made of. */

#include <rte_common.h>

#include "broker/netif.h"
#include "broker/rtnl.h"

/* An interface as it is. */
struct link_state {
	int index; /* 0: there is none of that name */
	uint32_t mtu;
	struct rte_ether_addr mac;
	bool up;
};

struct placing {
	const struct netif_conf *conf;
	struct netif_error *error;
	char found_name[IFNAMSIZ];
	struct link_state found;
	int index;                 /* where it is now */
	bool moves;                /* to another namespace */
	int host_ns;               /* descriptor of the one it comes from */
	unsigned int nb_addresses; /* that it has been given */
	struct rtnl host, there;
	struct rtnl *at; /* of the two, where it is now */
};

/* Fill in what went wrong. Return: err. */
int netif_fail(struct placing *p, int err, const char *parameter, const char *format, ...)
		__rte_format_printf(4, 5);

/* -ENODEV: there is none of that name. */
int netif_find_link(struct rtnl *nl, const char *name, struct link_state *link);

int netif_set_up(struct placing *p, bool up);

/* Both namespaces, where there are two. Mirror: netif_leave(), also where it fails. */
int netif_enter(struct placing *p);
void netif_leave(struct placing *p);

/* Steps: all that the interface is given. Routes go when it is set down. */
int netif_take_addresses(struct placing *p);
void netif_undo_addresses(struct placing *p);
int netif_take_routes(struct placing *p);

#endif /* BROKER_NETIF_PRIV_H */
