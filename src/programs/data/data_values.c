/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_values.c: values of tables, from arguments and to standard output.
 *
 * The library parses and formats them (firn_value_parse). This file handles several values in one
 * argument, the memory that values refer to, their order, and values as JSON.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"
#include "type/type.h"

/* ---- several in one argument ---- */

/* Reads one item, which begins at *at, into *out, and ends it with a NUL; *at is then where it
 * ended. Returns whether its quotes are closed, and nothing follows them but a comma. */
static bool
take_item(const char **at, char **out)
{
    assert(*at != NULL && *out != NULL);
    const char *from = *at;
    bool is_quoted = *from == '"';
    from += is_quoted;
    while (*from != '\0' && (is_quoted || *from != ',')) {
        if (is_quoted && *from == '"') {
            if (from[1] != '"') {
                break;
            }
            from++;
        }
        *(*out)++ = *from++;
    }
    bool is_whole = !is_quoted || *from == '"';
    from += is_quoted && *from == '"';
    *(*out)++ = '\0';
    *at = from;
    return is_whole && (*from == '\0' || *from == ',');
}

int
fi_data_values_split(struct fi_cli *cli, const char *what, const char *text,
                     struct fi_data_values_list *out)
{
    size_t items_max = 1;
    for (const char *at = text; *at != '\0'; at++) {
        items_max += *at == ',';
    }
    memset(out, 0, sizeof(*out));
    out->items = calloc(items_max, sizeof(out->items[0]));
    out->memory = malloc(strlen(text) + items_max + 1);
    if (out->items == NULL || out->memory == NULL) {
        fi_data_values_list_deinit(out);
        return fi_command_report_no_memory(cli);
    }
    char *to = out->memory;
    for (const char *at = text;; at++) {
        assert(out->count < items_max);
        out->items[out->count++] = to;
        if (!take_item(&at, &to)) {
            fi_data_values_list_deinit(out);
            return fi_command_misused(
                cli, "%s: after a value in double quotes comes a comma, or nothing: '%s'", what,
                text);
        }
        if (*at == '\0') {
            return FI_EXIT_OK;
        }
    }
}

void
fi_data_values_list_deinit(struct fi_data_values_list *list)
{
    free(list->items);
    free(list->memory);
    memset(list, 0, sizeof(*list));
}

/* ---- from text ---- */

void
fi_data_values_deinit(struct fi_data_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        firn_release(values->memory[i]);
    }
    free(values->values);
    free(values->memory);
    memset(values, 0, sizeof(*values));
}

int
fi_data_values_add(struct fi_cli *cli, const firn_table_column *column, const char *text,
                   struct fi_data_values *values)
{
    assert(column != NULL);
    firn_error err;
    size_t count = values->count + 1;
    firn_value *grown = realloc(values->values, count * sizeof(grown[0]));
    values->values = grown != NULL ? grown : values->values;
    void **memory = realloc(values->memory, count * sizeof(memory[0]));
    values->memory = memory != NULL ? memory : values->memory;
    if (grown == NULL || memory == NULL) {
        return fi_command_report_no_memory(cli);
    }
    grown[count - 1] = firn_null();
    memory[count - 1] = NULL;
    if (text != NULL && firn_value_parse(column, firn_str(text), &grown[count - 1],
                                         &memory[count - 1], &err) != FIRN_OK) {
        return fi_command_report_error(cli, err.code, NULL, "column '%s': %s", column->name,
                                       err.text);
    }
    values->count = count;
    return FI_EXIT_OK;
}

/* ---- to standard output ---- */

int
fi_data_values_text(struct fi_cli *cli, const firn_table_column *column, const firn_value *value,
                    struct fi_data_bytes *out)
{
    assert(column != NULL);
    firn_error err;
    char *text = NULL;
    size_t size = 0;
    if (firn_is_null(*value)) {
        return FI_EXIT_OK;
    }
    if (firn_value_format(column, value, &text, &size, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    int exit_code = fi_data_bytes_reserve(cli, out, size + 1);
    if (exit_code == FI_EXIT_OK) {
        memcpy(out->data + out->size, text, size);
        out->size += size;
    }
    firn_release(text);
    return exit_code;
}

/* Whether the text of a value is one of JSON as it is: numbers, true, false, and arrays of
 * numbers. */
static bool
is_json(const firn_table_column *column, firn_slice text)
{
    bool is_finite = memchr(text.data, 'n', text.size) == NULL; /* neither nan nor inf */
    return !fi_type_has_quotes(column->type) && is_finite;
}

void
fi_data_values_json(struct fi_cli *cli, const firn_table_column *column, const firn_value *value)
{
    assert(column->name != NULL);
    struct fi_data_bytes text = {NULL, 0, 0};
    struct fi_term_writer *writer = fi_term_json_writer();
    if (writer == NULL) { /* the text is not composed in vain */
        return;
    }
    if (firn_is_null(*value)) {
        fi_term_writer_null(writer, column->name);
    } else if (fi_data_values_text(cli, column, value, &text) == FI_EXIT_OK) {
        firn_slice bytes = fi_data_bytes_slice(&text);
        if (text.size > 0 && is_json(column, bytes)) {
            fi_term_writer_raw(writer, column->name, bytes);
        } else {
            fi_term_writer_text(writer, column->name, bytes);
        }
    }
    fi_data_bytes_deinit(&text);
}

/* ---- --ttl ---- */

int
fi_data_values_ttl(struct fi_cli *cli, uint64_t *out_ms)
{
    enum { SECOND_MS = 1000 };
    const char *text = fi_command_value(cli, "ttl");
    uint64_t seconds = 0;
    if (text != NULL &&
        (!fi_command_number(text, UINT64_MAX / SECOND_MS, &seconds) || seconds == 0)) {
        return fi_command_misused(cli, "--ttl takes a number of seconds, at least 1");
    }
    *out_ms = seconds * SECOND_MS;
    return FI_EXIT_OK;
}
