/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_serve.c: the requests that other processes make of a watch.
 *
 * A connection carries one request and its answer. They are served in the order in which they
 * came, by the one thread that a watch has: a report is thus heard before the next question, even
 * though nobody waits for it (I1; not checked: there is one thread). A peer gets half a second for
 * its request, and as much as a send allows for taking the answer; meanwhile events wait in the
 * kernel, which keeps many.
 */
#include "watch/watch_serve.h"

#include "base/check.h"
#include "watchlink/watchlink.h"

enum { REQUEST_TIMEOUT_MS = 500, NS_PER_MS = 1000000, ROUND_MAX = 64, INFO_UNLIMITED = 1 };

static int
send_info(struct firn_os_socket *socket, const struct firn_watch_serve *serve, struct firn_buf *out,
          firn_error *err)
{
    struct firn_watch_set_info info;
    serve->look(serve->ctx, &info);
    if (firn_buf_append_varint(out, info.directories) != FIRN_OK ||
        firn_buf_append_varint(out, info.dirty) != FIRN_OK ||
        firn_buf_append_varint(out, info.unwatched) != FIRN_OK ||
        firn_buf_append_varint(out, info.is_unlimited ? INFO_UNLIMITED : 0) != FIRN_OK) {
        return firn_error_no_memory(err, "an answer");
    }
    return firn_watchlink_send(socket, FIRN_WATCHLINK_WIRE_INFO, firn_buf_slice(out), err);
}

static int
answer_question(struct firn_os_socket *socket, const struct firn_watch_serve *serve,
                firn_slice request, struct firn_buf *out, firn_error *err)
{
    struct firn_watch_question question;
    int rc;
    FIRN_TRY(firn_watchlink_wire_get_question(request, &question, err));
    FIRN_TRY(serve->ask(serve->ctx, &question, out, err));
    DCHECK(out->size >= FIRN_WATCHLINK_WIRE_ANSWER_HEAD_SIZE);
    if (out->size > FIRN_WATCHLINK_WIRE_SIZE_MAX) {
        out->size = FIRN_WATCHLINK_WIRE_ANSWER_HEAD_SIZE; /* everything is to be visited */
    }
    FIRN_TRY(firn_watchlink_send(socket, FIRN_WATCHLINK_WIRE_ANSWER, firn_buf_slice(out), err));
out:
    return rc;
}

static int
serve_one(struct firn_os_socket *socket, const struct firn_watch_serve *serve, firn_error *err)
{
    struct firn_buf request = {0};
    struct firn_buf out = {0};
    enum firn_watchlink_wire_kind kind;
    int rc;
    FIRN_TRY(firn_watchlink_receive(socket, (int64_t)REQUEST_TIMEOUT_MS * NS_PER_MS, &kind,
                                    &request, err));
    switch (kind) {
    case FIRN_WATCHLINK_WIRE_ASK:
        rc = answer_question(socket, serve, firn_buf_slice(&request), &out, err);
        break;
    case FIRN_WATCHLINK_WIRE_TELL:
        serve->tell(serve->ctx, firn_buf_slice(&request));
        break;
    case FIRN_WATCHLINK_WIRE_STOP:
        serve->stop(serve->ctx);
        rc = send_info(socket, serve, &out, err);
        break;
    case FIRN_WATCHLINK_WIRE_LOOK:
        rc = send_info(socket, serve, &out, err);
        break;
    case FIRN_WATCHLINK_WIRE_ANSWER:
    case FIRN_WATCHLINK_WIRE_INFO:
    default:
        break;
    }
out:
    firn_buf_deinit(&request);
    firn_buf_deinit(&out);
    return rc;
}

void
firn_watch_serve(struct firn_os_socket *listener, const struct firn_watch_serve *serve)
{
    for (int served = 0; served < ROUND_MAX; served++) {
        struct firn_os_socket *socket;
        if (firn_os_socket_accept(listener, &socket, NULL) != FIRN_OK || socket == NULL) {
            return;
        }
        FIRN_IGNORE(serve_one(socket, serve, NULL));
        firn_os_socket_close(socket);
    }
}

int
firn_watch_serve_request(struct firn_os_socket *socket, enum firn_watchlink_wire_kind kind,
                         struct firn_watch_set_info *out, firn_error *err)
{
    const int64_t timeout_ns = (int64_t)10 * 1000 * NS_PER_MS; /* it may be saving */
    struct firn_buf bytes = {0};
    enum firn_watchlink_wire_kind got;
    uint64_t flags = 0; /* an older watch sends none */
    int rc;
    DCHECK(kind == FIRN_WATCHLINK_WIRE_LOOK || kind == FIRN_WATCHLINK_WIRE_STOP);
    *out = (struct firn_watch_set_info){0};
    FIRN_TRY(firn_watchlink_send(socket, kind, firn_bytes(NULL, 0), err));
    FIRN_TRY(firn_watchlink_receive(socket, timeout_ns, &got, &bytes, err));
    struct firn_reader reader = firn_reader_of(firn_buf_slice(&bytes));
    if (got != FIRN_WATCHLINK_WIRE_INFO || !firn_reader_varint(&reader, &out->directories) ||
        !firn_reader_varint(&reader, &out->dirty) ||
        !firn_reader_varint(&reader, &out->unwatched) ||
        (firn_reader_left(&reader) > 0 && !firn_reader_varint(&reader, &flags))) {
        rc = firn_error_set(err, FIRN_INVALID, "the watch answers something else");
        goto out;
    }
    out->is_unlimited = (flags & INFO_UNLIMITED) != 0;
out:
    firn_buf_deinit(&bytes);
    return rc;
}
