/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/big.c: makes data for the benchmarks of saves that no archive has: large files, a changed
 * version of one, and a tree of very many small files. All of it follows from fixed seeds.
 *
 * usage: big touch BYTES               writes that much memory and gives it back: the host then has pages
 *                                      at hand, and the next command's writes do not wait for them
 *        big file PATH BYTES           half-compressible bytes (16-byte runs, every second one random)
 *        big change PATH OUT           a copy with 214 places overwritten or inserted, 50,000 bytes each (10.7 MB in all)
 *        big tree DIR FILES            FILES files of 100–1,100 bytes, 1,000 a directory
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 1 << 20, PLACES = 214, PLACE_SIZE = 50000 };

static uint64_t
next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static _Noreturn void
die(const char *what, const char *path)
{
    (void)fprintf(stderr, "big: could not %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

/* Runs of 16 bytes: by turns random and a repeated letter that depends on the run before. */
static void
fill(uint64_t *state, unsigned char *out, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t value = next(state);
        if ((at & 16) != 0) {
            value = UINT64_C(0x0101010101010101) * ('a' + value % 4);
        }
        memcpy(out + at, &value, size - at < 8 ? size - at : 8);
    }
}

static FILE *
open_or_die(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        die("open", path);
    }
    return file;
}

static void
write_or_die(FILE *file, const void *data, size_t size, const char *path)
{
    if (fwrite(data, 1, size, file) != size) {
        die("write", path);
    }
}

static void
close_or_die(FILE *file, const char *path)
{
    if (fclose(file) != 0) {
        die("write", path);
    }
}

static void
make_file(const char *path, uint64_t size)
{
    static unsigned char chunk[CHUNK];
    uint64_t state = size;
    FILE *file = open_or_die(path, "wb");
    while (size > 0) {
        size_t part = size < CHUNK ? (size_t)size : CHUNK;
        fill(&state, chunk, part);
        write_or_die(file, chunk, part, path);
        size -= part;
    }
    close_or_die(file, path);
}

/* Copies size bytes, or all there are left. */
static void
copy(FILE *from, FILE *to, uint64_t size, const char *path)
{
    static unsigned char chunk[CHUNK];
    while (size > 0) {
        size_t got = fread(chunk, 1, size < CHUNK ? (size_t)size : CHUNK, from);
        if (got == 0) {
            break;
        }
        write_or_die(to, chunk, got, path);
        size -= got;
    }
}

/* New bytes at even distances; by turns in place of old ones and between them. */
static void
make_change(const char *path, const char *out)
{
    static unsigned char fresh[PLACE_SIZE];
    struct stat status;
    FILE *from = open_or_die(path, "rb");
    FILE *to = open_or_die(out, "wb");
    if (stat(path, &status) != 0) {
        die("look at", path);
    }
    uint64_t distance = (uint64_t)status.st_size / (PLACES + 1);
    uint64_t state = 7;
    for (unsigned i = 0; i < PLACES; i++) {
        copy(from, to, distance, out);
        fill(&state, fresh, sizeof fresh);
        write_or_die(to, fresh, sizeof fresh, out);
        if (i % 2 == 0 && fseek(from, PLACE_SIZE, SEEK_CUR) != 0) {
            die("read", path);
        }
    }
    copy(from, to, UINT64_MAX, out);
    (void)fclose(from);
    close_or_die(to, out);
}

static void
make_tree(const char *root, uint64_t files)
{
    static unsigned char bytes[1104];
    char path[4096];
    uint64_t state = files;
    if (mkdir(root, 0777) != 0) {
        die("create", root);
    }
    for (uint64_t i = 0; i < files; i++) {
        if (i % 1000 == 0) {
            (void)snprintf(path, sizeof path, "%s/%06" PRIu64, root, i / 1000);
            if (mkdir(path, 0777) != 0) {
                die("create", path);
            }
        }
        (void)snprintf(path, sizeof path, "%s/%06" PRIu64 "/%03" PRIu64 ".txt", root, i / 1000,
                       i % 1000);
        size_t size = 100 + (size_t)(next(&state) % 1001);
        fill(&state, bytes, size);
        FILE *file = open_or_die(path, "wb");
        write_or_die(file, bytes, size, path);
        close_or_die(file, path);
    }
}

static void
touch(uint64_t size)
{
    unsigned char *memory = malloc(size);
    if (memory == NULL) {
        die("allocate", "memory");
    }
    for (uint64_t at = 0; at < size; at += 4096) {
        ((volatile unsigned char *)memory)[at] = 1;
    }
    free(memory);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "file") == 0) {
        make_file(argv[2], strtoull(argv[3], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "change") == 0) {
        make_change(argv[2], argv[3]);
    } else if (argc == 4 && strcmp(argv[1], "tree") == 0) {
        make_tree(argv[2], strtoull(argv[3], NULL, 10));
    } else if (argc == 3 && strcmp(argv[1], "touch") == 0) {
        touch(strtoull(argv[2], NULL, 10));
    } else {
        (void)fprintf(stderr, "usage: big touch BYTES | big file PATH BYTES | big change PATH OUT "
                              "| big tree DIR FILES\n");
        return 2;
    }
    return 0;
}
