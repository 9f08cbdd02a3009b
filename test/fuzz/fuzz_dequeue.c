/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames from a driver that may write anything to its rings, of both formats; with zero copy they
 * stay out for some bursts, remaps and resets.
 */

#include "fuzz.h"

/* Bytes of a frame from which on it is not copied; the first 128 are always. */
#define ZERO_COPY_MIN 200

static struct fuzz_dev plain, zero_copy;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct rte_vduse_net_conf conf = fuzz_dev_conf(1);

	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_dev_create(&plain, 1);
	conf.dev.name = "fuzz-zero";
	conf.zero_copy_min = ZERO_COPY_MIN;
	fuzz_dev_create_as(&zero_copy, &conf);
	return 0;
}

/* b: its first bit: no time has passed since the burst before */
static void
dequeue(struct fuzz_dev *fd, const struct fuzz_rec *rec)
{
	if (!(rec->b & 1))
		fuzz_clock_pass();
	fuzz_dequeue_hold(fd, 0, rec->a, fd->zero_copy ? rec->c : 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_dev *fd;
	struct fuzz_rec rec;

	fuzz_next(&in, &rec);
	fd = rec.a & FUZZ_ZERO_COPY ? &zero_copy : &plain;
	fuzz_dev_up(fd, &rec, 0);
	while (fuzz_next(&in, &rec)) {
		if (fuzz_driver(fd, &rec, 1) != 0)
			continue;
		if (fd->zero_copy && rec.a & 0x80)
			fuzz_held_free(rec.b);
		else
			dequeue(fd, &rec);
	}
	fuzz_dequeue(fd, 0, 31);
	fuzz_dev_down(fd);
	return 0;
}
