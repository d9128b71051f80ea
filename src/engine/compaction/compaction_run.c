/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_run.c: running flushes and compactions, alone or several small ones together.
 *
 *   1. before flushes, the log is synced through everything that was applied (compaction_flush.c)
 *   2. each work writes its files
 *   3. all of these are made durable (block_publisher.c)
 *   4. one edit of MANIFEST names them, and readers see what it names (lsm_install.c)
 *
 * Works that run together have different trees. A work that runs alone makes each file durable as soon
 * as it is written: it may write many large ones, and a disk should not get all of that at once.
 *
 * (I1) Nothing is installed that is not durable: what a publisher still has is not.
 *
 * Failure: a work that cannot write ends the writing. What those before it have written is installed
 * all the same, and the error is returned; the rest is picked again one day. So on a full disk each
 * flush gets on as far as it can. Where 3 or 4 fails none of them has happened, and their files go.
 */
#include "base/check.h"
#include "base/mem.h"
#include "block/block_publisher.h"
#include "compaction/compaction.h"
#include "compaction/compaction_flush.h"

struct running {
    struct firn_lsm *lsm;
    struct firn_compaction_work *first;
    struct firn_compaction_result *outputs; /* of the works, in their order */
    struct firn_lsm_install_change *changes;
    size_t count;
    size_t written; /* so many of them */
    struct firn_block_publisher publisher;
};

/* Whether works that run together are of one kind, and of different trees. */
static bool
go_together(const struct firn_compaction_work *first)
{
    for (const struct firn_compaction_work *work = first; work != NULL; work = work->also) {
        for (const struct firn_compaction_work *other = work->also; other != NULL;
             other = other->also) {
            if (other->tree == work->tree || other->kind != work->kind) {
                return false;
            }
        }
    }
    return true;
}

static int
begin(struct firn_compaction_work *work, struct running *running, firn_error *err)
{
    DCHECK(go_together(work));
    *running = (struct running){.lsm = work->lsm, .first = work};
    firn_block_publisher_init(&running->publisher, work->lsm->runs_dir);
    for (; work != NULL; work = work->also) {
        running->count++;
    }
    running->outputs = firn_alloc_zeroed(running->count * sizeof *running->outputs);
    running->changes = firn_alloc_zeroed(running->count * sizeof *running->changes);
    return running->outputs != NULL && running->changes != NULL
               ? FIRN_OK
               : firn_error_no_memory(err, "background work");
}

static int
write_one(struct running *running, struct firn_compaction_work *work,
          struct firn_compaction_result *out, firn_error *err)
{
    struct firn_block_publisher *publisher = running->count > 1 ? &running->publisher : NULL;
    return work->kind == FIRN_COMPACTION_WORK_FLUSH
               ? firn_compaction_flush_write(work, publisher, out, err)
               : firn_compaction_write(work, publisher, out, err);
}

static int
write_all(struct running *running, firn_error *err)
{
    const struct firn_lsm_host *host = &running->lsm->options.host;
    struct firn_compaction_work *work = running->first;
    int rc = FIRN_OK;
    if (work->kind == FIRN_COMPACTION_WORK_FLUSH) {
        rc = host->sync_log(host->ctx, err);
    }
    for (; work != NULL && rc == FIRN_OK; work = work->also) {
        DCHECK(running->written < running->count && work->lsm == running->lsm);
        rc = write_one(running, work, &running->outputs[running->written], err);
        if (rc == FIRN_OK) {
            running->changes[running->written] = running->outputs[running->written].change;
            running->written++;
        }
    }
    return rc;
}

static void
count_all(const struct running *running)
{
    const struct firn_compaction_work *work = running->first;
    firn_os_mutex_lock(&running->lsm->mutex);
    for (size_t i = 0; i < running->written; i++, work = work->also) {
        if (work->kind == FIRN_COMPACTION_WORK_FLUSH) {
            firn_compaction_flush_count_locked(work, &running->outputs[i]);
        } else {
            firn_compaction_count_locked(work, &running->outputs[i]);
        }
    }
    firn_os_mutex_unlock(&running->lsm->mutex);
}

/* Of what is written. */
static int
install_all(struct running *running, firn_error *err)
{
    DCHECK(running->written > 0);
    bool is_certain = true;
    int rc = firn_block_publisher_run(&running->publisher, err); /* (I1) */
    if (rc == FIRN_OK) {
        CHECK(running->publisher.count == 0); /* (I1) */
        rc = firn_lsm_install_all(running->lsm, running->changes, running->written, &is_certain,
                                  err);
    }
    if (rc == FIRN_OK) {
        count_all(running);
    }
    for (size_t i = 0; i < running->written && rc != FIRN_OK && is_certain; i++) {
        firn_compaction_output_remove(running->lsm, &running->outputs[i].runs);
    }
    return rc;
}

static void
end(struct running *running)
{
    firn_block_publisher_deinit(&running->publisher);
    for (size_t i = 0; i < running->count && running->outputs != NULL; i++) {
        firn_compaction_output_deinit(&running->outputs[i].runs);
        firn_free(running->outputs[i].removed);
        firn_free(running->outputs[i].moved);
    }
    firn_free(running->outputs);
    firn_free(running->changes);
}

int
firn_compaction_run(struct firn_compaction_work *work, firn_error *err)
{
    struct firn_lsm *lsm = work->lsm;
    struct running running;
    int rc = begin(work, &running, err);
    if (rc == FIRN_OK) {
        rc = write_all(&running, err);
    }
    if (running.written > 0) {
        int install_rc = install_all(&running, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? install_rc : rc;
    }
    end(&running);
    firn_compaction_work_discard(work);
    firn_lsm_collect(lsm);
    return rc;
}
