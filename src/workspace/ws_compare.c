/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_compare.c: scanning the disk to compare it with a checkpoint.
 *
 * The scan applies today's rules with the options that the checkpoint was saved with: its tree is
 * what a save would make now. For a restore it applies the checkpoint's rules as well (ws_rules.c).
 * What the stat cache knows is not read, and its directories are in the store; those that
 * have changed since are kept in memory. Where the cache turns out to be wrong everything is read
 * instead: what is in memory until then does no harm, since objects are found by their hash.
 */
#include "workspace/ws_compare.h"

#include "workspace/ws_stat.h"

enum { SCRATCH_FRAMES = 4 };

/* Scans by the stat cache, if it is any good. *err is not NULL. */
static int
scan(struct firn_ws_compare *compare, struct firn_ws_opened *opened,
     struct firn_ws_scan_options *options, firn_error *err)
{
    struct firn_ws_sink sink = firn_ws_treesink_sink(compare->treesink);
    struct firn_ws_stat_options stat_options = {.objects = opened->objects,
                                                .workspace = opened->workspace.number};
    int rc = firn_ws_stat_open(opened->db, &stat_options, &options->stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_scan(opened->root, options, &sink, &compare->scan, err);
    bool is_broken = rc != FIRN_OK && firn_ws_stat_is_broken(options->stat);
    firn_ws_stat_close(options->stat);
    options->stat = NULL;
    return is_broken ? firn_ws_scan(opened->root, options, &sink, &compare->scan, err) : rc;
}

/* What an init was given. */
struct request {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    const struct firn_ws_record *record;
    unsigned threads;
    const firn_callbacks *callbacks;
};

/* The checkpoint's rules are loaded. */
static int
fill(struct firn_ws_compare *out, const struct request *request,
     const struct firn_ignore_rules *stored_rules, firn_error *err)
{
    struct firn_ws_opened *opened = request->opened;
    const struct firn_ws_record *record = request->record;
    int rc;
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err));
    firn_ws_objects_source_init(&out->stored, opened->objects, out->scratch);
    FIRN_TRY(firn_ws_treesink_create(request->ws->os, &out->treesink, err));
    struct firn_ws_scan_options options = firn_ws_scan_options_of(
        opened, record->include_deps, false, request->threads, request->callbacks);
    options.gitignore = out->rules.gitignore;
    options.stored_rules = stored_rules;
    FIRN_TRY(scan(out, opened, &options, err));
    out->now = firn_ws_treesink_source(out->treesink, &out->stored.source);
    out->checkpoint_side =
        (struct firn_ws_diff_side){.source = &out->stored.source, .root = &record->root};
    out->disk_side = (struct firn_ws_diff_side){.source = &out->now, .root = &out->scan.root};
out:
    return rc;
}

int
firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
                     const struct firn_ws_record *record, unsigned threads,
                     const firn_callbacks *callbacks, firn_error *err)
{
    const struct request request = {ws, opened, record, threads, callbacks};
    *out = (struct firn_ws_compare){0};
    int rc = firn_ws_rules_load(opened->objects, record, &out->rules, err);
    return rc == FIRN_OK ? fill(out, &request, NULL, err) : rc;
}

int
firn_ws_compare_init_for_restore(struct firn_ws_compare *out, struct firn_ws *ws,
                                 struct firn_ws_opened *opened, const struct firn_ws_record *record,
                                 const struct firn_ws_record *second, unsigned threads,
                                 const firn_callbacks *callbacks, firn_error *err)
{
    const struct request request = {ws, opened, record, threads, callbacks};
    *out = (struct firn_ws_compare){0};
    int rc = firn_ws_rules_load(opened->objects, record, &out->rules, err);
    if (rc == FIRN_OK && second != NULL) {
        rc = firn_ws_rules_load_more(opened->objects, record, second, &out->rules, err);
    }
    return rc == FIRN_OK ? fill(out, &request, &out->rules.sets, err) : rc;
}

void
firn_ws_compare_deinit(struct firn_ws_compare *compare)
{
    firn_ws_scan_result_deinit(&compare->scan);
    firn_ws_treesink_destroy(compare->treesink);
    firn_packfile_scratch_destroy(compare->scratch);
    firn_ws_rules_deinit(&compare->rules);
    *compare = (struct firn_ws_compare){0};
}
