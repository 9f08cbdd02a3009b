/* SPDX-License-Identifier: BSD-3-Clause */
/* A small back end and front end for the emulator's own test; both live in the test's process. */
#ifndef TEST_EMU_H
#define TEST_EMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/abi.h"
#include <linux/vhost.h>

#include "emu_wire.h"

#include <setjmp.h>
#include <stdarg.h>

/* It wants these before it. */
#include <cmocka.h>

#include "filter.h"

/* Tests of all groups that were asked for; see filter.h. */
extern size_t tests_run;

#define TEST_RUN(name, tests)                                                  \
	(tests_run += filter_tests(tests, sizeof(tests) / sizeof((tests)[0])), \
			cmocka_run_group_tests_name(name, tests, NULL, NULL))

#define QUEUES    2
#define QUEUE_MAX 256
#define LOG_MAX   512

/* Seconds that a test waits for what has to come. */
#define TEST_LIMIT_S 120

#define F_VERSION_1 (1ULL << 32)
#define F_PLATFORM  (1ULL << 33)
#define F_PACKED    (1ULL << 34)
#define F_CTRL_VQ   (1ULL << 17)
#define FEATURES    (F_VERSION_1 | F_PLATFORM | F_PACKED)

/* A back end with a control thread that answers what it is told to. */
struct back {
	char name[32];
	int control;
	int fd;
	int stop; /* eventfd: the thread ends */
	bool running;
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t cond;
	struct vduse_abi_request log[LOG_MAX];
	unsigned int count;
	uint32_t fail;                   /* bit 1 << type: answer FAILED */
	struct vduse_abi_vq_state state; /* answer to GET_VQ_STATE */
};

/* errno of a call that has to fail, 0 if it did not. */
int err_of(long ret);

/* As `vduse-emu WORDS`. Return: 0, or -errno. */
int emu_admin(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A valid configuration of a net device. */
void config_init(struct vduse_abi_create *config, const char *name);

/* Create a device of API version `api` with its queues set up, attached as vhost-vdpa-0 or not. */
void back_create(struct back *back, uint64_t api, uint64_t vduse_features);
void back_start(struct back *back);
void back_stop(struct back *back);
void back_destroy(struct back *back);
void back_attach(struct back *back);

/* Requests of a type seen so far. */
unsigned int back_seen(struct back *back, uint32_t type);
/* The latest request of a type; there has to be one. */
struct vduse_abi_request back_last(struct back *back, uint32_t type);
/* Wait until `count` requests of a type came, at most 5 s. */
void back_wait(struct back *back, uint32_t type, unsigned int count);

/*
 * A front end: vhost-vdpa-0, owned or not. One at a time; what a failed test leaves open is closed
 * when its device goes, which would wait for it for ever.
 */
int front_open(void);
int front_open_only(void);
void front_close(int fd);
int front_status(int fd, uint8_t status);
uint8_t front_get_status(int fd);
/* One IOTLB message of version 2; type as VHOST_IOTLB_*. Return: 0, or -errno. */
int front_iotlb(int fd, uint8_t type, uint32_t asid, struct vhost_iotlb_msg msg);
int front_map(int fd, uint64_t iova, uint64_t size, void *addr);
void front_enable(int fd, uint32_t index, uint32_t on);

/* Shared memory of `size` bytes; its file in `memfd` (may be NULL). */
void *shared_memory(size_t size, int *memfd);
/* Wait until an eventfd was signalled, at most `ms`. Return: its counter, 0 when it was not. */
uint64_t event_wait(int fd, int ms);

#define TEST_WITH(group, test) cmocka_unit_test_setup_teardown(test, group##_up, group##_down)

int control_tests(void);
int message_tests(void);
int front_tests(void);
int iotlb_tests(void);
int api1_tests(void);
int fault_tests(void);

/* A device created, its thread running, attached; *state is the struct back. */
int dev_up(void **state);
int dev_down(void **state);

#endif /* TEST_EMU_H */
