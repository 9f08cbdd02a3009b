/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Three processes: one that waits (broker/supervise.h), the broker with two capabilities and
 * without EAL, and the poller with EAL and without any.
 */

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include "broker/broker.h"
#include "broker/supervise.h"
#include "control_config.h"
#include "daemon.h"
#include "eal.h"
#include "files.h"
#include "late.h"
#include "notify.h"
#include "poller.h"
#include "port.h"
#include "priv.h"
#include "runtime.h"
#include "sandbox.h"
#include "say.h"
#include "server.h"

#define FOLDER "dpdk-vduse-net"
/* How often the node looks at links and ages addresses, in milliseconds. */
#define TICK_MS 100

#define US_PER_MS 1000

struct setting {
	const struct args *args;
	int argc; /* EAL's */
	char **argv;
	char folder[PATH_MAX]; /* of the sockets and, by default, of the state */
	char control[PATH_MAX], observe[PATH_MAX], poller[PATH_MAX];
	const char *state_dir;
	char devices[PATH_MAX]; /* in it: what the poller may write */
	gid_t group, observers;
};

static int
find_group(const char *option, const char *name, gid_t *gid)
{
	const struct group *group;

	*gid = VARLINK_NO_GROUP;
	if (name == NULL)
		return 0;
	/* cppcheck-suppress getgrnamCalled ; there is one thread yet */
	group = getgrnam(name);
	if (group == NULL) {
		SAY("%s %s: there is no such group: addgroup makes one", option, name);
		return -EINVAL;
	}
	*gid = group->gr_gid;
	return 0;
}

/* $RUNTIME_DIRECTORY is the service manager's choice, of which the first is ours. */
static void
choose_folder(struct setting *s)
{
	const char *given = getenv("RUNTIME_DIRECTORY");

	if (s->args->control != NULL && strrchr(s->args->control, '/') != NULL)
		snprintf(s->folder, sizeof(s->folder), "%.*s",
				(int)(strrchr(s->args->control, '/') - s->args->control),
				s->args->control);
	else if (given != NULL && given[0] != '\0')
		snprintf(s->folder, sizeof(s->folder), "%.*s", (int)strcspn(given, ":"), given);
	else
		snprintf(s->folder, sizeof(s->folder), "/run/" FOLDER);
}

static int
find_places(struct setting *s)
{
	int n;

	choose_folder(s);
	/* others may go through it to the control socket, which has rights of its own */
	if (mkdir(s->folder, 0755) < 0 && errno != EEXIST) {
		SAY("%s: cannot be made: %s", s->folder, strerror(errno));
		return -errno;
	}
	n = snprintf(s->control, sizeof(s->control), "%s/control", s->folder);
	if (s->args->control != NULL)
		n = snprintf(s->control, sizeof(s->control), "%s", s->args->control);
	if (n >= PATH_MAX || snprintf(s->observe, PATH_MAX, "%s/observe", s->folder) >= PATH_MAX ||
			snprintf(s->poller, PATH_MAX, "%s/poller", s->folder) >= PATH_MAX)
		return -ENAMETOOLONG;
	s->state_dir = s->args->state_dir != NULL ? s->args->state_dir : s->folder;
	if (snprintf(s->devices, sizeof(s->devices), "%s/devices", s->state_dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (mkdir(s->devices, 0700) < 0 && errno != EEXIST) {
		SAY("%s: cannot be made: %s", s->devices, strerror(errno));
		return -errno;
	}
	return 0;
}

/* What it still needs: netlink and /dev/vduse, and to enter namespaces. */
static int
lock_broker(const struct setting *s)
{
	int ret;

	if (s->args->sandbox == SANDBOX_OFF)
		return 0;
	ret = priv_drop(priv_net_admin() | priv_sys_admin(), -1);
	if (ret == 0)
		ret = sandbox_apply(s->args->sandbox, SANDBOX_ENTERS);
	if (ret != 0)
		SAY("the broker's privileges cannot be given up: %s: --sandbox off goes on without",
				strerror(-ret));
	return ret;
}

static int
broker_main(void *ctx, const struct supervise_life *life)
{
	const struct broker_fds fds = { .end = life->end_fd,
		.reload = life->reload_fd,
		.ready = life->ready_fd,
		.alive = life->alive_fd,
		.alive_ms = (unsigned int)life->alive_ms / 2 };
	const struct setting *s = ctx;
	const struct broker_conf conf = { .control = s->control,
		.observe = s->observe,
		.config = s->args->config,
		.apply = s->args->config != NULL && life->first,
		.poller = s->poller,
		.state_dir = s->state_dir,
		.devices = s->devices,
		.version = APP_VERSION,
		.group = s->group,
		.observers = s->observers };
	struct broker *broker;
	int ret;

	eal_raise_files();
	ret = broker_create(&conf, &broker);
	if (ret < 0)
		return ret;
	ret = lock_broker(s);
	if (ret == 0)
		ret = broker_run(broker, &fds);
	broker_free(broker);
	return ret;
}

/*
 * Capabilities, files and system calls: none is left but those of forwarding, and of setting up
 * ports that are interfaces of this host, where there are any.
 */
static int
lock_poller(const struct setting *s)
{
	const bool interfaces = port_any_interface();
	int files = -EOPNOTSUPP, ret;

	if (s->args->sandbox == SANDBOX_OFF)
		return 0;
	if (interfaces)
		SAY("a port is an interface of this host: who forwards keeps CAP_NET_ADMIN to set "
		    "it up");
	if (s->args->sandbox != SANDBOX_LOG)
		files = files_rules(s->args, interfaces);
	ret = files < 0 && files != -EOPNOTSUPP ? files : late_load();
	if (ret == 0)
		ret = priv_drop(interfaces ? priv_net_admin() : 0, files);
	if (ret == 0)
		ret = sandbox_apply(s->args->sandbox, interfaces ? SANDBOX_INTERFACES : 0);
	if (files >= 0)
		close(files);
	if (ret != 0)
		SAY("privileges cannot be given up: %s: --sandbox off goes on without",
				strerror(-ret));
	return ret;
}

/* Who stands still is heard of above, where nothing is heard. */
static void
tell_alive(struct node *node, const struct supervise_life *life, uint64_t *next)
{
	const uint64_t now = rte_get_tsc_cycles();

	if (life->alive_ms == 0 || now < *next)
		return;
	*next = now + rte_get_tsc_hz() * life->alive_ms / 2 / MS_PER_S;
	if (notify_moved(node_progress(node)))
		eventfd_write(life->alive_fd, 1);
}

/* So often as was asked for, and on a signal. */
static void
tell_stats(const struct node *node, const struct setting *s, const struct supervise_life *life,
		uint64_t *next)
{
	const uint64_t now = rte_get_tsc_cycles();
	const bool due = s->args->stats_interval != 0 && now >= *next;
	struct signalfd_siginfo sig;

	if (due)
		*next = now + rte_get_tsc_hz() * s->args->stats_interval;
	if (read(life->stats_fd, &sig, sizeof(sig)) == sizeof(sig) || due)
		node_print(node, stdout);
}

/* Where the main lcore forwards it waits only when there was no frame. */
static void
poll_until_end(const struct setting *s, struct poller *poller, const struct supervise_life *life)
{
	struct pollfd fds[] = { { .fd = life->end_fd, .events = POLLIN },
		{ .fd = serve_fd(poller->serve), .events = POLLIN },
		{ .fd = life->stats_fd, .events = POLLIN } };
	const bool alone = rte_lcore_count() == 1, awake = s->args->idle.mode != IDLE_SLEEP;
	uint64_t stats = rte_get_tsc_cycles() + rte_get_tsc_hz() * s->args->stats_interval;
	uint64_t next = 0;
	bool busy;

	do {
		busy = alone && (node_poll(poller->node) || awake);
		poll(fds, RTE_DIM(fds), busy ? 0 : alone ? 1 : TICK_MS);
		node_tick(poller->node);
		tell_alive(poller->node, life, &next);
		tell_stats(poller->node, s, life, &stats);
		if (fds[1].revents != 0)
			serve_run(poller->serve);
	} while (fds[0].revents == 0);
}

static int
with_node(const struct setting *s, int listen_fd, const struct supervise_life *life)
{
	const struct node_conf conf = { .mbufs = s->args->mbufs, .idle = s->args->idle };
	struct poller poller;
	struct node *node;
	int ret;

	ret = node_create(&conf, &node);
	if (ret < 0) {
		SAY("no memory for the node: %s", strerror(-ret));
		return ret;
	}
	ret = poller_create(&poller, node, listen_fd, s->devices);
	if (ret < 0)
		goto destroy;
	ret = lock_poller(s);
	if (ret == 0) {
		eventfd_write(life->ready_fd, 1);
		poll_until_end(s, &poller, life);
	}
	poller_destroy(&poller);
destroy:
	node_destroy(node);
	return ret;
}

/* Which page is where only a privileged process is told. */
static void
say_memory(void)
{
	if (rte_eal_iova_mode() == RTE_IOVA_PA)
		SAY("devices are given physical addresses here (no IOMMU, or none is needed): "
		    "memory "
		    "does not grow later: give EAL with -m what all containers need, or "
		    "--iova-mode va");
}

static int
poller_main(void *ctx, int listen_fd, const struct supervise_life *life)
{
	const struct setting *s = ctx;
	int ret;

	if (priv_check_runtime(s->argc, s->argv) != 0)
		return -EPERM;
	ret = eal_start(s->argc, s->argv, "node");
	if (ret != 0)
		return ret;
	say_memory();
	ret = with_node(s, listen_fd, life);
	rte_eal_cleanup();
	return ret;
}

/* The service manager listens to this process alone. */
static void
tell_manager(void *ctx, enum supervise_news news, const char *who)
{
	const struct setting *s = ctx;

	switch (news) {
	case SUPERVISE_READY:
		notify_ready("waiting for commands at %s", s->control);
		break;
	case SUPERVISE_ALIVE:
		notify_alive();
		break;
	case SUPERVISE_STILL:
		SAY("no sign of life of %s since the last look", who);
		break;
	case SUPERVISE_STOPPING:
		notify_stopping("stopping");
		break;
	}
}

/* A line that is wrong is said before anything is begun. */
static int
check_config(const char *path)
{
	struct control_config config;
	char error[CONTROL_ERROR_MAX];
	int ret;

	if (path == NULL)
		return 0;
	ret = control_config_read(path, &config, error);
	if (ret == 0)
		control_config_clear(&config);
	else
		SAY("--config: %s", error);
	return ret;
}

int
daemon_run(struct args *args, int argc, char *argv[])
{
	struct setting setting = { .args = args, .argc = argc, .argv = argv };
	const struct supervise_conf conf = { .broker = broker_main,
		.poller = poller_main,
		.ctx = &setting,
		.path = setting.poller,
		.alive_ms = notify_interval() / US_PER_MS,
		.tell = tell_manager,
		.reloads = args->config != NULL };
	int ret;

	ret = check_config(args->config);
	if (ret == 0)
		ret = find_group("--group", args->group, &setting.group);
	if (ret == 0)
		ret = find_group("--observers", args->observers, &setting.observers);
	if (ret == 0)
		ret = find_places(&setting);
	if (ret != 0)
		return ret;
	args->state_dir = setting.devices;
	umask(S_IRWXG | S_IRWXO);
	return supervise(&conf);
}
