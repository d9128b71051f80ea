/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_export.c: firn export tar: a checkpoint as a tar archive.
 *
 * The checkpoint is restored into a private directory, verified on the way, and its files are read
 * from there. The attributes of an entry come from the checkpoint. So owners and modes are exact
 * for every user who runs the command.
 *
 * The archive depends on the checkpoint alone (I1; not checked: tests compare two exports): entries
 * come in the order of the tree, headers contain no name of a user and no time of the export, and
 * zeros of a file are left out by looking at its bytes, not at the holes that its file system has.
 * Values that do not fit a ustar header are in an extended header (pax).
 *
 * If a file has several names, the first entry has the content, and the others are links to it. The
 * tree knows the first name in byte order of paths, which may come later in the archive: "a.b" is
 * less than "a/b", but comes after it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "show/show.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    BLOCK = FI_IMPORT_TAR_BLOCK,
    CHUNK = 256 << 10,
    ZERO_UNIT = 4096,        /* zeros are looked for in units of it */
    ZERO_RUN_MIN = 64 << 10, /* shorter runs are written out */
    RECORD_SIZE = 10240,     /* the archive is padded to it */
    SHORT_TEXT = 100,
    ID_MOST = 07777777,
    MODE_BITS = 07777
};
#define SIZE_MOST UINT64_C(077777777777)
#define NS_A_SECOND INT64_C(1000000000)

/* A file whose content was written under a name that is not the one that the tree knows. */
struct alias {
    char *path; /* the one that the tree knows */
    char *written;
};

struct exporting {
    struct fi_import_target *target;
    struct fi_task_file *file; /* NULL: standard output */
    int root_fd;
    uint64_t size;
    uint64_t entries;
    struct fi_import_tar_text pax;
    struct alias *aliases; /* sorted by path */
    size_t alias_count;
    struct fi_import_tar_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
    uint8_t *chunk;
    firn_error err; /* of the program's own */
};

/* ---- output ---- */

static int
import_export_put(struct exporting *exporting, const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    exporting->size += size;
    if (exporting->file != NULL) {
        return fi_task_file_write(exporting->file, firn_bytes(data, size), &exporting->err);
    }
    fi_term_out_write(data, size);
    if (fi_term_out_error() != 0) {
        errno = fi_term_out_error();
        return fi_import_tree_fail(&exporting->err, "write", firn_str("standard output"));
    }
    return FIRN_OK;
}

static int
put_zeros(struct exporting *exporting, size_t size)
{
    static const uint8_t zeros[RECORD_SIZE];
    assert(size <= sizeof(zeros));
    return size == 0 ? FIRN_OK : import_export_put(exporting, zeros, size);
}

static int
import_export_pad(struct exporting *exporting, uint64_t size)
{
    return put_zeros(exporting, (size_t)((BLOCK - size % BLOCK) % BLOCK));
}

/* ---- headers ---- */

static void
octal(uint8_t *field, size_t size, uint64_t value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i > 0; i--) {
        field[i - 1] = (uint8_t)('0' + (value & 7));
        value >>= 3;
    }
    assert(value == 0);
}

struct header {
    char type;
    firn_slice path;
    firn_slice target;
    uint32_t mode;
    uint64_t uid;
    uint64_t gid;
    uint64_t size;
    uint64_t seconds;
};

static int
put_header(struct exporting *exporting, const struct header *header)
{
    assert(header->type != '\0');
    static const uint8_t magic[8] = {'u', 's', 't', 'a', 'r', 0, '0', '0'};
    uint8_t block[BLOCK] = {0};
    uint32_t sum = 0;
    memcpy(block, header->path.data,
           header->path.size < SHORT_TEXT ? header->path.size : SHORT_TEXT);
    octal(block + 100, 8, header->mode & MODE_BITS);
    octal(block + 108, 8, header->uid <= ID_MOST ? header->uid : 0);
    octal(block + 116, 8, header->gid <= ID_MOST ? header->gid : 0);
    octal(block + 124, 12, header->size <= SIZE_MOST ? header->size : 0);
    octal(block + 136, 12, header->seconds <= SIZE_MOST ? header->seconds : 0);
    memset(block + 148, ' ', 8);
    block[156] = (uint8_t)header->type;
    if (header->target.size > 0) {
        memcpy(block + 157, header->target.data,
               header->target.size < SHORT_TEXT ? header->target.size : SHORT_TEXT);
    }
    memcpy(block + 257, magic, sizeof(magic));
    octal(block + 329, 8, 0);
    octal(block + 337, 8, 0);
    for (size_t i = 0; i < BLOCK; i++) {
        sum += block[i];
    }
    octal(block + 148, 7, sum);
    return import_export_put(exporting, block, sizeof(block));
}

static int
import_export_append(struct exporting *exporting, const void *data, size_t size)
{
    assert(exporting->pax.size <= exporting->pax.capacity);
    struct fi_import_tar_text *pax = &exporting->pax;
    if (pax->size + size > pax->capacity) {
        size_t capacity = 2 * (pax->size + size);
        char *grown = realloc(pax->data, capacity);
        if (grown == NULL) {
            return fi_import_tree_error(&exporting->err, FIRN_NO_MEMORY, "out of memory");
        }
        pax->data = grown;
        pax->capacity = capacity;
    }
    if (size > 0) {
        memcpy(pax->data + pax->size, data, size);
    }
    pax->size += size;
    return FIRN_OK;
}

/* Adds a record "<its size> <prefix><key>=<value>\n". */
static int
add_record(struct exporting *exporting, const char *prefix, firn_slice key, firn_slice value)
{
    assert(key.size > 0);
    size_t rest = strlen(prefix) + key.size + value.size + 3; /* blank, =, \n */
    size_t digits = 1;
    for (size_t most = 10; rest + digits >= most; most *= 10) {
        digits++;
    }
    char number[24];
    int length = snprintf(number, sizeof(number), "%zu ", rest + digits);
    FI_TRY_RETURN(import_export_append(exporting, number, (size_t)length));
    FI_TRY_RETURN(import_export_append(exporting, prefix, strlen(prefix)));
    FI_TRY_RETURN(import_export_append(exporting, key.data, key.size));
    FI_TRY_RETURN(import_export_append(exporting, "=", 1));
    FI_TRY_RETURN(import_export_append(exporting, value.data, value.size));
    return import_export_append(exporting, "\n", 1);
}

static int
add_number(struct exporting *exporting, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return add_record(exporting, "", firn_str(key), firn_str(text));
}

/* Seconds, and nanoseconds where there are any; below zero too. */
static int
add_time(struct exporting *exporting, int64_t ns)
{
    char text[40];
    uint64_t absolute = ns < 0 ? (uint64_t)0 - (uint64_t)ns : (uint64_t)ns;
    (void)snprintf(text, sizeof(text), "%s%llu.%09llu", ns < 0 ? "-" : "",
                   (unsigned long long)(absolute / (uint64_t)NS_A_SECOND),
                   (unsigned long long)(absolute % (uint64_t)NS_A_SECOND));
    return add_record(exporting, "", firn_str("mtime"), firn_str(text));
}

static int
add_xattrs(struct exporting *exporting, firn_slice xattrs)
{
    firn_slice name;
    firn_slice value;
    int code = FIRN_OK;
    while (code == FIRN_OK && firn_workspace_xattrs_next(&xattrs, &name, &value)) {
        code = memchr(name.data, '=', name.size) != NULL
                   ? fi_import_tree_error(&exporting->err, FIRN_UNSUPPORTED,
                                          "an extended attribute has = in its name")
                   : add_record(exporting, "SCHILY.xattr.", name, value);
    }
    return code;
}

/* What the header itself cannot say. real_size is that of a sparse file, else 0. */
static int
add_records(struct exporting *exporting, const struct header *header,
            const firn_workspace_entry *entry, bool is_sparse)
{
    exporting->pax.size = 0;
    int code = FIRN_OK;
    if (is_sparse) {
        code = add_record(exporting, "", firn_str("GNU.sparse.major"), firn_str("1"));
        code = code == FIRN_OK
                   ? add_record(exporting, "", firn_str("GNU.sparse.minor"), firn_str("0"))
                   : code;
        code = code == FIRN_OK ? add_record(exporting, "", firn_str("GNU.sparse.name"), entry->path)
                               : code;
        code = code == FIRN_OK ? add_number(exporting, "GNU.sparse.realsize", entry->size_bytes)
                               : code;
    } else if (header->path.size > SHORT_TEXT) {
        code = add_record(exporting, "", firn_str("path"), header->path);
    }
    if (code == FIRN_OK && header->target.size > SHORT_TEXT) {
        code = add_record(exporting, "", firn_str("linkpath"), header->target);
    }
    if (code == FIRN_OK && header->size > SIZE_MOST) {
        code = add_number(exporting, "size", header->size);
    }
    if (code == FIRN_OK && header->uid > ID_MOST) {
        code = add_number(exporting, "uid", header->uid);
    }
    if (code == FIRN_OK && header->gid > ID_MOST) {
        code = add_number(exporting, "gid", header->gid);
    }
    if (code == FIRN_OK && (entry->mtime_ns < 0 || entry->mtime_ns % NS_A_SECOND != 0)) {
        code = add_time(exporting, entry->mtime_ns);
    }
    return code == FIRN_OK && header->type != '1' ? add_xattrs(exporting, entry->xattrs) : code;
}

/* Writes the header of an entry, after an extended one if there has to be one. */
static int
put_headers(struct exporting *exporting, const struct header *header,
            const firn_workspace_entry *entry, bool is_sparse)
{
    assert(!is_sparse || header->type == '0');
    FI_TRY_RETURN(add_records(exporting, header, entry, is_sparse));
    if (exporting->pax.size > FI_IMPORT_TAR_PAX_MAX) {
        return fi_import_tree_error(&exporting->err, FIRN_LIMIT,
                                    "an entry has too many attributes");
    }
    if (exporting->pax.size > 0) {
        struct header extension = {.type = 'x',
                                   .path = firn_str("PaxHeaders/entry"),
                                   .mode = 0644,
                                   .size = exporting->pax.size};
        FI_TRY_RETURN(put_header(exporting, &extension));
        FI_TRY_RETURN(import_export_put(exporting, exporting->pax.data, exporting->pax.size));
        FI_TRY_RETURN(import_export_pad(exporting, exporting->pax.size));
    }
    return put_header(exporting, header);
}

/* ---- the data of files ---- */

static int
read_exactly(struct exporting *exporting, int fd, uint64_t offset, size_t size, firn_slice path)
{
    assert(fd >= 0 && size <= CHUNK);
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, exporting->chunk + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return fi_import_tree_fail(&exporting->err, "read", path);
        }
        done += (size_t)got;
    }
    return FIRN_OK;
}

static bool
is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static int
add_segment(struct exporting *exporting, uint64_t offset, uint64_t size)
{
    struct fi_import_tar_segment *last =
        exporting->segment_count > 0 ? &exporting->segments[exporting->segment_count - 1] : NULL;
    if (last != NULL && offset - (last->offset + last->size) < ZERO_RUN_MIN) {
        last->size = offset + size - last->offset; /* the zeros between them are written out */
        return FIRN_OK;
    }
    if (last == NULL && offset < ZERO_RUN_MIN) {
        size += offset;
        offset = 0;
    }
    if (exporting->segment_count == exporting->segment_capacity) {
        size_t capacity = exporting->segment_capacity == 0 ? 64 : 2 * exporting->segment_capacity;
        struct fi_import_tar_segment *grown =
            realloc(exporting->segments, capacity * sizeof(grown[0]));
        if (grown == NULL || capacity > FI_IMPORT_TAR_SEGMENTS_MAX) {
            exporting->segments = grown != NULL ? grown : exporting->segments;
            return fi_import_tree_error(&exporting->err, FIRN_LIMIT, "a file has too many holes");
        }
        exporting->segments = grown;
        exporting->segment_capacity = capacity;
    }
    assert(exporting->segments != NULL);
    exporting->segments[exporting->segment_count++] = (struct fi_import_tar_segment){offset, size};
    return FIRN_OK;
}

/* Finds the parts of a file that are not zero, in whole units (I1). Holes are not read. */
static int
find_segments(struct exporting *exporting, int fd, const firn_workspace_entry *entry)
{
    assert(fd >= 0 && CHUNK % ZERO_UNIT == 0);
    uint64_t at = 0;
    int code = FIRN_OK;
    exporting->segment_count = 0;
    while (at < entry->size_bytes && code == FIRN_OK) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break;
        }
        at = data < 0 ? at : (uint64_t)data / ZERO_UNIT * ZERO_UNIT;
        uint64_t left = entry->size_bytes - at;
        size_t part = left < CHUNK ? (size_t)left : CHUNK;
        code = read_exactly(exporting, fd, at, part, entry->path);
        for (size_t i = 0; i < part && code == FIRN_OK; i += ZERO_UNIT) {
            size_t unit = part - i < ZERO_UNIT ? part - i : ZERO_UNIT;
            if (!is_zero(exporting->chunk + i, unit)) {
                code = add_segment(exporting, at + i, unit);
            }
        }
        at += part;
        if (code == FIRN_OK) {
            code = fi_command_go_on(&exporting->err);
        }
    }
    return code;
}

static bool
is_sparse(const struct exporting *exporting, uint64_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < exporting->segment_count; i++) {
        sum += exporting->segments[i].size;
    }
    return size - sum >= ZERO_RUN_MIN;
}

static int
put_data(struct exporting *exporting, int fd, uint64_t offset, uint64_t size, firn_slice path)
{
    assert(fd >= 0);
    int code = FIRN_OK;
    while (size > 0 && code == FIRN_OK) {
        size_t part = size < CHUNK ? (size_t)size : CHUNK;
        code = read_exactly(exporting, fd, offset, part, path);
        code = code == FIRN_OK ? import_export_put(exporting, exporting->chunk, part) : code;
        code = code == FIRN_OK ? fi_command_go_on(&exporting->err) : code;
        offset += part;
        size -= part;
    }
    return code;
}

/* The map of a sparse file as text (GNU.sparse 1.0), padded to a block. */
static int
make_map(struct exporting *exporting, struct fi_import_tar_text *out)
{
    assert(exporting->segment_count <= exporting->segment_capacity);
    struct fi_import_tar_text kept = exporting->pax; /* append() works on it */
    exporting->pax = *out;
    exporting->pax.size = 0;
    char line[64];
    int length = snprintf(line, sizeof(line), "%zu\n", exporting->segment_count);
    int code = import_export_append(exporting, line, (size_t)length);
    for (size_t i = 0; i < exporting->segment_count && code == FIRN_OK; i++) {
        length = snprintf(line, sizeof(line), "%llu\n%llu\n",
                          (unsigned long long)exporting->segments[i].offset,
                          (unsigned long long)exporting->segments[i].size);
        code = import_export_append(exporting, line, (size_t)length);
    }
    while (code == FIRN_OK && exporting->pax.size % BLOCK != 0) {
        code = import_export_append(exporting, "", 1);
    }
    *out = exporting->pax;
    exporting->pax = kept;
    return code;
}

static int
put_sparse(struct exporting *exporting, int fd, struct header *header,
           const firn_workspace_entry *entry)
{
    assert(fd >= 0 && entry->size_bytes >= ZERO_RUN_MIN);
    struct fi_import_tar_text map = {.size = 0};
    uint64_t sum = 0;
    /* GNU tar wants a segment at the end of a file that ends in zeros. */
    int code = FIRN_OK;
    const struct fi_import_tar_segment *last =
        exporting->segment_count > 0 ? &exporting->segments[exporting->segment_count - 1] : NULL;
    if (last == NULL || last->offset + last->size < entry->size_bytes) {
        bool is_apart =
            last == NULL || entry->size_bytes - (last->offset + last->size) >= ZERO_RUN_MIN;
        code = is_apart ? add_segment(exporting, entry->size_bytes, 0) : FIRN_OK;
    }
    for (size_t i = 0; i < exporting->segment_count; i++) {
        sum += exporting->segments[i].size;
    }
    code = code == FIRN_OK ? make_map(exporting, &map) : code;
    header->size = map.size + sum;
    header->path = firn_str("GNUSparseFile/entry");
    code = code == FIRN_OK ? put_headers(exporting, header, entry, true) : code;
    code = code == FIRN_OK ? import_export_put(exporting, map.data, map.size) : code;
    for (size_t i = 0; i < exporting->segment_count && code == FIRN_OK; i++) {
        code = put_data(exporting, fd, exporting->segments[i].offset, exporting->segments[i].size,
                        entry->path);
    }
    free(map.data);
    return code == FIRN_OK ? import_export_pad(exporting, sum) : code;
}

/* The path of an entry in the restored tree: text, because it contains no NUL. */
static char *
path_text(struct exporting *exporting, firn_slice path)
{
    assert(memchr(path.data, '\0', path.size) == NULL);
    char *text = strndup((const char *)path.data, path.size);
    if (text == NULL) {
        (void)fi_import_tree_error(&exporting->err, FIRN_NO_MEMORY, "out of memory");
    }
    return text;
}

static int
put_file(struct exporting *exporting, struct header *header, const firn_workspace_entry *entry)
{
    char *path = path_text(exporting, entry->path);
    if (path == NULL) {
        return FIRN_NO_MEMORY;
    }
    int fd = openat(exporting->root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(exporting->root_fd, path, 0600, 0) == 0) {
        fd = openat(exporting->root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    free(path);
    if (fd < 0) {
        if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) {
            fi_import_target_report(exporting->target, entry->path, "it could not be restored");
            return FIRN_OK;
        }
        return fi_import_tree_fail(&exporting->err, "read", entry->path);
    }
    int code = FIRN_OK;
    exporting->segment_count = 0;
    if (entry->size_bytes >= ZERO_RUN_MIN) {
        code = find_segments(exporting, fd, entry);
    }
    if (code == FIRN_OK && entry->size_bytes >= ZERO_RUN_MIN &&
        is_sparse(exporting, entry->size_bytes)) {
        code = put_sparse(exporting, fd, header, entry);
    } else if (code == FIRN_OK) {
        header->size = entry->size_bytes;
        code = put_headers(exporting, header, entry, false);
        code = code == FIRN_OK ? put_data(exporting, fd, 0, entry->size_bytes, entry->path) : code;
        code = code == FIRN_OK ? import_export_pad(exporting, entry->size_bytes) : code;
    }
    (void)close(fd);
    return code;
}

/* ---- hard links ---- */

/* Whether a path comes before another in the order of the tree: component by component. */
static bool
comes_before(firn_slice a, firn_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < common; i++) {
        if (a.data[i] != b.data[i]) {
            return a.data[i] == '/' || (b.data[i] != '/' && a.data[i] < b.data[i]);
        }
    }
    return a.size < b.size;
}

static size_t
alias_place(const struct exporting *exporting, firn_slice path, bool *out_is_there)
{
    size_t low = 0;
    size_t high = exporting->alias_count;
    *out_is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = exporting->aliases[middle].path;
        int order = strncmp(other, (const char *)path.data, path.size);
        order = order == 0 ? other[path.size] != '\0' : order;
        if (order == 0) {
            *out_is_there = true;
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return low;
}

static int
add_alias(struct exporting *exporting, size_t at, firn_slice path, firn_slice written)
{
    struct alias *grown =
        realloc(exporting->aliases, (exporting->alias_count + 1) * sizeof(grown[0]));
    if (grown == NULL) {
        return fi_import_tree_error(&exporting->err, FIRN_NO_MEMORY, "out of memory");
    }
    exporting->aliases = grown;
    struct alias alias = {path_text(exporting, path), path_text(exporting, written)};
    if (alias.path == NULL || alias.written == NULL) {
        free(alias.path);
        free(alias.written);
        return FIRN_NO_MEMORY;
    }
    memmove(&grown[at + 1], &grown[at], (exporting->alias_count - at) * sizeof(grown[0]));
    grown[at] = alias;
    exporting->alias_count++;
    return FIRN_OK;
}

/* The path whose content was written already, of which this one is another name; empty: write it
 * here. */
static int
find_written(struct exporting *exporting, const firn_workspace_entry *entry, firn_slice *out)
{
    firn_slice known = entry->hard_link.size > 0 ? entry->hard_link : entry->path;
    bool is_there;
    *out = firn_bytes(NULL, 0);
    if (entry->hard_link.size > 0 && comes_before(known, entry->path)) {
        *out = known;
        return FIRN_OK;
    }
    size_t at = alias_place(exporting, known, &is_there);
    if (is_there) {
        *out = firn_str(exporting->aliases[at].written);
        return FIRN_OK;
    }
    return entry->hard_link.size == 0 ? FIRN_OK : add_alias(exporting, at, known, entry->path);
}

/* ---- entries ---- */

static int
put_directory(struct exporting *exporting, struct header *header, const firn_workspace_entry *entry)
{
    char *path = malloc(entry->path.size + 2);
    if (path == NULL) {
        return fi_import_tree_error(&exporting->err, FIRN_NO_MEMORY, "out of memory");
    }
    memcpy(path, entry->path.data, entry->path.size);
    memcpy(path + entry->path.size, "/", 2);
    /* Its files are read next, whatever its mode is; if it keeps that, reading them fails and says
     * so. */
    int changed = fchmodat(exporting->root_fd, path, 0700, 0);
    (void)changed;
    header->type = '5';
    header->path = firn_str(path);
    int code = put_headers(exporting, header, entry, false);
    free(path);
    return code;
}

static int
put_entry(struct exporting *exporting, const firn_workspace_entry *entry)
{
    struct header header = {
        .type = '0',
        .path = entry->path,
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .seconds = entry->mtime_ns > 0 ? (uint64_t)(entry->mtime_ns / NS_A_SECOND) : 0};
    exporting->entries++;
    if (entry->type == FIRN_ENTRY_DIRECTORY) {
        return put_directory(exporting, &header, entry);
    }
    FI_TRY_RETURN(find_written(exporting, entry, &header.target));
    if (header.target.size > 0) {
        header.type = '1';
        return put_headers(exporting, &header, entry, false);
    }
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        header.type = '2';
        header.target = entry->link_target;
        return put_headers(exporting, &header, entry, false);
    }
    return put_file(exporting, &header, entry);
}

static int
on_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct exporting *exporting = ctx;
    FI_TRY_RETURN(put_entry(exporting, entry));
    return fi_import_target_go_on("write", exporting->entries, 0, &exporting->err);
}

static int
put_archive(struct exporting *exporting, firn_workspace *workspace, const char *id)
{
    firn_error err;
    exporting->err.code = FIRN_OK;
    int code = firn_workspace_entries(workspace, id, on_entry, exporting, &err);
    if (code != FIRN_OK && exporting->err.code == FIRN_OK) {
        exporting->err = err;
    }
    code = code == FIRN_OK ? put_zeros(exporting, (size_t)2 * BLOCK) : code;
    size_t rest = (size_t)(exporting->size % RECORD_SIZE);
    return code == FIRN_OK && rest > 0 ? put_zeros(exporting, RECORD_SIZE - rest) : code;
}

/* ---- the command ---- */

static void
exporting_deinit(struct exporting *exporting)
{
    for (size_t i = 0; i < exporting->alias_count; i++) {
        free(exporting->aliases[i].path);
        free(exporting->aliases[i].written);
    }
    free(exporting->aliases);
    free(exporting->segments);
    free(exporting->pax.data);
    free(exporting->chunk);
}

/* Restores the checkpoint into the tree, which is removed first. */
static int
import_export_restore(struct fi_import_target *target, struct fi_import_tree *tree, const char *id,
                      firn_error *err)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    options.to_dir = tree->root;
    options.callbacks = fi_task_notices_callbacks(&target->notices);
    options.callbacks.on_notice =
        NULL; /* an owner that cannot be set here is exported all the same */
    int code = firn_workspace_restore(target->workspace, id, &options, &result, err);
    firn_release(result.checkpoint);
    return code;
}

/* Returns an exit code. */
static int export(struct fi_cli *cli, struct fi_import_target *target, const char *path)
{
    struct exporting exporting = {.target = target, .root_fd = -1};
    struct fi_import_tree tree = {.place_fd = -1};
    struct fi_task_file file = {.fd = -1};
    firn_workspace_checkpoint *checkpoint = NULL;
    const char *reference = cli->argument_count > 0 ? cli->arguments[0] : "latest";
    firn_error *err = &exporting.err;
    const char *hint = NULL;
    int code = firn_workspace_find(target->workspace, reference, &checkpoint, err);
    if (code != FIRN_OK) {
        hint = fi_task_workspace_hint(target->workspace, reference, code);
    }
    if (code == FIRN_OK && path != NULL) {
        code = fi_task_file_create(&file, path, fi_command_has(cli, "replace"), err);
        hint = code == FIRN_EXISTS ? "overwrite it with --replace" : NULL;
        exporting.file = &file;
    }
    if (code == FIRN_OK) {
        code = fi_import_tree_create(&tree, &target->notices, NULL, err);
    }
    if (code == FIRN_OK) {
        code = import_export_restore(target, &tree, checkpoint->id, err);
    }
    exporting.root_fd = tree.root_fd;
    exporting.chunk = malloc(CHUNK);
    if (code == FIRN_OK && exporting.chunk == NULL) {
        code = fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    if (code == FIRN_OK) {
        code = put_archive(&exporting, target->workspace, checkpoint->id);
    }
    if (code == FIRN_OK && cli->strict && target->notices.left_out > 0) {
        code = fi_import_tree_error(err, FIRN_UNSUPPORTED, "not everything could be exported");
    }
    if (code == FIRN_OK && path != NULL) {
        code = fi_task_file_finish(&file, err);
    }
    fi_task_file_discard(&file);
    if (checkpoint != NULL) {
        fi_show_checkpoint_json("checkpoint", checkpoint);
    }
    fi_term_json_u64("entries", exporting.entries);
    fi_term_json_u64("bytes", exporting.size);
    fi_task_notices_json(&target->notices);
    int exit_code = code == FIRN_OK ? fi_task_notices_exit(&target->notices)
                                    : fi_command_report_failure(cli, err, hint);
    if (code == FIRN_OK && path != NULL && !cli->quiet) {
        char entries[FI_TERM_TEXT_NUMBER_SIZE];
        char size[FI_TERM_TEXT_SIZE_SIZE];
        fi_term_out_format("%s %s, %s\n", fi_term_text_number(exporting.entries, entries),
                           fi_term_text_plural(exporting.entries, "entry", "entries"),
                           fi_term_text_size(exporting.size, size));
    }
    firn_release(checkpoint);
    fi_import_tree_destroy(&tree);
    exporting_deinit(&exporting);
    return exit_code;
}

static int
import_export_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    const char *path = fi_command_value(cli, "output");
    struct fi_import_target target;
    if (path != NULL && strcmp(path, "-") == 0) {
        path = NULL;
    }
    if (path == NULL && cli->json) {
        return fi_command_misused(cli, "--json needs --output FILE: the archive is no JSON");
    }
    if (path == NULL && isatty(STDOUT_FILENO) == 1) {
        return fi_command_misused(cli, "an archive is not for a terminal: name a FILE with -o");
    }
    int exit_code = fi_import_target_open(&target, cli);
    if (exit_code == FI_EXIT_OK) {
        exit_code = export(cli, &target, path);
    }
    fi_import_target_close(&target);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"output", 'o', "FILE", "write FILE (default: standard output)"},
    {"replace", 0, NULL, "overwrite FILE if it exists"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn export tar 12 -o project.tar", "write a checkpoint as an archive"},
    {"firn export tar | zstd > project.tar.zst", "compress the newest on the way"},
    {NULL, NULL},
};

const struct fi_command fi_import_export_tar = {
    .name = "tar",
    .summary = "Write a checkpoint as a tar archive",
    .arguments = "[REF]",
    .options = options,
    .help = "Writes the checkpoint (by default the newest) as an archive in pax format, with\n"
            "modes, owners, times in nanoseconds, links and extended attributes. Long runs of\n"
            "zeros in files are left out (GNU.sparse 1.0).\n"
            "\n"
            "The archive depends on the checkpoint alone: two exports have the same bytes, on\n"
            "any machine, and firn import tar makes a checkpoint with the same root hash of\n"
            "it. FILE is whole and on disk when the command returns; otherwise there is none.\n"
            "\n"
            "The checkpoint is restored into a private directory below TMPDIR (/var/tmp), and\n"
            "removed there.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_STRICT,
    .run = import_export_run,
};
