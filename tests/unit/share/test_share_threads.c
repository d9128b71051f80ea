/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: a pull by several threads brings what was pushed: packs that arrive while others are
 * verified, and lists and deltas that wait for them. On disk, since nothing runs at the same time
 * in memory; for the thread sanitizer above all.
 */
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test.h"
#include "support/test_random.h"

enum { FILES = 24, FILE_SIZE = 40000, BIG = 3 << 20, SAVES = 12 };

struct content {
    struct test_random random;
    char files[FILES][FILE_SIZE];
    char big[BIG];
};

static void
fill(struct content *content)
{
    for (size_t i = 0; i < FILES * (size_t)FILE_SIZE; i++) {
        content->files[i / FILE_SIZE][i % FILE_SIZE] =
            (char)('a' + test_random_below(&content->random, 16));
    }
    for (size_t i = 0; i < BIG; i++) {
        content->big[i] = (char)('a' + test_random_below(&content->random, 16));
    }
}

/* A few edited files, which become deltas, and a large one, which is a list of pieces. */
static void
save_next(struct ws_world *world, struct content *content)
{
    char name[16];
    for (size_t i = 0; i < FILES; i++) {
        content->files[i][test_random_below(&content->random, FILE_SIZE)] = '+';
        snprintf(name, sizeof name, "file-%02zu", i);
        scan_put_file(&world->tree, name, content->files[i], FILE_SIZE);
    }
    content->big[test_random_below(&content->random, BIG)] = '+';
    scan_put_file(&world->tree, "big", content->big, BIG);
    ws_save(world);
}

static void
a_pull_by_threads_brings_all(void **state)
{
    (void)state;
    static struct content content = {.random = {7}};
    struct ws_world ada;
    struct ws_world ben;
    struct scan_world remote;
    ws_world_open_disk(&ada);
    ws_world_open_disk(&ben);
    scan_world_open_disk(&remote);
    assert_int_equal(fi_share_name_add(ada.ws, "origin", remote.temp_path, true, &ada.err),
                     FIRN_OK);
    assert_int_equal(fi_share_name_add(ben.ws, "origin", remote.temp_path, true, &ben.err),
                     FIRN_OK);
    fill(&content);
    for (size_t i = 0; i < SAVES; i++) {
        save_next(&ada, &content);
        if (i % 3 == 0) {
            share_push(&ada); /* several packs */
        }
    }
    share_push(&ada);
    ben.threads = 4;
    assert_int_equal(share_pull(&ben).checkpoints, SAVES);
    ws_restore(&ben, "origin/latest");
    char *pushed = ws_dump(&ada);
    ws_assert_dump(&ben, pushed);
    ws_assert_check_clean(&ben);
    free(pushed);
    ws_world_close(&ben);
    ws_world_close(&ada);
    scan_world_close(&remote);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pull_by_threads_brings_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
