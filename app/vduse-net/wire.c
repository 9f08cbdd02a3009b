/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "notify.h"
#include "say.h"
#include "state.h"
#include "vdev.h"
#include "vf.h"
#include "wire.h"

/* A line about a wire; WORD is that of an event, or NULL. */
#define SAY_WIRE(wire, word, fmt, ...)                                \
	SAY_OF((&(const struct say_of){ .device = (wire)->args->name, \
			       .uplink = (wire)->args->port,          \
			       .event = (word) }),                    \
			fmt, ##__VA_ARGS__)

/* The PMD or ethdev has said what; this says which wire. */
static void
say_wire(const struct wire *wire, const char *what, int error)
{
	SAY_WIRE(wire, NULL, "wire %u, port %s, device %s: %s: %s", wire->id, wire->args->port,
			wire->args->name, what, strerror(error));
}

int
wire_find_port(struct wire *wire)
{
	return port_find(wire->args->port, &wire->port.id);
}

/* Of the port: every queue that the driver may use is polled; it has as many if it can. */
static struct port_want
port_wanted(const struct wire *wire)
{
	return (struct port_want){
		.queues = wire->device.nb_rxq,
		.mtu = wire->args->mtu,
		.wake = wire->wake,
		.promiscuous = true,
		.borrows = wire->args->zero_copy,
	};
}

static int
plan_sides(struct wire *wire, uint16_t device_id)
{
	struct port_want want = {
		.queues = RTE_MAX(wire->args->queues, 1),
		.mtu = wire->args->mtu,
		.queue_size = wire->args->queue_size,
		.wake = wire->wake,
	};
	int ret;

	ret = port_plan(&wire->device, device_id, &want);
	if (ret != 0)
		return ret;
	want = port_wanted(wire);
	return port_plan(&wire->port, wire->port.id, &want);
}

static uint32_t
nb_descs(const struct port *port)
{
	return (uint32_t)port->nb_rxq * port->nb_rxd + (uint32_t)port->nb_txq * port->nb_txd;
}

/*
 * Buffers that a side keeps: those in its descriptors, or what streams that it sends to
 * hold back of its last bursts. (A VDUSE device copies: its descriptors hold none.)
 */
static uint32_t
nb_kept(const struct port *port)
{
	const uint32_t held = (uint32_t)port->nb_rxq * FWD_BURST * POOL_CHAIN;

	return port->chains ? RTE_MAX(nb_descs(port), held) : nb_descs(port);
}

static void
need_buffers(const struct wire *wire, struct pool_set *pools)
{
	const int socket = wire->socket;

	pool_need(pools, socket, nb_kept(&wire->port) + nb_kept(&wire->device),
			RTE_MAX(wire->port.frame, wire->device.frame));
	if (!wire->port.chains && !wire->device.chains)
		return;
	pool_need_chains(pools, socket);
	/* The other side may refuse to cut a frame, whatever it said at first. */
	pool_need_segments(pools, socket);
}

/* The device's descriptor that the service manager has handed over, as a devarg. */
static int
add_named_fd(const struct wire *wire, char devargs[ARGS_DEVARGS_MAX])
{
	const size_t at = strlen(devargs), left = ARGS_DEVARGS_MAX - at;
	int fd = notify_fd(wire->args->name);

	if (fd < 0) {
		SAY_WIRE(wire, NULL, "--fd systemd: %s: %s", wire->args->name,
				fd == -ENOSYS ? "built without libsystemd"
					      : "no descriptor of this name: the unit wants "
						"OpenFile=/dev/vduse/NAME:NAME");
		return fd;
	}
	return (size_t)snprintf(devargs + at, left, ",fd=%d", fd) < left ? 0 : -ENAMETOOLONG;
}

/* A new device on a virtual function has its address, unless it is given one. */
static void
take_vf_mac(const struct wire *wire, struct wire_args *args)
{
	if (vf_is(wire->port.id) && rte_is_zero_ether_addr(&args->mac) &&
			rte_eth_macaddr_get(wire->port.id, &args->mac) == 0)
		SAY_WIRE(wire, NULL, "device %s: it has the address of port %s, a virtual function",
				args->name, args->port);
}

int
wire_attach(struct wire *wire, struct pool_set *pools)
{
	char devargs[ARGS_DEVARGS_MAX];
	struct wire_args args = *wire->args;
	char path[PATH_MAX];
	uint16_t id;
	int ret;

	snprintf(path, sizeof(path), "/dev/vduse/%s", wire->args->name);
	wire->handed_over = wire->args->adopt_fd || (wire->args->adopt && access(path, F_OK) == 0);
	if (!wire->handed_over && access(path, F_OK) != 0)
		take_vf_mac(wire, &args);
	snprintf(wire->vdev, sizeof(wire->vdev), "net_vduse_app%u", wire->id);
	/* who made it puts it on the bus, and takes it off */
	if (wire->handed_over)
		args.attach = "none";
	ret = args_devargs(&args, port_speed(wire->port.id), devargs, sizeof(devargs));
	if (ret == 0 && wire->args->fd_by_name)
		ret = add_named_fd(wire, devargs);
	if (ret == 0)
		ret = state_default(devargs, sizeof(devargs));
	if (ret == 0)
		ret = vdev_plug(wire->vdev, devargs);
	/* EAL takes a probe that fails with -EEXIST (the name is in use) for a success. */
	if (ret == 0 && rte_eth_dev_get_port_by_name(wire->vdev, &id) != 0)
		ret = -EEXIST;
	if (ret != 0) {
		say_wire(wire, "the VDUSE device cannot be made; the driver says why above", -ret);
		return ret;
	}
	ret = plan_sides(wire, id);
	if (ret != 0) {
		say_wire(wire, "the two sides do not go together", -ret);
		goto unplug;
	}
	wire->socket = port_socket(wire->port.id);
	need_buffers(wire, pools);
	return 0;

unplug:
	vdev_unplug(wire->vdev);
	return ret;
}

void
wire_detach(struct wire *wire)
{
	int ret;

	ret = vdev_unplug(wire->vdev);
	if (ret != 0)
		say_wire(wire, "the VDUSE device stays; remove it with --destroy", -ret);
}

static int
make_streams(struct wire *wire, enum wire_dir dir, struct pool_set *pools)
{
	const int socket = wire->socket;
	struct rte_mempool *pool = pools->sockets[socket].pool;
	const struct port *from = dir == TO_DEVICE ? &wire->port : &wire->device;
	const struct port *to = dir == TO_DEVICE ? &wire->device : &wire->port;
	unsigned int i, n = fwd_nb_streams(from->nb_rxq, to->nb_txq);
	struct fwd_stream *streams;

	streams = rte_calloc("streams", n, sizeof(*streams), RTE_CACHE_LINE_SIZE);
	if (streams == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		streams[i].rx_port = from->id;
		streams[i].tx_port = to->id;
		streams[i].tx_queue = i;
		streams[i].rx_queue = i;
		streams[i].rx_first = i;
		streams[i].rx_step = n;
		streams[i].rx_end = from->nb_rxq;
		streams[i].gate.pool = pool;
		streams[i].offload.port = to->id;
		streams[i].offload.queue = i;
		streams[i].offload.lengths = from->vduse;
		offload_init(&streams[i].offload, to->conf.txmode.offloads, pool,
				pools->sockets[socket].indirect);
	}
	wire->streams[dir] = streams;
	wire->nb_streams[dir] = n;
	return 0;
}

static void
free_streams(struct wire *wire, enum wire_dir dir)
{
	rte_free(wire->streams[dir]);
	wire->streams[dir] = NULL;
	wire->nb_streams[dir] = 0;
}

/* The bounds of a port that was started: drivers tell some of them only then. */
static void
set_gates(struct wire *wire, enum wire_dir dir, const struct port *to)
{
	struct port_bounds bounds;
	struct fwd_stream *s;

	port_bounds(to, &bounds);
	for (s = wire->streams[dir]; s < wire->streams[dir] + wire->nb_streams[dir]; s++) {
		s->gate.mtu = bounds.mtu;
		/* all ones: no frame needs a look for it */
		s->gate.segs = bounds.segs != 0 ? bounds.segs : UINT16_MAX;
		s->gate.tso_segs = bounds.tso_segs;
		s->offload.tso_segs = bounds.tso_segs;
	}
}

static void
say_reader(const struct wire *wire, enum rte_vduse_net_reader reader)
{
	if (reader == RTE_VDUSE_NET_READER_NONE)
		SAY_WIRE(wire, NULL,
				"device %s: --zero-copy: frames are copied: of port %s it is not "
				"known when it has read a frame, or who reads it",
				wire->args->name, wire->port.name);
	else if (reader == RTE_VDUSE_NET_READER_DEVICE)
		SAY_WIRE(wire, NULL,
				"device %s: --zero-copy: port %s reads by DMA: frames outside of "
				"--umem are copied",
				wire->args->name, wire->port.name);
}

/* Frames stay in the container's memory where the port reaches it. Both sides are started. */
static void
lend(struct wire *wire)
{
	struct rte_vduse_net *net = rte_vduse_net_by_port(wire->device.id);
	enum rte_vduse_net_reader reader;
	unsigned int i;

	if (!wire->args->zero_copy || net == NULL)
		return;
	reader = port_reader(&wire->port);
	rte_vduse_net_set_reader(net, reader);
	for (i = 0; i < wire->nb_streams[TO_PORT]; i++) {
		wire->streams[TO_PORT][i].tx_descs = wire->port.nb_txd;
		wire->streams[TO_PORT][i].lender =
				reader == RTE_VDUSE_NET_READER_DEVICE ? net : NULL;
	}
	say_reader(wire, reader);
}

/*
 * A virtual function is told the container's address and the groups in which it is asked for. A
 * port that is started.
 */
static void
hear(const struct wire *wire)
{
	struct vf_groups groups = { 0 };
	struct rte_ether_addr mac;
	int ret;

	if (!vf_is(wire->port.id) || rte_eth_macaddr_get(wire->device.id, &mac) != 0)
		return;
	ret = vf_take_mac(wire->port.id, &mac);
	if (ret != 0)
		SAY_WIRE(wire, NULL,
				"port %s: the virtual function does not take the container's "
				"address: %s: the container will hear only broadcasts; give it "
				"the virtual function's own, with --mac",
				wire->port.name, strerror(-ret));
	ret = vf_groups_hosts(&groups);
	if (ret == 0)
		ret = vf_groups_mac(&groups, &mac);
	if (ret == 0)
		ret = vf_hear(wire->port.id, &groups);
	vf_groups_free(&groups);
	if (ret != 0 && ret != -ENOTSUP)
		SAY_WIRE(wire, NULL,
				"port %s: the virtual function does not take multicast groups: "
				"%s: IPv6 neighbours outside may not find the container",
				wire->port.name, strerror(-ret));
}

static int
start_port(struct port *port, struct rte_mempool *pool)
{
	const int ret = port_start(port, pool);

	if (ret != 0)
		rte_eth_dev_close(port->id);
	return ret;
}

int
wire_start(struct wire *wire, struct pool_set *pools)
{
	struct rte_mempool *pool = pools->sockets[wire->socket].pool;
	int ret;

	ret = make_streams(wire, TO_DEVICE, pools);
	if (ret != 0)
		goto failed;
	ret = make_streams(wire, TO_PORT, pools);
	if (ret != 0)
		goto free_to_device;
	ret = start_port(&wire->port, pool);
	if (ret != 0)
		goto free_to_port;
	ret = start_port(&wire->device, pool);
	if (ret != 0)
		goto stop_port;
	set_gates(wire, TO_DEVICE, &wire->device);
	set_gates(wire, TO_PORT, &wire->port);
	wire->device_up = true;
	plug_note(&wire->plug, wire->port.id);
	if (!wire->port.late && !wire->device.late) {
		hear(wire);
		lend(wire);
		wire_follow_link(wire);
	}
	return 0;

stop_port:
	port_stop(&wire->port);
free_to_port:
	free_streams(wire, TO_PORT);
free_to_device:
	free_streams(wire, TO_DEVICE);
failed:
	say_wire(wire, "not started", -ret);
	return ret;
}

int
wire_claim(struct wire *wire)
{
	int ret;

	ret = port_claim(&wire->device);
	if (ret == 0)
		ret = port_claim(&wire->port);
	if (ret != 0)
		say_wire(wire, "not taken over", -ret);
	return ret;
}

int
wire_take_over(struct wire *wire)
{
	int ret;

	if (!wire->port.late && !wire->device.late)
		return 0;
	ret = port_start_late(&wire->device);
	if (ret == 0)
		ret = port_start_late(&wire->port);
	if (ret != 0) {
		say_wire(wire, "not taken over", -ret);
		return ret;
	}
	hear(wire);
	lend(wire);
	wire_follow_link(wire);
	return 0;
}

/*
 * A wire is a patch cable: who pulls it out at the port sees no carrier in the
 * container. The port's link counts for what it is, that of another VDUSE device
 * too: there it is up while a driver serves it. The other way nothing is
 * handed on, or two devices would wait for each other's link.
 */
void
wire_follow_link(struct wire *wire)
{
	const bool up = wire->args->link_up || port_is_up(&wire->port);
	int ret;

	if (up == wire->device_up)
		return;
	ret = up ? rte_eth_dev_set_link_up(wire->device.id)
		 : rte_eth_dev_set_link_down(wire->device.id);
	if (ret != 0 && ret != wire->link_error)
		SAY_WIRE(wire, "fault", "device %s: its link cannot be set %s: %s",
				wire->args->name, up ? "up" : "down", strerror(-ret));
	wire->link_error = ret;
	if (ret != 0)
		return;
	wire->device_up = up;
	SAY_WIRE(wire, up ? "link_up" : "link_down", "device %s: link %s, as that of port %s%s",
			wire->args->name, up ? "up" : "down", wire->port.name,
			up ? "" : "; --link up would keep the container's carrier");
}

void
wire_link_down(struct wire *wire)
{
	if (wire->device_up && rte_eth_dev_set_link_down(wire->device.id) == 0)
		wire->device_up = false;
}

int
wire_stop(struct wire *wire)
{
	int ret, err;

	ret = port_stop(&wire->device);
	err = wire->closed ? 0 : port_stop(&wire->port);
	free_streams(wire, TO_PORT);
	free_streams(wire, TO_DEVICE);
	return ret != 0 ? ret : err;
}

bool
wire_is_unplugged(const struct wire *wire)
{
	return !wire->plug.out && !wire->port.vduse && port_is_gone(&wire->port);
}

void
wire_unplug(struct wire *wire)
{
	struct rte_vduse_net *net = rte_vduse_net_by_port(wire->device.id);
	unsigned int i;

	/* also where nobody has told */
	__atomic_store_n(&wire->port.goes, true, __ATOMIC_RELAXED);
	if (wire->args->zero_copy && net != NULL)
		rte_vduse_net_set_reader(net, RTE_VDUSE_NET_READER_NONE);
	for (i = 0; i < wire->nb_streams[TO_DEVICE]; i++)
		fwd_unplug(&wire->streams[TO_DEVICE][i], true);
	for (i = 0; i < wire->nb_streams[TO_PORT]; i++)
		fwd_unplug(&wire->streams[TO_PORT][i], false);
}

int
wire_let_go(struct wire *wire)
{
	int ret;

	wire_follow_link(wire);
	/* what the device had of the container's memory goes back with it */
	if (!wire->closed)
		port_stop(&wire->port);
	wire->closed = true;
	ret = plug_pull(&wire->plug);
	if (ret == 0)
		SAY_WIRE(wire, NULL,
				"port %s: its device is let go; the wire goes on when it is there "
				"again",
				wire->port.name);
	return ret;
}

/* The streams stay: the port has to have the queues that they use, and room in their buffers. */
static int
fits(const struct wire *wire, const struct port *port)
{
	if (port->nb_rxq == wire->port.nb_rxq && port->nb_txq == wire->port.nb_txq &&
			nb_kept(port) <= nb_kept(&wire->port) && port->frame <= wire->port.frame)
		return 0;
	SAY_WIRE(wire, NULL,
			"port %s: the device is another one, with other queues: start this "
			"program again",
			port->name);
	return -EINVAL;
}

int
wire_return(struct wire *wire, struct pool_set *pools)
{
	struct rte_mempool *pool = pools->sockets[wire->socket].pool;
	const struct port_want want = port_wanted(wire);
	struct port port;
	uint16_t id;
	int ret;

	ret = plug_in(&wire->plug, &id);
	if (ret != 0)
		return ret;
	ret = port_plan(&port, id, &want);
	if (ret == 0)
		ret = fits(wire, &port);
	if (ret == 0) {
		port.link_event = wire->port.link_event;
		wire->port = port;
		ret = port_start(&wire->port, pool);
	}
	wire->closed = ret != 0;
	if (ret == 0)
		return 0;
	__atomic_store_n(&wire->port.goes, true, __ATOMIC_RELAXED);
	rte_eth_dev_close(id);
	plug_pull(&wire->plug);
	return ret;
}

void
wire_plug(struct wire *wire, struct pool_set *pools)
{
	struct rte_mempool *indirect = pools->sockets[wire->socket].indirect;
	const uint16_t id = wire->port.id;
	struct fwd_stream *s;
	unsigned int i;

	for (i = 0; i < wire->nb_streams[TO_DEVICE]; i++)
		fwd_plug(&wire->streams[TO_DEVICE][i], true, id);
	for (i = 0; i < wire->nb_streams[TO_PORT]; i++) {
		s = &wire->streams[TO_PORT][i];
		fwd_plug(s, false, id);
		offload_init(&s->offload, wire->port.conf.txmode.offloads, s->gate.pool, indirect);
	}
	set_gates(wire, TO_PORT, &wire->port);
	hear(wire);
	lend(wire);
	SAY_WIRE(wire, NULL, "port %s: its device is there again", wire->port.name);
}

void
wire_read(const struct wire *wire, enum wire_dir dir, struct fwd_counters *sum)
{
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < wire->nb_streams[dir]; i++)
		fwd_read(&wire->streams[dir][i], sum);
}
