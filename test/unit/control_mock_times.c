/* SPDX-License-Identifier: BSD-3-Clause */

/* What the played networks cost, and take. */

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "control_mock.h"

/* Of calls a second apart: an lcore that is half busy, by one who sends and one who does not take.
 */
int
mock_load(struct control_request *request)
{
	const int n = (int)++((struct mock *)request->ctx)->loads;
	char text[1024];

	snprintf(text, sizeof(text),
			"{\"lcores\":[{\"lcore\":3,\"busy\":%d,\"now\":%d,\"hz\":1000}],"
			"\"members\":["
			"{\"name\":\"up0\",\"uplink\":true,\"cycles\":%d,\"rx_packets\":%d,\"rx_"
			"bytes\":%d},"
			"{\"name\":\"c1\",\"lcore\":3,\"cycles\":%d,\"drops\":%d,\"full\":%d,"
			"\"room\":0,"
			"\"room_size\":256,\"waits\":64,\"waits_size\":256},{\"name\":\"c2\","
			"\"lcore\":3}]}",
			n * 500, n * 1000, n * 100, n * 1500, n * 1250000, n * 400, n * 7, n * 7);
	json_object_update_new(request->reply, json_loads(text, 0, NULL));
	return 0;
}

/* Of each call: one more of a microsecond at most, two more of three. */
int
mock_latency(struct control_request *request)
{
	const int n = (int)++((struct mock *)request->ctx)->latencies;
	char text[512];

	if (strcmp(request->conf.container.name, "gone") == 0 && n > 2)
		return control_fail(request, CONTROL_INTERFACE ".NoSuchContainer", "name",
				"no container gone");
	snprintf(text, sizeof(text),
			"[{\"what\":\"in\",\"count\":%d,\"sum\":%d,\"longest\":2900,\"times\":["
			"{\"up_to\":1023,\"count\":%d},{\"up_to\":3071,\"count\":%d}]},"
			"{\"what\":\"out\",\"count\":0,\"sum\":0,\"longest\":0,\"times\":[]},"
			"{\"what\":\"kick\",\"count\":7,\"sum\":7,\"longest\":1,\"times\":["
			"{\"up_to\":1,\"count\":7}]}]",
			3 * n, 6800 * n, n, 2 * n);
	json_decref(request->reply);
	request->reply = json_loads(text, 0, NULL);
	return 0;
}
