/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_message.c: what a line of JSON-RPC 2.0 says.
 *
 * jansson parses: strictly (no NaN, no lone surrogates, no invalid UTF-8, one value a line), whole
 * numbers as 64-bit integers, and not deeper than 2,048. An object that has a member twice is
 * refused: two readers would see two messages in it. Numbers beyond 64 bits are refused likewise.
 *
 * MCP narrows JSON-RPC: params is an object, an id is a string or a number. An id of null is
 * refused with the id null, 0 and "" are ids like any other. Reading an id allocates nothing, so a
 * request can be answered even when memory is out.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { DUG_SIZE_MAX = 200 };

json_t *
fi_mcp_message_parse(firn_slice line, int *out_code, char *out_text, size_t text_size)
{
    assert(text_size > 0);
    json_error_t error;
    json_t *value = json_loadb((const char *)line.data, line.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        bool is_memory = json_error_code(&error) == json_error_out_of_memory;
        *out_code = is_memory ? FI_MCP_INTERNAL_ERROR : FI_MCP_PARSE_ERROR;
        (void)snprintf(out_text, text_size, "%s (byte %d)", error.text, error.position);
    }
    return value;
}

/* Writes a string, which jansson has found to be UTF-8, as JSON; false if it is too long. */
static bool
write_string(firn_slice text, char out[FI_MCP_MESSAGE_ID_SIZE])
{
    enum { LONGEST = sizeof("\\u0000\"") };
    size_t size = 0;
    out[size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (size + LONGEST > FI_MCP_MESSAGE_ID_SIZE) {
            return false;
        }
        if (byte < 0x20) {
            size += (size_t)snprintf(out + size, LONGEST, "\\u%04x", byte);
        } else {
            if (byte == '"' || byte == '\\') {
                out[size++] = '\\';
            }
            out[size++] = (char)byte;
        }
    }
    out[size++] = '"';
    out[size] = '\0';
    return true;
}

static bool
write_real(const json_t *value, char out[FI_MCP_MESSAGE_ID_SIZE])
{
    size_t size = json_dumpb(value, out, FI_MCP_MESSAGE_ID_SIZE - 1, JSON_ENCODE_ANY);
    bool fits = size > 0 && size < FI_MCP_MESSAGE_ID_SIZE;
    out[fits ? size : 0] = '\0';
    return fits;
}

bool
fi_mcp_message_id(const json_t *value, char out[FI_MCP_MESSAGE_ID_SIZE])
{
    bool is_id = false;
    if (json_is_string(value)) {
        is_id = write_string(firn_bytes(json_string_value(value), json_string_length(value)), out);
    } else if (json_is_integer(value)) {
        (void)snprintf(out, FI_MCP_MESSAGE_ID_SIZE, "%lld", (long long)json_integer_value(value));
        is_id = true;
    } else if (json_is_real(value)) {
        is_id = write_real(value, out);
    }
    if (!is_id) {
        (void)snprintf(out, FI_MCP_MESSAGE_ID_SIZE, "null");
    }
    return is_id;
}

/* What is wrong with an object, or NULL. */
static const char *
problem_of(const json_t *value, struct fi_mcp_message *out)
{
    const json_t *version = json_object_get(value, "jsonrpc");
    const json_t *method = json_object_get(value, "method");
    const json_t *params = json_object_get(value, "params");
    bool is_answer = json_object_get(value, "result") != NULL || json_object_get(value, "error");
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0) {
        return "\"jsonrpc\" is not \"2.0\"";
    }
    if (method == NULL && is_answer) {
        out->kind = FI_MCP_MESSAGE_RESPONSE;
        return NULL;
    }
    if (!json_is_string(method) ||
        strlen(json_string_value(method)) != json_string_length(method)) {
        return "\"method\" is missing or not a string";
    }
    if (params != NULL && !json_is_object(params)) {
        out->code = FI_MCP_INVALID_PARAMS;
        return "\"params\" is not an object";
    }
    out->method = json_string_value(method);
    out->params = params;
    return NULL;
}

void
fi_mcp_message_read(const json_t *value, struct fi_mcp_message *out)
{
    assert(value != NULL);
    memset(out, 0, sizeof(*out));
    const json_t *id = json_object_get(value, "id");
    bool has_id = fi_mcp_message_id(id, out->id);
    out->code = FI_MCP_INVALID_REQUEST;
    out->kind = id != NULL ? FI_MCP_MESSAGE_REQUEST : FI_MCP_MESSAGE_NOTIFICATION;
    if (!json_is_object(value)) {
        out->problem = "a message is an object";
    } else {
        out->problem = problem_of(value, out);
    }
    if (out->problem == NULL && out->kind == FI_MCP_MESSAGE_REQUEST && !has_id) {
        out->problem = "\"id\" is neither a string nor a number, or too long";
    }
    if (out->problem != NULL) {
        out->kind = FI_MCP_MESSAGE_INVALID;
    }
}

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool
is_of_number(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' ||
           byte == 'e' || byte == 'E';
}

static size_t
skip_spaces(firn_slice line, size_t at)
{
    assert(at <= line.size);
    while (at < line.size && is_space(line.data[at])) {
        at++;
    }
    return at;
}

/* The place after the string that begins at `at`; line.size if it does not end. */
static size_t
skip_string(firn_slice line, size_t at)
{
    assert(at < line.size && line.data[at] == '"');
    for (at++; at < line.size && line.data[at] != '"'; at++) {
        at += line.data[at] == '\\' ? 1 : 0;
    }
    return at < line.size ? at + 1 : line.size;
}

/* An integer that is not large. Found without allocating, because memory may be out. */
static bool
is_plain_number(firn_slice text)
{
    assert(text.size > 0);
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    return digits == text.size && digits < 16 && (digits == 1 || text.data[0] != '0');
}

/* The id at `at`, if it is complete. */
static bool
take_id(firn_slice line, size_t at, char *out)
{
    assert(at <= line.size);
    size_t end = at;
    if (at < line.size && line.data[at] == '"') {
        end = skip_string(line, at);
    } else {
        while (end < line.size && is_of_number(line.data[end])) {
            end++;
        }
    }
    if (end == at || end == line.size || end - at > DUG_SIZE_MAX) {
        return false;
    }
    if (is_plain_number(firn_bytes(line.data + at, end - at))) {
        memcpy(out, line.data + at, end - at);
        out[end - at] = '\0';
        return true;
    }
    json_t *value =
        json_loadb((const char *)line.data + at, end - at, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool is_id = value != NULL && fi_mcp_message_id(value, out);
    json_decref(value);
    return is_id;
}

void
fi_mcp_message_dig(firn_slice line, char out[FI_MCP_MESSAGE_ID_SIZE])
{
    static const char key[] = "\"id\"";
    size_t depth = 0;
    size_t at = 0;
    while (at < line.size) {
        size_t next = at + 1;
        if (line.data[at] == '{' || line.data[at] == '[') {
            depth++;
        } else if (line.data[at] == '}' || line.data[at] == ']') {
            depth -= depth > 0;
        } else if (line.data[at] == '"') {
            next = skip_string(line, at);
            size_t colon = skip_spaces(line, next);
            bool is_key = depth == 1 && next - at == sizeof(key) - 1 &&
                          memcmp(line.data + at, key, sizeof(key) - 1) == 0;
            if (is_key && colon < line.size && line.data[colon] == ':' &&
                take_id(line, skip_spaces(line, colon + 1), out)) {
                return;
            }
        }
        at = next;
    }
    (void)snprintf(out, FI_MCP_MESSAGE_ID_SIZE, "null");
}
