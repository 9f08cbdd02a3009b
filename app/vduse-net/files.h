/* SPDX-License-Identifier: BSD-3-Clause */

/* The files that are left once the process runs (Landlock, landlock(7)), root's too. */

#ifndef FILES_H
#define FILES_H

#include "args.h"

/*
 * The rules for what the wires still open, until their end: for priv_drop(). After EAL has started.
 * interfaces: the ports that are interfaces of this host too (/dev/net/tun).
 * Return: their descriptor, -EOPNOTSUPP where the kernel has no Landlock, or -errno.
 */
int files_rules(const struct args *args, bool interfaces);

#endif /* FILES_H */
