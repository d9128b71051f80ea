/* SPDX-License-Identifier: Apache-2.0
 *
 * run/value_writer.c: writes large values, one after the other, to a sealed file.
 *
 * A value is cut into pieces of 1 MiB. Each is compressed on its own, or stored uncompressed if
 * compression would save less than a 32nd, so that reading it costs no decoding. So memory stays
 * within two pieces, for values of any size. The block writer takes care of checksums, order and
 * durability.
 */
#include "run/value_file.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { PIECE_SIZE = FIRN_VALUE_FILE_PIECE_SIZE };

struct firn_value_writer {
    struct firn_block_writer *blocks;
    struct firn_compress *compress;
    struct firn_value_writer_options options;
    struct firn_buf stored;
    uint64_t content_bytes;
};

int
firn_value_writer_create(const struct firn_run_env *env, const char *name,
                         const struct firn_value_writer_options *options,
                         struct firn_value_writer **out, firn_error *err)
{
    int rc;
    *out = NULL;
    DCHECK(options->number != 0);
    struct firn_value_writer *writer = firn_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return firn_error_no_memory(err, "a writer of values");
    }
    writer->options = *options;
    FIRN_TRY(firn_compress_create(&writer->compress, err));
    FIRN_TRY(
        firn_block_writer_create(env->dir, name, FIRN_BLOCK_FILE_VALUES, &writer->blocks, err));
    *out = writer;
    writer = NULL;
out:
    firn_value_writer_destroy(writer);
    return rc;
}

void
firn_value_writer_destroy(struct firn_value_writer *writer)
{
    if (writer != NULL) {
        firn_block_writer_destroy(writer->blocks);
        firn_compress_destroy(writer->compress);
        firn_buf_deinit(&writer->stored);
        firn_free(writer);
    }
}

static int
add_piece(struct firn_value_writer *writer, firn_slice raw, struct firn_block_ref *out,
          firn_error *err)
{
    enum firn_codec codec = writer->options.codec;
    DCHECK(raw.size > 0 && raw.size <= PIECE_SIZE);
    firn_slice stored = raw;
    if (codec != FIRN_CODEC_NONE) {
        int rc = firn_compress_encode(writer->compress, codec, 0, raw, &writer->stored, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_smaller = writer->stored.size < raw.size - raw.size / 32;
        codec = is_smaller ? codec : FIRN_CODEC_NONE;
        stored = is_smaller ? firn_buf_slice(&writer->stored) : raw;
    }
    int rc = firn_block_writer_add(writer->blocks, codec, stored, (uint32_t)raw.size, out, err);
    if (rc == FIRN_OK) {
        writer->content_bytes += firn_block_reader_span(out);
    }
    return rc;
}

int
firn_value_writer_add(struct firn_value_writer *writer, firn_slice value, struct firn_buf *out,
                      firn_error *err)
{
    CHECK(value.size > 0 && value.size <= FIRN_ENTRY_VALUE_SIZE_MAX);
    size_t count = (value.size + PIECE_SIZE - 1) / PIECE_SIZE;
    size_t at = out->size;
    if (firn_buf_set_size(out, at + FIRN_VALUE_FILE_REFERENCE_SIZE + 4 * count) != FIRN_OK) {
        return firn_error_no_memory(err, "the reference to a value");
    }
    uint8_t *bytes = out->data + at;
    uint64_t end = 0; /* of the pieces so far */
    firn_store_le64(bytes, writer->options.number);
    firn_store_le64(bytes + 8, value.size);
    for (size_t i = 0; i < count; i++) {
        struct firn_block_ref ref;
        size_t begin = i * PIECE_SIZE;
        size_t size = value.size - begin < PIECE_SIZE ? value.size - begin : PIECE_SIZE;
        int rc = add_piece(writer, firn_bytes(value.data + begin, size), &ref, err);
        if (rc != FIRN_OK) {
            out->size = at;
            return rc;
        }
        if (i == 0) {
            firn_store_le64(bytes + 16, ref.offset);
        }
        CHECK(i == 0 || ref.offset == end); /* a reference has the first one's place only */
        end = ref.offset + firn_block_reader_span(&ref);
        firn_store_le32(bytes + FIRN_VALUE_FILE_REFERENCE_SIZE + 4 * i, ref.stored_size);
    }
    return FIRN_OK;
}

uint64_t
firn_value_writer_content_bytes(const struct firn_value_writer *writer)
{
    return writer->content_bytes;
}

uint64_t
firn_value_writer_identity(const struct firn_value_writer *writer)
{
    return firn_load_le64(firn_block_writer_id(writer->blocks)->bytes);
}

int
firn_value_writer_finish(struct firn_value_writer *writer, uint64_t *out_file_bytes,
                         firn_error *err)
{
    DCHECK(firn_block_writer_size_bytes(writer->blocks) ==
           FIRN_BLOCK_BODY_START + writer->content_bytes);
    return firn_block_writer_finish_later(writer->blocks, writer->options.publisher, out_file_bytes,
                                          err);
}
