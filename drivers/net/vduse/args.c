/* SPDX-License-Identifier: BSD-3-Clause */

/* The device arguments: read by the table of params.h. */

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "params.h"
#include "pmd.h"

/* Frame length in bytes from which zero-copy pays; see doc/benchmarks.md. */
#define PMD_ZERO_COPY_MIN 1024

#define PMD_DEFAULT_QUEUE_SIZE 1024

/* drivers/vdpa/vdpa_user/vduse_dev.c: VDUSE_BOUNCE_SIZE, where none is given */
#define PMD_KERNEL_BOUNCE (64 << 20)

struct word {
	const char *word;
	uint32_t value;
};

static const struct word attach_words[] = {
	{ "virtio", RTE_VDUSE_ATTACH_VIRTIO },
	{ "vhost", RTE_VDUSE_ATTACH_VHOST },
	{ "none", RTE_VDUSE_ATTACH_NONE },
	{ NULL, 0 },
};

static const struct word ring_words[] = {
	{ "any", RTE_VDUSE_NET_RING_ANY },
	{ "split", RTE_VDUSE_NET_RING_SPLIT },
	{ "packed", RTE_VDUSE_NET_RING_PACKED },
	{ NULL, 0 },
};

static const struct word csum_words[] = { { "whole", false }, { "partial", true }, { NULL, 0 } };

static const struct word inject_words[] = { { "lcore", false }, { "thread", true }, { NULL, 0 } };

/* How a value is read, and the field of struct pmd_conf that it goes to. */
struct pmd_arg {
	const char *key;
	/* NULL: by what follows */
	int (*parse)(const char *key, const char *value, struct pmd_conf *conf);
	size_t at;
	size_t size;              /* of the field */
	const struct word *words; /* NULL: none of these */
	bool text;
	unsigned long min, max;
	unsigned int shift; /* the number is in units of 2^shift */
};

static int
parse_range(const char *key, const char *value, unsigned long min, unsigned long max,
		unsigned long *out)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 0);
	if (errno != 0 || end == value || *end != '\0' || value[0] == '-' || n < min || n > max) {
		PMD_LOG(ERR, "%s=%s: not a number from %lu to %lu", key, value, min, max);
		return -EINVAL;
	}
	*out = n;
	return 0;
}

static void
store(void *field, size_t size, uint64_t value)
{
	if (size == sizeof(uint8_t))
		*(uint8_t *)field = value;
	else if (size == sizeof(uint16_t))
		*(uint16_t *)field = value;
	else if (size == sizeof(uint32_t))
		*(uint32_t *)field = value;
	else
		*(uint64_t *)field = value;
}

static int
parse_text(const struct pmd_arg *arg, const char *value, char *field)
{
	if (rte_strscpy(field, value, arg->size) >= 0)
		return 0;
	PMD_LOG(ERR, "%s=%.32s...: longer than %zu bytes", arg->key, value, arg->size - 1);
	return -EINVAL;
}

static int
parse_word(const struct pmd_arg *arg, const char *value, void *field)
{
	const struct word *w;
	char list[64] = "";

	for (w = arg->words; w->word != NULL; w++) {
		if (strcmp(value, w->word) == 0) {
			store(field, arg->size, w->value);
			return 0;
		}
		rte_strlcat(list, w == arg->words ? "" : ", ", sizeof(list));
		rte_strlcat(list, w->word, sizeof(list));
	}
	PMD_LOG(ERR, "%s=%s: not one of %s", arg->key, value, list);
	return -EINVAL;
}

static int
parse_mac(const char *key, const char *value, struct pmd_conf *conf)
{
	if (rte_ether_unformat_addr(value, &conf->net.mac) < 0 ||
			!rte_is_valid_assigned_ether_addr(&conf->net.mac)) {
		PMD_LOG(ERR, "%s=%s: not a unicast MAC address such as 02:00:00:00:00:01", key,
				value);
		return -EINVAL;
	}
	return 0;
}

static int
parse_profile(const char *key, const char *value, struct pmd_conf *conf)
{
	return pmd_profile_parse(key, value, &conf->net.profile);
}

/* sysfs wants 32-bit words with commas, which devargs cannot carry: they are put in here. */
static int
parse_affinity(const char *key, const char *value, struct pmd_conf *conf)
{
	const size_t len = strlen(value);
	size_t i, n = 0;

	conf->affinity_auto = strcmp(value, "auto") == 0;
	if (conf->affinity_auto)
		return 0;
	if (len > PMD_AFFINITY_DIGITS || strspn(value, "0123456789abcdefABCDEF") != len ||
			strspn(value, "0") == len) {
		PMD_LOG(ERR, "%s=%s: not a mask of CPUs in up to %d hexadecimal digits, nor auto",
				key, value, PMD_AFFINITY_DIGITS);
		return -EINVAL;
	}
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 8 == 0)
			conf->affinity[n++] = ',';
		conf->affinity[n++] = value[i];
	}
	conf->affinity[n] = '\0';
	return 0;
}

/* As the driver sees it, and as ethtool -C of its interface has it: rx is what it receives. */
static int
parse_rx_coalesce(const char *key, const char *value, struct pmd_conf *conf)
{
	return pmd_irq_parse_coalesce(key, value, &conf->coalesce[0]);
}

static int
parse_tx_coalesce(const char *key, const char *value, struct pmd_conf *conf)
{
	return pmd_irq_parse_coalesce(key, value, &conf->coalesce[1]);
}

static int
parse_fd(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 0, INT32_MAX, &n) < 0)
		return -EINVAL;
	if (fcntl(n, F_GETFD) < 0) {
		PMD_LOG(ERR, "%s=%s: not an open file descriptor of this process", key, value);
		return -EINVAL;
	}
	conf->net.dev.adopt_fd = (int)n;
	return 0;
}

#define FIELD(field) \
	.at = offsetof(struct pmd_conf, field), .size = sizeof(((struct pmd_conf *)0)->field)
#define CUSTOM(function)                       .parse = function
#define TEXT(field)                            FIELD(field), .text = true
#define WORDS(field, list)                     FIELD(field), .words = list
#define NUMBER(field, low, high)               FIELD(field), .min = low, .max = high
#define NUMBER_MIB(field, low, high)           NUMBER(field, low, high), .shift = 20
#define FLAG(field)                            NUMBER(field, 0, 1)
#define ROW(name, value, otherwise, help, ...) { .key = name, __VA_ARGS__ },

static const struct pmd_arg pmd_args[] = { PMD_ARGS(ROW) };

static int
parse_value(const struct pmd_arg *arg, const char *value, struct pmd_conf *conf)
{
	uint8_t *field = (uint8_t *)conf + arg->at;
	unsigned long n;

	if (arg->parse != NULL)
		return arg->parse(arg->key, value, conf);
	if (arg->text)
		return parse_text(arg, value, (char *)field);
	if (arg->words != NULL)
		return parse_word(arg, value, field);
	if (parse_range(arg->key, value, arg->min, arg->max, &n) < 0)
		return -EINVAL;
	store(field, arg->size, (uint64_t)n << arg->shift);
	return 0;
}

static int
conf_parse_pair(struct pmd_conf *conf, const struct rte_kvargs *kvlist, unsigned int i)
{
	const struct rte_kvargs_pair *pair = &kvlist->pairs[i];
	size_t a;

	for (a = 0; a < RTE_DIM(pmd_args); a++)
		if (strcmp(pair->key, pmd_args[a].key) == 0)
			break;
	if (a == RTE_DIM(pmd_args)) {
		PMD_LOG(ERR, "unknown argument %s; there are: " PMD_PARAMS, pair->key);
		return -EINVAL;
	}
	if (rte_kvargs_count(kvlist, pair->key) > 1) {
		PMD_LOG(ERR, "%s is given twice; give it once", pair->key);
		return -EINVAL;
	}
	if (pair->value == NULL || pair->value[0] == '\0') {
		PMD_LOG(ERR, "%s has no value; there are: " PMD_PARAMS, pair->key);
		return -EINVAL;
	}
	return parse_value(&pmd_args[a], pair->value, conf);
}

/*
 * The kernel's region has a page for each buffer that waits to receive
 * (drivers/vdpa/vdpa_user/iova_domain.c). Where these take all of it there is none for what the
 * container sends, and Linux' driver drops each frame without a word to us. It fills the first
 * pair, and others as it has processors for.
 */
static int
conf_check_bounce(const struct pmd_conf *conf)
{
	const uint32_t given = conf->net.dev.tuning.bounce_size;
	const uint32_t pair = conf->net.dev.queue_size * (sysconf(_SC_PAGESIZE) >> 10);
	const uint32_t all = pair * conf->net.queue_pairs;

	if (conf->attach != RTE_VDUSE_ATTACH_VHOST && given != 0 && given >> 10 <= pair) {
		PMD_LOG(ERR,
				"bounce-size"
				"=%u: %u KiB of it are taken by the buffers of a queue to receive, "
				"queue-size=%u, and the container could send nothing: give more, "
				"better twice that, or a smaller queue-size",
				given, pair, conf->net.dev.queue_size);
		return -EINVAL;
	}
	if (conf->attach == RTE_VDUSE_ATTACH_VIRTIO &&
			(given != 0 ? given : PMD_KERNEL_BOUNCE) >> 10 <= all)
		PMD_LOG(WARNING,
				"%s: buffers to receive take up to %u KiB, all of the bounce "
				"region, where the container uses each of its queues, and then it "
				"can send nothing: give a bounce-size of more than %u KiB, or "
				"fewer or smaller queues",
				conf->name, all, all);
	return 0;
}

/* What keys say of the rings, taken together. */
static int
conf_check_rings(const struct pmd_conf *conf)
{
	if (!rte_is_power_of_2(conf->net.dev.queue_size) &&
			conf->net.ring != RTE_VDUSE_NET_RING_PACKED) {
		PMD_LOG(ERR,
				"queue-size"
				"=%u: not a power of two, which only ring=packed allows",
				conf->net.dev.queue_size);
		return -EINVAL;
	}
	return conf_check_bounce(conf);
}

int
pmd_conf_parse(struct pmd_conf *conf, const char *vdev_name, const char *args)
{
	bool keep_given = false;
	struct rte_kvargs *kvlist;
	unsigned int i;
	int ret = 0;

	memset(conf, 0, sizeof(*conf));
	rte_strscpy(conf->name, vdev_name, sizeof(conf->name));
	rte_vduse_net_conf_init(&conf->net);
	conf->net.dev.queue_size = PMD_DEFAULT_QUEUE_SIZE;
	conf->zero_copy_min = PMD_ZERO_COPY_MIN;
	conf->net.speed = RTE_ETH_SPEED_NUM_10G;
	conf->attach = RTE_VDUSE_ATTACH_NONE;
	rte_eth_random_addr(conf->net.mac.addr_bytes);
	if (args == NULL || args[0] == '\0')
		return 0;
	kvlist = rte_kvargs_parse(args, NULL);
	if (kvlist == NULL) {
		PMD_LOG(ERR, "'%s' is no list of key=value,...", args);
		return -EINVAL;
	}
	for (i = 0; i < kvlist->count && ret == 0; i++)
		ret = conf_parse_pair(conf, kvlist, i);
	if (ret == 0 && conf->net.dev.adopt_fd >= 0 && !conf->net.dev.adopt &&
			rte_kvargs_count(kvlist, "adopt") != 0) {
		PMD_LOG(ERR, "fd=%d and adopt=0 contradict each other", conf->net.dev.adopt_fd);
		ret = -EINVAL;
	}
	conf->net.dev.adopt |= conf->net.dev.adopt_fd >= 0;
	/* one that is there has an address, and the library knows whether it has to be given */
	if (conf->net.dev.adopt && rte_kvargs_count(kvlist, "mac") == 0)
		memset(&conf->net.mac, 0, sizeof(conf->net.mac));
	keep_given = rte_kvargs_count(kvlist, "keep") != 0;
	rte_kvargs_free(kvlist);
	if (ret == 0 && conf->net.dev.keep && conf->state_dir[0] == '\0') {
		PMD_LOG(ERR, "keep"
			     "=1: only with a folder for the state: give "
			     "state-dir");
		return -EINVAL;
	}
	if (!keep_given)
		conf->net.dev.keep = conf->state_dir[0] != '\0';
	conf->net.dev.keep_unattached = true; /* the port that is not started yet may still fail */
	return ret == 0 ? conf_check_rings(conf) : ret;
}
