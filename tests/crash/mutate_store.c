/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/crash/mutate_store.c ROOT STORE SEED: changes one thing in a store so that every checksum is right afterwards, as somebody
 * does who means harm: hostile_mutants.py gives such stores to the program. The seed decides everything, so that a
 * store that made the program fail is made again. Prints what was changed.
 *
 *   an entry        of any keyspace, the internal ones too, is changed, moved, copied from elsewhere or deleted, by a commit
 *   a sealed file   of runs or packs has a few other bytes; blocks, table of contents, header and footer are sealed again
 *   a tree          that no save would write becomes a checkpoint: names, kinds, modes, sizes, links, attributes, order
 *   a plain file    of the store has other bytes, is cut, or gets more; nothing is sealed
 */
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "posix/os_default.h"
#include "store/db.h"
#include "support/test_seal.h"
#include "support/workspace/ws_plant.h"
#include "tree/tree_format.h"

enum { NAMES_MAX = 64, NAME_SIZE = 128, FILES_MAX = 256, PATH_SIZE = 512, ENTRIES_SEEN = 200 };

static uint64_t state;

static uint64_t
next(void)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to n - 1. */
static size_t
below(size_t n)
{
    return (size_t)(next() % n);
}

static void
give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "mutate_store: %s: %s\n", what, why);
    exit(3);
}

static void
must(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        give_up(firn_code_name(rc), err->text);
    }
}

/* Changes bytes as foreign numbers, lengths and names are changed. May make them longer or shorter. */
static void
change_bytes(struct fi_buf *bytes, bool may_resize)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '/', '.', 0xfe};
    size_t times = 1 + below(3);
    for (size_t i = 0; i < times; i++) {
        size_t kind = below(may_resize ? 8 : 5);
        size_t at = bytes->size > 0 ? below(bytes->size) : 0;
        uint8_t random[9];
        for (size_t j = 0; j < sizeof random; j++) {
            random[j] = below(3) == 0 ? odd[below(sizeof odd)] : (uint8_t)next();
        }
        if (bytes->size == 0 || kind == 7) {
            CHECK(fi_buf_append(bytes, random, 1 + below(sizeof random)) == FIRN_OK);
        } else if (kind <= 1) {
            bytes->data[at] = random[0];
        } else if (kind == 2) {
            bytes->data[at] ^= (uint8_t)(1U << below(8));
        } else if (kind == 3) { /* a number at its limits: a fixed one, or a varint */
            size_t size = bytes->size - at < sizeof random ? bytes->size - at : sizeof random;
            memset(bytes->data + at, below(2) == 0 ? 0xff : 0, size);
        } else if (kind == 4) {
            size_t from = below(bytes->size);
            size_t size = bytes->size - (at > from ? at : from);
            memmove(bytes->data + at, bytes->data + from, 1 + below(size));
        } else if (kind == 5) {
            bytes->size = at;
        } else {
            size_t size = 1 + below(bytes->size - at);
            memmove(bytes->data + at, bytes->data + at + size, bytes->size - at - size);
            bytes->size -= size;
        }
    }
}

/* ---- an entry ---- */

struct names {
    char name[NAMES_MAX][NAME_SIZE];
    size_t count;
};

static int
note_name(void *ctx, const char *name)
{
    struct names *names = ctx;
    if (names->count < NAMES_MAX && strlen(name) < NAME_SIZE) {
        memcpy(names->name[names->count++], name, strlen(name) + 1);
    }
    return FIRN_OK;
}

/* One entry of the keyspace; false if it has none. */
static bool
pick_entry(struct firn_db_keyspace *keyspace, struct fi_buf *key, struct fi_buf *value)
{
    const struct fi_db_cursor_options all = {.keys_only = false};
    struct firn_db_cursor *cursor;
    firn_error err;
    must(fi_db_cursor_open(keyspace, &all, &cursor, &err), &err);
    must(fi_db_cursor_first(cursor, &err), &err);
    bool found = false;
    for (size_t i = 0; fi_db_cursor_valid(cursor) && i < ENTRIES_SEEN; i++) {
        if (below(i + 1) == 0) { /* each with the same chance */
            fi_buf_clear(key);
            fi_buf_clear(value);
            CHECK(fi_buf_append_slice(key, fi_db_cursor_key(cursor)) == FIRN_OK);
            CHECK(fi_buf_append_slice(value, fi_db_cursor_value(cursor)) == FIRN_OK);
            found = true;
        }
        must(fi_db_cursor_next(cursor, &err), &err);
    }
    fi_db_cursor_close(cursor);
    return found;
}

static void
change_entry(const char *store)
{
    static const struct fi_db_options options = {.memory_bytes = 8 << 20, .threads = 1};
    static struct names names;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct firn_db *db;
    struct firn_db_keyspace *keyspace = NULL;
    firn_error err = {0};
    must(fi_db_path_open(fi_os_default(), store, &options, &db, &err), &err);
    must(fi_db_keyspace_list(db, note_name, &names, &err), &err);
    for (size_t i = 0; i < 64 && key.size == 0; i++) {
        const char *name = names.name[below(names.count)];
        must(fi_db_keyspace_open_existing(db, name, &keyspace, &err), &err);
        if (pick_entry(keyspace, &key, &value)) {
            (void)printf("%s: ", name);
        }
    }
    if (key.size == 0) {
        give_up(store, "has no entries");
    }
    size_t kind = below(8);
    firn_slice old = fi_buf_slice(&key);
    int rc;
    if (kind == 0) {
        (void)printf("an entry is deleted\n");
        rc = fi_db_delete(keyspace, old, FIRN_DURABILITY_DEFAULT, &err);
    } else if (kind == 1) {
        (void)printf("a key is changed\n");
        change_bytes(&key, true);
        rc = key.size == 0 ? FIRN_OK
                           : fi_db_put(keyspace, fi_buf_slice(&key), fi_buf_slice(&value),
                                       FIRN_DURABILITY_DEFAULT, &err);
    } else if (kind == 2) {
        struct fi_buf other_key = {0};
        struct fi_buf other = {0};
        (void)printf("a value gets another key's\n");
        (void)pick_entry(keyspace, &other_key, &other);
        rc = fi_db_put(keyspace, old, fi_buf_slice(&other), FIRN_DURABILITY_DEFAULT, &err);
        fi_buf_deinit(&other_key);
        fi_buf_deinit(&other);
    } else {
        (void)printf("a value is changed\n");
        change_bytes(&value, true);
        rc = fi_db_put(keyspace, old, fi_buf_slice(&value), FIRN_DURABILITY_DEFAULT, &err);
    }
    if (rc != FIRN_OK) {
        (void)printf("refused: %s\n", err.text); /* a table's rows have their own check */
    }
    must(fi_db_close(db, &err), &err);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

/* ---- files ---- */

struct files {
    char path[FILES_MAX][PATH_SIZE];
    size_t count;
};

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
list_files(const char *directory, struct files *files)
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[PATH_SIZE];
        struct stat is;
        int size = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] == '.' || size < 0 || (size_t)size >= sizeof path ||
            lstat(path, &is) != 0) {
            continue;
        }
        if (S_ISDIR(is.st_mode)) {
            list_files(path, files);
        } else if (S_ISREG(is.st_mode) && is.st_size > 0 && files->count < FILES_MAX) {
            memcpy(files->path[files->count++], path, (size_t)size + 1);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void
read_file(const char *path, struct fi_buf *out)
{
    uint8_t piece[4096];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        give_up(path, "cannot be opened");
    }
    for (size_t size; (size = fread(piece, 1, sizeof piece, file)) > 0;) {
        CHECK(fi_buf_append(out, piece, size) == FIRN_OK);
    }
    (void)fclose(file);
}

static void
write_file(const char *path, const struct fi_buf *bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->data, 1, bytes->size, file) != bytes->size ||
        fclose(file) != 0) {
        give_up(path, "cannot be written");
    }
}

static bool
is_sealed(const struct fi_buf *bytes)
{
    return bytes->size >= 256 && bytes->data[128] == 0xb1 && bytes->data[129] == 0x0c;
}

static void
change_file(const char *store, bool wants_sealed)
{
    static struct files files;
    struct fi_buf bytes = {0};
    list_files(store, &files);
    qsort(files.path, files.count, sizeof files.path[0], compare_paths);
    if (files.count == 0) {
        give_up(store, "has no files");
    }
    const char *path = NULL;
    for (size_t i = 0; i < 64; i++) {
        path = files.path[below(files.count)];
        fi_buf_clear(&bytes);
        read_file(path, &bytes);
        if (is_sealed(&bytes) == wants_sealed) {
            break;
        }
    }
    bool seals = wants_sealed && is_sealed(&bytes);
    (void)printf("%s is changed%s\n", path + strlen(store) + 1, seals ? ", and sealed" : "");
    change_bytes(&bytes, !seals);
    if (seals) {
        test_seal(bytes.data, bytes.size);
    }
    write_file(path, &bytes);
    fi_buf_deinit(&bytes);
}

/* ---- a tree ---- */

static const char *const names_of_entries[] = {"a",
                                               "b",
                                               "..",
                                               ".",
                                               "",
                                               "a/b",
                                               ".git",
                                               ".firn",
                                               "con",
                                               "A",
                                               "\xff",
                                               "a\n--- x",
                                               "-rf",
                                               "\x1b]0;x\a",
                                               "z",
                                               "../../canary/x",
                                               "/etc/x",
                                               "manifest",
                                               ".firn-0000000000000000",
                                               "link",
                                               "name\\with",
                                               "\xe2\x80\xae"};

static struct ws_plant_entry
make_entry(struct ws_plant *planting, unsigned depth)
{
    static const char *const targets[] = {"a", "..",   "../canary",    "/",
                                          "",  "link", "../../../etc", "\n+x"};
    static const unsigned kinds[] = {FI_TREE_FILE, FI_TREE_SYMLINK, FI_TREE_DIR, 0, 9, 255};
    const char *name =
        names_of_entries[below(sizeof names_of_entries / sizeof names_of_entries[0])];
    struct ws_plant_entry entry = ws_plant_file(planting, name, "content\n");
    size_t kind = below(12);
    if (kind < 3 && depth < 4) {
        struct ws_plant_entry inner[4];
        size_t count = below(5);
        for (size_t i = 0; i < count; i++) {
            inner[i] = make_entry(planting, depth + 1);
        }
        entry = ws_plant_folder(planting, name, inner, count);
    } else if (kind == 3) {
        entry.kind = FI_TREE_SYMLINK;
        entry.target = targets[below(sizeof targets / sizeof targets[0])];
    } else if (kind == 4) {
        entry.kind = kinds[below(sizeof kinds / sizeof kinds[0])];
        entry.target = "t";
    } else if (kind == 5) {
        entry.size = next() >> below(64);
    } else if (kind == 6) {
        entry.hash.bytes[below(sizeof entry.hash.bytes)] ^= 1;
    } else if (kind == 7) {
        entry.mode = (uint32_t)next() & (below(2) == 0 ? 07777U : UINT32_MAX);
    } else if (kind == 8) {
        entry.hard_link = targets[below(sizeof targets / sizeof targets[0])];
    } else if (kind == 9) {
        static const uint8_t attributes[] = "\x08user.abc\x03xyz\xff\x01";
        entry.xattrs = firn_bytes(attributes, below(sizeof attributes));
    } else if (kind == 10) {
        entry.uid = below(2) == 0 ? 0 : (uint32_t)next();
    }
    return entry;
}

static void
plant_tree(char *root, const char *store)
{
    struct ws_plant planting = {.world = {.root_path = root}, .uid = geteuid(), .gid = getegid()};
    struct ws_world *world = &planting.world;
    struct fi_buf bytes = {0};
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store;
    must(fi_ws_open(fi_os_default(), root, &options, &world->ws, &world->err), &world->err);
    ws_plant_begin(&planting);
    size_t count = 1 + below(6);
    for (size_t i = 0; i < count; i++) {
        struct ws_plant_entry entry = make_entry(&planting, 0);
        ws_plant_append(&bytes, &entry);
    }
    bool changes = below(3) == 0;
    if (changes) {
        change_bytes(&bytes, true);
    }
    enum fi_pack_kind kind = below(16) == 0 ? FI_PACK_BLOB : FI_PACK_TREE;
    firn_hash hash = ws_plant_object(&planting, kind, fi_buf_slice(&bytes),
                                     ws_plant_hash_of(bytes.data, bytes.size));
    ws_plant_end(&planting, &hash);
    fi_ws_close(world->ws);
    fi_buf_deinit(&bytes);
    (void)printf("a tree of %zu entries%s becomes a checkpoint\n", count,
                 changes ? ", changed," : "");
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fputs("usage: mutate_store ROOT STORE SEED\n", stderr);
        return 2;
    }
    state = strtoull(argv[3], NULL, 10);
    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        change_entry(argv[2]);
        break;
    case 3:
    case 4:
        change_file(argv[2], true);
        break;
    case 5:
        change_file(argv[2], false);
        break;
    default:
        plant_tree(argv[1], argv[2]);
        break;
    }
    return 0;
}
