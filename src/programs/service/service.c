/* SPDX-License-Identifier: Apache-2.0
 *
 * service/service.c: firn watch --all.
 *
 * For each workspace it runs `firn -C ROOT watch --quiet`, a process of its own: what goes wrong in
 * one store ends one watch, and the pages of the program are shared. Once a minute it lists the
 * workspaces again, and starts and ends watches accordingly.
 *
 * Which workspaces: those with checkpoints that firn workspaces lists, and those whose own store
 * this user has made or trusts. So nothing is watched because of what somebody else put into a
 * directory.
 *
 * A watch that ends by itself is started again after a pause, because another process may watch
 * the workspace, or its store may need a key. One that was told to stop (firn watch --stop) stays
 * away until this process is started anew. While the machine runs on its battery, none runs.
 */
#include "service/service.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

#define POWER "/sys/class/power_supply"
enum { KEPT_MAX = 4096, LIST_S = 60, LOOK_S = 5, AGAIN_S = 600, BUSY_AGAIN_S = 60 };

/* A workspace. */
struct kept {
    char *root;
    pid_t pid;      /* of its watch; 0: none runs */
    int64_t due_s;  /* when the next one may be started */
    bool is_listed; /* by the list that was made last */
    bool is_ending; /* its watch was told to end by this process */
    bool was_told;  /* somebody else told the watch to stop */
};

struct service {
    struct fi_cli *cli;
    struct kept *kept;
    size_t count;
    size_t capacity;
    int nothing;    /* /dev/null */
    bool is_paused; /* the machine runs on its battery */
    char program[PATH_MAX];
};

static int64_t
now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

/* ---- which workspaces ---- */

static int
add_root(struct service *service, const char *root)
{
    for (size_t i = 0; i < service->count; i++) {
        if (strcmp(service->kept[i].root, root) == 0) {
            service->kept[i].is_listed = true;
            return FIRN_OK;
        }
    }
    if (service->count == KEPT_MAX) {
        return FIRN_OK;
    }
    if (service->count == service->capacity) {
        const size_t capacity = service->capacity == 0 ? 16 : service->capacity * 2;
        struct kept *grown = realloc(service->kept, capacity * sizeof(*grown));
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        service->kept = grown;
        service->capacity = capacity;
    }
    char *copy = strdup(root);
    if (copy == NULL) {
        return FIRN_NO_MEMORY;
    }
    service->kept[service->count++] = (struct kept){.root = copy, .is_listed = true};
    return FIRN_OK;
}

static int
add_workspace(void *ctx, const firn_workspace_info *info)
{
    const bool is_wanted = info->damage == NULL && info->is_there && info->checkpoints > 0;
    return is_wanted ? add_root(ctx, info->root) : FIRN_OK;
}

static int
add_inside(void *ctx, const firn_trust_info *info)
{
    const bool is_wanted = info->unread_path == NULL && info->is_trusted && info->is_there;
    return is_wanted ? add_root(ctx, info->root) : FIRN_OK;
}

/* Marks what is listed now, up to KEPT_MAX workspaces. A list that fails leaves everything as it
 * is. */
static int
list_all(struct service *service, firn_error *err)
{
    for (size_t i = 0; i < service->count; i++) {
        service->kept[i].is_listed = false;
    }
    int code = firn_workspaces_list(service->cli->store_path, add_workspace, service, err);
    if (code == FIRN_OK && service->cli->store_path == NULL) {
        code = firn_trust_list(add_inside, service, err);
    }
    for (size_t i = 0; code != FIRN_OK && i < service->count; i++) {
        service->kept[i].is_listed = true;
    }
    return code;
}

static void
service_deinit(struct service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        free(service->kept[i].root);
    }
    free(service->kept);
    if (service->nothing >= 0) {
        (void)close(service->nothing);
    }
}

/* ---- their watches ---- */

static void
tell(const struct service *service, const char *what, const char *root)
{
    if (!service->cli->quiet) {
        fi_term_out_format("%s ", what);
        fi_term_text_escape(firn_str(root), fi_term_out_write);
        fi_term_out_text("\n");
        fi_term_out_flush();
    }
}

static void
start_watch(struct service *service, struct kept *kept)
{
    const char *store = service->cli->store_path;
    const char *words[] = {service->program, "-C",  kept->root, "watch", "--quiet",
                           "--wait",         "600", "--store",  store,   NULL};
    words[7] = store != NULL ? words[7] : NULL;
    const int error = fi_term_spawn((char *const *)(uintptr_t)words, service->nothing,
                                    service->nothing, &kept->pid);
    kept->is_ending = false;
    if (error != 0) {
        kept->pid = 0;
        kept->due_s = now_s() + AGAIN_S;
        fi_command_report_path("not watched", firn_str(kept->root), strerror(error));
    } else {
        tell(service, "watching", kept->root);
    }
}

static void
end_watch(struct kept *kept)
{
    if (kept->pid != 0 && !kept->is_ending) {
        kept->is_ending = true;
        (void)kill(kept->pid, SIGTERM);
    }
}

/* One that has ended, for whatever reason. */
static void
note_end(struct service *service, struct kept *kept, int status)
{
    const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : FI_EXIT_FAILED;
    const bool is_busy = exit_code == FI_EXIT_LOCKED; /* another process watches it */
    kept->pid = 0;
    kept->due_s = kept->is_ending ? 0 : now_s() + (is_busy ? BUSY_AGAIN_S : AGAIN_S);
    kept->was_told = !kept->is_ending && exit_code == FI_EXIT_OK && WIFEXITED(status);
    if (!kept->is_ending && !is_busy) { /* it has said why itself */
        tell(service, kept->was_told ? "told to stop:" : "not watched for now:", kept->root);
    }
}

static void
look_for_ends(struct service *service)
{
    int status;
    for (size_t i = 0; i < service->count; i++) {
        struct kept *kept = &service->kept[i];
        if (kept->pid != 0 && waitpid(kept->pid, &status, WNOHANG) == kept->pid) {
            note_end(service, kept, status);
        }
    }
}

/* Starts and ends watches, so that those run that should. */
static void
adjust(struct service *service)
{
    const int64_t now = now_s();
    for (size_t i = 0; i < service->count; i++) {
        struct kept *kept = &service->kept[i];
        if (!kept->is_listed || service->is_paused) {
            end_watch(kept);
        } else if (kept->pid == 0 && !kept->was_told && now >= kept->due_s) {
            start_watch(service, kept);
        }
    }
}

static void
pause_on_battery(struct service *service, bool on_battery)
{
    const bool is_paused = !on_battery && fi_service_power_is_battery(POWER);
    if (is_paused != service->is_paused && !service->cli->quiet) {
        fi_term_out_text(is_paused ? "on battery: nothing is watched until the mains are back\n"
                                   : "the mains are back\n");
        fi_term_out_flush();
    }
    service->is_paused = is_paused;
}

/* All watches end as after Ctrl-C: what has changed since the last save stays for the next. */
static void
end_all(struct service *service)
{
    int status;
    for (size_t i = 0; i < service->count; i++) {
        end_watch(&service->kept[i]);
    }
    for (size_t i = 0; i < service->count; i++) {
        struct kept *kept = &service->kept[i];
        while (kept->pid != 0 && waitpid(kept->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
}

static int
keep_watching(struct service *service, bool on_battery, firn_error *err)
{
    int64_t list_s = 0;
    int code = FIRN_OK;
    while (fi_term_signals_caught() == 0 && fi_term_out_error() == 0) {
        if (now_s() >= list_s) {
            code = list_all(service, err);
            if (list_s == 0 && code != FIRN_OK) {
                return code; /* of the first one; later ones are made again */
            }
            list_s = now_s() + LIST_S;
        }
        pause_on_battery(service, on_battery);
        look_for_ends(service);
        adjust(service);
        (void)sleep(LOOK_S); /* a signal ends it */
    }
    return FIRN_OK;
}

int
fi_service_run(struct fi_cli *cli, bool on_battery)
{
    struct service service = {.cli = cli, .nothing = open("/dev/null", O_RDWR | O_CLOEXEC)};
    firn_error err;
    const ssize_t size = readlink("/proc/self/exe", service.program, sizeof(service.program) - 1);
    if (size <= 0) {
        (void)snprintf(service.program, sizeof(service.program), "firn");
    }
    int code = keep_watching(&service, on_battery, &err);
    end_all(&service);
    service_deinit(&service);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    return fi_term_signals_caught() != 0 ? FI_EXIT_SIGNAL + fi_term_signals_caught() : FI_EXIT_OK;
}

/* ---- which are watched ---- */

static void
show_one(const struct fi_cli *cli, const char *root)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_watch_info info = FIRN_WORKSPACE_WATCH_INFO_INIT;
    firn_workspace *workspace;
    options.store_path = cli->store_path;
    if (firn_workspace_open(root, &options, &workspace, NULL) == FIRN_OK) {
        if (firn_workspace_watch_look(workspace, &info, NULL) != FIRN_OK) {
            info.process = 0;
        }
        firn_workspace_close(workspace);
    }
    fi_term_json_object(NULL);
    fi_term_json_bytes("root", firn_str(root));
    if (info.process != 0) {
        fi_term_json_u64("process", info.process);
        fi_term_out_format("%8llu  ", (unsigned long long)info.process);
    } else {
        fi_term_json_null("process");
        fi_term_out_text("       -  ");
    }
    fi_term_json_end();
    fi_term_text_escape(firn_str(root), fi_term_out_write);
    fi_term_out_text("\n");
}

int
fi_service_show(struct fi_cli *cli)
{
    struct service service = {.cli = cli, .nothing = -1};
    firn_error err;
    int code = list_all(&service, &err);
    int exit_code = FI_EXIT_OK;
    fi_term_json_array("workspaces");
    for (size_t i = 0; code == FIRN_OK && i < service.count; i++) {
        show_one(cli, service.kept[i].root);
    }
    fi_term_json_end();
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else if (service.count == 0 && !cli->quiet) {
        fi_term_out_text("no workspaces\n");
    }
    service_deinit(&service);
    return exit_code;
}
