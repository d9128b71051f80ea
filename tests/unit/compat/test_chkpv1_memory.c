/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/compat: memory does not grow with an object: one of 256 MiB goes in and comes out within a
 * few MiB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "compat/chkp_fixture.h"

enum { BOUND = 8 << 20 };
static const uint64_t object_size = 256 << 20;

/* An allocator that knows how much is in use: each block is preceded by its size. */
enum { FRONT = 16 };
static size_t in_use;
static size_t peak;

static void *
counting_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    uint8_t *block = memory == NULL ? NULL : (uint8_t *)memory - FRONT;
    size_t old = 0;
    if (block != NULL) {
        memcpy(&old, block, sizeof old);
    }
    block = realloc(block, size + FRONT);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    in_use = in_use - old + size;
    peak = in_use > peak ? in_use : peak;
    return block + FRONT;
}

static void
counting_release(void *ctx, void *memory)
{
    (void)ctx;
    size_t size;
    uint8_t *block = (uint8_t *)memory - FRONT;
    memcpy(&size, block, sizeof size);
    in_use -= size;
    free(block);
}

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
add_up(void *ctx, firn_slice data)
{
    *(uint64_t *)ctx += data.size;
    return FIRN_OK;
}

static void
an_object_of_256_mib_streams_through_a_few(void **state)
{
    (void)state;
    static const struct firn_allocator counting = {counting_resize, counting_release, NULL};
    firn_error err;
    firn_hash hash;
    uint64_t received = 0;
    char name[FIRN_CHKP_NAME_SIZE];
    struct chkp_fixture fixture;
    firn_mem_set_allocator(&counting);
    chkp_fixture_open(&fixture);
    struct content content = {{77}, 0};
    struct firn_chkpv1_writer *writer;
    struct firn_chkpv1 *pack;
    expect_rc(firn_chkpv1_writer_create(fixture.dir, &writer, &err), FIRN_OK, &err);
    expect_rc(firn_chkpv1_writer_add_stream(writer, give, &content, &hash, NULL, &err), FIRN_OK,
              &err);
    expect_rc(firn_chkpv1_writer_finish(writer, name, &err), FIRN_OK, &err);
    firn_chkpv1_writer_destroy(writer);
    size_t peak_of_writing = peak;
    peak = in_use;
    pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(firn_chkpv1_stream(pack, &hash, add_up, &received, &err), FIRN_OK, &err);
    assert_int_equal(received, object_size);
    expect_rc(firn_chkpv1_verify(pack, NULL, NULL, &err), FIRN_OK, &err);
    firn_chkpv1_close(pack);
    chkp_fixture_close(&fixture);
    (void)printf("memory: %zu bytes to write, %zu bytes to read\n", peak_of_writing, peak);
    assert_in_range(peak_of_writing, 1, BOUND);
    assert_in_range(peak, 1, BOUND);
    assert_int_equal(in_use, 0);
    firn_mem_set_allocator(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_of_256_mib_streams_through_a_few),
    };
    return cmocka_run_group_tests_name("chkpv1_memory", tests, NULL, NULL);
}
