/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_BROKER_PRIV_H
#define BROKER_BROKER_PRIV_H

/*
 * Two threads. The main one talks: with clients, and with the poller. What blocks in the
 * kernel, a job, is done by the other, one after the other, straight on; what it asks the
 * poller the main thread asks for it.
 */

#include <pthread.h>
#include <sys/queue.h>

#include "broker/broker.h"
#include "broker/link.h"
#include "broker/store.h"
#include "control.h"
#include "control_config.h"
#include "lock.h"

MUTEX_KIND(broker_mutex);

/* A question of the job thread's for the poller. */
struct ask {
	TAILQ_ENTRY(ask) next;
	struct broker *broker;
	uint64_t due; /* ms */
	const char *method;
	json_t *parameters;
	int fd;
	bool finished;
	int ret;
	struct control_error error;
	json_t *reply;
};

TAILQ_HEAD(asks, ask);

/* Which of a job's conf there is. */
enum job_kind { JOB_CONTAINER, JOB_NETWORK, JOB_FILE };

struct job_file {
	char name[CONTROL_PATH_MAX + 1]; /* "": none is given */
	int fd;                          /* the job's own, or -1 */
};

struct job {
	TAILQ_ENTRY(job) next;
	int (*run)(struct broker *b, struct job *job); /* on the job thread */
	union {
		struct control_network network;
		struct control_container container; /* netns_fd: the job's own */
		struct job_file file;
	} conf;
	enum job_kind kind;
	bool force;
	bool mirror_waits; /* a container's mirror may be one that comes later */
	int ret;
	struct control_error error;
	json_t *reply;  /* to the last that was asked, or NULL; jobs_forget() */
	json_t *answer; /* the request's, where it is another than "changed"; or NULL */
	json_t *events; /* what was done, an object each; or NULL */
	/* NULL: nobody waits for it. Written by the main thread, atomically */
	struct control_request *request;
	bool asked; /* for, by a request that there was */
};

TAILQ_HEAD(jobs, job);

struct broker {
	struct broker_conf conf;
	const struct device_ops *device;
	struct control *control;          /* main thread */
	struct link *link;                /* main thread; NULL: the poller is not there */
	bool linked;                      /* main thread: it has all that it is to have */
	uint64_t retry;                   /* main thread, ms: when to look for it again */
	bool again;                       /* atomic: there is more to be told */
	bool tells_network;               /* main thread: what is being told after a restart, */
	char tells[CONTROL_NAME_MAX + 1]; /* and its name */
	int wake_fd;                      /* eventfd: the main thread has something to do */
	bool reload;   /* main thread: once the poller is there, and not asked for */
	bool starting; /* main thread: that is the start's, which fails with it */
	int failed;    /* main thread: -errno, the end */
	bool ready;    /* main thread: it has been told */

	struct broker_mutex lock;
	pthread_cond_t changed; /* something of what it guards */
	struct store store GUARDED_BY(broker_mutex);
	unsigned int generation GUARDED_BY(broker_mutex); /* of the link */
	struct jobs todo GUARDED_BY(broker_mutex);
	struct jobs done GUARDED_BY(broker_mutex);
	struct asks asks GUARDED_BY(broker_mutex); /* to be sent */
	json_t *faults GUARDED_BY(broker_mutex);   /* events to be told; NULL: none */
	bool ending GUARDED_BY(broker_mutex);
	pthread_t thread;
};

uint64_t broker_now(void); /* ms */

/**
 * Any thread, without the lock: log what nobody is answered, and tell it those who monitor.
 *
 * @param container the one that it is about, NULL: all
 */
void broker_fault(struct broker *b, const char *container, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

/* jobs.c */
int jobs_start(struct broker *b);
void jobs_stop(struct broker *b);

/** Any thread. */
void jobs_add(struct broker *b, struct job *job);

/** Main thread: a job that is done; NULL: none. */
struct job *jobs_done(struct broker *b);

void job_free(struct job *job);

/**
 * Job thread, without the lock: ask the poller and wait.
 *
 * @param parameters taken
 * @param fd goes along, stays the caller's; -1: none
 * @return what the method returned, negative with the job's error
 */
int jobs_ask(struct broker *b, struct job *job, const char *method, json_t *parameters, int fd);

/** The reply to what was asked is of no use any more. */
void jobs_forget(struct job *job);

/** Main thread: send what is to be asked. @return whether something waits for the poller */
bool jobs_send(struct broker *b);

/* change.c: jobs */
int change_network_add(struct broker *b, struct job *job);
int change_network_set(struct broker *b, struct job *job);
int change_network_del(struct broker *b, struct job *job);
int change_container_add(struct broker *b, struct job *job);
int change_container_set(struct broker *b, struct job *job);
int change_container_del(struct broker *b, struct job *job);

/** One that is half there is taken away; one that is gone is made again. */
int change_repair(struct broker *b, struct job *job);

/** Fill in the job's error. @return -EINVAL */
int job_fail(struct job *job, const char *id, const char *parameter, const char *format, ...)
		__attribute__((format(printf, 4, 5)));

/* change_network.c, for both: the job's error */

/** Each word of which that differs, with both values. @return 1: none does; -EINVAL */
int change_compare(struct job *job, const struct varlink_params *words, const void *there,
		const void *asked, uint64_t which);
int change_no_network(struct job *job, const char *name);
int change_no_memory(struct job *job);

/** Write the state file. @return 0, or -errno with the job's error */
int change_write(struct broker *b, struct job *job) REQUIRES(broker_mutex);

/* change.c, for change_set.c: the job's error */

/** @param[out] netns the namespace, or -1; the caller's. @return 0 or -EINVAL */
int change_open_netns(struct broker *b, struct job *job, const struct control_container *conf,
		int *netns);

/** Whether a container was added to the namespace of this descriptor. */
bool change_is_netns(struct broker *b, const char *name, int fd);

/* change_set.c */
int change_no_container(struct job *job, const char *name);

/** What the poller is told of a container; the same for what is done again, in any order. */
json_t *change_container_json(const struct control_container *conf, uint64_t which);
json_t *change_container_again(const struct control_container *conf, uint64_t which);

/** That words need force, and why, as an error of the job's. @return -EINVAL */
int change_needs_reattach(struct job *job, uint64_t words);

/* config.c: jobs */
int change_reload(struct broker *b, struct job *job);
int change_check(struct broker *b, struct job *job);

/** All that is there, or (in_file) the file's part of it. @return 0, -ENOMEM */
int config_collect(struct broker *b, bool in_file, struct control_config *config)
		REQUIRES(broker_mutex);

/* replay.c, main thread: the poller is told what it does not know. */
void replay_next(struct broker *b);

/* ops.c */
extern const struct control_ops broker_ops;

/** Have a container looked after that is half there, or gone. */
void broker_repair(struct broker *b, const char *name) REQUIRES(broker_mutex);

/** Words of a container that the poller knows: all but those about the interface. */
uint64_t broker_poller_words(void);

/** Words that cannot be changed while a driver has the device. */
uint64_t broker_device_words(void);

#endif /* BROKER_BROKER_PRIV_H */
