/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_parts.h: what kinds of runs have in common: the parts of a run other than its entries,
 * and how they are written, read and checked. Only rooms that implement a kind of run include it,
 * and tests.
 *
 * A run of any kind has these sections: one summary, one index, at most one filter and one origin,
 * and any number of blocks of range deletes. All but the index have the same form in all kinds
 * (docs/formats/row.md).
 *
 * Threads: any for functions on bytes and readers; an output and a check belong to one.
 */
#ifndef FIRN_RUN_RUN_PARTS_H
#define FIRN_RUN_RUN_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/snapshot.h"
#include "base/step.h"
#include "codec/xxh3.h"
#include "run/run_kind.h"

/* Returns FIRN_NOT_FOUND, for a get: it is an answer and not a failure, so no text is made. */
static inline int
fi_run_not_found(firn_error *err)
{
    if (err != NULL) {
        err->code = FIRN_NOT_FOUND;
        err->os_errno = 0;
        err->text[0] = '\0';
    }
    return FIRN_NOT_FOUND;
}

/* Sections of the file. */
enum fi_run_section {
    FI_RUN_SECTION_SUMMARY = 1, /* one */
    FI_RUN_SECTION_INDEX = 2,   /* one */
    FI_RUN_SECTION_FILTER = 3,  /* at most one */
    FI_RUN_SECTION_RANGES = 4,  /* any number */
    FI_RUN_SECTION_ORIGIN = 5,  /* at most one: run/run_kind.h */
    FI_RUN_SECTION_FILTERS = 6  /* at most one, of runs of columns */
};

/* The same key, but never NULL, for pointer arithmetic. */
static inline firn_slice
fi_run_key(firn_slice key)
{
    static const uint8_t nothing[1] = {0};
    return key.size == 0 ? firn_bytes(nothing, 0) : key;
}

/* ==== texts of errors (run_text.c) ==== */

/* A key for messages: printable, at most FI_RUN_TEXT_SIZE - 1 characters. */
enum { FI_RUN_TEXT_SIZE = 64 };
const char *fi_run_text_key(firn_slice key, char text[FI_RUN_TEXT_SIZE]);
/* The same for a key in two parts. */
const char *fi_run_text_key_of(firn_slice prefix, firn_slice rest, char text[FI_RUN_TEXT_SIZE]);

/* Whether a failure means that something of the file cannot be read. */
static inline bool
fi_run_text_is_loss(int code)
{
    return code == FIRN_CORRUPT || code == FIRN_NEWER || code == FIRN_IO;
}
/* Puts file and offset of a block before the text of a failure (of damage, or to read), unless the
 * text begins with them. Returns err->code. */
int fi_run_text_place(const struct fi_block_reader *reader, const struct fi_block_ref *ref,
                      firn_error *err);

/* ==== which of a key's versions a snapshot can see, from the newest on ==== */

struct fi_run_walk {
    const struct fi_snapshot *snapshot;
    size_t left; /* of its intervals */
    /* the newest sequence that can still be an answer; in the last remaining interval */
    uint64_t at;
};

/* Versions newer than this are no longer of interest; false if none is. */
static inline bool
fi_run_walk_below(struct fi_run_walk *walk, uint64_t sequence)
{
    if (walk->left > 0 && walk->snapshot->intervals[walk->left - 1].first > sequence) {
        walk->left = fi_snapshot_count_from(walk->snapshot, sequence);
    }
    if (walk->left == 0) {
        return false;
    }
    uint64_t last = fi_snapshot_at(walk->snapshot, walk->left - 1).last;
    walk->at = sequence < last ? sequence : last;
    DCHECK(walk->at >= walk->snapshot->intervals[walk->left - 1].first);
    return true;
}

/* Begins at the newest; false if the snapshot sees nothing. */
static inline bool
fi_run_walk_init(struct fi_run_walk *walk, const struct fi_snapshot *snapshot)
{
    *walk = (struct fi_run_walk){.snapshot = snapshot, .left = snapshot->count};
    return fi_run_walk_below(walk, UINT64_MAX);
}

/* Whether the snapshot sees one of these sequences, down from `at`. */
static inline bool
fi_run_walk_sees_any(const struct fi_run_walk *walk, uint64_t sequence_min, uint64_t sequence_max)
{
    if (sequence_max > walk->at) {
        sequence_max = walk->at;
    }
    size_t from = fi_snapshot_count_from(walk->snapshot, sequence_max);
    from = from < walk->left ? from : walk->left;
    return from > 0 && sequence_min <= sequence_max &&
           fi_snapshot_at(walk->snapshot, from - 1).last >= sequence_min;
}

/* ==== encoding and decoding a run's summary and range deletes (run_summary.c) ==== */

enum {
    FI_RUN_SUMMARY_SIZE = 64,    /* without the keys */
    FI_RUN_RANGES_SIZE = 1 << 20 /* a block of ranges ends beyond it */
};

/* Appends the summary (all but file_bytes, which it cannot know). The version is that of the kind's
 * format, from 1. */
FIRN_MUST_CHECK int fi_run_summary_encode(const struct fi_run_summary *summary, uint32_t version,
                                          struct fi_buf *out);
/* Requires: *out is zeroed. The caller must deinit *out, even on failure. has_heads and
 * has_references are not set, because they follow from the version. FIRN_CORRUPT for bytes that no
 * builder writes, FIRN_NEWER for a version above version_max. */
FIRN_MUST_CHECK int fi_run_summary_decode(firn_slice raw, uint32_t version_max,
                                          uint32_t *out_version, struct fi_run_summary *out,
                                          firn_error *err);

/* Appends one range. */
FIRN_MUST_CHECK int fi_run_summary_encode_range(const struct fi_range *range, struct fi_buf *out);
/* Calls visit for each range of a block of them; a result other than FIRN_OK ends the walk and is
 * returned. FIRN_CORRUPT if there is anything but ranges. */
FIRN_MUST_CHECK int
fi_run_summary_decode_ranges(firn_slice raw,
                             int (*visit)(void *ctx, const struct fi_range *range, firn_error *err),
                             void *ctx, firn_error *err);

/* Widen what a summary, which is being made, says. Each before the counts of what it is about.
 * Bounds: FIRN_NO_MEMORY. */
void fi_run_summary_note_sequence(struct fi_run_summary *summary, uint64_t sequence);
FIRN_MUST_CHECK int fi_run_summary_note_lower(struct fi_run_summary *summary, firn_slice key);
FIRN_MUST_CHECK int fi_run_summary_note_upper(struct fi_run_summary *summary, firn_slice bound);
/* The upper bound that follows from the last key. */
FIRN_MUST_CHECK int fi_run_summary_note_last_key(struct fi_run_summary *summary, firn_slice key);

/* ==== the parts of a run that is opened (run_sections.c) ==== */

struct fi_run_sections {
    struct fi_block_ref index;
    struct fi_block_ref filter;  /* stored_size 0: there is none */
    struct fi_block_ref origin;  /* likewise */
    struct fi_block_ref filters; /* likewise */
    uint32_t version;
};
/* Finds the sections, and decodes summary and ranges into *summary and *ranges; seals the ranges.
 * Requires: both are zeroed. The caller must deinit both, even on failure. FIRN_CORRUPT names the
 * file. */
FIRN_MUST_CHECK int fi_run_sections_read(struct fi_block_reader *reader, uint32_t version_max,
                                         struct fi_run_sections *out,
                                         struct fi_run_summary *summary,
                                         struct fi_range_set *ranges, firn_error *err);
/* As origin in struct fi_run_kind. */
FIRN_MUST_CHECK int fi_run_sections_origin(struct fi_block_reader *reader,
                                           const struct fi_run_sections *sections,
                                           struct fi_buf *numbers, struct fi_run_origin *out,
                                           firn_error *err);

/* ==== a Bloom filter of one cache line a key: whether a run can hold a key at all (run_filter.c)
 * ==== */

enum { FI_RUN_FILTER_BITS_PER_KEY = 10, FI_RUN_FILTER_LINE_SIZE = 64 };

/* The check of a filter's bytes: any bytes are valid if they are a whole number of lines. The
 * signature is that of fi_block_cache_check. */
FIRN_MUST_CHECK int fi_run_filter_check(firn_slice raw, firn_error *err);

/* The hash by which keys are known here, and by the tags of rows. */
static inline uint64_t
fi_run_filter_hash(firn_slice key)
{
    return fi_xxh3(key.data, key.size, 0);
}

/* A key's line, by the upper half of its hash. */
static inline size_t
fi_run_filter_line(uint64_t key_hash, size_t line_count)
{
    return (size_t)(((key_hash >> 32) * line_count) >> 32);
}

/* A key's eight bits, one in each 8-byte word of its line: word i has bit (bits >> 6·i) & 63. */
static inline uint64_t
fi_run_filter_bits(uint64_t key_hash)
{
    return (key_hash * UINT64_C(0x9e3779b97f4a7c15)) >> 16;
}

static inline void
fi_run_filter_prefetch(firn_slice raw, uint64_t key_hash)
{
    size_t line = fi_run_filter_line(key_hash, raw.size / FI_RUN_FILTER_LINE_SIZE);
    __builtin_prefetch(raw.data + line * FI_RUN_FILTER_LINE_SIZE);
}

/* false: certainly no key with this hash was added. */
static inline bool
fi_run_filter_may_contain(firn_slice raw, uint64_t key_hash)
{
    size_t line = fi_run_filter_line(key_hash, raw.size / FI_RUN_FILTER_LINE_SIZE);
    const uint8_t *words = raw.data + line * FI_RUN_FILTER_LINE_SIZE;
    uint64_t bits = fi_run_filter_bits(key_hash);
    for (unsigned i = 0; i < FI_RUN_FILTER_LINE_SIZE / 8; i++, bits >>= 6) {
        if (((fi_load_le64(words + 8 * (size_t)i) >> (bits & 63)) & 1) == 0) {
            return false;
        }
    }
    return true;
}

/* Replaces the contents of out with the filter of these keys, at FI_RUN_FILTER_BITS_PER_KEY as
 * far as one block of a file allows. */
FIRN_MUST_CHECK int fi_run_filter_encode(const uint64_t *key_hashes, size_t count,
                                         struct fi_buf *out);
/* The size of that filter. */
size_t fi_run_filter_size_bytes(size_t count);

/* ==== a run that is being written (run_output.c) ==== */

struct fi_run_output {
    struct fi_block_writer *writer;
    struct fi_compress *compress;
    struct fi_block_publisher *publisher;
    enum fi_codec codec;
    int level;
    unsigned gain; /* compress a block if that saves more than 1/gain of it */
    bool without_filter;
    bool has_failed; /* also set by the kind of run: later calls fail */
    bool is_finished;
    uint64_t written_bytes; /* of blocks, so far */
    struct fi_buf stored;
    uint64_t *hashes; /* of keys, for the filter */
    size_t hash_count;
    size_t hash_capacity;
    struct fi_buf ranges; /* encoded, not in the file yet */
    struct fi_buf origin; /* encoded; empty: none is written */
    struct fi_buf raw;    /* a section */
    struct fi_run_summary summary;
};

/* Begins the file. The caller must deinit the output, even on failure. */
FIRN_MUST_CHECK int fi_run_output_init(struct fi_run_output *output, const struct fi_run_env *env,
                                       const char *name, enum fi_block_file_kind kind,
                                       const struct fi_run_builder_options *options, unsigned gain,
                                       firn_error *err);
/* Removes the unfinished file. A zeroed output is allowed. */
void fi_run_output_deinit(struct fi_run_output *output);
/* FIRN_MISUSE after the end, FIRN_FAILED after a failure. */
FIRN_MUST_CHECK int fi_run_output_check_usable(const struct fi_run_output *output, firn_error *err);

/* Adds a block: compressed if that saves enough, else uncompressed. */
FIRN_MUST_CHECK int fi_run_output_add(struct fi_run_output *output, firn_slice raw,
                                      struct fi_block_ref *out, firn_error *err);
/* The two halves of fi_run_output_add: several threads can compress blocks at once, each with a
 * context and memory of its own. pack changes nothing of the output. *out_codec is the codec of
 * stored. If it is FI_CODEC_NONE, the caller passes raw to add_packed instead. */
FIRN_MUST_CHECK int fi_run_output_pack(const struct fi_run_output *output,
                                       struct fi_compress *compress, firn_slice raw,
                                       struct fi_buf *stored, enum fi_codec *out_codec,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_run_output_add_packed(struct fi_run_output *output, enum fi_codec codec,
                                             firn_slice stored, size_t raw_size,
                                             struct fi_block_ref *out, firn_error *err);
/* Adds a block and names it in the table of contents. */
FIRN_MUST_CHECK int fi_run_output_add_section(struct fi_run_output *output, uint32_t kind,
                                              firn_slice raw, firn_error *err);

/* Whether the value is one that the kind of the entry, which has no reference, may have, and the
 * key and the value are within the limits: else FIRN_LIMIT or FIRN_INVALID. */
FIRN_MUST_CHECK int fi_run_output_check_entry(const struct fi_entry *entry, firn_error *err);
/* Remembers a key for the filter. */
FIRN_MUST_CHECK int fi_run_output_note_key(struct fi_run_output *output, uint64_t key_hash,
                                           firn_error *err);

/* As in struct fi_run_kind. */
FIRN_MUST_CHECK int fi_run_output_add_range(struct fi_run_output *output,
                                            const struct fi_range *range, firn_error *err);
FIRN_MUST_CHECK int fi_run_output_set_origin(struct fi_run_output *output,
                                             const struct fi_run_origin *origin, firn_error *err);
/* The size of the file, without the blocks that are not written yet and the index. */
uint64_t fi_run_output_size_bytes(const struct fi_run_output *output);

/* The end: first ranges and filter, then the kind's index, which it adds between, then the rest.
 * The summary moves to *out. */
FIRN_MUST_CHECK int fi_run_output_end_entries(struct fi_run_output *output, firn_error *err);
FIRN_MUST_CHECK int fi_run_output_finish(struct fi_run_output *output, uint32_t version,
                                         struct fi_run_summary *out, firn_error *err);

/* ==== values that are too large to share a block, in pieces (run_pieces.c) ====
 *
 * Each piece is a block of the file, one directly after the other. The locator: size 8, offset of
 * the first 8, then the stored size of each, 4. All pieces but the last have FI_RUN_PIECE_SIZE
 * bytes.
 */

enum {
    FI_RUN_PIECE_SIZE = 1 << 20,
    FI_RUN_LOCATOR_SIZE = 16, /* without the stored sizes */
    FI_RUN_PIECES_MAX = FI_ENTRY_VALUE_SIZE_MAX / FI_RUN_PIECE_SIZE
};

/* Pieces of a value. */
static inline uint64_t
fi_run_pieces_count(uint64_t value_size)
{
    return value_size / FI_RUN_PIECE_SIZE + (value_size % FI_RUN_PIECE_SIZE != 0);
}

/* The numbers of a locator that passed the check. */
struct fi_run_locator {
    uint64_t value_size;
    uint64_t first_offset;
    const uint8_t *stored_sizes; /* 4 bytes each */
};
static inline void
fi_run_pieces_locator(firn_slice locator, struct fi_run_locator *out)
{
    out->value_size = fi_load_le64(locator.data);
    out->first_offset = fi_load_le64(locator.data + 8);
    out->stored_sizes = locator.data + FI_RUN_LOCATOR_SIZE;
}

/* The check of a locator, whose bytes must not be trusted before this has returned FIRN_OK; then
 * the number of pieces and the size are right. The signature is that of fi_block_cache_check. */
FIRN_MUST_CHECK int fi_run_pieces_check_locator(firn_slice locator, firn_error *err);
/* Writes a value of 1 to FI_ENTRY_VALUE_SIZE_MAX bytes; replaces the contents of out_locator. */
FIRN_MUST_CHECK int fi_run_pieces_write(struct fi_run_output *output, firn_slice value,
                                        struct fi_buf *out_locator, firn_error *err);
/* Replaces the contents of out with the value. Requires: the locator has passed the check.
 * Allocates memory for one piece beside the value. Any thread. */
FIRN_MUST_CHECK int fi_run_pieces_read(struct fi_block_reader *reader, firn_slice locator,
                                       struct fi_buf *out, firn_error *err);
/* Reads all pieces and keeps none. */
FIRN_MUST_CHECK int fi_run_pieces_check(struct fi_block_reader *reader, firn_slice locator,
                                        firn_error *err);

/* ==== checking a run (run_check.c) ==== */

struct fi_run_check {
    struct fi_block_reader *reader;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    const struct fi_step *step;
    struct fi_compress *compress;
    bool *is_reported;     /* a chunk of the table of contents */
    int worst;             /* FIRN_OK, FIRN_IO, FIRN_CORRUPT */
    bool is_incomplete;    /* something is missing in found */
    uint64_t untold_bytes; /* read, but not yet reported to step */
    struct fi_buf raw;
    struct fi_buf filter;        /* empty: there is none, or a bad one */
    struct fi_run_summary found; /* by the caller, but for what is of ranges */
};

/* reader, on_damage, ctx and step are set, the rest is zeroed. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_run_check_init(struct fi_run_check *check, firn_error *err);
void fi_run_check_deinit(struct fi_run_check *check);
/* Reports what err says about the bytes [offset, offset + size); returns FIRN_OK for damage, else
 * the error. */
FIRN_MUST_CHECK int fi_run_check_report(struct fi_run_check *check, uint64_t offset, uint64_t size,
                                        const firn_error *err);
/* The same for a block, with what is lost. */
FIRN_MUST_CHECK int fi_run_check_report_block(struct fi_run_check *check,
                                              const struct fi_block_ref *ref, const char *loss,
                                              firn_error *err);
/* Reads the filter, and summary and ranges as they are on the disk now. */
FIRN_MUST_CHECK int fi_run_check_sections(struct fi_run_check *check,
                                          const struct fi_run_sections *sections,
                                          uint32_t version_max, firn_error *err);
/* FIRN_CORRUPT, without a place, if the filter does not have the key. */
FIRN_MUST_CHECK int fi_run_check_key(const struct fi_run_check *check, uint64_t key_hash,
                                     firn_error *err);
/* At the end: what was found, with the first and last key where there are entries, against the
 * summary of the open run; the origin; every byte of the body. Then FIRN_OK, or what the check
 * returns. */
FIRN_MUST_CHECK int fi_run_check_end(struct fi_run_check *check,
                                     const struct fi_run_sections *sections,
                                     const struct fi_run_summary *summary, firn_slice first_key,
                                     firn_slice last_key, firn_error *err);

#endif
