/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_key_text.c: keys of rows and of index entries as values, for messages: (17, 'x').
 *
 * Values are written as literals of definitions, texts and blobs only as far as they fit into a
 * message. Control characters become \xNN; UTF-8 stays as it is.
 *
 * Time and memory: by the size of the key.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "schema/schema.h"
#include "schema/schema_literal.h"
#include "tuple/tuple.h"

enum {
    TEXT_SHOWN_MAX = 48, /* bytes of a text */
    BLOB_SHOWN_MAX = 16,
    KEY_SHOWN_MAX = 256 /* characters after which no further value is shown */
};

/* As much of a text as is shown, without a part of a character at its end. */
static firn_slice
cut_text(firn_slice text)
{
    enum { CONTINUATION = 0x80, CONTINUATION_MASK = 0xc0 };
    size_t size = text.size < TEXT_SHOWN_MAX ? text.size : TEXT_SHOWN_MAX;
    while (size > 0 && size < text.size && (text.data[size] & CONTINUATION_MASK) == CONTINUATION) {
        size--;
    }
    return firn_bytes(text.data, size);
}

static int
append_text(firn_slice text, struct fi_buf *out)
{
    const firn_slice shown = cut_text(text);
    if (!fi_utf8_is_valid(shown)) {
        return FIRN_CORRUPT;
    }
    int rc = fi_buf_append_u8(out, '\'');
    for (size_t i = 0; i < shown.size && rc == FIRN_OK; i++) {
        const uint8_t byte = shown.data[i];
        rc = byte == '\''                  ? fi_buf_append_str(out, "''")
             : byte < 0x20 || byte == 0x7f ? fi_buf_append_format(out, "\\x%02x", byte)
                                           : fi_buf_append_u8(out, byte);
    }
    return rc == FIRN_OK ? fi_buf_append_str(out, shown.size < text.size ? "'..." : "'") : rc;
}

static int
append_value(const struct fi_schema_column *column, const struct fi_cell *cell, struct fi_buf *out)
{
    if (cell->kind == FI_PHYSICAL_NONE) {
        return fi_buf_append_str(out, "null");
    }
    if (column->type == FIRN_TYPE_TEXT) {
        return append_text(cell->as.bytes, out);
    }
    struct fi_cell shown = *cell;
    bool is_cut = column->type == FIRN_TYPE_BLOB && cell->as.bytes.size > BLOB_SHOWN_MAX;
    if (is_cut) {
        shown.as.bytes.size = BLOB_SHOWN_MAX;
    }
    int rc = fi_schema_literal_append(column, &shown, out);
    return rc == FIRN_OK && is_cut ? fi_buf_append_str(out, "...") : rc;
}

/* The values of a key, one after the other. */
struct showing {
    const struct fi_schema *schema;
    firn_slice rest; /* of the key */
    struct fi_buf *out;
    size_t start; /* of the text in out */
    size_t count; /* of values so far */
    bool is_cut;
};

static int
show_part(struct showing *showing, size_t place, bool is_nullable)
{
    const struct fi_schema_column *column = &showing->schema->columns[place];
    uint8_t bytes[256];
    struct fi_buf memory = fi_buf_borrowed(bytes, sizeof bytes);
    struct fi_cell cell;
    int rc = fi_tuple_key_read(&showing->rest, column->type, is_nullable, &memory, &cell);
    if (rc == FIRN_OK && showing->out->size - showing->start > KEY_SHOWN_MAX) {
        rc = showing->is_cut ? FIRN_OK : fi_buf_append_str(showing->out, ", ...");
        showing->is_cut = true;
    } else if (rc == FIRN_OK) {
        rc = fi_buf_append_str(showing->out, showing->count++ > 0 ? ", " : "(");
        rc = rc == FIRN_OK ? append_value(column, &cell, showing->out) : rc;
    }
    fi_buf_deinit(&memory);
    return rc;
}

static int
show_parts(struct showing *showing, const uint32_t *places, size_t count, bool is_nullable)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = show_part(showing, places[i], is_nullable);
    }
    return rc;
}

static int
show_key(struct showing *showing, const struct fi_schema_index *index)
{
    const struct fi_schema *schema = showing->schema;
    int rc =
        index != NULL ? show_parts(showing, index->places, index->column_count, true) : FIRN_OK;
    if (rc == FIRN_OK && (index == NULL || showing->rest.size > 0)) {
        rc = show_parts(showing, schema->key_places, schema->key_count, false);
    }
    rc = rc == FIRN_OK && showing->rest.size > 0 ? FIRN_CORRUPT : rc;
    return rc == FIRN_OK ? fi_buf_append_str(showing->out, ")") : rc;
}

int
fi_schema_key_text_append(const struct fi_schema *schema, const struct fi_schema_index *index,
                          firn_slice key, struct fi_buf *out)
{
    struct showing showing = {.schema = schema, .rest = key, .out = out, .start = out->size};
    DCHECK(schema->key_count > 0);
    int rc = show_key(&showing, index);
    if (rc != FIRN_OK) {
        out->size = showing.start;
    }
    return rc;
}
