#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Text files as C strings: embed.py OUTPUT SYMBOL=FILE..."""
import sys

with open(sys.argv[1], 'w', encoding='utf-8') as out:
    out.write('/* SPDX-License-Identifier: BSD-3-Clause */\n')
    for pair in sys.argv[2:]:
        symbol, name = pair.split('=', 1)
        with open(name, encoding='utf-8') as file:
            lines = [line.replace('\\', '\\\\').replace('"', '\\"').rstrip('\n') for line in file]
        out.write(f'extern const char {symbol}[];\nconst char {symbol}[] =\n' + ''.join(f'\t"{line}\\n"\n' for line in lines) + ';\n')
