/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_lines.c: which lines of a remote are here, and as which workspaces of the catalog.
 */
#include <string.h>

#include "base/slice.h"
#include "codec/hex.h"
#include "share/share_internal.h"

struct line {
    uint8_t id[FI_SHARE_LINE_SIZE]; /* first: the key */
    uint32_t workspace;
};

bool
fi_share_lines_same(const void *record, const void *key)
{
    return memcmp(record, key, FI_SHARE_LINE_SIZE) == 0;
}

static int
add_line(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct line here = {.workspace = line->workspace.number};
    const struct fi_hash_map *lines = ctx;
    if (line->id.size != 2 * sizeof here.id ||
        !fi_hex_decode((const char *)line->id.data, here.id, sizeof here.id)) {
        return FIRN_OK; /* no remote can have it */
    }
    return fi_share_lines_find(lines, here.id) != 0 ||
                   fi_hash_map_insert(ctx, fi_hash_map_first(here.id), &here) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the lines of a remote");
}

void
fi_share_lines_init(struct fi_hash_map *lines)
{
    fi_hash_map_init(lines, sizeof(struct line), fi_hash_map_first, fi_share_lines_same);
}

int
fi_share_lines_load(const struct fi_share *share, struct fi_hash_map *lines, firn_error *err)
{
    fi_hash_map_clear(lines);
    return fi_catalog_lines_list(share->opened.catalog, firn_str(share->name.name), add_line, lines,
                                 err);
}

uint32_t
fi_share_lines_find(const struct fi_hash_map *lines, const uint8_t id[FI_SHARE_LINE_SIZE])
{
    const struct line *line = fi_hash_map_find(lines, fi_hash_map_first(id), id);
    return line != NULL ? line->workspace : 0;
}
