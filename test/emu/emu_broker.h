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
#include "rules.h"

#define EMU_DEV_MAX   1100
#define EMU_FILE_MAX  2304 /* both ends of each device, and some */
#define EMU_AS_MAX    64   /* address spaces of one device; the kernel allows 65535 */
#define EMU_FAULT_MAX 32

/* What a queue has besides what the rules know. */
struct emu_vq {
	int front_kick; /* the front end's, watched, or -1 */
	int call;       /* the front end's, or -1 */
	/* vhost's own copy of what the front end set */
	uint32_t base_avail;
	uint32_t base_used;
};

struct emu_dev {
	struct kernel_dev k;
	bool used;
	bool suspended;
	bool lost;
	struct emu_vq *vq;
	uint32_t *group_as;
	struct emu_shm *shm;
	size_t shm_len;
	int shm_fd;
	int sock; /* broker's end of /dev/vduse/NAME, or -1 */
	bool connected;
	int minor;      /* of vhost-vdpa-N while attached, or -1 */
	bool has_netif; /* while attached: an interface, and no vhost-vdpa-N */
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
	struct kernel_map iotlb[EMU_AS_MAX]; /* what the front end has mapped */
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
	struct kernel_control control;
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
	struct kernel_conf kernel;
	uint32_t regions; /* pieces of each IOTLB update; 0: one per mapping, as in the kernel */
	uint32_t region_size; /* bytes of a piece, 0: not used */
	uint32_t shrink;      /* bytes GET_FD takes off the end of each region */
	uint32_t msg_timeout; /* seconds */
	bool interfaces;      /* attached devices have one, as of virtio_net */
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
extern const struct kernel_ops emu_ops;
int dev_ioctl(struct emu_dev *dev, struct emu_call *call);
int dev_callfd(struct emu_dev *dev, struct emu_call *call);
void dev_kick(struct emu_dev *dev, uint32_t index);
void dev_reset(struct emu_dev *dev);
void dev_publish(struct emu_dev *dev);
void dev_signal(int fd);
/* The eventfd beside a call (`fd` as its caller names it): 0, -EBADF or -EINVAL. */
int call_eventfd(const struct emu_call *call, int fd);

/* emu_msg.c: emu.lock held; msg_sync gives it up while it waits */
int msg_sync(struct emu_dev *dev, struct kernel_msg *msg);
int msg_reply(struct emu_dev *dev, const void *buf, size_t len);
void msg_flush(struct emu_dev *dev);
void msg_break(struct emu_dev *dev);
int msg_status(struct emu_dev *dev, uint8_t status);
int msg_iotlb(struct emu_dev *dev, uint32_t asid, uint64_t start, uint64_t last);

/* emu_iotlb.c */
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

/* emu_netif.c: the interface of a device that has one, while it is attached */
int netif_add(const struct emu_dev *dev);
void netif_del(const struct emu_dev *dev);
void netif_name(const struct emu_dev *dev, char name[16]);

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
