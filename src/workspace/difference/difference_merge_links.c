/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge_links.c: checks that the hard links of a merged tree are consistent,
 * and counts its entries.
 *
 * A further name of a file repeats all its fields and gives the path of the first name
 * (tree/tree.h). A merge decides path by path, and an entry does not show which entries refer to
 * it: a file that was changed or removed may have further names anywhere, also in directories that
 * neither side changed. So the whole merged tree is walked once, and each name that no longer
 * agrees with the first one is a conflict. A tree with conflicts is never stored (I1; not checked
 * here: ws_revert_tree.c, which makes it, checks it).
 *
 * A link to a path that is never written (tree.h) becomes a file of its own in a restore, so it is
 * no conflict. The walk visits every entry, so it also counts them.
 */
#include "base/check.h"
#include "difference/difference.h"
#include "tree/tree.h"

struct checking {
    struct fi_tree_lookup links;
    struct fi_difference_merge_counts *counts;
    int (*on_conflict)(void *ctx, const firn_workspace_revert_conflict *conflict, firn_error *err);
    void *ctx;
};

static int
difference_merge_links_report(struct checking *checking,
                              const struct fi_difference_walk_change *change, firn_error *err)
{
    firn_workspace_entry now;
    fi_difference_walk_to_info(change->path, change->after, &now);
    const firn_workspace_revert_conflict conflict = {
        .kind = FIRN_REVERT_CONFLICT_HARD_LINKS, .path = change->path, .now = &now};
    return checking->on_conflict(checking->ctx, &conflict, err);
}

static int
check_entry(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct checking *checking = ctx;
    const struct fi_tree_entry *entry = change->after;
    DCHECK(change->before == NULL && entry != NULL);
    if (change->path.size == 0) {
        return FIRN_OK;
    }
    if (entry->kind == FI_TREE_DIR) {
        checking->counts->directories++;
        return FIRN_OK;
    }
    checking->counts->files++;
    if (entry->hard_link.size == 0) {
        checking->counts->bytes += entry->size;
        return FIRN_OK;
    }
    if (fi_tree_reserved_path(entry->hard_link) != NULL) {
        return FIRN_OK;
    }
    firn_error found;
    int rc = fi_tree_lookup_check_link(&checking->links, change->path, entry, &found);
    if (rc == FIRN_CORRUPT) {
        return difference_merge_links_report(checking, change, err);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

int
fi_difference_merge_links_check(const struct fi_difference_walk_side *tree,
                                int (*on_conflict)(void *ctx,
                                                   const firn_workspace_revert_conflict *conflict,
                                                   firn_error *err),
                                void *ctx, struct fi_difference_merge_counts *out, firn_error *err)
{
    struct checking checking = {.counts = out, .on_conflict = on_conflict, .ctx = ctx};
    const struct fi_difference_walk_side nothing = {.source = tree->source};
    const struct fi_difference_walk_options options = {0};
    *out = (struct fi_difference_merge_counts){0};
    fi_tree_lookup_init(&checking.links, tree->source, &tree->root->hash);
    int rc = fi_difference_walk(&nothing, tree, &options, check_entry, &checking, err);
    fi_tree_lookup_deinit(&checking.links);
    return rc;
}
