/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs below `vduse-emu run`, with the library preloaded. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "emu_rpc.h"
#include "test_emu.h"

size_t tests_run;

static int front_fd = -1; /* open front end, or -1 */

int
err_of(long ret)
{
	return ret < 0 ? errno : 0;
}

int
emu_admin(const char *fmt, ...)
{
	struct emu_req req = { .op = EMU_ADMIN };
	struct emu_rsp rsp;
	va_list args;
	int sock, len;

	va_start(args, fmt);
	vsnprintf((char *)req.data, sizeof(req.data), fmt, args);
	va_end(args);
	req.len = strlen((char *)req.data) + 1;
	sock = emu_connect(getenv("VDUSE_EMU_DIR"));
	assert_true(sock >= 0);
	assert_int_equal(emu_send(sock, &req, offsetof(struct emu_req, data) + req.len, NULL), 0);
	len = emu_recv(sock, &rsp, sizeof(rsp), NULL);
	close(sock);
	assert_true(len >= (int)offsetof(struct emu_rsp, data));
	return rsp.ret;
}

void
config_init(struct vduse_abi_create *config, const char *name)
{
	memset(config, 0, sizeof(*config) + config->config_size);
	snprintf(config->name, sizeof(config->name), "%s", name);
	config->device_id = VIRTIO_ID_NET;
	config->features = FEATURES;
	config->vq_num = QUEUES;
	config->vq_align = 4096;
	config->config_size = 64;
}

static void
setup_queues(struct back *back)
{
	struct vduse_abi_vq_setup vq = { .max_size = QUEUE_MAX };

	for (vq.index = 0; vq.index < QUEUES; vq.index++)
		assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_SETUP, &vq), 0);
}

void
back_create(struct back *back, uint64_t api, uint64_t vduse_features)
{
	struct vduse_abi_create *config = calloc(1, sizeof(*config) + 64);
	static unsigned int number;
	char path[64];

	memset(back, 0, sizeof(*back));
	pthread_mutex_init(&back->lock, NULL);
	pthread_cond_init(&back->cond, NULL);
	snprintf(back->name, sizeof(back->name), "t%u", number++);
	back->control = open("/dev/vduse/control", O_RDWR | O_CLOEXEC);
	assert_true(back->control >= 0);
	assert_int_equal(ioctl(back->control, VDUSE_IOC_SET_API_VERSION, &api), 0);
	if (vduse_features != 0)
		assert_int_equal(ioctl(back->control, VDUSE_IOC_SET_FEATURES, &vduse_features), 0);
	config_init(config, back->name);
	config->ngroups = api >= 1 ? 2 : 0;
	config->nas = api >= 1 ? 2 : 0;
	assert_int_equal(ioctl(back->control, VDUSE_IOC_CREATE, config), 0);
	free(config);
	snprintf(path, sizeof(path), "/dev/vduse/%s", back->name);
	back->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_true(back->fd >= 0);
	setup_queues(back);
}

static void
answer(struct back *back, const struct vduse_abi_request *req)
{
	struct vduse_abi_response rsp = { .request_id = req->request_id };

	pthread_mutex_lock(&back->lock);
	if (back->count < LOG_MAX)
		back->log[back->count++] = *req;
	if (back->fail & 1U << req->type)
		rsp.result = VDUSE_MSG_FAILED;
	if (req->type == VDUSE_MSG_GET_VQ_STATE)
		rsp.vq_state = back->state;
	pthread_cond_broadcast(&back->cond);
	pthread_mutex_unlock(&back->lock);
	(void)!write(back->fd, &rsp, sizeof(rsp)); /* refused once the device is broken */
}

static void *
serve(void *arg)
{
	struct back *back = arg;
	struct pollfd pfd[2] = { { .fd = back->fd, .events = POLLIN },
		{ .fd = back->stop, .events = POLLIN } };
	struct vduse_abi_request req;

	while (poll(pfd, 2, -1) > 0 && pfd[1].revents == 0) {
		if (read(back->fd, &req, sizeof(req)) == sizeof(req))
			answer(back, &req);
		else if (pfd[0].revents & POLLERR)
			pfd[0].fd = -1;
	}
	return NULL;
}

void
back_start(struct back *back)
{
	back->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(back->stop >= 0);
	assert_int_equal(pthread_create(&back->thread, NULL, serve, back), 0);
	back->running = true;
}

void
back_stop(struct back *back)
{
	uint64_t one = 1;

	if (!back->running)
		return;
	assert_int_equal(write(back->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(back->thread, NULL);
	close(back->stop);
	back->running = false;
}

void
back_attach(struct back *back)
{
	assert_int_equal(emu_admin("attach %s", back->name), 0);
}

/* Leaves nothing, whatever the test did with it. */
void
back_destroy(struct back *back)
{
	char name[VDUSE_ABI_NAME_MAX] = "";

	if (front_fd >= 0)
		front_close(front_fd);
	(void)emu_admin("detach %s", back->name);
	back_stop(back);
	if (back->fd >= 0)
		close(back->fd);
	memcpy(name, back->name, sizeof(back->name));
	assert_int_equal(ioctl(back->control, VDUSE_IOC_DESTROY, name), 0);
	close(back->control);
}

unsigned int
back_seen(struct back *back, uint32_t type)
{
	unsigned int seen = 0;

	pthread_mutex_lock(&back->lock);
	for (unsigned int i = 0; i < back->count; i++)
		seen += back->log[i].type == type;
	pthread_mutex_unlock(&back->lock);
	return seen;
}

struct vduse_abi_request
back_last(struct back *back, uint32_t type)
{
	struct vduse_abi_request req = { .type = UINT32_MAX };

	pthread_mutex_lock(&back->lock);
	for (unsigned int i = 0; i < back->count; i++)
		if (back->log[i].type == type)
			req = back->log[i];
	pthread_mutex_unlock(&back->lock);
	assert_int_equal(req.type, type);
	return req;
}

void
back_wait(struct back *back, uint32_t type, unsigned int count)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TEST_LIMIT_S;
	while (back_seen(back, type) < count && ret == 0) {
		pthread_mutex_lock(&back->lock);
		ret = pthread_cond_timedwait(&back->cond, &back->lock,
				&(struct timespec){ until.tv_sec, until.tv_nsec });
		pthread_mutex_unlock(&back->lock);
	}
	assert_true(back_seen(back, type) >= count);
}

int
front_open_only(void)
{
	int fd = open("/dev/vhost-vdpa-0", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	front_fd = fd;
	return fd;
}

int
front_open(void)
{
	int fd = front_open_only();

	assert_int_equal(ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	return fd;
}

void
front_close(int fd)
{
	close(fd);
	front_fd = -1;
}

int
front_status(int fd, uint8_t status)
{
	return ioctl(fd, VHOST_VDPA_SET_STATUS, &status) < 0 ? -errno : 0;
}

uint8_t
front_get_status(int fd)
{
	uint8_t status = 0xff;

	assert_int_equal(ioctl(fd, VHOST_VDPA_GET_STATUS, &status), 0);
	return status;
}

int
front_iotlb(int fd, uint8_t type, uint32_t asid, struct vhost_iotlb_msg msg)
{
	struct vhost_msg_v2 v2 = { .type = VHOST_IOTLB_MSG_V2, .asid = asid };

	v2.iotlb = msg;
	v2.iotlb.type = type;
	return write(fd, &v2, sizeof(v2)) == sizeof(v2) ? 0 : -errno;
}

int
front_map(int fd, uint64_t iova, uint64_t size, void *addr)
{
	struct vhost_iotlb_msg msg = {
		.iova = iova, .size = size, .uaddr = (uintptr_t)addr, .perm = VHOST_ACCESS_RW
	};

	return front_iotlb(fd, VHOST_IOTLB_UPDATE, 0, msg);
}

void
front_enable(int fd, uint32_t index, uint32_t on)
{
	struct vhost_vring_state state = { .index = index, .num = on };

	assert_int_equal(ioctl(fd, VHOST_VDPA_SET_VRING_ENABLE, &state), 0);
}

void *
shared_memory(size_t size, int *memfd)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	void *addr;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	if (memfd != NULL)
		*memfd = fd;
	else
		close(fd);
	return addr;
}

uint64_t
event_wait(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t value = 0;

	if (poll(&pfd, 1, ms) == 1)
		assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
	return value;
}

int
dev_up(void **state)
{
	struct back *back = calloc(1, sizeof(*back));

	assert_non_null(back);
	back_create(back, 0, 0);
	back_start(back);
	back_attach(back);
	*state = back;
	return 0;
}

int
dev_down(void **state)
{
	assert_int_equal(emu_admin("clear"), 0);
	back_destroy(*state);
	free(*state);
	return 0;
}

int
main(void)
{
	int failed;

	if (getenv("VDUSE_EMU_DIR") == NULL) {
		fprintf(stderr, "test_emu: run it with: vduse-emu run -- test_emu\n");
		return 77;
	}
	failed = control_tests();
	failed += message_tests();
	failed += front_tests();
	failed += iotlb_tests();
	failed += api1_tests();
	failed += fault_tests();
	if (tests_run == 0)
		return filter_none();
	return failed != 0;
}
