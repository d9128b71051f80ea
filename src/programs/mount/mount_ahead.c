/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_ahead.c: which files of a directory the kernel is given before it asks.
 *
 * A program that reads one file of a directory after the other, as tar, cp and grep do, waits for
 * an answer at each. So after a file whose beginning is read, if the files before it have been read
 * or given, those that follow are given, and more from time to time.
 */
#include "mount/mount_internal.h"

bool
fi_mount_ahead_is_readable(const struct fi_mount_node *node)
{
    return node->type == FIRN_ENTRY_FILE && node->size_bytes > 0;
}

size_t
fi_mount_ahead_choose(struct fi_mount_node *directory, size_t at, size_t max,
                      struct fi_mount_node *out[FI_MOUNT_AHEAD_MAX])
{
    enum { FEW = 4 };
    size_t next = directory->ahead_end;
    size_t count = 0;
    if (at >= directory->ahead_begin && at < next) {
        directory->ahead_begin = at + 1; /* it is asked for before it was given */
        return 0;
    }
    while (next < at && !fi_mount_ahead_is_readable(directory->children[next])) {
        next++;
    }
    const size_t doubled = directory->ahead_count > 0 ? 2 * directory->ahead_count : FEW;
    directory->ahead_count = next != at                     ? 0
                             : doubled > FI_MOUNT_AHEAD_MAX ? FI_MOUNT_AHEAD_MAX
                                                            : doubled;
    for (next = at + 1; next < directory->child_count && count < max; next++) {
        struct fi_mount_node *child = directory->children[next];
        if (fi_mount_ahead_is_readable(child)) {
            if (count == directory->ahead_count || child->lookups == 0 ||
                child->size_bytes > FI_MOUNT_AHEAD_SIZE_MAX) {
                break;
            }
            out[count++] = child;
        }
    }
    directory->ahead_begin = at + 1;
    directory->ahead_end = next;
    return count;
}
