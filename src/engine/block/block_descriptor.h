/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_descriptor.h: the file descriptors of sealed files, within a budget.
 *
 * Any thread.
 */
#ifndef FIRN_BLOCK_BLOCK_DESCRIPTOR_H
#define FIRN_BLOCK_BLOCK_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "block/block_file.h"
#include "os/os.h"
#include "threads/os_thread.h"

/* A file that can be read. Its descriptor may be closed between two reads. */
struct fi_block_descriptor;

/* Those that share a budget. In the caller's memory. */
struct fi_block_descriptors {
    size_t open_max; /* at least 1 */
    struct fi_os_mutex mutex;
    struct fi_block_descriptor *hand; /* the clock's; NULL: none is open */
    size_t open_count;
};

void fi_block_descriptor_init_all(struct fi_block_descriptors *all, struct fi_os *os,
                                  size_t open_max);
/* Requires: all are closed. */
void fi_block_descriptor_deinit_all(struct fi_block_descriptors *all);

/* Opens a file for reading; *out_stat is its state. If `all` is NULL, its descriptor stays open and
 * `dir` is not needed after this. Otherwise both are borrowed until close, and the name must stay
 * that of the file. A file that replaces it would be read instead, so the caller must verify what
 * is read by something that belongs to this file. */
FIRN_MUST_CHECK int fi_block_descriptor_open(struct fi_block_descriptors *all,
                                             struct fi_os_dir *dir, const char *name,
                                             struct fi_os_stat *out_stat,
                                             struct fi_block_descriptor **out, firn_error *err);
/* One without a file: a source, which is borrowed until close, is read instead. */
FIRN_MUST_CHECK int fi_block_descriptor_open_source(const struct fi_block_source *source,
                                                    struct fi_block_descriptor **out,
                                                    firn_error *err);
/* Requires: nobody reads. NULL is fine. */
void fi_block_descriptor_close(struct fi_block_descriptor *descriptor);
/* Valid until close. */
const char *fi_block_descriptor_path(const struct fi_block_descriptor *descriptor);
/* As fi_os_file_read_exact; also fails as opening a file does, or as its source. */
FIRN_MUST_CHECK int fi_block_descriptor_read(struct fi_block_descriptor *descriptor,
                                             uint64_t offset, void *data, size_t size,
                                             firn_error *err);

#endif
