# SPDX-License-Identifier: BSD-3-Clause
"""doc/support.md, made of the results that test/reach/run has kept in doc/results/support: a file a cell, a line a thing
that is known of it, "KEY WORDS", and "step NAME PASSED FAILED SKIPPED WORDS" for each thing that was tried."""
import glob
import os

FOLDER = 'doc/results/support'
HEAD = '''# What was built, what was run, and when

Written by `usertools/generate` from the results of the last `test/reach/run --record` of each cell, which are in
`doc/results/support`. A line is of the revision that it names. How it is run: [tests](../test/README.md).
"Cases" are cases of tests that passed, and of those that did not, how many failed or were skipped, with why in the logs of the run.
'''


def cells():
    """name: {key: words}; the steps of a cell in a list of their own."""
    found = {}
    for name in sorted(glob.glob(FOLDER + '/*')):
        cell = found.setdefault(os.path.basename(name), {'steps': {}})
        with open(name, encoding='utf-8') as file:
            for line in file:
                key, _, words = line.rstrip('\n').partition(' ')
                if key == '#':
                    continue
                if key == 'step':
                    step, passed, failed, skipped, *rest = words.split(' ', 4)
                    cell['steps'][step] = (int(passed), int(failed), int(skipped), ''.join(rest))
                else:
                    cell[key] = words
    return found


def told(cell, step):
    """A step's results, as a field of a table."""
    if step not in cell['steps']:
        return 'not run'
    passed, failed, skipped, what = cell['steps'][step]
    said = 'yes' if (passed, failed, skipped) == (1, 0, 0) else f'{passed} passed'
    if failed:
        said = f'{passed} passed, **{failed} failed**' if passed else '**no**'
    if skipped:
        said += f', {skipped} skipped'
    return said + (f' ({what})' if what else '')


def rows(heads, lines):
    return '\n| ' + ' | '.join(heads) + ' |\n|' + '---|' * len(heads) + '\n' + ''.join(
        '| ' + ' | '.join(line) + ' |\n' for line in lines)


def when(cell):
    return f'{cell["date"]}, {cell["revision"]}'


def dpdk_rows(found):
    steps = ('unit', 'native', 'install', 'system')
    lines = []
    for name, cell in found.items():
        suite = name.split('-')[0]
        if suite not in ('bookworm', 'trixie', 'sid'):
            continue
        if 'skipped' in cell:
            lines.append([suite, name.split('-')[1], '', 'not built: ' + cell['skipped'], *[''] * len(steps), '', when(cell)])
            continue
        lines.append([suite, cell.get('compiler', name.split('-')[1]), cell.get('dpdk', ''), told(cell, 'build'),
                      *(told(cell, step) for step in steps), cell.get('headers', ''), when(cell)])
    # releases in the order in which they came
    lines.sort(key=lambda line: (('bookworm', 'trixie', 'sid').index(line[0]), line[1].startswith('clang')))
    return rows(['Debian', 'compiler', 'DPDK', 'built without a warning', 'unit tests', 'on the emulator', 'installed and used',
                 'in a machine', 'driver headers', 'when'], lines)


def main_row(found):
    if 'main' not in found:
        return ''
    cell = found['main']
    return (f'\nDPDK\'s main ({cell["headers"]}): {cell["steps"]["api"][3]} ({cell["compiler"]}; {when(cell)}).\n')


def kernel_rows(found):
    lines = []
    for name, cell in found.items():
        if name.startswith('kernel-'):
            lines.append([name[len('kernel-'):], cell.get('kernel', ''),
                          cell.get('skipped') or told(cell, 'system'), when(cell)])
    return rows(['asked for', 'Linux', 'system groups: cases', 'when'], lines)


def arm64_rows(found):
    if 'arm64' not in found:
        return ''
    cell = found['arm64']
    lines = [[step, told(cell, step)] for step in cell['steps']] or [['', cell.get('skipped', '')]]
    return ('\n## arm64\n\n' + f'{cell.get("compiler", "")}; {when(cell)}.\n' + rows(['what', 'result'], lines))


def page():
    found = cells()
    return (HEAD + '\n## DPDK\n' + dpdk_rows(found) + main_row(found) + '\n## Kernels\n' + kernel_rows(found)
            + arm64_rows(found))


if __name__ == '__main__':
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    print(page(), end='')
