/* SPDX-License-Identifier: BSD-3-Clause */

/* ovs-vsctl(8), and another program where it has to be, with what they say. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cni.h"
#include "ovs.h"

/* What a program may say, and what is told of it. */
#define SAID_MAX 65536

/* All of a file, as a text; NULL: no memory. */
static char *
read_all(int file)
{
	char *text = calloc(1, SAID_MAX);
	const ssize_t len = text != NULL ? pread(file, text, SAID_MAX - 1, 0) : -1;

	if (len < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The last line that has something in it: what an error ends with. */
static const char *
last_line(char *text)
{
	size_t len = strlen(text);
	const char *line;

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	return line != NULL ? line + 1 : text;
}

/* What a runtime is told of a program that did not do it. */
static int
refused(struct cni *cni, const char *program, int status, char *said)
{
	const char *line = said != NULL ? last_line(said) : "";

	if (status < 0)
		return cni_fail(cni, CNI_CONFIG, "a program cannot be started",
				"%s: %s: it has to be in a folder of PATH, %.256s", program,
				strerror(-status), getenv("PATH") != NULL ? getenv("PATH") : "");
	if (strstr(line, "database connection failed") != NULL)
		return cni_fail(cni, CNI_AGAIN, "Open vSwitch's database does not answer",
				"%s: is ovsdb-server running?", line);
	if (status == SPAWN_KILLED)
		return cni_fail(cni, CNI_AGAIN, "Open vSwitch does not answer",
				"%s has waited for %s seconds: is ovs-vswitchd running?", program,
				OVS_PATIENCE);
	return cni_fail(cni, CNI_NODE, "Open vSwitch refused it", "%s: %s", program,
			line[0] != '\0' ? line : "it does not say why");
}

int
program_run(struct cni *cni, char *const *argv, char **said)
{
	const int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	int status = out >= 0 && err >= 0 ? spawn(argv, -1, out, err) : -errno;
	char *text = status > 0 ? read_all(err) : NULL;

	if (status != 0)
		refused(cni, argv[0], status, text);
	free(text);
	if (status == 0 && said != NULL) {
		*said = read_all(out);
		if (*said == NULL)
			status = cni_fail(cni, CNI_IO, "no memory", "%s", argv[0]);
	}
	if (out >= 0)
		close(out);
	if (err >= 0)
		close(err);
	return status == 0 ? 0 : -1;
}

int
vsctl(struct cni *cni, char **said, const char *const *words)
{
	const char *argv[VSCTL_WORDS_MAX + 4] = { "ovs-vsctl", "-t", OVS_PATIENCE };
	unsigned int n;

	for (n = 0; n < VSCTL_WORDS_MAX && words[n] != NULL; n++)
		argv[3 + n] = words[n];
	return program_run(cni, (char **)(uintptr_t)argv, said);
}
