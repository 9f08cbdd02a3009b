/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drivers that are there and send nothing: one for each of so many /dev/vhost-vdpa-N.
 *
 *   bench-drivers FIRST COUNT
 *
 * Prints "ready" when all of them are; they go when standard input ends.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock_driver.h"
#include "vhost_front.h"

#define BASE    0x100000 /* IOVA of a driver's memory */
#define RING    0x2000   /* bytes of a queue's */
#define SIZE    64       /* descriptors */
#define BUFFERS 8        /* to receive into */
#define BUFFER  2048
#define MEMORY  (2 * RING + BUFFERS * BUFFER)
#define RX      0

static void *
at(void *arg, uint64_t iova)
{
	return (uint8_t *)arg + (iova - BASE);
}

static void
put(void *arg, uint64_t iova, const void *data, size_t len)
{
	memcpy(at(arg, iova), data, len);
}

static int
set_queue(int fd, unsigned int index, const struct mock_mem *mem, int kick)
{
	const struct mock_vq_conf conf = { .mem = mem, .iova = BASE + index * RING, .size = SIZE };
	struct mock_desc desc = { .len = BUFFER, .write = true };
	struct mock_vq vq = { 0 };
	unsigned int i;
	int ret;

	ret = mock_vq_init(&vq, &conf);
	for (i = 0; index == RX && i < BUFFERS && ret == 0; i++) {
		desc.iova = BASE + 2 * RING + i * BUFFER;
		ret = mock_vq_add(&vq, &desc, 1, at(mem->arg, desc.iova));
	}
	if (ret == 0)
		ret = vhost_front_queue(fd, index, &vq, kick, -1);
	mock_vq_fini(&vq);
	return ret;
}

/* Its memory and descriptors stay until the process ends. */
static int
start(unsigned int number)
{
	struct mock_mem mem = { .write = put, .at = at };
	int fd, memfd, ret, kicks[2];
	char path[32];

	snprintf(path, sizeof(path), "/dev/vhost-vdpa-%u", number);
	fd = vhost_front_open(path);
	if (fd < 0)
		return fd;
	mem.arg = vhost_front_memory(MEMORY, &memfd);
	if (mem.arg == NULL)
		return -errno;
	ret = vhost_front_eventfds(kicks);
	if (ret == 0)
		ret = vhost_front_features(fd, 0);
	if (ret == 0)
		ret = vhost_front_map(fd, BASE, MEMORY, MEMORY, &mem);
	if (ret == 0)
		ret = set_queue(fd, 0, &mem, kicks[0]);
	if (ret == 0)
		ret = set_queue(fd, 1, &mem, kicks[1]);
	return ret == 0 ? vhost_front_ready(fd) : ret;
}

int
main(int argc, char *argv[])
{
	unsigned int first, count, i;
	char byte;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: bench-drivers FIRST COUNT\n");
		return EXIT_FAILURE;
	}
	first = (unsigned int)atoi(argv[1]);
	count = (unsigned int)atoi(argv[2]);
	for (i = 0; i < count; i++) {
		ret = start(first + i);
		if (ret < 0) {
			fprintf(stderr, "bench-drivers: number %u: %s\n", first + i,
					strerror(-ret));
			return EXIT_FAILURE;
		}
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return EXIT_SUCCESS;
}
