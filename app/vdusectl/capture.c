/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "ask.h"
#include "capture.h"
#include "control.h"
#include "show.h"
#include "stream.h"

#define SNAPLEN    262144 /* bytes, as tcpdump's */
#define COUNT_MAX  1000000000000000ULL
#define TEXT_MAX   8192 /* of a filter, as one writes it */
#define PASS_BYTES 65536

const struct ctl_option capture_options[] = {
	{ "-w", "FILE", "write to it; -: to standard output (default)" },
	{ "-s", "BYTES", "of each frame that are kept (default: all)" },
	{ "-c", "N", "end after so many frames" },
	{ "-Q", "in|out", "what it receives only, or what it sends" },
	{ "--drops", "",
			"also frames that it was not given; and the reason of each drop as a "
			"comment" },
};

const unsigned int capture_nb_options = sizeof(capture_options) / sizeof(capture_options[0]);

/* What is asked for. */
struct wish {
	const char *name;
	const char *file; /* "-": standard output */
	uint64_t snaplen, count;
	const char *direction;
	bool drops;
	char filter[TEXT_MAX];
};

/* Where a capture comes from and goes to. */
struct pass {
	int from;    /* our end of the socket */
	int signals; /* a signalfd */
	FILE *to;
	bool ending; /* the daemon was told that it is enough */
	struct stream stream;
	uint8_t bytes[PASS_BYTES];
};

bool
capture_is(const char *word)
{
	return strlen(word) >= 2 && strncmp("capture", word, strlen(word)) == 0;
}

/* Return: NULL, or what to give. */
static const char *
set_option(struct wish *wish, char letter, const char *value)
{
	switch (letter) {
	case 'w':
		wish->file = value;
		return NULL;
	case 's':
		return ctl_number(value, SNAPLEN, &wish->snaplen) ? NULL : "0 to 262144 bytes";
	case 'c':
		return ctl_number(value, COUNT_MAX, &wish->count) ? NULL : "a number of frames";
	default:
		wish->direction = value;
		return strcmp(value, "in") == 0 || strcmp(value, "out") == 0 ? NULL : "in or out";
	}
}

/* Return: how many arguments it was, or -1 with a line on err. */
static int
take_option(int argc, const char *const *argv, struct wish *wish, FILE *err)
{
	const char *give, *value = argc > 1 ? argv[1] : NULL;
	const char letter = argv[0][1];

	if (strcmp(argv[0], "--drops") == 0) {
		wish->drops = true;
		return 1;
	}
	if (letter == '\0' || strchr("wscQ", letter) == NULL) {
		fprintf(err, "vdusectl: %.64s: no option of capture; capture help lists them\n",
				argv[0]);
		return -1;
	}
	/* -s96 is -s 96 */
	if (argv[0][2] != '\0')
		value = &argv[0][2];
	if (value == NULL) {
		fprintf(err, "vdusectl: %s: no value follows\n", argv[0]);
		return -1;
	}
	give = set_option(wish, letter, value);
	if (give != NULL) {
		fprintf(err, "vdusectl: -%c %.64s: give %s\n", letter, value, give);
		return -1;
	}
	return argv[0][2] != '\0' ? 1 : 2;
}

/* The rest is the filter, in one piece or several. Return: 0, or -1 with a line on err. */
static int
take_filter(int argc, const char *const *argv, struct wish *wish, FILE *err)
{
	size_t n = 0;
	int i;

	for (i = 0; i < argc && n < sizeof(wish->filter); i++)
		n += snprintf(wish->filter + n, sizeof(wish->filter) - n, "%s%s", i > 0 ? " " : "",
				argv[i]);
	if (n < sizeof(wish->filter))
		return 0;
	fprintf(err, "vdusectl: the filter is longer than %d bytes\n", TEXT_MAX - 1);
	return -1;
}

static int
read_wish(int argc, const char *const *argv, struct wish *wish, FILE *err)
{
	int at = 0, n;

	*wish = (struct wish){ .file = "-", .snaplen = SNAPLEN, .direction = "both" };
	while (at < argc && (wish->name == NULL || argv[at][0] == '-')) {
		if (argv[at][0] == '-') {
			n = take_option(argc - at, argv + at, wish, err);
			if (n < 0)
				return -1;
			at += n;
		} else {
			wish->name = argv[at++];
		}
	}
	if (wish->name != NULL)
		return take_filter(argc - at, argv + at, wish, err);
	fprintf(err, "vdusectl: capture: no name follows: give that of a container or an uplink\n");
	return -1;
}

/* Instructions as the daemon reads them. NULL: there are too many. */
static char *
program_text(const struct bpf_program *program)
{
	char *text = malloc(CONTROL_FILTER_MAX + 1);
	size_t n = 0;
	unsigned int i;

	if (text == NULL)
		return NULL;
	n += snprintf(text, CONTROL_FILTER_MAX, "%u", program->bf_len);
	for (i = 0; i < program->bf_len && n <= CONTROL_FILTER_MAX; i++)
		n += snprintf(text + n, CONTROL_FILTER_MAX + 1 - n, ",%u %u %u %u",
				program->bf_insns[i].code, program->bf_insns[i].jt,
				program->bf_insns[i].jf, program->bf_insns[i].k);
	if (n <= CONTROL_FILTER_MAX)
		return text;
	free(text);
	return NULL;
}

/* Return: the program, or NULL with a line on err. */
static char *
compile(const char *filter, FILE *err)
{
	struct bpf_program program;
	char *text = NULL;
	pcap_t *pcap;

	if (filter[0] == '\0')
		return strdup("");
	pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	if (pcap == NULL)
		return NULL;
	if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		fprintf(err,
				"vdusectl: filter %.128s: %s: pcap-filter(7) says how one is "
				"written\n",
				filter, pcap_geterr(pcap));
	} else {
		text = program_text(&program);
		if (text == NULL)
			fprintf(err,
					"vdusectl: filter %.128s...: too long a program: give a "
					"shorter one\n",
					filter);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return text;
}

/* Ask for it. Return: the status; VDUSECTL_OK: it has begun. */
static enum vdusectl_status
ask_for(const struct wish *wish, const char *program, const char *path, int fd, FILE *err)
{
	enum vdusectl_status status = VDUSECTL_NOBODY;
	json_t *parameters, *answer = NULL;
	struct ask ask;

	if (ask_open(&ask, path, 0) != 0) {
		fprintf(err, "vdusectl: %s\n", ask.error);
		return status;
	}
	parameters = json_pack("{ss si ss sI sI ss sb}", "name", wish->name, "pipe_fd", 0, "filter",
			program, "snaplen", (json_int_t)wish->snaplen, "count",
			(json_int_t)wish->count, "direction", wish->direction, "drops",
			wish->drops);
	if (ask_call(&ask, CONTROL_INTERFACE ".Capture", parameters, fd, false) != 0 ||
			ask_answer(&ask, &answer) != 0) {
		fprintf(err, "vdusectl: %s\n", ask.error);
	} else if (json_is_string(json_object_get(answer, "error"))) {
		show_error(answer, err);
		status = VDUSECTL_REFUSED;
	} else {
		status = VDUSECTL_OK;
	}
	json_decref(answer);
	json_decref(parameters);
	ask_close(&ask);
	return status;
}

/* Return: whether there may be more. */
static bool
pass_some(struct pass *p)
{
	const ssize_t n = read(p->from, p->bytes, sizeof(p->bytes));

	if (n < 0)
		return errno == EINTR;
	if (n == 0 || !stream_pass(&p->stream, p->bytes, (size_t)n))
		return false;
	return fwrite(p->bytes, 1, (size_t)n, p->to) == (size_t)n && fflush(p->to) == 0;
}

/* The first signal asks for the rest, the second does not wait for it. Return: whether to go on. */
static bool
on_signal(struct pass *p)
{
	struct signalfd_siginfo sig;

	if (read(p->signals, &sig, sizeof(sig)) != sizeof(sig))
		return true;
	if (p->ending)
		return false;
	p->ending = true;
	return shutdown(p->from, SHUT_WR) == 0;
}

/* Until the end of the one or the other. */
static void
pass_all(struct pass *p)
{
	struct pollfd fds[] = { { p->from, POLLIN, 0 }, { p->signals, POLLIN, 0 },
		{ fileno(p->to), 0, 0 } };
	bool more = true;

	while (more) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
			more = errno == EINTR;
		else if (fds[1].revents != 0)
			more = on_signal(p);
		else if (fds[0].revents != 0)
			more = pass_some(p);
		else /* who read it is gone */
			more = false;
	}
}

/* Signals that end it are heard of meanwhile by a descriptor. */
static enum vdusectl_status
follow(struct pass *p, FILE *err)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	sigset_t mask;

	p->signals = ctl_signals(&mask);
	pass_all(p);
	ctl_signals_end(p->signals, &mask);
	signal(SIGPIPE, before);
	if (!p->stream.ended && recv(p->from, p->bytes, 1, MSG_DONTWAIT | MSG_PEEK) == 0) {
		fprintf(err, "vdusectl: the process that forwards has ended, and the capture with "
			     "it: begin it again\n");
		return VDUSECTL_NOBODY;
	}
	fprintf(err,
			"%llu frames captured, %llu seen, %llu left out because they were not read "
			"in "
			"time\n",
			(unsigned long long)p->stream.packets,
			(unsigned long long)p->stream.received,
			(unsigned long long)p->stream.dropped);
	return VDUSECTL_OK;
}

static enum vdusectl_status
run(const struct wish *wish, const char *program, const char *path, FILE *to, FILE *err)
{
	static struct pass pass;
	enum vdusectl_status status;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		fprintf(err, "vdusectl: a pair of sockets: %s\n", strerror(errno));
		return VDUSECTL_USAGE;
	}
	status = ask_for(wish, program, path, ends[1], err);
	close(ends[1]);
	if (status == VDUSECTL_OK) {
		memset(&pass, 0, sizeof(pass));
		pass.from = ends[0];
		pass.to = to;
		status = follow(&pass, err);
	}
	close(ends[0]);
	return status;
}

/* Return: where it goes, or NULL with a line on err. */
static FILE *
open_file(const struct wish *wish, FILE *out, FILE *err)
{
	FILE *to = out;

	if (strcmp(wish->file, "-") != 0) {
		to = fopen(wish->file, "we");
		if (to == NULL)
			fprintf(err, "vdusectl: -w %s: %s\n", wish->file, strerror(errno));
	} else if (isatty(fileno(out))) {
		fprintf(err, "vdusectl: a capture is nothing for a terminal: give -w FILE, or "
			     "| tcpdump -n -r -\n");
		return NULL;
	}
	return to;
}

enum vdusectl_status
capture(int argc, const char *const *argv, const char *path, FILE *out, FILE *err)
{
	enum vdusectl_status status;
	struct wish wish;
	char *program;
	FILE *to;

	if (read_wish(argc, argv, &wish, err) != 0)
		return VDUSECTL_USAGE;
	program = compile(wish.filter, err);
	to = program != NULL ? open_file(&wish, out, err) : NULL;
	if (to == NULL) {
		free(program);
		return VDUSECTL_USAGE;
	}
	status = run(&wish, program, path, to, err);
	free(program);
	if (to != out && fclose(to) != 0) {
		fprintf(err, "vdusectl: -w %s: %s\n", wish.file, strerror(errno));
		return VDUSECTL_USAGE;
	}
	return status;
}
