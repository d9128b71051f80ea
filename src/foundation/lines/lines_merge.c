/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_merge.c: three-way merge, as in diff3.
 *
 * Two differences are computed, from the base to ours and from the base to theirs. A line of the
 * base that is in no hunk of either is in all three texts. Between such lines there are chunks:
 * hunks of both sides that overlap or touch form one chunk, so between two chunks there is always a
 * line that all three have. In a chunk
 *   if only one side has changed something, its lines are taken;
 *   if both have changed it to the same lines, these are taken;
 *   otherwise it is a conflict.
 * Hunks that only touch form one chunk because no line separates them: the order of an insertion of
 * ours and one of theirs at the same place is unknown.
 *
 * (I1) The hunks of one side never touch each other (lines_diff.h), so a chunk with hunks of only
 *      one
 * side is exactly one hunk.
 * (I2) Outside of chunks a side is the base, moved: a line of the base is there at its own number
 * plus the lines that the side's earlier hunks have added, minus those that they have removed. So
 * the limits of a chunk in the base give its limits in each side.
 *
 * There are at most as many chunks as hunks; the text is at most as long as ours and theirs
 * together.
 */
#include "lines/lines_merge.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lines/lines_diff.h"

/* The position of a side along the base. */
struct side {
    firn_slice text;
    struct fi_lines_diff diff;
    uint32_t *starts; /* of each line, and the end of the text after them */
    uint32_t line_count;
    size_t next;   /* hunk */
    int64_t moved; /* by how much the hunks before `next` have moved the lines (I2) */
};

/* Lines of one side. */
struct lines {
    uint32_t at;
    uint32_t count;
};

struct chunk {
    struct lines base;
    struct lines ours;
    struct lines theirs;
    bool ours_changed;
    bool theirs_changed;
};

static int
find_lines(struct side *side, firn_error *err)
{
    firn_slice text = side->text;
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += text.data[i] == '\n' || i + 1 == text.size;
    }
    side->line_count = count;
    side->starts = fi_alloc_array((size_t)count + 1, sizeof *side->starts);
    if (side->starts == NULL) {
        return fi_error_no_memory(err, "the lines of a text");
    }
    side->starts[0] = 0;
    for (size_t i = 0, line = 0; i < text.size; i++) {
        if (text.data[i] == '\n' || i + 1 == text.size) {
            side->starts[++line] = (uint32_t)(i + 1);
        }
    }
    DCHECK(side->starts[count] == text.size);
    return FIRN_OK;
}

static int
side_init(struct side *side, firn_slice base, firn_slice text, uint64_t work_max, firn_error *err)
{
    side->text = text;
    int rc = fi_lines_diff_init(&side->diff, base, text, work_max, err);
    return rc == FIRN_OK ? find_lines(side, err) : rc;
}

static void
side_deinit(struct side *side)
{
    fi_lines_diff_deinit(&side->diff);
    fi_free(side->starts);
}

static firn_slice
text_of(const struct side *side, struct lines lines)
{
    CHECK((uint64_t)lines.at + lines.count <= side->line_count);
    if (lines.count == 0) {
        return firn_bytes(NULL, 0);
    }
    uint32_t from = side->starts[lines.at];
    return firn_bytes(side->text.data + from, side->starts[lines.at + lines.count] - from);
}

static bool
has_next(const struct side *side)
{
    return side->next < side->diff.hunk_count;
}

static uint32_t
next_at(const struct side *side)
{
    DCHECK(has_next(side));
    return side->diff.hunks[side->next].before_at;
}

/* Adds the next hunk to a chunk of the base that ends at *end, if it overlaps or touches the
 * chunk. */
static bool
take_hunk(struct side *side, uint32_t *end)
{
    if (!has_next(side) || next_at(side) > *end) {
        return false;
    }
    const firn_hunk *hunk = &side->diff.hunks[side->next++];
    uint32_t hunk_end = hunk->before_at + hunk->before_count;
    *end = hunk_end > *end ? hunk_end : *end;
    side->moved += (int64_t)hunk->after_count - hunk->before_count;
    return true;
}

/* The lines of a side for lines of the base; moved_before is side->moved before the chunk. */
static struct lines
lines_of(const struct side *side, struct lines base, int64_t moved_before)
{
    int64_t at = (int64_t)base.at + moved_before;
    int64_t end = (int64_t)base.at + base.count + side->moved;
    CHECK(at >= 0 && end >= at && end <= (int64_t)side->line_count); /* (I2) */
    return (struct lines){(uint32_t)at, (uint32_t)(end - at)};
}

/* Requires: at least one side has a next hunk. */
static struct chunk
next_chunk(struct side *ours, struct side *theirs)
{
    uint32_t start = has_next(ours) ? next_at(ours) : UINT32_MAX;
    if (has_next(theirs) && next_at(theirs) < start) {
        start = next_at(theirs);
    }
    struct chunk chunk = {.base = {.at = start}};
    int64_t ours_moved = ours->moved;
    int64_t theirs_moved = theirs->moved;
    size_t before = ours->next + theirs->next;
    uint32_t end = start;
    for (bool is_open = true; is_open;) {
        bool took_ours = take_hunk(ours, &end);
        bool took_theirs = take_hunk(theirs, &end);
        chunk.ours_changed = chunk.ours_changed || took_ours;
        chunk.theirs_changed = chunk.theirs_changed || took_theirs;
        is_open = took_ours || took_theirs;
    }
    DCHECK(chunk.ours_changed || chunk.theirs_changed);
    DCHECK((chunk.ours_changed && chunk.theirs_changed) ||
           ours->next + theirs->next == before + 1); /* (I1) */
    chunk.base.count = end - start;
    chunk.ours = lines_of(ours, chunk.base, ours_moved);
    chunk.theirs = lines_of(theirs, chunk.base, theirs_moved);
    return chunk;
}

static void
add_conflict(struct fi_lines_merge *out, const struct chunk *chunk)
{
    const firn_merge_region *last =
        out->conflict_count > 0 ? &out->conflicts[out->conflict_count - 1] : NULL;
    DCHECK(last == NULL || last->base_at + last->base_count < chunk->base.at);
    out->conflicts[out->conflict_count++] =
        (firn_merge_region){chunk->base.at,    chunk->base.count, chunk->ours.at,
                            chunk->ours.count, chunk->theirs.at,  chunk->theirs.count};
}

static int
merge_chunk(struct fi_lines_merge *out, const struct side *ours, const struct side *theirs,
            const struct chunk *chunk)
{
    firn_slice our_text = text_of(ours, chunk->ours);
    firn_slice their_text = text_of(theirs, chunk->theirs);
    if (!chunk->ours_changed) {
        return fi_buf_append_slice(&out->text, their_text);
    }
    if (chunk->theirs_changed && !fi_slice_equal(our_text, their_text)) {
        add_conflict(out, chunk);
    }
    return fi_buf_append_slice(&out->text, our_text);
}

/* Copies the lines that all three have, from ours, from *done to a chunk or the end. */
static int
copy_common(struct fi_lines_merge *out, const struct side *ours, uint32_t *done, uint32_t to)
{
    DCHECK(*done <= to);
    struct lines lines = {*done, to - *done};
    *done = to;
    return fi_buf_append_slice(&out->text, text_of(ours, lines));
}

static int
lines_merge(struct fi_lines_merge *out, struct side *ours, struct side *theirs, firn_error *err)
{
    uint32_t done = 0;
    size_t most = ours->diff.hunk_count < theirs->diff.hunk_count ? ours->diff.hunk_count
                                                                  : theirs->diff.hunk_count;
    int rc = FIRN_OK;
    out->conflicts = fi_alloc_array(most, sizeof *out->conflicts);
    if (out->conflicts == NULL) {
        return fi_error_no_memory(err, "the conflicts of a merge");
    }
    while (rc == FIRN_OK && (has_next(ours) || has_next(theirs))) {
        struct chunk chunk = next_chunk(ours, theirs);
        rc = copy_common(out, ours, &done, chunk.ours.at);
        if (rc == FIRN_OK) {
            rc = merge_chunk(out, ours, theirs, &chunk);
        }
        done = chunk.ours.at + chunk.ours.count;
    }
    if (rc == FIRN_OK) {
        rc = copy_common(out, ours, &done, ours->line_count);
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a merged text");
}

int
fi_lines_merge_init(struct fi_lines_merge *out, const struct fi_lines_merge_texts *texts,
                    uint64_t work_max, firn_error *err)
{
    *out = (struct fi_lines_merge){0};
    struct side ours = {0};
    struct side theirs = {0};
    int rc;
    FI_TRY(side_init(&ours, texts->base, texts->ours, work_max, err));
    FI_TRY(side_init(&theirs, texts->base, texts->theirs, work_max, err));
    rc = lines_merge(out, &ours, &theirs, err);
out:
    side_deinit(&ours);
    side_deinit(&theirs);
    if (rc != FIRN_OK) {
        fi_lines_merge_deinit(out);
    }
    return rc;
}

void
fi_lines_merge_deinit(struct fi_lines_merge *merge)
{
    fi_buf_deinit(&merge->text);
    fi_free(merge->conflicts);
    *merge = (struct fi_lines_merge){0};
}
