/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_hot.c: one state of a store, as bytes of its files, while a process writes to it.
 *
 * The guarantees for readers (db_reader.c) are also enough to copy a store: while byte 2^32 of FIRN
 * is locked, no file is removed that any version of MANIFEST needs, and no segment of a log is
 * removed or reused. So this byte is locked first, and until the copy is complete. Then, in this
 * order,
 *   1. MANIFEST is read, and the lengths of its segments are recorded (log/log.h),
 *   2. the log is read to its end, and its lengths are recorded likewise.
 * Runs, value files and packs never change, and are complete as soon as they have their names.
 *
 * (I1) What is recorded is a state that the store had, or one that a crash would have left: the
 *      runs in MANIFEST, and everything that the log had a moment later. A reader uses the same
 *      order. The state includes every commit that was acknowledged before the capture began.
 *      (Checked: the numbers of the segments. Not checked: what another process does.)
 * (I2) A run that MANIFEST names, and the files to which it refers, existed before it was named. So
 *      a process that lists the directories later finds them. It may also find newer runs: the copy
 *      does not name them, and the next process that writes there removes them.
 * (I3) Packs are durable before a commit names them, and the lock keeps those that are removed.
 * (I4) A load is only in MANIFEST (db_bulk.c). If one came between steps 1 and 2, the log has
 *      commits that came after it, and both steps must be repeated: these commits cannot be there
 *      without the load. It is recognized by its sequence, a multiple of 2^28 above everything that
 *      MANIFEST named, if the log continues beyond that. Chance can produce the same (a commit that
 *      failed had just this sequence), so after some attempts the state is accepted.
 *
 * (I5) The log names versions of MANIFEST (db_replay_attest.c). If it names one that is newer than
 *      the MANIFEST that was read, the copy of the log ends before that record: what follows was
 *      committed after the capture began. If MANIFEST does not have that version now, it has lost
 *      its end, and everything is copied as it is.
 * (I4) and (I5) are not asserted: they concern bytes from outside, and are tested.
 *
 * An encrypted store is captured without its keys, as it is on the disk. What its MANIFEST and its
 * log say cannot be read, but where they end can (log/log.h). So
 *   3. MANIFEST is read once more, and must be as in step 1, or all three steps are repeated.
 * Then no load came in between (I4), and the log names no version that MANIFEST lacks (I5): both
 * are written to MANIFEST before the log has what follows from them. Whether runs are missing is
 * not known. The master keys in FIRN.keys are those of the state, or more: that file is read later,
 * and only grows.
 *
 * If nothing was written meanwhile, the same bytes are recorded again: two copies of an idle store
 * are equal.
 *
 * Left out is what the writer creates again: LOCK, RESERVE, sockets of watches, unfinished and
 * spare files, and segments of logs that were begun later.
 *
 * Not read: runs, values and packs, and the contents of commits. If they are damaged in the store,
 * they are damaged in the copy as well. It is only checked whether the runs and values exist.
 */
#include "copy/copy_hot.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "log/log.h"
#include "manifest/manifest.h"
#include "os/os_names.h"
#include "os/os_seal.h"
#include "store/db_store_handle.h"

_Static_assert((int)FI_COPY_HOT_HEAD_SIZE == (int)FI_LOG_FORMAT_SEGMENT_SIZE,
               "a segment is known by its header");

enum { ATTEMPTS_MAX = 10, ATTEMPTS_FOR_LOADS = 5, PAUSE_NS = 2000000 };

struct fi_copy_hot {
    struct fi_os_dir *dir;
    struct fi_os_file *lock;
    struct fi_buf log;      /* of struct fi_log_capture_segment */
    struct fi_buf manifest; /* likewise */
    bool is_locked;         /* the store is encrypted */
    char missing[FI_LSM_HOT_COPY_MISSING_SIZE];
};

/* ---- names ---- */

bool
fi_copy_hot_is_identity(const char *name)
{
    return strcmp(name, FI_STOREFILE_IDENTITY_NAME) == 0;
}

bool
fi_copy_hot_is_log(const char *name)
{
    return fi_db_log_is_name(name);
}

bool
fi_copy_hot_is_lock(const char *name)
{
    return strcmp(name, FI_STOREFILE_LOCK_NAME) == 0;
}

bool
fi_copy_hot_is_own(const char *name)
{
    return strncmp(name, FI_STOREFILE_IDENTITY_NAME, strlen(FI_STOREFILE_IDENTITY_NAME)) == 0 ||
           strcmp(name, "config") == 0 || strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0 ||
           fi_copy_hot_is_lock(name) || fi_copy_hot_has_folder(name) || fi_db_log_is_name(name) ||
           fi_lsm_is_name(name);
}

int
fi_copy_hot_is_claimed(struct fi_os_dir *dir, bool *out, firn_error *err)
{
    uint8_t head[FI_STOREFILE_IDENTITY_SIZE];
    size_t size = 0;
    struct fi_os_file *file;
    *out = false;
    int rc = fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err);
    if (rc == FIRN_OK) {
        rc = fi_os_file_read(file, 0, head, sizeof head, &size, err);
        *out = rc == FIRN_OK && fi_storefile_is_identity(firn_bytes(head, size));
        fi_os_file_close(file);
    }
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

bool
fi_copy_hot_has_folder(const char *name)
{
    return strcmp(name, "runs") == 0 || strcmp(name, FI_STOREFILE_PACKS_NAME) == 0;
}

static size_t
count_digits(const char *text)
{
    size_t count = 0;
    while (text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/* "watch-<number>" */
static bool
is_socket(const char *name)
{
    static const char prefix[] = "watch-";
    size_t size = sizeof prefix - 1;
    return strncmp(name, prefix, size) == 0 && name[size] != '\0' &&
           name[size + count_digits(name + size)] == '\0';
}

/* Whether a name with the prefix of segments is that of a segment. */
static bool
is_segment(const char *name)
{
    DCHECK(strchr(name, '-') != NULL);
    const char *number = strchr(name, '-') + 1;
    size_t digits = count_digits(number);
    return digits >= 6 && strcmp(number + digits, ".log") == 0;
}

/* ---- classifying entries ---- */

static const struct fi_log_capture_segment *
segments_of(const struct fi_buf *buf, size_t *out_count)
{
    DCHECK(buf->size % sizeof(struct fi_log_capture_segment) == 0);
    *out_count = buf->size / sizeof(struct fi_log_capture_segment);
    return (const struct fi_log_capture_segment *)(const void *)buf->data;
}

static bool
are_consecutive(const struct fi_buf *buf)
{
    size_t count;
    const struct fi_log_capture_segment *segment = segments_of(buf, &count);
    for (size_t i = 1; i < count; i++) {
        if (segment[i].number != segment[i - 1].number + 1) {
            return false;
        }
    }
    return true;
}

/* Compares their numbers, which have no extra leading zeros beyond six digits. */
static bool
is_older(const char *name, const char *than)
{
    size_t a = strlen(name);
    size_t b = strlen(than);
    return a < b || (a == b && strcmp(name, than) < 0);
}

/* Classifies an entry whose name begins like that of a log's segments. Segments that are older than
 * the log are no part of it and do no harm; newer ones would. */
static struct fi_copy_hot_file
assess_segment(const struct fi_buf *segments, const char *prefix, const char *name)
{
    struct fi_copy_hot_file file = {.kind = FI_COPY_HOT_FOREIGN};
    size_t count;
    const struct fi_log_capture_segment *segment = segments_of(segments, &count);
    if (!is_segment(name)) {
        file.kind = fi_os_names_end_with(name, ".tmp") ? FI_COPY_HOT_LEFT_OUT : FI_COPY_HOT_FOREIGN;
        return file;
    }
    file.kind = FI_COPY_HOT_LEFT_OUT;
    for (size_t i = 0; i < count; i++) {
        char own[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name(prefix, segment[i].number, own);
        if (strcmp(own, name) == 0) {
            DCHECK(segment[i].size_bytes >= FI_COPY_HOT_HEAD_SIZE);
            file = (struct fi_copy_hot_file){.kind = FI_COPY_HOT_CUT,
                                             .size_bytes = segment[i].size_bytes,
                                             .head = segment[i].header};
        } else if (i == 0 && is_older(name, own)) {
            file.kind = FI_COPY_HOT_WHOLE;
        }
    }
    return file;
}

/* "000012.row.tmp", "00000003.pack.tmp". No other name is a writer's: what makes a directory a
 * store may have been put beside a user's own files, which are saved. */
struct fi_copy_hot_file
fi_copy_hot_assess_in_folder(const char *name)
{
    size_t digits = count_digits(name);
    const char *suffix = name + digits + (name[digits] == '.' ? 1 : 0);
    size_t letters = strspn(suffix, "abcdefghijklmnopqrstuvwxyz");
    bool is_writers = digits >= 6 && suffix > name + digits && letters > 0 &&
                      strcmp(suffix + letters, ".tmp") == 0;
    return (struct fi_copy_hot_file){.kind = is_writers ? FI_COPY_HOT_LEFT_OUT : FI_COPY_HOT_WHOLE};
}

struct fi_copy_hot_file
fi_copy_hot_assess(const struct fi_copy_hot *capture, const char *name)
{
    struct fi_copy_hot_file file = {.kind = FI_COPY_HOT_FOREIGN};
    if (strcmp(name, FI_STOREFILE_IDENTITY_NAME) == 0 ||
        strcmp(name, FI_STOREFILE_KEYS_NAME) == 0 || strcmp(name, "config") == 0 ||
        fi_copy_hot_has_folder(name)) {
        file.kind = FI_COPY_HOT_WHOLE;
    } else if (fi_copy_hot_is_lock(name) || strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0 ||
               strcmp(name, FI_STOREFILE_IDENTITY_TMP_NAME) == 0 ||
               strcmp(name, FI_STOREFILE_KEYS_TMP_NAME) == 0 || is_socket(name)) {
        file.kind = FI_COPY_HOT_LEFT_OUT;
    } else if (fi_db_log_is_name(name)) {
        file = assess_segment(&capture->log, fi_db_log_options(true).prefix, name);
    } else if (fi_lsm_is_name(name)) {
        file = assess_segment(&capture->manifest, FI_MANIFEST_NAME, name);
    }
    return file;
}

/* ---- capturing ---- */

/* The log while it is read. */
struct reading {
    struct fi_os_dir *dir;
    uint64_t version;  /* of the MANIFEST */
    uint64_t named;    /* the newest in the MANIFEST */
    uint64_t sequence; /* of the last record */
    bool lacks_load;   /* (I4) */
};

/* (I5). */
static int
stop_after_manifest(const struct reading *reading, uint64_t version, firn_error *err)
{
    struct fi_os_dir *own;
    uint64_t now = 0;
    if (version <= reading->version) {
        return FIRN_OK;
    }
    int rc = fi_os_dir_open_beneath(reading->dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = fi_lsm_read_version(own, &now, err);
        fi_os_dir_close(own);
    }
    return rc == FIRN_OK && now >= version ? FI_LOG_STOP : rc;
}

static int
copy_hot_visit(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
               firn_error *err)
{
    struct reading *reading = ctx;
    (void)position;
    if (record.size < 8) {
        return FIRN_OK; /* damage, which is copied as it is */
    }
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        return stop_after_manifest(reading, fi_load_le64(record.data), err);
    }
    uint64_t sequence = fi_load_le64(record.data);
    uint64_t before = reading->sequence > reading->named ? reading->sequence : reading->named;
    reading->lacks_load = reading->lacks_load || fi_db_log_lacks_load(before, sequence);
    reading->sequence = sequence;
    return FIRN_OK;
}

/* One attempt. */
static int
copy_hot_inspect(struct fi_copy_hot *capture, bool may_lack_manifest, bool *out_lacks_load,
                 firn_error *err)
{
    DCHECK(capture->lock != NULL); /* (I2), (I3) */
    const struct fi_log_options options = fi_db_log_options(true);
    struct reading reading = {.dir = capture->dir};
    int rc = fi_lsm_hot_copy(capture->dir, fi_db_image_kinds, &capture->manifest, &reading.version,
                             &reading.named, capture->missing, err);
    if (rc == FIRN_NOT_FOUND && may_lack_manifest) {
        rc = FIRN_OK;
    } else if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(err, FIRN_CORRUPT, "the MANIFEST of the store '%s' is missing",
                          fi_os_dir_path(capture->dir));
    }
    if (rc == FIRN_OK) {
        rc = fi_log_capture(capture->dir, &options, copy_hot_visit, &reading, &capture->log, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                          fi_os_dir_path(capture->dir));
    }
    DCHECK(are_consecutive(&capture->manifest)); /* (I1) */
    DCHECK(rc != FIRN_OK || (capture->log.size > 0 && are_consecutive(&capture->log)));
    *out_lacks_load = rc == FIRN_OK && reading.lacks_load;
    return rc;
}

/* The lengths of a log whose records cannot be read. */
static int
measure_locked(const struct fi_copy_hot *capture, const char *prefix, struct fi_buf *out,
               firn_error *err)
{
    const struct fi_log_options options = {
        .prefix = prefix, .read_only = true, .may_be_locked = true};
    int rc = fi_log_capture(capture->dir, &options, NULL, NULL, out, err);
    return rc != FIRN_NOT_FOUND
               ? rc
               : fi_error_set(err, FIRN_CORRUPT, "the store '%s' has no file %s-*.log",
                              fi_os_dir_path(capture->dir), prefix);
}

/* One attempt; FIRN_BUSY if MANIFEST changed meanwhile. */
static int
inspect_locked(struct fi_copy_hot *capture, firn_error *err)
{
    struct fi_buf after = {0};
    int rc;
    DCHECK(capture->lock != NULL && capture->is_locked); /* (I2), (I3) */
    FI_TRY(measure_locked(capture, FI_MANIFEST_NAME, &capture->manifest, err));
    FI_TRY(measure_locked(capture, fi_db_log_options(true).prefix, &capture->log, err));
    FI_TRY(measure_locked(capture, FI_MANIFEST_NAME, &after, err));
    if (fi_slice_compare(fi_buf_slice(&after), fi_buf_slice(&capture->manifest)) != 0) {
        rc = fi_error_set(err, FIRN_BUSY,
                          "the encrypted store '%s' is being written to, and changed each time "
                          "that it was read",
                          fi_os_dir_path(capture->dir));
    }
    DCHECK(are_consecutive(&capture->manifest) && are_consecutive(&capture->log)); /* (I1) */
out:
    fi_buf_deinit(&after);
    return rc;
}

static int
inspect_until_it_fits(struct fi_copy_hot *capture, bool may_lack_manifest, firn_error *err)
{
    bool lacks_load = false;
    int rc = FIRN_BUSY;
    for (int i = 0; i < ATTEMPTS_MAX && (rc == FIRN_BUSY || lacks_load); i++) {
        if (i > 0) {
            fi_os_sleep_ns(fi_os_dir_os(capture->dir), PAUSE_NS);
        }
        rc = capture->is_locked ? inspect_locked(capture, err)
                                : copy_hot_inspect(capture, may_lack_manifest, &lacks_load, err);
        lacks_load = lacks_load && i + 1 < ATTEMPTS_FOR_LOADS;
    }
    return rc;
}

int
fi_copy_hot_open(struct fi_os_dir *dir, struct fi_copy_hot **out, firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_copy_hot *capture = fi_alloc_zeroed(sizeof *capture);
    int rc;
    *out = NULL;
    if (capture == NULL) {
        return fi_error_no_memory(err, "the state of a store");
    }
    /* A handle of its own: others may be listing the caller's. */
    FI_TRY(fi_os_dir_open_beneath(dir, "", &capture->dir, err));
    FI_TRY(fi_db_create_read_identity(capture->dir, &identity, err));
    capture->is_locked = identity.cipher != 0 && fi_os_dir_seal(dir) == NULL;
    FI_TRY(fi_db_path_refuse_repair(capture->dir, err));
    FI_TRY(fi_db_reader_lock_all(capture->dir, &capture->lock, err));
    FI_TRY(inspect_until_it_fits(capture, identity.version == FI_STOREFILE_VERSION_LOG, err));
    *out = capture;
    capture = NULL;
out:
    fi_copy_hot_close(capture);
    return rc;
}

uint64_t
fi_copy_hot_print(const struct fi_copy_hot *capture)
{
    uint64_t log = fi_xxh3(capture->log.data, capture->log.size, 0);
    return fi_xxh3(capture->manifest.data, capture->manifest.size, log);
}

const char *
fi_copy_hot_missing(const struct fi_copy_hot *capture)
{
    return capture->missing[0] == '\0' ? NULL : capture->missing;
}

void
fi_copy_hot_let_go(struct fi_copy_hot *capture)
{
    fi_os_file_close(capture->lock);
    fi_os_dir_close(capture->dir);
    capture->lock = NULL;
    capture->dir = NULL;
}

void
fi_copy_hot_close(struct fi_copy_hot *capture)
{
    if (capture != NULL) {
        fi_copy_hot_let_go(capture);
        fi_buf_deinit(&capture->log);
        fi_buf_deinit(&capture->manifest);
        fi_free(capture);
    }
}

/* ---- writers ---- */

int
fi_copy_hot_remove_lock(struct fi_os_dir *dir, firn_error *err)
{
    return fi_os_remove_file(dir, FI_STOREFILE_LOCK_NAME, err);
}
