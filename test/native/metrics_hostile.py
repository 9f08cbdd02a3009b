#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients that do not behave: metrics_hostile.py ADDRESS:PORT PID. None keeps another from its answer, and nothing is
left of them."""
import os
import socket
import sys
import threading
import urllib.error
import urllib.request

host, port = sys.argv[1].rsplit(':', 1)
fds = f'/proc/{sys.argv[2]}/fd'
# there to fail at last
PATIENCE = 120


def connect(data=b''):
    client = socket.create_connection((host, int(port)), timeout=PATIENCE)
    client.sendall(data)
    return client


def ask(path='/metrics', method='GET'):
    request = urllib.request.Request(f'http://{host}:{port}{path}', method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def refused(path, method, status):
    try:
        ask(path, method)
    except urllib.error.HTTPError as error:
        assert error.code == status, (path, method, error.code)
        return
    raise AssertionError((path, method))


def closed(client):
    """It is cut off; what was under way does not matter."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass


assert ask().startswith(b'# HELP vduse_up ')
assert b'/metrics' in ask('/')
assert ask(method='HEAD') == b''
for path in ('/metricsx', '/metrics/', '/../etc/passwd', '/%2e%2e/metrics', '//metrics'):
    refused(path, 'GET', 404)
for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'BREW'):
    refused('/metrics', method, 405)
before = len(os.listdir(fds))

# half a request each, more than there is room for: who comes later is answered at once all the same
slow = [connect(b'GET /metrics HTTP/1.1\r\nHost: x\r\nX: ') for _ in range(300)]
assert ask().startswith(b'# HELP vduse_up ')
assert len(os.listdir(fds)) < before + 140
# the first ones were cut off for it
for client in slow[:200]:
    closed(client)
for client in slow:
    client.close()

# who does not read
lazy = [connect(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' * 200) for _ in range(40)]
assert ask().startswith(b'# HELP vduse_up ')
for client in lazy:
    client.close()

# no HTTP at all, and too much of it
for data in (b'\0' * 4096, b'GET /metrics\r\n\r\n', b'{"method":"x"}\0', b'GET ' + b'/' * 200000 + b' HTTP/1.1\r\n\r\n',
             b'GET /metrics HTTP/1.1\r\n' + b'X: y\r\n' * 50000 + b'\r\n',
             b'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n' + b'x' * 100000,
             b'POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n'):
    client = connect()
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    closed(client)
    client.close()
    assert ask().startswith(b'# HELP vduse_up ')

# many that behave, at once
answers = []
threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(answers) == 50 and all(a.startswith(b'# HELP vduse_up ') for a in answers)

while len(os.listdir(fds)) > before:
    ask()
