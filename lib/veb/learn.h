/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_LEARN_H
#define VEB_LEARN_H

/* Addresses that trusted members have beside their own. */

#include "priv.h"

/*
 * A container's frame from another address than its own. key: of the frame's VLAN.
 * Return: 0: it may pass; a verdict to drop it.
 */
uint16_t learn_source(const struct burst *b, uint64_t mac, uint64_t key);

/* Owner: what a member has learned, beyond `most` addresses or outside of its VLANs. */
void learn_forget(struct veb_member *member, uint16_t most);

#endif /* VEB_LEARN_H */
