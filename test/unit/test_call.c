/* SPDX-License-Identifier: BSD-3-Clause */

/* The thread that makes calls, for queues that want it and for those that nobody polls; and calls
 * that are held back only while it pays. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "rig.h"

#define TX 1
#define RX 0

#define LONG_US 1000000

/* Time passes. */
static void
be_quiet(unsigned int us)
{
	unit_clock_pass(us * rte_get_tsc_hz() / US_PER_S);
}

/* n frames in one burst, taken and given back. */
static void
sent(struct rig *b, unsigned int n)
{
	struct rte_mbuf *pkts[64];
	struct mock_used used;
	unsigned int i;

	be_quiet(10); /* a ring is left alone for less than that */
	for (i = 0; i < n; i++)
		rig_send(b, RIG_BUFFERS + 256 * i, i, 60);
	assert_int_equal(rig_dequeue_burst(b, pkts, 64), n);
	rte_pktmbuf_free_bulk(pkts, n);
	for (i = 0; i < n; i++)
		assert_true(mock_vq_get(rig_tx(b), &used));
}

static void
received(struct rig *b)
{
	struct mock_used used;

	rig_offer(b, RIG_BUFFERS, 256);
	assert_int_equal(rig_enqueue(b, rig_mbuf(1, 60, 60)), 1);
	assert_true(mock_vq_get(rig_rx(b), &used));
}

/* Nobody polls meanwhile. Return: false when it takes too long. */
static bool
wait_calls(struct rig *b, uint32_t index, unsigned int n)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (fk_irqs(b->dev, index) < n) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	return fk_irqs(b->dev, index) == n;
}

/* The thread counts behind the call. */
static bool
wait_counted(struct rig *b, bool dequeue, uint64_t n)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (rig_stats(b, dequeue).calls_thread < n && time(NULL) <= until)
		sched_yield();
	return rig_stats(b, dequeue).calls_thread == n;
}

static unsigned int
call_threads(void)
{
	char path[sizeof("/proc/self/task//comm") + NAME_MAX], name[32];
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned int n = 0;
	FILE *comm;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		comm = fopen(path, "r");
		if (comm == NULL)
			continue;
		n += fgets(name, sizeof(name), comm) != NULL && strcmp(name, "vduse-call\n") == 0;
		fclose(comm);
	}
	closedir(dir);
	return n;
}

/* One that was joined is in /proc for a moment more. */
static bool
wait_no_call_thread(void)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (call_threads() != 0) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	return true;
}

/* The last frames of a burst, and then the lcore does something else: their calls come. */
static void
test_unattended(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v, i;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 4) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		assert_true(wait_no_call_thread());
		assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, 500), 0);
		assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 100, 500), 0);
		assert_int_equal(call_threads(), 1);
		for (i = 1; i <= 20; i++) {
			if (conf.variant.event_idx) {
				mock_vq_call_at(rig_tx(&b), 0);
				mock_vq_call_at(rig_rx(&b), 0);
			}
			sent(&b, 3);
			received(&b);
			assert_true(wait_calls(&b, TX, i));
			assert_true(wait_calls(&b, RX, i));
		}
		assert_true(wait_counted(&b, true, 20));
		assert_int_equal(rig_stats(&b, true).calls, 20);
		assert_int_equal(rig_stats(&b, true).calls_held, 20);
		rig_down(&b);
		assert_true(wait_no_call_thread());
	}
}

/* Every call is the thread's, and none is lost, asleep or not. */
static void
test_thread(void **state)
{
	struct rig_conf conf = { .call_thread = true };
	struct rig b;
	unsigned int i;

	(void)state;
	unit_clock_stop();
	rig_up(&b, &conf);
	for (i = 1; i <= 1000; i++) {
		sent(&b, 1);
		if (!wait_calls(&b, TX, i))
			fail_msg("%u calls for %u bursts", fk_irqs(b.dev, TX), i);
	}
	assert_true(wait_counted(&b, true, 1000));
	received(&b);
	assert_true(wait_calls(&b, RX, 1));
	mock_vq_calls(rig_tx(&b), false);
	sent(&b, 5);
	assert_int_equal(rig_stats(&b, true).calls_suppressed, 1);
	/* held back as well: so many frames, or so long */
	mock_vq_calls(rig_tx(&b), true);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 10, LONG_US), 0);
	for (i = 0; i < 9; i++)
		sent(&b, 1);
	assert_int_equal(fk_irqs(b.dev, TX), 1000);
	sent(&b, 1);
	assert_true(wait_calls(&b, TX, 1001));
	rig_down(&b);
}

/* What the kernel refuses is tried again without a burst. */
static void
test_refused(void **state)
{
	const struct rig_conf conf = { .call_thread = true };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	fk_fail(VDUSE_IOC_VQ_IRQ, 0, 3, -EINVAL);
	sent(&b, 1);
	assert_true(wait_calls(&b, TX, 1));
	assert_int_equal(rig_stats(&b, true).calls_failed, 3);
	rig_down(&b);
}

/* Devices come and go with calls under way: one thread for all of them, and none at the end. */
static void
test_destroyed(void **state)
{
	struct rig_conf conf = { .call_thread = true }, other = { .name = "other" };
	struct rig b, o;
	unsigned int i;

	(void)state;
	other.call_thread = true;
	for (i = 0; i < 30; i++) {
		rig_up(&b, &conf);
		rig_up(&o, &other);
		assert_int_equal(call_threads(), 1);
		sent(&b, 1);
		sent(&o, 1);
		rig_down(&b);
		sent(&o, 1);
		assert_int_equal(fk_irqs(o.dev, TX) <= 2, 1);
		rig_down(&o);
		assert_true(wait_no_call_thread());
	}
}

/* A driver that resets and comes again hears of its own frames. */
static void
test_reset(void **state)
{
	const struct rig_conf conf = { .call_thread = true };
	unsigned int before = 0, i;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	for (i = 0; i < 20; i++) {
		assert_int_equal(fk_irqs(b.dev, TX), before);
		sent(&b, 1);
		/* each other time the reset meets the call: it may be made or not */
		if (i % 2 == 0)
			assert_true(wait_calls(&b, TX, before + 1));
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
		rig_settle_calls(&b, TX);
		assert_in_range(fk_irqs(b.dev, TX), before + (i % 2 == 0), before + 1);
		before = fk_irqs(b.dev, TX);
		sent(&b, 2);
		assert_true(wait_calls(&b, TX, ++before));
	}
	rig_down(&b);
}

/* Quiet: a call for each burst. Busy: one for so many frames. Quiet again: at once. */
static void
adaptive_run(const struct rig_conf *conf)
{
	unsigned int i, before;
	struct rig b;

	unit_clock_stop();
	rig_up(&b, conf);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 64, 20000), 0);
	assert_int_equal(rte_vduse_net_set_adaptive(b.net, true, true), 0);
	for (i = 1; i <= 3; i++) {
		be_quiet(25000);
		sent(&b, 1);
		assert_int_equal(fk_irqs(b.dev, TX), i);
	}
	assert_int_equal(rig_stats(&b, true).calls_held, 0);
	/* 4 frames in 110 us are many more than 32 in 20 ms */
	for (i = 0; i < 1000 && rig_stats(&b, true).calls_held < 200; i++) {
		be_quiet(100);
		sent(&b, 4);
	}
	assert_int_equal(rig_stats(&b, true).calls_held, 200);
	assert_in_range(i, 200, 600);
	/* what is held comes, and after the rest nothing is held back */
	be_quiet(25000);
	sent(&b, 0);
	rig_settle_calls(&b, TX);
	before = fk_irqs(b.dev, TX);
	sent(&b, 1);
	assert_int_equal(fk_irqs(b.dev, TX), before + 1);
	/* switched off, the first one waits as well */
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 64, LONG_US), 0);
	assert_int_equal(rte_vduse_net_set_adaptive(b.net, true, false), 0);
	sent(&b, 1);
	assert_int_equal(fk_irqs(b.dev, TX), before + 1);
	rig_down(&b);
}

static void
test_adaptive(void **state)
{
	struct rig_conf conf = { 0 };

	(void)state;
	adaptive_run(&conf);
	conf.variant.packed = true;
	adaptive_run(&conf);
}

/* Milliseconds that the thread last wanted to sleep; slumber: it does so until it is woken. */
static struct {
	bool slumber; /* atomic */
	int ms;       /* atomic */
} naps;

int __real_poll(struct pollfd *fds, nfds_t nfds, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t nfds, int ms);

int
__wrap_poll(struct pollfd *fds, nfds_t nfds, int ms)
{
	__atomic_store_n(&naps.ms, ms, __ATOMIC_RELAXED);
	return __real_poll(fds, nfds, __atomic_load_n(&naps.slumber, __ATOMIC_RELAXED) ? -1 : ms);
}

/* The thread wants to sleep for so long, and no longer. */
static void
wait_nap(int min, int max)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	int ms;

	do {
		ms = __atomic_load_n(&naps.ms, __ATOMIC_RELAXED);
		sched_yield();
	} while ((ms < min || ms > max) && time(NULL) <= until);
	assert_in_range(ms, min, max);
}

/* A call that is due soon does not wait for the slower one that was held back before it. */
static void
test_slower_neighbour(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	unit_clock_stop();
	rig_up(&b, &conf);
	__atomic_store_n(&naps.slumber, true, __ATOMIC_RELAXED);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, LONG_US), 0);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 100, 20000), 0);
	sent(&b, 1);
	wait_nap(900, 1001);
	received(&b);
	wait_nap(1, 21);
	assert_int_equal(fk_irqs(b.dev, RX), 0);
	assert_int_equal(fk_irqs(b.dev, TX), 0);
	__atomic_store_n(&naps.slumber, false, __ATOMIC_RELAXED);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_unattended),
		UNIT_TEST(test_thread),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_destroyed),
		UNIT_TEST(test_reset),
		UNIT_TEST(test_adaptive),
		UNIT_TEST(test_slower_neighbour),
	};

	return UNIT_RUN("call", tests);
}
