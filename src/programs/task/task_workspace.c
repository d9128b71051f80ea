/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_workspace.c: what the commands about workspaces share: opening one, paths inside it,
 * and how checkpoints and entries are shown.
 *
 * Paths are names in a tree, not walks through the file system: "." and ".." are removed textually,
 * links are not followed, and a path that would lead above the root is refused. So a path means the
 * same whether the file is there now, was there when the checkpoint was made, or has become a link
 * in between. In a directory below the root relative paths begin there; no path means all of the
 * workspace.
 *
 * The library recognises a directory that was moved, and refuses to work on it until the user has
 * said whether to continue its history. On a terminal this question is asked here, before the
 * command runs. So is the question whether to trust a store that was found in the tree. Commands
 * that run unattended (hook, watch) ask neither.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlitefile/sqlitefile.h"
#include "term/term.h"
#include "term/term_try.h"

const char fi_task_workspace_choose_hint[] =
    "name a checkpoint by its number, by at least four letters of its id, or as latest; firn list "
    "shows them";

const char fi_task_workspace_untrusted_hint[] = "if it is yours: firn trust DIR, or firn --store "
                                                "DIR/.firn for one command; if it came with the "
                                                "directory, remove it";

static const char list_hint[] = "firn list shows the checkpoints";

struct first {
    bool has_any;
    uint64_t number;
    int64_t created_ns;
};

static int
find_first(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct first *first = ctx;
    if (!first->has_any || checkpoint->created_ns < first->created_ns) {
        *first = (struct first){true, checkpoint->number, checkpoint->created_ns};
    }
    return FIRN_OK;
}

/* A deleted checkpoint that a word may mean; the newest, if there is none with this number or
 * id. */
struct deleted {
    const char *word;
    uint64_t number; /* 0: there is none */
    bool is_meant;
};

static int
find_deleted(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct deleted *deleted = ctx;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    size_t size = strlen(deleted->word);
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)checkpoint->number);
    deleted->is_meant = strcmp(deleted->word, number) == 0 ||
                        (size >= 4 && strncasecmp(deleted->word, checkpoint->id, size) == 0);
    if (checkpoint->number != 0 && (deleted->is_meant || deleted->number == 0)) {
        deleted->number = checkpoint->number;
    }
    return deleted->is_meant ? FIRN_CANCELLED : FIRN_OK;
}

/* How a checkpoint that was deleted comes back, if the word means one, or (is_any) if there is any;
 * else NULL. */
static const char *
deleted_hint(firn_workspace *workspace, const char *word, bool is_any)
{
    static char text[sizeof("the last was deleted; firn undelete  brings it back") + 20];
    struct deleted deleted = {.word = word};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.deleted = true;
    int code = firn_workspace_list(workspace, &options, find_deleted, &deleted, NULL);
    if ((code != FIRN_OK && code != FIRN_CANCELLED) || deleted.number == 0 ||
        !(deleted.is_meant || is_any)) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text), "%s deleted; firn undelete %llu brings it back",
                   deleted.is_meant ? "it was" : "the last was",
                   (unsigned long long)deleted.number);
    return text;
}

int
fi_task_workspace_check_reference(struct fi_cli *cli)
{
    assert(cli->arguments_before_dashes <= cli->argument_count);
    if (cli->arguments_before_dashes > 0) {
        return FI_EXIT_OK;
    }
    return fi_command_misused(cli,
                              cli->argument_count == 0 ? "missing REF" : "missing REF before --");
}

/* ---- checkpoints ---- */

/* A reference may also be ambiguous, for example: then the command says so. */
static bool
is_reference(firn_workspace *workspace, const char *word)
{
    int code = firn_workspace_find(workspace, word, NULL, NULL);
    return code != FIRN_NOT_FOUND && code != FIRN_INVALID;
}

/* Whether two dots in a word stand between checkpoints. */
static bool
is_range(const char *word, const char *dots)
{
    bool is_component_begin = dots == word || dots[-1] == '/';
    bool is_component_end = dots[2] == '\0' || dots[2] == '/';
    return !(is_component_begin && is_component_end) && (dots != word || dots[2] != '\0');
}

bool
fi_task_workspace_range_init(const char *word, struct fi_task_workspace_range *out)
{
    const char *dots = strstr(word, "..");
    *out = (struct fi_task_workspace_range){0};
    if (dots == NULL || !is_range(word, dots)) {
        return true;
    }
    out->memory = strdup(word);
    if (out->memory == NULL) {
        return false;
    }
    char *end = out->memory + (dots - word);
    *end = '\0';
    out->first = end > out->memory ? out->memory : NULL;
    out->second = end[2] != '\0' ? end + 2 : NULL;
    return true;
}

void
fi_task_workspace_range_deinit(struct fi_task_workspace_range *range)
{
    free(range->memory);
    *range = (struct fi_task_workspace_range){0};
}

void
fi_task_workspace_references_deinit(struct fi_task_workspace_references *references)
{
    fi_task_workspace_range_deinit(&references->range);
    fi_task_turn_deinit(&references->turn);
    *references = (struct fi_task_workspace_references){0};
}

bool
fi_task_workspace_is_time(const char *text)
{
    static const char *const days[] = {"yesterday", "monday",   "tuesday", "wednesday", "thursday",
                                       "friday",    "saturday", "sunday",  "noon",      "midnight"};
    size_t digits = strspn(text, "0123456789");
    bool is_day = false;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        is_day = is_day || strcasecmp(text, days[i]) == 0;
    }
    return strchr(text, ' ') != NULL || is_day ||
           (digits > 0 && text[digits] != '\0' && strchr(text, '~') == NULL);
}

/* Of a workspace that was in this directory. */
static const char *
gone_hint(const firn_workspace *workspace)
{
    const struct fi_cli cli = {.store_path = NULL};
    return fi_command_gone_below_hint(&cli, firn_workspace_root(workspace));
}

const char *
fi_task_workspace_habit(const char *word)
{
    const char *rest = strncmp(word, "HEAD", 4) == 0 ? word + 4 : word[0] == '@' ? word + 1 : NULL;
    const char *colon = strchr(word, ':');
    if (fi_task_turn_is_name(word)) {
        return "@N is a turn, for firn show, diff, revert, restore and undo --turn";
    }
    if (rest != NULL && (*rest == '\0' || strchr("~^@{.:", *rest) != NULL)) {
        return "the newest checkpoint is latest, the one before it latest~1";
    }
    if (strncmp(word, ":/", 2) == 0) {
        return "firn log --grep PATTERN searches the messages";
    }
    if (strcmp(word, "main") == 0 || strcmp(word, "master") == 0) {
        return "there are no branches; the newest checkpoint is latest";
    }
    if (strchr(word, '^') != NULL) {
        return "the checkpoint before another is REF~1, as in latest~1";
    }
    bool is_clock = colon != NULL && colon[1] >= '0' && colon[1] <= '9';
    if (colon != NULL && colon > word && !is_clock) {
        return "in REF:PATH, no checkpoint stands before the colon; firn list shows them";
    }
    return NULL;
}

const char *
fi_task_workspace_hint(firn_workspace *workspace, const char *reference, int code)
{
    static char away_hint[2 * FIRN_REMOTE_NAME_SIZE_MAX + 80];
    static char first_hint[sizeof("checkpoint  was made  (firn list shows all)") +
                           FI_TERM_TEXT_NUMBER_SIZE + FI_TERM_TEXT_TIME_SIZE];
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct first first = {0};
    const char *dots = strstr(reference, "..");
    if (code == FIRN_INVALID && dots != NULL && is_range(reference, dots)) {
        return "A..B is for firn log, list, report, diff and revert; here, give one checkpoint";
    }
    if (code == FIRN_NOT_FOUND && strchr(reference, '/') != NULL &&
        firn_workspace_find(workspace, reference, NULL, NULL) == FIRN_OK) {
        return "it is a remote's, and this is for the workspace's own: firn restore it, and save";
    }
    if (code == FIRN_CONFLICT && strchr(reference, '/') != NULL) {
        return NULL; /* the message names one */
    }
    char remote[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    const char *rest;
    if (code == FIRN_NOT_FOUND && fi_task_remote_is_away(workspace, reference, remote, &rest)) {
        (void)snprintf(away_hint, sizeof(away_hint),
                       "firn pull %s brings what is not here; firn list %s lists what is", remote,
                       remote);
        return away_hint;
    }
    if (code == FIRN_NOT_FOUND && strchr(reference, '/') != NULL &&
        fi_task_remote_is_meant(workspace, reference)) {
        return "firn list REMOTE lists what was pulled from a remote, firn pull brings what is new";
    }
    bool may_be_name = code == FIRN_NOT_FOUND || code == FIRN_INVALID || code == FIRN_CONFLICT;
    bool is_too_early = code == FIRN_NOT_FOUND && fi_task_workspace_is_time(reference);
    options.limit = is_too_early ? UINT64_MAX : 1;
    if (!may_be_name || firn_workspace_find(workspace, reference, NULL, NULL) == FIRN_OK ||
        firn_workspace_list(workspace, &options, find_first, &first, NULL) != FIRN_OK) {
        return NULL;
    }
    if (first.has_any && is_too_early) {
        char time[FI_TERM_TEXT_TIME_SIZE];
        (void)snprintf(first_hint, sizeof(first_hint),
                       "checkpoint %llu was made %s; firn list shows all",
                       (unsigned long long)first.number, fi_term_text_time(first.created_ns, time));
        return first_hint;
    }
    const char *gone = first.has_any ? NULL : gone_hint(workspace);
    const char *deleted = gone == NULL ? deleted_hint(workspace, reference, !first.has_any) : NULL;
    if (deleted != NULL) {
        return deleted;
    }
    const char *habit = fi_task_workspace_habit(reference);
    return first.has_any  ? (habit != NULL ? habit : list_hint)
           : gone != NULL ? gone
                          : "firn save makes a checkpoint";
}

const char *
fi_task_workspace_hint_or_path(firn_workspace *workspace, const char *reference, int code)
{
    const char *hint = fi_task_workspace_hint(workspace, reference, code);
    bool may_be_path = reference[strspn(reference, "0123456789")] != '\0' && code != FIRN_CONFLICT;
    return hint == list_hint && may_be_path
               ? "firn list shows the checkpoints; to give paths write -- before them"
               : hint;
}

const char *
fi_task_workspace_hint_paths(const char *hint, size_t path_count, int code)
{
    return hint == NULL && code == FIRN_NOT_FOUND && path_count > 0
               ? "firn show REF --files lists the files of a checkpoint"
               : hint;
}

/* What to do where the workspace itself cannot be opened. */
static int
report_open(struct fi_cli *cli, const firn_error *err)
{
    assert(err->code != FIRN_OK);
    const char *hint = NULL;
    if (err->code == FIRN_NOT_FOUND) {
        hint = fi_command_gone_hint(cli);
    } else if (err->code == FIRN_UNTRUSTED) {
        hint = fi_task_workspace_untrusted_hint;
    }
    return fi_command_report_failure(cli, err, hint);
}

/* ---- stores that were found in a tree ---- */

struct question {
    struct fi_cli *cli;
    bool is_yes;
};

static int
prompt_about(void *ctx, const firn_trust_info *info)
{
    struct question *question = ctx;
    fi_command_report_line("%s is a store that you did not make here; id %s, owner %lu",
                           info->store_path, info->store_id[0] != '\0' ? info->store_id : "unknown",
                           (unsigned long)info->owner);
    fi_command_report_more("hint",
                           "if it came with the directory, say no: it can change files in it");
    question->is_yes = fi_command_report_prompt("trust it from now on?");
    return FIRN_OK;
}

/* Makes the directory again that the command was meant for and that was removed, and enters it, if
 * a person says so. It is empty then: an undo, or a restore, fills it. */
static bool
is_made_again(const struct fi_cli *cli)
{
    char root[PATH_MAX];
    if (!fi_command_report_may_prompt(cli) || !fi_command_gone_find(cli, root)) {
        return false;
    }
    fi_command_report_line("'%s' was saved and is gone", root);
    return fi_command_report_prompt(
               "make the directory again, for its files to be brought back?") &&
           mkdir(root, 0777) == 0 && chdir(root) == 0;
}

/* Opens it; asks about a store that is not trusted, if a person may be asked. */
static int
open_asking(struct fi_cli *cli, const firn_workspace_options *options, bool may_ask,
            firn_workspace **out, firn_error *err)
{
    const char *path = cli->workspace_path != NULL ? cli->workspace_path : ".";
    struct question question = {cli, false};
    int code = firn_workspace_open(path, options, out, err);
    if (code == FIRN_NOT_FOUND && may_ask && is_made_again(cli)) {
        code = firn_workspace_open(path, options, out, err);
    }
    if (code != FIRN_UNTRUSTED || !may_ask || !fi_command_report_may_prompt(cli) ||
        firn_trust_find(path, prompt_about, &question, NULL) != FIRN_OK || !question.is_yes) {
        return code;
    }
    FI_TRY_RETURN(firn_trust_add(path, err));
    return firn_workspace_open(path, options, out, err);
}

int
fi_task_workspace_open_root(struct fi_cli *cli, const char *store_path, firn_cipher cipher,
                            firn_workspace **out)
{
    firn_error err;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store_path;
    options.lock_timeout_ms = fi_task_patience_slice_ms(cli);
    options.copy_sqlite = fi_sqlitefile_copy;
    options.names_root = cli->directory != NULL && cli->workspace_path == NULL;
    options.is_root = true;
    options.cipher = cipher;
    options.key_source = &fi_command_key_source;
    if (open_asking(cli, &options, true, out, &err) != FIRN_OK) {
        return report_open(cli, &err);
    }
    fi_sqlitefile_hide_for(firn_workspace_store_path(*out));
    return FI_EXIT_OK;
}

static int
attempt_adopt(void *ctx, firn_error *err)
{
    return firn_workspace_adopt(ctx, NULL, err);
}

const char *
fi_task_workspace_adopt_hint(int code, const char *hint)
{
    return code == FIRN_EXISTS
               ? "two histories cannot be joined: delete one with firn workspaces remove"
               : hint;
}

int
fi_task_workspace_adopt(struct fi_cli *cli, firn_workspace *workspace, const char *hint)
{
    assert(workspace != NULL);
    firn_error err;
    int code = fi_task_patience_run(cli, attempt_adopt, workspace, &err);
    fi_term_meter_clear();
    return code == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(cli, &err, fi_task_workspace_adopt_hint(code, hint));
}

/* The answer of the user at the terminal; no if there is no terminal. */
static bool
is_to_be_adopted(const struct fi_cli *cli, const firn_workspace *workspace)
{
    assert(firn_workspace_moved_from(workspace) != NULL);
    if (!fi_command_report_may_prompt(cli)) {
        return false;
    }
    fi_command_report_line("%s is the directory that was saved as %s",
                           firn_workspace_root(workspace), firn_workspace_moved_from(workspace));
    return fi_command_report_prompt("keep its checkpoints here?");
}

/* Opens the workspace again where a setting, which can be read only once it is open, says to wait
 * for less or longer than the handle does. */
static int
obey_wait(const struct fi_cli *cli, firn_workspace_options *options, firn_workspace **workspace,
          firn_error *err)
{
    assert(*workspace != NULL);
    int64_t slice_ms = fi_task_patience_slice_ms(cli);
    if (slice_ms == options->lock_timeout_ms) {
        return FIRN_OK;
    }
    options->lock_timeout_ms = slice_ms;
    firn_workspace_close(*workspace);
    *workspace = NULL;
    return firn_workspace_open(cli->workspace_path != NULL ? cli->workspace_path : ".", options,
                               workspace, err);
}

/* may_ask: about stores that are not trusted, and histories of other directories. keys: the
 * source that the library asks for what opens the store; NULL: nobody is asked. */
static int
open_workspace(struct fi_cli *cli, bool may_ask, const firn_keys_source *keys, firn_workspace **out,
               int *out_code)
{
    firn_error err;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = cli->store_path;
    options.lock_timeout_ms = fi_task_patience_slice_ms(cli);
    options.copy_sqlite = fi_sqlitefile_copy;
    options.names_root = cli->directory != NULL && cli->workspace_path == NULL;
    options.key_source = keys;
    *out_code = open_asking(cli, &options, may_ask, out, &err);
    if (*out_code != FIRN_OK) {
        return report_open(cli, &err);
    }
    cli->workspace = *out;
    fi_sqlitefile_hide_for(firn_workspace_store_path(*out));
    fi_term_path_show_from(firn_workspace_subpath(*out));
    int exit_code = fi_task_settings_take(cli, *out);
    if (exit_code == FI_EXIT_OK) {
        *out_code = obey_wait(cli, &options, out, &err);
        exit_code = *out_code == FIRN_OK ? FI_EXIT_OK : report_open(cli, &err);
        cli->workspace = *out;
    }
    bool is_asked = may_ask && exit_code == FI_EXIT_OK && firn_workspace_moved_from(*out) != NULL;
    if (is_asked && is_to_be_adopted(cli, *out)) {
        exit_code = fi_task_workspace_adopt(cli, *out, NULL);
    }
    if (exit_code == FI_EXIT_OK) {
        fi_task_foreign_report(cli, firn_workspace_store_path(*out));
    } else {
        firn_workspace_close(*out);
        *out = NULL;
        cli->workspace = NULL;
    }
    return exit_code;
}

int
fi_task_workspace_open(struct fi_cli *cli, firn_workspace **out)
{
    int code;
    return open_workspace(cli, true, &fi_command_key_source, out, &code);
}

int
fi_task_workspace_open_unasked(struct fi_cli *cli, firn_workspace **out, bool *out_is_untrusted)
{
    int code;
    int exit_code = open_workspace(cli, false, NULL, out, &code);
    *out_is_untrusted = code == FIRN_UNTRUSTED;
    return exit_code;
}

int
fi_task_workspace_open_watched(struct fi_cli *cli, firn_workspace **out)
{
    int code;
    return open_workspace(cli, false, &fi_command_key_source, out, &code);
}

const char *
fi_task_workspace_unwanted(firn_workspace *workspace)
{
    const char *why = firn_workspace_too_broad(workspace);
    return why != NULL && firn_workspace_find(workspace, "latest", NULL, NULL) != FIRN_OK ? why
                                                                                          : NULL;
}

void
fi_task_workspace_report_unread(const firn_workspace *workspace)
{
    const char *store = firn_workspace_unread_store(workspace);
    if (store != NULL && fi_command_key_is_encrypted(store)) {
        fi_command_report_line("an encrypted store is locked, and may hold the history of this "
                               "directory, if that was moved: %s",
                               store);
        fi_command_report_more("hint", "firn key unlock THAT-STORE opens it; firn init --adopt "
                                       "then continues the history");
    } else if (store != NULL) {
        fi_command_report_line(
            "a store cannot be read, and may hold the history of this directory: %s", store);
        fi_command_report_more("hint",
                               "firn --store THAT-STORE repair makes it readable; if the directory "
                               "was moved, firn init --adopt then continues it");
    }
}

/* The part of an absolute path below `root`, or NULL. */
static const char *
below(const char *path, const char *root)
{
    assert(root[0] == '/');
    size_t size = strlen(root);
    while (size > 0 && root[size - 1] == '/') {
        size--;
    }
    if (strncmp(path, root, size) != 0 || (path[size] != '/' && path[size] != '\0')) {
        return NULL;
    }
    return path + size;
}

/* Appends the components of `path` to the first *size bytes of out; false if ".." leads above
 * them. */
static bool
task_workspace_normalize(const char *path, char *out, size_t *size)
{
    while (*path != '\0') {
        size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            if (*size == 0) {
                return false;
            }
            while (*size > 0 && out[*size - 1] != '/') {
                *size -= 1;
            }
            *size -= *size > 0;
        } else if (part > 0 && !(part == 1 && *path == '.')) {
            if (*size > 0) {
                out[(*size)++] = '/';
            }
            memcpy(out + *size, path, part);
            *size += part;
        }
        path += part + (path[part] == '/');
    }
    return true;
}

int
fi_task_workspace_path(const struct fi_cli *cli, const firn_workspace *workspace, const char *path,
                       firn_slice *out)
{
    const char *inside = path;
    const char *base = firn_workspace_subpath(workspace);
    if (path[0] == '/') {
        const char *typed = cli->workspace_path != NULL ? cli->workspace_path : getenv("PWD");
        inside = typed != NULL && typed[0] == '/' ? below(path, typed) : NULL;
        if (inside == NULL) {
            inside = below(path, firn_workspace_root(workspace));
            base = "";
        }
    }
    size_t size = 0;
    char *bytes = malloc(strlen(base) + 1 + strlen(path) + 1);
    if (bytes == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (path[0] == '\0' || inside == NULL || !task_workspace_normalize(base, bytes, &size) ||
        !task_workspace_normalize(inside, bytes, &size)) {
        free(bytes);
        return FIRN_INVALID;
    }
    *out = firn_bytes(bytes, size);
    return FIRN_OK;
}

static int
take_path(struct fi_cli *cli, const firn_workspace *workspace, const char *path, firn_slice *out)
{
    int code = fi_task_workspace_path(cli, workspace, path, out);
    if (code == FIRN_NO_MEMORY) {
        return fi_command_report_no_memory(cli);
    }
    return code == FIRN_OK ? FI_EXIT_OK
                           : fi_command_misused(cli, "'%s' is not a path inside the workspace %s",
                                                path, firn_workspace_root(workspace));
}

int
fi_task_workspace_paths_init(struct fi_cli *cli, const firn_workspace *workspace, int first,
                             struct fi_task_workspace_paths *out)
{
    assert(first >= 0);
    out->slices = NULL;
    out->count = 0;
    if (first >= cli->argument_count) {
        return FI_EXIT_OK;
    }
    out->slices = calloc((size_t)(cli->argument_count - first), sizeof(firn_slice));
    if (out->slices == NULL) {
        return fi_command_report_no_memory(cli);
    }
    bool is_all = false;
    for (int i = first; i < cli->argument_count; i++) {
        int exit_code = take_path(cli, workspace, cli->arguments[i], &out->slices[out->count]);
        if (exit_code != FI_EXIT_OK) {
            fi_task_workspace_paths_deinit(out);
            return exit_code;
        }
        is_all = is_all || out->slices[out->count].size == 0;
        out->count++;
    }
    if (is_all) {
        fi_task_workspace_paths_deinit(out);
    }
    return FI_EXIT_OK;
}

void
fi_task_workspace_paths_deinit(struct fi_task_workspace_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        free((void *)(uintptr_t)paths->slices[i].data);
    }
    free(paths->slices);
    paths->slices = NULL;
    paths->count = 0;
}

/* ---- checkpoints and paths ---- */

static int
take_nothing(void *ctx, firn_slice bytes, firn_error *err)
{
    (void)ctx;
    (void)bytes;
    (void)err;
    return FIRN_CANCELLED;
}

bool
fi_task_workspace_is_path(struct fi_cli *cli, firn_workspace *workspace, const char *word)
{
    struct stat status;
    if (lstat(word, &status) == 0) {
        return true;
    }
    firn_slice path;
    if (fi_task_workspace_path(cli, workspace, word, &path) != FIRN_OK) {
        return false;
    }
    int code = firn_workspace_cat(workspace, "latest", path, take_nothing, NULL, NULL, NULL);
    free((void *)(uintptr_t)path.data);
    return code != FIRN_NOT_FOUND && code != FIRN_NO_MEMORY;
}

/* Takes the turn that the first word names, unless it is a path. Returns an exit code. */
static int
take_turn(struct fi_cli *cli, firn_workspace *workspace, const char *word, int most,
          struct fi_task_workspace_references *out)
{
    firn_error err;
    struct fi_task_turn *turn = &out->turn;
    int code = fi_task_turn_look(workspace, word, turn, &err);
    if (code == FIRN_NOT_FOUND && fi_task_workspace_is_path(cli, workspace, word)) {
        return FI_EXIT_OK;
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_task_turn_hint(code));
    }
    out->first = turn->last->id;
    if (most == 2) {
        out->first = turn->first[0] != '\0' ? turn->first : NULL;
        out->second = turn->last->id;
    }
    out->words = 1;
    return FI_EXIT_OK;
}

int
fi_task_workspace_references_init(struct fi_cli *cli, firn_workspace *workspace, int from, int most,
                                  struct fi_task_workspace_references *out)
{
    static const char latest[] = "latest";
    assert(from >= 0 && most >= 1 && most <= 2);
    *out = (struct fi_task_workspace_references){0};
    FI_TRY_RETURN(fi_task_colon_split(cli, workspace, from, most));
    const int given = cli->arguments_before_dashes - from;
    if (given > 0 && fi_task_turn_is_name(cli->arguments[from])) {
        return take_turn(cli, workspace, cli->arguments[from], most, out);
    }
    for (; out->words < given && out->words < most; out->words++) {
        const char *word = cli->arguments[from + out->words];
        if (!is_reference(workspace, word) && fi_task_workspace_is_path(cli, workspace, word)) {
            return FI_EXIT_OK;
        }
        if (out->words == 0 && most == 2 && !fi_task_workspace_range_init(word, &out->range)) {
            return fi_command_report_no_memory(cli);
        }
        if (out->words == 0 && out->range.memory != NULL && !is_reference(workspace, word)) {
            out->first = out->range.first != NULL ? out->range.first : latest;
            out->second = out->range.second != NULL ? out->range.second : latest;
            out->words = 1;
            return FI_EXIT_OK;
        }
        *(out->words == 0 ? &out->first : &out->second) = word;
    }
    return FI_EXIT_OK;
}
