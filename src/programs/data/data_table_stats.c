/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_table_stats.c: firn db stats STORE TABLE: the sizes of the columns and indexes of a
 * table.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

enum { CELL_SIZE = 256 };

/* ---- text ---- */

static void
add_size(struct firn_data_grid *grid, uint64_t bytes)
{
    char size[FIRN_TERM_TEXT_SIZE_SIZE];
    firn_data_grid_add(grid, firn_str(firn_term_text_size(bytes, size)));
}

static void
add_number(struct firn_data_grid *grid, uint64_t number)
{
    char text[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_data_grid_add(grid, firn_str(firn_term_text_number(number, text)));
}

static void
add_ratio(struct firn_data_grid *grid, const firn_table_column_statistics *column)
{
    char text[CELL_SIZE] = "";
    if (column->stored_bytes > 0) {
        (void)snprintf(text, sizeof(text), "%.1f",
                       (double)column->raw_bytes / (double)column->stored_bytes);
    }
    firn_data_grid_add(grid, firn_str(text));
}

/* "dictionary 12, plain 1", the most frequent one first. */
static void
add_encodings(struct firn_data_grid *grid, const firn_table_column_statistics *column)
{
    char text[CELL_SIZE] = "";
    size_t size = 0;
    bool is_told[FIRN_TABLE_ENCODINGS_MAX] = {false};
    for (;;) {
        unsigned best = FIRN_TABLE_ENCODINGS_MAX;
        for (unsigned i = 0; i < FIRN_TABLE_ENCODINGS_MAX; i++) {
            bool counts = column->encodings[i] > 0 && !is_told[i];
            if (counts && (best == FIRN_TABLE_ENCODINGS_MAX ||
                           column->encodings[i] > column->encodings[best])) {
                best = i;
            }
        }
        if (best == FIRN_TABLE_ENCODINGS_MAX || size >= sizeof(text) / 2) {
            break;
        }
        is_told[best] = true;
        int added =
            snprintf(text + size, sizeof(text) - size, "%s%s %llu", size > 0 ? ", " : "",
                     firn_table_encoding_name(best), (unsigned long long)column->encodings[best]);
        size += added > 0 ? (size_t)added : 0;
    }
    firn_data_grid_add(grid, firn_str(text));
}

/* Returns an exit code. */
static int
add_bound(struct firn_data_grid *grid, const firn_table_column_statistics *column,
          const firn_value *value, bool is_cut)
{
    assert(grid->cli != NULL);
    const firn_slice ellipsis = firn_str(firn_term_text_ellipsis());
    struct firn_data_bytes text = {NULL, 0, 0};
    int exit_code = firn_data_values_text(grid->cli, column->definition, value, &text);
    if (exit_code == FIRN_EXIT_OK && is_cut) {
        exit_code = firn_data_bytes_reserve(grid->cli, &text, ellipsis.size);
    }
    if (exit_code == FIRN_EXIT_OK && is_cut) {
        memcpy(text.data + text.size, ellipsis.data, ellipsis.size);
        text.size += ellipsis.size;
    }
    firn_data_grid_add(grid, text.size > 0 ? firn_data_bytes_slice(&text) : firn_str(""));
    firn_data_bytes_deinit(&text);
    return exit_code;
}

static void
add_titles(struct firn_data_grid *grid, const char *const *titles, size_t count, size_t first_right,
           size_t last_right)
{
    assert(count > 0);
    for (size_t i = 0; i < count; i++) {
        grid->is_right[i] = i >= first_right && i <= last_right;
        firn_data_grid_add(grid, firn_str(titles[i]));
    }
}

static int
show_columns(struct firn_cli *cli, const firn_table_statistics *stats)
{
    assert(stats->columns != NULL && stats->column_count > 0);
    static const char *const titles[] = {"column", "stored",    "raw",      "ratio",  "nulls",
                                         "chunks", "encodings", "smallest", "largest"};
    struct firn_data_grid grid;
    int exit_code = FIRN_EXIT_OK;
    firn_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    add_titles(&grid, titles, sizeof(titles) / sizeof(titles[0]), 1, 5);
    for (size_t i = 0; i < stats->column_count && exit_code == FIRN_EXIT_OK; i++) {
        const firn_table_column_statistics *column = stats->columns[i];
        firn_data_grid_add(&grid, firn_str(column->definition->name));
        add_size(&grid, column->stored_bytes);
        add_size(&grid, column->raw_bytes);
        add_ratio(&grid, column);
        add_number(&grid, column->nulls);
        add_number(&grid, column->chunks);
        add_encodings(&grid, column);
        exit_code = add_bound(&grid, column, &column->smallest, false);
        int added = add_bound(&grid, column, &column->largest, column->largest_is_cut);
        exit_code = exit_code == FIRN_EXIT_OK ? added : exit_code;
    }
    int printed = firn_data_grid_finish(&grid);
    return exit_code == FIRN_EXIT_OK ? printed : exit_code;
}

static int
show_indexes(struct firn_cli *cli, const firn_table_statistics *stats)
{
    assert(stats->indexes != NULL || stats->index_count == 0);
    static const char *const titles[] = {"index", "entries", "files", "memory"};
    struct firn_data_grid grid;
    firn_term_out_text("\n");
    firn_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    add_titles(&grid, titles, sizeof(titles) / sizeof(titles[0]), 1, 3);
    for (size_t i = 0; i < stats->index_count; i++) {
        firn_data_grid_add(&grid, firn_str(stats->indexes[i]->name));
        add_number(&grid, stats->indexes[i]->entries);
        add_size(&grid, stats->indexes[i]->file_bytes);
        add_size(&grid, stats->indexes[i]->memory_bytes);
    }
    return firn_data_grid_finish(&grid);
}

static void
show_table(const firn_table_statistics *stats)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    char size[FIRN_TERM_TEXT_SIZE_SIZE];
    firn_term_out_format("rows    %s%s\n", stats->rows_are_exact ? "" : "about ",
                         firn_term_text_number(stats->rows, number));
    firn_term_out_format("files   %s, %s", firn_term_text_number(stats->runs, number),
                         firn_term_text_size(stats->file_bytes, size));
    if (stats->value_bytes > 0) {
        firn_term_out_format(", and %s of large values",
                             firn_term_text_size(stats->value_bytes, size));
    }
    firn_term_out_format("\nmemory  %s %s, %s\n\n",
                         firn_term_text_number(stats->memory_rows, number),
                         firn_term_text_plural(stats->memory_rows, "row", "rows"),
                         firn_term_text_size(stats->memory_bytes, size));
}

/* ---- JSON ---- */

static void
put_column(struct firn_cli *cli, const firn_table_column_statistics *column)
{
    firn_table_column smallest = *column->definition;
    firn_table_column largest = *column->definition;
    smallest.name = "smallest";
    largest.name = "largest";
    firn_term_json_object(NULL);
    firn_term_json_string("name", column->definition->name);
    firn_term_json_u64("values", column->values);
    firn_term_json_u64("nulls", column->nulls);
    firn_term_json_u64("stored_bytes", column->stored_bytes);
    firn_term_json_u64("raw_bytes", column->raw_bytes);
    firn_term_json_u64("chunks", column->chunks);
    firn_term_json_object("encodings");
    for (unsigned i = 0; i < FIRN_TABLE_ENCODINGS_MAX; i++) {
        const char *name = firn_table_encoding_name(i);
        if (column->encodings[i] > 0 && name != NULL) {
            firn_term_json_u64(name, column->encodings[i]);
        }
    }
    firn_term_json_end();
    firn_data_values_json(cli, &smallest, &column->smallest);
    firn_data_values_json(cli, &largest, &column->largest);
    firn_term_json_bool("largest_is_cut", column->largest_is_cut);
    firn_term_json_end();
}

static void
put_json(struct firn_cli *cli, const char *name, const firn_table_statistics *stats)
{
    firn_term_json_string("table", name);
    firn_term_json_u64("rows", stats->rows);
    firn_term_json_bool("rows_are_exact", stats->rows_are_exact);
    firn_term_json_u64("files", stats->runs);
    firn_term_json_u64("file_bytes", stats->file_bytes);
    firn_term_json_u64("value_bytes", stats->value_bytes);
    firn_term_json_u64("memory_rows", stats->memory_rows);
    firn_term_json_u64("memory_bytes", stats->memory_bytes);
    firn_term_json_array("columns");
    for (size_t i = 0; i < stats->column_count; i++) {
        put_column(cli, stats->columns[i]);
    }
    firn_term_json_end();
    firn_term_json_array("indexes");
    for (size_t i = 0; i < stats->index_count; i++) {
        firn_term_json_object(NULL);
        firn_term_json_string("name", stats->indexes[i]->name);
        firn_term_json_bool("unique", stats->indexes[i]->is_unique);
        firn_term_json_u64("entries", stats->indexes[i]->entries);
        firn_term_json_u64("file_bytes", stats->indexes[i]->file_bytes);
        firn_term_json_u64("memory_bytes", stats->indexes[i]->memory_bytes);
        firn_term_json_end();
    }
    firn_term_json_end();
}

/* ---- all of it ---- */

int
firn_data_table_stats(const struct firn_data_table *table)
{
    struct firn_cli *cli = table->cli;
    firn_error err;
    firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
    firn_table_statistics *stats;
    options.snapshot = table->view;
    options.count = firn_command_has(cli, "count");
    if (firn_table_stats(table->table, &options, &stats, &err) != FIRN_OK) {
        return firn_command_report_failure(cli, &err, NULL);
    }
    put_json(cli, table->name, stats);
    show_table(stats);
    int exit_code = show_columns(cli, stats);
    if (exit_code == FIRN_EXIT_OK && stats->index_count > 0) {
        exit_code = show_indexes(cli, stats);
    }
    firn_release(stats);
    return exit_code;
}
