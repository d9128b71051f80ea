/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/scan_dump.c: a saved tree and a real one, as the same text.
 *
 * The real tree is read in the plainest way: one thread, whole files, a sorted list of all names of
 * every inode. So it shares with the scan nothing but the seam, the table of exclusions, and the
 * hash.
 */
#include <inttypes.h>

#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "rules/rules.h"
#include "scan_support.h"
#include "support/test.h"
#include "tree/tree.h"

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

static void
print_bytes(FILE *out, firn_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (byte > ' ' && byte < 127 && byte != '\\') {
            fputc(byte, out);
        } else {
            fprintf(out, "\\%02x", byte);
        }
    }
}

/* hash is left out for directories. */
static void
print_entry(FILE *out, const char *dir_path, const struct fi_tree_entry *entry)
{
    char hex[FIRN_HASH_HEX_SIZE] = "-";
    if (entry->kind == FI_TREE_FILE) {
        fi_hex_encode(entry->hash.bytes, sizeof entry->hash.bytes, hex);
    }
    print_bytes(out, firn_str(dir_path));
    print_bytes(out, entry->name);
    fprintf(out, " kind=%d mode=%o uid=%" PRIu32 " gid=%" PRIu32 " mtime=%" PRId64, entry->kind,
            (unsigned)entry->mode, entry->uid, entry->gid, entry->mtime_ns);
    fprintf(out, " size=%" PRIu64 " hash=%s target=", entry->size, hex);
    print_bytes(out, entry->target);
    fprintf(out, " xattrs=");
    print_bytes(out, entry->xattrs);
    fprintf(out, " link=");
    print_bytes(out, entry->hard_link);
    fputc('\n', out);
}

static char *
join(const char *dir_path, firn_slice name, const char *end)
{
    size_t size = strlen(dir_path) + name.size + strlen(end) + 1;
    char *path = malloc(size);
    assert_non_null(path);
    snprintf(path, size, "%s%.*s%s", dir_path, (int)name.size, (const char *)name.data, end);
    return path;
}

/* ---- the saved tree ---- */

struct content {
    struct scan_sink *sink;
    struct fi_blake3_hash whole;
    uint64_t size;
    uint64_t start; /* of the list that is read, in the whole */
};

static int add_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece,
                     firn_error *err);

/* A piece that is a list itself. */
static void
add_list(struct content *content, firn_slice list, uint64_t size)
{
    uint64_t start = content->start;
    uint64_t total;
    firn_error err;
    content->start = content->size;
    check(fi_pack_pieces_decode(list, &total, add_piece, content, &err), &err);
    assert_int_equal(total, size);
    content->start = start;
}

static int
add_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)err;
    struct content *content = ctx;
    static const uint8_t zeros[65536];
    assert_int_equal(content->start + offset, content->size);
    if (!piece->is_hole) {
        enum fi_pack_kind kind;
        firn_slice bytes;
        assert_true(scan_sink_find(content->sink, &piece->hash, &kind, &bytes));
        if (kind == FI_PACK_PIECES) {
            add_list(content, bytes, piece->size);
            return FIRN_OK;
        }
        content->size += piece->size;
        assert_int_equal(kind, FI_PACK_BLOB);
        assert_int_equal(bytes.size, piece->size);
        fi_blake3_hash_update(&content->whole, bytes.data, bytes.size);
        return FIRN_OK;
    }
    content->size += piece->size;
    for (uint64_t left = piece->size; left > 0;) {
        size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;
        fi_blake3_hash_update(&content->whole, zeros, part);
        left -= part;
    }
    return FIRN_OK;
}

/* That the object under a file's hash gives just these bytes. */
static void
check_content(struct scan_sink *sink, const struct fi_tree_entry *entry)
{
    enum fi_pack_kind kind;
    firn_slice bytes;
    assert_true(scan_sink_find(sink, &entry->hash, &kind, &bytes));
    if (kind == FI_PACK_BLOB) {
        assert_int_equal(bytes.size, entry->size); /* the sink has checked the hash */
        return;
    }
    assert_int_equal(kind, FI_PACK_PIECES);
    struct content content = {.sink = sink};
    uint64_t total;
    firn_error err;
    firn_hash found;
    fi_blake3_hash_init(&content.whole);
    check(fi_pack_pieces_decode(bytes, &total, add_piece, &content, &err), &err);
    fi_blake3_hash_final(&content.whole, &found);
    assert_int_equal(total, entry->size);
    assert_int_equal(content.size, entry->size);
    assert_memory_equal(&found, &entry->hash, sizeof found);
}

static int
read_tree(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice bytes;
    if (!scan_sink_find(ctx, hash, &kind, &bytes) || kind != FI_PACK_TREE) {
        return fi_error_set(err, FIRN_NOT_FOUND, "no such directory object");
    }
    fi_buf_clear(out);
    return fi_buf_append_slice(out, bytes);
}

static void
dump_saved_dir(FILE *out, struct scan_sink *sink, const firn_hash *hash, const char *path)
{
    struct fi_tree_source source = {.read = read_tree, .ctx = sink};
    struct fi_tree_iterator *iterator;
    firn_error err;
    check(fi_tree_iterator_create(&source, hash, &iterator, &err), &err);
    for (;;) {
        const struct fi_tree_entry *entry;
        bool is_end;
        check(fi_tree_iterator_next(iterator, &entry, &is_end, &err), &err);
        if (is_end) {
            break;
        }
        print_entry(out, path, entry);
        if (entry->kind == FI_TREE_DIR) {
            firn_hash below = entry->hash;
            char *below_path = join(path, entry->name, "/");
            dump_saved_dir(out, sink, &below, below_path);
            free(below_path);
        } else if (entry->kind == FI_TREE_FILE && sink->wants_content) {
            check_content(sink, entry);
        }
    }
    fi_tree_iterator_destroy(iterator);
}

char *
scan_dump_saved(struct scan_sink *sink, const firn_hash *root)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    dump_saved_dir(out, sink, root, "");
    fclose(out);
    return text;
}

/* ---- the real tree ---- */

struct name {
    char *path;
    uint64_t device;
    uint64_t inode;
};

struct real {
    struct scan_world *world;
    bool include_deps;
    struct name *names; /* of inodes with several */
    size_t count;
};

struct listed {
    char *name;
    enum fi_os_kind kind;
};

struct listing {
    struct listed *entries;
    size_t count;
    bool has_manifest;
    struct fi_rules_exclude_inside signs;
};

static int
keep(void *ctx, const struct fi_os_dirent *entry)
{
    struct listing *listing = ctx;
    listing->entries = realloc(listing->entries, (listing->count + 1) * sizeof *listing->entries);
    listing->entries[listing->count++] = (struct listed){.name = strdup(entry->name)};
    return FIRN_OK;
}

static int
compare_listed(const void *a, const void *b)
{
    const struct listed *left = a;
    const struct listed *right = b;
    return strcmp(left->name, right->name);
}

static struct listing
list(struct fi_os_dir *dir)
{
    struct listing listing = {0};
    firn_error err;
    check(fi_os_dir_list(dir, keep, &listing, &err), &err);
    if (listing.count > 0) {
        qsort(listing.entries, listing.count, sizeof *listing.entries, compare_listed);
    }
    for (size_t i = 0; i < listing.count; i++) {
        struct listed *entry = &listing.entries[i];
        struct fi_os_stat stat;
        check(fi_os_stat(dir, entry->name, &stat, &err), &err);
        entry->kind = stat.kind;
        bool is_dir = stat.kind == FI_OS_DIR;
        listing.has_manifest |= !is_dir && strcmp(entry->name, "Cargo.toml") == 0;
        fi_rules_exclude_see_inside(firn_str(entry->name), is_dir, &listing.signs);
    }
    return listing;
}

static void
free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->entries[i].name);
    }
    free(listing->entries);
}

static bool
is_wanted(const struct real *real, struct fi_os_dir *dir, const struct listing *listing,
          const struct listed *listed)
{
    struct fi_rules_exclude_entry entry = {
        .name = firn_str(listed->name),
        .is_dir = listed->kind == FI_OS_DIR,
        .is_link = listed->kind == FI_OS_SYMLINK,
        .is_beside_manifest = listing->has_manifest,
        .include_deps = real->include_deps,
        .is_narrow = true,
    };
    if (fi_tree_reserved_name(entry.name) != NULL || fi_rules_exclude_by_name(&entry) != NULL) {
        return false;
    }
    if (listed->kind == FI_OS_DIR) {
        struct fi_os_dir *below;
        firn_error err;
        check(fi_os_dir_open(dir, listed->name, &below, &err), &err);
        struct listing inside = list(below);
        bool is_tagged = fi_rules_exclude_by_inside(&entry, &inside.signs) != NULL;
        free_listing(&inside);
        fi_os_dir_close(below);
        return !is_tagged;
    }
    return listed->kind == FI_OS_FILE || listed->kind == FI_OS_SYMLINK;
}

static void
hash_file(struct fi_os_dir *dir, const char *name, uint64_t size, firn_hash *out)
{
    struct fi_os_file *file;
    firn_error err;
    uint8_t *data = malloc((size_t)size + 1);
    size_t got;
    check(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &err), &err);
    check(fi_os_file_read(file, 0, data, (size_t)size + 1, &got, &err), &err);
    assert_int_equal(got, size);
    fi_blake3_hash_of(data, got, out);
    fi_os_file_close(file);
    free(data);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
read_xattrs(struct fi_os_node node, struct fi_buf *out)
{
    struct fi_buf names = {0};
    firn_error err;
    char *sorted[64];
    size_t count = 0;
    check(fi_os_xattr_list(node, &names, &err), &err);
    for (size_t at = 0; at < names.size; at += strlen(sorted[count - 1]) + 1) {
        assert_true(count < 64);
        sorted[count++] = (char *)names.data + at;
    }
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        struct fi_buf value = {0};
        check(fi_os_xattr_get(node, sorted[i], &value, &err), &err);
        assert_int_equal(fi_tree_xattrs_append(out, firn_str(sorted[i]), fi_buf_slice(&value)),
                         FIRN_OK);
        fi_buf_deinit(&value);
    }
    fi_buf_deinit(&names);
}

/* The first name of an inode, of those that have been collected. */
static const char *
first_name(const struct real *real, const struct fi_os_stat *stat)
{
    const char *first = NULL;
    for (size_t i = 0; i < real->count; i++) {
        const struct name *name = &real->names[i];
        if (name->device == stat->device && name->inode == stat->inode &&
            (first == NULL || strcmp(name->path, first) < 0)) {
            first = name->path;
        }
    }
    return first;
}

static void
print_real(FILE *out, const struct real *real, struct fi_os_dir *dir, const char *dir_path,
           const struct listed *listed)
{
    struct fi_os_stat stat;
    struct fi_buf xattrs = {0};
    struct fi_buf target = {0};
    firn_error err;
    check(fi_os_stat(dir, listed->name, &stat, &err), &err);
    read_xattrs((struct fi_os_node){.dir = dir, .name = listed->name}, &xattrs);
    struct fi_tree_entry entry = {
        .name = firn_str(listed->name),
        .kind = stat.kind == FI_OS_DIR    ? FI_TREE_DIR
                : stat.kind == FI_OS_FILE ? FI_TREE_FILE
                                          : FI_TREE_SYMLINK,
        .mode = stat.kind == FI_OS_SYMLINK ? 0777 : stat.mode,
        .uid = stat.uid,
        .gid = stat.gid,
        .mtime_ns = stat.mtime_ns,
        .xattrs = fi_buf_slice(&xattrs),
    };
    if (stat.kind == FI_OS_FILE) {
        entry.size = stat.size_bytes;
        hash_file(dir, listed->name, stat.size_bytes, &entry.hash);
    } else if (stat.kind == FI_OS_SYMLINK) {
        check(fi_os_read_symlink(dir, listed->name, &target, &err), &err);
        entry.target = fi_buf_slice(&target);
    }
    char *path = join(dir_path, entry.name, "");
    const char *first = stat.kind == FI_OS_DIR ? NULL : first_name(real, &stat);
    if (first != NULL && strcmp(first, path) != 0) {
        entry.hard_link = firn_str(first);
    }
    print_entry(out, dir_path, &entry);
    free(path);
    fi_buf_deinit(&xattrs);
    fi_buf_deinit(&target);
}

static void
note_name(struct real *real, struct fi_os_dir *dir, const char *dir_path,
          const struct listed *listed)
{
    struct fi_os_stat stat;
    firn_error err;
    check(fi_os_stat(dir, listed->name, &stat, &err), &err);
    if (stat.kind == FI_OS_DIR || stat.nlink < 2) {
        return;
    }
    real->names = realloc(real->names, (real->count + 1) * sizeof *real->names);
    real->names[real->count++] = (struct name){
        .path = join(dir_path, firn_str(listed->name), ""),
        .device = stat.device,
        .inode = stat.inode,
    };
}

/* Walks the tree; out NULL: only collects the names of links. */
static void
walk_real(FILE *out, struct real *real, struct fi_os_dir *dir, const char *path)
{
    struct listing listing = list(dir);
    for (size_t i = 0; i < listing.count; i++) {
        const struct listed *listed = &listing.entries[i];
        if (!is_wanted(real, dir, &listing, listed)) {
            continue;
        }
        if (out != NULL) {
            print_real(out, real, dir, path, listed);
        } else {
            note_name(real, dir, path, listed);
        }
        if (listed->kind == FI_OS_DIR) {
            struct fi_os_dir *below;
            firn_error err;
            char *below_path = join(path, firn_str(listed->name), "/");
            check(fi_os_dir_open(dir, listed->name, &below, &err), &err);
            walk_real(out, real, below, below_path);
            fi_os_dir_close(below);
            free(below_path);
        }
    }
    free_listing(&listing);
}

char *
scan_dump_real(struct scan_world *world, bool include_deps)
{
    struct real real = {.world = world, .include_deps = include_deps};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    walk_real(NULL, &real, world->root, "");
    walk_real(out, &real, world->root, "");
    fclose(out);
    for (size_t i = 0; i < real.count; i++) {
        free(real.names[i].path);
    }
    free(real.names);
    return text;
}
