/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_reply.c: what answers look like.
 *
 * A tool that fails is no error of the protocol: the model that called it is to read what happened,
 * so the answer is a result with isError. It carries the code and the text of firn's error, and what
 * to do next where that is known, as JSON: as a structured result, and as the text.
 */
#include "mcp/mcp_reply.h"

void
firn_mcp_reply_begin(struct firn_mcp_json *json, const char *id)
{
    firn_mcp_json_clear(json);
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_string(json, "jsonrpc", "2.0");
    firn_mcp_json_raw(json, "id", firn_str(id));
}

void
firn_mcp_reply_error(struct firn_mcp_json *json, const char *id, int code, const char *text)
{
    static const char *const codes[] = {"-32700", "-32600", "-32601", "-32602", "-32603"};
    static const int values[] = {-32700, -32600, -32601, -32602, -32603};
    const char *name = "-32000";
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        name = values[i] == code ? codes[i] : name;
    }
    firn_mcp_reply_begin(json, id);
    firn_mcp_json_begin(json, "error", '{');
    firn_mcp_json_raw(json, "code", firn_str(name));
    firn_mcp_json_string(json, "message", text);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '{');
}

/* members: of the structured result. */
static void
write_result(struct firn_mcp_json *json, const char *id, firn_slice members, firn_slice text,
             bool is_error)
{
    firn_mcp_reply_begin(json, id);
    firn_mcp_json_begin(json, "result", '{');
    firn_mcp_json_begin(json, "content", '[');
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_string(json, "type", "text");
    firn_mcp_json_text(json, "text", text);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '[');
    firn_mcp_json_begin(json, "structuredContent", '{');
    firn_mcp_json_raw(json, NULL, members);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_bool(json, "isError", is_error);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '{');
}

/* {members}, for the text. */
static void
write_object(struct firn_mcp_json *json, firn_slice members)
{
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_raw(json, NULL, members);
    firn_mcp_json_end(json, '{');
}

void
firn_mcp_reply_result(struct firn_mcp_json *json, const char *id, firn_slice members,
                      firn_slice text)
{
    struct firn_mcp_json whole = {0};
    if (text.size == 0) {
        write_object(&whole, members);
        text = firn_mcp_json_slice(&whole);
    }
    write_result(json, id, members, text, false);
    json->has_failed = json->has_failed || whole.has_failed;
    firn_mcp_json_deinit(&whole);
}

void
firn_mcp_reply_failure(struct firn_mcp_json *json, const char *id, const firn_error *error,
                       const char *hint)
{
    struct firn_mcp_json members = {0};
    struct firn_mcp_json whole = {0};
    const char *text = error->text[0] != '\0' ? error->text : firn_code_text(error->code);
    firn_mcp_json_begin(&members, "error", '{');
    firn_mcp_json_string(&members, "code", firn_code_name(error->code));
    firn_mcp_json_bytes(&members, "message", firn_str(text));
    if (hint != NULL) {
        firn_mcp_json_string(&members, "hint", hint);
    }
    firn_mcp_json_end(&members, '{');
    write_object(&whole, firn_mcp_json_slice(&members));
    write_result(json, id, firn_mcp_json_slice(&members), firn_mcp_json_slice(&whole), true);
    json->has_failed = json->has_failed || members.has_failed || whole.has_failed;
    firn_mcp_json_deinit(&members);
    firn_mcp_json_deinit(&whole);
}
