/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_writer.c: JSON text, written piece by piece: at once, or into memory.
 *
 * A writer only knows its depth and whether a comma is due. Output that is passed on at once
 * (struct fi_term_writer.put) needs no memory, however long a listing is. Output into memory
 * grows. A writer that has run out of memory stays failed and takes no more, so callers write
 * everything and check once.
 *
 * Bytes that are not UTF-8 have no place in JSON, and lone surrogates are refused by strict
 * parsers. So the readable member is made valid with U+FFFD, and a twin with the suffix _hex
 * carries the exact bytes; it is there only when it is needed. docs/json.md promises this to
 * readers.
 *
 * Invariants
 * (I1) What was written, followed by the closing brackets of the stack, is whole: values with
 *      commas between them. Calls that do not fit together are mistakes of the program and abort
 *      it.
 * (I2) Strings hold valid UTF-8 without control characters of ASCII; with escapes_controls none of
 *      those that term.h calls so: they leave as \uXXXX. (Not checked: put_string decodes each
 *      character that it puts.)
 * (I3) has_failed is set before anything is left out. (Not checked: only fi_term_writer_put
 *      leaves anything out.)
 */
#include "term/term.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hex[] = "0123456789abcdef";

static void
require(bool fits)
{
    if (!fits) {
        abort();
    }
}

/* ---- where it goes ---- */

void
fi_term_writer_deinit(struct fi_term_writer *writer)
{
    free(writer->data);
    memset(writer, 0, sizeof(*writer));
}

void
fi_term_writer_clear(struct fi_term_writer *writer)
{
    writer->size = 0;
    writer->depth = 0;
    writer->has_value[0] = false;
    writer->has_failed = false;
}

firn_slice
fi_term_writer_slice(const struct fi_term_writer *writer)
{
    assert(writer->put == NULL);
    return firn_bytes(writer->data, writer->size);
}

static bool
term_writer_reserve(struct fi_term_writer *writer, size_t more)
{
    assert(writer->put == NULL && writer->size <= writer->capacity);
    size_t capacity = writer->capacity < 256 ? 256 : writer->capacity;
    if (more <= writer->capacity - writer->size) {
        return true;
    }
    while (capacity - writer->size < more && capacity <= SIZE_MAX / 2) {
        capacity *= 2;
    }
    char *grown = capacity - writer->size < more ? NULL : realloc(writer->data, capacity);
    if (grown == NULL) {
        return false;
    }
    writer->data = grown;
    writer->capacity = capacity;
    return true;
}

void
fi_term_writer_put(struct fi_term_writer *writer, const void *data, size_t size)
{
    assert(writer->size <= writer->capacity);
    if (writer->has_failed || size == 0) {
        return;
    }
    if (writer->put != NULL) {
        writer->put(data, size);
    } else if (term_writer_reserve(writer, size)) {
        memcpy(writer->data + writer->size, data, size);
        writer->size += size;
    } else {
        writer->has_failed = true;
    }
}

static void
put_text(struct fi_term_writer *writer, const char *text)
{
    fi_term_writer_put(writer, text, strlen(text));
}

/* ---- strings ---- */

/* One UTF-16 unit as an escape. */
static void
put_unit(struct fi_term_writer *writer, uint32_t value)
{
    assert(value <= 0xFFFF);
    const char escaped[] = {
        '\\',           'u', hex[value >> 12 & 15], hex[value >> 8 & 15], hex[value >> 4 & 15],
        hex[value & 15]};
    fi_term_writer_put(writer, escaped, sizeof(escaped));
}

static bool
is_escaped(const struct fi_term_writer *writer, uint32_t point)
{
    return fi_term_text_is_control(point) && (writer->escapes_controls || point < 0x80);
}

/* Writes the character at the start, which needs an escape or more than a byte. Returns its size,
 * or 0 where it is not UTF-8. */
static size_t
put_character(struct fi_term_writer *writer, firn_slice at)
{
    assert(at.size > 0);
    uint32_t point = 0;
    size_t size = fi_term_text_decode(at, &point);
    if (size == 0) {
        put_text(writer, "\xEF\xBF\xBD");
    } else if (point == '"' || point == '\\') {
        put_text(writer, point == '"' ? "\\\"" : "\\\\");
    } else if (point == '\n' || point == '\t') {
        put_text(writer, point == '\n' ? "\\n" : "\\t");
    } else if (is_escaped(writer, point) && point > 0xFFFF) {
        put_unit(writer, 0xD800 + ((point - 0x10000) >> 10));
        put_unit(writer, 0xDC00 + (point & 0x3FF));
    } else if (is_escaped(writer, point)) {
        put_unit(writer, point);
    } else {
        fi_term_writer_put(writer, at.data, size);
    }
    return size;
}

/* Returns whether all of it was UTF-8. */
static bool
put_string(struct fi_term_writer *writer, firn_slice value)
{
    bool is_exact = true;
    size_t at = 0;
    put_text(writer, "\"");
    while (at < value.size) {
        size_t plain = fi_term_text_plain(firn_bytes(value.data + at, value.size - at));
        fi_term_writer_put(writer, value.data + at, plain);
        at += plain;
        if (at < value.size) {
            size_t size = put_character(writer, firn_bytes(value.data + at, value.size - at));
            is_exact = is_exact && size > 0;
            at += size > 0 ? size : 1;
        }
    }
    put_text(writer, "\"");
    return is_exact;
}

static void
put_hex(struct fi_term_writer *writer, firn_slice value)
{
    put_text(writer, "\"");
    for (size_t i = 0; i < value.size; i++) {
        const char digits[] = {hex[value.data[i] >> 4], hex[value.data[i] & 15]};
        fi_term_writer_put(writer, digits, sizeof(digits));
    }
    put_text(writer, "\"");
}

/* ---- structure ---- */

/* The comma that is due, and the name of the member. False without a writer: nothing is to be
 * written. */
static bool
begin_value(struct fi_term_writer *writer, const char *key)
{
    if (writer == NULL) {
        return false;
    }
    assert(writer->depth >= 0 && writer->depth <= FI_TERM_WRITER_DEPTH_MAX); /* (I1) */
    int depth = writer->depth;
    require(depth == 0 || (key != NULL) == (writer->closing[depth] == '}'));
    if (writer->has_value[depth]) {
        put_text(writer, ",");
    }
    writer->has_value[depth] = true;
    if (key != NULL) {
        (void)put_string(writer, firn_str(key));
        put_text(writer, ":");
    }
    return true;
}

static void
open_bracket(struct fi_term_writer *writer, const char *key, const char *opening, char closing)
{
    if (begin_value(writer, key)) {
        put_text(writer, opening);
        require(writer->depth < FI_TERM_WRITER_DEPTH_MAX);
        writer->depth++;
        writer->closing[writer->depth] = closing;
        writer->has_value[writer->depth] = false;
    }
}

void
fi_term_writer_object(struct fi_term_writer *writer, const char *key)
{
    open_bracket(writer, key, "{", '}');
}

void
fi_term_writer_array(struct fi_term_writer *writer, const char *key)
{
    open_bracket(writer, key, "[", ']');
}

void
fi_term_writer_end(struct fi_term_writer *writer)
{
    if (writer != NULL) {
        require(writer->depth > 0);
        fi_term_writer_put(writer, &writer->closing[writer->depth], 1);
        writer->depth--;
    }
}

/* ---- values ---- */

void
fi_term_writer_raw(struct fi_term_writer *writer, const char *key, firn_slice value)
{
    if (value.size > 0 && writer != NULL) {
        bool is_members = key == NULL && writer->depth > 0 && writer->closing[writer->depth] == '}';
        if (is_members && writer->has_value[writer->depth]) {
            put_text(writer, ",");
        } else if (!is_members) {
            (void)begin_value(writer, key);
        }
        writer->has_value[writer->depth] = true;
        fi_term_writer_put(writer, value.data, value.size);
    }
}

static void
constant(struct fi_term_writer *writer, const char *key, const char *text)
{
    assert(text != NULL);
    if (begin_value(writer, key)) {
        put_text(writer, text);
    }
}

void
fi_term_writer_u64(struct fi_term_writer *writer, const char *key, uint64_t value)
{
    char text[24];
    if (begin_value(writer, key)) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        put_text(writer, text);
    }
}

void
fi_term_writer_bool(struct fi_term_writer *writer, const char *key, bool value)
{
    constant(writer, key, value ? "true" : "false");
}

void
fi_term_writer_null(struct fi_term_writer *writer, const char *key)
{
    constant(writer, key, "null");
}

void
fi_term_writer_text(struct fi_term_writer *writer, const char *key, firn_slice value)
{
    if (begin_value(writer, key)) {
        (void)put_string(writer, value);
    }
}

void
fi_term_writer_string(struct fi_term_writer *writer, const char *key, const char *value)
{
    assert(value != NULL);
    fi_term_writer_text(writer, key, firn_str(value));
}

void
fi_term_writer_bytes(struct fi_term_writer *writer, const char *key, firn_slice value)
{
    char hex_key[64];
    require(key != NULL && strlen(key) + sizeof("_hex") <= sizeof(hex_key));
    if (begin_value(writer, key) && !put_string(writer, value)) {
        (void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
        (void)begin_value(writer, hex_key);
        put_hex(writer, value);
    }
}

void
fi_term_writer_u64_if(struct fi_term_writer *writer, const char *key, uint64_t value, bool has)
{
    if (has) {
        fi_term_writer_u64(writer, key, value);
    } else {
        fi_term_writer_null(writer, key);
    }
}

void
fi_term_writer_string_if(struct fi_term_writer *writer, const char *key, const char *value,
                         bool has)
{
    if (has) {
        fi_term_writer_string(writer, key, value);
    } else {
        fi_term_writer_null(writer, key);
    }
}

void
fi_term_writer_hash(struct fi_term_writer *writer, const char *key, const firn_hash *value)
{
    if (begin_value(writer, key)) {
        put_hex(writer, firn_bytes(value->bytes, sizeof(value->bytes)));
    }
}

void
fi_term_writer_time(struct fi_term_writer *writer, const char *key, int64_t since_epoch_ns)
{
    char text[FI_TERM_TEXT_TIME_SIZE];
    fi_term_writer_string(writer, key, fi_term_text_rfc3339(since_epoch_ns, text));
}

void
fi_term_writer_time_if(struct fi_term_writer *writer, const char *key, int64_t since_epoch_ns,
                       bool has)
{
    if (has) {
        fi_term_writer_time(writer, key, since_epoch_ns);
    } else {
        fi_term_writer_null(writer, key);
    }
}
