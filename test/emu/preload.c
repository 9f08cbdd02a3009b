/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptor table and the calls that work on descriptors. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload.h"

#define EXPORT __attribute__((visibility("default")))

struct real real;
static _Atomic(struct emu_fd *) table[EMU_FD_TABLE];
static const char *dir;

static void *
symbol(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found == NULL) {
		fprintf(stderr, "vduse-emu: no %s to stand in front of\n", name);
		abort();
	}
	return found;
}

static void __attribute__((constructor)) init(void)
{
	if (real.socket != NULL)
		return;
	*(void **)&real.open = symbol("open");
	*(void **)&real.openat = symbol("openat");
	*(void **)&real.close = symbol("close");
	*(void **)&real.read = symbol("read");
	*(void **)&real.write = symbol("write");
	*(void **)&real.ioctl = symbol("ioctl");
	*(void **)&real.mmap = symbol("mmap");
	*(void **)&real.fopen = symbol("fopen");
	*(void **)&real.dup2 = symbol("dup2");
	*(void **)&real.dup3 = symbol("dup3");
	dir = getenv("VDUSE_EMU_DIR");
	*(void **)&real.socket = symbol("socket");
}

const char *
emu_dir(void)
{
	init();
	return dir;
}

int64_t
emu_result(int64_t ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

int64_t
emu_call(struct emu_req *req, const struct emu_fds *fds, struct emu_rsp *rsp, struct emu_fds *got)
{
	int sock = emu_connect(dir);
	int len;

	if (got != NULL)
		got->count = 0;
	if (sock < 0) {
		fprintf(stderr, "vduse-emu: no broker in %s: %s\n", dir, strerror(-sock));
		return -EIO;
	}
	req->pid = getpid();
	len = emu_send(sock, req, sizeof(*req) - sizeof(req->data) + req->len, fds);
	if (len == 0)
		len = emu_recv(sock, rsp, sizeof(*rsp), got);
	syscall(SYS_close, sock);
	if (len < (int)(sizeof(*rsp) - sizeof(rsp->data))) {
		fprintf(stderr, "vduse-emu: the broker in %s gave no answer\n", dir);
		return -EIO;
	}
	if (rsp->ret < 0 && rsp->why[0] != '\0')
		fprintf(stderr, "vduse-emu: %s: %s\n", rsp->why, strerror(-rsp->ret));
	return rsp->ret;
}

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return syscall(SYS_fstat, fd, &st) == 0 ? st.st_ino : 0;
}

struct emu_fd *
fd_find(int fd)
{
	if (fd < 0 || fd >= EMU_FD_TABLE)
		return NULL;
	return atomic_load_explicit(&table[fd], memory_order_acquire);
}

static void
fd_free(struct emu_fd *dev)
{
	for (uint32_t i = 0; dev->call != NULL && i < dev->shm->vq_num; i++)
		if (dev->call[i].fd >= 0)
			syscall(SYS_close, dev->call[i].fd);
	free(dev->call);
	if (dev->shm != NULL)
		munmap(dev->shm, dev->shm_len);
	free(dev);
}

void
fd_forget(int fd)
{
	struct emu_fd *dev;

	if (fd < 0 || fd >= EMU_FD_TABLE)
		return;
	dev = atomic_exchange(&table[fd], NULL);
	if (dev != NULL)
		fd_free(dev);
}

/* A page shared with the broker comes beside every device. */
static int
fd_share(struct emu_fd *dev, int shm_fd)
{
	struct stat st;
	void *map;

	if (syscall(SYS_fstat, shm_fd, &st) < 0)
		return -errno;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, shm_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	dev->shm = map;
	dev->shm_len = st.st_size;
	dev->call = calloc(dev->shm->vq_num + 1, sizeof(*dev->call));
	if (dev->call == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < dev->shm->vq_num; i++) {
		pthread_mutex_init(&dev->call[i].lock, NULL);
		dev->call[i].fd = -1;
	}
	return 0;
}

static int
fd_enter(int fd, const struct emu_rsp *rsp, int shm_fd)
{
	struct emu_fd *dev;
	int ret = 0;

	if (fd >= EMU_FD_TABLE)
		return -EMFILE;
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -ENOMEM;
	dev->kind = rsp->kind;
	dev->file = rsp->ret;
	dev->ino = inode_of(fd);
	if (rsp->len >= sizeof(dev->regions))
		memcpy(&dev->regions, rsp->data, sizeof(dev->regions));
	if (shm_fd >= 0)
		ret = fd_share(dev, shm_fd);
	if (ret < 0) {
		fd_free(dev);
		return ret;
	}
	fd_forget(fd);
	atomic_store_explicit(&table[fd], dev, memory_order_release);
	return 0;
}

/* A region's file: only known so that faults of mmap can strike. */
int
fd_remember(int fd, enum emu_kind kind, const struct emu_fd *like)
{
	struct emu_rsp rsp = { .ret = like->file, .kind = kind };

	return fd_enter(fd, &rsp, -1);
}

int
fd_open(const char *path, int flags)
{
	struct emu_req req = { .op = EMU_OPEN };
	struct emu_rsp rsp;
	struct emu_fds got;
	int64_t ret;
	int fd;

	req.len = snprintf((char *)req.data, sizeof(req.data), "%s", path) + 1;
	ret = emu_call(&req, NULL, &rsp, &got);
	if (ret < 0)
		return ret;
	fd = got.fd[0];
	ret = fd_enter(fd, &rsp, got.count > 1 ? got.fd[1] : -1);
	if (got.count > 1)
		syscall(SYS_close, got.fd[1]);
	if (ret < 0) {
		syscall(SYS_close, fd);
		return ret;
	}
	if (!(flags & O_CLOEXEC))
		fcntl(fd, F_SETFD, 0);
	if (flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* A descriptor that came from another process, or by dup(): ask the broker whose it is. */
static struct emu_fd *
fd_adopt(int fd)
{
	struct emu_req req = { .op = EMU_ADOPT, .arg = inode_of(fd) };
	struct emu_rsp rsp;
	struct emu_fds got;
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return NULL;
	if (emu_call(&req, NULL, &rsp, &got) < 0)
		return NULL;
	(void)fd_enter(fd, &rsp, got.count > 0 ? got.fd[0] : -1);
	emu_fds_close(&got);
	return fd_find(fd);
}

bool
fault_armed(const struct emu_fd *dev, enum emu_point point)
{
	return dev->shm != NULL &&
	       (atomic_load_explicit(&dev->shm->armed, memory_order_relaxed) & 1U << point);
}

int64_t
fault_ask(enum emu_point point)
{
	struct emu_req req = { .op = EMU_FAULT, .arg = point };
	struct emu_rsp rsp;

	return emu_call(&req, NULL, &rsp, NULL);
}

EXPORT int
ioctl(int fd, unsigned long cmd, ...)
{
	unsigned int type = cmd >> 8 & 0xff;
	struct emu_fd *dev;
	va_list args;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);
	if (emu_dir() == NULL || (type != 0x81 && type != 0xaf))
		return real.ioctl(fd, cmd, arg);
	dev = fd_find(fd);
	if (dev == NULL)
		dev = fd_adopt(fd);
	if (dev == NULL)
		return real.ioctl(fd, cmd, arg);
	return emu_result(ioctl_call(dev, cmd, arg));
}

/* The request is in the socket; only the odd cases of a device file need a hand. */
static ssize_t
device_read(int fd, struct emu_fd *dev, void *buf, size_t len)
{
	ssize_t ret;

	if (fault_armed(dev, EMU_AT_READ)) {
		int64_t fault = fault_ask(EMU_AT_READ);

		if (fault < 0)
			return emu_result(fault);
	}
	if (dev->kind == EMU_DEVICE && len < 152) {
		fprintf(stderr, "vduse-emu: read of %zu bytes, a request has 152\n", len);
		return emu_result(-EINVAL);
	}
	ret = real.read(fd, buf, len);
	/* a broken device has nothing to read, and its socket no other end */
	if (dev->kind == EMU_DEVICE && ret <= 0 && (ret == 0 || errno == ECONNRESET))
		return emu_result(-EAGAIN);
	return ret;
}

EXPORT ssize_t
read(int fd, void *buf, size_t len)
{
	struct emu_fd *dev = fd_find(fd);

	if (real.read == NULL)
		return syscall(SYS_read, fd, buf, len);
	if (dev == NULL || dev->kind == EMU_GENL)
		return real.read(fd, buf, len);
	return device_read(fd, dev, buf, len);
}

static int64_t
device_write(struct emu_fd *dev, const void *buf, size_t len)
{
	struct emu_req req = { .op = EMU_WRITE, .file = dev->file, .ino = dev->ino };
	struct emu_rsp rsp;

	req.len = len < EMU_DATA_MAX ? len : EMU_DATA_MAX;
	memcpy(req.data, buf, req.len);
	return emu_call(&req, NULL, &rsp, NULL);
}

EXPORT ssize_t
write(int fd, const void *buf, size_t len)
{
	struct emu_fd *dev = fd_find(fd);

	if (real.write == NULL)
		return syscall(SYS_write, fd, buf, len);
	if (dev == NULL)
		return real.write(fd, buf, len);
	if (dev->kind == EMU_DEVICE)
		return emu_result(device_write(dev, buf, len));
	if (dev->kind == EMU_VHOST)
		return emu_result(vhost_write(dev, buf, len));
	return real.write(fd, buf, len);
}

/* The kernel ends the last close with the release done; here the broker has to have seen it. */
static void
after_close(enum emu_kind kind, uint32_t file, uint64_t ino)
{
	struct emu_req req = { .op = EMU_SYNC, .file = file, .ino = ino };
	struct emu_rsp rsp;

	if (kind != EMU_MEMORY)
		(void)emu_call(&req, NULL, &rsp, NULL);
}

EXPORT int
close(int fd)
{
	struct emu_fd *dev = fd_find(fd);
	enum emu_kind kind;
	uint32_t file;
	uint64_t ino;
	int ret;

	if (real.close == NULL)
		return syscall(SYS_close, fd);
	if (dev == NULL)
		return real.close(fd);
	kind = dev->kind;
	file = dev->file;
	ino = dev->ino;
	fd_forget(fd);
	ret = real.close(fd);
	after_close(kind, file, ino);
	return ret;
}

EXPORT int
dup2(int from, int to)
{
	init();
	if (from != to)
		fd_forget(to);
	return real.dup2(from, to);
}

EXPORT int
dup3(int from, int to, int flags)
{
	init();
	fd_forget(to);
	return real.dup3(from, to, flags);
}

EXPORT void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct emu_fd *dev = fd_find(fd);

	if (dev != NULL && dev->kind == EMU_MEMORY) {
		int64_t fault = fault_ask(EMU_AT_MMAP);

		if (fault < 0) {
			errno = -fault;
			return MAP_FAILED;
		}
	}
	if (real.mmap == NULL)
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	return real.mmap(addr, len, prot, flags, fd, offset);
}

/* off_t has 64 bits here, and so the two are one. */
EXPORT void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));
