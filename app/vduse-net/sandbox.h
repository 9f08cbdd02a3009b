/* SPDX-License-Identifier: BSD-3-Clause */

/* The system calls that are left once the process runs (seccomp(2)). */

#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

/* What becomes of a call that is not in the list. */
enum sandbox_mode {
	SANDBOX_OFF,  /* no filter */
	SANDBOX_LOG,  /* done, and noted in the audit or kernel log */
	SANDBOX_ON,   /* fails with EPERM */
	SANDBOX_KILL, /* ends the process with SIGSYS */
};

/* SANDBOX_ON, or SANDBOX_OFF where it cannot be. */
enum sandbox_mode sandbox_default(void);

/* Whether this build has the filter (libseccomp). */
bool sandbox_built(void);

/* What a process needs beside what each does. */
#define SANDBOX_ENTERS     0x1 /* network namespaces */
#define SANDBOX_INTERFACES 0x2 /* to set up interfaces of this host that are ports */

/*
 * Put the filter over every thread, those to come too; there is no way back. more: SANDBOX_ENTERS,
 * SANDBOX_INTERFACES or both. Return: 0 or -errno.
 */
int sandbox_apply(enum sandbox_mode mode, unsigned int more);

#endif /* SANDBOX_H */
