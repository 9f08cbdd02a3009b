/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OWNER_H
#define OWNER_H

#include "rig.h"

/*
 * A device of any type with one virtqueue, of whoever created it, on the fake kernel: its
 * memory, and a mock driver at its queue.
 */
struct owner {
	struct guest guest;
	struct fk_dev *dev;
	struct mock_vq vq;
	uint64_t features; /* that the driver takes */
	bool packed, event_idx;
};

/* The driver comes, up to DRIVER_OK, and takes these features and the variant's. */
void owner_up(struct owner *o, const char *name, const struct rig_variant *variant,
		uint64_t features);

/* The same up to DRIVER: the features are set. */
void owner_begin(struct owner *o, const char *name, const struct rig_variant *variant,
		uint64_t features);

/* The driver resets the device, which is to be destroyed then, and is gone. */
void owner_down(struct owner *o);

/* The driver makes a chain available: by a table where the variant has that, which is at its place.
 */
void owner_add(struct owner *o, const struct mock_desc *descs, uint16_t n, uint16_t place);

/* It collects one that was given back, with so many bytes written. */
void owner_got(struct owner *o, uint32_t len);

/* Nothing was given back that it has not collected. */
void owner_got_none(struct owner *o);

#endif /* OWNER_H */
