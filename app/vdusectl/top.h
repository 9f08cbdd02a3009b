/* SPDX-License-Identifier: BSD-3-Clause */

/* vdusectl top: who uses the lcores now, on one screen. */

#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "options.h"
#include "vdusectl.h"

extern const struct ctl_option top_options[];
extern const unsigned int top_nb_options;

/** Whether a word is the command, abbreviated or not. */
bool top_is(const char *word);

/** @param argv behind the command */
enum vdusectl_status top(
		int argc, const char *const *argv, const char *socket, FILE *out, FILE *err);

/**
 * One screen: what happened between two answers of ListLoad, busiest first.
 *
 * @param rows lines of the terminal; 0: all
 */
void top_draw(const json_t *before, const json_t *now, unsigned int rows, FILE *out);

#endif /* CTL_TOP_H */
