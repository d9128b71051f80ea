/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_chkl.c: the packs of chkpt 0.3 and later, whose objects are frames of LZ4.
 *
 *   pack-<16 hex digits>.dat   "CHKL" | u32 count | count x { XXH3-128 of the content, lowest byte
 *                              first | u64 size | frame } or the same bytes in parts:
 *                              pack-<...>.dat.part-000000, ...
 *   pack-<...>.idx             count x { hash | u64 offset | u64 size }, sorted
 *
 * The .idx is not read: the .dat has the same facts, and objects before a damaged part are still
 * found. An object is decoded as a stream and compared with its hash.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "import/import_internal.h"

enum {
    HASH_SIZE = FI_IMPORT_CHKL_HASH_SIZE,
    HEADER_SIZE = 8,
    ENTRY_SIZE = HASH_SIZE + 8,
    PARTS_MAX = 1000000,
    CHUNK = 64 << 10,
    NAME_SIZE = 256
};

struct part {
    int fd;
    uint64_t offset;
    uint64_t size;
};

struct pack {
    struct part *parts;
    size_t count;
    uint64_t size;
};

struct object {
    uint8_t hash[HASH_SIZE];
    uint32_t pack;
    uint64_t offset; /* of the frame */
    uint64_t size;
};

struct fi_import_chkl {
    struct pack *packs;
    size_t pack_count;
    struct object *objects; /* sorted by hash */
    size_t count;
    size_t capacity;
};

static int
import_chkl_grow(void **array, size_t *capacity, size_t count, size_t size, firn_error *err)
{
    assert(count <= *capacity && size > 0);
    if (count < *capacity) {
        return FIRN_OK;
    }
    size_t wanted = *capacity == 0 ? 64 : 2 * *capacity;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL) {
        return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    *array = grown;
    *capacity = wanted;
    return FIRN_OK;
}

/* Reads bytes of a pack, wherever they lie; false if they are not there. */
static bool
read_pack(const struct pack *pack, uint64_t offset, uint8_t *out, size_t size)
{
    if (size > pack->size || offset > pack->size - size) {
        return false;
    }
    for (size_t i = 0; i < pack->count && size > 0; i++) {
        const struct part *part = &pack->parts[i];
        while (size > 0 && offset >= part->offset && offset < part->offset + part->size) {
            uint64_t left = part->offset + part->size - offset;
            size_t wanted = left < size ? (size_t)left : size;
            ssize_t got = pread(part->fd, out, wanted, (off_t)(offset - part->offset));
            if (got <= 0 && errno != EINTR) {
                return false;
            }
            got = got < 0 ? 0 : got;
            out += got;
            offset += (uint64_t)got;
            size -= (size_t)got;
        }
    }
    return size == 0;
}

static uint64_t
load64(const uint8_t *data)
{
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--) {
        value = value << 8 | data[i - 1];
    }
    return value;
}

static int
add_part(struct pack *pack, int folder, const char *name, size_t *capacity, bool *out_is_there,
         firn_error *err)
{
    assert(folder >= 0);
    struct stat stat;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    *out_is_there = false;
    if (fd < 0) {
        return errno == ENOENT ? FIRN_OK : fi_import_tree_fail(err, "open", firn_str(name));
    }
    void *parts = pack->parts;
    int code = import_chkl_grow(&parts, capacity, pack->count, sizeof(pack->parts[0]), err);
    pack->parts = parts;
    if (code == FIRN_OK && (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))) {
        code = fi_import_tree_error(err, FIRN_CORRUPT, "it is not a file");
    }
    if (code != FIRN_OK) {
        (void)close(fd);
        return code;
    }
    assert(pack->parts != NULL);
    pack->parts[pack->count++] = (struct part){fd, pack->size, (uint64_t)stat.st_size};
    pack->size += (uint64_t)stat.st_size;
    *out_is_there = true;
    return FIRN_OK;
}

static int
open_parts(struct pack *pack, int folder, const char *name, firn_error *err)
{
    char path[NAME_SIZE + 32];
    size_t capacity = 0;
    bool is_there = false;
    (void)snprintf(path, sizeof(path), "%s", name);
    int code = add_part(pack, folder, path, &capacity, &is_there, err);
    for (unsigned i = 0; code == FIRN_OK && (i == 0 ? !is_there : is_there) && i < PARTS_MAX; i++) {
        (void)snprintf(path, sizeof(path), "%s.part-%06u", name, i);
        code = add_part(pack, folder, path, &capacity, &is_there, err);
    }
    return code;
}

static void
close_pack(struct pack *pack)
{
    for (size_t i = 0; i < pack->count; i++) {
        (void)close(pack->parts[i].fd);
    }
    free(pack->parts);
}

/* Finds the objects of a pack. */
static int
scan_pack(struct fi_import_chkl *set, uint32_t number, firn_error *err)
{
    assert(number < set->pack_count);
    const struct pack *pack = &set->packs[number];
    uint8_t header[ENTRY_SIZE];
    uint64_t at = HEADER_SIZE;
    if (!read_pack(pack, 0, header, HEADER_SIZE) || memcmp(header, "CHKL", 4) != 0) {
        return fi_import_tree_error(err, FIRN_CORRUPT, "it is not a pack of chkpt 0.3");
    }
    const uint64_t count = load64(header) >> 32;
    for (uint64_t i = 0; i < count; i++) {
        struct object object = {.pack = number};
        if (!read_pack(pack, at, header, ENTRY_SIZE) ||
            load64(header + HASH_SIZE) > pack->size - at - ENTRY_SIZE) {
            return fi_import_tree_error(err, FIRN_CORRUPT,
                                        "it is damaged after %llu of %llu objects",
                                        (unsigned long long)i, (unsigned long long)count);
        }
        memcpy(object.hash, header, HASH_SIZE);
        object.offset = at + ENTRY_SIZE;
        object.size = load64(header + HASH_SIZE);
        void *objects = set->objects;
        int code = import_chkl_grow(&objects, &set->capacity, set->count, sizeof(object), err);
        set->objects = objects;
        if (code != FIRN_OK) {
            return code;
        }
        assert(set->objects != NULL);
        set->objects[set->count++] = object;
        at = object.offset + object.size;
    }
    return FIRN_OK;
}

static int
compare_objects(const void *a, const void *b)
{
    return memcmp(((const struct object *)a)->hash, ((const struct object *)b)->hash, HASH_SIZE);
}

/* pack-<16 digits>.dat, or its first part. Returns the length of the name of the .dat, or 0. */
static size_t
pack_name(const char *name)
{
    const size_t size = strlen("pack-0123456789abcdef.dat");
    bool is_pack = strncmp(name, "pack-", 5) == 0 && strspn(name + 5, "0123456789abcdef") == 16 &&
                   strncmp(name + 21, ".dat", 4) == 0 &&
                   (name[size] == '\0' || strcmp(name + size, ".part-000000") == 0);
    return is_pack ? size : 0;
}

int
fi_import_chkl_open(int folder, void (*tell)(void *ctx, const char *name, const char *text),
                    void *ctx, struct fi_import_chkl **out, firn_error *err)
{
    assert(folder >= 0 && tell != NULL);
    struct fi_import_chkl *set = calloc(1, sizeof(*set));
    size_t capacity = 0;
    if (set == NULL) {
        return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    int code = FIRN_OK;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (code == FIRN_OK && dir == NULL) {
        code = fi_import_tree_fail(err, "read", firn_str("packs"));
    }
    for (const struct dirent *entry;
         code == FIRN_OK && dir != NULL && (entry = readdir(dir)) != NULL;) {
        size_t size = pack_name(entry->d_name);
        char name[NAME_SIZE];
        if (size == 0) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%.*s", (int)size, entry->d_name);
        void *packs = set->packs;
        code = import_chkl_grow(&packs, &capacity, set->pack_count, sizeof(set->packs[0]), err);
        set->packs = packs;
        if (code != FIRN_OK) {
            break;
        }
        assert(set->packs != NULL);
        set->packs[set->pack_count] = (struct pack){.parts = NULL};
        code = open_parts(&set->packs[set->pack_count++], folder, name, err);
        code = code == FIRN_OK ? scan_pack(set, (uint32_t)(set->pack_count - 1), err) : code;
        if (code != FIRN_OK && code != FIRN_NO_MEMORY) {
            tell(ctx, name, err->text);
            code = FIRN_OK;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (code != FIRN_OK) {
        fi_import_chkl_close(set);
        return code;
    }
    if (set->count > 0) {
        qsort(set->objects, set->count, sizeof(set->objects[0]), compare_objects);
    }
    *out = set;
    return FIRN_OK;
}

void
fi_import_chkl_close(struct fi_import_chkl *set)
{
    for (size_t i = 0; set != NULL && i < set->pack_count; i++) {
        close_pack(&set->packs[i]);
    }
    if (set != NULL) {
        free(set->packs);
        free(set->objects);
    }
    free(set);
}

bool
fi_import_chkl_is_hash(const uint8_t *hash, firn_slice bytes)
{
    const XXH128_hash_t found = XXH3_128bits(bytes.data, bytes.size);
    return load64(hash) == found.low64 && load64(hash + 8) == found.high64;
}

/* Decodes one copy of an object. */
static int
import_chkl_decode(const struct pack *pack, const struct object *object, LZ4F_dctx *decoder,
                   XXH3_state_t *state, firn_write_bytes write, void *ctx, firn_error *err)
{
    assert(decoder != NULL && state != NULL);
    uint8_t in[CHUNK];
    uint8_t out[CHUNK];
    size_t expects = 1;
    int code = FIRN_OK;
    (void)XXH3_128bits_reset(state);
    for (uint64_t at = 0; at < object->size && code == FIRN_OK;) {
        size_t part = object->size - at < CHUNK ? (size_t)(object->size - at) : CHUNK;
        if (!read_pack(pack, object->offset + at, in, part)) {
            return fi_import_tree_error(err, FIRN_CORRUPT, "its object cannot be read");
        }
        size_t done = 0;
        size_t made = 1;
        while (code == FIRN_OK && expects != 0 && (done < part || made == CHUNK)) {
            size_t taken = part - done;
            made = CHUNK;
            expects = LZ4F_decompress(decoder, out, &made, in + done, &taken, NULL);
            if (LZ4F_isError(expects) || (taken == 0 && made == 0 && done < part)) {
                return fi_import_tree_error(err, FIRN_CORRUPT, "its object is damaged");
            }
            done += taken;
            (void)XXH3_128bits_update(state, out, made);
            code = write(ctx, firn_bytes(out, made), err);
        }
        if (code == FIRN_OK && done < part) {
            return fi_import_tree_error(err, FIRN_CORRUPT, "its object has bytes after its frame");
        }
        at += part;
        code = code == FIRN_OK ? fi_command_go_on(err) : code;
    }
    const XXH128_hash_t found = XXH3_128bits_digest(state);
    if (code == FIRN_OK && (expects != 0 || load64(object->hash) != found.low64 ||
                            load64(object->hash + 8) != found.high64)) {
        code = fi_import_tree_error(err, FIRN_CORRUPT, "its object is damaged");
    }
    return code;
}

int
fi_import_chkl_stream(struct fi_import_chkl *set, const uint8_t *hash, firn_write_bytes write,
                      void *ctx, firn_error *err)
{
    struct object wanted;
    LZ4F_dctx *decoder = NULL;
    memcpy(wanted.hash, hash, HASH_SIZE);
    const struct object *object = set->count == 0 ? NULL
                                                  : bsearch(&wanted, set->objects, set->count,
                                                            sizeof(wanted), compare_objects);
    if (object == NULL) {
        return fi_import_tree_error(err, FIRN_NOT_FOUND, "its object is missing");
    }
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL || LZ4F_isError(LZ4F_createDecompressionContext(&decoder, LZ4F_VERSION))) {
        (void)XXH3_freeState(state);
        return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    int code =
        import_chkl_decode(&set->packs[object->pack], object, decoder, state, write, ctx, err);
    (void)LZ4F_freeDecompressionContext(decoder);
    (void)XXH3_freeState(state);
    return code;
}
