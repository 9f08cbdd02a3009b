/* SPDX-License-Identifier: BSD-3-Clause */

/* Results of ADD, as they go to the runtime and come back from it. */

#include <string.h>

#include "cni.h"

#define VALID "cni.dev/valid-attachments"

static void
extend(json_t *result, const char *key, json_t *items)
{
	json_t *list = json_object_get(result, key);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(result, key, list);
	}
	json_array_extend(list, items);
}

/* The IPAM plug-in's, else the configuration's. */
static void
add_dns(struct cni *cni, const json_t *ipam, json_t *result)
{
	json_t *dns = json_object_get(cni->conf, "dns");

	if (json_object_size(json_object_get(ipam, "dns")) > 0)
		json_object_set(result, "dns", json_object_get(ipam, "dns"));
	else if (json_object_get(result, "dns") == NULL)
		json_object_set_new(result, "dns", dns != NULL ? json_incref(dns) : json_object());
}

json_t *
result_add(struct cni *cni, const json_t *ipam, json_t *mac, json_t *mtu)
{
	json_t *result = json_deep_copy(json_object_get(cni->conf, "prevResult")), *interfaces, *ip;
	json_t *ips = json_deep_copy(json_object_get(ipam, "ips"));
	json_int_t mine;
	size_t i;

	if (result == NULL)
		result = json_object();
	mine = (json_int_t)json_array_size(json_object_get(result, "interfaces"));
	interfaces = json_pack(
			"[{ss sO* ss}]", "name", cni->ifname, "mac", mac, "sandbox", cni->netns);
	if (cni_is_since(cni, "1.1.0") && mtu != NULL)
		json_object_set(json_array_get(interfaces, 0), "mtu", mtu);
	json_array_foreach(ips, i, ip) json_object_set_new(ip, "interface", json_integer(mine));
	json_object_set_new(result, "cniVersion", json_string(cni->version));
	extend(result, "interfaces", interfaces);
	if (ips != NULL)
		extend(result, "ips", ips);
	if (json_object_get(ipam, "routes") != NULL)
		extend(result, "routes", json_object_get(ipam, "routes"));
	add_dns(cni, ipam, result);
	json_decref(interfaces);
	json_decref(ips);
	return result;
}

json_int_t
result_find(struct cni *cni)
{
	const json_t *result = json_object_get(cni->conf, "prevResult");
	const char *name, *sandbox;
	const json_t *item;
	size_t i;

	if (!json_is_object(result))
		return cni_fail(cni, CNI_CONFIG, "there is no prevResult",
				"CHECK needs ADD's result");
	json_array_foreach(json_object_get(result, "interfaces"), i, item)
	{
		name = json_string_value(json_object_get(item, "name"));
		sandbox = json_string_value(json_object_get(item, "sandbox"));
		if (name != NULL && sandbox != NULL && strcmp(name, cni->ifname) == 0 &&
				strcmp(sandbox, cni->netns) == 0)
			return (json_int_t)i;
	}
	return cni_fail(cni, CNI_CONFIG, "prevResult does not have the interface",
			"%s in %s: give ADD's result as it was", cni->ifname, cni->netns);
}

int
result_check(struct cni *cni, json_int_t at)
{
	const json_t *result = json_object_get(cni->conf, "prevResult");
	const char *mac = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "interfaces"), (size_t)at), "mac"));

	if (look(cni, mac, json_object_get(result, "ips"), at, json_object_get(result, "routes")) <
			0)
		return -1;
	return ipam_is_wanted(cni) ? ipam_call(cni, "CHECK", NULL) : 0;
}

int
result_has_valid(struct cni *cni)
{
	if (json_is_array(json_object_get(cni->conf, VALID)))
		return 0;
	return cni_fail(cni, CNI_CONFIG, "GC needs " VALID,
			"give a list of {\"containerID\": ID, \"ifname\": NAME}");
}

bool
result_is_valid(struct cni *cni, const char *attachment)
{
	const json_t *valid = json_object_get(cni->conf, VALID);
	const char *container, *ifname;
	const json_t *item;
	size_t i, len;

	json_array_foreach(valid, i, item)
	{
		container = json_string_value(json_object_get(item, "containerID"));
		ifname = json_string_value(json_object_get(item, "ifname"));
		len = ifname != NULL ? strlen(ifname) : 0;
		if (container != NULL && len > 0 && strncmp(attachment, ifname, len) == 0 &&
				attachment[len] == ':' &&
				strcmp(attachment + len + 1, container) == 0)
			return true;
	}
	return false;
}
