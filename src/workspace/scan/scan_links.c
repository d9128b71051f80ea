/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_links.c: inodes that have several names in the tree.
 *
 * Of the names of one inode, the first in the byte order of whole paths holds the content; the
 * others refer to that path. Which name is first is known only when the walk is over, since another
 * worker may find a smaller path at any moment. So an entry with more than one link is not encoded
 * at once: it becomes a member of its inode's group and a late entry of its directory. The
 * directory is then built after the walk, as are the directories above it.
 *
 * Metadata, content, attributes and target are shared by all names of an inode. They are kept once,
 * as they were when the inode was first read, so the names agree even if the file changes before
 * its other names are found. A group whose other names are outside the tree has one member, and its
 * entry looks like any other.
 *
 * Groups are numbered in the order in which they are made, which depends on threads; nothing that
 * is saved does:
 * (I1) the number never leaves the scan, and first_node and first_name end as the minimum over all
 *   members.
 *
 * A name that is as the memo of its directory has it joins its group without being read, and takes
 * its fields from the directory's earlier object. If another name of the inode has to be read (the
 * name is new, or the file has changed meanwhile), what was read counts for all names (I2), and
 * prints that showed another state are not kept.
 *
 * A confined scan must not meet a new name, because the others may be where it does not look
 * (scan_confined.c).
 *
 * Memory, until the end of the scan: about 200 bytes for an inode with more than one link, and
 * about 70 bytes and the text for each of its names.
 *
 * Two workers that meet an inode at the same time may both read it; the second then joins the group
 * of the first. A worker never waits for another one to read.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

/* What the entries of one inode have in common, and the first of the names found so far. The fields
 * from kind to xattrs_size are set once the inode has been read; until then every name that was
 * found is as the memo of its directory has it. */
struct fi_scan_group {
    uint64_t device;
    uint64_t inode;
    bool is_read;
    bool is_settled;
    int64_t ctime_ns; /* when it was read */
    enum fi_tree_kind kind;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    uint64_t size;
    firn_hash hash;
    const uint8_t *target; /* these two in an arena of a worker */
    const uint8_t *xattrs;
    uint32_t target_size;
    uint32_t xattrs_size;
    const struct fi_scan_node *first_node; /* NULL before the first name */
    const char *first_name;
    uint64_t names;     /* how many were found */
    uint64_t nlink;     /* the largest count at any look */
    int64_t changed_ns; /* the latest ctime at any look; adding a name changes it */
};

struct inode {
    uint64_t device;
    uint64_t inode;
};

static uint64_t
inode_hash(struct inode key)
{
    return key.inode * UINT64_C(0x9e3779b97f4a7c15) ^ key.device;
}

static uint64_t
group_hash(const void *record)
{
    const struct fi_scan_group *group = record;
    return inode_hash((struct inode){group->device, group->inode});
}

static bool
group_equal(const void *record, const void *key)
{
    const struct fi_scan_group *group = record;
    const struct inode *inode = key;
    return group->inode == inode->inode && group->device == inode->device;
}

void
fi_scan_links_init(struct fi_scan *scan)
{
    fi_hash_map_init(&scan->groups, sizeof(struct fi_scan_group), group_hash, group_equal);
}

static struct fi_scan_group *
find_locked(struct fi_scan *scan, const struct fi_os_stat *stat)
{
    fi_os_mutex_assert_held(&scan->mutex);
    struct inode key = {stat->device, stat->inode};
    return fi_hash_map_find(&scan->groups, inode_hash(key), &key);
}

/* Groups are in the map in the order of insertion and are never removed. */
static uint32_t
number_of_locked(const struct fi_scan *scan, const struct fi_scan_group *group)
{
    fi_os_mutex_assert_held(&scan->mutex);
    const struct fi_scan_group *groups = fi_hash_map_at(&scan->groups, 0);
    DCHECK(group >= groups && (size_t)(group - groups) < scan->groups.count);
    return (uint32_t)(group - groups);
}

/* The group of an inode, created if there is none; NULL if there is no memory. */
static struct fi_scan_group *
find_or_make_locked(struct fi_scan_worker *worker, const struct fi_os_stat *stat)
{
    fi_os_mutex_assert_held(&worker->scan->mutex);
    struct fi_scan *scan = worker->scan;
    struct fi_scan_group *group = find_locked(scan, stat);
    if (group == NULL) {
        struct fi_scan_group made = {.device = stat->device, .inode = stat->inode};
        group = fi_hash_map_insert(&scan->groups, group_hash(&made), &made);
        if (group != NULL && stat->kind == FI_OS_FILE) {
            worker->bytes += stat->size_bytes;
        }
    }
    return group;
}

/* Counts one name, whose look was *stat. */
static void
count_name_locked(struct fi_scan *scan, struct fi_scan_group *group, const struct fi_os_stat *stat)
{
    fi_os_mutex_assert_held(&scan->mutex);
    group->names++;
    group->nlink = stat->nlink > group->nlink ? stat->nlink : group->nlink;
    group->changed_ns = stat->ctime_ns > group->changed_ns ? stat->ctime_ns : group->changed_ns;
}

/* Whether a look shows the state in which the group was read. */
static bool
shows_group(const struct fi_scan_group *group, const struct fi_os_stat *stat)
{
    return group->is_settled && group->ctime_ns == stat->ctime_ns;
}

bool
fi_scan_links_find(struct fi_scan *scan, const struct fi_os_stat *stat, uint32_t *out_group,
                   bool *out_is_settled)
{
    fi_os_mutex_lock(&scan->mutex);
    struct fi_scan_group *group = find_locked(scan, stat);
    bool is_read = group != NULL && group->is_read;
    if (is_read) {
        count_name_locked(scan, group, stat);
        *out_group = number_of_locked(scan, group);
        *out_is_settled = shows_group(group, stat);
    }
    fi_os_mutex_unlock(&scan->mutex);
    return is_read;
}

int
fi_scan_links_meet(struct fi_scan_worker *worker, const struct fi_os_stat *stat,
                   uint32_t *out_group, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    fi_os_mutex_lock(&scan->mutex);
    struct fi_scan_group *group = find_or_make_locked(worker, stat);
    if (group != NULL) {
        count_name_locked(scan, group, stat);
        *out_group = number_of_locked(scan, group);
    }
    fi_os_mutex_unlock(&scan->mutex);
    return group != NULL ? FIRN_OK : fi_error_no_memory(err, "a group of links");
}

/* Copies what has been read of an inode to the worker's memory. */
static int
copy_entry(struct fi_scan_worker *worker, const struct fi_os_stat *stat,
           const struct fi_tree_entry *entry, struct fi_scan_group *out, firn_error *err)
{
    const uint8_t *target = fi_arena_copy(&worker->arena, entry->target.data, entry->target.size);
    const uint8_t *xattrs = fi_arena_copy(&worker->arena, entry->xattrs.data, entry->xattrs.size);
    if (target == NULL || xattrs == NULL) {
        return fi_error_no_memory(err, "a group of links");
    }
    *out = (struct fi_scan_group){
        .device = stat->device,
        .inode = stat->inode,
        .is_read = true,
        .ctime_ns = stat->ctime_ns,
        .kind = entry->kind,
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .mtime_ns = entry->mtime_ns,
        .size = entry->size,
        .hash = entry->hash,
        .target = target,
        .xattrs = xattrs,
        .target_size = (uint32_t)entry->target.size,
        .xattrs_size = (uint32_t)entry->xattrs.size,
    };
    return FIRN_OK;
}

int
fi_scan_links_add(struct fi_scan_worker *worker, const struct fi_os_stat *stat,
                  const struct fi_tree_entry *entry, bool *is_settled, uint32_t *out_group,
                  firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    struct fi_scan_group read;
    int rc = copy_entry(worker, stat, entry, &read, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    read.is_settled = *is_settled;
    fi_os_mutex_lock(&scan->mutex);
    struct fi_scan_group *group = find_or_make_locked(worker, stat);
    if (group != NULL && !group->is_read) {
        read.first_node = group->first_node;
        read.first_name = group->first_name;
        read.names = group->names;
        read.nlink = group->nlink;
        read.changed_ns = group->changed_ns;
        *group = read;
    }
    if (group != NULL) {
        DCHECK(group->is_read);
        count_name_locked(scan, group, stat);
        *out_group = number_of_locked(scan, group);
        *is_settled = shows_group(group, stat);
    }
    fi_os_mutex_unlock(&scan->mutex);
    return group != NULL ? FIRN_OK : fi_error_no_memory(err, "a group of links");
}

bool
fi_scan_links_are_fresh(const struct fi_scan *scan)
{
    for (size_t i = 0; i < scan->groups.count; i++) {
        const struct fi_scan_group *group = fi_hash_map_at(&scan->groups, i);
        if (group->names < group->nlink &&
            group->changed_ns >= scan->start_ns - FI_SCAN_CLOCK_TICK_NS) {
            return true;
        }
    }
    return false;
}

/* ---- the order of paths ---- */

/* A path, from its end: a name in a directory, or (is_end false) a directory with more after
 * it. */
struct place {
    const struct fi_scan_node *node;
    const char *name;
    bool is_end;
};

static void
climb(struct place *place)
{
    DCHECK(place->node->parent != NULL);
    *place = (struct place){place->node->parent, place->node->name, false};
}

/* Byte order of two paths that differ from these names on; a slash follows a directory's name. */
static int
compare_names(const struct place *a, const struct place *b)
{
    size_t a_size = strlen(a->name);
    size_t b_size = strlen(b->name);
    size_t shared = a_size < b_size ? a_size : b_size;
    int order = memcmp(a->name, b->name, shared);
    if (order != 0 || a_size == b_size) {
        return order;
    }
    int a_next = shared < a_size ? (uint8_t)a->name[shared] : a->is_end ? -1 : '/';
    int b_next = shared < b_size ? (uint8_t)b->name[shared] : b->is_end ? -1 : '/';
    return a_next - b_next;
}

static int
compare_places(struct place a, struct place b)
{
    while (a.node->depth > b.node->depth) {
        climb(&a);
    }
    while (b.node->depth > a.node->depth) {
        climb(&b);
    }
    while (a.node != b.node) {
        climb(&a);
        climb(&b);
    }
    return compare_names(&a, &b);
}

int
fi_scan_links_join(struct fi_scan_worker *worker, struct fi_scan_node *node,
                   const struct fi_scan_late *link, const struct fi_statcache_print *print,
                   firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    struct fi_scan_late own = *link;
    own.name = fi_arena_str(&worker->arena, link->name, strlen(link->name));
    if (own.name == NULL || fi_scan_node_add_late(&worker->part, &own) != FIRN_OK ||
        fi_scan_node_add_print(&worker->part, print) != FIRN_OK) {
        return fi_error_no_memory(err, "a link");
    }
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(link->index < scan->groups.count && !scan->links_are_known);
    struct fi_scan_group *group = fi_hash_map_at(&scan->groups, link->index);
    if (group->first_node == NULL ||
        compare_places((struct place){node, own.name, true},
                       (struct place){group->first_node, group->first_name, true}) < 0) {
        group->first_node = node;
        group->first_name = own.name;
    }
    fi_os_mutex_unlock(&scan->mutex);
    return FIRN_OK;
}

static struct fi_tree_entry
entry_of_group(const struct fi_scan_group *group, const char *name)
{
    return (struct fi_tree_entry){
        .name = firn_str(name),
        .kind = group->kind,
        .mode = group->mode,
        .uid = group->uid,
        .gid = group->gid,
        .mtime_ns = group->mtime_ns,
        .size = group->size,
        .hash = group->hash,
        .target = firn_bytes(group->target, group->target_size),
        .xattrs = firn_bytes(group->xattrs, group->xattrs_size),
    };
}

/* Whether two entries of one name are equal apart from what they link to. */
static bool
is_alike(const struct fi_tree_entry *a, const struct fi_tree_entry *b)
{
    return a->kind == b->kind && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
           a->mtime_ns == b->mtime_ns && a->size == b->size && fi_hash_equal(&a->hash, &b->hash) &&
           fi_slice_equal(a->target, b->target) && fi_slice_equal(a->xattrs, b->xattrs);
}

int
fi_scan_links_entry(struct fi_scan_worker *worker, const struct fi_scan_late *late,
                    const struct fi_tree_entry *old, struct fi_tree_entry *out, bool *out_is_old,
                    firn_error *err)
{
    /* No lock: groups no longer change once links_are_known was read as true under the lock. */
    const struct fi_scan_group *group = fi_hash_map_at(&worker->scan->groups, late->index);
    DCHECK(worker->scan->links_are_known && group->first_node != NULL); /* (I1) */
    *out_is_old = old != NULL;
    if (group->is_read) {
        *out = entry_of_group(group, late->name);
        *out_is_old = old != NULL && is_alike(old, out);
    } else {
        CHECK(old != NULL); /* (I2): no thread has read it */
        *out = *old;
        out->hard_link = firn_bytes(NULL, 0);
    }
    if (group->first_name == late->name) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(group->first_node, group->first_name, &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    out->hard_link = fi_buf_slice(&worker->path);
    return FIRN_OK;
}
