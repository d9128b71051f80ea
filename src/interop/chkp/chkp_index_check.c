/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_index_check.c: whether an .idx lists exactly the entries of its .dat.
 *
 * An .idx has no checksum of its own. But everything in it is in the .dat too, in another order. So
 * both are read once, in bounded memory, and compared as multisets: each entry's 48 bytes are
 * hashed with BLAKE3, and the hashes are added up as four 64-bit numbers each. Equal sums mean
 * equal entries: the chance of equal sums for different ones is 1 in 2^256. (Forging an .idx on
 * purpose gains nothing: every object is compared with its hash when it is read.)
 *
 * (I1) If the check succeeds, a search that misses in this .idx proves that the .dat has no such
 * entry: the .idx is sorted and lists all. If the sums differ, the entries are compared one by one
 * to name the first wrong one. (Not checked: it follows from the sums.)
 *
 * Time is one read of the .idx and of the heads in the .dat. No shared state.
 */
#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"

enum { CHECK_CHUNK = 64 };

struct sum {
    uint64_t lanes[4];
};

static void
add_entry(struct sum *sum, const struct fi_chkp_entry *entry)
{
    uint8_t bytes[FI_CHKP_INDEX_ENTRY_SIZE];
    fi_chkp_format_put_index_entry(bytes, entry);
    firn_hash hash;
    fi_blake3_hash_of(bytes, sizeof bytes, &hash);
    for (size_t i = 0; i < 4; i++) {
        sum->lanes[i] += fi_load_le64(hash.bytes + 8 * i);
    }
}

static int
sum_dat(struct fi_os_file *dat, uint32_t *out_count, struct sum *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_chkp_scan scan;
    FI_TRY(fi_chkp_scan_init(&scan, dat, err));
    *out_count = scan.count;
    for (bool is_end = false;;) {
        struct fi_chkp_entry entry;
        FI_TRY(fi_chkp_scan_next(&scan, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        add_entry(out, &entry);
    }
out:
    fi_chkp_scan_deinit(&scan);
    return rc;
}

static int
sum_index(const struct fi_chkp_index *index, struct sum *out, firn_error *err)
{
    struct fi_chkp_entry entries[CHECK_CHUNK];
    firn_hash last = {{0}};
    for (uint64_t first = 0; first < index->count; first += CHECK_CHUNK) {
        uint64_t left = index->count - first;
        size_t count = left < CHECK_CHUNK ? (size_t)left : CHECK_CHUNK;
        FI_TRY_RETURN(fi_chkp_index_get(index, first, count, entries, err));
        for (size_t i = 0; i < count; i++) {
            if (fi_chkp_format_compare_hash(&entries[i].hash, &last) < 0) {
                return fi_error_set(err, FIRN_CORRUPT,
                                    "'%s' is not sorted: entry %" PRIu64
                                    " is smaller than the one before",
                                    fi_os_file_path(index->file), first + i);
            }
            last = entries[i].hash;
            add_entry(out, &entries[i]);
        }
    }
    return FIRN_OK;
}

/* Names an entry of the .idx that is not in the .dat. There need not be one: some entries may be
 * listed twice and others left out. */
static int
name_difference(const struct fi_chkp_index *index, struct fi_os_file *dat, uint64_t dat_size,
                firn_error *err)
{
    int rc = FIRN_OK;
    for (uint64_t i = 0; i < index->count; i++) {
        struct fi_chkp_entry entry;
        FI_TRY_RETURN(fi_chkp_index_get(index, i, 1, &entry, err));
        rc = fi_chkp_check_entry(dat, dat_size, &entry, err);
        if (rc != FIRN_OK) {
            fi_error_prefix(err, "entry %" PRIu64 " of '%s'", i, fi_os_file_path(index->file));
            return rc;
        }
    }
    return fi_error_set(err, FIRN_CORRUPT, "'%s' does not list the entries of '%s'",
                        fi_os_file_path(index->file), fi_os_file_path(dat));
}

int
fi_chkp_index_check(const struct fi_chkp_index *index, struct fi_os_file *dat, firn_error *err)
{
    DCHECK(index->file != NULL); /* one that was made from the .dat lists its entries */
    struct sum of_index = {{0}};
    struct sum of_dat = {{0}};
    uint32_t count;
    struct fi_os_stat status;
    FI_TRY_RETURN(sum_index(index, &of_index, err));
    FI_TRY_RETURN(sum_dat(dat, &count, &of_dat, err));
    FI_TRY_RETURN(fi_os_file_stat(dat, &status, err));
    if (count != index->count || memcmp(&of_index, &of_dat, sizeof of_dat) != 0) {
        FI_TRY_RETURN(name_difference(index, dat, status.size_bytes, err));
    }
    return FIRN_OK;
}
