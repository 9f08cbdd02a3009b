/* SPDX-License-Identifier: BSD-3-Clause */

/* vdusectl latency: how long frames of one are here, and its kicks wait. */

#ifndef CTL_LATENCY_H
#define CTL_LATENCY_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "options.h"
#include "vdusectl.h"

extern const struct ctl_option latency_options[];
extern const unsigned int latency_nb_options;

/** How it is called, and whether its answer is JSON. */
struct latency_how {
	const char *socket;
	bool json;
};

/** Whether a word is the command, abbreviated or not. */
bool latency_is(const char *word);

/** @param argv behind the command */
enum vdusectl_status latency(int argc, const char *const *argv, const struct latency_how *how,
		FILE *out, FILE *err);

/**
 * What there was between two answers of ListLatency.
 *
 * @return an array of objects: what, count, mean, p50, p90, p99, longest (nanoseconds), times
 */
json_t *latency_between(const json_t *before, const json_t *now);

#endif /* CTL_LATENCY_H */
