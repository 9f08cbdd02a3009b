/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NODE_WORDS_H
#define NODE_WORDS_H

/* A container's rules in words. */

#include "node.h"

#define NODE_LINKS       3
#define NODE_VLANS_SIZE  16 /* of a text, as "20-29" */
#define NODE_PREFIX_SIZE 64

/* The words of enum veb_link. */
extern const char *const node_links[NODE_LINKS];

/* The range of VLANs from *id on, which becomes the first behind it. Return: false: none. */
bool node_vlans_next(const struct veb_vlans *vlans, unsigned int *id, char text[NODE_VLANS_SIZE]);

/* The same of the lcores that a network has for itself; and all of them: "2,4-5", or "none". */
bool node_lcores_next(const struct node_network_conf *conf, unsigned int *lcore,
		char text[NODE_VLANS_SIZE]);
void node_lcores_text(const struct node_network_conf *conf, char *text, size_t len);

void node_prefix_text(const struct veb_prefix *prefix, char text[NODE_PREFIX_SIZE]);

/*
 * Each word in which they differ, with both values: "vlan 100, not 7; trust off, not on". What is
 * not asked for, a MAC address that is zero, does not differ.
 *
 * Return: the first word; NULL: there is none
 */
const char *node_differs(const struct node_container_conf *is,
		const struct node_container_conf *asked, char *text, size_t len);

#endif /* NODE_WORDS_H */
