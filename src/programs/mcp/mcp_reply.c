/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_reply.c: what answers look like.
 *
 * A tool that fails is no error of the protocol: the model that called it is to read what happened,
 * so the answer is a result with isError. It carries the code and the text of firn's error, and what
 * to do next where that is known, as JSON: as a structured result, and as the text.
 */
#include "mcp/mcp_reply.h"

#include <stdio.h>

#include "mcp/mcp_message.h"

void
firn_mcp_reply_begin(struct firn_mcp_json *json, const char *id)
{
    firn_mcp_json_clear(json);
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_string(json, "jsonrpc", "2.0");
    firn_mcp_json_raw(json, "id", firn_str(id));
}

void
firn_mcp_reply_server_info(struct firn_mcp_json *json, const char *key)
{
    firn_mcp_json_begin(json, key, '{');
    firn_mcp_json_string(json, "name", "firn");
    firn_mcp_json_string(json, "version", firn_version());
    firn_mcp_json_end(json, '{');
}

void
firn_mcp_reply_begin_result(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era)
{
    firn_mcp_reply_begin(json, id);
    firn_mcp_json_begin(json, "result", '{');
    if (era == FIRN_MCP_STATELESS) {
        firn_mcp_json_string(json, "resultType", "complete");
        firn_mcp_json_begin(json, "_meta", '{');
        firn_mcp_reply_server_info(json, "io.modelcontextprotocol/serverInfo");
        firn_mcp_json_end(json, '{');
    }
}

void
firn_mcp_reply_end(struct firn_mcp_json *json)
{
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '{');
}

static void
begin_error(struct firn_mcp_json *json, const char *id, int code, const char *text)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", code);
    firn_mcp_reply_begin(json, id);
    firn_mcp_json_begin(json, "error", '{');
    firn_mcp_json_raw(json, "code", firn_str(number));
    firn_mcp_json_string(json, "message", text);
}

void
firn_mcp_reply_error(struct firn_mcp_json *json, const char *id, int code, const char *text)
{
    begin_error(json, id, code, text);
    firn_mcp_reply_end(json);
}

void
firn_mcp_reply_unsupported(struct firn_mcp_json *json, const char *id, const char *asked,
                           const char *const *supported, size_t count)
{
    begin_error(json, id, FIRN_MCP_UNSUPPORTED_VERSION, "unsupported protocol version");
    firn_mcp_json_begin(json, "data", '{');
    firn_mcp_json_begin(json, "supported", '[');
    for (size_t i = 0; i < count; i++) {
        firn_mcp_json_string(json, NULL, supported[i]);
    }
    firn_mcp_json_end(json, '[');
    firn_mcp_json_bytes(json, "requested", firn_str(asked));
    firn_mcp_json_end(json, '{');
    firn_mcp_reply_end(json);
}

/* members: of the structured result. */
static void
write_result(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era, firn_slice members,
             bool is_error)
{
    struct firn_mcp_json whole = {0};
    firn_mcp_json_begin(&whole, NULL, '{');
    firn_mcp_json_raw(&whole, NULL, members);
    firn_mcp_json_end(&whole, '{');
    firn_mcp_reply_begin_result(json, id, era);
    firn_mcp_json_begin(json, "content", '[');
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_string(json, "type", "text");
    firn_mcp_json_text(json, "text", firn_mcp_json_slice(&whole));
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '[');
    firn_mcp_json_begin(json, "structuredContent", '{');
    firn_mcp_json_raw(json, NULL, members);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_bool(json, "isError", is_error);
    firn_mcp_reply_end(json);
    json->has_failed = json->has_failed || whole.has_failed;
    firn_mcp_json_deinit(&whole);
}

void
firn_mcp_reply_result(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era,
                      firn_slice members)
{
    write_result(json, id, era, members, false);
}

void
firn_mcp_reply_failure(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era,
                       const firn_error *error, const char *hint)
{
    struct firn_mcp_json members = {0};
    const char *text = error->text[0] != '\0' ? error->text : firn_code_text(error->code);
    firn_mcp_json_begin(&members, "error", '{');
    firn_mcp_json_string(&members, "code", firn_code_name(error->code));
    firn_mcp_json_bytes(&members, "message", firn_str(text));
    if (hint != NULL) {
        firn_mcp_json_string(&members, "hint", hint);
    }
    firn_mcp_json_end(&members, '{');
    write_result(json, id, era, firn_mcp_json_slice(&members), true);
    json->has_failed = json->has_failed || members.has_failed;
    firn_mcp_json_deinit(&members);
}
