/* SPDX-License-Identifier: Apache-2.0
 *
 * service/service_install.c: the unit of systemd that runs firn watch --all for this user.
 *
 * It is written into ~/.config/systemd/user, or below XDG_CONFIG_HOME. Whether systemd runs there
 * is for systemctl to say: without it the unit waits for the next login, or for another service
 * manager.
 */
#include "service/service.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

#define UNIT "firn-watch.service"

/* What has a meaning in a unit is written twice, or after a backslash. packaging/firn-watch.service
 * is the same for a program in /usr/bin. */
static int
put_unit(struct fi_task_file *file, const char *program, firn_error *err)
{
    char text[2 * PATH_MAX + 512];
    char quoted[2 * PATH_MAX];
    size_t size = 0;
    for (const char *at = program; *at != '\0' && size + 2 < sizeof(quoted); at++) {
        if (*at == '%' || *at == '"' || *at == '\\' || *at == '$') {
            const bool is_doubled = *at == '%' || *at == '$';
            quoted[size++] = (char)(is_doubled ? *at : '\\');
        }
        quoted[size++] = *at;
    }
    quoted[size] = '\0';
    (void)snprintf(text, sizeof(text),
                   "[Unit]\n"
                   "Description=firn: checkpoints of every workspace\n"
                   "Documentation=man:firn-watch(1)\n"
                   "\n"
                   "[Service]\n"
                   "ExecStart=\"%s\" watch --all --quiet\n"
                   "SuccessExitStatus=130 143\n"
                   "Restart=on-failure\n"
                   "Nice=10\n"
                   "\n"
                   "[Install]\n"
                   "WantedBy=default.target\n",
                   quoted);
    return fi_task_file_write(file, firn_str(text), err);
}

/* The directory of the unit, made if it is missing. */
static int
find_directory(bool makes, char out[PATH_MAX], firn_error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    const bool is_config = config != NULL && config[0] == '/';
    if (!is_config && (home == NULL || home[0] != '/')) {
        err->code = FIRN_NOT_FOUND;
        (void)snprintf(err->text, sizeof(err->text), "HOME is not set");
        return FIRN_NOT_FOUND;
    }
    const int length = snprintf(out, PATH_MAX, "%s%s/systemd/user/", is_config ? config : home,
                                is_config ? "" : "/.config");
    for (char *slash = out; makes && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        const bool is_there = mkdir(out, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there) {
            break; /* making the file says why */
        }
    }
    if (length <= 0 || length + (int)sizeof(UNIT) > PATH_MAX) {
        err->code = FIRN_LIMIT;
        (void)snprintf(err->text, sizeof(err->text), "the path of the unit is too long");
        return FIRN_LIMIT;
    }
    return FIRN_OK;
}

/* Whether systemctl --user did it; what it says goes to standard error. */
static bool
call_systemctl(const char *const words[])
{
    pid_t pid;
    int status = -1;
    if (fi_term_spawn((char *const *)(uintptr_t)words, -1, STDERR_FILENO, &pid) != 0) {
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
service_install_show(struct fi_cli *cli, const char *path, bool is_running, const char *what)
{
    fi_term_json_bytes("unit", firn_str(path));
    fi_term_json_bool("running", is_running);
    if (!cli->quiet) {
        fi_term_text_escape(firn_str(path), fi_term_out_write);
        fi_term_out_format(": %s\n", what);
    }
}

int
fi_service_install(struct fi_cli *cli)
{
    static const char *const reload[] = {"systemctl", "--user", "daemon-reload", NULL};
    static const char *const enable[] = {"systemctl", "--user", "enable", "--now", UNIT, NULL};
    char path[PATH_MAX];
    char program[PATH_MAX] = "";
    struct fi_task_file file = {.fd = -1};
    firn_error err;
    int code = find_directory(true, path, &err);
    const ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (code == FIRN_OK) {
        memcpy(path + strlen(path), UNIT, sizeof(UNIT));
        code = fi_task_file_create(&file, path, true, &err);
    }
    code = code == FIRN_OK ? put_unit(&file, size > 0 ? program : "/usr/bin/firn", &err) : code;
    code = code == FIRN_OK ? fi_task_file_finish(&file, &err) : code;
    fi_task_file_discard(&file);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    cli->is_done = true;
    const bool is_running = call_systemctl(reload) && call_systemctl(enable);
    service_install_show(cli, path, is_running,
                         is_running ? "every workspace is watched from now on"
                                    : "written; systemd does not run it yet");
    if (!is_running) {
        fi_command_report_more("hint", "systemctl --user enable --now " UNIT
                                       " starts it; without systemd, run firn watch --all");
    }
    return is_running ? FI_EXIT_OK : FI_EXIT_PARTIAL;
}

int
fi_service_install_remove(struct fi_cli *cli)
{
    static const char *const disable[] = {"systemctl", "--user", "disable", "--now", UNIT, NULL};
    char path[PATH_MAX];
    firn_error err;
    if (find_directory(false, path, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    memcpy(path + strlen(path), UNIT, sizeof(UNIT));
    if (access(path, F_OK) != 0) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND, NULL, "there is no '%s'", path);
    }
    const bool is_stopped = call_systemctl(disable);
    if (unlink(path) != 0) {
        return fi_command_report_error(cli, FIRN_IO, NULL, "could not remove '%s': %s", path,
                                       strerror(errno));
    }
    service_install_show(cli, path, false,
                         is_stopped ? "stopped, and removed" : "removed; systemd did not run it");
    return FI_EXIT_OK;
}
