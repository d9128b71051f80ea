/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_support.c: see ws_support.h.
 */
#include "ws_support.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "sim/sim_memory.h"
#include "support/test.h"

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

static int
give_key(void *ctx, const firn_keys_request *request, firn_keys_answer *answer, firn_error *err)
{
    static const char key[] = "a key file for tests, of more than 32 bytes";
    (void)ctx, (void)request, (void)err;
    answer->kind = FIRN_KEYS_FILE;
    answer->used = sizeof key;
    memcpy(answer->bytes, key, sizeof key);
    return FIRN_OK;
}
const firn_keys_source ws_key_source = {.get = give_key};

static struct fi_os *
seam_of(struct ws_world *world)
{
    return world->tree.outer != NULL ? world->tree.outer : world->tree.os;
}

static void
open_handle(struct ws_world *world)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = world->store_path;
    options.lock_timeout_ms = 0;
    options.cipher = world->cipher;
    options.key_source = world->key_source;
    check(fi_ws_open(seam_of(world), world->root_path, &options, &world->ws, &world->err),
          &world->err);
}

void
ws_world_open_memory(struct ws_world *world, uint64_t seed)
{
    *world = (struct ws_world){.threads = 2};
    scan_world_open_memory(&world->tree, seed);
    world->root_path = strdup("/w");
    world->store_path = strdup("/s");
    open_handle(world);
}

void
ws_world_open_disk(struct ws_world *world)
{
    *world = (struct ws_world){.threads = 2};
    scan_world_open_disk(&world->tree);
    world->root_path = strdup(world->tree.temp_path);
    size_t size = strlen(world->root_path) + 16;
    world->store_path = malloc(size);
    assert_non_null(world->store_path);
    snprintf(world->store_path, size, "%s.store", world->root_path);
    open_handle(world);
}

void
ws_world_clone(const struct ws_world *from, struct ws_world *out)
{
    *out = (struct ws_world){
        .threads = from->threads, .cipher = from->cipher, .key_source = from->key_source};
    check(fi_sim_memory_clone(from->tree.os, &out->tree.os, &out->err), &out->err);
    out->root_path = strdup(from->root_path);
    out->store_path = strdup(from->store_path);
    check(fi_os_dir_open_path(out->tree.os, out->root_path, &out->tree.root, &out->err), &out->err);
    open_handle(out);
}

void
ws_world_reopen(struct ws_world *world)
{
    fi_ws_close(world->ws);
    fi_os_dir_close(world->tree.root);
    check(fi_os_dir_open_path(world->tree.os, world->root_path, &world->tree.root, &world->err),
          &world->err);
    open_handle(world);
}

void
ws_world_move(struct ws_world *world, const char *to)
{
    struct fi_os_dir *top;
    check(fi_os_dir_open_path(world->tree.os, "/", &top, &world->err), &world->err);
    check(
        fi_os_rename(top, world->root_path + 1, top, to + 1, FI_OS_RENAME_NO_REPLACE, &world->err),
        &world->err);
    fi_os_dir_close(top);
    free(world->root_path);
    world->root_path = strdup(to);
    ws_world_reopen(world);
    assert_int_equal(ws_try_save(world, NULL), FIRN_CONFLICT);
    check(fi_ws_workspaces_adopt(world->ws, NULL, &world->err), &world->err);
    ws_world_reopen(world);
}

void
ws_world_close(struct ws_world *world)
{
    fi_ws_close(world->ws);
    scan_notices_deinit(&world->notices);
    if (world->tree.temp_path != NULL) {
        struct scan_world store = {.os = world->tree.os};
        store.temp_path = strdup(world->store_path);
        if (fi_os_dir_open_path(store.os, world->store_path, &store.root, NULL) == FIRN_OK) {
            scan_world_close(&store);
        } else {
            free(store.temp_path);
        }
    }
    scan_world_close(&world->tree);
    free(world->root_path);
    free(world->store_path);
}

static firn_callbacks
callbacks(struct ws_world *world)
{
    uint64_t cancel_at = world->notices.cancel_at;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){.cancel_at = cancel_at};
    return scan_notices_callbacks(&world->notices);
}

static int
ask(void *ctx, const struct fi_watch_question *question, struct fi_buf *out, firn_error *err)
{
    return fi_watch_set_query(ctx, question, out, err);
}

static void
enter(void *ctx, struct fi_os_dir *dir, firn_slice path)
{
    fi_watch_set_enter(ctx, dir, path);
}

static void
tell(void *ctx, firn_slice report)
{
    FI_IGNORE(fi_watch_set_report(ctx, report, NULL));
}

struct fi_watchlink_local
ws_watch_link_of(struct fi_watch_set *set)
{
    return (struct fi_watchlink_local){ask, enter, tell, set};
}

int
ws_try_save(struct ws_world *world, firn_workspace_save_result *out)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.marks_told = true;
    options.threads = world->threads;
    options.callbacks = callbacks(world);
    return fi_ws_save(world->ws, &options, out == NULL ? &result : out, &world->err);
}

int
ws_try_restore(struct ws_world *world, const char *reference, firn_workspace_restore_result *out)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    options.callbacks = callbacks(world);
    return fi_ws_restore(world->ws, reference, &options, out == NULL ? &result : out, &world->err);
}

int
ws_try_undo(struct ws_world *world, firn_workspace_restore_result *out)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    options.callbacks = callbacks(world);
    return fi_ws_restore_take_back(world->ws, &options, out == NULL ? &result : out, &world->err);
}

int
ws_try_check(struct ws_world *world, firn_workspace_check_result *out)
{
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    options.read_data = true;
    options.callbacks = callbacks(world);
    return fi_verify(world->ws, &options, out == NULL ? &result : out, &world->err);
}

firn_workspace_save_result
ws_save(struct ws_world *world)
{
    firn_workspace_save_result result;
    check(ws_try_save(world, &result), &world->err);
    return result;
}

firn_workspace_restore_result
ws_restore(struct ws_world *world, const char *reference)
{
    firn_workspace_restore_result result;
    check(ws_try_restore(world, reference, &result), &world->err);
    return result;
}

char *
ws_dump(struct ws_world *world)
{
    return scan_dump_real(&world->tree, true);
}

bool
ws_dump_has(struct ws_world *world, const char *text)
{
    char *dump = ws_dump(world);
    bool is_found = strstr(dump, text) != NULL;
    free(dump);
    return is_found;
}

void
ws_assert_dump(struct ws_world *world, const char *expected)
{
    char *found = ws_dump(world);
    assert_string_equal(found, expected);
    free(found);
}

void
ws_assert_check_clean(struct ws_world *world)
{
    firn_workspace_check_result result;
    check(ws_try_check(world, &result), &world->err);
    assert_int_equal(result.damaged, 0);
}

struct search {
    firn_hash hash;
    bool is_found;
};

static int
search_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct search *search = ctx;
    search->is_found =
        search->is_found || memcmp(&entry->hash, &search->hash, sizeof entry->hash) == 0;
    return FIRN_OK;
}

enum { IDS_MAX = 16 };

struct all {
    char ids[IDS_MAX][FIRN_CHECKPOINT_ID_SIZE];
    size_t count;
};

static int
keep_id(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct all *all = ctx;
    if (all->count < IDS_MAX) {
        memcpy(all->ids[all->count++], checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    }
    return FIRN_OK;
}

bool
ws_is_kept(struct ws_world *world, const char *now, const char *content)
{
    struct search search = {0};
    char hex[FIRN_HASH_HEX_SIZE];
    fi_blake3_hash_of(content, strlen(content), &search.hash);
    fi_hex_encode(search.hash.bytes, sizeof search.hash.bytes, hex);
    if (strstr(now, hex) != NULL) {
        return true;
    }
    struct all all = {0};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = true;
    check(fi_ws_list(world->ws, &options, keep_id, &all, &world->err), &world->err);
    for (size_t i = 0; i < all.count; i++) {
        check(fi_ws_entries(world->ws, all.ids[i], search_entry, &search, &world->err),
              &world->err);
    }
    return search.is_found;
}
