/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_settings.c: the settings of firn config, as commands use them.
 *
 * Commands that only read use only the settings that say what a save would leave out. Commands that
 * write use them all, and must not fail because of them: users need a restore when things have gone
 * wrong, and agents save at every turn. An unreadable file of settings counts as empty. It is
 * reported on standard error with its line, and in the notices of --json. Meanwhile the library
 * lets nothing expire.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

enum { FILES = 2, PATH_SIZE = 4096 };

struct unread {
    char path[PATH_SIZE];
    char text[FIRN_ERROR_TEXT_SIZE];
};

static struct unread kept[FILES];
static size_t kept_count;

struct taking {
    firn_workspace *workspace;
    struct fi_cli *cli;                  /* of a command that writes */
    struct fi_task_settings_today today; /* of one that compares */
};

int
fi_task_settings_set(struct fi_command_settings *settings, const firn_config_setting *setting)
{
    assert(setting->key != NULL && setting->value != NULL);
    bool is_true = strcmp(setting->value, "true") == 0;
    if (strcmp(setting->key, "keep") == 0) {
        (void)snprintf(settings->keep, sizeof(settings->keep), "%s", setting->value);
    } else if (strcmp(setting->key, "push.auto") == 0) {
        bool is_off = strcmp(setting->value, "false") == 0;
        (void)snprintf(settings->push, sizeof(settings->push), "%s", is_off ? "" : setting->value);
    } else if (strcmp(setting->key, "save.git") == 0) {
        settings->no_git = !is_true;
    } else if (strcmp(setting->key, "save.gitignore") == 0) {
        settings->gitignore = is_true;
    } else if (strcmp(setting->key, "save.include-deps") == 0) {
        settings->include_deps = is_true;
    } else if (strcmp(setting->key, "save.strict") == 0) {
        settings->strict = is_true;
    } else if (strcmp(setting->key, "save.max-file-size") == 0) {
        return firn_config_size(setting->value, &settings->max_file_size, NULL);
    } else if (strcmp(setting->key, "save.warn-size") == 0) {
        return firn_config_size(setting->value, &settings->warn_size, NULL);
    }
    return FIRN_OK;
}

static int
take_setting(void *ctx, const firn_config_setting *setting)
{
    struct taking *taking = ctx;
    struct fi_cli *cli = taking->cli;
    uint64_t seconds;
    if (strcmp(setting->key, "wait") == 0 && !cli->has_wait &&
        fi_command_number(setting->value, INT32_MAX, &seconds)) {
        cli->wait_ms = (int64_t)seconds * 1000;
    }
    return fi_task_settings_set(&cli->settings, setting);
}

/* Whether the file is that of the store, and not of the user. */
static bool
is_of_store(const firn_workspace *workspace, firn_slice path)
{
    const char *store = workspace == NULL ? "" : firn_workspace_store_path(workspace);
    size_t size = strlen(store);
    return size > 0 && path.size > size && memcmp(path.data, store, size) == 0 &&
           path.data[size] == '/' &&
           memchr(path.data + size + 1, '/', path.size - size - 1) == NULL;
}

void
fi_task_settings_report(const firn_workspace *workspace, const firn_notice *notice)
{
    fi_command_report_path("settings", notice->path, notice->text);
    bool says_what_to_do = strstr(notice->text, "firn trust") != NULL;
    fi_command_report_more(
        "hint",
        says_what_to_do ? "until then nothing in it counts, and nothing expires"
        : is_of_store(workspace, notice->path)
            ? "until it is corrected nothing in it counts, and nothing expires; firn config "
              "KEY VALUE corrects lines that cannot be read"
            : "until it is corrected nothing in it counts, and nothing expires; firn config "
              "--user KEY VALUE corrects lines that cannot be read");
}

/* Keeps a notice for fi_task_settings_unread; there are two files. */
static void
task_settings_keep(const firn_notice *notice)
{
    assert(kept_count <= FILES && notice->text != NULL);
    if (kept_count < FILES) {
        struct unread *unread = &kept[kept_count++];
        (void)snprintf(unread->path, sizeof(unread->path), "%.*s", (int)notice->path.size,
                       (const char *)notice->path.data);
        (void)snprintf(unread->text, sizeof(unread->text), "%s", notice->text);
    }
}

void
fi_task_settings_unread(void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx)
{
    for (size_t i = 0; i < kept_count; i++) {
        const firn_notice notice = {
            .kind = FIRN_NOTICE_SETTINGS, .path = firn_str(kept[i].path), .text = kept[i].text};
        on_notice(ctx, &notice);
    }
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    const struct taking *taking = ctx;
    task_settings_keep(notice);
    fi_task_settings_report(taking->workspace, notice);
}

static bool
is_without_settings(const struct fi_cli *cli)
{
    for (const struct fi_command_option *option = cli->command->options;
         option != NULL && option->name != NULL; option++) {
        if (strcmp(option->name, "no-config") == 0) {
            return fi_command_has(cli, option->name);
        }
    }
    return false;
}

/* How results are shown: what the command line does not say. */
static int
take_inspect(void *ctx, const firn_config_setting *setting)
{
    const struct fi_cli *cli = ctx;
    if (strcmp(setting->key, "ui.color") == 0 && cli->colour == NULL) {
        (void)fi_term_colour_choose(setting->value);
    }
    fi_command_pager_obey(setting);
    return FIRN_OK;
}

int
fi_task_settings_take(struct fi_cli *cli, firn_workspace *workspace)
{
    assert(cli->command != NULL);
    firn_error err;
    struct taking taking = {.workspace = workspace, .cli = cli};
    kept_count = 0;
    if ((cli->command->uses & (FI_COMMAND_USES_COLOUR | FI_COMMAND_USES_PAGER)) != 0 &&
        !cli->json &&
        firn_config_list_readable(workspace, take_inspect, NULL, cli, &err) == FIRN_NO_MEMORY) {
        return fi_command_report_no_memory(cli);
    }
    if ((cli->command->uses & FI_COMMAND_USES_LOCK) == 0 || is_without_settings(cli) ||
        firn_config_list_readable(workspace, take_setting, on_notice, &taking, &err) == FIRN_OK) {
        return FI_EXIT_OK;
    }
    return fi_command_report_failure(cli, &err, NULL);
}

void
fi_task_settings_save(const struct fi_command_settings *settings, firn_workspace_save_options *out)
{
    assert(out->size > 0); /* initialised */
    out->include_deps = settings->include_deps;
    out->gitignore = settings->gitignore;
    out->without_git = settings->no_git;
    out->strict = settings->strict;
    out->file_size_max = settings->max_file_size;
    out->keep = settings->keep[0] != '\0' ? settings->keep : NULL;
}

static int
inspect_setting(void *ctx, const firn_config_setting *setting)
{
    struct fi_task_settings_today *today = &((struct taking *)ctx)->today;
    if (strcmp(setting->key, "save.max-file-size") == 0) {
        return firn_config_size(setting->value, &today->file_size_max, NULL);
    }
    if (strcmp(setting->key, "save.gitignore") == 0) {
        today->gitignore = strcmp(setting->value, "true") == 0;
    } else if (strcmp(setting->key, "save.git") == 0) {
        today->without_git = strcmp(setting->value, "true") != 0;
    }
    return FIRN_OK;
}

struct fi_task_settings_today
fi_task_settings_inspect(firn_workspace *workspace, bool tells)
{
    struct taking taking = {.workspace = workspace};
    firn_error err;
    if (firn_config_list_readable(workspace, inspect_setting, tells ? on_notice : NULL, &taking,
                                  &err) != FIRN_OK) {
        taking.today = (struct fi_task_settings_today){false, false, 0};
    }
    return taking.today;
}
