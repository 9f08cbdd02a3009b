/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_SYS_H
#define VDUSE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "os/abi.h"

/**
 * The system calls on /dev/vduse, as a table so that a fake kernel can stand
 * in. Every call returns a negative errno on failure; none retries on EINTR
 * except where it says so.
 */
struct vduse_sys {
	/** Open /dev/vduse/control. @return file descriptor or -errno. */
	int (*open_control)(void);
	/** Open /dev/vduse/NAME, non-blocking. @return file descriptor or -errno. */
	int (*open_device)(const char *name);
	/** ioctl(2). @return its value or -errno. */
	int (*ioctl)(int fd, unsigned long request, void *arg);
	/** read(2), again on EINTR. @return bytes or -errno. */
	ssize_t (*read)(int fd, void *buf, size_t len);
	/** write(2), again on EINTR. @return bytes or -errno. */
	ssize_t (*write)(int fd, const void *buf, size_t len);
	/** Page size of the file behind fd in bytes (hugetlbfs: the huge page's), or -errno. */
	ssize_t (*page_size)(int fd);
	/** mmap(2), shared; addr NULL or the place to map over. @return 0 or -errno. */
	int (*map)(int fd, uint64_t offset, size_t len, int prot, void **addr);
	/** munmap(2). */
	void (*unmap)(void *addr, size_t len);
	/** Write a device's attribute in sysfs: "msg_timeout", "vq0/irq_cb_affinity". @return 0 or
	 * -errno */
	int (*set_attr)(const char *name, const char *attr, const char *value);
	/** Which life of the device this is: never the same for another one since boot. @return 0
	 * or -errno */
	int (*identify)(const char *name, uint64_t node[3]);
	/** close(2). */
	void (*close)(int fd);
};

/** The running kernel. */
extern const struct vduse_sys vduse_sys_kernel;

/**
 * Set the table that devices created from now on use; NULL for the kernel.
 * For tests; not safe while a device is being created.
 */
void vduse_sys_set(const struct vduse_sys *sys);

/** The table in force. */
const struct vduse_sys *vduse_sys_get(void);

#endif /* VDUSE_SYS_H */
