/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_DEFERRED_H
#define VDUSE_DEFERRED_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/mapping.h"

/*
 * What cannot go yet: frames that were handed on without a copy still use it.
 * It waits here, also after its device is gone, and goes at one of the next
 * occasions after the last frame was freed.
 */

/** Who handed on pieces of a device's memory. */
struct vduse_hold {
	/**
	 * Bytes of pieces in [base, base + len) that are not freed yet.
	 *
	 * @param arg lives until the last piece was freed, whatever happens to the device
	 * @param copy where not NULL: copy each piece to the same offset in it
	 */
	size_t (*held)(void *arg, const void *base, size_t len, void *copy);
	void *arg;
};

/**
 * Take a mapping away from under pieces that are held: they are copied, and
 * the copy takes the place of the mapping at the same address, so that the
 * kernel's memory is not read from here on, and the pieces stay as they were.
 * Without memory for a copy the mapping waits as it is. Either way its loss is
 * told to nobody from here on. No burst runs.
 *
 * @return true: it is unmapped when the last piece was freed; false: nothing is
 *   held, and it is the caller's still
 */
bool vduse_deferred_unmap(const struct vduse_hold *hold, struct vduse_mapping *mapping);

/**
 * Free something when it is used no more; what was added first goes first.
 *
 * @return 0 or -ENOMEM, and then it is the caller's still
 */
int vduse_deferred_add(bool (*used)(void *arg), void (*release)(void *arg), void *arg);

/** Free what is used no more. Any thread, not in a burst. @return how many are left */
unsigned int vduse_deferred_reap(void);

#endif /* VDUSE_DEFERRED_H */
