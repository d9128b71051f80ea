/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/far/far_fixture.c: see its header.
 */
#include "unit/far/far_fixture.h"

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *err)
{
    struct far_fixture *fixture = (struct far_fixture *)bucket;
    fixture->gets++;
    if (fixture->gets == fixture->fails_at) {
        return fi_error_set(err, FIRN_IO, "no answer");
    }
    int rc = fi_bucket_get(fixture->folder, name, offset, size, out, err);
    fixture->bytes += rc == FIRN_OK ? out->size : 0;
    fixture->largest = rc == FIRN_OK && out->size > fixture->largest ? out->size : fixture->largest;
    return rc;
}

static const struct fi_bucket_ops ops = {.get = get};

void
far_fixture_init(struct far_fixture *fixture, struct fi_os *os)
{
    struct fi_os_dir *root;
    *fixture = (struct far_fixture){.os = os};
    fi_bucket_init(&fixture->bucket, &ops);
    assert_int_equal(fi_bucket_folder_open(os, "/b", true, &fixture->folder, &fixture->err),
                     FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(os, "/", &root, &fixture->err), FIRN_OK);
    assert_int_equal(fi_os_make_dir(root, "t", 0700, &fixture->err), FIRN_OK);
    fi_os_dir_close(root);
    assert_int_equal(fi_os_dir_open_path(os, "/t", &fixture->temp, &fixture->err), FIRN_OK);
    far_fixture_put(fixture, "first", firn_bytes("", 0));
    assert_int_equal(fi_os_dir_open_path(os, "/b/packs", &fixture->packs, &fixture->err), FIRN_OK);
}

void
far_fixture_deinit(struct far_fixture *fixture)
{
    fi_os_dir_close(fixture->packs);
    fi_os_dir_close(fixture->temp);
    fi_bucket_close(fixture->folder);
}

void
far_fixture_put(struct far_fixture *fixture, const char *name, firn_slice bytes)
{
    char full[64];
    snprintf(full, sizeof full, "packs/%s", name);
    assert_int_equal(fi_bucket_remove(fixture->folder, full, &fixture->err), FIRN_OK);
    assert_int_equal(fi_bucket_put_bytes(fixture->folder, full, bytes, &fixture->err), FIRN_OK);
}

void
far_fixture_reset(struct far_fixture *fixture)
{
    fixture->gets = 0;
    fixture->bytes = 0;
    fixture->largest = 0;
    fixture->fails_at = 0;
}

struct fi_far *
far_fixture_open(struct far_fixture *fixture, uint64_t bytes_max)
{
    struct fi_far *far;
    far_fixture_reset(fixture);
    assert_int_equal(fi_far_create(&fixture->bucket, fixture->temp, bytes_max, &far, &fixture->err),
                     FIRN_OK);
    return far;
}

struct fi_far_pack
far_fixture_pack(const char *name, firn_slice bytes, uint64_t number)
{
    struct fi_far_pack pack = {.name = name, .size_bytes = bytes.size, .number = number};
    assert_true(bytes.size >= 128);
    memcpy(pack.id.bytes, bytes.data + bytes.size - 128 + 16, sizeof pack.id.bytes);
    return pack;
}

int
far_fixture_sum(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct far_sum *sum = ctx;
    (void)err;
    assert_int_equal(offset, sum->size);
    for (size_t i = 0; data.data != NULL && i < data.size; i++) {
        sum->sum += (offset + i + 1) * UINT64_C(0x9e3779b97f4a7c15) * data.data[i];
    }
    sum->size += data.size;
    sum->calls++;
    return FIRN_OK;
}
