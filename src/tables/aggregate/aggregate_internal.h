/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_internal.h: what the files of this room share.
 *
 * A group is a record of fixed size: the words of its key, then the state of each call.
 *
 *   +-------+---------+---- … ----+---------+---- … ----+
 *   | nulls | key 0   | …         | state 0 | …         |
 *   +-------+---------+---- … ----+---------+---- … ----+
 *
 * Words of a key: if bit i of nulls is set, key i is null and its words are 0. A number has one
 * word: its bits, with -0 as 0 and all NaNs as one. Bytes have two words, which hold them if they
 * are SHORT, else their beginning and a pointer:
 *
 *   0      4            8                     16
 *   +------+------------+---------------------+
 *   | size | first four | the other eight     |      or, if they are not short:
 *   | size | first four | pointer             |
 *   +------+------------+---------------------+
 *
 * Without keys there are no words, and one group. A state of zeros is that of no values.
 */
#ifndef FIRN_AGGREGATE_AGGREGATE_INTERNAL_H
#define FIRN_AGGREGATE_AGGREGATE_INTERNAL_H

#include "aggregate/aggregate.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "os/os_pages.h"

enum {
    FI_AGGREGATE_ROWS = FI_CHUNK_BLOCK, /* of a batch */
    FI_AGGREGATE_MASK_WORDS = FI_CHUNK_MASK_WORDS,
    FI_AGGREGATE_SHORT = 12, /* bytes that fit in words */
    FI_AGGREGATE_PART_BITS = 6,
    FI_AGGREGATE_PARTS = 1 << FI_AGGREGATE_PART_BITS, /* of a spilled table */
    FI_AGGREGATE_LEVELS = 5,
    FI_AGGREGATE_FEW = 32, /* groups of aggregate_few.c */
    /* With one more key, the argument of COUNT_DISTINCT. */
    FI_AGGREGATE_WORDS_MAX = 1 + 2 * (FI_AGGREGATE_KEYS_MAX + 1)
};

#define FI_AGGREGATE_SIGN64 (UINT64_C(1) << 63)
#define FI_AGGREGATE_SIGN32 (UINT32_C(1) << 31)
#define FI_AGGREGATE_NAN64 (UINT64_C(0x7ff8) << 48)
#define FI_AGGREGATE_NAN32 (UINT32_C(0x7fc0) << 16)

__extension__ typedef unsigned __int128 fi_aggregate_u128;

/* ---- numbers and bytes ---- */

static inline bool
fi_aggregate_is_set(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> i % 64 & 1) != 0;
}

/* The bits of a floating-point number in a key: equal numbers have the same bits. */
static inline uint64_t
fi_aggregate_normal_f64(uint64_t bits)
{
    uint64_t size = bits & ~FI_AGGREGATE_SIGN64;
    return size > UINT64_C(0x7ff) << 52 ? FI_AGGREGATE_NAN64 : size == 0 ? 0 : bits;
}
static inline uint32_t
fi_aggregate_normal_f32(uint32_t bits)
{
    uint32_t size = bits & ~FI_AGGREGATE_SIGN32;
    return size > UINT32_C(0xff) << 23 ? FI_AGGREGATE_NAN32 : size == 0 ? 0 : bits;
}

/* Ranks: unsigned numbers in the order of the values. NaN has the largest. */
static inline uint64_t
fi_aggregate_rank_f64(uint64_t bits)
{
    bits = fi_aggregate_normal_f64(bits);
    return bits ^ ((bits >> 63) != 0 ? UINT64_MAX : FI_AGGREGATE_SIGN64);
}
static inline uint64_t
fi_aggregate_rank_f32(uint32_t bits)
{
    bits = fi_aggregate_normal_f32(bits);
    return bits ^ ((bits >> 31) != 0 ? UINT32_MAX : FI_AGGREGATE_SIGN32);
}
/* Of a value that is a number. */
static inline uint64_t
fi_aggregate_rank_at(const struct fi_chunk_values *values, size_t i)
{
    switch (values->kind) {
    case FI_PHYSICAL_I64:
        return values->as.u64[i] ^ FI_AGGREGATE_SIGN64;
    case FI_PHYSICAL_F32:
        return fi_aggregate_rank_f32(fi_load_le32((const uint8_t *)(values->as.f32 + i)));
    case FI_PHYSICAL_F64:
        return fi_aggregate_rank_f64(fi_load_le64((const uint8_t *)(values->as.f64 + i)));
    default:
        return values->as.u64[i];
    }
}
/* The bits of the number of a rank; those of F32 are the low ones. */
static inline uint64_t
fi_aggregate_unrank(enum fi_physical kind, uint64_t rank)
{
    switch (kind) {
    case FI_PHYSICAL_I64:
        return rank ^ FI_AGGREGATE_SIGN64;
    case FI_PHYSICAL_F32:
        return (rank & FI_AGGREGATE_SIGN32) != 0 ? (uint32_t)rank ^ FI_AGGREGATE_SIGN32
                                                 : (uint32_t)~rank;
    case FI_PHYSICAL_F64:
        return rank ^ ((rank >> 63) != 0 ? FI_AGGREGATE_SIGN64 : UINT64_MAX);
    default:
        return rank;
    }
}

/* Up to 12 bytes as two words, without a loop. */
static inline void
fi_aggregate_pack(const uint8_t *bytes, size_t size, uint64_t out[2])
{
    uint64_t low = 0;
    uint64_t high = 0;
    if (size >= 8) {
        low = fi_load_le64(bytes);
        /* The last four bytes; those that are among the first eight are shifted out. */
        high = size == 8 ? 0 : (uint64_t)fi_load_le32(bytes + size - 4) >> (8 * (12 - size));
    } else if (size >= 4) {
        low = fi_load_le32(bytes) | (uint64_t)fi_load_le32(bytes + size - 4) << (8 * (size - 4));
    } else if (size > 0) {
        low = bytes[0] | (uint64_t)bytes[size / 2] << (8 * (size / 2)) |
              (uint64_t)bytes[size - 1] << (8 * (size - 1));
    }
    out[0] = size | low << 32;
    out[1] = low >> 32 | high << 32;
}

/* The words of bytes, which are borrowed if they are not short. */
static inline void
fi_aggregate_words_of(firn_slice bytes, uint64_t out[2])
{
    if (bytes.size <= FI_AGGREGATE_SHORT) {
        fi_aggregate_pack(bytes.data, bytes.size, out);
    } else {
        DCHECK(bytes.size <= UINT32_MAX);
        out[0] = bytes.size | (uint64_t)fi_load_le32(bytes.data) << 32;
        out[1] = (uintptr_t)bytes.data;
    }
}
static inline size_t
fi_aggregate_words_size(const uint64_t words[2])
{
    return (uint32_t)words[0];
}
static inline bool
fi_aggregate_words_are_short(const uint64_t words[2])
{
    return fi_aggregate_words_size(words) <= FI_AGGREGATE_SHORT;
}
/* The bytes of words, borrowed from the words if they are short. */
static inline firn_slice
fi_aggregate_words_bytes(const uint64_t *words)
{
    return fi_aggregate_words_are_short(words)
               ? firn_bytes((const uint8_t *)words + 4, fi_aggregate_words_size(words))
               : firn_bytes((const uint8_t *)(uintptr_t)words[1], fi_aggregate_words_size(words));
}

/* ---- keys and calls of a specification ---- */

struct fi_aggregate_key {
    enum fi_physical kind;
    uint32_t fixed_size;
    uint32_t word; /* its first */
    /* If groups have places (aggregate_direct.c). */
    uint64_t minimum;
    uint64_t range; /* the number of values from minimum on; also the place of null */
    uint64_t factor;
};

enum fi_aggregate_state_kind {
    FI_AGGREGATE_STATE_COUNT,   /* uint64_t */
    FI_AGGREGATE_STATE_INTEGER, /* struct fi_aggregate_integer */
    FI_AGGREGATE_STATE_REAL,    /* struct fi_aggregate_real */
    FI_AGGREGATE_STATE_EXTREME, /* struct fi_aggregate_extreme */
    FI_AGGREGATE_STATE_BYTES    /* struct fi_aggregate_bytes */
};

struct fi_aggregate_function_of {
    enum fi_aggregate_function function;
    enum fi_aggregate_state_kind state_kind;
    enum fi_physical argument;
    enum fi_physical result;
    uint32_t fixed_size; /* of the argument */
    bool is_decimal;
    double divisor; /* of AVG */
    uint64_t flip;  /* of extremes: ranks are flipped for the smallest */
    size_t offset;  /* of the state, in the record */
    bool is_shared; /* an earlier call has the same state, and keeps it */
    /* for a batch whose rows are marked by group: fi_aggregate_few_add_sums did it */
    bool is_added;
    struct fi_aggregate *distinct; /* of COUNT_DISTINCT: key and argument of each group; owned */
};

/* States. Records are aligned to 8 bytes. */
struct fi_aggregate_integer {
    uint64_t sum[2]; /* of 128 bits, low half first */
    uint64_t count;
};
struct fi_aggregate_real {
    double sum;
    uint64_t count;
};
struct fi_aggregate_extreme {
    uint64_t rank; /* the largest, flipped for MIN */
    uint64_t is_there;
};
struct fi_aggregate_bytes {
    uint8_t *data; /* NULL: none; else in the table's arena */
    uint32_t size;
    uint32_t capacity;
};

/* ---- aggregate_table.c: groups in memory ---- */

struct fi_aggregate_table {
    struct fi_os *os; /* may be NULL */
    size_t record_size;
    size_t word_count;
    uint64_t byte_words[(FI_AGGREGATE_WORDS_MAX + 63) / 64]; /* words that begin bytes */
    bool has_bytes;
    uint64_t seed;
    unsigned level; /* the hashes of all groups have level * PART_BITS bits in common */
    /* tag << 32 | (index + 1); 0: empty. */
    struct fi_os_pages slot_pages;
    uint64_t *slots;
    unsigned slot_bits;
    uint64_t count;
    struct fi_os_pages *pages; /* of records */
    size_t page_count;
    size_t page_capacity;
    unsigned page_shift; /* records of a page: 2^page_shift */
    size_t page_size;
    struct fi_arena arena; /* of bytes */
    uint64_t memory_bytes; /* the most that may be used */
};

/* Sets the sizes; the rest of the struct is zeroed. */
void fi_aggregate_table_init(struct fi_aggregate_table *table, uint64_t memory_bytes);
void fi_aggregate_table_deinit(struct fi_aggregate_table *table);
/* Allocates zeros: from the system in large pages if os is not NULL and the size fits, else from
 * base/mem.h. */
FIRN_MUST_CHECK int fi_aggregate_table_map(struct fi_os *os, size_t size, struct fi_os_pages *out,
                                           firn_error *err);
/* Removes the groups, and keeps pages and slots. */
void fi_aggregate_table_clear(struct fi_aggregate_table *table, unsigned level);
uint64_t fi_aggregate_table_used_bytes(const struct fi_aggregate_table *table);

static inline uint8_t *
fi_aggregate_table_record(const struct fi_aggregate_table *table, uint64_t index)
{
    uint64_t page = index >> table->page_shift;
    uint64_t at = index & ((UINT64_C(1) << table->page_shift) - 1);
    return table->pages[page].data + at * table->record_size;
}

/* A product of 128 bits, folded (Wang Yi's wyhash). */
static inline uint64_t
fi_aggregate_mix(uint64_t a)
{
    fi_aggregate_u128 product = (fi_aggregate_u128)a * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The factor of second words and nulls: without the seed nobody can choose them so that they cancel
 * first words out. */
static inline uint64_t
fi_aggregate_table_factor(const struct fi_aggregate_table *table)
{
    return fi_aggregate_mix(table->seed ^ UINT64_C(0xd6e8feb86659fd93)) | 1;
}
uint64_t fi_aggregate_table_hash_bytes(const struct fi_aggregate_table *table,
                                       const uint64_t words[2]);
/* The hash of the words of a key. */
uint64_t fi_aggregate_table_hash(const struct fi_aggregate_table *table, const uint64_t *key);

static inline uint32_t
fi_aggregate_table_tag(const struct fi_aggregate_table *table, uint64_t hash)
{
    return (uint32_t)(hash << (FI_AGGREGATE_PART_BITS * table->level) >> 32);
}

/* The record of a key's group, created if there is none. *out is NULL if that would take more
 * memory than may be used, but never if the table is empty or of the last level. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_aggregate_table_find(struct fi_aggregate_table *table, const uint64_t *key,
                                            uint64_t hash, uint8_t **out, firn_error *err);
/* Calls visit for the groups of a part, in no particular order. */
FIRN_MUST_CHECK int fi_aggregate_table_visit(const struct fi_aggregate_table *table, unsigned part,
                                             int (*visit)(void *ctx, uint8_t *record,
                                                          firn_error *err),
                                             void *ctx, firn_error *err);

/* ---- aggregate_keys.c: columns of keys ---- */

/* The rows that count, with their keys' hashes and groups. */
struct fi_aggregate_batch {
    size_t count;
    uint16_t rows[FI_AGGREGATE_ROWS];
    uint8_t *groups[FI_AGGREGATE_ROWS];
    uint64_t hashes[FI_AGGREGATE_ROWS];
    /* The words of keys, except pointers, that may differ in this batch. */
    uint8_t used_words[FI_AGGREGATE_WORDS_MAX];
    size_t word_count;
};
/* The rows of a mask. */
void fi_aggregate_keys_choose(struct fi_aggregate_batch *batch, size_t count, const uint64_t *mask);
/* Makes the words of keys, and their hashes: word w of the i-th chosen row goes to words[w * ROWS +
 * i]. */
void fi_aggregate_keys_words(const struct fi_aggregate_table *table,
                             const struct fi_aggregate_key *keys, size_t key_count,
                             const struct fi_chunk_values *columns,
                             struct fi_aggregate_batch *batch, uint64_t *words);
/* Writes the value of the i-th key to the words of all keys; bytes that are not short are
 * borrowed. Requires: its words are 0. */
void fi_aggregate_keys_of_cell(const struct fi_aggregate_key *key, size_t i,
                               const struct fi_cell *cell, uint64_t *words);
/* Finds the groups of chosen rows from start on; *out_end is the row at which the memory was used
 * up, or count. */
FIRN_MUST_CHECK int fi_aggregate_keys_find(struct fi_aggregate_table *table,
                                           struct fi_aggregate_batch *batch, const uint64_t *words,
                                           size_t start, size_t *out_end, firn_error *err);

/* Values of one output column, in memory of their own. */
struct fi_aggregate_column_out {
    uint64_t valid[FI_AGGREGATE_MASK_WORDS];
    union {
        uint64_t numbers[FI_AGGREGATE_ROWS];
        float f32[FI_AGGREGATE_ROWS];
        double f64[FI_AGGREGATE_ROWS];
        firn_slice bytes[FI_AGGREGATE_ROWS];
    } as;
};
/* The i-th key of count groups; that of groups[j] goes to place rows[j] (NULL: to j). */
void fi_aggregate_keys_read(const struct fi_aggregate_key *key, size_t i, uint8_t *const *groups,
                            size_t count, const uint16_t *rows,
                            struct fi_aggregate_column_out *memory, struct fi_chunk_values *out);
void fi_aggregate_keys_put(struct fi_aggregate_column_out *memory, enum fi_physical kind, size_t at,
                           uint64_t bits);
void fi_aggregate_keys_finish(struct fi_aggregate_column_out *memory, enum fi_physical kind,
                              uint32_t fixed_size, size_t count, struct fi_chunk_values *out);

/* ---- aggregate_state.c: the functions ---- */

size_t fi_aggregate_state_size(enum fi_aggregate_state_kind kind);
/* Adds the values of count rows to their groups. */
FIRN_MUST_CHECK int fi_aggregate_state_update(const struct fi_aggregate_function_of *call,
                                              const struct fi_chunk_values *values,
                                              const uint16_t *rows, uint8_t *const *groups,
                                              size_t count, struct fi_arena *arena,
                                              firn_error *err);
/* Adds all values of a mask (NULL: all) to one group: only counts and numbers. */
void fi_aggregate_state_update_one(const struct fi_aggregate_function_of *call,
                                   const struct fi_chunk_values *values, size_t count,
                                   const uint64_t *mask, uint8_t *group);
/* Adds the state of another record to that of one. */
FIRN_MUST_CHECK int fi_aggregate_state_combine(const struct fi_aggregate_function_of *call,
                                               uint8_t *group, const uint8_t *other,
                                               struct fi_arena *arena, firn_error *err);
/* The results of count groups. FIRN_LIMIT: a sum does not fit. */
FIRN_MUST_CHECK int fi_aggregate_state_read(const struct fi_aggregate_function_of *call,
                                            uint8_t *const *groups, size_t count,
                                            struct fi_aggregate_column_out *memory,
                                            struct fi_chunk_values *out, firn_error *err);

/* ---- aggregate_few.c: batches whose rows belong to a few groups ---- */

/* Which rows belong to which group. */
struct fi_aggregate_few_marks {
    uint64_t chosen[FI_AGGREGATE_MASK_WORDS]; /* all rows that count */
    uint32_t counts[FI_AGGREGATE_FEW];
    uint64_t masks[FI_AGGREGATE_FEW][FI_AGGREGATE_MASK_WORDS];
};
struct fi_aggregate_few {
    bool has_hardware; /* fi_aggregate_few_has_hardware; tests clear it */
    size_t group_count;
    uint8_t *groups[FI_AGGREGATE_FEW];
    uint8_t *place_groups[FI_AGGREGATE_FEW]; /* groups with places, so far */
    size_t place_count;
    uint8_t numbers[FI_AGGREGATE_ROWS]; /* of each row's group; FEW: it is not known */
    struct fi_aggregate_few_marks all;
    struct fi_aggregate_few_marks valid; /* rows whose argument is not null */
};
bool fi_aggregate_few_has_hardware(void);
/* fi_aggregate_join_codes. */
void fi_aggregate_few_join(const struct fi_aggregate_few *few, uint32_t *codes, const uint32_t *own,
                           uint32_t count, size_t rows);
/* Marks chosen rows [start, end), whose groups are known; false: there are too many groups, or too
 * few rows to be worth it. */
bool fi_aggregate_few_list(struct fi_aggregate_few *few, const struct fi_aggregate_table *table,
                           const struct fi_aggregate_batch *batch, size_t start, size_t end);
/* Marks the rows of a mask (NULL: all) by the numbers of their codes; false also if a number is not
 * known. There is room for CODES_LEAST numbers at least. */
enum { FI_AGGREGATE_CODES_LEAST = 32 };
bool fi_aggregate_few_list_codes(struct fi_aggregate_few *few,
                                 const struct fi_aggregate_table *table, const uint32_t *codes,
                                 size_t count, const uint64_t *mask, const uint8_t *numbers,
                                 size_t code_count);
/* Marks all chosen rows, whose groups are known and whose hashes are places; numbers has the number
 * of each place's group, FEW at first. False: there are too few rows, or too many groups; then all
 * later calls return false. */
bool fi_aggregate_few_list_places(struct fi_aggregate_few *few,
                                  const struct fi_aggregate_batch *batch, uint8_t *numbers);
/* The number of a group among few ones; FI_AGGREGATE_FEW: there are too many. */
uint8_t fi_aggregate_few_number(const struct fi_aggregate_table *table, const uint8_t *group);
/* Adds the values of marked rows to their groups for calls that are sums of integers without nulls,
 * if there are at least two that can be added together and are sure to fit. These calls become
 * is_added, the others do not. */
void fi_aggregate_few_add_sums(const struct fi_aggregate_few *few,
                               struct fi_aggregate_function_of *calls, size_t call_count,
                               const struct fi_chunk_values *arguments);
/* Adds the values of marked rows to their groups. False: nothing was done, because this must go row
 * by row: sums that might not fit 64 bits, extremes of floating-point numbers and of bytes. */
bool fi_aggregate_few_update(struct fi_aggregate_few *few,
                             const struct fi_aggregate_function_of *call,
                             const struct fi_chunk_values *values);

/* ---- aggregate_direct.c: groups that have places ---- */

struct fi_aggregate_direct {
    uint64_t places; /* 0: groups have none */
    size_t stride;
    uint64_t memory_bytes; /* allocated */
    struct fi_os_pages pages;
    uint8_t *touched;
    /* of the groups of places (aggregate_few.c); NULL: there are too many places */
    uint8_t *numbers;
    struct fi_aggregate_function_of rows_call; /* counts the rows of each group */
    bool has_own_count;                        /* rows_call is none of the caller's calls */
    uint64_t next;                             /* the first place that was not returned */
};
/* Makes places if they are worth it, and subtracts their memory from *memory_bytes. Requires: keys
 * and calls are set. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_aggregate_direct_init(struct fi_aggregate *aggregate,
                                             const struct fi_aggregate_spec *spec,
                                             uint64_t *memory_bytes, firn_error *err);
void fi_aggregate_direct_deinit(struct fi_aggregate_direct *direct);
/* Finds the groups of chosen rows, and their places, which go to hashes. Rows without a place are
 * moved to rest, and their number is returned. The caller then counts the rows. */
size_t fi_aggregate_direct_find(struct fi_aggregate *aggregate,
                                const struct fi_chunk_values *columns, uint16_t *rest);
/* Adds a batch in one pass, if only the rows of groups of one key are counted, and all `count` rows
 * are chosen. Returns how many of the first rows were counted. The next row has no place, or must
 * be added in another way. */
size_t fi_aggregate_direct_count(struct fi_aggregate *aggregate,
                                 const struct fi_chunk_values *columns, size_t count);
/* The group of a key, to which the caller will add a record; NULL: it has no place. */
uint8_t *fi_aggregate_direct_group(struct fi_aggregate *aggregate, const uint64_t *words);
/* Adds the other's places, and empties them. */
FIRN_MUST_CHECK int fi_aggregate_direct_merge(struct fi_aggregate *aggregate,
                                              struct fi_aggregate *other, firn_error *err);
/* Writes the next groups to the batch, and their keys to the outputs; returns how many. */
size_t fi_aggregate_direct_next(struct fi_aggregate *aggregate, struct fi_chunk_values *keys);

/* ---- aggregate_spill.c: groups in temporary files ---- */

/* One spill of a table: where each part begins in a file. */
struct fi_aggregate_run {
    struct fi_spill_file *file;
    uint64_t starts[FI_AGGREGATE_PARTS + 1];
};
struct fi_aggregate_level {
    struct fi_aggregate_run *runs;
    size_t run_count;
    size_t run_capacity;
    struct fi_spill_file **files; /* owned; the first one is written to */
    size_t file_count;
    size_t file_capacity;
    unsigned part; /* the next one that is read */
};

/* The chunk of a key, for codes. */
struct fi_aggregate_codes {
    const struct fi_chunk *chunk;
    struct fi_chunk_scratch scratch;
};

struct fi_aggregate {
    struct fi_aggregate_key *keys;
    size_t key_count;
    struct fi_aggregate_function_of *calls;
    size_t call_count;
    bool has_distinct;
    bool has_bytes_state;
    size_t state_count; /* of calls, except those of bytes and COUNT_DISTINCT */
    size_t states_end;  /* of a record, without padding */
    struct fi_aggregate_table table;
    struct fi_aggregate_direct direct;
    struct fi_aggregate_batch batch;
    uint64_t *words; /* of a batch */
    /* A second choice of rows: those whose argument is not null. */
    uint16_t rows[FI_AGGREGATE_ROWS];
    uint8_t *groups[FI_AGGREGATE_ROWS];
    struct fi_aggregate_few few;
    struct fi_buf buf; /* for a record that goes to a file, or comes from one */
    struct fi_aggregate_column_out *outputs; /* of keys, then of calls; made when needed */
    /* Codes of chunks. */
    struct fi_aggregate_codes *codes; /* of each key */
    uint8_t **code_groups;            /* NULL: not looked up yet */
    size_t code_count;                /* the product over all keys, with codes of null */
    size_t code_capacity;
    uint8_t *code_numbers; /* fi_aggregate_few_number of each; FEW: not known */
    size_t code_number_capacity;
    /* Temporary files. */
    const struct fi_spill *spill;
    struct fi_aggregate_level levels[FI_AGGREGATE_LEVELS];
    unsigned depth; /* of the level that is being read */
    uint64_t spilled_bytes;
    bool is_finished;
    bool is_spilled; /* groups are returned part by part */
    uint64_t emitted;
};

/* The group of all rows if there are no keys. */
static inline uint8_t *
fi_aggregate_only_group(const struct fi_aggregate *aggregate)
{
    DCHECK(aggregate->key_count == 0 && aggregate->table.count == 1); /* (I1) of aggregate.c */
    return fi_aggregate_table_record(&aggregate->table, 0);
}

/* Makes room for the outputs. */
FIRN_MUST_CHECK int fi_aggregate_make_outputs(struct fi_aggregate *aggregate, firn_error *err);

/* ---- aggregate_spill.c ---- */

/* Writes the table's groups to the file of its level, and clears it. FIRN_LIMIT without
 * temporary files. */
FIRN_MUST_CHECK int fi_aggregate_spill_table(struct fi_aggregate *aggregate, firn_error *err);
/* Spills the table if it is full, or if extremes of bytes have made it too large. */
FIRN_MUST_CHECK int fi_aggregate_spill_if_full(struct fi_aggregate *aggregate, bool is_full,
                                               firn_error *err);
/* Takes over the files of level 0 of another aggregate. */
FIRN_MUST_CHECK int fi_aggregate_spill_take(struct fi_aggregate *aggregate,
                                            struct fi_aggregate *other, firn_error *err);
/* Loads the groups of the next part that has any into the table; *out_is_end: there is none. */
FIRN_MUST_CHECK int fi_aggregate_spill_load(struct fi_aggregate *aggregate, bool *out_is_end,
                                            firn_error *err);
void fi_aggregate_spill_deinit(struct fi_aggregate_level *level);
/* Adds a record of another table, which may have another level, to its group; spills if
 * necessary. */
FIRN_MUST_CHECK int fi_aggregate_spill_combine(struct fi_aggregate *aggregate,
                                               const uint8_t *record, firn_error *err);

#endif
