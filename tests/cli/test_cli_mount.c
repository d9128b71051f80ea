/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/test_cli_mount.c: the tree of a mount, without the kernel: threads that look up, read and forget beside saves and
 * collections; deletions while a tree is listed; memory that runs out; the names of checkpoints.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mount/mount_internal.h"
#include "support/test.h"
#include "support/test_temp.h"

/* A collection after which nothing that was deleted is left. */
static const firn_workspace_gc_options now = {.size = sizeof(firn_workspace_gc_options),
                                              .now = true};

/* ---- allocations that fail ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static _Thread_local uint64_t allocations, fail_at; /* 0: none */

static bool
fails(void)
{
    return ++allocations == fail_at;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

/* ---- what happens just before a reader is opened ---- */

static void (*before_reader)(void *ctx); /* NULL: nothing */
static void *before_reader_ctx;

int __real_firn_workspace_reader_open(firn_workspace *workspace, firn_workspace_reader **out,
                                      firn_error *err);
int __wrap_firn_workspace_reader_open(firn_workspace *workspace, firn_workspace_reader **out,
                                      firn_error *err);

int
__wrap_firn_workspace_reader_open(firn_workspace *workspace, firn_workspace_reader **out,
                                  firn_error *err)
{
    if (before_reader != NULL) {
        before_reader(before_reader_ctx);
    }
    return __real_firn_workspace_reader_open(workspace, out, err);
}

/* ---- a workspace ---- */

enum { SMALL_SIZE = 5000, LARGE_SIZE = 6 << 20, FILES = 12, READERS = 3, DEPTH_MAX = 8 };

struct scene {
    char folder[TEST_TEMP_SIZE], tree[TEST_TEMP_SIZE + 8], store[TEST_TEMP_SIZE + 8];
    firn_error err;
};

static void
put_file(const struct scene *scene, const char *name, size_t size, char letter)
{
    char path[sizeof scene->tree + 64];
    (void)snprintf(path, sizeof path, "%s/%s", scene->tree, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(fputc(letter, file), letter);
    }
    assert_int_equal(fclose(file), 0);
}

static firn_workspace *
open_workspace(struct scene *scene)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace *workspace;
    options.store_path = scene->store;
    assert_int_equal(firn_workspace_open(scene->tree, &options, &workspace, &scene->err), FIRN_OK);
    return workspace;
}

/* Every byte of a file is the same; those of a round are a letter. */
static void
put_round(const struct scene *scene, unsigned round)
{
    for (unsigned i = 0; i < FILES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s/f%u", i % 2 == 0 ? "d" : "d/e", i);
        put_file(scene, name, SMALL_SIZE + i, (char)('a' + round % 26));
    }
}

static void
open_scene(struct scene *scene)
{
    char path[sizeof scene->tree + 8];
    test_temp_make(scene->folder, sizeof scene->folder);
    (void)snprintf(scene->tree, sizeof scene->tree, "%s/tree", scene->folder);
    (void)snprintf(scene->store, sizeof scene->store, "%s/store", scene->folder);
    assert_int_equal(mkdir(scene->tree, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/d", scene->tree);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/d/e", scene->tree);
    assert_int_equal(mkdir(path, 0700), 0);
    put_round(scene, 0);
    put_file(scene, "large", LARGE_SIZE, 'L');
    assert_int_equal(symlink("large", (snprintf(path, sizeof path, "%s/l", scene->tree), path)), 0);
}

static void
save(struct scene *scene, firn_workspace *workspace)
{
    assert_int_equal(firn_workspace_save(workspace, NULL, NULL, &scene->err), FIRN_OK);
}

static void
close_scene(struct scene *scene)
{
    char command[sizeof scene->folder + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0); // NOLINT
}

/* ---- a kernel ---- */

struct kernel {
    struct fi_mount_tree *tree;
    struct fi_mount_content *content;
    uint64_t files, stale;
    char letter; /* of the small files of one checkpoint; 0: none yet */
    bool is_out_of_memory;
};

/* Whether an answer is what a mount may answer beside deletions, or without memory. */
static bool
is_fine(struct kernel *kernel, int failure)
{
    if (fail_at > 0 && failure == ENOMEM) {
        kernel->is_out_of_memory = true;
        return false;
    }
    kernel->stale += failure != 0 ? 1 : 0;
    assert_true(failure == 0 || failure == ENOENT || failure == ESTALE);
    return failure == 0;
}

static void
read_file(struct kernel *kernel, const struct fi_mount_node *file)
{
    static const size_t whole = 1 << 16;
    uint8_t *bytes = __real_malloc(whole);
    size_t got = 0;
    bool is_large = file->size_bytes == LARGE_SIZE;
    uint64_t offset = is_large ? file->size_bytes - 100 : 0;
    int failure = fi_mount_content_read(kernel->content, file, offset, whole, bytes, &got);
    if (is_fine(kernel, failure)) {
        char letter = is_large ? 'L' : kernel->letter == 0 ? (char)bytes[0] : kernel->letter;
        assert_int_equal(got, file->size_bytes - offset);
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(bytes[i], letter);
        }
        kernel->letter = is_large ? kernel->letter : letter;
        kernel->files++;
        /* A part in the middle. */
        failure = fi_mount_content_read(kernel->content, file, offset + 10, 50, bytes, &got);
        assert_true(!is_fine(kernel, failure) || (got == 50 && bytes[49] == (uint8_t)letter));
    }
    free(bytes);
}

static bool
take_one(void *ctx, struct fi_mount_node *child)
{
    struct fi_mount_node **out = ctx;
    if (*out != NULL) {
        return false;
    }
    *out = child;
    return true;
}

static void walk(struct kernel *kernel, struct fi_mount_node *directory, unsigned depth);

static void
look_at(struct kernel *kernel, struct fi_mount_node *directory, struct fi_mount_node *child,
        unsigned depth)
{
    struct fi_mount_node *again;
    int failure = fi_mount_tree_lookup(kernel->tree, directory, child->name, &again);
    if (is_fine(kernel, failure)) {
        fi_mount_tree_forget(kernel->tree, again, 1);
    }
    if (child->type == FIRN_ENTRY_DIRECTORY) {
        kernel->letter = directory->place == FI_MOUNT_NUMBERS ? 0 : kernel->letter;
        walk(kernel, child, depth + 1);
    } else if (child->type == FIRN_ENTRY_FILE) {
        read_file(kernel, child);
    } else {
        assert_non_null(child->target);
    }
}

/* Reads everything below a directory. It is read entry by entry, as if each were all that the kernel has room
 * for: what was listed stays in its place meanwhile. */
static void
walk(struct kernel *kernel, struct fi_mount_node *directory, unsigned depth)
{
    struct fi_mount_listing *listing;
    char before[256] = "";
    assert_true(depth < DEPTH_MAX);
    if (!is_fine(kernel, fi_mount_tree_list(kernel->tree, directory, &listing))) {
        assert_null(listing);
        return;
    }
    for (size_t i = 0;; i++) {
        struct fi_mount_node *child = NULL;
        fi_mount_tree_visit(kernel->tree, listing, i, true, take_one, &child);
        if (child == NULL) {
            break;
        }
        assert_true(strcmp(before, child->name) < 0);
        (void)snprintf(before, sizeof before, "%s", child->name);
        look_at(kernel, directory, child, depth);
        fi_mount_tree_forget(kernel->tree, child, 1);
    }
    fi_mount_tree_list_close(kernel->tree, listing);
}

static void
walk_all(struct kernel *kernel)
{
    kernel->letter = 0;
    walk(kernel, fi_mount_tree_root(kernel->tree), 0);
}

/* ---- threads ---- */

struct beside {
    struct kernel kernel;
    atomic_bool *is_over;
    uint64_t rounds;
};

static void *
walk_on(void *ctx)
{
    struct beside *beside = ctx;
    while (!atomic_load(beside->is_over)) {
        walk_all(&beside->kernel);
        beside->rounds++;
    }
    return NULL;
}

static void
threads_read_beside_saves_and_collections(void **state)
{
    struct scene scene;
    struct beside readers[READERS];
    pthread_t threads[READERS];
    atomic_bool is_over;
    struct fi_mount_tree *tree;
    open_scene(&scene);
    firn_workspace *workspace = open_workspace(&scene), *writer = open_workspace(&scene);
    save(&scene, writer);
    assert_int_equal(fi_mount_tree_create(workspace, &tree, &scene.err), FIRN_OK);
    struct fi_mount_content *content = fi_mount_content_create(tree);
    assert_non_null(content);
    atomic_init(&is_over, false);
    for (int i = 0; i < READERS; i++) {
        readers[i] =
            (struct beside){.kernel = {.tree = tree, .content = content}, .is_over = &is_over};
        assert_int_equal(pthread_create(&threads[i], NULL, walk_on, &readers[i]), 0);
    }
    const time_t end = time(NULL) + (getenv("FIRN_TEST_LONG") != NULL ? 60 : 4);
    for (unsigned round = 1; time(NULL) < end; round++) {
        put_round(&scene, round);
        save(&scene, writer);
        if (round > 3) {
            char number[24];
            const char *const gone[] = {number};
            (void)snprintf(number, sizeof number, "%u", round - 3);
            assert_int_equal(firn_workspace_delete(writer, gone, 1, NULL, NULL, NULL, &scene.err),
                             FIRN_OK);
            assert_int_equal(firn_workspace_gc(writer, &now, NULL, &scene.err), FIRN_OK);
        }
    }
    atomic_store(&is_over, true);
    uint64_t files = 0;
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(readers[i].rounds > 0);
        files += readers[i].kernel.files;
    }
    assert_true(files > FILES);
    printf("count: %llu files read through mounts beside collections\n", (unsigned long long)files);
    /* Everything was forgotten: only the lists are held. */
    assert_int_equal(fi_mount_tree_root(tree)->held_count, 5);
    fi_mount_content_destroy(content);
    fi_mount_tree_destroy(tree);
    firn_workspace_close(workspace);
    firn_workspace_close(writer);
    close_scene(&scene);
}

/* ---- between the list of checkpoints and the reader ---- */

struct deletions {
    struct scene *scene;
    firn_workspace *writer;
    unsigned saved, first, left; /* `first` is the oldest checkpoint that is still there */
};

static void
delete_oldest(void *ctx)
{
    struct deletions *deletions = ctx;
    if (deletions->left == 0) {
        return;
    }
    char number[24];
    const char *const gone[] = {number};
    firn_error *err = &deletions->scene->err;
    deletions->left--;
    (void)snprintf(number, sizeof number, "%u", deletions->first++);
    assert_int_equal(firn_workspace_delete(deletions->writer, gone, 1, NULL, NULL, NULL, err),
                     FIRN_OK);
    assert_int_equal(firn_workspace_gc(deletions->writer, &now, NULL, err), FIRN_OK);
    put_round(deletions->scene, deletions->saved++);
    save(deletions->scene, deletions->writer);
}

static void
everything_listed_can_be_read_after_deletions(void **state)
{
    struct scene scene;
    struct fi_mount_tree *tree;
    open_scene(&scene);
    firn_workspace *workspace = open_workspace(&scene), *writer = open_workspace(&scene);
    struct deletions deletions = {.scene = &scene, .writer = writer, .first = 1};
    for (; deletions.saved < 4; deletions.saved++) {
        put_round(&scene, deletions.saved);
        save(&scene, writer);
    }
    before_reader = delete_oldest;
    before_reader_ctx = &deletions;
    deletions.left = 2;
    assert_int_equal(fi_mount_tree_create(workspace, &tree, &scene.err), FIRN_OK);
    assert_int_equal(deletions.left, 0);
    struct kernel kernel = {.tree = tree, .content = fi_mount_content_create(tree)};
    assert_non_null(kernel.content);
    walk_all(&kernel);
    assert_int_equal(kernel.stale, 0);
    assert_int_equal(kernel.files, 4 * (FILES + 1));
    fi_mount_content_destroy(kernel.content);
    fi_mount_tree_destroy(tree);
    deletions.left = 1000; /* it never stops */
    assert_int_equal(fi_mount_tree_create(workspace, &tree, &scene.err), FIRN_BUSY);
    assert_null(tree);
    assert_true(deletions.left > 900);
    before_reader = NULL;
    firn_workspace_close(workspace);
    firn_workspace_close(writer);
    close_scene(&scene);
}

/* ---- files that the kernel gets before it asks ---- */

enum { MANY = 120, BIG_AT = 50, EMPTY_AT = 70 };

/* A kernel that has listed a directory and reads its files. */
struct reading {
    struct fi_mount_tree *tree;
    struct fi_mount_node *nodes[MANY];
    size_t count;
    bool is_cached[MANY]; /* read, or given */
    size_t asked;
};

static bool
keep_node(void *ctx, struct fi_mount_node *child)
{
    struct reading *reading = ctx;
    assert_true(reading->count < MANY);
    reading->nodes[reading->count++] = child;
    return true;
}

/* The i-th file, by name, is read; what the tree then tells is given if `may_give`. */
static size_t
read_one(struct reading *reading, size_t i, size_t max, bool may_give)
{
    struct fi_mount_node *ahead[FI_MOUNT_AHEAD_MAX];
    size_t last = i;
    if (reading->is_cached[i]) {
        return 0;
    }
    reading->asked++;
    reading->is_cached[i] = true;
    const size_t count = fi_mount_tree_ahead(reading->tree, reading->nodes[i], max, ahead);
    assert_true(count <= max);
    for (size_t k = 0; k < count; k++) {
        size_t at = last + 1;
        while (at < reading->count && reading->nodes[at] != ahead[k]) {
            at++;
        }
        assert_true(at < reading->count); /* it follows */
        assert_true(ahead[k]->size_bytes > 0);
        assert_true(ahead[k]->size_bytes <= FI_MOUNT_AHEAD_SIZE_MAX);
        last = at;
        const bool is_next = k == 0 && at == i + 1;
        assert_int_equal(fi_mount_tree_is_ahead(reading->tree, ahead[k]), !is_next);
        reading->is_cached[at] = reading->is_cached[at] || may_give;
        fi_mount_tree_forget(reading->tree, ahead[k], 1);
    }
    return count;
}

static size_t
read_in_order(struct reading *reading, size_t max, bool may_give)
{
    memset(reading->is_cached, 0, sizeof reading->is_cached);
    reading->asked = 0;
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->nodes[i]->size_bytes > 0) {
            (void)read_one(reading, i, max, may_give);
        }
    }
    return reading->asked;
}

static void
small_files_are_given_to_a_reader_of_one_after_the_other(void **state)
{
    struct scene scene;
    struct fi_mount_tree *tree;
    struct fi_mount_node *latest, *top, *directory;
    struct fi_mount_listing *listing;
    open_scene(&scene);
    for (unsigned i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d/e/many%03u", i);
        put_file(&scene, name,
                 i == BIG_AT     ? FI_MOUNT_AHEAD_SIZE_MAX + 1
                 : i == EMPTY_AT ? 0
                                 : i,
                 'm');
    }
    for (unsigned i = 0; i < FILES; i++) { /* those of the scene, in the same directory */
        char path[sizeof scene.tree + 32];
        (void)snprintf(path, sizeof path, "%s/d/e/f%u", scene.tree, i);
        assert_true(i % 2 == 0 || unlink(path) == 0);
    }
    firn_workspace *workspace = open_workspace(&scene);
    save(&scene, workspace);
    assert_int_equal(fi_mount_tree_create(workspace, &tree, &scene.err), FIRN_OK);
    struct fi_mount_node *root = fi_mount_tree_root(tree), *numbers;
    assert_int_equal(fi_mount_tree_lookup(tree, root, "number", &numbers), 0);
    assert_int_equal(fi_mount_tree_lookup(tree, numbers, "1", &latest), 0);
    assert_int_equal(fi_mount_tree_lookup(tree, latest, "d", &top), 0);
    assert_int_equal(fi_mount_tree_lookup(tree, top, "e", &directory), 0);
    assert_int_equal(fi_mount_tree_list(tree, directory, &listing), 0);
    struct reading reading = {.tree = tree};
    fi_mount_tree_visit(tree, listing, 0, true, keep_node, &reading);
    fi_mount_tree_list_close(tree, listing);
    assert_int_equal(reading.count, MANY);

    const size_t readable = MANY - 2; /* number 0 is empty, too */
    assert_true(read_in_order(&reading, FI_MOUNT_AHEAD_MAX, true) < readable / 8);
    for (size_t i = 0; i < reading.count; i++) {
        assert_true(reading.is_cached[i] || reading.nodes[i]->size_bytes == 0);
    }
    /* Nothing may be given: all are asked for. */
    assert_int_equal(read_in_order(&reading, 0, true), readable);
    /* A reader that is always faster asks for all of them, and is left alone while it does. */
    assert_int_equal(read_in_order(&reading, FI_MOUNT_AHEAD_MAX, false), readable);
    /* One that goes back, or jumps. */
    memset(reading.is_cached, 0, sizeof reading.is_cached);
    (void)read_one(&reading, MANY - 1, FI_MOUNT_AHEAD_MAX, true);
    for (size_t i = MANY - 1; i-- > EMPTY_AT + 1;) {
        assert_int_equal(read_one(&reading, i, FI_MOUNT_AHEAD_MAX, true), 0);
    }
    memset(reading.is_cached, 0, sizeof reading.is_cached);
    for (size_t i = 1; i + 9 < EMPTY_AT; i += 9) {
        assert_true(i == 1 || read_one(&reading, i, FI_MOUNT_AHEAD_MAX, true) == 0);
    }
    for (size_t i = 0; i < reading.count; i++) {
        fi_mount_tree_forget(tree, reading.nodes[i], 1);
    }
    fi_mount_tree_forget(tree, directory, 1);
    fi_mount_tree_forget(tree, top, 1);
    fi_mount_tree_forget(tree, latest, 1);
    fi_mount_tree_forget(tree, numbers, 1);
    fi_mount_tree_destroy(tree);
    firn_workspace_close(workspace);
    close_scene(&scene);
}

/* ---- memory ---- */

static void
memory_that_runs_out_is_an_error_and_no_leak(void **state)
{
    struct scene scene;
    open_scene(&scene);
    firn_workspace *workspace = open_workspace(&scene);
    uint64_t failures = 0;
    save(&scene, workspace);
    put_round(&scene, 1);
    save(&scene, workspace);
    assert_int_equal(firn_workspace_tag_set(workspace, "a/b", "1", false, NULL, &scene.err),
                     FIRN_OK);
    for (uint64_t n = 1;; n += n < 200 ? 1 : 7) {
        struct kernel kernel = {0};
        allocations = 0;
        fail_at = n;
        int code = fi_mount_tree_create(workspace, &kernel.tree, &scene.err);
        if (code == FIRN_OK) {
            kernel.content = fi_mount_content_create(kernel.tree);
            if (kernel.content != NULL) {
                walk_all(&kernel);
            }
        } else {
            assert_int_equal(code, FIRN_NO_MEMORY);
        }
        bool was_reached = allocations >= n;
        fail_at = 0;
        failures += was_reached ? 1 : 0;
        if (code == FIRN_OK && kernel.content != NULL) {
            uint64_t before = kernel.files;
            walk_all(&kernel); /* as if nothing had happened */
            assert_true(kernel.files - before >= 2 * (FILES + 1));
            assert_int_equal(fi_mount_tree_root(kernel.tree)->held_count, 5);
        }
        fi_mount_content_destroy(kernel.content);
        fi_mount_tree_destroy(kernel.tree);
        if (!was_reached) {
            break;
        }
    }
    assert_true(failures > 50);
    printf("count: %llu allocations of a mount failed\n", (unsigned long long)failures);
    firn_workspace_close(workspace);
    close_scene(&scene);
}

/* ---- names ---- */

struct named {
    char text[1024]; /* "name>target item " of each entry */
};

static bool
note_entry(void *ctx, const char *name, const char *target, const struct fi_mount_item *item)
{
    struct named *named = ctx;
    size_t at = strlen(named->text);
    (void)snprintf(named->text + at, sizeof named->text - at, "%s>%s %llu ", name,
                   target == NULL ? "" : target, (unsigned long long)item->number);
    return true;
}

/* What a directory of a mount contains, if the store has these items. */
static void
require_entries(struct fi_mount_item *items, size_t count, enum fi_mount_place place,
                const char *expected)
{
    const struct fi_mount_list list = {.items = items, .count = count};
    struct named named = {""};
    assert_true(fi_mount_list_entries(&list, place, note_entry, &named));
    assert_string_equal(named.text, expected);
}

static void
equal_local_times_get_names_of_their_own(void **state)
{
    enum { HOUR = 3600 };
    static const int64_t second = 1000000000;
    /* 2026-10-25 02:30:00, in summer time and an hour later in winter time; and a time before 1970 */
    const int64_t summer = 1792888200 * second, winter = summer + HOUR * second;
    struct fi_mount_item items[] = {
        {.number = 7, .created_ns = winter + second},
        {.number = 6, .created_ns = winter + second / 2},
        {.number = 5, .created_ns = winter},
        {.number = 0, .created_ns = winter, .id = "safe"},
        {.number = 4, .created_ns = summer},
        {.number = 3, .created_ns = -second / 2},
        {.number = 4, .created_ns = summer, .tag = "rel/1/a"},
        {.number = 0, .created_ns = winter, .id = "safe", .tag = "kept"},
    };
    const size_t count = sizeof items / sizeof items[0];
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    require_entries(items, count, FI_MOUNT_TIMES,
                    "1970-01-01T00:59:59>../number/3 3 2026-10-25T02:30:00>../number/4 4 "
                    "2026-10-25T02:30:00-2>../number/5 5 2026-10-25T02:30:00-3>../number/6 6 "
                    "2026-10-25T02:30:01>../number/7 7 ");
    require_entries(items, count, FI_MOUNT_NUMBERS, "7> 7 6> 6 5> 5 4> 4 3> 3 ");
    require_entries(items, count, FI_MOUNT_SAFETY, "safe> 0 ");
    require_entries(items, count, FI_MOUNT_TAGS,
                    "rel%2F1%2Fa>../number/4 4 kept>../safety/safe 0 ");
    require_entries(items, count, FI_MOUNT_ROOT, "latest>number/7 7 ");
    require_entries(items, 0, FI_MOUNT_ROOT, "");
    require_entries(items, 0, FI_MOUNT_TIMES, "");
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_local_times_get_names_of_their_own),
        cmocka_unit_test(threads_read_beside_saves_and_collections),
        cmocka_unit_test(everything_listed_can_be_read_after_deletions),
        cmocka_unit_test(small_files_are_given_to_a_reader_of_one_after_the_other),
        cmocka_unit_test(memory_that_runs_out_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
