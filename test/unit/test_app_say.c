/* SPDX-License-Identifier: BSD-3-Clause */

/* Lines for the user: as text, and with fields beside it where standard error is the journal. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_log.h>

#include "say.h"

#ifdef HAVE_SYSTEMD

int __wrap_sd_journal_sendv(const struct iovec *parts, int n);

/* What the journal was sent, a field a line, an empty line behind each entry. */
static char sent[8192];
static bool refuses;

int
__wrap_sd_journal_sendv(const struct iovec *parts, int n)
{
	size_t at = strlen(sent);
	int i;

	if (refuses)
		return -ENOENT;
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(sent + at, sizeof(sent) - at, "%.*s\n",
				(int)parts[i].iov_len, (const char *)parts[i].iov_base);
	snprintf(sent + at, sizeof(sent) - at, "\n");
	return 0;
}

/* Standard error is a file; JOURNAL_STREAM says so, or another. */
static struct {
	int before;
	FILE *file;
} err;

static int
setup(void **state)
{
	(void)state;
	fflush(stderr);
	err.before = dup(STDERR_FILENO);
	err.file = tmpfile();
	assert_non_null(err.file);
	assert_int_equal(dup2(fileno(err.file), STDERR_FILENO), STDERR_FILENO);
	sent[0] = '\0';
	refuses = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rte_openlog_stream(NULL);
	assert_int_equal(dup2(err.before, STDERR_FILENO), STDERR_FILENO);
	close(err.before);
	fclose(err.file);
	unsetenv("JOURNAL_STREAM");
	say_open();
	return 0;
}

static void
set_stream(unsigned int more)
{
	char text[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + more);
	setenv("JOURNAL_STREAM", text, 1);
	say_open();
}

/* What standard error has. */
static void
stderr_is(const char *wanted)
{
	static char text[8192];
	size_t n;

	rewind(err.file);
	n = fread(text, 1, sizeof(text) - 1, err.file);
	text[n] = '\0';
	assert_string_equal(text, wanted);
}

static const struct say_of of = {
	.device = "c1", .network = "net0", .uplink = "port0", .event = "attached"
};

static void
a_line_has_its_fields(void **state)
{
	(void)state;
	set_stream(0);
	assert_true(say_has_fields());
	SAY_OF(&of, "container %s: %s", "c1", "attached");
	assert_string_equal(sent, "MESSAGE=dpdk-vduse-net: container c1: attached\nPRIORITY=6\n"
				  "VDUSE_DEVICE=c1\nVDUSE_NETWORK=net0\nVDUSE_UPLINK=port0\n"
				  "VDUSE_EVENT=attached\n\n");
	stderr_is("");
}

/* Plain lines take the same way, so that they stay in order. */
static void
a_plain_line_has_a_priority(void **state)
{
	(void)state;
	set_stream(0);
	SAY("no memory");
	SAY_DEVICE("c1", "fault", "no memory for c1");
	assert_string_equal(sent, "MESSAGE=dpdk-vduse-net: no memory\nPRIORITY=6\n\n"
				  "MESSAGE=dpdk-vduse-net: no memory for c1\nPRIORITY=4\n"
				  "VDUSE_DEVICE=c1\nVDUSE_EVENT=fault\n\n");
	stderr_is("");
}

/* The variable is of whoever started it, or there is none. */
static void
another_standard_error_is_no_journal(void **state)
{
	(void)state;
	set_stream(1);
	assert_false(say_has_fields());
	assert_null(say_stream());
	SAY_OF(&of, "one");
	unsetenv("JOURNAL_STREAM");
	say_open();
	assert_false(say_has_fields());
	SAY("two");
	say_log("EAL: three\n", strlen("EAL: three\n"));
	assert_string_equal(sent, "");
	stderr_is("dpdk-vduse-net: one\ndpdk-vduse-net: two\nEAL: three\n");
}

static void
no_line_is_lost_where_it_does_not_listen(void **state)
{
	(void)state;
	set_stream(0);
	refuses = true;
	SAY_OF(&of, "one");
	rte_openlog_stream(say_stream());
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "vduse: c1: two\n");
	stderr_is("dpdk-vduse-net: one\nvduse: c1: two\n");
}

/* Longer than an entry is made: whole, as text. */
static void
no_line_is_cut(void **state)
{
	static char word[4096], wanted[sizeof(word) + 64];

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	set_stream(0);
	SAY("%s", word);
	snprintf(wanted, sizeof(wanted), "dpdk-vduse-net: %s\n", word);
	assert_string_equal(sent, "");
	stderr_is(wanted);
}

/* As VDUSE_LOG() writes them. */
static void
lines_of_the_library_have_device_and_level(void **state)
{
	(void)state;
	set_stream(0);
	rte_openlog_stream(say_stream());
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "vduse: c1: its driver is gone\n");
	rte_log(RTE_LOG_NOTICE, RTE_LOGTYPE_USER1, "vduse: no device is named: give one\n");
	rte_log(RTE_LOG_EMERG, RTE_LOGTYPE_USER1, "EAL: c1: something\n");
	rte_log(RTE_LOG_WARNING, RTE_LOGTYPE_USER1, "vduse: c2:\n");
	assert_string_equal(sent,
			"MESSAGE=vduse: c1: its driver is gone\nPRIORITY=3\nVDUSE_DEVICE=c1\n\n"
			"MESSAGE=vduse: no device is named: give one\nPRIORITY=5\n\n"
			"MESSAGE=EAL: c1: something\nPRIORITY=1\n\n"
			"MESSAGE=vduse: c2:\nPRIORITY=4\n\n");
	stderr_is("");
}

/* Two threads fill the stream before one of them empties it. */
static void
two_lines_in_a_piece_are_two(void **state)
{
	const char *const lines = "vduse: c1: one\nvduse: c2: two\nand no end";

	(void)state;
	set_stream(0);
	say_log(lines, strlen(lines));
	assert_non_null(strstr(sent, "MESSAGE=vduse: c1: one\nPRIORITY="));
	assert_non_null(strstr(sent, "VDUSE_DEVICE=c1\n\nMESSAGE=vduse: c2: two\n"));
	assert_non_null(strstr(sent, "VDUSE_DEVICE=c2\n\nMESSAGE=and no end\n"));
	stderr_is("");
}

#define SAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SAY_TEST(a_line_has_its_fields),
		SAY_TEST(a_plain_line_has_a_priority),
		SAY_TEST(another_standard_error_is_no_journal),
		SAY_TEST(no_line_is_lost_where_it_does_not_listen),
		SAY_TEST(no_line_is_cut),
		SAY_TEST(lines_of_the_library_have_device_and_level),
		SAY_TEST(two_lines_in_a_piece_are_two),
	};

	return cmocka_run_group_tests_name("app_say", tests, NULL, NULL);
}

#else /* HAVE_SYSTEMD */

int
main(void)
{
	puts("no libsystemd");
	return 77;
}

#endif /* HAVE_SYSTEMD */
