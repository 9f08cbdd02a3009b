/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_MAIN_H
#define EMU_MAIN_H

/*
 * Serve the run folder `dir`, which must exist and be empty, until SIGINT, SIGTERM or SIGHUP; then
 * remove it. `conf`: words as of `vduse-emu set`, or NULL. `ready`: a descriptor that gets one
 * byte, and is closed, once calls are served, or -1. Return: 0, or -errno.
 */
int emu_broker(const char *dir, const char *conf, int ready);

#endif /* EMU_MAIN_H */
