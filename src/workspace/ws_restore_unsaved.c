/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_restore_unsaved.c: what a safety checkpoint does not have of the entries it has.
 *
 * A save goes on where an attribute cannot be read, and tells it: the rest is worth having. For a
 * restore that is not enough: what it displaces must be whole in the safety checkpoint, or the
 * attribute is lost. So it listens to the scan and remembers the paths, and its plan refuses to
 * change one of them. Of entries that were left out altogether it remembers those that no rule
 * excludes: nobody knows what is in them, so they are in the way wherever something has to go there,
 * be it their equal by the looks.
 *
 * The scan tells one notice at a time, so nothing is locked here.
 */
#include "workspace/ws_restore_unsaved.h"

#include "base/slice.h"
#include "codec/xxh3.h"

static uint64_t
path_hash(const void *record)
{
    const firn_slice *path = record;
    return firn_xxh3(path->data, path->size, 0);
}

static bool
path_equal(const void *record, const void *key)
{
    return firn_slice_equal(*(const firn_slice *)record, *(const firn_slice *)key);
}

static bool
tells_a_loss(firn_notice_kind kind)
{
    return kind == FIRN_NOTICE_METADATA || kind == FIRN_NOTICE_UNREADABLE ||
           kind == FIRN_NOTICE_CHANGING || kind == FIRN_NOTICE_VANISHED;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct firn_ws_restore_unsaved *unsaved = ctx;
    firn_slice path = notice->path;
    if (tells_a_loss(notice->kind) && !firn_ws_restore_unsaved_has(unsaved, path)) {
        path.data = firn_arena_copy(&unsaved->arena, path.data, path.size);
        if (path.data == NULL ||
            firn_hash_map_insert(&unsaved->paths, path_hash(&path), &path) == NULL) {
            unsaved->is_out_of_memory = true;
        }
    }
    if (unsaved->outer.on_notice != NULL) {
        unsaved->outer.on_notice(unsaved->outer.ctx, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct firn_ws_restore_unsaved *unsaved = ctx;
    return unsaved->outer.on_progress(unsaved->outer.ctx, progress);
}

void
firn_ws_restore_unsaved_init(struct firn_ws_restore_unsaved *unsaved, const firn_callbacks *outer,
                             firn_callbacks *out_callbacks)
{
    *unsaved = (struct firn_ws_restore_unsaved){.outer = *outer};
    firn_hash_map_init(&unsaved->paths, sizeof(firn_slice), path_hash, path_equal);
    *out_callbacks =
        (firn_callbacks){.on_notice = on_notice,
                         .on_progress = outer->on_progress != NULL ? on_progress : NULL,
                         .ctx = unsaved};
}

void
firn_ws_restore_unsaved_deinit(struct firn_ws_restore_unsaved *unsaved)
{
    firn_hash_map_deinit(&unsaved->paths);
    firn_arena_deinit(&unsaved->arena);
}

int
firn_ws_restore_unsaved_check(const struct firn_ws_restore_unsaved *unsaved, firn_error *err)
{
    return unsaved->is_out_of_memory ? firn_error_no_memory(err, "a list of paths") : FIRN_OK;
}

bool
firn_ws_restore_unsaved_has(void *ctx, firn_slice path)
{
    const struct firn_ws_restore_unsaved *unsaved = ctx;
    return firn_hash_map_find(&unsaved->paths, path_hash(&path), &path) != NULL;
}
