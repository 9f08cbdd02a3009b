/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files of commands: what is taken is written as a file that makes the same, and that needs no step
 * from the other; what is refused has a line of error.
 */

#include <string.h>

#include "control_config.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
check_again(const struct control_config *config)
{
	char error[CONTROL_ERROR_MAX], *text = control_config_text(config), *again;
	struct control_config copy;
	struct control_step *steps;

	FUZZ_CHECK(text != NULL);
	FUZZ_CHECK(control_config_parse(text, "again", &copy, error) == 0);
	again = control_config_text(&copy);
	FUZZ_CHECK(again != NULL && strcmp(text, again) == 0);
	FUZZ_CHECK(control_config_diff(config, config, &copy, &steps) == 0);
	free(steps);
	free(again);
	free(text);
	control_config_clear(&copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), error[CONTROL_ERROR_MAX];
	struct control_config config;

	FUZZ_CHECK(text != NULL);
	if (control_config_parse(text, "input", &config, error) == 0)
		check_again(&config);
	else
		FUZZ_CHECK(memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0');
	control_config_clear(&config);
	free(text);
	return 0;
}
