/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history_format.c: encoding and decoding changes of checkpoints, and the whole history.
 *
 * A change is a record of the log beside those of commits. Before segments of the log with changes
 * are removed, MANIFEST saves the whole history: the lines with their parents and forks, so that
 * each takes a few bytes, and the checkpoints.
 *
 * Version 1 listed the intervals of each line, except for the leading ones that it had in common
 * with the line before; with alternating branches that was every interval of every line. It can
 * still be read. The tree follows from its intervals: each place where an interval of any line
 * begins is a line, listed or not, and its parent is the line whose own sequences contain the end
 * of the previous interval.
 *
 * Readers trust nothing: what they accept fulfils the invariants of history.c. Counts are checked
 * against the remaining bytes before memory is allocated; each line of the result takes some bytes
 * in either version.
 */
#include "history/history_format.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/sort.h"
#include "codec/utf8.h"
#include "storefile/storefile.h"

enum { HAS_UNDO = 1, LINE_SIZE_MIN = 3, CHECKPOINT_SIZE_MIN = FI_HISTORY_ID_SIZE + 12 };

/* ---- changes ---- */

static int
put_deleted(const struct fi_history_record *record, struct fi_buf *out)
{
    int rc = fi_buf_append_varint(out, record->deleted_count);
    return rc != FIRN_OK
               ? rc
               : fi_buf_append(out, record->deleted, record->deleted_count * FI_HISTORY_ID_SIZE);
}

int
fi_history_format_put_record(const struct fi_history_record *record, struct fi_buf *out)
{
    DCHECK(record->sequence > 0 && record->sequence <= FI_STOREFILE_SEQUENCE_MAX);
    DCHECK(record->kind != FI_HISTORY_DELETE || record->deleted_count > 0);
    DCHECK(record->kind != FI_HISTORY_CREATE || record->deleted_count == 0);
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_le64(out, record->sequence));
    FI_TRY_RETURN(fi_buf_append_u8(out, 0));
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)record->kind));
    if (record->kind != FI_HISTORY_DELETE) {
        FI_TRY_RETURN(fi_buf_append(out, record->id, FI_HISTORY_ID_SIZE));
    }
    if (record->kind == FI_HISTORY_RESTORE) {
        FI_TRY_RETURN(fi_buf_append(out, record->safety, FI_HISTORY_ID_SIZE));
    }
    if (record->kind != FI_HISTORY_DELETE) {
        FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)record->created_ns));
    }
    return record->kind == FI_HISTORY_CREATE ? fi_buf_append_sized(out, record->name)
                                             : put_deleted(record, out);
}

static bool
get_id(struct fi_reader *reader, uint8_t out[FI_HISTORY_ID_SIZE])
{
    return fi_reader_copy(reader, out, FI_HISTORY_ID_SIZE);
}

static bool
get_time(struct fi_reader *reader, int64_t *out)
{
    uint64_t bits;
    bool is_there = fi_reader_le64(reader, &bits);
    *out = is_there ? (int64_t)bits : 0;
    return is_there;
}

static bool
get_name(struct fi_reader *reader, firn_slice *out)
{
    return fi_reader_sized(reader, FI_HISTORY_NAME_SIZE_MAX, out) &&
           (out->size == 0 || memchr(out->data, 0, out->size) == NULL) && fi_utf8_is_valid(*out);
}

static bool
get_deleted(struct fi_reader *reader, struct fi_history_record *out)
{
    uint64_t count;
    firn_slice ids;
    if (!fi_reader_varint_max(reader, fi_reader_left(reader) / FI_HISTORY_ID_SIZE, &count) ||
        !fi_reader_bytes(reader, (size_t)count * FI_HISTORY_ID_SIZE, &ids)) {
        return false;
    }
    out->deleted = ids.data;
    out->deleted_count = (size_t)count;
    return out->kind == FI_HISTORY_RESTORE || count > 0;
}

static bool
get_content(struct fi_reader *reader, struct fi_history_record *out)
{
    switch (out->kind) {
    case FI_HISTORY_CREATE:
        return get_id(reader, out->id) && get_time(reader, &out->created_ns) &&
               get_name(reader, &out->name);
    case FI_HISTORY_RESTORE:
        return get_id(reader, out->id) && get_id(reader, out->safety) &&
               get_time(reader, &out->created_ns) && get_deleted(reader, out);
    case FI_HISTORY_DELETE:
    default:
        return get_deleted(reader, out);
    }
}

int
fi_history_format_get_record(firn_slice record, struct fi_history_record *out, const char **what)
{
    struct fi_reader reader = fi_reader_of(record);
    uint8_t flags;
    uint8_t kind;
    *out = (struct fi_history_record){0};
    if (!fi_reader_le64(&reader, &out->sequence) || !fi_reader_u8(&reader, &flags) ||
        !fi_reader_u8(&reader, &kind)) {
        *what = "is too short for a change of checkpoints";
        return FIRN_CORRUPT;
    }
    if (flags != 0 || kind == 0 || kind > FI_HISTORY_DELETE) {
        *what = "is a change of checkpoints of a kind that this firn does not know";
        return FIRN_NEWER;
    }
    out->kind = (enum fi_history_kind)kind;
    if (out->sequence == 0 || out->sequence > FI_STOREFILE_SEQUENCE_MAX) {
        *what = "is a change of checkpoints with an impossible sequence";
        return FIRN_CORRUPT;
    }
    if (!get_content(&reader, out) || fi_reader_left(&reader) > 0) {
        *what = "is a change of checkpoints with an impossible content";
        return FIRN_CORRUPT;
    }
    return FIRN_OK;
}

/* ---- the whole history, to bytes ---- */

static int
put_line(const struct fi_db_line *before, const struct fi_db_line *line, struct fi_buf *out)
{
    int rc;
    uint64_t above = before == NULL ? 0 : before->begin;
    uint64_t back = line->parent == NULL ? 0 : line->index - line->parent->index;
    DCHECK(above < line->first && line->first <= line->begin);
    DCHECK((line->parent == NULL) == (before == NULL));
    DCHECK(line->parent == NULL || (line->parent->index < line->index &&
                                    line->parent->first <= line->fork && line->fork < line->first));
    FI_TRY(fi_buf_append_varint(out, line->begin - above));
    FI_TRY(fi_buf_append_varint(out, line->begin - line->first));
    FI_TRY(fi_buf_append_varint(out, back));
    if (line->parent != NULL) {
        rc = fi_buf_append_varint(out, line->fork - line->parent->first);
    }
out:
    return rc;
}

static int
put_lines(const struct fi_history *history, struct fi_buf *out)
{
    size_t count = fi_history_line_count(history);
    for (size_t i = 0; i < count; i++) {
        fi_history_line(history, i)->index = i;
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, count));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(put_line(i == 0 ? NULL : fi_history_line(history, i - 1),
                               fi_history_line(history, i), out));
    }
    return FIRN_OK;
}

static int
put_checkpoint(const struct fi_db_checkpoint *checkpoint, struct fi_buf *out)
{
    DCHECK(checkpoint->sequence >= checkpoint->line->begin);
    FI_TRY_RETURN(fi_buf_append(out, checkpoint->id, FI_HISTORY_ID_SIZE));
    FI_TRY_RETURN(fi_buf_append_varint(out, checkpoint->number));
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)checkpoint->created_ns));
    FI_TRY_RETURN(fi_buf_append_varint(out, checkpoint->line->index));
    FI_TRY_RETURN(fi_buf_append_varint(out, checkpoint->sequence - checkpoint->line->begin));
    if (fi_history_is_safety(checkpoint)) {
        FI_TRY_RETURN(fi_buf_append(out, checkpoint->restored, FI_HISTORY_ID_SIZE));
    }
    return fi_buf_append_sized(out, firn_str(checkpoint->name));
}

int
fi_history_format_put(const struct fi_history *history, struct fi_buf *out)
{
    DCHECK(history->now != NULL && history->next_number > 0);
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_u8(out, FI_HISTORY_FORMAT_VERSION));
    FI_TRY_RETURN(fi_buf_append_le64(out, history->sequence));
    FI_TRY_RETURN(fi_buf_append_u8(out, history->has_undo ? HAS_UNDO : 0));
    FI_TRY_RETURN(fi_buf_append(out, history->undo, FI_HISTORY_ID_SIZE));
    FI_TRY_RETURN(fi_buf_append_varint(out, history->next_number));
    FI_TRY_RETURN(put_lines(history, out));
    FI_TRY_RETURN(fi_buf_append_varint(out, history->now->index));
    FI_TRY_RETURN(fi_buf_append_varint(out, fi_history_count(history)));
    for (size_t i = 0; i < fi_history_count(history); i++) {
        FI_TRY_RETURN(put_checkpoint(fi_history_at(history, i), out));
    }
    return FIRN_OK;
}

/* ---- the whole history, from bytes ---- */

struct decoder {
    struct fi_reader reader;
    struct fi_history *history;
    uint8_t version;
    struct fi_buf told; /* of struct fi_db_line *: the lines in the order of the bytes */
    firn_error *err;
};

static int
history_format_refuse(struct decoder *decoder, const char *what)
{
    return fi_error_set(decoder->err, FIRN_CORRUPT, "the list of checkpoints has a bad %s", what);
}

static int
refuse_memory(struct decoder *decoder)
{
    return fi_error_no_memory(decoder->err, "the history of a store");
}

static size_t
count_told(const struct decoder *decoder)
{
    return decoder->told.size / sizeof(struct fi_db_line *);
}

static struct fi_db_line *
told_line(const struct decoder *decoder, uint64_t i)
{
    DCHECK(i < count_told(decoder));
    return ((struct fi_db_line **)(void *)decoder->told.data)[i];
}

/* Registers the line that was added last as the next listed one. */
static int
report_last(struct decoder *decoder)
{
    const struct fi_history *history = decoder->history;
    struct fi_db_line *line = fi_history_line(history, fi_history_line_count(history) - 1);
    line->index = fi_history_line_count(history) - 1;
    return fi_buf_append(&decoder->told, &line, sizeof(struct fi_db_line *)) == FIRN_OK
               ? FIRN_OK
               : refuse_memory(decoder);
}

static uint64_t
sequence_max(const struct decoder *decoder)
{
    return decoder->history->sequence > 0 ? decoder->history->sequence : 1;
}

/* The final end of a line's own sequences: before the next line's first. */
static uint64_t
end_of(const struct fi_history *history, const struct fi_db_line *line)
{
    DCHECK(line->index < fi_history_line_count(history));
    return line->index + 1 < fi_history_line_count(history)
               ? fi_history_line(history, (size_t)line->index + 1)->first - 1
               : UINT64_MAX;
}

/* ---- lines of version 2 ---- */

static int
get_line(struct decoder *decoder)
{
    const struct fi_history *history = decoder->history;
    struct fi_reader *reader = &decoder->reader;
    size_t place = count_told(decoder);
    const struct fi_db_line *before = place > 0 ? told_line(decoder, place - 1) : NULL;
    uint64_t last = before != NULL ? before->begin : 0;
    struct fi_db_line line = {0};
    uint64_t gap;
    uint64_t joined;
    uint64_t back;
    uint64_t fork = 0;
    if (last >= sequence_max(decoder) ||
        !fi_reader_varint_max(reader, sequence_max(decoder) - last, &gap) || gap == 0 ||
        !fi_reader_varint_max(reader, gap - 1, &joined) ||
        !fi_reader_varint_max(reader, place, &back) || (back == 0) != (place == 0) ||
        (place == 0 && joined + 1 != gap) ||
        (place > 0 && !fi_reader_varint_max(reader, FI_STOREFILE_SEQUENCE_MAX, &fork))) {
        return history_format_refuse(decoder, "line");
    }
    line.begin = last + gap;
    line.first = line.begin - joined;
    if (place > 0) {
        line.parent = told_line(decoder, place - back);
        line.fork = line.parent->first + fork;
        if (line.fork < fork) { /* beyond the largest number */
            return history_format_refuse(decoder, "line");
        }
        uint64_t end = end_of(history, line.parent);
        if (line.fork >= line.first || line.fork > end ||
            line.parent->count + (line.fork + 1 < line.first) > FI_HISTORY_INTERVALS_MAX) {
            return history_format_refuse(decoder, "line");
        }
    }
    int rc = fi_history_add_line(decoder->history, &line, decoder->err);
    return rc == FIRN_OK ? report_last(decoder) : rc;
}

/* ---- lines of version 1 ---- */

/* A line that the bytes list, or that an interval begins with. */
struct found_line {
    uint64_t first;
    uint64_t below; /* the end of the previous interval; 0: none */
    bool is_told;
};

/* Reads the intervals of a line from number `common` on; only the last one has no end. */
static bool
get_intervals(struct fi_reader *reader, struct fi_snapshot_interval *intervals, size_t common,
              size_t count)
{
    DCHECK(intervals != NULL);
    for (size_t i = common; i < count; i++) {
        uint64_t end = i == 0 ? 0 : intervals[i - 1].last;
        uint64_t gap;
        uint64_t length;
        if (!fi_reader_varint_max(reader, FI_STOREFILE_SEQUENCE_MAX - end, &gap) ||
            gap < (i == 0 ? 1 : 2) || !fi_reader_varint(reader, &length)) {
            return false;
        }
        uint64_t first = end + gap;
        bool is_open = i + 1 == count;
        if (is_open ? length != 0 : length == 0 || length > FI_STOREFILE_SEQUENCE_MAX - first) {
            return false;
        }
        intervals[i] =
            (struct fi_snapshot_interval){first, is_open ? UINT64_MAX : first + length - 1};
    }
    return true;
}

/* Collects the lines that the intervals of one line imply, from number `common` on. */
static int
find_lines(struct decoder *decoder, const struct fi_buf *intervals, size_t common, uint64_t begin,
           struct fi_buf *found)
{
    const struct fi_snapshot_interval *of = (const void *)intervals->data;
    size_t count = intervals->size / sizeof *of;
    for (size_t i = common; i < count; i++) {
        const struct found_line line = {of[i].first, i == 0 ? 0 : of[i - 1].last,
                                        i + 1 == count && of[i].first == begin};
        if (fi_buf_append(found, &line, sizeof line) != FIRN_OK) {
            return refuse_memory(decoder);
        }
    }
    const struct found_line joined = {begin, begin - 1, true};
    if (of[count - 1].first < begin && fi_buf_append(found, &joined, sizeof joined) != FIRN_OK) {
        return refuse_memory(decoder);
    }
    return FIRN_OK;
}

/* Reads one line; intervals has those of the previous line. */
static int
get_old_line(struct decoder *decoder, uint64_t *begin_before, struct fi_buf *intervals,
             struct fi_buf *found)
{
    struct fi_reader *reader = &decoder->reader;
    size_t before = intervals->size / sizeof(struct fi_snapshot_interval);
    uint64_t begin;
    uint64_t common;
    uint64_t others;
    if (!fi_reader_varint_max(reader, sequence_max(decoder), &begin) || begin <= *begin_before ||
        !fi_reader_varint_max(reader, before > 0 ? before - 1 : 0, &common) ||
        !fi_reader_varint_max(reader, fi_reader_left(reader) / 2, &others) || others == 0 ||
        common + others > FI_HISTORY_INTERVALS_MAX) {
        return history_format_refuse(decoder, "line");
    }
    size_t count = (size_t)(common + others);
    size_t size = count * sizeof(struct fi_snapshot_interval);
    if (size > intervals->size && fi_buf_reserve(intervals, size - intervals->size) != FIRN_OK) {
        return refuse_memory(decoder);
    }
    intervals->size = size;
    struct fi_snapshot_interval *of = (void *)intervals->data;
    DCHECK(of != NULL && count > 0); /* others > 0 */
    if (!get_intervals(reader, of, (size_t)common, count) || of[count - 1].first > begin ||
        of[0].first != 1) {
        return history_format_refuse(decoder, "line");
    }
    *begin_before = begin;
    return find_lines(decoder, intervals, (size_t)common, begin, found);
}

static int
compare_found(const void *a, const void *b)
{
    const struct found_line *x = a;
    const struct found_line *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* The line whose own sequences contain this one. */
static struct fi_db_line *
find_owner(const struct fi_history *history, uint64_t sequence)
{
    size_t low = 1;
    size_t high = fi_history_line_count(history);
    DCHECK(high > 0 && fi_history_line(history, 0)->first <= sequence);
    FI_SEARCH_FIRST(low, high, middle, fi_history_line(history, middle)->first <= sequence);
    return fi_history_line(history, low - 1);
}

/* Adds lines for all that were found; several intervals may begin with the same one. */
static int
add_found(struct decoder *decoder, struct fi_buf *found)
{
    struct found_line *all = (void *)found->data;
    size_t count = found->size / sizeof *all;
    fi_sort(all, count, sizeof *all, compare_found);
    for (size_t i = 0; i < count; i++) {
        bool is_told = all[i].is_told;
        for (; i + 1 < count && all[i + 1].first == all[i].first; i++) {
            is_told |= all[i + 1].is_told;
            if (all[i + 1].below != all[i].below) {
                return history_format_refuse(decoder, "line");
            }
        }
        struct fi_db_line line = {.first = all[i].first, .begin = all[i].first};
        if (all[i].below > 0) {
            line.parent = find_owner(decoder->history, all[i].below);
            line.fork = all[i].below;
        }
        int rc = fi_history_add_line(decoder->history, &line, decoder->err);
        if (rc == FIRN_OK && is_told) {
            rc = report_last(decoder);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static int
get_old_lines(struct decoder *decoder, uint64_t count)
{
    struct fi_buf intervals = {0};
    struct fi_buf found = {0};
    uint64_t begin = 0;
    int rc = FIRN_OK;
    for (uint64_t i = 0; i < count; i++) {
        FI_TRY(get_old_line(decoder, &begin, &intervals, &found));
    }
    FI_TRY(add_found(decoder, &found));
    for (size_t i = 0; i < fi_history_line_count(decoder->history); i++) {
        fi_history_line(decoder->history, i)->index = i;
    }
    CHECK(count_told(decoder) == count);
out:
    fi_buf_deinit(&intervals);
    fi_buf_deinit(&found);
    return rc;
}

static int
get_lines(struct decoder *decoder)
{
    struct fi_reader *reader = &decoder->reader;
    uint64_t count;
    uint64_t now;
    if (!fi_reader_varint_max(reader, fi_reader_left(reader) / LINE_SIZE_MIN, &count) ||
        count == 0) {
        return history_format_refuse(decoder, "count of lines");
    }
    if (decoder->version == 1) {
        FI_TRY_RETURN(get_old_lines(decoder, count));
    }
    for (uint64_t i = 0; i < count && decoder->version > 1; i++) {
        FI_TRY_RETURN(get_line(decoder));
    }
    if (!fi_reader_varint_max(reader, count - 1, &now)) {
        return history_format_refuse(decoder, "line of now");
    }
    return fi_history_begin_now(decoder->history, told_line(decoder, now), decoder->err);
}

/* ---- checkpoints ---- */

static int
get_checkpoint(struct decoder *decoder, uint64_t sequence_min)
{
    struct fi_history *history = decoder->history;
    struct fi_reader *reader = &decoder->reader;
    struct fi_db_checkpoint read = {0};
    uint64_t place;
    uint64_t above;
    firn_slice name;
    if (!get_id(reader, read.id) ||
        !fi_reader_varint_max(reader, history->next_number - 1, &read.number) ||
        !get_time(reader, &read.created_ns) ||
        !fi_reader_varint_max(reader, count_told(decoder) - 1, &place) ||
        !fi_reader_varint_max(reader, UINT64_MAX - told_line(decoder, place)->begin, &above) ||
        (fi_history_is_safety(&read) && !get_id(reader, read.restored)) ||
        !get_name(reader, &name)) {
        return history_format_refuse(decoder, "checkpoint");
    }
    read.line = told_line(decoder, place);
    read.sequence = read.line->begin + above;
    if (read.sequence > history->sequence || read.sequence < sequence_min ||
        read.sequence > end_of(history, read.line)) {
        return history_format_refuse(decoder, "sequence of a checkpoint");
    }
    struct fi_db_checkpoint *checkpoint = fi_alloc_zeroed(sizeof *checkpoint + name.size + 1);
    if (checkpoint == NULL || fi_history_find_reserve(history) != FIRN_OK ||
        fi_buf_append(&history->checkpoints, &checkpoint, sizeof(struct fi_db_checkpoint *)) !=
            FIRN_OK) {
        fi_free(checkpoint);
        return refuse_memory(decoder);
    }
    *checkpoint = read;
    if (name.size > 0) {
        memcpy(checkpoint->name, name.data, name.size);
    }
    checkpoint->line->checkpoints++;
    fi_history_find_add(history, checkpoint);
    return FIRN_OK;
}

static int
get_checkpoints(struct decoder *decoder)
{
    struct fi_reader *reader = &decoder->reader;
    uint64_t count;
    uint64_t sequence = 0;
    if (!fi_reader_varint_max(reader, fi_reader_left(reader) / CHECKPOINT_SIZE_MIN, &count) ||
        count > FI_HISTORY_CHECKPOINTS_MAX) {
        return history_format_refuse(decoder, "count of checkpoints");
    }
    for (uint64_t i = 0; i < count; i++) {
        int rc = get_checkpoint(decoder, sequence);
        if (rc != FIRN_OK) {
            return rc;
        }
        sequence = fi_history_at(decoder->history, (size_t)i)->sequence;
    }
    return FIRN_OK;
}

static int
get_header(struct decoder *decoder)
{
    struct fi_history *history = decoder->history;
    struct fi_reader *reader = &decoder->reader;
    uint8_t flags;
    if (!fi_reader_le64(reader, &history->sequence) ||
        history->sequence > FI_STOREFILE_SEQUENCE_MAX || !fi_reader_u8(reader, &flags) ||
        flags > HAS_UNDO || !get_id(reader, history->undo) ||
        !fi_reader_varint(reader, &history->next_number) || history->next_number == 0) {
        return history_format_refuse(decoder, "header");
    }
    history->has_undo = flags == HAS_UNDO;
    history->saved_sequence = history->sequence;
    return FIRN_OK;
}

int
fi_history_format_get(firn_slice bytes, struct fi_history *out, firn_error *err)
{
    struct decoder decoder = {.reader = fi_reader_of(bytes), .history = out, .err = err};
    int rc;
    if (!fi_reader_u8(&decoder.reader, &decoder.version) || decoder.version == 0) {
        return history_format_refuse(&decoder, "version");
    }
    if (decoder.version > FI_HISTORY_FORMAT_VERSION) {
        return fi_error_set(err, FIRN_NEWER,
                            "the list of checkpoints has format version %u; this firn reads "
                            "versions up to %d",
                            decoder.version, FI_HISTORY_FORMAT_VERSION);
    }
    FI_TRY(get_header(&decoder));
    FI_TRY(get_lines(&decoder));
    FI_TRY(get_checkpoints(&decoder));
    FI_TRY(fi_reader_left(&decoder.reader) > 0 ? history_format_refuse(&decoder, "length")
                                               : FIRN_OK);
    fi_history_release_lines(out);
    DCHECK(out->now != NULL && out->found_count == fi_history_count(out));
out:
    fi_buf_deinit(&decoder.told);
    return rc;
}
