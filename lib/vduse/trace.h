/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_TRACE_H
#define VDUSE_TRACE_H

/*
 * What the control path does, for DPDK's traces: --trace=lib.vduse.*. Never in a burst. With
 * traces off, which they are unless somebody asks, each is a load and a branch.
 */

#include <rte_trace_point.h>

/** A device is there, and served from now on; fd is the one of the messages and of its maps. */
RTE_TRACE_POINT(vduse_trace_device_created,
		RTE_TRACE_POINT_ARGS(const char *name, int fd, uint16_t queues, uint64_t api),
		rte_trace_point_emit_string(name);
		rte_trace_point_emit_int(fd); rte_trace_point_emit_u16(queues);
		rte_trace_point_emit_u64(api);)

/** It is the process's no more. */
RTE_TRACE_POINT(vduse_trace_device_destroyed, RTE_TRACE_POINT_ARGS(const char *name),
		rte_trace_point_emit_string(name);)

/** A change of a device's phase: words of doc/phases.md. */
RTE_TRACE_POINT(vduse_trace_phase,
		RTE_TRACE_POINT_ARGS(const char *name, const char *from, const char *to),
		rte_trace_point_emit_string(name);
		rte_trace_point_emit_string(from); rte_trace_point_emit_string(to);)

/** A message of the kernel was answered: its type, 0 or -errno, and what that took. */
RTE_TRACE_POINT(vduse_trace_message,
		RTE_TRACE_POINT_ARGS(const char *name, uint32_t type, int result, uint64_t ns),
		rte_trace_point_emit_string(name);
		rte_trace_point_emit_u32(type); rte_trace_point_emit_int(result);
		rte_trace_point_emit_u64(ns);)

/** A region of the driver's memory is mapped, */
RTE_TRACE_POINT(vduse_trace_map,
		RTE_TRACE_POINT_ARGS(int fd, uint64_t start, uint64_t last, uint8_t perm),
		rte_trace_point_emit_int(fd);
		rte_trace_point_emit_u64(start); rte_trace_point_emit_u64(last);
		rte_trace_point_emit_u8(perm);)

/** or is no more. */
RTE_TRACE_POINT(vduse_trace_unmap, RTE_TRACE_POINT_ARGS(int fd, uint64_t start, uint64_t last),
		rte_trace_point_emit_int(fd);
		rte_trace_point_emit_u64(start); rte_trace_point_emit_u64(last);)

/** A queue is served from now on, or no more. */
RTE_TRACE_POINT(vduse_trace_queue,
		RTE_TRACE_POINT_ARGS(const char *name, uint16_t queue, uint8_t ready),
		rte_trace_point_emit_string(name);
		rte_trace_point_emit_u16(queue); rte_trace_point_emit_u8(ready);)

#endif /* VDUSE_TRACE_H */
