#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A shell for who looks at a failed case.

  shell.py connect SOCKET             stdin and stdout to the shell behind a socket, until SIGTERM or its end
  shell.py serve SOCKET COMMAND...    the command on a terminal of its own, for the first who connects

Who connects says so with a line: what is written before that would be lost in a machine's serial port.
"""
import os
import pty
import select
import shutil
import signal
import socket
import struct
import sys
import termios
import tty
import fcntl


def connected(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.sendall(b'\n')
    return peer


class Asked(Exception):
    """To end, by a signal."""


def asked(_number, _frame):
    raise Asked


def copy_out(peer):
    """To stdout; False at the end."""
    data = peer.recv(65536)
    os.write(1, data)
    return bool(data)


def talk(peer):
    """Where stdin is at its end, so is the shell: it is told until it hears it."""
    watched, wait = [0, peer], None
    while True:
        ready = select.select(watched, [], [], wait)[0]
        if 0 in ready:
            data = os.read(0, 4096)
            if data:
                peer.sendall(data)
            else:
                watched, wait = [peer], 0.5
        if not ready:
            peer.sendall(b'\x04')
        if peer in ready and not copy_out(peer):
            return


def connect(path):
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    signal.signal(signal.SIGTERM, asked)
    peer = connected(path)
    try:
        if saved:
            tty.setraw(0)
        talk(peer)
    except Asked:
        # what was written before the signal is there
        peer.setblocking(False)
        try:
            while copy_out(peer):
                pass
        except BlockingIOError:
            pass
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def pump(terminal, peer):
    """Until the command has ended, and all it said is out."""
    while True:
        ready = select.select([terminal, peer], [], [])[0]
        if peer in ready:
            data = peer.recv(4096)
            if not data:
                return
            os.write(terminal, data)
        if terminal in ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                return
            peer.sendall(data)


def serve(path, command):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    print('shell open', flush=True)
    peer = server.accept()[0]
    peer.recv(1)
    size = shutil.get_terminal_size()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', size.lines, size.columns, 0, 0))
    pump(terminal, peer)
    os.close(terminal)
    os.waitpid(pid, 0)
    os.unlink(path)
    print('shell closed', flush=True)


if sys.argv[1] == 'connect':
    connect(sys.argv[2])
else:
    serve(sys.argv[2], sys.argv[3:])
