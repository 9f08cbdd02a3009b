/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_random.h>
#include <rte_version.h>

#include "broker/supervise.h"
#include "clock_ms.h"
#include "say.h"
#include "signals.h"

/*
 * One that is killed again and again is begun again at once, then after twice as long each
 * time, in milliseconds; after so long a life it counts as well.
 */
#define WAIT_FIRST_MS 100
#define WAIT_MOST_MS  10000
#define WELL_MS       10000

/* How long one may take to be ready: EAL's start, and memory to be cleared. */
#define BEGIN_MS 60000

#define BACKLOG 4

enum { BROKER, POLLER, NB_CHILDREN };

struct child {
	const char *name;
	pid_t pid;             /* 0: it is not there */
	uint64_t begun, again; /* ms */
	unsigned int wait;     /* ms before the next */
	unsigned int lives;
	int ready_fd, alive_fd;
	bool ready;
	uint64_t lost; /* ms: since when there is none that is ready */
};

struct keeper {
	const struct supervise_conf *conf;
	int listen_fd;
	int signal_fd;
	sigset_t before; /* the mask that there was */
	struct child children[NB_CHILDREN];
	unsigned int ends; /* signals that want the end */
	bool told;         /* that both are ready */
	uint64_t look;     /* ms: the next time that they are looked at */
	int failed;        /* -errno: of no use to go on */
};

/* Only this user gets at it. Return: a descriptor or -errno, said. */
static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, ret = -ENAMETOOLONG;

	if (strlen(path) >= sizeof(at.sun_path))
		goto say;
	strcpy(at.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		ret = -errno;
		goto say;
	}
	unlink(path); /* of a process that was killed: two with one control socket cannot be */
	mask = umask(S_IRWXG | S_IRWXO);
	ret = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
	umask(mask);
	if (ret == 0 && listen(fd, BACKLOG) < 0)
		ret = -errno;
	if (ret == 0)
		return fd;
	close(fd);
say:
	SAY("%s: cannot listen there: %s", path, strerror(-ret));
	return ret;
}

/* A descriptor of one signal, or -errno. */
static int
hear(int sig)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, sig);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* In the new process: it ends with its parent, and hears of the end by a descriptor. */
static int
child_main(struct keeper *k, unsigned int which, pid_t parent)
{
	const struct supervise_conf *conf = k->conf;
	const struct child *own = &k->children[which], *other = &k->children[!which];
	struct supervise_life life = { .reload_fd = -1,
		.stats_fd = -1,
		.ready_fd = own->ready_fd,
		.alive_fd = own->alive_fd,
		.alive_ms = k->conf->alive_ms,
		.first = own->lives == 1 };
	sigset_t mask = k->before;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return -ESRCH;
	close(k->signal_fd);
	/* it speaks for itself */
	close(other->ready_fd);
	close(other->alive_fd);
	/* a terminal's ^C is for the one above, which ends these in order */
	signal(SIGINT, SIG_IGN);
	/* never let through: one that has come meanwhile is heard */
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGUSR1);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0)
		return -errno;
	life.end_fd = hear(SIGTERM);
	if (life.end_fd < 0)
		return life.end_fd;
	if (which == POLLER) {
		life.stats_fd = hear(SIGUSR1);
		return life.stats_fd < 0 ? life.stats_fd
					 : conf->poller(conf->ctx, k->listen_fd, &life);
	}
	close(k->listen_fd);
	life.reload_fd = hear(SIGHUP);
	return life.reload_fd < 0 ? life.reload_fd : conf->broker(conf->ctx, &life);
}

/* Whether something was written. */
static bool
take(int fd)
{
	eventfd_t value;

	return eventfd_read(fd, &value) == 0;
}

/*
 * What is drawn after a fork is the same in each process: a port would have the address of another
 * one's. From DPDK 24.11 on EAL seeds each process when it is initialised, and before there is
 * nothing to seed.
 */
static void
draw_anew(void)
{
#if RTE_VERSION < RTE_VERSION_NUM(24, 11, 0, 0)
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed))
		rte_srand(seed);
#endif
}

static void
begin(struct keeper *k, unsigned int which)
{
	struct child *child = &k->children[which];
	const pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	child->lives++;
	take(child->ready_fd);
	pid = fork();
	if (pid == 0) {
		draw_anew();
		exit(child_main(k, which, parent) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	if (pid < 0) {
		k->failed = -errno;
		SAY("%s: cannot be begun: %s", child->name, strerror(errno));
		return;
	}
	child->pid = pid;
	child->begun = clock_ms();
}

static void
begin_due(struct keeper *k)
{
	unsigned int i;

	for (i = 0; i < NB_CHILDREN && k->failed == 0 && k->ends == 0; i++)
		if (k->children[i].pid == 0 && k->children[i].again <= clock_ms())
			begin(k, i);
}

/* Killed: begin it again. Ended by itself: it has said why. */
static void
ended(struct keeper *k, struct child *child, int status)
{
	const uint64_t now = clock_ms();

	child->pid = 0;
	if (child->ready)
		child->lost = now;
	child->ready = false;
	if (k->ends > 0 || k->failed != 0)
		return;
	if (WIFEXITED(status)) {
		k->failed = -ECHILD;
		return;
	}
	if (now - child->begun >= WELL_MS)
		child->wait = 0;
	child->again = now + child->wait;
	SAY("%s: ended by signal %d (%s): begun again%s", child->name, WTERMSIG(status),
			strsignal(WTERMSIG(status)), child->wait > 0 ? " after a while" : "");
	child->wait = child->wait == 0 ? WAIT_FIRST_MS : child->wait * 2;
	if (child->wait > WAIT_MOST_MS)
		child->wait = WAIT_MOST_MS;
}

static void
reap(struct keeper *k)
{
	unsigned int i;
	int status;

	for (i = 0; i < NB_CHILDREN; i++)
		if (k->children[i].pid != 0 &&
				waitpid(k->children[i].pid, &status, WNOHANG) == k->children[i].pid)
			ended(k, &k->children[i], status);
}

static void
tell(const struct keeper *k, enum supervise_news news, const char *who)
{
	if (k->conf->tell != NULL)
		k->conf->tell(k->conf->ctx, news, who);
}

static void
look_ready(struct keeper *k)
{
	unsigned int i, nb = 0;

	for (i = 0; i < NB_CHILDREN; i++) {
		if (k->children[i].pid != 0 && take(k->children[i].ready_fd))
			k->children[i].ready = true;
		nb += k->children[i].ready;
	}
	if (nb < NB_CHILDREN || k->told)
		return;
	k->told = true;
	tell(k, SUPERVISE_READY, NULL);
}

/* One that is being begun has its time. */
static bool
is_still(const struct child *child, uint64_t now)
{
	return child->ready ? !take(child->alive_fd) : now - child->lost > BEGIN_MS;
}

static void
look_alive(struct keeper *k)
{
	const uint64_t now = clock_ms();
	unsigned int i, still = 0;

	if (k->conf->alive_ms == 0 || now < k->look)
		return;
	k->look = now + k->conf->alive_ms;
	for (i = 0; i < NB_CHILDREN; i++) {
		if (!is_still(&k->children[i], now))
			continue;
		tell(k, SUPERVISE_STILL, k->children[i].name);
		still++;
	}
	if (still == 0)
		tell(k, SUPERVISE_ALIVE, NULL);
}

static int
timeout(const struct keeper *k)
{
	const uint64_t now = clock_ms();
	uint64_t first = k->conf->alive_ms != 0 ? k->look : UINT64_MAX;
	unsigned int i;

	for (i = 0; i < NB_CHILDREN && k->ends == 0; i++)
		if (k->children[i].pid == 0 && k->children[i].again < first)
			first = k->children[i].again;
	return first == UINT64_MAX ? -1 : first <= now ? 0 : (int)(first - now);
}

/* One that is being begun has the signal when it asks for it. */
static void
on_signal(struct keeper *k, unsigned int sig)
{
	const bool is_passed_on = sig == SIGUSR1 || (sig == SIGHUP && k->conf->reloads);
	const pid_t to = k->children[sig == SIGUSR1 ? POLLER : BROKER].pid;

	if (is_passed_on && to != 0)
		kill(to, (int)sig);
	else if (!is_passed_on && sig != SIGCHLD)
		k->ends++;
}

static void
wait_for_signals(struct keeper *k)
{
	struct pollfd pfds[] = {
		{ .fd = k->signal_fd, .events = POLLIN },
		{ .fd = k->children[BROKER].ready_fd, .events = POLLIN },
		{ .fd = k->children[POLLER].ready_fd, .events = POLLIN },
	};
	struct signalfd_siginfo sig;

	poll(pfds, sizeof(pfds) / sizeof(pfds[0]), timeout(k));
	look_ready(k);
	look_alive(k);
	while (read(k->signal_fd, &sig, sizeof(sig)) == sizeof(sig))
		on_signal(k, sig.ssi_signo);
	reap(k);
}

/* Its work is done, or it is killed where a further signal wants that. */
static void
end(struct keeper *k, struct child *child)
{
	const unsigned int ends = k->ends;

	if (child->pid != 0)
		kill(child->pid, SIGTERM);
	while (child->pid != 0) {
		wait_for_signals(k);
		if (child->pid != 0 && k->ends > ends)
			kill(child->pid, SIGKILL);
	}
}

static int
open_signals(struct keeper *k)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGUSR1);
	if (k->conf->reloads || !signals_is_nohup())
		sigaddset(&wanted, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &wanted, &k->before) < 0)
		return -errno;
	k->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signal_fd < 0 ? -errno : 0;
}

static void
close_fds(struct keeper *k)
{
	unsigned int i;

	for (i = 0; i < NB_CHILDREN; i++) {
		if (k->children[i].ready_fd >= 0)
			close(k->children[i].ready_fd);
		if (k->children[i].alive_fd >= 0)
			close(k->children[i].alive_fd);
	}
}

/* Mirror: close_fds(), also where it fails. */
static int
open_fds(struct keeper *k)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NB_CHILDREN; i++) {
		k->children[i].lost = clock_ms();
		k->children[i].ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		k->children[i].alive_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (k->children[i].ready_fd < 0 || k->children[i].alive_fd < 0)
			ret = -errno;
	}
	return ret;
}

int
supervise(const struct supervise_conf *conf)
{
	struct keeper k = { .conf = conf,
		.children = { [BROKER] = { .name = "the broker" },
				[POLLER] = { .name = "the process that forwards" } } };
	int ret;

	ret = open_signals(&k);
	if (ret < 0) {
		SAY("no signalfd: %s", strerror(-ret));
		return ret;
	}
	ret = open_fds(&k);
	if (ret < 0) {
		SAY("no eventfd: %s", strerror(-ret));
		goto close_signals;
	}
	k.listen_fd = listen_at(conf->path);
	if (k.listen_fd < 0) {
		ret = k.listen_fd;
		goto close_signals;
	}
	while (k.ends == 0 && k.failed == 0) {
		begin_due(&k);
		if (k.failed == 0)
			wait_for_signals(&k);
	}
	tell(&k, SUPERVISE_STOPPING, NULL);
	end(&k, &k.children[BROKER]);
	end(&k, &k.children[POLLER]);
	ret = k.failed;
	close(k.listen_fd);
	unlink(conf->path);
close_signals:
	close_fds(&k);
	close(k.signal_fd);
	sigprocmask(SIG_SETMASK, &k.before, NULL);
	return ret;
}
