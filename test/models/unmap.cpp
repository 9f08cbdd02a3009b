/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What bursts read while the control thread takes it away: the ring, the map of the driver's
 * memory, that memory. With a fence in each burst, and without, by membarrier(2). And an address
 * that is not mapped yet: the lcore says so and rests, the control thread maps it.
 */
#include "model.h"

// clang-format off
// code lib/vduse/mem/quiesce.h: vduse_reader_enter vduse_reader_leave
// code lib/vduse/mem/quiesce.c: fence_all reader_wait vduse_readers_wait
// word lib/vduse/mem/quiesce.c: reader_wait: const vduse_reader_t seen => const uint32_t seen
// code lib/vduse/mem/iotlb.c: map_swap
// word lib/vduse/mem/iotlb.c: map_swap: old != &map_empty => old != NULL
// word lib/vduse/mem/iotlb.c: map_swap: free((void *)(uintptr_t)old) => map_free(old)
// code lib/vduse/ring/vq.h: vduse_vq_burst_look vduse_vq_burst_map vduse_vq_burst_end
// code lib/vduse/ring/vq.c: vduse_vq_set_miss
// code lib/vduse/ring/queue.c: vduse_vq_halt vduse_vq_wait vduse_vq_pause vduse_vq_resume
// code lib/vduse/ring/queue.c: vduse_vq_resolve
// clang-format on

#define VDUSE_READER_NONE UINT32_MAX
#define VDUSE_VQ_NONE     VDUSE_READER_NONE
#define READER_SPINS      1
#define VDUSE_LOG(...)    RL_ASSERT(false)
#define usleep(us)        RL_ASSERT(false)

typedef word<uint32_t> vduse_reader_t;

struct vduse_readers {
	uint16_t nb;
	vduse_reader_t *readers[1];
};

struct vduse_iotlb_map {
	cell<uint64_t> generation;
	cell<int> memory; /* of a region in it */
};

struct vduse_iotlb {
	word<struct vduse_iotlb_map *> map;
	const struct vduse_readers *readers;
	struct vduse_iotlb_map *next;
};

enum { VDUSE_VQ_PHASE_UNPLACED, VDUSE_VQ_PHASE_SERVED };

struct vduse_vq {
	vduse_reader_t reader;
	struct {
		word<bool> running;
	} poll;
	struct {
		const struct vduse_iotlb_map *now;
		cell<uint64_t> generation, missed_at;
		uint32_t hint;
		word<bool> missed;
		struct vduse_iotlb *tlb;
	} map;
	word<char *> fault;
	struct {
		const struct vduse_readers *readers;
	} * env;
	struct {
		int phase;
		bool rests, kicks;
	} ctl;
	cell<int> *ring;
	struct counter *wakes;
};

static bool vduse_reader_fences;

/*
 * The kernel interrupts every thread that runs, which fences there, and comes back when all have
 * (Linux: membarrier_private_expedited()). Here a thread fences before it does anything else.
 */
static bool interrupted, ended;

#define MEMBARRIER(place) membarrier(place)

static void
interrupt()
{
	if (rl::ctx().threadx_->index_ != 0 || !interrupted)
		return;
	rl::atomic_thread_fence(rl::mo_seq_cst, $);
	interrupted = false;
}

static int
membarrier(int place)
{
	if (place_left_out(place))
		return 0;
	rl::atomic_thread_fence(rl::mo_seq_cst, $);
	interrupted = true;
	while (interrupted && !ended)
		rl::yield(1, $);
	rl::atomic_thread_fence(rl::mo_seq_cst, $);
	return 0;
}

/* What follows is another's memory. */
static void
map_free(const struct vduse_iotlb_map *map)
{
	const_cast<struct vduse_iotlb_map *>(map)->generation = 0;
}

/* The ring is looked up: it may be elsewhere than before. */
static int
ring_translate(struct vduse_vq *vq)
{
	*vq->ring = 1;
	return 0;
}

#define ring_continue         ring_translate
#define vduse_vq_is_ready(vq) true
#define vduse_ring_set_kicks(vq, wanted)
#define vduse_wake_is_armed(vq) false
#define vduse_wake_signal(vq)
#define is_shortage(err) ((err) == -EAGAIN)

static void
vduse_vq_phase_set(struct vduse_vq *vq, int phase)
{
	vq->ctl.phase = phase;
}

static void
vq_wake(struct vduse_vq *vq)
{
	vq->wakes->write(1);
}

static void map_swap(struct vduse_iotlb *tlb, const struct vduse_iotlb_map *map);

/* Map what was missed, as vduse_iotlb_load_at(). */
static int
vduse_iotlb_load_at(struct vduse_iotlb *tlb, uint64_t iova)
{
	RL_ASSERT(iova == 7);
	tlb->next->memory = 1;
	tlb->next->generation = 2;
	map_swap(tlb, tlb->next);
	return 0;
}

static uint64_t
vduse_iotlb_generation(struct vduse_iotlb *tlb)
{
	const struct vduse_iotlb_map *map = tlb->map;

	return map->generation;
}

static void vduse_readers_wait(const struct vduse_readers *readers, unsigned int self);

#include "unmap.code.h"

template <bool fences> struct device {
	struct vduse_readers readers;
	struct vduse_iotlb_map maps[2];
	struct vduse_iotlb tlb;
	cell<int> ring;
	struct counter wakes;
	typename std::remove_pointer<decltype(vduse_vq::env)>::type env;
	struct vduse_vq vq;

	void
	setup()
	{
		vduse_reader_fences = fences;
		interrupted = ended = false;
		readers.nb = 1;
		readers.readers[0] = &vq.reader;
		maps[0].generation = 1;
		maps[0].memory = 1;
		tlb.map = &maps[0];
		tlb.readers = &readers;
		tlb.next = &maps[1];
		ring = 1;
		wakes.value = 0;
		env.readers = &readers;
		vq.reader = 0;
		vq.poll.running = true;
		vq.map.generation = 1;
		vq.map.tlb = &tlb;
		vq.map.missed = false;
		vq.fault = (char *)NULL;
		vq.env = &env;
		vq.ctl.phase = VDUSE_VQ_PHASE_SERVED;
		vq.ctl.rests = vq.ctl.kicks = false;
		vq.ring = &ring;
		vq.wakes = &wakes;
	}

	/* Begin a burst, which reads the ring and takes the map. */
	bool
	begin()
	{
		if (!vduse_vq_burst_look(&vq))
			return false;
		RL_ASSERT(ring == 1);
		vduse_vq_burst_map(&vq);
		return true;
	}

	/* Before, beside or behind what the control thread does. */
	void
	burst()
	{
		if (!begin())
			return;
		RL_ASSERT(vq.map.now->memory == 1);
		vduse_vq_burst_end(&vq);
	}
};

/* The driver takes its memory away and gives other memory, rings and buffers, as remap_range(). */
template <bool fences> struct unmap : rl::test_suite<unmap<fences>, 2> {
	device<fences> d;

	void
	before()
	{
		d.setup();
	}

	void
	lcore()
	{
		d.burst();
		ended = true;
	}

	void
	control()
	{
		vduse_vq_pause(&d.vq, VDUSE_VQ_NONE);
		d.ring = 0;
		d.maps[1].memory = 1;
		d.maps[1].generation = 2;
		map_swap(&d.tlb, &d.maps[1]);
		d.maps[0].memory = 0;
		vduse_vq_resume(&d.vq);
	}

	void
	thread(unsigned int index)
	{
		index == 0 ? lcore() : control();
	}
};

/* The map grows, or shrinks, while bursts go on. */
template <bool fences> struct swap : rl::test_suite<swap<fences>, 2> {
	device<fences> d;

	void
	before()
	{
		d.setup();
	}

	void
	thread(unsigned int index)
	{
		if (index == 0) {
			d.burst();
			ended = true;
			return;
		}
		d.maps[1].memory = 1;
		d.maps[1].generation = 2;
		map_swap(&d.tlb, &d.maps[1]);
		d.maps[0].memory = 0;
	}
};

/* An address that the map has not: the queue rests until it has, and is never forgotten. */
template <bool fences> struct miss : rl::test_suite<miss<fences>, 2> {
	device<fences> d;
	bool served;

	void
	before()
	{
		d.setup();
		served = false;
	}

	void
	lcore()
	{
		while (!served) {
			if (!d.begin()) {
				rl::yield(1, $);
				continue;
			}
			if (d.vq.map.now == &d.maps[1]) {
				RL_ASSERT(d.vq.map.now->memory == 1);
				served = true;
			} else {
				d.vq.map.missed_at = 7;
				vduse_vq_set_miss(&d.vq);
			}
			vduse_vq_burst_end(&d.vq);
		}
		ended = true;
	}

	void
	control()
	{
		uint64_t n;

		while (d.wakes.read(&n) != 0)
			rl::yield(1, $);
		RL_ASSERT(vduse_vq_resolve(&d.vq) == 0);
		RL_ASSERT((const char *)d.vq.fault == NULL);
		vduse_vq_resume(&d.vq);
	}

	void
	thread(unsigned int index)
	{
		index == 0 ? lcore() : control();
	}
};

static const struct spare spares[] = {
	{ "vduse_reader_enter", 1, "for ThreadSanitizer, which knows no fences" },
	{ "vduse_vq_resume", 2, "of rings.cpp" },
	{ "vduse_vq_halt", 1, "the fence of the wait follows" },
	{ "vduse_vq_set_miss", 1, "the eventfd that wakes the control thread orders it, too" },
	{ "vduse_vq_set_miss", 2,
			"the wait for the burst comes before the control thread goes on" },
	{ "vduse_vq_resolve", 1, "the eventfd, and the wait for the burst, order it, too" },
};

void
models()
{
	explore<unmap<true>>("unmap");
	explore<unmap<false>>("unmap, membarrier");
	explore<swap<true>>("swap");
	explore<swap<false>>("swap, membarrier");
	explore<miss<true>>("miss", 3);
	explore<miss<false>>("miss, membarrier", 3);
}

#include "explore.h"
