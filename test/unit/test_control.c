/* SPDX-License-Identifier: BSD-3-Clause */

/* The methods of org.dpdk.vduse: their tables, their parameters, each error, each answer. */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "filter.h"
#include "server_priv.h"

static struct rig rig;
static int client;

static int
setup(void **state)
{
	(void)state;
	rig_open(&rig, VARLINK_NO_GROUP);
	client = rig_connect(&rig);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(client);
	rig_close(&rig);
	return 0;
}

/* Parameters and answers are written with ' for ". */
static void
quote(char *to, const char *from)
{
	for (; *from != '\0'; from++)
		*to++ = *from == '\'' ? '"' : *from;
	*to = '\0';
}

static void
expect(const char *method, const char *parameters, const char *answer)
{
	char call[4096], quoted[2048], want[4096];

	quote(quoted, parameters);
	quote(want, answer);
	snprintf(call, sizeof(call), "{\"method\":\"org.dpdk.vduse.%s\",\"parameters\":{%s}}",
			method, quoted);
	rig_expect(&rig, client, call, want);
}

/* Refused by the table, before the backend hears of it. */
static void
invalid(const char *method, const char *parameters, const char *parameter, const char *text)
{
	char answer[1024];

	snprintf(answer, sizeof(answer),
			"{'error':'org.varlink.service.InvalidParameter','parameters':{"
			"'parameter':'%s','text':'%s'}}",
			parameter, text);
	expect(method, parameters, answer);
}

static void
error(const char *method, const char *parameters, const char *id, const char *fields)
{
	char answer[1024];

	snprintf(answer, sizeof(answer), "{'error':'org.dpdk.vduse.%s','parameters':{%s}}", id,
			fields);
	expect(method, parameters, answer);
}

#define DONE   "{'parameters':{'changed':true}}"
#define WAS_SO "{'parameters':{'changed':false}}"

/* Without comments, and with one space where there were some. */
static char *
plain(const char *description)
{
	char *text = malloc(strlen(description) + 1), *to = text;

	assert_non_null(text);
	while (*description != '\0') {
		if (*description == '#') {
			description += strcspn(description, "\n");
		} else if (!isspace((unsigned char)*description)) {
			*to++ = *description++;
		} else {
			description++;
			if (to > text && to[-1] != ' ')
				*to++ = ' ';
		}
	}
	*to = '\0';
	return text;
}

static void
type_text(const struct varlink_param *param, char *buf, size_t len)
{
	static const char *const names[] = { "bool", "int", "string", "[]string", NULL, "int" };
	const char *words = param->words;
	size_t n;

	if (param->type != VARLINK_WORD) {
		snprintf(buf, len, "%s", names[param->type]);
		return;
	}
	n = snprintf(buf, len, "(");
	for (; *words != '\0'; words++)
		n += snprintf(buf + n, len - n, *words == '|' ? ", " : "%c", *words);
	snprintf(buf + n, len - n, ")");
}

static size_t
rows_text(const struct varlink_params *params, unsigned int required, char *buf, size_t len)
{
	char type[256];
	unsigned int i;
	size_t n = 0;

	for (i = 0; params != NULL && i < params->nb; i++) {
		type_text(&params->rows[i], type, sizeof(type));
		n += snprintf(buf + n, len - n, "%s: %s%s, ", params->rows[i].name,
				i < required ? "" : "?", type);
		assert_non_null(params->rows[i].help);
		assert_true(params->rows[i].type == VARLINK_BOOL || params->rows[i].value != NULL);
	}
	return n;
}

/* The parameters of a method as the tables have them, in the words of the description. */
static void
method_text(const struct varlink_method *method, char *buf, size_t len)
{
	size_t n = snprintf(buf, len, "method %s(", method->name);

	n += rows_text(method->params, method->required, buf + n, len - n);
	n += rows_text(method->others, 0, buf + n, len - n);
	if (buf[n - 1] == ' ')
		n -= 2;
	snprintf(buf + n, len - n, ") -> (");
	assert_non_null(method->help);
}

static void
compare(const struct varlink_interface *interface)
{
	char *text = plain(interface->description), *at, want[4096];
	unsigned int i, n = 0;

	for (i = 0; i < interface->nb_methods; i++) {
		method_text(&interface->methods[i], want, sizeof(want));
		/* spaces within parentheses do not matter */
		for (at = strstr(text, "( "); at != NULL; at = strstr(text, "( "))
			memmove(at + 1, at + 2, strlen(at + 1));
		for (at = strstr(text, " )"); at != NULL; at = strstr(text, " )"))
			memmove(at, at + 1, strlen(at));
		if (strstr(text, want) == NULL)
			fail_msg("the description has no %s", want);
	}
	for (at = strstr(text, "method "); at != NULL; at = strstr(at + 1, "method "))
		n++;
	assert_int_equal(n, interface->nb_methods);
	free(text);
}

static void
test_description(void **state)
{
	(void)state;
	compare(&control_interface);
	compare(&varlink_service);
}

static void
test_parameters(void **state)
{
	(void)state;
	invalid("AddNetwork", "", "name", "name: AddNetwork() needs it");
	invalid("AddNetwork", "'name':null", "name", "name: AddNetwork() needs it");
	invalid("AddNetwork", "'name':'n','colour':1", "colour",
			"colour: AddNetwork() has no such parameter");
	invalid("AddNetwork", "'name':7", "name", "name: no string: give one");
	invalid("AddNetwork", "'name':''", "name", "name: 0 bytes long: give 1 to 15");
	invalid("AddNetwork", "'name':'abcdefghijklmnop'", "name",
			"name: 16 bytes long: give 1 to 15");
	invalid("AddNetwork", "'name':'-n'", "name",
			"name -n: give letters, digits, and _ . - not in front");
	invalid("AddNetwork", "'name':'n','mtu':67", "mtu",
			"mtu 67: out of range: give 68 to 65535");
	invalid("AddNetwork", "'name':'n','mtu':65536", "mtu",
			"mtu 65536: out of range: give 68 to 65535");
	invalid("AddNetwork", "'name':'n','mtu':1500.0", "mtu",
			"mtu: no whole number: give 68 to 65535");
	invalid("AddNetwork", "'name':'n','uplinks':'a'", "uplinks",
			"uplinks: no list: give a list of strings");
	invalid("AddNetwork", "'name':'n','uplinks':['a',1]", "uplinks",
			"uplinks: item 2 is no string of 1 to 63 bytes: give one");
	invalid("AddNetwork", "'name':'n','uplinks':['a,b']", "uplinks",
			"uplinks a,b: give the name of an ethdev port or a PCI address");
	invalid("AddNetwork", "'name':'n','uplinks':['1','2','3','4','5','6','7','8','9']",
			"uplinks", "uplinks: a list of 9: give 0 to 8");
	invalid("AddContainer", "'name':'c1'", "network", "network: AddContainer() needs it");
	invalid("SetContainer", "'name':'c1','force':1", "force",
			"force: no boolean: give true or false");
	invalid("AddContainer", "'name':'c1','network':'n','link':'sideways'", "link",
			"link sideways: give one of auto|up|down");
	invalid("AddContainer", "'name':'c1','network':'n','link':'auto|up'", "link",
			"link auto|up: give one of auto|up|down");
	invalid("AddContainer", "'name':'c1','network':'n','link':''", "link",
			"link : give one of auto|up|down");
	invalid("AddContainer", "'name':'c1','network':'n','netns_fd':0", "netns_fd",
			"netns_fd: 0 file descriptors came with the message: give the number of "
			"one, from 0 on");
	assert_int_equal(rig.mock.nb_networks, 0);
}

/* One of each form that is taken, and one that is not. */
static const struct {
	const char *word, *good, *bad;
} forms[] = {
	{ "mac", "'02:00:00:00:00:0a'", "'02:00:00:00:00:0g'" },
	{ "mac", "'fe:FF:ff:ff:ff:ff'", "'01:00:00:00:00:01'" },
	{ "mac", "'00:00:00:00:00:01'", "'00:00:00:00:00:00'" },
	{ "mac", "'02:00:00:00:00:01'", "'2:0:0:0:0:1'" },
	{ "vlan", "4094", "4095" },
	{ "qos", "7", "8" },
	{ "trunk", "['1','20-29','4094']", "['0']" },
	{ "trunk", "['7-7']", "['9-8']" },
	{ "trunk", "[]", "['4095']" },
	{ "trunk", "['1-4094']", "['1-']" },
	{ "ip", "['10.0.0.1','10.0.0.0/8','fd00::1','::/0']", "['10.0.0']" },
	{ "ip", "['10.0.0.0/32']", "['10.0.0.0/33']" },
	{ "ip", "['fd00::/128']", "['fd00::/129']" },
	{ "ip", "['0.0.0.0/0']", "['10.0.0.1/']" },
	{ "address", "['10.0.0.1/24']", "['10.0.0.1']" },
	{ "route", "['default via 10.0.0.1','10.1.0.0/16 via 10.0.0.2']", "['10.1.0.0/16']" },
	{ "route", "['fd00::/8 via fe80::1']", "['fd00::/8 via here']" },
	{ "route", "['default via 10.0.0.1 metric 100']", "['default via 10.0.0.1 metric 0']" },
	{ "route", "['fd00::/8 via fe80::1 metric 4294967295']",
			"['default via 10.0.0.1 metric 4294967296']" },
	{ "route", "['default via 10.0.0.1']", "['default via 10.0.0.1 dev eth0']" },
	{ "route", "['default via 10.0.0.1']", "['default via 10.0.0.1/24']" },
	{ "route", "['0.0.0.0/0 via 10.0.0.1']", "['10.0.0.1 via 10.0.0.2']" },
	{ "max_macs", "1", "0" },
	{ "max_macs", "65535", "65536" },
	{ "queues", "128", "129" },
	{ "queue_size", "64", "63" },
	{ "profile", "'tx'", "'fast'" },
	{ "attach", "'none'", "'virtual'" },
	{ "netns", "'/run/netns/c1'", "'c1'" },
	{ "ifname", "'eth0'", "'a/b'" },
	{ "ifname", "'abcdefghijklmno'", "'..'" },
	{ "mirror", "'c2'", "'a b'" },
	{ "name", "'c1'", "'a/b'" },
	{ "name", "'c.1-x:y'", "'..'" },
};

static void
test_forms(void **state)
{
	char quoted[256], text[128];
	struct varlink_wrong wrong;
	const struct varlink_param *word;
	unsigned int i;
	json_t *value;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		word = varlink_param_find(&control_container_words, forms[i].word);
		assert_non_null(word);
		quote(quoted, forms[i].good);
		value = json_loads(quoted, JSON_DECODE_ANY, NULL);
		if (varlink_param_check(word, value, 0, &wrong) != 0)
			fail_msg("%s %s: %s", forms[i].word, forms[i].good, wrong.text);
		json_decref(value);
		quote(quoted, forms[i].bad);
		value = json_loads(quoted, JSON_DECODE_ANY, NULL);
		if (varlink_param_check(word, value, 0, &wrong) == 0)
			fail_msg("%s %s is taken", forms[i].word, forms[i].bad);
		snprintf(text, sizeof(text), "%s", forms[i].word);
		assert_string_equal(wrong.parameter, text);
		assert_non_null(strstr(wrong.text, ": give "));
		json_decref(value);
	}
}

static void
test_networks(void **state)
{
	(void)state;
	expect("AddNetwork", "'name':'net0','uplinks':['0000:01:00.0'],'mtu':9000", DONE);
	expect("AddNetwork", "'name':'net0','uplinks':['0000:01:00.0'],'mtu':9000", WAS_SO);
	expect("AddNetwork", "'name':'net0'", WAS_SO);
	error("AddNetwork", "'name':'net0','mtu':1500", "Differs",
			"'parameter':'mtu','text':'net0 is there with mtu 9000, not 1500: set it, "
			"or "
			"remove it first'");
	error("AddNetwork", "'name':'net1','uplinks':['0000:01:00.0']", "UplinkInUse",
			"'parameter':'uplinks','text':'0000:01:00.0 is an uplink of network net0'");
	error("AddNetwork", "'name':'net1','uplinks':['missing']", "NoSuchUplink",
			"'parameter':'uplinks','text':'there is no port missing'");
	error("SetNetwork", "'name':'net1','mtu':1500", "NoSuchNetwork",
			"'parameter':'name','text':'there is no network net1: add it first'");
	expect("SetNetwork", "'name':'net0','mtu':1500", DONE);
	expect("SetNetwork", "'name':'net0','mtu':1500", WAS_SO);
	expect("ListNetworks", "",
			"{'parameters':{'networks':[{'containers':0,'lcores':[],'link_state':'up','"
			"mtu':1500,"
			"'name':'net0','uplinks':['0000:01:00.0']}]}}");
	expect("ListNetworks", "'name':'net0'",
			"{'parameters':{'networks':[{'containers':0,'lcores':[],'link_state':'up','"
			"mtu':1500,"
			"'name':'net0','uplinks':['0000:01:00.0']}]}}");
	error("ListNetworks", "'name':'net1'", "NoSuchNetwork",
			"'parameter':'name','text':'there is no network net1: add it first'");
	expect("AddContainer", "'name':'c1','network':'net0'", DONE);
	error("RemoveNetwork", "'name':'net0'", "NetworkInUse",
			"'parameter':'name','text':'network net0 has 1 containers: remove them "
			"first'");
	expect("RemoveContainer", "'name':'c1'", DONE);
	expect("RemoveNetwork", "'name':'net0'", DONE);
	expect("RemoveNetwork", "'name':'net0'", WAS_SO);
}

static void
test_containers(void **state)
{
	(void)state;
	error("AddContainer", "'name':'c1','network':'net0'", "NoSuchNetwork",
			"'parameter':'network','text':'there is no network net0: add it first'");
	expect("AddNetwork", "'name':'net0'", DONE);
	expect("AddContainer",
			"'name':'c1','network':'net0','mac':'02:00:00:00:00:11','vlan':100,'qos':3,"
			"'ip':['10.0.0.1'],'trust':true,'max_tx_rate':100,'ifname':'eth0',"
			"'address':['10.0.0.1/24'],'route':['default via 10.0.0.254'],"
			"'netns':'/run/netns/c1'",
			DONE);
	expect("ListContainers", "'statistics':true",
			"{'parameters':{'containers':[{'address':['10.0.0.1/24'],'attach':'virtio',"
			"'attached':true,'bum_rate':0,'burst':0,'device':'eth0','gro':true,'ifname'"
			":'eth0',"
			"'ip':['10.0.0.1'],'isolated':false,'link':'auto','link_state':'up',"
			"'mac':'02:00:00:00:00:11','max_macs':64,'max_rx_rate':0,'max_tx_rate':100,"
			"'name':'c1','netns':'/run/netns/c1','network':'net0',"
			"'profile':'bulk','qos':3,'queue_size':1024,'queues':1,"
			"'route':['default via 10.0.0.254'],'spoofchk':true,'statistics':{"
			"'rx_bytes':3456,'rx_frames':12,'tx_frames':7,'tx_spoofed':1},'trunk':[],"
			"'trust':true,'vlan':100}]}}");
	error("AddContainer", "'name':'c1','network':'net0','vlan':101", "Differs",
			"'parameter':'vlan','text':'c1 is there with vlan 100, not 101: set it, or "
			"remove it first'");
	expect("SetContainer", "'name':'c1','vlan':101,'spoofchk':false", DONE);
	expect("SetContainer", "'name':'c1','vlan':101", WAS_SO);
	error("SetContainer", "'name':'c1','queues':2", "NeedsReattach",
			"'parameter':'queues','text':'queues of c1 cannot change while a driver "
			"has "
			"it: give force'");
	expect("SetContainer", "'name':'c1','queues':2,'force':true", DONE);
	error("SetContainer", "'name':'c9'", "NoSuchContainer",
			"'parameter':'name','text':'there is no container c9'");
	assert_false(rig.mock.containers[0].spoofchk);
	assert_int_equal(rig.mock.containers[0].vlan, 101);
	/* of another network there are none */
	expect("ListContainers", "'network':'net1'", "{'parameters':{'containers':[]}}");
	expect("RemoveContainer", "'name':'c1'", DONE);
	expect("RemoveContainer", "'name':'c1'", WAS_SO);
}

static void
test_conflicts(void **state)
{
	(void)state;
	expect("AddNetwork", "'name':'net0'", DONE);
	error("AddContainer", "'name':'c1','network':'net0','vlan':1,'trunk':['2']", "Conflict",
			"'parameter':'trunk','text':'trunk together with vlan: tags pass as they "
			"are, or one is put on: leave one out'");
	error("AddContainer", "'name':'c1','network':'net0','attach':'vhost','ifname':'eth0'",
			"Conflict",
			"'parameter':'attach','text':'there is an interface with attach virtio "
			"only: leave netns, ifname, address and route out'");
	expect("AddContainer", "'name':'c1','network':'net0','vlan':0,'trunk':['2']", DONE);
}

static void
test_rest(void **state)
{
	(void)state;
	expect("ListFdb", "", "{'parameters':{'entries':[]}}");
	error("ListFdb", "'network':'net0'", "NoSuchNetwork",
			"'parameter':'network','text':'there is no network net0: add it first'");
	expect("AddNetwork", "'name':'net0'", DONE);
	expect("AddContainer", "'name':'c1','network':'net0','vlan':5", DONE);
	expect("ListFdb", "'network':'net0'",
			"{'parameters':{'entries':[{'mac':'02:00:00:00:00:01','network':'net0',"
			"'port':'c1','static':true,'vlan':5},{'age':17,'mac':'52:54:00:00:00:09',"
			"'network':'net0','port':'uplink0','static':false,'vlan':0}]}}");
	expect("Rebalance", "", "{'parameters':{'moved':3}}");
	expect("Check", "",
			"{'parameters':{'findings':[{'severity':'note','text':'uplink 0000:01:00.0 "
			"has one queue for 3 lcores'}]}}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_description),
		CASE(test_parameters),
		CASE(test_forms),
		CASE(test_networks),
		CASE(test_containers),
		CASE(test_conflicts),
		CASE(test_rest),
	};

	return FILTER_RUN("control", tests, NULL, NULL);
}
