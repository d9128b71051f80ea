/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/alxsv1_check.c: one pass over a table that makes sure of everything.
 *
 * Opening and verifying are the same checks in the same order; they differ in what happens at the
 * first that fails. Opening ends there. Verifying tells it to a sink and goes on: only where the
 * records lose their way, or the file is too short to be a table, is there nothing more to say.
 *
 * Checked, beyond what the original does: the zeros in the header, the order of the keys, and that
 * the number of records leaves each its 8 bytes, before anything is done by that number.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "compat/alxsv1.h"
#include "compat/alxsv1_format.h"

/* What header and footer say. */
struct ends {
    uint64_t count;
    uint32_t crc;
};

/* Something is damaged: FIRN_CORRUPT, or told to the sink. */
__attribute__((format(printf, 3, 4))) static int
damaged(struct firn_alxsv1_sink *sink, firn_error *err, const char *format, ...)
{
    firn_error problem;
    char text[FIRN_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)size; /* a longer text is cut */
    int rc = firn_error_set(&problem, FIRN_CORRUPT, "%s", text);
    if (sink == NULL) {
        if (err != NULL) {
            *err = problem;
        }
        return rc;
    }
    sink->count++;
    if (sink->on_damage != NULL) {
        sink->on_damage(sink->ctx, problem.text);
    }
    return FIRN_OK;
}

/* Sink or not, a failure that was filled in already: FIRN_OK if it is damage that was told. */
static int
damaged_beyond(struct firn_alxsv1_sink *sink, int rc, const firn_error *problem, firn_error *err)
{
    if (rc == FIRN_CORRUPT && sink != NULL) {
        return damaged(sink, err, "%s", problem->text);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *problem;
    }
    return rc;
}

/* ---- header and footer ---- */

static int
check_header(struct firn_os_file *file, struct firn_alxsv1_sink *sink, uint64_t *out_count,
             firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t bytes[FIRN_ALXSV1_HEADER_SIZE];
    const char *path = firn_os_file_path(file);
    FIRN_TRY(firn_os_file_read_exact(file, 0, bytes, sizeof bytes, err));
    uint16_t version = firn_load_le16(bytes + 4);
    *out_count = firn_load_le64(bytes + 8);
    if (memcmp(bytes, firn_alxsv1_format_magic, sizeof firn_alxsv1_format_magic) != 0) {
        FIRN_TRY(
            damaged(sink, err, "'%s' is not an ALXS table: it does not begin with ALXS", path));
    } else if (version > FIRN_ALXSV1_VERSION) {
        FIRN_TRY(firn_error_set(err, FIRN_NEWER, "'%s' is an ALXS table of version %u, not %d",
                                path, version, FIRN_ALXSV1_VERSION));
    }
    if (version < FIRN_ALXSV1_VERSION) {
        FIRN_TRY(
            damaged(sink, err, "'%s' claims to be an ALXS table of version %u", path, version));
    }
    if (firn_load_le16(bytes + 6) != 0) {
        FIRN_TRY(damaged(sink, err, "'%s' has %04x at offset 6, where zeros belong", path,
                         firn_load_le16(bytes + 6)));
    }
out:
    return rc;
}

static int
check_footer(struct firn_os_file *file, uint64_t offset, struct firn_alxsv1_sink *sink,
             struct ends *out, firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t bytes[FIRN_ALXSV1_FOOTER_SIZE];
    const char *path = firn_os_file_path(file);
    FIRN_TRY(firn_os_file_read_exact(file, offset, bytes, sizeof bytes, err));
    out->count = firn_load_le64(bytes + 4);
    out->crc = firn_load_le32(bytes + 12);
    if (memcmp(bytes, firn_alxsv1_format_end_magic, sizeof firn_alxsv1_format_end_magic) != 0) {
        FIRN_TRY(damaged(sink, err,
                         "'%s' has no footer at offset %" PRIu64
                         ": it was not finished, or cut, or something was added",
                         path, offset));
    }
    uint64_t room = (offset - FIRN_ALXSV1_HEADER_SIZE) / FIRN_ALXSV1_RECORD_HEAD_SIZE;
    if (out->count > room) {
        FIRN_TRY(damaged(sink, err,
                         "the footer of '%s' claims %" PRIu64 " records, where at most %" PRIu64
                         " have room",
                         path, out->count, room));
    }
out:
    return rc;
}

static int
check_ends(struct firn_os_file *file, uint64_t file_size, struct firn_alxsv1_sink *sink,
           struct ends *out, firn_error *err)
{
    int rc = FIRN_OK;
    uint64_t header_count;
    FIRN_TRY(check_header(file, sink, &header_count, err));
    FIRN_TRY(check_footer(file, file_size - FIRN_ALXSV1_FOOTER_SIZE, sink, out, err));
    if (header_count != out->count) {
        FIRN_TRY(damaged(sink, err,
                         "the header of '%s' says %" PRIu64 " records, its footer %" PRIu64,
                         firn_os_file_path(file), header_count, out->count));
    }
out:
    return rc;
}

/* ---- records ---- */

struct walk {
    struct firn_alxsv1_scan scan;
    const firn_alxs_options *options;
    struct firn_alxsv1_index *index; /* may be NULL */
    struct firn_alxsv1_sink *sink;   /* may be NULL */
    firn_alxs_info *info;
    bool is_lost; /* what follows cannot be told into records */
};

static int
check_record(struct walk *walk, const struct firn_alxsv1_record *record, firn_error *err)
{
    int rc = FIRN_OK;
    firn_alxs_info *info = walk->info;
    const char *path = firn_os_file_path(walk->scan.file);
    if (record->order < 0) {
        FIRN_TRY(damaged(walk->sink, err,
                         "the record at offset %" PRIu64
                         " of '%s' has a smaller key than the one before",
                         record->offset, path));
    }
    if (walk->index != NULL && record->value_size > walk->options->value_size_max) {
        FIRN_TRY(firn_error_set(err, FIRN_LIMIT,
                                "the record at offset %" PRIu64 " of '%s' has a value of %" PRIu32
                                " bytes, and at most %" PRIu64 " are accepted",
                                record->offset, path, record->value_size,
                                walk->options->value_size_max));
    }
    info->count++;
    info->equal_count += record->order == 0 ? 1 : 0;
    if (info->key_size_max < record->key.size) {
        info->key_size_max = record->key.size;
    }
    if (info->value_size_max < record->value_size) {
        info->value_size_max = record->value_size;
    }
    if (walk->index != NULL) {
        FIRN_TRY(firn_alxsv1_index_add(walk->index, record, err));
    }
out:
    return rc;
}

static int
check_records(struct walk *walk, firn_error *err)
{
    for (;;) {
        bool is_end = false;
        firn_error problem;
        struct firn_alxsv1_record record;
        int rc = firn_alxsv1_scan_next(&walk->scan, &record, &is_end, &problem);
        if (rc != FIRN_OK) {
            walk->is_lost = true;
            return damaged_beyond(walk->sink, rc, &problem, err);
        }
        if (is_end) {
            return FIRN_OK;
        }
        rc = check_record(walk, &record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
}

int
firn_alxsv1_check(struct firn_os_file *file, const firn_alxs_options *options,
                  struct firn_alxsv1_index *index, struct firn_alxsv1_sink *sink,
                  firn_alxs_info *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct ends ends;
    struct firn_os_stat stat;
    struct walk walk = {.options = options, .index = index, .sink = sink, .info = out};
    *out = (firn_alxs_info){.size = sizeof *out};
    const char *path = firn_os_file_path(file);
    FIRN_TRY(firn_os_file_stat(file, &stat, err));
    out->file_size = stat.size_bytes;
    if (stat.size_bytes < FIRN_ALXSV1_FILE_SIZE_MIN) {
        FIRN_TRY(damaged(sink, err,
                         "'%s' has %" PRIu64 " bytes, and the smallest ALXS table has %d", path,
                         stat.size_bytes, FIRN_ALXSV1_FILE_SIZE_MIN));
        goto out;
    }
    FIRN_TRY(check_ends(file, stat.size_bytes, sink, &ends, err));
    out->checksum = ends.crc;
    FIRN_TRY(firn_alxsv1_scan_init(&walk.scan, file, stat.size_bytes - FIRN_ALXSV1_FOOTER_SIZE,
                                   options->key_size_max, err));
    FIRN_TRY(check_records(&walk, err));
    if (walk.is_lost) {
        goto out;
    }
    if (out->count != ends.count) {
        FIRN_TRY(damaged(sink, err, "'%s' has %" PRIu64 " records, and its footer says %" PRIu64,
                         path, out->count, ends.count));
    }
    if (walk.scan.crc != ends.crc) {
        FIRN_TRY(damaged(sink, err,
                         "the records of '%s', from offset %d on, have the checksum %08" PRIx32
                         ", and its footer says %08" PRIx32,
                         path, FIRN_ALXSV1_HEADER_SIZE, walk.scan.crc, ends.crc));
    }
out:
    firn_alxsv1_scan_deinit(&walk.scan);
    return rc;
}
