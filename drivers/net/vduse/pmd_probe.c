/* SPDX-License-Identifier: BSD-3-Clause */

#include <fcntl.h>
#include <stdlib.h>

#include <bus_vdev_driver.h>
#include <rte_errno.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "pmd.h"

RTE_LOG_REGISTER_DEFAULT(pmd_logtype, NOTICE);

#define PMD_ARG_NAME        "name"
#define PMD_ARG_QUEUES      "queues"
#define PMD_ARG_QUEUE_SIZE  "queue-size"
#define PMD_ARG_RING        "ring"
#define PMD_ARG_MAC         "mac"
#define PMD_ARG_MTU         "mtu"
#define PMD_ARG_ATTACH      "attach"
#define PMD_ARG_MQ_FALLBACK "mq-fallback"
#define PMD_ARG_PROFILE     "profile"
#define PMD_ARG_CSUM        "csum"
#define PMD_ARG_SPEED       "speed"
#define PMD_ARG_STANDBY     "standby"
#define PMD_ARG_MSG_TIMEOUT "msg-timeout"
#define PMD_ARG_BOUNCE_SIZE "bounce-size"
#define PMD_ARG_UMEM        "umem"
#define PMD_ARG_AFFINITY    "irq-affinity"
#define PMD_ARG_RX_COALESCE "rx-coalesce"
#define PMD_ARG_TX_COALESCE "tx-coalesce"
#define PMD_ARG_INJECT      "inject"
#define PMD_ARG_ADOPT       "adopt"
#define PMD_ARG_FD          "fd"
#define PMD_ARG_ZERO_COPY   "zero-copy"
#define PMD_ARG_ZC_MIN      "zero-copy-min"
#define PMD_ARG_STATE_DIR   "state-dir"
#define PMD_ARG_TAKEOVER    "takeover"
#define PMD_ARG_MAX_REGIONS "max-regions"
#define PMD_ARG_MAX_MEMORY  "max-memory"
#define PMD_ARG_KEEP        "keep"

/* Frame length in bytes from which zero-copy pays; see doc/benchmarks.md. */
#define PMD_ZERO_COPY_MIN 1024

/* What `dpdk-pmdinfo.py` and users read. */
/* clang-format off */
#define PMD_PARAMS                                          \
	PMD_ARG_NAME "=<string> "                           \
	PMD_ARG_QUEUES "=<int> "                            \
	PMD_ARG_QUEUE_SIZE "=<int> "                        \
	PMD_ARG_RING "=<any|split|packed> "                 \
	PMD_ARG_MAC "=xx:xx:xx:xx:xx:xx "                   \
	PMD_ARG_MTU "=<int> "                               \
	PMD_ARG_ATTACH "=<virtio|vhost|none> "              \
	PMD_ARG_MQ_FALLBACK "=<0|1> "                       \
	PMD_ARG_PROFILE "=<latency|bulk|xdp|none|tx> "      \
	PMD_ARG_CSUM "=<whole|partial> "                    \
	PMD_ARG_SPEED "=<int> "                             \
	PMD_ARG_STANDBY "=<0|1> "                           \
	PMD_ARG_MSG_TIMEOUT "=<int> "                       \
	PMD_ARG_BOUNCE_SIZE "=<int> "                       \
	PMD_ARG_UMEM "=<0|1> "                              \
	PMD_ARG_AFFINITY "=<hex mask|auto> "                \
	PMD_ARG_RX_COALESCE "=<frames:usecs[:adaptive]> "   \
	PMD_ARG_TX_COALESCE "=<frames:usecs[:adaptive]> "   \
	PMD_ARG_INJECT "=<lcore|thread> "                   \
	PMD_ARG_ADOPT "=<0|1> "                             \
	PMD_ARG_FD "=<int> "                                \
	PMD_ARG_ZERO_COPY "=<0|1> "                         \
	PMD_ARG_ZC_MIN "=<int> "                            \
	PMD_ARG_STATE_DIR "=<folder> "                     \
	PMD_ARG_TAKEOVER "=<0|1> "                          \
	PMD_ARG_KEEP "=<0|1> "                              \
	PMD_ARG_MAX_REGIONS "=<int> "                       \
	PMD_ARG_MAX_MEMORY "=<int>"
/* clang-format on */

#define PMD_DEFAULT_QUEUE_SIZE 1024

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

static int
parse_name(__rte_unused const char *key, const char *value, struct pmd_conf *conf)
{
	if (rte_strscpy(conf->name, value, sizeof(conf->name)) < 0) {
		PMD_LOG(ERR, "name=%.32s...: longer than %u bytes", value, RTE_VDUSE_NAME_MAX);
		return -EINVAL;
	}
	return 0;
}

static int
parse_queues(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 1, RTE_VDUSE_NET_PAIRS_MAX, &n) < 0)
		return -EINVAL;
	conf->net.queue_pairs = n;
	return 0;
}

static int
parse_ring(const char *key, const char *value, struct pmd_conf *conf)
{
	if (strcmp(value, "any") == 0) {
		conf->net.ring = RTE_VDUSE_NET_RING_ANY;
	} else if (strcmp(value, "split") == 0) {
		conf->net.ring = RTE_VDUSE_NET_RING_SPLIT;
	} else if (strcmp(value, "packed") == 0) {
		conf->net.ring = RTE_VDUSE_NET_RING_PACKED;
	} else {
		PMD_LOG(ERR, "%s=%s: not one of any, split, packed", key, value);
		return -EINVAL;
	}
	return 0;
}

static int
parse_queue_size(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, RTE_VDUSE_NET_QUEUE_SIZE_MIN, RTE_VDUSE_NET_QUEUE_SIZE_MAX,
			    &n) < 0)
		return -EINVAL;
	conf->net.queue_size = n;
	return 0;
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
parse_mtu(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX, &n) < 0)
		return -EINVAL;
	conf->net.mtu = n;
	return 0;
}

static int
parse_attach(const char *key, const char *value, struct pmd_conf *conf)
{
	if (strcmp(value, "virtio") == 0) {
		conf->attach = RTE_VDUSE_ATTACH_VIRTIO;
	} else if (strcmp(value, "vhost") == 0) {
		conf->attach = RTE_VDUSE_ATTACH_VHOST;
	} else if (strcmp(value, "none") == 0) {
		conf->attach = RTE_VDUSE_ATTACH_NONE;
	} else {
		PMD_LOG(ERR, "%s=%s: not one of virtio, vhost, none", key, value);
		return -EINVAL;
	}
	return 0;
}

static int
parse_profile(const char *key, const char *value, struct pmd_conf *conf)
{
	return pmd_profile_parse(key, value, &conf->net.profile);
}

static int
parse_csum(const char *key, const char *value, struct pmd_conf *conf)
{
	conf->partial_csum = strcmp(value, "partial") == 0;
	if (conf->partial_csum || strcmp(value, "whole") == 0)
		return 0;
	PMD_LOG(ERR, "%s=%s: not one of whole, partial", key, value);
	return -EINVAL;
}

static int
parse_speed(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	/* virtio 1.2, 5.1.4.1: 0 to 0x7fffffff, Mbit/s */
	if (parse_range(key, value, 0, INT32_MAX, &n) < 0)
		return -EINVAL;
	conf->net.speed = n;
	return 0;
}

static int
parse_flag(const char *key, const char *value, bool *flag)
{
	unsigned long n;

	if (parse_range(key, value, 0, 1, &n) < 0)
		return -EINVAL;
	*flag = n;
	return 0;
}

static int
parse_mq_fallback(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->net.mq_fallback);
}

static int
parse_standby(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->net.standby);
}

static int
parse_msg_timeout(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 0, INT32_MAX, &n) < 0)
		return -EINVAL;
	conf->net.tuning.msg_timeout_plus_1 = n + 1;
	return 0;
}

/* drivers/vdpa/vdpa_user/vduse_dev.c: VDUSE_MIN_BOUNCE_SIZE, VDUSE_MAX_BOUNCE_SIZE */
static int
parse_bounce_size(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 1 << 20, 1 << 30, &n) < 0)
		return -EINVAL;
	conf->net.tuning.bounce_size = n;
	return 0;
}

static int
parse_umem(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->net.umem);
}

static int
parse_max_regions(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 1, UINT32_MAX, &n) < 0)
		return -EINVAL;
	conf->net.max_regions = n;
	return 0;
}

/* MiB, up to the 2^47 bytes of an address space */
static int
parse_max_memory(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 1, 1ul << 27, &n) < 0)
		return -EINVAL;
	conf->net.max_memory = (uint64_t)n << 20;
	return 0;
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
parse_inject(const char *key, const char *value, struct pmd_conf *conf)
{
	conf->net.call_thread = strcmp(value, "thread") == 0;
	if (conf->net.call_thread || strcmp(value, "lcore") == 0)
		return 0;
	PMD_LOG(ERR, "%s=%s: not one of lcore, thread", key, value);
	return -EINVAL;
}

static int
parse_adopt(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->net.adopt);
}

static int
parse_fd(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 0, INT32_MAX - 1, &n) < 0)
		return -EINVAL;
	if (fcntl(n, F_GETFD) < 0) {
		PMD_LOG(ERR, "%s=%s: not an open file descriptor of this process", key, value);
		return -EINVAL;
	}
	conf->net.adopt_fd_plus_1 = n + 1;
	return 0;
}

static int
parse_zero_copy(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->zero_copy);
}

static int
parse_zero_copy_min(const char *key, const char *value, struct pmd_conf *conf)
{
	unsigned long n;

	if (parse_range(key, value, 256, RTE_VDUSE_NET_FRAME_MAX, &n) < 0)
		return -EINVAL;
	conf->zero_copy_min = n;
	return 0;
}

static int
parse_state_dir(const char *key, const char *value, struct pmd_conf *conf)
{
	if (rte_strscpy(conf->state_dir, value, sizeof(conf->state_dir)) < 0) {
		PMD_LOG(ERR, "%s=%.32s...: longer than %zu bytes", key, value,
				sizeof(conf->state_dir) - 1);
		return -EINVAL;
	}
	return 0;
}

static int
parse_takeover(const char *key, const char *value, struct pmd_conf *conf)
{
	return parse_flag(key, value, &conf->net.takeover);
}

static int
parse_keep(const char *key, const char *value, struct pmd_conf *conf)
{
	conf->keep_given = true;
	return parse_flag(key, value, &conf->net.keep);
}

static const struct {
	const char *key;
	int (*parse)(const char *key, const char *value, struct pmd_conf *conf);
} pmd_args[] = {
	{ PMD_ARG_NAME, parse_name },
	{ PMD_ARG_QUEUES, parse_queues },
	{ PMD_ARG_QUEUE_SIZE, parse_queue_size },
	{ PMD_ARG_RING, parse_ring },
	{ PMD_ARG_MAC, parse_mac },
	{ PMD_ARG_MTU, parse_mtu },
	{ PMD_ARG_ATTACH, parse_attach },
	{ PMD_ARG_MQ_FALLBACK, parse_mq_fallback },
	{ PMD_ARG_PROFILE, parse_profile },
	{ PMD_ARG_CSUM, parse_csum },
	{ PMD_ARG_SPEED, parse_speed },
	{ PMD_ARG_STANDBY, parse_standby },
	{ PMD_ARG_MSG_TIMEOUT, parse_msg_timeout },
	{ PMD_ARG_BOUNCE_SIZE, parse_bounce_size },
	{ PMD_ARG_UMEM, parse_umem },
	{ PMD_ARG_MAX_REGIONS, parse_max_regions },
	{ PMD_ARG_MAX_MEMORY, parse_max_memory },
	{ PMD_ARG_AFFINITY, parse_affinity },
	{ PMD_ARG_RX_COALESCE, parse_rx_coalesce },
	{ PMD_ARG_TX_COALESCE, parse_tx_coalesce },
	{ PMD_ARG_INJECT, parse_inject },
	{ PMD_ARG_ADOPT, parse_adopt },
	{ PMD_ARG_FD, parse_fd },
	{ PMD_ARG_ZERO_COPY, parse_zero_copy },
	{ PMD_ARG_ZC_MIN, parse_zero_copy_min },
	{ PMD_ARG_STATE_DIR, parse_state_dir },
	{ PMD_ARG_TAKEOVER, parse_takeover },
	{ PMD_ARG_KEEP, parse_keep },
};

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
	return pmd_args[a].parse(pair->key, pair->value, conf);
}

int
pmd_conf_parse(struct pmd_conf *conf, const char *vdev_name, const char *args)
{
	struct rte_kvargs *kvlist;
	unsigned int i;
	int ret = 0;

	memset(conf, 0, sizeof(*conf));
	rte_strscpy(conf->name, vdev_name, sizeof(conf->name));
	conf->net.queue_pairs = 1;
	conf->net.queue_size = PMD_DEFAULT_QUEUE_SIZE;
	conf->zero_copy_min = PMD_ZERO_COPY_MIN;
	conf->net.mtu = RTE_ETHER_MTU;
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
	if (ret == 0 && conf->net.adopt_fd_plus_1 != 0 && !conf->net.adopt &&
			rte_kvargs_count(kvlist, PMD_ARG_ADOPT) != 0) {
		PMD_LOG(ERR, "fd=%d and adopt=0 contradict each other",
				conf->net.adopt_fd_plus_1 - 1);
		ret = -EINVAL;
	}
	conf->net.adopt |= conf->net.adopt_fd_plus_1 != 0;
	/* one that is there has an address, and the library knows whether it has to be given */
	if (conf->net.adopt && rte_kvargs_count(kvlist, PMD_ARG_MAC) == 0)
		memset(&conf->net.mac, 0, sizeof(conf->net.mac));
	rte_kvargs_free(kvlist);
	if (ret == 0 && conf->net.keep && conf->state_dir[0] == '\0') {
		PMD_LOG(ERR, PMD_ARG_KEEP
				"=1: only with a folder for the state: give " PMD_ARG_STATE_DIR);
		return -EINVAL;
	}
	if (!conf->keep_given)
		conf->net.keep = conf->state_dir[0] != '\0';
	conf->net.keep_unattached = true; /* the port that is not started yet may still fail */
	if (ret == 0 && !rte_is_power_of_2(conf->net.queue_size) &&
			conf->net.ring != RTE_VDUSE_NET_RING_PACKED) {
		PMD_LOG(ERR,
				PMD_ARG_QUEUE_SIZE
				"=%u: not a power of two, which only ring=packed allows",
				conf->net.queue_size);
		return -EINVAL;
	}
	return ret;
}

static int
pmd_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *eth_dev;
	struct pmd_conf conf;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		PMD_LOG(ERR,
				"%s: queues are mapped into one process, not into secondary ones; "
				"to "
				"capture, run tcpdump at the driver's interface",
				name);
		return -ENOTSUP;
	}
	ret = pmd_conf_parse(&conf, name, rte_vdev_device_args(vdev));
	if (ret < 0)
		return ret;
	eth_dev = rte_eth_vdev_allocate(vdev, sizeof(struct pmd_dev));
	if (eth_dev == NULL) {
		PMD_LOG(ERR, "%s: no ethdev to be had: %s", name, rte_strerror(rte_errno));
		return -ENOMEM;
	}
	ret = pmd_ethdev_init(eth_dev, &conf);
	if (ret < 0) {
		rte_eth_dev_release_port(eth_dev);
		/* hot plug takes EEXIST for "plugged already" and reports success */
		return ret == -EEXIST ? -EADDRINUSE : ret;
	}
	rte_eth_dev_probing_finish(eth_dev);
	return 0;
}

static int
pmd_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *eth_dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (eth_dev == NULL)
		return 0; /* closed already: nothing is left of it */
	/* ethdev closes no port that is started */
	if (eth_dev->data->dev_started)
		rte_eth_dev_stop(eth_dev->data->port_id);
	return rte_eth_dev_close(eth_dev->data->port_id);
}

static struct rte_vdev_driver pmd_driver = {
	.probe = pmd_probe,
	.remove = pmd_remove,
};

RTE_PMD_REGISTER_VDEV(net_vduse, pmd_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_vduse, PMD_PARAMS);

/* What DPDK's own build makes of the two lines above with pmdinfogen. */
extern const char net_vduse_pmd_info[];
const char net_vduse_pmd_info[] __rte_used = "PMD_INFO_STRING= {\"name\": \"net_vduse\", "
					     "\"params\": \"" PMD_PARAMS "\", \"pci_ids\": []}";
