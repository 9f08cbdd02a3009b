/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports whose devices are pulled out while lcores forward, and plugged in again. Main lcore. */

#ifndef HOTPLUG_H
#define HOTPLUG_H

#include "wire.h"

/*
 * Those that are to go are let go, those that are there again are started; lcores stand still for
 * a moment then, and the other wires go on.
 * Return: 0, or -errno after saying why, and no lcore runs any more.
 */
int hotplug_look(
		struct fwd *fwd, struct wire *wires, unsigned int nb_wires, struct pool_set *pools);

#endif /* HOTPLUG_H */
