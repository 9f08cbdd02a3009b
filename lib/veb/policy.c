/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules: what the owner says, and what lcores read of it. */

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "priv.h"

/* So much of a second's traffic may come at once, where nobody says how much. */
#define BURSTS_A_SECOND 100
/* A frame of 64 KiB with its headers passes whole, whatever the burst. */
#define BURST_MIN     (UINT16_MAX + 1 + 64)
#define BUM_BURST_MIN 16

static bool
prefix_is_valid(const struct veb_prefix *prefix)
{
	return prefix->len <= (prefix->ipv6 ? 128 : 32);
}

int
policy_check(const struct veb_rules *rules)
{
	uint16_t i;

	if (!rte_is_valid_assigned_ether_addr(&rules->mac) || rules->vlan > VEB_VLAN_MAX ||
			rules->qos > 7 || rules->nb_prefixes > VEB_PREFIXES_MAX ||
			rules->max_macs > VEB_MACS_MAX || rules->link > VEB_LINK_DOWN)
		return -EINVAL;
	if (rules->trunk != NULL && (rules->vlan != 0 || rules->trunk->bits[63] >> 63 != 0))
		return -EINVAL;
	for (i = 0; i < rules->nb_prefixes; i++)
		if (!prefix_is_valid(&rules->prefixes[i]))
			return -EINVAL;
	return 0;
}

static uint64_t
mac_bits(const struct rte_ether_addr *mac)
{
	uint64_t bits = 0;

	memcpy(&bits, mac, sizeof(*mac));
	return rte_le_to_cpu_64(bits);
}

/* Bytes of Mbit/s. */
static void
set_rate(struct rate *rate, const struct veb_rules *rules, uint32_t mbits)
{
	const uint64_t bytes = (uint64_t)mbits * 1000 * 1000 / 8;
	const uint64_t burst =
			rules->burst != 0 ? (uint64_t)rules->burst * 1024 : bytes / BURSTS_A_SECOND;

	rate_init(rate, bytes, RTE_MAX(burst, (uint64_t)BURST_MIN));
}

static void
set_rules(struct policy *p, const struct veb_rules *rules)
{
	p->mac = mac_bits(&rules->mac);
	p->addr = rules->mac;
	p->vlan = rules->vlan;
	p->tci = rules->qos << 13 | rules->vlan;
	p->key = fdb_key(rules->vlan, 0);
	p->isolated = rules->isolated;
	p->link = rules->link;
	p->max_macs = rules->trust ? rules->max_macs : 0;
	p->mirror = (struct veb_member *)(uintptr_t)rules->mirror;
	if (rules->trunk != NULL) {
		p->trunk = *rules->trunk;
		p->flags |= POLICY_TAGS;
	}
	if (rules->spoofchk)
		p->flags |= POLICY_MAC;
	if (rules->spoofchk && rules->nb_prefixes != 0) {
		p->flags |= POLICY_GUARD;
		p->nb_prefixes = rules->nb_prefixes;
		memcpy(p->prefixes, rules->prefixes,
				rules->nb_prefixes * sizeof(rules->prefixes[0]));
	}
	if (rules->trust)
		p->flags |= POLICY_TRUST;
	if (rules->gro)
		p->flags |= POLICY_GRO;
	set_rate(&p->tx, rules, rules->max_tx_rate);
	set_rate(&p->rx, rules, rules->max_rx_rate);
	rate_init(&p->bum, rules->bum_rate,
			RTE_MAX(rules->bum_rate / BURSTS_A_SECOND, (uint32_t)BUM_BURST_MIN));
	p->flags |= (p->tx.on ? POLICY_TX : 0) | (p->bum.on ? POLICY_BUM : 0);
}

struct policy *
policy_create(const struct veb_member_conf *conf, int socket)
{
	const uint16_t n = conf->uplink ? 0 : conf->rules.nb_prefixes;
	struct policy *p;

	p = rte_zmalloc_socket("veb_policy", sizeof(*p) + n * sizeof(p->prefixes[0]),
			RTE_CACHE_LINE_SIZE, socket);
	if (p == NULL)
		return NULL;
	if (!conf->uplink) {
		set_rules(p, &conf->rules);
		return p;
	}
	/* whatever comes from outside is for who is meant */
	p->flags = POLICY_TAGS;
	p->link = VEB_LINK_UP;
	p->mirror = (struct veb_member *)(uintptr_t)conf->rules.mirror;
	memset(&p->trunk, 0xff, sizeof(p->trunk));
	p->trunk.bits[63] &= ~RTE_BIT64(63);
	return p;
}
