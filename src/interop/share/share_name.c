/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_name.c: the names that a store has for remotes.
 *
 * Adding one looks at the place first: an empty one is made a remote, once a storage that lets two
 * writers make the same object is ruled out (bucket/bucket_probe.h). The name is entered last, so a
 * failure leaves at most a remote without checkpoints.
 */

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "bucket/bucket_probe.h"
#include "codec/hex.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "threads/os_callback.h"

enum { NUMBER_SIZE = 4 };

int
fi_share_name_list(struct firn_db *db, int (*visit)(void *ctx, const struct fi_share_name *name),
                   void *ctx, firn_error *err)
{
    struct firn_db_keyspace *names = NULL;
    struct firn_db_cursor *cursor = NULL;
    int rc = FIRN_OK;
    if (db == NULL) {
        return FIRN_OK; /* there is no store yet */
    }
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_SHARE_REMOTES, &names, err));
    if (names == NULL) {
        goto out;
    }
    FI_TRY(fi_db_cursor_open(names, NULL, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_share_name name;
        FI_TRY(fi_share_entry_decode_name(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                          &name, err));
        FI_TRY(visit(ctx, &name));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

struct search {
    const char *name;
    struct fi_share_name found;
    size_t count; /* of all */
    uint32_t last;
    bool has_found;
};

static int
visit_name(void *ctx, const struct fi_share_name *name)
{
    struct search *search = ctx;
    search->count++;
    search->last = name->number > search->last ? name->number : search->last;
    if (search->name == NULL ? search->count == 1 || strcmp(name->name, "origin") == 0
                             : strcmp(name->name, search->name) == 0) {
        search->found = *name;
        search->has_found = true;
    }
    return FIRN_OK;
}

int
fi_share_name_find(struct firn_db *db, const char *name, struct fi_share_name *out, firn_error *err)
{
    struct search search = {.name = name};
    FI_TRY_RETURN(fi_share_name_list(db, visit_name, &search, err));
    if (search.count == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is no remote yet: firn remote add NAME URL gives one a name");
    }
    if (name == NULL && search.count > 1 && strcmp(search.found.name, "origin") != 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "there are %zu remotes, and none is called origin: name one",
                            search.count);
    }
    if (!search.has_found) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no remote '%.64s'", name);
    }
    *out = search.found;
    return FIRN_OK;
}

/* ==== listing ==== */

struct listing {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    struct firn_db_keyspace *notes; /* NULL: there are none */
    int (*visit)(void *ctx, const firn_remote_info *remote);
    void *ctx;
    firn_error *err;
};

enum { ENOUGH = 1 }; /* ends a walk; no error code of firn is positive */

struct counting {
    uint64_t pushed; /* order */
    uint64_t count;
};

static int
count_one(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct counting *counting = ctx;
    (void)bytes, (void)err;
    if (record->order <= counting->pushed) {
        return ENOUGH;
    }
    counting->count += record->is_safety ? 0 : 1;
    return FIRN_OK;
}

/* What a push would choose (share_push.c). */
int
fi_share_name_count(struct firn_ws *ws, struct fi_ws_opened *opened, struct firn_db_keyspace *notes,
                    const struct fi_share_name *name, uint64_t *out, firn_error *err)
{
    const uint32_t workspace = opened->workspace.number;
    struct fi_share share = {.ws = ws, .name = *name, .notes = notes};
    struct fi_share_line line = {.pushed = 0};
    struct counting counting = {.count = 0};
    *out = 0;
    if (workspace == 0) {
        return FIRN_OK;
    }
    if (notes != NULL) {
        FI_TRY_RETURN(fi_share_note_line(&share, workspace, &line, err));
    }
    counting.pushed = line.pushed;
    int rc = fi_catalog_list(opened->catalog, workspace, count_one, &counting, err);
    *out = counting.count;
    return rc == ENOUGH ? FIRN_OK : rc;
}

static int
list_name(void *ctx, const struct fi_share_name *name)
{
    struct listing *listing = ctx;
    char id[2 * FI_SHARE_ID_SIZE + 1];
    firn_remote_info info = {
        .name = name->name, .url = name->url, .id = id, .is_encrypted = name->is_encrypted};
    fi_hex_encode(name->id, sizeof name->id, id);
    const struct fi_share share = {.ws = listing->ws, .name = *name, .notes = listing->notes};
    struct fi_share_failure failure;
    FI_TRY_RETURN(fi_share_name_count(listing->ws, listing->opened, listing->notes, name,
                                      &info.not_pushed, listing->err));
    FI_TRY_RETURN(fi_share_note_failure(&share, &failure, listing->err));
    if (failure.count > 0) {
        info.failed_ns = failure.failed_ns;
        info.failed_text = failure.text;
    }
    return fi_error_stopped(listing->err, listing->visit(listing->ctx, &info));
}

static int
visit_opened(struct listing *listing, firn_error *err)
{
    struct firn_db *db = listing->opened->db;
    if (db == NULL) {
        return FIRN_OK; /* there is no store yet */
    }
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(db, FI_SHARE_NOTES, &listing->notes, err));
    return fi_share_name_list(db, list_name, listing, err);
}

int
fi_share_name_visit(struct firn_ws *ws, int (*visit)(void *ctx, const firn_remote_info *remote),
                    void *ctx, firn_error *err)
{
    struct fi_ws_opened opened;
    struct listing listing = {.ws = ws, .opened = &opened, .visit = visit, .ctx = ctx, .err = err};
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err));
    return fi_ws_opened_close(ws, &opened, visit_opened(&listing, err), err);
}

/* ==== adding ==== */

static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int
check_name(const char *name, firn_error *err)
{
    size_t size = strlen(name);
    size_t i = 0;
    while (i < size && (is_letter_or_digit(name[i]) || (i > 0 && strchr("._-", name[i]) != NULL))) {
        i++;
    }
    return size > 0 && size <= FIRN_REMOTE_NAME_SIZE_MAX && i == size
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "'%.80s' cannot be the name of a remote: 1 to %d letters, digits, "
                              "'.', '-' and '_', beginning with a letter or digit",
                              name, FIRN_REMOTE_NAME_SIZE_MAX);
}

/* The real path of a directory, or of one that is yet to be made in another. */
static int
find_real_path(struct fi_os *os, const char *path, struct fi_buf *out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    const char *slash = strrchr(path, '/');
    char *parent = NULL;
    int rc = fi_os_dir_open_path(os, path, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_real_path(dir, out, err);
        goto out;
    }
    if (rc != FIRN_NOT_FOUND || (slash != NULL && slash[1] == '\0')) {
        goto out;
    }
    parent = slash == NULL   ? fi_strdup(".")
             : slash == path ? fi_strdup("/")
                             : fi_strndup(path, (size_t)(slash - path));
    if (parent == NULL) {
        rc = fi_error_no_memory(err, "the path of a remote");
        goto out;
    }
    FI_TRY(fi_os_dir_open_path(os, parent, &dir, err));
    FI_TRY(fi_os_dir_real_path(dir, out, err));
    rc = fi_buf_append_format(out, "/%s", slash == NULL ? path : slash + 1);
    rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the path of a remote");
out:
    fi_free(parent);
    fi_os_dir_close(dir);
    return rc;
}

struct url_search {
    const char *url;
    struct fi_share_name *found;
};

static int
visit_url(void *ctx, const struct fi_share_name *name)
{
    const struct url_search *search = ctx;
    if (strcmp(name->url, search->url) == 0) {
        *search->found = *name;
    }
    return FIRN_OK;
}

int
fi_share_name_find_url(struct fi_os *os, struct firn_db *db, const char *url,
                       struct fi_share_name *out, firn_error *err)
{
    struct url_search search = {.url = out->url, .found = out};
    struct fi_buf real = {0};
    int rc = FIRN_OK;
    *out = (struct fi_share_name){.number = 0};
    if (strstr(url, "://") == NULL) {
        FI_TRY(find_real_path(os, url, &real, err));
    } else if (fi_buf_append_str(&real, url) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "the URL of a remote"));
    }
    if (real.size == 0 || real.size >= sizeof out->url) {
        rc = fi_error_set(err, FIRN_INVALID, "the URL of a remote has 1 to %d bytes",
                          FIRN_REMOTE_URL_SIZE_MAX);
        goto out;
    }
    memcpy(out->url, real.data, real.size);
    rc = fi_share_name_list(db, visit_url, &search, err);
out:
    fi_buf_deinit(&real);
    return rc;
}

/* A directory is kept by its real path, and must not be in the workspace: it would be saved. */
static int
fix_directory(const struct firn_ws *ws, struct fi_share_name *name, firn_error *err)
{
    struct fi_buf real = {0};
    const char *root = ws->place.root;
    size_t root_size = strlen(root);
    int rc;
    FI_TRY(find_real_path(ws->os, name->url, &real, err));
    const char *path = fi_buf_text(&real);
    if (path == NULL) {
        rc = fi_error_no_memory(err, "the path of a remote");
    } else if (real.size >= sizeof name->url) {
        rc = fi_error_set(err, FIRN_INVALID, "the path of a remote is too long");
    } else if (strncmp(path, root, root_size) == 0 &&
               (path[root_size] == '\0' || path[root_size] == '/' || root_size == 1)) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "a remote cannot be in the directory whose history it is to have");
    } else {
        memcpy(name->url, path, real.size + 1);
    }
out:
    fi_buf_deinit(&real);
    return rc;
}

struct adding {
    struct fi_share_name name;
    const struct fi_share_add_options *options;
    bool store_is_encrypted;
    struct fi_share_keys keys; /* of an encrypted remote */
};

/* Whether the remote that was found is of the kind that is wanted. */
static int
check_kind(const struct adding *adding, const struct fi_remote_marker *marker, firn_error *err)
{
    const bool must_be = adding->options->encrypt || adding->store_is_encrypted;
    if (marker->is_encrypted || !must_be) {
        return FIRN_OK;
    }
    if (adding->options->must_exist) {
        return fi_error_set(
            err, FIRN_UNSUPPORTED,
            "the remote at %s is not encrypted, as %s says there: if it was, somebody has changed "
            "that file, or put another remote in its place",
            adding->name.url, FI_REMOTE_MARKER_NAME);
    }
    if (adding->store_is_encrypted) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the remote at %s is not encrypted, and the store is: what is pushed "
                            "could be read there; choose an empty place, which becomes an "
                            "encrypted remote",
                            adding->name.url);
    }
    return fi_error_set(err, FIRN_EXISTS,
                        "there is a remote at %s already, which is not encrypted; choose an empty "
                        "place",
                        adding->name.url);
}

/* Makes sure that there is a remote at the place. */
static int
make_remote(struct firn_ws *ws, struct adding *adding, firn_error *err)
{
    struct fi_share_name *name = &adding->name;
    const bool may_make = !adding->options->must_exist;
    struct fi_bucket *bucket = NULL;
    struct fi_remote_marker marker = {.is_encrypted =
                                          adding->options->encrypt || adding->store_is_encrypted};
    const bool wants_encrypted = marker.is_encrypted;
    int rc;
    if (strstr(name->url, "://") == NULL) {
        FI_TRY(fix_directory(ws, name, err));
    }
    FI_TRY(fi_share_bucket_open(ws->os, name->url, may_make, 0, &bucket, err));
    rc = fi_remote_marker_read(bucket, &marker, err);
    if (rc == FIRN_NOT_FOUND && !may_make) {
        (void)fi_error_set(err, rc, "there is no remote at %s", name->url);
    }
    if (rc == FIRN_NOT_FOUND && may_make) {
        FI_TRY(fi_bucket_probe(bucket, ws->os, err));
        marker.is_encrypted = wants_encrypted;
        rc = fi_remote_marker_create(bucket, ws->os, &marker, err);
    }
    FI_TRY(rc);
    FI_TRY(check_kind(adding, &marker, err));
    if (marker.is_encrypted) {
        FI_TRY(fi_share_keys_get(ws, bucket, name->url, may_make, &adding->keys, err));
    }
    name->is_encrypted = marker.is_encrypted;
    memcpy(name->id, marker.id, sizeof name->id);
out:
    fi_bucket_close(bucket);
    return rc;
}

static int
add_opened(struct firn_ws *ws, struct fi_ws_opened *opened, struct adding *adding, firn_error *err)
{
    struct fi_share_name *name = &adding->name;
    const bool is_encrypted = fi_share_keys_are_kept(opened->store_dir);
    struct search search = {.name = name->name};
    struct firn_db_keyspace *names;
    struct fi_buf value = {0};
    int rc;
    FI_TRY(fi_share_check_trust(ws, opened->store_dir, err));
    if (is_encrypted && !name->is_encrypted) { /* it became so just now */
        FI_TRY(fi_error_set(err, FIRN_BUSY, "the store was encrypted meanwhile"));
    }
    FI_TRY(fi_share_name_list(opened->db, visit_name, &search, err));
    if (search.has_found) {
        rc = fi_error_set(err, FIRN_EXISTS, "there is a remote '%s' already: %s", name->name,
                          search.found.url);
        goto out;
    }
    name->number = search.last + 1;
    FI_TRY(fi_db_keyspace_open(opened->db, FI_SHARE_REMOTES, &names, err));
    FI_TRY(fi_share_entry_encode_name(name, &value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a remote"));
    if (name->is_encrypted) {
        FI_TRY(fi_share_keys_append(&adding->keys, is_encrypted, &value, err));
    }
    rc = fi_db_put(names, firn_str(name->name), fi_buf_slice(&value), FIRN_DURABILITY_FULL, err);
out:
    fi_share_keys_forget(&value);
    return rc;
}

/* Of the store that there is, or that will be made. */
static int
look_at_store(struct firn_ws *ws, bool *out_is_encrypted, firn_error *err)
{
    struct fi_ws_opened opened;
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err));
    *out_is_encrypted = opened.store_dir != NULL ? fi_share_keys_are_kept(opened.store_dir)
                                                 : ws->new_cipher != FIRN_CIPHER_NONE;
    return fi_ws_opened_close(ws, &opened, FIRN_OK, err);
}

int
fi_share_name_add(struct firn_ws *ws, const char *name, const char *url,
                  const struct fi_share_add_options *options, firn_error *err)
{
    struct adding adding = {.options = options};
    struct fi_ws_opened opened;
    FI_TRY_RETURN(check_name(name, err));
    if (url[0] == '\0' || strlen(url) >= sizeof adding.name.url) {
        return fi_error_set(err, FIRN_INVALID, "the URL of a remote has 1 to %d bytes",
                            FIRN_REMOTE_URL_SIZE_MAX);
    }
    memcpy(adding.name.name, name, strlen(name) + 1);
    memcpy(adding.name.url, url, strlen(url) + 1);
    FI_TRY_RETURN(look_at_store(ws, &adding.store_is_encrypted, err));
    int rc = make_remote(ws, &adding, err);
    rc = rc == FIRN_OK ? fi_ws_opened_open(ws, FI_WS_CREATE, &opened, err) : rc;
    if (rc == FIRN_OK) {
        rc = fi_ws_opened_close(ws, &opened, add_opened(ws, &opened, &adding, err), err);
    }
    fi_share_keys_deinit(&adding.keys);
    return rc;
}

/* ==== removing ==== */

/* All that the store keeps about a remote's number. */
static int
delete_kept(struct firn_db *db, struct firn_db_batch *batch, uint32_t number, firn_error *err)
{
    static const char *const kept[] = {FI_SHARE_STATES, FI_SHARE_NOTES};
    uint8_t lower[NUMBER_SIZE];
    uint8_t upper[NUMBER_SIZE];
    fi_store_be32(lower, number);
    fi_store_be32(upper, number + 1);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct firn_db_keyspace *keyspace;
        FI_TRY_RETURN(fi_db_keyspace_open(db, kept[i], &keyspace, err));
        FI_TRY_RETURN(fi_db_batch_delete_range(batch, keyspace, firn_bytes(lower, sizeof lower),
                                               firn_bytes(upper, sizeof upper), err));
    }
    return FIRN_OK;
}

static int
remove_opened(struct fi_ws_opened *opened, const char *name, firn_error *err)
{
    struct fi_share_name found;
    struct firn_db_keyspace *names;
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_share_name_find(opened->db, name, &found, err));
    FI_TRY(fi_catalog_lines_remove(opened->catalog, found.name, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(delete_kept(opened->db, batch, found.number, err));
    FI_TRY(fi_db_keyspace_open(opened->db, FI_SHARE_REMOTES, &names, err));
    FI_TRY(fi_db_batch_delete(batch, names, firn_str(found.name), err));
    rc = fi_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

int
fi_share_name_remove(struct firn_ws *ws, const char *name, firn_error *err)
{
    struct fi_ws_opened opened;
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_WRITE, &opened, err));
    int rc = remove_opened(&opened, name, err);
    return fi_ws_opened_close(ws, &opened, rc, err);
}
