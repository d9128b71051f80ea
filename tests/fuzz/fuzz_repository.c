/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/repository: hostile configurations of git, and hostile references.
 *
 * What the filter lets through is filtered again: then nothing is left out, and the text is the
 * same. So its result has no setting but those of the list, and nothing that it does not understand
 * itself. No worktree leads anywhere, so none is kept. The halves of the same input are compared as
 * two indexes.
 *
 * An input with a byte 0xFF is the name of a branch and the contents of three files, each at two
 * times, with that byte between them: HEAD, packed-refs, and the branch. What is said about the two
 * repositories is short and has no control characters, and nothing is said if they are the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "repository/repository.h"
#include "repository/repository_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
filter(const uint8_t *data, size_t size)
{
    struct fi_buf once = {0};
    struct fi_buf twice = {0};
    struct fi_buf left = {0};
    CHECK(fi_repository_config_filter(firn_bytes(data, size), NULL, NULL, &once, &left, NULL) ==
          FIRN_OK);
    fi_buf_clear(&left);
    CHECK(fi_repository_config_filter(fi_buf_slice(&once), NULL, NULL, &twice, &left, NULL) ==
          FIRN_OK);
    CHECK(left.size == 0 && fi_slice_equal(fi_buf_slice(&once), fi_buf_slice(&twice)));
    for (size_t i = 0; i < once.size; i++) {
        CHECK(once.data[i] >= ' ' || once.data[i] == '\n' || once.data[i] == '\t');
    }
    fi_buf_deinit(&once);
    fi_buf_deinit(&twice);
    fi_buf_deinit(&left);
}

/* Both halves of an input. */
static void
compare_indexes(const uint8_t *data, size_t size)
{
    const firn_slice a = firn_bytes(data, size / 2);
    const firn_slice b = firn_bytes(data + size / 2, size - size / 2);
    CHECK(fi_repository_index_is_same(a, b) == fi_repository_index_is_same(b, a));
}

/* ---- references ---- */

enum { OBJECTS_MAX = 16, TEXT_SIZE_MAX = 16 << 10, PARTS = 7 };

struct objects {
    firn_hash hashes[OBJECTS_MAX];
    struct fi_buf contents[OBJECTS_MAX];
    size_t count;
};

static int
put_object(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    struct objects *objects = ctx;
    (void)err;
    CHECK(objects->count < OBJECTS_MAX);
    objects->hashes[objects->count] = *hash;
    CHECK(fi_buf_append_slice(&objects->contents[objects->count++], object) == FIRN_OK);
    return FIRN_OK;
}

static int
read_object(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    const struct objects *objects = ctx;
    for (size_t i = 0; i < objects->count; i++) {
        if (fi_hash_equal(&objects->hashes[i], hash)) {
            CHECK(fi_buf_assign(out, fi_buf_slice(&objects->contents[i])) == FIRN_OK);
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_CORRUPT, "no such object");
}

static int
read_file(void *ctx, firn_slice path, const struct fi_tree_entry *entry, struct fi_buf *out,
          firn_error *err)
{
    (void)path;
    return read_object(ctx, &entry->hash, out, err);
}

/* Adds a file to a directory, unless it is empty. */
static void
add_file(struct objects *objects, struct fi_buf *dir, firn_slice name, firn_slice content)
{
    struct fi_tree_entry entry = {.name = name, .kind = FI_TREE_FILE, .size = content.size};
    if (content.size > 0 && fi_tree_name_is_valid(name)) {
        fi_blake3_hash_of(content.data, content.size, &entry.hash);
        CHECK(put_object(objects, &entry.hash, content, NULL) == FIRN_OK);
        CHECK(fi_tree_encode_entry(dir, &entry) == FIRN_OK);
    }
}

/* Makes the object of a directory, and adds it to the one above. */
static struct fi_tree_entry
add_dir(struct objects *objects, struct fi_buf *dir, const char *name, struct fi_buf *above)
{
    struct fi_tree_entry entry = {.name = firn_str(name), .kind = FI_TREE_DIR};
    CHECK(fi_tree_build(fi_buf_slice(dir), put_object, objects, &entry.hash, NULL) == FIRN_OK);
    CHECK(above == NULL || fi_tree_encode_entry(above, &entry) == FIRN_OK);
    fi_buf_deinit(dir);
    return entry;
}

static struct fi_tree_entry
make_repository(struct objects *objects, firn_slice branch, const firn_slice files[3])
{
    struct fi_buf top = {0};
    struct fi_buf refs = {0};
    struct fi_buf heads = {0};
    add_file(objects, &top, firn_str("HEAD"), files[0]);
    add_file(objects, &top, firn_str("packed-refs"), files[1]);
    add_file(objects, &heads, branch, files[2]);
    (void)add_dir(objects, &heads, "heads", &refs);
    (void)add_dir(objects, &refs, "refs", &top);
    return add_dir(objects, &top, ".git", NULL);
}

static void
describe(firn_slice branch, const firn_slice files[2][3], bool are_same)
{
    struct objects objects = {.count = 0};
    const struct fi_tree_source source = {.read = read_object, .ctx = &objects};
    struct fi_tree_entry entries[2];
    struct fi_repository_side sides[2];
    struct fi_buf text = {0};
    bool is_data;
    for (int i = 0; i < 2; i++) {
        entries[i] = make_repository(&objects, branch, files[i]);
        sides[i] = (struct fi_repository_side){&source, &entries[i], read_file, &objects};
    }
    CHECK(fi_repository_describe(&sides[0], &sides[1], &text, &is_data, NULL) == FIRN_OK);
    CHECK(text.size < TEXT_SIZE_MAX && (text.size == 0 || !are_same));
    for (size_t i = 0; i < text.size; i++) {
        CHECK(text.data[i] >= ' ' && text.data[i] != 0x7F);
    }
    fi_buf_deinit(&text);
    for (size_t i = 0; i < objects.count; i++) {
        fi_buf_deinit(&objects.contents[i]);
    }
}

static void
compare(const uint8_t *data, size_t size)
{
    firn_slice parts[PARTS] = {{0}};
    for (int i = 0; i < PARTS && size > 0; i++) {
        const uint8_t *end = i + 1 < PARTS ? memchr(data, 0xFF, size) : NULL;
        const size_t part = end != NULL ? (size_t)(end - data) : size;
        parts[i] = firn_bytes(data, part);
        data += part + (end != NULL ? 1 : 0);
        size -= part + (end != NULL ? 1 : 0);
    }
    const firn_slice files[2][3] = {{parts[1], parts[3], parts[5]}, {parts[2], parts[4], parts[6]}};
    const firn_slice same[2][3] = {{parts[1], parts[3], parts[5]}, {parts[1], parts[3], parts[5]}};
    describe(parts[0], files, false);
    describe(parts[0], same, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && memchr(data, 0xFF, size) != NULL) {
        compare(data, size);
    } else {
        filter(data, size);
        compare_indexes(data, size);
    }
    return 0;
}
