/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two processes and the one above them: each is killed, both end in order, none is left. What
 * they do is to write who they are into a pipe.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/supervise.h"
#include "filter.h"

#define LIMIT_MS 120000

/* What a process says: who, and the pid. */
struct word {
	char who; /* 'b', 'p'; 'B', 'P': in order at its end */
	pid_t pid;
};

static struct {
	pid_t keeper;
	int pipe[2];
	char path[64];
	bool fails; /* the poller cannot begin */
	uint64_t alive_ms;
	bool reloads; /* there is a configuration file */
} rig;

static void
say(char who)
{
	const struct word word = { .who = who, .pid = getpid() };

	if (write(rig.pipe[1], &word, sizeof(word)) != sizeof(word))
		_exit(1);
}

static int
wait_for_end(const struct supervise_life *life, char who)
{
	struct pollfd pfds[] = { { .fd = life->end_fd, .events = POLLIN },
		{ .fd = life->reload_fd, .events = POLLIN },
		{ .fd = life->stats_fd, .events = POLLIN } };
	struct signalfd_siginfo sig;

	say(who);
	eventfd_write(life->ready_fd, 1);
	while (poll(pfds, 3, life->alive_ms != 0 ? (int)life->alive_ms / 2 : -1) >= 0 &&
			pfds[0].revents == 0) {
		eventfd_write(life->alive_fd, 1);
		if (read(life->reload_fd, &sig, sizeof(sig)) == sizeof(sig))
			say('h');
		if (read(life->stats_fd, &sig, sizeof(sig)) == sizeof(sig))
			say('u');
	}
	say((char)(who - 'a' + 'A'));
	return 0;
}

/* It speaks with the poller, whichever that is. */
static int
broker(void *ctx, const struct supervise_life *life)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)ctx;
	strcpy(to.sun_path, rig.path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return wait_for_end(life, life->first ? 'b' : 'c');
}

static int
poller(void *ctx, int listen_fd, const struct supervise_life *life)
{
	struct pollfd pfd = { .fd = listen_fd, .events = POLLIN };

	(void)ctx;
	if (rig.fails)
		return -EIO;
	poll(&pfd, 1, -1); /* one that connects waits for the poller, not the other way */
	return wait_for_end(life, 'p');
}

/* 'R', 'W' and 'S' of what is told; '-': somebody stands still. */
static void
tell(void *ctx, enum supervise_news news, const char *who)
{
	(void)ctx;
	(void)who;
	if (rig.alive_ms != 0)
		say("RW-S"[news]);
}

static void
keeper_start(void)
{
	const struct supervise_conf conf = { .broker = broker,
		.poller = poller,
		.path = rig.path,
		.alive_ms = rig.alive_ms,
		.tell = tell,
		.reloads = rig.reloads };

	rig.keeper = fork();
	if (rig.keeper == 0)
		_exit(supervise(&conf) == 0 ? 0 : 7);
	assert_true(rig.keeper > 0);
}

static int
setup(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	snprintf(rig.path, sizeof(rig.path), "/tmp/vduse-supervise-%d", (int)getpid());
	/* nohup(1) has it ignored, and who starts so ignores it, too */
	signal(SIGHUP, SIG_DFL);
	/* whom nobody waits for any more comes to this process */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return pipe2(rig.pipe, O_CLOEXEC);
}

static int
teardown(void **state)
{
	(void)state;
	close(rig.pipe[0]);
	close(rig.pipe[1]);
	unlink(rig.path);
	return 0;
}

/* The next that is said. */
static struct word
hear(void)
{
	struct pollfd pfd = { .fd = rig.pipe[0], .events = POLLIN };
	struct word word;

	assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
	assert_int_equal(read(rig.pipe[0], &word, sizeof(word)), sizeof(word));
	return word;
}

/* Both are there. */
static void
hear_both(pid_t *b, pid_t *p)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct word word = hear();

		assert_true(word.who == 'b' || word.who == 'p');
		*(word.who == 'b' ? b : p) = word.pid;
	}
	assert_int_not_equal(*b, 0);
	assert_int_not_equal(*p, 0);
}

static int
keeper_wait(void)
{
	int status;

	assert_int_equal(waitpid(rig.keeper, &status, 0), rig.keeper);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
assert_none_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(access(rig.path, F_OK), -1);
}

static void
test_order(void **state)
{
	pid_t b = 0, p = 0;
	struct stat st;

	(void)state;
	keeper_start();
	hear_both(&b, &p);
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0); /* nobody else's */
	kill(rig.keeper, SIGTERM);
	assert_int_equal(hear().who, 'B'); /* nobody asks any more when the poller ends */
	assert_int_equal(hear().who, 'P');
	assert_int_equal(keeper_wait(), 0);
	assert_none_left();
}

/* The one is another then, the other is not touched. */
static void
test_killed(void **state)
{
	pid_t b = 0, p = 0;
	struct word word;
	unsigned int i;

	(void)state;
	keeper_start();
	hear_both(&b, &p);
	for (i = 0; i < 4; i++) {
		kill(i % 2 == 0 ? p : b, SIGKILL);
		word = hear();
		/* 'c': it knows that it is not the first */
		assert_int_equal(word.who, i % 2 == 0 ? 'p' : 'c');
		assert_int_not_equal(word.pid, i % 2 == 0 ? p : b);
		*(i % 2 == 0 ? &p : &b) = word.pid;
		assert_int_equal(kill(i % 2 == 0 ? b : p, 0), 0);
	}
	kill(rig.keeper, SIGTERM);
	assert_int_equal(hear().who, 'C');
	assert_int_equal(hear().who, 'P');
	assert_int_equal(keeper_wait(), 0);
	assert_none_left();
}

/* Who cannot begin has said why: the other ends, and the service manager hears of it. */
static void
test_fails(void **state)
{
	struct word word;

	(void)state;
	rig.fails = true;
	keeper_start();
	word = hear();
	if (word.who == 'b')
		word = hear();
	assert_int_equal(word.who, 'B');
	assert_int_equal(keeper_wait(), 7);
	assert_none_left();
}

/* Killed itself, it takes both with it at once, and the next start finds the path free. */
static void
test_keeper_killed(void **state)
{
	pid_t b = 0, p = 0;
	int status;

	(void)state;
	keeper_start();
	hear_both(&b, &p);
	kill(rig.keeper, SIGKILL);
	assert_int_equal(waitpid(rig.keeper, &status, 0), rig.keeper);
	assert_int_equal(waitpid(b, &status, 0), b);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(p, &status, 0), p);
	assert_true(WIFSIGNALED(status));
	keeper_start();
	hear_both(&b, &p);
	kill(rig.keeper, SIGINT);
	assert_int_equal(hear().who, 'B');
	assert_int_equal(hear().who, 'P');
	assert_int_equal(keeper_wait(), 0);
	assert_none_left();
}

/* The broker's, where there is a file to read again; else the end, in order. */
static void
test_hangup(void **state)
{
	pid_t b = 0, p = 0;
	struct word word;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		rig.reloads = i == 0;
		keeper_start();
		b = p = 0;
		hear_both(&b, &p);
		/* the poller's, always */
		kill(rig.keeper, SIGUSR1);
		word = hear();
		assert_int_equal(word.who, 'u');
		assert_int_equal(word.pid, p);
		kill(rig.keeper, SIGHUP);
		if (i == 0) {
			assert_int_equal(hear().who, 'h');
			kill(rig.keeper, SIGTERM);
		}
		assert_int_equal(hear().who, 'B');
		assert_int_equal(hear().who, 'P');
		assert_int_equal(keeper_wait(), 0);
		assert_none_left();
	}
}

static void
hear_until(char who)
{
	while (hear().who != who)
		;
}

/* Ready once both are; alive as long as both move on; then that it ends. */
static void
test_told(void **state)
{
	pid_t pids[2] = { 0 };
	struct word word;
	unsigned int i, k;

	(void)state;
	rig.alive_ms = 100;
	keeper_start();
	while (pids[0] == 0 || pids[1] == 0) {
		word = hear();
		assert_int_not_equal(word.who, 'R');
		if (word.who == 'b' || word.who == 'p')
			pids[word.who == 'p'] = word.pid;
	}
	hear_until('R');
	hear_until('W');
	for (i = 0; i < 2; i++) {
		kill(pids[i], SIGSTOP);
		hear_until('-');
		for (k = 0; k < 5; k++)
			assert_int_equal(hear().who, '-');
		kill(pids[i], SIGCONT);
		hear_until('W');
	}
	kill(rig.keeper, SIGTERM);
	hear_until('S');
	hear_until('B');
	hear_until('P');
	assert_int_equal(keeper_wait(), 0);
	assert_none_left();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeper_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hangup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
	};

	return FILTER_RUN("supervise", tests, NULL, NULL);
}
