/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_session.c: adding objects to a store, all that one save brings, as one new pack.
 *
 * Order of commitment (I1; not checked: only a power cut shows it): the pack is sealed and durable
 * under its name; then the pack list and the object index learn of it, in commits of about a
 * megabyte, not synced one by one; then the caller commits what refers to the objects, with full
 * durability, which syncs everything before it. Index entries without a checkpoint are harmless:
 * they say truly where objects are. A pack without index entries is swept by the next save.
 *
 * The index is written from the sealed pack's own table, read back page by page, after the writer's
 * memory was released: so a save of two million objects never holds both (I2). The first commit
 * holds the pack's own entry: no index entry ever names a pack that the list does not have (I3).
 *
 * Directories lie in frames of their own, apart from contents: to walk a tree, few frames have to
 * be decoded, and the contents of files compress better side by side.
 *
 * A new version of something may be stored as a delta (objects_session_delta.c), which needs its base to
 * be stored whole. What the store has is never stored again, so what is whole stays whole, with one
 * exception: where a pack is missing its objects are. Then nothing is stored as a delta (I4).
 *
 * Threads: lanes are one thread's each; begin, commit and end are for one thread while no lane is
 * open.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"
#include "objects/objects_session_delta.h"

enum { INDEX_BATCH_SIZE = 1 << 20, SCRATCH_FRAMES = 1 };

struct firn_objects_session {
    struct firn_objects *objects;
    struct firn_packfile_writer *writer;
    bool may_lean; /* on what the store has: new versions may be stored as deltas */
    uint32_t number;
    int level; /* what the list of packs will say */
    char name[FIRN_OBJECTS_INDEX_PACK_NAME_SIZE];
};

struct firn_objects_session_lane {
    struct firn_objects_session *session;
    struct firn_packfile_lane *contents;
    struct firn_packfile_lane *trees; /* and records */
    struct firn_objects_session_delta *delta;
};

/* The folder of packs, made at the first save. */
static int
make_dir(struct firn_objects *objects, firn_error *err)
{
    if (objects->dir != NULL) {
        return FIRN_OK;
    }
    struct firn_os_dir *store = firn_db_dir(objects->db);
    int rc = firn_os_make_dir_for_owner(store, FIRN_OBJECTS_INDEX_PACKS_DIR, store, 0700, err);
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        return rc;
    }
    rc = firn_os_dir_sync(store, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return firn_os_dir_open(store, FIRN_OBJECTS_INDEX_PACKS_DIR, &objects->dir, err);
}

int
firn_objects_session_begin(struct firn_objects *objects, int level,
                           struct firn_objects_session **out, firn_error *err)
{
    *out = NULL;
    CHECK(!firn_db_is_read_only(objects->db));
    struct firn_objects_session *session = firn_alloc_zeroed(sizeof *session);
    if (session == NULL) {
        return firn_error_no_memory(err, "a save");
    }
    session->objects = objects;
    session->level = FIRN_OBJECTS_SESSION_LEVEL;
    uint64_t number = firn_objects_retire_next(objects);
    session->number = (uint32_t)number;
    DCHECK(firn_objects_pack_of(objects, session->number) == NULL);
    firn_objects_index_pack_name(session->number, session->name);
    int rc = number > UINT32_MAX
                 ? firn_error_set(err, FIRN_LIMIT, "the store has no number left for a pack")
                 : make_dir(objects, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_are_present(objects, &session->may_lean, err); /* (I4) */
    }
    if (rc == FIRN_OK) {
        rc = firn_packfile_writer_create(objects->dir, session->name, level, &session->writer, err);
    }
    if (rc != FIRN_OK) {
        firn_objects_session_end(session);
        return rc;
    }
    *out = session;
    return FIRN_OK;
}

void
firn_objects_session_end(struct firn_objects_session *session)
{
    if (session != NULL) {
        firn_packfile_writer_destroy(session->writer);
        firn_free(session);
    }
}

int
firn_objects_session_lane_open(struct firn_objects_session *session,
                               struct firn_objects_session_lane **out, firn_error *err)
{
    *out = NULL;
    DCHECK(session->writer != NULL); /* not committed yet */
    struct firn_objects_session_lane *lane = firn_alloc_zeroed(sizeof *lane);
    if (lane == NULL) {
        return firn_error_no_memory(err, "a save");
    }
    lane->session = session;
    int rc;
    FIRN_TRY(firn_packfile_lane_create(session->writer, &lane->contents, err));
    FIRN_TRY(firn_packfile_lane_create(session->writer, &lane->trees, err));
    FIRN_TRY(firn_objects_session_delta_create(session->objects, &lane->delta, err));
    *out = lane;
    return FIRN_OK;
out:
    FIRN_IGNORE(firn_objects_session_lane_close(lane, false, NULL));
    return rc;
}

int
firn_objects_session_lane_close(struct firn_objects_session_lane *lane, bool keep, firn_error *err)
{
    if (lane == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    if (keep) {
        FIRN_TRY(firn_packfile_lane_flush(lane->contents, err));
        FIRN_TRY(firn_packfile_lane_flush(lane->trees, err));
    }
out:
    firn_packfile_lane_destroy(lane->contents);
    firn_packfile_lane_destroy(lane->trees);
    firn_objects_session_delta_destroy(lane->delta);
    firn_free(lane);
    return rc;
}

int
firn_objects_session_contains(struct firn_objects_session *session, const firn_hash *hash,
                              bool *out, firn_error *err)
{
    *out = firn_packfile_writer_contains(session->writer, hash);
    return *out ? FIRN_OK : firn_objects_contains(session->objects, hash, out, err);
}

void
firn_objects_session_remember_level(struct firn_objects_session *session, int level)
{
    session->level = level;
}

void
firn_objects_session_set_frame_size(struct firn_objects_session *session, size_t size)
{
    firn_packfile_writer_set_frame_size(session->writer, size);
}

bool
firn_objects_session_has_added(struct firn_objects_session *session, const firn_hash *hash)
{
    return firn_packfile_writer_contains(session->writer, hash);
}

/* Which frames an object of a kind belongs to. */
static struct firn_packfile_lane *
lane_of(struct firn_objects_session_lane *lane, enum firn_packfile_kind kind)
{
    bool is_content = kind == FIRN_PACKFILE_BLOB || kind == FIRN_PACKFILE_PIECES;
    return is_content ? lane->contents : lane->trees;
}

int
firn_objects_session_lane_add(struct firn_objects_session_lane *lane,
                              const struct firn_objects_object *object, bool *out_is_new,
                              firn_error *err)
{
    struct firn_objects_session *session = lane->session;
    struct firn_packfile_lane *into = lane_of(lane, object->kind);
    bool is_stored;
    firn_slice delta = {NULL, 0};
    *out_is_new = false;
    int rc = firn_objects_contains(session->objects, &object->hash, &is_stored, err);
    if (rc != FIRN_OK || is_stored) {
        return rc;
    }
    if (session->may_lean && object->base != NULL &&
        !firn_packfile_writer_contains(session->writer, &object->hash)) {
        rc = firn_objects_session_delta_make(lane->delta, object, &delta, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(delta.size == 0 || session->may_lean); /* (I4) */
    return delta.size > 0 ? firn_packfile_lane_add(into, FIRN_PACKFILE_DELTA, &object->hash, delta,
                                                   out_is_new, err)
                          : firn_packfile_lane_add(into, object->kind, &object->hash,
                                                   object->content, out_is_new, err);
}

int
firn_objects_session_lane_move(struct firn_objects_session_lane *lane, enum firn_packfile_kind kind,
                               const firn_hash *hash, firn_slice content, firn_error *err)
{
    bool is_new;
    enum firn_packfile_kind own = kind;
    if (kind == FIRN_PACKFILE_DELTA) {
        struct firn_packfile_delta delta;
        int rc = firn_packfile_delta_decode(content, &delta, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        own = delta.kind;
    }
    return firn_packfile_lane_add(lane_of(lane, own), kind, hash, content, &is_new, err);
}

int
firn_objects_session_lane_copy(struct firn_objects_session_lane *lane,
                               const struct firn_packfile_frame_object *objects, size_t count,
                               enum firn_codec codec, firn_slice stored, uint32_t raw_size,
                               firn_error *err)
{
    return firn_packfile_lane_copy(lane->contents, objects, count, codec, stored, raw_size, err);
}

void
firn_objects_session_note_cells(struct firn_objects_session *session)
{
    firn_packfile_writer_note_cells(session->writer);
}

uint64_t
firn_objects_session_size_bytes(const struct firn_objects_session *session)
{
    return firn_packfile_writer_size_bytes(session->writer);
}

uint64_t
firn_objects_session_object_count(const struct firn_objects_session *session)
{
    return firn_packfile_writer_count(session->writer);
}

/* ---- commit ---- */

struct indexing {
    struct firn_objects *objects;
    struct firn_db_batch *batch;
    uint32_t pack;
};

static int
write_batch(struct indexing *indexing, firn_error *err)
{
    int rc = firn_db_write(indexing->objects->db, indexing->batch, FIRN_DURABILITY_OS, err);
    firn_db_batch_clear(indexing->batch);
    return rc;
}

static int
index_object(void *ctx, const firn_hash *hash, const struct firn_packfile_location *at,
             firn_error *err)
{
    struct indexing *indexing = ctx;
    struct firn_objects_place place = {.pack = indexing->pack, .at = *at};
    uint8_t value[FIRN_OBJECTS_INDEX_PLACE_SIZE_MAX];
    size_t size = firn_objects_index_encode_place(&place, value);
    int rc = firn_db_batch_put(indexing->batch, indexing->objects->index,
                               firn_bytes(hash->bytes, sizeof hash->bytes), firn_bytes(value, size),
                               err);
    if (rc == FIRN_OK && firn_db_batch_size_bytes(indexing->batch) >= INDEX_BATCH_SIZE) {
        rc = write_batch(indexing, err);
    }
    return rc;
}

static int
index_pack(struct indexing *indexing, struct firn_packfile *file,
           const struct firn_objects_index_pack *entry, firn_error *err)
{
    uint8_t key[FIRN_OBJECTS_INDEX_PACK_KEY_SIZE];
    uint8_t value[FIRN_OBJECTS_INDEX_PACK_SIZE_MAX];
    size_t value_size = firn_objects_index_encode_pack(entry, key, value);
    struct firn_packfile_scratch *scratch = NULL;
    int rc;
    DCHECK(firn_db_batch_count(indexing->batch) == 0); /* (I3): this entry comes first */
    DCHECK(entry->number == indexing->pack && entry->state == FIRN_OBJECTS_INDEX_PACK_USED);
    FIRN_TRY(firn_db_batch_put(indexing->batch, indexing->objects->pack_list,
                               firn_bytes(key, sizeof key), firn_bytes(value, value_size), err));
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &scratch, err));
    FIRN_TRY(firn_packfile_list(file, scratch, index_object, indexing, err));
    FIRN_TRY(write_batch(indexing, err));
out:
    firn_packfile_scratch_destroy(scratch);
    return rc;
}

/* Makes room for one more pack before anything is committed, so that learning of it cannot fail
 * afterwards. */
static int
reserve_pack(struct firn_objects *objects, firn_error *err)
{
    struct firn_objects_pack *packs =
        firn_resize_array(objects->packs, objects->pack_count + 1, sizeof *packs);
    if (packs == NULL) {
        return firn_error_no_memory(err, "the list of packs");
    }
    objects->packs = packs;
    return FIRN_OK;
}

static int
seal(struct firn_objects_session *session, struct firn_packfile **out, firn_error *err)
{
    uint64_t size;
    int rc = firn_packfile_writer_finish(session->writer, &size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_packfile_writer_destroy(session->writer);
    session->writer = NULL;
    return firn_packfile_open(session->objects->dir, session->name, out, err);
}

int
firn_objects_session_commit(struct firn_objects_session *session, uint64_t *out_added_bytes,
                            firn_error *err)
{
    *out_added_bytes = 0;
    if (firn_packfile_writer_count(session->writer) == 0) {
        return FIRN_OK;
    }
    struct firn_objects *objects = session->objects;
    struct indexing indexing = {.objects = objects, .pack = session->number};
    struct firn_packfile *file = NULL;
    int rc;
    FIRN_TRY(reserve_pack(objects, err));
    FIRN_TRY(firn_db_batch_create(&indexing.batch, err));
    CHECK(firn_objects_retire_next(objects) == session->number); /* nobody was given it */
    FIRN_TRY(seal(session, &file, err));
    DCHECK(session->writer == NULL); /* (I2) */
    struct firn_objects_index_pack entry = {
        .number = session->number,
        .id = *firn_packfile_id(file),
        .size_bytes = firn_packfile_size_bytes(file),
        .level = session->level > FIRN_OBJECTS_SESSION_LEVEL ? (uint8_t)session->level : 0,
        .object_count = firn_packfile_count(file)};
    FIRN_TRY(index_pack(&indexing, file, &entry, err));
    objects->packs[objects->pack_count++] =
        (struct firn_objects_pack){.entry = entry, .presence = FIRN_OBJECTS_PRESENT};
    *out_added_bytes = entry.size_bytes;
out:
    firn_packfile_close(file);
    firn_db_batch_destroy(indexing.batch);
    return rc;
}
