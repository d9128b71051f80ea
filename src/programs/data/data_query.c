/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_query.c: rows of tables: firn db insert, and firn db get, del, scan and count where they are given a
 * table.
 *
 * Rows are printed in one of four forms: aligned in columns on a terminal; as lines with tabs between the values,
 * escaped, a null as \N, elsewhere; as CSV; or as objects of JSON. Columns that only a condition needs are read behind
 * those that are printed.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

static int
report_no_memory(struct firn_cli *cli)
{
    return firn_command_report_error(cli, FIRN_NO_MEMORY, NULL, "%s",
                                     firn_code_text(FIRN_NO_MEMORY));
}

static int
refuse_hex(const struct firn_data_table *table)
{
    return firn_command_has(table->cli, "hex")
               ? firn_command_misused(table->cli, "--hex is for keyspaces; '%s' is a table",
                                      table->name)
               : FIRN_EXIT_OK;
}

/* ---- the order of rows: the primary key, or an index ---- */

struct order {
    const char *index; /* NULL: the primary key */
    const char *const *columns;
    size_t column_count;
};

/* index NULL: the primary key. Returns an exit code. */
static int
find_order(const struct firn_data_table *table, const char *index, struct order *out)
{
    const firn_table_def *def = table->def;
    *out = (struct order){index, def->key, def->key_count};
    for (size_t i = 0; index != NULL && i < def->index_count; i++) {
        if (strcmp(def->indexes[i].name, index) == 0) {
            out->columns = def->indexes[i].columns;
            out->column_count = def->indexes[i].column_count;
            return FIRN_EXIT_OK;
        }
    }
    return index == NULL
               ? FIRN_EXIT_OK
               : firn_command_report_error(table->cli, FIRN_NOT_FOUND,
                                           "firn db table show STORE TABLE prints the indexes",
                                           "table '%s' has no index '%s'", table->name, index);
}

/* The values of the first columns of an order. Returns an exit code. */
static int
read_key(const struct firn_data_table *table, const struct order *order, const char *const *texts,
         size_t count, struct firn_data_values *out)
{
    assert(count <= order->column_count);
    int exit_code = FIRN_EXIT_OK;
    for (size_t i = 0; i < count && exit_code == FIRN_EXIT_OK; i++) {
        const firn_table_column *column = NULL;
        exit_code = firn_data_table_column(table, order->columns[i], &column);
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = firn_data_values_add(table->cli, column, texts[i], out);
        }
    }
    return exit_code;
}

/* The key of one row, from the arguments behind the table. Returns an exit code. */
static int
read_whole_key(const struct firn_data_table *table, const struct order *order,
               struct firn_data_values *out)
{
    size_t given = (size_t)table->cli->argument_count - 2;
    if (given != order->column_count) {
        return firn_command_misused(table->cli, "%s of '%s' has %zu %s, and %zu %s given",
                                    order->index != NULL ? "the index" : "the key",
                                    order->index != NULL ? order->index : table->name,
                                    order->column_count,
                                    firn_term_text_plural(order->column_count, "column", "columns"),
                                    given, firn_term_text_plural(given, "value is", "values are"));
    }
    return read_key(table, order, table->cli->arguments + 2, given, out);
}

/* ---- the columns of rows that are read ---- */

struct selection {
    const firn_table_column **columns;
    const char **names;
    size_t count; /* that are read */
    size_t shown; /* of them, the first */
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
select_named(const struct firn_data_table *table, const char *const *names, size_t count,
             struct selection *selection)
{
    for (size_t i = 0; i < count; i++) {
        const firn_table_column *column = NULL;
        int exit_code = firn_data_table_column(table, names[i], &column);
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        if (select_column(selection, column) != i) {
            return firn_command_misused(table->cli, "column '%s' is there twice", names[i]);
        }
    }
    return FIRN_EXIT_OK;
}

/* names: what --columns says; NULL: all, or with keys_only those of the primary key. Returns an exit code. */
static int
selection_init(const struct firn_data_table *table, const char *names, bool keys_only,
               struct selection *selection)
{
    const firn_table_def *def = table->def;
    struct firn_data_values_list list = {NULL, NULL, 0};
    int exit_code = FIRN_EXIT_OK;
    memset(selection, 0, sizeof(*selection));
    selection->columns = calloc(def->column_count, sizeof(void *));
    selection->names = calloc(def->column_count, sizeof(selection->names[0]));
    if (selection->columns == NULL || selection->names == NULL) {
        return report_no_memory(table->cli);
    }
    if (names != NULL) {
        exit_code = firn_data_values_split(table->cli, "--columns", names, &list);
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = select_named(table, (const char *const *)list.items, list.count, selection);
        }
        firn_data_values_list_deinit(&list);
    } else if (keys_only) {
        exit_code = select_named(table, def->key, def->key_count, selection);
    } else {
        for (size_t i = 0; i < def->column_count; i++) {
            (void)select_column(selection, &def->columns[i]);
        }
    }
    selection->shown = selection->count;
    return exit_code;
}

/* ---- printing rows ---- */

static const char null_text[] = "\\N";

struct output {
    struct firn_cli *cli;
    const struct selection *selection;
    bool is_csv;
    bool is_grid;
    int exit_code; /* of the first failure */
    struct firn_data_bytes text;
    struct firn_data_grid grid;
};

static bool
is_number(const firn_table_column *column)
{
    return column->type >= FIRN_TYPE_I8 && column->type <= FIRN_TYPE_DECIMAL;
}

/* Quoted where it would be read as something else without: as docs/exchange.md has it. */
static void
print_csv(firn_slice text, bool is_null)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    bool is_quoted = !is_null && text.size == 0;
    is_quoted |= text.size >= 3 && memcmp(text.data, byte_order_mark, 3) == 0;
    for (size_t i = 0; i < text.size && !is_quoted; i++) {
        is_quoted = strchr("\",\r\n", text.data[i]) != NULL && text.data[i] != '\0';
    }
    firn_term_out_text(is_quoted ? "\"" : "");
    for (size_t i = 0; i < text.size; i++) {
        firn_term_out_write(text.data + i, 1);
        if (text.data[i] == '"') {
            firn_term_out_text("\"");
        }
    }
    firn_term_out_text(is_quoted ? "\"" : "");
}

static void
print_cell(struct output *output, const firn_table_column *column, const firn_value *value,
           size_t place)
{
    bool is_null = firn_is_null(*value);
    output->text.size = 0;
    int exit_code = firn_data_values_text(output->cli, column, value, &output->text);
    output->exit_code = output->exit_code == FIRN_EXIT_OK ? exit_code : output->exit_code;
    firn_slice text = firn_data_bytes_slice(&output->text);
    if (output->is_grid) {
        firn_data_grid_add(&output->grid, is_null ? firn_bytes(NULL, 0) : text);
    } else if (output->is_csv) {
        firn_term_out_text(place > 0 ? "," : "");
        print_csv(text, is_null);
    } else {
        firn_term_out_text(place > 0 ? "\t" : "");
        if (is_null) {
            firn_term_out_text(null_text);
        } else {
            firn_term_text_escape(text, firn_term_out_write);
        }
    }
}

static void
output_begin(struct output *output, struct firn_cli *cli, const struct selection *selection,
             bool is_csv)
{
    memset(output, 0, sizeof(*output));
    output->cli = cli;
    output->selection = selection;
    output->is_csv = is_csv;
    output->is_grid = !is_csv && !cli->json && isatty(STDOUT_FILENO) == 1;
    if (output->is_grid) {
        firn_data_grid_init(&output->grid, cli, selection->shown);
    }
    for (size_t i = 0; i < selection->shown; i++) {
        firn_slice name = firn_str(selection->names[i]);
        if (output->is_grid) {
            output->grid.is_right[i] = is_number(selection->columns[i]);
            firn_data_grid_add(&output->grid, name);
        } else if (is_csv) {
            firn_term_out_text(i > 0 ? "," : "");
            print_csv(name, false);
        }
    }
    firn_term_out_text(is_csv ? "\n" : "");
}

static void
output_row(struct output *output, const firn_value *values)
{
    const struct selection *selection = output->selection;
    if (output->cli->json) {
        firn_term_json_object(NULL);
        for (size_t i = 0; i < selection->shown; i++) {
            firn_data_values_json(output->cli, selection->columns[i], &values[i]);
        }
        firn_term_json_end();
        return;
    }
    for (size_t i = 0; i < selection->shown; i++) {
        print_cell(output, selection->columns[i], &values[i], i);
    }
    if (!output->is_grid) {
        firn_term_out_text("\n");
    }
}

/* Returns an exit code. */
static int
output_end(struct output *output)
{
    int exit_code = output->is_grid ? firn_data_grid_finish(&output->grid) : FIRN_EXIT_OK;
    firn_data_bytes_deinit(&output->text);
    return output->exit_code != FIRN_EXIT_OK ? output->exit_code : exit_code;
}

/* ---- scan and count ---- */

struct bound {
    struct firn_data_values_list list;
    struct firn_data_values values;
};

struct query {
    const struct firn_data_table *table;
    struct order order;
    struct selection selection;
    struct firn_data_where where;
    struct bound from;
    struct bound to;
    struct bound prefix;
    firn_table_cursor_options cursor;
    uint64_t limit;
};

static void
bound_deinit(struct bound *bound)
{
    firn_data_values_deinit(&bound->values);
    firn_data_values_list_deinit(&bound->list);
}

static void
query_deinit(struct query *query)
{
    selection_deinit(&query->selection);
    firn_data_where_deinit(&query->where);
    bound_deinit(&query->from);
    bound_deinit(&query->to);
    bound_deinit(&query->prefix);
}

/* Reads the values that an option has, if it was given. Returns an exit code. */
static int
read_bound(const struct query *query, const char *option, struct bound *bound,
           firn_table_bound *out)
{
    struct firn_cli *cli = query->table->cli;
    const char *text = firn_command_value(cli, option + strlen("--"));
    if (text == NULL) {
        return FIRN_EXIT_OK;
    }
    int exit_code = firn_data_values_split(cli, option, text, &bound->list);
    if (exit_code == FIRN_EXIT_OK && bound->list.count > query->order.column_count) {
        return firn_command_misused(
            cli, "%s has %zu values, and %s only %zu %s", option, bound->list.count,
            query->order.index != NULL ? "the index" : "the key", query->order.column_count,
            firn_term_text_plural(query->order.column_count, "column", "columns"));
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_key(query->table, &query->order, (const char *const *)bound->list.items,
                             bound->list.count, &bound->values);
    }
    out->values = bound->values.values;
    out->count = bound->values.count;
    return exit_code;
}

static int
read_bounds(struct query *query)
{
    firn_table_cursor_options *cursor = &query->cursor;
    firn_table_bound prefix = {NULL, 0, false};
    int exit_code = read_bound(query, "--from", &query->from, &cursor->lower);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_bound(query, "--to", &query->to, &cursor->upper);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_bound(query, "--prefix", &query->prefix, &prefix);
    }
    cursor->upper.exclusive = cursor->upper.count > 0;
    if (exit_code == FIRN_EXIT_OK && prefix.count > 0) {
        if (cursor->lower.count > 0 || cursor->upper.count > 0) {
            return firn_command_misused(query->table->cli,
                                        "--prefix goes with neither --from nor --to");
        }
        cursor->lower = prefix;
        cursor->upper = prefix;
    }
    return exit_code;
}

/* The selection is there. Returns an exit code. */
static int
query_init(const struct firn_data_table *table, struct query *query)
{
    const firn_table_cursor_options defaults = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    struct firn_cli *cli = table->cli;
    query->table = table;
    query->cursor = defaults;
    query->limit = UINT64_MAX;
    int exit_code = refuse_hex(table);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = find_order(table, firn_command_value(cli, "order"), &query->order);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_bounds(query);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_where_read(table, firn_command_value(cli, "where"), &query->where);
    }
    for (size_t i = 0; i < query->where.count; i++) {
        struct firn_data_where_condition *condition = &query->where.conditions[i];
        condition->place = select_column(&query->selection, condition->column);
    }
    query->cursor.read.snapshot = table->view;
    query->cursor.read.index = query->order.index;
    query->cursor.read.columns = query->selection.names;
    query->cursor.read.column_count = query->selection.count;
    return exit_code;
}

/* Walks over the rows, and prints them if there is an output. Returns an exit code. */
static int
walk(struct query *query, struct output *output, uint64_t *out_count)
{
    firn_error err;
    const firn_row *row = NULL;
    firn_table_cursor *cursor = NULL;
    uint64_t count = 0;
    int code = firn_table_cursor_open(query->table->table, &query->cursor, &cursor, &err);
    while (code == FIRN_OK && count < query->limit) {
        code = firn_table_cursor_next(cursor, &row, &err);
        if (code != FIRN_OK || row == NULL) {
            break;
        }
        const firn_value *values = firn_row_values(row);
        if (firn_data_where_holds(&query->where, values)) {
            count++;
            if (output != NULL) {
                output_row(output, values);
            }
        }
        code = firn_command_go_on(&err);
    }
    firn_table_cursor_close(cursor);
    *out_count = count;
    return code == FIRN_OK ? FIRN_EXIT_OK
                           : firn_command_report_failure(query->table->cli, &err, NULL);
}

int
firn_data_query_scan(const struct firn_data_table *table)
{
    struct firn_cli *cli = table->cli;
    struct query query;
    struct output output;
    uint64_t count = 0;
    memset(&query, 0, sizeof(query));
    const char *names = firn_command_value(cli, "columns");
    bool keys_only = firn_command_has(cli, "keys");
    if (names != NULL && keys_only) {
        return firn_command_misused(cli, "--keys cannot be used with --columns");
    }
    int exit_code = selection_init(table, names, keys_only, &query.selection);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = query_init(table, &query);
    }
    const char *limit = firn_command_value(cli, "limit"); /* a number: looked at before */
    if (exit_code == FIRN_EXIT_OK &&
        (limit == NULL || firn_command_number(limit, UINT64_MAX, &query.limit))) {
        query.cursor.descending = firn_command_has(cli, "reverse");
        firn_term_json_string("table", table->name);
        firn_term_json_array("rows");
        output_begin(&output, cli, &query.selection, firn_command_has(cli, "csv"));
        exit_code = walk(&query, &output, &count);
        int ended = output_end(&output);
        firn_term_json_unwind();
        firn_term_json_u64("count", count);
        exit_code = exit_code == FIRN_EXIT_OK ? ended : exit_code;
    }
    query_deinit(&query);
    return exit_code;
}

int
firn_data_query_count(const struct firn_data_table *table)
{
    struct query query;
    uint64_t count = 0;
    memset(&query, 0, sizeof(query));
    int exit_code = selection_init(table, NULL, true, &query.selection);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = query_init(table, &query);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = walk(&query, NULL, &count);
    }
    if (exit_code == FIRN_EXIT_OK) {
        firn_term_json_u64("count", count);
        firn_term_out_format("%llu\n", (unsigned long long)count);
    }
    query_deinit(&query);
    return exit_code;
}

/* ---- get and del ---- */

static int
report_no_row(const struct firn_data_table *table, const struct order *order)
{
    struct firn_cli *cli = table->cli;
    bool is_one = cli->argument_count == 3;
    return firn_command_report_error(cli, FIRN_NOT_FOUND, NULL, "table '%s' has no row '%s%s'%s%s",
                                     table->name, cli->arguments[2], is_one ? "" : " ...",
                                     order->index != NULL ? " in the index " : "",
                                     order->index != NULL ? order->index : "");
}

/* A line a column: on a terminal aligned, else with a tab. Returns an exit code. */
static int
print_row(struct firn_cli *cli, const struct selection *selection, const firn_value *values)
{
    struct firn_data_grid grid;
    struct firn_data_bytes text = {NULL, 0, 0};
    bool is_grid = isatty(STDOUT_FILENO) == 1;
    int exit_code = FIRN_EXIT_OK;
    firn_data_grid_init(&grid, cli, 2);
    firn_term_json_object("row");
    for (size_t i = 0; i < selection->shown && exit_code == FIRN_EXIT_OK; i++) {
        firn_slice name = firn_str(selection->names[i]);
        text.size = 0;
        firn_data_values_json(cli, selection->columns[i], &values[i]);
        exit_code = firn_data_values_text(cli, selection->columns[i], &values[i], &text);
        if (is_grid) {
            firn_data_grid_add(&grid, name);
            firn_data_grid_add(&grid, firn_is_null(values[i]) ? firn_bytes(NULL, 0)
                                                              : firn_data_bytes_slice(&text));
            continue;
        }
        firn_term_text_escape(name, firn_term_out_write);
        firn_term_out_text("\t");
        if (firn_is_null(values[i])) {
            firn_term_out_text(null_text);
        } else {
            firn_term_text_escape(firn_data_bytes_slice(&text), firn_term_out_write);
        }
        firn_term_out_text("\n");
    }
    firn_term_json_end();
    firn_data_bytes_deinit(&text);
    int printed = firn_data_grid_finish(&grid);
    return exit_code == FIRN_EXIT_OK ? printed : exit_code;
}

int
firn_data_query_get(const struct firn_data_table *table)
{
    firn_error err;
    struct firn_cli *cli = table->cli;
    struct order order = {NULL, NULL, 0};
    struct selection selection;
    struct firn_data_values key = {NULL, NULL, 0};
    firn_row *row = NULL;
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    int exit_code = selection_init(table, firn_command_value(cli, "columns"), false, &selection);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = refuse_hex(table);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = find_order(table, firn_command_value(cli, "index"), &order);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_whole_key(table, &order, &key);
    }
    if (exit_code == FIRN_EXIT_OK) {
        options.snapshot = table->view;
        options.columns = selection.names;
        options.column_count = selection.count;
        options.index = order.index;
        int code = firn_row_create(&row, &err);
        if (code == FIRN_OK) {
            code = firn_table_get(table->table, &options, key.values, key.count, row, &err);
        }
        if (code == FIRN_OK) {
            firn_term_json_string("table", table->name);
            exit_code = print_row(cli, &selection, firn_row_values(row));
        } else {
            exit_code = code == FIRN_NOT_FOUND ? report_no_row(table, &order)
                                               : firn_command_report_failure(cli, &err, NULL);
        }
    }
    firn_row_destroy(row);
    firn_data_values_deinit(&key);
    selection_deinit(&selection);
    return exit_code;
}

int
firn_data_query_delete(const struct firn_data_table *table)
{
    firn_error err;
    struct order order;
    struct firn_data_values key = {NULL, NULL, 0};
    int exit_code = refuse_hex(table);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = find_order(table, NULL, &order);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_whole_key(table, &order, &key);
    }
    if (exit_code == FIRN_EXIT_OK) {
        int code = firn_table_delete(table->table, NULL, key.values, key.count, &err);
        if (code != FIRN_OK && code != FIRN_NOT_FOUND) { /* as of keyspaces */
            exit_code = firn_command_report_failure(table->cli, &err, NULL);
        }
    }
    firn_data_values_deinit(&key);
    return exit_code;
}

/* ---- insert ---- */

/* A row that is given: columns, and their values. */
struct given {
    struct firn_data_values values;
    struct firn_data_values_list nulls;
    const char **names;
    char *text; /* of the arguments */
};

static void
given_deinit(struct given *given)
{
    firn_data_values_deinit(&given->values);
    firn_data_values_list_deinit(&given->nulls);
    free(given->names);
    free(given->text);
}

/* value NULL: null. Returns an exit code. */
static int
give(const struct firn_data_table *table, struct given *given, const char *name, const char *value)
{
    const firn_table_column *column = NULL;
    int exit_code = firn_data_table_column(table, name, &column);
    for (size_t i = 0; exit_code == FIRN_EXIT_OK && i < given->values.count; i++) {
        if (given->names[i] == column->name) {
            return firn_command_misused(table->cli, "column '%s' is given twice", name);
        }
    }
    if (exit_code == FIRN_EXIT_OK) {
        given->names[given->values.count] = column->name;
        exit_code = firn_data_values_add(table->cli, column, value, &given->values);
    }
    return exit_code;
}

/* COLUMN=VALUE, or "COLUMN"=VALUE: takes it apart in place. Returns the value; NULL where there is none. */
static char *
take_apart(char *argument, char **out_name)
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
read_given(const struct firn_data_table *table, struct given *given)
{
    struct firn_cli *cli = table->cli;
    const char *nulls = firn_command_value(cli, "null");
    size_t size = 1;
    for (int i = 2; i < cli->argument_count; i++) {
        size += strlen(cli->arguments[i]) + 1;
    }
    given->names = calloc(table->def->column_count + 1, sizeof(given->names[0]));
    given->text = malloc(size);
    if (given->names == NULL || given->text == NULL) {
        return report_no_memory(cli);
    }
    int exit_code =
        nulls == NULL ? FIRN_EXIT_OK : firn_data_values_split(cli, "--null", nulls, &given->nulls);
    for (size_t i = 0; i < given->nulls.count && exit_code == FIRN_EXIT_OK; i++) {
        exit_code = give(table, given, given->nulls.items[i], NULL);
    }
    char *to = given->text;
    for (int i = 2; i < cli->argument_count && exit_code == FIRN_EXIT_OK; i++) {
        char *name;
        memcpy(to, cli->arguments[i], strlen(cli->arguments[i]) + 1);
        const char *value = take_apart(to, &name);
        exit_code = value == NULL
                        ? firn_command_misused(cli, "'%s' is not COLUMN=VALUE", cli->arguments[i])
                        : give(table, given, name, value);
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
write_row(const struct firn_data_table *table, const struct given *given, firn_row_options *options,
          firn_error *err)
{
    struct firn_cli *cli = table->cli;
    const firn_value *values = given->values.values;
    size_t count = given->values.count;
    options->columns = given->names;
    if (firn_command_has(cli, "upsert")) {
        return firn_table_upsert(table->table, options, values, count, err);
    }
    if (firn_command_has(cli, "update")) {
        return firn_table_update(table->table, options, values, count, err);
    }
    if (!has_auto(table->def)) {
        return firn_table_insert(table->table, options, values, count, err);
    }
    uint64_t number = 0;
    int code = firn_table_insert_auto(table->table, options, values, count, &number, err);
    if (code == FIRN_OK) {
        firn_term_json_u64("number", number);
        if (!cli->quiet) {
            firn_term_out_format("%llu\n", (unsigned long long)number);
        }
    }
    return code;
}

static int
run_insert(struct firn_cli *cli)
{
    firn_error err;
    firn_store *store = NULL;
    struct firn_data_table table = {.name = NULL};
    struct given given;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    memset(&given, 0, sizeof(given));
    if (firn_command_has(cli, "upsert") && firn_command_has(cli, "update")) {
        return firn_command_misused(cli, "--upsert cannot be used with --update");
    }
    int exit_code = firn_data_read_ttl(cli, &options.ttl_ms);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_store_open(cli, cli->arguments[0], FIRN_DATA_STORE_WRITE, &store);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_table_open(cli, store, NULL, &table);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = read_given(&table, &given);
    }
    if (exit_code == FIRN_EXIT_OK) {
        int code = write_row(&table, &given, &options, &err);
        exit_code = code == FIRN_OK ? FIRN_EXIT_OK : firn_command_report_failure(cli, &err, NULL);
    }
    given_deinit(&given);
    firn_data_table_close(&table);
    return firn_data_store_close(cli, store, exit_code);
}

const struct firn_command firn_data_query_insert = {
    .name = "insert",
    .summary = "Insert a row into a table",
    .arguments = "STORE TABLE [COLUMN=VALUE...]",
    .options =
        (const struct firn_command_option[]){
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
        (const struct firn_command_example[]){
            {"firn db insert shop.firn goods name=tea price=3.20", "insert a row"},
            {"firn db insert --update shop.firn goods id=1 price=2.50", "change its price"},
            {NULL, NULL},
        },
    .uses = FIRN_COMMAND_USES_LOCK,
    .run = run_insert,
};
