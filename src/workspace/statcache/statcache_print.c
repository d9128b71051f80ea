/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_print.c: what a look at an entry shows, in 16 bytes.
 *
 * The print of a file or a link is the XXH3-128 of its name and of the fields of statx that show a
 * change of content, attributes, owner or mode: kind, device, inode, number of links, size, mode,
 * owner, and the times of the last modification (mtime) and of the last change (ctime). The ctime
 * is decisive: no program can set it, and the kernel updates it with every write, truncation,
 * chmod, chown, link, rename of the inode and setting of an attribute (I1; not checked: it is a
 * promise of the kernel). So equal prints mean that an entry has not changed, with five exceptions:
 *
 * - If a change falls into the same tick of the kernel's clock as the one before it, the ctime
 *   stays the same. So a print is only kept if the entry had been unchanged for a tick when it was
 *   read (fi_statcache_print_is_settled). A ctime of whole seconds is taken for that of a file
 *   system with such a clock, and must be two seconds old. A time in the future is never settled,
 *   because the clock will reach it again.
 * - After a power failure a file may have its new times but not its new content: kernels write
 *   attributes and content to the disk independently, content within half a minute. So after a
 *   restart of the machine a print counts only if the entry had been unchanged for two minutes when
 *   it was noted (fi_statcache_print_survives).
 * - Stores through a shared writable mapping update the times when a clean page is first touched,
 *   and then not again until the page has been written back. Such a file may change later without a
 *   change of its times. Only reading finds this: `save --full`.
 * - On a file system without a ctime (FAT reports the mtime instead), an edit that keeps size and
 *   mtime does not show.
 * - Times on a network file system come from the clock of another machine. If that clock is behind,
 *   a file may look older than it is, and a second change within one tick may be missed. Also, a
 *   look shows what this machine has cached, which may be a minute old.
 *
 * XXH3 does not resist an adversary who can choose all that is hashed. Here the seed is a secret of
 * the store, and the kernel sets the ctime.
 *
 * The print of a subdirectory is that of its encoded entry, attributes and object included. It is
 * computed after the subdirectory has been scanned, from the result, so it does not depend on
 * times. Different seeds keep the two sorts of prints apart.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "codec/xxh3.h"
#include "statcache/statcache.h"

enum {
    LOOK_SIZE = 7 * 8 + 3 * 4 + 1,
    NAME_SIZE_MAX = 255, /* of a tree; longer names are left out of it */
    TICK_NS = 10000000,  /* the slowest clock of a kernel ticks a hundred times a second */
    SECOND_NS = 1000000000
};

/* FAT stores modification times in units of two seconds. */
static const int64_t WHOLE_SECONDS_NS = INT64_C(2) * SECOND_NS;

/* A kernel writes back pages that have been dirty for half a minute; slow disks may take longer. */
static const int64_t WRITTEN_BACK_NS = INT64_C(120) * SECOND_NS;

static uint8_t *
put64(uint8_t *at, uint64_t value)
{
    fi_store_le64(at, value);
    return at + sizeof value;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
    fi_store_le32(at, value);
    return at + sizeof value;
}

void
fi_statcache_print_of_inspect(uint64_t seed, firn_slice name, const struct fi_os_stat *stat,
                              struct fi_statcache_print *out)
{
    uint8_t look[LOOK_SIZE + NAME_SIZE_MAX];
    uint8_t *at = look;
    at = put64(at, stat->device);
    at = put64(at, stat->inode);
    at = put64(at, stat->nlink);
    at = put64(at, stat->size_bytes);
    at = put64(at, (uint64_t)stat->mtime_ns);
    at = put64(at, (uint64_t)stat->ctime_ns);
    at = put64(at, name.size);
    at = put32(at, stat->mode);
    at = put32(at, stat->uid);
    at = put32(at, stat->gid);
    *at++ = (uint8_t)stat->kind;
    DCHECK(at == look + LOOK_SIZE);
    size_t size = name.size < NAME_SIZE_MAX ? name.size : NAME_SIZE_MAX;
    if (size > 0) {
        memcpy(at, name.data, size);
    }
    fi_xxh3_wide(look, LOOK_SIZE + size, seed, out->bytes);
}

void
fi_statcache_print_of_entry(uint64_t seed, firn_slice encoded, struct fi_statcache_print *out)
{
    fi_xxh3_wide(encoded.data, encoded.size, seed + 1, out->bytes);
}

bool
fi_statcache_print_is_zero(const struct fi_statcache_print *print)
{
    return (fi_load_le64(print->bytes) | fi_load_le64(print->bytes + 8)) == 0;
}

bool
fi_statcache_print_survives(const struct fi_os_stat *stat, int64_t noted_ns)
{
    return stat->ctime_ns <= noted_ns - WRITTEN_BACK_NS;
}

bool
fi_statcache_print_is_settled(const struct fi_os_stat *stat, int64_t looked_ns)
{
    int64_t tick = stat->ctime_ns % SECOND_NS == 0 ? WHOLE_SECONDS_NS : TICK_NS;
    return stat->ctime_ns <= looked_ns - tick;
}
