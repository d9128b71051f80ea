/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_salvage.c: the objects of a pack whose tables are damaged or cannot be found.
 *
 * Every frame begins with a list of its objects, so an intact frame can be read without the rest of
 * the file: block/ finds the blocks, and this file decodes those that are frames. Names are
 * computed, not trusted. Lists of pieces and deltas are the exception: their names are those of the
 * contents they stand for, and the frame gives them; a caller that restores from them compares the
 * whole, as always.
 *
 * Pages and sections are blocks but not frames, and are skipped. So is a frame whose list is
 * malformed.
 *
 * Memory: one stored block and one decoded frame, at most 33 MiB.
 */
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "pack/pack_format.h"

struct salvaging {
    int (*visit)(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
                 firn_error *err);
    void *ctx;
    struct fi_compress *compress;
    struct fi_buf raw;
};

static bool
list_is_sound(const struct fi_pack_format_frame *frame)
{
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(frame);
    while (fi_pack_format_next_item(&items, &item)) {
    }
    return fi_pack_format_items_ended(&items);
}

static int
visit_item(struct salvaging *salvaging, const struct fi_pack_format_frame *frame,
           const struct fi_pack_format_item *item, firn_error *err)
{
    firn_hash name = item->name;
    DCHECK(fi_range_inside(item->offset, item->size, frame->contents.size));
    firn_slice content = firn_bytes(frame->contents.data + item->offset, item->size);
    if (!fi_pack_format_has_form(item->kind, &item->name, content)) {
        return FIRN_OK;
    }
    if (!fi_pack_kind_is_named(item->kind)) {
        fi_blake3_hash_of(content.data, content.size, &name);
    }
    return salvaging->visit(salvaging->ctx, &name, item->kind, content, err);
}

static int
visit_frame(struct salvaging *salvaging, const struct fi_pack_format_frame *frame, firn_error *err)
{
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(frame);
    while (fi_pack_format_next_item(&items, &item)) {
        int rc = visit_item(salvaging, frame, &item, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(fi_pack_format_items_ended(&items)); /* list_is_sound has said so */
    return FIRN_OK;
}

static int
visit_block(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
            firn_error *err)
{
    struct salvaging *salvaging = ctx;
    if (ref->raw_size > FI_PACK_FORMAT_FRAME_SIZE_MAX) {
        return FIRN_OK;
    }
    if (fi_buf_set_size(&salvaging->raw, ref->raw_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a frame of a pack");
    }
    firn_error decoding;
    int rc = fi_compress_decode(salvaging->compress, codec, stored, salvaging->raw.data,
                                ref->raw_size, &decoding);
    if (rc == FIRN_CORRUPT) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &decoding);
        return rc;
    }
    struct fi_pack_format_frame frame;
    if (!fi_pack_format_open_frame(fi_buf_slice(&salvaging->raw), &frame) ||
        !list_is_sound(&frame)) {
        return FIRN_OK;
    }
    return visit_frame(salvaging, &frame, err);
}

int
fi_pack_salvage(struct fi_os_dir *dir, const char *name,
                int (*visit)(void *ctx, const firn_hash *hash, enum fi_pack_kind kind,
                             firn_slice content, firn_error *err),
                void *ctx, firn_error *err)
{
    struct salvaging salvaging = {.visit = visit, .ctx = ctx};
    int rc = fi_compress_create(&salvaging.compress, err);
    if (rc == FIRN_OK) {
        rc = fi_block_salvage(dir, name, FI_BLOCK_FILE_PACK, visit_block, &salvaging, err);
    }
    fi_buf_deinit(&salvaging.raw);
    fi_compress_destroy(salvaging.compress);
    return rc;
}
