/* SPDX-License-Identifier: BSD-3-Clause */

/* A device type from outside of the library: rte_vduse_vq.h, and what an owner may leave out. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "life/serve.h"
#include "owner.h"
#include "rte_vduse_vq.h"

#define BIT(name) (1ULL << (name))

#define NAME   "unit"
#define SIZE   64
#define BUFFER (GUEST_MAIN + (8ull << 20))

static struct rte_vduse_dev *dev;
static struct iovec iov[RTE_VDUSE_VQ_SEGS_MAX];

/* The vDPA bus is the test's. */
static struct {
	bool has;
	unsigned int detached;
} bus;

bool __wrap_vduse_bus_has(const char *name);
int __wrap_vduse_bus_detach(const char *name);

bool
__wrap_vduse_bus_has(const char *name)
{
	(void)name;
	return bus.has;
}

int
__wrap_vduse_bus_detach(const char *name)
{
	fk_attach(fk_find(name), false);
	bus.has = false;
	bus.detached++;
	return 0;
}

static void
create(const char *dir)
{
	static const struct rte_vduse_ops ops;
	const struct rte_vduse_conf conf = {
		.name = NAME,
		.device_id = VIRTIO_ID_BLOCK,
		.features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
			    BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX) |
			    BIT(VIRTIO_RING_F_INDIRECT_DESC),
		.nb_queues = 1,
		.queue_size = SIZE,
		.first_control_queue = 1,
		.adopt_fd = -1,
		.tuning.msg_timeout = -1,
		.config = "configuration",
		.config_size = 14,
		.ops = &ops,
		.state_dir = dir,
	};

	assert_int_equal(rte_vduse_dev_create(&conf, &dev), 0);
	assert_int_equal(rte_vduse_dev_ready(dev), 0);
}

static void
up(struct owner *o, const struct rig_variant *variant)
{
	create(NULL);
	owner_up(o, NAME, variant, 0);
}

static void
down(struct owner *o)
{
	owner_down(o);
	assert_int_equal(rte_vduse_dev_destroy(dev), 0);
}

/* In all ring formats, with event indices and tables and without. */
static void
in_variants(void (*body)(const struct rig_variant *variant))
{
	unsigned int v;

	for (v = 0; v < RIG_VARIANTS; v++)
		if (!rig_variants[v].mergeable)
			body(&rig_variants[v]);
}

static bool
is_broken(void)
{
	struct rte_vduse_info info;

	rig_settle();
	rte_vduse_dev_info(dev, &info);
	return info.broken;
}

/* A request of the driver: a word to read and two bytes to write. */
static void
ask(struct owner *o, uint32_t word, uint16_t place)
{
	const uint64_t at = BUFFER + place * 16;
	const struct mock_desc descs[] = { { at, 4, false }, { at + 4, 2, true } };

	guest_write(&o->guest, at, &word, sizeof(word));
	owner_add(o, descs, 2, place);
}

static int
fetch(struct rte_vduse_vq_burst *burst, struct rte_vduse_vq_chain *chain)
{
	*chain = (struct rte_vduse_vq_chain){ .iov = iov, .room = RTE_VDUSE_VQ_SEGS_MAX };
	return rte_vduse_vq_fetch(burst, chain);
}

/* The next chain is the request with this word. */
static void
fetch_word(struct rte_vduse_vq_burst *burst, struct rte_vduse_vq_chain *chain, uint32_t word)
{
	assert_int_equal(fetch(burst, chain), 1);
	assert_int_equal(chain->nb_read, 1);
	assert_int_equal(chain->nb_write, 1);
	assert_int_equal(iov[0].iov_len, 4);
	assert_int_equal(iov[1].iov_len, 2);
	assert_memory_equal(iov[0].iov_base, &word, sizeof(word));
}

/* Bytes both ways, across regions that are not neighbours in memory. */
static void
request(const struct rig_variant *variant)
{
	const uint64_t cross = GUEST_PATCH + GUEST_PATCH_SIZE - 3;
	const struct mock_desc descs[] = { { cross, 8, false }, { BUFFER, 4, true },
		{ BUFFER + 100, 5, true } };
	struct rte_vduse_vq_burst burst;
	struct rte_vduse_vq_chain chain;
	unsigned int irqs;
	struct owner o;
	char text[9] = { 0 };

	up(&o, variant);
	guest_write(&o.guest, cross, "question", 8);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	assert_int_equal(fetch(&burst, &chain), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_add(&o, descs, 3, 0);
	irqs = fk_irqs(o.dev, 0);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	assert_int_equal(fetch(&burst, &chain), 1);
	assert_int_equal(chain.nb_read, 2);
	assert_int_equal(chain.nb_write, 2);
	memcpy(text, iov[0].iov_base, iov[0].iov_len);
	memcpy(text + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	assert_string_equal(text, "question");
	assert_int_equal(iov[0].iov_len, 3);
	memcpy(iov[2].iov_base, "answ", 4);
	memcpy(iov[3].iov_base, "er", 2);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 6), 0);
	owner_got_none(&o);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 6);
	assert_int_equal(fk_irqs(o.dev, 0), irqs + 1);
	guest_read(&o.guest, BUFFER, text, 4);
	guest_read(&o.guest, BUFFER + 100, text + 4, 2);
	assert_memory_equal(text, "answer", 6);
	down(&o);
}

static void
test_request(void **state)
{
	(void)state;
	in_variants(request);
}

/* Several at once go back in their order; what is not given back comes again, the ring wraps. */
static void
order(const struct rig_variant *variant)
{
	struct rte_vduse_vq_chain chain[3], none;
	struct rte_vduse_vq_burst burst;
	struct owner o;
	uint32_t i;

	up(&o, variant);
	for (i = 0; i < SIZE; i++) {
		ask(&o, i, 0);
		ask(&o, i + 1, 1);
		ask(&o, i + 2, 2);
		assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
		fetch_word(&burst, &chain[0], i);
		fetch_word(&burst, &chain[1], i + 1);
		fetch_word(&burst, &chain[2], i + 2);
		assert_int_equal(fetch(&burst, &none), 0);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain[1], 0), -EINVAL);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain[0], 1), 0);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain[0], 1), -EINVAL);
		rte_vduse_vq_burst_end(&burst);
		owner_got(&o, 1);
		owner_got_none(&o);
		assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
		fetch_word(&burst, &chain[1], i + 1);
		fetch_word(&burst, &chain[2], i + 2);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain[1], 2), 0);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain[2], 0), 0);
		rte_vduse_vq_burst_end(&burst);
		owner_got(&o, 2);
		owner_got(&o, 0);
	}
	assert_int_equal(o.vq.nb_free, SIZE);
	down(&o);
}

static void
test_order(void **state)
{
	(void)state;
	in_variants(order);
}

/* A process dies in the middle of a burst: the next one has what its driver has not seen back. */
static void
killed(const struct rig_variant *variant)
{
	char dir[] = "/dev/shm/vq.XXXXXX";
	struct rte_vduse_vq_chain chain[3];
	struct rte_vduse_vq_burst burst;
	struct owner o;
	uint32_t i;

	assert_non_null(mkdtemp(dir));
	unit_log_clear();
	create(dir);
	owner_up(&o, NAME, variant, 0);
	for (i = 0; i < 3; i++)
		ask(&o, i, (uint16_t)i);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain[0], 0);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain[0], 2), 0);
	rte_vduse_vq_burst_end(&burst);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain[1], 1);
	fetch_word(&burst, &chain[2], 2);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain[1], 2), 0);
	/* the end of the thread, not of the burst; then as by a kill */
	vduse_vq_burst_end(burst.vq);
	vduse_serve_end(dev);
	assert_true(vduse_phase_set(dev, VDUSE_PHASE_LEFT));
	assert_int_equal(rte_vduse_dev_destroy(dev), 0);
	create(dir);
	unit_assert_logged_once("resumed after the previous process");
	while (!rte_vduse_vq_burst_begin(dev, 0, &burst))
		rig_settle();
	fetch_word(&burst, &chain[1], 1);
	fetch_word(&burst, &chain[2], 2);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain[1], 1), 0);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain[2], 0), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 2);
	owner_got(&o, 1);
	owner_got(&o, 0);
	assert_int_equal(o.vq.nb_free, SIZE);
	down(&o);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_killed(void **state)
{
	(void)state;
	in_variants(killed);
}

/* A chain of more segments than the owner has room for, or anybody. */
static void
too_long(const struct rig_variant *variant)
{
	static struct mock_desc descs[2 * RTE_VDUSE_VQ_SEGS_MAX];
	const uint16_t n = variant->indirect ? RTE_VDUSE_VQ_SEGS_MAX : SIZE - 2;
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	struct owner o;
	uint16_t i;

	for (i = 0; i < RTE_DIM(descs); i++)
		descs[i] = (struct mock_desc){ BUFFER + i, 1, false };
	up(&o, variant);
	owner_add(&o, descs, n, 0);
	ask(&o, 7, 3);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	chain = (struct rte_vduse_vq_chain){ .iov = iov, .room = n - 1 };
	assert_int_equal(rte_vduse_vq_fetch(&burst, &chain), -E2BIG);
	assert_int_equal(chain.nb_read + chain.nb_write, 0);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 0), 0);
	fetch_word(&burst, &chain, 7);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 2), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 0);
	owner_got(&o, 2);
	owner_add(&o, descs, n, 0);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	assert_int_equal(fetch(&burst, &chain), 1);
	assert_int_equal(chain.nb_read, n);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 0), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 0);
	if (variant->indirect && !variant->packed) {
		owner_add(&o, descs, n + 1, 0);
		assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
		assert_int_equal(fetch(&burst, &chain), -E2BIG);
		assert_int_equal(rte_vduse_vq_put(&burst, &chain, 0), 0);
		rte_vduse_vq_burst_end(&burst);
		owner_got(&o, 0);
	}
	assert_false(is_broken());
	down(&o);
}

static void
test_too_long(void **state)
{
	(void)state;
	in_variants(too_long);
}

/* A driver cannot keep a burst from its end: what it makes one read is bounded. */
static void
test_work(void **state)
{
	static struct mock_desc descs[RTE_VDUSE_VQ_SEGS_MAX];
	const struct rig_variant *variant = &rig_variants[2];
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	unsigned int i, n, total = 0;
	struct owner o;

	(void)state;
	for (i = 0; i < RTE_DIM(descs); i++)
		descs[i] = (struct mock_desc){ BUFFER + i, 1, false };
	up(&o, variant);
	for (i = 0; i < SIZE; i++)
		owner_add(&o, descs, RTE_DIM(descs), 0);
	while (total < SIZE) {
		assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
		for (n = 0; fetch(&burst, &chain) == 1; n++)
			assert_int_equal(rte_vduse_vq_put(&burst, &chain, 0), 0);
		rte_vduse_vq_burst_end(&burst);
		assert_in_range(n, 1, 5);
		total += n;
	}
	for (i = 0; i < SIZE; i++)
		owner_got(&o, 0);
	down(&o);
}

/* What is malformed stops this device, once said; what was put before is given back. */
static void
malformed(const struct rig_variant *variant)
{
	const struct mock_desc empty = { BUFFER, 0, false };
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	struct owner o;

	up(&o, variant);
	unit_log_clear();
	ask(&o, 1, 0);
	owner_add(&o, &empty, 1, 1);
	ask(&o, 2, 2);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain, 1);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 2), 0);
	assert_int_equal(fetch(&burst, &chain), 0);
	assert_int_equal(fetch(&burst, &chain), 0);
	rte_vduse_vq_burst_end(&burst);
	assert_true(is_broken());
	unit_assert_logged_once("malformed ring: descriptor of no length");
	owner_got(&o, 2);
	owner_got_none(&o);
	assert_false(rte_vduse_vq_burst_begin(dev, 0, &burst));
	down(&o);
}

static void
test_malformed(void **state)
{
	(void)state;
	in_variants(malformed);
}

/* The same where only the device type knows that it is; the next driver is served. */
static void
test_fail(void **state)
{
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	struct owner o;

	(void)state;
	up(&o, &rig_variants[0]);
	unit_log_clear();
	ask(&o, 1, 0);
	ask(&o, 2, 1);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain, 1);
	rte_vduse_vq_fail(&burst, "a word that nobody knows");
	assert_int_equal(fetch(&burst, &chain), 0);
	rte_vduse_vq_burst_end(&burst);
	assert_true(is_broken());
	unit_assert_logged_once("malformed ring: a word that nobody knows");
	owner_got_none(&o);
	owner_down(&o);
	owner_up(&o, NAME, &rig_variants[8], 0);
	assert_false(is_broken());
	ask(&o, 3, 0);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain, 3);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 2), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 2);
	down(&o);
}

/* A buffer at an address that is not mapped yet: the queue rests, and the chain comes again. */
static void
test_miss(void **state)
{
	const struct fk_region late = { .iova = 0xa0000000, .size = 4096, .perm = VDUSE_ABI_RW };
	const struct mock_desc desc = { late.iova, 4, false };
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	struct fk_region region = late;
	struct owner o;

	(void)state;
	up(&o, &rig_variants[0]);
	owner_add(&o, &desc, 1, 0);
	region.file = o.guest.files[0];
	fk_map(o.dev, &region);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	assert_int_equal(fetch(&burst, &chain), 0);
	rte_vduse_vq_burst_end(&burst);
	while (!rte_vduse_vq_burst_begin(dev, 0, &burst))
		rig_settle();
	assert_int_equal(fetch(&burst, &chain), 1);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 0), 0);
	rte_vduse_vq_burst_end(&burst);
	owner_got(&o, 0);
	assert_false(is_broken());
	down(&o);
}

static bool
is_readable(void)
{
	struct pollfd pfd = { .fd = rte_vduse_vq_wake_fd(dev, 0), .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* Who sleeps is woken by a kick, and does not fall asleep where something waits. */
static void
wake(const struct rig_variant *variant)
{
	struct rte_vduse_vq_chain chain;
	struct rte_vduse_vq_burst burst;
	struct owner o;

	create(NULL);
	rte_vduse_vq_wake_enable(dev, 0);
	assert_false(is_readable());
	owner_up(&o, NAME, variant, 0);
	assert_true(is_readable());
	rte_vduse_vq_wake_disable(dev, 0);
	rte_vduse_vq_wake_enable(dev, 0);
	assert_false(is_readable());
	ask(&o, 1, 0);
	assert_true(mock_vq_need_kick(&o.vq));
	fk_kick(o.dev, 0);
	assert_true(is_readable());
	rte_vduse_vq_wake_disable(dev, 0);
	rte_vduse_vq_wake_enable(dev, 0);
	assert_true(is_readable());
	rte_vduse_vq_wake_disable(dev, 0);
	assert_true(rte_vduse_vq_burst_begin(dev, 0, &burst));
	fetch_word(&burst, &chain, 1);
	assert_int_equal(rte_vduse_vq_put(&burst, &chain, 2), 0);
	rte_vduse_vq_burst_end(&burst);
	rte_vduse_vq_wake_enable(dev, 0);
	assert_false(is_readable());
	rte_vduse_vq_wake_disable(dev, 0);
	owner_got(&o, 2);
	down(&o);
}

static void
test_wake(void **state)
{
	(void)state;
	in_variants(wake);
}

/* Of every type of device: rings are as virtio 1.x has them, at addresses of an IOMMU. */
static void
test_required(void **state)
{
	const uint64_t required[] = { BIT(VIRTIO_F_VERSION_1), BIT(VIRTIO_F_ACCESS_PLATFORM) };
	struct owner o;
	size_t i;

	(void)state;
	create(NULL);
	for (i = 0; i < RTE_DIM(required); i++) {
		unit_log_clear();
		owner_begin(&o, NAME, &rig_variants[0], 0);
		fk_set_features(o.dev, o.features & ~required[i]);
		assert_int_equal(fk_set_status(o.dev, RIG_FEATURES_OK), -EIO);
		unit_assert_logged_once("the driver takes no VIRTIO_F_VERSION_1");
		owner_down(&o);
	}
	assert_int_equal(rte_vduse_dev_destroy(dev), 0);
}

/* Its owner takes a device off the bus that somebody else put there, while it still serves it. */
static void
test_detach(void **state)
{
	struct owner o;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	up(&o, &rig_variants[0]);
	assert_int_equal(rte_vduse_dev_detach(dev), 0);
	assert_int_equal(bus.detached, 0);
	fk_attach(o.dev, true);
	bus.has = true;
	assert_int_equal(rte_vduse_dev_detach(dev), 0);
	assert_int_equal(bus.detached, 1);
	down(&o);
	assert_int_equal(bus.detached, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_request),
		UNIT_TEST(test_order),
		UNIT_TEST(test_killed),
		UNIT_TEST(test_too_long),
		UNIT_TEST(test_work),
		UNIT_TEST(test_malformed),
		UNIT_TEST(test_fail),
		UNIT_TEST(test_miss),
		UNIT_TEST(test_wake),
		UNIT_TEST(test_required),
		UNIT_TEST(test_detach),
	};

	return UNIT_RUN("vq", tests);
}
