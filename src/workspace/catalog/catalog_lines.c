/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_lines.c: lines: the checkpoints that other workspaces have pushed to a remote.
 *
 * A line is a workspace of the catalog without a directory. In place of a path its root is
 *
 *   "remote:" name of the remote "/" 32 hexadecimal digits, its id "/" label, such as "ada@laptop"
 *
 * which is no path, since these begin with '/' or are ".". So its checkpoints are kept, collected
 * and checked like all others, and nothing takes it for a directory (I1; not checked: what looks
 * for directories asks fi_catalog_lines_is). The records of its checkpoints have the root as the
 * path of their workspace, too, for a repair.
 *
 * A reference to a checkpoint of a line is that of a workspace's checkpoint, after the name of the
 * remote and a '/'; where the remote has several lines, the label or the id may come in between.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_internal.h"
#include "codec/hex.h"
#include "os/os.h"
#include "reference/reference.h"

#define PREFIX "remote:"
enum { PREFIX_SIZE = sizeof PREFIX - 1, DIGITS = 2 * FI_CATALOG_LINE_ID_SIZE };

bool
fi_catalog_lines_is(firn_slice root)
{
    return root.size > PREFIX_SIZE && memcmp(root.data, PREFIX, PREFIX_SIZE) == 0;
}

/* The parts of a root; false if it is none of a line. */
static bool
split_root(firn_slice root, firn_slice *out_name, firn_slice *out_id, firn_slice *out_label)
{
    const uint8_t *slash;
    if (!fi_catalog_lines_is(root)) {
        return false;
    }
    firn_slice rest = firn_bytes(root.data + PREFIX_SIZE, root.size - PREFIX_SIZE);
    slash = memchr(rest.data, '/', rest.size);
    if (slash == NULL) {
        return false;
    }
    *out_name = firn_bytes(rest.data, (size_t)(slash - rest.data));
    rest = firn_bytes(slash + 1, rest.size - out_name->size - 1);
    if (rest.size < DIGITS + 1 || rest.data[DIGITS] != '/') {
        return false;
    }
    *out_id = firn_bytes(rest.data, DIGITS);
    *out_label = firn_bytes(rest.data + DIGITS + 1, rest.size - DIGITS - 1);
    return true;
}

/* ==== listing ==== */

struct listing {
    firn_slice remote;
    int (*visit)(void *ctx, const struct fi_catalog_line *line, firn_error *err);
    void *ctx;
};

static int
visit_root(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
           firn_error *err)
{
    struct listing *listing = ctx;
    struct fi_catalog_line line = {.root = root, .workspace = *workspace};
    bool is_wanted = split_root(root, &line.remote, &line.id, &line.label) &&
                     (listing->remote.size == 0 || fi_slice_equal(listing->remote, line.remote));
    return is_wanted ? listing->visit(listing->ctx, &line, err) : FIRN_OK;
}

int
fi_catalog_lines_list(struct fi_catalog *catalog, firn_slice remote,
                      int (*visit)(void *ctx, const struct fi_catalog_line *line, firn_error *err),
                      void *ctx, firn_error *err)
{
    struct listing listing = {remote, visit, ctx};
    return fi_catalog_workspaces_list(catalog, visit_root, &listing, err);
}

struct selecting {
    firn_slice rest; /* label or id; empty: all */
    int (*visit)(void *ctx, const struct fi_catalog_line *line, firn_error *err);
    void *ctx;
    size_t count;
};

static int
visit_selected(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct selecting *selecting = ctx;
    if (selecting->rest.size > 0 && !fi_slice_equal(selecting->rest, line->label) &&
        !fi_slice_equal(selecting->rest, line->id)) {
        return FIRN_OK;
    }
    selecting->count++;
    return selecting->visit(selecting->ctx, line, err);
}

int
fi_catalog_lines_select(struct fi_catalog *catalog, const char *name,
                        int (*visit)(void *ctx, const struct fi_catalog_line *line,
                                     firn_error *err),
                        void *ctx, firn_error *err)
{
    const char *slash = strchr(name, '/');
    const size_t size = slash != NULL ? (size_t)(slash - name) : strlen(name);
    struct selecting selecting = {.visit = visit, .ctx = ctx};
    selecting.rest = firn_str(slash != NULL ? slash + 1 : "");
    if (size > 0) {
        FI_TRY_RETURN(fi_catalog_lines_list(catalog, firn_bytes(name, size), visit_selected,
                                            &selecting, err));
    }
    if (selecting.count > 0) {
        return FIRN_OK;
    }
    return slash != NULL && slash[1] != '\0'
               ? fi_error_set(err, FIRN_NOT_FOUND,
                              "firn pull has brought nothing of a line '%s' of the remote '%.*s'",
                              slash + 1, (int)size, name)
               : fi_error_set(err, FIRN_NOT_FOUND,
                              "firn pull has brought no checkpoint of a remote '%.*s'", (int)size,
                              name);
}

struct naming {
    firn_slice label;
    size_t count;
};

static int
visit_named(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct naming *naming = ctx;
    (void)err;
    naming->count += fi_slice_equal(naming->label, line->label);
    return FIRN_OK;
}

int
fi_catalog_lines_name(struct fi_catalog *catalog, const struct fi_catalog_line *line,
                      firn_slice *out, firn_error *err)
{
    struct naming naming = {.label = line->label};
    FI_TRY_RETURN(fi_catalog_lines_list(catalog, line->remote, visit_named, &naming, err));
    *out = naming.count == 1 && line->label.size > 0 ? line->label : line->id;
    return FIRN_OK;
}

struct having {
    uint32_t number;
    bool is_line;
};

static int
visit_number(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct having *having = ctx;
    (void)err;
    having->is_line = having->is_line || line->workspace.number == having->number;
    return FIRN_OK;
}

int
fi_catalog_lines_has(struct fi_catalog *catalog, uint32_t workspace, bool *out, firn_error *err)
{
    struct having having = {workspace, false};
    int rc = fi_catalog_lines_list(catalog, firn_bytes(NULL, 0), visit_number, &having, err);
    *out = having.is_line;
    return rc;
}

/* ==== making and removing ==== */

struct making {
    char id[DIGITS + 1];
    struct fi_catalog_workspace found;
    struct fi_buf *root;
    bool is_found;
};

static int
visit_same(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct making *making = ctx;
    if (memcmp(line->id.data, making->id, DIGITS) != 0) {
        return FIRN_OK;
    }
    making->found = line->workspace;
    making->is_found = true;
    return fi_buf_assign(making->root, line->root) == FIRN_OK ? FIRN_OK
                                                              : fi_error_no_memory(err, "a line");
}

int
fi_catalog_lines_open(struct fi_catalog *catalog, const char *remote,
                      const uint8_t id[FI_CATALOG_LINE_ID_SIZE], firn_slice label,
                      struct fi_buf *root, struct fi_catalog_workspace *out, firn_error *err)
{
    struct making making = {.root = root};
    fi_hex_encode(id, FI_CATALOG_LINE_ID_SIZE, making.id);
    fi_buf_clear(root);
    FI_TRY_RETURN(fi_catalog_lines_list(catalog, firn_str(remote), visit_same, &making, err));
    if (making.is_found) {
        *out = making.found;
        return FIRN_OK;
    }
    if (fi_buf_append_format(root, PREFIX "%s/%s/", remote, making.id) != FIRN_OK ||
        fi_buf_append_slice(root, label) != FIRN_OK) {
        return fi_error_no_memory(err, "a line");
    }
    *out = (struct fi_catalog_workspace){.number = 0};
    return fi_catalog_workspaces_add(catalog, fi_buf_slice(root), out, err);
}

struct removing {
    uint32_t *numbers;
    size_t count;
    size_t capacity;
};

static int
visit_removed(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct removing *removing = ctx;
    FI_TRY_RETURN(FI_VEC_RESERVE(removing->numbers, removing->count + 1, removing->capacity, err));
    removing->numbers[removing->count++] = line->workspace.number;
    return FIRN_OK;
}

int
fi_catalog_lines_remove(struct fi_catalog *catalog, const char *remote, firn_error *err)
{
    struct removing removing = {0};
    int rc = fi_catalog_lines_list(catalog, firn_str(remote), visit_removed, &removing, err);
    for (size_t i = 0; rc == FIRN_OK && i < removing.count; i++) {
        rc = fi_catalog_workspaces_remove(catalog, removing.numbers[i], err);
    }
    fi_free(removing.numbers);
    return rc;
}

/* ==== resolving ==== */

struct resolving {
    struct fi_catalog *catalog;
    firn_slice rest; /* of the reference, after the remote's name */
    struct fi_buf *out;
    uint32_t workspace; /* of the checkpoint */
    size_t line_count;
    size_t found_count;
    int64_t found_ns;
    bool names_line;
    firn_error missing; /* why a line has none */
    char labels[2][80];
};

/* What follows the label or the id of the line, or all of it. */
static firn_slice
rest_of(const struct resolving *resolving, const struct fi_catalog_line *line, bool *out_is_named)
{
    const firn_slice names[] = {line->label, line->id};
    for (size_t i = 0; i < 2; i++) {
        if (names[i].size > 0 && resolving->rest.size > names[i].size + 1 &&
            memcmp(resolving->rest.data, names[i].data, names[i].size) == 0 &&
            resolving->rest.data[names[i].size] == '/') {
            *out_is_named = true;
            return firn_bytes(resolving->rest.data + names[i].size + 1,
                              resolving->rest.size - names[i].size - 1);
        }
    }
    *out_is_named = false;
    return resolving->rest;
}

/* Of several lines the newest checkpoint counts where a time was asked for; otherwise the user has
 * to name the line. */
static void
take_found(struct resolving *resolving, const struct fi_catalog_line *line,
           const struct fi_catalog_record *record, struct fi_buf *bytes, bool is_named)
{
    bool is_better =
        resolving->found_count == 0 || (is_named && !resolving->names_line) ||
        (is_named == resolving->names_line && record->created_ns > resolving->found_ns);
    if (resolving->names_line && !is_named) {
        return;
    }
    if (is_named && !resolving->names_line) {
        resolving->found_count = 0;
        resolving->names_line = true;
    }
    if (resolving->found_count < 2) {
        (void)snprintf(resolving->labels[resolving->found_count], sizeof resolving->labels[0],
                       "%.*s", (int)(line->label.size < 79 ? line->label.size : 79),
                       (const char *)line->label.data);
    }
    resolving->found_count++;
    if (is_better) {
        struct fi_buf before = *resolving->out;
        resolving->found_ns = record->created_ns;
        resolving->workspace = line->workspace.number;
        *resolving->out = *bytes;
        *bytes = before;
    }
}

static int
visit_resolved(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct resolving *resolving = ctx;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    bool is_named;
    firn_slice rest = rest_of(resolving, line, &is_named);
    char *text = fi_strndup((const char *)rest.data, rest.size);
    resolving->line_count++;
    if (text == NULL) {
        return fi_error_no_memory(err, "a reference");
    }
    int rc = fi_catalog_resolve(resolving->catalog, line->workspace.number, text, &bytes, &record,
                                &resolving->missing);
    fi_free(text);
    if (rc == FIRN_OK) {
        take_found(resolving, line, &record, &bytes, is_named);
    } else if (rc == FIRN_NOT_FOUND || rc == FIRN_INVALID) {
        rc = FIRN_OK;
    } else {
        fi_error_copy(err, &resolving->missing);
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* Whether of several lines that have such a checkpoint the newest is meant. */
static bool
means_newest(struct fi_catalog *catalog, const char *reference)
{
    const struct fi_reference_clock clock = {fi_os_now_ns(fi_db_os(catalog->db)), fi_os_zone};
    struct fi_reference read;
    return fi_reference_read(reference, &clock, &read, NULL) == FIRN_OK &&
           (read.kind == FI_REFERENCE_LATEST || read.kind == FI_REFERENCE_TIME || read.is_day);
}

int
fi_catalog_lines_resolve_id(struct fi_catalog *catalog, const char *reference, struct fi_buf *out,
                            struct fi_catalog_record *record, firn_error *err)
{
    struct resolving resolving = {.catalog = catalog, .rest = firn_str(reference), .out = out};
    FI_TRY_RETURN(
        fi_catalog_lines_list(catalog, firn_bytes(NULL, 0), visit_resolved, &resolving, err));
    return resolving.found_count > 0
               ? fi_catalog_record_decode(fi_buf_slice(out), record, err)
               : fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", reference);
}

/* Whether the store knows a remote of that name. */
static bool
is_remote(struct fi_catalog *catalog, firn_slice name)
{
    struct firn_db_keyspace *remotes;
    bool is_there = false;
    return fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_REMOTES, &remotes, NULL) == FIRN_OK &&
           remotes != NULL && fi_db_get_exists(remotes, name, &is_there, NULL) == FIRN_OK &&
           is_there;
}

int
fi_catalog_lines_resolve(struct fi_catalog *catalog, const char *reference, struct fi_buf *out,
                         struct fi_catalog_record *record, uint32_t *out_workspace, firn_error *err)
{
    const char *slash = strchr(reference, '/');
    struct resolving resolving = {.catalog = catalog, .out = out};
    if (slash == NULL || slash == reference || slash[1] == '\0') {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", reference);
    }
    const firn_slice name = firn_bytes(reference, (size_t)(slash - reference));
    resolving.rest = firn_str(slash + 1);
    FI_TRY_RETURN(fi_catalog_lines_list(catalog, name, visit_resolved, &resolving, err));
    if (resolving.line_count == 0 && !is_remote(catalog, name)) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint and no tag '%s'",
                            reference);
    }
    if (resolving.line_count == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is no checkpoint '%s': no tag of that name, and firn pull has "
                            "brought none of a remote '%.*s'",
                            reference, (int)name.size, (const char *)name.data);
    }
    if (resolving.found_count == 0) {
        fi_error_copy(err, &resolving.missing);
        return resolving.missing.code;
    }
    if (resolving.found_count > 1 && !means_newest(catalog, slash + 1)) {
        return fi_error_set(err, FIRN_CONFLICT,
                            "'%s' is ambiguous: %zu lines have such a checkpoint; name one, as in "
                            "%.*s/%s/%s",
                            reference, resolving.found_count, (int)(slash - reference), reference,
                            resolving.labels[0], slash + 1);
    }
    *out_workspace = resolving.workspace;
    return fi_catalog_record_decode(fi_buf_slice(out), record, err);
}
