/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_segment.c: segments as files.
 *
 * (I1) A segment that is visible under its name has a good header. It is made under a temporary
 *      name, its header is written and synced, then it is renamed and the directory synced. So a
 *      bad header is damage, never the result of a crash; and a segment whose name was lost in a
 *      power cut had no records yet.
 *
 * Only crashes leave temporary files. They are removed before a segment is made under the same
 * name, and when a log is opened for writing. They are never truncated: if the file system cannot
 * rename without replacing, room os links the new name and then removes the old one, and a crash
 * between the two leaves a temporary name for a live segment.
 *
 * Names are "<prefix>-<number>.log" with the number in decimal, six digits or more, and no needless
 * leading zero: one number has one name. Other files of the directory are ignored.
 */
#include "log/log_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"

enum { NUMBER_DIGITS_MIN = 6 };

/* Where there is a seal, records are encrypted (log_seal.c). */
enum { CREATE_FLAGS = FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_EXCLUSIVE | FI_OS_SEALED };

static const char suffix[] = ".log";
static const char temporary_suffix[] = ".log.tmp";
static const char spare_suffix[] = "-spare.tmp";

/* ---- names ---- */

int
fi_log_segment_check_prefix(const char *prefix, firn_error *err)
{
    size_t size = strlen(prefix);
    if (size == 0 || size > FI_LOG_SEGMENT_PREFIX_MAX) {
        return fi_error_set(err, FIRN_INVALID, "a log's prefix has 1 to %d bytes, not %zu",
                            FI_LOG_SEGMENT_PREFIX_MAX, size);
    }
    return FIRN_OK;
}

static void
name_with_suffix(const char *prefix, uint64_t number, const char *end, char *out)
{
    DCHECK(strlen(prefix) <= FI_LOG_SEGMENT_PREFIX_MAX);
    int size = snprintf(out, FI_LOG_SEGMENT_NAME_SIZE, "%s-%0*" PRIu64 "%s", prefix,
                        NUMBER_DIGITS_MIN, number, end);
    CHECK(size > 0 && size < FI_LOG_SEGMENT_NAME_SIZE);
}

void
fi_log_segment_name(const char *prefix, uint64_t number, char *out)
{
    name_with_suffix(prefix, number, suffix, out);
}

/* The number in "<prefix>-<number><end>"; 0 for every other name. */
static uint64_t
parse_name(const char *name, const char *prefix, const char *end)
{
    size_t prefix_size = strlen(prefix);
    if (strncmp(name, prefix, prefix_size) != 0 || name[prefix_size] != '-') {
        return 0;
    }
    uint64_t number = 0;
    for (const char *at = name + prefix_size + 1; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) {
            return 0;
        }
    }
    char expected[FI_LOG_SEGMENT_NAME_SIZE];
    name_with_suffix(prefix, number, end, expected);
    return strcmp(name, expected) == 0 ? number : 0;
}

bool
fi_log_segment_is_name(const char *name, const char *prefix)
{
    const size_t size = strlen(prefix);
    if (strncmp(name, prefix, size) != 0) {
        return false;
    }
    const char *rest = name + size;
    const size_t digits = rest[0] == '-' ? strspn(rest + 1, "0123456789") : 0;
    const char *end = rest + 1 + digits;
    return strcmp(rest, spare_suffix) == 0 ||
           (digits > 0 && (strcmp(end, suffix) == 0 || strcmp(end, temporary_suffix) == 0));
}

/* ---- what is there ---- */

struct scan {
    struct fi_os_dir *dir;
    const char *prefix;
    uint64_t newest;
    uint64_t oldest;
    bool has_stale; /* a name that tidying would remove */
    char stale[FI_LOG_SEGMENT_NAME_SIZE];
};

static int
visit_newest(void *ctx, const struct fi_os_dirent *entry)
{
    struct scan *scan = ctx;
    uint64_t number = parse_name(entry->name, scan->prefix, suffix);
    if (number > scan->newest) {
        scan->newest = number;
    }
    return FIRN_OK;
}

int
fi_log_segment_newest(struct fi_os_dir *dir, const char *prefix, uint64_t *out, firn_error *err)
{
    struct scan scan = {.prefix = prefix};
    int rc = fi_os_dir_list(dir, visit_newest, &scan, err);
    *out = rc == FIRN_OK ? scan.newest : 0;
    return rc;
}

static bool
is_segment(const void *prefix, const char *name)
{
    return parse_name(name, prefix, suffix) != 0;
}

int
fi_log_segment_refuse_foreign(struct fi_os_dir *dir, const char *prefix, firn_error *err)
{
    return fi_os_dir_refuse_foreign(dir, is_segment, prefix, err);
}

struct listing {
    const char *prefix;
    struct fi_buf *out;
};

static int
visit_number(void *ctx, const struct fi_os_dirent *entry)
{
    struct listing *listing = ctx;
    uint64_t number = parse_name(entry->name, listing->prefix, suffix);
    return number == 0 ? FIRN_OK : fi_buf_append(listing->out, &number, sizeof number);
}

int
fi_log_segment_list(struct fi_os_dir *dir, const char *prefix, struct fi_buf *out, firn_error *err)
{
    struct listing listing = {.prefix = prefix, .out = out};
    size_t before = out->size;
    DCHECK(before % sizeof(uint64_t) == 0);
    int rc = fi_os_dir_list(dir, visit_number, &listing, err);
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the list of a log's segments");
    }
    size_t count = (out->size - before) / sizeof(uint64_t);
    if (rc == FIRN_OK && count > 0) {
        fi_sort_u64((uint64_t *)(void *)(out->data + before), count);
    }
    return rc;
}

static int
visit_stale(void *ctx, const struct fi_os_dirent *entry)
{
    struct scan *scan = ctx;
    uint64_t number = parse_name(entry->name, scan->prefix, suffix);
    bool is_removed = number != 0 && number < scan->oldest;
    bool is_unfinished = parse_name(entry->name, scan->prefix, temporary_suffix) != 0;
    size_t prefix_size = strlen(scan->prefix);
    bool is_spare = strncmp(entry->name, scan->prefix, prefix_size) == 0 &&
                    strcmp(entry->name + prefix_size, spare_suffix) == 0;
    if (!is_removed && !is_unfinished && !is_spare) {
        return FIRN_OK;
    }
    memcpy(scan->stale, entry->name, entry->name_size + 1);
    scan->has_stale = true;
    return FIRN_CANCELLED;
}

static int
remove_if_there(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    firn_error local;
    int rc = fi_os_remove_file(dir, name, &local);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = local;
    }
    return rc;
}

int
fi_log_segment_tidy(struct fi_os_dir *dir, const char *prefix, uint64_t oldest, firn_error *err)
{
    /* One at a time: there is hardly ever one, and a directory is not changed while it is
     * listed. */
    struct scan scan = {.prefix = prefix, .oldest = oldest};
    int rc;
    do {
        scan.has_stale = false;
        rc = fi_os_dir_list(dir, visit_stale, &scan, err);
        if (rc == FIRN_CANCELLED && scan.has_stale) {
            rc = remove_if_there(dir, scan.stale, err);
        }
    } while (rc == FIRN_OK && scan.has_stale);
    return rc;
}

int
fi_log_segment_remove(struct fi_os_dir *dir, const char *prefix, uint64_t number, firn_error *err)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, number, name);
    return remove_if_there(dir, name, err);
}

/* ---- opening one ---- */

static int
read_header(struct fi_os_file *file, uint64_t number, struct fi_log_format_segment *out,
            firn_error *err)
{
    int rc;
    uint8_t bytes[FI_LOG_FORMAT_SEGMENT_SIZE];
    FI_TRY(fi_os_file_read_exact(file, 0, bytes, sizeof bytes, err));
    FI_TRY(fi_log_format_get_segment(bytes, fi_os_file_path(file), out, err));
    if (out->number != number) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "%s: offset 16: this is segment %" PRIu64 " under another's name",
                          fi_os_file_path(file), out->number);
    }
out:
    return rc;
}

/* Whether a file that was opened a moment ago has lost its name. It may have any header then (I12
 * of log_rotate.c). */
static bool
is_gone(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, name, &stat, NULL) == FIRN_NOT_FOUND;
}

int
fi_log_segment_open(struct fi_os_dir *dir, const char *prefix, uint64_t number, unsigned flags,
                    struct fi_os_file **out_file, struct fi_log_format_segment *out,
                    firn_error *err)
{
    *out_file = NULL;
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, number, name);
    struct fi_os_file *file = NULL;
    int rc = FIRN_OK;
    FI_TRY(fi_os_file_open(dir, name, flags, 0, &file, err));
    rc = read_header(file, number, out, err);
    if (rc == FIRN_CORRUPT && is_gone(dir, name)) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "%s was given up", fi_os_file_path(file));
    }
    FI_TRY(rc);
    *out_file = file;
    file = NULL;
out:
    fi_os_file_close(file);
    return rc;
}

/* ---- making one ---- */

/* Writes the header of a segment into a file that does not belong to the log yet. *out_is_harmless
 * as for fi_log_segment_create. */
static int
write_header(struct fi_os_dir *dir, const char *name, unsigned flags,
             const struct fi_log_format_segment *segment, bool *out_is_harmless, firn_error *err)
{
    uint8_t bytes[FI_LOG_FORMAT_SEGMENT_SIZE];
    fi_log_format_put_segment(segment, bytes);
    struct fi_os_file *file = NULL;
    int rc = FIRN_OK;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_WRITE | flags, 0600, &file, err));
    FI_TRY(fi_os_file_write(file, 0, bytes, sizeof bytes, err));
    *out_is_harmless = false;
    FI_TRY(fi_os_file_sync(file, err));
    *out_is_harmless = true;
out:
    fi_os_file_close(file);
    return rc;
}

/* Gives a file the header and the name of a segment. */
static int
turn_into_segment(struct fi_os_dir *dir, const char *prefix, const char *temporary, unsigned flags,
                  struct fi_log_format_segment *segment, struct fi_os_file **out,
                  bool *out_is_harmless, firn_error *err)
{
    /* (I1) */
    CHECK(segment->number > 0 && segment->oldest > 0 && segment->oldest <= segment->number);
    DCHECK(segment->number == 1 || segment->previous_end >= FI_LOG_FORMAT_SEGMENT_SIZE);
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, segment->number, name);
    segment->flags |= fi_log_seal_encrypts(dir) ? (uint32_t)FI_LOG_FORMAT_SEALED : 0;
    FI_TRY_RETURN(fi_os_random(fi_os_dir_os(dir), &segment->salt, sizeof segment->salt, err));
    FI_TRY_RETURN(write_header(dir, temporary, flags, segment, out_is_harmless, err));
    int rc = fi_os_rename(dir, temporary, dir, name, FI_OS_RENAME_NO_REPLACE, err);
    /* A rename may have taken effect even though it failed otherwise. */
    *out_is_harmless = rc == FIRN_NO_SPACE;
    FI_TRY_RETURN(rc);
    return fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, out, err);
}

int
fi_log_segment_create(struct fi_os_dir *dir, const char *prefix,
                      struct fi_log_format_segment *segment, struct fi_os_file **out,
                      bool *out_is_harmless, firn_error *err)
{
    *out = NULL;
    *out_is_harmless = true;
    char temporary[FI_LOG_SEGMENT_NAME_SIZE];
    name_with_suffix(prefix, segment->number, temporary_suffix, temporary);
    FI_TRY_RETURN(remove_if_there(dir, temporary, err));
    int rc =
        turn_into_segment(dir, prefix, temporary, CREATE_FLAGS, segment, out, out_is_harmless, err);
    if (rc != FIRN_OK && *out_is_harmless) {
        (void)remove_if_there(dir, temporary, NULL);
    }
    return rc;
}

/* ---- the spare ---- */

static void
name_of_spare(const char *prefix, char *out)
{
    int size = snprintf(out, FI_LOG_SEGMENT_NAME_SIZE, "%s%s", prefix, spare_suffix);
    CHECK(size > 0 && size < FI_LOG_SEGMENT_NAME_SIZE);
}

void
fi_log_segment_remove_spare(struct fi_os_dir *dir, const char *prefix)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, name);
    FI_IGNORE(remove_if_there(dir, name, NULL));
}

static int
write_zeros(struct fi_os_dir *dir, const char *name, size_t size_bytes)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_WRITE | CREATE_FLAGS, 0600, &file, NULL));
    for (size_t at = 0; at < size_bytes; at += FI_ZEROS_SIZE) {
        size_t piece = size_bytes - at < FI_ZEROS_SIZE ? size_bytes - at : FI_ZEROS_SIZE;
        FI_TRY(fi_os_file_write(file, at, fi_zeros(), piece, NULL));
    }
    FI_TRY(fi_os_file_sync(file, NULL));
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_log_segment_make_spare(struct fi_os_dir *dir, const char *prefix, size_t size_bytes)
{
    DCHECK(size_bytes > 0);
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, name);
    int rc = remove_if_there(dir, name, NULL);
    rc = rc == FIRN_OK ? write_zeros(dir, name, size_bytes) : rc;
    if (rc != FIRN_OK) {
        fi_log_segment_remove_spare(dir, prefix);
    }
    return rc;
}

int
fi_log_segment_recycle(struct fi_os_dir *dir, const char *prefix, uint64_t number)
{
    DCHECK(number > 0);
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    char spare[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, number, name);
    name_of_spare(prefix, spare);
    return fi_os_rename(dir, name, dir, spare, FI_OS_RENAME_REPLACE, NULL);
}

int
fi_log_segment_use_spare(struct fi_os_dir *dir, const char *prefix,
                         struct fi_log_format_segment *segment, struct fi_os_file **out,
                         bool *out_is_harmless, firn_error *err)
{
    *out = NULL;
    *out_is_harmless = true;
    char spare[FI_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, spare);
    return turn_into_segment(dir, prefix, spare, 0, segment, out, out_is_harmless, err);
}
