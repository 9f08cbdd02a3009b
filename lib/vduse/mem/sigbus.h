/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_SIGBUS_H
#define VDUSE_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Memory that somebody else can take away. A front end may cut the file behind
 * a region short, punch a hole that no huge page is left to fill, or own a page
 * that the hardware gives up; the kernel's own bounce region has pages only
 * where its driver mapped a buffer. Touching such a page is SIGBUS, in the
 * middle of a burst, and would end the process with all of its devices.
 *
 * A signal handler puts zeroes of our own in the place of a range that is
 * registered here, and says so; the access goes on. Any other SIGBUS goes to the
 * handler that was there before, or ends the process as ever.
 *
 * The handler is installed when the library is loaded and stays. While EAL
 * grows its heap, EAL installs one of its own, and puts back what it found: so
 * ours has to be there before the first time. Whoever else replaced it is found
 * by the next vduse_sigbus_add(), which goes in front and hands on to what it
 * found.
 */

/** A mapping of somebody else's memory. Owned by the caller, who may not move it. */
struct vduse_sigbus_range {
	LIST_ENTRY(vduse_sigbus_range) next;
	void *base;    /**< as mapped: whole pages */
	size_t len;    /**< bytes */
	int prot;      /**< PROT_READ, PROT_WRITE */
	bool *lost;    /**< set, atomically, when the memory was replaced; NULL: nobody asks */
	int fd;        /**< eventfd that is written then; negative: none */
	bool replaced; /**< memory of our own is there; mem/sigbus.c */
};

/** Register a range that is mapped. Any thread. @return 0 or -errno of sigaction(2) */
int vduse_sigbus_add(struct vduse_sigbus_range *range);

/**
 * Mirror: when nobody uses the range any more, right before it is unmapped.
 * Only mem/mapping.c does both. Any thread.
 */
void vduse_sigbus_del(struct vduse_sigbus_range *range);

/** Tell nobody of a loss from here on: who asked may go. Any thread. */
void vduse_sigbus_mute(struct vduse_sigbus_range *range);

/**
 * Move memory of our own, of the range's length, to its place, while others may
 * read the range and lose it at this moment. Any thread.
 *
 * @return 0 or -errno of mremap(2), and then nothing is changed
 */
int vduse_sigbus_replace(struct vduse_sigbus_range *range, void *memory);

#endif /* VDUSE_SIGBUS_H */
