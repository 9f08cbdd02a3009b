/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A model of the protocol that unmapping relies on, explored in every
 * interleaving, with the store buffers of x86 (x86-TSO: a store waits in its
 * thread's buffer, loads of others do not see it, a full fence drains it).
 *
 * Thread 0, an lcore: vduse_vq_burst_begin(), a use of the ring and of the map,
 * vduse_vq_burst_end(); twice. Thread 1, the control thread, as
 * remap_range(): vduse_vq_halt(), vduse_vq_wait() (vduse_readers_wait()),
 * map_swap() with a wait of its own, unmapping, vduse_vq_resume(). Nothing may
 * be used after it is unmapped. Both forms of mem/quiesce.h: with a fence in
 * the burst, and with membarrier(2), which drains the buffers of all threads.
 *
 * Each step below names its place in the code: whoever changes that changes
 * the model. It must find the fault when a fence, a second look or a wait is
 * taken out.
 *
 * A second model is of a miss that is resolved while the driver resets the
 * device: the next driver may not find the memory of the one before.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"

/* Shared words. */
enum var {
	RUNNING, /* vq->running */
	READER,  /* vq->reader: odd while it reads */
	MAP,     /* tlb->map: generation */
	NB_VARS
};

#define BUFFER 4 /* stores that wait; more than any thread has between fences */

/* What is left out, to see that it is needed. */
enum omit {
	OMIT_NOTHING,
	OMIT_READER_FENCE, /* in vduse_reader_enter() */
	OMIT_MEMBARRIER,   /* in fence_all() */
	OMIT_WAITER_FENCE, /* in fence_all(), where readers fence by themselves */
	OMIT_SECOND_LOOK,  /* at running, in vduse_vq_burst_look() */
	OMIT_HALT,         /* of the queues: rings stay in use */
	OMIT_WAITS,        /* vduse_vq_wait(), and the wait of map_swap() */
	OMIT_SWAP,         /* the new map is never published */
};

struct thread {
	uint8_t pc;
	uint8_t round;
	uint8_t nb; /* stores in the buffer */
	struct {
		uint8_t var, value;
	} buffer[BUFFER];
	uint8_t local; /* a register */
};

struct state {
	uint8_t mem[NB_VARS];
	uint8_t ring_mapped; /* translation of the ring that is in use */
	uint8_t map_live[3]; /* generations whose memory is mapped */
	struct thread t[2];
};

#define SEEN_MAX (1u << 20)

static struct {
	enum omit omit;
	bool membarrier;    /* readers have no fence */
	bool swap_only;     /* the map grows, as vduse_iotlb_load() makes it: no queue is halted */
	struct state *seen; /* a hash table; a state of zeros is not one of it */
	uint8_t *used;
	uint32_t nb;
	bool wrong; /* something was used that is not mapped */
	bool ended; /* both threads came to their ends, in one interleaving at least */
	bool busy;  /* the ring was used, in one */
} model;

static uint8_t
load(const struct state *s, const struct thread *t, enum var var)
{
	int i;

	/* a thread sees its own stores first */
	for (i = t->nb - 1; i >= 0; i--)
		if (t->buffer[i].var == var)
			return t->buffer[i].value;
	return s->mem[var];
}

static void
store(struct thread *t, enum var var, uint8_t value)
{
	assert_true(t->nb < BUFFER);
	t->buffer[t->nb].var = var;
	t->buffer[t->nb++].value = value;
}

/* The oldest store becomes visible. */
static void
drain_one(struct state *s, struct thread *t)
{
	s->mem[t->buffer[0].var] = t->buffer[0].value;
	t->nb--;
	memmove(&t->buffer[0], &t->buffer[1], t->nb * sizeof(t->buffer[0]));
	memset(&t->buffer[t->nb], 0, sizeof(t->buffer[0]));
}

/* A step cannot be taken while stores wait: what a fence is. */
#define FENCE(t) ((t)->nb == 0)

/* The lcore. Returns false where it cannot go on. */
static bool
lcore_step(struct state *s)
{
	struct thread *t = &s->t[0];

	switch (t->pc) {
	case 0: /* vduse_vq_burst_look(): running, relaxed */
		t->pc = load(s, t, RUNNING) ? 1 : 7;
		return true;
	case 1: /* vduse_reader_enter() */
		store(t, READER, load(s, t, READER) + 1);
		t->pc = 2;
		return true;
	case 2: /* its fence */
		if (!model.membarrier && model.omit != OMIT_READER_FENCE && !FENCE(t))
			return false;
		t->pc = 4;
		return true;
	case 4: /* vduse_vq_burst_look(): running, acquire, for the second time */
		if (model.omit != OMIT_SECOND_LOOK && !load(s, t, RUNNING)) {
			t->pc = 6;
			return true;
		}
		t->pc = 3;
		return true;
	case 3: /* vduse_vq_burst_map() */
		t->local = load(s, t, MAP);
		t->pc = 5;
		return true;
	case 5: /* the burst: ring and map are used */
		model.wrong |= !s->ring_mapped || !s->map_live[t->local];
		model.busy = true;
		t->pc = 6;
		return true;
	case 6: /* vduse_reader_leave(): release */
		store(t, READER, load(s, t, READER) + 1);
		t->pc = 7;
		return true;
	case 7: /* again */
		t->local = 0;
		t->pc = ++t->round < 2 ? 0 : 8;
		return true;
	default:
		return false;
	}
}

/* vduse_readers_wait(), three steps from `first` on. */
static bool
wait_step(struct state *s, struct thread *t, uint8_t first)
{
	struct thread *reader = &s->t[0];

	switch (t->pc - first) {
	case 0: /* fence_all(): our own, */
		if ((model.membarrier || model.omit != OMIT_WAITER_FENCE) && !FENCE(t))
			return false;
		/* and that of all others */
		while (model.membarrier && model.omit != OMIT_MEMBARRIER && reader->nb > 0)
			drain_one(s, reader);
		break;
	case 1: /* reader_wait(): what it is now */
		t->local = load(s, t, READER);
		break;
	default: /* and until it is another */
		if (model.omit != OMIT_WAITS && (t->local & 1) && load(s, t, READER) == t->local)
			return false;
		t->local = 0;
		break;
	}
	t->pc++;
	return true;
}

/* Where map_swap() begins: a map that only grows begins here. */
#define SWAP 4

static bool
control_step(struct state *s)
{
	struct thread *t = &s->t[1];

	switch (t->pc) {
	case 0: /* vduse_vq_halt() */
		if (model.omit != OMIT_HALT)
			store(t, RUNNING, 0);
		t->pc = 1;
		return true;
	case 1: /* vduse_vq_wait(): the halt's release store is before its fence */
	case 2:
	case 3:
		return wait_step(s, t, 1);
	case SWAP: /* map_swap(): publish */
		if (model.omit != OMIT_SWAP)
			store(t, MAP, 1);
		t->pc++;
		return true;
	case SWAP + 1: /* and wait */
	case SWAP + 2:
	case SWAP + 3:
		return wait_step(s, t, SWAP + 1);
	case SWAP + 4: /* vduse_region_unmap(), of rings and buffers; map_swap(): the old map is
			  freed */
		s->ring_mapped = model.swap_only;
		s->map_live[0] = 0;
		t->pc++;
		return true;
	case SWAP + 5: /* vduse_iotlb_load(): new memory; ring_translate() */
		s->map_live[1] = 1;
		s->ring_mapped = 1;
		t->pc++;
		return true;
	case SWAP + 6: /* vduse_vq_resume(): release */
		store(t, RUNNING, 1);
		t->pc++;
		return true;
	default:
		return false;
	}
}

/* Whether the state is new. */
static bool
remember(const struct state *s)
{
	const uint8_t *bytes = (const uint8_t *)s;
	uint32_t hash = 2166136261u, at;
	size_t i;

	for (i = 0; i < sizeof(*s); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	for (at = hash % SEEN_MAX; model.used[at]; at = (at + 1) % SEEN_MAX)
		if (memcmp(&model.seen[at], s, sizeof(*s)) == 0)
			return false;
	assert_true(++model.nb < SEEN_MAX / 2);
	model.used[at] = 1;
	model.seen[at] = *s;
	return true;
}

/* All that can happen next: a step of either thread, or a store of one becomes visible. */
static void
explore(const struct state *s)
{
	struct state next;
	unsigned int i;

	if (!remember(s))
		return;
	model.ended |= s->t[0].pc == 8 && s->t[1].pc == SWAP + 7;
	for (i = 0; i < 2; i++) {
		if (s->t[i].nb > 0) {
			next = *s;
			drain_one(&next, &next.t[i]);
			explore(&next);
		}
		next = *s;
		if (i == 0 ? lcore_step(&next) : control_step(&next))
			explore(&next);
	}
}

static bool
model_finds_fault(enum omit omit, bool membarrier, bool swap_only)
{
	struct state first;

	memset(&model, 0, sizeof(model));
	model.omit = omit;
	model.membarrier = membarrier;
	model.swap_only = swap_only;
	model.seen = calloc(SEEN_MAX, sizeof(*model.seen));
	model.used = calloc(SEEN_MAX, 1);
	assert_true(model.seen != NULL && model.used != NULL);
	memset(&first, 0, sizeof(first));
	first.mem[RUNNING] = 1;
	first.ring_mapped = 1;
	first.map_live[0] = 1;
	first.map_live[1] = swap_only;
	first.t[1].pc = swap_only ? SWAP : 0;
	explore(&first);
	print_message("%u states\n", model.nb);
	free(model.seen);
	free(model.used);
	assert_true(model.ended && model.busy);
	return model.wrong;
}

static void
test_protocol(void **state)
{
	unsigned int membarrier;

	(void)state;
	for (membarrier = 0; membarrier < 2; membarrier++) {
		assert_false(model_finds_fault(OMIT_NOTHING, membarrier, false));
		assert_false(model_finds_fault(OMIT_NOTHING, membarrier, true));
	}
}

/* Each part that is left out is missed. */
static void
test_all_is_needed(void **state)
{
	unsigned int membarrier;

	(void)state;
	for (membarrier = 0; membarrier < 2; membarrier++) {
		assert_true(model_finds_fault(OMIT_SECOND_LOOK, membarrier, false));
		assert_true(model_finds_fault(OMIT_HALT, membarrier, false));
		assert_true(model_finds_fault(OMIT_WAITS, membarrier, false));
		assert_true(model_finds_fault(OMIT_WAITS, membarrier, true));
		assert_true(model_finds_fault(OMIT_SWAP, membarrier, false));
		assert_true(model_finds_fault(OMIT_SWAP, membarrier, true));
	}
	assert_true(model_finds_fault(OMIT_READER_FENCE, false, false));
	assert_true(model_finds_fault(OMIT_READER_FENCE, false, true));
	assert_true(model_finds_fault(OMIT_WAITER_FENCE, false, true));
	assert_true(model_finds_fault(OMIT_MEMBARRIER, true, false));
	assert_true(model_finds_fault(OMIT_MEMBARRIER, true, true));
}

/* What is mapped, and what the kernel has: nobody's, or a driver's memory. */
enum memory { MEMORY_NONE, MEMORY_OLD, MEMORY_NEW };

/* What is left out of the second model. */
enum miss_omit {
	MISS_OMIT_NOTHING,
	MISS_OMIT_OPEN,  /* the look at tlb->open, in vduse_iotlb_load() */
	MISS_OMIT_CLOSE, /* of vduse_iotlb_close(): only the regions are dropped */
	MISS_OMIT_LOCK,  /* of vduse_iotlb_load(), at the miss */
};

struct miss_state {
	uint8_t pc[2];  /* the one who resolves the miss; the control thread */
	uint8_t owner;  /* of tlb->lock: thread + 1 */
	uint8_t open;   /* tlb->open */
	uint8_t kernel; /* enum memory */
	uint8_t mapped; /* the same, tlb->regions */
	uint8_t answer; /* of the kernel, to the miss */
};

static enum miss_omit miss_omit;

static bool
miss_lock(struct miss_state *s, unsigned int me, bool lock)
{
	if (me == 0 && miss_omit == MISS_OMIT_LOCK)
		return true;
	if (lock && s->owner != 0)
		return false;
	s->owner = lock ? me + 1 : 0;
	return true;
}

/* vduse_iotlb_load(), by whoever resolves a miss of the old driver. */
static bool
miss_step(struct miss_state *s)
{
	bool ok = true;

	switch (s->pc[0]) {
	case 0:
		ok = miss_lock(s, 0, true);
		break;
	case 1:
		if (!s->open && miss_omit != MISS_OMIT_OPEN)
			s->pc[0] = 3; /* -ESHUTDOWN */
		break;
	case 2: /* found_next(): the kernel's answer */
		s->answer = s->kernel;
		break;
	case 3: /* region_map(), regions_add(); what is known is not mapped again */
		if (s->mapped == MEMORY_NONE)
			s->mapped = s->answer;
		break;
	case 4:
		ok = miss_lock(s, 0, false);
		break;
	default:
		return false;
	}
	s->pc[0] += ok;
	return ok;
}

/* vduse_status_stop(), the answer to the reset, status_start() for the next driver. */
static bool
reset_step(struct miss_state *s)
{
	bool ok = true;

	switch (s->pc[1]) {
	case 0:  /* vduse_iotlb_close(): tlb->open */
	case 3:  /* vduse_iotlb_remove() */
	case 7:  /* vduse_iotlb_open() */
	case 10: /* vduse_iotlb_load() */
		ok = miss_lock(s, 1, true);
		break;
	case 1:
		s->open = miss_omit == MISS_OMIT_CLOSE;
		break;
	case 4:
		s->mapped = MEMORY_NONE;
		break;
	case 6: /* the reset is answered, and the next driver maps its memory */
		s->kernel = MEMORY_NEW;
		break;
	case 8:
		s->open = true;
		break;
	case 11:
		if (s->mapped == MEMORY_NONE)
			s->mapped = s->kernel;
		break;
	case 2:
	case 5:
	case 9:
	case 12:
		ok = miss_lock(s, 1, false);
		break;
	default:
		return false;
	}
	s->pc[1] += ok;
	return ok;
}

#define RESET_END 13

/* Whether the next driver is served with the memory of the one before, in some interleaving. */
static bool
miss_explore(const struct miss_state *s)
{
	struct miss_state next = *s;
	bool found = s->pc[1] == RESET_END && s->mapped != MEMORY_NEW;

	if (miss_step(&next))
		found |= miss_explore(&next);
	next = *s;
	if (reset_step(&next))
		found |= miss_explore(&next);
	return found;
}

static bool
miss_finds_fault(enum miss_omit omit)
{
	const struct miss_state first = {
		.open = true, .kernel = MEMORY_OLD, .mapped = MEMORY_NONE
	};

	miss_omit = omit;
	return miss_explore(&first);
}

static void
test_miss(void **state)
{
	(void)state;
	assert_false(miss_finds_fault(MISS_OMIT_NOTHING));
	assert_true(miss_finds_fault(MISS_OMIT_OPEN));
	assert_true(miss_finds_fault(MISS_OMIT_CLOSE));
	assert_true(miss_finds_fault(MISS_OMIT_LOCK));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_all_is_needed),
		cmocka_unit_test(test_miss),
	};

	return FILTER_RUN("quiesce_model", tests, NULL, NULL);
}
