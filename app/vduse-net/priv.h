/* SPDX-License-Identifier: BSD-3-Clause */

/* What the process may do to the rest of the machine, given up once it runs. */

#ifndef PRIV_H
#define PRIV_H

#include <stdbool.h>
#include <stdint.h>

/* CAP_NET_ADMIN as a bit: to take a device off the vDPA bus, and to create one again. */
uint64_t priv_net_admin(void);

/* CAP_SYS_ADMIN as a bit: to enter network namespaces. */
uint64_t priv_sys_admin(void);

/*
 * On every thread there is, whoever made it: keep of the capabilities those in
 * the mask `keep`, empty the bounding, inheritable and ambient sets as far as
 * allowed, set no_new_privs, and leave it the files of the rules `files` (files_rules();
 * negative: all). Threads made later inherit it. Main lcore.
 * Return: 0 or -errno; -ETIMEDOUT: a thread did not take the signal that this is done with.
 */
int priv_drop(uint64_t keep, int files);

/*
 * Whether EAL may keep its files and sockets where it would put them: a user
 * without a folder of its own gets /tmp/dpdk, which anybody can have made before.
 * argv: of EAL. Return: 0, or -EPERM after saying what to do.
 */
int priv_check_runtime(int argc, char *const argv[]);

#endif /* PRIV_H */
