/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_node.c: attributes in memory: modes, owners, times, extended attributes.
 *
 * An inode has its attributes twice, as the machine sees them and as its disk holds them; they
 * reach the disk all together. Sets of extended attributes are never changed: a change makes a new
 * set, so that both sides, and clones, can share one.
 *
 * What Linux refuses is refused: a mode for a symbolic link, attributes without a known namespace,
 * those of users on what is neither file nor directory, and changes of what belongs to somebody
 * else.
 */
#include <string.h>

#include "base/mem.h"
#include "sim/sim_memory_fs.h"

enum { NAME_SIZE_MAX = 255, VALUE_SIZE_MAX = 64 << 10 };

static void
free_xattrs(struct fi_sim_memory_xattrs *xattrs)
{
    for (size_t i = 0; i < xattrs->count; i++) {
        fi_free(xattrs->items[i].name);
        fi_free(xattrs->items[i].value);
    }
    fi_free(xattrs);
}

void
fi_sim_memory_node_deinit_attrs(struct fi_sim_memory_attrs *attrs)
{
    if (attrs->xattrs != NULL && --attrs->xattrs->refs == 0) {
        free_xattrs(attrs->xattrs);
    }
    attrs->xattrs = NULL;
}

void
fi_sim_memory_node_copy_attrs(struct fi_sim_memory_attrs *to,
                              const struct fi_sim_memory_attrs *from)
{
    if (from->xattrs != NULL) {
        from->xattrs->refs++; /* before the old ones go: the two may be the same */
    }
    fi_sim_memory_node_deinit_attrs(to);
    *to = *from;
}

void
fi_sim_memory_node_fill_stat(const struct fi_sim_memory_inode *inode, struct fi_os_stat *out)
{
    bool is_dir = inode->kind == FI_OS_DIR;
    *out = (struct fi_os_stat){
        .kind = inode->kind,
        .mode = inode->cache.mode,
        .uid = inode->cache.uid,
        .gid = inode->cache.gid,
        .nlink = is_dir ? 2 + inode->names.cache_subdirs : inode->cache_name_count,
        .size_bytes = inode->contents.cache_size,
        .allocated_bytes = inode->contents.cached_blocks * FI_SIM_MEMORY_BLOCK_SIZE,
        .device = 1,
        .inode = inode->number,
        .mtime_ns = inode->cache.mtime_ns,
        .ctime_ns = inode->cache.ctime_ns,
        .btime_ns = inode->fs->hide_births ? 0 : inode->btime_ns,
    };
    if (is_dir) {
        out->size_bytes = FI_SIM_MEMORY_BLOCK_SIZE;
    } else if (inode->kind == FI_OS_SYMLINK) {
        out->size_bytes = strlen(inode->target);
    }
}

/* Begins a call on a node. ENOENT where its name leads to nothing. */
static int
begin_node(struct fi_os_node node, enum fi_sim_memory_call call, struct fi_sim_memory_inode **out)
{
    if (node.file != NULL) {
        return fi_sim_memory_begin_file(node.file, call, out);
    }
    int error_number = fi_sim_memory_begin_dir(node.dir, call, out);
    if (error_number != 0 || node.name == NULL) {
        return error_number;
    }
    *out = fi_sim_memory_tree_lookup(*out, node.name);
    return *out != NULL ? 0 : ENOENT;
}

static bool
owned(const struct fi_sim_memory_inode *inode)
{
    return inode->fs->uid == 0 || inode->fs->uid == inode->cache.uid;
}

int
fi_sim_memory_node_set_mode(struct fi_os_node node, uint32_t mode)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (inode->kind == FI_OS_SYMLINK) {
        return EOPNOTSUPP;
    }
    if (!owned(inode)) {
        return EPERM;
    }
    inode->cache.mode = mode;
    inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    return 0;
}

int
fi_sim_memory_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_attrs *attrs = &inode->cache;
    bool changes =
        (uid != UINT32_MAX && uid != attrs->uid) || (gid != UINT32_MAX && gid != attrs->gid);
    if (inode->fs->uid != 0 && (changes || !owned(inode))) {
        return EPERM;
    }
    attrs->uid = uid != UINT32_MAX ? uid : attrs->uid;
    attrs->gid = gid != UINT32_MAX ? gid : attrs->gid;
    if (inode->kind == FI_OS_FILE) {
        attrs->mode &= ~UINT32_C(04000);
        attrs->mode &= attrs->mode & 010 ? ~UINT32_C(02000) : ~UINT32_C(0);
    }
    attrs->ctime_ns = fi_sim_memory_stamp(inode->fs);
    return 0;
}

int
fi_sim_memory_node_set_mtime(struct fi_os_node node, int64_t mtime_ns)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (!owned(inode)) {
        return EPERM;
    }
    inode->cache.mtime_ns = mtime_ns;
    inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    return 0;
}

/* ---- extended attributes ---- */

static const struct fi_sim_memory_xattr *
find_xattr(const struct fi_sim_memory_xattrs *xattrs, const char *attribute)
{
    for (size_t i = 0; xattrs != NULL && i < xattrs->count; i++) {
        if (strcmp(xattrs->items[i].name, attribute) == 0) {
            return &xattrs->items[i];
        }
    }
    return NULL;
}

int
fi_sim_memory_node_xattr_list(struct fi_os_node node, struct fi_buf *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    const struct fi_sim_memory_xattrs *xattrs = inode->cache.xattrs;
    size_t size_before = out->size;
    for (size_t i = 0; xattrs != NULL && i < xattrs->count; i++) {
        const char *name = xattrs->items[i].name;
        if (fi_buf_append(out, name, strlen(name) + 1) != FIRN_OK) {
            out->size = size_before;
            return ENOMEM;
        }
    }
    return 0;
}

int
fi_sim_memory_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    const struct fi_sim_memory_xattr *xattr = find_xattr(inode->cache.xattrs, attribute);
    if (xattr == NULL) {
        return ENODATA;
    }
    return fi_buf_append(out, xattr->value, xattr->value_size) == FIRN_OK ? 0 : ENOMEM;
}

static bool
has_namespace(const char *attribute, const char *name_space)
{
    size_t size = strlen(name_space);
    return strncmp(attribute, name_space, size) == 0 && attribute[size] != '\0';
}

static int
may_change_xattr(const struct fi_sim_memory_inode *inode, const char *attribute)
{
    bool of_users = has_namespace(attribute, "user.");
    if (!of_users && !has_namespace(attribute, "trusted.") &&
        !has_namespace(attribute, "security.") && !has_namespace(attribute, "system.")) {
        return EOPNOTSUPP;
    }
    if (of_users && inode->kind != FI_OS_FILE && inode->kind != FI_OS_DIR) {
        return EPERM;
    }
    return owned(inode) && (of_users || inode->fs->uid == 0) ? 0 : EPERM;
}

/* A copy without the named attribute and with room for one more; NULL when memory is out. */
static struct fi_sim_memory_xattrs *
copy_xattrs_without(const struct fi_sim_memory_xattrs *from, const char *attribute)
{
    size_t count = from != NULL ? from->count : 0;
    struct fi_sim_memory_xattrs *copy =
        fi_alloc_zeroed(sizeof *copy + (count + 1) * sizeof copy->items[0]);
    if (copy == NULL) {
        return NULL;
    }
    copy->refs = 1;
    for (size_t i = 0; i < count; i++) {
        const struct fi_sim_memory_xattr *item = &from->items[i];
        if (strcmp(item->name, attribute) == 0) {
            continue;
        }
        struct fi_sim_memory_xattr *own = &copy->items[copy->count++];
        own->name = fi_strdup(item->name);
        own->value = fi_memdup(item->value, item->value_size);
        own->value_size = item->value_size;
        if (own->name == NULL || own->value == NULL) {
            free_xattrs(copy);
            return NULL;
        }
    }
    return copy;
}

static void
replace_xattrs(struct fi_sim_memory_inode *inode, struct fi_sim_memory_xattrs *xattrs)
{
    fi_sim_memory_node_deinit_attrs(&inode->cache);
    inode->cache.xattrs = xattrs;
    inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
}

int
fi_sim_memory_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number == 0) {
        error_number = may_change_xattr(inode, attribute);
    }
    if (error_number == 0 && strlen(attribute) > NAME_SIZE_MAX) {
        error_number = ERANGE;
    }
    if (error_number == 0 && value.size > VALUE_SIZE_MAX) {
        error_number = E2BIG;
    }
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_xattrs *xattrs = copy_xattrs_without(inode->cache.xattrs, attribute);
    if (xattrs == NULL) {
        return ENOMEM;
    }
    struct fi_sim_memory_xattr *item = &xattrs->items[xattrs->count++];
    item->name = fi_strdup(attribute);
    item->value = fi_memdup(value.data, value.size);
    item->value_size = value.size;
    if (item->name == NULL || item->value == NULL) {
        free_xattrs(xattrs);
        return ENOMEM;
    }
    replace_xattrs(inode, xattrs);
    return 0;
}

int
fi_sim_memory_node_xattr_remove(struct fi_os_node node, const char *attribute)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin_node(node, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number == 0) {
        error_number = may_change_xattr(inode, attribute);
    }
    if (error_number == 0 && find_xattr(inode->cache.xattrs, attribute) == NULL) {
        error_number = ENODATA;
    }
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_xattrs *xattrs = copy_xattrs_without(inode->cache.xattrs, attribute);
    if (xattrs == NULL) {
        return ENOMEM;
    }
    replace_xattrs(inode, xattrs);
    return 0;
}
