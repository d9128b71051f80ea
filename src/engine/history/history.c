/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history.c: lines of history and the checkpoints on them, in memory.
 *
 * "Now" sees a set of intervals of sequences, almost always the single one [1, …). When commit r
 * restores checkpoint c, now becomes what c sees plus everything from r on. The commits between c
 * and r are seen only by the safety checkpoint that the restore creates, and by other checkpoints
 * of that time. Such a set, without an end, is a line. A checkpoint is a place on a line: a pointer
 * and a number, for a store of any size.
 *
 * Lines form a tree. The line that a restore begins has the line of c as its parent, c's sequence
 * as its fork, and its own sequences from r on. It shares what it sees below the fork with all
 * lines that came that way, so after ten thousand restores a line takes the same few bytes as after
 * one. A line has at most one interval for itself and one for each ancestor. The intervals are
 * built only for reads: of now, and of a line while snapshots are open on it.
 *
 * (I1) Each sequence belongs to at most one line: the one that was now when it was committed. A
 *      line's own sequences begin at `first`, which is its begin unless it was joined to its
 *      parent, and end before the next line's first.
 * (I2) A checkpoint's sequence is at least its line's begin; forks are sequences of checkpoints.
 * (I3) Checkpoints are in the order of their creation, so their sequences do not descend.
 * (I4) A line is freed when it is not now, and no checkpoint, snapshot or other line needs it. If
 *      only one line needs it, which continues right where it ends (as after a restore of what was
 *      just saved), the two become one.
 * (I5) Reads of now without the mutex do not count as snapshots. They use only the intervals of
 *      now, which are retired through the epoch; while now is the first line they use nothing.
 *
 * A change is made in two steps: prepare finds out whether it can be done and allocates memory;
 * apply cannot fail. Between them the change is written to the log.
 *
 * Limits: a line has at most 65,536 intervals, as after that many restores, each of a state that
 * came after the previous one; 2^20 checkpoints. Memory: 96 bytes a line and about 180 bytes a
 * checkpoint; for now, and for each line with open snapshots, up to 24 bytes an interval. This is
 * not part of the memory budget; firn_store_stats reports it. Finding a checkpoint by id, number or
 * name usually takes constant time.
 */
#include "history/history.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "codec/xxh3.h"

/* ==== finding checkpoints of a history ====
 *
 * Three chained hash tables contain the same checkpoints: by id, by number (except safety
 * checkpoints), and by name (if they have one). The links are in the checkpoints, so once there is
 * room, adding one needs no memory and cannot fail after its commit is in the log.
 *
 * There is room for as many checkpoints as there are buckets; it doubles. Ids are random, and
 * numbers are counted. Names, and the contents of a damaged or hostile MANIFEST, may collide in one
 * chain, which is then searched like a list.
 */

enum { BY_ID, BY_NUMBER, BY_NAME, BUCKETS_MIN = 16 };

/* ---- chains ---- */

static uint64_t
hash_of_name(firn_slice name)
{
    return fi_xxh3(name.data, name.size, BY_NAME);
}

/* False if the checkpoint is not in that table. */
static bool
hash_of(const struct fi_db_checkpoint *checkpoint, unsigned by, uint64_t *out)
{
    switch (by) {
    case BY_ID:
        *out = fi_load_le64(checkpoint->id);
        return true;
    case BY_NUMBER:
        *out = checkpoint->number;
        return checkpoint->number != 0;
    default:
        *out = hash_of_name(firn_str(checkpoint->name));
        return checkpoint->name[0] != '\0';
    }
}

static struct fi_db_checkpoint **
bucket_of(const struct fi_history *history, unsigned by, uint64_t hash)
{
    DCHECK(history->bucket_count > 0 && (history->bucket_count & (history->bucket_count - 1)) == 0);
    /* The ids of tests differ in any of their bytes. */
    uint64_t mixed = hash * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(mixed >> 32) & (history->bucket_count - 1);
    return &history->buckets[by * history->bucket_count + i];
}

static void
history_hang(struct fi_history *history, struct fi_db_checkpoint *checkpoint)
{
    for (unsigned by = 0; by < FI_HISTORY_CHAINS; by++) {
        uint64_t hash;
        if (hash_of(checkpoint, by, &hash)) {
            struct fi_db_checkpoint **bucket = bucket_of(history, by, hash);
            checkpoint->next[by] = *bucket;
            *bucket = checkpoint;
        }
    }
}

void
fi_history_find_add(struct fi_history *history, struct fi_db_checkpoint *checkpoint)
{
    CHECK(history->found_count < history->bucket_count);
    history->found_count++;
    history_hang(history, checkpoint);
}

static void
find_remove(struct fi_history *history, struct fi_db_checkpoint *checkpoint)
{
    for (unsigned by = 0; by < FI_HISTORY_CHAINS; by++) {
        uint64_t hash;
        if (!hash_of(checkpoint, by, &hash)) {
            continue;
        }
        struct fi_db_checkpoint **link = bucket_of(history, by, hash);
        while (*link != checkpoint) {
            CHECK(*link != NULL);
            link = &(*link)->next[by];
        }
        *link = checkpoint->next[by];
    }
    DCHECK(history->found_count > 0);
    history->found_count--;
}

int
fi_history_find_reserve(struct fi_history *history)
{
    DCHECK(history->found_count == fi_history_count(history));
    if (history->found_count < history->bucket_count) {
        return FIRN_OK;
    }
    size_t count = history->bucket_count == 0 ? BUCKETS_MIN : 2 * history->bucket_count;
    struct fi_db_checkpoint **buckets =
        fi_alloc_zeroed(FI_HISTORY_CHAINS * count * sizeof(struct fi_db_checkpoint *));
    if (buckets == NULL) {
        return FIRN_NO_MEMORY;
    }
    fi_free(history->buckets);
    history->buckets = buckets;
    history->bucket_count = count;
    /* The newest last, so that it is found first. */
    for (size_t i = 0; i < fi_history_count(history); i++) {
        history_hang(history, fi_history_at(history, i));
    }
    return FIRN_OK;
}

static void
find_deinit(struct fi_history *history)
{
    fi_free(history->buckets);
    history->buckets = NULL;
    history->bucket_count = 0;
    history->found_count = 0;
}

/* ---- lookup ---- */

static struct fi_db_checkpoint *
first_of(const struct fi_history *history, unsigned by, uint64_t hash)
{
    return history->bucket_count > 0 ? *bucket_of(history, by, hash) : NULL;
}

struct fi_db_checkpoint *
fi_history_find(const struct fi_history *history, const uint8_t id[FI_HISTORY_ID_SIZE])
{
    struct fi_db_checkpoint *at = first_of(history, BY_ID, fi_load_le64(id));
    while (at != NULL && memcmp(at->id, id, FI_HISTORY_ID_SIZE) != 0) {
        at = at->next[BY_ID];
    }
    return at;
}

struct fi_db_checkpoint *
fi_history_find_name(const struct fi_history *history, firn_slice name)
{
    DCHECK(name.size > 0);
    struct fi_db_checkpoint *at = first_of(history, BY_NAME, hash_of_name(name));
    while (at != NULL && !fi_slice_equal(firn_str(at->name), name)) {
        at = at->next[BY_NAME];
    }
    return at;
}

struct fi_db_checkpoint *
fi_history_find_number(const struct fi_history *history, uint64_t number)
{
    DCHECK(number != 0);
    struct fi_db_checkpoint *at = first_of(history, BY_NUMBER, number);
    while (at != NULL && at->number != number) {
        at = at->next[BY_NUMBER];
    }
    return at;
}

/* Sequences do not descend (I3), and few are equal. */
size_t
fi_history_find_place(const struct fi_history *history, const struct fi_db_checkpoint *checkpoint)
{
    size_t low = 0;
    size_t high = fi_history_count(history);
    FI_SEARCH_FIRST(low, high, middle,
                    fi_history_at(history, middle)->sequence < checkpoint->sequence);
    while (fi_history_at(history, low) != checkpoint) {
        low++;
    }
    return low;
}

/* ---- lookup ---- */

size_t
fi_history_count(const struct fi_history *history)
{
    return history->checkpoints.size / sizeof(struct fi_db_checkpoint *);
}

struct fi_db_checkpoint *
fi_history_at(const struct fi_history *history, size_t i)
{
    DCHECK(i < fi_history_count(history));
    return ((struct fi_db_checkpoint **)(void *)history->checkpoints.data)[i];
}

struct fi_snapshot
fi_history_snapshot_of(const struct fi_db_intervals *intervals, uint64_t sequence)
{
    static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
    static const struct fi_snapshot_interval nothing = {UINT64_MAX, UINT64_MAX};
    if (intervals != NULL) {
        uint64_t last = sequence > intervals->begin ? sequence : intervals->begin;
        return (struct fi_snapshot){intervals->intervals, intervals->count, last, intervals->guide};
    }
    return sequence > 0 ? (struct fi_snapshot){&everything, 1, sequence, NULL}
                        : (struct fi_snapshot){&nothing, 1, 0, NULL};
}

/* Whether it sees everything: the first line does, as long as nothing was joined to it. */
static bool
sees_everything(const struct fi_db_line *line)
{
    return line->begin <= 1;
}

struct fi_snapshot
fi_history_snapshot(const struct fi_db_line *line, uint64_t sequence)
{
    CHECK(line == NULL || line->intervals != NULL || sees_everything(line));
    return fi_history_snapshot_of(line != NULL ? line->intervals : NULL, sequence);
}

size_t
fi_history_line_count(const struct fi_history *history)
{
    return history->lines.size / sizeof(struct fi_db_line *);
}

static struct fi_db_line **
line_at(const struct fi_history *history, size_t i)
{
    return (struct fi_db_line **)(void *)history->lines.data + i;
}

struct fi_db_line *
fi_history_line(const struct fi_history *history, size_t i)
{
    DCHECK(i < fi_history_line_count(history));
    return *line_at(history, i);
}

/* ---- intervals ---- */

static struct fi_db_intervals *
make_intervals(const struct fi_db_line *line)
{
    size_t at = line->count;
    uint64_t last = UINT64_MAX;
    struct fi_db_intervals *made = fi_alloc_zeroed(sizeof *made + at * sizeof made->intervals[0] +
                                                   fi_snapshot_guide_size_bytes(line->count));
    if (made == NULL) {
        return NULL;
    }
    made->begin = line->begin;
    made->count = line->count;
    for (; line != NULL; line = line->parent) {
        if (line->parent == NULL || line->fork + 1 < line->first) {
            CHECK(at > 0);
            made->intervals[--at] = (struct fi_snapshot_interval){line->first, last};
            last = line->fork;
        }
    }
    CHECK(at == 0);
    if (fi_snapshot_guide_size_bytes(made->count) > 0) {
        made->guide = (void *)(made->intervals + made->count);
        fi_snapshot_guide_init(made->guide, made->intervals, made->count);
    }
    return made;
}

static void
release_intervals(struct fi_epoch_node *node)
{
    fi_free((char *)node - offsetof(struct fi_db_intervals, retired));
}

/* (I5) */
static void
retire_intervals(struct fi_history *history, struct fi_db_line *line)
{
    /* (I5) */
    DCHECK(line->snapshots == 0);
    DCHECK(line->intervals == NULL || atomic_load(&history->now_intervals) != line->intervals);
    if (line->intervals != NULL && history->epoch != NULL) {
        fi_epoch_retire(history->epoch, &line->intervals->retired, release_intervals);
        fi_epoch_reclaim(history->epoch);
    } else {
        fi_free(line->intervals);
    }
    line->intervals = NULL;
}

/* ---- lines ---- */

/* The number of intervals of a line with this parent, fork and first. */
static size_t
count_intervals(const struct fi_db_line *line)
{
    return line->parent == NULL ? 1 : line->parent->count + (line->fork + 1 < line->first);
}

static bool
is_unused(const struct fi_db_line *line)
{
    return line->checkpoints == 0 && line->snapshots == 0;
}

/* (I4) Joins a line to its parent if only this line needs the parent, and continues right where it
 *      ends. */
static void
join_parents(struct fi_db_line *line)
{
    struct fi_db_line *parent = line->parent;
    while (parent != NULL && is_unused(parent) && parent->children == 1 &&
           line->fork + 1 == line->first) {
        DCHECK(parent->first <= line->fork);
        line->first = parent->first;
        line->fork = parent->fork;
        line->parent = parent->parent; /* which loses one child and gets another */
        parent->parent = NULL;
        parent->children = 0;
        parent = line->parent;
    }
}

/* From the last line to the first, so that all that need a line are known when its turn comes. */
void
fi_history_release_lines(struct fi_history *history)
{
    size_t count = fi_history_line_count(history);
    size_t kept = count;
    DCHECK(history->now == NULL || history->now->snapshots > 0);
    for (size_t i = count; i-- > 0;) {
        struct fi_db_line *line = *line_at(history, i);
        if (is_unused(line) && line->children == 0) {
            DCHECK(line != history->now); /* (I4) */
            if (line->parent != NULL) {
                DCHECK(line->parent->children > 0);
                line->parent->children--;
            }
            fi_free(line->intervals);
            fi_free(line);
        } else {
            join_parents(line);
            *line_at(history, --kept) = line;
        }
    }
    if (kept > 0) {
        memmove(line_at(history, 0), line_at(history, kept),
                (count - kept) * sizeof(struct fi_db_line *));
        history->lines.size = (count - kept) * sizeof(struct fi_db_line *);
    }
}

static void
release_line(struct fi_history *history, const struct fi_db_line *line)
{
    if (is_unused(line) && line->children <= 1) {
        fi_history_release_lines(history);
    }
}

int
fi_history_ref(struct fi_db_line *line, firn_error *err)
{
    DCHECK(line->snapshots == 0 || line->intervals != NULL || sees_everything(line));
    if (line->intervals == NULL && !sees_everything(line)) {
        line->intervals = make_intervals(line);
        if (line->intervals == NULL) {
            return fi_error_no_memory(err, "a snapshot");
        }
    }
    line->snapshots++;
    return FIRN_OK;
}

void
fi_history_unref(struct fi_history *history, struct fi_db_line *line)
{
    CHECK(line->snapshots > 0);
    line->snapshots--;
    if (line->snapshots == 0) {
        retire_intervals(history, line);
    }
    release_line(history, line);
}

/* Whether a line may follow the existing ones (I1). */
static bool
may_follow(const struct fi_history *history, const struct fi_db_line *line)
{
    size_t count = fi_history_line_count(history);
    const struct fi_db_line *parent = line->parent;
    bool is_last = count == 0 || fi_history_line(history, count - 1)->begin < line->first;
    return is_last && line->first <= line->begin &&
           (parent == NULL ? line->first == 1
                           : parent->first <= line->fork && line->fork < line->first);
}

int
fi_history_add_line(struct fi_history *history, const struct fi_db_line *line, firn_error *err)
{
    DCHECK(may_follow(history, line));
    struct fi_db_line *added = fi_alloc(sizeof *added);
    if (added == NULL ||
        fi_buf_append(&history->lines, &added, sizeof(struct fi_db_line *)) != FIRN_OK) {
        fi_free(added);
        return fi_error_no_memory(err, "the history of a store");
    }
    *added = *line;
    added->count = count_intervals(line);
    if (added->parent != NULL) {
        added->parent->children++;
    }
    return FIRN_OK;
}

int
fi_history_begin_now(struct fi_history *history, struct fi_db_line *line, firn_error *err)
{
    DCHECK(history->now == NULL);
    int rc = fi_history_ref(line, err);
    if (rc == FIRN_OK) {
        history->now = line;
        atomic_init(&history->now_intervals, line->intervals);
    }
    return rc;
}

/* ---- memory ---- */

uint64_t
fi_history_memory_bytes(const struct fi_history *history)
{
    uint64_t bytes = history->bucket_count * FI_HISTORY_CHAINS * sizeof(struct fi_db_checkpoint *);
    for (size_t i = 0; i < fi_history_count(history); i++) {
        bytes += sizeof(struct fi_db_checkpoint *) + sizeof(struct fi_db_checkpoint) +
                 strlen(fi_history_at(history, i)->name) + 1;
    }
    for (size_t i = 0; i < fi_history_line_count(history); i++) {
        const struct fi_db_line *line = fi_history_line(history, i);
        bytes += sizeof(struct fi_db_line *) + sizeof *line;
        if (line->intervals != NULL) {
            bytes += sizeof *line->intervals + line->count * sizeof line->intervals->intervals[0] +
                     fi_snapshot_guide_size_bytes(line->count);
        }
    }
    return bytes;
}

/* ---- beginning and end ---- */

int
fi_history_init(struct fi_history *history, firn_error *err)
{
    const struct fi_db_line line = {.first = 1, .begin = 1};
    *history = (struct fi_history){.next_number = 1};
    atomic_init(&history->now_intervals, NULL);
    int rc = fi_history_add_line(history, &line, err);
    return rc != FIRN_OK ? rc : fi_history_begin_now(history, fi_history_line(history, 0), err);
}

void
fi_history_deinit(struct fi_history *history)
{
    for (size_t i = 0; i < fi_history_count(history); i++) {
        fi_free(fi_history_at(history, i));
    }
    for (size_t i = 0; i < fi_history_line_count(history); i++) {
        fi_free((*line_at(history, i))->intervals);
        fi_free(*line_at(history, i));
    }
    find_deinit(history);
    fi_buf_deinit(&history->checkpoints);
    fi_buf_deinit(&history->lines);
    history->now = NULL;
    atomic_init(&history->now_intervals, NULL);
}

/* ---- preparing changes ---- */

static struct fi_db_checkpoint *
make_checkpoint(const uint8_t *id, const struct fi_history_record *record, firn_slice name)
{
    struct fi_db_checkpoint *checkpoint = fi_alloc_zeroed(sizeof *checkpoint + name.size + 1);
    if (checkpoint != NULL) {
        memcpy(checkpoint->id, id, FI_HISTORY_ID_SIZE);
        checkpoint->created_ns = record->created_ns;
        if (name.size > 0) {
            memcpy(checkpoint->name, name.data, name.size);
        }
    }
    return checkpoint;
}

/* Makes room for one more checkpoint and line. */
static int
history_reserve(struct fi_history *history, firn_error *err)
{
    if (fi_history_count(history) >= FI_HISTORY_CHECKPOINTS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "there are %d checkpoints: no more are allowed",
                            FI_HISTORY_CHECKPOINTS_MAX);
    }
    if (fi_buf_reserve(&history->checkpoints, sizeof(struct fi_db_checkpoint *)) != FIRN_OK ||
        fi_buf_reserve(&history->lines, sizeof(struct fi_db_line *)) != FIRN_OK ||
        fi_history_find_reserve(history) != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint");
    }
    return FIRN_OK;
}

static int
refuse_taken(const struct fi_history *history, const uint8_t *id, firn_error *err)
{
    return fi_history_find(history, id) == NULL
               ? FIRN_OK
               : fi_error_set(err, FIRN_EXISTS, "there is a checkpoint with that id already");
}

static int
prepare_create(struct fi_history *history, struct fi_history_change *change, firn_error *err)
{
    const struct fi_history_record *record = &change->record;
    if (record->name.size > FI_HISTORY_NAME_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the name of a checkpoint has %zu bytes; at most %d are allowed",
                            record->name.size, FI_HISTORY_NAME_SIZE_MAX);
    }
    FI_TRY_RETURN(history_reserve(history, err));
    FI_TRY_RETURN(refuse_taken(history, record->id, err));
    change->added = make_checkpoint(record->id, record, record->name);
    if (change->added == NULL) {
        return fi_error_no_memory(err, "a checkpoint");
    }
    if (record->name.size > 0 && fi_history_find_name(history, record->name) != NULL) {
        return fi_error_set(err, FIRN_EXISTS, "there is a checkpoint '%s' already",
                            change->added->name);
    }
    return FIRN_OK;
}

/* A line of what a checkpoint sees, plus everything from begin on. */
static struct fi_db_line *
continue_line(const struct fi_db_checkpoint *checkpoint, uint64_t begin)
{
    DCHECK(checkpoint->sequence >= checkpoint->line->begin &&
           checkpoint->sequence < begin); /* (I2) */
    struct fi_db_line *line = fi_alloc_zeroed(sizeof *line);
    if (line != NULL) {
        line->parent = checkpoint->line;
        line->fork = checkpoint->sequence;
        line->first = begin;
        line->begin = begin;
        line->count = count_intervals(line);
        line->intervals = make_intervals(line);
    }
    return line;
}

static int
prepare_restore(struct fi_history *history, struct fi_history_change *change, firn_error *err)
{
    const struct fi_history_record *record = &change->record;
    const struct fi_db_checkpoint *target = fi_history_find(history, record->id);
    if (target == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no such checkpoint");
    }
    if (target->line->count >= FI_HISTORY_INTERVALS_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the checkpoint was made after a chain of %d restores; a chain "
                            "cannot be longer",
                            FI_HISTORY_INTERVALS_MAX);
    }
    FI_TRY_RETURN(history_reserve(history, err));
    FI_TRY_RETURN(refuse_taken(history, record->safety, err));
    change->added = make_checkpoint(record->safety, record, firn_bytes(NULL, 0));
    change->line = continue_line(target, record->sequence);
    if (change->added == NULL || change->line == NULL || change->line->intervals == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    memcpy(change->added->restored, record->id, FI_HISTORY_ID_SIZE);
    return FIRN_OK;
}

/* Checks that all exist, and none is named twice: those found so far are marked. */
static int
mark_deleted(const struct fi_history *history, const struct fi_history_record *record,
             size_t *out_marked, firn_error *err)
{
    for (size_t *i = out_marked; *i < record->deleted_count; ++*i) {
        struct fi_db_checkpoint *checkpoint =
            fi_history_find(history, record->deleted + *i * FI_HISTORY_ID_SIZE);
        if (checkpoint == NULL) {
            return fi_error_set(err, FIRN_NOT_FOUND, "there is no such checkpoint");
        }
        if (checkpoint->is_leaving) {
            return fi_error_set(err, FIRN_INVALID, "a checkpoint is deleted twice");
        }
        checkpoint->is_leaving = true;
    }
    return FIRN_OK;
}

static int
check_deleted(const struct fi_history *history, const struct fi_history_record *record,
              firn_error *err)
{
    size_t marked = 0;
    int rc = mark_deleted(history, record, &marked, err);
    for (size_t i = 0; i < marked; i++) {
        const uint8_t *id = record->deleted + i * FI_HISTORY_ID_SIZE;
        fi_history_find(history, id)->is_leaving = false;
    }
    return rc;
}

int
fi_history_prepare(struct fi_history *history, const struct fi_history_record *record,
                   struct fi_history_change *out, firn_error *err)
{
    int rc;
    *out = (struct fi_history_change){.record = *record};
    FI_TRY(check_deleted(history, record, err));
    if (record->kind == FI_HISTORY_CREATE) {
        FI_TRY(prepare_create(history, out, err));
    } else if (record->kind == FI_HISTORY_RESTORE) {
        FI_TRY(prepare_restore(history, out, err));
    }
out:
    if (rc != FIRN_OK) {
        fi_history_discard(out);
    }
    return rc;
}

void
fi_history_discard(struct fi_history_change *change)
{
    fi_free(change->added);
    if (change->line != NULL) {
        fi_free(change->line->intervals);
        fi_free(change->line);
    }
    change->added = NULL;
    change->line = NULL;
}

/* ---- applying changes ---- */

/* One pass over all, however many are deleted. */
static void
delete_all(struct fi_history *history, const struct fi_history_record *record)
{
    struct fi_db_checkpoint **all = (void *)history->checkpoints.data;
    size_t count = fi_history_count(history);
    size_t kept = 0;
    for (size_t i = 0; i < record->deleted_count; i++) {
        const uint8_t *id = record->deleted + i * FI_HISTORY_ID_SIZE;
        fi_history_find(history, id)->is_leaving = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct fi_db_checkpoint *checkpoint = all[i];
        if (!checkpoint->is_leaving) {
            all[kept++] = checkpoint;
            continue;
        }
        find_remove(history, checkpoint);
        CHECK(checkpoint->line->checkpoints > 0);
        checkpoint->line->checkpoints--;
        fi_free(checkpoint);
    }
    history->checkpoints.size = kept * sizeof(struct fi_db_checkpoint *);
}

static void
add_checkpoint(struct fi_history *history, struct fi_db_checkpoint *added, uint64_t sequence)
{
    size_t count = fi_history_count(history);
    CHECK(sequence >= history->now->begin);                                       /* (I2) */
    CHECK(count == 0 || fi_history_at(history, count - 1)->sequence <= sequence); /* (I3) */
    added->line = history->now;
    added->sequence = sequence;
    added->line->checkpoints++;
    CHECK(fi_buf_append(&history->checkpoints, &added, sizeof(struct fi_db_checkpoint *)) ==
          FIRN_OK);
    fi_history_find_add(history, added);
}

/* Makes a line now. The previous one has the safety checkpoint. */
static void
begin_line(struct fi_history *history, struct fi_db_line *line)
{
    struct fi_db_line *before = history->now;
    DCHECK(may_follow(history, line) && before != line);
    CHECK(fi_buf_append(&history->lines, &line, sizeof(struct fi_db_line *)) == FIRN_OK);
    line->parent->children++;
    line->snapshots = 1;
    history->now = line;
    /* Before the old intervals are retired; pairs with the loads in db_snapshot.c. */
    atomic_store_explicit(&history->now_intervals, line->intervals, memory_order_seq_cst);
    fi_history_unref(history, before);
}

void
fi_history_apply(struct fi_history *history, struct fi_history_change *change)
{
    const struct fi_history_record *record = &change->record;
    DCHECK(record->sequence > history->sequence);
    DCHECK((change->added != NULL) == (record->kind != FI_HISTORY_DELETE));
    if (record->kind == FI_HISTORY_CREATE) {
        change->added->number = history->next_number++;
        add_checkpoint(history, change->added, record->sequence);
    } else if (record->kind == FI_HISTORY_RESTORE) {
        add_checkpoint(history, change->added, record->sequence - 1);
        begin_line(history, change->line);
        history->has_undo = true;
        memcpy(history->undo, record->safety, FI_HISTORY_ID_SIZE);
    }
    if (record->deleted_count > 0) {
        delete_all(history, record);
        fi_history_release_lines(history);
    }
    history->sequence = record->sequence;
    change->added = NULL;
    change->line = NULL;
}
