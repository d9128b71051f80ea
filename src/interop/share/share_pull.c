/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_pull.c: bringing the checkpoints that other machines have pushed.
 *
 *   1. read the newest state; which checkpoints of other lines are not here?
 *   2. fetch the packs that are not here, and take their objects in: each is compared with its name
 *      (objects_adoption.c)
 *   3. a checkpoint counts only if all that it needs is here; those that are whole become
 *      checkpoints of their lines (catalog_lines.c), in one durable commit
 *
 * A checkpoint that stands for far more than its bytes is left out (share_extent.c), unless the
 * user trusts the remote.
 *
 * A pack that is damaged, or cannot be fetched, is reported, and the others are taken; so is a
 * checkpoint that is not whole. What a pack brought that no checkpoint needs is garbage for the
 * next collection. A pull that was killed has the packs that it took in: the next one finds them by
 * their identities, looks again at what they have, and fetches the others. Of an encrypted remote
 * the store's own packs have identities of their own, so each is noted at once. That all objects of
 * a pack are here is noted at the end: some wait for those of other packs.
 *
 * The order and number of a record are those of its author's workspace, where each is given once.
 * Two checkpoints of one line with the same order are the work of somebody who means harm: the
 * first one stays (I4; not checked: the tests try it).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "bucket/bucket_fetch.h"
#include "codec/hex.h"
#include "share/share_internal.h"

enum { FREE_BYTES = 256 << 20, FACTOR = 256 };

/* A checkpoint that is to come; its record borrows from the state. */
struct coming {
    uint8_t line[FI_SHARE_LINE_SIZE];
    struct fi_catalog_record record;
    bool is_whole; /* it may get in */
};

struct pulling {
    struct fi_share *share;
    const firn_pull_options *options;
    firn_pull_result *result;
    struct fi_hash_map lines; /* share_lines.c */
    struct coming *coming;
    size_t coming_count;
    size_t coming_capacity;
    uint64_t *fetched; /* numbers of packs whose objects are here now */
    size_t fetched_count;
    size_t fetched_capacity;
    struct fi_objects_adoption *adoption;
    struct fi_bucket_fetch *fetch;
    struct fi_share_recode *recode; /* of an encrypted remote */
    struct fi_hash_map here;        /* of struct here: packs of the remote that the store has */
    uint64_t bytes_total;
    int worst; /* what could not be brought: FIRN_OK, or the code of the first */
    firn_error why;
    int left_rc; /* FIRN_OK, or that objects of the packs have no base */
    firn_error left_why;
};

/* A pack of the remote, as the store has it. */
struct here {
    uint64_t there; /* first: the number in the remote */
    struct fi_block_file_id id;
    uint64_t size_bytes;
};

/* Reports what could not be brought, and goes on; only some failures end the pull. */
static int
report(struct pulling *pulling, int rc, const firn_error *why, firn_error *err)
{
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc != FIRN_CORRUPT && rc != FIRN_NOT_FOUND && rc != FIRN_LIMIT && rc != FIRN_NEWER) {
        fi_error_copy(err, why);
        return rc;
    }
    fi_ws_report_damage(pulling->share->callbacks, why->text);
    if (pulling->worst == FIRN_OK) {
        pulling->worst = rc == FIRN_NOT_FOUND ? FIRN_CORRUPT : rc;
        pulling->why = *why;
        pulling->why.code = pulling->worst;
    }
    return FIRN_OK;
}

/* ==== which checkpoints ==== */

static int
is_here(struct pulling *pulling, const struct coming *coming, bool *out, firn_error *err)
{
    const uint32_t workspace = fi_share_lines_find(&pulling->lines, coming->line);
    struct fi_catalog_record there;
    struct fi_buf bytes = {0};
    *out = false;
    if (workspace == 0) {
        return FIRN_OK;
    }
    int rc = fi_catalog_get(pulling->share->opened.catalog, workspace, coming->record.order, &bytes,
                            &there, err);
    *out = rc == FIRN_OK; /* (I4) */
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
check_record(const struct coming *coming, firn_slice digits, firn_error *err)
{
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    const struct fi_catalog_record *record = &coming->record;
    bool is_named = digits.size == 2 * sizeof id &&
                    fi_hex_decode((const char *)digits.data, id, sizeof id) &&
                    memcmp(id, record->id, sizeof id) == 0;
    return fi_share_entry_check_record(is_named ? record : NULL, err);
}

static int
consider(struct pulling *pulling, firn_slice value, firn_slice digits, firn_error *err)
{
    struct fi_share_checkpoint entry;
    struct coming coming = {.is_whole = false};
    bool is_known;
    FI_TRY_RETURN(fi_share_entry_decode_checkpoint(value, &entry, err));
    memcpy(coming.line, entry.line, sizeof coming.line);
    FI_TRY_RETURN(fi_share_note_is_own(pulling->share, entry.line, &is_known, err));
    if (is_known) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_catalog_record_decode(entry.record, &coming.record, err));
    FI_TRY_RETURN(check_record(&coming, digits, err));
    FI_TRY_RETURN(is_here(pulling, &coming, &is_known, err));
    if (is_known) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(
        FI_VEC_RESERVE(pulling->coming, pulling->coming_count + 1, pulling->coming_capacity, err));
    pulling->coming[pulling->coming_count++] = coming;
    return FIRN_OK;
}

static int
choose_coming(struct pulling *pulling, firn_error *err)
{
    const struct fi_remote_table *entries = &pulling->share->remote.state.entries;
    FI_TRY_RETURN(fi_share_lines_load(pulling->share, &pulling->lines, err));
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice digits;
        firn_error why;
        if (fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &digits)) {
            int rc = consider(pulling, entries->items[i].value, digits, &why);
            pulling->result->skipped += rc == FIRN_OK ? 0 : 1;
            FI_TRY_RETURN(report(pulling, rc, &why, err));
        }
    }
    return FIRN_OK;
}

/* ==== packs ==== */

static int
note_fetched(struct pulling *pulling, uint64_t number, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(pulling->fetched, pulling->fetched_count + 1,
                                 pulling->fetched_capacity, err));
    pulling->fetched[pulling->fetched_count++] = number;
    return FIRN_OK;
}

static int
pack_added(void *ctx, uint64_t number, int rc, const firn_error *why, firn_error *err)
{
    struct pulling *pulling = ctx;
    const struct fi_share_pack *pack = fi_hash_map_find(&pulling->share->packs, number, &number);
    CHECK(pack != NULL);
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        firn_error named = *why;
        fi_error_prefix(&named, "a pack of the remote, %.*s", (int)pack->name.size,
                        (const char *)pack->name.data);
        return report(pulling, rc, &named, err);
    }
    if (rc == FIRN_OK && pulling->recode != NULL) { /* even if this pull is killed */
        FI_TRY_RETURN(fi_share_note_renumbered(pulling->share, number, pulling->recode, err));
    }
    /* And those whose place it took: one that takes its place in turn is not fetched. */
    for (size_t at = 0; at < pack->joined.size; at += sizeof number) {
        FI_TRY_RETURN(note_fetched(pulling, fi_load_le64(pack->joined.data + at), err));
    }
    return note_fetched(pulling, number, err);
}

static int
adoption_tick(void *ctx, uint64_t bytes, firn_error *err)
{
    struct pulling *pulling = ctx;
    (void)bytes;
    return fi_share_progress(pulling->share, "verify", pulling->result->bytes, pulling->bytes_total,
                             err);
}

static int
fetch_tick(void *ctx, uint64_t bytes, firn_error *err)
{
    struct pulling *pulling = ctx;
    pulling->result->bytes += bytes;
    return fi_share_progress(pulling->share, "fetch", pulling->result->bytes, pulling->bytes_total,
                             err);
}

/* The bytes of a pack that is a file, into the file that the adoption gave. */
static int
fetch_file(struct pulling *pulling, const struct fi_share_pack *pack, struct fi_os_file *file,
           firn_error *err)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    fi_share_entry_pack_name(pack, name);
    int rc = fi_bucket_fetch_object(pulling->fetch, name, pack->size_bytes, file, err);
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "a pack of the remote");
    }
    return rc;
}

static int
fetch_bytes(struct pulling *pulling, const struct fi_share_pack *pack, struct fi_os_file *file,
            firn_error *err)
{
    if (!pack->is_inline) {
        return fetch_file(pulling, pack, file, err);
    }
    pulling->result->bytes += pack->bytes.size;
    return fi_os_file_write(file, 0, pack->bytes.data, pack->bytes.size, err);
}

/* The number by which the remote knows a pack of this store. */
static int
number_there(const struct pulling *pulling, const struct fi_objects_index_pack *pack, uint64_t *out,
             firn_error *err)
{
    const uint64_t here = fi_share_pack_number(pack->id.bytes);
    size_t count;
    const struct fi_share_renumbered *numbers = fi_share_recode_numbers(pulling->recode, &count);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i].here == here) {
            *out = numbers[i].there; /* it was brought just now */
            return FIRN_OK;
        }
    }
    return fi_share_note_number(pulling->share, here, out, err);
}

/* Which packs of the remote the store has; of an encrypted one under other identities. */
static int
find_here(struct pulling *pulling, firn_error *err)
{
    const struct fi_objects *objects = pulling->share->opened.objects;
    fi_hash_map_clear(&pulling->here);
    for (size_t i = 0; i < fi_objects_pack_count(objects); i++) {
        const struct fi_objects_index_pack *pack = fi_objects_pack_at(objects, i);
        struct here here = {.there = fi_share_pack_number(pack->id.bytes),
                            .id = pack->id,
                            .size_bytes = pack->size_bytes};
        if (pulling->recode != NULL) {
            FI_TRY_RETURN(number_there(pulling, pack, &here.there, err));
        }
        if (fi_hash_map_find(&pulling->here, here.there, &here.there) == NULL &&
            fi_hash_map_insert(&pulling->here, here.there, &here) == NULL) {
            return fi_error_no_memory(err, "the packs of a remote");
        }
    }
    return FIRN_OK;
}

/* An earlier pull may have been killed, or a collection may have taken entries away. */
static int
take_again(struct pulling *pulling, const struct fi_share_pack *pack, bool *out_has,
           firn_error *err)
{
    const struct here *here = fi_hash_map_find(&pulling->here, pack->number, &pack->number);
    *out_has = false;
    if (here == NULL ||
        (pulling->recode == NULL && memcmp(&here->id, &pack->id, sizeof pack->id) != 0)) {
        return FIRN_OK;
    }
    fi_objects_adoption_allow(pulling->adoption, FACTOR * here->size_bytes);
    return fi_objects_adoption_again(pulling->adoption, &here->id, pack->number, out_has, err);
}

/* The file of a pack is missing or too short: the others are fetched. */
static int
fetch_pack(struct pulling *pulling, const struct fi_share_pack *pack, firn_error *err)
{
    struct fi_os_file *file;
    struct fi_os_file *fetched;
    struct fi_block_file_id id = pack->id;
    firn_error why;
    int rc;
    FI_TRY_RETURN(fi_objects_adoption_file(pulling->adoption, &file, err));
    if (pulling->recode != NULL) {
        const uint64_t most =
            pulling->options->trust ? UINT64_MAX / 2 : FREE_BYTES + FACTOR * pack->size_bytes;
        FI_TRY_RETURN(fi_share_recode_file(pulling->recode, &fetched, err));
        rc = fetch_bytes(pulling, pack, fetched, &why);
        rc = rc == FIRN_OK ? fi_share_recode(pulling->recode, pack, most, file, &id, &why) : rc;
    } else {
        rc = fetch_bytes(pulling, pack, file, &why);
    }
    if (rc != FIRN_OK) {
        return report(pulling, rc, &why, err);
    }
    /* As much as it really has, whatever the remote says. */
    fi_objects_adoption_allow(pulling->adoption, FACTOR * pack->size_bytes);
    return fi_objects_adoption_add(pulling->adoption, &id, pack->number, err);
}

/* Whether a pack has to be fetched; `again`: what the notes say does not count. */
static int
is_wanted(struct pulling *pulling, const struct fi_share_pack *pack, bool again, bool *out,
          firn_error *err)
{
    struct fi_share *share = pulling->share;
    bool is_there = false;
    if (!pack->is_joined && !again) {
        FI_TRY_RETURN(fi_share_note_has_pack(share, pack->number, &is_there, err));
        bool has_parts = pack->joined.size > 0; /* all that it took the place of is here */
        for (size_t at = 0; !is_there && has_parts && at < pack->joined.size; at += 8) {
            uint64_t part = fi_load_le64(pack->joined.data + at);
            FI_TRY_RETURN(fi_share_note_has_pack(share, part, &has_parts, err));
        }
        if (!is_there && has_parts) { /* for another one that takes its place in turn */
            is_there = true;
            FI_TRY_RETURN(note_fetched(pulling, pack->number, err));
        }
    }
    *out = !pack->is_joined && !is_there;
    return FIRN_OK;
}

static int
count_packs(struct pulling *pulling, bool again, firn_error *err)
{
    const struct fi_hash_map *packs = &pulling->share->packs;
    pulling->bytes_total = 0;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        bool wanted;
        FI_TRY_RETURN(is_wanted(pulling, pack, again, &wanted, err));
        pulling->bytes_total += wanted ? pack->size_bytes : 0;
    }
    return FIRN_OK;
}

static int
fetch_all(struct pulling *pulling, bool again, firn_error *err)
{
    const struct fi_hash_map *packs = &pulling->share->packs;
    firn_error why;
    FI_TRY_RETURN(count_packs(pulling, again, err));
    if (pulling->share->keyring != NULL && pulling->recode == NULL) {
        FI_TRY_RETURN(fi_share_recode_open(pulling->share, &pulling->recode, err));
    }
    FI_TRY_RETURN(find_here(pulling, err));
    const struct fi_objects_adoption_options adoption = {
        .bytes_max = pulling->options->trust ? UINT64_MAX / 2 : FREE_BYTES,
        .threads = pulling->options->threads,
        .tick = adoption_tick,
        .added = pack_added,
        .ctx = pulling};
    FI_TRY_RETURN(fi_objects_adoption_begin(pulling->share->opened.objects, &adoption,
                                            &pulling->adoption, err));
    FI_TRY_RETURN(fi_bucket_fetch_create(pulling->share->ws->os, pulling->share->bucket, fetch_tick,
                                         pulling, &pulling->fetch, err));
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        bool wanted;
        bool has_it = false;
        FI_TRY_RETURN(is_wanted(pulling, pack, again, &wanted, err));
        FI_TRY_RETURN(wanted ? take_again(pulling, pack, &has_it, err) : FIRN_OK);
        FI_TRY_RETURN(wanted && !has_it ? fetch_pack(pulling, pack, err) : FIRN_OK);
    }
    fi_bucket_fetch_destroy(pulling->fetch);
    pulling->fetch = NULL;
    int rc = fi_objects_adoption_finish(pulling->adoption, &why);
    fi_objects_adoption_end(pulling->adoption);
    pulling->adoption = NULL;
    /* Perhaps nothing needs what is left: the base of a delta may have gone with a checkpoint. */
    pulling->left_rc = rc == FIRN_CORRUPT ? rc : FIRN_OK;
    pulling->left_why = why;
    return rc == FIRN_CORRUPT ? FIRN_OK : report(pulling, rc, &why, err);
}

/* ==== whether they are whole ==== */

static int
walk(struct fi_outgoing *outgoing, const struct fi_catalog_record *record, firn_error *err)
{
    FI_TRY_RETURN(fi_outgoing_add_tree(outgoing, &record->root.hash, err));
    if (record->has_repositories) {
        FI_TRY_RETURN(fi_outgoing_add_tree(outgoing, &record->repositories, err));
    }
    return record->has_rules ? fi_outgoing_add_content(outgoing, &record->rules, err) : FIRN_OK;
}

/* They are in the order of their numbers. */
const struct fi_objects_index_pack *
fi_share_pull_find_pack(const struct fi_objects *objects, uint32_t number)
{
    size_t first = 0;
    size_t end = fi_objects_pack_count(objects);
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        const struct fi_objects_index_pack *pack = fi_objects_pack_at(objects, middle);
        if (pack->number == number) {
            return pack;
        }
        first = pack->number < number ? middle + 1 : first;
        end = pack->number < number ? end : middle;
    }
    return NULL;
}

/* Notes which pack of the remote has an object, by the pack in which it is here. Not more: what it
 * names may be here from elsewhere, and the next push finds out whether the remote has it. */
static int
note_whole(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    (void)has;
    struct pulling *pulling = ctx;
    struct fi_share *share = pulling->share;
    struct fi_objects *objects = share->opened.objects;
    struct fi_objects_place place;
    FI_TRY_RETURN(fi_objects_index_find(objects, hash, &place, err));
    const struct fi_objects_index_pack *pack = fi_share_pull_find_pack(objects, place.pack);
    uint64_t number = 0;
    if (pack != NULL) {
        FI_TRY_RETURN(number_there(pulling, pack, &number, err));
    }
    const struct fi_share_note note = {.hash = *hash,
                                       .pack = number,
                                       .epoch = share->epoch,
                                       .level = FI_OUTGOING_PRESENT,
                                       .is_whole = !fi_pack_kind_is_named(place.at.kind)};
    return fi_hash_map_find(&share->packs, note.pack, &note.pack) != NULL
               ? fi_share_note_put(share, &note, err)
               : FIRN_OK;
}

/* Looks at all checkpoints at once, which is what mostly succeeds; then at each by itself. */
static int
find_whole(struct pulling *pulling, size_t first, size_t count, bool *out_are_whole,
           firn_error *err)
{
    struct fi_share *share = pulling->share;
    struct fi_outgoing *outgoing = NULL;
    firn_error why;
    int rc;
    *out_are_whole = false;
    FI_TRY(fi_outgoing_create(share->opened.objects, &fi_outgoing_nowhere, &outgoing, err));
    for (size_t i = first; i < first + count; i++) {
        rc = walk(outgoing, &pulling->coming[i].record, &why);
        if (rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND) {
            rc = FIRN_OK;
            goto out;
        }
        if (rc != FIRN_OK) {
            fi_error_copy(err, &why);
            goto out;
        }
    }
    for (size_t i = first; i < first + count; i++) {
        pulling->coming[i].is_whole = true;
    }
    *out_are_whole = true;
    rc = fi_outgoing_list(outgoing, note_whole, pulling, err);
out:
    fi_outgoing_destroy(outgoing);
    return rc;
}

static int
skip_broken(struct pulling *pulling, firn_error *err)
{
    for (size_t i = 0; i < pulling->coming_count; i++) {
        bool is_whole;
        char id[FIRN_CHECKPOINT_ID_SIZE];
        firn_error why;
        FI_TRY_RETURN(find_whole(pulling, i, 1, &is_whole, err));
        if (!is_whole) {
            fi_catalog_record_id_text(pulling->coming[i].record.id, id);
            int rc = fi_error_set(&why, FIRN_CORRUPT,
                                  "checkpoint %.12s of the remote is not whole: something that it "
                                  "needs is damaged or missing there",
                                  id);
            pulling->result->skipped++;
            FI_TRY_RETURN(report(pulling, rc, &why, err));
        }
    }
    return FIRN_OK;
}

/* ==== whether they are more than their bytes ==== */

static int
report_heavy(struct pulling *pulling, const struct coming *coming, firn_error *err)
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_error why;
    fi_catalog_record_id_text(coming->record.id, id);
    int rc = fi_error_set(&why, FIRN_LIMIT,
                          "checkpoint %.12s of the remote stands for far more files than its bytes "
                          "account for, and was left out; if you trust who pushed it, pull with "
                          "--trust",
                          id);
    pulling->result->skipped++;
    return report(pulling, rc, &why, err);
}

static int
skip_heavy(struct pulling *pulling, firn_error *err)
{
    struct fi_share_extent *extent = NULL;
    int rc;
    FI_TRY(fi_share_extent_open(pulling->share, &extent, err));
    for (size_t i = 0; i < pulling->coming_count; i++) {
        struct coming *coming = &pulling->coming[i];
        firn_error why;
        if (!pulling->coming[i].is_whole) {
            continue;
        }
        rc = fi_share_extent_check(extent, coming->line, &coming->record.root.hash, &why);
        if (rc == FIRN_OK && coming->record.has_repositories) {
            rc = fi_share_extent_check(extent, coming->line, &coming->record.repositories, &why);
        }
        if (rc == FIRN_LIMIT) {
            coming->is_whole = false;
            rc = report_heavy(pulling, coming, err);
        } else if (rc != FIRN_OK) {
            fi_error_copy(err, &why);
        }
        FI_TRY(rc);
    }
out:
    fi_share_extent_close(extent);
    return rc;
}

/* ==== entering them ==== */

static int
compare_coming(const void *a, const void *b)
{
    const struct coming *left = *(struct coming *const *)a;
    const struct coming *right = *(struct coming *const *)b;
    int order = memcmp(left->line, right->line, sizeof left->line);
    return order != 0 ? order
                      : (left->record.order > right->record.order) -
                            (left->record.order < right->record.order);
}

struct entering {
    struct coming **order; /* all of them, by lines */
    struct firn_db_batch *batch;
    struct fi_buf root;
    struct fi_buf record;
    struct fi_catalog_workspace line;
};

static int
enter_one(struct pulling *pulling, struct entering *entering, const struct coming *coming,
          firn_error *err)
{
    struct fi_catalog *catalog = pulling->share->opened.catalog;
    struct fi_catalog_record record = coming->record;
    record.workspace_path = fi_buf_slice(&entering->root);
    fi_buf_clear(&entering->record);
    if (fi_catalog_record_encode(&record, &entering->record) != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint");
    }
    FI_TRY_RETURN(fi_catalog_put(catalog, entering->batch, entering->line.number, record.order,
                                 fi_buf_slice(&entering->record), err));
    if (record.order >= entering->line.next_order) {
        entering->line.next_order = record.order + 1;
    }
    if (record.number >= entering->line.next_number) {
        entering->line.next_number = record.number + 1;
    }
    pulling->result->checkpoints++;
    return FIRN_OK;
}

static int
report_second(struct pulling *pulling, const struct coming *coming, firn_error *err)
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_error why;
    fi_catalog_record_id_text(coming->record.id, id);
    int rc = fi_error_set(&why, FIRN_CORRUPT,
                          "checkpoint %.12s of the remote has the place of another one", id);
    pulling->result->skipped++;
    return report(pulling, rc, &why, err);
}

/* The checkpoints of one line, from the i-th on; *i is the first of the next. */
static int
enter_line(struct pulling *pulling, struct entering *entering, size_t *i, firn_error *err)
{
    struct fi_share *share = pulling->share;
    const struct coming *first = entering->order[*i];
    char label[FI_SHARE_LABEL_SIZE_MAX + 1];
    uint64_t last = 0;
    bool has_any = false;
    for (; *i < pulling->coming_count &&
           memcmp(entering->order[*i]->line, first->line, sizeof first->line) == 0;
         ++*i) {
        const struct coming *coming = entering->order[*i];
        if (!coming->is_whole) {
            continue;
        }
        if (coming->record.order == last) { /* (I4) */
            FI_TRY_RETURN(report_second(pulling, coming, err));
            continue;
        }
        if (!has_any) {
            FI_TRY_RETURN(fi_catalog_lines_open(share->opened.catalog, share->name.name,
                                                first->line,
                                                fi_share_entry_label(share, first->line, label),
                                                &entering->root, &entering->line, err));
            has_any = true;
            pulling->result->lines++;
        }
        FI_TRY_RETURN(enter_one(pulling, entering, coming, err));
        last = coming->record.order;
    }
    return has_any ? fi_catalog_workspaces_put(share->opened.catalog, entering->batch,
                                               fi_buf_slice(&entering->root), &entering->line, err)
                   : FIRN_OK;
}

static int
enter_all(struct pulling *pulling, firn_error *err)
{
    const size_t count = pulling->coming_count;
    struct entering entering = {.order = fi_alloc_array(count, sizeof(void *))};
    int rc;
    if (entering.order == NULL) {
        rc = fi_error_no_memory(err, "the checkpoints to pull");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        entering.order[i] = &pulling->coming[i];
    }
    fi_sort(entering.order, count, sizeof(void *), compare_coming);
    FI_TRY(fi_db_batch_create(&entering.batch, err));
    for (size_t i = 0; i < count;) {
        FI_TRY(enter_line(pulling, &entering, &i, err));
    }
    if (fi_db_batch_count(entering.batch) > 0) {
        rc = fi_db_write(pulling->share->opened.db, entering.batch, FIRN_DURABILITY_FULL, err);
    }
out:
    fi_free(entering.order);
    fi_db_batch_destroy(entering.batch);
    fi_buf_deinit(&entering.root);
    fi_buf_deinit(&entering.record);
    return rc;
}

/* ==== all ==== */

static int
bring(struct pulling *pulling, firn_error *err)
{
    bool are_whole;
    FI_TRY_RETURN(report(pulling, pulling->share->packs_rc, &pulling->share->packs_why, err));
    FI_TRY_RETURN(fetch_all(pulling, false, err));
    FI_TRY_RETURN(find_whole(pulling, 0, pulling->coming_count, &are_whole, err));
    if (!are_whole) { /* a collection may have taken what a pack had brought */
        FI_TRY_RETURN(fetch_all(pulling, true, err));
        FI_TRY_RETURN(find_whole(pulling, 0, pulling->coming_count, &are_whole, err));
    }
    if (!are_whole) {
        FI_TRY_RETURN(report(pulling, pulling->left_rc, &pulling->left_why, err));
        FI_TRY_RETURN(skip_broken(pulling, err));
    }
    if (!pulling->options->trust) {
        FI_TRY_RETURN(skip_heavy(pulling, err));
    }
    return enter_all(pulling, err);
}

static int
pull_opened(struct pulling *pulling, firn_error *err)
{
    struct fi_share *share = pulling->share;
    FI_TRY_RETURN(fi_remote_sync(&share->remote, err));
    FI_TRY_RETURN(fi_share_look(share, err));
    FI_TRY_RETURN(choose_coming(pulling, err));
    if (pulling->coming_count > 0) {
        FI_TRY_RETURN(bring(pulling, err));
    }
    FI_TRY_RETURN(fi_share_tags_bring(share, err));
    struct fi_share_facts facts = {.packs = pulling->fetched, .pack_count = pulling->fetched_count};
    if (share->is_changed || pulling->fetched_count > 0) {
        FI_TRY_RETURN(fi_share_note_write(share, share->opened.db, &facts, err));
    }
    if (pulling->worst != FIRN_OK) {
        fi_error_copy(err, &pulling->why);
    }
    return pulling->worst;
}

int
fi_share_pull(struct firn_ws *ws, const char *name, const firn_pull_options *options,
              firn_pull_result *out, firn_error *err)
{
    struct fi_share share;
    struct pulling pulling = {.share = &share, .options = options, .result = out};
    *out = (firn_pull_result)FIRN_PULL_RESULT_INIT;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_WRITE, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    fi_share_lines_init(&pulling.lines);
    fi_hash_map_init(&pulling.here, sizeof(struct here), fi_hash_map_first,
                     fi_hash_map_same_number);
    int rc = pull_opened(&pulling, err);
    out->requests = share.bucket->request_count;
    fi_bucket_fetch_destroy(pulling.fetch);
    fi_objects_adoption_end(pulling.adoption);
    fi_share_recode_close(pulling.recode);
    fi_hash_map_deinit(&pulling.lines);
    fi_hash_map_deinit(&pulling.here);
    fi_free(pulling.coming);
    fi_free(pulling.fetched);
    return fi_share_close(&share, rc, err);
}
