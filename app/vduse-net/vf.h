/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ports whose device is an SR-IOV virtual function (VF). What it hears is decided by its physical
 * function (PF), in the hands of the kernel: frames to the address that the VF has, to those that
 * it is granted besides, to the multicast groups that it names, and broadcasts. Whether it is
 * promiscuous, or hears all groups, is the PF's to grant ("ip link set PF vf N trust on"), and
 * most VFs are not told what came of it. Main lcore only.
 */

#ifndef VF_H
#define VF_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

/* Multicast groups to be heard; of a zeroed one, freed by vf_groups_free(). */
struct vf_groups {
	struct rte_ether_addr *of;
	unsigned int nb, size;
};

/* Whether the device of a port is one. */
bool vf_is(uint16_t port);

/* The groups of every host: all nodes of IPv6, all hosts of IPv4. Return: 0 or -ENOMEM. */
int vf_groups_hosts(struct vf_groups *groups);

/*
 * The solicited-node group (RFC 4291, 2.7.1) of an IPv6 address, 16 bytes: neighbours ask there
 * for its MAC. Return: 0 or -ENOMEM.
 */
int vf_groups_ipv6(struct vf_groups *groups, const uint8_t ipv6[16]);

/* That of the addresses that a host makes of its MAC (RFC 4291, appendix A). Return: the same. */
int vf_groups_mac(struct vf_groups *groups, const struct rte_ether_addr *mac);

void vf_groups_free(struct vf_groups *groups);

/* Have a port that is started hear these groups, and no others. Return: 0 or the driver's -errno.
 */
int vf_hear(uint16_t port, const struct vf_groups *groups);

/*
 * Have it hear another address than its own, in the place of that.
 * Return: 0 or the driver's -errno.
 */
int vf_take_mac(uint16_t port, const struct rte_ether_addr *mac);

#endif /* VF_H */
