/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>

#include <rte_common.h>

#include "counters.h"
#include "poller_counters.h"

/* Reasons behind a name of counters.h. */
struct drops {
	enum counter_of of;
	unsigned int row;
	const uint64_t *counts;
	unsigned int nb;
	const char *(*name)(unsigned int why);
};

static const char *
bridge_reason(unsigned int why)
{
	return veb_drop_name((enum veb_drop)why);
}

static const char *
port_reason(unsigned int why)
{
	return fwd_drop_name((enum fwd_drop)why);
}

/* As struct rte_vduse_net_queue_stats says them. */
static const char *
device_reason(unsigned int why)
{
	static const char *const names[] = { "too short", "too long", "too many pieces",
		"bad header", "does not fit", "offload not taken", "filtered" };

	return names[why];
}

static void
put_drops(json_t *all, const struct drops *drops)
{
	char name[64];
	unsigned int i;

	for (i = 0; i < drops->nb; i++) {
		snprintf(name, sizeof(name), "%s%s", counter_owners[drops->of].rows[drops->row].key,
				drops->name(i));
		json_object_set_new(all, name, json_integer((json_int_t)drops->counts[i]));
	}
}

/* Those of "statistics" that are one number each; n values there are. */
static json_t *
put_values(enum counter_of of, const uint64_t *values, unsigned int n)
{
	const struct counter_owner *owner = &counter_owners[of];
	json_t *all = json_object();
	unsigned int i;

	for (i = 0; i < owner->nb && i < n; i++)
		if (owner->rows[i].kind == COUNTER_SUM || owner->rows[i].kind == COUNTER_NOW)
			json_object_set_new(all, owner->rows[i].key,
					json_integer((json_int_t)values[i]));
	return all;
}

json_t *
poller_container_counters(const struct node_container *container)
{
	const struct rte_vduse_net_queue_stats *device = &container->device;
	const struct veb_stats *stats = &container->stats;
	const uint64_t values[COUNTER_CONTAINER_ALL] = {
		[COUNTER_CONTAINER_TX_PACKETS] = stats->in,
		[COUNTER_CONTAINER_TX_BYTES] = stats->in_bytes,
		[COUNTER_CONTAINER_RX_PACKETS] = stats->out,
		[COUNTER_CONTAINER_RX_BYTES] = stats->out_bytes,
		[COUNTER_CONTAINER_GRO_PACKETS] = stats->merged,
		[COUNTER_CONTAINER_GRO_BYTES] = stats->merged_bytes,
		[COUNTER_CONTAINER_LEARN_FULL] = stats->learn_full,
		[COUNTER_CONTAINER_MOVES] = stats->moves,
		[COUNTER_CONTAINER_MACS] = stats->macs,
		[COUNTER_CONTAINER_COPIES] = stats->more,
		[COUNTER_CONTAINER_NO_MBUF] = device->no_mbuf,
		[COUNTER_CONTAINER_KICKS] = device->kicks,
		[COUNTER_CONTAINER_INTERRUPTS] = device->calls,
		[COUNTER_CONTAINER_INTERRUPTS_FAILED] = device->calls_failed,
		[COUNTER_CONTAINER_IOTLB_HITS] = device->iotlb_hits,
		[COUNTER_CONTAINER_IOTLB_MISSES] = device->iotlb_misses,
		[COUNTER_CONTAINER_IOTLB_WAITS] = device->iotlb_waits,
		[COUNTER_CONTAINER_FAULTS] = device->faults,
	};
	const uint64_t dropped[] = { device->drop_short, device->drop_long, device->drop_segments,
		device->drop_header, device->drop_no_fit, device->drop_offload,
		device->drop_filter };
	json_t *all = put_values(COUNTER_OF_CONTAINER, values, RTE_DIM(values));

	put_drops(all, &(const struct drops){ COUNTER_OF_CONTAINER, COUNTER_CONTAINER_DROP,
				       stats->drops, RTE_DIM(stats->drops), bridge_reason });
	put_drops(all, &(const struct drops){ COUNTER_OF_CONTAINER, COUNTER_CONTAINER_DEVICE_DROP,
				       dropped, RTE_DIM(dropped), device_reason });
	return all;
}

json_t *
poller_uplink_counters(const struct node_uplink *uplink)
{
	const struct fwd_counters *sent = &uplink->sent;
	const struct veb_stats *stats = &uplink->stats;
	const uint64_t values[COUNTER_UPLINK_ALL] = {
		[COUNTER_UPLINK_RX_PACKETS] = stats->in,
		[COUNTER_UPLINK_RX_BYTES] = stats->in_bytes,
		[COUNTER_UPLINK_TX_PACKETS] = sent->tx,
		[COUNTER_UPLINK_TX_BYTES] = stats->out_bytes,
		[COUNTER_UPLINK_TX_CUT] = sent->more,
	};
	json_t *all = put_values(COUNTER_OF_UPLINK, values, RTE_DIM(values));

	put_drops(all, &(const struct drops){ COUNTER_OF_UPLINK, COUNTER_UPLINK_DROP, stats->drops,
				       RTE_DIM(stats->drops), bridge_reason });
	put_drops(all, &(const struct drops){ COUNTER_OF_UPLINK, COUNTER_UPLINK_PORT_DROP,
				       sent->drops, RTE_DIM(sent->drops), port_reason });
	return all;
}

json_t *
poller_lcore_counters(const struct node_lcore *lcore)
{
	const uint64_t values[COUNTER_LCORE_ALL] = {
		[COUNTER_LCORE_PACKETS] = lcore->frames,
		[COUNTER_LCORE_ROUNDS] = lcore->rounds,
		[COUNTER_LCORE_SLEEPS] = lcore->sleeps,
	};

	return put_values(COUNTER_OF_LCORE, values, RTE_DIM(values));
}
