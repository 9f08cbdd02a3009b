/* SPDX-License-Identifier: BSD-3-Clause */
/* One ioctl on a device: the argument out, the answer back, and the interrupt that needs neither.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/abi.h"
#include <linux/vhost.h>

#include "preload.h"

static atomic_bool filtered;

/* libseccomp's: from here on the process may make no call that a kernel would not see of it. */
int seccomp_load(void *ctx);

__attribute__((visibility("default"))) int
seccomp_load(void *ctx)
{
	int (*next)(void *);
	int ret;

	*(void **)&next = dlsym(RTLD_NEXT, "seccomp_load");
	ret = next(ctx);
	if (ret == 0)
		atomic_store(&filtered, true);
	return ret;
}

/* The end of a copy by the kernel; qemu-user has none, and a program below it is trusted too. */
static int
copied(ssize_t got, void *to, const void *from, size_t len)
{
	if (got < 0 && errno == ENOSYS)
		memcpy(to, from, len);
	else if (got != (ssize_t)len)
		return -EFAULT;
	return 0;
}

/*
 * copy_from_user(): a bad pointer is EFAULT, not a signal; but a process with a filter of system
 * calls is trusted to give good ones.
 */
static int
copy_in(void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)(uintptr_t)from, len };

	if (atomic_load(&filtered))
		memcpy(to, from, len);
	else if (len != 0)
		return copied(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), to, from, len);
	return 0;
}

static int
copy_out(void *to, const void *from, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)from, len }, remote = { to, len };

	if (atomic_load(&filtered))
		memcpy(to, from, len);
	else if (len != 0)
		return copied(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), to, from, len);
	return 0;
}

/* Bytes that follow the fixed part of an argument, as its own fields say. */
static size_t
tail_of(unsigned long cmd, const void *data)
{
	const struct vduse_abi_create *dev = data;
	const struct vduse_abi_config *config = data;
	const struct vhost_vdpa_config *vhost = data;
	size_t tail = 0;

	if (cmd == VDUSE_IOC_CREATE)
		tail = dev->config_size;
	else if (cmd == VDUSE_IOC_SET_CONFIG)
		tail = config->length;
	else if (cmd == VHOST_VDPA_SET_CONFIG)
		tail = vhost->len;
	return tail <= 4096 ? tail : 0; /* too much is for the broker to refuse */
}

/* Where in the argument a descriptor is, or -1. */
static int
fd_offset(unsigned long cmd)
{
	switch (cmd) {
	case VDUSE_IOC_VQ_KICKFD:
		return offsetof(struct vduse_abi_kickfd, fd);
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return offsetof(struct vhost_vring_file, fd);
	case VHOST_VDPA_SET_CONFIG_CALL:
		return 0;
	default:
		return -1;
	}
}

static int
load(struct emu_req *req, unsigned long cmd, const void *arg)
{
	size_t len = _IOC_SIZE(cmd), tail;

	if (len > EMU_DATA_MAX - 4096)
		return -ENOTTY;
	if (copy_in(req->data, arg, len) < 0)
		return -EFAULT;
	tail = tail_of(cmd, req->data);
	if (copy_in(req->data + len, (const char *)arg + len, tail) < 0)
		return -EFAULT;
	req->len = len + tail;
	return 0;
}

static void
load_fd(const struct emu_req *req, unsigned long cmd, struct emu_fds *fds)
{
	int at = fd_offset(cmd), fd;

	fds->count = 0;
	if (at < 0)
		return;
	memcpy(&fd, req->data + at, sizeof(fd));
	if (fd >= 0 && fcntl(fd, F_GETFD) >= 0)
		fds->fd[fds->count++] = fd;
}

static int64_t
store(int64_t ret, unsigned long cmd, void *arg, const struct emu_rsp *rsp)
{
	size_t skip = cmd == VHOST_VDPA_GET_CONFIG ? offsetof(struct vhost_vdpa_config, buf) : 0;

	if (ret < 0)
		return ret;
	return copy_out((char *)arg + skip, rsp->data, rsp->len) < 0 ? -EFAULT : ret;
}

/* receive_fd(): the result is the descriptor, and it survives exec. */
static int64_t
take_region(struct emu_fd *dev, struct emu_fds *got, int64_t ret)
{
	if (ret < 0 || got->count != 1) {
		emu_fds_close(got);
		return ret < 0 ? ret : -EIO;
	}
	fcntl(got->fd[0], F_SETFD, 0);
	(void)fd_remember(got->fd[0], EMU_MEMORY, dev);
	return got->fd[0];
}

static int
fetch_call(struct emu_fd *dev, uint32_t index, struct call_cache *cache, uint32_t gen)
{
	struct emu_req req = { .op = EMU_CALLFD, .file = dev->file, .ino = dev->ino, .arg = index };
	struct emu_rsp rsp;
	struct emu_fds got;

	if (cache->fd >= 0)
		syscall(SYS_close, cache->fd);
	cache->fd = -1;
	if (emu_call(&req, NULL, &rsp, &got) < 0)
		return -ENOENT;
	cache->fd = got.fd[0];
	cache->gen = gen;
	return 0;
}

/*
 * VDUSE_VQ_INJECT_IRQ without a detour: signal the front end's eventfd from here. Return: 0 when
 * done, else the broker has to decide (no driver, no such queue, a fault armed).
 */
static int
inject(struct emu_fd *dev, const uint32_t *arg)
{
	struct call_cache *cache;
	uint64_t one = 1;
	uint32_t gen;
	ssize_t n = -1;

	if (dev->kind != EMU_DEVICE || fault_armed(dev, EMU_AT_IOCTL) || *arg >= dev->shm->vq_num ||
			atomic_load_explicit(&dev->shm->broken, memory_order_acquire))
		return -EAGAIN;
	gen = atomic_load_explicit(&dev->shm->vq[*arg].call_gen, memory_order_acquire);
	if (!(gen & 1) || !atomic_load_explicit(&dev->shm->vq[*arg].ready, memory_order_acquire))
		return -EAGAIN;
	cache = &dev->call[*arg];
	pthread_mutex_lock(&cache->lock);
	if ((cache->fd >= 0 && cache->gen == gen) || fetch_call(dev, *arg, cache, gen) == 0)
		n = real.write(cache->fd, &one, sizeof(one));
	pthread_mutex_unlock(&cache->lock);
	return n == sizeof(one) ? 0 : -EAGAIN;
}

int64_t
ioctl_call(struct emu_fd *dev, unsigned long cmd, void *arg)
{
	struct emu_req req = { .op = EMU_IOCTL, .file = dev->file, .ino = dev->ino, .cmd = cmd };
	struct emu_rsp rsp;
	struct emu_fds fds, got;
	int64_t ret;

	if (cmd == VDUSE_IOC_VQ_IRQ && arg != NULL && inject(dev, arg) == 0)
		return 0;
	ret = load(&req, cmd, arg);
	if (ret < 0)
		return ret;
	load_fd(&req, cmd, &fds);
	ret = emu_call(&req, &fds, &rsp, &got);
	ret = store(ret, cmd, arg, &rsp);
	if (cmd == VDUSE_IOC_REGION || cmd == VDUSE_IOC_REGION_V2)
		return take_region(dev, &got, ret);
	emu_fds_close(&got);
	return ret;
}
