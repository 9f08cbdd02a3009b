/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * vdusectl capture: a filter is compiled here, by libpcap, and what the daemon writes of frames is
 * passed on, to a file or to who reads our output.
 */

#ifndef CTL_CAPTURE_H
#define CTL_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"
#include "vdusectl.h"

/* As tcpdump has them. */
extern const struct ctl_option capture_options[];
extern const unsigned int capture_nb_options;

/** Whether a word is the command, abbreviated or not. */
bool capture_is(const char *word);

/** @param argv behind the command */
enum vdusectl_status capture(
		int argc, const char *const *argv, const char *socket, FILE *out, FILE *err);

#endif /* CTL_CAPTURE_H */
