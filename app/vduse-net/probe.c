/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <jansson.h>
#include <rte_vduse_net.h>

#include "probe.h"
#include "say.h"

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

/* One object, whatever the form it is printed in; NULL: no memory. */
static json_t *
probe_object(const struct rte_vduse_net_caps *caps)
{
	struct utsname uts;

	if (uname(&uts) < 0)
		strcpy(uts.release, "unknown");
	return json_pack("{s:s, s:I, s:b, s:b, s:o, s:o}", "kernel", uts.release, "api_version",
			(json_int_t)caps->dev.api_version, "network_devices", caps->dev.device_type,
			"multi_queue", caps->dev.features, "framework",
			names_of(caps->dev.vduse_features, framework_name), "features",
			names_of(caps->features, rte_vduse_net_feature_name));
}

static void
print_names(FILE *out, const char *title, const json_t *names)
{
	const json_t *name;
	size_t i;

	fprintf(out, "%s:%s\n", title, json_array_size(names) == 0 ? " none" : "");
	json_array_foreach(names, i, name) fprintf(out, "  %s\n", json_string_value(name));
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
}

int
probe_print(FILE *out, bool json)
{
	struct rte_vduse_net_caps caps;
	json_t *probe;
	int ret;

	ret = rte_vduse_net_probe(&caps);
	if (ret < 0) {
		SAY("--probe: %s", strerror(-ret));
		return ret;
	}
	probe = probe_object(&caps);
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
