/* SPDX-License-Identifier: BSD-3-Clause */

/* The tool, but for its process: what a command line prints, and its exit status. */

#ifndef VDUSECTL_H
#define VDUSECTL_H

#include <stdio.h>

/* Exit statuses; the first three as iproute2's. */
enum vdusectl_status {
	VDUSECTL_OK = 0,
	VDUSECTL_USAGE = 1,   /* the command line is wrong */
	VDUSECTL_REFUSED = 2, /* by the daemon */
	VDUSECTL_NOBODY = 3,  /* the daemon is not there, or went away */
	VDUSECTL_FAULT = 4,   /* check: there is one */
};

/** @param argv without the program's name */
enum vdusectl_status vdusectl(int argc, const char *const *argv, FILE *out, FILE *err);

#endif /* VDUSECTL_H */
