/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/alxsv1_scan.c: walks the records of a table.
 *
 * Every byte of the records is read in order through one window and goes into the checksum; on the
 * way the sizes and the keys are looked at. So the memory is that of the window and of two keys,
 * whatever the sizes say: a value is only passed over.
 *
 * (I1) window_offset ≤ crc_end ≤ window_offset + window_size, and crc_end ≤ next.
 * (I2) What is looked at is what goes into the checksum. A window is filled anew from the first
 *      byte that was not looked at yet; bytes before it have gone into the checksum from the window
 *      that they were looked at in. A file that changes meanwhile therefore cannot show the walk
 *      other sizes or keys than the checksum is of.
 * (I3) A size is believed only as far as the record ends before the footer, and a key only up to
 *      key_size_max; both before anything is allocated.
 *
 * One thread at a time.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "codec/crc32.h"
#include "compat/alxsv1.h"
#include "compat/alxsv1_format.h"

enum { WINDOW_SIZE = 256 << 10 };

int
firn_alxsv1_scan_init(struct firn_alxsv1_scan *scan, struct firn_os_file *file, uint64_t end,
                      uint64_t key_size_max, firn_error *err)
{
    *scan = (struct firn_alxsv1_scan){.file = file,
                                      .end = end,
                                      .next = FIRN_ALXSV1_HEADER_SIZE,
                                      .key_size_max = key_size_max,
                                      .window_offset = FIRN_ALXSV1_HEADER_SIZE,
                                      .crc_end = FIRN_ALXSV1_HEADER_SIZE};
    scan->window = firn_alloc(WINDOW_SIZE);
    return scan->window != NULL ? FIRN_OK : firn_error_no_memory(err, "reading a table");
}

void
firn_alxsv1_scan_deinit(struct firn_alxsv1_scan *scan)
{
    firn_free(scan->window);
    firn_buf_deinit(&scan->key);
    firn_buf_deinit(&scan->previous);
}

/* ---- the window ---- */

static uint64_t
window_end(const struct firn_alxsv1_scan *scan)
{
    return scan->window_offset + scan->window_size;
}

/* Fills the window from crc_end on. */
static int
fill(struct firn_alxsv1_scan *scan, firn_error *err)
{
    uint64_t left = scan->end - scan->crc_end;
    scan->window_offset = scan->crc_end;
    scan->window_size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
    return firn_os_file_read_exact(scan->file, scan->window_offset, scan->window, scan->window_size,
                                   err);
}

/* Adds everything before `to` to the checksum. */
static int
pass(struct firn_alxsv1_scan *scan, uint64_t to, firn_error *err)
{
    while (scan->crc_end < to) {
        if (scan->crc_end == window_end(scan)) {
            int rc = fill(scan, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        uint64_t stop = to < window_end(scan) ? to : window_end(scan);
        scan->crc = firn_crc32(scan->crc, scan->window + (scan->crc_end - scan->window_offset),
                               (size_t)(stop - scan->crc_end));
        scan->crc_end = stop;
    }
    return FIRN_OK;
}

/* The bytes [offset, offset + size) of the records, size ≤ WINDOW_SIZE, until the next call. */
static int
look_at(struct firn_alxsv1_scan *scan, uint64_t offset, size_t size, const uint8_t **out,
        firn_error *err)
{
    int rc = FIRN_OK;
    if (offset + size > window_end(scan)) {
        FIRN_TRY(pass(scan, offset, err));
        FIRN_TRY(fill(scan, err));
    }
    *out = scan->window + (offset - scan->window_offset);
out:
    return rc;
}

/* ---- records ---- */

/* Copies the key that begins at `offset` to scan->key. */
static int
read_key(struct firn_alxsv1_scan *scan, uint64_t offset, size_t size, firn_error *err)
{
    int rc = FIRN_OK;
    firn_buf_clear(&scan->key);
    if (firn_buf_reserve(&scan->key, size) != FIRN_OK) {
        FIRN_TRY(firn_error_no_memory(err, "a key of a table"));
    }
    for (size_t done = 0; done < size;) {
        const uint8_t *bytes;
        size_t part = size - done < WINDOW_SIZE ? size - done : WINDOW_SIZE;
        FIRN_TRY(look_at(scan, offset + done, part, &bytes, err));
        if (firn_buf_append(&scan->key, bytes, part) != FIRN_OK) {
            FIRN_TRY(firn_error_no_memory(err, "a key of a table"));
        }
        done += part;
    }
out:
    return rc;
}

/* Reads the sizes of the record at scan->next, which then lies before the footer. */
static int
read_head(struct firn_alxsv1_scan *scan, uint32_t *out_key_size, uint32_t *out_value_size,
          uint64_t *out_size, firn_error *err)
{
    int rc = FIRN_OK;
    const uint8_t *head;
    uint64_t left = scan->end - scan->next;
    if (left < FIRN_ALXSV1_RECORD_HEAD_SIZE) {
        FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                "'%s' has %" PRIu64 " bytes at offset %" PRIu64
                                " between its last record and its footer",
                                firn_os_file_path(scan->file), left, scan->next));
    }
    FIRN_TRY(look_at(scan, scan->next, FIRN_ALXSV1_RECORD_HEAD_SIZE, &head, err));
    *out_key_size = firn_load_le32(head);
    *out_value_size = firn_load_le32(head + 4);
    *out_size = firn_alxsv1_format_record_size(head);
    if (*out_size > left) {
        FIRN_TRY(firn_error_set(
            err, FIRN_CORRUPT,
            "the record at offset %" PRIu64 " of '%s' claims a key of %" PRIu32
            " bytes and a value of %" PRIu32 ", where the footer follows after %" PRIu64,
            scan->next, firn_os_file_path(scan->file), *out_key_size, *out_value_size, left));
    }
    if (*out_key_size > scan->key_size_max) {
        FIRN_TRY(firn_error_set(err, FIRN_LIMIT,
                                "the record at offset %" PRIu64 " of '%s' has a key of %" PRIu32
                                " bytes, and at most %" PRIu64 " are accepted",
                                scan->next, firn_os_file_path(scan->file), *out_key_size,
                                scan->key_size_max));
    }
out:
    return rc;
}

int
firn_alxsv1_scan_next(struct firn_alxsv1_scan *scan, struct firn_alxsv1_record *out, bool *out_end,
                      firn_error *err)
{
    int rc = FIRN_OK;
    uint32_t key_size;
    bool is_first = scan->next == FIRN_ALXSV1_HEADER_SIZE;
    *out_end = false;
    FIRN_TRY(pass(scan, scan->next, err));
    if (scan->next == scan->end) {
        *out_end = true;
        goto out;
    }
    struct firn_buf spare = scan->previous;
    scan->previous = scan->key;
    scan->key = spare;
    out->offset = scan->next;
    out->crc_before = scan->crc;
    FIRN_TRY(read_head(scan, &key_size, &out->value_size, &out->size, err));
    FIRN_TRY(read_key(scan, scan->next + FIRN_ALXSV1_RECORD_HEAD_SIZE, key_size, err));
    out->key = firn_buf_slice(&scan->key);
    out->order =
        is_first ? 1 : firn_alxsv1_format_compare(out->key, firn_buf_slice(&scan->previous));
    scan->next += out->size;
out:
    return rc;
}
