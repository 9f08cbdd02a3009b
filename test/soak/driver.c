/* SPDX-License-Identifier: BSD-3-Clause */

/* A driver on vhost-vdpa that sends every frame back (test/mock/mock_driver.c has the rings). */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "driver.h"
#include "mock_driver.h"
#include "soak_frame.h"

#define HEADER 12 /* virtio 1.2, 5.1.6.1 */
#define BIT(n) (1ull << (n))

struct driver_env env;

static struct {
	int fd;
	int kick[2], call[2];
	struct mock_vq vq[2];
	struct mock_mem mem;
	uint64_t sent; /* buffers given to the device */
} driver;

void *
driver_at(void *unused, uint64_t iova)
{
	(void)unused;
	return env.mem[env.shared->current] + (iova - BASE);
}

static void
mem_write(void *arg, uint64_t iova, const void *data, size_t len)
{
	memcpy(driver_at(arg, iova), data, len);
}

static void
give(int q, unsigned int slot, uint32_t len)
{
	const struct mock_desc desc = {
		.iova = BUFFERS(q) + slot * BUFFER, .len = len, .write = q == RX
	};
	void *cookie = (void *)(uintptr_t)(slot + 1);
	int ret;

	if (env.life.indirect)
		ret = mock_vq_add_indirect(
				&driver.vq[q], &desc, 1, TABLES + (q * SIZE + slot) * 16, cookie);
	else
		ret = mock_vq_add(&driver.vq[q], &desc, 1, cookie);
	if (ret < 0) {
		fprintf(stderr, "front: ring %d is full\n", q);
		abort();
	}
}

static void
kick_if(int q)
{
	const uint64_t one = 1;

	if (mock_vq_need_kick(&driver.vq[q]) && write(driver.kick[q], &one, sizeof(one)) < 0)
		fprintf(stderr, "front: kick: %s\n", strerror(errno));
}

/* One frame that came: looked at, and sent back. */
static void
frame_in(const struct mock_used *used)
{
	const unsigned int slot = (uintptr_t)used->cookie - 1, to = driver.sent++ % SIZE;
	const uint8_t *from = driver_at(NULL, BUFFERS(RX) + slot * BUFFER);
	uint64_t number = 0;

	if (!soak_check(from + HEADER, used->len - HEADER, &number)) {
		env.shared->corrupt++;
	} else {
		env.shared->reordered += number < env.shared->expected;
		env.shared->expected = number + 1;
	}
	memset(driver_at(NULL, BUFFERS(TX) + to * BUFFER), 0, HEADER);
	mem_write(NULL, BUFFERS(TX) + to * BUFFER + HEADER, from + HEADER, used->len - HEADER);
	give(TX, to, used->len);
	give(RX, slot, BUFFER);
}

static void
driver_turn(void)
{
	struct mock_used used;
	unsigned int n = 0;

	while (mock_vq_get(&driver.vq[TX], &used))
		env.shared->taken[TX]++;
	while (n < SIZE && driver.vq[TX].nb_free > 0 && mock_vq_get(&driver.vq[RX], &used)) {
		env.shared->taken[RX]++;
		frame_in(&used);
		n++;
	}
	if (n > 0) {
		kick_if(TX);
		kick_if(RX);
	}
}

static int
iotlb(uint8_t type, uint64_t iova, uint64_t size, void *va)
{
	struct vhost_msg_v2 msg = { .type = VHOST_IOTLB_MSG_V2,
		.iotlb = { .iova = iova,
				.size = size,
				.uaddr = (uintptr_t)va,
				.perm = VHOST_ACCESS_RW,
				.type = type } };

	return write(driver.fd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

static int
map_all(void)
{
	const uint64_t piece = MEMORY / env.life.pieces;
	uint64_t at;
	int ret = iotlb(VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL);

	for (at = 0; ret == 0 && at < MEMORY; at += piece)
		ret = iotlb(VHOST_IOTLB_UPDATE, BASE + at, piece, driver_at(NULL, BASE + at));
	return ret < 0 ? ret : iotlb(VHOST_IOTLB_BATCH_END, 0, 0, NULL);
}

static int
unmap_all(void)
{
	int ret = iotlb(VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL);

	if (ret == 0)
		ret = iotlb(VHOST_IOTLB_INVALIDATE, BASE, MEMORY, NULL);
	return ret < 0 ? ret : iotlb(VHOST_IOTLB_BATCH_END, 0, 0, NULL);
}

/* The rings' addresses in this process follow the memory. */
static void
rings_move(void)
{
	int q;

	for (q = 0; q < 2; q++) {
		struct mock_vq *vq = &driver.vq[q];

		if (vq->conf.packed) {
			vq->pdesc = driver_at(NULL, vq->desc_iova);
			vq->driver_event = driver_at(NULL, vq->driver_iova);
			vq->device_event = driver_at(NULL, vq->device_iova);
		} else {
			vq->desc = driver_at(NULL, vq->desc_iova);
			vq->avail = driver_at(NULL, vq->driver_iova);
			vq->used = driver_at(NULL, vq->device_iova);
		}
	}
}

/* Between unmapping and mapping nobody but this process touches either memory. */
static int
driver_remap(void)
{
	const uint32_t was = env.shared->current;
	int ret = unmap_all();

	if (ret < 0)
		return ret;
	memcpy(env.mem[!was], env.mem[was], MEMORY);
	__atomic_store_n(&env.shared->current, !was, __ATOMIC_SEQ_CST);
	rings_move();
	return map_all();
}

static int
set_status(uint8_t status)
{
	uint8_t now = 0;

	if (ioctl(driver.fd, VHOST_VDPA_SET_STATUS, &status) < 0 ||
			ioctl(driver.fd, VHOST_VDPA_GET_STATUS, &now) < 0)
		return -errno;
	return now == status ? 0 : -EPERM;
}

static int
set_queue(unsigned int q)
{
	const struct mock_vq *vq = &driver.vq[q];
	/* packed: both positions, and both wrap counters 1 (vhost_vdpa_vring_ioctl()) */
	struct vhost_vring_state num = { .index = q, .num = SIZE };
	struct vhost_vring_state base = { .index = q, .num = env.life.packed ? 0x80008000 : 0 };
	struct vhost_vring_state on = { .index = q, .num = 1 };
	struct vhost_vring_file kick = { .index = q, .fd = driver.kick[q] };
	struct vhost_vring_file call = { .index = q, .fd = driver.call[q] };
	struct vhost_vring_addr addr = { .index = q,
		.desc_user_addr = vq->desc_iova,
		.avail_user_addr = vq->driver_iova,
		.used_user_addr = vq->device_iova };

	if (ioctl(driver.fd, VHOST_SET_VRING_NUM, &num) < 0 ||
			ioctl(driver.fd, VHOST_SET_VRING_BASE, &base) < 0 ||
			ioctl(driver.fd, VHOST_SET_VRING_ADDR, &addr) < 0 ||
			ioctl(driver.fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
			ioctl(driver.fd, VHOST_SET_VRING_CALL, &call) < 0 ||
			ioctl(driver.fd, VHOST_VDPA_SET_VRING_ENABLE, &on) < 0)
		return -errno;
	return 0;
}

static uint64_t
life_features(void)
{
	const struct life *life = &env.life;

	return BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       (life->packed ? BIT(VIRTIO_F_RING_PACKED) : 0) |
	       (life->event_idx ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
	       (life->indirect ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
	       (life->mergeable ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
	       (life->calls ? BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) : 0);
}

static int
rings_lay_out(void)
{
	unsigned int q, slot;
	int ret = 0;

	driver.mem = (struct mock_mem){ .write = mem_write, .at = driver_at };
	driver.sent = 0;
	for (q = 0; q < 2 && ret == 0; q++) {
		const struct mock_vq_conf conf = { .mem = &driver.mem,
			.iova = RING(q),
			.size = SIZE,
			.packed = env.life.packed,
			.event_idx = env.life.event_idx,
			.start_wrap = env.life.packed };

		mock_vq_fini(&driver.vq[q]);
		ret = mock_vq_init(&driver.vq[q], &conf);
		if (ret == 0)
			mock_vq_calls(&driver.vq[q], env.life.calls);
	}
	for (slot = 0; slot < SIZE && ret == 0; slot++)
		give(RX, slot, BUFFER);
	return ret;
}

static int
driver_start(void)
{
	uint64_t bits = life_features();
	int ret = set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);

	if (ret == 0)
		ret = set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	if (ret == 0 && ioctl(driver.fd, VHOST_SET_FEATURES, &bits) < 0)
		ret = -errno;
	if (ret == 0)
		ret = set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				 VIRTIO_CONFIG_S_FEATURES_OK);
	if (ret == 0)
		ret = rings_lay_out();
	if (ret == 0)
		ret = map_all();
	if (ret == 0)
		ret = set_queue(RX);
	if (ret == 0)
		ret = set_queue(TX);
	return ret < 0 ? ret
		       : set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
					 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static int
driver_open(void)
{
	uint64_t backend = BIT(VHOST_BACKEND_F_IOTLB_MSG_V2) | BIT(VHOST_BACKEND_F_IOTLB_BATCH);
	int q;

	driver.fd = open(env.path, O_RDWR | O_CLOEXEC);
	if (driver.fd < 0 || ioctl(driver.fd, VHOST_SET_OWNER, NULL) < 0 ||
			ioctl(driver.fd, VHOST_SET_BACKEND_FEATURES, &backend) < 0)
		return -errno;
	for (q = 0; q < 2; q++) {
		driver.kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		driver.call[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (driver.kick[q] < 0 || driver.call[q] < 0)
			return -errno;
	}
	return 0;
}

void
driver_main(int in, int out)
{
	struct pollfd input = { .fd = in, .events = POLLIN };
	bool serving = false;
	char byte;
	int ret = driver_open();

	while (ret == 0) {
		if (serving)
			driver_turn();
		if (poll(&input, 1, serving ? 0 : -1) <= 0)
			continue;
		if (read(in, &byte, 1) != 1)
			_exit(0);
		if (byte == 'l' && read(in, &env.life, sizeof(env.life)) == sizeof(env.life)) {
			ret = driver_start();
			serving = true;
		} else if (byte == 'r') {
			ret = driver_remap();
		} else {
			ret = set_status(0);
			if (ret == 0)
				ret = unmap_all();
			serving = false;
		}
		if (ret == 0 && write(out, &byte, 1) != 1)
			_exit(1);
	}
	fprintf(stderr, "front: driver: %s\n", strerror(-ret));
	_exit(1);
}
