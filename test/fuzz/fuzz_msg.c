/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The kernel's side: requests of every type and content, ring addresses and
 * sizes, regions of every shape, calls that fail, a device that is lost. A new
 * device for each input, and nothing of it is left.
 */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "fuzz.h"

#define PAIRS 2

static struct fuzz_dev fd;
static bool lost;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	return 0;
}

/* A request as it comes; a short one is read and given up. */
static void
request(const struct fuzz_rec *rec)
{
	struct vduse_abi_request req = { .type = rec->b & 0xff };
	const bool cut = rec->a & 0x80;
	struct vduse_abi_response resp;
	struct fk_msg *msg;

	/* the union's bytes: index, status or num in front, addresses behind */
	req.iova_v2.start = rec->d;
	req.iova_v2.last = rec->d + rec->c;
	if (rec->a & 1)
		req.vq_state.index = rec->c;
	if (rec->a & 2)
		req.iova_v2.asid = rec->b >> 8;
	msg = fk_msg_send(fd.dev, &req, cut ? rec->a & 0x7f : sizeof(req));
	if (cut) {
		fk_msg_cancel(msg);
		return;
	}
	FUZZ_CHECK(fk_msg_wait(msg, &resp) == 0);
	FUZZ_CHECK(resp.result == VDUSE_MSG_OK || resp.result == VDUSE_MSG_FAILED);
}

/* Refused or not, it is answered. */
static void
answered(int ret)
{
	FUZZ_CHECK(ret == 0 || ret == -EIO);
}

static void
set_vq(const struct fuzz_rec *rec)
{
	struct vduse_abi_vq info = { .index = rec->b % fd.nb_vqs,
		.num = rec->c & 0xffff,
		.desc_addr = fuzz_iova(rec->d),
		.driver_addr = fuzz_iova(rec->d) + (rec->c >> 16 & 0xff) * 64,
		.device_addr = fuzz_iova(rec->d) + (rec->c >> 24) * 64,
		.ready = rec->a & 1 };

	if (rec->a & 2)
		info.split.avail_index = rec->c;
	if (rec->a & 4)
		memset(&info.packed, rec->a, sizeof(info.packed));
	fk_set_vq(fd.dev, &info);
}

/* A region of any shape inside of the file. */
static void
map_region(const struct fuzz_rec *rec)
{
	struct fk_region r = { .iova = rec->a & 1 ? rec->d : fuzz_iova(rec->d),
		.file = fuzz_mem.file,
		.offset = (rec->b & 0xff) * 0x100,
		.perm = rec->a >> 1 & 3,
		.asid = rec->a >> 3 & 1 };

	r.size = 1 + rec->c % 0x20000;
	if (r.iova + (r.size - 1) < r.iova)
		return;
	fk_unmap_range(fd.dev, r.asid, r.iova, r.iova + (r.size - 1));
	fk_map(fd.dev, &r);
}

static void
fail_call(const struct fuzz_rec *rec)
{
	static const unsigned long calls[] = { VDUSE_IOC_REGION_V2, VDUSE_IOC_DRIVER_FEATURES,
		VDUSE_IOC_VQ_INFO, VDUSE_IOC_VQ_KICKFD, VDUSE_IOC_VQ_IRQ, FK_MAP, FK_PAGE_SIZE,
		VDUSE_IOC_SET_CONFIG };
	static const int errs[] = { -ENOMEM, -EMFILE, -EINTR, -EPERM, -EIO, -EBUSY };

	fk_fail(calls[rec->b % RTE_DIM(calls)], rec->a % 8, 1 + rec->c % 4,
			errs[rec->d % RTE_DIM(errs)]);
}

static void
set_status(const struct fuzz_rec *rec)
{
	static const uint8_t usual[] = { 0, RIG_ACK, RIG_DRIVER, RIG_FEATURES_OK, RIG_DRIVER_OK };

	fk_set_features(fd.dev, rec->d & 0xff ? fk_offered(fd.dev) & ~(rec->d << 8) : rec->d);
	answered(fk_set_status(fd.dev, rec->a & 1 ? rec->b : usual[rec->b % RTE_DIM(usual)]));
}

static void
step(const struct fuzz_rec *rec)
{
	const uint16_t q = rec->b % fd.nb_vqs;
	struct vduse_abi_vq_state state;

	switch (rec->op % 12) {
	case 0:
		request(rec);
		break;
	case 1:
		set_status(rec);
		break;
	case 2:
		set_vq(rec);
		break;
	case 3:
		answered(fk_set_ready(fd.dev, q, rec->a & 1));
		break;
	case 4:
		map_region(rec);
		break;
	case 5:
		fk_unmap_all(fd.dev);
		break;
	case 6:
		answered(fk_update_space(fd.dev, rec->a & 1, rec->d,
				rec->c & 1 ? UINT64_MAX : rec->d + rec->c));
		break;
	case 7:
		answered(fk_set_group_asid(fd.dev, rec->a & 1, rec->b & 1));
		break;
	case 8:
		answered(fk_get_vq_state(fd.dev, q, &state));
		break;
	case 9:
		fail_call(rec);
		break;
	case 10:
		fk_kick(fd.dev, q);
		break;
	default:
		lost = rec->a == 0xff && rec->b == 0xffff;
		if (lost)
			fk_break(fd.dev);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_rec rec;

	fuzz_next(&in, &rec);
	fuzz_dev_create(&fd, PAIRS);
	lost = false;
	if (rec.a & 0x80) {
		fuzz_dev_up(&fd, &rec, 0);
	} else {
		fuzz_mem_reset(fd.dev);
		fd.size = 1;
	}
	while (!lost && fuzz_next(&in, &rec)) {
		if (rec.op & 0x80)
			fuzz_driver_chain(&fd, &rec);
		else
			step(&rec);
		fuzz_dequeue(&fd, rec.b % PAIRS, 4);
		fuzz_enqueue(&fd, rec.b % PAIRS, 2, 100);
	}
	fk_fail(0, 0, 0, 0);
	FUZZ_CHECK(rte_vduse_net_destroy(fd.net) == 0);
	FUZZ_CHECK(fk_find("fuzz") == NULL);
	fuzz_check_rest();
	return 0;
}
