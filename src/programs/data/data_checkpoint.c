/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_checkpoint.c: firn db checkpoint, checkpoints, restore and undo; what is made of a
 * checkpoint or of a whole store: export, import, clone.
 *
 * A row of the list is as one of firn list: number (a dash for a safety checkpoint), the beginning
 * of the id, time, name. The id of the restored checkpoint says what a safety checkpoint was taken
 * for.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "migrate/migrate.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    ID_SHORT = 8,
    NAME_SIZE = FI_TERM_TEXT_NUMBER_SIZE > ID_SHORT ? FI_TERM_TEXT_NUMBER_SIZE : 16
};

/* What a user may type for a checkpoint: its number, or the beginning of its id. */
static const char *
short_name(const firn_store_checkpoint *checkpoint, char out[NAME_SIZE])
{
    if (checkpoint->is_safety) {
        memcpy(out, checkpoint->id, ID_SHORT);
        out[ID_SHORT] = '\0';
        return out;
    }
    return fi_term_text_number(checkpoint->number, out);
}

static void
print_json(const firn_store_checkpoint *checkpoint)
{
    fi_term_json_u64_if("number", checkpoint->number, !checkpoint->is_safety);
    fi_term_json_string("id", checkpoint->id);
    fi_term_json_string_if("name", checkpoint->name, checkpoint->name[0] != '\0');
    fi_term_json_time("created", checkpoint->created_ns);
    fi_term_json_bool("safety", checkpoint->is_safety);
    fi_term_json_string_if("restored", checkpoint->restored, checkpoint->is_safety);
}

static void
print_json_as(const char *key, const firn_store_checkpoint *checkpoint)
{
    fi_term_json_object(key);
    print_json(checkpoint);
    fi_term_json_end();
}

/* A checkpoint as a row, and as the members of an object. */
static void
print_row(const firn_store_checkpoint *checkpoint)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE] = "-";
    char time[FI_TERM_TEXT_TIME_SIZE];
    if (!checkpoint->is_safety) {
        (void)fi_term_text_number(checkpoint->number, number);
    }
    fi_term_out_format("%4s  %.*s  %s", number, ID_SHORT, checkpoint->id,
                       fi_term_text_time(checkpoint->created_ns, time));
    if (checkpoint->is_safety) {
        fi_term_out_format("  before %.*s was restored", ID_SHORT, checkpoint->restored);
    } else if (checkpoint->name[0] != '\0') {
        fi_term_out_format("  %s", checkpoint->name);
    }
    fi_term_out_text("\n");
}

/* ---- checkpoint ---- */

/* Returns a code of the library. */
static int
data_checkpoint_make(struct fi_cli *cli, firn_store *store, firn_error *err)
{
    firn_store_checkpoint made = {.size = sizeof(made)};
    const char *name = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    FI_TRY_RETURN(firn_store_checkpoint_create(store, name, NULL, &made, err));
    print_json(&made);
    if (!cli->quiet) {
        print_row(&made);
    }
    return FIRN_OK;
}

static int
run_checkpoint(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    bool is_delete = fi_command_has(cli, "delete");
    if (is_delete && cli->argument_count < 2) {
        return fi_command_misused(cli, "name the checkpoint to delete");
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    if (exit_code == FI_EXIT_OK) {
        int code = is_delete ? firn_store_checkpoint_delete(store, &cli->arguments[1], 1, &err)
                             : data_checkpoint_make(cli, store, &err);
        exit_code = code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- checkpoints ---- */

static int
data_checkpoint_visit(void *ctx, const firn_store_checkpoint *checkpoint)
{
    (void)ctx;
    print_json_as(NULL, checkpoint);
    print_row(checkpoint);
    return FIRN_OK;
}

static int
run_checkpoints(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_store *store = NULL;
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    options.include_safety = fi_command_has(cli, "all");
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_array("checkpoints");
    int code = firn_store_checkpoint_list(store, &options, data_checkpoint_visit, NULL, &err);
    fi_term_json_unwind();
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- restore, undo ---- */

static void
data_checkpoint_report(const struct fi_cli *cli, const firn_store_restore_result *report,
                       bool is_undo)
{
    char name[NAME_SIZE];
    print_json_as("restored", &report->restored);
    print_json_as("safety", &report->safety);
    if (!cli->quiet) {
        fi_term_out_format("%s %s", is_undo ? "undone: this is again" : "restored",
                           short_name(&report->restored, name));
        if (report->restored.name[0] != '\0') {
            fi_term_out_format(" (%s)", report->restored.name);
        }
        fi_term_out_format("; %s with: firn db undo %s\n", is_undo ? "redo" : "take this back",
                           cli->arguments[0]);
    }
}

/* Puts the store's data back, as a restore of the reference, or, without one, as an undo. */
static int
put_back(struct fi_cli *cli, const char *reference)
{
    firn_error err;
    firn_store *store = NULL;
    firn_store_restore_result report = {.size = sizeof(report)};
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    if (exit_code == FI_EXIT_OK) {
        int code = reference != NULL ? firn_store_restore(store, reference, &report, &err)
                                     : firn_store_undo(store, &report, &err);
        if (code == FIRN_OK) {
            data_checkpoint_report(cli, &report, reference == NULL);
        } else {
            exit_code = fi_command_report_failure(cli, &err, NULL);
        }
    }
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_restore(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    return put_back(cli, cli->arguments[1]);
}

static int
run_undo(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    return put_back(cli, NULL);
}

/* ---- export ----
 *
 * It only reads the store, so other processes can write meanwhile.
 */

/* Returns a code of the library. */
static int
export_to(struct fi_cli *cli, firn_store *store, firn_error *err)
{
    struct fi_task_notices notices;
    firn_store_export_options options = FIRN_STORE_EXPORT_OPTIONS_INIT;
    const char *reference = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    fi_task_notices_init(&notices, cli);
    options.replace_existing = fi_command_has(cli, "replace");
    options.callbacks = fi_task_notices_callbacks(&notices);
    options.in_clear = fi_command_has(cli, "clear");
    if (!options.in_clear && !fi_command_key_is_given(false) &&
        fi_command_key_is_encrypted(cli->arguments[0])) {
        options.key_source = &fi_command_key_source;
    }
    int code = firn_store_export(store, reference, fi_command_value(cli, "output"), &options, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    return code;
}

static int
run_export(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    const char *path = fi_command_value(cli, "output");
    if (path == NULL || path[0] == '\0') {
        return fi_command_misused(cli, "name the file to write with -o FILE");
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    if (exit_code == FI_EXIT_OK) {
        int code = export_to(cli, store, &err);
        if (code != FIRN_OK) {
            exit_code = fi_command_report_failure(
                cli, &err, code == FIRN_EXISTS ? "overwrite it with --replace" : NULL);
        }
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- import ---- */

static void
report_imported(const struct fi_cli *cli, const firn_store_checkpoint *checkpoint)
{
    fi_term_json_object("checkpoint");
    print_json(checkpoint);
    fi_term_json_end();
    if (!cli->quiet) {
        print_row(checkpoint);
    }
}

/* From a database of another engine. Returns an exit code. */
static int
migrate_from(struct fi_cli *cli, const char *kind)
{
    firn_store *store = NULL;
    struct fi_migrate *migrate = NULL;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_migrate_open(cli, kind, cli->arguments[0], &migrate));
    FI_TRY_OUT(exit_code,
               fi_data_store_open(cli, cli->arguments[1], FI_DATA_STORE_LOAD_OR_MAKE, &store));
    exit_code = fi_migrate_load(migrate, store);
out:
    fi_migrate_close(migrate);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_import(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    struct fi_task_notices notices;
    firn_store_import_options options = FIRN_STORE_IMPORT_OPTIONS_INIT;
    firn_store_checkpoint checkpoint = {.size = sizeof(checkpoint)};
    if (cli->arguments[0][0] == '\0' || cli->arguments[1][0] == '\0') {
        return fi_command_misused(cli, "a path is empty");
    }
    const char *kind = fi_command_value(cli, "from");
    if (kind != NULL) {
        return migrate_from(cli, kind);
    }
    if (fi_command_has(cli, "encrypt")) {
        return fi_command_misused(
            cli, "--encrypt needs --from: what is imported is encrypted as the exported file is");
    }
    fi_task_notices_init(&notices, cli);
    options.callbacks = fi_task_notices_callbacks(&notices);
    options.key_source = fi_command_key_is_given(false) ? NULL : &fi_command_key_source;
    int code = firn_store_import(cli->arguments[0], cli->arguments[1], &options, &checkpoint, &err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    report_imported(cli, &checkpoint);
    return FI_EXIT_OK;
}

/* ---- clone ---- */

/* Returns a code of the library. */
static int
clone_to(struct fi_cli *cli, firn_store *store, firn_error *err)
{
    struct fi_task_notices notices;
    firn_store_maintenance_options options = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    fi_task_notices_init(&notices, cli);
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = firn_store_clone(store, cli->arguments[1], &options, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    return code;
}

static int
run_clone(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    if (exit_code == FI_EXIT_OK && clone_to(cli, store, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

const struct fi_command fi_data_checkpoint = {
    .name = "checkpoint",
    .summary = "Make a checkpoint of a store's data",
    .arguments = "STORE [NAME]",
    .options =
        (const struct fi_command_option[]){
            {"delete", 0, NULL, "delete the checkpoint with this NAME or REF"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Keeps the present state of all keyspaces of the store. This takes an instant,\n"
            "however much they contain; space is used only as data changes later. NAME has\n"
            "letters, digits and characters of ._-+/, and begins with a letter. To read a\n"
            "checkpoint, use the option --at of firn db get, scan, dump and keyspaces.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db checkpoint app.firn before-import", "keep the state before an import"},
            {"firn db checkpoint app.firn before-import --delete", "delete that checkpoint"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_checkpoint,
};

const struct fi_command fi_data_checkpoint_list = {
    .name = "checkpoints",
    .summary = "List the checkpoints of a store's data, newest first",
    .arguments = "STORE",
    .options =
        (const struct fi_command_option[]){
            {"all", 'a', NULL, "include safety checkpoints, which restores take"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints number, id, time and name of each. A REF is a number, a name, latest, at\n"
            "least four letters of an id, or a time (\"10 minutes ago\", yesterday); latest~2\n"
            "and 12~1 count back from another checkpoint.",
    .run = run_checkpoints,
};

const struct fi_command fi_data_checkpoint_restore = {
    .name = "restore",
    .summary = "Restore a store's data to a checkpoint",
    .arguments = "STORE REF",
    .help = "Restores all keyspaces of the store. The previous state is kept as a safety\n"
            "checkpoint, so firn db undo takes the restore back.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db restore app.firn before-import", "go back to that checkpoint"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_restore,
};

const struct fi_command fi_data_checkpoint_undo = {
    .name = "undo",
    .summary = "Undo the last restore of a store's data",
    .arguments = "STORE",
    .help = "Brings back the data as it was before the last restore. This takes a safety\n"
            "checkpoint too, so a second undo takes back the first one.",
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_undo,
};

const struct fi_command fi_data_checkpoint_export = {
    .name = "export",
    .summary = "Write one checkpoint of a store's data into a single file",
    .arguments = "STORE [REF]",
    .options =
        (const struct fi_command_option[]){
            {"output", 'o', "FILE", "write to FILE"},
            {"replace", 0, NULL, "overwrite FILE if it exists"},
            {"clear", 0, NULL, "do not encrypt FILE, although the store is"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Writes all keyspaces of the checkpoint, or of the present state if no REF is\n"
            "given, and nothing else of the store. Every command that only reads accepts the\n"
            "file as STORE; firn db import makes a store from it. During the export, a\n"
            "temporary directory beside the file holds a second copy of the data.\n"
            "\n"
            "The file of an encrypted store is encrypted, too: with what FIRN_KEY_FILE or\n"
            "FIRN_KEY_COMMAND names, or a passphrase that is asked for.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db export app.firn before-import -o app.firnx",
             "write a checkpoint into a file"},
            {"firn db get app.firnx users ada", "read a value from that file"},
            {NULL, NULL},
        },
    .run = run_export,
};

const struct fi_command fi_data_checkpoint_import = {
    .name = "import",
    .summary = "Make a store from an export, or import another database",
    .arguments = "SOURCE STORE",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KIND", "what SOURCE is: rocksdb, leveldb, lmdb, sqlite"},
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "Without --from, SOURCE is a file written by firn db export, and STORE is a\n"
            "directory that is empty or does not exist. It gets the data, and the checkpoint\n"
            "with its number, id and name. Every byte is verified first.\n"
            "\n"
            "With --from, keyspaces and tables are added to STORE, which is created if there\n"
            "is none. Column families of RocksDB and named databases of LMDB become\n"
            "keyspaces; the keyspace of LevelDB, and of entries that belong to no named\n"
            "database, is called default. Tables of SQLite become tables. None of them may\n"
            "exist yet. Each is loaded in one commit, and its entries are counted and\n"
            "compared; if the import fails nothing of it remains. docs/import.md says how\n"
            "types and keys are mapped.\n"
            "\n"
            "SOURCE is only read, with the library of its engine: librocksdb, libleveldb,\n"
            "liblmdb or libsqlite3, which must be installed. LevelDB and SQLite read a copy\n"
            "below TMPDIR (/var/tmp). Virtual tables of SQLite are left out and named, and\n"
            "the exit code is 6; with --strict nothing is imported.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db import app.firnx copy.firn", "make a store that can be written"},
            {"firn db import --from sqlite app.db app.firn", "import the tables of a database"},
            {"firn db import --from rocksdb /var/lib/app/db app.firn",
             "import the column families of a database"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = run_import,
};

const struct fi_command fi_data_checkpoint_clone = {
    .name = "clone",
    .summary = "Make a copy of a store",
    .arguments = "STORE NEW",
    .help = "Copies data, checkpoints and saved workspaces. Where possible the files are\n"
            "shared by hard links, so a clone takes almost no time and space. Changes to one\n"
            "of the stores do not affect the other. NEW is a directory that is empty or does\n"
            "not exist.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db clone app.firn trial.firn", "make a store to try something on"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_clone,
};
