/* SPDX-License-Identifier: Apache-2.0
 *
 * api/value_api.c: values of columns as text, and back: arguments are checked here,
 * text/text_value.h does everything else.
 */
#include "api/api_check.h"
#include "base/buf.h"
#include "base/mem.h"
#include "firn/table.h"
#include "schema/schema.h"
#include "text/text_value.h"

/* The type of a column, as in a schema and as for reading texts. FIRN_INVALID: no column can have
 * it. */
static int
read_type(const firn_table_column *column, struct fi_schema_column *out_column,
          struct fi_text_value_type *out, firn_error *err)
{
    const firn_table_column plain = {.name = column->name != NULL ? column->name : "value",
                                     .type = column->type,
                                     .precision = column->precision,
                                     .scale = column->scale,
                                     .dimensions = column->dimensions};
    int rc = fi_schema_def_column(&plain, out_column, err);
    if (rc == FIRN_OK) {
        *out = (struct fi_text_value_type){.type = column->type,
                                           .precision = (uint8_t)out_column->precision,
                                           .scale = (uint8_t)out_column->scale,
                                           .dimensions = out_column->dimensions};
    }
    return rc;
}

int
firn_value_parse(const firn_table_column *column, firn_slice text, firn_value *out,
                 void **out_memory, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_schema_column schema_column;
    struct fi_text_value_type type;
    struct fi_buf memory = {0};
    API_REQUIRE(out != NULL && out_memory != NULL, err, "out and out_memory must not be NULL");
    *out = firn_null();
    *out_memory = NULL;
    API_REQUIRE(column != NULL && (text.data != NULL || text.size == 0), err,
                "column and text must not be NULL");
    int rc = read_type(column, &schema_column, &type, err);
    if (rc == FIRN_OK) {
        rc = fi_text_value_read(&type, api_check_with_address(text), &memory, out, err);
    }
    if (rc != FIRN_OK) {
        *out = firn_null();
        fi_buf_deinit(&memory);
    }
    *out_memory = memory.data;
    return api_check_told(rc, err);
}

int
firn_value_format(const firn_table_column *column, const firn_value *value, char **out,
                  size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_schema_column schema_column;
    struct fi_cell cell;
    struct fi_text_value_type type;
    struct fi_buf text = {0};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    if (out_size != NULL) {
        *out_size = 0;
    }
    API_REQUIRE(column != NULL && value != NULL, err, "column and value must not be NULL");
    int rc = read_type(column, &schema_column, &type, err);
    if (rc == FIRN_OK && firn_is_null(*value)) {
        rc = fi_error_set(err, FIRN_INVALID, "there is no text for null");
    }
    if (rc == FIRN_OK) {
        rc = fi_schema_value_to_cell(&schema_column, value, &cell, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_value typed = fi_schema_value_of(&schema_column, &cell);
    if (fi_text_value_append(&type, typed, &text) != FIRN_OK || fi_buf_text(&text) == NULL) {
        fi_buf_deinit(&text);
        return fi_error_no_memory(err, "a value's text");
    }
    if (out_size != NULL) {
        *out_size = text.size;
    }
    *out = (char *)text.data;
    return FIRN_OK;
}
