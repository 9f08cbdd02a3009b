/* SPDX-License-Identifier: BSD-3-Clause */

/* State files that are not what they seem. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "resume.h"

#define BIT(name) (1ULL << (name))

/* Bits of a byte of the file, there and back. */
static void
spoil(off_t at, uint8_t bits)
{
	char path[128];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/unit.state", resume_dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= bits;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Which its checksum tells. */
static void
spoil_description(void)
{
	spoil(offsetof(struct vduse_statefile_head, desc.queue_size), 1);
}

/* As an upgrade finds it. */
static void
spoil_version(void)
{
	spoil(offsetof(struct vduse_statefile_head, version),
			VDUSE_STATEFILE_VERSION ^ (VDUSE_STATEFILE_VERSION + 1));
}

static bool
is_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", resume_dir, name);
	return access(path, F_OK) == 0;
}

static void
other_version_run(bool version)
{
	char aside[32] = "unit.state.bad";
	const struct rte_vduse_net_conf again = resume_conf();
	struct rig_conf conf = { 0 };
	struct rte_vduse_net *net;
	char path[128];
	struct rig b;

	if (version)
		snprintf(aside, sizeof(aside), "unit.state.v%d", VDUSE_STATEFILE_VERSION + 1);
	resume_up(&b, &conf);
	resume_die(&b);
	if (version)
		spoil_version();
	else
		spoil_description();
	/* somebody uses it: nothing is changed, whatever comes */
	fk_attach(b.dev, true);
	assert_int_equal(rte_vduse_net_create(&again, &net), -EBUSY);
	unit_assert_logged_once("start the version that wrote it");
	assert_true(is_file("unit.state") && !is_file(aside));
	/* nobody does, and the start fails later on */
	fk_attach(b.dev, false);
	fk_fail(VDUSE_IOC_VQ_SETUP, 0, 1, -ENOMEM);
	assert_int_equal(rte_vduse_net_create(&again, &net), -ENOMEM);
	assert_true(fk_fail_done());
	assert_true(is_file("unit.state") && !is_file(aside));
	/* a clean start; the file waits for who knows it */
	unit_log_clear();
	rig_give_back(&b);
	conf.state_dir = resume_dir;
	rig_up(&b, &conf);
	unit_assert_logged_once(aside);
	assert_true(is_file("unit.state") && is_file(aside));
	rig_assert_traffic(&b);
	rig_down(&b);
	assert_false(is_file("unit.state"));
	snprintf(path, sizeof(path), "%s/%s", resume_dir, aside);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(resume_dir), 0);
}

static void
test_other_version(void **state)
{
	(void)state;
	other_version_run(true);
	other_version_run(false);
}

/* What of a file is another device's. */
struct other_desc {
	uint16_t nb_queues; /* 0: this one's, and its first_control_queue */
	uint16_t first_control_queue;
	uint64_t not_offered; /* features */
	bool agreed;          /* a driver has taken them, the file says */
};

/* A whole file, for which the device is another one. */
static void
described(const struct other_desc *other)
{
	const struct rte_vduse_net_conf conf = resume_conf();
	struct rig_conf plain = { .variant.event_idx = true };
	struct vduse_statefile_desc desc;
	struct vduse_statefile_id id;
	struct vduse_statefile *store;
	struct rte_vduse_net *net;
	struct rig b;
	uint8_t status;

	resume_up(&b, &plain);
	resume_die(&b);
	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	desc = store->head->desc;
	id = store->head->id;
	status = store->head->status;
	if (other->nb_queues != 0) {
		desc.nb_queues = other->nb_queues;
		desc.first_control_queue = other->first_control_queue;
	}
	desc.features &= ~other->not_offered;
	assert_int_equal(vduse_statefile_format(store, "unit", &desc), 0);
	vduse_statefile_set_status(store, other->agreed ? status : 0, VDUSE_STATEFILE_RUNS);
	vduse_statefile_served(store, &id);
	vduse_statefile_close(store, false);
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EEXIST);
	unit_assert_logged_once("describes another device");
	fk_attach(b.dev, false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	rig_give_back(&b);
	assert_int_equal(rmdir(resume_dir), 0);
}

static void
test_described_otherwise(void **state)
{
	static const struct other_desc others[] = {
		/* no pair; lcores and the control thread at one queue; more than the kernel has */
		{ 1, 1 },
		{ 2, 0 },
		{ 2, 1 },
		{ 4, 4 },
		{ UINT16_MAX / 64, UINT16_MAX / 64 - 1 },
		/* which the kernel does not create, or whose driver took more */
		{ .not_offered = BIT(VIRTIO_F_VERSION_1) },
		{ .not_offered = BIT(VIRTIO_F_ACCESS_PLATFORM) },
		{ .not_offered = BIT(VIRTIO_RING_F_EVENT_IDX), .agreed = true },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(others); i++)
		described(&others[i]);
}

/* A driver may ask for what was not offered: of the device this says nothing. */
static void
test_asked_for_more(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	assert_int_equal(fk_reset(b.dev), 0);
	fk_set_features(b.dev, UINT64_MAX);
	resume_die(&b);
	resume_again(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	rig_assert_traffic(&b);
	resume_down(&b);
}

/* What the owner kept is not what a driver can have set: the queues are as it negotiated. */
static void
owner_state(size_t offset, uint8_t value)
{
	struct rig_conf conf = { 0 };
	struct vduse_statefile *store;
	uint8_t steer;
	struct rig b;

	resume_up(&b, &conf);
	resume_die(&b);
	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	store->head->owner.data[store->head->owner.current & 1][offset] = value;
	vduse_statefile_close(store, false);
	resume_again(&b);
	resume_wait(&b, resume_is_served);
	assert_true(b.net->queues[0].features == rig_features(&conf));
	memcpy(&steer, &b.net->rss->steer, sizeof(steer));
	assert_int_equal(steer, 0);
	memcpy(&steer, &b.net->filter.active, sizeof(steer));
	assert_int_equal(steer, 0);
	rig_assert_traffic(&b);
	resume_down(&b);
}

static void
test_owner_state(void **state)
{
	size_t i;

	(void)state;
	owner_state(0, 0xff);         /* features that were not negotiated, or one less */
	owner_state(4, 0);            /* without VIRTIO_F_VERSION_1 */
	for (i = 12; i < 512; i += 4) /* truth values among them */
		owner_state(i, 2);
}

static struct rte_vduse_look
look(const char *name, const char *dir)
{
	struct rte_vduse_look look;

	assert_int_equal(rte_vduse_dev_look(name, dir, &look), 0);
	return look;
}

static void
assert_look(const char *state, const char *origin)
{
	const struct rte_vduse_look here = look("unit", resume_dir);

	assert_true(here.present);
	assert_string_equal(here.state, state);
	assert_string_equal(here.origin, origin);
	assert_int_equal(here.served, strcmp(origin, "taken over") == 0);
	assert_string_equal(here.server, here.served ? "a process" : "");
	assert_string_equal(here.driver, "");
}

/* Who looks is told what a start would find, and changes nothing. */
static void
test_look(void **state)
{
	char longer[RTE_VDUSE_NAME_MAX + 2];
	struct rig_conf conf = { 0 };
	struct rte_vduse_look other;
	struct rig b;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(rte_vduse_dev_look(longer, NULL, &other), -EINVAL);
	resume_up(&b, &conf);
	assert_look("served", "taken over");
	rig_assert_traffic(&b);
	resume_die(&b);
	assert_look("served", "resumed");
	other = look("unit", NULL);
	assert_string_equal(other.state, "none");
	assert_string_equal(other.origin, "adopted");
	other = look("other", resume_dir);
	assert_false(other.present);
	assert_string_equal(other.state, "none");
	assert_string_equal(other.origin, "created");
	assert_false(is_file("other.state"));
	other = look("unit", "/nonexistent");
	assert_string_equal(other.state, "none");
	assert_look("served", "resumed");
	resume_again(&b);
	resume_wait(&b, resume_is_served);
	rig_assert_traffic(&b);
	resume_die(&b);
	spoil_description();
	assert_look("unreadable", "adopted");
	assert_true(is_file("unit.state") && !is_file("unit.state.bad"));
	spoil_description();
	assert_look("served", "resumed");
	resume_again(&b);
	resume_down(&b);
}

/* A process died while it created it, or before it wrote a word. */
static void
test_look_half_made(void **state)
{
	struct rig_conf conf = { 0 };
	struct vduse_statefile *store;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	resume_die(&b);
	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	vduse_statefile_creating(store);
	vduse_statefile_close(store, false);
	assert_look("creating", "adopted");
	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	assert_int_equal(ftruncate(store->fd, 0), 0);
	vduse_statefile_close(store, false);
	assert_look("none", "adopted");
	rig_give_back(&b);
	rte_vduse_state_remove(resume_dir, "unit");
	fk_attach(b.dev, false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	assert_int_equal(rmdir(resume_dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_other_version),
		UNIT_TEST(test_described_otherwise),
		UNIT_TEST(test_asked_for_more),
		UNIT_TEST(test_owner_state),
		UNIT_TEST(test_look),
		UNIT_TEST(test_look_half_made),
	};

	return UNIT_RUN("resume_file", tests);
}
