/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_print.c: what a look at an entry shows, in 16 bytes.
 *
 * The print of a file or a link is the XXH3-128 of its name and of all that statx tells and a
 * change of content, attributes, owner or mode cannot leave alone: kind, device, inode, number of
 * links, size, mode, owner, and the times of the last modification and of the last change. The last
 * of these decides: no program can set it, and the kernel moves it with every write, truncation,
 * chmod, chown, link, rename of the inode and setting of an attribute (I1; not checked: it is the kernel's word). So
 * equal prints mean an entry that was left alone, but for five cases:
 *
 * - A change that falls into the same tick of the kernel's clock as the change before it leaves
 *   the time as it is. So a print is only kept of what had been left alone for a tick when it was
 *   read (firn_statcache_print_is_settled); a file system that keeps whole seconds is known by times
 *   that are whole, and given two seconds. A time that lies in the future is never settled: the
 *   clock will come by there once more.
 * - A machine that loses its power may come back with the times of a file and without what was
 *   written then: kernels write attributes and contents to the disk each in their own time, the
 *   latter within half a minute. So after another start of the machine a print counts only of what
 *   had been left alone for two minutes when it was noted (firn_statcache_print_survives).
 * - Stores through a shared writable mapping move the times when a clean page is first touched,
 *   and then not until it has been written back. Such a file may change later under the old
 *   times. Only reading finds that: `save --full`.
 * - A file system without a time of change of its own (FAT gives the time of modification twice)
 *   shows an edit that keeps size and time no more than the file itself does.
 * - Times on a network file system come from the clock of another machine. If that is behind this
 *   one's, a file may look older than it is, and a second change within one tick be missed; and a
 *   look shows what this machine knows, which may be a minute old.
 *
 * XXH3 does not withstand an adversary who may choose all that is hashed; here the seed is a secret
 * of the store and the time of change is the kernel's.
 *
 * The print of a subdirectory stands for its encoded entry, attributes and object included: it is
 * computed when the subdirectory has been scanned, from what is known then, and needs no trust in
 * times. Seeds keep the two sorts apart.
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

/* FAT keeps modification times of even seconds. */
static const int64_t WHOLE_SECONDS_NS = INT64_C(2) * SECOND_NS;

/* A kernel writes back what has been dirty for half a minute; twice that and more, for slow
 * disks. */
static const int64_t WRITTEN_BACK_NS = INT64_C(120) * SECOND_NS;

static uint8_t *
put64(uint8_t *at, uint64_t value)
{
    firn_store_le64(at, value);
    return at + sizeof value;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
    firn_store_le32(at, value);
    return at + sizeof value;
}

void
firn_statcache_print_of_look(uint64_t seed, firn_slice name, const struct firn_os_stat *stat,
                             struct firn_statcache_print *out)
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
    firn_xxh3_wide(look, LOOK_SIZE + size, seed, out->bytes);
}

void
firn_statcache_print_of_entry(uint64_t seed, firn_slice encoded, struct firn_statcache_print *out)
{
    firn_xxh3_wide(encoded.data, encoded.size, seed + 1, out->bytes);
}

bool
firn_statcache_print_is_zero(const struct firn_statcache_print *print)
{
    return (firn_load_le64(print->bytes) | firn_load_le64(print->bytes + 8)) == 0;
}

bool
firn_statcache_print_survives(const struct firn_os_stat *stat, int64_t noted_ns)
{
    return stat->ctime_ns <= noted_ns - WRITTEN_BACK_NS;
}

bool
firn_statcache_print_is_settled(const struct firn_os_stat *stat, int64_t looked_ns)
{
    int64_t tick = stat->ctime_ns % SECOND_NS == 0 ? WHOLE_SECONDS_NS : TICK_NS;
    return stat->ctime_ns <= looked_ns - tick;
}
