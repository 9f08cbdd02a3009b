/* SPDX-License-Identifier: BSD-3-Clause */

/* org.varlink.service: what each service has to tell of itself (varlink.org, "Service"). */

#include <string.h>

#include "server_priv.h"

static void
get_info(struct varlink_call *call)
{
	const struct varlink_server_conf *conf = &call->client->server->conf;
	json_t *names = json_array();
	unsigned int i;

	json_array_append_new(names, json_string(SERVICE));
	for (i = 0; i < conf->nb_interfaces; i++)
		json_array_append_new(names, json_string(conf->interfaces[i]->name));
	varlink_reply(call, json_pack("{ss ss ss ss so}", "vendor", conf->vendor, "product",
					    conf->product, "version", conf->version, "url",
					    conf->url, "interfaces", names));
}

static void
get_interface_description(struct varlink_call *call)
{
	const json_t *name = json_object_get(call->parameters, "interface");
	const struct varlink_interface *interface;

	interface = varlink_interface_find(
			call->client->server, json_string_value(name), json_string_length(name));
	if (interface == NULL)
		varlink_error(call, SERVICE ".InterfaceNotFound",
				json_pack("{ss}", "interface", json_string_value(name)));
	else
		varlink_reply(call, json_pack("{ss}", "description", interface->description));
}

static const struct varlink_param interface_row[] = {
	{ "interface", VARLINK_STRING, .max = 255, .value = "NAME", .help = "which" },
};

static const struct varlink_params description_params = { interface_row, 1 };

static const struct varlink_method methods[] = {
	{ "GetInfo", .looks = true, .handle = get_info, .help = "the service, and its interfaces" },
	{ "GetInterfaceDescription", .params = &description_params, .required = 1, .looks = true,
			.handle = get_interface_description, .help = "of one, in Varlink's words" },
};

const struct varlink_interface varlink_service = {
	.name = SERVICE,
	.description = varlink_service_description,
	.methods = methods,
	.nb_methods = sizeof(methods) / sizeof(methods[0]),
};
