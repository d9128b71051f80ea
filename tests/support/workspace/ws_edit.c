/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_edit.c: see ws_edit.h. Every edit goes through the seam by the helpers of
 * scan_support.h.
 */
#include <unistd.h>

#include "base/slice.h"
#include "support/test.h"
#include "ws_edit.h"

enum { NAME_MAX_BYTES = 255, DEPTH_MAX = 6 };

/* ---- looking ---- */

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

struct listing {
    struct ws_edit_list *list;
    struct fi_os_dir *dir;
    const char *prefix;
};

static int
keep(void *ctx, const struct fi_os_dirent *entry)
{
    struct listing *listing = ctx;
    struct ws_edit_list *list = listing->list;
    size_t size = strlen(listing->prefix) + entry->name_size + 2;
    struct ws_edit_item item = {.path = malloc(size), .kind = entry->kind};
    assert_non_null(item.path);
    snprintf(item.path, size, "%s%s%s", listing->prefix, listing->prefix[0] != '\0' ? "/" : "",
             entry->name);
    list->items = realloc(list->items, (list->count + 1) * sizeof *list->items);
    assert_non_null(list->items);
    list->items[list->count++] = item;
    return FIRN_OK;
}

static int
compare_items(const void *a, const void *b)
{
    return strcmp(((const struct ws_edit_item *)a)->path, ((const struct ws_edit_item *)b)->path);
}

static void
list_below(struct ws_edit_list *list, struct scan_world *tree, const char *path)
{
    firn_error err;
    struct listing listing = {.list = list, .prefix = path};
    size_t first = list->count;
    check(fi_os_dir_open_beneath(tree->root, path, &listing.dir, &err), &err);
    check(fi_os_dir_list(listing.dir, keep, &listing, &err), &err);
    size_t end = list->count;
    for (size_t i = first; i < end; i++) {
        const char *name = strrchr(list->items[i].path, '/');
        struct fi_os_stat stat;
        name = name == NULL ? list->items[i].path : name + 1;
        check(fi_os_stat(listing.dir, name, &stat, &err), &err);
        list->items[i].kind = stat.kind;
    }
    fi_os_dir_close(listing.dir);
    for (size_t i = first; i < end; i++) {
        if (list->items[i].kind == FI_OS_DIR) {
            char *below = strdup(list->items[i].path);
            list_below(list, tree, below);
            free(below);
        }
    }
}

void
ws_edit_list_fill(struct ws_edit_list *list, struct scan_world *tree)
{
    *list = (struct ws_edit_list){0};
    list_below(list, tree, "");
    if (list->count > 1) { /* a disk lists in an order of its own */
        qsort(list->items, list->count, sizeof *list->items, compare_items);
    }
}

void
ws_edit_list_deinit(struct ws_edit_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
    }
    free(list->items);
    *list = (struct ws_edit_list){0};
}

/* A random entry of a kind; NULL if there is none. */
static const char *
pick(const struct ws_edit_list *list, struct test_random *random, enum fi_os_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        count += list->items[i].kind == kind ? 1 : 0;
    }
    if (count == 0) {
        return NULL;
    }
    size_t at = test_random_below(random, count);
    for (size_t i = 0;; i++) {
        if (list->items[i].kind == kind && at-- == 0) {
            return list->items[i].path;
        }
    }
}

static const struct ws_edit_item *
find(const struct ws_edit_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].path, path) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* ---- names ---- */

static void
random_name(struct test_random *random, char *out)
{
    static const char *const odd[] = {"new\nline", "-rf",
                                      " ",         "tab\there",
                                      "quo\"te",   "back\\slash",
                                      "*",         ".hidden",
                                      "\xff",      "\xc3(",
                                      "e\xcc\x81", "\xc3\xa9",
                                      "a",         "a-b",
                                      "a.b",       "targeted",
                                      "my.git",    "...",
                                      "..a",       "\x01",
                                      "\x7f",      "\xf0\x9f\x98\x80",
                                      "\xd7\xa9"};
    uint64_t sort = test_random_below(random, 10);
    size_t size = 1 + test_random_below(random, 8);
    if (sort < 2) {
        (void)strcpy(out, odd[test_random_below(random, sizeof odd / sizeof odd[0])]);
        return;
    }
    if (sort == 2) {
        size = test_random_below(random, 4) == 0 ? NAME_MAX_BYTES : 200;
    }
    for (size_t i = 0; i < size; i++) {
        do {
            uint64_t next = test_random_next(random) >> 20;
            out[i] = (char)(sort < 4 ? next & 0xff : 'a' + next % 26);
        } while (out[i] == '\0' || out[i] == '/');
    }
    out[size] = '\0';
    if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0) {
        (void)strcpy(out, "dots");
    }
}

static size_t
depth_of(const char *path)
{
    size_t depth = 1;
    for (; *path != '\0'; path++) {
        depth += *path == '/' ? 1 : 0;
    }
    return depth;
}

/* A path that is free, in a directory that is there. The caller frees it. */
static char *
free_path(const struct ws_edit_list *list, struct test_random *random)
{
    for (;;) {
        const char *dir = test_random_below(random, 5) == 0 ? NULL : pick(list, random, FI_OS_DIR);
        if (dir != NULL && depth_of(dir) >= DEPTH_MAX) {
            continue;
        }
        char name[NAME_MAX_BYTES + 1];
        random_name(random, name);
        size_t size = strlen(name) + 2 + (dir == NULL ? 0 : strlen(dir));
        char *path = malloc(size);
        assert_non_null(path);
        snprintf(path, size, "%s%s%s", dir == NULL ? "" : dir, dir == NULL ? "" : "/", name);
        if (find(list, path) == NULL) {
            return path;
        }
        free(path);
    }
}

/* ---- edits ---- */

static void
put_file(struct scan_world *tree, struct test_random *random, const char *path)
{
    static const size_t sizes[] = {0, 1, 10, 100, 1000, 4096, 65535, 65536, 65537};
    size_t size = sizes[test_random_below(random, sizeof sizes / sizeof sizes[0])];
    /* Few seeds, so that contents repeat. */
    scan_put_random(tree, path, test_random_below(random, 40), size);
}

static void
put_sparse(struct scan_world *tree, struct test_random *random, const char *path)
{
    uint64_t offsets[2] = {4096 * test_random_below(random, 20),
                           4096 * (30 + test_random_below(random, 20))};
    uint64_t size = 4096 * (60 + test_random_below(random, 20)) + test_random_below(random, 4096);
    if (test_random_below(random, 50) == 0) {
        size += 8 << 20;
    }
    scan_put_sparse(tree, path, size, offsets, test_random_below(random, 3));
}

static void
put_symlink(struct scan_world *tree, struct test_random *random, const char *path)
{
    static const char *const targets[] = {"a", "../..", "/etc", "nowhere/at all", "\xff\xfe", "."};
    char longest[4000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    uint64_t which = test_random_below(random, 7);
    scan_put_symlink(tree, path, which < 6 ? targets[which] : longest);
}

/* Something new of a random kind under a free path. */
static void
put_new(struct scan_world *tree, struct test_random *random, const struct ws_edit_list *list,
        const char *path)
{
    const char *file = pick(list, random, FI_OS_FILE);
    switch (test_random_below(random, 10)) {
    case 0:
    case 1:
        scan_put_dir(tree, path);
        break;
    case 2:
        put_symlink(tree, random, path);
        break;
    case 3:
        put_sparse(tree, random, path);
        break;
    case 4:
        if (file != NULL && strcmp(file, path) != 0) {
            scan_put_link(tree, path, file);
            break;
        }
        put_file(tree, random, path);
        break;
    default:
        put_file(tree, random, path);
        break;
    }
}

static void
remove_item(struct scan_world *tree, const struct ws_edit_item *item)
{
    if (item->kind == FI_OS_DIR) {
        scan_remove_tree(tree, item->path);
    } else {
        scan_remove_file(tree, item->path);
    }
}

static struct fi_os_dir *
open_parent(struct scan_world *tree, const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    char *parent = strndup(path, slash == NULL ? 0 : (size_t)(slash - path));
    struct fi_os_dir *dir;
    firn_error err;
    check(fi_os_dir_open_beneath(tree->root, parent, &dir, &err), &err);
    free(parent);
    *out_name = slash == NULL ? path : slash + 1;
    return dir;
}

static void
append(struct scan_world *tree, struct test_random *random, const char *path)
{
    const char *name;
    firn_error err;
    struct fi_os_file *file;
    struct fi_os_stat stat;
    struct fi_os_dir *dir = open_parent(tree, path, &name);
    uint64_t word = test_random_next(random);
    check(fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, &file, &err), &err);
    check(fi_os_file_stat(file, &stat, &err), &err);
    check(fi_os_file_write(file, stat.size_bytes, &word, sizeof word, &err), &err);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static void
change_owner(struct scan_world *tree, struct test_random *random, const char *path)
{
    if (tree->temp_path != NULL && geteuid() != 0) {
        return;
    }
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_parent(tree, path, &name);
    check(fi_os_set_owner((struct fi_os_node){.dir = dir, .name = name},
                          (uint32_t)test_random_below(random, 3),
                          (uint32_t)test_random_below(random, 3), &err),
          &err);
    fi_os_dir_close(dir);
}

static void
change_mode(struct scan_world *tree, struct test_random *random, const struct ws_edit_item *item)
{
    uint32_t mode = (uint32_t)test_random_below(random, 010000);
    if (tree->temp_path != NULL && geteuid() != 0) {
        mode = (mode & 0777) | (item->kind == FI_OS_DIR ? 0700 : 0600);
    }
    scan_set_mode(tree, item->path, mode);
}

static void
change_xattr(struct scan_world *tree, struct test_random *random, const char *path)
{
    static const char *const names[] = {"user.a", "user.b", "user.long name"};
    static const char *const values[] = {"", "1", "a longer value with \xff in it"};
    const char *entry;
    const char *name = names[test_random_below(random, 3)];
    struct fi_os_dir *dir = open_parent(tree, path, &entry);
    if (test_random_below(random, 3) == 0) {
        struct fi_os_node node = {.dir = dir, .name = entry};
        FI_IGNORE(fi_os_xattr_remove(node, name, NULL)); /* where it is */
    } else {
        scan_set_xattr(tree, path, name, values[test_random_below(random, 3)]);
    }
    fi_os_dir_close(dir);
}

static void
move(struct scan_world *tree, struct test_random *random, const struct ws_edit_list *list,
     const struct ws_edit_item *item)
{
    char *to = free_path(list, random);
    size_t size = strlen(item->path);
    bool is_inside = strncmp(to, item->path, size) == 0 && (to[size] == '/' || to[size] == '\0');
    if (!is_inside && (item->kind != FI_OS_DIR || depth_of(to) < DEPTH_MAX)) {
        scan_rename(tree, item->path, to);
    }
    free(to);
}

/* Something else under the same name. */
static void
flip(struct scan_world *tree, struct test_random *random, const struct ws_edit_list *list,
     const struct ws_edit_item *item)
{
    remove_item(tree, item);
    struct ws_edit_list now;
    ws_edit_list_fill(&now, tree);
    put_new(tree, random, &now, item->path);
    ws_edit_list_deinit(&now);
    (void)list;
}

void
ws_edit_step(struct scan_world *tree, struct test_random *random)
{
    struct ws_edit_list list;
    ws_edit_list_fill(&list, tree);
    const struct ws_edit_item *item =
        list.count == 0 ? NULL : &list.items[test_random_below(random, list.count)];
    uint64_t what = item == NULL ? 0 : test_random_below(random, 14);
    char *fresh = NULL;
    bool is_file = item != NULL && item->kind == FI_OS_FILE;
    switch (what) {
    case 0:
    case 1:
    case 2:
    case 3:
        fresh = free_path(&list, random);
        put_new(tree, random, &list, fresh);
        break;
    case 4:
        if (is_file) {
            put_file(tree, random, item->path);
        }
        break;
    case 5:
        if (is_file) {
            append(tree, random, item->path);
        }
        break;
    case 6:
        remove_item(tree, item);
        break;
    case 7:
        move(tree, random, &list, item);
        break;
    case 8:
        if (item->kind != FI_OS_SYMLINK) {
            change_mode(tree, random, item);
        }
        break;
    case 9:
        change_owner(tree, random, item->path);
        break;
    case 10:
        if (item->kind != FI_OS_SYMLINK) {
            change_xattr(tree, random, item->path);
        }
        break;
    case 11:
        scan_set_mtime(tree, item->path,
                       (int64_t)(test_random_next(random) % UINT64_C(2000000000000000000)));
        break;
    default:
        flip(tree, random, &list, item);
        break;
    }
    free(fresh);
    ws_edit_list_deinit(&list);
}

void
ws_edit_grow(struct scan_world *tree, struct test_random *random, size_t entries)
{
    for (;;) {
        struct ws_edit_list list;
        ws_edit_list_fill(&list, tree);
        size_t count = list.count;
        for (size_t i = count; i < entries && i < count + 16; i++) {
            char *path = free_path(&list, random);
            struct ws_edit_list now;
            ws_edit_list_fill(&now, tree);
            if (find(&now, path) == NULL) {
                put_new(tree, random, &now, path);
            }
            ws_edit_list_deinit(&now);
            free(path);
        }
        ws_edit_list_deinit(&list);
        if (count >= entries) {
            return;
        }
    }
}
