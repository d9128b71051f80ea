/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: readers with handles of their own, on a real disk, beside one who saves, deletes
 * and collects without a pause. No reader ever meets an error or half a checkpoint.
 *
 * FIRN_TEST_LONG=1 goes on for a minute.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "gc_support.h"
#include "support/test_random.h"

enum { FILES = 6, FILE_SIZE = 9000, READERS = 2 };

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
take_content(void *ctx, firn_slice data)
{
    struct content *content = ctx;
    content->size += data.size;
    content->letter = data.size > 0 ? data.data[data.size - 1] : content->letter;
    return FIRN_OK;
}

static int
count_checkpoint(void *ctx, const firn_checkpoint *checkpoint)
{
    size_t *count = ctx;
    *count += checkpoint->files == FILES ? 1 : 0;
    return FIRN_OK;
}

static int
count_entry(void *ctx, const firn_entry_info *entry)
{
    size_t *count = ctx;
    *count += entry->type == FIRN_TYPE_FILE && entry->size == FILE_SIZE ? 1 : 0;
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
    firn_list_options options = FIRN_LIST_OPTIONS_INIT;
    firn_error err;
    size_t count = 0;
    int rc = firn_ws_list(ws, &options, count_checkpoint, &count, &err);
    return rc == FIRN_OK && count > 0 ? FIRN_OK : wrong(reader, "list", rc, &err);
}

static int
read_entries(struct reader *reader, struct firn_ws *ws)
{
    firn_error err;
    size_t count = 0;
    int rc = firn_ws_entries(ws, "latest", count_entry, &count, &err);
    return rc == FIRN_OK && count == FILES ? FIRN_OK : wrong(reader, "show", rc, &err);
}

static int
read_file(struct reader *reader, struct firn_ws *ws)
{
    firn_entry_info entry;
    firn_error err;
    struct content content = {0};
    int rc =
        firn_ws_cat(ws, "latest", firn_str("dir1/file4"), take_content, &content, &entry, &err);
    return rc == FIRN_OK && content.size == FILE_SIZE ? FIRN_OK : wrong(reader, "cat", rc, &err);
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
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    firn_error err;
    char path[1200];
    snprintf(path, sizeof path, "%s.copy%u", reader->world->root_path, reader->number);
    options.to_dir = path;
    options.threads = 1;
    int rc = firn_ws_restore(ws, "latest", &options, &result, &err);
    if (rc != FIRN_OK) {
        return wrong(reader, "restore --to", rc, &err);
    }
    struct scan_world copy = {.os = firn_os_default(), .temp_path = strdup(path)};
    if (firn_os_dir_open_path(copy.os, path, &copy.root, &err) != FIRN_OK) {
        return wrong(reader, "restore --to", FIRN_OK, &err);
    }
    rc = judge_copy(reader, &copy);
    scan_world_close(&copy);
    return rc;
}

/* Whatever is made and removed meanwhile, nothing looks damaged. */
static int
check_store(struct reader *reader, struct firn_ws *ws)
{
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    firn_error err;
    options.read_data = true;
    int rc = firn_ws_check(ws, &options, &result, &err);
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
    if (firn_ws_open(firn_os_default(), reader->world->root_path, &options, &ws, &err) != FIRN_OK) {
        (void)wrong(reader, "open", FIRN_IO, &err);
        return NULL;
    }
    int rc = FIRN_OK;
    while (rc == FIRN_OK && !atomic_load(reader->is_over)) {
        rc = read_list(reader, ws);
        rc = rc == FIRN_OK ? read_entries(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_file(reader, ws) : rc;
        rc = rc == FIRN_OK ? read_copy(reader, ws) : rc;
        rc = rc == FIRN_OK ? check_store(reader, ws) : rc;
        reader->rounds++;
    }
    firn_ws_close(ws);
    return NULL;
}

static void
nobody_who_reads_is_disturbed(void **state)
{
    (void)state;
    struct ws_world world;
    struct reader readers[READERS] = {{0}};
    pthread_t threads[READERS];
    atomic_bool is_over = false;
    ws_world_open_disk(&world);
    fill(&world.tree, 0);
    ws_save(&world);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.world = &world, .is_over = &is_over, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    struct firn_os *os = world.tree.os;
    int64_t end = firn_os_monotonic_ns(os) +
                  (getenv("FIRN_TEST_LONG") != NULL ? 60 : 3) * INT64_C(1000000000);
    uint64_t waited = 0;
    unsigned round = 1;
    for (; firn_os_monotonic_ns(os) < end; round++) {
        char reference[16];
        fill(&world.tree, round);
        ws_save(&world);
        snprintf(reference, sizeof reference, "%u", round);
        gc_delete(&world, reference);
        waited += (round % 3 == 0 ? gc_run(&world) : gc_run_full(&world)).packs_waiting;
    }
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned i = 0; i < READERS; i++) {
        if (readers[i].failure[0] != '\0') {
            fail_msg("a reader: %s", readers[i].failure);
        }
        assert_true(readers[i].rounds > 0);
    }
    printf("%u rounds, %llu readings, %llu packs had to wait\n", round,
           (unsigned long long)(readers[0].rounds + readers[1].rounds), (unsigned long long)waited);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_who_reads_is_disturbed),
    };
    return cmocka_run_group_tests_name("ws_gc_readers", tests, NULL, NULL);
}
