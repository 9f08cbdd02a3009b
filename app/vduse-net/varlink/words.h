/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Networks and containers in words: one table of each, from which come the parameters of the
 * methods, the words of vdusectl and of the configuration file, their bounds, defaults and help.
 * And the structs that hold the values.
 */

#ifndef CONTROL_WORDS_H
#define CONTROL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "method.h"

#define CONTROL_NETWORK_MAX 15  /* bytes of a network's name */
#define CONTROL_NAME_MAX    255 /* of a container's: VDUSE_NAME_MAX without the zero */
#define CONTROL_PATH_MAX    1023
#define CONTROL_LIST_MAX    16   /* items of a list */
#define CONTROL_LCORE_MAX   1023 /* that may be named; those that there are, EAL knows */
#define CONTROL_UPLINKS_MAX 8    /* of a network: VEB_UPLINKS_MAX */

struct control_list {
	unsigned int nb;
	char items[CONTROL_LIST_MAX][VARLINK_ITEM_MAX + 1];
};

/* Rows of control_network_words. */
enum control_network_word {
	NETWORK_NAME,
	NETWORK_UPLINKS,
	NETWORK_MTU,
	NETWORK_LCORES,
	NETWORK_WORDS
};

/* given: bit N: row N was given; what was not has its default, or 0, "" and -1. */
struct control_network {
	uint64_t given;
	char name[CONTROL_NETWORK_MAX + 1];
	struct control_list uplinks;
	uint32_t mtu;               /* 0: of the uplink */
	struct control_list lcores; /* "2", "4-5"; none: those that no network has */
};

/* Rows of control_container_words. */
enum control_container_word {
	CONTAINER_NAME,
	CONTAINER_NETWORK,
	CONTAINER_MAC,
	CONTAINER_VLAN,
	CONTAINER_QOS,
	CONTAINER_TRUNK,
	CONTAINER_SPOOFCHK,
	CONTAINER_IP,
	CONTAINER_TRUST,
	CONTAINER_MAX_MACS,
	CONTAINER_MAX_TX_RATE,
	CONTAINER_MAX_RX_RATE,
	CONTAINER_BURST,
	CONTAINER_BUM_RATE,
	CONTAINER_ISOLATED,
	CONTAINER_LINK,
	CONTAINER_MIRROR,
	CONTAINER_GRO,
	CONTAINER_QUEUES,
	CONTAINER_QUEUE_SIZE,
	CONTAINER_PROFILE,
	CONTAINER_ATTACH,
	CONTAINER_NETNS,
	CONTAINER_NETNS_FD,
	CONTAINER_IFNAME,
	CONTAINER_ADDRESS,
	CONTAINER_ROUTE,
	CONTAINER_WORDS
};

struct control_container {
	uint64_t given;
	char name[CONTROL_NAME_MAX + 1];
	char network[CONTROL_NETWORK_MAX + 1];
	char mac[18]; /* "": one that is chosen */
	uint32_t vlan;
	uint32_t qos;
	struct control_list trunk; /* "10", "20-29" */
	bool spoofchk;
	struct control_list ip;
	bool trust;
	uint32_t max_macs;
	uint32_t max_tx_rate; /* Mbit/s; 0: none */
	uint32_t max_rx_rate;
	uint32_t burst;    /* KiB */
	uint32_t bum_rate; /* frames/s */
	bool isolated;
	char link[8];
	char mirror[CONTROL_NAME_MAX + 1];
	bool gro;
	uint32_t queues;
	uint32_t queue_size;
	char profile[8];
	char attach[8];
	char netns[CONTROL_PATH_MAX + 1];
	int netns_fd; /* open, or -1 */
	char ifname[16];
	struct control_list address;
	struct control_list route;
};

extern const struct varlink_params control_network_words;
extern const struct varlink_params control_container_words;

/* Their first rows: the name. */
extern const struct varlink_params control_network_name;
extern const struct varlink_params control_container_name;

/** All defaults, nothing given. */
void control_defaults(const struct varlink_params *words, void *conf);

/**
 * Values out of checked parameters into a struct that has its defaults; of other names are passed
 * over. Descriptors are left out.
 */
void control_from_json(const struct varlink_params *words, const json_t *parameters, void *conf);

/**
 * An object of those values whose bits are set in which; without empty strings, numbers that are
 * none that may be given, and descriptors.
 *
 * @return it, or NULL
 */
json_t *control_to_json(const struct varlink_params *words, const void *conf, uint64_t which);

/** The values whose bits are set in which, out of another struct; given says so then. */
void control_merge(const struct varlink_params *words, void *to, const void *from, uint64_t which);

/**
 * Whether what is given goes together.
 *
 * @return 0, or -EINVAL with *wrong filled in
 */
int control_container_check(const struct control_container *conf, struct varlink_wrong *wrong);

/** The first row in which two structs differ, of those in which; -1: none. */
int control_differ(
		const struct varlink_params *words, const void *a, const void *b, uint64_t which);

/** A row's value as a command has it; "": it has none. @return buf */
const char *control_value(
		const struct varlink_param *word, const void *conf, char *buf, size_t len);

/* Bytes that control_value() may need. */
#define CONTROL_VALUE_MAX 1100

#endif /* CONTROL_WORDS_H */
