/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices on EAL's virtual bus that come and go while the program runs. */

#ifndef VDEV_H
#define VDEV_H

/*
 * EAL_DEV_MP_DEV_ARGS_MAX_LEN: what EAL tells secondary processes of a device, "BUS:NAME,DEVARGS",
 * with its end. From DPDK 24.11 on it plugs in none of which more would have to be told.
 */
#define VDEV_TOLD_MAX 128

/* Return: 0, or -errno; a driver that fails has said why. */
int vdev_plug(const char *name, const char *devargs);

int vdev_unplug(const char *name);

#endif /* VDEV_H */
