/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The text formats of Prometheus (0.0.4) and OpenMetrics (1.0.0). All samples of a metric stand
 * together, behind its description; in OpenMetrics a counter's description is called without
 * _total, and has a unit.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define DIM(array) (sizeof(array) / sizeof((array)[0]))

const char *const text_types[TEXT_FORMATS] = {
	[TEXT_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
	[TEXT_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/* Of this program itself. */
static const struct counter own_up = { "", COUNTER_STATE, "vduse_up", NULL,
	"1: dpdk-vduse-net answered; 0: there is nothing else." };
static const struct counter own_time = { "", COUNTER_STATE, "vduse_answer_seconds", "seconds",
	"Time that dpdk-vduse-net took to answer." };
static const struct counter own_build = { "", COUNTER_STATE, "vduse_build_info", NULL,
	"1; the label is the version of dpdk-vduse-metrics." };

static bool
is_total(const struct counter *counter)
{
	return counter->kind == COUNTER_SUM || counter->kind == COUNTER_DROPS;
}

static const char *
suffix_of(const struct counter *counter)
{
	return is_total(counter) ? "_total" : "";
}

static void
put_head(FILE *out, enum text_format format, const struct counter *counter)
{
	const char *suffix = format == TEXT_PROMETHEUS ? suffix_of(counter) : "";

	fprintf(out, "# HELP %s%s %s\n", counter->metric, suffix, counter->help);
	fprintf(out, "# TYPE %s%s %s\n", counter->metric, suffix,
			is_total(counter) ? "counter" : "gauge");
	if (format == TEXT_OPENMETRICS && counter->unit != NULL)
		fprintf(out, "# UNIT %s %s\n", counter->metric, counter->unit);
}

/* Both formats have the same three characters that cannot stand for themselves. */
static void
put_label(FILE *out, const char *before, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void
put_labels(FILE *out, const struct counter_owner *owner, const json_t *item)
{
	const json_t *value;
	char number[24];
	unsigned int i;

	for (i = 0; i < DIM(owner->field) && owner->field[i] != NULL; i++) {
		value = json_object_get(item, owner->field[i]);
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				json_integer_value(value));
		put_label(out, i == 0 ? "{" : ",", owner->label[i],
				json_is_string(value) ? json_string_value(value) : number);
	}
}

/* What a sample is of. */
struct sample {
	const struct counter_owner *owner;
	const struct counter *counter;
	const json_t *item;
	const char *reason; /* NULL: it has none */
};

static void
put_sample(FILE *out, const struct sample *of, json_int_t value)
{
	fprintf(out, "%s%s", of->counter->metric, suffix_of(of->counter));
	put_labels(out, of->owner, of->item);
	if (of->reason != NULL)
		put_label(out, ",", "reason", of->reason);
	/* its 64 bits are without a sign */
	fprintf(out, "} %" PRIu64 "\n", (uint64_t)value);
}

/* Return: whether it is one: 1, 0 or a number. */
static bool
state_of(const json_t *value, json_int_t *number)
{
	if (json_is_string(value))
		*number = strcmp(json_string_value(value), "up") == 0;
	else if (json_is_boolean(value))
		*number = json_is_true(value);
	else
		*number = json_integer_value(value);
	return value != NULL;
}

static void
put_drops(FILE *out, const struct sample *of)
{
	json_t *statistics = json_object_get(of->item, "statistics"), *value;
	const size_t len = strlen(of->counter->key);
	struct sample one = *of;
	const char *key;

	json_object_foreach(statistics, key, value)
	{
		if (strncmp(key, of->counter->key, len) != 0)
			continue;
		one.reason = key + len;
		put_sample(out, &one, json_integer_value(value));
	}
}

static void
put_item(FILE *out, const struct sample *of)
{
	const json_t *from = of->item;
	json_int_t value;

	if (of->counter->kind == COUNTER_DROPS) {
		put_drops(out, of);
		return;
	}
	if (of->counter->kind != COUNTER_STATE)
		from = json_object_get(from, "statistics");
	if (state_of(json_object_get(from, of->counter->key), &value))
		put_sample(out, of, value);
}

static void
put_owner(FILE *out, enum text_format format, const struct counter_owner *owner, const json_t *list)
{
	struct sample of = { .owner = owner };
	size_t j;

	for (of.counter = owner->rows; of.counter < owner->rows + owner->nb; of.counter++) {
		put_head(out, format, of.counter);
		json_array_foreach(list, j, of.item)
		{
			put_item(out, &of);
		}
	}
}

static void
put_own(FILE *out, enum text_format format, const struct text_source *source)
{
	put_head(out, format, &own_up);
	fprintf(out, "%s %d\n", own_up.metric, source->up);
	put_head(out, format, &own_time);
	fprintf(out, "%s %.3f\n", own_time.metric, source->seconds);
	put_head(out, format, &own_build);
	fprintf(out, "%s", own_build.metric);
	put_label(out, "{", "version", APP_VERSION);
	fputs("} 1\n", out);
}

char *
text_make(const struct text_source *source, enum text_format format, size_t *len)
{
	char *text = NULL;
	unsigned int i;
	bool bad;
	FILE *out;

	out = open_memstream(&text, len);
	if (out == NULL)
		return NULL;
	put_own(out, format, source);
	for (i = 0; i < COUNTER_OWNERS && source->up; i++)
		put_owner(out, format, &counter_owners[i], source->lists[i]);
	if (format == TEXT_OPENMETRICS)
		fputs("# EOF\n", out);
	bad = ferror(out) != 0;
	if (fclose(out) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}

/* Name, type, labels, help. */
static void
tell(void (*row)(void *arg, const char *const *cells), void *arg, const struct counter *counter,
		const char *labels)
{
	char name[96];
	const char *const cells[] = { name, is_total(counter) ? "counter" : "gauge", labels,
		counter->help };

	snprintf(name, sizeof(name), "%s%s", counter->metric, suffix_of(counter));
	row(arg, cells);
}

void
text_page(void (*row)(void *arg, const char *const *cells), void *arg)
{
	const struct counter_owner *owner;
	char labels[96];
	unsigned int i;

	tell(row, arg, &own_up, "");
	tell(row, arg, &own_time, "");
	tell(row, arg, &own_build, "version");
	for (owner = counter_owners; owner < counter_owners + COUNTER_OWNERS; owner++)
		for (i = 0; i < owner->nb; i++) {
			snprintf(labels, sizeof(labels), "%s%s%s%s", owner->label[0],
					owner->label[1] != NULL ? ", " : "",
					owner->label[1] != NULL ? owner->label[1] : "",
					owner->rows[i].kind == COUNTER_DROPS ? ", reason" : "");
			tell(row, arg, &owner->rows[i], labels);
		}
}
