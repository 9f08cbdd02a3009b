# SPDX-License-Identifier: BSD-3-Clause
"""The report's part about pods that are added by CNI plug-ins."""
from figures import group, ratios, show, show_spread, spread, table

COLUMNS = {'ours': 'dpdk-vduse-cni', 'bridge': 'bridge, veth'}
KEYS = ('p50', 'p99', 'once_ms', 'machine_kib', 'rss_kib', 'bounce_kib', 'seen_kib')


def pods_results(rows):
    """Of each plug-in its figures, and how many times as long ours takes."""
    columns = group([r for r in rows if r['kind'] == 'pods'], ['kind']).get(('pods',), {})
    results = []
    for name, found in columns.items():
        result = {'column': name, 'pods': found[0].get('pods')}
        result.update({key: spread([r.get(key) for r in found]) for key in KEYS})
        if name != 'ours':
            # here less is better, and above 1 is how much longer ours takes
            result['longer'] = {key: ratios(columns.get('ours', []), found, key, False) for key in KEYS[:3]}
        results.append(result)
    return results


def pods_text(results, machine):
    if not results:
        return []
    rows = [[COLUMNS[r['column']]] + [show(r[key]) for key in KEYS] for r in results]
    longer = [f"{what} {show_spread(r['longer'][key])}" for r in results if 'longer' in r
              for key, what in (('p50', 'p50'), ('p99', 'p99'), ('once_ms', 'all at once'))]
    title = f"## {results[0]['pods']} pods by CNI, Linux {machine['vm_kernel']} in a virtual machine"
    head = ['plug-in', 'ADD until the interface is up, p50, ms', 'p99, ms', 'all at once, ms',
            "the machine's memory a pod, KiB", "of it the daemon's, KiB", 'bounce memory, KiB', 'of that the daemon has seen, KiB']
    return [title, table(head, rows), 'Ours over the other: ' + ', '.join(longer) + '.']
