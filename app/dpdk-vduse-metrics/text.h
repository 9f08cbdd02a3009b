/* SPDX-License-Identifier: BSD-3-Clause */

/* What the daemon answered, as metrics in text. */

#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "counters.h"

enum text_format {
	TEXT_PROMETHEUS,  /* its own format, version 0.0.4 */
	TEXT_OPENMETRICS, /* version 1.0.0 */
	TEXT_FORMATS,
};

/* What an HTTP answer calls them. */
extern const char *const text_types[TEXT_FORMATS];

struct text_source {
	bool up;        /* the daemon answered; else there are no lists */
	double seconds; /* that it took */
	/* of each owner of counters.h; one that is NULL has no items */
	const json_t *lists[COUNTER_OWNERS];
};

/**
 * All of it.
 *
 * @param[out] len bytes of it
 * @return to be freed; NULL: no memory
 */
char *text_make(const struct text_source *source, enum text_format format, size_t *len);

/** Every metric there is: four cells, name, type, labels, meaning. */
void text_page(void (*row)(void *arg, const char *const *cells), void *arg);

#endif /* METRICS_TEXT_H */
