/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The preloaded library. It keeps no state of a device: a table says which descriptors are devices,
 * every call on one goes to the broker. Without VDUSE_EMU_DIR in the environment it does nothing.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "emu_rpc.h"
#include "emu_wire.h"

#define EMU_FD_TABLE 65536

/* The eventfd behind one queue's interrupt, as the broker gave it last. */
struct call_cache {
	pthread_mutex_t lock;
	uint32_t gen;
	int fd;
};

struct emu_fd {
	enum emu_kind kind;
	uint32_t file;
	uint64_t ino;
	uint32_t regions; /* vhost-vdpa: pieces of an IOTLB update */
	struct emu_shm *shm;
	size_t shm_len;
	struct call_cache *call;
};

/* The functions this library stands in front of. */
struct real {
	int (*open)(const char *, int, ...);
	int (*openat)(int, const char *, int, ...);
	int (*close)(int);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
	int (*ioctl)(int, unsigned long, ...);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	FILE *(*fopen)(const char *, const char *);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	int (*socket)(int, int, int);
};

extern struct real real;

/* The run folder, or NULL: the library stays out of the way. */
const char *emu_dir(void);

/* Return: result of the call, or -errno; `got` (may be NULL) takes descriptors. */
int64_t emu_call(struct emu_req *req, const struct emu_fds *fds, struct emu_rsp *rsp,
		struct emu_fds *got);

/* Result of a call as the C library gives it: -1 and errno. */
int64_t emu_result(int64_t ret);

/* The device behind a descriptor, or NULL. */
struct emu_fd *fd_find(int fd);
/* Open a path on the broker and enter the descriptor in the table. Return: it, or -errno. */
int fd_open(const char *path, int flags);
int fd_remember(int fd, enum emu_kind kind, const struct emu_fd *like);
void fd_forget(int fd);
bool fault_armed(const struct emu_fd *dev, enum emu_point point);
int64_t fault_ask(enum emu_point point);

/* preload_ioctl.c */
int64_t ioctl_call(struct emu_fd *dev, unsigned long cmd, void *arg);

/* preload_mem.c: write(2) on a vhost-vdpa device. Return: bytes, or -errno. */
int64_t vhost_write(struct emu_fd *dev, const void *buf, size_t len);

/* preload_path.c */
bool path_is_device(const char *path);
/* The same path below the run folder if it is one that is stood in for. */
const char *path_redirect(const char *path, char *room);

#endif /* PRELOAD_H */
