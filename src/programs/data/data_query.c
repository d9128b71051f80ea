/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_query.c: single rows of tables: firn db insert, and firn db get and del of a table.
 * data_scan.c prints many rows.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

int
fi_data_query_refuse_hex(const struct fi_data_table *table)
{
    return fi_command_has(table->cli, "hex")
               ? fi_command_misused(table->cli, "--hex is for keyspaces; '%s' is a table",
                                    table->name)
               : FI_EXIT_OK;
}

/* ---- the order of rows: the primary key, or an index ---- */

/* index NULL: the primary key. Returns an exit code. */
int
fi_data_query_find_order(const struct fi_data_table *table, const char *index,
                         struct fi_data_query_order *out)
{
    assert(table->def != NULL);
    const firn_table_def *def = table->def;
    *out = (struct fi_data_query_order){index, def->key, def->key_count};
    for (size_t i = 0; index != NULL && i < def->index_count; i++) {
        if (strcmp(def->indexes[i].name, index) == 0) {
            out->columns = def->indexes[i].columns;
            out->column_count = def->indexes[i].column_count;
            return FI_EXIT_OK;
        }
    }
    return index == NULL
               ? FI_EXIT_OK
               : fi_command_report_error(table->cli, FIRN_NOT_FOUND,
                                         "firn db table show STORE TABLE prints the indexes",
                                         "table '%s' has no index '%s'", table->name, index);
}

int
fi_data_query_read_key(const struct fi_data_table *table, const struct fi_data_query_order *order,
                       const char *const *texts, size_t count, struct fi_data_values *out)
{
    assert(count <= order->column_count);
    int exit_code = FI_EXIT_OK;
    for (size_t i = 0; i < count && exit_code == FI_EXIT_OK; i++) {
        const firn_table_column *column = NULL;
        exit_code = fi_data_table_column(table, order->columns[i], &column);
        if (exit_code == FI_EXIT_OK) {
            exit_code = fi_data_values_add(table->cli, column, texts[i], out);
        }
    }
    return exit_code;
}

/* The key of one row, from the arguments after the table. Returns an exit code. */
static int
read_whole_key(const struct fi_data_table *table, const struct fi_data_query_order *order,
               struct fi_data_values *out)
{
    assert(table->cli->argument_count >= 2);
    size_t given = (size_t)table->cli->argument_count - 2;
    if (given != order->column_count) {
        return fi_command_misused(table->cli, "%s of '%s' has %zu %s, and %zu %s given",
                                  order->index != NULL ? "the index" : "the key",
                                  order->index != NULL ? order->index : table->name,
                                  order->column_count,
                                  fi_term_text_plural(order->column_count, "column", "columns"),
                                  given, fi_term_text_plural(given, "value is", "values are"));
    }
    return fi_data_query_read_key(table, order, table->cli->arguments + 2, given, out);
}

/* ---- the columns of rows that are read ---- */

struct selection {
    const firn_table_column **columns;
    const char **names;
    size_t count;
};

static void
selection_deinit(struct selection *selection)
{
    free(selection->columns);
    free(selection->names);
    memset(selection, 0, sizeof(*selection));
}

/* The place of a column, which is read from now on. */
static size_t
select_column(struct selection *selection, const firn_table_column *column)
{
    assert(selection->columns != NULL && selection->names != NULL);
    size_t place = 0;
    while (place < selection->count && selection->columns[place] != column) {
        place++;
    }
    if (place == selection->count) {
        selection->columns[place] = column;
        selection->names[place] = column->name;
        selection->count++;
    }
    return place;
}

/* The columns that are named, or the first ones. Returns an exit code. */
static int
select_named(const struct fi_data_table *table, const char *const *names, size_t count,
             struct selection *selection)
{
    assert(count > 0 && selection->count == 0);
    for (size_t i = 0; i < count; i++) {
        const firn_table_column *column = NULL;
        FI_TRY_RETURN(fi_data_table_column(table, names[i], &column));
        if (select_column(selection, column) != i) {
            return fi_command_misused(table->cli, "column '%s' is there twice", names[i]);
        }
    }
    return FI_EXIT_OK;
}

/* names: what --columns says; NULL: all. Returns an exit code. */
static int
selection_init(const struct fi_data_table *table, const char *names, struct selection *selection)
{
    const firn_table_def *def = table->def;
    struct fi_data_values_list list = {NULL, NULL, 0};
    int exit_code = FI_EXIT_OK;
    memset(selection, 0, sizeof(*selection));
    selection->columns = calloc(def->column_count, sizeof(void *));
    selection->names = calloc(def->column_count, sizeof(selection->names[0]));
    if (selection->columns == NULL || selection->names == NULL) {
        return fi_command_report_no_memory(table->cli);
    }
    if (names != NULL) {
        exit_code = fi_data_values_split(table->cli, "--columns", names, &list);
        if (exit_code == FI_EXIT_OK) {
            exit_code = select_named(table, (const char *const *)list.items, list.count, selection);
        }
        fi_data_values_list_deinit(&list);
    } else {
        for (size_t i = 0; i < def->column_count; i++) {
            (void)select_column(selection, &def->columns[i]);
        }
    }
    return exit_code;
}

/* ---- get and del ---- */

static const char null_text[] = "\\N";

static int
report_no_row(const struct fi_data_table *table, const struct fi_data_query_order *order)
{
    assert(table->cli->argument_count > 2);
    struct fi_cli *cli = table->cli;
    bool is_one = cli->argument_count == 3;
    return fi_command_report_error(cli, FIRN_NOT_FOUND, NULL, "table '%s' has no row '%s%s'%s%s",
                                   table->name, cli->arguments[2], is_one ? "" : " ...",
                                   order->index != NULL ? " in the index " : "",
                                   order->index != NULL ? order->index : "");
}

/* A line a column: on a terminal aligned, else with a tab. Returns an exit code. */
static int
print_row(struct fi_cli *cli, const struct selection *selection, const firn_value *values)
{
    assert(selection->count > 0);
    struct fi_data_grid grid;
    struct fi_data_bytes text = {NULL, 0, 0};
    bool is_grid = isatty(STDOUT_FILENO) == 1;
    int exit_code = FI_EXIT_OK;
    fi_data_grid_init(&grid, cli, 2);
    fi_term_json_object("row");
    for (size_t i = 0; i < selection->count && exit_code == FI_EXIT_OK; i++) {
        firn_slice name = firn_str(selection->names[i]);
        text.size = 0;
        fi_data_values_json(cli, selection->columns[i], &values[i]);
        exit_code = fi_data_values_text(cli, selection->columns[i], &values[i], &text);
        if (is_grid) {
            fi_data_grid_add(&grid, name);
            fi_data_grid_add(&grid, firn_is_null(values[i]) ? firn_bytes(NULL, 0)
                                                            : fi_data_bytes_slice(&text));
            continue;
        }
        fi_term_text_escape(name, fi_term_out_write);
        fi_term_out_text("\t");
        if (firn_is_null(values[i])) {
            fi_term_out_text(null_text);
        } else {
            fi_term_text_escape(fi_data_bytes_slice(&text), fi_term_out_write);
        }
        fi_term_out_text("\n");
    }
    fi_term_json_end();
    fi_data_bytes_deinit(&text);
    int printed = fi_data_grid_finish(&grid);
    return exit_code == FI_EXIT_OK ? printed : exit_code;
}

int
fi_data_query_get(const struct fi_data_table *table)
{
    firn_error err;
    struct fi_cli *cli = table->cli;
    struct fi_data_query_order order = {NULL, NULL, 0};
    struct selection selection;
    struct fi_data_values key = {NULL, NULL, 0};
    firn_row *row = NULL;
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    int exit_code;
    FI_TRY_OUT(exit_code, selection_init(table, fi_command_value(cli, "columns"), &selection));
    FI_TRY_OUT(exit_code, fi_data_query_refuse_hex(table));
    FI_TRY_OUT(exit_code, fi_data_query_find_order(table, fi_command_value(cli, "index"), &order));
    FI_TRY_OUT(exit_code, read_whole_key(table, &order, &key));
    options.snapshot = table->snapshot;
    options.columns = selection.names;
    options.column_count = selection.count;
    options.index = order.index;
    int code = firn_row_create(&row, &err);
    if (code == FIRN_OK) {
        code = firn_table_get(table->table, &options, key.values, key.count, row, &err);
    }
    if (code == FIRN_OK) {
        fi_term_json_string("table", table->name);
        exit_code = print_row(cli, &selection, firn_row_values(row));
    } else {
        exit_code = code == FIRN_NOT_FOUND ? report_no_row(table, &order)
                                           : fi_command_report_failure(cli, &err, NULL);
    }
out:
    firn_row_destroy(row);
    fi_data_values_deinit(&key);
    selection_deinit(&selection);
    return exit_code;
}

int
fi_data_query_delete(const struct fi_data_table *table)
{
    firn_error err;
    struct fi_data_query_order order;
    struct fi_data_values key = {NULL, NULL, 0};
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_query_refuse_hex(table));
    FI_TRY_OUT(exit_code, fi_data_query_find_order(table, NULL, &order));
    FI_TRY_OUT(exit_code, read_whole_key(table, &order, &key));
    int code = firn_table_delete(table->table, NULL, key.values, key.count, &err);
    if (code != FIRN_OK && code != FIRN_NOT_FOUND) { /* as of keyspaces */
        exit_code = fi_command_report_failure(table->cli, &err, NULL);
    }
out:
    fi_data_values_deinit(&key);
    return exit_code;
}

/* ---- insert ---- */

/* A row that is given: columns, and their values. */
struct given {
    struct fi_data_values values;
    struct fi_data_values_list nulls;
    const char **names;
    char *text; /* of the arguments */
};

static void
given_deinit(struct given *given)
{
    assert(given->values.count == 0 || given->names != NULL);
    fi_data_values_deinit(&given->values);
    fi_data_values_list_deinit(&given->nulls);
    free(given->names);
    free(given->text);
}

/* value NULL: null. Returns an exit code. */
static int
data_query_give(const struct fi_data_table *table, struct given *given, const char *name,
                const char *value)
{
    const firn_table_column *column = NULL;
    int exit_code = fi_data_table_column(table, name, &column);
    for (size_t i = 0; exit_code == FI_EXIT_OK && i < given->values.count; i++) {
        if (given->names[i] == column->name) {
            return fi_command_misused(table->cli, "column '%s' is given twice", name);
        }
    }
    if (exit_code == FI_EXIT_OK) {
        given->names[given->values.count] = column->name;
        exit_code = fi_data_values_add(table->cli, column, value, &given->values);
    }
    return exit_code;
}

/* COLUMN=VALUE, or "COLUMN"=VALUE: takes it apart in place. Returns the value; NULL where there is
 * none. */
static char *
data_query_split(char *argument, char **out_name)
{
    char *to = argument;
    char *from = argument + 1;
    *out_name = argument;
    if (*argument != '"') {
        char *sign = strchr(argument, '=');
        if (sign == NULL || sign == argument) {
            return NULL;
        }
        *sign = '\0';
        return sign + 1;
    }
    for (; *from != '\0' && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from == '\0' || from[1] != '=') {
        return NULL;
    }
    *to = '\0';
    return from + 2;
}

/* Returns an exit code. */
static int
read_given(const struct fi_data_table *table, struct given *given)
{
    struct fi_cli *cli = table->cli;
    const char *nulls = fi_command_value(cli, "null");
    size_t size = 1;
    for (int i = 2; i < cli->argument_count; i++) {
        size += strlen(cli->arguments[i]) + 1;
    }
    given->names = calloc(table->def->column_count + 1, sizeof(given->names[0]));
    given->text = malloc(size);
    if (given->names == NULL || given->text == NULL) {
        return fi_command_report_no_memory(cli);
    }
    int exit_code =
        nulls == NULL ? FI_EXIT_OK : fi_data_values_split(cli, "--null", nulls, &given->nulls);
    for (size_t i = 0; i < given->nulls.count && exit_code == FI_EXIT_OK; i++) {
        exit_code = data_query_give(table, given, given->nulls.items[i], NULL);
    }
    char *to = given->text;
    for (int i = 2; i < cli->argument_count && exit_code == FI_EXIT_OK; i++) {
        char *name;
        memcpy(to, cli->arguments[i], strlen(cli->arguments[i]) + 1);
        const char *value = data_query_split(to, &name);
        exit_code = value == NULL
                        ? fi_command_misused(cli, "'%s' is not COLUMN=VALUE", cli->arguments[i])
                        : data_query_give(table, given, name, value);
        to += strlen(cli->arguments[i]) + 1;
    }
    return exit_code;
}

static bool
has_auto(const firn_table_def *def)
{
    for (size_t i = 0; i < def->column_count; i++) {
        if (def->columns[i].is_auto) {
            return true;
        }
    }
    return false;
}

/* Returns a code of the library. */
static int
write_row(const struct fi_data_table *table, const struct given *given, firn_row_options *options,
          firn_error *err)
{
    assert(table->table != NULL);
    struct fi_cli *cli = table->cli;
    const firn_value *values = given->values.values;
    size_t count = given->values.count;
    options->columns = given->names;
    if (fi_command_has(cli, "upsert")) {
        return firn_table_upsert(table->table, options, values, count, err);
    }
    if (fi_command_has(cli, "update")) {
        return firn_table_update(table->table, options, values, count, err);
    }
    if (!has_auto(table->def)) {
        return firn_table_insert(table->table, options, values, count, err);
    }
    uint64_t number = 0;
    FI_TRY_RETURN(firn_table_insert_auto(table->table, options, values, count, &number, err));
    fi_term_json_u64("number", number);
    if (!cli->quiet) {
        fi_term_out_format("%llu\n", (unsigned long long)number);
    }
    return FIRN_OK;
}

static int
run_insert(struct fi_cli *cli)
{
    assert(cli->argument_count >= 2);
    firn_error err;
    firn_store *store = NULL;
    struct fi_data_table table = {.name = NULL};
    struct given given;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    memset(&given, 0, sizeof(given));
    if (fi_command_has(cli, "upsert") && fi_command_has(cli, "update")) {
        return fi_command_misused(cli, "--upsert cannot be used with --update");
    }
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_values_ttl(cli, &options.ttl_ms));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store));
    FI_TRY_OUT(exit_code, fi_data_table_open(cli, store, NULL, &table));
    FI_TRY_OUT(exit_code, read_given(&table, &given));
    int code = write_row(&table, &given, &options, &err);
    exit_code = code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
out:
    given_deinit(&given);
    fi_data_table_close(&table);
    return fi_data_store_close(cli, store, exit_code);
}

const struct fi_command fi_data_query_insert = {
    .name = "insert",
    .summary = "Insert a row into a table",
    .arguments = "STORE TABLE [COLUMN=VALUE...]",
    .options =
        (const struct fi_command_option[]){
            {"upsert", 0, NULL, "replace the row that has the same key"},
            {"update", 'u', NULL, "change these columns of the row that has the key"},
            {"null", 0, "COLUMN,...", "columns that become null"},
            {"ttl", 't', "SECONDS", "let the row expire after this many seconds"},
            {NULL, 0, NULL, NULL},
        },
    .help = "The row is on disk when the command returns. Columns that are not given get\n"
            "their default; with --update they stay as they are. If the table numbers its\n"
            "rows, the number of the row is printed. If there is a row with that key, or\n"
            "with the same values in a unique index, nothing is changed and the exit code is\n"
            "1.\n"
            "\n"
            "VALUE is true or false, digits, 2026-01-31, 2026-01-31 23:59:59.5, text as it\n"
            "is, \\x00ff for a blob, [1,2.5] for a vector. A COLUMN that contains an equals\n"
            "sign must be in double quotes.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db insert shop.firn goods name=tea price=3.20", "insert a row"},
            {"firn db insert --update shop.firn goods id=1 price=2.50", "change its price"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_insert,
};
