/* SPDX-License-Identifier: BSD-3-Clause */

/* A driver that suspends its device, as one does that moves to another machine (Linux 7.3). */

#include <errno.h>
#include <string.h>

#include "life/statefile.h"
#include "mem/deferred.h"
#include "resume.h"

#define FRAMES 3
#define ZC_MIN 512
#define LONG   1500

static const struct fk_conf kernel = {
	.vduse_features = RTE_BIT64(VDUSE_ABI_F_QUEUE_READY) | RTE_BIT64(VDUSE_ABI_F_SUSPEND),
};
/* split and packed, each plain and with event indices */
static const unsigned int kinds[] = { 0, 4, 8, 12 };

static void
assert_position(struct rig *b, uint16_t index, uint16_t expected)
{
	struct vduse_abi_vq_state position;

	assert_int_equal(fk_get_vq_state(b->dev, index, &position), 0);
	if (b->conf.variant.packed) {
		assert_int_equal(position.packed.last_avail_idx, expected);
		assert_int_equal(position.packed.last_used_idx, expected);
		assert_int_equal(position.packed.last_avail_counter, 1);
		assert_int_equal(position.packed.last_used_counter, 1);
	} else {
		assert_int_equal(position.split.avail_index, expected);
	}
}

/* Nothing moves, and where each queue is can be asked for, as often as one likes. */
static void
assert_rests(struct rig *b)
{
	unsigned int i;

	assert_string_equal(rig_info(b).dev.phase, "suspended");
	assert_false(rig_info(b).dev.started);
	assert_false(rig_info(b).dev.broken);
	assert_false(rig_is_served(b, 0));
	assert_false(rig_is_served(b, 1));
	rig_offer(b, RIG_BUFFERS, 2048);
	rig_send(b, RIG_BUFFERS + 4096, 1, 100);
	fk_kick(b->dev, 1);
	rig_settle();
	assert_null(rig_dequeue(b));
	assert_int_equal(rig_enqueue(b, rig_mbuf(1, 100, 100)), 0);
	for (i = 0; i < 2; i++) {
		assert_position(b, 0, FRAMES);
		assert_position(b, 1, FRAMES);
	}
}

/* The next driver finds it there, and goes on where the one before was. */
static void
go_on(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	b->conf.start = FRAMES;
	b->conf.start_wrap = true;
	rig_drive(b);
	rig_wait(b, rig_is_served, 1);
	rig_assert_traffic(b);
	b->conf.start = 0;
}

static void
traffic(struct rig *b)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		rig_assert_traffic(b);
}

static void
suspended(struct rig *b)
{
	unsigned int n;

	for (n = 0; n < 2; n++) {
		traffic(b);
		assert_int_equal(fk_suspend(b->dev), 0);
		rig_wait(b, rig_is_link_down, 0);
		assert_rests(b);
		/* what a driver may ask besides changes nothing */
		assert_int_equal(fk_suspend(b->dev), 0);
		assert_int_equal(fk_set_status(b->dev, RIG_DRIVER_OK), 0);
		assert_int_equal(fk_set_ready(b->dev, 1, false), 0);
		assert_int_equal(fk_set_ready(b->dev, 1, true), 0);
		assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
		assert_rests(b);
		go_on(b);
		assert_int_equal(fk_reset(b->dev), 0);
		rig_drive(b);
	}
}

static void
test_suspended(void **state)
{
	const struct rig_conf conf = { 0 };

	(void)state;
	unit_kernel(&kernel);
	rig_each(&conf, kinds, RTE_DIM(kinds), suspended);
}

/* A device that no driver has started has nothing that moves. */
static void
test_idle(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	unit_kernel(&kernel);
	rig_create(&b, &conf);
	assert_int_equal(fk_suspend(b.dev), 0);
	assert_string_equal(rig_info(&b).dev.phase, "idle");
	rig_drive(&b);
	rig_wait(&b, rig_is_served, 1);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static struct rte_mbuf *
take_long(struct rig *b)
{
	struct rte_mbuf *m;

	rig_send(b, RIG_BUFFERS, 7, LONG);
	m = rig_dequeue(b);
	assert_non_null(m);
	assert_true(rig_is_attached(m));
	return m;
}

/* What was handed on without a copy is copied: the driver has its buffer, and the frame its bytes.
 */
static void
lent(struct rig *b)
{
	struct mock_used used;
	struct rte_mbuf *m;

	m = take_long(b);
	assert_false(mock_vq_get(rig_tx(b), &used));
	assert_int_equal(fk_suspend(b->dev), 0);
	assert_true(mock_vq_get(rig_tx(b), &used));
	assert_position(b, 1, 1);
	rig_frame_write(b, RIG_BUFFERS, 8, LONG);
	rig_mbuf_check(m, 7, LONG);
	rte_pktmbuf_free(m);
}

static void
test_lent(void **state)
{
	const struct rig_conf conf = { .zero_copy_min = ZC_MIN };

	(void)state;
	unit_kernel(&kernel);
	rig_each(&conf, kinds, RTE_DIM(kinds), lent);
}

/* Buffers that cannot be given back: the driver is told no, and the device goes on as it was. */
static void
test_refused(void **state)
{
	const struct rig_conf conf = { .zero_copy_min = ZC_MIN };
	struct rte_mbuf *m;
	struct rig b;

	(void)state;
	unit_kernel(&kernel);
	rig_up(&b, &conf);
	rig_wait(&b, rig_is_served, 1);
	m = take_long(&b);
	fk_unmap_all(b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_int_equal(fk_suspend(b.dev), -EIO);
	assert_string_equal(rig_info(&b).dev.phase, "running");
	unit_assert_logged_once("cannot be given back");
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(rig_is_served(&b, 0));
	rte_pktmbuf_free(m);
	assert_null(rig_dequeue(&b));
	assert_int_equal(fk_suspend(b.dev), 0);
	assert_position(&b, 1, 1);
	rig_down(&b);
	assert_int_equal(vduse_deferred_reap(), 0);
}

static bool
is_suspended(struct rig *b)
{
	return strcmp(rig_info(b).dev.phase, "suspended") == 0;
}

/* As by a kill right behind the first word of it in the file. */
static void
note_suspended(void)
{
	struct vduse_statefile *store;

	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	vduse_statefile_set_status(store, RIG_DRIVER_OK, VDUSE_STATEFILE_SUSPENDED);
	vduse_statefile_close(store, false);
}

/* The process is killed, early: before it has come to park its queues; another follows. */
static void
killed(const struct rig_variant *variant, bool early)
{
	struct rig_conf conf = { .variant = *variant };
	struct rig b;

	resume_up(&b, &conf);
	traffic(&b);
	if (!early)
		assert_int_equal(fk_suspend(b.dev), 0);
	resume_die(&b);
	if (early)
		note_suspended();
	resume_again(&b);
	resume_wait(&b, is_suspended);
	assert_rests(&b);
	go_on(&b);
	resume_down(&b);
}

/* The one that follows moves nothing either, knows the positions, and parks what was not parked. */
static void
test_killed(void **state)
{
	unsigned int i;

	(void)state;
	unit_kernel(&kernel);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		killed(&rig_variants[kinds[i]], false);
		killed(&rig_variants[kinds[i]], true);
	}
}

static bool
is_broken(struct rig *b)
{
	return rig_info(b).dev.broken;
}

/* The same, and its memory is not there to find out: it has failed, and says so. */
static void
test_killed_early_unmapped(void **state)
{
	struct rig_conf conf = { 0 };
	struct vduse_abi_vq_state position;
	struct rig b;

	(void)state;
	unit_kernel(&kernel);
	resume_up(&b, &conf);
	traffic(&b);
	resume_die(&b);
	note_suspended();
	fk_unmap_all(b.dev);
	resume_again(&b);
	resume_wait(&b, is_broken);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), -EIO);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	rig_assert_traffic(&b);
	resume_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_suspended),
		UNIT_TEST(test_idle),
		UNIT_TEST(test_lent),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_killed),
		UNIT_TEST(test_killed_early_unmapped),
	};

	return UNIT_RUN("suspend", tests);
}
