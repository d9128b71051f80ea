/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack/pack_fixture.c: see its header.
 */
#include "unit/pack/pack_fixture.h"

#include "base/error.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "support/test_random.h"

void
pack_fixture_init(struct pack_fixture *fixture)
{
    *fixture = (struct pack_fixture){0};
    assert_int_equal(fi_sim_memory_create(9, &fixture->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(fixture->os, "/", &fixture->dir, NULL), FIRN_OK);
    assert_int_equal(fi_pack_scratch_create(3, &fixture->scratch, NULL), FIRN_OK);
}

void
pack_fixture_deinit(struct pack_fixture *fixture)
{
    for (size_t i = 0; i < fixture->count; i++) {
        fi_buf_deinit(&fixture->objects[i].content);
    }
    fi_free(fixture->objects);
    fi_pack_scratch_destroy(fixture->scratch);
    fi_os_dir_close(fixture->dir);
    fi_sim_memory_destroy(fixture->os);
}

struct pack_object *
pack_fixture_add(struct pack_fixture *fixture, enum fi_pack_kind kind, const void *data,
                 size_t size)
{
    if ((fixture->count & (fixture->count - 1)) == 0) {
        size_t capacity = fixture->count == 0 ? 1 : fixture->count * 2;
        fixture->objects = fi_resize_array(fixture->objects, capacity, sizeof(struct pack_object));
        assert_non_null(fixture->objects);
    }
    struct pack_object *object = &fixture->objects[fixture->count++];
    *object = (struct pack_object){.kind = kind};
    assert_int_equal(fi_buf_append(&object->content, data, size), FIRN_OK);
    fi_blake3_hash_of(data, size, &object->hash);
    return object;
}

void
pack_fixture_noise(uint64_t seed, void *out, size_t size)
{
    struct test_random random = {.state = seed};
    test_random_fill(&random, out, size);
}

struct pack_object *
pack_fixture_add_noise(struct pack_fixture *fixture, uint64_t seed, size_t size)
{
    uint8_t *bytes = fi_alloc(size);
    assert_non_null(bytes);
    pack_fixture_noise(seed, bytes, size);
    struct pack_object *object = pack_fixture_add(fixture, FI_PACK_BLOB, bytes, size);
    fi_free(bytes);
    return object;
}

struct pack_object *
pack_fixture_add_text(struct pack_fixture *fixture, uint64_t seed, size_t size)
{
    static const char *const words[] = {"snow ", "ice ", "layer ", "winter ", "core\n", "firn "};
    struct fi_buf text = {0};
    struct test_random random = {.state = seed};
    while (text.size < size) {
        assert_int_equal(fi_buf_append_str(&text, words[test_random_below(&random, 6)]), FIRN_OK);
    }
    struct pack_object *object = pack_fixture_add(fixture, FI_PACK_BLOB, text.data, size);
    fi_buf_deinit(&text);
    return object;
}

struct pack_object *
pack_fixture_add_pieces(struct pack_fixture *fixture, size_t first, uint64_t hole, size_t second)
{
    const struct pack_object *one = &fixture->objects[first];
    const struct pack_object *two = &fixture->objects[second];
    const struct fi_pack_piece pieces[] = {
        {.size = one->content.size, .hash = one->hash},
        {.size = hole, .is_hole = true},
        {.size = two->content.size, .hash = two->hash},
    };
    struct fi_buf list = {0};
    assert_int_equal(fi_pack_pieces_encode(pieces, 3, &list), FIRN_OK);
    struct fi_blake3_hash state;
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, one->content.data, one->content.size);
    for (uint64_t i = 0; i < hole; i++) {
        fi_blake3_hash_update(&state, "", 1);
    }
    fi_blake3_hash_update(&state, two->content.data, two->content.size);
    struct pack_object *object = pack_fixture_add(fixture, FI_PACK_PIECES, list.data, list.size);
    fi_blake3_hash_final(&state, &object->hash);
    fi_buf_deinit(&list);
    return object;
}

void
pack_fixture_fill_small(struct pack_fixture *fixture)
{
    static const size_t sizes[] = {0, 1, 7, 60, 100, 33, 5, 64, 129};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pack_object *object = pack_fixture_add_noise(fixture, 100 + i, sizes[i]);
        object->kind = i % 4 == 2 ? FI_PACK_TREE : i % 4 == 3 ? FI_PACK_RECORD : FI_PACK_BLOB;
    }
    (void)pack_fixture_add_pieces(fixture, 4, 17, 5);
}

int
pack_fixture_write(struct pack_fixture *fixture, const char *name, size_t flush_every,
                   firn_error *err)
{
    struct firn_pack_writer *writer = NULL;
    struct fi_pack_lane *lane = NULL;
    int rc;
    FI_TRY(fi_pack_writer_create(fixture->dir, name, 1, &writer, err));
    FI_TRY(fi_pack_lane_create(writer, &lane, err));
    for (size_t i = 0; i < fixture->count; i++) {
        bool is_new;
        const struct pack_object *object = &fixture->objects[i];
        FI_TRY(fi_pack_lane_add(lane, object->kind, &object->hash, fi_buf_slice(&object->content),
                                &is_new, err));
        if (flush_every != 0 && i % flush_every == flush_every - 1) {
            FI_TRY(fi_pack_lane_flush(lane, err));
        }
    }
    FI_TRY(fi_pack_lane_flush(lane, err));
    FI_TRY(fi_pack_writer_finish(writer, NULL, err));
out:
    fi_pack_lane_destroy(lane);
    fi_pack_writer_destroy(writer);
    return rc;
}

/* Finds and reads one object; right or an error. A list of pieces is right if the whole has its
 * name, which the stream compares: another list may make up the same content. */
static int
read_object(struct pack_fixture *fixture, struct firn_pack *pack, const struct pack_object *object,
            firn_error *err)
{
    struct fi_pack_location at;
    firn_slice content;
    if (object->kind == FI_PACK_PIECES) {
        return fi_pack_stream_read(pack, fixture->scratch, &object->hash, NULL, NULL, err);
    }
    int rc = fi_pack_find(pack, fixture->scratch, &object->hash, &at, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_read(pack, fixture->scratch, &object->hash, &at, &content, err);
    }
    if (rc == FIRN_OK) {
        assert_int_equal(content.size, object->content.size);
        assert_memory_equal(content.data, object->content.data, content.size);
    }
    return rc;
}

int
pack_fixture_read(struct pack_fixture *fixture, const char *name, firn_error *err)
{
    struct firn_pack *pack;
    int first = fi_pack_open(fixture->dir, name, &pack, err);
    for (size_t i = 0; pack != NULL && i < fixture->count; i++) {
        firn_error object_err;
        int rc = read_object(fixture, pack, &fixture->objects[i], &object_err);
        if (rc != FIRN_OK && first == FIRN_OK) {
            first = rc;
            *err = object_err;
        }
    }
    if (pack != NULL) {
        int rc = fi_pack_verify(pack, fixture->scratch, NULL, NULL, first == FIRN_OK ? err : NULL);
        /* Verification misses nothing that reading finds, but for pieces that may be in another
         * pack. */
        assert_true(first != FIRN_CORRUPT || rc != FIRN_OK ||
                    strstr(err->text, "is not in the pack"));
        first = first == FIRN_OK ? rc : first;
    }
    fi_pack_close(pack);
    return first;
}
