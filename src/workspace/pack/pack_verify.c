/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_verify.c: reads every byte of a pack once, in the order of the file, and verifies
 * all of it.
 *
 * All blocks that the tables name (frames, pages, sections) are sorted by their places. They must
 * tile the body: each begins where the one before ends. Each is read and verified. Right after it,
 * each MiB of the body that has been read is compared with the table of contents, while it is still
 * in the page cache.
 *
 * The table against the lists. For each frame a 64-bit sum is kept: every entry of the object table
 * adds the hash of (name, place, kind) to the sum of its frame, and every object in a frame's list
 * subtracts the same. A frame whose sum is not zero at the end disagrees with the table. So table
 * and lists can be compared in any order, with 8 bytes for each frame. The hash uses a random key,
 * a new one for each verification. With a key that is known, the maker of a pack could choose names
 * that give the right sum, and so store an object under a name that is never compared.
 *
 * What is lost. A last pass over the table names every object in a damaged or disagreeing frame
 * that cannot be read. It also reads a content as a whole if all its pieces are in this pack, and a
 * delta if its base is. (A store may keep those in earlier packs; such contents are the store's to
 * verify.)
 *
 * Damage does not end the verification; a lack of memory does. A read error of the disk is reported
 * like damage, and FIRN_IO is returned if it was the first.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/blake3_hash.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"
#include "pack/pack_internal.h"

enum { ENTRY_SIZE = FI_PACK_FORMAT_ENTRY_SIZE, KEY_SIZE = 32, MIB = 1 << 20 };

enum tile_role { TILE_FRAME, TILE_PAGE, TILE_SECTION };

struct tile {
    struct fi_block_ref ref;
    uint32_t number;
    enum tile_role role;
};

struct verifying {
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    void (*on_damage)(void *ctx, const firn_hash *hash, const char *text);
    void *ctx;

    struct tile *tiles;
    size_t tile_count;
    uint8_t key[KEY_SIZE];
    uint64_t *sums;         /* by frame */
    bool *is_frame_damaged; /* by frame */
    bool *is_page_damaged;  /* by page */
    bool has_damaged_page;  /* then the sums prove nothing */
    struct fi_buf block;    /* the current block */
    struct fi_buf chunk;    /* the current MiB */
    uint64_t chunks_checked;
    uint64_t damage_count;
    firn_error first;
};

/* Reports damage and returns FIRN_OK; any other code is returned, FIRN_NEWER included. */
static int
pack_verify_assess(struct verifying *verifying, int rc, const firn_hash *hash,
                   const firn_error *err)
{
    if (rc != FIRN_CORRUPT && rc != FIRN_IO) {
        return rc;
    }
    DCHECK(err->code == rc);
    if (verifying->damage_count++ == 0) {
        verifying->first = *err;
    }
    if (verifying->on_damage != NULL) {
        verifying->on_damage(verifying->ctx, hash, err->text);
    }
    return FIRN_OK;
}

/* ---- tiles ---- */

static int
compare_tiles(const void *a, const void *b)
{
    uint64_t left = ((const struct tile *)a)->ref.offset;
    uint64_t right = ((const struct tile *)b)->ref.offset;
    return (left > right) - (left < right);
}

static int
collect_tiles(struct verifying *verifying, firn_error *err)
{
    const struct firn_pack *pack = verifying->pack;
    size_t section_count = fi_block_reader_section_count(pack->reader);
    size_t count = (size_t)pack->frame_count + pack->page_count + section_count;
    struct tile *tiles = fi_alloc_array(count, sizeof *tiles);
    verifying->tiles = tiles;
    verifying->sums = fi_alloc_zeroed(pack->frame_count * sizeof verifying->sums[0]);
    verifying->is_frame_damaged = fi_alloc_zeroed(pack->frame_count);
    verifying->is_page_damaged = fi_alloc_zeroed(pack->page_count);
    if (tiles == NULL || verifying->sums == NULL || verifying->is_frame_damaged == NULL ||
        verifying->is_page_damaged == NULL) {
        return fi_error_no_memory(err, "the blocks of a pack");
    }
    size_t at = 0;
    for (uint32_t i = 0; i < pack->frame_count; i++) {
        tiles[at++] = (struct tile){pack->frames[i], i, TILE_FRAME};
    }
    for (uint32_t i = 0; i < pack->page_count; i++) {
        tiles[at++] = (struct tile){fi_pack_frames_page_ref(pack, i), i, TILE_PAGE};
    }
    for (size_t i = 0; i < section_count; i++) {
        tiles[at++] =
            (struct tile){fi_block_reader_section(pack->reader, i)->ref, (uint32_t)i, TILE_SECTION};
    }
    CHECK(at == count);
    verifying->tile_count = count;
    fi_sort(tiles, count, sizeof tiles[0], compare_tiles);
    return FIRN_OK;
}

/* ---- one block ---- */

static uint64_t
weight(const struct verifying *verifying, const firn_hash *hash, const struct fi_pack_location *at)
{
    uint8_t bytes[KEY_SIZE + ENTRY_SIZE];
    const struct fi_pack_format_entry entry = {*hash, *at};
    firn_hash sum;
    memcpy(bytes, verifying->key, KEY_SIZE);
    fi_pack_format_encode_entry(&entry, bytes + KEY_SIZE);
    fi_blake3_hash_of(bytes, sizeof bytes, &sum);
    return fi_load_le64(sum.bytes);
}

static int
verify_page(struct verifying *verifying, uint32_t number, firn_error *err)
{
    DCHECK(number < verifying->pack->page_count);
    int rc = fi_pack_frames_read_page(verifying->pack, number,
                                      fi_pack_scratch_compress(verifying->scratch),
                                      &verifying->block, err);
    if (rc != FIRN_OK) {
        verifying->is_page_damaged[number] = true;
        verifying->has_damaged_page = true;
        return rc;
    }
    for (size_t at = 0; at < verifying->block.size; at += ENTRY_SIZE) {
        struct fi_pack_format_entry entry;
        fi_pack_format_decode_entry(verifying->block.data + at, &entry);
        DCHECK(entry.at.frame < verifying->pack->frame_count);
        verifying->sums[entry.at.frame] += weight(verifying, &entry.hash, &entry.at);
    }
    return FIRN_OK;
}

/* The name of an object in a frame: given for PIECES and DELTA, otherwise computed. */
static void
name_item(const struct fi_pack_format_frame *frame, const struct fi_pack_format_item *item,
          firn_hash *out)
{
    if (fi_pack_kind_is_named(item->kind)) {
        *out = item->name;
    } else {
        fi_blake3_hash_of(frame->contents.data + item->offset, item->size, out);
    }
}

static int
verify_frame(struct verifying *verifying, uint32_t number, firn_error *err)
{
    struct firn_pack *pack = verifying->pack;
    struct fi_pack_format_frame frame;
    DCHECK(number < pack->frame_count);
    int rc = fi_pack_frames_read(pack, number, fi_pack_scratch_compress(verifying->scratch),
                                 &verifying->block, &frame, err);
    if (rc != FIRN_OK) {
        verifying->is_frame_damaged[number] = true;
        return rc;
    }
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(&frame);
    while (fi_pack_format_next_item(&items, &item)) {
        firn_hash name;
        name_item(&frame, &item, &name);
        struct fi_pack_location at = {number, item.offset, item.size, item.kind};
        verifying->sums[number] -= weight(verifying, &name, &at);
    }
    if (!fi_pack_format_items_ended(&items)) {
        verifying->is_frame_damaged[number] = true;
        return fi_error_set(err, FIRN_CORRUPT, "'%s': the list of the frame at %llu is malformed",
                            fi_pack_path(pack), (unsigned long long)pack->frames[number].offset);
    }
    return FIRN_OK;
}

static int
verify_tile(struct verifying *verifying, const struct tile *tile, firn_error *err)
{
    switch (tile->role) {
    case TILE_FRAME:
        return verify_frame(verifying, tile->number, err);
    case TILE_PAGE:
        return verify_page(verifying, tile->number, err);
    case TILE_SECTION:
        break;
    }
    return fi_block_reader_read(verifying->pack->reader, &tile->ref,
                                fi_pack_scratch_compress(verifying->scratch), &verifying->block,
                                err);
}

/* ---- the body ---- */

/* Every MiB that ends at or before `end`. */
static int
verify_chunks(struct verifying *verifying, uint64_t end)
{
    struct fi_block_reader *reader = verifying->pack->reader;
    bool is_last = end == fi_block_reader_body_end(reader);
    DCHECK(end <= fi_block_reader_body_end(reader));
    uint64_t passed = is_last ? fi_block_reader_chunk_count(reader) : end / MIB;
    while (verifying->chunks_checked < passed) {
        firn_error err;
        int rc = fi_block_reader_verify_chunk(reader, verifying->chunks_checked++,
                                              &verifying->chunk, &err);
        rc = pack_verify_assess(verifying, rc, NULL, &err);
        if (rc != FIRN_OK) {
            verifying->first = err;
            return rc;
        }
    }
    return FIRN_OK;
}

static int
verify_place(struct verifying *verifying, uint64_t expected, uint64_t found)
{
    if (expected == found) {
        return FIRN_OK;
    }
    firn_error err;
    int rc = fi_error_set(&err, FIRN_CORRUPT, "'%s': a block ends at %llu, the next begins at %llu",
                          fi_pack_path(verifying->pack), (unsigned long long)expected,
                          (unsigned long long)found);
    return pack_verify_assess(verifying, rc, NULL, &err);
}

static int
verify_body(struct verifying *verifying)
{
    int rc = FIRN_OK;
    uint64_t body_end = fi_block_reader_body_end(verifying->pack->reader);
    uint64_t end = FI_BLOCK_BODY_START;
    for (size_t i = 0; i < verifying->tile_count; i++) {
        const struct tile *tile = &verifying->tiles[i];
        FI_TRY(verify_place(verifying, end, tile->ref.offset));
        firn_error err;
        rc = fi_pack_scratch_tick(verifying->scratch, &err);
        if (rc == FIRN_OK) {
            rc = pack_verify_assess(verifying, verify_tile(verifying, tile, &err), NULL, &err);
        }
        if (rc != FIRN_OK) {
            verifying->first = err;
            goto out;
        }
        /* Bytes outside the body were refused above. */
        uint64_t span = fi_block_reader_span(&tile->ref);
        if (fi_range_inside(tile->ref.offset, span, body_end)) {
            end = tile->ref.offset + span;
            fi_pack_scratch_set_verified(verifying->scratch, end);
        }
        FI_TRY(verify_chunks(verifying, end));
    }
    FI_TRY(verify_place(verifying, end, body_end));
    FI_TRY(verify_chunks(verifying, body_end));
out:
    return rc;
}

/* ---- table against lists, and what is lost ---- */

static int
compare_sums(struct verifying *verifying)
{
    const struct firn_pack *pack = verifying->pack;
    for (uint32_t i = 0; i < pack->frame_count && !verifying->has_damaged_page; i++) {
        if (verifying->is_frame_damaged[i] || verifying->sums[i] == 0) {
            continue;
        }
        firn_error err;
        verifying->is_frame_damaged[i] = true;
        int rc = fi_error_set(&err, FIRN_CORRUPT,
                              "'%s': the object table and the list of the frame at %llu disagree",
                              fi_pack_path(pack), (unsigned long long)pack->frames[i].offset);
        rc = pack_verify_assess(verifying, rc, NULL, &err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

struct presence {
    struct verifying *verifying;
    bool is_complete;
};

static int
find_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    struct presence *presence = ctx;
    if (piece->is_hole || !presence->is_complete) {
        return FIRN_OK;
    }
    struct fi_pack_location at;
    int rc = fi_pack_find(presence->verifying->pack, presence->verifying->scratch, &piece->hash,
                          &at, err);
    presence->is_complete = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Verifies the whole content, if all of it is in this pack. */
static int
verify_pieces(struct verifying *verifying, const firn_hash *hash, const struct fi_pack_location *at,
              firn_error *err)
{
    firn_slice borrowed;
    uint64_t total;
    struct fi_buf list = {0};
    struct presence presence = {verifying, true};
    int rc = fi_pack_read(verifying->pack, verifying->scratch, hash, at, &borrowed, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_pack_cells_is_list(borrowed)) {
        return FIRN_OK; /* it has been compared with its name, and each cell has its own */
    }
    if (fi_buf_append_slice(&list, borrowed) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of pieces");
    }
    rc = fi_pack_pieces_decode(fi_buf_slice(&list), &total, find_piece, &presence, err);
    fi_buf_deinit(&list);
    if (rc == FIRN_OK && presence.is_complete) {
        bool is_elsewhere; /* pieces of a piece that is a list */
        rc = fi_pack_stream_verify(verifying->pack, verifying->scratch, hash, &is_elsewhere, err);
        rc = is_elsewhere ? FIRN_OK : rc;
    }
    return rc;
}

/* Verifies the object that a delta makes of its base, if the base is in this pack. */
static int
verify_delta(struct verifying *verifying, const firn_hash *hash, firn_error *err)
{
    bool is_elsewhere;
    int rc = fi_pack_stream_verify(verifying->pack, verifying->scratch, hash, &is_elsewhere, err);
    return is_elsewhere ? FIRN_OK : rc;
}

static int
verify_object(struct verifying *verifying, const struct fi_pack_format_entry *entry)
{
    firn_error err;
    DCHECK(entry->at.frame < verifying->pack->frame_count);
    int rc = fi_pack_scratch_tick(verifying->scratch, &err);
    if (rc != FIRN_OK) {
        verifying->first = err;
        return rc;
    }
    if (entry->at.kind == FI_PACK_PIECES) {
        rc = verify_pieces(verifying, &entry->hash, &entry->at, &err);
    } else if (entry->at.kind == FI_PACK_DELTA) {
        rc = verify_delta(verifying, &entry->hash, &err);
    } else if (verifying->is_frame_damaged[entry->at.frame]) {
        firn_slice content;
        rc = fi_pack_read(verifying->pack, verifying->scratch, &entry->hash, &entry->at, &content,
                          &err);
    }
    rc = pack_verify_assess(verifying, rc, &entry->hash, &err);
    if (rc != FIRN_OK) {
        verifying->first = err;
    }
    return rc;
}

static int
verify_objects(struct verifying *verifying, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_pack *pack = verifying->pack;
    for (uint32_t i = 0; i < pack->page_count; i++) {
        if (verifying->is_page_damaged[i]) {
            continue;
        }
        /* The page was sound a moment ago, so an error now is the machine's. */
        FI_TRY(fi_pack_frames_read_page(pack, i, fi_pack_scratch_compress(verifying->scratch),
                                        &verifying->block, err));
        for (size_t at = 0; at < verifying->block.size; at += ENTRY_SIZE) {
            struct fi_pack_format_entry entry;
            fi_pack_format_decode_entry(verifying->block.data + at, &entry);
            rc = verify_object(verifying, &entry);
            if (rc != FIRN_OK) {
                *err = verifying->first;
                goto out;
            }
        }
    }
out:
    return rc;
}

static int
pack_verify_report(const struct verifying *verifying, firn_error *err)
{
    if (verifying->damage_count == 0) {
        return FIRN_OK;
    }
    DCHECK(verifying->first.code != FIRN_OK);
    if (verifying->damage_count == 1) {
        *err = verifying->first;
        return err->code;
    }
    return fi_error_set(err, verifying->first.code, "%llu damaged parts, first %s",
                        (unsigned long long)verifying->damage_count, verifying->first.text);
}

/* with_needy: objects that need others, too. */
static int
pack_verify_run(struct verifying *verifying, bool with_needy, firn_error *err)
{
    int rc;
    FI_TRY(fi_os_random(verifying->pack->os, verifying->key, sizeof verifying->key, err));
    FI_TRY(collect_tiles(verifying, err));
    rc = verify_body(verifying);
    if (rc == FIRN_OK) {
        rc = compare_sums(verifying);
    }
    if (rc != FIRN_OK) {
        *err = verifying->first;
        goto out;
    }
    FI_TRY(with_needy ? verify_objects(verifying, err) : FIRN_OK);
    rc = pack_verify_report(verifying, err);
out:
    fi_pack_scratch_set_verified(verifying->scratch, 0);
    fi_buf_deinit(&verifying->block);
    fi_buf_deinit(&verifying->chunk);
    fi_free(verifying->tiles);
    fi_free(verifying->sums);
    fi_free(verifying->is_frame_damaged);
    fi_free(verifying->is_page_damaged);
    return rc;
}

int
fi_pack_verify(struct firn_pack *pack, struct fi_pack_scratch *scratch,
               void (*on_damage)(void *ctx, const firn_hash *hash, const char *text), void *ctx,
               firn_error *err)
{
    firn_error local;
    struct verifying verifying = {
        .pack = pack, .scratch = scratch, .on_damage = on_damage, .ctx = ctx};
    return pack_verify_run(&verifying, true, err != NULL ? err : &local);
}

int
fi_pack_verify_stored(struct firn_pack *pack, struct fi_pack_scratch *scratch, firn_error *err)
{
    struct verifying verifying = {.pack = pack, .scratch = scratch};
    return pack_verify_run(&verifying, false, err);
}
