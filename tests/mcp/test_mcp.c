/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the MCP server alone: lines, and what happens when there is no memory.
 *
 * Every allocation of the server and of jansson goes through the functions below (the linker puts
 * them in the place of malloc and its kin), and each fails in its turn, once, and then with all
 * that follow it. Whatever fails, every request is answered exactly once, with a valid message.
 */
#include <jansson.h>

#include "mcp/mcp_internal.h"
#include "support/test.h"

/* ---- memory that fails ---- */

static long fail_at;      /* this allocation from now on fails; 0: none */
static bool fails_onward; /* and all after it */
static long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
fails(void)
{
    allocations++;
    return fail_at != 0 && (allocations == fail_at || (fails_onward && allocations > fail_at));
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

/* ---- lines ---- */

struct lines {
    char text[64];
    size_t count;
    size_t cut;
    size_t size; /* of the last one */
};

static void
take_line(void *ctx, firn_slice line, bool is_cut)
{
    struct lines *lines = ctx;
    size_t used = strlen(lines->text);
    if (line.size < 8 && used + line.size + 2 < sizeof(lines->text)) {
        memcpy(lines->text + used, line.data, line.size);
        memcpy(lines->text + used + line.size, "|", 2);
    }
    lines->count++;
    lines->cut += is_cut;
    lines->size = line.size;
}

static void
lines_are_cut_out_of_any_pieces(void **state)
{
    static const char text[] = "one\n\ntwo\r\n\rthree\nrest";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct fi_mcp_line line = {0};
        struct lines lines = {.count = 0};
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;
            fi_mcp_line_feed(&line, firn_bytes(text + at, left < piece ? left : piece), take_line,
                             &lines);
        }
        assert_string_equal(lines.text, "one||two|\rthree|");
        assert_int_equal(lines.count, 4);
        assert_int_equal(lines.cut, 0);
        assert_int_equal(line.size, 4);
        fi_mcp_line_deinit(&line);
    }
}

static void
a_line_takes_no_more_memory_than_its_limit(void **state)
{
    enum { PIECE = 65536 };
    static char piece[PIECE];
    struct fi_mcp_line line = {0};
    struct lines lines = {.count = 0};
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < FI_MCP_LINE_SIZE_MAX / PIECE; i++) {
        fi_mcp_line_feed(&line, firn_bytes(piece, PIECE), take_line, &lines);
    }
    assert_false(line.is_cut);
    fi_mcp_line_feed(&line, firn_str("\n"), take_line, &lines);
    assert_int_equal(lines.size, FI_MCP_LINE_SIZE_MAX);
    assert_int_equal(lines.cut, 0);
    for (int i = 0; i < 160; i++) {
        fi_mcp_line_feed(&line, firn_bytes(piece, PIECE), take_line, &lines);
        assert_true(line.capacity <= FI_MCP_LINE_SIZE_MAX);
    }
    fi_mcp_line_feed(&line, firn_str("\nok\n"), take_line, &lines);
    assert_int_equal(lines.count, 3);
    assert_int_equal(lines.cut, 1);
    assert_string_equal(lines.text, "ok|");
    assert_true(line.capacity <= PIECE); /* what a large line took is given back */
    fi_mcp_line_deinit(&line);
}

/* ---- no memory ---- */

enum { SENT_MAX = 64 };

struct peer {
    char *sent[SENT_MAX]; /* lines */
    size_t sizes[SENT_MAX];
    size_t count;
};

static void
send_line(void *ctx, const char *data, size_t size)
{
    struct peer *peer = ctx;
    assert_true(peer->count < SENT_MAX);
    assert_true(size > 0 && data[size - 1] == '\n');
    assert_null(memchr(data, '\n', size - 1));
    char *copy = __real_malloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    peer->sent[peer->count] = copy;
    peer->sizes[peer->count++] = size;
}

static bool
is_stopping(void *ctx)
{
    (void)ctx;
    return false;
}

/* In place of a tool's work: a result, progress, or a failure. */
static int
run_tool(const struct fi_mcp_tool *tool, struct fi_mcp_call *call)
{
    firn_callbacks callbacks = fi_mcp_call_callbacks(call);
    firn_notice notice = {.kind = FIRN_NOTICE_SPECIAL, .path = firn_str("p\xff"), .text = "a fifo"};
    firn_progress progress = {"read", 1, 2, 3, 4, false};
    if (strcmp(tool->name, "checkpoint_delete") == 0) {
        call->hint = "a hint";
        return fi_mcp_call_fail(call, FIRN_NOT_FOUND, "nothing is called so");
    }
    call->told_ms -= 10000;
    callbacks.on_notice(callbacks.ctx, &notice);
    int code = callbacks.on_progress(callbacks.ctx, &progress);
    call->told_ms -= 10000; /* the same again is not told again */
    code = code == FIRN_OK ? callbacks.on_progress(callbacks.ctx, &progress) : code;
    fi_term_writer_string(&call->result, "snapshot_id", "kkkk");
    fi_term_writer_bytes(&call->result, "path", firn_str("x\xff\n\"\\\x7f\x01"));
    fi_mcp_call_write_notices(call);
    return code;
}

static const char *const messages[] = {
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
    "\"2025-11-25\"}}\n",
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n",
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":"
    "\"checkpoint_save\",\"arguments\":{\"workspace_path\":\"w\"},\"_meta\":{\"progressToken\":"
    "\"t\"}}}\n",
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":"
    "\"checkpoint_delete\",\"arguments\":{\"workspace_path\":\"w\",\"snapshot_id\":\"1\"}}}\n",
    "[{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"id\":5,"
    "\"method\":\"tools/call\",\"params\":{\"name\":\"checkpoint_undo\",\"arguments\":{"
    "\"workspace_path\":\"w\"}}}]\n",
    "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"ping\"}\n",
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"prompts/list\"}\n",
    "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"prompts/get\",\"params\":{\"name\":"
    "\"checkpoint\",\"arguments\":{\"message\":\"before \\\"it\\\"\"}}}\n",
};

enum { IDS = 9 };

static int progress_told;

static void
count_answer(const json_t *answer, int answers[IDS], int *batch_failures)
{
    const json_t *id = json_object_get(answer, "id");
    assert_string_equal(json_string_value(json_object_get(answer, "jsonrpc")), "2.0");
    if (json_object_get(answer, "method") != NULL) {
        progress_told++;
        return;
    }
    bool is_result = json_object_get(answer, "result") != NULL;
    assert_true(is_result != (json_object_get(answer, "error") != NULL));
    if (json_is_null(id)) {
        *batch_failures += 1;
        return;
    }
    assert_true(json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < IDS);
    answers[json_integer_value(id)]++;
}

/* What was sent answers each request once; a batch may have come to nothing as a whole. */
static void
check_answers(struct peer *peer)
{
    int answers[IDS] = {0};
    int batch_failures = 0;
    progress_told = 0;
    for (size_t i = 0; i < peer->count; i++) {
        json_t *value = json_loadb(peer->sent[i], peer->sizes[i], JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(value);
        if (json_is_array(value)) {
            for (size_t k = 0; k < json_array_size(value); k++) {
                count_answer(json_array_get(value, k), answers, &batch_failures);
            }
        } else {
            count_answer(value, answers, &batch_failures);
        }
        json_decref(value);
        free(peer->sent[i]);
    }
    assert_true(progress_told <= 1);
    for (int id = 0; id < IDS; id++) {
        bool is_in_batch = id == 4 || id == 5;
        assert_true(answers[id] == 1 || (is_in_batch && answers[id] == 0 && batch_failures >= 1));
    }
    /* The notification may be answered only where it could not be read. */
    assert_true(batch_failures <= 2);
}

static void
serve_messages(struct peer *peer)
{
    struct fi_mcp_server_options options = {.allows_delete = true,
                                            .send = send_line,
                                            .is_stopping = is_stopping,
                                            .run = run_tool,
                                            .ctx = peer};
    struct fi_mcp_server *server = fi_mcp_server_create(&options);
    assert_non_null(server);
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        fi_mcp_server_take(server, firn_bytes(messages[i], strlen(messages[i]) - 1), false);
        fi_mcp_server_work(server, false);
    }
    fi_mcp_server_close(server);
    fi_mcp_server_work(server, true);
    fi_mcp_server_destroy(server);
}

/* The server itself is made before memory gets short. */
static void
serve_without_memory(struct peer *peer, long at, bool onward)
{
    struct fi_mcp_server_options options = {.allows_delete = true,
                                            .send = send_line,
                                            .is_stopping = is_stopping,
                                            .run = run_tool,
                                            .ctx = peer};
    struct fi_mcp_server *server = fi_mcp_server_create(&options);
    assert_non_null(server);
    allocations = 0;
    fail_at = at;
    fails_onward = onward;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        fi_mcp_server_take(server, firn_bytes(messages[i], strlen(messages[i]) - 1), false);
        fi_mcp_server_work(server, false);
    }
    fail_at = 0;
    fi_mcp_server_destroy(server);
}

static void
every_request_is_answered_without_memory(void **state)
{
    struct peer peer = {.count = 0};
    json_object_seed(1);
    allocations = 0;
    serve_messages(&peer);
    long total = allocations;
    check_answers(&peer);
    assert_int_equal(progress_told, 1);
    assert_true(total > 50);
    for (int onward = 0; onward < 2; onward++) {
        for (long at = 1; at <= total; at++) {
            peer.count = 0;
            serve_without_memory(&peer, at, onward == 1);
            check_answers(&peer);
        }
    }
    print_message("count: %ld failed allocations of the MCP server\n", 2 * total);
}

static void
a_server_that_cannot_be_made_is_null(void **state)
{
    struct peer peer = {.count = 0};
    struct fi_mcp_server_options options = {
        .allows_delete = true, .send = send_line, .is_stopping = is_stopping, .ctx = &peer};
    allocations = 0;
    fail_at = 1;
    fails_onward = true;
    assert_null(fi_mcp_server_create(&options));
    fail_at = 0;
    fi_mcp_server_destroy(NULL);
}

/* ---- cancelling ---- */

static void
a_call_that_waits_can_be_cancelled(void **state)
{
    static const char *const lines[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"checkpoint_undo\",\"arguments\":{\"workspace_path\":\"w\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"checkpoint_undo\",\"arguments\":{\"workspace_path\":\"w\"}}}",
        "[{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"checkpoint_undo\",\"arguments\":{\"workspace_path\":\"w\"}}}]",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":3}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
        "cancelled\",\"params\":{\"requestId\":\"2\"}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
        "cancelled\",\"params\":{\"requestId\":\"a\"}}",
    };
    struct peer peer = {.count = 0};
    struct fi_mcp_server_options options = {.allows_delete = true,
                                            .send = send_line,
                                            .is_stopping = is_stopping,
                                            .run = run_tool,
                                            .ctx = &peer};
    struct fi_mcp_server *server = fi_mcp_server_create(&options);
    assert_non_null(server);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        fi_mcp_server_take(server, firn_str(lines[i]), false);
    }
    fi_mcp_server_work(server, false);
    assert_int_equal(peer.count, 1); /* only 2: "2" is another id */
    assert_non_null(strstr(peer.sent[0], "\"id\":2,"));
    free(peer.sent[0]);
    fi_mcp_server_take(server, firn_str(lines[0]), false);
    fi_mcp_server_destroy(server); /* what waits is forgotten */
    assert_int_equal(peer.count, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_out_of_any_pieces),
        cmocka_unit_test(a_line_takes_no_more_memory_than_its_limit),
        cmocka_unit_test(every_request_is_answered_without_memory),
        cmocka_unit_test(a_server_that_cannot_be_made_is_null),
        cmocka_unit_test(a_call_that_waits_can_be_cancelled),
    };
    json_set_alloc_funcs(__wrap_malloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
