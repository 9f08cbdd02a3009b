/* SPDX-License-Identifier: BSD-3-Clause */

/* The IOVA map by itself, over the fake kernel's regions. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include <rte_malloc.h>

#include "mem/iotlb.h"
#include "unit.h"

#define PAGE      4096ull
#define FILE_SIZE (4ull << 20)

#define RO VDUSE_ABI_RO
#define WO VDUSE_ABI_WO
#define RW VDUSE_ABI_RW

/* A device that is nothing but an IOVA map. */
struct tlb_rig {
	struct fk_dev *dev;
	struct vduse_iotlb tlb;
	vduse_reader_t reader;
	struct vduse_readers *readers;
	int control_fd, fd;
	int file;
	uint8_t *va; /* of the file */
};

static void
tlb_create_device(struct tlb_rig *b)
{
	static const char name[VDUSE_ABI_NAME_MAX] = "tlb";
	struct vduse_abi_create config = {
		.device_id = VIRTIO_ID_NET,
		.features = (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_F_ACCESS_PLATFORM),
		.vq_num = 1,
		.vq_align = PAGE,
	};

	memcpy(config.name, name, sizeof(name));
	b->control_fd = fk_sys.open_control();
	assert_true(b->control_fd >= 0);
	assert_int_equal(fk_sys.ioctl(b->control_fd, VDUSE_IOC_CREATE, &config), 0);
	b->fd = fk_sys.open_device(name);
	assert_true(b->fd >= 0);
	b->dev = fk_find(name);
}

static void
tlb_up(struct tlb_rig *b)
{
	uint64_t i;

	memset(b, 0, sizeof(*b));
	tlb_create_device(b);
	vduse_readers_setup();
	b->readers = calloc(1, sizeof(*b->readers) + sizeof(b->readers->readers[0]));
	assert_non_null(b->readers);
	b->readers->nb = 1;
	b->readers->readers[0] = &b->reader;
	assert_int_equal(
			vduse_iotlb_init(&b->tlb, &fk_sys, b->fd, b->readers, VDUSE_SPACE_ONLY), 0);
	b->file = memfd_create("tlb", MFD_CLOEXEC);
	assert_int_equal(ftruncate(b->file, FILE_SIZE), 0);
	b->va = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, b->file, 0);
	assert_ptr_not_equal(b->va, MAP_FAILED);
	/* every 8 bytes hold their offset */
	for (i = 0; i < FILE_SIZE; i += sizeof(i))
		memcpy(b->va + i, &i, sizeof(i));
}

static void
tlb_down(struct tlb_rig *b)
{
	char name[VDUSE_ABI_NAME_MAX] = "tlb";

	vduse_iotlb_fini(&b->tlb);
	free(b->readers);
	fk_sys.close(b->fd);
	assert_int_equal(fk_sys.ioctl(b->control_fd, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(b->control_fd);
	munmap(b->va, FILE_SIZE);
	close(b->file);
}

static void
tlb_region(struct tlb_rig *b, uint64_t iova, uint64_t size, uint64_t offset, uint8_t perm)
{
	const struct fk_region region = {
		.iova = iova, .size = size, .offset = offset, .perm = perm, .file = b->file
	};

	fk_map(b->dev, &region);
}

static const void *
tlb_find(struct tlb_rig *b, uint64_t iova, uint8_t perm, uint64_t *avail)
{
	static uint32_t hint; /* whatever the last one left, as in a burst */

	if (hint >= b->tlb.map->nb)
		hint = 0;
	return vduse_iotlb_find(b->tlb.map, &hint, iova, perm, avail);
}

/* The 8 bytes at the IOVA are those at the offset in the file. */
static void
assert_maps(struct tlb_rig *b, uint64_t iova, uint64_t offset)
{
	uint64_t avail, value;
	const void *va = tlb_find(b, iova, RO, &avail);

	assert_non_null(va);
	memcpy(&value, va, sizeof(value));
	assert_int_equal(value, offset);
}

static void
assert_no_map(struct tlb_rig *b, uint64_t iova, uint8_t perm)
{
	uint64_t avail;

	assert_null(tlb_find(b, iova, perm, &avail));
}

static unsigned int
ledger_maps(void)
{
	struct fk_ledger ledger;

	fk_ledger(&ledger);
	return ledger.maps;
}

static void
test_find(void **state)
{
	struct tlb_rig b;
	uint64_t avail;

	(void)state;
	tlb_up(&b);
	assert_no_map(&b, 0, RO);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 0);
	assert_no_map(&b, 0, RO);
	tlb_region(&b, 0x100000, 4 * PAGE, 2 * PAGE, RW);
	tlb_region(&b, 0x200000, PAGE, 8 * PAGE, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 2);
	assert_maps(&b, 0x100000, 2 * PAGE);
	assert_maps(&b, 0x100000 + 4 * PAGE - 8, 6 * PAGE - 8);
	assert_non_null(tlb_find(&b, 0x100000, RW, &avail));
	assert_int_equal(avail, 4 * PAGE);
	assert_non_null(tlb_find(&b, 0x100000 + 4 * PAGE - 1, RW, &avail));
	assert_int_equal(avail, 1);
	assert_maps(&b, 0x200000, 8 * PAGE);
	assert_no_map(&b, 0x0fffff, RO);
	assert_no_map(&b, 0x100000 + 4 * PAGE, RO);
	assert_no_map(&b, 0x1fffff, RO);
	assert_no_map(&b, 0x200000 + PAGE, RO);
	assert_no_map(&b, 0, RO);
	assert_no_map(&b, UINT64_MAX, RO);
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0x100000 + 4 * PAGE - 1, 0x1fffff), 0);
	assert_no_map(&b, 0x100000, RO);
	assert_maps(&b, 0x200000, 8 * PAGE);
	assert_int_equal(ledger_maps(), 1);
	/* beside it: nothing */
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0x200000 + PAGE, UINT64_MAX), 0);
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0, 0x1fffff), 0);
	assert_maps(&b, 0x200000, 8 * PAGE);
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0, UINT64_MAX), 0);
	assert_no_map(&b, 0x200000, RO);
	assert_int_equal(ledger_maps(), 0);
	tlb_down(&b);
}

static void
test_permission(void **state)
{
	struct tlb_rig b;
	uint64_t avail;

	(void)state;
	tlb_up(&b);
	tlb_region(&b, 0x10000, PAGE, 0, RO);
	tlb_region(&b, 0x20000, PAGE, PAGE, WO);
	tlb_region(&b, 0x30000, PAGE, 2 * PAGE, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 3);
	assert_non_null(tlb_find(&b, 0x10000, RO, &avail));
	assert_no_map(&b, 0x10000, WO);
	assert_no_map(&b, 0x10000, RW);
	assert_non_null(tlb_find(&b, 0x20000, WO, &avail));
	assert_no_map(&b, 0x20000, RO);
	assert_no_map(&b, 0x20000, RW);
	assert_non_null(tlb_find(&b, 0x30000, RO, &avail));
	assert_non_null(tlb_find(&b, 0x30000, WO, &avail));
	assert_non_null(tlb_find(&b, 0x30000, RW, &avail));
	assert_non_null(vduse_iotlb_linear(&b.tlb, 0x30000, PAGE, RW));
	assert_null(vduse_iotlb_linear(&b.tlb, 0x30000, PAGE + 1, RW));
	assert_null(vduse_iotlb_linear(&b.tlb, 0x10000, PAGE, WO));
	tlb_down(&b);
}

/* Neighbours of whole pages are one extent, wherever they are in the file. */
static void
test_window(void **state)
{
	struct tlb_rig b;
	uint64_t i;

	(void)state;
	tlb_up(&b);
	for (i = 0; i < 16; i++)
		tlb_region(&b, 0x100000 + i * 2 * PAGE, 2 * PAGE, (15 - i) * 4 * PAGE, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 16);
	assert_int_equal(b.tlb.map->nb, 1);
	for (i = 0; i < 16; i++) {
		assert_maps(&b, 0x100000 + i * 2 * PAGE, (15 - i) * 4 * PAGE);
		assert_maps(&b, 0x100000 + (i + 1) * 2 * PAGE - 8,
				(15 - i) * 4 * PAGE + 2 * PAGE - 8);
	}
	assert_non_null(vduse_iotlb_linear(&b.tlb, 0x100000, 32 * PAGE, RW));
	/* one out of the middle: two extents, and the hole is one */
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0x100000 + 4 * PAGE, 0x100000 + 4 * PAGE), 0);
	assert_int_equal(b.tlb.map->nb, 2);
	assert_no_map(&b, 0x100000 + 4 * PAGE, RO);
	assert_maps(&b, 0x100000 + 4 * PAGE - 8, 14 * 4 * PAGE + 2 * PAGE - 8);
	assert_maps(&b, 0x100000 + 6 * PAGE, 12 * 4 * PAGE);
	/* back again: reads right, linear or not */
	assert_int_equal(vduse_iotlb_load(&b.tlb), 1);
	assert_maps(&b, 0x100000 + 4 * PAGE, 13 * 4 * PAGE);
	tlb_down(&b);
}

/* What cannot be one window: permission, a gap, parts of pages. */
static void
test_no_window(void **state)
{
	struct tlb_rig b;

	(void)state;
	tlb_up(&b);
	tlb_region(&b, 0x10000, PAGE, 0, RW);
	tlb_region(&b, 0x11000, PAGE, PAGE, RO);
	tlb_region(&b, 0x13000, PAGE, 3 * PAGE, RO);
	tlb_region(&b, 0x20000, PAGE / 2, 10 * PAGE, RW);
	tlb_region(&b, 0x20800, PAGE, 5 * PAGE + 0x100, RW);
	tlb_region(&b, 0x21800, PAGE, 20 * PAGE + 0x300, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 6);
	assert_int_equal(b.tlb.map->nb, 6);
	assert_maps(&b, 0x20000 + PAGE / 2 - 8, 10 * PAGE + PAGE / 2 - 8);
	assert_maps(&b, 0x20800, 5 * PAGE + 0x100);
	assert_maps(&b, 0x21800, 20 * PAGE + 0x300);
	assert_null(vduse_iotlb_linear(&b.tlb, 0x20000, PAGE, RW));
	assert_null(vduse_iotlb_linear(&b.tlb, 0x10000, 2 * PAGE, RO));
	tlb_down(&b);
}

static void
test_added_later(void **state)
{
	struct tlb_rig b;
	uint64_t i;

	(void)state;
	tlb_up(&b);
	/* from above, so that each goes before what is there */
	for (i = 0; i < 100; i++) {
		tlb_region(&b, 0x1000000 - i * 0x10000, PAGE, i * PAGE, RW);
		assert_int_equal(vduse_iotlb_load(&b.tlb), 1);
		assert_int_equal(vduse_iotlb_load(&b.tlb), 0);
		assert_int_equal(ledger_maps(), i + 1);
		assert_maps(&b, 0x1000000 - i * 0x10000, i * PAGE);
		assert_maps(&b, 0x1000000, 0);
	}
	tlb_down(&b);
}

static void
test_whole_space(void **state)
{
	const uint64_t top = UINT64_MAX - 2 * PAGE + 1;
	struct tlb_rig b;
	uint64_t avail;

	(void)state;
	tlb_up(&b);
	tlb_region(&b, 0, PAGE, 0, RW);
	tlb_region(&b, top, 2 * PAGE, PAGE, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 2);
	assert_maps(&b, 0, 0);
	assert_maps(&b, top, PAGE);
	assert_maps(&b, UINT64_MAX - 7, 3 * PAGE - 8);
	assert_non_null(tlb_find(&b, UINT64_MAX, RW, &avail));
	assert_int_equal(avail, 1);
	assert_null(vduse_iotlb_linear(&b.tlb, UINT64_MAX - 7, 16, RW));
	assert_int_equal(vduse_iotlb_remove(&b.tlb, 0, UINT64_MAX), 0);
	assert_no_map(&b, 0, RO);
	assert_no_map(&b, UINT64_MAX, RO);
	assert_int_equal(ledger_maps(), 0);
	/* the kernel's map did not change: the same again */
	assert_int_equal(vduse_iotlb_load(&b.tlb), 2);
	assert_maps(&b, top, PAGE);
	tlb_down(&b);
}

/* Whatever call fails, however late: nothing is left, what was there stays, and it can be repeated.
 */
static void
fail_run(unsigned long call, int err)
{
	struct fk_ledger ledger;
	struct tlb_rig b;
	unsigned int skip;
	uint64_t i;

	tlb_up(&b);
	tlb_region(&b, 0x800000, PAGE, 0, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 1);
	for (i = 0; i < 4; i++)
		tlb_region(&b, 0x10000 + i * PAGE, PAGE, (20 - i) * PAGE, RW); /* a window */
	for (i = 0; i < 4; i++)
		tlb_region(&b, 0x90000 + i * 0x10000, PAGE + 0x10, (30 + 3 * i) * PAGE + 8, RO);
	for (skip = 0;; skip++) {
		fk_fail(call, skip, 1, err);
		if (vduse_iotlb_load(&b.tlb) == 8)
			break;
		assert_true(fk_fail_done());
		fk_ledger(&ledger);
		assert_int_equal(ledger.maps, 1);
		assert_int_equal(ledger.fds, 2); /* control and device */
		assert_maps(&b, 0x800000, 0);
		assert_no_map(&b, 0x10000, RO);
		fk_fail(call, skip, 1, err);
		assert_int_equal(vduse_iotlb_load(&b.tlb), err);
		assert_true(fk_fail_done());
	}
	assert_false(fk_fail_done());
	assert_true(skip >= 8);
	assert_maps(&b, 0x10000 + 3 * PAGE, 17 * PAGE);
	tlb_down(&b);
}

static void
test_failures(void **state)
{
	(void)state;
	fail_run(FK_MAP, -ENOMEM);
	fail_run(FK_PAGE_SIZE, -EIO);
	fail_run(VDUSE_IOC_REGION, -EMFILE);
	fail_run(VDUSE_IOC_REGION, -ENOMEM);
	fail_run(VDUSE_IOC_REGION, -EIO);
}

/* A thousand regions, found at random. */
static void
test_many(void **state)
{
	struct unit_rng rng = { .state = 5 };
	uint64_t i, k;
	struct tlb_rig b;

	(void)state;
	tlb_up(&b);
	for (i = 0; i < 1000; i++)
		tlb_region(&b, (1000 - i) * 0x10000, PAGE, i * PAGE, RW);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 1000);
	for (i = 0; i < 10000; i++) {
		k = unit_random(&rng, 0, 999);
		assert_maps(&b, (1000 - k) * 0x10000 + 8 * (i % 512), k * PAGE + 8 * (i % 512));
		assert_no_map(&b, (1000 - k) * 0x10000 + PAGE + i % 4096, RO);
	}
	tlb_down(&b);
}

/* A burst in another thread, and what it saw. */
struct burst {
	struct tlb_rig *b;
	bool began;
	bool saw_new_map;
	bool ended;
	unsigned int maps; /* mapped while the burst was on after the removal had begun */
	uint64_t value;    /* read then */
};

static bool
wait_until_new_map(const struct vduse_iotlb *tlb, const struct vduse_iotlb_map *old)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (__atomic_load_n(&tlb->map, __ATOMIC_ACQUIRE) == old) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	return true;
}

static void *
burst_main(void *arg)
{
	struct burst *burst = arg;
	const struct vduse_iotlb_map *map;
	struct vduse_iotlb *tlb = &burst->b->tlb;
	uint32_t hint = 0;
	uint64_t avail;
	const void *va;

	vduse_reader_enter(&burst->b->reader);
	map = __atomic_load_n(&tlb->map, __ATOMIC_ACQUIRE);
	va = vduse_iotlb_find(map, &hint, 0x10000 + 8, RO, &avail);
	__atomic_store_n(&burst->began, true, __ATOMIC_RELEASE);
	burst->saw_new_map = wait_until_new_map(tlb, map);
	/* the removal has published; the old map and its memory are ours still */
	burst->maps = ledger_maps();
	va = vduse_iotlb_find(map, &hint, 0x10000 + 8, RO, &avail);
	if (va != NULL)
		memcpy(&burst->value, va, sizeof(burst->value));
	__atomic_store_n(&burst->ended, true, __ATOMIC_RELEASE);
	vduse_reader_leave(&burst->b->reader);
	return NULL;
}

static void
test_remove_waits(void **state)
{
	struct burst burst;
	struct tlb_rig b;
	pthread_t thread;
	unsigned int i;

	(void)state;
	tlb_up(&b);
	tlb_region(&b, 0x10000, PAGE, 5 * PAGE, RW);
	for (i = 0; i < 20; i++) {
		assert_int_equal(vduse_iotlb_load(&b.tlb), 1);
		burst = (struct burst){ .b = &b };
		unit_thread(&thread, burst_main, &burst);
		while (!__atomic_load_n(&burst.began, __ATOMIC_ACQUIRE))
			sched_yield();
		assert_int_equal(vduse_iotlb_remove(&b.tlb, 0, UINT64_MAX), 0);
		assert_true(__atomic_load_n(&burst.ended, __ATOMIC_ACQUIRE));
		assert_int_equal(ledger_maps(), 0);
		pthread_join(thread, NULL);
		assert_true(burst.saw_new_map);
		assert_int_equal(burst.maps, 1);
		assert_int_equal(burst.value, 5 * PAGE + 8);
	}
	tlb_down(&b);
}

/* A load that is kept between the kernel's answer and the mapping. */
static struct {
	bool reached; /* it has the answer */
	bool go;
	bool closing; /* the reset has begun */
} late;

static int
late_map(int fd, uint64_t offset, size_t len, int prot, void **addr)
{
	__atomic_store_n(&late.reached, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&late.go, __ATOMIC_ACQUIRE))
		sched_yield();
	return fk_sys.map(fd, offset, len, prot, addr);
}

static void *
late_miss(void *arg)
{
	vduse_iotlb_load(arg);
	return NULL;
}

static void *
late_reset(void *arg)
{
	__atomic_store_n(&late.closing, true, __ATOMIC_RELEASE);
	vduse_iotlb_close(arg);
	return NULL;
}

/* A reset, and a miss that is resolved meanwhile or after it: the next driver's memory is its own.
 */
static void
test_closed(void **state)
{
	struct vduse_sys sys = fk_sys;
	pthread_t miss, reset;
	struct tlb_rig b;

	(void)state;
	tlb_up(&b);
	tlb_region(&b, 0x10000, PAGE, 5 * PAGE, RW);
	sys.map = late_map;
	b.tlb.sys = &sys;
	unit_thread(&miss, late_miss, &b.tlb);
	while (!__atomic_load_n(&late.reached, __ATOMIC_ACQUIRE))
		sched_yield();
	unit_thread(&reset, late_reset, &b.tlb);
	while (!__atomic_load_n(&late.closing, __ATOMIC_ACQUIRE))
		sched_yield();
	__atomic_store_n(&late.go, true, __ATOMIC_RELEASE);
	pthread_join(miss, NULL);
	pthread_join(reset, NULL);
	assert_no_map(&b, 0x10000, RO);
	assert_int_equal(ledger_maps(), 0);
	/* the kernel has the old driver's region still */
	assert_int_equal(vduse_iotlb_load(&b.tlb), -ESHUTDOWN);
	assert_no_map(&b, 0x10000, RO);
	assert_int_equal(ledger_maps(), 0);
	fk_unmap_all(b.dev);
	tlb_region(&b, 0x10000, PAGE, 9 * PAGE, RW);
	vduse_iotlb_open(&b.tlb);
	assert_int_equal(vduse_iotlb_load(&b.tlb), 1);
	assert_maps(&b, 0x10000, 9 * PAGE);
	tlb_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_find),
		UNIT_TEST(test_permission),
		UNIT_TEST(test_window),
		UNIT_TEST(test_no_window),
		UNIT_TEST(test_added_later),
		UNIT_TEST(test_whole_space),
		UNIT_TEST(test_failures),
		UNIT_TEST(test_many),
		UNIT_TEST(test_remove_waits),
		UNIT_TEST(test_closed),
	};

	return UNIT_RUN("iotlb", tests);
}
