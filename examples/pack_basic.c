/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/pack_basic.c: put some objects into a pack file, and get one back by its name.
 *
 *     cc pack_basic.c $(pkg-config --cflags --libs firn) -o pack_basic && ./pack_basic letters.pack
 */
#include <stdio.h>
#include <string.h>

#include <firn/firn.h>

static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

/* Writes a pack of two objects; *out is the name of the second: the BLAKE3 of its bytes. */
static int
write_pack(const char *path, firn_hash *out)
{
    firn_error err;
    firn_pack_writer *writer = NULL;
    firn_hash first;
    bool is_new = false;
    int failed = 0;
    if (firn_pack_writer_create(path, &writer, &err) != FIRN_OK) {
        return complain("create", &err);
    }
    if (firn_pack_writer_add(writer, firn_str("alpha"), &first, NULL, &err) != FIRN_OK ||
        firn_pack_writer_add(writer, firn_str("beta"), out, NULL, &err) != FIRN_OK ||
        firn_pack_writer_add(writer, firn_str("alpha"), NULL, &is_new, &err) != FIRN_OK) {
        failed = complain("add", &err);
    } else if (is_new) {
        (void)fprintf(stderr, "the same object was stored twice\n");
        failed = 1;
    } else if (firn_pack_writer_finish(writer, &err) != FIRN_OK) {
        failed = complain("finish", &err);
    }
    firn_pack_writer_destroy(writer); /* drops a pack that was not finished */
    return failed;
}

static int
print_object(void *ctx, const firn_hash *hash, uint64_t size)
{
    char name[FIRN_HASH_HEX_SIZE];
    (void)ctx;
    firn_hash_to_hex(hash, name);
    (void)printf("%s %llu bytes\n", name, (unsigned long long)size);
    return FIRN_OK;
}

static int
read_pack(const char *path, const firn_hash *wanted)
{
    firn_error err;
    firn_pack *pack = NULL;
    uint8_t *content = NULL;
    size_t size = 0;
    int failed = 0;
    if (firn_pack_open(path, &pack, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    if (firn_pack_list(pack, print_object, NULL, &err) != FIRN_OK ||
        firn_pack_read(pack, wanted, 1024, &content, &size, &err) != FIRN_OK ||
        firn_pack_verify(pack, NULL, &err) != FIRN_OK) {
        failed = complain("read", &err);
    } else if (size != 4 || memcmp(content, "beta", 4) != 0) {
        (void)fprintf(stderr, "that is another object\n");
        failed = 1;
    } else {
        (void)printf("read back: %.*s\n", (int)size, (const char *)content);
    }
    firn_release(content);
    firn_pack_close(pack);
    return failed;
}

int
main(int argc, char **argv)
{
    firn_hash wanted;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: pack_basic FILE\n");
        return 2;
    }
    return write_pack(argv[1], &wanted) || read_pack(argv[1], &wanted);
}
