/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_line.c: the undo line of a workspace as an entry of the store.
 *
 * The entry refers to checkpoints by their orders. Saves do not write it: ws_line.c adds the
 * checkpoints that are newer than `through` each time it reads the line. Undo passes over
 * checkpoints that have been deleted. So an entry can be incomplete but never wrong, and a
 * malformed one counts as missing.
 *
 * Steps that change facts stand between the states, each of which is a tree. The first item is a
 * state
 * (I1), so that at each item there is one.
 */
#include "catalog/catalog_line.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"

enum { FORMAT = 2, KEY_SIZE = 4, FLAG_PASSED = 128 };

void
firn_catalog_line_deinit(struct firn_catalog_line *line)
{
    firn_buf_deinit(&line->states);
    *line = (struct firn_catalog_line){0};
}

size_t
firn_catalog_line_count(const struct firn_catalog_line *line)
{
    return line->states.size / sizeof(struct firn_catalog_line_state);
}

struct firn_catalog_line_state *
firn_catalog_line_at(const struct firn_catalog_line *line, size_t i)
{
    DCHECK(i < firn_catalog_line_count(line));
    return (struct firn_catalog_line_state *)(void *)line->states.data + i;
}

bool
firn_catalog_line_find_back(const struct firn_catalog_line *line, uint64_t order, size_t *out)
{
    size_t count = firn_catalog_line_count(line);
    for (size_t i = count == 0 ? 0 : line->cursor + 1; i-- > 0;) {
        if (firn_catalog_line_at(line, i)->order == order) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool
firn_catalog_line_find_ahead(const struct firn_catalog_line *line, uint64_t order, size_t *out)
{
    size_t count = firn_catalog_line_count(line);
    for (size_t i = line->cursor + 1; i < count; i++) {
        if (firn_catalog_line_at(line, i)->order == order) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool
firn_catalog_line_is_facts(const struct firn_catalog_line *line, size_t i)
{
    return firn_catalog_facts_is_kind(firn_catalog_line_at(line, i)->kind);
}

size_t
firn_catalog_line_state_at(const struct firn_catalog_line *line, size_t i)
{
    while (firn_catalog_line_is_facts(line, i)) {
        DCHECK(i > 0); /* (I1) */
        i--;
    }
    return i;
}

static void
remove_item(struct firn_catalog_line *line, size_t i)
{
    struct firn_catalog_line_state *item = firn_catalog_line_at(line, i);
    size_t count = firn_catalog_line_count(line);
    memmove(item, item + 1, (count - i - 1) * sizeof *item);
    line->states.size -= sizeof *item;
    line->cursor -= i <= line->cursor && line->cursor > 0 ? 1 : 0;
}

/* Drops the oldest item of a full line; not the first state while steps of facts need it (I1), nor
 * the present one. */
static void
make_room(struct firn_catalog_line *line)
{
    size_t count = firn_catalog_line_count(line);
    if (count == FIRN_CATALOG_LINE_STATES_MAX) {
        remove_item(line, line->cursor == 0                     ? count - 1
                          : firn_catalog_line_is_facts(line, 1) ? 1
                                                                : 0);
    }
}

int
firn_catalog_line_add(struct firn_catalog_line *line, const struct firn_catalog_line_state *state,
                      firn_error *err)
{
    size_t count = firn_catalog_line_count(line);
    DCHECK(count == 0 ? line->cursor == 0 : line->cursor < count);
    DCHECK(!firn_catalog_facts_is_kind(state->kind));
    line->states.size = (count == 0 ? 0 : line->cursor + 1) * sizeof *state;
    make_room(line);
    if (firn_buf_append(&line->states, state, sizeof *state) != FIRN_OK) {
        return firn_error_no_memory(err, "an undo line");
    }
    line->cursor = firn_catalog_line_count(line) - 1;
    return FIRN_OK;
}

int
firn_catalog_line_insert(struct firn_catalog_line *line, const struct firn_catalog_line_state *step,
                         firn_error *err)
{
    size_t count = firn_catalog_line_count(line);
    DCHECK(firn_catalog_facts_is_kind(step->kind));
    if (count == 0) {
        return FIRN_OK;
    }
    firn_catalog_line_drop_facts(line, line->cursor, count - 1);
    make_room(line);
    if (firn_buf_append(&line->states, step, sizeof *step) != FIRN_OK) {
        return firn_error_no_memory(err, "an undo line");
    }
    count = firn_catalog_line_count(line);
    line->cursor++;
    struct firn_catalog_line_state *place = firn_catalog_line_at(line, line->cursor);
    memmove(place + 1, place, (count - 1 - line->cursor) * sizeof *place);
    *place = *step;
    return FIRN_OK;
}

void
firn_catalog_line_drop_facts(struct firn_catalog_line *line, size_t after, size_t last)
{
    for (size_t i = last; i > after; i--) {
        if (firn_catalog_line_is_facts(line, i)) {
            remove_item(line, i);
        }
    }
}

void
firn_catalog_line_move(struct firn_catalog_line *line, size_t to)
{
    size_t low = to < line->cursor ? to : line->cursor;
    size_t high = to < line->cursor ? line->cursor : to;
    DCHECK(to < firn_catalog_line_count(line));
    const size_t here = firn_catalog_line_state_at(line, line->cursor);
    for (size_t i = low + 1; i < high; i++) {
        firn_catalog_line_at(line, i)->is_passed =
            i != here && !firn_catalog_line_is_facts(line, i);
    }
    firn_catalog_line_at(line, to)->is_passed = false;
    line->cursor = to;
}

/* ---- bytes ---- */

int
firn_catalog_line_encode(const struct firn_catalog_line *line, struct firn_buf *out)
{
    size_t count = firn_catalog_line_count(line);
    FIRN_TRY_RETURN(firn_buf_append_u8(out, FORMAT));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, line->through));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, (uint64_t)line->turn_ns));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, line->cursor));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, count));
    for (size_t i = 0; i < count; i++) {
        const struct firn_catalog_line_state *state = firn_catalog_line_at(line, i);
        DCHECK(state->kind >= FIRN_STEP_SAVE && state->kind <= FIRN_STEP_DELETE);
        FIRN_TRY_RETURN(firn_buf_append_u8(
            out, (uint8_t)((unsigned)state->kind | (state->is_passed ? FLAG_PASSED : 0))));
        FIRN_TRY_RETURN(firn_buf_append_varint(out, state->order));
        FIRN_TRY_RETURN(firn_buf_append_le64(out, (uint64_t)state->time_ns));
    }
    return FIRN_OK;
}

static bool
decode_state(struct firn_reader *reader, struct firn_catalog_line_state *out)
{
    uint8_t kind;
    uint64_t time;
    if (!firn_reader_u8(reader, &kind) || (kind & ~FLAG_PASSED) < FIRN_STEP_SAVE ||
        (kind & ~FLAG_PASSED) > FIRN_STEP_DELETE || !firn_reader_varint(reader, &out->order) ||
        !firn_reader_le64(reader, &time)) {
        return false;
    }
    out->kind = (firn_workspace_step_kind)(kind & ~FLAG_PASSED);
    out->is_passed = (kind & FLAG_PASSED) != 0;
    out->time_ns = (int64_t)time;
    return true;
}

int
firn_catalog_line_decode(firn_slice bytes, struct firn_catalog_line *out, bool *out_is_valid,
                         firn_error *err)
{
    struct firn_reader reader = firn_reader_of(bytes);
    uint8_t format;
    uint64_t turn;
    uint64_t cursor;
    uint64_t count;
    DCHECK(firn_catalog_line_count(out) == 0);
    *out_is_valid = false;
    if (!firn_reader_u8(&reader, &format) || format != FORMAT ||
        !firn_reader_varint(&reader, &out->through) || !firn_reader_le64(&reader, &turn) ||
        !firn_reader_varint(&reader, &cursor) ||
        !firn_reader_varint_max(&reader, FIRN_CATALOG_LINE_STATES_MAX, &count) ||
        (count == 0 ? cursor != 0 : cursor >= count)) {
        return FIRN_OK;
    }
    out->turn_ns = (int64_t)turn;
    out->cursor = (size_t)cursor;
    for (uint64_t i = 0; i < count; i++) {
        struct firn_catalog_line_state state = {0};
        if (!decode_state(&reader, &state) ||
            (i == 0 && firn_catalog_facts_is_kind(state.kind))) { /* (I1) */
            return FIRN_OK;
        }
        if (firn_buf_append(&out->states, &state, sizeof state) != FIRN_OK) {
            return firn_error_no_memory(err, "an undo line");
        }
    }
    *out_is_valid = firn_reader_left(&reader) == 0;
    return FIRN_OK;
}

/* ---- the keyspace ---- */

int
firn_catalog_line_read(struct firn_db *db, uint32_t workspace, struct firn_catalog_line *out,
                       bool *out_is_there, firn_error *err)
{
    *out = (struct firn_catalog_line){0};
    *out_is_there = false;
    uint8_t key[KEY_SIZE];
    struct firn_db_keyspace *keyspace;
    struct firn_buf value = {0};
    firn_error cause;
    firn_store_be32(key, workspace);
    int rc = firn_db_keyspace_open(db, FIRN_CATALOG_UNDO, &keyspace, &cause);
    if (rc == FIRN_OK) {
        rc = firn_db_get(keyspace, firn_bytes(key, sizeof key), &value, &cause);
    }
    if (rc == FIRN_OK) {
        rc = firn_catalog_line_decode(firn_buf_slice(&value), out, out_is_there, &cause);
    } else if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    }
    if (rc != FIRN_OK) {
        firn_error_copy(err, &cause);
    }
    if (!*out_is_there) {
        firn_catalog_line_deinit(out);
    }
    firn_buf_deinit(&value);
    return rc;
}

int
firn_catalog_line_put(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace,
                      const struct firn_catalog_line *line, firn_error *err)
{
    uint8_t key[KEY_SIZE];
    struct firn_db_keyspace *keyspace;
    struct firn_buf value = {0};
    int rc;
    DCHECK(workspace != 0);
    firn_store_be32(key, workspace);
    FIRN_TRY(firn_db_keyspace_open(db, FIRN_CATALOG_UNDO, &keyspace, err));
    rc = firn_catalog_line_encode(line, &value);
    rc = rc != FIRN_OK ? firn_error_no_memory(err, "an undo line")
                       : firn_db_batch_put(batch, keyspace, firn_bytes(key, sizeof key),
                                           firn_buf_slice(&value), err);
out:
    firn_buf_deinit(&value);
    return rc;
}
