/* SPDX-License-Identifier: Apache-2.0
 *
 * adbc_api.h: the part of ADBC that the benchmark uses to drive chdb, whose module exports nothing
 * else.
 *
 * The declarations are those of Arrow Database Connectivity, version 1.0.0, as its documentation
 * gives them. A driver fills in a struct of functions; rows go in and out as Arrow data, whose
 * structs <firn/arrow.h> declares. Handles are all alike there: two pointers that belong to the
 * driver and to a driver manager, which is not used here.
 */
#ifndef BENCH_TABLE_ADBC_API_H
#define BENCH_TABLE_ADBC_API_H

#include <stdint.h>

#include "firn/arrow.h"

enum { ADBC_VERSION = 1000000 };

#define ADBC_URI "uri"
#define ADBC_INGEST_TABLE "adbc.ingest.target_table"
#define ADBC_INGEST_MODE "adbc.ingest.mode"
#define ADBC_INGEST_APPEND "adbc.ingest.mode.append"

/* Begins as zeros. A message in it is the driver's, and the caller releases it. */
struct adbc_error {
    char *message;
    int32_t vendor_code;
    char sqlstate[5];
    void (*release)(struct adbc_error *error);
};

struct adbc_database {
    void *of_driver, *of_manager;
};
struct adbc_connection {
    void *of_driver, *of_manager;
};
struct adbc_statement {
    void *of_driver, *of_manager;
};

/* The functions in the order of the driver's struct, each as "name, type"; UNUSED is one that the
 * benchmark does not call. 0 is success. */
#define ADBC_FUNCTIONS(X, UNUSED)                                                                 \
    X(database_init, uint8_t(struct adbc_database *, struct adbc_error *))                        \
    X(database_new, uint8_t(struct adbc_database *, struct adbc_error *))                         \
    X(database_set_option,                                                                        \
      uint8_t(struct adbc_database *, const char *name, const char *value, struct adbc_error *))  \
    X(database_release, uint8_t(struct adbc_database *, struct adbc_error *))                     \
    UNUSED(connection_commit)                                                                     \
    UNUSED(connection_get_info)                                                                   \
    UNUSED(connection_get_objects)                                                                \
    UNUSED(connection_get_table_schema)                                                           \
    UNUSED(connection_get_table_types)                                                            \
    X(connection_init,                                                                            \
      uint8_t(struct adbc_connection *, struct adbc_database *, struct adbc_error *))             \
    X(connection_new, uint8_t(struct adbc_connection *, struct adbc_error *))                     \
    UNUSED(connection_set_option)                                                                 \
    UNUSED(connection_read_partition)                                                             \
    X(connection_release, uint8_t(struct adbc_connection *, struct adbc_error *))                 \
    UNUSED(connection_rollback)                                                                   \
    X(statement_bind, uint8_t(struct adbc_statement *, struct ArrowArray *, struct ArrowSchema *, \
                              struct adbc_error *))                                               \
    X(statement_bind_stream,                                                                      \
      uint8_t(struct adbc_statement *, struct ArrowArrayStream *, struct adbc_error *))           \
    X(statement_execute_query, uint8_t(struct adbc_statement *, struct ArrowArrayStream *out,     \
                                       int64_t *out_rows, struct adbc_error *))                   \
    UNUSED(statement_execute_partitions)                                                          \
    UNUSED(statement_get_parameter_schema)                                                        \
    X(statement_new,                                                                              \
      uint8_t(struct adbc_connection *, struct adbc_statement *, struct adbc_error *))            \
    UNUSED(statement_prepare)                                                                     \
    X(statement_release, uint8_t(struct adbc_statement *, struct adbc_error *))                   \
    X(statement_set_option,                                                                       \
      uint8_t(struct adbc_statement *, const char *name, const char *value, struct adbc_error *)) \
    X(statement_set_sql_query,                                                                    \
      uint8_t(struct adbc_statement *, const char *sql, struct adbc_error *))                     \
    UNUSED(statement_set_substrait_plan)

struct adbc_driver {
    void *of_driver, *of_manager;
    uint8_t (*release)(struct adbc_driver *driver, struct adbc_error *error);
#define ADBC_MEMBER(name, type) __typeof__(type) *(name);
#define ADBC_UNUSED(name) void (*(name))(void);
    ADBC_FUNCTIONS(ADBC_MEMBER, ADBC_UNUSED)
#undef ADBC_MEMBER
#undef ADBC_UNUSED
};

typedef uint8_t adbc_driver_init(int version, void *driver, struct adbc_error *error);

#endif
