/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>

#include <linux/virtio_config.h>

#include <rte_bitops.h>

#include "log.h"
#include "net/plan.h"

/* Features that one option stands for. */
static const struct {
	const char *option;
	uint64_t features;
} plan_options[] = {
	{ "ring", RTE_BIT64(VIRTIO_F_RING_PACKED) },
	{ "standby", RTE_BIT64(VIRTIO_NET_F_STANDBY) },
	{ "profile", NET_FEATURES_PROFILES },
};

static void
plan_differs(char *buf, size_t size, const char *option)
{
	const size_t at = strlen(buf);

	snprintf(buf + at, size - at, "%s%s", at > 0 ? ", " : "", option);
}

void
net_plan_made(const struct rte_vduse_net *net)
{
	const struct net_wish *wish = &net->wish;
	const uint64_t differ = wish->features ^ net->dev->offered;
	char options[128] = "";
	unsigned int i;

	if (!net->dev->resumed)
		return;
	for (i = 0; i < RTE_DIM(plan_options); i++)
		if (differ & plan_options[i].features)
			plan_differs(options, sizeof(options), plan_options[i].option);
	if (!wish->fewer_pairs && wish->queue_pairs != net->queue_pairs)
		plan_differs(options, sizeof(options), "queues");
	if (wish->queue_size != net->queues[0].vq->ctl.max_size)
		plan_differs(options, sizeof(options), "queue-size");
	if (options[0] != '\0')
		VDUSE_LOG(NOTICE,
				"%s: was made with other options (%s), and offers drivers what it "
				"was made with until it is recreated; destroy it for that",
				net->dev->name, options);
}

/* Nothing else was offered, by a process with the same wish. */
static bool
plan_needs_packed(const struct rte_vduse_net *net)
{
	return net->wish.packed_only && !vduse_dev_is_restoring(net->dev) &&
	       (net->dev->offered & RTE_BIT64(VIRTIO_F_RING_PACKED));
}

int
net_plan_check(const struct rte_vduse_net *net, uint64_t features)
{
	if (plan_needs_packed(net) && !(features & RTE_BIT64(VIRTIO_F_RING_PACKED))) {
		VDUSE_LOG(ERR, "%s: the driver takes no packed ring, and nothing else is offered",
				net->dev->name);
		return -EINVAL;
	}
	if ((features & RTE_BIT64(VIRTIO_NET_F_MQ)) &&
			!(features & RTE_BIT64(VIRTIO_NET_F_CTRL_VQ))) {
		VDUSE_LOG(ERR,
				"%s: the driver takes VIRTIO_NET_F_MQ without "
				"VIRTIO_NET_F_CTRL_VQ",
				net->dev->name);
		return -EINVAL;
	}
	return 0;
}

struct net_plan
net_plan(const struct rte_vduse_net *net, uint64_t features)
{
	const bool hash = features & RTE_BIT64(VIRTIO_NET_F_HASH_REPORT);
	const struct net_plan plan = {
		.features = features,
		.hdr_len = hash ? NET_HDR_HASH_LEN : NET_HDR_LEN,
		.zero_copy = net->wish.zero_copy,
		.in_order = features & RTE_BIT64(VIRTIO_F_IN_ORDER),
	};

	if (net->wish.packed_only && !(features & RTE_BIT64(VIRTIO_F_RING_PACKED)))
		VDUSE_LOG(NOTICE,
				"%s: the driver uses split rings, which were offered when the "
				"device was made: it is served as it is",
				net->dev->name);
	return plan;
}
