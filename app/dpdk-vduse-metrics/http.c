/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock_ms.h"
#include "http.h"

/* Bytes of a request, with what is kept of its connection: some hundred are usual. */
#define REQUEST_MAX 16384

/* In the order in which they came. */
struct client {
	TAILQ_ENTRY(client) next;
	int fd;
	uint64_t due; /* ms */
	bool cut;     /* it has been shut down, and is closed soon */
};

struct http {
	struct http_conf conf;
	struct MHD_Daemon *daemon;
	struct MHD_Response *not_found, *bad_method;
	TAILQ_HEAD(clients, client) clients;
	unsigned int nb; /* that were not cut */
};

static void
cut(struct http *http, struct client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	client->cut = true;
	http->nb--;
}

static struct client *
first(const struct http *http)
{
	struct client *client;

	TAILQ_FOREACH (client, &http->clients, next)
		if (!client->cut)
			break;
	return client;
}

static void
came(struct http *http, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL || info == NULL) {
		free(client);
		return;
	}
	client->fd = info->connect_fd;
	client->due = http->conf.now() + HTTP_CLIENT_MS;
	if (http->nb == HTTP_CLIENTS)
		cut(http, first(http));
	TAILQ_INSERT_TAIL(&http->clients, client, next);
	http->nb++;
	*context = client;
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
		enum MHD_ConnectionNotificationCode code)
{
	struct client *client = *context;
	struct http *http = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		came(http, connection, context);
	} else if (client != NULL) {
		TAILQ_REMOVE(&http->clients, client, next);
		http->nb -= !client->cut;
		free(client);
	}
}

static bool
takes_openmetrics(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(
			connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
		const char *version, const char *data, size_t *size, void **context)
{
	struct http *http = arg;
	struct MHD_Response *response;

	(void)version;
	(void)data;
	(void)size;
	(void)context;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return MHD_queue_response(
				connection, MHD_HTTP_METHOD_NOT_ALLOWED, http->bad_method);
	response = http->conf.get(http->conf.ctx, url, takes_openmetrics(connection));
	if (response == NULL)
		return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, http->not_found);
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static struct MHD_Response *
constant(const char *text)
{
	struct MHD_Response *response;

	response = MHD_create_response_from_buffer(
			strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	if (response != NULL) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; charset=utf-8");
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	}
	return response;
}

struct http *
http_create(int fd, const struct http_conf *conf)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL) {
		close(fd);
		return NULL;
	}
	http->conf = *conf;
	if (http->conf.now == NULL)
		http->conf.now = clock_ms;
	TAILQ_INIT(&http->clients);
	http->not_found = constant("There is /metrics, and nothing else.\n");
	http->bad_method = constant("There is GET and HEAD, and nothing else.\n");
	/* twice as many, since those that were cut are closed a moment later */
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
			MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
			2U * HTTP_CLIENTS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MAX,
			MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
	if (http->daemon == NULL) {
		close(fd);
		http_free(http);
		return NULL;
	}
	return http;
}

void
http_free(struct http *http)
{
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	if (http->not_found != NULL)
		MHD_destroy_response(http->not_found);
	if (http->bad_method != NULL)
		MHD_destroy_response(http->bad_method);
	free(http);
}

int
http_fd(const struct http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int
http_due(struct http *http)
{
	const struct client *client = first(http);
	const uint64_t now = http->conf.now();
	MHD_UNSIGNED_LONG_LONG wanted = UINT64_MAX;
	uint64_t due = UINT64_MAX;

	if (client != NULL)
		due = client->due > now ? client->due - now : 0;
	if (MHD_get_timeout(http->daemon, &wanted) == MHD_YES && wanted < due)
		due = wanted;
	return due == UINT64_MAX ? -1 : (int)due;
}

void
http_run(struct http *http)
{
	struct client *client;

	MHD_run(http->daemon);
	while ((client = first(http)) != NULL && client->due <= http->conf.now())
		cut(http, client);
}
