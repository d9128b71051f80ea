/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_origin.c: encoding and decoding the origin of a run.
 *
 * The bytes are not trusted. Every origin has one encoding: bytes that decode are encoded to the
 * same bytes again.
 */
#include "run/run_kind.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"

enum { HEAD_SIZE = 8, FLAG_LAST = 1 };

/* As MANIFEST has them. */
#define NUMBER_MAX ((UINT64_C(1) << 62) - 1)

/* What every origin that a builder writes satisfies, apart from its lists. */
static bool
is_sound(const struct fi_run_origin *origin)
{
    bool is_scratch = origin->kind == FI_RUN_ORIGIN_SCRATCH;
    bool is_nothing = origin->tree == 0 && origin->flushed == 0 && origin->work == 0 &&
                      origin->part == 0 && !origin->is_last && origin->gone_count == 0;
    return (is_scratch ? is_nothing : origin->work > 0 && origin->work <= NUMBER_MAX) &&
           (origin->kind == FI_RUN_ORIGIN_COMPACTION || origin->input_count == 0);
}

static bool
run_origin_ascends(const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] <= (i == 0 ? 0 : numbers[i - 1]) || numbers[i] > NUMBER_MAX) {
            return false;
        }
    }
    return true;
}

static int
append_numbers(const uint64_t *numbers, size_t count, struct fi_buf *out)
{
    uint64_t before = 0;
    DCHECK(count <= FI_RUN_ORIGIN_NUMBERS_MAX && run_origin_ascends(numbers, count));
    int rc = fi_buf_append_varint(out, count);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = fi_buf_append_varint(out, numbers[i] - before);
        before = numbers[i];
    }
    return rc;
}

int
fi_run_origin_encode(const struct fi_run_origin *origin, struct fi_buf *out)
{
    DCHECK(is_sound(origin));
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_le32(out, FI_RUN_ORIGIN_VERSION));
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)origin->kind));
    FI_TRY_RETURN(fi_buf_append_u8(out, origin->is_last ? FLAG_LAST : 0));
    FI_TRY_RETURN(fi_buf_append_u8(out, 0));
    FI_TRY_RETURN(fi_buf_append_u8(out, 0));
    FI_TRY_RETURN(fi_buf_append_varint(out, origin->tree));
    FI_TRY_RETURN(fi_buf_append_varint(out, origin->flushed));
    FI_TRY_RETURN(fi_buf_append_varint(out, origin->work));
    FI_TRY_RETURN(fi_buf_append_varint(out, origin->part));
    FI_TRY_RETURN(append_numbers(origin->inputs, origin->input_count, out));
    return append_numbers(origin->gone, origin->gone_count, out);
}

/* ---- reading ---- */

static int
run_origin_refuse(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "the origin of a run is malformed");
}

/* Appends the numbers of one list. */
static int
read_numbers(struct fi_reader *reader, struct fi_buf *numbers, size_t *out_count, firn_error *err)
{
    uint64_t count;
    uint64_t number = 0;
    if (!fi_reader_varint(reader, &count) || count > FI_RUN_ORIGIN_NUMBERS_MAX) {
        return run_origin_refuse(err);
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t above;
        if (!fi_reader_varint(reader, &above) || above == 0 || above > NUMBER_MAX - number) {
            return run_origin_refuse(err);
        }
        number += above;
        if (fi_buf_append(numbers, &number, sizeof number) != FIRN_OK) {
            return fi_error_no_memory(err, "the origin of a run");
        }
    }
    *out_count = (size_t)count;
    return FIRN_OK;
}

static bool
read_fields(struct fi_reader *reader, struct fi_run_origin *out)
{
    uint64_t tree;
    uint64_t part;
    bool is_read = fi_reader_varint(reader, &tree) && fi_reader_varint(reader, &out->flushed) &&
                   fi_reader_varint(reader, &out->work) && fi_reader_varint(reader, &part) &&
                   tree <= UINT32_MAX && part <= UINT32_MAX;
    out->tree = is_read ? (uint32_t)tree : 0;
    out->part = is_read ? (uint32_t)part : 0;
    return is_read;
}

int
fi_run_origin_decode(firn_slice bytes, struct fi_buf *numbers, struct fi_run_origin *out,
                     firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    firn_slice head;
    fi_buf_clear(numbers);
    *out = (struct fi_run_origin){.kind = FI_RUN_ORIGIN_FLUSH};
    if (!fi_reader_bytes(&reader, HEAD_SIZE, &head)) {
        return run_origin_refuse(err);
    }
    uint32_t version = fi_load_le32(head.data);
    if (version > FI_RUN_ORIGIN_VERSION || head.data[4] > FI_RUN_ORIGIN_SCRATCH ||
        (head.data[5] & ~FLAG_LAST) != 0 || head.data[6] != 0 || head.data[7] != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "the origin of a run has version %u, kind %u; this version reads %d, "
                            "up to %d",
                            version, head.data[4], FI_RUN_ORIGIN_VERSION,
                            (int)FI_RUN_ORIGIN_SCRATCH);
    }
    if (version == 0 || head.data[4] == 0 || !read_fields(&reader, out)) {
        return run_origin_refuse(err);
    }
    out->kind = (enum fi_run_origin_kind)head.data[4];
    out->is_last = head.data[5] == FLAG_LAST;
    FI_TRY_RETURN(read_numbers(&reader, numbers, &out->input_count, err));
    FI_TRY_RETURN(read_numbers(&reader, numbers, &out->gone_count, err));
    if (fi_reader_left(&reader) != 0 || !is_sound(out)) {
        return run_origin_refuse(err);
    }
    DCHECK(numbers->size == (out->input_count + out->gone_count) * sizeof(uint64_t));
    if (numbers->size > 0) {
        out->inputs = (const uint64_t *)(const void *)numbers->data;
        out->gone = out->inputs + out->input_count;
    }
    return FIRN_OK;
}
