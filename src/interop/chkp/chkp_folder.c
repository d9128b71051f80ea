/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_folder.c: lists the packs in a folder, by the names of its files.
 *
 * A pack is a file pack-<16 lower-case hex digits>.dat; whether its .idx is there does not matter.
 * Any other file whose name begins with "pack-" and ends with ".dat" cannot be a pack, since no
 * content has such a name. It is listed separately, so that a renamed pack is not skipped
 * silently.
 *
 * Memory is 17 bytes for each pack.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"

static const char prefix[] = "pack-";
static const char suffix[] = ".dat";

struct listing {
    struct fi_buf names; /* FIRN_CHKP_NAME_SIZE bytes each */
    struct fi_buf misnamed;
};

static int
visit_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct listing *listing = ctx;
    size_t prefix_size = sizeof prefix - 1;
    size_t suffix_size = sizeof suffix - 1;
    if (entry->name_size < prefix_size + suffix_size ||
        memcmp(entry->name, prefix, prefix_size) != 0 ||
        memcmp(entry->name + entry->name_size - suffix_size, suffix, suffix_size) != 0) {
        return FIRN_OK;
    }
    const char *name = entry->name + prefix_size;
    size_t name_size = entry->name_size - prefix_size - suffix_size;
    if (!fi_chkp_format_is_name(name, name_size)) {
        return fi_buf_append(&listing->misnamed, entry->name, entry->name_size + 1);
    }
    int rc = fi_buf_append(&listing->names, name, name_size);
    return rc == FIRN_OK ? fi_buf_append_u8(&listing->names, '\0') : rc;
}

static int
compare_names(const void *a, const void *b)
{
    return memcmp(a, b, FIRN_CHKP_NAME_SIZE);
}

int
fi_chkp_folder_list(struct fi_chkp_folder *folder, struct fi_os_dir *dir, firn_error *err)
{
    *folder = (struct fi_chkp_folder){0};
    struct listing listing = {{0}, {0}};
    int rc = fi_os_dir_list(dir, visit_entry, &listing, err);
    if (rc != FIRN_OK) {
        fi_buf_deinit(&listing.names);
        fi_buf_deinit(&listing.misnamed);
        return rc;
    }
    DCHECK(listing.names.size % FIRN_CHKP_NAME_SIZE == 0);
    folder->names = (char(*)[FIRN_CHKP_NAME_SIZE])(void *)listing.names.data;
    folder->count = listing.names.size / FIRN_CHKP_NAME_SIZE;
    folder->misnamed = listing.misnamed;
    fi_sort(folder->names, folder->count, FIRN_CHKP_NAME_SIZE, compare_names);
    return FIRN_OK;
}

void
fi_chkp_folder_deinit(struct fi_chkp_folder *folder)
{
    fi_free(folder->names);
    fi_buf_deinit(&folder->misnamed);
    *folder = (struct fi_chkp_folder){0};
}
