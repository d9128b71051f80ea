/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: readers with handles of their own, on a real disk, beside one who saves, deletes
 * and collects without a pause, and beside one who saves and another one who collects in slices.
 * No reader ever meets an error or half a checkpoint.
 *
 * FIRN_TEST_LONG=1 goes on for a minute.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/slice.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"

enum { FILES = 6, FILE_SIZE = 9000, LARGE_SIZE = 3 << 20, READERS = 2 };

/* Every file of a checkpoint is full of one letter, the same in all of them. */
static void
fill(struct scan_world *tree, unsigned round)
{
    static char content[FILE_SIZE];
    memset(content, 'a' + (int)(round % 26), sizeof content);
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "dir%u/file%u", i % 3, i);
        memcpy(content, path, strlen(path));
        scan_put_file(tree, path, content, sizeof content);
    }
}

/* Contents of which packs of many frames are made, and of which some stay from round to round. */
static void
fill_with_noise(struct scan_world *tree, unsigned round)
{
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "dir%u/file%u", i % 3, i);
        if (i >= FILES / 3 || round == 0) {
            scan_put_random(tree, path, round * FILES + i, FILE_SIZE);
        }
    }
    scan_put_random(tree, "large", round, LARGE_SIZE);
}

struct reader {
    const struct ws_world *world;
    atomic_bool *is_over;
    unsigned number;
    uint64_t rounds;
    char failure[1200]; /* empty: none */
};

struct content {
    size_t size;
    int letter; /* the last byte */
};

static int
take_content(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    struct content *content = ctx;
    content->size += data.size;
    content->letter = data.size > 0 ? data.data[data.size - 1] : content->letter;
    return FIRN_OK;
}

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    size_t *count = ctx;
    *count += checkpoint->files >= FILES ? 1 : 0;
    return FIRN_OK;
}

static int
count_entry(void *ctx, const firn_workspace_entry *entry)
{
    size_t *count = ctx;
    *count += entry->type == FIRN_ENTRY_FILE && entry->size_bytes == FILE_SIZE ? 1 : 0;
    return FIRN_OK;
}

static int
wrong(struct reader *reader, const char *what, int rc, const firn_error *err)
{
    snprintf(reader->failure, sizeof reader->failure, "%s: %s: %.900s", what, firn_code_name(rc),
             rc == FIRN_OK ? "not what was saved" : err->text);
    return FIRN_CORRUPT;
}

static int
read_list(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    firn_error err;
    size_t count = 0;
    int rc = fi_ws_list(ws, &options, count_checkpoint, &count, &err);
    return rc == FIRN_OK && count > 0 ? FIRN_OK : wrong(reader, "list", rc, &err);
}

static int
read_entries(struct reader *reader, struct firn_ws *ws)
{
    firn_error err;
    size_t count = 0;
    int rc = fi_ws_entries(ws, "latest", count_entry, &count, &err);
    return rc == FIRN_OK && count == FILES ? FIRN_OK : wrong(reader, "show", rc, &err);
}

static int
read_file(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_entry *entry;
    firn_error err;
    struct content content = {0};
    int rc = fi_ws_cat(ws, "latest", firn_str("dir1/file4"), take_content, &content, &entry, &err);
    return rc == FIRN_OK && content.size == FILE_SIZE ? FIRN_OK : wrong(reader, "cat", rc, &err);
}

/* A walk through an open reader. */
struct walk {
    firn_workspace_reader *reader;
    firn_error err;
    size_t files;
};

static int
walk_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct walk *walk = ctx;
    if (entry->type == FIRN_ENTRY_DIRECTORY) {
        return fi_ws_reader_entries(walk->reader, &entry->hash, walk_entry, walk, &walk->err);
    }
    struct content content = {0};
    int rc = fi_ws_reader_cat(walk->reader, &entry->hash, entry->size_bytes, take_content, &content,
                              &walk->err);
    walk->files += content.size == FILE_SIZE ? 1 : 0;
    return rc;
}

/* What was the newest checkpoint before the reader was opened, and is it still, stays readable through it. */
static int
read_slowly(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_checkpoint *checkpoint;
    struct walk walk = {0};
    int rc = FIRN_OK;
    bool is_the_same = false;
    while (rc == FIRN_OK && !is_the_same) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        fi_ws_reader_close(walk.reader);
        walk.reader = NULL;
        rc = fi_ws_find(ws, "latest", &checkpoint, &walk.err);
        if (rc == FIRN_OK) {
            memcpy(id, checkpoint->id, sizeof id);
            rc = fi_ws_reader_open(ws, &walk.reader, &walk.err);
        }
        if (rc == FIRN_OK) {
            rc = fi_ws_find(ws, "latest", &checkpoint, &walk.err);
            is_the_same = rc == FIRN_OK && memcmp(id, checkpoint->id, sizeof id) == 0;
        }
    }
    for (int times = 0; rc == FIRN_OK && times < 3; times++) {
        walk.files = 0;
        rc = fi_ws_reader_entries(walk.reader, &checkpoint->root, walk_entry, &walk, &walk.err);
        rc = rc == FIRN_OK && walk.files != FILES ? FIRN_CORRUPT : rc;
    }
    fi_ws_reader_close(walk.reader);
    return rc == FIRN_OK ? FIRN_OK : wrong(reader, "reader", rc, &walk.err);
}

/* All files of what was restored are of one round. */
static int
judge_copy(struct reader *reader, struct scan_world *copy)
{
    char *dump = scan_dump_real(copy, true);
    size_t files = 0;
    for (const char *at = dump; (at = strstr(at, "size=9000")) != NULL; at++) {
        files++;
    }
    free(dump);
    firn_error err = {0};
    return files == FILES ? FIRN_OK : wrong(reader, "restore --to", FIRN_OK, &err);
}

static int
read_copy(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    firn_error err;
    char path[1200];
    snprintf(path, sizeof path, "%s.copy%u", reader->world->root_path, reader->number);
    options.to_dir = path;
    options.threads = 1;
    int rc = fi_ws_restore(ws, "latest", &options, &result, &err);
    if (rc != FIRN_OK) {
        return wrong(reader, "restore --to", rc, &err);
    }
    struct scan_world copy = {.os = fi_os_default(), .temp_path = strdup(path)};
    if (fi_os_dir_open_path(copy.os, path, &copy.root, &err) != FIRN_OK) {
        return wrong(reader, "restore --to", FIRN_OK, &err);
    }
    rc = judge_copy(reader, &copy);
    scan_world_close(&copy);
    return rc;
}

/* Of any two that are there each file differs or is the same, as a whole. */
static int
read_difference(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result;
    firn_error err;
    options.after = "latest";
    options.against_previous = true;
    options.with_lines = true;
    int rc = fi_ws_difference(ws, &options, NULL, NULL, &result, &err);
    return rc == FIRN_OK && result.removed == 0 ? FIRN_OK : wrong(reader, "diff", rc, &err);
}

/* Whatever is made and removed meanwhile, nothing looks damaged. */
static int
check_store(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    firn_error err;
    options.read_data = true;
    int rc = fi_verify(ws, &options, &result, &err);
    return rc == FIRN_OK && result.checkpoints > 0 ? FIRN_OK : wrong(reader, "check", rc, &err);
}

static void *
read_on(void *ctx)
{
    struct reader *reader = ctx;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_error err;
    struct firn_ws *ws;
    options.store_path = reader->world->store_path;
    if (fi_ws_open(fi_os_default(), reader->world->root_path, &options, &ws, &err) != FIRN_OK) {
        (void)wrong(reader, "open", FIRN_IO, &err);
        return NULL;
    }
    int rc = FIRN_OK;
    while (rc == FIRN_OK && !atomic_load(reader->is_over)) {
        rc = read_list(reader, ws);
        rc = rc == FIRN_OK ? read_entries(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_file(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_slowly(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_difference(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_copy(reader, ws) : rc;
        rc = rc == FIRN_OK ? check_store(reader, ws) : rc;
        reader->rounds++;
    }
    fi_ws_close(ws);
    return NULL;
}

struct readers {
    struct reader of[READERS];
    pthread_t threads[READERS];
    atomic_bool is_over;
};

static void
begin_reading(struct readers *readers, const struct ws_world *world)
{
    atomic_init(&readers->is_over, false);
    for (unsigned i = 0; i < READERS; i++) {
        readers->of[i] = (struct reader){.world = world, .is_over = &readers->is_over, .number = i};
        assert_int_equal(pthread_create(&readers->threads[i], NULL, read_on, &readers->of[i]), 0);
    }
}

/* How often they have read. */
static uint64_t
end_reading(struct readers *readers)
{
    uint64_t rounds = 0;
    atomic_store(&readers->is_over, true);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers->threads[i], NULL), 0);
    }
    for (unsigned i = 0; i < READERS; i++) {
        if (readers->of[i].failure[0] != '\0') {
            fail_msg("a reader: %s", readers->of[i].failure);
        }
        assert_true(readers->of[i].rounds > 0);
        rounds += readers->of[i].rounds;
    }
    return rounds;
}

static int64_t
end_of_test(struct fi_os *os)
{
    return fi_os_monotonic_ns(os) +
           (getenv("FIRN_TEST_LONG") != NULL ? 60 : 3) * INT64_C(1000000000);
}

static void
nobody_who_reads_is_disturbed(void **state)
{
    struct ws_world world;
    struct readers readers;
    ws_world_open_disk(&world);
    fill(&world.tree, 0);
    ws_save(&world);
    begin_reading(&readers, &world);
    int64_t end = end_of_test(world.tree.os);
    uint64_t waited = 0;
    unsigned round = 1;
    for (; fi_os_monotonic_ns(world.tree.os) < end; round++) {
        char reference[16];
        fill(&world.tree, round);
        ws_save(&world);
        snprintf(reference, sizeof reference, "%u", round);
        gc_delete(&world, reference);
        waited += (round % 3 == 0 ? gc_run(&world) : gc_run_full(&world)).packs_waiting;
    }
    uint64_t readings = end_reading(&readers);
    printf("%u rounds, %llu readings, %llu packs had to wait\n", round,
           (unsigned long long)readings, (unsigned long long)waited);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* ---- slices ---- */

/* One who collects and does nothing else, the last time when all others have ended. */
struct collector {
    const struct ws_world *world;
    atomic_bool is_over;
    uint64_t collections; /* that came to their end */
    uint64_t slices;
    char failure[1200];
};

static void *
collect_on(void *ctx)
{
    struct collector *collector = ctx;
    struct ws_world world = *collector->world; /* another handle of the same */
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = world.store_path;
    int rc = fi_ws_open(fi_os_default(), world.root_path, &options, &world.ws, &world.err);
    const bool is_open = rc == FIRN_OK;
    bool is_last = false;
    while (rc == FIRN_OK && !is_last) {
        firn_workspace_gc_result result;
        is_last = atomic_load(&collector->is_over);
        rc = gc_try_auto(&world, NULL, &result);
        collector->collections += result.is_finished ? 1 : 0;
        collector->slices += result.slices;
    }
    if (rc != FIRN_OK) {
        snprintf(collector->failure, sizeof collector->failure, "%.900s", world.err.text);
    }
    if (is_open) {
        fi_ws_close(world.ws);
    }
    return NULL;
}

/* Waits for slices to end. */
static void
save_beside(struct ws_world *world)
{
    int rc;
    do {
        rc = ws_try_save(world, NULL);
    } while (rc == FIRN_BUSY);
    if (rc != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
}

static void
delete_beside(struct ws_world *world, unsigned number)
{
    char reference[16];
    bool is_again = false;
    snprintf(reference, sizeof reference, "%u", number);
    int rc = gc_try_delete(world, reference);
    while (rc == FIRN_BUSY || (rc == FIRN_NOT_FOUND && is_again)) {
        /* Deleted already where only the end of the deletion had to wait. */
        rc = rc == FIRN_BUSY ? gc_try_delete(world, reference) : gc_try_end_deleted(world);
        is_again = true;
    }
    if (rc != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
}

static void
nobody_is_disturbed_by_slices(void **state)
{
    struct ws_world world;
    struct readers readers;
    struct collector collector = {.world = &world};
    pthread_t thread;
    ws_world_open_disk(&world);
    fill_with_noise(&world.tree, 0);
    ws_save(&world);
    begin_reading(&readers, &world);
    atomic_init(&collector.is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, collect_on, &collector), 0);
    int64_t end = end_of_test(world.tree.os);
    unsigned round = 1;
    for (; round < 6 || fi_os_monotonic_ns(world.tree.os) < end; round++) {
        fill_with_noise(&world.tree, round);
        save_beside(&world);
        if (round > 1) {
            delete_beside(&world, round - 1);
        }
        fi_os_sleep_ns(world.tree.os, INT64_C(20) * 1000000 * (round % 8));
    }
    atomic_store(&collector.is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    uint64_t readings = end_reading(&readers);
    if (collector.failure[0] != '\0') {
        fail_msg("who collects: %s", collector.failure);
    }
    printf("%u rounds, %llu readings, %llu collections, %llu slices\n", round,
           (unsigned long long)readings, (unsigned long long)collector.collections,
           (unsigned long long)collector.slices);
    assert_true(collector.slices > 0);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_who_reads_is_disturbed),
        cmocka_unit_test(nobody_is_disturbed_by_slices),
    };
    return cmocka_run_group_tests_name("ws_gc_readers", tests, NULL, NULL);
}
