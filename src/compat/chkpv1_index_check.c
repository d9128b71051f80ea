/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/chkpv1_index_check.c: whether an .idx lists exactly the entries of its .dat.
 *
 * An .idx has no checksum of its own. But all it says is in the .dat too, in another order; so both
 * are read once, in bounded memory, and compared as multisets: each entry's 48 bytes are hashed
 * with BLAKE3, and the hashes added up as four 64-bit numbers each. Equal sums mean equal entries:
 * chance gives equal sums for different ones once in 2^256. (Somebody who forges an .idx on purpose
 * gains nothing: every object is compared with its hash when it is read.)
 *
 * (I1) After a good check a search that misses in this .idx proves that the .dat has no such entry:
 * the .idx is sorted and lists all. Where sums differ, the entries are compared one by one to name
 * the first wrong one.
 *
 * Time is one read of the .idx and of the heads in the .dat. No shared state.
 */
#include <inttypes.h>

#include "codec/blake3_hash.h"
#include "compat/chkpv1.h"
#include "compat/chkpv1_format.h"

enum { CHUNK = 64 };

struct sum {
    uint64_t lanes[4];
};

static void
add_entry(struct sum *sum, const firn_chkp_entry *entry)
{
    uint8_t bytes[FIRN_CHKPV1_INDEX_ENTRY_SIZE];
    firn_chkpv1_format_put_index_entry(bytes, entry);
    firn_hash hash;
    firn_blake3_hash_of(bytes, sizeof bytes, &hash);
    for (size_t i = 0; i < 4; i++) {
        sum->lanes[i] += firn_load_le64(hash.bytes + 8 * i);
    }
}

static int
sum_dat(struct firn_os_file *dat, uint32_t *out_count, struct sum *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_chkpv1_scan scan;
    FIRN_TRY(firn_chkpv1_scan_init(&scan, dat, err));
    *out_count = scan.count;
    for (bool is_end = false;;) {
        firn_chkp_entry entry;
        FIRN_TRY(firn_chkpv1_scan_next(&scan, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        add_entry(out, &entry);
    }
out:
    firn_chkpv1_scan_deinit(&scan);
    return rc;
}

static int
sum_index(const struct firn_chkpv1_index *index, struct sum *out, firn_error *err)
{
    int rc = FIRN_OK;
    firn_chkp_entry entries[CHUNK];
    firn_hash last = {{0}};
    for (uint64_t first = 0; first < index->count; first += CHUNK) {
        uint64_t left = index->count - first;
        size_t count = left < CHUNK ? (size_t)left : CHUNK;
        FIRN_TRY(firn_chkpv1_index_get(index, first, count, entries, err));
        for (size_t i = 0; i < count; i++) {
            if (firn_chkpv1_format_compare_hash(&entries[i].hash, &last) < 0) {
                FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                        "'%s' is not sorted: entry %" PRIu64
                                        " is smaller than the one before",
                                        firn_os_file_path(index->file), first + i));
            }
            last = entries[i].hash;
            add_entry(out, &entries[i]);
        }
    }
out:
    return rc;
}

/* Names an entry of the .idx that is not one of the .dat's. There need not be one: some may be
 * listed twice and others left out. */
static int
name_difference(const struct firn_chkpv1_index *index, struct firn_os_file *dat, uint64_t dat_size,
                firn_error *err)
{
    int rc = FIRN_OK;
    for (uint64_t i = 0; i < index->count; i++) {
        firn_chkp_entry entry;
        FIRN_TRY(firn_chkpv1_index_get(index, i, 1, &entry, err));
        rc = firn_chkpv1_check_entry(dat, dat_size, &entry, err);
        if (rc != FIRN_OK) {
            (void)firn_error_prefix(err, "entry %" PRIu64 " of '%s'", i,
                                    firn_os_file_path(index->file));
            goto out;
        }
    }
    rc = firn_error_set(err, FIRN_CORRUPT, "'%s' does not list the entries of '%s'",
                        firn_os_file_path(index->file), firn_os_file_path(dat));
out:
    return rc;
}

int
firn_chkpv1_index_check(const struct firn_chkpv1_index *index, struct firn_os_file *dat,
                        firn_error *err)
{
    int rc = FIRN_OK;
    struct sum of_index = {{0}};
    struct sum of_dat = {{0}};
    uint32_t count;
    struct firn_os_stat status;
    FIRN_TRY(sum_index(index, &of_index, err));
    FIRN_TRY(sum_dat(dat, &count, &of_dat, err));
    FIRN_TRY(firn_os_file_stat(dat, &status, err));
    if (count != index->count || memcmp(&of_index, &of_dat, sizeof of_dat) != 0) {
        FIRN_TRY(name_difference(index, dat, status.size_bytes, err));
    }
out:
    return rc;
}
