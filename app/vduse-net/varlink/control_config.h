/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Networks and containers as a whole: read from a file of commands, written as one, and compared.
 * The configuration file, the state that is kept, `vdusectl show config` and reload are made of it.
 * Pure: reads a text, touches nothing.
 */

#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include "command.h"
#include "words.h"

#define CONTROL_FILE_MAX (8 << 20) /* bytes of a file */

struct control_config {
	struct control_network *networks;
	unsigned int nb_networks;
	struct control_container *containers;
	unsigned int nb_containers;
	/* where each is in a file, as many as there are; 0: in none */
	unsigned int *network_lines, *container_lines;
	unsigned int line; /* of what is appended next */
};

/* What makes one of another. Of del only the name counts; of set conf.given says what. */
enum control_verb { CONTROL_DEL, CONTROL_ADD, CONTROL_SET };

struct control_step {
	enum control_verb verb;
	const struct control_network *network;     /* one of the two */
	const struct control_container *container; /* in the configurations that were compared */
	uint64_t which;                            /* set: bits of the words to change */
};

void control_config_clear(struct control_config *config);

/** Append a copy. @return 0 or -ENOMEM */
int control_config_network(struct control_config *config, const struct control_network *network);
int control_config_container(
		struct control_config *config, const struct control_container *container);

/**
 * Read a whole text; nothing is kept of one that has an error.
 *
 * @param name  of the file, for the error
 * @param error CONTROL_ERROR_MAX bytes: file, line and word
 * @return 0, -EINVAL or -ENOMEM
 */
int control_config_parse(
		const char *text, const char *name, struct control_config *config, char *error);

/** The same of an open file, from its beginning. @return 0, -EINVAL, -ENOMEM, -errno */
int control_config_read_fd(int fd, const char *name, struct control_config *config, char *error);

/** The same of a file. @return 0, -EINVAL, -ENOMEM, or -errno of reading it */
int control_config_read(const char *path, struct control_config *config, char *error);

/** That of a name. @param config NULL: an empty one. @return NULL: there is none */
const struct control_network *control_config_find_network(
		const struct control_config *config, const char *name);
const struct control_container *control_config_find_container(
		const struct control_config *config, const char *name);

/** The line of the file that a step's network or container is in; 0: it is not in config. */
unsigned int control_config_line(
		const struct control_config *config, const struct control_step *step);

/** Commands that make it, a line each. @return a text to be freed, or NULL */
char *control_config_text(const struct control_config *config);

/**
 * Write it as a file, whole or not at all, also where the machine stops: as PATH.new, which then
 * takes the place. Mode 0600.
 *
 * @return 0, -ENOMEM, -ENAMETOOLONG, or -errno; then the file is as it was
 */
int control_config_write(const char *path, const struct control_config *config);

/**
 * What has to be done, in this order, so that all of `wanted` is as it says: what is there and is
 * the same is not touched. What was wanted before and is not any more is removed; what somebody
 * else added stays.
 *
 * @param before what was wanted the last time, or NULL
 * @param now    what is there
 * @param steps  to be freed; they point into before, now and wanted
 * @return how many, or -ENOMEM
 */
int control_config_diff(const struct control_config *before, const struct control_config *now,
		const struct control_config *wanted, struct control_step **steps);

#endif /* CONTROL_CONFIG_H */
