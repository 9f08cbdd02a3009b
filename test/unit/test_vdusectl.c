/* SPDX-License-Identifier: BSD-3-Clause */

/* vdusectl, word for word: what each command prints, its errors, its exit statuses. */

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "control_rig.h"
#include "filter.h"
#include "latency.h"
#include "vdusectl.h"

#define SOCKET "SOCKET" /* in expected lines: the socket's path */

/* Of what is attached as vhost and has a name that is one there too. */
#define CDI                                                                                        \
	"{\n  \"cdiVersion\": \"0.5.0\",\n  \"kind\": \"dpdk-vduse.io/net\",\n  \"devices\": [\n"  \
	"    {\n      \"name\": \"vm.1\",\n      \"containerEdits\": {\n        \"deviceNodes\": " \
	"[\n"                                                                                      \
	"          {\n            \"path\": \"/dev/vhost-vdpa-0\",\n            \"permissions\": " \
	"\"rw\"\n          }\n        ]\n      }\n    }\n  ]\n}\n"

static struct rig rig;

struct tool {
	pid_t pid;
	FILE *out, *err;
};

/* In a process of its own, that calls this one's server. */
static struct tool
start(const char *line)
{
	struct tool tool = { .out = tmpfile(), .err = tmpfile() };
	struct control_tokens tokens;
	char error[CONTROL_ERROR_MAX], all[CONTROL_LINE_MAX];

	snprintf(all, sizeof(all), "-S %s %s", rig.path, line);
	assert_int_equal(control_split(all, &tokens, error), 0);
	tool.pid = fork();
	assert_true(tool.pid >= 0);
	if (tool.pid == 0) {
		const int status = vdusectl(tokens.argc, tokens.argv, tool.out, tool.err);

		fflush(tool.out);
		fflush(tool.err);
		_exit(status);
	}
	return tool;
}

/* The server's turns until the tool has ended. Return: its exit status. */
static int
wait_tool(const struct tool *tool)
{
	struct pollfd pfd = { .events = POLLIN };
	int status;

	while (waitpid(tool->pid, &status, WNOHANG) == 0) {
		pfd.fd = varlink_server_fd(control_server(rig.mock.control));
		poll(&pfd, 1, 10);
		varlink_server_run(control_server(rig.mock.control));
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
compare(FILE *file, const char *want)
{
	static char text[65536], expected[65536];
	const char *at = strstr(want, SOCKET);
	size_t len;

	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	if (at != NULL)
		snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(at - want), want, rig.path,
				at + strlen(SOCKET));
	else
		snprintf(expected, sizeof(expected), "%s", want);
	assert_string_equal(text, expected);
}

static void
tool(const char *line, int status, const char *out, const char *err)
{
	const struct tool started = start(line);

	assert_int_equal(wait_tool(&started), status);
	compare(started.err, err);
	compare(started.out, out);
}

static void
prints(const char *line, const char *out)
{
	tool(line, VDUSECTL_OK, out, "");
}

static void
usage(const char *line, const char *err)
{
	tool(line, VDUSECTL_USAGE, "", err);
}

static void
refused(const char *line, const char *err)
{
	tool(line, VDUSECTL_REFUSED, "", err);
}

static void
test_network(void **state)
{
	(void)state;
	prints("network show", "");
	prints("network add net0 uplink 0000:01:00.0 mtu 9000", "");
	prints("network add net0 uplink 0000:01:00.0 mtu 9000", "net0: nothing to change\n");
	prints("net add net1", "");
	prints("network show", "net0: uplinks 0000:01:00.0 mtu 9000 link up containers 0\n"
			       "net1: mtu 1500 link up containers 0\n");
	prints("network show net1", "net1: mtu 1500 link up containers 0\n");
	prints("network set net1 lcores 2,4-5", "");
	prints("network show net1", "net1: mtu 1500 link up containers 0 lcores 2,4-5\n");
	prints("network set net1 lcores ''", "");
	prints("network set net1 mtu 2000", "");
	prints("-j network show net1", "[{\"name\":\"net1\",\"uplinks\":[],\"mtu\":2000,"
				       "\"lcores\":[],\"link_state\":\"up\",\"containers\":0}]\n");
	refused("network add net0 mtu 1500",
			"vdusectl: Differs: net0 is there with mtu 9000, not 1500: set it, or "
			"remove it first\n");
	refused("network show net9",
			"vdusectl: NoSuchNetwork: there is no network net9: add it first\n");
	prints("network del net1", "");
	prints("network del net1", "net1: nothing to change\n");
	tool("-j network show net9", VDUSECTL_REFUSED,
			"{\"error\":\"org.dpdk.vduse.NoSuchNetwork\",\"parameters\":{"
			"\"parameter\":\"name\",\"text\":\"there is no network net9: add it "
			"first\"}}\n",
			"vdusectl: NoSuchNetwork: there is no network net9: add it first\n");
	prints("-j network add net5", "{\"changed\":true}\n");
}

static void
test_container(void **state)
{
	(void)state;
	prints("network add net0", "");
	prints("container add c1 network net0", "");
	prints("container add c2 network net0 mac 02:00:00:00:00:22 vlan 100 qos 3 ip "
	       "10.0.0.2,fd00::2 trust on max-tx-rate 100 link down ifname eth0 route "
	       "\"default via 10.0.0.1\"",
			"");
	prints("container show",
			"c1: network net0 mac 02:00:00:00:00:01 link up device eth0 attached\n"
			"c2: network net0 mac 02:00:00:00:00:22 link down device eth0 attached\n"
			"    vlan 100 qos 3 ip 10.0.0.2,fd00::2 trust on max-tx-rate 100 link down "
			"ifname eth0 route \"default via 10.0.0.1\"\n");
	prints("-s container show c1",
			"c1: network net0 mac 02:00:00:00:00:01 link up device eth0 attached\n"
			"    rx_frames 12 rx_bytes 3456 tx_frames 7 tx_spoofed 1\n");
	prints("container show network net1", "");
	prints("container set c1 spoof off", "");
	prints("container set c1 spoofchk off", "c1: nothing to change\n");
	refused("container set c1 queues 4",
			"vdusectl: NeedsReattach: queues of c1 cannot change while a driver has "
			"it: give force\n");
	prints("container set c1 queues 4 force", "");
	prints("container show c1",
			"c1: network net0 mac 02:00:00:00:00:01 link up device eth0 attached\n"
			"    spoofchk off queues 4\n");
	prints("container add vm.1 network net0 attach vhost", "");
	prints("container add bad- network net0 attach vhost", "");
	prints("container cdi", CDI);
	prints("-j container cdi vm.1", CDI);
	prints("container del vm.1", "");
	prints("container del bad-", "");
	prints("container set c1 trunk 10,20-29", "");
	prints("container set c1 trunk ''", "");
	prints("container del c1", "");
	prints("container del c1", "c1: nothing to change\n");
	refused("container set c1 vlan 5", "vdusectl: NoSuchContainer: there is no container c1\n");
	refused("container add c3 network net7", "vdusectl: NoSuchNetwork: there is no network "
						 "net7: add it first\n");
	prints("cont d c2", "");
	usage("c d c2", "vdusectl: c: more than one begins so: give network, container, fdb, "
			"uplink, lcore, monitor, capture, top, latency, rebalance, show, reload or "
			"check\n");
}

static void
test_netns(void **state)
{
	char line[256], path[64];
	struct stat a, b;

	(void)state;
	snprintf(path, sizeof(path), "%s/netns", rig.folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	prints("network add net0", "");
	snprintf(line, sizeof(line), "container add c1 network net0 netns %s ifname eth0", path);
	prints(line, "");
	assert_true(rig.mock.netns >= 0);
	assert_int_equal(fstat(rig.mock.netns, &a), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_string_equal(rig.mock.containers[0].netns, path);
	unlink(path);
	usage("container add c2 network net0 netns /none/c2",
			"vdusectl: netns /none/c2: No such file or directory: give the path of a "
			"network namespace\n");
}

/* What was asked for, as the mock makes a frame of it. */
static void
captures(const char *line, const char *asked)
{
	const struct tool started = start(line);
	static char bytes[65536];
	size_t n;

	assert_int_equal(wait_tool(&started), VDUSECTL_OK);
	compare(started.err, "1 frames captured, 9 seen, 2 left out because they were not read in "
			     "time\n");
	rewind(started.out);
	n = fread(bytes, 1, sizeof(bytes), started.out);
	fclose(started.out);
	if (memmem(bytes, n, asked, strlen(asked)) == NULL)
		fail_msg("%s: no %s", line, asked);
}

#define ASKED(filter, rest) "\"filter\":\"" filter "\",\"name\":\"c1\",\"pipe_fd\":0," rest "}"
#define ALL                 "\"snaplen\":262144"

static void
test_capture(void **state)
{
	(void)state;
	prints("network add net0", "");
	prints("container add c1 network net0", "");
	captures("capture c1",
			"{\"count\":0,\"direction\":\"both\",\"drops\":false," ASKED("", ALL));
	captures("cap c1 -w - -s 96 -c5 -Q in --drops",
			"{\"count\":5,\"direction\":\"in\",\"drops\":true," ASKED(
					"", "\"snaplen\":96"));
	/* the words of a filter may be several, and are nobody's options */
	captures("capture -Q out c1 ether src 2:0:0:0:0:1",
			ASKED("6,32 0 0 8,21 0 3 1,40 0 0 6,21 0 1 512,6 0 0 262144,6 0 0 0", ALL));
	captures("capture c1 'len - 14 > 20'", "\"filter\":\"");
	usage("capture", "vdusectl: capture: no name follows: give that of a container or an "
			 "uplink\n");
	usage("capture c1 -x", "vdusectl: -x: no option of capture; capture help lists them\n");
	usage("capture c1 -s", "vdusectl: -s: no value follows\n");
	usage("capture c1 -s 262145", "vdusectl: -s 262145: give 0 to 262144 bytes\n");
	usage("capture c1 -c x", "vdusectl: -c x: give a number of frames\n");
	usage("capture c1 -Q all", "vdusectl: -Q all: give in or out\n");
	usage("capture c1 -w /none/x", "vdusectl: -w /none/x: No such file or directory\n");
	usage("capture c1 port",
			"vdusectl: filter port: can't parse filter expression: syntax error: "
			"pcap-filter(7) says how one is written\n");
	refused("capture c2", "vdusectl: NoSuchContainer: there is no container c2\n");
}

static void
test_top(void **state)
{
	(void)state;
	prints("top -n 1", "busy: lcore 3: 50.0%\n\n"
			   "NAME             LCORE    CPU   RX/s RX b/s   TX/s TX b/s DROP/s  ROOM "
			   " WAIT SLOW\n"
			   "c1                   3  40.0%      0      0      0      0      7    0% "
			   "  25% guest\n"
			   "up0                  -  10.0%   1.5k  10.0M      0      0      0     - "
			   "    - \n"
			   "c2                   3   0.0%      0      0      0      0      0     - "
			   "    - \n");
	usage("top -x", "vdusectl: -x: no option of top; top help lists them\n");
	usage("top -n", "vdusectl: -n: give 1 to 1000000000\n");
	usage("top -d 0", "vdusectl: -d: give 1 to 3600\n");
	usage("top -d 3601", "vdusectl: -d: give 1 to 3600\n");
	rig.mock.ops.load = NULL;
	refused("top -n 1",
			"vdusectl: MethodNotImplemented: this daemon does not have it; is it of "
			"another version?\n");
}

/* Of one call of the mock's. */
#define TIMES                                                                   \
	"in: 3, mean 2.27us p50 2.90us p90 2.90us p99 2.90us longest 2.90us\n"  \
	"  below 1.02us          1  ####################\n"                     \
	"  below 2.05us          0  \n"                                         \
	"  below 4.10us          2  ########################################\n" \
	"out: 0\nkick: 0\n"

static void
test_latency(void **state)
{
	(void)state;
	prints("latency c1 -t 1", TIMES);
	prints("-j latency -t 1 c1",
			"[{\"what\":\"in\",\"count\":3,\"mean\":2266,\"p50\":2900,\"p90\":2900,"
			"\"p99\":2900,\"longest\":2900,\"times\":[{\"up_to\":1023,\"count\":1},"
			"{\"up_to\":3071,\"count\":2}]},{\"what\":\"out\",\"count\":0,\"mean\":0,"
			"\"p50\":0,\"p90\":0,\"p99\":0,\"longest\":0,\"times\":[]},"
			"{\"what\":\"kick\",\"count\":0,\"mean\":0,\"p50\":0,\"p90\":0,"
			"\"p99\":0,\"longest\":0,\"times\":[]}]\n");
	usage("latency", "vdusectl: latency: give the name of a container, or of an uplink\n");
	usage("latency c1 c2", "vdusectl: c2: no option of latency; latency help lists them\n");
	usage("latency c1 -x", "vdusectl: -x: no option of latency; latency help lists them\n");
	usage("latency c1 -t", "vdusectl: -t: give 1 to 86400\n");
	usage("latency c1 -t 0", "vdusectl: -t: give 1 to 86400\n");
}

/* What there was by then is shown. */
static void
test_latency_gone(void **state)
{
	(void)state;
	tool("latency gone", VDUSECTL_REFUSED, TIMES,
			"vdusectl: NoSuchContainer: no container gone\n");
}

/* What is between two answers, where it has begun anew between them. */
static void
test_latency_anew(void **state)
{
	json_t *before = json_loads("[{\"what\":\"in\",\"count\":9,\"sum\":90,\"longest\":99,"
				    "\"times\":[{\"up_to\":15,\"count\":9}]}]",
			0, NULL);
	json_t *now = json_loads(
			"[{\"what\":\"in\",\"count\":100,\"sum\":1600,\"longest\":31,"
			"\"times\":[{\"up_to\":15,\"count\":90},{\"up_to\":17,\"count\":9},"
			"{\"up_to\":31,\"count\":1}]}]",
			0, NULL);
	json_t *first = latency_between(before, now), *second = latency_between(now, before);
	const json_t *kind = json_array_get(first, 0);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(kind, "count")), 91);
	assert_int_equal(json_integer_value(json_object_get(kind, "p50")), 15);
	assert_int_equal(json_integer_value(json_object_get(kind, "p90")), 17);
	assert_int_equal(json_integer_value(json_object_get(kind, "p99")), 31);
	kind = json_array_get(second, 0);
	assert_int_equal(json_integer_value(json_object_get(kind, "count")), 9);
	assert_int_equal(json_integer_value(json_object_get(kind, "mean")), 10);
	json_decref(first);
	json_decref(second);
	json_decref(before);
	json_decref(now);
}

/* The process that wrote it has ended before it said so. */
static void
test_capture_lost(void **state)
{
	const struct tool started = start("capture lost -w /dev/null");

	(void)state;
	assert_int_equal(wait_tool(&started), VDUSECTL_NOBODY);
	compare(started.err, "vdusectl: the process that forwards has ended, and the capture with "
			     "it: begin it again\n");
	compare(started.out, "");
}

static void
test_rest(void **state)
{
	(void)state;
	prints("network add net0", "");
	prints("container add c1 network net0 vlan 5", "");
	prints("fdb show", "02:00:00:00:00:01 network net0 vlan 5 port c1 static\n"
			   "52:54:00:00:00:09 network net0 vlan 0 port uplink0 age 17\n");
	prints("fdb show network net0",
			"02:00:00:00:00:01 network net0 vlan 5 port c1 static\n"
			"52:54:00:00:00:09 network net0 vlan 0 port uplink0 age 17\n");
	prints("uplink show", "");
	prints("network add net1 uplinks eth0,eth1", "");
	prints("uplink show", "eth0: network net1 link up lcores 1,2 rss promiscuous\neth1: "
			      "network net1 link up lcores 1\n");
	prints("-s uplink show network net1",
			"eth0: network net1 link up lcores 1,2 rss promiscuous\n"
			"    rx_frames 12 rx_bytes 3456 tx_frames 7 tx_spoofed 1\n"
			"eth1: network net1 link up lcores 1\n"
			"    rx_frames 12 rx_bytes 3456 tx_frames 7 tx_spoofed 1\n");
	prints("uplink show network net0", "");
	prints("network del net1", "");
	prints("lcore show", "1: queues 2\n");
	prints("-s lcore show", "1: queues 2\n    rounds 1000 sleeps 3\n");
	prints("rebalance", "3 moved\n");
	prints("check", "note: uplink 0000:01:00.0 has one queue for 3 lcores\n");
	prints("show config", "network add net0\n"
			      "container add c1 network net0 mac 02:00:00:00:00:01 vlan 5\n");
	rig.mock.ops.rebalance = NULL;
	refused("rebalance", "vdusectl: MethodNotImplemented: this daemon does not have it; is it "
			     "of another version?\n");
}

static void
write_config(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
test_reload(void **state)
{
	char path[64], text[512], line[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/net.conf", rig.folder);
	rig.mock.config = path;
	write_config(path, "# a node\nnetwork add net0 mtu 9000\ncontainer add c1 network net0\n"
			   "container add c2 network net0 route \"default via 10.0.0.1\"\n");
	prints("reload", "3 added, 0 changed, 0 removed\n");
	prints("reload force", "0 added, 0 changed, 0 removed\n");
	snprintf(line, sizeof(line), "check %s", path);
	snprintf(text, sizeof(text), "ok: %s\n", path);
	prints(line, text);
	/* what was added by hand stays */
	prints("container add c9 network net0", "");
	prints("container set c1 vlan 7", "");
	write_config(path, "network add net0 mtu 1400\ncontainer add c1 network net0\n");
	prints("reload", "0 added, 2 changed, 1 removed\n");
	prints("show config", "network add net0 mtu 1400\n"
			      "container add c1 network net0 mac 02:00:00:00:00:01\n"
			      "container add c9 network net0 mac 02:00:00:00:00:03\n");
	write_config(path, "network add net0 mtu 1400\n\ncontainer add c1 network net0 vlan 4095\n"
			   "network add net1\n");
	snprintf(text, sizeof(text),
			"vdusectl: Configuration: %s:3: vlan 4095: out of range: give 0 to 4094\n",
			path);
	refused("reload", text);
	snprintf(line, sizeof(line), "check %s", path);
	snprintf(text, sizeof(text), "fault: %s:3: vlan 4095: out of range: give 0 to 4094\n",
			path);
	tool(line, VDUSECTL_FAULT, text, "");
	/* of a file with an error nothing is done */
	prints("network show", "net0: mtu 1400 link up containers 2\n");
	unlink(path);
}

static void
test_monitor(void **state)
{
	const struct control_event event = { "fault", .container = "c1", .text = "ring broken" };
	struct tool json = start("-j monitor"), text = start("monitor");

	(void)state;
	while (rig_stats(&rig).calls < 2)
		varlink_server_run(control_server(rig.mock.control));
	control_event(rig.mock.control, &event);
	/* and the daemon ends */
	rig_close(&rig);
	rig_open(&rig, VARLINK_NO_GROUP);
	assert_int_equal(wait_tool(&text), VDUSECTL_NOBODY);
	compare(text.out, "ready\nfault container c1: ring broken\n");
	compare(text.err, "vdusectl: the daemon has closed the connection: Connection reset by "
			  "peer: see the daemon's log\n");
	assert_int_equal(wait_tool(&json), VDUSECTL_NOBODY);
	compare(json.out, "{\"event\":\"ready\"}\n{\"event\":\"fault\",\"container\":\"c1\","
			  "\"text\":\"ring broken\"}\n");
	fclose(json.err);
}

static void
test_usage(void **state)
{
	(void)state;
	usage("", "vdusectl: vdusectl: give network, container, fdb, uplink, lcore, monitor, "
		  "capture, top, latency, rebalance, show, reload or check\n");
	usage("bridge", "vdusectl: bridge: vdusectl has no such word: give network, container, "
			"fdb, uplink, lcore, monitor, capture, top, latency, rebalance, show, "
			"reload or "
			"check\n");
	usage("re", "vdusectl: re: more than one begins so: give network, container, fdb, "
		    "uplink, lcore, monitor, capture, top, latency, rebalance, show, reload or "
		    "check\n");
	usage("network", "vdusectl: network: give add, set, del or show\n");
	usage("network move", "vdusectl: move: network has no such word: give add, set, del or "
			      "show\n");
	usage("network s net0", "vdusectl: s: more than one begins so: give add, set, del or "
				"show\n");
	usage("network add", "vdusectl: network add: no name follows: give one\n");
	usage("network add a/b", "vdusectl: name a/b: give letters, digits, and _ . - not in "
				 "front\n");
	usage("network add net0 colour red", "vdusectl: colour: network add has no such word: "
					     "give uplinks, mtu or lcores\n");
	usage("network add net0 mtu", "vdusectl: mtu: no value follows: give BYTES\n");
	usage("network add net0 mtu big", "vdusectl: mtu: no whole number: give 68 to 65535\n");
	usage("network add net0 mtu 99999999999999999999",
			"vdusectl: mtu: no whole number: give 68 to 65535\n");
	usage("network add net0 mtu 1500 mtu 1500", "vdusectl: mtu: given twice: leave one out\n");
	usage("network del net0 mtu 5", "vdusectl: mtu: nothing follows network del\n");
	usage("container add c1", "vdusectl: network: missing: every container has to have it\n");
	usage("container add c1 network net0 max 5",
			"vdusectl: max: more than one begins so: give network, mac, vlan, qos, "
			"trunk, spoofchk, ip, trust, max-macs, max-tx-rate, max-rx-rate, burst, "
			"bum-rate, isolated, link, mirror, gro, queues, queue-size, profile, "
			"attach, "
			"netns, ifname, address or route\n");
	usage("container add c1 network net0 trust yes", "vdusectl: trust yes: give on or off\n");
	usage("container add c1 network net0 link odd",
			"vdusectl: link odd: give one of auto|up|down\n");
	usage("reload now", "vdusectl: now: reload has no such word: give force\n");
	usage("check /none/node.conf", "vdusectl: file /none/node.conf: No such file or directory: "
				       "give a file of commands\n");
	usage("check a b", "vdusectl: b: nothing follows check\n");
	usage("-x", "vdusectl: -x: no option of this program; help lists them\n");
	usage("-S", "vdusectl: -S: no path follows: give the daemon's socket\n");
	assert_int_equal(rig_stats(&rig).accepted, 0);
}

static void
test_nobody(void **state)
{
	(void)state;
	tool("-S /none/control check", VDUSECTL_NOBODY, "",
			"vdusectl: /none/control: No such file or directory: is dpdk-vduse-net "
			"running, and is this its socket?\n");
	tool("-V", VDUSECTL_OK, "vdusectl of dpdk-vduse " APP_VERSION "\n", "");
}

/* What a line prints. To be freed. */
static char *
printed(const char *line)
{
	const struct tool started = start(line);
	char *text = calloc(1, 65536);

	assert_non_null(text);
	assert_int_equal(wait_tool(&started), 0);
	rewind(started.out);
	assert_true(fread(text, 1, 65535, started.out) > 0);
	fclose(started.out);
	fclose(started.err);
	return text;
}

/* Every command is in the help, and every word in that of its object. */
static void
test_help(void **state)
{
	char *text = printed("help");
	unsigned int i;

	(void)state;
	for (i = 0; i < control_nb_commands; i++)
		assert_non_null(strstr(text, control_commands[i].help));
	free(text);
	text = printed("container help");
	for (i = 1; i < control_container_words.nb; i++)
		if (control_is_word(&control_container_words.rows[i]))
			assert_non_null(strstr(text, control_container_words.rows[i].help));
	assert_non_null(strstr(text, "\n  force "));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_network),
		RIG_TEST(test_container),
		RIG_TEST(test_netns),
		RIG_TEST(test_capture),
		RIG_TEST(test_capture_lost),
		RIG_TEST(test_top),
		RIG_TEST(test_latency),
		RIG_TEST(test_latency_gone),
		RIG_TEST(test_latency_anew),
		RIG_TEST(test_rest),
		RIG_TEST(test_reload),
		RIG_TEST(test_monitor),
		RIG_TEST(test_usage),
		RIG_TEST(test_nobody),
		RIG_TEST(test_help),
	};

	return FILTER_RUN("vdusectl", tests, NULL, NULL);
}
