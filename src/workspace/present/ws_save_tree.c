/* SPDX-License-Identifier: Apache-2.0
 *
 * present/ws_save_tree.c: the tree of a save: scanned into a pack, compared, sealed.
 *
 *   scan   what has changed since the stat cache saw it is read and hashed; what the store does not
 *          have goes into a new pack (scan.c)
 *   seal   the pack and its directory become durable; the pack is entered in the index
 *          (objects_session.c), and then the new directories in the stat cache (statcache.c)
 *
 * Between the two the tree can be compared with another, and given up without a trace. Its new
 * directory objects are also kept in memory, because the pack cannot be read before it is sealed;
 * all others are in the store. Only a tree that will be compared keeps them.
 *
 * The stat cache may be wrong about the store (I1): an old directory object cannot be read or does
 * not match its entry in the cache, or the resulting root is not in the store. That is reported as
 * damage, the pack is dropped, and everything is scanned again without the cache.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "cipher/cipher_keyring.h"
#include "codec/blake3_hash.h"
#include "present/present.h"
#include "statcache/statcache.h"
#include "watchlink/watchlink.h"

/* ---- the sink of a scan: a session, and memory for what is not readable there yet ---- */

struct lane {
    struct fi_objects_session_lane *packed;
    struct fi_ws_save_tree *tree;
    uint64_t tree_bytes;
};

static int
sink_lane_open(void *ctx, void **out_lane, firn_error *err)
{
    struct fi_ws_save_tree *tree = ctx;
    DCHECK(tree->session != NULL);
    struct lane *lane = fi_alloc_zeroed(sizeof *lane);
    if (lane == NULL) {
        return fi_error_no_memory(err, "a save");
    }
    lane->tree = tree;
    int rc = fi_objects_session_lane_open(tree->session, &lane->packed, err);
    if (rc != FIRN_OK) {
        fi_free(lane);
        return rc;
    }
    *out_lane = lane;
    return FIRN_OK;
}

static int
sink_lane_close(void *ctx, void *opened, bool keep, firn_error *err)
{
    (void)ctx;
    struct lane *lane = opened;
    int rc = fi_objects_session_lane_close(lane->packed, keep, err);
    if (lane->tree->group != NULL) {
        /* Pairs with nothing: the sum is read when the scan has ended. */
        (void)atomic_fetch_add_explicit(&lane->tree->group->tree_bytes, lane->tree_bytes,
                                        memory_order_relaxed);
    }
    fi_free(lane);
    return rc;
}

static int
sink_contains(void *ctx, const firn_hash *hash, bool *out, firn_error *err)
{
    struct fi_ws_save_tree *tree = ctx;
    return fi_objects_session_contains(tree->session, hash, out, err);
}

static int
sink_add(void *opened, const struct fi_objects_object *object, bool *out_is_new, firn_error *err)
{
    struct lane *lane = opened;
    int rc = fi_objects_session_lane_add(lane->packed, object, out_is_new, err);
    if (rc == FIRN_OK && *out_is_new && object->kind == FI_PACK_TREE && lane->tree->fresh != NULL) {
        rc = fi_objects_treesink_hold(lane->tree->fresh, &object->hash, object->content, err);
        lane->tree_bytes += object->content.size;
    }
    return rc;
}

/* ---- scanning ---- */

static int
open_stat(struct fi_ws_opened *opened, bool is_blind, struct fi_ws_save_tree *tree, firn_error *err)
{
    struct fi_statcache_options options = {
        .objects = opened->objects, .workspace = opened->workspace.number, .is_blind = is_blind};
    if (tree->group != NULL) {
        options.workspace = FI_STATCACHE_COPIES;
        options.trees = &tree->group->trees;
    }
    return fi_statcache_open(opened->db, &options, &tree->stat, err);
}

/* (I1) */
static int
check_root(struct fi_ws_save_tree *tree, bool *out_is_there, firn_error *err)
{
    return fi_objects_session_contains(tree->session, &tree->scan.root.hash, out_is_there, err);
}

int
fi_ws_save_tree_last(struct fi_ws_opened *opened, struct fi_scan_last *out, firn_error *err)
{
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    *out = (struct fi_scan_last){0};
    int rc = fi_catalog_newest(opened->catalog, opened->workspace.number, &bytes, &record, err);
    if (rc == FIRN_OK) {
        out->source = fi_objects_trees(opened->objects);
        out->root = record.root.hash;
    }
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* An encrypted store cuts by a key: where it cuts a known file cannot be computed without that. */
static const struct fi_cdc_table *
cut_table_of(const struct fi_ws_opened *opened)
{
    const struct fi_os_seal *seal = fi_os_dir_seal(fi_db_dir(opened->db));
    const struct fi_cipher_keyring *keyring = seal == NULL ? NULL : fi_cipher_keyring_of(seal);
    return keyring == NULL || !fi_cipher_keyring_encrypts(keyring)
               ? fi_cdc_table_plain()
               : fi_cipher_keyring_cut_table(keyring);
}

/* *out_is_usable is false if the cache was wrong, and *err has the reason. */
/* Those that the scan does not meet, since rules exclude what they are in. */
static int
add_repositories(struct fi_ws_save_repositories *repositories, const struct fi_buf *paths,
                 firn_error *err)
{
    for (size_t at = 0; paths != NULL && at < paths->size;) {
        const firn_slice path = firn_str((const char *)paths->data + at);
        FI_TRY_RETURN(fi_ws_save_repositories_add(repositories, path, err));
        at += path.size + 1;
    }
    return FIRN_OK;
}

static int
ws_save_tree_scan(struct fi_ws_opened *opened, const struct fi_ws_save_request *request,
                  bool is_blind, struct fi_ws_save_tree *tree, bool *out_is_usable, firn_error *err)
{
    struct fi_scan_options options = fi_ws_scan_options_of(
        opened, request->include_deps, request->strict, request->threads, &request->callbacks);
    struct fi_objects_sink sink = {.lane_open = sink_lane_open,
                                   .lane_close = sink_lane_close,
                                   .contains = sink_contains,
                                   .add = sink_add,
                                   .wants_content = true,
                                   .cut_table = cut_table_of(opened),
                                   .ctx = tree};
    options.gitignore = request->gitignore;
    options.file_size_max = request->file_size_max;
    options.stored_rules = request->stored_rules;
    options.no_rules = request->no_rules;
    options.gaps = request->gaps;
    options.gap_count = request->gap_count;
    bool has_root = true;
    struct fi_os_dir *given = NULL;
    struct fi_ws_save_repositories repositories;
    const bool with_repositories =
        request->with_repositories && request->tree_path == NULL && request->group == NULL;
    int rc;
    DCHECK(tree->session == NULL && tree->stat == NULL && tree->fresh == NULL);
    *out_is_usable = true;
    fi_ws_save_repositories_init(&repositories, &request->callbacks,
                                 with_repositories ? &options.callbacks : NULL);
    repositories.is_saved = with_repositories;
    repositories.is_full = is_blind;
    if (request->tree_path != NULL) {
        FI_TRY(fi_os_dir_open_path(fi_db_os(opened->db), request->tree_path, &given, err));
        options.nested = NULL; /* nested stores are in the workspace's own tree */
        options.sqlite.copy = NULL;
        options.is_copy = true;
    }
    /* A safety checkpoint has only what was there: what cannot be read is left out, so that an undo
     * leaves it alone. */
    if (!request->is_safety && given == NULL) {
        FI_TRY(fi_ws_save_tree_last(opened, &options.last, err));
    }
    tree->group = request->group;
    if (tree->group != NULL) {
        tree->session = tree->group->session;
        tree->fresh = tree->group->fresh;
    } else {
        FI_TRY(fi_objects_session_begin(opened->objects, FI_OBJECTS_SESSION_LEVEL, &tree->session,
                                        err));
    }
    FI_TRY(open_stat(opened, is_blind, tree, err));
    if (request->is_to_be_compared && tree->group == NULL) {
        FI_TRY(fi_objects_treesink_create(fi_db_os(opened->db), &tree->fresh, err));
    }
    options.stat = tree->stat;
    fi_watchlink_apply(request->watched, &options);
    rc = fi_scan_tree(given != NULL ? given : opened->root, &options, &sink, &tree->scan, err);
    fi_objects_trees_trim(opened->objects);
    if (rc == FIRN_OK) {
        fi_watchlink_complete(request->watched, &tree->scan);
        FI_TRY(check_root(tree, &has_root, err));
    }
    if (!has_root) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "the stat cache names a root directory that is not in the store");
    }
    DCHECK(rc != FIRN_OK || has_root); /* (I1) */
    *out_is_usable = has_root && !(rc != FIRN_OK && fi_statcache_is_broken(tree->stat));
    tree->has_rules = rc == FIRN_OK && tree->scan.rules.size > 0;
    if (tree->has_rules) {
        FI_TRY(fi_ws_rules_add(tree->session, fi_buf_slice(&tree->scan.rules), &tree->rules, err));
    }
    if (rc == FIRN_OK && with_repositories) {
        FI_TRY(add_repositories(&repositories, request->repositories, err));
        rc = fi_ws_save_repositories_scan(&repositories, opened, &options, &sink, tree, err);
    }
out:
    fi_ws_save_repositories_deinit(&repositories);
    fi_os_dir_close(given);
    return rc;
}

int
fi_ws_save_tree_scan(struct fi_ws_opened *opened, const struct fi_ws_save_request *request,
                     struct fi_ws_save_tree *out, firn_error *err)
{
    *out = (struct fi_ws_save_tree){0};
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    bool is_usable;
    int rc = ws_save_tree_scan(opened, request, request->is_full, out, &is_usable, err);
    if (rc == FIRN_CONFLICT && fi_watchlink_widen(request->watched)) {
        fi_ws_save_tree_deinit(out);
        rc = ws_save_tree_scan(opened, request, request->is_full, out, &is_usable, err);
    }
    if (rc != FIRN_OK && !is_usable && !request->is_full && request->group == NULL) {
        fi_ws_report_damage(&request->callbacks, err->text);
        fi_ws_save_tree_deinit(out);
        (void)fi_watchlink_widen(request->watched);
        rc = ws_save_tree_scan(opened, request, true, out, &is_usable, err);
    }
    if (rc != FIRN_OK) {
        fi_ws_save_tree_deinit(out);
    }
    return rc;
}

static void
close_stats(struct fi_ws_save_tree *tree)
{
    fi_statcache_close(tree->stat);
    tree->stat = NULL;
    for (size_t i = 0; i < FI_REPOSITORY_PARTS; i++) {
        fi_statcache_close(tree->repository_stats[i]);
        tree->repository_stats[i] = NULL;
    }
}

void
fi_ws_save_tree_deinit(struct fi_ws_save_tree *tree)
{
    fi_scan_result_deinit(&tree->scan);
    close_stats(tree);
    if (tree->group == NULL) {
        fi_objects_session_end(tree->session);
        fi_objects_treesink_destroy(tree->fresh);
    }
    *tree = (struct fi_ws_save_tree){0};
}

struct fi_tree_source
fi_ws_save_tree_source(struct fi_ws_save_tree *tree, const struct fi_tree_source *stored)
{
    DCHECK(tree->fresh != NULL);
    return fi_objects_treesink_source(tree->fresh, stored);
}

bool
fi_ws_save_tree_is_stored(const struct fi_ws_save_tree *tree)
{
    return fi_objects_session_object_count(tree->session) == 0;
}

/* ---- sealing ---- */

static int
pack_record(void *ctx, firn_slice bytes, firn_error *err)
{
    struct fi_objects_object record = {.kind = FI_PACK_RECORD, .content = bytes};
    bool is_new;
    fi_blake3_hash_of(bytes.data, bytes.size, &record.hash);
    return fi_objects_session_lane_add(ctx, &record, &is_new, err);
}

/* Copies the records of earlier checkpoints that are in no pack yet into this one, if there will be
 * a pack. */
int
fi_ws_save_tree_pack_records(struct fi_ws_opened *opened, struct fi_objects_session *session,
                             bool *out_packed, firn_error *err)
{
    *out_packed = false;
    if (fi_objects_session_object_count(session) == 0) {
        return FIRN_OK;
    }
    struct fi_objects_session_lane *lane;
    int rc = fi_objects_session_lane_open(session, &lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_catalog_unpacked(opened->catalog, pack_record, lane, err);
    int close_rc = fi_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    *out_packed = rc == FIRN_OK;
    return rc;
}

int
fi_ws_save_tree_seal(struct fi_ws_opened *opened, struct fi_ws_save_tree *tree, firn_error *err)
{
    int rc;
    DCHECK(tree->session != NULL && tree->stat != NULL && tree->group == NULL);
    FI_TRY(fi_ws_save_tree_pack_records(opened, tree->session, &tree->records_were_packed, err));
    FI_TRY(fi_objects_session_commit(tree->session, &tree->added_bytes, err));
    FI_TRY(fi_statcache_commit(tree->stat, err));
    for (size_t i = 0; i < FI_REPOSITORY_PARTS; i++) {
        if (tree->repository_stats[i] != NULL) {
            FI_TRY(fi_statcache_commit(tree->repository_stats[i], err));
        }
    }
out:
    fi_objects_session_end(tree->session);
    close_stats(tree);
    fi_objects_treesink_destroy(tree->fresh);
    tree->session = NULL;
    tree->fresh = NULL;
    return rc;
}

int
fi_ws_save_tree(struct fi_ws_opened *opened, const struct fi_ws_save_request *request,
                struct fi_ws_save_tree *out, firn_error *err)
{
    int rc = fi_ws_save_tree_scan(opened, request, out, err);
    return rc == FIRN_OK ? fi_ws_save_tree_seal(opened, out, err) : rc;
}
