/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_PHASE_H
#define VDUSE_PHASE_H

/* What a device's and a queue's life have in common: phases, of which each is left by known ways.
 */

#include <stdbool.h>
#include <stdint.h>

struct vduse_phases {
	const char *const *words; /**< of each phase */
	const uint32_t *ways;     /**< of each phase, a bit for each that may follow it */
};

/** Whether there is a way from one to the other. */
static inline bool
vduse_phases_may(const struct vduse_phases *phases, unsigned int from, unsigned int to)
{
	return phases->ways[from] >> to & 1;
}

/**
 * Right before a change of phase, which the log tells of at level debug.
 *
 * @param who whose phase, for the log
 * @return false, with a line of log: there is no such way
 */
bool vduse_phases_go(const struct vduse_phases *phases, const char *who, unsigned int from,
		unsigned int to);

#endif /* VDUSE_PHASE_H */
