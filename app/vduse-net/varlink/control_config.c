/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control_config.h"

void
control_config_clear(struct control_config *config)
{
	free(config->networks);
	free(config->containers);
	free(config->network_lines);
	free(config->container_lines);
	memset(config, 0, sizeof(*config));
}

/* Room for one more; doubled when it is a power of two. */
static void *
grow(void *items, unsigned int nb, size_t size)
{
	if ((nb & (nb - 1)) != 0)
		return items;
	return reallocarray(items, nb == 0 ? 1 : 2 * (size_t)nb, size);
}

int
control_config_network(struct control_config *config, const struct control_network *network)
{
	struct control_network *items =
			grow(config->networks, config->nb_networks, sizeof(*network));
	unsigned int *lines;

	if (items == NULL)
		return -ENOMEM;
	config->networks = items;
	lines = grow(config->network_lines, config->nb_networks, sizeof(*lines));
	if (lines == NULL)
		return -ENOMEM;
	config->network_lines = lines;
	lines[config->nb_networks] = config->line;
	items[config->nb_networks++] = *network;
	return 0;
}

int
control_config_container(struct control_config *config, const struct control_container *container)
{
	struct control_container *items =
			grow(config->containers, config->nb_containers, sizeof(*container));
	unsigned int *lines;

	if (items == NULL)
		return -ENOMEM;
	config->containers = items;
	lines = grow(config->container_lines, config->nb_containers, sizeof(*lines));
	if (lines == NULL)
		return -ENOMEM;
	config->container_lines = lines;
	lines[config->nb_containers] = config->line;
	items[config->nb_containers++] = *container;
	return 0;
}

const struct control_network *
control_config_find_network(const struct control_config *config, const char *name)
{
	unsigned int i;

	for (i = 0; config != NULL && i < config->nb_networks; i++)
		if (strcmp(config->networks[i].name, name) == 0)
			return &config->networks[i];
	return NULL;
}

const struct control_container *
control_config_find_container(const struct control_config *config, const char *name)
{
	unsigned int i;

	for (i = 0; config != NULL && i < config->nb_containers; i++)
		if (strcmp(config->containers[i].name, name) == 0)
			return &config->containers[i];
	return NULL;
}

unsigned int
control_config_line(const struct control_config *config, const struct control_step *step)
{
	const struct control_container *container;
	const struct control_network *network;

	if (step->network != NULL) {
		network = control_config_find_network(config, step->network->name);
		return network != NULL ? config->network_lines[network - config->networks] : 0;
	}
	container = control_config_find_container(config, step->container->name);
	return container != NULL ? config->container_lines[container - config->containers] : 0;
}

static int
say(char *error, const char *name, const char *text)
{
	snprintf(error, CONTROL_ERROR_MAX, "%.64s: %.400s", name, text);
	return -EINVAL;
}

static int
add_network(struct control_config *config, const json_t *parameters, char *error)
{
	struct control_network network;

	control_defaults(&control_network_words, &network);
	control_from_json(&control_network_words, parameters, &network);
	if (control_config_find_network(config, network.name) != NULL)
		return say(error, network.name, "a network of this name is there: leave one out");
	return control_config_network(config, &network);
}

static int
add_container(struct control_config *config, const json_t *parameters, char *error)
{
	struct control_container container;
	struct varlink_wrong wrong;

	control_defaults(&control_container_words, &container);
	control_from_json(&control_container_words, parameters, &container);
	if (control_config_find_container(config, container.name) != NULL)
		return say(error, container.name,
				"a container of this name is there: leave one out");
	if (control_config_find_network(config, container.network) == NULL)
		return say(error, container.network, "no network above has this name: add it");
	if (control_container_check(&container, &wrong) != 0)
		return say(error, container.name, wrong.text);
	return control_config_container(config, &container);
}

static int
add_line(struct control_config *config, const struct control_tokens *tokens, char *error)
{
	struct control_line line;
	int ret;

	ret = control_line_parse(tokens->argc, tokens->argv, &line, error);
	if (ret != 0)
		return ret;
	if (strcmp(line.command->method, "AddNetwork") == 0)
		ret = add_network(config, line.parameters, error);
	else if (strcmp(line.command->method, "AddContainer") == 0)
		ret = add_container(config, line.parameters, error);
	else
		ret = say(error, line.command->object,
				"a file has network add and container add only");
	json_decref(line.parameters);
	return ret;
}

/* One line; the error without its place. */
static int
parse_line(struct control_config *config, const char *text, struct control_tokens *tokens,
		char *error)
{
	const int ret = control_split(text, tokens, error);

	if (ret != 0 || tokens->argc == 0)
		return ret;
	return add_line(config, tokens, error);
}

static void
place(char *error, const char *name, unsigned int line)
{
	char what[CONTROL_ERROR_MAX];

	memcpy(what, error, sizeof(what));
	snprintf(error, CONTROL_ERROR_MAX, "%.96s:%u: %.400s", name, line, what);
}

int
control_config_parse(const char *text, const char *name, struct control_config *config, char *error)
{
	struct control_tokens *tokens = malloc(sizeof(*tokens));
	char *copy = strdup(text), *rest = copy, *line;
	unsigned int n = 0;
	int ret = 0;

	memset(config, 0, sizeof(*config));
	memset(error, 0, CONTROL_ERROR_MAX);
	if (tokens == NULL || copy == NULL)
		ret = -ENOMEM;
	while (ret == 0 && (line = strsep(&rest, "\n")) != NULL) {
		config->line = ++n;
		ret = parse_line(config, line, tokens, error);
	}
	if (ret == -EINVAL)
		place(error, name, n);
	else if (ret != 0)
		snprintf(error, CONTROL_ERROR_MAX, "%.96s: no memory", name);
	config->line = 0;
	if (ret != 0)
		control_config_clear(config);
	free(copy);
	free(tokens);
	return ret;
}

/* All that there is, behind it a zero byte; a text has none. Return: 0 or -errno. */
static int
read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = pread(fd, text + len, size - len, (off_t)len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n < 0 ? 0 : n;
	}
	if (len == size)
		return -EFBIG;
	text[len] = '\0';
	return strlen(text) == len ? 0 : -EILSEQ;
}

/* Return: 0, with a text to be freed; or -errno. */
static int
read_text(int fd, char **text)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* nothing that may block, or has no end */
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	*text = malloc(CONTROL_FILE_MAX + 1);
	if (*text == NULL)
		return -ENOMEM;
	ret = read_all(fd, *text, CONTROL_FILE_MAX + 1);
	if (ret != 0) {
		free(*text);
		*text = NULL;
	}
	return ret;
}

int
control_config_read_fd(int fd, const char *name, struct control_config *config, char *error)
{
	char *text = NULL;
	int ret = read_text(fd, &text);

	if (text == NULL) {
		memset(config, 0, sizeof(*config));
		snprintf(error, CONTROL_ERROR_MAX,
				"%.200s: %s: give a file of commands, a line each", name,
				strerror(-ret));
		return ret;
	}
	ret = control_config_parse(text, name, config, error);
	free(text);
	return ret;
}

int
control_config_read(const char *path, struct control_config *config, char *error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0) {
		ret = -errno;
		memset(config, 0, sizeof(*config));
		snprintf(error, CONTROL_ERROR_MAX, "%.200s: %s", path, strerror(-ret));
		return ret;
	}
	ret = control_config_read_fd(fd, path, config, error);
	close(fd);
	return ret;
}

/* A line: the words that are not as they would be without being given. */
static void
write_line(FILE *out, const char *object, const struct varlink_params *words, const void *conf)
{
	char value[CONTROL_VALUE_MAX], quoted[2 * CONTROL_VALUE_MAX], name[32];
	const struct varlink_param *word;
	unsigned int i;

	control_value(&words->rows[0], conf, value, sizeof(value));
	control_quote(value, quoted, sizeof(quoted));
	fprintf(out, "%s add %s", object, quoted);
	for (i = 1; i < words->nb; i++) {
		word = &words->rows[i];
		control_value(word, conf, value, sizeof(value));
		if (value[0] == '\0' ||
				strcmp(value, word->fallback != NULL ? word->fallback : "") == 0)
			continue;
		/* no number that may be given: as without */
		if (word->type == VARLINK_INT && word->min > 0 && strcmp(value, "0") == 0)
			continue;
		control_quote(value, quoted, sizeof(quoted));
		fprintf(out, " %s %s", control_word_name(word, name, sizeof(name)), quoted);
	}
	fputc('\n', out);
}

char *
control_config_text(const struct control_config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	unsigned int i;

	if (out == NULL)
		return NULL;
	for (i = 0; i < config->nb_networks; i++)
		write_line(out, "network", &control_network_words, &config->networks[i]);
	for (i = 0; i < config->nb_containers; i++)
		write_line(out, "container", &control_container_words, &config->containers[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len > 0; text += n, len -= n) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The name's change has to be on the disk too. */
static int
sync_folder(const char *path)
{
	char folder[PATH_MAX];
	int fd, ret;

	snprintf(folder, sizeof(folder), "%s", path);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return ret;
}

/* Return: 0 or -errno; path is a file with this text, or is not there. */
static int
write_new(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, text, strlen(text));
	close(fd);
	if (ret != 0)
		unlink(path);
	return ret;
}

int
control_config_write(const char *path, const struct control_config *config)
{
	char *text = control_config_text(config), fresh[PATH_MAX];
	int ret = text != NULL ? 0 : -ENOMEM;

	if (ret == 0 && (size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		ret = -ENAMETOOLONG;
	if (ret == 0)
		ret = write_new(fresh, text);
	free(text);
	if (ret != 0)
		return ret;
	if (rename(fresh, path) != 0) {
		ret = -errno;
		unlink(fresh);
		return ret;
	}
	return sync_folder(path);
}

struct steps {
	struct control_step *items;
	unsigned int nb;
};

static void
step(struct steps *steps, enum control_verb verb, const void *network, const void *container)
{
	steps->items[steps->nb++] = (struct control_step){
		.verb = verb, .network = network, .container = container
	};
}

/* Words that differ; what is chosen where it is not given does not. */
static uint64_t
differing(const struct varlink_params *words, const void *now, const void *wanted)
{
	uint64_t which = 0, left = UINT64_MAX;
	int i;

	if (words == &control_container_words &&
			(*(const uint64_t *)wanted >> CONTAINER_MAC & 1) == 0)
		left &= ~(UINT64_C(1) << CONTAINER_MAC);
	while ((i = control_differ(words, now, wanted, left)) >= 0) {
		which |= UINT64_C(1) << i;
		left &= ~(UINT64_C(1) << i);
	}
	return which;
}

/* Containers go before their networks. */
static void
remove_old(const struct control_config *before, const struct control_config *now,
		const struct control_config *wanted, struct steps *steps)
{
	unsigned int i;

	for (i = 0; before != NULL && i < before->nb_containers; i++)
		if (control_config_find_container(wanted, before->containers[i].name) == NULL &&
				control_config_find_container(now, before->containers[i].name) !=
						NULL)
			step(steps, CONTROL_DEL, NULL, &before->containers[i]);
}

/* When no container of the new is on them any more. */
static void
remove_networks(const struct control_config *before, const struct control_config *now,
		const struct control_config *wanted, struct steps *steps)
{
	unsigned int i;

	for (i = 0; before != NULL && i < before->nb_networks; i++)
		if (control_config_find_network(wanted, before->networks[i].name) == NULL &&
				control_config_find_network(now, before->networks[i].name) != NULL)
			step(steps, CONTROL_DEL, &before->networks[i], NULL);
}

static void
make_networks(const struct control_config *now, const struct control_config *wanted,
		struct steps *steps)
{
	const struct control_network *there;
	unsigned int i;
	uint64_t which;

	for (i = 0; i < wanted->nb_networks; i++) {
		there = control_config_find_network(now, wanted->networks[i].name);
		which = there != NULL ? differing(&control_network_words, there,
							&wanted->networks[i])
				      : 1;
		if (which == 0)
			continue;
		step(steps, there == NULL ? CONTROL_ADD : CONTROL_SET, &wanted->networks[i], NULL);
		steps->items[steps->nb - 1].which = there != NULL ? which : 0;
	}
}

static void
make_containers(const struct control_config *now, const struct control_config *wanted,
		struct steps *steps)
{
	const struct control_container *there;
	unsigned int i;
	uint64_t which;

	for (i = 0; i < wanted->nb_containers; i++) {
		there = control_config_find_container(now, wanted->containers[i].name);
		which = there != NULL ? differing(&control_container_words, there,
							&wanted->containers[i])
				      : 1;
		if (which == 0)
			continue;
		step(steps, there == NULL ? CONTROL_ADD : CONTROL_SET, NULL,
				&wanted->containers[i]);
		steps->items[steps->nb - 1].which = there != NULL ? which : 0;
	}
}

int
control_config_diff(const struct control_config *before, const struct control_config *now,
		const struct control_config *wanted, struct control_step **steps)
{
	struct steps all = { 0 };
	size_t most = (size_t)wanted->nb_networks + wanted->nb_containers + 1;

	if (before != NULL)
		most += (size_t)before->nb_networks + before->nb_containers;
	all.items = calloc(most, sizeof(*all.items));
	if (all.items == NULL)
		return -ENOMEM;
	remove_old(before, now, wanted, &all);
	make_networks(now, wanted, &all);
	make_containers(now, wanted, &all);
	remove_networks(before, now, wanted, &all);
	*steps = all.items;
	return (int)all.nb;
}
