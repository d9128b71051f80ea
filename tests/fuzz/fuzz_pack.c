/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_pack.c: packs that are not trusted.
 *
 * Input: one byte of flags, then the file. Flag 1: all checksums of the block file are made right
 * first. Flag 2: the rest is a list of pieces instead. Flag 4: it is a list of cells.
 *
 * Held: listing, finding, reading, streaming, verifying and salvaging end, within bounds; what is
 * read has its name; a pack that verifies can be read whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "fuzz/fuzz_machine.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A hole may be large without taking room; what is only hashed for long is not worth the fuzzer's
 * time. */
enum { FLAG_SEAL = 1, FLAG_PIECES = 2, FLAG_CELLS = 4, LISTED_MAX = 500 };
static const uint64_t streamed_size_max = 4 << 20;

struct whole {
    struct fi_blake3_hash state;
    uint64_t size;
};

static int
take(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct whole *whole = ctx;
    fi_blake3_hash_update(&whole->state, data.data, data.size);
    whole->size += data.size;
    return FIRN_OK;
}

struct looking {
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    size_t count;
    bool is_readable; /* all that was listed */
    bool is_long;     /* something was too long to be streamed */
};

/* A list of cells has not the name of the content. */
static bool
is_list_of_cells(struct looking *looking, const firn_hash *hash, const struct fi_pack_location *at)
{
    firn_slice stored;
    firn_hash name;
    if (at->kind != FI_PACK_PIECES ||
        fi_pack_read(looking->pack, looking->scratch, hash, at, &stored, NULL) != FIRN_OK ||
        !fi_pack_cells_is_list(stored)) {
        return false;
    }
    fi_pack_cells_name(stored, &name);
    CHECK(fi_hash_equal(&name, hash));
    return true;
}

/* What is listed is found, at the same place; what is streamed has its name and size. */
static int
look(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct looking *looking = ctx;
    struct fi_pack_location found;
    if (looking->count++ >= LISTED_MAX) {
        return FIRN_CANCELLED;
    }
    CHECK(fi_pack_find(looking->pack, looking->scratch, hash, &found, err) == FIRN_OK);
    CHECK(found.frame == at->frame && found.offset == at->offset && found.size == at->size &&
          found.kind == at->kind);
    uint64_t size;
    int rc = fi_pack_stream_size(looking->pack, looking->scratch, hash, &size, err);
    if (rc == FIRN_OK && size > streamed_size_max) {
        looking->is_long = true;
        return FIRN_OK;
    }
    struct whole whole = {.size = 0};
    fi_blake3_hash_init(&whole.state);
    if (rc == FIRN_OK) {
        rc = fi_pack_stream_read(looking->pack, looking->scratch, hash, take, &whole, err);
    }
    if (rc == FIRN_OK) {
        firn_hash name;
        fi_blake3_hash_final(&whole.state, &name);
        CHECK(whole.size == size);
        CHECK(fi_hash_equal(&name, hash) || is_list_of_cells(looking, hash, at));
    } else {
        CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        /* Pieces and bases may be elsewhere: that is no damage of this pack. */
        looking->is_readable &= fi_pack_kind_is_named(at->kind);
    }
    return FIRN_OK;
}

static int
salvage(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
        firn_error *err)
{
    (void)err;
    firn_hash name;
    uint64_t total;
    struct fi_pack_delta delta;
    ++*(size_t *)ctx;
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(content)) {
        CHECK(fi_pack_cells_decode(content, &total, NULL, NULL, NULL) == FIRN_OK);
        fi_pack_cells_name(content, &name);
        CHECK(fi_hash_equal(&name, hash));
    } else if (kind == FI_PACK_PIECES) {
        CHECK(fi_pack_pieces_decode(content, &total, NULL, NULL, NULL) == FIRN_OK);
    } else if (kind == FI_PACK_DELTA) {
        CHECK(fi_pack_delta_decode(content, &delta, NULL) == FIRN_OK);
    } else {
        fi_blake3_hash_of(content.data, content.size, &name);
        CHECK(fi_hash_equal(&name, hash));
    }
    return FIRN_OK;
}

static void
read_pack(struct firn_pack *pack)
{
    firn_error err;
    struct looking looking = {.pack = pack, .is_readable = true};
    CHECK(fi_pack_scratch_create(2, &looking.scratch, NULL) == FIRN_OK);
    int rc = fi_pack_list(pack, looking.scratch, look, &looking, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_CANCELLED);
    if (!looking.is_long && rc != FIRN_CANCELLED) {
        int verified = fi_pack_verify(pack, looking.scratch, NULL, NULL, &err);
        CHECK(verified == FIRN_OK || verified == FIRN_CORRUPT || verified == FIRN_NEWER);
        CHECK(verified != FIRN_OK ||
              (rc == FIRN_OK && looking.is_readable && looking.count == fi_pack_count(pack)));
    }
    fi_pack_scratch_destroy(looking.scratch);
}

struct pieces {
    uint64_t sum;
    struct fi_buf again;
    struct fi_pack_piece list[1024];
    size_t count;
};

static int
visit_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)err;
    struct pieces *pieces = ctx;
    CHECK(offset == pieces->sum && piece->size > 0);
    pieces->sum += piece->size;
    if (pieces->count < 1024) {
        pieces->list[pieces->count++] = *piece;
    }
    return FIRN_OK;
}

/* A list that decodes has one encoding only. */
static void
read_pieces(firn_slice encoded)
{
    uint64_t total;
    static struct pieces pieces;
    pieces = (struct pieces){0};
    int rc = fi_pack_pieces_decode(encoded, &total, visit_piece, &pieces, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (rc == FIRN_OK && pieces.count < 1024) {
        CHECK(pieces.sum == total);
        CHECK(fi_pack_pieces_encode(pieces.list, pieces.count, &pieces.again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&pieces.again), encoded));
    }
    fi_buf_deinit(&pieces.again);
}

/* The list that a builder makes of the items of another. */
static int
compare_list(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err)
{
    (void)hash;
    (void)err;
    CHECK(fi_slice_equal(list, *(const firn_slice *)ctx));
    return FIRN_OK;
}

static void
read_cells(firn_slice list)
{
    uint64_t total;
    static struct pieces pieces;
    struct fi_pack_cells cells;
    struct fi_pack_cells_item item;
    struct fi_pack_cells_builder builder;
    firn_hash name;
    pieces = (struct pieces){0};
    int rc = fi_pack_cells_decode(list, &total, visit_piece, &pieces, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    CHECK((fi_pack_cells_open(list, &cells, NULL) == FIRN_OK) == (rc == FIRN_OK));
    if (rc != FIRN_OK) {
        return;
    }
    CHECK(pieces.sum == total && cells.size == total);
    if (cells.level == 0) {
        fi_pack_cells_builder_init(&builder, total, compare_list, &list);
        while (fi_pack_cells_next(&cells, &item)) {
            CHECK(fi_pack_cells_builder_add(&builder, item.offset / FI_PACK_CELLS_SIZE, &item.hash,
                                            NULL) == FIRN_OK);
        }
        CHECK(fi_pack_cells_builder_finish(&builder, &name, NULL) == FIRN_OK);
        fi_pack_cells_builder_deinit(&builder);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if ((data[0] & FLAG_PIECES) != 0) {
        read_pieces(firn_bytes(data + 1, size - 1));
        return 0;
    }
    if ((data[0] & FLAG_CELLS) != 0) {
        read_cells(firn_bytes(data + 1, size - 1));
        return 0;
    }
    firn_error err;
    struct fi_os_dir *dir = fuzz_machine_open()->dir;
    uint8_t *file = malloc(size);
    CHECK(file != NULL);
    memcpy(file, data + 1, size - 1);
    if ((data[0] & FLAG_SEAL) != 0) {
        test_seal(file, size - 1);
    }
    fuzz_machine_write("f", file, size - 1);
    free(file);
    struct firn_pack *pack;
    int rc = fi_pack_open(dir, "f", &pack, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
    if (rc == FIRN_OK) {
        read_pack(pack);
        fi_pack_close(pack);
    }
    size_t count = 0;
    rc = fi_pack_salvage(dir, "f", salvage, &count, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_DENIED);
    return 0;
}
