/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model_look.c: what only looks.
 */
#include <inttypes.h>

#include "support/test.h"
#include "ws_edit.h"
#include "ws_model.h"

/* ---- looking ---- */

void
ws_model_status(struct ws_model *model)
{
    char reference[32];
    size_t index = ws_model_pick(model);
    ws_model_reference_of(index, reference, sizeof reference);
    char *now = ws_dump(&model->world);
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result;
    options.reference = reference;
    options.threads = model->world.threads;
    uint64_t calls_before = ws_model_calls(model);
    ws_model_must(model,
                  fi_ws_status(model->world.ws, &options, NULL, NULL, &result, &model->world.err));
    assert_int_equal(ws_model_calls(model), calls_before);
    struct ws_edit_counts counts = ws_edit_compare(model->checkpoints[index].dump, now);
    assert_int_equal(result.added, counts.added);
    assert_int_equal(result.changed + result.times_only, counts.changed);
    assert_int_equal(result.times_only, counts.times_only);
    assert_int_equal(result.removed, counts.removed);
    assert_int_equal(result.unchanged, counts.unchanged);
    free(now);
}

struct listing {
    const struct ws_model *model;
    size_t next; /* no number above it is to come */
};

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    while (listing->next > 0 && listing->model->checkpoints[listing->next - 1].dump == NULL) {
        listing->next--;
    }
    assert_int_equal(checkpoint->number, listing->next);
    listing->next--;
    return FIRN_OK;
}

static void
print_escaped(FILE *out, firn_slice bytes)
{
    if (bytes.size == 0) {
        return;
    }
    char *text = strndup((const char *)bytes.data, bytes.size);
    assert_non_null(text);
    char *escaped = ws_edit_escape(text);
    fputs(escaped, out);
    free(escaped);
    free(text);
}

/* The same fields in the same form as in the text of a tree, but for attributes, which are not
 * told. */
static int
print_entry(void *ctx, const firn_workspace_entry *entry)
{
    FILE *out = ctx;
    static const int kinds[] = {
        [FIRN_ENTRY_FILE] = 1, [FIRN_ENTRY_DIRECTORY] = 2, [FIRN_ENTRY_SYMLINK] = 3};
    print_escaped(out, entry->path);
    fprintf(out, " kind=%d mode=%o uid=%" PRIu32 " gid=%" PRIu32 " mtime=%" PRId64,
            kinds[entry->type], (unsigned)entry->mode, entry->uid, entry->gid, entry->mtime_ns);
    fprintf(out, " size=%" PRIu64 " hash=", entry->size_bytes);
    for (size_t i = 0; entry->type == FIRN_ENTRY_FILE && i < sizeof entry->hash.bytes; i++) {
        fprintf(out, "%02x", entry->hash.bytes[i]);
    }
    fputs(entry->type == FIRN_ENTRY_FILE ? " target=" : "- target=", out);
    print_escaped(out, entry->link_target);
    fputs(" link=", out);
    print_escaped(out, entry->hard_link);
    fputc('\n', out);
    return FIRN_OK;
}

void
ws_model_look(struct ws_model *model)
{
    uint64_t calls_before = ws_model_calls(model);
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct listing listing = {.model = model, .next = model->count};
    ws_model_must(model, fi_ws_list(model->world.ws, &options, count_checkpoint, &listing,
                                    &model->world.err));
    while (listing.next > 0) {
        assert_null(model->checkpoints[--listing.next].dump);
    }
    char reference[32];
    size_t index = ws_model_pick(model);
    ws_model_reference_of(index, reference, sizeof reference);
    firn_workspace_checkpoint *found;
    ws_model_must(model, fi_ws_find(model->world.ws, reference, &found, &model->world.err));
    assert_int_equal(found->number, index + 1);
    assert_int_equal(found->files, model->checkpoints[index].root_files);
    ws_model_must(model, fi_ws_find(model->world.ws, "latest", &found, &model->world.err));
    assert_int_equal(found->number, ws_model_latest(model) + 1);

    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ws_model_must(model,
                  fi_ws_entries(model->world.ws, reference, print_entry, out, &model->world.err));
    fclose(out);
    const char *const not_told[] = {"xattrs="};
    char *wanted = ws_edit_without(model->checkpoints[index].dump, not_told, 1);
    assert_string_equal(text, wanted);
    assert_int_equal(ws_model_calls(model), calls_before);
    free(text);
    free(wanted);
}

/* A checkpoint against another one, or against the disk, by turns line by line and with renames, which
 * go away and come as others do. */
void
ws_model_diff(struct ws_model *model)
{
    char before[32];
    char after[32];
    size_t from = ws_model_pick(model);
    size_t to = ws_model_pick(model);
    bool is_disk = ws_model_below(model, 2) == 0;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result;
    ws_model_reference_of(from, before, sizeof before);
    ws_model_reference_of(to, after, sizeof after);
    options.before = before;
    options.after = is_disk ? NULL : after;
    options.with_lines = ws_model_below(model, 2) == 0;
    options.find_renames = ws_model_below(model, 2) == 0;
    options.threads = model->world.threads;
    char *now = ws_dump(&model->world);
    uint64_t calls_before = ws_model_calls(model);
    ws_model_must(
        model, fi_ws_difference(model->world.ws, &options, NULL, NULL, &result, &model->world.err));
    assert_int_equal(ws_model_calls(model), calls_before);
    struct ws_edit_counts counts =
        ws_edit_compare(model->checkpoints[from].dump, is_disk ? now : model->checkpoints[to].dump);
    assert_int_equal(result.added + result.renamed, counts.added);
    assert_int_equal(result.removed + result.renamed, counts.removed);
    assert_int_equal(result.changed + result.times_only, counts.changed);
    assert_int_equal(result.times_only, counts.times_only);
    free(now);
}
