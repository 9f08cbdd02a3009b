/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The device of an ethdev port that can be pulled out and plugged in again, as a hypervisor's
 * device_del and device_add do it, or who unbinds it from vfio-pci: it is gone when EAL has let
 * go of it, and until then they wait. Main lcore only.
 */

#ifndef PLUG_H
#define PLUG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#define PLUG_DEVARGS_MAX 512

struct plug {
	char port[RTE_ETH_NAME_MAX_LEN]; /* name of the port */
	char bus[16];
	char device[RTE_DEV_NAME_MAX_LEN]; /* name on the bus */
	char devargs[PLUG_DEVARGS_MAX];    /* as EAL probes it */
	char driver[64];  /* the kernel's that it had; "": none, or it cannot come back */
	uint64_t binding; /* to that: another one has another number */
	bool out;
	unsigned int tries; /* that have failed since it came back */
	unsigned int skip;  /* looks until the next */
};

/* What it takes to have the device of a port back. While the port is there. */
void plug_note(struct plug *plug, uint16_t port);

/*
 * Have EAL let go of the device. Its port is closed.
 * Return: 0, or -errno after saying why; then it can be tried again.
 */
int plug_pull(struct plug *plug);

/*
 * Whether a device that is out is at its place again, bound anew to the kernel's driver that it
 * had. After a plug_in() that has failed it is so less and less often.
 */
bool plug_is_back(struct plug *plug);

/*
 * Have EAL take the device. *port is its port, not configured.
 * Return: 0, or -errno after saying why; then it is still out.
 */
int plug_in(struct plug *plug, uint16_t *port);

#endif /* PLUG_H */
