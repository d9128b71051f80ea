/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_check.c: whether a remote has all that its checkpoints need.
 *
 *   1. the marker, and all states that the newest one stands on, read anew
 *   2. the packs that the newest state names: are they there, with the size that it says? Their
 *      tables; or, if the user wants that, every byte, as a pull verifies it. One that is damaged
 *      counts as missing from then on: a pull refuses all of it
 *   3. which checkpoints have all that they need in the other packs (share_whole.c). That may find
 *      damaged packs, too: then it is done again without them
 *
 * If a pack vanishes meanwhile, the newest state may name another in its place: all is done again.
 * Nothing is written to the store but files that are removed, and nothing to the remote unless the
 * damage is to be mended (share_mend.c).
 *
 * Memory: that of the walk; of packs some MiB at a time, the rest is in a temporary file.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "bucket/bucket_fetch.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "tempfile/tempfile.h"

enum {
    SCRATCH_FRAMES = 4,
    WORK_FACTOR = 256, /* as a pull allows for each byte of a pack */
    WORK_FREE = 256 << 20,
    TRIES_MAX = 4,
    NAMED_MAX = 10 /* of broken checkpoints */
};

struct checking {
    struct fi_share *share;
    const firn_remote_check_options *options;
    firn_remote_check_result *result;
    struct fi_share_stage stage;
    struct fi_share_damage damage;
    struct fi_far *far;
    uint64_t
        *sizes; /* of the files of the state, as the bucket lists them; UINT64_MAX: not there */
    /* A pack that is being verified. */
    struct fi_tempfile temp;
    struct fi_pack_scratch *scratch;
    struct fi_bucket_fetch *fetch;
    uint64_t work_max;
    uint64_t total; /* bytes of all packs, if they are read */
    bool has_lost_marker;
    bool has_lost_keys; /* of an encrypted remote, at least the newest ones */
    bool has_old_keys;  /* it has others */
    bool has_newer;     /* something that a newer firn may be able to read */
    int worst;          /* FIRN_OK, or the code of what was found first */
    firn_error why;
    int other; /* the same of what sending packs again does not mend */
    firn_error other_why;
};

static void
note_worst(struct checking *checking, int rc, const firn_error *why)
{
    if (checking->worst == FIRN_OK) {
        checking->worst = rc == FIRN_NEWER ? rc : FIRN_CORRUPT;
        checking->why = *why;
        checking->why.code = checking->worst;
    }
}

static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT;
}

/* Reports damage, and goes on; other failures end the check. */
static int
report(struct checking *checking, int rc, const firn_error *why, firn_error *err)
{
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (!is_damage(rc)) {
        fi_error_copy(err, why);
        return rc;
    }
    fi_ws_report_damage(checking->share->callbacks, why->text);
    checking->result->damaged++;
    checking->has_newer = checking->has_newer || rc == FIRN_NEWER;
    note_worst(checking, rc, why);
    return FIRN_OK;
}

/* The same for what is about no pack and no checkpoint. */
static int
report_other(struct checking *checking, int rc, const firn_error *why, firn_error *err)
{
    FI_TRY_RETURN(report(checking, rc, why, err));
    if (rc != FIRN_OK && checking->other == FIRN_OK) {
        checking->other = FIRN_CORRUPT;
        checking->other_why = *why;
        checking->other_why.code = FIRN_CORRUPT;
    }
    return FIRN_OK;
}

static int
note_number(struct fi_hash_map *map, uint64_t number, firn_error *err)
{
    return fi_hash_map_find(map, number, &number) != NULL ||
                   fi_hash_map_insert(map, number, &number) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs of a remote");
}

static bool
has_number(const struct fi_hash_map *map, uint64_t number)
{
    return fi_hash_map_find(map, number, &number) != NULL;
}

/* ==== the marker and the states ==== */

static int
lost_marker(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        "the remote has lost its file %s: other machines cannot add it",
                        FI_REMOTE_MARKER_NAME);
}

/* Not where there are no states: perhaps a disk is not mounted. */
static int
mend_marker(struct checking *checking, firn_error *err)
{
    const struct fi_share *share = checking->share;
    struct fi_remote_marker marker = {.is_encrypted = share->name.is_encrypted};
    memcpy(marker.id, share->name.id, sizeof marker.id);
    if (share->remote.state.number > 0) {
        FI_TRY_RETURN(fi_remote_marker_restore(share->bucket, &marker, err));
        checking->has_lost_marker = false;
    }
    return FIRN_OK;
}

static int
check_marker(struct checking *checking, firn_error *err)
{
    struct fi_share *share = checking->share;
    struct fi_remote_marker marker;
    firn_error why;
    int rc = fi_remote_marker_read(share->bucket, &marker, &why);
    if (rc == FIRN_NOT_FOUND) {
        checking->has_lost_marker = true;
        checking->result->damaged++;
        (void)lost_marker(&why);
        fi_ws_report_damage(share->callbacks, why.text);
        return FIRN_OK;
    }
    if (rc == FIRN_INVALID) {
        rc = lost_marker(&why);
    } else if (rc == FIRN_OK && memcmp(marker.id, share->name.id, sizeof marker.id) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "there is another remote at this place now");
    } else if (rc == FIRN_OK && marker.is_encrypted != share->name.is_encrypted) {
        rc = fi_error_set(&why, FIRN_CORRUPT,
                          "%s says that the remote is %s, which it is not: somebody has changed it",
                          FI_REMOTE_MARKER_NAME, marker.is_encrypted ? "encrypted" : "in clear");
    }
    return report_other(checking, rc, &why, err);
}

/* ==== the keys of an encrypted remote ==== */

static int
lost_keys(const struct checking *checking, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        checking->has_old_keys
                            ? "the remote has lost its newest keys, and has older ones: other "
                              "machines may not be able to read it"
                            : "the remote has lost its keys: other machines cannot add it");
}

static int
check_keys(struct checking *checking, firn_error *err)
{
    struct fi_share *share = checking->share;
    struct fi_share_keys there = {.keys = NULL};
    firn_error why;
    if (!share->name.is_encrypted) {
        return FIRN_OK;
    }
    int rc = fi_share_keys_read(share->bucket, &there, &why);
    checking->has_old_keys = rc == FIRN_OK && fi_share_keys_are_older(there.keys, share->keys.keys);
    rc = rc == FIRN_OK && !checking->has_old_keys
             ? fi_share_keys_compare(share->keys.keys, there.keys, &why)
             : rc;
    if (rc == FIRN_OK && checking->options->repair && !checking->has_old_keys) {
        rc = fi_share_keys_tidy(share, &there, &why);
    }
    fi_share_keys_deinit(&there);
    if (rc == FIRN_NOT_FOUND || checking->has_old_keys) {
        checking->has_lost_keys = true;
        checking->result->damaged++;
        (void)lost_keys(checking, &why);
        fi_ws_report_damage(share->callbacks, why.text);
        return FIRN_OK;
    }
    return report_other(checking, rc, &why, err);
}

/* What this store keeps. Not where there are no states. */
static int
mend_keys(struct checking *checking, firn_error *err)
{
    struct fi_share *share = checking->share;
    if (share->remote.state.number == 0) {
        return FIRN_OK;
    }
    int rc = fi_share_keys_put(share->bucket, &share->keys, err);
    rc = rc == FIRN_EXISTS ? FIRN_OK : rc; /* another machine was faster */
    checking->has_lost_keys = rc != FIRN_OK;
    return rc;
}

int
fi_share_check_roots(struct fi_share *share, struct fi_share_damage *damage, uint64_t *out_unread,
                     firn_error *err)
{
    const struct fi_remote_table *entries = &share->remote.state.entries;
    damage->root_count = 0;
    *out_unread = 0;
    for (size_t i = 0; i < entries->count; i++) {
        struct fi_share_checkpoint there;
        struct fi_catalog_record record;
        firn_slice rest;
        if (!fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
            continue;
        }
        if (fi_share_entry_decode_checkpoint(entries->items[i].value, &there, NULL) != FIRN_OK ||
            fi_catalog_record_decode(there.record, &record, NULL) != FIRN_OK) {
            ++*out_unread;
            continue;
        }
        struct fi_share_whole_root root = {.order = record.order,
                                           .tree = record.root.hash,
                                           .rules = record.rules,
                                           .repositories = record.repositories,
                                           .has_rules = record.has_rules,
                                           .has_repositories = record.has_repositories};
        memcpy(root.id, record.id, sizeof root.id);
        memcpy(root.line, there.line, sizeof root.line);
        FI_TRY_RETURN(
            FI_VEC_RESERVE(damage->roots, damage->root_count + 1, damage->root_capacity, err));
        damage->roots[damage->root_count++] = root;
    }
    return FIRN_OK;
}

/* ==== which packs are there ==== */

static int
note_listed(void *ctx, const struct fi_bucket_object *object)
{
    const struct checking *checking = ctx;
    const struct fi_remote_table *files = &checking->share->remote.state.files;
    const struct fi_remote_item *file = fi_remote_table_find(files, firn_str(object->name));
    if (file != NULL) {
        checking->sizes[file - files->items] = object->size_bytes;
    }
    return FIRN_OK;
}

static int
list_packs(struct checking *checking, firn_error *err)
{
    const size_t count = checking->share->remote.state.files.count;
    fi_free(checking->sizes);
    checking->sizes = fi_alloc_array(count + 1, sizeof *checking->sizes);
    if (checking->sizes == NULL) {
        return fi_error_no_memory(err, "the packs of a remote");
    }
    memset(checking->sizes, 0xff, (count + 1) * sizeof *checking->sizes);
    return fi_bucket_list(checking->share->bucket, "packs/", NULL, note_listed, checking, err);
}

/* Where the state names a pack; NULL: it does not, as with an upload that no state names yet. */
static const struct fi_remote_item *
find_file(const struct checking *checking, const struct fi_share_pack *pack)
{
    const struct fi_remote_item *file =
        fi_remote_table_find(&checking->share->remote.state.files, pack->name);
    return file != NULL && file->status == FI_REMOTE_LIVE ? file : NULL;
}

static bool
is_checked(const struct checking *checking, const struct fi_share_pack *pack)
{
    return !pack->is_joined && (pack->is_inline || find_file(checking, pack) != NULL);
}

/* Reports a damaged pack, once. */
static int
report_pack(struct checking *checking, uint64_t number, int rc, const firn_error *why,
            firn_error *err)
{
    struct fi_hash_map *packs = &checking->damage.packs;
    if (rc == FIRN_OK || (is_damage(rc) && has_number(packs, number))) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(report(checking, rc, why, err));
    /* One that would take too much work may be sound: it is not replaced. */
    return rc != FIRN_LIMIT ? note_number(packs, number, err) : FIRN_OK;
}

static int
check_size(struct checking *checking, const struct fi_share_pack *pack, firn_error *err)
{
    const struct fi_remote_item *file = find_file(checking, pack);
    const uint64_t size = checking->sizes[file - checking->share->remote.state.files.items];
    firn_error why;
    int rc = FIRN_OK;
    if (size == UINT64_MAX) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "%.*s: the remote has lost this pack",
                          (int)pack->name.size, (const char *)pack->name.data);
    } else if (size != pack->size_bytes) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "%.*s: this pack has %llu bytes instead of %llu",
                          (int)pack->name.size, (const char *)pack->name.data,
                          (unsigned long long)size, (unsigned long long)pack->size_bytes);
    }
    return report_pack(checking, pack->number, rc, &why, err);
}

static int
check_sizes(struct checking *checking, firn_error *err)
{
    const struct fi_hash_map *packs = &checking->share->packs;
    firn_remote_check_result *result = checking->result;
    FI_TRY_RETURN(
        report_other(checking, checking->share->packs_rc, &checking->share->packs_why, err));
    FI_TRY_RETURN(list_packs(checking, err));
    checking->total = 0;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (!is_checked(checking, pack)) {
            continue;
        }
        result->packs++;
        result->bytes += pack->size_bytes;
        checking->total += pack->size_bytes;
        FI_TRY_RETURN(pack->is_inline ? FIRN_OK : check_size(checking, pack, err));
    }
    return FIRN_OK;
}

/* ==== every byte ==== */

static int
bound_work(void *ctx, firn_error *err)
{
    struct checking *checking = ctx;
    if (fi_pack_scratch_decoded(checking->scratch) > checking->work_max) {
        return fi_error_set(err, FIRN_LIMIT, "a pack takes more work than its size allows");
    }
    return fi_share_progress(checking->share, "verify", checking->result->fetched, checking->total,
                             err);
}

static int
fetch_tick(void *ctx, uint64_t bytes, firn_error *err)
{
    struct checking *checking = ctx;
    checking->result->fetched += bytes;
    return fi_share_progress(checking->share, "fetch", checking->result->fetched, checking->total,
                             err);
}

static int
read_temp(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    return fi_os_file_read_exact(ctx, offset, out, size, err);
}

static int
verify_pack(struct checking *checking, const struct fi_share_pack *pack, firn_error *err)
{
    char path[FI_BUCKET_NAME_SIZE_MAX + 1];
    const struct fi_block_source source = {.read = read_temp,
                                           .ctx = checking->temp.file,
                                           .size_bytes = pack->size_bytes,
                                           .path = path,
                                           .seal = fi_os_dir_seal(checking->stage.dir)};
    struct firn_pack *opened = NULL;
    int rc;
    fi_share_entry_pack_name(pack, path);
    if (pack->is_inline) {
        FI_TRY(fi_os_file_write(checking->temp.file, 0, pack->bytes.data, pack->bytes.size, err));
    } else {
        FI_TRY(fi_bucket_fetch_object(checking->fetch, path, pack->size_bytes, checking->temp.file,
                                      err));
    }
    checking->work_max =
        fi_pack_scratch_decoded(checking->scratch) + WORK_FREE + WORK_FACTOR * pack->size_bytes;
    rc = fi_pack_open_source(checking->share->ws->os, &source, &opened, err);
    if (rc == FIRN_DENIED) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "'%s' is encrypted with a key that is not the remote's", path);
    }
    FI_TRY(rc);
    if (memcmp(fi_pack_id(opened), &pack->id, sizeof pack->id) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s' is another pack than the remote says", path);
        goto out;
    }
    rc = fi_pack_verify(opened, checking->scratch, NULL, NULL, err);
out:
    fi_pack_close(opened);
    return rc;
}

static int
verify_all(struct checking *checking, firn_error *err)
{
    const struct fi_hash_map *packs = &checking->share->packs;
    if (checking->scratch == NULL) {
        FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &checking->scratch, err));
        fi_pack_scratch_set_tick(checking->scratch, bound_work, checking);
        FI_TRY_RETURN(
            fi_tempfile_create_sealed(&checking->temp, checking->stage.dir, "check", err));
        FI_TRY_RETURN(fi_bucket_fetch_create(checking->share->ws->os, checking->share->bucket,
                                             fetch_tick, checking, &checking->fetch, err));
    }
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        firn_error why;
        if (!is_checked(checking, pack) || has_number(&checking->damage.packs, pack->number)) {
            continue;
        }
        int rc = verify_pack(checking, pack, &why);
        FI_TRY_RETURN(report_pack(checking, pack->number, rc, &why, err));
    }
    return FIRN_OK;
}

/* ==== what is in them ==== */

static int
open_ends(struct checking *checking, firn_error *err)
{
    const struct fi_hash_map *packs = &checking->share->packs;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        firn_error why;
        if (!is_checked(checking, pack) || has_number(&checking->damage.packs, pack->number)) {
            continue;
        }
        int rc = fi_far_check_end(checking->far, pack->number, &why);
        FI_TRY_RETURN(report_pack(checking, pack->number, rc, &why, err));
        FI_TRY_RETURN(
            fi_share_progress(checking->share, "check", fi_far_fetched(checking->far), 0, err));
    }
    return FIRN_OK;
}

/* Reports the packs in which the walk has found damage. */
static int
report_damaged(struct checking *checking, const struct fi_share_whole *whole, firn_error *err)
{
    for (size_t i = 0; i < whole->damaged.count; i++) {
        uint64_t number;
        firn_error why;
        memcpy(&number, fi_hash_map_at(&whole->damaged, i), sizeof number);
        const struct fi_share_pack *pack =
            fi_hash_map_find(&checking->share->packs, number, &number);
        int rc = fi_error_set(&why, FIRN_CORRUPT, "%.*s: this pack is damaged: %.400s",
                              pack != NULL ? (int)pack->name.size : 0,
                              pack != NULL ? (const char *)pack->name.data : "", whole->why.text);
        FI_TRY_RETURN(report_pack(checking, number, rc, &why, err));
    }
    return FIRN_OK;
}

/* Once, with the packs that are not damaged as far as known. */
static int
walk_once(struct checking *checking, struct fi_share_whole *whole, bool *out_again, firn_error *err)
{
    const size_t before = checking->damage.packs.count;
    const uint64_t fetched = checking->far != NULL ? fi_far_fetched(checking->far) : 0;
    fi_far_destroy(checking->far);
    checking->far = NULL;
    checking->result->fetched += fetched;
    FI_TRY_RETURN(fi_share_mark_open(checking->share, checking->stage.dir, &checking->damage.packs,
                                     &checking->far, err));
    FI_TRY_RETURN(open_ends(checking, err));
    *out_again = checking->damage.packs.count > before;
    if (*out_again) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_share_whole(checking->share, checking->far, whole, checking->damage.roots,
                                 checking->damage.root_count, err));
    FI_TRY_RETURN(report_damaged(checking, whole, err));
    *out_again = checking->damage.packs.count > before;
    return FIRN_OK;
}

/* A damaged pack may have hidden another: so until none is new. */
static int
walk_all(struct checking *checking, struct fi_share_whole *whole, firn_error *err)
{
    bool again = true;
    while (again) {
        FI_TRY_RETURN(walk_once(checking, whole, &again, err));
    }
    return FIRN_OK;
}

static int
check_state(struct checking *checking, struct fi_share_whole *whole, firn_error *err)
{
    firn_remote_check_result *result = checking->result;
    uint64_t unread;
    FI_TRY_RETURN(fi_share_look(checking->share, err));
    FI_TRY_RETURN(fi_share_check_roots(checking->share, &checking->damage, &unread, err));
    result->checkpoints = checking->damage.root_count + unread;
    result->broken = unread;
    FI_TRY_RETURN(check_sizes(checking, err));
    FI_TRY_RETURN(checking->options->read_data ? verify_all(checking, err) : FIRN_OK);
    FI_TRY_RETURN(walk_all(checking, whole, err));
    if (unread > 0) {
        firn_error why;
        int rc = fi_error_set(&why, FIRN_CORRUPT, "%llu entries of checkpoints cannot be read",
                              (unsigned long long)unread);
        FI_TRY_RETURN(report(checking, rc, &why, err));
    }
    checking->has_newer = checking->has_newer || whole->has_newer;
    return FIRN_OK;
}

/* ==== what was found ==== */

/* Names the first checkpoints that are broken; the others are counted. */
static void
report_broken(struct checking *checking, const struct fi_share_whole *whole)
{
    firn_remote_check_result *result = checking->result;
    for (size_t i = 0; i < checking->damage.root_count; i++) {
        const struct fi_share_whole_root *root = &checking->damage.roots[i];
        char id[FIRN_CHECKPOINT_ID_SIZE];
        char label[FI_SHARE_LABEL_SIZE_MAX + 1];
        firn_error why;
        if (!root->is_broken || ++result->broken > NAMED_MAX) {
            continue;
        }
        fi_catalog_record_id_text(root->id, id);
        firn_slice name = fi_share_entry_label(checking->share, root->line, label);
        int rc = fi_error_set(&why, FIRN_CORRUPT,
                              "checkpoint %.12s of %.*s cannot be restored from the remote: %.300s",
                              id, (int)name.size, (const char *)name.data, whole->why.text);
        fi_ws_report_damage(checking->share->callbacks, why.text);
        note_worst(checking, rc, &why);
    }
}

/* Names the checkpoints that were removed. */
static void
report_dropped(struct checking *checking, const struct fi_share_mended *mended)
{
    char text[128 + FI_SHARE_LABEL_SIZE_MAX];
    for (size_t i = 0; mended->dropped > 0 && i < checking->damage.root_count; i++) {
        const struct fi_share_whole_root *root = &checking->damage.roots[i];
        char id[FIRN_CHECKPOINT_ID_SIZE];
        char label[FI_SHARE_LABEL_SIZE_MAX + 1];
        if (root->is_broken && root->is_elsewhere) {
            fi_catalog_record_id_text(root->id, id);
            firn_slice name = fi_share_entry_label(checking->share, root->line, label);
            (void)snprintf(text, sizeof text,
                           "checkpoint %.12s of %.*s was dropped from the remote", id,
                           (int)name.size, (const char *)name.data);
            fi_ws_report_damage(checking->share->callbacks, text);
        }
    }
    if (mended->unread > 0) {
        (void)snprintf(text, sizeof text,
                       "%llu checkpoints whose entries cannot be read were dropped from the remote",
                       (unsigned long long)mended->unread);
        fi_ws_report_damage(checking->share->callbacks, text);
    }
}

static int
mend(struct checking *checking, firn_error *err)
{
    struct fi_share_mended mended;
    firn_remote_check_result *result = checking->result;
    const bool may_drop = checking->options->drop_broken;
    if (may_drop && checking->has_newer) {
        return fi_share_mend_refuse_newer(err);
    }
    FI_TRY_RETURN(fi_share_mend(checking->share, &checking->stage, &checking->damage, may_drop,
                                &mended, err));
    const uint64_t lost = mended.left_broken + mended.dropped;
    result->sent = mended.sent_bytes;
    result->repaired = result->broken > lost ? result->broken - lost : 0;
    result->broken = mended.left_broken;
    result->dropped = mended.dropped;
    report_dropped(checking, &mended);
    if (mended.left_broken == 0 && mended.left_packs == 0) {
        checking->worst = checking->other;
        checking->why = checking->other_why;
    }
    return FIRN_OK;
}

static int
check_opened(struct checking *checking, struct fi_share_whole *whole, firn_error *err)
{
    struct fi_share *share = checking->share;
    int rc = FIRN_NOT_FOUND;
    fi_remote_table_clear(&share->remote.uploads); /* no state names them: they do not count */
    FI_TRY_RETURN(checking->options->repair
                      ? fi_share_stage_open(share, &checking->stage, err)
                      : fi_share_stage_open_beside(share, &checking->stage, err));
    FI_TRY_RETURN(check_marker(checking, err));
    FI_TRY_RETURN(check_keys(checking, err));
    FI_TRY_RETURN(fi_remote_resync(&share->remote, err));
    for (int tries = 1; rc == FIRN_NOT_FOUND; tries++) {
        const firn_remote_check_result fresh = FIRN_REMOTE_CHECK_RESULT_INIT;
        const uint64_t number = share->remote.state.number;
        const uint64_t fetched = checking->result->fetched;
        const uint64_t damaged = checking->result->damaged;
        *checking->result = fresh;
        checking->result->state = number;
        checking->result->fetched = fetched;
        checking->result->damaged = damaged;
        fi_hash_map_clear(&checking->damage.packs);
        rc = check_state(checking, whole, err);
        if (rc == FIRN_NOT_FOUND && tries < TRIES_MAX) { /* a prune took a pack meanwhile */
            FI_TRY_RETURN(fi_remote_sync(&share->remote, err));
            continue;
        }
        FI_TRY_RETURN(rc);
    }
    report_broken(checking, whole);
    if (checking->options->repair && checking->has_lost_marker) {
        FI_TRY_RETURN(mend_marker(checking, err));
    }
    if (checking->options->repair && checking->has_lost_keys) {
        FI_TRY_RETURN(mend_keys(checking, err));
    }
    if (checking->options->repair && checking->worst == FIRN_CORRUPT) {
        FI_TRY_RETURN(mend(checking, err));
    }
    if (checking->has_lost_marker) {
        firn_error why;
        note_worst(checking, lost_marker(&why), &why);
    }
    if (checking->has_lost_keys) {
        firn_error why;
        note_worst(checking, lost_keys(checking, &why), &why);
    }
    if (checking->worst != FIRN_OK) {
        fi_error_copy(err, &checking->why);
    }
    return checking->worst;
}

int
fi_share_check(struct firn_ws *ws, const char *name, const firn_remote_check_options *options,
               firn_remote_check_result *out, firn_error *err)
{
    struct fi_share share;
    struct fi_share_whole whole;
    struct checking checking = {.share = &share, .options = options, .result = out};
    *out = (firn_remote_check_result)FIRN_REMOTE_CHECK_RESULT_INIT;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    fi_hash_map_init(&checking.damage.packs, sizeof(uint64_t), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_share_whole_init(&whole, &checking.damage.packs);
    int rc = check_opened(&checking, &whole, err);
    out->fetched += checking.far != NULL ? fi_far_fetched(checking.far) : 0;
    out->requests = share.bucket->request_count;
    fi_far_destroy(checking.far);
    fi_bucket_fetch_destroy(checking.fetch);
    fi_tempfile_discard(&checking.temp);
    fi_share_stage_close(&checking.stage);
    fi_pack_scratch_destroy(checking.scratch);
    fi_share_whole_deinit(&whole);
    fi_hash_map_deinit(&checking.damage.packs);
    fi_free(checking.damage.roots);
    fi_free(checking.sizes);
    return fi_share_close(&share, rc, err);
}
