/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "os/sys.h"

static int
sys_open(const char *path, int flags)
{
	int fd = open(path, flags | O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

static int
sys_open_control(void)
{
	return sys_open("/dev/vduse/control", 0);
}

static int
sys_open_device(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	return sys_open(path, O_NONBLOCK);
}

static int
sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static ssize_t
sys_read(int fd, void *buf, size_t len)
{
	ssize_t ret = TEMP_FAILURE_RETRY(read(fd, buf, len));

	return ret < 0 ? -errno : ret;
}

static ssize_t
sys_write(int fd, const void *buf, size_t len)
{
	ssize_t ret = TEMP_FAILURE_RETRY(write(fd, buf, len));

	return ret < 0 ? -errno : ret;
}

static ssize_t
sys_page_size(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	/* hugetlbfs says its page size as the block size; mmap wants multiples of it */
	if (fs.f_type == HUGETLBFS_MAGIC)
		return fs.f_bsize;
	return sysconf(_SC_PAGESIZE);
}

static int
sys_map(int fd, uint64_t offset, size_t len, int prot, void **addr)
{
	void *va = mmap(*addr, len, prot, MAP_SHARED | (*addr != NULL ? MAP_FIXED : 0), fd,
			(off_t)offset);

	if (va == MAP_FAILED)
		return -errno;
	*addr = va;
	return 0;
}

static void
sys_unmap(void *addr, size_t len)
{
	munmap(addr, len);
}

static int
sys_set_attr(const char *name, const char *attr, const char *value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/sys/class/vduse/%s/%s", name, attr);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Node numbers of devtmpfs are not used twice; the time of birth is for other file systems. */
static int
sys_identify(const char *name, uint64_t node[3])
{
	char path[PATH_MAX];
	struct statx st;

	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) < 0)
		return -errno;
	node[0] = st.stx_ino;
	node[1] = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	node[2] = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * UINT64_C(1000000000) +
							      st.stx_btime.tv_nsec
					    : 0;
	return 0;
}

static void
sys_close(int fd)
{
	close(fd);
}

const struct vduse_sys vduse_sys_kernel = {
	.open_control = sys_open_control,
	.open_device = sys_open_device,
	.ioctl = sys_ioctl,
	.read = sys_read,
	.write = sys_write,
	.page_size = sys_page_size,
	.map = sys_map,
	.unmap = sys_unmap,
	.set_attr = sys_set_attr,
	.identify = sys_identify,
	.close = sys_close,
};

static const struct vduse_sys *sys_in_force = &vduse_sys_kernel;

void
vduse_sys_set(const struct vduse_sys *sys)
{
	sys_in_force = sys != NULL ? sys : &vduse_sys_kernel;
}

const struct vduse_sys *
vduse_sys_get(void)
{
	return sys_in_force;
}
