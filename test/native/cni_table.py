#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What dpdk-vduse-cni answers, a row a call: each verb and each error of the CNI specification, in each version that has
it; the object that is printed is compared as a whole, and so is what is left afterwards.

usage: cni_table.py PLUGIN SOCKET NETNS VDUSECTL FOLDER
"""
import json
import os
import shutil
import subprocess
import sys

PLUGIN, SOCKET, NETNS, VDUSECTL, FOLDER = sys.argv[1:]
POD = os.path.basename(NETNS)
ALL = ('0.4.0', '1.0.0', '1.1.0')
NEW = ('1.1.0',)
MAC = '02:00:00:00:00:07'
IPAM = {'type': 'host-local', 'dataDir': f'{FOLDER}/leases', 'routes': [{'dst': '0.0.0.0/0'}],
        'ranges': [[{'subnet': '10.9.0.0/24', 'gateway': '10.9.0.1'}]]}
OTHER = 'cni:pods:eth0:other'


def result(version, **members):
    """Of ADD, as the specification has it for this version."""
    ip = {'address': '10.9.0.2/24', 'gateway': '10.9.0.1', 'interface': 0}
    interface = {'name': 'eth0', 'mac': MAC, 'sandbox': NETNS}
    if version == '0.4.0':
        ip['version'] = '4'
    if version == '1.1.0':
        interface['mtu'] = 1500
    whole = {'cniVersion': version, 'interfaces': [interface], 'ips': [ip], 'routes': [{'dst': '0.0.0.0/0'}], 'dns': {}}
    return {**whole, **members}


def without_addresses(version):
    whole = result(version)
    return {key: value for key, value in whole.items() if key not in ('ips', 'routes')}


def behind_lo(version):
    whole = result(version, dns={'domain': 'a'})
    whole['interfaces'].insert(0, {'name': 'lo'})
    whole['ips'][0]['interface'] = 1
    return whole


def failing(script):
    """An IPAM plug-in that is this script."""
    path = f'{FOLDER}/failing'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/bash\n{script}\n')
    os.chmod(path, 0o755)
    return {'ipam': {**IPAM, 'type': 'failing'}}


def links(*commands):
    """In the pod, one after the other."""
    for command in commands:
        subprocess.run(['ip', '-n', POD, *command.split()], check=True)


def there():
    """What the kernel has where ADD was: here no device has an interface."""
    links(f'link add eth0 address {MAC} type veth peer name far', 'link set eth0 up', 'addr add 10.9.0.2/24 dev eth0',
          'route add default via 10.9.0.1')


PREV = {'prevResult': result}
ANSWER = {'cniVersion': '1.0.0', 'supportedVersions': list(ALL)}

# (verb, versions, members of the configuration, variables of the environment, object or (code, msg, details)), and
# for CHECK what comes before it
ROWS = [
    ('VERSION', NEW, {}, {}, {**ANSWER, 'cniVersion': '1.1.0'}),
    ('VERSION', ('1.0.0',), {'name': None, 'ipam': None}, {'CNI_CONTAINERID': None, 'CNI_NETNS': None, 'CNI_IFNAME': None,
                                                          'CNI_PATH': None}, ANSWER),
    ('ADD', ALL, {}, {}, result),
    ('ADD', ALL, {'ipam': None}, {}, without_addresses),
    ('ADD', ALL, {'ipam': {}}, {}, without_addresses),
    ('ADD', ALL, {'prevResult': {'interfaces': [{'name': 'lo'}], 'dns': {'domain': 'a'}}}, {}, behind_lo),
    ('ADD', ALL, {'dns': {'nameservers': ['10.9.0.1']}}, {}, lambda v: result(v, dns={'nameservers': ['10.9.0.1']})),
    ('ADD', ALL, {'mac': None, 'runtimeConfig': {'mac': MAC}}, {}, result),
    ('ADD', ALL, {'mac': None}, {'CNI_ARGS': f'IgnoreUnknown=1;MAC={MAC}'}, result),
    ('DEL', ALL, {}, {}, None),
    ('DEL', ALL, {}, {'CNI_NETNS': None}, None),
    ('DEL', ALL, PREV, {}, None),
    ('GC', NEW, {'cni.dev/valid-attachments': []}, {}, None),
    ('STATUS', NEW, {}, {}, None),
    # 1: the version
    ('ADD', ('0.3.1', '1.2.0', 'x'), {}, {}, (1, 'this cniVersion is not supported for the command',
                                              'ADD with {v}: it is from 0.4.0 to 1.1.0')),
    ('CHECK', ('0.3.1',), PREV, {}, (1, 'this cniVersion is not supported for the command',
                                     'CHECK with {v}: it is from 0.4.0 to 1.1.0')),
    ('GC', ('0.4.0', '1.0.0'), {'cni.dev/valid-attachments': []}, {},
     (1, 'this cniVersion is not supported for the command', 'GC with {v}: it is from 1.1.0 to 1.1.0')),
    ('STATUS', ('0.4.0', '1.0.0'), {}, {}, (1, 'this cniVersion is not supported for the command',
                                            'STATUS with {v}: it is from 1.1.0 to 1.1.0')),
    # 2: a field
    ('ADD', ALL, {'min_tx_rate': 5}, {}, (2, 'min_tx_rate is not supported',
                                          'leave it out, or give 0: a rate is not guaranteed')),
    # 3: the container
    ('ADD', ALL, {}, {'CNI_NETNS': '/run/netns/none'}, (3, 'the network namespace cannot be opened',
                                                        '/run/netns/none: No such file or directory')),
    # 4: the environment
    *[(verb, ALL, {}, {variable: None}, (4, 'a variable of the environment is missing', f'{variable}: {verb} needs it'))
      for verb, variables in (('ADD', ('CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH')),
                              ('DEL', ('CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH')),
                              ('CHECK', ('CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH')))
      for variable in variables],
    *[(verb, NEW, {}, {'CNI_PATH': None}, (4, 'a variable of the environment is missing', f'CNI_PATH: {verb} needs it'))
      for verb in ('GC', 'STATUS')],
    ('ADD', ALL, {}, {'CNI_CONTAINERID': 'a/b'}, (4, 'a variable of the environment is wrong', 'CNI_CONTAINERID: a/b')),
    ('ADD', ALL, {}, {'CNI_IFNAME': 'a234567890123456'}, (4, 'a variable of the environment is wrong',
                                                          'CNI_IFNAME: a234567890123456')),
    ('ADD', ALL, {}, {'CNI_NETNS': b'/run/netns/\xff'}, (4, 'a variable of the environment is wrong',
                                                        'CNI_NETNS: /run/netns/?')),
    ('FLY', ALL, {}, {}, (4, 'CNI_COMMAND is not known', 'FLY: ADD, DEL, CHECK, GC, STATUS and VERSION are')),
    # 5: a plug-in that says nothing
    ('ADD', ALL, lambda: failing('exit 3'), {}, (5, 'the IPAM plug-in failed', 'failing: status 3, and no error')),
    # 6: what cannot be read
    ('ADD', NEW, '{ "cniVersion": "1.1.0"', {}, (6, 'the configuration is no JSON object',
                                                 "line 1: '}' expected near end of file")),
    ('ADD', NEW, '[]', {}, (6, 'the configuration is no JSON object', 'line 1: another kind of value')),
    ('ADD', NEW, '', {}, (6, 'the configuration is no JSON object', "line 1: '[' or '{' expected near end of file")),
    ('ADD', ALL, lambda: failing('/usr/lib/cni/host-local >/dev/null; echo nonsense'), {}, (6, 'the IPAM plug-in gave no result', f'{FOLDER}/failing')),
    # 7: the configuration
    ('ADD', NEW, {'cniVersion': None}, {}, (7, 'the configuration has no cniVersion', 'give one of those that VERSION says')),
    ('ADD', ALL, {'name': None}, {}, (7, 'the configuration has no good name', 'name: letters, digits, and _ . - not in front')),
    ('ADD', ALL, {'vlan': 'five'}, {}, (7, 'a key of the configuration is wrong', 'vlan: give a number')),
    ('ADD', ALL, {'network': 'net7'}, {}, (7, 'org.dpdk.vduse.NoSuchNetwork', 'network: there is no network net7: add it first')),
    ('ADD', ALL, {'ipam': {'type': 'none'}}, {}, (7, 'there is no such IPAM plug-in',
                                                  f'ipam.type none: no program of this name in CNI_PATH, {FOLDER}:/usr/lib/cni')),
    # cut in the middle of a sign
    ('ADD', ALL, {'ipam': {'type': 'a' * 63 + 'ä'}}, {}, (7, 'there is no such IPAM plug-in', 'ipam.type ' + 'a' * 63 +
                                                          f'?: no program of this name in CNI_PATH, {FOLDER}:/usr/lib/cni')),
    ('CHECK', ALL, {}, {}, (7, 'there is no prevResult', "CHECK needs ADD's result")),
    ('GC', NEW, {}, {}, (7, 'GC needs cni.dev/valid-attachments', 'give a list of {"containerID": ID, "ifname": NAME}')),
    # 11: later
    *[(verb, ALL, {'socket': f'{FOLDER}/none'}, {}, (11, 'dpdk-vduse-net does not answer',
                                                     f'{FOLDER}/none: No such file or directory: is dpdk-vduse-net running, and is this its socket?'))
      for verb in ('ADD', 'DEL')],
    ('GC', NEW, {'socket': f'{FOLDER}/none', 'cni.dev/valid-attachments': []}, {},
     (11, 'dpdk-vduse-net does not answer', f'{FOLDER}/none: No such file or directory: is dpdk-vduse-net running, and is this its socket?')),
    # 50: ADD cannot be served
    ('STATUS', NEW, {'socket': f'{FOLDER}/none'}, {},
     (50, 'dpdk-vduse-net does not answer', f'{FOLDER}/none: No such file or directory: is dpdk-vduse-net running, and is this its socket?')),
    ('STATUS', NEW, {'network': 'net7'}, {}, (50, 'there is no such network', 'vdusectl network add net7 uplinks … makes it')),
    # 101: not as ADD left it; more of it below
    ('CHECK', ALL, PREV, {}, (101, 'dpdk-vduse-net does not know the container',
                              'cni:pods:eth0:web: it was removed; DEL and ADD bring it back')),
    # an error of the IPAM plug-in goes on as it is
    ('ADD', ALL, lambda: failing('echo \'{ "code": 120, "msg": "no more", "details": "ask" }\'; exit 1'), {},
     (120, 'no more', 'failing: ask')),
]

# behind an ADD that is there: what happens to it, and what CHECK says
CHECKS = [
    ('as it is', [], None),
    ('ip link del', ['link del eth0'], (101, 'the interface is gone', f'eth0 in {NETNS}')),
    ('renamed', ['link set eth0 down', 'link set eth0 name eth7'], (101, 'the interface is gone', f'eth0 in {NETNS}')),
    ('another MAC address', ['link set eth0 address 02:00:00:00:00:08'],
     (101, 'the interface has another MAC address', f'eth0: it was {MAC}')),
    ('address lost', ['addr del 10.9.0.2/24 dev eth0'], (101, 'the interface lost an address', 'eth0: 10.9.0.2/24')),
    ('route lost', ['route del default'], (101, 'the namespace lost a route', '0.0.0.0/0 via any')),
]


def configuration(version, members):
    if isinstance(members, str):
        return members
    conf = {'cniVersion': version, 'name': 'pods', 'type': 'dpdk-vduse-cni', 'network': 'net0', 'socket': SOCKET, 'mac': MAC,
            'ipam': IPAM}
    for key, value in (members() if callable(members) else members).items():
        conf[key] = value(version) if callable(value) else value
    return json.dumps({key: value for key, value in conf.items() if value is not None})


def call(verb, text, variables):
    """The exit status, and the object."""
    env = {'PATH': os.environ['PATH'], 'CNI_COMMAND': verb, 'CNI_CONTAINERID': 'web', 'CNI_IFNAME': 'eth0',
           'CNI_NETNS': NETNS, 'CNI_PATH': f'{FOLDER}:/usr/lib/cni', **variables}
    env = {key: value for key, value in env.items() if value is not None}
    done = subprocess.run([PLUGIN], input=text.encode(), env=env, stdout=subprocess.PIPE, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def wanted(want, version):
    """The exit status, and the object: an error has the version of the configuration, if that was read."""
    if isinstance(want, tuple):
        code, msg, details = want
        return 1, {'cniVersion': version, 'code': code, 'msg': msg, 'details': details.replace('{v}', version)}
    return 0, want(version) if callable(want) else want


def left():
    """Containers of the daemon's, and leases."""
    shown = subprocess.run([VDUSECTL, '-S', SOCKET, 'container', 'show'], capture_output=True, check=True).stdout.decode()
    names = [line.split(': ')[0] for line in shown.splitlines() if line[:1] != ' ']
    for _folder, _folders, files in os.walk(IPAM['dataDir']):
        names += [name for name in files if name.startswith('10.')]
    return names


def one(verb, version, members, variables, want):
    shutil.rmtree(IPAM['dataDir'], ignore_errors=True)
    text = configuration(version, members)
    got = call(verb, text, variables)
    read = version if isinstance(members, dict) and 'cniVersion' not in members or callable(members) else '1.0.0'
    # before the configuration is read there is none
    read = read if verb != 'FLY' else '1.0.0'
    expected = wanted(want, version)
    if isinstance(want, tuple):
        expected[1]['cniVersion'] = read
    what = f'{verb} {version} {text} {variables}'
    if got != expected:
        yield f'{what}:\n  {got}, not\n  {expected}'
    if verb == 'ADD' and got[0] == 0 and (not left() or call('DEL', text, variables) != (0, None)):
        yield f'{what}: DEL fails, or there was nothing'
    if left():
        yield f'{what}: left: {left()}'


def check(version, what, commands, want):
    shutil.rmtree(IPAM['dataDir'], ignore_errors=True)
    added = call('ADD', configuration(version, {}), {})
    there()
    links(*commands)
    got = call('CHECK', configuration(version, {'prevResult': added[1]}), {})
    if got != wanted(want, version):
        yield f'CHECK {version}, {what}:\n  {got}, not\n  {wanted(want, version)}'
    links('link del far' if commands[:1] != ['link del eth0'] else 'link set lo up')
    if call('DEL', configuration(version, {}), {}) != (0, None) or left():
        yield f'DEL after CHECK, {what}: left: {left()}'


def stale():
    """GC with attachments that are none any more: two go, that of the list stays, and so does what is of another network."""
    for container in ('web', 'db', 'other'):
        call('ADD', configuration('1.1.0', {'mac': None}), {'CNI_CONTAINERID': container})
    call('ADD', configuration('1.1.0', {'name': 'green', 'mac': None}), {})
    valid = [{'containerID': 'other', 'ifname': 'eth0'}, {'containerID': 'never', 'ifname': 'eth0'}]
    got = call('GC', configuration('1.1.0', {'cni.dev/valid-attachments': valid}), {})
    names = sorted(name for name in left() if name.startswith('cni:'))
    if got != (0, None) or names != ['cni:green:eth0:web', OTHER] or len(left()) != 4:
        yield f'GC of two: {got}, left: {left()}'
    for name in ('pods', 'green'):
        if call('GC', configuration('1.1.0', {'name': name, 'cni.dev/valid-attachments': []}), {}) != (0, None):
            yield f'GC of all of {name} fails'
    if left():
        yield f'GC leaves {left()}'


wrong = [line for verb, versions, *row in ROWS for version in versions for line in one(verb, version, *row)]
wrong += [line for version in ALL for row in CHECKS for line in check(version, *row)]
wrong += stale()
print('\n'.join(wrong))
sys.exit(bool(wrong))
