/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RIG_H
#define RIG_H

#include <pthread.h>

#include "guest.h"
#include "mock_driver.h"
#include "net/net.h"
#include "unit.h"

/* A network device on the fake kernel with a mock driver at its queues. */

#define RIG_QUEUE_SIZE 256
#define RIG_VQS_MAX    9

/* Of the bounce region, with umem. */
#define RIG_BOUNCE_SIZE (1u << 20)

#define RIG_HDR_LEN 12 /* virtio_net_hdr with num_buffers */

/* Buffers of the tests, one behind the other from here; the rings are before. */
#define RIG_BUFFERS (GUEST_MAIN + (8ull << 20))

#define RIG_ACK         1 /* ACKNOWLEDGE | DRIVER make 3 */
#define RIG_DRIVER      3
#define RIG_FEATURES_OK 11
#define RIG_DRIVER_OK   15

/* Ring formats and features that a case runs with. */
struct rig_variant {
	const char *name;
	bool packed;
	bool event_idx;
	bool indirect;
	bool mergeable;
};

/* All sixteen. */
#define RIG_VARIANTS 16
extern const struct rig_variant rig_variants[RIG_VARIANTS];

struct rig_conf {
	struct rig_variant variant;
	const char *name;
	uint16_t pairs;      /* 0: 1 */
	uint16_t queue_size; /* the device's; 0: RIG_QUEUE_SIZE */
	uint16_t ring_size;  /* the driver's; 0: as the device's */
	uint16_t start;      /* position of the rings, as mock_vq_conf */
	bool start_wrap;
	uint64_t features; /* in addition */
	uint32_t zero_copy_min;
	const char *state_dir;
	bool keep; /* see struct rte_vduse_conf */
	bool no_successor;
	bool call_thread; /* as in struct rte_vduse_net_conf */
	bool umem;        /* see struct rte_vduse_conf */
	uint32_t max_regions;
	uint64_t max_memory;
	const char *irq_affinity; /* see struct rte_vduse_tuning */
};

struct rig {
	struct rig_conf conf;
	struct guest guest;
	struct fk_dev *dev;
	struct rte_vduse_net *net;
	struct mock_vq vq[RIG_VQS_MAX]; /* 2n: the driver receives, 2n + 1: it transmits */
	uint16_t nb_vqs;
	uint64_t settled_misses; /* rig_settle_misses() has waited for */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* an event came */
	bool link_up;
	unsigned int link_events;
	unsigned int queue_events;
	unsigned int successors; /* told that another process has the device */
};

/* Create the device, with memory mapped; nothing is negotiated. */
void rig_create(struct rig *b, const struct rig_conf *conf);

/* The same around a device that somebody else created and destroys (rig_give_back()). */
void rig_take(struct rig *b, const struct rig_conf *conf, struct rte_vduse_net *net);
void rig_give_back(struct rig *b);

/* The device was recreated under its name: meet it there. */
void rig_find(struct rig *b);

/* Features of the variant, as the driver negotiates them. */
uint64_t rig_features(const struct rig_conf *conf);

/* ACKNOWLEDGE to FEATURES_OK. */
void rig_negotiate(struct rig *b);

/* Lay out the rings; ready: tell the kernel that they are. */
void rig_rings(struct rig *b, bool ready);

/* A driver comes: it negotiates, sets up its rings, and is ready. */
void rig_drive(struct rig *b);

/* All of the above and DRIVER_OK. */
void rig_up(struct rig *b, const struct rig_conf *conf);

/* Reset and destroy. The kernel must be clean then, but for other devices. */
void rig_down(struct rig *b);

/*
 * One after the other, up and down, with drivers of these kinds: n numbers of rig_variants. After
 * each nothing waits to be unmapped.
 */
void rig_each(const struct rig_conf *conf, const unsigned int *kinds, unsigned int n,
		void (*one)(struct rig *b));

/* Whether the mbuf is of zero-copy. */
static inline bool
rig_is_attached(const struct rte_mbuf *m)
{
	return m->next != NULL && RTE_MBUF_HAS_EXTBUF(m->next);
}

/* Destroy, in whatever state it is. */
void rig_destroy(struct rig *b);

/* Wait for the condition, looked at after every event; fails the test after UNIT_LIMIT_S. */
void rig_wait(struct rig *b, bool (*reached)(struct rig *b, unsigned int arg), unsigned int arg);
bool rig_is_link_down(struct rig *b, unsigned int unused);
bool rig_is_served(struct rig *b, unsigned int index);

/* The library's virtqueue; peeked at only. */
const struct vduse_vq *rig_lib_vq(const struct rig *b, uint16_t index);

/*
 * Wait until no call of the virtqueue is the thread's (ring/notify.h) any more: what it had taken
 * is made or given up. For queues whose calls are held back, or the thread's anyway.
 */
void rig_settle_calls(struct rig *b, uint16_t index);

struct mock_vq *rig_rx(struct rig *b);
struct mock_vq *rig_tx(struct rig *b);

/* Put a frame of the pattern behind an empty header at iova. */
void rig_frame_write(struct rig *b, uint64_t iova, uint32_t seed, uint32_t len);

/* The driver sends a frame in one piece from iova. */
void rig_send(struct rig *b, uint64_t iova, uint32_t seed, uint32_t len);

/* The driver offers a buffer to receive into. */
void rig_offer(struct rig *b, uint64_t iova, uint32_t len);

/* An mbuf chain of the pattern; each segment up to seg_len bytes. */
struct rte_mbuf *rig_mbuf(uint32_t seed, uint32_t len, uint32_t seg_len);

/* Frame and pattern agree. */
void rig_mbuf_check(const struct rte_mbuf *m, uint32_t seed, uint32_t len);

/*
 * All that the control thread was woken for is done: it takes descriptors in
 * the order in which they became readable. A message of the kernel would not
 * do, for those that come while one is answered are answered at once.
 */
void rig_settle(void);

/* The control thread has resolved what bursts have missed, and those queues run again. */
void rig_settle_misses(struct rig *b);

/* Dequeue once. */
uint16_t rig_dequeue_burst(struct rig *b, struct rte_mbuf **pkts, uint16_t n);

/* The same and enqueue once, one frame; the enqueued mbuf is freed. */
struct rte_mbuf *rig_dequeue(struct rig *b);
uint16_t rig_enqueue(struct rig *b, struct rte_mbuf *m);

struct rte_vduse_net_queue_stats rig_stats(const struct rig *b, bool dequeue);
struct rte_vduse_net_info rig_info(const struct rig *b);

/* One frame each way works. */
void rig_assert_traffic(struct rig *b);

#endif /* RIG_H */
