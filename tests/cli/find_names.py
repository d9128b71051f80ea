#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# find_names.py FIRN: what a save notes of the names that changed (catalog/catalog_names.c) hides nothing. A history is made at random,
# with all that changes one: saves, undo, deletions, forgotten paths, restores, moved directories. Then each name, path and ending
# is looked for twice: as it is, and by a pattern of which nothing is noted ("[n]ame"), for which all checkpoints are compared.
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

firn = os.path.abspath(sys.argv[1])
seed = int(os.environ.get('FIRN_TEST_SEED', random.randrange(1 << 32)))
chosen = random.Random(seed)
NAMES = ['a', 'b.c', 'c.c', '.c', 'd.tar.gz', 'e*', '*.c', 'f', 'g.sql', '.h.sql', 'é.txt', 'x.']
DIRS = ['', 'd', 'd/e', 'b.c.d', 'f.d/f']


def run(*words, check=True):
    done = subprocess.run([firn, *words], capture_output=True, text=True)
    if check and done.returncode not in (0, 6):
        raise SystemExit(f'seed {seed}: {words}: {done.returncode} {done.stdout}{done.stderr}')
    return done


def change():
    where = os.path.join(chosen.choice(DIRS), chosen.choice(NAMES))
    kind = chosen.randrange(10)
    if os.path.isdir(where):
        shutil.rmtree(where)
    elif kind < 6:
        os.makedirs(os.path.dirname(where) or '.', exist_ok=True)
        with open(where, 'w') as out:
            out.write(chosen.choice(['', 'one\n', f'{chosen.random()}\n']))
    elif kind < 7 and os.path.isfile(where):
        os.chmod(where, chosen.choice([0o600, 0o644, 0o755]))
    elif kind < 8 and os.path.isfile(where):
        os.remove(where)
    elif os.path.isfile(where) and not os.path.exists('moved'):
        os.rename(where, os.path.join(os.path.dirname(where), 'moved'))
    elif os.path.isfile('moved'):
        os.rename('moved', 'back.c')


def saved():
    return [checkpoint['number'] for checkpoint in json.loads(run('list', '--json').stdout)['checkpoints'] if checkpoint['number']]


def found(pattern):
    # Where only paths are compared, a renamed file counts as removed and added; the checkpoints are the same.
    done = run('find', '--json', '--', pattern, check=False)
    rows = [] if done.returncode == 3 else json.loads(done.stdout)['checkpoints']
    if '/' in pattern:
        rows = [row['checkpoint']['number'] for row in rows]
    return rows


with tempfile.TemporaryDirectory() as work:
    os.environ.update(HOME=work, XDG_DATA_HOME=work + '/data', XDG_CONFIG_HOME=work + '/config')
    os.mkdir(work + '/w')
    os.chdir(work + '/w')
    for step in range(60):
        for _ in range(chosen.choice([0, 1, 1, 2, 3, 40])):
            change()
        kind = chosen.randrange(20)
        if kind == 0:
            run('undo', check=False)
        elif kind == 1 and len(saved()) > 3:
            run('delete', '--now', str(chosen.choice(saved())), check=False)
        elif kind == 2:
            run('forget', '-y', os.path.join(chosen.choice(DIRS[1:]), chosen.choice(NAMES)), check=False)
        elif kind == 3 and saved():
            run('restore', str(chosen.choice(saved())), check=False)
        run('save', '-q')
    asked = 0
    patterns = NAMES + ['moved', 'd', 'nothing', '*.d'] + [os.path.join(d, n) for d in DIRS[1:] for n in NAMES[:4]]
    for pattern in patterns + ['*.c', 'b*.c', '*.sql', 'd/*.c', '**/*.gz', '*.tar.gz', '*.']:
        at = pattern.rfind('.') if '.' in pattern else pattern.rfind('/') + 1
        by_walk = f'{pattern[:at]}[{pattern[at]}]{pattern[at + 1:]}'
        if found(pattern) != found(by_walk):
            raise SystemExit(f'seed {seed}: {pattern} and {by_walk} differ')
        asked += 1
    if found('b[/.c]c') != found('[/b][.c]c'):
        raise SystemExit(f'seed {seed}: a slash in brackets begins a name')
    print(f'count: {asked} patterns looked for twice in a history of {len(saved())} checkpoints')
