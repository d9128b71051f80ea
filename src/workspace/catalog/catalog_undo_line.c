/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_undo_line.c: the undo line of a workspace as an entry of the store.
 *
 * The entry refers to checkpoints by their orders. Saves do not write it: ws_undo_line.c adds the
 * checkpoints that are newer than `through` each time it reads the line. Undo passes over
 * checkpoints that have been deleted. So an entry can be incomplete but never wrong, and a
 * malformed one counts as missing.
 *
 * Steps that change facts stand between the states, each of which is a tree. The first item is a
 * state
 * (I1), so that at each item there is one.
 */
#include "catalog/catalog_undo_line.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"

enum { FORMAT = 2, KEY_SIZE = 4, FLAG_PASSED = 128 };

void
fi_catalog_undo_line_deinit(struct fi_catalog_undo_line *line)
{
    fi_buf_deinit(&line->states);
    *line = (struct fi_catalog_undo_line){0};
}

size_t
fi_catalog_undo_line_count(const struct fi_catalog_undo_line *line)
{
    return line->states.size / sizeof(struct fi_catalog_undo_line_state);
}

struct fi_catalog_undo_line_state *
fi_catalog_undo_line_at(const struct fi_catalog_undo_line *line, size_t i)
{
    DCHECK(i < fi_catalog_undo_line_count(line));
    return (struct fi_catalog_undo_line_state *)(void *)line->states.data + i;
}

bool
fi_catalog_undo_line_find_back(const struct fi_catalog_undo_line *line, uint64_t order, size_t *out)
{
    size_t count = fi_catalog_undo_line_count(line);
    for (size_t i = count == 0 ? 0 : line->cursor + 1; i-- > 0;) {
        if (fi_catalog_undo_line_at(line, i)->order == order) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool
fi_catalog_undo_line_find_ahead(const struct fi_catalog_undo_line *line, uint64_t order,
                                size_t *out)
{
    size_t count = fi_catalog_undo_line_count(line);
    for (size_t i = line->cursor + 1; i < count; i++) {
        if (fi_catalog_undo_line_at(line, i)->order == order) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool
fi_catalog_undo_line_is_facts(const struct fi_catalog_undo_line *line, size_t i)
{
    return fi_catalog_facts_is_kind(fi_catalog_undo_line_at(line, i)->kind);
}

size_t
fi_catalog_undo_line_state_at(const struct fi_catalog_undo_line *line, size_t i)
{
    while (fi_catalog_undo_line_is_facts(line, i)) {
        DCHECK(i > 0); /* (I1) */
        i--;
    }
    return i;
}

static void
remove_item(struct fi_catalog_undo_line *line, size_t i)
{
    struct fi_catalog_undo_line_state *item = fi_catalog_undo_line_at(line, i);
    size_t count = fi_catalog_undo_line_count(line);
    memmove(item, item + 1, (count - i - 1) * sizeof *item);
    line->states.size -= sizeof *item;
    line->cursor -= i <= line->cursor && line->cursor > 0 ? 1 : 0;
}

/* Drops the oldest item of a full line; not the first state while steps of facts need it (I1), nor
 * the present one. */
static void
make_room(struct fi_catalog_undo_line *line)
{
    size_t count = fi_catalog_undo_line_count(line);
    if (count == FI_CATALOG_UNDO_LINE_STATES_MAX) {
        remove_item(line, line->cursor == 0                        ? count - 1
                          : fi_catalog_undo_line_is_facts(line, 1) ? 1
                                                                   : 0);
    }
}

int
fi_catalog_undo_line_add(struct fi_catalog_undo_line *line,
                         const struct fi_catalog_undo_line_state *state, firn_error *err)
{
    size_t count = fi_catalog_undo_line_count(line);
    DCHECK(count == 0 ? line->cursor == 0 : line->cursor < count);
    DCHECK(!fi_catalog_facts_is_kind(state->kind));
    line->states.size = (count == 0 ? 0 : line->cursor + 1) * sizeof *state;
    make_room(line);
    if (fi_buf_append(&line->states, state, sizeof *state) != FIRN_OK) {
        return fi_error_no_memory(err, "an undo line");
    }
    line->cursor = fi_catalog_undo_line_count(line) - 1;
    return FIRN_OK;
}

int
fi_catalog_undo_line_insert(struct fi_catalog_undo_line *line,
                            const struct fi_catalog_undo_line_state *step, firn_error *err)
{
    size_t count = fi_catalog_undo_line_count(line);
    DCHECK(fi_catalog_facts_is_kind(step->kind));
    if (count == 0) {
        return FIRN_OK;
    }
    fi_catalog_undo_line_drop_facts(line, line->cursor, count - 1);
    make_room(line);
    if (fi_buf_append(&line->states, step, sizeof *step) != FIRN_OK) {
        return fi_error_no_memory(err, "an undo line");
    }
    count = fi_catalog_undo_line_count(line);
    line->cursor++;
    struct fi_catalog_undo_line_state *place = fi_catalog_undo_line_at(line, line->cursor);
    memmove(place + 1, place, (count - 1 - line->cursor) * sizeof *place);
    *place = *step;
    return FIRN_OK;
}

void
fi_catalog_undo_line_drop_facts(struct fi_catalog_undo_line *line, size_t after, size_t last)
{
    for (size_t i = last; i > after; i--) {
        if (fi_catalog_undo_line_is_facts(line, i)) {
            remove_item(line, i);
        }
    }
}

void
fi_catalog_undo_line_move(struct fi_catalog_undo_line *line, size_t to)
{
    size_t low = to < line->cursor ? to : line->cursor;
    size_t high = to < line->cursor ? line->cursor : to;
    DCHECK(to < fi_catalog_undo_line_count(line));
    const size_t here = fi_catalog_undo_line_state_at(line, line->cursor);
    for (size_t i = low + 1; i < high; i++) {
        fi_catalog_undo_line_at(line, i)->is_passed =
            i != here && !fi_catalog_undo_line_is_facts(line, i);
    }
    fi_catalog_undo_line_at(line, to)->is_passed = false;
    line->cursor = to;
}

/* ---- bytes ---- */

int
fi_catalog_undo_line_encode(const struct fi_catalog_undo_line *line, struct fi_buf *out)
{
    size_t count = fi_catalog_undo_line_count(line);
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append_varint(out, line->through));
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)line->turn_ns));
    FI_TRY_RETURN(fi_buf_append_varint(out, line->cursor));
    FI_TRY_RETURN(fi_buf_append_varint(out, count));
    for (size_t i = 0; i < count; i++) {
        const struct fi_catalog_undo_line_state *state = fi_catalog_undo_line_at(line, i);
        DCHECK(state->kind >= FIRN_STEP_SAVE && state->kind <= FIRN_STEP_DESCRIBE);
        FI_TRY_RETURN(fi_buf_append_u8(
            out, (uint8_t)((unsigned)state->kind | (state->is_passed ? FLAG_PASSED : 0))));
        FI_TRY_RETURN(fi_buf_append_varint(out, state->order));
        FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)state->time_ns));
    }
    return FIRN_OK;
}

static bool
decode_state(struct fi_reader *reader, struct fi_catalog_undo_line_state *out)
{
    uint8_t kind;
    uint64_t time;
    if (!fi_reader_u8(reader, &kind) || (kind & ~FLAG_PASSED) < FIRN_STEP_SAVE ||
        (kind & ~FLAG_PASSED) > FIRN_STEP_DESCRIBE || !fi_reader_varint(reader, &out->order) ||
        !fi_reader_le64(reader, &time)) {
        return false;
    }
    out->kind = (firn_workspace_step_kind)(kind & ~FLAG_PASSED);
    out->is_passed = (kind & FLAG_PASSED) != 0;
    out->time_ns = (int64_t)time;
    return true;
}

int
fi_catalog_undo_line_decode(firn_slice bytes, struct fi_catalog_undo_line *out, bool *out_is_valid,
                            firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint8_t format;
    uint64_t turn;
    uint64_t cursor;
    uint64_t count;
    DCHECK(fi_catalog_undo_line_count(out) == 0);
    *out_is_valid = false;
    if (!fi_reader_u8(&reader, &format) || format != FORMAT ||
        !fi_reader_varint(&reader, &out->through) || !fi_reader_le64(&reader, &turn) ||
        !fi_reader_varint(&reader, &cursor) ||
        !fi_reader_varint_max(&reader, FI_CATALOG_UNDO_LINE_STATES_MAX, &count) ||
        (count == 0 ? cursor != 0 : cursor >= count)) {
        return FIRN_OK;
    }
    out->turn_ns = (int64_t)turn;
    out->cursor = (size_t)cursor;
    for (uint64_t i = 0; i < count; i++) {
        struct fi_catalog_undo_line_state state = {0};
        if (!decode_state(&reader, &state) ||
            (i == 0 && fi_catalog_facts_is_kind(state.kind))) { /* (I1) */
            return FIRN_OK;
        }
        if (fi_buf_append(&out->states, &state, sizeof state) != FIRN_OK) {
            return fi_error_no_memory(err, "an undo line");
        }
    }
    *out_is_valid = fi_reader_left(&reader) == 0;
    return FIRN_OK;
}

/* ---- the keyspace ---- */

int
fi_catalog_undo_line_read(struct firn_db *db, uint32_t workspace, struct fi_catalog_undo_line *out,
                          bool *out_is_there, firn_error *err)
{
    *out = (struct fi_catalog_undo_line){0};
    *out_is_there = false;
    uint8_t key[KEY_SIZE];
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    firn_error cause;
    fi_store_be32(key, workspace);
    int rc = fi_db_keyspace_open(db, FI_CATALOG_UNDO, &keyspace, &cause);
    if (rc == FIRN_OK) {
        rc = fi_db_get(keyspace, firn_bytes(key, sizeof key), &value, &cause);
    }
    if (rc == FIRN_OK) {
        rc = fi_catalog_undo_line_decode(fi_buf_slice(&value), out, out_is_there, &cause);
    } else if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &cause);
    }
    if (!*out_is_there) {
        fi_catalog_undo_line_deinit(out);
    }
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_undo_line_put(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace,
                         const struct fi_catalog_undo_line *line, firn_error *err)
{
    uint8_t key[KEY_SIZE];
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    int rc;
    DCHECK(workspace != 0);
    fi_store_be32(key, workspace);
    FI_TRY(fi_db_keyspace_open(db, FI_CATALOG_UNDO, &keyspace, err));
    rc = fi_catalog_undo_line_encode(line, &value);
    rc = rc != FIRN_OK ? fi_error_no_memory(err, "an undo line")
                       : fi_db_batch_put(batch, keyspace, firn_bytes(key, sizeof key),
                                         fi_buf_slice(&value), err);
out:
    fi_buf_deinit(&value);
    return rc;
}
