/* SPDX-License-Identifier: Apache-2.0
 *
 * verify/verify.c: checks that everything is present and unchanged.
 *
 *   store        every byte of the store's own files is read and verified (db.h)
 *   packs        each file of the list exists and opens; with read_data all of it is verified;
 *                the list has lost no pack
 *   checkpoints  every object that a checkpoint needs is in the index, in a pack that exists,
 *                and undamaged (verify_content.c)
 *
 * Neighbouring checkpoints share nearly everything, so the first pass walks only the differences of
 * each from the one before it. If that finds anything missing or damaged, a second pass walks every
 * checkpoint whole and names each lost path of each checkpoint. Damage is reported by notices, and
 * the check goes on. Data that a newer firn wrote is not damage, and this version cannot judge it:
 * a notice reports it, the check goes on, and ends with FIRN_NEWER. If there is no store, or it
 * cannot be opened, nothing was checked, and the check fails.
 *
 * Entries of reserved names (tree.h), which no restore writes, are reported as well, each once.
 *
 * Settings that cannot be read are reported, too, but they are not damage: nothing that was saved
 * depends on them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "codec/hex.h"
#include "inspect/inspect.h"
#include "objects/objects.h"
#include "place/place.h"
#include "rows/rows.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"
#include "tree/tree.h"
#include "verify/verify.h"
#include "verify/verify_content.h"

enum { SCRATCH_FRAMES = 4, PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

/* Objects of a pack that are damaged for one reason, mostly a damaged block that they are in. */
struct cause {
    uint64_t objects;
    firn_hash first; /* of them */
    char text[FIRN_ERROR_TEXT_SIZE];
};

enum { CAUSES_MAX = 16, HEX_SIZE = 2 * sizeof(firn_hash) + 1 };

struct checking {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    const firn_workspace_check_options *options;
    firn_workspace_check_result *result;
    struct fi_pack_scratch *scratch;
    struct fi_verify_content contents;
    struct cause causes[CAUSES_MAX]; /* in the pack that is being read, not reported yet */
    size_t cause_count;
    firn_error newer; /* the first part of a newer firn */
    bool out_of_memory;
    bool names_all; /* the second pass: report every path that is lost */
    uint64_t lost;  /* found in the pass over checkpoints */

    const struct fi_catalog_record *record; /* being walked */
    struct fi_buf previous_bytes;
    struct fi_catalog_record previous;
    bool has_previous;
    struct fi_tree_lookup links; /* of the tree being walked */
    int64_t progress_due_ns;
};

static void
give_notice(const struct checking *checking, const firn_notice *notice)
{
    fi_os_callback_notice(&checking->options->callbacks, notice);
}

static void
verify_report(struct checking *checking, firn_slice path, const char *text)
{
    const firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .path = path, .text = text};
    checking->result->damaged++;
    give_notice(checking, &notice);
}

static int
progress(void *ctx, firn_error *err)
{
    struct checking *checking = ctx;
    const firn_callbacks *callbacks = &checking->options->callbacks;
    int64_t now = fi_os_monotonic_ns(checking->ws->os);
    if (callbacks->on_progress == NULL || now < checking->progress_due_ns) {
        return FIRN_OK;
    }
    checking->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = "check",
                           .files_done = checking->result->objects,
                           .bytes_done = checking->result->bytes_read +
                                         fi_pack_scratch_verified(checking->scratch)};
    int rc = fi_os_callback_progress(callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* Failures after which a check continues: they are what it looks for. */
static bool
is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_IO || rc == FIRN_NOT_FOUND || rc == FIRN_UNTRUSTED;
}

/* FIRN_OK for data that a newer firn wrote, which is not damage: it is reported, and the check ends
 * with FIRN_NEWER. The second pass finds it again, and does not report it. Other failures are
 * returned and end the check. */
static int
report_newer(struct checking *checking, firn_slice path, int rc, const firn_error *found,
             firn_error *err)
{
    if (rc != FIRN_NEWER) {
        if (rc != FIRN_OK) {
            fi_error_copy(err, found);
        }
        return rc;
    }
    if (!checking->names_all) {
        const firn_notice notice = {.kind = FIRN_NOTICE_NEWER, .path = path, .text = found->text};
        if (checking->result->newer++ == 0) {
            checking->newer = *found;
        }
        give_notice(checking, &notice);
    }
    return FIRN_OK;
}

/* The same, for all of a list or a pack: damage is a finding, too. */
static int
report_whole(struct checking *checking, int rc, const firn_error *found, firn_error *err)
{
    if (is_finding(rc)) {
        verify_report(checking, firn_bytes(NULL, 0), found->text);
        return FIRN_OK;
    }
    return report_newer(checking, firn_bytes(NULL, 0), rc, found, err);
}

/* ---- store ---- */

static void
on_store_damage(void *ctx, const char *text)
{
    struct checking *checking = ctx;
    char named[FIRN_ERROR_TEXT_SIZE];
    fi_rows_mend_name(checking->opened->db, text, named);
    verify_report(ctx, firn_bytes(NULL, 0), named);
}

static int
check_store(struct checking *checking, firn_error *err)
{
    const firn_callbacks *callbacks = &checking->options->callbacks;
    firn_store_check_result report = {.size = sizeof report};
    struct fi_storefile_progress progress = {
        .on_progress = callbacks->on_progress, .ctx = callbacks->ctx, .os = checking->ws->os};
    const struct fi_inspect_check_options options = {
        .on_damage = on_store_damage, .ctx = checking, .progress = &progress};
    firn_error found;
    int rc = fi_inspect_check(checking->opened->db, &options, &report, &found);
    return rc == FIRN_CORRUPT ? FIRN_OK
                              : report_newer(checking, firn_bytes(NULL, 0), rc, &found, err);
}

/* ---- packs ---- */

/* One notice for all objects in one damaged block. */
static void
report_objects(struct checking *checking)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    char hex[HEX_SIZE];
    for (size_t i = 0; i < checking->cause_count; i++) {
        const struct cause *cause = &checking->causes[i];
        DCHECK(cause->objects > 0);
        const firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .text = text};
        if (cause->objects == 1) {
            fi_hex_encode(&cause->first, sizeof cause->first, hex);
            (void)snprintf(text, sizeof text, "object %s: %.900s", hex, cause->text);
        } else {
            (void)snprintf(text, sizeof text, "%" PRIu64 " objects: %.900s", cause->objects,
                           cause->text);
        }
        give_notice(checking, &notice);
    }
    checking->cause_count = 0;
}

/* Notes that an object is damaged, and why. */
static void
add_object(struct checking *checking, const firn_hash *hash, const char *text)
{
    char prefix[HEX_SIZE + 16];
    char hex[HEX_SIZE];
    fi_hex_encode(hash, sizeof *hash, hex);
    int size = snprintf(prefix, sizeof prefix, "object %s: ", hex);
    const char *why = strncmp(text, prefix, (size_t)size) == 0 ? text + size : text;
    size_t at = 0;
    while (at < checking->cause_count && strcmp(checking->causes[at].text, why) != 0) {
        at++;
    }
    if (at == CAUSES_MAX) {
        report_objects(checking);
        at = 0;
    }
    CHECK(at < CAUSES_MAX && at <= checking->cause_count);
    struct cause *cause = &checking->causes[at];
    if (at == checking->cause_count) {
        checking->cause_count++;
        cause->objects = 0;
        cause->first = *hash;
        (void)snprintf(cause->text, sizeof cause->text, "%s", why);
    }
    cause->objects++;
    checking->result->damaged++;
}

static void
on_pack_damage(void *ctx, const firn_hash *hash, const char *text)
{
    struct checking *checking = ctx;
    if (hash == NULL) {
        verify_report(checking, firn_bytes(NULL, 0), text);
        return;
    }
    add_object(checking, hash, text);
    if (fi_verify_content_note_damaged(&checking->contents, hash, NULL) != FIRN_OK) {
        checking->out_of_memory = true;
    }
}

static int
check_pack(struct checking *checking, uint32_t number, firn_error *err)
{
    struct fi_objects *objects = checking->opened->objects;
    struct firn_pack *file;
    firn_error found;
    DCHECK(checking->cause_count == 0); /* all of the previous pack was reported */
    int rc = fi_objects_pack_acquire(objects, number, &file, &found);
    if (rc == FIRN_OK) {
        checking->result->packs++;
        checking->result->objects += fi_pack_count(file);
        if (checking->options->read_data) {
            rc = fi_pack_verify(file, checking->scratch, on_pack_damage, checking, &found);
            report_objects(checking);
            checking->result->bytes_read += fi_pack_size_bytes(file);
        }
        fi_objects_pack_release(objects, number);
        return rc == FIRN_CORRUPT /* reported by on_pack_damage */
                   ? FIRN_OK
                   : report_newer(checking, firn_bytes(NULL, 0), rc, &found, err);
    }
    return report_whole(checking, rc, &found, err);
}

static int
check_packs(struct checking *checking, firn_error *err)
{
    struct fi_objects *objects = checking->opened->objects;
    for (size_t i = 0; i < fi_objects_pack_count(objects); i++) {
        FI_TRY_RETURN(check_pack(checking, fi_objects_pack_at(objects, i)->number, err));
        FI_TRY_RETURN(progress(checking, err));
    }
    return checking->out_of_memory ? fi_error_no_memory(err, "a list of damaged objects") : FIRN_OK;
}

/* ---- checkpoints ---- */

static void
verify_report_lost(struct checking *checking, firn_slice path, const char *why)
{
    DCHECK(checking->record != NULL);
    checking->lost++;
    if (!checking->names_all) {
        return;
    }
    char id[FIRN_CHECKPOINT_ID_SIZE];
    fi_catalog_record_id_text(checking->record->id, id);
    const firn_notice notice = {
        .kind = FIRN_NOTICE_DAMAGED, .path = path, .text = why, .checkpoint = id};
    checking->result->damaged++;
    give_notice(checking, &notice);
}

/* As report_newer, for what a checkpoint needs. */
static int
report_lost(struct checking *checking, firn_slice path, int rc, const firn_error *found,
            firn_error *err)
{
    if (is_finding(rc)) {
        verify_report_lost(checking, path, found->text);
        return FIRN_OK;
    }
    return report_newer(checking, path, rc, found, err);
}

/* Names of content that is damaged are reported; other names of it are not looked into again. */
static int
check_content(struct checking *checking, firn_slice path, const struct fi_tree_entry *entry,
              firn_error *err)
{
    firn_error found;
    const char *why;
    int rc = fi_verify_content_inspect(&checking->contents, entry, &why, &found);
    if (is_finding(rc)) {
        verify_report_lost(checking, path, found.text);
        return fi_verify_content_note_damaged(&checking->contents, &entry->hash, err);
    }
    if (rc == FIRN_OK && why != NULL) {
        verify_report_lost(checking, path, why);
    }
    return report_newer(checking, path, rc, &found, err);
}

static int
check_link(struct checking *checking, firn_slice path, const struct fi_tree_entry *entry,
           firn_error *err)
{
    firn_error found;
    DCHECK(entry->hard_link.size > 0);
    int rc = fi_tree_lookup_check_link(&checking->links, path, entry, &found);
    return report_lost(checking, path, rc, &found, err);
}

/* Reports an entry that a restore will leave out. It may be as old as firn, so it is not damage. */
static void
report_reserved(struct checking *checking, firn_slice path, firn_slice name)
{
    const char *reason = fi_tree_reserved_name(name);
    if (reason == NULL || checking->names_all) {
        return;
    }
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char text[160];
    fi_catalog_record_id_text(checking->record->id, id);
    (void)snprintf(text, sizeof text, "checkpoint %.*s: never restored: it %s",
                   FIRN_CHECKPOINT_ID_SHORT, id, reason);
    const firn_notice notice = {.kind = FIRN_NOTICE_RESERVED, .path = path, .text = text};
    give_notice(checking, &notice);
}

static int
check_entry(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct checking *checking = ctx;
    const struct fi_tree_entry *entry = change->after;
    int rc = progress(checking, err);
    if (rc == FIRN_OK && entry != NULL && change->path.size > 0) {
        report_reserved(checking, change->path, entry->name);
    }
    if (rc == FIRN_OK && entry != NULL && entry->hard_link.size > 0) {
        rc = check_link(checking, change->path, entry, err);
    }
    if (rc == FIRN_OK && entry != NULL && entry->kind == FI_TREE_FILE) {
        rc = check_content(checking, change->path, entry, err);
    }
    return rc;
}

/* Checks the rules that the checkpoint was saved under, if it names any. */
static int
check_rules(struct checking *checking, const struct fi_catalog_record *record, firn_error *err)
{
    struct fi_ws_rules rules;
    firn_error found;
    bool was_seen = !checking->names_all && checking->has_previous &&
                    fi_hash_equal(&checking->previous.rules, &record->rules);
    if (!record->has_rules || was_seen) {
        return FIRN_OK;
    }
    int rc = fi_ws_rules_load(checking->opened->objects, record, &rules, &found);
    fi_ws_rules_deinit(&rules);
    return report_lost(checking, firn_bytes(NULL, 0), rc, &found, err);
}

static int
walk_checkpoint(struct checking *checking, const struct fi_catalog_record *record, firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(checking->opened->objects);
    struct fi_difference_walk_side before_side = {.source = trees};
    struct fi_difference_walk_side after_side = {.source = trees, .root = &record->root};
    DCHECK(checking->record == record);
    if (!checking->names_all && checking->has_previous) {
        before_side.root = &checking->previous.root;
    }
    fi_tree_lookup_init(&checking->links, trees, &record->root.hash);
    struct fi_difference_walk_options options = {0};
    firn_error found;
    int rc = fi_difference_walk(&before_side, &after_side, &options, check_entry, checking, &found);
    fi_tree_lookup_deinit(&checking->links);
    return report_lost(checking, firn_bytes(NULL, 0), rc, &found, err);
}

/* The path of an entry of the repositories in the workspace: without the name of the part. */
static firn_slice
path_in_workspace(firn_slice path)
{
    const uint8_t *slash = path.size > 0 ? memchr(path.data, '/', path.size) : NULL;
    size_t size = slash != NULL ? (size_t)(slash + 1 - path.data) : 0;
    return firn_bytes(path.data + size, path.size - size);
}

static int
check_repository(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct checking *checking = ctx;
    const struct fi_tree_entry *entry = change->after;
    FI_TRY_RETURN(progress(checking, err));
    return entry != NULL && entry->kind == FI_TREE_FILE
               ? check_content(checking, path_in_workspace(change->path), entry, err)
               : FIRN_OK;
}

/* Walks the repositories of the checkpoint, if it has any. */
static int
walk_repositories(struct checking *checking, const struct fi_catalog_record *record,
                  firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(checking->opened->objects);
    const struct fi_difference_walk_options options = {0};
    struct fi_tree_entry before = {.kind = FI_TREE_DIR, .hash = checking->previous.repositories};
    struct fi_tree_entry after = {.kind = FI_TREE_DIR, .hash = record->repositories};
    struct fi_difference_walk_side before_side = {.source = trees};
    struct fi_difference_walk_side after_side = {.source = trees, .root = &after};
    firn_error found;
    if (!record->has_repositories) {
        return FIRN_OK;
    }
    if (!checking->names_all && checking->has_previous && checking->previous.has_repositories) {
        before_side.root = &before;
    }
    int rc =
        fi_difference_walk(&before_side, &after_side, &options, check_repository, checking, &found);
    return report_lost(checking, firn_bytes(NULL, 0), rc, &found, err);
}

static int
check_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                 firn_error *err)
{
    struct checking *checking = ctx;
    checking->record = record;
    checking->result->checkpoints += checking->names_all ? 0 : 1;
    checking->result->safety += !checking->names_all && record->is_safety ? 1 : 0;
    FI_TRY_RETURN(check_rules(checking, record, err));
    FI_TRY_RETURN(walk_checkpoint(checking, record, err));
    FI_TRY_RETURN(walk_repositories(checking, record, err));
    fi_buf_clear(&checking->previous_bytes);
    if (fi_buf_append_slice(&checking->previous_bytes, bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint's record");
    }
    checking->has_previous = true;
    return fi_catalog_record_decode(fi_buf_slice(&checking->previous_bytes), &checking->previous,
                                    err);
}

static int
check_checkpoints(struct checking *checking, firn_error *err)
{
    firn_error found;
    int rc = fi_catalog_list(checking->opened->catalog, 0, check_checkpoint, checking, &found);
    if (rc == FIRN_OK && checking->lost > 0) {
        checking->names_all = true;
        rc = fi_catalog_list(checking->opened->catalog, 0, check_checkpoint, checking, &found);
    }
    return report_whole(checking, rc, &found, err);
}

/* ---- what else the catalog has ---- */

static int
pass_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    (void)ctx;
    (void)name;
    (void)tag;
    (void)err;
    return FIRN_OK;
}

static int
pass_pin(void *ctx, const struct fi_catalog_pins_pin *pin, firn_error *err)
{
    (void)ctx;
    (void)pin;
    (void)err;
    return FIRN_OK;
}

/* Checks only whether a newer firn made the tags and pins: no checkpoint needs them. */
static int
check_workspace(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
                firn_error *err)
{
    struct checking *checking = ctx;
    struct fi_catalog *catalog = checking->opened->catalog;
    firn_error found;
    (void)root;
    int rc = fi_catalog_tags_list(catalog, workspace->number, pass_tag, NULL, &found);
    rc = rc == FIRN_OK || rc == FIRN_CORRUPT
             ? fi_catalog_pins_list(catalog, workspace->number, pass_pin, NULL, &found)
             : rc;
    return rc == FIRN_CORRUPT ? FIRN_OK
                              : report_newer(checking, firn_bytes(NULL, 0), rc, &found, err);
}

static int
check_workspaces(struct checking *checking, firn_error *err)
{
    firn_error found;
    int rc =
        fi_catalog_workspaces_list(checking->opened->catalog, check_workspace, checking, &found);
    return report_whole(checking, rc, &found, err);
}

/* Called right after opening, before another process can have made new packs. */
static int
check_pack_list(struct checking *checking, firn_error *err)
{
    firn_error found;
    int rc = fi_objects_leftovers_check(checking->opened->objects, &found);
    return report_whole(checking, rc, &found, err);
}

static int
check_opened(struct checking *checking, firn_error *err)
{
    int rc;
    DCHECK(checking->opened->db != NULL && checking->opened->objects != NULL &&
           checking->opened->catalog != NULL);
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &checking->scratch, err));
    fi_pack_scratch_set_tick(checking->scratch, progress, checking);
    checking->contents.scratch = checking->scratch;
    FI_TRY(check_pack_list(checking, err));
    FI_TRY(check_store(checking, err));
    FI_TRY(check_packs(checking, err));
    FI_TRY(check_checkpoints(checking, err));
    FI_TRY(check_workspaces(checking, err));
    if (checking->result->newer > 0) {
        rc = fi_error_set(err, FIRN_NEWER, "'%.400s' is in part made by a newer firn: %.500s",
                          checking->ws->place.store_path, checking->newer.text);
    } else if (checking->result->damaged > 0) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%.512s' is damaged: see above",
                          checking->ws->place.store_path);
    }
out:
    fi_pack_scratch_destroy(checking->scratch);
    fi_buf_deinit(&checking->previous_bytes);
    fi_verify_content_deinit(&checking->contents);
    return rc;
}

int
fi_verify_opened(struct firn_ws *ws, struct fi_ws_opened *opened,
                 const firn_workspace_check_options *options, firn_workspace_check_result *out,
                 firn_error *err)
{
    struct checking checking = {.ws = ws, .opened = opened, .options = options, .result = out};
    *out = (firn_workspace_check_result)FIRN_WORKSPACE_CHECK_RESULT_INIT;
    checking.contents.objects = opened->objects;
    checking.contents.read_data = options->read_data;
    checking.contents.tick = progress;
    checking.contents.ctx = &checking;
    fi_verify_content_init(&checking.contents);
    return check_opened(&checking, err);
}

static int
check_settings(struct firn_ws *ws, const firn_callbacks *callbacks, firn_error *err)
{
    struct fi_os_dir *dir;
    bool ignored;
    int rc = fi_os_dir_open_path(ws->os, ws->place.store_path, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_place_config_check(dir, callbacks, &ignored, err);
        fi_os_dir_close(dir);
    }
    return rc;
}

int
fi_verify(struct firn_ws *ws, const firn_workspace_check_options *options,
          firn_workspace_check_result *out, firn_error *err)
{
    *out = (firn_workspace_check_result)FIRN_WORKSPACE_CHECK_RESULT_INIT;
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (opened.db != NULL) {
        rc = check_settings(ws, &options->callbacks, err);
        rc = rc == FIRN_OK ? fi_verify_opened(ws, &opened, options, out, err) : rc;
    } else {
        /* A store that was not mounted is not a sound one. */
        rc = fi_error_set(err, FIRN_NOT_FOUND,
                          "there is nothing to check: there is no store at '%.900s'",
                          ws->place.store_path);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
