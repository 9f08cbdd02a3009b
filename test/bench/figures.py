# SPDX-License-Identifier: BSD-3-Clause
"""What the parts of the report share: figures of rounds, their ratios, and tables of them."""
import collections
import statistics


def spread(values):
    """Median, least and greatest; None if there is nothing."""
    values = [v for v in values if v]
    if not values:
        return None
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values),
            'rounds': len(values)}


def by_round(rows, key):
    return {row['round']: row[key] for row in rows if row.get(key)}


def ratios(ours, peer, key, less_is_better):
    """Of the rounds that have both."""
    a, b = by_round(ours, key), by_round(peer, key)
    both = sorted(set(a) & set(b))
    return spread([b[r] / a[r] if less_is_better else a[r] / b[r] for r in both])


def group(rows, keys):
    places = collections.OrderedDict()
    for row in rows:
        columns = places.setdefault(tuple(row.get(k) for k in keys), collections.OrderedDict())
        columns.setdefault(row['column'], []).append(row)
    return places


def number(value):
    if value >= 1000:
        return f'{value:.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def show(found):
    return number(found['median']) if found else '–'


def show_spread(found):
    if not found:
        return '–'
    return f"{found['median']:.2f} ({found['min']:.2f}..{found['max']:.2f})"


def size_name(size):
    return '64 KiB' if size == 65226 else f'{size} B'


def table(head, rows):
    """Markdown, in columns that line up, so that it reads on a terminal too."""
    cells = [[str(c) for c in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ['| ' + ' | '.join(c.ljust(w) for c, w in zip(row, widths)) + ' |' for row in cells]
    lines.insert(1, '|' + '|'.join('-' * (w + 2) for w in widths) + '|')
    return '\n'.join(lines)
