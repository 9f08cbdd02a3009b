/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices on EAL's virtual bus that come and go while the program runs. */

#ifndef VDEV_H
#define VDEV_H

/* Return: 0, or -errno; a driver that fails has said why. */
int vdev_plug(const char *name, const char *devargs);

int vdev_unplug(const char *name);

#endif /* VDEV_H */
