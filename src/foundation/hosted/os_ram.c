/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram.c: a file system in the memory of this process: its table and its limit.
 *
 * A store runs on it unchanged. It is deliberately simple: names in sorted arrays, contents in
 * chunks, one mutex for the tree and one lock for each file's contents. Files in reading order:
 * os_ram_fs.h (the structures), this one, os_ram_tree.c (names and directories).
 *
 * It has no symbolic links, fifos, owners or extended attributes: creating one fails with
 * EOPNOTSUPP, and reading shows that there is none.
 *
 * The limit counts chunks and nodes before they are allocated, so that it is never exceeded;
 * removing and shrinking always work.
 */
#include "hosted/os_ram.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "hosted/os_ram_fs.h"
#include "posix/os_default.h"

/* ==== files in RAM: contents in chunks, handles, locks ====
 *
 * A chunk that was never written is a hole and takes no memory. After the end of a file its last
 * chunk contains zeros, so that growing needs no work; chunks completely after the end were
 * reserved.
 *
 * Readers of one file run concurrently; a writer excludes them.
 *
 * A lock of the whole file is a lock on all bytes that it could have.
 */

enum { CHUNK_SIZE = FI_OS_RAM_CHUNK_SIZE };

/* Contents end below this, so that the array of chunks is bounded. */
static const uint64_t size_max = UINT64_C(1) << 40;

/* ---- chunks ---- */

static int ram_file_stat(struct fi_os_file *file, struct fi_os_stat *out);

/* Makes the array long enough for chunk i. */
static int
os_ram_reach(struct fi_os_ram_node *node, size_t i)
{
    if (i < node->chunk_count) {
        return 0;
    }
    size_t count = node->chunk_count * 2 > i + 1 ? node->chunk_count * 2 : i + 1;
    uint64_t more = (count - node->chunk_count) * sizeof node->chunks[0];
    if (!fi_os_ram_reserve(node->fs, more)) {
        return ENOSPC;
    }
    uint8_t **chunks = fi_resize_array(node->chunks, count, sizeof chunks[0]);
    if (chunks == NULL) {
        fi_os_ram_unreserve(node->fs, more);
        return ENOMEM;
    }
    memset(chunks + node->chunk_count, 0, (count - node->chunk_count) * sizeof chunks[0]);
    node->chunks = chunks;
    node->chunk_count = count;
    return 0;
}

/* Chunk i, allocated if it is a hole. */
static int
ensure_chunk(struct fi_os_ram_node *node, size_t i, uint8_t **out)
{
    int error_number = os_ram_reach(node, i);
    if (error_number != 0) {
        return error_number;
    }
    if (node->chunks[i] == NULL) {
        if (!fi_os_ram_reserve(node->fs, CHUNK_SIZE)) {
            return ENOSPC;
        }
        node->chunks[i] = fi_alloc_zeroed(CHUNK_SIZE);
        if (node->chunks[i] == NULL) {
            fi_os_ram_unreserve(node->fs, CHUNK_SIZE);
            return ENOMEM;
        }
        fi_os_ram_file_count_chunks(node, 1);
    }
    *out = node->chunks[i];
    return 0;
}

static uint64_t
size_of(const struct fi_os_ram_node *node)
{
    return atomic_load_explicit(&node->size, memory_order_relaxed);
}

static void
set_size(struct fi_os_ram_node *node, uint64_t size)
{
    atomic_store_explicit(&node->size, size, memory_order_relaxed);
}

static void
os_ram_touch(struct fi_os_ram_node *node)
{
    int64_t now = fi_os_ram_now();
    atomic_store_explicit(&node->mtime_ns, now, memory_order_relaxed);
    atomic_store_explicit(&node->ctime_ns, now, memory_order_relaxed);
}

/* ---- contents ---- */

/* How much of [offset, end) is in the chunk of offset. */
static size_t
part_in_chunk(uint64_t offset, uint64_t end)
{
    uint64_t left = CHUNK_SIZE - offset % CHUNK_SIZE;
    return (size_t)(end - offset < left ? end - offset : left);
}

/* Whether a thread has locked the contents; this kind of lock does not say which one, or how. */
static bool
is_held(struct fi_os_ram_node *node)
{
    if (pthread_rwlock_trywrlock(&node->contents) != 0) {
        return true;
    }
    (void)pthread_rwlock_unlock(&node->contents);
    return false;
}

static void
read_locked(struct fi_os_ram_node *node, uint64_t offset, uint64_t end, uint8_t *data)
{
    DCHECK(is_held(node));
    while (offset < end) {
        size_t part = part_in_chunk(offset, end);
        size_t i = (size_t)(offset / CHUNK_SIZE);
        if (i < node->chunk_count && node->chunks[i] != NULL) {
            memcpy(data, node->chunks[i] + offset % CHUNK_SIZE, part);
        } else {
            memset(data, 0, part);
        }
        offset += part;
        data += part;
    }
}

static int
ram_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size, size_t *out_size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    *out_size = 0;
    if (!(((struct fi_os_ram_file *)file)->flags & FI_OS_READ)) {
        return EBADF;
    }
    (void)pthread_rwlock_rdlock(&node->contents);
    uint64_t file_size = size_of(node);
    if (offset < file_size) {
        uint64_t end = size < file_size - offset ? offset + size : file_size;
        read_locked(node, offset, end, data);
        *out_size = (size_t)(end - offset);
    }
    (void)pthread_rwlock_unlock(&node->contents);
    return 0;
}

/* Writes as much as there is room for; returns an errno only if that is nothing. */
static int
write_locked(struct fi_os_ram_node *node, uint64_t offset, const uint8_t *data, size_t size,
             size_t *out_size)
{
    size_t done = 0;
    int error_number = 0;
    DCHECK(is_held(node));
    while (done < size) {
        uint8_t *chunk;
        uint64_t at = offset + done;
        error_number = ensure_chunk(node, (size_t)(at / CHUNK_SIZE), &chunk);
        if (error_number != 0) {
            break;
        }
        size_t part = part_in_chunk(at, offset + size);
        memcpy(chunk + at % CHUNK_SIZE, data + done, part);
        done += part;
    }
    if (done > 0 && offset + done > size_of(node)) {
        set_size(node, offset + done);
    }
    *out_size = done;
    return done > 0 ? 0 : error_number;
}

static int
ram_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
               size_t *out_size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    *out_size = 0;
    if (!(((struct fi_os_ram_file *)file)->flags & FI_OS_WRITE)) {
        return EBADF;
    }
    if (offset + size > size_max) {
        return EFBIG;
    }
    (void)pthread_rwlock_wrlock(&node->contents);
    int error_number = write_locked(node, offset, data, size, out_size);
    (void)pthread_rwlock_unlock(&node->contents);
    os_ram_touch(node);
    return error_number;
}

static void
truncate_locked(struct fi_os_ram_node *node, uint64_t size)
{
    size_t keep = (size_t)((size + CHUNK_SIZE - 1) / CHUNK_SIZE);
    DCHECK(is_held(node));
    for (size_t i = keep; i < node->chunk_count; i++) {
        fi_os_ram_file_free_chunk(node, i);
    }
    if (keep > 0 && keep <= node->chunk_count && node->chunks[keep - 1] != NULL &&
        size % CHUNK_SIZE != 0) {
        memset(node->chunks[keep - 1] + size % CHUNK_SIZE, 0, CHUNK_SIZE - size % CHUNK_SIZE);
    }
    set_size(node, size);
}

static int
ram_file_truncate(struct fi_os_file *file, uint64_t size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    if (!(((struct fi_os_ram_file *)file)->flags & FI_OS_WRITE)) {
        return EINVAL; /* as ftruncate says it */
    }
    if (size > size_max) {
        return EFBIG;
    }
    (void)pthread_rwlock_wrlock(&node->contents);
    truncate_locked(node, size);
    (void)pthread_rwlock_unlock(&node->contents);
    os_ram_touch(node);
    return 0;
}

static int
ram_file_allocate(struct fi_os_file *file, uint64_t size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    if (!(((struct fi_os_ram_file *)file)->flags & FI_OS_WRITE)) {
        return EBADF;
    }
    if (size > size_max) {
        return EFBIG;
    }
    int error_number = 0;
    (void)pthread_rwlock_wrlock(&node->contents);
    for (uint64_t at = 0; error_number == 0 && at < size; at += CHUNK_SIZE) {
        uint8_t *chunk;
        error_number = ensure_chunk(node, (size_t)(at / CHUNK_SIZE), &chunk);
    }
    (void)pthread_rwlock_unlock(&node->contents);
    return error_number;
}

/* The first chunk from i on that is data, or is a hole. */
static size_t
next_chunk_locked(struct fi_os_ram_node *node, size_t i, bool is_data)
{
    DCHECK(is_held(node));
    while (i < node->chunk_count && (node->chunks[i] != NULL) != is_data) {
        i++;
    }
    return i;
}

static int
ram_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start, uint64_t *out_end)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    (void)pthread_rwlock_rdlock(&node->contents);
    uint64_t size = size_of(node);
    *out_start = size;
    *out_end = size;
    if (offset < size) {
        size_t first = next_chunk_locked(node, (size_t)(offset / CHUNK_SIZE), true);
        uint64_t start = (uint64_t)first * CHUNK_SIZE;
        uint64_t end = (uint64_t)next_chunk_locked(node, first, false) * CHUNK_SIZE;
        start = start > offset ? start : offset;
        if (first < node->chunk_count && start < size) {
            *out_start = start;
            *out_end = end < size ? end : size;
        }
    }
    (void)pthread_rwlock_unlock(&node->contents);
    return 0;
}

/* ---- handles ---- */

/* The file of the name, made if the flags ask for it. */
static int
open_locked(struct fi_os_ram_node *dir, const char *name, unsigned flags, uint32_t mode,
            struct fi_os_ram_node **out)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    *out = fi_os_ram_tree_find_locked(dir, name);
    if (*out != NULL) {
        if (flags & FI_OS_EXCLUSIVE) {
            return EEXIST;
        }
        return (*out)->kind == FI_OS_FILE ? 0 : EINVAL;
    }
    if (!(flags & FI_OS_CREATE)) {
        return ENOENT;
    }
    return fi_os_ram_tree_make_locked(dir, name, FI_OS_FILE, mode, out);
}

static int
ram_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
              struct fi_os_file *file, struct fi_os_stat *out_stat)
{
    struct fi_os_ram_file *self = (struct fi_os_ram_file *)file;
    struct fi_os_ram_node *parent = fi_os_ram_dir_node(dir);
    fi_os_mutex_lock(&parent->fs->tree);
    int error_number = open_locked(parent, name, flags, mode, &self->node);
    if (error_number == 0) {
        self->node->handle_count++;
    }
    fi_os_mutex_unlock(&parent->fs->tree);
    if (error_number != 0) {
        return error_number;
    }
    self->flags = flags;
    if (flags & FI_OS_TRUNCATE) {
        (void)ram_file_truncate(file, 0); /* cannot fail: it is open for writing */
    }
    return out_stat != NULL ? ram_file_stat(file, out_stat) : 0;
}

static void
ram_file_close(struct fi_os_file *file)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    struct fi_os_ram *fs = node->fs;
    fi_os_mutex_lock(&fs->tree);
    fi_os_locks_give_all(&node->locks, file);
    node->handle_count--;
    struct fi_os_ram_node *orphan = fi_os_ram_tree_orphan_locked(node);
    fi_os_mutex_unlock(&fs->tree);
    fi_os_ram_tree_free_node(orphan);
}

static int
ram_file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    fi_os_mutex_lock(&node->fs->tree);
    fi_os_ram_tree_fill_stat(node, out);
    fi_os_mutex_unlock(&node->fs->tree);
    return 0;
}

/* ---- locks ---- */

static int
ram_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                    uint64_t size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    unsigned needed = kind == FI_OS_LOCK_EXCLUSIVE ? FI_OS_WRITE : FI_OS_READ;
    if (!(((struct fi_os_ram_file *)file)->flags & needed)) {
        return EBADF;
    }
    fi_os_mutex_lock(&node->fs->tree);
    int error_number = fi_os_locks_take(&node->locks, file, kind, offset, size);
    fi_os_mutex_unlock(&node->fs->tree);
    return error_number;
}

static void
ram_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    fi_os_mutex_lock(&node->fs->tree);
    fi_os_locks_give(&node->locks, file, offset, size);
    fi_os_mutex_unlock(&node->fs->tree);
}

static int
ram_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out)
{
    struct fi_os_ram_node *node = fi_os_ram_file_node(file);
    fi_os_mutex_lock(&node->fs->tree);
    *out = fi_os_locks_others_hold(&node->locks, file, offset, size);
    fi_os_mutex_unlock(&node->fs->tree);
    return 0;
}

static int
ram_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind)
{
    DCHECK(kind == FI_OS_LOCK_SHARED || kind == FI_OS_LOCK_EXCLUSIVE);
    return ram_file_lock_range(file, kind, 0, INT64_MAX);
}

static void
ram_file_unlock(struct fi_os_file *file)
{
    ram_file_unlock_range(file, 0, INT64_MAX);
}

/* ---- the limit ---- */

static int
dir_free_bytes(struct fi_os_dir *dir, uint64_t *out)
{
    const struct fi_os_ram *fs = fi_os_ram_dir_node(dir)->fs;
    *out = fs->limit_bytes - fi_os_ram_used_bytes(&fs->base);
    return 0;
}

/* ---- the clock is that of the process ---- */

static int64_t
now_ns(struct fi_os *os)
{
    (void)os;
    return fi_os_ram_now();
}

/* ---- syncs, and what is not supported ---- */

static int
sync_dir(struct fi_os_dir *dir)
{
    (void)dir;
    return 0;
}

static int
sync_file(struct fi_os_file *file)
{
    (void)file;
    return 0;
}

/* Refuses to create something, after checking the name, as Linux would. */
static int
os_ram_refuse(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    return fi_os_ram_tree_stat(dir, name, &stat) == 0 ? EEXIST : EOPNOTSUPP;
}

static int
make_symlink(struct fi_os_dir *dir, const char *name, const char *target)
{
    (void)target;
    return os_ram_refuse(dir, name);
}

static int
make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    (void)mode;
    return os_ram_refuse(dir, name);
}

static int
read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    (void)out;
    struct fi_os_stat stat;
    int error_number = fi_os_ram_tree_stat(dir, name, &stat);
    return error_number != 0 ? error_number : EINVAL;
}

static int
xattr_remove(struct fi_os_node node, const char *attribute)
{
    (void)node;
    (void)attribute;
    return ENODATA;
}

/* ---- modes and times ---- */

static struct fi_os_ram *
fs_of(struct fi_os_node node)
{
    DCHECK(node.file != NULL || node.dir != NULL);
    return node.file != NULL ? fi_os_ram_file_node(node.file)->fs
                             : fi_os_ram_dir_node(node.dir)->fs;
}

static struct fi_os_ram_node *
find_node_locked(struct fi_os_node node)
{
    fi_os_mutex_assert_held(&fs_of(node)->tree);
    if (node.file != NULL) {
        return fi_os_ram_file_node(node.file);
    }
    struct fi_os_ram_node *dir = fi_os_ram_dir_node(node.dir);
    return node.name != NULL ? fi_os_ram_tree_find_locked(dir, node.name) : dir;
}

static int
set_mode(struct fi_os_node node, uint32_t mode)
{
    DCHECK((mode & ~UINT32_C(07777)) == 0);
    struct fi_os_ram *fs = fs_of(node);
    fi_os_mutex_lock(&fs->tree);
    struct fi_os_ram_node *found = find_node_locked(node);
    if (found != NULL) {
        found->mode = mode;
    }
    fi_os_mutex_unlock(&fs->tree);
    return found != NULL ? 0 : ENOENT;
}

static int
set_mtime(struct fi_os_node node, int64_t mtime_ns)
{
    struct fi_os_ram *fs = fs_of(node);
    fi_os_mutex_lock(&fs->tree);
    struct fi_os_ram_node *found = find_node_locked(node);
    if (found != NULL) {
        atomic_store_explicit(&found->mtime_ns, mtime_ns, memory_order_relaxed);
    }
    fi_os_mutex_unlock(&fs->tree);
    return found != NULL ? 0 : ENOENT;
}

/* ---- the table ---- */

static const struct fi_os_ops ops = {
    .refusal = EOPNOTSUPP,
    .dir_open_path = fi_os_ram_tree_open_path,
    .dir_open = fi_os_ram_tree_open,
    .dir_open_beneath = fi_os_ram_tree_open_beneath,
    .dir_close = fi_os_ram_tree_close,
    .dir_list = fi_os_ram_tree_list,
    .dir_sync = sync_dir,
    .dir_sync_filesystem = sync_dir,
    .dir_real_path = fi_os_ram_tree_real_path,
    .dir_free_bytes = dir_free_bytes,
    .make_dir = fi_os_ram_tree_make_dir,
    .remove_file = fi_os_ram_tree_remove_file,
    .remove_dir = fi_os_ram_tree_remove_dir,
    .rename = fi_os_ram_tree_rename,
    .link = fi_os_ram_tree_link,
    .make_symlink = make_symlink,
    .read_symlink = read_symlink,
    .make_fifo = make_fifo,
    .stat = fi_os_ram_tree_stat,
    .file_open = ram_file_open,
    .file_close = ram_file_close,
    .file_read = ram_file_read,
    .file_write = ram_file_write,
    .file_stat = ram_file_stat,
    .file_truncate = ram_file_truncate,
    .file_allocate = ram_file_allocate,
    .file_sync = sync_file,
    .file_sync_all = sync_file,
    .file_next_data = ram_file_next_data,
    .file_lock = ram_file_lock,
    .file_unlock = ram_file_unlock,
    .file_lock_range = ram_file_lock_range,
    .file_unlock_range = ram_file_unlock_range,
    .file_is_range_held = ram_file_is_range_held,
    .set_mode = set_mode,
    .set_mtime = set_mtime,
    .xattr_remove = xattr_remove,
    .now_ns = now_ns,
};

int
fi_os_ram_create(uint64_t limit_bytes, struct fi_os **out, firn_error *err)
{
    *out = NULL;
    struct fi_os_ram *fs = fi_alloc_zeroed(sizeof *fs);
    if (fs == NULL) {
        return fi_error_no_memory(err, "a file system in memory");
    }
    fs->base = (struct fi_os){
        .ops = &ops,
        .dir_size = sizeof(struct fi_os_ram_dir),
        .file_size = sizeof(struct fi_os_ram_file),
        .scheduler = NULL,
        .machine = fi_os_default(),
    };
    fs->limit_bytes = limit_bytes;
    fi_os_mutex_init(&fs->base, &fs->tree, FI_LOCK_OS);
    int error_number = fi_os_ram_tree_new_node(fs, FI_OS_DIR, 0755, &fs->root);
    if (error_number != 0) {
        fi_os_mutex_deinit(&fs->tree);
        fi_free(fs);
        return fi_error_set_errno(err, error_number, "could not make a file system in memory");
    }
    fs->root->name_count = 1;
    *out = &fs->base;
    return FIRN_OK;
}

void
fi_os_ram_destroy(struct fi_os *os)
{
    struct fi_os_ram *fs = (struct fi_os_ram *)os;
    if (fs == NULL) {
        return;
    }
    fi_os_ram_tree_free_all(fs->root);
    CHECK(fi_os_ram_used_bytes(os) == 0); /* else a handle was left open */
    fi_os_mutex_deinit(&fs->tree);
    fi_free(fs);
}
