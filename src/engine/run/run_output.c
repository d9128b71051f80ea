/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_output.c: writes what runs of all kinds have: blocks, range deletes, the filter, the
 * origin, the summary.
 *
 * A kind of run adds the blocks of its entries as they fill up, and its index at the end, between
 * fi_run_output_end_entries and fi_run_output_finish:
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

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

int
fi_run_output_init(struct fi_run_output *output, const struct fi_run_env *env, const char *name,
                   enum fi_block_file_kind kind, const struct fi_run_builder_options *options,
                   unsigned gain, firn_error *err)
{
    *output = (struct fi_run_output){.codec = options->codec,
                                     .level = options->codec_level,
                                     .gain = gain,
                                     .without_filter = options->without_filter,
                                     .publisher = options->publisher};
    DCHECK(gain > 0);
    int rc = fi_compress_create(&output->compress, err);
    return rc != FIRN_OK ? rc : fi_block_writer_create(env->dir, name, kind, &output->writer, err);
}

void
fi_run_output_deinit(struct fi_run_output *output)
{
    fi_block_writer_destroy(output->writer);
    fi_compress_destroy(output->compress);
    fi_buf_deinit(&output->stored);
    fi_free(output->hashes);
    fi_buf_deinit(&output->ranges);
    fi_buf_deinit(&output->origin);
    fi_buf_deinit(&output->raw);
    fi_run_summary_deinit(&output->summary);
}

int
fi_run_output_check_usable(const struct fi_run_output *output, firn_error *err)
{
    if (output->is_finished) {
        return fi_error_set(err, FIRN_MISUSE, "the run is finished");
    }
    return output->has_failed ? fi_error_set(err, FIRN_FAILED, "writing the run failed earlier")
                              : FIRN_OK;
}

/* ---- blocks ---- */

static int
run_output_add(struct fi_run_output *output, enum fi_codec codec, firn_slice stored,
               size_t raw_size, struct fi_block_ref *out, firn_error *err)
{
    DCHECK(raw_size <= UINT32_MAX); /* else the writer would not see that it is too large */
    int rc = fi_block_writer_add(output->writer, codec, stored, (uint32_t)raw_size, out, err);
    if (rc == FIRN_OK) {
        output->written_bytes += fi_block_reader_span(out);
    }
    return rc;
}

static int
add_plain(struct fi_run_output *output, firn_slice raw, struct fi_block_ref *out, firn_error *err)
{
    return run_output_add(output, FI_CODEC_NONE, raw, raw.size, out, err);
}

int
fi_run_output_pack(const struct fi_run_output *output, struct fi_compress *compress, firn_slice raw,
                   struct fi_buf *stored, enum fi_codec *out_codec, firn_error *err)
{
    *out_codec = FI_CODEC_NONE;
    if (output->codec == FI_CODEC_NONE) {
        return FIRN_OK;
    }
    int rc = fi_compress_encode(compress, output->codec, output->level, raw, stored, err);
    if (rc == FIRN_OK && stored->size < raw.size - raw.size / output->gain) {
        *out_codec = output->codec;
    }
    return rc;
}

int
fi_run_output_add_packed(struct fi_run_output *output, enum fi_codec codec, firn_slice stored,
                         size_t raw_size, struct fi_block_ref *out, firn_error *err)
{
    return run_output_add(output, codec, stored, raw_size, out, err);
}

int
fi_run_output_add(struct fi_run_output *output, firn_slice raw, struct fi_block_ref *out,
                  firn_error *err)
{
    enum fi_codec codec;
    FI_TRY_RETURN(fi_run_output_pack(output, output->compress, raw, &output->stored, &codec, err));
    return codec == FI_CODEC_NONE
               ? add_plain(output, raw, out, err)
               : run_output_add(output, codec, fi_buf_slice(&output->stored), raw.size, out, err);
}

int
fi_run_output_add_section(struct fi_run_output *output, uint32_t kind, firn_slice raw,
                          firn_error *err)
{
    struct fi_block_ref ref;
    int rc = fi_run_output_add(output, raw, &ref, err);
    return rc != FIRN_OK ? rc : fi_block_writer_add_section(output->writer, kind, &ref, err);
}

/* ---- entries ---- */

/* Whether the value is one that the kind may have. */
static bool
is_whole(const struct fi_entry *entry)
{
    return entry->kind == FI_ENTRY_PUT ||
           (entry->kind == FI_ENTRY_DELETE && entry->value.size == 0) ||
           ((entry->kind == FI_ENTRY_MERGE || entry->kind == FI_ENTRY_EXPIRING) &&
            entry->value.size >= fi_entry_head_size(entry->kind));
}

int
fi_run_output_check_entry(const struct fi_entry *entry, firn_error *err)
{
    if (entry->key.size > FI_ENTRY_KEY_SIZE_MAX || entry->value.size > FI_ENTRY_VALUE_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a key of %zu bytes with a value of %zu exceeds the limits of a run, "
                            "%d and %d",
                            entry->key.size, entry->value.size, FI_ENTRY_KEY_SIZE_MAX,
                            FI_ENTRY_VALUE_SIZE_MAX);
    }
    return (entry->values != NULL || is_whole(entry)) && entry->sequence < UINT64_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "an entry of kind %d, sequence %llu, cannot be "
                              "in a run",
                              (int)entry->kind, (unsigned long long)entry->sequence);
}

int
fi_run_output_note_key(struct fi_run_output *output, uint64_t key_hash, firn_error *err)
{
    if (output->without_filter) {
        return FIRN_OK;
    }
    if (output->hash_count == output->hash_capacity) {
        FI_TRY_RETURN(
            FI_VEC_RESERVE(output->hashes, output->hash_count + 1, output->hash_capacity, err));
    }
    output->hashes[output->hash_count++] = key_hash;
    return FIRN_OK;
}

/* ---- ranges ---- */

/* Moves what has gathered of ranges into the file. */
static int
write_ranges(struct fi_run_output *output, firn_error *err)
{
    if (output->ranges.size == 0) {
        return FIRN_OK;
    }
    int rc = fi_run_output_add_section(output, FI_RUN_SECTION_RANGES, fi_buf_slice(&output->ranges),
                                       err);
    fi_buf_clear(&output->ranges);
    return rc;
}

static int
add_range(struct fi_run_output *output, const struct fi_range *range, firn_error *err)
{
    struct fi_run_summary *summary = &output->summary;
    DCHECK(output->ranges.size < FI_RUN_RANGES_SIZE);
    if (fi_run_summary_encode_range(range, &output->ranges) != FIRN_OK ||
        fi_run_summary_note_lower(summary, range->lower) != FIRN_OK ||
        fi_run_summary_note_upper(summary, range->upper) != FIRN_OK) {
        return fi_error_no_memory(err, "a range delete");
    }
    fi_run_summary_note_sequence(summary, range->sequence);
    summary->range_count++;
    return output->ranges.size < FI_RUN_RANGES_SIZE ? FIRN_OK : write_ranges(output, err);
}

int
fi_run_output_add_range(struct fi_run_output *output, const struct fi_range *range, firn_error *err)
{
    FI_TRY_RETURN(fi_run_output_check_usable(output, err));
    if (range->lower.size > FI_ENTRY_BOUND_SIZE_MAX ||
        range->upper.size > FI_ENTRY_BOUND_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a bound of a range delete exceeds %d bytes",
                            FI_ENTRY_BOUND_SIZE_MAX);
    }
    if (fi_slice_compare(range->lower, range->upper) >= 0 || range->sequence == UINT64_MAX) {
        return fi_error_set(err, FIRN_INVALID,
                            "a range delete that covers nothing, or nothing "
                            "for good, cannot be in a run");
    }
    int rc = add_range(output, range, err);
    output->has_failed = rc != FIRN_OK; /* (I1) */
    return rc;
}

/* ---- the end ---- */

int
fi_run_output_set_origin(struct fi_run_output *output, const struct fi_run_origin *origin,
                         firn_error *err)
{
    int rc = fi_run_output_check_usable(output, err);
    if (rc == FIRN_OK && fi_run_origin_encode(origin, &output->origin) != FIRN_OK) {
        fi_buf_clear(&output->origin);
        rc = fi_error_no_memory(err, "the origin of a run");
    }
    return rc;
}

uint64_t
fi_run_output_size_bytes(const struct fi_run_output *output)
{
    return FI_BLOCK_BODY_START + output->written_bytes + output->ranges.size +
           (output->without_filter ? 0 : fi_run_filter_size_bytes(output->hash_count));
}

/* Whether the filter that was encoded knows all keys. */
static bool
is_complete(const struct fi_run_output *output, firn_slice filter)
{
    size_t i = 0;
    while (i < output->hash_count && fi_run_filter_may_contain(filter, output->hashes[i])) {
        i++;
    }
    return i == output->hash_count;
}

static int
write_filter(struct fi_run_output *output, firn_error *err)
{
    if (output->hash_count == 0) {
        return FIRN_OK;
    }
    if (fi_run_filter_encode(output->hashes, output->hash_count, &output->raw) != FIRN_OK) {
        return fi_error_no_memory(err, "the filter of a run");
    }
    DCHECK(output->hash_count <= output->summary.entry_count);
    DCHECK(is_complete(output, fi_buf_slice(&output->raw)));
    struct fi_block_ref ref;
    int rc = add_plain(output, fi_buf_slice(&output->raw), &ref, err);
    return rc != FIRN_OK
               ? rc
               : fi_block_writer_add_section(output->writer, FI_RUN_SECTION_FILTER, &ref, err);
}

int
fi_run_output_end_entries(struct fi_run_output *output, firn_error *err)
{
    int rc = write_ranges(output, err);
    return rc != FIRN_OK ? rc : write_filter(output, err);
}

static int
write_origin(struct fi_run_output *output, firn_error *err)
{
    return output->origin.size == 0 ? FIRN_OK
                                    : fi_run_output_add_section(output, FI_RUN_SECTION_ORIGIN,
                                                                fi_buf_slice(&output->origin), err);
}

static int
write_summary(struct fi_run_output *output, uint32_t version, firn_error *err)
{
    fi_buf_clear(&output->raw);
    if (fi_run_summary_encode(&output->summary, version, &output->raw) != FIRN_OK) {
        return fi_error_no_memory(err, "the summary of a run");
    }
    return fi_run_output_add_section(output, FI_RUN_SECTION_SUMMARY, fi_buf_slice(&output->raw),
                                     err);
}

__attribute__((cold)) int
fi_run_output_finish(struct fi_run_output *output, uint32_t version, struct fi_run_summary *out,
                     firn_error *err)
{
    FI_TRY_RETURN(write_origin(output, err));
    FI_TRY_RETURN(write_summary(output, version, err));
    DCHECK(fi_block_writer_size_bytes(output->writer) ==
           FI_BLOCK_BODY_START + output->written_bytes);
    output->summary.identity = fi_block_writer_overhead(output->writer) > 0
                                   ? fi_load_le64(fi_block_writer_id(output->writer)->bytes)
                                   : 0;
    FI_TRY_RETURN(fi_block_writer_finish_later(output->writer, output->publisher,
                                               &output->summary.file_bytes, err));
    DCHECK(output->summary.file_bytes > output->written_bytes);
    output->is_finished = true;
    *out = output->summary;
    output->summary = (struct fi_run_summary){0};
    return FIRN_OK;
}
