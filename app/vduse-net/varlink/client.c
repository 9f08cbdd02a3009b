/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "peer.h"
#include "server_priv.h"

#define MESSAGES_MAX 16 /* of one client before the others have their turn */

int
varlink_client_new(struct varlink_server *server, const struct varlink_listener *listener, int fd)
{
	struct varlink_client *client = calloc(1, sizeof(*client));
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };
	struct varlink_peer peer;
	struct varlink_conn conn;

	varlink_conn_init(&conn, fd, server->conf.max_message);
	if (client == NULL) {
		varlink_conn_close(&conn);
		return -ENOMEM;
	}
	event.data.ptr = client;
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		varlink_conn_close(&conn);
		free(client);
		return -ENOSPC;
	}
	client->server = server;
	client->listener = listener;
	client->conn = conn;
	client->events = event.events;
	client->due = UINT64_MAX;
	client->allowed = varlink_peer_get(fd, &peer) == 0 &&
			  varlink_peer_allowed(&peer, listener->group);
	TAILQ_INSERT_TAIL(&server->clients, client, next);
	server->stats.clients++;
	server->nb_observers += listener->observers;
	server->stats.accepted++;
	server->stats.refused += !client->allowed;
	return 0;
}

void
varlink_client_kill(struct varlink_client *client)
{
	if (client->dead)
		return;
	client->dead = true;
	varlink_call_drop(client);
	varlink_conn_close(&client->conn);
	client->due = UINT64_MAX;
	client->server->stats.clients--;
	client->server->nb_observers -= client->listener->observers;
	client->server->nb_dead++;
}

static void
set_due(struct varlink_client *client, uint64_t due)
{
	client->due = due;
	varlink_timer(client->server, due);
}

/* What epoll has to look for: nothing is read that would only be kept. */
static void
set_events(struct varlink_client *client)
{
	const bool busy = client->call != NULL || client->ready || client->closing ||
			  varlink_conn_pending(&client->conn) != 0;
	struct epoll_event event = { .data.ptr = client };

	if (!client->half_closed)
		event.events |= EPOLLRDHUP;
	if (!client->eof && !busy)
		event.events |= EPOLLIN;
	if (varlink_conn_pending(&client->conn) != 0)
		event.events |= EPOLLOUT;
	if (client->hung_up || event.events == client->events)
		return;
	client->events = event.events;
	if (epoll_ctl(client->server->epoll, EPOLL_CTL_MOD, client->conn.fd, &event) != 0)
		varlink_client_kill(client);
}

/* A message has to be whole, and an answer to be read, in the time of conf.stall. */
static void
set_stall(struct varlink_client *client, size_t pending)
{
	const size_t left = varlink_conn_pending(&client->conn);
	const uint64_t due = varlink_now(client->server) + client->server->conf.stall;

	if (left != 0) {
		if (left != pending || client->due == UINT64_MAX)
			set_due(client, due);
	} else if (client->call != NULL) {
		if (client->call->method->stream)
			client->due = UINT64_MAX;
	} else if (!varlink_conn_partial(&client->conn) || client->ready) {
		client->due = UINT64_MAX;
	} else if (client->due == UINT64_MAX) {
		set_due(client, due);
	}
}

/* Return: whether the next message may be looked at. */
static bool
send_rest(struct varlink_client *client)
{
	const int ret = varlink_conn_flush(&client->conn);
	const bool done = ret == 0 && client->closing && client->call == NULL;

	if (done || (ret != 0 && ret != -EAGAIN))
		varlink_client_kill(client);
	return ret == 0 && !client->dead && client->call == NULL;
}

/* Return: whether a message was answered, or began to be. */
static bool
take_message(struct varlink_client *client)
{
	struct varlink_message msg;
	int ret;

	ret = varlink_conn_next(&client->conn, &msg);
	if (ret < 0) {
		varlink_malformed(client, msg.error);
		return true;
	}
	if (ret == 1)
		varlink_dispatch(client, &msg);
	return ret == 1;
}

/* Return: whether there is more to read. */
static bool
read_more(struct varlink_client *client)
{
	int ret;

	if (client->eof)
		return false;
	ret = varlink_conn_read(&client->conn);
	if (ret > 0)
		return true;
	if (ret == 0)
		client->eof = true;
	else if (ret == -EPROTO)
		varlink_malformed(client, "more file descriptors than a message may have");
	else if (ret != -EAGAIN)
		varlink_client_kill(client);
	return false;
}

/* One after the other, until the client has to wait or to send. */
static void
take_messages(struct varlink_client *client)
{
	unsigned int taken = 0;

	client->ready = false;
	while (send_rest(client) && !client->closing) {
		if (taken == MESSAGES_MAX) {
			client->ready = true;
			varlink_timer(client->server, varlink_now(client->server));
			return;
		}
		taken++;
		if (take_message(client))
			continue;
		if (client->dead || !read_more(client))
			break;
	}
	/* no message will be whole any more, and none is under way */
	if (!client->dead && client->eof && client->call == NULL)
		client->closing = true;
	if (!client->dead && client->closing)
		send_rest(client);
}

/* Who waited for a stream is gone; other calls end in their own time, with or without a reader. */
static void
hang_up(struct varlink_client *client, uint32_t events)
{
	client->half_closed = true;
	if (client->call != NULL && client->call->method->stream) {
		varlink_client_kill(client);
	} else if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !client->hung_up) {
		/* it would be told again and again */
		epoll_ctl(client->server->epoll, EPOLL_CTL_DEL, client->conn.fd, NULL);
		client->hung_up = true;
	}
}

void
varlink_client_settle(struct varlink_client *client, size_t pending)
{
	if (client->dead)
		return;
	set_stall(client, pending);
	set_events(client);
}

void
varlink_client_run(struct varlink_client *client, uint32_t events)
{
	const size_t pending = varlink_conn_pending(&client->conn);

	if (client->dead)
		return;
	if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		hang_up(client, events);
	if (client->dead)
		return;
	client->running = true;
	take_messages(client);
	client->running = false;
	varlink_client_settle(client, pending);
}

void
varlink_client_answered(struct varlink_client *client, size_t pending)
{
	if (client->running || client->dead)
		return;
	/* the next message is for varlink_server_run(), whoever calls now */
	client->ready = client->call == NULL;
	if (client->ready)
		varlink_timer(client->server, varlink_now(client->server));
	send_rest(client);
	varlink_client_settle(client, pending);
}

void
varlink_client_due(struct varlink_client *client)
{
	if (client->call != NULL && varlink_conn_pending(&client->conn) == 0) {
		client->server->stats.timeouts++;
		varlink_call_timeout(client->call);
	} else {
		client->server->stats.stalled++;
		varlink_client_kill(client);
	}
}
