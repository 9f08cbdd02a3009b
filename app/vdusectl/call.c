/* SPDX-License-Identifier: BSD-3-Clause */

#include "call.h"
#include "control.h"
#include "show.h"

json_t *
ctl_call(struct ask *ask, const char *method, json_t *parameters, FILE *err,
		enum vdusectl_status *status)
{
	json_t *answer = NULL, *found = NULL;
	char name[128];

	*status = VDUSECTL_NOBODY;
	snprintf(name, sizeof(name), CONTROL_INTERFACE ".%s", method);
	if (ask_call(ask, name, parameters, -1, false) != 0 || ask_answer(ask, &answer) != 0) {
		fprintf(err, "vdusectl: %s\n", ask->error);
	} else if (json_is_string(json_object_get(answer, "error"))) {
		show_error(answer, err);
		*status = VDUSECTL_REFUSED;
	} else {
		found = json_incref(json_object_get(answer, "parameters"));
		*status = VDUSECTL_OK;
	}
	json_decref(answer);
	return found;
}
