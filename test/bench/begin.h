/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BEGIN_H
#define BENCH_BEGIN_H

#include <stdlib.h>

#include <rte_common.h>
#include <rte_eal.h>

/* EAL takes its options, and ends the process where it cannot start. Return: the number behind
 * "--", or that. */
static inline unsigned int
bench_begin(int argc, char *argv[], unsigned int rounds)
{
	const int at = rte_eal_init(argc, argv);

	if (at < 0)
		exit(EXIT_FAILURE);
	return argc - at > 1 ? RTE_MAX(1, atoi(argv[at + 1])) : rounds;
}

#endif /* BENCH_BEGIN_H */
