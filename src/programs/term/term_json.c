/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_json.c: one JSON object on standard output, always valid, also when a command fails half
 * way.
 *
 * A writer only: it knows how deep it stands and whether a comma is due, and prints at once, so
 * that listings of any length need no memory. Failing commands do not leave broken text behind:
 * firn_term_json_unwind closes whatever is open and the error becomes one more member of the
 * outermost object.
 *
 * Bytes that are not UTF-8 have no place in JSON, and lone surrogates are refused by strict
 * parsers. So the readable member is made valid with U+FFFD, and a twin with the suffix _hex
 * carries the exact bytes; it is there only when it is needed. docs/json.md promises this to
 * readers.
 *
 * Invariants
 * (I1) Between firn_term_json_begin and firn_term_json_finish what was printed, followed by the
 *      closing brackets of the stack, is a valid object.
 * (I2) Only ASCII control-free text and valid UTF-8 is printed: control characters (term.h) leave
 *   as \uXXXX.
 */
#include "term/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

static struct {
    char closing[DEPTH_MAX]; /* '}' or ']' */
    bool has_member[DEPTH_MAX];
    int depth;
} json;

static void
require(bool fits)
{
    if (!fits) {
        abort();
    }
}

static const char hex[] = "0123456789abcdef";

/* One UTF-16 unit as an escape. */
static void
unit(uint32_t value)
{
    const char escaped[] = {
        '\\',           'u', hex[value >> 12 & 15], hex[value >> 8 & 15], hex[value >> 4 & 15],
        hex[value & 15]};
    firn_term_out_write(escaped, sizeof(escaped));
}

static void
string(firn_slice value)
{
    firn_term_out_write("\"", 1);
    size_t at = 0;
    while (at < value.size) {
        uint32_t point = 0;
        size_t plain = firn_term_text_plain(firn_bytes(value.data + at, value.size - at));
        firn_term_out_write(value.data + at, plain);
        at += plain;
        if (at == value.size) {
            break;
        }
        size_t size = firn_term_text_decode(firn_bytes(value.data + at, value.size - at), &point);
        if (size == 0) {
            firn_term_out_text("\xEF\xBF\xBD");
            size = 1;
        } else if (point == '"' || point == '\\') {
            firn_term_out_write("\\", 1);
            firn_term_out_write(value.data + at, 1);
        } else if (point == '\n' || point == '\t') {
            firn_term_out_text(point == '\n' ? "\\n" : "\\t");
        } else if (firn_term_text_is_control(point) && point > 0xFFFF) {
            unit(0xD800 + ((point - 0x10000) >> 10));
            unit(0xDC00 + (point & 0x3FF));
        } else if (firn_term_text_is_control(point)) {
            unit(point);
        } else {
            firn_term_out_write(value.data + at, size);
        }
        at += size;
    }
    firn_term_out_write("\"", 1);
}

/* The comma that is due, and the name of the member. */
static void
begin_value(const char *key)
{
    require(json.depth > 0);
    int top = json.depth - 1;
    require((key != NULL) == (json.closing[top] == '}'));
    if (json.has_member[top]) {
        firn_term_out_write(",", 1);
    }
    json.has_member[top] = true;
    if (key != NULL) {
        string(firn_str(key));
        firn_term_out_write(":", 1);
    }
}

static void
push(const char *opening, char closing)
{
    require(json.depth < DEPTH_MAX);
    firn_term_out_text(opening);
    json.closing[json.depth] = closing;
    json.has_member[json.depth] = false;
    json.depth++;
}

void
firn_term_json_begin(void)
{
    if (json.depth == 0) {
        push("{", '}');
    }
}

bool
firn_term_json_is_open(void)
{
    return json.depth > 0;
}

void
firn_term_json_unwind(void)
{
    while (json.depth > 1) {
        firn_term_json_end();
    }
}

void
firn_term_json_finish(void)
{
    if (json.depth > 0) {
        firn_term_json_unwind();
        firn_term_json_end();
        firn_term_out_write("\n", 1);
    }
}

void
firn_term_json_object(const char *key)
{
    begin_value(key);
    push("{", '}');
}

void
firn_term_json_array(const char *key)
{
    begin_value(key);
    push("[", ']');
}

void
firn_term_json_end(void)
{
    require(json.depth > 0);
    json.depth--;
    firn_term_out_write(&json.closing[json.depth], 1);
}

void
firn_term_json_u64(const char *key, uint64_t value)
{
    begin_value(key);
    firn_term_out_format("%llu", (unsigned long long)value);
}

void
firn_term_json_bool(const char *key, bool value)
{
    begin_value(key);
    firn_term_out_text(value ? "true" : "false");
}

void
firn_term_json_null(const char *key)
{
    begin_value(key);
    firn_term_out_text("null");
}

void
firn_term_json_string(const char *key, const char *value)
{
    begin_value(key);
    string(firn_str(value));
}

static void
hex_string(firn_slice value)
{
    firn_term_out_write("\"", 1);
    for (size_t i = 0; i < value.size; i++) {
        const char digits[] = {hex[value.data[i] >> 4], hex[value.data[i] & 15]};
        firn_term_out_write(digits, sizeof(digits));
    }
    firn_term_out_write("\"", 1);
}

void
firn_term_json_bytes(const char *key, firn_slice value)
{
    char hex_key[64];
    require(key != NULL && strlen(key) + sizeof("_hex") <= sizeof(hex_key));
    begin_value(key);
    string(value);
    if (!firn_term_text_is_utf8(value)) {
        (void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
        begin_value(hex_key);
        hex_string(value);
    }
}

void
firn_term_json_hash(const char *key, const firn_hash *value)
{
    begin_value(key);
    hex_string(firn_bytes(value->bytes, sizeof(value->bytes)));
}

void
firn_term_json_time(const char *key, int64_t since_epoch_ns)
{
    char text[FIRN_TERM_TEXT_TIME_SIZE];
    firn_term_json_string(key, firn_term_text_rfc3339(since_epoch_ns, text));
}
