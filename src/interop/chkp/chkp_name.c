/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_name.c: whether a .dat has the name that its content gives it: the hash over all of
 * it, the header last.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"

enum { PIECE_SIZE = 128 << 10 };

static int
name_of_content(struct firn_chkp *pack, const struct fi_step *step, char out[FIRN_CHKP_NAME_SIZE],
                firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_blake3_hash hash;
    fi_blake3_hash_init(&hash);
    uint8_t header[FI_CHKP_HEADER_SIZE];
    uint8_t *piece = fi_alloc(PIECE_SIZE);
    if (piece == NULL) {
        FI_TRY(fi_error_no_memory(err, "a piece of a pack"));
    }
    DCHECK(pack->dat_size > sizeof header);
    for (uint64_t offset = sizeof header; offset < pack->dat_size;) {
        uint64_t left = pack->dat_size - offset;
        size_t size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        FI_TRY(fi_os_file_read_exact(pack->dat, offset, piece, size, err));
        fi_blake3_hash_update(&hash, piece, size);
        offset += size;
        FI_TRY(fi_step_report(step, 0, size, err));
    }
    FI_TRY(fi_os_file_read_exact(pack->dat, 0, header, sizeof header, err));
    fi_blake3_hash_update(&hash, header, sizeof header);
    firn_hash result;
    fi_blake3_hash_final(&hash, &result);
    fi_hex_encode(result.bytes, FI_CHKP_NAME_DIGITS / 2, out);
out:
    fi_free(piece);
    return rc;
}

int
fi_chkp_name_verify(struct firn_chkp *pack, const struct fi_step *step, firn_error *err)
{
    char name[FIRN_CHKP_NAME_SIZE];
    int rc = name_of_content(pack, step, name, err);
    if (rc == FIRN_OK && strcmp(name, pack->name) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "the content of '%s' has the name %s: the file was changed or renamed",
                          fi_os_file_path(pack->dat), name);
    }
    return rc;
}
