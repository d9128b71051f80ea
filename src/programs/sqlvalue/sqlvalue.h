/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue.h: values of firn as values of SQLite, and back: one at a time, as columns of a
 * batch, as ranges that a comparison is true of, and as rows in memory.
 *
 * Threads: each thing is used by one thread at a time, as the connection of SQLite is.
 */
#ifndef FIRN_SQLVALUE_SQLVALUE_H
#define FIRN_SQLVALUE_SQLVALUE_H

#include <sqlite3ext.h> /* each .c has SQLITE_EXTENSION_INIT3 after this header */

#include "firn/firn.h"
#include "type/type.h"

/* ==== failures ==== */

/* Fills an error: for failures that are born in the rooms of SQL. Returns the code. */
int fi_sqlvalue_error(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int fi_sqlvalue_no_memory(firn_error *err);

/* ==== values ==== */

/* What the values of a type are in SQLite:
 *
 *     firn            SQLite, both ways          declared as           what else a column takes
 *     bool            INTEGER 0, 1               BOOLEAN               TEXT that is a bool
 *     i8 … i64        INTEGER                    TINYINT … BIGINT      REAL, TEXT: if whole
 *     u8 … u64        INTEGER; above 2^63 - 1    … UNSIGNED            the same
 *                     REAL, the nearest (as SQLite reads such literals)
 *     f32, f64        REAL; NaN is NULL          FLOAT, DOUBLE         INTEGER, TEXT
 *     decimal(p, 0)   INTEGER                    DECIMAL(p,0)          TEXT, REAL that is whole
 *     decimal(p, s)   REAL, the nearest; exact   DECIMAL(p,s)          INTEGER; TEXT exactly;
 *                     both ways up to 15 digits                        REAL by its 15 digits
 *     date            TEXT 2026-01-31            DATE TEXT             –
 *     timestamp       TEXT 2026-01-31 23:59:59.5 TIMESTAMP TEXT        date; with T, with Z
 *     text            TEXT                       TEXT                  INTEGER, REAL: their text
 *     uuid            TEXT, lower case           UUID TEXT             BLOB of 16 bytes
 *     blob            BLOB                       BLOB                  TEXT: its bytes
 *     vector(n)       BLOB, n f32 little endian  BLOB VECTOR(n)        TEXT [1.0,2.5]
 */
enum fi_sqlvalue_class { FI_SQLVALUE_NUMBER, FI_SQLVALUE_TEXT, FI_SQLVALUE_BLOB };
enum fi_sqlvalue_class fi_sqlvalue_class_of(firn_type type);
static inline bool
fi_sqlvalue_is_number(firn_type type)
{
    return fi_sqlvalue_class_of(type) == FI_SQLVALUE_NUMBER;
}

/* Gives a value of a column to SQLite; copies bytes. `column`: type, scale (name and the rest may
 * be unset). */
void fi_sqlvalue_result(sqlite3_context *ctx, const firn_table_column *column, firn_value value);
/* Gives a text, which may be empty; copies it. */
void fi_sqlvalue_text(sqlite3_context *ctx, firn_slice text);
/* A column of a batch, and what gives its values, which are not null, to SQLite: for types that are
 * many, a shorter way than fi_sqlvalue_result. */
struct fi_sqlvalue_cell;
struct fi_sqlvalue_dates;
typedef void fi_sqlvalue_give(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell,
                              size_t row);
struct fi_sqlvalue_cell {
    fi_sqlvalue_give *give;
    firn_scan_array array;
    const firn_table_column *column;
    union {
        struct fi_sqlvalue_dates *dates; /* NULL: they are made each time */
        struct fi_sqlvalue_texts *texts; /* NULL: texts are copied */
    } made;
    struct fi_sqlvalue_known *known; /* the cursor's own, with made.texts */
    bool is_integer;                 /* give does nothing else than sqlite3_result_int64 */
    bool is_asked;                   /* SQLite has asked for a value since this was seen last */
};
/* Sets what gives values of the cell's column, and is_integer. */
void fi_sqlvalue_set_giver(struct fi_sqlvalue_cell *cell);
/* The cell has another batch. Where knowing texts is not worth it, they are copied from now on. */
void fi_sqlvalue_begin_batch(struct fi_sqlvalue_cell *cell);
firn_value fi_sqlvalue_of_array(const firn_scan_array *array, firn_type type, size_t row);

double fi_sqlvalue_decimal(int64_t units, uint32_t scale);
/* The text of a date or a timestamp, without a NUL; returns its size. */
static inline size_t
fi_sqlvalue_time(firn_type type, int64_t number, char out[FI_CALENDAR_TEXT_SIZE_MAX])
{
    return type == FIRN_TYPE_DATE ? fi_calendar_write_date(number, out)
                                  : fi_calendar_write_timestamp(number, out);
}
bool fi_sqlvalue_is_utf8(const uint8_t *text, size_t size);

/* The texts of dates (sqlvalue_dates.c), which are good until the table goes. NULL: no memory. */
struct fi_sqlvalue_dates *fi_sqlvalue_dates_create(void);
void fi_sqlvalue_dates_destroy(struct fi_sqlvalue_dates *dates);
/* The text of a date, with a NUL after it; NULL: there is none yet. */
const char *fi_sqlvalue_dates_find(const struct fi_sqlvalue_dates *dates, int64_t days);
/* The same, made if there is none; NULL: the caller has to make it, each time. */
const char *fi_sqlvalue_dates_make(struct fi_sqlvalue_dates *dates, int64_t days);

/* Texts that come again and again (sqlvalue_texts.c), which are good until the table goes. */
void fi_sqlvalue_texts_destroy(struct fi_sqlvalue_texts *texts);
/* What a column knows of the texts of a batch, by their addresses. */
enum { FI_SQLVALUE_KNOWN_BITS = 8 };
struct fi_sqlvalue_known_text {
    const uint8_t *data;
    size_t size;
    uint64_t batch;
    const char *text; /* the kept one; NULL: it came once */
};
struct fi_sqlvalue_known {
    uint64_t batch;
    size_t misses;
    struct fi_sqlvalue_known_text slots[1 << FI_SQLVALUE_KNOWN_BITS];
};
static inline struct fi_sqlvalue_known_text *
fi_sqlvalue_texts_slot(struct fi_sqlvalue_known *known, firn_slice text)
{
    const uint64_t hash = (uint64_t)(uintptr_t)text.data * UINT64_C(0x9e3779b97f4a7c15);
    return &known->slots[hash >> (64 - FI_SQLVALUE_KNOWN_BITS)];
}
/* The kept text with the same bytes and a NUL after them, for a text of the batch whose slot does
 * not have it; NULL: the caller has to copy it. */
const char *fi_sqlvalue_texts_learn(struct fi_sqlvalue_texts *texts,
                                    struct fi_sqlvalue_known *known, firn_slice text);
/* Requires: the cell's column is set. If the column is of texts, and there is memory, sets
 * made.texts and cell->known, which the caller frees. *texts: the texts of the table; made if NULL,
 * and destroyed by the caller. */
void fi_sqlvalue_texts_open(struct fi_sqlvalue_texts **texts, struct fi_sqlvalue_cell *cell);
/* The column has another batch. Returns false where knowing its texts is not worth it. */
bool fi_sqlvalue_texts_begin(struct fi_sqlvalue_known *known);

/* Memory that values made of SQLite's refer to; zero it. One value at a time. */
struct fi_sqlvalue_scratch {
    void *memory; /* of firn_value_parse */
    uint8_t bytes[64];
};
/* Makes a value for a column of one of SQLite's. Bytes are borrowed from `from` or `scratch`.
 * FIRN_INVALID, FIRN_LIMIT with a text that names the column. */
int fi_sqlvalue_make(const firn_table_column *column, sqlite3_value *from,
                     struct fi_sqlvalue_scratch *scratch, firn_value *out, firn_error *err);
void fi_sqlvalue_deinit(struct fi_sqlvalue_scratch *scratch);
/* What a parameter of any type says by itself: INTEGER i64, REAL f64, TEXT text, BLOB blob, NULL
 * null. Borrowed. */
firn_value fi_sqlvalue_any(sqlite3_value *from);
/* The key as the blob of the hidden column firn_key, made of the values of the key's columns, and
 * back. The blob is sqlite3_free'd. */
int fi_sqlvalue_pack_key(const firn_value *key, size_t count, uint8_t **out, size_t *out_size,
                         firn_error *err);
struct fi_sqlvalue_key {
    const char *table; /* its name, for an error */
    const firn_table_column *columns;
    const uint32_t *places; /* of the key's columns */
    size_t count;
};
int fi_sqlvalue_unpack_key(const struct fi_sqlvalue_key *key, firn_slice blob, firn_value *out,
                           uint8_t **out_memory, firn_error *err);
/* "DECIMAL(12,2)" and the like, as declared to SQLite. */
void fi_sqlvalue_type(const firn_table_column *column, char out[48]);
/* The type that a name means, without numbers: as it is declared, or firn's own, in any case.
 * FIRN_TYPE_NULL: none. */
firn_type fi_sqlvalue_type_named(const char *name);

/* ==== comparisons as ranges of values ==== */

/* What a constraint says of a column. */
enum fi_sqlvalue_verdict {
    FI_SQLVALUE_NOTHING,  /* true of no row */
    FI_SQLVALUE_RANGE,    /* of values between two bounds */
    FI_SQLVALUE_NOT_NULL, /* of all values */
    FI_SQLVALUE_NULLS,    /* of null alone */
    FI_SQLVALUE_BUT,      /* of all values but one (bounds.lower) */
    FI_SQLVALUE_BUT_NULL, /* of all values but one, and of null */
    FI_SQLVALUE_ANY,      /* of everything */
    FI_SQLVALUE_UNKNOWN
};

struct fi_sqlvalue_bounds {
    enum fi_sqlvalue_verdict verdict;
    bool has_lower;
    bool has_upper;
    bool lower_exclusive;
    bool upper_exclusive;
    firn_value lower;
    firn_value upper;
};

/* Bounds that a verdict needs no values for. */
struct fi_sqlvalue_bounds fi_sqlvalue_domain_just(enum fi_sqlvalue_verdict verdict);
/* Of which values a comparison (EQ, LT, LE, GT, GE) with an argument is true that is a number, or
 * of a date or timestamp a text. The column is of a type whose order is that of a whole number. */
struct fi_sqlvalue_bounds fi_sqlvalue_domain_compare(const firn_table_column *column, int op,
                                                     sqlite3_value *argument);
/* The one value that is equal to an argument, where that is simple: of integers. False: ask as
 * above. */
bool fi_sqlvalue_domain_find(const firn_table_column *column, sqlite3_value *argument,
                             firn_value *out);

/* ==== rows of a table by some of its columns, in memory ==== */

struct fi_sqlvalue_lookup;
/* Reads a scan to its end. keys: places of the key's columns among those of the scan. *out is NULL
 * if there are too many rows. */
int fi_sqlvalue_lookup_create(firn_scan *scan, const size_t *keys, size_t key_count,
                              struct fi_sqlvalue_lookup **out, firn_error *err);
void fi_sqlvalue_lookup_destroy(struct fi_sqlvalue_lookup *lookup);
/* The number, from 1, of the first row with a key, whose values are of the columns' types and not
 * null; 0: there is none. */
size_t fi_sqlvalue_lookup_find(const struct fi_sqlvalue_lookup *lookup, const firn_value *key);
/* The next row with the same key; 0: there is none. */
size_t fi_sqlvalue_lookup_next(const struct fi_sqlvalue_lookup *lookup, size_t row);
/* A value of a row, by the place of its column in the scan. Its bytes are owned by the lookup. */
firn_value fi_sqlvalue_lookup_value(const struct fi_sqlvalue_lookup *lookup, size_t row,
                                    size_t place);

#endif
