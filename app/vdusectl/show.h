/* SPDX-License-Identifier: BSD-3-Clause */

/* Answers as people read them. */

#ifndef SHOW_H
#define SHOW_H

#include <stdio.h>

#include <jansson.h>

#include "command.h"

/** @return the exit status: 0, or VDUSECTL_FAULT */
int show(const struct control_line *line, const json_t *parameters, FILE *out);

/** An answer that is an error, as a line with its name. */
void show_error(const json_t *answer, FILE *err);

/** Whether that is JSON with and without -j. */
bool show_is_json(const struct control_line *line);

/** The part of an answer that -j prints: the list of a list. */
const json_t *show_json(const struct control_line *line, const json_t *parameters);

#endif /* SHOW_H */
