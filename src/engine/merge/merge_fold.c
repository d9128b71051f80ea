/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_fold.c: what merge operands do.
 *
 *   add     64-bit numbers; wraps around
 *   min     the smaller of two such numbers
 *   max     the larger
 *   append  the bytes at the end of the value
 *
 * A number is 8 bytes, little-endian, in two's complement. Without a value below, the operand
 * itself becomes the value, with every operation.
 *
 * Every history of puts, deletes and operands has a value: for an operation on numbers, a value
 * that is not a number counts as none. An error would make the key unreadable, and with it every
 * walk over its neighbours, because of a mistake that can no longer be reported: the commit that
 * made it has succeeded.
 *
 * (I1) Each operation is associative: applying a, then b, to any value is the same as applying a
 *      and b folded. So neighbours may be folded at any time if the same snapshots see both, and
 *      reads return the same before and after. That is why numbers wrap around instead of stopping
 *      at the largest. (Not checked here: it is a property of each row of the table.)
 *
 * Operands are gathered from the newest to the oldest, as reads meet them. Consecutive numbers of
 * one operation are folded at once, so a counter with a million operands takes the memory of one.
 * Appended operands are kept in pieces.
 *
 * Limits: a value is at most FIRN_VALUE_SIZE_MAX bytes. Appending beyond that cannot be refused by
 * the commit, because the value is not read then; reading the key returns FIRN_LIMIT until the key
 * is put or deleted.
 */
#include "merge/merge.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"

enum { NUMBER_SIZE = 8, KEPT_MAX = 64 << 10 };

struct item {
    firn_merge_operator operation;
    size_t at; /* in bytes */
    size_t size;
};

static size_t
item_count(const struct fi_merge_fold *fold)
{
    return fold->items.size / sizeof(struct item);
}

static struct item *
item_at(const struct fi_merge_fold *fold, size_t i)
{
    DCHECK(i < item_count(fold));
    return (struct item *)(void *)fold->items.data + i;
}

void
fi_merge_fold_deinit(struct fi_merge_fold *fold)
{
    fi_buf_deinit(&fold->bytes);
    fi_buf_deinit(&fold->items);
}

void
fi_merge_fold_clear(struct fi_merge_fold *fold)
{
    if (fold->bytes.capacity > KEPT_MAX || fold->items.capacity > KEPT_MAX) {
        fi_merge_fold_deinit(fold);
    }
    fi_buf_clear(&fold->bytes);
    fi_buf_clear(&fold->items);
}

size_t
fi_merge_fold_size_bytes(const struct fi_merge_fold *fold)
{
    return fold->bytes.size;
}

/* ---- operations ---- */

static int64_t
number_of(uint64_t bits)
{
    return bits <= INT64_MAX ? (int64_t)bits : -(int64_t)(UINT64_MAX - bits) - 1;
}

static uint64_t
merge_fold_add(uint64_t older, uint64_t newer)
{
    return older + newer;
}

static uint64_t
min(uint64_t older, uint64_t newer)
{
    return number_of(older) < number_of(newer) ? older : newer;
}

static uint64_t
max(uint64_t older, uint64_t newer)
{
    return number_of(older) < number_of(newer) ? newer : older;
}

/* An operation; (I1) holds for each row. */
struct operation {
    bool is_known;
    uint64_t (*calculate)(uint64_t older, uint64_t newer); /* NULL: operands are concatenated */
};

static const struct operation operations[] = {
    [FIRN_MERGE_ADD] = {true, merge_fold_add},
    [FIRN_MERGE_MIN] = {true, min},
    [FIRN_MERGE_MAX] = {true, max},
    [FIRN_MERGE_APPEND] = {true, NULL},
};

static bool
is_known(firn_merge_operator operation)
{
    size_t at = (size_t)operation;
    return at < sizeof operations / sizeof operations[0] && operations[at].is_known;
}

static bool
is_on_numbers(firn_merge_operator operation)
{
    return is_known(operation) && operations[operation].calculate != NULL;
}

int
fi_merge_fold_check(firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    if (!is_known(operation)) {
        return fi_error_set(err, FIRN_INVALID, "there is no merge operator %d", (int)operation);
    }
    if (is_on_numbers(operation) && operand.size != NUMBER_SIZE) {
        return fi_error_set(err, FIRN_INVALID,
                            "an operand of %zu bytes is not a number, which has %d", operand.size,
                            NUMBER_SIZE);
    }
    return FIRN_OK;
}

/* ---- gathering ---- */

/* The parts of an operand as it is stored. */
struct parts {
    firn_merge_operator operation;
    firn_slice operand;
};

static int
merge_fold_split(firn_slice stored, struct parts *out, firn_error *err)
{
    if (stored.size < FI_ENTRY_MERGE_HEAD_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT, "a merge operand has no operator");
    }
    out->operation = (firn_merge_operator)stored.data[0];
    out->operand =
        firn_bytes(stored.data + FI_ENTRY_MERGE_HEAD_SIZE, stored.size - FI_ENTRY_MERGE_HEAD_SIZE);
    if (!is_known(out->operation)) {
        return fi_error_set(err, FIRN_NEWER, "there is no merge operator %d in this firn",
                            (int)out->operation);
    }
    if (is_on_numbers(out->operation) && out->operand.size != NUMBER_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT, "a merge operand of %zu bytes is not a number",
                            out->operand.size);
    }
    return FIRN_OK;
}

int
fi_merge_fold_check_entry(firn_slice operand, firn_error *err)
{
    struct parts parts;
    return merge_fold_split(operand, &parts, err);
}

/* Whether an operand and the one added before it are numbers that can be folded. */
static bool
joins_last(const struct fi_merge_fold *fold, const struct parts *parts)
{
    size_t count = item_count(fold);
    return count > 0 && is_on_numbers(parts->operation) &&
           item_at(fold, count - 1)->operation == parts->operation;
}

static void
join_last(struct fi_merge_fold *fold, const struct parts *parts)
{
    DCHECK(is_on_numbers(parts->operation) && parts->operand.size == NUMBER_SIZE);
    uint8_t *newer = fold->bytes.data + item_at(fold, item_count(fold) - 1)->at;
    fi_store_le64(newer, operations[parts->operation].calculate(fi_load_le64(parts->operand.data),
                                                                fi_load_le64(newer)));
}

int
fi_merge_fold_push(struct fi_merge_fold *fold, firn_slice operand, firn_error *err)
{
    struct parts parts;
    FI_TRY_RETURN(merge_fold_split(operand, &parts, err));
    if (joins_last(fold, &parts)) {
        join_last(fold, &parts);
        return FIRN_OK;
    }
    if (parts.operand.size > FIRN_VALUE_SIZE_MAX - fold->bytes.size) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the appended bytes would make a value of more than %d bytes",
                            FIRN_VALUE_SIZE_MAX);
    }
    const struct item item = {parts.operation, fold->bytes.size, parts.operand.size};
    /* At least one byte, so that an empty operand has an address. */
    if (fi_buf_reserve(&fold->items, sizeof item) != FIRN_OK ||
        fi_buf_reserve(&fold->bytes, parts.operand.size + 1) != FIRN_OK ||
        fi_buf_append_slice(&fold->bytes, parts.operand) != FIRN_OK) {
        return fi_error_no_memory(err, "merge operands");
    }
    CHECK(fi_buf_append(&fold->items, &item, sizeof item) == FIRN_OK);
    return FIRN_OK;
}

/* ---- folding ---- */

/* Applies one operand to the value in out, or to none. */
static int
apply_item(const struct fi_merge_fold *fold, size_t i, bool has_value, struct fi_buf *out,
           firn_error *err)
{
    const struct item *item = item_at(fold, i);
    DCHECK(item->at <= fold->bytes.size && item->size <= fold->bytes.size - item->at);
    firn_slice operand = firn_bytes(fold->bytes.data + item->at, item->size);
    if (item->operation == FIRN_MERGE_APPEND) {
        if (operand.size > FIRN_VALUE_SIZE_MAX - out->size) {
            return fi_error_set(err, FIRN_LIMIT,
                                "the appended bytes make a value of more than %d bytes",
                                FIRN_VALUE_SIZE_MAX);
        }
        return fi_buf_append_slice(out, operand);
    }
    if (!has_value || out->size != NUMBER_SIZE) {
        return fi_buf_assign(out, operand);
    }
    fi_store_le64(out->data, operations[item->operation].calculate(fi_load_le64(out->data),
                                                                   fi_load_le64(operand.data)));
    return FIRN_OK;
}

int
fi_merge_fold_apply(const struct fi_merge_fold *fold, const firn_slice *base, struct fi_buf *out,
                    firn_error *err)
{
    DCHECK(base == NULL || base->size == 0 || base->data != out->data);
    int rc = FIRN_OK;
    size_t size = fold->bytes.size + (base != NULL ? base->size : 0);
    fi_buf_clear(out);
    if (size <= FIRN_VALUE_SIZE_MAX) {
        rc = fi_buf_reserve(out, size);
    }
    if (rc == FIRN_OK && base != NULL) {
        rc = fi_buf_assign(out, *base);
    }
    for (size_t i = item_count(fold); i > 0 && rc == FIRN_OK; i--) {
        bool has_value = base != NULL || i < item_count(fold);
        rc = apply_item(fold, i - 1, has_value, out, err);
    }
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a value") : rc;
}

/* ---- joining ---- */

bool
fi_merge_fold_joins(const struct fi_merge_fold *fold, firn_slice operand, size_t bytes_max)
{
    struct parts parts;
    if (item_count(fold) == 0) {
        return true;
    }
    if (merge_fold_split(operand, &parts, NULL) != FIRN_OK ||
        item_at(fold, 0)->operation != parts.operation) {
        return false;
    }
    return is_on_numbers(parts.operation) ||
           (fold->bytes.size <= bytes_max && parts.operand.size <= bytes_max - fold->bytes.size);
}

static bool
has_one_operation(const struct fi_merge_fold *fold)
{
    for (size_t i = 1; i < item_count(fold); i++) {
        if (item_at(fold, i)->operation != item_at(fold, 0)->operation) {
            return false;
        }
    }
    return item_count(fold) > 0;
}

int
fi_merge_fold_operand(const struct fi_merge_fold *fold, struct fi_buf *out, firn_error *err)
{
    DCHECK(has_one_operation(fold));
    struct fi_buf joined = {0};
    int rc;
    FI_TRY(fi_merge_fold_apply(fold, NULL, &joined, err));
    fi_buf_clear(out);
    if (fi_buf_append_u8(out, (uint8_t)item_at(fold, 0)->operation) != FIRN_OK ||
        fi_buf_append_slice(out, fi_buf_slice(&joined)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a merge operand");
    }
out:
    fi_buf_deinit(&joined);
    return rc;
}
