/* SPDX-License-Identifier: BSD-3-Clause */

/* A call of a command that makes several. */

#ifndef CTL_CALL_H
#define CTL_CALL_H

#include <stdio.h>

#include <jansson.h>

#include "ask.h"
#include "vdusectl.h"

/**
 * @param method of the daemon's interface, "ListLoad"
 * @param[out] status what to end with
 * @return the answer's parameters, which are the caller's; NULL: a line is on err
 */
json_t *ctl_call(struct ask *ask, const char *method, json_t *parameters, FILE *err,
		enum vdusectl_status *status);

#endif /* CTL_CALL_H */
