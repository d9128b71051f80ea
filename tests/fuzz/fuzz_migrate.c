/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_migrate: frames of the process that reads a foreign database, as a library that was led astray may send them.
 *
 * They arrive in pieces of a size that the first byte gives. What is read is what a second reader, which has all bytes at
 * hand, finds in them: the same frames, and the same code at the end. Memory is bounded by the bytes that arrive.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "migrate/migrate_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER_SIZE = 24, SPARE = 4 << 20, ENDED = FIRN_IO };

struct source {
    const uint8_t *data;
    size_t size;
    size_t at;
    size_t piece;
};

static int
read_source(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct source *source = ctx;
    size_t part = source->size - source->at;
    part = part < size ? part : size;
    part = part < source->piece ? part : source->piece;
    if (part == 0) {
        return fi_migrate_fail(err, ENDED, "there is no more");
    }
    memcpy(data, source->data + source->at, part);
    source->at += part;
    *out_size = part;
    return FIRN_OK;
}

/* ---- the second reader ---- */

struct model {
    const uint8_t *data;
    size_t size;
    size_t at;
    char state; /* 'n'othing yet, 'b'etween keyspaces, 'i'nside of one */
};

static uint64_t
number(const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | data[i];
    }
    return value;
}

/* Whether so many bytes follow; they are skipped. */
static bool
skip(struct model *model, uint64_t size)
{
    bool is_there = size <= model->size - model->at;
    model->at = is_there ? model->at + (size_t)size : model->size;
    return is_there;
}

static int
code_of_error(uint64_t flag)
{
    return flag >= 1 && flag <= 99 ? -(int)flag : FIRN_CORRUPT;
}

static int
expect_entry(struct model *model, uint64_t key_size, uint64_t value_size)
{
    if (key_size > FIRN_KEY_SIZE_MAX || value_size > FIRN_VALUE_SIZE_MAX) {
        return FIRN_LIMIT;
    }
    return skip(model, key_size + value_size) ? FIRN_OK : ENDED;
}

static int
expect_text(struct model *model, uint64_t kind, uint64_t flag, uint64_t size)
{
    const uint8_t *text = model->data + model->at;
    if (size > FI_MIGRATE_NAME_SIZE_MAX) {
        return FIRN_CORRUPT;
    }
    if (!skip(model, size)) {
        return ENDED;
    }
    if (kind == FI_MIGRATE_ERROR) {
        return code_of_error(flag);
    }
    return size > 0 && memchr(text, '\0', (size_t)size) != NULL ? FIRN_CORRUPT : FIRN_OK;
}

/* The code of the next frame. *out_header: where it begins. */
static int
expect(struct model *model, const uint8_t **out_header)
{
    const uint8_t *header = model->data + model->at;
    if (!skip(model, HEADER_SIZE)) {
        return ENDED;
    }
    *out_header = header;
    uint64_t kind = number(header, 4);
    uint64_t flag = number(header + 4, 4);
    uint64_t first = number(header + 8, 8);
    uint64_t second = number(header + 16, 8);
    bool is_right = (kind == FI_MIGRATE_OPENED && model->state == 'n') ||
                    (kind == FI_MIGRATE_KEYSPACE && model->state == 'b') ||
                    (kind == FI_MIGRATE_ENTRY && model->state == 'i') ||
                    (kind == FI_MIGRATE_END && model->state == 'i') ||
                    (kind == FI_MIGRATE_DONE && model->state == 'b') || kind == FI_MIGRATE_ERROR;
    if (!is_right) {
        return FIRN_CORRUPT;
    }
    if (kind == FI_MIGRATE_ENTRY) {
        return expect_entry(model, first, second);
    }
    if (second > 0) {
        return FIRN_CORRUPT;
    }
    if (kind == FI_MIGRATE_KEYSPACE || kind == FI_MIGRATE_ERROR) {
        model->state = 'i';
        return expect_text(model, kind, flag, first);
    }
    model->state = 'b';
    return kind == FI_MIGRATE_END || first == 0 ? FIRN_OK : FIRN_CORRUPT;
}

/* ---- what both say ---- */

static void
check_frame(const struct fi_migrate_frame *frame, const uint8_t *header)
{
    uint64_t first = number(header + 8, 8);
    const uint8_t *body = header + HEADER_SIZE;
    CHECK(frame->kind == number(header, 4));
    CHECK(frame->is_set == (number(header + 4, 4) != 0));
    if (frame->kind == FI_MIGRATE_KEYSPACE) {
        CHECK(strlen(frame->name) == first && memcmp(frame->name, body, (size_t)first) == 0);
    } else if (frame->kind == FI_MIGRATE_ENTRY) {
        CHECK(frame->key.size == first && frame->value.size == number(header + 16, 8));
        CHECK(memcmp(frame->key.data, body, frame->key.size) == 0);
        CHECK(memcmp(frame->value.data, body + first, frame->value.size) == 0);
    } else if (frame->kind == FI_MIGRATE_END) {
        CHECK(frame->count == first);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_error err;
    if (size == 0) {
        return 0;
    }
    struct source source = {data + 1, size - 1, 0, 1 + (size_t)data[0] * data[0]};
    struct model model = {data + 1, size - 1, 0, 'n'};
    struct fi_migrate_frames frames = {.buffer = NULL};
    CHECK(fi_migrate_frames_init(&frames, read_source, &source, &err) == FIRN_OK);
    for (int code = FIRN_OK; code == FIRN_OK;) {
        struct fi_migrate_frame frame;
        const uint8_t *header = NULL;
        int expected = expect(&model, &header);
        code = fi_migrate_frames_next(&frames, &frame, &err);
        CHECK(code == expected && (code == FIRN_OK || err.code == code));
        CHECK(frames.body_capacity <= 2 * size + SPARE);
        if (code == FIRN_OK) {
            check_frame(&frame, header);
            if (frame.kind == FI_MIGRATE_DONE) {
                break;
            }
        }
    }
    fi_migrate_frames_deinit(&frames);
    return 0;
}
