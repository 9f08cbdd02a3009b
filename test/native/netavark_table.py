#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What dpdk-vduse answers to netavark, a row a call: JSON in, JSON out.

usage: netavark_table.py create|setup DRIVER SOCKET NETNS VDUSECTL

The objects are those of netavark's plugin-API.md; a row changes some of their members, and says what
comes out: members of the answer, or words of the error.
"""
import json
import subprocess
import sys

ID = '2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9'
CONTAINER = '752947ff91f961eb3cb47ffe9315016979f3ffbec09e4d96a4fae3fb03391697'
V4 = {'subnet': '10.9.0.0/24', 'gateway': '10.9.0.1'}
V6 = {'subnet': 'fd00:9::/64', 'gateway': 'fd00:9::1'}

# (members of the network, None: without; members of the answer that differ from what was sent, or
# words of the error)
CREATE = [
    ({}, {}),
    # what it was, and what nobody knows yet, stays
    ({'created': '2026-01-01T00:00:00Z', 'labels': {'a': 'b'}, 'new': 5}, {}),
    ({'dns_enabled': True, 'options': None, 'ipam_options': None}, {'ipam_options': {'driver': 'host-local'}}),
    ({'ipam_options': {}}, {'ipam_options': {'driver': 'host-local'}}),
    ({'subnets': [{'subnet': '10.9.0.0/24', 'lease_range': {'start_ip': '10.9.0.9'}}, V6], 'ipv6_enabled': True}, {}),
    ({'internal': True, 'routes': [{'destination': '10.8.0.0/16', 'gateway': '10.9.0.7', 'metric': None}]}, {}),
    ({'subnets': None, 'ipam_options': {'driver': 'none'}}, {}),
    ({'options': {'vlan': '5', 'vlanQoS': '7', 'max_tx_rate': '100', 'burst': '16', 'spoofchk': 'off',
                  'trust': 'on', 'portIsolation': 'true', 'link_state': 'enable', 'profile': 'latency'}}, {}),
    ({'options': {'network': 'net0', 'vlanTrunk': '5,10-20', 'no_default_route': 'true', 'mtu': '1400',
                  'uplinks': '0000:01:00.0,0000:01:00.1'}}, {}),
    ({'options': {'uplinks': ''}}, {}),
    ({'options': {'metric': '4294967295'}, 'routes': [{'destination': '10.8.0.0/16', 'gateway': '10.9.0.7', 'metric': 5}]}, {}),
    # a bad option
    ({'options': {'vlna': '5'}}, 'vlna: give one of network, socket, uplinks'),
    ({'options': {'isolate': 'true'}}, 'no_default_route'),
    ({'options': {'vlan': 'five'}}, 'vlan=five: give a number'),
    ({'options': {'vlan': ''}}, 'vlan=: give a number'),
    ({'options': {'vlan': '-1'}}, 'vlan=-1: give a number'),
    ({'options': {'vlan': '5x'}}, 'vlan=5x: give a number'),
    ({'options': {'vlan': 5}}, 'options: vlan is no text'),
    ({'options': {'vlan': '5000'}}, 'vlan'),
    ({'options': {'vlanQoS': '8'}}, 'qos'),
    ({'options': {'vlanTrunk': '5-'}}, 'vlanTrunk=5-: give VLANs'),
    ({'options': {'vlanTrunk': '5,,6'}}, 'vlanTrunk=5,,6: give VLANs'),
    ({'options': {'vlanTrunk': '5-5000'}}, 'trunk'),
    ({'options': {'vlan': '5', 'vlanTrunk': '6'}}, 'trunk together with vlan'),
    ({'options': {'spoofchk': 'maybe'}}, 'spoofchk=maybe: give true, false, on or off'),
    ({'options': {'link_state': 'up'}}, 'link_state=up: give auto, enable or disable'),
    ({'options': {'profile': 'fast'}}, 'profile'),
    ({'options': {'mtu': '20'}}, 'mtu'),
    ({'options': {'uplinks': 'a b'}}, 'uplinks'),
    ({'options': {'mac': '02:00:00:00:00:01'}}, '--network pods:mac=ADDRESS'),
    ({'options': {'network': ''}}, 'network'),
    ({'options': {'metric': '4294967296'}}, 'metric: give 0 to 4294967295'),
    ({'name': 'a-name-that-is-too-long', 'options': None}, '-o network=NAME'),
    # what a driver of netavark's may be asked for, and this one does not have
    ({'network_interface': 'eth0'}, '--interface-name eth0: leave it out'),
    ({'ipam_options': {'driver': 'dhcp'}}, 'dhcp: leave --ipam-driver out'),
    ({'subnets': None}, 'give --subnet, or --ipam-driver none'),
    ({'subnets': []}, 'give --subnet, or --ipam-driver none'),
    ({'ipam_options': {'driver': 'none'}}, 'leave --subnet and --route out'),
    ({'ipv6_enabled': True}, '--ipv6: give one by --subnet'),
    ({'network_dns_servers': ['10.9.0.1']}, '--dns: leave it out'),
    ({'routes': [{'destination': '10.8.0.0/16', 'route_type': 'blackhole'}]}, 'a route has no gateway'),
    # what no runtime sends
    ({'name': None}, 'name: no text'),
    ({'id': None}, 'id: no text'),
    ({'id': 'x' * 250}, 'may have'),
]

# (members of the network, members of the container's options; the container's interface in the
# answer, or words of the error; words of the daemon's configuration)
SETUP = [
    ({}, {}, {'subnets': [{'ipnet': '10.9.0.5/24', 'gateway': '10.9.0.1'}]},
     'address 10.9.0.5/24 route "0.0.0.0/0 via 10.9.0.1 metric 100"'),
    ({}, {}, {'mac_address': 'aa:bb:cc:dd:aa:00'}, f'netavark-0:pods:eth0:{CONTAINER} network net0 mac aa:bb:cc:dd:aa:00'),
    ({}, {'static_mac': None}, {}, 'ip 10.9.0.5 '),
    ({}, {'interface_name': 'net1'}, {}, 'ifname net1'),
    ({'internal': True}, {}, {'subnets': [{'ipnet': '10.9.0.5/24', 'gateway': '10.9.0.1'}]}, 'address 10.9.0.5/24\n'),
    ({'options': {'no_default_route': 'true'}}, {}, {}, 'address 10.9.0.5/24\n'),
    ({'subnets': [{'subnet': '10.9.0.0/24'}]}, {}, {'subnets': [{'ipnet': '10.9.0.5/24'}]}, 'address 10.9.0.5/24\n'),
    ({'routes': [{'destination': '10.8.0.0/16', 'gateway': '10.9.0.7', 'metric': 5}], 'options': {'metric': '7'}}, {}, {},
     'route "10.8.0.0/16 via 10.9.0.7 metric 5,0.0.0.0/0 via 10.9.0.1 metric 7"'),
    ({'options': {'metric': '0'}}, {}, {}, 'route "0.0.0.0/0 via 10.9.0.1"'),
    # two of IPv4 have one default route
    ({'subnets': [V4, V6, {'subnet': '10.10.0.0/25', 'gateway': '10.10.0.1'}]},
     {'static_ips': ['10.9.0.5', 'fd00:9::5', '10.10.0.126']},
     {'subnets': [{'ipnet': '10.9.0.5/24', 'gateway': '10.9.0.1'}, {'ipnet': 'fd00:9::5/64', 'gateway': 'fd00:9::1'},
                  {'ipnet': '10.10.0.126/25', 'gateway': '10.10.0.1'}]},
     'address 10.9.0.5/24,fd00:9::5/64,10.10.0.126/25 route "0.0.0.0/0 via 10.9.0.1 metric 100,::/0 via fd00:9::1 metric 100"\n'),
    ({'subnets': None, 'ipam_options': {'driver': 'none'}}, {'static_ips': None}, {'subnets': []}, 'ifname eth0\n'),
    # the container's options go before the network's
    ({'options': {'vlan': '5', 'max_tx_rate': '100'}}, {'options': {'vlan': '6', 'max_rx_rate': '7'}}, {},
     'vlan 6 ip 10.9.0.5 max-tx-rate 100 max-rx-rate 7'),
    ({'options': {'vlanTrunk': '5,10-20', 'spoofchk': 'off', 'portIsolation': 'on', 'link_state': 'disable'}}, {}, {},
     'trunk 5,10-20 spoofchk off isolated on link down'),
    ({'options': {'network': 'net1', 'uplinks': '', 'mtu': '1400'}}, {}, {}, 'network net1'),
    ({}, {'options': {'vlna': '5'}}, 'vlna: give one of', ''),
    ({}, {'static_ips': ['10.8.0.5']}, '10.8.0.5: podman network inspect pods', ''),
    ({'subnets': [{'subnet': '10.9.0.0/25'}]}, {'static_ips': ['10.9.0.128']}, 'an address is in no subnet', ''),
    ({}, {'static_ips': ['nonsense']}, 'nonsense', ''),
    ({}, {'static_ips': None}, 'no address came', ''),
    ({}, {'interface_name': None}, 'interface_name: no text', ''),
    ({}, {'interface_name': 'a/b'}, 'none of them /', ''),
    ({}, {'interface_name': 'a234567890123456'}, 'ifname', ''),
    ({}, {'static_mac': '01:00:00:00:00:01'}, 'mac', ''),
    ({'options': {'network': 'net7'}}, {}, 'there is no network net7', ''),
    ({'options': {'mtu': '9000'}}, {}, 'net0 has 1500', ''),
]


def changed(object, members):
    object = {**object, **members}
    return {key: value for key, value in object.items() if value is not None}


def call(driver, arguments, object):
    """The answer, or the text of the error."""
    done = subprocess.run([driver, *arguments], input=json.dumps(object).encode(), stdout=subprocess.PIPE, check=False)
    answer = json.loads(done.stdout) if done.stdout else None
    if done.returncode == 0:
        return answer
    assert done.returncode == 1 and list(answer) == ['error'], done
    return answer['error']


def network(members, socket):
    it = {'name': 'pods', 'id': ID, 'driver': 'dpdk-vduse', 'subnets': [V4], 'ipv6_enabled': False, 'internal': False,
          'dns_enabled': False, 'ipam_options': {'driver': 'host-local'}, 'options': {'network': 'net0'}}
    it = changed(it, members)
    if socket and 'options' in it:
        it['options'] = {'network': 'net0', **it['options'], 'socket': socket}
    return it


def as_wanted(answer, want, sent):
    if isinstance(want, str) or isinstance(answer, str):
        return isinstance(want, str) and isinstance(answer, str) and want in answer
    return answer == {**sent, 'dns_enabled': False, **want}


def create(driver, _socket, _netns, _vdusectl):
    for members, want in CREATE:
        sent = network(members, None)
        answer = call(driver, ['create'], sent)
        if not as_wanted(answer, want, sent):
            yield f'create {json.dumps(members)}: {json.dumps(answer)}, not {json.dumps(want)}'


def status_as_wanted(status, name, want):
    """Where the MAC address is any, it is one."""
    interface = status['interfaces'][name]
    return (list(status['interfaces']) == [name] and status['dns_server_ips'] == status['dns_search_domains'] == []
            and sorted(interface) == ['mac_address', 'subnets'] and len(interface['mac_address']) == 17
            and {**interface, **want} == interface)


def setup(driver, socket, netns, vdusectl):
    for members, options, want, words in SETUP:
        sent = {'container_id': CONTAINER, 'container_name': 'web', 'port_mappings': [],
                'network': network(members, socket),
                'network_options': changed({'aliases': ['752947ff91f9'], 'interface_name': 'eth0',
                                            'static_ips': ['10.9.0.5'], 'static_mac': 'aa:bb:cc:dd:aa:00'}, options)}
        what = f'setup {json.dumps(members)}, {json.dumps(options)}'
        answer = call(driver, ['setup', netns], sent)
        config = subprocess.run([vdusectl, '-S', socket, 'show', 'config'], capture_output=True, check=True).stdout.decode()
        if isinstance(want, str):
            if not isinstance(answer, str) or want not in answer:
                yield f'{what}: {json.dumps(answer)}, not {want}'
            if 'netavark' in config:
                yield f'{what}: left: {config}'
            continue
        if isinstance(answer, str) or not status_as_wanted(answer, sent['network_options']['interface_name'], want):
            yield f'{what}: {json.dumps(answer)}, not {json.dumps(want)}'
        if words not in config:
            yield f'{what}: {config}, not {words}'
        for _twice in range(2):
            if call(driver, ['teardown', netns], sent) is not None:
                yield f'{what}: teardown says something'


wrong = list({'create': create, 'setup': setup}[sys.argv[1]](*sys.argv[2:]))
print('\n'.join(wrong))
sys.exit(bool(wrong))
