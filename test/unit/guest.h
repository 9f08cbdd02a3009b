/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

#include "fake_kernel.h"
#include "mock_driver.h"

/* Memory of a front end: pieces of two files at IOVAs of their own. */

/* One linear region for rings and ordinary buffers. */
#define GUEST_MAIN      0x40000000ull
#define GUEST_MAIN_SIZE (16ull << 20)

/* Regions that follow each other as IOVA and lie scattered in the file. */
#define GUEST_PATCH      0x80000000ull
#define GUEST_PATCH_SIZE 0x1800ull /* of one; no multiple of a page */
#define GUEST_PATCHES    64

/* Regions of 64 KiB with one permission each, for the device; WO follows RO. */
#define GUEST_RO      0x90000000ull
#define GUEST_WO      0x90010000ull
#define GUEST_RO_SIZE 0x10000ull

#define GUEST_REGIONS (GUEST_PATCHES + 3)

struct guest {
	int files[2];
	uint8_t *va[2];
	size_t sizes[2];
	struct fk_region regions[GUEST_REGIONS];
	unsigned int nb_regions;
	struct mock_mem mem; /* for the mock driver */
};

/* Mirror: guest_fini(). Fails the test where memory is not to be had. */
void guest_init(struct guest *guest);
void guest_fini(struct guest *guest);

/* Map all of it for the device, in the place of another guest's. */
void guest_map(const struct guest *guest, struct fk_dev *dev);

/* The driver's view. */
void *guest_at(const struct guest *guest, uint64_t iova);
void guest_write(const struct guest *guest, uint64_t iova, const void *data, size_t len);
void guest_read(const struct guest *guest, uint64_t iova, void *data, size_t len);

#endif /* GUEST_H */
