/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_state.c: applies changes to a state, and the bytes of a state.
 *
 *   line     {"firn":"state","n":42,"prev":"...","by":"...","at":1700000000,"nonce":"..."} and a
 *            newline: for people; firn does not read it
 *   body     version u8 = 1 | flags u8 (1: full) | number | prev | nonce | at i64 | by (sized)
 *            | six lists: set, removed, added, doomed, killed, gone
 *   list     count | each: key (sized) [| value (sized)] [| status u8, in "added"]
 *   trailer  BLAKE3-256 of all before it
 *
 * Numbers are varints unless said otherwise; keys of a list are in ascending order. A list needs
 * some bytes for each item, and an item in memory needs more: so the number of items is bounded,
 * too.
 *
 * (M3) For a change of a state, a sum says whether what follows can be too large: what is there and
 * what is added. Only if it can is the state after the change made, and measured.
 */
#include "remote/remote_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "bucket/bucket.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"

/* HEAD_SIZE_MAX: of all in a full state but its items. */
enum { VERSION = 1, FLAG_FULL = 1, LINE_SIZE_MAX = 2048, HEAD_SIZE_MAX = 4096 };
enum { RECORD_ITEMS_MAX = 2 * FI_REMOTE_ITEMS_MAX };

void
fi_remote_state_deinit(struct fi_remote_state *state)
{
    fi_remote_table_deinit(&state->entries);
    fi_remote_table_deinit(&state->files);
    memset(state, 0, sizeof *state);
}

void
fi_remote_state_change_clear(struct fi_remote_change *change)
{
    fi_remote_table_deinit(&change->set);
    fi_remote_table_deinit(&change->removed);
    fi_remote_table_deinit(&change->added);
    fi_remote_table_deinit(&change->doomed);
    fi_remote_table_deinit(&change->killed);
    fi_remote_table_deinit(&change->gone);
}

bool
fi_remote_state_change_is_empty(const struct fi_remote_change *change)
{
    return change->set.count == 0 && change->removed.count == 0 && change->added.count == 0 &&
           change->doomed.count == 0 && change->killed.count == 0 && change->gone.count == 0;
}

void
fi_remote_state_record_deinit(struct fi_remote_record *record)
{
    fi_remote_state_change_clear(&record->change);
}

/* ==== limits ==== */

/* What a full state needs. */
struct extent {
    uint64_t bytes;
    uint64_t items;
};

static uint64_t
sized_size(firn_slice bytes)
{
    return fi_varint_size(bytes.size) + bytes.size;
}

static void
add_item(struct extent *extent, const struct fi_remote_item *item)
{
    /* An entry has no status, which is a byte more than it needs. */
    extent->bytes += sized_size(item->key) + sized_size(item->value) + 1;
    extent->items++;
}

static void
add_items(struct extent *extent, const struct fi_remote_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        add_item(extent, &table->items[i]);
    }
}

static struct extent
extent_of(const struct fi_remote_state *state)
{
    struct extent extent = {.bytes = HEAD_SIZE_MAX};
    add_items(&extent, &state->entries);
    add_items(&extent, &state->files);
    return extent;
}

/* Of entries and files that are LIVE. */
static struct extent
live_extent_of(const struct fi_remote_state *state)
{
    struct extent extent = {.bytes = HEAD_SIZE_MAX};
    add_items(&extent, &state->entries);
    for (size_t i = 0; i < state->files.count; i++) {
        if (state->files.items[i].status == FI_REMOTE_LIVE) {
            add_item(&extent, &state->files.items[i]);
        }
    }
    return extent;
}

static bool
is_within(const struct extent *extent, bool has_reserve)
{
    return extent->bytes <= FI_REMOTE_STATE_SIZE_MAX - (has_reserve ? FI_REMOTE_SIZE_RESERVE : 0) &&
           extent->items <=
               (uint64_t)FI_REMOTE_ITEMS_MAX - (has_reserve ? FI_REMOTE_ITEMS_RESERVE : 0);
}

/* ==== applying ==== */

/* (M1): no file that is dead is added. */
static int
check_added(const struct fi_remote_state *state, const struct fi_remote_record *record,
            firn_error *err)
{
    for (size_t i = 0; i < record->change.added.count; i++) {
        firn_slice name = record->change.added.items[i].key;
        const struct fi_remote_item *known = fi_remote_table_find(&state->files, name);
        if (known != NULL && known->status == FI_REMOTE_DEAD) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "state %" PRIu64 " of the remote uses a file that is dead: %.*s",
                                record->number, (int)name.size, (const char *)name.data);
        }
    }
    return FIRN_OK;
}

static int
apply_change(struct fi_remote_state *state, const struct fi_remote_record *record, firn_error *err)
{
    const struct fi_remote_change *change = &record->change;
    FI_TRY_RETURN(check_added(state, record, err));
    FI_TRY_RETURN(fi_remote_table_put_all(&state->entries, &change->set, false, err));
    fi_remote_table_remove_all(&state->entries, &change->removed, 0);
    FI_TRY_RETURN(fi_remote_table_put_all(&state->files, &change->added, false, err));
    FI_TRY_RETURN(fi_remote_table_put_all(&state->files, &change->doomed, true, err));
    for (size_t i = 0; i < change->killed.count; i++) {
        struct fi_remote_item *file =
            fi_remote_table_find(&state->files, change->killed.items[i].key);
        if (file != NULL) {
            file->status = FI_REMOTE_DEAD;
        }
    }
    fi_remote_table_remove_all(&state->files, &change->gone, FI_REMOTE_DEAD);
    return FIRN_OK;
}

/* Without limits. */
static int
apply(struct fi_remote_state *state, const struct fi_remote_record *record, firn_error *err)
{
    if (record->is_full) {
        fi_remote_table_clear(&state->entries);
        fi_remote_table_clear(&state->files);
    } else if (record->number != state->number + 1 ||
               memcmp(record->prev, state->nonce, sizeof state->nonce) != 0) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "state %" PRIu64 " of the remote does not follow state %" PRIu64,
                            record->number, state->number);
    }
    FI_TRY_RETURN(apply_change(state, record, err));
    state->number = record->number;
    memcpy(state->nonce, record->nonce, sizeof state->nonce);
    return FIRN_OK;
}

int
fi_remote_state_apply(struct fi_remote_state *state, const struct fi_remote_record *record,
                      firn_error *err)
{
    FI_TRY_RETURN(apply(state, record, err));
    const struct extent extent = extent_of(state);
    if (!is_within(&extent, false)) { /* (M3) */
        return fi_error_set(err, FIRN_CORRUPT,
                            "state %" PRIu64 " of the remote has more than a remote may have",
                            record->number);
    }
    return FIRN_OK;
}

/* ==== bytes ==== */

struct put {
    struct fi_buf *out;
    int rc;
};

static void
put_number(struct put *put, uint64_t number)
{
    put->rc = put->rc == FIRN_OK ? fi_buf_append_varint(put->out, number) : put->rc;
}

static void
put_bytes(struct put *put, const void *data, size_t size)
{
    put->rc = put->rc == FIRN_OK ? fi_buf_append(put->out, data, size) : put->rc;
}

static void
put_sized(struct put *put, firn_slice bytes)
{
    put->rc = put->rc == FIRN_OK ? fi_buf_append_sized(put->out, bytes) : put->rc;
}

static void
put_list(struct put *put, const struct fi_remote_table *table, bool has_value, bool has_status)
{
    put_number(put, table->count);
    for (size_t i = 0; i < table->count; i++) {
        const struct fi_remote_item *item = &table->items[i];
        put_sized(put, item->key);
        if (has_value) {
            put_sized(put, item->value);
        }
        if (has_status) {
            put_bytes(put, &item->status, 1);
        }
    }
}

/* The line for people. A byte that JSON or a terminal could stumble over is a '?'. */
static void
put_line(struct put *put, const struct fi_remote_record *record)
{
    char prev[2 * FI_REMOTE_NONCE_SIZE + 1];
    char nonce[2 * FI_REMOTE_NONCE_SIZE + 1];
    char by[FI_REMOTE_BY_SIZE_MAX + 1];
    fi_hex_encode(record->prev, sizeof record->prev, prev);
    fi_hex_encode(record->nonce, sizeof record->nonce, nonce);
    memcpy(by, record->by, sizeof by);
    for (char *at = by; *at != 0; at++) {
        if (*at < ' ' || *at >= 0x7f || *at == '"' || *at == '\\') {
            *at = '?';
        }
    }
    if (put->rc == FIRN_OK) {
        put->rc = fi_buf_append_format(
            put->out,
            "{\"firn\":\"state\",\"n\":%" PRIu64 ",\"prev\":\"%s\",\"by\":\"%s\",\"at\":%" PRId64
            ",\"nonce\":\"%s\"}\n",
            record->number, prev, by, record->at_ns / INT64_C(1000000000), nonce);
    }
}

static uint64_t
count_items(const struct fi_remote_change *change)
{
    return (uint64_t)change->set.count + change->removed.count + change->added.count +
           change->doomed.count + change->killed.count + change->gone.count;
}

static int
encode(const struct fi_remote_record *record, struct fi_buf *out, firn_error *err)
{
    if (count_items(&record->change) > RECORD_ITEMS_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a state of the remote would have %" PRIu64 " items, and may have %d; "
                            "make the change in parts",
                            count_items(&record->change), RECORD_ITEMS_MAX);
    }
    struct put put = {.out = out, .rc = FIRN_OK};
    size_t start = out->size;
    put_line(&put, record);
    const uint8_t head[2] = {VERSION, record->is_full ? FLAG_FULL : 0};
    put_bytes(&put, head, sizeof head);
    put_number(&put, record->number);
    put_bytes(&put, record->prev, sizeof record->prev);
    put_bytes(&put, record->nonce, sizeof record->nonce);
    put.rc = put.rc == FIRN_OK ? fi_buf_append_le64(out, (uint64_t)record->at_ns) : put.rc;
    put_sized(&put, firn_str(record->by));
    put_list(&put, &record->change.set, true, false);
    put_list(&put, &record->change.removed, false, false);
    put_list(&put, &record->change.added, true, true);
    put_list(&put, &record->change.doomed, false, false);
    put_list(&put, &record->change.killed, false, false);
    put_list(&put, &record->change.gone, false, false);
    if (put.rc == FIRN_OK) {
        firn_hash hash;
        fi_blake3_hash_of(out->data + start, out->size - start, &hash);
        put_bytes(&put, hash.bytes, sizeof hash.bytes);
    }
    if (put.rc != FIRN_OK) {
        return fi_error_no_memory(err, "a state of a remote");
    }
    if (out->size - start > FI_REMOTE_STATE_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a state of the remote would have %zu bytes, and may have %" PRIu64
                            "; prune the remote, or begin another one",
                            out->size - start, FI_REMOTE_STATE_SIZE_MAX);
    }
    return FIRN_OK;
}

/* (M3) */
static int
check_after(const struct fi_remote_state *state, const struct fi_remote_state *after,
            firn_error *err)
{
    const struct extent extent = extent_of(after);
    const struct extent live = live_extent_of(state);
    const struct extent live_after = live_extent_of(after);
    const bool grows = live_after.bytes > live.bytes || live_after.items > live.items;
    if (is_within(&extent, grows)) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_LIMIT,
                        "the remote would have %" PRIu64 " entries and files in %" PRIu64
                        " bytes, and may have %d in %" PRIu64
                        "; prune the remote, or begin another one",
                        extent.items, extent.bytes, FI_REMOTE_ITEMS_MAX - FI_REMOTE_ITEMS_RESERVE,
                        FI_REMOTE_STATE_SIZE_MAX - FI_REMOTE_SIZE_RESERVE);
}

/* *out: a record of all that the state says after the change. FIRN_LIMIT. */
static int
make_full(const struct fi_remote_state *state, const struct fi_remote_record *record,
          struct fi_remote_record *out, firn_error *err)
{
    struct fi_remote_state after = {.number = state->number};
    memcpy(after.nonce, state->nonce, sizeof after.nonce);
    *out = *record;
    out->change = (struct fi_remote_change){0};
    out->is_full = true;
    int rc;
    FI_TRY(fi_remote_table_put_all(&after.entries, &state->entries, false, err));
    FI_TRY(fi_remote_table_put_all(&after.files, &state->files, false, err));
    FI_TRY(apply(&after, record, err));
    FI_TRY(check_after(state, &after, err));
    out->change.set = after.entries;
    out->change.added = after.files;
    after.entries = (struct fi_remote_table){NULL, 0, 0};
    after.files = (struct fi_remote_table){NULL, 0, 0};
out:
    fi_remote_state_deinit(&after);
    return rc;
}

int
fi_remote_state_encode(const struct fi_remote_state *state, const struct fi_remote_record *record,
                       struct fi_buf *out, firn_error *err)
{
    DCHECK(record->number == state->number + 1 && !record->is_full);
    const bool is_full = fi_remote_state_is_full(record->number);
    struct extent most = extent_of(state);
    add_items(&most, &record->change.set);
    add_items(&most, &record->change.added);
    add_items(&most, &record->change.doomed);
    if (!is_full && is_within(&most, true)) {
        return encode(record, out, err);
    }
    struct fi_remote_record full;
    int rc;
    FI_TRY(make_full(state, record, &full, err));
    rc = encode(is_full ? &full : record, out, err);
out:
    fi_remote_state_change_clear(&full.change);
    return rc;
}

/* What of an item a list has. */
enum list_kind { LIST_KEYS, LIST_VALUES, LIST_FILES, LIST_NAMES, LIST_DOOMED };

static bool
is_file_name(firn_slice key)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    if (key.size > FI_BUCKET_NAME_SIZE_MAX || memchr(key.data, 0, key.size) != NULL) {
        return false;
    }
    memcpy(name, key.data, key.size);
    name[key.size] = 0;
    return fi_bucket_is_name(name) && (fi_slice_has_prefix(key, firn_str("packs/")) ||
                                       fi_slice_has_prefix(key, firn_str("runs/")));
}

/* *out_rc is FIRN_OK, or what ended it that is not the bytes' fault. */
static bool
read_list(struct fi_reader *reader, enum list_kind kind, bool is_full, uint64_t *items_left,
          struct fi_remote_table *table, int *out_rc, firn_error *err)
{
    uint64_t count;
    if (!fi_reader_varint_max(reader, *items_left, &count)) {
        return false;
    }
    *items_left -= count;
    for (uint64_t i = 0; i < count && *out_rc == FIRN_OK; i++) {
        firn_slice key;
        firn_slice value = firn_bytes(NULL, 0);
        uint8_t status = kind == LIST_DOOMED ? FI_REMOTE_DOOMED : 0;
        if (!fi_reader_sized(reader, FI_REMOTE_KEY_SIZE_MAX, &key) || key.size == 0 ||
            (kind != LIST_KEYS && kind != LIST_VALUES && !is_file_name(key)) ||
            (table->count > 0 && fi_slice_compare(table->items[table->count - 1].key, key) >= 0) ||
            ((kind == LIST_VALUES || kind == LIST_FILES) &&
             !fi_reader_sized(reader, fi_reader_left(reader), &value)) ||
            (kind == LIST_FILES && (!fi_reader_u8(reader, &status) || status < FI_REMOTE_LIVE ||
                                    status > (is_full ? FI_REMOTE_DEAD : FI_REMOTE_LIVE)))) {
            return false;
        }
        *out_rc = fi_remote_table_put(table, key, value, status, err);
    }
    return true;
}

static bool
decode(firn_slice bytes, uint64_t number, struct fi_remote_record *out, int *out_rc,
       firn_error *err)
{
    firn_hash hash;
    if (bytes.size < sizeof hash.bytes) {
        return false;
    }
    firn_slice body = firn_bytes(bytes.data, bytes.size - sizeof hash.bytes);
    fi_blake3_hash_of(body.data, body.size, &hash);
    if (memcmp(hash.bytes, body.data + body.size, sizeof hash.bytes) != 0) {
        return false;
    }
    const uint8_t *line_end =
        memchr(body.data, '\n', body.size < LINE_SIZE_MAX ? body.size : LINE_SIZE_MAX);
    if (line_end == NULL) {
        return false;
    }
    size_t line_size = (size_t)(line_end - body.data) + 1;
    struct fi_reader reader =
        fi_reader_of(firn_bytes(body.data + line_size, body.size - line_size));
    uint8_t version = 0;
    uint8_t flags;
    uint64_t at;
    firn_slice by;
    if (fi_reader_u8(&reader, &version) && version > VERSION) {
        *out_rc = fi_error_set(
            err, FIRN_NEWER, "state %" PRIu64 " of the remote was made by a later version of firn",
            number);
        return true;
    }
    if (version != VERSION || !fi_reader_u8(&reader, &flags) ||
        flags != (fi_remote_state_is_full(number) ? FLAG_FULL : 0) ||
        !fi_reader_varint(&reader, &out->number) || out->number != number ||
        !fi_reader_copy(&reader, out->prev, sizeof out->prev) ||
        !fi_reader_copy(&reader, out->nonce, sizeof out->nonce) || !fi_reader_le64(&reader, &at) ||
        !fi_reader_sized(&reader, FI_REMOTE_BY_SIZE_MAX, &by) ||
        memchr(by.data, 0, by.size) != NULL) {
        return false;
    }
    out->is_full = flags != 0;
    out->at_ns = (int64_t)at;
    memcpy(out->by, by.data, by.size);
    out->by[by.size] = 0;
    struct fi_remote_change *change = &out->change;
    bool is_full = out->is_full;
    uint64_t left = RECORD_ITEMS_MAX;
    return read_list(&reader, LIST_VALUES, is_full, &left, &change->set, out_rc, err) &&
           read_list(&reader, LIST_KEYS, is_full, &left, &change->removed, out_rc, err) &&
           read_list(&reader, LIST_FILES, is_full, &left, &change->added, out_rc, err) &&
           read_list(&reader, LIST_DOOMED, is_full, &left, &change->doomed, out_rc, err) &&
           read_list(&reader, LIST_NAMES, is_full, &left, &change->killed, out_rc, err) &&
           read_list(&reader, LIST_NAMES, is_full, &left, &change->gone, out_rc, err) &&
           (*out_rc != FIRN_OK || fi_reader_left(&reader) == 0);
}

int
fi_remote_state_decode(firn_slice bytes, uint64_t number, struct fi_remote_record *out,
                       firn_error *err)
{
    memset(out, 0, sizeof *out);
    int rc = FIRN_OK;
    if (!decode(bytes, number, out, &rc, err)) {
        rc = fi_error_set(err, FIRN_CORRUPT, "state %" PRIu64 " of the remote is damaged", number);
    }
    if (rc != FIRN_OK) {
        fi_remote_state_record_deinit(out);
    }
    return rc;
}

/* ==== names ==== */

void
fi_remote_state_name(uint64_t number, char out[FI_REMOTE_STATE_NAME_SIZE])
{
    (void)snprintf(out, FI_REMOTE_STATE_NAME_SIZE, "states/%010" PRIu64, number);
}

uint64_t
fi_remote_state_number(const char *name)
{
    static const char prefix[] = "states/";
    size_t size = strlen(name);
    if (size != sizeof prefix - 1 + 10 || memcmp(name, prefix, sizeof prefix - 1) != 0) {
        return 0;
    }
    uint64_t number = 0;
    for (const char *at = name + sizeof prefix - 1; *at != 0; at++) {
        if (*at < '0' || *at > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(*at - '0');
    }
    return number;
}
