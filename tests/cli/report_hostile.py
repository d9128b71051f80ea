#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/report_hostile.py: makes and changes files in the current directory, whose names and lines consist of what is special in
HTML, scripts, JSON and terminals. ../event becomes an event of a hook, with such a prompt and session, ../message a message. The seed
is appended to ../seed; SEED=N repeats a run.
"""
import json
import os
import random

seed = int(os.environ.get('SEED') or random.randrange(10**6))
with open('../seed', 'a') as file:
    print('seed', seed, file=file)
random.seed(seed)
PARTS = [b'</script>', b'</SCRIPT ', b'<script>', b'<!--', b'-->', b'<![CDATA[', b']]>', b'"', b"'", b'\\', b'\\u003c', b'\\"', b'&lt;', b'&', b'<', b'>',
         b'\x01', b'\x1b[31m', b'\x7f', b'\r', b'\n', b'\t', b'\xff', b'\xc3', b'\xe2\x80', '\u2028'.encode(), '\u2029'.encode(), '\u202e'.encode(),
         '\u2066'.encode(), '\u200b'.encode(), '\ufeff'.encode(), '\x85'.encode(), b'a', b' ', b'w ', '\u00e9'.encode(), '\U0001f600'.encode(), b'javascript:', b'onload=',
         b'</pre>', b'</mark>', b'</title>', b'</style>', b'{', b'}', b'[', b']', b',', b'`', b'${x}', b'%s', b'%n', b'__proto__', b'constructor']


def some(most):
    return b''.join(random.choice(PARTS) for _ in range(random.randint(1, most)))


def name():
    return some(12).replace(b'/', b'|')[:200]


for _ in range(60):
    with open(name(), 'wb') as file:
        file.write(b''.join(some(9) + b'\n' for _ in range(random.randint(0, 30))))
for old in random.sample(os.listdir(b'.'), 30):
    lines = open(old, 'rb').read().split(b'\n')
    for i in random.sample(range(len(lines)), (len(lines) + 2) // 3):
        words = lines[i].split(b' ')
        words[random.randrange(len(words))] = some(3)
        lines[i] = b' '.join(words)
    open(old, 'wb').write(b'\n'.join(lines))
for old in random.sample(os.listdir(b'.'), 5):
    new = name()
    if not os.path.exists(new):
        os.rename(old, new)
texts = [some(40).replace(b'\0', b'').decode('utf-8', 'replace') for _ in range(3)]
with open('../event', 'w') as file:
    json.dump({'prompt': texts[0], 'session_id': texts[1][:40]}, file)
with open('../message', 'w') as file:
    file.write(texts[2])
