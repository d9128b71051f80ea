/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_table_diff.c: the rows of a table that differ between two states, for firn db diff.
 *
 * A row that is in only one state is shown as in firn db scan, after a sign and the table. A row
 * that is in both is shown as a line for each column that changed: ~, the table, the values of the
 * key, the column, and its value before and after. Texts are escaped as firn db scan escapes, null
 * is \N.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

struct printing {
    struct fi_cli *cli;
    const firn_table_diff *diff;
    const char *table;
    struct fi_data_table_diff *what;
    struct fi_data_bytes text;
    int exit_code; /* of the first failure */
};

static const firn_table_diff_column *
column_at(const struct printing *printing, size_t i)
{
    return firn_table_diff_column_at(printing->diff, i);
}

static void
print_field(struct printing *printing, const firn_table_diff_column *column,
            const firn_value *value)
{
    assert(column != NULL && value != NULL);
    printing->text.size = 0;
    fi_term_out_text("\t");
    if (firn_is_null(*value)) {
        fi_term_out_text("\\N");
        return;
    }
    int exit_code = fi_data_values_text(printing->cli, column->definition, value, &printing->text);
    if (exit_code == FI_EXIT_OK) {
        fi_term_text_escape(fi_data_bytes_slice(&printing->text), fi_term_out_write);
    } else if (printing->exit_code == FI_EXIT_OK) {
        printing->exit_code = exit_code;
    }
}

static void
print_head(const struct printing *printing, const char *sign)
{
    fi_term_out_format("%s\t", sign);
    fi_term_text_escape(firn_str(printing->table), fi_term_out_write);
}

/* The place of the n-th column of the key among those that one side has; SIZE_MAX: the key has
 * fewer. */
static size_t
find_key(const struct printing *printing, bool is_after, size_t n)
{
    assert(n > 0);
    const firn_table_diff_column *column;
    for (size_t i = 0; (column = column_at(printing, i)) != NULL; i++) {
        bool is_there = (is_after ? column->after_name : column->before_name) != NULL;
        if (is_there && column->key_place == n) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void
print_key(struct printing *printing, const firn_row_difference *row)
{
    assert(row->before != NULL || row->after != NULL);
    bool is_after = row->after != NULL;
    const firn_value *values = is_after ? row->after : row->before;
    size_t at;
    for (size_t n = 1; (at = find_key(printing, is_after, n)) != SIZE_MAX; n++) {
        print_field(printing, column_at(printing, at), &values[at]);
    }
}

/* All columns that one side has. */
static void
print_row(struct printing *printing, const firn_value *values, bool is_after)
{
    assert(values != NULL);
    print_head(printing, is_after ? "+" : "-");
    for (size_t i = 0; column_at(printing, i) != NULL; i++) {
        const firn_table_diff_column *column = column_at(printing, i);
        if ((is_after ? column->after_name : column->before_name) != NULL) {
            print_field(printing, column, &values[i]);
        }
    }
    fi_term_out_text("\n");
}

static void
print_changes(struct printing *printing, const firn_row_difference *row)
{
    assert(row->before != NULL && row->after != NULL && row->changed != NULL);
    for (size_t i = 0; i < row->column_count; i++) {
        if (row->changed[i]) {
            const firn_table_diff_column *column = column_at(printing, i);
            print_head(printing, "~");
            print_key(printing, row);
            fi_term_out_text("\t");
            fi_term_text_escape(firn_str(column->definition->name), fi_term_out_write);
            print_field(printing, column, &row->before[i]);
            print_field(printing, column, &row->after[i]);
            fi_term_out_text("\n");
        }
    }
}

static void
print_text(struct printing *printing, const firn_row_difference *row)
{
    static const char *const signs[] = {"", "+", "-", "~"};
    if (printing->what->keys_only) {
        print_head(printing, signs[row->kind]);
        print_key(printing, row);
        fi_term_out_text("\n");
    } else if (row->kind == FIRN_ROW_DIFFERENCE_CHANGED) {
        print_changes(printing, row);
    } else if (row->after != NULL) {
        print_row(printing, row->after, true);
    } else {
        print_row(printing, row->before, false);
    }
}

/* ---- JSON ---- */

/* The columns that one side has; changed NULL: all of them. */
static void
put_values(const struct printing *printing, const char *member, const firn_value *values,
           bool is_after, const bool *changed)
{
    fi_term_json_object(member);
    for (size_t i = 0; column_at(printing, i) != NULL; i++) {
        const firn_table_diff_column *column = column_at(printing, i);
        firn_table_column named = *column->definition;
        named.name = is_after ? column->after_name : column->before_name;
        if (named.name != NULL && (changed == NULL || changed[i])) {
            fi_data_values_json(printing->cli, &named, &values[i]);
        }
    }
    fi_term_json_end();
}

static void
put_json(const struct printing *printing, const firn_row_difference *row)
{
    assert(row->before != NULL || row->after != NULL);
    bool is_after = row->after != NULL;
    const firn_value *values = is_after ? row->after : row->before;
    size_t at;
    fi_term_json_object(NULL);
    fi_term_json_string("kind", firn_row_difference_kind_name(row->kind));
    fi_term_json_string("table", printing->table);
    fi_term_json_object("key");
    for (size_t n = 1; (at = find_key(printing, is_after, n)) != SIZE_MAX; n++) {
        fi_data_values_json(printing->cli, column_at(printing, at)->definition, &values[at]);
    }
    fi_term_json_end();
    if (row->changed != NULL) {
        fi_term_json_array("columns");
        for (size_t i = 0; i < row->column_count; i++) {
            if (row->changed[i]) {
                fi_term_json_string(NULL, column_at(printing, i)->definition->name);
            }
        }
        fi_term_json_end();
    }
    if (!printing->what->keys_only && row->before != NULL) {
        put_values(printing, "before", row->before, false, row->changed);
    }
    if (!printing->what->keys_only && row->after != NULL) {
        put_values(printing, "after", row->after, true, row->changed);
    }
    fi_term_json_end();
}

/* ---- all rows ---- */

/* Returns a code of the library. */
static int
print_rows(struct printing *printing, firn_table_diff *diff, firn_error *err)
{
    struct fi_data_table_diff *what = printing->what;
    const firn_row_difference *row;
    int code = firn_table_diff_next(diff, &row, err);
    while (code == FIRN_OK && row != NULL && printing->exit_code == FI_EXIT_OK) {
        what->added += row->kind == FIRN_ROW_DIFFERENCE_ADDED;
        what->removed += row->kind == FIRN_ROW_DIFFERENCE_REMOVED;
        what->changed += row->kind == FIRN_ROW_DIFFERENCE_CHANGED;
        if (!what->counts_only) {
            put_json(printing, row);
            print_text(printing, row);
        }
        code = fi_command_go_on(err);
        code = code == FIRN_OK ? firn_table_diff_next(diff, &row, err) : code;
    }
    return code;
}

int
fi_data_table_diff(struct fi_cli *cli, firn_store *store, const char *name,
                   struct fi_data_table_diff *what)
{
    firn_error err;
    firn_table_diff *diff = NULL;
    struct printing printing = {.cli = cli, .table = name, .what = what};
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    options.before = what->before;
    options.after = what->after;
    int code = firn_table_diff_open(store, name, &options, &diff, &err);
    if (code == FIRN_OK) {
        printing.diff = diff;
        code = print_rows(&printing, diff, &err);
    }
    firn_table_diff_close(diff);
    fi_data_bytes_deinit(&printing.text);
    return code == FIRN_OK ? printing.exit_code : fi_command_report_failure(cli, &err, NULL);
}
