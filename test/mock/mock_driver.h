/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MOCK_DRIVER_H
#define MOCK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

/*
 * The driver's side of a virtqueue, split or packed (virtio 1.2, 2.7 and 2.8),
 * in plain memory. It gives IOVAs to the device; where they are in this
 * process the owner says. One thread at a time.
 */

/* The memory that driver and device share. */
struct mock_mem {
	/* Copy to or from an IOVA; the range may cross anything. */
	void (*write)(void *arg, uint64_t iova, const void *data, size_t len);
	/* Where the IOVA is. A ring may lie on pages that are no neighbours: no descriptor and no
	 * word of it lies on two. */
	void *(*at)(void *arg, uint64_t iova);
	void *arg;
};

/* One descriptor. */
struct mock_desc {
	uint64_t iova;
	uint32_t len;
	bool write; /* by the device */
};

/* A buffer that the device gave back. */
struct mock_used {
	void *cookie;
	uint32_t len; /* bytes written, as the device says */
	uint16_t id;
	uint16_t descs; /* descriptors it was made of */
};

struct mock_vq_conf {
	const struct mock_mem *mem;
	uint64_t iova; /* of the ring memory, 4096 aligned, mock_vq_bytes() long */
	/* of the driver's and the device's area where they are elsewhere */
	uint64_t driver_iova, device_iova;
	uint16_t size; /* descriptors; split: a power of two */
	bool packed;
	bool event_idx;
	uint16_t start;  /* first position (split: free running; packed: slot) */
	bool start_wrap; /* packed: both wrap counters */
};

struct mock_vq {
	struct mock_vq_conf conf;
	/* raw access, for tests that are hostile and whose rings are linear */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_packed_desc *pdesc;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	uint64_t desc_iova, driver_iova, device_iova;

	uint16_t avail_idx; /* next to make available */
	bool avail_wrap;
	uint16_t used_idx; /* next to collect */
	bool used_wrap;
	uint16_t kicked_at; /* avail_idx at the last decision about a kick */
	uint16_t nb_free;   /* descriptors */
	uint16_t next_free; /* split: head of the free list; packed: a free id */
	struct {
		void *cookie;
		uint16_t descs;
		uint16_t next; /* packed: free list of ids */
	} * ids;
};

/* Bytes of ring memory. */
size_t mock_vq_bytes(uint16_t size, bool packed);

/* Lay out an empty ring. @return 0 or -ENOMEM; mirror: mock_vq_fini() */
int mock_vq_init(struct mock_vq *vq, const struct mock_vq_conf *conf);
void mock_vq_fini(struct mock_vq *vq);

/* Look at a ring that somebody else has laid out, whose owner is at the position in `conf`. */
void mock_vq_watch(struct mock_vq *vq, const struct mock_vq_conf *conf);

/* Buffers, of one descriptor each, that were used and not collected. */
uint16_t mock_vq_pending(const struct mock_vq *vq);

/* The ring is where `mem` has its IOVAs from here on, with the same contents. */
void mock_vq_move(struct mock_vq *vq, const struct mock_mem *mem);

/* Split, for who is hostile: a descriptor; and make available what begins with it, whatever it is.
 */
struct vring_desc *mock_vq_desc(const struct mock_vq *vq, uint16_t id);
void mock_vq_publish(struct mock_vq *vq, uint16_t head);

/* Make a chain available. @return 0 or -ENOSPC */
int mock_vq_add(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n, void *cookie);

/* The same with an indirect table that is written to `table`, 16 bytes a descriptor. */
int mock_vq_add_indirect(struct mock_vq *vq, const struct mock_desc *descs, uint16_t n,
		uint64_t table, void *cookie);

/* Collect one buffer. @return false: none */
bool mock_vq_get(struct mock_vq *vq, struct mock_used *used);

/* Whether the device wants a kick for what was added since the last question. */
bool mock_vq_need_kick(struct mock_vq *vq);

/* The driver's wish for calls: for every used buffer, or none. */
void mock_vq_calls(struct mock_vq *vq, bool wanted);

/*
 * Event index: call when the buffer that begins `ahead` slots (split:
 * buffers) behind the next to collect is used. 0: the next.
 */
void mock_vq_call_at(struct mock_vq *vq, uint16_t ahead);

#endif /* MOCK_DRIVER_H */
