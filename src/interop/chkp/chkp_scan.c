/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_scan.c: walks the entries of a .dat in the order of the file.
 *
 * The .dat alone determines where its entries are: each head gives the size of its frame, and so
 * the place of the next head. An index is rebuilt from this walk and compared with it. The walk
 * reads heads only. If frames are small, the file is read in large windows; if they are large, only
 * the surroundings of the heads are read.
 *
 * Nothing here is trusted. (I1) Each entry that the walk returns is inside the file, including its
 * frame. (I2) The walk succeeds only if the last entry ends where the file ends and the number of
 * entries is the header's. So a file that was truncated or extended, or whose sizes are wrong, is
 * detected, though not always at the damaged entry.
 *
 * Limits: the file may have any size; memory is one window. One thread at a time.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/checked.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"

enum { WINDOW_SIZE = 64 << 10, WINDOW_SIZE_AFTER_LARGE_FRAME = 4 << 10 };

static int
check_header(const struct fi_chkp_scan *scan, const uint8_t header[FI_CHKP_HEADER_SIZE],
             firn_error *err)
{
    static const uint8_t later_magic[4] = {'C', 'H', 'K', 'L'};
    const char *path = fi_os_file_path(scan->file);
    if (memcmp(header, later_magic, sizeof later_magic) == 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s' is a CHKL pack of chkpt 0.3 or later, which this version does "
                            "not read",
                            path);
    }
    if (memcmp(header, fi_chkp_format_magic, sizeof fi_chkp_format_magic) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s' does not begin with the mark of a CHKP pack",
                            path);
    }
    uint32_t version = fi_load_le32(header + 4);
    if (version != FI_CHKP_VERSION) {
        return fi_error_set(err, version > FI_CHKP_VERSION ? FIRN_NEWER : FIRN_CORRUPT,
                            "'%s' has version %" PRIu32 " of the CHKP format, only %d is known",
                            path, version, FI_CHKP_VERSION);
    }
    uint32_t count = fi_load_le32(header + 8);
    uint64_t room = (scan->file_size - FI_CHKP_HEADER_SIZE) / FI_CHKP_ENTRY_HEAD_SIZE;
    if (count == 0 || count > room) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' declares %" PRIu32 " entries; its %" PRIu64
                            " bytes hold 1 to %" PRIu64,
                            path, count, scan->file_size, room);
    }
    return FIRN_OK;
}

int
fi_chkp_scan_init(struct fi_chkp_scan *scan, struct fi_os_file *file, firn_error *err)
{
    *scan = (struct fi_chkp_scan){.file = file, .next = FI_CHKP_HEADER_SIZE};
    struct fi_os_stat status;
    FI_TRY_RETURN(fi_os_file_stat(file, &status, err));
    scan->file_size = status.size_bytes;
    if (scan->file_size < FI_CHKP_HEADER_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes, fewer than the header of a CHKP pack",
                            fi_os_file_path(file), scan->file_size);
    }
    uint8_t header[FI_CHKP_HEADER_SIZE];
    FI_TRY_RETURN(fi_os_file_read_exact(file, 0, header, sizeof header, err));
    FI_TRY_RETURN(check_header(scan, header, err));
    scan->count = fi_load_le32(header + 8);
    DCHECK(scan->count > 0 && scan->seen == 0);
    return FIRN_OK;
}

void
fi_chkp_scan_deinit(struct fi_chkp_scan *scan)
{
    fi_buf_deinit(&scan->window);
}

/* Reads a window that begins at the next head, which is inside the file. */
static int
fill_window(struct fi_chkp_scan *scan, firn_error *err)
{
    DCHECK(scan->next < scan->file_size);
    uint64_t window_end = scan->window_offset + scan->window.size;
    bool is_far = scan->next > window_end && scan->next - window_end > WINDOW_SIZE;
    uint64_t size = is_far ? WINDOW_SIZE_AFTER_LARGE_FRAME : WINDOW_SIZE;
    if (size > scan->file_size - scan->next) {
        size = scan->file_size - scan->next;
    }
    fi_buf_clear(&scan->window);
    if (fi_buf_set_size(&scan->window, (size_t)size) != FIRN_OK) {
        return fi_error_no_memory(err, "a window on a pack");
    }
    scan->window_offset = scan->next;
    int rc = fi_os_file_read_exact(scan->file, scan->next, scan->window.data, (size_t)size, err);
    if (rc != FIRN_OK) {
        fi_buf_clear(&scan->window);
    }
    return rc;
}

static int
check_end(const struct fi_chkp_scan *scan, firn_error *err)
{
    DCHECK(scan->seen == scan->count);
    if (scan->next != scan->file_size) { /* (I2) */
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes, but its %" PRIu32
                            " entries end at offset %" PRIu64,
                            fi_os_file_path(scan->file), scan->file_size, scan->count, scan->next);
    }
    return FIRN_OK;
}

static int
read_head(struct fi_chkp_scan *scan, struct fi_chkp_entry *out, firn_error *err)
{
    bool is_in_window = scan->next >= scan->window_offset &&
                        fi_range_inside(scan->next - scan->window_offset, FI_CHKP_ENTRY_HEAD_SIZE,
                                        scan->window.size);
    if (!is_in_window) {
        int rc = fill_window(scan, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    CHECK(fi_range_inside(scan->next - scan->window_offset, FI_CHKP_ENTRY_HEAD_SIZE,
                          scan->window.size));
    fi_chkp_format_get_entry_head(scan->window.data + (size_t)(scan->next - scan->window_offset),
                                  out);
    out->offset = scan->next;
    return FIRN_OK;
}

int
fi_chkp_scan_next(struct fi_chkp_scan *scan, struct fi_chkp_entry *out, bool *out_end,
                  firn_error *err)
{
    *out_end = scan->seen == scan->count;
    if (*out_end) {
        return check_end(scan, err);
    }
    if (!fi_range_inside(scan->next, FI_CHKP_ENTRY_HEAD_SIZE, scan->file_size)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes: it ends inside entry %" PRIu32
                            " of %" PRIu32 " at offset %" PRIu64,
                            fi_os_file_path(scan->file), scan->file_size, scan->seen + 1,
                            scan->count, scan->next);
    }
    FI_TRY_RETURN(read_head(scan, out, err));
    uint64_t frame_offset = scan->next + FI_CHKP_ENTRY_HEAD_SIZE;
    if (!fi_range_inside(frame_offset, out->stored_size, scan->file_size)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes, but entry %" PRIu32 " of %" PRIu32
                            " at offset %" PRIu64 " says that it stores %" PRIu64,
                            fi_os_file_path(scan->file), scan->file_size, scan->seen + 1,
                            scan->count, scan->next, out->stored_size);
    }
    scan->next = frame_offset + out->stored_size;
    scan->seen++;
    DCHECK(scan->next <= scan->file_size && scan->seen <= scan->count); /* (I1) */
    return FIRN_OK;
}
