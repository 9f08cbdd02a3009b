/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "life/miss.h"
#include "life/remap.h"
#include "log.h"
#include "ring/queue.h"

/* Said when the first queue begins to wait. */
static void
miss_say(const struct rte_vduse_dev *dev, uint16_t index, int err)
{
	VDUSE_LOG(WARNING,
			"%s: queue %u waits: memory of its driver cannot be mapped now: %s; allow "
			"more open files or mappings (ulimit -n, vm.max_map_count)",
			dev->name, index, strerror(-err));
}

bool
vduse_miss_resolve(struct rte_vduse_dev *dev)
{
	bool wait = false;
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues && vduse_dev_is_started(dev); i++) {
		struct vduse_vq *vq = dev->vqs[i];

		if (!__atomic_load_n(&vq->map.missed, __ATOMIC_ACQUIRE))
			continue;
		ret = vduse_vq_resolve(vq);
		if (ret == 0) {
			vduse_remap_resume(dev, i);
			continue;
		}
		if (!wait && !dev->misses_wait)
			miss_say(dev, i, ret);
		wait = true;
	}
	return wait;
}
