/* SPDX-License-Identifier: BSD-3-Clause */

/* A device that the kernel gave up, recreated while others look at it. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "rig.h"
#include "ring/notify.h"

static void
wait_renewed(void)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (unit_log_count("unit: recreated") == 0 && time(NULL) < until)
		sched_yield();
	unit_assert_logged_once("unit: recreated");
}

/* The kernel gave the device up: said once; it is recreated and serves. */
static void
broken_run(void (*break_it)(struct rig *b))
{
	const struct rig_conf conf = { 0 };
	struct rte_ether_addr mac;
	struct rte_vduse_net_info info;
	struct rig b;

	rig_up(&b, &conf);
	unit_log_clear();
	break_it(&b);
	rig_wait(&b, rig_is_link_down, 0);
	assert_null(rig_dequeue(&b));
	wait_renewed();
	unit_assert_logged_once("the kernel has given the device up");
	/* with the same address, and as good as new */
	rig_find(&b);
	fk_config(b.dev, 0, &mac, sizeof(mac));
	info = rig_info(&b);
	assert_memory_equal(&mac, &info.mac, sizeof(mac));
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
break_timeout(struct rig *b)
{
	fk_break(b->dev);
}

static void
break_read_eio(struct rig *b)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = 15 };

	fk_fail(FK_READ, 0, 1, -EIO);
	fk_msg_cancel(fk_msg_send(b->dev, &req, sizeof(req)));
}

static void
break_read_eperm(struct rig *b)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = 15 };

	fk_fail(FK_READ, 0, 1, -EPERM);
	fk_msg_cancel(fk_msg_send(b->dev, &req, sizeof(req)));
}

static void
test_broken(void **state)
{
	(void)state;
	broken_run(break_timeout);
	broken_run(break_read_eio);
	broken_run(break_read_eperm);
}

/* Other threads' calls of the kernel are counted, and one of them waits for the owner's next step.
 */
static struct {
	pthread_t owner;
	unsigned int at, calls;
	bool reached, go_on; /* atomic */
} gate;

/* Others have the processor for a while. */
static void
give_way(void)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		sched_yield();
}

static void
gate_pass(void)
{
	if (pthread_equal(pthread_self(), gate.owner) ||
			__atomic_fetch_add(&gate.calls, 1, __ATOMIC_ACQ_REL) != gate.at)
		return;
	__atomic_store_n(&gate.reached, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&gate.go_on, __ATOMIC_ACQUIRE))
		sched_yield();
	give_way();
}

static int
gate_ioctl(int fd, unsigned long request, void *arg)
{
	gate_pass();
	return fk_sys.ioctl(fd, request, arg);
}

static int
gate_open(const char *name)
{
	gate_pass();
	return fk_sys.open_device(name);
}

static void
gate_close(int fd)
{
	gate_pass();
	fk_sys.close(fd);
}

/* Destroyed at a call of the kernel while it is recreated; false: there are not so many. */
static bool
destroy_at(unsigned int at)
{
	const struct rig_conf conf = { 0 };
	bool reached;
	struct rig b;

	gate.owner = pthread_self();
	gate.reached = gate.go_on = false;
	gate.at = UINT_MAX;
	rig_up(&b, &conf);
	gate.at = at;
	gate.calls = 0;
	unit_log_clear();
	fk_break(b.dev);
	do {
		sched_yield();
		reached = __atomic_load_n(&gate.reached, __ATOMIC_ACQUIRE);
	} while (!reached && unit_log_count("unit: recreated") == 0);
	__atomic_store_n(&gate.go_on, true, __ATOMIC_RELEASE);
	rig_destroy(&b);
	assert_null(fk_find("unit"));
	return reached;
}

/* Destroyed at any step of it, or while it waits for whoever keeps the old one: that goes too. */
static void
test_broken_destroy(void **state)
{
	const struct rig_conf conf = { 0 };
	const unsigned int fds = unit_count_fds();
	struct vduse_sys sys = fk_sys;
	struct rig b;
	unsigned int at;

	(void)state;
	rig_up(&b, &conf);
	fk_fail(VDUSE_IOC_DESTROY, 0, 1, -EBUSY);
	fk_break(b.dev);
	assert_true(fk_fail_wait());
	rig_destroy(&b);
	assert_null(fk_find("unit"));
	sys.ioctl = gate_ioctl;
	sys.open_device = gate_open;
	sys.close = gate_close;
	vduse_sys_set(&sys);
	for (at = 0; destroy_at(at); at++)
		assert_int_equal(unit_count_fds(), fds);
	printf("destroyed at %u calls of the kernel\n", at);
	assert_true(at > 4); /* removed, made, tuned, watched */
	assert_int_equal(unit_count_fds(), fds);
}

static unsigned int
stray_calls(void)
{
	struct fk_ledger ledger;

	fk_ledger(&ledger);
	return ledger.errors;
}

/* While it is gone, whoever comes finds no descriptor; what is set meanwhile the new one has. */
static void
test_gone(void **state)
{
	const struct rig_conf conf = { 0 };
	struct vduse_vq *vq;
	uint16_t mtu;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	vq = b.net->dev->vqs[0];
	fk_fail(VDUSE_IOC_DESTROY, 0, 100, -EBUSY);
	fk_break(b.dev);
	while (fk_fail_left() == 100)
		sched_yield();
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 1234), 0);
	assert_int_equal(vduse_iotlb_load(vq->map.tlb),
			-ENODEV); /* an lcore that met a miss before */
	vduse_notify(vq);         /* or used buffers */
	assert_int_equal(vq->stats.calls_failed, 1);
	assert_int_equal(stray_calls(), 0);
	assert_false(fk_fail_done());
	wait_renewed();
	rig_find(&b);
	fk_config(b.dev, offsetof(struct virtio_net_config, mtu), &mtu, sizeof(mtu));
	assert_int_equal(mtu, 1234);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* A driver kept its MTU: the device that is recreated has the one that was set meanwhile. */
static void
test_next_mtu(void **state)
{
	const struct rig_conf conf = { .features = 1ULL << VIRTIO_NET_F_MTU };
	uint16_t mtu;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 1234), 0);
	fk_break(b.dev);
	wait_renewed();
	rig_find(&b);
	fk_config(b.dev, offsetof(struct virtio_net_config, mtu), &mtu, sizeof(mtu));
	assert_int_equal(mtu, 1234);
	rig_drive(&b);
	assert_int_equal(b.net->driver_mtu, 1234);
	rig_down(&b);
}

/* The kernel takes its time with the calls of some threads: all changes meanwhile that may. */
static __thread bool slow;

static int
slow_ioctl(int fd, unsigned long request, void *arg)
{
	if (slow)
		give_way();
	return fk_sys.ioctl(fd, request, arg);
}

/* A thread that sets, calls and resolves misses all the while. */
struct setter {
	struct rig *b;
	bool stop;
	unsigned int wrong;
};

static void *
setter_main(void *arg)
{
	struct setter *s = arg;
	struct vduse_vq *vq = s->b->net->dev->vqs[0];
	uint16_t mtu = 1000;
	int ret;

	slow = true;
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		ret = rte_vduse_net_set_mtu(s->b->net, 1000 + ++mtu % 100);
		if (ret != 0 && ret != -EPERM) /* the kernel's, before it is taken away */
			s->wrong++;
		vduse_notify(vq);
		ret = vduse_iotlb_load(vq->map.tlb);
		if (ret < 0 && ret != -ENODEV && ret != -EPERM && ret != -ESHUTDOWN)
			s->wrong++;
	}
	return NULL;
}

static void
test_gone_race(void **state)
{
	const struct rig_conf conf = { 0 };
	struct setter s = { 0 };
	struct vduse_sys sys = fk_sys;
	pthread_t thread;
	struct rig b;
	unsigned int i;

	(void)state;
	sys.ioctl = slow_ioctl;
	vduse_sys_set(&sys);
	rig_up(&b, &conf);
	s.b = &b;
	unit_thread(&thread, setter_main, &s);
	for (i = 0; i < 50; i++) {
		unit_log_clear();
		fk_break(b.dev);
		wait_renewed();
		rig_find(&b);
		rig_drive(&b);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(stray_calls(), 0);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* The bus: how often it was asked, and whether it lets the next one wait. */
static struct {
	unsigned int attached, detached;
	bool hold, held; /* atomic */
} bus;

int __wrap_vduse_bus_attach(const char *name, enum rte_vduse_attach how, bool again);
int __wrap_vduse_bus_detach(const char *name);

int
__wrap_vduse_bus_attach(const char *name, enum rte_vduse_attach how, bool again)
{
	(void)again;
	/* as Linux's virtio_net when it comes */
	if (how == RTE_VDUSE_ATTACH_VIRTIO)
		assert_int_equal(fk_sys.set_attr(name, "vq0/irq_cb_affinity", "ff"), 0);
	__atomic_fetch_add(&bus.attached, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&bus.held, true, __ATOMIC_RELEASE);
	while (__atomic_load_n(&bus.hold, __ATOMIC_ACQUIRE))
		sched_yield();
	return 0;
}

int
__wrap_vduse_bus_detach(const char *name)
{
	(void)name;
	__atomic_fetch_add(&bus.detached, 1, __ATOMIC_RELAXED);
	return 0;
}

static void
assert_irq_affinity(const char *want)
{
	char value[16];

	fk_attr(fk_find("unit"), "vq0/irq_cb_affinity", value, sizeof(value));
	assert_string_equal(value, want);
}

/* A driver that chooses CPUs as it comes does not stay with them, on the device that is recreated
 * neither. */
static void
test_irq_affinity(void **state)
{
	const struct rig_conf conf = { .irq_affinity = "2" };
	struct rig b;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	rig_create(&b, &conf);
	assert_int_equal(rte_vduse_net_attach(b.net, RTE_VDUSE_ATTACH_VIRTIO), 0);
	assert_irq_affinity("2");
	fk_break(b.dev);
	wait_renewed();
	assert_int_equal(__atomic_load_n(&bus.attached, __ATOMIC_RELAXED), 2);
	assert_irq_affinity("2");
	rig_find(&b);
	rig_destroy(&b);
}

/* Off the bus by its owner's wish: it is not put back there. */
static void
test_stays_off(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	rig_create(&b, &conf);
	assert_int_equal(rte_vduse_net_attach(b.net, RTE_VDUSE_ATTACH_VHOST), 0);
	fk_break(b.dev);
	wait_renewed();
	unit_assert_logged_once("back on the vDPA bus");
	assert_int_equal(__atomic_load_n(&bus.attached, __ATOMIC_RELAXED), 2);
	assert_int_equal(__atomic_load_n(&bus.detached, __ATOMIC_RELAXED), 1);
	unit_log_clear();
	assert_int_equal(rte_vduse_net_detach(b.net), 0);
	rig_find(&b);
	fk_break(b.dev);
	wait_renewed();
	unit_assert_logged_once("put it on the vDPA bus again");
	assert_int_equal(__atomic_load_n(&bus.attached, __ATOMIC_RELAXED), 2);
	rig_find(&b);
	rig_destroy(&b);
}

/* Given up again while the bus keeps the thread: others are served, and then it is recreated again.
 */
static void
test_given_up_twice(void **state)
{
	const struct rig_conf conf = { 0 }, other = { .name = "other" };
	struct rig b, o;
	struct fk_dev *dev;
	unsigned int i;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	rig_create(&b, &conf);
	assert_int_equal(rte_vduse_net_attach(b.net, RTE_VDUSE_ATTACH_VHOST), 0);
	bus.held = false;
	bus.hold = true;
	unit_log_clear();
	fk_break(b.dev);
	while (!__atomic_load_n(&bus.held, __ATOMIC_ACQUIRE))
		sched_yield();
	dev = fk_find("unit");
	fk_break(dev);
	while (unit_log_count("the kernel has given the device up") < 2)
		sched_yield();
	/* the control thread waits for nobody */
	for (i = 0; i < 3; i++)
		while (!rte_vduse_control_alive())
			sched_yield();
	rig_up(&o, &other);
	rig_assert_traffic(&o);
	rig_down(&o);
	__atomic_store_n(&bus.hold, false, __ATOMIC_RELEASE);
	while (unit_log_count("unit: recreated") < 2)
		sched_yield();
	rig_find(&b);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_broken),
		UNIT_TEST(test_broken_destroy),
		UNIT_TEST(test_gone),
		UNIT_TEST(test_next_mtu),
		UNIT_TEST(test_gone_race),
		UNIT_TEST(test_irq_affinity),
		UNIT_TEST(test_stays_off),
		UNIT_TEST(test_given_up_twice),
	};

	return UNIT_RUN("renew", tests);
}
