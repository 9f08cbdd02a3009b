/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "life/handover_msg.h"
#include "life/statefile.h"
#include "life/takeover.h"
#include "log.h"

/* How long the process before may be busy, before it counts as stuck. */
#define TAKEOVER_WAIT_MS 20000

static int
takeover_connect(const char *dir, const char *file)
{
	struct sockaddr_un addr;
	int dir_fd, fd, ret;

	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	/* whoever does not accept must not hold us up either */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = fd < 0 ? -errno : vduse_handover_address(&addr, dir_fd, file);
	if (ret == 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	close(dir_fd);
	if (ret == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Whether there is something to read, or the other went away. */
static bool
takeover_wait(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&wait, 1, TAKEOVER_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

static int
takeover_failed(const char *name, int err, const char *why)
{
	VDUSE_LOG(ERR, "%s: the process that serves it goes on: %s", name, why);
	return err;
}

/* Say something, and have the answer. Returns 1, 0: the other went away, -errno with a line. */
static int
takeover_talk(int fd, const char *name, const struct vduse_handover_msg *say,
		struct vduse_handover_msg *answer, int *fds)
{
	int ret;

	if (vduse_handover_send(fd, say, NULL, 0) < 0)
		return 0;
	if (!takeover_wait(fd))
		return takeover_failed(name, -ETIMEDOUT,
				"it does not answer for 20 s: stop it, and start this one again");
	ret = vduse_handover_receive(fd, answer, fds);
	if (ret == 0)
		return 0;
	if (ret == 1 && answer->type == VDUSE_HANDOVER_REFUSED)
		return takeover_failed(name, -EBUSY, answer->reason);
	if (ret == -EPROTONOSUPPORT)
		return takeover_failed(name, ret,
				answer->type == VDUSE_HANDOVER_REFUSED
						? answer->reason
						: "its protocol of take-over has another version: "
						  "stop it, and start this one again");
	if (ret < 0)
		return takeover_failed(name, -EPROTO,
				"it does not speak the protocol of take-over: stop it, and start "
				"this one again");
	return 1;
}

static int
takeover_greet(int fd, const char *name, uint32_t device_id, int *store_fd)
{
	struct vduse_handover_msg hello, answer;
	int fds[VDUSE_HANDOVER_FDS_MAX] = { -1, -1 };
	int ret;

	vduse_handover_init_msg(&hello, VDUSE_HANDOVER_HELLO);
	hello.device_id = device_id;
	ret = takeover_talk(fd, name, &hello, &answer, fds);
	if (ret <= 0)
		return ret;
	if (answer.type == VDUSE_HANDOVER_WELCOME) {
		*store_fd = fds[0];
		return 1;
	}
	if (answer.type == VDUSE_HANDOVER_COMMIT) {
		close(fds[0]);
		close(fds[1]);
	}
	return takeover_failed(
			name, -EPROTO, "its answer is none: stop it, and start this one again");
}

int
vduse_takeover_hello(const char *dir, const char *name, uint32_t device_id, int *fd, int *store_fd)
{
	char file[NAME_MAX + 1];
	int ret;

	vduse_statefile_file_name(file, sizeof(file), name, "sock");
	*fd = takeover_connect(dir, file);
	if (*fd == -EAGAIN)
		return takeover_failed(name, -EBUSY, "others ask it for the device already");
	ret = *fd < 0 ? 0 : -EPERM;
	if (*fd >= 0 && vduse_handover_is_trusted(*fd))
		ret = takeover_greet(*fd, name, device_id, store_fd);
	else if (*fd >= 0)
		takeover_failed(name, ret, "it is another user's");
	if (ret == 0)
		VDUSE_LOG(NOTICE, "%s: no process serves it from %s: nothing to take over", name,
				dir);
	if (ret <= 0 && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}

int
vduse_takeover_ready(int fd, const char *name, struct vduse_takeover_gift *gift)
{
	struct vduse_handover_msg ready, answer;
	int fds[VDUSE_HANDOVER_FDS_MAX] = { -1, -1 };
	int ret;

	vduse_handover_init_msg(&ready, VDUSE_HANDOVER_READY);
	ret = takeover_talk(fd, name, &ready, &answer, fds);
	if (ret <= 0)
		return ret;
	if (answer.type == VDUSE_HANDOVER_COMMIT) {
		gift->device_fd = fds[0];
		gift->listen_fd = fds[1];
		gift->stopped_ns = answer.stopped_ns;
		return 1;
	}
	if (answer.type == VDUSE_HANDOVER_WELCOME)
		close(fds[0]);
	return takeover_failed(
			name, -EPROTO, "its answer is none: stop it, and start this one again");
}

void
vduse_takeover_done(int fd)
{
	struct vduse_handover_msg msg;

	vduse_handover_init_msg(&msg, VDUSE_HANDOVER_DONE);
	/* where it has ended meanwhile, nobody else has the device */
	vduse_handover_send(fd, &msg, NULL, 0);
}
