/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_remote.c: words that name a remote, or one of its lines.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"

struct search {
    const char *name; /* NULL: any */
    size_t size;
    bool has_found;
};

static int
find_remote(void *ctx, const firn_remote_info *remote)
{
    struct search *search = ctx;
    bool is_it = search->name == NULL || (strlen(remote->name) == search->size &&
                                          memcmp(remote->name, search->name, search->size) == 0);
    search->has_found = search->has_found || is_it;
    return FIRN_OK;
}

static bool
task_remote_find(firn_workspace *workspace, const char *name, size_t size)
{
    assert(workspace != NULL);
    struct search search = {name, size, false};
    int code = firn_remote_list(workspace, find_remote, &search, NULL);
    return code == FIRN_OK && search.has_found;
}

bool
fi_task_remote_has(firn_workspace *workspace, const char *name)
{
    return task_remote_find(workspace, name, name != NULL ? strlen(name) : 0);
}

struct usual {
    char *name;
    unsigned count;
};

static int
find_usual(void *ctx, const firn_remote_info *remote)
{
    struct usual *usual = ctx;
    if (usual->count++ == 0 || strcmp(remote->name, "origin") == 0) {
        (void)snprintf(usual->name, FI_COMMAND_REMOTE_SIZE, "%s", remote->name);
    }
    return FIRN_OK;
}

bool
fi_task_remote_usual(firn_workspace *workspace, char out[FI_COMMAND_REMOTE_SIZE])
{
    struct usual usual = {out, 0};
    out[0] = '\0';
    if (firn_remote_list(workspace, find_usual, &usual, NULL) != FIRN_OK ||
        (usual.count > 1 && strcmp(out, "origin") != 0)) {
        out[0] = '\0';
    }
    return out[0] != '\0';
}

bool
fi_task_remote_is_meant(firn_workspace *workspace, const char *word)
{
    return word[0] != '\0' && task_remote_find(workspace, word, strcspn(word, "/"));
}

void
fi_task_remote_print_name(firn_workspace *workspace, const char *reference,
                          const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    const char *slash = reference != NULL ? strrchr(reference, '/') : NULL;
    if (slash != NULL && fi_task_remote_is_meant(workspace, reference)) {
        fi_term_text_escape(firn_bytes(reference, (size_t)(slash + 1 - reference)),
                            fi_term_out_write);
    }
    fi_term_out_text(fi_show_checkpoint_name(checkpoint, name));
}

/* ---- what is not here ---- */

bool
fi_task_remote_is_away(firn_workspace *workspace, const char *reference,
                       char name[FIRN_REMOTE_NAME_SIZE_MAX + 1], const char **out_rest)
{
    const size_t size = strcspn(reference, "/");
    if (size == 0 || size > FIRN_REMOTE_NAME_SIZE_MAX || reference[size] == '\0' ||
        reference[size + 1] == '\0' || !task_remote_find(workspace, reference, size) ||
        firn_workspace_find(workspace, reference, NULL, NULL) != FIRN_NOT_FOUND) {
        return false;
    }
    memcpy(name, reference, size);
    name[size] = '\0';
    *out_rest = reference + size + 1;
    return true;
}

struct bringing {
    firn_workspace *workspace;
    const char *remote;
    firn_pull_options options;
    firn_pull_result result;
};

static int
attempt_bring(void *ctx, firn_error *err)
{
    struct bringing *bringing = ctx;
    fi_task_notices_again(bringing->options.callbacks.ctx);
    return firn_workspace_pull(bringing->workspace, bringing->remote, &bringing->options,
                               &bringing->result, err);
}

static void
show_brought(const struct fi_cli *cli, const struct bringing *bringing)
{
    const firn_pull_result *result = &bringing->result;
    char size[FI_TERM_TEXT_SIZE_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_object("pulled");
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("requests", result->requests);
    fi_term_json_end();
    if (!cli->quiet) {
        fi_term_out_text("pulled ");
        fi_term_text_escape(firn_str(bringing->remote), fi_term_out_write);
        fi_term_out_text("/");
        fi_term_text_escape(firn_str(bringing->options.reference), fi_term_out_write);
        fi_term_out_format(", %s in %s %s\n", fi_term_text_size(result->bytes, size),
                           fi_term_text_number(result->requests, number),
                           fi_term_text_plural(result->requests, "request", "requests"));
    }
}

int
fi_task_remote_bring(struct fi_cli *cli, firn_workspace *workspace, const char *reference)
{
    char name[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    struct bringing bringing = {.workspace = workspace,
                                .remote = name,
                                .options = FIRN_PULL_OPTIONS_INIT,
                                .result = FIRN_PULL_RESULT_INIT};
    struct fi_task_notices notices;
    firn_error err;
    int exit_code = FI_EXIT_OK;
    if (!fi_task_remote_is_away(workspace, reference, name, &bringing.options.reference)) {
        return FI_EXIT_OK;
    }
    fi_task_notices_init(&notices, cli);
    bringing.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_bring, &bringing, &err);
    fi_term_meter_clear();
    if (code == FIRN_OK) {
        show_brought(cli, &bringing);
    } else {
        exit_code = fi_command_report_failure(cli, &err, fi_task_remote_away_hint(code));
    }
    fi_task_notices_deinit(&notices);
    return exit_code;
}

const char *
fi_task_remote_away_hint(int code)
{
    switch (code) {
    case FIRN_NOT_FOUND:
        return "firn remote log shows what was pushed, if the remote can be reached";
    case FIRN_IO:
        return "run this again when the storage can be reached";
    case FIRN_UNTRUSTED:
        return "firn --store STORE remote list shows the remotes; if they are yours: firn trust "
               "STORE";
    case FIRN_CORRUPT:
        return "firn check --remote says what the remote has lost";
    default:
        return NULL;
    }
}
