/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cni.h"

/* Oldest first. */
static const char *const versions[] = { "0.4.0", "1.0.0", "1.1.0" };

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

/* What each command has to have in its environment, and since which version it is. */
static const struct {
	const char *command;
	bool container, netns, ifname, path;
	const char *since;
} commands[] = {
	{ "ADD", true, true, true, true, "0.4.0" },
	{ "DEL", true, false, true, true, "0.4.0" },
	{ "CHECK", true, true, true, true, "0.4.0" },
	{ "GC", false, false, false, true, "1.1.0" },
	{ "STATUS", false, false, false, true, "1.1.0" },
	{ "VERSION", false, false, false, false, "0.4.0" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

bool
cni_is_text(const char *text)
{
	json_t *string = json_string(text);
	const bool is = string != NULL;

	json_decref(string);
	return is;
}

/* What was cut in the middle of a sign, or is no UTF-8, an answer cannot have. */
static void
make_printable(char *text)
{
	if (cni_is_text(text))
		return;
	for (; *text != '\0'; text++)
		if (!isascii((unsigned char)*text))
			*text = '?';
}

int
cni_fail(struct cni *cni, int code, const char *msg, const char *details, ...)
{
	struct cni_error *error = &cni->error;
	va_list ap;

	if (error->code != 0)
		return -1;
	error->code = code;
	snprintf(error->msg, sizeof(error->msg), "%s", msg);
	va_start(ap, details);
	vsnprintf(error->details, sizeof(error->details), details, ap);
	va_end(ap);
	make_printable(error->msg);
	make_printable(error->details);
	return -1;
}

json_t *
cni_versions(void)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < VERSIONS; i++)
		json_array_append_new(array, json_string(versions[i]));
	return array;
}

static int
version_number(const char *version)
{
	unsigned int i;

	for (i = 0; i < VERSIONS; i++)
		if (strcmp(versions[i], version) == 0)
			return (int)i;
	return -1;
}

const char *
cni_version(const char *version)
{
	const int i = version_number(version);

	return i < 0 ? NULL : versions[i];
}

bool
cni_is_since(const struct cni *cni, const char *version)
{
	return version_number(cni->version) >= version_number(version);
}

/* A name as the specification wants it: it begins with a letter or digit. */
static bool
is_name(const char *text)
{
	const char *c;

	for (c = text; isalnum((unsigned char)*c) || (c > text && *c && strchr("_.-", *c)); c++)
		;
	return c > text && *c == '\0';
}

static bool
is_ifname(const char *text)
{
	return strlen(text) >= 1 && strlen(text) <= 15 && control_check_interface(text) == NULL;
}

int
cni_device(struct cni *cni, const char *container, const char *ifname, char *device)
{
	const int n = snprintf(device, CONTROL_NAME_MAX + 1, "%s:%s:%s:%s", cni->owner, cni->name,
			ifname, container);

	if (n <= CONTROL_NAME_MAX && control_check_device(device) == NULL)
		return 0;
	return cni_fail(cni, CNI_CONFIG,
			"the names are too long, or have signs that a device's cannot have",
			"network %s, interface %s and container %s together may have %d signs, "
			"none of them / , = [ ] \" ' # \\",
			cni->name, ifname, container,
			CONTROL_NAME_MAX - (int)strlen(cni->owner) - 3);
}

static int
want(struct cni *cni, const char *variable, const char *value, bool is_good)
{
	if (value == NULL)
		return cni_fail(cni, CNI_ENVIRONMENT, "a variable of the environment is missing",
				"%s: %s needs it", variable, cni->command);
	if (!is_good)
		return cni_fail(cni, CNI_ENVIRONMENT, "a variable of the environment is wrong",
				"%s: %.128s", variable, value);
	return 0;
}

static int
read_environment(struct cni *cni, unsigned int command)
{
	if (commands[command].container &&
			want(cni, "CNI_CONTAINERID", cni->container,
					cni->container != NULL && is_name(cni->container)) < 0)
		return -1;
	if (commands[command].netns &&
			want(cni, "CNI_NETNS", cni->netns,
					cni->netns != NULL && cni_is_text(cni->netns)) < 0)
		return -1;
	if (commands[command].ifname &&
			want(cni, "CNI_IFNAME", cni->ifname,
					cni->ifname != NULL && is_ifname(cni->ifname)) < 0)
		return -1;
	return commands[command].path ? want(cni, "CNI_PATH", cni->path, true) : 0;
}

/* Not given and empty are the same. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Of a list (CNI specification, Network configuration format), which a person may give by hand: our
 * entry, with what the list says for all. */
static int
take_entry(struct cni *cni, json_t *list)
{
	const char *type;
	json_t *entry, *mine = NULL;
	size_t i;

	json_array_foreach(json_object_get(list, "plugins"), i, entry)
	{
		type = json_string_value(json_object_get(entry, "type"));
		if (mine == NULL && type != NULL &&
				strcmp(type, program_invocation_short_name) == 0)
			mine = json_deep_copy(entry);
	}
	if (mine == NULL)
		return cni_fail(cni, CNI_CONFIG, "the list of plug-ins does not have this one",
				"plugins: give one of type %s", program_invocation_short_name);
	json_object_del(list, "plugins");
	json_object_update_missing(mine, list);
	json_decref(list);
	cni->conf = mine;
	return 0;
}

static int
read_conf(struct cni *cni)
{
	json_error_t why;

	cni->conf = json_loadf(stdin, JSON_REJECT_DUPLICATES, &why);
	if (cni->conf == NULL || !json_is_object(cni->conf))
		return cni_fail(cni, CNI_DECODE, "the configuration is no JSON object",
				"line %d: %s", cni->conf == NULL ? why.line : 1,
				cni->conf == NULL ? why.text : "another kind of value");
	if (json_object_get(cni->conf, "plugins") != NULL && take_entry(cni, cni->conf) < 0)
		return -1;
	cni->version = json_string_value(json_object_get(cni->conf, "cniVersion"));
	if (cni->version == NULL)
		return cni_fail(cni, CNI_CONFIG, "the configuration has no cniVersion",
				"give one of those that VERSION says");
	cni->name = json_string_value(json_object_get(cni->conf, "name"));
	return 0;
}

int
cni_read(struct cni *cni)
{
	unsigned int i;

	memset(cni, 0, sizeof(*cni));
	cni->owner = "cni";
	cni->undone_by = "DEL";
	cni->command = variable("CNI_COMMAND");
	cni->container = variable("CNI_CONTAINERID");
	cni->netns = variable("CNI_NETNS");
	cni->ifname = variable("CNI_IFNAME");
	cni->args = variable("CNI_ARGS");
	cni->path = variable("CNI_PATH");
	for (i = 0; i < COMMANDS && cni->command != NULL; i++)
		if (strcmp(commands[i].command, cni->command) == 0)
			break;
	if (cni->command == NULL || i == COMMANDS)
		return cni_fail(cni, CNI_ENVIRONMENT, "CNI_COMMAND is not known",
				"%.64s: ADD, DEL, CHECK, GC, STATUS and VERSION are",
				cni->command == NULL ? "not given" : cni->command);
	if (read_conf(cni) < 0 || strcmp(cni->command, "VERSION") == 0)
		return cni->error.code != 0 ? -1 : 0;
	if (version_number(cni->version) < version_number(commands[i].since))
		return cni_fail(cni, CNI_VERSION,
				"this cniVersion is not supported for the command",
				"%s with %.32s: it is from %s to %s", cni->command, cni->version,
				commands[i].since, versions[VERSIONS - 1]);
	if (cni->name == NULL || !is_name(cni->name))
		return cni_fail(cni, CNI_CONFIG, "the configuration has no good name",
				"name: letters, digits, and _ . - not in front");
	if (read_environment(cni, i) < 0)
		return -1;
	if (cni->container == NULL || cni->ifname == NULL)
		return 0;
	return cni_device(cni, cni->container, cni->ifname, cni->device);
}

void
cni_free(struct cni *cni)
{
	json_decref(cni->conf);
	json_decref(cni->input);
	cni->conf = NULL;
	cni->input = NULL;
}
