/* SPDX-License-Identifier: BSD-3-Clause */

/* Code that the C library loads at its first use, which is after the sandbox allows no more. */

#ifndef LATE_H
#define LATE_H

/*
 * Have it loaded now. Before sandbox_apply(); main thread.
 * Return: 0 or -errno.
 */
int late_load(void);

#endif /* LATE_H */
