/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A call of the Container Network Interface (CNI specification 1.1), or of netavark: what a runtime
 * asks, and the error it is answered with.
 */

#ifndef CNI_H
#define CNI_H

#include <stdbool.h>

#include <jansson.h>

#include "checks.h"
#include "command.h"
#include "words.h"

/* Codes of an error (CNI specification, Error) */
enum cni_code {
	CNI_VERSION = 1,      /* the version of the configuration is not known */
	CNI_UNSUPPORTED = 2,  /* a field that cannot be served */
	CNI_NO_CONTAINER = 3, /* its network namespace is gone */
	CNI_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG = 7,
	CNI_AGAIN = 11,
	CNI_UNAVAILABLE = 50, /* STATUS: ADD cannot be served */
	CNI_NODE = 100,       /* the daemon, or the kernel, refused */
	CNI_CHANGED = 101,    /* CHECK: it is not as it was */
};

struct cni_error {
	int code; /* 0: none */
	char msg[256];
	char details[CONTROL_ERROR_MAX];
};

struct cni {
	const char *command;
	/* NULL where not given; texts are the environment's, or the configuration's */
	const char *container, *netns, *ifname, *args, *path;
	json_t *conf;
	json_t *input; /* netavark's; NULL: a CNI plug-in is called */
	const char *version, *name;
	const char *ipam_version; /* what the IPAM plug-in is told; NULL: it was not asked */
	bool may_be_leased;    /* the IPAM plug-in was asked for addresses, whatever it answered */
	const char *owner;     /* what the daemon's names of our containers begin with */
	const char *undone_by; /* the command that takes a container's interface back */
	bool may_hide_run;     /* the runtime may have mounted something else at /run */
	char device[CONTROL_NAME_MAX + 1]; /* the container's name in the daemon; "": none */
	struct cni_error error;
};

/** Read what is asked. @return 0, or -1 with the error */
int cni_read(struct cni *cni);
void cni_free(struct cni *cni);

/** Whether the version of the configuration is this one or newer, as "1.1.0". */
bool cni_is_since(const struct cni *cni, const char *version);

/** What supportedVersions says: an array. */
json_t *cni_versions(void);

/** One of them, which stays; NULL: it is none. */
const char *cni_version(const char *version);

/** The daemon's name for an attachment of this network. @return 0, or -1 with the error */
int cni_device(struct cni *cni, const char *container, const char *ifname, char *device);

/** Whether JSON can have it: it is UTF-8. */
bool cni_is_text(const char *text);

/** Fill in the error, unless there is one, as text. @return -1 */
__attribute__((format(printf, 4, 5))) int cni_fail(
		struct cni *cni, int code, const char *msg, const char *details, ...);

/* node.c */

/**
 * Call a method of the daemon.
 *
 * @param parameters stolen
 * @param fd a descriptor to go along, or -1
 * @param reply to be freed; NULL: not wanted
 * @return 0, or -1 with the error
 */
int node_call(struct cni *cni, const char *method, json_t *parameters, int fd, json_t **reply);

/**
 * The one that has this name, out of a list that a method answers with.
 *
 * @return to be freed; NULL with the error where the call fails, without one where there is none
 */
json_t *node_find(struct cni *cni, const char *method, const char *list, const char *name);

/** The container's network namespace. @return a descriptor, or -1 with the error */
int node_open_netns(struct cni *cni);

/**
 * Give the container its interface, in the network namespace.
 *
 * @param parameters of AddContainer; the namespace is added to them
 * @return the namespace, open; or -1 with the error, and nothing is left
 */
int node_add(struct cni *cni, json_t *parameters);

/** Take an interface back; of none is success. @return 0, or -1 with the error */
int node_remove(struct cni *cni, const char *device);

/** The container's, after an error that stays, whatever becomes of this. */
void node_undo(struct cni *cni);

/**
 * Whether the daemon has the container in another network namespace. A container has one: its
 * runtime died before it was told of the former, and never takes it back. What is there in the same
 * one is another call's: it is not to be undone.
 *
 * @return 0: there is none; 1: it is left over; -1 with the error
 */
int node_is_left(struct cni *cni);

/* conf.c */

/**
 * An option that is given as text, as the configuration has it: a new value. NULL with the error:
 * there is no such key, or it wants something else.
 */
json_t *conf_of_text(struct cni *cni, const char *key, const char *text);

/**
 * What the configuration says of the attachment, as parameters of AddContainer: without addresses,
 * routes and the network namespace. @return NULL with the error
 */
json_t *conf_parameters(struct cni *cni);

/** The daemon's socket, and network. @return NULL with the error */
const char *conf_socket(struct cni *cni);
const char *conf_network(struct cni *cni);

/** Add addresses and routes of an IPAM plug-in's result. @return 0, or -1 with the error */
int conf_addresses(struct cni *cni, const json_t *result, json_t *parameters);

/* check.c */

/** What the daemon would say of a method's parameters, which are stolen. @return 0, or -1 with it
 */
int conf_check(struct cni *cni, const char *method, json_t *parameters);

/* spawn.c */

/* What a program ended by that was killed by a signal */
#define SPAWN_KILLED 128

/**
 * Run a program, which is looked for in PATH, to its end.
 *
 * @param in,out,err its standard input, output and error; -1: ours
 * @return its exit status, SPAWN_KILLED, or -errno
 */
int spawn(char *const *argv, int in, int out, int err);

/* ipam.c */

/** Whether the configuration names an IPAM plug-in. */
bool ipam_is_wanted(const struct cni *cni);

/**
 * Call it as the specification says (Delegated plug-ins).
 *
 * @param result what it printed, to be freed; NULL: not wanted
 * @return 0, or -1 with its error
 */
int ipam_call(struct cni *cni, const char *command, json_t **result);

/** The same for another attachment. */
int ipam_del(struct cni *cni, const char *container, const char *ifname);

/** Whether it knows GC and STATUS. */
bool ipam_is_new(struct cni *cni);

/* lock.c */

/* Of an attachment, while its IPAM plug-in is at work. */
struct lock {
	int fd; /* -1: there is none, as where the runtime may not */
	char path[64 + CONTROL_NAME_MAX];
};

/** Wait until no IPAM plug-in works for it. @return 0, or -1 with the error: it takes too long */
int lock_take(struct cni *cni, const char *device, struct lock *lock);

/** Mirror of lock_take(), where it has succeeded. */
void lock_release(struct lock *lock);

/* look.c */

/**
 * CHECK: an interface in a network namespace has this MAC address, these addresses and routes.
 *
 * @param mac NULL: any
 * @param ips of a result, those of interface at
 * @param routes of a result
 * @return 0, or -1 with the error that says what is missing
 */
int look(struct cni *cni, const char *mac, const json_t *ips, json_int_t at, const json_t *routes);

/** The first metric from this on that no default route in there has; -1 with the error. */
json_int_t look_metric(struct cni *cni, bool v6, json_int_t first);

/* announce.c */

/**
 * Tell neighbours whose the addresses of a result are now, where that can be done. The process is
 * in the network namespace from then on.
 */
void announce(const struct cni *cni, const json_t *ips);

/* result.c */

/**
 * What ADD answers: behind what a plug-in before us did.
 *
 * @param ipam the IPAM plug-in's result, or NULL
 * @param mac,mtu of the interface; NULL: not known
 */
json_t *result_add(struct cni *cni, const json_t *ipam, json_t *mac, json_t *mtu);

/** Where our interface is in prevResult; -1 with the error: it is not there. */
json_int_t result_find(struct cni *cni);

/** CHECK: the interface in the namespace is as prevResult, and the IPAM plug-in, have it. */
int result_check(struct cni *cni, json_int_t at);

/** Whether GC is to keep an attachment, "IFNAME:CONTAINERID". */
bool result_is_valid(struct cni *cni, const char *attachment);

/** What GC needs is there. @return 0, or -1 with the error */
int result_has_valid(struct cni *cni);

/* ovs.c: the same verbs where Open vSwitch is the data plane */

/** Whether it is. @return 0 or 1; -1 with the error: the key is wrong */
int ovs_is_wanted(struct cni *cni);
int ovs_add(struct cni *cni, json_t **output);
int ovs_del(struct cni *cni);
int ovs_check(struct cni *cni);
int ovs_gc(struct cni *cni);
int ovs_status(struct cni *cni);

/* verbs.c */

/** Do what is asked. @return 0 with what is to be printed (NULL: nothing), or -1 with the error */
int cni_run(struct cni *cni, json_t **output);

/* netavark.c */

/**
 * Do what is asked as netavark does it: INFO, CREATE, SETUP NETNS or TEARDOWN NETNS in small
 * letters, with an object on standard input.
 *
 * @return as cni_run()
 */
int netavark_run(struct cni *cni, int argc, char *const *argv, json_t **output);

/** A text that has to be in netavark's input. NULL with the error: it is not. */
const char *netavark_text(struct cni *cni, const json_t *object, const char *key);

/* create.c */

/** Check a network as Podman would have it, and complete it. @return 0, or -1 with the error */
int create_network(struct cni *cni, json_t *network);

#endif /* CNI_H */
