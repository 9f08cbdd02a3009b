/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UNIT_H
#define UNIT_H

/*
 * What every unit test of the library starts from: EAL, a log that can be
 * read, a fake kernel that must be left clean.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "fake_kernel.h"
#include "filter.h"
#include "open_files.h"

/* Mbufs of unit_pool, and payload bytes of each. */
#define UNIT_MBUFS     2047
#define UNIT_DATA_ROOM 2048

extern struct rte_mempool *unit_pool;

/* An option of EAL's more, before unit_eal(): which lcores there are. NULL: one on each processor.
 */
extern char *unit_lcores;

/* Seconds that a test waits for what has to come: how fast a machine is decides nothing. */
#define UNIT_LIMIT_S 120

/* Group setup: EAL and the mempool, once a process. */
int unit_eal(void **state);

/* Test setup: a kernel like Linux 6.12, an empty log. */
int unit_setup(void **state);

/* Test teardown: no descriptor, mapping, device or mbuf is left. */
int unit_teardown(void **state);

/* Start anew with another kernel. */
void unit_kernel(const struct fk_conf *conf);

/* Nothing is left of the fake kernel's descriptors, mappings and devices. */
void unit_assert_clean(void);

/*
 * The clock of bursts (clock.h). A test starts with one that is a second later at each look,
 * so that no moment lasts until the next; it may let it stand instead, and move it.
 */
void unit_clock_stop(void);
void unit_clock_pass(uint64_t cycles);

/* How often the text is in the log since the last unit_log_clear(). */
unsigned int unit_log_count(const char *text);
void unit_log_clear(void);

/* Set by a test that has the library refuse a way between two phases. */
extern bool unit_mistakes_meant;
void unit_assert_logged_once(const char *text);

/* Mappings of the process. */
unsigned int unit_count_maps(void);

/* Start a thread that may run on every CPU; by itself it would share the main lcore's. */
void unit_thread(pthread_t *thread, void *(*body)(void *), void *arg);

/* Numbers that are the same in every run. */
struct unit_rng {
	uint64_t state; /* not 0 */
};
uint32_t unit_random(struct unit_rng *rng, uint32_t min, uint32_t max);

/* Byte `at` of the pattern with this seed. */
uint8_t unit_byte(uint32_t seed, uint32_t at);

#define UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, unit_setup, unit_teardown)

#define UNIT_RUN(name, tests) FILTER_RUN(name, tests, unit_eal, NULL)

#endif /* UNIT_H */
