/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_trace_point_register.h>

#include "trace.h"

RTE_TRACE_POINT_REGISTER(vduse_trace_device_created, lib.vduse.device.created)
RTE_TRACE_POINT_REGISTER(vduse_trace_device_destroyed, lib.vduse.device.destroyed)
RTE_TRACE_POINT_REGISTER(vduse_trace_phase, lib.vduse.phase)
RTE_TRACE_POINT_REGISTER(vduse_trace_message, lib.vduse.message)
RTE_TRACE_POINT_REGISTER(vduse_trace_map, lib.vduse.map)
RTE_TRACE_POINT_REGISTER(vduse_trace_unmap, lib.vduse.unmap)
RTE_TRACE_POINT_REGISTER(vduse_trace_queue, lib.vduse.queue)
