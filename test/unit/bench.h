/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>

#include "guest.h"
#include "mock_driver.h"
#include "net/net.h"
#include "unit.h"

/* A network device on the fake kernel with a mock driver at its queues. */

#define BENCH_QUEUE_SIZE 256
#define BENCH_VQS_MAX    9

/* Of the bounce region, with umem. */
#define BENCH_BOUNCE_SIZE (1u << 20)

#define BENCH_HDR_LEN 12 /* virtio_net_hdr with num_buffers */

/* Buffers of the tests, one behind the other from here; the rings are before. */
#define BENCH_BUFFERS (GUEST_MAIN + (8ull << 20))

#define BENCH_ACK         1 /* ACKNOWLEDGE | DRIVER make 3 */
#define BENCH_DRIVER      3
#define BENCH_FEATURES_OK 11
#define BENCH_DRIVER_OK   15

/* Ring formats and features that a case runs with. */
struct bench_variant {
	const char *name;
	bool packed;
	bool event_idx;
	bool indirect;
	bool mergeable;
};

/* All sixteen. */
#define BENCH_VARIANTS 16
extern const struct bench_variant bench_variants[BENCH_VARIANTS];

struct bench_conf {
	struct bench_variant variant;
	const char *name;
	uint16_t pairs;      /* 0: 1 */
	uint16_t queue_size; /* the device's; 0: BENCH_QUEUE_SIZE */
	uint16_t ring_size;  /* the driver's; 0: as the device's */
	uint16_t start;      /* position of the rings, as mock_vq_conf */
	bool start_wrap;
	uint64_t features; /* in addition */
	uint32_t zero_copy_min;
	const char *state_dir;
	bool keep;        /* see struct rte_vduse_conf */
	bool call_thread; /* as in struct rte_vduse_net_conf */
	bool umem;        /* see struct rte_vduse_conf */
	uint32_t max_regions;
	uint64_t max_memory;
};

struct bench {
	struct bench_conf conf;
	struct guest guest;
	struct fk_dev *dev;
	struct rte_vduse_net *net;
	struct mock_vq vq[BENCH_VQS_MAX]; /* 2n: the driver receives, 2n + 1: it transmits */
	uint16_t nb_vqs;
	uint64_t settled_misses; /* bench_settle_misses() has waited for */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* an event came */
	bool link_up;
	unsigned int link_events;
	unsigned int queue_events;
	unsigned int successors; /* told that another process has the device */
};

/* Create the device, with memory mapped; nothing is negotiated. */
void bench_create(struct bench *b, const struct bench_conf *conf);

/* The same around a device that somebody else created and destroys (bench_give_back()). */
void bench_take(struct bench *b, const struct bench_conf *conf, struct rte_vduse_net *net);
void bench_give_back(struct bench *b);

/* The device was recreated under its name: meet it there. */
void bench_find(struct bench *b);

/* Features of the variant, as the driver negotiates them. */
uint64_t bench_features(const struct bench_conf *conf);

/* ACKNOWLEDGE to FEATURES_OK. */
void bench_negotiate(struct bench *b);

/* Lay out the rings; ready: tell the kernel that they are. */
void bench_rings(struct bench *b, bool ready);

/* A driver comes: it negotiates, sets up its rings, and is ready. */
void bench_drive(struct bench *b);

/* All of the above and DRIVER_OK. */
void bench_up(struct bench *b, const struct bench_conf *conf);

/* Reset and destroy. The kernel must be clean then, but for other devices. */
void bench_down(struct bench *b);

/* Destroy, in whatever state it is. */
void bench_destroy(struct bench *b);

/* Wait for the condition, looked at after every event; fails the test after UNIT_LIMIT_S. */
void bench_wait(struct bench *b, bool (*reached)(struct bench *b, unsigned int arg),
		unsigned int arg);
bool bench_is_link_down(struct bench *b, unsigned int unused);
bool bench_is_served(struct bench *b, unsigned int index);

/* The library's virtqueue; peeked at only. */
const struct vduse_vq *bench_lib_vq(const struct bench *b, uint16_t index);

/*
 * Wait until no call of the virtqueue is the thread's (ring/notify.h) any more: what it had taken
 * is made or given up. For queues whose calls are held back, or the thread's anyway.
 */
void bench_settle_calls(struct bench *b, uint16_t index);

struct mock_vq *bench_rx(struct bench *b);
struct mock_vq *bench_tx(struct bench *b);

/* Put a frame of the pattern behind an empty header at iova. */
void bench_frame_write(struct bench *b, uint64_t iova, uint32_t seed, uint32_t len);

/* The driver sends a frame in one piece from iova. */
void bench_send(struct bench *b, uint64_t iova, uint32_t seed, uint32_t len);

/* The driver offers a buffer to receive into. */
void bench_offer(struct bench *b, uint64_t iova, uint32_t len);

/* An mbuf chain of the pattern; each segment up to seg_len bytes. */
struct rte_mbuf *bench_mbuf(uint32_t seed, uint32_t len, uint32_t seg_len);

/* Frame and pattern agree. */
void bench_mbuf_check(const struct rte_mbuf *m, uint32_t seed, uint32_t len);

/*
 * All that the control thread was woken for is done: it takes descriptors in
 * the order in which they became readable. A message of the kernel would not
 * do, for those that come while one is answered are answered at once.
 */
void bench_settle(void);

/* The control thread has resolved what bursts have missed, and those queues run again. */
void bench_settle_misses(struct bench *b);

/* Dequeue once. */
uint16_t bench_dequeue_burst(struct bench *b, struct rte_mbuf **pkts, uint16_t n);

/* The same and enqueue once, one frame; the enqueued mbuf is freed. */
struct rte_mbuf *bench_dequeue(struct bench *b);
uint16_t bench_enqueue(struct bench *b, struct rte_mbuf *m);

struct rte_vduse_net_queue_stats bench_stats(const struct bench *b, bool dequeue);
struct rte_vduse_net_info bench_info(const struct bench *b);

/* One frame each way works. */
void bench_assert_traffic(struct bench *b);

#endif /* BENCH_H */
