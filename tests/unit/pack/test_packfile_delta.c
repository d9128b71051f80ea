/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: objects that are stored as changes of others.
 *
 * tests/formats/pack/delta.pack: a text of 6,000 bytes, the same with ten bytes in its middle set to
 * '+' as a delta of it, and a delta whose base is not in the pack, written with zstd 1.5.4: to be
 * read for ever. FIRN_TEST_WRITE_GOLDEN=1 writes it anew: only for a new format.
 */
#include "unit/pack/pack_fixture.h"

#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "pack/pack.h"
#include "support/test_fault.h"
#include "support/test_identity.h"

enum { SIZE = 6000 };

static firn_hash
hash_of(firn_slice bytes)
{
    firn_hash hash;
    fi_blake3_hash_of(bytes.data, bytes.size, &hash);
    return hash;
}

/* The delta of content, in out. */
static void
encode(const struct pack_object *base, enum fi_pack_kind kind, firn_slice content,
       struct fi_buf *out)
{
    firn_error err;
    struct fi_compress *compress;
    struct fi_pack_delta_base against = {base->hash, fi_buf_slice(&base->content)};
    bool fits;
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_pack_delta_encode(compress, &against, kind, content, content.size + 100,
                                          out, &fits, &err),
                     FIRN_OK);
    assert_true(fits);
    fi_compress_destroy(compress);
}

/* Content like the object's, but for ten bytes at `at`. */
static void
edit(const struct pack_object *base, size_t at, struct fi_buf *out)
{
    fi_buf_clear(out);
    assert_int_equal(fi_buf_append_slice(out, fi_buf_slice(&base->content)), FIRN_OK);
    memset(out->data + at, '+', 10);
}

/* Adds a new version of an object, as a delta, under its right name. */
static struct pack_object *
add_version(struct pack_fixture *fixture, size_t base, size_t at)
{
    struct fi_buf content = {0};
    struct fi_buf stored = {0};
    edit(&fixture->objects[base], at, &content);
    encode(&fixture->objects[base], FI_PACK_TREE, fi_buf_slice(&content), &stored);
    firn_hash name = hash_of(fi_buf_slice(&content));
    struct pack_object *object = pack_fixture_add(fixture, FI_PACK_DELTA, stored.data, stored.size);
    object->hash = name;
    fi_buf_deinit(&content);
    fi_buf_deinit(&stored);
    return object;
}

static int
collect(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    return fi_buf_append_slice(ctx, data);
}

static int
read_whole(struct pack_fixture *fixture, struct firn_pack *pack, const firn_hash *hash,
           struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    return fi_pack_stream_read(pack, fixture->scratch, hash, collect, out, err);
}

static void
open_pack(struct pack_fixture *fixture, struct firn_pack **out)
{
    firn_error err;
    assert_int_equal(pack_fixture_write(fixture, "p", 0, &err), FIRN_OK);
    assert_int_equal(fi_pack_open(fixture->dir, "p", out, &err), FIRN_OK);
}

static void
a_new_version_is_read_by_its_own_name(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_pack_location at;
    struct fi_buf out = {0};
    struct fi_buf expected = {0};
    uint64_t size;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    (void)add_version(&fixture, 0, 0);
    open_pack(&fixture, &pack);
    assert_int_equal(fi_pack_count(pack), 3);
    for (size_t i = 0; i < 3; i++) {
        const firn_hash *hash = &fixture.objects[i].hash;
        assert_int_equal(read_whole(&fixture, pack, hash, &out, &err), FIRN_OK);
        edit(&fixture.objects[0], i == 1 ? 3000 : 0, &expected);
        assert_true(i == 0 || fi_slice_equal(fi_buf_slice(&out), fi_buf_slice(&expected)));
        assert_int_equal(fi_pack_stream_size(pack, fixture.scratch, hash, &size, &err), FIRN_OK);
        assert_int_equal(size, SIZE);
        assert_int_equal(fi_pack_find(pack, fixture.scratch, hash, &at, &err), FIRN_OK);
        assert_int_equal(at.kind, i == 0 ? FI_PACK_BLOB : FI_PACK_DELTA);
        assert_true(i == 0 || at.size < 100);
    }
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    fi_pack_close(pack);
    fi_buf_deinit(&out);
    fi_buf_deinit(&expected);
    pack_fixture_deinit(&fixture);
}

/* What is read goes through a scratch that has room for one frame. */
static void
a_base_may_be_in_another_frame(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    bool is_elsewhere;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    assert_int_equal(pack_fixture_write(&fixture, "p", 1, &err), FIRN_OK);
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_walk_count(pack), 2);
    assert_int_equal(fi_pack_scratch_create(1, &scratch, &err), FIRN_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            fi_pack_stream_verify(pack, scratch, &fixture.objects[1].hash, &is_elsewhere, &err),
            FIRN_OK);
    }
    fi_pack_scratch_destroy(scratch);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

static void
a_version_may_be_a_piece_of_larger_content(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_buf out = {0};
    struct fi_buf expected = {0};
    struct fi_buf list = {0};
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    edit(&fixture.objects[0], 3000, &expected);
    assert_int_equal(fi_buf_append_slice(&expected, firn_str("0123456789")), FIRN_OK);
    (void)pack_fixture_add(&fixture, FI_PACK_BLOB, "0123456789", 10);
    struct fi_pack_piece pieces[] = {{.size = SIZE, .hash = fixture.objects[1].hash},
                                     {.size = 10, .hash = fixture.objects[2].hash}};
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    struct pack_object *whole = pack_fixture_add(&fixture, FI_PACK_PIECES, list.data, list.size);
    whole->hash = hash_of(fi_buf_slice(&expected));
    firn_hash name = whole->hash;
    open_pack(&fixture, &pack);
    assert_int_equal(read_whole(&fixture, pack, &name, &out, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), fi_buf_slice(&expected)));
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    fi_pack_close(pack);
    fi_buf_deinit(&out);
    fi_buf_deinit(&expected);
    fi_buf_deinit(&list);
    pack_fixture_deinit(&fixture);
}

static void
a_base_may_be_elsewhere(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_buf out = {0};
    bool is_elsewhere;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    firn_hash name = fixture.objects[1].hash;
    /* All but the base. */
    struct pack_object base = fixture.objects[0];
    fixture.objects[0] = fixture.objects[1];
    fixture.objects[1] = base;
    fixture.count = 1;
    open_pack(&fixture, &pack);
    fixture.count = 2;
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    assert_int_equal(read_whole(&fixture, pack, &name, &out, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "is not in the pack"));
    assert_int_equal(fi_pack_stream_verify(pack, fixture.scratch, &name, &is_elsewhere, &err),
                     FIRN_CORRUPT);
    assert_true(is_elsewhere);
    fi_pack_close(pack);
    fi_buf_deinit(&out);
    pack_fixture_deinit(&fixture);
}

static int
count_damage(struct pack_fixture *fixture, struct firn_pack *pack)
{
    firn_error err;
    return fi_pack_verify(pack, fixture->scratch, NULL, NULL, &err);
}

/* A delta that says one thing and is another: never other bytes. */
static void
lies_are_found(void **state)
{
    static const struct {
        const char *what;
        const char *text;
    } lies[] = {
        {"another base", "do not match its name"},
        {"another name", "do not match its name"},
        {"a base that is a delta", "its base is not stored whole"},
        {"a larger size", "cannot be decompressed"},
        {"a frame that is none", "cannot be decompressed"},
        {"an empty base", "its base is empty"},
    };
    for (size_t lie = 0; lie < sizeof lies / sizeof *lies; lie++) {
        firn_error err;
        struct pack_fixture fixture;
        struct firn_pack *pack;
        struct fi_buf out = {0};
        pack_fixture_init(&fixture);
        (void)pack_fixture_add_text(&fixture, 1, SIZE);
        (void)pack_fixture_add_text(&fixture, 2, SIZE);
        (void)pack_fixture_add(&fixture, FI_PACK_BLOB, "", 0);
        (void)add_version(&fixture, 0, 1000);
        struct pack_object *object = add_version(&fixture, 0, 3000);
        uint8_t *base_at = object->content.data + 1;
        uint8_t *size_at = object->content.data + 33;
        switch (lie) {
        case 0:
            memcpy(base_at, fixture.objects[1].hash.bytes, 32);
            break;
        case 1:
            object->hash.bytes[7] ^= 1;
            break;
        case 2:
            memcpy(base_at, fixture.objects[3].hash.bytes, 32);
            break;
        case 3:
            size_at[0] ^= 1;
            break;
        case 4:
            size_at[2] ^= 1;
            break;
        default:
            memcpy(base_at, fixture.objects[2].hash.bytes, 32);
            break;
        }
        firn_hash name = object->hash;
        open_pack(&fixture, &pack);
        int rc = read_whole(&fixture, pack, &name, &out, &err);
        if (rc != FIRN_CORRUPT || strstr(err.text, lies[lie].text) == NULL) {
            fail_msg("%s: %d, %s", lies[lie].what, rc, rc == FIRN_OK ? "" : err.text);
        }
        assert_int_equal(out.size, 0);
        assert_int_equal(count_damage(&fixture, pack), FIRN_CORRUPT);
        fi_pack_close(pack);
        fi_buf_deinit(&out);
        pack_fixture_deinit(&fixture);
    }
}

static void
what_is_no_delta_is_refused(void **state)
{
    struct fi_pack_delta delta;
    uint8_t bytes[64] = {FI_PACK_BLOB};
    bytes[33] = 0x80;
    bytes[34] = 0x01;
    assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, 64), &delta, NULL), FIRN_OK);
    assert_int_equal(delta.size, 128);
    assert_int_equal(delta.frame.size, 64 - 35);
    for (size_t size = 0; size < 35; size++) {
        assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, size), &delta, NULL), FIRN_CORRUPT);
    }
    static const uint8_t kinds[] = {0, FI_PACK_PIECES, FI_PACK_RECORD, FI_PACK_DELTA, 6};
    for (size_t i = 0; i < sizeof kinds; i++) {
        bytes[0] = kinds[i];
        assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, 64), &delta, NULL), FIRN_CORRUPT);
    }
    bytes[0] = FI_PACK_TREE;
    bytes[33] = 0; /* of no bytes */
    assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, 64), &delta, NULL), FIRN_CORRUPT);
    memcpy(bytes + 33, "\x81\x80\x80\x08", 4); /* 16 MiB and one */
    assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, 64), &delta, NULL), FIRN_CORRUPT);
    memcpy(bytes + 33, "\x80\x80\x80\x08", 4);
    assert_int_equal(fi_pack_delta_decode(firn_bytes(bytes, 64), &delta, NULL), FIRN_OK);
}

struct salvaged {
    const struct pack_fixture *fixture;
    size_t count;
};

static int
salvage(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
        firn_error *err)
{
    (void)err;
    struct salvaged *salvaged = ctx;
    const struct pack_object *object = &salvaged->fixture->objects[salvaged->count++];
    assert_true(fi_hash_equal(hash, &object->hash));
    assert_int_equal(kind, object->kind);
    assert_true(fi_slice_equal(content, fi_buf_slice(&object->content)));
    return FIRN_OK;
}

static int
visit(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
      firn_error *err)
{
    return salvage(ctx, hash, at->kind, content, err);
}

static void
walks_and_salvage_give_deltas_as_they_are(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    open_pack(&fixture, &pack);
    struct salvaged salvaged = {.fixture = &fixture};
    assert_int_equal(fi_pack_salvage(fixture.dir, "p", salvage, &salvaged, &err), FIRN_OK);
    assert_int_equal(salvaged.count, 2);
    salvaged.count = 0;
    assert_int_equal(fi_pack_walk_frame(pack, fixture.scratch, 0, visit, &salvaged, &err), FIRN_OK);
    assert_int_equal(salvaged.count, 2);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

static int
visit_delta(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct salvaged *met = ctx;
    assert_int_equal(at->frame, 1);
    return salvage(&(struct salvaged){met->fixture, 3 + 2 * met->count++}, hash, at->kind, content,
                   err);
}

static int
count_some(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
           firn_error *err)
{
    (void)hash;
    (void)at;
    (void)content;
    (void)err;
    return --*(int *)ctx == 0 ? FIRN_CANCELLED : FIRN_OK;
}

/* Texts in one frame, a text between two versions in the other. The first is damaged: who decoded it
 * would meet that. */
static void
a_walk_through_deltas_decodes_their_frames_alone(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_buf bytes = {0};
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)pack_fixture_add_text(&fixture, 2, SIZE);
    (void)pack_fixture_add_text(&fixture, 3, SIZE);
    (void)add_version(&fixture, 0, 3000);
    (void)pack_fixture_add_text(&fixture, 4, SIZE);
    (void)add_version(&fixture, 1, 3000);
    assert_int_equal(pack_fixture_write(&fixture, "p", 3, &err), FIRN_OK);
    test_file_read(fixture.dir, "p", &bytes);
    bytes.data[200] ^= 1;
    test_file_write(fixture.dir, "p", bytes.data, bytes.size);
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_walk_count(pack), 2);
    struct salvaged met = {.fixture = &fixture};
    int left = 1;
    assert_int_equal(fi_pack_walk_frame(pack, fixture.scratch, 0, visit_delta, &met, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_pack_walk_deltas(pack, fixture.scratch, visit_delta, &met, &err), FIRN_OK);
    assert_int_equal(met.count, 2);
    assert_int_equal(fi_pack_walk_deltas(pack, fixture.scratch, count_some, &left, &err),
                     FIRN_CANCELLED);
    assert_int_equal(left, 0);
    fi_pack_close(pack);
    fi_buf_deinit(&bytes);
    pack_fixture_deinit(&fixture);
}

static void
any_allocation_of_a_reading_may_fail(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    firn_hash name = fixture.objects[1].hash;
    open_pack(&fixture, &pack);
    fi_pack_close(pack);
    uint64_t failures = 0;
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        struct fi_pack_scratch *scratch = NULL;
        bool is_elsewhere;
        test_fault_allocation(&fault);
        int rc = fi_pack_open(fixture.dir, "p", &pack, &err);
        if (rc == FIRN_OK) {
            rc = fi_pack_scratch_create(1, &scratch, &err);
        }
        if (rc == FIRN_OK) {
            rc = fi_pack_stream_verify(pack, scratch, &name, &is_elsewhere, &err);
        }
        int none = 0;
        if (rc == FIRN_OK) {
            rc = fi_pack_walk_deltas(pack, scratch, count_some, &none, &err);
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        failures += rc != FIRN_OK ? 1 : 0;
        test_fault_end(&fault);
        fi_pack_scratch_destroy(scratch);
        fi_pack_close(pack);
    }
    assert_true(failures > 8);
    pack_fixture_deinit(&fixture);
}

static void
the_golden_pack_is_read_for_ever(void **state)
{
    static const char path[] = "tests/formats/pack/delta.pack";
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_buf bytes = {0};
    struct fi_buf out = {0};
    struct fi_buf expected = {0};
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, SIZE);
    (void)add_version(&fixture, 0, 3000);
    (void)pack_fixture_add_text(&fixture, 2, SIZE);
    (void)add_version(&fixture, 2, 100);
    struct pack_object elsewhere = fixture.objects[2];
    fixture.objects[2] = fixture.objects[3];
    fixture.objects[3] = elsewhere;
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        struct fi_os_ops ops;
        const struct fi_os_ops *own = fixture.os->ops;
        test_identity_fix(fixture.os, &ops);
        fixture.count = 3;
        assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
        fixture.count = 4;
        fixture.os->ops = own;
        test_file_read(fixture.dir, "p", &bytes);
        test_file_compare_golden(path, fi_buf_slice(&bytes));
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fi_buf_set_size(&bytes, 1 << 20), FIRN_OK);
    bytes.size = fread(bytes.data, 1, bytes.size, file);
    assert_int_equal(fclose(file), 0);
    test_file_write(fixture.dir, "golden", bytes.data, bytes.size);
    assert_int_equal(fi_pack_open(fixture.dir, "golden", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    assert_int_equal(fi_pack_count(pack), 3);
    assert_int_equal(read_whole(&fixture, pack, &fixture.objects[1].hash, &out, &err), FIRN_OK);
    edit(&fixture.objects[0], 3000, &expected);
    assert_true(fi_slice_equal(fi_buf_slice(&out), fi_buf_slice(&expected)));
    assert_int_equal(read_whole(&fixture, pack, &fixture.objects[2].hash, &out, &err),
                     FIRN_CORRUPT);
    fi_pack_close(pack);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&out);
    fi_buf_deinit(&expected);
    pack_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_is_read_by_its_own_name),
        cmocka_unit_test(a_base_may_be_in_another_frame),
        cmocka_unit_test(a_version_may_be_a_piece_of_larger_content),
        cmocka_unit_test(a_base_may_be_elsewhere),
        cmocka_unit_test(lies_are_found),
        cmocka_unit_test(what_is_no_delta_is_refused),
        cmocka_unit_test(walks_and_salvage_give_deltas_as_they_are),
        cmocka_unit_test(a_walk_through_deltas_decodes_their_frames_alone),
        cmocka_unit_test(any_allocation_of_a_reading_may_fail),
        cmocka_unit_test(the_golden_pack_is_read_for_ever),
    };
    return cmocka_run_group_tests_name("packfile_delta", tests, NULL, NULL);
}
