/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A block device (virtio 1.2, 5.2) of memory or a file, with the core of the library and no more:
 * doc/device.md goes through it step by step.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_eal.h>

#include <rte_vduse_iov.h>
#include <rte_vduse_vq.h>

#define BLK_SECTOR     512
#define BLK_QUEUE_SIZE 256
/* Segments of a request's data; header and status come on top. */
#define BLK_SEGS_MAX (BLK_QUEUE_SIZE - 2)
/* Requests of a burst: what the driver asks besides waits for its end. */
#define BLK_BURST 16

static const char blk_usage[] =
		"usage: vduse-blk [EAL options] -- --name NAME (--memory MIB | --file PATH)\n"
		"  --read-only          the driver cannot write\n"
		"  --state-dir DIR      after a SIGKILL the same command goes on (with --file)\n"
		"  --attach HOW         virtio: a disk of this host; vhost: /dev/vhost-vdpa-N;\n"
		"                       none (default): you run vdpa dev add\n";

struct blk {
	const char *name, *file, *state_dir; /* options */
	uint64_t memory;                     /* bytes */
	bool read_only;
	enum rte_vduse_attach attach;

	int fd;           /* of the contents */
	uint64_t sectors; /* of BLK_SECTOR bytes */
	struct rte_vduse_dev *dev;
	bool has_flush; /* the driver says when writes are to be stable */
	pthread_t thread;
	int stop_fd; /* eventfd that wakes the thread */
	bool stop;   /* atomic */
	struct iovec iov[RTE_VDUSE_VQ_SEGS_MAX];
};

static uint8_t
blk_transfer(const struct blk *blk, struct rte_vduse_iov *data, uint64_t sector, bool write)
{
	const uint64_t len = rte_vduse_iov_len(data);
	off_t at = (off_t)(sector * BLK_SECTOR);
	ssize_t n;

	if (len % BLK_SECTOR != 0 || len >= UINT32_MAX || sector > blk->sectors ||
			len / BLK_SECTOR > blk->sectors - sector)
		return VIRTIO_BLK_S_IOERR;
	while (data->nb > 0) {
		n = write ? pwritev(blk->fd, data->iov, data->nb, at)
			  : preadv(blk->fd, data->iov, data->nb, at);
		if (n < 0 && errno == EINTR)
			continue;
		/* EFAULT among others: the driver's memory is gone */
		if (n <= 0)
			return VIRTIO_BLK_S_IOERR;
		at += n;
		rte_vduse_iov_skip(data, (size_t)n);
	}
	/* a driver that cannot ask for a flush takes writes for stable (5.2.6.2) */
	if (write && !blk->has_flush && fdatasync(blk->fd) < 0)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* What the request is answered with. */
static uint8_t
blk_do(const struct blk *blk, const struct virtio_blk_outhdr *hdr, struct rte_vduse_iov *from,
		struct rte_vduse_iov *to)
{
	const uint64_t sector = rte_le_to_cpu_64(hdr->sector);
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };

	switch (rte_le_to_cpu_32(hdr->type)) {
	case VIRTIO_BLK_T_IN:
		return blk_transfer(blk, to, sector, false);
	case VIRTIO_BLK_T_OUT:
		return blk->read_only ? VIRTIO_BLK_S_IOERR : blk_transfer(blk, from, sector, true);
	case VIRTIO_BLK_T_FLUSH:
		return fdatasync(blk->fd) == 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	case VIRTIO_BLK_T_GET_ID:
		memcpy(id, blk->name, strnlen(blk->name, sizeof(id)));
		/* as much as there is room for */
		rte_vduse_iov_write(to, id, sizeof(id));
		return VIRTIO_BLK_S_OK;
	}
	return VIRTIO_BLK_S_UNSUPP;
}

/* 5.2.6: a header, data either way, a byte for the status. Returns false: it is none. */
static bool
blk_request(const struct blk *blk, const struct rte_vduse_vq_chain *chain, uint32_t *written)
{
	struct rte_vduse_iov from = rte_vduse_iov_readable(chain);
	struct rte_vduse_iov to = rte_vduse_iov_writable(chain);
	struct virtio_blk_outhdr hdr;
	uint8_t *status;
	uint64_t len;

	if (!rte_vduse_iov_read(&from, &hdr, sizeof(hdr)))
		return false;
	status = rte_vduse_iov_cut(&to);
	if (status == NULL)
		return false;
	len = rte_vduse_iov_len(&to);
	*status = blk_do(blk, &hdr, &from, &to);
	*written = to.nb == 0 ? (uint32_t)len + 1 : 1;
	return true;
}

/* A burst of requests; returns how many. */
static unsigned int
blk_serve(struct blk *blk)
{
	struct rte_vduse_vq_chain chain = { .iov = blk->iov, .room = RTE_DIM(blk->iov) };
	struct rte_vduse_vq_burst burst;
	unsigned int n = 0;
	uint32_t written;
	int ret = 0;

	if (!rte_vduse_vq_burst_begin(blk->dev, 0, &burst))
		return 0;
	for (; n < BLK_BURST && (ret = rte_vduse_vq_fetch(&burst, &chain)) > 0; n++) {
		if (!blk_request(blk, &chain, &written)) {
			rte_vduse_vq_fail(&burst, "block request without header or status");
			break;
		}
		rte_vduse_vq_put(&burst, &chain, written);
	}
	if (ret == -E2BIG)
		rte_vduse_vq_fail(&burst, "block request of too many segments");
	rte_vduse_vq_burst_end(&burst);
	return n;
}

/* The thread that serves the queue: it polls while there is work, and sleeps otherwise. */
static void *
blk_run(void *arg)
{
	struct blk *blk = arg;
	struct pollfd fds[] = { { .fd = rte_vduse_vq_wake_fd(blk->dev, 0), .events = POLLIN },
		{ .fd = blk->stop_fd, .events = POLLIN } };

	while (!__atomic_load_n(&blk->stop, __ATOMIC_RELAXED)) {
		if (blk_serve(blk) > 0)
			continue;
		rte_vduse_vq_wake_enable(blk->dev, 0);
		poll(fds, RTE_DIM(fds), -1);
		rte_vduse_vq_wake_disable(blk->dev, 0);
	}
	return NULL;
}

/* DRIVER_OK; no burst runs yet. */
static int
blk_on_start(void *priv, uint64_t features)
{
	struct blk *blk = priv;

	blk->has_flush = features & RTE_BIT64(VIRTIO_BLK_F_FLUSH);
	return 0;
}

static int
blk_create(struct blk *blk)
{
	static const struct rte_vduse_ops ops = { .start = blk_on_start };
	const struct virtio_blk_config config = {
		.capacity = rte_cpu_to_le_64(blk->sectors),
		.seg_max = rte_cpu_to_le_32(BLK_SEGS_MAX),
		.blk_size = rte_cpu_to_le_32(BLK_SECTOR),
	};
	struct rte_vduse_conf conf;

	rte_vduse_conf_init(&conf);
	conf.name = blk->name;
	conf.device_id = VIRTIO_ID_BLOCK;
	conf.features = RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) |
			RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_F_IN_ORDER) |
			RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) |
			RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) | RTE_BIT64(VIRTIO_BLK_F_FLUSH) |
			RTE_BIT64(VIRTIO_BLK_F_SEG_MAX) | RTE_BIT64(VIRTIO_BLK_F_BLK_SIZE) |
			(blk->read_only ? RTE_BIT64(VIRTIO_BLK_F_RO) : 0);
	conf.nb_queues = 1;
	conf.queue_size = BLK_QUEUE_SIZE;
	conf.config = &config;
	conf.config_size = sizeof(config);
	conf.ops = &ops;
	conf.priv = blk;
	conf.state_dir = blk->state_dir;
	return rte_vduse_dev_create(&conf, &blk->dev);
}

static int
blk_open(struct blk *blk)
{
	off_t end = -1;

	if (blk->file != NULL)
		blk->fd = open(blk->file, (blk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	else
		blk->fd = memfd_create("vduse-blk", MFD_CLOEXEC);
	if (blk->fd >= 0 && (blk->file != NULL || ftruncate(blk->fd, (off_t)blk->memory) == 0))
		end = lseek(blk->fd, 0, SEEK_END);
	if (end < BLK_SECTOR) {
		fprintf(stderr, "%s: %s\n", blk->file != NULL ? blk->file : "memory",
				end < 0 ? strerror(errno) : "no sector fits in; make it longer");
		return -1;
	}
	blk->sectors = (uint64_t)end / BLK_SECTOR;
	return 0;
}

static int
blk_args(struct blk *blk, int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
		{ "memory", required_argument, NULL, 'm' },
		{ "file", required_argument, NULL, 'f' }, { "read-only", no_argument, NULL, 'r' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "attach", required_argument, NULL, 'a' }, { 0 } };
	static const char *const attach[] = { "none", "virtio", "vhost" };
	bool good = true;
	size_t i;
	int c;

	optind = 1; /* EAL has parsed before */
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		for (i = 0; c == 'a' && i < RTE_DIM(attach) && strcmp(optarg, attach[i]) != 0; i++)
			;
		if (c == 'n')
			blk->name = optarg;
		else if (c == 'm')
			blk->memory = strtoull(optarg, NULL, 10) << 20;
		else if (c == 'f')
			blk->file = optarg;
		else if (c == 'r')
			blk->read_only = true;
		else if (c == 's')
			blk->state_dir = optarg;
		else if (c == 'a' && i < RTE_DIM(attach))
			blk->attach = (enum rte_vduse_attach)i;
		else
			good = false;
	}
	if (good && optind == argc && blk->name != NULL &&
			(blk->memory == 0) == (blk->file != NULL) &&
			(blk->state_dir == NULL || blk->file != NULL))
		return 0;
	fputs(blk_usage, stderr);
	return -1;
}

/* Returns the exit status. */
static int
blk_live(struct blk *blk, const sigset_t *signals)
{
	int sig, ret;

	blk->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (blk->stop_fd < 0 || blk_create(blk) < 0)
		return EXIT_FAILURE;
	ret = pthread_create(&blk->thread, NULL, blk_run, blk);
	if (ret != 0)
		goto destroy;
	/* the driver asks for sectors before it is attached, and as it leaves */
	ret = rte_vduse_dev_ready(blk->dev);
	if (ret == 0)
		ret = rte_vduse_dev_attach(blk->dev, blk->attach);
	if (ret == 0) {
		printf("%s: %" PRIu64 " sectors\n", blk->name, blk->sectors);
		fflush(stdout);
		sigwait(signals, &sig);
	}
	rte_vduse_dev_detach(blk->dev);
	__atomic_store_n(&blk->stop, true, __ATOMIC_RELAXED);
	eventfd_write(blk->stop_fd, 1);
	pthread_join(blk->thread, NULL);
destroy:
	if (rte_vduse_dev_destroy(blk->dev) < 0)
		ret = -EBUSY;
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	static struct blk blk;
	sigset_t signals;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	/* for sigwait(); the threads that EAL and the library start have them blocked, too */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	ret = rte_eal_init(argc, argv);
	if (ret < 0)
		return EXIT_FAILURE;
	if (blk_args(&blk, argc - ret, argv + ret) < 0 || blk_open(&blk) < 0)
		ret = EXIT_FAILURE;
	else
		ret = blk_live(&blk, &signals);
	rte_eal_cleanup();
	return ret;
}
