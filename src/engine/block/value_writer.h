/* SPDX-License-Identifier: Apache-2.0
 *
 * block/value_writer.h: writes a value file (block/value_file.h).
 *
 * One thread. After a failure only destroy is left.
 */
#ifndef FIRN_BLOCK_VALUE_WRITER_H
#define FIRN_BLOCK_VALUE_WRITER_H

#include "block/value_file.h"

struct firn_value_writer;

struct firn_value_writer_options {
    uint64_t number; /* of the file, for references */
    enum firn_codec codec;
    struct firn_block_publisher *publisher; /* makes it durable, later; NULL: finish does */
};

/* Begins the file `name` in the dir of env. */
FIRN_MUST_CHECK int firn_value_writer_create(const struct firn_run_env *env, const char *name,
                                             const struct firn_value_writer_options *options,
                                             struct firn_value_writer **out, firn_error *err);
/* Adds a value, of 1 to FIRN_VALUE_FILE_VALUE_SIZE_MAX bytes, and appends its reference to out. */
FIRN_MUST_CHECK int firn_value_writer_add(struct firn_value_writer *writer, firn_slice value,
                                          struct firn_buf *out, firn_error *err);
/* Bytes that values take up in the file so far. */
uint64_t firn_value_writer_content_bytes(const struct firn_value_writer *writer);
/* As struct firn_run_summary has it. */
uint64_t firn_value_writer_identity(const struct firn_value_writer *writer);
/* Durable under its name when this returns, unless that was left to a publisher. */
FIRN_MUST_CHECK int firn_value_writer_finish(struct firn_value_writer *writer,
                                             uint64_t *out_file_bytes, firn_error *err);
/* Removes the unfinished file. NULL is fine. */
void firn_value_writer_destroy(struct firn_value_writer *writer);

#endif
