/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Commands on the control queue, well formed or not, through a kick as the
 * kernel gives it; frames in between meet what they set.
 */

#include <sched.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define PAIRS 2
#define CVQ   (2 * PAIRS)

/* Where commands are, and what is written behind them. */
#define CMD      FUZZ_DATA
#define ACK      (FUZZ_DATA + 0x8000)
#define DATA_MAX 512

#define BIT(name) (1ULL << (name))

static const uint64_t features = BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ) |
				 BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |
				 BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
				 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |
				 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT(VIRTIO_NET_F_RSS) |
				 BIT(VIRTIO_NET_F_NOTF_COAL) | BIT(VIRTIO_NET_F_VQ_NOTF_COAL) |
				 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_STATUS);

static struct fuzz_dev fd;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_dev_create(&fd, PAIRS);
	FUZZ_CHECK(fd.nb_vqs == CVQ + 1);
	return 0;
}

/* Nobody looks at the kicks of a device that has stopped. */
static bool
is_broken(void)
{
	struct rte_vduse_net_info info;

	rte_vduse_net_info(fd.net, &info);
	return info.dev.broken;
}

/* The control thread has served what it was kicked for. */
static void
kick(void)
{
	const time_t until = time(NULL) + 30;
	struct vduse_abi_vq_state state;

	fuzz_race_begin(NULL);
	fk_kick(fd.dev, CVQ);
	do {
		while (!fk_kick_is_taken(fd.dev, CVQ) && !is_broken()) {
			FUZZ_CHECK(time(NULL) < until);
			sched_yield();
		}
		/* answered by the thread that took it, behind that */
		FUZZ_CHECK(fk_get_vq_state(fd.dev, 0, &state) == 0);
	} while (!fk_kick_is_taken(fd.dev, CVQ) && !is_broken());
	fuzz_race_end();
	fuzz_dev_settle(&fd);
}

/* A command; its data are the records behind it. b: where it is cut, c: the room behind. */
static void
command(const struct fuzz_rec *rec, struct fuzz_input *in)
{
	const uint16_t slot = fd.slot[CVQ];
	uint8_t cmd[DATA_MAX] = { rec->a % 8, (rec->a >> 3) % 6 };
	uint32_t len = 2 + RTE_MIN(rec->c & 0xff, sizeof(cmd) - 2), cut = 1 + rec->b % len, n;

	memcpy(cmd + 2, &rec->d, sizeof(rec->d));
	n = len > 10 ? RTE_MIN(len - 10, in->left) : 0;
	memcpy(cmd + 10, in->data, n);
	in->data += n;
	in->left -= n;
	fuzz_write(CMD, cmd, len);
	fuzz_driver_desc(&fd, CVQ, VRING_DESC_F_NEXT, cut, CMD);
	if (cut < len)
		fuzz_driver_desc(&fd, CVQ, VRING_DESC_F_NEXT, len - cut, CMD + cut);
	fuzz_driver_desc(&fd, CVQ, VRING_DESC_F_WRITE, 1 + (rec->c >> 8 & 0xf), ACK);
	fuzz_driver_avail(&fd, CVQ, slot);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct rte_vduse_net_info info;
	struct fuzz_rec rec;

	fuzz_next(&in, &rec);
	fuzz_dev_up(&fd, &rec, features | (rec.d & BIT(VIRTIO_NET_F_HASH_REPORT)));
	while (fuzz_next(&in, &rec)) {
		switch (fuzz_driver(&fd, &rec, 4)) {
		case 0:
			command(&rec, &in);
			break;
		case 1:
			kick();
			break;
		case 2:
			fuzz_enqueue(&fd, rec.b % PAIRS, rec.a, rec.c);
			break;
		case 3:
			fuzz_dequeue(&fd, rec.b % PAIRS, rec.a);
			break;
		default:
			break;
		}
		rte_vduse_net_info(fd.net, &info);
		FUZZ_CHECK(info.active_pairs >= 1 && info.active_pairs <= PAIRS);
	}
	kick();
	fuzz_dev_down(&fd);
	return 0;
}
