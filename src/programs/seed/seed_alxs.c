/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed_alxs.c: firn alxs: sorted tables of the seed, Alopex, from the command line.
 *
 * A FILE is one table. Commands that read it check all of it first, so nothing of a damaged table
 * is ever printed; alxs verify says what is wrong with it. Only alxs build writes a table, and only
 * a whole one; alxs load copies one into a keyspace.
 *
 * Keys and values look as those of firn db do: escaped, or with --hex as digits.
 */
#include "seed/seed.h"

#include <assert.h>
#include <stdio.h>

#include "data/data.h"
#include "term/term.h"
#include "term/term_try.h"

/* ---- what the commands share ---- */

enum { CHECKSUM_SIZE = 9 };

/* "16bd2616". Returns out[CHECKSUM_SIZE]. */
static const char *
checksum_text(uint32_t checksum, char *out)
{
    (void)snprintf(out, CHECKSUM_SIZE, "%08lx", (unsigned long)checksum);
    return out;
}

/* Opens the table that the first argument names. Options as for firn_alxs_open; limit_hint (may be
 * NULL) is what to do where they are too small. Returns an exit code. */
static int
open_with(struct fi_cli *cli, const firn_alxs_options *options, const char *limit_hint,
          firn_alxs **out)
{
    firn_error err;
    if (cli->arguments[0][0] == '\0') {
        return fi_command_misused(cli, "FILE is empty");
    }
    int code = firn_alxs_open(cli->arguments[0], options, out, &err);
    switch (code) {
    case FIRN_OK:
        return FI_EXIT_OK;
    case FIRN_CORRUPT:
        return fi_command_report_failure(cli, &err, "list all damage with: firn alxs verify FILE");
    case FIRN_LIMIT:
        return fi_command_report_failure(cli, &err, limit_hint);
    default:
        return fi_command_report_failure(cli, &err, NULL);
    }
}

/* Opens the table that the first argument names; its values may be as large as --value-max says.
 * Returns an exit code. */
static int
open_table(struct fi_cli *cli, firn_alxs **out)
{
    firn_alxs_options options = FIRN_ALXS_OPTIONS_INIT;
    const char *text = fi_command_value(cli, "value-max");
    if (text != NULL && !fi_command_number(text, UINT32_MAX, &options.value_size_max)) {
        return fi_command_misused(cli, "--value-max takes a number of bytes below 4 GiB, not '%s'",
                                  text);
    }
    return open_with(cli, &options, "larger values are accepted with --value-max BYTES", out);
}

/* ---- list ---- */

struct listing {
    struct fi_data_bytes from;
    struct fi_data_bytes to;
    bool has_from;
    bool has_to;
    bool is_reverse;
    uint64_t limit;
    struct fi_data_bytes_look look;
};

static void
listing_deinit(struct listing *listing)
{
    fi_data_bytes_deinit(&listing->from);
    fi_data_bytes_deinit(&listing->to);
}

static int
read_bound(struct fi_cli *cli, const char *option, struct fi_data_bytes *bytes, bool *out_has)
{
    const char *text = fi_command_value(cli, option + strlen("--"));
    *out_has = text != NULL;
    return text == NULL
               ? FI_EXIT_OK
               : fi_data_bytes_from_argument(cli, option, text, fi_command_has(cli, "hex"), bytes);
}

/* Returns an exit code. */
static int
listing_init(struct fi_cli *cli, struct listing *listing)
{
    const char *limit = fi_command_value(cli, "limit");
    memset(listing, 0, sizeof(*listing));
    listing->limit = UINT64_MAX;
    listing->is_reverse = fi_command_has(cli, "reverse");
    listing->look.keys_only = fi_command_has(cli, "keys");
    listing->look.is_hex = fi_command_has(cli, "hex");
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &listing->limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    FI_TRY_RETURN(read_bound(cli, "--from", &listing->from, &listing->has_from));
    return read_bound(cli, "--to", &listing->to, &listing->has_to);
}

static int
seed_alxs_compare(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Whether the cursor is within the bounds. */
static bool
is_inside(const struct listing *listing, const firn_alxs_cursor *cursor)
{
    firn_slice key = firn_alxs_cursor_key(cursor);
    return firn_alxs_cursor_valid(cursor) &&
           (!listing->has_from ||
            seed_alxs_compare(key, fi_data_bytes_slice(&listing->from)) >= 0) &&
           (!listing->has_to || seed_alxs_compare(key, fi_data_bytes_slice(&listing->to)) < 0);
}

/* To the first record that may be shown. */
static int
seed_alxs_start(const struct listing *listing, firn_alxs_cursor *cursor, firn_error *err)
{
    if (listing->is_reverse) {
        return listing->has_to
                   ? firn_alxs_cursor_seek_before(cursor, fi_data_bytes_slice(&listing->to), err)
                   : firn_alxs_cursor_last(cursor, err);
    }
    return listing->has_from
               ? firn_alxs_cursor_seek(cursor, fi_data_bytes_slice(&listing->from), err)
               : firn_alxs_cursor_first(cursor, err);
}

/* Returns a code of the library. */
static int
seed_alxs_walk(const struct listing *listing, firn_alxs_cursor *cursor, uint64_t *count,
               firn_error *err)
{
    int code = seed_alxs_start(listing, cursor, err);
    while (code == FIRN_OK && is_inside(listing, cursor) && *count < listing->limit) {
        fi_data_bytes_print_entry(firn_alxs_cursor_key(cursor), firn_alxs_cursor_value(cursor),
                                  &listing->look);
        *count += 1;
        code = fi_command_go_on(err);
        if (code == FIRN_OK) {
            code = listing->is_reverse ? firn_alxs_cursor_prev(cursor, err)
                                       : firn_alxs_cursor_next(cursor, err);
        }
    }
    return code;
}

static int
run_list(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_alxs *table = NULL;
    firn_alxs_cursor *cursor = NULL;
    struct listing listing;
    uint64_t count = 0;
    int exit_code;
    FI_TRY_OUT(exit_code, listing_init(cli, &listing));
    FI_TRY_OUT(exit_code, open_table(cli, &table));
    int code = firn_alxs_cursor_open(table, &cursor, &err);
    fi_term_json_array("entries");
    if (code == FIRN_OK) {
        code = seed_alxs_walk(&listing, cursor, &count, &err);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_unwind();
    fi_term_json_u64("count", count);
out:
    firn_alxs_cursor_close(cursor);
    firn_alxs_close(table);
    listing_deinit(&listing);
    return exit_code;
}

/* ---- get ---- */

static int
run_get(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    firn_alxs *table = NULL;
    struct fi_data_bytes key = {NULL, 0, 0};
    uint8_t *value = NULL;
    size_t size = 0;
    bool is_hex = fi_command_has(cli, "hex");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_bytes_from_argument(cli, "KEY", cli->arguments[1], is_hex, &key));
    FI_TRY_OUT(exit_code, open_table(cli, &table));
    int code = firn_alxs_get(table, fi_data_bytes_slice(&key), &value, &size, &err);
    if (code == FIRN_NOT_FOUND) {
        exit_code = fi_command_report_error(cli, code, NULL, "'%s' has no key '%s'",
                                            cli->arguments[0], cli->arguments[1]);
    } else if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        fi_data_bytes_print_value(fi_data_bytes_slice(&key), firn_bytes(value, size), is_hex);
    }
out:
    firn_release(value);
    fi_data_bytes_deinit(&key);
    firn_alxs_close(table);
    return exit_code;
}

/* ---- verify ---- */

static void
show_info(struct fi_cli *cli, const firn_alxs_info *info, bool is_damaged)
{
    char checksum[CHECKSUM_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    checksum_text(info->checksum, checksum);
    fi_term_json_u64("count", info->count);
    fi_term_json_u64("equal_keys", info->equal_count);
    fi_term_json_u64("key_size_max", info->key_size_max);
    fi_term_json_u64("value_size_max", info->value_size_max);
    fi_term_json_u64("file_size", info->file_size);
    fi_term_json_string("checksum", checksum);
    if (!cli->quiet) {
        fi_term_out_format("%s %s, ", fi_term_text_number(info->count, number),
                           fi_term_text_plural(info->count, "record", "records"));
        if (info->equal_count > 0) {
            fi_term_out_format("%s with the key before, ",
                               fi_term_text_number(info->equal_count, number));
        }
        fi_term_out_format("checksum %s: %s\n", checksum, is_damaged ? "damaged" : "no damage");
    }
}

static int
run_verify(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_alxs_info info = FIRN_ALXS_INFO_INIT;
    firn_alxs_verify_options options = FIRN_ALXS_VERIFY_OPTIONS_INIT;
    int exit_code = FI_EXIT_OK;
    options.callbacks.on_notice = fi_command_report_damage;
    options.callbacks.ctx = cli;
    if (cli->arguments[0][0] == '\0') {
        return fi_command_misused(cli, "FILE is empty");
    }
    fi_term_json_array("damage");
    int code = firn_alxs_verify(cli->arguments[0], &options, &info, &err);
    fi_term_json_unwind();
    if (code == FIRN_OK || code == FIRN_CORRUPT) {
        show_info(cli, &info, code != FIRN_OK);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    return exit_code;
}

/* ---- descriptions of these ---- */

static const struct fi_command list = {
    .name = "list",
    .summary = "Print the records of a table in key order",
    .arguments = "FILE",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KEY", "begin at KEY, or at the next key after it"},
            {"to", 0, "KEY", "end before KEY"},
            {"reverse", 'r', NULL, "in reverse order"},
            {"limit", 'n', "N", "print at most N records; 0: none"},
            {"keys", 'k', NULL, "print keys only"},
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"value-max", 0, "BYTES", "accept values up to this size (default 256 MiB)"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints one row for each record, with a tab between key and value, escaped as by\n"
            "firn db scan. If a key occurs more than once, all of its records are printed.\n"
            "The whole table is verified before the first row is printed.",
    .examples =
        (const struct fi_command_example[]){
            {"firn alxs list 000017.sst --keys --limit 10", "print the first ten keys"},
            {NULL, NULL},
        },
    .run = run_list,
};

static const struct fi_command get = {
    .name = "get",
    .summary = "Print the value of a key in a table",
    .arguments = "FILE KEY",
    .options =
        (const struct fi_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"value-max", 0, "BYTES", "accept values up to this size (default 256 MiB)"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints exactly the bytes of the value; with --hex, hexadecimal digits and a\n"
            "newline. If the key occurs more than once its last record counts. If the key\n"
            "does not exist the exit code is 3.",
    .run = run_get,
};

static const struct fi_command verify = {
    .name = "verify",
    .summary = "Read and verify all of a table",
    .arguments = "FILE",
    .help = "Checks both ends, sizes, the order of keys, the number of records and the\n"
            "checksum. Each problem is named, and the exit code is 5. Nothing is changed.",
    .run = run_verify,
};

/* ---- firn alxs build ----
 *
 * Rows are what firn db scan and firn alxs list print, so that the output of one is the input of
 * the other; or binary (data.h). They go to the table as they come: nothing is sorted here,
 * since what does not come sorted would have to be kept.
 */

/* The defaults of the reader. */
enum { KEY_SIZE_MAX = 16 << 20, VALUE_SIZE_MAX = 256 << 20 };

static const char order_hint[] = "rows of --hex are put in order by: LC_ALL=C sort -s -k 1,1";

/* Returns an exit code. */
static int
open_rows(struct fi_cli *cli, struct fi_data_rows *rows)
{
    bool is_hex = fi_command_has(cli, "hex");
    bool is_binary = fi_command_has(cli, "binary");
    if (is_hex && is_binary) {
        return fi_command_misused(cli, "rows are of --hex or of --binary, not of both");
    }
    const char *path = cli->argument_count > 1 ? cli->arguments[1] : "-";
    int exit_code = fi_data_rows_open(cli, path,
                                      is_binary ? FI_DATA_ROWS_BINARY
                                      : is_hex  ? FI_DATA_ROWS_HEX
                                                : FI_DATA_ROWS_TEXT,
                                      rows);
    rows->key_size_max = KEY_SIZE_MAX;
    rows->value_size_max = VALUE_SIZE_MAX;
    return exit_code;
}

/* Returns an exit code. */
static int
append_rows(struct fi_cli *cli, struct fi_data_rows *rows, firn_alxs_writer *writer)
{
    for (;;) {
        firn_error err;
        bool is_end = false;
        int exit_code = fi_data_rows_next(rows, &is_end);
        if (exit_code != FI_EXIT_OK || is_end) {
            return exit_code;
        }
        int code = firn_alxs_writer_append(writer, fi_data_bytes_slice(&rows->key),
                                           fi_data_bytes_slice(&rows->value), &err);
        if (code != FIRN_OK) {
            return fi_command_report_failure(cli, &err, code == FIRN_INVALID ? order_hint : NULL);
        }
    }
}

/* Returns an exit code. */
static int
seed_alxs_finish(struct fi_cli *cli, firn_alxs_writer *writer)
{
    assert(writer != NULL);
    firn_error err;
    uint32_t checksum = 0;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char text[CHECKSUM_SIZE];
    uint64_t count = firn_alxs_writer_count(writer);
    int code = firn_alxs_writer_finish(writer, &checksum, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    checksum_text(checksum, text);
    fi_term_json_u64("count", count);
    fi_term_json_string("checksum", text);
    if (!cli->quiet) {
        fi_term_out_format("%s %s, checksum %s\n", fi_term_text_number(count, number),
                           fi_term_text_plural(count, "record", "records"), text);
    }
    return FI_EXIT_OK;
}

static int
run_build(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    firn_alxs_writer *writer = NULL;
    firn_alxs_writer_options options = FIRN_ALXS_WRITER_OPTIONS_INIT;
    struct fi_data_rows rows = {.fd = -1};
    options.replace_existing = fi_command_has(cli, "replace");
    options.refuse_equal_keys = fi_command_has(cli, "unique");
    if (cli->arguments[0][0] == '\0') {
        return fi_command_misused(cli, "FILE is empty");
    }
    int exit_code;
    FI_TRY_OUT(exit_code, open_rows(cli, &rows));
    int code = firn_alxs_writer_create(cli->arguments[0], &options, &writer, &err);
    if (code != FIRN_OK) {
        FI_TRY_OUT(exit_code,
                   fi_command_report_failure(
                       cli, &err, code == FIRN_EXISTS ? "overwrite it with --replace" : NULL));
    }
    FI_TRY_OUT(exit_code, append_rows(cli, &rows, writer));
    exit_code = seed_alxs_finish(cli, writer);
out:
    firn_alxs_writer_destroy(writer);
    fi_data_rows_close(&rows);
    return exit_code;
}

static const struct fi_command build = {
    .name = "build",
    .summary = "Write sorted rows as a table",
    .arguments = "FILE [INPUT]",
    .options =
        (const struct fi_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"binary", 'b', NULL, "rows are binary"},
            {"replace", 0, NULL, "overwrite FILE if it exists"},
            {"unique", 'u', NULL, "refuse equal keys"},
            {NULL, 0, NULL, NULL},
        },
    .help =
        "Rows come from INPUT or from standard input. A row is a key, a tab, a value and\n"
        "a newline, as firn db scan and firn alxs list print them: a backslash begins one\n"
        "of \\\\ \\a \\b \\t \\n \\v \\f \\r or three octal digits; every other byte stands for\n"
        "itself. With --binary a row is the size of the key, the size of the value, the\n"
        "key and the value; sizes are four bytes, lowest byte first.\n"
        "\n"
        "Keys must be in byte order. Rows with equal keys are all kept. FILE is whole and\n"
        "on disk when the command returns; if a row is wrong no FILE is written.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db scan app.firn users | firn alxs build users.sst",
             "write a keyspace as a table"},
            {NULL, NULL},
        },
    .run = run_build,
};

/* ---- firn alxs load ----
 *
 * The table is checked as a whole first, and so is that its keys and values are not too large for a
 * store: what cannot be loaded in full is not begun. Of equal keys the last one stays, as if each
 * record replaced the one before; keys that the keyspace has already are replaced, others stay.
 */

/* Returns a code of the library. */
static int
load_entries(struct fi_data_store_loader *loader, firn_alxs *table, firn_error *err)
{
    assert(loader->bulk != NULL);
    firn_alxs_cursor *cursor = NULL;
    int code = firn_alxs_cursor_open(table, &cursor, err);
    if (code == FIRN_OK) {
        code = firn_alxs_cursor_first(cursor, err);
    }
    while (code == FIRN_OK && firn_alxs_cursor_valid(cursor)) {
        code = fi_data_store_loader_put(loader, firn_alxs_cursor_key(cursor),
                                        firn_alxs_cursor_value(cursor), err);
        if (code == FIRN_OK) {
            code = fi_command_go_on(err);
        }
        if (code == FIRN_OK) {
            code = firn_alxs_cursor_next(cursor, err);
        }
    }
    if (code == FIRN_OK) {
        code = fi_data_store_loader_finish(loader, err);
    }
    firn_alxs_cursor_close(cursor);
    return code;
}

/* Opens and checks the table, and refuses one that a store cannot hold. Returns an exit code. */
static int
open_whole(struct fi_cli *cli, firn_alxs **out, firn_alxs_info *info)
{
    firn_error err;
    firn_alxs_options options = FIRN_ALXS_OPTIONS_INIT;
    options.key_size_max = FIRN_KEY_SIZE_MAX;
    options.value_size_max = FIRN_VALUE_SIZE_MAX;
    FI_TRY_RETURN(open_with(cli, &options,
                            "this is what a store takes; nothing of the table was loaded", out));
    return firn_alxs_describe(*out, info, &err) == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(cli, &err, NULL);
}

static void
show_loaded(struct fi_cli *cli, uint64_t count, const firn_alxs_info *info)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("count", count);
    fi_term_json_u64("equal_keys", info->equal_count);
    if (!cli->quiet) {
        fi_term_out_format("%s %s", fi_term_text_number(count, number),
                           fi_term_text_plural(count, "record", "records"));
        if (info->equal_count > 0) {
            fi_term_out_format(", %s replaced by the next with the same key",
                               fi_term_text_number(info->equal_count, number));
        }
        fi_term_out_text("\n");
    }
}

static int
run_load(struct fi_cli *cli)
{
    assert(cli->argument_count == 3);
    firn_error err;
    firn_alxs *table = NULL;
    firn_alxs_info info = FIRN_ALXS_INFO_INIT;
    firn_store *store = NULL;
    firn_keyspace *keyspace;
    struct fi_data_store_loader loader = {.bulk = NULL};
    int exit_code = open_whole(cli, &table, &info);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_store_open(cli, cli->arguments[1], FI_DATA_STORE_LOAD_OR_MAKE, &store);
    }
    if (exit_code == FI_EXIT_OK) {
        int code = firn_keyspace_open(store, cli->arguments[2], NULL, &keyspace, &err);
        if (code == FIRN_OK) {
            code = fi_data_store_loader_begin(&loader, keyspace, false, &err);
        }
        if (code == FIRN_OK) {
            code = load_entries(&loader, table, &err);
        }
        if (code != FIRN_OK) {
            exit_code = fi_data_store_loader_report(cli, &loader, &err);
        }
        fi_data_store_loader_end(&loader);
    }
    firn_alxs_close(table);
    exit_code = fi_data_store_close(cli, store, exit_code);
    if (exit_code == FI_EXIT_OK) {
        show_loaded(cli, loader.written, &info);
    }
    return exit_code;
}

static const struct fi_command load = {
    .name = "load",
    .summary = "Load the records of a table into a keyspace",
    .arguments = "FILE STORE KEYSPACE",
    .options =
        (const struct fi_command_option[]){
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "Loads the records in one commit: all of them or none, and on disk when the\n"
            "command returns. The store and the keyspace are created if they do not exist. A\n"
            "key that exists already gets the value of the table; if a key occurs more than\n"
            "once in the table its last record counts.",
    .examples =
        (const struct fi_command_example[]){
            {"firn alxs load 000017.sst app.firn users", "load a table into a keyspace"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_load,
};

/* ---- the group ---- */

static const struct fi_command *const members[] = {&list, &get, &verify, &build, &load, NULL};

const struct fi_command fi_seed_alxs = {
    .name = "alxs",
    .summary = "Read and write sorted tables of Alopex",
    .arguments = "",
    .help = "FILE is a sorted table in the format of alopex-core 0.5.0 (it begins with ALXS).",
    .members = members,
};
