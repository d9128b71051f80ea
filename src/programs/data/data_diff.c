/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_diff.c: firn db diff: what two checkpoints of a store's data, or a checkpoint and the
 * present state, have differently.
 *
 * A row a key: a sign, the keyspace, the key and its value, with tabs between them, escaped as firn
 * db scan escapes. A key whose value changed has two rows, the old one first, as lines have in a
 * diff of text.
 *
 * Keys and values of a table's rows are firn's own encoding and are not shown: a table has one row, with how many rows
 * of it differ. Which names are those of tables is asked on both sides.
 */
#include "data/data_internal.h"

#include "task/task.h"
#include "term/term.h"

struct printing {
    struct firn_cli *cli;
    struct firn_data_bytes tables; /* names, each with its NUL */
    const char *table; /* of the rows that are being counted, in tables; NULL: none are */
    uint64_t rows[FIRN_STORE_DIFFERENCE_CHANGED + 1]; /* by kind */
    bool has_no_memory;
    bool counts_only;
    struct firn_data_bytes_look look;
    uint64_t added;
    uint64_t removed;
    uint64_t changed;
};

/* ---- rows ---- */

static void
print_row(const struct printing *printing, const firn_store_difference *difference,
          const char *sign, firn_slice value)
{
    firn_term_out_format("%s\t", sign);
    firn_term_text_escape(firn_str(difference->keyspace), firn_term_out_write);
    firn_term_out_text("\t");
    firn_data_bytes_print_entry(printing->cli, difference->key, value, &printing->look);
}

static void
print_keyspace(const firn_store_difference *difference, const char *sign)
{
    firn_term_out_format("%s\t", sign);
    firn_term_text_escape(firn_str(difference->keyspace), firn_term_out_write);
    firn_term_out_text("\n");
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
    firn_term_json_object(NULL);
    firn_term_json_string("kind", firn_store_difference_kind_name(kind));
    firn_term_json_string("keyspace", difference->keyspace);
    if (has_key) {
        firn_term_json_bytes("key", difference->key);
    }
    if (has_key && !printing->look.keys_only && kind != FIRN_STORE_DIFFERENCE_ADDED) {
        firn_term_json_bytes("before", difference->before);
    }
    if (has_key && !printing->look.keys_only && kind != FIRN_STORE_DIFFERENCE_REMOVED) {
        firn_term_json_bytes("after", difference->after);
    }
    firn_term_json_end();
}

/* ---- tables ---- */

static int
keep_table(void *ctx, const char *name)
{
    struct printing *printing = ctx;
    struct firn_data_bytes *tables = &printing->tables;
    size_t size = strlen(name) + 1;
    if (firn_data_bytes_reserve(printing->cli, tables, size) != FIRN_EXIT_OK) {
        printing->has_no_memory = true;
        return FIRN_NO_MEMORY;
    }
    memcpy(tables->data + tables->size, name, size);
    tables->size += size;
    return FIRN_OK;
}

/* Notes the tables of one side. reference NULL: the present state. Returns a code of the library. */
static int
keep_tables(firn_store *store, const char *reference, struct printing *printing, firn_error *err)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_snapshot *view = NULL;
    options.checkpoint = reference;
    int code = firn_snapshot_open(store, &options, &view, err);
    if (code == FIRN_OK) {
        code = firn_snapshot_table_list(view, keep_table, printing, err);
    }
    firn_snapshot_close(view);
    return code;
}

/* NULL where the name is none of a table. */
static const char *
find_table(const struct printing *printing, const char *name)
{
    const char *at = (const char *)printing->tables.data;
    const char *end = at != NULL ? at + printing->tables.size : NULL;
    while (at != end && strcmp(at, name) != 0) {
        at += strlen(at) + 1;
    }
    return at != end ? at : NULL;
}

/* Prints what was counted of a table, if there is one. */
static void
end_table(struct printing *printing)
{
    uint64_t added = printing->rows[FIRN_STORE_DIFFERENCE_ADDED];
    uint64_t removed = printing->rows[FIRN_STORE_DIFFERENCE_REMOVED];
    uint64_t changed = printing->rows[FIRN_STORE_DIFFERENCE_CHANGED];
    if (printing->table == NULL) {
        return;
    }
    if (!printing->counts_only) {
        firn_term_json_object(NULL);
        firn_term_json_string("kind", "table");
        firn_term_json_string("keyspace", printing->table);
        firn_term_json_u64("added", added);
        firn_term_json_u64("removed", removed);
        firn_term_json_u64("changed", changed);
        firn_term_json_end();
        firn_term_out_text("~\t");
        firn_term_text_escape(firn_str(printing->table), firn_term_out_write);
        firn_term_out_format("\trows: %llu added, %llu removed, %llu changed\n",
                             (unsigned long long)added, (unsigned long long)removed,
                             (unsigned long long)changed);
    }
    printing->table = NULL;
    memset(printing->rows, 0, sizeof(printing->rows));
}

/* Whether the difference is one of a table's rows, which is counted. */
static bool
count_row(struct printing *printing, const firn_store_difference *difference)
{
    bool has_key = difference->kind <= FIRN_STORE_DIFFERENCE_CHANGED;
    const char *table = has_key ? find_table(printing, difference->keyspace) : NULL;
    if (printing->table != NULL && printing->table != table) {
        end_table(printing);
    }
    if (table == NULL) {
        return false;
    }
    printing->table = table;
    printing->rows[difference->kind]++;
    return true;
}

static int
visit(void *ctx, const firn_store_difference *difference)
{
    struct printing *printing = ctx;
    firn_error ended;
    bool is_counted = count_row(printing, difference);
    printing->added += difference->kind == FIRN_STORE_DIFFERENCE_ADDED;
    printing->removed += difference->kind == FIRN_STORE_DIFFERENCE_REMOVED;
    printing->changed += difference->kind == FIRN_STORE_DIFFERENCE_CHANGED;
    if (is_counted || printing->counts_only) {
        return firn_command_go_on(&ended);
    }
    if (printing->cli->json) {
        print_json(printing, difference);
    } else {
        print_text(printing, difference);
    }
    return firn_command_go_on(&ended);
}

/* ---- all of it ---- */

static void
print_counts(const struct printing *printing)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_term_json_u64("added", printing->added);
    firn_term_json_u64("removed", printing->removed);
    firn_term_json_u64("changed", printing->changed);
    if (printing->counts_only) {
        firn_term_out_format("%s added, ", firn_term_text_number(printing->added, number));
        firn_term_out_format("%s removed, ", firn_term_text_number(printing->removed, number));
        firn_term_out_format("%s changed\n", firn_term_text_number(printing->changed, number));
    }
}

/* Returns a code of the library. */
static int
compare(struct firn_cli *cli, firn_store *store, struct printing *printing, firn_error *err)
{
    struct firn_task_notices notices;
    firn_store_diff_options options = FIRN_STORE_DIFF_OPTIONS_INIT;
    const char *after = cli->argument_count > 2 ? cli->arguments[2] : NULL;
    firn_task_notices_init(&notices, cli);
    options.keyspace = firn_command_value(cli, "keyspace");
    options.callbacks = firn_task_notices_callbacks(&notices);
    int code = keep_tables(store, cli->arguments[1], printing, err);
    if (code == FIRN_OK) {
        code = keep_tables(store, after, printing, err);
    }
    if (code == FIRN_OK) {
        code = firn_store_diff(store, cli->arguments[1], after, &options, visit, printing, err);
        end_table(printing);
    }
    firn_term_meter_clear();
    firn_task_notices_deinit(&notices);
    if (code == FIRN_CANCELLED) {
        (void)firn_command_go_on(err);
    }
    return code;
}

static int
run_diff(struct firn_cli *cli)
{
    firn_error err;
    firn_store *store = NULL;
    struct printing printing = {.cli = cli, .counts_only = firn_command_has(cli, "stat")};
    printing.look.keys_only = firn_command_has(cli, "keys");
    printing.look.is_hex = firn_command_has(cli, "hex");
    int exit_code = firn_data_store_open(cli, cli->arguments[0], FIRN_DATA_STORE_READ, &store);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    firn_term_json_array("differences");
    int code = compare(cli, store, &printing, &err);
    firn_term_json_unwind();
    firn_data_bytes_deinit(&printing.tables);
    if (printing.has_no_memory) {
        exit_code = FIRN_EXIT_FAILED; /* told where it happened */
    } else if (code == FIRN_OK) {
        print_counts(&printing);
    } else {
        exit_code = firn_command_report_failure(cli, &err, NULL);
    }
    return firn_data_store_close(cli, store, exit_code);
}

const struct firn_command firn_data_diff = {
    .name = "diff",
    .summary = "Show differences between two checkpoints of a store's data",
    .arguments = "STORE REF [REF]",
    .options =
        (const struct firn_command_option[]){
            {"keyspace", 0, "NAME", "compare only this keyspace"},
            {"keys", 'k', NULL, "print keys only; ~ marks a key whose value changed"},
            {"stat", 0, NULL, "print only how many entries differ"},
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Compares the first REF with the second or, if only one is given, with the\n"
            "present state. Prints one row for each difference: + or -, keyspace, key and\n"
            "value, separated by tabs and escaped as by firn db scan. A changed value is a -\n"
            "row and a + row. A keyspace that only one of them has is a row too. Of a table,\n"
            "only how many rows differ is printed: ~, the table, and the numbers.",
    .examples =
        (const struct firn_command_example[]){
            {"firn db diff app.firn before-import", "show what has changed since"},
            {"firn db diff app.firn 11 12 --keyspace users --stat",
             "count the differences in users"},
            {NULL, NULL},
        },
    .run = run_diff,
};
