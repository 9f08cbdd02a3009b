/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is published in both kinds of ring, taken, and announced: frames that the driver offers,
 * buffers that go back, a call that the driver sleeps for, a kick that an lcore sleeps for.
 */
#include "model.h"

// clang-format off
// code lib/vduse/ring/split.h: vduse_split_ready vduse_split_publish
// code lib/vduse/ring/split.h: vduse_split_need_call vduse_split_set_kicks
// code lib/vduse/ring/packed.h: vduse_packed_step vduse_packed_is_avail vduse_packed_ready
// code lib/vduse/ring/packed.h: vduse_packed_put vduse_packed_publish
// code lib/vduse/ring/packed.h: vduse_packed_need_call vduse_packed_set_kicks
// word lib/vduse/ring/packed.h: vduse_packed_need_call: (const uint32_t *)vq->ring.packed.driver => &vq->ring.packed.driver->both
// code lib/vduse/ring/ring.h: vduse_ring_ready vduse_ring_set_kicks
// code lib/vduse/ring/vq.h: vduse_vq_call_pending
// code lib/vduse/ring/wake.h: vduse_wake_is_armed
// code lib/vduse/ring/queue.c: vduse_vq_resume
// code lib/vduse/ring/wake.c: wake_count vduse_wake_signal wake_ask vduse_wake_arm
// code lib/vduse/ring/wake.c: vduse_wake_disarm
// clang-format on

#define SIZE 4

/* virtio 1.2, 2.7 and 2.8 */
#define VRING_USED_F_NO_NOTIFY          1
#define VRING_AVAIL_F_NO_INTERRUPT      1
#define VRING_DESC_F_WRITE              2
#define VRING_PACKED_EVENT_FLAG_ENABLE  0
#define VRING_PACKED_EVENT_FLAG_DISABLE 1
#define VRING_PACKED_EVENT_FLAG_DESC    2
#define VDUSE_PACKED_AVAIL              ((uint16_t)(1u << 7))
#define VDUSE_PACKED_USED               ((uint16_t)(1u << 15))
#define VDUSE_PACKED_WRAP               ((uint16_t)(1u << 15))

static bool
vring_need_event(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

struct vduse_pos {
	uint16_t idx;
	bool wrap;
};

/* What is one word of a descriptor in memory is two here: what the driver writes, and what it
 * reads. */
struct desc {
	word<uint16_t> flags;
	word<uint64_t> used;
};

enum { VDUSE_VQ_PHASE_UNPLACED, VDUSE_VQ_PHASE_SERVED };

struct vduse_vq {
	struct {
		struct {
			struct {
				word<uint16_t> flags, idx, used_event;
			} * avail;
			struct {
				word<uint16_t> flags, idx, avail_event;
			} * used;
		} split;
		struct {
			struct desc *desc;
			struct {
				word<uint32_t> both;
			} * driver;
			struct {
				word<uint16_t> off_wrap, flags;
			} * device;
		} packed;
		uint16_t size;
		bool event_idx, is_packed;
	} ring;
	struct {
		struct vduse_pos avail;
		uint16_t avail_cached, used_idx, used_pending;
		bool used_wrap;
	} pos;
	struct {
		word<bool> running, call_pending;
		bool backoff;
	} poll;
	struct {
		uint64_t *puts;
		uint16_t *slots;
		uint32_t mask;
	} journal;
	struct {
		uint16_t signalled;
		bool signalled_valid;
	} notify;
	const char *fault;
	struct {
		struct counter *kickfd;
		word<uint64_t> signals, kicks_taken;
		word<bool> armed;
		bool kicks, rests;
		int phase;
	} ctl;
};

static int
vduse_chain_bad(struct vduse_vq *vq, const char *what)
{
	(void)vq;
	RL_ASSERT(what == NULL);
	return -EBADMSG;
}

static void
vduse_vq_set_used(struct vduse_vq *vq, uint16_t idx)
{
	vq->pos.used_idx = idx;
}

static word<uint64_t> *
vduse_packed_word(struct vduse_vq *vq, uint16_t slot)
{
	return &vq->ring.packed.desc[slot].used;
}

static word<uint16_t> *
vduse_split_used_event(struct vduse_vq *vq)
{
	return &vq->ring.split.avail->used_event;
}

static word<uint16_t> *
vduse_split_avail_event(struct vduse_vq *vq)
{
	return &vq->ring.split.used->avail_event;
}

/* The ring is where it was. */
static int
ring_translate(struct vduse_vq *vq)
{
	(void)vq;
	return 0;
}

#define ring_continue         ring_translate
#define vduse_vq_is_ready(vq) true

static void
vduse_vq_phase_set(struct vduse_vq *vq, int phase)
{
	vq->ctl.phase = phase;
}

static void
vduse_notify(struct vduse_vq *vq)
{
	(void)vq;
}

/* A burst and its end are of unmap.cpp: here the ring stays. */
static bool
vduse_vq_burst_look(struct vduse_vq *vq)
{
	return vq->poll.running.load(rl::mo_relaxed, $);
}

static void
vduse_vq_burst_end(struct vduse_vq *vq)
{
	(void)vq;
}

static void
interrupt()
{
}

static bool vduse_wake_is_armed(const struct vduse_vq *vq);
static void vduse_ring_set_kicks(struct vduse_vq *vq, bool wanted);
void vduse_wake_signal(struct vduse_vq *vq);

#include "rings.code.h"

/* A ring of a kind, as a driver has set it up. */
template <bool packed, bool event> struct ring {
	typename std::remove_pointer<decltype(vduse_vq::ring.split.avail)>::type avail;
	typename std::remove_pointer<decltype(vduse_vq::ring.split.used)>::type used;
	typename std::remove_pointer<decltype(vduse_vq::ring.packed.driver)>::type driver;
	typename std::remove_pointer<decltype(vduse_vq::ring.packed.device)>::type device;
	struct desc desc[SIZE];
	uint64_t puts[SIZE];
	uint16_t slots[SIZE];
	struct counter kick;
	struct vduse_vq vq;

	/* Nobody wants to be told of anything. */
	void
	setup()
	{
		memset(&vq.pos, 0, sizeof(vq.pos));
		memset(&vq.notify, 0, sizeof(vq.notify));
		avail.flags = VRING_AVAIL_F_NO_INTERRUPT;
		avail.idx = avail.used_event = used.idx = used.avail_event = 0;
		avail.used_event = used.avail_event = 100;
		used.flags = VRING_USED_F_NO_NOTIFY;
		driver.both = VRING_PACKED_EVENT_FLAG_DISABLE << 16;
		device.off_wrap = 100;
		device.flags = VRING_PACKED_EVENT_FLAG_DISABLE;
		for (int i = 0; i < SIZE; i++) {
			desc[i].flags = 0;
			desc[i].used = 0;
		}
		kick.value = 0;
		vq.ring.split.avail = &avail;
		vq.ring.split.used = &used;
		vq.ring.packed.desc = desc;
		vq.ring.packed.driver = &driver;
		vq.ring.packed.device = &device;
		vq.ring.size = SIZE;
		vq.ring.event_idx = event;
		vq.ring.is_packed = packed;
		vq.pos.avail.wrap = vq.pos.used_wrap = true;
		vq.poll.running = true;
		vq.poll.call_pending = false;
		vq.journal.puts = puts;
		vq.journal.slots = slots;
		vq.journal.mask = SIZE - 1;
		vq.notify.signalled_valid = true;
		vq.fault = NULL;
		vq.ctl.kickfd = &kick;
		vq.ctl.signals = vq.ctl.kicks_taken = 0;
		vq.ctl.armed = false;
		vq.ctl.kicks = vq.ctl.rests = false;
		vq.ctl.phase = VDUSE_VQ_PHASE_SERVED;
	}

	/* A driver: buffer number i can be taken (2.7.13.3, 2.8.21.1). */
	void
	offer(uint16_t i)
	{
		if (packed)
			desc[i].flags.store(VDUSE_PACKED_AVAIL, rl::mo_release, $);
		else
			avail.idx.store(i + 1, rl::mo_release, $);
	}

	/* A driver: it was given back (2.7.14, 2.8.22). */
	bool
	is_used(uint16_t i)
	{
		if (packed)
			return desc[i].used.load(rl::mo_acquire, $) >> 48 != 0;
		return used.idx.load(rl::mo_acquire, $) > i;
	}

	/* A driver that sleeps: a call at the next used buffer (2.7.7.1, 2.7.10.1, 2.8.10). */
	void
	want_call()
	{
		if (packed)
			driver.both.store(event ? VRING_PACKED_EVENT_FLAG_DESC << 16 |
									  VDUSE_PACKED_WRAP
						: VRING_PACKED_EVENT_FLAG_ENABLE << 16,
					rl::mo_relaxed, $);
		else if (event)
			avail.used_event.store(0, rl::mo_relaxed, $);
		else
			avail.flags.store(0, rl::mo_relaxed, $);
	}

	/* A driver: what the device asks for, at its first buffer (2.7.13.4.1, 2.8.21.3.1). */
	bool
	kick_wanted()
	{
		if (packed) {
			const uint16_t flags = device.flags.load(rl::mo_acquire, $);

			return flags == VRING_PACKED_EVENT_FLAG_ENABLE ||
			       (flags == VRING_PACKED_EVENT_FLAG_DESC &&
					       device.off_wrap.load(rl::mo_relaxed, $) ==
							       VDUSE_PACKED_WRAP);
		}
		if (event)
			return vring_need_event(used.avail_event.load(rl::mo_relaxed, $), 1, 0);
		return used.flags.load(rl::mo_relaxed, $) != VRING_USED_F_NO_NOTIFY;
	}

	/* Ours: put and publish buffers 0 to n - 1, in the order they came. */
	void
	give_back(uint16_t n)
	{
		const uint16_t ids[SIZE] = { 0, 1, 2, 3 };
		const uint32_t lens[SIZE] = { 1, 1, 1, 1 };

		if (packed) {
			vduse_packed_put(&vq, ids, lens, n, 1);
			vduse_packed_publish(&vq);
			vq.pos.used_pending = 0;
		} else {
			vq.pos.used_idx += n;
			vduse_split_publish(&vq);
		}
	}
};

/* Frames from the driver, and the buffers back: each is read as it was written. */
template <bool packed, bool ahead> struct data : rl::test_suite<data<packed, ahead>, 2> {
	static const uint16_t N = 2;
	ring<packed, false> r;
	cell<int> frame[N], status[N];

	void
	before()
	{
		r.setup();
	}

	void
	device()
	{
		struct vduse_pos pos = { 0, true };

		while (pos.idx < N) {
			if (vduse_ring_ready(&r.vq, &pos, packed) != 1) {
				rl::yield(1, $);
				continue;
			}
			RL_ASSERT(frame[pos.idx] == 10 + pos.idx);
			status[pos.idx] = 20 + pos.idx;
			pos.idx++;
		}
		r.give_back(N);
	}

	void
	driver()
	{
		/* one that looks ahead finds the later ones first */
		const uint16_t first = ahead ? N - 1 : 0;

		for (uint16_t i = 0; i < N; i++) {
			frame[i] = 10 + i;
			r.offer(i);
		}
		while (!r.is_used(first))
			rl::yield(1, $);
		RL_ASSERT(status[first] == 20 + first);
		if (ahead)
			while (!r.is_used(0))
				rl::yield(1, $);
		/* what was published at once is seen at once */
		for (uint16_t i = 0; i < N; i++) {
			RL_ASSERT(r.is_used(i));
			RL_ASSERT(status[i] == 20 + i);
		}
	}

	void
	thread(unsigned int index)
	{
		index == 0 ? device() : driver();
	}
};

/* A driver that goes to sleep finds what was given back, or is called. */
template <bool packed, bool event> struct calls : rl::test_suite<calls<packed, event>, 2> {
	ring<packed, event> r;
	bool called, found;

	void
	before()
	{
		r.setup();
		called = found = false;
	}

	void
	thread(unsigned int index)
	{
		if (index == 0) {
			r.give_back(1);
			called = packed ? vduse_packed_need_call(&r.vq)
					: vduse_split_need_call(&r.vq);
		} else {
			r.want_call();
			rl::atomic_thread_fence(rl::mo_seq_cst, $);
			found = r.is_used(0);
		}
	}

	void
	after()
	{
		RL_ASSERT(called || found);
	}
};

/* An lcore that goes to sleep finds what the driver offers, or is kicked. */
template <bool packed, bool event> struct kicks : rl::test_suite<kicks<packed, event>, 2> {
	ring<packed, event> r;

	void
	before()
	{
		r.setup();
	}

	void
	thread(unsigned int index)
	{
		if (index == 0) {
			vduse_wake_arm(&r.vq);
			return;
		}
		r.offer(0);
		rl::atomic_thread_fence(rl::mo_seq_cst, $);
		if (r.kick_wanted())
			r.kick.write(1);
	}

	void
	after()
	{
		RL_ASSERT(r.kick.value.load(rl::mo_relaxed, $) > 0);
	}
};

/* The same of a queue that rests meanwhile: the driver has offered before, and kicks nobody. */
template <bool packed> struct rests : rl::test_suite<rests<packed>, 2> {
	ring<packed, true> r;

	void
	before()
	{
		r.setup();
		r.vq.poll.running = false;
		r.offer(0);
	}

	void
	thread(unsigned int index)
	{
		if (index == 0)
			vduse_wake_arm(&r.vq);
		else
			vduse_vq_resume(&r.vq);
	}

	void
	after()
	{
		RL_ASSERT(r.kick.value.load(rl::mo_relaxed, $) > 0);
	}
};

static const struct spare spares[] = {
	{ "vduse_packed_set_kicks", 1, "the fence of who asks for kicks comes behind it" },
	{ "vduse_wake_is_armed", 1, "a fence is before it, of who resumes a queue" },
	{ "vduse_wake_arm", 1, "a fence follows" },
	{ "vduse_vq_resume", 1, "of unmap.cpp" },
};

void
models()
{
	explore<data<false, false>>("split");
	explore<data<true, false>>("packed");
	explore<data<true, true>>("packed, looks ahead");
	explore<calls<false, false>>("calls, split");
	explore<calls<false, true>>("calls, split, event index");
	explore<calls<true, false>>("calls, packed");
	explore<calls<true, true>>("calls, packed, event index");
	explore<kicks<false, false>>("kicks, split");
	explore<kicks<false, true>>("kicks, split, event index");
	explore<kicks<true, false>>("kicks, packed");
	explore<kicks<true, true>>("kicks, packed, event index");
	explore<rests<false>>("rests, split");
	explore<rests<true>>("rests, packed");
}

#include "explore.h"
