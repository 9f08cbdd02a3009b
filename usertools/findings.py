# SPDX-License-Identifier: BSD-3-Clause
"""What usertools/generate writes into doc/troubleshooting.md: what vduse-doctor can find, by the calls of found() in
usertools/doctor/*.sh."""
import re
import shlex

SEVERITIES = ('fault', 'note', 'unseen')


def unfolded(text):
    """A statement on one line each, without comments."""
    lines = [line for line in text.split('\n') if not line.lstrip().startswith('#')]
    return re.sub(r'\s*\\\n\s*', ' ', '\n'.join(lines)).split('\n')


def words(statement):
    """Of a statement up to its end; None where it is no whole one yet, as with a list over several lines."""
    try:
        lexer = shlex.shlex(statement, posix=True, punctuation_chars=';&|')
        lexer.whitespace_split, lexer.commenters = True, ''
        found = []
        for word in lexer:
            if word in (';', '&&', '||', '|', ';;'):
                break
            found.append(word)
        return found
    except ValueError:
        return None


def in_brackets(text):
    """What is in front of the bracket that closes; None: it is not there yet."""
    quote, depth = '', 0
    for at, sign in enumerate(text):
        if quote or sign in '\'"':
            quote = '' if sign == quote else quote or sign
        elif sign in '()':
            depth += 1 if sign == '(' else -1
            if depth < 0:
                return text[:at]
    return None


def found(text):
    """(severity, subject, text, why, commands) of each call, with what variables of the function have."""
    values, lists, common, at, lines = {}, {}, {}, 0, unfolded(text)
    while at < len(lines):
        line = lines[at]
        # what a variable has first is what it has mostly: later ones are for one system or another
        if re.match(r'\w+\(\) \{', line):
            values, lists = {}, {}
        for name, plain, quoted in re.findall(r"""\b(\w+)=(?:'((?:[^']|'\\\\'')*)'|"((?:\$\([^()]*\)|[^"])*)")""", line):
            values.setdefault(name, plain.replace("'\\''", "'") or quoted)
        begin = re.search(r'\b(\w+)=\((.*)', line)
        if begin:
            body = begin.group(2)
            while in_brackets(body) is None:
                at += 1
                body += ' ' + lines[at].strip()
            for known in (lists, common):
                known.setdefault(begin.group(1), shlex.split(in_brackets(body)))
        call = re.search(r'\bfound (' + '|'.join(SEVERITIES) + r') .*', line)
        if call:
            statement = call.group(0)
            while words(statement) is None:
                at += 1
                statement += '\n' + lines[at]
            yield expanded(words(statement)[1:], values, {**common, **lists})
        at += 1


def expanded(said, values, lists):
    out = []
    for word in said:
        name = re.fullmatch(r'\$\{(\w+)\[@\]\}', word)
        if name:
            out += lists.get(name.group(1), [])
        elif re.fullmatch(r'\$\w+', word) and word[1:] in values:
            out.append(values[word[1:]])
        else:
            out.append(word)
    severity, subject, text = out[:3]
    return severity, subject, text, out[3] if len(out) > 3 else '', out[4:]


def shown(text):
    text = re.sub(r'\$\{(\w+)[^}]*\}', r'$\1', text)
    return re.sub(r'\$\([^()]*\)', '…', text).replace('|', '\\|').replace('\n', ' ').replace('<', '&lt;')


def command(text):
    text = re.sub(r'\$\{(\w+)[^}]*\}', r'$\1', text).replace('|', '\\|').replace('\\\\n', '\\n')
    return f'`{text}`' if '`' not in text else f'`` {text} ``'


def rows(files):
    """files: (name, text)."""
    out = ''
    subjects = {}
    for _, text in files:
        for severity, subject, what, why, cures in found(text):
            subjects.setdefault(subject, []).append((severity, what, why, cures))
    for subject, findings in subjects.items():
        # one of several, by a variable
        subject = 'Podman, containerd, CRI-O' if subject.startswith('$') else subject
        out += f'\n### {subject}\n\n| it says | because | do |\n|---|---|---|\n'
        for severity, what, why, cures in findings:
            cures = '<br>'.join(command(cure) for cure in cures)
            out += f'| {severity}: {shown(what)} | {shown(why)} | {cures} |\n'
    return out + '\n'
