/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_take.c: some paths of a checkpoint of a remote become a checkpoint of the workspace;
 * of the remote only what these need is read (far.h).
 *
 * The tree of the new checkpoint is an empty directory with the paths as they are there
 * (difference_graft.c), and with the attributes of their directories. Its objects go into one pack
 * as those of a save, and the checkpoint is committed after them. Each object was compared with its
 * name where it was read, and so is the content of a list of pieces before the list goes in.
 *
 * Or all of a checkpoint comes, and becomes one of its line, as after a pull, without the others.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "difference/difference.h"
#include "pack/pack_cells.h"
#include "share/share_internal.h"

enum { WANT_MAX = 4096 };

struct taking {
    struct fi_share *share;
    const firn_take_options *options;
    struct fi_share_stage stage;
    struct fi_share_found found;
    struct fi_far *far;
    struct fi_tree_filter filter;
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    struct fi_tree_entry root; /* of the new tree */
    struct fi_catalog_record record;
    struct fi_hash_map seen; /* of firn_hash: directories that were collected */
    struct fi_buf trees;     /* firn_hash each: those of them to look into */
    struct fi_buf contents;  /* struct content each: to fetch */
    struct fi_buf object;
    struct fi_buf message;
    bool with_repositories;
};

struct content {
    firn_hash hash;
    uint64_t size; /* as the entry says; UINT64_MAX: of a piece, not known */
};

static int
no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "what a remote has");
}

static int
put_object(void *ctx, const struct fi_objects_object *object, firn_error *err)
{
    struct taking *taking = ctx;
    bool is_new;
    return fi_objects_session_lane_add(taking->lane, object, &is_new, err);
}

static int
take_add(struct taking *taking, enum fi_pack_kind kind, const firn_hash *hash, firn_slice content,
         firn_error *err)
{
    const struct fi_objects_object object = {.kind = kind, .hash = *hash, .content = content};
    return put_object(taking, &object, err);
}

/* Notes in which pack of the remote an object is, so that a push does not send it again. */
static int
note_there(struct taking *taking, const firn_hash *hash, firn_error *err)
{
    struct fi_share_note note = {
        .hash = *hash, .epoch = taking->share->epoch, .level = FI_OUTGOING_PRESENT};
    enum fi_pack_kind kind;
    FI_TRY_RETURN(fi_far_parts_kind(taking->far, hash, &note.pack, &kind, err));
    note.is_whole = !fi_pack_kind_is_named(kind);
    return fi_share_note_put(taking->share, &note, err);
}

/* ==== the tree ==== */

/* Reads directories of the remote, and the empty one. */
static int
read_tree(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct taking *taking = ctx;
    const struct fi_tree_source *trees = fi_far_trees(taking->far);
    if (memcmp(hash, &taking->root.hash, sizeof *hash) == 0) {
        return fi_buf_assign(out, fi_buf_slice(&taking->object)) == FIRN_OK ? FIRN_OK
                                                                            : no_memory(err);
    }
    return trees->read(trees->ctx, hash, out, err);
}

static int
keep_empty(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    struct taking *taking = ctx;
    FI_TRY_RETURN(fi_buf_assign(&taking->object, object) == FIRN_OK ? FIRN_OK : no_memory(err));
    return take_add(taking, FI_PACK_TREE, hash, object, err);
}

static int
make_tree(struct taking *taking, firn_error *err)
{
    const struct fi_tree_source source = {
        .read = read_tree, .ctx = taking, .budget = fi_far_budget(taking->far)};
    struct fi_tree_entry empty = taking->found.record.root;
    firn_hash root;
    if (taking->filter.count == 0) {
        taking->root = empty;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_tree_build(firn_bytes(NULL, 0), keep_empty, taking, &empty.hash, err));
    taking->root = empty;
    const struct fi_difference_graft_options options = {
        .ours = {.source = &source, .root = &empty},
        .theirs = {.source = &source, .root = &taking->found.record.root},
        .filter = &taking->filter,
        .put = put_object,
        .ctx = taking};
    FI_TRY_RETURN(fi_difference_graft(&options, &root, err));
    taking->root.hash = root;
    return FIRN_OK;
}

/* ==== what the paths have ==== */

static int
add_content(struct taking *taking, const struct fi_tree_entry *entry, firn_error *err)
{
    const struct content content = {entry->hash, entry->size};
    return fi_buf_append(&taking->contents, &content, sizeof content) == FIRN_OK ? FIRN_OK
                                                                                 : no_memory(err);
}

static int
count_entry(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct taking *taking = ctx;
    const struct fi_tree_entry *entry = change->after;
    struct fi_catalog_record *record = &taking->record;
    if (entry == NULL) {
        return FIRN_OK;
    }
    if (entry->kind == FI_TREE_DIR) {
        record->directories++;
        return FIRN_OK;
    }
    record->files++;
    if (entry->kind != FI_TREE_FILE || entry->hard_link.size > 0) {
        return FIRN_OK;
    }
    record->bytes += entry->size;
    return add_content(taking, entry, err);
}

static int
collect_tree(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct taking *taking = ctx;
    const uint64_t first = fi_hash_map_first(hash);
    if (!is_tree || fi_hash_map_find(&taking->seen, first, hash) != NULL) {
        return FIRN_OK;
    }
    return fi_hash_map_insert(&taking->seen, first, hash) != NULL &&
                   fi_buf_append(&taking->trees, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : no_memory(err);
}

/* Adds the directories that were collected, and what they name. That the store has one says nothing
 * of those below it, which a pull that was killed may not have brought. */
static int
add_trees(struct taking *taking, firn_error *err)
{
    while (taking->trees.size > 0) {
        firn_hash hash;
        bool is_there;
        taking->trees.size -= sizeof hash;
        memcpy(&hash, taking->trees.data + taking->trees.size, sizeof hash);
        FI_TRY_RETURN(fi_far_read(taking->far, &hash, &taking->object, err));
        FI_TRY_RETURN(note_there(taking, &hash, err));
        FI_TRY_RETURN(fi_objects_session_contains(taking->session, &hash, &is_there, err));
        FI_TRY_RETURN(
            is_there ? FIRN_OK
                     : take_add(taking, FI_PACK_TREE, &hash, fi_buf_slice(&taking->object), err));
        FI_TRY_RETURN(fi_tree_references(fi_buf_slice(&taking->object), collect_tree, taking, err));
    }
    return FIRN_OK;
}

static int
collect_directory(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct taking *taking = ctx;
    FI_TRY_RETURN(count_entry(taking, change, err));
    const struct fi_tree_entry *entry = change->after;
    bool is_dir = entry != NULL && entry->kind == FI_TREE_DIR;
    return is_dir ? collect_tree(taking, &entry->hash, true, err) : FIRN_OK;
}

/* The same for the repositories of the checkpoint, which its counts do not include. */
static int
collect_repository(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct taking *taking = ctx;
    const struct fi_tree_entry *entry = change->after;
    if (entry != NULL && entry->kind == FI_TREE_DIR) {
        return collect_tree(taking, &entry->hash, true, err);
    }
    return entry != NULL && entry->kind == FI_TREE_FILE && entry->hard_link.size == 0
               ? add_content(taking, entry, err)
               : FIRN_OK;
}

static int
take_repositories(struct taking *taking, const struct fi_tree_source *source, firn_error *err)
{
    const struct fi_difference_walk_options all = {0};
    struct fi_tree_entry root = taking->found.record.root;
    const struct fi_difference_walk_side nothing = {.source = source};
    const struct fi_difference_walk_side after = {.source = source, .root = &root};
    root.hash = taking->found.record.repositories;
    FI_TRY_RETURN(fi_difference_walk(&nothing, &after, &all, collect_repository, taking, err));
    return collect_tree(taking, &root.hash, true, err);
}

/* ==== contents ==== */

static int
add_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    struct taking *taking = ctx;
    const struct content content = {*hash, UINT64_MAX};
    return fi_buf_append(&taking->contents, &content, sizeof content) == FIRN_OK ? FIRN_OK
                                                                                 : no_memory(err);
}

static int
pass_bytes(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct taking *taking = ctx;
    (void)offset, (void)data;
    return fi_share_progress(taking->share, "fetch", fi_far_fetched(taking->far), 0, err);
}

/* Compares what a list stands for with its name: whatever it is the content of, since the store
 * takes an object that it has for what the name says. */
static int
check_list(struct taking *taking, const struct content *content, firn_error *err)
{
    const firn_slice list = fi_buf_slice(&taking->object);
    firn_hash name;
    uint64_t size = content->size;
    if (fi_pack_cells_is_list(list)) {
        fi_pack_cells_name(list, &name);
        if (!fi_hash_equal(&name, &content->hash)) {
            return fi_error_set(err, FIRN_CORRUPT, "a list of cells has another name");
        }
    } else if (size == UINT64_MAX) { /* of rules, or a piece of another list */
        FI_TRY_RETURN(fi_pack_pieces_decode(list, &size, NULL, NULL, err));
    }
    return size != UINT64_MAX
               ? fi_far_stream(taking->far, &content->hash, size, pass_bytes, taking, err)
               : FIRN_OK;
}

static int
take_list(struct taking *taking, const struct content *content, firn_error *err)
{
    FI_TRY_RETURN(fi_far_parts_read_list(taking->far, &content->hash, &taking->object, err));
    FI_TRY_RETURN(check_list(taking, content, err));
    FI_TRY_RETURN(fi_objects_session_lane_move(taking->lane, FI_PACK_PIECES, &content->hash,
                                               fi_buf_slice(&taking->object), err));
    return fi_far_parts_list(taking->far, &content->hash, add_part, taking, err);
}

static int
take_content(struct taking *taking, const struct content *content, firn_error *err)
{
    bool is_there;
    bool is_list;
    uint64_t pack;
    FI_TRY_RETURN(fi_objects_session_contains(taking->session, &content->hash, &is_there, err));
    if (is_there) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_far_parts_find(taking->far, &content->hash, &pack, &is_list, err));
    if (is_list) {
        FI_TRY_RETURN(take_list(taking, content, err));
    } else {
        FI_TRY_RETURN(fi_far_read(taking->far, &content->hash, &taking->object, err));
        FI_TRY_RETURN(pass_bytes(taking, 0, firn_bytes(NULL, 0), err));
        FI_TRY_RETURN(
            take_add(taking, FI_PACK_BLOB, &content->hash, fi_buf_slice(&taking->object), err));
    }
    return note_there(taking, &content->hash, err); /* what was read and compared */
}

/* The last contents that wait are fetched together. */
static int
take_contents(struct taking *taking, firn_error *err)
{
    struct content *contents = fi_alloc_array(WANT_MAX, sizeof *contents);
    firn_hash *hashes = fi_alloc_array(WANT_MAX, sizeof *hashes);
    int rc = FIRN_OK;
    if (contents == NULL || hashes == NULL) {
        rc = no_memory(err);
        goto out;
    }
    while (taking->contents.size > 0) {
        size_t count = taking->contents.size / sizeof *contents;
        count = count < WANT_MAX ? count : WANT_MAX;
        taking->contents.size -= count * sizeof *contents;
        memcpy(contents, taking->contents.data + taking->contents.size, count * sizeof *contents);
        for (size_t i = 0; i < count; i++) {
            hashes[i] = contents[i].hash;
        }
        FI_TRY(fi_far_want(taking->far, hashes, count, err));
        for (size_t i = 0; i < count; i++) {
            FI_TRY(take_content(taking, &contents[i], err));
        }
    }
out:
    fi_free(contents);
    fi_free(hashes);
    return rc;
}

/* ==== the checkpoint ==== */

static int
compose(struct taking *taking, const char *reference, firn_error *err)
{
    const bool has_paths = taking->filter.count > 0;
    int rc = fi_buf_append_format(&taking->message, "%s/%s%s", taking->share->name.name, reference,
                                  has_paths ? ": some paths" : "");
    return rc == FIRN_OK ? FIRN_OK : no_memory(err);
}

static int
check_extent(struct taking *taking, const firn_hash *root, firn_error *err)
{
    struct fi_share_extent *extent = NULL;
    int rc;
    if (taking->options->trust) {
        return FIRN_OK;
    }
    FI_TRY(fi_share_extent_open(taking->share, &extent, err));
    FI_TRY(fi_share_extent_check(extent, taking->found.line, root, err));
out:
    fi_share_extent_close(extent);
    return rc;
}

static int
commit(struct taking *taking, firn_error *err)
{
    struct fi_share *share = taking->share;
    struct fi_ws_opened *opened = &share->opened;
    struct fi_catalog_record *record = &taking->record;
    struct fi_catalog_record newest;
    FI_TRY_RETURN(fi_objects_session_commit(taking->session, &record->added_bytes, err));
    FI_TRY_RETURN(check_extent(taking, &taking->root.hash, err));
    int rc = fi_catalog_newest(opened->catalog, opened->workspace.number, &share->ws->record,
                               &newest, err);
    if (rc == FIRN_OK) {
        memcpy(record->parent, newest.id, sizeof record->parent);
    }
    FI_TRY_RETURN(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    record->order = opened->workspace.next_order;
    record->number = opened->workspace.next_number;
    record->created_ns = fi_os_now_ns(share->ws->os);
    record->workspace_path = firn_str(share->ws->place.root);
    record->message = fi_buf_slice(&taking->message);
    record->root = taking->root;
    record->include_deps = taking->found.record.include_deps;
    record->is_narrow = !record->include_deps;
    FI_TRY_RETURN(fi_os_random(share->ws->os, record->id, sizeof record->id, err));
    return fi_catalog_commit(opened->catalog, firn_str(share->ws->place.catalog_root),
                             &opened->workspace, record, false, NULL, err);
}

static int
take_objects(struct taking *taking, firn_error *err)
{
    const struct fi_tree_source source = {
        .read = read_tree, .ctx = taking, .budget = fi_far_budget(taking->far)};
    const struct fi_difference_walk_options all = {.filter = &taking->filter};
    const struct fi_difference_walk_side nothing = {.source = &source};
    const struct fi_difference_walk_side after = {.source = &source,
                                                  .root = &taking->found.record.root};
    FI_TRY_RETURN(fi_difference_walk(&nothing, &after, &all, collect_directory, taking, err));
    FI_TRY_RETURN(fi_tree_filter_check_met(&taking->filter, err));
    if (taking->filter.count == 0) {
        FI_TRY_RETURN(collect_tree(taking, &taking->found.record.root.hash, true, err));
    }
    if (taking->with_repositories) {
        FI_TRY_RETURN(take_repositories(taking, &source, err));
    }
    FI_TRY_RETURN(add_trees(taking, err));
    FI_TRY_RETURN(take_contents(taking, err));
    return make_tree(taking, err);
}

static int
find_checkpoint(struct taking *taking, const char *reference, firn_error *err)
{
    struct fi_share *share = taking->share;
    const firn_take_options *options = taking->options;
    FI_TRY_RETURN(fi_share_stage_open(share, &taking->stage, err));
    FI_TRY_RETURN(fi_remote_sync(&share->remote, err));
    FI_TRY_RETURN(fi_share_look(share, err));
    FI_TRY_RETURN(fi_share_find(share, reference, &taking->found, err));
    return fi_tree_filter_init(&taking->filter, options->paths, options->path_count, err);
}

/* Fetches what the paths need, and the rules, if there are some. */
static int
fetch_all(struct taking *taking, const firn_hash *rules, firn_error *err)
{
    struct fi_share *share = taking->share;
    FI_TRY_RETURN(fi_share_mark_open(share, taking->stage.dir, NULL, &taking->far, err));
    FI_TRY_RETURN(rules != NULL ? add_part(taking, rules, err) : FIRN_OK);
    FI_TRY_RETURN(fi_objects_session_begin(share->opened.objects, FI_OBJECTS_SESSION_LEVEL,
                                           &taking->session, err));
    FI_TRY_RETURN(fi_objects_session_lane_open(taking->session, &taking->lane, err));
    int rc = take_objects(taking, err);
    int close_rc =
        fi_objects_session_lane_close(taking->lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

static int
take_opened(struct taking *taking, const char *reference, firn_error *err)
{
    FI_TRY_RETURN(find_checkpoint(taking, reference, err));
    FI_TRY_RETURN(compose(taking, reference, err));
    FI_TRY_RETURN(fetch_all(taking, NULL, err));
    return commit(taking, err);
}

/* ==== all of it, in its line ==== */

static int
enter(struct taking *taking, bool *out_is_new, firn_error *err)
{
    struct fi_share *share = taking->share;
    struct fi_catalog *catalog = share->opened.catalog;
    struct fi_catalog_record record = taking->found.record;
    struct fi_catalog_record there;
    struct fi_catalog_workspace line;
    struct firn_db_batch *batch = NULL;
    struct fi_buf root = {0};
    struct fi_buf bytes = {0};
    char label[FI_SHARE_LABEL_SIZE_MAX + 1];
    int rc;
    FI_TRY(fi_catalog_lines_open(catalog, share->name.name, taking->found.line,
                                 fi_share_entry_label(share, taking->found.line, label), &root,
                                 &line, err));
    rc = fi_catalog_get(catalog, line.number, record.order, &bytes, &there, err);
    *out_is_new = rc == FIRN_NOT_FOUND;
    if (rc != FIRN_NOT_FOUND) {
        goto out;
    }
    record.workspace_path = fi_buf_slice(&root);
    fi_buf_clear(&bytes);
    FI_TRY(fi_catalog_record_encode(&record, &bytes) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a checkpoint"));
    line.next_order = record.order >= line.next_order ? record.order + 1 : line.next_order;
    line.next_number = record.number >= line.next_number ? record.number + 1 : line.next_number;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_put(catalog, batch, line.number, record.order, fi_buf_slice(&bytes), err));
    FI_TRY(fi_catalog_workspaces_put(catalog, batch, fi_buf_slice(&root), &line, err));
    rc = fi_db_write(share->opened.db, batch, FIRN_DURABILITY_FULL, err);
out:
    fi_db_batch_destroy(batch);
    fi_buf_deinit(&root);
    fi_buf_deinit(&bytes);
    return rc;
}

static int
bring_opened(struct taking *taking, const char *reference, bool *out_is_new, firn_error *err)
{
    struct fi_share *share = taking->share;
    const struct fi_catalog_record *record = &taking->found.record;
    uint64_t added;
    FI_TRY_RETURN(find_checkpoint(taking, reference, err));
    FI_TRY_RETURN(fi_share_entry_check_record(record, err));
    taking->with_repositories = record->has_repositories;
    FI_TRY_RETURN(fetch_all(taking, record->has_rules ? &record->rules : NULL, err));
    FI_TRY_RETURN(fi_objects_session_commit(taking->session, &added, err));
    FI_TRY_RETURN(check_extent(taking, &record->root.hash, err));
    if (record->has_repositories) {
        FI_TRY_RETURN(check_extent(taking, &record->repositories, err));
    }
    FI_TRY_RETURN(enter(taking, out_is_new, err));
    return fi_share_tags_bring(share, err);
}

static void
taking_deinit(struct taking *taking)
{
    fi_objects_session_end(taking->session);
    fi_far_destroy(taking->far);
    fi_tree_filter_deinit(&taking->filter);
    fi_share_stage_close(&taking->stage);
    fi_hash_map_deinit(&taking->seen);
    fi_buf_deinit(&taking->trees);
    fi_buf_deinit(&taking->contents);
    fi_buf_deinit(&taking->object);
    fi_buf_deinit(&taking->message);
}

static uint64_t
fetched_of(const struct taking *taking)
{
    return (taking->far != NULL ? fi_far_fetched(taking->far) : 0) +
           taking->share->remote.read.size;
}

int
fi_share_take_whole(struct firn_ws *ws, const char *name, const firn_pull_options *options,
                    firn_pull_result *out, firn_error *err)
{
    struct fi_share share;
    firn_take_options all = FIRN_TAKE_OPTIONS_INIT;
    struct taking taking = {.share = &share, .options = &all};
    const struct fi_share_facts nothing = {.line = NULL};
    bool is_new = false;
    *out = (firn_pull_result)FIRN_PULL_RESULT_INIT;
    all.trust = options->trust;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_WRITE, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    fi_hash_map_init(&taking.seen, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    int rc = bring_opened(&taking, options->reference, &is_new, err);
    if (rc == FIRN_OK && share.is_changed) {
        rc = fi_share_note_write(&share, share.opened.db, &nothing, err);
    }
    out->checkpoints = is_new ? 1 : 0;
    out->lines = out->checkpoints;
    out->bytes = fetched_of(&taking);
    out->requests = share.bucket->request_count;
    taking_deinit(&taking);
    return fi_share_close(&share, rc, err);
}

int
fi_share_take(struct firn_ws *ws, const char *name, const char *reference,
              const firn_take_options *options, firn_take_result *out, firn_error *err)
{
    struct fi_share share;
    struct taking taking = {.share = &share, .options = options};
    const struct fi_share_facts nothing = {.line = NULL};
    *out = (firn_take_result)FIRN_TAKE_RESULT_INIT;
    fi_hash_map_init(&taking.seen, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_WRITE, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    int rc = take_opened(&taking, reference, err);
    if (rc == FIRN_OK && share.is_changed) {
        rc = fi_share_note_write(&share, share.opened.db, &nothing, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_ws_given_checkpoint(ws, &taking.record, &out->checkpoint, err);
    }
    out->bytes = fetched_of(&taking);
    out->requests = share.bucket->request_count;
    taking_deinit(&taking);
    return fi_share_close(&share, rc, err);
}
