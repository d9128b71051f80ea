/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate.h: reading a database of another engine into a store.
 */
#ifndef FIRN_MIGRATE_MIGRATE_H
#define FIRN_MIGRATE_MIGRATE_H

#include "command/command.h"

struct fi_migrate;

/* Opens a database for reading; kind is "rocksdb", "leveldb", "lmdb" or "sqlite". To be called
 * before the store is opened: a process is forked. Returns an exit code. *out is to be closed in
 * any case. */
int fi_migrate_open(struct fi_cli *cli, const char *kind, const char *path,
                    struct fi_migrate **out);
/* Loads all of it into a store, and shows what was loaded. If it fails nothing of it is left in the
 * store. Returns an exit code. */
int fi_migrate_load(struct fi_migrate *migrate, firn_store *store);
/* NULL is allowed. */
void fi_migrate_close(struct fi_migrate *migrate);

/* ---- files of Alopex: migrate_alopex.c ---- */

enum fi_migrate_alopex_kind {
    /* a database, or a part of it: a container, a directory, a table, a log */
    FI_MIGRATE_ALOPEX_STORE,
    FI_MIGRATE_ALOPEX_ALXS /* a sorted table */
};
struct fi_migrate_alopex;

/* Reads all of it, and sorts it below TMPDIR; reports what cannot be read. is_damaged_taken: of a
 * damaged ALXS table, too, the records that can be read. Returns an exit code. *out is to be closed
 * in any case. */
int fi_migrate_alopex_open(struct fi_cli *cli, enum fi_migrate_alopex_kind kind, const char *path,
                           bool is_damaged_taken, struct fi_migrate_alopex **out);
/* Loads it into a keyspace, which must not exist, of a store, or only counts it if that is NULL;
 * shows what was loaded. If it fails nothing of it is left in the store. Returns an exit code. */
int fi_migrate_alopex_load(struct fi_migrate_alopex *alopex, firn_store *store,
                           const char *keyspace);
/* NULL is allowed. */
void fi_migrate_alopex_close(struct fi_migrate_alopex *alopex);

#endif
