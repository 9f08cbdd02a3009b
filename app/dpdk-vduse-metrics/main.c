/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Metrics of a node: HTTP on one side, the daemon's socket of observers on the other. A process by
 * itself without rights (doc/decisions, "metrics"): who breaks into it can read counters.
 */

#include <errno.h>
#include <linux/capability.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock_ms.h"
#include "collect.h"
#include "http.h"
#include "options.h"

#define PROGRAM "dpdk-vduse-metrics"
/* However many clients there are, the daemon is asked no more often. */
#define FRESH_MS 1000
/* Prometheus gives up after 10 s. */
#define ANSWER_MS 5000
#define BACKLOG   128

struct metrics {
	const struct options *options;
	uint64_t asked; /* ms; 0: not yet */
	bool was_up;
	struct MHD_Response *answers[TEXT_FORMATS]; /* NULL: there was no memory */
	struct MHD_Response *front;
};

static struct MHD_Response *
make_response(char *text, size_t len, const char *type)
{
	struct MHD_Response *response;

	if (text == NULL)
		return NULL;
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

static void
drop_answers(struct metrics *m)
{
	unsigned int i;

	for (i = 0; i < TEXT_FORMATS; i++) {
		if (m->answers[i] != NULL)
			MHD_destroy_response(m->answers[i]);
		m->answers[i] = NULL;
	}
}

/* Once, when it changes: a line for each scrape would be no news. */
static void
say_change(struct metrics *m, const struct collected *now)
{
	if (m->asked != 0 && m->was_up == now->source.up)
		return;
	if (now->source.up)
		fprintf(stderr, PROGRAM ": %s answers\n", m->options->socket);
	else
		fprintf(stderr, PROGRAM ": %s\n", now->error);
	m->was_up = now->source.up;
}

static void
refresh(struct metrics *m)
{
	struct collected now;
	unsigned int i;
	size_t len;
	char *text;

	if (m->asked != 0 && clock_ms() - m->asked < FRESH_MS)
		return;
	drop_answers(m);
	collect(m->options->socket, ANSWER_MS, &now);
	say_change(m, &now);
	for (i = 0; i < TEXT_FORMATS; i++) {
		text = text_make(&now.source, (enum text_format)i, &len);
		m->answers[i] = make_response(text, len, text_types[i]);
	}
	collect_clear(&now);
	m->asked = clock_ms();
}

static struct MHD_Response *
get(void *ctx, const char *path, bool openmetrics)
{
	struct metrics *m = ctx;

	if (strcmp(path, "/") == 0)
		return m->front;
	if (strcmp(path, "/metrics") != 0)
		return NULL;
	refresh(m);
	return m->answers[openmetrics ? TEXT_OPENMETRICS : TEXT_PROMETHEUS];
}

/* "127.0.0.1:9112", with the port that it has. */
static void
say_listening(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
			getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port,
					sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	fprintf(stderr,
			address.ss_family == AF_INET6 ? PROGRAM ": listening at [%s]:%s\n"
						      : PROGRAM ": listening at %s:%s\n",
			host, port);
}

/* Return: a socket, or -1, said. */
static int
listen_at(const struct options *options)
{
	const int on = 1;
	int fd, why;

	fd = socket(options->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
			bind(fd, (const struct sockaddr *)&options->address,
					options->address_len) == 0 &&
			listen(fd, BACKLOG) == 0)
		return fd;
	why = errno;
	fprintf(stderr, PROGRAM ": --listen %s: %s: %s\n", options->listen, strerror(why),
			why == EADDRINUSE      ? "another program listens there; give another port"
			: why == EADDRNOTAVAIL ? "this machine does not have that address"
			: why == EACCES        ? "ports below 1024 are root's; give another one"
					       : "give another address");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* There is one thread. What root may do as the owner of files stays: the socket may be its. */
static int
drop_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_capset, &head, none) == 0)
		return 0;
	perror(PROGRAM ": privileges cannot be given up");
	return -1;
}

/* Until a signal comes. */
static void
serve(struct http *http, int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = http_fd(http), .events = POLLIN },
	};

	do {
		http_run(http);
		if (poll(fds, 2, http_due(http)) < 0 && errno != EINTR)
			break;
	} while (fds[0].revents == 0);
}

static int
run(const struct options *options)
{
	static const char front[] =
			"dpdk-vduse-metrics of dpdk-vduse " APP_VERSION ": see /metrics\n";
	struct metrics m = { .options = options };
	const struct http_conf conf = { .get = get, .ctx = &m };
	struct http *http;
	sigset_t set;
	int fd, signals;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	fd = signals >= 0 ? listen_at(options) : -1;
	if (fd < 0 || drop_rights() != 0)
		return EXIT_FAILURE;
	m.front = make_response(strdup(front), sizeof(front) - 1, "text/plain; charset=utf-8");
	say_listening(fd);
	http = http_create(fd, &conf);
	if (http == NULL || m.front == NULL) {
		fprintf(stderr, PROGRAM ": no memory\n");
		return EXIT_FAILURE;
	}
	serve(http, signals);
	http_free(http);
	drop_answers(&m);
	MHD_destroy_response(m.front);
	close(signals);
	return EXIT_SUCCESS;
}

static void
print_row(void *arg, const char *const *cells)
{
	fprintf(arg, "%s\t%s\t%s\t%s\n", cells[0], cells[1], cells[2], cells[3]);
}

int
main(int argc, char *argv[])
{
	struct options options;

	if (options_parse(argc, argv, &options, stderr) != 0)
		return EXIT_FAILURE;
	if (options.help)
		options_help(stdout);
	else if (options.version)
		puts(PROGRAM " of dpdk-vduse " APP_VERSION);
	else if (options.list)
		text_page(print_row, stdout);
	else
		return run(&options);
	if (fflush(stdout) == 0)
		return EXIT_SUCCESS;
	perror(PROGRAM ": standard output");
	return EXIT_FAILURE;
}
