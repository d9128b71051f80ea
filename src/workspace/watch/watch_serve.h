/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_serve.h: the requests that other processes make of a watch.
 */
#ifndef FIRN_WATCH_WATCH_SERVE_H
#define FIRN_WATCH_WATCH_SERVE_H

#include "base/error.h"
#include "os/os_socket.h"
#include "watch/watch_set.h"

/* What the watch does about a request. */
struct firn_watch_serve {
    int (*ask)(void *ctx, const struct firn_watch_question *question, struct firn_buf *out_answer,
               firn_error *err);
    void (*tell)(void *ctx, firn_slice report);
    void (*look)(void *ctx, struct firn_watch_set_info *out);
    void (*stop)(void *ctx);
    void *ctx;
};

/* Serves everybody who has connected so far, one after the other. Whoever is slow, or talks
 * nonsense, is hung up on. */
void firn_watch_serve(struct firn_os_socket *listener, const struct firn_watch_serve *serve);

/* The same from the other end: kind is LOOK or STOP. */
FIRN_MUST_CHECK int firn_watch_serve_request(struct firn_os_socket *socket,
                                             enum firn_watchlink_wire_kind kind,
                                             struct firn_watch_set_info *out, firn_error *err);

#endif
