/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_log.h>

#include "compat.h"
#include "mbuf_pool.h"
#include "unit.h"

#define VDUSE_CLOCK_FAKED /* it is here */
#include "clock.h"

struct rte_mempool *unit_pool;
char *unit_lcores;

static int log_fd;
bool unit_mistakes_meant;
static void log_no_mistake(void);

/* Cycles, and what a look adds; atomic: any thread may look. */
static uint64_t clock_now, clock_step;

/* A test failed and left a device, whose thread may run into memory that is gone. */
static bool left_over;

int
unit_eal(void **state)
{
	static char args[][16] = { "unit", "--no-huge", "--no-shconf", "-m", "64", "--no-pci",
		"--no-telemetry" };
	char *argv[RTE_DIM(args) + 2] = { NULL };
	unsigned int i;
	FILE *log;

	(void)state;
	for (i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	argv[i] = unit_lcores;
	if (rte_eal_init(RTE_DIM(args) + (unit_lcores != NULL), argv) < 0)
		return -1;
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log = log_fd < 0 ? NULL : fdopen(log_fd, "a");
	if (log == NULL || rte_openlog_stream(log) != 0)
		return -1;
	setvbuf(log, NULL, _IOLBF, BUFSIZ);
	if (unit_pool_register() < 0)
		return -1;
	unit_pool = rte_pktmbuf_pool_create_by_ops("unit", UNIT_MBUFS, 0, 0,
			RTE_PKTMBUF_HEADROOM + UNIT_DATA_ROOM, SOCKET_ID_ANY,
			VDUSE_TSAN ? UNIT_POOL_OPS : NULL);
	return unit_pool != NULL ? 0 : -1;
}

int
unit_setup(void **state)
{
	const struct fk_conf linux_6_12 = { 0 };

	(void)state;
	if (left_over) {
		print_error("not run: an earlier test left a device\n");
		return -1;
	}
	unit_kernel(&linux_6_12);
	unit_log_clear();
	__atomic_store_n(&clock_step, rte_get_tsc_hz(), __ATOMIC_RELAXED);
	return 0;
}

uint64_t
vduse_clock(void)
{
	return __atomic_fetch_add(&clock_now, clock_step, __ATOMIC_RELAXED);
}

void
unit_clock_stop(void)
{
	__atomic_store_n(&clock_step, 0, __ATOMIC_RELAXED);
}

void
unit_clock_pass(uint64_t cycles)
{
	__atomic_fetch_add(&clock_now, cycles, __ATOMIC_RELAXED);
}

int
unit_teardown(void **state)
{
	(void)state;
	log_no_mistake();
	left_over = true;
	unit_assert_clean();
	assert_int_equal(rte_mempool_avail_count(unit_pool), UNIT_MBUFS);
	left_over = false;
	fk_end();
	return 0;
}

void
unit_kernel(const struct fk_conf *conf)
{
	fk_start(conf);
}

void
unit_assert_clean(void)
{
	struct fk_ledger left;

	fk_ledger(&left);
	assert_int_equal(left.fds, 0);
	assert_int_equal(left.maps, 0);
	assert_int_equal(left.devices, 0);
	assert_int_equal(left.errors, 0);
}

static char *
log_text(void)
{
	struct stat st;
	ssize_t n;
	char *text;

	assert_int_equal(fstat(log_fd, &st), 0);
	text = calloc(1, st.st_size + 1);
	assert_non_null(text);
	n = pread(log_fd, text, st.st_size, 0);
	assert_true(n >= 0);
	return text;
}

unsigned int
unit_log_count(const char *what)
{
	char *text = log_text();
	const char *at = text;
	unsigned int n = 0;

	for (; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	free(text);
	return n;
}

void
unit_assert_logged_once(const char *what)
{
	const unsigned int n = unit_log_count(what);
	char *text;

	if (n == 1)
		return;
	text = log_text();
	print_error("\"%s\" is %u times in:\n%s", what, n, text);
	free(text);
	fail();
}

/* No test's library makes one, but where the test asks for it. */
static void
log_no_mistake(void)
{
	const unsigned int n =
			unit_mistakes_meant ? 0 : unit_log_count("a mistake of this library");

	assert_int_equal(n, 0);
}

void
unit_log_clear(void)
{
	log_no_mistake();
	assert_int_equal(ftruncate(log_fd, 0), 0);
}

/* Of shared files only: the heap's change as it likes. */
unsigned int
unit_count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		n += strstr(line, "memfd:") != NULL;
	fclose(maps);
	return n;
}

void
unit_thread(pthread_t *thread, void *(*body)(void *), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus), 0);
	assert_int_equal(pthread_create(thread, &attr, body, arg), 0);
	pthread_attr_destroy(&attr);
}

uint32_t
unit_random(struct unit_rng *rng, uint32_t min, uint32_t max)
{
	rng->state ^= rng->state << 13;
	rng->state ^= rng->state >> 7;
	rng->state ^= rng->state << 17;
	return min + (rng->state >> 20) % ((uint64_t)max - min + 1);
}

uint8_t
unit_byte(uint32_t seed, uint32_t at)
{
	return (seed * 2654435761u + at * 40503u) >> 11;
}
