/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HOLDER_H
#define VDUSE_HOLDER_H

#include <stddef.h>

/**
 * Who has a file open, as far as this user may see (/proc): its id and name into
 * buf, as "process 12 (ovs-vswitchd)", or "a process". Any thread; slow.
 */
void vduse_holder(const char *path, char *buf, size_t size);

#endif /* VDUSE_HOLDER_H */
