/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <linux/virtio_config.h>

#include "owner.h"

#define BIT(name) (1ULL << (name))

/* Where tables of descriptors are, of 1024 each. */
#define TABLES     (GUEST_MAIN + (12ull << 20))
#define TABLE_SIZE 16384

void
owner_begin(struct owner *o, const char *name, const struct rig_variant *variant, uint64_t features)
{
	memset(o, 0, sizeof(*o));
	guest_init(&o->guest);
	o->dev = fk_find(name);
	assert_non_null(o->dev);
	guest_map(&o->guest, o->dev);
	o->packed = variant->packed;
	o->event_idx = variant->event_idx;
	o->features = features | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
		      (variant->packed ? BIT(VIRTIO_F_RING_PACKED) : 0) |
		      (variant->event_idx ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
		      (variant->indirect ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0);
	assert_int_equal(fk_set_status(o->dev, RIG_ACK), 0);
	assert_int_equal(fk_set_status(o->dev, RIG_DRIVER), 0);
	fk_set_features(o->dev, o->features);
}

static void
owner_ring(struct owner *o)
{
	const struct mock_vq_conf conf = {
		.mem = &o->guest.mem,
		.iova = GUEST_MAIN,
		.size = fk_vq_max(o->dev, 0),
		.packed = o->packed,
		.event_idx = o->event_idx,
		.start_wrap = o->packed,
	};
	struct vduse_abi_vq info = { .num = conf.size, .ready = true };

	assert_int_equal(mock_vq_init(&o->vq, &conf), 0);
	info.desc_addr = o->vq.desc_iova;
	info.driver_addr = o->vq.driver_iova;
	info.device_addr = o->vq.device_iova;
	if (o->packed)
		info.packed.last_avail_counter = info.packed.last_used_counter = 1;
	fk_set_vq(o->dev, &info);
}

void
owner_up(struct owner *o, const char *name, const struct rig_variant *variant, uint64_t features)
{
	owner_begin(o, name, variant, features);
	assert_int_equal(fk_set_status(o->dev, RIG_FEATURES_OK), 0);
	owner_ring(o);
	assert_int_equal(fk_set_status(o->dev, RIG_DRIVER_OK), 0);
}

void
owner_down(struct owner *o)
{
	assert_int_equal(fk_reset(o->dev), 0);
	mock_vq_fini(&o->vq);
	guest_fini(&o->guest);
}

void
owner_add(struct owner *o, const struct mock_desc *descs, uint16_t n, uint16_t place)
{
	int ret;

	if (o->features & BIT(VIRTIO_RING_F_INDIRECT_DESC))
		ret = mock_vq_add_indirect(
				&o->vq, descs, n, TABLES + (uint64_t)place * TABLE_SIZE, NULL);
	else
		ret = mock_vq_add(&o->vq, descs, n, NULL);
	assert_int_equal(ret, 0);
}

void
owner_got(struct owner *o, uint32_t len)
{
	struct mock_used used;

	assert_true(mock_vq_get(&o->vq, &used));
	assert_int_equal(used.len, len);
}

void
owner_got_none(struct owner *o)
{
	struct mock_used used;

	assert_false(mock_vq_get(&o->vq, &used));
}
