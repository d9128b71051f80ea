/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_check.c: whether an entry that an index names is in the .dat.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/slice.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/hex.h"

int
fi_chkp_check_entry(struct fi_os_file *dat, uint64_t dat_size, const struct fi_chkp_entry *entry,
                    firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(entry->hash.bytes, sizeof entry->hash.bytes, hex);
    bool is_inside =
        entry->offset >= FI_CHKP_HEADER_SIZE &&
        fi_range_inside(entry->offset, FI_CHKP_ENTRY_HEAD_SIZE, dat_size) &&
        fi_range_inside(entry->offset + FI_CHKP_ENTRY_HEAD_SIZE, entry->stored_size, dat_size);
    if (!is_inside) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "the index has object %s at offset %" PRIu64 " with %" PRIu64
                            " stored bytes, outside the %" PRIu64 " bytes of '%s'",
                            hex, entry->offset, entry->stored_size, dat_size, fi_os_file_path(dat));
    }
    uint8_t bytes[FI_CHKP_ENTRY_HEAD_SIZE];
    struct fi_chkp_entry found;
    FI_TRY_RETURN(fi_os_file_read_exact(dat, entry->offset, bytes, sizeof bytes, err));
    fi_chkp_format_get_entry_head(bytes, &found);
    if (!fi_hash_equal(&found.hash, &entry->hash) || found.stored_size != entry->stored_size) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' does not have object %s with %" PRIu64
                            " stored bytes at offset %" PRIu64 ", where its index has it",
                            fi_os_file_path(dat), hex, entry->stored_size, entry->offset);
    }
    return FIRN_OK;
}
