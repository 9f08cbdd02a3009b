/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "life/origin.h"
#include "life/statefile.h"
#include "os/bus.h"
#include "os/holder.h"
#include "os/sys.h"
#include "rte_vduse.h"

static int
look_trace(const char *dir, const char *name, bool *locked)
{
	static const enum vduse_trace traces[] = {
		[VDUSE_STATEFILE_EMPTY] = VDUSE_TRACE_NONE,
		[VDUSE_STATEFILE_CREATING] = VDUSE_TRACE_CREATING,
		[VDUSE_STATEFILE_SERVED] = VDUSE_TRACE_SERVED,
	};
	int ret;

	*locked = false;
	if (dir == NULL)
		return VDUSE_TRACE_NONE;
	ret = vduse_statefile_peek(dir, name, locked);
	if (ret == -EPROTO)
		return VDUSE_TRACE_UNREADABLE;
	return ret < 0 ? ret : (int)traces[ret];
}

/* By the table that rte_vduse_dev_create() goes by; of what is not there nothing is left. */
static enum vduse_origin
look_origin(const struct rte_vduse_look *look, bool asks, enum vduse_trace trace)
{
	if (!look->present)
		return VDUSE_ORIGIN_CREATE;
	return vduse_origin_row(asks, trace, true)->tries[0];
}

int
rte_vduse_dev_look(const char *name, const char *state_dir, struct rte_vduse_look *look)
{
	char path[PATH_MAX];
	uint64_t node[3];
	bool locked;
	int trace;

	memset(look, 0, sizeof(*look));
	if (strlen(name) > RTE_VDUSE_NAME_MAX)
		return -EINVAL;
	trace = look_trace(state_dir, name, &locked);
	if (trace < 0)
		return trace;
	look->present = vduse_sys_get()->identify(name, node) == 0;
	vduse_bus_bound_driver(name, look->driver, sizeof(look->driver));
	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	look->served = vduse_holder(path, look->server, sizeof(look->server)) || locked;
	if (!look->served)
		look->server[0] = '\0';
	look->state = vduse_trace_word(trace);
	look->origin = vduse_origin_word(look_origin(look, locked, trace));
	return 0;
}
