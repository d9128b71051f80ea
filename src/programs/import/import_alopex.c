/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_alopex.c: firn import alopex and firn import alexs: databases and sorted tables of
 * Alopex become a keyspace.
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "import/import_internal.h"
#include "migrate/migrate.h"
#include "term/term.h"
#include "term/term_try.h"

/* The store, unless it is named: NAME.firn in the current directory. Returns false if FILE has no
 * name. */
static bool
name_store(const char *file, char out[PATH_MAX])
{
    static const char *const endings[] = {".alopex.d", ".alopex", ".sst", ".alxs"};
    size_t size = strlen(file);
    while (size > 1 && file[size - 1] == '/') {
        size--;
    }
    size_t begin = size;
    while (begin > 0 && file[begin - 1] != '/') {
        begin--;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);
        if (size - begin > ending && strncmp(file + size - ending, endings[i], ending) == 0) {
            size -= ending;
            break;
        }
    }
    int written = snprintf(out, PATH_MAX, "%.*s.firn", (int)(size - begin), file + begin);
    return size > begin && file[begin] != '.' && written > 0 && written < PATH_MAX;
}

static int
import_alopex_run(struct fi_cli *cli, enum fi_migrate_alopex_kind kind, bool is_damaged_taken)
{
    char named[PATH_MAX];
    const char *path = cli->argument_count > 1 ? cli->arguments[1] : named;
    const char *keyspace = fi_command_value(cli, "keyspace");
    bool is_dry = fi_command_has(cli, "dry-run");
    firn_store *store = NULL;
    struct fi_migrate_alopex *alopex = NULL;
    if (cli->arguments[0][0] == '\0' || (keyspace != NULL && keyspace[0] == '\0')) {
        return fi_command_misused(cli, "FILE or a keyspace's name is empty");
    }
    if (path == named && !name_store(cli->arguments[0], named)) {
        return fi_command_misused(cli, "name the STORE: '%s' gives it no name", cli->arguments[0]);
    }
    int exit_code;
    FI_TRY_OUT(exit_code,
               fi_migrate_alopex_open(cli, kind, cli->arguments[0], is_damaged_taken, &alopex));
    if (!is_dry) {
        FI_TRY_OUT(exit_code, fi_data_store_open(cli, path, FI_DATA_STORE_LOAD_OR_MAKE, &store));
    }
    exit_code = fi_migrate_alopex_load(alopex, store, keyspace != NULL ? keyspace : "default");
out:
    fi_migrate_alopex_close(alopex);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_alopex(struct fi_cli *cli)
{
    return import_alopex_run(cli, FI_MIGRATE_ALOPEX_STORE, false);
}

static int
run_alexs(struct fi_cli *cli)
{
    return import_alopex_run(cli, FI_MIGRATE_ALOPEX_ALXS, fi_command_has(cli, "damaged"));
}

const struct fi_command fi_import_alopex = {
    .name = "alopex",
    .summary = "Import a database of Alopex",
    .arguments = "FILE [STORE]",
    .options =
        (const struct fi_command_option[]){
            {"keyspace", 'k', "NAME", "the keyspace to make (default: default)"},
            {"dry-run", 'n', NULL, "read FILE and count, without importing"},
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "FILE is a database NAME.alopex, its directory (of any version, with tables and a\n"
            "log), one table or log of it, or the log of a memory store. Its keys, each with its\n"
            "newest value, become a keyspace, which must not exist yet, of STORE (default:\n"
            "NAME.firn in the current directory), which is created if there is none. Keys and\n"
            "values are copied byte for byte; rows of SQL tables are the entries by which Alopex\n"
            "stores them.\n"
            "\n"
            "FILE is only read, and must not be open in another process. Every block of a table\n"
            "and every entry of the log has its checksum: what is damaged is left out and named,\n"
            "and the exit code is 6; with --strict nothing is imported. The keyspace is loaded in\n"
            "one commit; then its entries are counted and compared.",
    .examples =
        (const struct fi_command_example[]){
            {"firn import alopex app.alopex", "make app.firn of a database"},
            {"firn import alopex app.alopex.d/sst/3.sst old.firn -n", "count what a table has"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = run_alopex,
};

const struct fi_command fi_import_alopex_alexs = {
    .name = "alexs",
    .summary = "Import a sorted table of Alopex",
    .arguments = "FILE [STORE]",
    .options =
        (const struct fi_command_option[]){
            {"keyspace", 'k', "NAME", "the keyspace to make (default: default)"},
            {"damaged", 0, NULL, "import what can be read of a damaged table"},
            {"dry-run", 'n', NULL, "read FILE and count, without importing"},
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "FILE begins with ALXS. Its records become a keyspace, which must not exist yet, of\n"
            "STORE (default: NAME.firn in the current directory), which is created if there is\n"
            "none; if a key occurs more than once its last record counts. To add to a keyspace,\n"
            "use firn alxs load.\n"
            "\n"
            "The format has one checksum, of all records: if it is wrong, no record is known to\n"
            "be intact, and nothing is imported. With --damaged, the records are imported up to\n"
            "the first size or key that is impossible. They may be wrong. All damage is named,\n"
            "and the exit code is 6.",
    .examples =
        (const struct fi_command_example[]){
            {"firn import alexs wal.sst app.firn -k users", "make the keyspace users"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = run_alexs,
};
