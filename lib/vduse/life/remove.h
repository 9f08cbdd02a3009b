/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_REMOVE_H
#define VDUSE_REMOVE_H

#include "os/sys.h"

/**
 * Take a device off the bus that no owner serves: what its driver asks as it
 * leaves is answered with yes. Not on the control thread.
 *
 * @param fd /dev/vduse/NAME, which nobody else waits for
 * @return 0 or -errno, as vduse_bus_detach()
 */
int vduse_remove_detach(const struct vduse_sys *sys, int fd, const char *name);

#endif /* VDUSE_REMOVE_H */
