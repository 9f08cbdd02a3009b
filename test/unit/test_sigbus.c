/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory that a front end takes away while the device uses it: the device stops, the process and
 * its other devices go on, and every other SIGBUS is what it was before.
 */

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/sigbus.h"
#include "rig.h"

#define HUGE_PAGE (2ul << 20)

/* How the file behind a range loses its memory. */
static void
cut(int file, size_t size)
{
	assert_int_equal(ftruncate(file, size), 0);
}

/* One mapping of a file; the page that is gone reads as zero, and the flag and the eventfd tell. */
static void
range_run(int file, size_t len, int prot)
{
	struct vduse_sigbus_range range = { .len = len, .prot = prot };
	volatile uint8_t *byte;
	eventfd_t value = 0;
	bool lost = false;

	cut(file, len);
	range.base = mmap(NULL, len, prot, MAP_SHARED, file, 0);
	assert_ptr_not_equal(range.base, MAP_FAILED);
	range.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	range.lost = &lost;
	assert_int_equal(vduse_sigbus_add(&range), 0);
	byte = (volatile uint8_t *)range.base + len - 1;
	if (prot & PROT_WRITE)
		*byte = 7;
	assert_false(lost);
	cut(file, 0);
	if (prot & PROT_WRITE)
		*byte = 9;
	else
		assert_int_equal(*byte, 0);
	assert_true(lost);
	assert_int_equal(eventfd_read(range.fd, &value), 0);
	assert_int_equal(*(volatile uint8_t *)range.base, 0);
	/* the file has nothing of it */
	cut(file, len);
	if (prot & PROT_WRITE)
		assert_int_equal(*byte, 9);
	vduse_sigbus_del(&range);
	assert_int_equal(munmap(range.base, len), 0);
	close(range.fd);
}

static void
test_range(void **state)
{
	int file = memfd_create("range", MFD_CLOEXEC);

	(void)state;
	assert_true(file >= 0);
	range_run(file, 4096, PROT_READ | PROT_WRITE);
	range_run(file, 100 * 4096, PROT_READ | PROT_WRITE);
	range_run(file, 100 * 4096, PROT_READ);
	close(file);
}

/*
 * A file of hugepages that were mapped once: it keeps them reserved, also while nothing is mapped,
 * until it is cut. The next mapping cannot fail then, whoever else takes hugepages. -1: too few.
 */
static int
huge_file(size_t len)
{
	int file = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	void *probe;

	assert_true(file >= 0);
	cut(file, len);
	probe = mmap(NULL, len, PROT_READ, MAP_SHARED, file, 0);
	if (probe != MAP_FAILED) {
		munmap(probe, len);
		return file;
	}
	close(file);
	return -1;
}

static void
test_range_huge(void **state)
{
	int two = huge_file(2 * HUGE_PAGE), one = huge_file(HUGE_PAGE);
	const bool enough = two >= 0 && one >= 0;

	(void)state;
	if (enough) {
		range_run(two, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE);
		range_run(one, HUGE_PAGE, PROT_READ);
	}
	if (two >= 0)
		close(two);
	if (one >= 0)
		close(one);
	if (!enough) {
		print_message("no three free hugepages of 2 MB\n");
		skip();
	}
}

/* Kilobytes of anonymous memory in use. */
static long
anonymous_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	long kib = -1;

	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "RssAnon: %ld kB", &kib) == 1)
			break;
	fclose(status);
	return kib;
}

/* testpmd locks its memory: a front end must not make it take as much as its own is large. */
static void
test_locked(void **state)
{
	const size_t len = 64 << 20;
	struct vduse_sigbus_range range = { .len = len, .prot = PROT_READ, .fd = -1 };
	int file = memfd_create("locked", MFD_CLOEXEC);
	bool lost = false;
	long before;

	(void)state;
	range.lost = &lost;
	cut(file, len);
	range.base = mmap(NULL, len, PROT_READ, MAP_SHARED, file, 0);
	assert_ptr_not_equal(range.base, MAP_FAILED);
	assert_int_equal(vduse_sigbus_add(&range), 0);
	cut(file, 0);
	if (mlockall(MCL_FUTURE) < 0)
		print_message("memory cannot be locked: %s\n", strerror(errno));
	before = anonymous_kib();
	assert_int_equal(*(volatile uint8_t *)range.base, 0);
	assert_true(lost);
	assert_true(anonymous_kib() - before < 4096);
	munlockall();
	vduse_sigbus_del(&range);
	munmap(range.base, len);
	close(file);
}

/* The rings and buffers of a running device are gone, between two bursts. */
static void
lose_run(struct rig *b, struct rig *other, size_t size)
{
	rig_assert_traffic(b);
	rig_send(b, RIG_BUFFERS, 3, 100);
	rig_offer(b, RIG_BUFFERS + 4096, 1000);
	unit_log_clear();
	cut(b->guest.files[0], size);
	rte_pktmbuf_free(rig_dequeue(b));
	rig_enqueue(b, rig_mbuf(1, 100, 100));
	rig_wait(b, rig_is_link_down, 0);
	assert_true(rig_info(b).dev.broken);
	unit_assert_logged_once("the driver's memory is gone");
	assert_null(rig_dequeue(b));
	assert_int_equal(rig_enqueue(b, rig_mbuf(1, 100, 100)), 0);
	rig_assert_traffic(other);
	/* the memory is there again, and so is the device after a reset */
	cut(b->guest.files[0], GUEST_MAIN_SIZE);
	b->link_events = 0;
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
	rig_assert_traffic(b);
}

static void
test_device(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b, other;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		rig_up(&other, &(struct rig_conf){ .name = "other" });
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		lose_run(&b, &other, 0);
		lose_run(&b, &other, 8 << 20); /* the buffers only */
		lose_run(&b, &other, 4096);
		rig_down(&b);
		rig_down(&other);
	}
}

static bool
is_broken(struct rig *b, unsigned int unused)
{
	(void)unused;
	return rig_info(b).dev.broken;
}

/* It is gone before the driver starts: the control thread meets it. */
static void
test_start(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		conf.variant = rig_variants[v];
		rig_create(&b, &conf);
		rig_negotiate(&b);
		rig_rings(&b, true);
		cut(b.guest.files[0], 0);
		(void)fk_set_status(b.dev, RIG_DRIVER_OK);
		rte_pktmbuf_free(rig_dequeue(&b));
		rig_wait(&b, is_broken, 0);
		cut(b.guest.files[0], GUEST_MAIN_SIZE);
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

struct poller {
	struct rig *b;
	bool stop;
	uint64_t bursts;
};

/* An lcore that never looks left or right. */
static void *
poll_main(void *arg)
{
	struct rte_mbuf *pkts[32], *m = rig_mbuf(1, 1000, 1000);
	struct poller *poller = arg;
	uint16_t n;

	while (!__atomic_load_n(&poller->stop, __ATOMIC_RELAXED)) {
		n = rte_vduse_net_dequeue(poller->b->net, 0, unit_pool, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts, n);
		rte_vduse_net_enqueue(poller->b->net, 0, &m, 1);
		__atomic_fetch_add(&poller->bursts, 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	rte_pktmbuf_free(m);
	return NULL;
}

static void
poll_some(struct poller *poller)
{
	const uint64_t from = __atomic_load_n(&poller->bursts, __ATOMIC_RELAXED);

	while (__atomic_load_n(&poller->bursts, __ATOMIC_RELAXED) - from < 3)
		sched_yield();
}

/* The rings are full while the file behind them goes. */
static void
loaded_run(struct rig *b, struct poller *poller, size_t size)
{
	const struct mock_desc rx = { .iova = RIG_BUFFERS, .len = 2000, .write = true };
	const struct mock_desc tx = { .iova = RIG_BUFFERS + 4096, .len = 1012 };
	unsigned int n;

	while (mock_vq_add(rig_rx(b), &rx, 1, NULL) == 0)
		;
	for (n = 0; n < RIG_QUEUE_SIZE / 2; n++)
		assert_int_equal(mock_vq_add(rig_tx(b), &tx, 1, NULL), 0);
	cut(b->guest.files[0], size);
	/* the rings are left: something is there to be sent, however fast the poller was */
	while (size > 0 && mock_vq_add(rig_tx(b), &tx, 1, NULL) == 0)
		;
	rig_wait(b, rig_is_link_down, 0);
	poll_some(poller);
	cut(b->guest.files[0], GUEST_MAIN_SIZE);
	b->link_events = 0;
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
}

static void
test_loaded(void **state)
{
	struct rig_conf conf = { 0 };
	struct poller poller = { 0 };
	pthread_t thread;
	struct rig b;
	unsigned int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		if (i % 20 == 0) {
			conf.variant = rig_variants[i / 20 * 3 % RIG_VARIANTS];
			poller = (struct poller){ .b = &b };
			rig_up(&b, &conf);
			unit_thread(&thread, poll_main, &poller);
		}
		loaded_run(&b, &poller, i % 3 * (4 << 20));
		if (i % 20 == 19) {
			__atomic_store_n(&poller.stop, true, __ATOMIC_RELAXED);
			pthread_join(thread, NULL);
			rig_down(&b);
		}
	}
}

static sigjmp_buf jump;
static volatile sig_atomic_t jumped;

static void
own_handler(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	jumped = number;
	siglongjmp(jump, 1);
}

static void
plain_handler(int number)
{
	jumped = number;
	siglongjmp(jump, 1);
}

/* A page that has nothing to do with any device. */
static void
touch_foreign(void)
{
	int file = memfd_create("foreign", MFD_CLOEXEC);
	volatile uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);

	close(file);
	RTE_SET_USED(*page);
}

static void
assert_passed_on(const struct sigaction *action)
{
	const struct rig_conf conf = { 0 };
	struct sigaction now, old;
	struct rig b;

	assert_int_equal(sigaction(SIGBUS, action, &old), 0);
	rig_up(&b, &conf);
	sigaction(SIGBUS, NULL, &now);
	assert_ptr_not_equal(now.sa_sigaction, action->sa_sigaction);
	jumped = 0;
	if (sigsetjmp(jump, 1) == 0)
		touch_foreign();
	assert_int_equal(jumped, SIGBUS);
	jumped = 0;
	if (sigsetjmp(jump, 1) == 0)
		raise(SIGBUS);
	assert_int_equal(jumped, SIGBUS);
	rig_assert_traffic(&b);
	rig_down(&b);
	/* nothing is mapped, and the next SIGBUS is the application's as ever */
	jumped = 0;
	if (sigsetjmp(jump, 1) == 0)
		touch_foreign();
	assert_int_equal(jumped, SIGBUS);
	sigaction(SIGBUS, &old, NULL);
}

static void
test_other_handler(void **state)
{
	struct sigaction info = { .sa_sigaction = own_handler, .sa_flags = SA_SIGINFO };
	struct sigaction plain = { .sa_handler = plain_handler };

	(void)state;
	assert_passed_on(&info);
	assert_passed_on(&plain);
}

/* How a child ends that has a range registered and does this. */
static int
child_status(void (*disposition)(int), bool sent)
{
	bool lost = false;
	struct vduse_sigbus_range range = { .len = 4096, .prot = PROT_READ, .lost = &lost };
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGBUS, disposition);
		/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
		range.base = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (vduse_sigbus_add(&range) < 0)
			_exit(2);
		if (sent)
			raise(SIGBUS);
		else
			touch_foreign();
		_exit(lost ? 3 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
test_default(void **state)
{
	(void)state;
	assert_int_equal(child_status(SIG_DFL, false), -SIGBUS);
	assert_int_equal(child_status(SIG_DFL, true), -SIGBUS);
	assert_int_equal(child_status(SIG_IGN, true), 0);
	/* the kernel does not let a fault be ignored */
	assert_int_equal(child_status(SIG_IGN, false), -SIGBUS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_range),
		UNIT_TEST(test_range_huge),
		UNIT_TEST(test_locked),
		UNIT_TEST(test_device),
		UNIT_TEST(test_start),
		UNIT_TEST(test_loaded),
		UNIT_TEST(test_other_handler),
		UNIT_TEST(test_default),
	};

	return UNIT_RUN("sigbus", tests);
}
