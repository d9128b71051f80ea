/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_scan.c: many rows of a table: firn db scan and firn db count where they are given a
 * table.
 *
 * The options are passed to the library unchanged, which parses the expressions (firn/scan.h).
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "firn/scan.h"
#include "term/term.h"
#include "term/term_try.h"

/* ---- which rows ---- */

enum { MEMORY_MIB_MAX = 1 << 20 };

struct bound {
    struct fi_data_values_list list;
    struct fi_data_values values;
};

struct query {
    const struct fi_data_table *table;
    struct fi_data_query_order order;
    struct bound from;
    struct bound to;
    struct bound prefix;
    char *keys; /* the names of the key's columns as expressions; NULL: they are not wanted */
    firn_scan_options options;
};

static void
bound_deinit(struct bound *bound)
{
    fi_data_values_deinit(&bound->values);
    fi_data_values_list_deinit(&bound->list);
}

static void
query_deinit(struct query *query)
{
    bound_deinit(&query->from);
    bound_deinit(&query->to);
    bound_deinit(&query->prefix);
    free(query->keys);
}

/* Reads the values that an option has, if it was given. Returns an exit code. */
static int
read_bound(const struct query *query, const char *option, struct bound *bound,
           firn_table_bound *out)
{
    assert(option[0] == '-' && option[1] == '-');
    struct fi_cli *cli = query->table->cli;
    const char *text = fi_command_value(cli, option + strlen("--"));
    if (text == NULL) {
        return FI_EXIT_OK;
    }
    FI_TRY_RETURN(fi_data_values_split(cli, option, text, &bound->list));
    if (bound->list.count > query->order.column_count) {
        return fi_command_misused(
            cli, "%s has %zu values, and %s only %zu %s", option, bound->list.count,
            query->order.index != NULL ? "the index" : "the key", query->order.column_count,
            fi_term_text_plural(query->order.column_count, "column", "columns"));
    }
    FI_TRY_RETURN(fi_data_query_read_key(query->table, &query->order,
                                         (const char *const *)bound->list.items, bound->list.count,
                                         &bound->values));
    out->values = bound->values.values;
    out->count = bound->values.count;
    return FI_EXIT_OK;
}

static int
read_bounds(struct query *query)
{
    assert(query->order.column_count > 0);
    firn_scan_options *options = &query->options;
    firn_table_bound prefix = {NULL, 0, false};
    FI_TRY_RETURN(read_bound(query, "--from", &query->from, &options->lower));
    FI_TRY_RETURN(read_bound(query, "--to", &query->to, &options->upper));
    FI_TRY_RETURN(read_bound(query, "--prefix", &query->prefix, &prefix));
    options->upper.exclusive = options->upper.count > 0;
    if (prefix.count > 0) {
        if (options->lower.count > 0 || options->upper.count > 0) {
            return fi_command_misused(query->table->cli,
                                      "--prefix goes with neither --from nor --to");
        }
        options->lower = prefix;
        options->upper = prefix;
    }
    return FI_EXIT_OK;
}

/* The columns of the key, each in double quotes. Returns an exit code. */
static int
name_keys(struct query *query)
{
    assert(query->keys == NULL);
    const firn_table_def *def = query->table->def;
    size_t size = 1;
    for (size_t i = 0; i < def->key_count; i++) {
        size += 2 * strlen(def->key[i]) + 4;
    }
    char *to = query->keys = malloc(size);
    if (to == NULL) {
        return fi_command_report_no_memory(query->table->cli);
    }
    for (size_t i = 0; i < def->key_count; i++) {
        *to++ = i > 0 ? ',' : ' ';
        *to++ = '"';
        for (const char *from = def->key[i]; *from != '\0'; from++) {
            *to++ = *from;
            if (*from == '"') {
                *to++ = '"';
            }
        }
        *to++ = '"';
    }
    *to = '\0';
    query->options.select = query->keys;
    return FI_EXIT_OK;
}

/* What scan and count have in common. Returns an exit code. */
static int
query_init(const struct fi_data_table *table, struct query *query)
{
    const firn_scan_options defaults = FIRN_SCAN_OPTIONS_INIT;
    struct fi_cli *cli = table->cli;
    memset(query, 0, sizeof *query);
    query->table = table;
    query->options = defaults;
    query->options.callbacks.on_progress = fi_command_on_progress;
    FI_TRY_RETURN(fi_data_query_refuse_hex(table));
    FI_TRY_RETURN(fi_data_query_find_order(table, fi_command_value(cli, "index"), &query->order));
    FI_TRY_RETURN(read_bounds(query));
    query->options.snapshot = table->snapshot;
    query->options.index = query->order.index;
    query->options.where = fi_command_value(cli, "where");
    return FI_EXIT_OK;
}

/* An option that is a number. Returns an exit code. */
static int
read_number(struct fi_cli *cli, const char *option, uint64_t *out)
{
    const char *text = fi_command_value(cli, option);
    if (text != NULL && !fi_command_number(text, UINT64_MAX, out)) {
        return fi_command_misused(cli, "--%s is not a number: '%s'", option, text);
    }
    return FI_EXIT_OK;
}

/* A number of MiB. Returns an exit code. */
static int
read_memory(struct fi_cli *cli, uint64_t *out)
{
    const char *text = fi_command_value(cli, "memory");
    uint64_t number = 0;
    if (text == NULL) {
        return FI_EXIT_OK;
    }
    if (!fi_command_number(text, MEMORY_MIB_MAX, &number) || number == 0) {
        return fi_command_misused(cli, "--memory is a number of MiB, not '%s'", text);
    }
    *out = number << 20;
    return FI_EXIT_OK;
}

/* ---- scan and count ---- */

int
fi_data_scan_report(const struct fi_data_table *table, const firn_error *err)
{
    static const char *const names[][2] = {{"select", "--columns"},
                                           {"where", "--where"},
                                           {"group by", "--group-by"},
                                           {"order by", "--order"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size = strlen(names[i][0]);
        if (strncmp(err->text, names[i][0], size) == 0 &&
            (err->text[size] == ',' || err->text[size] == ':')) {
            return fi_command_report_error(table->cli, err->code,
                                           err->code == FIRN_NOT_FOUND
                                               ? "firn db table show STORE TABLE prints the columns"
                                               : NULL,
                                           "%s%s", names[i][1], err->text + size);
        }
    }
    return fi_command_report_failure(table->cli, err, NULL);
}

/* Prints the rows of a scan, or only what stands above them. Returns an exit code. */
static int
print_rows(struct fi_cli *cli, firn_scan *scan, bool is_head_only, uint64_t *out_count)
{
    firn_error err;
    struct fi_data_output output;
    const firn_scan_batch *batch = NULL;
    const size_t count = firn_scan_column_count(scan);
    firn_table_column *columns = calloc(count, sizeof columns[0]);
    firn_value *values = calloc(count, sizeof values[0]);
    int code = FIRN_OK;
    if (columns == NULL || values == NULL) {
        free(columns);
        free(values);
        return fi_command_report_no_memory(cli);
    }
    for (size_t i = 0; i < count; i++) {
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(scan, i, &column);
        columns[i] = (firn_table_column){.name = column.name,
                                         .type = column.type,
                                         .precision = column.precision,
                                         .scale = column.scale,
                                         .dimensions = column.dimensions};
    }
    fi_data_output_begin(&output, cli, columns, count);
    while (code == FIRN_OK && !is_head_only) {
        code = firn_scan_next(scan, &batch, &err);
        if (code != FIRN_OK || batch == NULL) {
            break;
        }
        for (size_t row = 0; row < firn_scan_batch_rows(batch); row++) {
            for (size_t i = 0; i < count; i++) {
                values[i] = firn_scan_value(batch, i, row);
            }
            fi_data_output_row(&output, values);
        }
        *out_count += firn_scan_batch_rows(batch);
        code = fi_command_go_on(&err);
    }
    int exit_code = fi_data_output_end(&output);
    free(columns);
    free(values);
    /* A store that is opened for reading has no temporary files. */
    const char *hint = code == FIRN_LIMIT ? "give the command more with --memory MIB" : NULL;
    return code != FIRN_OK ? fi_command_report_failure(cli, &err, hint) : exit_code;
}

int
fi_data_scan_print(const struct fi_data_table *table)
{
    firn_error err;
    struct fi_cli *cli = table->cli;
    struct query query;
    firn_scan *scan = NULL;
    uint64_t count = 0;
    const char *columns = fi_command_value(cli, "columns");
    const char *limit = fi_command_value(cli, "limit");
    if (columns != NULL && fi_command_has(cli, "keys")) {
        return fi_command_misused(cli, "--keys cannot be used with --columns");
    }
    int exit_code;
    FI_TRY_OUT(exit_code, query_init(table, &query));
    FI_TRY_OUT(exit_code, read_number(cli, "limit", &query.options.limit));
    FI_TRY_OUT(exit_code, read_number(cli, "offset", &query.options.offset));
    FI_TRY_OUT(exit_code, read_memory(cli, &query.options.memory_bytes));
    query.options.select = columns;
    query.options.group_by = fi_command_value(cli, "group-by");
    query.options.order_by = fi_command_value(cli, "order");
    query.options.descending = fi_command_has(cli, "reverse");
    if (fi_command_has(cli, "keys")) {
        FI_TRY_OUT(exit_code, name_keys(&query));
    }
    if (firn_scan_open(table->table, &query.options, &scan, &err) != FIRN_OK) {
        FI_TRY_OUT(exit_code, fi_data_scan_report(table, &err));
    }
    /* --limit 0 prints no row; in the library a limit of 0 means all. */
    const bool is_nothing = limit != NULL && query.options.limit == 0;
    fi_term_json_string("table", table->name);
    fi_term_json_array("rows");
    exit_code = print_rows(cli, scan, is_nothing, &count);
    fi_term_json_unwind();
    fi_term_json_u64("count", count);
out:
    firn_scan_close(scan);
    query_deinit(&query);
    return exit_code;
}

int
fi_data_scan_count(const struct fi_data_table *table)
{
    firn_error err;
    struct query query;
    firn_scan *scan = NULL;
    const firn_scan_batch *batch = NULL;
    int exit_code = query_init(table, &query);
    query.options.select = "count(*)";
    if (exit_code == FI_EXIT_OK) {
        int code = firn_scan_open(table->table, &query.options, &scan, &err);
        code = code == FIRN_OK ? firn_scan_next(scan, &batch, &err) : code;
        if (code != FIRN_OK) {
            exit_code = fi_data_scan_report(table, &err);
        }
    }
    if (exit_code == FI_EXIT_OK && batch != NULL) {
        int64_t count = firn_scan_value(batch, 0, 0).as.i64;
        fi_term_json_u64("count", (uint64_t)count);
        fi_term_out_format("%lld\n", (long long)count);
    }
    firn_scan_close(scan);
    query_deinit(&query);
    return exit_code;
}
