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

/* As cmocka_run_group_tests_name(), which wants an array, for those that match. */
static inline int
filter_run(const char *name, const struct CMUnitTest *tests, size_t nb, CMFixtureFunction setup,
		CMFixtureFunction teardown)
{
	if (filter_tests(tests, nb) == 0)
		return filter_none();
	return _cmocka_run_group_tests(name, tests, nb, setup, teardown);
}

#define FILTER_RUN(name, tests, setup, teardown) \
	filter_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif /* FILTER_H */
