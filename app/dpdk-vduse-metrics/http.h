/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An HTTP server for answers that are there at once. No client holds up another: each has its time
 * for the whole of its request and answer, and where there are many, the one that came first makes
 * room. One thread.
 */

#ifndef METRICS_HTTP_H
#define METRICS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#define HTTP_CLIENTS   64
#define HTTP_CLIENT_MS 10000

struct http;

struct http_conf {
	/*
	 * The answer to GET of a path, which stays the callee's.
	 *
	 * @param openmetrics it takes that format
	 * @return NULL: there is no such page
	 */
	struct MHD_Response *(*get)(void *ctx, const char *path, bool openmetrics);
	void *ctx;
	uint64_t (*now)(void); /* ms; NULL: the monotonic clock */
};

/** @param fd listens; the server's from now on. @return NULL: it cannot be made */
struct http *http_create(int fd, const struct http_conf *conf);
void http_free(struct http *http);

/** Readable when http_run() has something to do. */
int http_fd(const struct http *http);

/** ms until http_run() is to be called at the latest; -1: whenever. */
int http_due(struct http *http);

void http_run(struct http *http);

#endif /* METRICS_HTTP_H */
