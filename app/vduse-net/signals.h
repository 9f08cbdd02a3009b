/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What each signal does to the process: none that can be caught ends it half way.
 * doc/security.md, "Signals", has the table.
 */

#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Who starts a process with nohup(1) wants it to survive the terminal: SIGHUP is ignored. */
static inline bool
signals_is_nohup(void)
{
	struct sigaction action;

	return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/*
 * For a process that serves: signals that ask for its end, and SIGUSR1, are read
 * from the descriptor and never delivered; those that a write or a terminal would
 * end or stop it with are ignored. Called before EAL makes threads, which inherit
 * the mask. Main thread.
 * Return: the signalfd(2), not blocking, or -errno.
 */
int signals_open(void);

/*
 * For a command that ends by itself: the same, but a signal that asks for its end
 * only shortens what it waits for (rte_vduse_set_busy_wait()), and is remembered.
 * Return: 0 or -errno.
 */
int signals_for_command(void);

/* Whether one has asked for the end since signals_for_command(). */
bool signals_came(void);

/*
 * From here on a signal is for the library's waits for front ends that do not let
 * go of a device: nobody reads the descriptor any more. Main thread.
 * Return: 0 or -errno.
 */
int signals_cut_waits(void);

#endif /* SIGNALS_H */
