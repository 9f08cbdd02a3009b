/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "server_priv.h"

#define EVENTS_MAX  64 /* of one varlink_server_run() */
#define ACCEPTS_MAX 64
#define BACKLOG     128

uint64_t
varlink_now(const struct varlink_server *server)
{
	struct timespec ts;

	if (server->conf.now != NULL)
		return server->conf.now(server->conf.ctx);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The timer only wakes the owner's loop; what is due is decided by varlink_now(). */
void
varlink_timer(struct varlink_server *server, uint64_t due)
{
	struct itimerspec its = { 0 };
	uint64_t now, in;

	if (due >= server->timer_due)
		return;
	now = varlink_now(server);
	in = due > now ? due - now : 0;
	its.it_value.tv_sec = in / 1000;
	its.it_value.tv_nsec = in % 1000 * 1000000 + 1;
	if (timerfd_settime(server->timer, 0, &its, NULL) == 0)
		server->timer_due = due;
}

static int
watch(struct varlink_server *server, int fd, void *ptr)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = ptr };

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static void
set_defaults(struct varlink_server_conf *conf)
{
	if (conf->max_clients == 0)
		conf->max_clients = 1024;
	if (conf->max_message == 0)
		conf->max_message = 65536;
	if (conf->max_output == 0)
		conf->max_output = 262144;
	if (conf->stall == 0)
		conf->stall = 30000;
}

int
varlink_server_create(const struct varlink_server_conf *conf, struct varlink_server **server)
{
	struct varlink_server *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL)
		return -ENOMEM;
	s->conf = *conf;
	set_defaults(&s->conf);
	TAILQ_INIT(&s->clients);
	s->listener = -1;
	s->timer_due = UINT64_MAX;
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = s->timer < 0 || s->epoll < 0 ? -errno : watch(s, s->timer, &s->timer);
	if (ret != 0) {
		varlink_server_free(s);
		return ret;
	}
	*server = s;
	return 0;
}

/* Not before nobody walks along the list, or has events of theirs. */
static void
free_dead(struct varlink_server *server)
{
	struct varlink_client *client, *next;

	for (client = TAILQ_FIRST(&server->clients); server->nb_dead > 0; client = next) {
		next = TAILQ_NEXT(client, next);
		if (!client->dead)
			continue;
		TAILQ_REMOVE(&server->clients, client, next);
		free(client);
		server->nb_dead--;
	}
}

void
varlink_server_free(struct varlink_server *server)
{
	struct varlink_client *client;

	if (server == NULL)
		return;
	TAILQ_FOREACH (client, &server->clients, next)
		varlink_client_kill(client);
	free_dead(server);
	if (server->path[0] != '\0')
		unlink(server->path);
	if (server->listener >= 0)
		close(server->listener);
	if (server->timer >= 0)
		close(server->timer);
	if (server->epoll >= 0)
		close(server->epoll);
	free(server);
}

/* A socket file that a process before left; one that somebody listens on stays. */
static int
remove_stale(const struct sockaddr_un *addr)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno == ECONNREFUSED && lstat(addr->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		ret = unlink(addr->sun_path) == 0 ? 0 : -errno;
	close(fd);
	return ret;
}

/* Until listen(2) a connection is refused whatever the rights are. */
static int
bind_socket(const struct varlink_server *server, int fd, const struct sockaddr_un *addr)
{
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		return -errno;
	if ((server->conf.group != VARLINK_NO_GROUP &&
			    chown(addr->sun_path, -1, server->conf.group) != 0) ||
			chmod(addr->sun_path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
		const int ret = -errno;

		unlink(addr->sun_path);
		return ret;
	}
	return 0;
}

int
varlink_server_listen(struct varlink_server *server, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	ret = remove_stale(&addr);
	if (ret != 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = bind_socket(server, fd, &addr);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	strcpy(server->path, path);
	return varlink_server_listen_fd(server, fd);
}

int
varlink_server_listen_fd(struct varlink_server *server, int fd)
{
	int ret = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 ? 0 : -errno;

	if (ret == 0)
		ret = watch(server, fd, &server->listener);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	server->listener = fd;
	return 0;
}

int
varlink_server_fd(const struct varlink_server *server)
{
	return server->epoll;
}

/* While no descriptor is left the listener would be ready for ever. */
static void
pause_listener(struct varlink_server *server, bool pause)
{
	struct epoll_event event = { .events = pause ? 0 : EPOLLIN, .data.ptr = &server->listener };

	if (server->listener >= 0 && server->paused != pause &&
			epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener, &event) == 0)
		server->paused = pause;
}

/* Of the clients without a call the one at rest for longest makes room. */
static bool
evict(struct varlink_server *server)
{
	struct varlink_client *client;

	TAILQ_FOREACH (client, &server->clients, next)
		if (!client->dead && client->call == NULL &&
				varlink_conn_pending(&client->conn) == 0 &&
				!varlink_conn_partial(&client->conn)) {
			server->stats.evicted++;
			varlink_client_kill(client);
			return true;
		}
	return false;
}

/* Return: whether there may be another. */
static bool
accept_one(struct varlink_server *server)
{
	int fd;

	fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		if (evict(server))
			return true;
		pause_listener(server, true);
		varlink_timer(server, varlink_now(server) + 1000);
		return false;
	}
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (server->stats.clients >= server->conf.max_clients && !evict(server)) {
		close(fd);
		server->stats.evicted++;
		return true;
	}
	varlink_client_new(server, fd);
	return true;
}

static void
accept_all(struct varlink_server *server)
{
	unsigned int i;

	for (i = 0; i < ACCEPTS_MAX && accept_one(server); i++)
		;
}

/* What is due, and when the next is. */
static void
look_at_clocks(struct varlink_server *server)
{
	const uint64_t now = varlink_now(server);
	struct varlink_client *client;
	uint64_t due = UINT64_MAX;

	if (now < server->timer_due)
		return;
	server->timer_due = UINT64_MAX;
	pause_listener(server, false);
	TAILQ_FOREACH (client, &server->clients, next) {
		if (client->due <= now)
			varlink_client_due(client);
		else if (client->ready)
			varlink_client_run(client, 0);
		if (!client->dead && client->due < due)
			due = client->due;
	}
	varlink_timer(server, due);
}

static void
handle(struct varlink_server *server, const struct epoll_event *event)
{
	struct varlink_client *client = event->data.ptr;
	uint64_t times;

	if (event->data.ptr == &server->listener) {
		accept_all(server);
	} else if (event->data.ptr == &server->timer) {
		if (read(server->timer, &times, sizeof(times)) < 0)
			return; /* another look has come before */
	} else {
		TAILQ_REMOVE(&server->clients, client, next);
		TAILQ_INSERT_TAIL(&server->clients, client, next);
		varlink_client_run(client, event->events);
	}
}

void
varlink_server_run(struct varlink_server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int i, n;

	n = epoll_wait(server->epoll, events, EVENTS_MAX, 0);
	for (i = 0; i < n; i++)
		handle(server, &events[i]);
	look_at_clocks(server);
	free_dead(server);
}

void
varlink_server_stats(const struct varlink_server *server, struct varlink_stats *stats)
{
	*stats = server->stats;
}
