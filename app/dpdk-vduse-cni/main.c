/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dpdk-vduse-cni: a CNI plug-in that gives pods interfaces on the networks of dpdk-vduse-net, and,
 * called as dpdk-vduse, a driver of netavark's that does it for Podman.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cni.h"

static json_t *
error_json(const struct cni *cni)
{
	return json_pack("{ss si ss ss}", "cniVersion",
			cni->version != NULL ? cni->version : "1.0.0", "code", cni->error.code,
			"msg", cni->error.msg, "details", cni->error.details);
}

/* Podman takes this one member only. */
static json_t *
netavark_error_json(const struct cni *cni)
{
	return json_pack("{so}", "error",
			json_sprintf("%s: %s", cni->error.msg, cni->error.details));
}

int
main(int argc, char *argv[])
{
	const bool netavark = strcmp(program_invocation_short_name, "dpdk-vduse") == 0;
	json_t *output = NULL;
	struct cni cni;
	int ret;

	ret = netavark ? netavark_run(&cni, argc, argv, &output) : cni_read(&cni);
	if (!netavark && ret == 0)
		ret = cni_run(&cni, &output);
	if (ret < 0) {
		json_decref(output);
		output = netavark ? netavark_error_json(&cni) : error_json(&cni);
	}
	if (output != NULL && (json_dumpf(output, stdout, JSON_INDENT(2)) != 0 ||
					      fputc('\n', stdout) == EOF || fflush(stdout) != 0))
		ret = -1;
	json_decref(output);
	cni_free(&cni);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
