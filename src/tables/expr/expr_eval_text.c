/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_text.c: functions of texts, and patterns.
 *
 * Characters are those of UTF-8: each byte that is no continuation byte begins one. So texts that
 * are not valid UTF-8 have a length too, and nothing reads beyond their end. upper and lower change
 * only ASCII letters.
 *
 * New texts are in one buffer. Its size is computed before the first is written, so they never
 * move, and it is limited, so that a short expression cannot use up all memory. Parts of texts are
 * borrowed from them.
 *
 * Matching a pattern of "like" only ever backtracks to the last % before the current place.
 */
#include "base/check.h"
#include "base/slice.h"
#include "expr/expr_eval.h"

enum { TEXTS_SIZE_MAX = 256 << 20 }; /* of one batch */

static inline bool
is_start(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

static int64_t
count_characters(firn_slice text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += is_start(text.data[i]) ? 1 : 0;
    }
    return count;
}

/* One past the character at `at`. */
static size_t
after_character(firn_slice text, size_t at)
{
    DCHECK(at < text.size);
    for (at++; at < text.size && !is_start(text.data[at]); at++) {
    }
    return at;
}

/* ---- patterns ---- */

static bool
is_like(firn_slice text, firn_slice pattern)
{
    size_t at = 0;
    size_t in_pattern = 0;
    size_t back_at = 0;
    size_t back_pattern = SIZE_MAX; /* after the last % */
    while (at < text.size) {
        uint8_t wanted = in_pattern < pattern.size ? pattern.data[in_pattern] : 0;
        bool has_more = in_pattern < pattern.size;
        if (has_more && wanted == '%') {
            back_pattern = ++in_pattern;
            back_at = at;
        } else if (has_more && wanted == '_') {
            at = after_character(text, at);
            in_pattern++;
        } else if (has_more && wanted == text.data[at]) {
            at++;
            in_pattern++;
        } else if (back_pattern != SIZE_MAX) {
            if (back_pattern == pattern.size) {
                return true;
            }
            back_at = after_character(text, back_at);
            at = back_at;
            in_pattern = back_pattern;
        } else {
            return false;
        }
    }
    while (in_pattern < pattern.size && pattern.data[in_pattern] == '%') {
        in_pattern++;
    }
    return in_pattern == pattern.size;
}

void
fi_expr_eval_text_match(const struct fi_expr_work *work, uint64_t *bits)
{
    bool is_prefix = work->node->op == FI_EXPR_OP_PREFIX;
    DCHECK(is_prefix || work->node->op == FI_EXPR_OP_LIKE);
    FI_EXPR_FOR_LIVE(work, row)
    {
        firn_slice text = fi_expr_eval_bytes(work, 0, row);
        firn_slice pattern = fi_expr_eval_bytes(work, 1, row);
        bool holds = is_prefix ? fi_slice_has_prefix(text, pattern) : is_like(text, pattern);
        bits[row / 64] |= (uint64_t)(holds ? 1 : 0) << row % 64;
    }
}

/* ---- new texts ---- */

/* Makes room for the texts of all rows. */
static int
make_room(struct fi_expr_work *work)
{
    size_t total = 1;
    DCHECK(work->memory->size == 0);
    FI_EXPR_FOR_LIVE(work, row)
    {
        for (uint32_t i = 0; i < work->arg_count; i++) {
            size_t size = fi_expr_eval_bytes(work, i, row).size;
            if (size > TEXTS_SIZE_MAX - total) {
                return fi_error_set(work->err, FIRN_LIMIT,
                                    "texts of %zu rows have more than %d bytes", work->count,
                                    TEXTS_SIZE_MAX);
            }
            total += size;
        }
    }
    int rc = fi_buf_reserve(work->memory, total);
    return rc == FIRN_OK ? rc : fi_error_no_memory(work->err, "values of an expression");
}

static int
concat(struct fi_expr_work *work)
{
    FI_TRY_RETURN(make_room(work));
    FI_EXPR_FOR_LIVE(work, row)
    {
        uint8_t *start = work->memory->data + work->memory->size;
        size_t size = 0;
        for (uint32_t i = 0; i < work->arg_count; i++) {
            firn_slice part = fi_expr_eval_bytes(work, i, row);
            if (part.size > 0) {
                memcpy(start + size, part.data, part.size);
            }
            size += part.size;
        }
        work->memory->size += size;
        work->out.bytes[row] = firn_bytes(start, size);
    }
    DCHECK(work->memory->size <= work->memory->capacity);
    return FIRN_OK;
}

static int
change_case(struct fi_expr_work *work)
{
    uint8_t first = work->node->op == FI_EXPR_OP_LOWER ? 'A' : 'a';
    FI_TRY_RETURN(make_room(work));
    FI_EXPR_FOR_LIVE(work, row)
    {
        firn_slice text = fi_expr_eval_bytes(work, 0, row);
        uint8_t *start = work->memory->data + work->memory->size;
        for (size_t i = 0; i < text.size; i++) {
            uint8_t byte = text.data[i];
            start[i] = (uint8_t)(byte - first) < 26 ? byte ^ 0x20 : byte;
        }
        work->memory->size += text.size;
        work->out.bytes[row] = firn_bytes(start, text.size);
    }
    DCHECK(work->memory->size <= work->memory->capacity);
    return FIRN_OK;
}

/* ---- parts ---- */

/* The characters from `from`, counted from 1, to before `end`. */
static firn_slice
part_of(firn_slice text, bool is_text, int64_t from, int64_t end)
{
    size_t start = 0;
    size_t stop = 0;
    DCHECK(from >= 1 && end >= from);
    if (!is_text) {
        int64_t size = (int64_t)text.size;
        start = (size_t)(from - 1 < size ? from - 1 : size);
        stop = (size_t)(end - 1 < size ? end - 1 : size);
        return firn_bytes(text.data + start, stop > start ? stop - start : 0);
    }
    for (int64_t i = 1; i < from && start < text.size; i++) {
        start = after_character(text, start);
    }
    stop = start;
    for (int64_t i = from; i < end && stop < text.size; i++) {
        stop = after_character(text, stop);
    }
    return firn_bytes(text.data + start, stop - start);
}

/* substr(text, from, count): places before the first character count, but have no characters; a
 * count below 0 is 0. */
static int
substr(struct fi_expr_work *work)
{
    bool is_text = work->node->type.type == FIRN_TYPE_TEXT;
    FI_EXPR_FOR_LIVE(work, row)
    {
        int64_t from = work->args[1]->as.i64[row];
        int64_t end = INT64_MAX;
        if (work->arg_count > 2) {
            int64_t count = work->args[2]->as.i64[row];
            count = count < 0 ? 0 : count;
            end = __builtin_add_overflow(from, count, &end) ? INT64_MAX : end;
        }
        from = from < 1 ? 1 : from;
        end = end < from ? from : end;
        work->out.bytes[row] = part_of(fi_expr_eval_bytes(work, 0, row), is_text, from, end);
    }
    return FIRN_OK;
}

static int
take_length(struct fi_expr_work *work)
{
    bool is_text = work->arg_nodes[0]->type.type == FIRN_TYPE_TEXT;
    FI_EXPR_FOR_LIVE(work, row)
    {
        firn_slice bytes = fi_expr_eval_bytes(work, 0, row);
        work->out.i64[row] = is_text ? count_characters(bytes) : (int64_t)bytes.size;
    }
    return FIRN_OK;
}

int
fi_expr_eval_text(struct fi_expr_work *work)
{
    switch (work->node->op) {
    case FI_EXPR_OP_LENGTH:
        return take_length(work);
    case FI_EXPR_OP_SUBSTR:
        return substr(work);
    case FI_EXPR_OP_CONCAT:
        return concat(work);
    default:
        DCHECK(work->node->op == FI_EXPR_OP_LOWER || work->node->op == FI_EXPR_OP_UPPER);
        return change_case(work);
    }
}
