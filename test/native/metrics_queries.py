#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is asked of Prometheus: metrics_queries.py names FILE LIST: every metric that the dashboard or the alerts of FILE
name is one of LIST (dpdk-vduse-metrics --list), and every alert has a test in TESTS, where it is given.
metrics_queries.py dashboard FILE: its queries, a line each, as Grafana would send them."""
import json
import re
import sys

import yaml

# what Grafana puts there
FILLED = {'$__rate_interval': '10s', '$network': '.*', '$container': '.*'}


def filled(query):
    for name, value in FILLED.items():
        query = query.replace(name, value)
    assert '$' not in query, query
    return query


def dashboard(name):
    with open(name, encoding='utf-8') as file:
        page = json.load(file)
    for panel in page['panels']:
        assert panel['title'] and panel['targets'], panel
        for target in panel['targets']:
            yield filled(target['expr'])
    for variable in page['templating']['list']:
        if variable['type'] == 'query':
            yield filled(re.fullmatch(r'label_values\((.*), \w+\)', variable['definition']).group(1))


def alerts(name):
    with open(name, encoding='utf-8') as file:
        for group in yaml.safe_load(file)['groups']:
            yield from group['rules']


what, path, *more = sys.argv[1:]
if what == 'dashboard':
    print('\n'.join(dict.fromkeys(dashboard(path))))
    sys.exit()
with open(more[0], encoding='utf-8') as listing:
    known = {line.split('\t')[0] for line in listing}
queries = list(dashboard(path)) if path.endswith('.json') else [rule['expr'] for rule in alerts(path)]
named = {metric for query in queries for metric in re.findall(r'\bvduse_\w+', query)}
print(len(queries), 'queries,', len(named), 'metrics')
assert named, path
assert named <= known, named - known
if len(more) > 1:
    with open(more[1], encoding='utf-8') as tests:
        tested = {test['name'] for test in yaml.safe_load(tests)['tests']}
    assert tested == {rule['alert'] for rule in alerts(path)}
