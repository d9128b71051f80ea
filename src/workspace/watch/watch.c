/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch.c: watching a workspace: saving it when changes pause, and telling other saves
 * which directories they can skip.
 *
 * One thread runs one loop: it waits for an event, a request or a time, reads what has arrived, and
 * saves if it is time. The store is open, and locked, only during a save (I1; not checked: no field
 * keeps it). The loop never waits for a lock that another process holds, because that process may
 * be asking this watch at the same moment: it retries a little later (I2).
 *
 *   start   the store is created if needed; the socket is put into its directory (watchlink.h); if
 *           another watch already answers there, this one ends
 *   save    makes a checkpoint if something changed. Directories become watched when they are
 *           visited (watch_set.c), so watching begins with the first save
 *   time    after quiet_ms without an event, or interval_max_ms after the first one. Every
 *           rescan_ms everything is visited, for changes that cause no event. New directories are
 *           watched at once, so that work in them does not count as a pause (watch_new.c)
 *
 * If another directory continues the checkpoints of the watched one, and both exist, it has the
 * same number in the catalog and finds the same socket. Its questions are not answered (I3; tested,
 * not asserted: they come from other processes).
 *
 * If events were lost (the queue was full, or a file system was mounted), the watch starts again
 * with a new queue, an empty set, and a save of everything.
 *
 * Removing the store, the socket or the root ends the watch. A killed process leaves only its
 * socket, which the next watch replaces.
 *
 * A failed save is reported, once for each cause, and tried again after a pause. A watch ends only
 * if the root or the store is lost.
 */
#include "watch/watch.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "trust/trust.h"
#include "watch/watch_internal.h"
#include "watchlink/watchlink.h"

enum { NS_PER_MS = 1000000, TICK_MS = 1000, BUSY_PAUSE_MS = 250, FAILURE_PAUSE_MS = 10000 };

struct watching {
    struct firn_ws *ws;
    const firn_workspace_watch_options *options;
    struct fi_os_dir *root;
    struct fi_os_dir *store_dir;
    char name[FI_WATCHLINK_NAME_SIZE]; /* of the socket */
    struct fi_os_stat name_stat;
    struct fi_os_socket *listener;
    struct fi_os_watch *kernel;
    struct fi_watch_set *set;
    struct fi_watch_new fresh;
    struct fi_watchlink_local link; /* for our own saves */
    bool is_stopping;
    bool is_lost;       /* events were lost: start again */
    bool is_full_asked; /* the last question was that of a save which visits everything */
    bool has_told_limit;
    int64_t first_change_ns; /* since the last save; 0: nothing changed */
    int64_t last_change_ns;
    int64_t full_ns;         /* when everything was visited last */
    int64_t pause_ns;        /* no save before this time */
    firn_error last_failure; /* of a save; reported once, until one succeeds */
};

static int64_t
now_of(const struct watching *watching)
{
    return fi_os_monotonic_ns(watching->ws->os);
}

static int64_t
ms(int64_t count)
{
    const int64_t most = INT64_MAX / 4; /* sums do not overflow */
    DCHECK(count >= 0);
    return count > most / NS_PER_MS ? most : count * NS_PER_MS;
}

static void
report_event(struct watching *watching, const firn_workspace_watch_event *event)
{
    const firn_workspace_watch_options *options = watching->options;
    if (options->on_event != NULL) {
        options->on_event(options->ctx, event);
    }
}

/* ---- what has changed ---- */

static int
add_watch(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err)
{
    struct watching *watching = ctx;
    struct fi_os_dir *own = NULL;
    char *text = NULL;
    int rc = FIRN_OK;
    DCHECK(watching->kernel != NULL);
    *out_id = -1;
    if (dir == NULL) {
        text = fi_strndup((const char *)path.data, path.size);
        rc = text == NULL ? fi_error_no_memory(err, "a path")
                          : fi_os_dir_open_beneath(watching->root, text, &own, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_os_watch_add(watching->kernel, dir == NULL ? own : dir, out_id, err);
    }
    fi_os_dir_close(own);
    fi_free(text);
    return rc;
}

static void
remove_watch(void *ctx, int id)
{
    struct watching *watching = ctx;
    fi_os_watch_remove(watching->kernel, id);
}

/* Starts with a new queue and an empty set; after a failure the old ones stay. */
static int
begin_anew(struct watching *watching, firn_error *err)
{
    const struct fi_watch_kernel adding = {add_watch, remove_watch, watching};
    struct fi_os_watch *kernel = NULL;
    struct fi_watch_set *set = NULL;
    int rc;
    FI_TRY(fi_os_watch_create(watching->root, &kernel, err));
    FI_TRY(fi_watch_set_create(watching->ws->os, &adding, &set, err));
    fi_watch_set_destroy(watching->set);
    fi_os_watch_destroy(watching->kernel);
    watching->set = set;
    watching->kernel = kernel;
    kernel = NULL;
    fi_watch_new_clear(&watching->fresh);
    watching->is_lost = false;
    watching->first_change_ns = watching->last_change_ns = now_of(watching);
out:
    fi_os_watch_destroy(kernel);
    return rc;
}

static void
note_change(struct watching *watching)
{
    watching->last_change_ns = now_of(watching);
    if (watching->first_change_ns == 0) {
        watching->first_change_ns = watching->last_change_ns;
    }
}

static int
on_event(void *ctx, const struct fi_os_watch_event *event)
{
    struct watching *watching = ctx;
    bool is_change = true;
    if (event->kind == FI_OS_WATCH_LOST) {
        watching->is_lost = true;
    } else {
        fi_watch_set_event(watching->set, event, &is_change);
        if (!watching->options->only_watch) {
            fi_watch_new_note(&watching->fresh, watching->set, event);
        }
    }
    if (is_change) {
        note_change(watching);
    }
    return FIRN_OK;
}

static int
refuse_lost_root(const struct watching *watching, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "'%.900s' was moved or removed",
                        watching->ws->place.root);
}

/* Reads and handles every event that is due. */
static int
take_in(struct watching *watching, firn_error *err)
{
    struct fi_watch_set_info info;
    FI_TRY_RETURN(fi_os_watch_read(watching->kernel, on_event, watching, err));
    fi_watch_set_info(watching->set, &info);
    if (info.has_lost_root) {
        return refuse_lost_root(watching, err);
    }
    if (watching->is_lost) {
        const firn_workspace_watch_event lost = {
            .kind = FIRN_WATCH_EVENT_LOST,
            .text = "changes were lost: all directories are looked at again"};
        report_event(watching, &lost);
    }
    if (watching->is_lost || info.is_broken) {
        FI_TRY_RETURN(begin_anew(watching, err));
    }
    DCHECK(!watching->is_lost);
    return FIRN_OK;
}

/* ---- questions and reports, of our own saves and of others ---- */

static int
watch_query(void *ctx, const struct fi_watch_question *question, struct fi_buf *out_answer,
            firn_error *err)
{
    struct watching *watching = ctx;
    struct fi_watch_question asked = *question;
    struct fi_os_stat root;
    int rc;
    FI_TRY_RETURN(fi_os_dir_stat(watching->root, &root, err));
    if (asked.device != root.device || asked.inode != root.inode) {
        rc = fi_error_set(err, FIRN_CONFLICT, "another directory is watched"); /* (I3) */
        return rc;
    }
    FI_TRY_RETURN(take_in(watching, err));
    asked.is_full =
        asked.is_full || now_of(watching) - watching->full_ns >= ms(watching->options->rescan_ms);
    FI_TRY_RETURN(fi_watch_set_query(watching->set, &asked, out_answer, err));
    if (asked.will_report) {
        watching->is_full_asked = asked.is_full;
    }
    return FIRN_OK;
}

/* The same for our own save, which sees all changes so far. */
static int
query_ourselves(void *ctx, const struct fi_watch_question *question, struct fi_buf *out_answer,
                firn_error *err)
{
    struct watching *watching = ctx;
    int rc = watch_query(ctx, question, out_answer, err);
    if (rc == FIRN_OK) {
        watching->first_change_ns = 0;
    }
    return rc;
}

static void
watch_enter(void *ctx, struct fi_os_dir *dir, firn_slice path)
{
    struct watching *watching = ctx;
    fi_watch_set_enter(watching->set, dir, path);
}

static void
watch_report(void *ctx, firn_slice report)
{
    struct watching *watching = ctx;
    struct fi_watch_set_info info;
    bool is_taken = fi_watch_set_report(watching->set, report, NULL) == FIRN_OK;
    /* A report on another question does not show that everything was visited. */
    if (is_taken && watching->is_full_asked) {
        watching->full_ns = now_of(watching);
        watching->is_full_asked = false;
    }
    fi_watch_set_info(watching->set, &info);
    if (info.unwatched > 0 && !watching->has_told_limit) {
        const firn_workspace_watch_event limited = {.kind = FIRN_WATCH_EVENT_LIMITED,
                                                    .directories = info.unwatched,
                                                    .text = info.unwatched_error.text};
        watching->has_told_limit = true;
        report_event(watching, &limited);
    }
}

static void
watch_inspect(void *ctx, struct fi_watch_set_info *out)
{
    struct watching *watching = ctx;
    fi_watch_set_info(watching->set, out);
    out->is_unlimited = fi_os_watch_is_unlimited(watching->kernel);
}

static void
watch_stop(void *ctx)
{
    struct watching *watching = ctx;
    watching->is_stopping = true;
}

/* ---- saving ---- */

static bool
is_stopped(struct watching *watching)
{
    const firn_workspace_watch_options *options = watching->options;
    return watching->is_stopping ||
           (options->on_tick != NULL && options->on_tick(options->ctx) != FIRN_OK);
}

/* When the next save is due; INT64_MAX: never by time alone. */
static int64_t
due_ns(const struct watching *watching)
{
    const firn_workspace_watch_options *options = watching->options;
    int64_t due = INT64_MAX;
    if (options->only_watch) {
        return due;
    }
    if (watching->first_change_ns != 0) {
        int64_t quiet = watching->last_change_ns + ms(options->quiet_ms);
        int64_t latest = watching->first_change_ns + ms(options->interval_max_ms);
        due = quiet < latest ? quiet : latest;
    }
    int64_t rescan = watching->full_ns + ms(options->rescan_ms);
    due = due < rescan ? due : rescan;
    return due > watching->pause_ns ? due : watching->pause_ns;
}

static void
watch_save(struct watching *watching)
{
    firn_workspace_save_options options = *watching->options->save;
    firn_workspace_save_result result;
    firn_error err;
    options.if_changed = true;
    DCHECK(watching->ws->watch == NULL && !watching->options->only_watch);
    DCHECK(watching->ws->never_waits); /* (I2) */
    watching->ws->watch = &watching->link;
    int rc = fi_ws_save(watching->ws, &options, &result, &err);
    watching->ws->watch = NULL;
    int64_t now = now_of(watching);
    if (rc == FIRN_OK) {
        watching->last_failure.text[0] = '\0';
        /* Set here too, as a save may have had nothing to report. */
        watching->full_ns = watching->is_full_asked ? now : watching->full_ns;
        watching->is_full_asked = false;
        fi_watch_new_clear(&watching->fresh); /* they have been visited */
        if (result.is_made) {
            const firn_workspace_watch_event saved = {.kind = FIRN_WATCH_EVENT_SAVED,
                                                      .saved = &result};
            report_event(watching, &saved);
        }
        fi_ws_given_release(watching->ws);
        return;
    }
    fi_ws_given_release(watching->ws);
    watching->first_change_ns = watching->first_change_ns != 0 ? watching->first_change_ns : now;
    watching->pause_ns = now + ms(rc == FIRN_BUSY ? BUSY_PAUSE_MS : FAILURE_PAUSE_MS);
    if (rc != FIRN_BUSY && rc != FIRN_CANCELLED &&
        strcmp(watching->last_failure.text, err.text) != 0) {
        watching->last_failure = err;
        const firn_workspace_watch_event failed = {.kind = FIRN_WATCH_EVENT_FAILED,
                                                   .text = err.text};
        report_event(watching, &failed);
    }
}

/* ---- the whole ---- */

/* Whether the socket is still ours: the store is there, and no other watch has taken over. */
static int
check_name(struct watching *watching, firn_error *err)
{
    struct fi_os_stat now;
    int rc = fi_os_stat(watching->store_dir, watching->name, &now, NULL);
    return rc == FIRN_OK && now.inode == watching->name_stat.inode &&
                   now.device == watching->name_stat.device
               ? FIRN_OK
               : fi_error_set(err, FIRN_NOT_FOUND,
                              "the store '%.900s' is gone, or another watch has taken over",
                              watching->ws->place.store_path);
}

/* Checks that the root's path still leads to the watched directory. */
static int
check_root(struct watching *watching, firn_error *err)
{
    struct firn_ws *ws = watching->ws;
    struct fi_os_dir *now = NULL;
    struct fi_os_stat stat;
    struct fi_os_stat own;
    int rc;
    FI_TRY(fi_os_dir_stat(watching->root, &own, err));
    FI_TRY(fi_os_dir_open_real(ws->os, ws->place.root, &now, err));
    FI_TRY(fi_os_dir_stat(now, &stat, err));
    if (stat.inode != own.inode || stat.device != own.device) {
        rc = FIRN_NOT_FOUND;
    }
out:
    fi_os_dir_close(now);
    return rc == FIRN_NOT_FOUND ? refuse_lost_root(watching, err) : rc;
}

static int
open_store_dir(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_os_dir **out,
               uint32_t *out_workspace, firn_error *err)
{
    struct fi_ws_opened opened;
    *out = NULL;
    int rc = fi_ws_opened_open(ws, mode, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    *out_workspace = opened.workspace.number;
    if (opened.store_dir == NULL || opened.workspace.number == 0) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "'%.900s' has no checkpoint yet", ws->place.root);
    }
    rc = fi_ws_opened_close(ws, &opened, rc, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_trust_home_open_dir(ws->os, ws->place.store_path, false, out, err));
    rc = fi_trust_files_guard(*out, mode != FI_WS_READ, ws->lock_timeout_ms, err);
    if (rc != FIRN_OK) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
out:
    return rc;
}

static int
watch_start(struct watching *watching, firn_error *err)
{
    struct firn_ws *ws = watching->ws;
    struct fi_os_socket *other = NULL;
    uint32_t workspace;
    int rc;
    FI_TRY(open_store_dir(ws, watching->options->only_watch ? FI_WS_WRITE : FI_WS_CREATE,
                          &watching->store_dir, &workspace, err));
    FI_TRY(fi_os_dir_open_real(ws->os, ws->place.root, &watching->root, err));
    DCHECK(workspace != 0);
    fi_watchlink_name(workspace, watching->name);
    if (fi_os_socket_connect(watching->store_dir, watching->name, &other, NULL) == FIRN_OK) {
        rc = fi_error_set(err, FIRN_CONFLICT, "'%.900s' is watched already, by process %llu",
                          ws->place.root, (unsigned long long)fi_os_socket_peer(other));
        goto out;
    }
    FI_TRY(begin_anew(watching, err));
    FI_TRY(fi_os_socket_listen(watching->store_dir, watching->name, &watching->listener, err));
    FI_TRY(fi_os_stat(watching->store_dir, watching->name, &watching->name_stat, err));
    watching->last_change_ns -= ms(watching->options->quiet_ms); /* the first save is due */
out:
    fi_os_socket_close(other);
    return rc;
}

static int
watch_loop(struct watching *watching, firn_error *err)
{
    const struct fi_watch_serve serve = {watch_query, watch_report, watch_inspect, watch_stop,
                                         watching};
    DCHECK(watching->set != NULL && watching->kernel != NULL && watching->listener != NULL);
    bool has_started = false;
    while (!is_stopped(watching)) {
        FI_TRY_RETURN(check_name(watching, err));
        FI_TRY_RETURN(check_root(watching, err));
        FI_TRY_RETURN(take_in(watching, err));
        if (fi_watch_new_work(&watching->fresh, watching->set, watching->root)) {
            note_change(watching);
        }
        fi_watch_serve(watching->listener, &serve);
        if (now_of(watching) >= due_ns(watching) && !is_stopped(watching)) {
            watch_save(watching);
        }
        struct fi_watch_set_info info;
        fi_watch_set_info(watching->set, &info);
        if (!has_started && (watching->options->only_watch || info.directories > 0)) {
            const firn_workspace_watch_event started = {.kind = FIRN_WATCH_EVENT_STARTED,
                                                        .directories = info.directories};
            report_event(watching, &started);
            has_started = true;
        }
        int64_t left =
            fi_watch_new_has_any(&watching->fresh) ? 0 : due_ns(watching) - now_of(watching);
        fi_os_watch_wait(watching->kernel, watching->listener,
                         left < ms(TICK_MS) ? left : ms(TICK_MS));
    }
    return FIRN_OK;
}

static void
watch_finish(struct watching *watching)
{
    if (watching->listener != NULL && check_name(watching, NULL) == FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(watching->store_dir, watching->name, NULL));
    }
    fi_os_socket_close(watching->listener);
    fi_watch_new_deinit(&watching->fresh);
    fi_watch_set_destroy(watching->set);
    fi_os_watch_destroy(watching->kernel);
    fi_os_dir_close(watching->store_dir);
    fi_os_dir_close(watching->root);
}

int
fi_watch(struct firn_ws *ws, const firn_workspace_watch_options *options, firn_error *err)
{
    struct watching watching = {.ws = ws, .options = options};
    watching.link =
        (struct fi_watchlink_local){query_ourselves, watch_enter, watch_report, &watching};
    watching.fresh.os = ws->os;
    watching.fresh.rules = (struct fi_rules_walk_options){
        .include_deps = options->save->include_deps, .gitignore = options->save->gitignore};
    watching.full_ns = now_of(&watching);
    int rc = watch_start(&watching, err);
    if (rc == FIRN_OK) {
        ws->never_waits = true; /* (I2), for the host's collections too */
        rc = watch_loop(&watching, err);
        ws->never_waits = false;
    }
    watch_finish(&watching);
    return rc;
}

/* ---- from outside ---- */

/* The requests that other processes make of a watch.
 *
 * A connection carries one request and its answer. They are served in the order in which they came,
 * by the one thread that a watch has: a report is thus heard before the next question, even though
 * its sender does not wait for it (I4; not checked: there is one thread). A peer gets half a second
 * for its request, and as much as a send allows for taking the answer; meanwhile events wait in the
 * kernel, which keeps many. */

enum { REQUEST_TIMEOUT_MS = 500, ROUND_MAX = 64, INFO_UNLIMITED = 1 };

static int
send_info(struct fi_os_socket *socket, const struct fi_watch_serve *serve, struct fi_buf *out,
          firn_error *err)
{
    struct fi_watch_set_info info;
    serve->look(serve->ctx, &info);
    if (fi_buf_append_varint(out, info.directories) != FIRN_OK ||
        fi_buf_append_varint(out, info.dirty) != FIRN_OK ||
        fi_buf_append_varint(out, info.unwatched) != FIRN_OK ||
        fi_buf_append_varint(out, info.is_unlimited ? INFO_UNLIMITED : 0) != FIRN_OK) {
        return fi_error_no_memory(err, "an answer");
    }
    return fi_watchlink_send(socket, FI_WATCHLINK_WIRE_INFO, fi_buf_slice(out), err);
}

static int
answer_question(struct fi_os_socket *socket, const struct fi_watch_serve *serve, firn_slice request,
                struct fi_buf *out, firn_error *err)
{
    struct fi_watch_question question;
    FI_TRY_RETURN(fi_watchlink_wire_get_question(request, &question, err));
    FI_TRY_RETURN(serve->ask(serve->ctx, &question, out, err));
    DCHECK(out->size >= FI_WATCHLINK_WIRE_ANSWER_HEAD_SIZE);
    if (out->size > FI_WATCHLINK_WIRE_SIZE_MAX) {
        out->size = FI_WATCHLINK_WIRE_ANSWER_HEAD_SIZE; /* everything is to be visited */
    }
    return fi_watchlink_send(socket, FI_WATCHLINK_WIRE_ANSWER, fi_buf_slice(out), err);
}

static int
serve_one(struct fi_os_socket *socket, const struct fi_watch_serve *serve, firn_error *err)
{
    struct fi_buf request = {0};
    struct fi_buf out = {0};
    enum fi_watchlink_wire_kind kind;
    int rc;
    FI_TRY(fi_watchlink_receive(socket, (int64_t)REQUEST_TIMEOUT_MS * NS_PER_MS, &kind, &request,
                                err));
    switch (kind) {
    case FI_WATCHLINK_WIRE_ASK:
        rc = answer_question(socket, serve, fi_buf_slice(&request), &out, err);
        break;
    case FI_WATCHLINK_WIRE_TELL:
        serve->tell(serve->ctx, fi_buf_slice(&request));
        break;
    case FI_WATCHLINK_WIRE_STOP:
        serve->stop(serve->ctx);
        rc = send_info(socket, serve, &out, err);
        break;
    case FI_WATCHLINK_WIRE_LOOK:
        rc = send_info(socket, serve, &out, err);
        break;
    case FI_WATCHLINK_WIRE_ANSWER:
    case FI_WATCHLINK_WIRE_INFO:
    default:
        break;
    }
out:
    fi_buf_deinit(&request);
    fi_buf_deinit(&out);
    return rc;
}

void
fi_watch_serve(struct fi_os_socket *listener, const struct fi_watch_serve *serve)
{
    for (int served = 0; served < ROUND_MAX; served++) {
        struct fi_os_socket *socket;
        if (fi_os_socket_accept(listener, &socket, NULL) != FIRN_OK || socket == NULL) {
            return;
        }
        FI_IGNORE(serve_one(socket, serve, NULL));
        fi_os_socket_close(socket);
    }
}

/* Sends a request to a watch, and receives its answer; kind is LOOK or STOP. */
static int
serve_request(struct fi_os_socket *socket, enum fi_watchlink_wire_kind kind,
              struct fi_watch_set_info *out, firn_error *err)
{
    const int64_t timeout_ns = (int64_t)10 * 1000 * NS_PER_MS; /* it may be saving */
    struct fi_buf bytes = {0};
    enum fi_watchlink_wire_kind got;
    uint64_t flags = 0; /* an older watch sends none */
    int rc;
    DCHECK(kind == FI_WATCHLINK_WIRE_LOOK || kind == FI_WATCHLINK_WIRE_STOP);
    *out = (struct fi_watch_set_info){0};
    FI_TRY(fi_watchlink_send(socket, kind, firn_bytes(NULL, 0), err));
    FI_TRY(fi_watchlink_receive(socket, timeout_ns, &got, &bytes, err));
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&bytes));
    if (got != FI_WATCHLINK_WIRE_INFO || !fi_reader_varint(&reader, &out->directories) ||
        !fi_reader_varint(&reader, &out->dirty) || !fi_reader_varint(&reader, &out->unwatched) ||
        (fi_reader_left(&reader) > 0 && !fi_reader_varint(&reader, &flags))) {
        rc = fi_error_set(err, FIRN_INVALID, "the watch answers something else");
        goto out;
    }
    out->is_unlimited = (flags & INFO_UNLIMITED) != 0;
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
request(struct firn_ws *ws, enum fi_watchlink_wire_kind kind, firn_workspace_watch_info *out,
        firn_error *err)
{
    struct fi_os_dir *store_dir = NULL;
    struct fi_os_socket *socket = NULL;
    struct fi_watch_set_info info;
    char name[FI_WATCHLINK_NAME_SIZE];
    uint32_t workspace;
    int rc;
    *out = (firn_workspace_watch_info)FIRN_WORKSPACE_WATCH_INFO_INIT;
    FI_TRY(open_store_dir(ws, FI_WS_READ, &store_dir, &workspace, err));
    fi_watchlink_name(workspace, name);
    if (fi_os_socket_connect(store_dir, name, &socket, NULL) != FIRN_OK) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "'%.900s' is not watched", ws->place.root);
        goto out;
    }
    FI_TRY(serve_request(socket, kind, &info, err));
    *out = (firn_workspace_watch_info){.size = sizeof *out,
                                       .process = fi_os_socket_peer(socket),
                                       .directories = info.directories,
                                       .dirty = info.dirty,
                                       .unwatched = info.unwatched,
                                       .is_by_fanotify = info.is_unlimited};
out:
    fi_os_socket_close(socket);
    fi_os_dir_close(store_dir);
    return rc;
}

int
fi_watch_inspect(struct firn_ws *ws, firn_workspace_watch_info *out, firn_error *err)
{
    return request(ws, FI_WATCHLINK_WIRE_LOOK, out, err);
}

int
fi_watch_stop(struct firn_ws *ws, firn_workspace_watch_info *out, firn_error *err)
{
    return request(ws, FI_WATCHLINK_WIRE_STOP, out, err);
}
