/* SPDX-License-Identifier: BSD-3-Clause */
/* One packet with its file descriptors, over a SOCK_SEQPACKET socket. */
#ifndef EMU_RPC_H
#define EMU_RPC_H

#include <stddef.h>

struct emu_fds {
	int fd[64];
	unsigned int count;
};

/*
 * Send `len` bytes with the descriptors of `fds` (NULL: none).
 * Return: 0, or -errno.
 */
int emu_send(int sock, const void *buf, size_t len, const struct emu_fds *fds);

/*
 * Receive one packet of at most `len` bytes. Descriptors land in `fds`, close-on-exec, and belong
 * to the caller; with `fds` NULL they are closed. Return: bytes, 0 when the peer has gone, or
 * -errno.
 */
int emu_recv(int sock, void *buf, size_t len, struct emu_fds *fds);

/* Connect to DIR/broker.sock. Return: a socket, or -errno. */
int emu_connect(const char *dir);

void emu_fds_close(struct emu_fds *fds);

#endif /* EMU_RPC_H */
