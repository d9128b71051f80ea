/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_displaced.c: what a restore has moved aside: is it what was saved, and if not,
 * where does it go?
 *
 * A look at the disk says what a file was; by the time it is moved somebody may have written it. So
 * what was displaced is looked at where it then stands, out of everybody's way but of those who
 * hold it open. Kind, size, time, mode and owner are compared; and the content, where a write may
 * have left those as they were (I1): within a tick of the clock before the scan's look or after it,
 * and always where little is restored and the file is not large. What is not the same is never
 * removed (I2).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "checkout/checkout_keep.h"
#include "checkout/checkout_look.h"
#include "checkout/checkout_stores.h"

/* A clock may not have ticked for so long; one of a file system that keeps whole seconds for so
 * long. */
#define TICK_NS INT64_C(20000000)
#define SECOND_TICK_NS INT64_C(2000000000)
#define NS_A_SECOND INT64_C(1000000000)

/* Among few changes a file up to this size is read again before it goes. */
#define READ_AGAIN_SIZE_MAX (UINT64_C(1) << 20)

bool
firn_checkout_displaced_is_as_before(const struct firn_os_stat *stat,
                                     const struct firn_tree_entry *before)
{
    switch (before->kind) {
    case FIRN_TREE_DIR:
        return stat->kind == FIRN_OS_DIR;
    case FIRN_TREE_SYMLINK:
        return stat->kind == FIRN_OS_SYMLINK && stat->mtime_ns == before->mtime_ns;
    case FIRN_TREE_FILE:
        return stat->kind == FIRN_OS_FILE && stat->size_bytes == before->size &&
               stat->mtime_ns == before->mtime_ns && stat->mode == before->mode &&
               stat->uid == before->uid && stat->gid == before->gid;
    default:
        return false;
    }
}

/* Of a file that belongs to a store only as far as it was saved the rest does not count. */
bool
firn_checkout_displaced_cut(const struct firn_checkout *apply,
                            const struct firn_difference_walk_change *change,
                            struct firn_os_stat *stat)
{
    const struct firn_tree_entry *before = change->before;
    bool is_cut = apply->options.stores != NULL && before->kind == FIRN_TREE_FILE &&
                  firn_checkout_stores_is_cut(apply->options.stores, change->path);
    if (is_cut && stat->size_bytes > before->size) {
        stat->size_bytes = before->size;
    }
    DCHECK(!is_cut || stat->size_bytes <= before->size);
    return is_cut;
}

/* The same while renames are under way. The metadata of a file with several names may be that
 * which one of the others got already. */
static bool
is_still_as_before(const struct firn_os_stat *stat, const struct firn_tree_entry *before)
{
    if (before->kind == FIRN_TREE_DIR || stat->nlink < 2) {
        return firn_checkout_displaced_is_as_before(stat, before);
    }
    return before->kind == FIRN_TREE_SYMLINK
               ? stat->kind == FIRN_OS_SYMLINK
               : stat->kind == FIRN_OS_FILE && stat->size_bytes == before->size;
}

/* The last component of a path. */
firn_slice
firn_checkout_displaced_name_of(firn_slice path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return firn_bytes(path.data + at, path.size - at);
}

/* Gives something that is kept, and whose own name is taken, a name that can be seen. */
int
firn_checkout_displaced_keep_beside(struct firn_checkout *apply, struct firn_os_dir *dir,
                                    const char *name, firn_slice path, firn_error *err)
{
    char kept[FIRN_TREE_NAME_SIZE_MAX + 1];
    int rc = firn_checkout_keep_beside(dir, name, firn_checkout_displaced_name_of(path),
                                       apply->options.tag, kept, err);
    if (rc == FIRN_OK) {
        char text[FIRN_TREE_NAME_SIZE_MAX + 128];
        (void)snprintf(
            text, sizeof text,
            "it stands beside as '%s': it was changed by somebody else during the restore", kept);
        firn_checkout_notice(apply, FIRN_NOTICE_KEPT, path, text);
        apply->counts.kept++;
    }
    return rc;
}

/* Whether a write after the scan's look may have left size and time as they were. */
static bool
may_hide_a_write(const struct firn_checkout *apply, const struct firn_os_stat *stat)
{
    if (apply->syncs_each && stat->size_bytes <= READ_AGAIN_SIZE_MAX) {
        return true;
    }
    int64_t tick = stat->mtime_ns % NS_A_SECOND == 0 ? SECOND_TICK_NS : TICK_NS;
    return stat->mtime_ns >= apply->options.scanned_ns - tick;
}

/* Whether what was displaced, and stands under `name` now, is what was saved. */
int
firn_checkout_displaced_look(struct firn_checkout *apply, struct firn_os_dir *dir, const char *name,
                             const struct firn_difference_walk_change *change, bool *out_is_same,
                             firn_error *err)
{
    const struct firn_tree_entry *before = change->before;
    struct firn_os_stat stat;
    int rc = firn_os_stat(dir, name, &stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_cut = firn_checkout_displaced_cut(apply, change, &stat);
    *out_is_same = is_still_as_before(&stat, before);
    bool is_file = before->kind == FIRN_TREE_FILE && stat.size_bytes > 0;
    DCHECK(!*out_is_same ||
           (before->kind == FIRN_TREE_DIR) == (stat.kind == FIRN_OS_DIR)); /* (I1) */
    if (!*out_is_same || (is_file && !may_hide_a_write(apply, &stat)) ||
        before->kind == FIRN_TREE_DIR) {
        return FIRN_OK;
    }
    struct firn_buf buf = {0};
    struct firn_checkout_look look = {.dir = dir,
                                      .name = name,
                                      .stat = &stat,
                                      .is_cut = is_cut,
                                      .buf = &buf,
                                      .objects = apply->options.objects};
    rc = firn_checkout_look_equal(&look, before, out_is_same, err);
    firn_buf_deinit(&buf);
    return rc;
}

/* Tells of something that somebody else changed too late for the restore to be given up. */
void
firn_checkout_displaced_keep(struct firn_checkout *apply, firn_slice path)
{
    DCHECK(apply->swapping != NULL && apply->batch == NULL); /* nobody else counts */
    apply->counts.kept++;
    firn_checkout_notice(apply, FIRN_NOTICE_KEPT, path,
                         "it was changed by somebody else during the restore");
}
