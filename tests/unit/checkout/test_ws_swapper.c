/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: while a tree on a real disk is restored to and fro, an attacker
 * exchanges its directories for symbolic links that lead outside, as fast as it goes. Restores may
 * be refused, or keep what they find; outside of the tree nothing changes, not even a time, and
 * when it is over the tree can be restored exactly.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/ws_support.h"

enum { DIRS = 6, FILES = 8 };

struct rig {
    struct ws_world world;
    struct scan_world outside;
    char *first;
    char *outside_text;
    atomic_bool is_over;
    atomic_ullong swaps;
};

static void
put_tree(struct scan_world *tree, const char *text, bool few)
{
    char path[64];
    char content[64];
    for (int d = 0; d < DIRS; d++) {
        for (int f = 0; f < FILES; f++) {
            if (few && f % 3 == d % 3) {
                continue;
            }
            snprintf(content, sizeof content, "%s %d %d", text, d, f);
            snprintf(path, sizeof path, "d%d/f%d", d, f);
            scan_put_text(tree, path, content);
            snprintf(path, sizeof path, "d%d/sub/f%d", d, f);
            scan_put_text(tree, path, content);
        }
    }
}

static void
set_up(struct rig *rig)
{
    struct ws_world *world = &rig->world;
    char path[1200];
    ws_world_open_disk(world);
    scan_world_open_disk(&rig->outside);
    put_tree(&rig->outside, "not yours", false);
    rig->outside_text = scan_dump_real(&rig->outside, true);
    put_tree(&world->tree, "first", false);
    for (int d = 0; d < DIRS; d++) {
        char name[16];
        snprintf(name, sizeof name, "l%d", d);
        snprintf(path, sizeof path, "%s/d%d", rig->outside.temp_path, d);
        scan_put_symlink(&world->tree, name, path);
    }
    ws_save(world);
    rig->first = ws_dump(world);
    for (int d = 0; d < DIRS; d++) {
        snprintf(path, sizeof path, "d%d", d);
        scan_remove_tree(&world->tree, path);
    }
    put_tree(&world->tree, "second", true);
    ws_save(world);
}

static void
tear_down(struct rig *rig)
{
    ws_world_close(&rig->world);
    scan_world_close(&rig->outside);
    free(rig->first);
    free(rig->outside_text);
}

/* Exchanges dN for lN, which of them the link may be. */
static void *
swap_on_and_on(void *arg)
{
    struct rig *rig = arg;
    struct test_random random;
    test_random_init(&random, "ws_swapper", 1);
    while (!atomic_load(&rig->is_over)) {
        char dir[16];
        char link[16];
        unsigned d = (unsigned)test_random_below(&random, DIRS);
        snprintf(dir, sizeof dir, "d%u", d);
        snprintf(link, sizeof link, "l%u", d);
        struct fi_os_dir *root = rig->world.tree.root;
        if (fi_os_rename(root, dir, root, link, FI_OS_RENAME_EXCHANGE, NULL) == FIRN_OK) {
            atomic_fetch_add(&rig->swaps, 1);
        }
        /* Now and then long enough that a restore comes past its checks. */
        if (test_random_below(&random, 8) == 0) {
            fi_os_sleep_ns(rig->world.tree.os, (int64_t)test_random_below(&random, 40000000));
        }
    }
    return NULL;
}

static void
assert_outside_is_untouched(struct rig *rig)
{
    char *now = scan_dump_real(&rig->outside, true);
    assert_string_equal(now, rig->outside_text);
    free(now);
}

static bool
is_pending(struct rig *rig)
{
    firn_workspace_pending_restore pending;
    assert_int_equal(fi_ws_pending(rig->world.ws, &pending, &rig->world.err), FIRN_OK);
    return pending.is_pending;
}

static void
nothing_outside_changes_while_directories_become_links(void **state)
{
    struct rig rig = {0};
    pthread_t thread;
    set_up(&rig);
    struct fi_os *os = rig.world.tree.os;
    bool is_long = getenv("FIRN_TEST_LONG") != NULL;
    const int64_t end_ns = fi_os_monotonic_ns(os) + (is_long ? INT64_C(60000000000) : 2500000000);
    unsigned done = 0;
    unsigned refused = 0;
    unsigned interrupted = 0;
    assert_int_equal(pthread_create(&thread, NULL, swap_on_and_on, &rig), 0);
    for (unsigned i = 0; fi_os_monotonic_ns(os) < end_ns; i++) {
        int rc = ws_try_restore(&rig.world, i % 2 == 0 ? "1" : "2", NULL);
        done += rc == FIRN_OK ? 1 : 0;
        refused += rc != FIRN_OK ? 1 : 0;
        interrupted += is_pending(&rig) ? 1 : 0;
        if (rc == FIRN_CORRUPT || rc == FIRN_NO_MEMORY) {
            fail_msg("%s: %s", firn_code_name(rc), rig.world.err.text);
        }
        assert_outside_is_untouched(&rig);
    }
    atomic_store(&rig.is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    ws_restore(&rig.world, "1");
    ws_assert_dump(&rig.world, rig.first);
    ws_assert_check_clean(&rig.world);
    assert_outside_is_untouched(&rig);
    printf("%u restores done, %u refused, %u of them interrupted, under %llu exchanges\n", done,
           refused, interrupted, (unsigned long long)atomic_load(&rig.swaps));
    assert_true(done + refused > 3);
    assert_true(atomic_load(&rig.swaps) > 100);
    tear_down(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outside_changes_while_directories_become_links),
    };
    return cmocka_run_group_tests_name("ws_swapper", tests, NULL, NULL);
}
