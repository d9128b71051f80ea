/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_front.c: bytes without the prefix that they share with the preceding value.
 *
 * For sorted values. Every sixteenth value is stored completely, so one value is read by building
 * at most sixteen. Empty values, such as nulls, are skipped: the value after one shares with the
 * one before it.
 */
#include "base/check.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_texts.h"

enum { GROUP = 16, HEAD_SIZE = 5 /* decoded size; width of shared sizes */ };

/* ---- writing ---- */

struct sizes {
    uint64_t shared[FI_CHUNK_BLOCK];
    uint64_t rest[FI_CHUNK_BLOCK];
    uint64_t shared_max;
    uint64_t rest_max;
    size_t rest_sum;
    size_t raw;
};

static inline firn_slice
bytes_at(const struct fi_chunk_values *values, size_t i)
{
    bool is_valid = values->valid == NULL || fi_chunk_has_bit(values->valid, i);
    return is_valid ? values->as.bytes[i] : firn_bytes("", 0);
}

static size_t
shared_size(firn_slice a, firn_slice b)
{
    size_t most = a.size < b.size ? a.size : b.size;
    size_t size = 0;
    while (size + 8 <= most && fi_load_le64(a.data + size) == fi_load_le64(b.data + size)) {
        size += 8;
    }
    while (size < most && a.data[size] == b.data[size]) {
        size++;
    }
    DCHECK(size <= a.size && size <= b.size);
    return size;
}

static void
find_sizes(const struct fi_chunk_values *values, size_t start, size_t count, struct sizes *out)
{
    firn_slice before = {0};
    DCHECK(count <= FI_CHUNK_BLOCK);
    out->shared_max = out->rest_max = 0;
    out->rest_sum = out->raw = 0;
    for (size_t i = 0; i < count; i++) {
        firn_slice value = bytes_at(values, start + i);
        before = i % GROUP == 0 ? firn_bytes("", 0) : before;
        out->shared[i] = shared_size(before, value);
        out->rest[i] = value.size - out->shared[i];
        out->shared_max = out->shared[i] > out->shared_max ? out->shared[i] : out->shared_max;
        out->rest_max = out->rest[i] > out->rest_max ? out->rest[i] : out->rest_max;
        out->rest_sum += out->rest[i];
        out->raw += value.size;
        before = value.size > 0 ? value : before;
    }
}

size_t
fi_chunk_front_cost(const struct fi_chunk_values *values, size_t limit)
{
    size_t cost = 0;
    for (size_t start = 0; start < values->count && cost < limit; start += FI_CHUNK_BLOCK) {
        struct sizes sizes;
        size_t left = values->count - start;
        size_t count = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        find_sizes(values, start, count, &sizes);
        cost += HEAD_SIZE + fi_chunk_bits_size(count, fi_chunk_bits_width(sizes.shared_max)) +
                fi_chunk_bits_size(count, fi_chunk_bits_width(sizes.rest_max)) + sizes.rest_sum;
    }
    return cost;
}

int
fi_chunk_front_put(const struct fi_chunk_values *values, size_t start, size_t count,
                   unsigned *out_width, struct fi_buf *out)
{
    struct sizes sizes;
    uint8_t head[HEAD_SIZE];
    find_sizes(values, start, count, &sizes);
    *out_width = fi_chunk_bits_width(sizes.rest_max);
    fi_store_le32(head, (uint32_t)sizes.raw);
    head[4] = (uint8_t)fi_chunk_bits_width(sizes.shared_max);
    FI_TRY_RETURN(fi_buf_append(out, head, sizeof head));
    FI_TRY_RETURN(fi_chunk_put_packed(out, sizes.shared, count, head[4]));
    FI_TRY_RETURN(fi_chunk_put_packed(out, sizes.rest, count, *out_width));
    for (size_t i = 0; i < count; i++) {
        firn_slice value = bytes_at(values, start + i);
        if (sizes.rest[i] > 0) {
            FI_TRY_RETURN(fi_buf_append(out, value.data + sizes.shared[i], (size_t)sizes.rest[i]));
        }
    }
    return FIRN_OK;
}

/* ---- reading ---- */

/* A block taken apart. */
struct parts {
    size_t raw;
    unsigned shared_width;
    const uint8_t *shared;
    const uint8_t *rest;
    firn_slice bytes;
};

static int
chunk_front_split(const struct fi_chunk_block *view, struct parts *out, firn_error *err)
{
    const uint8_t *at = view->data.data;
    *out = (struct parts){0};
    if (view->data.size < HEAD_SIZE || at[4] > FI_CHUNK_BITS_WIDTH_MAX) {
        return fi_chunk_corrupt(err, "the head of a block is cut or wrong");
    }
    out->raw = fi_load_le32(at);
    out->shared_width = at[4];
    size_t shared_size = fi_chunk_bits_size(view->count, out->shared_width);
    size_t head = HEAD_SIZE + shared_size + fi_chunk_bits_size(view->count, view->width);
    if (out->raw > FI_CHUNK_BYTES_MAX || view->data.size < head) {
        return fi_chunk_corrupt(err, "sizes of values are cut, or too large");
    }
    out->shared = at + HEAD_SIZE;
    out->rest = out->shared + shared_size;
    out->bytes = firn_bytes(at + head, view->data.size - head);
    return FIRN_OK;
}

static bool
is_group_wanted(const uint64_t *wanted, size_t start)
{
    return wanted == NULL || (wanted[start / 64] >> start % 64 & ((1U << GROUP) - 1)) != 0;
}

int
fi_chunk_front_read(const struct fi_chunk_block *view, const uint64_t *wanted,
                    struct fi_chunk_scratch *scratch, firn_slice *out, firn_error *err)
{
    struct parts parts;
    uint64_t shared[FI_CHUNK_BLOCK];
    uint64_t rest[FI_CHUNK_BLOCK];
    firn_slice before = {0};
    size_t from = 0;
    size_t to = 0;
    int rc = chunk_front_split(view, &parts, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_buf_clear(&scratch->bytes);
    if (fi_buf_set_size(&scratch->bytes, parts.raw + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "decoded values");
    }
    fi_chunk_bits_decode(parts.shared, view->count, parts.shared_width, 0, 1, shared);
    fi_chunk_bits_decode(parts.rest, view->count, view->width, 0, 1, rest);
    for (size_t i = 0; i < view->count; i++) {
        if (i % GROUP == 0) {
            before = firn_bytes("", 0);
        }
        if (rest[i] > parts.bytes.size - from) {
            return fi_chunk_corrupt(err, "values are longer than their block");
        }
        out[i] = firn_bytes("", 0);
        bool is_empty = shared[i] == 0 && rest[i] == 0;
        if (is_group_wanted(wanted, i / GROUP * GROUP) && !is_empty) {
            if (shared[i] > before.size || shared[i] + rest[i] > parts.raw - to) {
                return fi_chunk_corrupt(err, "a value shares more than there is before it");
            }
            uint8_t *at = scratch->bytes.data + to;
            out[i] = firn_bytes(at, (size_t)(shared[i] + rest[i]));
            memcpy(at, before.data, (size_t)shared[i]);
            memcpy(at + shared[i], parts.bytes.data + from, (size_t)rest[i]);
            to += out[i].size;
            before = out[i];
        }
        from += rest[i];
    }
    return from == parts.bytes.size && (wanted != NULL || to == parts.raw)
               ? FIRN_OK
               : fi_chunk_corrupt(err, "values are shorter than their block");
}

int
fi_chunk_front_get(const struct fi_chunk_block *view, size_t i, struct fi_chunk_scratch *scratch,
                   firn_slice *out, firn_error *err)
{
    struct parts parts;
    struct fi_buf *value = &scratch->bytes;
    size_t first = i / GROUP * GROUP;
    bool is_empty = true;
    int rc = chunk_front_split(view, &parts, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_chunk_bits_sum128 skipped =
        fi_chunk_bits_sum_first(parts.rest, view->count, view->width, first);
    if (skipped > parts.bytes.size) {
        return fi_chunk_corrupt(err, "values are longer than their block");
    }
    size_t from = (size_t)skipped;
    fi_buf_clear(value);
    for (size_t k = first; k <= i; k++) {
        uint64_t shared = fi_chunk_bits_get(parts.shared, view->count, parts.shared_width, k);
        uint64_t rest = fi_chunk_bits_get(parts.rest, view->count, view->width, k);
        is_empty = shared == 0 && rest == 0;
        if (is_empty) {
            continue;
        }
        if (shared > value->size || rest > parts.bytes.size - from) {
            return fi_chunk_corrupt(err, "a value shares more than there is before it");
        }
        value->size = (size_t)shared;
        if (fi_buf_append(value, parts.bytes.data + from, (size_t)rest) != FIRN_OK) {
            return fi_error_no_memory(err, "a decoded value");
        }
        from += rest;
    }
    *out = is_empty ? firn_bytes("", 0) : fi_buf_slice(value);
    return FIRN_OK;
}
