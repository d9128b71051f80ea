/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_node.c: what is kept of a directory from its visit until its object is built.
 *
 * A node has its name and its parent, but not its path. A path is built from the chain of parents
 * when a system call or a message needs it, so the memory for a deep tree grows with the length of
 * its names and not with the square of its depth.
 *
 * Entries arrive as parts, one for each segment: the bytes of the entries that could be encoded at
 * once, and notes of late entries (subdirectories, hard links, and runs of entries that are as an
 * earlier scan saw them) with their places. Parts are joined in the order of segments (I1); a
 * segment that is done early waits in a stash. So the entries of a huge directory are in memory
 * only once, encoded.
 *
 * Lifetime. A node is alive from its visit until it is built (its parent waits for it meanwhile, so
 * parents outlive children, I2). All live nodes are on a list, so that they can be freed if the
 * scan fails. Once the walk is over nodes are only emptied, because the path of a hard link's first
 * name may lead through any of them.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "scan/scan_internal.h"

struct fi_scan_node *
fi_scan_node_create(struct fi_scan *scan, struct fi_scan_node *parent, uint32_t index)
{
    struct fi_scan_node *node = fi_alloc_zeroed(sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    node->parent = parent;
    node->index = index;
    node->name = "";
    if (parent != NULL) {
        DCHECK(index < parent->subdir_count && parent->depth + 1 < FI_TREE_DEPTH_MAX);
        node->name = parent->subdirs[index].name;
        node->depth = parent->depth + 1;
        node->path_size = parent->path_size + (parent->path_size > 0 ? 1 : 0) + strlen(node->name);
    }
    fi_os_mutex_lock(&scan->mutex);
    node->next_alive = scan->alive;
    if (scan->alive != NULL) {
        scan->alive->previous_alive = node;
    }
    scan->alive = node;
    fi_os_mutex_unlock(&scan->mutex);
    return node;
}

void
fi_scan_node_part_deinit(struct fi_scan_part *part)
{
    fi_buf_deinit(&part->encoded);
    fi_buf_deinit(&part->prints);
    fi_free(part->lates);
    *part = (struct fi_scan_part){0};
}

void
fi_scan_node_part_clear(struct fi_scan_part *part)
{
    fi_buf_clear(&part->encoded);
    fi_buf_clear(&part->prints);
    part->late_count = 0;
}

void
fi_scan_node_empty(struct fi_scan_node *node)
{
    for (size_t i = 0; i < node->subdir_count; i++) {
        fi_free(node->subdirs[i].xattrs);
    }
    fi_free(node->subdirs);
    node->subdirs = NULL;
    node->subdir_count = 0;
    fi_scan_listing_deinit(&node->listing);
    fi_buf_deinit(&node->xattrs);
    fi_copy_hot_close(node->store);
    node->store = NULL;
    if (node->leave_databases != NULL) {
        node->leave_databases(node);
    }
    fi_statcache_memo_deinit(&node->memo);
    fi_scan_node_part_deinit(&node->part);
    while (node->stashes != NULL) {
        struct fi_scan_stash *stash = node->stashes;
        node->stashes = stash->next;
        fi_scan_node_part_deinit(&stash->part);
        fi_free(stash);
    }
}

void
fi_scan_node_destroy(struct fi_scan *scan, struct fi_scan_node *node)
{
    fi_os_mutex_lock(&scan->mutex);
    if (node->previous_alive != NULL) {
        node->previous_alive->next_alive = node->next_alive;
    } else {
        scan->alive = node->next_alive;
    }
    if (node->next_alive != NULL) {
        node->next_alive->previous_alive = node->previous_alive;
    }
    fi_os_mutex_unlock(&scan->mutex);
    fi_scan_node_empty(node);
    fi_free(node->subdir_names);
    fi_free(node);
}

int
fi_scan_node_path(const struct fi_scan_node *node, const char *name, struct fi_buf *out)
{
    size_t name_size = strlen(name);
    size_t slash = node->path_size > 0 && name_size > 0 ? 1 : 0;
    size_t size = node->path_size + slash + name_size;
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_set_size(out, size + 1));
    memcpy(out->data + size - name_size, name, name_size + 1);
    if (slash > 0) {
        out->data[node->path_size] = '/';
    }
    for (size_t end = node->path_size; node->parent != NULL; node = node->parent) {
        size_t component = strlen(node->name);
        DCHECK(component > 0 && component <= end);
        end -= component;
        memcpy(out->data + end, node->name, component);
        if (end > 0) {
            out->data[--end] = '/';
        }
    }
    out->size = size;
    return FIRN_OK;
}

static int
reserve_lates(struct fi_scan_part *part, size_t more)
{
    size_t needed = part->late_count + more;
    if (more == 0 || (part->lates != NULL && needed <= part->late_capacity)) {
        return FIRN_OK;
    }
    size_t capacity = part->late_capacity + part->late_capacity / 2;
    capacity = capacity < needed ? needed : capacity;
    struct fi_scan_late *lates = fi_resize_array(part->lates, capacity, sizeof *lates);
    if (lates == NULL) {
        return FIRN_NO_MEMORY;
    }
    part->lates = lates;
    part->late_capacity = capacity;
    return FIRN_OK;
}

int
fi_scan_node_add_late(struct fi_scan_part *part, const struct fi_scan_late *late)
{
    int rc = reserve_lates(part, 1);
    if (rc == FIRN_OK) {
        struct fi_scan_late added = *late;
        added.offset = part->encoded.size;
        added.print = part->prints.size;
        DCHECK(added.kind != FI_SCAN_LATE_KNOWN || added.count > 0);
        part->lates[part->late_count++] = added;
    }
    return rc;
}

int
fi_scan_node_add_known(struct fi_scan_part *part, size_t known)
{
    struct fi_scan_late *last = part->late_count > 0 ? &part->lates[part->late_count - 1] : NULL;
    if (last != NULL && last->kind == FI_SCAN_LATE_KNOWN && last->offset == part->encoded.size &&
        last->print == part->prints.size && last->known + last->count == known) {
        last->count++;
        return FIRN_OK;
    }
    struct fi_scan_late late = {.kind = FI_SCAN_LATE_KNOWN, .known = known, .count = 1};
    return fi_scan_node_add_late(part, &late);
}

int
fi_scan_node_add_print(struct fi_scan_part *part, const struct fi_statcache_print *print)
{
    return fi_buf_append(&part->prints, print->bytes, sizeof print->bytes);
}

/* Appends one part to another and empties it. */
static int
append_part(struct fi_scan_part *to, struct fi_scan_part *from)
{
    size_t offset = to->encoded.size;
    size_t print = to->prints.size;
    DCHECK(to != from);
    FI_TRY_RETURN(reserve_lates(to, from->late_count));
    FI_TRY_RETURN(fi_buf_append_slice(&to->encoded, fi_buf_slice(&from->encoded)));
    FI_TRY_RETURN(fi_buf_append_slice(&to->prints, fi_buf_slice(&from->prints)));
    for (size_t i = 0; i < from->late_count; i++) {
        struct fi_scan_late *late = &to->lates[to->late_count++];
        *late = from->lates[i];
        late->offset += offset;
        late->print += print;
    }
    fi_scan_node_part_clear(from);
    return FIRN_OK;
}

/* Keeps a part until it can be joined. */
static int
put_aside(struct fi_scan_node *node, size_t segment, struct fi_scan_part *part)
{
    struct fi_scan_stash *stash = fi_alloc(sizeof *stash);
    if (stash == NULL) {
        return FIRN_NO_MEMORY;
    }
    *stash = (struct fi_scan_stash){.next = node->stashes, .segment = segment, .part = *part};
    node->stashes = stash;
    *part = (struct fi_scan_part){0};
    return FIRN_OK;
}

/* Takes the part of a segment out of the stashes; NULL if it is not there. */
static struct fi_scan_stash *
take_stash(struct fi_scan_node *node, size_t segment)
{
    struct fi_scan_stash **at = &node->stashes;
    while (*at != NULL && (*at)->segment != segment) {
        at = &(*at)->next;
    }
    struct fi_scan_stash *stash = *at;
    if (stash != NULL) {
        *at = stash->next;
    }
    return stash;
}

int
fi_scan_node_merge_locked(struct fi_scan *scan, struct fi_scan_node *node, size_t segment,
                          struct fi_scan_part *part)
{
    fi_os_mutex_assert_held(&scan->mutex);
    DCHECK(segment >= node->segments_merged && segment < node->segments_claimed); /* (I1) */
    if (segment != node->segments_merged) {
        return put_aside(node, segment, part);
    }
    int rc = append_part(&node->part, part);
    while (rc == FIRN_OK) {
        struct fi_scan_stash *next = take_stash(node, ++node->segments_merged);
        if (next == NULL) {
            break;
        }
        rc = append_part(&node->part, &next->part);
        fi_scan_node_part_deinit(&next->part);
        fi_free(next);
    }
    if (node->segments_merged == node->segment_count) {
        fi_scan_listing_deinit(&node->listing);
    }
    return rc;
}

bool
fi_scan_node_has_more(const struct fi_scan_node *node)
{
    return node->segments_claimed < node->segment_count ||
           node->subdirs_claimed < node->subdir_count;
}

void
fi_scan_node_push_locked(struct fi_scan *scan, struct fi_scan_node *node)
{
    fi_os_mutex_assert_held(&scan->mutex);
    DCHECK(node->is_due || fi_scan_node_has_more(node));
    node->next_below = scan->stack;
    scan->stack = node;
    if (scan->idle > 0) {
        fi_os_cond_broadcast(&scan->work);
    }
}

int
fi_scan_node_encode_subdir(const struct fi_scan_subdir *subdir, struct fi_buf *out)
{
    DCHECK(subdir->state != FI_SCAN_SUBDIR_WAITING);
    if (subdir->state == FI_SCAN_SUBDIR_LEFT_OUT) {
        return FIRN_OK;
    }
    struct fi_tree_entry entry = {
        .name = firn_str(subdir->name),
        .kind = FI_TREE_DIR,
        .mode = subdir->mode,
        .uid = subdir->uid,
        .gid = subdir->gid,
        .mtime_ns = subdir->mtime_ns,
        .hash = subdir->hash,
        .xattrs = firn_bytes(subdir->xattrs, subdir->xattrs_size),
    };
    return fi_tree_encode_entry(out, &entry);
}
