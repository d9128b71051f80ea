/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_text.c: a schema as the text of a definition (firn/table.h), which table_def.c
 * reads.
 */
#include "schema/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "firn/vector.h"
#include "schema/schema_literal.h"

/* Whether a name is a plain word that has no other meaning in a definition. */
static bool
is_plain(firn_slice name)
{
    static const char *const words[] = {"null",    "not", "default", "auto",
                                        "primary", "key", "unique",  "index"};
    bool is_plain = name.data[0] < '0' || name.data[0] > '9';
    char lower[16] = {0};
    DCHECK(name.size > 0);
    for (size_t i = 0; i < name.size && is_plain; i++) {
        uint8_t byte = name.data[i];
        uint8_t small = byte | 0x20;
        bool is_letter = small >= 'a' && small <= 'z';
        is_plain = is_letter || (byte >= '0' && byte <= '9') || byte == '_';
        if (i < sizeof lower - 1) {
            lower[i] = (char)(is_letter ? small : byte);
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        is_plain = is_plain && strcmp(lower, words[i]) != 0;
    }
    return is_plain;
}

static int
append_name(firn_slice name, struct fi_buf *out)
{
    if (is_plain(name)) {
        return fi_buf_append_slice(out, name);
    }
    FI_TRY_RETURN(fi_buf_append_u8(out, '"'));
    for (size_t i = 0; i < name.size; i++) {
        FI_TRY_RETURN(fi_buf_append(out, "\"", name.data[i] == '"' ? 1 : 0));
        FI_TRY_RETURN(fi_buf_append_u8(out, name.data[i]));
    }
    return fi_buf_append_u8(out, '"');
}

static int
append_list(const struct fi_schema *schema, const uint32_t *places, size_t count,
            struct fi_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        DCHECK(places[i] < schema->column_count);
        FI_TRY_RETURN(fi_buf_append_str(out, i == 0 ? " (" : ", "));
        FI_TRY_RETURN(append_name(schema->columns[places[i]].name, out));
    }
    return fi_buf_append_u8(out, ')');
}

static int
append_column(const struct fi_schema_column *column, struct fi_buf *out)
{
    char type[FI_TYPE_TEXT_SIZE];
    FI_TRY_RETURN(append_name(column->name, out));
    FI_TRY_RETURN(fi_buf_append_u8(out, ' '));
    FI_TRY_RETURN(fi_buf_append_str(out, fi_schema_type_text(column, type)));
    if (column->is_auto) {
        FI_TRY_RETURN(fi_buf_append_str(out, " auto"));
    } else if (!column->is_nullable && !column->is_key) {
        FI_TRY_RETURN(fi_buf_append_str(out, " not null"));
    }
    if (column->default_value.kind != FI_PHYSICAL_NONE) {
        FI_TRY_RETURN(fi_buf_append_str(out, " default "));
        FI_TRY_RETURN(fi_schema_literal_append(column, &column->default_value, out));
    }
    if (column->has_bloom_filter) {
        FI_TRY_RETURN(fi_buf_append_str(out, " bloom"));
    }
    return fi_buf_append_str(out, ", ");
}

const char *
fi_schema_text_metric(uint32_t metric)
{
    static const char *const names[] = {"l2", "dot", "cosine"};
    _Static_assert(FIRN_METRIC_L2 == 1 && FIRN_METRIC_DOT == 2 && FIRN_METRIC_COSINE == 3,
                   "the names are in the order of their numbers");
    return metric >= 1 && metric <= sizeof names / sizeof names[0] ? names[metric - 1] : NULL;
}

static int
append_vector_index(const struct fi_schema *schema, const struct fi_schema_vector_index *index,
                    struct fi_buf *out)
{
    const firn_vector_index usual = FIRN_VECTOR_INDEX_INIT;
    char number[32];
    FI_TRY_RETURN(fi_buf_append_str(out, ", vector index "));
    FI_TRY_RETURN(append_name(index->name, out));
    FI_TRY_RETURN(append_list(schema, &index->place, 1, out));
    FI_TRY_RETURN(fi_buf_append_u8(out, ' '));
    FI_TRY_RETURN(fi_buf_append_str(out, fi_schema_text_metric(index->metric)));
    if (index->m != usual.m) {
        (void)snprintf(number, sizeof number, " m %u", (unsigned)index->m);
        FI_TRY_RETURN(fi_buf_append_str(out, number));
    }
    if (index->ef_construction != usual.ef_construction) {
        (void)snprintf(number, sizeof number, " ef %u", (unsigned)index->ef_construction);
        FI_TRY_RETURN(fi_buf_append_str(out, number));
    }
    return FIRN_OK;
}

int
fi_schema_text_append(const struct fi_schema *schema, struct fi_buf *out)
{
    size_t start = out->size;
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->column_count; i++) {
        FI_TRY(append_column(&schema->columns[i], out));
    }
    FI_TRY(fi_buf_append_str(out, "primary key"));
    FI_TRY(append_list(schema, schema->key_places, schema->key_count, out));
    for (size_t i = 0; i < schema->index_count; i++) {
        const struct fi_schema_index *index = &schema->indexes[i];
        FI_TRY(fi_buf_append_str(out, index->is_unique ? ", unique index " : ", index "));
        FI_TRY(append_name(index->name, out));
        FI_TRY(append_list(schema, index->places, index->column_count, out));
    }
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        FI_TRY(append_vector_index(schema, &schema->vector_indexes[i], out));
    }
out:
    if (rc != FIRN_OK) {
        out->size = start;
    }
    return rc;
}

void
fi_schema_text_explain(const struct fi_schema *schema, const char *table, int rc, firn_error *err)
{
    static const char before[] = "column ";
    bool is_loss = rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO;
    const char *at = is_loss && err != NULL ? strstr(err->text, before) : NULL;
    uint32_t id = 0;
    if (at == NULL || strstr(at, " of row group ") == NULL) {
        return;
    }
    for (at += sizeof before - 1; *at >= '0' && *at <= '9' && id < UINT16_MAX; at++) {
        id = id * 10 + (uint32_t)(*at - '0');
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].id == id) {
            fi_error_prefix(err, "column '%s' of table '%s'",
                            (const char *)schema->columns[i].name.data, table);
            break;
        }
    }
}
