/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_H
#define RTE_VDUSE_H

/**
 * @file
 * VDUSE devices: vDPA devices whose virtqueues are served in user space
 * (Linux, Documentation/userspace-api/vduse.rst).
 *
 * This header is about the device and its life, whatever its virtio type;
 * rte_vduse_vq.h has the virtqueues of a device type of one's own, and
 * rte_vduse_net.h the network device.
 *
 * A device is created in /dev/vduse, then attached to the vDPA bus, where a
 * bus driver makes a virtio device (virtio_vdpa) or a character device for a
 * virtual machine or another process (vhost_vdpa) of it. One control thread
 * for the process answers what the kernel asks; the functions here may be
 * called from any thread but that one and never from one that polls a queue.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest device name, without the terminating zero (VDUSE_NAME_MAX, and a path component). */
#define RTE_VDUSE_NAME_MAX 255

/** Regions of a driver's memory that a device takes by itself; as many as Linux's vhost. */
#define RTE_VDUSE_MAX_REGIONS 2048
/**
 * Bytes of address space that a device takes for its driver's memory by itself:
 * 2 TiB. A process of Debian's DPDK has 32 ports at most (RTE_MAX_ETHPORTS), and
 * all of them together then leave half of the 47 bits that there are.
 */
#define RTE_VDUSE_MAX_MEMORY (UINT64_C(2) << 40)

/** A VDUSE device. */
struct rte_vduse_dev;

/** Bus driver that a device is attached with. */
enum rte_vduse_attach {
	RTE_VDUSE_ATTACH_NONE,   /**< not attached by us: somebody runs `vdpa dev add` */
	RTE_VDUSE_ATTACH_VIRTIO, /**< virtio_vdpa: a virtio device of this host's kernel */
	RTE_VDUSE_ATTACH_VHOST,  /**< vhost_vdpa: /dev/vhost-vdpa-N */
};

/**
 * What the owner of a device is told. All are called on the control thread
 * and must not block; the driver waits for their return. NULL: the owner need
 * not know, and agrees.
 *
 * None is called before the owner said that it is ready, rte_vduse_dev_ready(),
 * but for can_resume and held. None is called once rte_vduse_dev_destroy() has
 * returned, but for held; while that runs, stop and queue are called on its
 * thread.
 */
struct rte_vduse_ops {
	/**
	 * The driver wants FEATURES_OK for this choice, a subset of what was
	 * offered with VIRTIO_F_VERSION_1 and VIRTIO_F_ACCESS_PLATFORM in it.
	 *
	 * @return 0, or a negative errno to refuse: the driver does not see
	 *   FEATURES_OK then (virtio 1.2, 3.1.1).
	 */
	int (*check_features)(void *priv, uint64_t features);
	/** DRIVER_OK: bursts may begin once this returns 0. */
	int (*start)(void *priv, uint64_t features);
	/** The driver reset the device, or it failed: no burst runs any more. */
	void (*stop)(void *priv);
	/**
	 * The driver has reset the device, or the kernel gave it up: what a driver has
	 * read of the configuration holds no more, and what is written now is what the
	 * next one reads. After `stop`. NULL: nobody is told.
	 */
	void (*reset)(void *priv);
	/** Queue `index` began (true) or ceased (false) to be served. */
	void (*queue)(void *priv, uint16_t index, bool enabled);
	/**
	 * The driver kicked a queue of the control thread's own, or it may have
	 * before the queue was ready. For queues from first_control_queue on.
	 */
	void (*kick)(void *priv, uint16_t index);
	/**
	 * The driver is about to be told the queue's position: every buffer that
	 * was taken has to be given back first. No burst of the queue runs, or
	 * begins before the driver has been told. NULL: it always is.
	 *
	 * @return 0; -errno: not all can be given back, and the driver is told that
	 *   the position is not known
	 */
	int (*settle)(void *priv, uint16_t index);
	/**
	 * Bytes of frames in [base, base + len) of the driver's memory that were
	 * handed on without a copy and are not freed yet; copy not NULL: copy
	 * each to the same offset in it. Any thread, no burst runs. May be called
	 * until the last of them was freed, also after the device is gone. NULL:
	 * frames are copied.
	 *
	 * @param hold of the configuration
	 */
	size_t (*held)(void *hold, const void *base, size_t len, void *copy);
	/**
	 * Another process has taken the device over: no frame comes from it any
	 * more, and none goes to it. It is to be destroyed, soon and from another
	 * thread; its driver notices nothing of that. NULL: nobody is told.
	 */
	void (*successor)(void *priv);
	/**
	 * Whether a device with these queues, by its state file, can be gone on
	 * with. In rte_vduse_dev_create(); NULL: any can.
	 */
	bool (*can_resume)(uint16_t nb_queues, uint16_t first_control_queue);
	/**
	 * Whether a device that somebody else made, and that no state file is of, can
	 * be served: the kernel does not tell its configuration (VDUSE has no ioctl for
	 * that), so that its owner has to know all of it. In rte_vduse_dev_create(),
	 * before anything of the device is changed; NULL: any can.
	 *
	 * @return 0; -errno, with a line of log that names cause and cure
	 */
	int (*can_adopt)(void *priv, const char *name);
};

/** Attributes in /sys/class/vduse/NAME; rte_vduse_conf_init() leaves each to the kernel. */
struct rte_vduse_tuning {
	/**
	 * Seconds the kernel waits for an answer before it gives the device up; 0: for ever;
	 * -1: the kernel's own choice.
	 */
	int32_t msg_timeout;
	/**
	 * Bytes of the bounce region of the virtio-vdpa case, 1 MiB to 1 GiB (from Linux 6.4 on);
	 * 0: the kernel's own choice.
	 */
	uint32_t bounce_size;
	/** CPUs where interrupt callbacks run, a mask as in sysfs, "ff" or "3,ffffffff"; NULL: any.
	 */
	const char *irq_affinity;
};

/** What the running kernel's VDUSE can do. */
struct rte_vduse_caps {
	uint64_t api_version;    /**< newest that it takes */
	uint64_t vduse_features; /**< VDUSE_F_* bits, from Linux 7.3 on */
	bool device_type;        /**< takes devices of the type asked for */
	bool features;           /**< and with the features asked for */
};

/**
 * How to create a device: rte_vduse_conf_init(), and then what is to be otherwise. Texts, and the
 * configuration, are copied.
 */
struct rte_vduse_conf {
	const char *name;    /**< in /dev/vduse, on the bus: 1 to 255 bytes, no '/' */
	uint32_t device_id;  /**< virtio device id, e.g. 1: network */
	uint64_t features;   /**< offered virtio feature bits */
	uint16_t nb_queues;  /**< virtqueues */
	uint16_t queue_size; /**< largest size of each, in descriptors */
	/**
	 * Queues from here on are in a group of their own and served by ops->kick;
	 * nb_queues or more: none. The library's own owner may serve another at ops->start.
	 */
	uint16_t first_control_queue;
	const void *config;              /**< initial configuration space, copied */
	size_t config_size;              /**< its bytes */
	const struct rte_vduse_ops *ops; /**< what the owner is told; copied */
	void *priv;                      /**< first argument of the ops */
	void *hold;                     /**< first argument of ops->held; NULL: frames are copied */
	struct rte_vduse_tuning tuning; /**< attributes that are set before it is attached */
	/**
	 * In the virtio-vdpa case, use hugepage memory as the bounce region: it is
	 * linear in large pages, and rte_mem_virt2iova() knows it. It takes the
	 * region's size (tuning.bounce_size) of hugepages, from creation on, and of
	 * RLIMIT_MEMLOCK while a driver is there; without enough of them, and without
	 * hugepages, the device works with the kernel's memory, after one line of log.
	 */
	bool umem;
	/**
	 * Take over a device that somebody else created with this very name,
	 * type, features, queues and configuration, where there is one. The kernel does
	 * not tell these: the owner gives them, or has a state file (state_dir).
	 */
	bool adopt;
	/**
	 * With adopt, or a state file: its open file descriptor; -1: open /dev/vduse/NAME. It
	 * is the device's once rte_vduse_dev_ready() has returned 0. Until then, and where that
	 * or the creation fails, it is the caller's, who closes it; it is made non-blocking in
	 * any case.
	 */
	int adopt_fd;
	/**
	 * Folder of the state file, NULL: none. With it a process that was killed
	 * is followed by another with the same name, to which the device's driver
	 * notices nothing: it is adopted, whatever `adopt` says, and its type,
	 * features, queues and configuration stay as they were. The folder is
	 * made where it is missing; it must be writable for nobody else, and should
	 * be on a tmpfs. rte_vduse_dev_destroy() removes the file, unless `keep`.
	 */
	const char *state_dir;
	/**
	 * With state_dir: ask the process that serves the device for it. That process
	 * serves it on until rte_vduse_dev_take_over(), and what is set meanwhile is
	 * set then. Where there is none, as without this.
	 */
	bool takeover;
	/**
	 * With state_dir: no process takes the device over while this one serves it; there is no
	 * socket beside its state file. For who may not make one, as in a sandbox.
	 */
	bool no_successor;
	/**
	 * Regions of the driver's memory that are mapped at most; 0:
	 * RTE_VDUSE_MAX_REGIONS. Each is a mapping of the process, which has 65530 of them
	 * (vm.max_map_count).
	 */
	uint32_t max_regions;
	/** Bytes of them all at most; 0: RTE_VDUSE_MAX_MEMORY. A driver with more is not served. */
	uint64_t max_memory;
	/**
	 * With state_dir: rte_vduse_dev_destroy() leaves the device and its state
	 * file for a process that follows, as a hand-over does, once it was attached
	 * with rte_vduse_dev_attach().
	 */
	bool keep;
	/**
	 * With state_dir: a device that was resumed stays as it was found, whatever
	 * `keep` says, when it is destroyed before rte_vduse_dev_attach(), which is then
	 * what an owner calls once nothing more can fail (RTE_VDUSE_ATTACH_NONE as well).
	 */
	bool keep_unattached;
};

/**
 * Defaults: nothing is asked for. What may be not given, where 0 is a value, is -1; there are no
 * control queues. Without name, device_id, features, queues and ops it cannot be created.
 *
 * @param[out] conf all of it is set
 */
void rte_vduse_conf_init(struct rte_vduse_conf *conf);

/** State of a device at one moment. */
struct rte_vduse_info {
	uint64_t api_version;     /**< VDUSE API agreed with the kernel */
	uint64_t driver_features; /**< negotiated; 0 before FEATURES_OK */
	uint8_t status;           /**< virtio device status, as acknowledged by us */
	const char *phase;        /**< where it is in its life, a word of doc/phases.md */
	bool started;             /**< DRIVER_OK, and bursts may run */
	bool resumed;             /**< a process before served it; see state_dir */
	bool broken; /**< the kernel gave the device up, or the driver's rings are bad */
};

/**
 * Create a device. What a driver asks of it waits in the kernel until
 * rte_vduse_dev_ready(), as long as msg_timeout allows.
 *
 * @param conf read, and not kept
 * @param[out] dev the device; owned by the caller, rte_vduse_dev_destroy()
 * @return 0 or a negative errno, with a line of log that names cause and cure:
 *   -ENOENT no vduse module; -EACCES, -EPERM no permission; -EEXIST the name
 *   is in use; -EINVAL the configuration; -ENOMEM; and without a line, because
 *   the caller knows what it asked for, -ENOTSUP: the kernel refuses the
 *   device type or a feature
 */
int rte_vduse_dev_create(const struct rte_vduse_conf *conf, struct rte_vduse_dev **dev);

/**
 * The owner is ready for callbacks, which may come before this returns: answer
 * the kernel, and those who want to take the device over. A device that was
 * adopted or resumed goes on where it was, before any answer. Once, the last
 * step of the owner's construction.
 *
 * @param dev the device
 * @return 0 or a negative errno, with a line of log: the device is not served,
 *   and is to be destroyed
 */
int rte_vduse_dev_ready(struct rte_vduse_dev *dev);

/**
 * Attach the device to the vDPA bus (VDPA_CMD_DEV_NEW) and bind the driver.
 * Blocks until the driver has negotiated, which the control thread serves.
 *
 * @param dev the device
 * @param how the bus driver; RTE_VDUSE_ATTACH_NONE: nothing more can fail, see keep_unattached
 * @return 0 or a negative errno, with a line of log; the device is not
 *   attached then.
 */
int rte_vduse_dev_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how);

/**
 * The same for a device that another process serves, as a privileged helper of
 * one that adopted it. Nothing happens where it is on the bus already.
 *
 * @param name of the device
 * @param how virtio or vhost
 * @return as rte_vduse_dev_attach()
 */
int rte_vduse_dev_attach_by_name(const char *name, enum rte_vduse_attach how);

/**
 * The same as rte_vduse_dev_detach() for a device that another process serves, as a
 * privileged helper of it: that process has to answer meanwhile. Mirror of
 * rte_vduse_dev_attach_by_name(); needs no EAL.
 *
 * @param name of the device
 * @return 0, also where it is not on the bus; -EBUSY while a front end keeps
 *   /dev/vhost-vdpa-N open; another negative errno
 */
int rte_vduse_dev_detach_by_name(const char *name);

/**
 * The interface that the kernel has made of a network device, as long as it is in the
 * network namespace that sysfs was mounted in.
 *
 * @param name of the device
 * @param[out] ifname the interface's name
 * @param size of ifname; IF_NAMESIZE is enough
 * @return 0; -ENODEV there is none here
 */
int rte_vduse_dev_interface(const char *name, char *ifname, size_t size);

/**
 * Take the device off the bus, whoever put it there. Mirror of
 * rte_vduse_dev_attach(); nothing happens where it is not on the bus, nor for a
 * device that was adopted and that somebody else attached. Blocks until its driver
 * has let go of it: a driver that still has requests then, as of a block device,
 * waits for them, so that its queues are to be served meanwhile.
 *
 * @param dev the device
 * @return 0, or -EBUSY while a front end keeps /dev/vhost-vdpa-N open.
 */
int rte_vduse_dev_detach(struct rte_vduse_dev *dev);

/**
 * First half of rte_vduse_dev_take_over(), for who takes several devices over:
 * the process that serves the device stops and sends it, and goes on where it
 * stopped should this one be destroyed or end before rte_vduse_dev_take_over().
 * With each device claimed before the first is taken over, all change hands or
 * none. Nobody serves the device meanwhile. Nothing happens where there is no
 * such process, or it was claimed.
 *
 * @param dev the device
 * @return as rte_vduse_dev_take_over()
 */
int rte_vduse_dev_claim(struct rte_vduse_dev *dev);

/**
 * Have a device that was created with `takeover` from the process that serves
 * it: the last step of a start, when nothing else can fail. Nothing happens
 * where there was no such process. rte_vduse_dev_ready() is to follow, and not before.
 *
 * @param dev the device
 * @return 0; a negative errno with a line of log: that process goes on, and
 *   this device is only to be destroyed. -EBUSY it refuses; -EPROTO,
 *   -EPROTONOSUPPORT it is of another version; -ETIMEDOUT it does not answer;
 *   -ENOENT it has destroyed the device
 */
int rte_vduse_dev_take_over(struct rte_vduse_dev *dev);

/**
 * Whether another process has taken the device over; see rte_vduse_ops,
 * successor. One that has taken another device of this process, and is about
 * to take this one, is waited for, as long as rte_vduse_set_busy_wait() allows.
 *
 * @param dev the device
 * @return 0: rte_vduse_dev_destroy() only frees what is left of it; -ENOENT: none
 */
int rte_vduse_dev_hand_over(struct rte_vduse_dev *dev);

/**
 * Detach, stop and destroy. The caller's lcores have left their last burst. A
 * device that somebody else put on the bus is taken off it too: nobody would
 * serve it there. What is there for a process that follows stays as it is: one
 * with `keep`, one that was asked for and has not come, one that was resumed and
 * not attached (`keep_unattached`).
 *
 * @param dev the device
 * @return 0; -EBUSY where the device had to stay in /dev/vduse, with a line
 *   of log that says how to remove it. The memory of dev is freed in any case.
 */
int rte_vduse_dev_destroy(struct rte_vduse_dev *dev);

/**
 * Write to the configuration space and tell the driver (VDUSE_DEV_SET_CONFIG,
 * VDUSE_DEV_INJECT_CONFIG_IRQ).
 *
 * @param dev the device
 * @param offset in bytes from the start of the configuration space
 * @param data what is written
 * @param len its bytes
 * @return 0 or a negative errno
 */
int rte_vduse_dev_set_config(
		struct rte_vduse_dev *dev, uint32_t offset, const void *data, uint32_t len);

/**
 * Read the state of a device.
 *
 * @param dev the device
 * @param[out] info the state
 */
void rte_vduse_dev_info(const struct rte_vduse_dev *dev, struct rte_vduse_info *info);

/**
 * How long detaching and destroying a device that is busy may wait for those who
 * have it open: a front end /dev/vhost-vdpa-N, anybody /dev/vduse/NAME. For the
 * process, 3000 at first; also while such a wait goes on, from any thread or
 * signal handler.
 *
 * @param ms milliseconds; 0: not at all
 */
void rte_vduse_set_busy_wait(uint32_t ms);

/**
 * Ask the control thread for a sign of life, which it gives between two
 * handlers, and say whether it has given the one asked for before. For a
 * watchdog; any thread, called as often as the control thread may be busy.
 *
 * @return whether it is alive, as far as it was asked; true where there is none,
 *   because there is no device
 */
bool rte_vduse_control_alive(void);

/**
 * Find out what the kernel can do, by creating a throw-away device with the
 * features, and one with as few as the kernel insists on.
 *
 * @param device_id virtio device type
 * @param features virtio features
 * @param[out] caps what it can do
 * @return 0; or as rte_vduse_dev_create(), with a line of log
 */
int rte_vduse_probe(uint32_t device_id, uint64_t features, struct rte_vduse_caps *caps);

/** What is known of a device by its name, without serving it. */
struct rte_vduse_look {
	bool present;       /**< it is in /dev/vduse */
	bool served;        /**< a process has it open, as far as this user may see */
	char server[64];    /**< that process, as "process 12 (ovs-vswitchd)", or "a process" */
	char driver[32];    /**< of the vDPA bus: virtio_vdpa, vhost_vdpa; "": it has none */
	const char *state;  /**< its state file: "none", "creating", "served", "unreadable" */
	const char *origin; /**< how rte_vduse_dev_create() would come by it now, were all of
			     * take-over and adoption asked for: "created", "adopted", "resumed",
			     * "taken over" (doc/phases.md) */
};

/**
 * Look at a device that some process serves, or none; nothing is changed. Any
 * thread; needs no EAL. Slow: it looks through the processes.
 *
 * @param name of the device
 * @param state_dir folder of its state file, or NULL
 * @param[out] look what is there
 * @return 0, also where there is no such device; -EINVAL the name is too long;
 *   -EACCES the state file may not be read
 */
int rte_vduse_dev_look(const char *name, const char *state_dir, struct rte_vduse_look *look);

/**
 * Remove a device that no process serves any more, by name: off the bus, then
 * out of /dev/vduse. Needs no EAL.
 *
 * @param name of the device
 * @return 0; -ENODEV no such device; -EBUSY it is in use, with a line of log by
 *   whom; -EPROTONOSUPPORT it is on the bus, and this network namespace has no vDPA;
 *   another negative errno
 */
int rte_vduse_dev_remove(const char *name);

/**
 * Remove the state file of a device that is gone, and that no process serves, and the
 * socket that a killed one may have left.
 *
 * @param dir its folder; nothing happens where there is none. For root it may be another user's
 * @param name of the device
 */
void rte_vduse_state_remove(const char *dir, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_H */
