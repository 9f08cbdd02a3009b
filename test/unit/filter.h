/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FILTER_H
#define FILTER_H

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * One test function of a program: UNIT_TEST in the environment is a pattern of names. A program
 * none of whose tests match fails. Include cmocka.h before.
 */

/* Run only those of nb tests that match. Return: how many do. */
static inline size_t
filter_tests(const struct CMUnitTest *tests, size_t nb)
{
	const char *pattern = getenv("UNIT_TEST");
	size_t i, n = 0;

	if (pattern == NULL)
		return nb;
	for (i = 0; i < nb; i++)
		n += fnmatch(pattern, tests[i].name, 0) == 0;
	cmocka_set_test_filter(pattern);
	return n;
}

static inline int
filter_none(void)
{
	fprintf(stderr, "no test matches UNIT_TEST=%s\n", getenv("UNIT_TEST"));
	return EXIT_FAILURE;
}

/* As cmocka_run_group_tests_name(). */
#define FILTER_RUN(name, tests, setup, teardown)                       \
	(filter_tests(tests, sizeof(tests) / sizeof((tests)[0])) == 0  \
					? filter_none()                \
					: cmocka_run_group_tests_name( \
							  name, tests, setup, teardown))

#endif /* FILTER_H */
