/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_paths.c: the paths to which a step of the undo line is limited.
 *
 * A restore of some paths (ws_restore_paths.c) has them in a record of its own (catalog_facts.c),
 * entered in the commit that ends the restore (I1; not checked: the two are in one batch). An undo
 * or a redo of that step alone is limited to them: only there is the directory compared with the
 * line, and what was changed elsewhere meanwhile stays. If there is no record, because it has
 * become old or there were too many paths, the step is one of the whole tree.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "undo/undo.h"

void
fi_ws_paths_deinit(struct fi_ws_paths *paths)
{
    fi_catalog_facts_deinit(&paths->facts);
    fi_free(paths->items);
    *paths = (struct fi_ws_paths){.count = 0};
}

int
fi_ws_paths_read(struct fi_ws_opened *opened, const struct fi_catalog_undo_line_state *state,
                 struct fi_ws_paths *out, firn_error *err)
{
    struct fi_catalog_facts_change change;
    size_t capacity = 0;
    *out = (struct fi_ws_paths){.count = 0};
    if (state->kind != FIRN_STEP_RESTORE) {
        return FIRN_OK;
    }
    int rc = fi_catalog_facts_get(opened->catalog, opened->workspace.number, state->order,
                                  &out->facts, err);
    if (rc != FIRN_OK || out->facts.kind != FIRN_STEP_RESTORE) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    struct fi_reader changes = fi_catalog_facts_read(&out->facts);
    while (fi_catalog_facts_next(&changes, &change)) {
        FI_TRY_RETURN(FI_VEC_RESERVE(out->items, out->count + 1, capacity, err));
        out->items[out->count++] = change.name;
        if (change.name.size == 0 || !fi_tree_path_is_valid(change.name)) {
            out->count = 0; /* not written by this version: of the whole tree */
            break;
        }
    }
    return FIRN_OK;
}

bool
fi_ws_paths_are_of(const struct fi_ws_paths *paths, const struct fi_catalog_journal *journal)
{
    bool are = paths->count == journal->path_count && paths->count > 0;
    for (size_t i = 0; are && i < paths->count; i++) {
        are = fi_slice_equal(paths->items[i], journal->paths[i]);
    }
    return are;
}

int
fi_ws_paths_put(struct fi_ws_opened *opened, struct firn_db_batch *batch, uint64_t order,
                const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_RESTORE};
    int rc = FIRN_OK;
    for (size_t i = 0; i < journal->path_count; i++) {
        const struct fi_catalog_facts_change change = {.name = journal->paths[i]};
        FI_TRY(fi_catalog_facts_note(&facts, &change, err));
        if (facts.changes.size > FI_CATALOG_FACTS_SIZE_MAX) {
            break; /* too many: no record */
        }
    }
    rc = fi_catalog_facts_put_at(opened->catalog, batch, opened->workspace.number, order, &facts,
                                 fi_os_now_ns(fi_db_os(opened->db)), err);
out:
    fi_catalog_facts_deinit(&facts);
    return rc;
}
