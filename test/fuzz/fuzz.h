/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_H
#define FUZZ_H

/*
 * What the fuzz targets share. An input is a list of records: what a front end
 * does to a device and its rings, one step each. The device runs on the fake
 * kernel (test/mock); its shared memory lies between guard pages, mbufs have
 * red zones, and a second device has to go on after every input.
 *
 * Everything but the fake kernel's own thread runs on the thread that calls
 * LLVMFuzzerTestOneInput(), so that an input does the same each time; only an
 * input that asks for it has a second thread that writes meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One step of an input; little endian. */
struct fuzz_rec {
	uint8_t op;
	uint8_t a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
};

static_assert(sizeof(struct fuzz_rec) == 16, "the corpus is made of these");

/* The next record; what is missing at the end of the input is 0. False: none is left. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};
bool fuzz_next(struct fuzz_input *in, struct fuzz_rec *rec);

/* An invariant: the input is a crash where it does not hold. */
#define FUZZ_CHECK(cond)                                                                     \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* Mbufs to dequeue into: small, so that frames take several, with a red zone behind each. */
#define FUZZ_MBUFS     512
#define FUZZ_DATA_ROOM 512
extern struct rte_mempool *fuzz_pool;

/* A pool of such mbufs, of so much room each. */
struct rte_mempool *fuzz_pool_create(const char *name, unsigned int n, uint16_t room);

/* EAL, pool, kernel, and the device that has to go on. */
void fuzz_init(void);

/*
 * Mbufs that stay out over bursts, remaps and resets, as their buffers do without copies. Give one
 * back, or all (n: UINT_MAX); each byte is read before.
 */
void fuzz_hold(struct rte_mbuf *m);
void fuzz_held_free(unsigned int n);

/*
 * The clock of bursts stands, so that an input does the same each time: a queue that rests does so
 * until this is called, which is longer than any rest.
 */
void fuzz_clock_pass(void);

/* Behind every input: nothing is lost, and the other device moves a frame each way. */
void fuzz_check_rest(void);

/*
 * Shared memory of the device under test: regions of one file.
 */
#define FUZZ_RINGS       0x10000ull
#define FUZZ_RINGS_SIZE  0x10000ull
#define FUZZ_DATA        0x100000ull
#define FUZZ_DATA_SIZE   0x20000ull
#define FUZZ_PATCH       0x200000ull /* regions without a gap as IOVA, scattered in the file */
#define FUZZ_PATCH_SIZE  0x1800ull   /* of one; no multiple of a page */
#define FUZZ_PATCHES     16
#define FUZZ_RO          0x300000ull
#define FUZZ_WO          0x304000ull
#define FUZZ_PERM_SIZE   0x4000ull
#define FUZZ_TOP         (UINT64_MAX - 0x1fff) /* up to the last address */
#define FUZZ_TOP_SIZE    0x2000ull
#define FUZZ_REGIONS_MAX 64

struct fuzz_mem {
	int file;
	uint8_t *va;
	struct fk_region regions[FUZZ_REGIONS_MAX];
	unsigned int nb_regions;
};
extern struct fuzz_mem fuzz_mem;

void fuzz_mem_init(void);

/* All regions zeroed and mapped in the device's address space. */
void fuzz_mem_reset(struct fk_dev *dev);

/* What no region covers was not written to. */
void fuzz_mem_check(void);

/* An IOVA out of 64 bits: mostly one that is mapped. */
uint64_t fuzz_iova(uint64_t bits);

/* The driver writes; what is not mapped is left out. NULL of fuzz_at(): not mapped. */
void fuzz_write(uint64_t iova, const void *data, size_t len);
void *fuzz_at(uint64_t iova, size_t len);

/* Whether the range, in the library's addresses, is inside of one region with the permission. */
bool fuzz_is_inside(const void *addr, size_t len, uint8_t perm);

/*
 * The driver writes while the library reads.
 */
struct fuzz_race {
	uint64_t iova;  /* UINT64_MAX: what is about to be read */
	uint64_t value; /* its first `len` bytes */
	uint32_t at;    /* at this read of shared memory, from 1 on */
	uint8_t len;    /* 1 to 8 */
};

/* One more write of the input; thread: by a second thread, again and again, at no certain time. */
void fuzz_race_add(const struct fuzz_race *race, bool thread);

/* Around bursts of the device's; NULL: the control thread's, where no request can come between. */
struct fuzz_dev;
void fuzz_race_begin(struct fuzz_dev *fd);
void fuzz_race_end(void);

/* The input is over. */
void fuzz_race_clear(void);

/*
 * Requests of the kernel between two loads of shared memory: one more of the input; whether one
 * is still to come; what read (from 1 on) is next; and behind the burst, the answers. A driver
 * that has reset the device negotiates again.
 */
void fuzz_ask_add(const struct fuzz_dev *fd, const struct fuzz_rec *rec);
bool fuzz_ask_any(void);
void fuzz_ask_at(struct fuzz_dev *fd, uint32_t read);
void fuzz_ask_collect(struct fuzz_dev *fd);
void fuzz_ask_clear(void);

/* How many there were in all inputs. */
unsigned int fuzz_asked(void);

/*
 * The device under test.
 */
#define FUZZ_QUEUE_SIZE 256

/* Flags of the first record. */
#define FUZZ_PACKED    0x01
#define FUZZ_INDIRECT  0x02
#define FUZZ_EVENT_IDX 0x04
#define FUZZ_MERGEABLE 0x08
#define FUZZ_OFFLOADS  0x10
#define FUZZ_THREAD    0x20
#define FUZZ_IN_ORDER  0x40
#define FUZZ_ZERO_COPY 0x80 /* dequeue, state: frames may stay where they are */

struct fuzz_dev {
	struct fk_dev *dev;
	struct rte_vduse_net *net;
	uint16_t nb_vqs;
	uint16_t pairs;
	bool zero_copy;
	/* of this input */
	bool resumed; /* from what a process before left: no position may be known */
	uint64_t features;
	uint16_t size;
	bool packed;
	bool thread;
	uint16_t avail[RIG_VQS_MAX]; /* split: as written to the ring last */
	uint16_t slot[RIG_VQS_MAX];  /* next to write; packed: with `wrap` */
	bool wrap[RIG_VQS_MAX];
};

/* Create it; it stays for all inputs. fuzz_dev_conf(): how; to be changed before _create_as(). */
void fuzz_dev_create(struct fuzz_dev *fd, uint16_t pairs);
struct rte_vduse_net_conf fuzz_dev_conf(uint16_t pairs);
void fuzz_dev_create_as(struct fuzz_dev *fd, const struct rte_vduse_net_conf *conf);

/* From reset to DRIVER_OK, as the input's first record says, with these features in addition. */
void fuzz_dev_up(struct fuzz_dev *fd, const struct fuzz_rec *rec, uint64_t features);

/* Reset, and all checks. */
void fuzz_dev_down(struct fuzz_dev *fd);

/* What was negotiated before again, behind a reset; each ring begins at `start`. */
void fuzz_renegotiate(struct fuzz_dev *fd, uint16_t start);

/* The driver describes a queue's ring, from this position on, as enabled or not. */
void fuzz_ring_ready(struct fuzz_dev *fd, uint16_t q, bool ready, uint16_t start);

/* The kernel's map: every region but this one (NULL: but none). The device is not told. */
void fuzz_regions(struct fuzz_dev *fd, const struct fk_region *without);

/* Behind a burst: requests that came between are answered, and a fault that it met is seen. */
void fuzz_dev_settle(struct fuzz_dev *fd);

/* Steps of the driver, the same for all targets: -1; or which of the target's `own` it is. */
int fuzz_driver(struct fuzz_dev *fd, const struct fuzz_rec *rec, unsigned int own);

/* The next descriptor of a queue's ring; split: the chain at `head` is available. */
void fuzz_driver_desc(struct fuzz_dev *fd, uint16_t q, uint16_t flags, uint32_t len, uint64_t addr);
void fuzz_driver_avail(struct fuzz_dev *fd, uint16_t q, uint16_t head);

/* A chain as drivers make them, on the queue that the record says. */
void fuzz_driver_chain(struct fuzz_dev *fd, const struct fuzz_rec *rec);

/* A frame of `len` bytes in mbufs of up to `seg` bytes. NULL: the pool is empty. */
struct rte_mbuf *fuzz_frame(uint32_t len, uint32_t seg);

/*
 * Dequeue and check what comes, of a queue that does not rest; _hold(): of one that may, and
 * those whose bit is set in `held` stay out.
 */
void fuzz_dequeue(struct fuzz_dev *fd, uint16_t pair, uint16_t n);
void fuzz_dequeue_hold(struct fuzz_dev *fd, uint16_t pair, uint16_t n, uint32_t held);

/* Enqueue frames of this length. */
void fuzz_enqueue(struct fuzz_dev *fd, uint16_t pair, uint16_t n, uint32_t len);

#endif /* FUZZ_H */
