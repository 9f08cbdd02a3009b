/* SPDX-License-Identifier: BSD-3-Clause */

/* Hugepage memory as the bounce region: the kernel's file of it must not be touched then. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "rig.h"

#define BOUNCE_SIZE  RIG_BOUNCE_SIZE
#define SENT_AT      0x3000u
#define RECEIVED_AT  0x47800u /* of no page */
#define FRAME        100u
#define LONG_FRAME   1400u
#define STRESS_RUNS  50
#define STRESS_SENDS 20
#define PAGE         512u
#define PHYSICAL     0x1000000000

int __wrap_rte_eal_has_hugepages(void);
enum rte_iova_mode __wrap_rte_eal_iova_mode(void);
struct rte_memseg *__wrap_rte_mem_virt2memseg(const void *addr, const struct rte_memseg_list *list);

static int has_hugepages = 1;

static enum rte_iova_mode iova_mode = RTE_IOVA_VA;
static bool pages_apart; /* where IOVAs are physical: no page is behind its neighbour */

enum rte_iova_mode
__wrap_rte_eal_iova_mode(void)
{
	return iova_mode;
}

struct rte_memseg *
__wrap_rte_mem_virt2memseg(const void *addr, __rte_unused const struct rte_memseg_list *list)
{
	static struct rte_memseg page;

	page.addr_64 = RTE_ALIGN_FLOOR((uint64_t)(uintptr_t)addr, PAGE);
	page.iova = (pages_apart ? 2 : 1) * page.addr_64 + PHYSICAL;
	return &page;
}

int
__wrap_rte_eal_has_hugepages(void)
{
	return has_hugepages;
}

static unsigned int
heap_allocs(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.alloc_count;
}

static int
bounce_file(size_t size)
{
	int file = memfd_create("bounce", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, size), 0);
	return file;
}

/* The driver maps its first buffer. */
static struct fk_region
bounce_map(struct rig *b, size_t size, bool bounce)
{
	struct fk_region region = {
		.size = size, .file = bounce_file(size), .perm = VDUSE_ABI_RW, .bounce = bounce
	};

	fk_map(b->dev, &region);
	return region;
}

static void
bounce_unmap(struct rig *b, const struct fk_region *region)
{
	fk_unmap(b->dev, region->iova);
	close(region->file);
}

static void
send_frame(struct rig *b, uint64_t iova, uint32_t seed, uint32_t len)
{
	const struct mock_desc desc = { .iova = iova, .len = RIG_HDR_LEN + len };
	uint8_t buf[RIG_HDR_LEN + LONG_FRAME] = { 0 };
	uint32_t i;

	for (i = 0; i < len; i++)
		buf[RIG_HDR_LEN + i] = unit_byte(seed, i);
	fk_bounce_write(b->dev, iova, buf, desc.len);
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, NULL), 0);
}

/* The queue rests while the region is mapped again: not every burst finds the frame. */
static void
take_frame(struct rig *b, uint32_t seed)
{
	const uint64_t until = rte_get_timer_cycles() + UNIT_LIMIT_S * rte_get_timer_hz();
	struct rte_mbuf *m = NULL;

	while (m == NULL && rte_get_timer_cycles() < until)
		m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, seed, FRAME);
	rte_pktmbuf_free(m);
}

/* The same towards the driver: a burst that comes while the queue rests takes nothing. */
static void
give_frame(struct rig *b, uint32_t seed)
{
	const uint64_t until = rte_get_timer_cycles() + UNIT_LIMIT_S * rte_get_timer_hz();

	while (rig_enqueue(b, rig_mbuf(seed, FRAME, FRAME)) == 0)
		assert_true(rte_get_timer_cycles() < until);
}

/* One frame each way through the bounce region. */
static void
traffic(struct rig *b, uint32_t seed)
{
	uint8_t buf[RIG_HDR_LEN + FRAME];
	struct mock_used used;
	uint32_t i;

	send_frame(b, SENT_AT, seed, FRAME);
	take_frame(b, seed);
	assert_true(mock_vq_get(rig_tx(b), &used));
	rig_offer(b, RECEIVED_AT, sizeof(buf));
	give_frame(b, seed + 1);
	assert_true(mock_vq_get(rig_rx(b), &used));
	assert_int_equal(used.len, sizeof(buf));
	fk_bounce_read(b->dev, RECEIVED_AT, buf, sizeof(buf));
	for (i = 0; i < FRAME; i++)
		assert_int_equal(buf[RIG_HDR_LEN + i], unit_byte(seed + 1, i));
}

/* The extent at 0: 1 memory of ours, 0 the kernel's, -1 none. */
static int
extent_dma(const struct rig *b)
{
	struct vduse_iotlb *tlb = &b->net->dev->tlbs[0];
	uint32_t i;
	int dma = -1;

	vduse_map_mutex_lock(&tlb->lock);
	i = vduse_iotlb_search(tlb->map, 0);
	if (i < tlb->map->nb)
		dma = tlb->map->extents[i].dma;
	vduse_map_mutex_unlock(&tlb->lock);
	return dma;
}

static void
wait_umem(struct rig *b)
{
	const uint64_t until = rte_get_timer_cycles() + UNIT_LIMIT_S * rte_get_timer_hz();

	while (extent_dma(b) != 1 || !rig_is_served(b, 0) || !rig_is_served(b, 1))
		assert_true(rte_get_timer_cycles() < until);
}

static void
assert_calls(struct rig *b, unsigned int regs, unsigned int deregs)
{
	unsigned int did[2];

	fk_umem_calls(b->dev, &did[0], &did[1]);
	assert_int_equal(did[0], regs);
	assert_int_equal(did[1], deregs);
}

static void
test_traffic(void **state)
{
	const struct fk_conf kernels[] = { { 0 }, { .api_newest = 1 } };
	struct fk_region bounce;
	struct rig b;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * RIG_VARIANTS; i++) {
		const struct rig_conf conf = { .umem = true, .variant = rig_variants[i / 2] };

		unit_kernel(&kernels[i % 2]);
		rig_create(&b, &conf);
		rig_drive(&b);
		rig_assert_traffic(&b);
		assert_calls(&b, 0, 0);
		/* two frames are there when the region is found; the second is read from our memory
		 */
		bounce = bounce_map(&b, BOUNCE_SIZE, true);
		send_frame(&b, 0x1000, 5, FRAME);
		send_frame(&b, 0x2000, 6, FRAME);
		take_frame(&b, 5);
		wait_umem(&b);
		assert_calls(&b, 1, 0);
		assert_int_equal((uintptr_t)fk_umem(b.dev) % RTE_PGSIZE_2M, 0);
		take_frame(&b, 6);
		traffic(&b, 10);
		rig_assert_traffic(&b);
		assert_int_equal(fk_reset(b.dev), 0);
		assert_calls(&b, 1, 1);
		bounce_unmap(&b, &bounce);
		rig_destroy(&b);
	}
}

/* A remap while it is registered: the same memory again, and no second call. */
static void
test_remap(void **state)
{
	const struct rig_conf conf = { .umem = true };
	struct fk_region bounce, other;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	rig_drive(&b);
	bounce = bounce_map(&b, BOUNCE_SIZE, true);
	traffic(&b, 1);
	wait_umem(&b);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	traffic(&b, 3);
	assert_calls(&b, 1, 0);
	assert_int_equal(extent_dma(&b), 1);
	/* memory of another front end is not the bounce region, whatever its size */
	bounce_unmap(&b, &bounce);
	other = bounce_map(&b, BOUNCE_SIZE, false);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_int_equal(extent_dma(&b), 0);
	fk_unmap(b.dev, 0);
	close(other.file);
	rig_down(&b);
}

static void
test_again(void **state)
{
	const struct rig_conf conf = { .umem = true };
	struct fk_region bounce;
	unsigned int allocs, during, i;
	struct rig b;

	(void)state;
	allocs = heap_allocs();
	rig_create(&b, &conf);
	during = heap_allocs();
	for (i = 0; i < 20; i++) {
		rig_drive(&b);
		bounce = bounce_map(&b, BOUNCE_SIZE, true);
		traffic(&b, i);
		wait_umem(&b);
		traffic(&b, i + 50);
		assert_int_equal(heap_allocs(), during);
		assert_int_equal(fk_reset(b.dev), 0);
		bounce_unmap(&b, &bounce);
		assert_int_equal(heap_allocs(), during);
		assert_calls(&b, i + 1, i + 1);
	}
	rig_destroy(&b);
	assert_int_equal(heap_allocs(), allocs);
}

static void
test_not_wanted(void **state)
{
	const struct rig_conf conf = { 0 };
	struct fk_region bounce;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	rig_drive(&b);
	bounce = bounce_map(&b, BOUNCE_SIZE, true);
	traffic(&b, 1);
	rig_settle();
	assert_calls(&b, 0, 0);
	assert_int_equal(extent_dma(&b), 0);
	bounce_unmap(&b, &bounce);
	rig_down(&b);
}

/* Without: the device works all the same, and one line says why. */
static void
test_refused(void **state)
{
	static const struct {
		struct fk_conf kernel;
		int reg;
		int hugepages;
		size_t size;
		const char *line;
	} cases[] = {
		{ { .no_umem = true }, 0, 1, BOUNCE_SIZE, "the kernel does not tell its regions" },
		{ { .memlock = BOUNCE_SIZE - 1 }, 0, 1, BOUNCE_SIZE, "unit: no umem: " },
		{ { 0 }, -EINVAL, 1, BOUNCE_SIZE, "does not take the memory: Invalid argument" },
		{ { 0 }, -EOPNOTSUPP, 1, BOUNCE_SIZE, "does not take the memory: Operation not" },
		{ { 0 }, -EEXIST, 1, BOUNCE_SIZE, "does not take the memory: File exists" },
		{ { 0 }, 0, 0, BOUNCE_SIZE, "without hugepages (--no-huge)" },
		{ { 0 }, 0, 1, 256 << 20, "DPDK has no 262144 KiB of hugepage memory left" },
	};
	const struct rig_conf conf = { .umem = true };
	struct fk_region bounce;
	unsigned int allocs;
	struct rig b;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		unit_kernel(&cases[i].kernel);
		unit_log_clear();
		has_hugepages = cases[i].hugepages;
		allocs = heap_allocs();
		rig_create(&b, &conf);
		rig_drive(&b);
		/* before the region: the control thread may still be about to look for it */
		if (cases[i].reg != 0)
			fk_fail(VDUSE_IOC_REG_UMEM, 0, 1, cases[i].reg);
		bounce = bounce_map(&b, cases[i].size, true);
		traffic(&b, 1);
		rig_settle();
		unit_assert_logged_once(cases[i].line);
		assert_true(fk_fail_done());
		assert_int_equal(extent_dma(&b), 0);
		traffic(&b, 3);
		/* it is not tried again for this driver */
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		traffic(&b, 5);
		rig_settle();
		unit_assert_logged_once("no umem");
		assert_calls(&b, 0, 0);
		bounce_unmap(&b, &bounce);
		rig_down(&b);
		assert_int_equal(heap_allocs(), allocs);
	}
	has_hugepages = 1;
}

/* The kernel keeps it: it is not freed before the descriptor is closed, and serves the next. */
static void
test_kept(void **state)
{
	const struct rig_conf conf = { .umem = true };
	unsigned int allocs = heap_allocs();
	struct fk_region bounce;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	rig_drive(&b);
	bounce = bounce_map(&b, BOUNCE_SIZE, true);
	traffic(&b, 1);
	wait_umem(&b);
	fk_fail(VDUSE_IOC_DEREG_UMEM, 0, 2, -EPERM);
	assert_int_equal(fk_reset(b.dev), 0);
	unit_assert_logged_once("stays in hugepage memory: Operation not permitted");
	assert_non_null(fk_umem(b.dev));
	rig_drive(&b);
	traffic(&b, 7);
	assert_int_equal(extent_dma(&b), 1);
	assert_calls(&b, 1, 0);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_true(fk_fail_done());
	fk_attach(b.dev, true); /* it stays, to be looked at */
	assert_int_equal(rte_vduse_net_destroy(b.net), -EBUSY);
	assert_calls(&b, 1, 1);
	assert_int_equal(heap_allocs(), allocs);
	fk_attach(b.dev, false);
	bounce_unmap(&b, &bounce);
	rig_give_back(&b);
	unit_kernel(&(struct fk_conf){ 0 });
}

/* Frames that were handed on without a copy keep their bytes, whoever has the device then. */
static void
test_zero_copy(void **state)
{
	const struct rig_conf conf = { .umem = true, .zero_copy_min = 256 };
	uint8_t buf[RIG_HDR_LEN + LONG_FRAME];
	unsigned int allocs = heap_allocs();
	struct fk_region bounce;
	struct rte_mbuf *m;
	const void *before;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	rig_drive(&b);
	bounce = bounce_map(&b, BOUNCE_SIZE, true);
	traffic(&b, 1);
	wait_umem(&b);
	send_frame(&b, SENT_AT, 9, LONG_FRAME);
	m = rig_dequeue(&b);
	before = fk_umem(b.dev);
	/* it is in our memory, where a NIC reads it */
	assert_true((uintptr_t)m->next->buf_addr - (uintptr_t)before < BOUNCE_SIZE);
	assert_int_equal(m->next->buf_iova, (uintptr_t)m->next->buf_addr);
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	traffic(&b, 3);
	wait_umem(&b);
	assert_ptr_not_equal(fk_umem(b.dev), before);
	memset(buf, 0xee, sizeof(buf));
	fk_bounce_write(b.dev, SENT_AT, buf, sizeof(buf));
	assert_int_equal(fk_reset(b.dev), 0);
	bounce_unmap(&b, &bounce);
	rig_destroy(&b);
	rig_mbuf_check(m, 9, LONG_FRAME);
	rte_pktmbuf_free(m);
	vduse_deferred_reap();
	assert_int_equal(heap_allocs(), allocs);
}

/* A device is given the frame's own addresses, in one piece, without a look at /proc; or a copy. */
static void
test_device(void **state)
{
	const struct rig_conf conf = { .umem = true, .zero_copy_min = 256 };
	struct fk_region bounce;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		iova_mode = i == 2 ? RTE_IOVA_VA : RTE_IOVA_PA;
		pages_apart = i == 1;
		rig_create(&b, &conf);
		rte_vduse_net_set_reader(b.net, RTE_VDUSE_NET_READER_DEVICE);
		rig_drive(&b);
		bounce = bounce_map(&b, BOUNCE_SIZE, true);
		traffic(&b, 1);
		wait_umem(&b);
		send_frame(&b, SENT_AT, 9, LONG_FRAME);
		m = rig_dequeue(&b);
		rig_mbuf_check(m, 9, LONG_FRAME);
		assert_true((m->next != NULL) == !pages_apart);
		if (m->next != NULL)
			assert_int_equal(m->next->buf_iova,
					(uintptr_t)m->next->buf_addr + (i == 2 ? 0 : PHYSICAL));
		rte_pktmbuf_free(m);
		assert_int_equal(fk_reset(b.dev), 0);
		bounce_unmap(&b, &bounce);
		rig_destroy(&b);
	}
}

/* A process before handed its descriptor on, with its memory registered. */
static void
test_adopted(void **state)
{
	struct rte_vduse_net_conf conf = {
		.dev.tuning = { -1, BOUNCE_SIZE / 2, NULL }, /* its creator chose another */
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.dev.adopt = true,
	};
	const struct rig_conf rig_conf = { .umem = true };
	struct fk_region bounce = { .size = BOUNCE_SIZE, .perm = VDUSE_ABI_RW, .bounce = true };
	struct rte_vduse_net *before;
	struct vduse_abi_umem umem = { .size = BOUNCE_SIZE };
	struct rig b;
	unsigned int i;
	void *memory = NULL;
	int fd;

	(void)state;
	for (i = 0; i < 2; i++) {
		conf.dev.adopt_fd = -1;
		assert_int_equal(rte_vduse_net_create(&conf, &before), 0);
		fk_attach(fk_find("unit"), true);
		assert_int_equal(rte_vduse_net_destroy(before), -EBUSY);
		fd = fk_sys.open_device("unit");
		bounce.file = bounce_file(BOUNCE_SIZE);
		fk_map(fk_find("unit"), &bounce);
		assert_int_equal(posix_memalign(&memory, 4096, BOUNCE_SIZE), 0);
		umem.uaddr = (uintptr_t)memory;
		assert_int_equal(fk_sys.ioctl(fd, VDUSE_IOC_REG_UMEM, &umem), 0);
		conf.dev.adopt_fd = fd;
		conf.dev.umem = i == 1;
		assert_int_equal(rte_vduse_net_create(&conf, &before), 0);
		assert_null(fk_umem(fk_find("unit")));
		free(memory);
		rig_take(&b, &rig_conf, before);
		rig_drive(&b);
		traffic(&b, 1);
		if (i == 1)
			wait_umem(&b);
		traffic(&b, 3);
		assert_int_equal(fk_reset(b.dev), 0);
		assert_calls(&b, 1 + i, 1 + i);
		bounce_unmap(&b, &bounce);
		assert_int_equal(rte_vduse_net_destroy(b.net), 0);
		rig_give_back(&b);
		unit_kernel(&(struct fk_conf){ 0 });
	}
}

static void *
poll_both(void *arg)
{
	struct rig *b = arg;
	struct rte_mbuf *m = NULL;

	while (__atomic_load_n(&b->conf.umem, __ATOMIC_RELAXED)) {
		if (m == NULL)
			m = rig_dequeue(b);
		/* refused while the queue rests */
		if (m == NULL || rte_vduse_net_enqueue(b->net, 0, &m, 1) == 0)
			continue;
		rte_pktmbuf_free(m);
		m = NULL;
	}
	rte_pktmbuf_free(m);
	return NULL;
}

static void
wait_used(struct mock_vq *vq)
{
	const uint64_t until = rte_get_timer_cycles() + UNIT_LIMIT_S * rte_get_timer_hz();
	struct mock_used used;

	while (!mock_vq_get(vq, &used))
		assert_true(rte_get_timer_cycles() < until);
}

/* A lcore that never rests, while the region becomes ours and the kernel's again. */
static void
test_stress(void **state)
{
	const struct rig_conf conf = { .umem = true };
	uint8_t buf[RIG_HDR_LEN + FRAME];
	struct fk_region bounce;
	unsigned int run, i, at, calls[2];
	pthread_t lcore;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	unit_thread(&lcore, poll_both, &b);
	for (run = 0; run < STRESS_RUNS; run++) {
		rig_drive(&b);
		bounce = bounce_map(&b, BOUNCE_SIZE, true);
		for (i = 0; i < STRESS_SENDS; i++) {
			rig_offer(&b, RECEIVED_AT, sizeof(buf));
			send_frame(&b, SENT_AT, run + i, FRAME);
			wait_used(rig_tx(&b));
			wait_used(rig_rx(&b));
			fk_bounce_read(b.dev, RECEIVED_AT, buf, sizeof(buf));
			for (at = 0; at < FRAME; at++)
				assert_int_equal(buf[RIG_HDR_LEN + at], unit_byte(run + i, at));
		}
		if (run % 5 == 0)
			wait_umem(&b);
		assert_int_equal(fk_reset(b.dev), 0);
		bounce_unmap(&b, &bounce);
	}
	__atomic_store_n(&b.conf.umem, false, __ATOMIC_RELAXED);
	pthread_join(lcore, NULL);
	fk_umem_calls(b.dev, &calls[0], &calls[1]);
	assert_true(calls[0] >= STRESS_RUNS / 5 && calls[0] == calls[1]);
	rig_destroy(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_traffic),
		UNIT_TEST(test_remap),
		UNIT_TEST(test_again),
		UNIT_TEST(test_not_wanted),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_kept),
		UNIT_TEST(test_zero_copy),
		UNIT_TEST(test_device),
		UNIT_TEST(test_adopted),
		UNIT_TEST(test_stress),
	};

	return UNIT_RUN("umem", tests);
}
