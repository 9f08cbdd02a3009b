/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A control socket with the mock backend behind it, as a process: control_server PATH [CONFIG].
 * Says "ready" when it can be called. For tools that are called from outside.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "control_mock.h"

int
main(int argc, char *argv[])
{
	static struct mock mock;
	struct varlink_server *server;
	struct pollfd pfd = { .events = POLLIN };
	int ret;

	if (argc < 2)
		return 2;
	mock_open(&mock, VARLINK_NO_GROUP);
	server = control_server(mock.control);
	mock.config = argc > 2 ? argv[2] : "/dev/null";
	ret = varlink_server_listen(server, argv[1]);
	if (ret != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-ret));
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	pfd.fd = varlink_server_fd(server);
	while (poll(&pfd, 1, -1) > 0)
		varlink_server_run(server);
	mock_close(&mock);
	return 0;
}
