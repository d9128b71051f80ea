/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_json.c: JSON text, written piece by piece into memory.
 *
 * Answers are written, not built as trees: a result stands in its message twice, as a value and, for
 * clients of before 2025-06-18, as text inside of a string, and both come from the same bytes.
 *
 * Names on disk are bytes, JSON is UTF-8. The readable member is made valid with U+FFFD, and a twin
 * with the suffix _hex carries the exact bytes where that was needed, as everywhere in firn
 * (docs/json.md).
 *
 * Invariants
 * (I1) What is printed inside of strings is valid UTF-8 without control characters: a message is one
 *      line, whatever the names in it.
 * (I2) has_failed is set before anything is left out.
 */
#include "mcp/mcp_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char hex[] = "0123456789abcdef";

void
firn_mcp_json_deinit(struct firn_mcp_json *json)
{
    free(json->data);
    memset(json, 0, sizeof(*json));
}

void
firn_mcp_json_clear(struct firn_mcp_json *json)
{
    json->size = 0;
    json->needs_comma = false;
    json->has_failed = false;
}

firn_slice
firn_mcp_json_slice(const struct firn_mcp_json *json)
{
    return firn_bytes(json->data, json->size);
}

void
firn_mcp_json_put(struct firn_mcp_json *json, const void *data, size_t size)
{
    if (json->has_failed || size == 0) {
        return;
    }
    if (size > json->capacity - json->size) {
        size_t capacity = json->capacity < 256 ? 256 : json->capacity;
        while (capacity - json->size < size && capacity <= SIZE_MAX / 2) {
            capacity *= 2;
        }
        char *grown = capacity - json->size < size ? NULL : realloc(json->data, capacity);
        if (grown == NULL) {
            json->has_failed = true;
            return;
        }
        json->data = grown;
        json->capacity = capacity;
    }
    memcpy(json->data + json->size, data, size);
    json->size += size;
}

/* The length of the UTF-8 sequence at the start; 0 if there is no valid one. */
static size_t
sequence(const uint8_t *at, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at[0] < 0x80) {
        return 1;
    }
    size_t count = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || count > size) {
        return 0;
    }
    uint32_t point = at[0] & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (at[i] & 0x3F);
    }
    bool is_valid = point >= smallest[count] && point <= 0x10FFFF && point >> 11 != 0xD800 >> 11;
    return is_valid ? count : 0;
}

/* One character that is ASCII, escaped if JSON wants that. */
static void
put_ascii(struct firn_mcp_json *json, char letter)
{
    unsigned code = (unsigned char)letter;
    if (letter == '"' || letter == '\\') {
        firn_mcp_json_put(json, "\\", 1);
        firn_mcp_json_put(json, &letter, 1);
    } else if (letter == '\n' || letter == '\t') {
        firn_mcp_json_put(json, letter == '\n' ? "\\n" : "\\t", 2);
    } else if (code < 0x20 || code == 0x7F) {
        const char escaped[] = {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
        firn_mcp_json_put(json, escaped, sizeof(escaped));
    } else {
        firn_mcp_json_put(json, &letter, 1);
    }
}

static bool
is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

/* Returns whether all of it was UTF-8. */
static bool
put_string(struct firn_mcp_json *json, firn_slice value)
{
    bool is_exact = true;
    size_t at = 0;
    firn_mcp_json_put(json, "\"", 1);
    while (at < value.size) {
        size_t plain = 0;
        while (at + plain < value.size && is_plain(value.data[at + plain])) {
            plain++;
        }
        firn_mcp_json_put(json, value.data + at, plain);
        at += plain;
        if (at == value.size) {
            break;
        }
        size_t size = sequence(value.data + at, value.size - at);
        if (size == 0) {
            is_exact = false;
            firn_mcp_json_put(json, "\xEF\xBF\xBD", 3);
            size = 1;
        } else if (size == 1) {
            put_ascii(json, (char)value.data[at]);
        } else {
            firn_mcp_json_put(json, value.data + at, size);
        }
        at += size;
    }
    firn_mcp_json_put(json, "\"", 1);
    return is_exact;
}

static void
begin_value(struct firn_mcp_json *json, const char *key)
{
    if (json->needs_comma) {
        firn_mcp_json_put(json, ",", 1);
    }
    json->needs_comma = true;
    if (key != NULL) {
        (void)put_string(json, firn_str(key));
        firn_mcp_json_put(json, ":", 1);
    }
}

void
firn_mcp_json_begin(struct firn_mcp_json *json, const char *key, char opening)
{
    begin_value(json, key);
    firn_mcp_json_put(json, &opening, 1);
    json->needs_comma = false;
}

void
firn_mcp_json_end(struct firn_mcp_json *json, char opening)
{
    firn_mcp_json_put(json, opening == '{' ? "}" : "]", 1);
    json->needs_comma = true;
}

void
firn_mcp_json_raw(struct firn_mcp_json *json, const char *key, firn_slice value)
{
    if (value.size > 0) {
        begin_value(json, key);
        firn_mcp_json_put(json, value.data, value.size);
    }
}

void
firn_mcp_json_u64(struct firn_mcp_json *json, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    firn_mcp_json_raw(json, key, firn_str(text));
}

void
firn_mcp_json_bool(struct firn_mcp_json *json, const char *key, bool value)
{
    firn_mcp_json_raw(json, key, firn_str(value ? "true" : "false"));
}

void
firn_mcp_json_null(struct firn_mcp_json *json, const char *key)
{
    firn_mcp_json_raw(json, key, firn_str("null"));
}

void
firn_mcp_json_text(struct firn_mcp_json *json, const char *key, firn_slice value)
{
    begin_value(json, key);
    (void)put_string(json, value);
}

void
firn_mcp_json_string(struct firn_mcp_json *json, const char *key, const char *value)
{
    firn_mcp_json_text(json, key, firn_str(value));
}

void
firn_mcp_json_bytes(struct firn_mcp_json *json, const char *key, firn_slice value)
{
    begin_value(json, key);
    if (put_string(json, value)) {
        return;
    }
    char hex_key[64];
    (void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
    begin_value(json, hex_key);
    firn_mcp_json_put(json, "\"", 1);
    for (size_t i = 0; i < value.size; i++) {
        const char digits[] = {hex[value.data[i] >> 4], hex[value.data[i] & 15]};
        firn_mcp_json_put(json, digits, sizeof(digits));
    }
    firn_mcp_json_put(json, "\"", 1);
}

void
firn_mcp_json_time(struct firn_mcp_json *json, const char *key, int64_t since_epoch_ns)
{
    enum { SECOND_NS = 1000000000 };
    char day[32] = "";
    char text[48];
    struct tm parts;
    int64_t ns = since_epoch_ns % SECOND_NS;
    ns += ns < 0 ? SECOND_NS : 0;
    time_t seconds = (time_t)((since_epoch_ns - ns) / SECOND_NS);
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        firn_mcp_json_null(json, key);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s.%09dZ", day, (int)ns);
    firn_mcp_json_string(json, key, text);
}
