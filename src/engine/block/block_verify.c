/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_verify.c: verifies a sealed block file by its checksums alone: without decoding a
 * block, and without a key where the file is encrypted.
 *
 * Opening has verified header, footer and table of contents; the header of a source is verified
 * after that. Here the body is walked from its beginning to its end: each block must begin where
 * the one before it ended. The check of a prefix does not depend on the stored bytes, so a block
 * whose bytes are bad is reported and stepped over. After a bad prefix nothing says where the next
 * block begins, and the walk ends.
 *
 * Each MiB that was walked without damage is then compared with its BLAKE3 in the table of
 * contents, while its bytes are still in the page cache. A MiB with a damaged block is not
 * compared: it would be reported twice. After a bad prefix the later MiBs are still compared.
 *
 * Memory: one MiB, and one block, of FI_BLOCK_STORED_SIZE_MAX bytes at most, which the file has.
 *
 * Failure: bytes that the disk does not give are damage, as FIRN_CORRUPT is. Any other failure ends
 * the walk.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "block/block_format.h"

enum { PREFIX_SIZE = FI_BLOCK_FORMAT_PREFIX_SIZE, CHUNK_SIZE = FI_BLOCK_FORMAT_CHUNK_SIZE };

struct verifying {
    struct fi_block_reader *reader;
    const struct fi_block_verify_host *host;
    struct fi_block_verify_counts *counts;
    struct fi_buf block;
    struct fi_buf chunk;
    uint64_t at;         /* where the next block begins */
    uint64_t chunk_next; /* the first MiB that was neither compared nor left out */
    uint64_t clean_from; /* MiBs below this one that are still to come have reported damage */
};

/* What is found damaged, and does not end the walk. */
static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_IO;
}

/* Reports damage to bytes up to `end`: no MiB with any of them is compared. */
static void
report_found(struct verifying *verifying, uint64_t end, const firn_error *found)
{
    const uint64_t clean_from = (end - 1) / CHUNK_SIZE + 1;
    DCHECK(end > FI_BLOCK_BODY_START);
    verifying->host->on_damage(verifying->host->ctx, found);
    verifying->clean_from = clean_from > verifying->clean_from ? clean_from : verifying->clean_from;
}

static void
block_verify_report(struct verifying *verifying, uint64_t offset, uint64_t end, const char *what)
{
    firn_error found;
    (void)fi_error_set(&found, FIRN_CORRUPT, "'%s': block at %llu: %s",
                       fi_block_reader_path(verifying->reader), (unsigned long long)offset, what);
    report_found(verifying, end, &found);
}

/* FIRN_OK if bytes that end at `end` could be read, or if it was reported that they cannot. */
static int
block_verify_read(struct verifying *verifying, uint64_t offset, size_t size, uint8_t *out,
                  bool *out_is_read, firn_error *err)
{
    firn_error found;
    int rc = fi_block_reader_read_span(verifying->reader, offset, size, out, &found);
    *out_is_read = rc == FIRN_OK;
    if (is_damage(rc)) {
        fi_error_prefix(&found, "'%s': block at %llu", fi_block_reader_path(verifying->reader),
                        (unsigned long long)verifying->at);
        report_found(verifying, offset + size, &found);
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &found);
    }
    return rc;
}

/* Compares the MiBs that end at or before `end`, and that were not compared yet. */
static int
compare_chunks(struct verifying *verifying, uint64_t end, firn_error *err)
{
    const uint64_t body_end = fi_block_reader_body_end(verifying->reader);
    const uint64_t count = fi_block_reader_chunk_count(verifying->reader);
    while (verifying->chunk_next < count &&
           (end == body_end || (verifying->chunk_next + 1) * CHUNK_SIZE <= end)) {
        uint64_t i = verifying->chunk_next++;
        if (i < verifying->clean_from) {
            continue;
        }
        firn_error found;
        int rc = fi_block_reader_verify_chunk(verifying->reader, i, &verifying->chunk, &found);
        if (is_damage(rc)) {
            verifying->host->on_damage(verifying->host->ctx, &found);
        } else if (rc != FIRN_OK) {
            fi_error_copy(err, &found);
            return rc;
        }
        FI_TRY_RETURN(fi_step_report(verifying->host->step, 0, 0, err)); /* it may be cancelled */
    }
    return FIRN_OK;
}

static bool
is_padded_with_zeros(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The block that begins at `at`, whose prefix is sound and whose span is inside the body. */
static int
verify_stored(struct verifying *verifying, const uint8_t *prefix, uint32_t stored_size,
              firn_error *err)
{
    const uint64_t offset = verifying->at;
    const size_t span = (size_t)fi_block_format_span(stored_size);
    const size_t end = PREFIX_SIZE + (size_t)stored_size;
    bool is_read;
    if (fi_buf_set_size(&verifying->block, span) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    uint8_t *bytes = verifying->block.data;
    FI_TRY_RETURN(block_verify_read(verifying, offset, span, bytes, &is_read, err));
    verifying->at += span;
    verifying->counts->bytes += span;
    verifying->counts->blocks++;
    if (!is_read) {
        return FIRN_OK;
    }
    if (!fi_block_format_stored_matches(fi_block_reader_id(verifying->reader), offset, prefix,
                                        firn_bytes(bytes + PREFIX_SIZE, stored_size))) {
        block_verify_report(verifying, offset, verifying->at,
                            "its bytes do not match their checksum");
    } else if (!is_padded_with_zeros(bytes + end, span - end)) {
        block_verify_report(verifying, offset, verifying->at, "its padding is not zero");
    }
    return FIRN_OK;
}

/* What is wrong with the prefix of the block at `at`; NULL: nothing, and *out is filled. */
static const char *
judge_prefix(const struct verifying *verifying, const uint8_t *bytes,
             struct fi_block_format_prefix *out)
{
    const uint64_t body_end = fi_block_reader_body_end(verifying->reader);
    const bool is_encrypted = fi_block_reader_overhead(verifying->reader) > 0;
    if (!fi_block_format_decode_prefix(fi_block_reader_id(verifying->reader), verifying->at, bytes,
                                       out)) {
        return "its prefix does not match its checksum";
    }
    if (out->stored_size > FI_BLOCK_STORED_SIZE_MAX ||
        !fi_range_inside(verifying->at, fi_block_format_span(out->stored_size), body_end)) {
        return "it is longer than the rest of the body";
    }
    if (is_encrypted != ((out->flags & FI_BLOCK_FORMAT_SEALED) != 0)) {
        return is_encrypted ? "it is in clear, in an encrypted file"
                            : "it is encrypted, in a file in clear";
    }
    return NULL;
}

/* Verifies one block; *out_goes_on is false if nothing says where the next one begins. */
static int
verify_block(struct verifying *verifying, bool *out_goes_on, firn_error *err)
{
    const uint64_t body_end = fi_block_reader_body_end(verifying->reader);
    uint8_t bytes[PREFIX_SIZE];
    struct fi_block_format_prefix prefix;
    *out_goes_on = false;
    if (!fi_range_inside(verifying->at, PREFIX_SIZE, body_end)) {
        block_verify_report(verifying, verifying->at, body_end, "the body ends inside its prefix");
        return FIRN_OK;
    }
    bool is_read;
    FI_TRY_RETURN(block_verify_read(verifying, verifying->at, sizeof bytes, bytes, &is_read, err));
    if (!is_read) {
        return FIRN_OK;
    }
    const char *what = judge_prefix(verifying, bytes, &prefix);
    if (what != NULL) {
        block_verify_report(verifying, verifying->at, verifying->at + PREFIX_SIZE, what);
        return FIRN_OK;
    }
    if ((prefix.flags & ~FI_BLOCK_FORMAT_SEALED) != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': block at %llu has flags %02x, which this version cannot read",
                            fi_block_reader_path(verifying->reader),
                            (unsigned long long)verifying->at, prefix.flags);
    }
    *out_goes_on = true;
    return verify_stored(verifying, bytes, prefix.stored_size, err);
}

static int
verify_body(struct verifying *verifying, firn_error *err)
{
    const uint64_t body_end = fi_block_reader_body_end(verifying->reader);
    bool goes_on = true;
    while (goes_on && verifying->at < body_end) {
        uint64_t before = verifying->at;
        FI_TRY_RETURN(verify_block(verifying, &goes_on, err));
        CHECK(!goes_on || verifying->at > before); /* otherwise it would never end */
        FI_TRY_RETURN(compare_chunks(verifying, verifying->at, err));
        FI_TRY_RETURN(fi_step_report(verifying->host->step, 0, verifying->at - before, err));
    }
    return compare_chunks(verifying, body_end, err);
}

/* The rest of a file whose edges are sound. */
static int
verify_opened(struct verifying *verifying, firn_error *err)
{
    const struct fi_block_verify_host *host = verifying->host;
    const struct fi_block_reader *reader = verifying->reader;
    verifying->at = FI_BLOCK_BODY_START;
    verifying->counts->bytes =
        fi_block_reader_size_bytes(reader) - fi_block_reader_body_end(reader) + FI_BLOCK_BODY_START;
    if (host->must_be_encrypted && fi_block_reader_overhead(reader) == 0) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s' is in clear, among files that are encrypted",
                            fi_block_reader_path(reader));
    }
    FI_TRY_RETURN(host->judge != NULL ? host->judge(host->ctx, reader, err) : FIRN_OK);
    return host->edges_only ? FIRN_OK : verify_body(verifying, err);
}

static void
verifying_deinit(struct verifying *verifying)
{
    fi_block_reader_close(verifying->reader);
    fi_buf_deinit(&verifying->block);
    fi_buf_deinit(&verifying->chunk);
}

int
fi_block_verify(struct fi_os_dir *dir, const char *name, enum fi_block_file_kind kind,
                const struct fi_block_verify_host *host, struct fi_block_verify_counts *out,
                firn_error *err)
{
    int rc;
    struct verifying verifying = {.host = host, .counts = out};
    *out = (struct fi_block_verify_counts){0};
    FI_TRY(fi_block_reader_open(dir, name, kind, &verifying.reader, err));
    rc = verify_opened(&verifying, err);
out:
    verifying_deinit(&verifying);
    return rc;
}

int
fi_block_verify_source(const struct fi_block_source *source, enum fi_block_file_kind kind,
                       const struct fi_block_verify_host *host, struct fi_block_verify_counts *out,
                       firn_error *err)
{
    int rc;
    struct verifying verifying = {.host = host, .counts = out};
    *out = (struct fi_block_verify_counts){0};
    FI_TRY(fi_block_reader_open_source(source, kind, &verifying.reader, err));
    FI_TRY(fi_block_reader_check_header(verifying.reader, err));
    rc = verify_opened(&verifying, err);
out:
    verifying_deinit(&verifying);
    return rc;
}
