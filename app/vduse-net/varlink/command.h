/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Commands, as vdusectl and the configuration file have them: OBJECT [VERB] [NAME] [WORD VALUE]...
 * One table; the words are the parameters of the methods, with - for _, and may be abbreviated as
 * long as they are no other's beginning.
 */

#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "method.h"

#define CONTROL_TOKENS_MAX 80   /* of a line */
#define CONTROL_LINE_MAX   8192 /* bytes */
#define CONTROL_ERROR_MAX  512

struct control_command {
	const char *object;
	const char *verb; /* NULL: there is none */
	const char *method;
	const char *help;
	const char *form; /* where it is not [NAME] [WORD VALUE]...; NULL */
};

extern const struct control_command control_commands[];
extern const unsigned int control_nb_commands;

/* A call in the making. */
struct control_line {
	const struct control_command *command;
	const struct varlink_method *method;
	json_t *parameters; /* checked; to be freed by who has it */
};

/* Bytes of a line as tokens, in a copy. */
struct control_tokens {
	char text[CONTROL_LINE_MAX];
	const char *argv[CONTROL_TOKENS_MAX];
	int argc;
};

/** The method of a command. */
const struct varlink_method *control_command_method(const struct control_command *command);

/**
 * The parameter that follows the verb without its word: a name or a file.
 *
 * @param must it has to
 * @return NULL: none
 */
const struct varlink_param *control_command_name(const struct control_command *command, bool *must);

/** Whether a parameter is a word of commands: neither the name nor a file, and no descriptor. */
bool control_is_word(const struct varlink_param *param);

/** A parameter as a word: - for _. @return buf */
const char *control_word_name(const struct varlink_param *param, char *buf, size_t len);

/**
 * @return 0, or -EINVAL with a sentence in error, CONTROL_ERROR_MAX bytes
 */
int control_line_parse(int argc, const char *const *argv, struct control_line *line, char *error);

/**
 * Split a line of a file: spaces between, 'as it is', "with \" and \\", # comment.
 *
 * @return 0, or -EINVAL with a sentence in error, CONTROL_ERROR_MAX bytes
 */
int control_split(const char *text, struct control_tokens *tokens, char *error);

/** A value as a line has it: in quotes where it has to be. @return bytes that it takes */
size_t control_quote(const char *value, char *buf, size_t len);

#endif /* CONTROL_COMMAND_H */
