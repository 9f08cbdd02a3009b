/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "vhost_front.h"

#define BIT(n) (1ull << (n))
#define FEATURES \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

int
vhost_front_open(const char *path)
{
	uint64_t backend = BIT(VHOST_BACKEND_F_IOTLB_MSG_V2) | BIT(VHOST_BACKEND_F_IOTLB_BATCH);
	int ret, fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, VHOST_SET_OWNER, NULL) < 0 ||
			ioctl(fd, VHOST_SET_BACKEND_FEATURES, &backend) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int
vhost_front_iotlb(int fd, uint8_t type, uint64_t iova, uint64_t size, void *va)
{
	struct vhost_msg_v2 msg = { .type = VHOST_IOTLB_MSG_V2,
		.iotlb = { .iova = iova,
				.size = size,
				.uaddr = (uintptr_t)va,
				.perm = VHOST_ACCESS_RW,
				.type = type } };

	return write(fd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

int
vhost_front_map(int fd, uint64_t iova, uint64_t size, uint64_t piece, const struct mock_mem *mem)
{
	int ret = vhost_front_iotlb(fd, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL);
	uint64_t at;

	for (at = iova; at < iova + size && ret == 0; at += piece)
		ret = vhost_front_iotlb(fd, VHOST_IOTLB_UPDATE, at, piece, mem->at(mem->arg, at));
	return ret < 0 ? ret : vhost_front_iotlb(fd, VHOST_IOTLB_BATCH_END, 0, 0, NULL);
}

int
vhost_front_unmap(int fd, uint64_t iova, uint64_t size)
{
	int ret = vhost_front_iotlb(fd, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL);

	if (ret == 0)
		ret = vhost_front_iotlb(fd, VHOST_IOTLB_INVALIDATE, iova, size, NULL);
	return ret < 0 ? ret : vhost_front_iotlb(fd, VHOST_IOTLB_BATCH_END, 0, 0, NULL);
}

int
vhost_front_status(int fd, uint8_t status)
{
	uint8_t now = 0;

	if (ioctl(fd, VHOST_VDPA_SET_STATUS, &status) < 0 ||
			ioctl(fd, VHOST_VDPA_GET_STATUS, &now) < 0)
		return -errno;
	return now == status ? 0 : -EPERM;
}

int
vhost_front_features(int fd, uint64_t bits)
{
	int ret = vhost_front_status(fd, 0);

	bits |= BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);
	if (ret == 0)
		ret = vhost_front_status(fd, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	if (ret == 0)
		ret = vhost_front_status(fd, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	if (ret == 0 && ioctl(fd, VHOST_SET_FEATURES, &bits) < 0)
		ret = -errno;
	return ret < 0 ? ret : vhost_front_status(fd, FEATURES);
}

int
vhost_front_queue(int fd, unsigned int index, const struct mock_vq *vq, int kick_fd, int call_fd)
{
	/* packed: both positions, and both wrap counters 1 (vhost_vdpa_vring_ioctl()) */
	struct vhost_vring_state base = { index, vq->conf.packed ? 0x80008000 : 0 };
	struct vhost_vring_state num = { index, vq->conf.size }, on = { index, 1 };
	struct vhost_vring_file kick = { index, kick_fd }, call = { index, call_fd };
	struct vhost_vring_addr addr = { .index = index,
		.desc_user_addr = vq->desc_iova,
		.avail_user_addr = vq->driver_iova,
		.used_user_addr = vq->device_iova };

	if (ioctl(fd, VHOST_SET_VRING_NUM, &num) < 0 ||
			ioctl(fd, VHOST_SET_VRING_BASE, &base) < 0 ||
			ioctl(fd, VHOST_SET_VRING_ADDR, &addr) < 0 ||
			ioctl(fd, VHOST_SET_VRING_KICK, &kick) < 0)
		return -errno;
	if (call_fd >= 0 && ioctl(fd, VHOST_SET_VRING_CALL, &call) < 0)
		return -errno;
	return ioctl(fd, VHOST_VDPA_SET_VRING_ENABLE, &on) < 0 ? -errno : 0;
}

void
vhost_front_kick(int kick)
{
	if (eventfd_write(kick, 1) < 0)
		fprintf(stderr, "driver: kick: %s\n", strerror(errno));
}

void
vhost_front_kick_if(struct mock_vq *vq, int kick)
{
	if (mock_vq_need_kick(vq))
		vhost_front_kick(kick);
}

int
vhost_front_eventfds(int fds[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

void *
vhost_front_memory(size_t size, int *memfd)
{
	void *mem;

	*memfd = memfd_create("driver", MFD_CLOEXEC);
	if (*memfd < 0 || ftruncate(*memfd, size) < 0)
		return NULL;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *memfd, 0);
	if (mem == MAP_FAILED)
		return NULL;
	return mem;
}

int
vhost_front_ready(int fd)
{
	return vhost_front_status(fd, FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
}
