/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_spill.c: groups in temporary files, when memory is used up.
 *
 * A full table is written to a file, with the states that its groups have so far, and emptied.
 * Each spill writes a run: PARTS stretches, one after the other, by the upper bits of the hash's
 * tag. A group may be in several runs, always in the same part. At the end the parts are read one
 * by one, each from all runs, and the states of a group are combined.
 *
 * A part that does not fit into memory is spilled in turn: its table has the next level, whose
 * tags begin PART_BITS later, and so do its parts. After LEVELS times, with 2^30 parts, memory is
 * used without a limit: few groups still share a part then, whatever their keys are, as long as
 * the seed is not known.
 *
 * A record in a file is the record in memory, followed by the bytes that its pointers refer to,
 * in order. Reading checks the sizes: a pointer is only made to bytes that are there.
 *
 * (I1) Each level has one file that is written to. Only level 0 has others, from tables of other
 * threads.
 */
#include "aggregate/aggregate_internal.h"
#include "base/mem.h"

/* ---- records ---- */

static bool
is_long_key(const struct fi_aggregate_key *key, const uint64_t *words)
{
    return key->kind == FI_PHYSICAL_BYTES && !fi_aggregate_words_are_short(words + key->word);
}

static int
aggregate_spill_encode(struct fi_aggregate *aggregate, const uint8_t *record)
{
    struct fi_buf *buf = &aggregate->buf;
    const uint64_t *words = (const uint64_t *)(const void *)record;
    fi_buf_clear(buf);
    FI_TRY_RETURN(fi_buf_append(buf, record, aggregate->table.record_size));
    for (size_t k = 0; k < aggregate->key_count; k++) {
        const struct fi_aggregate_key *key = &aggregate->keys[k];
        if (is_long_key(key, words)) {
            firn_slice bytes = fi_aggregate_words_bytes(words + key->word);
            fi_store_le64(buf->data + 8 * (size_t)(key->word + 1), 0);
            FI_TRY_RETURN(fi_buf_append_slice(buf, bytes));
        }
    }
    for (size_t c = 0; c < aggregate->call_count; c++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[c];
        if (call->state_kind == FI_AGGREGATE_STATE_BYTES) {
            struct fi_aggregate_bytes state;
            memcpy(&state, record + call->offset, sizeof state);
            firn_slice bytes = firn_bytes(state.data, state.size);
            state.capacity = state.data == NULL ? 0 : 1; /* whether there is a value */
            state.data = NULL;
            memcpy(buf->data + call->offset, &state, sizeof state);
            FI_TRY_RETURN(fi_buf_append_slice(buf, bytes));
        }
    }
    return FIRN_OK;
}

/* Decodes a record into buf; its bytes are borrowed. False: the bytes are no valid
 * record. */
static bool
aggregate_spill_decode(struct fi_aggregate *aggregate, firn_slice bytes)
{
    uint8_t *record = aggregate->buf.data;
    uint64_t *words = (uint64_t *)(void *)record;
    const uint8_t *at;
    DCHECK(aggregate->buf.size == aggregate->table.record_size);
    if (!fi_spill_take(&bytes, aggregate->table.record_size, &at)) {
        return false;
    }
    memcpy(record, at, aggregate->table.record_size);
    for (size_t k = 0; k < aggregate->key_count; k++) {
        const struct fi_aggregate_key *key = &aggregate->keys[k];
        if (is_long_key(key, words)) {
            if (!fi_spill_take(&bytes, fi_aggregate_words_size(words + key->word), &at)) {
                return false;
            }
            words[key->word + 1] = (uintptr_t)at;
        }
    }
    for (size_t c = 0; c < aggregate->call_count; c++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[c];
        if (call->state_kind == FI_AGGREGATE_STATE_BYTES) {
            struct fi_aggregate_bytes state;
            memcpy(&state, record + call->offset, sizeof state);
            if (!fi_spill_take(&bytes, state.size, &at)) {
                return false;
            }
            /* Combining copies bytes, and never writes to them. */
            state.data = NULL;
            if (state.capacity != 0) {
                memcpy(&state.data, &at, sizeof at);
            }
            memcpy(record + call->offset, &state, sizeof state);
        }
    }
    return bytes.size == 0;
}

/* ---- writing ---- */

static int
file_of(struct fi_aggregate *aggregate, struct fi_aggregate_level *level,
        struct fi_spill_file **out, firn_error *err)
{
    if (level->file_count == 0) {
        FI_TRY_RETURN(FI_VEC_RESERVE(level->files, 1, level->file_capacity, err));
        struct fi_spill_file **files = level->files;
        int rc = fi_spill_create(aggregate->spill, &files[0], err);
        if (rc != FIRN_OK) {
            return rc;
        }
        level->file_count = 1;
    }
    DCHECK(level->file_count == 1 || level == &aggregate->levels[0]); /* (I1) */
    *out = level->files[0];
    return FIRN_OK;
}

struct write_context {
    struct fi_aggregate *aggregate;
    struct fi_spill_file *file;
};

static int
write_group(void *ctx, uint8_t *record, firn_error *err)
{
    struct write_context *context = ctx;
    if (aggregate_spill_encode(context->aggregate, record) != FIRN_OK) {
        return fi_error_no_memory(err, "a group for a temporary file");
    }
    return fi_spill_add(context->file, fi_buf_slice(&context->aggregate->buf), err);
}

int
fi_aggregate_spill_table(struct fi_aggregate *aggregate, firn_error *err)
{
    struct fi_aggregate_table *table = &aggregate->table;
    if (table->count == 0) {
        return FIRN_OK;
    }
    if (aggregate->spill == NULL) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "the groups of a query need more than the %llu bytes of memory that "
            "they may use",
            (unsigned long long)(table->memory_bytes + aggregate->direct.memory_bytes));
    }
    CHECK(table->level < FI_AGGREGATE_LEVELS && table->word_count > 0);
    struct fi_aggregate_level *level = &aggregate->levels[table->level];
    FI_TRY_RETURN(FI_VEC_RESERVE(level->runs, level->run_count + 1, level->run_capacity, err));
    struct fi_aggregate_run *runs = level->runs;
    struct fi_aggregate_run *run = &runs[level->run_count];
    FI_TRY_RETURN(file_of(aggregate, level, &run->file, err));
    struct write_context context = {aggregate, run->file};
    run->starts[0] = fi_spill_size_bytes(run->file);
    for (unsigned part = 0; part < FI_AGGREGATE_PARTS; part++) {
        FI_TRY_RETURN(fi_aggregate_table_visit(table, part, write_group, &context, err));
        FI_TRY_RETURN(fi_spill_end(run->file, &run->starts[part + 1], err));
    }
    level->run_count++;
    aggregate->spilled_bytes += run->starts[FI_AGGREGATE_PARTS] - run->starts[0];
    fi_aggregate_table_clear(table, table->level);
    if (aggregate->code_count > 0) {
        memset(aggregate->code_groups, 0, aggregate->code_count * sizeof aggregate->code_groups[0]);
        memset(aggregate->code_numbers, FI_AGGREGATE_FEW, aggregate->code_count);
    }
    return FIRN_OK;
}

int
fi_aggregate_spill_take(struct fi_aggregate *aggregate, struct fi_aggregate *other, firn_error *err)
{
    struct fi_aggregate_level *to = &aggregate->levels[0];
    struct fi_aggregate_level *from = &other->levels[0];
    DCHECK(!aggregate->is_finished && !other->is_finished);
    DCHECK(aggregate->table.level == 0 && other->table.level == 0); /* (I1) */
    if (from->run_count == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(to->runs, to->run_count + from->run_count, to->run_capacity, err));
    FI_TRY_RETURN(
        FI_VEC_RESERVE(to->files, to->file_count + from->file_count, to->file_capacity, err));
    memcpy(to->runs + to->run_count, from->runs, from->run_count * sizeof *to->runs);
    memcpy(to->files + to->file_count, from->files,
           from->file_count * sizeof(struct fi_spill_file *));
    to->run_count += from->run_count;
    to->file_count += from->file_count;
    from->run_count = 0;
    from->file_count = 0;
    aggregate->spilled_bytes += other->spilled_bytes;
    other->spilled_bytes = 0;
    return FIRN_OK;
}

void
fi_aggregate_spill_deinit(struct fi_aggregate_level *level)
{
    for (size_t i = 0; i < level->file_count; i++) {
        fi_spill_destroy(level->files[i]);
    }
    fi_free(level->files);
    fi_free(level->runs);
    *level = (struct fi_aggregate_level){.runs = NULL};
}

/* ---- reading ---- */

int
fi_aggregate_spill_combine(struct fi_aggregate *aggregate, const uint8_t *record, firn_error *err)
{
    struct fi_aggregate_table *table = &aggregate->table;
    const uint64_t *key = (const uint64_t *)(const void *)record;
    uint8_t *group = fi_aggregate_direct_group(aggregate, key);
    uint64_t hash = group == NULL ? fi_aggregate_table_hash(table, key) : 0;
    int rc = FIRN_OK;
    if (group == NULL) {
        FI_TRY(fi_aggregate_table_find(table, key, hash, &group, err));
    }
    if (group == NULL) {
        /* Encoding uses the buffer, which may hold the record. */
        struct fi_buf own = aggregate->buf;
        aggregate->buf = (struct fi_buf){.data = NULL};
        rc = fi_aggregate_spill_table(aggregate, err);
        fi_buf_deinit(&aggregate->buf);
        aggregate->buf = own;
        FI_TRY(rc);
        FI_TRY(fi_aggregate_table_find(table, key, hash, &group, err));
    }
    DCHECK(group != NULL);
    for (size_t c = 0; c < aggregate->call_count; c++) {
        if (aggregate->calls[c].is_shared) {
            continue;
        }
        FI_TRY(fi_aggregate_state_combine(&aggregate->calls[c], group, record, &table->arena, err));
    }
    if (aggregate->has_bytes_state && table->count > 1 && table->level < FI_AGGREGATE_LEVELS &&
        fi_aggregate_table_used_bytes(table) > table->memory_bytes) {
        rc = fi_aggregate_spill_table(aggregate, err);
    }
out:
    return rc;
}

static int
read_stretch(struct fi_aggregate *aggregate, struct fi_spill_reader *reader, firn_error *err)
{
    size_t size = aggregate->table.record_size;
    bool is_end;
    firn_slice bytes;
    for (;;) {
        FI_TRY_RETURN(fi_spill_next(reader, &bytes, &is_end, err));
        if (is_end) {
            return FIRN_OK;
        }
        if (fi_buf_set_size(&aggregate->buf, size) != FIRN_OK) {
            return fi_error_no_memory(err, "a group from a temporary file");
        }
        if (!aggregate_spill_decode(aggregate, bytes)) {
            return fi_error_set(err, FIRN_CORRUPT, "a group in a temporary file is damaged");
        }
        FI_TRY_RETURN(fi_aggregate_spill_combine(aggregate, aggregate->buf.data, err));
    }
    return FIRN_OK;
}

static int
read_part(struct fi_aggregate *aggregate, const struct fi_aggregate_level *level, unsigned part,
          firn_error *err)
{
    struct fi_spill_reader reader = {.file = NULL};
    int rc = FIRN_OK;
    for (size_t i = 0; i < level->run_count && rc == FIRN_OK; i++) {
        const struct fi_aggregate_run *run = &level->runs[i];
        fi_spill_reader_init(&reader, run->file, run->starts[part], run->starts[part + 1]);
        rc = read_stretch(aggregate, &reader, err);
    }
    fi_spill_reader_deinit(&reader);
    return rc;
}

int
fi_aggregate_spill_load(struct fi_aggregate *aggregate, bool *out_is_end, firn_error *err)
{
    *out_is_end = false;
    for (;;) {
        struct fi_aggregate_level *level = &aggregate->levels[aggregate->depth];
        if (level->part == FI_AGGREGATE_PARTS) {
            fi_aggregate_spill_deinit(level);
            if (aggregate->depth == 0) {
                *out_is_end = true;
                return FIRN_OK;
            }
            aggregate->depth--;
            continue;
        }
        unsigned below = aggregate->depth + 1;
        fi_aggregate_table_clear(&aggregate->table, below);
        int rc = read_part(aggregate, level, level->part++, err);
        bool is_parted = below < FI_AGGREGATE_LEVELS && aggregate->levels[below].run_count > 0;
        if (rc == FIRN_OK && is_parted) {
            rc = fi_aggregate_spill_table(aggregate, err);
            aggregate->depth = below;
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        if (!is_parted && aggregate->table.count > 0) {
            return FIRN_OK;
        }
    }
}

int
fi_aggregate_spill_if_full(struct fi_aggregate *aggregate, bool is_full, firn_error *err)
{
    const struct fi_aggregate_table *table = &aggregate->table;
    bool is_over = aggregate->has_bytes_state && table->count > 1 &&
                   fi_aggregate_table_used_bytes(table) > table->memory_bytes;
    return is_full || is_over ? fi_aggregate_spill_table(aggregate, err) : FIRN_OK;
}
