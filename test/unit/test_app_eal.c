/* SPDX-License-Identifier: BSD-3-Clause */

/* EAL that does not start, in each of its ways: a line with the cause, and nothing left behind. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_log.h>

#include "eal.h"
#include "say.h"

#define MULTI "argument -l should not occur multiple times!"

int __wrap_rte_eal_init(int argc, char **argv);

static enum { RETURNS, ENDS, ENDS_WELL } eal_then;

/* As DPDK 25.11 does it, and releases before. */
int
__wrap_rte_eal_init(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (eal_then == ENDS_WELL)
		exit(EXIT_SUCCESS);
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL, "ARGPARSE: %s\n", MULTI);
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL, "EAL: the end\n");
	if (eal_then == ENDS)
		exit(-EINVAL);
	return -1;
}

/* What a process of its own says that starts EAL, into text; its exit status is returned. */
static int
start_with(char *option, char *text, size_t size)
{
	char program[] = "test", *argv[] = { program, option, NULL };
	int pipe_fd[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_return_code(pipe(pipe_fd), errno);
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		dup2(pipe_fd[1], STDERR_FILENO);
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		say_open();
		exit(eal_start(option == NULL ? 1 : 2, argv, "c1") == 0 ? 77 : EXIT_FAILURE);
	}
	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(pipe_fd[0]);
	text[len] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Its own line is one, with the first error as the cause. */
static void
assert_cause(const char *text)
{
	const char *line = strstr(
			text, APP_NAME ": EAL does not start: " MULTI ": see its lines above\n");

	assert_non_null(line);
	assert_null(strstr(line + 1, APP_NAME ": "));
	assert_ptr_equal(strstr(text, APP_NAME ": "), line);
}

/* Without a --file-prefix, where a folder was made, and with one. */
static void
assert_fails(void)
{
	char text[4096], prefix[] = "--file-prefix=mine";

	assert_int_equal(start_with(NULL, text, sizeof(text)), EXIT_FAILURE);
	assert_cause(text);
	assert_int_equal(start_with(prefix, text, sizeof(text)), EXIT_FAILURE);
	assert_cause(text);
}

static void
test_returns(void **state)
{
	(void)state;
	eal_then = RETURNS;
	assert_fails();
}

static void
test_ends(void **state)
{
	(void)state;
	eal_then = ENDS;
	assert_fails();
}

/* Who has asked for help got it. */
static void
test_help(void **state)
{
	char text[4096], help[] = "--help";

	(void)state;
	eal_then = ENDS_WELL;
	assert_int_equal(start_with(help, text, sizeof(text)), EXIT_SUCCESS);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("app_eal", tests, NULL, NULL);
}
