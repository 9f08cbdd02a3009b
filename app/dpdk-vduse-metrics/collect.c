/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "clock_ms.h"
#include "collect.h"
#include "control.h"

/* An error that the daemon answers with. */
static int
refused(struct collected *to, const char *method, const json_t *answer)
{
	const char *id = json_string_value(json_object_get(answer, "error"));
	const char *text = json_string_value(
			json_object_get(json_object_get(answer, "parameters"), "text"));

	snprintf(to->error, sizeof(to->error), "%s: %.64s: %.200s", method, id,
			text != NULL ? text
				     : "root and the group of the daemon's --observers may ask; or "
				       "it is of another version");
	return -EPERM;
}

static int
take(struct collected *to, enum counter_of of, json_t *answer)
{
	const struct counter_owner *owner = &counter_owners[of];
	const json_t *list;

	to->answers[of] = answer;
	if (json_is_string(json_object_get(answer, "error")))
		return refused(to, owner->method, answer);
	list = json_object_get(json_object_get(answer, "parameters"), owner->list);
	if (!json_is_array(list)) {
		snprintf(to->error, sizeof(to->error), "%s: no list is in the answer",
				owner->method);
		return -EPROTO;
	}
	to->source.lists[of] = list;
	return 0;
}

static int
ask_list(struct ask *ask, struct collected *to, enum counter_of of)
{
	char method[64];
	json_t *parameters, *answer;
	int ret;

	snprintf(method, sizeof(method), CONTROL_INTERFACE ".%s", counter_owners[of].method);
	/* networks have none */
	parameters = of == COUNTER_OF_NETWORK ? json_object() : json_pack("{sb}", "statistics", 1);
	ret = ask_call(ask, method, parameters, -1, false);
	json_decref(parameters);
	if (ret == 0)
		ret = ask_answer(ask, &answer);
	if (ret == 0)
		return take(to, of, answer);
	snprintf(to->error, sizeof(to->error), "%s", ask->error);
	return ret;
}

void
collect(const char *socket, unsigned int ms, struct collected *to)
{
	const uint64_t begin = clock_ms();
	unsigned int of;
	struct ask ask;
	int ret;

	memset(to, 0, sizeof(*to));
	ret = ask_open(&ask, socket, ms);
	if (ret == 0) {
		for (of = 0; of < COUNTER_OWNERS && ret == 0; of++)
			ret = ask_list(&ask, to, (enum counter_of)of);
		ask_close(&ask);
	} else {
		snprintf(to->error, sizeof(to->error), "%s", ask.error);
	}
	to->source.up = ret == 0;
	to->source.seconds = (double)(clock_ms() - begin) / 1000;
}

void
collect_clear(struct collected *of)
{
	unsigned int i;

	for (i = 0; i < COUNTER_OWNERS; i++)
		json_decref(of->answers[i]);
}
