/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The soak's driver: it sends every frame back, and at random it is killed, resets the device,
 * negotiates other features and another ring format, or moves its memory.
 *
 *   front DEVICE SEED SECONDS [KILLS]     with KILLS: it is only killed, so many times, and
 *                                         SECONDS is how long that may take
 *
 * A child is the driver; the parent owns its memory, so that after the child was killed the rings
 * say how many buffers the device used: those are the counters that the back end's must agree with.
 * Between two events frames have to flow: if none comes for STUCK_S, service has not resumed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "soak_frame.h"
#include "vhost_front.h"

/* A busy machine is not a fault. */
#define STUCK_S 300

static struct {
	uint64_t random;
	pid_t child;
	int to, from;     /* pipes */
	uint64_t used[2]; /* of all lives that are over */
	uint64_t lives, kills, resets, remaps;
} front;

static void __attribute__((noreturn)) fatal(const char *what)
{
	fprintf(stderr, "front: %s (%s)\n", what, strerror(errno));
	if (front.child > 0)
		kill(front.child, SIGKILL);
	exit(1);
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void
child_start(void)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		fatal("no pipes");
	front.child = fork();
	if (front.child < 0)
		fatal("cannot fork");
	if (front.child == 0) {
		close(to[1]);
		close(from[0]);
		driver_main(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	front.to = to[1];
	front.from = from[0];
}

/* A command, and its answer unless the child is to be killed over it. */
static void
child_command(char byte, bool wait)
{
	struct pollfd answer = { .fd = front.from, .events = POLLIN };

	if (write(front.to, &byte, 1) != 1 ||
			(byte == 'l' && write(front.to, &env.life, sizeof(env.life)) !=
							sizeof(env.life)))
		fatal("the driver has ended");
	if (wait && (poll(&answer, 1, STUCK_S * 1000) != 1 || read(front.from, &byte, 1) != 1))
		fatal("the driver does not answer");
}

/* Buffers that the device used beyond those that the driver took. */
static uint64_t
ring_left(int q, uint64_t taken)
{
	const struct mock_mem mem = { .at = driver_at };
	struct mock_vq_conf conf = driver_ring(&mem, q);
	struct mock_vq vq;

	conf.start = conf.packed ? taken % SIZE : taken;
	conf.start_wrap = (taken / SIZE & 1) == 0;
	mock_vq_watch(&vq, &conf);
	return mock_vq_pending(&vq);
}

/* A life is over, and the device knows: nothing writes to the rings any more. */
static void
life_end(void)
{
	int q;

	for (q = 0; q < 2; q++) {
		front.used[q] += env.shared->taken[q] + ring_left(q, env.shared->taken[q]);
		env.shared->taken[q] = 0;
	}
	memset(env.mem[env.shared->current], 0, MEMORY);
}

static void
life_begin(void)
{
	env.life = (struct life){ .packed = soak_random(&front.random, 2),
		.event_idx = soak_random(&front.random, 2),
		.indirect = soak_random(&front.random, 2),
		.mergeable = soak_random(&front.random, 2),
		.calls = soak_random(&front.random, 2),
		.pieces = 1u << soak_random(&front.random, 7) };
	front.lives++;
	child_command('l', true);
}

/* The device is released when it opens again. */
static void
child_gone(void)
{
	const uint64_t end = now_ms() + STUCK_S * 1000;
	int fd;

	waitpid(front.child, NULL, 0);
	front.child = 0;
	close(front.to);
	close(front.from);
	while ((fd = open(env.path, O_RDWR | O_CLOEXEC)) < 0) {
		if (errno != EBUSY || now_ms() > end)
			fatal("the device is not released");
		usleep(10000);
	}
	close(fd);
	life_end();
}

static void
event_kill(void)
{
	kill(front.child, SIGKILL);
	front.kills++;
	child_gone();
	child_start();
	life_begin();
}

/* In the middle of something that the back end has a part in. */
static void
event_kill_within(void)
{
	child_command(soak_random(&front.random, 2) ? 'r' : 'z', false);
	if (soak_random(&front.random, 2))
		usleep(soak_random(&front.random, 2000));
	event_kill();
}

static void
event_reset(void)
{
	front.resets++;
	child_command('z', true);
	life_end();
	life_begin();
}

static void
event_remap(void)
{
	front.remaps++;
	child_command('r', true);
}

/* Frames flow: service is there. */
static void
wait_for_frames(void)
{
	const uint64_t end = now_ms() + STUCK_S * 1000;
	const uint64_t from = __atomic_load_n(&env.shared->taken[TX], __ATOMIC_RELAXED);

	while (__atomic_load_n(&env.shared->taken[TX], __ATOMIC_RELAXED) - from < 64) {
		if (now_ms() > end)
			fatal("no frames: service has not resumed");
		usleep(200);
	}
}

static void
soak(uint64_t seconds, uint64_t kills)
{
	static void (*const events[])(void) = { event_kill, event_kill_within, event_reset,
		event_reset, event_remap, event_remap };
	const uint64_t end = now_ms() + seconds * 1000;

	child_start();
	life_begin();
	while (kills > 0 ? front.kills < kills : now_ms() < end) {
		wait_for_frames();
		usleep(soak_random(&front.random, 20000));
		if (kills == 0)
			events[soak_random(&front.random, sizeof(events) / sizeof(events[0]))]();
		else if (now_ms() < end)
			events[soak_random(&front.random, 2)]();
		else
			fatal("not as many kills in this time");
	}
	wait_for_frames();
	kill(front.child, SIGKILL);
	child_gone();
}

static void
memory_init(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	int i, fd;

	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	env.shared = mmap(NULL, sizeof(*env.shared), prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (env.shared == MAP_FAILED)
		fatal("no memory");
	for (i = 0; i < 2; i++) {
		env.mem[i] = vhost_front_memory(MEMORY, &fd);
		if (env.mem[i] == NULL)
			fatal("no memory");
		close(fd);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: front DEVICE SEED SECONDS [KILLS]\n");
		return 1;
	}
	env.path = argv[1];
	front.random = strtoull(argv[2], NULL, 0) | 1;
	memory_init();
	soak(strtoull(argv[3], NULL, 0), argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
	printf("ok rx_used=%" PRIu64 " tx_used=%" PRIu64 " corrupt=%" PRIu64 " reordered=%" PRIu64
	       " lives=%" PRIu64 " kills=%" PRIu64 " resets=%" PRIu64 " remaps=%" PRIu64 "\n",
			front.used[RX], front.used[TX], env.shared->corrupt, env.shared->reordered,
			front.lives, front.kills, front.resets, front.remaps);
	return 0;
}
