/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server_priv.h"

void *
varlink_call_ctx(const struct varlink_call *call)
{
	return call->client->server->conf.ctx;
}

const struct varlink_method *
varlink_call_method(const struct varlink_call *call)
{
	return call->method;
}

json_t *
varlink_call_parameters(const struct varlink_call *call)
{
	return call->parameters;
}

int
varlink_call_take_fd(struct varlink_call *call, const char *parameter)
{
	const json_t *index = json_object_get(call->parameters, parameter);

	return index == NULL ? -1 : varlink_message_take(&call->msg, json_integer_value(index));
}

void
varlink_call_set_user(struct varlink_call *call, void *user)
{
	call->user = user;
}

void *
varlink_call_user(const struct varlink_call *call)
{
	return call->user;
}

void
varlink_call_on_gone(struct varlink_call *call, void (*gone)(struct varlink_call *call))
{
	call->gone = gone;
}

json_t *
varlink_text(const char *text)
{
	json_t *string = json_string(text);
	char *copy, *c;

	if (string != NULL)
		return string;
	copy = strdup(text);
	for (c = copy; c != NULL && *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	string = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return string;
}

static void
call_free(struct varlink_call *call)
{
	varlink_message_clear(&call->msg);
	free(call);
}

/* An answer of the client's; error: or NULL. Takes the parameters. Return: 0, or it is cut off. */
static int
answer(struct varlink_client *client, const char *error, json_t *parameters, bool continues)
{
	const size_t pending = varlink_conn_pending(&client->conn);
	json_t *json = json_object();
	int ret;

	if (parameters == NULL)
		parameters = json_object();
	ret = error != NULL ? json_object_set_new(json, "error", json_string(error)) : 0;
	ret |= json_object_set_new(json, "parameters", parameters);
	if (continues)
		ret |= json_object_set_new(json, "continues", json_true());
	if (ret != 0 || varlink_conn_send(&client->conn, json, NULL, 0) != 0)
		varlink_client_kill(client);
	json_decref(json);
	varlink_client_answered(client, pending);
	return client->dead ? -EPIPE : 0;
}

/* The last answer to a call. */
static void
finish(struct varlink_call *call, const char *error, json_t *parameters)
{
	struct varlink_client *client = call->client;
	const bool oneway = call->oneway;

	client->call = NULL;
	client->due = UINT64_MAX;
	client->server->stats.errors += error != NULL;
	call_free(call);
	if (!oneway) {
		answer(client, error, parameters, false);
		return;
	}
	json_decref(parameters);
	varlink_client_answered(client, 0);
}

void
varlink_reply(struct varlink_call *call, json_t *parameters)
{
	finish(call, NULL, parameters);
}

void
varlink_error(struct varlink_call *call, const char *id, json_t *parameters)
{
	finish(call, id, parameters);
}

int
varlink_reply_continues(struct varlink_call *call, json_t *parameters)
{
	struct varlink_client *client = call->client;

	if (varlink_conn_pending(&client->conn) > client->server->conf.max_output) {
		client->server->stats.slow++;
		json_decref(parameters);
		varlink_client_kill(client);
		return -EPIPE;
	}
	return answer(client, NULL, parameters, true);
}

void
varlink_error_parameter(struct varlink_call *call, const struct varlink_wrong *wrong)
{
	varlink_error(call, SERVICE ".InvalidParameter",
			json_pack("{so so}", "parameter", varlink_text(wrong->parameter), "text",
					varlink_text(wrong->text)));
}

void
varlink_error_not_implemented(struct varlink_call *call)
{
	const json_t *name = json_object_get(call->msg.json, "method");

	varlink_error(call, SERVICE ".MethodNotImplemented",
			json_pack("{ss}", "method", json_string_value(name)));
}

void
varlink_call_drop(struct varlink_client *client)
{
	struct varlink_call *call = client->call;

	if (call == NULL)
		return;
	client->call = NULL;
	if (call->gone != NULL)
		call->gone(call);
	call_free(call);
}

void
varlink_call_timeout(struct varlink_call *call)
{
	char text[96];

	if (call->gone != NULL)
		call->gone(call);
	snprintf(text, sizeof(text), "not done within %u ms, and given up", call->method->deadline);
	varlink_error(call, call->client->server->conf.error_timeout,
			json_pack("{ss}", "text", text));
}

void
varlink_malformed(struct varlink_client *client, const char *text)
{
	client->server->stats.malformed++;
	client->closing = true;
	answer(client, client->server->conf.error_malformed,
			json_pack("{so}", "text", varlink_text(text)), false);
}

/* Fields of a call beside method and parameters; an extension's name has a dot. */
static bool
is_flag(const char *name)
{
	return strcmp(name, "oneway") == 0 || strcmp(name, "more") == 0 ||
	       strcmp(name, "upgrade") == 0;
}

/* What a message has to be (varlink.org, "Method Call"). Return: NULL, or what is wrong. */
static const char *
check_call(json_t *json)
{
	const json_t *parameters = json_object_get(json, "parameters");
	const char *name;
	json_t *value;

	if (!json_is_string(json_object_get(json, "method")))
		return "a call without a method";
	if (parameters != NULL && !json_is_object(parameters) && !json_is_null(parameters))
		return "parameters that are no object";
	json_object_foreach(json, name, value)
	{
		if (is_flag(name) && !json_is_boolean(value))
			return "oneway, more or upgrade that is no boolean";
		if (!is_flag(name) && strcmp(name, "method") != 0 &&
				strcmp(name, "parameters") != 0 && strchr(name, '.') == NULL)
			return "a field that calls do not have";
	}
	return json_is_true(json_object_get(json, "more")) &&
					       json_is_true(json_object_get(json, "oneway"))
			       ? "more, of a call that wants no answer"
			       : NULL;
}

const struct varlink_interface *
varlink_interface_find(const struct varlink_server *server, const char *name, size_t len)
{
	const struct varlink_interface *interface;
	unsigned int i;

	if (strlen(SERVICE) == len && memcmp(name, SERVICE, len) == 0)
		return &varlink_service;
	for (i = 0; i < server->conf.nb_interfaces; i++) {
		interface = server->conf.interfaces[i];
		if (strlen(interface->name) == len && memcmp(name, interface->name, len) == 0)
			return interface;
	}
	return NULL;
}

static const struct varlink_method *
find_method(const struct varlink_interface *interface, const char *name)
{
	unsigned int i;

	for (i = 0; i < interface->nb_methods; i++)
		if (strcmp(interface->methods[i].name, name) == 0)
			return &interface->methods[i];
	return NULL;
}

/* Return: false, and the call is answered: there is no such method. */
static bool
find(struct varlink_call *call, const char *name)
{
	const struct varlink_interface *interface;
	const char *dot = strrchr(name, '.');
	const size_t len = dot != NULL ? (size_t)(dot - name) : strlen(name);

	interface = varlink_interface_find(call->client->server, name, len);
	if (interface == NULL) {
		varlink_error(call, SERVICE ".InterfaceNotFound",
				json_pack("{so}", "interface", json_stringn(name, len)));
		return false;
	}
	call->method = find_method(interface, dot != NULL ? dot + 1 : "");
	if (call->method != NULL)
		return true;
	varlink_error(call, SERVICE ".MethodNotFound", json_pack("{ss}", "method", name));
	return false;
}

/* By the tables, before the method sees it. */
static void
start(struct varlink_call *call)
{
	struct varlink_client *client = call->client;
	struct varlink_wrong wrong;

	if (client->listener->observers && !call->method->looks) {
		varlink_error(call, SERVICE ".PermissionDenied", NULL);
		return;
	}
	if (json_is_true(json_object_get(call->msg.json, "upgrade"))) {
		varlink_error_not_implemented(call);
		return;
	}
	if (call->method->stream && !json_is_true(json_object_get(call->msg.json, "more"))) {
		varlink_error(call, SERVICE ".ExpectedMore", NULL);
		return;
	}
	if (varlink_method_check(call->method, call->parameters, call->msg.nb_fds, &wrong) != 0) {
		varlink_error_parameter(call, &wrong);
		return;
	}
	if (call->method->deadline != 0) {
		client->due = varlink_now(client->server) + call->method->deadline;
		varlink_timer(client->server, client->due);
	}
	call->method->handle(call);
}

/* Return: a call of this message, or NULL: there is no memory. */
static struct varlink_call *
call_new(struct varlink_client *client, const struct varlink_message *msg)
{
	struct varlink_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->client = client;
	call->msg = *msg;
	call->oneway = json_is_true(json_object_get(msg->json, "oneway"));
	if (!json_is_object(json_object_get(msg->json, "parameters")))
		json_object_set_new(msg->json, "parameters", json_object());
	call->parameters = json_object_get(msg->json, "parameters");
	if (call->parameters != NULL)
		return call;
	free(call);
	return NULL;
}

void
varlink_dispatch(struct varlink_client *client, struct varlink_message *msg)
{
	const char *text = check_call(msg->json);
	struct varlink_call *call = text == NULL ? call_new(client, msg) : NULL;

	if (call == NULL) {
		varlink_message_clear(msg);
		varlink_malformed(client, text != NULL ? text : "no memory");
		return;
	}
	client->call = call;
	client->due = UINT64_MAX;
	client->server->stats.calls++;
	if (!client->allowed) {
		client->closing = true;
		varlink_error(call, SERVICE ".PermissionDenied", NULL);
	} else if (find(call, json_string_value(json_object_get(msg->json, "method")))) {
		start(call);
	}
}
