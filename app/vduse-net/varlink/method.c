/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "method.h"

__attribute__((format(printf, 3, 4))) static int
is_wrong(struct varlink_wrong *wrong, const char *name, const char *fmt, ...)
{
	va_list ap;

	snprintf(wrong->parameter, sizeof(wrong->parameter), "%s", name);
	va_start(ap, fmt);
	vsnprintf(wrong->text, sizeof(wrong->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const struct varlink_param *
varlink_param_find(const struct varlink_params *params, const char *name)
{
	unsigned int i;

	for (i = 0; params != NULL && i < params->nb; i++)
		if (strcmp(params->rows[i].name, name) == 0)
			return &params->rows[i];
	return NULL;
}

static int
check_bool(const struct varlink_param *p, const json_t *value, struct varlink_wrong *wrong)
{
	return json_is_boolean(value)
			       ? 0
			       : is_wrong(wrong, p->name, "%s: no boolean: give true or false",
						 p->name);
}

static int
check_int(const struct varlink_param *p, const json_t *value, struct varlink_wrong *wrong)
{
	const json_int_t n = json_integer_value(value);

	if (!json_is_integer(value))
		return is_wrong(wrong, p->name, "%s: no whole number: give %" PRId64 " to %" PRId64,
				p->name, p->min, p->max);
	if (n < p->min || n > p->max)
		return is_wrong(wrong, p->name,
				"%s %" PRId64 ": out of range: give %" PRId64 " to %" PRId64,
				p->name, (int64_t)n, p->min, p->max);
	return 0;
}

static int
check_text(const struct varlink_param *p, const char *text, struct varlink_wrong *wrong)
{
	const char *cure = p->check != NULL ? p->check(text) : NULL;

	if (cure == NULL)
		return 0;
	return is_wrong(wrong, p->name, "%s %.64s: give %s", p->name, text, cure);
}

static int
check_string(const struct varlink_param *p, const json_t *value, struct varlink_wrong *wrong)
{
	const char *text = json_string_value(value);
	const int64_t len = (int64_t)json_string_length(value);

	if (text == NULL)
		return is_wrong(wrong, p->name, "%s: no string: give one", p->name);
	if (len < p->min || len > p->max)
		return is_wrong(wrong, p->name,
				"%s: %" PRId64 " bytes long: give %" PRId64 " to %" PRId64, p->name,
				len, p->min, p->max);
	return check_text(p, text, wrong);
}

static int
check_strings(const struct varlink_param *p, const json_t *value, struct varlink_wrong *wrong)
{
	const int64_t nb = (int64_t)json_array_size(value);
	const char *text;
	size_t i;

	if (!json_is_array(value))
		return is_wrong(wrong, p->name, "%s: no list: give a list of strings", p->name);
	if (nb < p->min || nb > p->max)
		return is_wrong(wrong, p->name,
				"%s: a list of %" PRId64 ": give %" PRId64 " to %" PRId64, p->name,
				nb, p->min, p->max);
	for (i = 0; i < (size_t)nb; i++) {
		text = json_string_value(json_array_get(value, i));
		if (text == NULL || text[0] == '\0' || strlen(text) > VARLINK_ITEM_MAX)
			return is_wrong(wrong, p->name,
					"%s: item %zu is no string of 1 to %d bytes: give one",
					p->name, i + 1, VARLINK_ITEM_MAX);
		if (check_text(p, text, wrong) != 0)
			return -EINVAL;
	}
	return 0;
}

static int
check_word(const struct varlink_param *p, const json_t *value, struct varlink_wrong *wrong)
{
	const char *text = json_string_value(value), *at = p->words;
	const size_t len = json_string_length(value);
	size_t n;

	for (; text != NULL && at != NULL && *at != '\0'; at += n + (at[n] == '|')) {
		n = strcspn(at, "|");
		if (n == len && memcmp(at, text, n) == 0)
			return 0;
	}
	return is_wrong(wrong, p->name, "%s %.64s: give one of %s", p->name,
			text != NULL ? text : "is no string", p->words);
}

static int
check_fd(const struct varlink_param *p, const json_t *value, unsigned int nb_fds,
		struct varlink_wrong *wrong)
{
	const json_int_t n = json_integer_value(value);

	if (json_is_integer(value) && n >= 0 && n < nb_fds)
		return 0;
	return is_wrong(wrong, p->name,
			"%s: %u file descriptors came with the message: give the number of one, "
			"from 0 on",
			p->name, nb_fds);
}

int
varlink_param_check(const struct varlink_param *param, const json_t *value, unsigned int nb_fds,
		struct varlink_wrong *wrong)
{
	switch (param->type) {
	case VARLINK_BOOL:
		return check_bool(param, value, wrong);
	case VARLINK_INT:
		return check_int(param, value, wrong);
	case VARLINK_STRING:
		return check_string(param, value, wrong);
	case VARLINK_STRINGS:
		return check_strings(param, value, wrong);
	case VARLINK_WORD:
		return check_word(param, value, wrong);
	case VARLINK_FD:
		return check_fd(param, value, nb_fds, wrong);
	}
	return is_wrong(wrong, param->name, "%s: of no type", param->name);
}

static void
drop_nulls(json_t *parameters)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(parameters, next, name, value)
	{
		if (json_is_null(value))
			json_object_del(parameters, name);
	}
}

int
varlink_method_check(const struct varlink_method *method, json_t *parameters, unsigned int nb_fds,
		struct varlink_wrong *wrong)
{
	const struct varlink_param *param;
	const char *name;
	unsigned int i;
	json_t *value;

	drop_nulls(parameters);
	json_object_foreach(parameters, name, value)
	{
		param = varlink_param_find(method->params, name);
		if (param == NULL)
			param = varlink_param_find(method->others, name);
		if (param == NULL)
			return is_wrong(wrong, name, "%.63s: %s() has no such parameter", name,
					method->name);
		if (varlink_param_check(param, value, nb_fds, wrong) != 0)
			return -EINVAL;
	}
	for (i = 0; i < method->required; i++) {
		name = method->params->rows[i].name;
		if (json_object_get(parameters, name) == NULL)
			return is_wrong(wrong, name, "%s: %s() needs it", name, method->name);
	}
	return 0;
}
