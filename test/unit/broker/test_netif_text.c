/* SPDX-License-Identifier: BSD-3-Clause */

/* Network namespaces, addresses and routes as people write them. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/netif.h"
#include "filter.h"

/* A namespace's file is opened, and no other, whatever opening it would do. */
static void
test_open_netns(void **state)
{
	static char fifo[] = "/tmp/vduse-fifo-XXXXXX";
	int fd;

	(void)state;
	fd = netif_open_netns("/proc/self/ns/net");
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(netif_open_netns("/dev/null"), -EINVAL);
	assert_int_equal(netif_open_netns("/proc/self/ns/none"), -ENOENT);
	fd = mkstemp(fifo);
	assert_true(fd >= 0);
	close(fd);
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(netif_open_netns(fifo), -EINVAL); /* and does not wait for a writer */
	unlink(fifo);
}

static void
test_parse(void **state)
{
	static const char *const bad[] = { "", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1",
		"10.0.0.1/ 8", "fd00::1/129", "fd00::1/64x", "x", "10.0.0.1/24/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999/64" };
	static const char *const bad_routes[] = { "", "via 10.0.0.1", "10.1.0.0/16 via",
		"10.1.0.0/16 by 10.0.0.1", "10.1.0.0/16 via fd00::1", "default via 10.0.0.1/24",
		"default via 10.0.0.1 dev", "default via x", "default via 10.0.0.1 metric",
		"default via 10.0.0.1 metre 5", "default via 10.0.0.1 metric x",
		"default via 10.0.0.1 metric 5 6" };
	struct netif_address address;
	struct netif_route route;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(netif_parse_address(bad[i], &address), -EINVAL);
	for (i = 0; i < sizeof(bad_routes) / sizeof(bad_routes[0]); i++)
		assert_int_equal(netif_parse_route(bad_routes[i], &route), -EINVAL);
	assert_int_equal(netif_parse_address("10.0.0.1", &address), 0);
	assert_int_equal(address.prefix, 32);
	assert_int_equal(netif_parse_address("fd00::1/64", &address), 0);
	assert_int_equal(address.family, AF_INET6);
	assert_int_equal(address.prefix, 64);
	assert_int_equal(netif_parse_route("default via fd00::1", &route), 0);
	assert_int_equal(route.to.family, AF_INET6);
	assert_int_equal(route.to.prefix, 0);
	assert_int_equal(route.metric, 0);
	assert_int_equal(netif_parse_route("10.1.0.0/16 via 10.0.0.1 metric 100", &route), 0);
	assert_int_equal(route.metric, 100);
	assert_int_equal(netif_parse_route("10.1.0.0/16", &route), 0);
	assert_int_equal(route.via.family, AF_UNSPEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_netns),
		cmocka_unit_test(test_parse),
	};

	return FILTER_RUN("broker_netif_text", tests, NULL, NULL);
}
