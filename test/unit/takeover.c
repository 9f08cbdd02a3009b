/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "takeover.h"

#define NOBODY 65534

char takeover_dir[64];
struct sockaddr_un takeover_place;
struct takeover_other takeover_other;

static void
other_turn(void)
{
	void (*turn)(void) = takeover_other.turn;

	takeover_other.turn = NULL;
	if (turn != NULL)
		turn();
}

/* Not so long as it really is. */
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
	other_turn();
	return __real_poll(fds, nfds, 20);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *hdr, int flags)
{
	other_turn();
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
takeover_create(struct rte_vduse_net **net, bool takeover)
{
	const struct rte_vduse_net_conf conf = { .name = "unit",
		.queue_pairs = 1,
		.queue_size = BENCH_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.takeover = takeover,
		.adopt = takeover,
		.state_dir = takeover_dir };

	return rte_vduse_net_create(&conf, net);
}

void
takeover_assert_file(int fd, ino_t ino)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}
