/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ether.h>

#include <rte_vduse_net.h>

#include "args.h"
#include "args_check.h"
#include "args_opts.h"
#include "profile.h"

/* getopt_long returns OPT_BASE + index in the table: clear of '?' and ':'. */
#define OPT_BASE 256

/* Decimal digits only: no sign, no space, no suffix. */
static bool
read_number(const char *value, unsigned long min, unsigned long max, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)value[0]))
		return false;
	errno = 0;
	*number = strtoul(value, &end, 10);
	return errno == 0 && *end == '\0' && *number >= min && *number <= max;
}

static int
parse_port(const struct target *to, const char *value)
{
	if (value[0] == '\0')
		return fail(to->args, "--port: empty: give an ethdev id or name");
	to->wire->port = value;
	return 0;
}

/* The name becomes a file of /dev/vduse and a value in the PMD's devargs. */
static int
parse_name(const struct target *to, const char *value)
{
	const char *c;

	if (value[0] == '\0' || strlen(value) > ARGS_NAME_MAX)
		return fail(to->args, "--name: %zu bytes long: give 1 to %u", strlen(value),
				ARGS_NAME_MAX);
	for (c = value; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c) || strchr("/,=[]\"", *c) != NULL)
			return fail(to->args,
					"--name %.64s: give printable characters without space / , "
					"= [ ] \"",
					value);
	if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return fail(to->args, "--name %s: not a file name: give another", value);
	snprintf(to->wire->name, sizeof(to->wire->name), "%s", value);
	return 0;
}

static int
parse_mac(const struct target *to, const char *value)
{
	struct rte_ether_addr mac;

	if (rte_ether_unformat_addr(value, &mac) != 0)
		return fail(to->args,
				"--mac %.64s: no MAC address: give six bytes as 02:00:00:00:00:01",
				value);
	if (rte_is_zero_ether_addr(&mac))
		return fail(to->args,
				"--mac %s: all zero: give an address such as 02:00:00:00:00:01",
				value);
	if (rte_is_multicast_ether_addr(&mac))
		return fail(to->args,
				"--mac %s: a multicast address: the lowest bit of the first byte "
				"must be 0",
				value);
	to->wire->mac = mac;
	return 0;
}

static int
parse_mtu(const struct target *to, const char *value)
{
	unsigned long n;

	if (!read_number(value, RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX, &n))
		return fail(to->args, "--mtu %.64s: no MTU: give %u to %u bytes", value,
				RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX);
	to->wire->mtu = n;
	return 0;
}

static int
parse_queue_size(const struct target *to, const char *value)
{
	unsigned long n;

	if (!read_number(value, RTE_VDUSE_NET_QUEUE_SIZE_MIN, RTE_VDUSE_NET_QUEUE_SIZE_MAX, &n))
		return fail(to->args, "--queue-size %.64s: give a power of two from %u to %u",
				value, RTE_VDUSE_NET_QUEUE_SIZE_MIN, RTE_VDUSE_NET_QUEUE_SIZE_MAX);
	to->wire->queue_size = n;
	return 0;
}

static int
parse_queues(const struct target *to, const char *value)
{
	unsigned long n;

	if (!read_number(value, 1, RTE_VDUSE_NET_PAIRS_MAX, &n))
		return fail(to->args, "--queues %.64s: give 1 to %u queue pairs", value,
				RTE_VDUSE_NET_PAIRS_MAX);
	to->wire->queues = n;
	return 0;
}

static int
parse_mq_fallback(const struct target *to, const char *value __rte_unused)
{
	to->wire->mq_fallback = true;
	return 0;
}

static int
parse_zero_copy(const struct target *to, const char *value __rte_unused)
{
	to->wire->zero_copy = true;
	return 0;
}

/* Return: the one of n words that value is, or NULL. */
static const char *
read_word(const char *value, const char *const *words, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (strcmp(value, words[i]) == 0)
			return words[i];
	return NULL;
}

static int
parse_attach(const struct target *to, const char *value)
{
	static const char *const kinds[] = { "virtio", "vhost", "none" };

	to->wire->attach = read_word(value, kinds, RTE_DIM(kinds));
	return to->wire->attach != NULL
			       ? 0
			       : fail(to->args, "--attach %.64s: give virtio, vhost or none",
						 value);
}

static int
parse_profile(const struct target *to, const char *value)
{
	to->wire->profile = read_word(value, profile_words, RTE_DIM(profile_words));
	return to->wire->profile != NULL ? 0
					 : fail(to->args,
							   "--profile %.64s: give bulk, latency, "
							   "xdp, tx, migrate or none",
							   value);
}

static int
parse_standby(const struct target *to, const char *value __rte_unused)
{
	to->wire->standby = true;
	return 0;
}

static int
parse_link(const struct target *to, const char *value)
{
	static const char *const kinds[] = { "port", "up" };
	const char *kind = read_word(value, kinds, RTE_DIM(kinds));

	if (kind == NULL)
		return fail(to->args, "--link %.64s: give port or up", value);
	to->wire->link_up = kind == kinds[1];
	return 0;
}

/* A value that the PMD knows best how to check, as its devarg. */
static int
pass_on(const struct target *to, const char *key, const char *value)
{
	char *extra = to->wire->extra;
	const size_t at = strlen(extra), left = sizeof(to->wire->extra) - at;

	if (value[0] == '\0' || strpbrk(value, ",=[]\" ") != NULL)
		return fail(to->args, "--%s %.64s: give one value without , = [ ] or spaces", key,
				value);
	return (size_t)snprintf(extra + at, left, ",%s=%s", key, value) < left
			       ? 0
			       : fail(to->args, "--%s %.64s...: too long", key, value);
}

static int
parse_umem(const struct target *to, const char *value __rte_unused)
{
	return pass_on(to, "umem", "1");
}

static int
parse_adopt(const struct target *to, const char *value __rte_unused)
{
	to->wire->adopt = true;
	return pass_on(to, "adopt", "1");
}

static int
parse_fd(const struct target *to, const char *value)
{
	unsigned long n;

	to->wire->adopt = true;
	to->wire->adopt_fd = true;
	if (strcmp(value, "systemd") == 0) {
		to->wire->fd_by_name = true;
		return 0;
	}
	if (!read_number(value, 0, INT32_MAX - 1, &n))
		return fail(to->args,
				"--fd %.64s: give the number of a file descriptor, or systemd",
				value);
	return pass_on(to, "fd", value);
}

static int
parse_state_dir(const struct target *to, const char *value)
{
	to->args->state_dir = value;
	return pass_on(to, "state-dir", value);
}

static int
parse_stats_interval(const struct target *to, const char *value)
{
	unsigned long n;

	if (!read_number(value, 0, 86400, &n))
		return fail(to->args, "--stats-interval %.64s: give 0 (off) to 86400 seconds",
				value);
	to->args->stats_interval = n;
	return 0;
}

static int
parse_sandbox(const struct target *to, const char *value)
{
	static const char *const modes[] = { "off", "log", "on", "kill" }; /* enum sandbox_mode */
	unsigned int i;

	for (i = 0; i < RTE_DIM(modes) && strcmp(value, modes[i]) != 0; i++)
		;
	if (i == RTE_DIM(modes))
		return fail(to->args, "--sandbox %.64s: give on, kill, log or off", value);
	if (i != SANDBOX_OFF && !sandbox_built())
		return fail(to->args,
				"--sandbox %s: built without libseccomp: give off, or build "
				"with it",
				value);
	to->args->sandbox = i;
	return 0;
}

static int
parse_mbufs(const struct target *to, const char *value)
{
	unsigned long n;

	if (!read_number(value, 64, 1UL << 26, &n))
		return fail(to->args, "--mbufs %.64s: give a number from 64 to %lu", value,
				1UL << 26);
	to->args->mbufs = n;
	return 0;
}

static int
parse_idle(const struct target *to, const char *value)
{
	if (idle_parse(value, &to->args->idle) != 0)
		return fail(to->args,
				"--idle %.64s: give poll, pause, sleep or sleep,N with N from 1 to "
				"%u microseconds",
				value, IDLE_MAX_USECS);
	return 0;
}

static int
parse_destroy(const struct target *to, const char *value)
{
	if (value[0] == '\0' || strlen(value) > ARGS_NAME_MAX || strchr(value, '/') != NULL)
		return fail(to->args, "--destroy %.64s: give the name of a device in /dev/vduse",
				value);
	to->args->destroy = value;
	return 0;
}

static int
parse_setup(const struct target *to, const char *value)
{
	static const char *const steps[] = { "create", "attach", "destroy" }; /* enum args_setup */
	unsigned int i;

	for (i = 0; i < RTE_DIM(steps); i++)
		if (strcmp(value, steps[i]) == 0)
			to->args->setup = i + 1;
	return to->args->setup != ARGS_SETUP_NONE
			       ? 0
			       : fail(to->args, "--setup %.64s: give create, attach or destroy",
						 value);
}

/* Options whose value is only looked at by who needs it. */
#define PARSE_TEXT(member)                                                    \
	static int parse_##member(const struct target *to, const char *value) \
	{                                                                     \
		to->args->member = value;                                     \
		return 0;                                                     \
	}

PARSE_TEXT(owner)
PARSE_TEXT(control)
PARSE_TEXT(config)
PARSE_TEXT(group)
PARSE_TEXT(observers)

static int
parse_probe(const struct target *to, const char *value)
{
	if (value != NULL && strcmp(value, "json") != 0)
		return fail(to->args, "--probe=%.64s: give --probe or --probe=json", value);
	to->args->probe = value != NULL ? ARGS_PROBE_JSON : ARGS_PROBE_TEXT;
	return 0;
}

static int
parse_help(const struct target *to, const char *value __rte_unused)
{
	to->args->help = true;
	return 0;
}

static int
parse_version(const struct target *to, const char *value __rte_unused)
{
	to->args->version = true;
	return 0;
}

static const struct opt opts[] = {
	{ "port", "ID|NAME", WIRE_ONLY, parse_port,
			"ethdev port to wire to a new VDUSE device; may be repeated" },
	{ "name", "NAME", WIRE_ONLY, parse_name,
			"VDUSE device to create (default: vduse<N>, N counts the ports from 0)" },
	{ "mac", "MAC", WIRE_ONLY, parse_mac,
			"MAC address of the device (default: a random one; with --adopt "
			"and --fd: that of its state file)" },
	{ "mtu", "BYTES", WIRE, parse_mtu,
			"MTU of the device, and of the port where its driver allows, " RTE_STR(
					RTE_VDUSE_NET_MTU_MIN) " to " RTE_STR(RTE_VDUSE_NET_MTU_MAX) },
	{ "queue-size", "N", WIRE, parse_queue_size,
			"descriptors in a virtqueue, a power of two from " RTE_STR(
					RTE_VDUSE_NET_QUEUE_SIZE_MIN) " to " RTE_STR(RTE_VDUSE_NET_QUEUE_SIZE_MAX) },
	{ "queues", "N", WIRE, parse_queues,
			"queue pairs of the device, up to " RTE_STR(RTE_VDUSE_NET_PAIRS_MAX) },
	{ "mq-fallback", NULL, WIRE, parse_mq_fallback,
			"go on with one queue pair where the kernel allows no more" },
	{ "zero-copy", NULL, WIRE, parse_zero_copy,
			"do not copy long frames from the device, where the port can read "
			"its memory; a NIC needs --umem for it" },
	{ "attach", "BUS", WIRE, parse_attach,
			"who drives the device: virtio (default), vhost, or none: attach it "
			"yourself" },
	{ "profile", "OFFLOADS", WIRE, parse_profile,
			"offloads of the device: bulk (default: all), latency (checksums), xdp "
			"(none towards the container: native XDP loads), tx (no segmentation by "
			"the container), migrate (bulk, of it what a virtual machine keeps that "
			"moves) or none" },
	{ "link", "LINK", WIRE, parse_link,
			"carrier the container sees: port (default: that of the port) or up" },
	{ "standby", NULL, WIRE, parse_standby,
			"let the container's driver use the device as standby of another with the "
			"same MAC" },
	{ "ring", "FORMAT", WIRE, NULL, "ring formats offered: any (default), split or packed" },
	{ "msg-timeout", "SECONDS", WIRE, NULL,
			"how long the kernel waits for an answer before it gives the device up; 0: "
			"for ever (default: the kernel's, 30)" },
	{ "bounce-size", "BYTES", WIRE, NULL,
			"memory the container's frames are copied through, 1 MiB to 1 GiB "
			"(default: the kernel's, 64 MiB)" },
	{ "max-regions", "N", WIRE, NULL, "regions of the container's memory (default: 2048)" },
	{ "max-memory", "MIB", WIRE, NULL, "address space for all of them (default: 2 TiB)" },
	{ "umem", NULL, WIRE, parse_umem, "hugepages as that memory, which a NIC can read" },
	{ "irq-affinity", "MASK", WIRE, NULL,
			"CPUs for the container's interrupts, hexadecimal, or auto: those of no "
			"lcore (default: any)" },
	{ "rx-coalesce", "WHEN", WIRE, NULL,
			"hold back interrupts for what the container receives: FRAMES:USECS, or "
			"FRAMES:USECS:adaptive for as long as it pays (default: at once)" },
	{ "tx-coalesce", "WHEN", WIRE, NULL, "the same for what it has sent" },
	{ "inject", "WHERE", WIRE, NULL,
			"interrupts are sent by the lcore (default) or by a thread of their own" },
	{ "adopt", NULL, WIRE, parse_adopt,
			"take over the device if it is there already; it is attached by who made "
			"it, and stays when this ends" },
	{ "fd", "N|systemd", WIRE_ONLY, parse_fd,
			"take over the device behind this open descriptor, or the one that systemd "
			"hands over by the device's name" },
	{ "state-dir", "FOLDER", WIRE, parse_state_dir,
			"where the device's state is kept, for the process that follows this one "
			"if it is killed (default: $RUNTIME_DIRECTORY, else none)" },
	{ "takeover", NULL, WIRE, NULL,
			"take the device over from the process that serves it from the state "
			"folder, "
			"which goes on until this one is ready, and then ends" },
	{ "keep", "0|1", WIRE, NULL,
			"whether the device stays, link down, when this ends in order, for the "
			"next start (default: 1 with a state folder, else 0)" },
	{ "stats-interval", "SECONDS", PROGRAM, parse_stats_interval,
			"print statistics so often (default: 0, only on SIGUSR1)" },
	{ "mbufs", "N", PROGRAM, parse_mbufs,
			"packet buffers in each pool, one pool a socket (default: as queues and "
			"lcores need)" },
	{ "sandbox", "MODE", PROGRAM, parse_sandbox,
			"what becomes of system calls that forwarding does not need: on (default: "
			"they fail), kill, log or off" },
	{ "idle", "HOW", PROGRAM, parse_idle,
			"what a lcore without frames does: sleep (default), pause or poll; "
			"sleep,N: "
			"beside a port that cannot wake it for at most N microseconds (1000)" },
	{ "destroy", "NAME", PROGRAM, parse_destroy,
			"detach and destroy a device that an earlier process left behind, then "
			"exit" },
	{ "setup", "STEP", PROGRAM, parse_setup,
			"only create, attach or destroy the devices, as a privileged helper of a "
			"process that adopts them, then exit" },
	{ "owner", "USER", PROGRAM, parse_owner,
			"with --setup create: who may open the devices (default: root)" },
	{ "control", "PATH", PROGRAM, parse_control,
			"without --port: the socket that networks and containers are added by "
			"(default: control in $RUNTIME_DIRECTORY, else in /run/dpdk-vduse-net)" },
	{ "config", "FILE", PROGRAM, parse_config,
			"without --port: networks and containers that there are to be, as commands "
			"of vdusectl; read at the start, and again on SIGHUP and vdusectl reload" },
	{ "group", "GROUP", PROGRAM, parse_group,
			"who may use that socket, beside root (default: nobody)" },
	{ "observers", "GROUP", PROGRAM, parse_observers,
			"who may look at networks, containers and counters, and change nothing, at "
			"the socket observe beside it, beside root (default: nobody)" },
	{ "probe", "[=json]", PROGRAM, parse_probe,
			"print what this kernel's VDUSE can do, found out with a throw-away "
			"device, and which devices there are, then exit" },
	{ "help", NULL, PROGRAM, parse_help, "print this and exit" },
	{ "version", NULL, PROGRAM, parse_version, "print the version and exit" },
};

#define OPT_PORT 0 /* its place in opts[] */
static_assert(RTE_DIM(opts) <= 64, "seen is a mask of 64 bits");

const struct opt *const args_opts = opts;
const unsigned int args_nb_opts = RTE_DIM(opts);

/* Open a wire with the values given before the first --port. */
static int
add_wire(struct args *args, const struct wire_args *defaults)
{
	struct wire_args *wire;

	if (args->nb_wires == ARGS_MAX_WIRES)
		return fail(args,
				"--port: given more than %u times, the most this DPDK has ports "
				"for",
				ARGS_MAX_WIRES);
	wire = &args->wires[args->nb_wires];
	*wire = *defaults;
	wire->seen = 0;
	snprintf(wire->name, sizeof(wire->name), "vduse%u", args->nb_wires);
	args->nb_wires++;
	return 0;
}

/* One option of the command line, already recognised. */
static int
take(struct args *args, struct wire_args *defaults, uint64_t *seen, unsigned int index)
{
	const struct opt *opt = &opts[index];
	struct target to = { .args = args };

	if (index == OPT_PORT && add_wire(args, defaults) != 0)
		return -EINVAL;
	if (opt->scope == WIRE_ONLY && args->nb_wires == 0)
		return fail(args, "--%s: before the first --port: give it after the port it is for",
				opt->name);
	if (opt->scope != PROGRAM) {
		to.wire = args->nb_wires == 0 ? defaults : &args->wires[args->nb_wires - 1];
		seen = &to.wire->seen;
	}
	if ((*seen & RTE_BIT64(index)) != 0)
		return fail(args, "--%s: given twice%s: leave one out", opt->name,
				opt->scope == PROGRAM ? ""
				: args->nb_wires == 0 ? " before the first --port"
						      : " for one --port");
	*seen |= RTE_BIT64(index);
	if (opt->parse == NULL && to.wire == NULL)
		return fail(args, "--%s: give a --port before it", opt->name);
	/* what the PMD checks; one without a value switches on */
	return opt->parse != NULL ? opt->parse(&to, optarg)
				  : pass_on(&to, opt->name, optarg != NULL ? optarg : "1");
}

/* Of wires; the state folder is a node's as well. */
static bool
has_port_options(const struct wire_args *given)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(opts); i++)
		if ((given->seen & RTE_BIT64(i)) != 0 && strcmp(opts[i].name, "state-dir") != 0)
			return true;
	return false;
}

static int
parse_loop(int argc, char *argv[], struct args *args)
{
	struct option longopts[RTE_DIM(opts) + 1] = { 0 };
	struct wire_args defaults = { .attach = "virtio", .profile = "bulk" };
	uint64_t seen = 0;
	unsigned int i;
	int c;

	for (i = 0; i < RTE_DIM(opts); i++) {
		longopts[i].name = opts[i].name;
		longopts[i].has_arg = opts[i].value == NULL     ? no_argument
				      : opts[i].value[0] == '[' ? optional_argument
								: required_argument;
		longopts[i].val = OPT_BASE + i;
	}
	/* '+': stop at what is no option; ':': tell a missing value from an unknown option. */
	while ((c = getopt_long(argc, argv, "+:", longopts, NULL)) != -1) {
		if (c == ':')
			return fail(args, "%.64s: needs a value; --help lists the options",
					argv[optind - 1]);
		if (c < OPT_BASE)
			return fail(args, "%.64s: no option of this program; --help lists them",
					argv[optind - 1]);
		if (take(args, &defaults, &seen, c - OPT_BASE) != 0)
			return -EINVAL;
	}
	if (optind < argc)
		return fail(args, "%.64s: stray argument: every value follows its --option",
				argv[optind]);
	return args->nb_wires == 0 && !args->help && !args->version && has_port_options(&defaults)
			       ? fail(args, "no --port: an option is given that is of one: give at "
					    "least one before it; a node (doc/network.md) has "
					    "none")
			       : args_check(args);
}

int
args_parse(int argc, char *argv[], struct args *args)
{
	int ret;

	memset(args, 0, sizeof(*args));
	args->sandbox = sandbox_default();
	opterr = 0;
	optind = 0; /* glibc: 0 starts afresh */
	ret = parse_loop(argc, argv, args);
	opterr = 1;
	optind = 0;
	return ret;
}
