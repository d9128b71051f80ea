/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram.c: a file system in the memory of this process: its table and its limit.
 *
 * A store runs on it unchanged. It is small on purpose: names in sorted arrays, contents in chunks,
 * one mutex for the tree and one lock a file for its contents. Files in reading order: os_ram_fs.h
 * (the structures), this one, os_ram_tree.c (names and directories), os_ram_file.c (contents).
 *
 * What it does not have (symbolic links, fifos, owners, extended attributes) it refuses with
 * EOPNOTSUPP, and shows as not there.
 *
 * The limit counts chunks and nodes before they are allocated, so that it is never exceeded;
 * removing and shrinking always work.
 */
#include "hosted/os_ram.h"

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "hosted/os_ram_fs.h"

/* ---- the limit ---- */

bool
firn_os_ram_reserve(struct firn_os_ram *fs, uint64_t bytes)
{
    /* Relaxed: a number that orders nothing. */
    uint_fast64_t used = atomic_load_explicit(&fs->used_bytes, memory_order_relaxed);
    do {
        if (bytes > fs->limit_bytes - used) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&fs->used_bytes, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void
firn_os_ram_unreserve(struct firn_os_ram *fs, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&fs->used_bytes, bytes, memory_order_relaxed);
}

uint64_t
firn_os_ram_used_bytes(const struct firn_os *os)
{
    return atomic_load_explicit(&((const struct firn_os_ram *)os)->used_bytes,
                                memory_order_relaxed);
}

static int
dir_free_bytes(struct firn_os_dir *dir, uint64_t *out)
{
    const struct firn_os_ram *fs = firn_os_ram_dir_node(dir)->fs;
    *out = fs->limit_bytes - firn_os_ram_used_bytes(&fs->base);
    return 0;
}

/* ---- clocks and the like are those of the process ---- */

int64_t
firn_os_ram_now(void)
{
    return firn_os_now_ns(firn_os_default());
}

static int64_t
now_ns(struct firn_os *os)
{
    (void)os;
    return firn_os_ram_now();
}

static int64_t
monotonic_ns(struct firn_os *os)
{
    (void)os;
    return firn_os_monotonic_ns(firn_os_default());
}

static void
sleep_ns(struct firn_os *os, int64_t duration_ns)
{
    (void)os;
    firn_os_sleep_ns(firn_os_default(), duration_ns);
}

static int
random_bytes(struct firn_os *os, void *out, size_t size)
{
    (void)os;
    return firn_os_default()->ops->random(firn_os_default(), out, size);
}

static unsigned
cpu_count(struct firn_os *os)
{
    (void)os;
    return firn_os_cpu_count(firn_os_default());
}

static uint64_t
process_id(struct firn_os *os)
{
    (void)os;
    return firn_os_process_id(firn_os_default());
}

static uint64_t
boot_id(struct firn_os *os)
{
    (void)os;
    return firn_os_boot_id(firn_os_default());
}

static uint32_t
user_id(struct firn_os *os)
{
    (void)os;
    return firn_os_user_id(firn_os_default());
}

/* ---- what a sync does, and what there is not ---- */

static int
sync_dir(struct firn_os_dir *dir)
{
    (void)dir;
    return 0;
}

static int
sync_file(struct firn_os_file *file)
{
    (void)file;
    return 0;
}

static void
file_start_writeback(struct firn_os_file *file, uint64_t offset, uint64_t size)
{
    (void)file;
    (void)offset;
    (void)size;
}

/* Refuses to make something, after the name, as Linux would. */
static int
refuse(struct firn_os_dir *dir, const char *name)
{
    struct firn_os_stat stat;
    return firn_os_ram_tree_stat(dir, name, &stat) == 0 ? EEXIST : EOPNOTSUPP;
}

static int
make_symlink(struct firn_os_dir *dir, const char *name, const char *target)
{
    (void)target;
    return refuse(dir, name);
}

static int
read_symlink(struct firn_os_dir *dir, const char *name, struct firn_buf *out)
{
    (void)out;
    struct firn_os_stat stat;
    int error_number = firn_os_ram_tree_stat(dir, name, &stat);
    return error_number != 0 ? error_number : EINVAL;
}

static int
make_fifo(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    (void)mode;
    return refuse(dir, name);
}

static int
set_owner(struct firn_os_node node, uint32_t uid, uint32_t gid)
{
    (void)node;
    (void)uid;
    (void)gid;
    return EOPNOTSUPP;
}

static int
xattr_list(struct firn_os_node node, struct firn_buf *out)
{
    (void)node;
    (void)out;
    return 0;
}

static int
xattr_get(struct firn_os_node node, const char *attribute, struct firn_buf *out)
{
    (void)node;
    (void)attribute;
    (void)out;
    return ENODATA;
}

static int
xattr_set(struct firn_os_node node, const char *attribute, firn_slice value)
{
    (void)node;
    (void)attribute;
    (void)value;
    return EOPNOTSUPP;
}

static int
xattr_remove(struct firn_os_node node, const char *attribute)
{
    (void)node;
    (void)attribute;
    return ENODATA;
}

/* ---- modes and times ---- */

static struct firn_os_ram_node *
find_node_locked(struct firn_os_node node)
{
    if (node.file != NULL) {
        return firn_os_ram_file_node(node.file);
    }
    struct firn_os_ram_node *dir = firn_os_ram_dir_node(node.dir);
    return node.name != NULL ? firn_os_ram_tree_find_locked(dir, node.name) : dir;
}

static struct firn_os_ram *
fs_of(struct firn_os_node node)
{
    return node.file != NULL ? firn_os_ram_file_node(node.file)->fs
                             : firn_os_ram_dir_node(node.dir)->fs;
}

static int
set_mode(struct firn_os_node node, uint32_t mode)
{
    struct firn_os_ram *fs = fs_of(node);
    firn_os_mutex_lock(&fs->tree);
    struct firn_os_ram_node *found = find_node_locked(node);
    if (found != NULL) {
        found->mode = mode;
    }
    firn_os_mutex_unlock(&fs->tree);
    return found != NULL ? 0 : ENOENT;
}

static int
set_mtime(struct firn_os_node node, int64_t mtime_ns)
{
    struct firn_os_ram *fs = fs_of(node);
    firn_os_mutex_lock(&fs->tree);
    struct firn_os_ram_node *found = find_node_locked(node);
    if (found != NULL) {
        atomic_store_explicit(&found->mtime_ns, mtime_ns, memory_order_relaxed);
    }
    firn_os_mutex_unlock(&fs->tree);
    return found != NULL ? 0 : ENOENT;
}

/* ---- the table ---- */

static const struct firn_os_ops ops = {
    .dir_open_path = firn_os_ram_tree_open_path,
    .dir_open = firn_os_ram_tree_open,
    .dir_open_beneath = firn_os_ram_tree_open_beneath,
    .dir_close = firn_os_ram_tree_close,
    .dir_list = firn_os_ram_tree_list,
    .dir_sync = sync_dir,
    .dir_sync_filesystem = sync_dir,
    .dir_real_path = firn_os_ram_tree_real_path,
    .dir_free_bytes = dir_free_bytes,
    .make_dir = firn_os_ram_tree_make_dir,
    .remove_file = firn_os_ram_tree_remove_file,
    .remove_dir = firn_os_ram_tree_remove_dir,
    .rename = firn_os_ram_tree_rename,
    .link = firn_os_ram_tree_link,
    .make_symlink = make_symlink,
    .read_symlink = read_symlink,
    .make_fifo = make_fifo,
    .stat = firn_os_ram_tree_stat,
    .file_open = firn_os_ram_file_open,
    .file_close = firn_os_ram_file_close,
    .file_read = firn_os_ram_file_read,
    .file_write = firn_os_ram_file_write,
    .file_stat = firn_os_ram_file_stat,
    .file_truncate = firn_os_ram_file_truncate,
    .file_allocate = firn_os_ram_file_allocate,
    .file_sync = sync_file,
    .file_sync_all = sync_file,
    .file_start_writeback = file_start_writeback,
    .file_next_data = firn_os_ram_file_next_data,
    .file_lock = firn_os_ram_file_lock,
    .file_unlock = firn_os_ram_file_unlock,
    .file_lock_range = firn_os_ram_file_lock_range,
    .file_unlock_range = firn_os_ram_file_unlock_range,
    .file_is_range_locked = firn_os_ram_file_is_range_locked,
    .set_mode = set_mode,
    .set_owner = set_owner,
    .set_mtime = set_mtime,
    .xattr_list = xattr_list,
    .xattr_get = xattr_get,
    .xattr_set = xattr_set,
    .xattr_remove = xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
};

int
firn_os_ram_create(uint64_t limit_bytes, struct firn_os **out, firn_error *err)
{
    *out = NULL;
    struct firn_os_ram *fs = firn_alloc_zeroed(sizeof *fs);
    if (fs == NULL) {
        return firn_error_no_memory(err, "a file system in memory");
    }
    fs->base = (struct firn_os){
        .ops = &ops,
        .dir_size = sizeof(struct firn_os_ram_dir),
        .file_size = sizeof(struct firn_os_ram_file),
        .scheduler = NULL,
    };
    fs->limit_bytes = limit_bytes;
    firn_os_mutex_init(&fs->base, &fs->tree, FIRN_LOCK_OS);
    int error_number = firn_os_ram_tree_new_node(fs, FIRN_OS_DIR, 0755, &fs->root);
    if (error_number != 0) {
        firn_os_mutex_deinit(&fs->tree);
        firn_free(fs);
        return firn_error_set_errno(err, error_number, "could not make a file system in memory");
    }
    fs->root->name_count = 1;
    *out = &fs->base;
    return FIRN_OK;
}

void
firn_os_ram_destroy(struct firn_os *os)
{
    struct firn_os_ram *fs = (struct firn_os_ram *)os;
    if (fs == NULL) {
        return;
    }
    firn_os_ram_tree_free_all(fs->root);
    CHECK(firn_os_ram_used_bytes(os) == 0); /* else a handle was left open */
    firn_os_mutex_deinit(&fs->tree);
    firn_free(fs);
}
