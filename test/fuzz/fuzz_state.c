/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A state file of any content. A device serves rings, its process ends without
 * a word, the file that it left is changed, and the next one goes on from it:
 * creation never fails because of the file, and what it says never leads out
 * of the regions. Changes are made to a whole file, and checked fields are
 * made true again, so that the checks inside are reached too.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "life/serve.h"

#define PAIRS         2
#define POKES_MAX     64
#define FILE_MAX      (1u << 20) /* bytes that a changed description may ask for */
#define ZERO_COPY_MIN 200

/* Flags of a change, in its `a`. */
#define POKE_UNCHECKED 0x80 /* checksum and size of the file stay as they are */

static char dir[] = "/dev/shm/fuzz-state.XXXXXX";
static char path[64];
static struct fuzz_dev fd;
static struct fk_msg *asked;
static bool poked_desc; /* the description is not the device's any more */

static void
remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	FUZZ_CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/fuzz.state", dir);
	atexit(remove_dir);
	return 0;
}

static struct rte_vduse_net_conf
state_conf(const struct fuzz_rec *rec)
{
	struct rte_vduse_net_conf conf = fuzz_dev_conf(1 + (rec->b >> 15) % PAIRS);

	conf.dev.state_dir = dir;
	if (rec->a & FUZZ_ZERO_COPY)
		conf.zero_copy_min = ZERO_COPY_MIN;
	return conf;
}

/* As the library's: FNV-1a of name and description. */
static uint64_t
checksum(const struct vduse_statefile_head *head)
{
	const uint8_t *const parts[] = { (const uint8_t *)head->name,
		(const uint8_t *)&head->desc };
	const size_t len[] = { sizeof(head->name), sizeof(head->desc) };
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i, p;

	for (p = 0; p < RTE_DIM(parts); p++)
		for (i = 0; i < len[p]; i++)
			hash = (hash ^ parts[p][i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Write up to 8 bytes of the value; what is outside is left out. */
static void
poke(uint8_t *base, size_t size, uint64_t offset, uint64_t value, size_t len)
{
	size_t i;

	for (i = 0; i < len && offset + i < size; i++)
		base[offset + i] = value >> 8 * i;
}

/* Fields of a queue's record and its arrays; journal, table and slots follow each other. */
static void
poke_queue(uint8_t *file, size_t size, const struct fuzz_rec *rec)
{
	const struct vduse_statefile_head *head = (const void *)file;
	const size_t record = vduse_journal_bytes(FUZZ_QUEUE_SIZE);
	const uint32_t n = vduse_journal_entries(FUZZ_QUEUE_SIZE);
	const uint64_t at = sizeof(*head) + rec->b % fd.nb_vqs * record;
	const uint64_t arrays = at + sizeof(struct vduse_journal_record);
	const uint64_t i = rec->c % n;
	const uint64_t buffer = arrays + 8 * n + sizeof(struct vduse_journal_buffer) * i;

	switch (rec->c >> 24 & 7) {
	case 0: /* any field, any bytes */
		poke(file, size, at + rec->c % sizeof(struct vduse_journal_record), rec->d,
				1 + (rec->c >> 16) % 8);
		break;
	case 1:
		poke(file, size, at + offsetof(struct vduse_journal_record, burst), rec->d, 8);
		break;
	case 2: /* a count of the journal that may be true */
		poke(file, size, at + offsetof(struct vduse_journal_record, burst) + 4,
				rec->d & 0xff, 4);
		break;
	case 3:
		poke(file, size, at + offsetof(struct vduse_journal_record, take),
				rec->d | VDUSE_JOURNAL_TAKE_USED, 8);
		poke(file, size,
				at + offsetof(struct vduse_journal_record, taken[rec->d >> 17 & 1]),
				rec->d >> 32, 8);
		break;
	case 4:
		poke(file, size, arrays + 8 * i, rec->d, 8);
		break;
	case 5: /* taken, of a few slots */
		poke(file, size, buffer + offsetof(struct vduse_journal_buffer, take),
				rec->d >> 32 & 0xff, 8);
		poke(file, size, buffer + offsetof(struct vduse_journal_buffer, flags),
				(rec->d & 0x3ffff) | VDUSE_JOURNAL_IN_FLIGHT, 8);
		break;
	case 6:
		poke(file, size, arrays + (8 + sizeof(struct vduse_journal_buffer)) * n + 2 * i,
				rec->d, 2);
		break;
	default:
		poke(file, size, at + offsetof(struct vduse_journal_record, valid), rec->d & 3, 4);
		break;
	}
}

static void
poke_blob(struct vduse_statefile_blob *blob, const struct fuzz_rec *rec)
{
	const uint32_t half = blob->current & 1;

	if (rec->a & 0x40)
		poke((uint8_t *)blob, sizeof(*blob), rec->b % 12, rec->d, 1 + rec->c % 4);
	else
		poke(blob->data[half], blob->len[half] % (VDUSE_JOURNAL_BLOB_MAX + 1), rec->b,
				rec->d, 1 + rec->c % 8);
}

/* One change of the file. Returns its new size, 0: as it is. */
static uint64_t
poke_file(uint8_t *file, size_t size, const struct fuzz_rec *rec)
{
	struct vduse_statefile_head *head = (void *)file;

	switch (rec->a & 7) {
	case 0:
		poke(file, offsetof(struct vduse_statefile_head, config), rec->b, rec->d,
				1 + rec->c % 8);
		poked_desc = true;
		break;
	case 1:
		poke((uint8_t *)&head->desc, sizeof(head->desc), rec->b % sizeof(head->desc),
				rec->d, 1 + rec->c % 8);
		poked_desc = true;
		break;
	case 2: /* queues that may be true */
		head->desc.nb_queues = rec->b % 16;
		head->desc.first_control_queue = rec->c % 16;
		head->desc.queue_size = rec->d % 1024;
		poked_desc = true;
		break;
	case 3:
		head->status = rec->b & 0xff;
		head->halt = rec->c % 4;
		break;
	case 4:
		poke_blob(rec->b & 0x8000 ? &head->config : &head->owner, rec);
		break;
	case 5:
		if ((rec->a & 0x78) == 0x78)
			return 1 + rec->c % (2 * size);
		/* fallthrough */
	default:
		poke_queue(file, size, rec);
		break;
	}
	return 0;
}

/* What the description asks for, where that is not too much. */
static uint64_t
described_size(const struct vduse_statefile_head *head)
{
	const uint64_t each = vduse_journal_bytes(head->desc.queue_size);
	const uint64_t all = sizeof(*head) + head->desc.nb_queues * each;

	return all <= FILE_MAX ? all : 0;
}

static void
poke_all(const struct fuzz_rec *pokes, unsigned int nb)
{
	const int file = open(path, O_RDWR | O_CLOEXEC);
	struct vduse_statefile_head *head;
	uint64_t size = 0, cut = 0, wanted;
	bool unchecked = false;
	unsigned int i;
	struct stat st;

	/* a device that could not go on has none */
	if (file < 0)
		return;
	FUZZ_CHECK(fstat(file, &st) == 0);
	size = st.st_size;
	if (size < sizeof(*head))
		goto out;
	head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	FUZZ_CHECK(head != MAP_FAILED);
	for (i = 0; i < nb; i++) {
		cut = RTE_MAX(cut, poke_file((uint8_t *)head, size, &pokes[i]));
		unchecked |= pokes[i].a & POKE_UNCHECKED;
	}
	wanted = described_size(head);
	if (!unchecked) {
		head->bytes = wanted;
		head->checksum = checksum(head);
		if (wanted != 0 && cut == 0)
			cut = wanted;
	}
	munmap(head, size);
	poked_desc |= cut != 0 && cut != size;
	if (cut != 0)
		FUZZ_CHECK(ftruncate(file, cut) == 0);
out:
	close(file);
}

/* As by a kill: its descriptors are closed, and nobody is told. */
static void
state_die(void)
{
	struct rte_vduse_dev *dev = fd.net->dev;

	vduse_serve_end(dev);
	FUZZ_CHECK(vduse_phase_set(dev, VDUSE_PHASE_LEFT));
	FUZZ_CHECK(rte_vduse_net_destroy(fd.net) == 0);
	fd.net = NULL;
}

/* The driver asks while nobody is there. */
static void
state_ask(const struct fuzz_rec *rec)
{
	struct vduse_abi_request req = { .type = VDUSE_MSG_GET_VQ_STATE };

	if (asked != NULL)
		return;
	if (rec->a & 2)
		req.vq_state.index = rec->b % 8;
	else
		req = (struct vduse_abi_request){ .type = VDUSE_MSG_SET_STATUS, .s.status = 0 };
	asked = fk_msg_send(fd.dev, &req, sizeof(req));
}

/* Requests are answered behind the recovery only. */
static void
state_wait_recovered(void)
{
	const struct vduse_abi_request nothing = { .type = UINT8_MAX };
	struct vduse_abi_response resp;

	if (asked == NULL)
		asked = fk_msg_send(fd.dev, &nothing, sizeof(nothing));
	FUZZ_CHECK(fk_msg_wait(asked, &resp) == 0);
	asked = NULL;
}

/* Nothing is done towards the driver that it has not agreed to. */
static void
state_check_features(void)
{
	struct rte_vduse_net_info info;
	uint16_t i;

	rte_vduse_net_info(fd.net, &info);
	for (i = 0; info.dev.started && i < fd.pairs; i++)
		FUZZ_CHECK((fd.net->queues[2 * i].features & ~info.dev.driver_features) == 0);
}

/*
 * The next process. A file that is good for nothing leaves the device in the
 * way of its name, as no file does; who asks for it adopts that.
 */
static void
state_go_on(struct rte_vduse_net_conf *conf, bool adopt)
{
	struct rte_vduse_net_info info;
	int ret;

	fd.resumed = true;
	conf->dev.adopt = adopt;
	ret = rte_vduse_net_create(conf, &fd.net);
	if (!adopt && ret == -EEXIST) {
		conf->dev.adopt = true;
		ret = rte_vduse_net_create(conf, &fd.net);
	}
	FUZZ_CHECK(ret == 0);
	fd.dev = fk_find("fuzz");
	FUZZ_CHECK(fd.dev != NULL);
	rte_vduse_net_info(fd.net, &info);
	fd.pairs = info.queue_pairs;
	FUZZ_CHECK(fd.pairs >= 1);
	fd.nb_vqs = RTE_MIN(fk_nb_vqs(fd.dev), fd.net->dev->nb_queues);
	state_wait_recovered();
	state_check_features();
	fuzz_dev_settle(&fd);
}

/* A driver that begins anew is served, whatever the one before left. */
static void
state_end(const struct fuzz_rec *first)
{
	fuzz_race_clear();
	FUZZ_CHECK(fk_reset(fd.dev) == 0);
	if (!poked_desc) {
		fuzz_dev_up(&fd, first, 0);
		fuzz_dequeue(&fd, 0, 31);
	}
	fuzz_held_free(first->c);
	FUZZ_CHECK(rte_vduse_net_destroy(fd.net) == 0);
	if (fk_find("fuzz") != NULL) /* of somebody else's, as the file says */
		FUZZ_CHECK(rte_vduse_dev_remove("fuzz") == 0);
	unlink(path);
	fuzz_held_free(UINT_MAX);
	fuzz_check_rest();
}

static void
state_burst(const struct fuzz_rec *rec)
{
	const uint16_t pair = rec->b % fd.pairs;

	fuzz_clock_pass();
	if (rec->a & 0x80)
		fuzz_held_free(rec->c);
	else if (rec->a & 0x40)
		fuzz_enqueue(&fd, pair, rec->a, rec->c);
	else
		fuzz_dequeue_hold(&fd, pair, rec->a, rec->c);
}

/* What a driver does without a device that answers. */
static void
state_alone(const struct fuzz_rec *rec)
{
	const unsigned int step = rec->op % 11;

	if (step == 10)
		state_ask(rec);
	else if (step != 8)
		FUZZ_CHECK(fuzz_driver(&fd, rec, 2) == -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_rec first, rec, pokes[POKES_MAX];
	struct rte_vduse_net_conf conf;
	unsigned int nb = 0;

	fuzz_next(&in, &first);
	conf = state_conf(&first);
	poked_desc = false;
	fuzz_dev_create_as(&fd, &conf);
	fd.resumed = false;
	fuzz_dev_up(&fd, &first, 0);
	while (fuzz_next(&in, &rec)) {
		switch (rec.op % 11) {
		case 0: /* bursts; where there is no process, the next one comes */
			if (fd.net == NULL) {
				poke_all(pokes, nb);
				nb = 0;
				state_go_on(&conf, rec.a & 0x20);
			}
			state_burst(&rec);
			break;
		case 1:
			if (fd.net != NULL)
				state_die();
			if (nb < POKES_MAX)
				pokes[nb++] = rec;
			break;
		default:
			if (fd.net == NULL)
				state_alone(&rec);
			else
				fuzz_driver(&fd, &rec, 2);
			break;
		}
	}
	if (fd.net == NULL) {
		poke_all(pokes, nb);
		state_go_on(&conf, false);
	}
	state_end(&first);
	return 0;
}
