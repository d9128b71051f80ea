/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_value_writer.c: writes large values, one after the other, to a sealed file.
 *
 * A value is cut into pieces of 1 MiB. Each is compressed on its own, or stored uncompressed if
 * compression would save less than a 32nd, so that reading it costs no decoding. So memory stays
 * within two pieces, for values of any size. The block writer takes care of checksums, order and
 * durability.
 */
#include "run/run_value_file.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { PIECE_SIZE = FI_RUN_VALUE_FILE_PIECE_SIZE };

struct fi_run_value_writer {
    struct fi_block_writer *blocks;
    struct fi_compress *compress;
    struct fi_run_value_writer_options options;
    struct fi_buf stored;
    uint64_t content_bytes;
};

int
fi_run_value_writer_create(const struct fi_run_env *env, const char *name,
                           const struct fi_run_value_writer_options *options,
                           struct fi_run_value_writer **out, firn_error *err)
{
    int rc;
    *out = NULL;
    DCHECK(options->number != 0);
    struct fi_run_value_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a writer of values");
    }
    writer->options = *options;
    FI_TRY(fi_compress_create(&writer->compress, err));
    FI_TRY(fi_block_writer_create(env->dir, name, FI_BLOCK_FILE_VALUES, &writer->blocks, err));
    *out = writer;
    writer = NULL;
out:
    fi_run_value_writer_destroy(writer);
    return rc;
}

void
fi_run_value_writer_destroy(struct fi_run_value_writer *writer)
{
    if (writer != NULL) {
        fi_block_writer_destroy(writer->blocks);
        fi_compress_destroy(writer->compress);
        fi_buf_deinit(&writer->stored);
        fi_free(writer);
    }
}

static int
add_piece(struct fi_run_value_writer *writer, firn_slice raw, struct fi_block_ref *out,
          firn_error *err)
{
    enum fi_codec codec = writer->options.codec;
    DCHECK(raw.size > 0 && raw.size <= PIECE_SIZE);
    firn_slice stored = raw;
    if (codec != FI_CODEC_NONE) {
        int rc = fi_compress_encode(writer->compress, codec, 0, raw, &writer->stored, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_smaller = writer->stored.size < raw.size - raw.size / 32;
        codec = is_smaller ? codec : FI_CODEC_NONE;
        stored = is_smaller ? fi_buf_slice(&writer->stored) : raw;
    }
    int rc = fi_block_writer_add(writer->blocks, codec, stored, (uint32_t)raw.size, out, err);
    if (rc == FIRN_OK) {
        writer->content_bytes += fi_block_reader_span(out);
    }
    return rc;
}

int
fi_run_value_writer_add(struct fi_run_value_writer *writer, firn_slice value, struct fi_buf *out,
                        firn_error *err)
{
    CHECK(value.size > 0 && value.size <= FI_ENTRY_VALUE_SIZE_MAX);
    size_t count = (value.size + PIECE_SIZE - 1) / PIECE_SIZE;
    size_t at = out->size;
    if (fi_buf_set_size(out, at + FI_RUN_VALUE_FILE_REFERENCE_SIZE + 4 * count) != FIRN_OK) {
        return fi_error_no_memory(err, "the reference to a value");
    }
    uint8_t *bytes = out->data + at;
    uint64_t end = 0; /* of the pieces so far */
    fi_store_le64(bytes, writer->options.number);
    fi_store_le64(bytes + 8, value.size);
    for (size_t i = 0; i < count; i++) {
        struct fi_block_ref ref;
        size_t begin = i * PIECE_SIZE;
        size_t size = value.size - begin < PIECE_SIZE ? value.size - begin : PIECE_SIZE;
        int rc = add_piece(writer, firn_bytes(value.data + begin, size), &ref, err);
        if (rc != FIRN_OK) {
            out->size = at;
            return rc;
        }
        if (i == 0) {
            fi_store_le64(bytes + 16, ref.offset);
        }
        CHECK(i == 0 || ref.offset == end); /* a reference has the first one's place only */
        end = ref.offset + fi_block_reader_span(&ref);
        fi_store_le32(bytes + FI_RUN_VALUE_FILE_REFERENCE_SIZE + 4 * i, ref.stored_size);
    }
    return FIRN_OK;
}

uint64_t
fi_run_value_writer_content_bytes(const struct fi_run_value_writer *writer)
{
    return writer->content_bytes;
}

uint64_t
fi_run_value_writer_identity(const struct fi_run_value_writer *writer)
{
    return fi_load_le64(fi_block_writer_id(writer->blocks)->bytes);
}

int
fi_run_value_writer_finish(struct fi_run_value_writer *writer, uint64_t *out_file_bytes,
                           firn_error *err)
{
    DCHECK(fi_block_writer_size_bytes(writer->blocks) ==
           FI_BLOCK_BODY_START + writer->content_bytes);
    return fi_block_writer_finish_later(writer->blocks, writer->options.publisher, out_file_bytes,
                                        err);
}
