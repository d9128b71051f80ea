/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate.h: reading a database of another engine into a store.
 */
#ifndef FIRN_MIGRATE_MIGRATE_H
#define FIRN_MIGRATE_MIGRATE_H

#include "command/command.h"

struct firn_migrate;

/* Opens a database for reading; kind is "rocksdb", "leveldb", "lmdb" or "sqlite". To be called before the store is
 * opened: a process is forked. Returns an exit code. *out is to be closed in any case. */
int firn_migrate_open(struct firn_cli *cli, const char *kind, const char *path,
                      struct firn_migrate **out);
/* Loads all of it into a store, and shows what was loaded. If it fails nothing of it is left in the store. Returns an exit
 * code. */
int firn_migrate_load(struct firn_migrate *migrate, firn_store *store);
/* NULL is allowed. */
void firn_migrate_close(struct firn_migrate *migrate);

#endif
