/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <jansson.h>

#include "capture.h"
#include "command.h"
#include "control.h"
#include "help.h"
#include "latency.h"
#include "top.h"

static const struct ctl_option options[] = {
	{ "-S", "PATH", "the daemon's socket (default: /run/dpdk-vduse-net/control)" },
	{ "-j", "", "answers as JSON" },
	{ "-s", "", "container show: with counters" },
	{ "-h", "", "print this and exit" },
	{ "-V", "", "print the version and exit" },
};

#define COLUMN     38 /* bytes, before the meaning */
#define MANY       32 /* commands, at most */
#define DIM(array) (sizeof(array) / sizeof((array)[0]))

/* A command as one writes it: "network add NAME [WORD VALUE]...". */
static const char *
form(const struct control_command *command, char *buf, size_t len)
{
	const struct varlink_method *method = control_command_method(command);
	const struct varlink_params *params = method->params;
	const struct varlink_param *name;
	unsigned int i;
	bool must, words = false;
	size_t n;

	if (command->form != NULL)
		return command->form;
	n = snprintf(buf, len, "%s%s%s", command->object, command->verb != NULL ? " " : "",
			command->verb != NULL ? command->verb : "");
	name = control_command_name(command, &must);
	if (name != NULL)
		n += snprintf(buf + n, len - n, must ? " %s" : " [%s]", name->value);
	for (i = 0; params != NULL && i < params->nb; i++)
		words = words ||
			(control_is_word(&params->rows[i]) && params->rows[i].value != NULL);
	if (words)
		snprintf(buf + n, len - n, " [WORD VALUE]...");
	return buf;
}

static void
put_options(const struct ctl_option *table, unsigned int n, FILE *out)
{
	char head[96];
	unsigned int i;

	fputs("\nOptions:\n", out);
	for (i = 0; i < n; i++) {
		snprintf(head, sizeof(head), "%s %s", table[i].option, table[i].value);
		fprintf(out, "  %-*s %s\n", COLUMN, head, table[i].help);
	}
}

void
help(FILE *out)
{
	char head[96];
	unsigned int i;

	fputs("Usage: vdusectl [-S PATH] [-j] [-s] COMMAND\n"
	      "Networks and containers of a running dpdk-vduse-net. Commands and words may be "
	      "abbreviated;\nOBJECT help lists the words.\n\nCommands:\n",
			out);
	for (i = 0; i < control_nb_commands; i++)
		fprintf(out, "  %-*s %s\n", COLUMN, form(&control_commands[i], head, sizeof(head)),
				control_commands[i].help);
	put_options(options, DIM(options), out);
}

static void
put_word(const struct varlink_param *param, FILE *out)
{
	char name[32], head[96];

	snprintf(head, sizeof(head), "%s %s", control_word_name(param, name, sizeof(name)),
			param->value != NULL ? param->value : "");
	fprintf(out, "  %-*s %s", COLUMN, head, param->help);
	if (param->fallback != NULL && param->value != NULL)
		fprintf(out, " (default: %s)", param->fallback);
	fputc('\n', out);
}

/* Those of a table that stood nowhere above. */
static void
put_words(const struct control_command *command, const struct varlink_params *params,
		const struct varlink_params **seen, FILE *out)
{
	char head[96];
	unsigned int i, n = 0;

	for (; *seen != NULL; seen++)
		if (*seen == params)
			return;
	*seen = params;
	for (i = 0; params != NULL && i < params->nb; i++) {
		if (!control_is_word(&params->rows[i]))
			continue;
		if (n++ == 0)
			fprintf(out, "\nWords of %s:\n", form(command, head, sizeof(head)));
		put_word(&params->rows[i], out);
	}
}

/* Of a command that has options. Return: whether it has. */
static bool
put_own(const char *object, FILE *out)
{
	if (capture_is(object))
		put_options(capture_options, capture_nb_options, out);
	else if (top_is(object))
		put_options(top_options, top_nb_options, out);
	else if (latency_is(object))
		put_options(latency_options, latency_nb_options, out);
	else
		return false;
	return true;
}

int
help_object(const char *object, FILE *out)
{
	const struct varlink_params *seen[2 * MANY + 1] = { NULL };
	const struct varlink_method *method;
	char head[96];
	unsigned int i, n = 0;

	for (i = 0; i < control_nb_commands; i++)
		if (strcmp(control_commands[i].object, object) == 0)
			fprintf(out, "%s  %-*s %s\n", n++ == 0 ? "Commands:\n" : "", COLUMN,
					form(&control_commands[i], head, sizeof(head)),
					control_commands[i].help);
	for (i = 0; n > 0 && i < control_nb_commands && i < MANY; i++) {
		method = control_command_method(&control_commands[i]);
		if (strcmp(control_commands[i].object, object) != 0)
			continue;
		if (put_own(object, out))
			continue;
		put_words(&control_commands[i], method->params, seen, out);
		put_words(&control_commands[i], method->others, seen, out);
	}
	return n > 0;
}

static json_t *
text_or_null(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *
param_json(const struct varlink_param *param, bool required)
{
	static const char *const types[] = { "bool", "int", "string", "strings", "word", "fd" };
	char name[32];
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(param->name));
	json_object_set_new(object, "type", json_string(types[param->type]));
	json_object_set_new(object, "required", json_boolean(required));
	json_object_set_new(object, "min", json_integer(param->min));
	json_object_set_new(object, "max", json_integer(param->max));
	json_object_set_new(object, "default", text_or_null(param->fallback));
	json_object_set_new(object, "value", text_or_null(param->value));
	json_object_set_new(object, "help", json_string(param->help));
	json_object_set_new(object, "word",
			control_is_word(param)
					? json_string(control_word_name(param, name, sizeof(name)))
					: json_null());
	return object;
}

static json_t *
params_json(const struct varlink_method *method)
{
	const struct varlink_params *const both[] = { method->params, method->others };
	json_t *array = json_array();
	unsigned int i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; both[k] != NULL && i < both[k]->nb; i++)
			json_array_append_new(
					array, param_json(&both[k]->rows[i],
							       k == 0 && i < method->required));
	return array;
}

static json_t *
commands_json(void)
{
	json_t *array = json_array();
	const struct control_command *command;
	char head[96];
	unsigned int i;

	for (i = 0; i < control_nb_commands; i++) {
		command = &control_commands[i];
		json_array_append_new(
				array, json_pack("{ss so ss ss ss}", "object", command->object,
						       "verb", text_or_null(command->verb),
						       "method", command->method, "form",
						       form(command, head, sizeof(head)), "help",
						       command->help));
	}
	return array;
}

static json_t *
options_json(const struct ctl_option *table, unsigned int n)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < n; i++)
		json_array_append_new(
				list, json_pack("{ss ss ss}", "option", table[i].option, "value",
						      table[i].value, "help", table[i].help));
	return list;
}

void
help_json(FILE *out)
{
	json_t *methods = json_array(), *all;
	const struct varlink_method *method;
	unsigned int i;

	for (i = 0; i < control_interface.nb_methods; i++) {
		method = &control_interface.methods[i];
		json_array_append_new(methods,
				json_pack("{ss so si sb}", "name", method->name, "parameters",
						params_json(method), "deadline",
						(int)method->deadline, "looks", method->looks));
	}
	all = json_pack("{so so so so so so}", "commands", commands_json(), "methods", methods,
			"options", options_json(options, DIM(options)), "capture",
			options_json(capture_options, capture_nb_options), "top",
			options_json(top_options, top_nb_options), "latency",
			options_json(latency_options, latency_nb_options));
	json_dumpf(all, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(all);
}
