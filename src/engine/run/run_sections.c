/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_sections.c: finds the sections of a run, and reads the small ones.
 *
 * Summary and ranges are decoded when a run is opened. Index, filter and origin are only located;
 * the kind of the run reads them when it needs them. The summary and the ranges must agree where
 * they describe the same thing.
 *
 * (I1) Sections: one summary, one index, at most one filter and one origin, any number of ranges,
 *      each in a place of its own. Unknown sections were written by a later version. (Any other
 *      file is refused.)
 *
 * Memory: one section, while it is decoded.
 */
#include "run/run_parts.h"

#include "base/bytes.h"
#include "base/check.h"

/* What is used only while opening. */
struct reading {
    struct fi_block_reader *reader;
    struct fi_compress *compress;
    struct fi_buf raw;
    uint32_t version_max;
    struct fi_run_sections *sections;
    struct fi_run_summary *summary;
    struct fi_range_set *ranges;
    uint64_t range_count;
    bool has_summary;
};

static int
run_sections_refuse(const struct reading *reading, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': %s", fi_block_reader_path(reading->reader), what);
}

static int
read_summary(struct reading *reading, const struct fi_block_ref *ref, firn_error *err)
{
    if (reading->has_summary) {
        return run_sections_refuse(reading, "the run has two summaries", err);
    }
    reading->has_summary = true;
    int rc = fi_block_reader_read(reading->reader, ref, reading->compress, &reading->raw, err);
    if (rc == FIRN_OK) {
        rc = fi_run_summary_decode(fi_buf_slice(&reading->raw), reading->version_max,
                                   &reading->sections->version, reading->summary, err);
    }
    reading->summary->file_bytes = fi_block_reader_size_bytes(reading->reader);
    reading->summary->identity = fi_block_reader_overhead(reading->reader) > 0
                                     ? fi_load_le64(fi_block_reader_id(reading->reader)->bytes)
                                     : 0;
    return rc == FIRN_OK || err == NULL ? rc : fi_run_text_place(reading->reader, ref, err);
}

static int
add_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    struct reading *reading = ctx;
    reading->range_count++;
    return fi_range_set_add(reading->ranges, range, err);
}

static int
read_ranges(struct reading *reading, const struct fi_block_ref *ref, firn_error *err)
{
    int rc = fi_block_reader_read(reading->reader, ref, reading->compress, &reading->raw, err);
    if (rc == FIRN_OK) {
        rc = fi_run_summary_decode_ranges(fi_buf_slice(&reading->raw), add_range, reading, err);
    }
    return rc == FIRN_OK || err == NULL ? rc : fi_run_text_place(reading->reader, ref, err);
}

/* Remembers the place of a section of which there is one. */
static int
note_ref(const struct reading *reading, struct fi_block_ref *out, const struct fi_block_ref *ref,
         firn_error *err)
{
    if (out->offset != 0) {
        return run_sections_refuse(reading, "the run has two indexes, filters or origins", err);
    }
    *out = *ref;
    return FIRN_OK;
}

static int
read_section(struct reading *reading, const struct fi_block_section *section, firn_error *err)
{
    struct fi_run_sections *sections = reading->sections;
    switch (section->kind) {
    case FI_RUN_SECTION_SUMMARY:
        return read_summary(reading, &section->ref, err);
    case FI_RUN_SECTION_INDEX:
        return note_ref(reading, &sections->index, &section->ref, err);
    case FI_RUN_SECTION_FILTER:
        return note_ref(reading, &sections->filter, &section->ref, err);
    case FI_RUN_SECTION_ORIGIN:
        return note_ref(reading, &sections->origin, &section->ref, err);
    case FI_RUN_SECTION_FILTERS:
        return note_ref(reading, &sections->filters, &section->ref, err);
    case FI_RUN_SECTION_RANGES:
        return read_ranges(reading, &section->ref, err);
    default:
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': the run has a section %u, which this version cannot read",
                            fi_block_reader_path(reading->reader), section->kind);
    }
}

static int
read_all(struct reading *reading, firn_error *err)
{
    const struct fi_run_sections *sections = reading->sections;
    size_t count = fi_block_reader_section_count(reading->reader);
    FI_TRY_RETURN(fi_compress_create(&reading->compress, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(read_section(reading, fi_block_reader_section(reading->reader, i), err));
    }
    if (!reading->has_summary || sections->index.offset == 0 ||
        sections->index.offset == sections->filter.offset ||
        sections->index.offset == sections->origin.offset) {
        return run_sections_refuse(reading, "the run has no summary or no index", err);
    }
    if (reading->range_count != reading->summary->range_count) {
        return run_sections_refuse(
            reading, "the run has another number of range deletes than its summary says", err);
    }
    int rc = fi_range_set_seal(reading->ranges, err);
    DCHECK(reading->summary->file_bytes != 0); /* (I1) */
    return rc;
}

int
fi_run_sections_read(struct fi_block_reader *reader, uint32_t version_max,
                     struct fi_run_sections *out, struct fi_run_summary *summary,
                     struct fi_range_set *ranges, firn_error *err)
{
    *out = (struct fi_run_sections){0};
    struct reading reading = {.reader = reader,
                              .version_max = version_max,
                              .sections = out,
                              .summary = summary,
                              .ranges = ranges};
    int rc = read_all(&reading, err);
    fi_buf_deinit(&reading.raw);
    fi_compress_destroy(reading.compress);
    return rc;
}

int
fi_run_sections_origin(struct fi_block_reader *reader, const struct fi_run_sections *sections,
                       struct fi_buf *numbers, struct fi_run_origin *out, firn_error *err)
{
    struct fi_compress *compress = NULL;
    struct fi_buf raw = {0};
    int rc;
    if (sections->origin.stored_size == 0) {
        return FIRN_NOT_FOUND;
    }
    FI_TRY(fi_compress_create(&compress, err));
    FI_TRY(fi_block_reader_read(reader, &sections->origin, compress, &raw, err));
    rc = fi_run_origin_decode(fi_buf_slice(&raw), numbers, out, err);
    if (rc != FIRN_OK && err != NULL) {
        rc = fi_run_text_place(reader, &sections->origin, err);
    }
out:
    fi_buf_deinit(&raw);
    fi_compress_destroy(compress);
    return rc;
}
