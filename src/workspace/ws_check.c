/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_check.c: is everything there, and is it what it was?
 *
 *   store        every byte of the store's own files is read and verified (db.h)
 *   packs        each file of the list is there and opens; with read_data all of it is verified;
 *                the list has lost none
 *   checkpoints  every object that a checkpoint needs is in the index, in a pack that is there,
 *                and undamaged
 *
 * Neighbouring checkpoints share nearly everything, so the first pass walks only what each has
 * different from the one before it. If that finds anything missing or damaged, a second pass walks
 * every checkpoint whole and names each path of each checkpoint that is lost. Damage is told by
 * notices; looking goes on behind it. Where there is no store, or it cannot be opened, nothing was
 * looked at, and that is a failure.
 *
 * Settings that cannot be read are told of, too, but nothing that was saved hangs on them: they are no
 * damage.
 */
#include <stdio.h>

#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "store/db_progress.h"
#include "tree/tree_lookup.h"
#include "workspace/ws_config.h"
#include "workspace/ws_internal.h"
#include "workspace/ws_objects_internal.h"
#include "workspace/ws_rules.h"

enum { SCRATCH_FRAMES = 4, PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

struct checking {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    const firn_workspace_check_options *options;
    firn_workspace_check_result *result;
    struct firn_packfile_scratch *scratch;
    struct firn_hash_map damaged; /* hashes of objects found damaged in packs */
    bool out_of_memory;
    bool names_all; /* the second pass: tell every path that is lost */
    uint64_t lost;  /* found by the pass over checkpoints */

    const struct firn_ws_record *record; /* being walked */
    struct firn_buf previous_bytes;
    struct firn_ws_record previous;
    bool has_previous;
    struct firn_tree_lookup links; /* of the tree being walked */
    int64_t progress_due_ns;
};

static uint64_t
hash_of(const void *record)
{
    uint64_t value;
    memcpy(&value, record, sizeof value);
    return value;
}

static bool
hash_equal(const void *record, const void *key)
{
    return memcmp(record, key, sizeof(firn_hash)) == 0;
}

static void
tell(struct checking *checking, firn_slice path, const char *text)
{
    const firn_callbacks *callbacks = &checking->options->callbacks;
    checking->result->damaged++;
    if (callbacks->on_notice != NULL) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .path = path, .text = text};
        callbacks->on_notice(callbacks->ctx, &notice);
    }
}

static int
progress(struct checking *checking, firn_error *err)
{
    const firn_callbacks *callbacks = &checking->options->callbacks;
    int64_t now = firn_os_monotonic_ns(checking->ws->os);
    if (callbacks->on_progress == NULL || now < checking->progress_due_ns) {
        return FIRN_OK;
    }
    checking->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = "check",
                           .files_done = checking->result->objects,
                           .bytes_done = checking->result->bytes_read};
    int rc = callbacks->on_progress(callbacks->ctx, &state);
    return rc == FIRN_OK ? FIRN_OK : firn_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* Failures after which a check goes on: they are what it looks for. */
static bool
is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND;
}

/* ---- store ---- */

static void
on_store_damage(void *ctx, const char *text)
{
    tell(ctx, firn_bytes(NULL, 0), text);
}

static int
check_store(struct checking *checking, firn_error *err)
{
    const firn_callbacks *callbacks = &checking->options->callbacks;
    firn_check_report report = {.size = sizeof report};
    struct firn_db_progress progress = {
        .on_progress = callbacks->on_progress, .ctx = callbacks->ctx, .os = checking->ws->os};
    const struct firn_db_check_options options = {
        .on_damage = on_store_damage, .ctx = checking, .progress = &progress};
    int rc = firn_db_check(checking->opened->db, &options, &report, err);
    return rc == FIRN_CORRUPT ? FIRN_OK : rc;
}

/* ---- packs ---- */

static void
on_pack_damage(void *ctx, const firn_hash *hash, const char *text)
{
    struct checking *checking = ctx;
    tell(checking, firn_bytes(NULL, 0), text);
    if (hash != NULL && firn_hash_map_find(&checking->damaged, hash_of(hash), hash) == NULL &&
        firn_hash_map_insert(&checking->damaged, hash_of(hash), hash) == NULL) {
        checking->out_of_memory = true;
    }
}

static int
check_pack(struct checking *checking, uint32_t number, firn_error *err)
{
    struct firn_ws_objects *objects = checking->opened->objects;
    struct firn_packfile *file;
    firn_error found;
    int rc = firn_ws_objects_acquire(objects, number, &file, &found);
    if (rc == FIRN_OK) {
        checking->result->packs++;
        checking->result->objects += firn_packfile_count(file);
        if (checking->options->read_data) {
            rc = firn_packfile_verify(file, checking->scratch, on_pack_damage, checking, &found);
            checking->result->bytes_read += firn_packfile_size_bytes(file);
        }
        firn_ws_objects_release(objects, number);
        if (rc == FIRN_CORRUPT) {
            return FIRN_OK; /* told through on_pack_damage */
        }
    } else if (is_finding(rc)) {
        tell(checking, firn_bytes(NULL, 0), found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

static int
check_packs(struct checking *checking, firn_error *err)
{
    struct firn_ws_objects *objects = checking->opened->objects;
    for (size_t i = 0; i < objects->pack_count; i++) {
        int rc = check_pack(checking, objects->packs[i].entry.number, err);
        if (rc == FIRN_OK) {
            rc = progress(checking, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return checking->out_of_memory ? firn_error_no_memory(err, "a list of damaged objects")
                                   : FIRN_OK;
}

/* ---- checkpoints ---- */

static void
tell_lost(struct checking *checking, firn_slice path, const char *why)
{
    checking->lost++;
    if (!checking->names_all) {
        return;
    }
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char text[FIRN_ERROR_TEXT_SIZE];
    firn_ws_record_id_text(checking->record->id, id);
    (void)snprintf(text, sizeof text, "checkpoint %.*s: %.900s", FIRN_CHECKPOINT_ID_SHORT, id, why);
    tell(checking, path, text);
}

/* Whether an object is in the index, its pack is there, and no damage was found in it; else
 * *out_why says it. */
static int
look_for(struct checking *checking, const firn_hash *hash, const char **out_why, firn_error *err)
{
    bool is_there;
    *out_why = NULL;
    if (firn_hash_map_find(&checking->damaged, hash_of(hash), hash) != NULL) {
        *out_why = "its content is damaged";
        return FIRN_OK;
    }
    int rc = firn_ws_objects_contains(checking->opened->objects, hash, &is_there, err);
    if (rc == FIRN_OK && !is_there) {
        *out_why = "its content is missing";
    }
    return rc;
}

struct piece_check {
    struct checking *checking;
    const char *why;
    uint64_t size;  /* of all pieces of the list at hand */
    uint32_t pack;  /* of the first list of pieces */
    bool is_spread; /* over packs, as far as is known: no one of them could verify the whole */
    struct firn_buf lists; /* of struct list: pieces that are lists themselves */
};

/* A list of pieces, and the size of what it has to stand for. */
struct list {
    firn_hash hash;
    uint64_t size;
};

/* More lists within lists than any file has: lists that lead in a circle end here. */
enum { LISTS_MAX = 1 << 20 };

static int
note_list(struct piece_check *check, const struct firn_packfile_piece *piece, firn_error *err)
{
    struct list list = {.hash = piece->hash, .size = piece->size};
    return firn_buf_append(&check->lists, &list, sizeof list) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a list of pieces");
}

static int
check_piece(void *ctx, uint64_t offset, const struct firn_packfile_piece *piece, firn_error *err)
{
    (void)offset;
    struct piece_check *check = ctx;
    check->size += piece->size;
    if (piece->is_hole || check->why != NULL) {
        return FIRN_OK;
    }
    struct firn_ws_objects_place place;
    int rc;
    FIRN_TRY(look_for(check->checking, &piece->hash, &check->why, err));
    if (check->why != NULL) {
        goto out;
    }
    FIRN_TRY(firn_ws_objects_find(check->checking->opened->objects, &piece->hash, &place, err));
    check->is_spread =
        check->is_spread || place.pack != check->pack || place.at.kind == FIRN_PACKFILE_DELTA;
    if (place.at.kind == FIRN_PACKFILE_PIECES) {
        FIRN_TRY(note_list(check, piece, err));
    }
out:
    return rc;
}

/* All pieces of a list, and of the lists among them. */
static int
check_lists(struct piece_check *check, const struct list *first, firn_error *err)
{
    struct checking *checking = check->checking;
    struct list list = *first;
    int rc = FIRN_OK;
    for (size_t done = 0; check->why == NULL; done++) {
        check->size = 0;
        FIRN_TRY(firn_ws_objects_pieces(checking->opened->objects, checking->scratch, &list.hash,
                                        check_piece, check, err));
        if (check->why == NULL && check->size != list.size) {
            check->why = "its content has another size than its entry says";
        }
        if (check->lists.size == 0 || done == LISTS_MAX) {
            break;
        }
        check->lists.size -= sizeof list;
        memcpy(&list, check->lists.data + check->lists.size, sizeof list);
    }
out:
    return rc;
}

/* A new version that is stored as a change of another: that one has to be there as well. */
static int
check_delta(struct piece_check *check, const firn_hash *hash, firn_error *err)
{
    struct firn_packfile_delta delta;
    int rc = firn_ws_objects_delta(check->checking->opened->objects, check->checking->scratch, hash,
                                   &delta, err);
    if (rc == FIRN_OK) {
        check->size = delta.size;
        check->is_spread = true;
        rc = look_for(check->checking, &delta.base, &check->why, err);
    }
    return rc;
}

/* Whether the content that is there is as long as the entry says, and, where no one pack could
 * tell, is the one that its name stands for. */
static int
check_whole(struct piece_check *check, const struct firn_tree_entry *entry, firn_error *err)
{
    struct firn_ws_objects *objects = check->checking->opened->objects;
    struct firn_ws_objects_place place;
    int rc;
    FIRN_TRY(firn_ws_objects_find(objects, &entry->hash, &place, err));
    if (place.at.kind == FIRN_PACKFILE_PIECES) {
        const struct list whole = {.hash = entry->hash, .size = entry->size};
        check->pack = place.pack;
        FIRN_TRY(check_lists(check, &whole, err));
    } else {
        check->size = place.at.size;
        if (place.at.kind == FIRN_PACKFILE_DELTA) {
            FIRN_TRY(check_delta(check, &entry->hash, err));
        }
        if (check->why == NULL && check->size != entry->size) {
            check->why = "its content has another size than its entry says";
        }
    }
    if (check->why == NULL && check->is_spread && check->checking->options->read_data) {
        FIRN_TRY(firn_ws_objects_stream(objects, check->checking->scratch, &entry->hash,
                                        entry->size, NULL, NULL, err));
    }
out:
    return rc;
}

static int
check_content(struct checking *checking, firn_slice path, const struct firn_tree_entry *entry,
              firn_error *err)
{
    struct piece_check check = {.checking = checking};
    firn_error found;
    int rc = look_for(checking, &entry->hash, &check.why, &found);
    if (rc == FIRN_OK && check.why == NULL) {
        rc = check_whole(&check, entry, &found);
        firn_buf_deinit(&check.lists);
    }
    if (is_finding(rc)) {
        tell_lost(checking, path, found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    if (rc == FIRN_OK && check.why != NULL) {
        tell_lost(checking, path, check.why);
    }
    return rc;
}

static int
check_link(struct checking *checking, firn_slice path, const struct firn_tree_entry *entry,
           firn_error *err)
{
    firn_error found;
    int rc = firn_tree_lookup_check_link(&checking->links, path, entry, &found);
    if (is_finding(rc)) {
        tell_lost(checking, path, found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

static int
check_entry(void *ctx, const struct firn_ws_diff_change *change, firn_error *err)
{
    struct checking *checking = ctx;
    const struct firn_tree_entry *entry = change->after;
    int rc = progress(checking, err);
    if (rc == FIRN_OK && entry != NULL && entry->hard_link.size > 0) {
        rc = check_link(checking, change->path, entry, err);
    }
    if (rc == FIRN_OK && entry != NULL && entry->kind == FIRN_TREE_FILE) {
        rc = check_content(checking, change->path, entry, err);
    }
    return rc;
}

/* The rules that the checkpoint was saved under, if it names some. */
static int
check_rules(struct checking *checking, const struct firn_ws_record *record, firn_error *err)
{
    struct firn_ws_rules rules;
    firn_error found;
    bool was_seen = !checking->names_all && checking->has_previous &&
                    firn_hash_equal(&checking->previous.rules, &record->rules);
    if (!record->has_rules || was_seen) {
        return FIRN_OK;
    }
    int rc = firn_ws_rules_load(checking->opened->objects, record, &rules, &found);
    firn_ws_rules_deinit(&rules);
    if (is_finding(rc)) {
        tell_lost(checking, firn_bytes(NULL, 0), found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

static int
walk_checkpoint(struct checking *checking, const struct firn_ws_record *record, firn_error *err)
{
    const struct firn_tree_source *trees = firn_ws_objects_trees(checking->opened->objects);
    struct firn_ws_diff_side before_side = {.source = trees};
    struct firn_ws_diff_side after_side = {.source = trees, .root = &record->root};
    if (!checking->names_all && checking->has_previous) {
        before_side.root = &checking->previous.root;
    }
    firn_tree_lookup_init(&checking->links, trees, &record->root.hash);
    struct firn_ws_diff_options options = {0};
    firn_error found;
    int rc = firn_ws_diff(&before_side, &after_side, &options, check_entry, checking, &found);
    if (is_finding(rc)) {
        tell_lost(checking, firn_bytes(NULL, 0), found.text);
        rc = FIRN_OK;
    } else if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    firn_tree_lookup_deinit(&checking->links);
    return rc;
}

static int
check_checkpoint(void *ctx, firn_slice bytes, const struct firn_ws_record *record, firn_error *err)
{
    struct checking *checking = ctx;
    checking->record = record;
    checking->result->checkpoints += checking->names_all ? 0 : 1;
    int rc = check_rules(checking, record, err);
    if (rc == FIRN_OK) {
        rc = walk_checkpoint(checking, record, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_buf_clear(&checking->previous_bytes);
    if (firn_buf_append_slice(&checking->previous_bytes, bytes) != FIRN_OK) {
        return firn_error_no_memory(err, "a checkpoint's record");
    }
    checking->has_previous = true;
    return firn_ws_record_decode(firn_buf_slice(&checking->previous_bytes), &checking->previous,
                                 err);
}

static int
check_checkpoints(struct checking *checking, firn_error *err)
{
    firn_error found;
    int rc = firn_ws_catalog_list(checking->opened->catalog, 0, check_checkpoint, checking, &found);
    if (rc == FIRN_OK && checking->lost > 0) {
        checking->names_all = true;
        rc = firn_ws_catalog_list(checking->opened->catalog, 0, check_checkpoint, checking, &found);
    }
    if (is_finding(rc)) {
        tell(checking, firn_bytes(NULL, 0), found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* Right behind the opening, before another process can have made new packs. */
static int
check_pack_list(struct checking *checking, firn_error *err)
{
    firn_error found;
    int rc = firn_ws_objects_sweep_check(checking->opened->objects, &found);
    if (is_finding(rc)) {
        tell(checking, firn_bytes(NULL, 0), found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

static int
check_opened(struct checking *checking, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &checking->scratch, err));
    FIRN_TRY(check_pack_list(checking, err));
    FIRN_TRY(check_store(checking, err));
    FIRN_TRY(check_packs(checking, err));
    FIRN_TRY(check_checkpoints(checking, err));
    if (checking->result->damaged > 0) {
        rc = firn_error_set(err, FIRN_CORRUPT, "'%.512s' is damaged: what was found is told above",
                            checking->ws->place.store_path);
    }
out:
    firn_packfile_scratch_destroy(checking->scratch);
    firn_buf_deinit(&checking->previous_bytes);
    firn_hash_map_deinit(&checking->damaged);
    return rc;
}

int
firn_ws_check_opened(struct firn_ws *ws, struct firn_ws_opened *opened,
                     const firn_workspace_check_options *options, firn_workspace_check_result *out,
                     firn_error *err)
{
    struct checking checking = {.ws = ws, .opened = opened, .options = options, .result = out};
    *out = (firn_workspace_check_result){0};
    firn_hash_map_init(&checking.damaged, sizeof(firn_hash), hash_of, hash_equal);
    return check_opened(&checking, err);
}

static int
check_settings(struct firn_ws *ws, const firn_callbacks *callbacks, firn_error *err)
{
    struct firn_os_dir *dir;
    bool ignored;
    int rc = firn_os_dir_open_path(ws->os, ws->place.store_path, &dir, err);
    if (rc == FIRN_OK) {
        rc = firn_ws_config_check(dir, callbacks, &ignored, err);
        firn_os_dir_close(dir);
    }
    return rc;
}

int
firn_ws_check(struct firn_ws *ws, const firn_workspace_check_options *options,
              firn_workspace_check_result *out, firn_error *err)
{
    *out = (firn_workspace_check_result){0};
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (opened.db != NULL) {
        rc = check_settings(ws, &options->callbacks, err);
        rc = rc == FIRN_OK ? firn_ws_check_opened(ws, &opened, options, out, err) : rc;
    } else {
        /* A store that was not mounted is no sound one. */
        rc = firn_error_set(err, FIRN_NOT_FOUND,
                            "there is nothing to check: there is no store at '%.900s'",
                            ws->place.store_path);
    }
    int close_rc = firn_ws_opened_close(ws, &opened, rc != FIRN_OK, err);
    return rc != FIRN_OK ? rc : close_rc;
}
