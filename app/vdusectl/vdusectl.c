/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "capture.h"
#include "command.h"
#include "control.h"
#include "help.h"
#include "latency.h"
#include "show.h"
#include "top.h"
#include "vdusectl.h"

/* What stands before the command. */
struct options {
	const char *socket;
	bool json;
	bool statistics;
	bool help;
	bool version;
};

/* Return: how many arguments they are, or -1 with a line on err. */
static int
read_options(int argc, const char *const *argv, struct options *options, FILE *err)
{
	int at;

	memset(options, 0, sizeof(*options));
	options->socket = ASK_SOCKET;
	for (at = 0; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "-j") == 0) {
			options->json = true;
		} else if (strcmp(argv[at], "-s") == 0) {
			options->statistics = true;
		} else if (strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "--help") == 0) {
			options->help = true;
		} else if (strcmp(argv[at], "-V") == 0 || strcmp(argv[at], "--version") == 0) {
			options->version = true;
		} else if (strcmp(argv[at], "-S") == 0 && at + 1 < argc) {
			options->socket = argv[++at];
		} else if (strcmp(argv[at], "-S") == 0) {
			fprintf(err, "vdusectl: -S: no path follows: give the daemon's socket\n");
			return -1;
		} else {
			fprintf(err,
					"vdusectl: %.64s: no option of this program; help lists "
					"them\n",
					argv[at]);
			return -1;
		}
	}
	return at;
}

static enum vdusectl_status
put_error(const struct options *options, const json_t *answer, FILE *out, FILE *err)
{
	if (options->json) {
		json_dumpf(answer, out, JSON_COMPACT);
		fputc('\n', out);
	}
	show_error(answer, err);
	return VDUSECTL_REFUSED;
}

/* Return: whether another answer follows. */
static bool
put_answer(const struct options *options, const struct control_line *line, const json_t *answer,
		enum vdusectl_status *status, FILE *out)
{
	const json_t *parameters = json_object_get(answer, "parameters");

	if (options->json && !show_is_json(line)) {
		json_dumpf(show_json(line, parameters), out, JSON_COMPACT);
		fputc('\n', out);
	} else {
		*status = show(line, parameters, out);
	}
	fflush(out);
	return json_is_true(json_object_get(answer, "continues"));
}

static enum vdusectl_status
put_answers(const struct options *options, const struct control_line *line, struct ask *ask,
		FILE *out, FILE *err)
{
	enum vdusectl_status status = VDUSECTL_OK;
	bool more = true;
	json_t *answer;

	while (more) {
		if (ask_answer(ask, &answer) != 0) {
			fprintf(err, "vdusectl: %s\n", ask->error);
			return VDUSECTL_NOBODY;
		}
		if (json_is_string(json_object_get(answer, "error"))) {
			status = put_error(options, answer, out, err);
			more = false;
		} else {
			more = put_answer(options, line, answer, &status, out);
		}
		json_decref(answer);
	}
	return status;
}

/* What is opened here: the daemon may see another file under that name, or read more than one may.
 */
static const struct {
	const char *name, *fd, *cure;
} files[] = {
	{ "netns", "netns_fd", "give the path of a network namespace" },
	{ "file", "file_fd", "give a file of commands" },
};

static int
open_file(struct control_line *line, int *fd, FILE *err)
{
	const char *path = NULL;
	unsigned int i;

	*fd = -1;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path = json_string_value(json_object_get(line->parameters, files[i].name));
		if (path != NULL)
			break;
	}
	if (path == NULL)
		return 0;
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0) {
		fprintf(err, "vdusectl: %s %s: %s: %s\n", files[i].name, path, strerror(errno),
				files[i].cure);
		return -EINVAL;
	}
	json_object_set_new(line->parameters, files[i].fd, json_integer(0));
	return 0;
}

static enum vdusectl_status
run(const struct options *options, struct control_line *line, FILE *out, FILE *err)
{
	enum vdusectl_status status = VDUSECTL_NOBODY;
	char method[64];
	struct ask ask;
	int fd;

	if (options->statistics && varlink_param_find(line->method->params, "statistics") != NULL)
		json_object_set_new(line->parameters, "statistics", json_true());
	if (open_file(line, &fd, err) != 0)
		return VDUSECTL_USAGE;
	if (ask_open(&ask, options->socket, 0) != 0) {
		fprintf(err, "vdusectl: %s\n", ask.error);
	} else {
		snprintf(method, sizeof(method), CONTROL_INTERFACE ".%s", line->command->method);
		if (ask_call(&ask, method, line->parameters, fd, line->method->stream) == 0)
			status = put_answers(options, line, &ask, out, err);
		else
			fprintf(err, "vdusectl: %s\n", ask.error);
		ask_close(&ask);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

/* "help" and "OBJECT help". Return: whether it was that. */
static bool
is_help(const struct options *options, int argc, const char *const *argv, FILE *out)
{
	if (options->help || (argc == 1 && strcmp(argv[0], "help") == 0)) {
		if (options->json)
			help_json(out);
		else
			help(out);
		return true;
	}
	return argc == 2 && strcmp(argv[1], "help") == 0 && help_object(argv[0], out) != 0;
}

enum vdusectl_status
vdusectl(int argc, const char *const *argv, FILE *out, FILE *err)
{
	char error[CONTROL_ERROR_MAX] = "";
	enum vdusectl_status status;
	struct control_line line;
	struct options options;
	int at;

	at = read_options(argc, argv, &options, err);
	if (at < 0)
		return VDUSECTL_USAGE;
	if (options.version) {
		fprintf(out, "vdusectl of dpdk-vduse " APP_VERSION "\n");
		return VDUSECTL_OK;
	}
	if (is_help(&options, argc - at, argv + at, out))
		return VDUSECTL_OK;
	if (at < argc && capture_is(argv[at]))
		return capture(argc - at - 1, argv + at + 1, options.socket, out, err);
	if (at < argc && top_is(argv[at]))
		return top(argc - at - 1, argv + at + 1, options.socket, out, err);
	if (at < argc && latency_is(argv[at]))
		return latency(argc - at - 1, argv + at + 1,
				&(struct latency_how){ options.socket, options.json }, out, err);
	if (control_line_parse(argc - at, argv + at, &line, error) != 0) {
		fprintf(err, "vdusectl: %s\n", error);
		return VDUSECTL_USAGE;
	}
	status = run(&options, &line, out, err);
	json_decref(line.parameters);
	return status;
}
