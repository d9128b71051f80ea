/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_output.c: rows of values to standard output, for the commands that print them.
 *
 * Rows are printed in one of four forms: aligned in columns on a terminal; as lines with tabs
 * between the values, escaped, a null as \N, elsewhere; as CSV; or as objects of JSON.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "type/type.h"

static const char null_text[] = "\\N";

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
    fi_term_out_text(is_quoted ? "\"" : "");
    for (size_t i = 0; i < text.size; i++) {
        fi_term_out_write(text.data + i, 1);
        if (text.data[i] == '"') {
            fi_term_out_text("\"");
        }
    }
    fi_term_out_text(is_quoted ? "\"" : "");
}

static void
print_cell(struct fi_data_output *output, size_t i, const firn_value *value)
{
    assert(i < output->column_count);
    bool is_null = firn_is_null(*value);
    output->text.size = 0;
    int exit_code = fi_data_values_text(output->cli, &output->columns[i], value, &output->text);
    output->exit_code = output->exit_code == FI_EXIT_OK ? exit_code : output->exit_code;
    firn_slice text = fi_data_bytes_slice(&output->text);
    if (output->is_grid) {
        fi_data_grid_add(&output->grid, is_null ? firn_bytes(NULL, 0) : text);
    } else if (output->is_csv) {
        fi_term_out_text(i > 0 ? "," : "");
        print_csv(text, is_null);
    } else {
        fi_term_out_text(i > 0 ? "\t" : "");
        if (is_null) {
            fi_term_out_text(null_text);
        } else {
            fi_term_text_escape(text, fi_term_out_write);
        }
    }
}

void
fi_data_output_begin(struct fi_data_output *output, struct fi_cli *cli,
                     const firn_table_column *columns, size_t count)
{
    assert(count > 0 && columns != NULL);
    memset(output, 0, sizeof *output);
    output->cli = cli;
    output->columns = columns;
    output->column_count = count;
    output->is_csv = fi_command_has(cli, "csv");
    output->is_grid = !output->is_csv && !cli->json && isatty(STDOUT_FILENO) == 1 &&
                      count <= FIRN_TABLE_COLUMNS_MAX;
    if (output->is_grid) {
        fi_data_grid_init(&output->grid, cli, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (output->is_grid) {
            output->grid.is_right[i] = fi_type_is_number(columns[i].type);
            fi_data_grid_add(&output->grid, firn_str(columns[i].name));
        } else if (output->is_csv) {
            fi_term_out_text(i > 0 ? "," : "");
            print_csv(firn_str(columns[i].name), false);
        }
    }
    fi_term_out_text(output->is_csv ? "\n" : "");
}

void
fi_data_output_row(struct fi_data_output *output, const firn_value *values)
{
    assert(values != NULL && output->column_count > 0);
    fi_term_json_object(NULL);
    for (size_t i = 0; i < output->column_count; i++) {
        if (output->cli->json) { /* the text of a value is composed once */
            fi_data_values_json(output->cli, &output->columns[i], &values[i]);
        } else {
            print_cell(output, i, &values[i]);
        }
    }
    fi_term_json_end();
    fi_term_out_text(output->is_grid ? "" : "\n");
}

int
fi_data_output_end(struct fi_data_output *output)
{
    assert(output->columns != NULL);
    int exit_code = output->is_grid ? fi_data_grid_finish(&output->grid) : FI_EXIT_OK;
    fi_data_bytes_deinit(&output->text);
    return output->exit_code != FI_EXIT_OK ? output->exit_code : exit_code;
}
