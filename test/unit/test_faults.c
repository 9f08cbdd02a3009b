/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every system call of the library, each time that a device's life makes it, fails with each errno
 * that the kernel can give it: no crash, no wait without end, a line of log that names the cause,
 * nothing left behind; and when the fault is over, the device or the next one works.
 */

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault_wrap.h"
#include "rig.h"

#define ERRNOS_MAX 8

/* A call and what the kernel can answer; errnos end with 0. */
struct fault_call {
	const char *name;
	unsigned long call;  /* of the fake kernel, or 0 */
	enum wrap_call wrap; /* of the C library */
	bool quiet;          /* it may fail without a line, and nobody has to know */
	unsigned int loud;   /* but for so many of the first calls */
	bool fatal;          /* the device is given up, and has to be recreated */
	int errnos[ERRNOS_MAX];
};

#define IOCTL(request) .name = #request, .call = request

/*
 * Errnos: drivers/vdpa/vdpa_user/vduse_dev.c of Linux 6.12 to 7.3; EPERM of a device's ioctls: it
 * is broken. For open, mmap and descriptors what open(2), mmap(2), eventfd(2) and so on list.
 */
static const struct fault_call calls[] = {
	{ .name = "open control",
			.call = FK_OPEN_CONTROL,
			.errnos = { ENOENT, ENXIO, EACCES, EPERM, EMFILE, ENFILE, ENOMEM } },
	{ .name = "open device",
			.call = FK_OPEN_DEVICE,
			.errnos = { EBUSY, ENODEV, EACCES, EPERM, EMFILE, ENFILE, ENOMEM } },
	{ IOCTL(VDUSE_IOC_SET_API_VERSION), .quiet = true, .errnos = { EINVAL, EFAULT } },
	{ IOCTL(VDUSE_IOC_GET_FEATURES), .quiet = true, .errnos = { EINVAL, EFAULT } },
	{ IOCTL(VDUSE_IOC_SET_FEATURES), .quiet = true, .errnos = { EINVAL, EFAULT } },
	{ IOCTL(VDUSE_IOC_CREATE), .errnos = { EINVAL, EFAULT, EPERM, EEXIST, ENOMEM, ENOSPC } },
	{ IOCTL(VDUSE_IOC_DESTROY), .errnos = { EINVAL, EFAULT } },
	/* waited for: it goes by itself in a moment */
	{ IOCTL(VDUSE_IOC_DESTROY), .quiet = true, .errnos = { EBUSY } },
	{ IOCTL(VDUSE_IOC_VQ_SETUP), .errnos = { EINVAL, EFAULT, EPERM } },
	{ IOCTL(VDUSE_IOC_SET_CONFIG), .errnos = { EINVAL, EFAULT, EPERM } },
	{ IOCTL(VDUSE_IOC_CONFIG_IRQ), .quiet = true, .errnos = { EINVAL, EPERM } },
	{ IOCTL(VDUSE_IOC_DRIVER_FEATURES), .errnos = { EFAULT, EPERM } },
	{ IOCTL(VDUSE_IOC_VQ_INFO), .errnos = { EINVAL, EFAULT, EPERM } },
	/* the kernel forgets them by itself at a reset */
	{ IOCTL(VDUSE_IOC_VQ_KICKFD), .quiet = true, .loud = 2,
			.errnos = { EINVAL, EFAULT, EBADF, EPERM, ENOMEM } },
	{ IOCTL(VDUSE_IOC_VQ_IRQ), .quiet = true, .errnos = { EINVAL, EFAULT, EPERM } },
	/* EINVAL is the end of the list: less memory than there is, which is not seen at once */
	{ IOCTL(VDUSE_IOC_REGION), .quiet = true, .errnos = { EINVAL } },
	{ IOCTL(VDUSE_IOC_REGION), .errnos = { EFAULT, EPERM, EMFILE, ENFILE, EACCES } },
	{ IOCTL(VDUSE_IOC_REGION_V2), .errnos = { EFAULT, EPERM, EMFILE, ENFILE, EACCES } },
	{ .name = "read", .call = FK_READ, .quiet = true, .errnos = { EAGAIN } },
	{ .name = "read", .call = FK_READ, .fatal = true, .errnos = { EFAULT, EINVAL } },
	{ .name = "write", .call = FK_WRITE, .quiet = true, .fatal = true, .errnos = { ENOENT } },
	{ .name = "write", .call = FK_WRITE, .fatal = true, .errnos = { EFAULT, EINVAL } },
	{ .name = "fstatfs", .call = FK_PAGE_SIZE, .errnos = { EIO, ENOMEM, EOVERFLOW, ENOSYS } },
	{ .name = "mmap",
			.call = FK_MAP,
			.errnos = { ENOMEM, EACCES, EAGAIN, EPERM, ENODEV, EINVAL, EOVERFLOW } },
	{ .name = "sysfs",
			.call = FK_SET_ATTR,
			.errnos = { EINVAL, EACCES, ENOENT, EPERM, ENOMEM } },
	{ .name = "calloc, malloc, realloc", .wrap = WRAP_MEMORY, .errnos = { ENOMEM } },
	{ .name = "rte_malloc, rte_zmalloc", .wrap = WRAP_RTE_MEMORY, .errnos = { ENOMEM } },
	{ .name = "eventfd", .wrap = WRAP_EVENTFD, .errnos = { EMFILE, ENFILE, ENODEV, ENOMEM } },
	{ .name = "timerfd_create", .wrap = WRAP_TIMERFD, .errnos = { EMFILE, ENFILE, ENOMEM } },
	{ .name = "epoll_create1",
			.wrap = WRAP_EPOLL_CREATE,
			.errnos = { EMFILE, ENFILE, ENOMEM } },
	{ .name = "epoll_ctl", .wrap = WRAP_EPOLL_CTL, .errnos = { ENOMEM, ENOSPC } },
	/* without a window the regions are mapped one by one */
	{ .name = "mmap of a window", .wrap = WRAP_MMAP, .quiet = true, .errnos = { ENOMEM } },
	{ .name = "pthread_create", .wrap = WRAP_THREAD, .errnos = { EAGAIN, EPERM } },
};

static const struct rte_vduse_net_conf net_conf = {
	.dev.adopt_fd = -1,
	.dev.name = "unit",
	.queue_pairs = 1,
	.dev.queue_size = RIG_QUEUE_SIZE,
	.mac = { { 2, 0, 0, 0, 0, 1 } },
	.mtu = 1500,
	.dev.tuning.msg_timeout = 10,
	.dev.tuning.irq_affinity = "3",
};

static void
fault_arm(const struct fault_call *call, unsigned int skip, unsigned int times, int err)
{
	if (call->wrap != WRAP_NONE)
		wrap_fail(call->wrap, skip, times, err);
	else
		fk_fail(call->call, skip, times, -err);
}

static unsigned int
fault_left(const struct fault_call *call)
{
	return call->wrap != WRAP_NONE ? wrap_left() : fk_fail_left();
}

static void
fault_over(void)
{
	wrap_fail(WRAP_NONE, 0, 0, 0);
	fk_fail(0, 0, 0, 0);
}

/* A call that sets something returned an error: its caller knows. */
static bool told;

/* A call of the public interface, on this thread. */
#define OURS(call)                   \
	({                           \
		int ours_ret;        \
                                     \
		wrap_is_test(false); \
		ours_ret = (call);   \
		wrap_is_test(true);  \
		ours_ret;            \
	})

/* One that sets something. */
#define SET(call) (told |= OURS(call) < 0)

/* One frame each way, or none: whatever comes of it. */
static void
frames_try(struct rig *b, unsigned int n)
{
	const uint64_t at = RIG_BUFFERS + n * 8192;
	const struct mock_desc tx = { .iova = at, .len = RIG_HDR_LEN + 100 };
	const struct mock_desc rx = {
		.iova = GUEST_PATCH + n * 0x2000, .len = 3000, .write = true
	};
	struct rte_mbuf *m = rig_mbuf(n, 100, 100), *got = NULL;
	struct mock_used used;

	rig_frame_write(b, at, n, 100);
	(void)mock_vq_add(rig_tx(b), &tx, 1, NULL);
	(void)mock_vq_add(rig_rx(b), &rx, 1, NULL);
	fk_kick(b->dev, 0);
	fk_kick(b->dev, 1);
	if (OURS(rte_vduse_net_dequeue(b->net, 0, unit_pool, &got, 1)) == 1)
		rte_pktmbuf_free(got);
	(void)OURS(rte_vduse_net_enqueue(b->net, 0, &m, 1));
	rte_pktmbuf_free(m);
	while (mock_vq_get(rig_tx(b), &used))
		;
	while (mock_vq_get(rig_rx(b), &used))
		;
}

/* A driver that goes on whatever it is answered. */
static void
driver_try(struct rig *b)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 2 } };
	struct vduse_abi_vq_state vq_state;
	unsigned int i;

	(void)fk_set_status(b->dev, RIG_ACK);
	(void)fk_set_status(b->dev, RIG_DRIVER);
	fk_set_features(b->dev, rig_features(&b->conf));
	(void)fk_set_status(b->dev, RIG_FEATURES_OK);
	rig_rings(b, true);
	(void)fk_set_status(b->dev, RIG_DRIVER_OK);
	frames_try(b, 1);
	SET(rte_vduse_net_set_mtu(b->net, 1400));
	SET(rte_vduse_net_set_mac(b->net, &mac));
	SET(rte_vduse_net_set_link(b->net, false));
	SET(rte_vduse_net_set_link(b->net, true));
	(void)fk_update_iotlb(b->dev, 0, UINT64_MAX);
	frames_try(b, 2);
	(void)fk_set_ready(b->dev, 1, false);
	(void)fk_get_vq_state(b->dev, 1, &vq_state);
	(void)fk_set_ready(b->dev, 1, true);
	frames_try(b, 3);
	for (i = 0; i < 3; i++)
		(void)fk_get_vq_state(b->dev, i % 2, &vq_state);
	(void)fk_reset(b->dev);
}

/* The fault is over: a driver that begins anew gets a working device. */
static void
driver_works(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	assert_int_equal(OURS(rte_vduse_net_set_link(b->net, true)), 0);
	rig_drive(b);
	rig_assert_traffic(b);
	assert_true(rig_info(b).link_up);
	assert_int_equal(fk_reset(b->dev), 0);
}

/* A device that could not be destroyed is, when it can. */
static void
left_over(const char *name)
{
	if (fk_find(name) != NULL)
		assert_int_equal(rte_vduse_dev_remove(name), 0);
}

static void
assert_said(const struct fault_call *call, unsigned int skip, int err)
{
	if (unit_log_count("vduse: ") == 0)
		fail_msg("%s, call %u, %s: not a word about it", call->name, skip, strerror(err));
}

static int
life_create(struct rig *b)
{
	struct rte_vduse_net *net;
	int ret;

	ret = OURS(rte_vduse_net_create(&net_conf, &net));
	if (ret < 0)
		return ret;
	rig_take(b, &b->conf, net);
	SET(rte_vduse_net_set_link(net, true));
	return 0;
}

/* A whole life with the fault in it, and one without. Returns false when it was not met. */
static bool
life(const struct fault_call *call, unsigned int skip, unsigned int times, int err)
{
	struct rig b = { 0 };
	bool met, alive;

	told = false;
	b.conf.variant = rig_variants[(skip + err) % RIG_VARIANTS];
	unit_log_clear();
	/* who gave the device up does not answer */
	fk_patience(call->fatal ? 100 : 0);
	fault_arm(call, skip, times, err);
	alive = life_create(&b) == 0;
	if (alive)
		driver_try(&b);
	met = fault_left(call) < times;
	if (alive && met) {
		fault_over();
		if (!call->fatal)
			driver_works(&b);
	}
	if (alive) {
		(void)OURS(rte_vduse_net_destroy(b.net));
		rig_give_back(&b);
	}
	met = met || fault_left(call) < times;
	fault_over();
	if (met && !told && (!call->quiet || skip < call->loud))
		assert_said(call, skip, err);
	fk_patience(0);
	left_over("unit");
	unit_assert_clean();
	return met;
}

/* What the kernel can do is found out, or why not is said. Returns false when it was not met. */
static bool
probe(const struct fault_call *call, unsigned int skip, unsigned int times, int err)
{
	struct rte_vduse_net_caps caps;
	char name[32];
	bool met;
	int ret;

	unit_log_clear();
	fault_arm(call, skip, times, err);
	ret = OURS(rte_vduse_net_probe(&caps));
	met = fault_left(call) < times;
	fault_over();
	if (ret < 0)
		assert_said(call, skip, err);
	snprintf(name, sizeof(name), "probe-%d", (int)getpid());
	left_over(name);
	unit_assert_clean();
	return met;
}

/* Whether the next life works, with nothing wrong. */
static void
life_after(void)
{
	struct rig b;

	rig_up(&b, &(struct rig_conf){ 0 });
	rig_assert_traffic(&b);
	rig_down(&b);
}

static unsigned int
sweep(const struct fault_call *call, unsigned int times)
{
	unsigned int lives = 0, skip, i, fds = unit_count_fds(), maps = unit_count_maps();

	for (i = 0; i < ERRNOS_MAX && call->errnos[i] != 0; i++) {
		for (skip = 0; life(call, skip, times, call->errnos[i]); skip++)
			lives++;
		for (skip = 0; probe(call, skip, times, call->errnos[i]); skip++)
			lives++;
		life_after();
		assert_int_equal(unit_count_fds(), fds);
		assert_int_equal(unit_count_maps(), maps);
	}
	print_message("%-28s %4u lives\n", call->name, lives);
	return lives;
}

static void
sweep_all(unsigned int times)
{
	unsigned int lives = 0, n;
	size_t i;

	for (i = 0; i < RTE_DIM(calls); i++) {
		n = sweep(&calls[i], times);
		/* GET_FD2 belongs to API 1, and the features to a kernel that has them */
		if (n == 0 && calls[i].call != VDUSE_IOC_REGION_V2 &&
				calls[i].call != VDUSE_IOC_SET_FEATURES)
			fail_msg("%s: never called", calls[i].name);
		lives += n;
	}
	print_message("%u lives\n", lives);
}

/* One call fails. */
static void
test_once(void **state)
{
	(void)state;
	sweep_all(1);
}

/* And the next ones fail too. */
static void
test_thrice(void **state)
{
	(void)state;
	sweep_all(3);
}

/* Linux 7.3: another API, queues that say when they are ready. */
static void
test_newest(void **state)
{
	const struct fk_conf conf = {
		.api_newest = 1,
		.vduse_features = (1ULL << VDUSE_ABI_F_QUEUE_READY) | (1ULL << VDUSE_ABI_F_SUSPEND),
	};
	size_t i;

	(void)state;
	unit_kernel(&conf);
	for (i = 0; i < RTE_DIM(calls); i++)
		if (!calls[i].fatal)
			sweep(&calls[i], 1);
}

/* The process may open no more files: what the driver maps cannot be had. */
static void
test_no_files(void **state)
{
	struct rlimit before, none;
	struct rig b;
	int lowest;

	(void)state;
	rig_up(&b, &(struct rig_conf){ 0 });
	assert_int_equal(fk_reset(b.dev), 0);
	rig_negotiate(&b);
	rig_rings(&b, true);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	lowest = dup(0);
	assert_true(lowest >= 0);
	close(lowest);
	none = (struct rlimit){ .rlim_cur = lowest, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	unit_log_clear();
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), -EIO);
	unit_assert_logged_once("unit: the memory of its driver cannot be mapped: Too many open "
				"files; allow more open files");
	unit_assert_logged_once("unit: request type 1 refused: Too many open files");
	assert_false(rig_info(&b).link_up);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	driver_works(&b);
	rig_destroy(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_once),
		UNIT_TEST(test_thrice),
		UNIT_TEST(test_newest),
		UNIT_TEST(test_no_files),
	};

	/* a thread's heap would be mappings more */
	mallopt(M_ARENA_MAX, 1);
	/* a device that stays busy has been waited for long enough */
	rte_vduse_set_busy_wait(100);
	return UNIT_RUN("faults", tests);
}
