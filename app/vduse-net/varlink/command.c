/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "control.h"

#define NONE      (-1)
#define AMBIGUOUS (-2)

const struct control_command control_commands[] = {
	{ "network", "add", "AddNetwork", "add a network" },
	{ "network", "set", "SetNetwork", "change what is given of it" },
	{ "network", "del", "RemoveNetwork", "remove it, when it has no containers" },
	{ "network", "show", "ListNetworks", "print the networks, or one" },
	{ "container", "add", "AddContainer", "give a container an interface on a network" },
	{ "container", "set", "SetContainer", "change what is given of it, while it runs" },
	{ "container", "del", "RemoveContainer", "take its interface away" },
	{ "container", "show", "ListContainers",
			"print the containers, or one; -s: with counters" },
	{ "container", "cdi", "ListContainers",
			"print a CDI file of those with attach vhost, for /run/cdi" },
	{ "fdb", "show", "ListFdb", "print the addresses that networks know" },
	{ "uplink", "show", "ListUplinks",
			"print the ports that networks lead outside by; -s: with counters" },
	{ "lcore", "show", "ListLcores", "print the lcores that move frames; -s: with counters" },
	{ "monitor", NULL, "Monitor", "print events as they happen" },
	{ "capture", NULL, "Capture",
			"copy its frames, or those of an uplink, to a file, for tcpdump and "
			"Wireshark",
			"capture NAME [-w FILE] [-s BYTES] [-c N] [-Q in|out] [--drops] [FILTER]" },
	{ "top", NULL, "ListLoad", "show who uses the lcores now, again and again; q ends it",
			"top [-d SECONDS] [-n N]" },
	{ "latency", NULL, "ListLatency",
			"print how long its frames are here and its kicks wait, or those of an "
			"uplink, as histograms",
			"latency NAME [-t SECONDS]" },
	{ "rebalance", NULL, "Rebalance",
			"share containers and uplinks' queues out among the lcores" },
	{ "show", "config", "ShowConfig", "print the commands that make what there is now" },
	{ "reload", NULL, "Reload", "read the configuration file again" },
	{ "check", NULL, "Check",
			"print what is wrong, or could be better; or what reload would do with a "
			"file. Of the machine itself: vduse-doctor" },
};

const unsigned int control_nb_commands = sizeof(control_commands) / sizeof(control_commands[0]);

__attribute__((format(printf, 2, 3))) static int
say(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CONTROL_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const struct varlink_method *
control_command_method(const struct control_command *command)
{
	unsigned int i;

	for (i = 0; i < control_interface.nb_methods; i++)
		if (strcmp(control_interface.methods[i].name, command->method) == 0)
			return &control_interface.methods[i];
	return NULL;
}

const struct varlink_param *
control_command_name(const struct control_command *command, bool *must)
{
	const struct varlink_method *method = control_command_method(command);
	const struct varlink_param *name = varlink_param_find(method->params, "name");

	*must = method->required > 0;
	return name != NULL ? name : varlink_param_find(method->params, "file");
}

bool
control_is_word(const struct varlink_param *param)
{
	return strcmp(param->name, "name") != 0 && strcmp(param->name, "file") != 0 &&
	       param->type != VARLINK_FD;
}

const char *
control_word_name(const struct varlink_param *param, char *buf, size_t len)
{
	char *c;

	snprintf(buf, len, "%s", param->name);
	for (c = buf; *c != '\0'; c++)
		if (*c == '_')
			*c = '-';
	return buf;
}

/* Of names the one that is the token, or that alone begins with it. */
static int
match(const char *const *names, unsigned int nb, const char *token)
{
	const size_t len = strlen(token);
	int found = NONE;
	unsigned int i;

	for (i = 0; i < nb; i++) {
		if (names[i] == NULL || strncmp(names[i], token, len) != 0 || len == 0)
			continue;
		if (names[i][len] == '\0')
			return (int)i;
		/* the same name again is no other */
		if (found >= 0 && strcmp(names[found], names[i]) == 0)
			continue;
		found = found == NONE ? (int)i : AMBIGUOUS;
		if (found == AMBIGUOUS)
			break;
	}
	for (; i < nb; i++)
		if (names[i] != NULL && strcmp(names[i], token) == 0)
			return (int)i;
	return found;
}

/* The names, once each: "add, set, del or show". */
static const char *
enumerate(const char *const *names, unsigned int nb, char *buf, size_t len)
{
	const char *last = NULL;
	unsigned int i, k;
	size_t n = 0;

	buf[0] = '\0';
	for (i = 0; i < nb; i++) {
		for (k = 0; k < i &&
				(names[k] == NULL || strcmp(names[k], names[i] != NULL ? names[i]
										       : "") != 0);
				k++)
			;
		if (names[i] == NULL || k < i)
			continue;
		if (last != NULL && n < len)
			n += snprintf(buf + n, len - n, "%s%s", n > 0 ? ", " : "", last);
		last = names[i];
	}
	if (last != NULL && n < len)
		snprintf(buf + n, len - n, "%s%s", n > 0 ? " or " : "", last);
	return buf;
}

/* Return: the index, or -EINVAL with a sentence. */
static int
choose(const char *const *names, unsigned int nb, const char *token, const char *what, char *error)
{
	const int at = token != NULL ? match(names, nb, token) : NONE;
	char list[CONTROL_ERROR_MAX / 2];

	if (at >= 0)
		return at;
	enumerate(names, nb, list, sizeof(list));
	if (token == NULL)
		return say(error, "%s: give %s", what, list);
	if (at == AMBIGUOUS)
		return say(error, "%.64s: more than one begins so: give %s", token, list);
	return say(error, "%.64s: %s has no such word: give %s", token, what, list);
}

/* The command that the first tokens are. Return: how many they are, or -EINVAL. */
static int
find_command(int argc, const char *const *argv, struct control_line *line, char *error)
{
	const char *names[sizeof(control_commands) / sizeof(control_commands[0])];
	const char *object;
	unsigned int i;
	int at;

	for (i = 0; i < control_nb_commands; i++)
		names[i] = control_commands[i].object;
	at = choose(names, control_nb_commands, argc > 0 ? argv[0] : NULL, "vdusectl", error);
	if (at < 0)
		return at;
	object = names[at];
	line->command = &control_commands[at];
	if (line->command->verb == NULL)
		return 1;
	for (i = 0; i < control_nb_commands; i++)
		names[i] = strcmp(control_commands[i].object, object) == 0
					   ? control_commands[i].verb
					   : NULL;
	at = choose(names, control_nb_commands, argc > 1 ? argv[1] : NULL, object, error);
	if (at < 0)
		return at;
	line->command = &control_commands[at];
	return 2;
}

/* The words of a method; descriptors and the name have none. */
static unsigned int
collect_words(const struct varlink_method *method, const struct varlink_param **params,
		char (*names)[32])
{
	const struct varlink_params *const both[] = { method->params, method->others };
	unsigned int i, k, n = 0;

	for (k = 0; k < 2; k++)
		for (i = 0; both[k] != NULL && i < both[k]->nb; i++)
			if (control_is_word(&both[k]->rows[i])) {
				params[n] = &both[k]->rows[i];
				control_word_name(params[n], names[n], sizeof(names[n]));
				n++;
			}
	return n;
}

static const char *
command_text(const struct control_command *command, char *buf, size_t len)
{
	snprintf(buf, len, "%s%s%s", command->object, command->verb != NULL ? " " : "",
			command->verb != NULL ? command->verb : "");
	return buf;
}

/* Return: the parameter that a token is, or NULL with a sentence. */
static const struct varlink_param *
find_word(const struct control_line *line, const char *token, char *error)
{
	const struct varlink_param *params[CONTROL_TOKENS_MAX] = { NULL };
	const char *pointers[CONTROL_TOKENS_MAX];
	char names[CONTROL_TOKENS_MAX][32], dashed[64], *c;
	const unsigned int nb = collect_words(line->method, params, names);
	char text[32];
	unsigned int i;
	int at;

	for (i = 0; i < nb; i++)
		pointers[i] = names[i];
	snprintf(dashed, sizeof(dashed), "%s", token);
	for (c = dashed; *c != '\0'; c++)
		*c = *c == '_' ? '-' : *c;
	command_text(line->command, text, sizeof(text));
	if (nb == 0) {
		say(error, "%.64s: nothing follows %s", token, text);
		return NULL;
	}
	at = choose(pointers, nb, dashed, text, error);
	return at >= 0 ? params[at] : NULL;
}

static json_t *
list_value(const char *token)
{
	json_t *list = json_array();
	size_t n;

	while (*token != '\0') {
		n = strcspn(token, ",");
		json_array_append_new(list, json_stringn(token, n));
		token += n + (token[n] == ',');
	}
	return list;
}

/* As JSON, of the parameter's type where it is one; what is none stays a string, to be refused. */
static json_t *
value_of(const struct varlink_param *param, const char *token)
{
	char *end;

	errno = 0;
	if (param->type == VARLINK_STRINGS)
		return list_value(token);
	if (param->type == VARLINK_BOOL && strcmp(token, "on") == 0)
		return json_true();
	if (param->type == VARLINK_BOOL && strcmp(token, "off") == 0)
		return json_false();
	if (param->type == VARLINK_INT && isdigit((unsigned char)token[0])) {
		const long long n = strtoll(token, &end, 10);

		if (*end == '\0' && errno == 0)
			return json_integer(n);
	}
	return json_string(token);
}

static int
set_value(struct control_line *line, const struct varlink_param *param, const char *token,
		char *error)
{
	json_t *value = value_of(param, token);
	struct varlink_wrong wrong;
	char name[32];

	control_word_name(param, name, sizeof(name));
	if (value == NULL)
		return say(error, "%s: no UTF-8: give %s", name, param->value);
	if (param->type == VARLINK_BOOL && !json_is_boolean(value)) {
		json_decref(value);
		return say(error, "%s %.64s: give on or off", name, token);
	}
	if (varlink_param_check(param, value, 0, &wrong) != 0) {
		json_decref(value);
		return say(error, "%s", wrong.text);
	}
	if (json_object_get(line->parameters, param->name) != NULL) {
		json_decref(value);
		return say(error, "%s: given twice: leave one out", name);
	}
	json_object_set_new(line->parameters, param->name, value);
	return 0;
}

/* Return: how many tokens were taken, or -EINVAL. */
static int
take_word(int argc, const char *const *argv, struct control_line *line, char *error)
{
	const struct varlink_param *param = find_word(line, argv[0], error);
	char name[32];
	int ret;

	if (param == NULL)
		return -EINVAL;
	/* a word without a value switches on */
	if (param->value == NULL) {
		ret = set_value(line, param, "on", error);
		return ret != 0 ? ret : 1;
	}
	if (argc < 2)
		return say(error, "%s: no value follows: give %s",
				control_word_name(param, name, sizeof(name)), param->value);
	ret = set_value(line, param, argv[1], error);
	return ret != 0 ? ret : 2;
}

/* The name behind the verb. Return: how many tokens it is, or -EINVAL. */
static int
take_name(int argc, const char *const *argv, struct control_line *line, char *error)
{
	char ignored[CONTROL_ERROR_MAX], text[32];
	bool must;
	const struct varlink_param *param = control_command_name(line->command, &must);
	int ret;

	if (param == NULL)
		return 0;
	if (argc == 0 && must)
		return say(error, "%s: no name follows: give one",
				command_text(line->command, text, sizeof(text)));
	/* a word with a value, where there may be no name */
	if (argc == 0 || (!must && argc > 1 && find_word(line, argv[0], ignored) != NULL))
		return 0;
	ret = set_value(line, param, argv[0], error);
	return ret != 0 ? ret : 1;
}

static int
take_all(int argc, const char *const *argv, struct control_line *line, char *error)
{
	struct varlink_wrong wrong;
	int at, n;

	at = take_name(argc, argv, line, error);
	for (n = at; n >= 0 && at < argc; at += n) {
		n = take_word(argc - at, argv + at, line, error);
		if (n < 0)
			return n;
	}
	if (n < 0)
		return n;
	if (varlink_method_check(line->method, line->parameters, 0, &wrong) == 0)
		return 0;
	return say(error, "%s: missing: every %s has to have it", wrong.parameter,
			line->command->object);
}

int
control_line_parse(int argc, const char *const *argv, struct control_line *line, char *error)
{
	int at, ret;

	memset(line, 0, sizeof(*line));
	at = find_command(argc, argv, line, error);
	if (at < 0)
		return at;
	line->method = control_command_method(line->command);
	line->parameters = json_object();
	ret = take_all(argc - at, argv + at, line, error);
	if (ret != 0) {
		json_decref(line->parameters);
		line->parameters = NULL;
	}
	return ret;
}

/* One token that begins at *from; behind it *from is. Return: behind what was written, or NULL. */
static char *
split_one(const char **from, char *to)
{
	char quote = '\0';

	for (; **from != '\0' && (quote != '\0' || !isspace((unsigned char)**from)); (*from)++) {
		if (quote == '\0' && (**from == '"' || **from == '\''))
			quote = **from;
		else if (quote != '\0' && **from == quote)
			quote = '\0';
		else if (quote == '"' && **from == '\\' &&
				((*from)[1] == '"' || (*from)[1] == '\\'))
			*to++ = *++*from;
		else
			*to++ = **from;
	}
	*to++ = '\0';
	return quote == '\0' ? to : NULL;
}

int
control_split(const char *text, struct control_tokens *tokens, char *error)
{
	char *to = tokens->text;

	tokens->argc = 0;
	if (strlen(text) >= sizeof(tokens->text) - 1)
		return say(error, "longer than %d bytes", CONTROL_LINE_MAX - 2);
	for (;;) {
		text += strspn(text, " \t\r\n\v\f");
		if (*text == '\0' || *text == '#')
			return 0;
		if (tokens->argc == CONTROL_TOKENS_MAX)
			return say(error, "more than %d words", CONTROL_TOKENS_MAX);
		tokens->argv[tokens->argc++] = to;
		to = split_one(&text, to);
		if (to == NULL)
			return say(error, "%.64s: a quote is not closed",
					tokens->argv[tokens->argc - 1]);
	}
}

size_t
control_quote(const char *value, char *buf, size_t len)
{
	const char *c;
	size_t n = 0;

	if (value[0] != '\0' && value[0] != '#' && strpbrk(value, " \t\r\n\v\f\"'\\") == NULL)
		return snprintf(buf, len, "%s", value);
	n += snprintf(buf, len, "\"");
	for (c = value; *c != '\0'; c++)
		n += snprintf(n < len ? buf + n : NULL, n < len ? len - n : 0, "%s%c",
				*c == '"' || *c == '\\' ? "\\" : "", *c);
	n += snprintf(n < len ? buf + n : NULL, n < len ? len - n : 0, "\"");
	return n;
}
