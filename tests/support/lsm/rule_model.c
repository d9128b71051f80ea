/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: the definition of the compaction rule, as slow as it can be.
 */
#include "rule_model.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/slice.h"
#include "firn/store.h"
#include "support/test.h"
#include "tuple/tuple.h"

enum { KEY_SIZE_MAX = 16 };

static struct {
    uint8_t bytes[KEY_SIZE_MAX];
    size_t size;
} keys[RULE_MODEL_KEYS + 1];
static bool has_tuples;

void
rule_model_use_tuples(bool are_used)
{
    has_tuples = are_used;
    for (unsigned i = 0; i <= RULE_MODEL_KEYS; i++) {
        struct fi_buf key = {0};
        const struct fi_cell cell = {.kind = FI_PHYSICAL_I64, .as.i64 = (int64_t)i - 3};
        const uint8_t letter = (uint8_t)('a' + i);
        assert_int_equal(are_used ? fi_tuple_key_add(&key, FIRN_TYPE_I64, false, &cell)
                                  : fi_buf_append(&key, &letter, 1),
                         FIRN_OK);
        assert_in_range(key.size, 1, KEY_SIZE_MAX);
        memcpy(keys[i].bytes, key.data, key.size);
        keys[i].size = key.size;
        fi_buf_deinit(&key);
    }
}

firn_slice
rule_model_key(unsigned number)
{
    if (keys[0].size == 0) {
        rule_model_use_tuples(false);
    }
    return firn_bytes(keys[number].bytes, keys[number].size);
}

unsigned
rule_model_number(firn_slice key)
{
    unsigned number = 0;
    while (number <= RULE_MODEL_KEYS && !fi_slice_equal(key, rule_model_key(number))) {
        number++;
    }
    assert_true(number <= RULE_MODEL_KEYS);
    return number;
}

unsigned
rule_model_bound(firn_slice bound)
{
    unsigned number = 0;
    while (number <= RULE_MODEL_KEYS && fi_slice_compare(rule_model_key(number), bound) < 0) {
        number++;
    }
    assert_true(number <= RULE_MODEL_KEYS);
    return number;
}

bool
rule_model_sees(const struct rule_snapshot *snapshot, uint64_t sequence)
{
    const struct fi_snapshot seen = {snapshot->intervals, snapshot->count, 0, NULL};
    return fi_snapshot_sees(&seen, sequence);
}

/* ---- entries ---- */

/* A row, as bytes of a value. */
static size_t
store_tuple(uint64_t number, uint8_t *out)
{
    struct fi_buf tuple = {0};
    struct fi_tuple_writer writer;
    const struct fi_cell cell = {.kind = FI_PHYSICAL_U64, .as.u64 = number};
    fi_tuple_begin(&writer, &tuple);
    fi_tuple_add(&writer, RULE_MODEL_COLUMN, &cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    size_t size = tuple.size;
    assert_in_range(size, 1, RULE_MODEL_VALUE_SIZE - 8);
    memcpy(out, tuple.data, size);
    fi_buf_deinit(&tuple);
    return size;
}

static void
read_tuple(const struct fi_entry *entry, struct rule_op *op)
{
    size_t head = entry->kind == FI_ENTRY_EXPIRING ? 8 : 0;
    struct fi_cell cell;
    assert_true(entry->kind != FI_ENTRY_MERGE && entry->value.size > head);
    assert_int_equal(fi_tuple_find(firn_bytes(entry->value.data + head, entry->value.size - head),
                                   RULE_MODEL_COLUMN, &cell),
                     FIRN_OK);
    op->number = cell.as.u64;
    op->expires_ms = head > 0 ? fi_load_le64(entry->value.data) : 0;
}

struct rule_op
rule_model_op_of(const struct fi_entry *entry)
{
    struct rule_op op = {
        .kind = entry->kind, .lower = rule_model_number(entry->key), .sequence = entry->sequence};
    const uint8_t *bytes = entry->value.data;
    op.upper = op.lower + 1;
    if (has_tuples && entry->kind != FI_ENTRY_DELETE) {
        read_tuple(entry, &op);
    } else if (entry->kind == FI_ENTRY_PUT) {
        assert_int_equal(entry->value.size, 8);
        op.number = fi_load_le64(bytes);
    } else if (entry->kind == FI_ENTRY_MERGE) {
        assert_true(entry->value.size == 9 && bytes[0] == FIRN_MERGE_ADD);
        op.number = fi_load_le64(bytes + 1);
    } else if (entry->kind == FI_ENTRY_EXPIRING) {
        assert_int_equal(entry->value.size, 16);
        op.expires_ms = fi_load_le64(bytes);
        op.number = fi_load_le64(bytes + 8);
    } else {
        assert_int_equal(entry->kind, FI_ENTRY_DELETE);
    }
    return op;
}

struct fi_entry
rule_model_entry_of(const struct rule_op *op, uint8_t bytes[RULE_MODEL_VALUE_SIZE])
{
    size_t size = 0;
    if (op->kind == FI_ENTRY_MERGE) {
        bytes[size++] = FIRN_MERGE_ADD;
    } else if (op->kind == FI_ENTRY_EXPIRING) {
        fi_store_le64(bytes, op->expires_ms);
        size += 8;
    }
    if (op->kind != FI_ENTRY_DELETE && has_tuples) {
        size += store_tuple(op->number, bytes + size);
    } else if (op->kind != FI_ENTRY_DELETE) {
        fi_store_le64(bytes + size, op->number);
        size += 8;
    }
    firn_slice value =
        op->kind == FI_ENTRY_RANGE_DELETE ? rule_model_key(op->upper) : firn_bytes(bytes, size);
    return (struct fi_entry){
        rule_model_key(op->lower), value, op->sequence, op->kind, NULL, NULL, false};
}

void
rule_model_add(struct rule_versions *versions, const struct rule_op *op)
{
    assert_true(versions->count < RULE_MODEL_VERSIONS_MAX);
    versions->all[versions->count++] = *op;
}

static int
compare_ops(const void *a, const void *b)
{
    const struct rule_op *left = a;
    const struct rule_op *right = b;
    if (left->sequence != right->sequence) {
        return left->sequence > right->sequence ? -1 : 1;
    }
    /* Of one commit: a range covers only what is older, so the version of a key is newer. */
    return (left->kind == FI_ENTRY_RANGE_DELETE) - (right->kind == FI_ENTRY_RANGE_DELETE);
}

/* Those of one key, newest first. */
static void
versions_of(const struct rule_op *ops, size_t count, unsigned key, bool with_points,
            struct rule_versions *out)
{
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].lower <= key && key < ops[i].upper &&
            (with_points || ops[i].kind == FI_ENTRY_RANGE_DELETE)) {
            rule_model_add(out, &ops[i]);
        }
    }
    qsort(out->all, out->count, sizeof *out->all, compare_ops);
}

/* ---- reading ---- */

struct rule_value
rule_model_read(const struct rule_op *ops, size_t count, const struct rule_snapshot *snapshot,
                unsigned key)
{
    struct rule_versions mine;
    struct rule_value value = {.is_there = false};
    versions_of(ops, count, key, true, &mine);
    for (size_t i = 0; i < mine.count; i++) {
        const struct rule_op *op = &mine.all[i];
        if (!rule_model_sees(snapshot, op->sequence)) {
            continue;
        }
        if (op->kind == FI_ENTRY_MERGE || op->kind == FI_ENTRY_PUT ||
            (op->kind == FI_ENTRY_EXPIRING && op->expires_ms > snapshot->time_ms)) {
            value.is_there = true;
            value.number += op->number;
        }
        if (op->kind != FI_ENTRY_MERGE) {
            break;
        }
    }
    return value;
}

/* ---- keeping ---- */

/* Some view sees it, and nothing newer but operands. */
static bool
is_needed(const struct rule_question *question, const struct rule_versions *mine, size_t at)
{
    for (size_t v = 0; v < question->snapshot_count; v++) {
        const struct rule_snapshot *snapshot = &question->snapshots[v];
        bool is_served = !rule_model_sees(snapshot, mine->all[at].sequence);
        for (size_t i = 0; i < at; i++) {
            is_served |= mine->all[i].kind != FI_ENTRY_MERGE &&
                         rule_model_sees(snapshot, mine->all[i].sequence);
        }
        if (!is_served) {
            return true;
        }
    }
    return false;
}

/* For all that see it. */
static bool
has_expired(const struct rule_question *question, const struct rule_op *op)
{
    for (size_t v = 0; v < question->snapshot_count; v++) {
        if (rule_model_sees(&question->snapshots[v], op->sequence) &&
            op->expires_ms > question->snapshots[v].time_ms) {
            return false;
        }
    }
    return true;
}

/* No view tells apart what is written from the one on to the other. */
static bool
is_same_to_all(const struct rule_question *question, uint64_t newer, uint64_t older)
{
    for (size_t v = 0; v < question->snapshot_count; v++) {
        for (uint64_t sequence = older; sequence < newer; sequence++) {
            if (rule_model_sees(&question->snapshots[v], sequence) !=
                rule_model_sees(&question->snapshots[v], newer)) {
                return false;
            }
        }
    }
    return true;
}

static bool
has_older_point(const struct rule_versions *mine, uint64_t sequence)
{
    for (size_t i = 0; i < mine->count; i++) {
        if (mine->all[i].kind != FI_ENTRY_RANGE_DELETE && mine->all[i].sequence < sequence) {
            return true;
        }
    }
    return false;
}

/* Folds the operand at kept[at] with those after it; returns how many of these it took. */
static size_t
fold(const struct rule_question *question, const struct rule_versions *mine,
     struct rule_versions *kept, size_t at)
{
    struct rule_op *operand = &kept->all[at];
    uint64_t lowest = operand->sequence;
    for (size_t taken = 0;; taken++) {
        const struct rule_op *next = at + taken + 1 < kept->count ? operand + taken + 1 : NULL;
        bool is_over = question->is_bottom && !has_older_point(mine, lowest);
        bool joins = next != NULL && is_same_to_all(question, operand->sequence, next->sequence) &&
                     next->sequence >= question->between_sequence;
        if (is_over && (next == NULL || !joins)) {
            operand->kind = FI_ENTRY_PUT;
            return taken;
        }
        if (!joins || next->kind == FI_ENTRY_EXPIRING) {
            return taken;
        }
        lowest = next->sequence;
        if (next->kind == FI_ENTRY_MERGE || next->kind == FI_ENTRY_PUT) {
            operand->number += next->number;
        }
        if (next->kind != FI_ENTRY_MERGE) {
            operand->kind = FI_ENTRY_PUT;
            return taken + 1;
        }
    }
}

static void
fold_all(const struct rule_question *question, const struct rule_versions *mine,
         struct rule_versions *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->all[i].kind == FI_ENTRY_MERGE) {
            size_t taken = fold(question, mine, kept, i);
            kept->count -= taken;
            memmove(&kept->all[i + 1], &kept->all[i + 1 + taken],
                    (kept->count - i - 1) * sizeof kept->all[0]);
        }
    }
}

static bool
is_tombstone(const struct rule_op *op)
{
    return op->kind == FI_ENTRY_DELETE || op->kind == FI_ENTRY_RANGE_DELETE;
}

void
rule_model_keep(const struct rule_question *question, const struct rule_versions *all,
                bool with_points, struct rule_versions *out)
{
    struct rule_versions mine;
    versions_of(all->all, all->count, question->key, with_points, &mine);
    out->count = 0;
    for (size_t i = 0; i < mine.count; i++) {
        if (is_needed(question, &mine, i)) {
            struct rule_op op = mine.all[i];
            if (op.kind == FI_ENTRY_EXPIRING && has_expired(question, &op)) {
                op.kind = FI_ENTRY_DELETE;
                op.number = 0;
            }
            rule_model_add(out, &op);
        }
    }
    fold_all(question, &mine, out);
    while (with_points && question->is_bottom && out->count > 0 &&
           is_tombstone(&out->all[out->count - 1])) {
        out->count--;
    }
}

bool
rule_model_is_history(const struct rule_question *question, const struct rule_versions *all,
                      const struct rule_op *kept)
{
    struct rule_versions mine;
    const struct rule_snapshot *now = &question->snapshots[0];
    bool is_hidden = false;
    versions_of(all->all, all->count, question->key, true, &mine);
    for (size_t i = 0; i < mine.count && compare_ops(&mine.all[i], kept) < 0; i++) {
        is_hidden |=
            mine.all[i].kind != FI_ENTRY_MERGE && rule_model_sees(now, mine.all[i].sequence);
    }
    /* A tombstone that is kept at the bottom hides what is kept for others, and nothing else. */
    return is_hidden || !rule_model_sees(now, kept->sequence) ||
           (question->is_bottom && kept->kind == FI_ENTRY_DELETE);
}
