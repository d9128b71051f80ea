/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_file.h: a small file that is read whole, and replaced whole.
 */
#ifndef FIRN_CLI_HOOK_FILE_H
#define FIRN_CLI_HOOK_FILE_H

#include "firn/firn.h"

enum { FIRN_HOOK_FILE_SIZE_MAX = 16 << 20 };

/* The content, to be freed; of a file that is not there NULL with size 0. FIRN_LIMIT for one that is
 * larger than FIRN_HOOK_FILE_SIZE_MAX. */
FIRN_MUST_CHECK int firn_hook_file_read(const char *path, char **out, size_t *out_size,
                                        firn_error *err);
/* Replaces a file, or makes it, and the directory that it lies in: readers see the old content or
 * the new one, also after a power cut. Its mode stays. Of a symbolic link the file that it leads to
 * is replaced. */
FIRN_MUST_CHECK int firn_hook_file_replace(const char *path, const char *text, firn_error *err);
/* Removes a file; one that is no plain file, or has other names, gets `text` instead.
 * *out_removed tells which. */
FIRN_MUST_CHECK int firn_hook_file_remove(const char *path, const char *text, bool *out_removed,
                                          firn_error *err);

#endif
