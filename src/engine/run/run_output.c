/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_output.c: writes what runs of all kinds have: blocks, range deletes, the filter, the
 * origin, the summary.
 *
 * A kind of run adds the blocks of its entries as they fill up, and its index at the end, between
 * firn_run_output_end_entries and firn_run_output_finish:
 *
 *   | blocks of the kind … | ranges | filter | index | origin | summary |
 *
 * One buffer holds the compressed bytes and is reused for each block. A block that compression does
 * not shrink by as much as the kind demands is stored uncompressed, so that reading it costs no
 * decoding.
 *
 * (I1) A call that was refused (FIRN_INVALID, FIRN_LIMIT) has changed nothing. After any other
 *      failure the file may lack something, so later calls fail. (Not checked: the tests that
 *      refuse come first.)
 *
 * Memory: one block compressed, a chunk of the block writer, 8 bytes a key for the filter, a block
 * of ranges.
 */
#include "run/run_parts.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

int
firn_run_output_init(struct firn_run_output *output, const struct firn_run_env *env,
                     const char *name, enum firn_block_file_kind kind,
                     const struct firn_run_builder_options *options, unsigned gain, firn_error *err)
{
    *output = (struct firn_run_output){.codec = options->codec,
                                       .level = options->codec_level,
                                       .gain = gain,
                                       .without_filter = options->without_filter,
                                       .publisher = options->publisher};
    DCHECK(gain > 0);
    int rc = firn_compress_create(&output->compress, err);
    return rc != FIRN_OK ? rc
                         : firn_block_writer_create(env->dir, name, kind, &output->writer, err);
}

void
firn_run_output_deinit(struct firn_run_output *output)
{
    firn_block_writer_destroy(output->writer);
    firn_compress_destroy(output->compress);
    firn_buf_deinit(&output->stored);
    firn_free(output->hashes);
    firn_buf_deinit(&output->ranges);
    firn_buf_deinit(&output->origin);
    firn_buf_deinit(&output->raw);
    firn_run_summary_deinit(&output->summary);
}

int
firn_run_output_check_usable(const struct firn_run_output *output, firn_error *err)
{
    if (output->is_finished) {
        return firn_error_set(err, FIRN_MISUSE, "the run is finished");
    }
    return output->has_failed ? firn_error_set(err, FIRN_FAILED, "writing the run failed earlier")
                              : FIRN_OK;
}

/* ---- blocks ---- */

static int
add(struct firn_run_output *output, enum firn_codec codec, firn_slice stored, size_t raw_size,
    struct firn_block_ref *out, firn_error *err)
{
    DCHECK(raw_size <= UINT32_MAX); /* else the writer would not see that it is too large */
    int rc = firn_block_writer_add(output->writer, codec, stored, (uint32_t)raw_size, out, err);
    if (rc == FIRN_OK) {
        output->written_bytes += firn_block_reader_span(out);
    }
    return rc;
}

static int
add_plain(struct firn_run_output *output, firn_slice raw, struct firn_block_ref *out,
          firn_error *err)
{
    return add(output, FIRN_CODEC_NONE, raw, raw.size, out, err);
}

int
firn_run_output_pack(const struct firn_run_output *output, struct firn_compress *compress,
                     firn_slice raw, struct firn_buf *stored, enum firn_codec *out_codec,
                     firn_error *err)
{
    *out_codec = FIRN_CODEC_NONE;
    if (output->codec == FIRN_CODEC_NONE) {
        return FIRN_OK;
    }
    int rc = firn_compress_encode(compress, output->codec, output->level, raw, stored, err);
    if (rc == FIRN_OK && stored->size < raw.size - raw.size / output->gain) {
        *out_codec = output->codec;
    }
    return rc;
}

int
firn_run_output_add_packed(struct firn_run_output *output, enum firn_codec codec, firn_slice stored,
                           size_t raw_size, struct firn_block_ref *out, firn_error *err)
{
    return add(output, codec, stored, raw_size, out, err);
}

int
firn_run_output_add(struct firn_run_output *output, firn_slice raw, struct firn_block_ref *out,
                    firn_error *err)
{
    enum firn_codec codec;
    FIRN_TRY_RETURN(
        firn_run_output_pack(output, output->compress, raw, &output->stored, &codec, err));
    return codec == FIRN_CODEC_NONE
               ? add_plain(output, raw, out, err)
               : add(output, codec, firn_buf_slice(&output->stored), raw.size, out, err);
}

int
firn_run_output_add_section(struct firn_run_output *output, uint32_t kind, firn_slice raw,
                            firn_error *err)
{
    struct firn_block_ref ref;
    int rc = firn_run_output_add(output, raw, &ref, err);
    return rc != FIRN_OK ? rc : firn_block_writer_add_section(output->writer, kind, &ref, err);
}

/* ---- entries ---- */

/* Whether the value is one that the kind may have. */
static bool
is_whole(const struct firn_entry *entry)
{
    return entry->kind == FIRN_ENTRY_PUT ||
           (entry->kind == FIRN_ENTRY_DELETE && entry->value.size == 0) ||
           ((entry->kind == FIRN_ENTRY_MERGE || entry->kind == FIRN_ENTRY_EXPIRING) &&
            entry->value.size >= firn_entry_head_size(entry->kind));
}

int
firn_run_output_check_entry(const struct firn_entry *entry, firn_error *err)
{
    if (entry->key.size > FIRN_ENTRY_KEY_SIZE_MAX ||
        entry->value.size > FIRN_ENTRY_VALUE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "a key of %zu bytes with a value of %zu exceeds the limits of a run, "
                              "%d and %d",
                              entry->key.size, entry->value.size, FIRN_ENTRY_KEY_SIZE_MAX,
                              FIRN_ENTRY_VALUE_SIZE_MAX);
    }
    return (entry->values != NULL || is_whole(entry)) && entry->sequence < UINT64_MAX
               ? FIRN_OK
               : firn_error_set(err, FIRN_INVALID,
                                "an entry of kind %d, sequence %llu, cannot be "
                                "in a run",
                                (int)entry->kind, (unsigned long long)entry->sequence);
}

int
firn_run_output_note_key(struct firn_run_output *output, uint64_t key_hash, firn_error *err)
{
    if (output->without_filter) {
        return FIRN_OK;
    }
    if (output->hash_count == output->hash_capacity) {
        uint64_t *hashes = firn_grow_array(output->hashes, output->hash_count + 1,
                                           &output->hash_capacity, sizeof hashes[0]);
        if (hashes == NULL) {
            return firn_error_no_memory(err, "the filter of a run");
        }
        output->hashes = hashes;
    }
    output->hashes[output->hash_count++] = key_hash;
    return FIRN_OK;
}

/* ---- ranges ---- */

/* Moves what has gathered of ranges into the file. */
static int
write_ranges(struct firn_run_output *output, firn_error *err)
{
    if (output->ranges.size == 0) {
        return FIRN_OK;
    }
    int rc = firn_run_output_add_section(output, FIRN_RUN_SECTION_RANGES,
                                         firn_buf_slice(&output->ranges), err);
    firn_buf_clear(&output->ranges);
    return rc;
}

static int
add_range(struct firn_run_output *output, const struct firn_range *range, firn_error *err)
{
    struct firn_run_summary *summary = &output->summary;
    DCHECK(output->ranges.size < FIRN_RUN_RANGES_SIZE);
    if (firn_run_summary_encode_range(range, &output->ranges) != FIRN_OK ||
        firn_run_summary_note_lower(summary, range->lower) != FIRN_OK ||
        firn_run_summary_note_upper(summary, range->upper) != FIRN_OK) {
        return firn_error_no_memory(err, "a range delete");
    }
    firn_run_summary_note_sequence(summary, range->sequence);
    summary->range_count++;
    return output->ranges.size < FIRN_RUN_RANGES_SIZE ? FIRN_OK : write_ranges(output, err);
}

int
firn_run_output_add_range(struct firn_run_output *output, const struct firn_range *range,
                          firn_error *err)
{
    FIRN_TRY_RETURN(firn_run_output_check_usable(output, err));
    if (range->lower.size > FIRN_ENTRY_BOUND_SIZE_MAX ||
        range->upper.size > FIRN_ENTRY_BOUND_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "a bound of a range delete exceeds %d bytes",
                              FIRN_ENTRY_BOUND_SIZE_MAX);
    }
    if (firn_slice_compare(range->lower, range->upper) >= 0 || range->sequence == UINT64_MAX) {
        return firn_error_set(err, FIRN_INVALID,
                              "a range delete that covers nothing, or nothing "
                              "for good, cannot be in a run");
    }
    int rc = add_range(output, range, err);
    output->has_failed = rc != FIRN_OK; /* (I1) */
    return rc;
}

/* ---- the end ---- */

int
firn_run_output_set_origin(struct firn_run_output *output, const struct firn_run_origin *origin,
                           firn_error *err)
{
    int rc = firn_run_output_check_usable(output, err);
    if (rc == FIRN_OK && firn_run_origin_encode(origin, &output->origin) != FIRN_OK) {
        firn_buf_clear(&output->origin);
        rc = firn_error_no_memory(err, "the origin of a run");
    }
    return rc;
}

uint64_t
firn_run_output_size_bytes(const struct firn_run_output *output)
{
    return FIRN_BLOCK_BODY_START + output->written_bytes + output->ranges.size +
           (output->without_filter ? 0 : firn_run_filter_size_bytes(output->hash_count));
}

/* Whether the filter that was encoded knows all keys. */
static bool
is_complete(const struct firn_run_output *output, firn_slice filter)
{
    size_t i = 0;
    while (i < output->hash_count && firn_run_filter_may_contain(filter, output->hashes[i])) {
        i++;
    }
    return i == output->hash_count;
}

static int
write_filter(struct firn_run_output *output, firn_error *err)
{
    if (output->hash_count == 0) {
        return FIRN_OK;
    }
    if (firn_run_filter_encode(output->hashes, output->hash_count, &output->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "the filter of a run");
    }
    DCHECK(output->hash_count <= output->summary.entry_count);
    DCHECK(is_complete(output, firn_buf_slice(&output->raw)));
    struct firn_block_ref ref;
    int rc = add_plain(output, firn_buf_slice(&output->raw), &ref, err);
    return rc != FIRN_OK
               ? rc
               : firn_block_writer_add_section(output->writer, FIRN_RUN_SECTION_FILTER, &ref, err);
}

int
firn_run_output_end_entries(struct firn_run_output *output, firn_error *err)
{
    int rc = write_ranges(output, err);
    return rc != FIRN_OK ? rc : write_filter(output, err);
}

static int
write_origin(struct firn_run_output *output, firn_error *err)
{
    return output->origin.size == 0
               ? FIRN_OK
               : firn_run_output_add_section(output, FIRN_RUN_SECTION_ORIGIN,
                                             firn_buf_slice(&output->origin), err);
}

static int
write_summary(struct firn_run_output *output, uint32_t version, firn_error *err)
{
    firn_buf_clear(&output->raw);
    if (firn_run_summary_encode(&output->summary, version, &output->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "the summary of a run");
    }
    return firn_run_output_add_section(output, FIRN_RUN_SECTION_SUMMARY,
                                       firn_buf_slice(&output->raw), err);
}

int
firn_run_output_finish(struct firn_run_output *output, uint32_t version,
                       struct firn_run_summary *out, firn_error *err)
{
    FIRN_TRY_RETURN(write_origin(output, err));
    FIRN_TRY_RETURN(write_summary(output, version, err));
    DCHECK(firn_block_writer_size_bytes(output->writer) ==
           FIRN_BLOCK_BODY_START + output->written_bytes);
    FIRN_TRY_RETURN(firn_block_writer_finish_later(output->writer, output->publisher,
                                                   &output->summary.file_bytes, err));
    DCHECK(output->summary.file_bytes > output->written_bytes);
    output->is_finished = true;
    *out = output->summary;
    output->summary = (struct firn_run_summary){0};
    return FIRN_OK;
}
