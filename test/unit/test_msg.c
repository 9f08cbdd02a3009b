/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's requests: each is checked, handed to its handler and answered. */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "os/msg.h"
#include "unit.h"

#define QUEUES 3
#define SPACES 2

/* What the handlers were called with, and what they are to answer. */
struct seen {
	unsigned int calls;
	uint16_t index;
	uint8_t status;
	uint64_t start, last;
	uint32_t asid, group;
	bool ready;
	int answer;
};

struct msg_rig {
	struct fk_dev *dev;
	int control_fd;
	struct seen seen;
	struct vduse_msg_port port;
};

static int
on_get_vq_state(void *ctx, uint16_t index, struct vduse_abi_vq_state *state)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->index = index;
	state->split.avail_index = 0x1234;
	return seen->answer;
}

static int
on_set_status(void *ctx, uint8_t status)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->status = status;
	return seen->answer;
}

static int
on_update_iotlb(void *ctx, uint32_t asid, uint64_t start, uint64_t last)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->asid = asid;
	seen->start = start;
	seen->last = last;
	return seen->answer;
}

static int
on_set_vq_ready(void *ctx, uint16_t index, bool ready)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->index = index;
	seen->ready = ready;
	return seen->answer;
}

static int
on_set_group_asid(void *ctx, uint32_t group, uint32_t asid)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->group = group;
	seen->asid = asid;
	return seen->answer;
}

static const struct vduse_msg_ops msg_ops = {
	.get_vq_state = on_get_vq_state,
	.set_status = on_set_status,
	.update_iotlb = on_update_iotlb,
	.set_vq_ready = on_set_vq_ready,
	.set_group_asid = on_set_group_asid,
};

static void
msg_up(struct msg_rig *b)
{
	struct vduse_abi_create config = {
		.name = "msg",
		.device_id = VIRTIO_ID_NET,
		.features = (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_F_ACCESS_PLATFORM),
		.vq_num = QUEUES,
	};

	memset(b, 0, sizeof(*b));
	b->control_fd = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(b->control_fd, VDUSE_IOC_CREATE, &config), 0);
	b->dev = fk_find("msg");
	b->port.sys = &fk_sys;
	b->port.fd = fk_sys.open_device("msg");
	b->port.nb_queues = QUEUES;
	b->port.nb_spaces = SPACES;
	b->port.ops = &msg_ops;
	b->port.ctx = &b->seen;
}

static void
msg_down(struct msg_rig *b)
{
	char name[VDUSE_ABI_NAME_MAX] = "msg";

	fk_sys.close(b->port.fd);
	assert_int_equal(fk_sys.ioctl(b->control_fd, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(b->control_fd);
}

/* One request and what serving it returned; the answer. */
static struct vduse_abi_response
ask(struct msg_rig *b, const struct vduse_abi_request *req, int expected)
{
	struct fk_msg *msg = fk_msg_send(b->dev, req, sizeof(*req));
	struct vduse_abi_response resp;

	memset(&b->seen, 0xa5, sizeof(b->seen));
	b->seen.calls = 0;
	b->seen.answer = 0;
	assert_int_equal(vduse_msg_serve(&b->port), expected);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	return resp;
}

static void
test_types(void **state)
{
	struct vduse_abi_request req = { .type = VDUSE_MSG_GET_VQ_STATE, .vq_state.index = 2 };
	struct vduse_abi_response resp;
	struct msg_rig b;

	(void)state;
	msg_up(&b);
	resp = ask(&b, &req, 1);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.index, 2);
	assert_int_equal(resp.vq_state.index, 2);
	assert_int_equal(resp.vq_state.split.avail_index, 0x1234);

	req = (struct vduse_abi_request){ .type = VDUSE_MSG_SET_STATUS, .s.status = 0x8f };
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.calls, 1);
	assert_int_equal(b.seen.status, 0x8f);

	req = (struct vduse_abi_request){ .type = VDUSE_MSG_UPDATE_IOTLB,
		.iova = { .start = 0, .last = UINT64_MAX } };
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.start, 0);
	assert_true(b.seen.last == UINT64_MAX);
	req.iova.start = req.iova.last = 7;
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.start, 7);

	req = (struct vduse_abi_request){ .type = VDUSE_MSG_SET_VQ_READY,
		.vq_ready = { .num = 1, .ready = 1 } };
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.index, 1);
	assert_true(b.seen.ready);
	req.vq_ready.ready = 0;
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_false(b.seen.ready);

	req = (struct vduse_abi_request){ .type = VDUSE_MSG_SET_VQ_GROUP_ASID,
		.vq_group_asid = { .group = 1, .asid = 0 } };
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.group, 1);
	assert_int_equal(b.seen.asid, 0);
	req = (struct vduse_abi_request){ .type = VDUSE_MSG_UPDATE_IOTLB,
		.iova_v2 = { .start = 1, .last = 2, .asid = 1 } };
	assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_OK);
	assert_int_equal(b.seen.asid, 1);
	msg_down(&b);
}

/* What no kernel sends: FAILED, and no handler sees it. */
static void
test_bad_content(void **state)
{
	static const struct vduse_abi_request bad[] = {
		{ .type = VDUSE_MSG_GET_VQ_STATE, .vq_state.index = QUEUES },
		{ .type = VDUSE_MSG_GET_VQ_STATE, .vq_state.index = 0x10000 },
		{ .type = VDUSE_MSG_GET_VQ_STATE, .vq_state.index = UINT32_MAX },
		{ .type = VDUSE_MSG_SET_VQ_READY, .vq_ready = { .num = QUEUES, .ready = 1 } },
		{ .type = VDUSE_MSG_SET_VQ_READY, .vq_ready = { .num = 0x10000, .ready = 1 } },
		{ .type = VDUSE_MSG_UPDATE_IOTLB, .iova = { .start = 1, .last = 0 } },
		{ .type = VDUSE_MSG_UPDATE_IOTLB, .iova_v2 = { .last = 9, .asid = SPACES } },
		{ .type = VDUSE_MSG_SET_VQ_GROUP_ASID, .vq_group_asid = { .group = SPACES } },
		{ .type = VDUSE_MSG_SET_VQ_GROUP_ASID, .vq_group_asid = { .asid = SPACES } },
	};
	struct msg_rig b;
	size_t i;

	(void)state;
	msg_up(&b);
	for (i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(ask(&b, &bad[i], -EPROTO).result, VDUSE_MSG_FAILED);
		assert_int_equal(b.seen.calls, 0);
	}
	msg_down(&b);
}

/* Types that are not known, or not asked for: FAILED, and on it goes. */
static void
test_unknown_type(void **state)
{
	static const uint32_t types[] = { VDUSE_MSG_SUSPEND + 1, 1000, UINT32_MAX };
	struct vduse_abi_request req = { 0 };
	struct msg_rig b;
	size_t i;

	(void)state;
	msg_up(&b);
	for (i = 0; i < RTE_DIM(types); i++) {
		req.type = types[i];
		assert_int_equal(ask(&b, &req, 1).result, VDUSE_MSG_FAILED);
		assert_int_equal(b.seen.calls, 0);
	}
	assert_int_equal(unit_log_count("refused"), RTE_DIM(types));
	msg_down(&b);
}

/* A handler that fails: FAILED, and nothing of its state leaks into the answer. */
static void
test_handler_fails(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_GET_VQ_STATE,
		.vq_state.index = 1 };
	struct vduse_abi_response resp;
	struct msg_rig b;
	struct fk_msg *msg;

	(void)state;
	msg_up(&b);
	b.seen.answer = -EIO;
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	assert_int_equal(vduse_msg_serve(&b.port), 1);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(b.seen.calls, 1);
	assert_int_equal(resp.result, VDUSE_MSG_FAILED);
	assert_int_equal(resp.vq_state.split.avail_index, 0);
	unit_assert_logged_once("request type 0 refused: Input/output error");
	msg_down(&b);
}

static void
test_short_read(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = 1 };
	struct vduse_abi_response resp;
	struct msg_rig b;
	struct fk_msg *msg;

	(void)state;
	msg_up(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req) - 1);
	assert_int_equal(vduse_msg_serve(&b.port), -EPROTO);
	assert_int_equal(b.seen.calls, 0);
	unit_assert_logged_once("a request of");
	fk_msg_cancel(msg);
	/* the next one is served */
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	assert_int_equal(vduse_msg_serve(&b.port), 1);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	msg_down(&b);
}

static void
test_nothing_there(void **state)
{
	struct msg_rig b;

	(void)state;
	msg_up(&b);
	assert_int_equal(vduse_msg_serve(&b.port), 0);
	fk_fail(FK_READ, 0, 1, -EIO);
	assert_int_equal(vduse_msg_serve(&b.port), -EIO);
	assert_true(fk_fail_done());
	assert_int_equal(b.seen.calls, 0);
	msg_down(&b);
}

/* The front end gave up meanwhile: ENOENT from write is no error. */
static void
test_given_up(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = 1 };
	struct vduse_abi_response resp;
	struct fk_msg *msg[2];
	struct msg_rig b;

	(void)state;
	msg_up(&b);
	msg[0] = fk_msg_send(b.dev, &req, sizeof(req));
	msg[1] = fk_msg_send(b.dev, &req, sizeof(req));
	fk_fail(FK_WRITE, 0, 1, -ENOENT);
	assert_int_equal(vduse_msg_serve(&b.port), 2);
	assert_int_equal(fk_msg_wait(msg[1], &resp), 0);
	fk_msg_cancel(msg[0]);
	assert_int_equal(b.seen.calls, 2);
	/* another error of write is one */
	msg[0] = fk_msg_send(b.dev, &req, sizeof(req));
	fk_fail(FK_WRITE, 0, 1, -EIO);
	assert_int_equal(vduse_msg_serve(&b.port), -EIO);
	fk_msg_cancel(msg[0]);
	msg_down(&b);
}

/* Many at once: all are answered, in their order, some at a time. */
static void
test_many(void **state)
{
	struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS };
	struct pollfd poll_fd = { .events = POLLIN };
	struct vduse_abi_response resp;
	struct fk_msg *msg[200];
	struct msg_rig b;
	unsigned int i, done;
	int n;

	(void)state;
	msg_up(&b);
	poll_fd.fd = b.port.fd;
	for (i = 0; i < RTE_DIM(msg); i++) {
		req.s.status = i;
		msg[i] = fk_msg_send(b.dev, &req, sizeof(req));
	}
	for (done = 0; poll(&poll_fd, 1, 0) == 1; done += n) {
		n = vduse_msg_serve(&b.port);
		/* a bound, so that one device does not hold the thread that serves all */
		assert_in_range(n, 1, 64);
		assert_int_equal(b.seen.status, done + n - 1);
	}
	assert_int_equal(done, RTE_DIM(msg));
	for (i = 0; i < RTE_DIM(msg); i++) {
		assert_int_equal(fk_msg_wait(msg[i], &resp), 0);
		assert_int_equal(resp.result, VDUSE_MSG_OK);
	}
	msg_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_types),
		UNIT_TEST(test_bad_content),
		UNIT_TEST(test_unknown_type),
		UNIT_TEST(test_handler_fails),
		UNIT_TEST(test_short_read),
		UNIT_TEST(test_nothing_there),
		UNIT_TEST(test_given_up),
		UNIT_TEST(test_many),
	};

	return UNIT_RUN("msg", tests);
}
