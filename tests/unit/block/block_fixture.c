/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block/block_fixture.c: see its header.
 */
#include "unit/block/block_fixture.h"

#include "base/error.h"

void
block_fixture_init(struct block_fixture *fixture)
{
    *fixture = (struct block_fixture){0};
    assert_int_equal(fi_sim_memory_create(5, &fixture->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(fixture->os, "/", &fixture->dir, NULL), FIRN_OK);
    assert_int_equal(fi_compress_create(&fixture->compress, NULL), FIRN_OK);
}

void
block_fixture_deinit(struct block_fixture *fixture)
{
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        fi_buf_deinit(&fixture->raw[i]);
    }
    fi_compress_destroy(fixture->compress);
    fi_os_dir_close(fixture->dir);
    fi_sim_memory_destroy(fixture->os);
}

static const struct {
    size_t size;
    enum fi_codec codec;
} plan[BLOCK_FIXTURE_COUNT] = {{0, FI_CODEC_NONE},  {1, FI_CODEC_NONE},    {8, FI_CODEC_NONE},
                               {300, FI_CODEC_LZ4}, {1000, FI_CODEC_ZSTD}, {77, FI_CODEC_NONE}};

void
block_fixture_fill(struct block_fixture *fixture)
{
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        assert_int_equal(fi_buf_set_size(&fixture->raw[i], plan[i].size), FIRN_OK);
        for (size_t at = 0; at < plan[i].size; at++) {
            fixture->raw[i].data[at] = (uint8_t)(i * 31 + at % 7);
        }
    }
}

static int
add_block(struct block_fixture *fixture, struct fi_block_writer *writer, size_t i,
          struct fi_buf *stored, firn_error *err)
{
    const struct fi_buf *raw = &fixture->raw[i];
    int rc =
        fi_compress_encode(fixture->compress, plan[i].codec, 1, fi_buf_slice(raw), stored, err);
    return rc != FIRN_OK ? rc
                         : fi_block_writer_add(writer, plan[i].codec, fi_buf_slice(stored),
                                               (uint32_t)raw->size, &fixture->refs[i], err);
}

int
block_fixture_write(struct block_fixture *fixture, struct fi_os_dir *dir, const char *name,
                    firn_error *err)
{
    struct fi_buf stored = {0};
    struct fi_block_writer *writer = NULL;
    int rc;
    FI_TRY(fi_block_writer_create(dir, name, FI_BLOCK_FILE_ROW, &writer, err));
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        FI_TRY(add_block(fixture, writer, i, &stored, err));
    }
    FI_TRY(fi_block_writer_add_section(writer, 7, &fixture->refs[1], err));
    FI_TRY(fi_block_writer_add_section(writer, 9, &fixture->refs[4], err));
    FI_TRY(fi_block_writer_finish(writer, NULL, err));
out:
    fi_block_writer_destroy(writer);
    fi_buf_deinit(&stored);
    return rc;
}

int
block_fixture_read(struct block_fixture *fixture, struct fi_os_dir *dir, const char *name,
                   firn_error *err)
{
    struct fi_buf raw = {0};
    struct fi_block_reader *reader = NULL;
    int first = fi_block_reader_open(dir, name, FI_BLOCK_FILE_ROW, &reader, err);
    for (size_t i = 0; reader != NULL && i < BLOCK_FIXTURE_COUNT; i++) {
        firn_error block_err;
        int rc =
            fi_block_reader_read(reader, &fixture->refs[i], fixture->compress, &raw, &block_err);
        if (rc == FIRN_OK) {
            assert_int_equal(raw.size, fixture->raw[i].size);
            assert_memory_equal(raw.data, fixture->raw[i].data, raw.size);
        } else if (first == FIRN_OK) {
            first = rc;
            *err = block_err;
        }
    }
    if (first == FIRN_OK) {
        first = fi_block_reader_verify_body(reader, err);
    }
    fi_block_reader_close(reader);
    fi_buf_deinit(&raw);
    return first;
}
