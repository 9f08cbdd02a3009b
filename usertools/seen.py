# SPDX-License-Identifier: BSD-3-Clause
"""What usertools/generate writes into doc/telemetry.md: the driver's xstats and the telemetry's answers, by the tables
and calls of the sources. What a telemetry key means stays as the page has it; a new one begins without, which is an
error of usertools/generate."""
import re

DIRECTIONS = {'XSTAT_RX': ('rx', ''), 'XSTAT_TX': ('', 'tx'), 'XSTAT_RX | XSTAT_TX': ('rx', 'tx')}


def counters(header):
    """field: its comment, of struct rte_vduse_net_queue_stats."""
    body = re.search(r'struct rte_vduse_net_queue_stats \{(.*?)\n\};', header, re.S).group(1)
    return {name: re.sub(r'\s+|^ *(de|en)queue:', ' ', text).strip()
            for name, text in re.findall(r'uint64_t (\w+)(?:\[\w+\])?;\s*/\*\*<(.*?)\*/', body, re.S)}


LISTED = r'XSTAT\("(\w+)", (\w+)(?:\[\d\])?, ([\w |]+)\)'


def endpoint(source, header, text):
    """The file for DPDK's exporter, with the same."""
    meaning = counters(header)
    rows = ''.join(f'    ({name!r}, {meaning[field]!r}),\n' for name, field, _ in re.findall(LISTED, source))
    begin, end = '    # xstats: written by usertools/generate\n', '    # end of xstats\n'
    head, rest = text.split(begin)
    return head + begin + rows + end + rest.split(end)[1]


def xstats(source, header):
    meaning = counters(header)
    rows = '\n| xstat | from the driver | to it | meaning |\n|---|---|---|---|\n'
    listed = re.findall(LISTED, source)
    for name, field, directions in listed:
        rx, tx = DIRECTIONS[directions]
        rows += f'| `{name}` | {rx} | {tx} | {meaning[field]} |\n'
    without = set(meaning) - {field for _, field, _ in listed}
    return rows + '\n', [f'the counter {field} is no xstat' for field in sorted(without)]


def keys(bodies, name, prefix=''):
    """What a function adds to its answer, in its order, with what those that it calls add to containers."""
    inner = re.search(r'sizeof\(name\), "(\w+)%u"', bodies[name])
    found = []
    for key, form, called, quoted in re.findall(
            r'(?:add_dict_\w+|tel_add_uint|tel_hex|tel_bits)\(\s*\w+, "(\w+)"|sizeof\(name\), "%s(\w+)"'
            r'|\b(tel_queue|tel_space)\(|^\t\t"(\w+)",$', bodies[name], re.M):
        if called:
            found += keys(bodies, called, inner.group(1) + 'N.')
        else:
            found.append(prefix + (key or quoted or 'REQUEST' + form))
    return found


def said(page):
    """(command, key): meaning, of the page as it is."""
    meanings, command = {}, ''
    for line in page.split('\n'):
        head = re.match(r'### `(/vduse/\w+)', line)
        command = head.group(1) if head else command
        row = re.match(r'\| `([^`]+)` \| (.*?) ?\|$', line)
        if row and command:
            meanings[command, row.group(1)] = row.group(2)
    return meanings


def telemetry(source, page):
    bodies = dict(re.findall(r'^(tel_\w+)\([^)]*\)\n\{(.*?)^\}', source, re.M | re.S))
    meanings, text, without = said(page), '', []
    for command, visit, about in re.findall(r'\{ "(/vduse/\w+)", (\w+), "([^"]*)" \}', source):
        text += f'\n### `{command},NAME`\n\n{about.split(" Parameters")[0]}\n\n| key | meaning |\n|---|---|\n'
        for key in keys(bodies, visit):
            meaning = meanings.get((command, key), '')
            text += f'| `{key}` | {meaning} |\n'
            if not meaning:
                without.append(f'doc/telemetry.md does not say what {key} of {command} is')
    return text + '\n', without
