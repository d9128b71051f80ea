/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_journal.c: one entry for each workspace about its last restore in place.
 *
 * An entry is not a list of steps. A restore goes from one tree to another, both trees are in the
 * store, and its temporary names follow from its tag and the paths. So after a crash the two trees
 * and the tag suffice to find out what has happened (checkout_recover.c). The entry is written
 * three times, each time durably: PREPARED in the commit of the safety checkpoint, before the first
 * temporary name is made; BEGUN when everything new is durable, before the first rename; DONE when
 * the result is durable. So (I1) while PREPARED, what has a temporary name is this restore's own,
 * complete or not, and (I2) later, what has one and is in neither tree is a user's edit. Neither is
 * checked here: ws_restore_in_place.c keeps this order.
 *
 * The entry also says what an undo brings back (I3): not the newest safety checkpoint, but the one
 * of the last restore that changed something. A restore keeps the entry that it found in its own
 * entry, and puts it back if it changes nothing.
 */
#include "catalog/catalog_journal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"

enum {
    FORMAT = 1,
    FLAG_UNDO = 1,
    FLAG_PARTIAL = 2,
    FLAG_REDO = 4,
    FLAG_REVERT = 8,
    KEY_SIZE = 4,
    PATHS_MAX = 1 << 20,
    PREVIOUS_SIZE_MAX = 64 << 20
};

static const uint8_t FLAGS[] = {[FIRN_CATALOG_JOURNAL_UNDO] = FLAG_UNDO,
                                [FIRN_CATALOG_JOURNAL_REVERT] = FLAG_REVERT,
                                [FIRN_CATALOG_JOURNAL_REDO] = FLAG_UNDO | FLAG_REDO};

void
firn_catalog_journal_deinit(struct firn_catalog_journal *journal)
{
    firn_free((void *)(uintptr_t)journal->paths);
    firn_buf_deinit(&journal->bytes);
    *journal = (struct firn_catalog_journal){0};
}

/* ---- bytes ---- */

int
firn_catalog_journal_encode(const struct firn_catalog_journal *journal, struct firn_buf *out)
{
    size_t begin = out->size;
    DCHECK(journal->state >= FIRN_CATALOG_JOURNAL_DONE &&
           journal->state <= FIRN_CATALOG_JOURNAL_BEGUN);
    if (journal->path_count > PATHS_MAX) {
        return FIRN_LIMIT;
    }
    FIRN_TRY_RETURN(firn_buf_append_u8(out, FORMAT));
    FIRN_TRY_RETURN(firn_buf_append_u8(out, (uint8_t)journal->state));
    FIRN_TRY_RETURN(firn_buf_append_u8(
        out, (uint8_t)(FLAGS[journal->kind] | (journal->is_partial ? FLAG_PARTIAL : 0))));
    FIRN_TRY_RETURN(firn_buf_append(out, journal->tag, sizeof journal->tag));
    FIRN_TRY_RETURN(firn_buf_append(out, journal->safety, sizeof journal->safety));
    FIRN_TRY_RETURN(firn_buf_append(out, journal->before, sizeof journal->before));
    FIRN_TRY_RETURN(firn_buf_append(out, journal->target, sizeof journal->target));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, journal->path_count));
    for (size_t i = 0; i < journal->path_count; i++) {
        FIRN_TRY_RETURN(firn_buf_append_varint(out, journal->paths[i].size));
        FIRN_TRY_RETURN(firn_buf_append_slice(out, journal->paths[i]));
    }
    /* Another entry may have to keep this one as its previous entry. */
    FIRN_TRY_RETURN(out->size - begin < PREVIOUS_SIZE_MAX ? FIRN_OK : FIRN_LIMIT);
    FIRN_TRY_RETURN(firn_buf_append_varint(out, journal->previous.size));
    FIRN_TRY_RETURN(firn_buf_append_slice(out, journal->previous));
    return firn_buf_append_varint(out, 0);
}

int
firn_catalog_journal_encode_error(int rc, firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    return rc == FIRN_LIMIT
               ? firn_error_set(err, FIRN_LIMIT,
                                "too many paths for one restore: at most %d, in 64 MiB; "
                                "restore all, or a directory that has them",
                                (int)PATHS_MAX)
               : firn_error_no_memory(err, "the journal of a restore");
}

/* False for flags that exclude each other. */
static bool
read_kind(uint8_t flags, enum firn_catalog_journal_kind *out)
{
    for (*out = FIRN_CATALOG_JOURNAL_RESTORE; *out <= FIRN_CATALOG_JOURNAL_REDO; ++*out) {
        if (FLAGS[*out] == (flags & ~FLAG_PARTIAL)) {
            return true;
        }
    }
    return false;
}

static bool
read_paths(struct firn_reader *reader, struct firn_catalog_journal *out, bool *out_no_memory)
{
    uint64_t count;
    *out_no_memory = false;
    /* A path takes at least two bytes, so a false count allocates little. */
    if (!firn_reader_varint_max(reader, PATHS_MAX, &count) || count > firn_reader_left(reader)) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    firn_slice *paths = firn_alloc_array((size_t)count, sizeof *paths);
    *out_no_memory = paths == NULL;
    out->paths = paths;
    for (; paths != NULL && out->path_count < count; out->path_count++) {
        firn_slice *path = &paths[out->path_count];
        if (!firn_reader_sized(reader, FIRN_TREE_PATH_SIZE_MAX, path) || path->size == 0) {
            return false;
        }
    }
    return paths != NULL;
}

static int
newer(firn_error *err, const char *what, unsigned value)
{
    return firn_error_set(err, FIRN_NEWER,
                          "the journal of a restore has %s %u, which this version does not know",
                          what, value);
}

int
firn_catalog_journal_decode(firn_slice bytes, struct firn_catalog_journal *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(bytes);
    uint8_t format;
    uint8_t state;
    uint8_t flags;
    uint64_t end;
    bool no_memory = false;
    if (firn_reader_u8(&reader, &format) && format != FORMAT) {
        return newer(err, "format", format);
    }
    if (bytes.size > 0 && firn_reader_u8(&reader, &state) && firn_reader_u8(&reader, &flags)) {
        if (state < FIRN_CATALOG_JOURNAL_DONE || state > FIRN_CATALOG_JOURNAL_BEGUN) {
            return newer(err, "state", state);
        }
        if ((flags & ~(unsigned)(FLAG_UNDO | FLAG_PARTIAL | FLAG_REDO | FLAG_REVERT)) != 0) {
            return newer(err, "flags", flags);
        }
        out->state = (enum firn_catalog_journal_state)state;
        out->is_partial = (flags & FLAG_PARTIAL) != 0;
        if (firn_reader_copy(&reader, out->tag, sizeof out->tag) &&
            firn_reader_copy(&reader, out->safety, sizeof out->safety) &&
            firn_reader_copy(&reader, out->before, sizeof out->before) &&
            firn_reader_copy(&reader, out->target, sizeof out->target) &&
            read_kind(flags, &out->kind) && read_paths(&reader, out, &no_memory) &&
            firn_reader_sized(&reader, PREVIOUS_SIZE_MAX, &out->previous) &&
            firn_reader_varint(&reader, &end)) {
            if (end != 0) {
                return newer(err, "a field", (unsigned)end);
            }
            if (firn_reader_left(&reader) == 0) {
                return FIRN_OK;
            }
        }
    }
    return no_memory ? firn_error_no_memory(err, "the journal of a restore")
                     : firn_error_set(err, FIRN_CORRUPT, "the journal of a restore is malformed");
}

/* ---- the keyspace ---- */

int
firn_catalog_journal_read(struct firn_db *db, uint32_t workspace, struct firn_catalog_journal *out,
                          firn_error *err)
{
    *out = (struct firn_catalog_journal){0};
    uint8_t key[KEY_SIZE];
    firn_store_be32(key, workspace);
    struct firn_db_keyspace *keyspace;
    firn_error none;
    int rc = firn_db_keyspace_open(db, FIRN_CATALOG_RESTORES, &keyspace, &none);
    if (rc == FIRN_OK) {
        rc = firn_db_get(keyspace, firn_bytes(key, sizeof key), &out->bytes, &none);
    }
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        firn_error_copy(err, &none);
        return rc;
    }
    return firn_catalog_journal_decode(firn_buf_slice(&out->bytes), out, err);
}

static int
put_bytes(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace, firn_slice bytes,
          firn_error *err)
{
    DCHECK(workspace != 0);
    uint8_t key[KEY_SIZE];
    firn_store_be32(key, workspace);
    struct firn_db_keyspace *keyspace;
    int rc = firn_db_keyspace_open(db, FIRN_CATALOG_RESTORES, &keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_slice key_slice = firn_bytes(key, sizeof key);
    return bytes.size > 0 ? firn_db_batch_put(batch, keyspace, key_slice, bytes, err)
                          : firn_db_batch_delete(batch, keyspace, key_slice, err);
}

int
firn_catalog_journal_put(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace,
                         const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_buf bytes = {0};
    int rc = firn_catalog_journal_encode(journal, &bytes);
    rc = rc != FIRN_OK ? firn_catalog_journal_encode_error(rc, err)
                       : put_bytes(db, batch, workspace, firn_buf_slice(&bytes), err);
    firn_buf_deinit(&bytes);
    return rc;
}

int
firn_catalog_journal_write(struct firn_db *db, uint32_t workspace,
                           const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_buf bytes = {0};
    int rc = firn_catalog_journal_encode(journal, &bytes);
    rc = rc != FIRN_OK
             ? firn_catalog_journal_encode_error(rc, err)
             : firn_catalog_journal_write_bytes(db, workspace, firn_buf_slice(&bytes), err);
    firn_buf_deinit(&bytes);
    return rc;
}

int
firn_catalog_journal_write_bytes(struct firn_db *db, uint32_t workspace, firn_slice bytes,
                                 firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(put_bytes(db, batch, workspace, bytes, err));
    FIRN_TRY(firn_db_write(db, batch, FIRN_DURABILITY_FULL, err));
out:
    firn_db_batch_destroy(batch);
    return rc;
}

static bool
is_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, FIRN_CATALOG_RECORD_ID_SIZE) == 0;
}

/* Whether the entry itself, not its previous one, needs a checkpoint. */
static bool
entry_needs(const struct firn_catalog_journal *journal, const uint8_t *id)
{
    if (journal->state == FIRN_CATALOG_JOURNAL_NONE) {
        return false;
    }
    return is_id(journal->safety, id) ||
           (firn_catalog_journal_is_pending(journal) &&
            (is_id(journal->before, id) || is_id(journal->target, id)));
}

int
firn_catalog_journal_needs(struct firn_db *db, uint32_t workspace, const uint8_t *id, bool *out,
                           firn_error *err)
{
    struct firn_catalog_journal journal;
    struct firn_catalog_journal previous = {0};
    *out = false;
    int rc;
    FIRN_TRY(firn_catalog_journal_read(db, workspace, &journal, err));
    if (journal.previous.size > 0) {
        FIRN_TRY(firn_catalog_journal_decode(journal.previous, &previous, err));
    }
    *out = entry_needs(&journal, id) || entry_needs(&previous, id);
    DCHECK(*out || journal.state == FIRN_CATALOG_JOURNAL_NONE ||
           !is_id(journal.safety, id)); /* (I3) */
out:
    firn_catalog_journal_deinit(&previous);
    firn_catalog_journal_deinit(&journal);
    return rc;
}
