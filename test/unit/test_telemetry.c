/* SPDX-License-Identifier: BSD-3-Clause */

/* What the telemetry end points say, asked as any client asks: over the socket. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include "ctrlq.h"
#include "net/names.h"
#include "ring/queue.h"

/* The tests' EAL runs without; this starts what it would have. Later versions take fewer. */
int rte_telemetry_init(const char *runtime_dir, const char *version, rte_cpuset_t *cpuset,
		int (*log_fn)(uint32_t level, uint32_t type, const char *format, ...),
		uint32_t log_type);

#define ANSWER_MAX 65536

int __wrap_rte_eal_has_hugepages(void);

/* The tests' EAL has none; umem is for an EAL that has. */
int
__wrap_rte_eal_has_hugepages(void)
{
	return 1;
}

static char dir[] = "/tmp/vduse-telemetry-XXXXXX";

static int
telemetry_setup(void **state)
{
	rte_cpuset_t cpus;

	if (unit_eal(state) != 0 || mkdtemp(dir) == NULL)
		return -1;
	memset(&cpus, 0xff, sizeof(cpus));
	return rte_telemetry_init(dir, rte_version(), &cpus, rte_log, RTE_LOGTYPE_EAL);
}

static int
telemetry_teardown(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2", dir);
	unlink(addr.sun_path);
	return rmdir(dir);
}

/* The answer to a command, without its name and braces. */
static void
ask(const char *command, char *answer)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = UNIT_LIMIT_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ssize_t n;

	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2", dir);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	n = recv(fd, answer, ANSWER_MAX - 1, 0); /* who it is */
	assert_true(n > 0);
	assert_int_equal(send(fd, command, strlen(command), 0), strlen(command));
	n = recv(fd, answer, ANSWER_MAX - 1, 0);
	assert_true(n > 0);
	answer[n] = '\0';
	close(fd);
}

/* The answer has each text; the last one is NULL. */
static void
assert_answer(const char *command, const char *const *texts)
{
	char *answer = malloc(ANSWER_MAX);

	assert_non_null(answer);
	ask(command, answer);
	for (; *texts != NULL; texts++)
		if (strstr(answer, *texts) == NULL)
			fail_msg("%s: %s is not in %s", command, *texts, answer);
	free(answer);
}

#define ASSERT_ANSWER(command, ...) \
	assert_answer(command, (const char *const[]){ __VA_ARGS__, NULL })

static struct rte_vduse_net *
create(const char *name)
{
	const struct rte_vduse_net_conf conf = {
		.dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = name,
		.queue_pairs = 1,
		.dev.queue_size = 256,
		.mac = { { 2, 0, 0, 0, 0, 7 } },
		.mtu = 1400,
		.speed = 2500,
	};
	struct rte_vduse_net *net;

	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	return net;
}

static void
test_list(void **state)
{
	struct rte_vduse_net *a, *b;

	(void)state;
	ASSERT_ANSWER("/vduse/list", "{\"/vduse/list\":[]}");
	a = create("one");
	b = create("two");
	ASSERT_ANSWER("/vduse/list", "{\"/vduse/list\":[\"one\",\"two\"]}");
	assert_int_equal(rte_vduse_net_destroy(a), 0);
	ASSERT_ANSWER("/vduse/list", "{\"/vduse/list\":[\"two\"]}");
	assert_int_equal(rte_vduse_net_destroy(b), 0);
	ASSERT_ANSWER("/vduse/list", "{\"/vduse/list\":[]}");
}

static void
test_nobody(void **state)
{
	static const char *const commands[] = { "/vduse/info", "/vduse/queues", "/vduse/iotlb",
		"/vduse/messages" };
	char ask_for[64], want[64];
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(commands); i++) {
		snprintf(want, sizeof(want), "{\"%s\":null}", commands[i]);
		ASSERT_ANSWER(commands[i], want);
		snprintf(ask_for, sizeof(ask_for), "%s,nobody", commands[i]);
		ASSERT_ANSWER(ask_for, want);
		/* they are on the list of commands */
		ASSERT_ANSWER("/", commands[i]);
	}
}

static void
test_info(void **state)
{
	struct rte_vduse_net *net = create("one");
	const struct rig_conf conf = { .name = "one", .variant.packed = true };
	struct rig b;

	(void)state;
	ASSERT_ANSWER("/vduse/info,one", "\"name\":\"one\"", "\"api_version\":0",
			"\"mac\":\"02:00:00:00:00:07\"", "\"mtu\":1400", "\"speed_mbps\":2500",
			"\"link_up\":0", "\"queue_pairs\":1", "\"started\":0", "\"broken\":0",
			"\"phase\":\"idle\"", "\"origin\":\"created\"", "\"status\":[]",
			"\"VIRTIO_NET_F_SPEED_DUPLEX\"", "\"negotiated\":[]");
	rig_take(&b, &conf, net);
	assert_int_equal(rte_vduse_net_set_link(net, true), 0);
	rig_drive(&b);
	ASSERT_ANSWER("/vduse/info,one", "\"link_up\":1", "\"started\":1", "\"phase\":\"running\"",
			"\"status\":[\"ACKNOWLEDGE\",\"DRIVER\",\"DRIVER_OK\",\"FEATURES_OK\"]",
			"\"negotiated\":[\"VIRTIO_F_VERSION_1\",\"VIRTIO_F_ACCESS_PLATFORM\","
			"\"VIRTIO_F_RING_PACKED\"]");
	rig_down(&b);
}

static void
test_queues(void **state)
{
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i;

	(void)state;
	ctrlq_up(&b, 0, 0);
	for (i = 0; i < 7; i++)
		rig_send(&b, RIG_BUFFERS + 256 * i, i, 60);
	for (i = 0; i < 3; i++) {
		m = rig_dequeue(&b);
		assert_non_null(m);
		rte_pktmbuf_free(m);
	}
	ASSERT_ANSWER("/vduse/queues,unit", "\"vq0\":{\"kind\":\"receive\"",
			"\"vq1\":{\"kind\":\"transmit\",\"max_size\":256,\"size\":256,"
			"\"phase\":\"served\",\"ready\":1,"
			"\"running\":1,\"format\":\"split\"",
			"\"avail_index\":3,\"used_index\":3,\"fill\":4", "\"calls\":3",
			"\"vq8\":{\"kind\":\"control\"", "\"desc_iova\":\"0x40000000\"");
	assert_int_equal(fk_reset(b.dev), 0);
	ASSERT_ANSWER("/vduse/queues,unit",
			"\"size\":0,\"phase\":\"off\",\"ready\":0,\"running\":0", "\"fill\":-1");
	/* a fault has a name */
	rig_drive(&b);
	assert_int_equal(mock_vq_add(rig_tx(&b), &(struct mock_desc){ .iova = 1, .len = 99 }, 1,
					 NULL),
			0);
	assert_null(rig_dequeue(&b));
	ASSERT_ANSWER("/vduse/queues,unit", "\"fault\":\"address outside of every IOVA region");
	rig_down(&b);
}

/* The queue that is looked at; looks at its ring, and those that a restart could have come into. */
static struct vduse_vq *looked_at;
static unsigned int looks, looks_open;

void *__real_vduse_iotlb_linear_locked(
		const struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm);
void *__wrap_vduse_iotlb_linear_locked(
		const struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm);

void *
__wrap_vduse_iotlb_linear_locked(
		const struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm)
{
	if (looked_at != NULL) {
		looks++;
		if (pthread_mutex_trylock(&looked_at->ctl.lock.lock) == 0) {
			looks_open++;
			pthread_mutex_unlock(&looked_at->ctl.lock.lock);
		}
	}
	return __real_vduse_iotlb_linear_locked(tlb, iova, len, perm);
}

/* A ring stays what it is while it is read, and its end is that of the look. */
static void
test_restarted(void **state)
{
	const struct rig_conf conf = { .variant.packed = true, .ring_size = 8 };
	struct vduse_vq_view view;
	struct vduse_vq *vq;
	struct rig b;
	unsigned int i;

	(void)state;
	rig_up(&b, &conf);
	vq = vduse_dev_vq(b.net->dev, 1);
	looked_at = vq;
	/* available as far as the memory goes, by a driver that does not heed the ring's size */
	for (i = 0; i < 64; i++)
		rig_tx(&b)->pdesc[i].flags = rte_cpu_to_le_16(1 << VRING_PACKED_DESC_F_AVAIL);
	vduse_vq_look(vq, &view);
	looked_at = NULL;
	assert_int_equal(looks, 2);
	assert_int_equal(looks_open, 0);
	assert_int_equal(view.size, 8);
	assert_int_equal(view.fill, 8);
	/* a position of a ring that was larger */
	vq->pos.avail.idx = 100;
	vduse_vq_look(vq, &view);
	assert_int_equal(view.fill, -1);
	vq->pos.avail.idx = 0;
	rig_down(&b);
}

static void
test_iotlb(void **state)
{
	const struct rig_conf conf = { 0 };
	struct fk_region bounce = { .iova = 0, .size = 4096, .perm = VDUSE_ABI_RW, .bounce = true };
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"umem_capable\":0");
	bounce.file = memfd_create("bounce", MFD_CLOEXEC);
	assert_int_equal(ftruncate(bounce.file, bounce.size), 0);
	fk_map(b.dev, &bounce);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"umem_capable\":1");
	fk_unmap(b.dev, 0);
	close(bounce.file);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"misses\":0", "\"asid0\":{\"regions\":0,\"extents\":0",
			"\"map\":[]");
	rig_drive(&b);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"regions\":67", "\"0x40000000-0x40ffffff rw\"",
			"\"0x90000000-0x9000ffff r\"", "\"0x90010000-0x9001ffff w\"");
	fk_unmap(b.dev, GUEST_RO);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"regions\":66");
	rig_down(&b);
}

/* Memory of ours is told from the kernel's. */
static void
test_umem(void **state)
{
	const struct rig_conf conf = { .umem = true };
	struct fk_region bounce = { .size = 1 << 20, .perm = VDUSE_ABI_RW, .bounce = true };
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	bounce.file = memfd_create("bounce", MFD_CLOEXEC);
	assert_int_equal(ftruncate(bounce.file, bounce.size), 0);
	fk_map(b.dev, &bounce);
	rig_drive(&b);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"0x0-0xfffff rw umem\"",
			"\"0x40000000-0x40ffffff rw\"");
	assert_int_equal(fk_reset(b.dev), 0);
	ASSERT_ANSWER("/vduse/iotlb,unit", "\"map\":[]");
	fk_unmap(b.dev, 0);
	close(bounce.file);
	rig_destroy(&b);
}

static void
test_messages(void **state)
{
	const struct rig_conf conf = { 0 };
	struct vduse_abi_vq_state s;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_int_equal(fk_update_iotlb(b.dev, 5, 4), -EIO);
	assert_int_equal(fk_get_vq_state(b.dev, 0, &s), 0);
	/* a request is counted once it is answered, and before the next one is */
	assert_int_equal(fk_set_group_asid(b.dev, 0, 0), -EIO);
	/* ACKNOWLEDGE to DRIVER_OK are four */
	ASSERT_ANSWER("/vduse/messages,unit", "\"get_vq_state\":1", "\"set_status\":4",
			"\"update_iotlb\":2,\"update_iotlb_refused\":1", "\"unknown\":0",
			"\"latency_ns_average\":", "\"latency_ns_max\":");
	rig_down(&b);
}

static void
test_status_names(void **state)
{
	(void)state;
	assert_string_equal(net_status_name(0), "ACKNOWLEDGE");
	assert_string_equal(net_status_name(2), "DRIVER_OK");
	assert_string_equal(net_status_name(6), "DEVICE_NEEDS_RESET");
	assert_string_equal(net_status_name(7), "FAILED");
	assert_null(net_status_name(4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_list),
		UNIT_TEST(test_nobody),
		UNIT_TEST(test_info),
		UNIT_TEST(test_queues),
		UNIT_TEST(test_restarted),
		UNIT_TEST(test_iotlb),
		UNIT_TEST(test_umem),
		UNIT_TEST(test_messages),
		UNIT_TEST(test_status_names),
	};

	return FILTER_RUN("telemetry", tests, telemetry_setup, telemetry_teardown);
}
