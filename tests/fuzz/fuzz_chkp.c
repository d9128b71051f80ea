/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_chkp.c: reading CHKP packs that are not trusted.
 *
 * Input: one byte of flags, four of the size of the .dat (little-endian), the .dat, and the rest
 * the .idx. Flags: 1 no .idx; 2 the .dat gets the name of its content, as a forger would give it; 4
 * the .idx is made from the .dat.
 *
 * Held: what is read has the hash that was asked for; what is listed is found; and a pack that
 * verifies can be read whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "sim/sim_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_NO_INDEX = 1, FLAG_NAME = 2, FLAG_INDEX = 4, INPUT_HEAD_SIZE = 5, LISTED_MAX = 200 };

struct found {
    struct firn_chkp *pack;
    bool is_verified;
    unsigned count;
};

static void
write_file(struct fi_os_dir *dir, const char *name, firn_slice bytes)
{
    struct fi_os_file *file;
    CHECK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, NULL) == FIRN_OK);
    if (bytes.size > 0) {
        CHECK(fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    }
    fi_os_file_close(file);
}

static void
name_content(firn_slice dat, char name[FIRN_CHKP_NAME_SIZE])
{
    firn_hash hash;
    struct fi_blake3_hash state;
    if (dat.size < FI_CHKP_HEADER_SIZE) {
        return;
    }
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, dat.data + FI_CHKP_HEADER_SIZE, dat.size - FI_CHKP_HEADER_SIZE);
    fi_blake3_hash_update(&state, dat.data, FI_CHKP_HEADER_SIZE);
    fi_blake3_hash_final(&state, &hash);
    fi_hex_encode(hash.bytes, FI_CHKP_NAME_DIGITS / 2, name);
}

static int
read_entry(void *ctx, const struct fi_chkp_entry *entry)
{
    struct found *found = ctx;
    struct fi_chkp_entry again;
    uint8_t *data;
    size_t size;
    firn_hash hash;
    /* Of an object that is listed twice the first entry is found. */
    CHECK(fi_chkp_locate(found->pack, &entry->hash, &again, NULL) == FIRN_OK);
    int rc = fi_chkp_read(found->pack, &entry->hash, SIZE_MAX, &data, &size, NULL);
    CHECK(rc == FIRN_OK || !found->is_verified);
    if (rc == FIRN_OK) {
        fi_blake3_hash_of(data, size, &hash);
        CHECK(fi_hash_equal(&hash, &entry->hash));
        fi_free(data);
    }
    return ++found->count < LISTED_MAX ? FIRN_OK : FIRN_CANCELLED;
}

static void
read_pack(struct fi_os_dir *dir, const char *name, const firn_chkp_options *options)
{
    firn_error err;
    bool is_there = true;
    struct found found = {NULL, false, 0};
    static const firn_hash absent = {{1, 2, 3}};
    if (fi_chkp_open(dir, name, options, &found.pack, &err) != FIRN_OK) {
        return;
    }
    found.is_verified = fi_chkp_verify(found.pack, NULL, NULL, NULL, &err) == FIRN_OK;
    int rc = fi_chkp_contains(found.pack, &absent, &is_there, &err);
    CHECK(rc == FIRN_OK || !found.is_verified);
    rc = fi_chkp_list(found.pack, read_entry, &found, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CANCELLED || !found.is_verified);
    fi_chkp_close(found.pack);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[FIRN_CHKP_NAME_SIZE] = "153248292f8297b9";
    struct fi_os *os;
    struct fi_os_dir *dir;
    firn_chkp_options options = FIRN_CHKP_OPTIONS_INIT;
    options.object_size_max = 1 << 20;
    options.index_memory_max = 1 << 20;
    if (size < INPUT_HEAD_SIZE) {
        return 0;
    }
    unsigned flags = data[0];
    size_t dat_size = fi_load_le32(data + 1);
    if (dat_size > size - INPUT_HEAD_SIZE) {
        dat_size = size - INPUT_HEAD_SIZE;
    }
    firn_slice dat = firn_bytes(data + INPUT_HEAD_SIZE, dat_size);
    firn_slice idx = firn_bytes(dat.data + dat_size, size - INPUT_HEAD_SIZE - dat_size);
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_os_dir_open_path(os, "/", &dir, NULL) == FIRN_OK);
    if (flags & FLAG_NAME) {
        name_content(dat, name);
    }
    write_file(dir, fi_chkp_format_dat_name(name).text, dat);
    if ((flags & FLAG_NO_INDEX) == 0) {
        write_file(dir, fi_chkp_format_idx_name(name).text, idx);
    }
    if (flags & FLAG_INDEX) {
        FI_IGNORE(fi_chkp_rebuild_index(dir, name, &options, NULL));
    }
    read_pack(dir, name, &options);
    options.ignore_index = true;
    read_pack(dir, name, &options);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    return 0;
}
