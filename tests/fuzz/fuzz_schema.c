/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/schema: hostile schemas, definitions and rows. Byte 0 modulo 3: the rest is the record of a schema, the
 * text of a definition, or, after a byte that says how large a record is, that record and a row: a byte that
 * says how large its key is, the key, the tuple.
 *
 * A record that can be read is written again with the same bytes; so is the text of a schema that a text
 * made. A row that can be read has values that its columns take. Keys are shown as messages show them.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "column/column.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fi_schema *
read_record(firn_slice record)
{
    struct fi_schema *schema = NULL;
    struct fi_buf again = {0};
    firn_error err;
    err.text[0] = '\0';
    int rc = fi_schema_record_decode(record, &schema, &err);
    CHECK(rc == FIRN_OK || ((rc == FIRN_CORRUPT || rc == FIRN_NEWER) && err.text[0] != '\0'));
    if (rc == FIRN_OK) {
        CHECK(fi_schema_record_encode(schema, &again, &err) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), record));
    }
    fi_buf_deinit(&again);
    return schema;
}

/* The text of a schema makes one with the same text. */
static void
read_text(const char *text, bool is_written)
{
    struct fi_schema *schema = NULL;
    struct fi_column_layout *layout = NULL;
    struct fi_buf again = {0};
    firn_table_def *def = NULL;
    firn_error err;
    err.text[0] = '\0';
    int rc = firn_table_def_parse(text, &def, &err);
    rc = rc == FIRN_OK ? fi_schema_def_create(def, &schema, &err) : rc;
    CHECK(rc == FIRN_OK || err.text[0] != '\0');
    CHECK(rc == FIRN_OK || !is_written);
    if (rc == FIRN_OK) {
        CHECK(fi_schema_text_append(schema, &again) == FIRN_OK);
        const char *written = fi_buf_text(&again);
        CHECK(written != NULL);
        CHECK(!is_written || strcmp(written, text) == 0);
        if (!is_written) {
            read_text(written, true);
        }
        CHECK(fi_schema_layout_create(&schema, 1, &layout, &err) == FIRN_OK);
        CHECK(layout->count == schema->column_count);
    }
    fi_free(layout);
    fi_free(def);
    fi_buf_deinit(&again);
    fi_schema_unref(schema);
}

/* What a message shows is short, whatever the key is. */
static void
show_key(const struct fi_schema *schema, const struct fi_schema_index *index, firn_slice key)
{
    struct fi_buf text = {0};
    int rc = fi_schema_key_text_append(schema, index, key, &text);
    CHECK(rc == FIRN_CORRUPT || (rc == FIRN_OK && text.size <= 500));
    fi_buf_deinit(&text);
}

static void
read_row(const struct fi_schema *schema, firn_slice key, firn_slice tuple)
{
    static firn_value values[FIRN_TABLE_COLUMNS_MAX];
    struct fi_buf memory = {0};
    struct fi_buf again = {0};
    firn_error err;
    int rc = fi_schema_row_decode(schema, key, tuple, NULL, &memory, values, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (rc == FIRN_OK) {
        firn_value parts[FIRN_TABLE_KEY_COLUMNS_MAX];
        for (size_t i = 0; i < schema->key_count; i++) {
            parts[i] = values[schema->key_places[i]];
        }
        rc = fi_schema_row_key(schema, parts, schema->key_count, &again, &err);
        /* Text may be no UTF-8, vectors may be infinite: that is not looked at in reading. */
        CHECK(rc == FIRN_INVALID || (rc == FIRN_OK && fi_slice_equal(fi_buf_slice(&again), key)));
    }
    show_key(schema, NULL, key);
    for (size_t i = 0; i < schema->index_count; i++) {
        firn_slice primary;
        show_key(schema, &schema->indexes[i], key);
        rc = fi_schema_index_primary(schema, &schema->indexes[i], key, tuple, &primary, &err);
        CHECK(rc == FIRN_CORRUPT || (rc == FIRN_OK && primary.size > 0));
    }
    fi_buf_deinit(&memory);
    fi_buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    firn_slice rest = firn_bytes(data + 1, size - 1);
    if (data[0] % 3 == 0) {
        fi_schema_unref(read_record(rest));
    } else if (data[0] % 3 == 1) {
        char *text = fi_strndup((const char *)rest.data, rest.size);
        CHECK(text != NULL);
        read_text(text, false);
        fi_free(text);
    } else if ((size_t)rest.data[0] + 2 <= rest.size) {
        size_t record_size = rest.data[0];
        struct fi_schema *schema = read_record(firn_bytes(rest.data + 1, record_size));
        rest = firn_bytes(rest.data + 1 + record_size, rest.size - 1 - record_size);
        size_t key_size = rest.data[0];
        if (schema != NULL && key_size + 1 <= rest.size) {
            read_row(schema, firn_bytes(rest.data + 1, key_size),
                     firn_bytes(rest.data + 1 + key_size, rest.size - 1 - key_size));
        }
        fi_schema_unref(schema);
    }
    return 0;
}
