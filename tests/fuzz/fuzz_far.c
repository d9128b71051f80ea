/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_far.c: a pack in a bucket whose owner is not trusted.
 *
 * Input: one byte of flags, then the pack. Flag 1: all checksums of the block file are made right first. Flag 2: the pack stands
 * in memory.
 *
 * Held: finding, reading and streaming each object that the pack names end, within bounds; what is read has its name; no byte is
 * fetched twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "far/far.h"
#include "fuzz/fuzz_machine.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_SEAL = 1, FLAG_IN_MEMORY = 2, LISTED_MAX = 200 };
static const uint64_t streamed_size_max = 4 << 20;

/* ---- a bucket ---- */

struct fuzz_bucket {
    struct fi_bucket bucket; /* first */
    firn_slice bytes;
};

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *err)
{
    const struct fuzz_bucket *fuzz = (const struct fuzz_bucket *)bucket;
    (void)name, (void)err;
    CHECK(fi_range_inside(offset, size, fuzz->bytes.size));
    return fi_buf_append(out, fuzz->bytes.data + offset, (size_t)size);
}

static const struct fi_bucket_ops ops = {.get = get};

/* ---- objects ---- */

struct whole {
    struct fi_blake3_hash state;
    uint64_t size;
};

static int
take(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct whole *whole = ctx;
    static const uint8_t zeros[4096];
    CHECK(offset == whole->size && data.size > 0);
    if (data.size > streamed_size_max - whole->size) {
        return fi_error_set(err, FIRN_CANCELLED, "long enough");
    }
    for (size_t at = 0; data.data == NULL && at < data.size; at += sizeof zeros) {
        fi_blake3_hash_update(&whole->state, zeros,
                              data.size - at < sizeof zeros ? data.size - at : sizeof zeros);
    }
    if (data.data != NULL) {
        fi_blake3_hash_update(&whole->state, data.data, data.size);
    }
    whole->size += data.size;
    return FIRN_OK;
}

struct names {
    firn_hash hashes[LISTED_MAX];
    uint64_t sizes[LISTED_MAX];
    size_t count;
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
};

static int
note_name(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct names *names = ctx;
    (void)at;
    if (names->count == LISTED_MAX) {
        return FIRN_CANCELLED;
    }
    names->hashes[names->count] = *hash;
    uint64_t *size = &names->sizes[names->count++];
    if (fi_pack_stream_size(names->pack, names->scratch, hash, size, err) != FIRN_OK) {
        *size = 100;
    }
    return FIRN_OK;
}

static bool
is_refusal(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT;
}

static void
read_object(struct fi_far *far, const firn_hash *hash, uint64_t size)
{
    struct fi_buf bytes = {0};
    struct whole whole = {.size = 0};
    firn_hash name;
    firn_error err;
    int rc = fi_far_read(far, hash, &bytes, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc));
    if (rc == FIRN_OK) {
        fi_blake3_hash_of(bytes.size > 0 ? bytes.data : NULL, bytes.size, &name);
        CHECK(fi_hash_equal(&name, hash));
    }
    fi_blake3_hash_init(&whole.state);
    rc = fi_far_stream(far, hash, size, take, &whole, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc) || rc == FIRN_CANCELLED);
    if (rc == FIRN_OK) { /* so it is no list of cells, which stands for more */
        fi_blake3_hash_final(&whole.state, &name);
        CHECK(whole.size == size && fi_hash_equal(&name, hash));
    }
    fi_buf_deinit(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct names names;
    firn_error err;
    if (size <= 128) {
        return 0;
    }
    uint8_t *file = malloc(size - 1);
    CHECK(file != NULL);
    memcpy(file, data + 1, size - 1);
    if ((data[0] & FLAG_SEAL) != 0) {
        test_seal(file, size - 1);
    }
    struct fi_os_dir *dir = fuzz_machine_open()->dir;
    struct fuzz_bucket bucket = {.bytes = firn_bytes(file, size - 1)};
    fi_bucket_init(&bucket.bucket, &ops);
    struct fi_far_pack pack = {.name = "packs/fuzz", .size_bytes = size - 1, .number = 1};
    struct fi_far *far;
    memcpy(pack.id.bytes, file + size - 1 - 128 + 16, sizeof pack.id.bytes);
    fuzz_machine_write("f", file, size - 1);
    names = (struct names){.count = 0};
    CHECK(fi_pack_scratch_create(1, &names.scratch, &err) == FIRN_OK);
    if (fi_pack_open(dir, "f", &names.pack, &err) == FIRN_OK) {
        FI_IGNORE(fi_pack_list(names.pack, names.scratch, note_name, &names, &err));
    }
    CHECK(fi_far_create(&bucket.bucket, dir, 16 << 20, &far, &err) == FIRN_OK);
    CHECK((data[0] & FLAG_IN_MEMORY) != 0
              ? fi_far_add_bytes(far, &pack, bucket.bytes, &err) == FIRN_OK
              : fi_far_add_pack(far, &pack, &err) == FIRN_OK);
    int rc = fi_far_want(far, names.hashes, names.count, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc));
    for (size_t i = 0; i < names.count; i++) {
        read_object(far, &names.hashes[i], names.sizes[i]);
    }
    CHECK(fi_far_fetched(far) <= size - 1);
    fi_far_destroy(far);
    fi_pack_close(names.pack);
    fi_pack_scratch_destroy(names.scratch);
    free(file);
    return 0;
}
