/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile.c: the identity file and the commit record, written and read.
 *
 * Readers trust nothing. A commit record has passed the log's checksum, so an error in it was written by
 * mistake or on purpose; it still causes an error, and never a wrong entry. Limits are those of the
 * public header, so that everything accepted here fits into memory: a record has at most as many
 * operations as bytes / 4.
 *
 * The checksum of the identity file is checked before its version, and has the same place in every
 * version. So a flipped bit in the version is reported as damage, and a newer version as newer.
 */
#include "storefile/storefile.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/crc32c.h"
#include "firn/store.h"
#include "merge/merge.h"
#include "threads/os_callback.h"

/* ==== progress of long operations ====
 *
 * Steps may be as small as one entry, so the clock is not read at each step, but only after a number of
 * bytes; an entry counts as some bytes even if it is empty.
 */

#define INTERVAL_NS INT64_C(200000000)
enum { STEP_BYTES = 32, LOOK_BYTES = 64 << 10 };

static int
tell(struct firn_storefile_progress *progress, int64_t now_ns, firn_error *err)
{
    progress->due_ns = now_ns + INTERVAL_NS;
    const firn_callbacks callbacks = {.on_progress = progress->on_progress, .ctx = progress->ctx};
    return firn_os_callback_progress(&callbacks, &progress->now) == FIRN_OK
               ? FIRN_OK
               : firn_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
firn_storefile_progress_begin(struct firn_storefile_progress *progress, const char *phase,
                              uint64_t files_total, uint64_t bytes_total, firn_error *err)
{
    DCHECK(firn_os_callback_is_phase(phase) &&
           (progress->on_progress == NULL || progress->os != NULL));
    progress->now =
        (firn_progress){.phase = phase, .files_total = files_total, .bytes_total = bytes_total};
    progress->untold_bytes = 0;
    return progress->on_progress != NULL ? tell(progress, firn_os_monotonic_ns(progress->os), err)
                                         : FIRN_OK;
}

int
firn_storefile_progress_step(struct firn_storefile_progress *progress, uint64_t files,
                             uint64_t bytes, firn_error *err)
{
    DCHECK(progress->now.phase != NULL);
    progress->now.files_done += files;
    progress->now.bytes_done += bytes;
    progress->untold_bytes += bytes + STEP_BYTES;
    if (progress->on_progress == NULL || progress->untold_bytes < LOOK_BYTES) {
        return FIRN_OK;
    }
    progress->untold_bytes = 0;
    int64_t now_ns = firn_os_monotonic_ns(progress->os);
    return now_ns >= progress->due_ns ? tell(progress, now_ns, err) : FIRN_OK;
}

static int
told(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    return firn_storefile_progress_step(ctx, files, bytes, err);
}

int
firn_storefile_progress_begin_steps(struct firn_storefile_progress *progress, const char *phase,
                                    uint64_t files_total, uint64_t bytes_total,
                                    const struct firn_step **out, firn_error *err)
{
    *out = NULL;
    if (progress == NULL) {
        return FIRN_OK;
    }
    progress->step = (struct firn_step){told, progress};
    *out = &progress->step;
    return firn_storefile_progress_begin(progress, phase, files_total, bytes_total, err);
}

/* ==== one writing handle at a time ====
 *
 * The file LOCK is locked exclusively as long as the handle exists. The system releases the lock with
 * the process, so a killed writer leaves nothing to clean up. The file contains, as text, the id of the
 * process that locked it last. It is only read to name the holder to a process that is refused, and to
 * other processes that ask (db_holder.c); nothing else depends on it.
 *
 * As every file of a store, LOCK gets the owner of the store's directory if the superuser creates it:
 * otherwise the owner of the store could no longer open it.
 *
 * A process that may wait tries again and again, after pauses that grow from 1 to 100 ms: waiting for a
 * lock in the kernel could not be ended after a time.
 */

enum { PAUSE_MIN_NS = 1000000, PAUSE_MAX_NS = 100000000, PID_TEXT_MAX = 24 };

/* The number in the file, or 0 if none can be read. */
static uint64_t
read_holder(struct firn_os_file *file)
{
    char text[PID_TEXT_MAX];
    size_t size = 0;
    if (firn_os_file_read(file, 0, text, sizeof text, &size, NULL) != FIRN_OK) {
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
        if (number > UINT64_MAX / 100) {
            return 0;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number;
}

static int
refuse(struct firn_os_dir *dir, struct firn_os_file *file, firn_error *err)
{
    const char *path = firn_os_dir_path(dir);
    uint64_t holder = read_holder(file);
    if (holder == 0) {
        return firn_error_set(err, FIRN_BUSY, "'%s' is locked by another process", path);
    }
    if (holder == firn_os_process_id(firn_os_dir_os(dir))) {
        return firn_error_set(
            err, FIRN_BUSY, "'%s' is locked by process %" PRIu64 " (this one has it open already)",
            path, holder);
    }
    return firn_error_set(err, FIRN_BUSY, "'%s' is locked by process %" PRIu64, path, holder);
}

/* A negative timeout waits without limit. */
static int
wait_for_lock(struct firn_os *os, struct firn_os_file *file, int64_t timeout_ms, firn_error *err)
{
    int64_t began = firn_os_monotonic_ns(os);
    bool is_for_ever = timeout_ms < 0 || timeout_ms > INT64_MAX / 1000000;
    int64_t timeout_ns = is_for_ever ? INT64_MAX : timeout_ms * 1000000;
    int64_t pause = PAUSE_MIN_NS;
    for (;;) {
        int rc = firn_os_file_lock(file, FIRN_OS_LOCK_EXCLUSIVE, err);
        if (rc != FIRN_BUSY) {
            return rc;
        }
        int64_t left = timeout_ns - (firn_os_monotonic_ns(os) - began);
        if (left <= 0) {
            return rc;
        }
        DCHECK(pause >= PAUSE_MIN_NS && pause <= PAUSE_MAX_NS);
        firn_os_sleep_ns(os, pause < left ? pause : left);
        pause = pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause * 2;
    }
}

/* Whether there is permanently no lock to take: the file does not exist, may not be used, is no regular
 * file, or is on a file system without locks. */
static bool
is_no_lock(int code)
{
    return code == FIRN_NOT_FOUND || code == FIRN_DENIED || code == FIRN_READ_ONLY ||
           code == FIRN_INVALID || code == FIRN_UNSUPPORTED;
}

int
firn_storefile_lock_hold(struct firn_os_dir *dir, bool may_create, int64_t timeout_ms,
                         struct firn_os_file **out, firn_error *err)
{
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | FIRN_OS_WRITE |
                     (may_create ? (unsigned)FIRN_OS_CREATE | FIRN_OS_FOR_OWNER : 0);
    *out = NULL;
    int rc = firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME, flags, 0600, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for_lock(firn_os_dir_os(dir), file, timeout_ms, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    rc = rc == FIRN_BUSY ? refuse(dir, file, err) : rc;
    firn_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
}

static int
write_holder(struct firn_os_file *file, uint64_t pid, firn_error *err)
{
    char text[PID_TEXT_MAX];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", pid);
    CHECK(size > 0 && (size_t)size < sizeof text);
    /* Truncated first: what the last holder wrote after its id must not count for this one. */
    int rc = firn_os_file_truncate(file, 0, err);
    return rc != FIRN_OK ? rc : firn_os_file_write(file, 0, text, (size_t)size, err);
}

/* Whether the file still has its name: a process that waited for a store that was destroyed meanwhile
 * has locked a file that no other process will find. */
static int
check_name(struct firn_os_dir *dir, struct firn_os_file *file, bool *out_is_current,
           firn_error *err)
{
    struct firn_os_stat locked;
    struct firn_os_stat named;
    int rc = firn_os_file_stat(file, &locked, err);
    *out_is_current = false;
    if (rc == FIRN_OK) {
        rc = firn_os_stat(dir, FIRN_STOREFILE_LOCK_NAME, &named, err);
        *out_is_current =
            rc == FIRN_OK && locked.inode == named.inode && locked.device == named.device;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_storefile_lock_acquire(struct firn_os_dir *dir, int64_t timeout_ms, struct firn_os_file **out,
                            firn_error *err)
{
    struct firn_os *os = firn_os_dir_os(dir);
    struct firn_os_file *file = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER,
                               0600, &file, err));
    rc = wait_for_lock(os, file, timeout_ms, err);
    if (rc == FIRN_BUSY) {
        rc = refuse(dir, file, err);
    }
    FIRN_TRY(rc);
    bool is_current;
    FIRN_TRY(check_name(dir, file, &is_current, err));
    if (!is_current) {
        rc = firn_error_set(err, FIRN_BUSY, "the store in '%s' is being destroyed",
                            firn_os_dir_path(dir));
        goto out;
    }
    FIRN_TRY(write_holder(file, firn_os_process_id(os), err));
    *out = file;
    file = NULL;
out:
    firn_os_file_close(file);
    return rc;
}

/* ==== the identity file and the commit record, written and read ==== */

enum { MAGIC_SIZE = 8, VERSION_AT = 8, FLAGS_AT = 12, ID_AT = 16, CREATED_AT = 32, CRC_AT = 60 };

static const uint8_t magic[MAGIC_SIZE] = {'f', 'i', 'r', 'n', 's', 't', 'o', 'r'};

void
firn_storefile_put_identity(const struct firn_storefile_identity *identity,
                            uint8_t out[FIRN_STOREFILE_IDENTITY_SIZE])
{
    CHECK(identity->version > 0 && identity->version <= FIRN_STOREFILE_VERSION);
    memset(out, 0, FIRN_STOREFILE_IDENTITY_SIZE);
    memcpy(out, magic, MAGIC_SIZE);
    firn_store_le32(out + VERSION_AT, identity->version);
    memcpy(out + ID_AT, identity->id, FIRN_STOREFILE_ID_SIZE);
    firn_store_le64(out + CREATED_AT, (uint64_t)identity->created_ns);
    firn_store_le32(out + CRC_AT, firn_crc32c(0, out, CRC_AT));
}

bool
firn_storefile_is_identity(firn_slice bytes)
{
    return bytes.size >= MAGIC_SIZE && memcmp(bytes.data, magic, MAGIC_SIZE) == 0;
}

int
firn_storefile_get_identity(firn_slice bytes, const char *path, struct firn_storefile_identity *out,
                            firn_error *err)
{
    if (bytes.size < FIRN_STOREFILE_IDENTITY_SIZE) {
        return firn_error_set(err, FIRN_CORRUPT, "'%s' has %zu bytes instead of %d", path,
                              bytes.size, FIRN_STOREFILE_IDENTITY_SIZE);
    }
    if (!firn_storefile_is_identity(bytes)) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s' does not begin as the identity of a firn store does", path);
    }
    uint32_t expected = firn_load_le32(bytes.data + CRC_AT);
    uint32_t found = firn_crc32c(0, bytes.data, CRC_AT);
    if (found != expected) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s' is damaged: checksum %08" PRIx32 " at offset %d, but its bytes "
                              "give %08" PRIx32,
                              path, expected, CRC_AT, found);
    }
    uint32_t version = firn_load_le32(bytes.data + VERSION_AT);
    uint32_t flags = firn_load_le32(bytes.data + FLAGS_AT);
    if (version > FIRN_STOREFILE_VERSION) {
        return firn_error_set(err, FIRN_NEWER,
                              "'%s' has format version %" PRIu32
                              "; this firn reads versions up to %d",
                              path, version, FIRN_STOREFILE_VERSION);
    }
    if (flags != 0) {
        return firn_error_set(err, FIRN_NEWER,
                              "'%s' has flags %08" PRIx32 " that this firn does not know", path,
                              flags);
    }
    if (version == 0 || bytes.size != FIRN_STOREFILE_IDENTITY_SIZE) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s' has format version %" PRIu32 " and %zu bytes, which do not go "
                              "together",
                              path, version, bytes.size);
    }
    out->version = version;
    memcpy(out->id, bytes.data + ID_AT, FIRN_STOREFILE_ID_SIZE);
    out->created_ns = (int64_t)firn_load_le64(bytes.data + CREATED_AT);
    return FIRN_OK;
}

size_t
firn_storefile_put_header(uint64_t sequence, uint64_t count, uint8_t out[FIRN_STOREFILE_HEADER_MAX])
{
    DCHECK(count > 0);
    firn_store_le64(out, sequence);
    out[8] = 0;
    size_t size = 9 + firn_store_varint(out + 9, count);
    DCHECK(size <= FIRN_STOREFILE_HEADER_MAX);
    return size;
}

static size_t
put_slice(uint8_t *at, firn_slice slice)
{
    DCHECK(slice.size == 0 || slice.data != NULL);
    if (slice.size > 0) {
        memcpy(at, slice.data, slice.size);
    }
    return slice.size;
}

int
firn_storefile_append_op(struct firn_buf *out, const struct firn_storefile_op *op,
                         struct firn_storefile_place *place)
{
    size_t room = FIRN_STOREFILE_OP_FRAME_MAX + op->key.size + op->value.size;
    if (firn_buf_reserve(out, room) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    uint8_t *bytes = out->data;
    size_t at = out->size;
    DCHECK(op->value.size >= firn_entry_head_size(op->kind));
    at += firn_store_varint(bytes + at, op->keyspace);
    bytes[at++] = (uint8_t)op->kind;
    at += firn_store_varint(bytes + at, op->key.size);
    place->key_offset = at;
    at += put_slice(bytes + at, op->key);
    at += firn_store_varint(bytes + at, op->value.size);
    place->value_offset = at;
    at += put_slice(bytes + at, op->value);
    DCHECK(at <= out->size + room);
    out->size = at;
    return FIRN_OK;
}

size_t
firn_storefile_extend_size(size_t value_size, size_t more_size)
{
    DCHECK(value_size <= SIZE_MAX - more_size);
    return more_size + firn_varint_size(value_size + more_size) - firn_varint_size(value_size);
}

void
firn_storefile_extend_op(uint8_t *record, struct firn_storefile_place *place, size_t value_size,
                         firn_slice more)
{
    uint8_t *value = record + place->value_offset;
    size_t shift = firn_storefile_extend_size(value_size, more.size) - more.size;
    DCHECK(place->key_offset + firn_varint_size(value_size) <= place->value_offset);
    if (shift > 0) {
        memmove(value + shift, value, value_size);
    }
    (void)firn_store_varint(value - firn_varint_size(value_size), value_size + more.size);
    (void)put_slice(value + shift + value_size, more);
    place->value_offset += shift;
}

static int
corrupt(const char **what, const char *text)
{
    *what = text;
    return FIRN_CORRUPT;
}

static int
newer(const char **what, const char *text)
{
    *what = text;
    return FIRN_NEWER;
}

int
firn_storefile_get_header(firn_slice record, struct firn_storefile_commit *out, const char **what)
{
    struct firn_reader reader = firn_reader_of(record);
    uint8_t flags;
    if (!firn_reader_le64(&reader, &out->sequence) || !firn_reader_u8(&reader, &flags)) {
        return corrupt(what, "is too short for a commit");
    }
    if (flags != 0) {
        return newer(what, "is a commit with flags that this firn does not know");
    }
    if (out->sequence == 0 || out->sequence > FIRN_STOREFILE_SEQUENCE_MAX) {
        return corrupt(what, "is a commit with an impossible sequence");
    }
    if (!firn_reader_varint(&reader, &out->count) || out->count == 0 ||
        out->count > firn_reader_left(&reader) / FIRN_STOREFILE_OP_SIZE_MIN) {
        return corrupt(what, "is a commit with an impossible count of operations");
    }
    if (firn_reader_left(&reader) > FIRN_BATCH_SIZE_MAX) {
        return corrupt(what, "is a commit beyond the limit of size");
    }
    out->ops = reader;
    return FIRN_OK;
}

/* Checks the value of an operation other than a put; NULL if nothing is wrong with it. */
static const char *
find_fault(const struct firn_storefile_op *op)
{
    if (op->kind == FIRN_ENTRY_DELETE && op->value.size > 0) {
        return "is a commit with a delete that has a value";
    }
    if (op->kind == FIRN_ENTRY_RANGE_DELETE &&
        (op->value.size > FIRN_KEY_SIZE_MAX || firn_slice_compare(op->key, op->value) >= 0)) {
        return "is a commit with a range delete whose bounds are no range";
    }
    if (op->value.size < firn_entry_head_size(op->kind)) {
        return "is a commit with a value that is too short for its kind";
    }
    return NULL;
}

int
firn_storefile_get_op(struct firn_storefile_commit *commit, struct firn_storefile_op *out,
                      const char **what)
{
    struct firn_reader *reader = &commit->ops;
    uint8_t kind;
    DCHECK(commit->count > 0);
    if (!firn_reader_varint(reader, &out->keyspace) || !firn_reader_u8(reader, &kind)) {
        return corrupt(what, "is a commit that ends within an operation");
    }
    if (kind < FIRN_ENTRY_PUT || kind > FIRN_ENTRY_EXPIRING) {
        return newer(what, "is a commit with a kind of operation that this firn does not know");
    }
    out->kind = (enum firn_entry_kind)kind;
    if (!firn_reader_sized(reader, FIRN_KEY_SIZE_MAX, &out->key) ||
        !firn_reader_sized(reader, FIRN_VALUE_SIZE_MAX, &out->value)) {
        return corrupt(what, "is a commit with a key or value that does not fit");
    }
    const char *fault = find_fault(out);
    if (fault != NULL) {
        return corrupt(what, fault);
    }
    if (out->kind == FIRN_ENTRY_MERGE) {
        int rc = firn_merge_fold_check_entry(out->value, NULL);
        if (rc != FIRN_OK) {
            *what = "is a commit with a merge that this firn does not know";
            return rc;
        }
    }
    commit->count--;
    if (commit->count == 0 && firn_reader_left(reader) > 0) {
        return corrupt(what, "is a commit with bytes after its operations");
    }
    return FIRN_OK;
}
