/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_folder.h: a directory as a bucket: on a disk, or of a server that machines share.
 */
#ifndef FIRN_BUCKET_BUCKET_FOLDER_H
#define FIRN_BUCKET_BUCKET_FOLDER_H

#include "bucket/bucket.h"
#include "os/os.h"

/* Opens the directory at a user's path; is_new: it is made if it is missing. os must outlive the
 * bucket. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_bucket_folder_open(struct fi_os *os, const char *path, bool is_new,
                                          struct fi_bucket **out, firn_error *err);

#endif
