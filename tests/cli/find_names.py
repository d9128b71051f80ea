#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# find_names.py FIRN: what a save notes of the names that changed (catalog/catalog_names.c) hides nothing. A history is made at random,
# with all that changes one: saves, undo, deletions, forgotten paths, restores, moved directories. Then each name, path and ending
# is looked for twice: as it is, and by a pattern of which nothing is noted ("[n]ame"), for which all checkpoints are compared. And the
# log of each path is what the log of everything, for which all checkpoints are compared, too, says of this path.
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
NAMES = ['a', 'b.c', 'c.c', '.c', 'd.tar.gz', 'e*', '*.c', 'f', 'g.sql', '.h.sql', 'é.txt', 'x.', 'd']
DIRS = ['', 'd', 'd/e', 'b.c.d', 'f.d/f']


def run(*words, check=True):
    done = subprocess.run([firn, *words], capture_output=True, text=True)
    if check and done.returncode not in (0, 6):
        raise SystemExit(f'seed {seed}: {words}: {done.returncode} {done.stdout}{done.stderr}')
    return done


def change():
    where = os.path.join(chosen.choice(DIRS), chosen.choice(NAMES))
    kind = chosen.randrange(10)
    if os.path.isfile('d'):
        os.remove('d')
    elif os.path.isdir(where) and kind < 3 and not os.path.exists('aside'):
        os.rename(where, 'aside')
    elif os.path.isdir(where):
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
    elif os.path.isdir('aside') and not os.path.exists('d'):
        os.rename('aside', 'd')


def saved():
    return [checkpoint['number'] for checkpoint in json.loads(run('list', '--json').stdout)['checkpoints'] if checkpoint['number']]


def found(pattern):
    # Where only paths are compared, a renamed file counts as removed and added; the checkpoints are the same.
    done = run('find', '--json', '--', pattern, check=False)
    rows = [] if done.returncode == 3 else json.loads(done.stdout)['checkpoints']
    if '/' in pattern:
        rows = [row['checkpoint']['number'] for row in rows]
    return rows


def history(*words):
    # A path that no checkpoint contains is an error.
    done = run('log', '--all', '--names', '--json', *words, check=False)
    rows = [] if done.returncode == 3 else json.loads(done.stdout)['checkpoints']
    return [(row['checkpoint']['id'], row['changes']) for row in rows]


def changes_of(paths, changes):
    return [change for change in changes if any((change['path'] + '/').startswith(path + '/') for path in paths)]


def expected(everything, *paths):
    rows = [(number, changes_of(paths, changes)) for number, changes in everything]
    return [row for row in rows if row[1]]


def expected_followed(everything, renamed, path):
    numbers = []
    for (number, changes), (_, with_renames) in zip(everything, renamed):
        if changes_of([path], changes):
            numbers.append(number)
        added = [change for change in changes if change['path'] == path and change['change'] == 'added' and change['after']['type'] == 'file']
        before = [change['before']['path'] for change in with_renames if change['change'] == 'renamed' and change['path'] == path]
        path = before[0] if added and before else path
    return numbers


def compare_logs():
    everything, renamed = history('--no-renames'), history()
    paths = [os.path.join(d, n) for d in DIRS for n in NAMES + ['moved', 'back.c', 'nothing/f']] + DIRS[1:] + ['f.d', 'aside', 'aside/e/a', 'd/']
    for path in paths:
        if history('--no-renames', '--', path) != expected(everything, path.rstrip('/')):
            raise SystemExit(f'seed {seed}: the log of {path} differs')
        if [row[0] for row in history('--', path)] != expected_followed(everything, renamed, path.rstrip('/')):
            raise SystemExit(f'seed {seed}: the log that follows {path} differs')
    for _ in range(10):
        some = chosen.sample(paths[:-1], chosen.randrange(2, 5))
        if history('--no-renames', '--', *some) != expected(everything, *some):
            raise SystemExit(f'seed {seed}: the log of {some} differs')
    many = paths[:1] + [f'no/{i}' for i in range(300)]
    if history('--no-renames', '--', *many) != expected(everything, *many):
        raise SystemExit(f'seed {seed}: the log of {len(many)} paths differs')
    if history('--no-renames', '--', '.') != everything:
        raise SystemExit(f'seed {seed}: the log of the root differs')
    return 2 * len(paths)


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
    asked += compare_logs()
    print(f'count: {asked} patterns and paths looked for twice in a history of {len(saved())} checkpoints')
