/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_object.c: reads one object: decodes its frame piece by piece, and compares the
 * result with the object's name.
 *
 * A frame need not state its content's size, and a stated size is not trusted: decoding continues
 * until the frame ends or the caller's limit is exceeded. Memory is a piece of the file, a piece of
 * the content, and the window of the frame (at most 128 MiB; 512 KiB for frames of level 1, which
 * is what the seed writes).
 *
 * (I1) FIRN_OK is returned only if the stored bytes are exactly one zstd frame and its content has
 * the hash. The sink has seen the content before this is known.
 *
 * If the sink returns an error, the reading ends and its code is passed on; it does not mean
 * damage. No shared state: any number of threads at once.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/compress.h"
#include "codec/hex.h"

enum { PIECE_SIZE = 128 << 10 };

struct receiver {
    struct fi_blake3_hash hash;
    int (*sink)(void *ctx, firn_slice data, firn_error *err);
    void *ctx;
    bool has_ended; /* the sink returned an error */
};

static int
chkp_object_receive(void *ctx, firn_slice data, firn_error *err)
{
    struct receiver *receiver = ctx;
    fi_blake3_hash_update(&receiver->hash, data.data, data.size);
    int rc = receiver->sink == NULL ? FIRN_OK : receiver->sink(receiver->ctx, data, err);
    receiver->has_ended = rc != FIRN_OK;
    return rc;
}

static int
compare_hash(const struct receiver *receiver, const firn_hash *expected, firn_error *err)
{
    firn_hash found;
    fi_blake3_hash_final(&receiver->hash, &found);
    if (!fi_hash_equal(&found, expected)) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(found.bytes, sizeof found.bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT, "the content has the hash %s", hex);
    }
    return FIRN_OK;
}

static int
feed_stored(struct fi_compress_stream *stream, struct receiver *receiver, struct fi_os_file *file,
            const struct fi_chkp_entry *entry, uint8_t *piece, firn_error *err)
{
    uint64_t offset = entry->offset + FI_CHKP_ENTRY_HEAD_SIZE;
    uint64_t left = entry->stored_size;
    DCHECK(entry->offset >= FI_CHKP_HEADER_SIZE); /* it was checked */
    while (left > 0) {
        size_t size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        FI_TRY_RETURN(fi_os_file_read_exact(file, offset, piece, size, err));
        FI_TRY_RETURN(fi_compress_stream_feed(stream, firn_bytes(piece, size), chkp_object_receive,
                                              receiver, err));
        offset += size;
        left -= size;
    }
    FI_TRY_RETURN(fi_compress_stream_finish(stream, err));
    return compare_hash(receiver, &entry->hash, err);
}

int
fi_chkp_object_stream(struct fi_os_file *file, const struct fi_chkp_entry *entry, uint64_t size_max,
                      int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                      firn_error *err)
{
    int rc = FIRN_OK;
    struct receiver receiver = {.sink = sink, .ctx = ctx};
    fi_blake3_hash_init(&receiver.hash);
    struct fi_compress_stream *stream = NULL;
    size_t piece_size = entry->stored_size < PIECE_SIZE ? (size_t)entry->stored_size : PIECE_SIZE;
    uint8_t *piece = fi_alloc(piece_size);
    if (piece == NULL) {
        return fi_error_no_memory(err, "a piece of a pack");
    }
    FI_TRY(fi_compress_stream_create(size_max, &stream, err));
    rc = feed_stored(stream, &receiver, file, entry, piece, err);
    DCHECK(rc != FIRN_OK || !receiver.has_ended); /* (I1) */
    if ((rc == FIRN_CORRUPT || rc == FIRN_LIMIT) && !receiver.has_ended) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(entry->hash.bytes, sizeof entry->hash.bytes, hex);
        fi_error_prefix(err, "'%s', entry at offset %" PRIu64 ", object %s", fi_os_file_path(file),
                        entry->offset, hex);
    }
out:
    fi_compress_stream_destroy(stream);
    fi_free(piece);
    return rc;
}

int
fi_chkp_object_check_frame(firn_slice frame, const firn_hash *hash, firn_error *err)
{
    int rc = FIRN_OK;
    struct receiver receiver = {.sink = NULL};
    fi_blake3_hash_init(&receiver.hash);
    struct fi_compress_stream *stream = NULL;
    FI_TRY(fi_compress_stream_create(FI_CHKP_OBJECT_SIZE_MAX, &stream, err));
    FI_TRY(fi_compress_stream_feed(stream, frame, chkp_object_receive, &receiver, err));
    FI_TRY(fi_compress_stream_finish(stream, err));
    FI_TRY(compare_hash(&receiver, hash, err));
out:
    if (rc == FIRN_CORRUPT || rc == FIRN_LIMIT) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        fi_error_prefix(err, "the frame given for object %s", hex);
    }
    fi_compress_stream_destroy(stream);
    return rc;
}
