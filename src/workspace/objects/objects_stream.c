/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_stream.c: the content of an object, in order, however it is stored.
 *
 * An object is named by the hash of its bytes. Its name does not depend on how it is stored: whole,
 * or as a list of pieces and holes. An object that the store already has stays as it was first
 * stored. So a small file with holes may be stored as a list, and the same bytes may later be a
 * piece of a large file, or even a directory object. (I1) All readers of an object must therefore
 * accept it in either form (not checked: it is a rule for callers).
 *
 *   whole                        one call of the sink
 *   a list of pieces             objects_list.c
 *   a list of cells (16 GiB and  objects_cells.c; such content is named without the zeros of holes
 *   more)
 */
#include "base/check.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"
#include "pack/pack.h"

static int
check_size(const firn_hash *hash, size_t found, uint64_t size, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    if (found == size) {
        return FIRN_OK;
    }
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s has %zu bytes where %llu belong", hex, found,
                        (unsigned long long)size);
}

int
fi_objects_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                  const firn_hash *hash, uint64_t size,
                  int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                  void *ctx, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, &stored, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(stored)) {
        return fi_objects_cells_stream(objects, scratch, hash, size, sink, ctx, err);
    }
    if (kind == FI_PACK_PIECES) {
        const struct fi_objects_list list = {.hash = hash, .stored = stored, .size = size};
        return fi_objects_list_stream(objects, scratch, &list, sink, ctx, err);
    }
    rc = check_size(hash, stored.size, size, err);
    return rc != FIRN_OK || size == 0 ? rc : sink(ctx, 0, stored, err);
}

int
fi_objects_stream_verify(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                         const firn_hash *hash, uint64_t size, fi_objects_tick *tick, void *ctx,
                         firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, &stored, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(stored)) {
        return fi_objects_cells_verify(objects, scratch, hash, size, tick, ctx, err);
    }
    if (kind == FI_PACK_PIECES) {
        const struct fi_objects_list list = {.hash = hash, .stored = stored, .size = size};
        return fi_objects_list_verify(objects, scratch, &list, tick, ctx, err);
    }
    rc = check_size(hash, stored.size, size, err);
    return rc != FIRN_OK || size == 0 ? rc : tick(ctx, stored.size, err);
}

int
fi_objects_stream_whole(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                        const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    fi_buf_clear(out);
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, &stored, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES) {
        return fi_objects_list_whole(objects, scratch, hash, stored, out, err);
    }
    return fi_buf_append_slice(out, stored) == FIRN_OK ? FIRN_OK
                                                       : fi_error_no_memory(err, "an object");
}
