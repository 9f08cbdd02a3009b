/* SPDX-License-Identifier: BSD-3-Clause */

/* What only the whole command line shows to be wrong. For args.c. */

#ifndef ARGS_CHECK_H
#define ARGS_CHECK_H

#include <rte_common.h>

#include "args.h"

/* Cause and cure into args->error. Return: -EINVAL. */
int __rte_format_printf(2, 3) fail(struct args *args, const char *fmt, ...);

/* Return: 0 or -EINVAL. */
int args_check(struct args *args);

#endif /* ARGS_CHECK_H */
