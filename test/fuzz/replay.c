/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs inputs through a target, without libFuzzer. A corpus is one file of
 * inputs, each behind its length (le16).
 */

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX UINT16_MAX

/* Not of texts. */
#pragma weak fuzz_asked

static uint8_t input[INPUT_MAX];

static void
die(const char *path)
{
	perror(path);
	exit(1);
}

static FILE *
open_or_die(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (file == NULL)
		die(path);
	return file;
}

static bool
is_corpus(const char *path)
{
	const size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, ".bin") == 0;
}

/* The next input of a corpus. Returns its bytes, or -1 at the end. */
static long
corpus_next(FILE *file, const char *path)
{
	uint8_t len[2];
	size_t n;

	n = fread(len, 1, sizeof(len), file);
	if (n == 0)
		return -1;
	n = len[0] | len[1] << 8;
	if (fread(input, 1, n, file) != n)
		die(path);
	return n;
}

/* Each in memory of its own length, for the sanitizer. */
static void
run_input(size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));

	if (copy == NULL)
		die("malloc");
	memcpy(copy, input, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static unsigned int
run_file(const char *path)
{
	FILE *file = open_or_die(path, "rb");
	unsigned int nb = 0;
	long n;

	if (is_corpus(path)) {
		for (; (n = corpus_next(file, path)) >= 0; nb++)
			run_input(n);
	} else {
		run_input(fread(input, 1, sizeof(input), file));
		nb = 1;
	}
	fclose(file);
	return nb;
}

/* A corpus from the files of the current folder. */
static int
pack(const char *path)
{
	FILE *out = open_or_die(path, "wb"), *in;
	struct dirent **names;
	uint8_t len[2];
	int i, nb;
	size_t n;

	nb = scandir(".", &names, NULL, alphasort);
	for (i = 0; i < nb; i++) {
		if (names[i]->d_name[0] != '.') {
			in = open_or_die(names[i]->d_name, "rb");
			n = fread(input, 1, sizeof(input), in);
			fclose(in);
			len[0] = n;
			len[1] = n >> 8;
			if (fwrite(len, 1, 2, out) != 2 || fwrite(input, 1, n, out) != n)
				die(path);
		}
		free(names[i]);
	}
	free(names);
	return fclose(out);
}

/* And back. */
static int
unpack(const char *path)
{
	FILE *in = open_or_die(path, "rb"), *out;
	unsigned int i;
	char name[32];
	long n;

	for (i = 0; (n = corpus_next(in, path)) >= 0; i++) {
		snprintf(name, sizeof(name), "corpus-%04u", i);
		out = open_or_die(name, "wb");
		if (fwrite(input, 1, n, out) != (size_t)n)
			die(name);
		fclose(out);
	}
	return fclose(in);
}

int
main(int argc, char **argv)
{
	bool asks = false;
	unsigned int n = 0;
	int i;

	if (argc == 3 && strcmp(argv[1], "--pack") == 0)
		return pack(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--unpack") == 0)
		return unpack(argv[2]);
	if (argc < 2) {
		fprintf(stderr,
				"usage: %s [--asks] INPUT|CORPUS.bin...\n"
				"         --asks: fails unless requests came between two loads\n"
				"       %s --pack|--unpack CORPUS.bin  (the current folder's "
				"files)\n",
				argv[0], argv[0]);
		return 2;
	}
	LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--asks") == 0)
			asks = true;
		else
			n += run_file(argv[i]);
	printf("%u inputs\n", n);
	if (fuzz_asked != NULL)
		printf("%u requests between two loads\n", fuzz_asked());
	return n == 0 || (asks && fuzz_asked() == 0);
}
