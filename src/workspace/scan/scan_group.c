/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_group.c: chunks of a large file, and the groups that they form.
 *
 * A large file is cut into chunks of some 17 KiB by its content (codec/chunk_cut.h), so that a
 * change stores little more than itself, wherever it moves the rest. A list of 60,000 chunks for
 * each GiB would take two megabytes, most of them hashes that do not compress, and would be new with
 * each change. So chunks form groups of about half a MiB, which end by content too: at a major
 * boundary, or where a group would become larger than GROUP_MAX. A group is a list of pieces under
 * the name of its content, and the file a list of groups. What has not changed is then found group
 * by group, without a look at its chunks (I1; not checked: it is why, not what).
 *
 * Chunks of a group are added in a row by one thread, so that they lie side by side in frames; the
 * group after them, so that nothing names what is not there yet (I2; not checked: it is the order
 * of two calls).
 *
 * A cell of a file of 16 GiB and more (scan_cells.c) is stored as a group is. Where it ends is
 * given, so it is cut into chunks here, by the worker that adds it, and only if it is new.
 */
#include "base/check.h"
#include "base/error.h"
#include "codec/blake3_hash.h"
#include "codec/chunk_cut.h"
#include "scan/scan_internal.h"

_Static_assert(FIRN_SCAN_GROUP_CHUNKS_MAX *FIRN_CHUNK_CUT_SIZE_MIN >= FIRN_SCAN_PIECE_SIZE,
               "a slot has room for the sizes of its chunks");

bool
firn_scan_group_cut(struct firn_scan_slot *slot, size_t filled, bool is_end)
{
    DCHECK(slot->size <= filled && filled <= FIRN_SCAN_PIECE_SIZE);
    while (slot->size < filled) {
        firn_slice rest = firn_bytes(slot->data + slot->size, filled - slot->size);
        struct firn_chunk_cut cut = firn_chunk_cut_next(rest, is_end);
        if (cut.size == 0) {
            break;
        }
        DCHECK(slot->chunk_count < FIRN_SCAN_GROUP_CHUNKS_MAX);
        slot->chunk_sizes[slot->chunk_count++] = (uint32_t)cut.size;
        slot->size += cut.size;
        if (cut.is_major && slot->size >= FIRN_SCAN_GROUP_SIZE_MIN) {
            return true;
        }
    }
    return (is_end && slot->size == filled) || filled == FIRN_SCAN_PIECE_SIZE;
}

static void
cut_cell(struct firn_scan_slot *slot)
{
    size_t size = slot->size;
    DCHECK(size > 0 && slot->chunk_count == 0);
    slot->size = 0;
    while (!firn_scan_group_cut(slot, size, true) || slot->size < size) {
    }
}

static int
add_chunks(struct firn_scan_worker *worker, const struct firn_scan_slot *slot,
           struct firn_buf *list, firn_error *err)
{
    struct firn_packfile_piece pieces[FIRN_SCAN_GROUP_CHUNKS_MAX];
    size_t at = 0;
    for (size_t i = 0; i < slot->chunk_count; i++) {
        struct firn_objects_object chunk = {.kind = FIRN_PACKFILE_BLOB,
                                            .content =
                                                firn_bytes(slot->data + at, slot->chunk_sizes[i])};
        bool is_new;
        firn_blake3_hash_of(chunk.content.data, chunk.content.size, &chunk.hash);
        int rc = firn_scan_add(worker, &chunk, &is_new, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        pieces[i] = (struct firn_packfile_piece){.size = chunk.content.size, .hash = chunk.hash};
        at += chunk.content.size;
    }
    DCHECK(at == slot->size);
    firn_buf_clear(list);
    return firn_packfile_encode_pieces(pieces, slot->chunk_count, list) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "the pieces of a file");
}

int
firn_scan_group_add(struct firn_scan_worker *worker, struct firn_scan_slot *slot, firn_error *err)
{
    struct firn_objects_object group = {.kind = FIRN_PACKFILE_BLOB,
                                        .content = firn_bytes(slot->data, slot->size)};
    bool is_known = false;
    bool is_new;
    int rc = FIRN_OK;
    DCHECK(slot->size > 0 && slot->size <= FIRN_SCAN_PIECE_SIZE);
    firn_blake3_hash_of(slot->data, slot->size, &group.hash);
    slot->hash = group.hash;
    if (!worker->scan->sink->wants_content) {
        return FIRN_OK;
    }
    if (slot->chunk_count > 1 || slot->is_cell) {
        FIRN_TRY(firn_scan_contains(worker, &group.hash, &is_known, err)); /* (I1) */
        if (is_known) {
            goto out;
        }
    }
    if (slot->is_cell && slot->has_chunks) {
        cut_cell(slot);
    }
    if (slot->chunk_count > 1) {
        FIRN_TRY(add_chunks(worker, slot, &worker->list, err));
        group.kind = FIRN_PACKFILE_PIECES;
        group.content = firn_buf_slice(&worker->list);
    }
    FIRN_TRY(firn_scan_add(worker, &group, &is_new, err)); /* (I2) */
out:
    return rc;
}
