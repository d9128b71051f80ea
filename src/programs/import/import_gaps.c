/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_gaps.c: what an imported state has and its tree has not.
 *
 * An importer notes each path that it could not bring in: because the source has lost it, or
 * because no tree can have it. The checkpoint is saved with these paths
 * (firn_workspace_save_options.gaps). A restore in place leaves them alone: an absent file must not
 * look like a deleted one.
 *
 * An importer that changes one tree from state to state keeps the set, and clears a path when it is
 * made or removed.
 *
 * The number of paths is bounded, in a checkpoint and in a set, which is searched from end to end.
 * If there are more, directories take the place of the missing paths in them, the deepest first,
 * until they are few enough. The counts of lost entries stay right.
 *
 * (I1) No path is in the set twice. Of two paths of which one is below the other,
 *      fi_import_gaps_list gives the upper.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"

/* A path takes at most twice its size in the rules of a checkpoint, and a line of its own there. */
enum { LIST_SIZE_MAX = 400 << 10, LISTED_PATH_SIZE_MAX = 2000, KEPT_MAX = 16384 };

static int
compare_gaps(const void *a, const void *b)
{
    const struct fi_import_gap *x = a;
    const struct fi_import_gap *y = b;
    size_t common = x->size < y->size ? x->size : y->size;
    int order = common == 0 ? 0 : memcmp(x->path, y->path, common);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* Whether a path is the other, or above it. */
static bool
import_gaps_covers(firn_slice path, const struct fi_import_gap *gap)
{
    return path.size == 0 ||
           (gap->size >= path.size && memcmp(gap->path, path.data, path.size) == 0 &&
            (gap->size == path.size || gap->path[path.size] == '/'));
}

/* Appends a path. Without memory the set is broken. */
static void
import_gaps_add(struct fi_import_gaps *gaps, firn_slice path, uint64_t lost)
{
    if (gaps->count == gaps->capacity) {
        size_t capacity = gaps->capacity == 0 ? 16 : 2 * gaps->capacity;
        struct fi_import_gap *grown = realloc(gaps->list, capacity * sizeof(grown[0]));
        if (grown == NULL) {
            gaps->is_broken = true;
            return;
        }
        gaps->list = grown;
        gaps->capacity = capacity;
    }
    struct fi_import_gap gap = {.path = malloc(path.size + 1), .size = path.size, .lost = lost};
    if (gap.path == NULL) {
        gaps->is_broken = true;
        return;
    }
    if (path.size > 0) {
        memcpy(gap.path, path.data, path.size);
    }
    gaps->list[gaps->count++] = gap;
}

void
fi_import_gaps_clear(struct fi_import_gaps *gaps, firn_slice path)
{
    size_t kept = 0;
    for (size_t i = 0; i < gaps->count; i++) {
        if (import_gaps_covers(path, &gaps->list[i])) {
            free(gaps->list[i].path);
        } else {
            gaps->list[kept++] = gaps->list[i];
        }
    }
    gaps->count = kept;
    if (path.size == 0) {
        gaps->is_too_many = gaps->is_broken = false;
    }
}

uint64_t
fi_import_gaps_lost(const struct fi_import_gaps *gaps)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < gaps->count; i++) {
        lost += gaps->list[i].lost;
    }
    return lost;
}

/* ---- as a checkpoint names them ---- */

static size_t
depth_of(const struct fi_import_gap *gap)
{
    size_t depth = gap->size > 0;
    for (size_t i = 0; i < gap->size; i++) {
        depth += gap->path[i] == '/';
    }
    return depth;
}

/* Sorts the paths, and lets each stand for those below it. */
static void
import_gaps_join(struct fi_import_gaps *gaps)
{
    size_t kept = 0;
    if (gaps->count > 0) {
        qsort(gaps->list, gaps->count, sizeof(gaps->list[0]), compare_gaps);
    }
    /* Between a path and one below it others may stand ("a", "a-", "a/b"), of which none is above
     * that one. */
    for (size_t i = 0; i < gaps->count; i++) {
        struct fi_import_gap gap = gaps->list[i];
        struct fi_import_gap *above = NULL;
        firn_slice part = firn_bytes(gap.path, gap.size);
        while (part.size > 0 && above == NULL && kept > 0) {
            const struct fi_import_gap wanted = {.path = gap.path, .size = part.size};
            above = bsearch(&wanted, gaps->list, kept, sizeof(wanted), compare_gaps);
            const uint8_t *slash = memrchr(part.data, '/', part.size);
            part.size = slash != NULL ? (size_t)(slash - part.data) : 0;
        }
        if (above != NULL) {
            above->lost += gap.lost;
            free(gap.path);
        } else {
            gaps->list[kept++] = gap;
        }
    }
    gaps->count = kept;
}

static bool
is_listable(const struct fi_import_gaps *gaps)
{
    size_t size = 0;
    for (size_t i = 0; i < gaps->count; i++) {
        size += gaps->list[i].size + 2;
        if (gaps->list[i].size > LISTED_PATH_SIZE_MAX) {
            return false;
        }
    }
    return gaps->count <= FIRN_WORKSPACE_GAPS_MAX && size <= LIST_SIZE_MAX;
}

/* Replaces the deepest paths by those of their directories. */
static bool
raise_deepest(struct fi_import_gaps *gaps)
{
    size_t deepest = 0;
    for (size_t i = 0; i < gaps->count; i++) {
        size_t depth = depth_of(&gaps->list[i]);
        deepest = depth > deepest ? depth : deepest;
    }
    for (size_t i = 0; i < gaps->count && deepest > 1; i++) {
        struct fi_import_gap *gap = &gaps->list[i];
        if (depth_of(gap) == deepest) {
            const uint8_t *slash = memrchr(gap->path, '/', gap->size);
            assert(slash != NULL);
            gap->size = (size_t)(slash - gap->path);
        }
    }
    import_gaps_join(gaps);
    return deepest > 1;
}

void
fi_import_gaps_add(struct fi_import_gaps *gaps, firn_slice path, uint64_t lost)
{
    if (path.size > 0 && fi_import_tree_refusal(path) != NULL) {
        if (lost == 0) {
            return; /* no tree, and no disk, can have it */
        }
        path.size = 0;
    }
    for (size_t i = 0; path.size == 0 && i < gaps->count; i++) {
        if (gaps->list[i].size == 0) {
            gaps->list[i].lost += lost;
            return;
        }
    }
    if (path.size > 0) {
        fi_import_gaps_clear(gaps, path); /* (I1) */
    }
    import_gaps_add(gaps, path, lost);
    if (gaps->count > KEPT_MAX) {
        while (gaps->count > KEPT_MAX / 2 && raise_deepest(gaps)) {
        }
        gaps->is_too_many = gaps->count > KEPT_MAX / 2;
        for (; gaps->count > KEPT_MAX / 2; gaps->count--) {
            free(gaps->list[gaps->count - 1].path);
        }
    }
}

int
fi_import_gaps_list(const struct fi_import_gaps *gaps, firn_workspace_gap **out, size_t *out_count,
                    bool *out_is_coarse, firn_error *err)
{
    struct fi_import_gaps copy = {.list = NULL, .is_broken = gaps->is_broken};
    bool is_too_many = gaps->is_too_many;
    size_t size = 0;
    int code = FIRN_OK;
    *out = NULL;
    *out_count = 0;
    *out_is_coarse = false;
    for (size_t i = 0; i < gaps->count; i++) {
        import_gaps_add(&copy, firn_bytes(gaps->list[i].path, gaps->list[i].size),
                        gaps->list[i].lost);
    }
    import_gaps_join(&copy);
    while (!is_too_many && !is_listable(&copy)) {
        *out_is_coarse = true;
        is_too_many = !raise_deepest(&copy);
    }
    if (is_too_many) {
        code = fi_import_tree_error(err, FIRN_CORRUPT,
                                    "more than %d files and directories of its root are missing",
                                    FIRN_WORKSPACE_GAPS_MAX);
    }
    /* One piece of memory: the list, then the paths. */
    for (size_t i = 0; i < copy.count; i++) {
        size += sizeof(firn_workspace_gap) + copy.list[i].size;
    }
    if (code == FIRN_OK && (copy.is_broken || (size > 0 && (*out = malloc(size)) == NULL))) {
        code = fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    assert(code != FIRN_OK || copy.count == 0 || *out != NULL);
    uint8_t *text = *out != NULL ? (uint8_t *)(*out + copy.count) : NULL;
    for (size_t i = 0; i < copy.count && code == FIRN_OK; i++) {
        const struct fi_import_gap *gap = &copy.list[i];
        if (gap->size > 0) {
            memcpy(text, gap->path, gap->size);
        }
        (*out)[i] = (firn_workspace_gap){.path = firn_bytes(text, gap->size), .lost = gap->lost};
        text += gap->size;
    }
    *out_count = code == FIRN_OK ? copy.count : 0;
    fi_import_gaps_deinit(&copy);
    return code;
}

void
fi_import_gaps_deinit(struct fi_import_gaps *gaps)
{
    for (size_t i = 0; i < gaps->count; i++) {
        free(gaps->list[i].path);
    }
    free(gaps->list);
    *gaps = (struct fi_import_gaps){.list = NULL};
}
