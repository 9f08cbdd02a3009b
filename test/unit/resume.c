/* SPDX-License-Identifier: BSD-3-Clause */

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "life/serve.h"
#include "resume.h"

char resume_dir[64];

void
resume_up(struct rig *b, struct rig_conf *conf)
{
	strcpy(resume_dir, "/dev/shm/resume.XXXXXX");
	assert_non_null(mkdtemp(resume_dir));
	conf->state_dir = resume_dir;
	rig_up(b, conf);
}

/* As by a kill: the descriptor is closed, and nothing is said to anybody. */
void
resume_die(struct rig *b)
{
	struct rte_vduse_dev *dev = b->net->dev;

	vduse_serve_end(dev);
	assert_true(vduse_phase_set(dev, VDUSE_PHASE_LEFT));
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	b->net = NULL;
	unit_log_clear();
}

struct rte_vduse_net_conf
resume_conf(void)
{
	return (struct rte_vduse_net_conf){ .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = 512,
		.mac = { { 2, 0, 0, 0, 0, 99 } },
		.mtu = 1400,
		.dev.state_dir = resume_dir };
}

void
resume_again(struct rig *b)
{
	const struct rte_vduse_net_conf conf = resume_conf();

	assert_int_equal(rte_vduse_net_create(&conf, &b->net), 0);
	unit_assert_logged_once("resumed after the previous process");
}

void
resume_wait(struct rig *b, bool (*is)(struct rig *b))
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (!is(b) && time(NULL) < until)
		sched_yield();
	assert_true(is(b));
}

bool
resume_is_started(struct rig *b)
{
	return rig_info(b).dev.started;
}

/* Recovery is another thread's: the device starts first, then its queues. */
bool
resume_is_served(struct rig *b)
{
	return resume_is_started(b) && rig_is_served(b, 0) && rig_is_served(b, 1);
}

void
resume_down(struct rig *b)
{
	rig_down(b);
	assert_int_equal(rmdir(resume_dir), 0);
}
