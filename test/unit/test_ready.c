/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests that come while a device is made: nobody answers them before its owner is ready. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "life/serve.h"
#include "rig.h"

/* Turns of the control thread that serve whatever it waits for. */
#define TURNS 4

/* A driver that comes as soon as the device has its queues, in the middle of its creation. */
static struct {
	bool wanted;           /* by this test */
	struct fk_msg *msg[4]; /* what it asked */
	unsigned int early;    /* reads of requests before the owner's queues were there */
	bool constructed;      /* they are, or nobody makes any */
	bool no_queues;        /* the owner gets no memory */
	const char *socket;    /* where a successor would ask; NULL: nobody does */
	unsigned int asked;    /* and was heard */
} hasty;

static char dir[64], path[96];

static void
hasty_start(void)
{
	/* the control thread of a device that is there already looks at these two */
	__atomic_store_n(&hasty.early, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&hasty.constructed, false, __ATOMIC_RELAXED);
	memset(hasty.msg, 0, sizeof(hasty.msg));
	hasty.no_queues = false;
	hasty.socket = NULL;
	hasty.asked = 0;
	hasty.wanted = true;
}

static void
hasty_ask(struct fk_dev *dev)
{
	static const uint8_t status[] = { RIG_ACK, RIG_DRIVER, RIG_FEATURES_OK, RIG_DRIVER_OK };
	unsigned int i;

	fk_set_features(dev, 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM);
	for (i = 0; i < RTE_DIM(status); i++) {
		const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS,
			.s.status = status[i] };

		hasty.msg[i] = fk_msg_send(dev, &req, sizeof(req));
	}
}

/* All were answered, with yes. */
static void
hasty_assert_answered(void)
{
	struct vduse_abi_response resp;
	unsigned int i;

	for (i = 0; i < RTE_DIM(hasty.msg); i++) {
		assert_int_equal(fk_msg_wait(hasty.msg[i], &resp), 0);
		assert_int_equal(resp.result, VDUSE_MSG_OK);
	}
}

static int
hasty_ioctl(int fd, unsigned long request, void *arg)
{
	const struct vduse_abi_vq_setup *config = arg;
	int ret = fk_sys.ioctl(fd, request, arg);

	if (request == VDUSE_IOC_VQ_SETUP && config->index == 1 && hasty.wanted) {
		hasty.wanted = false;
		hasty_ask(fk_find("unit"));
	}
	return ret;
}

static ssize_t
hasty_read(int fd, void *buf, size_t len)
{
	if (!__atomic_load_n(&hasty.constructed, __ATOMIC_RELAXED))
		__atomic_fetch_add(&hasty.early, 1, __ATOMIC_RELAXED);
	return fk_sys.read(fd, buf, len);
}

/* The control thread has served all that it waits for. */
static void
control_turns(void)
{
	unsigned int i;

	for (i = 0; i < TURNS; i++)
		while (!rte_vduse_control_alive())
			sched_yield();
}

static void
successor_asks(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, hasty.socket);
	hasty.asked += connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
}

void *__real_rte_zmalloc(const char *type, size_t size, unsigned int align);
void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned int align);

/* The device is there, and its owner is about to make its own queues. */
void *
__wrap_rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	if (strcmp(type, "vduse_net_queues") != 0)
		return __real_rte_zmalloc(type, size, align);
	if (hasty.socket != NULL)
		successor_asks();
	control_turns();
	__atomic_store_n(&hasty.constructed, true, __ATOMIC_RELAXED);
	return hasty.no_queues ? NULL : __real_rte_zmalloc(type, size, align);
}

static void
hasty_kernel(void)
{
	static struct vduse_sys sys;

	sys = fk_sys;
	sys.ioctl = hasty_ioctl;
	sys.read = hasty_read;
	vduse_sys_set(&sys);
	hasty_start();
}

/* The driver resets the device and begins again. */
static void
driver_again(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
	rig_assert_traffic(b);
}

static void
test_created(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;
	struct rig b;

	(void)state;
	for (v = 0; v < 4; v++) {
		hasty_kernel();
		conf.variant = rig_variants[v * 4];
		conf.call_thread = v % 2 != 0;
		conf.zero_copy_min = v / 2 != 0 ? 512 : 0;
		rig_create(&b, &conf);
		assert_int_equal(hasty.early, 0);
		hasty_assert_answered();
		driver_again(&b);
		rig_down(&b);
	}
}

/* The kernel gave it up: the one that takes its place meets a driver as hasty. */
static void
test_recreated(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	hasty_kernel();
	hasty.wanted = false;
	rig_up(&b, &conf);
	unit_log_clear();
	hasty_start();
	__atomic_store_n(&hasty.constructed, true, __ATOMIC_RELAXED);
	fk_break(b.dev);
	while (unit_log_count("unit: recreated") == 0)
		sched_yield();
	rig_find(&b);
	hasty_assert_answered();
	driver_again(&b);
	rig_down(&b);
}

/* As by a kill: the descriptor is closed, and nothing is said to anybody. */
static void
die(struct rig *b)
{
	vduse_serve_end(b->net->dev);
	assert_true(vduse_phase_set(b->net->dev, VDUSE_PHASE_LEFT));
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	b->net = NULL;
	unit_log_clear();
}

/* What was asked while nobody was there waits for the owner, and then for the recovery. */
static void
resumed_run(bool adopt)
{
	struct rig_conf conf = { .variant = rig_variants[0] };
	struct rte_vduse_net_conf again = { .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.dev.adopt = adopt };
	const struct vduse_abi_request req = { .type = VDUSE_MSG_UPDATE_IOTLB,
		.iova = { .start = 0, .last = UINT64_MAX } };
	struct vduse_abi_response resp;
	struct fk_msg *msg;
	struct rig b;

	strcpy(dir, "/dev/shm/ready.XXXXXX");
	assert_non_null(mkdtemp(dir));
	hasty_kernel();
	hasty.wanted = false;
	conf.state_dir = dir;
	again.dev.state_dir = adopt ? NULL : dir;
	rig_up(&b, &conf);
	rig_assert_traffic(&b);
	die(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	hasty_start();
	assert_int_equal(rte_vduse_net_create(&again, &b.net), 0);
	assert_int_equal(hasty.early, 0);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	/* the recovery came first: the queues were served when it was answered */
	assert_true(rig_info(&b).dev.started);
	assert_true(rig_is_served(&b, 0) && rig_is_served(&b, 1));
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_resumed(void **state)
{
	(void)state;
	resumed_run(false);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_adopted(void **state)
{
	char name[VDUSE_ABI_NAME_MAX] = "unit";
	int control;

	(void)state;
	resumed_run(true);
	/* it was not ours to remove, nor its file */
	control = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(control);
	snprintf(path, sizeof(path), "%s/unit.state", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/unit.sock", dir); /* as a kill leaves it */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Nor is another process heard that wants to take the device over. */
static void
test_successor(void **state)
{
	struct rig_conf conf = { .state_dir = dir };
	struct rig b;

	(void)state;
	strcpy(dir, "/dev/shm/ready.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/unit.sock", dir);
	hasty_kernel();
	hasty.socket = path;
	rig_create(&b, &conf);
	assert_int_equal(hasty.asked, 0);
	hasty_assert_answered();
	successor_asks();
	assert_int_equal(hasty.asked, 1);
	driver_again(&b);
	rig_down(&b);
	assert_int_equal(rmdir(dir), 0);
}

static bool on_bus;

bool __wrap_vduse_bus_has(const char *name);
int __wrap_vduse_bus_detach(const char *name);

bool
__wrap_vduse_bus_has(const char *name)
{
	(void)name;
	return on_bus;
}

/* The driver leaves, and waits for its answers. */
int
__wrap_vduse_bus_detach(const char *name)
{
	struct fk_dev *dev = fk_find(name);

	hasty_assert_answered();
	assert_int_equal(fk_reset(dev), 0);
	fk_attach(dev, false);
	on_bus = false;
	return 0;
}

/* The owner gets no further: the driver that came meanwhile is answered, and not by the owner. */
static void
test_never_ready(void **state)
{
	const struct rte_vduse_net_conf conf = { .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500 };
	struct rte_vduse_net *net;

	(void)state;
	hasty_kernel();
	hasty.no_queues = true;
	on_bus = true;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -ENOMEM);
	assert_int_equal(hasty.early, 0);
	assert_false(on_bus);
	assert_null(fk_find("unit"));
}

/* What is given by its descriptor is the caller's as long as it fails, and the device's from then
 * on. */
static void
test_fd_of_caller(void **state)
{
	char name[VDUSE_ABI_NAME_MAX] = "unit";
	struct rte_vduse_net_conf conf;
	struct rte_vduse_net *net;
	int fd, control;

	(void)state;
	rte_vduse_net_conf_init(&conf);
	conf.dev.name = "unit";
	conf.mac.addr_bytes[0] = 2;
	hasty_kernel();
	hasty.wanted = false;
	assert_int_equal(rte_vduse_net_make(&conf, &fd), 0);
	conf.dev.adopt = true;
	conf.dev.adopt_fd = fd;
	/* before the device is looked at, and after */
	conf.mtu = 0;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
	conf.mtu = 1500;
	hasty.no_queues = true;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -ENOMEM);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	hasty.no_queues = false;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	control = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(control);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_created),
		UNIT_TEST(test_recreated),
		UNIT_TEST(test_resumed),
		UNIT_TEST(test_adopted),
		UNIT_TEST(test_successor),
		UNIT_TEST(test_never_ready),
		UNIT_TEST(test_fd_of_caller),
	};

	return UNIT_RUN("ready", tests);
}
