/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/utsname.h>

#include <jansson.h>
#include <rte_vduse_net.h>

#include "probe.h"
#include "say.h"
#include "state.h"

/* VDUSE_F_* of the framework (linux/vduse.h, from 7.3 on). */
static const char *const framework_names[] = { "queue_ready", "suspend" };

static json_t *
names_of(uint64_t bits, const char *(*name)(unsigned int bit))
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < 64; i++)
		if ((bits >> i & 1) && name(i) != NULL)
			json_array_append_new(array, json_string(name(i)));
	return array;
}

static const char *
framework_name(unsigned int bit)
{
	return bit < sizeof(framework_names) / sizeof(framework_names[0]) ? framework_names[bit]
									  : NULL;
}

static json_t *
device_object(const char *name, const char *state_dir)
{
	struct rte_vduse_look look;
	int ret;

	ret = rte_vduse_dev_look(name, state_dir, &look);
	if (ret < 0)
		return json_pack("{s:s, s:s}", "name", name, "error", strerror(-ret));
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "state_file", look.state,
			"driver", look.driver, "served_by", look.server, "origin", look.origin);
}

/* What is in /dev/vduse. */
static json_t *
devices_array(const char *state_dir)
{
	json_t *array = json_array();
	const struct dirent *ent;
	DIR *dir;

	dir = opendir("/dev/vduse");
	if (dir == NULL)
		return array;
	/* cppcheck-suppress readdirCalled ; readdir_r is deprecated, the stream is our own */
	while ((ent = readdir(dir)) != NULL)
		if (ent->d_name[0] != '.' && strcmp(ent->d_name, "control") != 0)
			json_array_append_new(array, device_object(ent->d_name, state_dir));
	closedir(dir);
	return array;
}

/* One object, whatever the form it is printed in; NULL: no memory. */
static json_t *
probe_object(const struct rte_vduse_net_caps *caps, const char *state_dir)
{
	struct utsname uts;

	if (uname(&uts) < 0)
		strcpy(uts.release, "unknown");
	return json_pack("{s:s, s:I, s:b, s:b, s:o, s:o, s:o}", "kernel", uts.release,
			"api_version", (json_int_t)caps->dev.api_version, "network_devices",
			caps->dev.device_type, "multi_queue", caps->dev.features, "framework",
			names_of(caps->dev.vduse_features, framework_name), "features",
			names_of(caps->features, rte_vduse_net_feature_name), "devices",
			devices_array(state_dir));
}

static void
print_names(FILE *out, const char *title, const json_t *names)
{
	const json_t *name;
	size_t i;

	fprintf(out, "%s:%s\n", title, json_array_size(names) == 0 ? " none" : "");
	json_array_foreach(names, i, name) fprintf(out, "  %s\n", json_string_value(name));
}

static const char *
word(const json_t *device, const char *key, const char *otherwise)
{
	const char *value = json_string_value(json_object_get(device, key));

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

static void
print_devices(FILE *out, const json_t *devices)
{
	const json_t *device;
	size_t i;

	fprintf(out, "devices:%s\n", json_array_size(devices) == 0 ? " none" : "");
	json_array_foreach(devices, i, device)
	{
		if (json_object_get(device, "error") != NULL)
			fprintf(out, "  %s: %s\n", word(device, "name", ""),
					word(device, "error", ""));
		else
			fprintf(out,
					"  %s: served by %s; driver: %s; state file: %s; at a "
					"start: %s\n",
					word(device, "name", ""),
					word(device, "served_by", "nobody"),
					word(device, "driver", "none"),
					word(device, "state_file", ""), word(device, "origin", ""));
	}
}

static void
print_text(FILE *out, const json_t *probe)
{
	const bool net = json_is_true(json_object_get(probe, "network_devices"));
	const bool mq = json_is_true(json_object_get(probe, "multi_queue"));

	fprintf(out, "kernel: %s\n", json_string_value(json_object_get(probe, "kernel")));
	fprintf(out, "VDUSE API: %" JSON_INTEGER_FORMAT "\n",
			json_integer_value(json_object_get(probe, "api_version")));
	fprintf(out, "network devices: %s\n", net ? "yes" : "no; that needs Linux 6.10 or later");
	fprintf(out, "more than one queue pair: %s\n",
			mq ? "yes" : "no; the kernel refuses VIRTIO_NET_F_CTRL_VQ");
	print_names(out, "framework features", json_object_get(probe, "framework"));
	print_names(out, "features offered with --profile bulk",
			json_object_get(probe, "features"));
	print_devices(out, json_object_get(probe, "devices"));
}

int
probe_print(FILE *out, bool json, const char *state_dir)
{
	struct rte_vduse_net_caps caps;
	char folder[PATH_MAX];
	json_t *probe;
	int ret;

	ret = state_folder(state_dir, folder, sizeof(folder));
	if (ret == 0)
		ret = rte_vduse_net_probe(&caps);
	if (ret != 0) {
		SAY("--probe: %s", strerror(-ret));
		return ret;
	}
	probe = probe_object(&caps, folder[0] != '\0' ? folder : NULL);
	if (probe == NULL) {
		SAY("--probe: no memory");
		return -ENOMEM;
	}
	if (json) {
		json_dumpf(probe, out, JSON_INDENT(2));
		fputc('\n', out);
	} else {
		print_text(out, probe);
	}
	json_decref(probe);
	return 0;
}
