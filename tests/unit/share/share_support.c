/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share/share_support.c: see share_support.h.
 */
#include "share_support.h"
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "support/test.h"
#include "support/test_file.h"
#include "unlock/unlock.h"

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

/* ==== machines ==== */

void
share_open(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    check(share_try_add(world), &world->err);
}

void
share_open_beside(struct ws_world *world, const char *path, struct ws_world *out)
{
    char store[32];
    snprintf(store, sizeof store, "%ss", path);
    gc_neighbour_open_store(world, path, store, out);
    int rc = share_try_add(out);
    check(rc == FIRN_EXISTS ? FIRN_OK : rc, &out->err);
}

void
share_close_beside(struct ws_world *beside)
{
    gc_neighbour_close(beside);
}

struct fi_share_add_options
share_add_options(void)
{
    return (struct fi_share_add_options){.encrypt = getenv("FIRN_TEST_ENCRYPT") != NULL};
}

int
share_try_add(struct ws_world *world)
{
    const struct fi_share_add_options options = share_add_options();
    return fi_share_name_add(world->ws, "origin", SHARE_REMOTE, &options, &world->err);
}

static firn_callbacks
callbacks_of(struct ws_world *world)
{
    uint64_t cancel_at = world->notices.cancel_at;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){.cancel_at = cancel_at};
    return scan_notices_callbacks(&world->notices);
}

int
share_try_push(struct ws_world *world, const char *const *references, firn_push_result *out)
{
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result ignored;
    options.references = references;
    while (references != NULL && references[options.reference_count] != NULL) {
        options.reference_count++;
    }
    options.callbacks = callbacks_of(world);
    return fi_share_push(world->ws, NULL, &options, out == NULL ? &ignored : out, &world->err);
}

int
share_try_pull(struct ws_world *world, firn_pull_result *out)
{
    firn_pull_options options = FIRN_PULL_OPTIONS_INIT;
    firn_pull_result ignored;
    options.threads = world->threads;
    options.callbacks = callbacks_of(world);
    return fi_share_pull(world->ws, NULL, &options, out == NULL ? &ignored : out, &world->err);
}

firn_push_result
share_push(struct ws_world *world)
{
    firn_push_result result;
    check(share_try_push(world, NULL, &result), &world->err);
    return result;
}

firn_pull_result
share_pull(struct ws_world *world)
{
    firn_pull_result result;
    check(share_try_pull(world, &result), &world->err);
    return result;
}

char *
share_dump(struct ws_world *world, const char *reference)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    struct scan_world there = {.os = world->tree.os};
    struct fi_os_dir *top;
    options.to_dir = "/looked-at";
    options.threads = world->threads;
    check(fi_ws_restore(world->ws, reference, &options, &result, &world->err), &world->err);
    check(fi_os_dir_open_path(there.os, options.to_dir, &there.root, &world->err), &world->err);
    char *text = scan_dump_real(&there, true);
    fi_os_dir_close(there.root);
    check(fi_os_dir_open_path(there.os, "/", &top, &world->err), &world->err);
    there.root = top;
    scan_remove_tree(&there, "looked-at");
    fi_os_dir_close(top);
    return text;
}

void
share_assert_dump(struct ws_world *world, const char *reference, const char *expected)
{
    char *found = share_dump(world, reference);
    assert_string_equal(found, expected);
    free(found);
}

void
share_drop(struct ws_world *world, const char *keyspace)
{
    struct fi_ws_opened opened;
    check(fi_ws_opened_open_store(world->ws, FI_WS_WRITE, &opened, &world->err), &world->err);
    int rc = fi_db_keyspace_drop(opened.db, keyspace, &world->err);
    rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    check(fi_ws_opened_close(world->ws, &opened, rc, &world->err), &world->err);
}

/* ==== the remote ==== */

static void
unlock_remote(struct ws_world *world, struct share_remote *out)
{
    firn_error err;
    struct fi_remote_marker marker;
    check(fi_remote_marker_read(out->bucket, &marker, &err), &err);
    if (marker.is_encrypted) {
        check(fi_share_keys_get(world->ws, out->bucket, SHARE_REMOTE, false, &out->keys, &err),
              &err);
        check(fi_unlock_keyring(out->keys.keys, FI_CIPHER_XCHACHA20_POLY1305, &out->keyring, &err),
              &err);
        out->seal.keyring = out->keyring;
        memcpy(out->seal.id, marker.id, sizeof marker.id);
        out->remote.seal = &out->seal;
    }
}

struct fi_bucket *
share_open_bucket(struct ws_world *world)
{
    firn_error err;
    struct fi_bucket *bucket;
    check(fi_bucket_folder_open(world->tree.os, SHARE_REMOTE, false, &bucket, &err), &err);
    return bucket;
}

void
share_remote_open(struct ws_world *world, struct share_remote *out)
{
    firn_error err;
    *out = (struct share_remote){.bucket = share_open_bucket(world)};
    fi_remote_init(&out->remote, out->bucket, world->tree.os, "tester");
    unlock_remote(world, out);
    check(fi_remote_sync(&out->remote, &err), &err);
}

void
share_remote_publish(struct share_remote *at)
{
    firn_error err;
    bool is_published;
    check(fi_remote_publish(&at->remote, &at->change, &is_published, &err), &err);
    assert_true(is_published);
    fi_remote_state_change_clear(&at->change);
}

void
share_remote_close(struct share_remote *at)
{
    fi_remote_state_change_clear(&at->change);
    fi_remote_deinit(&at->remote);
    fi_bucket_close(at->bucket);
    fi_cipher_keyring_destroy(at->keyring);
    fi_share_keys_deinit(&at->keys);
}

const struct fi_remote_item *
share_remote_entry(const struct share_remote *at, const char *prefix, size_t i)
{
    const struct fi_remote_table *entries = &at->remote.state.entries;
    for (size_t k = 0; k < entries->count; k++) {
        firn_slice rest;
        if (fi_share_entry_is(entries->items[k].key, prefix, &rest) && i-- == 0) {
            return &entries->items[k];
        }
    }
    return NULL;
}

size_t
share_remote_count(struct ws_world *world, const char *prefix)
{
    struct share_remote at;
    size_t count = 0;
    share_remote_open(world, &at);
    while (share_remote_entry(&at, prefix, count) != NULL) {
        count++;
    }
    share_remote_close(&at);
    return count;
}

struct copying {
    struct fi_bucket *from;
    struct fi_bucket *to;
    firn_error err;
};

static int
copy_object(void *ctx, const struct fi_bucket_object *object)
{
    struct copying *copying = ctx;
    struct fi_buf bytes = {0};
    check(fi_bucket_get(copying->from, object->name, 0, UINT64_MAX, &bytes, &copying->err),
          &copying->err);
    int rc = fi_bucket_put_bytes(copying->to, object->name, fi_buf_slice(&bytes), &copying->err);
    check(rc == FIRN_EXISTS ? FIRN_OK : rc, &copying->err);
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

void
share_remote_copy(struct ws_world *from, struct ws_world *to)
{
    struct copying copying;
    check(fi_bucket_folder_open(from->tree.os, SHARE_REMOTE, false, &copying.from, &copying.err),
          &copying.err);
    check(fi_bucket_folder_open(to->tree.os, SHARE_REMOTE, false, &copying.to, &copying.err),
          &copying.err);
    check(fi_bucket_list(copying.from, "", NULL, copy_object, &copying, &copying.err),
          &copying.err);
    fi_bucket_close(copying.from);
    fi_bucket_close(copying.to);
}
