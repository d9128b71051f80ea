/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue_lookup.c: rows of a table by values of some columns, in memory: what a join
 * asks for again and again.
 *
 * SQLite joins by loops: for each row of one table it looks up rows of the other by an equality. A
 * lookup in a store finds its way through blocks each time and costs as much as scanning dozens of
 * rows by their key, or a thousand by a range. So a statement that has looked up so often that
 * reading the table once costs no more gets it read, with the columns that the statement uses and
 * the conditions that stay the same, into a hash table (sql_cursor.c decides when).
 *
 * A row is cells side by side, since a join reads rows here and there: a number, or the address of
 * a text, whose bytes are kept in blocks. A cell is what its number is above the smallest one of
 * its column in a page of rows, in as many bits as the largest takes: a column of dates takes some
 * twelve, and four tables fit where one of whole words would. A key that is one number has no hash
 * where numbers lie close together, as those of rows do: each has a slot. Rows with the same key
 * are a list in the order in which they were read.
 *
 * Without a key all rows are one list: those of an inner table that a join reads again and again.
 *
 * Only of snapshots: what a transaction writes meanwhile would be missing.
 *
 * Limits: 256 MiB for the rows of a cursor's table, and beside them 8 bytes a row for finding them;
 * if that is not enough, lookups go on as before.
 */
#include "sqlvalue/sqlvalue.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { BYTES_MAX = 256 << 20, BLOCK_SIZE = 256 << 10, ROWS_MAX = INT32_MAX, DENSE_SPAN = 8 };
enum { PAGE_SHIFT = 10, PAGE_ROWS = 1 << PAGE_SHIFT };
/* A cell of up to BITS_MAX bits is in the eight bytes at the byte where it begins. A larger one is
 * a whole word. */
enum { WORD = 64, BITS_MAX = 57 };

/* Bytes that cells refer to. */
struct block {
    struct block *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
};

/* What the cell of a text is the address of. */
struct text {
    size_t size;
    uint8_t bytes[];
};

struct column {
    firn_type type;
    uint8_t *nulls; /* 1 for each null; NULL: there is none yet */
};

/* How the cells of a column are kept in a page: cell = base + the `bits` bits from bit `offset` of
 * a row on. */
struct frame {
    uint64_t base;
    uint32_t offset;
    uint32_t bits;
};

struct page {
    /* PAGE_ROWS rows of `stride` bits; those of the last page as many as there are */
    uint8_t *bytes;
    size_t stride;
};

struct fi_sqlvalue_lookup {
    size_t width;
    struct column *columns;
    struct page *pages;
    struct frame *frames; /* `width` of each page */
    size_t page_count;
    size_t page_capacity;
    /* cells of the page that is being filled: PAGE_ROWS of each column; NULL: it is over */
    uint64_t *open;
    size_t open_rows;
    size_t key_count;
    size_t keys[FIRN_TABLE_KEY_COLUMNS_MAX]; /* places of the key's columns */
    size_t count;
    size_t capacity;  /* of nulls */
    uint32_t *slots;  /* numbers from 1 of the first row of each key; 0: empty */
    size_t slot_mask; /* the last slot */
    bool is_dense;    /* the key is one number, and slots are of the numbers from `first` on */
    uint64_t first;
    uint32_t *next; /* of each row: the next one with the same key; 0: it is the last */
    struct block *blocks;
    size_t total_bytes;
};

void
fi_sqlvalue_lookup_destroy(struct fi_sqlvalue_lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    while (lookup->blocks != NULL) {
        struct block *next = lookup->blocks->next;
        sqlite3_free(lookup->blocks);
        lookup->blocks = next;
    }
    for (size_t i = 0; lookup->columns != NULL && i < lookup->width; i++) {
        sqlite3_free(lookup->columns[i].nulls);
    }
    for (size_t i = 0; i < lookup->page_count; i++) {
        sqlite3_free(lookup->pages[i].bytes);
    }
    sqlite3_free(lookup->columns);
    sqlite3_free(lookup->pages);
    sqlite3_free(lookup->frames);
    sqlite3_free(lookup->open);
    sqlite3_free(lookup->slots);
    sqlite3_free(lookup->next);
    sqlite3_free(lookup);
}

/* ---- values ---- */

static const struct text *
text_of(uint64_t cell)
{
    return (const struct text *)(uintptr_t)cell;
}

/* Eight bytes, the lowest first. */
static uint64_t
sqlvalue_lookup_load(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static void
sqlvalue_lookup_store(uint8_t *bytes, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, sizeof word);
}

static uint64_t
cell_at(const struct fi_sqlvalue_lookup *lookup, size_t row, size_t place)
{
    const size_t number = (row - 1) >> PAGE_SHIFT;
    const struct page *page = &lookup->pages[number];
    const struct frame *frame = &lookup->frames[number * lookup->width + place];
    const size_t at = ((row - 1) & (PAGE_ROWS - 1)) * page->stride + frame->offset;
    const uint64_t mask = frame->bits < WORD ? (UINT64_C(1) << frame->bits) - 1 : UINT64_MAX;
    return frame->base + (sqlvalue_lookup_load(page->bytes + at / 8) >> at % 8 & mask);
}

firn_value
fi_sqlvalue_lookup_value(const struct fi_sqlvalue_lookup *lookup, size_t row, size_t place)
{
    const struct column *column = &lookup->columns[place];
    assert(row > 0 && row <= lookup->count && place < lookup->width);
    uint64_t cell = cell_at(lookup, row, place);
    firn_value value = {.type = column->type, .as = {.u64 = cell}};
    if (column->nulls != NULL && column->nulls[row - 1] != 0) {
        return firn_null();
    }
    if (column->type == FIRN_TYPE_BOOL) {
        value.as.boolean = cell != 0;
    } else if (column->type == FIRN_TYPE_F32) {
        memcpy(&value.as.f32, &cell, sizeof value.as.f32);
    } else if (fi_type_has_bytes(column->type)) {
        value.as.bytes = firn_bytes(text_of(cell)->bytes, text_of(cell)->size);
    }
    return value;
}

static uint64_t
sqlvalue_lookup_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t
mix_bytes(uint64_t hash, const uint8_t *bytes, size_t size)
{
    hash = sqlvalue_lookup_mix(hash, size);
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        hash = sqlvalue_lookup_mix(hash, word);
    }
    uint64_t last = 0;
    if (size > 0) {
        memcpy(&last, bytes, size);
    }
    return sqlvalue_lookup_mix(hash, last);
}

static uint64_t
cell_of(const firn_value *value)
{
    return value->type == FIRN_TYPE_BOOL ? value->as.boolean : value->as.u64;
}

static size_t
slot_of_row(const struct fi_sqlvalue_lookup *lookup, size_t row)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < lookup->key_count; i++) {
        const struct column *column = &lookup->columns[lookup->keys[i]];
        uint64_t cell = cell_at(lookup, row, lookup->keys[i]);
        hash = fi_type_has_bytes(column->type)
                   ? mix_bytes(hash, text_of(cell)->bytes, text_of(cell)->size)
                   : sqlvalue_lookup_mix(hash, cell);
    }
    return (size_t)hash & lookup->slot_mask;
}

static bool
has_key(const struct fi_sqlvalue_lookup *lookup, size_t row, const firn_value *key)
{
    for (size_t i = 0; i < lookup->key_count; i++) {
        const struct column *column = &lookup->columns[lookup->keys[i]];
        uint64_t cell = cell_at(lookup, row, lookup->keys[i]);
        bool is_equal = fi_type_has_bytes(column->type)
                            ? text_of(cell)->size == key[i].as.bytes.size &&
                                  (key[i].as.bytes.size == 0 ||
                                   memcmp(text_of(cell)->bytes, key[i].as.bytes.data,
                                          key[i].as.bytes.size) == 0)
                            : cell == cell_of(&key[i]);
        if (!is_equal) {
            return false;
        }
    }
    return true;
}

size_t
fi_sqlvalue_lookup_find(const struct fi_sqlvalue_lookup *lookup, const firn_value *key)
{
    uint64_t hash = 0;
    assert(lookup->slots != NULL);
    if (lookup->is_dense) {
        uint64_t at = cell_of(&key[0]) - lookup->first;
        return at <= lookup->slot_mask ? lookup->slots[at] : 0;
    }
    for (size_t i = 0; i < lookup->key_count; i++) {
        hash = fi_type_has_bytes(lookup->columns[lookup->keys[i]].type)
                   ? mix_bytes(hash, key[i].as.bytes.data, key[i].as.bytes.size)
                   : sqlvalue_lookup_mix(hash, cell_of(&key[i]));
    }
    for (size_t at = (size_t)hash & lookup->slot_mask; lookup->slots[at] != 0;
         at = (at + 1) & lookup->slot_mask) {
        if (has_key(lookup, lookup->slots[at], key)) {
            return lookup->slots[at];
        }
    }
    return 0;
}

size_t
fi_sqlvalue_lookup_next(const struct fi_sqlvalue_lookup *lookup, size_t row)
{
    assert(row >= 1);
    assert(row > 0 && row <= lookup->count);
    return lookup->next[row - 1];
}

/* ---- making it ---- */

static void *
parse_bytes(struct fi_sqlvalue_lookup *lookup, size_t size)
{
    struct block *block = lookup->blocks;
    size = (size + 7) & ~(size_t)7;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = sqlite3_malloc64(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct block){.next = lookup->blocks, .size = room};
        lookup->blocks = block;
        lookup->total_bytes += room;
    }
    block->used += size;
    return block->bytes + block->used - size;
}

/* Room for the nulls of more rows. */
static bool
make_room(struct fi_sqlvalue_lookup *lookup, size_t more)
{
    if (lookup->capacity - lookup->count >= more) {
        return true;
    }
    const size_t capacity = lookup->capacity == 0 ? 4096 : 2 * lookup->capacity;
    for (size_t i = 0; i < lookup->width; i++) {
        struct column *column = &lookup->columns[i];
        if (column->nulls != NULL) {
            uint8_t *nulls = sqlite3_realloc64(column->nulls, capacity);
            if (nulls == NULL) {
                return false;
            }
            column->nulls = nulls;
        }
    }
    lookup->capacity = capacity;
    return true;
}

static bool
make_page(struct fi_sqlvalue_lookup *lookup)
{
    if (lookup->page_count < lookup->page_capacity) {
        return true;
    }
    const size_t capacity = lookup->page_capacity == 0 ? 16 : 2 * lookup->page_capacity;
    struct page *pages = sqlite3_realloc64(lookup->pages, capacity * sizeof pages[0]);
    if (pages == NULL) {
        return false;
    }
    lookup->pages = pages;
    struct frame *frames =
        sqlite3_realloc64(lookup->frames, capacity * lookup->width * sizeof frames[0]);
    if (frames == NULL) {
        return false;
    }
    lookup->frames = frames;
    lookup->page_capacity = capacity;
    return true;
}

/* The frame of a column's cells, without its offset. Addresses and floating-point numbers are
 * words, too. */
static struct frame
frame_of(const uint64_t *cells, size_t count)
{
    int64_t smallest = (int64_t)cells[0];
    int64_t largest = smallest;
    uint32_t bits = 0;
    for (size_t i = 1; i < count; i++) {
        const int64_t number = (int64_t)cells[i];
        smallest = number < smallest ? number : smallest;
        largest = number > largest ? number : largest;
    }
    const uint64_t span = (uint64_t)largest - (uint64_t)smallest;
    while (bits < WORD && span >> bits != 0) {
        bits++;
    }
    return (struct frame){.base = (uint64_t)smallest, .bits = bits <= BITS_MAX ? bits : WORD};
}

/* Gives each frame its place in a row. Whole words come first, and rows with some begin at a byte.
 * Returns the stride. */
static size_t
place_frames(struct frame *frames, size_t count)
{
    size_t stride = 0;
    for (size_t i = 0; i < count; i++) {
        frames[i].offset = (uint32_t)stride;
        stride += frames[i].bits == WORD ? WORD : 0;
    }
    const bool has_words = stride > 0;
    for (size_t i = 0; i < count; i++) {
        if (frames[i].bits < WORD) {
            frames[i].offset = (uint32_t)stride;
            stride += frames[i].bits;
        }
    }
    return has_words ? (stride + 7) / 8 * 8 : stride;
}

/* Bits are collected in a word, because reading a word back that overlaps the one just written
 * stalls. */
struct packer {
    uint8_t *to;
    uint64_t word;
    uint32_t fill; /* bits of word, less than WORD */
};

static void
append_bits(struct packer *packer, uint64_t value, uint32_t bits)
{
    packer->word |= value << packer->fill;
    packer->fill += bits;
    if (packer->fill >= WORD) {
        sqlvalue_lookup_store(packer->to, packer->word);
        packer->to += sizeof packer->word;
        packer->fill -= WORD;
        packer->word = packer->fill > 0 ? value >> (bits - packer->fill) : 0;
    }
}

static void
pack_rows(const struct fi_sqlvalue_lookup *lookup, const struct frame *frames,
          const struct page *page, size_t count)
{
    struct packer packer = {.to = page->bytes};
    size_t row_bits = 0;
    bool has_words = false;
    for (size_t i = 0; i < lookup->width; i++) {
        row_bits += frames[i].bits;
        has_words = has_words || frames[i].bits == WORD;
    }
    assert(row_bits <= page->stride && page->stride - row_bits < WORD);
    for (size_t row = 0; row < count; row++) {
        for (size_t i = 0; i < lookup->width && has_words; i++) {
            if (frames[i].bits == WORD) {
                append_bits(&packer, lookup->open[i * PAGE_ROWS + row] - frames[i].base, WORD);
            }
        }
        for (size_t i = 0; i < lookup->width; i++) {
            if (frames[i].bits < WORD) {
                append_bits(&packer, lookup->open[i * PAGE_ROWS + row] - frames[i].base,
                            frames[i].bits);
            }
        }
        append_bits(&packer, 0, (uint32_t)(page->stride - row_bits));
    }
    sqlvalue_lookup_store(packer.to, packer.word);
}

/* Packs the rows of the open page, if there are any. */
static bool
close_page(struct fi_sqlvalue_lookup *lookup)
{
    const size_t count = lookup->open_rows;
    if (count == 0) {
        return true;
    }
    if (!make_page(lookup)) {
        return false;
    }
    struct page *page = &lookup->pages[lookup->page_count];
    struct frame *frames = &lookup->frames[lookup->page_count * lookup->width];
    *page = (struct page){.bytes = NULL};
    for (size_t i = 0; i < lookup->width; i++) {
        frames[i] = frame_of(lookup->open + i * PAGE_ROWS, count);
    }
    page->stride = place_frames(frames, lookup->width);
    const size_t size = count * page->stride / 8 + 2 * sizeof(uint64_t);
    page->bytes = sqlite3_malloc64(size);
    if (page->bytes == NULL) {
        return false;
    }
    pack_rows(lookup, frames, page, count);
    lookup->page_count++;
    lookup->open_rows = 0;
    lookup->total_bytes += size + lookup->width * sizeof(struct frame);
    return true;
}

static bool
is_valid(const firn_scan_array *array, size_t row)
{
    return array->valid == NULL || (array->valid[row / 64] >> (row % 64) & 1) != 0;
}

static bool
add_nulls(struct fi_sqlvalue_lookup *lookup, struct column *column, const firn_scan_array *array,
          size_t count)
{
    if (column->nulls == NULL && array->valid == NULL) {
        return true;
    }
    if (column->nulls == NULL) {
        column->nulls = sqlite3_malloc64(lookup->capacity);
        if (column->nulls == NULL) {
            return false;
        }
        memset(column->nulls, 0, lookup->count);
    }
    for (size_t i = 0; i < count; i++) {
        column->nulls[lookup->count + i] = !is_valid(array, i);
    }
    return true;
}

/* Cells of the rows [first, first + count) of a batch's column. */
static bool
make_texts(struct fi_sqlvalue_lookup *lookup, uint64_t *cells, const firn_scan_array *array,
           size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool is_there = is_valid(array, first + i);
        firn_slice bytes = is_there ? array->as.bytes[first + i] : firn_bytes(NULL, 0);
        struct text *text = parse_bytes(lookup, sizeof *text + bytes.size);
        if (text == NULL) {
            return false;
        }
        text->size = bytes.size;
        if (bytes.size > 0) {
            memcpy(text->bytes, bytes.data, bytes.size);
        }
        cells[i] = (uint64_t)(uintptr_t)text;
    }
    return true;
}

static bool
make_cells(struct fi_sqlvalue_lookup *lookup, size_t place, const firn_scan_array *array,
           size_t first, size_t count)
{
    uint64_t *cells = lookup->open + place * PAGE_ROWS + lookup->open_rows;
    const firn_type type = lookup->columns[place].type;
    assert(lookup->open_rows + count <= PAGE_ROWS);
    if (fi_type_has_bytes(type)) {
        return make_texts(lookup, cells, array, first, count);
    }
    if (type == FIRN_TYPE_F32) {
        for (size_t i = 0; i < count; i++) {
            cells[i] = 0;
            memcpy(&cells[i], &array->as.f32[first + i], sizeof(float));
        }
    } else {
        memcpy(cells, array->as.u64 + first, count * sizeof cells[0]);
    }
    return true;
}

/* Adds the rows from `first` on that the open page has room for. Returns how many; 0: no memory. */
static size_t
fill_page(struct fi_sqlvalue_lookup *lookup, const firn_scan_batch *batch, size_t first)
{
    const size_t left = firn_scan_batch_rows(batch) - first;
    const size_t room = PAGE_ROWS - lookup->open_rows;
    const size_t count = left < room ? left : room;
    for (size_t i = 0; i < lookup->width; i++) {
        firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
        firn_scan_batch_column(batch, i, &array);
        if (!make_cells(lookup, i, &array, first, count)) {
            return 0;
        }
    }
    lookup->open_rows += count;
    return lookup->open_rows < PAGE_ROWS || close_page(lookup) ? count : 0;
}

static int
add_batch(struct fi_sqlvalue_lookup *lookup, const firn_scan_batch *batch, firn_error *err)
{
    const size_t count = firn_scan_batch_rows(batch);
    bool is_fine = make_room(lookup, count);
    for (size_t i = 0; i < lookup->width && is_fine; i++) {
        firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
        firn_scan_batch_column(batch, i, &array);
        is_fine = add_nulls(lookup, &lookup->columns[i], &array, count);
    }
    for (size_t first = 0; is_fine && first < count;) {
        const size_t added = fill_page(lookup, batch, first);
        is_fine = added > 0;
        first += added;
    }
    if (!is_fine) {
        return fi_sqlvalue_no_memory(err);
    }
    lookup->count += count;
    return FIRN_OK;
}

static bool
has_null_key(const struct fi_sqlvalue_lookup *lookup, size_t row)
{
    for (size_t i = 0; i < lookup->key_count; i++) {
        const uint8_t *nulls = lookup->columns[lookup->keys[i]].nulls;
        if (nulls != NULL && nulls[row - 1] != 0) {
            return true;
        }
    }
    return false;
}

/* Whether the key is a number, and numbers lie so close together that each can have a slot of its
 * own. */
static bool
find_range(struct fi_sqlvalue_lookup *lookup, uint64_t *out_slots)
{
    const size_t place = lookup->key_count == 1 ? lookup->keys[0] : 0;
    const struct column *column = &lookup->columns[place];
    if (lookup->key_count != 1 || fi_type_has_bytes(column->type) || column->nulls != NULL ||
        lookup->count == 0) {
        return false;
    }
    int64_t smallest = (int64_t)cell_at(lookup, 1, place);
    int64_t largest = smallest;
    for (size_t i = 1; i < lookup->count; i++) {
        int64_t number = (int64_t)cell_at(lookup, i + 1, place);
        smallest = number < smallest ? number : smallest;
        largest = number > largest ? number : largest;
    }
    lookup->first = (uint64_t)smallest;
    const uint64_t span = (uint64_t)largest - (uint64_t)smallest;
    if (span > DENSE_SPAN * (uint64_t)lookup->count) {
        return false;
    }
    *out_slots = span + 1;
    return true;
}

static bool
has_same_key(const struct fi_sqlvalue_lookup *lookup, size_t a, size_t b)
{
    for (size_t i = 0; i < lookup->key_count; i++) {
        const size_t place = lookup->keys[i];
        if (fi_type_has_bytes(lookup->columns[place].type)) {
            const struct text *first = text_of(cell_at(lookup, a, place));
            const struct text *second = text_of(cell_at(lookup, b, place));
            if (first->size != second->size ||
                memcmp(first->bytes, second->bytes, first->size) != 0) {
                return false;
            }
        } else if (cell_at(lookup, a, place) != cell_at(lookup, b, place)) {
            return false;
        }
    }
    return true;
}

/* The slot of a row's key, which may be empty. */
static size_t
parse_slot(const struct fi_sqlvalue_lookup *lookup, size_t row)
{
    if (lookup->is_dense) {
        return (size_t)(cell_at(lookup, row, lookup->keys[0]) - lookup->first);
    }
    size_t at = slot_of_row(lookup, row);
    while (lookup->slots[at] != 0 && !has_same_key(lookup, lookup->slots[at], row)) {
        at = (at + 1) & lookup->slot_mask;
    }
    return at;
}

/* From the last row to the first, so that lists are in the order of rows. */
static int
index_rows(struct fi_sqlvalue_lookup *lookup, firn_error *err)
{
    uint64_t slots = 16; /* a power of two, unless keys are dense */
    lookup->is_dense = find_range(lookup, &slots);
    while (!lookup->is_dense && slots < 2 * lookup->count) {
        slots *= 2;
    }
    lookup->slots = sqlite3_malloc64(slots * sizeof lookup->slots[0]);
    lookup->next = sqlite3_malloc64((lookup->count + 1) * sizeof lookup->next[0]);
    if (lookup->slots == NULL || lookup->next == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    memset(lookup->slots, 0, slots * sizeof lookup->slots[0]);
    lookup->slot_mask = slots - 1;
    for (size_t row = lookup->count; row > 0; row--) {
        lookup->next[row - 1] = 0;
        if (has_null_key(lookup, row)) {
            continue; /* equal to nothing */
        }
        size_t at = parse_slot(lookup, row);
        lookup->next[row - 1] = lookup->slots[at];
        lookup->slots[at] = (uint32_t)row;
    }
    return FIRN_OK;
}

static int
read_scan(struct fi_sqlvalue_lookup *lookup, firn_scan *scan, bool *out_fits, firn_error *err)
{
    const firn_scan_batch *batch = NULL;
    for (size_t i = 0; i < lookup->width; i++) {
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(scan, i, &column);
        lookup->columns[i].type = column.type;
    }
    int rc = firn_scan_next(scan, &batch, err);
    *out_fits = true;
    while (rc == FIRN_OK && batch != NULL && *out_fits) {
        rc = add_batch(lookup, batch, err);
        *out_fits = lookup->total_bytes <= BYTES_MAX && lookup->count < ROWS_MAX / 2;
        rc = rc == FIRN_OK && *out_fits ? firn_scan_next(scan, &batch, err) : rc;
    }
    return rc;
}

int
fi_sqlvalue_lookup_create(firn_scan *scan, const size_t *keys, size_t key_count,
                          struct fi_sqlvalue_lookup **out, firn_error *err)
{
    assert(key_count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    bool fits = false;
    struct fi_sqlvalue_lookup *lookup = sqlite3_malloc64(sizeof *lookup);
    *out = NULL;
    if (lookup == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    memset(lookup, 0, sizeof *lookup);
    lookup->width = firn_scan_column_count(scan);
    lookup->key_count = key_count;
    memcpy(lookup->keys, keys, key_count * sizeof keys[0]);
    lookup->columns = sqlite3_malloc64(lookup->width * sizeof lookup->columns[0]);
    int rc = FIRN_OK;
    lookup->open = sqlite3_malloc64(lookup->width * PAGE_ROWS * sizeof lookup->open[0]);
    if (lookup->columns == NULL || lookup->open == NULL) {
        rc = fi_sqlvalue_no_memory(err);
    } else {
        memset(lookup->columns, 0, lookup->width * sizeof lookup->columns[0]);
        rc = read_scan(lookup, scan, &fits, err);
    }
    if (rc == FIRN_OK && fits) {
        rc = close_page(lookup) ? index_rows(lookup, err) : fi_sqlvalue_no_memory(err);
        sqlite3_free(lookup->open);
        lookup->open = NULL;
    }
    if (rc != FIRN_OK || !fits) {
        fi_sqlvalue_lookup_destroy(lookup);
        return rc;
    }
    *out = lookup;
    return FIRN_OK;
}
