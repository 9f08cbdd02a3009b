/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_LOG_H
#define VDUSE_LOG_H

#include <stdint.h>

#include <rte_log.h>

extern int vduse_logtype;

/** One line of log: VDUSE_LOG(ERR, "%s: cause; cure", name). */
#define VDUSE_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, (uint32_t)vduse_logtype, "vduse: " fmt "\n", ##__VA_ARGS__)

#endif /* VDUSE_LOG_H */
