/* SPDX-License-Identifier: BSD-3-Clause */

/* A network namespace that came as a descriptor is found again, or it is said that it is gone. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/netns.h"
#include "control.h"
#include "fake.h"
#include "filter.h"
#include "send_fds.h"

#define C1 "\"name\":\"c1\",\"network\":\"net0\",\"netns_fd\":0,\"ifname\":\"eth0\""

static pid_t owner; /* of the namespace */

/* A process with a namespace of its own, which it keeps. Return: a descriptor of that. */
static int
begin_namespace(void)
{
	int ready[2], fd;
	char path[64], ok;

	assert_int_equal(pipe(ready), 0);
	owner = fork();
	if (owner == 0) {
		ok = unshare(CLONE_NEWNET) == 0;
		if (write(ready[1], &ok, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &ok, 1), 1);
	close(ready[0]);
	close(ready[1]);
	if (!ok)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", owner);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
end_namespace(void)
{
	if (owner <= 0)
		return;
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	owner = 0;
}

static void
assert_found(const struct netns_id *id, const char *path)
{
	const int fd = netns_find(id, path);
	struct netns_id found;

	assert_true(fd >= 0);
	assert_int_equal(netns_identify(fd, &found), 0);
	assert_true(netns_is_same(id, &found));
	close(fd);
}

static void
test_find(void **state)
{
	static char folder[] = "/tmp/vduse netns-XXXXXX";
	struct netns_id id, other;
	char path[64], from[64];
	int fd;

	(void)state;
	fd = begin_namespace();
	if (fd < 0 || unshare(CLONE_NEWNS) < 0 ||
			mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		end_namespace();
		print_message("no namespaces for this user here\n");
		skip();
	}
	assert_int_equal(netns_identify(fd, &id), 0);
	close(fd);
	/* by its process, whatever the path is of */
	assert_found(&id, "");
	assert_found(&id, "/proc/self/ns/net");
	/* where it is mounted, when that process is no more */
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ns", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(from, sizeof(from), "/proc/%d/ns/net", owner);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	end_namespace();
	assert_found(&id, path);
	assert_found(&id, "");
	/* another that has its number is not it */
	other = id;
	other.cookie++;
	assert_int_equal(netns_find(&other, path), -ESTALE);
	other = id;
	other.boot[0] ^= 1;
	assert_int_equal(netns_find(&other, path), -ESTALE);
	assert_int_equal(umount(path), 0);
	assert_int_equal(netns_find(&id, path), -ESTALE);
	unlink(path);
	rmdir(folder);
}

/* A call with a descriptor. Return: its answer, to be freed. */
static json_t *
call_with(const char *method, const char *parameters, int passed)
{
	const int fd = fake_dial();
	char text[512];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
			      "{\"method\":\"" CONTROL_INTERFACE ".%s\",\"parameters\":{%s}}",
			      method, parameters) +
	      1;
	assert_int_equal(send_fds(fd, text, len, &passed, 1), len);
	return fake_receive(fd);
}

/* Return: 1, 0: changed or not; -1: an error. */
static int
changes_with(const char *method, const char *parameters, int passed)
{
	json_t *answer = call_with(method, parameters, passed);
	const json_t *changed = json_object_get(json_object_get(answer, "parameters"), "changed");
	const int ret = json_is_boolean(changed) ? json_is_true(changed) : -1;

	json_decref(answer);
	return ret;
}

static bool
is_placed(void)
{
	const struct fake_device device = fake_device("c1");

	return device.attached && fake_poller_has() == 1 && device.placed.nb_addresses > 0;
}

static void
is_checked(bool gone)
{
	json_t *answer = fake_call("Check", "");
	char *text = json_dumps(answer, 0);

	assert_int_equal(strstr(text, "container c1: the network namespace, which came as a "
				      "descriptor, is not there any more") != NULL,
			gone);
	free(text);
	json_decref(answer);
}

static void
test_descriptor(void **state)
{
	const char *force = "\"name\":\"c1\",\"queue_size\":512,\"force\":true";
	int fd, other;

	(void)state;
	fd = begin_namespace();
	if (fd < 0) {
		end_namespace();
		print_message("no namespaces for this user here\n");
		skip();
	}
	other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fake_changed("AddNetwork", "\"name\":\"net0\""), 1);
	assert_int_equal(changes_with("AddContainer", C1 ",\"address\":[\"10.0.0.2/24\"]", fd), 1);
	assert_int_equal(changes_with("AddContainer", C1, fd), 0);
	assert_int_equal(changes_with("AddContainer", C1, other), -1);
	assert_int_equal(changes_with("SetContainer", "\"name\":\"c1\",\"netns_fd\":0", fd), 0);
	assert_int_equal(changes_with("SetContainer", "\"name\":\"c1\",\"netns_fd\":0", other), -1);
	close(fd);
	close(other);
	is_checked(false);
	/* by another broker, for another device */
	fake_broker_stop();
	fake_broker_start();
	assert_int_equal(fake_changed("SetContainer", force), 1);
	assert_true(fake_device("c1").placed.netns >= 0);
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c1\",\"address\":[\"10.0.0.3/24\"]"),
			1);
	fake_broker_stop();
	fake_poller_stop();
	fake_devices_gone();
	fake_poller_start();
	fake_broker_start();
	assert_true(fake_wait(is_placed));
	assert_true(fake_device("c1").placed.netns >= 0);
	/* when it is gone nothing of the container is put anywhere else */
	end_namespace();
	is_checked(true);
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c1\",\"queue_size\":256,\"force\":true"),
			-1);
	assert_true(is_placed());
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c1\",\"address\":[\"10.0.0.4/24\"]"),
			-1);
	assert_int_equal(fake_device("c1").placed.addresses[0].bytes[3], 3);
	assert_int_equal(
			fake_changed("SetContainer",
					"\"name\":\"c1\",\"netns\":\"/proc/self/ns/net\",\"force\":"
					"true"),
			1);
	is_checked(false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test_setup_teardown(test_descriptor, fake_setup, fake_teardown),
	};

	return FILTER_RUN("broker_netns", tests, NULL, NULL);
}
