/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_history_format.c: changes of checkpoints, and all of them, as bytes and back.
 *
 * A change is a record of the log beside those of commits. When the log is given up, MANIFEST keeps
 * the whole history in its place. There lines repeat what the lines before them have: a line that
 * continues another, as after a restore of something recent, has all of its intervals but the last
 * in common with it, and tells only how many these are. So a thousand restores behind each other
 * take a few bytes each.
 *
 * Only lines that something stands on are kept: now, or a checkpoint.
 *
 * Readers trust nothing: what they accept fulfils the invariants of db_history.c. Counts are held
 * against the bytes that are left before memory is taken; a line's intervals, which may be common
 * with the line before, against the limit, and all of them together against INTERVALS_MAX, so that
 * a few bytes cannot ask for much memory.
 */
#include "store/db_history_format.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "codec/utf8.h"
#include "store/db_format.h"

enum {
    HAS_UNDO = 1,
    LINE_SIZE_MIN = 5,
    CHECKPOINT_SIZE_MIN = FIRN_DB_HISTORY_ID_SIZE + 12,
    INTERVALS_MAX = 1 << 24 /* of all lines */
};

/* ---- changes ---- */

static int
put_deleted(const struct firn_db_history_record *record, struct firn_buf *out)
{
    int rc = firn_buf_append_varint(out, record->deleted_count);
    return rc != FIRN_OK ? rc
                         : firn_buf_append(out, record->deleted,
                                           record->deleted_count * FIRN_DB_HISTORY_ID_SIZE);
}

static int
put_sized(firn_slice slice, struct firn_buf *out)
{
    int rc = firn_buf_append_varint(out, slice.size);
    return rc != FIRN_OK ? rc : firn_buf_append_slice(out, slice);
}

int
firn_db_history_format_put_record(const struct firn_db_history_record *record, struct firn_buf *out)
{
    int rc;
    firn_buf_clear(out);
    FIRN_TRY(firn_buf_append_le64(out, record->sequence));
    FIRN_TRY(firn_buf_append_u8(out, 0));
    FIRN_TRY(firn_buf_append_u8(out, (uint8_t)record->kind));
    if (record->kind != FIRN_DB_HISTORY_DELETE) {
        FIRN_TRY(firn_buf_append(out, record->id, FIRN_DB_HISTORY_ID_SIZE));
    }
    if (record->kind == FIRN_DB_HISTORY_RESTORE) {
        FIRN_TRY(firn_buf_append(out, record->safety, FIRN_DB_HISTORY_ID_SIZE));
    }
    if (record->kind != FIRN_DB_HISTORY_DELETE) {
        FIRN_TRY(firn_buf_append_le64(out, (uint64_t)record->created_ns));
    }
    FIRN_TRY(record->kind == FIRN_DB_HISTORY_CREATE ? put_sized(record->name, out)
                                                    : put_deleted(record, out));
out:
    return rc;
}

static bool
get_id(struct firn_reader *reader, uint8_t out[FIRN_DB_HISTORY_ID_SIZE])
{
    return firn_reader_copy(reader, out, FIRN_DB_HISTORY_ID_SIZE);
}

static bool
get_time(struct firn_reader *reader, int64_t *out)
{
    uint64_t bits;
    bool is_there = firn_reader_le64(reader, &bits);
    *out = is_there ? (int64_t)bits : 0;
    return is_there;
}

static bool
get_name(struct firn_reader *reader, firn_slice *out)
{
    return firn_reader_sized(reader, FIRN_DB_HISTORY_NAME_SIZE_MAX, out) &&
           (out->size == 0 || memchr(out->data, 0, out->size) == NULL) && firn_utf8_is_valid(*out);
}

static bool
get_deleted(struct firn_reader *reader, struct firn_db_history_record *out)
{
    uint64_t count;
    firn_slice ids;
    if (!firn_reader_varint_max(reader, firn_reader_left(reader) / FIRN_DB_HISTORY_ID_SIZE,
                                &count) ||
        !firn_reader_bytes(reader, (size_t)count * FIRN_DB_HISTORY_ID_SIZE, &ids)) {
        return false;
    }
    out->deleted = ids.data;
    out->deleted_count = (size_t)count;
    return out->kind == FIRN_DB_HISTORY_RESTORE || count > 0;
}

static bool
get_content(struct firn_reader *reader, struct firn_db_history_record *out)
{
    switch (out->kind) {
    case FIRN_DB_HISTORY_CREATE:
        return get_id(reader, out->id) && get_time(reader, &out->created_ns) &&
               get_name(reader, &out->name);
    case FIRN_DB_HISTORY_RESTORE:
        return get_id(reader, out->id) && get_id(reader, out->safety) &&
               get_time(reader, &out->created_ns) && get_deleted(reader, out);
    case FIRN_DB_HISTORY_DELETE:
    default:
        return get_deleted(reader, out);
    }
}

int
firn_db_history_format_get_record(firn_slice record, struct firn_db_history_record *out,
                                  const char **what)
{
    struct firn_reader reader = firn_reader_of(record);
    uint8_t flags;
    uint8_t kind;
    *out = (struct firn_db_history_record){0};
    if (!firn_reader_le64(&reader, &out->sequence) || !firn_reader_u8(&reader, &flags) ||
        !firn_reader_u8(&reader, &kind)) {
        *what = "is too short for a change of checkpoints";
        return FIRN_CORRUPT;
    }
    if (flags != 0 || kind == 0 || kind > FIRN_DB_HISTORY_DELETE) {
        *what = "is a change of checkpoints of a kind that this firn does not know";
        return FIRN_NEWER;
    }
    out->kind = (enum firn_db_history_kind)kind;
    if (out->sequence == 0 || out->sequence > FIRN_DB_FORMAT_SEQUENCE_MAX) {
        *what = "is a change of checkpoints with an impossible sequence";
        return FIRN_CORRUPT;
    }
    if (!get_content(&reader, out) || firn_reader_left(&reader) > 0) {
        *what = "is a change of checkpoints with an impossible content";
        return FIRN_CORRUPT;
    }
    return FIRN_OK;
}

/* ---- all of it, to bytes ---- */

static struct firn_db_line *
line_of(const struct firn_db_history *history, size_t i)
{
    return ((struct firn_db_line **)(void *)history->lines.data)[i];
}

static size_t
count_lines(const struct firn_db_history *history)
{
    return history->lines.size / sizeof(struct firn_db_line *);
}

static bool
is_kept(const struct firn_db_history *history, const struct firn_db_line *line)
{
    return line->checkpoints > 0 ||
           line == atomic_load_explicit(&history->now, memory_order_relaxed);
}

/* Leading intervals that both have, but for their last ones. */
static size_t
count_common(const struct firn_db_line *before, const struct firn_db_line *line)
{
    size_t count = 0;
    if (before == NULL) {
        return 0;
    }
    while (count + 1 < before->count && count + 1 < line->count &&
           before->intervals[count].first == line->intervals[count].first &&
           before->intervals[count].last == line->intervals[count].last) {
        count++;
    }
    return count;
}

static int
put_line(const struct firn_db_line *before, const struct firn_db_line *line, struct firn_buf *out)
{
    int rc;
    size_t common = count_common(before, line);
    FIRN_TRY(firn_buf_append_varint(out, line->begin));
    FIRN_TRY(firn_buf_append_varint(out, common));
    FIRN_TRY(firn_buf_append_varint(out, line->count - common));
    for (size_t i = common; i < line->count; i++) {
        const struct firn_view_interval *interval = &line->intervals[i];
        uint64_t end = i == 0 ? 0 : line->intervals[i - 1].last;
        bool is_open = i + 1 == line->count;
        FIRN_TRY(firn_buf_append_varint(out, interval->first - end));
        FIRN_TRY(firn_buf_append_varint(out, is_open ? 0 : interval->last - interval->first + 1));
    }
out:
    return rc;
}

static int
put_lines(const struct firn_db_history *history, struct firn_buf *out)
{
    int rc;
    const struct firn_db_line *before = NULL;
    uint64_t count = 0;
    for (size_t i = 0; i < count_lines(history); i++) {
        line_of(history, i)->index = count;
        count += is_kept(history, line_of(history, i));
    }
    FIRN_TRY(firn_buf_append_varint(out, count));
    for (size_t i = 0; i < count_lines(history); i++) {
        if (is_kept(history, line_of(history, i))) {
            FIRN_TRY(put_line(before, line_of(history, i), out));
            before = line_of(history, i);
        }
    }
out:
    return rc;
}

static int
put_checkpoint(const struct firn_db_checkpoint *checkpoint, struct firn_buf *out)
{
    int rc;
    FIRN_TRY(firn_buf_append(out, checkpoint->id, FIRN_DB_HISTORY_ID_SIZE));
    FIRN_TRY(firn_buf_append_varint(out, checkpoint->number));
    FIRN_TRY(firn_buf_append_le64(out, (uint64_t)checkpoint->created_ns));
    FIRN_TRY(firn_buf_append_varint(out, checkpoint->line->index));
    FIRN_TRY(firn_buf_append_varint(out, checkpoint->sequence - checkpoint->line->begin));
    if (firn_db_history_is_safety(checkpoint)) {
        FIRN_TRY(firn_buf_append(out, checkpoint->restored, FIRN_DB_HISTORY_ID_SIZE));
    }
    FIRN_TRY(put_sized(firn_str(checkpoint->name), out));
out:
    return rc;
}

int
firn_db_history_format_put(const struct firn_db_history *history, struct firn_buf *out)
{
    int rc;
    firn_buf_clear(out);
    FIRN_TRY(firn_buf_append_u8(out, FIRN_DB_HISTORY_FORMAT_VERSION));
    FIRN_TRY(firn_buf_append_le64(out, history->sequence));
    FIRN_TRY(firn_buf_append_u8(out, history->has_undo ? HAS_UNDO : 0));
    FIRN_TRY(firn_buf_append(out, history->undo, FIRN_DB_HISTORY_ID_SIZE));
    FIRN_TRY(firn_buf_append_varint(out, history->next_number));
    FIRN_TRY(put_lines(history, out));
    FIRN_TRY(firn_buf_append_varint(
        out, atomic_load_explicit(&history->now, memory_order_relaxed)->index));
    FIRN_TRY(firn_buf_append_varint(out, firn_db_history_count(history)));
    for (size_t i = 0; i < firn_db_history_count(history); i++) {
        FIRN_TRY(put_checkpoint(firn_db_history_at(history, i), out));
    }
out:
    return rc;
}

/* ---- all of it, from bytes ---- */

struct decoder {
    struct firn_reader reader;
    struct firn_db_history *history;
    uint64_t interval_count; /* of all lines so far */
    firn_error *err;
};

static int
refuse(struct decoder *decoder, const char *what)
{
    return firn_error_set(decoder->err, FIRN_CORRUPT, "the list of checkpoints has a bad %s", what);
}

static int
refuse_memory(struct decoder *decoder)
{
    return firn_error_no_memory(decoder->err, "the history of a store");
}

/* Reads the intervals of a line from number `common` on. */
static bool
get_intervals(struct firn_reader *reader, struct firn_db_line *line, size_t common)
{
    for (size_t i = common; i < line->count; i++) {
        uint64_t end = i == 0 ? 0 : line->intervals[i - 1].last;
        uint64_t gap;
        uint64_t length;
        if (!firn_reader_varint_max(reader, FIRN_DB_FORMAT_SEQUENCE_MAX - end, &gap) ||
            gap < (i == 0 ? 1 : 2) || !firn_reader_varint(reader, &length)) {
            return false;
        }
        uint64_t first = end + gap;
        bool is_open = i + 1 == line->count;
        if (is_open ? length != 0 : length == 0 || length > FIRN_DB_FORMAT_SEQUENCE_MAX - first) {
            return false;
        }
        line->intervals[i] =
            (struct firn_view_interval){first, is_open ? UINT64_MAX : first + length - 1};
    }
    return true;
}

static int
get_line(struct decoder *decoder)
{
    struct firn_db_history *history = decoder->history;
    struct firn_reader *reader = &decoder->reader;
    size_t place = count_lines(history);
    const struct firn_db_line *before = place > 0 ? line_of(history, place - 1) : NULL;
    uint64_t begin;
    uint64_t common;
    uint64_t others;
    if (!firn_reader_varint_max(reader, history->sequence > 0 ? history->sequence : 1, &begin) ||
        begin <= (before != NULL ? before->begin : 0) ||
        !firn_reader_varint_max(reader, before != NULL ? before->count - 1 : 0, &common) ||
        !firn_reader_varint_max(reader, firn_reader_left(reader) / 2, &others) || others == 0 ||
        common + others > FIRN_DB_HISTORY_INTERVALS_MAX) {
        return refuse(decoder, "line");
    }
    decoder->interval_count += common + others;
    if (decoder->interval_count > INTERVALS_MAX) {
        return refuse(decoder, "count of intervals");
    }
    size_t count = (size_t)(common + others);
    struct firn_db_line *line = firn_db_history_create_line(count);
    if (line == NULL ||
        firn_buf_append(&history->lines, &line, sizeof(struct firn_db_line *)) != FIRN_OK) {
        firn_free(line);
        return refuse_memory(decoder);
    }
    line->begin = begin;
    line->count = count;
    if (common > 0) {
        memcpy(line->intervals, before->intervals, (size_t)common * sizeof line->intervals[0]);
    }
    bool is_good =
        get_intervals(reader, line, (size_t)common) && line->intervals[count - 1].first <= begin;
    if (!is_good) {
        return refuse(decoder, "line");
    }
    firn_db_history_guide_line(line);
    return FIRN_OK;
}

static int
get_lines(struct decoder *decoder)
{
    struct firn_reader *reader = &decoder->reader;
    uint64_t count;
    uint64_t now;
    if (!firn_reader_varint_max(reader, firn_reader_left(reader) / LINE_SIZE_MIN, &count) ||
        count == 0) {
        return refuse(decoder, "count of lines");
    }
    for (uint64_t i = 0; i < count; i++) {
        int rc = get_line(decoder);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (!firn_reader_varint_max(reader, count - 1, &now)) {
        return refuse(decoder, "line of now");
    }
    struct firn_db_line *line = line_of(decoder->history, (size_t)now);
    line->was_now = true;
    atomic_init(&decoder->history->now, line);
    return FIRN_OK;
}

static int
get_checkpoint(struct decoder *decoder, uint64_t sequence_min)
{
    struct firn_db_history *history = decoder->history;
    struct firn_reader *reader = &decoder->reader;
    struct firn_db_checkpoint read = {0};
    uint64_t place;
    uint64_t above;
    firn_slice name;
    if (!get_id(reader, read.id) ||
        !firn_reader_varint_max(reader, history->next_number - 1, &read.number) ||
        !get_time(reader, &read.created_ns) ||
        !firn_reader_varint_max(reader, count_lines(history) - 1, &place) ||
        !firn_reader_varint_max(reader, UINT64_MAX - line_of(history, (size_t)place)->begin,
                                &above) ||
        (firn_db_history_is_safety(&read) && !get_id(reader, read.restored)) ||
        !get_name(reader, &name)) {
        return refuse(decoder, "checkpoint");
    }
    read.line = line_of(history, (size_t)place);
    read.sequence = read.line->begin + above;
    if (read.sequence > history->sequence || read.sequence < sequence_min) {
        return refuse(decoder, "sequence of a checkpoint");
    }
    struct firn_db_checkpoint *checkpoint = firn_alloc_zeroed(sizeof *checkpoint + name.size + 1);
    if (checkpoint == NULL || firn_buf_append(&history->checkpoints, &checkpoint,
                                              sizeof(struct firn_db_checkpoint *)) != FIRN_OK) {
        firn_free(checkpoint);
        return refuse_memory(decoder);
    }
    *checkpoint = read;
    if (name.size > 0) {
        memcpy(checkpoint->name, name.data, name.size);
    }
    checkpoint->line->checkpoints++;
    return FIRN_OK;
}

static int
get_checkpoints(struct decoder *decoder)
{
    struct firn_reader *reader = &decoder->reader;
    uint64_t count;
    uint64_t sequence = 0;
    if (!firn_reader_varint_max(reader, firn_reader_left(reader) / CHECKPOINT_SIZE_MIN, &count) ||
        count > FIRN_DB_HISTORY_CHECKPOINTS_MAX) {
        return refuse(decoder, "count of checkpoints");
    }
    for (uint64_t i = 0; i < count; i++) {
        int rc = get_checkpoint(decoder, sequence);
        if (rc != FIRN_OK) {
            return rc;
        }
        sequence = firn_db_history_at(decoder->history, (size_t)i)->sequence;
    }
    return FIRN_OK;
}

static int
get_header(struct decoder *decoder)
{
    struct firn_db_history *history = decoder->history;
    struct firn_reader *reader = &decoder->reader;
    uint8_t flags;
    if (!firn_reader_le64(reader, &history->sequence) ||
        history->sequence > FIRN_DB_FORMAT_SEQUENCE_MAX || !firn_reader_u8(reader, &flags) ||
        flags > HAS_UNDO || !get_id(reader, history->undo) ||
        !firn_reader_varint(reader, &history->next_number) || history->next_number == 0) {
        return refuse(decoder, "header");
    }
    history->has_undo = flags == HAS_UNDO;
    history->saved_sequence = history->sequence;
    return FIRN_OK;
}

int
firn_db_history_format_get(firn_slice bytes, struct firn_db_history *out, firn_error *err)
{
    struct decoder decoder = {.reader = firn_reader_of(bytes), .history = out, .err = err};
    uint8_t version;
    int rc;
    if (!firn_reader_u8(&decoder.reader, &version) || version == 0) {
        return refuse(&decoder, "version");
    }
    if (version > FIRN_DB_HISTORY_FORMAT_VERSION) {
        return firn_error_set(err, FIRN_NEWER,
                              "the list of checkpoints has format version %u; this firn reads "
                              "versions up to %d",
                              version, FIRN_DB_HISTORY_FORMAT_VERSION);
    }
    FIRN_TRY(get_header(&decoder));
    FIRN_TRY(get_lines(&decoder));
    FIRN_TRY(get_checkpoints(&decoder));
    rc = firn_reader_left(&decoder.reader) > 0 ? refuse(&decoder, "length") : FIRN_OK;
out:
    return rc;
}
