/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs in a bucket that are damaged, missing, or made to harm; requests, memory and calls of the system that fail.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "support/test_seal.h"
#include "unit/far/far_fixture.h"
#include "unit/pack/pack_fixture.h"

#define ALL UINT64_MAX

/* Packs that the fixture of room pack writes, in a bucket on the same machine. */
struct packs_world {
    struct pack_fixture pack;
    struct far_fixture bucket;
    struct fi_buf bytes; /* of the pack that was written last */
    firn_error err;
};

static void
world_open(struct packs_world *world)
{
    memset(world, 0, sizeof *world);
    pack_fixture_init(&world->pack);
    far_fixture_init(&world->bucket, world->pack.os);
}

static void
world_close(struct packs_world *world)
{
    fi_buf_deinit(&world->bytes);
    far_fixture_deinit(&world->bucket);
    pack_fixture_deinit(&world->pack);
}

/* Writes all objects, then puts the pack; it has no objects afterwards. */
static struct fi_far_pack
put_pack(struct packs_world *world, const char *name, size_t flush_every, uint64_t number)
{
    char full[64];
    assert_int_equal(pack_fixture_write(&world->pack, name, flush_every, &world->err), FIRN_OK);
    fi_buf_clear(&world->bytes);
    test_file_read(world->pack.dir, name, &world->bytes);
    assert_int_equal(fi_os_remove_file(world->pack.dir, name, NULL), FIRN_OK);
    far_fixture_put(&world->bucket, name, fi_buf_slice(&world->bytes));
    snprintf(full, sizeof full, "packs/%s", name);
    struct fi_far_pack pack = far_fixture_pack(full, fi_buf_slice(&world->bytes), number);
    pack.name = name; /* the caller's; see add */
    return pack;
}

static int
add(struct fi_far *far, struct fi_far_pack pack, firn_error *err)
{
    char full[64];
    snprintf(full, sizeof full, "packs/%s", pack.name);
    pack.name = full;
    return fi_far_add_pack(far, &pack, err);
}

static void
forget_objects(struct packs_world *world)
{
    for (size_t i = 0; i < world->pack.count; i++) {
        fi_buf_deinit(&world->pack.objects[i].content);
    }
    fi_free(world->pack.objects);
    world->pack.objects = NULL;
    world->pack.count = 0;
}

/* Reads each object. What is read without error is right. Returns the first error, and counts what could be read. */
static int
read_all(struct packs_world *world, struct fi_far *far, size_t *out_count, firn_error *err)
{
    struct fi_buf bytes = {0};
    firn_hash found;
    int first = FIRN_OK;
    *out_count = 0;
    for (size_t i = 0; i < world->pack.count; i++) {
        const struct pack_object *object = &world->pack.objects[i];
        firn_error why;
        int rc = fi_far_read(far, &object->hash, &bytes, &why);
        if (rc == FIRN_OK) {
            fi_blake3_hash_of(bytes.size > 0 ? bytes.data : NULL, bytes.size, &found);
            assert_memory_equal(&found, &object->hash, sizeof found);
            ++*out_count;
        } else if (first == FIRN_OK) {
            first = rc;
            *err = why;
        }
    }
    fi_buf_deinit(&bytes);
    return first;
}

/* ==== packs ==== */

static void
the_pack_that_was_added_last_comes_first(void **state)
{
    (void)state;
    struct packs_world world;
    bool has;
    world_open(&world);
    const firn_hash both = pack_fixture_add_text(&world.pack, 1, 100)->hash;
    const firn_hash old = pack_fixture_add_text(&world.pack, 2, 100)->hash;
    const struct fi_far_pack first = put_pack(&world, "first", 0, 1);
    forget_objects(&world);
    (void)pack_fixture_add_text(&world.pack, 1, 100);
    const firn_hash new = pack_fixture_add_text(&world.pack, 3, 100)->hash;
    const struct fi_far_pack second = put_pack(&world, "second", 0, 2);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, first, &world.err), FIRN_OK);
    assert_int_equal(add(far, second, &world.err), FIRN_OK);
    assert_int_equal(add(far, second, &world.err), FIRN_EXISTS);
    assert_int_equal(world.bucket.gets, 0);
    assert_int_equal(fi_far_has(far, &both, &has, &world.err), FIRN_OK);
    assert_true(has);
    assert_int_equal(fi_far_has(far, &new, &has, &world.err), FIRN_OK);
    assert_true(has);
    assert_int_equal(world.bucket.gets, 1);
    assert_int_equal(fi_far_has(far, &old, &has, &world.err), FIRN_OK);
    assert_true(has);
    assert_int_equal(fi_far_has(far, &(firn_hash){{1}}, &has, &world.err), FIRN_OK);
    assert_false(has);
    assert_int_equal(world.bucket.gets, 2);
    fi_far_destroy(far);
    /* A pack in memory costs nothing, so it comes before all others. */
    far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(fi_far_add_bytes(far, &second, fi_buf_slice(&world.bytes), &world.err),
                     FIRN_OK);
    assert_int_equal(add(far, first, &world.err), FIRN_OK);
    assert_int_equal(fi_far_has(far, &both, &has, &world.err), FIRN_OK);
    assert_true(has);
    assert_int_equal(world.bucket.gets, 0);
    fi_far_destroy(far);
    /* Where the newest is missing, older ones are not asked in its place. */
    assert_int_equal(fi_bucket_remove(world.bucket.folder, "packs/second", &world.err), FIRN_OK);
    far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, first, &world.err), FIRN_OK);
    assert_int_equal(add(far, second, &world.err), FIRN_OK);
    assert_int_equal(fi_far_has(far, &old, &has, &world.err), FIRN_NOT_FOUND);
    assert_int_equal(world.bucket.gets, 1);
    fi_far_destroy(far);
    world_close(&world);
}

/* More than the guess: the pages, and one frame. With very many frames their list is more than the guess, too. */
static void
long_tables_cost_few_requests_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const size_t count = i == 0 ? 60000 : 70000;
        struct packs_world world;
        struct fi_buf bytes = {0};
        size_t read;
        world_open(&world);
        for (size_t k = 0; k < count; k++) {
            char text[24];
            int size = snprintf(text, sizeof text, "object %d", (int)k);
            (void)pack_fixture_add(&world.pack, FI_PACK_BLOB, text, (size_t)size);
        }
        const struct fi_far_pack pack = put_pack(&world, "many", i, 1);
        struct fi_far *far = far_fixture_open(&world.bucket, ALL);
        assert_int_equal(add(far, pack, &world.err), FIRN_OK);
        assert_int_equal(fi_far_read(far, &world.pack.objects[0].hash, &bytes, &world.err),
                         FIRN_OK);
        print_message("%d objects in a pack of %d: %d requests, %d bytes\n", (int)count,
                      (int)world.bytes.size, (int)world.bucket.gets, (int)world.bucket.bytes);
        assert_true(world.bucket.gets <= (i == 0 ? 3 : 5));
        assert_int_equal(bytes.size, strlen("object 0"));
        if (i == 0) {
            assert_int_equal(read_all(&world, far, &read, &world.err), FIRN_OK);
            assert_int_equal(read, count);
        }
        fi_far_destroy(far);
        fi_buf_deinit(&bytes);
        world_close(&world);
    }
}

static void
a_missing_pack_is_not_damage(void **state)
{
    (void)state;
    struct packs_world world;
    struct fi_buf bytes = {0};
    bool has;
    world_open(&world);
    const firn_hash hash = pack_fixture_add_noise(&world.pack, 1, 1 << 20)->hash;
    (void)pack_fixture_add_noise(&world.pack, 2, 2 << 20);
    const struct fi_far_pack pack = put_pack(&world, "gone", 1, 1);
    for (int i = 0; i < 2; i++) {
        struct fi_far *far = far_fixture_open(&world.bucket, ALL);
        assert_int_equal(add(far, pack, &world.err), FIRN_OK);
        if (i == 1) { /* it goes after its end was read */
            assert_int_equal(fi_far_has(far, &hash, &has, &world.err), FIRN_OK);
        }
        assert_int_equal(fi_bucket_remove(world.bucket.folder, "packs/gone", &world.err), FIRN_OK);
        if (i == 0) {
            assert_int_equal(fi_far_has(far, &hash, &has, &world.err), FIRN_NOT_FOUND);
        }
        assert_int_equal(fi_far_read(far, &hash, &bytes, &world.err), FIRN_NOT_FOUND);
        assert_int_equal(fi_far_want(far, &hash, 1, &world.err), FIRN_NOT_FOUND);
        far_fixture_put(&world.bucket, "gone", fi_buf_slice(&world.bytes));
        assert_int_equal(fi_far_read(far, &hash, &bytes, &world.err), FIRN_OK);
        assert_int_equal(bytes.size, 1 << 20);
        fi_far_destroy(far);
    }
    fi_buf_deinit(&bytes);
    world_close(&world);
}

static void
a_range_has_at_most_8_mib(void **state)
{
    (void)state;
    struct packs_world world;
    size_t count;
    world_open(&world);
    (void)pack_fixture_add_noise(&world.pack, 1, 15 << 20);
    (void)pack_fixture_add_noise(&world.pack, 2, 2 << 20);
    const struct fi_far_pack pack = put_pack(&world, "large", 1, 1);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    assert_int_equal(read_all(&world, far, &count, &world.err), FIRN_OK);
    assert_int_equal(world.bucket.largest, 8 << 20);
    assert_int_equal(world.bucket.gets, 4);
    fi_far_destroy(far);
    world_close(&world);
}

static void
no_more_is_fetched_than_is_allowed(void **state)
{
    (void)state;
    struct packs_world world;
    struct fi_buf bytes = {0};
    world_open(&world);
    for (uint64_t i = 0; i < 5; i++) {
        (void)pack_fixture_add_noise(&world.pack, i, 1 << 20);
    }
    const struct fi_far_pack pack = put_pack(&world, "large", 1, 1);
    struct fi_far *far = far_fixture_open(&world.bucket, (5 << 20) - 1000);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    for (size_t i = 5; i > 1; i--) {
        assert_int_equal(fi_far_read(far, &world.pack.objects[i - 1].hash, &bytes, &world.err),
                         FIRN_OK);
    }
    assert_int_equal(fi_far_read(far, &world.pack.objects[0].hash, &bytes, &world.err), FIRN_LIMIT);
    assert_int_equal(fi_far_want(far, &world.pack.objects[0].hash, 1, &world.err), FIRN_LIMIT);
    assert_true(fi_far_fetched(far) <= (5 << 20) - 1000);
    assert_int_equal(fi_far_read(far, &world.pack.objects[1].hash, &bytes, &world.err), FIRN_OK);
    fi_far_destroy(far);
    fi_buf_deinit(&bytes);
    world_close(&world);
}

/* ==== damage ==== */

/* The pack of the fixture with other bytes, in the bucket or in memory; returns the first error. */
static int
read_changed(struct packs_world *world, struct fi_far_pack pack, firn_slice bytes, bool is_inline,
             size_t *out_count)
{
    struct fi_far *far = far_fixture_open(&world->bucket, ALL);
    if (is_inline) {
        assert_int_equal(fi_far_add_bytes(far, &pack, bytes, &world->err), FIRN_OK);
    } else {
        far_fixture_put(&world->bucket, pack.name, bytes);
        assert_int_equal(add(far, pack, &world->err), FIRN_OK);
    }
    int rc = read_all(world, far, out_count, &world->err);
    firn_hash hashes[16];
    assert_true(world->pack.count <= 16);
    for (size_t i = 0; i < world->pack.count; i++) {
        hashes[i] = world->pack.objects[i].hash;
    }
    assert_int_equal(fi_far_want(far, hashes, world->pack.count, &world->err), FIRN_OK);
    fi_far_destroy(far);
    return rc;
}

static void
each_changed_byte_is_noticed_or_not_read(void **state)
{
    (void)state;
    struct packs_world world;
    size_t count;
    struct fi_buf bytes = {0};
    world_open(&world);
    pack_fixture_fill_small(&world.pack);
    const struct fi_far_pack pack = put_pack(&world, "small", 3, 1);
    assert_int_equal(fi_buf_append_slice(&bytes, fi_buf_slice(&world.bytes)), FIRN_OK);
    uint64_t unnoticed = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        int rc = read_changed(&world, pack, fi_buf_slice(&bytes), i % 8 != 0, &count);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        assert_true((rc == FIRN_OK) == (count == world.pack.count));
        unnoticed += rc == FIRN_OK ? 1 : 0;
        assert_true(rc != FIRN_OK || i < 128); /* the header, which is not read */
        bytes.data[i] ^= 0x10;
    }
    assert_int_equal(unnoticed, 128);
    for (size_t size = 0; size < bytes.size; size += 7) {
        assert_int_equal(read_changed(&world, pack, firn_bytes(bytes.data, size), true, &count),
                         FIRN_CORRUPT);
        assert_int_equal(read_changed(&world, pack, firn_bytes(bytes.data, size), false, &count),
                         FIRN_CORRUPT);
    }
    assert_int_equal(read_changed(&world, pack, fi_buf_slice(&bytes), false, &count), FIRN_OK);
    /* A state says other sizes than the bucket has. */
    struct fi_far_pack other = pack;
    for (int i = 0; i < 4; i++) {
        other.size_bytes =
            (const uint64_t[]){pack.size_bytes - 8, pack.size_bytes + 8, UINT64_C(1) << 44, 100}[i];
        assert_int_equal(read_changed(&world, other, fi_buf_slice(&bytes), false, &count),
                         FIRN_CORRUPT);
    }
    other = pack;
    other.id.bytes[3] ^= 1;
    assert_int_equal(read_changed(&world, other, fi_buf_slice(&bytes), false, &count),
                     FIRN_CORRUPT);
    assert_int_equal(read_changed(&world, other, fi_buf_slice(&bytes), true, &count), FIRN_CORRUPT);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    other = pack;
    other.size_bytes = UINT64_MAX;
    assert_int_equal(add(far, other, &world.err), FIRN_CORRUPT);
    other.size_bytes = 0;
    assert_int_equal(add(far, other, &world.err), FIRN_CORRUPT);
    other = pack;
    other.name = "../../etc/passwd";
    assert_int_equal(add(far, other, &world.err), FIRN_CORRUPT);
    fi_far_destroy(far);
    fi_buf_deinit(&bytes);
    world_close(&world);
}

static void
sealed_lies_are_noticed(void **state)
{
    (void)state;
    struct packs_world world;
    struct test_random random = {11};
    struct fi_buf bytes = {0};
    size_t count;
    uint64_t refused = 0;
    world_open(&world);
    pack_fixture_fill_small(&world.pack);
    const struct fi_far_pack pack = put_pack(&world, "small", 3, 1);
    for (int i = 0; i < 3000; i++) {
        fi_buf_clear(&bytes);
        assert_int_equal(fi_buf_append_slice(&bytes, fi_buf_slice(&world.bytes)), FIRN_OK);
        for (uint64_t k = 0; k <= test_random_below(&random, 3); k++) {
            const size_t at = 128 + (size_t)test_random_below(&random, bytes.size - 128);
            const uint8_t values[] = {0, 1, 0x7f, 0xff, (uint8_t)test_random_next(&random)};
            bytes.data[at] = values[test_random_below(&random, 5)];
        }
        test_seal(bytes.data, bytes.size);
        int rc = read_changed(&world, pack, fi_buf_slice(&bytes), true, &count);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        refused += rc != FIRN_OK ? 1 : 0;
    }
    assert_true(refused > 1000);
    fi_buf_deinit(&bytes);
    world_close(&world);
}

static void
a_damaged_pack_costs_only_what_no_other_has(void **state)
{
    (void)state;
    struct packs_world world;
    struct fi_buf bytes = {0};
    world_open(&world);
    const firn_hash both = pack_fixture_add_text(&world.pack, 1, 100)->hash;
    const struct fi_far_pack first = put_pack(&world, "first", 0, 1);
    const firn_hash new = pack_fixture_add_text(&world.pack, 2, 100)->hash;
    const struct fi_far_pack second = put_pack(&world, "second", 0, 2);
    world.bytes.data[world.bytes.size - 20] ^= 1;
    far_fixture_put(&world.bucket, "second", fi_buf_slice(&world.bytes));
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, first, &world.err), FIRN_OK);
    assert_int_equal(add(far, second, &world.err), FIRN_OK);
    assert_int_equal(fi_far_read(far, &both, &bytes, &world.err), FIRN_OK);
    assert_int_equal(bytes.size, 100);
    assert_int_equal(fi_far_read(far, &new, &bytes, &world.err), FIRN_CORRUPT);
    assert_non_null(strstr(world.err.text, "packs/second"));
    assert_int_equal(world.bucket.gets, 2);
    fi_far_destroy(far);
    fi_buf_deinit(&bytes);
    world_close(&world);
}

static void
a_damaged_page_costs_only_its_objects(void **state)
{
    (void)state;
    struct packs_world world;
    size_t count;
    world_open(&world);
    for (uint64_t i = 0; i < 2000; i++) { /* three pages */
        (void)pack_fixture_add_noise(&world.pack, i + 1, 16);
    }
    const struct fi_far_pack pack = put_pack(&world, "pages", 0, 1);
    /* The end is: page, page, page, section, section, table of contents, footer. */
    world.bytes.data[world.bytes.size - 8000 - 32768] ^= 1;
    far_fixture_put(&world.bucket, "pages", fi_buf_slice(&world.bytes));
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    assert_int_equal(read_all(&world, far, &count, &world.err), FIRN_CORRUPT);
    assert_int_equal(count, 2000 - 728);
    fi_far_destroy(far);
    world_close(&world);
}

/* ==== packs that were made to harm ==== */

/* A list of `count` pieces of one object. */
static void
add_repeated(struct packs_world *world, const struct pack_object *piece, size_t count,
             const firn_hash *name)
{
    struct fi_pack_piece *pieces = calloc(count, sizeof *pieces);
    struct fi_buf list = {0};
    assert_non_null(pieces);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct fi_pack_piece){.size = piece->content.size, .hash = piece->hash};
    }
    assert_int_equal(fi_pack_pieces_encode(pieces, count, &list), FIRN_OK);
    pack_fixture_add(&world->pack, FI_PACK_PIECES, list.data, list.size)->hash = *name;
    fi_buf_deinit(&list);
    free(pieces);
}

static void
work_is_bounded(void **state)
{
    (void)state;
    static uint8_t zeros[1 << 20];
    const firn_hash many = {{1}};
    const firn_hash hole = {{2}};
    struct packs_world world;
    struct fi_buf list = {0};
    struct far_sum sum = {0};
    world_open(&world);
    (void)pack_fixture_add(&world.pack, FI_PACK_BLOB, zeros, sizeof zeros);
    add_repeated(&world, &world.pack.objects[0], 1 << 16, &many);
    const struct fi_pack_piece holes[] = {{.size = UINT64_C(1) << 45, .is_hole = true}};
    assert_int_equal(fi_pack_pieces_encode(holes, 1, &list), FIRN_OK);
    pack_fixture_add(&world.pack, FI_PACK_PIECES, list.data, list.size)->hash = hole;
    const struct fi_far_pack pack = put_pack(&world, "bomb", 0, 1);
    assert_true(world.bytes.size < 100000);
    struct fi_far *far = far_fixture_open(&world.bucket, 1 << 20);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    assert_int_equal(
        fi_far_stream(far, &many, UINT64_C(1) << 36, far_fixture_sum, &sum, &world.err),
        FIRN_LIMIT);
    assert_non_null(strstr(world.err.text, "the remote asks for far more work"));
    assert_true(sum.size < UINT64_C(1) << 30);
    fi_budget_renew(fi_far_budget(far));
    sum = (struct far_sum){0};
    assert_int_equal(
        fi_far_stream(far, &hole, UINT64_C(1) << 45, far_fixture_sum, &sum, &world.err),
        FIRN_LIMIT);
    assert_true(sum.size < UINT64_C(4) << 30);
    fi_far_destroy(far);
    fi_buf_deinit(&list);
    world_close(&world);
}

static void
circles_are_refused(void **state)
{
    (void)state;
    const firn_hash self = {{1}};
    const firn_hash one = {{2}};
    const firn_hash two = {{3}};
    struct packs_world world;
    struct fi_buf bytes = {0};
    struct fi_buf delta = {0};
    struct fi_compress *compress;
    bool fits;
    world_open(&world);
    /* A list that names itself, and two deltas that are based on each other. */
    const struct fi_pack_piece pieces[] = {{.size = 100, .hash = self}};
    assert_int_equal(fi_pack_pieces_encode(pieces, 1, &delta), FIRN_OK);
    pack_fixture_add(&world.pack, FI_PACK_PIECES, delta.data, delta.size)->hash = self;
    assert_int_equal(fi_compress_create(&compress, &world.err), FIRN_OK);
    for (int i = 0; i < 2; i++) {
        const struct fi_pack_delta_base base = {i == 0 ? two : one,
                                                firn_str("some text as a base")};
        fi_buf_clear(&delta);
        assert_int_equal(fi_pack_delta_encode(compress, &base, FI_PACK_BLOB,
                                              firn_str("some text as a version"), 1000, &delta,
                                              &fits, &world.err),
                         FIRN_OK);
        assert_true(fits);
        pack_fixture_add(&world.pack, FI_PACK_DELTA, delta.data, delta.size)->hash =
            i == 0 ? one : two;
    }
    fi_compress_destroy(compress);
    const struct fi_far_pack pack = put_pack(&world, "circles", 0, 1);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    const firn_hash all[] = {self, one, two};
    assert_int_equal(fi_far_want(far, all, 3, &world.err), FIRN_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fi_far_read(far, &all[i], &bytes, &world.err), FIRN_CORRUPT);
        assert_int_equal(
            fi_far_stream(far, &all[i], 100, far_fixture_sum, &(struct far_sum){0}, &world.err),
            FIRN_CORRUPT);
    }
    fi_far_destroy(far);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&delta);
    world_close(&world);
}

static void
a_list_under_another_name_is_refused(void **state)
{
    (void)state;
    const firn_hash other = {{1}};
    struct packs_world world;
    struct fi_buf bytes = {0};
    struct far_sum sum = {0};
    world_open(&world);
    (void)pack_fixture_add_text(&world.pack, 1, 1000);
    (void)pack_fixture_add_text(&world.pack, 2, 1000);
    const firn_hash right = pack_fixture_add_pieces(&world.pack, 0, 500, 1)->hash;
    const struct pack_object list = world.pack.objects[2];
    pack_fixture_add(&world.pack, FI_PACK_PIECES, list.content.data, list.content.size)->hash =
        other;
    const struct fi_far_pack pack = put_pack(&world, "names", 0, 1);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    assert_int_equal(add(far, pack, &world.err), FIRN_OK);
    assert_int_equal(fi_far_read(far, &right, &bytes, &world.err), FIRN_OK);
    assert_int_equal(bytes.size, 2500);
    assert_int_equal(fi_far_read(far, &other, &bytes, &world.err), FIRN_CORRUPT);
    assert_int_equal(fi_far_stream(far, &other, 2500, far_fixture_sum, &sum, &world.err),
                     FIRN_CORRUPT);
    assert_int_equal(sum.size, 2500); /* only the end tells */
    fi_far_destroy(far);
    fi_buf_deinit(&bytes);
    world_close(&world);
}

/* Tables that decompress to a thousand times their size, for each of many packs. */
static void
compressed_tables_are_refused(void **state)
{
    (void)state;
    enum { RAW_SIZE = 8 + 16 * 100000 };
    static uint8_t table[RAW_SIZE];
    struct packs_world world;
    struct fi_block_writer *writer;
    struct fi_block_ref ref;
    struct fi_compress *compress;
    struct fi_buf stored = {0};
    bool has;
    world_open(&world);
    fi_store_le32(table, 100000);
    assert_int_equal(fi_compress_create(&compress, &world.err), FIRN_OK);
    assert_int_equal(fi_compress_encode(compress, FI_CODEC_ZSTD, 3, firn_bytes(table, RAW_SIZE),
                                        &stored, &world.err),
                     FIRN_OK);
    fi_compress_destroy(compress);
    assert_int_equal(
        fi_block_writer_create(world.pack.dir, "bomb", FI_BLOCK_FILE_PACK, &writer, &world.err),
        FIRN_OK);
    for (uint32_t kind = 1; kind <= 2; kind++) {
        assert_int_equal(fi_block_writer_add(writer, FI_CODEC_ZSTD, fi_buf_slice(&stored), RAW_SIZE,
                                             &ref, &world.err),
                         FIRN_OK);
        assert_int_equal(fi_block_writer_add_section(writer, kind, &ref, &world.err), FIRN_OK);
    }
    assert_int_equal(fi_block_writer_finish(writer, NULL, &world.err), FIRN_OK);
    fi_block_writer_destroy(writer);
    test_file_read(world.pack.dir, "bomb", &world.bytes);
    struct fi_far *far = far_fixture_open(&world.bucket, ALL);
    const struct fi_far_pack pack = far_fixture_pack("bomb", fi_buf_slice(&world.bytes), 1);
    assert_int_equal(fi_far_add_bytes(far, &pack, fi_buf_slice(&world.bytes), &world.err), FIRN_OK);
    assert_int_equal(fi_far_has(far, &(firn_hash){{1}}, &has, &world.err), FIRN_CORRUPT);
    assert_non_null(strstr(world.err.text, "a table of the pack is compressed"));
    fi_far_destroy(far);
    fi_buf_deinit(&stored);
    world_close(&world);
}

/* ==== faults ==== */

enum { FAULTY_SMALL = 200 };

/* Two packs: a list of pieces and a delta in the second one need the first. */
struct faulty {
    struct packs_world world;
    struct fi_far_pack packs[2];
    firn_hash delta;
    firn_hash list;
    uint64_t list_size;
    firn_hash small[FAULTY_SMALL]; /* in the first pack */
};

static void
faulty_open(struct faulty *faulty)
{
    struct packs_world *world = &faulty->world;
    struct fi_compress *compress;
    struct fi_buf bytes = {0};
    struct fi_pack_delta_base base;
    static uint64_t bases[] = {1};
    bool fits;
    world_open(world);
    struct pack_object *text = pack_fixture_add_text(&world->pack, 9, 100000);
    base.hash = text->hash;
    assert_int_equal(fi_buf_append_slice(&bytes, fi_buf_slice(&text->content)), FIRN_OK);
    base.content = fi_buf_slice(&bytes);
    for (uint64_t i = 0; i < 4; i++) {
        (void)pack_fixture_add_noise(&world->pack, i + 1, 700 << 10);
    }
    for (size_t i = 0; i < FAULTY_SMALL; i++) { /* so that the index grows */
        faulty->small[i] = pack_fixture_add_noise(&world->pack, i + 100, 10)->hash;
    }
    (void)pack_fixture_add_pieces(&world->pack, 1, 5000, 4);
    struct pack_object list = world->pack.objects[5 + FAULTY_SMALL];
    world->pack.count--; /* for the second pack */
    faulty->packs[0] = put_pack(world, "first", 1, 1);
    forget_objects(world);
    (void)pack_fixture_add(&world->pack, FI_PACK_PIECES, list.content.data, list.content.size);
    world->pack.objects[0].hash = list.hash;
    fi_buf_deinit(&list.content);
    faulty->list = list.hash;
    faulty->list_size = 2 * (700 << 10) + 5000;
    struct fi_buf version = {0};
    struct fi_buf delta = {0};
    assert_int_equal(fi_buf_append_slice(&version, base.content), FIRN_OK);
    assert_int_equal(fi_buf_append_str(&version, "a last line"), FIRN_OK);
    fi_blake3_hash_of(version.data, version.size, &faulty->delta);
    assert_int_equal(fi_compress_create(&compress, &world->err), FIRN_OK);
    assert_int_equal(fi_pack_delta_encode(compress, &base, FI_PACK_BLOB, fi_buf_slice(&version),
                                          100000, &delta, &fits, &world->err),
                     FIRN_OK);
    assert_true(fits && delta.size < 1000);
    pack_fixture_add(&world->pack, FI_PACK_DELTA, delta.data, delta.size)->hash = faulty->delta;
    fi_compress_destroy(compress);
    faulty->packs[1] = put_pack(world, "second", 0, 2);
    faulty->packs[1].bases = bases;
    faulty->packs[1].base_count = 1;
    fi_buf_deinit(&delta);
    fi_buf_deinit(&version);
    fi_buf_deinit(&bytes);
}

/* What is tried while something fails. */
static int
use(struct faulty *faulty, struct fi_far *far, firn_error *err)
{
    const firn_hash both[] = {faulty->delta, faulty->list};
    struct far_sum sum = {0};
    struct fi_buf bytes = {0};
    firn_hash found;
    bool has;
    int rc;
    FI_TRY(fi_far_has(far, &faulty->list, &has, err));
    assert_true(has);
    FI_TRY(fi_far_want(far, both, 2, err));
    FI_TRY(fi_far_read(far, &faulty->delta, &bytes, err));
    fi_blake3_hash_of(bytes.data, bytes.size, &found);
    assert_memory_equal(&found, &faulty->delta, sizeof found);
    FI_TRY(fi_far_stream(far, &faulty->list, faulty->list_size, far_fixture_sum, &sum, err));
    assert_int_equal(sum.size, faulty->list_size);
    for (size_t i = 0; i < FAULTY_SMALL; i += 4) {
        FI_TRY(fi_far_read(far, &faulty->small[i], &bytes, err));
        assert_int_equal(bytes.size, 10);
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
add_both(struct faulty *faulty, struct fi_far *far, firn_error *err)
{
    for (int i = 0; i < 2; i++) {
        int rc = add(far, faulty->packs[i], err);
        if (rc != FIRN_OK && rc != FIRN_EXISTS) {
            return rc;
        }
    }
    return FIRN_OK;
}

static void
a_base_is_looked_for_where_it_is_said_to_be(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    struct packs_world *world = &faulty.world;
    struct fi_buf bytes = {0};
    static const uint64_t nowhere[] = {99};
    faulty_open(&faulty);
    forget_objects(world);
    (void)pack_fixture_add_text(&world->pack, 77, 100);
    const struct fi_far_pack between = put_pack(world, "between", 0, 3);
    for (int i = 0; i < 2; i++) {
        struct fi_far *far = far_fixture_open(&world->bucket, ALL);
        faulty.packs[1].bases = i == 0 ? faulty.packs[1].bases : nowhere;
        assert_int_equal(add(far, faulty.packs[0], &world->err), FIRN_OK);
        assert_int_equal(add(far, between, &world->err), FIRN_OK);
        assert_int_equal(add(far, faulty.packs[1], &world->err), FIRN_OK);
        /* Two ends, and the frame of the base; all by a want alone. */
        assert_int_equal(fi_far_want(far, &faulty.delta, 1, &world->err), FIRN_OK);
        assert_int_equal(world->bucket.gets, i == 0 ? 3 : 4);
        assert_int_equal(fi_far_read(far, &faulty.delta, &bytes, &world->err), FIRN_OK);
        assert_int_equal(world->bucket.gets, i == 0 ? 3 : 4);
        fi_far_destroy(far);
    }
    fi_buf_deinit(&bytes);
    world_close(world);
}

static void
a_request_without_an_answer_can_be_repeated(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    firn_error err;
    faulty_open(&faulty);
    uint64_t n = 1;
    for (;; n++) {
        struct fi_far *far = far_fixture_open(&faulty.world.bucket, ALL);
        faulty.world.bucket.fails_at = n;
        assert_int_equal(add_both(&faulty, far, &err), FIRN_OK);
        int rc = use(&faulty, far, &err);
        bool was_hit = faulty.world.bucket.gets >= n;
        assert_int_equal(rc, was_hit ? FIRN_IO : FIRN_OK);
        assert_int_equal(use(&faulty, far, &err), FIRN_OK);
        fi_far_destroy(far);
        assert_int_equal(test_file_count(faulty.world.bucket.temp), 0);
        if (!was_hit) {
            break;
        }
    }
    assert_true(n > 3);
    world_close(&faulty.world);
}

static void
try_with_fault(struct faulty *faulty, struct test_fault *fault, struct fi_os *os, int code)
{
    while (test_fault_next(fault)) {
        struct fi_far *far = NULL;
        firn_error err;
        far_fixture_reset(&faulty->world.bucket);
        if (os != NULL) {
            test_fault_call(fault, os);
        } else {
            test_fault_allocation(fault);
        }
        int rc =
            fi_far_create(&faulty->world.bucket.bucket, faulty->world.bucket.temp, ALL, &far, &err);
        if (rc == FIRN_OK) {
            rc = add_both(faulty, far, &err);
        }
        if (rc == FIRN_OK) {
            rc = use(faulty, far, &err);
        }
        test_fault_end(fault);
        test_fault_expect(fault, rc, code);
        if (far != NULL) { /* the same again */
            assert_int_equal(add_both(faulty, far, &err), FIRN_OK);
            assert_int_equal(use(faulty, far, &err), FIRN_OK);
        }
        fi_far_destroy(far);
    }
    assert_true(fault->refused > 3);
}

static void
an_error_is_reported_when_memory_fails(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    struct test_fault fault = {.every = 0};
    faulty_open(&faulty);
    test_alloc_install(); /* what stays alive is the machine's; a sanitizer looks for leaks */
    try_with_fault(&faulty, &fault, NULL, FIRN_NO_MEMORY);
    test_alloc_uninstall();
    world_close(&faulty.world);
}

static void
an_error_is_reported_when_calls_fail(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    struct test_fault fault = {.classes =
                                   FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES | FI_SIM_FAULT_RANDOM};
    struct fi_os *outer;
    struct fi_os_dir *inner;
    firn_error err;
    faulty_open(&faulty);
    assert_int_equal(fi_sim_fault_create(faulty.world.pack.os, &outer, &err), FIRN_OK);
    inner = faulty.world.bucket.temp;
    assert_int_equal(fi_os_dir_open_path(outer, "/t", &faulty.world.bucket.temp, &err), FIRN_OK);
    try_with_fault(&faulty, &fault, outer, FIRN_IO);
    fi_os_dir_close(faulty.world.bucket.temp);
    faulty.world.bucket.temp = inner;
    fi_sim_fault_destroy(outer);
    world_close(&faulty.world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pack_that_was_added_last_comes_first),
        cmocka_unit_test(long_tables_cost_few_requests_more),
        cmocka_unit_test(a_missing_pack_is_not_damage),
        cmocka_unit_test(a_range_has_at_most_8_mib),
        cmocka_unit_test(no_more_is_fetched_than_is_allowed),
        cmocka_unit_test(each_changed_byte_is_noticed_or_not_read),
        cmocka_unit_test(sealed_lies_are_noticed),
        cmocka_unit_test(a_damaged_pack_costs_only_what_no_other_has),
        cmocka_unit_test(a_damaged_page_costs_only_its_objects),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(circles_are_refused),
        cmocka_unit_test(a_list_under_another_name_is_refused),
        cmocka_unit_test(compressed_tables_are_refused),
        cmocka_unit_test(a_base_is_looked_for_where_it_is_said_to_be),
        cmocka_unit_test(a_request_without_an_answer_can_be_repeated),
        cmocka_unit_test(an_error_is_reported_when_memory_fails),
        cmocka_unit_test(an_error_is_reported_when_calls_fail),
    };
    return cmocka_run_group_tests_name("far_packs", tests, NULL, NULL);
}
