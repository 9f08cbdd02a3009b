/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_LOG_H
#define VDUSE_LOG_H

#include <rte_log.h>

extern int vduse_logtype;

/** One line of log: VDUSE_LOG(ERR, "%s: cause; cure", name). */
#define VDUSE_LOG(level, ...)                                                                      \
	rte_log(RTE_LOG_##level, vduse_logtype,                                                    \
			RTE_FMT("vduse: " RTE_FMT_HEAD(__VA_ARGS__, ) "\n",                        \
					RTE_FMT_TAIL(__VA_ARGS__, )))

#endif /* VDUSE_LOG_H */
