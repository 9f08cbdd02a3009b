/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOTLB messages of a front end. Where the kernel walks the process's mappings for the files behind
 * an address range (vhost_vdpa_va_map()), this reads /proc/self/maps and sends those files along.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "preload.h"

#define PAGE 4096ULL

/* A shared file mapping, or several that follow each other in memory and in their file. */
struct run {
	uint64_t addr;
	uint64_t size;
	uint64_t offset;
	dev_t dev;
	ino_t ino;
	uint64_t map_start; /* of the first mapping, as /proc names it */
	uint64_t map_end;
};

struct runs {
	struct run *run;
	unsigned int count;
	unsigned int room;
};

/* One update on its way to the broker, in as many calls as its files need. */
struct update {
	struct emu_fd *dev;
	struct emu_req req;
	struct emu_fds fds;
	dev_t fd_dev;
	ino_t fd_ino;
	uint64_t uaddr;
	uint64_t blk;
};

static int
runs_add(struct runs *runs, const struct run *run, bool merge)
{
	struct run *last = runs->count > 0 ? &runs->run[runs->count - 1] : NULL;

	if (merge && last != NULL && last->dev == run->dev && last->ino == run->ino &&
			last->addr + last->size == run->addr &&
			last->offset + last->size == run->offset) {
		last->size += run->size;
		return 0;
	}
	if (runs->count == runs->room) {
		unsigned int room = runs->room ? runs->room * 2 : 64;
		struct run *bigger = realloc(runs->run, room * sizeof(*bigger));

		if (bigger == NULL)
			return -ENOMEM;
		runs->run = bigger;
		runs->room = room;
	}
	runs->run[runs->count++] = *run;
	return 0;
}

/* One line of /proc/self/maps, cut to [from, to). Return: 1 if it is a shared file mapping there.
 */
static int
parse_map(const char *line, uint64_t from, uint64_t to, struct run *run)
{
	unsigned long long start, end, offset, ino;
	unsigned int major, minor;
	char prot[5];

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu", &start, &end, prot, &offset, &major,
			    &minor, &ino) != 7 ||
			end <= from || start >= to)
		return 0;
	if (prot[3] != 's' || ino == 0) {
		fprintf(stderr,
				"vduse-emu: memory %llx-%llx is no shared file mapping, which the "
				"kernel leaves out of the IOTLB without a word\n",
				start, end);
		return 0;
	}
	run->map_start = start;
	run->map_end = end;
	run->addr = start < from ? from : start;
	run->size = (end > to ? to : end) - run->addr;
	run->offset = offset + run->addr - start;
	run->dev = makedev(major, minor);
	run->ino = ino;
	return 1;
}

static int
find_runs(struct runs *runs, uint64_t from, uint64_t to, bool merge)
{
	FILE *maps = real.fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0;
	struct run run;
	int ret = maps == NULL ? -errno : 0;

	while (ret == 0 && getline(&line, &room, maps) > 0)
		if (parse_map(line, from, to, &run))
			ret = runs_add(runs, &run, merge);
	free(line);
	if (maps != NULL)
		fclose(maps);
	return ret;
}

/* Without the right to use map_files: a descriptor of the same file that this process has open. */
static int
find_own_fd(const struct run *run)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	struct stat st;
	int fd, found = -ENOENT;

	if (dir == NULL)
		return -errno;
	while (found < 0 && (entry = readdir(dir)) != NULL) {
		fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && syscall(SYS_fstat, fd, &st) == 0 &&
				st.st_ino == run->ino && S_ISREG(st.st_mode))
			found = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	closedir(dir);
	return found;
}

static int
open_file(const struct run *run)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx",
			(unsigned long long)run->map_start, (unsigned long long)run->map_end);
	fd = real.open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		fd = real.open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = find_own_fd(run);
	if (fd < 0)
		fprintf(stderr, "vduse-emu: cannot open the file behind %s: %s\n", path,
				strerror(-fd));
	return fd;
}

static struct emu_map_head *
head_of(struct update *update)
{
	return (struct emu_map_head *)update->req.data;
}

static int64_t
flush(struct update *update, bool last)
{
	struct emu_map_head *head = head_of(update);
	struct emu_rsp rsp;
	int64_t ret;

	head->last = last;
	update->req.len = sizeof(*head) + head->count * sizeof(struct emu_map_piece);
	ret = emu_call(&update->req, &update->fds, &rsp, NULL);
	emu_fds_close(&update->fds);
	head->count = 0;
	head->first = 0;
	return ret;
}

static int64_t
add_piece(struct update *update, const struct run *run, uint64_t at, uint64_t size)
{
	struct emu_map_head *head = head_of(update);
	struct emu_map_piece *piece = (struct emu_map_piece *)(head + 1);
	bool known = update->fds.count > 0 && update->fd_dev == run->dev &&
		     update->fd_ino == run->ino;
	int64_t ret;

	if (head->count == EMU_PIECES_MAX || (!known && update->fds.count == EMU_FDS_MAX)) {
		ret = flush(update, false);
		if (ret < 0)
			return ret;
		known = false;
	}
	if (!known) {
		int fd = open_file(run);

		if (fd < 0)
			return -EFAULT;
		update->fds.fd[update->fds.count++] = fd;
		update->fd_dev = run->dev;
		update->fd_ino = run->ino;
	}
	piece[head->count++] = (struct emu_map_piece){
		.iova = head->iova + (run->addr - update->uaddr) + at,
		.size = size,
		.offset = run->offset + at,
		.fd = update->fds.count - 1,
	};
	return 0;
}

/* Bytes of a page of the file: 4 KiB, or a huge page's. */
static uint64_t
block_of(const struct run *run)
{
	struct stat st;
	uint64_t blk = PAGE;
	int fd = open_file(run);

	if (fd < 0)
		return PAGE;
	if (syscall(SYS_fstat, fd, &st) == 0 && st.st_blksize > (blksize_t)PAGE)
		blk = st.st_blksize;
	syscall(SYS_close, fd);
	return blk;
}

/* Whole runs, as the kernel does; or each cut into dev->regions at page boundaries. */
static int64_t
cut_run(struct update *update, const struct run *run)
{
	uint64_t step = run->size, blk, at;
	int64_t ret = 0;

	if (update->dev->regions > 1) {
		blk = block_of(run);
		step = run->size / update->dev->regions / blk * blk;
		if (step == 0)
			step = blk;
	}
	for (at = 0; ret == 0 && at < run->size; at += step)
		ret = add_piece(update, run, at, run->size - at < step ? run->size - at : step);
	return ret;
}

static int64_t
send_update(struct emu_fd *dev, const struct vhost_iotlb_msg *msg, uint32_t asid)
{
	struct update update = { .dev = dev,
		.req = { .op = EMU_MAP, .file = dev->file, .ino = dev->ino } };
	struct emu_map_head *head = head_of(&update);
	struct runs runs = { 0 };
	int64_t ret;

	*head = (struct emu_map_head){
		.iova = msg->iova, .size = msg->size, .asid = asid, .perm = msg->perm, .first = 1
	};
	update.uaddr = msg->uaddr;
	ret = find_runs(&runs, msg->uaddr, msg->uaddr + msg->size, dev->regions > 0);
	for (unsigned int i = 0; ret == 0 && i < runs.count; i++)
		ret = cut_run(&update, &runs.run[i]);
	if (ret == 0)
		ret = flush(&update, true);
	emu_fds_close(&update.fds);
	free(runs.run);
	return ret;
}

static int64_t
send_other(struct emu_fd *dev, const struct vhost_iotlb_msg *msg, uint32_t asid)
{
	struct emu_req req = {
		.op = EMU_WRITE, .file = dev->file, .ino = dev->ino, .arg = msg->type
	};
	struct emu_map_head head = { .iova = msg->iova, .size = msg->size, .asid = asid };
	struct emu_rsp rsp;

	memcpy(req.data, &head, sizeof(head));
	req.len = sizeof(head);
	return emu_call(&req, NULL, &rsp, NULL);
}

/* vhost_chr_write_iter() */
int64_t
vhost_write(struct emu_fd *dev, const void *buf, size_t len)
{
	struct vhost_iotlb_msg msg;
	size_t head = offsetof(struct vhost_msg_v2, iotlb);
	uint32_t type, asid = 0;
	int64_t ret;

	if (len < head + sizeof(msg)) {
		fprintf(stderr, "vduse-emu: vhost message of %zu bytes\n", len);
		return -EINVAL;
	}
	memcpy(&type, buf, sizeof(type));
	memcpy(&msg, (const char *)buf + head, sizeof(msg));
	if (type == VHOST_IOTLB_MSG_V2)
		memcpy(&asid, (const char *)buf + sizeof(type), sizeof(asid));
	else if (type != VHOST_IOTLB_MSG)
		return -EINVAL;
	if ((msg.type == VHOST_IOTLB_UPDATE || msg.type == VHOST_IOTLB_INVALIDATE) && msg.size == 0)
		return -EINVAL;
	ret = msg.type == VHOST_IOTLB_UPDATE ? send_update(dev, &msg, asid)
					     : send_other(dev, &msg, asid);
	if (ret < 0)
		return ret;
	return type == VHOST_IOTLB_MSG ? sizeof(struct vhost_msg) : sizeof(struct vhost_msg_v2);
}
