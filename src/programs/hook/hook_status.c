/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_status.c: firn hook status, and what is still to be done after firn hook install.
 *
 * Hooks in a file do not run by themselves. An agent must find firn in its PATH; it reads the
 * settings of the directory in which it is started, not of one below; and some run the hooks of a
 * project only once their user has trusted them, which is recorded in their own files and not
 * looked for here. What shows that hooks run is a turn that they saved.
 */
#include "hook/hook_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

bool
fi_hook_status_is_in_path(void)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        char program[PATH_MAX];
        const size_t size = strcspn(at, ":");
        int length = snprintf(program, sizeof(program), "%.*s/firn", (int)size, at);
        if (size > 0 && length > 0 && (size_t)length < sizeof(program) &&
            access(program, X_OK) == 0) {
            return true;
        }
        at += size + (at[size] == ':' ? 1 : 0);
    }
    return false;
}

/* The nearest directory above that has a repository, where this one has none. */
static bool
find_project_above(const char *directory, char out[PATH_MAX])
{
    char probe[PATH_MAX + 8];
    (void)snprintf(probe, sizeof(probe), "%s/.git", directory);
    if (strlen(directory) >= PATH_MAX || access(probe, F_OK) == 0) {
        return false;
    }
    (void)snprintf(out, PATH_MAX, "%s", directory);
    for (char *slash; (slash = strrchr(out, '/')) != NULL && slash != out;) {
        *slash = '\0';
        (void)snprintf(probe, sizeof(probe), "%s/.git", out);
        if (access(probe, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

void
fi_hook_status_report_rest(const struct fi_hook_agent *agent, const char *directory,
                           const char *root)
{
    char above[PATH_MAX];
    if (!fi_hook_status_is_in_path()) {
        fi_term_out_format("still to do: %s has to find firn in its PATH: put it, or a link to "
                           "it, in a directory of PATH\n",
                           agent->title);
    }
    const bool is_in_repository = directory != NULL && find_project_above(directory, above);
    if (is_in_repository || (directory != NULL && root != NULL)) {
        fi_term_out_format("still to do: %s reads this file only if it is started in this "
                           "directory%s; the %s begins at ",
                           agent->title, is_in_repository && agent->looks_up ? " or below it" : "",
                           is_in_repository ? "repository" : "workspace");
        fi_term_text_escape(firn_str(is_in_repository ? above : root), fi_term_out_write);
        fi_term_out_text("\n");
    }
    if (directory != NULL && agent->wants != NULL) {
        fi_term_out_format("still to do: %s\n", agent->wants);
    }
}

/* ---- status ---- */

struct last {
    const struct fi_hook_agent *agent;
    int64_t time_ns; /* 0: none */
};

static int
find_last(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct last *last = ctx;
    const firn_slice agent = checkpoint->turn.agent;
    if (agent.size != strlen(last->agent->title) ||
        memcmp(agent.data, last->agent->title, agent.size) != 0) {
        return FIRN_OK;
    }
    last->time_ns = checkpoint->created_ns;
    return FIRN_CANCELLED;
}

/* Whether the hooks are in the current directory, below the root. */
static bool
is_below(firn_workspace *workspace, const struct fi_hook_agent *agent, char here[PATH_MAX])
{
    return !fi_hook_agent_is_in(firn_workspace_root(workspace), agent, false) &&
           firn_workspace_subpath(workspace)[0] != '\0' && getcwd(here, PATH_MAX) != NULL &&
           fi_hook_agent_is_in(here, agent, false);
}

bool
fi_hook_status_look(firn_workspace *workspace, unsigned index, struct fi_hook_status *out)
{
    const struct fi_hook_agent *agent = fi_hook_agent_at(index);
    const char *home = getenv("HOME");
    char here[PATH_MAX];
    struct last last = {agent, 0};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    if (agent == NULL) {
        return false;
    }
    int code = firn_workspace_list(workspace, &options, find_last, &last, NULL);
    if (code != FIRN_OK && code != FIRN_CANCELLED) {
        last.time_ns = 0;
    }
    *out = (struct fi_hook_status){
        .name = agent->name,
        .title = agent->title,
        .is_in_project = fi_hook_agent_is_in(firn_workspace_root(workspace), agent, false) ||
                         is_below(workspace, agent, here),
        .is_in_home = home != NULL && home[0] == '/' && fi_hook_agent_is_in(home, agent, true),
        .last_ns = last.time_ns};
    return true;
}

static void
report_agent(firn_workspace *workspace, const struct fi_hook_agent *agent,
             const struct fi_hook_status *status, uint64_t *told)
{
    char here[PATH_MAX];
    char time[FI_TERM_TEXT_TIME_SIZE];
    fi_term_json_object(NULL);
    fi_term_json_string("agent", status->name);
    fi_term_json_bool("project", status->is_in_project);
    fi_term_json_bool("user", status->is_in_home);
    fi_term_json_time_if("last", status->last_ns, status->last_ns != 0);
    fi_term_json_end();
    if (!status->is_in_project && !status->is_in_home && status->last_ns == 0) {
        return;
    }
    ++*told;
    fi_term_out_format("%-8s  %s", status->name,
                       status->is_in_project ? agent->file
                       : status->is_in_home  ? "for all projects, in the home"
                                             : "not installed");
    if (status->last_ns != 0) {
        fi_term_out_format("; last turn saved %s\n", fi_term_text_time(status->last_ns, time));
    } else {
        fi_term_out_text("; no turn was saved yet\n");
    }
    if (status->last_ns == 0 && status->is_in_project) {
        const char *root = firn_workspace_root(workspace);
        const bool below = is_below(workspace, agent, here);
        fi_hook_status_report_rest(agent, below ? here : root, below ? root : NULL);
    }
}

static int
run_status(struct fi_cli *cli)
{
    firn_workspace *workspace = NULL;
    FI_TRY_RETURN(fi_task_workspace_open(cli, &workspace));
    struct fi_hook_status status;
    uint64_t told = 0;
    fi_term_json_bool("in_path", fi_hook_status_is_in_path());
    fi_term_json_array("agents");
    for (unsigned i = 0; fi_hook_status_look(workspace, i, &status); i++) {
        report_agent(workspace, fi_hook_agent_at(i), &status, &told);
    }
    fi_term_json_end();
    if (told == 0 && !cli->quiet) {
        fi_term_out_text("no agent has firn's hooks here: firn hook install AGENT\n");
    }
    firn_workspace_close(workspace);
    return FI_EXIT_OK;
}

static const struct fi_command_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn hook status", "show which agents save their turns here"},
    {NULL, NULL},
};

const struct fi_command fi_hook_status = {
    .name = "status",
    .summary = "Show which agents have the hooks, and whether they run",
    .arguments = "",
    .options = no_options,
    .help = "Prints a line for each agent that has firn's hooks, in this project or for all\n"
            "projects, or whose turns were saved: the file, and when its last turn was saved\n"
            "that changed something. Where none was saved yet, it says what may be missing:\n"
            "firn in the agent's PATH, trust in the agent, or another directory. A directory\n"
            "of the workspace may have hooks of its own; in it they are shown.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_status,
};
