# SPDX-License-Identifier: BSD-3-Clause
"""The report's part about the switch: a network beside what else joins containers.

A cost is a network's figure over the other's, a gain the other's over the network's (in Mpps the
network's over the other's), both of the same round.
"""
from figures import group, ratios, show, show_spread, size_name, spread, table

# (the other, bytes, figure): what the ratio is to be
JOINED_AIMS = {
    ('wire', 64, 'undisturbed'): ('at most', 1.15), ('wire', 1500, 'undisturbed'): ('at most', 1.05),
    ('ovs', 64, 'undisturbed'): ('at least', 2.5), ('ovs', 64, 'mpps'): ('at least', 2.5),
    ('ovs', 1500, 'undisturbed'): ('at least', 1.5), ('ovs', 1500, 'mpps'): ('at least', 1.5),
    ('peer', 1500, 'mpps'): ('at least', 1.6), ('peer', 65226, 'mpps'): ('at least', 2),
}
COPY_AIM = 1.2
COPIED = {'host': 'out of the other core\'s', 'driver': 'into the other core\'s'}
MEMBERS_AIM = 1.3  # of 256 and fewer, to two
BROADCAST_AIM = 1.1
BUSY_AIM = 0.95
IDLE_CPU_AIM = 2  # per cent
ADD_AIM = 30  # milliseconds
BACK_AIM = 2  # seconds
JOINED = {'wire': 'a wire', 'network': 'a network', 'ovs': 'Open vSwitch, NORMAL',
          'peer': 'testpmd, net_vhost'}
SHARED = {'own': 'a queue each', 'lock': 'one queue with a lock', 'ring': 'one queue, by a ring to its lcore',
          'own-one-sends': 'a queue each, one sends', 'lock-one-sends': 'one queue with a lock, one sends'}
UNDISTURBED = 'cycles, undisturbed'
FIGURES = {'wire': {'undisturbed': UNDISTURBED, 'cycles': 'cycles'},
           'ovs': {'undisturbed': UNDISTURBED, 'cycles': 'cycles', 'mpps': 'Mpps'},
           'peer': {'cycles': 'cycles', 'mpps': 'Mpps'}}


def aim(what, found, how=None, bound=None):
    reached = None
    if found and how:
        reached = found['median'] <= bound if how == 'at most' else found['median'] >= bound
    return {'what': what, 'asked': f'{how} {bound:g}' if how else None, 'found': found, 'reached': reached}


def joined_aims(places):
    for (size,), columns in places.items():
        network = columns.get('network', [])
        for other in (name for name in FIGURES if name in columns):
            for key, name in FIGURES[other].items():
                gain = other != 'wire'
                found = ratios(network, columns[other], key, gain and key != 'mpps')
                what = f'a network {"to" if gain else "over"} {JOINED[other]}, {size_name(size)}, {name}'
                yield aim(what, found, *JOINED_AIMS.get((other, size, key), ()))


def joined_results(rows):
    places = group([r for r in rows if r['kind'] == 'joined'], ['size'])
    figures = [{'size': size, 'column': name,
                'mpps': spread([r.get('mpps') for r in found]),
                'cycles': spread([r.get('cycles') for r in found]),
                'undisturbed': spread([r.get('undisturbed') for r in found])}
               for (size,), columns in places.items() for name, found in columns.items()]
    return figures, list(joined_aims(places))


def copy_aims(rows):
    network = [r for r in rows if r['kind'] == 'joined' and r['column'] == 'network' and r.get('size') == 65226]
    for (_,), columns in group([r for r in rows if r['kind'] == 'copy'], ['kind']).items():
        for mode, found in columns.items():
            by = {row['round']: row.get('cycles') for row in found}
            over = [row['undisturbed'] / by[row['round']] for row in network
                    if row.get('undisturbed') and by.get(row['round'])]
            yield aim(f'a network, 64 KiB, {UNDISTURBED}, over one copy {COPIED[mode]}', spread(over), 'at most', COPY_AIM)


def of_test(rows, kind, test, key):
    """{what distinguishes lines of one test: spread of the figure}."""
    found = {}
    for row in rows:
        if row['kind'] == kind and row.get('test') == test:
            which = row.get('members', row.get('size', row.get('connections')))
            found.setdefault(which, []).append(row.get(key))
    return {which: spread(values) for which, values in found.items()}


def veb_aims(rows):
    for size, found in of_test(rows, 'veb', 'pair', 'bridge/plain').items():
        yield aim(f'the bridge alone: over members without one, {size_name(size)}', found)
    for size, found in of_test(rows, 'veb', 'tag', 'tagged/bridge').items():
        yield aim(f'the bridge alone: a frame that gets a tag, over one that needs none, {size_name(size)}', found)
    for members, found in of_test(rows, 'veb', 'all-to-all', 'of-two').items():
        if members > 2:
            bound = ('at most', MEMBERS_AIM) if members <= 256 else ()
            yield aim(f'the bridge alone: {members} members, all to all, over two', found, *bound)
    for members, found in of_test(rows, 'veb', 'broadcast', 'bridge/plain').items():
        yield aim(f'the bridge alone: a copy of a broadcast to {members}, over an enqueue', found,
                  'at most', BROADCAST_AIM)


def share_aims(rows):
    for (size, way), columns in group([r for r in rows if r['kind'] == 'share'], ['size', 'way']).items():
        name = f'two lcores to one container, {size_name(size)}, {SHARED[way]}: cycles of a burst'
        yield aim(name, spread([r.get('cycles') for r in columns['network']]))
        yield aim(f'{name}, of the clock', spread([r.get('clock') for r in columns['network']]))


def busy_aims(rows):
    for (members,), columns in group([r for r in rows if r['kind'] == 'busy'], ['want']).items():
        beside, alone = columns.get('beside', []), columns.get('alone', [])
        yield aim(f'a busy pair beside {members} idle containers, to one alone, Mpps',
                  ratios(beside, alone, 'mpps', False), 'at least', BUSY_AIM)
        yield aim(f'a busy pair beside {members} idle containers, to one alone, {UNDISTURBED}',
                  ratios(beside, alone, 'undisturbed', True), 'at least', BUSY_AIM)
        yield aim(f'the daemon with {members} idle containers, % of a CPU',
                  spread([r.get('idle_cpu') for r in beside]), 'at most', IDLE_CPU_AIM)


def add_aims(rows):
    for (where,), columns in group([r for r in rows if r['kind'] == 'add'], ['where']).items():
        found = columns['network']
        beyond = 'the device alone' if where == 'emulator' else 'the kernel alone'
        where = 'emulator' if where == 'emulator' else 'virtual machine'
        for percent in (50, 99):
            yield aim(f'add, {where}: p{percent}, ms', spread([r.get(f'p{percent}') for r in found]))
            yield aim(f'add, {where}: p{percent} of {beyond}, ms',
                      spread([r.get(f'without_p{percent}') for r in found]))
            bound = ('at most', ADD_AIM) if percent == 50 else ()
            yield aim(f'add, {where}: p{percent} beyond {beyond}, ms',
                      spread([r.get(f'beyond_p{percent}') for r in found]), *bound)


def back_aims(rows):
    for (members,), columns in group([r for r in rows if r['kind'] == 'back'], ['want']).items():
        found = [r['back'] / 1000 if 'back' in r else None for r in columns['network']]
        yield aim(f'killed with {members} containers: all served again after, s', spread(found),
                  'at most', BACK_AIM)


def gro_aims(rows):
    theirs = of_test(rows, 'gro', 'gro', 'rte_gro')
    for flows, ours in of_test(rows, 'gro', 'gro', 'ours').items():
        name = f'GRO, {flows} connection{"s" if flows > 1 else ""}, cycles a segment'
        yield aim(name, ours)
        yield aim(f'{name}: rte_gro', theirs[flows])


def switch_results(rows):
    figures, aims = joined_results(rows)
    for more in (copy_aims, veb_aims, share_aims, busy_aims, add_aims, back_aims, gro_aims):
        aims += more(rows)
    return {'figures': figures, 'aims': aims}


def switch_text(results, machine):
    if not results['aims']:
        return []
    figures = [[size_name(f['size']), JOINED[f['column']], show(f['mpps']), show(f['cycles']),
                show(f['undisturbed'])]
               for f in results['figures']]
    verdicts = {None: '–', True: 'yes', False: 'no'}
    aims = [[a['what'], a['asked'] or '–', show_spread(a['found']), verdicts[a['reached']]]
            for a in results['aims']]
    parts = ['## Switch',
             'Two containers through one lcore, each frame from the one to the other: cycles of it in rounds '
             'that moved some; undisturbed: without rounds in which somebody else had the processor.',
             table(['frame', 'joined by', 'Mpps', 'cycles', 'undisturbed'], figures),
             table(['what', 'asked', 'median (least..greatest)', 'reached'], aims)]
    if machine.get('no_ovs'):
        parts.insert(2, f"Without Open vSwitch: {machine['no_ovs']}.")
    elif machine.get('ovs'):
        parts.insert(2, f"Open vSwitch is Debian's {machine['ovs']}, with ports of DPDK 24.11's net_vhost.")
    return parts
