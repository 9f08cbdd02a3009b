/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <string.h>

#include "show.h"
#include "vdusectl.h"
#include "words.h"

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static long long
number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void
put_list(const json_t *list, FILE *out)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		fprintf(out, "%s%s", i > 0 ? "," : " ", json_string_value(json_array_get(list, i)));
}

static void
put_network(const json_t *item, FILE *out)
{
	const json_t *uplinks = json_object_get(item, "uplinks");

	fprintf(out, "%s:", text_of(item, "name"));
	if (json_array_size(uplinks) > 0) {
		fputs(" uplinks", out);
		put_list(uplinks, out);
	}
	fprintf(out, " mtu %lld link %s containers %lld", number_of(item, "mtu"),
			text_of(item, "link_state"), number_of(item, "containers"));
	if (json_array_size(json_object_get(item, "lcores")) > 0) {
		fputs(" lcores", out);
		put_list(json_object_get(item, "lcores"), out);
	}
	if (json_object_get(item, "vf_mac") != NULL)
		fprintf(out, " vf-mac %s", text_of(item, "vf_mac"));
	fputc('\n', out);
}

/* The words whose values are not as without being given: as one would write them. */
static unsigned int
put_words(const json_t *item, FILE *out)
{
	char value[CONTROL_VALUE_MAX], quoted[2 * CONTROL_VALUE_MAX], name[32];
	struct control_container conf;
	const struct varlink_param *word;
	unsigned int i, n = 0;

	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, item, &conf);
	for (i = CONTAINER_VLAN; i < CONTAINER_WORDS; i++) {
		word = &control_container_words.rows[i];
		control_value(word, &conf, value, sizeof(value));
		if (strcmp(value, word->fallback != NULL ? word->fallback : "") == 0)
			continue;
		control_quote(value, quoted, sizeof(quoted));
		fprintf(out, "%s%s %s", n++ > 0 ? " " : "    ",
				control_word_name(word, name, sizeof(name)), quoted);
	}
	return n;
}

static void
put_statistics(json_t *counters, FILE *out)
{
	const char *name;
	json_t *value;
	unsigned int n = 0;

	json_object_foreach(counters, name, value) fprintf(out, "%s%s %lld", n++ > 0 ? " " : "    ",
			name, (long long)json_integer_value(value));
	if (n > 0)
		fputc('\n', out);
}

static void
put_container(const json_t *item, FILE *out)
{
	fprintf(out, "%s: network %s mac %s link %s", text_of(item, "name"),
			text_of(item, "network"), text_of(item, "mac"),
			text_of(item, "link_state"));
	if (text_of(item, "device")[0] != '\0')
		fprintf(out, " device %s", text_of(item, "device"));
	fputs(json_is_true(json_object_get(item, "attached")) ? " attached" : " detached", out);
	fputs(json_is_true(json_object_get(item, "broken")) ? " broken\n" : "\n", out);
	if (put_words(item, out) > 0)
		fputc('\n', out);
	put_statistics(json_object_get(item, "statistics"), out);
}

static void
put_entry(const json_t *item, FILE *out)
{
	fprintf(out, "%s network %s vlan %lld port %s", text_of(item, "mac"),
			text_of(item, "network"), number_of(item, "vlan"), text_of(item, "port"));
	if (json_is_true(json_object_get(item, "static")))
		fputs(" static\n", out);
	else
		fprintf(out, " age %lld\n", number_of(item, "age"));
}

static void
put_uplink(const json_t *item, FILE *out)
{
	const json_t *lcores = json_object_get(item, "lcores");
	size_t i;

	fprintf(out, "%s: network %s link %s", text_of(item, "name"), text_of(item, "network"),
			text_of(item, "link_state"));
	for (i = 0; i < json_array_size(lcores); i++)
		fprintf(out, "%s%lld", i > 0 ? "," : " lcores ",
				(long long)json_integer_value(json_array_get(lcores, i)));
	fputs(json_is_true(json_object_get(item, "rss")) ? " rss" : "", out);
	fputs(json_is_true(json_object_get(item, "promiscuous")) ? " promiscuous\n" : "\n", out);
	put_statistics(json_object_get(item, "statistics"), out);
}

static void
put_lcore(const json_t *item, FILE *out)
{
	fprintf(out, "%lld: queues %lld\n", number_of(item, "lcore"), number_of(item, "queues"));
	put_statistics(json_object_get(item, "statistics"), out);
}

static void
put_finding(const json_t *item, FILE *out)
{
	fprintf(out, "%s: %s\n", text_of(item, "severity"), text_of(item, "text"));
}

static void
put_event(const json_t *event, FILE *out)
{
	static const char *const names[] = { "network", "container", "uplink" };
	unsigned int i;

	fputs(text_of(event, "event"), out);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_of(event, names[i])[0] != '\0')
			fprintf(out, " %s %s", names[i], text_of(event, names[i]));
	if (text_of(event, "text")[0] != '\0')
		fprintf(out, ": %s", text_of(event, "text"));
	fputc('\n', out);
}

static void
put_moved(const json_t *answer, FILE *out)
{
	fprintf(out, "%lld moved\n", number_of(answer, "moved"));
}

static void
put_config(const json_t *answer, FILE *out)
{
	fputs(text_of(answer, "config"), out);
}

static void
put_reload(const json_t *answer, FILE *out)
{
	fprintf(out, "%lld added, %lld changed, %lld removed\n", number_of(answer, "added"),
			number_of(answer, "changed"), number_of(answer, "removed"));
}

/* One row a method whose answer is not "changed". */
static const struct {
	const char *method;
	const char *list; /* of the answer; NULL: it is printed as a whole */
	void (*put)(const json_t *item, FILE *out);
} forms[] = {
	{ "ListNetworks", "networks", put_network },
	{ "ListContainers", "containers", put_container },
	{ "ListFdb", "entries", put_entry },
	{ "ListUplinks", "uplinks", put_uplink },
	{ "ListLcores", "lcores", put_lcore },
	{ "Check", "findings", put_finding },
	{ "Monitor", NULL, put_event },
	{ "Rebalance", NULL, put_moved },
	{ "ShowConfig", NULL, put_config },
	{ "Reload", NULL, put_reload },
};

/* As devices are called there: letters and digits at both ends. */
static bool
is_cdi_name(const char *name)
{
	const size_t len = strlen(name);
	size_t i;

	for (i = 0; i < len && (isalnum((unsigned char)name[i]) || strchr("_-.:", name[i])); i++)
		;
	return len > 0 && i == len && isalnum((unsigned char)name[0]) &&
	       isalnum((unsigned char)name[len - 1]);
}

/* Container Device Interface: devices of runtimes, by name. */
static void
put_cdi(const json_t *containers, FILE *out)
{
	json_t *devices = json_array(), *spec;
	const json_t *item;
	size_t i;

	json_array_foreach(containers, i, item)
	{
		if (strcmp(text_of(item, "attach"), "vhost") == 0 &&
				text_of(item, "device")[0] != '\0' &&
				is_cdi_name(text_of(item, "name")))
			json_array_append_new(devices,
					json_pack("{ss s{s[{so ss}]}}", "name",
							text_of(item, "name"), "containerEdits",
							"deviceNodes", "path",
							json_sprintf("/dev/%s",
									text_of(item, "device")),
							"permissions", "rw"));
	}
	spec = json_pack("{ss ss so}", "cdiVersion", "0.5.0", "kind", "dpdk-vduse.io/net",
			"devices", devices);
	json_dumpf(spec, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(spec);
}

void
show_error(const json_t *answer, FILE *err)
{
	const char *id = json_string_value(json_object_get(answer, "error"));
	const json_t *parameters = json_object_get(answer, "parameters");
	const char *text = json_string_value(json_object_get(parameters, "text"));
	const char *dot = strrchr(id, '.');

	dot = dot != NULL ? dot + 1 : id;
	if (text == NULL && strcmp(dot, "PermissionDenied") == 0)
		text = "root and the group of the socket may use it; observers may look, and "
		       "change nothing";
	else if (text == NULL)
		text = "this daemon does not have it; is it of another version?";
	fprintf(err, "vdusectl: %s: %s\n", dot, text);
}

bool
show_is_json(const struct control_line *line)
{
	return line->command->verb != NULL && strcmp(line->command->verb, "cdi") == 0;
}

static int
form_of(const struct control_line *line)
{
	unsigned int i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].method, line->command->method) == 0)
			return (int)i;
	return -1;
}

const json_t *
show_json(const struct control_line *line, const json_t *parameters)
{
	const int form = form_of(line);

	return form >= 0 && forms[form].list != NULL ? json_object_get(parameters, forms[form].list)
						     : parameters;
}

int
show(const struct control_line *line, const json_t *parameters, FILE *out)
{
	const json_t *list = show_json(line, parameters), *item;
	const int form = form_of(line);
	int status = VDUSECTL_OK;
	size_t i;

	if (show_is_json(line)) {
		put_cdi(list, out);
		return status;
	}
	if (form < 0) {
		if (!json_is_true(json_object_get(parameters, "changed")))
			fprintf(out, "%s: nothing to change\n", text_of(line->parameters, "name"));
		return status;
	}
	if (forms[form].list == NULL) {
		forms[form].put(parameters, out);
		return status;
	}
	for (i = 0; i < json_array_size(list); i++) {
		item = json_array_get(list, i);
		forms[form].put(item, out);
		if (strcmp(text_of(item, "severity"), "fault") == 0)
			status = VDUSECTL_FAULT;
	}
	return status;
}
