/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_record.c: the changes of the plan, kept for the passes that follow.
 *
 * The passes of a restore need the same changes in the same order, up to eight times. A walk over
 * the two trees reads and decodes every directory that differs, so the plan's walk records what it
 * finds, and the later passes replay the record.
 *
 * A record takes some 400 bytes a change and at most BYTES_MAX. When it would get larger it is
 * dropped, and the passes walk the trees: the store has them anyway, so nothing is spilled to disk.
 * Both ways give the same sequence (I1; not checked: that would take the walk that the record
 * saves). A walk depends only on the two trees, which do not change, on the filter, and on the
 * state of stores in the tree, which the plan finds out before it records (checkout_plan.c, I4).
 * The record does not say which entries a pass leaves alone: every pass checks that itself
 * (checkout_left.c, I5).
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

/* Small in debug builds, so that tests take both ways. */
#ifdef FIRN_DEBUG
enum { BYTES_MAX = 64 << 10 };
#else
enum { BYTES_MAX = 16 << 20 };
#endif

struct fi_checkout_recorded {
    struct fi_checkout_recorded *next;
    struct fi_difference_walk_change change; /* all that it points to is in the arena */
};

void
fi_checkout_record_deinit(struct fi_checkout_record *record)
{
    fi_arena_deinit(&record->arena);
    *record = (struct fi_checkout_record){0};
}

/* *out is a copy, or NULL for none. path is the entry's path and lives as long as the record; the
 * copy's name is the end of path. */
static bool
copy_entry(struct fi_arena *arena, const struct fi_tree_entry *entry, firn_slice path,
           const struct fi_tree_entry **out)
{
    *out = NULL;
    if (entry == NULL) {
        return true;
    }
    struct fi_tree_entry *copy = fi_arena_alloc(arena, sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    *copy = *entry;
    *out = copy;
    const bool is_end = entry->name.size <= path.size; /* the root's own name is in no path */
    copy->name = firn_bytes(
        is_end && entry->name.size > 0 ? path.data + (path.size - entry->name.size) : NULL,
        is_end ? entry->name.size : 0);
    DCHECK(path.size == 0 || fi_slice_equal(copy->name, entry->name));
    return fi_checkout_copy_slice(arena, &copy->target) &&
           fi_checkout_copy_slice(arena, &copy->xattrs) &&
           fi_checkout_copy_slice(arena, &copy->hard_link);
}

int
fi_checkout_record_add(struct fi_checkout_record *record,
                       const struct fi_difference_walk_change *change, firn_error *err)
{
    DCHECK(!record->is_whole); /* the plan is not over */
    if (record->is_dropped) {
        return FIRN_OK;
    }
    struct fi_checkout_recorded *recorded = fi_arena_alloc(&record->arena, sizeof *recorded);
    if (recorded == NULL) {
        return fi_error_no_memory(err, "a list of changes");
    }
    *recorded = (struct fi_checkout_recorded){.change = *change};
    struct fi_difference_walk_change *copy = &recorded->change;
    if (!fi_checkout_copy_slice(&record->arena, &copy->path) ||
        !copy_entry(&record->arena, change->before, copy->path, &copy->before) ||
        !copy_entry(&record->arena, change->after, copy->path, &copy->after)) {
        return fi_error_no_memory(err, "a list of changes");
    }
    if (record->arena.total_bytes > BYTES_MAX) {
        fi_checkout_record_deinit(record);
        record->is_dropped = true;
        return FIRN_OK;
    }
    *(record->last != NULL ? &record->last->next : &record->first) = recorded;
    record->last = recorded;
    return FIRN_OK;
}

void
fi_checkout_record_finish(struct fi_checkout_record *record)
{
    DCHECK(!record->is_whole && (!record->is_dropped || record->first == NULL));
    record->is_whole = !record->is_dropped;
}

int
fi_checkout_record_replay(const struct fi_checkout_record *record,
                          int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                       firn_error *err),
                          void *ctx, firn_error *err)
{
    CHECK(record->is_whole); /* half a record would leave changes out */
    int rc = FIRN_OK;
    for (const struct fi_checkout_recorded *recorded = record->first;
         recorded != NULL && rc == FIRN_OK; recorded = recorded->next) {
        rc = visit(ctx, &recorded->change, err);
    }
    return rc;
}
