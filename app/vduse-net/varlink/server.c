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
#include <unistd.h>

#include "clock_ms.h"
#include "peer.h"
#include "server_priv.h"

#define EVENTS_MAX  64 /* of one varlink_server_run() */
#define ACCEPTS_MAX 64
#define BACKLOG     128
#define LISTENERS   2

uint64_t
varlink_now(const struct varlink_server *server)
{
	return server->conf.now != NULL ? server->conf.now(server->conf.ctx) : clock_ms();
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
	if (conf->max_observers == 0)
		conf->max_observers = 64;
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
	s->listeners[0] = (struct varlink_listener){ .fd = -1, .group = conf->group };
	s->listeners[1] = (struct varlink_listener){ .fd = -1, .observers = true };
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
	unsigned int i;

	if (server == NULL)
		return;
	TAILQ_FOREACH (client, &server->clients, next)
		varlink_client_kill(client);
	free_dead(server);
	for (i = 0; i < LISTENERS; i++) {
		if (server->listeners[i].path[0] != '\0')
			unlink(server->listeners[i].path);
		if (server->listeners[i].fd >= 0)
			close(server->listeners[i].fd);
	}
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
bind_socket(gid_t group, int fd, const struct sockaddr_un *addr)
{
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		return -errno;
	if ((group != VARLINK_NO_GROUP && chown(addr->sun_path, -1, group) != 0) ||
			chmod(addr->sun_path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
		const int ret = -errno;

		unlink(addr->sun_path);
		return ret;
	}
	return 0;
}

static int
watch_listener(struct varlink_server *server, struct varlink_listener *listener, int fd)
{
	int ret = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 ? 0 : -errno;

	if (ret == 0)
		ret = watch(server, fd, listener);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	listener->fd = fd;
	return 0;
}

static int
listen_at(struct varlink_server *server, struct varlink_listener *listener, const char *path)
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
	ret = bind_socket(listener->group, fd, &addr);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	strcpy(listener->path, path);
	return watch_listener(server, listener, fd);
}

int
varlink_server_listen(struct varlink_server *server, const char *path)
{
	return listen_at(server, &server->listeners[0], path);
}

int
varlink_server_listen_fd(struct varlink_server *server, int fd)
{
	return watch_listener(server, &server->listeners[0], fd);
}

int
varlink_server_observe(struct varlink_server *server, const char *path, gid_t group)
{
	server->listeners[1].group = group;
	return listen_at(server, &server->listeners[1], path);
}

int
varlink_server_fd(const struct varlink_server *server)
{
	return server->epoll;
}

/* While no descriptor is left the listener would be ready for ever. */
static void
pause_listener(struct varlink_server *server, struct varlink_listener *listener, bool pause)
{
	struct epoll_event event = { .events = pause ? 0 : EPOLLIN, .data.ptr = listener };

	if (listener->fd >= 0 && listener->paused != pause &&
			epoll_ctl(server->epoll, EPOLL_CTL_MOD, listener->fd, &event) == 0)
		listener->paused = pause;
}

/*
 * Of the clients without a call the one at rest for longest makes room; for an observer that is
 * another observer.
 */
static bool
evict(struct varlink_server *server, const struct varlink_listener *listener)
{
	struct varlink_client *client;

	TAILQ_FOREACH (client, &server->clients, next)
		if (!client->dead && client->call == NULL &&
				(!listener->observers || client->listener->observers) &&
				varlink_conn_pending(&client->conn) == 0 &&
				!varlink_conn_partial(&client->conn)) {
			server->stats.evicted++;
			varlink_client_kill(client);
			return true;
		}
	return false;
}

static bool
is_full(const struct varlink_server *server, const struct varlink_listener *listener)
{
	return server->stats.clients >= server->conf.max_clients ||
	       (listener->observers && server->nb_observers >= server->conf.max_observers);
}

/* Return: whether there may be another. */
static bool
accept_one(struct varlink_server *server, struct varlink_listener *listener)
{
	int fd;

	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		if (evict(server, listener))
			return true;
		pause_listener(server, listener, true);
		varlink_timer(server, varlink_now(server) + 1000);
		return false;
	}
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (is_full(server, listener) && !evict(server, listener)) {
		close(fd);
		server->stats.evicted++;
		return true;
	}
	varlink_client_new(server, listener, fd);
	return true;
}

static void
accept_all(struct varlink_server *server, struct varlink_listener *listener)
{
	unsigned int i;

	for (i = 0; i < ACCEPTS_MAX && accept_one(server, listener); i++)
		;
}

/* What is due, and when the next is. */
static void
look_at_clocks(struct varlink_server *server)
{
	const uint64_t now = varlink_now(server);
	struct varlink_client *client;
	uint64_t due = UINT64_MAX;
	unsigned int i;

	if (now < server->timer_due)
		return;
	server->timer_due = UINT64_MAX;
	for (i = 0; i < LISTENERS; i++)
		pause_listener(server, &server->listeners[i], false);
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

	if (event->data.ptr == &server->listeners[0] || event->data.ptr == &server->listeners[1]) {
		accept_all(server, event->data.ptr);
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
