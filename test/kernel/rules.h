/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KERNEL_RULES_H
#define KERNEL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "os/abi.h"

/*
 * What the kernel's vduse module allows: which ioctl in which state gives which errno, limits,
 * requests and their answers, the map of IOVAs. The fake kernel of the unit tests and the emulator
 * are made of it. It follows drivers/vdpa/vdpa_user/vduse_dev.c of mainline, which its comments
 * name, with API 0 as released kernels up to 6.12 have it, and with API 1.
 *
 * Nothing in it waits, looks at a clock or takes a lock: the caller has one for each device.
 */

/* virtio 1.2, 2.1 */
#define KERNEL_S_DRIVER_OK   4
#define KERNEL_S_FEATURES_OK 8

struct kernel_dev;
struct kernel_region;

/* What the rules leave to whoever plays the kernel. */
struct kernel_ops {
	/* Which rule refused a call. Returns -err. */
	int (*deny)(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
	/* The file of a region is given to the process: a descriptor or 0, or -errno. */
	int (*give)(struct kernel_dev *dev, void *ctx, const struct kernel_region *region);
	/* Signal the eventfd of the driver's for a ready queue; false: there is none. */
	bool (*signal)(struct kernel_dev *dev, uint32_t index);
	/* Call the driver: for a queue, or UINT32_MAX: for the configuration. */
	void (*call)(struct kernel_dev *dev, uint32_t index);
	/* Memory of the process's in the place of the bounce region; NULL: no more. */
	int (*umem)(struct kernel_dev *dev, const struct vduse_abi_umem *umem);
};

/* What kernel it is. All zero but the operations: Linux 6.12. */
struct kernel_conf {
	const struct kernel_ops *ops;
	uint64_t api_newest;     /* VDUSE API version */
	bool feature_ioctls;     /* from Linux 7.3 on: VDUSE_GET_FEATURES, VDUSE_SET_FEATURES */
	uint64_t vduse_features; /* that they offer */
	bool allow_ctrl_vq;      /* VIRTIO_NET_F_CTRL_VQ is taken (no mainline kernel does) */
	bool no_net;             /* before Linux 6.10 */
	bool no_umem;            /* before Linux 6.0 */
};

/* An open /dev/vduse/control. */
struct kernel_control {
	uint64_t api; /* UINT64_MAX: nobody has asked */
	uint64_t features;
};

void kernel_control_open(struct kernel_control *control);

/* VDUSE_{GET,SET}_API_VERSION and _FEATURES; -EINVAL for all that is not known. */
int kernel_control_ioctl(const struct kernel_conf *conf, struct kernel_control *control,
		unsigned long request, uint64_t *value);

/* VDUSE_CREATE_DEV: the device can be made: 0 or -EINVAL. */
int kernel_create(const struct kernel_conf *conf, struct kernel_control *control,
		const struct vduse_abi_create *config);

/* Such a device is for those with CAP_NET_ADMIN only (EPERM). */
bool kernel_needs_admin(const struct vduse_abi_create *config);

/* A piece of a file at IOVA [start, last]. */
struct kernel_region {
	uint64_t start, last;
	uint64_t offset; /* in the file */
	uint32_t perm;   /* VDUSE_ABI_RO, _WO or _RW */
	int fd;
	bool bounce; /* memory of the process's can take its place */
};

static inline uint64_t
kernel_region_size(const struct kernel_region *region)
{
	return region->last - region->start + 1;
}

/* Sorted, without overlaps. All zero: empty. */
struct kernel_map {
	struct kernel_region *region;
	unsigned int count, room;
	bool owns; /* the descriptors are duplicates, which go with their regions */
};

/* Add a region: 0, -EEXIST where it overlaps another one, or -errno. */
int kernel_map_insert(struct kernel_map *map, const struct kernel_region *region);

/* The first region that overlaps [start, last], NULL: none. */
const struct kernel_region *kernel_map_first(
		const struct kernel_map *map, uint64_t start, uint64_t last);

/* Every region that overlaps goes, whole. */
void kernel_map_remove(struct kernel_map *map, uint64_t start, uint64_t last);
void kernel_map_clear(struct kernel_map *map);

/* The same regions: 0, or -errno and none. */
int kernel_map_copy(struct kernel_map *to, const struct kernel_map *from);

struct kernel_vq {
	uint16_t num_max;
	uint32_t group;
	struct vduse_abi_vq info; /* as the driver set it up */
	bool kicked;
	int kickfd; /* our duplicate; -1: none */
};

enum kernel_msg_state {
	KERNEL_MSG_QUEUED, /* not read */
	KERNEL_MSG_READ,   /* read and not answered */
	KERNEL_MSG_DONE,   /* answered, or nobody waits any more */
};

/* A request, in the list of its device until it is done. */
struct kernel_msg {
	TAILQ_ENTRY(kernel_msg) next;
	struct vduse_abi_request req;
	struct vduse_abi_response rsp;
	enum kernel_msg_state state;
};

TAILQ_HEAD(kernel_msgs, kernel_msg);

struct kernel_dev {
	const struct kernel_conf *conf;
	char name[VDUSE_ABI_NAME_MAX];
	uint64_t api;
	uint64_t vduse_features;
	uint64_t features; /* offered */
	uint64_t driver_features;
	uint32_t device_id, vendor_id;
	uint32_t vq_num, vq_align;
	uint32_t ngroups, nas;
	uint32_t config_size;
	uint32_t generation;
	uint8_t *config;
	uint8_t status;
	bool broken;
	bool has_domain; /* was on the bus at least once */
	struct kernel_vq *vqs;
	struct kernel_map *maps;    /* what the process is told, by address space */
	struct vduse_abi_umem umem; /* size 0: none */
	uint32_t next_request;
	struct kernel_msgs msgs;
};

/* A device as created: 0 or -ENOMEM. Mirror: kernel_dev_fini(). */
int kernel_dev_init(struct kernel_dev *dev, const struct kernel_conf *conf,
		const struct kernel_control *control, const struct vduse_abi_create *config);

/* All requests have failed. */
void kernel_dev_fini(struct kernel_dev *dev);

/* vduse_dev_reset() */
void kernel_dev_reset(struct kernel_dev *dev);

/*
 * vduse_dev_ioctl(). `fd` is the descriptor that the argument names, as it is in this process, -1:
 * none is open there. `ctx` is for the operation `give`.
 */
int kernel_dev_ioctl(struct kernel_dev *dev, unsigned long request, void *arg, int fd, void *ctx);

/* The bounce region, NULL: no driver in the kernel has mapped anything. */
const struct kernel_region *kernel_bounce(const struct kernel_dev *dev, uint32_t asid);

/* Bytes [offset, offset + len) are of the configuration space: 0 or -EINVAL. */
int kernel_config_range(const struct kernel_dev *dev, uint32_t offset, uint32_t len);

/* vduse_vq_kick(): 0, or -errno of the eventfd. */
int kernel_vq_kick(struct kernel_vq *vq);

/* eventfd_ctx_fdget(): 0; -EBADF: `fd` is not open; -EINVAL: it is no eventfd. */
int kernel_is_eventfd(int fd);

/* A request joins the device's list; of a broken device it has failed at once. */
void kernel_msg_send(struct kernel_dev *dev, struct kernel_msg *msg);

/* Nobody waits for the answer any more; it would be -ENOENT. */
void kernel_msg_drop(struct kernel_dev *dev, struct kernel_msg *msg);

/* vduse_dev_write_iter(): the bytes taken, or -errno. */
int kernel_msg_reply(struct kernel_dev *dev, const void *buf, size_t len);

/* vduse_dev_release(): what was read and not answered waits for whoever opens the device next. */
void kernel_msg_requeue(struct kernel_dev *dev);

/* vduse_dev_broken(): all requests have failed, and every ioctl is -EPERM. */
void kernel_dev_break(struct kernel_dev *dev);

#endif /* KERNEL_RULES_H */
