/* SPDX-License-Identifier: BSD-3-Clause */

#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "ask.h"
#include "call.h"
#include "latency.h"

#define SECONDS_MAX 86400
#define EVERY_MS    1000 /* the daemon goes on for 10 seconds */
#define BAR         40   /* characters of the longest */

const struct ctl_option latency_options[] = {
	{ "-t", "SECONDS", "then it ends (default: with ^C)" },
};

const unsigned int latency_nb_options = sizeof(latency_options) / sizeof(latency_options[0]);

/* One that is measured. */
struct measure {
	struct ask ask;
	json_t *parameters;
	FILE *err;
	int signals;
	uint64_t seconds; /* 0: until a signal */
};

bool
latency_is(const char *word)
{
	return strlen(word) >= 2 && strncmp("latency", word, strlen(word)) == 0;
}

static json_int_t
int_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *
what_of(const json_t *kind)
{
	const char *what = json_string_value(json_object_get(kind, "what"));

	return what != NULL ? what : "";
}

/* The same in another answer; NULL: there is none, or it has begun anew since. */
static const json_t *
same(const json_t *before, const json_t *wanted)
{
	const json_t *kind;
	size_t i;

	json_array_foreach(before, i, kind)
	{
		if (strcmp(what_of(kind), what_of(wanted)) == 0 &&
				int_of(kind, "count") <= int_of(wanted, "count"))
			return kind;
	}
	return NULL;
}

static json_int_t
count_of(const json_t *times, json_int_t up_to)
{
	const json_t *t;
	size_t i;

	json_array_foreach(times, i, t)
	{
		if (int_of(t, "up_to") == up_to)
			return int_of(t, "count");
	}
	return 0;
}

/* Those of each length that are new. */
static json_t *
new_times(const json_t *before, const json_t *now, json_int_t *count)
{
	json_t *times = json_array();
	json_int_t n, up_to;
	const json_t *t;
	size_t i;

	*count = 0;
	json_array_foreach(json_object_get(now, "times"), i, t)
	{
		up_to = int_of(t, "up_to");
		n = int_of(t, "count") - count_of(json_object_get(before, "times"), up_to);
		if (n <= 0)
			continue;
		*count += n;
		json_array_append_new(times, json_pack("{sI sI}", "up_to", up_to, "count", n));
	}
	return times;
}

/* So many of a hundred are not longer. The longest is known better than by its bucket. */
static json_int_t
percentile(const json_t *times, json_int_t count, unsigned int percent, json_int_t longest)
{
	json_int_t below = 0, up_to = 0;
	const json_t *t;
	size_t i;

	json_array_foreach(times, i, t)
	{
		up_to = int_of(t, "up_to");
		below += int_of(t, "count");
		if (100 * below >= (json_int_t)percent * count)
			break;
	}
	return up_to > longest ? longest : up_to;
}

/* That of all times, where it may be one of these; else what is known of the longest of these. */
static json_int_t
longest_of(const json_t *times, const json_t *now)
{
	const size_t n = json_array_size(times),
		     all = json_array_size(json_object_get(now, "times"));
	const json_int_t up_to = n > 0 ? int_of(json_array_get(times, n - 1), "up_to") : 0;

	if (n > 0 && up_to == int_of(json_array_get(json_object_get(now, "times"), all - 1),
					      "up_to"))
		return int_of(now, "longest");
	return up_to;
}

json_t *
latency_between(const json_t *before, const json_t *now)
{
	json_t *found = json_array(), *times;
	json_int_t count, sum, longest;
	const json_t *kind, *was;
	size_t i;

	json_array_foreach(now, i, kind)
	{
		was = same(before, kind);
		times = new_times(was, kind, &count);
		sum = int_of(kind, "sum") - int_of(was, "sum");
		longest = longest_of(times, kind);
		json_array_append_new(found,
				json_pack("{ss sI sI sI sI sI sI so}", "what", what_of(kind),
						"count", count, "mean", count > 0 ? sum / count : 0,
						"p50", percentile(times, count, 50, longest), "p90",
						percentile(times, count, 90, longest), "p99",
						percentile(times, count, 99, longest), "longest",
						longest, "times", times));
	}
	return found;
}

/* In three digits: 999ns, 12.3us, 1.20s. */
static const char *
short_time(double ns, char buf[16])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned int unit = 0;

	for (; ns >= 999.5 && unit < 3; unit++)
		ns /= 1000;
	snprintf(buf, 16,
			unit == 0 || ns >= 99.95 ? "%.0f%s"
			: ns >= 9.995            ? "%.1f%s"
						 : "%.2f%s",
			ns, units[unit]);
	return buf;
}

/* Those below a power of two, and not below half of it. */
static json_int_t
octave(const json_t *times, uint64_t below)
{
	json_int_t n = 0, up_to;
	const json_t *t;
	size_t i;

	json_array_foreach(times, i, t)
	{
		up_to = int_of(t, "up_to");
		if (up_to < (json_int_t)below && 2 * up_to >= (json_int_t)below)
			n += int_of(t, "count");
	}
	return n;
}

static void
put_bar(json_int_t n, json_int_t most, FILE *out)
{
	json_int_t i;

	for (i = 0; i < (n * BAR + most - 1) / most; i++)
		fputc('#', out);
	fputc('\n', out);
}

/* A line for each power of two between the shortest and the longest. */
static void
put_times(const json_t *times, FILE *out)
{
	json_int_t most = 1, n, left = 0;
	uint64_t below;
	char buf[16];
	size_t i;
	const json_t *t;

	json_array_foreach(times, i, t) left += int_of(t, "count");
	for (below = 2; below <= UINT64_C(1) << 40; below *= 2)
		if (octave(times, below) > most)
			most = octave(times, below);
	for (below = 2; left > 0 && below <= UINT64_C(1) << 40; below *= 2) {
		n = octave(times, below);
		if (n == 0 && below <= (uint64_t)int_of(json_array_get(times, 0), "up_to"))
			continue;
		left -= n;
		fprintf(out, "  below %-6s %10" JSON_INTEGER_FORMAT "  ",
				short_time((double)below, buf), n);
		put_bar(n, most, out);
	}
}

static void
put_kind(const json_t *kind, FILE *out)
{
	char buf[5][16];

	fprintf(out, "%s: %" JSON_INTEGER_FORMAT, what_of(kind), int_of(kind, "count"));
	if (int_of(kind, "count") == 0) {
		fputc('\n', out);
		return;
	}
	fprintf(out, ", mean %s p50 %s p90 %s p99 %s longest %s\n",
			short_time((double)int_of(kind, "mean"), buf[0]),
			short_time((double)int_of(kind, "p50"), buf[1]),
			short_time((double)int_of(kind, "p90"), buf[2]),
			short_time((double)int_of(kind, "p99"), buf[3]),
			short_time((double)int_of(kind, "longest"), buf[4]));
	put_times(json_object_get(kind, "times"), out);
}

static void
put(const json_t *before, const json_t *now, bool as_json, FILE *out)
{
	json_t *kinds = latency_between(before, now);
	const json_t *kind;
	size_t i;

	if (as_json) {
		json_dumpf(kinds, out, JSON_COMPACT);
		fputc('\n', out);
	} else {
		json_array_foreach(kinds, i, kind) put_kind(kind, out);
	}
	json_decref(kinds);
}

/* Return: whether no signal came meanwhile. */
static bool
wait_for(const struct measure *m)
{
	struct pollfd fd = { m->signals, POLLIN, 0 };

	return poll(&fd, 1, EVERY_MS) == 0;
}

/* Return: the array of the answer, or NULL. */
static json_t *
list(struct measure *m, enum vdusectl_status *status)
{
	json_t *answer = ctl_call(&m->ask, "ListLatency", m->parameters, m->err, status);
	json_t *kinds = json_incref(json_object_get(answer, "latencies"));

	json_decref(answer);
	return kinds;
}

/* Asked again and again, it goes on. What there was is shown where it ends by an error, too. */
static enum vdusectl_status
measure(struct measure *m, bool as_json, FILE *out)
{
	enum vdusectl_status status;
	json_t *before = list(m, &status), *now = NULL, *next;
	bool more = before != NULL;
	uint64_t n = 0;

	while (more) {
		more = wait_for(m) && ++n != m->seconds;
		next = list(m, &status);
		more = more && next != NULL;
		if (next != NULL) {
			json_decref(now);
			now = next;
		}
	}
	if (now != NULL)
		put(before, now, as_json, out);
	json_decref(before);
	json_decref(now);
	return status;
}

/* Return: the name, or NULL with a line on err. */
static const char *
read_words(int argc, const char *const *argv, uint64_t *seconds, FILE *err)
{
	const char *name = NULL;
	int at;

	for (at = 0; at < argc; at++) {
		if (strcmp(argv[at], "-t") == 0) {
			if (++at == argc || !ctl_number(argv[at], SECONDS_MAX, seconds) ||
					*seconds == 0) {
				fprintf(err, "vdusectl: -t: give 1 to %d\n", SECONDS_MAX);
				return NULL;
			}
		} else if (argv[at][0] == '-' || name != NULL) {
			fprintf(err,
					"vdusectl: %.64s: no option of latency; latency help lists "
					"them\n",
					argv[at]);
			return NULL;
		} else {
			name = argv[at];
		}
	}
	if (name == NULL)
		fprintf(err, "vdusectl: latency: give the name of a container, or of an uplink\n");
	return name;
}

enum vdusectl_status
latency(int argc, const char *const *argv, const struct latency_how *how, FILE *out, FILE *err)
{
	struct measure m = { .err = err };
	const char *name = read_words(argc, argv, &m.seconds, err);
	enum vdusectl_status status;
	sigset_t before;

	if (name == NULL)
		return VDUSECTL_USAGE;
	if (ask_open(&m.ask, how->socket, 0) != 0) {
		fprintf(err, "vdusectl: %s\n", m.ask.error);
		return VDUSECTL_NOBODY;
	}
	m.parameters = json_pack("{ss}", "name", name);
	m.signals = ctl_signals(&before);
	status = measure(&m, how->json, out);
	ctl_signals_end(m.signals, &before);
	json_decref(m.parameters);
	ask_close(&m.ask);
	return status;
}
