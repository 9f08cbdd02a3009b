/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the preloaded library and the broker say to each other: one SOCK_SEQPACKET connection per
 * call to DIR/broker.sock, one request, one answer, file descriptors beside both; and one page of
 * memory per device for the things a data path asks without a call.
 */
#ifndef EMU_WIRE_H
#define EMU_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#define EMU_SOCK     "broker.sock"
#define EMU_DATA_MAX 8192 /* bytes of payload in one request or answer */
#define EMU_FDS_MAX  64   /* file descriptors beside one request or answer */
#define EMU_WHY_MAX  160  /* bytes of the sentence that says why a call was refused */

enum emu_op {
	EMU_OPEN,   /* payload: the path; answer: id; beside it the fd and the shared page */
	EMU_SYNC,   /* a descriptor of file `file` was closed: finish its release if it was the last
		     */
	EMU_ADOPT,  /* arg: inode of a socket; answer: id, beside it the shared page */
	EMU_IOCTL,  /* cmd, payload: the argument; answer: result and the argument read back */
	EMU_WRITE,  /* payload: what write(2) was given on the device */
	EMU_MAP,    /* payload: struct emu_map_head and pieces, their files beside it */
	EMU_CALLFD, /* arg: queue; answer: beside it the eventfd the front end wants signalled */
	EMU_FAULT,  /* arg: enum emu_point; answer: error to give, or 0 */
	EMU_NETLINK, /* payload: generic netlink request; answer: the messages to read back */
	EMU_ADMIN,   /* payload: a command line; answer: text */
};

/* Where a fault can strike; the first two count every ioctl of that number. */
enum emu_point { EMU_AT_IOCTL, EMU_AT_OPEN, EMU_AT_READ, EMU_AT_WRITE, EMU_AT_MMAP, EMU_POINTS };

struct emu_req {
	uint32_t op;
	uint32_t file;
	uint64_t ino; /* of the file's socket: a number is used again, this is not */
	uint64_t cmd;
	uint64_t arg;
	uint32_t pid;
	uint32_t len;
	uint8_t data[EMU_DATA_MAX];
};

struct emu_rsp {
	int64_t ret; /* result of the call, or -errno */
	uint32_t kind;
	uint32_t len;
	char why[EMU_WHY_MAX];
	uint8_t data[EMU_DATA_MAX];
};

enum emu_kind {
	EMU_NONE,
	EMU_CONTROL, /* /dev/vduse/control */
	EMU_DEVICE,  /* /dev/vduse/NAME */
	EMU_VHOST,   /* /dev/vhost-vdpa-N */
	EMU_GENL,    /* a generic netlink socket */
	EMU_MEMORY,  /* what VDUSE_IOTLB_GET_FD gave */
};

/*
 * VHOST_IOTLB_UPDATE, translated by the library: the whole range, then the pieces of it that are
 * shared file mappings. A message may need several calls; `first` marks the one that checks.
 */
struct emu_map_head {
	uint64_t iova;
	uint64_t size;
	uint32_t asid;
	uint32_t perm;
	uint32_t count;
	uint8_t first;
	uint8_t last;
	uint8_t pad[2];
};

struct emu_map_piece {
	uint64_t iova;
	uint64_t size;
	uint64_t offset;
	uint32_t fd; /* index among the descriptors beside the request */
	uint32_t pad;
};

#define EMU_PIECES_MAX ((EMU_DATA_MAX - sizeof(struct emu_map_head)) / sizeof(struct emu_map_piece))

/* Written by the broker with its lock held, read by any thread of the back end. */
struct emu_shm_vq {
	_Atomic uint32_t ready;
	_Atomic uint32_t call_gen; /* odd while the front end has given an eventfd */
};

struct emu_shm {
	_Atomic uint32_t broken;
	_Atomic uint32_t status;
	_Atomic uint32_t armed;  /* bit 1 << enum emu_point: ask the broker before going on */
	_Atomic uint32_t shrink; /* bytes GET_FD takes off a region; only for the log */
	uint32_t vq_num;
	uint32_t pad;
	struct emu_shm_vq vq[];
};

#endif /* EMU_WIRE_H */
