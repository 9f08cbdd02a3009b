/* SPDX-License-Identifier: BSD-3-Clause */

/* dpdk-vduse-cni: a CNI plug-in that gives pods interfaces on the networks of dpdk-vduse-net. */

#include <stdio.h>
#include <stdlib.h>

#include "cni.h"

static json_t *
error_json(const struct cni *cni)
{
	return json_pack("{ss si ss ss}", "cniVersion",
			cni->version != NULL ? cni->version : "1.0.0", "code", cni->error.code,
			"msg", cni->error.msg, "details", cni->error.details);
}

int
main(void)
{
	json_t *output = NULL;
	struct cni cni;
	int ret;

	ret = cni_read(&cni);
	if (ret == 0)
		ret = cni_run(&cni, &output);
	if (ret < 0) {
		json_decref(output);
		output = error_json(&cni);
	}
	if (output != NULL && (json_dumpf(output, stdout, JSON_INDENT(2)) != 0 ||
					      fputc('\n', stdout) == EOF || fflush(stdout) != 0))
		ret = -1;
	json_decref(output);
	cni_free(&cni);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
