/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs_check.c: one pass over a table that checks everything.
 *
 * Opening and verifying are the same checks in the same order; they differ in what happens at the
 * first failure. Opening ends there. Verifying reports it to a sink and continues, unless the rest
 * cannot be divided into records, or the file is too short to be a table.
 *
 * Checked in addition to what the original checks: the zeros in the header, the order of the keys,
 * and that the number of records leaves 8 bytes for each, before that number is used.
 *
 * Every byte of the records is read in order through one window and goes into the checksum; the
 * sizes and the keys are checked on the way. So the memory is that of the window and of two keys,
 * for any sizes: values are only skipped.
 *
 * (I1) window_offset ≤ crc_end ≤ window_offset + window_size, and crc_end ≤ next.
 * (I2) What is checked is what goes into the checksum. A window is filled again from the first byte
 *      that was not checked yet; bytes before it have gone into the checksum from the window in
 *      which they were checked. So a file that changes meanwhile cannot show the walk other sizes
 *      or keys than those that the checksum covers.
 * (I3) A size is accepted only if the record ends before the footer, and a key only up to
 *      key_size_max; both before anything is allocated.
 *
 * One thread at a time.
 */
#include "alxs/alxs.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "alxs/alxs_format.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/crc32.h"

/* What header and footer say. */
struct ends {
    uint64_t count;
    uint32_t crc;
};

/* Something is damaged: returns FIRN_CORRUPT, or reports it to the sink. */
__attribute__((format(printf, 3, 4))) static int
damaged(struct fi_alxs_sink *sink, firn_error *err, const char *format, ...)
{
    firn_error problem;
    char text[FIRN_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)size; /* a longer text is truncated */
    int rc = fi_error_set(&problem, FIRN_CORRUPT, "%s", text);
    if (sink == NULL) {
        fi_error_copy(err, &problem);
        return rc;
    }
    sink->count++;
    if (sink->on_damage != NULL) {
        sink->on_damage(sink->ctx, problem.text);
    }
    return FIRN_OK;
}

/* The same for a failure whose error is filled in already: FIRN_OK if it is damage that was
 * reported. */
static int
damaged_beyond(struct fi_alxs_sink *sink, int rc, const firn_error *problem, firn_error *err)
{
    if (rc == FIRN_CORRUPT && sink != NULL) {
        return damaged(sink, err, "%s", problem->text);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *problem;
    }
    return rc;
}

/* ---- the walk over the records ---- */

struct scan {
    struct fi_os_file *file; /* borrowed */
    uint64_t end;            /* where the records end and the footer begins */
    uint64_t next;           /* offset of the next record */
    uint64_t key_size_max;
    /* Bytes of the file, [window_offset, window_offset + window_size). */
    uint8_t *window;
    uint64_t window_offset;
    size_t window_size;
    uint32_t crc; /* of the records up to crc_end */
    uint64_t crc_end;
    const struct fi_step *step; /* or NULL */
    struct fi_buf key;
    struct fi_buf previous; /* the previous key */
};

enum { WINDOW_SIZE = 256 << 10 };

/* The records of a file that end at `end`. */
static int
scan_init(struct scan *scan, struct fi_os_file *file, uint64_t end, uint64_t key_size_max,
          firn_error *err)
{
    *scan = (struct scan){.file = file,
                          .end = end,
                          .next = FI_ALXS_HEADER_SIZE,
                          .key_size_max = key_size_max,
                          .window_offset = FI_ALXS_HEADER_SIZE,
                          .crc_end = FI_ALXS_HEADER_SIZE};
    scan->window = fi_alloc(WINDOW_SIZE);
    return scan->window != NULL ? FIRN_OK : fi_error_no_memory(err, "reading a table");
}

static void
scan_deinit(struct scan *scan)
{
    fi_free(scan->window);
    fi_buf_deinit(&scan->key);
    fi_buf_deinit(&scan->previous);
}

/* ---- the window ---- */

static uint64_t
window_end(const struct scan *scan)
{
    return scan->window_offset + scan->window_size;
}

/* Fills the window, starting at crc_end. */
static int
alxs_check_fill(struct scan *scan, firn_error *err)
{
    DCHECK(scan->crc_end <= scan->end);
    uint64_t left = scan->end - scan->crc_end;
    scan->window_offset = scan->crc_end;
    scan->window_size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
    return fi_os_file_read_exact(scan->file, scan->window_offset, scan->window, scan->window_size,
                                 err);
}

/* Adds everything before `to` to the checksum. */
static int
alxs_check_pass(struct scan *scan, uint64_t to, firn_error *err)
{
    while (scan->crc_end < to) {
        if (scan->crc_end == window_end(scan)) {
            int rc = alxs_check_fill(scan, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        DCHECK(scan->window_offset <= scan->crc_end && scan->crc_end < window_end(scan)); /* (I1) */
        uint64_t stop = to < window_end(scan) ? to : window_end(scan);
        scan->crc = fi_crc32(scan->crc, scan->window + (scan->crc_end - scan->window_offset),
                             (size_t)(stop - scan->crc_end));
        uint64_t passed = stop - scan->crc_end;
        scan->crc_end = stop;
        int rc = fi_step_report(scan->step, 0, passed, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* The bytes [offset, offset + size) of the records, size ≤ WINDOW_SIZE, until the next call. */
static int
alxs_check_inspect(struct scan *scan, uint64_t offset, size_t size, const uint8_t **out,
                   firn_error *err)
{
    if (offset + size > window_end(scan)) {
        FI_TRY_RETURN(alxs_check_pass(scan, offset, err));
        DCHECK(scan->crc_end == offset); /* (I2) */
        FI_TRY_RETURN(alxs_check_fill(scan, err));
    }
    CHECK(offset >= scan->window_offset && offset + size <= window_end(scan)); /* (I3) */
    *out = scan->window + (offset - scan->window_offset);
    return FIRN_OK;
}

/* ---- records ---- */

/* Copies the key that begins at `offset` to scan->key. */
static int
read_key(struct scan *scan, uint64_t offset, size_t size, firn_error *err)
{
    fi_buf_clear(&scan->key);
    if (fi_buf_reserve(&scan->key, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a table");
    }
    for (size_t done = 0; done < size;) {
        const uint8_t *bytes;
        size_t part = size - done < WINDOW_SIZE ? size - done : WINDOW_SIZE;
        FI_TRY_RETURN(alxs_check_inspect(scan, offset + done, part, &bytes, err));
        if (fi_buf_append(&scan->key, bytes, part) != FIRN_OK) {
            return fi_error_no_memory(err, "a key of a table");
        }
        done += part;
    }
    return FIRN_OK;
}

/* Reads the sizes of the record at scan->next, and checks that it ends before the footer. */
static int
read_head(struct scan *scan, uint32_t *out_key_size, uint32_t *out_value_size, uint64_t *out_size,
          firn_error *err)
{
    const uint8_t *head;
    uint64_t left = scan->end - scan->next;
    if (left < FI_ALXS_RECORD_HEAD_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes at offset %" PRIu64
                            " between its last record and its footer",
                            fi_os_file_path(scan->file), left, scan->next);
    }
    FI_TRY_RETURN(alxs_check_inspect(scan, scan->next, FI_ALXS_RECORD_HEAD_SIZE, &head, err));
    *out_key_size = fi_load_le32(head);
    *out_value_size = fi_load_le32(head + 4);
    *out_size = fi_alxs_format_record_size(head);
    if (*out_size > left) {
        return fi_error_set(
            err, FIRN_CORRUPT,
            "the record at offset %" PRIu64 " of '%s' claims a key of %" PRIu32
            " bytes and a value of %" PRIu32 ", where the footer follows after %" PRIu64,
            scan->next, fi_os_file_path(scan->file), *out_key_size, *out_value_size, left);
    }
    if (*out_key_size > scan->key_size_max) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the record at offset %" PRIu64 " of '%s' has a key of %" PRIu32
                            " bytes, and at most %" PRIu64 " are accepted",
                            scan->next, fi_os_file_path(scan->file), *out_key_size,
                            scan->key_size_max);
    }
    return FIRN_OK;
}

/* The next record. After the last one, which ends where the footer begins, *out_end is true
 * instead: then scan->crc is that of all records. FIRN_CORRUPT if a record does not end before the
 * footer, FIRN_LIMIT if a key is larger than key_size_max. */
static int
scan_next(struct scan *scan, struct fi_alxs_record *out, bool *out_end, firn_error *err)
{
    int rc = FIRN_OK;
    uint32_t key_size;
    bool is_first = scan->next == FI_ALXS_HEADER_SIZE;
    *out_end = false;
    FI_TRY(alxs_check_pass(scan, scan->next, err));
    DCHECK(scan->crc_end == scan->next && scan->next <= scan->end);
    if (scan->next == scan->end) {
        *out_end = true;
        goto out;
    }
    struct fi_buf spare = scan->previous;
    scan->previous = scan->key;
    scan->key = spare;
    out->offset = scan->next;
    out->crc_before = scan->crc;
    FI_TRY(read_head(scan, &key_size, &out->value_size, &out->size, err));
    FI_TRY(read_key(scan, scan->next + FI_ALXS_RECORD_HEAD_SIZE, key_size, err));
    out->key = fi_buf_slice(&scan->key);
    out->order = is_first ? 1 : fi_alxs_format_compare(out->key, fi_buf_slice(&scan->previous));
    DCHECK(out->size <= scan->end - scan->next); /* (I3) */
    scan->next += out->size;
out:
    return rc;
}

/* ---- header and footer ---- */

static int
check_header(struct fi_os_file *file, struct fi_alxs_sink *sink, uint64_t *out_count,
             firn_error *err)
{
    uint8_t bytes[FI_ALXS_HEADER_SIZE];
    const char *path = fi_os_file_path(file);
    FI_TRY_RETURN(fi_os_file_read_exact(file, 0, bytes, sizeof bytes, err));
    uint16_t version = fi_load_le16(bytes + 4);
    *out_count = fi_load_le64(bytes + 8);
    if (memcmp(bytes, fi_alxs_format_magic, sizeof fi_alxs_format_magic) != 0) {
        FI_TRY_RETURN(
            damaged(sink, err, "'%s' is not an ALXS table: it does not begin with ALXS", path));
    } else if (version > FI_ALXS_VERSION) {
        return fi_error_set(err, FIRN_NEWER, "'%s' is an ALXS table of version %u, not %d", path,
                            version, FI_ALXS_VERSION);
    }
    if (version < FI_ALXS_VERSION) {
        FI_TRY_RETURN(
            damaged(sink, err, "'%s' claims to be an ALXS table of version %u", path, version));
    }
    if (fi_load_le16(bytes + 6) != 0) {
        FI_TRY_RETURN(damaged(sink, err, "'%s' has %04x at offset 6, where zeros belong", path,
                              fi_load_le16(bytes + 6)));
    }
    return FIRN_OK;
}

static int
check_footer(struct fi_os_file *file, uint64_t offset, struct fi_alxs_sink *sink, struct ends *out,
             firn_error *err)
{
    uint8_t bytes[FI_ALXS_FOOTER_SIZE];
    const char *path = fi_os_file_path(file);
    FI_TRY_RETURN(fi_os_file_read_exact(file, offset, bytes, sizeof bytes, err));
    out->count = fi_load_le64(bytes + 4);
    out->crc = fi_load_le32(bytes + 12);
    if (memcmp(bytes, fi_alxs_format_end_magic, sizeof fi_alxs_format_end_magic) != 0) {
        FI_TRY_RETURN(damaged(sink, err,
                              "'%s' has no footer at offset %" PRIu64
                              ": it was not finished, or cut, or something was added",
                              path, offset));
    }
    uint64_t room = (offset - FI_ALXS_HEADER_SIZE) / FI_ALXS_RECORD_HEAD_SIZE;
    if (out->count > room) {
        FI_TRY_RETURN(damaged(sink, err,
                              "the footer of '%s' claims %" PRIu64
                              " records, where at most %" PRIu64 " have room",
                              path, out->count, room));
    }
    return FIRN_OK;
}

static int
check_ends(struct fi_os_file *file, uint64_t file_size, struct fi_alxs_sink *sink, struct ends *out,
           firn_error *err)
{
    uint64_t header_count;
    FI_TRY_RETURN(check_header(file, sink, &header_count, err));
    FI_TRY_RETURN(check_footer(file, file_size - FI_ALXS_FOOTER_SIZE, sink, out, err));
    if (header_count != out->count) {
        FI_TRY_RETURN(damaged(sink, err,
                              "the header of '%s' says %" PRIu64 " records, its footer %" PRIu64,
                              fi_os_file_path(file), header_count, out->count));
    }
    return FIRN_OK;
}

/* ---- records ---- */

struct walk {
    struct scan scan;
    const firn_alxs_options *options;
    struct fi_alxs_index *index; /* may be NULL */
    struct fi_alxs_sink *sink;   /* may be NULL */
    firn_alxs_info *info;
    bool is_lost; /* the rest cannot be divided into records */
};

static int
check_record(struct walk *walk, const struct fi_alxs_record *record, firn_error *err)
{
    firn_alxs_info *info = walk->info;
    const char *path = fi_os_file_path(walk->scan.file);
    if (record->order < 0) {
        FI_TRY_RETURN(damaged(walk->sink, err,
                              "the record at offset %" PRIu64
                              " of '%s' has a smaller key than the one before",
                              record->offset, path));
    }
    if (walk->index != NULL && record->value_size > walk->options->value_size_max) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the record at offset %" PRIu64 " of '%s' has a value of %" PRIu32
                            " bytes, and at most %" PRIu64 " are accepted",
                            record->offset, path, record->value_size,
                            walk->options->value_size_max);
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
        FI_TRY_RETURN(fi_alxs_index_add(walk->index, record, err));
    }
    return FIRN_OK;
}

static int
check_records(struct walk *walk, firn_error *err)
{
    for (;;) {
        bool is_end = false;
        firn_error problem;
        struct fi_alxs_record record;
        int rc = scan_next(&walk->scan, &record, &is_end, &problem);
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
fi_alxs_check(struct fi_os_file *file, const firn_alxs_options *options,
              struct fi_alxs_index *index, struct fi_alxs_sink *sink, firn_alxs_info *out,
              firn_error *err)
{
    int rc = FIRN_OK;
    struct ends ends;
    struct fi_os_stat stat;
    struct walk walk = {.options = options, .index = index, .sink = sink, .info = out};
    *out = (firn_alxs_info){.size = sizeof *out};
    const char *path = fi_os_file_path(file);
    FI_TRY(fi_os_file_stat(file, &stat, err));
    out->file_size = stat.size_bytes;
    if (stat.size_bytes < FI_ALXS_FILE_SIZE_MIN) {
        FI_TRY(damaged(sink, err, "'%s' has %" PRIu64 " bytes, and the smallest ALXS table has %d",
                       path, stat.size_bytes, FI_ALXS_FILE_SIZE_MIN));
        goto out;
    }
    FI_TRY(check_ends(file, stat.size_bytes, sink, &ends, err));
    out->checksum = ends.crc;
    FI_TRY(scan_init(&walk.scan, file, stat.size_bytes - FI_ALXS_FOOTER_SIZE, options->key_size_max,
                     err));
    walk.scan.step = sink == NULL ? NULL : sink->step;
    FI_TRY(check_records(&walk, err));
    if (walk.is_lost) {
        goto out;
    }
    if (out->count != ends.count) {
        FI_TRY(damaged(sink, err, "'%s' has %" PRIu64 " records, and its footer says %" PRIu64,
                       path, out->count, ends.count));
    }
    if (walk.scan.crc != ends.crc) {
        FI_TRY(damaged(sink, err,
                       "the records of '%s', from offset %d on, have the checksum %08" PRIx32
                       ", and its footer says %08" PRIx32,
                       path, FI_ALXS_HEADER_SIZE, walk.scan.crc, ends.crc));
    }
out:
    scan_deinit(&walk.scan);
    return rc;
}
