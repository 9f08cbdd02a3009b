/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>

#include "ask.h"
#include "options.h"

#define DIM(array) (sizeof(array) / sizeof((array)[0]))

#define LISTEN "127.0.0.1:9112"

static const struct {
	const char *name;
	const char *value; /* NULL: it is a switch */
	size_t offset;     /* of a const char *, or of a bool */
	const char *help;
} table[] = {
	{ "listen", "ADDRESS:PORT", offsetof(struct options, listen),
			"where /metrics is served; [::]:9112 for all addresses, of this machine's "
			"containers too (default: " LISTEN ")" },
	{ "socket", "PATH", offsetof(struct options, socket),
			"of dpdk-vduse-net, its observers' (default: " ASK_OBSERVE ")" },
	{ "list", NULL, offsetof(struct options, list),
			"print every metric there is: name, type, labels, meaning; then exit" },
	{ "help", NULL, offsetof(struct options, help), "print this and exit" },
	{ "version", NULL, offsetof(struct options, version), "print the version and exit" },
};

static int
find(const char *arg, size_t len)
{
	unsigned int i;

	for (i = 0; i < DIM(table); i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, arg, len) == 0)
			return (int)i;
	return -1;
}

/* "127.0.0.1:9112", "[::1]:9112": numbers only, so that it is what it looks like. */
static int
parse_address(const char *text, struct options *options)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	struct addrinfo *found;
	char host[64];
	size_t len;

	if (colon == NULL || colon == text || colon - text >= (ptrdiff_t)sizeof(host) ||
			colon[1] == '\0')
		return -EINVAL;
	len = (size_t)(colon - text);
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return -EINVAL;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	if (len == 0 || getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -EINVAL;
	memcpy(&options->address, found->ai_addr, found->ai_addrlen);
	options->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* One option. Return: how many arguments it took, or -EINVAL. */
static int
take(char *const argv[], struct options *options, FILE *err)
{
	const char *name = argv[0], *value = NULL;
	size_t len;
	int i;

	if (strncmp(name, "--", 2) != 0) {
		fprintf(err,
				"dpdk-vduse-metrics: %s: no option of this program; --help lists "
				"them\n",
				name);
		return -EINVAL;
	}
	len = strcspn(name + 2, "=");
	i = find(name + 2, len);
	if (i < 0 || (table[i].value == NULL && name[2 + len] == '=')) {
		fprintf(err, "dpdk-vduse-metrics: %s: %s; --help lists them\n", name,
				i < 0 ? "no option of this program" : "it takes no value");
		return -EINVAL;
	}
	if (table[i].value == NULL) {
		*(bool *)((char *)options + table[i].offset) = true;
		return 1;
	}
	value = name[2 + len] == '=' ? name + len + 3 : argv[1];
	if (value == NULL || value[0] == '\0') {
		fprintf(err, "dpdk-vduse-metrics: --%s: no value follows: give %s\n", table[i].name,
				table[i].value);
		return -EINVAL;
	}
	*(const char **)((char *)options + table[i].offset) = value;
	return name[2 + len] == '=' ? 1 : 2;
}

int
options_parse(int argc, char *const argv[], struct options *options, FILE *err)
{
	int at = 1, n;

	memset(options, 0, sizeof(*options));
	options->listen = LISTEN;
	options->socket = ASK_OBSERVE;
	for (; at < argc; at += n) {
		n = take(argv + at, options, err);
		if (n < 0)
			return n;
	}
	if (parse_address(options->listen, options) == 0)
		return 0;
	fprintf(err,
			"dpdk-vduse-metrics: --listen %s: give a numeric address and a port, as "
			"127.0.0.1:9112 or [::1]:9112\n",
			options->listen);
	return -EINVAL;
}

void
options_help(FILE *out)
{
	char head[64];
	unsigned int i;

	fprintf(out, "Usage: dpdk-vduse-metrics [option]...\n"
		     "Serve what dpdk-vduse-net counts to Prometheus and others, by HTTP at "
		     "/metrics.\n\nOptions:\n");
	for (i = 0; i < DIM(table); i++) {
		snprintf(head, sizeof(head), "--%s %s", table[i].name,
				table[i].value != NULL ? table[i].value : "");
		fprintf(out, "  %-26s %s\n", head, table[i].help);
	}
}
