/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: one checkpoint of a remote, or a file of one, without a pull of all: how many requests
 * that takes, and what the store has afterwards.
 */
#include "base/slice.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/ws_edit.h"

enum { SMALL_FILES = 40, BIG = 20 << 20, REQUESTS_MAX = 8 };

static void
check_ok(int rc, const firn_error *why)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), why->text);
    }
}

/* "/b" has pushed three checkpoints, with two packs that are files: contents of 20 MiB, and then
 * others. */
struct prepared {
    struct ws_world world;
    char *dumps[3];
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct ws_world other;
    struct test_random random = {seed};
    share_open(world, seed);
    scan_put_text(&world->tree, "own", "own");
    ws_save(world);
    share_open_beside(world, "/b", &other);
    ws_edit_grow(&other.tree, &random, SMALL_FILES);
    scan_put_random(&other.tree, "big", seed, BIG);
    scan_put_text(&other.tree, ".firnignore", "never\n");
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "text %d", i + 1);
        scan_put_text(&other.tree, "text", text);
        if (i == 1) {
            scan_put_random(&other.tree, "more", seed + 1, 200 << 10);
        }
        ws_save(&other);
        prepared->dumps[i] = ws_dump(&other);
        share_push(&other);
    }
    share_close_beside(&other);
}

static void
prepared_deinit(struct prepared *prepared)
{
    for (int i = 0; i < 3; i++) {
        free(prepared->dumps[i]);
    }
    ws_world_close(&prepared->world);
}

static uint64_t requests; /* of the last operation */

struct reading {
    char bytes[64];
    size_t size;
    uint64_t total;
};

static int
read_piece(void *ctx, firn_slice data, firn_error *err)
{
    struct reading *reading = ctx;
    (void)err;
    reading->total += data.size;
    for (size_t i = 0; i < data.size && reading->size < sizeof reading->bytes - 1; i++) {
        reading->bytes[reading->size++] = (char)data.data[i];
    }
    return FIRN_OK;
}

static int
cat(struct ws_world *world, const char *reference, const char *path, struct reading *out)
{
    firn_workspace_entry *entry;
    *out = (struct reading){.size = 0};
    int rc = fi_share_cat(world->ws, NULL, reference, firn_str(path), read_piece, out, &entry,
                          &requests, &world->err);
    fi_ws_given_release(world->ws);
    return rc;
}

static int
count_one(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
count_pulled(struct ws_world *world)
{
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    unsigned count = 0;
    list.remote = "origin";
    int rc = fi_ws_list(world->ws, &list, count_one, &count, &world->err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return count;
}

static int
bring(struct ws_world *world, const char *reference, firn_pull_result *out)
{
    firn_pull_options options = FIRN_PULL_OPTIONS_INIT;
    options.reference = reference;
    int rc = fi_share_take_whole(world->ws, NULL, &options, out, &world->err);
    requests = out->requests;
    return rc;
}

static void
a_file_is_read_where_it_is(void **state)
{
    struct prepared prepared;
    struct reading reading;
    (void)state;
    prepare(&prepared, 70);
    struct ws_world *world = &prepared.world;
    const struct gc_facts before = gc_look(world);
    check_ok(cat(world, "2", "text", &reading), &world->err);
    assert_string_equal(reading.bytes, "text 2");
    assert_in_range(requests, 1, REQUESTS_MAX);
    check_ok(cat(world, "latest", "text", &reading), &world->err);
    assert_string_equal(reading.bytes, "text 3");
    assert_in_range(requests, 1, REQUESTS_MAX);
    check_ok(cat(world, "latest~2", "big", &reading), &world->err);
    assert_int_equal(reading.total, BIG);
    assert_int_equal(cat(world, "9", "text", &reading), FIRN_NOT_FOUND);
    assert_int_equal(cat(world, "2", "nothing", &reading), FIRN_NOT_FOUND);
    assert_int_equal(cat(world, "2", "", &reading), FIRN_INVALID);
    assert_int_equal(cat(world, "2", "../x", &reading), FIRN_INVALID);
    assert_int_equal(gc_look(world).objects, before.objects);
    assert_int_equal(count_pulled(world), 0);
    prepared_deinit(&prepared);
}

static void
one_checkpoint_comes_alone(void **state)
{
    struct prepared prepared;
    firn_pull_result result;
    (void)state;
    prepare(&prepared, 71);
    struct ws_world *world = &prepared.world;
    check_ok(bring(world, "2", &result), &world->err);
    assert_int_equal(result.checkpoints, 1);
    assert_int_equal(count_pulled(world), 1);
    assert_true(result.bytes > BIG);
    share_assert_dump(world, "origin/2", prepared.dumps[1]);
    check_ok(bring(world, "2", &result), &world->err);
    assert_int_equal(result.checkpoints, 0);
    assert_true(result.bytes < BIG / 4); /* its contents are here */
    check_ok(bring(world, "latest", &result), &world->err);
    assert_int_equal(result.checkpoints, 1);
    assert_in_range(requests, 1, REQUESTS_MAX);
    assert_int_equal(bring(world, "9", &result), FIRN_NOT_FOUND);
    assert_int_equal(share_pull(world).checkpoints, 1);
    for (int i = 0; i < 3; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "origin/%d", i + 1);
        share_assert_dump(world, reference, prepared.dumps[i]);
    }
    ws_assert_check_clean(world);
    assert_int_equal(share_pull(world).checkpoints, 0);
    prepared_deinit(&prepared);
}

/* A push does not send again what came so. */
static void
what_came_is_not_sent_again(void **state)
{
    struct prepared prepared;
    firn_pull_result result;
    (void)state;
    prepare(&prepared, 73);
    struct ws_world *world = &prepared.world;
    check_ok(bring(world, "3", &result), &world->err);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored;
    check_ok(fi_ws_restore(world->ws, "origin/3", &options, &restored, &world->err), &world->err);
    scan_put_text(&world->tree, "text", "edited");
    ws_save(world);
    assert_true(share_push(world).bytes < BIG / 100);
    prepared_deinit(&prepared);
}

/* What is damaged does not come, and leaves no checkpoint. */
static void
what_is_damaged_does_not_come(void **state)
{
    struct prepared prepared;
    struct share_remote at;
    struct reading reading;
    firn_pull_result result;
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    firn_error err;
    (void)state;
    prepare(&prepared, 72);
    struct ws_world *world = &prepared.world;
    share_remote_open(world, &at);
    fi_remote_file_name(&at.remote.state.files.items[0], name);
    check_ok(fi_bucket_remove(at.bucket, name, &err), &err);
    share_remote_close(&at);
    assert_int_not_equal(bring(world, "2", &result), FIRN_OK);
    assert_int_not_equal(cat(world, "2", "big", &reading), FIRN_OK);
    assert_int_equal(count_pulled(world), 0);
    ws_assert_check_clean(world);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_where_it_is),
        cmocka_unit_test(one_checkpoint_comes_alone),
        cmocka_unit_test(what_came_is_not_sent_again),
        cmocka_unit_test(what_is_damaged_does_not_come),
    };
    return cmocka_run_group_tests_name("share_away", tests, NULL, NULL);
}
