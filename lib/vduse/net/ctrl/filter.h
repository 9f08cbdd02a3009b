/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

/** Addresses of each kind that a driver can set; more mean "all of that kind". */
#define NET_FILTER_MACS 64

/**
 * Which frames the driver wants (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3). Changed
 * by the control thread while the receive queues are paused.
 */
struct net_filter {
	bool active; /**< false: every frame is delivered */
	bool promisc;
	bool allmulti;
	bool alluni;
	bool nomulti;
	bool nouni;
	bool nobcast;
	bool vlan;                /**< tagged frames only of the VLANs in the table */
	bool table_all_unicast;   /**< the table was too long to keep */
	bool table_all_multicast; /**< the same */
	uint16_t nb_unicast;
	uint16_t nb_multicast;
	uint64_t mac; /**< the device's own, net_filter_mac(); atomic, any thread sets it */
	struct rte_ether_addr unicast[NET_FILTER_MACS];
	struct rte_ether_addr multicast[NET_FILTER_MACS];
	uint8_t vlans[RTE_ETHER_MAX_VLAN_ID / 8 + 1]; /**< bit map */
};

/** An address as one word. */
static inline uint64_t
net_filter_mac(const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	uint64_t word = 0;

	memcpy(&word, mac, RTE_ETHER_ADDR_LEN);
	return word;
}

/** Bursts may filter meanwhile: each by the old address or by the new one. */
static inline void
net_filter_set_mac(struct net_filter *f, const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	__atomic_store_n(&f->mac, net_filter_mac(mac), __ATOMIC_RELAXED);
}

/** Whether it is the device's own. */
static inline bool
net_filter_is_own(const struct net_filter *f, const struct rte_ether_addr *mac)
{
	return net_filter_mac(mac->addr_bytes) == __atomic_load_n(&f->mac, __ATOMIC_RELAXED);
}

/** All but the device's own address, which its owner may be setting at this moment. */
static inline void
net_filter_copy(struct net_filter *to, const struct net_filter *from)
{
	memcpy(to, from, offsetof(struct net_filter, mac));
	memcpy(to->unicast, from->unicast, sizeof(*to) - offsetof(struct net_filter, unicast));
}

static inline bool
net_filter_has(const struct rte_ether_addr *macs, uint16_t nb, const struct rte_ether_addr *mac)
{
	uint16_t i;

	for (i = 0; i < nb; i++)
		if (rte_is_same_ether_addr(&macs[i], mac))
			return true;
	return false;
}

static inline bool
net_filter_vlan(const struct net_filter *f, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	uint16_t id;

	if (!f->vlan || eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ||
			m->data_len < sizeof(*eth) + sizeof(*tag))
		return true;
	id = rte_be_to_cpu_16(tag->vlan_tci) & RTE_ETHER_MAX_VLAN_ID;
	return f->vlans[id / 8] >> id % 8 & 1;
}

/** Whether the driver wants the frame; its first segment holds the Ethernet header. */
static inline bool
net_filter_wants(const struct net_filter *f, const struct rte_mbuf *m)
{
	const struct rte_ether_addr *to = rte_pktmbuf_mtod(m, const struct rte_ether_addr *);

	if (!net_filter_vlan(f, m))
		return false;
	if (f->promisc)
		return true;
	if (rte_is_broadcast_ether_addr(to))
		return !f->nobcast;
	if (rte_is_multicast_ether_addr(to)) {
		if (f->allmulti)
			return true;
		return !f->nomulti &&
		       (f->table_all_multicast ||
				       net_filter_has(f->multicast, f->nb_multicast, to));
	}
	if (f->alluni)
		return true;
	return !f->nouni && (f->table_all_unicast || net_filter_is_own(f, to) ||
					    net_filter_has(f->unicast, f->nb_unicast, to));
}

#endif /* NET_FILTER_H */
