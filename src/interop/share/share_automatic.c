/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_automatic.c: a push that a program starts in the background after each save.
 *
 * What is to be pushed stands nowhere but in the store: the checkpoints that are not pushed yet. So
 * a process that is killed loses nothing, and the next automatic push sends all of them.
 *
 * The lock of the stage keeps a second push out. An automatic push waits for it, and while it waits
 * it holds another lock, of its workspace and remote. A process that finds that one taken ends.
 *
 * (I1) A checkpoint that is saved while a push runs is sent by the next push. The waiting process
 *      releases its own lock before it opens the store. Any process that found this lock taken, and
 *      ended, was started after its save; so the store, opened later, has that checkpoint. Not
 *      checked: it takes two processes; tests/cli/push_auto.t saves during pushes.
 * (I2) Failures do not pile up. One is noted with its time, and for a while no other push is due:
 *      also none that waited meanwhile. A time in the future, by a clock that was wrong, does not
 *      count. Not checked: it is about time; test_share_automatic.c moves the clock.
 */
#include <stdio.h>

#include "base/check.h"
#include "share/share_internal.h"
#include "threads/os_callback.h"

enum { DOUBLINGS_MAX = 6 };
#define SECOND_NS INT64_C(1000000000)
#define PAUSE_MIN_NS (5 * SECOND_NS)
#define PAUSE_MAX_NS (300 * SECOND_NS)
#define POLL_NS (SECOND_NS / 10)
#define LOCK_TIMEOUT_MS INT64_C(60000) /* for the store: nobody waits for this process */

/* ==== whether it is due ==== */

struct looking {
    struct fi_share_name name;
    uint32_t workspace;
    struct fi_share_failure failure;
    bool is_due;
};

static bool
is_pausing(const struct fi_share_failure *failure, int64_t now_ns)
{
    if (failure->count == 0 || failure->failed_ns > now_ns) {
        return false; /* (I2) */
    }
    const unsigned doublings =
        failure->count - 1 < DOUBLINGS_MAX ? (unsigned)failure->count - 1 : DOUBLINGS_MAX;
    const int64_t pause = PAUSE_MIN_NS << doublings;
    return now_ns - failure->failed_ns < (pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS);
}

static int
look_opened(struct firn_ws *ws, struct fi_ws_opened *opened, const char *name, struct looking *out,
            firn_error *err)
{
    struct fi_share share = {.ws = ws};
    uint64_t count;
    FI_TRY_RETURN(fi_share_name_find(opened->db, name, &out->name, err));
    FI_TRY_RETURN(fi_share_check_trust(ws, opened->store_dir, err));
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(opened->db, FI_SHARE_NOTES, &share.notes, err));
    share.name = out->name;
    out->workspace = opened->workspace.number;
    FI_TRY_RETURN(fi_share_name_count(ws, opened, share.notes, &out->name, &count, err));
    FI_TRY_RETURN(fi_share_note_failure(&share, &out->failure, err));
    out->is_due = count > 0 && !is_pausing(&out->failure, fi_os_now_ns(ws->os));
    return FIRN_OK;
}

/* stage NULL: only looks; otherwise also prepares it, if a push is due. */
static int
look(struct firn_ws *ws, const char *name, struct looking *out, struct fi_share_stage *stage,
     firn_error *err)
{
    struct fi_ws_opened opened;
    *out = (struct looking){.workspace = 0};
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err));
    int rc = look_opened(ws, &opened, name, out, err);
    if (rc == FIRN_OK && out->is_due && stage != NULL) {
        rc = fi_share_stage_prepare(opened.store_dir, stage, err);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}

/* ==== waiting ==== */

static int
wait_for_stage(struct firn_ws *ws, const firn_callbacks *callbacks, struct fi_share_stage *stage,
               firn_error *err)
{
    const firn_progress state = {.phase = "send"};
    int rc;
    while ((rc = fi_share_stage_lock(stage, err)) == FIRN_BUSY) {
        if (fi_os_callback_progress(callbacks, &state) != FIRN_OK) {
            return fi_error_set(err, FIRN_CANCELLED, "cancelled");
        }
        fi_os_sleep_ns(ws->os, POLL_NS);
    }
    return rc;
}

/* ==== afterwards ==== */

static int
note_failure(struct firn_ws *ws, const struct looking *looking, const firn_error *why,
             firn_error *err)
{
    const struct fi_share share = {.ws = ws, .name = looking->name};
    struct fi_share_failure failure = {.failed_ns = fi_os_now_ns(ws->os),
                                       .count = looking->failure.count + 1};
    struct fi_ws_opened opened;
    (void)snprintf(failure.text, sizeof failure.text, "%.*s", (int)sizeof failure.text - 1,
                   why->text);
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_WRITE, &opened, err));
    int rc = fi_share_note_fail(&share, opened.db, &failure, err);
    return fi_ws_opened_close(ws, &opened, rc, err);
}

/* ==== all of it ==== */

/* The stage is locked. */
static int
push_now(struct firn_ws *ws, const char *name, const firn_push_options *options,
         struct fi_share_stage *stage, firn_push_result *out, firn_error *err)
{
    struct looking looking;
    firn_error why;
    FI_TRY_RETURN(look(ws, name, &looking, NULL, err)); /* the one before may have sent all */
    if (!looking.is_due) {
        return FIRN_OK;
    }
    int rc = fi_share_push_once(ws, name, options, stage, out, &why);
    out->is_due = true;
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc != FIRN_CANCELLED) {
        FI_IGNORE(note_failure(ws, &looking, &why, NULL)); /* then the next save tries again */
    }
    return fi_error_set(err, rc, "%s", why.text);
}

static int
push_due(struct firn_ws *ws, const char *name, const firn_push_options *options,
         const struct looking *looking, struct fi_share_stage *stage, firn_push_result *out,
         firn_error *err)
{
    struct fi_os_file *waiting = NULL;
    int rc = fi_share_stage_wait(stage, looking->workspace, looking->name.number, &waiting, err);
    if (rc == FIRN_BUSY) {
        return FIRN_OK; /* (I1) */
    }
    FI_TRY_RETURN(rc);
    rc = wait_for_stage(ws, &options->callbacks, stage, err);
    fi_os_file_close(waiting); /* (I1) before the store is opened */
    return rc == FIRN_OK ? push_now(ws, name, options, stage, out, err) : rc;
}

int
fi_share_automatic_push(struct firn_ws *ws, const char *name, const firn_push_options *options,
                        firn_push_result *out, firn_error *err)
{
    struct looking looking;
    struct fi_share_stage stage = {.dir = NULL};
    const int64_t timeout_ms = ws->lock_timeout_ms;
    *out = (firn_push_result)FIRN_PUSH_RESULT_INIT;
    DCHECK(options->automatic && options->reference_count == 0);
    int rc = look(ws, name, &looking, options->dry_run ? NULL : &stage, err);
    if (options->dry_run || rc != FIRN_OK || !looking.is_due) {
        out->is_due = rc == FIRN_OK && looking.is_due;
    } else {
        ws->lock_timeout_ms = timeout_ms > LOCK_TIMEOUT_MS ? timeout_ms : LOCK_TIMEOUT_MS;
        rc = push_due(ws, name, options, &looking, &stage, out, err);
        ws->lock_timeout_ms = timeout_ms;
    }
    fi_share_stage_close(&stage);
    return rc;
}
