/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_holder.c: the process that has a store locked, and its note on what it is doing.
 *
 * The lock itself (storefile_lock.c) shows that a process writes, and the text in its file shows
 * which one. After that text and the fence (db_log.c) comes a note. The layer above writes it for
 * other processes while it holds the lock: for instance which checkpoint it is restoring, and how
 * far the restore is.
 *
 * (I1) A note counts only while a process holds the lock. A reader reads the note, then asks about
 *      the lock, then reads the note again, and reports only a note of the same process before and
 *      after. An opening truncates the file before it writes its own process id. So the note of a
 *      killed writer does not pass for that of its successor, except for the instant between lock
 *      and truncation. (Tested: another process writes the file.)
 *
 * The record, at offset 64 of LOCK: the size of the note, and the CRC-32C of that size and the 64
 * bytes that follow, 4 bytes each; then the note, padded with zeros to 64 bytes. It is replaced in
 * one write; a reader that sees half of a write finds a wrong checksum and reads again.
 */
#include "store/db.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/crc32c.h"
#include "store/db_internal.h"

enum {
    TEXT_SIZE = 24, /* storefile_lock.c */
    NOTE_OFFSET = 64,
    HEAD_SIZE = 8,
    RECORD_SIZE = HEAD_SIZE + FI_DB_HOLDER_NOTE_SIZE_MAX,
    FILE_SIZE = NOTE_OFFSET + RECORD_SIZE,
    READS_MAX = 20
};

static uint32_t
checksum_of(const uint8_t *record)
{
    return fi_crc32c(fi_crc32c(0, record, 4), record + HEAD_SIZE, RECORD_SIZE - HEAD_SIZE);
}

void
fi_db_holder_report(struct firn_db *db, const void *note, size_t size)
{
    uint8_t record[RECORD_SIZE] = {0};
    CHECK(size <= FI_DB_HOLDER_NOTE_SIZE_MAX);
    if (db->owned_os != NULL || db->lock == NULL) { /* in memory: no other process can ask */
        return;
    }
    fi_store_le32(record, (uint32_t)size);
    if (size > 0) {
        memcpy(record + HEAD_SIZE, note, size);
    }
    fi_store_le32(record + 4, checksum_of(record));
    FI_IGNORE(fi_os_file_write(fi_storefile_lock_file(db->lock), NOTE_OFFSET, record, sizeof record,
                               NULL));
}

/* *out_is_whole is false if a write was half done. */
static int
read_file(struct fi_os_file *file, struct fi_db_holder *out, bool *out_is_whole, firn_error *err)
{
    uint8_t bytes[FILE_SIZE];
    const uint8_t *record = bytes + NOTE_OFFSET;
    size_t size;
    *out = (struct fi_db_holder){0};
    *out_is_whole = true;
    FI_TRY_RETURN(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    for (size_t i = 0; i < size && i < TEXT_SIZE && bytes[i] >= '0' && bytes[i] <= '9' &&
                       out->process < UINT64_MAX / 100;
         i++) {
        out->process = out->process * 10 + (uint64_t)(bytes[i] - '0');
    }
    if (size < sizeof bytes) {
        return FIRN_OK;
    }
    uint32_t note_size = fi_load_le32(record);
    *out_is_whole =
        fi_load_le32(record + 4) == checksum_of(record) && note_size <= FI_DB_HOLDER_NOTE_SIZE_MAX;
    if (*out_is_whole && note_size > 0) {
        out->size = note_size;
        memcpy(out->note, record + HEAD_SIZE, note_size);
    }
    return FIRN_OK;
}

/* (I1). *out_is_sure is false if the note was written meanwhile. */
static int
query_once(struct fi_os_file *file, struct fi_db_holder *out, bool *out_is_sure, firn_error *err)
{
    struct fi_db_holder before;
    bool was_whole;
    bool is_held;
    int rc;
    *out_is_sure = true;
    FI_TRY(read_file(file, &before, &was_whole, err));
    FI_TRY(fi_os_file_is_range_held(file, 0, 1, &is_held, err));
    if (!is_held) {
        *out = (struct fi_db_holder){0};
        goto out;
    }
    FI_TRY(read_file(file, out, out_is_sure, err));
    *out_is_sure = *out_is_sure && was_whole && out->process == before.process &&
                   (out->size > 0) == (before.size > 0);
    out->is_held = true;
out:
    return rc;
}

int
fi_db_holder_query(struct firn_db *db, struct fi_db_holder *out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    bool is_sure = false;
    int rc;
    *out = (struct fi_db_holder){0};
    if (db->owned_os != NULL || db->lock != NULL) { /* this handle holds the lock */
        return FIRN_OK;
    }
    rc = fi_os_file_open(db->dir, FI_STOREFILE_LOCK_NAME, FI_OS_READ, 0, &file, err);
    for (unsigned i = 0; rc == FIRN_OK && i < READS_MAX && !is_sure; i++) {
        rc = query_once(file, out, &is_sure, err);
    }
    if (rc == FIRN_OK && !is_sure) {
        out->size = 0;
    }
    fi_os_file_close(file);
    /* A copy has no such file, and a user without the right to read it gets no answer. */
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
}
