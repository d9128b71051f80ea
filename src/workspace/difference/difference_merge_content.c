/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge_content.c: three versions of a text file merged line by line.
 *
 * Base and theirs come out of the store, ours off the disk, where it has to be what the scan saw:
 * else somebody works on it right now, and the merge is given up (difference_content.c). All three and the
 * result are in memory at once, so each has a limit, which is also the size up to which a file is
 * stored as one object.
 */
#include "difference/difference_merge_content.h"

#include "base/check.h"
#include "base/slice.h"
#include "difference/difference_content.h"
#include "lines/line_diff.h"

enum { SCRATCH_FRAMES = 4 };

_Static_assert((int)FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX <= (int)FIRN_LINE_DIFF_TEXT_SIZE_MAX,
               "what is merged is within the limits of texts");

int
firn_difference_merge_content_init(struct firn_difference_merge_content *out,
                                   struct firn_objects *objects, struct firn_os_dir *disk,
                                   firn_error *err)
{
    *out = (struct firn_difference_merge_content){.objects = objects, .disk = disk};
    return firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err);
}

void
firn_difference_merge_content_deinit(struct firn_difference_merge_content *content)
{
    firn_packfile_scratch_destroy(content->scratch);
    firn_buf_deinit(&content->base);
    firn_buf_deinit(&content->ours);
    firn_buf_deinit(&content->theirs);
    firn_line_merge_deinit(&content->merge);
    *content = (struct firn_difference_merge_content){0};
}

static int
printed(firn_slice path)
{
    return (int)(path.size < 256 ? path.size : 256);
}

static int
load_ours(struct firn_difference_merge_content *content, firn_slice path,
          const struct firn_tree_entry *entry, bool *out_is_text, firn_error *err)
{
    bool is_same;
    int rc = firn_difference_content_load_disk(content->disk, path, entry, &content->ours, &is_same,
                                               out_is_text, err);
    if (rc == FIRN_OK && !is_same) {
        rc = firn_error_set(err, FIRN_CONFLICT, "'%.*s' was changed meanwhile: run it again",
                            printed(path), (const char *)path.data);
    }
    return rc;
}

static int
load(struct firn_difference_merge_content *content, firn_slice path,
     const struct firn_difference_merge_entry_sides *sides, bool *out_is_text, firn_error *err)
{
    int rc;
    FIRN_TRY(load_ours(content, path, sides->ours, out_is_text, err));
    if (*out_is_text) {
        FIRN_TRY(firn_difference_content_load_stored(
            content->objects, content->scratch, sides->base, &content->base, out_is_text, err));
    }
    if (*out_is_text) {
        FIRN_TRY(firn_difference_content_load_stored(
            content->objects, content->scratch, sides->theirs, &content->theirs, out_is_text, err));
    }
out:
    if (rc == FIRN_CORRUPT) {
        (void)firn_error_prefix(err, "%.*s", printed(path), (const char *)path.data);
    }
    return rc;
}

static bool
is_too_large(const struct firn_tree_entry *entry)
{
    return entry->size > FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX;
}

int
firn_difference_merge_content_run(struct firn_difference_merge_content *content, firn_slice path,
                                  const struct firn_difference_merge_entry_sides *sides,
                                  enum firn_difference_merge_content_outcome *out, firn_error *err)
{
    struct firn_line_merge *merge = &content->merge;
    bool is_text;
    DCHECK(sides->base->kind == FIRN_TREE_FILE && sides->ours->kind == FIRN_TREE_FILE &&
           sides->theirs->kind == FIRN_TREE_FILE);
    *out = FIRN_DIFFERENCE_MERGE_CONTENT_NO_LINES;
    if (is_too_large(sides->base) || is_too_large(sides->ours) || is_too_large(sides->theirs)) {
        return FIRN_OK;
    }
    int rc = load(content, path, sides, &is_text, err);
    if (rc != FIRN_OK || !is_text) {
        return rc;
    }
    DCHECK(content->base.size <= FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX &&
           content->ours.size <= FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX &&
           content->theirs.size <= FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX);
    const struct firn_line_merge_texts texts = {.base = firn_buf_slice(&content->base),
                                                .ours = firn_buf_slice(&content->ours),
                                                .theirs = firn_buf_slice(&content->theirs)};
    firn_line_merge_deinit(merge);
    rc = firn_line_merge_init(merge, &texts, FIRN_LINE_DIFF_WORK_DEFAULT, err);
    if (rc == FIRN_LIMIT ||
        (rc == FIRN_OK && merge->text.size > FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX)) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        *out = merge->conflict_count == 0 ? FIRN_DIFFERENCE_MERGE_CONTENT_MERGED
                                          : FIRN_DIFFERENCE_MERGE_CONTENT_CONFLICT;
    }
    return rc;
}
