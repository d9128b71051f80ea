/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_filter.c: selecting part of a tree by paths.
 *
 * Paths are compared component by component. For clean paths this means: equal, or a prefix
 * followed by a slash. The lists are short (a command line), so the search is linear.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "tree/tree.h"

static bool
is_below(firn_slice path, firn_slice ancestor)
{
    DCHECK(ancestor.size > 0 && ancestor.data[ancestor.size - 1] != '/'); /* that it is clean */
    return path.size > ancestor.size && fi_slice_has_prefix(path, ancestor) &&
           path.data[ancestor.size] == '/';
}

int
fi_tree_filter_init(struct fi_tree_filter *filter, const firn_slice *paths, size_t count,
                    firn_error *err)
{
    *filter = (struct fi_tree_filter){0};
    if (count == 0) {
        return FIRN_OK;
    }
    filter->paths = fi_alloc_array(count, sizeof *filter->paths);
    filter->was_met = fi_alloc_zeroed(count * sizeof *filter->was_met);
    if (filter->paths == NULL || filter->was_met == NULL) {
        fi_tree_filter_deinit(filter);
        return fi_error_no_memory(err, "a list of paths");
    }
    for (size_t i = 0; i < count; i++) {
        firn_slice path = paths[i];
        while (path.size > 0 && path.data[path.size - 1] == '/') {
            path.size--;
        }
        if (paths[i].size == 0) {
            fi_tree_filter_deinit(filter);
            return FIRN_OK;
        }
        if (path.size == 0 || !fi_tree_path_is_valid(path)) {
            fi_tree_filter_deinit(filter);
            return fi_error_set(err, FIRN_INVALID,
                                "'%.*s' is not a path inside the workspace: give it relative to "
                                "the root, without '.' or '..'",
                                (int)(paths[i].size < 256 ? paths[i].size : 256),
                                (const char *)paths[i].data);
        }
        filter->paths[filter->count++] = path;
    }
    return FIRN_OK;
}

void
fi_tree_filter_deinit(struct fi_tree_filter *filter)
{
    fi_free(filter->paths);
    fi_free(filter->was_met);
    *filter = (struct fi_tree_filter){0};
}

bool
fi_tree_filter_selects(struct fi_tree_filter *filter, firn_slice path)
{
    DCHECK(path.size == 0 || path.data[0] != '/'); /* from the root */
    bool is_selected = filter->count == 0;
    for (size_t i = 0; i < filter->count; i++) {
        if (fi_slice_equal(path, filter->paths[i]) || is_below(path, filter->paths[i])) {
            filter->was_met[i] = true;
            is_selected = true;
        }
    }
    return is_selected;
}

bool
fi_tree_filter_leads_on(const struct fi_tree_filter *filter, firn_slice directory)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (is_below(filter->paths[i], directory)) {
            return true;
        }
    }
    return false;
}

int
fi_tree_filter_check_met(const struct fi_tree_filter *filter, firn_error *err)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (!filter->was_met[i]) {
            return fi_error_set(err, FIRN_NOT_FOUND,
                                "'%.*s' is neither in the workspace nor in the checkpoint",
                                (int)(filter->paths[i].size < 256 ? filter->paths[i].size : 256),
                                (const char *)filter->paths[i].data);
        }
    }
    return FIRN_OK;
}
