/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The application's command line: one argument a line. What is taken makes
 * devargs, or says that they are too long; what is refused has a line of error.
 */

#include <string.h>

#include "args.h"
#include "fuzz.h"

#define ARGS_MAX 64

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
check(struct args *args, int ret)
{
	char devargs[ARGS_DEVARGS_MAX];
	unsigned int i;

	FUZZ_CHECK(memchr(args->error, '\0', sizeof(args->error)) != NULL);
	if (ret < 0) {
		FUZZ_CHECK(args->error[0] != '\0');
		return;
	}
	FUZZ_CHECK(args->nb_wires <= ARGS_MAX_WIRES);
	for (i = 0; i < args->nb_wires; i++) {
		FUZZ_CHECK(args_devargs(&args->wires[i], UINT32_MAX, devargs, sizeof(devargs)) ==
				0);
		FUZZ_CHECK(strlen(devargs) < sizeof(devargs));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text;
	char *argv[ARGS_MAX + 1] = { (char[]){ "app" } };
	static struct args args;
	int argc = 1, at;

	FUZZ_CHECK(text != NULL);
	while (argc < ARGS_MAX && (argv[argc] = strsep(&rest, "\n")) != NULL)
		argc++;
	at = args_split(argc, argv);
	FUZZ_CHECK(at >= 0 && at <= argc);
	/* from the "--" on; argv is reordered by nobody */
	check(&args, args_parse(argc - (at == argc ? 0 : at), argv + (at == argc ? 0 : at), &args));
	free(text);
	return 0;
}
