/* SPDX-License-Identifier: BSD-3-Clause */

/* What the daemon has, asked of its socket. */

#ifndef METRICS_COLLECT_H
#define METRICS_COLLECT_H

#include "text.h"

struct collected {
	struct text_source source;
	json_t *answers[COUNTER_OWNERS];
	char error[320]; /* where source.up is false: a sentence */
};

/** Ask for all lists, ms in all. To be cleared in any case. */
void collect(const char *socket, unsigned int ms, struct collected *to);
void collect_clear(struct collected *of);

#endif /* METRICS_COLLECT_H */
