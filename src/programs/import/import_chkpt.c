/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_chkpt.c: firn import chkpt: the snapshots of a store of chkpt as checkpoints.
 *
 *   catalog.sqlite   snapshots: id, time, message, hash of the root's directory; snapshot_files:
 *                    path, hash and mode of each file, under the snapshot itself or the older one
 *                    that it equals
 *   packs/           contents: of 0.2.0 by BLAKE3-256 in frames of zstd (firn/chkp.h), since 0.3 by
 *                    XXH3-128 in frames of LZ4
 *   trees/trees.dat  directories (import_bitcode.c): "CKTR", u32 1, u32 count, or since 0.3 "CKTL",
 *   u32 count; then of each
 *                    its hash, u64 size, its bytes
 *
 * As in chkpt itself, the list of files in the catalogue decides; the directories are used only for
 * a snapshot without such a list. The catalogue is copied before it is opened, because SQLite would
 * write beside it. One tree on disk is changed from snapshot to snapshot. A file that could not be
 * imported is tried again for each snapshot that has it, and each failure is reported.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "sqlitefile/sqlitefile.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    HASH_SIZE_MAX = 32,
    ID_SIZE_MAX = 200,
    SNAPSHOTS_MAX = 1 << 24,
    FILES_MAX = 1 << 26,
    TREE_SIZE_MAX = 256 << 20,
    DEPTH_MAX = 512,
    CHUNK = 256 << 10,
    KIND_BITS = 0170000,
    KIND_LINK = 0120000,
    MODE_BITS = 07777
};
static const char prefix[] = "chkpt/";

struct snapshot {
    char *id;
    char *message; /* NULL: none */
    size_t message_size;
    int64_t created_ns;
    uint64_t files;
    uint8_t root[HASH_SIZE_MAX];
    bool has_root;
};

struct file {
    char *path;
    size_t path_size;
    uint32_t mode;
    uint8_t hash[HASH_SIZE_MAX]; /* of what is on disk; zeros: it is not there */
};

struct files {
    struct file *list; /* by path */
    size_t count;
    size_t capacity;
};

struct chkpt {
    struct fi_import_target target;
    const struct snapshot *snapshot; /* at hand */
    const struct snapshot *had;      /* the last one that is a checkpoint */
    bool has_begun;                  /* `before` is what is on disk */
    struct fi_import_tree tree;
    struct fi_sqlitefile_reader *catalog;
    int folder;
    size_t hash_size; /* 32 or 16 */
    firn_chkp_set *old_packs;
    struct fi_import_chkl *packs;
    uint8_t *trees; /* trees.dat */
    size_t trees_size;
    struct snapshot *snapshots;
    size_t count;
    size_t capacity;
    struct files before;
    struct files now;
    firn_error err;
};

/* ---- lists ---- */

static int
no_memory(struct chkpt *chkpt)
{
    return fi_import_tree_error(&chkpt->err, FIRN_NO_MEMORY, "out of memory");
}

static void
files_deinit(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
    }
    free(files->list);
    memset(files, 0, sizeof(*files));
}

static int
add_file(struct chkpt *chkpt, firn_slice path, const uint8_t *hash, uint32_t mode)
{
    struct files *files = &chkpt->now;
    if (files->count == files->capacity) {
        size_t capacity = files->capacity == 0 ? 256 : 2 * files->capacity;
        struct file *grown =
            files->count < FILES_MAX ? realloc(files->list, capacity * sizeof(grown[0])) : NULL;
        if (grown == NULL) {
            return no_memory(chkpt);
        }
        files->list = grown;
        files->capacity = capacity;
    }
    struct file file = {.path = malloc(path.size + 1), .path_size = path.size, .mode = mode};
    if (file.path == NULL) {
        return no_memory(chkpt);
    }
    if (path.size > 0) {
        memcpy(file.path, path.data, path.size);
    }
    memcpy(file.hash, hash, chkpt->hash_size);
    files->list[files->count++] = file;
    return FIRN_OK;
}

static int
compare_files(const void *a, const void *b)
{
    const struct file *x = a;
    const struct file *y = b;
    size_t common = x->path_size < y->path_size ? x->path_size : y->path_size;
    int order = memcmp(x->path, y->path, common);
    return order != 0 ? order : (x->path_size > y->path_size) - (x->path_size < y->path_size);
}

/* Tells of a file or directory of the snapshot that does not come in. */
static void
miss(struct chkpt *chkpt, firn_slice path, bool is_lost, const char *text)
{
    char said[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(said, sizeof(said), "in snapshot %s: %s", chkpt->snapshot->id, text);
    fi_import_target_miss(&chkpt->target, path, is_lost, said);
}

/* ---- the catalogue ---- */

static bool
is_id(firn_slice id)
{
    for (size_t i = 0; i < id.size; i++) {
        char c = (char)id.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-') {
            return false;
        }
    }
    return id.size > 0 && id.size <= ID_SIZE_MAX;
}

static int
on_snapshot(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct chkpt *chkpt = ctx;
    assert(count == 5);
    (void)count;
    struct snapshot snapshot = {.created_ns = fi_import_target_time_of(values[1].bytes),
                                .files = (uint64_t)values[4].integer};
    if (!is_id(values[0].bytes) || snapshot.created_ns == 0) {
        fi_import_target_report(&chkpt->target, values[0].bytes,
                                "a snapshot without an id or a time");
        chkpt->target.failed++;
        return FIRN_OK;
    }
    if (chkpt->count == chkpt->capacity) {
        size_t capacity = chkpt->capacity == 0 ? 64 : 2 * chkpt->capacity;
        struct snapshot *grown = capacity <= SNAPSHOTS_MAX
                                     ? realloc(chkpt->snapshots, capacity * sizeof(grown[0]))
                                     : NULL;
        if (grown == NULL) {
            return no_memory(chkpt);
        }
        chkpt->snapshots = grown;
        chkpt->capacity = capacity;
    }
    snapshot.id = strndup((const char *)values[0].bytes.data, values[0].bytes.size);
    snapshot.message_size = values[2].bytes.size;
    snapshot.message = malloc(snapshot.message_size + 1);
    if (snapshot.id == NULL || snapshot.message == NULL) {
        free(snapshot.id);
        free(snapshot.message);
        return no_memory(chkpt);
    }
    if (snapshot.message_size > 0) {
        memcpy(snapshot.message, values[2].bytes.data, snapshot.message_size);
    }
    if (values[3].bytes.size == HASH_SIZE_MAX || values[3].bytes.size == FI_IMPORT_CHKL_HASH_SIZE) {
        snapshot.has_root = true;
        memcpy(snapshot.root, values[3].bytes.data, values[3].bytes.size);
    }
    chkpt->snapshots[chkpt->count++] = snapshot;
    return FIRN_OK;
}

static int
on_file(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct chkpt *chkpt = ctx;
    assert(count == 3);
    (void)count;
    if (values[1].bytes.size != chkpt->hash_size) {
        miss(chkpt, values[0].bytes, true, "its hash has another size");
        return FIRN_OK;
    }
    return add_file(chkpt, values[0].bytes, values[1].bytes.data, (uint32_t)values[2].integer);
}

/* Copies a file of the store, if it is there, into the private directory. */
static int
import_chkpt_copy(struct chkpt *chkpt, const char *name, bool *out_is_there)
{
    uint8_t *chunk = malloc(CHUNK);
    int from = openat(chkpt->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int to = -1;
    int code = chunk == NULL ? no_memory(chkpt) : FIRN_OK;
    *out_is_there = from >= 0;
    if (code == FIRN_OK && from >= 0) {
        to = openat(chkpt->tree.place_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        code = to < 0 ? fi_import_tree_fail(&chkpt->err, "copy", firn_str(name)) : FIRN_OK;
    }
    while (code == FIRN_OK && from >= 0) {
        ssize_t got = read(from, chunk, CHUNK);
        if (got == 0) {
            break;
        }
        if (got < 0 || write(to, chunk, (size_t)got) != got) {
            code = fi_import_tree_fail(&chkpt->err, "copy", firn_str(name));
        }
    }
    if (to >= 0) {
        (void)close(to);
    }
    if (from >= 0) {
        (void)close(from);
    }
    free(chunk);
    return code;
}

static int
open_catalog(struct chkpt *chkpt)
{
    char path[PATH_MAX + 32];
    bool is_there;
    int code = import_chkpt_copy(chkpt, "catalog.sqlite", &is_there);
    if (code == FIRN_OK && !is_there) {
        return fi_import_tree_error(
            &chkpt->err, FIRN_NOT_FOUND,
            "there is no catalog.sqlite: it is not a store of chkpt 0.2 or later");
    }
    code = code == FIRN_OK ? import_chkpt_copy(chkpt, "catalog.sqlite-wal", &is_there) : code;
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite", chkpt->tree.place);
    code = code == FIRN_OK ? fi_sqlitefile_reader_open(path, &chkpt->catalog, &chkpt->err) : code;
    return code == FIRN_OK
               ? fi_sqlitefile_reader_query(
                     chkpt->catalog,
                     "SELECT id, created_at, message, root_tree_hash, total_files FROM snapshots "
                     "ORDER BY created_at, id",
                     NULL, on_snapshot, chkpt, &chkpt->err)
               : code;
}

static void
close_catalog(struct chkpt *chkpt)
{
    static const char *const names[] = {"catalog.sqlite", "catalog.sqlite-wal",
                                        "catalog.sqlite-shm"};
    fi_sqlitefile_reader_close(chkpt->catalog);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && chkpt->tree.place[0] != '\0'; i++) {
        (void)unlinkat(chkpt->tree.place_fd, names[i], 0);
    }
}

/* ---- directories ---- */

static int
read_trees(struct chkpt *chkpt)
{
    struct stat stat;
    int fd = openat(chkpt->folder, "trees/trees.dat", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return FIRN_OK; /* they are missing where they are wanted */
    }
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0 &&
        stat.st_size <= TREE_SIZE_MAX * 4LL) {
        chkpt->trees = malloc((size_t)stat.st_size);
    }
    while (chkpt->trees != NULL && chkpt->trees_size < (size_t)stat.st_size) {
        ssize_t got =
            read(fd, chkpt->trees + chkpt->trees_size, (size_t)stat.st_size - chkpt->trees_size);
        if (got <= 0) {
            break;
        }
        chkpt->trees_size += (size_t)got;
    }
    (void)close(fd);
    return FIRN_OK;
}

/* The bytes of a directory whose hash is right; size 0: there is none. */
static firn_slice
find_tree(const struct chkpt *chkpt, const uint8_t *hash)
{
    const size_t hash_size = chkpt->hash_size;
    size_t at = hash_size == HASH_SIZE_MAX ? 12 : 8;
    while (at <= chkpt->trees_size && chkpt->trees_size - at >= hash_size + 8) {
        const uint8_t *entry = chkpt->trees + at;
        uint64_t size = 0;
        for (size_t i = 8; i > 0; i--) {
            size = size << 8 | entry[hash_size + i - 1];
        }
        at += hash_size + 8;
        if (size > chkpt->trees_size - at) {
            break;
        }
        firn_slice bytes = firn_bytes(chkpt->trees + at, (size_t)size);
        at += (size_t)size;
        if (memcmp(entry, hash, hash_size) == 0) {
            firn_hash found;
            firn_hash_of(bytes, &found);
            bool is_right = hash_size == HASH_SIZE_MAX ? memcmp(found.bytes, hash, hash_size) == 0
                                                       : fi_import_chkl_is_hash(hash, bytes);
            return is_right ? bytes : firn_bytes(NULL, 0);
        }
    }
    return firn_bytes(NULL, 0);
}

static int
add_tree(struct chkpt *chkpt, const uint8_t *hash, firn_slice above, unsigned depth)
{
    firn_slice bytes = find_tree(chkpt, hash);
    struct fi_import_bitcode tree;
    if (depth > DEPTH_MAX || bytes.size == 0) {
        if (depth == 0) {
            return fi_import_tree_error(&chkpt->err, FIRN_CORRUPT, "its root is lost");
        }
        miss(chkpt, above, depth <= DEPTH_MAX,
             depth > DEPTH_MAX ? "it is nested too deeply" : "its directory is lost");
        return FIRN_OK;
    }
    int code = fi_import_bitcode_read(bytes, chkpt->hash_size, &tree, &chkpt->err);
    if (code != FIRN_OK) {
        if (code != FIRN_CORRUPT || depth == 0) {
            return code;
        }
        miss(chkpt, above, true, chkpt->err.text);
        return FIRN_OK;
    }
    for (size_t i = 0; i < tree.count && code == FIRN_OK; i++) {
        const struct fi_import_bitcode_entry *entry = &tree.entries[i];
        code = fi_import_target_entry(&chkpt->target, &chkpt->err);
        if (code != FIRN_OK) {
            break;
        }
        size_t size = above.size + (above.size > 0) + entry->name.size;
        char *path = malloc(size + 1);
        if (path == NULL) {
            code = no_memory(chkpt);
            break;
        }
        size_t at = above.size;
        if (at > 0) {
            memcpy(path, above.data, at);
            path[at++] = '/';
        }
        if (entry->name.size > 0) {
            memcpy(path + at, entry->name.data, entry->name.size);
        }
        uint32_t mode = (entry->mode & MODE_BITS) | (entry->kind == 2 ? KIND_LINK : 0);
        code = entry->kind == 1 ? add_tree(chkpt, entry->hash, firn_bytes(path, size), depth + 1)
                                : add_file(chkpt, firn_bytes(path, size), entry->hash, mode);
        free(path);
    }
    fi_import_bitcode_deinit(&tree);
    return code;
}

/* Fills chkpt->now with what is in a snapshot. */
static int
list_files(struct chkpt *chkpt, const struct snapshot *snapshot)
{
    files_deinit(&chkpt->now);
    fi_import_gaps_clear(&chkpt->target.gaps, firn_str(""));
    chkpt->target.entries = 0;
    FI_TRY_RETURN(fi_sqlitefile_reader_query(
        chkpt->catalog,
        "SELECT path, blob_hash, mode FROM snapshot_files WHERE snapshot_id = coalesce((SELECT "
        "manifest_snapshot_id FROM snapshots WHERE id = ?1), ?1)",
        snapshot->id, on_file, chkpt, &chkpt->err));
    if (chkpt->now.count == 0 && snapshot->files > 0) {
        FI_TRY_RETURN(snapshot->has_root ? add_tree(chkpt, snapshot->root, firn_str(""), 0)
                                         : fi_import_tree_error(&chkpt->err, FIRN_CORRUPT,
                                                                "nothing says what is in it"));
    }
    if (chkpt->now.count > 0) {
        qsort(chkpt->now.list, chkpt->now.count, sizeof(chkpt->now.list[0]), compare_files);
    }
    return FIRN_OK;
}

/* ---- contents ---- */

struct source {
    struct chkpt *chkpt;
    const uint8_t *hash;
};

static int
import_chkpt_stream(void *ctx, firn_write_bytes write_bytes, void *to, firn_error *err)
{
    const struct source *source = ctx;
    const struct chkpt *chkpt = source->chkpt;
    if (chkpt->hash_size == HASH_SIZE_MAX) {
        firn_hash name;
        memcpy(name.bytes, source->hash, sizeof(name.bytes));
        return firn_chkp_set_stream(chkpt->old_packs, &name, write_bytes, to, err);
    }
    return fi_import_chkl_stream(chkpt->packs, source->hash, write_bytes, to, err);
}

/* Puts a file on disk. FIRN_NOT_FOUND, FIRN_CORRUPT, FIRN_INVALID and FIRN_LIMIT are of this file
 * alone. */
static int
put_file(struct chkpt *chkpt, const struct file *file)
{
    const struct fi_import_attributes attributes = {.mode = file->mode & MODE_BITS,
                                                    .mtime_ns = chkpt->snapshot->created_ns};
    struct source source = {chkpt, file->hash};
    return fi_import_tree_put(&chkpt->tree, firn_bytes(file->path, file->path_size),
                              (file->mode & KIND_BITS) == KIND_LINK ? FI_IMPORT_SYMLINK
                                                                    : FI_IMPORT_FILE,
                              &attributes, import_chkpt_stream, &source, &chkpt->err);
}

static size_t
parent_size(firn_slice path)
{
    const uint8_t *slash = path.size == 0 ? NULL : memrchr(path.data, '/', path.size);
    return slash == NULL ? 0 : (size_t)(slash - path.data);
}

/* The directories above a path that was changed get the time of the snapshot. last: the previous
 * path, whose directories have it already. */
static int
stamp(struct chkpt *chkpt, firn_slice path, firn_slice last)
{
    size_t above = parent_size(path);
    if (last.size > 0 && above == parent_size(last) && memcmp(path.data, last.data, above) == 0) {
        return FIRN_OK;
    }
    const struct fi_import_attributes attributes = {.mode = 0755,
                                                    .mtime_ns = chkpt->snapshot->created_ns};
    int code = FIRN_OK;
    if (fi_import_tree_refusal(path) != NULL) {
        return FIRN_OK;
    }
    for (size_t size = path.size; size > 0 && code == FIRN_OK; size--) {
        if (path.data[size - 1] == '/') {
            code = fi_import_tree_stamp(&chkpt->tree, firn_bytes(path.data, size - 1), &attributes,
                                        &chkpt->err);
        }
    }
    return code;
}

static bool
is_of_file(int code)
{
    return code == FIRN_NOT_FOUND || code == FIRN_CORRUPT || code == FIRN_INVALID ||
           code == FIRN_LIMIT || code == FIRN_NEWER;
}

/* Makes the tree on disk that of a snapshot: chkpt->before is what it is, chkpt->now what it shall
 * be. What goes is removed first: a directory may become a file. */
static int
import_chkpt_change(struct chkpt *chkpt)
{
    int code = FIRN_OK;
    for (int pass = 0; pass < 2; pass++) {
        firn_slice last = firn_bytes(NULL, 0);
        for (size_t i = 0, j = 0;
             code == FIRN_OK && (i < chkpt->before.count || j < chkpt->now.count);) {
            const struct file *old = i < chkpt->before.count ? &chkpt->before.list[i] : NULL;
            struct file *new = j < chkpt->now.count ? &chkpt->now.list[j] : NULL;
            assert(old != NULL || new != NULL);
            int order = old == NULL ? 1 : new == NULL ? -1 : compare_files(old, new);
            bool is_same =
                order == 0 &&
                old->mode == new->mode &&memcmp(old->hash, new->hash, sizeof(old->hash)) == 0;
            firn_slice path = order <= 0 ? firn_bytes(old->path, old->path_size)
                                         : firn_bytes(new->path, new->path_size);
            i += order <= 0;
            j += order >= 0;
            if (is_same || (pass == 0) != (order < 0)) {
                continue;
            }
            code = stamp(chkpt, path, last);
            last = path;
            if (code == FIRN_OK) {
                code = pass == 0 ? fi_import_tree_remove(&chkpt->tree, path, &chkpt->err)
                                 : put_file(chkpt, new);
            }
            if (is_of_file(code) && !chkpt->target.space.is_over) {
                if (pass != 0) {
                    miss(chkpt, path, code != FIRN_INVALID, chkpt->err.text);
                    memset(new->hash, 0, sizeof(new->hash)); /* to be tried again */
                }
                code = FIRN_OK;
            }
            code = code == FIRN_OK ? fi_command_go_on(&chkpt->err) : code;
        }
    }
    return code;
}

/* ---- snapshots ---- */

static void
keep_now(struct chkpt *chkpt)
{
    files_deinit(&chkpt->before);
    chkpt->before = chkpt->now;
    memset(&chkpt->now, 0, sizeof(chkpt->now));
}

/* Makes the tree that of chkpt->snapshot. */
static int
import_chkpt_make(void *ctx, firn_error *err)
{
    struct chkpt *chkpt = ctx;
    bool has_before = false;
    int code = FIRN_OK;
    if (!chkpt->has_begun) {
        code = fi_import_target_begin(&chkpt->target, &chkpt->tree, &has_before, &chkpt->err);
        code = code == FIRN_OK && has_before ? list_files(chkpt, chkpt->had) : code;
        keep_now(chkpt);
        for (size_t i = 0; i < chkpt->before.count; i++) {
            struct file *file = &chkpt->before.list[i];
            if (!fi_import_tree_has(&chkpt->tree, firn_bytes(file->path, file->path_size))) {
                memset(file->hash, 0, sizeof(file->hash));
            }
        }
    }
    chkpt->has_begun = chkpt->has_begun || code == FIRN_OK;
    code = code == FIRN_OK ? list_files(chkpt, chkpt->snapshot) : code;
    if (code == FIRN_OK) {
        code = import_chkpt_change(chkpt);
        keep_now(chkpt);
    }
    *err = chkpt->err;
    return code;
}

static int
import_snapshots(struct chkpt *chkpt)
{
    int code = FIRN_OK;
    chkpt->target.total = chkpt->count;
    for (size_t i = 0; i < chkpt->count && code == FIRN_OK; i++) {
        char tag[ID_SIZE_MAX + sizeof(prefix)];
        chkpt->snapshot = &chkpt->snapshots[i];
        const struct fi_import_state state = {
            .message = firn_bytes(chkpt->snapshot->message, chkpt->snapshot->message_size),
            .created_ns = chkpt->snapshot->created_ns,
            .tag = tag};
        uint64_t failed = chkpt->target.failed;
        (void)snprintf(tag, sizeof(tag), "%s%s", prefix, chkpt->snapshot->id);
        code = fi_import_target_add(&chkpt->target, &chkpt->tree, &state, import_chkpt_make, chkpt,
                                    &chkpt->err);
        chkpt->had = chkpt->target.failed == failed ? chkpt->snapshot : chkpt->had;
    }
    return code;
}

/* ---- the store ---- */

static void
report_pack(void *ctx, const char *name, const char *text)
{
    struct chkpt *chkpt = ctx;
    fi_import_target_report(&chkpt->target, firn_str(name), "%s", text);
}

static void
on_pack_notice(void *ctx, const firn_notice *notice)
{
    struct chkpt *chkpt = ctx;
    fi_import_target_report(&chkpt->target, notice->path, "%s", notice->text);
}

static int
on_hash(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct chkpt *chkpt = ctx;
    (void)count;
    chkpt->hash_size =
        values[0].bytes.size == FI_IMPORT_CHKL_HASH_SIZE ? FI_IMPORT_CHKL_HASH_SIZE : HASH_SIZE_MAX;
    return FIRN_OK;
}

static int
open_packs(struct chkpt *chkpt, const char *store)
{
    char path[PATH_MAX];
    chkpt->hash_size = HASH_SIZE_MAX;
    FI_TRY_RETURN(fi_sqlitefile_reader_query(
        chkpt->catalog,
        "SELECT root_tree_hash FROM snapshots WHERE root_tree_hash IS NOT NULL UNION ALL "
        "SELECT blob_hash FROM snapshot_files LIMIT 1",
        NULL, on_hash, chkpt, &chkpt->err));
    if (chkpt->hash_size == HASH_SIZE_MAX) {
        firn_chkp_set_options options = FIRN_CHKP_SET_OPTIONS_INIT;
        options.callbacks.on_notice = on_pack_notice;
        options.callbacks.ctx = chkpt;
        if ((size_t)snprintf(path, sizeof(path), "%s/packs", store) >= sizeof(path)) {
            return fi_import_tree_error(&chkpt->err, FIRN_INVALID, "the path is too long");
        }
        return firn_chkp_set_open(path, NULL, 0, &options, &chkpt->old_packs, &chkpt->err);
    }
    int packs = openat(chkpt->folder, "packs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (packs < 0) {
        return fi_import_tree_fail(&chkpt->err, "open", firn_str("packs"));
    }
    int code = fi_import_chkl_open(packs, report_pack, chkpt, &chkpt->packs, &chkpt->err);
    (void)close(packs);
    return code;
}

static int
import_chkpt_import(void *ctx, firn_error *err)
{
    struct chkpt *chkpt = ctx;
    const char *store = chkpt->target.cli->arguments[0];
    chkpt->folder = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chkpt->folder < 0) {
        return fi_import_tree_fail(err, "open", firn_str(store));
    }
    int code = fi_import_tree_create(&chkpt->tree, &chkpt->target.notices, &chkpt->target.space,
                                     &chkpt->err);
    code = code == FIRN_OK ? open_catalog(chkpt) : code;
    code = code == FIRN_OK ? open_packs(chkpt, store) : code;
    code = code == FIRN_OK ? read_trees(chkpt) : code;
    code = code == FIRN_OK ? import_snapshots(chkpt) : code;
    *err = chkpt->err;
    return code;
}

static void
chkpt_deinit(struct chkpt *chkpt)
{
    close_catalog(chkpt);
    fi_import_tree_destroy(&chkpt->tree);
    firn_chkp_set_close(chkpt->old_packs);
    fi_import_chkl_close(chkpt->packs);
    for (size_t i = 0; i < chkpt->count; i++) {
        free(chkpt->snapshots[i].id);
        free(chkpt->snapshots[i].message);
    }
    free(chkpt->snapshots);
    free(chkpt->trees);
    files_deinit(&chkpt->before);
    files_deinit(&chkpt->now);
    if (chkpt->folder >= 0) {
        (void)close(chkpt->folder);
    }
}

static int
import_chkpt_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    struct chkpt chkpt = {.folder = -1};
    int exit_code =
        fi_import_target_run(&chkpt.target, cli, "snapshot", "snapshots", import_chkpt_import,
                             &chkpt, "stores of chkpt lie in ~/.chkpt/stores");
    chkpt_deinit(&chkpt);
    return exit_code;
}

static const struct fi_command_option options[] = {
    FI_IMPORT_TARGET_RULES_OPTION,
    FI_IMPORT_TARGET_ENTRIES_OPTION,
    FI_IMPORT_TARGET_BYTES_OPTION,
    {"dry-run", 'n', NULL, "count the snapshots, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn import chkpt ~/.chkpt/stores/0123456789abcdef", "import the snapshots of a project"},
    {NULL, NULL},
};

const struct fi_command fi_import_chkpt = {
    .name = "chkpt",
    .summary = "Make checkpoints of the snapshots of a store of chkpt",
    .arguments = "STORE",
    .options = options,
    .help = "STORE is the directory of a project in ~/.chkpt/stores, of chkpt 0.2.0, 0.3 or\n"
            "later. Each snapshot becomes a checkpoint with its message and time, and the tag\n"
            "chkpt/<id>. The files of the workspace are not touched.\n"
            "\n"
            "A second run imports only what is new. One that was interrupted goes on where it\n"
            "stopped.\n"
            "\n"
            "Every content is compared with its hash. A file whose content is lost or damaged\n"
            "is left out of the checkpoint and named with the snapshot, a snapshot of which\n"
            "nothing is known likewise; the rest comes in, and the exit code is 6. chkpt keeps\n"
            "no times, owners and directories of their own: a file gets the time of the\n"
            "snapshot that changed it last. A restore leaves alone what is in the place of a\n"
            "file that was left out. If the store has its content again, the next run adds\n"
            "such a snapshot once more. Rules (.firnignore) exclude nothing without --rules.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = import_chkpt_run,
};
