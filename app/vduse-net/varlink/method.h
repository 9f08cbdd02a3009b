/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an interface is made of: constant tables. Parameters are checked by them before a method's
 * function sees a call; documents, the tool and its completion are written from them.
 */

#ifndef VARLINK_METHOD_H
#define VARLINK_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

enum varlink_type {
	VARLINK_BOOL,
	VARLINK_INT,     /* min to max */
	VARLINK_STRING,  /* min to max bytes */
	VARLINK_STRINGS, /* min to max of them */
	VARLINK_WORD,    /* one of words */
	VARLINK_FD,      /* a number: which of the descriptors that came with the message */
};

/* Bytes of one string of a list. */
#define VARLINK_ITEM_MAX 63

struct varlink_param {
	const char *name;
	enum varlink_type type;
	int64_t min;
	int64_t max;
	const char *words; /* "auto|up|down" */
	/* of a string, or of each of a list; NULL: all are good. Return: NULL, or what to give */
	const char *(*check)(const char *value);
	const char *fallback; /* where it is not given, as one would write it; NULL: nothing */
	const char *value;    /* what a manual calls the value */
	const char *help;
	uint32_t offset; /* of who keeps values in a struct: where, and in how many bytes */
	uint32_t size;
};

struct varlink_params {
	const struct varlink_param *rows;
	unsigned int nb;
};

struct varlink_call;

struct varlink_method {
	const char *name;
	const struct varlink_params *params; /* NULL: none */
	const struct varlink_params *others; /* beside them, or NULL */
	unsigned int required;               /* the first so many of params have to be given */
	uint32_t deadline;                   /* ms; 0: it may last for ever */
	bool stream;                         /* only with "more" */
	bool looks;                          /* it changes nothing: observers may call it */
	void (*handle)(struct varlink_call *call);
	const char *help;
};

struct varlink_interface {
	const char *name;
	const char *description; /* in Varlink's language */
	const struct varlink_method *methods;
	unsigned int nb_methods;
};

/* What is wrong with parameters. */
struct varlink_wrong {
	char parameter[64];
	char text[256]; /* a sentence */
};

/** @return the row of that name, or NULL; params may be NULL */
const struct varlink_param *varlink_param_find(
		const struct varlink_params *params, const char *name);

/**
 * One value by its row.
 *
 * @param nb_fds descriptors that came along
 * @return 0, or -EINVAL with *wrong filled in
 */
int varlink_param_check(const struct varlink_param *param, const json_t *value, unsigned int nb_fds,
		struct varlink_wrong *wrong);

/**
 * All parameters of a call. Those that are null are taken out: they are not given.
 *
 * @return 0, or -EINVAL with *wrong filled in
 */
int varlink_method_check(const struct varlink_method *method, json_t *parameters,
		unsigned int nb_fds, struct varlink_wrong *wrong);

#endif /* VARLINK_METHOD_H */
