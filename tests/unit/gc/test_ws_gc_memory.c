/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: what a collection costs in memory: a little for each object of the store, and
 * nothing for how much of them goes.
 *
 * FIRN_TEST_LONG=1 takes two million objects.
 */
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "handle/ws_opened.h"
#include "support/test.h"
#include "support/test_peak.h"
#include "support/workspace/gc_support.h"

static void
must(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

/* ---- a store of many small objects ---- */

enum { FILES_A_DIRECTORY = 200 };

static int
put_tree(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    struct fi_objects_object tree = {.kind = FI_PACK_TREE, .hash = *hash, .content = object};
    bool is_new;
    return fi_objects_session_lane_add(ctx, &tree, &is_new, err);
}

static void
append_entry(struct fi_buf *entries, const char *name, enum fi_tree_kind kind, uint64_t size,
             const firn_hash *hash)
{
    struct fi_tree_entry entry = {
        .name = firn_str(name), .kind = kind, .mode = 0644, .size = size, .hash = *hash};
    assert_int_equal(fi_tree_encode_entry(entries, &entry), FIRN_OK);
}

static void
put_directory(struct fi_objects_session_lane *lane, unsigned number, firn_hash *out)
{
    struct fi_buf entries = {0};
    firn_error err;
    for (unsigned i = 0; i < FILES_A_DIRECTORY; i++) {
        char name[32];
        char content[48];
        bool is_new;
        firn_hash hash;
        int size = snprintf(content, sizeof content, "file %u of directory %u", i, number);
        snprintf(name, sizeof name, "file%06u", i);
        fi_blake3_hash_of(content, (size_t)size, &hash);
        struct fi_objects_object blob = {
            .kind = FI_PACK_BLOB, .hash = hash, .content = firn_bytes(content, (size_t)size)};
        must(fi_objects_session_lane_add(lane, &blob, &is_new, &err), &err);
        append_entry(&entries, name, FI_TREE_FILE, (uint64_t)size, &hash);
    }
    must(fi_tree_build(fi_buf_slice(&entries), put_tree, lane, out, &err), &err);
    fi_buf_deinit(&entries);
}

/* Saves a checkpoint of directories from `first` on. */
static void
put_checkpoint(struct ws_world *world, unsigned first, unsigned count)
{
    struct fi_ws_opened opened;
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    struct fi_buf entries = {0};
    firn_error err;
    uint64_t added;
    must(fi_ws_opened_open(world->ws, FI_WS_CREATE, &opened, &err), &err);
    must(fi_objects_session_begin(opened.objects, 1, &session, &err), &err);
    must(fi_objects_session_lane_open(session, &lane, &err), &err);
    struct fi_catalog_record record = {.order = opened.workspace.next_order,
                                       .number = opened.workspace.next_number,
                                       .created_ns = 1,
                                       .workspace_path = firn_str(world->root_path),
                                       .root = {.kind = FI_TREE_DIR, .mode = 0755}};
    memset(record.id, (int)record.number, sizeof record.id);
    for (unsigned i = first; i < first + count; i++) {
        char name[32];
        firn_hash hash;
        snprintf(name, sizeof name, "dir%06u", i);
        put_directory(lane, i, &hash);
        append_entry(&entries, name, FI_TREE_DIR, 0, &hash);
    }
    must(fi_tree_build(fi_buf_slice(&entries), put_tree, lane, &record.root.hash, &err), &err);
    must(fi_objects_session_lane_close(lane, true, &err), &err);
    must(fi_objects_session_commit(session, &added, &err), &err);
    fi_objects_session_end(session);
    must(fi_catalog_commit(opened.catalog, firn_str(world->root_path), &opened.workspace, &record,
                           false, NULL, &err),
         &err);
    must(fi_ws_opened_close(world->ws, &opened, false, &err), &err);
    fi_buf_deinit(&entries);
}

static void
two_million_objects_are_collected_in_little_memory(void **state)
{
    unsigned directories = getenv("FIRN_TEST_LONG") != NULL ? 10000 : 300;
    struct ws_world world;
    test_peak_install();
    ws_world_open_disk(&world);
    put_checkpoint(&world, 0, directories);
    put_checkpoint(&world, directories / 2 + directories / 8, directories / 2);
    struct gc_facts before = gc_look(&world);
    gc_delete(&world, "1");
    size_t start = test_peak_in_use();
    (void)test_peak_take();
    int64_t began = fi_os_monotonic_ns(world.tree.os);
    firn_workspace_gc_result result = gc_run(&world);
    size_t peak = test_peak_take() - start;
    print_message("%llu objects, %llu of them dead: %.1f MiB, %.2f s\n",
                  (unsigned long long)before.entries, (unsigned long long)result.objects_dead,
                  (double)peak / (1 << 20),
                  (double)(fi_os_monotonic_ns(world.tree.os) - began) / 1e9);
    assert_true(result.objects_dead > before.entries / 3);
    assert_true(peak <= (38 << 20) + 11 * before.entries);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
    test_peak_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_million_objects_are_collected_in_little_memory),
    };
    return cmocka_run_group_tests_name("ws_gc_memory", tests, NULL, NULL);
}
