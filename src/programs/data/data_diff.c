/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_diff.c: firn db diff: the differences between two checkpoints of a store's data, or
 * between a checkpoint and the present state.
 *
 * A row a key: a sign, the keyspace, the key and its value, with tabs between them, escaped as firn
 * db scan escapes. A key whose value changed has two rows, the old one first, as lines have in a
 * diff of text.
 *
 * Keys and values of a table's rows are in firn's own encoding. So if a table differs, its rows are
 * compared column by column (data_table_diff.c). A name is a table's if either side has a table of
 * that name.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

struct printing {
    struct fi_cli *cli;
    firn_store *store;
    struct fi_data_bytes tables[2]; /* of each side: names, each with its NUL */
    unsigned side;                  /* whose tables are being noted */
    const char *table;              /* whose rows were compared last, in tables; NULL: none were */
    struct fi_data_table_diff rows;
    int exit_code; /* of a failure that was reported already */
    bool counts_only;
    struct fi_data_bytes_look look;
    uint64_t added;
    uint64_t removed;
    uint64_t changed;
};

/* ---- rows ---- */

static void
print_row(const struct printing *printing, const firn_store_difference *difference,
          const char *sign, firn_slice value)
{
    assert(sign[0] != '\0');
    assert(sign != NULL);
    fi_term_out_format("%s\t", sign);
    fi_term_text_escape(firn_str(difference->keyspace), fi_term_out_write);
    fi_term_out_text("\t");
    fi_data_bytes_print_entry(difference->key, value, &printing->look);
}

static void
print_keyspace(const firn_store_difference *difference, const char *sign)
{
    fi_term_out_format("%s\t", sign);
    fi_term_text_escape(firn_str(difference->keyspace), fi_term_out_write);
    fi_term_out_text("\n");
}

static void
print_text(const struct printing *printing, const firn_store_difference *difference)
{
    bool keys_only = printing->look.keys_only;
    switch (difference->kind) {
    case FIRN_STORE_DIFFERENCE_ADDED:
        print_row(printing, difference, "+", difference->after);
        break;
    case FIRN_STORE_DIFFERENCE_REMOVED:
        print_row(printing, difference, "-", difference->before);
        break;
    case FIRN_STORE_DIFFERENCE_CHANGED:
        print_row(printing, difference, keys_only ? "~" : "-", difference->before);
        if (!keys_only) {
            print_row(printing, difference, "+", difference->after);
        }
        break;
    case FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED:
        print_keyspace(difference, "+");
        break;
    case FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED:
    default:
        print_keyspace(difference, "-");
        break;
    }
}

static void
print_json(const struct printing *printing, const firn_store_difference *difference)
{
    firn_store_difference_kind kind = difference->kind;
    bool has_key = kind <= FIRN_STORE_DIFFERENCE_CHANGED;
    fi_term_json_object(NULL);
    fi_term_json_string("kind", firn_store_difference_kind_name(kind));
    fi_term_json_string("keyspace", difference->keyspace);
    if (has_key) {
        fi_term_json_bytes("key", difference->key);
    }
    if (has_key && !printing->look.keys_only && kind != FIRN_STORE_DIFFERENCE_ADDED) {
        fi_term_json_bytes("before", difference->before);
    }
    if (has_key && !printing->look.keys_only && kind != FIRN_STORE_DIFFERENCE_REMOVED) {
        fi_term_json_bytes("after", difference->after);
    }
    fi_term_json_end();
}

/* ---- tables ---- */

static int
keep_table(void *ctx, const char *name)
{
    struct printing *printing = ctx;
    struct fi_data_bytes *tables = &printing->tables[printing->side];
    size_t size = strlen(name) + 1;
    printing->exit_code = fi_data_bytes_reserve(printing->cli, tables, size);
    if (printing->exit_code != FI_EXIT_OK) {
        return FIRN_NO_MEMORY;
    }
    memcpy(tables->data + tables->size, name, size);
    tables->size += size;
    return FIRN_OK;
}

/* Opens one side and notes its tables. reference NULL: the present state. Returns a code of the
 * library. */
static int
open_side(struct printing *printing, const char *reference, firn_snapshot **out, firn_error *err)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = reference;
    FI_TRY_RETURN(firn_snapshot_open(printing->store, &options, out, err));
    return firn_snapshot_table_list(*out, keep_table, printing, err);
}

/* NULL where the name is none of a table of that side. */
static const char *
find_table(const struct printing *printing, unsigned side, const char *name)
{
    assert(side < 2);
    const struct fi_data_bytes *tables = &printing->tables[side];
    const char *at = (const char *)tables->data;
    const char *end = at != NULL ? at + tables->size : NULL;
    while (at != end && strcmp(at, name) != 0) {
        at += strlen(at) + 1;
    }
    return at != end ? at : NULL;
}

/* Compares the rows of the table that a difference is of, the first time. False: nothing is left to
 * show of it. Where one side has a keyspace under the name, its key is left. */
static bool
take_rows(struct printing *printing, firn_store_difference *difference)
{
    bool has_key = difference->kind <= FIRN_STORE_DIFFERENCE_CHANGED;
    const char *before = find_table(printing, 0, difference->keyspace);
    const char *after = find_table(printing, 1, difference->keyspace);
    const char *table = before != NULL ? before : after;
    if (!has_key || table == NULL) {
        return true;
    }
    if (table != printing->table) {
        printing->table = table;
        printing->exit_code =
            fi_data_table_diff(printing->cli, printing->store, table, &printing->rows);
    }
    if (before == NULL && difference->kind != FIRN_STORE_DIFFERENCE_ADDED) {
        difference->kind = FIRN_STORE_DIFFERENCE_REMOVED;
        return true;
    }
    if (after == NULL && difference->kind != FIRN_STORE_DIFFERENCE_REMOVED) {
        difference->kind = FIRN_STORE_DIFFERENCE_ADDED;
        return true;
    }
    return false;
}

static int
data_diff_visit(void *ctx, const firn_store_difference *found)
{
    struct printing *printing = ctx;
    firn_error ended;
    firn_store_difference own = *found;
    const firn_store_difference *difference = &own;
    bool is_left = take_rows(printing, &own);
    if (printing->exit_code != FI_EXIT_OK || !is_left) {
        return printing->exit_code == FI_EXIT_OK ? fi_command_go_on(&ended) : FIRN_CANCELLED;
    }
    printing->added += difference->kind == FIRN_STORE_DIFFERENCE_ADDED;
    printing->removed += difference->kind == FIRN_STORE_DIFFERENCE_REMOVED;
    printing->changed += difference->kind == FIRN_STORE_DIFFERENCE_CHANGED;
    if (printing->counts_only) {
        return fi_command_go_on(&ended);
    }
    if (printing->cli->json) {
        print_json(printing, difference);
    } else {
        print_text(printing, difference);
    }
    return fi_command_go_on(&ended);
}

/* ---- all of it ---- */

static void
print_counts(const struct printing *printing)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    uint64_t added = printing->added + printing->rows.added;
    uint64_t removed = printing->removed + printing->rows.removed;
    uint64_t changed = printing->changed + printing->rows.changed;
    fi_term_json_u64("added", added);
    fi_term_json_u64("removed", removed);
    fi_term_json_u64("changed", changed);
    if (printing->counts_only) {
        fi_term_out_format("%s added, ", fi_term_text_number(added, number));
        fi_term_out_format("%s removed, ", fi_term_text_number(removed, number));
        fi_term_out_format("%s changed\n", fi_term_text_number(changed, number));
    }
}

/* Compares two states; after is NULL for the present one. Returns a code of the library. */
static int
data_diff_compare(struct fi_cli *cli, struct printing *printing, const char *before,
                  const char *after, firn_error *err)
{
    struct fi_task_notices notices;
    firn_store_diff_options options = FIRN_STORE_DIFF_OPTIONS_INIT;
    fi_task_notices_init(&notices, cli);
    options.keyspace = fi_command_value(cli, "keyspace");
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = open_side(printing, before, &printing->rows.before, err);
    if (code == FIRN_OK) {
        printing->side = 1;
        code = open_side(printing, after, &printing->rows.after, err);
    }
    if (code == FIRN_OK) {
        code = firn_store_diff(printing->store, before, after, &options, data_diff_visit, printing,
                               err);
    }
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    firn_snapshot_close(printing->rows.before);
    firn_snapshot_close(printing->rows.after);
    if (code == FIRN_CANCELLED) {
        (void)fi_command_go_on(err);
    }
    return code;
}

static int
run_diff(struct fi_cli *cli)
{
    assert(cli->argument_count == 2 || cli->argument_count == 3);
    firn_error err;
    firn_store *store = NULL;
    struct fi_task_workspace_range range = {0};
    struct printing printing = {.cli = cli, .counts_only = fi_command_has(cli, "stat")};
    printing.rows.counts_only = printing.counts_only;
    printing.rows.keys_only = fi_command_has(cli, "keys");
    printing.look.keys_only = fi_command_has(cli, "keys");
    printing.look.is_hex = fi_command_has(cli, "hex");
    const char *before = cli->arguments[1];
    const char *after = cli->argument_count > 2 ? cli->arguments[2] : NULL;
    if (after == NULL && !fi_task_workspace_range_init(before, &range)) {
        return fi_command_report_no_memory(cli);
    }
    if (range.memory != NULL) {
        before = range.first != NULL ? range.first : "latest";
        after = range.second != NULL ? range.second : "latest";
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    if (exit_code != FI_EXIT_OK) {
        fi_task_workspace_range_deinit(&range);
        return exit_code;
    }
    fi_term_json_array("differences");
    printing.store = store;
    int code = data_diff_compare(cli, &printing, before, after, &err);
    fi_task_workspace_range_deinit(&range);
    fi_term_json_unwind();
    fi_data_bytes_deinit(&printing.tables[0]);
    fi_data_bytes_deinit(&printing.tables[1]);
    if (printing.exit_code != FI_EXIT_OK) {
        exit_code = printing.exit_code; /* told where it happened */
    } else if (code == FIRN_OK) {
        print_counts(&printing);
    } else {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    return fi_data_store_close(cli, store, exit_code);
}

const struct fi_command fi_data_diff = {
    .name = "diff",
    .summary = "Show differences between two checkpoints of a store's data",
    .arguments = "STORE REF [REF]",
    .options =
        (const struct fi_command_option[]){
            {"keyspace", 0, "NAME", "compare only this keyspace"},
            {"keys", 'k', NULL, "print keys only; ~ marks a key whose value changed"},
            {"stat", 0, NULL, "print only how many entries differ"},
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Compares the first REF with the second or, if only one is given, with the\n"
            "present state. A..B are two checkpoints, too; a missing one is the latest.\n"
            "\n"
            "Prints one row for each difference: + or -, keyspace, key and value, separated\n"
            "by tabs and escaped as by firn db scan. A changed value is a - row and a + row.\n"
            "A keyspace or table that only one of them has is a row too.\n"
            "\n"
            "A row of a table that only one of them has is printed as by firn db scan, after\n"
            "+ or - and the table. A row that changed has a line for each column that did: ~,\n"
            "the table, the key, the column, its value before and after. Columns that were\n"
            "added, dropped or renamed change no row.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db diff app.firn before-import", "show what has changed since"},
            {"firn db diff app.firn 11 12 --keyspace users --stat",
             "count the differences in users"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_PAGER,
    .run = run_diff,
};
