/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_push.c: sending checkpoints to a remote.
 *
 *   1. read the newest state; which checkpoints of the workspace does it lack? None: that was all
 *   2. collect the objects that they need and no live pack has (outgoing.h), write them into packs;
 *      a pack that is small goes into the state itself, others are put, and noted here at once, so
 *      that a push that is killed has not sent them in vain
 *   3. publish a state with the checkpoints, the packs, and the tags of the workspace. If another
 *      machine was first, all is planned again: what was put is there
 *   4. note what the remote has now
 *
 * A checkpoint that was pushed once and is not there any more was removed by a prune, and stays
 * away. So a push goes by the order of the last checkpoint that it sent, not by what is missing.
 *
 * (I3) A line has one author. A store that was copied, or that is an older state of itself, finds
 *      checkpoints in its line that it does not have, later than those that it pushed: from then on
 *      it has a line of its own. Not checked: it takes two stores; the tests copy one.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "share/share_internal.h"

enum { TAG_VALUE_SIZE = 1 + 16 + 8, FORMAT = 1 };

/* A checkpoint that goes out; its record is a part of `bytes`. */
struct chosen {
    uint64_t order;
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    size_t offset;
    size_t size;
    firn_hash root;
    firn_hash rules;
    firn_hash repositories;
    bool has_rules;
    bool has_repositories;
};

struct pushing {
    struct fi_share *share;
    const firn_push_options *options;
    firn_push_result *result;
    struct fi_share_stage own;       /* unless the caller has one */
    struct fi_share_stage *stage;    /* where packs are written */
    struct fi_remote_change *change; /* of the present plan */
    uint64_t inline_bytes;           /* that the state will have */
    struct fi_share_line line;
    bool is_line_found; /* in the remote, for want of a note */
    struct chosen *chosen;
    size_t chosen_count;
    size_t chosen_capacity;
    struct fi_buf bytes;
    uint64_t newest; /* order of the newest checkpoint of the workspace that is new */
    struct fi_outgoing *outgoing;
    uint64_t *sent; /* numbers of packs */
    size_t sent_count;
    size_t sent_capacity;
    struct fi_buf value; /* scratch */
    struct fi_buf bytes_of_pack;
    struct fi_share_failure failure; /* that was noted before */
};

/* ==== which line ==== */

/* Whether the workspace has this checkpoint. */
static int
has_checkpoint(struct pushing *pushing, const struct fi_catalog_record *record, bool *out,
               firn_error *err)
{
    struct fi_ws_opened *opened = &pushing->share->opened;
    struct fi_catalog_record own;
    struct fi_buf bytes = {0};
    int rc =
        fi_catalog_get(opened->catalog, opened->workspace.number, record->order, &bytes, &own, err);
    *out = rc == FIRN_OK && memcmp(own.id, record->id, sizeof own.id) == 0;
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Calls visit for each checkpoint of the remote that can be read; others are not of this line. */
static int
visit_checkpoints(struct pushing *pushing,
                  int (*visit)(struct pushing *pushing, const uint8_t *line,
                               const struct fi_catalog_record *record, void *ctx, firn_error *err),
                  void *ctx, firn_error *err)
{
    const struct fi_remote_table *entries = &pushing->share->remote.state.entries;
    for (size_t i = 0; i < entries->count; i++) {
        struct fi_share_checkpoint there;
        struct fi_catalog_record record;
        firn_slice rest;
        if (fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest) &&
            fi_share_entry_decode_checkpoint(entries->items[i].value, &there, NULL) == FIRN_OK &&
            fi_catalog_record_decode(there.record, &record, NULL) == FIRN_OK) {
            FI_TRY_RETURN(visit(pushing, there.line, &record, ctx, err));
        }
    }
    return FIRN_OK;
}

static int
visit_of_line(struct pushing *pushing, const uint8_t *line, const struct fi_catalog_record *record,
              void *ctx, firn_error *err)
{
    bool *is_taken = ctx;
    bool is_ours;
    if (*is_taken || record->order <= pushing->line.sent ||
        memcmp(line, pushing->line.id, sizeof pushing->line.id) != 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(has_checkpoint(pushing, record, &is_ours, err));
    *is_taken = !is_ours; /* (I3) */
    return FIRN_OK;
}

/* The line of the latest checkpoint that is ours. */
static int
visit_ours(struct pushing *pushing, const uint8_t *line, const struct fi_catalog_record *record,
           void *ctx, firn_error *err)
{
    bool is_ours;
    (void)ctx;
    if (record->order <= pushing->line.sent) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(has_checkpoint(pushing, record, &is_ours, err));
    if (is_ours) {
        memcpy(pushing->line.id, line, sizeof pushing->line.id);
        pushing->line.sent = record->order;
        pushing->line.is_noted = true;
    }
    return FIRN_OK;
}

/* The notes know the line; if they are lost, or a push was killed before it made them, the remote
 * does. */
static int
find_line(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    bool is_taken = false;
    FI_TRY_RETURN(fi_share_note_line(share, share->opened.workspace.number, &pushing->line, err));
    if (!pushing->line.is_noted) {
        FI_TRY_RETURN(visit_checkpoints(pushing, visit_ours, NULL, err));
        pushing->is_line_found = pushing->line.is_noted;
    }
    if (pushing->line.is_noted) {
        FI_TRY_RETURN(visit_checkpoints(pushing, visit_of_line, &is_taken, err));
        if (!is_taken) {
            return FIRN_OK;
        }
    }
    pushing->line.is_noted = false;
    pushing->is_line_found = false;
    return fi_os_random(share->ws->os, pushing->line.id, sizeof pushing->line.id, err);
}

/* ==== which checkpoints ==== */

static int
choose(struct pushing *pushing, firn_slice bytes, const struct fi_catalog_record *record,
       firn_error *err)
{
    char key[FI_SHARE_KEY_SIZE];
    struct chosen chosen = {.order = record->order,
                            .offset = pushing->bytes.size,
                            .size = bytes.size,
                            .root = record->root.hash,
                            .rules = record->rules,
                            .repositories = record->repositories,
                            .has_rules = record->has_rules,
                            .has_repositories = record->has_repositories};
    memcpy(chosen.id, record->id, sizeof chosen.id);
    if (fi_remote_table_find(&pushing->share->remote.state.entries,
                             fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, record->id, key)) !=
        NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(
        FI_VEC_RESERVE(pushing->chosen, pushing->chosen_count + 1, pushing->chosen_capacity, err));
    if (fi_buf_append_slice(&pushing->bytes, bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "the checkpoints to push");
    }
    pushing->chosen[pushing->chosen_count++] = chosen;
    return FIRN_OK;
}

enum { ENOUGH = 1 };

static int
choose_new(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct pushing *pushing = ctx;
    if (record->order <= pushing->line.pushed) {
        return ENOUGH;
    }
    if (record->is_safety) {
        return FIRN_OK;
    }
    pushing->newest = record->order > pushing->newest ? record->order : pushing->newest;
    return choose(pushing, bytes, record, err);
}

static bool
is_chosen(const struct pushing *pushing, uint64_t order)
{
    for (size_t i = 0; i < pushing->chosen_count; i++) {
        if (pushing->chosen[i].order == order) {
            return true;
        }
    }
    return false;
}

static int
choose_all(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    struct fi_ws_opened *opened = &share->opened;
    const firn_push_options *options = pushing->options;
    pushing->chosen_count = 0;
    fi_buf_clear(&pushing->bytes);
    if (options->reference_count == 0) {
        int rc =
            fi_catalog_list(opened->catalog, opened->workspace.number, choose_new, pushing, err);
        return rc == ENOUGH ? FIRN_OK : rc;
    }
    for (size_t i = 0; i < options->reference_count; i++) {
        struct fi_catalog_record record;
        FI_TRY_RETURN(fi_ws_find_record(share->ws, opened, options->references[i], &record, err));
        if (record.is_safety) {
            return fi_error_set(err, FIRN_INVALID,
                                "'%.80s' is a safety checkpoint: these are not pushed",
                                options->references[i]);
        }
        if (!is_chosen(pushing, record.order)) {
            FI_TRY_RETURN(choose(pushing, fi_buf_slice(&share->ws->record), &record, err));
        }
    }
    return FIRN_OK;
}

/* ==== packs ==== */

struct noting {
    struct fi_share *share;
    struct fi_share_note note;
};

static int
note_packed(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct noting *noting = ctx;
    noting->note.hash = *hash;
    noting->note.is_whole = !fi_pack_kind_is_named(at->kind);
    /* So only directories and lists are noted again when all is there. */
    noting->note.level = at->kind == FI_PACK_PIECES ? FI_OUTGOING_PRESENT : FI_OUTGOING_CONTENT;
    return fi_share_note_put(noting->share, &noting->note, err);
}

/* A small pack becomes an entry. */
static int
put_inline(struct pushing *pushing, struct fi_share_pack *pack, struct fi_os_file *file,
           firn_error *err)
{
    char key[FI_SHARE_KEY_SIZE];
    if (fi_buf_set_size(&pushing->bytes_of_pack, (size_t)pack->size_bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "a pack");
    }
    FI_TRY_RETURN(
        fi_os_file_read_exact(file, 0, pushing->bytes_of_pack.data, (size_t)pack->size_bytes, err));
    pack->bytes = fi_buf_slice(&pushing->bytes_of_pack);
    fi_buf_clear(&pushing->value);
    if (fi_share_entry_encode_pack(pack, &pushing->value) != FIRN_OK) {
        return fi_error_no_memory(err, "a pack");
    }
    pushing->inline_bytes += pack->size_bytes;
    return fi_remote_table_put(&pushing->change->set,
                               fi_share_entry_key(FI_SHARE_ENTRY_PACK, pack->id.bytes, key),
                               fi_buf_slice(&pushing->value), 0, err);
}

static int
put_file(struct pushing *pushing, const struct fi_share_pack *pack, struct fi_os_file *file,
         firn_error *err)
{
    struct fi_share *share = pushing->share;
    const struct fi_bucket_body body = {pack->size_bytes, fi_share_stage_read, file};
    char name[FI_REMOTE_FILE_NAME_SIZE];
    fi_buf_clear(&pushing->value);
    if (fi_share_entry_encode_pack(pack, &pushing->value) != FIRN_OK) {
        return fi_error_no_memory(err, "a pack");
    }
    pushing->result->bytes += pack->size_bytes;
    return fi_remote_upload(&share->remote, &body, fi_buf_slice(&pushing->value), name, err);
}

/* What was put is noted at once. */
static int
note_sent(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    const struct fi_share_facts nothing = {.line = NULL};
    FI_TRY_RETURN(fi_share_progress(share, "send", pushing->result->bytes, 0, err));
    int rc = fi_share_note_commit(share, &nothing, err);
    return rc == FIRN_BUSY ? FIRN_OK : rc; /* a push that is killed sends the pack again */
}

/* A pack that is small, though there are too many of such in the state. */
static int
fold(struct pushing *pushing, const struct fi_outgoing_pack *pack, bool *out_done, firn_error *err)
{
    uint64_t size;
    FI_TRY_RETURN(
        fi_share_fold(pushing->share, pushing->stage, pack, pushing->change, &size, out_done, err));
    if (*out_done) {
        pushing->result->bytes += size;
        pushing->inline_bytes = 0;
    }
    return FIRN_OK;
}

static int
place_pack(struct pushing *pushing, const struct fi_outgoing_pack *pack,
           struct fi_share_pack *known, firn_error *err)
{
    struct fi_os_file *file = NULL;
    bool is_small = pack->size_bytes <= FI_SHARE_INLINE_SIZE_MAX;
    bool has_room = pushing->inline_bytes + pack->size_bytes <= FI_SHARE_INLINE_TOTAL_MAX;
    bool is_folded = false;
    int rc;
    FI_TRY(fi_os_file_open(pushing->stage->dir, pack->name, FI_OS_READ, 0, &file, err));
    if (is_small && has_room) {
        rc = put_inline(pushing, known, file, err);
        goto out;
    }
    if (is_small) {
        FI_TRY(fold(pushing, pack, &is_folded, err));
    }
    if (!is_folded) {
        FI_TRY(put_file(pushing, known, file, err));
    }
    rc = note_sent(pushing, err);
out:
    fi_os_file_close(file);
    return rc;
}

static int
send_pack(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err)
{
    struct pushing *pushing = ctx;
    struct fi_share *share = pushing->share;
    struct fi_share_pack known = {
        .number = fi_share_pack_number(pack->id->bytes),
        .id = *pack->id,
        .size_bytes = pack->size_bytes,
        .object_count = pack->object_count,
        .bases = firn_bytes(pack->bases, pack->base_count * sizeof *pack->bases)};
    struct noting noting = {share, {.pack = known.number, .epoch = share->epoch}};
    FI_TRY_RETURN(fi_pack_writer_list(pack->writer, note_packed, &noting, err));
    pushing->result->objects += pack->object_count;
    FI_TRY_RETURN(place_pack(pushing, pack, &known, err));
    FI_TRY_RETURN(
        FI_VEC_RESERVE(pushing->sent, pushing->sent_count + 1, pushing->sent_capacity, err));
    pushing->sent[pushing->sent_count++] = known.number;
    known.is_joined = true; /* for what follows in this push only its number counts */
    return fi_hash_map_insert(&share->packs, known.number, &known) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs of a remote");
}

static int
send_objects(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    const struct fi_outgoing_place place = {fi_share_note_find, share};
    fi_outgoing_destroy(pushing->outgoing);
    pushing->outgoing = NULL;
    FI_TRY_RETURN(fi_outgoing_create(share->opened.objects, &place, &pushing->outgoing, err));
    for (size_t i = 0; i < pushing->chosen_count; i++) {
        const struct chosen *chosen = &pushing->chosen[i];
        FI_TRY_RETURN(fi_outgoing_add_tree(pushing->outgoing, &chosen->root, err));
        if (chosen->has_repositories) {
            FI_TRY_RETURN(fi_outgoing_add_tree(pushing->outgoing, &chosen->repositories, err));
        }
        if (chosen->has_rules) {
            FI_TRY_RETURN(fi_outgoing_add_content(pushing->outgoing, &chosen->rules, err));
        }
    }
    return fi_outgoing_write(pushing->outgoing, pushing->stage->dir, FI_SHARE_PACK_SIZE_MAX,
                             send_pack, pushing, err);
}

/* ==== entries ==== */

static int
put_checkpoints(struct pushing *pushing, firn_error *err)
{
    struct fi_share_checkpoint entry = {.published = pushing->share->remote.state.number + 1};
    memcpy(entry.line, pushing->line.id, sizeof entry.line);
    for (size_t i = 0; i < pushing->chosen_count; i++) {
        const struct chosen *chosen = &pushing->chosen[i];
        char key[FI_SHARE_KEY_SIZE];
        entry.record = firn_bytes(pushing->bytes.data + chosen->offset, chosen->size);
        fi_buf_clear(&pushing->value);
        FI_TRY_RETURN(fi_share_entry_encode_checkpoint(&entry, &pushing->value) == FIRN_OK
                          ? FIRN_OK
                          : fi_error_no_memory(err, "a checkpoint"));
        FI_TRY_RETURN(fi_remote_table_put(
            &pushing->change->set, fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, chosen->id, key),
            fi_buf_slice(&pushing->value), 0, err));
    }
    return FIRN_OK;
}

/* Puts an entry unless the state has it so. */
static int
put_entry(struct pushing *pushing, firn_slice key, firn_slice value, firn_error *err)
{
    const struct fi_remote_item *there =
        fi_remote_table_find(&pushing->share->remote.state.entries, key);
    return there != NULL && fi_slice_equal(there->value, value)
               ? FIRN_OK
               : fi_remote_table_put(&pushing->change->set, key, value, 0, err);
}

/* "ada@laptop:project" */
static int
put_line(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    const char *slash = strrchr(share->ws->place.root, '/');
    const char *base = slash != NULL && slash[1] != '\0' ? slash + 1 : "root";
    char label[FI_SHARE_BY_SIZE + 80];
    char key[FI_SHARE_KEY_SIZE];
    (void)snprintf(label, sizeof label, "%s:%.64s", share->by, base);
    for (char *at = label; *at != '\0'; at++) {
        *at = (char)(fi_share_is_graphic(*at) ? *at : '_');
    }
    fi_buf_clear(&pushing->value);
    if (fi_buf_append_u8(&pushing->value, FORMAT) != FIRN_OK ||
        fi_buf_append_str(&pushing->value, label) != FIRN_OK) {
        return fi_error_no_memory(err, "a line");
    }
    firn_slice name = fi_share_entry_key(FI_SHARE_ENTRY_LINE, pushing->line.id, key);
    return fi_remote_table_find(&share->remote.state.entries, name) != NULL
               ? FIRN_OK
               : fi_remote_table_put(&pushing->change->set, name, fi_buf_slice(&pushing->value), 0,
                                     err);
}

/* The key of a tag: "tag/<line>/<name>". */
static int
make_tag_key(const struct pushing *pushing, firn_slice name, struct fi_buf *out, firn_error *err)
{
    char prefix[FI_SHARE_KEY_SIZE];
    fi_buf_clear(out);
    if (fi_buf_append_slice(
            out, fi_share_entry_key(FI_SHARE_ENTRY_TAG, pushing->line.id, prefix)) != FIRN_OK ||
        fi_buf_append_u8(out, '/') != FIRN_OK || fi_buf_append_slice(out, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a tag");
    }
    return FIRN_OK;
}

static int
put_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct pushing *pushing = ctx;
    char checkpoint[FI_SHARE_KEY_SIZE];
    uint8_t value[TAG_VALUE_SIZE] = {FORMAT};
    firn_slice key = fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, tag->id, checkpoint);
    if (fi_remote_table_find(&pushing->share->remote.state.entries, key) == NULL &&
        fi_remote_table_find(&pushing->change->set, key) == NULL) {
        return FIRN_OK; /* of a checkpoint that is not there */
    }
    memcpy(value + 1, tag->id, sizeof tag->id);
    fi_store_le64(value + 1 + sizeof tag->id, (uint64_t)tag->created_ns);
    FI_TRY_RETURN(make_tag_key(pushing, name, &pushing->value, err));
    return put_entry(pushing, fi_buf_slice(&pushing->value), firn_bytes(value, sizeof value), err);
}

/* Tags that the workspace does not have any more. */
static int
remove_tags(struct pushing *pushing, firn_error *err)
{
    struct fi_ws_opened *opened = &pushing->share->opened;
    const struct fi_remote_table *entries = &pushing->share->remote.state.entries;
    FI_TRY_RETURN(make_tag_key(pushing, firn_bytes(NULL, 0), &pushing->value, err));
    const size_t prefix_size = pushing->value.size;
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice key = entries->items[i].key;
        struct fi_catalog_tags_tag tag;
        if (key.size <= prefix_size || memcmp(key.data, pushing->value.data, prefix_size) != 0) {
            continue;
        }
        firn_slice name = firn_bytes(key.data + prefix_size, key.size - prefix_size);
        int rc = fi_catalog_tags_find(opened->catalog, opened->workspace.number, name, &tag, err);
        if (rc == FIRN_NOT_FOUND) {
            rc = fi_remote_table_put(&pushing->change->removed, key, firn_bytes(NULL, 0), 0, err);
        }
        FI_TRY_RETURN(rc);
    }
    return FIRN_OK;
}

/* ==== the plan ==== */

static void
count_inline(struct pushing *pushing)
{
    const struct fi_hash_map *packs = &pushing->share->packs;
    pushing->inline_bytes = 0;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        pushing->inline_bytes += pack->is_inline ? pack->size_bytes : 0;
    }
}

static bool
is_upload(const struct pushing *pushing, const struct fi_share_pack *pack)
{
    return !pack->is_joined && !pack->is_inline &&
           fi_remote_table_find(&pushing->share->remote.uploads, pack->name) != NULL;
}

/* An upload may have taken the place of packs that the state still names: small ones that were
 * joined, or some that were written anew. */
static int
remove_replaced(struct pushing *pushing, const struct fi_share_pack *by, firn_error *err)
{
    const struct fi_hash_map *packs = &pushing->share->packs;
    for (size_t at = 0; at < by->joined.size; at += sizeof(uint64_t)) {
        const uint64_t number = fi_load_le64(by->joined.data + at);
        const struct fi_share_pack *pack = fi_hash_map_find(packs, number, &number);
        if (pack != NULL && !pack->is_joined && !is_upload(pushing, pack) &&
            pack->object_count <= by->object_count) {
            FI_TRY_RETURN(fi_share_pack_remove(pack, pushing->change, err));
        }
    }
    return FIRN_OK;
}

/* What was put and no state names is named now: this push needs it, or an earlier one did. */
static int
put_uploads(struct pushing *pushing, firn_error *err)
{
    const struct fi_remote_table *uploads = &pushing->share->remote.uploads;
    const struct fi_hash_map *packs = &pushing->share->packs;
    for (size_t i = 0; i < uploads->count; i++) {
        FI_TRY_RETURN(fi_remote_table_put(&pushing->change->added, uploads->items[i].key,
                                          uploads->items[i].value, FI_REMOTE_LIVE, err));
    }
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        FI_TRY_RETURN(is_upload(pushing, pack) ? remove_replaced(pushing, pack, err) : FIRN_OK);
    }
    return FIRN_OK;
}

static int
plan_push(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct pushing *pushing = ctx;
    struct fi_ws_opened *opened = &pushing->share->opened;
    (void)remote;
    pushing->change = change;
    pushing->share->progress_due_ns = 0; /* so that a push of a few edits can be cancelled, too */
    FI_TRY_RETURN(fi_share_progress(pushing->share, "send", pushing->result->bytes, 0, err));
    FI_TRY_RETURN(fi_share_look(pushing->share, err));
    FI_TRY_RETURN(find_line(pushing, err));
    FI_TRY_RETURN(choose_all(pushing, err));
    count_inline(pushing);
    if (pushing->chosen_count > 0) {
        FI_TRY_RETURN(send_objects(pushing, err));
        FI_TRY_RETURN(put_checkpoints(pushing, err));
        FI_TRY_RETURN(put_line(pushing, err));
        FI_TRY_RETURN(put_uploads(pushing, err));
    }
    if (!pushing->line.is_noted && pushing->chosen_count == 0) {
        return FIRN_OK; /* there is no line */
    }
    FI_TRY_RETURN(
        fi_catalog_tags_list(opened->catalog, opened->workspace.number, put_tag, pushing, err));
    return remove_tags(pushing, err);
}

/* ==== afterwards ==== */

static int
raise_note(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    return fi_share_note_raise(ctx, hash, has, err);
}

/* The push is done, whatever happens to the notes about it. */
static int
note_pushed(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    struct fi_share_line *line = &pushing->line;
    struct fi_share_facts facts = {.workspace = share->opened.workspace.number,
                                   .packs = pushing->sent,
                                   .pack_count = pushing->sent_count};
    if (pushing->outgoing != NULL) {
        FI_TRY_RETURN(fi_outgoing_list(pushing->outgoing, raise_note, share, err));
    }
    for (size_t i = 0; i < pushing->chosen_count; i++) {
        const uint64_t order = pushing->chosen[i].order;
        line->sent = order > line->sent ? order : line->sent;
    }
    bool has_more = pushing->options->reference_count == 0 && pushing->newest > line->pushed;
    if (has_more) { /* also where all of them were pushed by name */
        line->pushed = pushing->newest;
    }
    if (pushing->chosen_count > 0 || pushing->is_line_found || (has_more && line->is_noted)) {
        facts.line = line;
    }
    facts.has_succeeded = pushing->failure.count > 0;
    return share->is_changed || facts.line != NULL || facts.has_succeeded
               ? fi_share_note_commit(share, &facts, err)
               : FIRN_OK;
}

static int
push_opened(struct pushing *pushing, firn_error *err)
{
    struct fi_share *share = pushing->share;
    if (share->opened.workspace.number == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet: save it first",
                            share->ws->place.root);
    }
    FI_TRY_RETURN(pushing->stage == &pushing->own
                      ? fi_share_stage_open(share, pushing->stage, err)
                      : fi_share_stage_assign(pushing->stage, share, err));
    FI_TRY_RETURN(fi_share_note_failure(share, &pushing->failure, err));
    FI_TRY_RETURN(fi_remote_push(&share->remote, plan_push, pushing, err));
    pushing->result->checkpoints = pushing->chosen_count;
    pushing->result->bytes += pushing->chosen_count > 0 ? share->remote.made.size : 0;
    FI_IGNORE(note_pushed(pushing, NULL));
    return FIRN_OK;
}

int
fi_share_push_once(struct firn_ws *ws, const char *name, const firn_push_options *options,
                   struct fi_share_stage *stage, firn_push_result *out, firn_error *err)
{
    struct fi_share share;
    struct pushing pushing = {.share = &share, .options = options, .result = out};
    pushing.stage = stage != NULL ? stage : &pushing.own;
    *out = (firn_push_result)FIRN_PUSH_RESULT_INIT;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    int rc = push_opened(&pushing, err);
    out->requests = share.bucket->request_count;
    fi_outgoing_destroy(pushing.outgoing);
    fi_share_stage_close(&pushing.own);
    fi_free(pushing.chosen);
    fi_free(pushing.sent);
    fi_buf_deinit(&pushing.bytes);
    fi_buf_deinit(&pushing.value);
    fi_buf_deinit(&pushing.bytes_of_pack);
    return fi_share_close(&share, rc, err);
}

int
fi_share_push(struct firn_ws *ws, const char *name, const firn_push_options *options,
              firn_push_result *out, firn_error *err)
{
    return options->automatic ? fi_share_automatic_push(ws, name, options, out, err)
                              : fi_share_push_once(ws, name, options, NULL, out, err);
}
