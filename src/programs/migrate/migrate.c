/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate.c: a database of another engine, from its files to keyspaces and tables of a
 * store.
 *
 * The source is opened before the store, so that one that cannot be read makes no store. Then it is
 * read once, from the first keyspace to the last: what is read goes into a bulk load
 * (migrate_sink.c), and little of it is in memory at any time. After a failure the store has
 * nothing of it.
 */
#include "migrate/migrate_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

struct fi_migrate {
    struct fi_cli *cli;
    const char *path;
    bool is_sqlite;
    struct fi_migrate_child child;
    struct fi_migrate_sqlite *sqlite;
};

/* ---- the interface ---- */

static fi_migrate_reader *
reader_of(const char *kind)
{
    return strcmp(kind, "rocksdb") == 0   ? fi_migrate_sorted_rocksdb
           : strcmp(kind, "leveldb") == 0 ? fi_migrate_sorted_leveldb
           : strcmp(kind, "lmdb") == 0    ? fi_migrate_lmdb_read
                                          : NULL;
}

int
fi_migrate_open(struct fi_cli *cli, const char *kind, const char *path, struct fi_migrate **out)
{
    assert(cli != NULL);
    firn_error err;
    bool is_sqlite = strcmp(kind, "sqlite") == 0;
    fi_migrate_reader *reader = reader_of(kind);
    *out = NULL;
    if (!is_sqlite && reader == NULL) {
        return fi_command_misused(cli, "--from must be rocksdb, leveldb, lmdb or sqlite, not '%s'",
                                  kind);
    }
    struct fi_migrate *migrate = calloc(1, sizeof(*migrate));
    if (migrate == NULL) {
        return fi_command_report_no_memory(cli);
    }
    *out = migrate;
    migrate->cli = cli;
    migrate->path = path;
    migrate->is_sqlite = is_sqlite;
    migrate->child.pid = -1;
    migrate->child.fd = -1;
    int code = FIRN_OK;
    char *real = realpath(path, NULL);
    if (real == NULL) {
        code = fi_migrate_fail(&err, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO,
                               "could not open '%.400s': %s", path, strerror(errno));
    } else if (is_sqlite) {
        code = fi_migrate_sqlite_open(real, &migrate->sqlite, &err);
    } else {
        code = fi_migrate_child_start(&migrate->child, reader, real, &err);
    }
    free(real);
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
}

int
fi_migrate_load(struct fi_migrate *migrate, firn_store *store)
{
    assert(migrate != NULL && store != NULL);
    firn_error err;
    firn_error undo_err;
    struct fi_cli *cli = migrate->cli;
    struct fi_migrate_sink *sink = NULL;
    uint64_t left_out = 0;
    int code = fi_migrate_sink_create(store, &sink, &err);
    if (code == FIRN_OK) {
        code = migrate->is_sqlite
                   ? fi_migrate_sqlite_read(migrate->sqlite, sink, cli->strict, &left_out, &err)
                   : fi_migrate_child_read(&migrate->child, sink, &err);
    }
    fi_term_meter_clear();
    int exit_code = left_out > 0 ? FI_EXIT_PARTIAL : FI_EXIT_OK;
    if (code == FIRN_OK) {
        fi_migrate_sink_show(sink, cli);
        fi_term_json_u64("left_out", left_out);
    } else {
        int undo = sink == NULL ? FIRN_OK : fi_migrate_sink_undo(sink, &undo_err);
        exit_code = fi_command_report_failure(
            cli, &err,
            code == FIRN_EXISTS ? "import into a new store, or drop or rename what has that name"
                                : NULL);
        if (undo != FIRN_OK) {
            fi_command_report_line("could not remove what was imported before: %s", undo_err.text);
        }
    }
    fi_migrate_sink_destroy(sink);
    return exit_code;
}

void
fi_migrate_close(struct fi_migrate *migrate)
{
    if (migrate != NULL) {
        fi_migrate_child_end(&migrate->child);
        fi_migrate_sqlite_close(migrate->sqlite);
        free(migrate);
    }
}
