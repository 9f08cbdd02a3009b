/* SPDX-License-Identifier: BSD-3-Clause */

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_memory.h>

#include "crash.h"
#include "ring/queue.h"

/* Where a frame of ours has its seed: behind the Ethernet header. */
#define SEED_AT RTE_ETHER_HDR_LEN

/* Bytes of the driver's buffer of a frame, and of its table. */
#define SEND_STRIDE 256
#define SEND_TABLE  192

void
crash_frame(uint8_t *frame, uint32_t seed, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		frame[i] = unit_byte(seed, i);
	memcpy(frame + SEED_AT, &seed, sizeof(seed));
}

uint32_t
crash_seed(const uint8_t *frame, uint32_t len)
{
	uint8_t wanted[512];
	uint32_t seed;

	assert_true(len <= sizeof(wanted) && len >= SEED_AT + sizeof(seed));
	memcpy(&seed, frame + SEED_AT, sizeof(seed));
	crash_frame(wanted, seed, len);
	assert_memory_equal(frame, wanted, len);
	return seed;
}

void
crash_up(struct crash *c, const struct rig_conf *conf)
{
	int fd;

	memset(c, 0, sizeof(*c));
	strcpy(c->dir, "/dev/shm/crash.XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	fd = memfd_create("note", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*c->note)), 0);
	c->note = mmap(NULL, sizeof(*c->note), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(c->note, MAP_FAILED);
	c->conf = *conf;
	c->conf.queue_size = CRASH_QUEUE_SIZE;
	c->conf.state_dir = c->dir;
	rig_up(&c->b, &c->conf);
}

void
crash_down(struct crash *c)
{
	rig_down(&c->b);
	munmap(c->note, sizeof(*c->note));
	/* the file went with the device */
	assert_int_equal(rmdir(c->dir), 0);
}

void
crash_recover(struct crash *c)
{
	struct rte_vduse_dev *dev = c->b.net->dev;
	struct vduse_abi_vq info;
	uint16_t i;

	for (i = 0; i < 2; i++) {
		info = (struct vduse_abi_vq){ .index = i };
		assert_int_equal(dev->sys->ioctl(dev->fd, VDUSE_IOC_VQ_INFO, &info), 0);
		vduse_vq_stop(dev->vqs[i], false);
		assert_int_equal(
				vduse_vq_start(dev->vqs[i], &info, dev->driver_features, false), 0);
	}
}

static int
own_memory(const struct rte_memseg_list *msl, void *arg)
{
	const struct rte_memseg *ms = rte_mem_virt2memseg(msl->base_va, msl);
	const int fd = ms == NULL ? -1 : rte_memseg_get_fd_thread_unsafe(ms);

	void *own;

	(void)arg;
	if (msl->external)
		return 0;
	if (fd < 0)
		return -1;
	own = mmap(msl->base_va, msl->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
	/* cppcheck-suppress memleak ; it is the memory of DPDK, in its place */
	return own == msl->base_va ? 0 : -1;
}

pid_t
crash_fork(void)
{
	const pid_t child = fork();
	cpu_set_t all;

	assert_true(child >= 0);
	/* EAL keeps us on a CPU, and so the child */
	memset(&all, 0xff, sizeof(all));
	if (child == 0)
		sched_setaffinity(0, sizeof(all), &all);
	if (child == 0 && rte_memseg_list_walk_thread_unsafe(own_memory, NULL) != 0)
		_exit(78);
	return child;
}

/* The pieces of what a dead process leaves; returns bytes of piece i, 0: no more. */
static size_t
crash_piece(const struct crash *c, unsigned int i, void **at)
{
	const struct vduse_statefile *store = c->b.net->dev->store;

	switch (i) {
	case 0:
	case 1:
		*at = guest_at(&c->b.guest, c->b.vq[i].desc_iova);
		return mock_vq_bytes(CRASH_QUEUE_SIZE, c->conf.variant.packed);
	case 2:
		*at = guest_at(&c->b.guest, RIG_BUFFERS);
		return CRASH_BUFFERS;
	case 3:
		*at = store->head;
		return store->bytes;
	case 4:
		*at = c->note;
		return offsetof(struct crash_note, seeds) + 64 * sizeof(uint32_t);
	default:
		return 0;
	}
}

size_t
crash_bytes(const struct crash *c)
{
	size_t sum = 0, n;
	unsigned int i;
	void *at;

	for (i = 0; (n = crash_piece(c, i, &at)) > 0; i++)
		sum += n;
	return sum;
}

void
crash_save(const struct crash *c, uint8_t *to)
{
	unsigned int i;
	size_t n;
	void *at;

	for (i = 0; (n = crash_piece(c, i, &at)) > 0; i++, to += n)
		memcpy(to, at, n);
}

void
crash_restore(struct crash *c, const uint8_t *from)
{
	unsigned int i;
	size_t n;
	void *at;

	for (i = 0; (n = crash_piece(c, i, &at)) > 0; i++, from += n)
		memcpy(at, from, n);
}

bool
crash_differs(const struct crash *c, const uint8_t *from)
{
	unsigned int i;
	size_t n;
	void *at;

	for (i = 0; (n = crash_piece(c, i, &at)) > 0; i++, from += n)
		if (memcmp(at, from, n) != 0)
			return true;
	return false;
}

void
crash_driver_save(const struct crash *c, struct crash_driver *to)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct mock_vq *vq = &c->b.vq[i];

		to->vq[i] = *vq;
		to->ids[i] = calloc(vq->conf.size, sizeof(vq->ids[0]));
		assert_non_null(to->ids[i]);
		memcpy(to->ids[i], vq->ids, vq->conf.size * sizeof(vq->ids[0]));
	}
}

void
crash_driver_restore(struct crash *c, const struct crash_driver *from)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct mock_vq *vq = &c->b.vq[i];

		*vq = from->vq[i];
		memcpy(vq->ids, from->ids[i], vq->conf.size * sizeof(vq->ids[0]));
	}
}

void
crash_driver_free(struct crash_driver *driver)
{
	free(driver->ids[0]);
	free(driver->ids[1]);
}

void
crash_send(struct crash *c, uint32_t at, uint32_t seed)
{
	const uint64_t iova = RIG_BUFFERS + (uint64_t)at * SEND_STRIDE;
	const struct mock_desc descs[] = {
		{ .iova = iova, .len = RIG_HDR_LEN },
		{ .iova = iova + RIG_HDR_LEN, .len = CRASH_FRAME },
	};
	const struct mock_desc whole = { .iova = iova, .len = RIG_HDR_LEN + CRASH_FRAME };
	const uint8_t hdr[RIG_HDR_LEN] = { 0 };
	uint8_t frame[CRASH_FRAME];
	int ret;

	guest_write(&c->b.guest, iova, hdr, sizeof(hdr));
	crash_frame(frame, seed, sizeof(frame));
	guest_write(&c->b.guest, iova + sizeof(hdr), frame, sizeof(frame));
	if (c->conf.variant.indirect && seed % 3 == 0)
		ret = mock_vq_add_indirect(rig_tx(&c->b), descs, 2, iova + SEND_TABLE, NULL);
	else if (seed % 3 == 1)
		ret = mock_vq_add(rig_tx(&c->b), descs, 2, NULL);
	else
		ret = mock_vq_add(rig_tx(&c->b), &whole, 1, NULL);
	assert_int_equal(ret, 0);
}

uint32_t
crash_receive(struct crash *c)
{
	struct rte_mbuf *m = rig_dequeue(&c->b);
	uint32_t seed;

	if (m == NULL)
		return CRASH_NONE;
	assert_int_equal(m->pkt_len, CRASH_FRAME);
	seed = crash_seed(rte_pktmbuf_mtod(m, const uint8_t *), m->pkt_len);
	rte_pktmbuf_free(m);
	return seed;
}

uint16_t
crash_transmit(struct crash *c, uint32_t seed, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(unit_pool);

	assert_non_null(m);
	m->data_len = m->pkt_len = len;
	crash_frame(rte_pktmbuf_mtod(m, uint8_t *), seed, len);
	return rig_enqueue(&c->b, m);
}

/* n frames each way, posted all at once. */
void
crash_pass(struct crash *c, unsigned int n)
{
	const struct mock_desc buffer = { .iova = RIG_BUFFERS, .len = 512, .write = true };
	const struct mock_desc frame = { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 60 };
	struct mock_used used;
	struct rte_mbuf *m;
	unsigned int i;

	rig_frame_write(&c->b, RIG_BUFFERS, 1, 60);
	for (i = 0; i < n; i++)
		assert_int_equal(mock_vq_add(rig_tx(&c->b), &frame, 1, NULL), 0);
	for (i = 0; i < n; i++) {
		m = rig_dequeue(&c->b);
		assert_non_null(m);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_tx(&c->b), &used));
	}
	for (i = 0; i < n; i++)
		assert_int_equal(mock_vq_add(rig_rx(&c->b), &buffer, 1, NULL), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(crash_transmit(c, i, 60), 1);
		assert_true(mock_vq_get(rig_rx(&c->b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 60);
	}
	assert_int_equal(crash_receive(c), CRASH_NONE);
	assert_false(mock_vq_get(rig_tx(&c->b), &used));
	assert_false(mock_vq_get(rig_rx(&c->b), &used));
}

void
crash_assert_full_ring(struct crash *c)
{
	assert_int_equal(rig_rx(&c->b)->nb_free, CRASH_QUEUE_SIZE);
	assert_int_equal(rig_tx(&c->b)->nb_free, CRASH_QUEUE_SIZE);
	crash_pass(c, CRASH_QUEUE_SIZE);
}
