/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "life/device.h"
#include "log.h"

#define TO(name) (UINT32_C(1) << VDUSE_PHASE_##name)

/* Which ways there are. */
static const uint32_t phase_ways[VDUSE_PHASE_NB] = {
	[VDUSE_PHASE_OPENED] = TO(WAITING) | TO(RESTORING) | TO(IDLE) | TO(ENDED) | TO(LEFT),
	[VDUSE_PHASE_WAITING] = TO(OPENED) | TO(LEFT),
	[VDUSE_PHASE_RESTORING] = TO(RESUMING) | TO(IDLE) | TO(FAILED) | TO(ENDED),
	[VDUSE_PHASE_RESUMING] = TO(RUNNING) | TO(FAILED),
	[VDUSE_PHASE_IDLE] =
			TO(OPENED) | TO(RUNNING) | TO(FAILED) | TO(LOST) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_RUNNING] = TO(IDLE) | TO(FAILED) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_FAILED] = TO(IDLE) | TO(LOST) | TO(OFFERED) | TO(ENDED),
	[VDUSE_PHASE_LOST] = TO(IDLE) | TO(ENDED),
	[VDUSE_PHASE_OFFERED] = TO(RESTORING) | TO(LEFT),
	[VDUSE_PHASE_ENDED] = TO(LEFT),
};

const char *
vduse_phase_word(enum vduse_phase phase)
{
	static const char *const words[] = {
#define WORD(name, word, meaning) [VDUSE_PHASE_##name] = word,
		VDUSE_PHASES(WORD)
#undef WORD
	};

	return words[phase];
}

bool
vduse_phase_may(enum vduse_phase from, enum vduse_phase to)
{
	return phase_ways[from] >> to & 1;
}

bool
vduse_phase_set(struct rte_vduse_dev *dev, enum vduse_phase to)
{
	const enum vduse_phase from = vduse_dev_phase(dev);

	if (from == to)
		return true;
	if (!vduse_phase_may(from, to)) {
		VDUSE_LOG(ERR,
				"%s: cannot go from %s to %s: a mistake of this library, please "
				"report it",
				dev->name, vduse_phase_word(from), vduse_phase_word(to));
		return false;
	}
	VDUSE_LOG(DEBUG, "%s: %s -> %s", dev->name, vduse_phase_word(from), vduse_phase_word(to));
	__atomic_store_n(&dev->phase, to, __ATOMIC_RELEASE);
	return true;
}

int
vduse_dev_ioctl(struct rte_vduse_dev *dev, unsigned long request, void *arg)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = r->gone ? -ENODEV : dev->sys->ioctl(dev->fd, request, arg);
	pthread_mutex_unlock(&r->lock);
	return ret;
}
