/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_block.c: sealed block files that are not trusted.
 *
 * Input: one byte of flags, then the file. Flag 1: all checksums are made right first, so that what
 * lies after them is reached.
 *
 * There are no keys: an encrypted file opens, and its blocks are denied.
 *
 * Held: opening, reading, verifying and salvaging end, within bounds; salvage of a file that opens
 * gives every block that its sections name and the reader reads, with the same bytes. What
 * fi_block_verify finds sound opens, and its body has the hashes of its table of contents; the same
 * bytes from a source are as sound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "fuzz/fuzz_machine.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_SEAL = 1, SECTIONS_READ_MAX = 8, BLOCKS_READ_MAX = 64 };

struct walk {
    struct fi_block_reader *reader; /* NULL where the file does not open */
    struct fi_compress *compress;
    struct fi_buf raw;
    unsigned read_count;
    uint64_t end;    /* of the block before */
    bool is_damaged; /* as fi_block_verify has found, or could not find out */
};

static void
on_damage(void *ctx, const firn_error *found)
{
    struct walk *walk = ctx;
    CHECK(found->code == FIRN_CORRUPT && found->text[0] != '\0');
    walk->is_damaged = true;
}

static int
read_file(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    return fi_os_file_read_exact(ctx, offset, out, size, err);
}

/* Damage may be met in another order. */
static void
verify_source(struct fi_os_dir *dir, size_t size, int expected, bool is_damaged,
              const struct fi_block_verify_counts *expected_counts)
{
    firn_error err;
    struct walk walk = {0};
    struct fi_os_file *file = NULL;
    struct fi_block_verify_counts counts;
    const struct fi_block_verify_host host = {.on_damage = on_damage, .ctx = &walk};
    CHECK(fi_os_file_open(dir, "f", FI_OS_READ, 0, &file, &err) == FIRN_OK);
    const struct fi_block_source source = {
        .read = read_file, .ctx = file, .size_bytes = size, .path = "f"};
    int rc = fi_block_verify_source(&source, FI_BLOCK_FILE_ROW, &host, &counts, &err);
    CHECK((rc == FIRN_OK) == (expected == FIRN_OK) && walk.is_damaged == is_damaged);
    CHECK(rc != FIRN_OK || memcmp(&counts, expected_counts, sizeof counts) == 0);
    fi_os_file_close(file);
}

/* FIRN_OK if the file opens. */
static int
verify(struct walk *walk, struct fi_os_dir *dir, size_t size)
{
    firn_error err;
    struct fi_block_verify_counts counts;
    struct fi_block_verify_counts edges;
    struct fi_block_verify_host host = {.on_damage = on_damage, .ctx = walk};
    int rc = fi_block_verify(dir, "f", FI_BLOCK_FILE_ROW, &host, &counts, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
    CHECK(counts.bytes <= size && counts.blocks <= size / FI_BLOCK_FORMAT_PREFIX_SIZE);
    CHECK(rc != FIRN_OK || walk->is_damaged || counts.bytes == size);
    verify_source(dir, size, rc, walk->is_damaged, &counts);
    walk->is_damaged |= rc == FIRN_NEWER;
    host.edges_only = true;
    int opens = fi_block_verify(dir, "f", FI_BLOCK_FILE_ROW, &host, &edges, &err);
    CHECK(opens == rc || (opens == FIRN_OK && rc == FIRN_NEWER));
    CHECK(edges.blocks == 0 && edges.bytes <= counts.bytes);
    return opens;
}

/* A block that salvage finds is one that the reader reads, unless only decoding fails. */
static int
visit(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
      firn_error *err)
{
    struct walk *walk = ctx;
    CHECK(ref->offset >= walk->end && stored.size == ref->stored_size);
    walk->end = ref->offset + FI_BLOCK_FORMAT_PREFIX_SIZE + stored.size;
    if (walk->reader == NULL || walk->read_count++ >= BLOCKS_READ_MAX ||
        walk->end > fi_block_reader_body_end(walk->reader)) {
        return FIRN_OK;
    }
    int rc = fi_block_reader_read(walk->reader, ref, walk->compress, &walk->raw, err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (rc == FIRN_OK && codec == FI_CODEC_NONE) {
        CHECK(fi_slice_equal(stored, fi_buf_slice(&walk->raw)));
    }
    return FIRN_OK;
}

static void
read_sections(struct walk *walk)
{
    size_t count = fi_block_reader_section_count(walk->reader);
    for (size_t i = 0; i < count && i < SECTIONS_READ_MAX; i++) {
        firn_error err;
        const struct fi_block_section *section = fi_block_reader_section(walk->reader, i);
        int rc =
            fi_block_reader_read(walk->reader, &section->ref, walk->compress, &walk->raw, &err);
        CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_DENIED);
        CHECK(rc != FIRN_OK || walk->raw.size == section->ref.raw_size);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    firn_error err;
    struct walk walk = {0};
    struct fi_os_dir *dir = fuzz_machine_open()->dir;
    uint8_t *file = malloc(size);
    CHECK(file != NULL);
    memcpy(file, data + 1, size - 1);
    if ((data[0] & FLAG_SEAL) != 0) {
        test_seal(file, size - 1);
    }
    fuzz_machine_write("f", file, size - 1);
    free(file);
    CHECK(fi_compress_create(&walk.compress, NULL) == FIRN_OK);
    int opens = verify(&walk, dir, size - 1);
    int rc = fi_block_reader_open(dir, "f", FI_BLOCK_FILE_ROW, &walk.reader, &err);
    CHECK(rc == opens);
    if (rc == FIRN_OK) {
        read_sections(&walk);
        rc = fi_block_reader_verify_body(walk.reader, &err);
        CHECK(rc == FIRN_OK || (rc == FIRN_CORRUPT && walk.is_damaged));
    }
    rc = fi_block_salvage(dir, "f", FI_BLOCK_FILE_ROW, visit, &walk, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_DENIED);
    fi_block_reader_close(walk.reader);
    fi_compress_destroy(walk.compress);
    fi_buf_deinit(&walk.raw);
    return 0;
}
