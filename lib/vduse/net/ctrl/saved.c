/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <string.h>

#include <rte_byteorder.h>

#include "log.h"
#include "net/config.h"
#include "net/ctrl/saved.h"

/* Changes of it change VDUSE_STATEFILE_VERSION. */
struct net_saved {
	uint64_t offloads; /* VIRTIO_NET_CTRL_GUEST_OFFLOADS: features of the receive queues */
	uint16_t active_pairs;
	uint16_t nb_coalesce; /* 0: as at the start */
	struct net_rss rss;
	struct net_filter filter;
	struct net_coalesce coalesce[2 * NET_SAVED_COALESCE_PAIRS];
};

static_assert(offsetof(struct net_filter, nb_unicast) == 10 * sizeof(bool), "only bools in front");
static_assert(sizeof(struct net_saved) <= VDUSE_JOURNAL_BLOB_MAX, "the room that there is");

void
net_saved_write(const struct rte_vduse_net *net)
{
	struct vduse_statefile *store = net->dev->store;
	struct net_saved saved;
	uint16_t i;

	if (store == NULL)
		return;
	memset(&saved, 0, sizeof(saved));
	saved.offloads = net->queues[0].features;
	saved.active_pairs = net->active_pairs;
	saved.nb_coalesce = RTE_MIN(2 * net->queue_pairs, (int)RTE_DIM(saved.coalesce));
	saved.rss = *net->rss;
	/* the device's own address is in the configuration */
	net_filter_copy(&saved.filter, &net->filter);
	for (i = 0; i < saved.nb_coalesce; i++) {
		const struct vduse_vq *vq = net->queues[i].vq;

		saved.coalesce[i].frames = __atomic_load_n(&vq->notify.frames, __ATOMIC_RELAXED);
		saved.coalesce[i].usecs = __atomic_load_n(&vq->notify.usecs, __ATOMIC_RELAXED);
	}
	vduse_statefile_write(&store->head->owner, &saved, sizeof(saved));
}

/* A bool of another value than 0 and 1 must not even be read. */
static bool
net_saved_bools_valid(const struct net_saved *saved)
{
	const uint8_t *const filter = (const uint8_t *)&saved->filter;
	size_t i;

	for (i = 0; i < offsetof(struct net_filter, nb_unicast); i++)
		if (filter[i] > 1)
			return false;
	return *(const uint8_t *)&saved->rss.steer <= 1;
}

/* What the driver agreed to, less what it switched off since. */
static bool
net_saved_offloads_valid(const struct rte_vduse_net *net, uint64_t offloads)
{
	const uint64_t negotiated = net->dev->driver_features;

	return (offloads & ~negotiated) == 0 && (negotiated & ~offloads & ~NET_CTRL_OFFLOADS) == 0;
}

static bool
net_saved_valid(const struct rte_vduse_net *net, const struct net_saved *saved)
{
	return net_saved_bools_valid(saved) && net_saved_offloads_valid(net, saved->offloads) &&
	       saved->active_pairs >= 1 && saved->active_pairs <= net->queue_pairs &&
	       saved->nb_coalesce <= RTE_MIN(2 * net->queue_pairs, (int)RTE_DIM(saved->coalesce)) &&
	       saved->rss.mask < NET_RSS_TABLE_MAX && saved->filter.nb_unicast <= NET_FILTER_MACS &&
	       saved->filter.nb_multicast <= NET_FILTER_MACS;
}

void
net_saved_restore(struct rte_vduse_net *net)
{
	const struct vduse_statefile *store = net->dev->store;
	struct net_saved saved;
	uint16_t i;

	if (store == NULL ||
			vduse_statefile_read(&store->head->owner, &saved, sizeof(saved)) == 0 ||
			!net_saved_valid(net, &saved))
		return;
	net_set_rss(net, &saved.rss);
	net_filter_copy(&net->filter, &saved.filter);
	for (i = 0; i < 2 * net->queue_pairs; i += 2)
		net->queues[i].features = saved.offloads;
	for (i = 0; i < saved.nb_coalesce; i++)
		net_set_coalesce(net, i, &saved.coalesce[i]);
	__atomic_store_n(&net->active_pairs, saved.active_pairs, __ATOMIC_RELAXED);
}

void
net_saved_adopt(struct rte_vduse_net *net)
{
	struct rte_vduse_dev *dev = net->dev;

	if (!dev->resumed)
		return;
	net->queue_pairs = dev->nb_queues / 2;
	net->steers = dev->first_control_queue < dev->nb_queues;
	net_saved_config(net);
}

void
net_saved_config(struct rte_vduse_net *net)
{
	const struct rte_vduse_dev *dev = net->dev;

	if (!dev->resumed)
		return;
	net_config_mutex_lock(&net->config_lock);
	vduse_statefile_read(&dev->store->head->config, &net->config, sizeof(net->config));
	net_config_mutex_unlock(&net->config_lock);
}
