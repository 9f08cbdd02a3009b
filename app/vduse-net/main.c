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

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "args.h"
#include "daemon.h"
#include "eal.h"
#include "files.h"
#include "fwd.h"
#include "hotplug.h"
#include "late.h"
#include "notify.h"
#include "pool.h"
#include "priv.h"
#include "probe.h"
#include "say.h"
#include "setup.h"
#include "signals.h"
#include "stats.h"
#include "wire.h"

/*
 * How long a link may differ where the driver tells of no change, in seconds. All are
 * looked at: net_tap says that it does tell, and does not (22.11).
 */
#define LOOK_SECONDS 1

/*
 * What the driver has sent is forwarded before the end: until nothing has come for
 * so long, and no longer than the next, in milliseconds in which the lcores ran. A
 * lcore that does not run is waited for until the last.
 */
#define DRAIN_QUIET_MS 20
#define DRAIN_MS       1000
#define DRAIN_HELD_MS  20000
#define DRAIN_STEP_MS  5

struct app {
	struct args args;
	struct wire wires[ARGS_MAX_WIRES];
	struct pool_set pools;
	struct fwd fwd;
	int sigfd;
	int timerfd; /* fires each statistics interval, or never */
	int linkfd;  /* eventfd: the link of a port has changed */
	int lookfd;  /* timer: look at the links of ports */
	int alivefd; /* timer: tell the service manager that all threads go on, or never */
	bool broken; /* no lcore runs any more */
};

/* Too big for a stack. */
static struct app app;

/* A timer for every so many microseconds, 0: never. Return: its fd or -errno. */
static int
open_timer(uint64_t usec)
{
	const struct timespec time = idle_timespec(usec);
	const struct itimerspec every = { .it_value = time, .it_interval = time };
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
	stats_print_idle(stdout, &app.fwd);
}

static void
follow_links(void)
{
	unsigned int w;

	for (w = 0; w < app.args.nb_wires; w++)
		wire_follow_link(&app.wires[w]);
}

/*
 * The main lcore is alive, or it would not be here; the others by what they have
 * done since the last time. Silence has the service manager start the process again.
 */
static void
tell_alive(void)
{
	if (notify_moved(fwd_progress(&app.fwd)))
		notify_alive();
}

/* Whether a timer or an eventfd has fired; resets it. */
static bool
fired(int fd)
{
	uint64_t times;

	return read(fd, &times, sizeof(times)) == sizeof(times);
}

static bool
is_taken(const struct port *port)
{
	return port->vduse && __atomic_load_n(&port->goes, __ATOMIC_RELAXED);
}

/* Whether another process takes a device over: this one ends. */
static bool
taken_over(void)
{
	unsigned int w;

	for (w = 0; w < app.args.nb_wires; w++)
		if (is_taken(&app.wires[w].port) || is_taken(&app.wires[w].device))
			return true;
	return false;
}

/* Return: whether to stop. */
static bool
look_at_ports(void)
{
	if (taken_over())
		return true;
	app.broken = hotplug_look(&app.fwd, app.wires, app.args.nb_wires, &app.pools) != 0;
	follow_links();
	return app.broken;
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
		{ .fd = app.alivefd, .events = POLLIN },
	};
	struct signalfd_siginfo sig;
	bool look;

	if (poll(fds, RTE_DIM(fds), wait ? -1 : 0) <= 0)
		return false;
	if (fired(app.timerfd))
		stats_print(stdout, app.wires, app.args.nb_wires);
	if (fired(app.alivefd))
		tell_alive();
	look = fired(app.lookfd);
	if ((fired(app.linkfd) || look) && look_at_ports())
		return true;
	while (read(app.sigfd, &sig, sizeof(sig)) == sizeof(sig)) {
		if (sig.ssi_signo != SIGUSR1)
			return true;
		print_stats();
	}
	return false;
}

/* Frames from drivers so far. */
static uint64_t
received(void)
{
	struct fwd_counters sum;
	uint64_t all = 0;
	unsigned int w;

	for (w = 0; w < app.args.nb_wires; w++) {
		wire_read(&app.wires[w], TO_PORT, &sum);
		all += sum.rx;
	}
	return all;
}

/* Forward for a moment. Return: whether another signal wants the end at once. */
static bool
drain_step(void)
{
	struct pollfd pfd = { .fd = app.sigfd, .events = POLLIN };
	struct signalfd_siginfo sig;

	if (app.fwd.on_main)
		fwd_poll(&app.fwd);
	poll(&pfd, 1, DRAIN_STEP_MS);
	while (read(app.sigfd, &sig, sizeof(sig)) == sizeof(sig))
		if (sig.ssi_signo != SIGUSR1)
			return true;
	return false;
}

/* Links down, so that drivers send no more, and what they have sent goes through. */
static void
drain(void)
{
	const uint64_t end = rte_get_timer_cycles() + DRAIN_HELD_MS * rte_get_timer_hz() / 1000;
	uint64_t now, before = received();
	unsigned int quiet = 0, ran = 0, w;

	for (w = 0; w < app.args.nb_wires; w++)
		wire_link_down(&app.wires[w]);
	while (rte_get_timer_cycles() < end && ran < DRAIN_MS && quiet < DRAIN_QUIET_MS) {
		if (drain_step())
			return;
		/* a lcore that has not looked meanwhile has not found nothing */
		if (!fwd_progress(&app.fwd))
			continue;
		now = received();
		quiet = now == before ? quiet + DRAIN_STEP_MS : 0;
		ran += DRAIN_STEP_MS;
		before = now;
	}
}

/* Capabilities, and files: Landlock refuses, or is not there; it has no way to log. */
static int
drop(uint64_t keep)
{
	int files = -EOPNOTSUPP, ret;

	if (app.args.sandbox != SANDBOX_LOG)
		files = files_rules(&app.args, false);
	if (files < 0 && files != -EOPNOTSUPP)
		return files;
	if (files < 0 && geteuid() == 0)
		SAY("root's files stay open to it%s: another user's process is better confined: "
		    "--setup, in doc/security.md",
				app.args.sandbox == SANDBOX_LOG
						? ""
						: ", without Landlock in this kernel");
	ret = priv_drop(keep, files);
	if (files >= 0)
		close(files);
	return ret;
}

/*
 * What the end still needs is kept: a device of our own is taken off the vDPA bus
 * over netlink, and where the kernel gives it up it is recreated.
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
	ret = late_load();
	if (ret == 0)
		ret = drop(keep);
	if (ret == 0)
		ret = sandbox_apply(app.args.sandbox, 0);
	if (ret != 0)
		SAY("privileges cannot be given up: %s: --sandbox off goes on without",
				strerror(-ret));
	return ret;
}

/* A main lcore that forwards is woken by what control() looks at. */
static int
prepare_lcores(void)
{
	const int fds[] = { app.sigfd, app.timerfd, app.linkfd, app.lookfd };
	unsigned int i;
	int ret = 0;

	for (i = 0; ret == 0 && app.fwd.on_main && i < RTE_DIM(fds); i++)
		ret = fwd_wake_on(&app.fwd, fds[i]);
	return ret == 0 ? fwd_prepare(&app.fwd) : ret;
}

/*
 * All that can fail has been done when the processes that serve devices so far let go of
 * them; the first forgets its device when each has sent its own. Until then all go on
 * where one cannot be had.
 */
static int
start_lcores(void)
{
	unsigned int w;
	int ret;

	ret = prepare_lcores();
	if (ret != 0)
		return ret;
	for (w = 0; w < app.args.nb_wires && ret == 0; w++)
		ret = wire_claim(&app.wires[w]);
	for (w = 0; w < app.args.nb_wires && ret == 0; w++)
		ret = wire_take_over(&app.wires[w]);
	if (ret != 0)
		fwd_stop(&app.fwd);
	return ret != 0 ? ret : fwd_start(&app.fwd);
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
	app.fwd.idle = app.args.idle;
	if (ret == 0)
		ret = lock_down(); /* before the first frame of a driver is looked at */
	if (ret == 0)
		ret = start_lcores();
	if (ret != 0) {
		SAY("forwarding does not start: %s", strerror(-ret));
		return ret;
	}
	printf(APP_NAME ": forwarding %u wire(s) on %u lcore(s)\n", app.args.nb_wires,
			RTE_MIN(number, app.fwd.nb_lcores));
	fflush(stdout);
	notify_ready("forwarding %u wire(s) on %u lcore(s)", app.args.nb_wires,
			RTE_MIN(number, app.fwd.nb_lcores));
	while (!control(!app.fwd.on_main))
		if (app.fwd.on_main)
			fwd_poll(&app.fwd);
	notify_stopping("stopping");
	/* who takes over goes on with what is in the rings; the driver notices nothing */
	if (!taken_over() && !app.broken)
		drain();
	fwd_stop(&app.fwd);
	print_stats();
	ret = signals_cut_waits();
	return app.broken ? -EIO : ret;
}

static int
start_wires(void)
{
	unsigned int w;
	int err, ret = 0;

	for (w = 0; w < app.args.nb_wires; w++) {
		app.wires[w].port.link_event = app.linkfd;
		app.wires[w].device.link_event = app.linkfd;
		ret = wire_start(&app.wires[w], &app.pools);
		if (ret != 0)
			goto stop;
	}
	ret = forward();
stop:
	while (w-- > 0) {
		err = wire_stop(&app.wires[w]);
		ret = ret != 0 ? ret : err;
	}
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
		app.wires[w].wake = app.args.idle.mode == IDLE_SLEEP;
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

	app.timerfd = open_timer(app.args.stats_interval * US_PER_S);
	if (app.timerfd < 0)
		return app.timerfd;
	app.lookfd = open_timer(LOOK_SECONDS * US_PER_S);
	if (app.lookfd < 0) {
		ret = app.lookfd;
		goto close_timer;
	}
	app.alivefd = open_timer(notify_interval());
	if (app.alivefd < 0) {
		ret = app.alivefd;
		goto close_look;
	}
	app.linkfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (app.linkfd < 0) {
		ret = -errno;
		goto close_alive;
	}
	return 0;

close_alive:
	close(app.alivefd);
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
	close(app.alivefd);
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

/* Whether the process serves nobody, and ends by itself. */
static bool
is_command(void)
{
	return app.args.probe != ARGS_PROBE_NONE || app.args.destroy != NULL ||
	       app.args.setup != ARGS_SETUP_NONE;
}

static int
command(void)
{
	int ret = signals_for_command();

	if (ret != 0) {
		SAY("no signal handlers: %s", strerror(-ret));
		return ret;
	}
	if (app.args.probe != ARGS_PROBE_NONE)
		return probe_print(stdout, app.args.probe == ARGS_PROBE_JSON, app.args.state_dir);
	if (app.args.destroy != NULL)
		return setup_destroy(app.args.destroy, app.args.state_dir);
	return setup_run(&app.args);
}

int
main(int argc, char *argv[])
{
	int split = args_split(argc, argv);
	int ret;

	say_open();
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
	if (is_command())
		return command() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (app.args.nb_wires == 0)
		return daemon_run(&app.args, split, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	app.sigfd = signals_open();
	if (app.sigfd < 0) {
		SAY("no signalfd: %s", strerror(-app.sigfd));
		return EXIT_FAILURE;
	}
	/* files and sockets of this process are for its user alone */
	umask(S_IRWXG | S_IRWXO);
	if (priv_check_runtime(split, argv) != 0 ||
			eal_start(split, argv, app.args.wires[0].name) != 0)
		return EXIT_FAILURE;
	ret = run();
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
