/* SPDX-License-Identifier: BSD-3-Clause */

#include "phase.h"
#include "log.h"

bool
vduse_phases_go(const struct vduse_phases *phases, const char *who, unsigned int from,
		unsigned int to)
{
	if (!vduse_phases_may(phases, from, to)) {
		VDUSE_LOG(ERR,
				"%s: cannot go from %s to %s: a mistake of this library, please "
				"report it",
				who, phases->words[from], phases->words[to]);
		return false;
	}
	VDUSE_LOG(DEBUG, "%s: %s -> %s", who, phases->words[from], phases->words[to]);
	return true;
}
