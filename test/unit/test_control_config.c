/* SPDX-License-Identifier: BSD-3-Clause */

/* Files of commands: what is read, what is refused, what is written, and what makes one of another.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_config.h"
#include "filter.h"

static void
bad(const char *text, const char *want)
{
	struct control_config config;
	char error[CONTROL_ERROR_MAX];

	assert_int_equal(control_config_parse(text, "f.conf", &config, error), -EINVAL);
	assert_string_equal(error, want);
	assert_int_equal(config.nb_networks + config.nb_containers, 0);
	assert_null(config.networks);
}

static struct control_config
parse(const char *text)
{
	struct control_config config;
	char error[CONTROL_ERROR_MAX];

	if (control_config_parse(text, "f.conf", &config, error) != 0)
		fail_msg("%s", error);
	return config;
}

static void
test_good(void **state)
{
	struct control_config config;

	(void)state;
	config = parse("");
	control_config_clear(&config);
	config = parse("\n  # nothing\n\t\n#\n");
	assert_int_equal(config.nb_networks, 0);
	control_config_clear(&config);
	config = parse("network add 'net0' uplinks \"a\",b # two\r\n"
		       "container add c1 network net0 netns \"/run/a \\\"b\\\\\" trust on");
	assert_int_equal(config.nb_networks, 1);
	assert_int_equal(config.networks[0].uplinks.nb, 2);
	assert_string_equal(config.networks[0].uplinks.items[1], "b");
	control_config_clear(&config);
}

static void
test_bad(void **state)
{
	char line[CONTROL_LINE_MAX + 64];

	(void)state;
	bad("network", "f.conf:1: network: give add, set, del or show");
	bad("\n\nnetwork add net0 mtu 5", "f.conf:3: mtu 5: out of range: give 68 to 65535");
	bad("network add net0\nnetwork add net0", "f.conf:2: net0: a network of this name is "
						  "there: leave one out");
	bad("network add net0\ncontainer add c1 network net1",
			"f.conf:2: net1: no network above has this name: add it");
	bad("network add net0\ncontainer add c1 network net0\ncontainer add c1 network net0",
			"f.conf:3: c1: a container of this name is there: leave one out");
	bad("network add net0\ncontainer add c1 network net0 vlan 1 trunk 2",
			"f.conf:2: c1: trunk together with vlan: tags pass as they are, or one is "
			"put on: leave one out");
	bad("network del net0", "f.conf:1: network: a file has network add and container add "
				"only");
	bad("monitor", "f.conf:1: monitor: a file has network add and container add only");
	bad("network add \"net0", "f.conf:1: net0: a quote is not closed");
	bad("network add \xff", "f.conf:1: name: no UTF-8: give NAME");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	bad(line, "f.conf:1: longer than 8190 bytes");
	memset(line, ' ', 300);
	for (unsigned int i = 0; i < 300; i += 2)
		line[i] = 'x';
	line[300] = '\0';
	bad(line, "f.conf:1: more than 80 words");
}

/* What is written is read as the same. */
static void
test_text(void **state)
{
	static const char text[] =
			"network add net0 uplinks 0000:01:00.0,net_ring0 mtu 9000\n"
			"network add net1\n"
			"container add c1 network net0 mac 02:00:00:00:00:01 vlan 100 qos 3 "
			"spoofchk off ip 10.0.0.1,fd00::/64 trust on max-macs 2 max-tx-rate 1 "
			"max-rx-rate 2 burst 3 bum-rate 4 isolated on link up mirror c2 gro off "
			"queues 2 "
			"queue-size 256 profile xdp netns /run/netns/c1 ifname eth0 address "
			"10.0.0.1/24 route \"default via 10.0.0.254,10.1.0.0/16 via 10.0.0.2\"\n"
			"container add c2 network net0 trunk 10,20-29 attach vhost\n"
			"container add c3 network net1 netns \"/run/a \\\"b\\\\ 'c\"\n"
			"container add c4 network net1 netns /run/#x\n";
	struct control_config config = parse(text);
	char *written = control_config_text(&config);

	(void)state;
	assert_string_equal(written, text);
	free(written);
	control_config_clear(&config);
}

static void
test_file(void **state)
{
	char path[] = "/tmp/config.XXXXXX", error[CONTROL_ERROR_MAX], want[128];
	const int fd = mkstemp(path);
	struct control_config config;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(control_config_read(path, &config, error), 0);
	assert_int_equal(write(fd, "network add net0\nnetwork add\n", 29), 29);
	assert_int_equal(control_config_read(path, &config, error), -EINVAL);
	snprintf(want, sizeof(want), "%s:2: network add: no name follows: give one", path);
	assert_string_equal(error, want);
	assert_int_equal(ftruncate(fd, 17), 0);
	assert_int_equal(control_config_read(path, &config, error), 0);
	assert_int_equal(config.nb_networks, 1);
	control_config_clear(&config);
	assert_int_equal(pwrite(fd, "\0", 1, 17), 1);
	assert_int_equal(control_config_read(path, &config, error), -EILSEQ);
	close(fd);
	unlink(path);
	assert_int_equal(control_config_read(path, &config, error), -ENOENT);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	assert_string_equal(error, want);
	/* what has no end, or makes one wait */
	assert_int_equal(control_config_read("/dev/zero", &config, error), -EINVAL);
	assert_int_equal(control_config_read("/tmp", &config, error), -EISDIR);
	assert_string_equal(error, "/tmp: Is a directory: give a file of commands, a line each");
}

/* Whole, or as it was before. */
static void
test_write(void **state)
{
	char folder[] = "/tmp/config.XXXXXX", path[64], fresh[64], error[CONTROL_ERROR_MAX];
	struct control_config config = parse("network add net0\n"), read;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/state", folder);
	snprintf(fresh, sizeof(fresh), "%s/state.new", folder);
	assert_int_equal(control_config_write(path, &config), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(fresh, F_OK), -1);
	/* what another left half done does not matter; where it cannot be written the old stays */
	assert_int_equal(mkdir(fresh, 0700), 0);
	config.networks[0].mtu = 9000;
	assert_int_equal(control_config_write(path, &config), -EISDIR);
	assert_int_equal(rmdir(fresh), 0);
	assert_int_equal(symlink("/dev/full", fresh), 0);
	assert_int_equal(control_config_write(path, &config), -ELOOP);
	assert_int_equal(unlink(fresh), 0);
	assert_int_equal(control_config_read(path, &read, error), 0);
	assert_int_equal(read.networks[0].mtu, 0);
	control_config_clear(&read);
	assert_int_equal(control_config_write(path, &config), 0);
	assert_int_equal(control_config_read(path, &read, error), 0);
	assert_int_equal(read.networks[0].mtu, 9000);
	control_config_clear(&read);
	/* the place is taken by what cannot be replaced */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(control_config_write(path, &config), -EISDIR);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
	control_config_clear(&config);
}

/* A place in the file, of what is there. */
static void
test_line(void **state)
{
	struct control_config config = parse("\nnetwork add net0\n# c1\n\ncontainer add c1 network "
					     "net0\nnetwork add net1\n");
	const struct control_network other = { .name = "net9" };
	const struct control_step steps[] = { { .network = &config.networks[0] },
		{ .container = &config.containers[0] }, { .network = &config.networks[1] },
		{ .network = &other } };

	(void)state;
	assert_int_equal(control_config_line(&config, &steps[0]), 2);
	assert_int_equal(control_config_line(&config, &steps[1]), 5);
	assert_int_equal(control_config_line(&config, &steps[2]), 6);
	assert_int_equal(control_config_line(&config, &steps[3]), 0);
	control_config_clear(&config);
}

/* Steps in words: "-c1 +n:net0 =c2(vlan,trust)". */
static void
steps_text(const struct control_step *steps, int nb, char *buf, size_t len)
{
	const struct varlink_params *words;
	const char *between;
	unsigned int w;
	size_t n = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; i < nb; i++) {
		n += snprintf(buf + n, len - n, "%s%c%s%s", i > 0 ? " " : "", "-+="[steps[i].verb],
				steps[i].network != NULL ? "n:" : "",
				steps[i].network != NULL ? steps[i].network->name
							 : steps[i].container->name);
		words = steps[i].network != NULL ? &control_network_words
						 : &control_container_words;
		between = "(";
		for (w = 0; w < words->nb; w++)
			if ((steps[i].which >> w & 1) != 0) {
				n += snprintf(buf + n, len - n, "%s%s", between,
						words->rows[w].name);
				between = ",";
			}
		if (steps[i].which != 0)
			n += snprintf(buf + n, len - n, ")");
	}
}

static void
differ(const char *before, const char *now, const char *wanted, const char *want)
{
	struct control_config was = parse(before), is = parse(now), will = parse(wanted);
	struct control_step *steps;
	char text[512];
	int nb;

	nb = control_config_diff(&was, &is, &will, &steps);
	assert_true(nb >= 0);
	steps_text(steps, nb, text, sizeof(text));
	assert_string_equal(text, want);
	free(steps);
	control_config_clear(&was);
	control_config_clear(&is);
	control_config_clear(&will);
}

#define NET0  "network add net0\n"
#define NET1  "network add net1 uplinks a mtu 9000\n"
#define C1    "container add c1 network net0"
#define C2    "container add c2 network net0\n"
#define C2_ON "container add c2 network net1\n"

static void
test_diff(void **state)
{
	struct control_config none = { 0 }, some = parse(NET0 C1);
	struct control_step *steps;

	(void)state;
	differ("", "", "", "");
	differ("", "", NET0 C1 "\n" C2, "+n:net0 +c1 +c2");
	differ(NET0 C1, NET0 C1, NET0 C1, "");
	/* its address was chosen, and is no difference; one that is asked for is */
	differ(NET0 C1, NET0 C1 " mac 02:00:00:00:00:01", NET0 C1, "");
	differ(NET0 C1, NET0 C1 " mac 02:00:00:00:00:01", NET0 C1 " mac 02:00:00:00:00:02",
			"=c1(mac)");
	differ(NET0 C1, NET0 C1 " vlan 5 trust on", NET0 C1 " vlan 6", "=c1(vlan,trust)");
	differ("", NET0, "network add net0 mtu 9000 uplinks a", "=n:net0(uplinks,mtu)");
	/* only what was wanted before goes */
	differ("", NET0 C1 "\n" C2, NET0 C1, "");
	differ(NET0 C1 "\n" C2, NET0 C1 "\n" C2, NET0 C1, "-c2");
	differ(NET0 C1, "", "", "");
	/* containers before their network, and after it */
	differ(NET0 C2, NET0 C2, NET1 C2_ON, "+n:net1 =c2(network) -n:net0");
	differ(NET0 C2, NET0 C2, "", "-c2 -n:net0");
	/* nobody knows what was wanted before */
	assert_int_equal(control_config_diff(NULL, &some, &none, &steps), 0);
	free(steps);
	control_config_clear(&some);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_line),
	};

	return FILTER_RUN("control_config", tests, NULL, NULL);
}
