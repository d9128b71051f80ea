/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_history.c: lines of history and the checkpoints on them, in memory.
 *
 * What "now" sees is a set of intervals of sequences, almost always the single one [1, …). When
 * checkpoint c is restored by commit r, now becomes what c sees and all from r on; the commits
 * between c and r are seen no more but by the safety checkpoint that the restore takes, and by
 * other checkpoints of that time. Such a set, without an end, is a line. A checkpoint is a place on
 * a line: a pointer and a number, whatever the store holds. So creating one takes no time, and
 * restoring one only the copying of intervals, of which there is one more than restores lie behind
 * each other.
 *
 * (I1) Intervals ascend, and are neither empty nor adjacent; the last one has no end. The begin of
 *      a line lies in its last interval. Where a checkpoint is restored before anything else was
 *      committed, the new interval joins the one before it.
 * (I2) A checkpoint's sequence is at least its line's begin, and lies in the last interval.
 * (I3) The order of checkpoints is that of their making, so their sequences do not descend.
 * (I4) A line that has been now is not freed before the history is: readers of now use it without
 *      being counted. Other lines go with their last checkpoint and view, or when the last work
 *      that has the intervals of some line lets go of them.
 *
 * A change is made in two steps: prepare finds out whether it can be done and takes memory; apply
 * cannot fail. Between them the change goes to the log.
 *
 * Limits: a line has at most 65,536 intervals, as after so many restores of what came after the
 * restore before; 2^20 checkpoints. Memory: 16 bytes an interval of a line, up to half as much for its
 * guide, about 100 bytes a checkpoint. Finding a checkpoint walks over all of them.
 */
#include "store/db_history.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

/* ---- looking ---- */

size_t
firn_db_history_count(const struct firn_db_history *history)
{
    return history->checkpoints.size / sizeof(struct firn_db_checkpoint *);
}

struct firn_db_checkpoint *
firn_db_history_at(const struct firn_db_history *history, size_t i)
{
    return ((struct firn_db_checkpoint **)(void *)history->checkpoints.data)[i];
}

static size_t
place_of(const struct firn_db_history *history, const uint8_t *id)
{
    size_t i = 0;
    while (i < firn_db_history_count(history) &&
           memcmp(firn_db_history_at(history, i)->id, id, FIRN_DB_HISTORY_ID_SIZE) != 0) {
        i++;
    }
    return i;
}

struct firn_db_checkpoint *
firn_db_history_find(const struct firn_db_history *history,
                     const uint8_t id[FIRN_DB_HISTORY_ID_SIZE])
{
    size_t i = place_of(history, id);
    return i < firn_db_history_count(history) ? firn_db_history_at(history, i) : NULL;
}

struct firn_db_checkpoint *
firn_db_history_find_name(const struct firn_db_history *history, const char *name)
{
    for (size_t i = 0; i < firn_db_history_count(history); i++) {
        struct firn_db_checkpoint *checkpoint = firn_db_history_at(history, i);
        if (strcmp(checkpoint->name, name) == 0) {
            return checkpoint;
        }
    }
    return NULL;
}

struct firn_view
firn_db_history_view(const struct firn_db_line *line, uint64_t sequence)
{
    static const struct firn_view_interval everything = {1, UINT64_MAX};
    static const struct firn_view_interval nothing = {UINT64_MAX, UINT64_MAX};
    if (line != NULL && (sequence > 0 || line->begin > 1)) {
        uint64_t last = sequence > line->begin ? sequence : line->begin;
        return (struct firn_view){line->intervals, line->count, last, line->guide};
    }
    return sequence > 0 ? (struct firn_view){&everything, 1, sequence, NULL}
                        : (struct firn_view){&nothing, 1, 0, NULL};
}

/* ---- lines ---- */

struct firn_db_line *
firn_db_history_create_line(size_t intervals_max)
{
    return firn_alloc_zeroed(sizeof(struct firn_db_line) +
                             intervals_max * sizeof(struct firn_view_interval) +
                             firn_view_guide_size_bytes(intervals_max));
}

void
firn_db_history_guide_line(struct firn_db_line *line)
{
    if (firn_view_guide_size_bytes(line->count) > 0) {
        line->guide = (void *)(line->intervals + line->count);
        firn_view_guide_init(line->guide, line->intervals, line->count);
    }
}

/* What a checkpoint sees and all from begin on (I1). */
static struct firn_db_line *
continue_line(const struct firn_db_checkpoint *checkpoint, uint64_t begin)
{
    const struct firn_db_line *old = checkpoint->line;
    struct firn_db_line *line = firn_db_history_create_line(old->count + 1);
    if (line == NULL) {
        return NULL;
    }
    line->begin = begin;
    memcpy(line->intervals, old->intervals, old->count * sizeof line->intervals[0]);
    line->count = old->count;
    if (checkpoint->sequence + 1 < begin) {
        line->intervals[line->count - 1].last = checkpoint->sequence;
        line->intervals[line->count++] = (struct firn_view_interval){begin, UINT64_MAX};
    }
    firn_db_history_guide_line(line);
    return line;
}

static size_t
line_count(const struct firn_db_history *history)
{
    return history->lines.size / sizeof(struct firn_db_line *);
}

static struct firn_db_line **
line_at(const struct firn_db_history *history, size_t i)
{
    return (struct firn_db_line **)(void *)history->lines.data + i;
}

/* (I4) */
static void
release_lines(struct firn_db_history *history)
{
    size_t kept = 0;
    for (size_t i = 0; i < line_count(history) && history->held == 0; i++) {
        struct firn_db_line *line = *line_at(history, i);
        if (line->was_now || line->checkpoints > 0 || line->views > 0) {
            *line_at(history, kept++) = line;
        } else {
            firn_free(line);
        }
    }
    if (history->held == 0) {
        history->lines.size = kept * sizeof(struct firn_db_line *);
    }
}

static void
release_line(struct firn_db_history *history, const struct firn_db_line *line)
{
    if (!line->was_now && line->checkpoints == 0 && line->views == 0) {
        release_lines(history);
    }
}

void
firn_db_history_hold(struct firn_db_history *history)
{
    history->held++;
}

void
firn_db_history_let_go(struct firn_db_history *history)
{
    CHECK(history->held > 0);
    history->held--;
    release_lines(history);
}

void
firn_db_history_ref(struct firn_db_line *line)
{
    line->views++;
}

void
firn_db_history_unref(struct firn_db_history *history, struct firn_db_line *line)
{
    CHECK(line->views > 0);
    line->views--;
    release_line(history, line);
}

/* ---- beginning and end ---- */

int
firn_db_history_init(struct firn_db_history *history, firn_error *err)
{
    struct firn_db_line *line = firn_db_history_create_line(1);
    *history = (struct firn_db_history){.next_number = 1};
    atomic_init(&history->now, line);
    if (line == NULL ||
        firn_buf_append(&history->lines, &line, sizeof(struct firn_db_line *)) != FIRN_OK) {
        firn_free(line);
        atomic_init(&history->now, NULL);
        return firn_error_no_memory(err, "the history of a store");
    }
    line->begin = 1;
    line->intervals[0] = (struct firn_view_interval){1, UINT64_MAX};
    line->count = 1;
    line->was_now = true;
    return FIRN_OK;
}

void
firn_db_history_deinit(struct firn_db_history *history)
{
    for (size_t i = 0; i < firn_db_history_count(history); i++) {
        firn_free(firn_db_history_at(history, i));
    }
    for (size_t i = 0; i < line_count(history); i++) {
        firn_free(*line_at(history, i));
    }
    firn_buf_deinit(&history->checkpoints);
    firn_buf_deinit(&history->lines);
    atomic_init(&history->now, NULL);
}

/* ---- what can be done ---- */

static struct firn_db_checkpoint *
make_checkpoint(const uint8_t *id, const struct firn_db_history_record *record, firn_slice name)
{
    struct firn_db_checkpoint *checkpoint = firn_alloc_zeroed(sizeof *checkpoint + name.size + 1);
    if (checkpoint != NULL) {
        memcpy(checkpoint->id, id, FIRN_DB_HISTORY_ID_SIZE);
        checkpoint->created_ns = record->created_ns;
        if (name.size > 0) {
            memcpy(checkpoint->name, name.data, name.size);
        }
    }
    return checkpoint;
}

/* Room for one more checkpoint and line. */
static int
reserve(struct firn_db_history *history, firn_error *err)
{
    if (firn_db_history_count(history) >= FIRN_DB_HISTORY_CHECKPOINTS_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "there are %d checkpoints: no more are allowed",
                              FIRN_DB_HISTORY_CHECKPOINTS_MAX);
    }
    if (firn_buf_reserve(&history->checkpoints, sizeof(struct firn_db_checkpoint *)) != FIRN_OK ||
        firn_buf_reserve(&history->lines, sizeof(struct firn_db_line *)) != FIRN_OK) {
        return firn_error_no_memory(err, "a checkpoint");
    }
    return FIRN_OK;
}

static int
refuse_taken(const struct firn_db_history *history, const uint8_t *id, firn_error *err)
{
    return firn_db_history_find(history, id) == NULL
               ? FIRN_OK
               : firn_error_set(err, FIRN_EXISTS, "there is a checkpoint with that id already");
}

static int
prepare_create(struct firn_db_history *history, struct firn_db_history_change *change,
               firn_error *err)
{
    const struct firn_db_history_record *record = &change->record;
    int rc;
    if (record->name.size > FIRN_DB_HISTORY_NAME_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "the name of a checkpoint has %zu bytes; at most %d are allowed",
                              record->name.size, FIRN_DB_HISTORY_NAME_SIZE_MAX);
    }
    FIRN_TRY(reserve(history, err));
    FIRN_TRY(refuse_taken(history, record->id, err));
    change->added = make_checkpoint(record->id, record, record->name);
    if (change->added == NULL) {
        return firn_error_no_memory(err, "a checkpoint");
    }
    if (record->name.size > 0 && firn_db_history_find_name(history, change->added->name) != NULL) {
        return firn_error_set(err, FIRN_EXISTS, "there is a checkpoint '%s' already",
                              change->added->name);
    }
out:
    return rc;
}

static int
prepare_restore(struct firn_db_history *history, struct firn_db_history_change *change,
                firn_error *err)
{
    const struct firn_db_history_record *record = &change->record;
    const struct firn_db_checkpoint *target = firn_db_history_find(history, record->id);
    int rc;
    if (target == NULL) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no such checkpoint");
    }
    if (target->line->count >= FIRN_DB_HISTORY_INTERVALS_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "%d restores lie behind the checkpoint: no more "
                              "are allowed",
                              FIRN_DB_HISTORY_INTERVALS_MAX);
    }
    FIRN_TRY(reserve(history, err));
    FIRN_TRY(refuse_taken(history, record->safety, err));
    change->added = make_checkpoint(record->safety, record, firn_bytes(NULL, 0));
    change->line = continue_line(target, record->sequence);
    if (change->added == NULL || change->line == NULL) {
        return firn_error_no_memory(err, "a restore");
    }
    memcpy(change->added->restored, record->id, FIRN_DB_HISTORY_ID_SIZE);
out:
    return rc;
}

/* All are there, and none is named twice. */
static int
check_deleted(const struct firn_db_history *history, const struct firn_db_history_record *record,
              firn_error *err)
{
    for (size_t i = 0; i < record->deleted_count; i++) {
        const uint8_t *id = record->deleted + i * FIRN_DB_HISTORY_ID_SIZE;
        if (firn_db_history_find(history, id) == NULL) {
            return firn_error_set(err, FIRN_NOT_FOUND, "there is no such checkpoint");
        }
        for (size_t j = 0; j < i; j++) {
            if (memcmp(record->deleted + j * FIRN_DB_HISTORY_ID_SIZE, id,
                       FIRN_DB_HISTORY_ID_SIZE) == 0) {
                return firn_error_set(err, FIRN_INVALID, "a checkpoint is deleted twice");
            }
        }
    }
    return FIRN_OK;
}

int
firn_db_history_prepare(struct firn_db_history *history,
                        const struct firn_db_history_record *record,
                        struct firn_db_history_change *out, firn_error *err)
{
    int rc;
    *out = (struct firn_db_history_change){.record = *record};
    FIRN_TRY(check_deleted(history, record, err));
    if (record->kind == FIRN_DB_HISTORY_CREATE) {
        FIRN_TRY(prepare_create(history, out, err));
    } else if (record->kind == FIRN_DB_HISTORY_RESTORE) {
        FIRN_TRY(prepare_restore(history, out, err));
    }
out:
    if (rc != FIRN_OK) {
        firn_db_history_discard(out);
    }
    return rc;
}

void
firn_db_history_discard(struct firn_db_history_change *change)
{
    firn_free(change->added);
    firn_free(change->line);
    change->added = NULL;
    change->line = NULL;
}

/* ---- doing it ---- */

static void
delete_one(struct firn_db_history *history, const uint8_t *id)
{
    size_t i = place_of(history, id);
    struct firn_db_checkpoint *checkpoint = firn_db_history_at(history, i);
    struct firn_db_checkpoint **all = (void *)history->checkpoints.data;
    size_t behind = firn_db_history_count(history) - i - 1;
    memmove(all + i, all + i + 1, behind * sizeof(struct firn_db_checkpoint *));
    history->checkpoints.size -= sizeof(struct firn_db_checkpoint *);
    checkpoint->line->checkpoints--;
    release_line(history, checkpoint->line);
    firn_free(checkpoint);
}

static void
add_checkpoint(struct firn_db_history *history, struct firn_db_checkpoint *added, uint64_t sequence)
{
    struct firn_db_line *now = atomic_load_explicit(&history->now, memory_order_relaxed);
    added->line = now;
    added->sequence = sequence;
    now->checkpoints++;
    CHECK(firn_buf_append(&history->checkpoints, &added, sizeof(struct firn_db_checkpoint *)) ==
          FIRN_OK);
}

void
firn_db_history_apply(struct firn_db_history *history, struct firn_db_history_change *change)
{
    const struct firn_db_history_record *record = &change->record;
    if (record->kind == FIRN_DB_HISTORY_CREATE) {
        change->added->number = history->next_number++;
        add_checkpoint(history, change->added, record->sequence);
    } else if (record->kind == FIRN_DB_HISTORY_RESTORE) {
        add_checkpoint(history, change->added, record->sequence - 1);
        CHECK(firn_buf_append(&history->lines, &change->line, sizeof(struct firn_db_line *)) ==
              FIRN_OK);
        change->line->was_now = true;
        history->has_undo = true;
        memcpy(history->undo, record->safety, FIRN_DB_HISTORY_ID_SIZE);
        atomic_store_explicit(&history->now, change->line, memory_order_release);
    }
    for (size_t i = 0; i < record->deleted_count; i++) {
        delete_one(history, record->deleted + i * FIRN_DB_HISTORY_ID_SIZE);
    }
    history->sequence = record->sequence;
    change->added = NULL;
    change->line = NULL;
}
