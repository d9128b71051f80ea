/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/archive: a store in a single file, made of hostile bytes. Byte 0 odd: the rest is the whole
 * file. Byte 0 even: two bytes say how many pages lie before the table of contents, the rest is that
 * table, in a file whose header and footer are good.
 *
 * A table that can be read is written again with the same bytes. What opens can be listed, read,
 * checked and imported, or says what is wrong; nothing comes to lie outside.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "archive/archive.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = FI_ARCHIVE_FORMAT_ALIGNMENT, PAGES_MAX = 64, TOC_ID_SIZE = 16 };

static void
append_zeros(struct fi_buf *out, size_t size)
{
    size_t before = out->size;
    CHECK(fi_buf_set_size(out, before + size) == FIRN_OK);
    memset(out->data + before, 0, size);
}

/* A file around a table, which is read and written again on the way. */
static void
wrap(firn_slice input, struct fi_buf *out)
{
    struct fi_archive_format_header header = {{0}};
    struct fi_archive_format_toc toc;
    struct fi_buf again = {0};
    firn_error err;
    size_t pages = input.size < 2 ? 1 : 1 + (input.data[0] + 256u * input.data[1]) % PAGES_MAX;
    firn_slice bytes = input.size < 2 ? input : firn_bytes(input.data + 2, input.size - 2);
    memcpy(header.id, bytes.data, bytes.size < TOC_ID_SIZE ? bytes.size : TOC_ID_SIZE);
    append_zeros(out, pages * PAGE);
    fi_archive_format_put_header(&header, out->data);
    struct fi_archive_format_footer footer = {.toc_offset = out->size,
                                              .toc_size = bytes.size,
                                              .file_size = out->size + bytes.size +
                                                           FI_ARCHIVE_FORMAT_FOOTER_SIZE};
    fi_blake3_hash_of(bytes.data, bytes.size, &footer.toc_hash);
    int rc = fi_archive_format_get_toc(bytes, &header, &footer, "f", &toc, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (rc == FIRN_OK) {
        CHECK(fi_archive_format_put_toc(&toc, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), bytes));
    }
    fi_buf_deinit(&again);
    fi_archive_format_deinit(&toc);
    uint8_t end[FI_ARCHIVE_FORMAT_FOOTER_SIZE];
    fi_archive_format_put_footer(&footer, end);
    CHECK(fi_buf_append_slice(out, bytes) == FIRN_OK);
    CHECK(fi_buf_append(out, end, sizeof end) == FIRN_OK);
}

static void
put_file(struct fi_os_dir *root, firn_slice bytes)
{
    struct fi_os_file *file;
    CHECK(fi_os_file_open(root, "f", FI_OS_WRITE | FI_OS_CREATE, 0600, &file, NULL) == FIRN_OK);
    CHECK(bytes.size == 0 || fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    fi_os_file_close(file);
}

static int
count(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static void
use(struct fi_os *os, struct fi_os_dir *root)
{
    const struct fi_db_options options = {.read_only = true, .memory_bytes = 1 << 20};
    struct fi_storefile_progress progress = {0};
    struct fi_db_checkpoint_info info;
    firn_store_check_result report;
    struct firn_db *db;
    unsigned names = 0;
    firn_error err;
    int rc = fi_db_path_open(os, "/f", &options, &db, &err);
    CHECK(rc == FIRN_OK || err.text[0] != '\0');
    if (rc == FIRN_OK) {
        rc = fi_inspect_check(db, NULL, &report, &err);
        CHECK(rc == FIRN_OK || err.text[0] != '\0');
        fi_db_abandon(db);
    }
    int import_rc = fi_copy_import(os, "/f", "/copy", NULL, &progress, &info, &err);
    CHECK(import_rc == FIRN_OK || err.text[0] != '\0');
    CHECK(fi_os_dir_list(root, count, &names, NULL) == FIRN_OK);
    CHECK(names <= 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_os *os;
    struct fi_os_dir *root;
    struct fi_buf file = {0};
    if (size == 0) {
        return 0;
    }
    firn_slice input = firn_bytes(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        wrap(input, &file);
        input = fi_buf_slice(&file);
    }
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_os_dir_open_path(os, "/", &root, NULL) == FIRN_OK);
    put_file(root, input);
    use(os, root);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
    fi_buf_deinit(&file);
    return 0;
}
