/* SPDX-License-Identifier: BSD-3-Clause */
/* The IOTLB as both sides see it, API version 1 and the features of Linux 7.3, and faults. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>
#include <linux/vhost_types.h>

#include "test_emu.h"

#define MEM  (64 * 4096)
#define IOVA 0x100000000ULL

static int
get_fd(struct back *back, struct vduse_abi_region *entry, uint64_t start, uint64_t last)
{
	*entry = (struct vduse_abi_region){ .start = start, .last = last };
	return ioctl(back->fd, VDUSE_IOC_REGION, entry);
}

static void
test_map(void **state)
{
	uint8_t *front = shared_memory(MEM, NULL), *mapped;
	struct vduse_abi_region entry;
	struct vduse_abi_request req;
	struct back *back = *state;
	int fd = front_open(), mem;

	assert_int_equal(err_of(get_fd(back, &entry, 0, UINT64_MAX)), EINVAL);
	assert_int_equal(front_map(fd, IOVA, MEM, front), 0);
	req = back_last(back, VDUSE_MSG_UPDATE_IOTLB);
	assert_int_equal(req.iova.start, 0);
	assert_int_equal(req.iova.last, UINT64_MAX);
	assert_int_equal(front_map(fd, IOVA + MEM - 1, 4096, front), -EFAULT);
	mem = get_fd(back, &entry, IOVA + 4096, IOVA + 4096);
	assert_true(mem >= 0);
	assert_int_equal(entry.start, IOVA);
	assert_int_equal(entry.last, IOVA + MEM - 1);
	assert_int_equal(entry.perm, VDUSE_ABI_RW);
	mapped = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED, mem, entry.offset);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	front[MEM - 1] = 42;
	assert_int_equal(mapped[MEM - 1], 42);
	mapped[0] = 43;
	assert_int_equal(front[0], 43);
	assert_int_equal(err_of(get_fd(back, &entry, 0, IOVA - 1)), EINVAL);
	assert_int_equal(err_of(get_fd(back, &entry, 1, 0)), EINVAL);
	close(mem);
	front_close(fd);
	/* as the kernel: the domain keeps what it was told last */
	mem = get_fd(back, &entry, 0, UINT64_MAX);
	assert_true(mem >= 0);
	close(mem);
	munmap(mapped, MEM);
	munmap(front, MEM);
}

static void
test_private_memory(void **state)
{
	/* cppcheck-suppress invalidFunctionArg */
	void *private = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vduse_abi_region entry;
	int fd = front_open();

	assert_int_equal(front_map(fd, IOVA, MEM, private), 0);
	assert_int_equal(err_of(get_fd(*state, &entry, 0, UINT64_MAX)), EINVAL);
	front_close(fd);
	munmap(private, MEM);
}

static void
test_batch(void **state)
{
	uint8_t *one = shared_memory(MEM, NULL), *two = shared_memory(MEM, NULL);
	struct vhost_iotlb_msg none = { 0 }, all = { .size = UINT64_MAX };
	struct vduse_abi_region entry;
	struct back *back = *state;
	int fd = front_open(), mem;

	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_BATCH_END, 0, none), -EFAULT);
	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_BATCH_BEGIN, 0, none), 0);
	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_INVALIDATE, 0, all), 0);
	assert_int_equal(front_map(fd, IOVA, MEM, one), 0);
	assert_int_equal(front_map(fd, IOVA + MEM, MEM, two), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_UPDATE_IOTLB), 0);
	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_BATCH_END, 0, none), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_UPDATE_IOTLB), 1);
	mem = get_fd(back, &entry, IOVA + MEM - 1, IOVA + MEM);
	assert_true(mem >= 0); /* the first that overlaps */
	assert_int_equal(entry.start, IOVA);
	close(mem);
	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_INVALIDATE, 0,
					 (struct vhost_iotlb_msg){ .iova = IOVA, .size = 1 }),
			0);
	assert_int_equal(back_seen(back, VDUSE_MSG_UPDATE_IOTLB), 2);
	mem = get_fd(back, &entry, 0, UINT64_MAX);
	assert_true(mem >= 0);
	assert_int_equal(entry.start, IOVA + MEM);
	close(mem);
	front_close(fd);
	munmap(one, MEM);
	munmap(two, MEM);
}

/* A back end that refuses the update: nothing stays mapped. */
static void
test_map_refused(void **state)
{
	uint8_t *front = shared_memory(MEM, NULL);
	struct vduse_abi_region entry;
	struct back *back = *state;
	int fd = front_open();

	back->fail = 1U << VDUSE_MSG_UPDATE_IOTLB;
	assert_int_equal(front_map(fd, IOVA, MEM, front), -EFAULT);
	assert_int_equal(err_of(get_fd(back, &entry, 0, UINT64_MAX)), EINVAL);
	back->fail = 0;
	assert_int_equal(front_map(fd, IOVA, MEM, front), 0);
	front_close(fd);
	munmap(front, MEM);
}

static void
test_regions(void **state)
{
	uint8_t *front = shared_memory(MEM, NULL);
	struct vduse_abi_region entry;
	struct back *back = *state;
	uint64_t at = IOVA;
	int fd, mem;

	assert_int_equal(emu_admin("set regions=16"), 0);
	fd = front_open();
	assert_int_equal(front_map(fd, IOVA, MEM, front), 0);
	for (unsigned int i = 0; i < 16; i++) {
		mem = get_fd(back, &entry, at, UINT64_MAX);
		assert_true(mem >= 0);
		assert_int_equal(entry.start, at);
		assert_int_equal(entry.last - entry.start + 1, MEM / 16);
		assert_int_equal(entry.offset, at - IOVA);
		at = entry.last + 1;
		close(mem);
	}
	assert_int_equal(at, IOVA + MEM);
	front_close(fd);
	assert_int_equal(emu_admin("set regions=0"), 0);
	munmap(front, MEM);
}

static void
test_unmap_and_shrink(void **state)
{
	uint8_t *front = shared_memory(MEM, NULL);
	struct vduse_abi_iova info = { .last = UINT64_MAX };
	struct vduse_abi_region entry;
	struct back *back = *state;
	int fd = front_open(), mem;

	assert_int_equal(front_map(fd, IOVA, MEM, front), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_IOVA, &info), 0);
	assert_int_equal(info.start, IOVA);
	assert_int_equal(info.capability, 0);
	assert_int_equal(emu_admin("set shrink=4096"), 0);
	mem = get_fd(back, &entry, 0, UINT64_MAX);
	assert_true(mem >= 0);
	assert_int_equal(entry.last, IOVA + MEM - 1 - 4096);
	close(mem);
	assert_int_equal(emu_admin("clear"), 0);
	assert_int_equal(emu_admin("unmap %s 0 0xffffffffffffffff", back->name), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_UPDATE_IOTLB), 2);
	assert_int_equal(err_of(get_fd(back, &entry, 0, UINT64_MAX)), EINVAL);
	front_close(fd);
	munmap(front, MEM);
}

int
iotlb_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(dev, test_map),
		TEST_WITH(dev, test_private_memory),
		TEST_WITH(dev, test_batch),
		TEST_WITH(dev, test_map_refused),
		TEST_WITH(dev, test_regions),
		TEST_WITH(dev, test_unmap_and_shrink),
	};

	return TEST_RUN("iotlb", tests);
}

/* API 1 with two groups and address spaces, and what Linux 7.3 adds. */
static int
api1_up(void **state)
{
	struct back *back = calloc(1, sizeof(*back));

	assert_non_null(back);
	assert_int_equal(emu_admin("set api=1 vduse_features=3"), 0);
	back_create(back, 1, 1U << VDUSE_ABI_F_QUEUE_READY | 1U << VDUSE_ABI_F_SUSPEND);
	back_start(back);
	back_attach(back);
	*state = back;
	return 0;
}

static int
api1_down(void **state)
{
	assert_int_equal(emu_admin("set api=0"), 0);
	return dev_down(state);
}

static void
test_asid(void **state)
{
	uint64_t features =
			1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2 | 1ULL << VHOST_BACKEND_F_IOTLB_ASID;
	struct vduse_abi_region_v2 entry = { .last = UINT64_MAX, .asid = 1 };
	struct vduse_abi_iova info = { .last = UINT64_MAX, .asid = 2 };
	struct vhost_vring_state group = { .index = 1, .num = 1 };
	struct vhost_iotlb_msg msg = { .iova = IOVA, .size = MEM, .perm = VHOST_ACCESS_RO };
	uint8_t *front = shared_memory(MEM, NULL);
	struct back *back = *state;
	int fd = front_open(), mem;

	assert_int_equal(ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features), 0);
	assert_int_equal(ioctl(fd, VHOST_VDPA_SET_GROUP_ASID, &group), 0);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_VQ_GROUP_ASID).vq_group_asid.group, 1);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_VQ_GROUP_ASID).vq_group_asid.asid, 1);
	group.num = 2;
	assert_int_equal(err_of(ioctl(fd, VHOST_VDPA_SET_GROUP_ASID, &group)), EINVAL);
	msg.uaddr = (uintptr_t)front;
	assert_int_equal(front_iotlb(fd, VHOST_IOTLB_UPDATE, 1, msg), 0);
	assert_int_equal(back_last(back, VDUSE_MSG_UPDATE_IOTLB).iova_v2.asid, 1);
	mem = ioctl(back->fd, VDUSE_IOC_REGION_V2, &entry);
	assert_true(mem >= 0);
	assert_int_equal(entry.start, IOVA);
	assert_int_equal(entry.perm, VDUSE_ABI_RO);
	close(mem);
	entry = (struct vduse_abi_region_v2){ .last = UINT64_MAX };
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_REGION_V2, &entry)), EINVAL);
	entry.asid = 2;
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_REGION_V2, &entry)), EINVAL);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_IOVA, &info)), EFAULT);
	info.asid = 1;
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_IOVA, &info), 0);
	assert_int_equal(info.start, IOVA);
	front_close(fd);
	munmap(front, MEM);
}

/* The queue becomes ready only when the back end has said so. */
static void
test_queue_ready(void **state)
{
	struct vduse_abi_vq info = { .index = 1 };
	struct back *back = *state;
	int fd = front_open();

	back->fail = 1U << VDUSE_MSG_SET_VQ_READY;
	front_enable(fd, 1, 1);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_VQ_READY).vq_ready.num, 1);
	assert_int_equal(back_last(back, VDUSE_MSG_SET_VQ_READY).vq_ready.ready, 1);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(info.ready, 0);
	back->fail = 0;
	front_enable(fd, 1, 1);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(info.ready, 1);
	front_close(fd);
}

static void
test_suspend(void **state)
{
	struct back *back = *state;
	int fd = front_open();

	assert_int_equal(ioctl(fd, VHOST_VDPA_SUSPEND, NULL), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_SUSPEND), 0);
	assert_int_equal(front_status(fd, 4), 0);
	assert_int_equal(ioctl(fd, VHOST_VDPA_SUSPEND, NULL), 0);
	assert_int_equal(back_seen(back, VDUSE_MSG_SUSPEND), 1);
	front_close(fd);
}

int
api1_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(api1, test_asid),
		TEST_WITH(api1, test_queue_ready),
		TEST_WITH(api1, test_suspend),
	};

	return TEST_RUN("API 1 and Linux 7.3", tests);
}

static void
test_fault_ioctl(void **state)
{
	struct vduse_abi_vq info = { .index = 0 };
	struct back *back = *state;
	struct timespec from, to;

	assert_int_equal(emu_admin("fault ioctl ioctl=VQ_GET_INFO nth=2 errno=EIO"), 0);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info)), EIO);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	assert_int_equal(emu_admin("fault ioctl delay=50"), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(ioctl(back->fd, VDUSE_IOC_VQ_INFO, &info), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec >=
			50000000);
	assert_int_equal(emu_admin("fault nowhere"), -EINVAL);
	assert_int_equal(emu_admin("fault ioctl errno=EWRONG"), -EINVAL);
}

static void
test_fault_files(void **state)
{
	uint8_t *front = shared_memory(MEM, NULL);
	struct vduse_abi_response rsp = { 0 };
	struct vduse_abi_region entry;
	struct vduse_abi_request req;
	struct back *back = *state;
	int fd = front_open(), mem;

	assert_int_equal(front_map(fd, IOVA, MEM, front), 0);
	mem = get_fd(back, &entry, 0, UINT64_MAX);
	assert_int_equal(emu_admin("fault mmap errno=ENOMEM"), 0);
	assert_ptr_equal(mmap(NULL, MEM, PROT_READ, MAP_SHARED, mem, 0), MAP_FAILED);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(emu_admin("fault read errno=EIO"), 0);
	assert_int_equal(err_of(read(back->fd, &req, sizeof(req))), EIO);
	assert_int_equal(emu_admin("fault write errno=ENOSPC"), 0);
	assert_int_equal(err_of(write(back->fd, &rsp, sizeof(rsp))), ENOSPC);
	assert_int_equal(emu_admin("fault open errno=EACCES"), 0);
	assert_int_equal(err_of(open("/dev/vduse/control", O_RDWR)), EACCES);
	close(mem);
	front_close(fd);
	munmap(front, MEM);
}

/* The node is gone, the descriptor reports an error, the name can be used again after a close. */
static void
test_lose(void **state)
{
	struct back *back = *state;
	uint64_t features;
	char path[64];

	assert_int_equal(emu_admin("lose %s", back->name), 0);
	assert_int_equal(err_of(ioctl(back->fd, VDUSE_IOC_DRIVER_FEATURES, &features)), EPERM);
	snprintf(path, sizeof(path), "/dev/vduse/%s", back->name);
	assert_int_equal(err_of(open(path, O_RDWR)), ENOENT);
	assert_int_equal(err_of(open("/dev/vhost-vdpa-0", O_RDWR)), EIO);
}

struct genl_request {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	char attrs[256];
};

static void
genl_string(struct genl_request *req, uint16_t type, const char *text)
{
	struct nlattr *attr = (void *)((char *)req + NLMSG_ALIGN(req->head.nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + strlen(text) + 1;
	strcpy((char *)attr + NLA_HDRLEN, text);
	req->head.nlmsg_len = NLMSG_ALIGN(req->head.nlmsg_len) + NLA_ALIGN(attr->nla_len);
}

/* Return: the error of the NLMSG_ERROR that comes back. */
static int
genl_call(int sock, struct genl_request *req)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[512];
	} answer;

	assert_int_equal(send(sock, req, req->head.nlmsg_len, 0), req->head.nlmsg_len);
	assert_true(recv(sock, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.head));
	assert_int_equal(answer.head.nlmsg_type, NLMSG_ERROR);
	return answer.error.error;
}

static void
test_netlink(void **state)
{
	struct genl_request req = { .head = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
						    .nlmsg_type = GENL_ID_CTRL,
						    .nlmsg_flags = NLM_F_REQUEST },
		.genl = { .cmd = CTRL_CMD_GETFAMILY } };
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct back *back = *state;
	struct genl_request bare = req;
	char answer[512];

	assert_true(sock >= 0);
	genl_string(&req, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	assert_int_equal(send(sock, &req, req.head.nlmsg_len, 0), req.head.nlmsg_len);
	assert_true(recv(sock, answer, sizeof(answer), 0) > 40);
	req = bare;
	/* CTRL_ATTR_FAMILY_ID follows the name: header, "vdpa" in 12 bytes, attribute header */
	memcpy(&req.head.nlmsg_type, answer + NLMSG_LENGTH(GENL_HDRLEN) + 12 + NLA_HDRLEN, 2);
	req.head.nlmsg_flags |= NLM_F_ACK;
	req.genl.cmd = VDPA_CMD_DEV_NEW;
	bare = req;
	assert_int_equal(genl_call(sock, &req), -EINVAL);
	genl_string(&req, VDPA_ATTR_DEV_NAME, back->name);
	genl_string(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, "vduse");
	assert_int_equal(genl_call(sock, &req), -EEXIST);
	req.genl.cmd = VDPA_CMD_DEV_DEL;
	assert_int_equal(genl_call(sock, &req), 0);
	assert_int_equal(genl_call(sock, &req), -ENODEV);
	req.genl.cmd = VDPA_CMD_DEV_NEW;
	assert_int_equal(genl_call(sock, &req), 0);
	assert_int_equal(access("/dev/vhost-vdpa-0", F_OK), 0);
	close(sock);
}

int
fault_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(dev, test_fault_ioctl),
		TEST_WITH(dev, test_fault_files),
		TEST_WITH(dev, test_lose),
		TEST_WITH(dev, test_netlink),
	};

	return TEST_RUN("faults and netlink", tests);
}
