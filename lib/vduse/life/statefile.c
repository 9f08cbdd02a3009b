/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life/statefile.h"
#include "log.h"

#define STORE_MAGIC "VDUSEST"

/* A process that was killed keeps its descriptors until the kernel has taken it apart. */
#define STORE_BUSY_WAIT_MS 3000
#define STORE_BUSY_STEP_MS 5

/* A longer name is cut, and made distinct by its hash: the address of a socket has 108 bytes. */
#define STORE_NAME_MAX 48

static uint64_t
store_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	/* FNV-1a */
	while (len-- > 0)
		hash = (hash ^ *bytes++) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t
store_checksum(const struct vduse_statefile_head *head)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = store_hash(hash, head->name, sizeof(head->name));
	return store_hash(hash, &head->desc, sizeof(head->desc));
}

void
vduse_statefile_file_name(char *file, size_t size, const char *name, const char *kind)
{
	if (strlen(name) <= STORE_NAME_MAX)
		snprintf(file, size, "%s.%s", name, kind);
	else
		snprintf(file, size, "%.*s-%016" PRIx64 ".%s", STORE_NAME_MAX, name,
				store_hash(0, name, strlen(name)), kind);
}

static size_t
store_bytes(const struct vduse_statefile_desc *desc)
{
	return sizeof(struct vduse_statefile_head) +
	       desc->nb_queues * vduse_journal_bytes(desc->queue_size);
}

/* Open the folder, and see that nobody else can put things there. */
static int
store_open_dir(const char *dir, const char *name)
{
	struct stat st;
	int fd, ret;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && mkdir(dir, 0700) == 0)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		VDUSE_LOG(ERR, "%s: cannot open the state folder %s: %s; give another (state-dir)",
				name, dir, strerror(-ret));
		return ret;
	}
	if (fstat(fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) &&
			(st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	close(fd);
	VDUSE_LOG(ERR,
			"%s: the state folder %s must belong to this user or root, and nobody else "
			"may "
			"write to it; give another (state-dir)",
			name, dir);
	return -EPERM;
}

/* Why the file cannot be one of ours; NULL: it can. */
static const char *
store_foreign(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != geteuid())
		return "it belongs to another user";
	if (st->st_nlink != 1)
		return "it has other names";
	if ((st->st_mode & 0177) != 0)
		return "others may read or write it";
	return NULL;
}

static void
store_log_ignored(const struct vduse_statefile *store, const char *why)
{
	VDUSE_LOG(NOTICE, "state file %s: %s: it is ignored", store->file, why);
}

static int
store_open_file(struct vduse_statefile *store)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	const char *why = "it cannot be opened";
	struct stat st;

	store->fd = openat(store->dir_fd, store->file, flags, 0600);
	if (store->fd >= 0) {
		if (fstat(store->fd, &st) < 0)
			return -errno;
		why = store_foreign(&st);
		if (why == NULL)
			return 0;
		close(store->fd);
	}
	store_log_ignored(store, why);
	if (unlinkat(store->dir_fd, store->file, 0) < 0 && errno != ENOENT &&
			unlinkat(store->dir_fd, store->file, AT_REMOVEDIR) < 0)
		return -errno;
	store->fd = openat(store->dir_fd, store->file, flags | O_EXCL, 0600);
	return store->fd < 0 ? -errno : 0;
}

/* Whether the name still leads to the file that is locked. */
static bool
store_is_current(const struct vduse_statefile *store)
{
	struct stat have, named;

	return fstat(store->fd, &have) == 0 &&
	       fstatat(store->dir_fd, store->file, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       have.st_ino == named.st_ino && have.st_dev == named.st_dev;
}

static int
store_lock(struct vduse_statefile *store)
{
	unsigned int waited;
	int ret;

	for (waited = 0;; waited += STORE_BUSY_STEP_MS) {
		ret = store_open_file(store);
		if (ret < 0)
			return ret;
		if (flock(store->fd, LOCK_EX | LOCK_NB) == 0) {
			if (store_is_current(store))
				return 0;
			ret = -EWOULDBLOCK;
		} else {
			ret = -errno;
		}
		close(store->fd);
		if (ret != -EWOULDBLOCK)
			return ret;
		if (waited >= STORE_BUSY_WAIT_MS)
			return -EBUSY;
		usleep(STORE_BUSY_STEP_MS * 1000);
	}
}

/* Out of the way, and not lost: another version of the program may know what it says. */
static int
store_set_aside(struct vduse_statefile *store, const char *why, uint32_t version)
{
	const int fd = store->fd;
	int ret, n;

	if (version != 0)
		n = snprintf(store->aside, sizeof(store->aside), "%s.v%u", store->file, version);
	else
		n = snprintf(store->aside, sizeof(store->aside), "%s.bad", store->file);
	if (n >= (int)sizeof(store->aside))
		return -ENAMETOOLONG;
	if (renameat(store->dir_fd, store->file, store->dir_fd, store->aside) < 0) {
		store->aside[0] = '\0';
		return -errno;
	}
	ret = store_lock(store);
	if (ret < 0) {
		store->fd = fd;
		return ret;
	}
	close(fd);
	VDUSE_LOG(NOTICE, "state file %s: %s: it is ignored, and kept as %s", store->file, why,
			store->aside);
	return 0;
}

/* The file that was set aside is the device's again: this one never came to anything. */
static void
store_put_back(struct vduse_statefile *store)
{
	if (store->aside[0] != '\0' &&
			renameat(store->dir_fd, store->aside, store->dir_fd, store->file) < 0)
		VDUSE_LOG(WARNING, "state file %s stays where it is: %s", store->aside,
				strerror(errno));
}

static const char *
store_check_head(const struct vduse_statefile_head *head, const char *name, uint64_t size)
{
	if (memcmp(head->magic, STORE_MAGIC, sizeof(head->magic)) != 0)
		return "it is none of ours";
	if (head->version != VDUSE_STATEFILE_VERSION)
		return "it has another version";
	if (head->stage != VDUSE_STATEFILE_CREATING && head->stage != VDUSE_STATEFILE_SERVED)
		return "it is not finished";
	if (head->checksum != store_checksum(head))
		return "it is damaged";
	if (strncmp(head->name, name, sizeof(head->name)) != 0)
		return "it is another device's";
	if (head->desc.nb_queues == 0 || head->desc.queue_size == 0 ||
			head->desc.queue_size > INT16_MAX + 1)
		return "it is damaged";
	if (head->bytes != size || size != store_bytes(&head->desc))
		return "it has not the size it should have";
	return NULL;
}

/* Map what is there, if it is good for anything; else *why it is not, and of which version. */
static int
store_load(struct vduse_statefile *store, const char *name, const char **why, uint32_t *version)
{
	struct stat st;
	const struct vduse_statefile_head *head;
	void *addr;

	if (fstat(store->fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0; /* new */
	if (st.st_size < (off_t)sizeof(struct vduse_statefile_head)) {
		*why = "it is too short";
		return 0;
	}
	addr = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, store->fd,
			0);
	if (addr == MAP_FAILED)
		return -errno;
	*why = store_check_head(addr, name, st.st_size);
	if (*why != NULL) {
		head = addr;
		if (memcmp(head->magic, STORE_MAGIC, sizeof(head->magic)) == 0 &&
				head->version != VDUSE_STATEFILE_VERSION)
			*version = head->version;
		munmap(addr, st.st_size);
		return 0;
	}
	store->head = addr;
	store->bytes = st.st_size;
	return 0;
}

/* The same; what cannot be used is out of the way then, or stays the process's that gave it. */
static int
store_load_or_begin(struct vduse_statefile *store, const char *name, bool given)
{
	const char *why = NULL;
	uint32_t version = 0;
	int ret;

	ret = store_load(store, name, &why, &version);
	if (ret < 0 || why == NULL)
		return ret;
	if (!given)
		return store_set_aside(store, why, version);
	VDUSE_LOG(ERR,
			"%s: the process that serves it goes on: state file %s: %s; stop that "
			"process, and start this one again",
			name, store->file, why);
	return -EPROTO;
}

/* How far the process before came, by a file of which only this reader has the descriptor. */
static int
store_peek_file(int fd, const char *name)
{
	struct vduse_statefile_head head;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPROTO;
	if (st.st_size == 0)
		return VDUSE_STATEFILE_EMPTY;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
			store_check_head(&head, name, st.st_size) != NULL)
		return -EPROTO;
	return head.stage;
}

int
vduse_statefile_peek(const char *dir, const char *name, bool *locked)
{
	char file[NAME_MAX + 1], path[PATH_MAX];
	int fd, ret;

	*locked = false;
	vduse_statefile_file_name(file, sizeof(file), name, "state");
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? VDUSE_STATEFILE_EMPTY : -errno;
	*locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	ret = store_peek_file(fd, name);
	close(fd);
	return ret;
}

int
vduse_statefile_open(struct vduse_statefile **out, const char *dir, const char *name, int fd)
{
	struct vduse_statefile *store;
	int ret;

	store = calloc(1, sizeof(*store));
	if (store == NULL) {
		ret = -ENOMEM;
		goto close_given;
	}
	vduse_statefile_file_name(store->file, sizeof(store->file), name, "state");
	vduse_statefile_file_name(store->socket, sizeof(store->socket), name, "sock");
	store->dir_fd = store_open_dir(dir, name);
	if (store->dir_fd < 0) {
		ret = store->dir_fd;
		goto free_store;
	}
	store->fd = fd;
	ret = fd >= 0 ? 0 : store_lock(store);
	if (ret == -EBUSY)
		VDUSE_LOG(ERR, "%s: another process serves it and has locked %s/%s; stop that one",
				name, dir, store->file);
	else if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot open the state file %s/%s: %s", name, dir, store->file,
				strerror(-ret));
	if (ret < 0)
		goto close_dir;
	ret = store_load_or_begin(store, name, fd >= 0);
	if (ret < 0 && ret != -EPROTO)
		VDUSE_LOG(ERR, "%s: cannot use the state file %s/%s: %s", name, dir, store->file,
				strerror(-ret));
	if (ret < 0)
		goto close_file;
	*out = store;
	return 0;

close_file:
	store_put_back(store);
	if (fd < 0)
		close(store->fd);
close_dir:
	close(store->dir_fd);
free_store:
	free(store);
close_given:
	if (fd >= 0)
		close(fd);
	return ret;
}

static void
store_unmap(struct vduse_statefile *store)
{
	if (store->head != NULL)
		munmap(store->head, store->bytes);
	store->head = NULL;
}

void
vduse_statefile_close(struct vduse_statefile *store, bool remove)
{
	if (store == NULL)
		return;
	store_unmap(store);
	store_put_back(store);
	if (remove && store->aside[0] == '\0' && unlinkat(store->dir_fd, store->file, 0) < 0)
		VDUSE_LOG(WARNING, "state file %s: cannot remove it: %s", store->file,
				strerror(errno));
	close(store->fd);
	close(store->dir_fd);
	free(store);
}

static void
store_remove_name(int dir_fd, const char *file)
{
	if (unlinkat(dir_fd, file, 0) < 0 && errno != ENOENT)
		VDUSE_LOG(WARNING, "state file %s: cannot remove it: %s", file, strerror(errno));
}

/*
 * Root removes what a service's user has left: in a folder that is neither's own nothing is opened,
 * since its user may put there what it likes; the names go. Return: whether it is such a folder.
 */
static bool
store_remove_for_user(const char *dir, const char *state, const char *sock)
{
	struct stat st;
	bool is;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is = geteuid() == 0 && fstat(fd, &st) == 0 && st.st_uid != 0;
	if (is) {
		store_remove_name(fd, state);
		store_remove_name(fd, sock);
	}
	close(fd);
	return is;
}

void
rte_vduse_state_remove(const char *dir, const char *name)
{
	struct vduse_statefile *store;
	char state[sizeof(store->file)], sock[sizeof(store->socket)];

	vduse_statefile_file_name(state, sizeof(state), name, "state");
	vduse_statefile_file_name(sock, sizeof(sock), name, "sock");
	if (access(dir, F_OK) != 0 || store_remove_for_user(dir, state, sock) ||
			vduse_statefile_open(&store, dir, name, -1) != 0)
		return;
	/* nobody serves it: of a process that was killed */
	store_remove_name(store->dir_fd, store->socket);
	vduse_statefile_close(store, true);
}

enum vduse_statefile_stage
vduse_statefile_stage(const struct vduse_statefile *store)
{
	return store->head != NULL ? store->head->stage : VDUSE_STATEFILE_EMPTY;
}

int
vduse_statefile_format(struct vduse_statefile *store, const char *name,
		const struct vduse_statefile_desc *desc)
{
	const size_t bytes = store_bytes(desc);
	struct vduse_statefile_head *head;
	int ret;

	store_unmap(store);
	/* room for all of it now: a full file system must not be found out by a store */
	if (ftruncate(store->fd, 0) < 0)
		return -errno;
	ret = posix_fallocate(store->fd, 0, bytes);
	if (ret != 0)
		return -ret;
	head = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, store->fd, 0);
	if (head == MAP_FAILED)
		return -errno;
	memcpy(head->magic, STORE_MAGIC, sizeof(head->magic));
	head->version = VDUSE_STATEFILE_VERSION;
	head->bytes = bytes;
	snprintf(head->name, sizeof(head->name), "%s", name);
	head->desc = *desc;
	head->checksum = store_checksum(head);
	store->head = head;
	store->bytes = bytes;
	rte_compiler_barrier();
	__atomic_store_n(&head->stage, VDUSE_STATEFILE_CREATING, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	return 0;
}

void
vduse_statefile_creating(struct vduse_statefile *store)
{
	__atomic_store_n(&store->head->stage, VDUSE_STATEFILE_CREATING, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	vduse_statefile_set_status(store, 0, VDUSE_STATEFILE_RUNS);
}

void
vduse_statefile_served(struct vduse_statefile *store, const struct vduse_statefile_id *id)
{
	store->head->id = *id;
	rte_compiler_barrier();
	__atomic_store_n(&store->head->stage, VDUSE_STATEFILE_SERVED, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	store->aside[0] = '\0'; /* it stays there */
}

void *
vduse_statefile_record(const struct vduse_statefile *store, uint16_t index)
{
	return (uint8_t *)(store->head + 1) +
	       index * vduse_journal_bytes(store->head->desc.queue_size);
}

void
vduse_statefile_set_status(
		struct vduse_statefile *store, uint8_t status, enum vduse_statefile_halt halt)
{
	if (store == NULL)
		return;
	__atomic_store_n(&store->head->halt, halt, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	__atomic_store_n(&store->head->status, status, __ATOMIC_RELAXED);
	rte_compiler_barrier();
}

int
vduse_statefile_write(struct vduse_statefile_blob *blob, const void *data, size_t len)
{
	const uint32_t other = (blob->current & 1) ^ 1;

	if (len > sizeof(blob->data[0]))
		return -E2BIG;
	memcpy(blob->data[other], data, len);
	blob->len[other] = len;
	rte_compiler_barrier();
	__atomic_store_n(&blob->current, other, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	return 0;
}

void
vduse_statefile_patch(
		struct vduse_statefile_blob *blob, uint32_t offset, const void *data, uint32_t len)
{
	const uint32_t half = blob->current & 1;
	uint8_t whole[VDUSE_JOURNAL_BLOB_MAX];

	if (blob->len[half] > sizeof(whole) || offset > blob->len[half] ||
			len > blob->len[half] - offset)
		return;
	memcpy(whole, blob->data[half], blob->len[half]);
	memcpy(whole + offset, data, len);
	vduse_statefile_write(blob, whole, blob->len[half]);
}

size_t
vduse_statefile_read(const struct vduse_statefile_blob *blob, void *data, size_t len)
{
	const uint32_t half = blob->current & 1;

	if (blob->len[half] != len || len > sizeof(blob->data[0]))
		return 0;
	memcpy(data, blob->data[half], len);
	return len;
}

int
vduse_statefile_boot(char boot[40])
{
	ssize_t n;
	int fd;

	memset(boot, 0, 40);
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, boot, 36);
	close(fd);
	return n == 36 ? 0 : -EIO;
}
