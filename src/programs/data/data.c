/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data.c: firn db: a key-value store from the command line.
 *
 * Each command opens the store, does one thing and closes it. Commands that only read open it
 * read-only: they create nothing, block no writer and see the state of that moment. db put and db
 * load create a missing store or keyspace; no other command does. Loading and dumping
 * (data_load.c), and commands about whole keyspaces (data_keyspaces.c) and stores (data_stats.c)
 * have their own files.
 *
 * Keys and values are bytes. db get writes a value as it is, and adds nothing, so that it can be
 * piped; db scan prints one row an entry, key and value escaped (term.h) with a tab between them.
 * --hex turns every key and value, given or shown, into hexadecimal digits.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "dir/dir.h"
#include "sqlshell/sqlshell.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

static int
run_put(struct fi_cli *cli)
{
    assert(cli->argument_count == 4);
    firn_error err;
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    firn_store *store = NULL;
    firn_keyspace *keyspace = NULL;
    struct fi_data_bytes key = {NULL, 0, 0};
    struct fi_data_bytes value = {NULL, 0, 0};
    bool is_hex = fi_command_has(cli, "hex");
    const char *text = cli->arguments[3];
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_values_ttl(cli, &options.ttl_ms));
    FI_TRY_OUT(exit_code, fi_data_bytes_from_argument(cli, "KEY", cli->arguments[2], is_hex, &key));
    FI_TRY_OUT(exit_code, strcmp(text, "-") == 0
                              ? fi_data_bytes_from_stdin(cli, FIRN_VALUE_SIZE_MAX, &value)
                              : fi_data_bytes_from_argument(cli, "VALUE", text, is_hex, &value));
    FI_TRY_OUT(exit_code,
               fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE_OR_MAKE, &store));
    FI_TRY_OUT(exit_code, fi_data_open_keyspace(cli, store, true, &keyspace));
    if (firn_put(keyspace, fi_data_bytes_slice(&key), fi_data_bytes_slice(&value), &options,
                 &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    exit_code = fi_data_store_close(cli, store, exit_code);
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_u64("key_size", key.size);
        fi_term_json_u64("value_size", value.size);
    }
    fi_data_bytes_deinit(&key);
    fi_data_bytes_deinit(&value);
    return exit_code;
}

/* Of get, del, scan and count: what means something for tables alone. */
static const char *const get_table_options[] = {"columns", "index", NULL};
static const char *const scan_table_options[] = {"columns", "where", "group-by", "order", "offset",
                                                 "index",   "csv",   "memory",   NULL};
static const char *const count_table_options[] = {"index", "where", NULL};

/* A keyspace has one key, and none of these options. Returns an exit code. */
static int
refuse_table_options(struct fi_cli *cli, const char *const *options)
{
    for (; *options != NULL; options++) {
        if (fi_command_has(cli, *options)) {
            return fi_command_misused(cli, "--%s is for tables; '%s' is a keyspace", *options,
                                      cli->arguments[1]);
        }
    }
    return cli->argument_count > 3
               ? fi_command_misused(cli, "unexpected argument '%s'", cli->arguments[3])
               : FI_EXIT_OK;
}

/* Prints the value of a key of a keyspace. Returns an exit code. */
static int
get_value(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
          const struct fi_data_bytes *key)
{
    firn_error err;
    firn_keyspace *keyspace = NULL;
    uint8_t *value = NULL;
    size_t size = 0;
    int exit_code = fi_data_open_keyspace_at(cli, store, snapshot, &keyspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = refuse_table_options(cli, get_table_options);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    firn_slice wanted = fi_data_bytes_slice(key);
    int code = snapshot == NULL
                   ? firn_get(keyspace, wanted, &value, &size, &err)
                   : firn_snapshot_get(snapshot, keyspace, wanted, &value, &size, &err);
    if (code == FIRN_NOT_FOUND) {
        exit_code = fi_command_report_error(cli, code, NULL, "keyspace '%s' has no key '%s'",
                                            cli->arguments[1], cli->arguments[2]);
    } else if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        fi_data_bytes_print_value(wanted, firn_bytes(value, size), fi_command_has(cli, "hex"));
    }
    firn_release(value);
    return exit_code;
}

static int
run_get(struct fi_cli *cli)
{
    assert(cli->argument_count >= 3);
    firn_store *store = NULL;
    struct fi_data_bytes key = {NULL, 0, 0};
    struct fi_data_table table = {.name = NULL};
    firn_snapshot *snapshot = NULL;
    bool is_hex = fi_command_has(cli, "hex");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_bytes_from_argument(cli, "KEY", cli->arguments[2], is_hex, &key));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store));
    FI_TRY_OUT(exit_code, fi_data_open_snapshot(cli, store, &snapshot));
    FI_TRY_OUT(exit_code, fi_data_table_find(cli, store, snapshot, &table));
    exit_code =
        table.table != NULL ? fi_data_query_get(&table) : get_value(cli, store, snapshot, &key);
out:
    fi_data_table_close(&table);
    firn_snapshot_close(snapshot);
    fi_data_bytes_deinit(&key);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_del(struct fi_cli *cli)
{
    assert(cli->argument_count >= 3);
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *keyspace = NULL;
    struct fi_data_bytes key = {NULL, 0, 0};
    struct fi_data_table table = {.name = NULL};
    static const char *const no_options[] = {NULL};
    bool is_hex = fi_command_has(cli, "hex");
    int exit_code = fi_data_bytes_from_argument(cli, "KEY", cli->arguments[2], is_hex, &key);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_table_find(cli, store, NULL, &table);
    }
    if (exit_code == FI_EXIT_OK && table.table != NULL) {
        exit_code = fi_data_query_delete(&table);
        goto out;
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_open_keyspace(cli, store, false, &keyspace);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = refuse_table_options(cli, no_options);
    }
    if (exit_code == FI_EXIT_OK &&
        firn_delete(keyspace, fi_data_bytes_slice(&key), NULL, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    fi_data_table_close(&table);
    fi_data_bytes_deinit(&key);
    return fi_data_store_close(cli, store, exit_code);
}

struct scan {
    firn_cursor_options cursor;
    struct fi_data_bytes from;
    struct fi_data_bytes to;
    struct fi_data_bytes prefix;
    uint64_t limit;
    bool is_reverse;
    bool counts_only;
    struct fi_data_bytes_look look;
};

static void
scan_deinit(struct scan *scan)
{
    fi_data_bytes_deinit(&scan->from);
    fi_data_bytes_deinit(&scan->to);
    fi_data_bytes_deinit(&scan->prefix);
}

/* Reads the value of an option, "--from", if it was given; *out stays as it is if not. It is
 * borrowed from bytes. Returns an exit code. */
static int
read_bound(struct fi_cli *cli, const char *option, struct fi_data_bytes *bytes, firn_slice *out)
{
    const char *text = fi_command_value(cli, option + strlen("--"));
    if (text == NULL) {
        return FI_EXIT_OK;
    }
    int exit_code =
        fi_data_bytes_from_argument(cli, option, text, fi_command_has(cli, "hex"), bytes);
    *out = fi_data_bytes_slice(bytes);
    return exit_code;
}

/* Where to begin and to end. Returns an exit code. */
static int
read_bounds(struct fi_cli *cli, struct scan *scan)
{
    FI_TRY_RETURN(read_bound(cli, "--from", &scan->from, &scan->cursor.lower));
    FI_TRY_RETURN(read_bound(cli, "--to", &scan->to, &scan->cursor.upper));
    return read_bound(cli, "--prefix", &scan->prefix, &scan->cursor.prefix);
}

/* Of scan, which has more options than count. Returns an exit code. */
static int
read_scan_options(struct fi_cli *cli, struct scan *scan)
{
    const char *limit = fi_command_value(cli, "limit");
    scan->is_reverse = fi_command_has(cli, "reverse");
    scan->look.keys_only = fi_command_has(cli, "keys");
    scan->cursor.keys_only = scan->look.keys_only;
    scan->look.is_hex = fi_command_has(cli, "hex");
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &scan->limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    return FI_EXIT_OK;
}

/* Returns a code of the library. */
static int
data_walk(const struct scan *scan, firn_cursor *cursor, uint64_t *count, firn_error *err)
{
    int code = scan->is_reverse ? firn_cursor_last(cursor, err) : firn_cursor_first(cursor, err);
    while (code == FIRN_OK && firn_cursor_valid(cursor) && *count < scan->limit) {
        if (!scan->counts_only) {
            fi_data_bytes_print_entry(firn_cursor_key(cursor), firn_cursor_value(cursor),
                                      &scan->look);
        }
        *count += 1;
        code = fi_command_go_on(err);
        if (code != FIRN_OK) {
            return code;
        }
        code = scan->is_reverse ? firn_cursor_prev(cursor, err) : firn_cursor_next(cursor, err);
    }
    return code;
}

/* Walks over the entries of a keyspace. Returns an exit code. */
static int
scan_keyspace(struct fi_cli *cli, firn_store *store, struct scan *scan)
{
    firn_error err;
    firn_keyspace *keyspace = NULL;
    firn_cursor *cursor = NULL;
    uint64_t count = 0;
    int exit_code = fi_data_open_keyspace_at(cli, store, scan->cursor.snapshot, &keyspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code =
            refuse_table_options(cli, scan->counts_only ? count_table_options : scan_table_options);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    int code = firn_cursor_open(keyspace, &scan->cursor, &cursor, &err);
    if (!scan->counts_only) {
        fi_term_json_array("entries");
    }
    if (code == FIRN_OK) {
        code = data_walk(scan, cursor, &count, &err);
    }
    firn_cursor_close(cursor);
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_unwind();
    fi_term_json_u64("count", count);
    if (scan->counts_only && code == FIRN_OK) {
        fi_term_out_format("%llu\n", (unsigned long long)count);
    }
    return exit_code;
}

static int
scan_or_count(struct fi_cli *cli, bool counts_only)
{
    assert(cli->argument_count == 2);
    const firn_cursor_options defaults = FIRN_CURSOR_OPTIONS_INIT;
    firn_store *store = NULL;
    struct fi_data_table table = {.name = NULL};
    struct scan scan;
    memset(&scan, 0, sizeof(scan));
    scan.cursor = defaults;
    scan.cursor.keys_only = counts_only;
    scan.counts_only = counts_only;
    scan.limit = UINT64_MAX;
    int exit_code;
    FI_TRY_OUT(exit_code, counts_only ? FI_EXIT_OK : read_scan_options(cli, &scan));
    FI_TRY_OUT(exit_code, read_bounds(cli, &scan));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store));
    FI_TRY_OUT(exit_code, fi_data_open_snapshot(cli, store, &scan.cursor.snapshot));
    FI_TRY_OUT(exit_code, fi_data_table_find(cli, store, scan.cursor.snapshot, &table));
    if (table.table == NULL) {
        exit_code = scan_keyspace(cli, store, &scan);
    } else {
        exit_code = counts_only ? fi_data_scan_count(&table) : fi_data_scan_print(&table);
    }
out:
    fi_data_table_close(&table);
    firn_snapshot_close(scan.cursor.snapshot);
    scan_deinit(&scan);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_scan(struct fi_cli *cli)
{
    return scan_or_count(cli, false);
}

static int
run_count(struct fi_cli *cli)
{
    return scan_or_count(cli, true);
}

static const struct fi_command_option hex_options[] = {
    {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command put = {
    .name = "put",
    .summary = "Store a value under a key",
    .arguments = "STORE KEYSPACE KEY VALUE",
    .options =
        (const struct fi_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"ttl", 't', "SECONDS", "let the value expire after this many seconds"},
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "The value is on disk when the command returns. If VALUE is - it is read from\n"
            "standard input, always as plain bytes. The store and the keyspace are created if\n"
            "they do not exist. Write -- before an argument that begins with a dash.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db put app.firn users ada 1815", "store 1815 under ada in users"},
            {"firn db put app.firn images logo - <logo.png", "store the contents of a file"},
            {"firn db put --ttl 3600 app.firn sessions k2 ada",
             "store a value that expires in an hour"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_put,
};

static const struct fi_command get = {
    .name = "get",
    .summary = "Print the value of a key, or a row of a table",
    .arguments = "STORE KEYSPACE|TABLE KEY...",
    .options =
        (const struct fi_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {"columns", 0, "COLUMN,...", "of a row, print only these columns"},
            {"index", 0, "INDEX", "find the row by this unique index"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints exactly the bytes of the value; with --hex, hexadecimal digits and a\n"
            "newline. Of a table, prints a line for each column of the row: its name, a tab\n"
            "and the value, escaped as by firn db scan. The key of a row is one argument for\n"
            "each column of the primary key. If the key, keyspace, table or store does not\n"
            "exist the exit code is 3.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db get app.firn users ada", "print 1815"},
            {"firn db get shop.firn goods 1 --columns name,price", "print two columns of a row"},
            {NULL, NULL},
        },
    .run = run_get,
};

static const struct fi_command del = {
    .name = "del",
    .summary = "Delete a key, or a row of a table",
    .arguments = "STORE KEYSPACE|TABLE KEY...",
    .options = hex_options,
    .help = "The deletion is on disk when the command returns. Deleting a key that does not\n"
            "exist succeeds; if the store or keyspace does not exist the exit code is 3. The\n"
            "key of a row is one argument for each column of the table's primary key.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db del app.firn users ada", "delete ada from users"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_del,
};

static const struct fi_command scan_command = {
    .name = "scan",
    .summary = "Print the entries of a keyspace, or the rows of a table",
    .arguments = "STORE KEYSPACE|TABLE",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KEY", "begin at KEY, or at the next key after it"},
            {"to", 0, "KEY", "end before KEY"},
            {"prefix", 0, "KEY", "only keys that begin with KEY"},
            {"reverse", 'r', NULL, "in reverse order"},
            {"limit", 'n', "N", "print at most N entries; 0: none"},
            {"keys", 'k', NULL, "print keys only"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"columns", 0, "EXPR,...", "of a table, print these columns or expressions"},
            {"where", 0, "EXPR", "of a table, only rows for which this is true"},
            {"group-by", 0, "EXPR,...", "of a table, print a row for each group of rows"},
            {"order", 0, "EXPR,...", "of a table, in this order; 'EXPR desc' descends"},
            {"offset", 0, "N", "of a table, leave out the first N rows"},
            {"index", 0, "INDEX", "of a table, by this index and in its order"},
            {"csv", 0, NULL, "of a table, as CSV with the names of the columns"},
            {"memory", 0, "MIB", "of a table, for groups and an order (default 50)"},
            {NULL, 0, NULL, NULL},
        },
    .help =
        "Prints one row for each entry, with a tab between key and value. Unprintable\n"
        "bytes are escaped: a backslash as \\\\, newline, tab and other control characters\n"
        "as \\n \\t \\r \\a \\b \\v \\f, other bytes as a backslash and three octal digits. Keys\n"
        "are ordered by their bytes. The entries are those that existed when the command\n"
        "began.\n"
        "\n"
        "Of a table, prints its rows in the order of the primary key, of --index, or of\n"
        "--order: aligned on a terminal, where wide values are cut; elsewhere with tabs\n"
        "between the values, escaped likewise, and with \\N for null. A KEY is a value of\n"
        "the first column of the key or index, or values of the first ones with commas\n"
        "between them; in double quotes a value may contain commas. An EXPR is an\n"
        "expression as in SQL: columns, numbers, 'texts', operators, functions, and\n"
        "count(*), count(x), sum(x), min(x), max(x) and avg(x) of groups, or of all rows\n"
        "without --group-by. EXPR 'as NAME' names a column.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db scan app.firn users --prefix a --limit 10",
             "print the first ten keys that begin with a"},
            {"firn db scan app.firn users --from m --to n --reverse",
             "print the keys from m up to n in reverse order"},
            {"firn db scan shop.firn goods --where 'price < 5 and stock > 0' --columns name",
             "print the names of cheap goods"},
            {"firn db scan shop.firn goods --columns 'kind, avg(price)' --group-by kind",
             "print the average price of each kind"},
            {NULL, NULL},
        },
    .run = run_scan,
};

static const struct fi_command count = {
    .name = "count",
    .summary = "Print how many entries a keyspace has, or how many rows a table",
    .arguments = "STORE KEYSPACE|TABLE",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KEY", "begin at KEY, or at the next key after it"},
            {"to", 0, "KEY", "end before KEY"},
            {"prefix", 0, "KEY", "only keys that begin with KEY"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {"hex", 'x', NULL, "keys are hexadecimal digits"},
            {"index", 0, "INDEX", "of a table, KEY is of this index"},
            {"where", 0, "EXPR", "of a table, only rows for which this is true"},
            {NULL, 0, NULL, NULL},
        },
    .help = "KEY and EXPR are those of firn db scan.",
    .run = run_count,
};

static const struct fi_command *const members[] = {&put,
                                                   &get,
                                                   &del,
                                                   &scan_command,
                                                   &count,
                                                   &fi_data_search,
                                                   &fi_data_table_create,
                                                   &fi_data_table_list,
                                                   &fi_data_table_show,
                                                   &fi_data_table_alter,
                                                   &fi_data_table_drop,
                                                   &fi_data_exchange_import,
                                                   &fi_data_exchange_export,
                                                   &fi_data_query_insert,
                                                   &fi_sqlshell,
                                                   &fi_data_load,
                                                   &fi_data_load_dump,
                                                   &fi_data_keyspaces_delrange,
                                                   &fi_data_keyspaces,
                                                   &fi_data_keyspaces_drop,
                                                   &fi_data_checkpoint,
                                                   &fi_data_checkpoint_list,
                                                   &fi_data_diff,
                                                   &fi_data_checkpoint_restore,
                                                   &fi_data_checkpoint_undo,
                                                   &fi_data_checkpoint_clone,
                                                   &fi_data_checkpoint_export,
                                                   &fi_data_checkpoint_import,
                                                   &fi_data_stats_flush,
                                                   &fi_data_stats_compact,
                                                   &fi_data_stats,
                                                   &fi_data_check,
                                                   &fi_dir_repair_db,
                                                   &fi_data_destroy,
                                                   NULL};

const struct fi_command fi_data = {
    .name = "db",
    .summary = "Read and write key-value data and tables in a store",
    .arguments = "",
    .help = "STORE is a directory. It contains keyspaces, each an ordered map from bytes to\n"
            "bytes, and tables: rows of typed columns. Commands that only read also accept a\n"
            "file written by firn db export.",
    .members = members,
};
