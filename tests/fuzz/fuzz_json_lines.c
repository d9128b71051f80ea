/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json_lines: hostile JSON lines. The first byte chooses options, the second the size of the
 * pieces; the rest is text.
 *
 * In pieces it gives the rows and errors that it gives at once. A row that is read is written, and read
 * again as the same row.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME(text)                                \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
static const struct fi_text_value_column columns[] = {
    {NAME("i"), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}},
    {NAME("t"), {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}},
    {NAME("d"), {FIRN_TYPE_DECIMAL, 9, 2, 0, {NULL, 0}}},
    {NAME("f"), {FIRN_TYPE_F64, 0, 0, 0, {NULL, 0}}},
    {NAME("o"), {FIRN_TYPE_BOOL, 0, 0, 0, {NULL, 0}}},
    {NAME("v"), {FIRN_TYPE_VECTOR, 0, 0, 2, {NULL, 0}}},
    {NAME("w"), {FIRN_TYPE_TIMESTAMP, 0, 0, 0, {NULL, 0}}},
    {NAME("b"), {FIRN_TYPE_BLOB, 0, 0, 0, {NULL, 0}}}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void
write_row(const firn_value *values, struct fi_buf *out)
{
    firn_error err;
    CHECK(fi_json_writer_row(columns, values, COLUMNS, out, &err) == FIRN_OK);
}

static void
check_writes_back(const struct fi_json_record *record)
{
    const struct fi_json_reader_options options = {.columns = columns, .count = COLUMNS};
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    struct fi_json_reader *reader;
    struct fi_json_record back;
    write_row(record->values, &first);
    CHECK(fi_json_reader_create(&options, &reader, NULL) == FIRN_OK);
    fi_json_reader_feed(reader, fi_buf_slice(&first));
    CHECK(fi_json_reader_next(reader, &back, NULL) == FIRN_OK && back.values != NULL);
    write_row(back.values, &second);
    CHECK(fi_slice_equal(fi_buf_slice(&first), fi_buf_slice(&second)));
    for (size_t i = 0; i < COLUMNS; i++) {
        CHECK(back.is_given[i] && back.values[i].type == record->values[i].type);
    }
    fi_json_reader_destroy(reader);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
}

static void
note(struct fi_buf *out, int rc, const struct fi_json_record *record, const firn_error *err)
{
    CHECK(fi_buf_append_le64(out, (uint64_t)rc) == FIRN_OK);
    CHECK(fi_buf_append_le64(out, record->line) == FIRN_OK);
    CHECK(fi_buf_append_sized(out, record->raw) == FIRN_OK);
    if (rc != FIRN_OK) {
        CHECK(err->code == rc && record->values == NULL);
        CHECK(fi_buf_append_str(out, err->text) == FIRN_OK);
        return;
    }
    write_row(record->values, out);
    CHECK(fi_buf_append(out, record->is_given, COLUMNS * sizeof *record->is_given) == FIRN_OK);
}

static void
read_all(struct fi_buf *out, const struct fi_json_reader_options *options, firn_slice text,
         size_t piece_size, bool is_checked)
{
    struct fi_json_reader *reader;
    struct fi_json_record record;
    firn_error err = {0};
    int rc = FIRN_OK;
    CHECK(fi_json_reader_create(options, &reader, NULL) == FIRN_OK);
    for (size_t at = 0; at <= text.size && rc != FIRN_LIMIT;) {
        size_t left = text.size - at;
        size_t size = left < piece_size ? left : piece_size;
        uint8_t *piece = malloc(size > 0 ? size : 1);
        CHECK(piece != NULL);
        if (size == 0) {
            fi_json_reader_finish(reader);
        } else {
            memcpy(piece, text.data + at, size);
            fi_json_reader_feed(reader, firn_bytes(piece, size));
        }
        do {
            rc = fi_json_reader_next(reader, &record, &err);
            if (rc != FIRN_OK || record.values != NULL) {
                note(out, rc, &record, &err);
            }
            if (is_checked && record.values != NULL) {
                check_writes_back(&record);
            }
        } while (rc == FIRN_INVALID || record.values != NULL);
        free(piece);
        at += size > 0 ? size : 1;
    }
    fi_json_reader_destroy(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    firn_slice text = firn_bytes(data + 2, size - 2);
    const struct fi_json_reader_options options = {.columns = columns,
                                                   .count = COLUMNS,
                                                   .ignores_unknown = data[0] % 2 == 1,
                                                   .line_size_max = data[0] % 4 == 2 ? 60 : 0};
    struct fi_buf whole = {0};
    struct fi_buf pieces = {0};
    read_all(&whole, &options, text, text.size + 1, true);
    read_all(&pieces, &options, text, 1 + (size_t)data[1], false);
    CHECK(fi_slice_equal(fi_buf_slice(&whole), fi_buf_slice(&pieces)));
    fi_buf_deinit(&whole);
    fi_buf_deinit(&pieces);
    return 0;
}
