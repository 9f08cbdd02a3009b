/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_NETIF_H
#define BROKER_NETIF_H

/*
 * The network interface of a container: into its namespace, with its name, addresses and
 * routes, as a transaction.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/if.h>

#include <rte_ether.h>

#include "control.h"

#define NETIF_ADDRESSES_MAX 16
#define NETIF_ROUTES_MAX    16

struct netif_address {
	uint8_t family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint8_t prefix; /* bits */
	uint8_t bytes[16];
};

struct netif_route {
	struct netif_address to;
	struct netif_address via; /* AF_UNSPEC: on the link */
	uint32_t metric;          /* 0: the kernel's choice */
};

/* What an interface is to become. */
struct netif_conf {
	int netns;             /* descriptor of its network namespace; -1: where it is */
	char ifname[IFNAMSIZ]; /* in there; "": as it is */
	uint32_t mtu;          /* bytes; 0: as it is */
	bool set_mac;
	struct rte_ether_addr mac;
	unsigned int nb_addresses;
	struct netif_address addresses[NETIF_ADDRESSES_MAX];
	unsigned int nb_routes;
	struct netif_route routes[NETIF_ROUTES_MAX];
};

struct netif_error {
	char parameter[32]; /* "ifname", "netns", "address", "route", "mtu", "mac", or "" */
	char text[256];     /* a sentence: step, cause and cure */
};

/**
 * Make it so, and set it up. Where a step fails, the interface is as it was found: in this
 * namespace, with its name, MTU, MAC address, up or down.
 *
 * @param ifname its name in the caller's namespace
 * @return 0 or -errno with the error filled: -EEXIST the name is taken in the namespace
 */
int netif_place(const char *ifname, const struct netif_conf *conf, struct netif_error *error);

/**
 * Exchange the addresses and routes that an interface was given for others; those that are in
 * both stay. Where a step fails, it is as it was.
 *
 * @param ifname its name in the namespace of to
 * @return 0 or -errno with the error filled: -ENODEV there is no such interface
 */
int netif_readdress(const char *ifname, const struct netif_conf *from, const struct netif_conf *to,
		struct netif_error *error);

/**
 * Open a network namespace by its path: nothing else is opened.
 *
 * @return descriptor or -errno: -EINVAL the file is none
 */
int netif_open_netns(const char *path);

/**
 * The words of a container that are about its interface.
 *
 * @param netns descriptor, or -1
 */
void netif_of(const struct control_container *conf, int netns, struct netif_conf *netif);

/** "10.0.0.2/24", "fd00::2/64"; without a slash: all bits. @return 0 or -EINVAL */
int netif_parse_address(const char *text, struct netif_address *address);

/**
 * "10.1.0.0/16 via 10.0.0.1", "default via fd00::1 metric 100", "10.1.0.0/16".
 *
 * @return 0 or -EINVAL
 */
int netif_parse_route(const char *text, struct netif_route *route);

#endif /* BROKER_NETIF_H */
