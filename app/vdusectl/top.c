/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ask.h"
#include "call.h"
#include "top.h"

#define SECONDS_MAX 3600
#define COUNT_MAX   1000000000
#define HEAD_ROWS   3 /* above the first member */
#define HOME        "\033[H"
#define REST        "\033[J" /* of the screen: cleared */
#define LINE_REST   "\033[K"

const struct ctl_option top_options[] = {
	{ "-d", "SECONDS", "between two screens (default: 1)" },
	{ "-n", "N", "end after so many screens" },
};

const unsigned int top_nb_options = sizeof(top_options) / sizeof(top_options[0]);

/* A member between two answers. */
struct row {
	const json_t *now;
	double share; /* of an lcore's time */
	double rx, rx_bits, tx, tx_bits, drops, full;
};

struct screen {
	struct ask ask;
	FILE *out, *err;
	bool terminal;
	struct termios before;
	int signals;
	uint64_t seconds, count;
};

bool
top_is(const char *word)
{
	return word[0] != '\0' && strncmp("top", word, strlen(word)) == 0;
}

static double
value_of(const json_t *object, const char *key)
{
	return (double)json_integer_value(json_object_get(object, key));
}

static const char *
name_of(const json_t *member)
{
	const char *name = json_string_value(json_object_get(member, "name"));

	return name != NULL ? name : "";
}

static bool
is_uplink(const json_t *member)
{
	return json_is_true(json_object_get(member, "uplink"));
}

/* The same in another answer, or NULL. */
static const json_t *
same(const json_t *members, const json_t *wanted)
{
	const json_t *member;
	size_t i;

	json_array_foreach(members, i, member)
	{
		if (is_uplink(member) == is_uplink(wanted) &&
				strcmp(name_of(member), name_of(wanted)) == 0)
			return member;
	}
	return NULL;
}

/* 0 where it was not there before, or was made anew. */
static double
more(const json_t *before, const json_t *now, const char *key)
{
	const double n = value_of(now, key) - value_of(before, key);

	return before != NULL && n > 0 ? n : 0;
}

static int
by_share(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const double dx = x->share != y->share ? x->share : x->rx + x->tx;
	const double dy = x->share != y->share ? y->share : y->rx + y->tx;

	if (dx != dy)
		return dx < dy ? 1 : -1;
	return strcmp(name_of(x->now), name_of(y->now));
}

/* In five characters: 999, 12.3k, 1.2M. */
static const char *
short_number(double n, char buf[16])
{
	static const char units[] = " kMGT";
	unsigned int unit = 0;

	for (; n >= 999.5 && units[unit + 1] != '\0'; unit++)
		n /= 1000;
	if (unit == 0)
		snprintf(buf, 16, "%.0f", n);
	else
		snprintf(buf, 16, n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
	return buf;
}

/* How full a ring is. */
static const char *
percent(const json_t *member, const char *key, const char *size, char buf[16])
{
	if (json_object_get(member, key) == NULL || value_of(member, size) == 0)
		return "-";
	snprintf(buf, 16, "%.0f%%", 100 * value_of(member, key) / value_of(member, size));
	return buf;
}

/* Which side does not keep up: who takes frames, or the lcore that takes them from it. */
static const char *
slow_side(const struct row *row)
{
	const json_t *m = row->now;

	if (row->full > 0)
		return is_uplink(m) ? "wire" : "guest";
	if (json_object_get(m, "room") != NULL && value_of(m, "room_size") > 0 &&
			value_of(m, "room") == 0)
		return "guest";
	if (json_object_get(m, "waits") != NULL &&
			2 * value_of(m, "waits") > value_of(m, "waits_size"))
		return "lcore";
	return "";
}

static void
put_row(const struct row *row, FILE *out)
{
	char cell[8][16], lcore[16] = "-";

	if (json_object_get(row->now, "lcore") != NULL)
		snprintf(lcore, sizeof(lcore), "%.0f", value_of(row->now, "lcore"));
	snprintf(cell[0], sizeof(cell[0]), "%.1f%%", 100 * row->share);
	fprintf(out, "%-16.16s %5s %6s %6s %6s %6s %6s %6s %5s %5s %s", name_of(row->now), lcore,
			cell[0], short_number(row->rx, cell[1]),
			short_number(row->rx_bits, cell[2]), short_number(row->tx, cell[3]),
			short_number(row->tx_bits, cell[4]), short_number(row->drops, cell[5]),
			percent(row->now, "room", "room_size", cell[6]),
			percent(row->now, "waits", "waits_size", cell[7]), slow_side(row));
}

static void
put_lcores(const json_t *before, const json_t *now, FILE *out)
{
	const json_t *a, *b;
	double cycles;
	size_t i;

	json_array_foreach(now, i, b)
	{
		a = json_array_get(before, i);
		cycles = more(a, b, "now");
		fprintf(out, "%slcore %.0f: %.1f%%", i > 0 ? ", " : "", value_of(b, "lcore"),
				cycles > 0 ? 100 * more(a, b, "busy") / cycles : 0);
	}
}

/* Cycles of an lcore between the two. */
static double
cycles_between(const json_t *before, const json_t *now)
{
	return more(json_array_get(json_object_get(before, "lcores"), 0),
			json_array_get(json_object_get(now, "lcores"), 0), "now");
}

static void
fill_row(struct row *row, const json_t *before, const json_t *now, double cycles, double seconds)
{
	row->now = now;
	row->share = more(before, now, "cycles") / cycles;
	row->rx = more(before, now, "rx_packets") / seconds;
	row->rx_bits = 8 * more(before, now, "rx_bytes") / seconds;
	row->tx = more(before, now, "tx_packets") / seconds;
	row->tx_bits = 8 * more(before, now, "tx_bytes") / seconds;
	row->drops = more(before, now, "drops") / seconds;
	row->full = more(before, now, "full");
}

void
top_draw(const json_t *before, const json_t *now, unsigned int rows, FILE *out)
{
	const json_t *lcores = json_object_get(now, "lcores"), *member;
	const json_t *members = json_object_get(now, "members");
	const double hz = value_of(json_array_get(lcores, 0), "hz");
	const double cycles = cycles_between(before, now);
	const char *end = rows > 0 ? LINE_REST "\n" : "\n";
	size_t i, n = json_array_size(members);
	struct row *all;

	if (cycles <= 0 || hz <= 0)
		return;
	all = calloc(n + 1, sizeof(*all));
	if (all == NULL)
		return;
	json_array_foreach(members, i, member)
			fill_row(&all[i], same(json_object_get(before, "members"), member), member,
					cycles, cycles / hz);
	qsort(all, n, sizeof(*all), by_share);
	fputs("busy: ", out);
	put_lcores(json_object_get(before, "lcores"), lcores, out);
	fprintf(out, "%s%s%-16s %5s %6s %6s %6s %6s %6s %6s %5s %5s %s", end, end, "NAME", "LCORE",
			"CPU", "RX/s", "RX b/s", "TX/s", "TX b/s", "DROP/s", "ROOM", "WAIT",
			"SLOW");
	for (i = 0; i < n && (rows == 0 || i + HEAD_ROWS < rows); i++) {
		fputs(end, out);
		put_row(&all[i], out);
	}
	fputs(rows > 0 ? LINE_REST : "\n", out);
	free(all);
}

static json_t *
load(struct screen *s, enum vdusectl_status *status)
{
	json_t *parameters = json_object();
	json_t *answer = ctl_call(&s->ask, "ListLoad", parameters, s->err, status);

	json_decref(parameters);
	return answer;
}

/* Return: whether to go on, after a while. */
static bool
wait_for(const struct screen *s)
{
	struct pollfd fds[] = { { s->signals, POLLIN, 0 },
		{ s->terminal ? STDIN_FILENO : -1, POLLIN, 0 } };
	char key;

	while (poll(fds, 2, (int)s->seconds * 1000) > 0) {
		if (fds[0].revents != 0)
			return false;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q')
			return false;
	}
	return true;
}

static unsigned int
rows_of(const struct screen *s)
{
	struct winsize size;

	if (!s->terminal)
		return 0;
	return ioctl(fileno(s->out), TIOCGWINSZ, &size) == 0 && size.ws_row > HEAD_ROWS
			       ? size.ws_row
			       : 24;
}

static enum vdusectl_status
draw_all(struct screen *s)
{
	enum vdusectl_status status;
	json_t *before = load(s, &status), *now;
	uint64_t n;

	for (n = 0; before != NULL && (s->count == 0 || n < s->count) && wait_for(s); n++) {
		now = load(s, &status);
		if (s->terminal && now != NULL)
			fputs(HOME, s->out);
		if (now != NULL)
			top_draw(before, now, rows_of(s), s->out);
		if (s->terminal && now != NULL)
			fputs(REST, s->out);
		fflush(s->out);
		json_decref(before);
		before = now;
	}
	json_decref(before);
	return status;
}

/* Keys one by one, and not shown, on a screen that is clear. Mirror: leave_terminal(). */
static void
enter_terminal(struct screen *s)
{
	struct termios raw;

	s->terminal = isatty(STDIN_FILENO) && isatty(fileno(s->out)) &&
		      tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (!s->terminal)
		return;
	raw = s->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(HOME REST, s->out);
}

static void
leave_terminal(struct screen *s)
{
	if (!s->terminal)
		return;
	fputc('\n', s->out);
	tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

/* Return: 0, or -1 with a line on err. */
static int
read_options(int argc, const char *const *argv, struct screen *s)
{
	uint64_t *value;
	int at;

	for (at = 0; at < argc; at += 2) {
		value = strcmp(argv[at], "-d") == 0   ? &s->seconds
			: strcmp(argv[at], "-n") == 0 ? &s->count
						      : NULL;
		if (value == NULL) {
			fprintf(s->err, "vdusectl: %.64s: no option of top; top help lists them\n",
					argv[at]);
			return -1;
		}
		if (at + 1 == argc ||
				!ctl_number(argv[at + 1],
						value == &s->seconds ? SECONDS_MAX : COUNT_MAX,
						value) ||
				*value == 0) {
			fprintf(s->err, "vdusectl: %s: give 1 to %d\n", argv[at],
					value == &s->seconds ? SECONDS_MAX : COUNT_MAX);
			return -1;
		}
	}
	return 0;
}

enum vdusectl_status
top(int argc, const char *const *argv, const char *socket, FILE *out, FILE *err)
{
	struct screen s = { .out = out, .err = err, .seconds = 1 };
	enum vdusectl_status status;
	sigset_t before;

	if (read_options(argc, argv, &s) != 0)
		return VDUSECTL_USAGE;
	if (ask_open(&s.ask, socket, 0) != 0) {
		fprintf(err, "vdusectl: %s\n", s.ask.error);
		return VDUSECTL_NOBODY;
	}
	s.signals = ctl_signals(&before);
	enter_terminal(&s);
	status = draw_all(&s);
	leave_terminal(&s);
	ctl_signals_end(s.signals, &before);
	ask_close(&s.ask);
	return status;
}
