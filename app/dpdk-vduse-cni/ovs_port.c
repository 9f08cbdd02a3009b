/* SPDX-License-Identifier: BSD-3-Clause */

/* A port of a bridge: what it is told to be, made and taken away. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ovs.h"

#define STATE_DIR "/run/vduse"

/* Columns of its row that say whose it is. */
#define ATTACHMENT "external_ids:" OVS_ATTACHMENT
#define SANDBOX    "external_ids:dpdk-vduse-sandbox"

/* Words of the daemon's that the PMD, or Open vSwitch, has too. */
static const char *const words[] = { "name", "network", "ifname", "mac", "vlan", "trunk", "profile",
	"queue_size" };

/* FNV-1a: names are as long as an interface's, and an attachment's is not. */
void
ovs_name(const char *device, char name[OVS_NAME_MAX])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *device != '\0'; device++)
		hash = (hash ^ (uint8_t)*device) * UINT64_C(0x100000001b3);
	snprintf(name, OVS_NAME_MAX, "pod%012llx",
			(unsigned long long)(hash ^ hash >> 48) & 0xffffffffffffULL);
}

static const char *
text_key(struct cni *cni, const char *key, const char *otherwise, const char *what)
{
	const json_t *value = json_object_get(cni->conf, key);
	const char *text = json_string_value(value);

	if (value == NULL && otherwise != NULL)
		return otherwise;
	if (text == NULL || text[0] == '\0')
		cni_fail(cni, CNI_CONFIG, "a key of the configuration is wrong", "%s: give %s", key,
				what);
	return text;
}

const char *
ovs_bridge(struct cni *cni)
{
	return text_key(cni, "bridge", NULL, "the name of a bridge of Open vSwitch's");
}

static const char *
state_dir(struct cni *cni)
{
	return text_key(cni, "stateDir", STATE_DIR, "a folder");
}

/* One that a row cannot hold, or that Open vSwitch has other means for. */
static int
check_words(struct cni *cni, const json_t *parameters)
{
	const char *word;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)parameters, word, value)
	{
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strcmp(words[i], word) == 0)
				break;
		if (i == sizeof(words) / sizeof(words[0]))
			return cni_fail(cni, CNI_UNSUPPORTED, "a key is not for the data plane ovs",
					"%s is dpdk-vduse-net's: leave it out, and set it in Open "
					"vSwitch",
					word);
	}
	return 0;
}

/* Which address it has is chosen here, as DPDK would, so that it is known. */
static json_t *
random_mac(void)
{
	uint8_t m[6] = { 0 };

	if (getrandom(m, sizeof(m), 0) < 0)
		return NULL;
	m[0] = (uint8_t)((m[0] & 0xfe) | 0x02);
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* What is asked for, as of a container of the daemon. NULL with the error. */
json_t *
ovs_parameters(struct cni *cni)
{
	json_t *trunk = json_object_get(cni->conf, "trunk"), *parameters;

	/* as ovs-cni has it */
	if (trunk != NULL)
		json_object_set(cni->conf, "vlanTrunk", trunk);
	json_object_set_new(cni->conf, "network", json_string("ovs"));
	parameters = conf_parameters(cni);
	if (parameters == NULL || check_words(cni, parameters) < 0 ||
			conf_check(cni, "AddContainer", json_incref(parameters)) < 0) {
		json_decref(parameters);
		return NULL;
	}
	if (json_object_get(parameters, "mac") == NULL)
		json_object_set_new(parameters, "mac", random_mac());
	return parameters;
}

/* As printf(3), a new text; NULL: no memory. */
static char *__attribute__((format(printf, 1, 2))) text_of(const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

/* A column with a text, as ovs-vsctl takes any. */
static char *
column_of(const char *column, const char *value)
{
	json_t *string = json_string(value);
	char *quoted = json_dumps(string, JSON_ENCODE_ANY), *text;

	text = quoted != NULL ? text_of("%s=%s", column, quoted) : NULL;
	free(quoted);
	json_decref(string);
	return text;
}

/* The same with a number, or without, where there is none. */
static char *
number_column(const char *column, const json_t *value)
{
	const json_int_t number = json_integer_value(value);

	return number > 0 ? text_of("%s=%lld", column, (long long)number)
			  : text_of("%s=[]", column);
}

/* 5 and 10-12 as 5,10,11,12 */
static char *
trunks_of(const json_t *list)
{
	unsigned int first, last;
	const json_t *item;
	char *text = NULL;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	fputs("trunks=[", out);
	json_array_foreach(list, i, item)
	{
		if (sscanf(json_string_value(item), "%u-%u", &first, &last) < 2)
			last = first = (unsigned int)strtoul(json_string_value(item), NULL, 10);
		for (; first <= last; first++)
			fprintf(out, "%u%s", first,
					first < last || i + 1 < json_array_size(list) ? "," : "");
	}
	fputs("]", out);
	fclose(out);
	return text;
}

/* What of the library's default profile is frames of 64 KiB, Open vSwitch refuses. */
static char *
devargs_of(struct cni *cni, const char *name, const json_t *parameters)
{
	const json_int_t size = json_integer_value(json_object_get(parameters, "queue_size"));
	const char *profile = json_string_value(json_object_get(parameters, "profile"));
	char *text, *sized;

	text = text_of("options:dpdk-devargs=net_vduse_%s,name=%s,mac=%s,attach=virtio,"
		       "state-dir=%s,profile=%s",
			name, name, json_string_value(json_object_get(parameters, "mac")),
			state_dir(cni), profile != NULL ? profile : "latency");
	if (text == NULL || size == 0)
		return text;
	sized = text_of("%s,queue-size=%lld", text, (long long)size);
	free(text);
	return sized;
}

/* Nobody but the one that serves the devices may look into their state. */
static int
make_state_dir(struct cni *cni)
{
	const char *dir = state_dir(cni);

	if (dir == NULL || mkdir(dir, 0700) == 0 || errno == EEXIST)
		return dir == NULL ? -1 : 0;
	return cni_fail(cni, CNI_IO, "the folder of the state files cannot be made",
			"stateDir %s: %s", dir, strerror(errno));
}

/* A column of its row, "" where there is none of that name; NULL with the error. */
static char *
get(struct cni *cni, const char *name, const char *column)
{
	char *said = NULL, *text = NULL;
	json_t *value;

	if (vsctl(cni, &said, WORDS("--if-exists", "get", "Interface", name, column)) == 0) {
		said[strcspn(said, "\n")] = '\0';
		/* in quotes where it is not a word */
		value = json_loads(said, JSON_DECODE_ANY, NULL);
		text = strdup(json_is_string(value) ? json_string_value(value) : said);
		json_decref(value);
	}
	free(said);
	return text;
}

int
ovs_port_there(struct cni *cni, const char *name, char **netns)
{
	char *attachment = get(cni, name, ATTACHMENT);
	int ret = attachment == NULL ? -1 : attachment[0] != '\0';

	if (ret > 0 && strcmp(attachment, cni->device) != 0)
		ret = cni_fail(cni, CNI_NODE, "the port's name is that of another attachment",
				"%s is of %s: give the container another identifier", name,
				attachment);
	free(attachment);
	if (ret > 0 && netns != NULL) {
		*netns = get(cni, name, SANDBOX);
		ret = *netns != NULL ? 1 : -1;
	}
	return ret;
}

/* What went wrong with the device is in its row; ovs-vsctl is content all the same. */
static int
check_port(struct cni *cni, const char *name)
{
	char *error = get(cni, name, "error");
	int ret = error != NULL ? 0 : -1;

	if (ret == 0 && error[0] != '\0' && strcmp(error, "[]") != 0)
		ret = cni_fail(cni, CNI_NODE, "Open vSwitch has no device for the port",
				"%s: ovs-vswitchd's log has more", error);
	free(error);
	return ret;
}

int
ovs_port_add(struct cni *cni, const char *name, const json_t *parameters)
{
	char *columns[] = {
		number_column("tag", json_object_get(parameters, "vlan")),
		trunks_of(json_object_get(parameters, "trunk")),
		devargs_of(cni, name, parameters),
		number_column("mtu_request", json_object_get(cni->conf, "mtu")),
		column_of(ATTACHMENT, cni->device),
		column_of(SANDBOX, cni->netns),
	};
	const unsigned int n = sizeof(columns) / sizeof(columns[0]);
	int ret = make_state_dir(cni);
	unsigned int i;

	for (i = 0; i < n && ret == 0; i++)
		if (columns[i] == NULL)
			ret = cni_fail(cni, CNI_IO, "no memory", "%s", name);
	if (ret == 0)
		ret = vsctl(cni, NULL,
				WORDS("--may-exist", "add-port", ovs_bridge(cni), name, columns[0],
						columns[1], "--", "set", "Interface", name,
						"type=dpdk", columns[2], columns[3], columns[4],
						columns[5]));
	for (i = 0; i < n; i++)
		free(columns[i]);
	return ret == 0 ? check_port(cni, name) : -1;
}

/* By del-port the row would go first, and with it what GC finds the device by. */
int
ovs_port_close(struct cni *cni, const char *name)
{
	const char *argv[] = { "dpdk-vduse-net", "--destroy", name, "--state-dir", state_dir(cni),
		NULL };
	char path[64];

	if (argv[4] == NULL || vsctl(cni, NULL,
					       WORDS("--if-exists", "set", "Interface", name,
							       "type=system")) < 0)
		return -1;
	snprintf(path, sizeof(path), "/sys/class/vduse/%s", name);
	return access(path, F_OK) < 0 ? 0 : program_run(cni, (char **)(uintptr_t)argv, NULL);
}

int
ovs_port_del(struct cni *cni, const char *name)
{
	return vsctl(cni, NULL, WORDS("--if-exists", "del-port", name));
}
