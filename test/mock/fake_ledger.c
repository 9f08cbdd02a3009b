/* SPDX-License-Identifier: BSD-3-Clause */

/* What the fake kernel gave out, and what is to fail. */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake_kernel_priv.h"

#define FK_FDS_MAX  4096
#define FK_MAPS_MAX 4096

/* What was given out. */
static struct {
	int fds[FK_FDS_MAX]; /* value + 1; 0: free */
	struct {
		void *addr;
		size_t len;
		struct stat file;
	} maps[FK_MAPS_MAX];
	unsigned int errors;
	const char *error; /* the last of them */
} ledger;

/* Locked. */
static void
ledger_error(const char *what)
{
	ledger.errors++;
	ledger.error = what;
}

/* What is to fail. */
static struct {
	unsigned long call; /* 0: any */
	unsigned int skip;
	unsigned int times;
	int err;
	bool met; /* at least once */
} fault;

int
fk_ledger_open(int fd)
{
	unsigned int i;

	for (i = 0; i < FK_FDS_MAX && ledger.fds[i] != 0; i++)
		;
	assert(i < FK_FDS_MAX);
	ledger.fds[i] = fd + 1;
	return fd;
}

bool
fk_ledger_close(int fd)
{
	unsigned int i;

	for (i = 0; i < FK_FDS_MAX; i++) {
		if (ledger.fds[i] == fd + 1) {
			ledger.fds[i] = 0;
			return true;
		}
	}
	ledger_error("a descriptor is closed that is not open");
	return false;
}

int
fk_ledger_stray(const char *what)
{
	ledger_error(what);
	return -EBADF;
}

void
fk_ledger(struct fk_ledger *out)
{
	unsigned int i;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&fk.lock);
	for (i = 0; i < FK_FDS_MAX; i++)
		out->fds += ledger.fds[i] != 0;
	for (i = 0; i < FK_MAPS_MAX; i++)
		out->maps += ledger.maps[i].len != 0;
	for (i = 0; i < FK_DEVS_MAX; i++)
		out->devices += fk.devs[i].used;
	out->errors = ledger.errors;
	out->error = ledger.error;
	pthread_mutex_unlock(&fk.lock);
}

void
fk_fail(unsigned long call, unsigned int skip, unsigned int times, int err)
{
	pthread_mutex_lock(&fk.lock);
	fault.call = call;
	fault.skip = skip;
	fault.times = times;
	fault.err = err;
	fault.met = false;
	pthread_mutex_unlock(&fk.lock);
}

void
fk_fail_nth(unsigned int n, int err)
{
	fk_fail(0, n, 1, err);
}

unsigned int
fk_fail_left(void)
{
	unsigned int left;

	pthread_mutex_lock(&fk.lock);
	left = fault.times;
	pthread_mutex_unlock(&fk.lock);
	return left;
}

bool
fk_fail_done(void)
{
	bool done;

	pthread_mutex_lock(&fk.lock);
	done = fault.times == 0;
	fault.times = 0;
	pthread_mutex_unlock(&fk.lock);
	return done;
}

bool
fk_fail_wait(void)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FK_TIMEOUT_S;
	pthread_mutex_lock(&fk.lock);
	while (fault.times > 0)
		if (pthread_cond_timedwait(&fk.changed, &fk.lock, &until) != 0)
			break;
	done = fault.times == 0;
	pthread_mutex_unlock(&fk.lock);
	return done;
}

bool
fk_fault_met(void)
{
	return fault.met;
}

int
fk_fault_hit(unsigned long call)
{
	if (fault.times == 0 || (fault.call != 0 && fault.call != call))
		return 0;
	if (fault.skip > 0) {
		fault.skip--;
		return 0;
	}
	fault.times--;
	fault.met = true;
	pthread_cond_broadcast(&fk.changed);
	return fault.err;
}

/* Locked. */
static void
ledger_map(void *addr, size_t len, int fd)
{
	unsigned int i;

	for (i = 0; i < FK_MAPS_MAX && ledger.maps[i].len != 0; i++)
		;
	assert(i < FK_MAPS_MAX);
	ledger.maps[i].addr = addr;
	ledger.maps[i].len = len;
	fstat(fd, &ledger.maps[i].file);
}

void
fk_ledger_hide(int file)
{
	struct stat hidden;
	unsigned int i;

	fstat(file, &hidden);
	for (i = 0; i < FK_MAPS_MAX; i++)
		if (ledger.maps[i].len != 0 && ledger.maps[i].file.st_ino == hidden.st_ino &&
				ledger.maps[i].file.st_dev == hidden.st_dev)
			mprotect(ledger.maps[i].addr, ledger.maps[i].len, PROT_NONE);
}

/* Locked. */
static bool
ledger_unmap(void *addr, size_t len)
{
	unsigned int i;

	for (i = 0; i < FK_MAPS_MAX; i++) {
		if (ledger.maps[i].addr == addr && ledger.maps[i].len == len && len != 0) {
			ledger.maps[i].len = 0;
			return true;
		}
	}
	ledger_error("memory is unmapped that is not mapped");
	return false;
}

ssize_t
fk_page_size(int fd)
{
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(FK_PAGE_SIZE);
	pthread_mutex_unlock(&fk.lock);
	return ret != 0 ? ret : vduse_sys_kernel.page_size(fd);
}

int
fk_mmap(int fd, uint64_t offset, size_t len, int prot, void **addr)
{
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(FK_MAP);
	if (ret == 0)
		ret = vduse_sys_kernel.map(
				fd, offset, len, fk_umem_hides(fd) ? PROT_NONE : prot, addr);
	if (ret == 0)
		ledger_map(*addr, len, fd);
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

void
fk_munmap(void *addr, size_t len)
{
	pthread_mutex_lock(&fk.lock);
	if (ledger_unmap(addr, len))
		vduse_sys_kernel.unmap(addr, len);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_ledger_clear(void)
{
	unsigned int i;

	for (i = 0; i < FK_FDS_MAX; i++)
		if (ledger.fds[i] != 0)
			close(ledger.fds[i] - 1);
	for (i = 0; i < FK_MAPS_MAX; i++)
		if (ledger.maps[i].len != 0)
			munmap(ledger.maps[i].addr, ledger.maps[i].len);
	memset(&ledger, 0, sizeof(ledger));
	memset(&fault, 0, sizeof(fault));
}
