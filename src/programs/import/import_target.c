/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_target.c: the history that an import adds to.
 *
 * A foreign state is recognised by a tag, which is set after its checkpoint was made. So a second
 * run imports only states that the first did not. A run that is killed between the two steps leaves
 * a checkpoint without its tag. That checkpoint is the newest, and is recognised by its message and
 * time.
 *
 * If the source has lost something of a state, its checkpoint says so: it names the paths
 * (import_gaps.c), and counts them as skipped. A later run makes such a state again. If less is
 * lost then, there is another checkpoint, which gets the tag; the first one stays.
 *
 * The importers of many states save them in groups, whose checkpoints become durable together, with
 * their tags. If a save fails, or the end of a group, none of the group is there, and the summary
 * does not count it.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "import/import_internal.h"
#include "term/term.h"
#include "term/term_try.h"

enum { MESSAGE_SIZE_MAX = 64 << 10, PATH_SHOWN_MAX = PATH_MAX };

/* A checkpoint that lacks something that its source had lost. */
struct lossy {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    uint64_t lost;
};

/* The context of the lists that are read when a target is opened. */
struct opening {
    struct fi_import_target *target;
    struct lossy *lossy; /* by id */
    size_t lossy_count;
    size_t lossy_capacity;
};

static int
compare_tags(const void *a, const void *b)
{
    const struct fi_import_tag *x = a;
    const struct fi_import_tag *y = b;
    return strcmp(x->name, y->name);
}

static int
compare_name(const void *name, const void *tag)
{
    return strcmp(name, ((const struct fi_import_tag *)tag)->name);
}

static int
compare_lossy(const void *a, const void *b)
{
    const struct lossy *x = a;
    const struct lossy *y = b;
    return strcmp(x->id, y->id);
}

static int
compare_id(const void *id, const void *lossy)
{
    return strcmp(id, ((const struct lossy *)lossy)->id);
}

/* Makes room for one more item of a list. */
static void *
import_target_grow(void *list, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) {
        return list;
    }
    size_t grown = *capacity == 0 ? 64 : 2 * *capacity;
    void *moved = realloc(list, grown * item_size);
    *capacity = moved != NULL ? grown : *capacity;
    return moved;
}

static int
on_tag(void *ctx, const firn_workspace_tag *tag)
{
    const struct opening *opening = ctx;
    struct fi_import_target *target = opening->target;
    const struct lossy *lossy = NULL;
    struct fi_import_tag *tags =
        import_target_grow(target->tags, target->tag_count, &target->tag_capacity, sizeof(tags[0]));
    if (tags == NULL) {
        return FIRN_NO_MEMORY;
    }
    target->tags = tags;
    if (opening->lossy_count > 0) {
        lossy =
            bsearch(tag->id, opening->lossy, opening->lossy_count, sizeof(lossy[0]), compare_id);
    }
    char *name = strndup((const char *)tag->name.data, tag->name.size);
    if (name == NULL) {
        return FIRN_NO_MEMORY;
    }
    tags[target->tag_count++] =
        (struct fi_import_tag){.name = name, .lost = lossy != NULL ? lossy->lost : 0};
    return FIRN_OK;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct opening *opening = ctx;
    opening->target->has_old = true;
    if (checkpoint->skipped == 0) {
        return FIRN_OK;
    }
    struct lossy *lossy = import_target_grow(opening->lossy, opening->lossy_count,
                                             &opening->lossy_capacity, sizeof(lossy[0]));
    if (lossy == NULL) {
        return FIRN_NO_MEMORY;
    }
    opening->lossy = lossy;
    memcpy(lossy[opening->lossy_count].id, checkpoint->id, sizeof(checkpoint->id));
    lossy[opening->lossy_count++].lost = checkpoint->skipped;
    return FIRN_OK;
}

int
fi_import_target_open(struct fi_import_target *target, struct fi_cli *cli)
{
    firn_error err;
    const firn_workspace_list_options all = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct opening opening = {.target = target};
    memset(target, 0, sizeof(*target));
    target->cli = cli;
    int exit_code = fi_task_workspace_open(cli, &target->workspace);
    fi_task_notices_init(&target->notices, cli);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    int code = firn_workspace_list(target->workspace, &all, on_checkpoint, &opening, &err);
    if (code == FIRN_OK) {
        if (opening.lossy_count > 0) {
            qsort(opening.lossy, opening.lossy_count, sizeof(opening.lossy[0]), compare_lossy);
        }
        code = firn_workspace_tag_list(target->workspace, on_tag, &opening, &err);
    }
    free(opening.lossy);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    if (target->tag_count > 0) {
        qsort(target->tags, target->tag_count, sizeof(target->tags[0]), compare_tags);
    }
    return FI_EXIT_OK;
}

void
fi_import_target_close(struct fi_import_target *target)
{
    assert(target->tag_count <= target->tag_capacity);
    for (size_t i = 0; i < target->tag_count; i++) {
        free(target->tags[i].name);
    }
    free(target->tags);
    fi_import_gaps_deinit(&target->gaps);
    free(target->before);
    fi_task_notices_deinit(&target->notices);
    firn_workspace_close(target->workspace);
}

struct newest {
    firn_slice message;
    int64_t created_ns;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    bool is_it;
    bool has_tag;
};

static int
inspect_newest(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct newest *newest = ctx;
    newest->is_it =
        checkpoint->created_ns == newest->created_ns &&
        checkpoint->message.size == newest->message.size &&
        (newest->message.size == 0 ||
         memcmp(checkpoint->message.data, newest->message.data, newest->message.size) == 0);
    memcpy(newest->id, checkpoint->id, sizeof(newest->id));
    return FIRN_OK;
}

static int
inspect_tag(void *ctx, const firn_workspace_tag *tag)
{
    assert(((struct newest *)ctx)->is_it);
    struct newest *newest = ctx;
    newest->has_tag = newest->has_tag || strcmp(tag->id, newest->id) == 0;
    return FIRN_OK;
}

static const struct fi_import_tag *
find_tag(const struct fi_import_target *target, const char *tag)
{
    return target->tag_count == 0 ? NULL
                                  : bsearch(tag, target->tags, target->tag_count,
                                            sizeof(target->tags[0]), compare_name);
}

/* Whether the state of a tag has been imported already; *out_lost is how much its checkpoint lacks.
 * If a run was killed after it had saved the state and before it set the tag, the checkpoint is
 * recognised by its message and time, and gets the tag now. */
static int
import_target_has(struct fi_import_target *target, const char *tag, firn_slice message,
                  int64_t created_ns, bool *out, uint64_t *out_lost, firn_error *err)
{
    assert(target->workspace != NULL && tag != NULL);
    const struct fi_import_tag *known = find_tag(target, tag);
    *out = known != NULL;
    *out_lost = known != NULL ? known->lost : 0;
    if (*out || !target->has_old || target->sum.made > 0 || target->has_group) {
        target->had += *out;
        return FIRN_OK;
    }
    /* The first that has no tag yet. */
    struct newest newest = {.message = message, .created_ns = created_ns};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.limit = 1;
    int code = firn_workspace_list(target->workspace, &options, inspect_newest, &newest, err);
    if (code == FIRN_OK && newest.is_it) {
        code = firn_workspace_tag_list(target->workspace, inspect_tag, &newest, err);
    }
    if (code == FIRN_OK && newest.is_it && !newest.has_tag) {
        *out = true;
        target->had++;
        code = fi_command_has(target->cli, "dry-run")
                   ? FIRN_OK
                   : firn_workspace_tag_set(target->workspace, tag, newest.id, false, NULL, err);
    }
    target->has_old = code != FIRN_OK; /* only that one can lack its tag */
    return code;
}

int64_t
fi_import_target_time_of(firn_slice text)
{
    char copy[64];
    struct tm tm = {.tm_isdst = 0};
    int64_t ns = 0;
    int64_t unit = 100000000;
    int hours = 0;
    int minutes = 0;
    if (text.size == 0 || text.size >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL) {
        return 0;
    }
    for (rest += *rest == '.'; *rest >= '0' && *rest <= '9'; rest++) {
        ns += unit * (*rest - '0');
        unit /= 10;
    }
    if ((*rest == '+' || *rest == '-') && sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) {
        return 0;
    }
    int64_t zone = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    int64_t seconds = (int64_t)timegm(&tm) - (*rest == '-' ? -zone : zone);
    return seconds <= 0 || seconds >= INT64_MAX / 1000000000 ? 0 : seconds * 1000000000 + ns;
}

int
fi_import_target_begin(struct fi_import_target *target, struct fi_import_tree *tree, bool *out_has,
                       firn_error *err)
{
    assert(tree->root[0] != '\0');
    firn_error ignored;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.to_dir = tree->root;
    *out_has =
        target->before != NULL && firn_workspace_restore(target->workspace, target->before,
                                                         &options, NULL, &ignored) == FIRN_OK;
    return *out_has || target->before == NULL ? FIRN_OK
                                              : fi_import_tree_remove(tree, firn_str(""), err);
}

void
fi_import_target_report(struct fi_import_target *target, firn_slice path, const char *format, ...)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    char shown[PATH_SHOWN_MAX + sizeof("...")];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (path.size > PATH_SHOWN_MAX) { /* no path of a file system, but an archive may have it */
        memcpy(shown, path.data, PATH_SHOWN_MAX);
        memset(shown + PATH_SHOWN_MAX, '.', 3);
        path = firn_bytes(shown, PATH_SHOWN_MAX + 3);
    }
    firn_callbacks callbacks = fi_task_notices_callbacks(&target->notices);
    firn_notice notice = {.kind = FIRN_NOTICE_UNREADABLE, .path = path, .text = text};
    callbacks.on_notice(callbacks.ctx, &notice);
}

void
fi_import_target_miss(struct fi_import_target *target, firn_slice path, bool is_lost,
                      const char *text)
{
    fi_import_target_report(target, path, "%s", text);
    fi_import_gaps_add(&target->gaps, path, is_lost);
}

static int
begin_group(void *ctx, firn_error *err)
{
    return firn_workspace_group_begin(ctx, err);
}

/* Ends the group, if one has begun, and makes its checkpoints durable. */
static int
end_group(struct fi_import_target *target, firn_error *err)
{
    if (!target->has_group) {
        return FIRN_OK;
    }
    target->has_group = false;
    int code = firn_workspace_group_end(target->workspace, true, err);
    if (code != FIRN_OK) {
        target->sum = target->durable;
    }
    return code;
}

/* Notices of a save: what it leaves out is missing in the import. */
struct saving {
    struct fi_import_target *target;
    bool has_rules;
};

static void
on_notice(void *ctx, const firn_notice *notice)
{
    const struct saving *saving = ctx;
    struct fi_task_notices *notices = &saving->target->notices;
    const firn_callbacks callbacks = fi_task_notices_callbacks(notices);
    bool is_missing =
        notice->kind == FIRN_NOTICE_EXCLUDED && (notice->is_reserved || !saving->has_rules);
    callbacks.on_notice(callbacks.ctx, notice);
    notices->left_out += is_missing;
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct saving *saving = ctx;
    const firn_callbacks callbacks = fi_task_notices_callbacks(&saving->target->notices);
    return callbacks.on_progress(callbacks.ctx, progress);
}

int
fi_import_target_save(struct fi_import_target *target, struct fi_import_tree *tree,
                      const struct fi_import_state *state, firn_workspace_save_result *out,
                      firn_error *err)
{
    struct fi_task_patience_saving attempt = {target->workspace, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                              FIRN_WORKSPACE_SAVE_RESULT_INIT};
    struct saving saving = {.target = target, .has_rules = fi_command_has(target->cli, "rules")};
    firn_workspace_gap *gaps;
    bool is_coarse;
    *out = attempt.result;
    int code =
        fi_import_gaps_list(&target->gaps, &gaps, &attempt.options.gap_count, &is_coarse, err);
    if (code == FIRN_OK && is_coarse) {
        fi_import_target_report(target, firn_bytes(NULL, 0),
                                "so much is missing that a restore in place leaves whole "
                                "directories alone");
    }
    attempt.options.message = state->message;
    attempt.options.include_deps = true;
    attempt.options.no_rules = !saving.has_rules;
    attempt.options.gaps = gaps;
    attempt.options.if_changed = state->if_changed;
    attempt.options.tree_path = tree->root;
    attempt.options.created_ns = state->created_ns;
    attempt.options.strict = target->cli->strict;
    attempt.options.callbacks = (firn_callbacks){on_notice, on_progress, &saving};
    if (target->is_grouped) {
        attempt.options.tag = state->tag;
        attempt.options.tag_may_replace = state->may_replace;
    }
    if (code == FIRN_OK && target->is_grouped && !target->has_group) {
        code = fi_task_patience_run(target->cli, begin_group, target->workspace, err);
        target->has_group = code == FIRN_OK;
        target->durable = target->sum;
    }
    if (code == FIRN_OK) {
        code = fi_task_patience_run(target->cli, fi_task_patience_save, &attempt, err);
        *out = attempt.result;
    }
    free(gaps);
    if (code != FIRN_OK) {
        return code;
    }
    assert(out->checkpoint != NULL);
    if (out->is_made) {
        struct fi_import_target_sum *sum = &target->sum;
        sum->first_number = sum->first_number == 0 ? out->checkpoint->number : sum->first_number;
        sum->last_number = out->checkpoint->number;
    }
    if (target->is_grouped && firn_workspace_group_is_full(target->workspace)) {
        code = end_group(target, err);
    } else if (!target->is_grouped && state->tag != NULL) {
        code = firn_workspace_tag_set(target->workspace, state->tag, out->checkpoint->id,
                                      state->may_replace, NULL, err);
    }
    return code;
}

void
fi_import_target_lose(struct fi_import_target *target, const char *name, const firn_error *err)
{
    fi_import_target_report(target, firn_str(name), "%s", err->text);
    target->failed++;
}

/* Makes a checkpoint of the state if it lacks less than had_lost: what the state's checkpoint
 * lacks, UINT64_MAX if there is none. */
static int
make_and_save(struct fi_import_target *target, struct fi_import_tree *tree,
              const struct fi_import_state *state, uint64_t had_lost,
              int (*make)(void *ctx, firn_error *err), void *ctx, bool *out_is_made,
              firn_error *err)
{
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    target->entries = 0;
    target->space.bytes = 0;
    *out_is_made = false;
    int code = make(ctx, err);
    if (code == FIRN_OK && target->cli->strict && target->notices.left_out > 0) {
        return fi_import_tree_error(err, FIRN_UNSUPPORTED, "not everything can be imported");
    }
    if (code != FIRN_OK || fi_import_gaps_lost(&target->gaps) >= had_lost) {
        return code;
    }
    code = fi_import_tree_finish(tree, err);
    code = code == FIRN_OK ? fi_import_target_save(target, tree, state, &result, err) : code;
    *out_is_made = code == FIRN_OK;
    firn_release(result.checkpoint);
    return code;
}

int
fi_import_target_add(struct fi_import_target *target, struct fi_import_tree *tree,
                     const struct fi_import_state *state, int (*make)(void *ctx, firn_error *err),
                     void *ctx, firn_error *err)
{
    assert(state->tag != NULL && target->many != NULL);
    struct fi_import_state kept = *state;
    bool is_had = false;
    bool is_made = false;
    uint64_t had_lost = 0;
    kept.message.size = kept.message.size < MESSAGE_SIZE_MAX ? kept.message.size : MESSAGE_SIZE_MAX;
    int code =
        import_target_has(target, kept.tag, kept.message, kept.created_ns, &is_had, &had_lost, err);
    kept.may_replace = is_had;
    bool is_wanted = (!is_had || had_lost > 0) && !fi_command_has(target->cli, "dry-run");
    if (code == FIRN_OK && is_wanted) {
        code = make_and_save(target, tree, &kept, is_had ? had_lost : UINT64_MAX, make, ctx,
                             &is_made, err);
    }
    if (code == FIRN_CORRUPT && is_had) {
        fi_import_target_report(target, firn_str(kept.tag), "%s", err->text);
        code = FIRN_OK;
    } else if (code == FIRN_CORRUPT) {
        fi_import_target_lose(target, kept.tag, err);
        code = FIRN_OK;
    } else if (code == FIRN_OK) {
        target->sum.made += !is_had;
        target->sum.completed += is_had && is_made;
        free(target->before);
        target->before = strdup(kept.tag);
        code = target->before == NULL ? fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory")
                                      : FIRN_OK;
    }
    return code == FIRN_OK ? fi_import_target_go_on(target->many,
                                                    target->sum.made + target->had + target->failed,
                                                    target->total, err)
                           : code;
}

int
fi_import_target_go_on(const char *phase, uint64_t done, uint64_t total, firn_error *err)
{
    const firn_progress progress = {.phase = phase, .files_done = done, .files_total = total};
    char text[128];
    fi_term_text_progress(&progress, text, sizeof(text));
    const struct fi_term_meter_state state = {.phase = phase, .text = text};
    fi_term_meter_show(&state);
    return fi_command_go_on(err);
}

int
fi_import_target_entry(struct fi_import_target *target, firn_error *err)
{
    enum { SHOWN_EVERY = 1024 };
    target->entries++;
    if (target->entries_max > 0 && target->entries > target->entries_max) {
        return fi_import_tree_error(
            err, FIRN_LIMIT,
            "one %s has more than %llu files and directories; --max-entries allows more",
            target->one, (unsigned long long)target->entries_max);
    }
    return target->entries % SHOWN_EVERY == 0
               ? fi_import_target_go_on("entries", target->entries, 0, err)
               : FIRN_OK;
}

/* Ends the last group. What was made before a failure stays, unless a save has failed. */
static int
end_groups(struct fi_import_target *target, int code, firn_error *err)
{
    firn_error ended;
    int end = end_group(target, &ended);
    if (code == FIRN_OK && end != FIRN_OK) {
        *err = ended;
        code = end;
    }
    return code;
}

/* Says what was imported, and what stopped it. Returns an exit code. */
static int
import_target_finish(struct fi_import_target *target, int code, const firn_error *err,
                     const char *hint)
{
    assert((target->sum.first_number == 0) == (target->sum.last_number == 0));
    struct fi_cli *cli = target->cli;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    cli->is_done = code == FIRN_OK;
    fi_term_json_u64("imported", target->sum.made);
    fi_term_json_u64("had", target->had);
    fi_term_json_u64("completed", target->sum.completed);
    fi_term_json_u64("failed", target->failed);
    fi_term_json_u64_if("first", target->sum.first_number, target->sum.first_number != 0);
    fi_term_json_u64_if("last", target->sum.last_number, target->sum.last_number != 0);
    fi_task_notices_json(&target->notices);
    if (!cli->quiet) {
        fi_term_out_format("%s %s %s", fi_term_text_number(target->sum.made, number),
                           fi_term_text_plural(target->sum.made, target->one, target->many),
                           fi_command_has(cli, "dry-run") ? "to import" : "imported");
        if (target->sum.first_number != 0) {
            fi_term_out_format(", as %llu to %llu", (unsigned long long)target->sum.first_number,
                               (unsigned long long)target->sum.last_number);
        }
        if (target->had > 0) {
            fi_term_out_format("; %s there before", fi_term_text_number(target->had, number));
        }
        if (target->sum.completed > 0) {
            fi_term_out_format("; %s completed",
                               fi_term_text_number(target->sum.completed, number));
        }
        if (target->failed > 0) {
            fi_term_out_format("; %s lost", fi_term_text_number(target->failed, number));
        }
        fi_term_out_text("\n");
        fi_task_notices_print_excluded(&target->notices);
    }
    return code == FIRN_OK
               ? fi_task_notices_exit(&target->notices)
               : fi_command_report_failure(cli, err,
                                           target->sum.made + target->sum.completed > 0
                                               ? "the same command goes on where it stopped"
                                               : hint);
}

int
fi_import_target_bytes(struct fi_cli *cli, uint64_t *out)
{
    firn_error err;
    const char *most = fi_command_value(cli, "max-bytes");
    *out = FI_IMPORT_TARGET_BYTES_MAX;
    if (most != NULL && firn_config_size(most, out, &err) != FIRN_OK) {
        return fi_command_misused(cli, "--max-bytes: %s", err.text);
    }
    *out = *out == 0 ? UINT64_MAX : *out; /* none */
    return FI_EXIT_OK;
}

int
fi_import_target_run(struct fi_import_target *target, struct fi_cli *cli, const char *one,
                     const char *many, int (*import)(void *ctx, firn_error *err), void *ctx,
                     const char *hint)
{
    firn_error err;
    const char *most = fi_command_value(cli, "max-entries");
    uint64_t entries_max = FI_IMPORT_TARGET_ENTRIES_MAX;
    if (most != NULL && (!fi_command_number(most, UINT32_MAX, &entries_max) || entries_max == 0)) {
        return fi_command_misused(cli, "--max-entries takes a number from 1 on, not '%s'", most);
    }
    uint64_t bytes_max;
    FI_TRY_RETURN(fi_import_target_bytes(cli, &bytes_max));
    int exit_code = fi_import_target_open(target, cli);
    if (exit_code == FI_EXIT_OK) {
        target->space = (struct fi_import_tree_space){.one = one, .bytes_max = bytes_max};
        target->entries_max = entries_max;
        target->one = one;
        target->many = many;
        target->is_grouped = true;
        int code = import(ctx, &err);
        code = end_groups(target, code, &err);
        exit_code = import_target_finish(target, code, &err, code == FIRN_NOT_FOUND ? hint : NULL);
    }
    fi_import_target_close(target);
    return exit_code;
}
