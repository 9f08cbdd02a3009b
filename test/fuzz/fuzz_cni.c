/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The CNI plug-in and netavark driver: a command, and texts with a zero byte between them, the
 * configuration, what the IPAM plug-in prints, what is in CNI_ARGS and what Open vSwitch prints.
 * Behind each input there is an answer or an error that can be printed, what failed has left
 * neither container nor lease, and DEL leaves none in any case.
 */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "broker/netif.h"
#include "cni.h"
#include "control.h"
#include "fuzz.h"
#include "ovs.h"

#define CONTAINER "pod1"
#define TEXTS     4

static const char *const commands[] = { "ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "create",
	"setup", "teardown", "info" };

#define COMMANDS     (sizeof(commands) / sizeof(commands[0]))
#define CNI_COMMANDS 6

static struct {
	char *texts[TEXTS]; /* configuration, IPAM plug-in, CNI_ARGS, Open vSwitch */
	bool fails;         /* what is started */
	bool leased;
	json_t *container; /* the daemon's only one, or NULL */
	json_t *answer;    /* to the last call */
} world;

/* What the plug-in calls */

int
ask_open(struct ask *ask, const char *path, unsigned int ms)
{
	(void)path;
	(void)ms;
	memset(ask, 0, sizeof(*ask));
	return 0;
}

void
ask_close(struct ask *ask)
{
	(void)ask;
	json_decref(world.answer);
	world.answer = NULL;
}

/* As the daemon checks it. */
static const char *
refusal(const char *name, const json_t *parameters)
{
	const struct varlink_method *method = control_interface.methods;
	json_t *copy = json_deep_copy(parameters);
	struct varlink_wrong wrong;
	int ret;

	while (strcmp(method->name, name) != 0)
		method++;
	ret = varlink_method_check(method, copy, 1, &wrong);
	json_decref(copy);
	return ret != 0 ? "org.varlink.service.InvalidParameter" : NULL;
}

static json_t *
reply_of(const char *name, const json_t *parameters)
{
	if (strcmp(name, "AddContainer") == 0) {
		FUZZ_CHECK(world.container == NULL);
		world.container = json_deep_copy(parameters);
	} else if (strcmp(name, "RemoveContainer") == 0) {
		json_decref(world.container);
		world.container = NULL;
	} else if (strcmp(name, "ListContainers") == 0 && world.container != NULL) {
		return json_pack("{s[O]}", "containers", world.container);
	} else if (strcmp(name, "ListNetworks") == 0) {
		return json_pack("{s[{ss si}]}", "networks", "name", "net0", "mtu", 1500);
	}
	return json_object();
}

int
ask_call(struct ask *ask, const char *method, const json_t *parameters, int fd, bool more)
{
	const char *name = method + sizeof(CONTROL_INTERFACE), *error = refusal(name, parameters);

	(void)ask;
	(void)fd;
	FUZZ_CHECK(!more);
	if (error != NULL)
		world.answer = json_pack("{ss s{ss ss}}", "error", error, "parameters", "parameter",
				"name", "text", "wrong");
	else
		world.answer = json_pack("{so}", "parameters", reply_of(name, parameters));
	return 0;
}

int
ask_answer(struct ask *ask, json_t **answer)
{
	(void)ask;
	*answer = json_incref(world.answer);
	return 0;
}

static void
print(int fd, const char *text)
{
	const size_t len = strlen(text);

	FUZZ_CHECK(fd < 0 || write(fd, text, len) == (ssize_t)len);
}

static bool
says(char *const *argv, const char *word)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, word) == 0)
			return true;
	return false;
}

/* ovs-vsctl, which makes no port, and so no interface is waited for; and the IPAM plug-in */
int
spawn(char *const *argv, int in, int out, int err)
{
	const char *command = getenv("CNI_COMMAND");

	(void)in;
	if (strcmp(argv[0], "ovs-vsctl") == 0 || strcmp(argv[0], "dpdk-vduse-net") == 0) {
		print(out, world.texts[3]);
		print(err, world.texts[3]);
		return world.fails || says(argv, "add-port") ? 1 : 0;
	}
	if (strcmp(command, "VERSION") == 0) {
		print(out, "{\"supportedVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
		return 0;
	}
	print(out, world.texts[1]);
	if (world.fails && strcmp(command, "ADD") == 0)
		return 1;
	if (strcmp(command, "ADD") == 0)
		world.leased = true;
	else if (strcmp(command, "DEL") == 0)
		world.leased = false;
	return 0;
}

int
lock_take(struct cni *cni, const char *device, struct lock *lock)
{
	(void)cni;
	FUZZ_CHECK(strlen(device) <= CONTROL_NAME_MAX);
	lock->fd = -1;
	return 0;
}

void
lock_release(struct lock *lock)
{
	FUZZ_CHECK(lock->fd == -1);
}

int
look(struct cni *cni, const char *mac, const json_t *ips, json_int_t at, const json_t *routes)
{
	(void)cni;
	(void)mac;
	(void)ips;
	(void)routes;
	FUZZ_CHECK(at >= 0);
	return 0;
}

json_int_t
look_metric(struct cni *cni, bool v6, json_int_t first)
{
	(void)cni;
	(void)v6;
	return first;
}

void
announce(const struct cni *cni, const json_t *ips)
{
	(void)cni;
	(void)ips;
}

/* stateDir may be anything */
int __wrap_mkdir(const char *path, mode_t mode);
int
__wrap_mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	return 0;
}

/* Of a port that there never is */
int
netif_place(const char *ifname, const struct netif_conf *conf, struct netif_error *error)
{
	(void)ifname;
	(void)conf;
	(void)error;
	abort();
}

void
netif_of(const struct control_container *conf, int netns, struct netif_conf *netif)
{
	(void)conf;
	(void)netns;
	(void)netif;
	abort();
}

/* The input */

static void
environment(const char *command)
{
	setenv("CNI_COMMAND", command, 1);
	setenv("CNI_CONTAINERID", CONTAINER, 1);
	setenv("CNI_IFNAME", "eth0", 1);
	setenv("CNI_NETNS", "/dev/null", 1);
	setenv("CNI_PATH", "/bin", 1);
	setenv("CNI_ARGS", world.texts[2], 1);
}

/* Whether it did what is asked. */
static bool
run(unsigned int which)
{
	char *argv[] = { (char *)(uintptr_t) "dpdk-vduse", (char *)(uintptr_t)commands[which],
		(char *)(uintptr_t) "/dev/null" };
	FILE *before = stdin;
	json_t *output = NULL;
	struct cni cni;
	int ret;

	environment(commands[which]);
	/* what is empty cannot be opened */
	stdin = world.texts[0][0] != '\0' ? fmemopen(world.texts[0], strlen(world.texts[0]), "r")
					  : fopen("/dev/null", "r");
	FUZZ_CHECK(stdin != NULL);
	if (which >= CNI_COMMANDS) {
		ret = netavark_run(&cni, 3, argv, &output);
	} else {
		ret = cni_read(&cni);
		if (ret == 0)
			ret = cni_run(&cni, &output);
	}
	fclose(stdin);
	stdin = before;
	FUZZ_CHECK((ret < 0) == (cni.error.code > 0) && cni.error.code >= 0);
	FUZZ_CHECK(cni_is_text(cni.error.msg) && cni_is_text(cni.error.details));
	FUZZ_CHECK((ret < 0) == (cni.error.msg[0] != '\0'));
	json_decref(output);
	cni_free(&cni);
	return ret == 0;
}

/* DEL, or teardown, whatever the configuration says: a good one */
static void
take_back(bool netavark)
{
	static char conf[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"ipam\":{\"type\":\"sh\"}}";
	static char input[] = "{\"container_id\":\"pod1\",\"network\":{\"name\":\"n\"},"
			      "\"network_options\":{\"interface_name\":\"eth0\"}}";
	char *was = world.texts[0];

	world.texts[0] = netavark ? input : conf;
	FUZZ_CHECK(run(netavark ? 8 : 1));
	world.texts[0] = was;
	FUZZ_CHECK(world.container == NULL && !world.leased);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = calloc(1, size + TEXTS), *text = copy;
	unsigned int which, i;
	bool done;

	FUZZ_CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data + 1, size - 1);
	which = size > 0 ? data[0] % COMMANDS : 0;
	world.fails = size > 0 && data[0] >= 128;
	for (i = 0; i < TEXTS; i++) {
		world.texts[i] = text;
		/* zero bytes behind the last text are of calloc() */
		text += strlen(text) + 1;
	}
	done = run(which);
	/* what fails has left nothing */
	FUZZ_CHECK(done || (world.container == NULL && !world.leased));
	take_back(which >= CNI_COMMANDS);
	free(copy);
	return 0;
}
