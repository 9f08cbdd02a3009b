#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is served in OpenMetrics, read by Debian's python3-prometheus-client, against what vdusectl prints of the
same node: metrics_same.py FOLDER with containers, uplinks and lcores (JSON), open (the text), list (--list)."""
import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

# whose counters go on between two looks: all but those of the container that was sent as much as it was
STANDS = ('container', 'c1')


def read(name):
    with open(f'{sys.argv[1]}/{name}', encoding='utf-8') as file:
        return file.read()


samples, families = {}, {}
for family in text_string_to_metric_families(read('open')):
    assert family.documentation and family.type in ('counter', 'gauge'), family
    assert not family.unit or family.name.endswith('_' + family.unit), family
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in samples, key
        samples[key] = sample.value
        families[sample.name] = family

listed = [line.split('\t') for line in read('list').splitlines()]
assert len({row[0] for row in listed}) == len(listed)
for name, kind, labels, text in listed:
    # one without samples is described all the same
    assert f'# HELP {name.removesuffix("_total")} {text}\n' in read('open'), name
    if name in families:
        assert families[name].type == kind, name
        for key in samples:
            if key[0] == name:
                assert sorted(dict(key[1])) == sorted(filter(None, labels.split(', '))), key
assert {key[0] for key in samples} <= {row[0] for row in listed}

values = {}
for (name, labels), value in samples.items():
    labels = dict(labels)
    for owner in ('container', 'uplink', 'lcore'):
        if name.startswith(f'vduse_{owner}_'):
            values.setdefault((owner, labels[owner]), []).append((labels.get('reason'), value))

for owner, field in (('container', 'name'), ('uplink', 'name'), ('lcore', 'lcore')):
    items = json.loads(read(owner + 's'))
    assert items, owner
    for item in items:
        there = values[owner, str(item[field])]
        for key, value in item['statistics'].items():
            reason = key.split('drop ', 1)[1] if 'drop ' in key else None
            assert any(r == reason for r, _ in there), key
            if (owner, item[field]) == STANDS:
                assert (reason, value) in there, (key, value)
        # each one has a sample, beside those that are states
        states = {'container': 3, 'uplink': 2, 'lcore': 1}[owner]
        assert len(there) == len(item['statistics']) + states, (owner, len(there), len(item['statistics']))
print(len(samples), 'samples')
