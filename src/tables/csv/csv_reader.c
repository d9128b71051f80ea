/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_reader.c: reads CSV from one special byte to the next.
 *
 * Only delimiters, quotes and ends of lines matter. A kernel finds them in 64 bytes at once
 * (csv_mask.h); a state machine goes from each to the next and skips all bytes between. Positions
 * tell it whether a quote is the first byte of its field, and whether a byte directly follows a
 * closing quote.
 *
 *   PLAIN    in an unquoted field, or at the beginning of any
 *   QUOTED   after an opening quote
 *   CLOSED   after a quote in a quoted field: its end, or the first of two
 *   SKIPPING in a line with text after a closing quote, up to its end
 *
 * Positions count from the record's first byte, so they stay valid when it moves. A record inside
 * of one piece is not copied: its fields are slices of the piece. If a record crosses pieces, its
 * beginning is copied to `carry` at the end of the piece, and the rest when its end is found. The
 * state machine continues where it was: no byte is read twice, however small the pieces are. Only
 * fields with doubled quotes are copied once more, to `unquoted`.
 *
 * The kernel also finds bytes that are not ASCII. Text needs no other check for UTF-8 if all blocks
 * that have a part of its record are ASCII.
 *
 * Invariants.
 * (I1) While a record that began in an earlier piece is read, carry has all of it up to the current
 * piece, and `from` is 0.
 * (I2) Positions are at most record_size_max + the size of a piece; larger records are refused
 * before carry grows.
 *
 * Limits. Whether a field is too large is decided from its extent, which only grows, so the result
 * does not depend on the pieces. After that the ends of records are uncertain, so the reader gives
 * up.
 */
#include "csv/csv_reader.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "csv/csv_mask.h"

enum { BOM_SIZE = 3, NO_QUOTE = 256 };
static const uint8_t bom[BOM_SIZE] = {0xef, 0xbb, 0xbf};
static const size_t field_size_default = (size_t)16 << 20;
static const size_t record_size_default = (size_t)64 << 20;
static const size_t record_size_limit = (size_t)2 << 30;

enum state { PLAIN, QUOTED, CLOSED, SKIPPING };

/* A field's text by its positions in the record. */
struct span {
    size_t start;
    size_t end;
    bool is_quoted;
    bool has_doubled; /* quotes */
};

struct fi_csv_reader {
    struct fi_csv_format format;
    uint8_t delimiter;
    unsigned quote;    /* or NO_QUOTE */
    uint32_t expected; /* fields; 0: unknown yet */
    size_t field_size_max;
    size_t record_size_max;
    struct fi_buf null_text;

    /* The piece: from is where the record begins, or 0; block is the first one that the kernel has
     * not seen; mask has the remaining bits of the block before it. */
    const uint8_t *piece;
    size_t size;
    size_t from;
    size_t block;
    uint64_t mask;
    bool block_is_ascii; /* the block before it; true if there is none */
    bool is_finished;
    int failed;         /* FIRN_OK, or the code that next always returns */
    size_t bom_matched; /* bytes of a mark at the start of the text; BOM_SIZE + 1: past the start */

    /* The record. */
    struct fi_buf carry;
    enum state state;
    size_t start;   /* of the field */
    size_t largest; /* of the fields that have ended, in bytes */
    bool is_ascii;  /* all blocks that have a part of the record are */
    bool has_doubled;
    size_t quote_at;     /* CLOSED: the quote */
    size_t return_at;    /* QUOTED: one after the last CR */
    uint64_t line;       /* the current one */
    uint64_t first_line; /* of the record */
    uint64_t quote_line; /* where the last quote was opened */
    bool follows_return; /* the record before it ended with CR */
    bool has_too_many;
    bool is_given; /* the caller has the record: the next call begins another */
    struct span *spans;
    uint32_t count;
    struct fi_csv_field *fields;
    struct fi_buf unquoted;
};

int
fi_csv_reader_create(const struct fi_csv_reader_options *options, struct fi_csv_reader **out,
                     firn_error *err)
{
    int rc = FIRN_OK;
    *out = NULL;
    const struct fi_csv_format *format = &options->format;
    const char *defect = fi_csv_format_defect(format);
    if (defect != NULL) {
        return fi_error_set(err, FIRN_INVALID, "%s", defect);
    }
    if (options->fields > FI_CSV_FIELDS_MAX || options->record_size_max > record_size_limit) {
        return fi_error_set(err, FIRN_INVALID, "records of CSV have at most %d fields and 2 GiB",
                            FI_CSV_FIELDS_MAX);
    }
    struct fi_csv_reader *reader = fi_alloc_zeroed(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a reader of CSV");
    }
    reader->format = *format;
    reader->delimiter = (uint8_t)fi_csv_format_delimiter(format);
    reader->quote =
        format->has_no_quotes ? NO_QUOTE : (unsigned)(uint8_t)fi_csv_format_quote(format);
    reader->expected = options->fields;
    reader->field_size_max =
        options->field_size_max != 0 ? options->field_size_max : field_size_default;
    reader->record_size_max =
        options->record_size_max != 0 ? options->record_size_max : record_size_default;
    reader->line = options->first_line != 0 ? options->first_line : 1;
    reader->first_line = reader->line;
    reader->is_ascii = true;
    reader->block_is_ascii = true;
    reader->spans = fi_alloc_array(FI_CSV_FIELDS_MAX, sizeof *reader->spans);
    reader->fields = fi_alloc_array(FI_CSV_FIELDS_MAX, sizeof *reader->fields);
    rc = fi_buf_assign(&reader->null_text, format->null_text);
    reader->format.null_text = fi_buf_slice(&reader->null_text);
    if (reader->spans == NULL || reader->fields == NULL || rc != FIRN_OK) {
        fi_csv_reader_destroy(reader);
        return fi_error_no_memory(err, "a reader of CSV");
    }
    *out = reader;
    return FIRN_OK;
}

void
fi_csv_reader_destroy(struct fi_csv_reader *reader)
{
    if (reader != NULL) {
        fi_buf_deinit(&reader->carry);
        fi_buf_deinit(&reader->unquoted);
        fi_buf_deinit(&reader->null_text);
        fi_free(reader->spans);
        fi_free(reader->fields);
        fi_free(reader);
    }
}

void
fi_csv_reader_feed(struct fi_csv_reader *reader, firn_slice piece)
{
    DCHECK(!reader->is_finished);
    DCHECK(reader->failed != FIRN_OK || reader->from == reader->size);
    reader->piece = piece.data;
    reader->size = piece.size;
    reader->from = 0;
    reader->block = 0;
    reader->mask = 0;
    reader->block_is_ascii = true;
}

void
fi_csv_reader_finish(struct fi_csv_reader *reader)
{
    DCHECK(reader->failed != FIRN_OK || reader->from == reader->size);
    reader->is_finished = true;
}

/* ==== the state machine ==== */

static void
end_field(struct fi_csv_reader *reader, size_t start, size_t end, bool is_quoted)
{
    DCHECK(start <= end);
    reader->largest = end - start > reader->largest ? end - start : reader->largest;
    if (reader->count == FI_CSV_FIELDS_MAX) {
        reader->has_too_many = true;
        return;
    }
    struct span *span = &reader->spans[reader->count++];
    span->start = start;
    span->end = end;
    span->is_quoted = is_quoted;
    span->has_doubled = reader->has_doubled;
}

/* The bits of the next block of the piece; false at its end. */
static bool
load_block(struct fi_csv_reader *reader)
{
    uint8_t quote = reader->quote == NO_QUOTE ? reader->delimiter : (uint8_t)reader->quote;
    size_t left = reader->size - reader->block;
    bool is_ascii = true;
    if (left == 0) {
        return false;
    }
    if (left >= FI_CSV_MASK_BYTES) {
        reader->mask =
            fi_csv_mask(reader->piece + reader->block, reader->delimiter, quote, &is_ascii);
    } else {
        /* The last block is copied: nothing is read past the piece. */
        uint8_t last[FI_CSV_MASK_BYTES] = {0};
        memcpy(last, reader->piece + reader->block, left);
        reader->mask =
            fi_csv_mask(last, reader->delimiter, quote, &is_ascii) & ((UINT64_C(1) << left) - 1);
    }
    reader->block += FI_CSV_MASK_BYTES;
    reader->block_is_ascii = is_ascii;
    reader->is_ascii &= is_ascii;
    return true;
}

/* Handles a special byte in a quoted field, after one, or in a line that is skipped. at: its
 * position in the record. Returns whether it ends the record. */
static bool
parse_beside_plain(struct fi_csv_reader *reader, uint8_t byte, size_t at)
{
    bool is_end = byte == '\n' || byte == '\r';
    DCHECK(reader->state != PLAIN && at > reader->start);
    if (reader->state == QUOTED) {
        if (byte == reader->quote) {
            reader->state = CLOSED;
            reader->quote_at = at;
        } else if (is_end) {
            reader->line += !(byte == '\n' && reader->return_at == at);
            reader->return_at = byte == '\r' ? at + 1 : 0;
        }
        return false;
    }
    if (reader->state == CLOSED) {
        if (at > reader->quote_at + 1) {
            reader->state = SKIPPING;
        } else if (byte == reader->quote) {
            reader->state = QUOTED;
            reader->has_doubled = true;
        } else {
            end_field(reader, reader->start + 1, reader->quote_at, true);
            reader->start = at + 1;
            reader->has_doubled = false;
            reader->state = PLAIN;
        }
    }
    return is_end && reader->state != QUOTED;
}

/* Ends the unquoted fields whose delimiters are the next special bytes of the block: those of most
 * fields. */
static inline void
parse_delimiters(struct fi_csv_reader *reader)
{
    /* The place in the piece of the block's first byte, and that in the record of the piece's. */
    const size_t block = reader->block - FI_CSV_MASK_BYTES;
    const size_t before = reader->carry.size - reader->from;
    uint64_t mask = reader->mask;
    uint32_t count = reader->count;
    size_t start = reader->start;
    size_t largest = reader->largest;
    DCHECK(reader->state == PLAIN && !reader->has_doubled);
    while (mask != 0 && count < FI_CSV_FIELDS_MAX) {
        const size_t i = block + (size_t)__builtin_ctzll(mask);
        if (reader->piece[i] != reader->delimiter) {
            break;
        }
        const size_t at = i + before;
        DCHECK(at >= start);
        reader->spans[count++] = (struct span){.start = start, .end = at};
        largest = at - start > largest ? at - start : largest;
        start = at + 1;
        mask &= mask - 1;
    }
    reader->mask = mask;
    reader->count = count;
    reader->start = start;
    reader->largest = largest;
}

/* Continues to the end of the record; false: it is not in the piece. *out is its place in the
 * piece. */
static bool
csv_reader_scan(struct fi_csv_reader *reader, size_t *out)
{
    for (;;) {
        /* The bits are those of [block - 64, block). */
        if (reader->mask != 0 && reader->state == PLAIN) {
            parse_delimiters(reader);
        }
        if (reader->mask == 0) {
            if (reader->block >= reader->size || !load_block(reader)) {
                return false;
            }
            continue;
        }
        size_t i = reader->block - FI_CSV_MASK_BYTES + (size_t)__builtin_ctzll(reader->mask);
        reader->mask &= reader->mask - 1;
        size_t at = i - reader->from + reader->carry.size;
        uint8_t byte = reader->piece[i];
        DCHECK(i < reader->size && at >= reader->start);
        DCHECK(at <= reader->record_size_max + reader->size); /* (I2) */
        if (reader->state != PLAIN) {
            if (parse_beside_plain(reader, byte, at)) {
                *out = i;
                return true;
            }
        } else if (byte == reader->delimiter) {
            end_field(reader, reader->start, at, false);
            reader->start = at + 1;
        } else if (byte == reader->quote) {
            if (at == reader->start) {
                reader->state = QUOTED;
                reader->quote_line = reader->line;
                reader->return_at = 0;
            }
        } else if (byte == '\n' && at == 0 && reader->follows_return) {
            reader->from++;
            reader->follows_return = false;
        } else {
            end_field(reader, reader->start, at, false);
            *out = i;
            return true;
        }
    }
}

/* ==== records ==== */

static int
csv_reader_fail(struct fi_csv_reader *reader, int code, firn_error *err)
{
    reader->failed = code;
    if (code == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "a record of CSV");
    }
    return fi_error_set(
        err, code, "line %llu: a field is larger than %zu bytes, or the record larger than %zu",
        (unsigned long long)reader->first_line, reader->field_size_max, reader->record_size_max);
}

static void
begin_record(struct fi_csv_reader *reader)
{
    fi_buf_clear(&reader->carry);
    reader->state = PLAIN;
    reader->start = 0;
    reader->largest = 0;
    reader->is_ascii = reader->block_is_ascii;
    reader->has_doubled = false;
    reader->has_too_many = false;
    reader->count = 0;
    reader->is_given = false;
    reader->first_line = reader->line;
}

/* Skips a byte order mark at the beginning of the text. */
static int
skip_bom(struct fi_csv_reader *reader)
{
    while (reader->bom_matched < BOM_SIZE && reader->from < reader->size &&
           reader->piece[reader->from] == bom[reader->bom_matched]) {
        reader->bom_matched++;
        reader->from++;
    }
    if (reader->bom_matched < BOM_SIZE) {
        if (reader->from == reader->size && !reader->is_finished) {
            return FIRN_OK;
        }
        /* It was no mark, but the beginning of the record. */
        reader->is_ascii &= reader->bom_matched == 0;
        int rc = fi_buf_append(&reader->carry, bom, reader->bom_matched);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    reader->bom_matched = BOM_SIZE + 1;
    /* (I1): from here on the piece counts as beginning at `from`. */
    reader->piece = reader->from > 0 ? reader->piece + reader->from : reader->piece;
    reader->size -= reader->from;
    reader->from = 0;
    return FIRN_OK;
}

/* The field's text with doubled quotes as one. Requires: unquoted has room for it. */
static firn_slice
undouble(struct fi_csv_reader *reader, firn_slice text)
{
    uint8_t *from = reader->unquoted.data + reader->unquoted.size;
    uint8_t *to = from;
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    while (at < end) {
        const uint8_t *quote = memchr(at, (int)reader->quote, (size_t)(end - at));
        const uint8_t *stop = quote == NULL ? end : quote + 1;
        memcpy(to, at, (size_t)(stop - at));
        to += stop - at;
        at = quote == NULL ? end : quote + 2;
    }
    reader->unquoted.size += (size_t)(to - from);
    DCHECK(reader->unquoted.size <= reader->unquoted.capacity);
    return firn_bytes(from, (size_t)(to - from));
}

/* Makes fields of spans; base is the record's first byte. */
static int
make_fields(struct fi_csv_reader *reader, firn_slice raw)
{
    const firn_slice null_text = reader->format.null_text;
    const struct span *const spans = reader->spans;
    struct fi_csv_field *const fields = reader->fields;
    const uint32_t count = reader->count;
    for (uint32_t i = 0, doubled = 0; i < count; i++) {
        const struct span *span = &spans[i];
        struct fi_csv_field *field = &fields[i];
        DCHECK(span->start <= span->end && span->end <= raw.size);
        field->text = firn_bytes(raw.data + span->start, span->end - span->start);
        field->is_quoted = span->is_quoted;
        field->is_null =
            !span->is_quoted && field->text.size == null_text.size &&
            (null_text.size == 0 || memcmp(field->text.data, null_text.data, null_text.size) == 0);
        for (size_t n = 0; n < reader->format.other_null_count && !field->is_null; n++) {
            const firn_slice other = firn_str(reader->format.other_nulls[n]);
            field->is_null = !span->is_quoted && fi_slice_equal(field->text, other);
        }
        if (span->has_doubled) {
            if (doubled++ == 0) {
                fi_buf_clear(&reader->unquoted);
                int rc = fi_buf_reserve(&reader->unquoted, raw.size);
                if (rc != FIRN_OK) {
                    return rc;
                }
            }
            field->text = undouble(reader, field->text);
        }
    }
    return FIRN_OK;
}

/* Whether the record, which has `size` bytes so far, or a field of it is too large. */
static bool
is_too_large(const struct fi_csv_reader *reader, size_t size)
{
    /* A field with its quotes. */
    size_t extent = size > reader->start ? size - reader->start : 0;
    return size > reader->record_size_max || (extent > 2 && extent - 2 > reader->field_size_max);
}

/* Checks the current record: FIRN_OK, or FIRN_INVALID with a text. */
static int
csv_reader_assess(struct fi_csv_reader *reader, firn_error *err)
{
    unsigned long long line = (unsigned long long)reader->first_line;
    if (reader->state == SKIPPING) {
        return fi_error_set(err, FIRN_INVALID,
                            "line %llu: text follows the closing quote of field %u", line,
                            reader->count + 1);
    }
    if (reader->state == QUOTED) {
        return fi_error_set(err, FIRN_INVALID,
                            "line %llu: the quote that line %llu opens is not closed", line,
                            (unsigned long long)reader->quote_line);
    }
    if (reader->has_too_many) {
        return fi_error_set(err, FIRN_INVALID, "line %llu: the record has more than %d fields",
                            line, FI_CSV_FIELDS_MAX);
    }
    DCHECK(reader->state == PLAIN && reader->count > 0);
    if (reader->expected == 0) {
        reader->expected = reader->count;
    }
    if (reader->count != reader->expected) {
        return fi_error_set(err, FIRN_INVALID, "line %llu: the record has %u fields, not %u", line,
                            reader->count, reader->expected);
    }
    return FIRN_OK;
}

/* Returns the record, which is complete. */
static int
csv_reader_give(struct fi_csv_reader *reader, firn_slice raw, struct fi_csv_record *out,
                firn_error *err)
{
    if (is_too_large(reader, raw.size) || reader->largest > reader->field_size_max) {
        return csv_reader_fail(reader, FIRN_LIMIT, err);
    }
    out->line = reader->first_line;
    out->raw = raw;
    reader->is_given = true;
    int rc = csv_reader_assess(reader, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (make_fields(reader, raw) != FIRN_OK) {
        return csv_reader_fail(reader, FIRN_NO_MEMORY, err);
    }
    out->fields = reader->fields;
    out->count = reader->count;
    out->is_ascii = reader->is_ascii;
    return FIRN_OK;
}

/* After finish: handles a last line without an end. */
static int
give_last(struct fi_csv_reader *reader, struct fi_csv_record *out, firn_error *err)
{
    size_t size = reader->carry.size;
    DCHECK(reader->is_finished && reader->from == reader->size);
    if (size == 0) {
        return FIRN_OK;
    }
    if (reader->state == PLAIN) {
        end_field(reader, reader->start, size, false);
        reader->start = size;
    } else if (reader->state == CLOSED) {
        if (reader->quote_at + 1 == size) {
            end_field(reader, reader->start + 1, reader->quote_at, true);
            reader->state = PLAIN;
            reader->start = size;
        } else {
            reader->state = SKIPPING;
        }
    }
    return csv_reader_give(reader, fi_buf_slice(&reader->carry), out, err);
}

/* Ends the record at a place of the piece, with LF or CR. */
static int
give_at(struct fi_csv_reader *reader, size_t end, struct fi_csv_record *out, firn_error *err)
{
    firn_slice raw = firn_bytes(reader->piece + reader->from, end - reader->from);
    if (reader->carry.size > 0) {
        DCHECK(reader->from == 0); /* (I1) */
        if (reader->carry.size + raw.size > reader->record_size_max) {
            return csv_reader_fail(reader, FIRN_LIMIT, err);
        }
        if (fi_buf_append_slice(&reader->carry, raw) != FIRN_OK) {
            return csv_reader_fail(reader, FIRN_NO_MEMORY, err);
        }
        raw = fi_buf_slice(&reader->carry);
    }
    reader->follows_return = reader->piece[end] == '\r';
    reader->from = end + 1;
    reader->line++;
    bool is_blank = raw.size == 0;
    if (is_blank && reader->expected != 1) {
        begin_record(reader);
        return FIRN_OK;
    }
    return csv_reader_give(reader, raw, out, err);
}

int
fi_csv_reader_next(struct fi_csv_reader *reader, struct fi_csv_record *out, firn_error *err)
{
    *out = (struct fi_csv_record){0};
    if (reader->failed != FIRN_OK) {
        return csv_reader_fail(reader, reader->failed, err);
    }
    if (reader->is_given) {
        begin_record(reader);
    }
    if (reader->bom_matched <= BOM_SIZE) {
        if (skip_bom(reader) != FIRN_OK) {
            return csv_reader_fail(reader, FIRN_NO_MEMORY, err);
        }
        if (reader->bom_matched <= BOM_SIZE) {
            return FIRN_OK;
        }
    }
    size_t end;
    while (csv_reader_scan(reader, &end)) {
        int rc = give_at(reader, end, out, err);
        if (rc != FIRN_OK || out->count > 0) {
            return rc;
        }
    }
    if (reader->from < reader->size) {
        firn_slice rest = firn_bytes(reader->piece + reader->from, reader->size - reader->from);
        if (is_too_large(reader, reader->carry.size + rest.size)) {
            return csv_reader_fail(reader, FIRN_LIMIT, err);
        }
        if (fi_buf_append_slice(&reader->carry, rest) != FIRN_OK) {
            return csv_reader_fail(reader, FIRN_NO_MEMORY, err);
        }
        reader->from = reader->size;
    }
    return reader->is_finished && !reader->is_given ? give_last(reader, out, err) : FIRN_OK;
}

bool
fi_csv_reader_is_within_quotes(const struct fi_csv_reader *reader)
{
    return reader->is_finished && reader->is_given && reader->state == QUOTED;
}

int
fi_csv_reader_values(const struct fi_csv_record *record, const struct fi_text_value_column *columns,
                     struct fi_buf *memory, firn_value *out, firn_error *err)
{
    fi_buf_clear(memory);
    /* Nothing moves while the values are read. */
    if (fi_buf_reserve(memory, record->raw.size * FI_TEXT_VALUE_ROOM) != FIRN_OK) {
        return fi_error_no_memory(err, "a record's values");
    }
    const uint8_t *data = memory->data;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct fi_csv_field *field = &record->fields[i];
        if (field->is_null || columns[i].type.type == FIRN_TYPE_NULL) {
            out[i] = firn_null();
            continue;
        }
        if (columns[i].type.type == FIRN_TYPE_TEXT && record->is_ascii) {
            out[i] = firn_text_bytes(field->text);
            continue;
        }
        int rc = fi_text_value_read(&columns[i].type, field->text, memory, &out[i], err);
        if (rc != FIRN_OK) {
            char name[FI_TEXT_VALUE_SHORT_SIZE];
            fi_text_value_shorten(columns[i].name, name);
            fi_error_prefix(err, "line %llu, column %s", (unsigned long long)record->line, name);
            return rc;
        }
    }
    CHECK(memory->data == data);
    return FIRN_OK;
}
