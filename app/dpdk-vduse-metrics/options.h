/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line: one table, of which the help and the manual are made. */

#ifndef METRICS_OPTIONS_H
#define METRICS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

struct options {
	const char *listen; /* as it was given */
	const char *socket;
	struct sockaddr_storage address; /* of listen */
	socklen_t address_len;
	bool help, version, list;
};

/** @return 0, or -EINVAL with a line on err */
int options_parse(int argc, char *const argv[], struct options *options, FILE *err);

void options_help(FILE *out);

#endif /* METRICS_OPTIONS_H */
