/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_note.c: what a store keeps about its remotes.
 *
 * All of it is derived from the remote. What is lost is read again, or sent again; what is wrong
 * would let a push leave something out, so a note counts only as far as the newest state bears it
 * out: the pack that it names has to be live, and after a prune nothing is complete until it was
 * looked at again.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "share/share_internal.h"

enum {
    PREFIX_SIZE = 4 + 1,
    STATE_KEY_SIZE = 4 + 8,
    BATCH_BYTES = 1 << 20,
    OBJECT_KEY_SIZE = PREFIX_SIZE + 32,
    VARINT_SIZE_MAX = 10
};

static firn_slice
make_key(const struct fi_share *share, char kind, const void *rest, size_t size, uint8_t *out)
{
    fi_store_be32(out, share->name.number);
    out[4] = (uint8_t)kind;
    if (size > 0) {
        memcpy(out + PREFIX_SIZE, rest, size);
    }
    return firn_bytes(out, PREFIX_SIZE + size);
}

static int
get_note(const struct fi_share *share, firn_slice key, struct fi_buf *out, firn_error *err)
{
    return share->notes == NULL ? FIRN_NOT_FOUND : fi_db_get(share->notes, key, out, err);
}

/* ==== objects ==== */

static int
find_object(struct fi_share *share, const firn_hash *hash, struct fi_share_note *out,
            firn_error *err)
{
    const struct fi_share_note *fresh =
        fi_hash_map_find(&share->fresh, fi_hash_map_first(hash), hash);
    uint8_t key[OBJECT_KEY_SIZE];
    uint8_t memory[64];
    struct fi_buf value = fi_buf_borrowed(memory, sizeof memory);
    if (fresh != NULL) {
        *out = *fresh;
        return FIRN_OK;
    }
    int rc = get_note(share, make_key(share, 'o', hash, sizeof *hash, key), &value, err);
    if (rc == FIRN_OK) {
        *out = (struct fi_share_note){.hash = *hash};
        rc = fi_share_entry_decode_note(fi_buf_slice(&value), out) ? FIRN_OK : FIRN_NOT_FOUND;
    }
    fi_buf_deinit(&value);
    return rc;
}

int
fi_share_note_find(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out,
                   uint64_t *out_base_pack, firn_error *err)
{
    struct fi_share *share = ctx;
    struct fi_share_note note;
    *out = FI_OUTGOING_LACKS;
    *out_base_pack = 0;
    int rc = find_object(share, hash, &note, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(rc);
    if (fi_hash_map_find(&share->packs, note.pack, &note.pack) != NULL) {
        *out = note.epoch == share->epoch || note.level == FI_OUTGOING_LACKS
                   ? (enum fi_outgoing_has)note.level
                   : FI_OUTGOING_PRESENT;
        *out_base_pack = note.is_whole ? note.pack : 0;
    }
    return FIRN_OK;
}

int
fi_share_note_put(struct fi_share *share, const struct fi_share_note *note, firn_error *err)
{
    uint64_t first = fi_hash_map_first(&note->hash);
    struct fi_share_note *there = fi_hash_map_find(&share->fresh, first, &note->hash);
    share->is_changed = true;
    if (there == NULL) {
        there = fi_hash_map_insert(&share->fresh, first, note);
        if (there == NULL) {
            return fi_error_no_memory(err, "what a remote has");
        }
    }
    *there = *note;
    there->is_noted = false;
    return FIRN_OK;
}

int
fi_share_note_raise(struct fi_share *share, const firn_hash *hash, enum fi_outgoing_has level,
                    firn_error *err)
{
    struct fi_share_note note;
    int rc = find_object(share, hash, &note, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(rc);
    if (note.level == level && note.epoch == share->epoch) {
        return FIRN_OK;
    }
    note.level = (uint8_t)level;
    note.epoch = share->epoch;
    return fi_share_note_put(share, &note, err);
}

/* ==== lines and packs ==== */

int
fi_share_note_line(struct fi_share *share, uint32_t workspace, struct fi_share_line *out,
                   firn_error *err)
{
    uint8_t number[4];
    uint8_t key[PREFIX_SIZE + sizeof number];
    struct fi_buf value = {0};
    *out = (struct fi_share_line){.pushed = 0};
    fi_store_be32(number, workspace);
    int rc = get_note(share, make_key(share, 'l', number, sizeof number, key), &value, err);
    if (rc == FIRN_OK) {
        out->is_noted = fi_share_entry_decode_line(fi_buf_slice(&value), out);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_share_note_is_own(struct fi_share *share, const uint8_t line[FI_SHARE_LINE_SIZE], bool *out,
                     firn_error *err)
{
    uint8_t key[PREFIX_SIZE] = {0};
    struct firn_db_cursor *cursor = NULL;
    firn_slice prefix = make_key(share, 'l', NULL, 0, key);
    const struct fi_db_cursor_options options = {.prefix = &prefix};
    int rc = FIRN_OK;
    *out = false;
    if (share->notes == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(share->notes, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_share_line own;
        if (fi_share_entry_decode_line(fi_db_cursor_value(cursor), &own)) {
            *out = *out || memcmp(own.id, line, sizeof own.id) == 0;
        }
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_share_note_has_pack(struct fi_share *share, uint64_t pack, bool *out, firn_error *err)
{
    uint8_t number[8];
    uint8_t key[PREFIX_SIZE + sizeof number];
    *out = false;
    fi_store_be64(number, pack);
    return share->notes == NULL
               ? FIRN_OK
               : fi_db_get_exists(share->notes, make_key(share, 'p', number, sizeof number, key),
                                  out, err);
}

int
fi_share_note_renumbered(struct fi_share *share, uint64_t there,
                         const struct fi_share_recode *recode, firn_error *err)
{
    uint8_t number[8];
    uint8_t value[8];
    uint8_t key[PREFIX_SIZE + sizeof number];
    struct firn_db_keyspace *notes;
    size_t i;
    const struct fi_share_renumbered *numbers = fi_share_recode_numbers(recode, &i);
    while (i > 0 && numbers[i - 1].there != there) {
        i--;
    }
    CHECK(i > 0); /* it was written just now */
    fi_store_be64(number, numbers[i - 1].here);
    fi_store_le64(value, there);
    FI_TRY_RETURN(fi_db_keyspace_open(share->opened.db, FI_SHARE_NOTES, &notes, err));
    return fi_db_put(notes, make_key(share, 'q', number, sizeof number, key),
                     firn_bytes(value, sizeof value), FIRN_DURABILITY_OS, err);
}

int
fi_share_note_number(struct fi_share *share, uint64_t here, uint64_t *out, firn_error *err)
{
    uint8_t number[8];
    uint8_t key[PREFIX_SIZE + sizeof number];
    uint8_t memory[8];
    struct fi_buf value = fi_buf_borrowed(memory, sizeof memory);
    *out = here;
    fi_store_be64(number, here);
    int rc = get_note(share, make_key(share, 'q', number, sizeof number, key), &value, err);
    if (rc == FIRN_OK && value.size == sizeof *out) {
        *out = fi_load_le64(value.data);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* ==== failures ==== */

int
fi_share_note_failure(const struct fi_share *share, struct fi_share_failure *out, firn_error *err)
{
    uint8_t key[PREFIX_SIZE];
    struct fi_buf value = {0};
    *out = (struct fi_share_failure){.count = 0};
    int rc = get_note(share, make_key(share, 'f', NULL, 0, key), &value, err);
    if (rc == FIRN_OK) {
        (void)fi_share_entry_decode_failure(fi_buf_slice(&value), out);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_share_note_fail(const struct fi_share *share, struct firn_db *db,
                   const struct fi_share_failure *failure, firn_error *err)
{
    uint8_t key[PREFIX_SIZE];
    struct firn_db_keyspace *notes;
    struct fi_buf value = {0};
    int rc;
    FI_TRY(fi_db_keyspace_open(db, FI_SHARE_NOTES, &notes, err));
    if (fi_share_entry_encode_failure(failure, &value) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a note about a remote");
        goto out;
    }
    rc = fi_db_put(notes, make_key(share, 'f', NULL, 0, key), fi_buf_slice(&value),
                   FIRN_DURABILITY_OS, err);
out:
    fi_buf_deinit(&value);
    return rc;
}

/* ==== states ==== */

static bool
stands_alone(uint64_t state)
{
    return state == 1 || fi_remote_state_is_full(state);
}

int
fi_share_note_keep(void *ctx, uint64_t number, firn_slice bytes, firn_error *err)
{
    struct fi_share *share = ctx;
    if (stands_alone(number)) {
        fi_buf_clear(&share->kept);
        share->kept_is_whole = true;
    }
    share->is_changed = true;
    if (fi_buf_append_le64(&share->kept, number) != FIRN_OK ||
        fi_buf_append_le64(&share->kept, bytes.size) != FIRN_OK ||
        fi_buf_append_slice(&share->kept, bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "the states of a remote");
    }
    return FIRN_OK;
}

static int
load_states(struct fi_share *share, firn_error *err)
{
    struct firn_db_keyspace *states = NULL;
    struct firn_db_cursor *cursor = NULL;
    uint8_t key[4] = {0};
    firn_slice prefix = firn_bytes(key, sizeof key);
    const struct fi_db_cursor_options options = {.prefix = &prefix};
    int rc;
    fi_store_be32(key, share->name.number);
    FI_TRY(fi_db_keyspace_open_if_any(share->opened.db, FI_SHARE_STATES, &states, err));
    if (states == NULL) {
        goto out;
    }
    FI_TRY(fi_db_cursor_open(states, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        firn_slice at = fi_db_cursor_key(cursor);
        int read_rc = at.size != STATE_KEY_SIZE
                          ? FIRN_CORRUPT
                          : fi_remote_restore(&share->remote, fi_load_be64(at.data + 4),
                                              fi_db_cursor_value(cursor), err);
        if (read_rc == FIRN_NO_MEMORY) {
            rc = read_rc;
            break;
        }
        if (read_rc != FIRN_OK) { /* the remote has them */
            fi_remote_state_deinit(&share->remote.state);
            break;
        }
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static int
load_uploads(struct fi_share *share, firn_error *err)
{
    uint8_t key[PREFIX_SIZE] = {0};
    struct firn_db_cursor *cursor = NULL;
    firn_slice prefix = make_key(share, 'u', NULL, 0, key);
    const struct fi_db_cursor_options options = {.prefix = &prefix};
    int rc;
    FI_TRY(fi_db_cursor_open(share->notes, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        firn_slice at = fi_db_cursor_key(cursor);
        FI_TRY(fi_remote_table_put(&share->remote.uploads,
                                   firn_bytes(at.data + PREFIX_SIZE, at.size - PREFIX_SIZE),
                                   fi_db_cursor_value(cursor), FI_REMOTE_UPLOAD_NOTED, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_share_note_number_seen(const struct fi_share *share, uint64_t *out, firn_error *err)
{
    uint8_t key[PREFIX_SIZE] = {0};
    struct fi_buf value = {0};
    *out = 0;
    int rc = get_note(share, make_key(share, 'n', NULL, 0, key), &value, err);
    if (rc == FIRN_OK) {
        *out = fi_share_entry_decode_number(fi_buf_slice(&value));
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_share_note_load(struct fi_share *share, firn_error *err)
{
    FI_TRY_RETURN(load_states(share, err));
    FI_TRY_RETURN(fi_share_note_number_seen(share, &share->remote.number_seen, err));
    return share->notes != NULL && !share->keys_are_new ? load_uploads(share, err)
                                                        : FIRN_OK; /* (I3) of share_keys.c */
}

/* ==== writing ==== */

struct writing {
    struct fi_share *share;
    struct firn_db *db;
    struct firn_db_batch *batch;
    struct firn_db_keyspace *notes;
    struct firn_db_keyspace *states;
    struct fi_buf value;
};

/* Nothing here has to be durable. */
static int
flush(struct writing *writing, size_t size_min, firn_error *err)
{
    if (fi_db_batch_size_bytes(writing->batch) < size_min ||
        fi_db_batch_count(writing->batch) == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_db_write(writing->db, writing->batch, FIRN_DURABILITY_OS, err));
    fi_db_batch_clear(writing->batch);
    return FIRN_OK;
}

static int
put_number(struct writing *writing, firn_slice key, const void *head, size_t head_size,
           uint64_t number, firn_error *err)
{
    fi_buf_clear(&writing->value);
    if (fi_buf_append(&writing->value, head, head_size) != FIRN_OK ||
        fi_buf_append_varint(&writing->value, number) != FIRN_OK) {
        return fi_error_no_memory(err, "a note about a remote");
    }
    return fi_db_batch_put(writing->batch, writing->notes, key, fi_buf_slice(&writing->value), err);
}

static int
write_objects(struct writing *writing, firn_error *err)
{
    struct fi_share *share = writing->share;
    for (size_t i = 0; i < share->fresh.count; i++) {
        const struct fi_share_note *note = fi_hash_map_at(&share->fresh, i);
        uint8_t key[OBJECT_KEY_SIZE];
        uint8_t head[8 + 2];
        if (note->is_noted) {
            continue;
        }
        fi_store_le64(head, note->pack);
        head[8] = note->level;
        head[9] = note->is_whole ? 1 : 0;
        FI_TRY_RETURN(put_number(writing, make_key(share, 'o', &note->hash, sizeof note->hash, key),
                                 head, sizeof head, note->epoch, err));
        FI_TRY_RETURN(flush(writing, BATCH_BYTES, err));
    }
    return FIRN_OK;
}

static int
write_states(struct writing *writing, firn_error *err)
{
    struct fi_share *share = writing->share;
    uint8_t key[STATE_KEY_SIZE];
    uint8_t upper[4];
    fi_store_be32(key, share->name.number);
    fi_store_be32(upper, share->name.number + 1);
    if (share->kept_is_whole) {
        FI_TRY_RETURN(fi_db_batch_delete_range(writing->batch, writing->states, firn_bytes(key, 4),
                                               firn_bytes(upper, sizeof upper), err));
    }
    for (size_t at = 0; at < share->kept.size;) {
        const uint8_t *kept = share->kept.data + at;
        const size_t size = (size_t)fi_load_le64(kept + 8);
        fi_store_be64(key + 4, fi_load_le64(kept));
        FI_TRY_RETURN(fi_db_batch_put(writing->batch, writing->states, firn_bytes(key, sizeof key),
                                      firn_bytes(kept + 16, size), err));
        at += 16 + size;
    }
    return FIRN_OK;
}

int
fi_share_note_forget_uploads(const struct fi_share *share, struct firn_db_batch *batch,
                             struct firn_db_keyspace *notes, firn_error *err)
{
    uint8_t lower[PREFIX_SIZE];
    uint8_t upper[PREFIX_SIZE];
    return fi_db_batch_delete_range(batch, notes, make_key(share, 'u', NULL, 0, lower),
                                    make_key(share, 'u' + 1, NULL, 0, upper), err);
}

/* Whether uploads have the newest keys that this machine knows: another process may have noted
 * newer ones since this one read the remote's ((I3) of share_keys.c). */
static int
have_newest_keys(const struct writing *writing, bool *out, firn_error *err)
{
    const struct fi_share *share = writing->share;
    struct fi_share_keys_kept kept = {.ring_key = NULL};
    *out = !share->uploads_are_outdated;
    if (share->keys.keys == NULL || !*out) {
        return FIRN_OK;
    }
    int rc = fi_share_keys_kept(writing->db, share->name.name, &kept, err);
    *out = rc != FIRN_OK || kept.keys.keys == NULL || kept.name.number != share->name.number ||
           !fi_share_keys_are_older(share->keys.keys, kept.keys.keys);
    fi_share_keys_kept_deinit(&kept);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Those that are still to be named by a state take the place of all. */
static int
write_uploads(struct writing *writing, firn_error *err)
{
    struct fi_share *share = writing->share;
    uint8_t key[PREFIX_SIZE + FI_BUCKET_NAME_SIZE_MAX];
    bool are_noted;
    FI_TRY_RETURN(fi_share_note_forget_uploads(share, writing->batch, writing->notes, err));
    FI_TRY_RETURN(have_newest_keys(writing, &are_noted, err));
    for (size_t i = 0; are_noted && i < share->remote.uploads.count; i++) {
        const struct fi_remote_item *upload = &share->remote.uploads.items[i];
        CHECK(upload->key.size <= FI_BUCKET_NAME_SIZE_MAX);
        FI_TRY_RETURN(fi_db_batch_put(writing->batch, writing->notes,
                                      make_key(share, 'u', upload->key.data, upload->key.size, key),
                                      upload->value, err));
    }
    return FIRN_OK;
}

static int
put_line(struct writing *writing, const struct fi_share_facts *facts, firn_error *err)
{
    const struct fi_share_line *line = facts->line;
    uint8_t key[PREFIX_SIZE + 4];
    uint8_t number[4];
    uint8_t head[sizeof line->id + VARINT_SIZE_MAX];
    fi_store_be32(number, facts->workspace);
    memcpy(head, line->id, sizeof line->id);
    size_t size = sizeof line->id + fi_store_varint(head + sizeof line->id, line->pushed);
    return put_number(writing, make_key(writing->share, 'l', number, sizeof number, key), head,
                      size, line->sent, err);
}

static int
write_facts(struct writing *writing, const struct fi_share_facts *facts, firn_error *err)
{
    struct fi_share *share = writing->share;
    uint8_t key[PREFIX_SIZE + 8];
    uint8_t number[8];
    if (facts->line != NULL) {
        FI_TRY_RETURN(put_line(writing, facts, err));
    }
    if (facts->has_succeeded) {
        FI_TRY_RETURN(fi_db_batch_delete(writing->batch, writing->notes,
                                         make_key(share, 'f', NULL, 0, key), err));
    }
    for (size_t i = 0; i < facts->pack_count; i++) {
        fi_store_be64(number, facts->packs[i]);
        FI_TRY_RETURN(fi_db_batch_put(writing->batch, writing->notes,
                                      make_key(share, 'p', number, sizeof number, key),
                                      firn_bytes(NULL, 0), err));
    }
    return put_number(writing, make_key(share, 'n', NULL, 0, key), NULL, 0,
                      share->remote.number_seen, err);
}

/* Objects come before what makes them count: uploads, and states that name their packs. */
int
fi_share_note_write(struct fi_share *share, struct firn_db *db, const struct fi_share_facts *facts,
                    firn_error *err)
{
    struct writing writing = {.share = share, .db = db};
    int rc;
    FI_TRY(fi_db_keyspace_open(db, FI_SHARE_NOTES, &writing.notes, err));
    FI_TRY(fi_db_keyspace_open(db, FI_SHARE_STATES, &writing.states, err));
    FI_TRY(fi_db_batch_create(&writing.batch, err));
    FI_TRY(write_objects(&writing, err));
    FI_TRY(fi_share_keys_write(share, db, writing.batch, err)); /* at once with the states */
    FI_TRY(write_states(&writing, err));
    FI_TRY(write_uploads(&writing, err));
    FI_TRY(write_facts(&writing, facts, err));
    FI_TRY(flush(&writing, 0, err));
    for (size_t i = 0; i < share->fresh.count; i++) {
        ((struct fi_share_note *)fi_hash_map_at(&share->fresh, i))->is_noted = true;
    }
    share->kept_is_whole = false;
    share->keys_are_new = false;
    fi_buf_clear(&share->kept);
out:
    fi_db_batch_destroy(writing.batch);
    fi_buf_deinit(&writing.value);
    return rc;
}

int
fi_share_note_commit(struct fi_share *share, const struct fi_share_facts *facts, firn_error *err)
{
    struct fi_ws_opened opened;
    FI_TRY_RETURN(fi_ws_opened_open_store(share->ws, FI_WS_WRITE, &opened, err));
    int rc = fi_share_note_write(share, opened.db, facts, err);
    return fi_ws_opened_close(share->ws, &opened, rc, err);
}
