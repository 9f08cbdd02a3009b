/* SPDX-License-Identifier: BSD-3-Clause */

/* Options of commands that have some, as other tools call them; and what these wait for. */

#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct ctl_option {
	const char *option, *value, *help;
};

/** A number in decimal, up to most. @return whether it is one */
bool ctl_number(const char *text, uint64_t most, uint64_t *value);

/**
 * SIGINT and SIGTERM are heard of by a descriptor from now on.
 *
 * @param[out] before the mask, for ctl_signals_end()
 * @return the descriptor, or -1
 */
int ctl_signals(sigset_t *before);
void ctl_signals_end(int fd, const sigset_t *before);

#endif /* CTL_OPTIONS_H */
