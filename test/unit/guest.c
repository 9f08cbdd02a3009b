/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "guest.h"
#include "unit.h"

/* Distance of the patches in the file: a page between them. */
#define PATCH_STRIDE 0x3000ull

static void
file_init(struct guest *guest, unsigned int i, size_t size)
{
	guest->files[i] = memfd_create("guest", MFD_CLOEXEC);
	assert_true(guest->files[i] >= 0);
	assert_int_equal(ftruncate(guest->files[i], size), 0);
	guest->va[i] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->files[i], 0);
	assert_ptr_not_equal(guest->va[i], MAP_FAILED);
	guest->sizes[i] = size;
}

static void
region_init(struct guest *guest, unsigned int file, const struct fk_region *region)
{
	struct fk_region *r = &guest->regions[guest->nb_regions++];

	*r = *region;
	r->file = guest->files[file];
	assert_true(r->offset + r->size <= guest->sizes[file]);
}

static void
mem_write(void *arg, uint64_t iova, const void *data, size_t len)
{
	guest_write(arg, iova, data, len);
}

static void *
mem_at(void *arg, uint64_t iova)
{
	return guest_at(arg, iova);
}

void
guest_init(struct guest *guest)
{
	const uint64_t patches = GUEST_PATCHES * PATCH_STRIDE;
	struct fk_region r = { .perm = VDUSE_ABI_RW };
	unsigned int i;

	memset(guest, 0, sizeof(*guest));
	file_init(guest, 0, GUEST_MAIN_SIZE);
	file_init(guest, 1, patches + 2 * GUEST_RO_SIZE);
	r.iova = GUEST_MAIN;
	r.size = GUEST_MAIN_SIZE;
	region_init(guest, 0, &r);
	r.size = GUEST_PATCH_SIZE;
	for (i = 0; i < GUEST_PATCHES; i++) {
		r.iova = GUEST_PATCH + i * GUEST_PATCH_SIZE;
		/* backwards, and each begins somewhere else in its page */
		r.offset = (GUEST_PATCHES - 1 - i) * PATCH_STRIDE + 0x100 * (i % 8);
		region_init(guest, 1, &r);
	}
	r = (struct fk_region){ .iova = GUEST_RO,
		.size = GUEST_RO_SIZE,
		.offset = patches + GUEST_RO_SIZE,
		.perm = VDUSE_ABI_RO };
	region_init(guest, 1, &r);
	r.iova = GUEST_WO;
	r.offset = patches;
	r.perm = VDUSE_ABI_WO;
	region_init(guest, 1, &r);
	guest->mem = (struct mock_mem){ .write = mem_write, .at = mem_at, .arg = guest };
}

void
guest_fini(struct guest *guest)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(guest->files); i++) {
		munmap(guest->va[i], guest->sizes[i]);
		close(guest->files[i]);
	}
}

void
guest_map(const struct guest *guest, struct fk_dev *dev)
{
	unsigned int i;

	/* vduse_vdpa_set_map() replaces what the front end before had mapped */
	fk_unmap_range(dev, 0, GUEST_MAIN, GUEST_WO + GUEST_RO_SIZE - 1);
	for (i = 0; i < guest->nb_regions; i++)
		fk_map(dev, &guest->regions[i]);
}

/* Where the IOVA is, and the bytes that are linear from there. */
static uint8_t *
guest_find(const struct guest *guest, uint64_t iova, size_t *left)
{
	unsigned int i;

	for (i = 0; i < guest->nb_regions; i++) {
		const struct fk_region *r = &guest->regions[i];

		if (iova < r->iova || iova - r->iova >= r->size)
			continue;
		*left = r->size - (iova - r->iova);
		return guest->va[r->file == guest->files[1]] + r->offset + (iova - r->iova);
	}
	fail_msg("the test uses IOVA 0x%llx, which is no memory", (unsigned long long)iova);
	return NULL;
}

void *
guest_at(const struct guest *guest, uint64_t iova)
{
	size_t left;

	return guest_find(guest, iova, &left);
}

/* Another thread may write there too, as another processor of the guest. */
static void
shared_write(uint8_t *to, const uint8_t *from, size_t n)
{
	uint16_t half;

	for (; n >= sizeof(half) && (uintptr_t)to % sizeof(half) == 0; n -= sizeof(half)) {
		memcpy(&half, from, sizeof(half));
		__atomic_store_n((uint16_t *)to, half, __ATOMIC_RELAXED);
		to += sizeof(half);
		from += sizeof(half);
	}
	for (; n > 0; n--)
		__atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
}

void
guest_write(const struct guest *guest, uint64_t iova, const void *data, size_t len)
{
	size_t done, n;
	uint8_t *va;

	for (done = 0; done < len; done += n) {
		va = guest_find(guest, iova + done, &n);
		n = RTE_MIN(n, len - done);
		shared_write(va, (const uint8_t *)data + done, n);
	}
}

void
guest_read(const struct guest *guest, uint64_t iova, void *data, size_t len)
{
	const uint8_t *va;
	size_t done, n;

	for (done = 0; done < len; done += n) {
		va = guest_find(guest, iova + done, &n);
		n = RTE_MIN(n, len - done);
		memcpy((uint8_t *)data + done, va, n);
	}
}
