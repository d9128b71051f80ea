/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_stream.c: what a flush or a compaction keeps, version by version.
 *
 * The versions of a key come newest first from the merge, the range deletes that cover it from the
 * sweep of merge_ranges.c. Both are shown to the rule in the order of their sequences, and the rule
 * says for each whether some view needs it. (A version and a range delete with the same sequence
 * are of one commit: the range covers only older versions, so the version comes first.)
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
 * Merge operands are folded with the version right below them if the same views see both, that is,
 * if both are in the same segment of the rule. Operands of one operation become one operand. With a
 * put below they become a put; with a tombstone, a range delete, or nothing below (at the bottom),
 * a put of their own result. The result has the sequence of the newest of them, which the same
 * views see.
 * (I1) Folding changes no view's reads: each view sees either all or none of the folded versions,
 *      and no version that it sees lies between them.
 * A fold ends at FOLD_BYTES_MAX, so a value to which much is appended stays in pieces. So does one
 * in a value file, which is not read for this. Reads join the pieces.
 *
 * History. Each version is returned with its place (version.h). Now reads the newest version that
 * it sees; if that is an operand, all down to the first that is not. A version belongs to history
 * if now does not see it, or sees a newer one that is not an operand. That newer version need not
 * be kept: a view that sees it sees what was kept in its place.
 *
 * Operands are folded only with the version right below them in the whole tree. If history runs
 * that are not inputs may have a version in between, they are not folded.
 *
 * A put that has expired for every view that sees it is a tombstone, and is written as one.
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
        struct firn_compaction_place place;
    } * items;
    size_t count;
};

struct firn_merge_stream {
    struct firn_merge *merge;
    const struct firn_step *step;
    struct firn_merge_rule *rule;
    struct firn_merge_ranges *ranges;
    enum state state;
    struct firn_entry entry;                 /* the one returned last */
    struct firn_entry kept;                  /* in states IN_HELD and GIVEN */
    struct firn_compaction_place place;      /* of entry */
    struct firn_compaction_place kept_place; /* of kept */
    const struct firn_compaction_between *between;
    size_t between_count;
    bool is_ahead;   /* the merge is after the kept version, else on it */
    bool has_ranges; /* some input has */
    uint64_t dropped;
    uint64_t tombstones_kept_from;
    struct firn_merge_fold fold;
    struct firn_buf folded; /* its value */
    /* Of the current key. */
    struct firn_buf key;
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
push(struct list *list, uint64_t sequence)
{
    list->sequences[list->count++] = sequence;
}

static int
begin_key(struct firn_merge_stream *stream, firn_slice key, firn_error *err)
{
    if (firn_buf_assign(&stream->key, key) != FIRN_OK) {
        return firn_error_no_memory(err, "a key of a compaction");
    }
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    stream->covering.count = 0;
    stream->ranges_shown = 0;
    stream->hidden_by = 0;
    stream->has_key = true;
    stream->has_given = false;
    int rc = firn_merge_ranges_advance(stream->ranges, &key, err);
    stream->is_bottom = firn_merge_ranges_is_bottom(stream->ranges);
    firn_merge_rule_begin_key(stream->rule);
    return rc;
}

/* The place of the next version. */
static struct firn_compaction_place
place_of(const struct firn_merge_stream *stream, uint64_t sequence)
{
    bool is_seen = firn_merge_rule_now_sees(stream->rule, sequence);
    return (struct firn_compaction_place){!is_seen || stream->hidden_by != 0,
                                          is_seen ? stream->hidden_by : 0};
}

/* That version hides older ones from the views that see it. */
static void
note_hiding(struct firn_merge_stream *stream, uint64_t sequence)
{
    if (firn_merge_rule_now_sees(stream->rule, sequence)) {
        stream->hidden_by = sequence;
    }
}

/* Shows the rule the range deletes that are newer than a version. */
static void
show_ranges(struct firn_merge_stream *stream, uint64_t sequence)
{
    size_t count;
    const uint64_t *ranges = firn_merge_ranges_sequences(stream->ranges, &count);
    while (stream->ranges_shown < count && ranges[stream->ranges_shown] > sequence) {
        uint64_t range = ranges[stream->ranges_shown++];
        note_hiding(stream, range);
        if (firn_merge_rule_needs(stream->rule, range)) {
            DCHECK(stream->covering.count < firn_merge_rule_segment_count(stream->rule));
            push(&stream->covering, range);
        }
    }
}

/* Whether a version deletes its key for all views that see it. */
static bool
is_tombstone(const struct firn_merge_stream *stream, const struct firn_entry *entry)
{
    return entry->kind == FIRN_ENTRY_DELETE ||
           (entry->kind == FIRN_ENTRY_EXPIRING &&
            firn_entry_expires_ms(entry->value) <=
                firn_merge_rule_time_ms(stream->rule, entry->sequence));
}

/* Whether the merge's version is to be returned; else it is dropped or held. */
static bool
decide(struct firn_merge_stream *stream, const struct firn_entry *entry)
{
    show_ranges(stream, entry->sequence);
    stream->kept_place = place_of(stream, entry->sequence);
    note_hiding(stream, entry->sequence);
    if (!firn_merge_rule_needs(stream->rule, entry->sequence)) {
        stream->dropped++;
        return false;
    }
    if (stream->is_bottom && is_tombstone(stream, entry) &&
        !firn_view_list_keeps_tombstone(stream->tombstones_kept_from, entry->sequence)) {
        CHECK(stream->held.count < firn_merge_rule_segment_count(stream->rule));
        stream->held.items[stream->held.count++] =
            (struct held){entry->sequence, stream->kept_place};
        return false;
    }
    return true;
}

/* ---- returning entries ---- */

static void
give(struct firn_merge_stream *stream, const struct firn_entry *entry,
     struct firn_compaction_place place)
{
    stream->entry = *entry;
    stream->place = place;
    stream->may_cut = !stream->has_given;
    stream->has_given = true;
}

/* The place of a tombstone that hides only versions in history: history, hidden by itself. */
static struct firn_compaction_place
hiding_place(const struct held *held)
{
    return held->place.is_history ? held->place
                                  : (struct firn_compaction_place){true, held->sequence};
}

/* Returns the next of the held tombstones, or else the kept version. */
static void
give_next_held(struct firn_merge_stream *stream)
{
    DCHECK(stream->held_given <= stream->held.count);
    struct firn_entry entry = stream->kept;
    struct firn_compaction_place place = stream->kept_place;
    stream->state = IN_HELD;
    if (stream->held_given == stream->held.count) {
        stream->held.count = 0;
        stream->state = GIVEN;
    } else {
        entry.kind = FIRN_ENTRY_DELETE;
        entry.value = firn_bytes(NULL, 0);
        entry.values = NULL;
        entry.sequence = stream->held.items[stream->held_given].sequence;
        place = hiding_place(&stream->held.items[stream->held_given++]);
    }
    give(stream, &entry, place);
}

static void
give_kept(struct firn_merge_stream *stream, const struct firn_entry *kept, bool is_ahead)
{
    DCHECK(stream->marks.count == 0 && stream->state == IN_VERSIONS);
    stream->kept = *kept;
    stream->is_ahead = is_ahead;
    if (stream->is_bottom) {
        for (size_t i = 0; i < stream->covering.count; i++) {
            push(&stream->marks, stream->covering.sequences[i]);
        }
        stream->covering.count = 0;
    }
    stream->held_given = 0;
    give_next_held(stream);
}

static int
set_marks(struct firn_merge_stream *stream, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < stream->marks.count && rc == FIRN_OK; i++) {
        rc = firn_merge_ranges_mark(stream->ranges, stream->marks.sequences[i],
                                    firn_buf_slice(&stream->key), err);
    }
    stream->marks.count = 0;
    return rc;
}

static int
end(struct firn_merge_stream *stream, firn_error *err)
{
    DCHECK(firn_merge_entry(stream->merge) == NULL && stream->state == IN_VERSIONS);
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    stream->state = AT_END;
    stream->may_cut = false;
    return firn_merge_ranges_advance(stream->ranges, NULL, err);
}

/* Returns the merge's version. */
static void
give_version(struct firn_merge_stream *stream)
{
    struct firn_entry entry = *firn_merge_entry(stream->merge);
    if (entry.kind == FIRN_ENTRY_EXPIRING && is_tombstone(stream, &entry)) {
        entry.kind = FIRN_ENTRY_DELETE;
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
    BELOW_OTHERS /* a version that other views see, or that is not folded */
};

static bool
is_same_segment(const struct firn_merge_stream *stream, uint64_t a, uint64_t b)
{
    return firn_merge_rule_segment(stream->rule, a) == firn_merge_rule_segment(stream->rule, b);
}

/* The newest range delete that the rule has not been shown: older than the operands. 0: none. */
static uint64_t
next_range(const struct firn_merge_stream *stream)
{
    size_t count;
    const uint64_t *ranges = firn_merge_ranges_sequences(stream->ranges, &count);
    return stream->ranges_shown < count ? ranges[stream->ranges_shown] : 0;
}

/* Whether there is no newer version of the key outside of the inputs than that one. */
static bool
is_right_below(const struct firn_merge_stream *stream, uint64_t sequence)
{
    for (size_t i = 0; i < stream->between_count; i++) {
        const struct firn_compaction_between *between = &stream->between[i];
        if (between->sequence_max > sequence &&
            firn_slice_compare(between->span.lower, firn_buf_slice(&stream->key)) <= 0 &&
            firn_slice_compare(firn_buf_slice(&stream->key), between->span.upper) < 0) {
            return false;
        }
    }
    return true;
}

/* What is below the operands so far, the newest of which has that sequence. */
static enum below
look_below(const struct firn_merge_stream *stream, uint64_t newest)
{
    const struct firn_entry *entry = firn_merge_entry(stream->merge);
    bool is_over = entry == NULL || !firn_slice_equal(entry->key, firn_buf_slice(&stream->key));
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
    if (entry->kind == FIRN_ENTRY_MERGE) {
        return firn_merge_fold_joins(&stream->fold, entry->value, FOLD_BYTES_MAX) ? BELOW_OPERAND
                                                                                  : BELOW_OTHERS;
    }
    bool is_small = entry->value.size <= FOLD_BYTES_MAX &&
                    firn_merge_fold_size_bytes(&stream->fold) <= FOLD_BYTES_MAX - entry->value.size;
    bool is_here = entry->kind == FIRN_ENTRY_PUT && entry->values == NULL;
    return is_here && is_small ? BELOW_VALUE : BELOW_OTHERS;
}

/* Gathers operands from the merge's current one on; leaves the merge on what is below them. */
static int
gather(struct firn_merge_stream *stream, uint64_t newest, enum below *out, firn_error *err)
{
    firn_merge_fold_clear(&stream->fold);
    do {
        FIRN_TRY_RETURN(
            firn_merge_fold_push(&stream->fold, firn_merge_entry(stream->merge)->value, err));
        FIRN_TRY_RETURN(firn_merge_next(stream->merge, err));
        *out = look_below(stream, newest);
        stream->dropped += *out == BELOW_OPERAND;
    } while (*out == BELOW_OPERAND);
    return FIRN_OK;
}

/* Returns the result of folding a needed operand with what is below it. */
static int
give_operands(struct firn_merge_stream *stream, firn_error *err)
{
    enum below below;
    struct firn_entry kept = *firn_merge_entry(stream->merge);
    DCHECK(kept.kind == FIRN_ENTRY_MERGE && stream->has_key);
    kept.key = firn_buf_slice(&stream->key);
    FIRN_TRY_RETURN(gather(stream, kept.sequence, &below, err));
    if (below == BELOW_OTHERS) {
        FIRN_TRY_RETURN(firn_merge_fold_operand(&stream->fold, &stream->folded, err));
    } else {
        const firn_slice *base =
            below == BELOW_VALUE ? &firn_merge_entry(stream->merge)->value : NULL;
        kept.kind = FIRN_ENTRY_PUT;
        FIRN_TRY_RETURN(firn_merge_fold_apply(&stream->fold, base, &stream->folded, err));
        /* It hides what is older, as any put. */
        (void)firn_merge_rule_needs(stream->rule, kept.sequence);
        note_hiding(stream, kept.sequence);
    }
    if (below == BELOW_VALUE || below == BELOW_TOMBSTONE) {
        /* (I1) */
        DCHECK(is_same_segment(stream, kept.sequence, firn_merge_entry(stream->merge)->sequence));
        stream->dropped++;
        FIRN_TRY_RETURN(firn_merge_next(stream->merge, err));
    }
    kept.value = firn_buf_slice(&stream->folded);
    give_kept(stream, &kept, true);
    return FIRN_OK;
}

/* The same for an operand that may not be needed; *out_is_given is false if it was dropped. */
static int
take_operand(struct firn_merge_stream *stream, bool *out_is_given, firn_error *err)
{
    uint64_t sequence = firn_merge_entry(stream->merge)->sequence;
    show_ranges(stream, sequence);
    stream->kept_place = place_of(stream, sequence);
    *out_is_given = firn_merge_rule_needs_operand(stream->rule, sequence);
    if (*out_is_given) {
        return give_operands(stream, err);
    }
    stream->dropped++;
    return FIRN_OK;
}

/* ---- the walk ---- */

/* Looks at the merge's version. */
static int
take_version(struct firn_merge_stream *stream, bool *out_is_given, firn_error *err)
{
    const struct firn_entry *entry = firn_merge_entry(stream->merge);
    if (entry->kind == FIRN_ENTRY_MERGE) {
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
take_up(struct firn_merge_stream *stream, const struct firn_entry *entry, firn_error *err)
{
    int order = stream->has_key ? firn_slice_compare(entry->key, firn_buf_slice(&stream->key)) : 1;
    if (order < 0 || (order == 0 && entry->sequence > stream->last_sequence)) {
        return firn_error_set(err, FIRN_CORRUPT, "entries of a sorted file are not in order");
    }
    stream->last_sequence = entry->sequence;
    return order > 0 ? begin_key(stream, entry->key, err) : FIRN_OK;
}

/* Looks at versions until one is given, or at the end. */
static int
find_kept(struct firn_merge_stream *stream, firn_error *err)
{
    const struct firn_entry *entry;
    while ((entry = firn_merge_entry(stream->merge)) != NULL) {
        int rc = firn_step_tell(stream->step, 0, entry->key.size + entry->value.size, err);
        rc = rc == FIRN_OK ? take_up(stream, entry, err) : rc;
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_given;
        rc = take_version(stream, &is_given, err);
        if (rc != FIRN_OK || is_given) {
            return rc;
        }
        rc = firn_merge_next(stream->merge, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return end(stream, err);
}

int
firn_merge_stream_next(struct firn_merge_stream *stream, const struct firn_entry **out,
                       firn_error *err)
{
    DCHECK(stream->state != IN_VERSIONS); /* after an error */
    *out = NULL;
    FIRN_TRY_RETURN(set_marks(stream, err));
    switch (stream->state) {
    case BEFORE_BEGIN:
        FIRN_TRY_RETURN(firn_merge_first(stream->merge, err));
        stream->state = IN_VERSIONS;
        FIRN_TRY_RETURN(find_kept(stream, err));
        break;
    case IN_HELD:
        give_next_held(stream);
        break;
    case GIVEN:
        FIRN_TRY_RETURN(stream->is_ahead ? FIRN_OK : firn_merge_next(stream->merge, err));
        stream->state = IN_VERSIONS;
        FIRN_TRY_RETURN(find_kept(stream, err));
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
go_ahead(struct firn_merge_stream *stream, const struct firn_entry **out, firn_error *err)
{
    DCHECK(stream->state == GIVEN && stream->marks.count == 0);
    if (!stream->is_ahead) {
        FIRN_TRY_RETURN(firn_merge_next(stream->merge, err));
        stream->is_ahead = true;
    }
    *out = firn_merge_entry(stream->merge);
    if (*out != NULL && firn_slice_compare((*out)->key, firn_buf_slice(&stream->key)) <= 0) {
        *out = NULL; /* next reports what is wrong, if anything is */
    }
    return FIRN_OK;
}

int
firn_merge_stream_batch(struct firn_merge_stream *stream, const struct firn_run_kind *kind,
                        const struct firn_view *now, uint64_t max, struct firn_run_batch *out,
                        firn_error *err)
{
    const struct firn_entry *entry;
    *out = (struct firn_run_batch){.count = 0};
    if (stream->has_ranges || stream->state != GIVEN) {
        return FIRN_OK;
    }
    FIRN_TRY_RETURN(go_ahead(stream, &entry, err));
    if (entry == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY_RETURN(firn_merge_batch(stream->merge, kind, max, out, err));
    if (out->count == 0 || !firn_view_sees_all(now, out->sequence_min, out->sequence_max)) {
        out->count = 0;
        return FIRN_OK;
    }
    DCHECK(stream->covering.count == 0 && stream->ranges_shown == 0);
    stream->dropped += stream->held.count;
    stream->held.count = 0;
    if (firn_buf_assign(&stream->key, out->last_key) != FIRN_OK) {
        return firn_error_no_memory(err, "a key of a compaction");
    }
    stream->last_sequence = 0; /* nothing more of that key may come */
    return firn_step_tell(stream->step, 0, out->content_bytes, err);
}

int
firn_merge_stream_batch_taken(struct firn_merge_stream *stream, firn_error *err)
{
    DCHECK(stream->state == GIVEN && stream->is_ahead);
    return firn_merge_batch_taken(stream->merge, err);
}

struct firn_compaction_place
firn_merge_stream_place(const struct firn_merge_stream *stream)
{
    DCHECK(stream->state == IN_HELD || stream->state == GIVEN);
    return stream->place;
}

bool
firn_merge_stream_may_cut(const struct firn_merge_stream *stream)
{
    return stream->may_cut;
}

int
firn_merge_stream_cut(struct firn_merge_stream *stream, firn_merge_stream_add add, void *ctx,
                      firn_error *err)
{
    if (stream->state == AT_END) {
        return firn_merge_ranges_cut(stream->ranges, NULL, add, ctx, err);
    }
    CHECK(stream->may_cut);
    return firn_merge_ranges_cut(stream->ranges, &stream->entry.key, add, ctx, err);
}

uint64_t
firn_merge_stream_dropped(const struct firn_merge_stream *stream)
{
    return stream->dropped;
}

/* ---- making ---- */

int
firn_merge_stream_create(const struct firn_merge_stream_options *options,
                         struct firn_merge_stream **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    size_t segments = firn_merge_rule_segment_count(options->rule);
    struct firn_merge_stream *stream = firn_alloc_zeroed(sizeof *stream);
    if (stream == NULL) {
        return firn_error_no_memory(err, "a compaction");
    }
    stream->merge = options->merge;
    stream->step = options->step;
    stream->rule = options->rule;
    stream->between = options->between;
    stream->between_count = options->between_count;
    stream->tombstones_kept_from = options->tombstones_kept_from;
    for (size_t i = 0; i < options->range_set_count; i++) {
        stream->has_ranges |= !firn_range_set_is_empty(options->ranges[i]);
    }
    stream->held.items = firn_alloc_array(segments, sizeof *stream->held.items);
    stream->covering.sequences = firn_alloc_array(segments, sizeof(uint64_t));
    stream->marks.sequences = firn_alloc_array(segments, sizeof(uint64_t));
    if (stream->held.items == NULL || stream->covering.sequences == NULL ||
        stream->marks.sequences == NULL) {
        rc = firn_error_no_memory(err, "a compaction");
        goto out;
    }
    FIRN_TRY(firn_merge_ranges_create(options, &stream->ranges, err));
    *out = stream;
    stream = NULL;
out:
    firn_merge_stream_destroy(stream);
    return rc;
}

void
firn_merge_stream_destroy(struct firn_merge_stream *stream)
{
    if (stream != NULL) {
        firn_merge_ranges_destroy(stream->ranges);
        firn_buf_deinit(&stream->key);
        firn_buf_deinit(&stream->folded);
        firn_merge_fold_deinit(&stream->fold);
        firn_free(stream->held.items);
        firn_free(stream->covering.sequences);
        firn_free(stream->marks.sequences);
        firn_free(stream);
    }
}
