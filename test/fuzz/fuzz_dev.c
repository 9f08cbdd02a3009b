/* SPDX-License-Identifier: BSD-3-Clause */

/* The device under test, and what every driver does to it. */

#include <limits.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_config.h>

#include <sched.h>

#include "fuzz.h"

#define BIT(name) (1ULL << (name))

/* Where the parts of a queue's ring are, from the queue's place on; the largest fits. */
#define RING_STRIDE 0x3000ull
#define RING_DRIVER 0x1000ull
#define RING_DEVICE 0x1400ull

/* Descriptors of a chain made in one step, and mbufs of a frame. */
#define CHAIN_MAX  16
#define FRAME_SEGS 40

static uint64_t
ring_iova(uint16_t q)
{
	return FUZZ_RINGS + q * RING_STRIDE;
}

struct rte_vduse_net_conf
fuzz_dev_conf(uint16_t pairs)
{
	return (struct rte_vduse_net_conf){
		.dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "fuzz",
		.queue_pairs = pairs,
		.dev.queue_size = FUZZ_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 2 } },
		.mtu = 1500,
		.profile = RTE_VDUSE_NET_PROFILE_BULK,
	};
}

void
fuzz_dev_create_as(struct fuzz_dev *fd, const struct rte_vduse_net_conf *conf)
{
	memset(fd, 0, sizeof(*fd));
	FUZZ_CHECK(rte_vduse_net_create(conf, &fd->net) == 0);
	FUZZ_CHECK(rte_vduse_net_set_link(fd->net, true) == 0);
	fd->dev = fk_find(conf->dev.name);
	FUZZ_CHECK(fd->dev != NULL);
	fd->pairs = conf->queue_pairs;
	fd->nb_vqs = fk_nb_vqs(fd->dev);
	fd->zero_copy = conf->zero_copy_min > 0;
}

void
fuzz_dev_create(struct fuzz_dev *fd, uint16_t pairs)
{
	const struct rte_vduse_net_conf conf = fuzz_dev_conf(pairs);

	fuzz_dev_create_as(fd, &conf);
}

static uint64_t
dev_features(const struct fuzz_rec *rec)
{
	static const uint64_t offloads = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
					 BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |
					 BIT(VIRTIO_NET_F_HOST_USO) | BIT(VIRTIO_NET_F_HOST_ECN) |
					 BIT(VIRTIO_NET_F_GUEST_TSO4);

	return BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       (rec->a & FUZZ_PACKED ? BIT(VIRTIO_F_RING_PACKED) : 0) |
	       (rec->a & FUZZ_INDIRECT ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
	       (rec->a & FUZZ_EVENT_IDX ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
	       (rec->a & FUZZ_MERGEABLE ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
	       (rec->a & FUZZ_OFFLOADS ? offloads : 0) |
	       (rec->a & FUZZ_IN_ORDER ? BIT(VIRTIO_F_IN_ORDER) : 0);
}

void
fuzz_ring_ready(struct fuzz_dev *fd, uint16_t q, bool ready, uint16_t start)
{
	struct vduse_abi_vq info = { .index = q,
		.num = fd->size,
		.ready = ready,
		.desc_addr = ring_iova(q),
		.driver_addr = ring_iova(q) + RING_DRIVER,
		.device_addr = ring_iova(q) + RING_DEVICE };

	fd->wrap[q] = true;
	fd->avail[q] = start;
	fd->slot[q] = fd->packed ? start % fd->size : 0;
	if (fd->packed) {
		info.packed.last_avail_idx = info.packed.last_used_idx = fd->slot[q];
		info.packed.last_avail_counter = info.packed.last_used_counter = 1;
	} else {
		info.split.avail_index = start;
	}
	fk_set_vq(fd->dev, &info);
}

void
fuzz_dev_up(struct fuzz_dev *fd, const struct fuzz_rec *rec, uint64_t features)
{
	struct rte_vduse_net_info info;
	uint16_t q;

	fd->features = dev_features(rec) | features;
	fd->packed = rec->a & FUZZ_PACKED;
	fd->thread = rec->a & FUZZ_THREAD;
	fd->size = 1 + rec->b % FUZZ_QUEUE_SIZE;
	if (!fd->packed)
		fd->size = 1u << (rec->b % 9);
	fuzz_mem_reset(fd->dev);
	FUZZ_CHECK(fk_set_status(fd->dev, RIG_DRIVER) == 0);
	fk_set_features(fd->dev, fd->features);
	FUZZ_CHECK(fk_set_status(fd->dev, RIG_FEATURES_OK) == 0);
	for (q = 0; q < fd->nb_vqs; q++) {
		fuzz_ring_ready(fd, q, true, rec->c);
		if (!fd->packed)
			fuzz_write(ring_iova(q) + RING_DRIVER + 2, &fd->avail[q], 2);
	}
	FUZZ_CHECK(fk_set_status(fd->dev, RIG_DRIVER_OK) == 0);
	rte_vduse_net_info(fd->net, &info);
	FUZZ_CHECK(info.dev.started && !info.dev.broken);
}

void
fuzz_dev_down(struct fuzz_dev *fd)
{
	struct rte_vduse_net_info info;

	fuzz_race_clear();
	FUZZ_CHECK(fk_reset(fd->dev) == 0);
	rte_vduse_net_info(fd->net, &info);
	FUZZ_CHECK(!info.dev.started && !info.dev.broken);
	fuzz_held_free(UINT_MAX);
	fuzz_check_rest();
}

/*
 * Requests that came between are answered. A queue's fault is for the control thread to see, and
 * then the device is stopped.
 */
void
fuzz_dev_settle(struct fuzz_dev *fd)
{
	const time_t until = time(NULL) + 30;
	struct rte_vduse_net_info info;
	bool fault = false;
	uint16_t q;

	fuzz_ask_collect(fd);
	for (q = 0; q < fd->nb_vqs; q++) {
		const struct vduse_vq *vq = vduse_dev_vq(fd->net->dev, q);

		/* what was missed is resolved by the control thread */
		while (__atomic_load_n(&vq->map.missed, __ATOMIC_ACQUIRE)) {
			FUZZ_CHECK(time(NULL) < until);
			sched_yield();
		}
		fault |= __atomic_load_n(&vq->fault, __ATOMIC_ACQUIRE) != NULL;
	}
	if (!fault)
		return;
	for (;;) {
		rte_vduse_net_info(fd->net, &info);
		if (info.dev.broken && !info.dev.started)
			return;
		FUZZ_CHECK(time(NULL) < until);
		sched_yield();
	}
}

/* Write a descriptor to its slot; packed: available, and the next lap's turn begins behind. */
void
fuzz_driver_desc(struct fuzz_dev *fd, uint16_t q, uint16_t flags, uint32_t len, uint64_t addr)
{
	const uint16_t slot = fd->slot[q];
	struct vring_packed_desc packed = { .addr = addr,
		.len = len,
		.id = slot,
		.flags = flags | (1u << (fd->wrap[q] ? VRING_PACKED_DESC_F_AVAIL
						     : VRING_PACKED_DESC_F_USED)) };
	const struct vring_desc split = {
		.addr = addr, .len = len, .flags = flags, .next = (slot + 1) % fd->size
	};

	fuzz_write(ring_iova(q) + 16 * slot,
			fd->packed ? (const void *)&packed : (const void *)&split, 16);
	fd->slot[q] = (slot + 1) % fd->size;
	if (fd->slot[q] == 0)
		fd->wrap[q] = !fd->wrap[q];
}

/* Split: one more entry in the available ring. */
void
fuzz_driver_avail(struct fuzz_dev *fd, uint16_t q, uint16_t head)
{
	const uint64_t driver = ring_iova(q) + RING_DRIVER;

	if (fd->packed)
		return;
	fuzz_write(driver + 4 + 2 * (fd->avail[q] % fd->size), &head, 2);
	fd->avail[q]++;
	fuzz_write(driver + 2, &fd->avail[q], 2);
}

/* A chain as drivers make them: c: bytes of each piece and their number, d: where. */
void
fuzz_driver_chain(struct fuzz_dev *fd, const struct fuzz_rec *rec)
{
	const uint16_t q = rec->b % fd->nb_vqs;
	const uint16_t head = fd->slot[q], n = 1 + (rec->c >> 24) % CHAIN_MAX;
	const uint16_t write = rec->b & 0x100 ? VRING_DESC_F_WRITE : 0;
	uint64_t addr = fuzz_iova(rec->d);
	const uint32_t len = rec->c & 0xffffff;
	uint16_t i;

	for (i = 0; i < n; i++, addr += len)
		fuzz_driver_desc(fd, q, write | (i + 1 < n ? VRING_DESC_F_NEXT : 0), len, addr);
	fuzz_driver_avail(fd, q, head);
}

/* The same in an indirect table at b, and flags that it ought not to have. */
static void
driver_table(struct fuzz_dev *fd, uint16_t q, const struct fuzz_rec *rec)
{
	const uint16_t head = fd->slot[q], n = 1 + (rec->c >> 24) % CHAIN_MAX;
	const uint16_t write = rec->b & 0x100 ? VRING_DESC_F_WRITE : 0;
	const uint32_t len = rec->c & 0xffffff;
	uint64_t addr = fuzz_iova(rec->d), table = FUZZ_PATCH + (rec->b >> 9) * 100;
	uint16_t i;

	for (i = 0; i < n; i++, addr += len) {
		struct vring_packed_desc packed = { addr, len, 0, write };
		struct vring_desc split = { addr, len, write | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
			i + 1 };

		fuzz_write(table + 16 * i,
				fd->packed ? (const void *)&packed : (const void *)&split, 16);
	}
	fuzz_driver_desc(fd, q, VRING_DESC_F_INDIRECT | (rec->b & 0xf8), 16 * n, table);
	fuzz_driver_avail(fd, q, head);
}

void
fuzz_regions(struct fuzz_dev *fd, const struct fk_region *without)
{
	unsigned int i;

	fk_unmap_all(fd->dev);
	for (i = 0; i < fuzz_mem.nb_regions; i++)
		if (&fuzz_mem.regions[i] != without)
			fk_map(fd->dev, &fuzz_mem.regions[i]);
}

/* Regions come and go; a: which, and what is done. */
static void
driver_regions(struct fuzz_dev *fd, const struct fuzz_rec *rec)
{
	const struct fk_region *r = &fuzz_mem.regions[rec->b % fuzz_mem.nb_regions];

	fuzz_regions(fd, rec->a & 1 ? r : NULL);
	if (!(rec->a & 2))
		FUZZ_CHECK(fk_update_iotlb(fd->dev, 0, UINT64_MAX) == 0);
	else if (!(rec->a & 4))
		FUZZ_CHECK(fk_update_iotlb(fd->dev, r->iova, r->iova + (r->size - 1)) == 0);
}

static void
driver_race(struct fuzz_dev *fd, const struct fuzz_rec *rec)
{
	const struct fuzz_race race = {
		.iova = rec->a & 0x80 ? UINT64_MAX : fuzz_iova((uint64_t)rec->b << 48 | rec->c),
		.value = rec->d,
		.len = 1 + (rec->a & 7),
		.at = 1 + rec->b % 64,
	};

	fuzz_race_add(&race, fd->thread);
}

/*
 * The position is asked for. With zero-copy, and of a queue that was resumed, it may be unknown:
 * the device says so. Anything but an answer is a fault.
 */
static void
driver_asks(struct fuzz_dev *fd, uint16_t q)
{
	struct vduse_abi_vq_state state;
	const int ret = fk_get_vq_state(fd->dev, q, &state);

	FUZZ_CHECK(ret == 0 || (ret == -EIO && (fd->zero_copy || fd->resumed)));
}

/* The device may be reset already: once more does nothing. */
void
fuzz_renegotiate(struct fuzz_dev *fd, uint16_t start)
{
	uint16_t q;

	FUZZ_CHECK(fk_reset(fd->dev) == 0);
	FUZZ_CHECK(fk_set_status(fd->dev, RIG_DRIVER) == 0);
	fk_set_features(fd->dev, fd->features);
	/* refused where a changed file says that less was offered, and then it is no driver's */
	if (fk_set_status(fd->dev, RIG_FEATURES_OK) != 0) {
		FUZZ_CHECK(fd->resumed && (fd->features & ~fd->net->dev->offered));
		return;
	}
	for (q = 0; q < fd->nb_vqs; q++)
		fuzz_ring_ready(fd, q, true, start);
	/* fails where the rings are not what they should be */
	fk_set_status(fd->dev, RIG_DRIVER_OK);
}

int
fuzz_driver(struct fuzz_dev *fd, const struct fuzz_rec *rec, unsigned int own)
{
	const unsigned int step = rec->op % (own + 9);
	const uint16_t q = rec->b % fd->nb_vqs;
	const uint64_t iova = fuzz_iova(rec->d);

	if (step < own)
		return step;
	switch (step - own) {
	case 0:
		fuzz_driver_chain(fd, rec);
		break;
	case 1:
		driver_table(fd, q, rec);
		break;
	case 2: /* a descriptor as it comes */
		fuzz_driver_desc(fd, q, rec->a, rec->c, iova);
		break;
	case 3:
		fuzz_driver_avail(fd, q, rec->c);
		break;
	case 4: /* the index, the events: whatever is in the ring's places */
		fuzz_write(ring_iova(q) +
						(rec->a & 1                  ? RING_DRIVER
								: rec->a & 2 ? RING_DEVICE
									     : 0) +
						(rec->c & 0xfff),
				&rec->d, 1 + (rec->a >> 5));
		break;
	case 5: /* bytes anywhere */
		fuzz_write(fuzz_iova((uint64_t)rec->b << 48 | rec->c), &rec->d, 1 + rec->a % 8);
		break;
	case 6:
		driver_regions(fd, rec);
		break;
	case 7:
		driver_race(fd, rec);
		break;
	default:
		if (rec->a & 1)
			fuzz_renegotiate(fd, rec->c);
		else if (rec->a & 2)
			fuzz_ask_add(fd, rec);
		else
			driver_asks(fd, q);
		break;
	}
	return -1;
}

struct rte_mbuf *
fuzz_frame(uint32_t len, uint32_t seg)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(fuzz_pool), *tail = head;
	uint32_t n;

	if (head == NULL)
		return NULL;
	seg = RTE_MAX(14 + seg % (FUZZ_DATA_ROOM - 14), len / FRAME_SEGS);
	for (;;) {
		n = RTE_MIN(len, seg);
		memset(rte_pktmbuf_mtod(tail, void *), 0x5a, n);
		tail->data_len = n;
		head->pkt_len += n;
		len -= n;
		if (len == 0)
			return head;
		tail->next = rte_pktmbuf_alloc(fuzz_pool);
		if (tail->next == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		tail = tail->next;
		head->nb_segs++;
	}
}

void
fuzz_dequeue_hold(struct fuzz_dev *fd, uint16_t pair, uint16_t n, uint32_t held)
{
	struct rte_mbuf *pkts[32] = { NULL };
	const char *reason;
	uint16_t got, i;

	fuzz_race_begin(fd);
	n = 1 + n % RTE_DIM(pkts);
	got = rte_vduse_net_dequeue(fd->net, pair, fuzz_pool, pkts, n);
	fuzz_race_end();
	FUZZ_CHECK(got <= n);
	for (i = 0; i < got; i++) {
		FUZZ_CHECK(rte_mbuf_check(pkts[i], 1, &reason) == 0);
		FUZZ_CHECK(pkts[i]->pkt_len >= RTE_ETHER_HDR_LEN &&
				pkts[i]->pkt_len <= RTE_VDUSE_NET_FRAME_MAX);
		fuzz_hold(pkts[i]);
		if (!(held >> i & 1))
			fuzz_held_free(0);
	}
	fuzz_dev_settle(fd);
}

void
fuzz_dequeue(struct fuzz_dev *fd, uint16_t pair, uint16_t n)
{
	fuzz_clock_pass();
	fuzz_dequeue_hold(fd, pair, n, 0);
}

void
fuzz_enqueue(struct fuzz_dev *fd, uint16_t pair, uint16_t n, uint32_t len)
{
	struct rte_mbuf *pkts[8];
	uint16_t got, i;

	n = 1 + n % RTE_DIM(pkts);
	for (i = 0; i < n; i++) {
		pkts[i] = fuzz_frame(len % 9001, len >> 16);
		if (pkts[i] == NULL)
			n = i; /* frames that are held have the rest of the pool */
	}
	fuzz_race_begin(fd);
	got = rte_vduse_net_enqueue(fd->net, pair, pkts, n);
	fuzz_race_end();
	FUZZ_CHECK(got <= n);
	rte_pktmbuf_free_bulk(pkts, n);
	fuzz_dev_settle(fd);
}
