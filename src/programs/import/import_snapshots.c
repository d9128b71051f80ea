/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_snapshots.c: the list of snapshots that restic prints as JSON, taken apart.
 *
 * Ids become words of command lines and parts of tags, so each is checked to be 64 hexadecimal
 * digits. Anything else may be missing or of another kind, and counts as empty then.
 */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "import/import_internal.h"

enum { ID_SIZE = 64, LIST_SIZE_MAX = 256 << 20 /* what restic says of all snapshots */ };

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool
is_id(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_string_length(value) == ID_SIZE &&
           strspn(json_string_value(value), "0123456789abcdef") == ID_SIZE;
}

struct listing {
    int (*read)(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err);
    void *ctx;
    firn_error *err;
    size_t size;
    int code;
};

/* Of jansson. */
static size_t
read_list(void *buffer, size_t size, void *ctx)
{
    struct listing *listing = ctx;
    size_t got = 0;
    listing->code = listing->read(listing->ctx, buffer, size, &got, listing->err);
    listing->size += got;
    return listing->code == FIRN_OK && listing->size <= LIST_SIZE_MAX ? got : (size_t)-1;
}

int
fi_import_snapshots_read(struct fi_import_snapshots *snapshots,
                         int (*read)(void *ctx, uint8_t *data, size_t size, size_t *out_size,
                                     firn_error *err),
                         void *ctx, firn_error *err)
{
    struct listing listing = {.read = read, .ctx = ctx, .err = err};
    assert(read != NULL && snapshots->list == NULL);
    snapshots->list = json_load_callback(read_list, &listing, JSON_ALLOW_NUL, NULL);
    snapshots->count = json_array_size(snapshots->list);
    bool is_right = json_is_array(snapshots->list);
    for (size_t i = 0; is_right && i < snapshots->count; i++) {
        const json_t *snapshot = json_array_get(snapshots->list, i);
        is_right = is_id(snapshot, "id") && is_id(snapshot, "tree");
    }
    if (listing.code == FIRN_OK && is_right) {
        return FIRN_OK;
    }
    fi_import_snapshots_deinit(snapshots);
    return listing.code != FIRN_OK
               ? listing.code
               : fi_import_tree_error(err, FIRN_CORRUPT, "restic gives no list of snapshots");
}

/* Adds texts, with commas between them; what there is no room for is left out. */
static void
import_snapshots_add(char out[FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE], const char *before,
                     const json_t *texts, const char *after)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        size_t size = strlen(out);
        (void)snprintf(out + size, FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE - size, "%s%s%s",
                       i > 0 ? ", " : before, text != NULL ? text : "",
                       i + 1 < json_array_size(texts) ? "" : after);
        if (strlen(out) + 1 == FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE) {
            return; /* a list may be long */
        }
    }
}

/* "/home/ada, /etc on host [tag, tag]" */
static void
write_message(const json_t *snapshot, char out[FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE])
{
    out[0] = '\0';
    import_snapshots_add(out, "", json_object_get(snapshot, "paths"), " on ");
    size_t size = strlen(out);
    (void)snprintf(out + size, FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE - size, "%s",
                   text_of(snapshot, "hostname"));
    import_snapshots_add(out, " [", json_object_get(snapshot, "tags"), "]");
}

void
fi_import_snapshots_get(const struct fi_import_snapshots *snapshots, size_t i,
                        struct fi_import_snapshot *out)
{
    assert(i < snapshots->count);
    const json_t *snapshot = json_array_get(snapshots->list, i);
    const json_t *paths = json_object_get(snapshot, "paths");
    out->id = text_of(snapshot, "id");
    out->tree = text_of(snapshot, "tree");
    out->path = json_array_size(paths) == 1 ? json_string_value(json_array_get(paths, 0)) : NULL;
    out->created_ns = fi_import_target_time_of(firn_str(text_of(snapshot, "time")));
    write_message(snapshot, out->message);
}

void
fi_import_snapshots_deinit(struct fi_import_snapshots *snapshots)
{
    json_decref(snapshots->list);
    memset(snapshots, 0, sizeof(*snapshots));
}
