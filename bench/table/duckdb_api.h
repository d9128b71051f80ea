/* SPDX-License-Identifier: Apache-2.0
 *
 * duckdb_api.h: the part of DuckDB's C interface that the benchmark uses, loaded at run time.
 *
 * Debian has no DuckDB. The extension module in its wheel on PyPI exports the C interface beside Python's, so that no
 * header and no library is needed to build: the declarations are those of DuckDB's documentation of the C
 * interface, of functions that have been stable since its release 1.0.
 */
#ifndef BENCH_TABLE_DUCKDB_API_H
#define BENCH_TABLE_DUCKDB_API_H

#include <stdbool.h>
#include <stdint.h>

struct duckdb_result {
    uint64_t reserved[3];
    void *reserved_pointers[2];
    void *internal;
};

/* Texts of at most 12 bytes lie in the struct itself. */
enum { DUCKDB_INLINED_MAX = 12 };
union duckdb_text {
    struct {
        uint32_t size;
        char bytes[DUCKDB_INLINED_MAX];
    } inlined;
    struct {
        uint32_t size;
        char prefix[4];
        const char *data;
    } pointer;
};

/* Numbers of column types. */
enum {
    DUCKDB_INTEGER = 4,
    DUCKDB_BIGINT = 5,
    DUCKDB_DOUBLE = 11,
    DUCKDB_TIMESTAMP = 12,
    DUCKDB_DATE = 13,
    DUCKDB_HUGEINT = 16,
    DUCKDB_VARCHAR = 17,
    DUCKDB_DECIMAL = 19
};

/* name, type. Handles are pointers; 0 is success. */
#define DUCKDB_FUNCTIONS(X)                                                                      \
    X(library_version, const char *(void))                                                       \
    X(create_config, int(void **out))                                                            \
    X(set_config, int(void *config, const char *name, const char *value))                        \
    X(destroy_config, void(void **config))                                                       \
    X(open_ext, int(const char *path, void **out, void *config, char **out_error))               \
    X(close, void(void **database))                                                              \
    X(connect, int(void *database, void **out))                                                  \
    X(disconnect, void(void **connection))                                                       \
    X(query, int(void *connection, const char *sql, struct duckdb_result *out))                  \
    X(rows_changed, uint64_t(struct duckdb_result *result))                                      \
    X(result_error, const char *(struct duckdb_result * result))                                 \
    X(destroy_result, void(struct duckdb_result * result))                                       \
    X(prepare, int(void *connection, const char *sql, void **out))                               \
    X(prepare_error, const char *(void *statement))                                              \
    X(destroy_prepare, void(void **statement))                                                   \
    X(nparams, uint64_t(void *statement))                                                        \
    X(bind_int32, int(void *statement, uint64_t i, int32_t value))                               \
    X(bind_int64, int(void *statement, uint64_t i, int64_t value))                               \
    X(bind_double, int(void *statement, uint64_t i, double value))                               \
    X(bind_varchar_length, int(void *statement, uint64_t i, const char *text, uint64_t size))    \
    X(execute_prepared, int(void *statement, struct duckdb_result *out))                         \
    X(fetch_chunk, void *(struct duckdb_result result))                                          \
    X(create_data_chunk, void *(void **types, uint64_t count))                                   \
    X(destroy_data_chunk, void(void **chunk))                                                    \
    X(data_chunk_reset, void(void *chunk))                                                       \
    X(data_chunk_set_size, void(void *chunk, uint64_t size))                                     \
    X(data_chunk_get_size, uint64_t(void *chunk))                                                \
    X(data_chunk_get_column_count, uint64_t(void *chunk))                                        \
    X(data_chunk_get_vector, void *(void *chunk, uint64_t column))                               \
    X(vector_size, uint64_t(void))                                                               \
    X(vector_get_data, void *(void *vector))                                                     \
    X(vector_get_column_type, void *(void *vector))                                              \
    X(vector_assign_string_element_len,                                                          \
      void(void *vector, uint64_t row, const char *text, uint64_t size))                         \
    X(create_logical_type, void *(int type))                                                     \
    X(create_decimal_type, void *(uint8_t width, uint8_t scale))                                 \
    X(destroy_logical_type, void(void **type))                                                   \
    X(get_type_id, int(void *type))                                                              \
    X(decimal_scale, uint8_t(void *type))                                                        \
    X(decimal_internal_type, int(void *type))                                                    \
    X(appender_create, int(void *connection, const char *schema, const char *table, void **out)) \
    X(append_data_chunk, int(void *appender, void *chunk))                                       \
    X(appender_error, const char *(void *appender))                                              \
    X(appender_close, int(void *appender))                                                       \
    X(appender_destroy, int(void **appender))

struct duckdb_api {
#define DUCKDB_MEMBER(name, type) __typeof__(type) *(name);
    DUCKDB_FUNCTIONS(DUCKDB_MEMBER)
#undef DUCKDB_MEMBER
};

#endif
