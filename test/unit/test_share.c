/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a device takes of the process: regions, address space, descriptors, and the work that they
 * cost. Over a kernel that has as many regions as a test wants; counted, not timed.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/iotlb.h"
#include "rig.h"

#define PAGE    4096ull
#define MANY    64000
#define MANY_AT (16ull << 40)
#define TIB     (1ull << 40)

/* Regions of a page with a page between them, or of `size` each without. */
static struct {
	unsigned int nb;
	uint64_t size;   /* bytes of each */
	uint64_t stride; /* in IOVA space and in the file */
	unsigned int asked;
	unsigned int open, open_max;
	unsigned int changes; /* answers for which the map is another at each */
	int file;
} many;

static int
many_ioctl(int fd, unsigned long request, void *arg)
{
	struct vduse_abi_region *entry = arg;
	const uint64_t start = entry->start, last = entry->last;
	uint64_t i = 0;

	RTE_SET_USED(fd);
	assert_int_equal(request, VDUSE_IOC_REGION);
	many.asked++;
	if (start > MANY_AT)
		i = (start - MANY_AT) / many.stride +
		    ((start - MANY_AT) % many.stride >= many.size);
	if (i >= many.nb || MANY_AT + i * many.stride > last)
		return -EINVAL;
	entry->start = MANY_AT + i * many.stride;
	entry->last = entry->start + many.size - 1;
	entry->offset = many.size > PAGE ? 0 : i * many.stride;
	if (many.changes > 0)
		entry->offset += PAGE * (many.changes-- % 2);
	entry->perm = VDUSE_ABI_RW;
	many.open++;
	many.open_max = RTE_MAX(many.open_max, many.open);
	return dup(many.file);
}

static void
many_close(int fd)
{
	many.open--;
	close(fd);
}

static struct vduse_sys many_sys;
static struct vduse_readers many_readers;

static void
many_up(struct vduse_iotlb *tlb, struct vduse_share *share, unsigned int nb)
{
	vduse_readers_setup();
	memset(&many, 0, sizeof(many));
	many.nb = nb;
	many.size = PAGE;
	many.stride = 2 * PAGE;
	many.file = memfd_create("many", MFD_CLOEXEC);
	assert_int_equal(ftruncate(many.file, (nb + 1) * many.stride), 0);
	many_sys = vduse_sys_kernel;
	many_sys.ioctl = many_ioctl;
	many_sys.close = many_close;
	assert_int_equal(vduse_iotlb_init(tlb, &many_sys, 0, &many_readers, VDUSE_SPACE_ONLY), 0);
	tlb->share = share;
}

static void
many_down(struct vduse_iotlb *tlb)
{
	vduse_iotlb_fini(tlb);
	assert_int_equal(many.open, 0);
	close(many.file);
}

/* Two questions a region, one descriptor at a time; a miss asks once where nothing is new. */
static void
test_many_regions(void **state)
{
	struct vduse_share *share = vduse_share_new(MANY, TIB);
	struct vduse_iotlb tlb;
	uint64_t avail;
	uint32_t hint = 0;

	(void)state;
	many_up(&tlb, share, MANY - 1);
	assert_int_equal(vduse_iotlb_load(&tlb), MANY - 1);
	assert_int_equal(many.open_max, 1);
	assert_in_range(many.asked, 2 * (MANY - 1), 2 * MANY);
	assert_int_equal(share->regions, MANY - 1);
	assert_int_equal(share->bytes, (MANY - 1) * PAGE);
	assert_non_null(vduse_iotlb_find(
			tlb.map, &hint, MANY_AT + 2 * PAGE * 777, VDUSE_ABI_RW, &avail));
	/* an address that nobody maps, and one that is known */
	many.asked = 0;
	assert_int_equal(vduse_iotlb_load_at(&tlb, MANY_AT + PAGE), 0);
	assert_int_equal(many.asked, 1);
	assert_int_equal(vduse_iotlb_load_at(&tlb, MANY_AT), 0);
	assert_int_equal(many.asked, 1);
	/* one more, and one that is more than the share */
	many.nb = MANY;
	many.asked = 0;
	assert_int_equal(vduse_iotlb_load_at(&tlb, MANY_AT + 2 * PAGE * (MANY - 1)), 1);
	assert_in_range(many.asked, 1, MANY + 4);
	many.nb++;
	assert_int_equal(vduse_iotlb_load_at(&tlb, MANY_AT + 2 * PAGE * MANY), -E2BIG);
	unit_assert_logged_once("more than 64000 regions of memory");
	assert_int_equal(tlb.nb_regions, MANY);
	assert_int_equal(many.open_max, 1);
	many_down(&tlb);
	assert_int_equal(share->regions, 0);
	assert_int_equal(share->bytes, 0);
	assert_int_equal(share->refs, 1);
	vduse_share_put(share);
}

/* A driver with more than its share: nothing of it is mapped, and no more is asked than it takes.
 */
static void
test_too_many(void **state)
{
	struct vduse_share *share = vduse_share_new(RTE_VDUSE_MAX_REGIONS, RTE_VDUSE_MAX_MEMORY);
	struct vduse_iotlb tlb;

	(void)state;
	many_up(&tlb, share, MANY);
	assert_int_equal(vduse_iotlb_load(&tlb), -E2BIG);
	assert_in_range(many.asked, RTE_VDUSE_MAX_REGIONS, 2 * RTE_VDUSE_MAX_REGIONS + 2);
	assert_int_equal(share->regions, 0);
	many.nb = RTE_VDUSE_MAX_REGIONS;
	assert_int_equal(vduse_iotlb_load(&tlb), RTE_VDUSE_MAX_REGIONS);
	many_down(&tlb);
	vduse_share_put(share);
}

/* Windows: 256 regions of a front end are one extent, and mapped with a descriptor at a time. */
static void
test_window(void **state)
{
	struct vduse_iotlb tlb;

	(void)state;
	many_up(&tlb, NULL, 256);
	many.stride = PAGE;
	assert_int_equal(vduse_iotlb_load(&tlb), 256);
	assert_int_equal(tlb.map->nb, 1);
	assert_int_equal(many.open_max, 1);
	many_down(&tlb);
}

/* The kernel's map is another at each question: the load ends, and can be repeated. */
static void
test_changes(void **state)
{
	struct vduse_iotlb tlb;

	(void)state;
	many_up(&tlb, NULL, 11);
	many.changes = 1000;
	assert_int_equal(vduse_iotlb_load(&tlb), -EAGAIN);
	assert_int_equal(tlb.nb_regions, 0);
	many.changes = 0;
	assert_int_equal(vduse_iotlb_load(&tlb), 11);
	many_down(&tlb);
}

/* Sparse memory of 16 TiB each in one front end; the next one has its ordinary miss. */
static void
test_address_space(void **state)
{
	struct vduse_share *greedy = vduse_share_new(RTE_VDUSE_MAX_REGIONS, RTE_VDUSE_MAX_MEMORY);
	struct vduse_share *modest = vduse_share_new(RTE_VDUSE_MAX_REGIONS, RTE_VDUSE_MAX_MEMORY);
	struct vduse_iotlb tlb, other;
	int file;

	(void)state;
	many_up(&tlb, greedy, 7);
	many.size = many.stride = 16 * TIB - PAGE;
	many.stride = 16 * TIB;
	assert_int_equal(ftruncate(many.file, 7 * TIB), 0);
	assert_int_equal(vduse_iotlb_load(&tlb), -E2BIG);
	assert_int_equal(greedy->bytes, 0);
	file = many.file;
	many_up(&other, modest, 3);
	assert_int_equal(vduse_iotlb_load(&other), 3);
	many_down(&other);
	close(file);
	vduse_iotlb_fini(&tlb);
	vduse_share_put(greedy);
	vduse_share_put(modest);
}

/* A device: the driver does not see DRIVER_OK, one line says why, and others are served. */
static void
test_device(void **state)
{
	struct rig_conf conf = { .max_regions = GUEST_REGIONS - 1 };
	struct fk_ledger ledger;
	struct rig b, other;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		rig_up(&other, &(struct rig_conf){ .name = "other" });
		unit_log_clear();
		rig_create(&b, &conf);
		rig_negotiate(&b);
		rig_rings(&b, true);
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), -EIO);
		unit_assert_logged_once("allow more (max-regions, max-memory)");
		fk_unmap(b.dev, GUEST_RO);
		fk_unmap(b.dev, GUEST_PATCH);
		conf = (struct rig_conf){ .max_memory = GUEST_MAIN_SIZE };
		if (i == 0) {
			assert_int_equal(fk_reset(b.dev), 0);
			rig_drive(&b);
			rig_assert_traffic(&b);
		}
		rig_assert_traffic(&other);
		rig_destroy(&b);
		rig_down(&other);
		fk_ledger(&ledger);
		assert_int_equal(ledger.maps, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_many_regions),
		UNIT_TEST(test_too_many),
		UNIT_TEST(test_window),
		UNIT_TEST(test_changes),
		UNIT_TEST(test_address_space),
		UNIT_TEST(test_device),
	};

	return UNIT_RUN("share", tests);
}
