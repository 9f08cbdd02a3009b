/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Telemetry end points: /vduse/list, /vduse/info,NAME, /vduse/queues,NAME,
 * /vduse/iotlb,NAME, /vduse/messages,NAME. They run on telemetry's thread.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_telemetry.h>

#include "compat.h"
#include "count.h"
#include "net/config.h"
#include "net/list.h"
#include "net/names.h"
#include "ring/queue.h"
#include "ring/wake.h"

/* Telemetry takes up to 256 elements; regions beyond these are only counted. */
#define TEL_REGIONS_MAX 200

static void
tel_hex(struct rte_tel_data *d, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(d, name, text);
}

/* Names of the bits that are set, as an array. */
static void
tel_bits(struct rte_tel_data *d, const char *name, uint64_t bits, unsigned int nb,
		const char *(*bit_name)(unsigned int bit))
{
	struct rte_tel_data *names = rte_tel_data_alloc();
	char unnamed[16];
	unsigned int i;

	if (names == NULL)
		return;
	rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (i = 0; i < nb; i++) {
		if (!(bits >> i & 1))
			continue;
		snprintf(unnamed, sizeof(unnamed), "bit %u", i);
		rte_tel_data_add_array_string(names, bit_name(i) != NULL ? bit_name(i) : unnamed);
	}
	rte_tel_data_add_dict_container(d, name, names, 0);
}

static void
tel_list_one(const struct rte_vduse_net *net, void *arg)
{
	rte_tel_data_add_array_string(arg, net->dev->name);
}

static int
tel_list(__rte_unused const char *cmd, __rte_unused const char *params, struct rte_tel_data *d)
{
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	net_list_walk(tel_list_one, d);
	return 0;
}

static void
tel_info_one(const struct rte_vduse_net *net, void *arg)
{
	struct rte_vduse_net_info info;
	struct virtio_net_config config;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_vduse_net_info(net, &info);
	net_config_read(net, &config);
	rte_ether_format_addr(mac, sizeof(mac), (const struct rte_ether_addr *)config.mac);
	rte_tel_data_add_dict_string(arg, "name", net->dev->name);
	vduse_tel_add_uint(arg, "api_version", info.dev.api_version);
	rte_tel_data_add_dict_string(arg, "mac", mac);
	vduse_tel_add_uint(arg, "mtu", rte_le_to_cpu_16(config.mtu));
	vduse_tel_add_uint(arg, "speed_mbps", rte_le_to_cpu_32(config.speed));
	rte_tel_data_add_dict_string(arg, "body", net->bodies != NULL ? net->bodies->name : "none");
	vduse_tel_add_uint(arg, "link_up", info.link_up);
	vduse_tel_add_uint(arg, "queue_pairs", info.queue_pairs);
	vduse_tel_add_uint(arg, "active_pairs", info.active_pairs);
	rte_tel_data_add_dict_string(arg, "phase", info.dev.phase);
	rte_tel_data_add_dict_string(arg, "origin", vduse_origin_word(net->dev->origin));
	vduse_tel_add_uint(arg, "started", info.dev.started);
	vduse_tel_add_uint(arg, "broken", info.dev.broken);
	tel_bits(arg, "status", info.dev.status, 8, net_status_name);
	tel_bits(arg, "offered", net->dev->offered, 64, rte_vduse_net_feature_name);
	tel_bits(arg, "negotiated", info.dev.driver_features, 64, rte_vduse_net_feature_name);
}

static void
tel_queue(const struct rte_vduse_net *net, uint16_t index, struct rte_tel_data *d)
{
	struct vduse_vq *vq = vduse_dev_vq(net->dev, index);
	struct vduse_vq_view view;

	rte_tel_data_add_dict_string(d, "kind",
			index == __atomic_load_n(&net->ctrl_index, __ATOMIC_RELAXED) ||
							index == 2 * net->queue_pairs
					? "control"
			: index % 2 == 0 ? "receive"
					 : "transmit");
	vduse_tel_add_uint(d, "max_size", vq->ctl.max_size);
	vduse_vq_look(vq, &view);
	vduse_tel_add_uint(d, "size", view.size);
	rte_tel_data_add_dict_string(d, "phase", vduse_vq_phase_word(view.phase));
	vduse_tel_add_uint(d, "ready", view.ready);
	vduse_tel_add_uint(d, "running", view.running);
	rte_tel_data_add_dict_string(d, "format", view.is_packed ? "packed" : "split");
	tel_hex(d, "desc_iova", view.desc_addr);
	tel_hex(d, "driver_iova", view.driver_addr);
	tel_hex(d, "device_iova", view.device_addr);
	vduse_tel_add_uint(d, "avail_index", view.avail_idx);
	vduse_tel_add_uint(d, "used_index", view.used_idx);
	rte_tel_data_add_dict_int(d, "fill", view.fill);
	vduse_tel_add_uint(d, "kicks", vduse_wake_kicks(vq));
	vduse_tel_add_uint(d, "calls", vduse_count_read(&vq->stats.calls));
	vduse_tel_add_uint(d, "calls_suppressed", vduse_count_read(&vq->stats.calls_suppressed));
	if (view.fault != NULL)
		rte_tel_data_add_dict_string(d, "fault", view.fault);
}

static void
tel_queues_one(const struct rte_vduse_net *net, void *arg)
{
	struct rte_tel_data *queue;
	char name[16];
	uint16_t i;

	for (i = 0; i < net->dev->nb_queues; i++) {
		queue = rte_tel_data_alloc();
		if (queue == NULL)
			return;
		rte_tel_data_start_dict(queue);
		tel_queue(net, i, queue);
		snprintf(name, sizeof(name), "vq%u", i);
		rte_tel_data_add_dict_container(arg, name, queue, 0);
	}
}

static void
tel_space(struct vduse_iotlb *tlb, struct rte_tel_data *d)
{
	struct rte_tel_data *extents = rte_tel_data_alloc();
	const struct vduse_iotlb_map *map;
	char text[80];
	uint32_t i;

	if (extents == NULL)
		return;
	rte_tel_data_start_array(extents, RTE_TEL_STRING_VAL);
	vduse_map_mutex_lock(&tlb->lock);
	map = tlb->map;
	vduse_tel_add_uint(d, "regions", tlb->nb_regions);
	vduse_tel_add_uint(d, "extents", map->extents[0].size == 0 ? 0 : map->nb);
	vduse_tel_add_uint(d, "generation", map->generation);
	vduse_tel_add_uint(d, "losses", tlb->losses);
	for (i = 0; i < map->nb && i < TEL_REGIONS_MAX; i++) {
		const struct vduse_extent *ext = &map->extents[i];

		if (ext->size == 0)
			continue;
		snprintf(text, sizeof(text), "0x%" PRIx64 "-0x%" PRIx64 " %s%s%s", ext->start,
				ext->start + ext->size - 1, ext->perm & VDUSE_ABI_RO ? "r" : "",
				ext->perm & VDUSE_ABI_WO ? "w" : "", ext->dma ? " umem" : "");
		rte_tel_data_add_array_string(extents, text);
	}
	vduse_map_mutex_unlock(&tlb->lock);
	rte_tel_data_add_dict_container(d, "map", extents, 0);
}

/* Whether the kernel would take memory of ours for the region at 0 (VDUSE_IOTLB_REG_UMEM). */
static bool
tel_umem(struct rte_vduse_dev *dev)
{
	struct vduse_abi_iova info = { .start = 0, .last = 0 };

	return vduse_dev_ioctl(dev, VDUSE_IOC_IOVA, &info) == 0 &&
	       (info.capability & VDUSE_ABI_CAP_UMEM);
}

static void
tel_iotlb_one(const struct rte_vduse_net *net, void *arg)
{
	struct rte_tel_data *space;
	uint64_t misses = 0;
	char name[16];
	uint16_t i;

	for (i = 0; i < net->dev->nb_queues; i++)
		misses += vduse_count_read(&vduse_dev_vq(net->dev, i)->stats.iotlb_misses);
	vduse_tel_add_uint(arg, "misses", misses);
	vduse_tel_add_uint(arg, "umem_capable", tel_umem(net->dev));
	for (i = 0; i < net->dev->nb_spaces; i++) {
		space = rte_tel_data_alloc();
		if (space == NULL)
			return;
		rte_tel_data_start_dict(space);
		tel_space(&net->dev->tlbs[i], space);
		snprintf(name, sizeof(name), "asid%u", i);
		rte_tel_data_add_dict_container(arg, name, space, 0);
	}
}

static void
tel_messages_one(const struct rte_vduse_net *net, void *arg)
{
	static const char *const names[VDUSE_MSG_TYPES] = {
		"get_vq_state",
		"set_status",
		"update_iotlb",
		"set_vq_group_asid",
		"set_vq_ready",
		"suspend",
		"unknown",
	};
	struct vduse_msg_stats now;
	uint64_t answered = 0;
	char name[40];
	unsigned int i;

	vduse_count_read_all(&now, &net->dev->msg_stats, sizeof(now));
	for (i = 0; i < RTE_DIM(names); i++) {
		answered += now.answered[i];
		vduse_tel_add_uint(arg, names[i], now.answered[i]);
		if (now.refused[i] == 0)
			continue;
		snprintf(name, sizeof(name), "%s_refused", names[i]);
		vduse_tel_add_uint(arg, name, now.refused[i]);
	}
	vduse_tel_add_uint(arg, "latency_ns_average", answered > 0 ? now.ns_total / answered : 0);
	vduse_tel_add_uint(arg, "latency_ns_max", now.ns_max);
}

static const struct {
	const char *cmd;
	net_list_cb visit;
	const char *help;
} tel_cmds[] = {
	{ "/vduse/info", tel_info_one, "State of a VDUSE device. Parameters: string name" },
	{ "/vduse/queues", tel_queues_one, "Its virtqueues. Parameters: string name" },
	{ "/vduse/iotlb", tel_iotlb_one, "Its IOVA map. Parameters: string name" },
	{ "/vduse/messages", tel_messages_one, "The kernel's requests. Parameters: string name" },
};

static int
tel_device(const char *cmd, const char *params, struct rte_tel_data *d)
{
	size_t i;

	if (params == NULL || params[0] == '\0')
		return -EINVAL;
	for (i = 0; i < RTE_DIM(tel_cmds); i++)
		if (strcmp(cmd, tel_cmds[i].cmd) == 0)
			break;
	if (i == RTE_DIM(tel_cmds))
		return -EINVAL;
	rte_tel_data_start_dict(d);
	return net_list_visit(params, tel_cmds[i].visit, d);
}

RTE_INIT(net_telemetry_init)
{
	size_t i;

	rte_telemetry_register_cmd("/vduse/list", tel_list, "VDUSE devices. No parameters");
	for (i = 0; i < RTE_DIM(tel_cmds); i++)
		rte_telemetry_register_cmd(tel_cmds[i].cmd, tel_device, tel_cmds[i].help);
}
