/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The broker's own view: it is the kernel of the emulation. One thread per call, one lock for all
 * state (emu.lock), given up only while a message waits for its answer. What the kernel holds a
 * vhost device's mutex over is held here under dev->front_lock, always taken before emu.lock.
 */
#ifndef EMU_BROKER_H
#define EMU_BROKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/abi.h"
#include <linux/vhost.h>

#include "emu_rpc.h"
#include "emu_wire.h"

#define EMU_DEV_MAX       64
#define EMU_FILE_MAX      512
#define EMU_AS_MAX        64 /* address spaces of one device; the kernel allows 65535 */
#define EMU_FAULT_MAX     32
#define EMU_CONFIG_MAX    4096       /* the kernel's bound: one page */
#define EMU_API_NOT_ASKED UINT64_MAX /* no VDUSE_SET_API_VERSION yet */

/* Feature bits the broker looks at (virtio 1.2, sections 5.1.3 and 6). */
#define EMU_NET_F_CTRL_VQ (1ULL << 17)
#define EMU_F_VERSION_1   (1ULL << 32)
#define EMU_F_PLATFORM    (1ULL << 33)
#define EMU_F_RING_PACKED (1ULL << 34)
#define EMU_BLK_F_WCE     (1ULL << 11)
#define EMU_S_FEATURES_OK 8
#define EMU_S_DRIVER_OK   4

/* One IOVA region [start, last] backed by `fd` from `offset`. */
struct emu_region {
	uint64_t start;
	uint64_t last;
	uint64_t offset;
	uint32_t perm;
	int fd;
};

/* Sorted by start, no overlaps. */
struct emu_map {
	struct emu_region *region;
	unsigned int count;
	unsigned int room;
};

struct emu_vq {
	uint16_t num_max;
	uint32_t num;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	struct vduse_abi_pos_packed packed;
	uint16_t split;
	uint32_t group;
	bool ready;
	bool kicked;
	int kickfd;     /* the back end's, or -1 */
	int front_kick; /* the front end's, watched, or -1 */
	int call;       /* the front end's, or -1 */
	/* vhost's own copy of what the front end set */
	uint32_t base_avail;
	uint32_t base_used;
};

/* A request on its way. Lives on the stack of the thread that waits for it. */
struct emu_msg {
	struct vduse_abi_request req;
	struct vduse_abi_response rsp;
	bool sent;
	bool completed;
	struct emu_msg *next;
};

struct emu_dev {
	bool used;
	char name[VDUSE_ABI_NAME_MAX];
	uint64_t api;
	uint64_t vduse_features;
	uint64_t features;
	uint64_t driver_features;
	uint32_t device_id;
	uint32_t vendor_id;
	uint32_t vq_num;
	uint32_t vq_align;
	uint32_t ngroups;
	uint32_t nas;
	uint32_t config_size;
	uint32_t generation;
	uint8_t config[EMU_CONFIG_MAX];
	uint8_t status;
	bool broken;
	bool suspended;
	bool lost;
	struct emu_vq *vq;
	uint32_t *group_as;
	struct emu_map domain[EMU_AS_MAX]; /* what the back end is told */
	bool has_domain;
	struct emu_shm *shm;
	size_t shm_len;
	int shm_fd;
	int sock; /* broker's end of /dev/vduse/NAME, or -1 */
	uint32_t msg_unique;
	struct emu_msg *msgs; /* unanswered, oldest first */
	bool connected;
	int minor; /* of vhost-vdpa-N while attached, or -1 */
	pthread_cond_t cond;
	/* vhost-vdpa */
	pthread_mutex_t front_lock;
	bool front_open;
	bool has_owner;
	bool in_batch;
	uint32_t batch_asid;
	uint64_t backend_features;
	uint64_t acked_features;
	bool as_valid[EMU_AS_MAX];
	struct emu_map iotlb[EMU_AS_MAX]; /* what the front end has mapped */
	int config_call;
};

struct emu_file {
	bool used;
	bool releasing;
	unsigned int calls; /* vhost-vdpa: being served; the release comes after them */
	bool closed;        /* the library says its last descriptor is gone */
	enum emu_kind kind;
	struct emu_dev *dev;
	int sock;
	uint64_t ino;
	uint64_t serial; /* tells one use of the slot from the next */
	uint32_t pid;
	uint64_t api; /* control: version and features chosen on it */
	uint64_t vduse_features;
};

struct emu_fault {
	bool used;
	enum emu_point point;
	uint32_t nr;  /* ioctl number within its type, or UINT32_MAX: any */
	uint32_t nth; /* fires at the nth from now, 1 is the next */
	uint32_t times;
	uint32_t delay_ms;
	int err;
};

/* What `vduse-emu set` changes; a kernel's configuration, not one device's. */
struct emu_conf {
	bool ctrl_vq;      /* allow VIRTIO_NET_F_CTRL_VQ */
	uint64_t api;      /* newest VDUSE API version */
	uint64_t features; /* what VDUSE_GET_FEATURES offers; with 0 the ioctls do not exist */
	bool feature_ioctls;
	uint32_t regions; /* pieces of each IOTLB update; 0: one per mapping, as in the kernel */
	uint32_t region_size; /* bytes of a piece, 0: not used */
	uint32_t shrink;      /* bytes GET_FD takes off the end of each region */
	uint32_t msg_timeout; /* seconds */
	bool caps;            /* check CAP_NET_ADMIN of the creator */
	bool verbose;
};

struct emu {
	pthread_mutex_t lock;
	pthread_cond_t released; /* a file was */
	struct emu_conf conf;
	struct emu_dev dev[EMU_DEV_MAX];
	struct emu_file file[EMU_FILE_MAX];
	struct emu_fault fault[EMU_FAULT_MAX];
	const char *dir;
	int epoll;
};

extern struct emu emu;

/* One call being served: what came in and what goes out. */
struct emu_call {
	const struct emu_req *req;
	struct emu_fds *in;
	struct emu_rsp *rsp;
	struct emu_fds out;
	bool keep; /* descriptors of `out` stay open here after they were sent */
};

/* Say on stderr, and to the caller, which rule of the kernel refused a call. Return: -err. */
int emu_deny(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something the kernel lets pass, and that is wrong all the same. */
void emu_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void emu_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *emu_why(void);

/* emu_file.c: emu.lock held */
int file_open(struct emu_call *call);
int file_adopt(struct emu_call *call);
/* The file of a request, NULL: it is gone, and its number perhaps another one's. */
struct emu_file *file_get(const struct emu_req *req);
/* Begin the release of every file whose last descriptor is gone. */
void file_reap(void);
/* A descriptor of the file was closed: if it was the last, return when the release is done. */
void file_sync(const struct emu_req *req);

/* emu_ctl.c: emu.lock held */
int ctl_ioctl(struct emu_file *file, struct emu_call *call);
struct emu_dev *dev_find(const char *name);
struct emu_dev *dev_of_minor(int minor);

/* emu_dev.c: emu.lock held */
int dev_ioctl(struct emu_dev *dev, struct emu_call *call);
int dev_callfd(struct emu_dev *dev, struct emu_call *call);
void dev_kick(struct emu_dev *dev, uint32_t index);
void dev_reset(struct emu_dev *dev);
void dev_publish(struct emu_dev *dev);
void dev_config_irq(struct emu_dev *dev);
int fd_is_eventfd(int fd);

/* emu_msg.c: emu.lock held; msg_sync gives it up while it waits */
int msg_sync(struct emu_dev *dev, struct emu_msg *msg);
int msg_reply(struct emu_dev *dev, const void *buf, size_t len);
void msg_flush(struct emu_dev *dev);
void msg_requeue(struct emu_dev *dev);
void msg_break(struct emu_dev *dev);
int msg_status(struct emu_dev *dev, uint8_t status);
int msg_iotlb(struct emu_dev *dev, uint32_t asid, uint64_t start, uint64_t last);

/* emu_iotlb.c */
int map_insert(struct emu_map *map, const struct emu_region *region);
const struct emu_region *map_first(const struct emu_map *map, uint64_t start, uint64_t last);
void map_remove(struct emu_map *map, uint64_t start, uint64_t last);
void map_clear(struct emu_map *map);
int map_copy(struct emu_map *to, const struct emu_map *from);
/* front end's side: dev->front_lock and emu.lock held */
int iotlb_message(struct emu_dev *dev, struct emu_call *call);
int iotlb_update(struct emu_dev *dev, struct emu_call *call);
void iotlb_free(struct emu_dev *dev);

/* emu_vhost.c: front_lock taken inside, emu.lock held */
int vhost_open(struct emu_dev *dev);
void vhost_release(struct emu_dev *dev);
int vhost_ioctl(struct emu_dev *dev, struct emu_call *call);
int vhost_write(struct emu_dev *dev, struct emu_call *call);
int vhost_map(struct emu_dev *dev, struct emu_call *call);
void front_lock(struct emu_dev *dev);
void front_unlock(struct emu_dev *dev);

/* emu_vring.c: both locks held */
int vring_ioctl(struct emu_dev *dev, struct emu_call *call);

/* emu_bus.c: emu.lock held */
int bus_attach(const char *name);
int bus_detach(const char *name);
int bus_prepare(void);
void bus_add_device(const struct emu_dev *dev);
void bus_del_device(const struct emu_dev *dev);
uint32_t bus_msg_timeout(const struct emu_dev *dev);

/* emu_netlink.c: emu.lock held */
int netlink_request(struct emu_call *call);

/* emu_admin.c: emu.lock held */
int admin_command(char *line, char *out, size_t room);
int admin_fault(enum emu_point point, uint32_t nr);
int admin_conf(const char *words);

/* A detached thread. */
void emu_spawn(void *(*run)(void *), void *arg);

/* Watch an eventfd of a front end; `tag` names device and queue. */
int kick_watch(int fd, uint64_t tag);
void kick_forget(int *fd);

#endif /* EMU_BROKER_H */
