/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/gc_support.c: see gc_support.h.
 */
#include "gc_support.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "gc/gc_internal.h"
#include "objects/objects.h"
#include "posix/os_default.h"
#include "support/test.h"

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

int
gc_try_end_deleted(struct ws_world *world)
{
    struct fi_ws_opened opened;
    uint64_t count;
    int rc = fi_ws_opened_open_store(world->ws, FI_WS_WRITE, &opened, &world->err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_gc_delete_end(&opened, 0, INT64_MAX, &count, &world->err);
    return fi_ws_opened_close(world->ws, &opened, rc, &world->err);
}

int
gc_try_delete(struct ws_world *world, const char *reference)
{
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    int rc = fi_gc_delete(world->ws, &reference, 1, &options, NULL, NULL, &world->err);
    return rc == FIRN_OK ? gc_try_end_deleted(world) : rc;
}

static int
run_with(struct ws_world *world, firn_workspace_gc_options options, firn_workspace_gc_result *out)
{
    firn_workspace_gc_result ignored;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){.cancel_at = world->notices.cancel_at};
    options.callbacks = scan_notices_callbacks(&world->notices);
    return fi_gc(world->ws, &options, out == NULL ? &ignored : out, &world->err);
}

static int
run(struct ws_world *world, bool full, bool dry_run, firn_workspace_gc_result *out)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    options.full = full;
    options.dry_run = dry_run;
    return run_with(world, options, out);
}

int
gc_try_recompress(struct ws_world *world, int level, firn_workspace_gc_result *out)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    options.recompress_level = level;
    return run_with(world, options, out);
}

int
gc_try_rekey(struct ws_world *world, firn_workspace_gc_result *out)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    options.rekey = true;
    return run_with(world, options, out);
}

firn_workspace_gc_result
gc_recompress(struct ws_world *world, int level)
{
    firn_workspace_gc_result result;
    check(gc_try_recompress(world, level, &result), &world->err);
    return result;
}

int
gc_try(struct ws_world *world, bool full, firn_workspace_gc_result *out)
{
    return run(world, full, false, out);
}

int
gc_try_in_pieces(struct ws_world *world, firn_workspace_gc_result *out)
{
    const struct fi_gc_limits limits = {
        .pack_objects = 3, .pack_bytes = 4000, .give_back_bytes = 2000, .share_bytes = 1000};
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result ignored;
    options.full = true;
    return fi_gc_limited(world->ws, &options, &limits, out == NULL ? &ignored : out, &world->err);
}

firn_workspace_gc_result
gc_run_in_shares(struct ws_world *world, uint64_t share_bytes)
{
    const struct fi_gc_limits limits = {.pack_objects = 128 << 10,
                                        .pack_bytes = UINT64_C(1) << 30,
                                        .give_back_bytes = UINT64_C(1) << 30,
                                        .share_bytes = share_bytes};
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    options.recompress_level = 6;
    check(fi_gc_limited(world->ws, &options, &limits, &result, &world->err), &world->err);
    return result;
}

int
gc_try_auto(struct ws_world *world, const firn_callbacks *callbacks, firn_workspace_gc_result *out)
{
    bool is_real = world->tree.os == fi_os_default();
    const struct fi_gc_limits limits = {.pack_objects = 128 << 10,
                                        .pack_bytes = UINT64_C(1) << 30,
                                        .give_back_bytes = UINT64_C(1) << 30,
                                        .due_bytes = 0,
                                        .slice_bytes = 4000,
                                        .slice_objects = 5,
                                        .pause_ns = INT64_C(1000000) * (is_real ? 1 : 250),
                                        .patience_ns = INT64_C(1000000000) * (is_real ? 60 : 2)};
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result ignored;
    options.automatic = true;
    if (callbacks != NULL) {
        options.callbacks = *callbacks;
    }
    return fi_gc_limited(world->ws, &options, &limits, out == NULL ? &ignored : out, &world->err);
}

firn_workspace_gc_result
gc_run_auto(struct ws_world *world)
{
    firn_workspace_gc_result result;
    check(gc_try_auto(world, NULL, &result), &world->err);
    return result;
}

void
gc_delete(struct ws_world *world, const char *reference)
{
    check(gc_try_delete(world, reference), &world->err);
}

firn_workspace_gc_result
gc_run(struct ws_world *world)
{
    firn_workspace_gc_result result;
    check(run(world, false, false, &result), &world->err);
    return result;
}

firn_workspace_gc_result
gc_run_full(struct ws_world *world)
{
    firn_workspace_gc_result result;
    check(run(world, true, false, &result), &world->err);
    return result;
}

firn_workspace_gc_result
gc_dry_run(struct ws_world *world)
{
    firn_workspace_gc_result result;
    check(run(world, false, true, &result), &world->err);
    return result;
}

/* ---- several workspaces ---- */

firn_workspace_gc_result
gc_run_usual(struct ws_world *world, bool is_dry)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    options.automatic = true;
    options.dry_run = is_dry;
    if (fi_gc(world->ws, &options, &result, &world->err) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    return result;
}

struct fi_catalog_due
gc_due(struct ws_world *world)
{
    struct fi_ws_opened opened;
    struct fi_catalog_due due;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    assert_int_equal(fi_catalog_due_read(opened.db, &due, &world->err), FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &world->err), FIRN_OK);
    return due;
}

void
gc_neighbour_open(struct ws_world *world, const char *path, struct ws_world *out)
{
    gc_neighbour_open_store(world, path, world->store_path, out);
}

void
gc_neighbour_open_store(struct ws_world *world, const char *path, const char *store_path,
                        struct ws_world *out)
{
    struct fi_os *os = world->tree.os;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct fi_os_dir *top;
    firn_error err;
    *out = (struct ws_world){.threads = world->threads, .tree = {.os = os}};
    check(fi_os_dir_open_path(os, "/", &top, &err), &err);
    int rc = fi_os_make_dir(top, path + 1, 0755, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    fi_os_dir_close(top);
    out->root_path = strdup(path);
    out->store_path = strdup(store_path);
    check(fi_os_dir_open_path(os, path, &out->tree.root, &err), &err);
    options.store_path = out->store_path;
    options.lock_timeout_ms = 0;
    check(fi_ws_open(os, path, &options, &out->ws, &err), &err);
}

void
gc_neighbour_close(struct ws_world *neighbour)
{
    fi_ws_close(neighbour->ws);
    scan_notices_deinit(&neighbour->notices);
    fi_os_dir_close(neighbour->tree.root);
    free(neighbour->root_path);
    free(neighbour->store_path);
}

/* ---- what a store holds ---- */

enum { PACKS_MAX = 4096 };

struct looking {
    struct gc_facts facts;
    bool is_used[PACKS_MAX];
};

static void
look_at_packs(struct looking *looking, struct firn_db *db)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    firn_error err;
    if (fi_db_keyspace_open(db, FI_OBJECTS_INDEX_PACKS, &keyspace, &err) != FIRN_OK) {
        return;
    }
    check(fi_db_cursor_open(keyspace, NULL, &cursor, &err), &err);
    for (check(fi_db_cursor_first(cursor, &err), &err); fi_db_cursor_valid(cursor);
         check(fi_db_cursor_next(cursor, &err), &err)) {
        struct fi_objects_index_pack pack;
        check(fi_objects_index_decode_pack(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                           &pack, &err),
              &err);
        assert_true(pack.number < PACKS_MAX);
        looking->facts.last = pack.number;
        looking->is_used[pack.number] = pack.state == FI_OBJECTS_INDEX_PACK_USED;
        looking->facts.packs += pack.state == FI_OBJECTS_INDEX_PACK_USED ? 1 : 0;
        looking->facts.objects += pack.state == FI_OBJECTS_INDEX_PACK_USED ? pack.object_count : 0;
        looking->facts.retired += pack.state == FI_OBJECTS_INDEX_PACK_RETIRED ? 1 : 0;
        looking->facts.removed += pack.state == FI_OBJECTS_INDEX_PACK_REMOVED ? 1 : 0;
    }
    fi_db_cursor_close(cursor);
}

static void
look_at_index(struct looking *looking, struct firn_db *db)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    firn_error err;
    if (fi_db_keyspace_open(db, FI_OBJECTS_INDEX_OBJECTS, &keyspace, &err) != FIRN_OK) {
        return;
    }
    check(fi_db_cursor_open(keyspace, NULL, &cursor, &err), &err);
    for (check(fi_db_cursor_first(cursor, &err), &err); fi_db_cursor_valid(cursor);
         check(fi_db_cursor_next(cursor, &err), &err)) {
        struct fi_objects_place place;
        check(fi_objects_index_decode_place(fi_db_cursor_value(cursor), &place, &err), &err);
        looking->facts.entries++;
        looking->facts.stray += looking->is_used[place.pack] ? 0 : 1;
    }
    fi_db_cursor_close(cursor);
}

static int
count_file(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    (*(uint64_t *)ctx)++;
    return FIRN_OK;
}

void
gc_visit_packs(struct ws_world *world, void (*visit)(void *ctx, struct firn_pack *pack), void *ctx)
{
    struct fi_ws_opened opened;
    check(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), &world->err);
    for (size_t i = 0; i < fi_objects_pack_count(opened.objects); i++) {
        struct firn_pack *pack;
        uint32_t number = fi_objects_pack_at(opened.objects, i)->number;
        check(fi_objects_pack_acquire(opened.objects, number, &pack, &world->err), &world->err);
        visit(ctx, pack);
        fi_objects_pack_release(opened.objects, number);
    }
    check(fi_ws_opened_close(world->ws, &opened, false, &world->err), &world->err);
}

struct gc_facts
gc_look(struct ws_world *world)
{
    struct looking looking = {0};
    struct fi_os_dir *store;
    struct fi_os_dir *packs;
    struct firn_db *db;
    const struct fi_db_options options = {.read_only = true};
    firn_error err;
    check(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err), &err);
    check(fi_db_open(store, &options, &db, &err), &err);
    look_at_packs(&looking, db);
    look_at_index(&looking, db);
    check(fi_db_close(db, &err), &err);
    if (fi_os_dir_open(store, FI_OBJECTS_INDEX_PACKS_DIR, &packs, NULL) == FIRN_OK) {
        check(fi_os_dir_list(packs, count_file, &looking.facts.files, &err), &err);
        fi_os_dir_close(packs);
    }
    fi_os_dir_close(store);
    return looking.facts;
}

void
gc_mislead(struct ws_world *world, const char *content, int by)
{
    struct fi_os_dir *store;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct fi_objects_place place;
    struct fi_buf found = {0};
    const struct fi_db_options options = {.create_if_missing = false};
    uint8_t value[FI_OBJECTS_INDEX_PLACE_SIZE_MAX];
    firn_hash hash;
    firn_error err;
    fi_blake3_hash_of(content, strlen(content), &hash);
    firn_slice key = firn_bytes(hash.bytes, sizeof hash.bytes);
    check(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err), &err);
    check(fi_db_open(store, &options, &db, &err), &err);
    check(fi_db_keyspace_open(db, FI_OBJECTS_INDEX_OBJECTS, &keyspace, &err), &err);
    check(fi_db_get(keyspace, key, &found, &err), &err);
    check(fi_objects_index_decode_place(fi_buf_slice(&found), &place, &err), &err);
    place.at.offset += (uint32_t)by;
    size_t size = fi_objects_index_encode_place(&place, value);
    check(fi_db_put(keyspace, key, firn_bytes(value, size), FIRN_DURABILITY_FULL, &err), &err);
    check(fi_db_close(db, &err), &err);
    fi_os_dir_close(store);
    fi_buf_deinit(&found);
}

struct gc_facts
gc_assert_collected(struct ws_world *world, const firn_workspace_gc_result *result)
{
    struct gc_facts facts = gc_look(world);
    assert_int_equal(result->packs_waiting, 0);
    assert_int_equal(result->damaged, 0);
    assert_int_equal(facts.stray, 0);
    assert_int_equal(facts.packs, result->packs_after);
    assert_int_equal(facts.files, facts.packs);
    return facts;
}

void
gc_assert_exact(struct ws_world *world)
{
    firn_workspace_gc_result first = gc_run_full(world);
    struct gc_facts facts = gc_assert_collected(world, &first);
    assert_int_equal(facts.entries, first.objects_live);
    assert_int_equal(facts.objects, first.objects_live);
    assert_int_equal(facts.retired, 0);
    assert_true(facts.removed <= 1);
    firn_workspace_gc_result second = gc_run_full(world);
    assert_int_equal(second.objects_live, first.objects_live);
    assert_int_equal(second.objects_dead, 0);
    assert_int_equal(second.packs_removed, 0);
    assert_int_equal(second.packs_rewritten, 0);
    assert_int_equal(second.bytes_after, first.bytes_after);
    assert_int_equal(second.bytes_before, first.bytes_after);
}
