# SPDX-License-Identifier: BSD-3-Clause
"""The report's part about a container that sends out of a NIC."""
from figures import group, ratios, show, show_spread, spread, table

COLUMNS = {'copy': 'ours, copied', 'umem': 'ours, zero-copy and umem',
           'net_vhost': 'testpmd, net_vhost', 'bridge': 'kernel bridge, veth'}
TIMES = ['back_p50', 'back_p99', 'arrived_p50', 'arrived_p99', 'after_p50', 'after_p99']
TESTS = {'tcp': 'TCP', 'frames': 'UDP, frames of 1514 B'}


def nic_results(rows):
    """Of each test the columns, and how many times as much a copy of ours does."""
    results = []
    for (nic, test), columns in group([r for r in rows if r['kind'] == 'nic' and r['test'] in TESTS], ['nic', 'test']).items():
        copied = columns.get('copy', [])
        results += [{'nic': nic, 'test': test, 'column': name,
                     'mbps': spread([r.get('mbps') for r in found]),
                     'ns_byte': spread([r.get('ns_byte') for r in found]),
                     'ours': ratios(copied, found, 'mbps', False)} for name, found in columns.items()]
    return results


def one_results(rows):
    """One frame at a time: each column's times, in microseconds; and how many times as long as zero-copy takes."""
    results = []
    for columns in group([r for r in rows if r['kind'] == 'nic' and r['test'] == 'one'], ['nic']).values():
        lent = columns.get('umem', [])
        results += [{'column': name, **{time: spread([r.get(time) for r in found]) for time in TIMES},
                     'lent': ratios(found, lent, 'back_p50', False)} for name, found in columns.items()]
    return results


def one_text(results):
    rows = [[COLUMNS[r['column']]] + [show(r[time]) for time in TIMES] + [show_spread(r['lent'])] for r in results]
    head = ['one frame at a time, by', 'back p50, µs', 'back p99', 'arrived p50', 'arrived p99',
            'back after it arrived, p50', 'p99', 'this / zero-copy']
    return [table(head, rows)] if rows else []


def nic_text(results, machine):
    rows = [[TESTS[r['test']], COLUMNS[r['column']], show(r['mbps']), show(r['ns_byte']), show_spread(r['ours'])]
            for r in results]
    if not rows:
        return []
    title = f"## Out of a NIC, {results[0]['nic']}, Linux {machine['vm_kernel']} in a virtual machine"
    head = ['from the container', 'by', 'Mbit/s', "the back end's time, ns a byte", 'ours, copied / this']
    return [title, table(head, rows)]


GRO_COLUMNS = {'on': 'a network, GRO on', 'off': 'a network, GRO off', 'bridge': 'kernel bridge, veth',
               'macvlan': 'kernel, macvlan'}


def gro_results(rows):
    """TCP into a container: each column, and how many times as much a network with GRO does."""
    results = []
    for columns in group([r for r in rows if r['kind'] == 'vm-gro'], ['nic']).values():
        merged = columns.get('on', [])
        results += [{'column': name, 'mbps': spread([r.get('mbps') for r in found]),
                     'ns_byte': spread([r.get('ns_byte') for r in found]),
                     'ours': ratios(merged, found, 'mbps', False)} for name, found in columns.items()]
    return results


def gro_text(results, machine):
    rows = [[GRO_COLUMNS[r['column']], show(r['mbps']), show(r['ns_byte']), show_spread(r['ours'])] for r in results]
    if not rows:
        return []
    title = f"## TCP from a NIC, igb, into a container, Linux {machine['vm_kernel']} in a virtual machine"
    return [title, table(['by', 'Mbit/s', "the back end's time, ns a byte", 'GRO on / this'], rows)]
