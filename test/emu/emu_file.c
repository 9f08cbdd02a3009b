/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files. A device fd is the client's end of a SOCK_SEQPACKET pair; the broker's end tells by
 * EPOLLRDHUP that the last copy of it is gone. One packet that nobody reads lies in the broker's
 * end from the start, so that closing it (a broken device) gives the client EPOLLERR.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu_broker.h"

#define CONTROL "/dev/vduse/control"
#define DEVICE  "/dev/vduse/"
#define VHOST   "/dev/vhost-vdpa-"

struct emu_file *
file_get(const struct emu_req *req)
{
	if (req->file >= EMU_FILE_MAX || !emu.file[req->file].used ||
			emu.file[req->file].ino != req->ino)
		return NULL;
	return &emu.file[req->file];
}

static struct emu_file *
free_file(void)
{
	for (unsigned int i = 0; i < EMU_FILE_MAX; i++)
		if (!emu.file[i].used)
			return &emu.file[i];
	return NULL;
}

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* vduse_dev_open(): one at a time. */
static int
open_device(struct emu_file *file, const char *name)
{
	struct emu_dev *dev = dev_find(name);

	if (dev == NULL || dev->lost)
		return -ENOENT;
	if (dev->connected)
		return emu_deny(EBUSY, "/dev/vduse/%s is open already", name);
	dev->connected = true;
	file->kind = EMU_DEVICE;
	file->dev = dev;
	return 0;
}

static int
open_vhost(struct emu_file *file, const char *number)
{
	char *end;
	long minor = strtol(number, &end, 10);
	struct emu_dev *dev;

	dev = *number == '\0' || *end != '\0' || minor < 0 ? NULL : dev_of_minor(minor);
	if (dev == NULL)
		return -ENOENT;
	file->kind = EMU_VHOST;
	file->dev = dev;
	return vhost_open(dev);
}

static int
open_path(struct emu_file *file, const char *path)
{
	if (strcmp(path, CONTROL) == 0) {
		file->kind = EMU_CONTROL;
		kernel_control_open(&file->control);
		return 0;
	}
	if (strncmp(path, DEVICE, strlen(DEVICE)) == 0)
		return open_device(file, path + strlen(DEVICE));
	if (strncmp(path, VHOST, strlen(VHOST)) == 0)
		return open_vhost(file, path + strlen(VHOST));
	if (strcmp(path, "genl") == 0) {
		file->kind = EMU_GENL;
		return 0;
	}
	return -ENOENT;
}

/* Make the pair; pair[0] stays here, pair[1] goes to the client. */
static int
make_pair(int pair[2])
{
	int err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (send(pair[1], "", 1, MSG_NOSIGNAL) == 1)
		return 0;
	err = -errno;
	close(pair[0]);
	close(pair[1]);
	return err;
}

static void
close_file(struct emu_file *file)
{
	if (file->kind == EMU_DEVICE) {
		file->dev->connected = false;
		kernel_msg_requeue(&file->dev->k);
		if (file->dev->sock >= 0)
			close(file->dev->sock);
		file->dev->sock = -1;
	} else {
		close(file->sock);
	}
}

static void
answer_file(struct emu_call *call, const struct emu_file *file)
{
	call->rsp->kind = file->kind;
	if (file->kind == EMU_DEVICE && call->out.count < EMU_FDS_MAX)
		call->out.fd[call->out.count++] = dup(file->dev->shm_fd);
}

int
file_open(struct emu_call *call)
{
	const char *path = (const char *)call->req->data;
	struct emu_file *file = free_file();
	static uint64_t serial;
	int pair[2];
	int ret;

	if (file == NULL)
		return emu_deny(ENFILE, "the emulator holds %u open files", EMU_FILE_MAX);
	memset(file, 0, sizeof(*file));
	file->used = true;
	file->releasing = true; /* not to be reaped before it is complete */
	file->serial = ++serial;
	file->pid = call->req->pid;
	file->sock = -1;
	ret = open_path(file, path);
	if (ret < 0) {
		file->used = false;
		return ret;
	}
	ret = make_pair(pair);
	if (ret < 0) {
		close_file(file);
		file->used = false;
		return ret;
	}
	file->ino = inode_of(pair[1]);
	if (file->kind == EMU_DEVICE && file->dev->k.broken)
		close(pair[0]); /* EPOLLERR from the start */
	else if (file->kind == EMU_DEVICE)
		file->dev->sock = pair[0];
	file->sock = pair[0];
	file->releasing = false;
	call->out.fd[0] = pair[1];
	call->out.count = 1;
	answer_file(call, file);
	if (file->kind == EMU_DEVICE)
		msg_flush(file->dev);
	return file - emu.file;
}

/* A socket the library does not know: did another process get it from here? */
int
file_adopt(struct emu_call *call)
{
	for (unsigned int i = 0; i < EMU_FILE_MAX; i++) {
		struct emu_file *file = &emu.file[i];

		if (file->used && file->ino == call->req->arg) {
			answer_file(call, file);
			return i;
		}
	}
	return -ENOENT;
}

/* A broken device has no socket left to ask. */
static bool
is_deaf(const struct emu_file *file)
{
	return file->kind == EMU_DEVICE && file->dev->sock < 0;
}

/* Is the last descriptor gone? events: of its socket. */
static bool
is_gone(const struct emu_file *file, short events)
{
	if (file->closed)
		return true;
	if (is_deaf(file))
		return kill(file->pid, 0) < 0 && errno == ESRCH;
	return events & (POLLRDHUP | POLLHUP);
}

static void
release(struct emu_file *file)
{
	if (file->kind == EMU_VHOST)
		vhost_release(file->dev);
	close_file(file);
	file->used = false;
	pthread_cond_broadcast(&emu.released);
}

static void *
release_front(void *arg)
{
	const struct emu_file *file = arg;

	pthread_mutex_lock(&emu.lock);
	/* what a killed process had asked for is over, as in the kernel, before its file is
	 * released */
	while (file->calls > 0)
		pthread_cond_wait(&emu.released, &emu.lock);
	release(arg);
	pthread_mutex_unlock(&emu.lock);
	return NULL;
}

/*
 * The release of a front end waits for the back end's answer, so it has a thread of its own: this
 * one may be bringing that answer.
 */
static void
begin_release(struct emu_file *file)
{
	file->releasing = true;
	if (file->kind == EMU_VHOST)
		emu_spawn(release_front, file);
	else
		release(file);
}

/* All are asked at once: with each request it is done. */
void
file_reap(void)
{
	static struct emu_file *files[EMU_FILE_MAX];
	static struct pollfd pfds[EMU_FILE_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < EMU_FILE_MAX; i++) {
		struct emu_file *file = &emu.file[i];

		if (!file->used || file->releasing)
			continue;
		files[n] = file;
		pfds[n].fd = is_deaf(file) ? -1 : file->sock;
		pfds[n].events = POLLRDHUP;
		pfds[n++].revents = 0;
	}
	poll(pfds, n, 0);
	for (unsigned int i = 0; i < n; i++)
		if (is_gone(files[i], pfds[i].revents))
			begin_release(files[i]);
}

/*
 * After a close, which in the kernel ends with the release done. For a broken device the word of
 * the library has to do.
 */
void
file_sync(const struct emu_req *req)
{
	struct emu_file *file = file_get(req);
	uint64_t serial;

	if (file == NULL)
		return;
	serial = file->serial;
	if (file->kind == EMU_DEVICE && file->dev->sock < 0)
		file->closed = true;
	file_reap();
	while (file->used && file->serial == serial && file->releasing)
		pthread_cond_wait(&emu.released, &emu.lock);
}
