/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dpdk-vduse-net: for each --port a VDUSE device, wired to it both ways. The
 * main lcore sets up, listens to signals and prints; the workers forward.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_version.h>
#include <rte_vduse.h>

#include "args.h"
#include "eal.h"
#include "fwd.h"
#include "pool.h"
#include "priv.h"
#include "probe.h"
#include "say.h"
#include "stats.h"
#include "wire.h"

/*
 * How long a link may differ where the driver tells of no change, in seconds. All are
 * looked at: net_tap says that it does tell, and does not (22.11).
 */
#define LOOK_SECONDS 1

struct app {
	struct args args;
	struct wire wires[ARGS_MAX_WIRES];
	struct pool_set pools;
	struct fwd fwd;
	int sigfd;
	int timerfd; /* fires each statistics interval, or never */
	int linkfd;  /* eventfd: the link of a port has changed */
	int lookfd;  /* timer: look at the links of ports */
};

/* Too big for a stack. */
static struct app app;

/*
 * SIGINT and SIGTERM are read, never delivered: neither the first nor the second
 * can end the process half way. Called before EAL makes threads, which inherit
 * the mask.
 */
static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	app.sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return app.sigfd < 0 ? -errno : 0;
}

/* A timer for every so many seconds, 0: never. Return: its fd or -errno. */
static int
open_timer(uint32_t seconds)
{
	const struct itimerspec every = {
		.it_value.tv_sec = seconds,
		.it_interval.tv_sec = seconds,
	};
	int ret, fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, 0, &every, NULL) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static void
print_stats(void)
{
	stats_print(stdout, app.wires, app.args.nb_wires);
	stats_print_mbufs(stdout, &app.pools);
}

static void
follow_links(void)
{
	unsigned int w;

	for (w = 0; w < app.args.nb_wires; w++)
		wire_follow_link(&app.wires[w]);
}

/* Whether a timer or an eventfd has fired; resets it. */
static bool
fired(int fd)
{
	uint64_t times;

	return read(fd, &times, sizeof(times)) == sizeof(times);
}

/* Wait for a signal, a timer or a link, or only look. Return: whether to stop. */
static bool
control(bool wait)
{
	struct pollfd fds[] = {
		{ .fd = app.sigfd, .events = POLLIN },
		{ .fd = app.timerfd, .events = POLLIN },
		{ .fd = app.linkfd, .events = POLLIN },
		{ .fd = app.lookfd, .events = POLLIN },
	};
	struct signalfd_siginfo sig;
	bool look;

	if (poll(fds, RTE_DIM(fds), wait ? -1 : 0) <= 0)
		return false;
	if (fired(app.timerfd))
		stats_print(stdout, app.wires, app.args.nb_wires);
	look = fired(app.lookfd);
	if (fired(app.linkfd) || look)
		follow_links();
	while (read(app.sigfd, &sig, sizeof(sig)) == sizeof(sig)) {
		if (sig.ssi_signo != SIGUSR1)
			return true;
		print_stats();
	}
	return false;
}

/*
 * What the end still needs is kept: a device of our own is taken off the vDPA bus
 * over netlink, and where the kernel gives it up it is made anew.
 */
static int
lock_down(void)
{
	uint64_t keep = 0;
	unsigned int w;
	int ret;

	if (app.args.sandbox == SANDBOX_OFF)
		return 0;
	for (w = 0; w < app.args.nb_wires; w++)
		if (!app.wires[w].handed_over)
			keep = priv_net_admin();
	ret = priv_drop(keep);
	if (ret == 0)
		ret = sandbox_apply(app.args.sandbox);
	if (ret != 0)
		SAY("privileges cannot be given up: %s: --sandbox off goes on without",
				strerror(-ret));
	return ret;
}

static int
forward(void)
{
	unsigned int dir, s, w, number = 0;
	struct wire *wire;
	int ret = 0;

	for (w = 0; w < app.args.nb_wires; w++) {
		wire = &app.wires[w];
		for (dir = 0; dir < WIRE_DIRS; dir++)
			for (s = 0; s < wire->nb_streams[dir] && ret == 0; s++)
				ret = fwd_add(&app.fwd, &wire->streams[dir][s], number++);
	}
	if (ret == 0)
		ret = lock_down(); /* before the first frame of a driver is looked at */
	if (ret == 0)
		ret = fwd_start(&app.fwd);
	if (ret != 0) {
		SAY("forwarding does not start: %s", strerror(-ret));
		return ret;
	}
	printf(APP_NAME ": forwarding %u wire(s) on %u lcore(s)\n", app.args.nb_wires,
			RTE_MIN(number, app.fwd.nb_lcores));
	fflush(stdout);
	while (!control(!app.fwd.on_main))
		if (app.fwd.on_main)
			fwd_poll(&app.fwd);
	fwd_stop(&app.fwd);
	print_stats();
	return 0;
}

static int
start_wires(void)
{
	unsigned int w;
	int ret = 0;

	for (w = 0; w < app.args.nb_wires; w++) {
		app.wires[w].port.link_event = app.linkfd;
		ret = wire_start(&app.wires[w], &app.pools);
		if (ret != 0)
			goto stop;
	}
	ret = forward();
stop:
	while (w-- > 0)
		wire_stop(&app.wires[w]);
	return ret;
}

static int
with_pools(void)
{
	int ret;

	ret = pool_create(&app.pools, app.args.mbufs, app.fwd.nb_lcores + !app.fwd.on_main);
	if (ret != 0)
		return ret;
	ret = start_wires();
	pool_destroy(&app.pools);
	return ret;
}

/* All ports are looked up before anything is made. */
static int
find_ports(void)
{
	unsigned int v, w;
	int ret;

	for (w = 0; w < app.args.nb_wires; w++) {
		app.wires[w].id = w;
		app.wires[w].args = &app.args.wires[w];
		ret = wire_find_port(&app.wires[w]);
		if (ret != 0)
			return ret;
		for (v = 0; v < w; v++) {
			if (app.wires[v].port.id != app.wires[w].port.id)
				continue;
			SAY("--port %s: the same port as --port %s: a port is on one wire only",
					app.args.wires[w].port, app.args.wires[v].port);
			return -EINVAL;
		}
	}
	return 0;
}

static int
with_devices(void)
{
	unsigned int w;
	int ret;

	ret = find_ports();
	if (ret != 0)
		return ret;
	for (w = 0; w < app.args.nb_wires; w++) {
		ret = wire_attach(&app.wires[w], &app.pools);
		if (ret != 0)
			goto detach;
	}
	ret = with_pools();
detach:
	while (w-- > 0)
		wire_detach(&app.wires[w]);
	return ret;
}

static int
open_events(void)
{
	int ret;

	app.timerfd = open_timer(app.args.stats_interval);
	if (app.timerfd < 0)
		return app.timerfd;
	app.lookfd = open_timer(LOOK_SECONDS);
	if (app.lookfd < 0) {
		ret = app.lookfd;
		goto close_timer;
	}
	app.linkfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (app.linkfd < 0) {
		ret = -errno;
		goto close_look;
	}
	return 0;

close_look:
	close(app.lookfd);
close_timer:
	close(app.timerfd);
	return ret;
}

static void
close_events(void)
{
	close(app.linkfd);
	close(app.lookfd);
	close(app.timerfd);
}

static int
run(void)
{
	int ret;

	ret = open_events();
	if (ret != 0) {
		SAY("no timer or eventfd: %s", strerror(-ret));
		return ret;
	}
	ret = fwd_init(&app.fwd);
	if (ret != 0) {
		SAY("no memory for the lcores");
		goto close;
	}
	ret = with_devices();
	fwd_fini(&app.fwd);
close:
	close_events();
	return ret;
}

static int
destroy(const char *name)
{
	int ret;

	/* The library's control thread is one of EAL's. */
	ret = eal_start_bare();
	if (ret != 0)
		return ret;
	ret = rte_vduse_dev_remove(name);
	rte_eal_cleanup();
	switch (ret) {
	case 0:
		return 0;
	case -ENODEV:
		SAY("--destroy %s: there is no such device: ls /dev/vduse lists them", name);
		break;
	case -EBUSY:
		SAY("--destroy %s: a process has it open: stop that one first", name);
		break;
	case -EACCES:
	case -EPERM:
		SAY("--destroy %s: %s: run it as root", name, strerror(-ret));
		break;
	default:
		SAY("--destroy %s: %s", name, strerror(-ret));
	}
	return ret;
}

int
main(int argc, char *argv[])
{
	int split = args_split(argc, argv);
	int ret;

	ret = args_parse(argc - split, argv + split, &app.args);
	if (ret != 0 && !eal_asks_help(split, argv)) {
		SAY("%s", app.args.error);
		return EXIT_FAILURE;
	}
	if (app.args.help) {
		args_help(stdout);
		return EXIT_SUCCESS;
	}
	if (app.args.version) {
		printf(APP_NAME " " APP_VERSION ", %s\n", rte_version());
		return EXIT_SUCCESS;
	}
	if (app.args.probe != ARGS_PROBE_NONE)
		return probe_print(stdout, app.args.probe == ARGS_PROBE_JSON) == 0 ? EXIT_SUCCESS
										   : EXIT_FAILURE;
	if (app.args.destroy != NULL)
		return destroy(app.args.destroy) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	ret = open_signals();
	if (ret != 0) {
		SAY("no signalfd: %s", strerror(-ret));
		return EXIT_FAILURE;
	}
	/* files and sockets of this process are for its user alone */
	umask(S_IRWXG | S_IRWXO);
	if (priv_check_runtime(split, argv) != 0 || eal_start(split, argv) != 0)
		return EXIT_FAILURE;
	ret = run();
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
