/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_log.h>

#include "say.h"

#define TEXT_SIZE  4096
#define FIELD_SIZE 320
#define LIBRARY    "vduse: "
#define MESSAGE    "MESSAGE="

static bool is_journal;

bool
say_has_fields(void)
{
	return is_journal;
}

#ifdef HAVE_SYSTEMD

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

void
say_open(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char wanted[64];
	struct stat st;

	is_journal = false;
	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return;
	/* whoever was started with the variable may have another standard error by now */
	snprintf(wanted, sizeof(wanted), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	is_journal = strcmp(stream, wanted) == 0;
}

/* message: "MESSAGE=…", of len bytes. Return: whether it is there. */
static bool
put(const struct say_of *of, int priority, const char *message, size_t len)
{
	const char *const names[] = { "VDUSE_DEVICE", "VDUSE_NETWORK", "VDUSE_UPLINK",
		"VDUSE_EVENT" };
	const char *const values[] = { of->device, of->network, of->uplink, of->event };
	char fields[RTE_DIM(names)][FIELD_SIZE], level[24];
	struct iovec parts[RTE_DIM(names) + 2];
	unsigned int i;
	int n = 0;

	snprintf(level, sizeof(level), "PRIORITY=%d", priority);
	parts[n++] = (struct iovec){ (void *)(uintptr_t)message, len };
	parts[n++] = (struct iovec){ level, strlen(level) };
	for (i = 0; i < RTE_DIM(names); i++) {
		if (values[i] == NULL)
			continue;
		snprintf(fields[i], FIELD_SIZE, "%s=%s", names[i], values[i]);
		parts[n++] = (struct iovec){ fields[i], strlen(fields[i]) };
	}
	return sd_journal_sendv(parts, n) == 0;
}

#else /* HAVE_SYSTEMD */

void
say_open(void)
{
}

static bool
put(__rte_unused const struct say_of *of, __rte_unused int priority,
		__rte_unused const char *message, __rte_unused size_t len)
{
	return false;
}

#endif /* HAVE_SYSTEMD */

/* As systemd takes a line of standard error, but for one that asks for a look. */
static int
priority_of(const struct say_of *of)
{
	return of->event != NULL && strcmp(of->event, "fault") == 0 ? LOG_WARNING : LOG_INFO;
}

/* Return: whether it is in the journal; a line that is too long for this is not. */
static bool __rte_format_printf(2, 0) put_line(const struct say_of *of, const char *fmt, va_list ap)
{
	static const struct say_of nobody;
	char message[TEXT_SIZE] = MESSAGE;
	const size_t head = strlen(MESSAGE), room = sizeof(message) - head;
	const int len = vsnprintf(message + head, room, fmt, ap);

	if (len <= 0 || (size_t)len >= room)
		return false;
	if (of == NULL)
		of = &nobody;
	/* without the line's end */
	return put(of, priority_of(of), message, head + (size_t)len - 1);
}

void
say_line(const struct say_of *of, const char *fmt, ...)
{
	bool done;
	va_list ap;

	va_start(ap, fmt);
	done = is_journal && put_line(of, fmt, ap);
	va_end(ap);
	if (done)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

/* "vduse: NAME: …", and not "vduse: some words: …". Return: whether there is a name. */
static bool
device_of(const char *line, size_t size, char *name, size_t room)
{
	const size_t head = strlen(LIBRARY);
	size_t len;

	if (size <= head || strncmp(line, LIBRARY, head) != 0)
		return false;
	line += head;
	for (len = 0; len < size - head && strchr(": ", line[len]) == NULL; len++)
		;
	if (len == 0 || len >= room || len + 1 >= size - head || strncmp(line + len, ": ", 2) != 0)
		return false;
	memcpy(name, line, len);
	name[len] = '\0';
	return true;
}

/* line: of len bytes, without its end. */
static bool
put_log(const char *line, size_t len)
{
	char message[TEXT_SIZE] = MESSAGE, name[FIELD_SIZE / 2];
	const size_t head = strlen(MESSAGE);
	struct say_of of = { .device = NULL };

	if (len > sizeof(message) - head)
		return false;
	memcpy(message + head, line, len);
	if (device_of(line, len, name, sizeof(name)))
		of.device = name;
	/* its levels are syslog's, and 1 more */
	return put(&of, RTE_MAX(rte_log_cur_msg_loglevel() - 1, LOG_ALERT), message, head + len);
}

void
say_log(const char *lines, size_t len)
{
	const char *end;
	size_t size;

	/* two threads' lines may come as one piece */
	for (; len > 0; lines += size, len -= size) {
		end = memchr(lines, '\n', len);
		size = end == NULL ? len : (size_t)(end - lines) + 1;
		if (!is_journal || !put_log(lines, end == NULL ? size : size - 1))
			fwrite(lines, 1, size, stderr);
	}
}

static ssize_t
write_log(__rte_unused void *cookie, const char *lines, size_t len)
{
	say_log(lines, len);
	return (ssize_t)len;
}

FILE *
say_stream(void)
{
	static FILE *stream;
	const cookie_io_functions_t io = { .write = write_log };

	if (is_journal && stream == NULL)
		stream = fopencookie(NULL, "w", io);
	return is_journal ? stream : NULL;
}
