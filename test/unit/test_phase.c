/* SPDX-License-Identifier: BSD-3-Clause */

/* A device's and a queue's phases: the ways that there are, and no other; and how a device is come
 * by. */

#include <stdlib.h>
#include <string.h>

#include "rig.h"

/* Every way, said once more than in the library. */
static const struct way {
	const char *from, *to;
} device_ways[] = {
	{ "opened", "waiting" },
	{ "opened", "restoring" },
	{ "opened", "idle" },
	{ "opened", "ended" },
	{ "opened", "left" },
	{ "waiting", "opened" },
	{ "waiting", "left" },
	{ "restoring", "resuming" },
	{ "restoring", "idle" },
	{ "restoring", "suspended" },
	{ "restoring", "failed" },
	{ "restoring", "ended" },
	{ "resuming", "running" },
	{ "resuming", "failed" },
	{ "idle", "opened" },
	{ "idle", "running" },
	{ "idle", "failed" },
	{ "idle", "lost" },
	{ "idle", "offered" },
	{ "idle", "ended" },
	{ "running", "idle" },
	{ "running", "suspended" },
	{ "running", "failed" },
	{ "running", "offered" },
	{ "running", "ended" },
	{ "suspended", "idle" },
	{ "suspended", "failed" },
	{ "suspended", "offered" },
	{ "suspended", "ended" },
	{ "failed", "idle" },
	{ "failed", "lost" },
	{ "failed", "offered" },
	{ "failed", "ended" },
	{ "lost", "idle" },
	{ "lost", "ended" },
	{ "offered", "restoring" },
	{ "offered", "left" },
	{ "ended", "left" },
}, queue_ways[] = {
	{ "off", "unplaced" },
	{ "off", "unmapped" },
	{ "unsettled", "off" },
	{ "unsettled", "unplaced" },
	{ "unsettled", "unmapped" },
	{ "unplaced", "off" },
	{ "unplaced", "served" },
	{ "unmapped", "off" },
	{ "unmapped", "unsettled" },
	{ "unmapped", "served" },
	{ "served", "off" },
	{ "served", "unsettled" },
	{ "served", "unmapped" },
};

static bool
is_way(const struct way *ways, size_t nb, const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < nb; i++)
		if (strcmp(ways[i].from, from) == 0 && strcmp(ways[i].to, to) == 0)
			return true;
	return strcmp(from, to) == 0;
}

static void
test_device(void **state)
{
	static struct rte_vduse_dev dev = { .name = "unit" };
	unsigned int from, to;
	bool may;

	(void)state;
	unit_mistakes_meant = true;
	for (from = 0; from < VDUSE_PHASE_NB; from++)
		for (to = 0; to < VDUSE_PHASE_NB; to++) {
			may = is_way(device_ways, RTE_DIM(device_ways), vduse_phase_word(from),
					vduse_phase_word(to));
			dev.phase = from;
			unit_log_clear();
			assert_int_equal(vduse_phase_set(&dev, to), may);
			assert_int_equal(vduse_dev_phase(&dev), may ? to : from);
			assert_int_equal(unit_log_count("a mistake of this library"), !may);
			assert_int_equal(vduse_phase_may(from, to), may && from != to);
		}
	unit_log_clear();
	unit_mistakes_meant = false;
}

static void
test_queue(void **state)
{
	static struct vduse_vq vq = { .ctl.lock = MUTEX_INITIALIZER };
	unsigned int from, to;
	bool may;

	(void)state;
	unit_mistakes_meant = true;
	for (from = 0; from < VDUSE_VQ_PHASE_NB; from++)
		for (to = 0; to < VDUSE_VQ_PHASE_NB; to++) {
			may = is_way(queue_ways, RTE_DIM(queue_ways), vduse_vq_phase_word(from),
					vduse_vq_phase_word(to));
			vq.ctl.phase = from;
			unit_log_clear();
			assert_int_equal(vduse_vq_phase_set(&vq, to), may);
			assert_int_equal(vq.ctl.phase, may ? to : from);
			assert_int_equal(unit_log_count("a mistake of this library"), !may);
		}
	unit_log_clear();
	unit_mistakes_meant = false;
}

/* Of each: what is looked after first, what is tried. */
static const struct origin {
	bool served;
	enum vduse_trace trace;
	bool adopt;
	enum vduse_sweep sweep;
	const char *tries;
} origins[] = {
	{ true, VDUSE_TRACE_SERVED, true, VDUSE_SWEEP_NONE, "taken over" },
	{ true, VDUSE_TRACE_SERVED, false, VDUSE_SWEEP_NONE, "taken over" },
	{ true, VDUSE_TRACE_NONE, false, VDUSE_SWEEP_NONE, "taken over" },
	{ false, VDUSE_TRACE_NONE, false, VDUSE_SWEEP_NONE, "created" },
	{ false, VDUSE_TRACE_NONE, true, VDUSE_SWEEP_NONE, "adopted created" },
	{ false, VDUSE_TRACE_CREATING, false, VDUSE_SWEEP_HALF_MADE, "created" },
	{ false, VDUSE_TRACE_CREATING, true, VDUSE_SWEEP_NONE, "adopted created" },
	{ false, VDUSE_TRACE_SERVED, false, VDUSE_SWEEP_NONE, "resumed created" },
	{ false, VDUSE_TRACE_SERVED, true, VDUSE_SWEEP_NONE, "resumed adopted created" },
	{ false, VDUSE_TRACE_UNREADABLE, false, VDUSE_SWEEP_UNKNOWN, "created" },
	{ false, VDUSE_TRACE_UNREADABLE, true, VDUSE_SWEEP_NONE, "adopted created" },
};

static void
test_origins(void **state)
{
	const struct vduse_origin_row *row;
	char tries[64];
	unsigned int k;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(origins); i++) {
		row = vduse_origin_row(origins[i].served, origins[i].trace, origins[i].adopt);
		assert_int_equal(row->sweep, origins[i].sweep);
		tries[0] = '\0';
		for (k = 0; k < row->nb; k++) {
			strcat(tries, k > 0 ? " " : "");
			strcat(tries, vduse_origin_word(row->tries[k]));
		}
		assert_string_equal(tries, origins[i].tries);
	}
}

/* Every step of a plain life, by its words. */
static void
test_life(void **state)
{
	struct rig_conf conf = { .variant = rig_variants[0] };
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	assert_string_equal(rig_info(&b).dev.phase, "idle");
	assert_int_equal(b.net->dev->vqs[0]->ctl.phase, VDUSE_VQ_PHASE_OFF);
	rig_destroy(&b);
	rig_up(&b, &conf);
	assert_string_equal(rig_info(&b).dev.phase, "running");
	assert_int_equal(b.net->dev->vqs[0]->ctl.phase, VDUSE_VQ_PHASE_SERVED);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_string_equal(rig_info(&b).dev.phase, "idle");
	assert_int_equal(b.net->dev->vqs[0]->ctl.phase, VDUSE_VQ_PHASE_OFF);
	assert_string_equal(vduse_origin_word(b.net->dev->origin), "created");
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_device),
		UNIT_TEST(test_queue),
		UNIT_TEST(test_origins),
		UNIT_TEST(test_life),
	};

	return UNIT_RUN("phase", tests);
}
