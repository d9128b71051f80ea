/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_log.c: what each state of a remote changed, newest first.
 *
 * States are read from the old to the new, so all are kept until the last one is read.
 */
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "share/share_internal.h"

struct change {
    firn_remote_change told; /* without texts */
    char by[FI_REMOTE_BY_SIZE_MAX + 1];
    char label[FI_SHARE_LABEL_SIZE_MAX + 1];
    size_t label_size;
};

struct logging {
    struct change *changes;
    size_t count;
    size_t capacity;
    struct fi_hash_map lines; /* of uint64_t: beginnings of their ids */
};

static bool
is_kind(const struct fi_remote_item *item, const char *kind)
{
    firn_slice rest;
    return fi_share_entry_is(item->key, kind, &rest);
}

/* The size of a pack; 0 if what the remote says of it cannot be read. */
static uint64_t
size_of(const struct fi_remote_item *item, bool is_inline)
{
    struct fi_share_pack pack;
    return fi_share_entry_decode_pack(item->value, is_inline, &pack, NULL) == FIRN_OK
               ? pack.size_bytes
               : 0;
}

/* ==== what was added ==== */

/* Counts a line, and takes the label of the first. */
static int
count_line(struct logging *logging, struct change *change, const struct fi_remote_record *record,
           const struct fi_remote_state *before, const uint8_t line[FI_SHARE_LINE_SIZE],
           firn_error *err)
{
    const uint64_t number = fi_load_le64(line);
    char key[FI_SHARE_KEY_SIZE];
    if (fi_hash_map_find(&logging->lines, number, &number) != NULL) {
        return FIRN_OK;
    }
    if (fi_hash_map_insert(&logging->lines, number, &number) == NULL) {
        return fi_error_no_memory(err, "the lines of a remote");
    }
    if (change->told.lines++ > 0) {
        return FIRN_OK;
    }
    firn_slice name = fi_share_entry_key(FI_SHARE_ENTRY_LINE, line, key);
    const struct fi_remote_item *entry = fi_remote_table_find(&record->change.set, name);
    if (entry == NULL && before != NULL) {
        entry = fi_remote_table_find(&before->entries, name);
    }
    change->label_size = fi_share_entry_label_of(entry, change->label).size;
    return FIRN_OK;
}

static int
add_checkpoint(struct logging *logging, struct change *change,
               const struct fi_remote_record *record, const struct fi_remote_state *before,
               const struct fi_remote_item *item, firn_error *err)
{
    struct fi_share_checkpoint there;
    bool is_read = fi_share_entry_decode_checkpoint(item->value, &there, NULL) == FIRN_OK;
    bool is_new = before != NULL ? fi_remote_table_find(&before->entries, item->key) == NULL
                                 : is_read && there.published == record->number;
    if (!is_new) {
        return FIRN_OK;
    }
    change->told.checkpoints++;
    return is_read ? count_line(logging, change, record, before, there.line, err) : FIRN_OK;
}

static int
add_entries(struct logging *logging, struct change *change, const struct fi_remote_record *record,
            const struct fi_remote_state *before, firn_error *err)
{
    const struct fi_remote_table *set = &record->change.set;
    fi_hash_map_clear(&logging->lines);
    for (size_t i = 0; i < set->count; i++) {
        const struct fi_remote_item *item = &set->items[i];
        if (is_kind(item, FI_SHARE_ENTRY_CHECKPOINT)) {
            FI_TRY_RETURN(add_checkpoint(logging, change, record, before, item, err));
            continue;
        }
        const struct fi_remote_item *there =
            before != NULL ? fi_remote_table_find(&before->entries, item->key) : item;
        if (is_kind(item, FI_SHARE_ENTRY_PACK) && there == NULL) {
            change->told.packs++;
            change->told.bytes += size_of(item, true);
        } else if (is_kind(item, FI_SHARE_ENTRY_TAG) &&
                   (there == NULL || !fi_slice_equal(there->value, item->value))) {
            change->told.tags++;
        }
    }
    return FIRN_OK;
}

static bool
is_live_in(const struct fi_remote_table *files, firn_slice name)
{
    const struct fi_remote_item *file = fi_remote_table_find(files, name);
    return file != NULL && file->status == FI_REMOTE_LIVE;
}

static void
add_files(struct change *change, const struct fi_remote_record *record,
          const struct fi_remote_state *before)
{
    const struct fi_remote_table *added = &record->change.added;
    for (size_t i = 0; i < added->count && before != NULL; i++) {
        const struct fi_remote_item *item = &added->items[i];
        if (item->status == FI_REMOTE_LIVE && !is_live_in(&before->files, item->key)) {
            change->told.packs++;
            change->told.bytes += size_of(item, false);
        }
    }
}

/* ==== what was removed ==== */

/* Whether an entry is not there after the state. */
static bool
is_removed(const struct fi_remote_record *record, firn_slice key)
{
    return record->is_full ? fi_remote_table_find(&record->change.set, key) == NULL
                           : fi_remote_table_find(&record->change.removed, key) != NULL;
}

static bool
is_killed(const struct fi_remote_record *record, firn_slice name)
{
    return record->is_full ? !is_live_in(&record->change.added, name)
                           : fi_remote_table_find(&record->change.killed, name) != NULL;
}

/* Small packs that a push joined into a file were not removed. */
static void
remove_all(struct change *change, const struct fi_remote_record *record,
           const struct fi_remote_state *before)
{
    firn_remote_change *told = &change->told;
    const bool may_join = told->packs > 0;
    for (size_t i = 0; i < before->entries.count; i++) {
        const struct fi_remote_item *item = &before->entries.items[i];
        if (!is_removed(record, item->key)) {
            continue;
        }
        told->removed_checkpoints += is_kind(item, FI_SHARE_ENTRY_CHECKPOINT) ? 1 : 0;
        told->tags += is_kind(item, FI_SHARE_ENTRY_TAG) ? 1 : 0;
        if (is_kind(item, FI_SHARE_ENTRY_PACK) && !may_join) {
            told->removed_packs++;
            told->removed_bytes += size_of(item, true);
        }
    }
    for (size_t i = 0; i < before->files.count; i++) {
        const struct fi_remote_item *item = &before->files.items[i];
        if (item->status == FI_REMOTE_LIVE && is_killed(record, item->key)) {
            told->removed_packs++;
            told->removed_bytes += size_of(item, false);
        }
    }
}

/* ==== all ==== */

static int
add_change(void *ctx, const struct fi_remote_record *record, const struct fi_remote_state *before,
           firn_error *err)
{
    static const struct fi_remote_state nothing = {.number = 0};
    struct logging *logging = ctx;
    before = record->number == 1 ? &nothing : before;
    FI_TRY_RETURN(FI_VEC_RESERVE(logging->changes, logging->count + 1, logging->capacity, err));
    struct change *change = &logging->changes[logging->count++];
    *change = (struct change){.told = {.state = record->number, .at_ns = record->at_ns}};
    memcpy(change->by, record->by, sizeof change->by);
    FI_TRY_RETURN(add_entries(logging, change, record, before, err));
    add_files(change, record, before);
    if (before != NULL) {
        remove_all(change, record, before);
    }
    return FIRN_OK;
}

int
fi_share_log(struct firn_ws *ws, const char *name, uint64_t limit,
             int (*visit)(void *ctx, const firn_remote_change *change), void *ctx, firn_error *err)
{
    static const firn_callbacks none = FIRN_CALLBACKS_INIT;
    struct fi_share share;
    struct logging logging = {.count = 0};
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, 0, &none, &share, err));
    fi_hash_map_init(&logging.lines, sizeof(uint64_t), fi_hash_map_first, fi_hash_map_same_number);
    int rc = fi_remote_log(&share.remote, limit, add_change, &logging, err);
    for (size_t i = logging.count; rc == FIRN_OK && i > 0; i--) {
        struct change *change = &logging.changes[i - 1];
        change->told.by = change->by;
        change->told.line = firn_bytes(change->label, change->label_size);
        rc = fi_error_stopped(err, visit(ctx, &change->told));
    }
    fi_hash_map_deinit(&logging.lines);
    fi_free(logging.changes);
    return fi_share_close(&share, rc, err);
}
