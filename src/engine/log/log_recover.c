/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_recover.c: reads a log and judges whether it is whole.
 *
 * A log is the chain of its segments. The newest segment's header names the oldest segment that
 * belongs to the log. All from there on must be present, and each header names the salt of the
 * preceding segment and the offset where the log ends in it. Files with lower numbers were removed
 * on purpose (a power cut may bring them back) and are ignored.
 *
 * In a segment that has a successor, every byte up to the named end was durable before the
 * successor was made: a bad record there is damage. Bytes after that end never belong to the log
 * again.
 *
 * In the newest segment, records are read until there is no whole one. That place, `end`, is one of
 * three:
 *
 *   damage    a record of this segment, before or after it, says that a higher offset was durable
 *             when it was written. A closing record always says so of everything before it.
 *   a cut     otherwise, if something was written there: bytes of a torn record, or whole records
 *             further on (pages reach a disk in any order). Bytes after `end` were not durable, and
 *             were not reported as durable; they are given up.
 *   the end   nothing was written there.
 *
 * (I3) Either visit is shown a prefix of what was appended, with everything that was durable, or an
 *      error is returned that names file and offset. Two states cannot be distinguished from those
 *      after a crash: bad bytes above the highest mark (the last group before a crash), and a
 *      newest segment that something else shortened. Both yield a shorter prefix.
 *
 * A newest segment that ends with the record NEXT has lost its successor, because NEXT is written
 * only when the successor is durable.
 *
 * Another process may be appending while a read-only opening reads. Each of its records is written
 * whole, except for the one being written now, which is all that can look bad. Before a place is
 * judged it is read again. A mark that made the place look like damage was found after that record
 * had been written whole, so the second look is certain. Segments may be added meanwhile (the walk
 * continues into them) and removed (the walk begins again if it has shown nothing yet, else the
 * caller must try again: FIRN_BUSY). The file of a removed segment may become a later segment while
 * it is open here. Its header then gets another salt before any of its bytes change, so a bad place
 * counts only if the header is still the one that was read.
 *
 * A fence (log.h) hides from such a reader what its writer has not acknowledged. The fence is asked
 * about a record only after the record was read: a record that was there when the fence has passed
 * it may be shown. One answer holds for everything that the reader had read by then. After the
 * first hidden record all are hidden, so that what is shown stays a prefix; they are still judged.
 *
 * Opening shows a prefix of the log or fails: what stands after a bad place must not be taken for a
 * state of the store. A repair of a store (fi_log_recover_salvage) looks for single facts, and
 * takes every record that is whole. Its checksum covers the segment's salt and its place, so
 * nothing that was copied, or left from an earlier use of the file, is taken for one. Salvage skips
 * a segment that cannot be read or has a bad header: its records cannot be recognised without the
 * salt. It also skips the rest of a segment that was made to be slow to search.
 *
 * All this needs no key. In an encrypted log (log_seal.c) a record is decrypted after it was found
 * whole. That its tag is wrong, or that it is in clear, is no effect of a crash: a record is
 * written only after the EPOCH that it needs, which is never overwritten, and its checksum covers
 * the tag. Salvage skips such a record. If an EPOCH is lost, the records up to the next one are
 * lost with it.
 */
#include "log/log_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"

/* ---- every record that can still be read ---- */

/* Failures that lie in the file, not in the machine. */
static bool
is_of_file(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

/* Decrypts the payload of a user's record. An EPOCH begins an epoch; END ends it: the next handle
 * begins one of its own. */
static int
decrypt_record(struct fi_log_seal *seal, const struct fi_log_format_segment *segment,
               uint64_t offset, struct fi_log_reader_record *record, firn_error *err)
{
    if (record->header.type == FI_LOG_FORMAT_EPOCH) {
        return fi_log_seal_read_epoch(seal, segment, offset, record->payload, err);
    }
    if (record->header.type == FI_LOG_FORMAT_END) {
        fi_log_seal_end(seal);
    }
    return record->header.type < FI_LOG_TYPE_USER
               ? FIRN_OK
               : fi_log_seal_decrypt(seal, segment, offset, &record->header, &record->payload, err);
}

static int
salvage_segment(struct fi_log_reader *reader, struct fi_log_seal *seal,
                int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                void *ctx, firn_error *err)
{
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    const char *path = fi_os_file_path(reader->file);
    int rc = fi_log_seal_check(seal, &reader->segment, false, path, err);
    if (rc != FIRN_OK) {
        return is_of_file(rc) ? FIRN_OK : rc;
    }
    struct fi_log_reader_search search = {.vain_bytes_max = FI_LOG_READER_VAIN_BYTES_MIN};
    for (;;) {
        struct fi_log_reader_record record;
        bool is_found;
        rc = fi_log_reader_find(reader, &offset, &search, &record, &is_found, err);
        if (rc != FIRN_OK || !is_found) {
            return is_of_file(rc) ? FIRN_OK : rc;
        }
        const uint64_t at = record.end - fi_log_format_record_room(record.header.length);
        rc = decrypt_record(seal, &reader->segment, at, &record, err);
        if (rc == FIRN_OK && record.header.type >= FI_LOG_TYPE_USER) {
            rc = visit(ctx, record.header.type, record.payload, err);
        } else if (rc == FIRN_CORRUPT) {
            rc = FIRN_OK; /* the record, not the segment */
        }
        FI_TRY_RETURN(rc);
    }
}

int
fi_log_recover_salvage(struct fi_os_dir *dir, const char *prefix,
                       int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                       void *ctx, firn_error *err)
{
    struct fi_buf numbers = {0};
    struct fi_log_seal seal;
    fi_log_seal_init(&seal, dir);
    int rc = fi_log_segment_list(dir, prefix, &numbers, err);
    for (size_t at = 0; rc == FIRN_OK && at < numbers.size; at += sizeof(uint64_t)) {
        struct fi_log_reader reader = {0};
        uint64_t number;
        memcpy(&number, numbers.data + at, sizeof number);
        rc = fi_log_reader_open(&reader, dir, prefix, number, err);
        if (rc == FIRN_OK) {
            rc = salvage_segment(&reader, &seal, visit, ctx, err);
        } else if (is_of_file(rc)) {
            rc = FIRN_OK;
        }
        fi_log_reader_close(&reader);
    }
    fi_log_seal_deinit(&seal);
    fi_buf_deinit(&numbers);
    return rc;
}

/* ---- the whole log ---- */

enum { ATTEMPTS_MAX = 8 };

struct walk {
    struct fi_os_dir *dir;
    const char *prefix;
    int (*visit)(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                 firn_error *err);
    void *ctx;
    struct fi_log_reader reader; /* of the segment that is being read */
    struct fi_log_seal seal;
    bool may_be_locked;
    struct fi_log_fence fence;
    uint64_t shown_end; /* fence hides nothing that was read in this segment before here */
    bool is_hidden;     /* the fence was reached */
    struct fi_log_position fence_at; /* what the fence said last, if it was there */
    struct fi_log_position shown;    /* the last record that visit was shown */
    struct fi_log_recover *out;
};

/* ---- records ---- */

/* A bad place in a file that has meanwhile become another segment is not damage. */
static int
check_current(struct fi_log_reader *reader, firn_error *err)
{
    bool is_current;
    int rc = fi_log_reader_is_current(reader, &is_current, err);
    if (rc == FIRN_OK && !is_current) {
        return fi_error_set(err, FIRN_BUSY, "%s was given up while the log was read",
                            fi_os_file_path(reader->file));
    }
    return rc;
}

static int
damage(const struct fi_log_reader *reader, uint64_t offset, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s: offset %" PRIu64 ": %s",
                        fi_os_file_path(reader->file), offset, what);
}

/* Checks that a verified record is one that this version can have written. */
static int
check_record(const struct fi_log_reader *reader, uint64_t offset,
             const struct fi_log_reader_record *record, firn_error *err)
{
    const struct fi_log_format_record *header = &record->header;
    bool is_own = header->type < FI_LOG_TYPE_USER;
    bool is_closing = header->type == FI_LOG_FORMAT_END || header->type == FI_LOG_FORMAT_NEXT;
    if (is_own && !is_closing && header->type != FI_LOG_FORMAT_EPOCH) {
        return fi_error_set(
            err, FIRN_NEWER,
            "%s: offset %" PRIu64 ": a record of type %u, unknown to format version %d",
            fi_os_file_path(reader->file), offset, header->type, FI_LOG_FORMAT_VERSION);
    }
    if (is_closing && (header->length != 0 || header->durable != offset)) {
        return damage(reader, offset, "a closing record that contradicts itself", err);
    }
    return FIRN_OK;
}

/* Asks the fence about a record that was just read. */
static int
pass_fence(struct walk *walk, uint64_t end, firn_error *err)
{
    if (walk->fence.ask == NULL || walk->is_hidden || end <= walk->shown_end) {
        return FIRN_OK;
    }
    const struct fi_log_reader *reader = &walk->reader;
    DCHECK(end <= reader->window_offset + reader->window.size);
    uint64_t number = reader->segment.number;
    struct fi_log_position at;
    bool is_there;
    FI_TRY_RETURN(walk->fence.ask(walk->fence.ctx, &at, &is_there, err));
    if (!is_there) {
        walk->shown_end = reader->window_offset + reader->window.size;
    } else if (at.segment != number) {
        walk->shown_end = at.segment > number ? UINT64_MAX : 0;
    } else {
        walk->shown_end = at.offset;
    }
    walk->is_hidden = end > walk->shown_end;
    walk->fence_at = at;
    return FIRN_OK;
}

static bool
is_after(struct fi_log_position a, struct fi_log_position b)
{
    return a.segment > b.segment || (a.segment == b.segment && a.offset > b.offset);
}

static int
show_record(struct walk *walk, uint64_t offset, struct fi_log_reader_record *record,
            firn_error *err)
{
    const struct fi_log_reader *reader = &walk->reader;
    firn_error failure;
    int rc = decrypt_record(&walk->seal, &reader->segment, offset, record, &failure);
    if (rc != FIRN_OK) {
        fi_error_prefix(&failure, "%s: offset %" PRIu64, fi_os_file_path(reader->file), offset);
        fi_error_copy(err, &failure);
    }
    if (rc != FIRN_OK || record->header.type < FI_LOG_TYPE_USER) {
        return rc;
    }
    rc = pass_fence(walk, record->end, err);
    if (rc != FIRN_OK || walk->is_hidden) {
        return rc;
    }
    walk->out->found.record_count++;
    struct fi_log_position position = {walk->reader.segment.number, offset};
    DCHECK(is_after(position, walk->shown)); /* (I3) */
    walk->shown = position;
    if (walk->visit == NULL || walk->seal.is_locked) {
        return FIRN_OK;
    }
    rc = walk->visit(walk->ctx, record->header.type, record->payload, position, err);
    if (rc == FI_LOG_STOP) {
        walk->out->found.record_count--;
        walk->out->last = walk->reader.segment;
        walk->out->end = offset;
        walk->out->found.was_closed_cleanly = false;
    }
    return rc;
}

/* Records where the log ends in the segment being read, which has a successor. */
static int
note_end(struct walk *walk, uint64_t end, firn_error *err)
{
    DCHECK(end >= FI_LOG_FORMAT_SEGMENT_SIZE && end % 8 == 0);
    walk->out->older_size_bytes += end;
    if (fi_buf_append_le64(&walk->out->older_ends, end) != FIRN_OK) {
        return fi_error_no_memory(err, "a log's segments");
    }
    return FIRN_OK;
}

/* ---- a segment that has a successor ---- */

static int
read_closed_segment(struct walk *walk, uint64_t end, firn_error *err)
{
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    while (offset < end) {
        struct fi_log_reader_record record;
        bool is_valid;
        FI_TRY_RETURN(fi_log_reader_read(&walk->reader, offset, &record, &is_valid, err));
        if (!is_valid) {
            FI_TRY_RETURN(check_current(&walk->reader, err));
            return damage(&walk->reader, offset, "bad bytes where a durable record stood", err);
        }
        FI_TRY_RETURN(check_record(&walk->reader, offset, &record, err));
        if (record.header.type == FI_LOG_FORMAT_NEXT || record.end > end) {
            return damage(&walk->reader, offset, "a record across the segment's end", err);
        }
        FI_TRY_RETURN(show_record(walk, offset, &record, err));
        offset = record.end;
    }
    return FIRN_OK;
}

/* ---- the newest segment ---- */

/* Reads the record at offset; if it looks bad, reads it again from the file as it is now. */
static int
read_with_second_inspect(struct walk *walk, uint64_t offset, struct fi_log_reader_record *record,
                         bool *out_is_valid, struct fi_log_reader_tail *out_tail, firn_error *err)
{
    FI_TRY_RETURN(fi_log_reader_read(&walk->reader, offset, record, out_is_valid, err));
    if (!*out_is_valid) {
        FI_TRY_RETURN(fi_log_reader_refresh(&walk->reader, err));
        FI_TRY_RETURN(fi_log_reader_tail(&walk->reader, offset, out_tail, err));
        FI_TRY_RETURN(fi_log_reader_refresh(&walk->reader, err));
        FI_TRY_RETURN(fi_log_reader_read(&walk->reader, offset, record, out_is_valid, err));
    }
    return FIRN_OK;
}

/* Decides whether the place after the last whole record is damage, a cut, or the end. */
static int
assess_end(struct walk *walk, uint64_t end, const struct fi_log_reader_tail *tail, firn_error *err)
{
    struct fi_log_recover *out = walk->out;
    uint64_t durable = tail->durable > out->durable ? tail->durable : out->durable;
    if (durable > end) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset %" PRIu64
                            ": bad bytes, in a part that was durable up to offset %" PRIu64,
                            fi_os_file_path(walk->reader.file), end, durable);
    }
    DCHECK(end % 8 == 0 && end >= FI_LOG_FORMAT_SEGMENT_SIZE);
    out->end = end;
    out->file_size_bytes = walk->reader.size_bytes;
    /* After a crash, pages of a torn record may be among old bytes in a recycled segment: these are
     * never overwritten. */
    bool is_sealed = (out->last.flags & FI_LOG_FORMAT_SEALED) != 0;
    out->needs_new_segment =
        (!tail->is_blank && !out->found.was_closed_cleanly) || is_sealed != walk->seal.encrypts;
    if (tail->has_torn_record || tail->has_later_record) {
        out->needs_new_segment = true;
        out->found.was_cut = true;
        out->found.was_closed_cleanly = false;
        out->found.cut = (struct fi_log_position){out->last.number, end};
        out->found.cut_bytes = walk->reader.size_bytes > end ? walk->reader.size_bytes - end : 0;
    }
    return FIRN_OK;
}

/* *out_goes_on: the segment ends with NEXT, at *out_end. */
static int
read_newest_segment(struct walk *walk, bool *out_goes_on, uint64_t *out_end, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_recover *out = walk->out;
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    *out_goes_on = false;
    out->last = walk->reader.segment;
    out->durable = 0;
    out->found.was_closed_cleanly = false;
    for (;;) {
        struct fi_log_reader_record record;
        struct fi_log_reader_tail tail;
        bool is_valid;
        FI_TRY(read_with_second_inspect(walk, offset, &record, &is_valid, &tail, err));
        if (!is_valid) {
            FI_TRY(check_current(&walk->reader, err));
            rc = assess_end(walk, offset, &tail, err);
            goto out;
        }
        FI_TRY(check_record(&walk->reader, offset, &record, err));
        if (record.header.type == FI_LOG_FORMAT_NEXT) {
            *out_goes_on = true;
            *out_end = offset;
            goto out;
        }
        if (record.header.durable > out->durable) {
            out->durable = record.header.durable;
        }
        out->found.was_closed_cleanly = record.header.type == FI_LOG_FORMAT_END;
        FI_TRY(show_record(walk, offset, &record, err));
        offset = record.end;
    }
out:
    return rc;
}

/* ---- the chain ---- */

/* Opens the segment after the one being read and checks that it continues it. */
static int
open_successor(struct walk *walk, struct fi_log_reader *next, firn_error *err)
{
    const struct fi_log_format_segment *segment = &walk->reader.segment;
    int rc;
    FI_TRY(fi_log_reader_open(next, walk->dir, walk->prefix, segment->number + 1, err));
    if (next->segment.previous_salt != segment->salt || next->segment.oldest < segment->oldest) {
        rc = damage(next, 32, "this segment does not continue the one before it", err);
        fi_log_reader_close(next);
    }
out:
    return rc;
}

static void
step_to(struct walk *walk, struct fi_log_reader *next)
{
    DCHECK(next->segment.number == walk->reader.segment.number + 1);
    fi_log_reader_close(&walk->reader);
    fi_log_seal_end(&walk->seal);
    walk->reader = *next;
    walk->shown_end = 0;
    *next = (struct fi_log_reader){0};
}

/* A segment is missing: another process that still writes has removed it, or it was lost. */
static int
missing_segment(struct walk *walk, uint64_t number, firn_error *err)
{
    uint64_t newest = 0;
    struct fi_log_reader reader = {0};
    int rc = FIRN_OK;
    FI_TRY(fi_log_segment_newest(walk->dir, walk->prefix, &newest, err));
    if (newest > number) {
        FI_TRY(fi_log_reader_open(&reader, walk->dir, walk->prefix, newest, err));
    }
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(walk->prefix, number, name);
    if (newest > number && reader.segment.oldest > number) {
        rc = fi_error_set(err, FIRN_BUSY, "%s/%s was removed while the log was read",
                          fi_os_dir_path(walk->dir), name);
    } else {
        rc = fi_error_set(err, FIRN_CORRUPT, "%s/%s is missing, and the log needs it",
                          fi_os_dir_path(walk->dir), name);
    }
out:
    fi_log_reader_close(&reader);
    return rc;
}

/* Reads from the open segment to the end of the log. newest is the newest segment known so far. */
static int
walk_chain(struct walk *walk, uint64_t newest, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_reader next = {0};
    bool goes_on = true;
    while (goes_on) {
        uint64_t number = walk->reader.segment.number;
        DCHECK(number <= newest);
        FI_TRY(fi_log_seal_check(&walk->seal, &walk->reader.segment, walk->may_be_locked,
                                 fi_os_file_path(walk->reader.file), err));
        uint64_t end = 0;
        bool is_read = number == newest;
        if (is_read) {
            FI_TRY(read_newest_segment(walk, &goes_on, &end, err));
        }
        if (goes_on) {
            rc = open_successor(walk, &next, err);
            if (rc == FIRN_NOT_FOUND) {
                rc = missing_segment(walk, number + 1, err);
            }
            FI_TRY(rc);
            if (!is_read) {
                FI_TRY(read_closed_segment(walk, next.segment.previous_end, err));
            } else if (next.segment.previous_end != end) {
                rc = damage(&next, 40, "the segment before ends elsewhere", err);
                goto out;
            }
            FI_TRY(note_end(walk, next.segment.previous_end, err));
            newest = number + 1 > newest ? number + 1 : newest;
            step_to(walk, &next);
        }
    }
out:
    fi_log_reader_close(&next);
    return rc;
}

/* Opens the oldest segment of the log whose newest one is `newest`. */
static int
open_oldest(struct walk *walk, uint64_t newest, firn_error *err)
{
    int rc = fi_log_reader_open(&walk->reader, walk->dir, walk->prefix, newest, err);
    uint64_t number = newest;
    if (rc == FIRN_OK && walk->reader.segment.oldest != newest) {
        number = walk->reader.segment.oldest;
        fi_log_reader_close(&walk->reader);
        rc = fi_log_reader_open(&walk->reader, walk->dir, walk->prefix, number, err);
    }
    return rc == FIRN_NOT_FOUND ? missing_segment(walk, number, err) : rc;
}

static int
log_recover_attempt(struct walk *walk, firn_error *err)
{
    uint64_t newest = 0;
    int rc = FIRN_OK;
    walk->shown_end = 0;
    walk->is_hidden = false;
    walk->shown = (struct fi_log_position){0};
    fi_log_seal_end(&walk->seal);
    FI_TRY(fi_log_segment_newest(walk->dir, walk->prefix, &newest, err));
    if (newest == 0) {
        FI_TRY(fi_log_segment_refuse_foreign(walk->dir, walk->prefix, err));
        rc = fi_error_set(err, FIRN_NOT_FOUND, "%s: there is no log '%s'",
                          fi_os_dir_path(walk->dir), walk->prefix);
        goto out;
    }
    FI_TRY(open_oldest(walk, newest, err));
    rc = walk_chain(walk, newest, err);
    /* For the visitor the log ends before the record that it was shown. */
    rc = rc == FI_LOG_STOP ? FIRN_OK : rc;
out:
    fi_log_reader_close(&walk->reader);
    return rc;
}

int
fi_log_recover_run(struct fi_os_dir *dir, const struct fi_log_options *options,
                   int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                struct fi_log_position position, firn_error *err),
                   void *ctx, struct fi_log_recover *out, firn_error *err)
{
    *out = (struct fi_log_recover){0};
    struct walk walk = {.dir = dir,
                        .prefix = options->prefix,
                        .visit = visit,
                        .ctx = ctx,
                        .out = out,
                        .fence = options->fence,
                        .may_be_locked = options->read_only && options->may_be_locked};
    fi_log_seal_init(&walk.seal, dir);
    int rc = FIRN_BUSY;
    for (int i = 0; i < ATTEMPTS_MAX && rc == FIRN_BUSY && out->found.record_count == 0; i++) {
        fi_log_recover_deinit(out);
        rc = log_recover_attempt(&walk, err);
    }
    fi_log_seal_deinit(&walk.seal);
    if (walk.is_hidden) {
        out->hidden_from = walk.fence_at;
    }
    return rc;
}

void
fi_log_recover_deinit(struct fi_log_recover *recover)
{
    fi_buf_deinit(&recover->older_ends);
    *recover = (struct fi_log_recover){0};
}
