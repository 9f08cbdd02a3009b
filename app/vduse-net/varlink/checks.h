/* SPDX-License-Identifier: BSD-3-Clause */

/* Forms of values. Each returns NULL where the text has it, else what to give in its place. */

#ifndef CONTROL_CHECKS_H
#define CONTROL_CHECKS_H

const char *control_check_name(const char *text);      /* of a network */
const char *control_check_device(const char *text);    /* of a container: a file in /dev/vduse */
const char *control_check_port(const char *text);      /* of ethdev, or a PCI address */
const char *control_check_mac(const char *text);       /* unicast, not zero */
const char *control_check_vlans(const char *text);     /* 10 or 20-29 */
const char *control_check_lcores(const char *text);    /* 2 or 4-5 */
const char *control_check_prefix(const char *text);    /* an IP address, with or without /N */
const char *control_check_cidr(const char *text);      /* with /N */
const char *control_check_route(const char *text);     /* DST via GW, default via GW; metric N */
const char *control_check_path(const char *text);      /* absolute */
const char *control_check_interface(const char *text); /* as the kernel takes names */

#endif /* CONTROL_CHECKS_H */
