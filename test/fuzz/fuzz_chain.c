/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The walk of a chain alone: every segment it gives is inside of one region
 * with the permission for it, and the sums are right.
 */

#include "fuzz.h"

static struct fuzz_dev fd;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_dev_create(&fd, 1);
	return 0;
}

static void
chain_check(const struct vduse_chain *chain)
{
	uint64_t len = 0;
	unsigned int i;

	FUZZ_CHECK(chain->nr + chain->nw > 0 && chain->nr + chain->nw <= chain->room);
	for (i = 0; i < (unsigned int)chain->nr + chain->nw; i++) {
		FUZZ_CHECK(chain->seg[i].len > 0);
		FUZZ_CHECK(fuzz_is_inside(chain->seg[i].addr, chain->seg[i].len,
				i < chain->nr ? VDUSE_ABI_RO : VDUSE_ABI_WO));
		len += chain->seg[i].len;
	}
	FUZZ_CHECK(len == chain->len);
	FUZZ_CHECK(chain->slots >= 1 && chain->slots <= fd.size);
	FUZZ_CHECK(fd.packed || chain->id < fd.size);
}

/* What a burst does with a queue, without frames. */
static int
walk(struct vduse_vq *vq, unsigned int n, bool packed)
{
	struct vduse_chain chain;
	struct vduse_pos pos;
	int ret = 0;

	while (n-- > 0) {
		pos = vq->pos.avail;
		ret = vduse_ring_ready(vq, &pos, packed);
		if (ret <= 0)
			break;
		vduse_chain_init(vq, &chain, 0);
		ret = vduse_ring_fetch(vq, &pos, &chain, packed);
		if (ret < 0 && ret != -E2BIG)
			break;
		if (ret == 0)
			chain_check(&chain);
		vq->pos.avail = pos;
		vduse_ring_put(vq, chain.id, chain.slots, 0, packed);
	}
	FUZZ_CHECK((ret == -EBADMSG) == (vq->fault != NULL));
	vduse_ring_flush(vq, packed);
	return ret;
}

static void
burst(uint16_t q, unsigned int n)
{
	struct vduse_vq *vq = vduse_dev_vq(fd.net->dev, q);
	int ret;

	if (!vduse_vq_burst_begin(vq))
		return;
	fuzz_race_begin(&fd);
	ret = fd.packed ? walk(vq, n, true) : walk(vq, n, false);
	fuzz_race_end();
	if (ret == -EAGAIN)
		vduse_vq_set_miss(vq);
	vduse_vq_burst_end(vq);
	fuzz_dev_settle(&fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_rec rec;

	fuzz_next(&in, &rec);
	fuzz_dev_up(&fd, &rec, 0);
	while (fuzz_next(&in, &rec))
		if (fuzz_driver(&fd, &rec, 1) == 0)
			burst(rec.b % fd.nb_vqs, rec.a);
	burst(0, 64);
	burst(1, 64);
	fuzz_dev_down(&fd);
	return 0;
}
