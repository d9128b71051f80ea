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

static const char suffix[] = ".log";
static const char temporary_suffix[] = ".log.tmp";
static const char spare_suffix[] = "-spare.tmp";

/* ---- names ---- */

int
firn_log_segment_check_prefix(const char *prefix, firn_error *err)
{
    size_t size = strlen(prefix);
    if (size == 0 || size > FIRN_LOG_SEGMENT_PREFIX_MAX) {
        return firn_error_set(err, FIRN_INVALID, "a log's prefix has 1 to %d bytes, not %zu",
                              FIRN_LOG_SEGMENT_PREFIX_MAX, size);
    }
    return FIRN_OK;
}

static void
name_with_suffix(const char *prefix, uint64_t number, const char *end, char *out)
{
    DCHECK(strlen(prefix) <= FIRN_LOG_SEGMENT_PREFIX_MAX);
    int size = snprintf(out, FIRN_LOG_SEGMENT_NAME_SIZE, "%s-%0*" PRIu64 "%s", prefix,
                        NUMBER_DIGITS_MIN, number, end);
    CHECK(size > 0 && size < FIRN_LOG_SEGMENT_NAME_SIZE);
}

void
firn_log_segment_name(const char *prefix, uint64_t number, char *out)
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
    char expected[FIRN_LOG_SEGMENT_NAME_SIZE];
    name_with_suffix(prefix, number, end, expected);
    return strcmp(name, expected) == 0 ? number : 0;
}

/* ---- what is there ---- */

struct scan {
    struct firn_os_dir *dir;
    const char *prefix;
    uint64_t newest;
    uint64_t oldest;
    bool has_stale; /* a name that tidying would remove */
    char stale[FIRN_LOG_SEGMENT_NAME_SIZE];
};

static int
visit_newest(void *ctx, const struct firn_os_dirent *entry)
{
    struct scan *scan = ctx;
    uint64_t number = parse_name(entry->name, scan->prefix, suffix);
    if (number > scan->newest) {
        scan->newest = number;
    }
    return FIRN_OK;
}

int
firn_log_segment_newest(struct firn_os_dir *dir, const char *prefix, uint64_t *out, firn_error *err)
{
    struct scan scan = {.prefix = prefix};
    int rc = firn_os_dir_list(dir, visit_newest, &scan, err);
    *out = rc == FIRN_OK ? scan.newest : 0;
    return rc;
}

static bool
is_segment(const void *prefix, const char *name)
{
    return parse_name(name, prefix, suffix) != 0;
}

int
firn_log_segment_refuse_foreign(struct firn_os_dir *dir, const char *prefix, firn_error *err)
{
    return firn_os_dir_refuse_foreign(dir, is_segment, prefix, err);
}

struct listing {
    const char *prefix;
    struct firn_buf *out;
};

static int
visit_number(void *ctx, const struct firn_os_dirent *entry)
{
    struct listing *listing = ctx;
    uint64_t number = parse_name(entry->name, listing->prefix, suffix);
    return number == 0 ? FIRN_OK : firn_buf_append(listing->out, &number, sizeof number);
}

int
firn_log_segment_list(struct firn_os_dir *dir, const char *prefix, struct firn_buf *out,
                      firn_error *err)
{
    struct listing listing = {.prefix = prefix, .out = out};
    size_t before = out->size;
    DCHECK(before % sizeof(uint64_t) == 0);
    int rc = firn_os_dir_list(dir, visit_number, &listing, err);
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the list of a log's segments");
    }
    size_t count = (out->size - before) / sizeof(uint64_t);
    if (rc == FIRN_OK && count > 0) {
        firn_sort_u64((uint64_t *)(void *)(out->data + before), count);
    }
    return rc;
}

static int
visit_stale(void *ctx, const struct firn_os_dirent *entry)
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
remove_if_there(struct firn_os_dir *dir, const char *name, firn_error *err)
{
    firn_error local;
    int rc = firn_os_remove_file(dir, name, &local);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = local;
    }
    return rc;
}

int
firn_log_segment_tidy(struct firn_os_dir *dir, const char *prefix, uint64_t oldest, firn_error *err)
{
    /* One at a time: there is hardly ever one, and a directory is not changed while it is
     * listed. */
    struct scan scan = {.prefix = prefix, .oldest = oldest};
    int rc;
    do {
        scan.has_stale = false;
        rc = firn_os_dir_list(dir, visit_stale, &scan, err);
        if (rc == FIRN_CANCELLED && scan.has_stale) {
            rc = remove_if_there(dir, scan.stale, err);
        }
    } while (rc == FIRN_OK && scan.has_stale);
    return rc;
}

int
firn_log_segment_remove(struct firn_os_dir *dir, const char *prefix, uint64_t number,
                        firn_error *err)
{
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name(prefix, number, name);
    return remove_if_there(dir, name, err);
}

/* ---- opening one ---- */

static int
read_header(struct firn_os_file *file, uint64_t number, struct firn_log_format_segment *out,
            firn_error *err)
{
    int rc;
    uint8_t bytes[FIRN_LOG_FORMAT_SEGMENT_SIZE];
    FIRN_TRY(firn_os_file_read_exact(file, 0, bytes, sizeof bytes, err));
    FIRN_TRY(firn_log_format_get_segment(bytes, firn_os_file_path(file), out, err));
    if (out->number != number) {
        rc = firn_error_set(err, FIRN_CORRUPT,
                            "%s: offset 16: this is segment %" PRIu64 " under another's name",
                            firn_os_file_path(file), out->number);
    }
out:
    return rc;
}

/* Whether a file that was opened a moment ago has lost its name. It may have any header then (I12
 * of log_rotate.c). */
static bool
is_gone(struct firn_os_dir *dir, const char *name)
{
    struct firn_os_stat stat;
    return firn_os_stat(dir, name, &stat, NULL) == FIRN_NOT_FOUND;
}

int
firn_log_segment_open(struct firn_os_dir *dir, const char *prefix, uint64_t number, unsigned flags,
                      struct firn_os_file **out_file, struct firn_log_format_segment *out,
                      firn_error *err)
{
    *out_file = NULL;
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name(prefix, number, name);
    struct firn_os_file *file = NULL;
    int rc = FIRN_OK;
    FIRN_TRY(firn_os_file_open(dir, name, flags, 0, &file, err));
    rc = read_header(file, number, out, err);
    if (rc == FIRN_CORRUPT && is_gone(dir, name)) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "%s was given up", firn_os_file_path(file));
    }
    FIRN_TRY(rc);
    *out_file = file;
    file = NULL;
out:
    firn_os_file_close(file);
    return rc;
}

/* ---- making one ---- */

/* Writes the header of a segment into a file that does not belong to the log yet. *out_is_harmless
 * as for firn_log_segment_create. */
static int
write_header(struct firn_os_dir *dir, const char *name, unsigned flags,
             const struct firn_log_format_segment *segment, bool *out_is_harmless, firn_error *err)
{
    uint8_t bytes[FIRN_LOG_FORMAT_SEGMENT_SIZE];
    firn_log_format_put_segment(segment, bytes);
    struct firn_os_file *file = NULL;
    int rc = FIRN_OK;
    FIRN_TRY(firn_os_file_open(dir, name, FIRN_OS_WRITE | flags, 0600, &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, bytes, sizeof bytes, err));
    *out_is_harmless = false;
    FIRN_TRY(firn_os_file_sync(file, err));
    *out_is_harmless = true;
out:
    firn_os_file_close(file);
    return rc;
}

/* Gives a file the header and the name of a segment. */
static int
turn_into_segment(struct firn_os_dir *dir, const char *prefix, const char *temporary,
                  unsigned flags, struct firn_log_format_segment *segment,
                  struct firn_os_file **out, bool *out_is_harmless, firn_error *err)
{
    /* (I1) */
    CHECK(segment->number > 0 && segment->oldest > 0 && segment->oldest <= segment->number);
    DCHECK(segment->number == 1 || segment->previous_end >= FIRN_LOG_FORMAT_SEGMENT_SIZE);
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name(prefix, segment->number, name);
    FIRN_TRY_RETURN(firn_os_random(firn_os_dir_os(dir), &segment->salt, sizeof segment->salt, err));
    FIRN_TRY_RETURN(write_header(dir, temporary, flags, segment, out_is_harmless, err));
    int rc = firn_os_rename(dir, temporary, dir, name, FIRN_OS_RENAME_NO_REPLACE, err);
    /* A rename may have taken effect even though it failed otherwise. */
    *out_is_harmless = rc == FIRN_NO_SPACE;
    FIRN_TRY_RETURN(rc);
    return firn_os_file_open(dir, name, FIRN_OS_READ | FIRN_OS_WRITE, 0, out, err);
}

int
firn_log_segment_create(struct firn_os_dir *dir, const char *prefix,
                        struct firn_log_format_segment *segment, struct firn_os_file **out,
                        bool *out_is_harmless, firn_error *err)
{
    *out = NULL;
    *out_is_harmless = true;
    char temporary[FIRN_LOG_SEGMENT_NAME_SIZE];
    name_with_suffix(prefix, segment->number, temporary_suffix, temporary);
    FIRN_TRY_RETURN(remove_if_there(dir, temporary, err));
    int rc = turn_into_segment(dir, prefix, temporary,
                               FIRN_OS_CREATE | FIRN_OS_FOR_OWNER | FIRN_OS_EXCLUSIVE, segment, out,
                               out_is_harmless, err);
    if (rc != FIRN_OK && *out_is_harmless) {
        (void)remove_if_there(dir, temporary, NULL);
    }
    return rc;
}

/* ---- the spare ---- */

static void
name_of_spare(const char *prefix, char *out)
{
    int size = snprintf(out, FIRN_LOG_SEGMENT_NAME_SIZE, "%s%s", prefix, spare_suffix);
    CHECK(size > 0 && size < FIRN_LOG_SEGMENT_NAME_SIZE);
}

void
firn_log_segment_remove_spare(struct firn_os_dir *dir, const char *prefix)
{
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, name);
    FIRN_IGNORE(remove_if_there(dir, name, NULL));
}

static int
write_zeros(struct firn_os_dir *dir, const char *name, size_t size_bytes)
{
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_file_open(
        dir, name, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER | FIRN_OS_EXCLUSIVE, 0600,
        &file, NULL));
    for (size_t at = 0; at < size_bytes; at += FIRN_ZEROS_SIZE) {
        size_t piece = size_bytes - at < FIRN_ZEROS_SIZE ? size_bytes - at : FIRN_ZEROS_SIZE;
        FIRN_TRY(firn_os_file_write(file, at, firn_zeros(), piece, NULL));
    }
    FIRN_TRY(firn_os_file_sync(file, NULL));
out:
    firn_os_file_close(file);
    return rc;
}

int
firn_log_segment_make_spare(struct firn_os_dir *dir, const char *prefix, size_t size_bytes)
{
    DCHECK(size_bytes > 0);
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, name);
    int rc = remove_if_there(dir, name, NULL);
    rc = rc == FIRN_OK ? write_zeros(dir, name, size_bytes) : rc;
    if (rc != FIRN_OK) {
        firn_log_segment_remove_spare(dir, prefix);
    }
    return rc;
}

int
firn_log_segment_recycle(struct firn_os_dir *dir, const char *prefix, uint64_t number)
{
    DCHECK(number > 0);
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    char spare[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name(prefix, number, name);
    name_of_spare(prefix, spare);
    return firn_os_rename(dir, name, dir, spare, FIRN_OS_RENAME_REPLACE, NULL);
}

int
firn_log_segment_use_spare(struct firn_os_dir *dir, const char *prefix,
                           struct firn_log_format_segment *segment, struct firn_os_file **out,
                           bool *out_is_harmless, firn_error *err)
{
    *out = NULL;
    *out_is_harmless = true;
    char spare[FIRN_LOG_SEGMENT_NAME_SIZE];
    name_of_spare(prefix, spare);
    return turn_into_segment(dir, prefix, spare, 0, segment, out, out_is_harmless, err);
}
