/* SPDX-License-Identifier: BSD-3-Clause */

/* The --file-prefix that is chosen: by a device's name, and never that of a running process. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_common.h>

#include "filter.h"
#include "runtime.h"

static char base[] = "/tmp/vduse-runtime-XXXXXX";

static int
setup(void **state)
{
	char path[64];

	(void)state;
	strcpy(base + strlen(base) - 6, "XXXXXX");
	if (mkdtemp(base) == NULL)
		return -1;
	setenv("RUNTIME_DIRECTORY", base, 1);
	snprintf(path, sizeof(path), "%s/dpdk", base);
	return mkdir(path, 0700);
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	snprintf(command, sizeof(command), "rm -r %s", base);
	return system(command);
}

/* Another process holds the lock that a primary of EAL holds. */
static pid_t
other_process(const char *prefix)
{
	int ready[2], fd;
	pid_t pid;
	char path[128], byte;

	snprintf(path, sizeof(path), "%s/dpdk/%s", base, prefix);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dpdk/%s/config", base, prefix);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || lockf(fd, F_TLOCK, 0) != 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
end_other(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
the_name_of_a_device_is_it(void **state)
{
	static const char *const names[][2] = { { "c1", "c1" }, { "eth0-a_b", "eth0-a_b" },
		{ "a.b%c:d;e", "a_b_c_d_e" }, { "...", "___" },
		{ "0123456789012345678901234567", "012345678901234567890123" } };
	char prefix[RUNTIME_PREFIX_MAX];
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(names); i++) {
		runtime_choose(names[i][0], prefix);
		assert_string_equal(prefix, names[i][1]);
	}
}

static void
one_in_use_gets_a_number(void **state)
{
	char prefix[RUNTIME_PREFIX_MAX];
	pid_t first, second;

	(void)state;
	first = other_process("c1");
	assert_true(runtime_in_use("c1"));
	assert_false(runtime_in_use("c2"));
	runtime_choose("c1", prefix);
	assert_string_equal(prefix, "c1.2");
	second = other_process("c1.2");
	runtime_choose("c1", prefix);
	assert_string_equal(prefix, "c1.3");
	end_other(first);
	/* what it left is no process */
	runtime_choose("c1", prefix);
	assert_string_equal(prefix, "c1");
	end_other(second);
}

static void
what_is_left_is_removed(void **state)
{
	char path[128];

	(void)state;
	end_other(other_process("c1"));
	snprintf(path, sizeof(path), "%s/dpdk/c1/fbarray_memzone", base);
	close(open(path, O_RDWR | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/dpdk/c1", base);
	runtime_remove("c1");
	assert_int_equal(access(path, F_OK), -1);
	runtime_remove("c1");
}

static void
given_is_found(void **state)
{
	char name[] = "app", two[] = "--file-prefix", value[] = "a", one[] = "--file-prefix=b",
	     begun[] = "--fi=c", other[] = "--force-max-simd-bitwidth=64";
	char *none[] = { name, other }, *word[] = { name, two, value }, *equals[] = { name, one },
	     *begins[] = { name, begun }, *last[] = { name, one, begun };

	(void)state;
	assert_null(runtime_given(2, none));
	assert_string_equal(runtime_given(3, word), "a");
	assert_string_equal(runtime_given(2, equals), "b");
	assert_string_equal(runtime_given(2, begins), "c");
	assert_string_equal(runtime_given(3, last), "c");
	assert_string_equal(runtime_given(2, word), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_name_of_a_device_is_it, setup, teardown),
		cmocka_unit_test_setup_teardown(one_in_use_gets_a_number, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_is_removed, setup, teardown),
		cmocka_unit_test(given_is_found),
	};

	return FILTER_RUN("app_runtime", tests, NULL, NULL);
}
