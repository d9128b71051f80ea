/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/arrow.h: scans as Arrow data, for programs and libraries that read it (pyarrow, polars, DuckDB, ...).
 *
 *     code = firn_scan_to_arrow(scan, &stream, &err);
 *     while (code == FIRN_OK && stream.get_next(&stream, &array) == 0 && array.release != NULL) {
 *         ...
 *         array.release(&array);
 *     }
 *     stream.release(&stream);
 *
 * The structures are those of the Arrow C data interface and C stream interface
 * (https://arrow.apache.org/docs/format/CDataInterface.html). Another header may have defined them already.
 *
 *     firn                 Arrow                       format
 *     bool                 bool                        b
 *     i8 ... i64           int8 ... int64              c s i l
 *     u8 ... u64           uint8 ... uint64            C S I L
 *     f32, f64             float32, float64            f g
 *     decimal(p, s)        decimal128(p, s)            d:p,s
 *     date                 date32                      tdD
 *     timestamp            timestamp[us, UTC]          tsu:UTC
 *     text, blob           utf8, binary                u z
 *     uuid                 fixed_size_binary(16)       w:16, extension arrow.uuid
 *     vector(n)            fixed_size_list(float32)    +w:n
 */
#ifndef FIRN_ARROW_H
#define FIRN_ARROW_H

#include "scan.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

/* Turns a scan into a stream of struct arrays, with one field for each column and up to 65,536 rows each. The
 * stream owns the scan from then on, even if the call fails; releasing the stream closes the scan. Schemas and
 * arrays stay valid after the stream is released, and even after the store is closed; some arrays then still hold
 * memory of its cache. Each array, and each of its columns, can be released on its own, in any order, by any thread.
 * The stream itself follows the thread rules of the scan. firn_store_close returns FIRN_MISUSE until the stream is
 * released. */
FIRN_API FIRN_MUST_CHECK int firn_scan_to_arrow(firn_scan *scan, struct ArrowArrayStream *out,
                                                firn_error *err);

typedef struct firn_arrow_import_options {
    size_t size; /* sizeof(firn_arrow_import_options) */
    firn_callbacks callbacks;
} firn_arrow_import_options;
#define FIRN_ARROW_IMPORT_OPTIONS_INIT                         \
    {                                                          \
        sizeof(firn_arrow_import_options), FIRN_CALLBACKS_INIT \
    }

/* Inserts the rows of a stream into a table, in one load (table.h, "many rows at once"). Each field goes to the
 * column with its name; other columns get their defaults. Besides the formats above, 64-bit offsets, string and
 * binary views, dictionaries, times in other units, and fixed-size binary of other sizes are accepted. Values
 * must fit their columns exactly; only decimals are rounded, in floating-point columns. The stream is released,
 * even if the call fails. options and out_rows may be NULL. FIRN_INVALID names the field, FIRN_UNSUPPORTED a
 * format without a corresponding type. FIRN_IO if the stream failed. FIRN_EXISTS and others as for loads.
 * Requires: the stream obeys the rules of the interface. The sizes of its buffers cannot be checked. */
FIRN_API FIRN_MUST_CHECK int firn_table_import_arrow(firn_table *table,
                                                     struct ArrowArrayStream *stream,
                                                     const firn_arrow_import_options *options,
                                                     uint64_t *out_rows, firn_error *err);
/* Derives the definition of a table for the rows of a stream with this schema, as a text for
 * firn_table_def_parse. The caller frees *out with firn_release. key: names of the columns of the primary key;
 * with key_count 0, a new column "row" numbers the rows. */
FIRN_API FIRN_MUST_CHECK int firn_arrow_definition(const struct ArrowSchema *schema,
                                                   const char *const *key, size_t key_count,
                                                   char **out, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
