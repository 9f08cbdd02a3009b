/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to a driver that may write anything to its rings, of both formats. */

#include "fuzz.h"

static struct fuzz_dev fd;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_dev_create(&fd, 1);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_rec rec;

	fuzz_next(&in, &rec);
	fuzz_dev_up(&fd, &rec, 0);
	while (fuzz_next(&in, &rec))
		if (fuzz_driver(&fd, &rec, 1) == 0)
			fuzz_enqueue(&fd, 0, rec.a, rec.c);
	fuzz_enqueue(&fd, 0, 7, 300);
	fuzz_dev_down(&fd);
	return 0;
}
