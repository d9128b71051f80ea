/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_keyspaces.c: firn db keyspaces, drop and delrange: names of keyspaces, and deleting
 * much at once.
 *
 * A range delete of the library has two bounds. If the command is given no upper bound, it is the
 * last key with a zero byte after it. If the last key is as long as keys may be, it is the bound
 * itself, and is deleted separately, in the same commit. If it cannot be read, the same is done
 * with the largest possible key, so that what is damaged can be deleted.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "term/term.h"
#include "term/term_try.h"

/* ---- keyspaces ---- */

static int
print_name(void *ctx, const char *name)
{
    (void)ctx;
    fi_term_json_string(NULL, name);
    fi_term_text_escape(firn_str(name), fi_term_out_write);
    fi_term_out_text("\n");
    return FIRN_OK;
}

int
fi_data_keyspaces_print(struct fi_cli *cli, const char *what, fi_data_list_now *list_now,
                        fi_data_list_at *list_at)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_store *store = NULL;
    firn_snapshot *snapshot = NULL;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store));
    FI_TRY_OUT(exit_code, fi_data_open_snapshot(cli, store, &snapshot));
    fi_term_json_array(what);
    int code = snapshot == NULL ? list_now(store, print_name, NULL, &err)
                                : list_at(snapshot, print_name, NULL, &err);
    fi_term_json_unwind();
    exit_code = code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
out:
    firn_snapshot_close(snapshot);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_keyspaces(struct fi_cli *cli)
{
    return fi_data_keyspaces_print(cli, "keyspaces", firn_keyspace_list,
                                   firn_snapshot_keyspace_list);
}

/* ---- drop ---- */

static int
run_drop(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    if (exit_code == FI_EXIT_OK) {
        int code = firn_keyspace_drop(store, cli->arguments[1], &err);
        if (code == FIRN_NOT_FOUND) {
            exit_code = fi_command_report_error(cli, code, NULL, "%s has no keyspace '%s'",
                                                cli->arguments[0], cli->arguments[1]);
        } else if (code != FIRN_OK) {
            firn_table *table = NULL;
            bool is_table = firn_table_open(store, cli->arguments[1], &table, NULL) == FIRN_OK;
            exit_code = fi_command_report_failure(
                cli, &err, is_table ? "firn db table drop STORE TABLE deletes a table" : NULL);
        }
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- delrange ---- */

struct range {
    struct fi_data_bytes lower;
    struct fi_data_bytes upper;
    bool has_upper;
    bool is_closed; /* upper is deleted, too */
};

static int
copy_bytes(struct fi_cli *cli, const struct fi_data_bytes *from, struct fi_data_bytes *out)
{
    FI_TRY_RETURN(fi_data_bytes_reserve(cli, out, from->size + 1));
    memcpy(out->data, from->data, from->size);
    out->size = from->size;
    return FI_EXIT_OK;
}

/* Narrows the range to the keys that begin with a prefix. Returns an exit code. */
static int
narrow_to_prefix(struct fi_cli *cli, const struct fi_data_bytes *prefix, struct range *range)
{
    int exit_code = copy_bytes(cli, prefix, &range->lower);
    if (exit_code == FI_EXIT_OK) {
        exit_code = copy_bytes(cli, prefix, &range->upper);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    /* The smallest key after all of them; none if the prefix is nothing but 0xff. */
    while (range->upper.size > 0 && range->upper.data[range->upper.size - 1] == 0xff) {
        range->upper.size--;
    }
    range->has_upper = range->upper.size > 0;
    if (range->has_upper) {
        range->upper.data[range->upper.size - 1]++;
    }
    return FI_EXIT_OK;
}

/* Returns an exit code. */
static int
read_range(struct fi_cli *cli, struct range *range)
{
    const char *from = fi_command_value(cli, "from");
    const char *to = fi_command_value(cli, "to");
    const char *prefix = fi_command_value(cli, "prefix");
    bool is_hex = fi_command_has(cli, "hex");
    if (fi_command_has(cli, "all")) {
        return from == NULL && to == NULL && prefix == NULL
                   ? FI_EXIT_OK
                   : fi_command_misused(cli, "--all goes with none of --from, --to and --prefix");
    }
    if ((from == NULL && to == NULL) == (prefix == NULL)) {
        return fi_command_misused(
            cli, prefix == NULL ? "say what to delete: --from and --to, --prefix, or --all"
                                : "--prefix goes with neither --from nor --to");
    }
    if (prefix != NULL) {
        struct fi_data_bytes bytes = {NULL, 0, 0};
        int exit_code = fi_data_bytes_from_argument(cli, "--prefix", prefix, is_hex, &bytes);
        exit_code = exit_code == FI_EXIT_OK ? narrow_to_prefix(cli, &bytes, range) : exit_code;
        fi_data_bytes_deinit(&bytes);
        return exit_code;
    }
    range->has_upper = to != NULL;
    int exit_code = from == NULL
                        ? FI_EXIT_OK
                        : fi_data_bytes_from_argument(cli, "--from", from, is_hex, &range->lower);
    return exit_code == FI_EXIT_OK && to != NULL
               ? fi_data_bytes_from_argument(cli, "--to", to, is_hex, &range->upper)
               : exit_code;
}

/* An empty prefix or bound is often a variable that was not set. Returns an exit code. */
static int
check_range(struct fi_cli *cli, const struct range *range)
{
    assert(range->has_upper || range->upper.size == 0);
    bool is_all = !range->has_upper && range->lower.size == 0;
    return is_all && !fi_command_has(cli, "all")
               ? fi_command_misused(cli, "that would delete every key: say --all if it should")
               : FI_EXIT_OK;
}

/* Up to and including a key. Returns an exit code. */
static int
reach_to(struct fi_cli *cli, firn_slice last, struct range *range)
{
    const bool is_longest = last.size == FIRN_KEY_SIZE_MAX;
    FI_TRY_RETURN(fi_data_bytes_reserve(cli, &range->upper, last.size + 1));
    if (last.size > 0) {
        memcpy(range->upper.data, last.data, last.size);
    }
    range->upper.data[last.size] = 0;
    range->upper.size = last.size + !is_longest;
    range->is_closed = is_longest;
    return FI_EXIT_OK;
}

static int
reach_to_the_largest(struct fi_cli *cli, struct range *range)
{
    FI_TRY_RETURN(fi_data_bytes_reserve(cli, &range->upper, FIRN_KEY_SIZE_MAX));
    memset(range->upper.data, 0xff, FIRN_KEY_SIZE_MAX);
    range->upper.size = FIRN_KEY_SIZE_MAX;
    range->is_closed = true;
    return FI_EXIT_OK;
}

/* To the last key that there is, from lower on. Returns an exit code. */
static int
reach_to_the_end(struct fi_cli *cli, firn_keyspace *keyspace, struct range *range)
{
    assert(!range->has_upper);
    firn_error err;
    firn_cursor *cursor = NULL;
    firn_slice lower = fi_data_bytes_slice(&range->lower);
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.lower = lower;
    options.keys_only = true;
    int exit_code;
    int code = firn_cursor_open(keyspace, &options, &cursor, &err);
    code = code == FIRN_OK ? firn_cursor_last(cursor, &err) : code;
    if (code == FIRN_CORRUPT) {
        exit_code = reach_to_the_largest(cli, range);
    } else if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        exit_code =
            reach_to(cli, firn_cursor_valid(cursor) ? firn_cursor_key(cursor) : lower, range);
    }
    firn_cursor_close(cursor);
    return exit_code;
}

/* Returns a code of the library. */
static int
delete_range(firn_store *store, firn_keyspace *keyspace, const struct range *range, firn_error *err)
{
    firn_batch *batch = NULL;
    firn_slice upper = fi_data_bytes_slice(&range->upper);
    int code;
    FI_TRY_OUT(code, firn_batch_create(&batch, err));
    FI_TRY_OUT(code, firn_batch_delete_range(batch, keyspace, fi_data_bytes_slice(&range->lower),
                                             upper, err));
    if (range->is_closed) {
        FI_TRY_OUT(code, firn_batch_delete(batch, keyspace, upper, err));
    }
    code = firn_store_write(store, batch, NULL, err);
out:
    firn_batch_destroy(batch);
    return code;
}

static int
run_delrange(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *keyspace = NULL;
    struct range range = {.has_upper = false};
    int exit_code;
    FI_TRY_OUT(exit_code, read_range(cli, &range));
    FI_TRY_OUT(exit_code, check_range(cli, &range));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store));
    FI_TRY_OUT(exit_code, fi_data_open_keyspace(cli, store, false, &keyspace));
    if (!range.has_upper) {
        FI_TRY_OUT(exit_code, reach_to_the_end(cli, keyspace, &range));
    }
    if (delete_range(store, keyspace, &range, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    fi_data_bytes_deinit(&range.lower);
    fi_data_bytes_deinit(&range.upper);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

const struct fi_command fi_data_keyspaces = {
    .name = "keyspaces",
    .summary = "Print the names of a store's keyspaces",
    .arguments = "STORE",
    .options =
        (const struct fi_command_option[]){
            {"at", 0, "REF", "list the keyspaces of the checkpoint REF"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Prints one name on each line, in byte order, escaped as by firn db scan.\n"
            "Keyspaces that firn uses itself are not listed; firn db table list has tables.",
    .run = run_keyspaces,
};

const struct fi_command fi_data_keyspaces_drop = {
    .name = "drop",
    .summary = "Delete a keyspace and everything in it",
    .arguments = "STORE KEYSPACE",
    .help = "The deletion is on disk when the command returns. An earlier checkpoint still\n"
            "has the keyspace; without one the deletion cannot be undone.",
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_drop,
};

const struct fi_command fi_data_keyspaces_delrange = {
    .name = "delrange",
    .summary = "Delete all keys in a range",
    .arguments = "STORE KEYSPACE",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KEY", "begin at KEY, or at the next key after it"},
            {"to", 0, "KEY", "end before KEY"},
            {"prefix", 0, "KEY", "delete keys that begin with KEY"},
            {"all", 0, NULL, "delete every key of the keyspace"},
            {"hex", 'x', NULL, "keys are hexadecimal digits"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Writes only a few bytes, however many keys the range contains. The deletion is\n"
            "on disk when the command returns. Without --from the range begins at the first\n"
            "key, without --to it ends after the last. Files of a damaged store that have\n"
            "only keys of the range are no longer read, and firn db compact removes them.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db delrange app.firn users --prefix tmp.",
             "delete all keys that begin with tmp."},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_delrange,
};
