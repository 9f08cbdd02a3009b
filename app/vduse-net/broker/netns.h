/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_NETNS_H
#define BROKER_NETNS_H

/*
 * A network namespace that came as a descriptor: which one it is, so that it is found again where
 * the descriptor is closed, as an open one would keep the namespace of a container that is gone.
 */

#include <stdbool.h>
#include <stdint.h>

/* All zero: none. */
struct netns_id {
	uint64_t device, inode; /* of its file; the number is another's once it is gone */
	uint64_t cookie; /* the kernel's, never given again (SO_NETNS_COOKIE); 0: it has none */
	char boot[40];   /* since which start of the machine */
};

/** @param fd a network namespace. @return 0 or -errno */
int netns_identify(int fd, struct netns_id *id);

bool netns_is_same(const struct netns_id *a, const struct netns_id *b);

/**
 * Look for it: at a path, where namespaces are mounted, at those of processes.
 *
 * @param path where it may be; "": unknown
 * @return descriptor, or -ESTALE: it is nowhere
 */
int netns_find(const struct netns_id *id, const char *path);

#endif /* BROKER_NETNS_H */
