/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_forget.c: taking paths out of every checkpoint of a workspace.
 *
 *   survey   what every checkpoint, safety checkpoints too, has at the paths. A path that is in
 *            none is an error, and nothing was changed (I1)
 *   make     the trees without them (difference_forget.c), into a new pack
 *   note     what has to leave the packs (catalog_forgotten.c)
 *   commit   one commit with full durability gives all checkpoints that had something their new
 *            tree (I2): number, id, time, message, tags and pins stay
 *
 * The same commit takes the git repositories out of every checkpoint, also of those that have
 * nothing at the paths: git keeps a removed file in its objects, where no path names it.
 *
 * Before the commit readers see no change, and a crash leaves a pack with objects that are not
 * needed. The next garbage collection removes the bytes.
 *
 * A record keeps the paths that were taken out of it. A restore treats them like what rules exclude
 * (ws_rules.c): it leaves alone what is there, possibly the only copy (I3; not checked: the rules
 * ensure it). A path that no rule can name, because it is too long, is refused.
 *
 * While a restore is pending nothing is forgotten: the restore may need the state from before it.
 *
 * Memory: the records, and 40 bytes for each forgotten object and each directory that was read.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "catalog/catalog_journal.h"
#include "difference/difference.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "rules/rules.h"
#include "threads/os_callback.h"

/* A checkpoint that has something at the paths, or repositories: its record's bytes are in `bytes`
 * of the operation. */
struct found {
    size_t offset;
    size_t size;
    struct fi_difference_forget_counts counts;
    firn_hash root; /* its new one */
    bool has_paths; /* something at the paths */
};

struct forgetting {
    struct firn_ws *ws;
    struct fi_ws_opened opened;
    const firn_workspace_forget_options *options;
    firn_workspace_forget_result *result;
    struct fi_tree_filter paths;
    struct fi_hash_map gone;
    struct fi_difference_forget *tree;
    struct fi_tree_filter everything;
    struct fi_difference_forget *repositories; /* of all of them */
    struct fi_buf bytes;
    struct fi_buf found;   /* of struct found, newest first */
    struct fi_buf changed; /* the new records, each after its size; parallel to found */
};

static struct found *
found_at(struct forgetting *forgetting, size_t i)
{
    DCHECK(i < forgetting->found.size / sizeof(struct found));
    return (struct found *)(void *)forgetting->found.data + i;
}

static size_t
found_count(const struct forgetting *forgetting)
{
    return forgetting->found.size / sizeof(struct found);
}

static int
found_record(struct forgetting *forgetting, size_t i, struct fi_catalog_record *out,
             firn_error *err)
{
    const struct found *found = found_at(forgetting, i);
    CHECK(found->offset + found->size <= forgetting->bytes.size);
    return fi_catalog_record_decode(firn_bytes(forgetting->bytes.data + found->offset, found->size),
                                    out, err);
}

/* Called for each checkpoint. May fail with FIRN_CANCELLED. */
static int
ws_forget_progress(struct forgetting *forgetting, const char *phase, uint64_t done, firn_error *err)
{
    const firn_callbacks *callbacks = &forgetting->options->callbacks;
    firn_progress state = {.phase = phase, .files_done = done};
    DCHECK(fi_os_callback_is_phase(phase));
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    int rc = fi_os_callback_progress(callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* ---- survey ---- */

/* Notes all objects of a checkpoint's repositories as gone. Damaged ones are not noted: only a full
 * collection removes them. */
static int
survey_repositories(struct forgetting *forgetting, const struct fi_catalog_record *record,
                    firn_error *err)
{
    struct fi_difference_forget_counts counts;
    if (!record->has_repositories) {
        return FIRN_OK;
    }
    forgetting->result->repositories++;
    if (forgetting->options->dry_run) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_catalog_forgotten_add(&forgetting->gone, &record->repositories, err));
    int rc =
        fi_difference_forget_survey(forgetting->repositories, &record->repositories, &counts, err);
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER ? FIRN_OK : rc;
}

static int
survey_one(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct forgetting *forgetting = ctx;
    struct found found = {.offset = forgetting->bytes.size, .size = bytes.size};
    int rc = fi_difference_forget_survey(forgetting->tree, &record->root.hash, &found.counts, err);
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        fi_catalog_record_id_text(record->id, id);
        fi_error_prefix(err, "checkpoint %.*s", FIRN_CHECKPOINT_ID_SHORT, id);
        return rc;
    }
    found.has_paths = found.counts.files + found.counts.directories > 0;
    rc = rc == FIRN_OK ? survey_repositories(forgetting, record, err) : rc;
    if (rc != FIRN_OK || (!found.has_paths && !record->has_repositories)) {
        return rc;
    }
    forgetting->result->checkpoints += found.has_paths;
    if (fi_buf_append_slice(&forgetting->bytes, bytes) != FIRN_OK ||
        fi_buf_append(&forgetting->found, &found, sizeof found) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of checkpoints");
    }
    return ws_forget_progress(forgetting, "look", found_count(forgetting), err);
}

/* (I1) */
static int
ws_forget_survey(struct forgetting *forgetting, firn_error *err)
{
    struct fi_ws_opened *opened = &forgetting->opened;
    int rc;
    FI_TRY(fi_difference_forget_create(fi_objects_trees(opened->objects), &forgetting->paths,
                                       &forgetting->gone, &forgetting->tree, err));
    FI_TRY(fi_difference_forget_create(fi_objects_trees(opened->objects), &forgetting->everything,
                                       &forgetting->gone, &forgetting->repositories, err));
    FI_TRY(fi_catalog_list(opened->catalog, opened->workspace.number, survey_one, forgetting, err));
    rc = fi_tree_filter_check_met(&forgetting->paths, NULL);
    if (rc != FIRN_OK) {
        rc = fi_error_set(err, rc, "one of the paths is in no checkpoint");
        for (size_t i = 0; i < forgetting->paths.count; i++) {
            firn_slice path = forgetting->paths.paths[i];
            if (!forgetting->paths.was_met[i]) {
                rc =
                    fi_error_set(err, rc, "'%.*s' is in no checkpoint",
                                 (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
                break;
            }
        }
    }
out:
    return rc;
}

/* ---- make ---- */

static int
make_trees(struct forgetting *forgetting, struct fi_objects_session_lane *lane, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < found_count(forgetting); i++) {
        struct found *found = found_at(forgetting, i);
        struct fi_catalog_record record;
        FI_TRY(ws_forget_progress(forgetting, "make", i, err));
        FI_TRY(found_record(forgetting, i, &record, err));
        found->root = record.root.hash;
        if (found->has_paths) {
            rc = fi_difference_forget_rewrite(forgetting->tree, &record.root.hash, lane,
                                              &found->root, err);
        }
    }
out:
    return rc;
}

static int
ws_forget_make(struct forgetting *forgetting, firn_error *err)
{
    struct fi_objects_session *session = NULL;
    struct fi_objects_session_lane *lane;
    uint64_t size;
    int rc;
    DCHECK(!forgetting->options->dry_run);
    DCHECK(fi_tree_filter_check_met(&forgetting->paths, NULL) == FIRN_OK); /* (I1) */
    FI_TRY(fi_objects_session_begin(forgetting->opened.objects, FI_OBJECTS_SESSION_LEVEL, &session,
                                    err));
    FI_TRY(fi_objects_session_lane_open(session, &lane, err));
    rc = make_trees(forgetting, lane, err);
    int close_rc = fi_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    if (rc == FIRN_OK) {
        rc = fi_objects_session_commit(session, &size, err);
    }
out:
    fi_objects_session_end(session);
    return rc;
}

/* ---- commit ---- */

/* The paths that a record has already and those that are forgotten now, in order, none below
 * another. Bytes replace the contents of out. */
static int
join_paths(struct forgetting *forgetting, firn_slice before, struct fi_buf *out, firn_error *err)
{
    const struct fi_tree_filter *paths = &forgetting->paths;
    firn_slice more[FI_CATALOG_RECORD_FORGOTTEN_MAX];
    size_t count = 0;
    firn_slice path;
    while (fi_catalog_record_forgotten_next(&before, &path)) {
        if (!fi_tree_filter_selects(&forgetting->paths, path)) {
            CHECK(count < FI_CATALOG_RECORD_FORGOTTEN_MAX);
            more[count++] = path; /* decode has counted them */
        }
    }
    for (size_t i = 0; i < paths->count; i++) {
        bool is_covered = false;
        for (size_t j = 0; j < count && !is_covered; j++) {
            is_covered = fi_catalog_record_path_covers(more[j], paths->paths[i]);
        }
        if (is_covered) {
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            if (fi_catalog_record_path_covers(paths->paths[i], more[j])) {
                more[j--] = more[--count];
            }
        }
        if (count == FI_CATALOG_RECORD_FORGOTTEN_MAX) {
            return fi_error_set(err, FIRN_LIMIT, "a checkpoint can forget at most %d paths",
                                FI_CATALOG_RECORD_FORGOTTEN_MAX);
        }
        more[count++] = paths->paths[i];
    }
    return fi_catalog_record_forgotten_encode(more, count, out, err);
}

static uint64_t
less(uint64_t from, uint64_t what)
{
    return what < from ? from - what : 0;
}

static int
change_record(struct forgetting *forgetting, struct firn_db_batch *batch, size_t i,
              struct fi_buf *paths, firn_error *err)
{
    const struct found *found = found_at(forgetting, i);
    size_t start = forgetting->changed.size;
    uint8_t size[4] = {0};
    struct fi_catalog_record record;
    FI_TRY_RETURN(found_record(forgetting, i, &record, err));
    if (found->has_paths) {
        FI_TRY_RETURN(join_paths(forgetting, record.forgotten, paths, err));
        record.forgotten = fi_buf_slice(paths);
    }
    record.root.hash = found->root;
    record.has_repositories = false;
    memset(&record.repositories, 0, sizeof record.repositories);
    record.files = less(record.files, found->counts.files);
    record.directories = less(record.directories, found->counts.directories);
    record.bytes = less(record.bytes, found->counts.bytes);
    if (fi_buf_append(&forgetting->changed, size, sizeof size) != FIRN_OK ||
        fi_catalog_record_encode(&record, &forgetting->changed) != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint's record");
    }
    firn_slice bytes = firn_bytes(forgetting->changed.data + start + sizeof size,
                                  forgetting->changed.size - start - sizeof size);
    CHECK(bytes.size <= UINT32_MAX);
    fi_store_le32(forgetting->changed.data + start, (uint32_t)bytes.size);
    /* A copy in a pack is of the old record. */
    return fi_catalog_put(forgetting->opened.catalog, batch, forgetting->opened.workspace.number,
                          record.order, bytes, err);
}

struct ending {
    struct forgetting *forgetting;
    struct firn_db_batch *batch;
};

/* A checkpoint that was deleted would still have the paths if it were brought back. */
static int
end_deleted(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    const struct ending *ending = ctx;
    return fi_catalog_deleted_remove(ending->forgetting->opened.catalog, ending->batch,
                                     deleted->workspace, deleted->record.order, err);
}

/* (I2) */
static int
ws_forget_commit(struct forgetting *forgetting, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    struct fi_buf paths = {0};
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    fi_db_batch_frees_space(batch);
    for (size_t i = 0; i < found_count(forgetting); i++) {
        FI_TRY(change_record(forgetting, batch, i, &paths, err));
    }
    /* (I2): all of them, and no more. */
    DCHECK(fi_db_batch_count(batch) == 2 * found_count(forgetting));
    FI_TRY(fi_catalog_deleted_list(forgetting->opened.catalog, forgetting->opened.workspace.number,
                                   end_deleted, &(struct ending){forgetting, batch}, err));
    FI_TRY(fi_db_write(forgetting->opened.db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    fi_buf_deinit(&paths);
    return rc;
}

/* ---- all of it ---- */

static int
refuse_pending(struct forgetting *forgetting, firn_error *err)
{
    struct fi_catalog_journal journal = {0};
    int rc = fi_catalog_journal_read(forgetting->opened.db, forgetting->opened.workspace.number,
                                     &journal, err);
    bool is_pending = rc == FIRN_OK && fi_catalog_journal_is_pending(&journal);
    fi_catalog_journal_deinit(&journal);
    return is_pending ? fi_error_set(err, FIRN_CONFLICT,
                                     "a restore was interrupted: finish that, or take it back, "
                                     "first")
                      : rc;
}

static int
ws_forget_run(struct forgetting *forgetting, firn_error *err)
{
    struct fi_ws_opened *opened = &forgetting->opened;
    if (opened->workspace.number == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet",
                            forgetting->ws->place.root);
    }
    FI_TRY_RETURN(refuse_pending(forgetting, err));
    FI_TRY_RETURN(ws_forget_survey(forgetting, err));
    if (!forgetting->options->dry_run) {
        FI_TRY_RETURN(ws_forget_make(forgetting, err));
        FI_TRY_RETURN(fi_catalog_forgotten_add_pieces(&forgetting->gone, opened->objects, err));
        FI_TRY_RETURN(fi_catalog_forgotten_note(opened->db, &forgetting->gone, err));
        FI_TRY_RETURN(ws_forget_commit(forgetting, err));
    }
    return FIRN_OK;
}

/* Reports from copies of the records: the new ones or, in a dry run, the present ones. */
static int
ws_forget_report(struct forgetting *forgetting,
                 int (*visit)(void *ctx, const firn_workspace_forgotten *forgotten), void *ctx,
                 firn_error *err)
{
    firn_slice changed = fi_buf_slice(&forgetting->changed);
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < found_count(forgetting); i++) {
        const struct found *found = found_at(forgetting, i);
        struct fi_catalog_record record;
        firn_workspace_checkpoint checkpoint;
        firn_workspace_forgotten forgotten = {.checkpoint = &checkpoint,
                                              .files = found->counts.files,
                                              .directories = found->counts.directories,
                                              .bytes = found->counts.bytes};
        if (forgetting->options->dry_run) {
            rc = found_record(forgetting, i, &record, err);
        } else {
            CHECK(changed.size >= 4 && fi_load_le32(changed.data) <= changed.size - 4);
            size_t size = fi_load_le32(changed.data);
            rc = fi_catalog_record_decode(firn_bytes(changed.data + 4, size), &record, err);
            changed = firn_bytes(changed.data + 4 + size, changed.size - 4 - size);
        }
        if (rc == FIRN_OK && found->has_paths) {
            fi_catalog_record_to_checkpoint(&record, &checkpoint);
            rc = fi_error_stopped(err, visit(ctx, &forgotten));
        }
    }
    return rc;
}

/* A restore can leave a path alone only if a rule can name it (I3). */
static int
check_length(firn_slice path, firn_error *err)
{
    struct fi_buf pattern = {0};
    int rc = fi_rules_left_out_pattern(&pattern, path);
    fi_buf_deinit(&pattern);
    if (rc == FIRN_LIMIT) {
        return fi_error_set(err, rc, "a path of %zu bytes is too long to be forgotten: '%.*s...'",
                            path.size, 64, (const char *)path.data);
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a path");
}

static int
init_paths(struct forgetting *forgetting, firn_error *err)
{
    const firn_workspace_forget_options *options = forgetting->options;
    int rc = fi_tree_filter_init(&forgetting->paths, options->paths, options->path_count, err);
    if (rc == FIRN_OK && forgetting->paths.count == 0) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "the whole workspace cannot be forgotten: its checkpoints can be "
                          "deleted");
    }
    for (size_t i = 0; rc == FIRN_OK && i < forgetting->paths.count; i++) {
        rc = check_length(forgetting->paths.paths[i], err);
    }
    return rc;
}

int
fi_ws_forget(struct firn_ws *ws, const firn_workspace_forget_options *options,
             int (*visit)(void *ctx, const firn_workspace_forgotten *forgotten), void *ctx,
             firn_workspace_forget_result *out, firn_error *err)
{
    struct forgetting forgetting = {.ws = ws, .options = options, .result = out};
    enum fi_ws_open_mode mode = options->dry_run ? FI_WS_READ : FI_WS_WRITE;
    *out = (firn_workspace_forget_result)FIRN_WORKSPACE_FORGET_RESULT_INIT;
    fi_catalog_forgotten_init(&forgetting.gone);
    int rc = init_paths(&forgetting, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_opened_open_store(ws, mode, &forgetting.opened, err);
    }
    if (rc == FIRN_OK) {
        rc = ws_forget_run(&forgetting, err);
        fi_difference_forget_destroy(forgetting.tree);
        fi_difference_forget_destroy(forgetting.repositories);
        /* The commit is durable: a store that cannot be closed properly is recovered by the next
         * open. */
        FI_IGNORE(fi_ws_opened_close(ws, &forgetting.opened, rc, NULL));
    }
    if (rc == FIRN_OK && visit != NULL) {
        rc = ws_forget_report(&forgetting, visit, ctx, err);
    }
    fi_hash_map_deinit(&forgetting.gone);
    fi_tree_filter_deinit(&forgetting.paths);
    fi_buf_deinit(&forgetting.bytes);
    fi_buf_deinit(&forgetting.found);
    fi_buf_deinit(&forgetting.changed);
    return rc;
}
