/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_publisher.h: many block files become durable at once.
 *
 * One thread. The directory is borrowed.
 */
#ifndef FIRN_BLOCK_BLOCK_PUBLISHER_H
#define FIRN_BLOCK_BLOCK_PUBLISHER_H

#include <stddef.h>

#include "base/error.h"
#include "os/os.h"

/* So many finished files wait at most; each keeps a file descriptor. */
enum { FIRN_BLOCK_PUBLISHER_FILES_MAX = 128 };

struct firn_block_publisher_file {
    struct firn_os_file *file;
    char *temp_name;
    char *name;
};

/* In the caller's memory. */
struct firn_block_publisher {
    struct firn_os_dir *dir;
    struct firn_block_publisher_file files[FIRN_BLOCK_PUBLISHER_FILES_MAX];
    size_t count;
    size_t renamed; /* of them, so many have their names */
};

void firn_block_publisher_init(struct firn_block_publisher *publisher, struct firn_os_dir *dir);
/* Takes a file that is written whole: nothing is durable, and `name` is not given, before the next
 * run. Takes *file over. Where too many wait, it runs first. A failure leaves *file with the caller. */
FIRN_MUST_CHECK int firn_block_publisher_add(struct firn_block_publisher *publisher,
                                             const struct firn_block_publisher_file *file,
                                             firn_error *err);
/* Makes all that wait durable under their names: their contents, then the names, then the directory,
 * once. After a failure none of them is left under either name. */
FIRN_MUST_CHECK int firn_block_publisher_run(struct firn_block_publisher *publisher,
                                             firn_error *err);
/* Removes what waits. */
void firn_block_publisher_deinit(struct firn_block_publisher *publisher);

#endif
