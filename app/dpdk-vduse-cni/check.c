/* SPDX-License-Identifier: BSD-3-Clause */

/* What the daemon would say, without it. */

#include <string.h>

#include "cni.h"
#include "control.h"

/* What does not go together. */
static int
check_together(struct cni *cni, const json_t *parameters)
{
	static struct control_container conf;
	struct varlink_wrong wrong;

	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, parameters, &conf);
	if (control_container_check(&conf, &wrong) == 0)
		return 0;
	return cni_fail(cni, CNI_CONFIG, "options do not go together", "%s", wrong.text);
}

int
conf_check(struct cni *cni, const char *name, json_t *parameters)
{
	const struct varlink_method *method = control_interface.methods;
	struct varlink_wrong wrong;
	int ret;

	while (strcmp(method->name, name) != 0)
		method++;
	ret = varlink_method_check(method, parameters, 0, &wrong);
	if (ret != 0)
		cni_fail(cni, CNI_CONFIG, "an option is wrong", "%s%s", wrong.text,
				cni->input != NULL && strcmp(wrong.parameter, "network") == 0
						? "; -o network=NAME is the daemon's"
						: "");
	else if (strcmp(name, "AddContainer") == 0)
		ret = check_together(cni, parameters);
	json_decref(parameters);
	return ret != 0 ? -1 : 0;
}
