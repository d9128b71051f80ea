/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_keep.c: names for what is kept beside.
 *
 * What somebody changed while a restore had it under a temporary name goes back to its own name
 * where that is free. Where it is not, it must not vanish under a name that begins with a dot and
 * that nobody knows: it gets a name that says what it is, and sorts beside the original. Nothing is
 * ever replaced: the rename fails where the name is taken, and the next number is tried.
 */
#include "checkout/checkout_keep.h"

#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"

enum { TAG_BYTES = 4, SUFFIX_ROOM = 32, TRIES_MAX = 1000 };

/* The part of a name that leaves room for the suffix, not cut within a character. */
static size_t
part_of(firn_slice name)
{
    size_t size = FIRN_TREE_NAME_SIZE_MAX - SUFFIX_ROOM;
    if (name.size <= size) {
        return name.size;
    }
    while (size > 1 && (name.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

int
firn_checkout_keep_beside(struct firn_os_dir *dir, const char *name, firn_slice wanted,
                          const uint8_t *tag, char out[FIRN_TREE_NAME_SIZE_MAX + 1],
                          firn_error *err)
{
    char hex[2 * TAG_BYTES + 1];
    firn_hex_encode(tag, TAG_BYTES, hex);
    int part = (int)part_of(wanted);
    int rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= TRIES_MAX; i++) {
        char number[12] = "";
        if (i > 1) {
            (void)snprintf(number, sizeof number, "-%u", i);
        }
        (void)snprintf(out, FIRN_TREE_NAME_SIZE_MAX + 1, "%.*s.firn-kept-%s%s", part,
                       (const char *)wanted.data, hex, number);
        /* Whole: what is cut off would be its number. */
        DCHECK(firn_tree_name_is_valid(firn_str(out)));
        rc = firn_os_rename(dir, name, dir, out, FIRN_OS_RENAME_NO_REPLACE, err);
    }
    return rc;
}
