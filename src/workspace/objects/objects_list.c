/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_list.c: the content of an object that is stored as a list of pieces, in order.
 *
 * A piece may itself be a list. Nesting is bounded: a list that is a piece has fewer bytes than the
 * content that names it, and there are limits on depth and on the size of such a list that no real
 * file reaches. A list beyond them was not made by firn.
 *
 * Every piece is verified by its own name before sink gets it; content that is made of pieces is
 * verified as a whole after the last piece.
 *
 * The hash of the whole covers the zeros of holes. They are hashed in steps, and sink is called
 * after each, so that it can end a reading at any time.
 *
 * (I1) Content that is far larger than its different pieces is not hashed as a whole
 * (pack_thin.c): the work is bounded by what is passed on and, where nothing is, by what was
 * read (not checked here). A store that is not known as this user's has a budget instead
 * (objects_budget.c), and every whole is hashed: otherwise a list could have the name of a file
 * that is saved there later, and take its place.
 *
 * Small pieces are gathered until there are 256 KiB, for two reasons: sink is called less often,
 * and the hash of the whole is fast only over long stretches that begin at multiples of their
 * length.
 *
 * Memory: the gathered pieces, and a copy of the list of each level, because reading pieces uses
 * the scratch that the list was borrowed from.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"
#include "pack/pack.h"

enum {
    GATHERED_SIZE = 256 << 10,
    HOLE_STEP = 4 << 20,
    THIN_HOLE_STEP = 1 << 30,
    ZEROS_FOR_WORK = 4
};

struct streaming {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
    struct fi_blake3_hash whole;
    int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err);
    void *ctx;
    unsigned depth;
    uint64_t size; /* of the content of the current list */
    struct fi_buf gathered;
    uint64_t gathered_at; /* where in the whole it begins */
    struct fi_buf *into;  /* if not NULL, all bytes go there instead, and none are hashed */
    bool is_thin;         /* (I1): the whole is not hashed */
    /* Of thin content that is only verified, the pieces that were read: each is read once. */
    struct fi_hash_map *seen;
};

static int stream_list(struct streaming *stream, firn_slice borrowed_list, uint64_t size,
                       firn_error *err);

static int
not_its_content(const firn_hash *hash, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "the pieces of object %s %s", hex, what);
}

/* ---- handing on ---- */

/* Appends to *ctx, a buffer; data.data NULL means zeros. */
static int
objects_list_append(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct fi_buf *out = ctx;
    size_t before = out->size;
    (void)offset;
    DCHECK(data.size <= SIZE_MAX - before);
    if (fi_buf_set_size(out, before + data.size) != FIRN_OK) {
        return fi_error_no_memory(err, "an object");
    }
    if (data.data == NULL) {
        memset(out->data + before, 0, data.size);
    } else if (data.size > 0) {
        memcpy(out->data + before, data.data, data.size);
    }
    return FIRN_OK;
}

/* Passes on the gathered bytes. */
static int
objects_list_flush(struct streaming *stream, firn_error *err)
{
    DCHECK(stream->into == NULL && stream->gathered.size <= GATHERED_SIZE);
    firn_slice data = fi_buf_slice(&stream->gathered);
    uint64_t offset = stream->gathered_at;
    if (data.size == 0) {
        return FIRN_OK;
    }
    if (!stream->is_thin) {
        fi_blake3_hash_update(&stream->whole, data.data, data.size);
    }
    int rc = stream->sink(stream->ctx, offset, data, err);
    stream->gathered_at += data.size;
    stream->gathered.size = 0;
    return rc;
}

static int
stream_data(struct streaming *stream, firn_slice data, firn_error *err)
{
    if (stream->into != NULL) {
        return objects_list_append(stream->into, 0, data, err);
    }
    while (data.size > 0) {
        DCHECK(stream->gathered.size < GATHERED_SIZE);
        size_t room = GATHERED_SIZE - stream->gathered.size;
        size_t part = data.size < room ? data.size : room;
        if (fi_buf_append(&stream->gathered, data.data, part) != FIRN_OK) {
            return fi_error_no_memory(err, "the content of a file");
        }
        data = firn_bytes(data.data + part, data.size - part);
        int rc = part == room ? objects_list_flush(stream, err) : FIRN_OK;
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static void
hash_zeros(struct fi_blake3_hash *whole, size_t size)
{
    for (size_t left = size; left > 0;) {
        size_t part = left < FI_ZEROS_SIZE ? left : FI_ZEROS_SIZE;
        fi_blake3_hash_update(whole, fi_zeros(), part);
        left -= part;
    }
}

static int
stream_hole(struct streaming *stream, uint64_t size, firn_error *err)
{
    if (stream->into != NULL) {
        return objects_list_append(stream->into, 0, (firn_slice){NULL, (size_t)size}, err);
    }
    int rc = objects_list_flush(stream, err);
    const size_t step = stream->is_thin ? THIN_HOLE_STEP : HOLE_STEP;
    for (uint64_t left = size; left > 0 && rc == FIRN_OK;) {
        size_t part = left < step ? (size_t)left : step;
        if (!stream->is_thin) {
            FI_TRY(fi_budget_spend(stream->objects->limit, part / ZEROS_FOR_WORK, err));
            hash_zeros(&stream->whole, part);
        }
        rc = stream->sink(stream->ctx, stream->gathered_at, (firn_slice){NULL, part}, err);
        stream->gathered_at += part;
        left -= part;
    }
out:
    return rc;
}

/* ---- lists ---- */

/* A piece that is a list. */
static int
stream_inner(struct streaming *stream, const struct fi_pack_piece *piece, firn_slice list,
             firn_error *err)
{
    if (stream->depth == FI_PACK_STREAM_INNER_DEPTH_MAX ||
        list.size > FI_PACK_STREAM_INNER_LIST_SIZE_MAX || piece->size >= stream->size) {
        return not_its_content(&piece->hash, "lie too deep or are too many", err);
    }
    DCHECK(stream->depth < FI_PACK_STREAM_INNER_DEPTH_MAX);
    uint64_t size = stream->size;
    stream->depth++;
    int rc = stream_list(stream, list, piece->size, err);
    stream->depth--;
    stream->size = size;
    return rc;
}

/* What a piece is remembered by: the same object may be named with another size, which is
 * damage. */
struct seen {
    firn_hash hash;
    uint64_t size;
};

static uint64_t
hash_of_seen(const void *record)
{
    return fi_load_le64(((const struct seen *)record)->hash.bytes);
}

static bool
seen_is(const void *record, const void *key)
{
    const struct seen *a = record;
    const struct seen *b = key;
    return a->size == b->size && fi_hash_equal(&a->hash, &b->hash);
}

/* Whether a piece was read before. */
static int
pass_over(struct streaming *stream, const struct fi_pack_piece *piece, bool *out, firn_error *err)
{
    const struct seen seen = {.hash = piece->hash, .size = piece->size};
    const uint64_t key = hash_of_seen(&seen);
    *out = fi_hash_map_find(stream->seen, key, &seen) != NULL;
    return *out || fi_hash_map_insert(stream->seen, key, &seen) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of pieces");
}

static int
stream_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    struct streaming *stream = ctx;
    (void)offset; /* pieces follow one another without a gap */
    enum fi_pack_kind kind;
    firn_slice data;
    if (stream->seen != NULL) {
        bool is_passed = piece->is_hole;
        int seen_rc = is_passed ? FIRN_OK : pass_over(stream, piece, &is_passed, err);
        if (seen_rc != FIRN_OK || is_passed) {
            return seen_rc;
        }
    } else if (piece->is_hole) {
        return stream_hole(stream, piece->size, err);
    }
    int rc = stream->into != NULL ? fi_objects_read_piece(stream->objects, stream->scratch,
                                                          &piece->hash, &kind, &data, err)
                                  : fi_objects_read_stored(stream->objects, stream->scratch,
                                                           &piece->hash, &kind, &data, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES) {
        return stream_inner(stream, piece, data, err);
    }
    if (data.size != piece->size) {
        return fi_error_set(err, FIRN_CORRUPT, "a piece has %zu bytes where its list says %llu",
                            data.size, (unsigned long long)piece->size);
    }
    return stream_data(stream, data, err);
}

static int
stream_list(struct streaming *stream, firn_slice borrowed_list, uint64_t size, firn_error *err)
{
    struct fi_buf list = {0};
    uint64_t total;
    int rc;
    if (fi_buf_append_slice(&list, borrowed_list) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of pieces");
        goto out;
    }
    stream->size = size;
    FI_TRY(fi_pack_pieces_decode(fi_buf_slice(&list), &total, NULL, NULL, err));
    if (total != size) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a list of pieces has %llu bytes in all instead of %llu",
                          (unsigned long long)total, (unsigned long long)size);
        goto out;
    }
    FI_TRY(fi_pack_pieces_decode(fi_buf_slice(&list), &total, stream_piece, stream, err));
out:
    fi_buf_deinit(&list);
    return rc;
}

/* The content of a list that is an object of its own. */
static int
stream_whole_list(struct streaming *stream, firn_slice list, const firn_hash *hash, uint64_t size,
                  firn_error *err)
{
    firn_hash found;
    fi_blake3_hash_init(&stream->whole);
    int rc = fi_objects_budget_expect(stream->objects, list, err);
    if (rc == FIRN_OK) {
        rc = stream_list(stream, list, size, err);
    }
    if (rc == FIRN_OK) {
        rc = objects_list_flush(stream, err);
    }
    DCHECK(rc != FIRN_OK ||
           ((stream->gathered_at == size || stream->seen != NULL) && stream->depth == 0));
    fi_buf_deinit(&stream->gathered);
    if (rc != FIRN_OK || stream->is_thin) {
        return rc; /* (I1) */
    }
    fi_blake3_hash_final(&stream->whole, &found);
    return memcmp(found.bytes, hash->bytes, sizeof found.bytes) == 0
               ? FIRN_OK
               : not_its_content(hash, "do not make its content", err);
}

/* Whether the whole is not hashed. (I1) */
static int
objects_list_assess(const struct fi_objects *objects, firn_slice list, bool *out, firn_error *err)
{
    *out = false;
    return objects->limit == NULL ? fi_pack_thin_assess(list, out, err) : FIRN_OK;
}

/* ---- what streams and verifies ---- */

int
fi_objects_list_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const struct fi_objects_list *list,
                       int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                       void *ctx, firn_error *err)
{
    struct streaming stream = {.objects = objects, .scratch = scratch, .sink = sink, .ctx = ctx};
    int rc = objects_list_assess(objects, list->stored, &stream.is_thin, err);
    return rc == FIRN_OK ? stream_whole_list(&stream, list->stored, list->hash, list->size, err)
                         : rc;
}

struct ticking {
    fi_objects_tick *tick;
    void *ctx;
};

static int
take_tick(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct ticking *ticking = ctx;
    (void)offset;
    return ticking->tick(ticking->ctx, data.size, err);
}

/* Reads each piece of thin content once. */
static int
verify_thin(struct fi_objects *objects, struct fi_pack_scratch *scratch, const firn_hash *hash,
            firn_slice list, uint64_t size, struct ticking *ticking, firn_error *err)
{
    struct fi_hash_map seen;
    struct streaming stream = {.objects = objects,
                               .scratch = scratch,
                               .sink = take_tick,
                               .ctx = ticking,
                               .is_thin = true,
                               .seen = &seen};
    fi_hash_map_init(&seen, sizeof(struct seen), hash_of_seen, seen_is);
    int rc = stream_whole_list(&stream, list, hash, size, err);
    fi_hash_map_deinit(&seen);
    return rc;
}

int
fi_objects_list_verify(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const struct fi_objects_list *list, fi_objects_tick *tick, void *ctx,
                       firn_error *err)
{
    struct ticking ticking = {.tick = tick, .ctx = ctx};
    bool is_thin;
    int rc = objects_list_assess(objects, list->stored, &is_thin, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return is_thin
               ? verify_thin(objects, scratch, list->hash, list->stored, list->size, &ticking, err)
               : fi_objects_list_stream(objects, scratch, list, take_tick, &ticking, err);
}

int
fi_objects_list_verify_name(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                            const struct fi_objects_list *list, fi_objects_tick *tick, void *ctx,
                            firn_error *err)
{
    struct ticking ticking = {.tick = tick, .ctx = ctx};
    struct streaming stream = {
        .objects = objects, .scratch = scratch, .sink = take_tick, .ctx = &ticking};
    return stream_whole_list(&stream, list->stored, list->hash, list->size, err);
}

int
fi_objects_list_piece(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                      const struct fi_pack_piece *piece, uint64_t whole_size, struct fi_buf *out,
                      firn_error *err)
{
    DCHECK(!piece->is_hole);
    struct streaming stream = {
        .objects = objects, .scratch = scratch, .size = whole_size, .into = out};
    return stream_piece(&stream, 0, piece, err);
}

int
fi_objects_list_whole(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                      const firn_hash *hash, firn_slice stored, struct fi_buf *out, firn_error *err)
{
    uint64_t size;
    int rc = fi_pack_pieces_decode(stored, &size, NULL, NULL, err);
    if (rc == FIRN_OK && size > FI_PACK_OBJECT_SIZE_MAX) {
        rc = not_its_content(hash, "are more than one object can be", err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct streaming stream = {
        .objects = objects, .scratch = scratch, .sink = objects_list_append, .ctx = out};
    return stream_whole_list(&stream, stored, hash, size, err);
}
