/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that take a path: the three devices open on the broker, the rest looks below its folder. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload.h"

#define EXPORT __attribute__((visibility("default")))

static bool
starts(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

bool
path_is_device(const char *path)
{
	return starts(path, "/dev/vduse/") || starts(path, "/dev/vhost-vdpa-");
}

const char *
path_redirect(const char *path, char *room)
{
	static const char *const prefixes[] = { "/dev/vduse", "/dev/vhost-vdpa-", "/proc/devices",
		"/sys/class/vduse", "/sys/bus/vdpa" };

	if (path == NULL || emu_dir() == NULL)
		return path;
	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (starts(path, prefixes[i])) {
			snprintf(room, PATH_MAX, "%s%s", emu_dir(), path);
			return room;
		}
	}
	return path;
}

/* Bytes of `mode` matter only with O_CREAT and O_TMPFILE. */
static mode_t
mode_of(int flags, va_list *args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(*args, mode_t) : 0;
}

static int
open_any(int at, const char *path, int flags, mode_t mode)
{
	char room[PATH_MAX];

	if (emu_dir() != NULL && path != NULL && path_is_device(path))
		return emu_result(fd_open(path, flags));
	return real.openat(at, path_redirect(path, room), flags, mode);
}

#define OPEN_BODY(at)                 \
	va_list args;                 \
	mode_t mode;                  \
	va_start(args, flags);        \
	mode = mode_of(flags, &args); \
	va_end(args);                 \
	return open_any(at, path, flags, mode)

EXPORT int
open(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

EXPORT int
open64(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

EXPORT int
openat(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

EXPORT int
openat64(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

/* What _FORTIFY_SOURCE makes of an open() without mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

EXPORT int
__open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int
__open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT FILE *
fopen(const char *path, const char *mode)
{
	char room[PATH_MAX];

	(void)emu_dir();
	return real.fopen(path_redirect(path, room), mode);
}

EXPORT FILE *fopen64(const char *, const char *) __attribute__((alias("fopen")));

static int
stat_any(const char *path, struct stat *st, int flags)
{
	char room[PATH_MAX];

	return syscall(SYS_newfstatat, AT_FDCWD, path_redirect(path, room), st, flags);
}

EXPORT int
stat(const char *path, struct stat *st)
{
	return stat_any(path, st, 0);
}

EXPORT int
lstat(const char *path, struct stat *st)
{
	return stat_any(path, st, AT_SYMLINK_NOFOLLOW);
}

/* struct stat64 is the same on 64-bit machines. */
int emu_stat64(const char *path, struct stat *st) __asm__("stat64");
int emu_lstat64(const char *path, struct stat *st) __asm__("lstat64");

EXPORT int
emu_stat64(const char *path, struct stat *st)
{
	return stat_any(path, st, 0);
}

EXPORT int
emu_lstat64(const char *path, struct stat *st)
{
	return stat_any(path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
statx(int at, const char *path, int flags, unsigned int mask, struct statx *st)
{
	char room[PATH_MAX];

	return syscall(SYS_statx, at, path_redirect(path, room), flags, mask, st);
}

EXPORT int
access(const char *path, int mode)
{
	char room[PATH_MAX];

	return syscall(SYS_faccessat, AT_FDCWD, path_redirect(path, room), mode);
}

EXPORT ssize_t
readlink(const char *path, char *buf, size_t len)
{
	char room[PATH_MAX];

	return syscall(SYS_readlinkat, AT_FDCWD, path_redirect(path, room), buf, len);
}

EXPORT DIR *
opendir(const char *path)
{
	static DIR *(*next)(const char *);
	char room[PATH_MAX];

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "opendir");
	return next(path_redirect(path, room));
}
