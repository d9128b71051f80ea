/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_session.c: adding all objects of one save to a store, as one new pack.
 *
 * Order of commits (I1; not checked: only a power cut shows it). First the pack is sealed, and made
 * durable under its name. Then it is added to the pack list and the object index, in commits of
 * about a megabyte that are not synced one by one. Then the caller commits what refers to the
 * objects with full durability, which syncs everything before it. Index entries that no checkpoint
 * needs are correct and do no harm. A pack without index entries is deleted by the next save.
 *
 * The index is written from the sealed pack's own table, which is read back page by page after the
 * writer's memory has been freed, so a save of two million objects never has both in memory (I2).
 * The first commit contains the pack's own entry, so no index entry ever names a pack that is not
 * in the list (I3).
 *
 * Directories have frames of their own: walking a tree then decodes few frames, and the contents of
 * files compress better together.
 *
 * A new version of an object may be stored as a delta, whose base must be
 * stored whole. An object that the store has is never stored again, so a whole object stays whole,
 * with one exception: if a pack is missing, its objects are stored again. Then nothing is stored as
 * a delta (I4).
 *
 * Threads: each lane belongs to one thread; begin, commit and end are for one thread while no lane
 * is open.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum { SCRATCH_FRAMES = 1 };

struct fi_objects_session {
    struct fi_objects *objects;
    struct firn_pack_writer *writer;
    bool may_lean; /* new versions may be stored as deltas of objects that the store has */
    uint32_t number;
    int level; /* recorded in the list of packs */
    bool frees_space;
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
};

struct fi_objects_session_lane {
    struct fi_objects_session *session;
    struct fi_pack_lane *contents;
    struct fi_pack_lane *trees; /* and records */
    struct fi_objects_delta *delta;
};

int
fi_objects_session_begin(struct fi_objects *objects, int level, struct fi_objects_session **out,
                         firn_error *err)
{
    *out = NULL;
    CHECK(!fi_db_is_read_only(objects->db));
    struct fi_objects_session *session = fi_alloc_zeroed(sizeof *session);
    if (session == NULL) {
        return fi_error_no_memory(err, "a save");
    }
    session->objects = objects;
    session->level = FI_OBJECTS_SESSION_LEVEL;
    uint64_t number = fi_objects_retire_next(objects);
    session->number = (uint32_t)number;
    DCHECK(fi_objects_pack_of(objects, session->number) == NULL);
    fi_objects_index_pack_name(session->number, session->name);
    int rc = number > UINT32_MAX
                 ? fi_error_set(err, FIRN_LIMIT, "the store has no number left for a pack")
                 : fi_objects_enter_make_dir(objects, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_are_present(objects, &session->may_lean, err); /* (I4) */
    }
    if (rc == FIRN_OK) {
        rc = fi_pack_writer_create(objects->dir, session->name, level, &session->writer, err);
    }
    if (rc != FIRN_OK) {
        fi_objects_session_end(session);
        return rc;
    }
    *out = session;
    return FIRN_OK;
}

void
fi_objects_session_end(struct fi_objects_session *session)
{
    if (session != NULL) {
        fi_pack_writer_destroy(session->writer);
        fi_free(session);
    }
}

int
fi_objects_session_lane_open(struct fi_objects_session *session,
                             struct fi_objects_session_lane **out, firn_error *err)
{
    *out = NULL;
    DCHECK(session->writer != NULL); /* not committed yet */
    struct fi_objects_session_lane *lane = fi_alloc_zeroed(sizeof *lane);
    if (lane == NULL) {
        return fi_error_no_memory(err, "a save");
    }
    lane->session = session;
    int rc;
    FI_TRY(fi_pack_lane_create(session->writer, &lane->contents, err));
    FI_TRY(fi_pack_lane_create(session->writer, &lane->trees, err));
    FI_TRY(fi_objects_delta_create(session->objects, &lane->delta, err));
    *out = lane;
    return FIRN_OK;
out:
    FI_IGNORE(fi_objects_session_lane_close(lane, false, NULL));
    return rc;
}

int
fi_objects_session_lane_close(struct fi_objects_session_lane *lane, bool keep, firn_error *err)
{
    if (lane == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    if (keep) {
        FI_TRY(fi_pack_lane_flush(lane->contents, err));
        FI_TRY(fi_pack_lane_flush(lane->trees, err));
    }
out:
    fi_pack_lane_destroy(lane->contents);
    fi_pack_lane_destroy(lane->trees);
    fi_objects_delta_destroy(lane->delta);
    fi_free(lane);
    return rc;
}

int
fi_objects_session_contains(struct fi_objects_session *session, const firn_hash *hash, bool *out,
                            firn_error *err)
{
    *out = fi_pack_writer_contains(session->writer, hash);
    return *out ? FIRN_OK : fi_objects_contains(session->objects, hash, out, err);
}

void
fi_objects_session_remember_level(struct fi_objects_session *session, int level)
{
    session->level = level;
}

void
fi_objects_session_free_space(struct fi_objects_session *session)
{
    session->frees_space = true;
}

void
fi_objects_session_set_frame_size(struct fi_objects_session *session, size_t size)
{
    fi_pack_writer_set_frame_size(session->writer, size);
}

bool
fi_objects_session_has_added(struct fi_objects_session *session, const firn_hash *hash)
{
    return fi_pack_writer_contains(session->writer, hash);
}

/* The frames that an object of a kind goes to. */
static struct fi_pack_lane *
lane_of(struct fi_objects_session_lane *lane, enum fi_pack_kind kind)
{
    bool is_content = kind == FI_PACK_BLOB || kind == FI_PACK_PIECES;
    return is_content ? lane->contents : lane->trees;
}

int
fi_objects_session_lane_add(struct fi_objects_session_lane *lane,
                            const struct fi_objects_object *object, bool *out_is_new,
                            firn_error *err)
{
    struct fi_objects_session *session = lane->session;
    struct fi_pack_lane *into = lane_of(lane, object->kind);
    bool is_stored;
    firn_slice delta = {NULL, 0};
    *out_is_new = false;
    int rc = fi_objects_contains(session->objects, &object->hash, &is_stored, err);
    if (rc != FIRN_OK || is_stored) {
        return rc;
    }
    if (session->may_lean && object->base != NULL &&
        !fi_pack_writer_contains(session->writer, &object->hash)) {
        rc = fi_objects_delta_make(lane->delta, object, &delta, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(delta.size == 0 || session->may_lean); /* (I4) */
    return delta.size > 0
               ? fi_pack_lane_add(into, FI_PACK_DELTA, &object->hash, delta, out_is_new, err)
               : fi_pack_lane_add(into, object->kind, &object->hash, object->content, out_is_new,
                                  err);
}

int
fi_objects_session_lane_move(struct fi_objects_session_lane *lane, enum fi_pack_kind kind,
                             const firn_hash *hash, firn_slice content, firn_error *err)
{
    bool is_new;
    enum fi_pack_kind own = kind;
    if (kind == FI_PACK_DELTA) {
        struct fi_pack_delta delta;
        int rc = fi_pack_delta_decode(content, &delta, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        own = delta.kind;
    }
    return fi_pack_lane_add(lane_of(lane, own), kind, hash, content, &is_new, err);
}

int
fi_objects_session_lane_copy(struct fi_objects_session_lane *lane,
                             const struct fi_pack_frame_object *objects, size_t count,
                             enum fi_codec codec, firn_slice stored, uint32_t raw_size,
                             firn_error *err)
{
    return fi_pack_lane_copy(lane->contents, objects, count, codec, stored, raw_size, err);
}

void
fi_objects_session_note_cells(struct fi_objects_session *session)
{
    fi_pack_writer_note_cells(session->writer);
}

uint64_t
fi_objects_session_size_bytes(const struct fi_objects_session *session)
{
    return fi_pack_writer_size_bytes(session->writer);
}

uint64_t
fi_objects_session_object_count(const struct fi_objects_session *session)
{
    return fi_pack_writer_count(session->writer);
}

/* ---- commit ---- */

static int
seal(struct fi_objects_session *session, struct firn_pack **out, firn_error *err)
{
    uint64_t size;
    int rc = fi_pack_writer_finish(session->writer, &size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_pack_writer_destroy(session->writer);
    session->writer = NULL;
    return fi_pack_open(session->objects->dir, session->name, out, err);
}

int
fi_objects_session_commit(struct fi_objects_session *session, uint64_t *out_added_bytes,
                          firn_error *err)
{
    *out_added_bytes = 0;
    if (fi_pack_writer_count(session->writer) == 0) {
        return FIRN_OK;
    }
    struct fi_objects *objects = session->objects;
    struct fi_objects_entering entering = {
        .objects = objects, .pack = session->number, .frees_space = session->frees_space};
    struct firn_pack *file = NULL;
    struct fi_pack_scratch *scratch = NULL;
    int rc;
    FI_TRY(fi_objects_enter_reserve(objects, err));
    FI_TRY(fi_db_batch_create(&entering.batch, err));
    CHECK(fi_objects_retire_next(objects) == session->number); /* no other session has it */
    FI_TRY(seal(session, &file, err));
    DCHECK(session->writer == NULL); /* (I2) */
    struct fi_objects_index_pack entry = {
        .number = session->number,
        .id = *fi_pack_id(file),
        .size_bytes = fi_pack_size_bytes(file),
        .level = session->level > FI_OBJECTS_SESSION_LEVEL ? (uint8_t)session->level : 0,
        .object_count = fi_pack_count(file)};
    FI_TRY(fi_objects_enter_pack(&entering, &entry, err)); /* (I3) */
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &scratch, err));
    FI_TRY(fi_pack_list(file, scratch, fi_objects_enter_object, &entering, err));
    FI_TRY(fi_objects_enter_flush(&entering, err));
    objects->packs[objects->pack_count++] =
        (struct fi_objects_pack){.entry = entry, .presence = FI_OBJECTS_PRESENT};
    *out_added_bytes = entry.size_bytes;
out:
    fi_pack_scratch_destroy(scratch);
    fi_pack_close(file);
    fi_db_batch_destroy(entering.batch);
    return rc;
}
