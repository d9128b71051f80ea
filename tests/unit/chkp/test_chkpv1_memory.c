/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp: memory does not grow with an object: one of 256 MiB goes in and comes out within a
 * few MiB.
 */
#include "codec/blake3_hash.h"
#include "support/test.h"
#include "support/test_peak.h"
#include "unit/chkp/chkp_fixture.h"

enum { BOUND = 8 << 20 };
static const uint64_t object_size = 256 << 20;

/* Half of it random, half of it not, and no two MiB alike. */
struct content {
    struct test_random random;
    uint64_t at;
};

static void
make(struct content *content, uint8_t *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t part = 4096 - content->at % 4096;
        part = part < size - done ? part : size - done;
        if (content->at / 4096 % 2 == 0) {
            memset(data + done, (int)(content->at >> 20), part);
        } else {
            test_random_fill(&content->random, data + done, part);
        }
        content->at += part;
        done += part;
    }
}

static int
give(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    (void)err;
    struct content *content = ctx;
    uint64_t left = object_size - content->at;
    *out_size = left < size ? (size_t)left : size;
    make(content, data, *out_size);
    return FIRN_OK;
}

static int
add_up(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    *(uint64_t *)ctx += data.size;
    return FIRN_OK;
}

static void
an_object_of_256_mib_streams_through_a_few(void **state)
{
    firn_error err;
    firn_hash hash;
    uint64_t received = 0;
    char name[FIRN_CHKP_NAME_SIZE];
    struct chkp_fixture fixture;
    test_peak_install();
    chkp_fixture_open(&fixture);
    struct content content = {{77}, 0};
    struct firn_chkp_writer *writer;
    struct firn_chkp *pack;
    expect_rc(fi_chkp_writer_create(fixture.dir, &writer, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_writer_add_stream(writer, give, &content, &hash, NULL, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_OK, &err);
    fi_chkp_writer_destroy(writer);
    size_t peak_of_writing = test_peak_take();
    pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_stream(pack, &hash, add_up, &received, &err), FIRN_OK, &err);
    assert_int_equal(received, object_size);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    chkp_fixture_close(&fixture);
    size_t peak_of_reading = test_peak_take();
    (void)printf("memory: %zu bytes to write, %zu bytes to read\n", peak_of_writing,
                 peak_of_reading);
    assert_in_range(peak_of_writing, 1, BOUND);
    assert_in_range(peak_of_reading, 1, BOUND);
    test_peak_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_of_256_mib_streams_through_a_few),
    };
    return cmocka_run_group_tests_name("chkpv1_memory", tests, NULL, NULL);
}
