/* SPDX-License-Identifier: BSD-3-Clause */

/* Address spaces of API 1: the data queues' and the control queue's own. */

#include <errno.h>

#include "ctrlq.h"

static void
kernel_api(uint64_t newest)
{
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true, .api_newest = newest });
}

static void
space_up(struct rig *b, unsigned int variant)
{
	const struct rig_conf conf = {
		.variant = rig_variants[variant],
		.pairs = CTRLQ_PAIRS,
		.features = (1ULL << VIRTIO_NET_F_CTRL_VQ) | (1ULL << VIRTIO_NET_F_MQ),
	};

	rig_up(b, &conf);
}

static void
assert_ctrl(struct rig *b, uint16_t pairs)
{
	const uint8_t data[] = { pairs, 0 };

	assert_int_equal(ctrlq_ask(b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, data,
					 sizeof(data)),
			VIRTIO_NET_OK);
	assert_int_equal(rig_info(b).active_pairs, pairs);
}

/* The whole guest's memory in this space. */
static void
map_space(struct rig *b, uint32_t asid)
{
	struct fk_region r;
	unsigned int i;

	for (i = 0; i < b->guest.nb_regions; i++) {
		r = b->guest.regions[i];
		r.asid = asid;
		fk_map(b->dev, &r);
	}
}

static void
test_groups(void **state)
{
	struct rig b;
	uint64_t api;
	uint16_t i;

	(void)state;
	for (api = 0; api < 2; api++) {
		kernel_api(api);
		space_up(&b, 0);
		assert_int_equal(fk_api_version(b.dev), api);
		assert_int_equal(fk_nb_spaces(b.dev), 1 + api);
		for (i = 0; i < b.nb_vqs; i++)
			assert_int_equal(fk_vq_group(b.dev, i), i == CTRLQ_INDEX ? api : 0);
		/* each API has its own call */
		assert_int_equal(fk_map_reads(b.dev, api == 0), 0);
		assert_true(fk_map_reads(b.dev, api == 1) > 0);
		assert_ctrl(&b, 2);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
	/* without a control queue there is one space */
	rig_create(&b, &(struct rig_conf){ .pairs = 1 });
	assert_int_equal(fk_nb_spaces(b.dev), 1);
	rig_destroy(&b);
}

/* The control queue moves away and back; it is served from where it is only. */
static void
test_move(void **state)
{
	struct rig b;
	unsigned int v;

	(void)state;
	kernel_api(1);
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		space_up(&b, v);
		assert_ctrl(&b, 2);
		map_space(&b, 1);
		assert_int_equal(fk_update_space(b.dev, 1, 0, UINT64_MAX), 0);
		assert_int_equal(fk_set_group_asid(b.dev, 1, 1), 0);
		assert_ctrl(&b, 3);
		rig_assert_traffic(&b);
		/* data queues are in space 0 still: what happens there is nothing to this one */
		fk_unmap_all(b.dev);
		map_space(&b, 1);
		assert_int_equal(fk_update_space(b.dev, 0, 0, UINT64_MAX), 0);
		assert_false(rig_is_served(&b, 0));
		assert_true(rig_is_served(&b, CTRLQ_INDEX));
		assert_ctrl(&b, 1);
		map_space(&b, 0);
		assert_int_equal(fk_update_space(b.dev, 0, 0, UINT64_MAX), 0);
		rig_assert_traffic(&b);
		assert_int_equal(fk_set_group_asid(b.dev, 1, 0), 0);
		assert_ctrl(&b, 4);
		/* all of them in space 1 */
		assert_int_equal(fk_set_group_asid(b.dev, 0, 1), 0);
		rig_assert_traffic(&b);
		assert_ctrl(&b, 2);
		rig_down(&b);
	}
}

/* The control queue's space goes: frames pass, commands wait for its return. */
static void
test_one_space(void **state)
{
	const uint8_t data[] = { 4, 0 };
	struct rig b;

	(void)state;
	kernel_api(1);
	space_up(&b, 0);
	map_space(&b, 1);
	assert_int_equal(fk_update_space(b.dev, 1, 0, UINT64_MAX), 0);
	assert_int_equal(fk_set_group_asid(b.dev, 1, 1), 0);
	fk_unmap_all(b.dev);
	map_space(&b, 0);
	assert_int_equal(fk_update_space(b.dev, 1, 0, UINT64_MAX), 0);
	assert_false(rig_is_served(&b, CTRLQ_INDEX));
	rig_assert_traffic(&b);
	ctrlq_add(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, data, sizeof(data));
	fk_kick(b.dev, CTRLQ_INDEX);
	rig_assert_traffic(&b);
	map_space(&b, 1);
	assert_int_equal(fk_update_space(b.dev, 1, 0, UINT64_MAX), 0);
	assert_true(ctrlq_wait(&b));
	assert_int_equal(rig_info(&b).active_pairs, 4);
	rig_down(&b);
}

/* Moved before the driver is up. */
static void
test_move_early(void **state)
{
	const struct rig_conf conf = {
		.pairs = CTRLQ_PAIRS,
		.features = (1ULL << VIRTIO_NET_F_CTRL_VQ) | (1ULL << VIRTIO_NET_F_MQ),
	};
	struct rig b;

	(void)state;
	kernel_api(1);
	rig_create(&b, &conf);
	map_space(&b, 1);
	assert_int_equal(fk_set_group_asid(b.dev, 1, 1), 0);
	rig_drive(&b);
	assert_ctrl(&b, 2);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_out_of_range(void **state)
{
	static const uint32_t bad[] = { 2, 3, 0xffff, UINT32_MAX };
	struct rig b;
	size_t i;

	(void)state;
	kernel_api(1);
	space_up(&b, 0);
	for (i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(fk_set_group_asid(b.dev, bad[i], 0), -EIO);
		assert_int_equal(fk_set_group_asid(b.dev, 1, bad[i]), -EIO);
		assert_int_equal(fk_update_space(b.dev, bad[i], 0, UINT64_MAX), -EIO);
		assert_int_equal(fk_update_space(b.dev, 1, 1, 0), -EIO);
	}
	assert_ctrl(&b, 2);
	rig_assert_traffic(&b);
	rig_down(&b);
	/* API 0 knows neither groups nor the field */
	kernel_api(0);
	space_up(&b, 0);
	assert_int_equal(fk_set_group_asid(b.dev, 0, 0), -EIO);
	assert_int_equal(fk_update_space(b.dev, 7, 0, UINT64_MAX), 0);
	rig_assert_traffic(&b);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_groups),
		UNIT_TEST(test_move),
		UNIT_TEST(test_one_space),
		UNIT_TEST(test_move_early),
		UNIT_TEST(test_out_of_range),
	};

	return UNIT_RUN("space", tests);
}
