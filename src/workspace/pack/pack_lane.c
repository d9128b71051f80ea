/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_lane.c: adds the objects of one thread to a pack: gathers them into frames,
 * compresses and writes the frames.
 *
 * The frame buffer keeps room for the longest list in front of the contents. Objects are appended
 * to the contents, and their items to a separate list. When the frame is closed, the list is put
 * directly before the contents, so head, list and contents are contiguous for the compressor and
 * nothing else is moved:
 *
 *   | … unused … | head | list |  object | object | object …  |
 *   0                          ROOM                           ROOM + frame size + ALONE_SIZE
 *
 * A frame is closed when its contents reach the writer's frame size, 512 KiB unless the options say
 * otherwise, or its list is full. An object of 512 KiB or more becomes a frame of its own, which is
 * written at once; the open frame stays open, so objects that are added in a row stay together.
 *
 * In an encrypted pack the size of such a frame would tell the object, if an observer has it too:
 * it is padded (block_seal.h). A frame with many objects tells only what they are together.
 *
 * A frame that zstd does not make smaller by at least 1/64 is stored plain: reading it is then a
 * copy. QUICK_LEVEL decides that: on bytes that do not compress it runs at some gigabytes a second,
 * twenty times as fast as higher levels, which are tried only on what QUICK_LEVEL made
 * smaller.
 *
 * Failure: every failure after a name was claimed latches the writer, because the name
 * promises bytes (I1 of pack_writer.c). All memory is therefore allocated before the claim.
 *
 * Threads: one at a time. The claims go through the writer's mutex; compression and I/O are outside
 * it.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/compress.h"
#include "pack/pack_cells.h"
#include "pack/pack_format.h"
#include "pack/pack_internal.h"

enum {
    HEAD_SIZE = FI_PACK_FORMAT_FRAME_HEAD_SIZE,
    LIST_MAX = FI_PACK_FORMAT_LIST_SIZE_MAX,
    ROOM = HEAD_SIZE + LIST_MAX,
    ALONE_SIZE = FI_PACK_FRAME_SIZE, /* an object of this size gets a frame of its own */
    KEPT_SIZE_MAX = 2 << 20,         /* buffers that grew beyond this are freed after use */
    GAIN_SHIFT = 6,
    QUICK_LEVEL = 1
};

struct fi_pack_lane {
    struct firn_pack_writer *writer;
    struct fi_pack_lane *next; /* in the writer's pool */
    struct fi_compress *compress;
    struct fi_buf large;  /* the frame of an object of its own */
    struct fi_buf stored; /* what the compressor gives */

    size_t frame_size;

    uint32_t frame; /* its number; NO_FRAME while it is empty */
    uint32_t count;
    size_t contents_size;
    size_t list_size;
    uint8_t list[LIST_MAX];
    uint8_t buffer[]; /* ROOM + frame_size + ALONE_SIZE bytes */
};

int
fi_pack_lane_create(struct firn_pack_writer *writer, struct fi_pack_lane **out, firn_error *err)
{
    *out = NULL;
    size_t frame_size = fi_pack_writer_frame_size(writer);
    DCHECK(frame_size >= FI_PACK_FRAME_SIZE && frame_size <= FI_PACK_FRAME_SIZE_MAX);
    struct fi_pack_lane *lane = fi_alloc(sizeof *lane + ROOM + frame_size + ALONE_SIZE);
    if (lane == NULL) {
        return fi_error_no_memory(err, "a lane of a pack");
    }
    /* Everything except the two large arrays at the end. */
    memset(lane, 0, offsetof(struct fi_pack_lane, list));
    lane->writer = writer;
    lane->frame_size = frame_size;
    lane->frame = FI_PACK_WRITER_NO_FRAME;
    int rc = fi_compress_create(&lane->compress, err);
    if (rc != FIRN_OK) {
        fi_pack_lane_destroy(lane);
        return rc;
    }
    *out = lane;
    return FIRN_OK;
}

void
fi_pack_lane_destroy(struct fi_pack_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    fi_compress_destroy(lane->compress);
    fi_buf_deinit(&lane->large);
    fi_buf_deinit(&lane->stored);
    fi_free(lane);
}

struct fi_pack_lane **
fi_pack_lane_link(struct fi_pack_lane *lane)
{
    return &lane->next;
}

static void
pack_lane_shrink(struct fi_buf *buf)
{
    if (buf->capacity > KEPT_SIZE_MAX) {
        fi_buf_deinit(buf);
    }
}

/* Compresses into lane->stored; *out_gains: whether it is worth it. */
static int
compress(struct fi_pack_lane *lane, int level, firn_slice raw, bool *out_gains, firn_error *err)
{
    int rc = fi_compress_encode(lane->compress, FI_CODEC_ZSTD, level, raw, &lane->stored, err);
    *out_gains = rc == FIRN_OK && lane->stored.size + (raw.size >> GAIN_SHIFT) < raw.size;
    return rc;
}

/* Whether these bytes are a frame whose list accounts for its contents to the last byte. */
static bool
is_frame(firn_slice raw)
{
    struct fi_pack_format_frame frame;
    struct fi_pack_format_item item;
    if (!fi_pack_format_open_frame(raw, &frame)) {
        return false;
    }
    struct fi_pack_format_items items = fi_pack_format_items_of(&frame);
    while (fi_pack_format_next_item(&items, &item)) {
    }
    return fi_pack_format_items_ended(&items);
}

/* Whether a frame has one object, which is as large as those that get a frame to themselves. */
static bool
is_alone(size_t count, size_t contents_size)
{
    return count == 1 && contents_size >= ALONE_SIZE;
}

/* Compresses and writes a frame, of which shape says all but codec and bytes; raw is head, list and
 * contents. */
static int
write_frame(struct fi_pack_lane *lane, struct fi_pack_writer_frame shape, firn_slice raw,
            firn_error *err)
{
    DCHECK(is_frame(raw) && raw.size <= FI_PACK_FORMAT_FRAME_SIZE_MAX);
    int level = fi_pack_writer_level(lane->writer);
    bool gains;
    int rc = compress(lane, level < QUICK_LEVEL ? level : QUICK_LEVEL, raw, &gains, err);
    if (rc == FIRN_OK && gains && level > QUICK_LEVEL) {
        rc = compress(lane, level, raw, &gains, err);
    }
    if (rc == FIRN_OK) {
        shape.codec = gains ? FI_CODEC_ZSTD : FI_CODEC_NONE;
        shape.stored = gains ? fi_buf_slice(&lane->stored) : raw;
        shape.raw_size = (uint32_t)raw.size;
        rc = fi_pack_writer_put_frame(lane->writer, &shape, err);
    }
    pack_lane_shrink(&lane->stored);
    return rc;
}

int
fi_pack_lane_flush(struct fi_pack_lane *lane, firn_error *err)
{
    if (lane->count == 0) {
        return FIRN_OK;
    }
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    DCHECK(lane->frame != FI_PACK_WRITER_NO_FRAME && lane->list_size <= LIST_MAX);
    uint8_t *list = lane->buffer + ROOM - lane->list_size;
    uint8_t *raw = list - HEAD_SIZE;
    memcpy(list, lane->list, lane->list_size);
    fi_pack_format_encode_frame_head((uint32_t)lane->list_size, lane->count, raw);
    size_t raw_size = HEAD_SIZE + lane->list_size + lane->contents_size;
    const struct fi_pack_writer_frame shape = {
        .number = lane->frame, .is_alone = is_alone(lane->count, lane->contents_size)};
    int rc = write_frame(lane, shape, firn_bytes(raw, raw_size), err);
    if (rc != FIRN_OK) {
        fi_pack_writer_fail(lane->writer, err);
    }
    lane->frame = FI_PACK_WRITER_NO_FRAME;
    lane->count = 0;
    lane->contents_size = 0;
    lane->list_size = 0;
    return rc;
}

/* ---- adding ---- */

static const firn_hash *
name_in_list(enum fi_pack_kind kind, const firn_hash *hash)
{
    return fi_pack_kind_is_named(kind) ? hash : NULL;
}

static int
add_to_frame(struct fi_pack_lane *lane, struct fi_pack_writer_record *record, firn_slice content,
             bool *out_is_new, firn_error *err)
{
    DCHECK((lane->count == 0) == (lane->frame == FI_PACK_WRITER_NO_FRAME));
    CHECK(lane->contents_size < lane->frame_size && content.size <= ALONE_SIZE &&
          lane->list_size + FI_PACK_FORMAT_ITEM_SIZE_MAX <= LIST_MAX); /* there is room */
    record->frame = lane->frame;
    record->offset = (uint32_t)lane->contents_size;
    int rc = fi_pack_writer_claim(lane->writer, record, out_is_new, err);
    if (rc != FIRN_OK || !*out_is_new) {
        return rc;
    }
    lane->frame = record->frame;
    if (content.size > 0) {
        memcpy(lane->buffer + ROOM + lane->contents_size, content.data, content.size);
    }
    lane->contents_size += content.size;
    enum fi_pack_kind kind = (enum fi_pack_kind)record->kind;
    lane->list_size += fi_pack_format_encode_item(
        kind, record->size, name_in_list(kind, &record->hash), lane->list + lane->list_size);
    lane->count++;
    if (lane->contents_size >= lane->frame_size ||
        lane->list_size + FI_PACK_FORMAT_ITEM_SIZE_MAX > LIST_MAX) {
        rc = fi_pack_lane_flush(lane, err);
    }
    return rc;
}

static int
add_alone(struct fi_pack_lane *lane, struct fi_pack_writer_record *record, firn_slice content,
          bool *out_is_new, firn_error *err)
{
    enum fi_pack_kind kind = (enum fi_pack_kind)record->kind;
    uint8_t item[FI_PACK_FORMAT_ITEM_SIZE_MAX];
    size_t item_size =
        fi_pack_format_encode_item(kind, record->size, name_in_list(kind, &record->hash), item);
    size_t raw_size = HEAD_SIZE + item_size + content.size;
    if (fi_buf_set_size(&lane->large, raw_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a frame of a pack");
    }
    record->frame = FI_PACK_WRITER_NO_FRAME;
    record->offset = 0;
    int rc = fi_pack_writer_claim(lane->writer, record, out_is_new, err);
    if (rc == FIRN_OK && *out_is_new) {
        uint8_t *raw = lane->large.data;
        fi_pack_format_encode_frame_head((uint32_t)item_size, 1, raw);
        memcpy(raw + HEAD_SIZE, item, item_size);
        memcpy(raw + HEAD_SIZE + item_size, content.data, content.size);
        const struct fi_pack_writer_frame shape = {.number = record->frame,
                                                   .is_alone = is_alone(1, content.size)};
        rc = write_frame(lane, shape, fi_buf_slice(&lane->large), err);
        if (rc != FIRN_OK) {
            fi_pack_writer_fail(lane->writer, err);
        }
    }
    pack_lane_shrink(&lane->large);
    return rc;
}

static int
copy_frame(struct fi_pack_lane *lane, const struct fi_pack_frame_object *objects, size_t count,
           enum fi_codec codec, firn_slice stored, uint32_t raw_size, firn_error *err)
{
    uint32_t frame = FI_PACK_WRITER_NO_FRAME;
    for (size_t i = 0; i < count; i++) {
        const struct fi_pack_location *at = &objects[i].at;
        struct fi_pack_writer_record record = {.hash = objects[i].hash,
                                               .frame = frame,
                                               .offset = at->offset,
                                               .size = at->size,
                                               .kind = (uint8_t)at->kind};
        bool is_new;
        int rc = fi_pack_writer_claim(lane->writer, &record, &is_new, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        CHECK(is_new);
        frame = record.frame;
    }
    DCHECK(frame != FI_PACK_WRITER_NO_FRAME);
    return fi_pack_writer_put_frame(
        lane->writer,
        &(struct fi_pack_writer_frame){.number = frame,
                                       .codec = codec,
                                       .stored = stored,
                                       .raw_size = raw_size,
                                       .is_alone = is_alone(count, objects[0].at.size)},
        err);
}

int
fi_pack_lane_copy(struct fi_pack_lane *lane, const struct fi_pack_frame_object *objects,
                  size_t count, enum fi_codec codec, firn_slice stored, uint32_t raw_size,
                  firn_error *err)
{
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    CHECK(count > 0);
    int rc = copy_frame(lane, objects, count, codec, stored, raw_size, err);
    if (rc != FIRN_OK) {
        fi_pack_writer_fail(lane->writer, err);
    }
    return rc;
}

/* A mismatch is a mistake of the program, not of the data. A wrong name would be found only when
 * the object is read, which is too late. */
static void
check_name(enum fi_pack_kind kind, const firn_hash *hash, firn_slice content)
{
#ifdef FIRN_DEBUG
    CHECK(fi_pack_format_has_form(kind, hash, content));
    if (!fi_pack_kind_is_named(kind)) {
        firn_hash found;
        fi_blake3_hash_of(content.data, content.size, &found);
        CHECK(fi_hash_equal(&found, hash));
    }
#else
    (void)kind;
    (void)hash;
    (void)content;
#endif
}

int
fi_pack_lane_add(struct fi_pack_lane *lane, enum fi_pack_kind kind, const firn_hash *hash,
                 firn_slice content, bool *out_is_new, firn_error *err)
{
    *out_is_new = false;
    if (content.size > FI_PACK_OBJECT_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "an object of %zu bytes is larger than the %d allowed in one piece",
                            content.size, FI_PACK_OBJECT_SIZE_MAX);
    }
    CHECK(kind >= FI_PACK_BLOB && kind <= FI_PACK_DELTA);
    check_name(kind, hash, content);
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(content)) {
        fi_pack_writer_note_cells(lane->writer);
    }
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    struct fi_pack_writer_record record = {
        .hash = *hash, .size = (uint32_t)content.size, .kind = (uint8_t)kind};
    return content.size < ALONE_SIZE ? add_to_frame(lane, &record, content, out_is_new, err)
                                     : add_alone(lane, &record, content, out_is_new, err);
}
