/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_load.c: firn db load and dump: a keyspace from rows, and as rows.
 *
 * Both know the forms of data.h; what dump writes, load reads. A dump is of one moment. Tables, and
 * whole stores, have a form of their own: data_dump.c.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "term/term.h"
#include "term/term_try.h"

/* Returns an exit code. */
static int
read_form(struct fi_cli *cli, enum fi_data_rows_form *out)
{
    bool is_hex = fi_command_has(cli, "hex");
    bool is_binary = fi_command_has(cli, "binary");
    bool is_lines = fi_command_has(cli, "json-lines");
    *out = FI_DATA_ROWS_TEXT;
    if (is_hex && is_binary) {
        return fi_command_misused(cli, "--hex and --binary exclude each other");
    }
    if (is_lines && (is_hex || is_binary)) {
        return fi_command_misused(cli, "--json-lines and --%s exclude each other",
                                  is_hex ? "hex" : "binary");
    }
    *out = is_hex      ? FI_DATA_ROWS_HEX
           : is_binary ? FI_DATA_ROWS_BINARY
           : is_lines  ? FI_DATA_ROWS_JSON
                       : FI_DATA_ROWS_TEXT;
    return FI_EXIT_OK;
}

/* ---- load ---- */

/* Returns an exit code. */
static int
load_rows(struct fi_cli *cli, struct fi_data_store_loader *loader, struct fi_data_rows *rows)
{
    firn_error err;
    bool is_over = false;
    int code = FIRN_OK;
    while (code == FIRN_OK) {
        FI_TRY_RETURN(fi_data_rows_next(rows, &is_over));
        if (is_over) {
            code = fi_data_store_loader_finish(loader, &err);
            break;
        }
        code = fi_data_store_loader_put_until(loader, fi_data_bytes_slice(&rows->key),
                                              fi_data_bytes_slice(&rows->value), rows->expires_ms,
                                              &err);
        code = code == FIRN_OK ? fi_command_go_on(&err) : code;
    }
    return code == FIRN_OK ? FI_EXIT_OK : fi_data_store_loader_report(cli, loader, &err);
}

/* Returns an exit code. */
static int
refuse_form(struct fi_cli *cli, enum fi_data_rows_form form)
{
    return form == FI_DATA_ROWS_TEXT
               ? FI_EXIT_OK
               : fi_command_misused(cli, "a store, and a table, is dumped in one form only");
}

static int
load_dump(struct fi_cli *cli)
{
    enum fi_data_rows_form form;
    FI_TRY_RETURN(read_form(cli, &form));
    FI_TRY_RETURN(refuse_form(cli, form));
    if (fi_command_has(cli, "bulk")) {
        return fi_command_misused(cli, "--bulk is for rows of a keyspace");
    }
    return fi_data_dump_load(cli);
}

static int
run_load(struct fi_cli *cli)
{
    assert(cli->argument_count >= 1 && cli->argument_count <= 3);
    if (cli->argument_count == 1) {
        return load_dump(cli);
    }
    firn_error err;
    enum fi_data_rows_form form;
    struct fi_data_rows rows = {.fd = -1};
    firn_store *store = NULL;
    firn_keyspace *keyspace;
    struct fi_data_store_loader loader = {.bulk = NULL};
    const char *path = cli->argument_count > 2 ? cli->arguments[2] : "-";
    bool is_sorted = fi_command_has(cli, "bulk");
    int exit_code;
    FI_TRY_OUT(exit_code, read_form(cli, &form));
    FI_TRY_OUT(exit_code, fi_data_rows_open(cli, path, form, &rows));
    FI_TRY_OUT(exit_code,
               fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_LOAD_OR_MAKE, &store));
    FI_TRY_OUT(exit_code, fi_data_open_keyspace(cli, store, true, &keyspace));
    exit_code = fi_data_store_loader_begin(&loader, keyspace, is_sorted, &err) == FIRN_OK
                    ? load_rows(cli, &loader, &rows)
                    : fi_command_report_failure(cli, &err, NULL);
out:
    fi_data_rows_close(&rows);
    fi_data_store_loader_end(&loader);
    exit_code = fi_data_store_close(cli, store, exit_code);
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_u64("count", loader.written);
    }
    if (exit_code == FI_EXIT_OK && !cli->quiet) {
        char number[FI_TERM_TEXT_NUMBER_SIZE];
        fi_term_out_format("%s %s\n", fi_term_text_number(loader.written, number),
                           fi_term_text_plural(loader.written, "entry", "entries"));
    }
    return exit_code;
}

/* ---- dump ---- */

static void
put_size(uint8_t *at, size_t size)
{
    assert(size <= UINT32_MAX);
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(size >> (8 * i));
    }
}

static void
print_binary(firn_slice key, firn_slice value)
{
    uint8_t head[8];
    put_size(head, key.size);
    put_size(head + 4, value.size);
    fi_term_out_write(head, sizeof(head));
    fi_term_out_write(key.data, key.size);
    fi_term_out_write(value.data, value.size);
}

static void
print_json_line(firn_slice key, firn_slice value, uint64_t expires_ms)
{
    fi_term_json_begin();
    fi_term_json_bytes("key", key);
    fi_term_json_bytes("value", value);
    if (expires_ms != 0) {
        fi_term_json_u64("expires_ms", expires_ms);
    }
    fi_term_json_finish();
}

/* Returns a code of the library. */
static int
dump(firn_cursor *cursor, enum fi_data_rows_form form, uint64_t *count, firn_error *err)
{
    assert(cursor != NULL && *count == 0);
    const struct fi_data_bytes_look look = {.is_hex = form == FI_DATA_ROWS_HEX};
    int code = firn_cursor_first(cursor, err);
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        firn_slice key = firn_cursor_key(cursor);
        firn_slice value = firn_cursor_value(cursor);
        if (form == FI_DATA_ROWS_BINARY) {
            print_binary(key, value);
        } else if (form == FI_DATA_ROWS_JSON) {
            print_json_line(key, value, firn_cursor_expires_ms(cursor));
        } else {
            fi_data_bytes_print_entry(key, value, &look);
        }
        *count += 1;
        code = fi_command_go_on(err);
        code = code == FIRN_OK ? firn_cursor_next(cursor, err) : code;
    }
    return code;
}

/* A store, or a table. Returns an exit code. */
static int
dump_all(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
         enum fi_data_rows_form form, const char *table)
{
    assert(store != NULL);
    firn_error err;
    firn_snapshot *own = NULL;
    if (cli->json) {
        return fi_command_misused(cli, "--json cannot be used with the dump of a store or table");
    }
    int exit_code;
    FI_TRY_OUT(exit_code, refuse_form(cli, form));
    if (snapshot == NULL && firn_snapshot_open(store, NULL, &own, &err) != FIRN_OK) {
        FI_TRY_OUT(exit_code, fi_command_report_failure(cli, &err, NULL));
    }
    exit_code = fi_data_dump(cli, store, snapshot != NULL ? snapshot : own, table);
out:
    firn_snapshot_close(own);
    return exit_code;
}

static bool
is_table(firn_store *store, firn_snapshot *snapshot, const char *name)
{
    firn_table *table;
    return (snapshot != NULL ? firn_snapshot_table_open(snapshot, name, &table, NULL)
                             : firn_table_open(store, name, &table, NULL)) == FIRN_OK;
}

static int
run_dump(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    enum fi_data_rows_form form;
    firn_store *store = NULL;
    firn_keyspace *keyspace = NULL;
    firn_cursor *cursor = NULL;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    uint64_t count = 0;
    const char *name = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    int exit_code;
    FI_TRY_OUT(exit_code, read_form(cli, &form));
    if (cli->json && (form == FI_DATA_ROWS_BINARY || form == FI_DATA_ROWS_JSON)) {
        FI_TRY_OUT(exit_code,
                   fi_command_misused(cli, "--json and --%s exclude each other",
                                      form == FI_DATA_ROWS_JSON ? "json-lines" : "binary"));
    }
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store));
    FI_TRY_OUT(exit_code, fi_data_open_snapshot(cli, store, &options.snapshot));
    if (name == NULL || is_table(store, options.snapshot, name)) {
        exit_code = dump_all(cli, store, options.snapshot, form, name);
        goto out;
    }
    FI_TRY_OUT(exit_code, fi_data_open_keyspace_at(cli, store, options.snapshot, &keyspace));
    int code = firn_cursor_open(keyspace, &options, &cursor, &err);
    fi_term_json_array("entries");
    code = code == FIRN_OK ? dump(cursor, form, &count, &err) : code;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_unwind();
    fi_term_json_u64("count", count);
out:
    firn_cursor_close(cursor);
    firn_snapshot_close(options.snapshot);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

static const struct fi_command_option load_options[] = {
    {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
    {"binary", 'b', NULL, "rows are binary"},
    {"json-lines", 'j', NULL, "rows are JSON objects, one on each line"},
    {"bulk", 's', NULL, "rows are sorted by key; they are written only once"},
    FI_COMMAND_KEY_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_data_load = {
    .name = "load",
    .summary = "Load rows into a keyspace, or the dump of a store",
    .arguments = "STORE [KEYSPACE [FILE]]",
    .options = load_options,
    .help = "FILE has one row on each line: a key, a tab and a value, escaped as firn db scan\n"
            "and dump print them. Without FILE, or if it is -, standard input is read. With\n"
            "--binary a row is the size of the key, the size of the value, the key and the\n"
            "value; sizes are four bytes, lowest byte first. With --json-lines a row is a\n"
            "JSON object with the members key and value, as described in docs/json.md.\n"
            "\n"
            "The rows are loaded in one commit: all of them or none, and on disk when the\n"
            "command returns. If a key occurs more than once its last row counts; a key that\n"
            "exists already gets the new value. The store and the keyspace are created if\n"
            "they do not exist.\n"
            "\n"
            "Many rows are first sorted, in temporary files of the store. With --bulk they\n"
            "must already be in key order, as in a dump, and are written only once.\n"
            "\n"
            "Without KEYSPACE standard input is a dump of a store or table. Its tables and\n"
            "keyspaces are created and loaded, with times to live; they must not exist yet.\n"
            "This is not one commit: a load that fails may have loaded a part.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db load app.firn users users.tsv", "load the rows of a file into users"},
            {"firn db dump -b a.firn users | firn db load -b b.firn users",
             "copy a keyspace from one store into another"},
            {"firn db load new.firn <app.dump", "make a store of a dump"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_load,
};

const struct fi_command fi_data_load_dump = {
    .name = "dump",
    .summary = "Print a keyspace, a table or a store in a form that firn db load reads",
    .arguments = "STORE [KEYSPACE]",
    .options =
        (const struct fi_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"binary", 'b', NULL, "rows are binary"},
            {"json-lines", 'j', NULL, "rows are JSON objects, one on each line"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints the entries that existed when the command began, in key order, as firn db\n"
            "scan does or in another form that firn db load reads. Only --json-lines\n"
            "preserves times to live.\n"
            "\n"
            "Without KEYSPACE, the dump contains all tables and keyspaces of the store; with\n"
            "the name of a table, that table. It contains definitions, rows, entries and\n"
            "times to live, but no checkpoints. docs/formats/dump.md describes the text.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db dump app.firn users >users.tsv", "print users, one line for each entry"},
            {"firn db dump app.firn >app.dump", "print everything that a store has now"},
            {NULL, NULL},
        },
    .run = run_dump,
};
