/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_mend.c: sending again what damaged packs of a remote have lost.
 *
 * A machine whose store has a checkpoint, whether it made it or pulled it, can give the remote what
 * that lacks of it. What a remote says does not decide what is sent (I8). Of what a check found
 * (share_check.c) the plan takes only which packs are damaged, since these stay so; which
 * checkpoints that breaks is found out in the newest state. Then one state adds the packs that were
 * put.
 *
 * (I7) A damaged pack is still named until nothing is broken without it, since more may be saved
 *      from it, or it may be put back by hand. Then the same state kills it, as a prune would, and
 *      makes the entry "prune" one higher: notes of other machines that a directory is complete may
 *      have counted on it. If the user gives up what cannot be mended, these checkpoints go in the
 *      same state, judged by the newest one. Not checked: unit/share mends from two machines.
 * (I8) Anybody with write access to the remote can name any tree in it, also one that has the hash
 *      of a guessed file. So a checkpoint is sent again only if this store has the same record. The
 *      record is one of the workspace, up to the last that it has pushed; or one of a pulled line,
 *      and then only objects that came from the remote are sent. Not checked: unit/share has such a
 *      remote.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "far/far.h"
#include "share/share_internal.h"

struct mending {
    struct fi_share *share;
    struct fi_share_stage *stage;
    struct fi_share_damage *damage;
    struct fi_share_mended *out;
    struct fi_far *far;
    struct fi_share_whole whole;
    struct fi_outgoing *outgoing;
    struct fi_hash_map lines; /* share_lines.c */
    uint64_t epoch;           /* that the next state has */
    bool drops;               /* what stays broken */
    struct fi_buf value;
    uint64_t *sent; /* numbers of packs */
    size_t sent_count;
    size_t sent_capacity;
};

/* ==== what it lacks ==== */

/* fi_outgoing_place.find: in the packs that are not damaged. */
static int
find_there(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_base_pack,
           firn_error *err)
{
    struct mending *mending = ctx;
    enum fi_pack_kind kind;
    uint64_t pack;
    firn_error why;
    *out = FI_OUTGOING_LACKS;
    *out_base_pack = 0;
    if (fi_hash_map_find(&mending->whole.bad, fi_hash_map_first(hash), hash) != NULL) {
        return FIRN_OK;
    }
    int rc = fi_far_parts_kind(mending->far, hash, &pack, &kind, &why);
    if (rc == FIRN_OK) {
        *out = kind == FI_PACK_PIECES ? FI_OUTGOING_PRESENT : FI_OUTGOING_CONTENT;
    } else if (rc != FIRN_CORRUPT && rc != FIRN_NEWER) {
        fi_error_copy(err, &why);
        return rc;
    }
    return FIRN_OK;
}

static int
begin(struct mending *mending, firn_error *err)
{
    const struct fi_outgoing_place place = {find_there, mending};
    fi_outgoing_destroy(mending->outgoing);
    mending->outgoing = NULL;
    return fi_outgoing_create(mending->share->opened.objects, &place, &mending->outgoing, err);
}

/* *out is false if this store does not have it. */
static int
add_root(struct mending *mending, const struct fi_share_whole_root *root, bool *out,
         firn_error *err)
{
    firn_error why;
    int rc = fi_outgoing_add_tree(mending->outgoing, &root->tree, &why);
    if (rc == FIRN_OK && root->has_repositories) {
        rc = fi_outgoing_add_tree(mending->outgoing, &root->repositories, &why);
    }
    if (rc == FIRN_OK && root->has_rules) {
        rc = fi_outgoing_add_content(mending->outgoing, &root->rules, &why);
    }
    *out = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_CORRUPT && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &why);
        return rc;
    }
    return FIRN_OK;
}

/* Whether the record in that workspace of the catalog is the one that the remote names. */
static int
has_record(struct mending *mending, uint32_t workspace, const struct fi_share_whole_root *root,
           bool *out, firn_error *err)
{
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = fi_catalog_get(mending->share->opened.catalog, workspace, root->order, &bytes, &record,
                            err);
    *out = rc == FIRN_OK && memcmp(record.id, root->id, sizeof root->id) == 0 &&
           fi_hash_equal(&record.root.hash, &root->tree) && record.has_rules == root->has_rules &&
           (!root->has_rules || fi_hash_equal(&record.rules, &root->rules)) &&
           record.has_repositories == root->has_repositories &&
           fi_hash_equal(&record.repositories, &root->repositories) && !record.is_safety;
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

struct origin {
    struct mending *mending;
    bool is_remote; /* all objects so far came from it */
};

static int
check_origin(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    struct origin *origin = ctx;
    struct fi_share *share = origin->mending->share;
    struct fi_objects_place place;
    bool has_pack = false;
    (void)has;
    FI_TRY_RETURN(fi_objects_index_find(share->opened.objects, hash, &place, err));
    const struct fi_objects_index_pack *pack =
        fi_share_pull_find_pack(share->opened.objects, place.pack);
    if (pack != NULL) {
        uint64_t number;
        FI_TRY_RETURN(
            fi_share_note_number(share, fi_share_pack_number(pack->id.bytes), &number, err));
        FI_TRY_RETURN(fi_share_note_has_pack(share, number, &has_pack, err));
    }
    origin->is_remote = origin->is_remote && has_pack;
    return FIRN_OK;
}

/* (I8) */
static int
may_send(struct mending *mending, const struct fi_share_whole_root *root, bool *out,
         firn_error *err)
{
    struct fi_share *share = mending->share;
    const uint32_t here = share->opened.workspace.number;
    struct origin origin = {mending, true};
    struct fi_share_line own;
    FI_TRY_RETURN(fi_share_note_line(share, here, &own, err));
    if (own.is_noted && memcmp(own.id, root->line, sizeof own.id) == 0) {
        FI_TRY_RETURN(has_record(mending, here, root, out, err));
        *out = *out && root->order <= own.sent;
        return FIRN_OK;
    }
    *out = false;
    const uint32_t workspace = fi_share_lines_find(&mending->lines, root->line);
    if (workspace == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(has_record(mending, workspace, root, out, err));
    if (!*out) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(begin(mending, err));
    FI_TRY_RETURN(add_root(mending, root, out, err));
    if (*out) {
        FI_TRY_RETURN(fi_outgoing_list(mending->outgoing, check_origin, &origin, err));
        *out = origin.is_remote;
    }
    return FIRN_OK;
}

/* Adds the broken checkpoints, unless it is known that they are not here. */
static int
add_roots(struct mending *mending, bool *out_are_here, firn_error *err)
{
    struct fi_share_damage *damage = mending->damage;
    *out_are_here = true;
    FI_TRY_RETURN(begin(mending, err));
    for (size_t i = 0; i < damage->root_count && *out_are_here; i++) {
        if (damage->roots[i].is_broken && !damage->roots[i].is_elsewhere) {
            FI_TRY_RETURN(add_root(mending, &damage->roots[i], out_are_here, err));
        }
    }
    return FIRN_OK;
}

/* An outgoing is of no use after a failure, so each is tried by itself where not all are here. */
static int
collect(struct mending *mending, firn_error *err)
{
    struct fi_share_damage *damage = mending->damage;
    bool are_here;
    FI_TRY_RETURN(fi_share_lines_load(mending->share, &mending->lines, err));
    for (size_t i = 0; i < damage->root_count; i++) {
        if (damage->roots[i].is_broken) {
            FI_TRY_RETURN(may_send(mending, &damage->roots[i], &are_here, err));
            damage->roots[i].is_elsewhere = !are_here;
        }
    }
    FI_TRY_RETURN(add_roots(mending, &are_here, err));
    if (are_here) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < damage->root_count; i++) {
        if (damage->roots[i].is_broken && !damage->roots[i].is_elsewhere) {
            FI_TRY_RETURN(begin(mending, err));
            FI_TRY_RETURN(add_root(mending, &damage->roots[i], &are_here, err));
            damage->roots[i].is_elsewhere = !are_here;
        }
    }
    FI_TRY_RETURN(add_roots(mending, &are_here, err));
    return are_here ? FIRN_OK
                    : fi_error_set(err, FIRN_CORRUPT, "the store of this machine is damaged, too");
}

/* ==== sending ==== */

static int
note_packed(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    const struct mending *mending = ctx;
    const struct fi_share_note note = {.hash = *hash,
                                       .pack = mending->sent[mending->sent_count - 1],
                                       .epoch = mending->epoch,
                                       .level = at->kind == FI_PACK_PIECES ? FI_OUTGOING_PRESENT
                                                                           : FI_OUTGOING_CONTENT,
                                       .is_whole = !fi_pack_kind_is_named(at->kind)};
    return fi_share_note_put(mending->share, &note, err);
}

static int
send_pack(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err)
{
    struct mending *mending = ctx;
    struct fi_os_file *file = NULL;
    char name[FI_REMOTE_FILE_NAME_SIZE];
    const struct fi_share_pack known = {
        .id = *pack->id,
        .size_bytes = pack->size_bytes,
        .object_count = pack->object_count,
        .bases = firn_bytes(pack->bases, pack->base_count * sizeof *pack->bases)};
    int rc;
    FI_TRY(FI_VEC_RESERVE(mending->sent, mending->sent_count + 1, mending->sent_capacity, err));
    fi_buf_clear(&mending->value);
    FI_TRY(fi_share_entry_encode_pack(&known, &mending->value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a pack"));
    FI_TRY(fi_os_file_open(mending->stage->dir, pack->name, FI_OS_READ, 0, &file, err));
    const struct fi_bucket_body body = {pack->size_bytes, fi_share_stage_read, file};
    FI_TRY(
        fi_remote_upload(&mending->share->remote, &body, fi_buf_slice(&mending->value), name, err));
    mending->sent[mending->sent_count++] = fi_share_pack_number(pack->id->bytes);
    mending->out->sent_bytes += pack->size_bytes;
    FI_TRY(fi_pack_writer_list(pack->writer, note_packed, mending, err));
    rc = fi_share_progress(mending->share, "send", mending->out->sent_bytes, 0, err);
out:
    fi_os_file_close(file);
    return rc;
}

/* ==== the plan ==== */

static int
find_broken(struct mending *mending, uint64_t *out_unread, firn_error *err)
{
    struct fi_share *share = mending->share;
    struct fi_share_damage *damage = mending->damage;
    FI_TRY_RETURN(fi_share_look(share, err));
    FI_TRY_RETURN(fi_share_check_roots(share, damage, out_unread, err));
    fi_far_destroy(mending->far);
    mending->far = NULL;
    FI_TRY_RETURN(
        fi_share_mark_open(share, mending->stage->dir, &damage->packs, &mending->far, err));
    FI_TRY_RETURN(fi_share_whole(share, mending->far, &mending->whole, damage->roots,
                                 damage->root_count, err));
    return mending->whole.damaged.count == 0
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT,
                              "another pack of the remote was damaged meanwhile");
}

static void
count_left(const struct mending *mending, uint64_t unread)
{
    const struct fi_share_damage *damage = mending->damage;
    mending->out->left_broken = unread;
    for (size_t i = 0; i < damage->root_count; i++) {
        bool is_left = damage->roots[i].is_broken && damage->roots[i].is_elsewhere;
        mending->out->left_broken += is_left ? 1 : 0;
    }
}

/* Whether an entry of a checkpoint is lost for good; *root is the next of those that can be read.
 * What a newer firn has made is not. */
static bool
is_lost(struct mending *mending, firn_slice value, size_t *root)
{
    struct fi_share_checkpoint there;
    struct fi_catalog_record record;
    int rc = fi_share_entry_decode_checkpoint(value, &there, NULL);
    rc = rc == FIRN_OK ? fi_catalog_record_decode(there.record, &record, NULL) : rc;
    if (rc != FIRN_OK) {
        mending->out->unread += rc == FIRN_CORRUPT ? 1 : 0;
        return rc == FIRN_CORRUPT;
    }
    const struct fi_share_whole_root *found = &mending->damage->roots[(*root)++];
    DCHECK(memcmp(found->id, record.id, sizeof found->id) == 0);
    return found->is_broken && found->is_elsewhere;
}

int
fi_share_mend_refuse_newer(firn_error *err)
{
    return fi_error_set(err, FIRN_NEWER,
                        "a newer firn may be able to read what is broken: nothing was dropped");
}

/* Removes the checkpoints that stay broken, then the tags of these. */
static int
drop_broken(struct mending *mending, struct fi_remote_change *change, firn_error *err)
{
    const struct fi_remote_table *entries = &mending->share->remote.state.entries;
    struct fi_share_mended *out = mending->out;
    size_t root = 0;
    out->dropped = 0;
    out->unread = 0;
    if (mending->share->packs_rc == FIRN_NEWER || mending->whole.has_newer) {
        return fi_share_mend_refuse_newer(err);
    }
    for (size_t i = 0; i < entries->count; i++) {
        const struct fi_remote_item *item = &entries->items[i];
        firn_slice rest;
        if (fi_share_entry_is(item->key, FI_SHARE_ENTRY_CHECKPOINT, &rest) &&
            is_lost(mending, item->value, &root)) {
            out->dropped++;
            FI_TRY_RETURN(
                fi_remote_table_put(&change->removed, item->key, firn_bytes(NULL, 0), 0, err));
        }
    }
    for (size_t i = 0; i < entries->count; i++) {
        const struct fi_remote_item *item = &entries->items[i];
        char key[FI_SHARE_KEY_SIZE];
        firn_slice rest;
        if (fi_share_entry_is(item->key, FI_SHARE_ENTRY_TAG, &rest) &&
            item->value.size > FI_CATALOG_RECORD_ID_SIZE &&
            fi_remote_table_find(&change->removed, fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT,
                                                                      item->value.data + 1, key)) !=
                NULL) {
            FI_TRY_RETURN(
                fi_remote_table_put(&change->removed, item->key, firn_bytes(NULL, 0), 0, err));
        }
    }
    out->left_broken -= out->dropped;
    return FIRN_OK;
}

/* (I7) */
static int
kill_packs(struct mending *mending, struct fi_remote_change *change, firn_error *err)
{
    const struct fi_hash_map *packs = &mending->share->packs;
    const bool is_whole = mending->out->left_broken == 0;
    uint8_t epoch[8];
    mending->out->left_packs = 0;
    mending->epoch = mending->share->epoch + (mending->out->dropped > 0 ? 1 : 0);
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (pack->is_joined ||
            fi_hash_map_find(&mending->damage->packs, pack->number, &pack->number) == NULL) {
            continue;
        }
        if (!is_whole) {
            mending->out->left_packs++;
            continue;
        }
        mending->epoch = mending->share->epoch + 1;
        FI_TRY_RETURN(fi_share_pack_remove(pack, change, err));
    }
    if (mending->epoch == mending->share->epoch) {
        return FIRN_OK;
    }
    fi_store_le64(epoch, mending->epoch);
    return fi_remote_table_put(&change->set, firn_str(FI_SHARE_ENTRY_PRUNE),
                               firn_bytes(epoch, sizeof epoch), 0, err);
}

static int
plan_mend(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct mending *mending = ctx;
    uint64_t unread;
    FI_TRY_RETURN(find_broken(mending, &unread, err));
    FI_TRY_RETURN(collect(mending, err));
    count_left(mending, unread);
    FI_TRY_RETURN(mending->drops ? drop_broken(mending, change, err) : FIRN_OK);
    FI_TRY_RETURN(kill_packs(mending, change, err));
    FI_TRY_RETURN(fi_outgoing_write(mending->outgoing, mending->stage->dir, FI_SHARE_PACK_SIZE_MAX,
                                    send_pack, mending, err));
    for (size_t i = 0; i < remote->uploads.count; i++) {
        FI_TRY_RETURN(fi_remote_table_put(&change->added, remote->uploads.items[i].key,
                                          remote->uploads.items[i].value, FI_REMOTE_LIVE, err));
    }
    return FIRN_OK;
}

int
fi_share_mend(struct fi_share *share, struct fi_share_stage *stage, struct fi_share_damage *damage,
              bool may_drop, struct fi_share_mended *out, firn_error *err)
{
    struct mending mending = {.share = share, .stage = stage, .damage = damage, .out = out};
    *out = (struct fi_share_mended){0};
    fi_share_whole_init(&mending.whole, &damage->packs);
    fi_share_lines_init(&mending.lines);
    uint64_t before;
    int rc;
    /* What was sent may be all that a checkpoint lacks that is not here: so once more. */
    do {
        before = out->sent_bytes;
        rc = fi_remote_push(&share->remote, plan_mend, &mending, err);
    } while (rc == FIRN_OK && out->left_broken > 0 && out->sent_bytes > before);
    if (rc == FIRN_OK && may_drop && out->left_broken > 0) {
        mending.drops = true;
        rc = fi_remote_push(&share->remote, plan_mend, &mending, err);
    }
    if (rc == FIRN_OK && share->is_changed) {
        const struct fi_share_facts facts = {.packs = mending.sent,
                                             .pack_count = mending.sent_count};
        FI_IGNORE(fi_share_note_commit(share, &facts, NULL)); /* it is derived */
    }
    fi_outgoing_destroy(mending.outgoing);
    fi_far_destroy(mending.far);
    fi_share_whole_deinit(&mending.whole);
    fi_hash_map_deinit(&mending.lines);
    fi_buf_deinit(&mending.value);
    fi_free(mending.sent);
    return rc;
}
