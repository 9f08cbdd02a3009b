/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of /dev/vduse/control, of messages, and of the bus. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_emu.h"

#define MANY 1002

static struct vduse_abi_create *
new_config(const char *name)
{
	struct vduse_abi_create *config = calloc(1, sizeof(*config) + 8192);

	assert_non_null(config);
	config_init(config, name);
	return config;
}

static int
try_create(struct vduse_abi_create *config)
{
	char name[VDUSE_ABI_NAME_MAX];
	int fd = open("/dev/vduse/control", O_RDWR);
	int err;

	assert_true(fd >= 0);
	err = err_of(ioctl(fd, VDUSE_IOC_CREATE, config));
	memcpy(name, config->name, sizeof(name));
	if (err == 0)
		assert_int_equal(ioctl(fd, VDUSE_IOC_DESTROY, name), 0);
	close(fd);
	return err;
}

/* vduse_validate_config(), one rule after the other. */
static void
test_config_rules(void **state)
{
	struct vduse_abi_create *good = new_config("rules"), *bad = new_config("rules");
	size_t size = sizeof(*good);

	(void)state;
	assert_int_equal(try_create(good), 0);
#define BAD(change)                                        \
	do {                                               \
		memcpy(bad, good, size);                   \
		bad->change;                               \
		assert_int_equal(try_create(bad), EINVAL); \
	} while (0)
	BAD(reserved[10] = 1);
	BAD(ngroups = 1);
	BAD(nas = 1);
	BAD(vq_align = 8192);
	BAD(config_size = 4097);
	BAD(vq_num = 0x10000);
	BAD(name[0] = '\0');
	BAD(device_id = 3);
	BAD(features &= ~F_PLATFORM);
	BAD(features &= ~F_VERSION_1);
	BAD(features |= F_CTRL_VQ);
#undef BAD
	assert_int_equal(emu_admin("set ctrl_vq=1"), 0);
	good->features |= F_CTRL_VQ;
	assert_int_equal(try_create(good), 0);
	assert_int_equal(emu_admin("set ctrl_vq=0"), 0);
	free(good);
	free(bad);
}

/* As many as a node has. */
static void
test_many(void **state)
{
	struct vduse_abi_create *config = new_config("many");
	int fd = open("/dev/vduse/control", O_RDWR);

	(void)state;
	assert_true(fd >= 0);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(config->name, sizeof(config->name), "many%u", i);
		assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_CREATE, config)), 0);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(config->name, sizeof(config->name), "many%u", i);
		assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_DESTROY, config->name)), 0);
	}
	close(fd);
	free(config);
}

static void
test_api_version(void **state)
{
	struct vduse_abi_create *config = new_config("version");
	int fd = open("/dev/vduse/control", O_RDWR);
	uint64_t version = 99;

	(void)state;
	assert_int_equal(ioctl(fd, VDUSE_IOC_GET_API_VERSION, &version), 0);
	assert_int_equal(version, 0);
	version = 1;
	assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_SET_API_VERSION, &version)), EINVAL);
	assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_GET_FEATURES, &version)), EINVAL);
	assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_SET_API_VERSION, NULL)), EFAULT);
	assert_int_equal(err_of(ioctl(fd, _IO(VDUSE_IOC, 0x7f), NULL)), EINVAL);
	/* who asks for the newest version has it, and who creates without a word has 0 */
	assert_int_equal(emu_admin("set api=1"), 0);
	assert_int_equal(try_create(config), 0);
	close(fd);
	fd = open("/dev/vduse/control", O_RDWR);
	assert_int_equal(ioctl(fd, VDUSE_IOC_GET_API_VERSION, &version), 0);
	assert_int_equal(version, 1);
	assert_int_equal(err_of(ioctl(fd, VDUSE_IOC_CREATE, config)), EINVAL);
	assert_int_equal(emu_admin("set api=0"), 0);
	close(fd);
	free(config);
}

static void
test_life_cycle(void **state)
{
	struct vduse_abi_create *config = new_config("");
	char path[64], name[VDUSE_ABI_NAME_MAX] = "nobody";
	struct back back;

	(void)state;
	back_create(&back, 0, 0);
	assert_int_equal(err_of(ioctl(back.control, VDUSE_IOC_DESTROY, name)), EINVAL);
	memcpy(config->name, back.name, sizeof(back.name));
	assert_int_equal(err_of(ioctl(back.control, VDUSE_IOC_CREATE, config)), EEXIST);
	snprintf(path, sizeof(path), "/dev/vduse/%s", back.name);
	assert_int_equal(err_of(open(path, O_RDWR)), EBUSY);
	memcpy(name, back.name, sizeof(back.name));
	assert_int_equal(err_of(ioctl(back.control, VDUSE_IOC_DESTROY, name)), EBUSY);
	back_attach(&back);
	assert_int_equal(emu_admin("attach %s", back.name), -EEXIST);
	close(back.fd);
	assert_int_equal(err_of(ioctl(back.control, VDUSE_IOC_DESTROY, name)), EBUSY);
	back.fd = -1;
	back_destroy(&back);
	assert_int_equal(err_of(open(path, O_RDWR)), ENOENT);
	free(config);
}

static void
test_attach_needs_queues(void **state)
{
	struct vduse_abi_create *config = new_config("noqueues");
	char name[VDUSE_ABI_NAME_MAX] = "noqueues";
	int fd = open("/dev/vduse/control", O_RDWR);

	(void)state;
	assert_int_equal(ioctl(fd, VDUSE_IOC_CREATE, config), 0);
	assert_int_equal(emu_admin("attach noqueues"), -EINVAL);
	assert_int_equal(ioctl(fd, VDUSE_IOC_DESTROY, name), 0);
	close(fd);
	free(config);
}

static void
test_nodes(void **state)
{
	struct back *back = *state;
	char path[80], line[64];
	bool found = false;
	struct stat st;
	FILE *devices;

	assert_int_equal(access("/dev/vduse/control", R_OK), 0);
	snprintf(path, sizeof(path), "/dev/vduse/%s", back->name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(stat("/dev/vhost-vdpa-0", &st), 0);
	snprintf(path, sizeof(path), "/sys/bus/vdpa/devices/%s/driver", back->name);
	assert_true(readlink(path, line, sizeof(line)) > 0);
	devices = fopen("/proc/devices", "r");
	assert_non_null(devices);
	while (fgets(line, sizeof(line), devices) != NULL)
		found |= strstr(line, "vhost-vdpa") != NULL;
	fclose(devices);
	assert_true(found);
}

static void
test_queue_rules(void **state)
{
	struct vduse_abi_kickfd kick = { .index = 0, .fd = STDERR_FILENO };
	struct vduse_abi_config *data = calloc(1, sizeof(*data) + 64);
	struct vduse_abi_vq_setup vq = { .index = QUEUES, .max_size = 8 };
	struct vduse_abi_vq info = { .index = QUEUES };
	struct back *back = *state;

	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_SETUP, &vq)), EINVAL);
	vq.index = 0;
	vq.reserved1 = 1;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_SETUP, &vq)), EINVAL);
	vq.reserved1 = 0;
	vq.group = 1;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_SETUP, &vq)), EINVAL);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info)), EINVAL);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &kick)), EINVAL);
	kick.fd = 9999;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &kick)), EBADF);
	kick.fd = -7; /* neither a descriptor nor DEASSIGN: ignored */
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_KICKFD, &kick), 0);
	data->length = 65;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_SET_CONFIG, data)), EINVAL);
	data->length = 0;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_SET_CONFIG, data)), EINVAL);
	data->length = 8;
	data->offset = 56;
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_SET_CONFIG, data), 0);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_CONFIG_IRQ)), EINVAL);
	assert_int_equal(err_of(ioctl(back->fd, _IO(VDUSE_IOC, 0x7f), NULL)), ENOTTY);
	free(data);
}

static void *
ask_update(void *name)
{
	return (void *)(intptr_t)emu_admin("update %s", (const char *)name);
}

static void
wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, TEST_LIMIT_S * 1000), 1);
	assert_true(pfd.revents & POLLIN);
}

/* Read, do not answer, close: the next one to open gets the same request. */
static void
test_requeue(void **state)
{
	struct vduse_abi_request first, again;
	struct vduse_abi_response rsp = { 0 };
	struct back back;
	pthread_t asker;
	char path[64];
	void *ret;

	(void)state;
	back_create(&back, 0, 0);
	assert_int_equal(pthread_create(&asker, NULL, ask_update, back.name), 0);
	wait_readable(back.fd);
	assert_int_equal(err_of(read(back.fd, &first, sizeof(first) - 1)), EINVAL);
	assert_int_equal(read(back.fd, &first, sizeof(first)), sizeof(first));
	assert_int_equal(err_of(read(back.fd, &again, sizeof(again))), EAGAIN);
	close(back.fd);
	snprintf(path, sizeof(path), "/dev/vduse/%s", back.name);
	back.fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(back.fd >= 0);
	wait_readable(back.fd);
	assert_int_equal(read(back.fd, &again, sizeof(again)), sizeof(again));
	assert_memory_equal(&first, &again, sizeof(first));
	rsp.request_id = again.request_id;
	assert_int_equal(err_of(write(back.fd, &rsp, sizeof(rsp) - 1)), EINVAL);
	rsp.reserved[3] = 1;
	assert_int_equal(err_of(write(back.fd, &rsp, sizeof(rsp))), EINVAL);
	rsp.reserved[3] = 0;
	rsp.request_id++;
	assert_int_equal(err_of(write(back.fd, &rsp, sizeof(rsp))), ENOENT);
	rsp.request_id--;
	assert_int_equal(write(back.fd, &rsp, sizeof(rsp)), sizeof(rsp));
	assert_int_equal(err_of(write(back.fd, &rsp, sizeof(rsp))), ENOENT);
	pthread_join(asker, &ret);
	assert_int_equal((intptr_t)ret, 0);
	back_destroy(&back);
}

/* msg_timeout, here through its file in sysfs, and what comes after it. */
static void
test_timeout(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct vduse_abi_request req;
	uint64_t features;
	struct back back;
	char path[80];
	FILE *file;

	(void)state;
	back_create(&back, 0, 0);
	snprintf(path, sizeof(path), "/sys/class/vduse/%s/msg_timeout", back.name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("1\n", file);
	fclose(file);
	assert_int_equal(emu_admin("update %s", back.name), -EIO);
	assert_int_equal(err_of(ioctl(back.fd, VDUSE_IOC_DRIVER_FEATURES, &features)), EPERM);
	pfd.fd = back.fd;
	assert_int_equal(poll(&pfd, 1, TEST_LIMIT_S * 1000), 1);
	assert_true(pfd.revents & POLLERR);
	assert_int_equal(err_of(read(back.fd, &req, sizeof(req))), EAGAIN);
	assert_int_equal(emu_admin("update %s", back.name), -EIO);
	back_destroy(&back);
}

static void
test_burst(void **state)
{
	struct back *back = *state;

	assert_int_equal(emu_admin("burst %s 200", back->name), 0);
	back_wait(back, VDUSE_MSG_UPDATE_IOTLB, 200);
	for (unsigned int i = 1; i < 200; i++)
		assert_int_equal(back->log[i].request_id, back->log[i - 1].request_id + 1);
}

/* The same file through another descriptor, as after SCM_RIGHTS or exec. */
static void
test_adoption(void **state)
{
	struct back *back = *state;
	int other = dup(back->fd);
	char path[64];
	uint64_t features = 1;

	assert_int_equal(ioctl(other, VDUSE_IOC_DRIVER_FEATURES, &features), 0);
	assert_int_equal(features, 0);
	back_stop(back);
	close(back->fd);
	back->fd = other;
	snprintf(path, sizeof(path), "/dev/vduse/%s", back->name);
	assert_int_equal(err_of(open(path, O_RDWR)), EBUSY);
	back_start(back);
}

int
control_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_rules),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_api_version),
		cmocka_unit_test(test_life_cycle),
		cmocka_unit_test(test_attach_needs_queues),
		TEST_WITH(dev, test_nodes),
		TEST_WITH(dev, test_queue_rules),
	};

	return TEST_RUN("control", tests);
}

int
message_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requeue),
		cmocka_unit_test(test_timeout),
		TEST_WITH(dev, test_burst),
		TEST_WITH(dev, test_adoption),
	};

	return TEST_RUN("messages", tests);
}
