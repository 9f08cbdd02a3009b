/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "takeover.h"

#define NOBODY 65534

char takeover_dir[64];
struct sockaddr_un takeover_place;
struct takeover_other takeover_other;

static void
other_turn(void (**which)(void))
{
	void (*turn)(void) = *which;

	*which = NULL;
	if (turn != NULL)
		turn();
}

/* The test has its turn. */
int
__wrap_poll(struct pollfd *fds, nfds_t nfds, int ms)
{
	assert_in_range(ms, 1, 60000);
	takeover_other.waits++;
	if (takeover_other.interrupts > 0) {
		takeover_other.interrupts--;
		errno = EINTR;
		return -1;
	}
	other_turn(&takeover_other.turn);
	return takeover_other.deaf ? 0 : __real_poll(fds, nfds, ms);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *hdr, int flags)
{
	other_turn(&takeover_other.before_send);
	return __real_sendmsg(fd, hdr, flags);
}

void
takeover_folder(void)
{
	strcpy(takeover_dir, "/dev/shm/handover.XXXXXX");
	assert_non_null(mkdtemp(takeover_dir));
	memset(&takeover_place, 0, sizeof(takeover_place));
	takeover_place.sun_family = AF_UNIX;
	snprintf(takeover_place.sun_path, sizeof(takeover_place.sun_path), "%s/unit.sock",
			takeover_dir);
	memset(&takeover_other, 0, sizeof(takeover_other));
	unit_log_clear();
}

void
takeover_as_nobody(int fd, bool listening)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		if (listening)
			_exit(listen(fd, 1) < 0);
		_exit(connect(fd, (struct sockaddr *)&takeover_place, sizeof(takeover_place)) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
takeover_create(struct rte_vduse_net **net, bool takeover, bool keep)
{
	const struct rte_vduse_net_conf conf = { .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.dev.takeover = takeover,
		.dev.keep = keep,
		.dev.keep_unattached = true,
		.dev.adopt = takeover,
		.dev.state_dir = takeover_dir };

	return rte_vduse_net_create(&conf, net);
}

void
takeover_say(int fd, const struct vduse_handover_msg *msg, size_t len, unsigned int nb_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
	char room[CMSG_SPACE(4 * sizeof(int))] __rte_aligned(sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int fds[4] = { 0 };
	unsigned int i;

	assert_in_range(nb_fds, 0, RTE_DIM(fds));
	for (i = 0; i < nb_fds; i++)
		fds[i] = memfd_create("gift", MFD_CLOEXEC);
	if (nb_fds > 0) {
		hdr.msg_control = room;
		hdr.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nb_fds * sizeof(int));
	}
	assert_int_equal(__real_sendmsg(fd, &hdr, MSG_NOSIGNAL), len);
	for (i = 0; i < nb_fds; i++)
		close(fds[i]);
}

void
takeover_say_type(int fd, enum vduse_handover_type type)
{
	struct vduse_handover_msg msg;

	vduse_handover_init_msg(&msg, type);
	msg.device_id = 1;
	takeover_say(fd, &msg, sizeof(msg), 0);
}

void
takeover_hear(int fd, enum vduse_handover_type type, int *fds)
{
	struct vduse_handover_msg msg;

	assert_int_equal(vduse_handover_receive(fd, &msg, fds), 1);
	assert_int_equal(msg.type, type);
	assert_int_equal(msg.reason[0] != '\0', type == VDUSE_HANDOVER_REFUSED);
	assert_int_equal(msg.stopped_ns != 0, type == VDUSE_HANDOVER_COMMIT);
}

ino_t
takeover_file(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return st.st_ino;
}
