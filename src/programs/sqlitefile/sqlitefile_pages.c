/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_pages.c: whether the pages of a foreign database are the trees that they
 * should be, before SQLite reads rows of it.
 *
 * The pages of a table are a tree (1.6 of SQLite's file format). SQLite follows the numbers of
 * pages as they are: in a crafted file of eight pages, in which each of them names the next one 400
 * times, it finds 400^6 rows. So a database that somebody else made is walked once here, before any
 * statement reads from it:
 *
 *     (I1) each page is part of one tree or one chain of overflow pages, and in one place of it;
 *     (I2; not checked: an error, not an assertion) the cells of a page have room in it side by
 *     side, so rows take bytes of the file that no other row takes; (I3; not checked: likewise) the
 *     rowids of a table ascend, and those below an inner page are on the right side of its keys.
 *
 * So work and memory are bounded by the size of the file, and so is what SQLite finds afterwards.
 * SQLite's own PRAGMA integrity_check compares all values and indexes too, which takes many times
 * as long, and reads the schema first, which may be such a graph itself. Whether the values of a
 * cell make sense is left to SQLite.
 *
 * The order of an index's keys depends on collations, and is not checked. Pages that are free, and
 * those with pointers of auto_vacuum, are never read. The bytes of the file are read in the order
 * of the tree, and each page once.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlitefile/sqlitefile_pages.h"
#include "term/term_try.h"

enum {
    HEADER_SIZE = 100,
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 65536,
    USABLE_MIN = 480,
    DEPTH_MAX = 20, /* SQLite's own limit */
    CELL_SIZE_MIN = 4,
    PART_PAGES = 1 << 15,
    PARTS_MAX = 1 << 17 /* 2^32 pages */
};

enum kind { INNER_INDEX = 2, INNER_TABLE = 5, LEAF_INDEX = 10, LEAF_TABLE = 13 };

/* A page that is being walked. */
struct level {
    uint8_t *page; /* allocated when the depth is first reached */
    uint32_t number;
    size_t head; /* where its header begins */
    enum kind kind;
    unsigned cells;
    unsigned next; /* cell */
    size_t used;   /* bytes of the header, the pointers and the cells so far */
};

struct fi_sqlitefile_pages {
    int file;
    size_t page_size;
    size_t usable;
    uint64_t count; /* pages in the file */
    uint8_t **seen; /* (I1): bits, in parts */
    struct level levels[DEPTH_MAX];
    int64_t last; /* rowid */
    bool has_last;
    firn_error *err;
};

static uint32_t
load_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned
load_be16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static int
sqlitefile_pages_damaged(const struct fi_sqlitefile_pages *pages, uint32_t page, const char *what)
{
    return fi_sqlitefile_fail(pages->err, FIRN_CORRUPT, "page %" PRIu32 " of the database %s", page,
                              what);
}

static int
no_memory(const struct fi_sqlitefile_pages *pages)
{
    return fi_sqlitefile_fail(pages->err, FIRN_NO_MEMORY, "out of memory");
}

/* ---- pages ---- */

/* Notes a page. (I1) */
static int
sqlitefile_pages_mark(struct fi_sqlitefile_pages *pages, uint32_t from, uint32_t page)
{
    if (page == 0 || page > pages->count) {
        return sqlitefile_pages_damaged(pages, from, "names one that does not exist");
    }
    uint8_t **part = &pages->seen[page / PART_PAGES];
    if (*part == NULL) {
        *part = calloc(PART_PAGES / 8, 1);
    }
    if (*part == NULL) {
        return no_memory(pages);
    }
    uint8_t *byte = *part + page % PART_PAGES / 8;
    const uint8_t bit = (uint8_t)(1U << page % 8);
    if ((*byte & bit) != 0) {
        return sqlitefile_pages_damaged(pages, page, "is in two places");
    }
    *byte |= bit;
    return FIRN_OK;
}

static int
read_page(const struct fi_sqlitefile_pages *pages, uint32_t page, size_t size, uint8_t *out)
{
    const uint64_t offset = (uint64_t)(page - 1) * pages->page_size;
    assert(size <= pages->page_size && page > 0);
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(pages->file, out + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? sqlitefile_pages_damaged(pages, page, "is not all there")
                            : fi_sqlitefile_fail(pages->err, FIRN_IO,
                                                 "could not read a database: %s", strerror(errno));
        }
        at += (size_t)got;
    }
    return FIRN_OK;
}

/* ---- cells ---- */

/* SQLite's: up to eight bytes of seven bits, and a ninth of eight. */
static bool
take_varint(const uint8_t *page, size_t end, size_t *at, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < 9; i++) {
        if (*at >= end) {
            return false;
        }
        const uint8_t byte = page[(*at)++];
        if (i == 8) {
            *out = value << 8 | byte;
            return true;
        }
        value = value << 7 | (byte & 0x7fU);
        if (byte < 0x80) {
            break;
        }
    }
    *out = value;
    return true;
}

/* How many bytes of a payload its cell has; the others are in overflow pages. */
static size_t
local_size(const struct fi_sqlitefile_pages *pages, enum kind kind, uint64_t payload)
{
    const size_t usable = pages->usable;
    const size_t most = kind == LEAF_TABLE ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    const size_t least = (usable - 12) * 32 / 255 - 23;
    if (payload <= most) {
        return (size_t)payload;
    }
    const size_t wanted = least + (size_t)((payload - least) % (usable - 4));
    return wanted <= most ? wanted : least;
}

static int
walk_overflow(struct fi_sqlitefile_pages *pages, uint32_t from, uint32_t page, uint64_t left)
{
    uint8_t next[4] = {0};
    int code = FIRN_OK;
    while (code == FIRN_OK && left > 0) {
        const uint64_t part = pages->usable - 4;
        code = sqlitefile_pages_mark(pages, from, page);
        code = code == FIRN_OK ? read_page(pages, page, sizeof next, next) : code;
        left -= left < part ? left : part;
        from = page;
        page = load_be32(next);
    }
    return code;
}

/* (I3) */
static int
take_rowid(struct fi_sqlitefile_pages *pages, const struct level *level, int64_t rowid)
{
    const bool is_leaf = level->kind == LEAF_TABLE;
    if (pages->has_last && (is_leaf ? rowid <= pages->last : rowid < pages->last)) {
        return sqlitefile_pages_damaged(pages, level->number, "has rowids that do not ascend");
    }
    pages->has_last = true;
    pages->last = rowid;
    return FIRN_OK;
}

/* Takes the next cell of a page; of an inner page its child was walked before. */
static int
take_cell(struct fi_sqlitefile_pages *pages, struct level *level)
{
    const uint8_t *page = level->page;
    const bool is_inner = level->kind == INNER_INDEX || level->kind == INNER_TABLE;
    const bool is_table = level->kind == INNER_TABLE || level->kind == LEAF_TABLE;
    const size_t pointers = level->head + (is_inner ? 12 : 8);
    const size_t begin = load_be16(page + pointers + 2 * (size_t)level->next++);
    const size_t end = pages->usable;
    size_t at = begin + (is_inner ? 4 : 0);
    uint64_t payload = 0;
    uint64_t rowid = 0;
    uint64_t over = 0;
    bool is_whole = begin >= pointers + 2 * (size_t)level->cells && at <= end;
    if (level->kind != INNER_TABLE) {
        is_whole = is_whole && take_varint(page, end, &at, &payload) && payload <= INT32_MAX;
    }
    is_whole = is_whole && (!is_table || take_varint(page, end, &at, &rowid));
    const size_t local = is_whole ? local_size(pages, level->kind, payload) : 0;
    over = payload - local;
    is_whole = is_whole && end - at >= local + (over > 0 ? 4 : 0);
    if (!is_whole) {
        return sqlitefile_pages_damaged(pages, level->number, "has a cell outside of itself");
    }
    const size_t size = at - begin + local + (over > 0 ? 4 : 0);
    level->used += size < CELL_SIZE_MIN ? CELL_SIZE_MIN : size;
    if (level->used > end) {
        return sqlitefile_pages_damaged(pages, level->number,
                                        "has cells in each other's place"); /* (I2) */
    }
    FI_TRY_RETURN(is_table ? take_rowid(pages, level, (int64_t)rowid) : FIRN_OK);
    if (over > 0) {
        return walk_overflow(pages, level->number, load_be32(page + at + local), over);
    }
    return FIRN_OK;
}

/* ---- trees ---- */

/* Reads a page of a tree; like is one of the same tree, or NULL. */
static int
sqlitefile_pages_enter(struct fi_sqlitefile_pages *pages, size_t depth, uint32_t from,
                       uint32_t page)
{
    if (depth == DEPTH_MAX) {
        return sqlitefile_pages_damaged(pages, from, "is too deep in its tree");
    }
    struct level *level = &pages->levels[depth];
    if (level->page == NULL) {
        level->page = malloc(pages->page_size);
    }
    if (level->page == NULL) {
        return no_memory(pages);
    }
    FI_TRY_RETURN(sqlitefile_pages_mark(pages, from, page));
    FI_TRY_RETURN(read_page(pages, page, pages->page_size, level->page));
    const size_t head = page == 1 ? HEADER_SIZE : 0;
    const uint8_t kind = level->page[head];
    const bool is_inner = kind == INNER_INDEX || kind == INNER_TABLE;
    if (!is_inner && kind != LEAF_INDEX && kind != LEAF_TABLE) {
        return sqlitefile_pages_damaged(pages, page, "is none of a tree");
    }
    const bool is_table = kind == INNER_TABLE || kind == LEAF_TABLE;
    level->number = page;
    level->head = head;
    level->kind = (enum kind)kind;
    level->cells = load_be16(level->page + head + 3);
    level->next = 0;
    level->used = head + (is_inner ? 12 : 8) + 2 * (size_t)level->cells;
    if (depth > 0 && is_table != (pages->levels[0].kind == INNER_TABLE)) {
        return sqlitefile_pages_damaged(pages, page, "is of another kind of tree");
    }
    return level->used <= pages->usable
               ? FIRN_OK
               : sqlitefile_pages_damaged(pages, page, "has more cells than room");
}

/* The child before the next cell of an inner page, or after its last. */
static uint32_t
child_of(const struct level *level)
{
    const uint8_t *head = level->page + level->head;
    if (level->next == level->cells) {
        return load_be32(head + 8);
    }
    return load_be32(level->page + load_be16(head + 12 + 2 * (size_t)level->next));
}

static bool
has_child(const struct fi_sqlitefile_pages *pages, const struct level *level)
{
    const uint8_t *head = level->page + level->head;
    return level->next == level->cells ||
           load_be16(head + 12 + 2 * (size_t)level->next) + 4U <= pages->usable;
}

int
fi_sqlitefile_pages_walk(struct fi_sqlitefile_pages *pages, uint32_t root, firn_error *err)
{
    size_t depth = 0;                   /* of the page at hand */
    bool is_below[DEPTH_MAX] = {false}; /* whether the child before the next cell was walked */
    pages->err = err;
    pages->has_last = false;
    int code = sqlitefile_pages_enter(pages, 0, root, root);
    while (code == FIRN_OK) {
        struct level *level = &pages->levels[depth];
        const bool is_inner = level->kind == INNER_INDEX || level->kind == INNER_TABLE;
        if (is_inner && !is_below[depth]) {
            is_below[depth] = true;
            code = has_child(pages, level)
                       ? sqlitefile_pages_enter(pages, depth + 1, level->number, child_of(level))
                       : sqlitefile_pages_damaged(pages, level->number,
                                                  "has a cell outside of itself");
            depth++;
            if (code == FIRN_OK) {
                is_below[depth] = false;
            }
        } else if (level->next < level->cells) {
            code = take_cell(pages, level);
            is_below[depth] = false;
        } else if (depth == 0) {
            break;
        } else {
            depth--;
        }
    }
    return code;
}

int
fi_sqlitefile_pages_open(int file, struct fi_sqlitefile_pages **out, firn_error *err)
{
    struct stat info;
    uint8_t header[HEADER_SIZE];
    struct fi_sqlitefile_pages *pages = calloc(1, sizeof *pages);
    *out = pages;
    if (pages == NULL) {
        (void)close(file);
        return fi_sqlitefile_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    pages->file = file;
    pages->err = err;
    pages->seen = calloc(PARTS_MAX, sizeof *pages->seen);
    int code = pages->seen == NULL ? no_memory(pages) : FIRN_OK;
    if (code == FIRN_OK && fstat(file, &info) != 0) {
        code = fi_sqlitefile_fail(err, FIRN_IO, "could not read a database: %s", strerror(errno));
    }
    if (code == FIRN_OK && pread(file, header, sizeof header, 0) != (ssize_t)sizeof header) {
        code = fi_sqlitefile_fail(err, FIRN_CORRUPT, "file is not a database");
    }
    if (code == FIRN_OK) {
        const size_t size = load_be16(header + 16);
        pages->page_size = size == 1 ? PAGE_SIZE_MAX : size;
        pages->usable = pages->page_size - header[20];
        const bool is_power = (pages->page_size & (pages->page_size - 1)) == 0;
        if (!is_power || pages->page_size < PAGE_SIZE_MIN || pages->usable < USABLE_MIN) {
            code = fi_sqlitefile_fail(err, FIRN_CORRUPT, "file is not a database");
        } else {
            const uint64_t count = (uint64_t)info.st_size / pages->page_size;
            pages->count = count < UINT32_MAX ? count : UINT32_MAX;
        }
    }
    if (code != FIRN_OK) {
        fi_sqlitefile_pages_close(pages);
        *out = NULL;
    }
    return code;
}

void
fi_sqlitefile_pages_close(struct fi_sqlitefile_pages *pages)
{
    if (pages == NULL) {
        return;
    }
    for (size_t i = 0; pages->seen != NULL && i < PARTS_MAX; i++) {
        free(pages->seen[i]);
    }
    for (size_t i = 0; i < DEPTH_MAX; i++) {
        free(pages->levels[i].page);
    }
    free(pages->seen);
    (void)close(pages->file);
    free(pages);
}
