/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PMD_H
#define PMD_H

#include <ethdev_driver.h>
#include <ethdev_vdev.h>

#include <limits.h>

#include <rte_vduse_net.h>
#include <rte_vduse_net_counters.h>

#include "compat.h"

extern int pmd_logtype;

#define PMD_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, pmd_logtype, "net_vduse: " fmt "\n", ##__VA_ARGS__)

/** A queue of the ethdev: rx queue n is the driver's transmit queue n, and the other way round. */
struct pmd_queue {
	struct rte_vduse_net *net;                     /* the primary process's */
	const struct rte_vduse_net_counters *counters; /* where secondary ones have them, too */
	struct rte_mempool *pool;                      /* rx */
	uint32_t room; /* rx: bytes of a frame in one mbuf of the pool */
	uint16_t pair;
	struct rte_vduse_net_queue_stats base; /* at the last reset */
};

/** Hexadecimal digits of a CPU mask: 1024 CPUs. */
#define PMD_AFFINITY_DIGITS 256

/** Longest time that an interrupt is held back, in microseconds. */
#define PMD_COALESCE_USECS_MAX 1000000u

/** When interrupts of a direction are sent; see rte_vduse_net_set_coalesce(). */
struct pmd_coalesce {
	uint32_t frames;
	uint32_t usecs;
	bool adaptive;
};

/** What the devargs say. */
struct pmd_conf {
	struct rte_vduse_net_conf net;
	char name[RTE_VDUSE_NAME_MAX + 1];
	char affinity[PMD_AFFINITY_DIGITS * 9 / 8 + 1]; /* CPU mask as in sysfs; empty: any */
	char state_dir[PATH_MAX];                       /* of the state file; empty: none */
	bool affinity_auto;                             /* away from the lcores */
	/** [0]: frames that the driver receives, [1]: that it sends */
	struct pmd_coalesce coalesce[2];
	enum rte_vduse_attach attach;
	bool partial_csum; /* the application completes what the driver leaves to the device */
	bool zero_copy;
	uint32_t zero_copy_min; /* bytes */
};

/** Private data of the ethdev: all processes of a primary one have it. */
struct pmd_dev {
	/* the primary process's, and nobody else's */
	struct rte_vduse_net *net;
	struct rte_eth_dev *eth_dev;

	struct pmd_conf conf;
	uint16_t queue_pairs; /* that the device has */
	bool segments;        /* the driver may send frames to be segmented; atomic */
	bool pause_said;      /* of a device that was handed over */
	bool mtu_asked;       /* what is being configured has an MTU, */
	bool lro_asked;       /* and a length of frames to be segmented */
	uint32_t lro_max;     /* bytes of a frame to be segmented; 0: none are taken */
};

/**
 * Read the devargs.
 *
 * @param vdev_name the default device name
 * @return 0, or -EINVAL with a line of log
 */
int pmd_conf_parse(struct pmd_conf *conf, const char *vdev_name, const char *args);

/** Create the device and fill in the ethdev. @return 0 or -errno */
int pmd_ethdev_init(struct rte_eth_dev *eth_dev, const struct pmd_conf *conf);

/** The same in a secondary process, of a port that the primary one has. */
void pmd_secondary_init(struct rte_eth_dev *eth_dev);

/** What there is to know of the device. In any process. */
void pmd_infos_fill(const struct pmd_dev *pmd, struct rte_eth_dev_info *info);

/** The name of a profile. @return 0, or -EINVAL with a line of log */
int pmd_profile_parse(const char *key, const char *value, enum rte_vduse_net_profile *profile);

/** Which offloads the application may ask for. */
void pmd_offload_capa(const struct pmd_dev *pmd, struct rte_eth_dev_info *info);

/**
 * Take over what the application configured for the frames that it receives.
 *
 * @return 0; -EINVAL with a line of log where it does not take what the driver
 *   may send; another negative errno of rte_vduse_net_set_mtu()
 */
int pmd_rx_configure(struct rte_eth_dev *eth_dev);

/** Receive into mbufs of the pool. @return 0, or -EINVAL with a line of log */
int pmd_rx_pool(const struct rte_eth_dev *eth_dev, struct pmd_queue *q, struct rte_mempool *pool);

/** Before frames come. @return 0, or -EINVAL with a line of log: they would not fit the mbufs */
int pmd_rx_start(struct rte_eth_dev *eth_dev);

int pmd_mtu_set(struct rte_eth_dev *eth_dev, uint16_t mtu);

/** What secondary processes do as the primary one does. */
#define PMD_OPS_SHARED                                                            \
	.stats_get = pmd_stats_get, .stats_reset = pmd_stats_reset,               \
	.xstats_get_names = pmd_xstats_get_names, .xstats_get = pmd_xstats_get,   \
	.xstats_reset = pmd_stats_reset, .promiscuous_enable = pmd_mode_set,      \
	.promiscuous_disable = pmd_mode_set, .allmulticast_enable = pmd_mode_set, \
	.allmulticast_disable = pmd_mode_set

/** Promiscuous or not: everything the driver sends is received, whatever its address. */
int pmd_mode_set(struct rte_eth_dev *eth_dev);

int pmd_stats_get(struct rte_eth_dev *eth_dev, struct rte_eth_stats *stats PMD_STATS_QUEUES);
int pmd_stats_reset(struct rte_eth_dev *eth_dev);
int pmd_xstats_get_names(
		struct rte_eth_dev *eth_dev, struct rte_eth_xstat_name *names, unsigned int size);
int pmd_xstats_get(struct rte_eth_dev *eth_dev, struct rte_eth_xstat *xstats, unsigned int n);

/** "FRAMES:USECS" or "FRAMES:USECS:adaptive". @return 0, or -EINVAL with a line of log */
int pmd_irq_parse_coalesce(const char *key, const char *value, struct pmd_coalesce *coalesce);

/**
 * The CPUs below nb_cpus that are not among the lcores', as sysfs has masks.
 *
 * @param[out] mask room for PMD_AFFINITY_DIGITS and their commas
 * @return false: there is none
 */
bool pmd_irq_mask(const rte_cpuset_t *lcores, unsigned int nb_cpus, char *mask);

/** Where the driver's interrupts arrive; before the device is created. */
void pmd_irq_affinity(struct pmd_conf *conf);

/** When they are sent. @return 0 or -errno */
int pmd_irq_setup(struct rte_vduse_net *net, const struct pmd_conf *conf);

/** Where rx interrupts are wanted, say with which descriptors. @return 0 or -errno */
int pmd_intr_start(struct rte_eth_dev *eth_dev);
void pmd_intr_stop(struct rte_eth_dev *eth_dev);
int pmd_intr_enable(struct rte_eth_dev *eth_dev, uint16_t id);
int pmd_intr_disable(struct rte_eth_dev *eth_dev, uint16_t id);

/** Frames are copied once a port comes that may read by DMA. @return 0 or -errno */
int pmd_reader_init(struct pmd_dev *pmd);
void pmd_reader_fini(struct pmd_dev *pmd);
/** Before frames come: copy where a port is there that may read by DMA. */
void pmd_reader_start(struct pmd_dev *pmd);

uint16_t pmd_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t pmd_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t pmd_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* PMD_H */
