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

static const uint8_t FLAGS[] = {[FI_CATALOG_JOURNAL_UNDO] = FLAG_UNDO,
                                [FI_CATALOG_JOURNAL_REVERT] = FLAG_REVERT,
                                [FI_CATALOG_JOURNAL_REDO] = FLAG_UNDO | FLAG_REDO};

void
fi_catalog_journal_deinit(struct fi_catalog_journal *journal)
{
    fi_free((void *)(uintptr_t)journal->paths);
    fi_buf_deinit(&journal->bytes);
    *journal = (struct fi_catalog_journal){0};
}

/* ---- bytes ---- */

int
fi_catalog_journal_encode(const struct fi_catalog_journal *journal, struct fi_buf *out)
{
    size_t begin = out->size;
    DCHECK(journal->state >= FI_CATALOG_JOURNAL_DONE && journal->state <= FI_CATALOG_JOURNAL_BEGUN);
    if (journal->path_count > PATHS_MAX) {
        return FIRN_LIMIT;
    }
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)journal->state));
    FI_TRY_RETURN(fi_buf_append_u8(
        out, (uint8_t)(FLAGS[journal->kind] | (journal->is_partial ? FLAG_PARTIAL : 0))));
    FI_TRY_RETURN(fi_buf_append(out, journal->tag, sizeof journal->tag));
    FI_TRY_RETURN(fi_buf_append(out, journal->safety, sizeof journal->safety));
    FI_TRY_RETURN(fi_buf_append(out, journal->before, sizeof journal->before));
    FI_TRY_RETURN(fi_buf_append(out, journal->target, sizeof journal->target));
    FI_TRY_RETURN(fi_buf_append_varint(out, journal->path_count));
    for (size_t i = 0; i < journal->path_count; i++) {
        FI_TRY_RETURN(fi_buf_append_varint(out, journal->paths[i].size));
        FI_TRY_RETURN(fi_buf_append_slice(out, journal->paths[i]));
    }
    /* Another entry may have to keep this one as its previous entry. */
    FI_TRY_RETURN(out->size - begin < PREVIOUS_SIZE_MAX ? FIRN_OK : FIRN_LIMIT);
    FI_TRY_RETURN(fi_buf_append_varint(out, journal->previous.size));
    FI_TRY_RETURN(fi_buf_append_slice(out, journal->previous));
    return fi_buf_append_varint(out, 0);
}

int
fi_catalog_journal_encode_error(int rc, firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    return rc == FIRN_LIMIT ? fi_error_set(err, FIRN_LIMIT,
                                           "too many paths for one restore: at most %d, in 64 MiB; "
                                           "restore all, or a directory that has them",
                                           (int)PATHS_MAX)
                            : fi_error_no_memory(err, "the journal of a restore");
}

/* False for flags that exclude each other. */
static bool
read_kind(uint8_t flags, enum fi_catalog_journal_kind *out)
{
    for (*out = FI_CATALOG_JOURNAL_RESTORE; *out <= FI_CATALOG_JOURNAL_REDO; ++*out) {
        if (FLAGS[*out] == (flags & ~FLAG_PARTIAL)) {
            return true;
        }
    }
    return false;
}

static bool
read_paths(struct fi_reader *reader, struct fi_catalog_journal *out, bool *out_no_memory)
{
    uint64_t count;
    *out_no_memory = false;
    /* A path takes at least two bytes, so a false count allocates little. */
    if (!fi_reader_varint_max(reader, PATHS_MAX, &count) || count > fi_reader_left(reader)) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    firn_slice *paths = fi_alloc_array((size_t)count, sizeof *paths);
    *out_no_memory = paths == NULL;
    out->paths = paths;
    for (; paths != NULL && out->path_count < count; out->path_count++) {
        firn_slice *path = &paths[out->path_count];
        if (!fi_reader_sized(reader, FI_TREE_PATH_SIZE_MAX, path) || path->size == 0) {
            return false;
        }
    }
    return paths != NULL;
}

static int
catalog_journal_newer(firn_error *err, const char *what, unsigned value)
{
    return fi_error_set(err, FIRN_NEWER,
                        "the journal of a restore has %s %u, which this version does not know",
                        what, value);
}

int
fi_catalog_journal_decode(firn_slice bytes, struct fi_catalog_journal *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint8_t format;
    uint8_t state;
    uint8_t flags;
    uint64_t end;
    bool no_memory = false;
    if (fi_reader_u8(&reader, &format) && format != FORMAT) {
        return catalog_journal_newer(err, "format", format);
    }
    if (bytes.size > 0 && fi_reader_u8(&reader, &state) && fi_reader_u8(&reader, &flags)) {
        if (state < FI_CATALOG_JOURNAL_DONE || state > FI_CATALOG_JOURNAL_BEGUN) {
            return catalog_journal_newer(err, "state", state);
        }
        if ((flags & ~(unsigned)(FLAG_UNDO | FLAG_PARTIAL | FLAG_REDO | FLAG_REVERT)) != 0) {
            return catalog_journal_newer(err, "flags", flags);
        }
        out->state = (enum fi_catalog_journal_state)state;
        out->is_partial = (flags & FLAG_PARTIAL) != 0;
        if (fi_reader_copy(&reader, out->tag, sizeof out->tag) &&
            fi_reader_copy(&reader, out->safety, sizeof out->safety) &&
            fi_reader_copy(&reader, out->before, sizeof out->before) &&
            fi_reader_copy(&reader, out->target, sizeof out->target) &&
            read_kind(flags, &out->kind) && read_paths(&reader, out, &no_memory) &&
            fi_reader_sized(&reader, PREVIOUS_SIZE_MAX, &out->previous) &&
            fi_reader_varint(&reader, &end)) {
            if (end != 0) {
                return catalog_journal_newer(err, "a field", (unsigned)end);
            }
            if (fi_reader_left(&reader) == 0) {
                return FIRN_OK;
            }
        }
    }
    return no_memory ? fi_error_no_memory(err, "the journal of a restore")
                     : fi_error_set(err, FIRN_CORRUPT, "the journal of a restore is malformed");
}

/* ---- the keyspace ---- */

int
fi_catalog_journal_read(struct firn_db *db, uint32_t workspace, struct fi_catalog_journal *out,
                        firn_error *err)
{
    *out = (struct fi_catalog_journal){0};
    uint8_t key[KEY_SIZE];
    fi_store_be32(key, workspace);
    struct firn_db_keyspace *keyspace;
    firn_error none;
    int rc = fi_db_keyspace_open(db, FI_CATALOG_RESTORES, &keyspace, &none);
    if (rc == FIRN_OK) {
        rc = fi_db_get(keyspace, firn_bytes(key, sizeof key), &out->bytes, &none);
    }
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &none);
        return rc;
    }
    return fi_catalog_journal_decode(fi_buf_slice(&out->bytes), out, err);
}

static int
put_bytes(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace, firn_slice bytes,
          firn_error *err)
{
    DCHECK(workspace != 0);
    uint8_t key[KEY_SIZE];
    fi_store_be32(key, workspace);
    struct firn_db_keyspace *keyspace;
    int rc = fi_db_keyspace_open(db, FI_CATALOG_RESTORES, &keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_slice key_slice = firn_bytes(key, sizeof key);
    return bytes.size > 0 ? fi_db_batch_put(batch, keyspace, key_slice, bytes, err)
                          : fi_db_batch_delete(batch, keyspace, key_slice, err);
}

int
fi_catalog_journal_put(struct firn_db *db, struct firn_db_batch *batch, uint32_t workspace,
                       const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc = fi_catalog_journal_encode(journal, &bytes);
    rc = rc != FIRN_OK ? fi_catalog_journal_encode_error(rc, err)
                       : put_bytes(db, batch, workspace, fi_buf_slice(&bytes), err);
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_catalog_journal_write(struct firn_db *db, uint32_t workspace,
                         const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc = fi_catalog_journal_encode(journal, &bytes);
    rc = rc != FIRN_OK ? fi_catalog_journal_encode_error(rc, err)
                       : fi_catalog_journal_write_bytes(db, workspace, fi_buf_slice(&bytes), err);
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_catalog_journal_write_bytes(struct firn_db *db, uint32_t workspace, firn_slice bytes,
                               firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(put_bytes(db, batch, workspace, bytes, err));
    FI_TRY(fi_db_write(db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

static bool
is_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, FI_CATALOG_RECORD_ID_SIZE) == 0;
}

/* Whether the entry itself, not its previous one, needs a checkpoint. */
static bool
entry_needs(const struct fi_catalog_journal *journal, const uint8_t *id)
{
    if (journal->state == FI_CATALOG_JOURNAL_NONE) {
        return false;
    }
    return is_id(journal->safety, id) ||
           (fi_catalog_journal_is_pending(journal) &&
            (is_id(journal->before, id) || is_id(journal->target, id)));
}

int
fi_catalog_journal_needs(struct firn_db *db, uint32_t workspace, const uint8_t *id, bool *out,
                         firn_error *err)
{
    struct fi_catalog_journal journal;
    struct fi_catalog_journal previous = {0};
    *out = false;
    int rc;
    FI_TRY(fi_catalog_journal_read(db, workspace, &journal, err));
    if (journal.previous.size > 0) {
        FI_TRY(fi_catalog_journal_decode(journal.previous, &previous, err));
    }
    *out = entry_needs(&journal, id) || entry_needs(&previous, id);
    DCHECK(*out || journal.state == FI_CATALOG_JOURNAL_NONE ||
           !is_id(journal.safety, id)); /* (I3) */
out:
    fi_catalog_journal_deinit(&previous);
    fi_catalog_journal_deinit(&journal);
    return rc;
}
