/* SPDX-License-Identifier: BSD-3-Clause */

/* One ethdev port as an end of a wire. Main lcore only. */

#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_vduse_net.h>

/* What the wire asks of a port; the driver may give less. */
struct port_want {
	uint16_t queues;     /* queue pairs */
	uint16_t mtu;        /* bytes; 0: what the port has now */
	uint16_t queue_size; /* descriptors; 0: the driver's default */
	bool promiscuous;    /* take frames for any MAC */
	bool wake;           /* with rx interrupts, where the driver has them */
	bool borrows;        /* what it sends may be memory that somebody waits for */
};

struct port {
	uint16_t id;
	char name[RTE_ETH_NAME_MAX_LEN];
	char device[RTE_DEV_NAME_MAX_LEN]; /* on its bus, once started; "": none */
	uint16_t nb_rxq, nb_txq;
	uint16_t nb_rxd, nb_txd; /* descriptors of each queue */
	uint16_t mtu;            /* bytes */
	uint16_t tags;           /* bytes for VLAN tags that the device's own MTU has besides */
	uint32_t frame;          /* bytes of the longest frame, without FCS */
	bool set_mtu;            /* mtu was asked for and is within the driver's limits */
	bool promiscuous;
	bool tells_sent;             /* port_has_sent() is true */
	bool multi_segs;             /* can transmit a chain of mbufs */
	bool chains;                 /* receives frames of up to 64 KiB, to be segmented */
	int link_event;              /* eventfd that a link change adds 1 to; -1: none; not owned */
	bool vduse;                  /* a VDUSE device */
	bool goes;                   /* its device is gone, or another process's; atomic */
	bool late;                   /* another process serves its device until port_start_late() */
	struct rte_eth_stats before; /* counted by the driver before the start */
	struct rte_eth_conf conf;
};

#define PORT_LOSSES_MAX 16

/* Frames that the driver of a port lost in one direction, by reason. */
struct port_losses {
	uint64_t all;
	unsigned int n;
	struct {
		char name[RTE_ETH_XSTATS_NAME_SIZE];
		uint64_t frames;
	} of[PORT_LOSSES_MAX];
};

/*
 * The port with this name, or with this number when no name fits.
 * Return: 0, or -ENODEV after saying which ports there are.
 */
int port_find(const char *id_or_name, uint16_t *id);

/*
 * Whether a port is an interface of this host's kernel (net_tap, net_af_packet, net_af_xdp): to
 * start it, and to change its addresses and flags, takes CAP_NET_ADMIN.
 */
bool port_any_interface(void);

/*
 * Fill *port with what the driver can give of *want; changes nothing at the device.
 * Return: 0, or -errno after saying what is missing.
 */
int port_plan(struct port *port, uint16_t id, const struct port_want *want);

/*
 * Configure by plan, receive into pool, start, but for one that is late. Link changes are
 * said from now on.
 * Return: 0, or -errno after saying which step failed; then the port is stopped, and can be tried
 * again.
 */
int port_start(struct port *port, struct rte_mempool *pool);

/*
 * One that is late: the process that serves its device stops and sends it, and goes on where
 * this one ends before port_start_late(). Return: 0, or -errno after saying why.
 */
int port_claim(const struct port *port);
/*
 * Start one that is late, when all else is ready: the process that serves its device ends.
 * Return: 0, or -errno after saying why; then that process goes on.
 */
int port_start_late(struct port *port);
/* Stop only: one that is closed cannot be started again. Return: as port_stop(). */
int port_rest(struct port *port);
/* Stop and close: it gives all buffers back. Return: 0, or the first -errno after saying it. */
int port_stop(struct port *port);

/*
 * Who reads what this port sends: it is not copied where that one reaches it. Nobody, where it is
 * not known when a device has read a frame: drivers free what was sent when more is sent, and
 * until then the container would wait for its buffer. A port that was started.
 */
enum rte_vduse_net_reader port_reader(const struct port *port);

/*
 * Whether the device has read all that was sent to a queue of nb_txd descriptors so far; of a
 * port that tells_sent. Return: 0, 1 or -errno. On the lcore that sends.
 */
int port_has_sent(uint16_t id, uint16_t queue, uint16_t nb_txd);

/*
 * The offloads of a port that serve frames of a VDUSE device: all those of one
 * that is a VDUSE device itself, from any other only what it transmits. Pure.
 */
void port_offloads(const struct rte_eth_dev_info *info, struct rte_eth_conf *conf);

/*
 * What was lost since the start, in receiving (rx) or of the frames that it took to
 * transmit: a VDUSE device tells each reason by its name in xstats ("drop_..."), others what
 * ethdev has for all. A port that was started; any thread but a slow one.
 */
void port_losses(const struct port *port, bool rx, struct port_losses *losses);

/* What a port takes to transmit; 0: no bound. */
struct port_bounds {
	uint32_t mtu;      /* bytes */
	uint16_t segs;     /* buffers of a frame */
	uint16_t tso_segs; /* buffers of a frame that it cuts */
};

/* Of a port that was started. */
void port_bounds(const struct port *port, struct port_bounds *bounds);

/* Speed in Mbit/s: of the link, else, before it is started, the port's best; 0: not known. */
uint32_t port_speed(uint16_t id);

/* Whether its driver spreads flows over several queues (RSS). */
static inline bool
port_has_rss(const struct port *port)
{
	return port->nb_rxq > 1 && port->conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
}

/* Whether its device is gone, or is to go: unplugged, or taken over. */
bool port_is_gone(const struct port *port);

/* Whether the link is up; a driver that does not tell has it up. */
bool port_is_up(const struct port *port);

/* "up", "down", "gone" or, when the driver does not tell, "unknown". */
const char *port_link(const struct port *port);

/* NUMA socket of the port, one where this process has memory. */
int port_socket(uint16_t id);

#endif /* PORT_H */
