/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "life/device.h"
#include "phase.h"
#include "trace.h"

#define TO(name) (UINT32_C(1) << VDUSE_PHASE_##name)

/* Which ways there are. */
static const uint32_t phase_ways[VDUSE_PHASE_NB] = {
	[VDUSE_PHASE_OPENED] = TO(WAITING) | TO(RESTORING) | TO(IDLE) | TO(ENDED) | TO(LEFT),
	[VDUSE_PHASE_WAITING] = TO(OPENED) | TO(LEFT),
	[VDUSE_PHASE_RESTORING] = TO(RESUMING) | TO(IDLE) | TO(SUSPENDED) | TO(FAILED) | TO(ENDED),
	[VDUSE_PHASE_RESUMING] = TO(RUNNING) | TO(FAILED),
	[VDUSE_PHASE_IDLE] =
			TO(OPENED) | TO(RUNNING) | TO(FAILED) | TO(LOST) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_RUNNING] = TO(IDLE) | TO(SUSPENDED) | TO(FAILED) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_SUSPENDED] = TO(IDLE) | TO(FAILED) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_FAILED] = TO(IDLE) | TO(LOST) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_LOST] = TO(IDLE) | TO(ENDED),
	[VDUSE_PHASE_OFFERED] = TO(RESTORING) | TO(LEFT),
	[VDUSE_PHASE_ENDED] = TO(LEFT),
};

static const char *const phase_words[] = {
#define WORD(name, word, meaning) [VDUSE_PHASE_##name] = word,
	VDUSE_PHASES(WORD)
#undef WORD
};

static const struct vduse_phases phases = { phase_words, phase_ways };

const char *
vduse_phase_word(enum vduse_phase phase)
{
	return phase_words[phase];
}

bool
vduse_phase_may(enum vduse_phase from, enum vduse_phase to)
{
	return vduse_phases_may(&phases, from, to);
}

bool
vduse_phase_set(struct rte_vduse_dev *dev, enum vduse_phase to)
{
	const enum vduse_phase from = vduse_dev_phase(dev);

	if (from == to)
		return true;
	if (!vduse_phases_go(&phases, dev->name, from, to))
		return false;
	vduse_trace_phase(dev->name, vduse_phase_word(from), vduse_phase_word(to));
	__atomic_store_n(&dev->phase, to, __ATOMIC_RELEASE);
	return true;
}

int
vduse_dev_ioctl(struct rte_vduse_dev *dev, unsigned long request, void *arg)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret;

	vduse_recreation_mutex_lock(&r->lock);
	ret = r->gone ? -ENODEV : dev->sys->ioctl(dev->fd, request, arg);
	vduse_recreation_mutex_unlock(&r->lock);
	return ret;
}
