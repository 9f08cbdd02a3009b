/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of /dev/vhost-vdpa-N, kicks and interrupts, and API version 1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "test_emu.h"

#define ACK         1
#define DRIVER      2
#define DRIVER_OK   4
#define FEATURES_OK 8

static int
set_features(int fd, uint64_t features)
{
	return ioctl(fd, VHOST_SET_FEATURES, &features) < 0 ? -errno : 0;
}

static void
test_owner(void **state)
{
	struct vhost_vring_state num = { .index = 0, .num = 64 };
	int fd = front_open_only();
	uint32_t id = 0;

	(void)state;
	assert_int_equal(err_of(open("/dev/vhost-vdpa-0", O_RDWR)), EBUSY);
	assert_int_equal(err_of(open("/dev/vhost-vdpa-1", O_RDWR)), ENOENT);
	assert_int_equal(ioctl(fd, VHOST_VDPA_GET_DEVICE_ID, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_VRING_NUM, &num)), EPERM);
	assert_int_equal(ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_OWNER, NULL)), EBUSY);
	assert_int_equal(ioctl(fd, VHOST_SET_VRING_NUM, &num), 0);
	num.num = 63;
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_VRING_NUM, &num)), EINVAL);
	num.index = QUEUES;
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_VRING_NUM, &num)), ENOBUFS);
	front_close(fd);
}

/* Mirrored only after the back end agreed; open, reset and close tell it 0. */
static void
test_status(void **state)
{
	struct back *back = *state;
	int fd = front_open();

	assert_int_equal(back_last(back, VDUSE_MSG_SET_STATUS).s.status, 0);
	assert_int_equal(front_status(fd, ACK), 0);
	assert_int_equal(front_get_status(fd), ACK);
	back->fail = 1U << VDUSE_MSG_SET_STATUS;
	assert_int_equal(front_status(fd, ACK | DRIVER), 0);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_STATUS).s.status, ACK | DRIVER);
	assert_int_equal(front_get_status(fd), ACK);
	back->fail = 0;
	assert_int_equal(front_status(fd, DRIVER), -EINVAL);
	assert_int_equal(set_features(fd, FEATURES), 0);
	assert_int_equal(front_status(fd, ACK | FEATURES_OK), 0);
	assert_int_equal(set_features(fd, FEATURES), -EBUSY);
	assert_int_equal(front_status(fd, 0), 0);
	assert_int_equal(front_get_status(fd), 0);
	front_close(fd);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_STATUS).s.status, 0);
}

static void
test_features(void **state)
{
	struct back *back = *state;
	int fd = front_open();
	uint64_t features = 0;
	uint16_t num = 0;

	assert_int_equal(ioctl(fd, VHOST_GET_FEATURES, &features), 0);
	assert_int_equal(features, FEATURES);
	assert_int_equal(set_features(fd, F_VERSION_1), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_DRIVER_FEATURES, &features), 0);
	assert_int_equal(features, F_VERSION_1);
	assert_int_equal(ioctl(fd, VHOST_VDPA_GET_VRING_NUM, &num), 0);
	assert_int_equal(num, QUEUE_MAX);
	features = 1ULL << VHOST_BACKEND_F_SUSPEND;
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features)), EOPNOTSUPP);
	front_close(fd);
}

static void
test_config_space(void **state)
{
	struct vduse_abi_config *data = calloc(1, sizeof(*data) + 8);
	struct vhost_vdpa_config *config = calloc(1, sizeof(*config) + 64);
	struct back *back = *state;
	int fd = front_open();

	data->offset = 2;
	data->length = 2;
	memcpy(data->buffer, "\x12\x34", 2);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_SET_CONFIG, data), 0);
	config->len = 64;
	assert_int_equal(ioctl(fd, VHOST_VDPA_GET_CONFIG, config), 0);
	assert_memory_equal(config->buf, "\0\0\x12\x34\0", 5);
	memset(config->buf, 0xff, 64);
	assert_int_equal(ioctl(fd, VHOST_VDPA_SET_CONFIG, config), 0); /* ignored */
	assert_int_equal(ioctl(fd, VHOST_VDPA_GET_CONFIG, config), 0);
	assert_memory_equal(config->buf, "\0\0\x12\x34\0", 5);
	config->off = 1;
	assert_int_equal(err_of(ioctl(fd, VHOST_VDPA_GET_CONFIG, config)), EINVAL);
	front_close(fd);
	free(config);
	free(data);
}

/* What the driver set is what VQ_GET_INFO shows; where the back end is comes by message. */
static void
check_position(struct back *back, uint64_t features, uint32_t base)
{
	struct vhost_vring_addr addr = {
		.desc_user_addr = 0x1000, .avail_user_addr = 0x2000, .used_user_addr = 0x3000
	};
	struct vhost_vring_state state = { .num = base };
	struct vduse_abi_vq info = { .index = 0 };
	int fd = front_open();

	assert_int_equal(set_features(fd, features), 0);
	assert_int_equal(ioctl(fd, VHOST_SET_VRING_BASE, &state), 0);
	state.num = 128;
	assert_int_equal(ioctl(fd, VHOST_SET_VRING_NUM, &state), 0);
	assert_int_equal(ioctl(fd, VHOST_SET_VRING_ADDR, &addr), 0);
	front_enable(fd, 0, 1);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(info.num, 128);
	assert_int_equal(info.desc_addr, 0x1000);
	assert_int_equal(info.driver_addr, 0x2000);
	assert_int_equal(info.device_addr, 0x3000);
	assert_int_equal(info.ready, 1);
	if (features & F_PACKED) {
		assert_int_equal(info.packed.last_avail_idx, base & 0x7fff);
		assert_int_equal(info.packed.last_avail_counter, base >> 15 & 1);
		assert_int_equal(info.packed.last_used_idx, base >> 16 & 0x7fff);
		assert_int_equal(info.packed.last_used_counter, base >> 31);
	} else {
		assert_int_equal(info.split.avail_index, base);
	}
	assert_int_equal(ioctl(fd, VHOST_GET_VRING_BASE, &state), 0);
	assert_int_equal(back_last(back, VDUSE_MSG_GET_VQ_STATE).vq_state.index, 0);
	assert_int_equal(state.num, features & F_PACKED ? 0x80058006 : 0x8006);
	assert_int_equal(front_status(fd, DRIVER_OK), 0);
	assert_int_equal(err_of(ioctl(fd, VHOST_SET_VRING_ADDR, &addr)), EINVAL);
	front_close(fd);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(info.ready + info.num + info.desc_addr, 0);
}

static void
test_position_split(void **state)
{
	struct back *back = *state;

	back->state.split.avail_index = 0x8006;
	check_position(back, F_VERSION_1, 0x1234);
}

static void
test_position_packed(void **state)
{
	struct back *back = *state;

	/* bits beyond the masks are the kernel's to drop */
	back->state.packed = (struct vduse_abi_pos_packed){ .last_avail_counter = 3,
		.last_avail_idx = 0x8006,
		.last_used_counter = 3,
		.last_used_idx = 5 };
	check_position(back, F_VERSION_1 | F_PACKED, 0x80028001);
}

static int
set_file(int fd, unsigned long cmd, int event)
{
	struct vhost_vring_file file = { .index = 0, .fd = event };

	return ioctl(fd, cmd, &file) < 0 ? -errno : 0;
}

/*
 * The broker has passed or dropped the kicks so far. Its loop takes in lots what is ready, and no
 * two calls, made one behind the other, are in the same: the first may be in the lot before the
 * kick's, the second is in the kick's at the earliest, and that is done before the third is taken.
 */
static void
kicks_settle(int fd)
{
	for (int i = 0; i < 3; i++)
		front_get_status(fd);
}

/* A kick passes while the queue is ready, and one without a kickfd waits for it. */
static void
test_kick(void **state)
{
	int front = eventfd(0, EFD_NONBLOCK), kick = eventfd(0, EFD_NONBLOCK);
	struct vduse_abi_kickfd arg = { .index = 0, .fd = kick };
	struct back *back = *state;
	int fd = front_open();

	assert_int_equal(set_file(fd, VHOST_SET_VRING_KICK, STDERR_FILENO), -EINVAL);
	assert_int_equal(set_file(fd, VHOST_SET_VRING_KICK, front), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &arg), 0);
	assert_int_equal(eventfd_write(front, 1), 0);
	kicks_settle(fd);
	assert_int_equal(event_wait(kick, 200), 0); /* not ready: dropped */
	front_enable(fd, 0, 1);
	for (int i = 0; i < 3; i++) { /* the front end's counter stays: nobody reads it */
		assert_int_equal(eventfd_write(front, 1), 0);
		assert_true(event_wait(kick, TEST_LIMIT_S * 1000) > 0);
	}
	arg.fd = VDUSE_ABI_NO_FD;
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &arg), 0);
	assert_int_equal(eventfd_write(front, 1), 0);
	assert_int_equal(event_wait(kick, 200), 0);
	arg.fd = kick;
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &arg), 0);
	assert_int_equal(event_wait(kick, TEST_LIMIT_S * 1000), 1);
	front_close(fd);
	close(front);
	close(kick);
}

static void
test_interrupt(void **state)
{
	int one = eventfd(0, EFD_NONBLOCK), two = eventfd(0, EFD_NONBLOCK);
	struct back *back = *state;
	uint32_t index = QUEUES;
	int fd = front_open();

	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index)), EINVAL);
	index = 0;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index)), EINVAL);
	assert_int_equal(set_file(fd, VHOST_SET_VRING_CALL, one), 0);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index)), EINVAL);
	front_enable(fd, 0, 1);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index), 0);
	assert_int_equal(event_wait(one, TEST_LIMIT_S * 1000), 1);
	assert_int_equal(set_file(fd, VHOST_SET_VRING_CALL, two), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index), 0);
	assert_int_equal(event_wait(two, TEST_LIMIT_S * 1000), 1);
	assert_int_equal(event_wait(one, 0), 0);
	assert_int_equal(set_file(fd, VHOST_SET_VRING_CALL, -1), 0);
	assert_int_equal(front_status(fd, DRIVER_OK), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_IRQ, &index), 0);
	assert_int_equal(event_wait(two, 0), 0);
	assert_int_equal(ioctl(fd, VHOST_VDPA_SET_CONFIG_CALL, &one), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_CONFIG_IRQ), 0);
	assert_int_equal(event_wait(one, TEST_LIMIT_S * 1000), 1);
	front_close(fd);
	close(one);
	close(two);
}

static void *
detach(void *name)
{
	return (void *)(intptr_t)emu_admin("detach %s", (const char *)name);
}

/* A front end in a process of its own, until it is killed. */
static void
be_front(int ready)
{
	int fd = open("/dev/vhost-vdpa-0", O_RDWR);

	(void)!write(ready, fd < 0 ? "-" : "+", 1);
	pause();
	_exit(close(fd));
}

/* A front end that dies is a close; a detach waits for it. */
static void
test_front_dies(void **state)
{
	struct back *back = *state;
	int ready[2], status;
	pthread_t detacher;
	pid_t child;
	void *ret;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
		be_front(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, '+');
	assert_int_equal(pthread_create(&detacher, NULL, detach, back->name), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_SET_STATUS), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	pthread_join(detacher, &ret);
	assert_int_equal((intptr_t)ret, 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_SET_STATUS), 2);
	close(ready[0]);
	close(ready[1]);
}

int
front_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(dev, test_owner),
		TEST_WITH(dev, test_status),
		TEST_WITH(dev, test_features),
		TEST_WITH(dev, test_config_space),
		TEST_WITH(dev, test_position_split),
		TEST_WITH(dev, test_position_packed),
		TEST_WITH(dev, test_kick),
		TEST_WITH(dev, test_interrupt),
		TEST_WITH(dev, test_front_dies),
	};

	return TEST_RUN("front end", tests);
}
