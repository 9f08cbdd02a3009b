/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Requests of the kernel that arrive between two loads of shared memory. The burst stands until
 * the control thread has answered, or waits for it; so the order is the same each time.
 */

#include <limits.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define ASKS_MAX 8

/* A step's request: bits of `a`. */
#define ASK_KIND(a)     ((a) >> 2 & 7)
#define ASK_GONE(a)     ((a)&0x20) /* the region that `b` says is no longer in the kernel's map */
#define ASK_PART(a)     ((a)&0x40) /* that region only is told of */
#define ASK_FROM_DRV(a) ((a)&0x80) /* the queue goes on from c, not from where its driver is */

static struct {
	struct ask {
		struct fuzz_rec rec;
		uint32_t at; /* the read before which it is sent */
		bool waits;  /* it cannot be answered before the burst is over */
		bool reset;
		struct fk_msg *msg; /* NULL: not sent yet */
	} list[ASKS_MAX];
	unsigned int nb;
	unsigned int sent; /* of them */
} asks;

/* Of all inputs. */
static unsigned int asked;

/* What other threads do while they wait for bursts. */
static uint32_t yields;
static pthread_t input_thread;

int __real_sched_yield(void);
int __wrap_sched_yield(void);

int
__wrap_sched_yield(void)
{
	if (!pthread_equal(pthread_self(), input_thread))
		__atomic_fetch_add(&yields, 1, __ATOMIC_RELAXED);
	return __real_sched_yield();
}

void
fuzz_ask_add(const struct fuzz_dev *fd, const struct fuzz_rec *rec)
{
	if (fd->thread || asks.nb == ASKS_MAX)
		return;
	asks.list[asks.nb++] = (struct ask){ .rec = *rec, .at = 1 + rec->b % 64 };
}

bool
fuzz_ask_any(void)
{
	return asks.sent < asks.nb;
}

/* The kernel's map changes first. */
static void
ask_regions(struct fuzz_dev *fd, struct ask *ask, struct vduse_abi_request *req)
{
	const struct fk_region *r = &fuzz_mem.regions[(ask->rec.b >> 6) % fuzz_mem.nb_regions];

	fuzz_regions(fd, ASK_GONE(ask->rec.a) ? r : NULL);
	req->type = VDUSE_MSG_UPDATE_IOTLB;
	req->iova_v2.last = UINT64_MAX;
	if (ASK_PART(ask->rec.a)) {
		req->iova_v2.start = r->iova;
		req->iova_v2.last = r->iova + (r->size - 1);
	}
	ask->waits = true;
}

static void
ask_ready(struct fuzz_dev *fd, const struct ask *ask, struct vduse_abi_request *req, bool ready)
{
	const uint16_t q = (ask->rec.b >> 6) % fd->nb_vqs;

	fuzz_ring_ready(fd, q, ready, ASK_FROM_DRV(ask->rec.a) ? ask->rec.c : fd->avail[q]);
	req->type = VDUSE_MSG_SET_VQ_READY;
	req->vq_ready.num = q;
	req->vq_ready.ready = ready;
}

static void
ask_request(struct fuzz_dev *fd, struct ask *ask, struct vduse_abi_request *req)
{
	switch (ASK_KIND(ask->rec.a)) {
	case 0: /* reset */
		req->type = VDUSE_MSG_SET_STATUS;
		ask->waits = ask->reset = true;
		break;
	case 1:
	case 2:
		ask_regions(fd, ask, req);
		break;
	case 3:
		ask_ready(fd, ask, req, false);
		break;
	case 4:
		ask_ready(fd, ask, req, true);
		break;
	case 5:
		req->type = VDUSE_MSG_GET_VQ_STATE;
		req->vq_state.index = (ask->rec.b >> 6) % fd->nb_vqs;
		break;
	case 6: /* any status but a reset */
		req->type = VDUSE_MSG_SET_STATUS;
		req->s.status = RTE_MAX(ask->rec.c & 0xff, 1u);
		break;
	default: /* whatever the kernel of tomorrow sends */
		req->type = ask->rec.c % 8;
		req->iova_v2.start = ask->rec.d;
		req->iova_v2.last = ask->rec.d + ask->rec.c;
		break;
	}
	if (req->type == VDUSE_MSG_SET_STATUS && req->s.status == 0)
		ask->reset = true;
}

/* The control thread has served the request, or waits for the burst. */
static void
ask_settle(const struct ask *ask, uint32_t yields_before)
{
	const time_t until = time(NULL) + 30;

	while (__atomic_load_n(&yields, __ATOMIC_RELAXED) == yields_before) {
		if (fk_msg_is_tried(ask->msg)) {
			FUZZ_CHECK(!ask->waits);
			return;
		}
		FUZZ_CHECK(time(NULL) < until);
		__real_sched_yield();
	}
}

void
fuzz_ask_at(struct fuzz_dev *fd, uint32_t read)
{
	struct vduse_abi_request req;
	unsigned int i;
	uint32_t before;

	for (i = 0; i < asks.nb; i++) {
		struct ask *ask = &asks.list[i];

		if (ask->at != read || ask->msg != NULL)
			continue;
		memset(&req, 0, sizeof(req));
		ask_request(fd, ask, &req);
		input_thread = pthread_self();
		before = __atomic_load_n(&yields, __ATOMIC_RELAXED);
		ask->msg = fk_msg_send(fd->dev, &req, sizeof(req));
		asks.sent++;
		asked++;
		ask_settle(ask, before);
	}
}

void
fuzz_ask_collect(struct fuzz_dev *fd)
{
	struct vduse_abi_response resp;
	unsigned int i, kept = 0;
	bool reset = false;

	/* in the order in which they were sent, which is the control thread's */
	for (i = 0; i < asks.nb; i++) {
		struct ask ask = asks.list[i];

		if (ask.msg == NULL) {
			asks.list[kept++] = ask;
			continue;
		}
		FUZZ_CHECK(fk_msg_wait(ask.msg, &resp) == 0);
		FUZZ_CHECK(resp.result == VDUSE_MSG_OK ||
				(resp.result == VDUSE_MSG_FAILED && !ask.waits));
		reset |= ask.reset;
	}
	asks.nb = kept;
	asks.sent = 0;
	if (reset)
		fuzz_renegotiate(fd, 0);
}

void
fuzz_ask_clear(void)
{
	asks.nb = asks.sent = 0;
}

unsigned int
fuzz_asked(void)
{
	return asked;
}
