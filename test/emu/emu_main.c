/* SPDX-License-Identifier: BSD-3-Clause */
/* The broker: serves calls, one thread each, and forwards the kicks of front ends. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "emu_broker.h"
#include "emu_main.h"

#define TAG_LISTEN UINT64_MAX
#define TAG_SIGNAL (UINT64_MAX - 1)
#define REAP_MS    50 /* a process that died without closing is noticed within this */

struct emu emu;

static __thread char why[EMU_WHY_MAX];

int
emu_deny(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	fprintf(stderr, "vduse-emu: refused: %s (%s)\n", why, strerror(err));
	return -err;
}

void
emu_warn(const char *fmt, ...)
{
	va_list args;
	char text[256];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "vduse-emu: warning: %s\n", text);
}

void
emu_note(const char *fmt, ...)
{
	va_list args;
	char text[256];

	if (!emu.conf.verbose)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "vduse-emu: %s\n", text);
}

/*
 * As vhost_poll: each write to the eventfd is an event, and its counter stays as it is; that is
 * what edge-triggered epoll does.
 */
int
kick_watch(int fd, uint64_t tag)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = tag };

	return epoll_ctl(emu.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void
kick_forget(int *fd)
{
	if (*fd < 0)
		return;
	/* closing alone would not do: the front end holds the eventfd open too */
	epoll_ctl(emu.epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static int
serve_ioctl(struct emu_file *file, struct emu_call *call)
{
	int ret = admin_fault(EMU_AT_IOCTL, call->req->cmd & 0xff);

	if (ret < 0)
		return ret;
	if (file->kind == EMU_CONTROL)
		return ctl_ioctl(file, call);
	if (file->kind == EMU_DEVICE)
		return dev_ioctl(file->dev, call);
	if (file->kind == EMU_VHOST)
		return vhost_ioctl(file->dev, call);
	return -ENOTTY;
}

static int
serve_write(struct emu_file *file, struct emu_call *call)
{
	int ret = admin_fault(EMU_AT_WRITE, 0);

	if (ret < 0)
		return ret;
	if (file->kind == EMU_DEVICE)
		return msg_reply(file->dev, call->req->data, call->req->len);
	if (file->kind == EMU_VHOST)
		return vhost_write(file->dev, call);
	return -EINVAL;
}

static int
serve_request(struct emu_file *file, struct emu_call *call)
{
	switch (call->req->op) {
	case EMU_IOCTL:
		return serve_ioctl(file, call);
	case EMU_WRITE:
		return serve_write(file, call);
	case EMU_MAP:
		return file->kind == EMU_VHOST ? vhost_map(file->dev, call) : -EINVAL;
	case EMU_CALLFD:
		return file->kind == EMU_DEVICE ? dev_callfd(file->dev, call) : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int
serve_file(struct emu_call *call)
{
	struct emu_file *file = file_get(call->req);
	int ret;

	if (file == NULL)
		return -EBADF;
	if (file->kind != EMU_VHOST)
		return serve_request(file, call);
	/* a request of a process that was killed may come late */
	if (file->releasing)
		return -EBADF;
	file->calls++;
	ret = serve_request(file, call);
	file->calls--;
	pthread_cond_broadcast(&emu.released);
	return ret;
}

/* Pieces each update is to be cut into; the library asks before it cuts. */
static int
serve_open(struct emu_call *call)
{
	int ret = admin_fault(EMU_AT_OPEN, 0);

	if (ret < 0)
		return ret;
	ret = file_open(call);
	memcpy(call->rsp->data, &emu.conf.regions, sizeof(emu.conf.regions));
	call->rsp->len = sizeof(emu.conf.regions);
	return ret;
}

static int
serve_admin(struct emu_call *call)
{
	char line[EMU_DATA_MAX];
	int ret;

	memcpy(line, call->req->data, sizeof(line));
	line[sizeof(line) - 1] = '\0';
	ret = admin_command(line, (char *)call->rsp->data, sizeof(call->rsp->data));
	call->rsp->len = strlen((char *)call->rsp->data);
	return ret;
}

static int
serve(struct emu_call *call)
{
	if (call->req->op == EMU_SYNC) {
		file_sync(call->req);
		return 0;
	}
	file_reap();
	switch (call->req->op) {
	case EMU_OPEN:
		return serve_open(call);
	case EMU_ADOPT:
		return file_adopt(call);
	case EMU_FAULT:
		return admin_fault(call->req->arg, call->req->cmd);
	case EMU_NETLINK:
		return netlink_request(call);
	case EMU_ADMIN:
		return serve_admin(call);
	default:
		return serve_file(call);
	}
}

static void *
serve_connection(void *arg)
{
	int sock = (int)(intptr_t)arg;
	struct emu_call call = { 0 };
	struct emu_req req;
	struct emu_rsp rsp;
	struct emu_fds in;
	size_t head = sizeof(req) - sizeof(req.data);
	int len;

	memset(&rsp, 0, sizeof(rsp));
	len = emu_recv(sock, &req, sizeof(req), &in);
	if (len < (int)head || req.len != len - head)
		goto out;
	memset(req.data + req.len, 0, sizeof(req.data) - req.len);
	call.req = &req;
	call.in = &in;
	call.rsp = &rsp;
	why[0] = '\0';
	pthread_mutex_lock(&emu.lock);
	rsp.ret = serve(&call);
	if (rsp.ret < 0 && !call.keep)
		emu_fds_close(&call.out);
	memcpy(rsp.why, why, sizeof(rsp.why));
	(void)emu_send(sock, &rsp, sizeof(rsp) - sizeof(rsp.data) + rsp.len, &call.out);
	/* with the lock held: the client's close has to be the last one when it asks for it */
	if (!call.keep)
		emu_fds_close(&call.out);
	pthread_mutex_unlock(&emu.lock);
	emu_fds_close(&in);
out:
	close(sock);
	return NULL;
}

void
emu_spawn(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 1 << 18);
	if (pthread_create(&thread, &attr, run, arg) != 0)
		emu_warn("no thread: %m");
	pthread_attr_destroy(&attr);
}

static void
reap(void)
{
	pthread_mutex_lock(&emu.lock);
	file_reap();
	pthread_mutex_unlock(&emu.lock);
}

static void
accept_one(int listener)
{
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (sock >= 0)
		emu_spawn(serve_connection, (void *)(intptr_t)sock);
}

static void
forward_kick(uint64_t tag)
{
	struct emu_dev *dev = &emu.dev[tag >> 32];
	uint32_t index = tag & UINT32_MAX;

	pthread_mutex_lock(&emu.lock);
	if (dev->used && index < dev->k.vq_num)
		dev_kick(dev, index);
	pthread_mutex_unlock(&emu.lock);
}

static void
loop(int listener)
{
	struct epoll_event event[16];

	for (;;) {
		int count = epoll_wait(emu.epoll, event, 16, REAP_MS);

		if (count == 0)
			reap();
		for (int i = 0; i < count; i++) {
			if (event[i].data.u64 == TAG_SIGNAL)
				return;
			if (event[i].data.u64 == TAG_LISTEN)
				accept_one(listener);
			else
				forward_kick(event[i].data.u64);
		}
	}
}

static int
make_listener(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" EMU_SOCK, dir) >=
			(int)sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			listen(sock, 128) < 0)
		return -errno;
	return sock;
}

static int
watch(int fd, uint64_t tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = tag };

	return fd < 0 || epoll_ctl(emu.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
init_slots(void)
{
	struct rlimit files;
	pthread_condattr_t attr;

	pthread_mutex_init(&emu.lock, NULL);
	pthread_cond_init(&emu.released, NULL);
	emu.conf = (struct emu_conf){ .kernel.ops = &emu_ops, .msg_timeout = 30, .caps = true };
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++) {
		emu.dev[i].minor = -1;
		pthread_cond_init(&emu.dev[i].cond, &attr);
		pthread_mutex_init(&emu.dev[i].front_lock, NULL);
	}
	pthread_condattr_destroy(&attr);
}

static int
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The folder goes with the broker, so nothing of anybody else's may lie in it. */
static int
check_empty(const char *dir)
{
	struct dirent *entry;
	DIR *open_dir = opendir(dir);
	int ret = 0;

	if (open_dir == NULL)
		return -errno;
	while (ret == 0 && (entry = readdir(open_dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ret = -ENOTEMPTY;
	closedir(open_dir);
	return ret;
}

/* Return: the listening socket, with everything else ready, or -errno. */
static int
prepare(const char *dir, const char *conf)
{
	int listener, ret;

	ret = conf == NULL ? 0 : admin_conf(conf);
	if (ret == 0)
		ret = bus_prepare();
	if (ret < 0)
		return ret;
	emu.epoll = epoll_create1(EPOLL_CLOEXEC);
	listener = make_listener(dir);
	if (listener < 0)
		return listener;
	ret = watch(block_signals(), TAG_SIGNAL);
	if (ret == 0)
		ret = watch(listener, TAG_LISTEN);
	return ret < 0 ? ret : listener;
}

int
emu_broker(const char *dir, const char *conf, int ready)
{
	int listener, ret;

	ret = check_empty(dir);
	if (ret < 0) {
		fprintf(stderr, "vduse-emu: cannot use %s as run folder: %s\n", dir,
				strerror(-ret));
		return ret;
	}
	init_slots();
	emu.dir = dir;
	listener = prepare(dir, conf);
	if (listener >= 0) {
		if (ready >= 0) {
			(void)!write(ready, "", 1);
			close(ready);
		}
		loop(listener);
	} else {
		fprintf(stderr, "vduse-emu: cannot serve in %s: %s\n", dir, strerror(-listener));
	}
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return listener < 0 ? listener : 0;
}
