/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_secret.h: memory for keys and passphrases. Where the system allows it, it is not swapped
 * out, not in core files, and full of zeros in a child of fork. It is zeroed before it is given
 * back. Any thread.
 */
#ifndef FIRN_OS_OS_SECRET_H
#define FIRN_OS_OS_SECRET_H

#include <stddef.h>

#include "base/error.h"

enum { FI_OS_SECRET_SIZE_MAX = 1 << 20, FI_OS_SECRET_ALIGNMENT = 64 };

/* Allocates 1 to FI_OS_SECRET_SIZE_MAX bytes of zeros. FIRN_NO_MEMORY. In a child of fork the block
 * of its parent reads as zeros, so a block should have a field that is never zero. */
FIRN_MUST_CHECK int fi_os_secret_allocate(size_t size, void **out, firn_error *err);
/* Zeroes the block and gives it back. NULL is allowed, and so is a block of the parent. */
void fi_os_secret_free(void *memory);

/* Zeroes memory of any kind; the compiler cannot leave it out. */
void fi_os_secret_wipe(void *memory, size_t size);
/* Zeroes the 4 KiB of the stack after the caller's frame: what functions that it has called, such
 * as those of libraries, have left there. */
void fi_os_secret_wipe_stack(void);

#endif
