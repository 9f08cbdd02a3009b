/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPEN_FILES_H
#define OPEN_FILES_H

/* Open descriptors of the process, for programs with DPDK and without. */
unsigned int unit_count_fds(void);

#endif /* OPEN_FILES_H */
