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
add_size(struct fi_data_grid *grid, uint64_t bytes)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_data_grid_add(grid, firn_str(fi_term_text_size(bytes, size)));
}

static void
add_number(struct fi_data_grid *grid, uint64_t number)
{
    char text[FI_TERM_TEXT_NUMBER_SIZE];
    fi_data_grid_add(grid, firn_str(fi_term_text_number(number, text)));
}

static void
add_ratio(struct fi_data_grid *grid, const firn_table_column_statistics *column)
{
    char text[CELL_SIZE] = "";
    if (column->stored_bytes > 0) {
        (void)snprintf(text, sizeof(text), "%.1f",
                       (double)column->raw_bytes / (double)column->stored_bytes);
    }
    fi_data_grid_add(grid, firn_str(text));
}

/* "dictionary 12, plain 1", the most frequent one first. */
static void
add_encodings(struct fi_data_grid *grid, const firn_table_column_statistics *column)
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
    fi_data_grid_add(grid, firn_str(text));
}

/* Returns an exit code. */
static int
add_bound(struct fi_data_grid *grid, const firn_table_column_statistics *column,
          const firn_value *value, bool is_cut)
{
    assert(grid->cli != NULL);
    const firn_slice ellipsis = firn_str(fi_term_text_ellipsis());
    struct fi_data_bytes text = {NULL, 0, 0};
    int exit_code = fi_data_values_text(grid->cli, column->definition, value, &text);
    if (exit_code == FI_EXIT_OK && is_cut) {
        exit_code = fi_data_bytes_reserve(grid->cli, &text, ellipsis.size);
    }
    if (exit_code == FI_EXIT_OK && is_cut) {
        memcpy(text.data + text.size, ellipsis.data, ellipsis.size);
        text.size += ellipsis.size;
    }
    fi_data_grid_add(grid, text.size > 0 ? fi_data_bytes_slice(&text) : firn_str(""));
    fi_data_bytes_deinit(&text);
    return exit_code;
}

static void
add_titles(struct fi_data_grid *grid, const char *const *titles, size_t count, size_t first_right,
           size_t last_right)
{
    assert(count > 0);
    for (size_t i = 0; i < count; i++) {
        grid->is_right[i] = i >= first_right && i <= last_right;
        fi_data_grid_add(grid, firn_str(titles[i]));
    }
}

static int
show_columns(struct fi_cli *cli, const firn_table_statistics *stats)
{
    assert(stats->columns != NULL && stats->column_count > 0);
    static const char *const titles[] = {"column", "stored",    "raw",      "ratio",  "nulls",
                                         "chunks", "encodings", "smallest", "largest"};
    struct fi_data_grid grid;
    int exit_code = FI_EXIT_OK;
    fi_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    add_titles(&grid, titles, sizeof(titles) / sizeof(titles[0]), 1, 5);
    for (size_t i = 0; i < stats->column_count && exit_code == FI_EXIT_OK; i++) {
        const firn_table_column_statistics *column = stats->columns[i];
        fi_data_grid_add(&grid, firn_str(column->definition->name));
        add_size(&grid, column->stored_bytes);
        add_size(&grid, column->raw_bytes);
        add_ratio(&grid, column);
        add_number(&grid, column->nulls);
        add_number(&grid, column->chunks);
        add_encodings(&grid, column);
        exit_code = add_bound(&grid, column, &column->smallest, false);
        int added = add_bound(&grid, column, &column->largest, column->largest_is_cut);
        exit_code = exit_code == FI_EXIT_OK ? added : exit_code;
    }
    int printed = fi_data_grid_finish(&grid);
    return exit_code == FI_EXIT_OK ? printed : exit_code;
}

static int
show_indexes(struct fi_cli *cli, const firn_table_statistics *stats)
{
    assert(stats->indexes != NULL || stats->index_count == 0);
    static const char *const titles[] = {"index", "entries", "files", "memory"};
    struct fi_data_grid grid;
    fi_term_out_text("\n");
    fi_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    add_titles(&grid, titles, sizeof(titles) / sizeof(titles[0]), 1, 3);
    for (size_t i = 0; i < stats->index_count; i++) {
        fi_data_grid_add(&grid, firn_str(stats->indexes[i]->name));
        add_number(&grid, stats->indexes[i]->entries);
        add_size(&grid, stats->indexes[i]->file_bytes);
        add_size(&grid, stats->indexes[i]->memory_bytes);
    }
    return fi_data_grid_finish(&grid);
}

static void
show_table(const firn_table_statistics *stats)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("rows    %s%s\n", stats->rows_are_exact ? "" : "about ",
                       fi_term_text_number(stats->rows, number));
    fi_term_out_format("files   %s, %s", fi_term_text_number(stats->runs, number),
                       fi_term_text_size(stats->file_bytes, size));
    if (stats->value_bytes > 0) {
        fi_term_out_format(", and %s of large values", fi_term_text_size(stats->value_bytes, size));
    }
    fi_term_out_format("\nmemory  %s %s, %s\n\n", fi_term_text_number(stats->memory_rows, number),
                       fi_term_text_plural(stats->memory_rows, "row", "rows"),
                       fi_term_text_size(stats->memory_bytes, size));
}

/* ---- JSON ---- */

static void
put_column(struct fi_cli *cli, const firn_table_column_statistics *column)
{
    firn_table_column smallest = *column->definition;
    firn_table_column largest = *column->definition;
    smallest.name = "smallest";
    largest.name = "largest";
    fi_term_json_object(NULL);
    fi_term_json_string("name", column->definition->name);
    fi_term_json_u64("values", column->values);
    fi_term_json_u64("nulls", column->nulls);
    fi_term_json_u64("stored_bytes", column->stored_bytes);
    fi_term_json_u64("raw_bytes", column->raw_bytes);
    fi_term_json_u64("chunks", column->chunks);
    fi_term_json_object("encodings");
    for (unsigned i = 0; i < FIRN_TABLE_ENCODINGS_MAX; i++) {
        const char *name = firn_table_encoding_name(i);
        if (column->encodings[i] > 0 && name != NULL) {
            fi_term_json_u64(name, column->encodings[i]);
        }
    }
    fi_term_json_end();
    fi_data_values_json(cli, &smallest, &column->smallest);
    fi_data_values_json(cli, &largest, &column->largest);
    fi_term_json_bool("largest_is_cut", column->largest_is_cut);
    fi_term_json_end();
}

static void
put_json(struct fi_cli *cli, const char *name, const firn_table_statistics *stats)
{
    fi_term_json_string("table", name);
    fi_term_json_u64("rows", stats->rows);
    fi_term_json_bool("rows_are_exact", stats->rows_are_exact);
    fi_term_json_u64("files", stats->runs);
    fi_term_json_u64("file_bytes", stats->file_bytes);
    fi_term_json_u64("value_bytes", stats->value_bytes);
    fi_term_json_u64("memory_rows", stats->memory_rows);
    fi_term_json_u64("memory_bytes", stats->memory_bytes);
    fi_term_json_array("columns");
    for (size_t i = 0; i < stats->column_count; i++) {
        put_column(cli, stats->columns[i]);
    }
    fi_term_json_end();
    fi_term_json_array("indexes");
    for (size_t i = 0; i < stats->index_count; i++) {
        fi_term_json_object(NULL);
        fi_term_json_string("name", stats->indexes[i]->name);
        fi_term_json_bool("unique", stats->indexes[i]->is_unique);
        fi_term_json_u64("entries", stats->indexes[i]->entries);
        fi_term_json_u64("file_bytes", stats->indexes[i]->file_bytes);
        fi_term_json_u64("memory_bytes", stats->indexes[i]->memory_bytes);
        fi_term_json_end();
    }
    fi_term_json_end();
}

/* ---- all of it ---- */

int
fi_data_table_stats(const struct fi_data_table *table)
{
    struct fi_cli *cli = table->cli;
    firn_error err;
    firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
    firn_table_statistics *stats;
    options.snapshot = table->snapshot;
    options.count = fi_command_has(cli, "count");
    if (firn_table_stats(table->table, &options, &stats, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    put_json(cli, table->name, stats);
    show_table(stats);
    int exit_code = show_columns(cli, stats);
    if (exit_code == FI_EXIT_OK && stats->index_count > 0) {
        exit_code = show_indexes(cli, stats);
    }
    firn_release(stats);
    return exit_code;
}
