/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_stream.c: what a flush or a compaction keeps, version by version.
 *
 * The versions of a key come newest first from the merge, the range deletes that cover it from the
 * sweep of merge_ranges.c. Both are shown to the rule in the order of their sequences, and the rule
 * says for each whether some snapshot needs it. (A version and a range delete with the same
 * sequence are of one commit: the range covers only older versions, so the version comes first.)
 *
 * At the bottom of the tree a tombstone is needed only to hide an older version that is kept. So a
 * tombstone that the rule needs is held back until an older put is kept, and then returned before
 * it; tombstones still held back at the end of the key are dropped. Likewise a range delete that
 * the rule needs is marked in the sweep when an older version is kept. Only sequences are held
 * back, at most one for each segment of the rule: the key is that of the following versions.
 * Tombstones that are kept for open transactions are returned like puts; none that is held back is
 * newer. Now does not read what held-back tombstones hide, and they hide nothing else: both go to
 * history together, and reads of now do not step over them.
 *
 * Merge operands are folded with the version right below them if the same snapshots see both, that
 * is, if both are in the same segment of the rule. Operands of one operation become one operand.
 * With a put below they become a put; with a tombstone, a range delete, or nothing below (at the
 * bottom), a put of their own result. The result has the sequence of the newest of them, which the
 * same snapshots see.
 * (I1) Folding changes no snapshot's reads: each snapshot sees either all or none of the folded
 *      versions, and no version that it sees lies between them.
 * A fold ends at FOLD_BYTES_MAX, so a value to which much is appended stays in pieces. So does one
 * in a value file, which is not read for this. Reads join the pieces.
 *
 * History. Each version is returned with its place (version.h). Now reads the newest version that
 * it sees; if that is an operand, all down to the first that is not. A version belongs to history
 * if now does not see it, or sees a newer one that is not an operand. That newer version need not
 * be kept: a snapshot that sees it sees what was kept in its place.
 *
 * Operands are folded only with the version right below them in the whole tree. If history runs
 * that are not inputs may have a version in between, they are not folded.
 *
 * A put that has expired for every snapshot that sees it is a tombstone, and is written as one.
 *
 * A stretch of entries of one run can be kept as a batch, without a look at each, if no input has
 * range deletes, each entry is a put and the only version of its key in all inputs, and now sees
 * all of them. Then the rule needs each, and its place is in the levels.
 *
 * A mark is set only after its entry has been used: the output may be cut at the entry, and then
 * the mark belongs after the cut.
 */
#include "merge/merge.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "merge/merge_internal.h"

enum { FOLD_BYTES_MAX = 1 << 20 };

enum state {
    BEFORE_BEGIN,
    IN_VERSIONS, /* the merge is on a version that has not been looked at */
    IN_HELD,     /* a version is kept; held tombstones go first */
    GIVEN,       /* the entry returned last was kept */
    AT_END
};

/* Sequences, newest first, at most one a segment of the rule. */
struct list {
    uint64_t *sequences;
    size_t count;
};

/* The same of tombstones, with their places. */
struct held_list {
    struct held {
        uint64_t sequence;
        struct fi_compaction_place place;
    } * items;
    size_t count;
};

struct fi_merge_stream {
    struct fi_merge *merge;
    const struct fi_step *step;
    struct fi_merge_rule *rule;
    struct fi_merge_ranges *ranges;
    enum state state;
    struct fi_entry entry;                 /* the one returned last */
    struct fi_entry kept;                  /* in states IN_HELD and GIVEN */
    struct fi_compaction_place place;      /* of entry */
    struct fi_compaction_place kept_place; /* of kept */
    const struct fi_compaction_between *between;
    size_t between_count;
    bool is_ahead;   /* the merge is after the kept version, else on it */
    bool has_ranges; /* some input has */
    uint64_t dropped;
    uint64_t tombstones_kept_from;
    struct fi_merge_fold fold;
    struct fi_buf folded; /* its value */
    /* Of the current key. */
    struct fi_buf key;
    bool has_key;
    bool is_bottom;
    bool has_given; /* an entry of it before the last one */
    bool may_cut;
    uint64_t hidden_by;     /* the oldest version so far that now sees, not an operand; 0: none */
    uint64_t last_sequence; /* of the last version of the key that was looked at */
    struct held_list held;
    size_t held_given;    /* of these */
    size_t ranges_shown;  /* to the rule */
    struct list covering; /* range deletes that the rule needs, and that are not marked yet */
    struct list marks;    /* to be set before the next move */
};

/* ---- the current key ---- */

static void
merge_stream_push(struct list *list, uint64_t sequence)
{
    list->sequences[list->count++] = sequence;
}

static int
begin_key(struct fi_merge_stream *stream, firn_slice key, firn_error *err)
{
    if (fi_buf_assign(&stream->key, key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a compaction");
    }
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    stream->covering.count = 0;
    stream->ranges_shown = 0;
    stream->hidden_by = 0;
    stream->has_key = true;
    stream->has_given = false;
    int rc = fi_merge_ranges_advance(stream->ranges, &key, err);
    stream->is_bottom = fi_merge_ranges_is_bottom(stream->ranges);
    fi_merge_rule_begin_key(stream->rule);
    return rc;
}

/* The place of the next version. */
static struct fi_compaction_place
place_of(const struct fi_merge_stream *stream, uint64_t sequence)
{
    bool is_seen = fi_merge_rule_now_sees(stream->rule, sequence);
    return (struct fi_compaction_place){!is_seen || stream->hidden_by != 0,
                                        is_seen ? stream->hidden_by : 0};
}

/* That version hides older ones from the snapshots that see it. */
static void
note_hiding(struct fi_merge_stream *stream, uint64_t sequence)
{
    if (fi_merge_rule_now_sees(stream->rule, sequence)) {
        stream->hidden_by = sequence;
    }
}

/* Shows the rule the range deletes that are newer than a version. */
static void
show_ranges(struct fi_merge_stream *stream, uint64_t sequence)
{
    size_t count;
    const uint64_t *ranges = fi_merge_ranges_sequences(stream->ranges, &count);
    while (stream->ranges_shown < count && ranges[stream->ranges_shown] > sequence) {
        uint64_t range = ranges[stream->ranges_shown++];
        note_hiding(stream, range);
        if (fi_merge_rule_needs(stream->rule, range)) {
            DCHECK(stream->covering.count < fi_merge_rule_segment_count(stream->rule));
            merge_stream_push(&stream->covering, range);
        }
    }
}

/* Whether a version deletes its key for all snapshots that see it. */
static bool
is_tombstone(const struct fi_merge_stream *stream, const struct fi_entry *entry)
{
    return entry->kind == FI_ENTRY_DELETE ||
           (entry->kind == FI_ENTRY_EXPIRING &&
            fi_entry_expires_ms(entry->value) <=
                fi_merge_rule_time_ms(stream->rule, entry->sequence));
}

/* Whether the merge's version is to be returned; else it is dropped or held. */
static bool
decide(struct fi_merge_stream *stream, const struct fi_entry *entry)
{
    show_ranges(stream, entry->sequence);
    stream->kept_place = place_of(stream, entry->sequence);
    note_hiding(stream, entry->sequence);
    if (!fi_merge_rule_needs(stream->rule, entry->sequence)) {
        stream->dropped++;
        return false;
    }
    if (stream->is_bottom && is_tombstone(stream, entry) &&
        !fi_snapshot_list_keeps_tombstone(stream->tombstones_kept_from, entry->sequence)) {
        CHECK(stream->held.count < fi_merge_rule_segment_count(stream->rule));
        stream->held.items[stream->held.count++] =
            (struct held){entry->sequence, stream->kept_place};
        return false;
    }
    return true;
}

/* ---- returning entries ---- */

static void
merge_stream_give(struct fi_merge_stream *stream, const struct fi_entry *entry,
                  struct fi_compaction_place place)
{
    stream->entry = *entry;
    stream->place = place;
    stream->may_cut = !stream->has_given;
    stream->has_given = true;
}

/* The place of a tombstone that hides only versions in history: history, hidden by itself. */
static struct fi_compaction_place
hiding_place(const struct held *held)
{
    return held->place.is_history ? held->place
                                  : (struct fi_compaction_place){true, held->sequence};
}

/* Returns the next of the held tombstones, or else the kept version. */
static void
give_next_held(struct fi_merge_stream *stream)
{
    DCHECK(stream->held_given <= stream->held.count);
    struct fi_entry entry = stream->kept;
    struct fi_compaction_place place = stream->kept_place;
    stream->state = IN_HELD;
    if (stream->held_given == stream->held.count) {
        stream->held.count = 0;
        stream->state = GIVEN;
    } else {
        entry.kind = FI_ENTRY_DELETE;
        entry.value = firn_bytes(NULL, 0);
        entry.values = NULL;
        entry.sequence = stream->held.items[stream->held_given].sequence;
        place = hiding_place(&stream->held.items[stream->held_given++]);
    }
    merge_stream_give(stream, &entry, place);
}

static void
give_kept(struct fi_merge_stream *stream, const struct fi_entry *kept, bool is_ahead)
{
    DCHECK(stream->marks.count == 0 && stream->state == IN_VERSIONS);
    stream->kept = *kept;
    stream->is_ahead = is_ahead;
    if (stream->is_bottom) {
        for (size_t i = 0; i < stream->covering.count; i++) {
            merge_stream_push(&stream->marks, stream->covering.sequences[i]);
        }
        stream->covering.count = 0;
    }
    stream->held_given = 0;
    give_next_held(stream);
}

static int
set_marks(struct fi_merge_stream *stream, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < stream->marks.count && rc == FIRN_OK; i++) {
        rc = fi_merge_ranges_mark(stream->ranges, stream->marks.sequences[i],
                                  fi_buf_slice(&stream->key), err);
    }
    stream->marks.count = 0;
    return rc;
}

static int
merge_stream_end(struct fi_merge_stream *stream, firn_error *err)
{
    DCHECK(fi_merge_entry(stream->merge) == NULL && stream->state == IN_VERSIONS);
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    stream->state = AT_END;
    stream->may_cut = false;
    return fi_merge_ranges_advance(stream->ranges, NULL, err);
}

/* Returns the merge's version. */
static void
give_version(struct fi_merge_stream *stream)
{
    struct fi_entry entry = *fi_merge_entry(stream->merge);
    if (entry.kind == FI_ENTRY_EXPIRING && is_tombstone(stream, &entry)) {
        entry.kind = FI_ENTRY_DELETE;
        entry.value = firn_bytes(NULL, 0);
        entry.values = NULL;
    }
    give_kept(stream, &entry, false);
}

/* ---- merge operands ---- */

enum below {
    BELOW_NOTHING, /* no value is below the operands */
    BELOW_OPERAND, /* the merge is on one that can be folded with them */
    BELOW_VALUE,   /* likewise a put */
    BELOW_TOMBSTONE,
    BELOW_OTHERS /* a version that other snapshots see, or that is not folded */
};

static bool
is_same_segment(const struct fi_merge_stream *stream, uint64_t a, uint64_t b)
{
    return fi_merge_rule_segment(stream->rule, a) == fi_merge_rule_segment(stream->rule, b);
}

/* The newest range delete that the rule has not been shown: older than the operands. 0: none. */
static uint64_t
next_range(const struct fi_merge_stream *stream)
{
    size_t count;
    const uint64_t *ranges = fi_merge_ranges_sequences(stream->ranges, &count);
    return stream->ranges_shown < count ? ranges[stream->ranges_shown] : 0;
}

/* Whether there is no newer version of the key outside of the inputs than that one. */
static bool
is_right_below(const struct fi_merge_stream *stream, uint64_t sequence)
{
    for (size_t i = 0; i < stream->between_count; i++) {
        const struct fi_compaction_between *between = &stream->between[i];
        if (between->sequence_max > sequence &&
            fi_slice_compare(between->span.lower, fi_buf_slice(&stream->key)) <= 0 &&
            fi_slice_compare(fi_buf_slice(&stream->key), between->span.upper) < 0) {
            return false;
        }
    }
    return true;
}

/* What is below the operands so far, the newest of which has that sequence. */
static enum below
inspect_below(const struct fi_merge_stream *stream, uint64_t newest)
{
    const struct fi_entry *entry = fi_merge_entry(stream->merge);
    bool is_over = entry == NULL || !fi_slice_equal(entry->key, fi_buf_slice(&stream->key));
    uint64_t range = next_range(stream);
    if (range != 0 && (is_over || range > entry->sequence)) {
        bool is_hidden =
            (is_same_segment(stream, newest, range) && is_right_below(stream, range)) ||
            (is_over && stream->is_bottom);
        return is_hidden ? BELOW_NOTHING : BELOW_OTHERS;
    }
    if (is_over) {
        return stream->is_bottom ? BELOW_NOTHING : BELOW_OTHERS;
    }
    if (!is_same_segment(stream, newest, entry->sequence) ||
        !is_right_below(stream, entry->sequence)) {
        return BELOW_OTHERS;
    }
    if (is_tombstone(stream, entry)) {
        return BELOW_TOMBSTONE;
    }
    if (entry->kind == FI_ENTRY_MERGE) {
        return fi_merge_fold_joins(&stream->fold, entry->value, FOLD_BYTES_MAX) ? BELOW_OPERAND
                                                                                : BELOW_OTHERS;
    }
    bool is_small = entry->value.size <= FOLD_BYTES_MAX &&
                    fi_merge_fold_size_bytes(&stream->fold) <= FOLD_BYTES_MAX - entry->value.size;
    bool is_here = entry->kind == FI_ENTRY_PUT && entry->values == NULL;
    return is_here && is_small ? BELOW_VALUE : BELOW_OTHERS;
}

/* Gathers operands from the merge's current one on; leaves the merge on what is below them. */
static int
merge_stream_gather(struct fi_merge_stream *stream, uint64_t newest, enum below *out,
                    firn_error *err)
{
    fi_merge_fold_clear(&stream->fold);
    do {
        FI_TRY_RETURN(fi_merge_fold_push(&stream->fold, fi_merge_entry(stream->merge)->value, err));
        FI_TRY_RETURN(fi_merge_next(stream->merge, err));
        *out = inspect_below(stream, newest);
        stream->dropped += *out == BELOW_OPERAND;
    } while (*out == BELOW_OPERAND);
    return FIRN_OK;
}

/* Returns the result of folding a needed operand with what is below it. */
static int
give_operands(struct fi_merge_stream *stream, firn_error *err)
{
    enum below below;
    struct fi_entry kept = *fi_merge_entry(stream->merge);
    DCHECK(kept.kind == FI_ENTRY_MERGE && stream->has_key);
    kept.key = fi_buf_slice(&stream->key);
    FI_TRY_RETURN(merge_stream_gather(stream, kept.sequence, &below, err));
    if (below == BELOW_OTHERS) {
        FI_TRY_RETURN(fi_merge_fold_operand(&stream->fold, &stream->folded, err));
    } else {
        const firn_slice *base =
            below == BELOW_VALUE ? &fi_merge_entry(stream->merge)->value : NULL;
        kept.kind = FI_ENTRY_PUT;
        FI_TRY_RETURN(fi_merge_fold_apply(&stream->fold, base, &stream->folded, err));
        /* It hides what is older, as any put. */
        (void)fi_merge_rule_needs(stream->rule, kept.sequence);
        note_hiding(stream, kept.sequence);
    }
    if (below == BELOW_VALUE || below == BELOW_TOMBSTONE) {
        /* (I1) */
        DCHECK(is_same_segment(stream, kept.sequence, fi_merge_entry(stream->merge)->sequence));
        stream->dropped++;
        FI_TRY_RETURN(fi_merge_next(stream->merge, err));
    }
    kept.value = fi_buf_slice(&stream->folded);
    give_kept(stream, &kept, true);
    return FIRN_OK;
}

/* The same for an operand that may not be needed; *out_is_given is false if it was dropped. */
static int
take_operand(struct fi_merge_stream *stream, bool *out_is_given, firn_error *err)
{
    uint64_t sequence = fi_merge_entry(stream->merge)->sequence;
    show_ranges(stream, sequence);
    stream->kept_place = place_of(stream, sequence);
    *out_is_given = fi_merge_rule_needs_operand(stream->rule, sequence);
    if (*out_is_given) {
        return give_operands(stream, err);
    }
    stream->dropped++;
    return FIRN_OK;
}

/* ---- the walk ---- */

/* Looks at the merge's version. */
static int
take_version(struct fi_merge_stream *stream, bool *out_is_given, firn_error *err)
{
    const struct fi_entry *entry = fi_merge_entry(stream->merge);
    if (entry->kind == FI_ENTRY_MERGE) {
        return take_operand(stream, out_is_given, err);
    }
    *out_is_given = decide(stream, entry);
    if (*out_is_given) {
        give_version(stream);
    }
    return FIRN_OK;
}

/* Before a version is looked at: checks that it comes after the one before, as in every sound
 * run. */
static int
take_up(struct fi_merge_stream *stream, const struct fi_entry *entry, firn_error *err)
{
    int order = stream->has_key ? fi_slice_compare(entry->key, fi_buf_slice(&stream->key)) : 1;
    if (order < 0 || (order == 0 && entry->sequence > stream->last_sequence)) {
        return fi_error_set(err, FIRN_CORRUPT, "entries of a sorted file are not in order");
    }
    stream->last_sequence = entry->sequence;
    return order > 0 ? begin_key(stream, entry->key, err) : FIRN_OK;
}

/* Looks at versions until one is given, or at the end. */
static int
find_kept(struct fi_merge_stream *stream, firn_error *err)
{
    const struct fi_entry *entry;
    while ((entry = fi_merge_entry(stream->merge)) != NULL) {
        int rc = fi_step_report(stream->step, 0, entry->key.size + entry->value.size, err);
        rc = rc == FIRN_OK ? take_up(stream, entry, err) : rc;
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_given;
        rc = take_version(stream, &is_given, err);
        if (rc != FIRN_OK || is_given) {
            return rc;
        }
        rc = fi_merge_next(stream->merge, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return merge_stream_end(stream, err);
}

int
fi_merge_stream_next(struct fi_merge_stream *stream, const struct fi_entry **out, firn_error *err)
{
    DCHECK(stream->state != IN_VERSIONS); /* after an error */
    *out = NULL;
    FI_TRY_RETURN(set_marks(stream, err));
    switch (stream->state) {
    case BEFORE_BEGIN:
        FI_TRY_RETURN(fi_merge_first(stream->merge, err));
        stream->state = IN_VERSIONS;
        FI_TRY_RETURN(find_kept(stream, err));
        break;
    case IN_HELD:
        give_next_held(stream);
        break;
    case GIVEN:
        FI_TRY_RETURN(stream->is_ahead ? FIRN_OK : fi_merge_next(stream->merge, err));
        stream->state = IN_VERSIONS;
        FI_TRY_RETURN(find_kept(stream, err));
        break;
    case IN_VERSIONS:
    case AT_END:
        break;
    }
    *out = stream->state == AT_END ? NULL : &stream->entry;
    return FIRN_OK;
}

/* ---- stretches ---- */

/* Moves on from the entry returned last; NULL: that was the last, or its key has older versions. */
static int
go_ahead(struct fi_merge_stream *stream, const struct fi_entry **out, firn_error *err)
{
    DCHECK(stream->state == GIVEN && stream->marks.count == 0);
    if (!stream->is_ahead) {
        FI_TRY_RETURN(fi_merge_next(stream->merge, err));
        stream->is_ahead = true;
    }
    *out = fi_merge_entry(stream->merge);
    if (*out != NULL && fi_slice_compare((*out)->key, fi_buf_slice(&stream->key)) <= 0) {
        *out = NULL; /* next reports what is wrong, if anything is */
    }
    return FIRN_OK;
}

int
fi_merge_stream_batch(struct fi_merge_stream *stream, const struct fi_run_kind *kind,
                      const struct fi_snapshot *now, uint64_t max, struct fi_run_batch *out,
                      firn_error *err)
{
    const struct fi_entry *entry;
    *out = (struct fi_run_batch){.count = 0};
    if (stream->has_ranges || stream->state != GIVEN) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(go_ahead(stream, &entry, err));
    if (entry == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_merge_batch(stream->merge, kind, max, out, err));
    if (out->count == 0 || !fi_snapshot_sees_all(now, out->sequence_min, out->sequence_max)) {
        out->count = 0;
        return FIRN_OK;
    }
    DCHECK(stream->covering.count == 0 && stream->ranges_shown == 0);
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    if (fi_buf_assign(&stream->key, out->last_key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a compaction");
    }
    stream->last_sequence = 0; /* nothing more of that key may come */
    return fi_step_report(stream->step, 0, out->content_bytes, err);
}

int
fi_merge_stream_batch_taken(struct fi_merge_stream *stream, firn_error *err)
{
    DCHECK(stream->state == GIVEN && stream->is_ahead);
    return fi_merge_batch_taken(stream->merge, err);
}

struct fi_compaction_place
fi_merge_stream_place(const struct fi_merge_stream *stream)
{
    DCHECK(stream->state == IN_HELD || stream->state == GIVEN);
    return stream->place;
}

bool
fi_merge_stream_may_cut(const struct fi_merge_stream *stream)
{
    return stream->may_cut;
}

int
fi_merge_stream_cut(struct fi_merge_stream *stream, fi_merge_stream_add add, void *ctx,
                    firn_error *err)
{
    if (stream->state == AT_END) {
        return fi_merge_ranges_cut(stream->ranges, NULL, add, ctx, err);
    }
    CHECK(stream->may_cut);
    return fi_merge_ranges_cut(stream->ranges, &stream->entry.key, add, ctx, err);
}

uint64_t
fi_merge_stream_dropped(const struct fi_merge_stream *stream)
{
    return stream->dropped;
}

/* ---- making ---- */

int
fi_merge_stream_create(const struct fi_merge_stream_options *options, struct fi_merge_stream **out,
                       firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    size_t segments = fi_merge_rule_segment_count(options->rule);
    struct fi_merge_stream *stream = fi_alloc_zeroed(sizeof *stream);
    if (stream == NULL) {
        return fi_error_no_memory(err, "a compaction");
    }
    stream->merge = options->merge;
    stream->step = options->step;
    stream->rule = options->rule;
    stream->between = options->between;
    stream->between_count = options->between_count;
    stream->tombstones_kept_from = options->tombstones_kept_from;
    for (size_t i = 0; i < options->range_set_count; i++) {
        stream->has_ranges |= !fi_range_set_is_empty(options->ranges[i]);
    }
    stream->held.items = fi_alloc_array(segments, sizeof *stream->held.items);
    stream->covering.sequences = fi_alloc_array(segments, sizeof(uint64_t));
    stream->marks.sequences = fi_alloc_array(segments, sizeof(uint64_t));
    if (stream->held.items == NULL || stream->covering.sequences == NULL ||
        stream->marks.sequences == NULL) {
        rc = fi_error_no_memory(err, "a compaction");
        goto out;
    }
    FI_TRY(fi_merge_ranges_create(options, &stream->ranges, err));
    *out = stream;
    stream = NULL;
out:
    fi_merge_stream_destroy(stream);
    return rc;
}

void
fi_merge_stream_destroy(struct fi_merge_stream *stream)
{
    if (stream != NULL) {
        fi_merge_ranges_destroy(stream->ranges);
        fi_buf_deinit(&stream->key);
        fi_buf_deinit(&stream->folded);
        fi_merge_fold_deinit(&stream->fold);
        fi_free(stream->held.items);
        fi_free(stream->covering.sequences);
        fi_free(stream->marks.sequences);
        fi_free(stream);
    }
}
