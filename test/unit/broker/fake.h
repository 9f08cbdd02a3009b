/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_FAKE_H
#define BROKER_FAKE_H

/*
 * A kernel that devices are made in, and a process that polls, both the test's own, around
 * the broker as it is: sockets, threads, state file. Includes cmocka.h before.
 */

#include <stdbool.h>

#include <jansson.h>

#include "broker/broker.h"

#define FAKE_DEVICES 256

struct fake_device {
	bool there, attached;
	int look; /* hung up: nobody has it open */
	char name[64], mac[18], how[8];
	struct netif_conf placed;
	uint32_t mtu;
};

extern const struct device_ops fake_kernel;

/* Of all that can fail the n-th (from 1) does, once, from now on; 0: none. */
void fake_fail(unsigned int n);

/* Whether it has failed. */
bool fake_failed(void);
/* One thing that can: 0 or -EIO. */
int fake_step(void);

/* Called in the middle of an attachment, where not NULL, on the job thread. */
extern void (*fake_attaching)(void);

/* What is told of the kernel and of the poller is a copy: they go on in threads of their own. */
struct fake_device fake_device(const char *name); /* not there: none */
unsigned int fake_nb_devices(void);
bool fake_is_open(const char *name);
unsigned int fake_nb_open(void);

/* As after a boot. While neither broker nor poller runs. */
void fake_devices_gone(void);

/* All of it, in a folder of its own: cmocka's fixtures of a test. */
int fake_setup(void **state);
int fake_teardown(void **state);

/*
 * The two processes, for themselves. After a start the next look at the poller, and the next call,
 * wait until it has been told all that there is to be.
 */
void fake_broker_start(void);
void fake_broker_stop(void); /* what it has made stays */
int fake_broker_wait(void);  /* for its end, by itself; what it returns */
void fake_poller_start(void);
void fake_poller_stop(void); /* all that it has open is closed */

/* The poller has no network's ports, from now on. */
extern bool fake_no_uplinks;
/* What it says of the address of an uplink that is a virtual function; NULL: nothing. */
extern const char *fake_vf_mac;

/* It has these lcores, and an uplink of net0, up0, whose one queue the first of them polls. */
extern unsigned int fake_nb_lcores;

/*
 * What the poller has; its parameters of the last time that it was told, NULL: it has not. They
 * are there until the end of the test.
 */
unsigned int fake_poller_has(void);
const json_t *fake_poller_container(const char *name);
const json_t *fake_poller_network(const char *name);

/* The configuration file, which the next broker has. */
void fake_configure(const char *text);
extern const char *fake_config;
extern bool fake_applies; /* the next broker does so at its start */

/* Wait for a condition: false after two minutes. */
bool fake_wait(bool (*reached)(void));

/* One call: method without its interface, parameters as text. @return the answer, to be freed */
json_t *fake_call(const char *method, const char *parameters);

/* The same: a connection that is not waited for. */
int fake_send(const char *method, const char *parameters);

/* The poller tells an event. */
void fake_tell(json_t *event);

/* A connection to the control socket. */
int fake_dial(void);

/* An answer to it, to be freed. */
json_t *fake_receive(int fd);

/* Let the clients' clock go on. */
void fake_pass(uint64_t ms);

/* changed of the answer; -1: an error. */
int fake_changed(const char *method, const char *parameters);

/* The answer is an error of that name, about that parameter, with a sentence. */
void fake_refused(
		const char *method, const char *parameters, const char *id, const char *parameter);

/* The state file, to be freed; NULL: none. */
json_t *fake_state(void);
extern char fake_folder[32];

#endif /* BROKER_FAKE_H */
