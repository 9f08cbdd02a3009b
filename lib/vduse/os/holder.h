/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HOLDER_H
#define VDUSE_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Who has a file open, as far as this user may see (/proc): its id and name into
 * buf, as "process 12 (ovs-vswitchd)", or "a process". Any thread; slow.
 *
 * @return whether there is one that this user may see; not this process
 */
bool vduse_holder(const char *path, char *buf, size_t size);

#endif /* VDUSE_HOLDER_H */
