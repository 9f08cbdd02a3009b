/* SPDX-License-Identifier: BSD-3-Clause */

/* Open vSwitch as a data plane: its programs. */

#ifndef OVS_H
#define OVS_H

#include <stdint.h>

#include "cni.h"

/* Seconds that ovs-vsctl waits for ovs-vswitchd */
#define OVS_PATIENCE    "30"
#define VSCTL_WORDS_MAX 16

/**
 * Run a program to its end.
 *
 * @param said what it prints, to be freed; NULL: not wanted
 * @return 0, or -1 with the error, which has the last line of its standard error
 */
int program_run(struct cni *cni, char *const *argv, char **said);

/** The same of ovs-vsctl, with WORDS(...), at most VSCTL_WORDS_MAX. */
int vsctl(struct cni *cni, char **said, const char *const *words);
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The key of external_ids that has the attachment, as the daemon's name would be */
#define OVS_ATTACHMENT "dpdk-vduse-cni"

/* What it is called in Open vSwitch and in /dev/vduse: as long as an interface's name */
#define OVS_NAME_MAX 16

/* ovs_port.c */

/** What the port of an attachment is called, and its device. */
void ovs_name(const char *device, char name[OVS_NAME_MAX]);

/** The bridge that the configuration names. @return NULL with the error */
const char *ovs_bridge(struct cni *cni);

/** What is asked for, in the daemon's words, with a MAC address. @return NULL with the error */
json_t *ovs_parameters(struct cni *cni);

/**
 * Whether the attachment has its row.
 *
 * @param netns the namespace that it was made for, to be freed; NULL: not wanted
 * @return 0 or 1, or -1 with the error
 */
int ovs_port_there(struct cni *cni, const char *name, char **netns);

/** Make the port; its row is there first. @return 0, or -1 with the error */
int ovs_port_add(struct cni *cni, const char *name, const json_t *parameters);

/** Take its device away; its row stays. @return 0, or -1 with the error */
int ovs_port_close(struct cni *cni, const char *name);

/** Take its row away, behind ovs_port_close(). @return 0, or -1 with the error */
int ovs_port_del(struct cni *cni, const char *name);

#endif /* OVS_H */
