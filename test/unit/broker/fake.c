/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/serve.h"
#include "conn.h"
#include "fake.h"

#define LIMIT_S 120

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the poller's below */
char fake_folder[32];
static uint64_t clock_ms = 1;         /* atomic */
static json_t *networks, *containers; /* the poller's: name to parameters */
static json_t *fds;                   /* the same: its descriptors */
static json_t *shown;                 /* copies that the test was given */

static char control_path[64], poller_path[64];
static char config_path[64];
const char *fake_config;
bool fake_no_uplinks;
unsigned int fake_nb_lcores = 1;
const char *fake_vf_mac;
bool fake_applies;
static int listen_fd, poller_end, poller_event, broker_end, broker_signal, broker_ret;
static json_t *told_event; /* the poller's, to be told */
static pthread_t poller_thread, broker_thread;
static bool poller_runs, broker_runs;
static bool is_told = true; /* atomic: false: one of the two is new, and has to be told */
static struct broker *broker;

static int
refuse(struct control_error *error, const char *id)
{
	snprintf(error->id, sizeof(error->id), CONTROL_INTERFACE ".%s", id);
	snprintf(error->text, sizeof(error->text), "by the test");
	return -EIO;
}

static void
close_fd(const char *name)
{
	const int fd = (int)json_integer_value(json_object_get(fds, name));

	if (json_object_get(fds, name) != NULL && fd >= 0)
		close(fd);
	json_object_del(fds, name);
}

/* A container's mirror is there, or to come. */
static bool
has_mirror(const json_t *parameters)
{
	const char *mirror = json_string_value(json_object_get(parameters, "mirror"));

	return mirror == NULL || mirror[0] == '\0' ||
	       json_is_true(json_object_get(parameters, "mirror_waits")) ||
	       json_object_get(containers, mirror) != NULL;
}

static int
poller_add(struct serve_request *r, json_t *of, const char *name)
{
	const json_t *there = json_object_get(of, name);
	const char *network = json_string_value(json_object_get(r->parameters, "network"));
	json_t *parameters = r->parameters;
	const char *refused = NULL;

	if (there == NULL && of == networks && fake_no_uplinks)
		refused = "NoSuchUplink";
	else if (there == NULL && of == containers && json_object_get(networks, network) == NULL)
		refused = "NoSuchNetwork";
	else if (there == NULL && !has_mirror(parameters))
		refused = "NoSuchContainer";
	json_object_del(parameters, "mirror_waits");
	if (there != NULL && !json_equal(there, parameters))
		refused = "Differs";
	if ((refused != NULL || there != NULL) && r->fd >= 0)
		close(r->fd);
	if (refused != NULL)
		return refuse(&r->error, refused);
	if (there != NULL)
		return 1;
	json_object_set(of, name, parameters);
	if (of == containers)
		json_object_set_new(fds, name, json_integer(r->fd));
	return 0;
}

static json_t *
list_containers(void)
{
	json_t *list = json_array(), *value;
	const char *name;

	json_object_foreach(containers, name, value)
	{
		json_array_append_new(list, json_pack("{ss sb}", "name", name, "attached", 1));
	}
	return list;
}

static json_t *
list_lcores(void)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 1; i <= fake_nb_lcores; i++)
		json_array_append_new(list, json_pack("{si si}", "lcore", i, "queues", 1));
	return list;
}

/* The lock is held. */
static int
poller_do(struct serve_request *r)
{
	const char *name = json_string_value(json_object_get(r->parameters, "name"));
	json_t *of = strncmp(r->method, "network_", 8) == 0 ? networks : containers;
	const char *what = strchr(r->method, '_');

	if (strcmp(r->method, "port") == 0)
		return strcmp(name, "gone") == 0 ? refuse(&r->error, "NoSuchUplink") : 0;
	if (strcmp(r->method, "containers") == 0) {
		r->reply = list_containers();
		return 0;
	}
	if (strcmp(r->method, "lcores") == 0 || strcmp(r->method, "uplinks") == 0) {
		r->reply = r->method[0] == 'l' ? list_lcores()
					       : json_pack("[{ss ss s[i]}]", "name", "up0",
								 "network", "net0", "lcores", 1);
		return 0;
	}
	if (what == NULL) {
		r->reply = json_pack(
				"[{ss si ss*}]", "name", name, "mtu", 8900, "vf_mac", fake_vf_mac);
		return 0;
	}
	if (fake_step() != 0) {
		if (r->fd >= 0)
			close(r->fd);
		return refuse(&r->error, "NoBuffers");
	}
	if (strcmp(what, "_add") == 0)
		return poller_add(r, of, name);
	if (json_object_get(of, name) == NULL)
		return refuse(&r->error, of == networks ? "NoSuchNetwork" : "NoSuchContainer");
	if (strcmp(what, "_set") == 0 && !has_mirror(r->parameters))
		return refuse(&r->error, "NoSuchContainer");
	json_object_del(r->parameters, "mirror_waits");
	if (strcmp(what, "_set") == 0)
		return json_object_update(json_object_get(of, name), r->parameters);
	if (of == containers)
		close_fd(name);
	return json_object_del(of, name);
}

static int
poller_call(void *ctx, struct serve_request *request)
{
	int ret;

	(void)ctx;
	pthread_mutex_lock(&lock);
	ret = poller_do(request);
	pthread_mutex_unlock(&lock);
	return ret;
}

static void
tell_event(struct serve *serve)
{
	eventfd_t value;
	json_t *event;

	eventfd_read(poller_event, &value);
	pthread_mutex_lock(&lock);
	event = told_event;
	told_event = NULL;
	pthread_mutex_unlock(&lock);
	if (event != NULL)
		serve_event(serve, event);
}

static void *
poller_main(void *arg)
{
	struct serve *serve = serve_create(listen_fd, poller_call, NULL);
	struct pollfd pfds[] = { { .fd = poller_end, .events = POLLIN },
		{ .fd = serve_fd(serve), .events = POLLIN },
		{ .fd = poller_event, .events = POLLIN } };

	(void)arg;
	while (poll(pfds, 3, -1) > 0 && pfds[0].revents == 0) {
		if (pfds[2].revents != 0)
			tell_event(serve);
		serve_run(serve);
	}
	serve_free(serve);
	return NULL;
}

void
fake_tell(json_t *event)
{
	pthread_mutex_lock(&lock);
	told_event = event;
	pthread_mutex_unlock(&lock);
	eventfd_write(poller_event, 1);
}

void
fake_poller_start(void)
{
	pthread_mutex_lock(&lock);
	networks = json_object();
	containers = json_object();
	fds = json_object();
	pthread_mutex_unlock(&lock);
	poller_end = eventfd(0, EFD_CLOEXEC);
	poller_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(pthread_create(&poller_thread, NULL, poller_main, NULL), 0);
	poller_runs = true;
	__atomic_store_n(&is_told, false, __ATOMIC_RELAXED);
}

void
fake_poller_stop(void)
{
	const char *name;
	json_t *value;

	if (!poller_runs)
		return;
	poller_runs = false;
	eventfd_write(poller_end, 1);
	pthread_join(poller_thread, NULL);
	close(poller_end);
	close(poller_event);
	pthread_mutex_lock(&lock);
	json_object_foreach(fds, name, value)
	{
		if (json_integer_value(value) >= 0)
			close((int)json_integer_value(value));
	}
	json_decref(fds);
	json_decref(networks);
	json_decref(containers);
	fds = networks = containers = NULL;
	pthread_mutex_unlock(&lock);
}

static bool
is_listed(void)
{
	json_t *answer = fake_receive(fake_send("ListContainers", ""));
	const bool listed = json_object_get(answer, "error") == NULL;

	json_decref(answer);
	return listed;
}

/*
 * After a restart of one of the two the broker lists containers again once the poller has been
 * told all that there is to be; before, what a test sees is neither before nor after.
 */
static void
be_told(void)
{
	if (!poller_runs || !broker_runs || __atomic_exchange_n(&is_told, true, __ATOMIC_RELAXED))
		return;
	assert_true(fake_wait(is_listed));
}

unsigned int
fake_poller_has(void)
{
	unsigned int nb;

	be_told();
	pthread_mutex_lock(&lock);
	nb = (unsigned int)json_object_size(containers);
	pthread_mutex_unlock(&lock);
	return nb;
}

static const json_t *
poller_has(json_t *const *of, const char *name)
{
	json_t *value;

	be_told();
	pthread_mutex_lock(&lock);
	value = json_deep_copy(json_object_get(*of, name));
	if (value != NULL)
		json_array_append_new(shown, value);
	pthread_mutex_unlock(&lock);
	return value;
}

const json_t *
fake_poller_container(const char *name)
{
	return poller_has(&containers, name);
}

const json_t *
fake_poller_network(const char *name)
{
	return poller_has(&networks, name);
}

static void *
broker_main(void *arg)
{
	(void)arg;
	broker_ret = broker_run(
			broker, &(struct broker_fds){ broker_end, broker_signal, -1, -1, 0 });
	return NULL;
}

static uint64_t
clock_now(void *ctx)
{
	(void)ctx;
	return __atomic_load_n(&clock_ms, __ATOMIC_RELAXED);
}

void
fake_pass(uint64_t ms)
{
	__atomic_fetch_add(&clock_ms, ms, __ATOMIC_RELAXED);
}

void
fake_broker_start(void)
{
	const struct broker_conf conf = { .control = control_path,
		.poller = poller_path,
		.state_dir = fake_folder,
		.config = fake_config,
		.apply = fake_applies,
		.version = "test",
		.group = VARLINK_NO_GROUP,
		.device = &fake_kernel,
		.now = clock_now };

	sigset_t hup;

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	broker_signal = signalfd(-1, &hup, SFD_CLOEXEC | SFD_NONBLOCK);
	broker_end = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(broker_create(&conf, &broker), 0);
	assert_int_equal(pthread_create(&broker_thread, NULL, broker_main, NULL), 0);
	broker_runs = true;
	__atomic_store_n(&is_told, false, __ATOMIC_RELAXED);
}

int
fake_broker_wait(void)
{
	pthread_join(broker_thread, NULL);
	broker_runs = false;
	close(broker_end);
	close(broker_signal);
	broker_free(broker);
	return broker_ret;
}

void
fake_broker_stop(void)
{
	eventfd_write(broker_end, 1);
	fake_broker_wait();
}

void
fake_configure(const char *text)
{
	FILE *file;

	if (fake_config == NULL) {
		snprintf(config_path, sizeof(config_path), "%s/node.conf", fake_folder);
		fake_config = config_path;
	}
	file = fopen(config_path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

int
fake_setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	sigset_t hup;

	(void)state;
	/* of all threads that are begun */
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &hup, NULL), 0);
	strcpy(fake_folder, "/dev/shm/vduse-broker-XXXXXX"); /* each change waits for its file */
	assert_non_null(mkdtemp(fake_folder));
	snprintf(control_path, sizeof(control_path), "%s/control", fake_folder);
	snprintf(poller_path, sizeof(poller_path), "%s/poller", fake_folder);
	strcpy(at.sun_path, poller_path);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listen_fd, 4), 0);
	fake_fail(0);
	fake_attaching = NULL;
	fake_config = NULL;
	fake_no_uplinks = false;
	fake_vf_mac = NULL;
	fake_applies = false;
	shown = json_array();
	fake_poller_start();
	fake_broker_start();
	return 0;
}

int
fake_teardown(void **state)
{
	char command[64];

	(void)state;
	fake_broker_stop();
	fake_poller_stop();
	json_decref(shown);
	close(listen_fd);
	fake_devices_gone();
	snprintf(command, sizeof(command), "rm -r %s", fake_folder);
	assert_int_equal(system(command), 0);
	return 0;
}

bool
fake_wait(bool (*reached)(void))
{
	const struct timespec step_time = { .tv_nsec = 1000000 };
	const time_t until = time(NULL) + LIMIT_S;

	while (!reached() && time(NULL) < until)
		nanosleep(&step_time, NULL);
	return reached();
}

int
fake_dial(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	strcpy(to.sun_path, control_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

int
fake_send(const char *method, const char *parameters)
{
	const int fd = fake_dial();
	char text[2048];
	int n;

	n = snprintf(text, sizeof(text),
			"{\"method\":\"" CONTROL_INTERFACE ".%s\",\"parameters\":{%s}}", method,
			parameters);
	assert_in_range(n, 1, sizeof(text) - 1);
	assert_int_equal(write(fd, text, (size_t)n + 1), n + 1);
	return fd;
}

json_t *
fake_call(const char *method, const char *parameters)
{
	be_told();
	return fake_receive(fake_send(method, parameters));
}

json_t *
fake_receive(int fd)
{
	struct varlink_message msg;
	struct varlink_conn conn;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	varlink_conn_init(&conn, fd, VARLINK_REPLY_MAX);
	do {
		assert_int_equal(poll(&pfd, 1, LIMIT_S * 1000), 1);
		assert_true(varlink_conn_read(&conn) != 0);
	} while (varlink_conn_next(&conn, &msg) != 1);
	varlink_conn_close(&conn);
	return msg.json;
}

int
fake_changed(const char *method, const char *parameters)
{
	json_t *answer = fake_call(method, parameters);
	json_t *changed = json_object_get(json_object_get(answer, "parameters"), "changed");
	char *text;
	int ret = json_is_boolean(changed) ? json_is_true(changed) : -1;

	if (ret < 0) {
		text = json_dumps(answer, 0);
		print_message("%s(%s): %s\n", method, parameters, text);
		free(text);
	}
	json_decref(answer);
	return ret;
}

void
fake_refused(const char *method, const char *parameters, const char *id, const char *parameter)
{
	json_t *answer = fake_call(method, parameters);
	const char *name = json_string_value(json_object_get(answer, "error"));
	json_t *fields = json_object_get(answer, "parameters");

	assert_non_null(name);
	assert_string_equal(strrchr(name, '.') + 1, id);
	assert_string_equal(json_string_value(json_object_get(fields, "parameter")), parameter);
	assert_true(json_string_length(json_object_get(fields, "text")) > 0);
	json_decref(answer);
}

json_t *
fake_state(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/node.json", fake_folder);
	return json_load_file(path, 0, NULL);
}
