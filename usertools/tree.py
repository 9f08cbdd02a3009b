# SPDX-License-Identifier: BSD-3-Clause
"""The files of the project, for scripts that read them; also where git is not, or the tree came without it."""
import os
import re
import subprocess

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
NOT_OURS = re.compile(r'(build[^/]*|\.git|config/sdk)/')


def files(*suffixes):
    """Known to git, or new and not ignored, in order; with one of these endings. Relative to the top."""
    git = ['git', 'ls-files', '--cached', '--others', '--exclude-standard']
    try:
        found = subprocess.run(git, cwd=TOP, capture_output=True, text=True, check=False)
        names = found.stdout.splitlines() if found.returncode == 0 else None
    except FileNotFoundError:
        names = None
    if names is None:
        names = [os.path.relpath(os.path.join(d, f), TOP) for d, _, fs in os.walk(TOP) for f in fs]
        names = [name for name in names if not NOT_OURS.match(name)]
    return sorted(name for name in names
                  if os.path.isfile(os.path.join(TOP, name)) and (not suffixes or name.endswith(suffixes)))
