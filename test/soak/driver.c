/* SPDX-License-Identifier: BSD-3-Clause */

/* A driver on vhost-vdpa that sends every frame back (test/mock/mock_driver.c has the rings). */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "driver.h"
#include "mock_driver.h"
#include "soak_frame.h"
#include "vhost_front.h"

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
		vhost_front_kick_if(&driver.vq[TX], driver.kick[TX]);
		vhost_front_kick_if(&driver.vq[RX], driver.kick[RX]);
	}
}

static int
map_all(void)
{
	return vhost_front_map(driver.fd, BASE, MEMORY, MEMORY / env.life.pieces, &driver.mem);
}

/* Between unmapping and mapping nobody but this process touches either memory. */
static int
driver_remap(void)
{
	const uint32_t was = env.shared->current;
	int q, ret = vhost_front_unmap(driver.fd, BASE, MEMORY);

	if (ret < 0)
		return ret;
	memcpy(env.mem[!was], env.mem[was], MEMORY);
	__atomic_store_n(&env.shared->current, !was, __ATOMIC_SEQ_CST);
	for (q = 0; q < 2; q++)
		mock_vq_move(&driver.vq[q], &driver.mem);
	return map_all();
}

static int
set_queue(unsigned int q)
{
	return vhost_front_queue(driver.fd, q, &driver.vq[q], driver.kick[q], driver.call[q]);
}

static uint64_t
life_features(void)
{
	const struct life *life = &env.life;

	return (life->packed ? BIT(VIRTIO_F_RING_PACKED) : 0) |
	       (life->event_idx ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
	       (life->indirect ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
	       (life->mergeable ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
	       (life->calls ? BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) : 0);
}

struct mock_vq_conf
driver_ring(const struct mock_mem *mem, unsigned int q)
{
	return (struct mock_vq_conf){ .mem = mem,
		.iova = RING(q),
		.size = SIZE,
		.packed = env.life.packed,
		.event_idx = env.life.event_idx,
		.start_wrap = env.life.packed };
}

static int
rings_lay_out(void)
{
	unsigned int q, slot;
	int ret = 0;

	driver.mem = (struct mock_mem){ .write = mem_write, .at = driver_at };
	driver.sent = 0;
	for (q = 0; q < 2 && ret == 0; q++) {
		const struct mock_vq_conf conf = driver_ring(&driver.mem, q);

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
	int ret = vhost_front_features(driver.fd, life_features());

	if (ret == 0)
		ret = rings_lay_out();
	if (ret == 0)
		ret = map_all();
	if (ret == 0)
		ret = set_queue(RX);
	if (ret == 0)
		ret = set_queue(TX);
	return ret < 0 ? ret : vhost_front_ready(driver.fd);
}

static int
driver_open(void)
{
	int ret;

	driver.fd = vhost_front_open(env.path);
	if (driver.fd < 0)
		return driver.fd;
	ret = vhost_front_eventfds(driver.kick);
	return ret < 0 ? ret : vhost_front_eventfds(driver.call);
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
			ret = vhost_front_status(driver.fd, 0);
			if (ret == 0)
				ret = vhost_front_unmap(driver.fd, BASE, MEMORY);
			serving = false;
		}
		if (ret == 0 && write(out, &byte, 1) != 1)
			_exit(1);
	}
	fprintf(stderr, "front: driver: %s\n", strerror(-ret));
	_exit(1);
}
