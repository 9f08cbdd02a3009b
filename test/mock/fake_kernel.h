/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/sys.h"

/*
 * Stands in for the kernel's vduse module inside of one process: a struct
 * vduse_sys with real file descriptors, and what the front end does to a
 * device. It keeps the rules of drivers/vdpa/vdpa_user/vduse_dev.c. Every
 * descriptor and mapping it gives out is in a ledger.
 *
 * All functions may be called from any thread.
 */

#define FK_DEVS_MAX 16
#define FK_VQS_MAX  260

/* What can be made to fail besides an ioctl, which goes by its request. */
enum fk_call {
	FK_OPEN_CONTROL = 1,
	FK_OPEN_DEVICE,
	FK_READ,
	FK_WRITE,
	FK_PAGE_SIZE,
	FK_MAP,
	FK_SET_ATTR,
};

/* What kernel it is; all zero: Linux 6.12 with CAP_NET_ADMIN. */
struct fk_conf {
	uint64_t api_newest;     /* VDUSE API version */
	uint64_t vduse_features; /* VDUSE_GET_FEATURES; 0: the ioctl is not known */
	bool allow_ctrl_vq;      /* VIRTIO_NET_F_CTRL_VQ is taken (no mainline kernel does) */
	bool no_module;
	bool no_permission;
	bool no_net;      /* before Linux 6.10 */
	bool no_umem;     /* before Linux 6.0 */
	uint64_t memlock; /* RLIMIT_MEMLOCK in bytes; 0: none */
};

/* What is open, mapped or there. */
struct fk_ledger {
	unsigned int fds;     /* given out and not closed */
	unsigned int maps;    /* mapped and not unmapped */
	unsigned int devices; /* created and not destroyed */
	unsigned int errors;  /* closed, unmapped or used what was not ours to */
	const char *error;    /* the last of these */
};

/* A piece of a file that the front end maps at an IOVA. */
struct fk_region {
	uint64_t iova;
	uint64_t size; /* bytes */
	int file;
	uint64_t offset; /* in the file */
	uint8_t perm;    /* VDUSE_ACCESS_* */
	uint32_t asid;   /* address space; 0 where there is one only */
	bool bounce; /* the virtio-vdpa case's, at 0: memory of the process's can take its place */
};

struct fk_dev;
struct fk_msg;

extern const struct vduse_sys fk_sys;

/* Start anew with a kernel like this, and make it the one in force. */
void fk_start(const struct fk_conf *conf);

/* Back to the real kernel; whatever is left is thrown away. */
void fk_end(void);

void fk_ledger(struct fk_ledger *ledger);

/* Calls of this kind fail with err (negative), after `skip` that go well, `times` times. */
void fk_fail(unsigned long call, unsigned int skip, unsigned int times, int err);

/* The n-th call of any kind from now on (0: the next) fails with err. */
void fk_fail_nth(unsigned int n, int err);

/* Failures by fk_fail() that are left to happen. */
unsigned int fk_fail_left(void);

/*
 * Milliseconds that a request waits for its answer, as msg_timeout, from the failure of fk_fail()
 * on: who gave the device up does not answer. 0, and before: until a test that hangs is ended.
 */
void fk_patience(unsigned int ms);

/* Whether the failure asked for has happened as often as asked for. Forgets it. */
bool fk_fail_done(void);

/* Wait for that: false after two minutes. */
bool fk_fail_wait(void);

/* A device by name, NULL: none. Valid until it is destroyed. */
struct fk_dev *fk_find(const char *name);

/* What the device's process told the kernel. */
uint64_t fk_offered(struct fk_dev *dev);
uint32_t fk_nb_vqs(struct fk_dev *dev);
uint16_t fk_vq_max(struct fk_dev *dev, uint32_t index);
bool fk_vq_has_kickfd(struct fk_dev *dev, uint32_t index);

/* Reads of the IOVA map with VDUSE_IOTLB_GET_FD, or with _GET_FD2. */
unsigned int fk_map_reads(struct fk_dev *dev, bool fd2);

/* What was last written to an attribute in sysfs, "" where nothing was; and how many writes. */
void fk_attr(struct fk_dev *dev, const char *attr, char *value, size_t size);
unsigned int fk_attr_writes(struct fk_dev *dev);

uint64_t fk_api_version(struct fk_dev *dev);
uint32_t fk_nb_spaces(struct fk_dev *dev);
uint32_t fk_vq_group(struct fk_dev *dev, uint32_t index);
void fk_config(struct fk_dev *dev, uint32_t offset, void *data, uint32_t len);
uint8_t fk_status(struct fk_dev *dev);
unsigned int fk_irqs(struct fk_dev *dev, uint32_t index);
unsigned int fk_config_irqs(struct fk_dev *dev);

/* On the bus or not: a device that is cannot be destroyed. */
void fk_attach(struct fk_dev *dev, bool attached);

/* IOVA map. The process learns of it with fk_update_iotlb() only. */
void fk_map(struct fk_dev *dev, const struct fk_region *region);
void fk_unmap(struct fk_dev *dev, uint64_t iova);
void fk_unmap_all(struct fk_dev *dev);
/* Every region of the space that overlaps [start, last]. */
void fk_unmap_range(struct fk_dev *dev, uint32_t asid, uint64_t start, uint64_t last);

/*
 * What the process registered as the bounce region, NULL: nothing; and how
 * often it did, and took it back. From then on no mapping of the region's
 * file can be touched.
 */
void *fk_umem(struct fk_dev *dev);
void fk_umem_calls(struct fk_dev *dev, unsigned int *regs, unsigned int *deregs);

/* What the driver does to its buffers in the bounce region, wherever that is. */
void fk_bounce_write(struct fk_dev *dev, uint64_t iova, const void *data, size_t len);
void fk_bounce_read(struct fk_dev *dev, uint64_t iova, void *data, size_t len);

/* The front end. What asks the process returns 0, or -EIO for a failed request. */
void fk_set_features(struct fk_dev *dev, uint64_t features);
void fk_set_vq(struct fk_dev *dev, const struct vduse_abi_vq *info);
int fk_set_ready(struct fk_dev *dev, uint32_t index, bool ready);
int fk_set_status(struct fk_dev *dev, uint8_t status);
int fk_reset(struct fk_dev *dev);
/* Address space 0; fk_update_space() any. */
int fk_update_iotlb(struct fk_dev *dev, uint64_t start, uint64_t last);
int fk_update_space(struct fk_dev *dev, uint32_t asid, uint64_t start, uint64_t last);
int fk_set_group_asid(struct fk_dev *dev, uint32_t group, uint32_t asid);
int fk_get_vq_state(struct fk_dev *dev, uint32_t index, struct vduse_abi_vq_state *state);
int fk_suspend(struct fk_dev *dev);
void fk_kick(struct fk_dev *dev, uint32_t index);

/* Whether the process has read the kicks that there were. */
bool fk_kick_is_taken(struct fk_dev *dev, uint32_t index);

/* The device is broken, as after a request without an answer. */
void fk_break(struct fk_dev *dev);

/* Requests by hand. `len` shorter than the request makes a short read of it. */
struct fk_msg *fk_msg_send(struct fk_dev *dev, const struct vduse_abi_request *req, size_t len);

/* Wait for the answer and free the message: 0, or -ETIMEDOUT after 60 s without one. */
int fk_msg_wait(struct fk_msg *msg, struct vduse_abi_response *resp);

/* Give up waiting, as a killed front end does; the message is freed by fk_end(). */
void fk_msg_cancel(struct fk_msg *msg);

/* Wait until the process has read the message and tried to answer it. */
bool fk_msg_tried(struct fk_msg *msg);

/* Whether it has. */
bool fk_msg_is_tried(const struct fk_msg *msg);

#endif /* FAKE_KERNEL_H */
