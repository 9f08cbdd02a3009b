/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A runtime may kill us while the IPAM plug-in is at work, which nobody kills with us: an address
 * that it reserves when DEL or GC has been would be reserved for good. So it has a lock (flock(2))
 * of the attachment's from us, which is held until it has ended too, and who comes later waits for
 * that.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni.h"

#define FOLDER "/run/dpdk-vduse-cni"

/* Seconds that one which hangs is waited for. */
#define PATIENCE 20

static void
wake_up(int sig)
{
	(void)sig;
}

static int
wait_for(int fd)
{
	const struct sigaction action = { .sa_handler = wake_up };
	int ret;

	sigaction(SIGALRM, &action, NULL);
	alarm(PATIENCE);
	ret = flock(fd, LOCK_EX);
	alarm(0);
	return ret;
}

int
lock_take(struct cni *cni, const char *device, struct lock *lock)
{
	struct stat st = { .st_nlink = 1 };

	lock->fd = -1;
	snprintf(lock->path, sizeof(lock->path), FOLDER "/%s", device);
	mkdir(FOLDER, 0700);
	do {
		if (lock->fd >= 0)
			close(lock->fd);
		/* the IPAM plug-in is to have it: no O_CLOEXEC */
		lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
		if (lock->fd < 0)
			return 0; /* a runtime without the right to */
		if (wait_for(lock->fd) < 0) {
			close(lock->fd);
			return cni_fail(cni, CNI_AGAIN,
					"the IPAM plug-in of another call is still at work",
					"%s is locked by it, see /proc/locks: end it, or try again",
					lock->path);
		}
		/* the one before us has removed it as its last act: then this is nobody's */
	} while (fstat(lock->fd, &st) == 0 && st.st_nlink == 0);
	return 0;
}

void
lock_release(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	unlink(lock->path);
	close(lock->fd);
}
