/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_turns.c: turns of coding agents that have begun, in a keyspace of their own.
 *
 * A finished conversation leaves its last turn here, and firn cannot know that it is finished. So a
 * workspace keeps only the turns of the FI_CATALOG_TURNS_MAX conversations that were active last
 * (I1).
 */
#include "catalog/catalog.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"

enum { TURN_FORMAT = 2, TURN_FORMAT_OLD = 1, WORKSPACE_SIZE = 4 };

static int
make_key(uint32_t workspace, firn_slice agent, firn_slice session, struct fi_buf *out,
         firn_error *err)
{
    DCHECK(agent.size > 0 && agent.size <= FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    DCHECK(session.size <= FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    uint8_t number[WORKSPACE_SIZE];
    fi_store_be32(number, workspace);
    fi_buf_clear(out);
    if (fi_buf_append(out, number, sizeof number) == FIRN_OK &&
        fi_buf_append_sized(out, agent) == FIRN_OK &&
        fi_buf_append_slice(out, session) == FIRN_OK) {
        return FIRN_OK;
    }
    return fi_error_no_memory(err, "a turn");
}

/* Of the turn only its number and prompt. */
static int
catalog_turns_decode(firn_slice value, struct fi_catalog_turns_noted *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format = 0;
    uint8_t is_over = 0;
    uint64_t time = 0;
    *out = (struct fi_catalog_turns_noted){0};
    if (fi_reader_u8(&reader, &format) && (format == 0 || format > TURN_FORMAT)) {
        return fi_error_set(err, FIRN_NEWER, "a turn has format %u, this version knows %u", format,
                            TURN_FORMAT);
    }
    if (fi_reader_le64(&reader, &time) && fi_reader_varint(&reader, &out->turn.number) &&
        fi_reader_sized(&reader, FI_CATALOG_RECORD_PROMPT_SIZE_MAX, &out->turn.prompt) &&
        (format == TURN_FORMAT_OLD || (fi_reader_u8(&reader, &is_over) && is_over <= 1)) &&
        fi_reader_left(&reader) == 0) {
        out->begun_ns = (int64_t)time;
        out->is_over = is_over == 1;
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_CORRUPT, "a turn's entry in the catalog is malformed");
}

int
fi_catalog_turns_get(struct fi_catalog *catalog, uint32_t workspace, firn_slice agent,
                     firn_slice session, struct fi_buf *out,
                     struct fi_catalog_turns_noted *out_noted, firn_error *err)
{
    struct firn_db_keyspace *turns;
    struct fi_buf key = {0};
    struct fi_catalog_turns_noted noted;
    int rc;
    FI_TRY(make_key(workspace, agent, session, &key, err));
    FI_TRY(fi_db_keyspace_open(fi_catalog_db(catalog), FI_CATALOG_TURNS, &turns, err));
    FI_TRY(fi_db_get(turns, fi_buf_slice(&key), out, err));
    FI_TRY(catalog_turns_decode(fi_buf_slice(out), &noted, err));
    noted.turn.agent = agent;
    noted.turn.session = session;
    *out_noted = noted;
out:
    fi_buf_deinit(&key);
    return rc;
}

/* Copies an entry: its key, then its value. */
static int
copy_entry(firn_slice key, firn_slice value, struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    return fi_buf_append_slice(out, key) == FIRN_OK && fi_buf_append_slice(out, value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a turn");
}

/* Fills *turn from a copied entry, of which key_size bytes are its key. False for a malformed
 * one. */
static bool
turn_of(const struct fi_buf *entry, size_t key_size, firn_workspace_turn *turn)
{
    struct fi_catalog_turns_noted noted;
    struct fi_reader reader =
        fi_reader_of(firn_bytes(entry->data + WORKSPACE_SIZE, key_size - WORKSPACE_SIZE));
    if (!fi_reader_sized(&reader, FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX, &turn->agent) ||
        catalog_turns_decode(firn_bytes(entry->data + key_size, entry->size - key_size), &noted,
                             NULL) != FIRN_OK) {
        return false;
    }
    size_t left = fi_reader_left(&reader);
    turn->session = firn_bytes(entry->data + key_size - left, left);
    turn->number = noted.turn.number;
    turn->prompt = noted.turn.prompt;
    return turn->agent.size > 0;
}

int
fi_catalog_turns_newest(struct fi_catalog *catalog, uint32_t workspace, struct fi_buf *out,
                        firn_workspace_turn *turn, int64_t *out_begun_ns, firn_error *err)
{
    uint8_t number[WORKSPACE_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_cursor *cursor = NULL;
    struct firn_db_keyspace *turns;
    size_t key_size = 0;
    int rc;
    *turn = (firn_workspace_turn){.number = 0};
    *out_begun_ns = 0;
    FI_TRY(fi_db_keyspace_open(fi_catalog_db(catalog), FI_CATALOG_TURNS, &turns, err));
    FI_TRY(fi_db_cursor_open(turns, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_catalog_turns_noted noted;
        firn_slice key = fi_db_cursor_key(cursor);
        firn_slice value = fi_db_cursor_value(cursor);
        if (catalog_turns_decode(value, &noted, NULL) == FIRN_OK && !noted.is_over &&
            noted.begun_ns > *out_begun_ns) {
            FI_TRY(copy_entry(key, value, out, err));
            *out_begun_ns = noted.begun_ns;
            key_size = key.size;
        }
    }
    if (rc == FIRN_OK && (key_size == 0 || !turn_of(out, key_size, turn))) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "no turn of an agent is under way");
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* Adds the deletion of the oldest turn to a batch if there are FI_CATALOG_TURNS_MAX already
 * (I1), unless the new turn replaces the one with its key. */
static int
make_room(struct firn_db_keyspace *turns, uint32_t workspace, firn_slice key,
          struct firn_db_batch *batch, firn_error *err)
{
    uint8_t number[WORKSPACE_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_cursor *cursor = NULL;
    struct fi_buf oldest = {0};
    int64_t oldest_ns = INT64_MAX;
    size_t count = 0;
    bool is_replaced = false;
    int rc;
    FI_TRY(fi_db_cursor_open(turns, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err), count++) {
        struct fi_catalog_turns_noted noted;
        is_replaced |= fi_slice_equal(fi_db_cursor_key(cursor), key);
        int64_t time_ns = catalog_turns_decode(fi_db_cursor_value(cursor), &noted, NULL) == FIRN_OK
                              ? noted.begun_ns
                              : INT64_MIN; /* unreadable turns are deleted first */
        if (time_ns <= oldest_ns) {
            oldest_ns = time_ns;
            fi_buf_clear(&oldest);
            FI_TRY(fi_buf_append_slice(&oldest, fi_db_cursor_key(cursor)) == FIRN_OK
                       ? FIRN_OK
                       : fi_error_no_memory(err, "a turn"));
        }
    }
    if (rc == FIRN_OK && count >= FI_CATALOG_TURNS_MAX && !is_replaced) {
        DCHECK(oldest.size >= WORKSPACE_SIZE); /* (I1): one was found */
        rc = fi_db_batch_delete(batch, turns, fi_buf_slice(&oldest), err);
    }
out:
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&oldest);
    return rc;
}

static int
catalog_turns_encode(const firn_workspace_turn *turn, int64_t begun_ns, bool is_over,
                     struct fi_buf *out)
{
    DCHECK(turn->prompt.size <= FI_CATALOG_RECORD_PROMPT_SIZE_MAX);
    FI_TRY_RETURN(fi_buf_append_u8(out, TURN_FORMAT));
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)begun_ns));
    FI_TRY_RETURN(fi_buf_append_varint(out, turn->number));
    FI_TRY_RETURN(fi_buf_append_sized(out, turn->prompt));
    return fi_buf_append_u8(out, is_over ? 1 : 0);
}

int
fi_catalog_turns_put(struct fi_catalog *catalog, uint32_t workspace,
                     const firn_workspace_turn *turn, int64_t begun_ns, bool is_over,
                     firn_error *err)
{
    struct firn_db *db = fi_catalog_db(catalog);
    struct firn_db_keyspace *turns;
    struct firn_db_batch *batch = NULL;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    int rc;
    FI_TRY(make_key(workspace, turn->agent, turn->session, &key, err));
    FI_TRY(catalog_turns_encode(turn, begun_ns, is_over, &value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a turn"));
    FI_TRY(fi_db_keyspace_open(db, FI_CATALOG_TURNS, &turns, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(make_room(turns, workspace, fi_buf_slice(&key), batch, err));
    FI_TRY(fi_db_batch_put(batch, turns, fi_buf_slice(&key), fi_buf_slice(&value), err));
    FI_TRY(fi_db_write(db, batch, FIRN_DURABILITY_OS, err));
out:
    fi_db_batch_destroy(batch);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    return rc;
}
