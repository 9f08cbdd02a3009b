# SPDX-License-Identifier: BSD-3-Clause
"""The manual, made of the Markdown pages where they are (doc/build, doc/index.md)."""
import fnmatch
import glob
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')

project = 'dpdk-vduse'
author = 'the dpdk-vduse contributors'
project_copyright = author
with open(os.path.join(TOP, 'VERSION'), encoding='utf-8') as file:
    version = release = file.read().strip()

# The source folder is the whole tree: links between pages are those that a reader of the repository follows.
root_doc = 'doc/index'
include_patterns = ['doc/**.md', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'test/README.md']
exclude_patterns = []
extensions = ['myst_parser']
source_suffix = {'.md': 'markdown'}
# as the forge makes them
myst_heading_anchors = 4

html_theme = 'alabaster'
html_title = f'dpdk-vduse {version}'
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_sidebars = {'**': ['about.html', 'searchbox.html', 'localtoc.html', 'navigation.html']}
html_theme_options = {
    'description': 'Normal containers on a DPDK data plane',
    'fixed_sidebar': True,
    'show_powered_by': False,
    'page_width': '76em',
    'body_max_width': 'auto',
}
# what pages quote has no language unless they say so
highlight_language = 'text'


def links_to_man():
    """Links to what doc/build makes of the man pages."""
    names = sorted(os.path.basename(name) for room in ('app/*', 'drivers/net/*', 'usertools')
                   for name in glob.glob(os.path.join(TOP, room, '*.[1-8]')))
    return ',\n'.join(f'<a href="../man/{name}.html">{name[:-2]}({name[-1]})</a>' for name in names)


def rest_of_pages(app, docname, source):
    """Pages that no list of index.md names stand where it has the line OTHERS, man pages where it has MAN."""
    if docname != root_doc:
        return
    named = {root_doc}
    for block in re.findall(r'^```\{toctree\}\n(.*?)^```', source[0], re.M | re.S):
        for entry in re.findall(r'^(?!:)(?:.*<(.+)>|(.+))$', block, re.M):
            entry = ''.join(entry)
            pattern = entry[1:] if entry[0] == '/' else 'doc/' + entry
            named.update(fnmatch.filter(app.env.found_docs, pattern))
    others = sorted(app.env.found_docs - named)
    source[0] = source[0].replace('OTHERS\n', ''.join(f'/{name}\n' for name in others))
    source[0] = source[0].replace('MAN\n', links_to_man() + '\n')


def setup(app):
    app.connect('source-read', rest_of_pages)
