/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer's mutations, record by record: an input stays a list of steps, of
 * which one is doubled, moved, left out or changed in one field.
 */

#include <string.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#define REC sizeof(struct fuzz_rec)

/* Lengths and offsets that ends and overflows are made of. */
static const uint32_t edges[] = { 0, 1, 11, 12, 13, 14, 16, 26, 100, 511, 512, 1500, 4095, 4096,
	4097, 0x1800, 0x1ffff, 0x20000, 0x20001, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };

static void
change_field(struct fuzz_rec *rec, struct unit_rng *rng)
{
	const uint32_t value = unit_random(rng, 0, UINT32_MAX);

	switch (unit_random(rng, 0, 6)) {
	case 0:
		rec->op = value;
		break;
	case 1:
		rec->a ^= 1u << (value % 8);
		break;
	case 2:
		rec->b = value;
		break;
	case 3:
		rec->c = edges[value % RTE_DIM(edges)] | (value & 0x0f000000);
		break;
	case 4: /* another place of the same kind of memory */
		rec->d = (rec->d & ~(uint64_t)UINT32_MAX) | edges[value % RTE_DIM(edges)];
		break;
	case 5: /* another kind of memory */
		rec->d = (rec->d & (UINT64_MAX >> 8)) | (uint64_t)value << 56;
		break;
	default: /* whatever libFuzzer learned from comparisons */
		LLVMFuzzerMutate((uint8_t *)rec, REC, REC);
		break;
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct unit_rng rng = { .state = seed * UINT64_C(2654435761) + 1 };
	const size_t room = max_size / REC;
	struct fuzz_rec rec;
	size_t n, i, k;

	unit_random(&rng, 0, 1);
	if (size % REC != 0) {
		memset(data + size, 0, RTE_MIN(REC - size % REC, max_size - size));
		size = RTE_MIN(RTE_ALIGN_CEIL(size, REC), room * REC);
	}
	n = size / REC;
	if (n == 0) {
		memset(data, 0, REC);
		n = 1;
	}
	i = unit_random(&rng, 0, n - 1);
	k = unit_random(&rng, 0, n - 1);
	memcpy(&rec, data + i * REC, REC);
	switch (unit_random(&rng, 0, 7)) {
	case 0: /* a copy of one, with a change, before another */
		change_field(&rec, &rng);
		/* fallthrough */
	case 1:
		if (n == room)
			break;
		memmove(data + (k + 1) * REC, data + k * REC, (n - k) * REC);
		memcpy(data + k * REC, &rec, REC);
		n++;
		break;
	case 2: /* one less */
		if (n == 1)
			break;
		memmove(data + i * REC, data + (i + 1) * REC, (n - i - 1) * REC);
		n--;
		break;
	case 3: /* two change places */
		memcpy(data + i * REC, data + k * REC, REC);
		memcpy(data + k * REC, &rec, REC);
		break;
	default:
		change_field(&rec, &rng);
		memcpy(data + i * REC, &rec, REC);
		break;
	}
	return n * REC;
}
