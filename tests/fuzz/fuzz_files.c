/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/files: hostile lists of a store's files (docs/formats/notes.md). Byte 0 odd: the checksum of
 * each line is made right first.
 *
 * What was read is written as a new list, which is sound and says the same.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/crc32c.h"
#include "hosted/os_known_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CRC_LETTERS = 8 };

static void
mend_checksums(uint8_t *data, size_t size)
{
    for (uint8_t *at = data; at < data + size;) {
        uint8_t *end = memchr(at, '\n', (size_t)(data + size - at));
        char crc[CRC_LETTERS + 1];
        if (end == NULL) {
            return;
        }
        if (end - at > CRC_LETTERS + 1) {
            const uint8_t *rest = at + CRC_LETTERS + 1;
            (void)snprintf(crc, sizeof crc, "%08" PRIx32, fi_crc32c(0, rest, (size_t)(end - rest)));
            memcpy(at, crc, CRC_LETTERS);
        }
        at = end + 1;
    }
}

static const struct fi_os_known_list_entry *
entry_at(const struct fi_os_known_list *list, size_t i)
{
    return *(struct fi_os_known_list_entry **)fi_hash_map_at(&list->entries, i);
}

static void
check_same(const struct fi_os_known_list *list, const struct fi_os_known_list *again)
{
    for (size_t i = 0; i < list->entries.count; i++) {
        const struct fi_os_known_list_entry *entry = entry_at(list, i);
        const struct fi_os_known_list_entry *other = fi_os_known_list_find(again, entry->path);
        CHECK(entry->id_count <= FI_OS_KNOWN_LIST_IDS);
        CHECK(entry->id_count == (other == NULL ? 0 : other->id_count));
        for (unsigned k = 0; k < entry->id_count; k++) {
            CHECK(entry->ids[k].inode == other->ids[k].inode &&
                  entry->ids[k].birth_ns == other->ids[k].birth_ns &&
                  entry->ids[k].head == other->ids[k].head);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_os_known_list list;
    struct fi_os_known_list again;
    struct fi_buf bytes = {0};
    if (size == 0) {
        return 0;
    }
    CHECK(fi_buf_append(&bytes, data + 1, size - 1) == FIRN_OK);
    /* The head has no checksum. */
    uint8_t *feed = bytes.size > 0 ? memchr(bytes.data, '\n', bytes.size) : NULL;
    if (data[0] % 2 == 1 && feed != NULL) {
        mend_checksums(feed + 1, bytes.size - (size_t)(feed + 1 - bytes.data));
    }
    fi_os_known_list_init(&list);
    fi_os_known_list_init(&again);
    CHECK(fi_os_known_list_read(&list, fi_buf_slice(&bytes)));
    CHECK(list.end <= bytes.size && list.next > 0);
    fi_buf_clear(&bytes);
    CHECK(fi_os_known_list_write_all(&list, &bytes) == FIRN_OK);
    CHECK(fi_os_known_list_read(&again, fi_buf_slice(&bytes)));
    CHECK(fi_os_known_list_is_sound(&again) && again.end == bytes.size);
    check_same(&list, &again);
    fi_os_known_list_deinit(&list);
    fi_os_known_list_deinit(&again);
    fi_buf_deinit(&bytes);
    return 0;
}
