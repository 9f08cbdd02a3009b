/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of options. For args.c and the help. */

#ifndef ARGS_OPTS_H
#define ARGS_OPTS_H

#include "args.h"

enum scope {
	PROGRAM,   /* once, anywhere */
	WIRE,      /* once for each --port; before the first --port: default of all */
	WIRE_ONLY, /* once for each --port; never a default */
};

/* What a value goes to: WIRE options write *wire, PROGRAM options *args. */
struct target {
	struct args *args;
	struct wire_args *wire;
};

struct opt {
	const char *name;
	const char *value; /* what the help calls the value; NULL: the option takes none */
	enum scope scope;
	/* NULL: the PMD's devarg of the same name */
	int (*parse)(const struct target *to, const char *value);
	const char *help;
};

extern const struct opt *const args_opts;
extern const unsigned int args_nb_opts;

#endif /* ARGS_OPTS_H */
