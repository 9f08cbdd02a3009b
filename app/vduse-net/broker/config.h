/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

/* The configuration file compared with what there is. On the job thread. */

#include "broker/broker_priv.h"

/* One reading of the file. */
struct reload {
	struct broker *b;
	struct job *job; /* whose error is filled in */
	const char *path;
	struct control_config before, now, wanted; /* before: what the file had, and is there */
	struct control_step *steps;                /* from now to wanted */
	int nb_steps;
	bool *done; /* by step: it has changed something */
};

/**
 * Read and compare. Mirror: reload_end(), also after an error.
 *
 * @param fd the file, called path; -1: it is opened by its path
 * @return 0, or -EINVAL with the job's error
 */
int reload_begin(struct reload *r, const char *path, int fd);
void reload_end(struct reload *r);

/** "FILE:LINE: container c1", or what it has no more. @return buf */
const char *reload_place(
		const struct reload *r, const struct control_step *step, char *buf, size_t len);

/** The words of a step that a driver has to come again for. */
uint64_t reload_reattach(const struct control_step *step);

/** Whether a step can be done, as far as that is known before. @return 0, -EINVAL: job's error */
int reload_check(struct reload *r, const struct control_step *step);

#endif /* BROKER_CONFIG_H */
