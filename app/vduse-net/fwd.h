/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The poll-mode part: a stream takes frames from receive queues of one port to
 * one transmit queue of another; the streams are dealt out to lcores.
 */

#ifndef FWD_H
#define FWD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_config.h>
#include <rte_mempool.h>
#include <rte_vduse_net.h>

#include "gate.h"
#include "idle.h"
#include "offload.h"

#define FWD_BURST       32
#define FWD_MAX_STREAMS 4096

/*
 * Work of a stream in one round of its lcore (see OFFLOAD_SEGMENT_WORK); the frame that
 * goes beyond it is the last. A driver chooses how much its frames ask for: what is
 * left of a burst then waits for the stream's next turn, after the other streams'. Three
 * frames of 64 KiB cut into usual segments, or some 0.1 ms.
 */
#define FWD_ROUND_WORK (256 * 1024)
/* Most segments that makes; and one frame's worth of OFFLOAD_OUT. */
#define FWD_ROUND_SEGMENTS (FWD_ROUND_WORK / OFFLOAD_SEGMENT_WORK + OFFLOAD_OUT)

/* Why a frame was dropped. */
enum fwd_drop {
	FWD_DROP_FULL,      /* the transmit queue did not take it */
	FWD_DROP_NO_BUFFER, /* no packet buffer for a copy or a segment */
	FWD_DROP_LONG,      /* longer than the MTU of the port it goes to, or its segments are */
	FWD_DROP_PIECES,    /* in more buffers than that port takes, and too long for a copy */
	FWD_DROP_BAD,       /* offloads asked for that do not suit its headers */
	FWD_DROP_STOPPED,   /* still to be cut when forwarding stopped */
	FWD_DROP_UNPLUGGED, /* the device of the port is pulled out */
	FWD_DROPS,
};

/*
 * Written by the stream's lcore alone, read by any. Each frame is in one of them:
 * rx + more = tx + all drops + those that the stream holds.
 */
struct fwd_counters {
	uint64_t rx;
	uint64_t more; /* frames that cutting made, beyond those that were cut */
	uint64_t tx;
	uint64_t drops[FWD_DROPS];
};

/* Owned by its wire; while forwarding, by one lcore. */
struct __rte_cache_aligned fwd_stream {
	uint16_t rx_port;
	uint16_t tx_port;
	uint16_t tx_queue;
	uint16_t rx_queue; /* polled next */
	uint16_t rx_first; /* it polls rx_first, rx_first + rx_step... below rx_end */
	uint16_t rx_step;
	uint16_t rx_end;
	uint16_t held; /* frames of the last burst, */
	uint16_t next; /* of which these are done */
	/* whose frames a device reads out of its driver's memory; NULL: not so */
	struct rte_vduse_net *lender;
	uint16_t tx_descs;      /* of the transmit queue */
	bool lent;              /* some are under way, of any of its queues, as of the last look */
	bool no_rx;             /* the device of rx_port is pulled out: nothing to poll */
	bool no_tx;             /* that of tx_port: what comes is dropped */
	struct gate gate;       /* of the transmit side */
	struct offload offload; /* the same */
	struct fwd_counters counters;
	struct offload_job job; /* frame `next`, where it is cut already in part */
	struct rte_mbuf *pkts[FWD_BURST];
};

struct fwd_lcore {
	uint64_t rounds; /* of its loop; written by the lcore alone */
	uint64_t seen;   /* by fwd_progress() */
	unsigned int id;
	unsigned int held; /* streams that held frames after the last round */
	unsigned int nb_streams;
	struct fwd_stream *streams[FWD_MAX_STREAMS];
	const bool *stop;
	struct idle idle;
};

struct fwd {
	struct fwd_lcore *lcores; /* nb_lcores of them */
	unsigned int nb_lcores;
	bool on_main; /* there is no worker: the main lcore calls fwd_poll() */
	bool stop;
	int stopfd; /* eventfd: the lcores end their sleep; -1: they do not run */
	int wakefds[IDLE_FDS_MAX - 1]; /* those of fwd_wake_on() */
	unsigned int nb_wakefds;
	struct idle_conf idle; /* to be set before fwd_prepare() */
};

/* Streams of a direction with so many queues: none shares a transmit queue. Pure. */
unsigned int fwd_nb_streams(uint16_t nb_rxq, uint16_t nb_txq);

/* The lcore, by index, that stream number `stream` of all goes to. Pure. */
unsigned int fwd_spread(unsigned int stream, unsigned int nb_lcores);

/* How many lcores can forward: the workers, or with none the main lcore alone. */
unsigned int fwd_max_lcores(void);

/* Return: 0 or -ENOMEM. */
int fwd_init(struct fwd *fwd);
void fwd_fini(struct fwd *fwd);

/* Before fwd_prepare(). Return: 0 or -ENOSPC. */
int fwd_add(struct fwd *fwd, struct fwd_stream *stream, unsigned int number);

/*
 * Before fwd_prepare(): when on_main, fwd_poll() does not sleep while this is readable.
 * Return: 0 or -ENOSPC.
 */
int fwd_wake_on(struct fwd *fwd, int fd);

/* Main lcore: what lcores need to run. Ports are configured. Return: 0 or -errno. */
int fwd_prepare(struct fwd *fwd);
/* Behind it, ports started. Return: 0 or -errno; then nothing runs. */
int fwd_start(struct fwd *fwd);
/* Lcores stand still, streams keep what they hold; fwd_prepare() and fwd_start() go on. */
void fwd_halt(struct fwd *fwd);
/* What streams still hold is sent, as far as that is a burst's usual work, or dropped. */
void fwd_stop(struct fwd *fwd);

/*
 * Whether each lcore with streams has gone round its loop since the last call that
 * said so: two that sleep need not be awake at the same time. Main lcore.
 */
bool fwd_progress(struct fwd *fwd);

/*
 * The device of one of the stream's ports is pulled out, that of rx_port or of tx_port: what it
 * holds is dropped. Lcores stand still, as for the next.
 */
void fwd_unplug(struct fwd_stream *stream, bool rx);
/* It is there again, as this port; the gate and the offloads are the caller's. */
void fwd_plug(struct fwd_stream *stream, bool rx, uint16_t port);

/*
 * Frames out of elsewhere for the stream's transmit side, FWD_BURST at most, which are sent or
 * dropped, and counted, when this returns. On the lcore that the stream belongs to.
 */
void fwd_send(struct fwd_stream *stream, struct rte_mbuf **pkts, uint16_t n);

/* How often the lcores slept, all together. Any thread. */
void fwd_read_idle(const struct fwd *fwd, struct idle_counters *sum);

/*
 * Once round the streams of an lcore, on it. Return: frames received, and streams that
 * hold some: not 0 where there is more to do.
 */
unsigned int fwd_round(struct fwd_lcore *lcore);

/* A few rounds over all streams, up to a sleep; for the main lcore when on_main. */
void fwd_poll(struct fwd *fwd);

/* A consistent-enough copy: each counter by itself is exact. Any thread. */
void fwd_read(const struct fwd_stream *stream, struct fwd_counters *sum);

/* Drops for whatever reason. Pure. */
uint64_t fwd_drops(const struct fwd_counters *counters);

/* The reason in a word or two. */
const char *fwd_drop_name(enum fwd_drop why);

#endif /* FWD_H */
